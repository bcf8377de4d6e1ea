//! How far preparation is: what is being made, and how much of the next hours is ready. PURE.

use std::sync::Arc;

use super::Line;
use super::library::LibraryProgress;
use crate::domain::{ChannelId, Media, MediaId, UtcMillis};

/// How ready a media item is on a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// It conforms already and is read from its own file.
    InProcess,
    /// All of it is in the cache.
    Prepared,
    /// It was tried, and cannot be prepared as it is.
    Failed,
    /// It is not prepared, or not all of it.
    Waiting,
}

/// How ready a channel is for its next hours, in milliseconds of air time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChannelReadiness {
    /// What is planned of the window.
    pub planned_ms: i64,
    /// Of that, what is read from its own files.
    pub in_process_ms: i64,
    /// Of that, what is in the cache.
    pub prepared_ms: i64,
    /// Of that, what cannot be prepared.
    pub failed_ms: i64,
    /// From now on without a gap: everything up to there is ready.
    pub ready_for_ms: i64,
}

/// A conform that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Making {
    /// Counted up from the start of the server.
    pub job: u64,
    /// What is conformed.
    pub media: MediaId,
    /// The profile's name.
    pub profile: String,
    /// The channels whose viewers wait for it; none for work ahead.
    pub waiting: Vec<ChannelId>,
    /// How far it is in the media, in milliseconds.
    pub done_ms: i64,
    /// Where it ends, in milliseconds; `None` when that is not known.
    pub end_ms: Option<i64>,
    /// Whether it is held back because enough is ready.
    pub held: bool,
}

/// How far preparation is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preparation {
    /// What is being made.
    pub making: Vec<Making>,
    /// Every channel on air, by id.
    pub channels: Vec<(ChannelId, ChannelReadiness)>,
    /// Bytes of the cache, and how many they may be.
    pub cache: (u64, u64),
    /// Files that are read in process and opened, and the bytes of memory they take.
    pub opened: (usize, usize),
    /// How far the whole library is, when all of it is made.
    pub library: Option<LibraryProgress>,
}

/// Adds up how ready a channel is from `now` on for `window_ms`.
pub fn readiness(
    line: &Line<'_>,
    now: UtcMillis,
    window_ms: i64,
    of: &dyn Fn(&Arc<Media>) -> Readiness,
) -> ChannelReadiness {
    let end = now.plus_ms(window_ms);
    let mut sum = ChannelReadiness::default();
    let mut unbroken = true;
    let slots = line.timeline.slots();
    let first = slots.partition_point(|slot| slot.stop <= now);
    for slot in slots[first..].iter().take_while(|slot| slot.start < end) {
        let Some(media) = slot.media.and_then(|media| line.media.get(&media)) else { continue };
        let shown = slot.stop.min(end).since(slot.start.max(now));
        sum.planned_ms += shown;
        let ready = match of(media) {
            Readiness::InProcess => {
                sum.in_process_ms += shown;
                true
            }
            Readiness::Prepared => {
                sum.prepared_ms += shown;
                true
            }
            Readiness::Failed => {
                sum.failed_ms += shown;
                false
            }
            Readiness::Waiting => false,
        };
        unbroken &= ready;
        if unbroken {
            sum.ready_for_ms = slot.stop.min(end).since(now);
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::domain::{Profile, Slot, SlotKind, Timeline};

    #[test]
    fn what_is_ready_is_added_up_from_now_on() {
        let slot = |index: i64| Slot {
            start: UtcMillis(index * 100),
            stop: UtcMillis((index + 1) * 100),
            media: (index != 3).then_some(MediaId(index)),
            in_ms: 0,
            kind: SlotKind::Programme,
            title: String::new(),
            guide_group: None,
            custom_title: None,
        };
        let timeline = Timeline::new((0..7).map(slot).collect()).unwrap();
        let media: HashMap<MediaId, Arc<Media>> =
            (0..7).map(MediaId).map(|id| (id, Arc::new(Media::file(id, "")))).collect();
        let profile = Profile::named("720p25").unwrap();
        let line = Line { profile: &profile, timeline: &timeline, media: &media, watched: false };
        let of = |media: &Arc<Media>| match media.id.0 {
            0 | 1 => Readiness::InProcess,
            2 | 5 => Readiness::Prepared,
            6 => Readiness::Failed,
            _ => Readiness::Waiting,
        };
        let sum = readiness(&line, UtcMillis(50), 600, &of);
        let expected = ChannelReadiness {
            planned_ms: 500,
            in_process_ms: 150,
            prepared_ms: 200,
            failed_ms: 50,
            ready_for_ms: 250,
        };
        assert_eq!(sum, expected);
    }
}
