//! A running channel: the task that keeps its ring filled, and what others see of it.
//!
//! The task *does*: it asks [`Composer`] what comes, [`lifecycle`] what to do, reads and muxes off
//! the runtime's threads, and pushes into the ring. It never waits for a viewer or for a process.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use tokio::sync::{Notify, watch};

use super::compose::{self, Composer, Hole, Next, Shows, Slate, Supply, UnitPlan};
use super::core::Core;
use super::decided::{REMEMBER_MS, Row};
use super::hls::{self, TARGET_SECONDS};
use super::lifecycle::{self, Situation, Step, Upcoming};
use super::rendition::{Gop, GopEntry, ReadError, RenditionIndex, RenditionKey, Renditions};
use super::ring::Ring;
use super::sessions::{Journal, Sessions};
use super::slate::{self, OwnSlate};
use super::{ChannelState, OnAir};
use crate::domain::{
    ChannelBeat, ChannelId, Fact, JobBeat, MediaId, Profile, SessionEnd, SlateKind, UtcMillis,
};
use crate::foundation::clock::SharedClock;
use crate::foundation::stop::Stop;

/// A longer gap than this behind what was decided is left open, in milliseconds.
const BRIDGED_MS: i64 = 60_000;
/// How many units back a unit's composing looks: sound reaches back less than a second.
const LOOKED_AT: usize = 24;
/// How far ahead of the edge media is asked for on a miss: what starting a conform takes.
const ASK_AHEAD_MS: i64 = 500;
/// A reader of playlists that asks for none for this long has left.
const HLS_IDLE_MS: i64 = 3 * TARGET_SECONDS * 1_000;
/// How often a running channel tells how it is.
const BEAT_MS: i64 = 1_000;
/// How often is looked after what is ready to be sent while a read takes long.
const SLOW_READ_MS: u64 = 10;
/// How often missing media is asked for.
const ASK_MS: i64 = 250;

/// A running channel, shared by its task, its viewers and HLS.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) channel: ChannelId,
    /// The profile it began with, for its grid; looks may have changed since.
    pub(super) profile: Profile,
    pub(super) on_air: ArcSwap<OnAir>,
    pub(super) ring: Ring,
    pub(super) sessions: Sessions,
    /// Something changed that the task should look at.
    pub(super) wake: Notify,
    /// Set to end the task.
    pub(super) closing: AtomicBool,
    /// What HLS lists: outlives this, and comes a moment after [`Self::recent`].
    pub(super) row: Arc<Row>,
    clock: SharedClock,
    stop: Stop,
    since_ms: i64,
    /// Units decided on, in order and without gap.
    recent: Mutex<VecDeque<Arc<UnitPlan>>>,
    edge: AtomicI64,
}

impl Live {
    /// A channel that begins with what is on air now. Memory only.
    pub(super) fn begin(
        on_air: Arc<OnAir>,
        row: Arc<Row>,
        renditions: &dyn Renditions,
        clock: SharedClock,
        viewers: usize,
        journal: Arc<Journal>,
        stop: Stop,
    ) -> Arc<Self> {
        let now_ms = clock.now_ms();
        let live = Self {
            channel: on_air.channel.id,
            profile: on_air.profile.clone(),
            edge: AtomicI64::new(0),
            sessions: Sessions::new(on_air.channel.id, viewers, journal, now_ms),
            on_air: ArcSwap::new(on_air),
            ring: Ring::default(),
            wake: Notify::new(),
            closing: AtomicBool::new(false),
            row,
            clock,
            stop,
            since_ms: now_ms,
            recent: Mutex::default(),
        };
        live.take_up(now_ms);
        live.start_at(renditions, now_ms);
        Arc::new(live)
    }

    /// Takes up what was decided before this began, up to what is on air at `now_ms`.
    fn take_up(&self, now_ms: i64) {
        let now = self.profile.rate.frame_at_or_before(now_ms * 90);
        if self.row.end_tick().is_some_and(|end| end < (now_ms - BRIDGED_MS) * 90) {
            self.row.begin_anew();
        }
        let known = self.row.units().into_iter().filter(|unit| unit.end <= now);
        self.lock_recent().extend(known);
    }

