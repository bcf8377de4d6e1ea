//! What everything in the streaming core shares: the channels on air and the counters.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use tokio::sync::{Semaphore, mpsc};

use super::channel::{self, Live};
use super::claims::gives_way;
use super::conform::Conformer;
use super::decided::Decisions;
use super::encoders::Encoders;
use super::inits::Inits;
use super::lifecycle::Keeping;
use super::pace::Throttle;
use super::rendition::{Conforming, Renditions};
use super::segments::SegmentCache;
use super::sessions::{JoinError, Journal, Session, ViewerInfo};
use super::texts;
use super::voices::Voice;
use super::{ChannelState, Counters, OnAir, Settings, Steering, Tuning, ViewerLimits, ahead};
use crate::domain::{ChannelId, Fact, SessionEnd, ViewerId};
use crate::foundation::clock::SharedClock;
use crate::foundation::process::Processes;
use crate::foundation::stop::Stop;

/// What a core is put together from.
pub(super) struct Parts {
    pub(super) renditions: Arc<dyn Renditions>,
    pub(super) conforming: Arc<dyn Conforming>,
    pub(super) processes: Arc<dyn Processes>,
    pub(super) making: Option<Making>,
    pub(super) texts: Arc<texts::Shelf>,
}

/// Who makes renditions, beyond what running channels ask for; tests do without.
#[derive(Debug)]
pub(super) struct Making {
    pub(super) conformer: Arc<Conformer>,
    pub(super) board: ahead::Board,
    pub(super) encoders: Arc<Encoders>,
}

/// What everything in here shares.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) settings: Settings,
    /// What holds for viewers now.
    pub(super) limits: ArcSwap<ViewerLimits>,
    pub(super) clock: SharedClock,
    pub(super) stop: Stop,
    pub(super) facts: mpsc::Sender<Fact>,
    pub(super) renditions: Arc<dyn Renditions>,
    pub(super) conforming: Arc<dyn Conforming>,
    pub(super) processes: Arc<dyn Processes>,
    pub(super) making: Option<Making>,
    pub(super) texts: Arc<texts::Shelf>,
    pub(super) channels: Mutex<HashMap<ChannelId, Entry>>,
    /// What HLS lists of every channel, also of those that do not run.
    pub(super) decisions: Decisions,
    pub(super) counts: Arc<Counts>,
    pub(super) next_viewer: AtomicI64,
    /// Sessions that ended and are not written down yet.
    pub(super) journal: Arc<Journal>,
    /// How viewers are paced; read by each of them at every turn.
    pub(super) throttle: Arc<ArcSwap<Throttle>>,
    pub(super) segments: Mutex<SegmentCache>,
    /// What is known of the beginnings of fragmented MP4.
    pub(super) inits: Arc<Inits>,
    /// Groups read at the same time to learn how they begin; a read that hangs keeps its place.
    pub(super) learners: Arc<Semaphore>,
    /// Segments made at the same time.
    pub(super) makers: Semaphore,
    /// Readers of playlists that wait at the same time.
    pub(super) waiters: Semaphore,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) on_air: Arc<OnAir>,
    pub(super) live: Option<Arc<Live>>,
}

impl Core {
    /// The core over its parts; [`super::start`] makes the real ones. Blocks on the disk.
    pub(super) fn assemble(
        settings: Settings,
        clock: SharedClock,
        stop: &Stop,
        facts: mpsc::Sender<Fact>,
        parts: Parts,
    ) -> (Tuning, Steering) {
        let Parts { renditions, conforming, processes, making, texts } = parts;
        let throttle = Arc::new(ArcSwap::from_pointee(settings.throttle));
        let decisions = Decisions::open(&settings.shown_dir, Arc::clone(&clock), stop);
        let core = Arc::new(Self {
            decisions,
            throttle,
            journal: Arc::default(),
            limits: ArcSwap::from_pointee(settings.viewers),
            settings,
            clock,
            stop: stop.child(),
            facts,
            renditions,
            conforming,
            processes,
            making,
            texts,
            channels: Mutex::default(),
            counts: Arc::default(),
            next_viewer: AtomicI64::new(1),
            segments: Mutex::default(),
            inits: Arc::default(),
            learners: Arc::new(Semaphore::new(2)),
            makers: Semaphore::new(2),
            waiters: Semaphore::new(10_000),
        });
        (Tuning { core: Arc::clone(&core) }, Steering { core })
    }

    /// How channels are kept now.
    pub(super) fn keeping(&self) -> Keeping {
        let limits = self.limits.load();
        Keeping { lead_ms: limits.lead_ms, linger_ms: limits.linger_ms }
    }

    /// How a running channel is, with the conform it waits for.
    pub(super) fn state(&self, live: &Live) -> ChannelState {
        let state = ChannelState { job: self.conforming.job(live.channel), ..live.state() };
        let on_air = live.on_air.load();
        let slate = live
            .shown()
            .and_then(|unit| super::slate::reason(&unit, &on_air, &*self.conforming, &state));
        ChannelState { slate, ..state }
    }

