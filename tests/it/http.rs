//! The HTTP interface as strangers, neighbours and browsers meet it: every route, every caller.

use std::net::SocketAddr;
use std::time::Duration;

use exstreamtv::app::{Server, StartOptions};
use exstreamtv::config::Config;
use exstreamtv::foundation::clock::SystemClock;
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

/// A running server with nothing in it.
struct Empty {
    server: Server,
    base: String,
    key: String,
    _data: tempfile::TempDir,
}

impl Empty {
    async fn start(change: impl FnOnce(&mut Config)) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.hdhomerun.enabled = false;
        change(&mut config);
        let options = StartOptions {
            data_dir: data.path().to_owned(),
            config,
            bind: SocketAddr::from(([127, 0, 0, 1], 0)),
            libraries: Vec::new(),
            demo: false,
            clock: SystemClock::start(),
        };
        let server = Server::start(options).await.unwrap();
        let base = format!("http://{}", server.addr());
        let key = server.new_admin_key().unwrap().reveal().to_owned();
        Self { server, base, key, _data: data }
    }

    fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        client().request(method, format!("{}{path}", self.base))
    }
}

fn client() -> Client {
    Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(20))
        .build()
        .unwrap()
}

/// Who asks; everybody comes from 127.0.0.1 in a test, so a stranger is one who says another host.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Who {
    Here,
    Stranger,
    BehindProxy,
    BadKey,
    GoodKey,
    ForeignPage,
}

