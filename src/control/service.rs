//! The facade: what `http` and `app` hold to ask and to change things.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;

use crate::domain::{
    AuditRecord, Channel, ChannelId, ChannelNumber, Fact, FfmpegSettings, Incident, IncidentId,
    Library, LibraryId, LineupChannel, Media, MediaFilter, MediaId, NewLibrary, Preparing, Profile,
    Programme, ScanProgress, UtcMillis, Watching, WatermarkId, Wording, WordingChoice, Zone,
};
use crate::foundation::clock::SharedClock;
use crate::foundation::process::Processes;
use crate::foundation::reach::Outside;
use crate::foundation::secrets;
use crate::foundation::stop::Stop;
use crate::schedule::starter::{profile_for, starter};
use crate::storage::audit::{AuditFilter, ChainStatus};
use crate::storage::incidents::IncidentFilter;
use crate::storage::{Db, StoredKey};
use crate::stream::pool::{Pool, PoolLoad};
use crate::stream::{Steering, Tuning};

use super::error::ControlError;
use super::guide::{self, Guide, GuideState};
use super::libraries::{Changes, Libraries};
use super::logos::Logos;
use super::operate::{Operator, Parts};
use super::operations::{Action, Actor, Operations, Proposal, Verdict};
use super::programming::{self, Programming, Replan};
use super::streams::Running;
use super::testcard::TestCards;
use super::tunables::{Tunables, Tuned};

/// Time between looks at whether something is to be planned further.
const EXTEND_EVERY: Duration = Duration::from_secs(600);

/// Time between plans while a scan brings in media.
const FILL_EVERY: Duration = Duration::from_secs(10);

/// What the use cases need to know from the configuration.
#[derive(Debug, Clone)]
pub struct Options {
    /// Days planned ahead.
    pub build_days: u32,
    /// Hours that the guide shows behind now.
    pub past_hours: u32,
    /// How the guide words programmes.
    pub wording: WordingChoice,
    /// Whether the guide shows filler as programmes of its own.
    pub show_filler: bool,
    /// Profile of channels that name none; `None` takes what most of the media is.
    pub default_profile: Option<Profile>,
    /// Time between scans of all libraries.
    pub scan_interval: Duration,
    /// How the sources of broadcasts are asked.
    pub outside: Outside,
    /// Program for converting media.
    pub ffmpeg: OsString,
    /// Program for probing media.
    pub ffprobe: OsString,
    /// The tuner's identity.
    pub device: Device,
    /// Whether an empty channel table is filled from the first library.
    pub starter: bool,
    /// Where the pictures of watermarks lie as files.
    pub watermarks: PathBuf,
    /// Where the operator's own slates lie as files.
    pub slates: PathBuf,
    /// Where schedule files lie.
    pub schedules: PathBuf,
    /// Zone of schedules that name none.
    pub zone: Zone,
    /// How the operator works.
    pub operator: super::operate::Settings,
    /// How many ended sessions are remembered.
    pub history: super::sessions::History,
    /// How media is made ready, at first.
    pub preparing: Preparing,
    /// What holds for those who watch, at first.
    pub watching: Watching,
    /// How viewers that fell behind catch up, at first.
    pub throttler: crate::domain::Throttler,
    /// How much a client's connection is given at once, at first.
    pub buffers: crate::domain::StreamBuffers,
    /// Where changes of these are kept.
    pub config_file: Arc<dyn super::tunables::ConfigFile>,
    /// The settings of ffmpeg as they were configured.
    pub transcoding: FfmpegSettings,
}

/// How the tuner presents itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Eight hex digits with a valid checksum.
    pub device_id: String,
    /// Opaque text some clients send back.
    pub device_auth: String,
    /// Name shown in clients.
    pub friendly_name: String,
    /// Streams it offers at once.
    pub tuner_count: u32,
}

/// The lineup cannot be given just now: better none than one with holes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the lineup is not available: {reason}")]
pub struct LineupUnavailable {
    /// Why.
    pub reason: String,
}

/// How the server is.
#[derive(Debug, Clone)]
pub struct Health {
    /// Whether the database answers.
    pub database: Result<(), String>,
    /// Channels planned, or why they are not.
    pub lineup: Result<usize, String>,
    /// Whether the programs that convert and probe media are there.
    pub programs: Result<(), String>,
    /// The process pool.
    pub pool: PoolLoad,
}

