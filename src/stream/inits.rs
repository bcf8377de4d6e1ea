//! Initialisation segments of fragmented MP4: learnt from the key frames that HLS lists.
//!
//! They are made of parameter sets, which no index has, so the first group of every listed segment is
//! read once, off the runtime's threads, before a playlist names it. What is known is kept in memory
//! and can be found again at any time, also by another server: it is in the key frames.
//!
//! What cannot be read is tried again for ever, but not often, and waited for only at first.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{sleep, timeout};

use super::coding::coding;
use super::compose::UnitPlan;
use super::core::Core;
use super::hls::{self, Container, InitName};
use super::rendition::{GopEntry, RenditionKey, Renditions};
use super::{OnAir, SegmentError};
use crate::domain::{ChannelId, Profile};
use crate::fmp4;

/// Time between two tries to read a group.
pub(super) const BETWEEN: Duration = Duration::from_millis(BETWEEN_MS.unsigned_abs());
const BETWEEN_MS: i64 = 200;
/// How long playlists wait for a group that cannot be read: after a start, files are still being
/// opened. In milliseconds.
const AWAITED_MS: i64 = 3_000;
/// How long one group is waited for at a time.
const READ_WITHIN: Duration = Duration::from_secs(1);
/// How long somebody waits for an initialisation segment.
const INIT_WITHIN: Duration = Duration::from_secs(3);
/// Groups that are known at most; beyond that the oldest is learnt anew when it is needed.
const MOST_GROUPS: usize = 4_096;
/// Initialisation segments that are kept at most, of about a KiB each.
const MOST_INITS: usize = 2_048;
/// How far around now is looked for an initialisation segment that nobody here has listed, in
/// milliseconds.
const AROUND_MS: i64 = 60_000;

/// What is known of key frames.
#[derive(Debug)]
pub(super) struct Inits {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    groups: Newest<(RenditionKey, GopEntry), Group>,
    bytes: Newest<InitName, Bytes>,
}

/// What is known of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Group {
    /// It begins like this.
    Begins(InitName),
    /// It was tried from `since_ms` on and last at `last_ms`, and not read so far.
    Failed { since_ms: i64, last_ms: i64 },
}

impl Default for Inits {
    fn default() -> Self {
        let inner = Inner { groups: Newest::of(MOST_GROUPS), bytes: Newest::of(MOST_INITS) };
        Self { inner: Mutex::new(inner) }
    }
}

impl Inits {
    /// What a segment that begins with `unit` needs, if that is known.
    pub(super) fn of(&self, unit: &UnitPlan) -> Option<InitName> {
        match self.lock().group(unit)? {
            Group::Begins(name) => Some(name),
            Group::Failed { .. } => None,
        }
    }

    /// Whether a playlist should wait for `unit`: it is not known, and not for long so.
    pub(super) fn is_awaited(&self, unit: &UnitPlan, now_ms: i64) -> bool {
        match self.lock().group(unit) {
            None => true,
            Some(Group::Failed { since_ms, .. }) => now_ms - since_ms < AWAITED_MS,
            Some(Group::Begins(_)) => false,
        }
    }

    /// Whether the caller is to read `unit` now; nobody else is told so for a while.
    fn take_turn(&self, unit: &UnitPlan, now_ms: i64) -> bool {
        let mut inner = self.lock();
        let since_ms = match inner.group(unit) {
            None => now_ms,
            Some(Group::Failed { since_ms, last_ms }) if now_ms - last_ms >= BETWEEN_MS => since_ms,
            Some(Group::Failed { .. } | Group::Begins(_)) => return false,
        };
        inner.groups.put(key(unit), Group::Failed { since_ms, last_ms: now_ms });
        true
    }

    fn bytes(&self, name: InitName) -> Option<Bytes> {
        self.lock().bytes.get(&name).cloned()
    }

    /// Reads the group of `unit`, unless it is known by now. Blocks on the disk.
    fn read(&self, profile: &Profile, unit: &UnitPlan, renditions: &dyn Renditions) {
        if self.of(unit).is_some() {
            return;
        }
        // reason: what cannot be read now is tried again, as its turn was noted.
        let gop = renditions.read(&unit.clip.key, &unit.clip.gop).ok();
        let bytes = gop.and_then(|gop| init(profile, &gop.video.first()?.data));
        if let Some(bytes) = bytes {
            self.put(unit, bytes);
        }
    }

