//! The stage: a server of its own, real files, a real viewer, and the fault.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::grade::{Observed, Viewed};
use super::scenario::{Fault, Inject, Scenario, Setup, When};
use crate::app::{Server, StartOptions};
use crate::config::Config;
use crate::domain::{
    ChannelId, ChannelNumber, IncidentState, MediaId, Profile, RecordKind, UtcMillis,
};
use crate::foundation::clock::{Clock, SystemClock};
use crate::foundation::process::{Command, Processes};
use crate::foundation::stop::Stop;
use crate::storage::audit::AuditFilter;
use crate::storage::incidents::IncidentFilter;
use crate::stream::pool;

/// How often the stage looks.
const LOOK: Duration = Duration::from_millis(50);
/// How long the server may take until a channel can be tuned.
const READY: Duration = Duration::from_secs(60);
/// How long the live conform may take to appear.
const APPEARS: Duration = Duration::from_secs(20);
/// The slot on air must last at least this much longer.
const SLOT_LEFT_MS: i64 = 90_000;

/// Plays one scenario and reports what was recorded and seen.
pub(super) async fn play(scenario: &Scenario) -> anyhow::Result<Observed> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("exstreamtv-eval-{}-{count}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    let played = play_in(&folder, scenario).await;
    if let Err(error) = tokio::fs::remove_dir_all(&folder).await {
        tracing::warn!(%error, "the folder {} of the evaluation is left", folder.display());
    }
    played
}

async fn play_in(folder: &Path, scenario: &Scenario) -> anyhow::Result<Observed> {
    let media = folder.join("media");
    make_media(&media, scenario.setup).await.context("make media")?;
    let mut config = Config::default();
    config.streaming.preparing.ahead_minutes = 0;
    config.streaming.default_profile = Profile::named("360p24");
    config.library.scan_interval_minutes = 10_080;
    config.hdhomerun.udp_port = 0;
    let clock = SystemClock::start();
    let options = StartOptions {
        data_dir: folder.join("data"),
        config,
        bind: SocketAddr::from(([127, 0, 0, 1], 0)),
        libraries: vec![media],
        demo: false,
        clock: Arc::<SystemClock>::clone(&clock),
    };
    let server = Server::start(options).await.context("start the server")?;
    let observed = Stage { server: &server, clock: &clock }.play(scenario).await;
    let left = server.stop().await;
    let observed = observed?;
    if left > 0 {
        bail!("{left} tasks did not end with the server");
    }
    Ok(observed)
}

/// Makes items that cannot be copied, so that a live conform has work to do.
async fn make_media(folder: &Path, setup: Setup) -> anyhow::Result<()> {
    tokio::fs::create_dir_all(folder).await.context("make the media folder")?;
    let stop = Stop::new();
    let pool = pool::Pool::start(pool::Limits::default(), &stop, &folder.with_extension("run"))
        .context("start a process pool")?;
    for item in 1..=setup.items {
        let path = folder.join(format!("Evaluation {item}.mkv"));
        let (seconds, tone) = (setup.item_seconds, 200 * item);
        let args = format!(
            "-nostdin -v error -f lavfi -i testsrc2=size=256x144:rate=24:duration={seconds} \
             -f lavfi -i sine=frequency={tone}:duration={seconds} \
             -c:v mpeg4 -q:v 12 -g 48 -c:a mp2 -b:a 64k -y"
        );
        let mut args: Vec<std::ffi::OsString> = args.split_whitespace().map(Into::into).collect();
        args.push(path.into());
        let command = Command {
            program: "ffmpeg".into(),
            args,
            timeout: Duration::from_secs(120),
            max_output: 1 << 16,
        };
        let finished = pool.run(command).await.context("run ffmpeg")?;
        if finished.code != Some(0) {
            bail!("ffmpeg ended with {:?}: {}", finished.code, finished.stderr);
        }
    }
    stop.drain(Duration::from_secs(5)).await;
    Ok(())
}

struct Stage<'a> {
    server: &'a Server,
    clock: &'a SystemClock,
}

/// What is on air.
struct OnAir {
    channel: ChannelId,
    number: ChannelNumber,
    path: PathBuf,
}

