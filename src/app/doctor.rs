//! `exstreamtv doctor`: looks at everything a server needs and says what to do where it is missing.
//!
//! Each check says what was tried, what came of it, and the fix. Nothing is changed.

mod client;

use std::ffi::OsString;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::config::Config;
use crate::foundation::process::{Command, Processes};
use crate::foundation::stop::Stop;
use crate::storage::Db;
use crate::stream::pool::{Limits, Pool};

/// How one check came out.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(super) struct Finding {
    /// What was looked at.
    pub check: &'static str,
    /// Whether it is as it should be.
    pub ok: bool,
    /// What was found.
    pub found: String,
    /// What to do; empty when all is well.
    pub fix: String,
}

impl Finding {
    fn good(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, ok: true, found: found.into(), fix: String::new() }
    }

    fn bad(check: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, ok: false, found: found.into(), fix: fix.into() }
    }
}

/// Runs every check; a server that runs at `url` (or where it is configured) is asked like a
/// client would ask it.
pub(super) async fn examine(
    config: &Config,
    data_dir: &Path,
    bind: SocketAddr,
    url: Option<&str>,
) -> Vec<Finding> {
    let stop = Stop::new();
    let limits = Limits {
        max_processes: 2,
        spawns_per_second: config.ffmpeg.spawns_per_second,
        memory_guard: config.ffmpeg.memory_guard_threshold,
        descriptor_reserve: config.ffmpeg.fd_guard_reserve,
    };
    let mut findings = vec![data_folder(data_dir), database(data_dir).await];
    let run_dir = std::env::temp_dir().join(format!("exstreamtv-doctor-{}", std::process::id()));
    match Pool::start(limits, &stop, &run_dir) {
        Ok(pool) => {
            findings.push(program(&pool, "ffmpeg", &config.ffmpeg.settings.path).await);
            findings.push(program(&pool, "ffprobe", &config.ffmpeg.settings.ffprobe_path).await);
            findings.push(encoders(&pool, &config.ffmpeg.settings.path).await);
        }
        Err(error) => findings.push(Finding::bad(
            "process pool",
            error.to_string(),
            "raise the limit of open files (ulimit -n) or free memory",
        )),
    }
    stop.drain(Duration::from_secs(5)).await;
    if let Err(error) = std::fs::remove_dir_all(&run_dir) {
        tracing::debug!(error = %error, "the doctor's folder could not be removed");
    }
    let here = format!("http://127.0.0.1:{}", bind.port());
    let port = port(bind);
    if url.is_some() || !port.ok {
        findings.extend(client::examine(url.unwrap_or(&here)).await);
    } else {
        findings.push(port);
        if config.hdhomerun.udp_enabled {
            findings.push(discovery_port(config.hdhomerun.udp_port));
        }
    }
    findings.push(address(config));
    findings.extend(config.library.paths.iter().map(|path| library_folder(path)));
    findings
}

fn data_folder(data_dir: &Path) -> Finding {
    let probe = data_dir.join(".doctor");
    let tried = std::fs::create_dir_all(data_dir).and_then(|()| std::fs::write(&probe, b"ok"));
    match tried.and_then(|()| std::fs::remove_file(&probe)) {
        Ok(()) => Finding::good("data folder", format!("{} can be written", data_dir.display())),
        Err(error) => Finding::bad(
            "data folder",
            format!("{}: {error}", data_dir.display()),
            "give the user that runs the server write access, or choose another --data-dir",
        ),
    }
}

async fn database(data_dir: &Path) -> Finding {
    let path = data_dir.join("exstreamtv.db");
    if !path.exists() {
        return Finding::good("database", "none yet; the first start makes it");
    }
    let opened = tokio::task::spawn_blocking(move || Db::open_existing(&path)).await;
    match opened {
        Ok(Ok(db)) => match db.close().await {
            Ok(()) => Finding::good("database", "opens and passes its check"),
            Err(error) => Finding::bad("database", error.to_string(), "restore a backup"),
        },
        Ok(Err(error)) => Finding::bad(
            "database",
            error.to_string(),
            "stop the server and restore a backup, or move the file away to begin anew",
        ),
        Err(error) => Finding::bad("database", error.to_string(), "please report this"),
    }
}

async fn program(pool: &Arc<Pool>, check: &'static str, path: &str) -> Finding {
    let fix = format!(
        "install it (apt-get install ffmpeg) or set ffmpeg.{}",
        match check {
            "ffmpeg" => "path",
            _ => "ffprobe_path",
        }
    );
    match run(pool, path, &["-hide_banner", "-version"]).await {
        Ok(text) => Finding::good(check, text.lines().next().unwrap_or("no version").to_owned()),
        Err(problem) => Finding::bad(check, problem, fix),
    }
}

async fn encoders(pool: &Arc<Pool>, path: &str) -> Finding {
    let fix = "install an ffmpeg that was built with libx264";
    match run(pool, path, &["-hide_banner", "-encoders"]).await {
        Ok(text) if text.contains(" libx264 ") && text.contains(" aac ") => {
            Finding::good("encoders", "libx264 and aac")
        }
        Ok(_) => Finding::bad("encoders", "libx264 or aac is missing", fix),
        Err(problem) => Finding::bad("encoders", problem, fix),
    }
}

/// Runs a program and gives back what it wrote to stdout.
async fn run(pool: &Arc<Pool>, program: &str, args: &[&str]) -> Result<String, String> {
    let command = Command {
        program: OsString::from(program),
        args: args.iter().map(OsString::from).collect(),
        timeout: Duration::from_secs(10),
        max_output: 1 << 20,
    };
    let finished =
        pool.run(command).await.map_err(|error| match std::error::Error::source(&error) {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        })?;
    if finished.code != Some(0) {
        return Err(format!("it ended with {:?}", finished.code));
    }
    Ok(String::from_utf8_lossy(&finished.stdout).into_owned())
}

fn port(bind: SocketAddr) -> Finding {
    match TcpListener::bind(bind) {
        Ok(_) => Finding::good("port", format!("{bind} is free")),
        Err(error) => Finding::bad(
            "port",
            format!("{bind}: {error}"),
            "stop what uses it or choose another --port",
        ),
    }
}

fn discovery_port(port: u16) -> Finding {
    match UdpSocket::bind(("0.0.0.0", port)) {
        Ok(_) => Finding::good("tuner discovery", format!("UDP {port} is free")),
        Err(error) => Finding::bad(
            "tuner discovery",
            format!("UDP {port}: {error}"),
            "clients that search have to be given the address; else stop what uses the port",
        ),
    }
}

fn address(config: &Config) -> Finding {
    match &config.server.public_url {
        Some(url) => Finding::good("address", format!("clients are told {url}")),
        None => Finding::good(
            "address",
            "clients are told the address they asked; set server.public_url behind a proxy",
        ),
    }
}

fn library_folder(path: &Path) -> Finding {
    match std::fs::read_dir(path).map(Iterator::count) {
        Ok(0) => Finding::bad(
            "library folder",
            format!("{} is empty", path.display()),
            "check that the disk or share is mounted",
        ),
        Ok(entries) => {
            Finding::good("library folder", format!("{}: {entries} entries", path.display()))
        }
        Err(error) => Finding::bad(
            "library folder",
            format!("{}: {error}", path.display()),
            "check the path, the mount and the access rights",
        ),
    }
}
