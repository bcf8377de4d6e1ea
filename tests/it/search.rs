//! Search and collections through the API, as a person sees them, up to what a channel plays.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::app::{App, run};
use crate::support::media::demo_library;

#[test]
fn a_query_is_written_asked_kept_and_played() {
    run(async {
        let (folder, _) = demo_library().await;
        let app = App::with_library(folder).await;

        // Asked.
        assert_eq!(titles(&app, "/api/media/search?q=ferry").await, ["Night Ferry"]);
        assert_eq!(titles(&app, "/api/media/search?q=lamp").await, ["New Lamps"]);
        let since = "/api/media/search?q=kind:movie%20year:2021..2023%20-genre:short%20sort:-year";
        assert_eq!(titles(&app, since).await, ["Paper Planets", "The Glass Tide"]);
        let fresh =
            app.operator().json("/api/media?query=added:%3C1d&paginated=true&limit=3").await;
        assert_eq!((&fresh["total"], &fresh["has_more"]), (&json!(16), &json!(true)), "{fresh}");
        let narrow = "/api/media?query=added:%3C1d&media_type=movie&sort_by=year&limit=1";
        assert_eq!(titles(&app, narrow).await, ["Slow Light"]);

        // What is wrong is told with its place and a fix.
        let (status, answer) = get(&app, "/api/media/search?q=ferry%20yaer:2019").await;
        let wrong = &answer["detail"][0];
        assert_eq!(status, 422);
        assert_eq!(wrong["type"], "query_unknown_field", "{answer}");
        assert_eq!(wrong["loc"], json!(["query", "q", "6"]));
        assert!(wrong["fix"].as_str().unwrap().contains("year"), "{answer}");

        // Written with help.
        let help = app.operator().json("/api/media/complete?q=kind:movie%20ge").await;
        assert_eq!((&help["from"], &help["choices"][0]["text"]), (&json!(11), &json!("genre:")));
        let help = app.operator().json("/api/media/complete?q=genre:thr").await;
        assert_eq!(help["choices"][0]["text"], "Thriller", "{help}");
        let help = app.operator().json("/api/media/complete?q=genre:").await;
        assert_eq!(help["problem"]["type"], "query_missing_value", "{help}");
        let fields = app.operator().json("/api/media/fields").await;
        assert!(fields.as_array().unwrap().len() > 20);

        // Kept and played.
        let smart = json!({"name": "Thrillers", "description": "At night.",
            "selector": {"type": "query", "query": "genre:thriller"}});
        let smart = made(&app, "/api/collections", &smart).await;
        assert_eq!(smart["collection_type"], "smart");
        assert_eq!(items(&app, &smart).await, ["Night Ferry"]);
        let rules = json!({"items": [{"collection": smart["id"]}]});
        let channel = json!({"name": "Thrill", "number": "90", "rules": rules});
        made(&app, "/api/channels", &channel).await;
        check_plays(&app, "Thrill", &["Night Ferry"]).await;
        let path = format!("/api/collections/{}", smart["id"]);
        let (status, answer) = send(&app, Method::DELETE, &path, &json!({})).await;
        assert_eq!(status, 409, "a channel plays it: {answer}");
        let (status, _) =
            send(&app, Method::PUT, &path, &json!({"search_query": "genre:family"})).await;
        assert_eq!(status, 200);
        check_plays(&app, "Thrill", &["Night Ferry", "Paper Planets"]).await;
        let bad = json!({"selector": {"type": "query", "query": "(a"}});
        let (status, answer) = send(&app, Method::PUT, &path, &bad).await;
        assert_eq!(status, 422);
        assert_eq!(answer["detail"][0]["loc"], json!(["body", "selector", "query", "0"]));
        let listed = app.operator().json("/api/collections").await;
        let listed = listed.as_array().unwrap().iter().find(|c| c["id"] == smart["id"]).unwrap();
        assert_eq!(
            (&listed["item_count"], &listed["search_query"]),
            (&json!(1), &json!("genre:family"))
        );
    });
}

