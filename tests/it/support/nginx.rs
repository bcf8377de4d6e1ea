//! A real nginx as a cache in front of a server, configured as the documentation says.

use std::net::TcpListener;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::app::App;

/// A running nginx, ended when dropped.
pub struct Nginx {
    child: Child,
    pub base: String,
    folder: TempDir,
}

impl Nginx {
    /// Starts it in front of `app` and waits until it answers.
    pub async fn before(app: &App) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let listen = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let documented = include_str!("../../../docs/nginx.conf")
            .replace("listen 8080", &format!("listen {listen}"))
            .replace("http://127.0.0.1:8411", &app.base)
            .replace("/var/cache/nginx/exstreamtv", &path("cache"));
        // Where it keeps its files, and as whom it runs, is the system's business and not ours.
        let places = format!("daemon off;\nuser root;\npid {};\n", path("pid"));
        std::fs::write(path("nginx.conf"), places + &documented).unwrap();
        #[expect(clippy::disallowed_methods, reason = "a judge is not a child of the server")]
        let child = std::process::Command::new(program())
            .args(["-e", &path("error.log"), "-p", &path(""), "-c", &path("nginx.conf")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx; scripts/packages.sh test installs it");
        let nginx = Self { child, base: format!("http://{listen}"), folder };
        let began = Instant::now();
        while reqwest::get(format!("{}/discover.json", nginx.base)).await.is_err() {
            assert!(began.elapsed() < Duration::from_secs(60), "nginx: {}", nginx.complaints());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        nginx
    }

    /// What it has written about trouble.
    pub fn complaints(&self) -> String {
        let log = std::fs::read_to_string(self.folder.path().join("error.log")).unwrap_or_default();
        let serious = log.lines().filter(|line| !line.contains("[warn]"));
        serious.filter(|line| !line.contains("[notice]")).collect::<Vec<_>>().join("\n")
    }
}

/// Debian keeps it off a user's path.
fn program() -> &'static str {
    let system = "/usr/sbin/nginx";
    if std::path::Path::new(system).exists() { system } else { "nginx" }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            // Its master ends its workers; killed, it would leave them.
            // reason: it may have ended by itself.
            rustix::process::kill_process(pid, rustix::process::Signal::TERM).ok();
        }
        self.child.wait().unwrap();
    }
}
