//! The conformer: turns media into renditions, for viewers who wait and for those to come.
//!
//! A *job* makes one rendition of one media item from a frame on, hole by hole, in as many *runs*
//! of ffmpeg as that takes ([`run`]): a run that copies and meets something that cannot be copied
//! is followed by one that encodes from there. What came is in the store at once, group by group,
//! so a job can be ended at any moment and a later one goes on behind it.
//!
//! Two channels that want the same media share a job. A job that failed is remembered for the
//! channels that waited for it, and not tried again for them before [`Conforming::restart`]: no
//! retry loop hides behind the operator's back.

mod book;
mod findings;
mod grid;
mod hole;
mod job;
mod relay;
pub(in crate::stream) mod rules;
mod run;
mod sample;
mod verify;

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use self::findings::Findings;
use self::hole::{Hole, next_hole, stated_end};
use self::relay::{Connections, Porter};
use self::run::{Means, Progress, Task};
pub(in crate::stream) use self::sample::Uncopied;
use super::ahead::{Making, Readiness, Share};
use super::direct::{Offer, Shelf};
use super::encoders::Encoders;
use super::ffmpeg::Effort;
use super::pool::{Pool, Priority};
use super::rendition::{Conforming, RenditionKey};
use super::store::Store;
use crate::domain::{
    ChannelId, ConformEnd, ConformJob, Fact, JobBeat, LibraryId, Media, MediaId, Profile,
};
use crate::foundation::clock::SharedClock;
use crate::foundation::process::{Command, Processes};
use crate::foundation::reach::Outside;
use crate::foundation::stop::Stop;

/// A running job is worth waiting for when it is at most this far before the wanted frame.
const REACH_MS: i64 = 15_000;
/// A job this close to its end is finished although nobody waits any more.
const NEARLY_DONE_MS: i64 = 30_000;
/// A relay that gives nothing for this long is stuck: it had the time to try a place three times.
const LOOKS_FOR_SOURCE_MS: i64 = 60_000;
/// Up to this many cores a viewer's job has the machine to itself.
const SMALL_BOX: usize = 4;

/// What the conformer is told once.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The ffmpeg to run.
    pub ffmpeg: OsString,
    /// The picture for sound without picture.
    pub still: PathBuf,
    /// Where what is found out about files is kept.
    pub findings: PathBuf,
    /// How the sources of broadcasts are asked.
    pub outside: Outside,
    /// Which encoders work.
    pub encoders: Arc<Encoders>,
}

/// Makes renditions; see the module.
#[derive(Debug)]
pub struct Conformer {
    me: Weak<Self>,
    means: Means,
    stop: Stop,
    cores: usize,
    /// Threads of an encoder that nobody waits for.
    ahead_threads: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last_job: u64,
    jobs: HashMap<u64, Job>,
    /// Which job a channel waits for.
    waiting: HashMap<ChannelId, u64>,
    /// What failed, for whom; only `restart` and `forget` take it out.
    failed: HashMap<(ChannelId, RenditionKey), ConformEnd>,
    /// What failed without a viewer.
    failed_ahead: HashSet<RenditionKey>,
}

#[derive(Debug)]
struct Job {
    key: RenditionKey,
    profile: Profile,
    from_frame: i64,
    end_frame: Option<i64>,
    background: bool,
    /// Whether it relays a broadcast, which looks after its source by itself.
    relays: bool,
    progress: Arc<Progress>,
    cancel: CancellationToken,
    waiters: Vec<ChannelId>,
}

