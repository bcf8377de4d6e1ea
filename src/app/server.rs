//! A running server: built from the bottom up, taken down from the top.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::agent;
use crate::config::Config;
use crate::config::ai_agent::Mode;
use crate::control::guard::{ActMode, Modes};
use crate::control::operations::Actor;
use crate::control::{self, Control, Device};
use crate::domain::{AccelerationChoice, LibraryKind, NewLibrary, UtcMillis, Watching};
use crate::formats::hdhomerun::{self, DeviceId};
use crate::foundation::clock::SharedClock;
use crate::foundation::reach::Outside;
use crate::foundation::secrets::Secret;
use crate::foundation::stop::Stop;
use crate::http;
use crate::storage::Db;
use crate::stream::{self, pool};
use crate::tuner;

use super::{config_file, demo, tuners};

/// What a server is started with.
#[derive(Debug, Clone)]
pub struct StartOptions {
    /// Folder of everything the server keeps; made if it is not there.
    pub data_dir: PathBuf,
    /// The checked configuration.
    pub config: Config,
    /// Address to bind; port 0 takes a free one.
    pub bind: SocketAddr,
    /// Folders to add as libraries at the start.
    pub libraries: Vec<PathBuf>,
    /// Whether to make and play the demo library.
    pub demo: bool,
    /// The clock.
    pub clock: SharedClock,
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    control: Control,
    db: Db,
    stop: Stop,
    new_admin_key: Option<Secret>,
    _lock: DataLock,
}

/// Facts that wait for the detectors; when full, the stream counts what it drops.
const FACTS: usize = 4_096;

/// How long a stop waits for tasks before it gives up on them.
const GRACE: Duration = Duration::from_secs(10);

impl Server {
    /// Builds and starts everything; returns when requests are answered.
    ///
    /// # Errors
    /// When the data folder, the database or the address cannot be used.
    pub async fn start(options: StartOptions) -> anyhow::Result<Self> {
        let StartOptions { data_dir, config, bind, libraries, demo, clock } = options;
        let lock = DataLock::take(&data_dir)?;
        // The address is taken first: a second server must not touch anything else.
        let listener = TcpListener::bind(bind)
            .await
            .with_context(|| format!("bind {bind}: is another server running there?"))?;
        let addr = listener.local_addr().context("read the bound address")?;
        let stop = Stop::new();
        let db = open_database(&data_dir).await?;
        let pool = pool::Pool::start(limits(&config), &stop, &data_dir.join("run"))
            .context("start the process pool")?;
        let (facts, fact_queue) = mpsc::channel(FACTS);
        let settings = stream_settings(&config, &data_dir);
        let (tuning, steering) =
            stream::start(settings, Arc::clone(&clock), &stop, facts.clone(), Arc::clone(&pool))
                .context("start the stream")?;
        let device = device(&db, &config).await?;
        let new_admin_key = first_key(&db).await?;
        let control = Control::start(
            db.clone(),
            tuning.clone(),
            steering,
            Arc::clone(&pool),
            Arc::clone(&clock),
            &stop,
            control_options(&config, &data_dir, device.clone(), demo),
            (facts, fact_queue),
        )
        .await
        .context("plan the channels")?;
        agent::start(
            control.operations(),
            control.operator().woken(),
            Arc::clone(&clock),
            &stop,
            agent::Settings::default(),
        );
        let (slots, counted) = tuners::slots(device.tuner_count);
        if config.hdhomerun.enabled && config.hdhomerun.udp_enabled {
            start_tuner(&control, &config, addr, slots, &clock, &stop)?;
        }
        let settings = http_settings(&config)?;
        let state =
            http::State::new(control.clone(), settings, Arc::clone(&clock), counted, stop.child());
        let sizes = control.clone();
        let send_buffer = move || usize::try_from(sizes.buffers().buffer_size).unwrap_or(0);
        let serving = http::serve(listener, http::router(state), stop.child(), send_buffer);
        stop.spawn("http", serving);
        let backups = config.storage.backup_directory.clone();
        let backups = Backups {
            folder: backups.unwrap_or_else(|| data_dir.join("backups")),
            every: Duration::from_secs(3_600 * u64::from(config.storage.backup_interval_hours)),
            keep: usize::try_from(config.storage.backup_keep_count).unwrap_or(usize::MAX),
        };
        if !backups.every.is_zero() {
            stop.spawn("backups", backups.run(db.clone(), clock, stop.child()));
        }
        let server = Self { addr, control, db, stop, new_admin_key, _lock: lock };
        server.add_media(libraries, demo, &data_dir, pool, &config).await?;
        Ok(server)
    }

    /// The address requests are answered on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The use cases.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// The admin key, when this start made it. It is stored as a hash only.
    pub fn new_admin_key(&self) -> Option<&Secret> {
        self.new_admin_key.as_ref()
    }

    /// Stops everything and waits for it; says how many tasks did not end in time.
    pub async fn stop(self) -> usize {
        let left = self.stop.drain(GRACE).await;
        if let Err(error) = self.db.close().await {
            tracing::error!(error = %error, "the database could not be closed");
        }
        left
    }
}