    /// Lets a viewer into a channel, starting it if it does not run.
    pub(super) fn enter(
        self: &Arc<Self>,
        channel: ChannelId,
        who: ViewerInfo,
    ) -> Result<(Arc<Live>, Arc<Session>), JoinError> {
        if self.stop.is_requested() {
            return Err(JoinError::Stopping);
        }
        let now_ms = self.clock.now_ms();
        let id = ViewerId(self.next_viewer.fetch_add(1, Ordering::Relaxed));
        // Held until the viewer is in: a channel ends only under this lock and without viewers.
        let mut channels = self.lock();
        if !channels.contains_key(&channel) {
            return Err(JoinError::NotOnAir);
        }
        self.make_room(&channels, &who, now_ms)?;
        let entry = channels.get_mut(&channel).ok_or(JoinError::NotOnAir)?;
        let live = match &entry.live {
            Some(live) => Arc::clone(live),
            None => {
                self.decisions.sweep();
                let live = Live::begin(
                    Arc::clone(&entry.on_air),
                    self.decisions.row(channel, &entry.on_air.profile),
                    &*self.renditions,
                    Arc::clone(&self.clock),
                    self.limits.load().per_channel,
                    Arc::clone(&self.journal),
                    self.stop.clone(),
                );
                let task = channel::run(Arc::clone(self), Arc::clone(&live), self.stop.clone());
                self.stop.spawn("channel", task);
                entry.live = Some(Arc::clone(&live));
                live
            }
        };
        let (session, replaced) = live.sessions.enter(id, who, now_ms).inspect_err(|_| {
            self.counts.refused.fetch_add(1, Ordering::Relaxed);
        })?;
        if let Some(replaced) = replaced {
            self.counts.replaced.fetch_add(1, Ordering::Relaxed);
            live.ring.wake(replaced);
        }
        self.counts.joins.fetch_add(1, Ordering::Relaxed);
        Ok((live, session))
    }

    /// Ends a channel that is not watched (or in any case, with `force`); says whether it did.
    pub(super) fn retire(&self, live: &Arc<Live>, force: bool) -> bool {
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
        // Who waits for more of it learns that there is none.
        live.row.tell();
        live.sessions.end_readers(live.why_over(), self.clock.now_ms());
        true
    }

    /// Sees to it that the user may have one more session: ends one that gives way, or refuses.
    fn make_room(
        &self,
        channels: &HashMap<ChannelId, Entry>,
        who: &ViewerInfo,
        now_ms: i64,
    ) -> Result<(), JoinError> {
        let limit = self.limits.load().per_user;
        if limit == 0 {
            return Ok(());
        }
        let lives = || channels.values().filter_map(|entry| entry.live.as_ref());
        let user = who.counts_for();
        if lives().map(|live| live.sessions.count_of(&user)).sum::<usize>() < limit {
            return Ok(());
        }
        let own: Vec<_> = lives().flat_map(|live| live.sessions.own(who)).collect();
        let Some(old) = gives_way(&own, now_ms) else {
            self.counts.refused.fetch_add(1, Ordering::Relaxed);
            return Err(JoinError::UserFull { user, limit });
        };
        for live in lives().filter(|live| live.channel == old.channel) {
            self.end_session(live, old.id, SessionEnd::Replaced, now_ms);
        }
        Ok(())
    }

    /// Ends a session of `live`, and its stream if it has one; whether it was there.
    pub(super) fn end_session(
        &self,
        live: &Live,
        id: ViewerId,
        why: SessionEnd,
        now_ms: i64,
    ) -> bool {
        let ended = live.sessions.end(id, why, now_ms);
        if ended {
            let count = match why {
                SessionEnd::Replaced => &self.counts.replaced,
                _ => &self.counts.kicked,
            };
            count.fetch_add(1, Ordering::Relaxed);
            live.ring.wake(id);
            live.wake.notify_one();
        }
        ended
    }

    /// What is on air on every channel, for work ahead.
    pub(super) fn plans(&self) -> ahead::Plans {
        let (watched, channels): (_, Vec<_>) = {
            let channels = self.lock();
            let watched = channels.iter().filter(|(_, entry)| entry.live.is_some());
            let on_air = channels.values().map(|entry| Arc::clone(&entry.on_air));
            (watched.map(|(id, _)| *id).collect(), on_air.collect())
        };
        let voices = channels.iter().flat_map(|on_air| {
            let all = Voice::all(on_air).into_iter();
            all.map(|voice| (Arc::clone(on_air), voice))
        });
        ahead::Plans { watched, voices: voices.collect(), channels }
    }

    /// Hands a fact upwards, or counts that there was no room.
    pub(super) fn fact(&self, fact: Fact) {
        if self.facts.try_send(fact).is_err() {
            self.counts.facts_dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn live(&self, channel: ChannelId) -> Option<Arc<Live>> {
        self.lock().get(&channel)?.live.clone()
    }

    pub(super) fn lives(&self) -> Vec<Arc<Live>> {
        self.lock().values().filter_map(|entry| entry.live.clone()).collect()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, HashMap<ChannelId, Entry>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

macro_rules! counts {
    ($($name:ident),+ $(,)?) => {
        /// [`Counters`], being counted.
        #[derive(Debug, Default)]
        pub(super) struct Counts {
            $(pub(super) $name: AtomicU64,)+
        }

        impl Counts {
            pub(super) fn read(&self) -> Counters {
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
    kicked,
    replaced,
    units,
    slate_units,
    read_errors,
    late_starts,
    segments,
    segments_made,
    facts_dropped,
);
