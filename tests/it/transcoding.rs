//! Encoders and the settings of ffmpeg through the API.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::app::{App, run};

const SETTINGS: &str = "/api/settings/ffmpeg";
const ENCODERS: &str = "/api/ffmpeg-profiles/hardware-acceleration/available";

#[test]
fn settings_are_checked_written_and_used() {
    run(async {
        let app = App::with(&[], |config| config.hdhomerun.enabled = false).await;
        app.until("the tests of the encoders", async || {
            let view = app.operator().json(ENCODERS).await;
            !view["testing"].as_bool().unwrap() && view["encoders"].as_array().unwrap().len() == 14
        })
        .await;
        let view = app.operator().json(ENCODERS).await;
        let available = view["available"].as_array().unwrap();
        assert!(available.contains(&json!("none")) && available.contains(&json!("auto")), "{view}");
        let encoders = view["encoders"].as_array().unwrap();
        let of = |name| encoders.iter().find(|encoder| encoder["encoder"] == name).unwrap();
        let software = of("libx264");
        assert_eq!(
            (&of("libx265")["codec"], &of("libx265")["state"]),
            (&"hevc".into(), &"works".into())
        );
        assert_eq!((&software["kind"], &software["state"]), (&json!("software"), &json!("works")));

        let before = app.operator().json(SETTINGS).await;
        assert_eq!(
            (&before["hwaccel"], &before["ffmpeg_path"]),
            (&json!("auto"), &json!("ffmpeg"))
        );
        let bad = json!({"hwaccel": "fast", "hwaccel_device": "x,y", "ffmpeg_path": "/bin/none"});
        let (status, answer) = put(&app, &bad).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(answer["detail"].as_array().unwrap().len(), 3, "{answer}");
        let (status, _) = put(&app, &json!({"extra_flags": "-f tee x"})).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(app.operator().json(SETTINGS).await, before, "nothing of it was taken");

        let good = json!({"hwaccel": "", "plex_hwaccel": "cuda", "hwaccel_device": "/dev/dri/renderD129",
            "threads": 2, "extra_flags": "-crf 20", "plex_video_encoder": "hevc_nvenc"});
        let (status, answer) = put(&app, &good).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        assert!(answer["message"].as_str().unwrap().starts_with("FFmpeg settings saved"));
        let after = app.operator().json(SETTINGS).await;
        assert_eq!((&after["hwaccel"], &after["plex_hwaccel"]), (&json!(""), &json!("nvenc")));
        assert_eq!((&after["threads"], &after["extra_flags"]), (&json!(2), &json!("-crf 20")));
        assert_eq!(after["plex_video_encoder"], "hevc_nvenc");
        let file = std::fs::read_to_string(app.data().join("config.yaml")).unwrap();
        assert!(
            file.contains("hwaccel: \"\"")
                && file.contains("plex_hwaccel: \"nvenc\"")
                && file.contains("threads: 2"),
            "{file}"
        );
        assert_eq!(app.operator().json(ENCODERS).await["in_use"], "software");
        app.stop().await;
    });
}

async fn put(app: &App, body: &Value) -> (StatusCode, Value) {
    let answer = app.operator().request(Method::PUT, SETTINGS).json(body).send().await.unwrap();
    let status = answer.status();
    (status, answer.json().await.unwrap())
}