impl Server {
    /// Adds the folders asked for and makes the demo, in the background where it takes long.
    async fn add_media(
        &self,
        libraries: Vec<PathBuf>,
        demo: bool,
        data_dir: &Path,
        pool: Arc<pool::Pool>,
        config: &Config,
    ) -> anyhow::Result<()> {
        let mut folders = config.library.paths.clone();
        folders.extend(libraries);
        for folder in folders {
            // An empty name takes the folder's.
            let path = folder.to_string_lossy().into_owned();
            let new = NewLibrary {
                name: String::new(),
                path,
                kind: LibraryKind::Other,
                connections: None,
            };
            let added = self.control.ensure_library(&Actor::System, new).await;
            let library =
                added.with_context(|| format!("add the library folder {}", folder.display()))?;
            self.control
                .start_scan(&Actor::System, library.id)
                .await
                .with_context(|| format!("scan {}", folder.display()))?;
        }
        if demo {
            let control = self.control.clone();
            let folder = data_dir.join("demo");
            let ffmpeg = OsString::from(&config.ffmpeg.settings.path);
            let stop = self.stop.child();
            self.stop.spawn("demo", async move {
                tokio::select! {
                    () = stop.requested() => {}
                    made = demo::run(control, folder, pool, ffmpeg) => {
                        if let Err(error) = made {
                            tracing::error!(error = format!("{error:#}"), "the demo could not be made");
                        }
                    }
                }
            });
        }
        Ok(())
    }
}

/// Copies of the database, made while the server runs.
struct Backups {
    folder: PathBuf,
    every: Duration,
    keep: usize,
}

impl Backups {
    async fn run(self, db: Db, clock: SharedClock, stop: Stop) {
        let mut due = tokio::time::interval(self.every);
        due.tick().await;
        loop {
            tokio::select! {
                () = stop.requested() => return,
                _ = due.tick() => {}
            }
            let now = UtcMillis(clock.now_ms());
            // A failure is logged by storage; the next turn tries again.
            if let Ok(path) = db.backup_into(&self.folder, self.keep, now).await {
                tracing::info!("the database was copied to {}", path.display());
            }
        }
    }
}

/// Keeps a second server out of a data folder; the lock goes with the process.
#[derive(Debug)]
struct DataLock {
    _file: std::fs::File,
}

impl DataLock {
    fn take(data_dir: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(data_dir)
            .with_context(|| format!("create the data folder {}", data_dir.display()))?;
        let path = data_dir.join("lock");
        let file = std::fs::File::create(&path)
            .with_context(|| format!("write to the data folder {}", data_dir.display()))?;
        rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive)
            .with_context(|| {
                format!("another server is using the data folder {}", data_dir.display())
            })?;
        Ok(Self { _file: file })
    }
}

async fn open_database(data_dir: &Path) -> anyhow::Result<Db> {
    let path = data_dir.join("exstreamtv.db");
    let opened = tokio::task::spawn_blocking(move || Db::open(&path)).await;
    opened.context("open the database")?.context("open the database")
}

fn limits(config: &Config) -> pool::Limits {
    // 0 leaves it to memory and descriptors.
    let max_processes = match config.ffmpeg.max_processes {
        0 => usize::MAX,
        most => most,
    };
    pool::Limits {
        max_processes,
        spawns_per_second: config.ffmpeg.spawns_per_second,
        memory_guard: config.ffmpeg.memory_guard_threshold,
        descriptor_reserve: config.ffmpeg.fd_guard_reserve,
    }
}

fn stream_settings(config: &Config, data_dir: &Path) -> stream::Settings {
    let streaming = &config.streaming;
    stream::Settings {
        cache_dir: streaming.cache_directory.clone().unwrap_or_else(|| data_dir.join("cache")),
        shown_dir: data_dir.join("shown"),
        cache_bytes: u64::from(streaming.cache_gb) * 1_000_000_000,
        viewers: watching(config).into(),
        throttle: stream::pace::Throttle::of(&config.stream_throttler, &streaming.buffers),
        ahead: streaming.preparing.into(),
        outside: outside(config),
        ffmpeg: OsString::from(&config.ffmpeg.settings.path),
        acceleration: AccelerationChoice {
            all: config.ffmpeg.settings.hwaccel,
            device: config.ffmpeg.settings.hwaccel_device.clone(),
        },
        runs: config.ffmpeg.settings.runs.clone(),
        limits: limits(config),
    }
}

