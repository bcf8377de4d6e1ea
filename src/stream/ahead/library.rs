//! All of the library for all profiles in use, once nothing that is on air soon is left to do.
//!
//! It is surveyed from time to time: what is ready, what failed, and what is left, in the order of
//! the profiles' use. Nothing is noted on disk for that, as the store knows what is whole and where
//! the rest goes on; so this goes on after a restart, too.
//!
//! It takes free room only. What was made in vain for it would push out what is on air some day.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use super::progress::Readiness;
use super::{Job, Plans};
use crate::domain::{Media, MediaState, Profile, UtcMillis};
use crate::stream::rendition::RenditionKey;
use crate::stream::store::Store;

/// Time between two surveys, in milliseconds.
const SURVEY_MS: i64 = 60_000;
/// What has no room is tried again after this, in milliseconds.
const FULL_MS: i64 = 60_000;

/// What the mode is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LibraryState {
    /// It makes something, or is about to.
    Working,
    /// It stands back: viewers wait for the machine, or what is on air soon goes first.
    StandsBack,
    /// The cache has no free room.
    Full,
    /// Everything that can be made is made.
    Done,
}

impl LibraryState {
    /// Its name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::StandsBack => "stands_back",
            Self::Full => "full",
            Self::Done => "done",
        }
    }
}

/// How far the whole library is; each item counts once for each profile in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LibraryProgress {
    /// What it is doing.
    pub state: LibraryState,
    /// Items in all.
    pub total: usize,
    /// Of them, those that conform already and are read from their own files.
    pub in_process: usize,
    /// Of them, those in the cache.
    pub prepared: usize,
    /// Of them, those that cannot be prepared.
    pub failed: usize,
}

/// What is known of the whole library.
#[derive(Debug, Default)]
pub(super) struct Whole {
    waiting: VecDeque<Job>,
    progress: Option<LibraryProgress>,
    surveyed_ms: Option<i64>,
    full_until_ms: i64,
    /// What was opened and found to conform; the shelf itself forgets what is not on air soon.
    conforms: HashSet<RenditionKey>,
}

impl Whole {
    /// The next thing to make, if there is any; `of` says how ready something is.
    pub(super) fn next(
        &mut self,
        plans: &Plans,
        library: &[Arc<Media>],
        now_ms: i64,
        of: &dyn Fn(&Media, &Profile) -> Readiness,
    ) -> Option<Job> {
        if now_ms < self.full_until_ms {
            return None;
        }
        if self.waiting.is_empty() && self.surveyed_ms.is_none_or(|at| now_ms - at >= SURVEY_MS) {
            self.survey(plans, library, now_ms, of);
        }
        while let Some(job) = self.waiting.pop_front() {
            let known = self.conforms.contains(&Store::key_of(&job.media, &job.profile));
            if !known && of(&job.media, &job.profile) == Readiness::Waiting {
                return Some(job);
            }
        }
        None
    }

    /// Looks at everything.
    fn survey(
        &mut self,
        plans: &Plans,
        library: &[Arc<Media>],
        now_ms: i64,
        of: &dyn Fn(&Media, &Profile) -> Readiness,
    ) {
        let state = LibraryState::Working;
        let mut sum = LibraryProgress { state, total: 0, in_process: 0, prepared: 0, failed: 0 };
        self.waiting.clear();
        let playable = |media: &&Arc<Media>| {
            !media.is_live() && media.state == MediaState::Playable && media.probe.is_some()
        };
        for profile in profiles(plans) {
            for media in library.iter().filter(playable) {
                sum.total += 1;
                if self.conforms.contains(&Store::key_of(media, profile)) {
                    sum.in_process += 1;
                    continue;
                }
                match of(media, profile) {
                    Readiness::InProcess => sum.in_process += 1,
                    Readiness::Prepared => sum.prepared += 1,
                    Readiness::Failed => sum.failed += 1,
                    Readiness::Waiting => self.waiting.push_back(Job {
                        media: Arc::clone(media),
                        profile: profile.clone(),
                        at: UtcMillis(i64::MAX),
                        soon: false,
                        spare: true,
                    }),
                }
            }
        }
        self.surveyed_ms = Some(now_ms);
        self.progress = Some(sum);
    }

    /// Something conforms already.
    pub(super) fn conforms(&mut self, job: &Job) {
        self.conforms.insert(Store::key_of(&job.media, &job.profile));
        if let Some(progress) = &mut self.progress {
            progress.in_process += 1;
        }
    }

    /// Something was made, or cannot be.
    pub(super) fn ended(&mut self, made: bool) {
        if let Some(progress) = &mut self.progress {
            let count = if made { &mut progress.prepared } else { &mut progress.failed };
            *count += 1;
        }
    }

    /// There is no room now; `job` is made when there is.
    pub(super) fn is_full(&mut self, job: Job, now_ms: i64) {
        self.full_until_ms = now_ms + FULL_MS;
        self.waiting.push_front(job);
    }

    /// Something was not finished and goes on later.
    pub(super) fn put_back(&mut self, job: Job) {
        self.waiting.push_front(job);
    }

    /// Forgets everything: the mode is off.
    pub(super) fn clear(&mut self) {
        if self.surveyed_ms.is_some() {
            *self = Self::default();
        }
    }