    /// Puts the edge at the beginning of the unit that is on air at `now_ms`.
    ///
    /// What is missed on the way is decided all the same: HLS lists it.
    fn start_at(&self, renditions: &dyn Renditions, now_ms: i64) {
        let now = self.profile.rate.frame_at_or_before(now_ms * 90);
        if let Some(unit) = self.row.unit_at(now) {
            return self.leap(unit.first);
        }
        let recent = self.recent();
        let tail = &recent[recent.len().saturating_sub(LOOKED_AT)..];
        let ended = tail.last().filter(|last| now_ms - self.ms_of(last.end) <= BRIDGED_MS);
        let from = ended.map(|last| last.end).filter(|end| *end <= now);
        let on_air = self.on_air.load();
        let (bridge, edge) = composing(&on_air, renditions, tail, |c| match from {
            Some(from) => hls::bridge(c, from, now),
            None => (Vec::new(), c.unit_start(now)),
        });
        bridge.into_iter().for_each(|unit| self.decide(unit));
        self.leap(edge);
    }

    /// Puts the edge elsewhere.
    fn leap(&self, edge: i64) {
        self.edge.store(edge, Ordering::Relaxed);
    }

    /// Takes a unit for decided.
    fn decide(&self, unit: Arc<UnitPlan>) {
        let forget = self.now_ms() - REMEMBER_MS;
        let mut recent = self.lock_recent();
        while recent.front().is_some_and(|unit| self.ms_of(unit.end) < forget) {
            recent.pop_front();
        }
        recent.push_back(Arc::clone(&unit));
        drop(recent);
        self.row.add(unit);
    }

    /// Decides what was shown in the `ms` before the channel began, for the segments of HLS.
    pub(super) fn look_back(&self, renditions: &dyn Renditions, ms: i64) {
        let since = (self.now_ms() - ms) * 90;
        self.row.look_back(since, |begins| {
            let first = self.lock_recent().front().map(|unit| unit.first);
            let to = begins.or(first).unwrap_or_else(|| self.edge.load(Ordering::Relaxed));
            let from = self.profile.rate.frame_at_or_after(since);
            let on_air = self.on_air.load();
            composing(&on_air, renditions, &[], |c| hls::compose(c, from, to))
        });
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Why sessions end when the channel does.
    pub(super) fn why_over(&self) -> SessionEnd {
        if self.stop.is_requested() { SessionEnd::ServerStopped } else { SessionEnd::ChannelEnded }
    }

    /// Sending time of the newest that viewers may take, in ticks.
    pub(super) fn edge_sent(&self, now_ms: i64) -> i64 {
        self.ring.edge().unwrap_or(now_ms * 90)
    }

    /// When what is composed ends.
    pub(super) fn edge_ms(&self) -> i64 {
        self.ms_of(self.edge.load(Ordering::Relaxed))
    }

    /// The units decided on, in order and without gap.
    pub(super) fn recent(&self) -> Vec<Arc<UnitPlan>> {
        self.lock_recent().iter().cloned().collect()
    }

    pub(super) fn state(&self) -> ChannelState {
        let now = UtcMillis(self.now_ms());
        let media = self.on_air.load().timeline.at(now).and_then(|slot| slot.media);
        let on_slate = match self.shown() {
            Some(unit) => matches!(unit.shows, Shows::Standby(_)),
            None => media.is_some(),
        };
        ChannelState {
            channel: self.channel,
            viewers: u32::try_from(self.sessions.count()).unwrap_or(u32::MAX),
            headroom_ms: self.edge_ms() - now.0,
            on_slate,
            media,
            since: UtcMillis(self.since_ms),
            ring_bytes: self.ring.bytes(),
            job: None,
            slate: None,
        }
    }

    /// Whether the task has ended, so that nothing comes any more.
    pub(super) fn has_ended(&self) -> bool {
        self.ring.is_closed()
    }

    /// The unit that is shown now.
    pub(super) fn shown(&self) -> Option<Arc<UnitPlan>> {
        let frame = self.profile.rate.frame_at_or_before(self.now_ms() * 90);
        let recent = self.lock_recent();
        recent.iter().rev().find(|unit| unit.first <= frame && frame < unit.end).cloned()
    }

    /// Asks the task to end.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
        self.wake.notify_one();
    }

    fn ms_of(&self, frame: i64) -> i64 {
        self.profile.tick_of(frame).div_euclid(90)
    }

