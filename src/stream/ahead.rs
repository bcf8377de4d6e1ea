//! Work ahead: conforms what will be on air before anybody waits for it.
//!
//! One task makes renditions at idle priority, in the order of [`choose`], as many at a time as its
//! share of the machine gives ([`rules`]), and looks again every few seconds: what viewers will see
//! soon takes the place of what is being made, which goes on later where it stopped. On a small
//! machine it stands back while a viewer's conform runs. What failed is reported once by the
//! conformer and left alone until its file changes or the operator restarts it.
//!
//! When nothing that is planned is left to do it may make the rest of the library ([`library`]),
//! as long as no viewer waits for any conform.
//!
//! The same task makes the slates of every profile in use, before anything else, and tells the
//! store when everything is next needed.

mod board;
mod choose;
mod library;
mod progress;
mod rules;
mod shift;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::FutureExt;

pub use self::board::Board;
use self::choose::lately;
pub use self::choose::{Job, Line, next_job, next_uses, now_and_next};
pub use self::library::{LibraryProgress, LibraryState};
pub use self::progress::{ChannelReadiness, Making, Preparation, Readiness, readiness};
pub use self::rules::{Rules, Share};
use self::shift::Shift;
use super::OnAir;
use super::conform::Conformer;
use super::decided::REMEMBER_MS;
use super::direct::{Offer, Shelf};
use super::slate::Cards;
use super::store::Store;
pub use super::voices::Voice;
use crate::domain::{ChannelId, Media, Profile, UtcMillis};
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
    /// What may be done, and how far it is.
    pub board: Board,
}

/// What all channels play at a moment, and which of them are watched.
#[derive(Debug, Clone, Default)]
pub struct Plans {
    /// Every channel on air.
    pub channels: Vec<Arc<OnAir>>,
    /// What some of them offer to hear besides.
    pub voices: Vec<(Arc<OnAir>, Voice)>,
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

/// Starts the task; `look` gives what is on air, and is asked every few seconds.
pub fn start(means: Means, stop: &Stop, look: impl Fn() -> Plans + Send + Sync + 'static) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let ahead = Ahead { means, stop: stop.clone(), cores };
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
    cores: usize,
}

impl Ahead {
    async fn run(&self, look: impl Fn() -> Plans) {
        let mut without_slates = HashMap::new();
        let mut shift = Shift::default();
        let mut catches_up = true;
        loop {
            let plans = look();
            let now_ms = self.means.clock.now_ms();
            if now_ms >= shift.tell_at_ms {
                shift.tell_at_ms = now_ms + i64::try_from(LOOK.as_millis()).unwrap_or(0);
                self.tell_uses(&plans);
            }
            self.make_slates(&plans, &mut without_slates).await;
            self.open_next(&plans).await;
            if catches_up && !plans.channels.is_empty() {
                catches_up = false;
                self.open_lately(&plans).await;
            }
            self.verify_some(&plans).await;
            let share = Share::of(self.cores, self.means.board.rules().cpu_percent);
            self.means.conformer.keep_to(share);
            self.make_way(&plans, share, &shift);
            self.fill(&plans, share, &mut shift).await;
            let hurries = self.means.conformer.is_busy() || shift.active.iter().any(|j| j.spare);
            let pause = if hurries { Duration::from_secs(1) } else { LOOK };
            tokio::select! {
                // Dropped without loss: what ended is still there at the next turn.
                Some((job, end)) = shift.making.next(), if !shift.making.is_empty() => {
                    shift.ended(job, &end, self.means.clock.now_ms());
                }
                woken = self.wait(pause) => {
                    if woken {
                        shift.tell_at_ms = i64::MIN;
                    }
                }
            }
        }
    }

    /// Ends what something else is more urgent than; it goes on later.
    fn make_way(&self, plans: &Plans, share: Share, shift: &Shift) {
        let Means { conformer, .. } = &self.means;
        let full = shift.active.len() >= share.jobs;
        let best = if full { self.choose(plans, shift) } else { None };
        let presses = |active: &&Job| best.as_ref().is_some_and(|best| best.replaces(active));
        let stops = conformer.serves_viewers() || !self.means.board.rules().whole_library;
        let spare = |active: &&Job| active.spare && stops;
        // What is spare goes first.
        let goes = shift.active.iter().find(spare);
        let goes = goes.or_else(|| shift.active.iter().filter(presses).max_by_key(|job| job.spare));
        if let Some(job) = goes {
            conformer.stop_making(&job.media, &job.profile);
        }
    }

