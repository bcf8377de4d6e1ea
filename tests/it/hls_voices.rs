//! Sound in another language beside a channel's own, as players of HLS get it.

use std::path::Path;

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::app::{App, run};
use crate::support::programs::{self, ffmpeg};

/// Tones of the languages, in Hz.
const ENGLISH: usize = 440;
const GERMAN: usize = 1_000;

#[test]
fn another_language_is_heard_where_an_item_speaks_it() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        films(folder.path());
        let app = App::with(&[folder.path().to_owned()], |config| {
            config.playout.build_days = 1;
        })
        .await;
        app.until_lineup().await;
        let profile = json!({"name": "Voices", "width": 320, "height": 180, "framerate": 25,
            "audio_languages": ["eng"], "audio_renditions": ["de", "fr"]});
        send(&app, Method::POST, "/api/ffmpeg-profiles", &profile).await;
        let channel = app.channel("Everything").await;
        let path = format!("/api/channels/{}", channel.id);
        send(&app, Method::PUT, &path, &json!({"profile": "Voices"})).await;
        // What is read in process is ready at once; the voice is made by work ahead.
        app.prepared().await;
        let hls = format!("/iptv/hls/{}", channel.number);
        let master = app.viewer().text(&format!("{hls}/master.m3u8")).await;
        for part in [
            "TYPE=AUDIO,GROUP-ID=\"sound\",NAME=\"English\",LANGUAGE=\"en\",DEFAULT=YES,AUTOSELECT=YES,CHANNELS=\"2\"\n",
            "NAME=\"German\",LANGUAGE=\"de\",DEFAULT=NO,AUTOSELECT=YES,CHANNELS=\"2\",URI=\"sound-deu.m3u8\"",
            "URI=\"sound-fra.m3u8\"",
            ",AUDIO=\"sound\"\nlive.m3u8",
        ] {
            assert!(master.contains(part), "{part} in {master}");
        }
        let list = format!("{hls}/sound-deu.m3u8");
        let mut heard = Vec::new();
        app.until("both films to be heard", async || {
            let text = app.viewer().text(&list).await;
            heard = hear(&app, &hls, &text, folder.path()).await;
            [ENGLISH, GERMAN].iter().all(|tone| heard.iter().any(|one| near(one.2, *tone)))
        })
        .await;
        // The numbers are those of the pictures.
        let (voice, live) =
            (app.viewer().text(&list).await, app.viewer().text(&format!("{hls}/live.m3u8")).await);
        let number = |text: &str| names(text).last().unwrap().split('-').next().unwrap().to_owned();
        let apart = number(&voice).parse::<i64>().unwrap() - number(&live).parse::<i64>().unwrap();
        assert!((-1..=0).contains(&apart), "{voice}\n{live}");
        // A language that nobody speaks is the own sound; one that is not offered is none.
        let french = app.viewer().text(&format!("{hls}/sound-fra.m3u8")).await;
        let french = hear(&app, &hls, &french, folder.path()).await;
        assert!(french.iter().all(|one| near(one.2, ENGLISH)), "{french:?}");
        let none = app.viewer().get(&format!("{hls}/sound-ita.m3u8")).await;
        assert_eq!(none.status(), StatusCode::NOT_FOUND);
        let (n, _) = heard[0].0.split_once('-').unwrap();
        let old = app.viewer().get(&format!("{hls}/{n}-deu-0123456789abcdef.aac")).await;
        assert_eq!(old.url().path(), format!("{hls}/{}", heard[0].0));

        let again = app.again().await;
        for (name, bytes, _) in &heard {
            let path = format!("{hls}/{name}");
            let answer = again.viewer().get(&path).await;
            assert_eq!((answer.status(), answer.url().path()), (StatusCode::OK, path.as_str()));
            assert!(answer.bytes().await.unwrap() == bytes, "{name} has two contents");
        }
        again.stop().await;
    });
}

/// The segments of a voice: name, bytes, and the tone in the middle of it.
async fn hear(
    app: &App,
    hls: &str,
    playlist: &str,
    folder: &Path,
) -> Vec<(String, bytes::Bytes, usize)> {
    let mut heard = Vec::new();
    let dates = playlist.lines().filter_map(|l| l.strip_prefix("#EXT-X-PROGRAM-DATE-TIME:"));
    for (name, date) in names(playlist).into_iter().zip(dates) {
        let answer = app.viewer().get(&format!("{hls}/{name}")).await;
        assert_eq!(answer.status(), StatusCode::OK, "{name}");
        assert_eq!(answer.headers()["content-type"], "audio/aac");
        assert!(answer.headers()["cache-control"].to_str().unwrap().contains("immutable"));
        let bytes = answer.bytes().await.unwrap();
        // It says when it sounds, as its playlist does.
        let time = u64::from_be_bytes(bytes[65..73].try_into().unwrap());
        let ms = date.parse::<jiff::Timestamp>().unwrap().as_millisecond();
        let apart = i64::try_from(time).unwrap() - (ms * 90).rem_euclid(1 << 33);
        assert!((0..90).contains(&apart), "{time} at {date}");
        let file = folder.join("heard.aac.part");
        std::fs::write(&file, &bytes).unwrap();
        let decode = move || {
            let path = file.to_str().unwrap();
            let args = ["-v", "error", "-f", "aac", "-i", path, "-ac", "1", "-f", "s16le", "-"];
            programs::run("ffmpeg", &args).stdout
        };
        let pcm = tokio::task::spawn_blocking(decode).await.unwrap();
        heard.push((name.to_owned(), bytes, tone(&pcm)));
    }
    heard
}

/// The frequency of a tone in the middle half second of PCM at 48 kHz.
fn tone(pcm: &[u8]) -> usize {
    let samples: Vec<i16> =
        pcm.chunks_exact(2).map(|two| i16::from_le_bytes([two[0], two[1]])).collect();
    let middle = samples.len() / 2;
    let half = &samples[middle.saturating_sub(12_000)..(middle + 12_000).min(samples.len())];
    half.windows(2).filter(|two| (two[0] < 0) != (two[1] < 0)).count()
}

fn near(one: usize, other: usize) -> bool {
    one.abs_diff(other) <= 12
}

/// One film in two languages, one in English only.
fn films(folder: &Path) {
    let sine = |tone| format!("sine=f={tone}:d=12:r=48000,aformat=channel_layouts=stereo");
    let (english, german) = (sine(ENGLISH), sine(GERMAN));
    for (name, voices) in [("both.mp4", vec![&english, &german]), ("one.mp4", vec![&english])] {
        let mut args = vec!["-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=12"];
        for voice in &voices {
            args.extend(["-f", "lavfi", "-i", voice]);
        }
        args.extend(["-map", "0", "-map", "1"]);
        if voices.len() > 1 {
            args.extend(["-map", "2", "-metadata:s:a:1", "language=ger"]);
        }
        args.extend(["-metadata:s:a:0", "language=eng"]);
        args.extend(
            "-pix_fmt yuv420p -c:v libx264 -preset ultrafast -g 50 -sc_threshold 0 -c:a aac"
                .split(' '),
        );
        let file = folder.join(name);
        args.push(file.to_str().unwrap());
        ffmpeg(&args);
    }
}

async fn send(app: &App, method: Method, path: &str, body: &serde_json::Value) {
    let answer = app.operator().request(method, path).json(body).send().await.unwrap();
    let status = answer.status();
    assert!(status.is_success(), "{path}: {status} {}", answer.text().await.unwrap());
}

fn names(playlist: &str) -> Vec<&str> {
    playlist.lines().filter(|line| !line.starts_with('#')).collect()
}
