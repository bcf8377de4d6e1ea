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
pub mod claims;
mod coding;
pub mod compose;
pub mod conform;
mod core;
mod decided;
pub mod direct;
pub mod encoders;
#[cfg(test)]
mod fake;
pub mod ffmpeg;
pub mod fnv;
pub mod hls;
mod inits;
pub mod lifecycle;
pub mod outputprobe;
pub mod pace;
mod playlists;
pub mod pool;
pub mod rendition;
mod ring;
mod segments;
mod sessions;
pub mod slate;
pub mod store;
#[cfg(test)]
mod tests;
pub mod texts;
mod viewer;
mod voices;

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use tokio::sync::mpsc;

pub use self::ahead::Preparation;
use self::conform::Conformer;
use self::core::{Core, Entry, Making, Parts};
use self::direct::Shelf;
use self::encoders::Encoders;
pub use self::hls::{Container, Form, InitName, SegmentName};
pub use self::outputprobe::{OutputProbe, ProbeError};
pub use self::playlists::{PlaylistError, Wish};
pub use self::segments::Segment;
pub use self::sessions::{JoinError, ViewerInfo, ViewerSession};
pub use self::slate::OwnSlates;
use self::store::Store;
pub use self::viewer::Viewer;
use crate::domain::{
    AccelerationChoice, AudioCodec, Channel, ChannelId, Fact, FfmpegRuns, JobBeat, Language,
    LibraryId, Media, MediaId, Profile, SessionEnd, SessionRecord, SlateReason, Timeline,
    UtcMillis, ViewerId, Watching,
};
use crate::foundation::clock::SharedClock;
use crate::foundation::reach::Outside;
use crate::foundation::stop::Stop;

/// How streaming behaves.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where renditions are kept.
    pub cache_dir: PathBuf,
    /// Where it is written down what was shown lately; no other server's.
    pub shown_dir: PathBuf,
    /// How many bytes of renditions.
    pub cache_bytes: u64,
    /// What holds for viewers at first; see [`Steering::limit_viewers`].
    pub viewers: ViewerLimits,
    /// How viewers are paced at first; see [`Steering::pace_viewers`].
    pub throttle: pace::Throttle,
    /// What work ahead may do at first; see [`Steering::prepare_by`].
    pub ahead: ahead::Rules,
    /// How the sources of broadcasts are asked.
    pub outside: Outside,
    /// The program `ffmpeg`.
    pub ffmpeg: OsString,
    /// What decodes and encodes.
    pub acceleration: AccelerationChoice,
    /// How ffmpeg is run.
    pub runs: FfmpegRuns,
    /// Limits of the process pool.
    pub limits: pool::Limits,
}

/// What holds for those who watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ViewerLimits {
    /// How much a joiner gets at once, in milliseconds.
    pub lead_ms: i64,
    /// How long a channel runs on without viewers, in milliseconds.
    pub linger_ms: i64,
    /// Viewers a channel may have.
    pub per_channel: usize,
    /// Streams a user may watch at a time; 0 for any number.
    pub per_user: usize,
    /// A viewer that takes nothing for this long is shown out, in milliseconds.
    pub idle_ms: i64,
}

