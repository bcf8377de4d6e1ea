//! Fragmented MP4 in HLS, from the file to a foreign decoder: HEVC with Dolby sound, and again after a
//! restart.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::app::{App, run};
use crate::support::programs::{self, ffmpeg};

#[test]
fn hevc_is_played_in_fragments_and_has_the_same_bytes_after_a_restart() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        for (name, source) in [("one.mp4", "testsrc2"), ("two.mp4", "smptebars")] {
            let picture = format!("{source}=s=320x180:r=25:d=12");
            let file = folder.path().join(name);
            let mut args = vec!["-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i"];
            args.push("sine=f=440:d=12:r=48000,aformat=channel_layouts=stereo");
            args.extend(
                "-pix_fmt yuv420p -c:v libx264 -preset ultrafast -g 50 -c:a aac".split(' '),
            );
            args.push(file.to_str().unwrap());
            ffmpeg(&args);
        }
        let app = App::with(&[folder.path().to_owned()], |config| {
            config.playout.build_days = 1;
        })
        .await;
        app.until_lineup().await;
        let profile = json!({"name": "Theatre", "width": 320, "height": 180, "framerate": 25,
            "video_format": "hevc", "video_preset": "ultrafast", "audio_format": "ac3",
            "audio_languages": ["eng"]});
        send(&app, Method::POST, "/api/ffmpeg-profiles", &profile).await;
        let channel = app.channel("Everything").await;
        let path = format!("/api/channels/{}", channel.id);
        send(&app, Method::PUT, &path, &json!({"profile": "Theatre"})).await;
        let hls = format!("/iptv/hls/{}", channel.number);
        let live = format!("{hls}/live.m3u8");
        // Looked at before it is prepared, a channel lists the slate that stood in.
        app.prepared().await;
        app.until("both films listed", async || {
            let answer = app.viewer().get(&live).await;
            let known = answer.status() == StatusCode::OK;
            known && names(&answer.text().await.unwrap()).len() >= 5
        })
        .await;
        let master = app.viewer().text(&format!("{hls}/master.m3u8")).await;
        assert!(master.contains("CODECS=\"hvc1.1.6.L") && master.contains(",ac-3\""), "{master}");

        let text = app.viewer().text(&live).await;
        let mut kept = Vec::new();
        for name in addresses(&text) {
            let path = format!("{hls}/{name}");
            let answer = app.viewer().get(&path).await;
            assert_eq!((answer.status(), answer.url().path()), (StatusCode::OK, path.as_str()));
            assert_eq!(answer.headers()["content-type"], "video/mp4");
            kept.push((path, answer.bytes().await.unwrap()));
        }
        assert!(kept[0].0.contains("/init-") && kept[1].0.ends_with(".m4s"), "{text}");
        let nothing = app.viewer().get(&format!("{hls}/init-0123456789abcdef.mp4")).await;
        assert_eq!(nothing.status(), StatusCode::NOT_FOUND);
        let head = app.viewer().request(Method::HEAD, &kept[0].0).send().await.unwrap();
        assert_eq!(head.headers()["content-type"], "video/mp4");

        // A decoder that knows nothing of us.
        let url = format!("{}{hls}/master.m3u8", app.base);
        let play = move || {
            let args = "-nostdin -v warning -xerror -i URL -t 10 -map 0:v -map 0:a -f null -";
            let args: Vec<&str> =
                args.split(' ').map(|a| if a == "URL" { &url } else { a }).collect();
            let played = programs::run("ffmpeg", &args);
            let entries = "stream=codec_name,codec_tag_string,channels,width";
            let probe = ["-v", "error", "-show_entries", entries, "-of", "compact=p=0", &url];
            let told = programs::run("ffprobe", &probe);
            (played, String::from_utf8(told.stdout).unwrap())
        };
        let (played, told) = tokio::task::spawn_blocking(play).await.unwrap();
        let said = String::from_utf8(played.stderr).unwrap();
        assert!(played.status.success(), "{said}");
        // It meets the beginning of another item and takes its parameters from the pictures.
        let said: Vec<&str> =
            said.lines().filter(|line| !line.contains("duplicated MOOV")).collect();
        assert_eq!(said, [""; 0]);
        assert!(told.contains("codec_name=hevc|codec_tag_string=hvc1|width=320"), "{told}");
        assert!(told.contains("codec_name=ac3|codec_tag_string=ac-3|channels=2"), "{told}");

        let again = app.again().await;
        for (path, bytes) in &kept[1..] {
            let answer = again.viewer().get(path).await;
            assert_eq!((answer.status(), answer.url().path()), (StatusCode::OK, path.as_str()));
            assert!(answer.bytes().await.unwrap() == bytes, "{path} has two contents");
        }
        let init = again.viewer().get(&kept[0].0).await;
        assert_eq!(init.status(), StatusCode::OK);
        assert!(init.bytes().await.unwrap() == kept[0].1);
        again.stop().await;
    });
}

async fn send(app: &App, method: Method, path: &str, body: &serde_json::Value) {
    let answer = app.operator().request(method, path).json(body).send().await.unwrap();
    let status = answer.status();
    assert!(status.is_success(), "{path}: {status} {}", answer.text().await.unwrap());
}

/// The segments that a playlist names.
fn names(playlist: &str) -> Vec<&str> {
    playlist.lines().filter(|line| !line.starts_with('#')).collect()
}

/// Everything that a playlist names, initialisation segments too.
fn addresses(playlist: &str) -> Vec<&str> {
    playlist
        .lines()
        .filter_map(|line| match line.strip_prefix("#EXT-X-MAP:URI=\"") {
            Some(rest) => rest.strip_suffix('"'),
            None => (!line.starts_with('#')).then_some(line),
        })
        .collect()
}
