//! Work ahead: conforms what will be on air before anybody waits for it.
//!
//! One task makes one rendition at a time at idle priority, in the order of [`choose`], and looks
//! again every few seconds: what viewers will see soon takes the place of what is being made,
//! which goes on later where it stopped. On a small machine it stands back while a viewer's conform
//! runs. What failed is reported once by the conformer and left alone until its file changes or
//! the operator restarts it.
//!
//! The same task makes the slates of every profile in use, before anything else, and tells the
//! store when everything is next needed.

mod choose;
mod progress;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

pub use self::choose::{Job, Line, next_job, next_uses, now_and_next};
pub use self::progress::{ChannelReadiness, Making, Preparation, Readiness, readiness};
use super::OnAir;
use super::conform::Conformer;
use super::decided::REMEMBER_MS;
use super::direct::{Offer, Shelf};
use super::slate::Cards;
use super::store::Store;
use crate::domain::{ChannelId, ConformEnd, Media, Profile, UtcMillis};
use crate::foundation::clock::SharedClock;
use crate::foundation::stop::Stop;

/// Time between two looks when nothing happens.
const LOOK: Duration = Duration::from_secs(5);
/// Time before the next try when the machine or the disk had no room.
const NO_ROOM: Duration = Duration::from_secs(60);
/// How long is waited for one file to be opened.
const SLOW_OPEN: Duration = Duration::from_secs(2);
/// Files compared between two looks.
const VERIFIED: usize = 4;
/// How far next uses are looked up for eviction.
const USES_MS: i64 = 24 * 3_600_000;

/// What the task works with.
#[derive(Debug)]
pub struct Means {
    /// Who makes renditions.
    pub conformer: Arc<Conformer>,
    /// Who reads media that conforms already.
    pub shelf: Arc<Shelf>,
    /// Where they are kept.
    pub store: Arc<Store>,
    /// The pictures of the slates.
    pub cards: Cards,
    /// The time.
    pub clock: SharedClock,
    /// How far ahead of its air time media is conformed, in milliseconds.
    pub horizon_ms: i64,
}

/// What all channels play at a moment, and which of them are watched.
#[derive(Debug, Clone, Default)]
pub struct Plans {
    /// Every channel on air.
    pub channels: Vec<Arc<OnAir>>,
    /// Those with viewers.
    pub watched: HashSet<ChannelId>,
}

/// How ready every channel of `plans` is for the next two hours.
pub(super) fn ready(
    plans: &Plans,
    now: UtcMillis,
    conformer: &Conformer,
) -> Vec<(ChannelId, ChannelReadiness)> {
    const WINDOW_MS: i64 = 2 * 3_600_000;
    let lines = lines(plans);
    let mut ready: Vec<(ChannelId, ChannelReadiness)> = plans
        .channels
        .iter()
        .zip(&lines)
        .map(|(on_air, line)| {
            let of = |media: &Arc<Media>| conformer.readiness(media, line.profile);
            (on_air.channel.id, readiness(line, now, WINDOW_MS, &of))
        })
        .collect();
    ready.sort_by_key(|(channel, _)| *channel);
    ready
}

/// Wakes the task, for instance when a channel was published.
#[derive(Debug, Clone, Default)]
pub struct Nudge(Arc<Notify>);

impl Nudge {
    /// Makes the task look at once.
    pub fn nudge(&self) {
        self.0.notify_one();
    }
}

/// Starts the task; `look` gives what is on air, and is asked every few seconds.
pub fn start(
    means: Means,
    stop: &Stop,
    nudge: Nudge,
    look: impl Fn() -> Plans + Send + Sync + 'static,
) {
    let ahead = Ahead { means, stop: stop.clone(), nudge };
    stop.spawn("ahead", async move {
        tokio::select! {
            () = ahead.run(look) => {}
            () = ahead.stop.requested() => {}
        }
    });
}

struct Ahead {
    means: Means,
    stop: Stop,
    nudge: Nudge,
}

impl Ahead {
    async fn run(&self, look: impl Fn() -> Plans) {
        let mut without_slates = HashMap::new();
        loop {
            let plans = look();
            self.tell_uses(&plans);
            self.make_slates(&plans, &mut without_slates).await;
            self.open_next(&plans).await;
            self.verify_some(&plans).await;
            if self.means.conformer.is_busy() {
                self.wait(Duration::from_secs(1)).await;
                continue;
            }
            let Some(job) = self.choose(&plans) else {
                self.wait(LOOK).await;
                continue;
            };
            if self.means.shelf.offer(&job.media, &job.profile) == Offer::Unknown {
                self.open(&job.media, &job.profile).await;
                continue;
            }
            if !self.has_room(&job).await {
                self.wait(NO_ROOM).await;
                continue;
            }
            match self.make(&job, &look).await {
                ConformEnd::NotStored { .. } | ConformEnd::NotStarted { .. } => {
                    tokio::time::sleep(NO_ROOM).await;
                }
                ConformEnd::Cancelled => self.wait(Duration::from_millis(200)).await,
                ConformEnd::Completed
                | ConformEnd::Exited { .. }
                | ConformEnd::Missing
                | ConformEnd::SourceLost { .. }
                | ConformEnd::Unusable { .. }
                | ConformEnd::Truncated { .. } => {}
            }
        }
    }

