//! The commands of the command line: each reads the configuration and calls one thing.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::{self, AuditCommand, Cli, Command, ConfigCommand, Place};
use crate::config::{self, Config, Loaded};
use crate::control::audit::{AuditLog, HEAD_FILE};
use crate::control::operations::Actor;
use crate::domain::InvalidField;
use crate::foundation::clock::SystemClock;
use crate::foundation::telemetry;
use crate::storage::Db;

use super::server::{Server, StartOptions};
use super::{doctor, eval};

/// Reads the command line and does what it says; 0 done, 1 failed, 2 could not be read.
pub fn main() -> ExitCode {
    let cli = cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(run(cli)),
        Err(error) => Err(error).context("start the runtime"),
    };
    result.unwrap_or_else(|error| {
        say_error(&format!("error: {error:#}"));
        ExitCode::FAILURE
    })
}

async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Serve(serve) => self::serve(serve).await,
        Command::Scan(scan) => self::scan(scan).await,
        Command::Doctor(doctor) => self::doctor(doctor).await,
        Command::Audit { command: AuditCommand::Verify(verify) } => audit(&verify.place).await,
        Command::Eval(eval) => self::eval(eval).await,
        Command::Channels(channels) => self::channels(&channels).await,
        Command::Migrate(migrate) => self::migrate(&migrate.place).await,
        Command::Config { command: ConfigCommand::Check(check) } => config_check(&check.place),
        Command::Version => {
            say(&format!("exstreamtv {}", env!("CARGO_PKG_VERSION")))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn serve(options: cli::Serve) -> anyhow::Result<ExitCode> {
    let config = load(&options.place)?;
    telemetry::start(&config.server.log_level, config.server.log_format)
        .context("server.log_level cannot be read; write a level such as info")?;
    let mut hangup = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    let bind = SocketAddr::new(
        options.host.unwrap_or(config.server.host),
        options.port.unwrap_or(config.server.port),
    );
    let server = Server::start(StartOptions {
        data_dir: options.place.data_dir,
        config,
        bind,
        libraries: options.libraries,
        demo: options.demo,
        clock: SystemClock::start(),
    })
    .await?;
    if let Err(error) = greet(&server) {
        tracing::warn!(error = %error, "nobody reads the terminal; the server goes on");
    }
    tokio::select! {
        _ = hangup.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping; a second signal ends at once");
    let stopping = server.stop();
    tokio::select! {
        left = stopping => {
            if left > 0 {
                tracing::warn!(tasks = left, "{left} tasks did not end in time");
            }
            Ok(ExitCode::SUCCESS)
        }
        _ = hangup.recv() => std::process::exit(1),
        _ = interrupt.recv() => std::process::exit(1),
    }
}

/// Prints where to go, and the admin key when this start made it.
fn greet(server: &Server) -> anyhow::Result<()> {
    let addr = server.addr();
    let host =
        if addr.ip().is_unspecified() { "localhost".to_owned() } else { addr.ip().to_string() };
    let base = format!("http://{host}:{}", addr.port());
    say(&format!(
        "EXStreamTV {} is listening on {addr}\n\n  \
           pages     {base}/\n  \
           playlist  {base}/iptv/channels.m3u\n  \
           guide     {base}/iptv/xmltv.xml\n  \
           tuner     {base}/discover.json\n",
        env!("CARGO_PKG_VERSION")
    ))?;
    if let Some(key) = server.new_admin_key() {
        say(&format!(
            "  admin key {}\n\n  Keep it: it is shown only once. From this machine no key is needed.\n",
            key.reveal()
        ))?;
    }
    Ok(())
}

async fn scan(options: cli::Scan) -> anyhow::Result<ExitCode> {
    let mut config = load(&options.place)?;
    // Nobody is to find this server or to be served by it.
    config.hdhomerun.udp_enabled = false;
    config.ai_agent.bounded_agent_enabled = false;
    telemetry::start("warn", config.server.log_format).context("start logging")?;
    let server = Server::start(StartOptions {
        data_dir: options.place.data_dir,
        config,
        bind: SocketAddr::from(([127, 0, 0, 1], 0)),
        libraries: options.libraries,
        demo: false,
        clock: SystemClock::start(),
    })
    .await?;
    let mut failed = false;
    for library in server.control().libraries().await? {
        let progress = server.control().scan_and_wait(&Actor::System, library.id).await?;
        say(&format!(
            "{}: {} files, {} new, {} changed, {} missing, {} unreadable",
            library.name,
            progress.total_files,
            progress.new_items,
            progress.changed_items,
            progress.missing_items,
            progress.errors
        ))?;
        if let Some(failure) = progress.failure {
            say(&format!("  {failure}"))?;
            failed = true;
        }
    }
    server.stop().await;
    Ok(exit(!failed))
}

async fn doctor(options: cli::Doctor) -> anyhow::Result<ExitCode> {
    let config = load(&options.place)?;
    let bind = SocketAddr::new(config.server.host, config.server.port);
    let findings =
        doctor::examine(&config, &options.place.data_dir, bind, options.url.as_deref()).await;
    for finding in &findings {
        let mark = if finding.ok { "ok  " } else { "FIX " };
        say(&format!("{mark} {:18} {}", finding.check, finding.found))?;
        if !finding.ok {
            say(&format!("     {:18} → {}", "", finding.fix))?;
        }
    }
    Ok(exit(findings.iter().all(|finding| finding.ok)))
}

async fn audit(place: &Place) -> anyhow::Result<ExitCode> {
    let db = open_existing(&place.data_dir).await?;
    let head_file = place.data_dir.join(HEAD_FILE);
    let log = AuditLog::new(db.clone(), Some(head_file));
    let status = log.status().await.context("read the audit log")?;
    match &status.fault {
        None => {
            say(&format!("{} records, the chain is whole\nhead {}", status.records, status.head))?
        }
        Some(fault) => say(&format!("THE CHAIN IS BROKEN: {fault}"))?,
    }
    db.close().await.context("close the database")?;
    Ok(exit(status.is_intact()))
}

async fn eval(options: cli::Eval) -> anyhow::Result<ExitCode> {
    telemetry::start("warn", telemetry::LogFormat::Text).context("start logging")?;
    let report = eval::run(&options.only).await?;
    say(&report.text())?;
    if let Some(path) = options.report {
        let json = serde_json::to_vec_pretty(&report).context("write the report")?;
        std::fs::write(&path, json).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(exit(report.passed()))
}

async fn channels(options: &cli::Channels) -> anyhow::Result<ExitCode> {
    let db = open_existing(&options.place.data_dir).await?;
    let zone = load(&options.place)?.playout.zone;
    let schedules = options.place.data_dir.join("schedules");
    let rows = super::channels::list(&db, &schedules, zone).await?;
    let mut silent = 0;
    for row in &rows {
        silent += usize::from(row.reason.is_some());
        match &row.reason {
            Some(reason) => {
                say(&format!("{:>7}  {:30}  nothing to play: {reason}", row.number, row.name))?;
            }
            None if options.no_content => {}
            None => {
                say(&format!("{:>7}  {:30}  {} items", row.number, row.name, row.playable))?;
            }
        }
    }
    if options.no_content && silent == 0 {
        say(&format!("all {} channels have something to play", rows.len()))?;
    }
    db.close().await.context("close the database")?;
    Ok(exit(!options.no_content || silent == 0))
}

async fn migrate(place: &Place) -> anyhow::Result<ExitCode> {
    let path = place.data_dir.join("exstreamtv.db");
    if !path.is_file() {
        bail!("there is no database at {}; `serve` makes one", path.display());
    }
    let change = tokio::task::spawn_blocking(move || Db::migrate(&path))
        .await
        .context("migrate the database")??;
    say(&format!("schema version {} → {}", change.from, change.to))?;
    Ok(ExitCode::SUCCESS)
}

fn config_check(place: &Place) -> anyhow::Result<ExitCode> {
    let file = place.config_file();
    match config::load(file.as_deref(), config::environment()) {
        Ok(Loaded { warnings, .. }) => {
            for warning in &warnings {
                say(&format!("warning: {warning}"))?;
            }
            let name = file.map_or("the defaults".to_owned(), |path| path.display().to_string());
            say(&format!("{name}: no mistakes, {} warnings", warnings.len()))?;
            Ok(ExitCode::SUCCESS)
        }
        Err(mistakes) => {
            say(&list(&mistakes))?;
            Ok(ExitCode::FAILURE)
        }
    }
}

/// The checked configuration; all mistakes at once, before anything else is done.
fn load(place: &Place) -> anyhow::Result<Config> {
    let file = place.config_file();
    match config::load(file.as_deref(), config::environment()) {
        Ok(Loaded { config, warnings }) => {
            for warning in warnings {
                say_error(&format!("warning: {warning}"));
            }
            Ok(config)
        }
        Err(mistakes) => bail!("the configuration cannot be used:\n{}", list(&mistakes)),
    }
}

fn list(mistakes: &[InvalidField]) -> String {
    mistakes.iter().map(|m| format!("  {m}")).collect::<Vec<_>>().join("\n")
}

async fn open_existing(data_dir: &Path) -> anyhow::Result<Db> {
    let path = data_dir.join("exstreamtv.db");
    let opened = tokio::task::spawn_blocking(move || Db::open_existing(&path)).await;
    opened.context("open the database")?.context("open the database")
}

fn exit(good: bool) -> ExitCode {
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Writes a line for the person at the terminal.
fn say(text: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout().lock(), "{text}").context("write to the terminal")
}

/// Writes a line to stderr; where even that fails there is nobody to tell.
fn say_error(text: &str) {
    if writeln!(std::io::stderr().lock(), "{text}").is_err() {
        tracing::debug!("stderr is closed");
    }
}
