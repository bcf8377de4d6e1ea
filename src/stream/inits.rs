//! Initialisation segments of fragmented MP4: learnt from the key frames that HLS lists.
//!
//! They are made of parameter sets, which no index has, so the first group of every listed segment is
//! read once, off the runtime's threads, before a playlist names it. What is known is kept in memory
//! and can be found again at any time, also by another server: it is in the key frames.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::coding::coding;
use super::compose::UnitPlan;
use super::core::Core;
use super::hls::{self, InitName};
use super::rendition::{GopEntry, RenditionKey, Renditions};
use super::{OnAir, SegmentError};
use crate::domain::{ChannelId, Profile};
use crate::fmp4;

/// How often a group that cannot be read is tried: after a start, files are still being opened.
const TRIES: u32 = 15;
/// Time between two tries.
const BETWEEN: Duration = Duration::from_millis(200);
/// Groups that are known at most; then everything is learnt anew.
const MOST: usize = 4_096;
/// How far around now is looked for an initialisation segment that nobody here has listed, in
/// milliseconds.
const AROUND_MS: i64 = 60_000;

/// What is known of key frames.
#[derive(Debug, Default)]
pub(super) struct Inits {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    groups: HashMap<(RenditionKey, GopEntry), Group>,
    bytes: HashMap<InitName, Bytes>,
}

/// What is known of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Group {
    /// It begins like this.
    Begins(InitName),
    /// It could not be read so often.
    Failed(u32),
}

impl Inits {
    /// What a segment that begins with `unit` needs, if that is known.
    pub(super) fn of(&self, unit: &UnitPlan) -> Option<InitName> {
        match self.lock().groups.get(&key(unit)) {
            Some(Group::Begins(name)) => Some(*name),
            Some(Group::Failed(_)) | None => None,
        }
    }

    /// Whether it is worth while to read `unit`: it is not known, and was not given up.
    pub(super) fn lacks(&self, unit: &UnitPlan) -> bool {
        match self.lock().groups.get(&key(unit)) {
            None => true,
            Some(Group::Failed(times)) => *times < TRIES,
            Some(Group::Begins(_)) => false,
        }
    }

    fn bytes(&self, name: InitName) -> Option<Bytes> {
        self.lock().bytes.get(&name).cloned()
    }

    /// Reads the first groups of `units`; says whether all could be read. Blocks on the disk.
    fn learn(
        &self,
        profile: &Profile,
        units: &[Arc<UnitPlan>],
        renditions: &dyn Renditions,
    ) -> bool {
        let mut all = true;
        for unit in units.iter().filter(|unit| self.lacks(unit)) {
            // reason: what cannot be read now is tried again, and given up in the end.
            let gop = renditions.read(&unit.clip.key, &unit.clip.gop).ok();
            let bytes = gop.and_then(|gop| init(profile, &gop.video.first()?.data));
            all &= bytes.is_some();
            self.put(unit, bytes);
        }
        all
    }

    fn put(&self, unit: &UnitPlan, bytes: Option<Vec<u8>>) {
        let mut inner = self.lock();
        if inner.groups.len() >= MOST {
            *inner = Inner::default();
        }
        let known = inner.groups.get(&key(unit)).copied();
        let group = match (bytes, known) {
            (Some(bytes), _) => {
                let name = InitName::of(&bytes);
                inner.bytes.insert(name, bytes.into());
                Group::Begins(name)
            }
            (None, Some(Group::Failed(times))) => Group::Failed(times + 1),
            (None, _) => Group::Failed(1),
        };
        inner.groups.insert(key(unit), group);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
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
    /// Reads what `units` begin with; waits a moment when something cannot be read.
    pub(super) async fn learn(&self, profile: &Profile, units: Vec<Arc<UnitPlan>>) {
        let (inits, renditions) = (Arc::clone(&self.inits), Arc::clone(&self.renditions));
        let profile = profile.clone();
        let reading =
            tokio::task::spawn_blocking(move || inits.learn(&profile, &units, &*renditions));
        if !matches!(reading.await, Ok(true)) {
            tokio::time::sleep(BETWEEN).await;
        }
    }

    /// The initialisation segment `name` of a channel.
    pub(super) async fn init_segment(
        &self,
        channel: ChannelId,
        name: InitName,
    ) -> Result<Bytes, SegmentError> {
        for _ in 0..TRIES {
            if let Some(bytes) = self.inits.bytes(name) {
                return Ok(bytes);
            }
            let (on_air, units) = self.unlearnt(channel)?;
            if units.is_empty() {
                break;
            }
            self.learn(&on_air.profile, units).await;
        }
        self.inits.bytes(name).ok_or(SegmentError::NotReady)
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
        let units = all.filter(|unit| self.inits.lacks(unit)).collect();
        Ok((on_air, units))
    }
}