impl From<Watching> for ViewerLimits {
    fn from(watching: Watching) -> Self {
        let ms = |seconds: u32| i64::from(seconds) * 1_000;
        let count = |most: u32| usize::try_from(most).unwrap_or(usize::MAX);
        Self {
            lead_ms: ms(watching.lead_seconds),
            linger_ms: ms(watching.linger_seconds),
            per_channel: count(watching.per_channel),
            per_user: count(watching.per_user),
            idle_ms: ms(watching.idle_seconds),
        }
    }
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
    /// What is shown where nothing else is.
    pub slates: OwnSlates,
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
    /// Why it shows a slate, if it does.
    pub slate: Option<SlateReason>,
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
    /// Sessions ended by a person.
    pub kicked: u64,
    /// Sessions that gave way to a new one of the same client.
    pub replaced: u64,
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
    /// The segment shows something else than what was asked for; this is its name now.
    #[error("the segment is {0} now")]
    Renamed(SegmentName),
    /// What it shows is not there (yet, or any more).
    #[error("the segment is not ready")]
    NotReady,
    /// Nothing that the channel shows about now is called like that.
    #[error("the channel has no such segment")]
    Unknown,
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
    store.watch_others(stop);
    let shelf = Shelf::new(Arc::clone(&store), Arc::clone(&clock), stop);
    let cards = slate::Cards::install(&settings.cache_dir.join("cards"))?;
    let means = encoders::Means {
        ffmpeg: settings.ffmpeg.clone(),
        processes: Arc::<pool::Pool>::clone(&pool),
        clock: Arc::clone(&clock),
        file: Some(settings.cache_dir.join("encoders.json")),
        dev: "/dev".into(),
    };
    let encoders = Encoders::start(means, settings.acceleration.clone(), stop, facts.clone());
    encoders.tune(settings.runs.clone());
    let conformer = Conformer::start(
        Arc::clone(&shelf),
        Arc::clone(&store),
        Arc::clone(&pool),
        Arc::clone(&clock),
        stop,
        facts.clone(),
        conform::Settings {
            ffmpeg: settings.ffmpeg.clone(),
            still: cards.sound(),
            findings: settings.cache_dir.join("findings"),
            outside: settings.outside.clone(),
            encoders: Arc::clone(&encoders),
        },
    );
    let slates = slate::Keeping {
        conformer: Arc::clone(&conformer),
        store: Arc::clone(&store),
        cards: cards.clone(),
        clock: Arc::clone(&clock),
    };
    let board = ahead::Board::new(settings.ahead);
    let means = ahead::Means {
        conformer: Arc::clone(&conformer),
        shelf: Arc::clone(&shelf),
        store,
        cards,
        clock: Arc::clone(&clock),
        board: board.clone(),
    };
    let making = Making { conformer: Arc::clone(&conformer), board, encoders };
    let texts = Arc::new(texts::Shelf::new(settings.cache_dir.join("texts")));
    let (words, time) = (Arc::clone(&texts), Arc::clone(&clock));
    let reading = texts::Means {
        ffmpeg: settings.ffmpeg.clone(),
        processes: Arc::<pool::Pool>::clone(&pool),
    };
    let parts = Parts {
        renditions: shelf,
        conforming: conformer,
        processes: pool,
        making: Some(making),
        texts,
    };
    let (tuning, steering) = Core::assemble(settings, clock, stop, facts, parts);
    let core = Arc::downgrade(&tuning.core);
    let plans = move || core.upgrade().map_or_else(ahead::Plans::default, |core| core.plans());
    slate::keep(slates, stop, plans.clone());
    texts::start(words, reading, time, stop, plans.clone());
    ahead::start(means, stop, plans);
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
        let core = &self.core;
        let (counts, throttle) = (Arc::clone(&core.counts), Arc::clone(&core.throttle));
        Ok(Viewer::new(live, session, counts, throttle, core.keeping().lead_ms))
    }

    /// Writes the HLS playlist of this moment, or of when it holds `wish`. Its reader counts as a
    /// viewer for three target durations.
    ///
    /// Waits at most five seconds for the first segment, and three target durations for `wish`.
    ///
    /// # Errors
    /// When the channel is not on air or full, or the server stops; when there is nothing to list
    /// in time, or the wish is further ahead than the next segment but one.
    pub async fn playlist(
        &self,
        channel: ChannelId,
        who: ViewerInfo,
        form: Form,
        wish: Option<Wish>,
    ) -> Result<String, PlaylistError> {
        self.core.playlist(channel, who, form, wish).await
    }

    /// Writes the multivariant playlist, which names the one of `form`; `None` when the channel is
    /// not on air. Starts nothing.
    pub async fn master(&self, channel: ChannelId, form: Form) -> Option<String> {
        self.core.master(channel, form).await
    }

    /// Writes the playlist of a channel's subtitle texts in `language`; else as
    /// [`Self::playlist`].
    ///
    /// # Errors
    /// As there, and when the channel offers no texts in that language.
    pub async fn texts_playlist(
        &self,
        channel: ChannelId,
        who: ViewerInfo,
        language: &texts::Language,
        wish: Option<Wish>,
    ) -> Result<String, PlaylistError> {
        self.core.texts_playlist(channel, who, language, wish).await
    }

    /// A segment of texts. Memory only.
    ///
    /// # Errors
    /// When the channel is not on air, the segment cannot be had, or it is another one by now.
    pub fn texts_segment(
        &self,
        channel: ChannelId,
        name: &texts::TextName,
    ) -> Result<String, texts::TextError> {
        self.core.texts_segment(channel, name)
    }

    /// Makes a segment: the same bytes as the endless stream has there.
    ///
    /// # Errors
    /// When the channel is not on air, the segment cannot be had, or it is another one by now.
    pub async fn segment(
        &self,
        channel: ChannelId,
        name: SegmentName,
    ) -> Result<Segment, SegmentError> {
        self.core.segment(channel, name).await
    }

    /// Writes the playlist of a channel's sound in another language; else as [`Self::playlist`].
    ///
    /// # Errors
    /// As there, and when the channel does not offer that language.
    pub async fn voice_playlist(
        &self,
        channel: ChannelId,
        who: ViewerInfo,
        language: &Language,
        wish: Option<Wish>,
    ) -> Result<String, PlaylistError> {
        self.core.voice_playlist(channel, who, language, wish).await
    }

    /// A segment of that sound, as packed audio.
    ///
    /// # Errors
    /// When the channel is not on air, the segment cannot be had, or it is another one by now.
    pub async fn voice_segment(
        &self,
        channel: ChannelId,
        name: &texts::TextName,
    ) -> Result<Bytes, texts::TextError> {
        self.core.voice_segment(channel, name).await
    }

    /// How a channel's sound is coded, also in other languages; `None` when it is not on air.
    pub fn sound_codec(&self, channel: ChannelId) -> Option<AudioCodec> {
        let channels = self.core.lock();
        channels.get(&channel).map(|entry| entry.on_air.profile.audio_codec)
    }

    /// The initialisation segment of fragmented MP4 that playlists of the channel name so.
    ///
    /// # Errors
    /// When the channel is not on air, shows nothing about now that begins like that, or when it
    /// cannot be told because something cannot be read.
    pub async fn init_segment(
        &self,
        channel: ChannelId,
        name: InitName,
    ) -> Result<Bytes, SegmentError> {
        self.core.init_segment(channel, name).await
    }

    /// The present name of segment `n`. Memory only.
    ///
    /// # Errors
    /// When the channel is not on air, or the segment cannot be had.
    pub fn segment_name(&self, channel: ChannelId, n: i64) -> Result<SegmentName, SegmentError> {
        self.core.segment_name(channel, n)
    }

    /// Everyone who watches.
    pub fn viewers(&self) -> Vec<ViewerSession> {
        let now_ms = self.core.clock.now_ms();
        let list = |live: &Arc<channel::Live>| live.sessions.list(live.edge_sent(now_ms));
        self.core.lives().iter().flat_map(list).collect()
    }

    /// How viewers are paced.
    pub fn pacing(&self) -> pace::Throttle {
        **self.core.throttle.load()
    }

    /// What a channel plays at an instant and from where in it, in milliseconds, by the timeline
    /// that streams of it are made of; `None` when nothing is planned then.
    pub fn playing_at(&self, channel: ChannelId, at: UtcMillis) -> Option<(MediaId, i64)> {
        let on_air = Arc::clone(&self.core.lock().get(&channel)?.on_air);
        let slot = on_air.timeline.at(at)?;
        Some((slot.media?, slot.in_ms + at.since(slot.start)))
    }

    /// How a channel is, or `None` when it does not run.
    pub fn state(&self, channel: ChannelId) -> Option<ChannelState> {
        self.core.live(channel).map(|live| self.core.state(&live))
    }

    /// How all running channels are.
    pub fn running(&self) -> Vec<ChannelState> {
        self.core.lives().iter().map(|live| self.core.state(live)).collect()
    }

    /// How far preparation is.
    pub fn preparation(&self) -> Preparation {
        let Some(making) = &self.core.making else { return Preparation::default() };
        let now = UtcMillis(self.core.clock.now_ms());
        let channels = ahead::ready(&self.core.plans(), now, &making.conformer);
        let (cache, opened) = making.conformer.usage();
        let library = making.board.progress();
        Preparation { making: making.conformer.making(), channels, cache, opened, library }
    }

    /// Which encoders work; `None` where nothing is made.
    pub fn encoders(&self) -> Option<&Arc<Encoders>> {
        self.core.making.as_ref().map(|making| &making.encoders)
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
    /// A running channel goes on with it where what is composed ends; viewers stay, unless size or
    /// rate of the picture change: then their streams end and they tune again. When only its looks
    /// change, the item on air goes on as it is if all of it is made.
    pub fn publish(&self, on_air: OnAir) {
        self.put_on_air(on_air);
        if let Some(making) = &self.core.making {
            making.board.nudge();
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
        if live.profile.flows_into(&on_air.profile) {
            live.on_air.store(on_air);
            live.wake.notify_one();
        } else if let Some(live) = entry.live.take() {
            live.close();
        }
    }

    /// Ends a session; its stream ends at once, and what it held is free. Whether it was open.
    ///
    /// Nobody is kept from coming back.
    pub fn end_session(&self, id: ViewerId, why: SessionEnd) -> bool {
        let now_ms = self.core.clock.now_ms();
        self.core.lives().iter().any(|live| self.core.end_session(live, id, why, now_ms))
    }

    /// The sessions to be written down: those that ended since the last time, each once, and
    /// those that go on.
    pub fn session_records(&self) -> (Vec<SessionRecord>, Vec<SessionRecord>) {
        // Open ones first: one that ends in between is told as ended the next time.
        let open = self.core.lives().iter().flat_map(|live| live.sessions.records()).collect();
        (self.core.journal.take(), open)
    }

    /// Ended sessions that were never written down because nobody took them.
    pub fn lost_records(&self) -> u64 {
        self.core.journal.lost()
    }

    /// Numbers sessions from `first` on, if that is not below what was given away already.
    pub fn number_sessions_from(&self, first: ViewerId) {
        self.core.next_viewer.fetch_max(first.0, Ordering::Relaxed);
    }

    /// Paces viewers in this way from now on, also those who watch already.
    pub fn pace_viewers(&self, throttle: pace::Throttle) {
        self.core.throttle.store(Arc::new(throttle));
    }

    /// Lets these limits hold from now on. Whoever watches stays, also where there are more than
    /// may be now; a channel that runs fills up, or stops filling, to the new lead.
    pub fn limit_viewers(&self, limits: ViewerLimits) {
        self.core.limits.store(Arc::new(limits));
        for live in self.core.lives() {
            live.sessions.set_limit(limits.per_channel);
            live.wake.notify_one();
        }
    }

    /// Lets work ahead do this from now on.
    pub fn prepare_by(&self, rules: ahead::Rules) {
        if let Some(making) = &self.core.making {
            making.board.set_rules(rules);
        }
    }

    /// Hands over all media there is, for the mode that prepares all of it.
    pub fn offer_library(&self, media: Vec<Arc<Media>>) {
        if let Some(making) = &self.core.making {
            making.board.set_library(media);
        }
    }

    /// Takes a channel off the air; its viewers' streams end.
    pub fn withdraw(&self, channel: ChannelId) {
        let entry = self.core.lock().remove(&channel);
        if let Some(live) = entry.and_then(|entry| entry.live) {
            live.close();
        }
    }

    /// Sets how many streams a provider of broadcasts allows at once; `None` is no limit.
    pub fn limit_connections(&self, provider: LibraryId, limit: Option<u32>) {
        if let Some(making) = &self.core.making {
            making.conformer.limit_connections(provider, limit);
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
