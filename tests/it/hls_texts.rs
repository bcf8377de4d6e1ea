//! Subtitles as players of HLS meet them: in their languages, at their time, and never renamed.

use std::fmt::Write;
use std::path::Path;

use exstreamtv::domain::{Channel, UtcMillis};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::app::{App, run};
use crate::support::programs::{self, ffmpeg};

/// Seconds of each film.
const LENGTH: usize = 14;

#[test]
fn subtitles_of_files_and_beside_them_are_offered_at_their_time() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        films(folder.path());
        let app = App::with(&[folder.path().to_owned()], |config| {
            config.playout.build_days = 1;
        })
        .await;
        app.until_lineup().await;
        let channel = with_texts(&app).await;
        let hls = format!("/iptv/hls/{}", channel.number);
        app.until("all three languages", async || {
            let master = app.viewer().get(&format!("{hls}/master.m3u8")).await;
            master.text().await.unwrap().matches("TYPE=SUBTITLES").count() == 3
        })
        .await;
        let master = app.viewer().text(&format!("{hls}/master.m3u8")).await;
        for part in [
            "NAME=\"German\",LANGUAGE=\"de\",DEFAULT=NO,AUTOSELECT=YES,FORCED=NO,URI=\"texts-deu.m3u8\"",
            "NAME=\"English\",LANGUAGE=\"en\"",
            "NAME=\"French\",LANGUAGE=\"fr\"",
            ",SUBTITLES=\"texts\"\nlive.m3u8",
        ] {
            assert!(master.contains(part), "{part} in {master}");
        }
        let playlist = format!("{hls}/texts-deu.m3u8");
        // Both films have been on air since their texts are known.
        app.until("texts of both films", async || {
            let text = app.viewer().text(&playlist).await;
            let mut all = String::new();
            for name in names(&text) {
                all += &app.viewer().text(&format!("{hls}/{name}")).await;
            }
            let count = all.matches("-->").count();
            all.contains("deu one") && all.contains("deu two") && count >= 12
        })
        .await;
        let number = |name: &&str| name.split('-').next().unwrap().parse::<i64>().unwrap();
        // Time may go on between two questions.
        app.until("a list of texts that begins where the pictures do", async || {
            let text = app.viewer().text(&playlist).await;
            let video = app.viewer().text(&format!("{hls}/live.m3u8")).await;
            names(&text).first().map(number) == names(&video).first().map(number)
        })
        .await;
        let text = app.viewer().text(&playlist).await;
        let mut seen = 0;
        for name in names(&text) {
            let path = format!("{hls}/{name}");
            let answer = app.viewer().get(&path).await;
            assert_eq!(answer.status(), StatusCode::OK);
            assert_eq!(answer.url().path(), path);
            assert_eq!(answer.headers()["content-type"], "text/vtt; charset=utf-8");
            assert!(answer.headers()["cache-control"].to_str().unwrap().contains("immutable"));
            seen += in_time(&app, &channel, number(&name), &answer.text().await.unwrap()).await;
        }
        assert!(seen >= 8, "{seen} texts");
        // Listed again under the same names, also in the other languages.
        let again = app.viewer().text(&playlist).await;
        let known: Vec<&str> =
            names(&again).into_iter().filter(|n| names(&text).contains(n)).collect();
        assert!(known.len() >= names(&text).len() - 3, "{text}\n{again}");
        let low = app.viewer().text(&format!("{hls}/low.m3u8")).await;
        assert!(low.contains("#EXT-X-RENDITION-REPORT:URI=\"texts-fra.m3u8\",LAST-MSN="), "{low}");
        let none = app.viewer().get(&format!("{hls}/texts-ita.m3u8")).await;
        assert_eq!(none.status(), StatusCode::NOT_FOUND);
        let (n, _) = names(&text)[0].split_once('-').unwrap();
        let old = app.viewer().get(&format!("{hls}/{n}-deu-0123456789abcdef.vtt")).await;
        assert_eq!(old.url().path(), format!("{hls}/{}", names(&text)[0]));

        // ffmpeg reads no subtitles of HLS, but each segment is a file that it knows.
        let file = folder.path().join("segment.vtt");
        let whole = app.viewer().text(&format!("{hls}/{}", names(&text)[1])).await;
        std::fs::write(&file, &whole).unwrap();
        let probe = move || {
            let entries = "packet=codec_type";
            let path = file.to_str().unwrap();
            let args = ["-v", "error", "-show_entries", entries, "-of", "compact=p=0", path];
            String::from_utf8(programs::run("ffprobe", &args).stdout).unwrap()
        };
        let told = tokio::task::spawn_blocking(probe).await.unwrap();
        let cues = whole.matches("-->").count();
        assert_eq!(told.matches("codec_type=subtitle").count(), cues, "{told} {whole}");
        app.stop().await;
    });
}

