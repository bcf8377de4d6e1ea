//! Slates as viewers see them, and as the person who runs the server sets them up.

use std::io::Cursor;
use std::time::Duration;

use exstreamtv::domain::ChannelNumber;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::app::{App, run};
use crate::support::picture::judge;
use crate::support::programs;

/// A name that would do harm in a filter, on a command line or in a page.
const NAME: &str = r"'; [x] %{eif\:1} \n <b>";

#[test]
fn a_gap_in_the_plan_says_who_speaks_and_two_servers_say_the_same() {
    run(async {
        let app = App::with(&[], |_| {}).await;
        let id = channel(&app, "1", NAME).await;
        let no_programming =
            preview(&app, &format!("/api/channels/{id}/slates/no_programming")).await;
        let seen = until_seen(&app, "1", &no_programming).await;
        let for_all = preview(&app, "/api/slates/no_programming").await;
        assert!(differ(&seen, &for_all) > 4.0 * differ(&seen, &no_programming), "its own");
        let view = app.operator().json(&format!("/api/channels/{id}")).await;
        assert_eq!(view["slate"]["kind"], "no_programming");
        assert_eq!(view["slate"]["cause"], "nothing_to_play");

        // Both compose it from the plan and the shared store alone.
        let twin = app.twin().await;
        until_seen(&twin, "1", &no_programming).await;
        let same = common_segments(&app, &twin).await;
        assert!(same >= 2, "{same} segments");

        // A new name is a new slate.
        let edit = json!({"name": "Käse & Brot"});
        let path = format!("/api/channels/{id}");
        let answer = app.operator().request(Method::PUT, &path).json(&edit).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let renamed = preview(&app, &format!("{path}/slates/no_programming")).await;
        assert!(differ(&renamed, &no_programming) > 1.0);
        until_seen(&app, "1", &renamed).await;
        twin.stop().await;
        app.stop().await;
    });
}

#[test]
fn media_that_is_gone_is_a_technical_difficulty_and_only_the_operator_is_told_why() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let film = folder.path().join("Film (2001).mkv");
        let path = film.to_str().unwrap();
        programs::ffmpeg(&[
            "-f",
            "lavfi",
            "-i",
            "testsrc2=s=320x180:r=25:d=60",
            "-c:v",
            "mpeg2video",
            path,
        ]);
        let app = App::with(&[folder.path().to_owned()], |config| {
            config.streaming.preparing.ahead_minutes = 0;
            // It would plan something else before the slate is looked at.
            config.ai_agent.bounded_agent_enabled = false;
        })
        .await;
        app.until_lineup().await;
        let channel = app.channels().await.remove(0);
        std::fs::remove_file(&film).unwrap();
        let media = app.operator().json("/api/media").await;
        assert_eq!(media[0]["state"], "playable", "{media}");
        let path = format!("/api/channels/{}", channel.id);
        let number = channel.number.to_string();
        let technical = preview(&app, &format!("{path}/slates/technical_difficulties")).await;
        let mut slate = Value::Null;
        let mut seen = false;
        app.until("a technical difficulty with its cause", async || {
            let address = format!("/iptv/channel/{number}.ts");
            let watching = watch(&app, &address, Duration::from_millis(1_500));
            let looking = async {
                for _ in 0..10 {
                    let view = app.operator().json(&path).await;
                    if view["slate"]["kind"] == "technical_difficulties" {
                        slate = view["slate"].clone();
                    }
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            };
            let (stream, ()) = tokio::join!(watching, looking);
            let pictures = grey(&stream);
            let mut pictures = pictures.chunks_exact(SIZE.0 * SIZE.1);
            seen |= pictures.any(|picture| differ(picture, &technical) < 3.0);
            seen && slate["cause"] == "media_missing"
        })
        .await;
        assert_eq!(slate["kind"], "technical_difficulties", "{slate}");
        assert_eq!(
            (slate["cause"].as_str(), slate["media"].as_str()),
            (Some("media_missing"), Some("Film (2001)"))
        );
        assert_eq!(app.stranger().get(&path).await.status(), StatusCode::UNAUTHORIZED);
        let public = app.viewer().text("/iptv/channels.m3u").await;
        assert!(!public.contains("media_missing"));
        app.stop().await;
    });
}

