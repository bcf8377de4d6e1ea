//! Streaming: media becomes one endless transport stream a channel.
//!
//! A channel is a pure function of its timeline and of the renditions in the store ([`compose`]).
//! Nothing runs for a channel that nobody watches; the first viewer starts a task ([`channel`])
//! that keeps a ring filled to a lead beyond now, and every viewer reads that ring at its own
//! pace. HLS segments are the same units, cut by the clock.
//!
//! [`Tuning`] is for those who watch, [`Steering`] for the one who decides what is on air.

pub mod ahead;
mod channel;
pub mod compose;
pub mod conform;
#[cfg(test)]
mod fake;
pub mod ffmpeg;
pub mod hls;
pub mod lifecycle;
pub mod outputprobe;
pub mod pool;
pub mod rendition;
mod ring;
pub mod slate;
pub mod store;
#[cfg(test)]
mod tests;
mod viewer;

use std::collections::{HashMap, VecDeque};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{Semaphore, mpsc};

use self::channel::{DiskReader, Live, composing};
use self::compose::UnitPlan;
use self::conform::Conformer;
use self::lifecycle::Keeping;
pub use self::outputprobe::{OutputProbe, ProbeError};
use self::rendition::{Conforming, Renditions};
use self::store::Store;
use self::viewer::VIA_HLS;
pub use self::viewer::{JoinError, Viewer, ViewerInfo, ViewerSession};
use crate::domain::{
    Channel, ChannelId, Fact, JobBeat, Media, MediaId, Profile, Timeline, UtcMillis, ViewerId,
};
use crate::foundation::clock::SharedClock;
use crate::foundation::process::Processes;
use crate::foundation::stop::Stop;

/// How streaming behaves.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where renditions are kept.
    pub cache_dir: PathBuf,
    /// How many bytes of them.
    pub cache_bytes: u64,
    /// How much a joiner gets at once, in milliseconds.
    pub lead_ms: i64,
    /// How long a channel runs on without viewers, in milliseconds.
    pub linger_ms: i64,
    /// Viewers a channel may have.
    pub viewers_per_channel: usize,
    /// A viewer that takes nothing for this long is shown out, in milliseconds.
    pub idle_ms: i64,
    /// How far ahead of its air time media is conformed, in milliseconds.
    pub ahead_ms: i64,
    /// The program `ffmpeg`.
    pub ffmpeg: OsString,
    /// Limits of the process pool.
    pub limits: pool::Limits,
}

/// What a channel plays, as handed to the streaming core.
#[derive(Debug, Clone)]
pub struct OnAir {
    /// The channel.
    pub channel: Arc<Channel>,
    /// Its profile.
    pub profile: Profile,
    /// Its slots.
    pub timeline: Timeline,
    /// All media that the timeline names.
    pub media: Arc<HashMap<MediaId, Arc<Media>>>,
}

/// A running channel as others see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelState {
    /// Which channel.
    pub channel: ChannelId,
    /// Viewers now.
    pub viewers: u32,
    /// What is ready beyond now, in milliseconds; negative when late.
    pub headroom_ms: i64,
    /// Whether the slate stands in for media that should be on air.
    pub on_slate: bool,
    /// The media that should be on air.
    pub media: Option<MediaId>,
    /// Since when it runs.
    pub since: UtcMillis,
    /// Bytes in its ring.
    pub ring_bytes: usize,
    /// The conform it waits for, if one runs.
    pub job: Option<JobBeat>,
}

/// Counted since the start of the server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Viewers let in.
    pub joins: u64,
    /// Viewers refused because a channel was full.
    pub refused: u64,
    /// Bytes handed to viewers of endless streams.
    pub bytes: u64,
    /// Slow viewers skipped to now.
    pub skips: u64,
    /// Viewers dropped because they stayed slow.
    pub dropped_viewers: u64,
    /// Viewers shown out because they took nothing.
    pub idle_viewers: u64,
    /// Units muxed for running channels.
    pub units: u64,
    /// Of these, units of the slate that stood in for media.
    pub slate_units: u64,
    /// Units that could not be read from the store.
    pub read_errors: u64,
    /// Channels that were late and began again at now.
    pub late_starts: u64,
    /// HLS segments handed out.
    pub segments: u64,
    /// Of these, those that had to be muxed.
    pub segments_made: u64,
    /// Facts that nobody had room for.
    pub facts_dropped: u64,
}

