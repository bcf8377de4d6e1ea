//! Schedules as people use them: files, stored ones, and what is done to a playout by hand.

use exstreamtv::domain::UtcMillis;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::app::{App, run};
use crate::support::media::demo_library;

#[test]
fn a_schedule_file_wins_is_read_again_and_a_wrong_one_changes_nothing() {
    run(async {
        let (folder, _) = demo_library().await;
        let app = App::with_library(folder).await;
        let channel = app.channels().await.remove(0);
        let number = channel.number.to_string();
        let media = media(&app).await;
        collection(&app, "First", media[0]).await;
        collection(&app, "Second", media[1]).await;
        let file = app.data().join("schedules").join(format!("{number}.yml"));
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        let text = |name: &str| {
            format!(
                "name: Test\ncontent:\n  - key: all\n    collection: {name}\nsequence:\n  \
                 - key: main\n    items:\n      - all: all\nplayout:\n  - sequence: main\n  \
                 - repeat: true\n"
            )
        };
        assert_eq!(from(&app, &number).await, "own");

        std::fs::write(&file, text("first")).unwrap();
        until_planned(&app, &number, "file", media[0]).await;
        // Stream, guide and API read one timeline.
        let (now, later) = (UtcMillis(app.now_ms()), UtcMillis(app.now_ms() + 3_600_000));
        let guide = app.control().programmes(channel.id, now, later);
        assert_eq!(guide.last().unwrap().media.unwrap().0, media[0]);

        std::fs::write(&file, text("Second")).unwrap();
        until_planned(&app, &number, "file", media[1]).await;

        // A mistake is told with its line, and nothing on air changes.
        std::fs::write(&file, text("First").replace("all: all", "all: nothing")).unwrap();
        let mut told = Value::Null;
        app.until("the mistake", async || {
            told = app.operator().json("/api/schedules/files").await;
            told[0]["valid"] == false
        })
        .await;
        assert_eq!(told[0]["faults"][0]["line"], 8, "{told}");
        assert_eq!(told[0]["faults"][0]["column"], 14, "{told}");
        assert_eq!(from(&app, &number).await, "file");
        until_planned(&app, &number, "file", media[1]).await;

        std::fs::remove_file(&file).unwrap();
        app.until("its own rules", async || from(&app, &number).await == "own").await;
        app.stop().await;
    });
}

#[test]
fn a_schedule_is_made_put_on_a_channel_skipped_and_taken_back() {
    run(async {
        let (folder, _) = demo_library().await;
        let app = App::with_library(folder).await;
        let channel = app.channels().await.remove(0);
        let number = channel.number.to_string();
        let media = media(&app).await[0];
        let collection = collection(&app, "Tonight", media).await;

        // Something unsaved can be looked at first.
        let rules = json!({"items": [{"collection": collection}]});
        let seen = post(&app, "/api/playouts/preview", json!({"rules": rules, "hours": 2})).await;
        assert!(seen["count"].as_u64().unwrap() > 10 && seen["full"] == true, "{seen}");

        let wrong = send(&app, Method::POST, "/api/schedules", json!({"name": ""})).await;
        assert_eq!(wrong.0, StatusCode::UNPROCESSABLE_ENTITY);
        let schedule = post(&app, "/api/schedules", json!({"name": "Evening"})).await["id"].clone();
        let items = format!("/api/schedules/{schedule}/items");
        let lost = json!({"collection_id": 9_999});
        let lost = send(&app, Method::POST, &items, lost).await;
        assert_eq!(lost.0, StatusCode::UNPROCESSABLE_ENTITY, "{}", lost.1);
        assert!(lost.1["detail"][0]["msg"].as_str().unwrap().contains("9999"), "{}", lost.1);
        let item = json!({"collection_type": "collection", "collection_id": collection,
            "playout_mode": "one", "playback_order": "season_episode", "custom_title": "Evening"});
        let item = post(&app, &items, item).await;
        assert_eq!(
            (&item["position"], &item["playback_order"]),
            (&json!(1), &json!("season_episode"))
        );
        let line = format!("/api/schedule-items/{}", 1_000_000 * schedule.as_i64().unwrap() + 1);
        assert_eq!(app.operator().json(&line).await["custom_title"], "Evening");

        let put = format!("/api/playouts?channel_id={}&program_schedule_id={schedule}", channel.id);
        let playout = post(&app, &put, Value::Null).await;
        assert_eq!(
            (&playout["is_active"], &playout["schedule_kind"]),
            (&json!(true), &json!("flood"))
        );
        let playout = format!("/api/playouts/{}", playout["id"]);
        until_planned(&app, &number, "playout", media).await;

        // What is on air is skipped, and what comes after it begins.
        let snapshot = json!({"channel_ids": [channel.id], "label": "before"});
        let snapshot = post(&app, "/api/schedule-history/capture", snapshot).await;
        // The items are short: one whose end comes too soon is not skipped, or not taken back.
        app.until("a skip that is taken back", async || {
            let before = app.operator().json(&format!("{playout}/items?limit=3")).await;
            let skipped = post(&app, &format!("{playout}/skip"), Value::Null).await;
            if skipped["skipped"] != true {
                return false;
            }
            assert_eq!(skipped["skipped_title"], before["items"][0]["title"]);
            let back = post(&app, &format!("{playout}/cancel-skip"), Value::Null).await;
            if back["cancelled"] != true {
                return false;
            }
            // It goes on, perhaps behind something that had begun already, and ends as planned.
            let again = app.operator().json(&format!("{playout}/items?limit=4")).await;
            let (item, end) = (&before["items"][0]["title"], &before["items"][0]["finish_time"]);
            let mut items = again["items"].as_array().unwrap().iter();
            items.any(|one| one["title"] == *item && one["finish_time"] == *end)
        })
        .await;

        // Another schedule, and back to the snapshot.
        let off = format!("{playout}?is_active=false");
        let off = send(&app, Method::PUT, &off, Value::Null).await;
        assert_eq!(off.0, StatusCode::OK, "{}", off.1);
        app.until("its own rules", async || from(&app, &number).await == "own").await;
        let revert = format!("/api/schedule-history/{}/revert", snapshot["id"]);
        let restored = post(&app, &revert, Value::Null).await;
        assert!(restored["items_restored"].as_u64().unwrap() > 10, "{restored}");
        until_planned(&app, &number, "playout", media).await;
        let history = app.operator().json(&format!("{playout}/history")).await;
        assert_eq!(history[0]["status"], "playing", "{history}");
        let rebuilt = post(&app, &format!("{playout}/rebuild?reset=true"), Value::Null).await;
        assert_eq!(rebuilt["status"], "rebuilt");
        check_timeline(&app, &number);

        let path = format!("/api/schedules/{schedule}");
        let gone = send(&app, Method::DELETE, &path, Value::Null).await;
        assert_eq!(gone.0, StatusCode::NO_CONTENT);
        let status = "/api/channels?include_content_status=true";
        let mut told = Value::Null;
        app.until("the channel without content", async || {
            told = app.operator().json(status).await;
            told[0]["content"]["has_content"] == false
        })
        .await;
        assert_eq!(told[0]["content"]["cause"], "no_schedule", "{told}");
        let repair = told[0]["content"]["repair"].clone();
        let path = repair["path"].as_str().unwrap();
        let done = send(&app, Method::POST, path, repair["body"].clone()).await;
        assert_eq!(done.0, StatusCode::OK, "{}", done.1);
        let told = app.operator().json(status).await;
        assert_eq!(told[0]["content"]["has_content"], true, "{told}");
        app.stop().await;
    });
}