    fn put(&self, unit: &UnitPlan, bytes: Vec<u8>) {
        let name = InitName::of(&bytes);
        let mut inner = self.lock();
        inner.bytes.put(name, bytes.into());
        inner.groups.put(key(unit), Group::Begins(name));
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// What is known of the group of `unit`: nothing, too, when its bytes had to make room.
    fn group(&self, unit: &UnitPlan) -> Option<Group> {
        let group = self.groups.get(&key(unit)).copied()?;
        match group {
            Group::Begins(name) => self.bytes.get(&name).map(|_| group),
            Group::Failed { .. } => Some(group),
        }
    }
}

/// A table of bounded size, which drops what was put first.
#[derive(Debug)]
struct Newest<K, V> {
    most: usize,
    values: HashMap<K, V>,
    /// The keys, oldest first; each is in here once.
    order: VecDeque<K>,
}

impl<K: Clone + Eq + Hash, V> Newest<K, V> {
    fn of(most: usize) -> Self {
        Self { most, values: HashMap::new(), order: VecDeque::new() }
    }

    fn get(&self, key: &K) -> Option<&V> {
        self.values.get(key)
    }

    fn put(&mut self, key: K, value: V) {
        if self.values.insert(key.clone(), value).is_some() {
            return;
        }
        self.order.push_back(key);
        while self.order.len() > self.most {
            let oldest = self.order.pop_front();
            oldest.and_then(|oldest| self.values.remove(&oldest));
        }
    }
}

fn key(unit: &UnitPlan) -> (RenditionKey, GopEntry) {
    (unit.clip.key.clone(), unit.clip.gop)
}

/// The initialisation segment of a stream of `profile` that begins with this access unit.
fn init(profile: &Profile, access_unit: &[u8]) -> Option<Vec<u8>> {
    let coding = coding(profile);
    // Profiles are not that large.
    let pixels = |count: u32| u16::try_from(count).unwrap_or(u16::MAX);
    let (width, height) = (pixels(profile.width), pixels(profile.height));
    let look = fmp4::Look { coding: coding.picture, key: access_unit, width, height };
    fmp4::init(Some(look), Some(coding.sound))
}

impl Core {
    /// Reads what `units` begin with, where it is time to; says whether all of it is known then.
    pub(super) async fn learn_all(&self, profile: &Profile, units: &[Arc<UnitPlan>]) -> bool {
        for unit in self.turns(units) {
            self.read_beginning(profile, unit).await;
        }
        units.iter().all(|unit| self.inits.of(unit).is_some())
    }

    /// The same, while nobody waits for it.
    pub(super) fn learn_beside(self: &Arc<Self>, profile: &Profile, units: &[Arc<UnitPlan>]) {
        // Turns are taken here, so readers do not pile up behind a disk that hangs.
        let turns = self.turns(units);
        if turns.is_empty() {
            return;
        }
        let (core, profile) = (Arc::clone(self), profile.clone());
        self.stop.spawn("inits", async move {
            for unit in turns {
                core.read_beginning(&profile, unit).await;
            }
        });
    }

    /// Those of `units` that the caller is to read now.
    fn turns(&self, units: &[Arc<UnitPlan>]) -> Vec<Arc<UnitPlan>> {
        let now_ms = self.clock.now_ms();
        units.iter().filter(|unit| self.inits.take_turn(unit, now_ms)).cloned().collect()
    }

    /// Reads what `unit` begins with, or waits a second for a disk that takes longer.
    async fn read_beginning(&self, profile: &Profile, unit: Arc<UnitPlan>) {
        if self.renditions.is_stuck(&unit.clip.key) {
            return;
        }
        let (inits, renditions) = (Arc::clone(&self.inits), Arc::clone(&self.renditions));
        let (learners, profile) = (Arc::clone(&self.learners), profile.clone());
        let reading = async move {
            // It goes with the read, which nobody can end: so many at most hang.
            let Ok(permit) = learners.acquire_owned().await else { return };
            let read = tokio::task::spawn_blocking(move || {
                let _permit = permit;
                inits.read(&profile, &unit, &*renditions);
            });
            if read.await.is_err() {
                tracing::error!("the beginning of a group could not be read");
            }
        };
        // reason: whether it is known now is looked up, however the read went.
        let _within = timeout(READ_WITHIN, reading).await;
    }

    /// The initialisation segment `name` of a channel.
    pub(super) async fn init_segment(
        &self,
        channel: ChannelId,
        name: InitName,
    ) -> Result<Bytes, SegmentError> {
        let on_air = {
            let channels = self.lock();
            let entry = channels.get(&channel).ok_or(SegmentError::NotOnAir)?;
            Arc::clone(&entry.on_air)
        };
        match Container::of(&on_air.profile) {
            Container::Ts => return Err(SegmentError::Unknown),
            Container::Fmp4 => {}
        }
        if let Some(bytes) = self.inits.bytes(name) {
            return Ok(bytes);
        }
        let seeking = timeout(INIT_WITHIN, self.seek(channel, name)).await;
        seeking.unwrap_or(Err(SegmentError::NotReady))
    }