#[test]
fn a_picture_or_a_clip_of_ones_own_is_shown_until_it_is_reset() {
    run(async {
        let app = App::with(&[], |_| {}).await;
        let id = channel(&app, "1", "One").await;
        let place = format!("/api/channels/{id}/slates/no_programming");
        let image = format!("{place}/image");
        let drawn = preview(&app, &place).await;

        // What is nothing to show is told by its field.
        for nothing in [&b"<svg></svg>"[..], b"", &[0x89, b'P', b'N', b'G', 13, 10, 26, 10, 0]] {
            let (status, answer) = put(&app, &place, nothing.to_vec()).await;
            assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{answer}");
            assert_eq!(answer["detail"][0]["loc"], json!(["body", "file"]), "{answer}");
        }
        // It may hang up before it has heard all of that.
        let large = app.operator().request(Method::PUT, &place).body(vec![0; (32 << 20) + 1]);
        if let Ok(answer) = large.send().await {
            assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
        }
        let (status, _) = put(&app, "/api/slates/no_such", png([1, 2, 3])).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        let strange = app.stranger().request(Method::PUT, &place).body(png([1, 2, 3]));
        assert_eq!(strange.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);

        // For all channels, then for this one.
        let (status, answer) = put(&app, "/api/slates/no_programming", png([250, 250, 250])).await;
        assert_eq!(
            (status, answer["source"].as_str()),
            (StatusCode::OK, Some("picture")),
            "{answer}"
        );
        until_seen(&app, "1", &preview(&app, &place).await).await;
        let (status, answer) = put(&app, &place, clip()).await;
        assert_eq!((status, answer["source"].as_str()), (StatusCode::OK, Some("clip")), "{answer}");
        assert_eq!(answer["own"], true);
        let poster = app.operator().get(&image).await;
        assert_eq!(
            (poster.status(), &poster.headers()["content-type"]),
            (StatusCode::OK, &"image/png".parse().unwrap())
        );
        until_seen(&app, "1", &preview(&app, &place).await).await;
        let stream = app.viewer().watch(&number("1"), Duration::from_secs(2)).await;
        assert!(judge(&stream, app.now_ms()).is_clean());
        assert!(loudness(&stream) > -30.0, "its sound is heard");

        // And back, one step after the other; nothing of it stays in the data folder.
        for path in [place.as_str(), "/api/slates/no_programming"] {
            let answer = app.operator().request(Method::DELETE, path).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK);
        }
        assert!(differ(&preview(&app, &place).await, &drawn) < 0.01);
        until_seen(&app, "1", &drawn).await;
        assert_eq!(std::fs::read_dir(app.data().join("slates")).unwrap().count(), 0);
        app.stop().await;
    });
}

#[test]
fn the_test_card_shows_and_sounds_at_the_same_moment() {
    run(async {
        let app = App::with(&[], |_| {}).await;
        assert_eq!(app.viewer().get("/iptv/channel/test-4k.ts").await.status(), 404);
        let path = "/iptv/channel/test-360p25";
        // Its bars, once it is made.
        let mut stream = Vec::new();
        app.until("the test card", async || {
            stream = watch(&app, &format!("{path}.ts"), Duration::from_millis(2_500)).await;
            let picture = picture(&stream);
            let at = |x: usize, y: usize| picture[y * SIZE.0 + x];
            at(145, 90) > 170 && at(490, 90) < 60
        })
        .await;
        stream = watch(&app, &format!("{path}.ts"), Duration::from_millis(2_500)).await;
        assert!(judge(&stream, app.now_ms()).is_clean());
        let apart = lip_sync(&stream, app.now_ms());
        assert!(apart.abs() <= 50, "{apart} ms");
        let playlist = app.viewer().text(&format!("{path}.m3u8")).await;
        assert!(playlist.contains("#EXTINF"), "{playlist}");
        let page = app.operator().text("/player/test").await;
        assert!(page.contains("data-number=\"test\""));
        app.stop().await;
    });
}