    /// Begins as much as the share allows.
    async fn fill(&self, plans: &Plans, share: Share, shift: &mut Shift) {
        let Means { conformer, shelf, clock, .. } = &self.means;
        while shift.active.len() < share.jobs {
            let now_ms = clock.now_ms();
            let free = !conformer.is_busy() && now_ms >= shift.rest_until_ms;
            let planned = if free { self.choose(plans, shift) } else { None };
            let job = match planned {
                Some(job) => Some(job),
                None => self.spare(plans, free, shift),
            };
            let Some(job) = job else { return };
            if shelf.offer(&job.media, &job.profile) == Offer::Unknown {
                self.open(&job.media, &job.profile).await;
                if job.spare {
                    match shelf.offer(&job.media, &job.profile) {
                        Offer::Ready => shift.whole.conforms(&job),
                        Offer::Opening | Offer::Unknown | Offer::Unfit(_) => {
                            shift.whole.put_back(job);
                        }
                    }
                }
                continue;
            }
            if !self.has_room(&job).await {
                match job.spare {
                    true => shift.whole.is_full(job, now_ms),
                    false => {
                        let rest = i64::try_from(NO_ROOM.as_millis()).unwrap_or(0);
                        shift.rest_until_ms = now_ms + rest;
                    }
                }
                return;
            }
            let (conformer, made) = (Arc::clone(conformer), job.clone());
            shift.active.push(job);
            let making = async move {
                let end = conformer.ahead(&made.media, &made.profile).await;
                (made, end)
            };
            shift.making.push(making.boxed());
        }
    }

    /// Something of the library that nothing planned needs, when there is time for it; `free` says
    /// whether anything may be begun.
    fn spare(&self, plans: &Plans, free: bool, shift: &mut Shift) -> Option<Job> {
        let Means { conformer, shelf, board, clock, .. } = &self.means;
        if !board.rules().whole_library {
            shift.whole.clear();
            board.tell(None);
            return None;
        }
        let now_ms = clock.now_ms();
        let free = free && !conformer.serves_viewers() && shift.active.iter().all(|job| job.spare);
        let active = &shift.active;
        let of = |media: &Media, profile: &Profile| {
            let is_active = active
                .iter()
                .any(|job| job.media.id == media.id && job.profile.shape() == profile.shape());
            let elsewhere = self.means.store.is_made_elsewhere(&Store::key_of(media, profile));
            // What opens slowly or is made elsewhere is looked at by a later survey.
            if is_active || elsewhere || shelf.offer(media, profile) == Offer::Opening {
                return Readiness::Prepared;
            }
            conformer.readiness(media, profile)
        };
        let job = shift.whole.next(plans, &board.library(), now_ms, &of);
        let job = match (job, free) {
            (Some(job), false) => {
                shift.whole.put_back(job);
                None
            }
            (job, _) => job,
        };
        let works = job.is_some() || shift.active.iter().any(|job| job.spare);
        board.tell(shift.whole.progress(now_ms, !works));
        job
    }

    /// Drops what is needed later than `job`, or for what is spare, nothing; says whether there is
    /// room now.
    async fn has_room(&self, job: &Job) -> bool {
        let (store, job) = (Arc::clone(&self.means.store), job.clone());
        let reserved = tokio::task::spawn_blocking(move || match job.spare {
            true => store.reserve_spare(&job.media, &job.profile),
            false => store.reserve(&job.media, &job.profile),
        });
        match reserved.await {
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
            self.open_all(now_and_next(&line, now), line.profile).await;
        }
    }

    /// Opens what was shown shortly before the start, because HLS still lists it; what is shown
    /// later was opened before its time.
    async fn open_lately(&self, plans: &Plans) {
        let now = UtcMillis(self.means.clock.now_ms());
        for line in lines(plans) {
            self.open_all(lately(&line, now), line.profile).await;
        }
    }

    async fn open_all<'a>(&self, all: impl Iterator<Item = &'a Arc<Media>>, profile: &Profile) {
        for media in all {
            if self.means.shelf.offer(media, profile) == Offer::Unknown {
                self.open(media, profile).await;
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

    fn choose(&self, plans: &Plans, shift: &Shift) -> Option<Job> {
        let Means { conformer, shelf, board, .. } = &self.means;
        let needs = |media: &Media, profile: &Profile| {
            !shift.is_active(media, profile)
                && !conformer.is_made(media, profile)
                && !conformer.failed_ahead(media, profile)
                && !self.means.store.is_made_elsewhere(&Store::key_of(media, profile))
                && shelf.offer(media, profile) != Offer::Opening
        };
        let now = UtcMillis(self.means.clock.now_ms());
        next_job(now, board.rules().horizon_ms, &lines(plans), &needs)
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

    /// Waits for this long or until something has changed; says whether that was so.
    async fn wait(&self, time: Duration) -> bool {
        tokio::time::timeout(time, self.means.board.woken()).await.is_ok()
    }
}

/// What every channel plays, and behind them all what some offer to hear besides.
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
        .chain(plans.voices.iter().map(|(on_air, voice)| Line {
            profile: &voice.profile,
            timeline: &on_air.timeline,
            media: &voice.media,
            watched: line(on_air),
        }))
        .collect()
}
