//! Profiles and watermarks through the API, as a person and the channels that use them see them.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::app::{App, run};

/// Sends JSON as the operator and gives status and answer.
async fn send(app: &App, method: Method, path: &str, body: &Value) -> (StatusCode, Value) {
    let answer = app.operator().request(method, path).json(body).send().await.unwrap();
    let status = answer.status();
    (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or(Value::Null))
}

#[test]
fn a_profile_is_made_used_changed_and_only_then_deleted() {
    run(async {
        let app = App::with(&[], |config| config.hdhomerun.enabled = false).await;
        const ALL: &str = "/api/ffmpeg-profiles";
        let builtin = app.operator().json(ALL).await;
        assert_eq!(builtin.as_array().unwrap().len(), 24);

        // Everything that is wrong is told at once.
        let bad = json!({"width": 17, "framerate": "26", "audio_languages": ["german"]});
        let (status, answer) = send(&app, Method::POST, ALL, &bad).await;
        assert_eq!(status, 422);
        let details = answer["detail"].as_array().unwrap();
        let fields: Vec<&str> = details.iter().map(|d| d["loc"][1].as_str().unwrap()).collect();
        for field in ["name", "width", "framerate", "audio_languages"] {
            assert!(fields.contains(&field), "{answer}");
        }

        let new = json!({"name": "Attic", "width": 640, "height": 360, "framerate": 25,
            "video_bitrate": 900, "audio_languages": ["de", "eng"], "loudness_target": -23,
            "subtitles": {"mode": "burn", "choice": "forced"}});
        let (status, attic) = send(&app, Method::POST, ALL, &new).await;
        assert_eq!(status, 201, "{attic}");
        assert_eq!(attic["audio_languages"], json!(["deu", "eng"]));
        assert!(attic["id"].as_i64().unwrap() > 1000 && attic["builtin"] == false);
        let (status, _) = send(&app, Method::POST, ALL, &new).await;
        assert_eq!(status, 409, "the name is taken");
        let (status, _) = send(&app, Method::POST, ALL, &json!({"name": "720P25"})).await;
        assert_eq!(status, 409, "the name is that of a built-in profile");

        // New channels take the default, which follows its profile's name.
        let path = format!("{ALL}/{}", attic["id"]);
        let (status, _) =
            send(&app, Method::POST, &format!("{path}/set-default"), &json!({})).await;
        assert_eq!(status, 200);
        let (status, channel) =
            send(&app, Method::POST, "/api/channels", &json!({"name": "One"})).await;
        assert_eq!((status.as_u16(), channel["profile"].as_str()), (201, Some("Attic")));
        let edit = json!({"name": "Loft", "video_bitrate": 1000});
        let (status, loft) = send(&app, Method::PUT, &path, &edit).await;
        assert_eq!(status, 200, "{loft}");
        assert_eq!(loft["channels"], json!([channel["id"]]));
        assert!(loft["is_default"] == true && loft["shape"] != attic["shape"]);
        assert_eq!(app.channel("One").await.profile, "Loft");
        let known = app.control().lineup().unwrap();
        assert_eq!((known[0].width, known[0].height), (640, 360));

        // Named sizes, and profiles by id, as older clients know them.
        let sizes = app.operator().json("/api/resolutions").await;
        let hd = sizes.as_array().unwrap().iter().find(|size| size["name"] == "1280x720").unwrap();
        assert_eq!(hd["is_custom"], false);
        let pal = json!({"name": "PAL", "width": 720, "height": 576});
        let (status, pal) = send(&app, Method::POST, "/api/resolutions", &pal).await;
        assert_eq!((status.as_u16(), pal["is_custom"].as_bool()), (201, Some(true)));
        let cinema = json!({"name": "Cinema", "resolution_id": pal["id"], "audio_format": "ac3",
            "audio_channels": 6, "video_format": "hevc"});
        let (status, cinema) = send(&app, Method::POST, ALL, &cinema).await;
        assert_eq!((status.as_u16(), cinema["width"].as_i64()), (201, Some(720)), "{cinema}");
        assert_eq!((&cinema["resolution_id"], &cinema["audio_bitrate"]), (&pal["id"], &json!(448)));
        let by_id = json!({"name": "Two", "ffmpeg_profile_id": cinema["id"]});
        let (status, two) = send(&app, Method::POST, "/api/channels", &by_id).await;
        assert_eq!((status.as_u16(), two["profile"].as_str()), (201, Some("Cinema")));
        assert_eq!(two["ffmpeg_profile_id"], cinema["id"]);
        let nobody = json!({"ffmpeg_profile_id": 4711});
        let two = format!("/api/channels/{}", two["id"]);
        assert_eq!(send(&app, Method::PUT, &two, &nobody).await.0, 422);
        let pal = format!("/api/resolutions/{}", pal["id"]);
        let smaller = json!({"height": 480});
        assert_eq!(send(&app, Method::PUT, &pal, &smaller).await.1["height"], 480);
        assert_eq!(send(&app, Method::PUT, &pal, &json!({"width": 3})).await.0, 422);
        assert_eq!(send(&app, Method::DELETE, &pal, &json!({})).await.0, 204);
        assert_eq!(send(&app, Method::DELETE, "/api/resolutions/1", &json!({})).await.0, 409);
        assert_eq!(send(&app, Method::DELETE, &two, &json!({})).await.0, 204);

        // A profile in use stays, and so do the built-in ones.
        let (status, answer) = send(&app, Method::DELETE, &path, &json!({})).await;
        assert_eq!(status, 409);
        assert!(answer["detail"][0]["msg"].as_str().unwrap().contains("channel 1"), "{answer}");
        for (method, body) in [(Method::DELETE, json!({})), (Method::PUT, json!({"width": 640}))] {
            let (status, answer) = send(&app, method, &format!("{ALL}/3"), &body).await;
            assert_eq!(status, 409, "{answer}");
        }
        let clone = json!({"name": "Attic"});
        let (status, copy) = send(&app, Method::POST, &format!("{ALL}/3/clone"), &clone).await;
        assert_eq!((status.as_u16(), copy["framerate"].as_str()), (201, Some("25")));
        let channel = format!("/api/channels/{}", channel["id"]);
        let (status, _) = send(&app, Method::PUT, &channel, &on_profile("Attic")).await;
        assert_eq!(status, 200);
        let (status, _) = send(&app, Method::DELETE, &path, &json!({})).await;
        assert_eq!(status, 204);
        assert_eq!(app.operator().get(&path).await.status(), 404);
        let (status, answer) = send(&app, Method::PUT, &channel, &on_profile("Loft")).await;
        assert_eq!(status, 422, "{answer}");
        app.stop().await;
    });
}

