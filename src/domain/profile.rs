//! A profile: the one rendition a channel's media is conformed to, and its time grid.
//!
//! Frame times are functions of the frame's number since the epoch, never sums of rounded steps,
//! so that 23.976 frames a second do not drift and a frame has the same time on every node.

use serde::{Deserialize, Serialize};

use super::UtcMillis;

/// Frames per second as a fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FrameRate {
    /// Frames …
    pub num: u32,
    /// … in this many seconds.
    pub den: u32,
}

impl FrameRate {
    /// The 90 kHz tick of frame `frame`, both counted from the epoch, rounded down.
    pub fn tick_of(self, frame: i64) -> i64 {
        let ticks = i128::from(frame) * 90_000 * i128::from(self.den);
        saturate(ticks.div_euclid(i128::from(self.num)))
    }

    /// The first frame whose tick is at or after `tick`.
    pub fn frame_at_or_after(self, tick: i64) -> i64 {
        let scaled = i128::from(tick) * i128::from(self.num);
        let step = 90_000 * i128::from(self.den);
        let mut frame = saturate(scaled.div_euclid(step));
        while self.tick_of(frame) < tick {
            frame += 1;
        }
        frame
    }

    /// The last frame whose tick is at or before `tick`.
    pub fn frame_at_or_before(self, tick: i64) -> i64 {
        let next = self.frame_at_or_after(tick);
        if self.tick_of(next) == tick { next } else { next - 1 }
    }

    /// Frames a second as a number, for people and for comparisons with a tolerance.
    pub fn as_f64(self) -> f64 {
        f64::from(self.num) / f64::from(self.den)
    }
}

/// i128 to i64; the values here are ticks within ±290,000 years, so nothing saturates in practice.
fn saturate(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

/// What every rendition of a channel looks like: H.264, closed GOPs, AAC-LC 48 kHz stereo.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Profile {
    /// Its name, such as `720p25`.
    pub name: String,
    /// Picture width in pixels, even.
    pub width: u32,
    /// Picture height in pixels, even.
    pub height: u32,
    /// The one frame rate.
    pub rate: FrameRate,
    /// Ceiling of the video bit rate in kbit/s, also the VBV size in kbit.
    pub video_kbps: u32,
    /// Audio bit rate in kbit/s.
    pub audio_kbps: u32,
}

impl Profile {
    /// Ticks of one AAC frame (1024 samples at 48 kHz) on the 90 kHz clock.
    pub const AUDIO_FRAME_TICKS: i64 = 1920;

    /// Longest GOP a copied source may have, in milliseconds.
    pub const MAX_GOP_MS: i64 = 4_000;

    /// The profiles that exist, `{height}p{rate}`.
    pub fn all() -> Vec<Self> {
        let sizes = [(640, 360, 1_200), (1280, 720, 4_000), (1920, 1080, 8_000)];
        let rates = [
            ("23.976", 24_000, 1001),
            ("24", 24, 1),
            ("25", 25, 1),
            ("29.97", 30_000, 1001),
            ("30", 30, 1),
            ("50", 50, 1),
            ("59.94", 60_000, 1001),
            ("60", 60, 1),
        ];
        let mut all = Vec::new();
        for (width, height, video_kbps) in sizes {
            for (name, num, den) in rates {
                all.push(Self {
                    name: format!("{height}p{name}"),
                    width,
                    height,
                    rate: FrameRate { num, den },
                    video_kbps,
                    audio_kbps: 160,
                });
            }
        }
        all
    }

    /// Finds a profile by name, or `None` when no such profile exists.
    pub fn named(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|profile| profile.name == name)
    }

    /// Frames between a key frame's decoding and its showing: 200 ms, at least five frames.
    ///
    /// One constant per profile, so that items with different reorder depth join without a step
    /// in DTS (`PTS − DTS` at every key frame is this many frames).
    pub fn reorder_frames(&self) -> i64 {
        i64::from(self.rate.num / self.rate.den).div_euclid(5).max(5)
    }

    /// The first frame of the grid at or after `at`.
    ///
    /// Used for both ends of a slot, so that the next slot begins where this one ended.
    pub fn frame_at_or_after(&self, at: UtcMillis) -> i64 {
        self.rate.frame_at_or_after(at.0 * 90)
    }

    /// When frame `frame` is shown, in 90 kHz ticks since the epoch (not wrapped).
    pub fn tick_of(&self, frame: i64) -> i64 {
        self.rate.tick_of(frame)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_day_of_ntsc_film_has_the_right_number_of_frames() {
        let rate = FrameRate { num: 24_000, den: 1001 };
        let day = 86_400 * 90_000;
        assert_eq!(rate.frame_at_or_after(day), 2_071_529);
    }

    #[test]
    fn profiles_are_found_by_name() {
        let profile = Profile::named("720p25").unwrap();
        assert_eq!((profile.width, profile.height, profile.rate.num), (1280, 720, 25));
        assert_eq!(profile.reorder_frames(), 5);
        assert_eq!(Profile::named("720p26"), None);
    }

    proptest! {
        #[test]
        fn frame_and_tick_are_inverse(frame in -1_000_000_000_i64..1_000_000_000_000, which in 0_usize..24) {
            let rate = Profile::all()[which].rate;
            let tick = rate.tick_of(frame);
            prop_assert_eq!(rate.frame_at_or_after(tick), frame);
            prop_assert_eq!(rate.frame_at_or_before(tick), frame);
            prop_assert!(rate.tick_of(frame + 1) > tick);
        }
    }
}