impl Conformer {
    /// A conformer that writes to `store`; needs a tokio runtime from the first job on.
    pub fn start(
        shelf: Arc<Shelf>,
        store: Arc<Store>,
        pool: Arc<Pool>,
        clock: SharedClock,
        stop: &Stop,
        facts: mpsc::Sender<Fact>,
        settings: Settings,
    ) -> Arc<Self> {
        let Settings { ffmpeg, still, findings, outside, encoders } = settings;
        let findings = Arc::new(Findings::new(findings));
        let connections = Connections::default();
        Arc::new_cyclic(|me| Self {
            me: me.clone(),
            means: Means {
                shelf,
                store,
                pool,
                clock,
                facts,
                ffmpeg,
                still,
                findings,
                connections,
                porter: Porter::new(outside, stop),
                encoders,
            },
            stop: stop.clone(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            ahead_threads: AtomicUsize::new(1),
            state: Mutex::default(),
        })
    }

    /// Makes the whole rendition of `media` at idle priority and says how that ended.
    ///
    /// Cancelled when a viewer needs the machine; what was made stays, so asking again goes on.
    pub async fn ahead(&self, media: &Arc<Media>, profile: &Profile) -> ConformEnd {
        let key = Store::key_of(media, profile);
        let (tell, told) = oneshot::channel();
        self.begin(&mut self.state(), media, profile, key, 0, Audience::Nobody(tell));
        told.await.unwrap_or(ConformEnd::Cancelled)
    }

    /// Makes a slate of a picture or a clip, in groups that can be looped; one that is not
    /// `urgent` at idle priority, and it gives way like work ahead.
    pub(super) async fn slate(
        &self,
        media: &Arc<Media>,
        profile: &Profile,
        urgent: bool,
    ) -> ConformEnd {
        let key = Store::key_of(media, profile);
        let (tell, told) = oneshot::channel();
        self.begin(&mut self.state(), media, profile, key, 0, Audience::Slate { tell, urgent });
        told.await.unwrap_or(ConformEnd::Cancelled)
    }

    /// Runs ffmpeg to its end, for something that is conformed afterwards.
    pub(super) async fn run(&self, args: Vec<OsString>, within: Duration) -> Result<(), String> {
        let program = self.means.ffmpeg.clone();
        let command = Command { program, args, timeout: within, max_output: 64 * 1024 };
        let finished = self.means.pool.run(command).await.map_err(|error| error.to_string())?;
        match finished.code {
            Some(0) => Ok(()),
            code => Err(format!("ffmpeg ended with {code:?}: {}", finished.stderr.trim())),
        }
    }

    /// Lets what is made for nobody take this much of the machine from now on.
    pub fn keep_to(&self, share: Share) {
        self.ahead_threads.store(share.threads, Ordering::Relaxed);
        self.means.pool.confine_background(share.cores);
    }

    /// Whether a viewer waits for a conform, or is kept going by one.
    pub fn serves_viewers(&self) -> bool {
        let held = |job: &Job| job.progress.held.load(Ordering::Relaxed);
        self.state().jobs.values().any(|job| !job.background && !held(job))
    }

    /// Ends what is made of `media` for nobody; what is there stays.
    pub fn stop_making(&self, media: &Media, profile: &Profile) {
        let key = Store::key_of(media, profile);
        let mut state = self.state();
        let idle: Vec<u64> = state
            .jobs
            .iter()
            .filter(|(_, job)| job.key == key && job.background && job.waiters.is_empty())
            .map(|(id, _)| *id)
            .collect();
        for id in idle {
            state.cancel(id);
        }
    }

    /// Whether nothing worth mentioning is missing of a rendition.
    pub fn is_made(&self, media: &Media, profile: &Profile) -> bool {
        if self.means.shelf.offer(media, profile) == Offer::Ready {
            return true;
        }
        let index = self.means.store.index_of(&Store::key_of(media, profile));
        let end = index.as_ref().and_then(|index| index.end_frame);
        index.is_some() && next_hole(index.as_deref(), 0, end).is_none()
    }

    /// How ready a rendition is.
    pub fn readiness(&self, media: &Media, profile: &Profile) -> Readiness {
        if self.means.shelf.offer(media, profile) == Offer::Ready {
            return Readiness::InProcess;
        }
        if self.is_made(media, profile) {
            return Readiness::Prepared;
        }
        if self.failed_ahead(media, profile) { Readiness::Failed } else { Readiness::Waiting }
    }

    /// What is being made, oldest first; slates are not told.
    pub fn making(&self) -> Vec<Making> {
        let state = self.state();
        let told = state.jobs.iter().filter(|(_, job)| job.key.media.0 > 0);
        let mut making: Vec<Making> = told
            .map(|(id, job)| {
                let ms = |frame: i64| job.profile.tick_of(frame).max(0) / 90;
                Making {
                    job: *id,
                    media: job.key.media,
                    profile: job.profile.name.clone(),
                    waiting: job.waiters.clone(),
                    done_ms: ms(job.progress.next_frame.load(Ordering::Relaxed)),
                    end_ms: job.end_frame.map(ms),
                    held: job.progress.held.load(Ordering::Relaxed),
                }
            })
            .collect();
        making.sort_by_key(|making| making.job);
        making
    }

    /// Bytes of the cache and its limit; files read in process and the memory they take.
    pub fn usage(&self) -> ((u64, u64), (usize, usize)) {
        (self.means.store.usage(), self.means.shelf.usage())
    }

    /// Whether `media` failed when nobody waited for it, and is not to be tried again.
    pub fn failed_ahead(&self, media: &Media, profile: &Profile) -> bool {
        self.state().failed_ahead.contains(&Store::key_of(media, profile))
    }

    /// Whether work ahead has to stand back: a viewer's job runs and the machine is small.
    pub fn is_busy(&self) -> bool {
        let held = |job: &Job| job.progress.held.load(Ordering::Relaxed);
        let state = self.state();
        self.cores <= SMALL_BOX && state.jobs.values().any(|job| !job.background && !held(job))
    }

    /// Sets how many streams a provider of broadcasts allows at once; `None` is no limit.
    pub fn limit_connections(&self, provider: LibraryId, limit: Option<u32>) {
        self.means.connections.limit(provider, limit);
    }

    /// Ends every job for `media`, removes its renditions and forgets its failures.
    pub fn forget(&self, media: MediaId) {
        {
            let mut state = self.state();
            let jobs: Vec<u64> = state
                .jobs
                .iter()
                .filter(|(_, job)| job.key.media == media)
                .map(|(id, _)| *id)
                .collect();
            for id in jobs {
                state.cancel(id);
            }
            state.failed.retain(|(_, key), _| key.media != media);
            state.failed_ahead.retain(|key| key.media != media);
        }
        self.means.shelf.forget(media);
        self.means.store.forget(media);
    }

    /// Starts a job from `from_frame` on.
    fn begin(
        &self,
        state: &mut State,
        media: &Arc<Media>,
        profile: &Profile,
        key: RenditionKey,
        from_frame: i64,
        audience: Audience,
    ) {
        let Some(me) = self.me.upgrade() else { return };
        state.last_job += 1;
        let id = state.last_job;
        let progress = Arc::new(Progress {
            next_frame: AtomicI64::new(from_frame),
            last_ms: AtomicI64::new(self.means.clock.now_ms()),
            held: AtomicBool::new(false),
            wanted_ms: AtomicI64::new(self.means.clock.now_ms()),
        });
        let cancel = CancellationToken::new();
        let channel = match &audience {
            Audience::Channel(channel) => Some(*channel),
            Audience::Nobody(_) | Audience::Slate { .. } => None,
        };
        let few = self.ahead_threads.load(Ordering::Relaxed);
        let (effort, priority, threads) = match &audience {
            Audience::Channel(_) => (Effort::Live, Priority::Live, 0),
            Audience::Nobody(_) => (Effort::Background, Priority::Background, few),
            Audience::Slate { urgent: true, .. } => (Effort::Slate, Priority::Live, 0),
            Audience::Slate { urgent: false, .. } => (Effort::Slate, Priority::Background, few),
        };
        let task = Task {
            job: ConformJob { job: id, media: media.id, channel },
            key: key.clone(),
            media: Arc::clone(media),
            profile: profile.clone(),
            from_frame,
            effort,
            priority,
            threads,
            progress: Arc::clone(&progress),
            cancel: cancel.clone(),
        };
        let job = Job {
            key,
            profile: profile.clone(),
            from_frame,
            end_frame: stated_end(media, profile),
            background: priority == Priority::Background,
            relays: media.is_live(),
            progress,
            cancel,
            waiters: channel.into_iter().collect(),
        };
        state.jobs.insert(id, job);
        if let Some(channel) = channel {
            state.waiting.insert(channel, id);
        }
        let tell = match audience {
            Audience::Channel(_) => None,
            Audience::Nobody(tell) | Audience::Slate { tell, .. } => Some(tell),
        };
        let stop = self.stop.clone();
        self.stop.spawn("conform", async move {
            let end = tokio::select! {
                () = stop.requested() => ConformEnd::Cancelled,
                end = me.make(&task) => end,
            };
            me.ended(&task, &end).await;
            if let Some(tell) = tell {
                // Whoever asked may have gone; then nobody wants to know.
                drop(tell.send(end));
            }
        });
    }

    async fn ended(&self, task: &Task, end: &ConformEnd) {
        let failed = is_failure(end);
        let transient = matches!(
            end,
            ConformEnd::NotStored { .. } | ConformEnd::NotStarted { .. } | ConformEnd::Cancelled
        );
        let mut channels = Vec::new();
        {
            let mut state = self.state();
            if let Some(job) = state.jobs.remove(&task.job.job) {
                channels.clone_from(&job.waiters);
                for channel in job.waiters {
                    state.waiting.remove(&channel);
                    if failed {
                        state.failed.insert((channel, task.key.clone()), end.clone());
                    }
                }
            }
            if task.effort == Effort::Background && !transient {
                let index = self.means.store.index_of(&task.key);
                let end = index.as_ref().and_then(|index| index.end_frame);
                // Also when it ended well but left a hole: trying again would leave it again.
                if next_hole(index.as_deref(), 0, end).is_some() {
                    state.failed_ahead.insert(task.key.clone());
                }
            }
        }
        if task.effort == Effort::Slate || task.profile.sound_only {
            return;
        }
        let mut jobs: Vec<ConformJob> = channels
            .into_iter()
            .map(|channel| ConformJob { channel: Some(channel), ..task.job })
            .collect();
        if jobs.is_empty() {
            jobs.push(task.job);
        }
        for job in jobs {
            let fact = Fact::ConformEnded { job, end: end.clone() };
            tokio::select! {
                sent = self.means.facts.send(fact) => {
                    if sent.is_err() {
                        tracing::debug!("nobody listens to facts any more");
                    }
                }
                () = self.stop.requested() => {}
            }
        }
    }

    /// Writes down whether something is wrong with a rendition, where every server sees it.
    fn note_failure(&self, task: &Task, failed: bool) {
        if failed && task.profile.sound_only {
            tracing::warn!(
                media.id = %task.media.id,
                "media {} has its own sound in place of another language: that cannot be prepared",
                task.media.id
            );
        }
        if task.effort == Effort::Slate {
            return;
        }
        let store = &self.means.store;
        if store.notes(&task.key).failed == failed {
            return;
        }
        if let Err(error) = store.note(&task.key, |notes| notes.failed = failed) {
            tracing::debug!(%error, "that media {} failed is not on disk", task.media.id);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_failure(end: &ConformEnd) -> bool {
    match end {
        ConformEnd::Completed | ConformEnd::Cancelled | ConformEnd::Truncated { .. } => false,
        ConformEnd::Exited { .. }
        | ConformEnd::Missing
        | ConformEnd::Unusable { .. }
        | ConformEnd::NotStored { .. }
        | ConformEnd::SourceLost { .. }
        | ConformEnd::NotStarted { .. } => true,
    }
}

/// Who a job is for.
enum Audience {
    Channel(ChannelId),
    Nobody(oneshot::Sender<ConformEnd>),
    Slate { tell: oneshot::Sender<ConformEnd>, urgent: bool },
}

impl Conforming for Conformer {
    fn want(&self, channel: ChannelId, media: &Arc<Media>, profile: &Profile, from_frame: i64) {
        let offer = (!media.is_live()).then(|| self.means.shelf.want(media, profile));
        match offer {
            // What is read in process, or will be in a moment, needs no ffmpeg.
            Some(Offer::Ready | Offer::Opening | Offer::Unknown) => {
                self.state().detach(channel);
                return;
            }
            Some(Offer::Unfit(_)) | None => {}
        }
        let key = Store::key_of(media, profile);
        let mut state = self.state();
        if state.failed.contains_key(&(channel, key.clone())) {
            return;
        }
        let reach = profile.rate.frame_at_or_after(REACH_MS * 90);
        let index = self.means.store.index_of(&key);
        let noted = index.as_ref().and_then(|index| index.end_frame);
        let end = noted.or_else(|| stated_end(media, profile));
        let hole = match media.is_live() {
            true => Some(Hole { start: from_frame, until: None }),
            false => next_hole(index.as_deref(), from_frame, end),
        };
        let Some(hole) = hole.filter(|hole| hole.start <= from_frame + reach) else {
            state.detach(channel);
            return;
        };
        let serves = |job: &Job| {
            let next = job.progress.next_frame.load(Ordering::Relaxed);
            let near = next <= hole.start && hole.start - next <= reach;
            // Work ahead is niced; a viewer gets a job of his own. A broadcast is only had once.
            !job.background && job.key == key && (near || media.is_live())
        };
        let found = state.jobs.iter().find(|(_, job)| serves(job)).map(|(id, _)| *id);
        if let Some(id) = found {
            if let Some(job) = state.jobs.get(&id) {
                job.progress.wanted_ms.store(self.means.clock.now_ms(), Ordering::Relaxed);
            }
            if state.waiting.get(&channel) != Some(&id) {
                state.detach(channel);
                state.attach(channel, id);
            }
            return;
        }
        state.detach(channel);
        // Work ahead goes on later behind what it has made.
        let small = self.cores <= SMALL_BOX;
        let yielding: Vec<u64> = state
            .jobs
            .iter()
            .filter(|(_, job)| job.background && job.waiters.is_empty())
            .filter(|(_, job)| small || job.key == key)
            .map(|(id, _)| *id)
            .collect();
        for id in yielding {
            state.cancel(id);
        }
        self.begin(&mut state, media, profile, key, hole.start, Audience::Channel(channel));
    }

    fn release(&self, channel: ChannelId) {
        self.state().detach(channel);
    }

    fn job(&self, channel: ChannelId) -> Option<JobBeat> {
        let state = self.state();
        let id = *state.waiting.get(&channel)?;
        let job = state.jobs.get(&id)?;
        let last = job.progress.last_ms.load(Ordering::Relaxed);
        let silent_ms = (self.means.clock.now_ms() - last).max(0);
        let looks_for_source = job.relays && silent_ms < LOOKS_FOR_SOURCE_MS;
        let held = looks_for_source || job.progress.held.load(Ordering::Relaxed);
        Some(JobBeat { job: id, media: job.key.media, silent_ms, held })
    }

    fn failure(&self, channel: ChannelId, media: &Media, profile: &Profile) -> Option<ConformEnd> {
        self.state().failed.get(&(channel, Store::key_of(media, profile))).cloned()
    }

    fn restart(&self, channel: ChannelId) -> bool {
        let mut state = self.state();
        let running = state.waiting.get(&channel).copied();
        if let Some(id) = running {
            state.cancel(id);
        }
        let before = state.failed.len();
        let State { failed, failed_ahead, .. } = &mut *state;
        failed.retain(|(whose, key), _| {
            let ours = *whose == channel;
            if ours {
                failed_ahead.remove(key);
            }
            !ours
        });
        running.is_some() || failed.len() < before
    }
}

impl State {
    fn attach(&mut self, channel: ChannelId, id: u64) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        job.waiters.push(channel);
        self.waiting.insert(channel, id);
    }

    /// Takes a channel off its job; a job that nobody waits for ends, unless it is nearly done.
    fn detach(&mut self, channel: ChannelId) {
        let Some(id) = self.waiting.remove(&channel) else { return };
        let Some(job) = self.jobs.get_mut(&id) else { return };
        job.waiters.retain(|waiter| *waiter != channel);
        let next = job.progress.next_frame.load(Ordering::Relaxed);
        let left = job.end_frame.map(|end| job.profile.tick_of((end - next).max(0)) / 90);
        let nearly_done = left.is_some_and(|left| left < NEARLY_DONE_MS);
        if job.waiters.is_empty() && !job.background && !nearly_done {
            self.cancel(id);
        }
    }

    /// Ends a job; it leaves the list at once, so that nobody joins it.
    fn cancel(&mut self, id: u64) {
        let Some(job) = self.jobs.remove(&id) else { return };
        for channel in job.waiters {
            self.waiting.remove(&channel);
        }
        job.cancel.cancel();
    }
}

#[cfg(test)]
mod tests;