#[test]
fn collections_are_made_of_collections_of_lists_and_by_hand() {
    run(async {
        let (folder, _) = demo_library().await;
        let app = App::with_library(folder).await;

        // A list names what is here and what is not.
        let text = "Night Ferry (2019)\nThe Thing (1982)\nLamplighters\nSlow Light (1950)";
        let list = json!({"name": "Somebody's list", "text": text});
        let list = made(&app, "/api/collections/import", &list).await;
        let missing: Vec<&str> = list["unmatched"]
            .as_array()
            .unwrap()
            .iter()
            .map(|line| line["entry"]["title"].as_str().unwrap())
            .collect();
        assert_eq!(
            (&list["matched"], missing),
            (&json!(1), vec!["The Thing", "Lamplighters", "Slow Light"])
        );
        let list = &list["collection"];
        assert_eq!(items(&app, list).await, ["Night Ferry"]);
        let matches =
            app.operator().json(&format!("/api/collections/{}/matches", list["id"])).await;
        assert_eq!(matches.as_array().unwrap().len(), 4);

        // A playlist is put together by hand.
        let playlist = made(&app, "/api/playlists", &json!({"name": "By hand"})).await;
        let path = format!("/api/playlists/{}", playlist["id"]);
        let films =
            app.operator().json("/api/media/search?q=kind:movie%20year%3E2018%20sort:title").await;
        let ids: Vec<i64> =
            films.as_array().unwrap().iter().map(|m| m["id"].as_i64().unwrap()).collect();
        for id in &ids[..2] {
            made(&app, &format!("{path}/items/{id}"), &json!({})).await;
        }
        let (status, _) =
            send(&app, Method::POST, &format!("{path}/items/{}", ids[0]), &json!({})).await;
        assert_eq!(status, 400, "it is in it already");
        let up = format!("{path}/items/{}/move?direction=up", ids[1]);
        assert_eq!(send(&app, Method::POST, &up, &json!({})).await.0, 200);
        assert_eq!(send(&app, Method::POST, &up, &json!({})).await.0, 400, "it is at the top");
        let (status, renamed) =
            send(&app, Method::PUT, &format!("{path}?name=Mine"), &Value::Null).await;
        assert_eq!((status.as_u16(), &renamed["name"]), (200, &json!("Mine")), "{renamed}");
        let order: Vec<i64> = renamed["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|i| i["id"].as_i64().unwrap())
            .collect();
        assert_eq!(order, [ids[1], ids[0]]);

        // Several become one; none is made of itself.
        let body = json!({"name": "Both", "collection_ids": [list["id"], playlist["id"]]});
        let both = made(&app, "/api/collections/multi", &body).await;
        assert_eq!(both["collection_count"], 2);
        // By title, the playlist holds A Walk in Colour and Night Ferry, which the list has already.
        assert_eq!(items(&app, &both).await, ["Night Ferry", "A Walk in Colour"]);
        let itself = format!("/api/collections/multi/{0}/collections/{0}", both["id"]);
        assert_eq!(send(&app, Method::POST, &itself, &json!({})).await.0, 422);
        let (status, answer) = send(&app, Method::DELETE, &path, &json!({})).await;
        assert_eq!(status, 409, "another collection is made of it: {answer}");
        let out = format!("/api/collections/multi/{}/collections/{}", both["id"], playlist["id"]);
        assert_eq!(send(&app, Method::DELETE, &out, &json!({})).await.0, 204);
        assert_eq!(send(&app, Method::DELETE, &path, &json!({})).await.0, 204);

        // What was on air is told from what was not.
        let all =
            made(&app, "/api/collections/smart?name=All&search_query=kind:movie", &Value::Null)
                .await;
        assert_eq!(all["item_count"], 7, "{all}");
        let part = |run: &str| json!({"name": run, "selector": {"type": "rerun", "collection": all["id"], "run": run}});
        let first = made(&app, "/api/collections", &part("first")).await;
        let again = made(&app, "/api/collections", &part("again")).await;
        let (first, again) = (items(&app, &first).await, items(&app, &again).await);
        assert_eq!(first.len() + again.len(), 7);
        assert!(!first.iter().any(|title| again.contains(title)), "{first:?} {again:?}");
    });
}

/// Checks which titles a channel's timeline holds from now on, each once.
async fn check_plays(app: &App, name: &str, expected: &[&str]) {
    let id = app.channel(name).await.id;
    let (_, slots) = get(app, &format!("/api/channels/{id}/programming?hours=24")).await;
    let text = slots.to_string();
    for title in expected {
        assert!(text.contains(title), "{title} is not planned on {name}: {text:.600}");
    }
}

async fn titles(app: &App, path: &str) -> Vec<String> {
    let (status, answer) = get(app, path).await;
    assert_eq!(status, 200, "{answer}");
    let list = answer.as_array().or(answer["items"].as_array()).unwrap();
    list.iter().map(|media| media["title"].as_str().unwrap().to_owned()).collect()
}

async fn items(app: &App, collection: &Value) -> Vec<String> {
    titles(app, &format!("/api/collections/{}/items", collection["id"])).await
}

async fn made(app: &App, path: &str, body: &Value) -> Value {
    let (status, answer) = send(app, Method::POST, path, body).await;
    assert_eq!(status, 201, "{path}: {answer}");
    answer
}

async fn get(app: &App, path: &str) -> (StatusCode, Value) {
    let answer = app.operator().get(path).await;
    let status = answer.status();
    (status, answer.json().await.unwrap())
}

/// Sends JSON as the operator, or nothing for `null`, and gives status and answer.
async fn send(app: &App, method: Method, path: &str, body: &Value) -> (StatusCode, Value) {
    let request = app.operator().request(method, path);
    let request = if body.is_null() { request } else { request.json(body) };
    let answer = request.send().await.unwrap();
    let status = answer.status();
    (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or(Value::Null))
}