fn control_options(
    config: &Config,
    data_dir: &Path,
    device: Device,
    demo: bool,
) -> control::Options {
    control::Options {
        build_days: config.playout.build_days,
        past_hours: config.guide.past_hours,
        wording: config.guide.wording.clone(),
        show_filler: config.guide.show_filler,
        default_profile: config.streaming.default_profile.clone(),
        outside: outside(config),
        scan_interval: Duration::from_secs(u64::from(config.library.scan_interval_minutes) * 60),
        ffmpeg: OsString::from(&config.ffmpeg.settings.path),
        ffprobe: OsString::from(&config.ffmpeg.settings.ffprobe_path),
        device,
        starter: !demo,
        history: control::sessions::History {
            days: config.session_manager.history_days,
            entries: config.session_manager.history_entries,
        },
        throttler: config.stream_throttler,
        preparing: config.streaming.preparing,
        watching: watching(config),
        buffers: config.streaming.buffers,
        transcoding: config.ffmpeg.settings.clone(),
        config_file: Arc::new(config_file::File(
            config.file.clone().unwrap_or_else(|| data_dir.join("config.yaml")),
        )),
        watermarks: data_dir.join("watermarks"),
        slates: data_dir.join("slates"),
        schedules: data_dir.join("schedules"),
        zone: config.playout.zone.clone(),
        operator: control::operate::Settings {
            modes: modes(config),
            tools_dir: None,
            head_file: Some(data_dir.join("audit-head")),
        },
    }
}

/// What holds for those who watch.
fn watching(config: &Config) -> Watching {
    let (streaming, sessions) = (&config.streaming, &config.session_manager);
    Watching {
        lead_seconds: streaming.lead_seconds,
        linger_seconds: streaming.linger_seconds,
        per_channel: sessions.max_sessions_per_channel,
        per_user: sessions.max_sessions_per_user,
        idle_seconds: sessions.idle_timeout_seconds,
    }
}

/// How the sources of broadcasts are asked.
fn outside(config: &Config) -> Outside {
    let library = &config.library;
    Outside { own_machine: library.own_machine, authorities: library.ca_file.clone() }
}

/// How far the operator may go by itself.
fn modes(config: &Config) -> Modes {
    let agent = &config.ai_agent;
    let cap = match agent.bounded_agent_mode {
        _ if !agent.enabled || !agent.bounded_agent_enabled => ActMode::Off,
        Mode::Off => ActMode::Off,
        Mode::Shadow => ActMode::Shadow,
        Mode::Advise => ActMode::Advise,
        Mode::Act => ActMode::Act,
    };
    Modes { cap, ..Modes::default() }
}

/// Answers HDHomeRun clients on their own port.
fn start_tuner(
    control: &Control,
    config: &Config,
    addr: SocketAddr,
    slots: tuner::Slots,
    clock: &SharedClock,
    stop: &Stop,
) -> anyhow::Result<()> {
    let device = control.device();
    let settings = tuner::Settings {
        device: hdhomerun::Device {
            device_id: device.device_id.parse().context("hdhomerun.device_id")?,
            device_auth: device.device_auth,
            friendly_name: device.friendly_name,
            tuner_count: u8::try_from(device.tuner_count).unwrap_or(u8::MAX),
        },
        port: config.hdhomerun.udp_port,
        public_url: config.server.public_url.clone(),
        http_host: addr.ip(),
        http_port: addr.port(),
    };
    let lineup = control.clone();
    let channels = Arc::new(tuners::Joined(control.clone()));
    let lineup = Arc::new(move || lineup.lineup().ok());
    tuner::start(settings, slots, channels, lineup, Arc::clone(clock), stop);
    Ok(())
}

fn http_settings(config: &Config) -> anyhow::Result<http::Settings> {
    let proxies = config.security.trusted_proxies.iter().map(|range| range.parse());
    Ok(http::Settings {
        public_url: config.server.public_url.clone(),
        trusted_proxies: proxies.collect::<Result<_, _>>().context("security.trusted_proxies")?,
        api_key_required: config.security.api_key_required,
        access_token: config.security.access_token.clone(),
        session: Duration::from_secs(u64::from(config.security.session_timeout)),
        version: env!("CARGO_PKG_VERSION"),
    })
}

/// The tuner's identity: from the configuration, else made once and kept.
async fn device(db: &Db, config: &Config) -> anyhow::Result<Device> {
    const KEY: &str = "hdhomerun.device_id";
    let configured = config.hdhomerun.device_id.clone();
    let stored = db.setting(KEY).await.context("read the device id")?;
    let device_id = match configured.or(stored) {
        Some(id) => id,
        None => {
            let id = DeviceId::generate(rand::random()).to_string();
            db.set_setting(KEY, &id).await.context("store the device id")?;
            id
        }
    };
    Ok(Device {
        device_id,
        device_auth: config.hdhomerun.device_auth.clone(),
        friendly_name: config.hdhomerun.friendly_name.clone(),
        tuner_count: config.hdhomerun.tuner_count,
    })
}

/// Makes the admin key when there is no key at all.
async fn first_key(db: &Db) -> anyhow::Result<Option<Secret>> {
    if !db.list_keys().await.context("read the keys")?.is_empty() {
        return Ok(None);
    }
    let key = Secret::generate();
    db.insert_key("admin", &key.hash()).await.context("store the admin key")?;
    Ok(Some(key))
}