#[test]
fn a_scripted_build_is_written_committed_and_on_air() {
    run(async {
        let (folder, _) = demo_library().await;
        let app = App::with_library(folder).await;
        let channel = app.channels().await.remove(0);
        let media = media(&app).await[0];
        let collection = collection(&app, "Built", media).await;
        let made = format!("/api/playouts?channel_id={}", channel.id);
        let playout = format!("/api/playouts/{}", post(&app, &made, Value::Null).await["id"]);
        let build = post(&app, &format!("{playout}/build/start"), Value::Null).await;
        let session = build["session_id"].as_str().unwrap();
        let at = format!("/api/scripted/build/{session}");
        let group =
            post(&app, &format!("{at}/epg-group/start"), json!({"title": "Marathon"})).await;
        assert_eq!(group["epg_group_active"], true);
        let count = json!({"collection_id": collection, "count": 2});
        let added = post(&app, &format!("{at}/add-count"), count).await;
        assert_eq!(added["items_buffered"], 1, "{added}");
        post(&app, &format!("{at}/epg-group/stop"), Value::Null).await;
        let peek = format!("{at}/peek-next/collection?collection_id={collection}");
        let next = app.operator().json(&peek).await;
        assert_eq!(next["build_id"], session, "{next}");
        let bad = json!({"target_time": "25:00"});
        let bad = send(&app, Method::POST, &format!("{at}/wait-until"), bad).await;
        assert_eq!(bad.0, StatusCode::UNPROCESSABLE_ENTITY, "{}", bad.1);
        let done = post(&app, &format!("{playout}/build/commit"), Value::Null).await;
        assert_eq!(done["status"], "committed", "{done}");
        assert!(done["items_added"].as_u64().unwrap() > 0, "{done}");
        until_planned(&app, &channel.number.to_string(), "playout", media).await;
        let again = json!({"collection_id": collection, "count": 1});
        let over = send(&app, Method::POST, &format!("{at}/add-count"), again).await;
        assert_eq!(over.0, StatusCode::CONFLICT, "{}", over.1);
        app.stop().await;
    });
}

