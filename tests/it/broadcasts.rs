//! Broadcasts of somebody else: relayed, reconnected, and never more than the provider allows.
//!
//! The provider is a second server of ours behind a wire that can be cut.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use exstreamtv::domain::{Channel, ChannelNumber};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::support::app::{App, run};
use crate::support::picture::{judge, pictures};

/// Carries connections to the provider, until they are cut.
struct Wire {
    base: String,
    /// Connections made so far, and the most at once.
    made: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    cut: watch::Sender<usize>,
}

impl Wire {
    #[expect(clippy::disallowed_methods, reason = "the wire lasts as long as the test")]
    async fn to(provider: &str) -> Self {
        let provider = provider.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let wire =
            Self { base, made: Arc::default(), most: Arc::default(), cut: watch::Sender::new(0) };
        let (made, most) = (Arc::clone(&wire.made), Arc::clone(&wire.most));
        let (cut, open) = (wire.cut.clone(), Arc::new(AtomicUsize::new(0)));
        tokio::spawn(async move {
            loop {
                let (mut near, _) = listener.accept().await.unwrap();
                made.fetch_add(1, Ordering::SeqCst);
                most.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                let mut cut = cut.subscribe();
                let (provider, open) = (provider.clone(), Arc::clone(&open));
                tokio::spawn(async move {
                    if let Ok(mut far) = TcpStream::connect(&provider).await {
                        tokio::select! {
                            _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                            _ = cut.changed() => {}
                        }
                    }
                    open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        wire
    }

    fn cut(&self) {
        self.cut.send_modify(|count| *count += 1);
    }

    fn made(&self) -> usize {
        self.made.load(Ordering::SeqCst)
    }
}

/// A server whose library is the playlist `list`, with a channel for each of its broadcasts.
async fn relay(
    folder: &Path,
    list: &str,
    broadcasts: usize,
    connections: Option<u32>,
) -> (App, Vec<Channel>) {
    let file = folder.join("list.m3u");
    std::fs::write(&file, list).unwrap();
    let app = App::with(&[], |config| config.library.own_machine = true).await;
    let library = json!({
        "name": "Provider", "path": file, "library_type": "live", "connections": connections,
    });
    let added = post(&app, "/api/libraries/local", library).await;
    let scan = format!("/api/libraries/local/{}/scan", added["id"]);
    let answer = app.operator().request(Method::POST, &scan).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{scan}");
    app.until("a channel for each broadcast", async || {
        app.channels().await.len() == broadcasts
            && app.control().lineup().is_ok_and(|lineup| !lineup.is_empty())
    })
    .await;
    let channels = app.channels().await;
    (app, channels)
}

async fn post(app: &App, path: &str, body: Value) -> Value {
    let answer = app.operator().request(Method::POST, path).json(&body).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED, "{path}");
    answer.json().await.unwrap()
}

/// Whether the channel shows what it should, for this long in a row.
async fn shows(app: &App, channel: &Channel) -> bool {
    let state = app.control().tuning().state(channel.id);
    state.is_some_and(|state| !state.on_slate && state.headroom_ms > 0)
}

fn marked(ts: &[u8], now_ms: i64) -> Vec<(i64, bool)> {
    pictures(ts, now_ms).iter().map(|picture| (picture.at_ms, picture.mark.is_some())).collect()
}

#[test]
fn a_broadcast_is_relayed_and_comes_back_after_a_break() {
    run(async {
        let provider = App::prepared_demo().await;
        let wire = Wire::to(&provider.base).await;
        let number = &provider.channels().await[0].number;
        // The first place is closed: nobody listens on port 9.
        let list = format!(
            "#EXTM3U\n#EXTINF:-1 group-title=\"News\",One\nhttp://127.0.0.1:9/dead.ts\n\
             #EXTINF:-1,One\n{}/iptv/channel/{number}.ts\n",
            wire.base
        );
        let folder = tempfile::tempdir().unwrap();
        let (app, channels) = relay(folder.path(), &list, 1, None).await;
        let channel = &channels[0];
        let now_ms = app.now_ms();
        let viewer = app.viewer();
        let watching = viewer.watch(&channel.number, Duration::from_secs(45));
        let meanwhile = async {
            app.until("the broadcast", async || shows(&app, channel).await).await;
            tokio::time::sleep(Duration::from_secs(4)).await;
            assert_eq!(wire.made(), 1);
            wire.cut();
            app.until("a second try", async || wire.made() == 2).await;
            tokio::time::sleep(Duration::from_secs(6)).await;
            app.until("the broadcast again", async || shows(&app, channel).await).await;
        };
        let (ts, ()) = tokio::join!(watching, meanwhile);
        let report = judge(&ts, now_ms);
        assert_eq!(report.faults, [], "the seams of the relay");
        let seen = marked(&ts, now_ms);
        let first = seen.iter().position(|(_, marked)| *marked).expect("the broadcast is seen");
        let last = seen.iter().rposition(|(_, marked)| *marked).unwrap();
        assert!(seen[last].0 - seen[first].0 > 8_000, "it goes on after the break");
        // What the channel costs the provider ends with its last viewer.
        app.stop().await;
    });
}

#[test]
fn a_provider_is_never_asked_for_more_than_it_allows() {
    run(async {
        let provider = App::prepared_demo().await;
        let wire = Wire::to(&provider.base).await;
        let numbers: Vec<ChannelNumber> =
            provider.channels().await.into_iter().map(|channel| channel.number).collect();
        let list: String = ["One", "Two"]
            .iter()
            .zip(&numbers)
            .map(|(name, number)| {
                format!("#EXTINF:-1,{name}\n{}/iptv/channel/{number}.ts\n", wire.base)
            })
            .collect();
        let folder = tempfile::tempdir().unwrap();
        let (app, channels) = relay(folder.path(), &list, 2, Some(1)).await;
        let viewer = app.viewer();
        let first = viewer.watch(&channels[0].number, Duration::from_secs(25));
        let second = async {
            app.until("the first", async || shows(&app, &channels[0]).await).await;
            let ts = viewer.watch(&channels[1].number, Duration::from_secs(8)).await;
            assert!(!ts.is_empty(), "the slate is there at once");
            app.until("the reason on record", async || {
                let incidents = app.operator().json("/api/agent/incidents").await;
                incidents.to_string().contains("SRC_SLOTS")
            })
            .await;
        };
        tokio::join!(first, second);
        assert_eq!(wire.most.load(Ordering::SeqCst), 1);
        app.stop().await;
    });
}