/// Size of the pictures that are compared.
const SIZE: (usize, usize) = (640, 360);

async fn channel(app: &App, number: &str, name: &str) -> i64 {
    let new = json!({"number": number, "name": name, "profile": "360p25"});
    let made = app.operator().request(Method::POST, "/api/channels").json(&new).send().await;
    let made = made.unwrap();
    assert_eq!(made.status(), StatusCode::CREATED);
    let made: Value = serde_json::from_str(&made.text().await.unwrap()).unwrap();
    made["id"].as_i64().unwrap()
}

async fn put(app: &App, path: &str, bytes: Vec<u8>) -> (StatusCode, Value) {
    let answer = app.operator().request(Method::PUT, path).body(bytes).send().await.unwrap();
    let status = answer.status();
    (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or(Value::Null))
}

/// The picture that the page shows of a slate.
async fn preview(app: &App, path: &str) -> Vec<u8> {
    let answer = app.operator().get(&format!("{path}/image")).await;
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    grey(&answer.bytes().await.unwrap())
}

/// Watches until the picture is this one, and gives it as it was seen.
async fn until_seen(app: &App, channel: &str, expected: &[u8]) -> Vec<u8> {
    let mut seen = Vec::new();
    app.until("a slate", async || {
        let path = format!("/iptv/channel/{channel}.ts");
        let stream = watch(app, &path, Duration::from_millis(1_500)).await;
        seen = picture(&stream);
        differ(&seen, expected) < 3.0
    })
    .await;
    seen
}

async fn watch(app: &App, path: &str, time: Duration) -> Vec<u8> {
    let answer = app.viewer().get(path).await;
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    let mut body = answer;
    let mut bytes = Vec::new();
    let end = tokio::time::Instant::now() + time;
    while let Ok(Ok(Some(block))) = tokio::time::timeout_at(end, body.chunk()).await {
        bytes.extend_from_slice(&block);
    }
    bytes
}

/// The last whole picture of a stream, in grey; black while there is none.
fn picture(stream: &[u8]) -> Vec<u8> {
    let all = grey(stream);
    let size = SIZE.0 * SIZE.1;
    all.chunks_exact(size).last().map_or_else(|| vec![0; size], <[u8]>::to_vec)
}

/// All pictures of a file or a stream, in grey.
fn grey(bytes: &[u8]) -> Vec<u8> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let path = file.path().to_str().unwrap();
    let scale = format!("scale={}:{}:flags=area,format=gray", SIZE.0, SIZE.1);
    // The stream was cut somewhere, so what is said about its last picture means nothing.
    programs::run(
        "ffmpeg",
        &[
            "-v",
            "quiet",
            "-i",
            path,
            "-map",
            "0:v",
            "-fps_mode",
            "passthrough",
            "-vf",
            &scale,
            "-f",
            "rawvideo",
            "pipe:1",
        ],
    )
    .stdout
}

/// How far apart two pictures are where the name stands, in steps of grey.
fn differ(one: &[u8], other: &[u8]) -> f64 {
    assert_eq!((one.len(), other.len()), (SIZE.0 * SIZE.1, SIZE.0 * SIZE.1));
    let from = SIZE.0 * SIZE.1 * 4 / 5;
    let sum: u64 =
        one[from..].iter().zip(&other[from..]).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / (one.len() - from) as f64
}

fn number(text: &str) -> ChannelNumber {
    text.parse().unwrap()
}