impl Stage<'_> {
    async fn play(&self, scenario: &Scenario) -> anyhow::Result<Observed> {
        let on_air = self.on_air().await?;
        let Fault { inject, when } = scenario.fault;
        let mut fault_at = None;
        if when == When::BeforeTuning {
            self.inject(inject, &on_air).await?;
        }
        let stop = Stop::new();
        let viewer = Viewer::start(self.server.addr(), &on_air.number, &stop).await?;
        match when {
            // Nobody could have noticed before somebody tuned in.
            When::BeforeTuning => fault_at = Some(self.now()),
            When::Process => {}
            When::Picture => {
                self.until("the first picture", APPEARS, || self.has_picture(on_air.channel))
                    .await?;
                tokio::time::sleep(Duration::from_secs(2)).await;
            }
        }
        let fault_at = match fault_at {
            Some(at) => at,
            None => {
                self.inject(inject, &on_air).await?;
                self.now()
            }
        };
        let (picture_after_ms, slate_after_ms) =
            self.watch(scenario, on_air.channel, fault_at).await?;
        let viewed = viewer.seen();
        stop.drain(Duration::from_secs(5)).await;
        let control = self.server.control();
        let chain = control.audit_status().await.context("verify the audit log")?;
        let everything = AuditFilter { incident: None, after_seq: 0, limit: 10_000 };
        Ok(Observed {
            fault_at,
            incidents: control.incidents(IncidentFilter::default()).await?,
            records: control.audit(everything).await?,
            chain: chain.fault.map_or(Ok(chain.records), |fault| Err(fault.to_string())),
            picture_after_ms,
            slate_after_ms,
            viewed,
        })
    }

    /// Waits for a channel with media on air that stays there for a while.
    async fn on_air(&self) -> anyhow::Result<OnAir> {
        let control = self.server.control();
        let until = Instant::now() + READY + Duration::from_secs(240);
        loop {
            let lineup = control.lineup().map(|lineup| lineup.first().cloned());
            if let Ok(Some(first)) = lineup
                && let Some((now, _)) = control.now_and_next(first.id)
                && let Some(media) = now.media
                && now.stop.since(self.now()) >= SLOT_LEFT_MS
            {
                let path = self.path_of(media).await?;
                return Ok(OnAir { channel: first.id, number: first.number, path });
            }
            if Instant::now() > until {
                bail!("no channel had media on air in time");
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn path_of(&self, media: MediaId) -> anyhow::Result<PathBuf> {
        let item = self.server.control().media_item(media).await?;
        Ok(PathBuf::from(item.path))
    }

    /// Does the damage, and makes sure that it is done.
    async fn inject(&self, inject: Inject, on_air: &OnAir) -> anyhow::Result<()> {
        match inject {
            Inject::Kill | Inject::Stop => {
                let signal = if inject == Inject::Kill { Signal::KILL } else { Signal::STOP };
                let until = Instant::now() + APPEARS;
                loop {
                    if let Some(pid) = find_ffmpeg(&on_air.path) {
                        kill_process(pid, signal).context("send the signal")?;
                        return Ok(());
                    }
                    if Instant::now() > until {
                        bail!("no live conform of {} appeared", on_air.path.display());
                    }
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
            Inject::Overwrite => {
                let length = tokio::fs::metadata(&on_air.path).await?.len();
                let length = usize::try_from(length).context("a file of this size")?;
                let noise: Vec<u8> = (0..length).map(noise).collect();
                tokio::fs::write(&on_air.path, noise).await.context("overwrite the file")
            }
            Inject::Remove => tokio::fs::remove_file(&on_air.path).await.context("remove the file"),
        }
    }

    /// Watches until the verdict is there and the incident settled, or time is up.
    async fn watch(
        &self,
        scenario: &Scenario,
        channel: ChannelId,
        fault_at: UtcMillis,
    ) -> anyhow::Result<(Option<i64>, Option<i64>)> {
        let (mut picture, mut slate) = (None, None);
        let control = self.server.control();
        while self.now().since(fault_at) < scenario.oracle.settle_within_ms {
            let after = self.now().since(fault_at);
            if control.tuning().state(channel).is_some_and(|state| state.on_slate) {
                slate.get_or_insert(after);
                picture = None;
            } else if self.has_picture(channel) {
                picture.get_or_insert(after);
            }
            if picture.is_some() && self.is_settled().await? {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok((picture, slate))
    }

    fn has_picture(&self, channel: ChannelId) -> bool {
        let state = self.server.control().tuning().state(channel);
        state.is_some_and(|state| !state.on_slate && state.media.is_some() && state.headroom_ms > 0)
    }

    async fn is_settled(&self) -> anyhow::Result<bool> {
        let control = self.server.control();
        let incidents = control.incidents(IncidentFilter::default()).await?;
        let open = incidents.iter().any(|incident| incident.state == IncidentState::Open);
        let everything = AuditFilter { incident: None, after_seq: 0, limit: 10_000 };
        let records = control.audit(everything).await?;
        let judged = records.iter().any(|record| record.kind == RecordKind::Verdict);
        Ok(judged && !incidents.is_empty() && !open)
    }

    async fn until(
        &self,
        what: &str,
        limit: Duration,
        holds: impl Fn() -> bool,
    ) -> anyhow::Result<()> {
        let until = Instant::now() + limit;
        while !holds() {
            if Instant::now() > until {
                bail!("{what} did not come within {limit:?}");
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    fn now(&self) -> UtcMillis {
        UtcMillis(self.clock.now_ms())
    }
}

/// A client that reads a channel's stream over TCP and notes how steadily it comes.
struct Viewer {
    bytes: Arc<AtomicU64>,
    longest_gap_ms: Arc<AtomicU64>,
    ended: Arc<AtomicU64>,
}

impl Viewer {
    async fn start(addr: SocketAddr, number: &ChannelNumber, stop: &Stop) -> anyhow::Result<Self> {
        let mut stream = TcpStream::connect(addr).await.context("connect as a viewer")?;
        let request = format!(
            "GET /iptv/channel/{number}.ts HTTP/1.0\r\nHost: {addr}\r\nUser-Agent: eval\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.context("ask for the stream")?;
        let viewer =
            Self { bytes: Arc::default(), longest_gap_ms: Arc::default(), ended: Arc::default() };
        let (bytes, gap) = (Arc::clone(&viewer.bytes), Arc::clone(&viewer.longest_gap_ms));
        let (ended, until) = (Arc::clone(&viewer.ended), stop.child());
        stop.spawn("eval viewer", async move {
            let mut buffer = vec![0; 64 * 1024];
            let mut last = Instant::now();
            loop {
                let read = tokio::select! {
                    () = until.requested() => return,
                    read = stream.read(&mut buffer) => read,
                };
                match read {
                    Ok(0) | Err(_) => {
                        ended.store(1, Ordering::Relaxed);
                        return;
                    }
                    Ok(count) => {
                        let silent = last.elapsed().as_millis();
                        gap.fetch_max(u64::try_from(silent).unwrap_or(u64::MAX), Ordering::Relaxed);
                        last = Instant::now();
                        bytes.fetch_add(u64::try_from(count).unwrap_or(0), Ordering::Relaxed);
                    }
                }
            }
        });
        Ok(viewer)
    }

    fn seen(&self) -> Viewed {
        let gap = self.longest_gap_ms.load(Ordering::Relaxed);
        Viewed {
            bytes: self.bytes.load(Ordering::Relaxed),
            longest_gap_ms: i64::try_from(gap).unwrap_or(i64::MAX),
            ended: self.ended.load(Ordering::Relaxed) > 0,
        }
    }
}

/// A child process of ours that is ffmpeg and reads `path`.
fn find_ffmpeg(path: &Path) -> Option<Pid> {
    let wanted = path.to_str()?;
    let ours = i64::from(std::process::id());
    let entries = std::fs::read_dir("/proc").ok()?; // reason: without /proc nothing is found
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        let folder = entry.path();
        // reason: a process may end while it is looked at
        let Ok(line) = std::fs::read(folder.join("cmdline")) else { continue };
        let line = String::from_utf8_lossy(&line).into_owned();
        let mut args = line.split('\0');
        let is_ffmpeg = args.next().is_some_and(|program| program.ends_with("ffmpeg"));
        if is_ffmpeg && line.contains(wanted) && parent_of(&folder) == Some(ours) {
            return Pid::from_raw(pid);
        }
    }
    None
}

fn parent_of(folder: &Path) -> Option<i64> {
    let stat = std::fs::read_to_string(folder.join("stat")).ok()?; // reason: it may have ended
    let after_name = stat.rsplit_once(')')?.1;
    after_name.split_whitespace().nth(1)?.parse().ok()
}

/// Byte `at` of a noise that is the same every time.
fn noise(at: usize) -> u8 {
    let mixed = (at as u64).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    u8::try_from((mixed ^ (mixed >> 29)) & 0xFF).unwrap_or(0)
}
