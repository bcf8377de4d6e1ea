//! Foreign programs read what we publish; people without a key read nothing else.

use reqwest::{Method, StatusCode};

use crate::support::app::{App, run};
use crate::support::programs;

#[test]
fn the_xmltv_validator_accepts_the_guide() {
    run(async {
        let app = App::demo().await;
        let guide = app.viewer().text("/iptv/xmltv.xml").await;
        let file = tempfile::NamedTempFile::with_suffix(".xml").unwrap();
        std::fs::write(file.path(), &guide).unwrap();
        let path = file.path().to_str().unwrap();
        // Without this it asks the network for its DTD.
        let validate = ["XMLTV_SUPPLEMENT=/usr/share/xmltv", "tv_validate_file", path];
        let output = programs::run("env", &validate);
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{said}");
        assert!(guide.matches("<programme ").count() > 100);
    });
}

#[test]
fn a_tuner_client_reads_device_and_lineup() {
    run(async {
        let app = App::demo().await;
        let discover = app.viewer().json("/discover.json").await;
        assert_eq!(discover["BaseURL"], app.base, "{discover}");
        let lineup = app.viewer().json("/lineup.json").await;
        let channels = app.channels().await;
        assert_eq!(lineup.as_array().unwrap().len(), channels.len());
        for entry in lineup.as_array().unwrap() {
            let url = entry["URL"].as_str().unwrap();
            let head = reqwest::Client::new().head(url).send().await.unwrap();
            assert_eq!(head.status(), StatusCode::OK, "{url}");
            assert_eq!(head.headers()["content-type"], "video/mp2t");
        }
    });
}

#[test]
fn the_playlist_names_every_channel_of_the_guide() {
    run(async {
        let app = App::demo().await;
        let playlist = app.viewer().text("/iptv/channels.m3u").await;
        let guide = app.viewer().text("/iptv/xmltv.xml").await;
        for channel in app.channels().await {
            let id = format!("exstream-{}.tv", channel.id.0);
            assert!(playlist.contains(&format!("tvg-id=\"{id}\"")), "{playlist}");
            assert!(guide.contains(&format!("<channel id=\"{id}\"")), "{id}");
        }
    });
}

#[test]
fn a_stranger_may_watch_and_nothing_else() {
    run(async {
        let app = App::demo().await;
        for path in ["/iptv/channels.m3u", "/iptv/xmltv.xml", "/lineup.json", "/api/health/live"] {
            assert_eq!(app.stranger().get(path).await.status(), StatusCode::OK, "{path}");
        }
        for path in ["/api/channels", "/api/libraries", "/api/agent/audit", "/metrics"] {
            let status = app.stranger().get(path).await.status();
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}");
            assert_eq!(app.operator().get(path).await.status(), StatusCode::OK, "{path}");
        }
    });
}

#[test]
fn a_mistake_is_answered_with_the_field_and_the_fix() {
    run(async {
        let app = App::demo().await;
        let wrong = serde_json::json!({ "name": "", "number": "0" });
        let request = app.operator().request(Method::POST, "/api/channels").json(&wrong);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let detail: serde_json::Value = answer.json().await.unwrap();
        let first = &detail["detail"][0];
        assert!(first["loc"].is_array() && first["fix"].is_string(), "{detail}");
    });
}