fn png(colour: [u8; 3]) -> Vec<u8> {
    let mut png = Vec::new();
    let image = image::RgbImage::from_pixel(64, 36, image::Rgb(colour));
    image.write_to(&mut Cursor::new(&mut png), image::ImageFormat::Png).unwrap();
    png
}

/// Two seconds of grey with a tone.
fn clip() -> Vec<u8> {
    programs::ffmpeg(&[
        "-f",
        "lavfi",
        "-i",
        "color=gray:s=320x180:r=25:d=2",
        "-f",
        "lavfi",
        "-i",
        "sine=f=500:d=2",
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-c:a",
        "aac",
        "-f",
        "matroska",
        "pipe:1",
    ])
}

/// The sound of a stream, 48 samples a millisecond.
fn samples(stream: &[u8]) -> Vec<i16> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), stream).unwrap();
    let path = file.path().to_str().unwrap();
    let output = programs::run(
        "ffmpeg",
        &[
            "-v", "quiet", "-i", path, "-map", "0:a", "-ac", "1", "-ar", "48000", "-f", "s16le",
            "pipe:1",
        ],
    );
    output.stdout.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

/// The loudest tenth of a second, in decibels below full scale.
fn loudness(stream: &[u8]) -> f64 {
    let samples = samples(stream);
    let power =
        |part: &[i16]| part.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / part.len() as f64;
    let most = samples.chunks_exact(4_800).map(power).fold(0.0, f64::max);
    20.0 * (most.sqrt().max(0.1) / 32_768.0).log10()
}

/// How many milliseconds later the tone begins than the lamp lights up.
fn lip_sync(stream: &[u8], now_ms: i64) -> i64 {
    let report = judge(stream, now_ms);
    let mut shown: Vec<i64> = report.pictures.iter().map(|picture| picture.pts).collect();
    shown.sort_unstable();
    let pictures = grey(stream);
    let size = SIZE.0 * SIZE.1;
    let lamp = |picture: &[u8]| picture[187 * SIZE.0 + 159] > 150;
    let lit: Vec<bool> = pictures.chunks_exact(size).map(lamp).collect();
    let at = (1..lit.len()).find(|at| lit[*at] && !lit[*at - 1]).expect("the lamp lights up");
    let light = shown[at] / 90;
    let first_sound = report.sounds.first().expect("there is sound").to_owned() / 90;
    let samples = samples(stream);
    let heard: Vec<i64> = (0_i64..)
        .zip(samples.chunks_exact(48))
        .filter(|(_, part)| part.iter().any(|sample| sample.abs() > 1_000))
        .map(|(ms, _)| first_sound + ms)
        .collect();
    let begins = heard.iter().zip(std::iter::once(&i64::MIN).chain(&heard));
    let begins = begins.filter(|(now, before)| now.saturating_sub(**before) > 200);
    begins.map(|(now, _)| now - light).min_by_key(|apart| apart.abs()).expect("a tone")
}

/// How many segments both servers list under one name, and with the same bytes.
async fn common_segments(one: &App, two: &App) -> usize {
    let mut same = 0;
    one.until("segments of both", async || {
        same = 0;
        let mut lists = Vec::new();
        for app in [one, two] {
            let list = app.viewer().text("/iptv/hls/1/live.m3u8").await;
            let names = list.lines().filter(|line| !line.starts_with('#'));
            lists.push(names.map(str::to_owned).collect::<Vec<_>>());
        }
        for name in lists[0].iter().filter(|name| lists[1].contains(name)) {
            let path = format!("/iptv/hls/1/{name}");
            let (a, b) = (one.viewer().get(&path).await, two.viewer().get(&path).await);
            assert_eq!((a.status(), b.status()), (StatusCode::OK, StatusCode::OK));
            assert_eq!(a.bytes().await.unwrap(), b.bytes().await.unwrap(), "{name}");
            same += 1;
        }
        same >= 2
    })
    .await;
    same
}