    /// Reads what a channel shows about now until something begins with `name`.
    async fn seek(&self, channel: ChannelId, name: InitName) -> Result<Bytes, SegmentError> {
        loop {
            let (on_air, units) = self.unlearnt(channel)?;
            for unit in &units {
                self.learn_all(&on_air.profile, std::slice::from_ref(unit)).await;
                if let Some(bytes) = self.inits.bytes(name) {
                    return Ok(bytes);
                }
            }
            let unread = || units.iter().filter(|unit| self.inits.of(unit).is_none());
            if unread().next().is_none() {
                return self.inits.bytes(name).ok_or(SegmentError::Unknown);
            }
            let now_ms = self.clock.now_ms();
            if !unread().any(|unit| self.inits.is_awaited(unit, now_ms)) {
                return Err(SegmentError::NotReady);
            }
            sleep(BETWEEN).await;
        }
    }

    /// What a channel shows about now and is not known yet: as it was decided, and as timeline and
    /// store have it.
    fn unlearnt(
        &self,
        channel: ChannelId,
    ) -> Result<(Arc<OnAir>, Vec<Arc<UnitPlan>>), SegmentError> {
        let now_ms = self.clock.now_ms();
        let (on_air, decided) = self.window(channel, hls::segment_of(now_ms * 90))?;
        let rate = on_air.profile.rate;
        let (from, to) = ((now_ms - AROUND_MS) * 90, (now_ms + AROUND_MS / 4) * 90);
        let (from, to) = (rate.frame_at_or_after(from), rate.frame_at_or_after(to));
        let would_be = super::channel::composing(&on_air, &*self.renditions, &[], |composer| {
            hls::compose(composer, from, to)
        });
        let all = decided.into_iter().chain(would_be);
        let units = all.filter(|unit| self.inits.of(unit).is_none()).collect();
        Ok((on_air, units))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::MediaId;
    use crate::stream::compose::{Clip, Shows};

    #[test]
    fn a_group_that_cannot_be_read_is_waited_for_at_first_and_tried_for_ever() {
        let (inits, unit) = (Inits::default(), unit(0));
        assert!(inits.is_awaited(&unit, 1_000));
        // However many ask, one of them reads.
        let turns = [1_000, 1_000, 1_199, 1_200, 1_300, 1_400];
        let taken = turns.map(|now_ms| inits.take_turn(&unit, now_ms));
        assert_eq!(taken, [true, false, false, true, false, true]);
        assert!(inits.is_awaited(&unit, 3_999) && !inits.is_awaited(&unit, 4_000));
        assert!(inits.take_turn(&unit, 900_000) && !inits.is_awaited(&unit, 900_000));
        inits.put(&unit, vec![1]);
        assert_eq!(inits.of(&unit), Some(InitName::of(&[1])));
        assert!(!inits.take_turn(&unit, 1_000_000) && inits.of(&unit).is_some());
    }

    #[test]
    fn what_is_known_is_never_overwritten_by_a_failure() {
        let (inits, one, other) = (Inits::default(), unit(0), unit(1));
        assert!(inits.take_turn(&one, 1_000) && inits.take_turn(&other, 1_000));
        inits.put(&one, vec![1]);
        // A second reader that was slower finds it known, and notes nothing.
        assert!(!inits.take_turn(&one, 2_000) && !inits.is_awaited(&one, 2_000));
        assert_eq!((inits.of(&one), inits.of(&other)), (Some(InitName::of(&[1])), None));
    }

    #[test]
    fn the_oldest_makes_room() {
        let mut table = Newest::of(2);
        for (key, value) in [(1, 'a'), (2, 'b'), (1, 'c'), (3, 'd')] {
            table.put(key, value);
        }
        assert_eq!([1, 2, 3].map(|key| table.get(&key).copied()), [None, Some('b'), Some('d')]);
    }

    /// A unit that shows the group at this frame of some media.
    fn unit(first_frame: i64) -> UnitPlan {
        let key = RenditionKey { media: MediaId(1), version: 1, profile: String::new() };
        let gop = GopEntry {
            first_frame,
            frames: 1,
            audio_tick: 0,
            audio_frames: 0,
            span: 0,
            offset: 0,
            length: 1,
        };
        let clip = Clip { key, gop, base: 0 };
        let shows = Shows::Media(MediaId(1));
        UnitPlan { first: first_frame, end: first_frame + 1, shows, clip, audio: Vec::new() }
    }
}