/// Two films with texts in three languages: in a Matroska, beside it, and in an MP4.
fn films(folder: &Path) {
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    for language in ["deu", "eng", "fra"] {
        for film in ["one", "two"] {
            std::fs::write(path(&format!("{film}.{language}.txt")), srt(language, film)).unwrap();
        }
    }
    let picture = format!("testsrc2=s=640x360:r=25:d={LENGTH}");
    let sound = format!("sine=f=440:d={LENGTH}:r=48000,aformat=channel_layouts=stereo");
    let coding =
        "-pix_fmt yuv420p -c:v libx264 -preset ultrafast -bf 2 -g 50 -sc_threshold 0 -c:a aac";
    for (film, kind, codec) in [("one", "mkv", "srt"), ("two", "mp4", "mov_text")] {
        let (german, english) =
            (path(&format!("{film}.deu.txt")), path(&format!("{film}.eng.txt")));
        let mut args = vec!["-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &sound];
        args.extend(["-f", "srt", "-i", &german, "-f", "srt", "-i", &english]);
        args.extend("-map 0 -map 1 -map 2 -map 3".split(' '));
        args.extend(coding.split_whitespace());
        args.extend(["-c:s", codec]);
        args.extend(
            "-metadata:s:s:0 language=ger -metadata:s:s:1 language=eng -disposition:s:1 0"
                .split(' '),
        );
        let file = path(&format!("{film}.{kind}"));
        args.push(&file);
        ffmpeg(&args);
        std::fs::rename(path(&format!("{film}.fra.txt")), path(&format!("{film}.fr.srt"))).unwrap();
    }
    for film in ["one", "two"] {
        for language in ["deu", "eng"] {
            std::fs::remove_file(path(&format!("{film}.{language}.txt"))).unwrap();
        }
    }
}

/// A text a second that says which.
fn srt(language: &str, film: &str) -> String {
    (1..LENGTH).fold(String::new(), |mut text, second| {
        let at = format!("00:00:{second:02}");
        writeln!(text, "{second}\n{at},100 --> {at},900\n{language} {film} {second}\n").unwrap();
        text
    })
}

/// The channel of everything, with a profile that offers texts.
async fn with_texts(app: &App) -> Channel {
    let send = async |method: Method, path: &str, body: serde_json::Value| {
        let answer = app.operator().request(method, path).json(&body).send().await.unwrap();
        let status = answer.status();
        assert!(status.is_success(), "{path}: {status} {}", answer.text().await.unwrap());
    };
    let languages = ["de", "en", "fr"];
    let rule = json!({"mode": "sidecar", "choice": "language", "languages": languages});
    let profile =
        json!({"name": "Texts", "width": 640, "height": 360, "framerate": 25, "subtitles": rule});
    send(Method::POST, "/api/ffmpeg-profiles", profile).await;
    let channel = app.channel("Everything").await;
    let path = format!("/api/channels/{}", channel.id);
    send(Method::PUT, &path, json!({"profile": "Texts"})).await;
    app.channel("Everything").await
}

/// Checks that every text of segment `n` is shown when its second of its film is; gives how many.
async fn in_time(app: &App, channel: &Channel, n: i64, segment: &str) -> usize {
    let mut lines = segment.lines();
    assert_eq!(lines.next(), Some("WEBVTT"));
    let map = lines.next().unwrap().strip_prefix("X-TIMESTAMP-MAP=MPEGTS:").unwrap();
    let zero: i64 = map.strip_suffix(",LOCAL:00:00:00.000").unwrap().parse().unwrap();
    // The clock is that of the pictures, modulo 2³³; it counts from ten minutes before.
    let begins = n * 4_000 * 90 - 600 * 90_000;
    assert_eq!(zero, begins.rem_euclid(1 << 33));
    let mut seen = 0;
    while let Some(line) = lines.next() {
        let Some((start, _)) = line.split_once(" --> ") else { continue };
        let clock: Vec<i64> = start.split([':', '.']).map(|part| part.parse().unwrap()).collect();
        let ms = ((clock[0] * 60 + clock[1]) * 60 + clock[2]) * 1_000 + clock[3];
        let at = begins / 90 + ms;
        let words: Vec<&str> = lines.next().unwrap().split(' ').collect();
        let second: i64 = words[2].parse().unwrap();
        let at = UtcMillis(at);
        let programmes = app.control().programmes(channel.id, at, at.plus_ms(1));
        let [programme] = programmes.as_slice() else { panic!("{words:?} in {programmes:?}") };
        let shown = at.since(programme.start);
        // Onto the grid of frames, and what the sound of a file begins before its picture.
        assert!((shown - second * 1_000 - 100).abs() <= 70, "{words:?} at {shown} ms");
        let media = app.control().media_item(programme.media.unwrap()).await.unwrap();
        assert!(media.path.contains(words[1]), "{words:?} in {:?}", media.path);
        seen += 1;
    }
    seen
}

fn names(playlist: &str) -> Vec<&str> {
    playlist.lines().filter(|line| !line.starts_with('#')).collect()
}