/// Why an HLS segment cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SegmentError {
    /// The channel was not published (yet, or any more).
    #[error("the channel is not on air")]
    NotOnAir,
    /// Only these segments can be had now.
    #[error("only segments {first} to {last} can be had now")]
    Outside {
        /// The oldest.
        first: i64,
        /// The newest.
        last: i64,
    },
    /// What it shows is not there (yet, or any more).
    #[error("the segment is not ready")]
    NotReady,
}

/// What a restart of a channel found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestartReport {
    /// Whether the channel was running; its viewers stay.
    pub was_running: bool,
    /// Whether a conform was ended, or the failure of one forgotten.
    pub conform_reset: bool,
    /// Viewers now.
    pub viewers: u32,
}

/// Why streaming could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store cannot be used.
    #[error("open the rendition store")]
    Store(#[from] store::StoreError),
    /// The pictures of the slates cannot be written.
    #[error("write the slates' pictures")]
    Cards(#[from] std::io::Error),
}

/// Starts streaming; nothing is on air before the first [`Steering::publish`].
///
/// Blocks on the disk while the store's index is read. Everything ends with `stop`.
///
/// # Errors
/// When the store cannot be used.
pub fn start(
    settings: Settings,
    clock: SharedClock,
    stop: &Stop,
    facts: mpsc::Sender<Fact>,
    pool: Arc<pool::Pool>,
) -> Result<(Tuning, Steering), StartError> {
    let store = Store::open(&settings.cache_dir.join("renditions"), settings.cache_bytes)?;
    let cards = slate::Cards::install(&settings.cache_dir.join("cards"))?;
    let conformer = Conformer::start(
        Arc::clone(&store),
        Arc::clone(&pool),
        Arc::clone(&clock),
        stop,
        facts.clone(),
        conform::Settings { ffmpeg: settings.ffmpeg.clone(), still: cards.sound() },
    );
    let means = ahead::Means {
        conformer: Arc::clone(&conformer),
        store: Arc::clone(&store),
        cards,
        clock: Arc::clone(&clock),
        horizon_ms: settings.ahead_ms,
    };
    let nudge = ahead::Nudge::default();
    let making = Making { conformer: Arc::clone(&conformer), nudge: nudge.clone() };
    let parts =
        Parts { renditions: store, conforming: conformer, processes: pool, making: Some(making) };
    let (tuning, steering) = Core::assemble(settings, clock, stop, facts, parts);
    let core = Arc::downgrade(&tuning.core);
    ahead::start(means, stop, nudge, move || {
        core.upgrade().map_or_else(ahead::Plans::default, |core| core.plans())
    });
    Ok((tuning, steering))
}

/// For those who watch: reads only.
#[derive(Debug, Clone)]
pub struct Tuning {
    core: Arc<Core>,
}

/// For the one who decides what is on air. Not `Clone`: there is one way to change a channel.
#[derive(Debug)]
pub struct Steering {
    core: Arc<Core>,
}

impl Tuning {
    /// Lets a viewer in, starting the channel if it does not run. Never waits.
    ///
    /// # Errors
    /// When the channel is not on air or full, or the server stops.
    pub fn join(&self, channel: ChannelId, who: ViewerInfo) -> Result<Viewer, JoinError> {
        let (live, session) = self.core.enter(channel, who)?;
        Ok(Viewer::new(live, session, Arc::clone(&self.core.counts)))
    }

    /// Writes the HLS playlist of this moment. Its reader counts as a viewer for three target
    /// durations. Never waits.
    ///
    /// # Errors
    /// When the channel is not on air or full, or the server stops.
    pub fn playlist(&self, channel: ChannelId, who: ViewerInfo) -> Result<String, JoinError> {
        let who = ViewerInfo { via: VIA_HLS, ..who };
        let known =
            self.core.live(channel).filter(|live| live.sessions.seen_again(&who, live.now_ms()));
        let live = match known {
            Some(live) => live,
            None => self.core.enter(channel, who)?.0,
        };
        // A window before now and the segment that is not whole.
        live.remember_back(&*self.core.renditions, 10 * hls::SEGMENT_MS);
        let units = live.recent();
        let floor = live.hls_floor.load(Ordering::Relaxed);
        let listed = hls::listed(&live.profile, &units, floor);
        live.hls_floor.fetch_max(listed.start, Ordering::Relaxed);
        Ok(hls::playlist(&live.profile, &units, listed))
    }

    /// Makes segment `n`: the same bytes as the endless stream has there.
    ///
    /// # Errors
    /// When the channel is not on air, or the segment cannot be had.
    pub async fn segment(&self, channel: ChannelId, n: i64) -> Result<Bytes, SegmentError> {
        self.core.segment(channel, n).await
    }

    /// Everyone who watches.
    pub fn viewers(&self) -> Vec<ViewerSession> {
        self.core.lives().iter().flat_map(|live| live.sessions.list(live.channel)).collect()
    }

    /// How a channel is, or `None` when it does not run.
    pub fn state(&self, channel: ChannelId) -> Option<ChannelState> {
        self.core.live(channel).map(|live| self.core.state(&live))
    }

    /// How all running channels are.
    pub fn running(&self) -> Vec<ChannelState> {
        self.core.lives().iter().map(|live| self.core.state(live)).collect()
    }

    /// What was counted.
    pub fn counters(&self) -> Counters {
        self.core.counts.read()
    }

    /// Looks at what a running channel really sends: parses it, and decodes a second of it.
    ///
    /// # Errors
    /// When the channel does not run, or the decoder cannot be run.
    pub async fn probe_output(&self, channel: ChannelId) -> Result<OutputProbe, ProbeError> {
        let core = &self.core;
        let live = core.live(channel).ok_or(ProbeError::NotRunning)?;
        let (ffmpeg, folder) = (&core.settings.ffmpeg, &core.settings.cache_dir);
        outputprobe::probe(&live, &*core.processes, ffmpeg, folder).await
    }
}

impl Steering {
    /// Puts a channel on air, or takes over what it plays from now on.
    ///
    /// A running channel goes on with it where what is composed ends; viewers stay, unless the
    /// profile is another one: then their streams end and they tune again.
    pub fn publish(&self, on_air: OnAir) {
        self.put_on_air(on_air);
        if let Some(making) = &self.core.making {
            making.nudge.nudge();
        }
    }

    fn put_on_air(&self, on_air: OnAir) {
        let on_air = Arc::new(on_air);
        let mut channels = self.core.lock();
        let entry = channels
            .entry(on_air.channel.id)
            .or_insert_with(|| Entry { on_air: Arc::clone(&on_air), live: None });
        entry.on_air = Arc::clone(&on_air);
        let Some(live) = &entry.live else { return };
        if live.profile == on_air.profile {
            live.on_air.store(on_air);
            live.wake.notify_one();
        } else if let Some(live) = entry.live.take() {
            live.close();
        }
    }

    /// Takes a channel off the air; its viewers' streams end.
    pub fn withdraw(&self, channel: ChannelId) {
        let entry = self.core.lock().remove(&channel);
        if let Some(live) = entry.and_then(|entry| entry.live) {
            live.close();
        }
    }

    /// Forgets all that was made of a media item, as its file changed or is gone.
    pub fn forget(&self, media: MediaId) {
        if let Some(making) = &self.core.making {
            making.conformer.forget(media);
        }
    }

    /// Ends the conform a channel waits for, lets it be started anew, and looks at once whether
    /// the channel can go on. Viewers stay.
    pub async fn restart(&self, channel: ChannelId) -> RestartReport {
        let conform_reset = self.core.conforming.restart(channel);
        let live = self.core.live(channel);
        if let Some(live) = &live {
            live.wake.notify_one();
        }
        let viewers = live.as_ref().map_or(0, |live| live.state().viewers);
        RestartReport { was_running: live.is_some(), conform_reset, viewers }
    }
}

/// What a core is put together from.
struct Parts {
    renditions: Arc<dyn Renditions>,
    conforming: Arc<dyn Conforming>,
    processes: Arc<dyn Processes>,
    making: Option<Making>,
}

/// Who makes renditions, beyond what running channels ask for; tests do without.
#[derive(Debug)]
struct Making {
    conformer: Arc<Conformer>,
    nudge: ahead::Nudge,
}

/// What everything in here shares.
#[derive(Debug)]
struct Core {
    settings: Settings,
    keeping: Keeping,
    clock: SharedClock,
    stop: Stop,
    facts: mpsc::Sender<Fact>,
    renditions: Arc<dyn Renditions>,
    conforming: Arc<dyn Conforming>,
    processes: Arc<dyn Processes>,
    making: Option<Making>,
    channels: Mutex<HashMap<ChannelId, Entry>>,
    counts: Arc<Counts>,
    next_viewer: AtomicI64,
    segments: Mutex<SegmentCache>,
    /// Segments made at the same time.
    makers: Semaphore,
}

#[derive(Debug)]
struct Entry {
    on_air: Arc<OnAir>,
    live: Option<Arc<Live>>,
}

impl Core {
    /// The core over its parts; [`start`] makes the real ones.
    fn assemble(
        settings: Settings,
        clock: SharedClock,
        stop: &Stop,
        facts: mpsc::Sender<Fact>,
        parts: Parts,
    ) -> (Tuning, Steering) {
        let Parts { renditions, conforming, processes, making } = parts;
        let keeping = Keeping { lead_ms: settings.lead_ms, linger_ms: settings.linger_ms };
        let core = Arc::new(Self {
            settings,
            keeping,
            clock,
            stop: stop.child(),
            facts,
            renditions,
            conforming,
            processes,
            making,
            channels: Mutex::default(),
            counts: Arc::default(),
            next_viewer: AtomicI64::new(1),
            segments: Mutex::default(),
            makers: Semaphore::new(2),
        });
        (Tuning { core: Arc::clone(&core) }, Steering { core })
    }

    /// How a running channel is, with the conform it waits for.
    fn state(&self, live: &Live) -> ChannelState {
        ChannelState { job: self.conforming.job(live.channel), ..live.state() }
    }

    /// Lets a viewer into a channel, starting it if it does not run.
    fn enter(
        self: &Arc<Self>,
        channel: ChannelId,
        who: ViewerInfo,
    ) -> Result<(Arc<Live>, Arc<viewer::Session>), JoinError> {
        if self.stop.is_requested() {
            return Err(JoinError::Stopping);
        }
        let now_ms = self.clock.now_ms();
        let id = ViewerId(self.next_viewer.fetch_add(1, Ordering::Relaxed));
        // Held until the viewer is in: a channel ends only under this lock and without viewers.
        let mut channels = self.lock();
        let entry = channels.get_mut(&channel).ok_or(JoinError::NotOnAir)?;
        let live = match &entry.live {
            Some(live) => Arc::clone(live),
            None => {
                let live = Live::begin(
                    Arc::clone(&entry.on_air),
                    &*self.renditions,
                    Arc::clone(&self.clock),
                    self.settings.viewers_per_channel,
                );
                let task = channel::run(Arc::clone(self), Arc::clone(&live), self.stop.clone());
                self.stop.spawn("channel", task);
                entry.live = Some(Arc::clone(&live));
                live
            }
        };
        let session = live.sessions.enter(id, who, now_ms).inspect_err(|_| {
            self.counts.refused.fetch_add(1, Ordering::Relaxed);
        })?;
        self.counts.joins.fetch_add(1, Ordering::Relaxed);
        Ok((live, session))
    }

    /// Ends a channel that is not watched (or in any case, with `force`); says whether it did.
    fn retire(&self, live: &Arc<Live>, force: bool) -> bool {
        let mut channels = self.lock();
        if !force && live.sessions.count() > 0 {
            return false;
        }
        if let Some(entry) = channels.get_mut(&live.channel)
            && entry.live.as_ref().is_some_and(|current| Arc::ptr_eq(current, live))
        {
            entry.live = None;
        }
        live.ring.close();
        true
    }

    async fn segment(self: &Arc<Self>, channel: ChannelId, n: i64) -> Result<Bytes, SegmentError> {
        self.counts.segments.fetch_add(1, Ordering::Relaxed);
        let (on_air, live) = {
            let channels = self.lock();
            let entry = channels.get(&channel).ok_or(SegmentError::NotOnAir)?;
            (Arc::clone(&entry.on_air), entry.live.clone())
        };
        self.check_window(&live, n)?;
        let key = (channel, on_air.profile.name.clone(), n);
        if let Some(bytes) = self.lock_segments().find(&key) {
            return Ok(bytes);
        }
        // Closed never: the semaphore lives as long as the core.
        let _permit = self.makers.acquire().await.map_err(|_| SegmentError::NotReady)?;
        if let Some(bytes) = self.lock_segments().find(&key) {
            return Ok(bytes);
        }
        let units = self.units_of(&on_air, live.as_deref(), n).ok_or(SegmentError::NotReady)?;
        let mut reader = DiskReader::new(Arc::clone(&self.renditions));
        let made = tokio::task::spawn_blocking(move || {
            let mut bytes = Vec::new();
            for unit in &units {
                let unit = compose::mux(unit, &on_air.profile, &mut reader)?;
                bytes.extend_from_slice(&unit.bytes);
            }
            Ok::<_, rendition::ReadError>(Bytes::from(bytes))
        });
        let bytes = match made.await {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(error)) => {
                self.counts.read_errors.fetch_add(1, Ordering::Relaxed);
                tracing::debug!(channel.id = %channel, %error, "segment {n} of channel {channel} is gone");
                return Err(SegmentError::NotReady);
            }
            Err(_panicked) => return Err(SegmentError::NotReady),
        };
        self.counts.segments_made.fetch_add(1, Ordering::Relaxed);
        self.lock_segments().put(key, bytes.clone());
        Ok(bytes)
    }

    /// Segments can be had from ten minutes ago up to the edge.
    fn check_window(&self, live: &Option<Arc<Live>>, n: i64) -> Result<(), SegmentError> {
        const PAST_MS: i64 = 600_000;
        let now_ms = self.clock.now_ms();
        // Another server's playlist may list what a running channel here would have composed.
        let would_be = now_ms + self.keeping.lead_ms + hls::SEGMENT_MS;
        let edge_ms = live.as_ref().map_or(would_be, |live| live.edge_ms());
        let first = hls::segment_of((now_ms - PAST_MS) * 90);
        let last = hls::segment_of(edge_ms * 90) - 1;
        if (first..=last).contains(&n) {
            Ok(())
        } else {
            Err(SegmentError::Outside { first, last })
        }
    }

    /// What segment `n` shows: as it was decided, else as timeline and store have it.
    fn units_of(&self, on_air: &OnAir, live: Option<&Live>, n: i64) -> Option<Vec<Arc<UnitPlan>>> {
        let recent = live.map_or_else(Vec::new, Live::recent);
        if let Some(units) = hls::segment(&on_air.profile, &recent, n) {
            return Some(units);
        }
        let rate = on_air.profile.rate;
        let window = hls::window(n);
        let (from, to) = (rate.frame_at_or_after(window.start), rate.frame_at_or_after(window.end));
        let units = composing(on_air, &*self.renditions, &[], |c| hls::compose(c, from, to + 1));
        hls::segment(&on_air.profile, &units, n)
    }

    /// What is on air on every channel, for work ahead.
    fn plans(&self) -> ahead::Plans {
        let channels = self.lock();
        let watched = channels.iter().filter(|(_, entry)| entry.live.is_some());
        ahead::Plans {
            watched: watched.map(|(id, _)| *id).collect(),
            channels: channels.values().map(|entry| Arc::clone(&entry.on_air)).collect(),
        }
    }

    /// Hands a fact upwards, or counts that there was no room.
    fn fact(&self, fact: Fact) {
        if self.facts.try_send(fact).is_err() {
            self.counts.facts_dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn live(&self, channel: ChannelId) -> Option<Arc<Live>> {
        self.lock().get(&channel)?.live.clone()
    }

    fn lives(&self) -> Vec<Arc<Live>> {
        self.lock().values().filter_map(|entry| entry.live.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ChannelId, Entry>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_segments(&self) -> MutexGuard<'_, SegmentCache> {
        self.segments.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type SegmentKey = (ChannelId, String, i64);

/// The segments asked for last, for those who watch the same channel.
#[derive(Debug, Default)]
struct SegmentCache {
    kept: VecDeque<(SegmentKey, Bytes)>,
    bytes: usize,
}

impl SegmentCache {
    /// Most bytes kept.
    const MOST: usize = 24 << 20;

    fn find(&self, key: &SegmentKey) -> Option<Bytes> {
        self.kept.iter().find(|(kept, _)| kept == key).map(|(_, bytes)| bytes.clone())
    }

    fn put(&mut self, key: SegmentKey, bytes: Bytes) {
        self.bytes += bytes.len();
        self.kept.push_back((key, bytes));
        while self.bytes > Self::MOST {
            let Some((_, old)) = self.kept.pop_front() else { break };
            self.bytes -= old.len();
        }
    }
}

macro_rules! counts {
    ($($name:ident),+ $(,)?) => {
        /// [`Counters`], being counted.
        #[derive(Debug, Default)]
        struct Counts {
            $($name: AtomicU64,)+
        }

        impl Counts {
            fn read(&self) -> Counters {
                Counters { $($name: self.$name.load(Ordering::Relaxed),)+ }
            }
        }
    };
}

counts!(
    joins,
    refused,
    bytes,
    skips,
    dropped_viewers,
    idle_viewers,
    units,
    slate_units,
    read_errors,
    late_starts,
    segments,
    segments_made,
    facts_dropped,
);