    /// How far it is; `stands_back` says that something else goes first.
    pub(super) fn progress(&self, now_ms: i64, stands_back: bool) -> Option<LibraryProgress> {
        let progress = self.progress?;
        let ready = progress.in_process + progress.prepared + progress.failed;
        let state = if ready >= progress.total {
            LibraryState::Done
        } else if now_ms < self.full_until_ms {
            LibraryState::Full
        } else if stands_back {
            LibraryState::StandsBack
        } else {
            LibraryState::Working
        };
        // What is being made while the survey is made may be counted twice until the next one.
        let prepared =
            progress.prepared.min(progress.total - progress.in_process.min(progress.total));
        Some(LibraryProgress { state, prepared, ..progress })
    }
}

/// The profiles in use, the one of most channels first.
fn profiles(plans: &Plans) -> Vec<&Profile> {
    let mut uses: HashMap<String, (usize, &Profile)> = HashMap::new();
    for on_air in &plans.channels {
        uses.entry(on_air.profile.shape()).or_insert((0, &on_air.profile)).0 += 1;
    }
    let mut found: Vec<(usize, String, &Profile)> =
        uses.into_iter().map(|(shape, (count, profile))| (count, shape, profile)).collect();
    found.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    found.into_iter().map(|(_, _, profile)| profile).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::domain::{Channel, ChannelId, MediaId, Probe, Timeline};
    use crate::stream::OnAir;

    fn library(count: i64) -> Vec<Arc<Media>> {
        let media = |id| Media {
            probe: Some(Probe::default()),
            state: MediaState::Playable,
            ..Media::file(MediaId(id), format!("/{id}"))
        };
        (1..=count).map(|id| Arc::new(media(id))).collect()
    }

    /// Channels on these profiles.
    fn plans(profiles: &[&str]) -> Plans {
        let channel = |(id, name): (i64, &&str)| {
            let profile = Profile::named(name).unwrap();
            let channel = Channel {
                id: ChannelId(id),
                number: "1".parse().unwrap(),
                name: "one".to_owned(),
                group: None,
                logo: None,
                enabled: true,
                profile: profile.name.clone(),
                rules: serde_json::from_value(serde_json::json!({"items": [], "seed": 1})).unwrap(),
            };
            let timeline = Timeline::new(Vec::new()).unwrap();
            Arc::new(OnAir {
                slates: crate::stream::OwnSlates::default(),
                channel: Arc::new(channel),
                profile,
                timeline,
                media: Arc::default(),
            })
        };
        Plans { channels: (1..).zip(profiles).map(channel).collect(), ..Plans::default() }
    }

    #[test]
    fn everything_is_made_for_every_profile_in_use_and_no_thing_twice() {
        let (plans, library) = (plans(&["360p25", "720p25", "720p25"]), library(3));
        let made = RefCell::new(Vec::new());
        let of = |media: &Media, profile: &Profile| {
            let done = made.borrow().contains(&(media.id.0, profile.name.clone()));
            if done { Readiness::Prepared } else { Readiness::Waiting }
        };
        let mut whole = Whole::default();
        let mut now_ms = 0;
        while let Some(job) = whole.next(&plans, &library, now_ms, &of) {
            made.borrow_mut().push((job.media.id.0, job.profile.name.clone()));
            assert!(job.spare && !job.soon);
            whole.ended(true);
            now_ms += 1;
        }
        let order: Vec<String> =
            made.borrow().iter().map(|(id, name)| format!("{id} {name}")).collect();
        let expected = ["1 720p25", "2 720p25", "3 720p25", "1 360p25", "2 360p25", "3 360p25"];
        assert_eq!(order, expected);
        let progress = whole.progress(now_ms, false).unwrap();
        assert_eq!((progress.state, progress.prepared), (LibraryState::Done, 6));
        // What goes away is found by a later survey.
        made.borrow_mut().pop();
        assert!(whole.next(&plans, &library, now_ms, &of).is_none());
        let again = whole.next(&plans, &library, SURVEY_MS, &of).unwrap();
        assert_eq!(again.media.id, MediaId(3));
    }

    #[test]
    fn without_room_it_waits_and_goes_on_with_the_same() {
        let (plans, library) = (plans(&["360p25"]), library(2));
        let of = |_: &Media, _: &Profile| Readiness::Waiting;
        let mut whole = Whole::default();
        assert_eq!(whole.progress(0, false), None);
        let first = whole.next(&plans, &library, 0, &of).unwrap();
        whole.is_full(first, 0);
        assert!(whole.next(&plans, &library, FULL_MS - 1, &of).is_none());
        assert_eq!(whole.progress(1, true).unwrap().state, LibraryState::Full);
        assert_eq!(whole.progress(FULL_MS, true).unwrap().state, LibraryState::StandsBack);
        let first = whole.next(&plans, &library, FULL_MS, &of).unwrap();
        assert_eq!(first.media.id, MediaId(1));
        whole.conforms(&first);
        assert_eq!(whole.next(&plans, &library, FULL_MS, &of).unwrap().media.id, MediaId(2));
        whole.clear();
        assert_eq!(whole.progress(0, false), None);
    }
}