/// A page of the library.
#[derive(Debug, Clone, PartialEq)]
pub struct MediaPage {
    /// The items of this page.
    pub items: Vec<Media>,
    /// How many match in all.
    pub total: u64,
}

/// An incident with everything that was written about it.
#[derive(Debug, Clone, PartialEq)]
pub struct IncidentDetail {
    /// The incident.
    pub incident: Incident,
    /// Its audit records, oldest first.
    pub records: Vec<AuditRecord>,
}

/// What a restart came to.
#[derive(Debug, Clone, PartialEq)]
pub struct RestartAnswer {
    /// When it was done.
    pub at: UtcMillis,
    /// What was done.
    pub body: serde_json::Value,
}

/// A timer's idea of never.
const NEVER: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Use cases, cheap to clone.
#[derive(Debug, Clone)]
pub struct Control {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    db: Db,
    tuning: Tuning,
    pool: Arc<Pool>,
    clock: SharedClock,
    options: Options,
    keys: Vec<StoredKey>,
    programming: Arc<Programming>,
    libraries: Libraries,
    operator: Arc<Operator>,
    steering: Arc<Steering>,
    tunables: Tunables,
    transcoding: Mutex<FfmpegSettings>,
    test_cards: TestCards,
    /// Held by whoever reads a thing, changes it and stores it.
    edits: tokio::sync::Mutex<()>,
}

impl Control {
    /// The use cases on top of their adapters; plans the channels before it returns.
    ///
    /// # Errors
    /// When storage fails.
    #[expect(clippy::too_many_arguments, reason = "called once, by the composition root")]
    pub async fn start(
        db: Db,
        tuning: Tuning,
        steering: Steering,
        pool: Arc<Pool>,
        clock: SharedClock,
        stop: &Stop,
        options: Options,
        (facts, fact_queue): (mpsc::Sender<Fact>, mpsc::Receiver<Fact>),
    ) -> Result<Self, ControlError> {
        let steering = Arc::new(steering);
        let keys = db.list_keys().await.map_err(ControlError::storage("the keys"))?;
        let wording = Wording::new(&options.wording)
            .map_err(|mistake| ControlError::Invalid(vec![mistake]))?;
        let settings = programming::Settings {
            build_days: options.build_days,
            guide: guide::Settings {
                past_hours: options.past_hours,
                days: options.build_days,
                wording: Arc::new(wording),
                show_filler: options.show_filler,
            },
            watermarks: options.watermarks.clone(),
            slates: options.slates.clone(),
            logos: Logos::new(options.slates.join("logos")),
            schedules: options.schedules.clone(),
            zone: options.zone.clone(),
        };
        let programming = Arc::new(Programming::new(
            db.clone(),
            Arc::clone(&steering),
            Arc::clone(&clock),
            settings,
            facts,
        ));
        let processes: Arc<dyn Processes> = Arc::<Pool>::clone(&pool);
        let libraries = Libraries::new(
            db.clone(),
            Arc::clone(&processes),
            options.ffprobe.clone(),
            options.outside.clone(),
            Arc::clone(&clock),
            stop,
        );
        let streams = Running::new(tuning.clone(), Arc::clone(&steering), Arc::clone(&pool));
        let parts = Parts {
            db: db.clone(),
            streams: Arc::new(streams),
            timelines: Arc::<Programming>::clone(&programming),
            processes,
            ffprobe: options.ffprobe.clone(),
            clock: Arc::clone(&clock),
            settings: options.operator.clone(),
        };
        let operator = Operator::start(parts, fact_queue, stop).await.map_err(|error| {
            ControlError::Failed {
                what: "starting the operator".to_owned(),
                source: Box::new(error),
            }
        })?;
        let tunables = Tunables::new(Tuned {
            throttler: options.throttler,
            buffers: options.buffers,
            preparing: options.preparing,
            watching: options.watching,
        });
        for library in db.list_libraries().await.map_err(ControlError::storage("the libraries"))? {
            steering.limit_connections(library.id, library.connections);
        }
        let transcoding = Mutex::new(options.transcoding.clone());
        let inner = Inner {
            db,
            tuning,
            pool,
            clock,
            options,
            keys,
            programming,
            libraries,
            operator,
            steering,
            tunables,
            transcoding,
            test_cards: TestCards::default(),
            edits: tokio::sync::Mutex::default(),
        };
        let control = Self { inner: Arc::new(inner) };
        control.follow_sessions(stop).await?;
        control.refresh(Replan::Extend).await?;
        control.follow_logos(stop);
        control.follow_schedule_files(stop);
        control.follow_clocks(stop);
        let keeper = control.clone();
        let until = stop.child();
        stop.spawn("programming", async move { keeper.keep_up(until).await });
        Ok(control)
    }