    fn lock_recent(&self) -> MutexGuard<'_, VecDeque<Arc<UnitPlan>>> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a channel has to show, by its plan and the store.
struct Stock<'a> {
    on_air: &'a OnAir,
    renditions: &'a dyn Renditions,
    recent: &'a [Arc<UnitPlan>],
}

impl Supply for Stock<'_> {
    /// An item that began in other looks than its channel has now goes on in them, if it is whole:
    /// a change of the profile must not bring the slate.
    fn index(&self, media: MediaId) -> Option<Arc<RenditionIndex>> {
        let Self { on_air, renditions, recent } = self;
        let profile = &on_air.profile;
        if let Some(own) = on_air.slates.stored_as(media) {
            return renditions.index(own.media(), profile);
        }
        if SlateKind::ALL.iter().any(|kind| slate::id_of(*kind) == media) {
            return renditions.slate(media, profile);
        }
        let begun = recent.last().filter(|unit| unit.shows == Shows::Media(media));
        let begun = begun.map(|unit| &unit.clip.key).filter(|key| key.profile != profile.shape());
        let whole = begun.and_then(|key| renditions.stored(key)).filter(|i| i.is_complete());
        whole.or_else(|| renditions.index(on_air.media.get(&media)?, profile))
    }

    fn in_trouble(&self, media: MediaId) -> bool {
        match self.on_air.media.get(&media) {
            Some(media) => self.renditions.in_trouble(media, &self.on_air.profile),
            // It is planned and was removed since, unless it is a slate.
            None => media.0 > 0,
        }
    }

    fn slate(&self, kind: SlateKind) -> Option<Slate> {
        let Self { on_air, renditions, .. } = self;
        let own = on_air.slates.of(kind);
        let made = own.and_then(|own| renditions.index(own.media(), &on_air.profile));
        if let Some(index) = made.filter(|index| index.is_complete()) {
            return Some(Slate { index, interim: false });
        }
        // A test card is on its way, and neither off the air nor a gap.
        let kind = if own.is_some_and(OwnSlate::is_test_card) { SlateKind::Starting } else { kind };
        let for_all = |kind| renditions.slate(slate::id_of(kind), &on_air.profile);
        let index = for_all(kind).or_else(|| for_all(kind.instead()))?;
        Some(Slate { index, interim: own.is_some() })
    }
}

