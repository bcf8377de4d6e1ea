//! A whole server in this process, and those who use it.

use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use exstreamtv::app::{Server, StartOptions};
use exstreamtv::config::Config;
use exstreamtv::control::Control;
use exstreamtv::domain::{Channel, ChannelNumber};
use exstreamtv::foundation::clock::{SharedClock, SystemClock};
use futures_util::StreamExt;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

use super::media::demo_library;

/// One runtime for all tests, so that a server can be shared between them.
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap());

/// Runs a test's future on the runtime that outlives it.
pub fn run<T>(test: impl Future<Output = T>) -> T {
    RUNTIME.block_on(test)
}

/// A running server with a folder of its own, gone when dropped.
pub struct App {
    server: Server,
    /// Everything the server keeps; goes with it.
    folder: TempDir,
    pub base: String,
    http: reqwest::Client,
    clock: SharedClock,
}

impl App {
    /// A server that has scanned `folder` and made its starter line-up.
    pub async fn with_library(folder: &Path) -> Self {
        let app = Self::with(&[folder.to_owned()], |_| {}).await;
        app.until_lineup().await;
        app
    }

    /// Waits until every stored channel is offered, and there is at least one.
    pub async fn until_lineup(&self) {
        self.until("the starter line-up", async || {
            let stored = self.channels().await.len();
            stored > 0 && self.control().lineup().is_ok_and(|lineup| lineup.len() == stored)
        })
        .await;
    }

    /// A server with these library folders and a changed configuration.
    pub async fn with(libraries: &[PathBuf], change: impl FnOnce(&mut Config)) -> Self {
        Self::on(tempfile::tempdir().unwrap(), libraries, change).await
    }

    /// A server on what is in `folder`, if anything is.
    pub async fn on(
        folder: TempDir,
        libraries: &[PathBuf],
        change: impl FnOnce(&mut Config),
    ) -> Self {
        Self::at(SystemClock::start(), folder, libraries, change).await
    }

    /// The same, by another clock.
    pub async fn at(
        clock: SharedClock,
        folder: TempDir,
        libraries: &[PathBuf],
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let mut config = Config::default();
        // One taken port must not decide about tests that run side by side.
        config.hdhomerun.udp_port = 0;
        change(&mut config);
        let options = StartOptions {
            data_dir: folder.path().join("data"),
            config,
            bind: SocketAddr::from(([127, 0, 0, 1], 0)),
            libraries: libraries.to_vec(),
            demo: false,
            clock: clock.clone(),
        };
        let server = Server::start(options).await.unwrap();
        let base = format!("http://{}", server.addr());
        Self { server, folder, base, http: reqwest::Client::new(), clock }
    }

    /// Another server on a copy of this one's database, which shares its cache.
    pub async fn twin(&self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let database = rusqlite::Connection::open(self.data().join("exstreamtv.db")).unwrap();
        let copy = data.join("exstreamtv.db");
        database.execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
        let head = "audit-head";
        // reason: there is none before something was audited.
        std::fs::copy(self.data().join(head), data.join(head)).ok();
        self.sharing(folder).await
    }

    /// Stops this server and starts another one on its folder, which shares the cache of `other`.
    pub async fn restarted(self, other: &Self) -> Self {
        assert_eq!(self.server.stop().await, 0, "tasks that did not end");
        other.sharing(self.folder).await
    }

    /// Stops this server and starts it again on its own folder.
    pub async fn again(self) -> Self {
        assert_eq!(self.server.stop().await, 0, "tasks that did not end");
        let app = Self::on(self.folder, &[], |_| {}).await;
        app.until_lineup().await;
        app
    }

    async fn sharing(&self, folder: TempDir) -> Self {
        let cache = self.data().join("cache");
        let app = Self::on(folder, &[], |config| {
            config.streaming.cache_directory = Some(cache);
        })
        .await;
        app.until_lineup().await;
        app
    }

