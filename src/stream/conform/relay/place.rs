//! Places what a broadcast sends on the clock. PURE.
//!
//! Media time of a broadcast is the time of day, so its groups are stored under the frames at which
//! they are to be shown. The first one is placed a little ahead of now, as the channel needs some
//! of it ready; the next ones follow each other. When the source was silent for so long that its
//! place is over, it begins anew ahead of now, and the slate fills what is between.

use crate::domain::Profile;
use crate::stream::store::NewGop;

/// How far ahead of now a first group is shown, in milliseconds: what jitter may take away.
pub(in crate::stream::conform) const AHEAD_MS: i64 = 3_500;
/// Less than this ahead of now is too late to be shown without a break.
const LEAST_MS: i64 = 1_200;

/// Where the next group goes.
#[derive(Debug)]
pub(in crate::stream::conform) struct Placing {
    profile: Profile,
    /// The frame after the last one placed.
    next: Option<i64>,
    /// Added to the frames of the run; `None` until its first group.
    offset: Option<i64>,
    /// Frames that the run has given.
    given: i64,
}

impl Placing {
    /// Nothing is placed yet.
    pub(in crate::stream::conform) fn new(profile: &Profile) -> Self {
        Self { profile: profile.clone(), next: None, offset: None, given: 0 }
    }

    /// A run begins whose frames count from zero again.
    pub(in crate::stream::conform) fn begin_run(&mut self) {
        self.offset = None;
        self.given = 0;
    }

    /// How much picture the run has given, in milliseconds.
    pub(in crate::stream::conform) fn given_ms(&self) -> i64 {
        self.profile.tick_of(self.given) / 90
    }

    /// How far what was placed reaches beyond `now_ms`, in milliseconds.
    pub(in crate::stream::conform) fn ahead_ms(&self, now_ms: i64) -> i64 {
        self.next.map_or(0, |next| self.profile.tick_of(next).div_euclid(90) - now_ms)
    }

    /// Gives a group of the run its place.
    pub(in crate::stream::conform) fn place(&mut self, mut new: NewGop, now_ms: i64) -> NewGop {
        let at = |ms: i64| self.profile.rate.frame_at_or_after((now_ms + ms) * 90);
        let follows = self.offset.map(|offset| offset + new.first_frame);
        let first = match follows {
            Some(first) if first >= at(LEAST_MS) => first,
            // Late, or the first of the run: never over what was placed before.
            Some(_) | None => self.next.unwrap_or(i64::MIN).max(at(AHEAD_MS)),
        };
        let offset = first - new.first_frame;
        self.offset = Some(offset);
        let shift = self.profile.tick_of(first) - self.profile.tick_of(new.first_frame);
        for unit in &mut new.gop.video {
            unit.frame += offset;
        }
        new.audio_tick += shift;
        new.first_frame = first;
        self.next = Some(first + i64::from(new.frames));
        self.given += i64::from(new.frames);
        new
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::stream::rendition::{Gop, VideoUnit};

    fn group(first_frame: i64, frames: u32) -> NewGop {
        let video = (first_frame..first_frame + i64::from(frames))
            .map(|frame| VideoUnit { frame, data: Bytes::new() })
            .collect();
        let audio_tick = first_frame * 3_600;
        NewGop { first_frame, frames, audio_tick, gop: Gop { video, audio: Vec::new() } }
    }

    fn placing() -> Placing {
        Placing::new(&Profile::named("720p25").unwrap())
    }

    #[test]
    fn a_steady_source_is_shown_without_a_break_and_a_late_one_begins_anew() {
        let mut placing = placing();
        let first = placing.place(group(0, 50), 1_000_000);
        assert_eq!(first.first_frame, (1_000_000 + AHEAD_MS) * 25 / 1000 + 1);
        assert_eq!(first.gop.video[49].frame, first.first_frame + 49);
        assert_eq!(first.audio_tick, first.first_frame * 3_600);
        let second = placing.place(group(50, 50), 1_002_500);
        assert_eq!(second.first_frame, first.first_frame + 50);
        // Five seconds of silence: what would follow is over.
        let third = placing.place(group(100, 50), 1_010_000);
        assert_eq!(third.first_frame, (1_010_000 + AHEAD_MS) * 25 / 1000 + 1);
        let fourth = placing.place(group(150, 50), 1_012_000);
        assert_eq!(fourth.first_frame, third.first_frame + 50);
    }

    #[test]
    fn a_burst_is_kept_whole_and_counts_as_ahead() {
        let mut placing = placing();
        for n in 0..10 {
            placing.place(group(n * 50, 50), 1_000_000);
        }
        let ahead = placing.ahead_ms(1_000_000);
        assert!((23_500..=23_580).contains(&ahead), "{ahead}");
    }

    proptest! {
        #[test]
        fn groups_never_overlap_and_are_never_in_the_past(
            steps in proptest::collection::vec((1_u32..120, 0_i64..20_000, any::<bool>()), 1..60)
        ) {
            let mut placing = placing();
            let (mut now, mut frame, mut end) = (1_000_000, 0, i64::MIN);
            for (frames, pause, reconnect) in steps {
                now += pause;
                if reconnect {
                    placing.begin_run();
                    frame = 0;
                }
                let placed = placing.place(group(frame, frames), now);
                frame += i64::from(frames);
                prop_assert!(placed.first_frame >= end);
                prop_assert!(placed.first_frame * 40 >= now + LEAST_MS);
                end = placed.first_frame + i64::from(placed.frames);
            }
        }
    }
}