fn on_profile(name: &str) -> Value {
    json!({ "profile": name })
}

#[test]
fn a_watermark_is_made_given_to_a_channel_and_drawn_by_what_its_bytes_say() {
    run(async {
        let app = App::with(&[], |config| config.hdhomerun.enabled = false).await;
        const ALL: &str = "/api/watermarks";
        let bad = json!({"mode": "blinking", "opacity": 0});
        let (status, answer) = send(&app, Method::POST, ALL, &bad).await;
        assert_eq!(status, 422);
        let fields = answer["detail"].as_array().unwrap().len();
        assert_eq!(fields, 3, "name, mode and opacity: {answer}");
        let new = json!({"name": "Bug", "location": "top_right", "opacity": 60});
        let (status, bug) = send(&app, Method::POST, ALL, &new).await;
        assert_eq!((status.as_u16(), bug["image"].is_null()), (201, true), "{bug}");

        // What a picture is, its bytes say, not the one who sends it.
        let path = format!("{ALL}/{}/image", bug["id"]);
        let post = async |bytes: Vec<u8>| {
            let request = app.operator().request(Method::POST, &path);
            request.header("content-type", "image/png").body(bytes).send().await.unwrap().status()
        };
        assert_eq!(post(b"<svg onload=alert(1)/>".to_vec()).await, 422);
        let mut big = b"\x89PNG\r\n\x1a\n".to_vec();
        assert_eq!(post(big.clone()).await, 200);
        big.resize(1_100_000, 0);
        assert_eq!(post(big).await, 413);
        let shown = app.operator().get(&path).await;
        assert_eq!(shown.headers()["content-type"], "image/png");
        assert_eq!(shown.headers()["x-content-type-options"], "nosniff");

        let channel = json!({"name": "One", "watermark_id": bug["id"]});
        let (status, one) = send(&app, Method::POST, "/api/channels", &channel).await;
        assert_eq!((status.as_u16(), &one["watermark_id"]), (201, &bug["id"]));
        let (status, _) =
            send(&app, Method::DELETE, &format!("{ALL}/{}", bug["id"]), &json!({})).await;
        assert_eq!(status, 409, "a channel has it");
        let channel = format!("/api/channels/{}", one["id"]);
        let (status, _) = send(&app, Method::PUT, &channel, &json!({"watermark_id": 99})).await;
        assert_eq!(status, 422);
        let (_, one) = send(&app, Method::PUT, &channel, &json!({"watermark_id": null})).await;
        assert!(one["watermark_id"].is_null(), "{one}");
        let (status, _) =
            send(&app, Method::DELETE, &format!("{ALL}/{}", bug["id"]), &json!({})).await;
        assert_eq!(status, 204);
        app.stop().await;
    });
}