impl Who {
    fn dress(self, request: RequestBuilder, key: &str) -> RequestBuilder {
        let stranger = |request: RequestBuilder| request.header("host", "tv.example");
        match self {
            Self::Here => request,
            Self::Stranger => stranger(request),
            Self::BehindProxy => request.header("x-forwarded-for", "203.0.113.9"),
            Self::BadKey => stranger(request).header("x-api-key", "exs_wrong"),
            Self::GoodKey => stranger(request).bearer_auth(key),
            Self::ForeignPage => request.header("origin", "http://evil.example"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_asks_every_caller_for_the_right_thing() {
    let empty = Empty::start(|_| {}).await;
    let document: Value =
        empty.ask(Method::GET, "/openapi.json").send().await.unwrap().json().await.unwrap();
    let mut asked = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let method: Method = method.to_uppercase().parse().unwrap();
            let private = !operation["security"].is_null();
            for who in [Who::Here, Who::Stranger, Who::BehindProxy, Who::GoodKey, Who::ForeignPage]
            {
                let request = who.dress(empty.ask(method.clone(), &filled(path)), &empty.key);
                let status = request.send().await.unwrap().status();
                check(&method, path, private, who, status);
                asked += 1;
            }
        }
    }
    assert!(asked > 250, "{asked}");
    // Wrong keys are counted against their sender, so these come last.
    let bad = Who::BadKey.dress(empty.ask(Method::GET, "/api/channels"), "").send().await.unwrap();
    assert_eq!(bad.status(), 401);
    assert_eq!(bad.headers()["www-authenticate"], "Bearer");
    empty.server.stop().await;
}

#[track_caller]
fn check(method: &Method, path: &str, private: bool, who: Who, status: StatusCode) {
    let is_safe = [Method::GET, Method::HEAD].contains(method);
    let refused = match who {
        Who::ForeignPage if !is_safe => Some(403),
        Who::Stranger | Who::BehindProxy if private => Some(401),
        _ => None,
    };
    let code = status.as_u16();
    match refused {
        Some(expected) => assert_eq!(code, expected, "{method} {path} for {who:?}"),
        // The login itself answers 401 or 415 to what it is sent here.
        None if path == "/login" => assert_ne!(code, 500),
        None => {
            assert!(![401, 403].contains(&code), "{method} {path} refuses {who:?}: {code}");
            assert_ne!(code, 500, "{method} {path} fails for {who:?}");
        }
    }
}

/// A path with something in each of its holes that exists nowhere.
fn filled(path: &str) -> String {
    let holes = [
        ("{channel}", "999999"),
        ("{number}", "9999"),
        ("{vnum}", "v9999"),
        ("{tuner}", "tuner0"),
        ("{file}", "1.ts"),
        ("{library}", "999999"),
        ("{media}", "999999"),
        ("{collection}", "999999"),
        ("{profile}", "999999"),
        ("{watermark}", "999999"),
        ("{incident}", "999999"),
        ("{session}", "999999"),
    ];
    holes.into_iter().fold(path.to_owned(), |path, (hole, value)| path.replace(hole, value))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_required_token_opens_streams_and_nothing_else() {
    let token = "sofa-1234";
    let empty = Empty::start(|config| {
        config.security.api_key_required = true;
        config.security.access_token = Some(exstreamtv::foundation::secrets::Secret::new(token));
    })
    .await;
    let status = |path: String| {
        let request = Who::Stranger.dress(empty.ask(Method::GET, &path), "");
        async move { request.send().await.unwrap().status().as_u16() }
    };
    for path in [
        "/iptv/channels.m3u",
        "/iptv/xmltv.xml",
        "/iptv/channel/9.ts",
        "/auto/v9",
        "/iptv/stream/9",
    ] {
        assert_eq!(status(path.to_owned()).await, 401, "{path}");
        assert_ne!(status(format!("{path}?access_token={token}")).await, 401, "{path}");
    }
    assert_eq!(status("/discover.json".to_owned()).await, 200);
    assert_eq!(status(format!("/api/channels?access_token={token}")).await, 401);
    empty.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_logs_in_with_the_form_and_out_again() {
    let empty = Empty::start(|_| {}).await;
    let form = |key: &str| {
        let text = format!("key={key}&next=%2Fguide");
        empty
            .ask(Method::POST, "/login")
            .header("host", "tv.example")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "text/html")
            .body(text)
    };
    let wrong = form("nonsense").send().await.unwrap();
    assert_eq!(wrong.headers()["location"], "/login?error=wrong&next=%2Fguide");
    let right = form(&empty.key).send().await.unwrap();
    assert_eq!(
        (right.status().as_u16(), &right.headers()["location"]),
        (303, &"/guide".parse().unwrap())
    );
    let cookie = right.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    assert!(!cookie.contains(&empty.key), "the key itself must not be in the cookie");
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let with_cookie = |method, path: &str| {
        let request =
            empty.ask(method, path).header("host", "tv.example").header("cookie", &cookie);
        async move { request.send().await.unwrap().status().as_u16() }
    };
    assert_eq!(with_cookie(Method::GET, "/api/channels").await, 200);
    assert_eq!(with_cookie(Method::POST, "/logout").await, 303);
    assert_eq!(with_cookie(Method::GET, "/api/channels").await, 401);
    empty.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_input_is_answered_with_the_field_and_the_fix() {
    let empty = Empty::start(|_| {}).await;
    let post = |path: &str, body: Value| empty.ask(Method::POST, path).json(&body);
    let get = |path: &str| empty.ask(Method::GET, path);
    let cases = [
        (post("/api/channels", json!({})), 422, "body.name"),
        (post("/api/channels", json!({"name": ""})), 422, "body.name"),
        (post("/api/channels", json!({"name": "x".repeat(101)})), 422, "body.name"),
        (post("/api/channels", json!({"name": "a", "number": "0"})), 422, "body.number"),
        (post("/api/channels", json!({"name": "a", "number": 5.1})), 422, "body.number"),
        (post("/api/channels", json!({"name": "a", "colour": 1})), 422, "body.colour"),
        (post("/api/channels", json!({"name": "a", "profile": "9p9"})), 422, "body.profile"),
        (
            post("/api/channels", json!({"name": "a", "logo_url": "javascript:1"})),
            422,
            "body.logo_url",
        ),
        (
            post("/api/libraries/local", json!({"name": "a", "path": "/nowhere/at/all"})),
            422,
            "body.path",
        ),
        (empty.ask(Method::POST, "/api/channels").body("{}"), 415, "header.content-type"),
        (
            empty
                .ask(Method::POST, "/api/channels")
                .header("content-type", "application/json")
                .body("{"),
            400,
            "body",
        ),
        (get("/api/channels/many"), 422, "path.channel"),
        (get("/api/channels/999999"), 404, "path"),
        (get("/api/channels/0/schedule"), 422, "path.number"),
        (get("/api/media?limit=0"), 422, "query.limit"),
        (get("/api/media?limit=1e9"), 422, "query.limit"),
        (get("/api/media?colour=red"), 422, "query.colour"),
        (get("/api/agent/incidents?state=blue"), 422, "query.state"),
        (get("/nowhere"), 404, "path"),
        (empty.ask(Method::PATCH, "/api/channels"), 405, "method"),
    ];
    for (request, status, at) in cases {
        let response = request.send().await.unwrap();
        let url = response.url().to_string();
        assert_eq!(response.status().as_u16(), status, "{url} {at}");
        let body: Value = response.json().await.unwrap();
        let detail = &body["detail"][0];
        let loc: Vec<&str> =
            detail["loc"].as_array().unwrap().iter().map(|p| p.as_str().unwrap()).collect();
        assert_eq!(loc.join("."), at, "{url}: {body}");
        for key in ["msg", "type", "fix"] {
            assert!(!detail[key].as_str().unwrap().is_empty(), "{url}: {body}");
        }
    }
    empty.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channel_is_created_changed_and_deleted() {
    let empty = Empty::start(|_| {}).await;
    let new = json!({"name": "News", "number": "5.1", "group": "Info"});
    let made = empty.ask(Method::POST, "/api/channels").json(&new).send().await.unwrap();
    assert_eq!(made.status(), 201);
    let made: Value = made.json().await.unwrap();
    let id = made["id"].as_i64().unwrap();
    assert_eq!(made["number"], "5.1");
    assert_eq!(made["stream_url"], format!("{}/iptv/channel/5.1.ts", empty.base));
    let taken = empty.ask(Method::POST, "/api/channels").json(&new).send().await.unwrap();
    assert_eq!(taken.status(), 409);
    let lineup: Value =
        empty.ask(Method::GET, "/lineup.json").send().await.unwrap().json().await.unwrap();
    assert_eq!(lineup[0]["GuideNumber"], "5.1");
    assert_eq!(lineup[0]["URL"], format!("{}/hdhomerun/auto/v5.1", empty.base));
    let playlist = empty.ask(Method::GET, "/iptv/channels.m3u").send().await.unwrap();
    let playlist = playlist.text().await.unwrap();
    assert!(playlist.contains(&format!("{}/iptv/channel/5.1.ts", empty.base)), "{playlist}");
    let edit = json!({"name": "World News"});
    let path = format!("/api/channels/{id}/");
    let edited: Value =
        empty.ask(Method::PUT, &path).json(&edit).send().await.unwrap().json().await.unwrap();
    assert_eq!((&edited["name"], &edited["group"]), (&json!("World News"), &json!("Info")));
    let head = empty.ask(Method::HEAD, "/iptv/channel/5.1.ts").send().await.unwrap();
    assert_eq!(
        (head.status().as_u16(), &head.headers()["content-type"]),
        (200, &"video/mp2t".parse().unwrap())
    );
    let viewers = &empty.server.control().tuning().viewers();
    assert!(viewers.is_empty(), "asking for the head starts nothing");
    assert_eq!(empty.ask(Method::DELETE, &path).send().await.unwrap().status(), 204);
    assert_eq!(empty.ask(Method::DELETE, &path).send().await.unwrap().status(), 404);
    let gone = empty.ask(Method::GET, "/auto/v5.1").send().await.unwrap();
    assert_eq!(gone.status(), 404);
    assert_eq!(gone.headers()["x-hdhomerun-error"], "801 Unknown Channel");
    empty.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_tuner_serves_one_channel_and_is_free_again() {
    let empty = Empty::start(|config| config.hdhomerun.tuner_count = 1).await;
    for number in ["1", "2"] {
        let new = json!({"name": format!("Channel {number}"), "number": number});
        let made = empty.ask(Method::POST, "/api/channels").json(&new).send().await.unwrap();
        assert_eq!(made.status(), 201);
    }
    let tune = |path: &'static str| empty.ask(Method::GET, path).send();
    // A client makes room for itself, so it takes another one to find the tuner in use.
    let other = |path: &'static str| {
        empty.ask(Method::GET, path).header("user-agent", "another player").send()
    };
    let first = tune("/auto/v1").await.unwrap();
    assert_eq!(
        (first.status().as_u16(), &first.headers()["content-type"]),
        (200, &"video/mp2t".parse().unwrap())
    );
    let probe = tune("/hdhomerun/tuner0/v1").await.unwrap();
    assert_eq!(probe.status(), 200, "a player opens its stream more than once");
    let busy = other("/auto/v2").await.unwrap();
    assert_eq!(busy.status(), 503);
    assert_eq!(busy.headers()["x-hdhomerun-error"], "805 All Tuners In Use");
    assert_eq!(tune("/tuner1/v1").await.unwrap().status(), 404);
    let range = empty.ask(Method::GET, "/iptv/channel/1.ts").header("range", "bytes=0-");
    assert_eq!(range.send().await.unwrap().status(), 200);
    drop((first, probe));
    let free = async {
        while other("/auto/v2").await.unwrap().status() != 200 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), free).await.expect("the tuner was not freed");
    empty.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_ends_streams_at_once() {
    let empty = Empty::start(|_| {}).await;
    let new = json!({"name": "Endless", "number": 1});
    empty.ask(Method::POST, "/api/channels").json(&new).send().await.unwrap();
    let stream = empty.ask(Method::GET, "/iptv/channel/1.ts").send().await.unwrap();
    let rest = stream.bytes();
    let begun = std::time::Instant::now();
    assert_eq!(empty.server.stop().await, 0, "tasks were left");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    rest.await.expect("the stream must end well, not break");
}