/// Runs `work` with a composer of what is on air.
pub(super) fn composing<T>(
    on_air: &OnAir,
    renditions: &dyn Renditions,
    recent: &[Arc<UnitPlan>],
    work: impl FnOnce(&Composer<'_>) -> T,
) -> T {
    let stock = Stock { on_air, renditions, recent };
    work(&Composer::new(&on_air.profile, &on_air.timeline, &stock, recent))
}

/// Keeps `live` filled until it is not needed any more.
pub(super) async fn run(core: Arc<Core>, live: Arc<Live>, stop: Stop) {
    let channel = live.channel;
    tracing::info!(channel.id = %channel, "channel {channel} went live");
    let _end = End { core: Arc::clone(&core), live: Arc::clone(&live) };
    let mut task = Task {
        grown: core.renditions.grown(),
        reader: DiskReader::new(Arc::clone(&core.renditions)),
        jump: false,
        beat_ms: live.now_ms() + BEAT_MS,
        ask_ms: i64::MIN,
        core,
        live,
    };
    while task.turn(&stop).await {}
}

/// What is done when a channel ends, also by a panic: no viewer may wait for it.
struct End {
    core: Arc<Core>,
    live: Arc<Live>,
}

impl Drop for End {
    fn drop(&mut self) {
        let channel = self.live.channel;
        self.core.retire(&self.live, true);
        self.core.conforming.release(channel);
        self.core.fact(Fact::ChannelStopped { channel });
        tracing::info!(channel.id = %channel, "channel {channel} stopped");
    }
}

struct Task {
    core: Arc<Core>,
    live: Arc<Live>,
    grown: watch::Receiver<u64>,
    reader: DiskReader,
    /// Whether the next unit does not continue the last one.
    jump: bool,
    beat_ms: i64,
    ask_ms: i64,
}

impl Task {
    /// One look and one step; `false` when the channel has ended.
    async fn turn(&mut self, stop: &Stop) -> bool {
        let keeping = self.core.keeping();
        let (now_ms, release) = self.keep_on();
        let edge_ms = self.live.edge_ms();
        // What has grown before this look is seen by it.
        self.grown.mark_unchanged();
        let next = lifecycle::needs_unit(now_ms, edge_ms, keeping).then(|| self.look());
        let next = next.map(|next| self.unless_held_up(next));
        let situation = Situation {
            now_ms,
            stopping: stop.is_requested() || self.live.closing.load(Ordering::Relaxed),
            left_at_ms: self.live.sessions.left_at_ms(),
            edge_ms,
            next: next.as_ref().map(|next| self.upcoming(next)),
            release_ms: release.map(|at| at.div_euclid(90) - keeping.lead_ms),
        };
        if let Some(Next::Missing(hole)) = &next {
            self.ask(now_ms, hole);
        }
        match lifecycle::step(&situation, keeping) {
            Step::End => return !self.core.retire(&self.live, situation.stopping),
            Step::Begin => {
                self.core.counts.late_starts.fetch_add(1, Ordering::Relaxed);
                self.live.start_at(&*self.core.renditions, now_ms);
                self.jump = true;
                // Without a slate there may be nothing to begin with: do not spin.
                self.wait(100, stop, false).await;
            }
            Step::Emit => self.emit(next, stop).await,
            Step::Slate => {
                let Some(Next::Missing(hole)) = &next else { return true };
                let slate = self.slate(hole);
                let near = self.live.ms_of(hole.until) <= now_ms + keeping.lead_ms;
                if slate.is_none() && hole.goes_on && near {
                    // Without a slate there is nothing to fill the hole with.
                    self.live.leap(hole.until);
                    self.jump = true;
                    return true;
                }
                self.put(slate, stop).await;
            }
            Step::Wait { ms } => {
                let missing = matches!(next, Some(Next::Missing(_)));
                let ms = ms.min((self.beat_ms - now_ms).max(1));
                self.wait(ms, stop, missing).await;
            }
        }
        true
    }

    /// Sends what is due and tells how the channel is; gives the time and when a block is due next.
    fn keep_on(&mut self) -> (i64, Option<i64>) {
        let now_ms = self.live.now_ms();
        let sent_until = (now_ms + self.core.keeping().lead_ms) * 90;
        let release = self.live.ring.advance(now_ms * 90, sent_until);
        self.beat(now_ms);
        (now_ms, release)
    }

    /// Sleeps, and wakes when something happened: a change, a stop, or (when `missing`) new media.
    ///
    /// All branches may be dropped and polled anew.
    async fn wait(&mut self, ms: i64, stop: &Stop, missing: bool) {
        let sleep = Duration::from_millis(u64::try_from(ms).unwrap_or(1));
        tokio::select! {
            () = tokio::time::sleep(sleep) => {}
            () = self.live.wake.notified() => {}
            changed = self.grown.changed(), if missing => {
                // The store is gone only when the server stops, which ends the task by itself.
                if changed.is_err() {
                    tokio::time::sleep(sleep).await;
                }
            }
            () = stop.requested(), if !stop.is_requested() => {}
        }
    }

    /// What comes at the edge: as it was decided before this task began, if it was.
    fn look(&self) -> Next {
        let edge = self.live.edge.load(Ordering::Relaxed);
        match self.live.row.unit_from(edge) {
            Some(unit) => self.again(&unit),
            None => self.composing(|composer| composer.next(edge)),
        }
    }

    /// A unit that was decided before, if it can still be read.
    fn again(&self, unit: &UnitPlan) -> Next {
        let stored = self.core.renditions.stored(&unit.clip.key);
        if stored.is_some_and(|index| index.gops.contains(&unit.clip.gop)) {
            return Next::Ready(unit.clone());
        }
        let media = match unit.shows {
            Shows::Media(media) | Shows::Standby(media) => media,
            Shows::NoProgramming | Shows::Interim => slate::id_of(SlateKind::NoProgramming),
        };
        let frame = unit.first - unit.clip.base;
        Next::Missing(Hole { media, frame, until: unit.end, goes_on: true })
    }

    /// Media whose disk does not answer is missing for now.
    fn unless_held_up(&self, next: Next) -> Next {
        match next {
            Next::Ready(plan) if self.is_held_up(&plan) => match plan.shows {
                Shows::Media(media) => {
                    let frame = plan.first - plan.clip.base;
                    Next::Missing(Hole { media, frame, until: plan.end, goes_on: true })
                }
                Shows::Standby(_) | Shows::NoProgramming | Shows::Interim => Next::Ready(plan),
            },
            Next::Ready(_) | Next::Missing(_) | Next::Nothing { .. } => next,
        }
    }

    /// Whether the disk of anything in `plan` does not answer.
    fn is_held_up(&self, plan: &UnitPlan) -> bool {
        let renditions = &self.core.renditions;
        let sounds = plan.audio.iter().filter_map(|run| run.from.as_ref()).map(|(key, ..)| key);
        std::iter::once(&plan.clip.key).chain(sounds).any(|key| renditions.is_stuck(key))
    }

    fn slate(&self, hole: &Hole) -> Option<UnitPlan> {
        let edge = self.live.edge.load(Ordering::Relaxed);
        self.composing(|composer| composer.slate(edge, hole.until, Some(hole.media)))
    }

    fn composing<T>(&self, work: impl FnOnce(&Composer<'_>) -> T) -> T {
        let recent: Vec<_> = {
            let recent = self.live.lock_recent();
            recent.iter().skip(recent.len().saturating_sub(LOOKED_AT)).cloned().collect()
        };
        composing(&self.live.on_air.load(), &*self.core.renditions, &recent, work)
    }

    fn upcoming(&self, next: &Next) -> Upcoming {
        match next {
            Next::Ready(_) | Next::Nothing { .. } => Upcoming::Ready,
            Next::Missing(hole) => {
                Upcoming::Missing { goes_on_ms: hole.goes_on.then(|| self.live.ms_of(hole.until)) }
            }
        }
    }

    async fn emit(&mut self, next: Option<Next>, stop: &Stop) {
        let plan = match next {
            Some(Next::Ready(plan)) => Some(plan),
            Some(Next::Nothing { until }) => {
                let edge = self.live.edge.load(Ordering::Relaxed);
                self.composing(|composer| composer.slate(edge, until, None))
            }
            Some(Next::Missing(_)) | None => None,
        };
        self.put(plan, stop).await;
    }

    /// Makes the bytes of `plan` and puts them into the ring; without one, waits a little.
    async fn put(&mut self, plan: Option<UnitPlan>, stop: &Stop) {
        let Some(plan) = plan else {
            return self.wait(100, stop, true).await;
        };
        let plan = Arc::new(plan);
        let mut reader = std::mem::take(&mut self.reader);
        let (wanted, profile) = (Arc::clone(&plan), self.live.profile.clone());
        let mut made = tokio::task::spawn_blocking(move || {
            let unit = compose::mux(&wanted, &profile, &mut reader);
            (unit, reader)
        });
        // A disk that hangs must not silence the channel: what is composed is sent on.
        let made = loop {
            tokio::select! {
                made = &mut made => break made,
                () = tokio::time::sleep(Duration::from_millis(SLOW_READ_MS)) => {
                    let (now_ms, _) = self.keep_on();
                    let headroom = self.live.edge_ms() - now_ms;
                    if headroom < lifecycle::SLATE_BELOW_MS && self.is_held_up(&plan) {
                        // The read goes on by itself, and may do for long.
                        self.reader = DiskReader::new(Arc::clone(&self.core.renditions));
                        return;
                    }
                }
                () = stop.requested() => return,
            }
        };
        let Ok((unit, reader)) = made else {
            // The worker panicked; that is logged by the runtime and must not spin.
            self.reader = DiskReader::new(Arc::clone(&self.core.renditions));
            return self.wait(100, stop, false).await;
        };
        self.reader = reader;
        match unit {
            Ok(unit) => self.push(plan, &unit),
            Err(error) => {
                // The store forgets what it cannot read, so the next look finds a hole.
                let counts = &self.core.counts;
                counts.read_errors.fetch_add(1, Ordering::Relaxed);
                let channel = self.live.channel;
                tracing::debug!(channel.id = %channel, %error, "channel {channel} lost a group");
                self.wait(20, stop, false).await;
            }
        }
    }

    fn push(&mut self, plan: Arc<UnitPlan>, unit: &crate::mpegts::unit::Unit) {
        let live = &self.live;
        let counts = &self.core.counts;
        counts.units.fetch_add(1, Ordering::Relaxed);
        if matches!(plan.shows, Shows::Standby(_)) {
            counts.slate_units.fetch_add(1, Ordering::Relaxed);
        }
        live.ring.push(unit, live.profile.tick_of(plan.first), std::mem::take(&mut self.jump));
        live.leap(plan.end);
        live.decide(plan);
    }

    /// Asks for media that is on air and not in the store, if somebody watches.
    fn ask(&mut self, now_ms: i64, hole: &Hole) {
        if now_ms < self.ask_ms || self.live.sessions.count() == 0 {
            return;
        }
        self.ask_ms = now_ms + ASK_MS;
        let on_air = self.live.on_air.load();
        let Some(media) = on_air.media.get(&hole.media) else { return };
        let ahead = self.live.profile.rate.frame_at_or_after(ASK_AHEAD_MS * 90);
        // Near the end of a hole there is nothing to be gained in front of what goes on.
        let frame = hole.frame
            + ahead.min(hole.until.saturating_sub(self.live.edge.load(Ordering::Relaxed))).max(0);
        self.core.conforming.want(self.live.channel, media, &on_air.profile, frame);
    }

    /// Once a second: shows idle viewers out and tells how the channel is.
    fn beat(&mut self, now_ms: i64) {
        if now_ms < self.beat_ms {
            return;
        }
        self.beat_ms = now_ms + BEAT_MS;
        let live = &self.live;
        live.sessions.measure();
        for viewer in live.sessions.expire(now_ms, self.core.limits.load().idle_ms, HLS_IDLE_MS) {
            self.core.counts.idle_viewers.fetch_add(1, Ordering::Relaxed);
            live.ring.wake(viewer);
        }
        let state = live.state();
        let job: Option<JobBeat> = self.core.conforming.job(live.channel);
        self.core.fact(Fact::Beat(ChannelBeat {
            channel: live.channel,
            viewers: state.viewers,
            headroom_ms: state.headroom_ms,
            on_slate: state.on_slate,
            media: state.media,
            job,
        }));
    }
}

/// Reads GOPs from the store, keeping the last few's sound: a unit needs that of the one before.
#[derive(Debug, Default)]
pub(super) struct DiskReader {
    renditions: Option<Arc<dyn Renditions>>,
    sounds: VecDeque<(RenditionKey, GopEntry, Arc<[Bytes]>)>,
}

impl DiskReader {
    /// GOPs whose sound is kept.
    const KEPT: usize = 4;

    pub(super) fn new(renditions: Arc<dyn Renditions>) -> Self {
        Self { renditions: Some(renditions), sounds: VecDeque::new() }
    }

    fn read(&mut self, key: &RenditionKey, gop: &GopEntry) -> Result<Gop, ReadError> {
        let Some(renditions) = &self.renditions else {
            return Err(ReadError::Damaged { media: key.media });
        };
        let read = renditions.read(key, gop)?;
        // Copied, so that a kilobyte of sound does not hold a megabyte of pictures.
        let whole: Bytes = read.audio.concat().into();
        let mut at = 0;
        let frames = read.audio.iter().map(|frame| {
            at += frame.len();
            whole.slice(at - frame.len()..at)
        });
        self.sounds.push_back((key.clone(), *gop, frames.collect()));
        if self.sounds.len() > Self::KEPT {
            self.sounds.pop_front();
        }
        Ok(read)
    }
}

impl compose::Reader for DiskReader {
    fn pictures(&mut self, key: &RenditionKey, gop: &GopEntry) -> Result<Arc<Gop>, ReadError> {
        self.read(key, gop).map(Arc::new)
    }

    fn sounds(&mut self, key: &RenditionKey, gop: &GopEntry) -> Option<Arc<[Bytes]>> {
        let kept = |sounds: &VecDeque<(RenditionKey, GopEntry, Arc<[Bytes]>)>| {
            let found = sounds.iter().rev().find(|(k, g, _)| k == key && g == gop);
            found.map(|(_, _, frames)| Arc::clone(frames))
        };
        if let Some(frames) = kept(&self.sounds) {
            return Some(frames);
        }
        // reason: the store drops what it cannot read, and silence is the answer here.
        self.read(key, gop).ok()?;
        kept(&self.sounds)
    }
}