    /// Makes one rendition, unless something else becomes more urgent meanwhile.
    async fn make(&self, job: &Job, look: &impl Fn() -> Plans) -> ConformEnd {
        let making = self.means.conformer.ahead(&job.media, &job.profile);
        tokio::pin!(making);
        loop {
            tokio::select! {
                end = &mut making => return end,
                () = self.wait(LOOK) => {
                    let plans = look();
                    self.tell_uses(&plans);
                    self.open_next(&plans).await;
                    if self.choose(&plans).is_some_and(|best| best.replaces(job)) {
                        self.means.conformer.stop_ahead();
                    }
                }
            }
        }
    }

    /// Drops what is needed later than `job`; says whether that was enough.
    async fn has_room(&self, job: &Job) -> bool {
        let (store, job) = (Arc::clone(&self.means.store), job.clone());
        let reserved =
            tokio::task::spawn_blocking(move || store.reserve(&job.media, &job.profile)).await;
        match reserved {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::debug!(%error, "nothing is made ahead");
                false
            }
            Err(_panicked) => false,
        }
    }

    /// Opens what is on air now and next on every channel, as far as it can be read in process.
    async fn open_next(&self, plans: &Plans) {
        let now = UtcMillis(self.means.clock.now_ms());
        for line in lines(plans) {
            for media in now_and_next(&line, now) {
                if self.means.shelf.offer(media, line.profile) == Offer::Unknown {
                    self.open(media, line.profile).await;
                }
            }
        }
    }

    /// Compares some of what is read in process with what ffmpeg makes of it.
    async fn verify_some(&self, plans: &Plans) {
        let Means { shelf, conformer, .. } = &self.means;
        let now = UtcMillis(self.means.clock.now_ms());
        let mut unchecked = Vec::new();
        for line in lines(plans) {
            let fresh = now_and_next(&line, now)
                .filter(|media| shelf.is_unchecked(media, line.profile))
                .map(|media| (Arc::clone(media), line.profile.clone()));
            unchecked.extend(fresh);
        }
        for (media, profile) in unchecked.iter().take(VERIFIED) {
            if !conformer.is_busy() {
                shelf.verify(conformer, media, profile).await;
            }
        }
    }

    /// Opens one file; a disk that takes long is left to itself, and the answer comes later.
    async fn open(&self, media: &Arc<Media>, profile: &Profile) {
        let opening = self.means.shelf.prepare(media, profile);
        if tokio::time::timeout(SLOW_OPEN, opening).await.is_err() {
            tracing::debug!(media.id = %media.id, "media {} opens slowly", media.id);
        }
    }

    fn choose(&self, plans: &Plans) -> Option<Job> {
        let Means { conformer, shelf, .. } = &self.means;
        let needs = |media: &Media, profile: &Profile| {
            !conformer.is_made(media, profile)
                && !conformer.failed_ahead(media, profile)
                && !self.means.store.is_made_elsewhere(&Store::key_of(media, profile))
                && shelf.offer(media, profile) != Offer::Opening
        };
        let now = UtcMillis(self.means.clock.now_ms());
        next_job(now, self.means.horizon_ms, &lines(plans), &needs)
    }

    fn tell_uses(&self, plans: &Plans) {
        // What was shown lately is still listed by HLS.
        let since = UtcMillis(self.means.clock.now_ms() - REMEMBER_MS);
        let uses = next_uses(since, USES_MS + REMEMBER_MS, &lines(plans));
        self.means.shelf.keep(&uses);
        self.means.store.publish_uses(uses);
    }

    /// Makes the slates that are missing; a profile whose slates fail is tried again later.
    async fn make_slates(&self, plans: &Plans, failed_at: &mut HashMap<String, i64>) {
        let mut profiles: Vec<&Profile> = plans.channels.iter().map(|on| &on.profile).collect();
        profiles.sort_by_key(|profile| profile.shape());
        profiles.dedup_by_key(|profile| profile.shape());
        for profile in profiles {
            let now = self.means.clock.now_ms();
            let patience = i64::try_from(NO_ROOM.as_millis()).unwrap_or(i64::MAX);
            if failed_at.get(&profile.shape()).is_some_and(|at| now - at < patience) {
                continue;
            }
            let Means { conformer, store, cards, .. } = &self.means;
            if let Err(error) = cards.conform(conformer, store, profile).await {
                failed_at.insert(profile.shape(), now);
                tracing::error!(%error, "there is no slate for profile {}", profile.name);
            }
        }
    }

    async fn wait(&self, time: Duration) {
        // Either way the next look sees all there is.
        drop(tokio::time::timeout(time, self.nudge.0.notified()).await);
    }
}

fn lines(plans: &Plans) -> Vec<Line<'_>> {
    let line = |on_air: &'_ Arc<OnAir>| plans.watched.contains(&on_air.channel.id);
    plans
        .channels
        .iter()
        .map(|on_air| Line {
            profile: &on_air.profile,
            timeline: &on_air.timeline,
            media: &on_air.media,
            watched: line(on_air),
        })
        .collect()
}