    /// Where the server keeps everything.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The server of the demo library that tests share when they only watch.
    pub async fn demo() -> &'static Self {
        static APP: OnceCell<App> = OnceCell::const_new();
        APP.get_or_init(|| async {
            let (folder, _) = demo_library().await;
            Self::with_library(folder).await
        })
        .await
    }

    /// The same, once everything that will be on air soon is in the store.
    pub async fn prepared_demo() -> &'static Self {
        static PREPARED: OnceCell<()> = OnceCell::const_new();
        let app = Self::demo().await;
        PREPARED.get_or_init(|| app.prepared()).await;
        app
    }

    /// What stands in the configuration file.
    pub fn config_text(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("data/config.yaml")).unwrap()
    }

    pub fn control(&self) -> &Control {
        self.server.control()
    }

    pub async fn channels(&self) -> Vec<Channel> {
        self.control().channels().await.unwrap()
    }

    /// The channel of this name.
    pub async fn channel(&self, name: &str) -> Channel {
        let channels = self.channels().await;
        let names: Vec<&str> = channels.iter().map(|channel| channel.name.as_str()).collect();
        let told = format!("no channel {name:?} among {names:?}");
        channels.into_iter().find(|channel| channel.name == name).expect(&told)
    }

    /// What the server's clock says.
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Whoever watches: no key, no login.
    pub fn viewer(&self) -> Client<'_> {
        Client { app: self, role: Role::Viewer }
    }

    /// The person who runs the server, with the admin key.
    pub fn operator(&self) -> Client<'_> {
        Client { app: self, role: Role::Operator }
    }

    /// Someone from outside the house, without a key.
    pub fn stranger(&self) -> Client<'_> {
        Client { app: self, role: Role::Stranger }
    }

    /// Waits until `ready` says yes, at most five minutes.
    pub async fn until(&self, what: &str, mut ready: impl AsyncFnMut() -> bool) {
        let began = Instant::now();
        while !ready().await {
            assert!(began.elapsed() < Duration::from_secs(300), "waited in vain for {what}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until everything on air in the next minutes is in the store.
    pub async fn prepared(&self) {
        let mut quiet_since = None;
        let mut started = 0;
        self.until("the end of work ahead", async || {
            let pool = self.control().health().await.pool;
            if pool.running > 0 || pool.started != started || pool.started == 0 {
                quiet_since = None;
                started = pool.started;
                return false;
            }
            // A pause between two jobs is shorter than this.
            quiet_since.get_or_insert_with(Instant::now).elapsed() > Duration::from_secs(4)
        })
        .await;
    }

    /// Stops the server; no task may be left.
    pub async fn stop(self) {
        assert_eq!(self.server.stop().await, 0, "tasks that did not end");
    }
}

enum Role {
    Viewer,
    Operator,
    Stranger,
}

/// Someone who talks to the server.
pub struct Client<'a> {
    app: &'a App,
    role: Role,
}

impl Client<'_> {
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.app.http.request(method, format!("{}{path}", self.app.base));
        match self.role {
            // A direct loopback peer is at home, so a viewer from elsewhere says so.
            Role::Viewer | Role::Stranger => request.header("x-forwarded-for", "203.0.113.7"),
            Role::Operator => match self.app.server.new_admin_key() {
                Some(key) => request.bearer_auth(key.reveal()),
                None => request,
            },
        }
    }

    pub async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    /// The text of an answer that must be 200.
    #[track_caller]
    pub fn text(&self, path: &str) -> impl Future<Output = String> {
        let answer = self.request(Method::GET, path).send();
        let path = path.to_owned();
        async move {
            let answer = answer.await.unwrap();
            let status = answer.status();
            let text = answer.text().await.unwrap();
            assert_eq!(status, StatusCode::OK, "GET {path}: {text}");
            text
        }
    }

    pub async fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.text(path).await).unwrap()
    }

    /// Watches a channel for `time` and gives back all bytes.
    pub async fn watch(&self, number: &ChannelNumber, time: Duration) -> Vec<u8> {
        let answer = self.get(&format!("/iptv/channel/{number}.ts")).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let mut bytes = Vec::new();
        let mut body = answer.bytes_stream();
        let end = tokio::time::Instant::now() + time;
        while let Ok(Some(block)) = tokio::time::timeout_at(end, body.next()).await {
            bytes.extend_from_slice(&block.unwrap());
        }
        bytes
    }
}