    /// Plans on as time passes, and again after every scan; ends with the server.
    async fn keep_up(&self, stop: Stop) {
        let mut changes = self.inner.libraries.changes();
        let mut seen = Changes::default();
        let every = self.inner.options.scan_interval;
        // Zero means "only when asked to", which to a timer is a very long time.
        let every = if every.is_zero() { NEVER } else { every };
        let mut scan_due = tokio::time::interval(every);
        scan_due.tick().await;
        let mut extend_due = tokio::time::interval(EXTEND_EVERY);
        extend_due.tick().await;
        // While a long scan goes on, the channels are filled at this pace.
        let mut fill_due = tokio::time::interval(FILL_EVERY);
        loop {
            tokio::select! {
                () = stop.requested() => return,
                changed = changes.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let now = *changes.borrow_and_update();
                    if now.scans != seen.scans {
                        seen = now;
                        self.after_scan().await;
                    }
                }
                _ = fill_due.tick() => {
                    let now = *changes.borrow();
                    if now != seen {
                        seen = now;
                        self.refresh_logged(Replan::MediaChanged).await;
                    }
                }
                _ = extend_due.tick() => {
                    self.prune().await;
                    self.refresh_logged(Replan::Extend).await;
                }
                _ = scan_due.tick() => self.scan_all().await,
            }
        }
    }

    /// Media may have come or gone: fill an empty channel table, plan anew where it matters.
    async fn after_scan(&self) {
        if self.inner.options.starter
            && let Err(error) = self.create_starter().await
        {
            tracing::error!(error = %error, "the starter channels could not be created");
        }
        self.refresh_logged(Replan::MediaChanged).await;
    }

    /// Creates the starter line-up when there is no channel at all.
    async fn create_starter(&self) -> Result<(), ControlError> {
        if !self.channels().await?.is_empty() {
            return Ok(());
        }
        let media = self.db().all_media().await.map_err(ControlError::storage("the media list"))?;
        let lineup = starter(&media, &BTreeSet::new());
        let made = lineup.len();
        for channel in lineup {
            let selector = channel.selector.clone();
            let collection =
                self.create_collection(&Actor::System, &channel.name, selector).await?;
            let new = channel.channel(collection.id);
            let failed = ControlError::storage("a starter channel");
            self.db().insert_channel(new, &channel.profile).await.map_err(failed)?;
        }
        if made > 0 {
            tracing::info!(channels = made, "{made} starter channels were made from the library");
        }
        Ok(())
    }

    async fn scan_all(&self) {
        let libraries = match self.libraries().await {
            Ok(libraries) => libraries,
            Err(error) => {
                tracing::warn!(error = %error, "the libraries could not be listed for a scan");
                return;
            }
        };
        for library in libraries {
            if let Err(error) = self.start_scan(&Actor::System, library.id).await {
                tracing::warn!(error = %error, "library {} could not be scanned", library.name);
            }
        }
    }

    pub(super) async fn refresh(&self, replan: Replan) -> Result<(), ControlError> {
        self.inner.programming.refresh(replan).await
    }

    /// Refreshes where nobody waits for the answer; a failure is logged by the refresh itself.
    async fn refresh_logged(&self, replan: Replan) {
        if self.refresh(replan).await.is_err() {
            tracing::debug!("planning is tried again at the next turn");
        }
    }

    /// The turn to change something stored: two edits of one thing are one after the other, and
    /// neither loses what the other did.
    pub(super) async fn edit_turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.inner.edits.lock().await
    }

    pub(super) fn tunables(&self) -> &Tunables {
        &self.inner.tunables
    }

    pub(super) fn config_file(&self) -> &dyn super::tunables::ConfigFile {
        &*self.inner.options.config_file
    }

    pub(super) fn steering(&self) -> &Steering {
        &self.inner.steering
    }

    pub(super) fn history(&self) -> super::sessions::History {
        self.inner.options.history
    }

    pub(super) fn programming(&self) -> &Programming {
        &self.inner.programming
    }

    pub(super) fn db(&self) -> &Db {
        &self.inner.db
    }

    pub(super) fn now(&self) -> UtcMillis {
        UtcMillis(self.inner.clock.now_ms())
    }

    /// The same by the configuration; `None` fits it to the library.
    pub(super) fn configured_profile(&self) -> Option<String> {
        self.inner.options.default_profile.as_ref().map(|profile| profile.name.clone())
    }

    /// Profile of a channel that names none.
    pub(super) async fn default_profile(&self) -> Result<String, ControlError> {
        if let Some(chosen) = self.chosen_profile().await? {
            return Ok(chosen);
        }
        let media = self.db().all_media().await.map_err(ControlError::storage("the media list"))?;
        Ok(profile_for(&media))
    }

    /// What clients are offered, by number. Memory only.
    ///
    /// # Errors
    /// When the channels were never planned or the last planning failed.
    pub fn lineup(&self) -> Result<Arc<Vec<LineupChannel>>, LineupUnavailable> {
        let board = self.inner.programming.board();
        match &board.failure {
            Some(reason) => Err(LineupUnavailable { reason: reason.clone() }),
            None if !board.loaded => {
                Err(LineupUnavailable { reason: "the channels are being planned".to_owned() })
            }
            None => Ok(Arc::clone(&board.lineup)),
        }
    }

    /// The channel on air under a number. Memory only.
    pub fn channel_by_number(&self, number: &ChannelNumber) -> Option<Arc<Channel>> {
        let board = self.inner.programming.board();
        let id = board.by_number.get(number)?;
        board.channels.get(id).map(|planned| Arc::clone(&planned.channel))
    }

    /// The guide of all channels; `None` while there are no channels. Memory only.
    pub fn guide(&self) -> Option<Arc<Guide>> {
        self.inner.programming.guides().current()
    }

    /// How guide, line-up and stream stand to each other just now. Memory only.
    pub fn guide_state(&self) -> GuideState {
        let board = self.inner.programming.board();
        self.inner.programming.guides().state(&board, self.now())
    }

    /// Builds the guide of what is planned anew.
    pub async fn rebuild_guide(&self) -> GuideState {
        self.inner.programming.rebuild_guide().await;
        self.guide_state()
    }

    /// The watermark of a channel, if it has one. Memory only.
    pub fn watermark_of(&self, id: ChannelId) -> Option<WatermarkId> {
        self.inner.programming.board().watermarks.get(&id).copied()
    }

    /// What a channel shows now and after that. Memory only.
    pub fn now_and_next(&self, id: ChannelId) -> Option<(Programme, Option<Programme>)> {
        let board = self.inner.programming.board();
        let planned = board.channels.get(&id)?;
        self.inner.programming.guides().now_and_next(planned, &board.shown, self.now())
    }

    /// What a channel shows between two instants. Memory only; empty for an unknown channel.
    pub fn programmes(&self, id: ChannelId, from: UtcMillis, to: UtcMillis) -> Vec<Programme> {
        let board = self.inner.programming.board();
        let Some(planned) = board.channels.get(&id) else { return Vec::new() };
        self.inner.programming.guides().between(planned, &board.shown, from, to)
    }

    /// Where streams are joined.
    pub fn tuning(&self) -> &Tuning {
        &self.inner.tuning
    }

    pub(super) fn ffmpeg_settings_now(&self) -> MutexGuard<'_, FfmpegSettings> {
        self.inner.transcoding.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn board(&self) -> Arc<programming::Board> {
        self.inner.programming.board()
    }

    pub(super) fn test_cards(&self) -> &TestCards {
        &self.inner.test_cards
    }

    pub(super) fn logos(&self) -> &Logos {
        self.inner.programming.logos()
    }

    pub(super) fn outside(&self) -> &Outside {
        &self.inner.options.outside
    }

    pub(super) fn schedules_folder(&self) -> &Path {
        &self.inner.options.schedules
    }

    pub(super) fn slates_folder(&self) -> &Path {
        &self.inner.options.slates
    }

    /// Who runs programs, and the names of ffmpeg and ffprobe.
    pub(super) fn media_programs(&self) -> (Arc<dyn Processes>, OsString, OsString) {
        let Options { ffmpeg, ffprobe, .. } = &self.inner.options;
        let processes: Arc<dyn Processes> = Arc::<Pool>::clone(&self.inner.pool);
        (processes, ffmpeg.clone(), ffprobe.clone())
    }

    pub(super) fn has_program(&self, program: &str) -> bool {
        self.inner.pool.has_program(program.as_ref())
    }

    /// The tuner's identity.
    pub fn device(&self) -> Device {
        self.inner.options.device.clone()
    }

    /// The name of a presented API key, or `None` when it is not one.
    pub fn is_key(&self, presented: &str) -> Option<String> {
        // Every key is compared, so that the time taken says nothing about which one came close.
        let matching = self.inner.keys.iter().filter(|key| secrets::matches(presented, &key.hash));
        matching.map(|key| key.name.clone()).fold(None, |_, name| Some(name))
    }

    /// All libraries.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn libraries(&self) -> Result<Vec<Library>, ControlError> {
        self.db().list_libraries().await.map_err(ControlError::storage("the library list"))
    }

    /// Adds a folder as a library; it is not scanned yet.
    ///
    /// # Errors
    /// When the folder cannot be taken or storage fails.
    pub async fn add_library(
        &self,
        actor: &Actor,
        new: NewLibrary,
    ) -> Result<Library, ControlError> {
        let library = self.inner.libraries.add(new).await.map_err(ControlError::from)?;
        self.record_library_added(actor, &library).await;
        Ok(library)
    }

    /// Adds a folder as a library, or finds the one that it is already; not scanned either way.
    ///
    /// # Errors
    /// When the folder cannot be taken or storage fails.
    pub async fn ensure_library(
        &self,
        actor: &Actor,
        new: NewLibrary,
    ) -> Result<Library, ControlError> {
        let known = self.libraries().await?;
        let library = self.inner.libraries.ensure(new).await?;
        if !known.iter().any(|one| one.id == library.id) {
            self.record_library_added(actor, &library).await;
        }
        Ok(library)
    }

    async fn record_library_added(&self, actor: &Actor, library: &Library) {
        self.inner.steering.limit_connections(library.id, library.connections);
        let body = serde_json::json!({"what": "library_added", "library": library.id});
        self.record_change(actor, body).await;
    }

    /// Removes a library with its media; channels that played it play what is left.
    ///
    /// # Errors
    /// When it does not exist or storage fails.
    pub async fn remove_library(&self, actor: &Actor, id: LibraryId) -> Result<(), ControlError> {
        self.inner.libraries.remove(id).await?;
        let body = serde_json::json!({"what": "library_removed", "library": id});
        self.record_change(actor, body).await;
        self.refresh(Replan::MediaChanged).await
    }

    /// Starts a scan in the background.
    ///
    /// # Errors
    /// When the library does not exist or a scan of it is running.
    pub async fn start_scan(
        &self,
        _actor: &Actor,
        id: LibraryId,
    ) -> Result<ScanProgress, ControlError> {
        Ok(self.inner.libraries.start_scan(id).await?)
    }

    /// Scans a library, waits for the end and plans with what was found.
    ///
    /// # Errors
    /// When it cannot be scanned; one that is being scanned already is waited for.
    pub async fn scan_and_wait(
        &self,
        actor: &Actor,
        id: LibraryId,
    ) -> Result<ScanProgress, ControlError> {
        match self.start_scan(actor, id).await {
            Ok(_) | Err(ControlError::Conflict { .. }) => {}
            Err(error) => return Err(error),
        }
        let mut changes = self.inner.libraries.changes();
        loop {
            let progress = self.scan_progress(id);
            match progress {
                Some(progress) if progress.ended_at.is_some() => {
                    self.after_scan().await;
                    return Ok(progress);
                }
                Some(_) => {}
                None => {
                    return Err(ControlError::NotFound { what: format!("a scan of library {id}") });
                }
            }
            if changes.changed().await.is_err() {
                let reason = "the server is stopping".to_owned();
                return Err(ControlError::Unavailable { what: "scanning".to_owned(), reason });
            }
        }
    }

    /// What the last scan of a library could not look at, with the reasons. Memory only.
    pub fn scan_problems(&self, id: LibraryId) -> Vec<crate::library::scan::Problem> {
        self.inner.libraries.problems(id)
    }

    /// How far the running or last scan of a library is. Memory only.
    pub fn scan_progress(&self, id: LibraryId) -> Option<ScanProgress> {
        self.inner.libraries.progress(id)
    }

    /// A page of the library.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn media(&self, filter: MediaFilter) -> Result<MediaPage, ControlError> {
        let page = self.db().list_media(&filter).await;
        let (items, total) = page.map_err(ControlError::storage("the media list"))?;
        Ok(MediaPage { items, total })
    }

    /// What a media item planned on a channel is called. Memory only.
    pub fn label_on(&self, channel: ChannelId, media: MediaId) -> Option<String> {
        let board = self.inner.programming.board();
        Some(board.channels.get(&channel)?.media.get(&media)?.label())
    }

    /// One media item.
    ///
    /// # Errors
    /// When it does not exist or storage fails.
    pub async fn media_item(&self, id: MediaId) -> Result<Media, ControlError> {
        let found =
            self.db().media_by_ids(&[id]).await.map_err(ControlError::storage("the media"))?;
        found
            .into_iter()
            .next()
            .ok_or_else(|| ControlError::NotFound { what: format!("media {id}") })
    }

    /// Restarts a channel the one way there is: proposed to the guard, permitted, done, recorded.
    ///
    /// # Errors
    /// When the channel does not exist, the guard denies it, or it fails.
    pub async fn restart_channel(
        &self,
        actor: &Actor,
        id: ChannelId,
        override_reason: Option<String>,
    ) -> Result<RestartAnswer, ControlError> {
        let proposal = Proposal {
            actor: actor.clone(),
            action: Action::RestartChannel { channel: id },
            incident: None,
            cause: None,
            envelope_sha256: None,
            evidence: Vec::new(),
            confidence: 1.0,
            override_reason,
        };
        match self.inner.operator.propose(proposal).await? {
            Verdict::Permit(permit) => {
                let report = self.inner.operator.run(permit).await?;
                Ok(RestartAnswer { at: report.at, body: report.body })
            }
            Verdict::NeedsApproval { checks, reason } | Verdict::Denied { checks, reason } => {
                Err(ControlError::Denied { reason, checks })
            }
        }
    }

    /// The contract that the agent works through.
    pub fn operations(&self) -> Arc<dyn Operations> {
        Arc::<Operator>::clone(&self.inner.operator)
    }

    /// The operator's own handle, for starting the agent.
    pub fn operator(&self) -> &Arc<Operator> {
        &self.inner.operator
    }

    /// Incidents, newest first.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn incidents(&self, filter: IncidentFilter) -> Result<Vec<Incident>, ControlError> {
        let read = self
            .db()
            .read("list incidents", move |c| crate::storage::incidents::list(c, filter))
            .await;
        read.map_err(ControlError::storage("the incident list"))
    }

    /// An incident with its audit records.
    ///
    /// # Errors
    /// When it does not exist or storage fails.
    pub async fn incident(&self, id: IncidentId) -> Result<IncidentDetail, ControlError> {
        let found = self
            .db()
            .read("find an incident", move |c| crate::storage::incidents::find(c, id))
            .await
            .map_err(ControlError::storage("the incident"))?;
        let missing = || ControlError::NotFound { what: format!("incident {id}") };
        let (incident, _) = found.ok_or_else(missing)?;
        let filter = AuditFilter { incident: Some(id), after_seq: 0, limit: 0 };
        Ok(IncidentDetail { incident, records: self.audit(filter).await? })
    }

    /// Audit records, oldest first.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn audit(&self, filter: AuditFilter) -> Result<Vec<AuditRecord>, ControlError> {
        let read = self
            .db()
            .read("read the audit log", move |c| crate::storage::audit::read(c, filter))
            .await;
        read.map_err(ControlError::storage("the audit log"))
    }

    /// Whether the audit chain is whole.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn audit_status(&self) -> Result<ChainStatus, ControlError> {
        let read = self.db().read("check the audit chain", crate::storage::audit::check).await;
        read.map_err(ControlError::storage("the audit log"))
    }

    /// How the server is, measured now.
    pub async fn health(&self) -> Health {
        let answered = self.db().setting("health").await;
        Health {
            database: answered.map(|_| ()).map_err(|error| error.to_string()),
            lineup: self.lineup().map(|lineup| lineup.len()).map_err(|error| error.to_string()),
            programs: self.programs(),
            pool: self.inner.pool.load(),
        }
    }

    fn programs(&self) -> Result<(), String> {
        let Options { ffmpeg, ffprobe, .. } = &self.inner.options;
        let missing = [ffmpeg, ffprobe].into_iter().find(|p| !self.inner.pool.has_program(p));
        missing.map_or(Ok(()), |program| {
            Err(format!("{} is not installed; see section ffmpeg", program.to_string_lossy()))
        })
    }
}