#[test]
fn a_mirror_shows_what_its_source_shows_later() {
    run(async {
        let (folder, _) = demo_library().await;
        let app = App::with_library(folder).await;
        let channels = app.channels().await;
        let (source, mirror) = (&channels[0], &channels[1]);
        let path = format!("/api/channels/{}/form", mirror.id);
        let own = json!({"mirror_source_channel_id": mirror.id});
        assert_eq!(send(&app, Method::PUT, &path, own).await.0, StatusCode::UNPROCESSABLE_ENTITY);
        let form = json!({"mirror_source_channel_id": source.id, "playout_offset": 3600});
        let form = send(&app, Method::PUT, &path, form).await;
        assert_eq!(form.0, StatusCode::OK, "{}", form.1);
        assert_eq!(from(&app, &mirror.number.to_string()).await, "mirror");
        let now = UtcMillis(app.now_ms());
        let hour =
            |from: i64, to: i64| (now.plus_ms(from * 3_600_000), now.plus_ms(to * 3_600_000));
        let ((from, to), (later_from, later_to)) = (hour(1, 2), hour(2, 3));
        let original = app.control().programmes(source.id, from, to);
        let shown = app.control().programmes(mirror.id, later_from, later_to);
        let media = |all: &[exstreamtv::domain::Programme]| -> Vec<_> {
            all.iter().map(|programme| programme.media).collect()
        };
        assert_eq!(media(&original), media(&shown));
        assert!(!shown.is_empty());
        app.stop().await;
    });
}

#[test]
fn an_on_demand_channel_stands_still_while_nobody_watches() {
    run(async {
        let (folder, _) = demo_library().await;
        let app = App::with_library(folder).await;
        let channel = app.channels().await.remove(0);
        let path = format!("/api/channels/{}", channel.id);
        let place = format!("{path}/playback-position");
        let own = json!({"item_index": 0});
        assert_eq!(send(&app, Method::POST, &place, own).await.0, StatusCode::CONFLICT);
        let form = json!({"playout_mode": "on_demand"});
        let form = send(&app, Method::PUT, &format!("{path}/form"), form).await;
        assert_eq!((form.0, &form.1["playout_mode"]), (StatusCode::OK, &json!("on_demand")));
        let at = app.operator().json(&place).await;
        assert_eq!(at["resume_available"], true, "{at}");
        // The day goes on, and what is to come moves along with it.
        let next = async || {
            let path = format!("/api/playouts/channel/{}", channel.number);
            app.operator().json(&path).await["time_blocks"][3].clone()
        };
        let before = next().await;
        app.until("the timeline to move", async || {
            let now = next().await;
            now["start_time"] != before["start_time"] && now["title"] == before["title"]
        })
        .await;
        assert_eq!(app.operator().json(&place).await, at);
        // It goes on where somebody puts it.
        let index = at["item_index"].as_u64().unwrap() + 2;
        let put = send(&app, Method::POST, &place, json!({"item_index": index})).await;
        assert_eq!((put.0, &put.1["item_index"]), (StatusCode::OK, &json!(index)), "{}", put.1);
        check_timeline(&app, &channel.number.to_string());
        app.stop().await;
    });
}

/// Where a channel's rules come from.
async fn from(app: &App, number: &str) -> String {
    let told = app.operator().json(&format!("/api/playouts/channel/{number}")).await;
    told["rules_from"].as_str().unwrap_or_default().to_owned()
}

/// Ids of media, at least two.
async fn media(app: &App) -> Vec<i64> {
    let all = app.operator().json("/api/media").await;
    all.as_array().unwrap().iter().map(|item| item["id"].as_i64().unwrap()).collect()
}

/// A collection of a single item.
async fn collection(app: &App, name: &str, media: i64) -> i64 {
    let body = json!({"name": name, "selector": {"type": "manual", "media": [media]}});
    post(app, "/api/collections", body).await["id"].as_i64().unwrap()
}

/// Waits until a channel's rules come from there and everything but what was about to be shown is
/// this item.
async fn until_planned(app: &App, number: &str, rules: &str, media: i64) {
    let path = format!("/api/playouts/channel/{number}");
    app.until(&format!("media {media} by its {rules}"), async || {
        let told = app.operator().json(&path).await;
        let blocks = told["time_blocks"].as_array().unwrap();
        told["rules_from"] == rules
            && blocks.len() > 5
            && blocks.iter().skip(4).all(|block| block["media_item_id"] == media)
    })
    .await;
    check_timeline(app, number);
}

/// Whatever was done, the timeline has no gap.
#[track_caller]
fn check_timeline(app: &App, number: &str) {
    let channels = app.control().lineup().unwrap();
    let channel = channels.iter().find(|channel| channel.number.to_string() == number).unwrap();
    let slots = app.control().slots_from(channel.id, UtcMillis(0));
    assert!(slots.len() > 10, "{} slots", slots.len());
    for pair in slots.windows(2) {
        assert_eq!(pair[0].stop, pair[1].start);
    }
}

async fn post(app: &App, path: &str, body: Value) -> Value {
    let (status, answer) = send(app, Method::POST, path, body).await;
    assert!(status.is_success(), "POST {path}: {status} {answer}");
    answer
}

async fn send(app: &App, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
    let request = app.operator().request(method, path);
    let request = if body.is_null() { request } else { request.json(&body) };
    let answer = request.send().await.unwrap();
    let status = answer.status();
    let text = answer.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or_default())
}
