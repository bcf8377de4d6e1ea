//! What pictures and sound must be like to be played without being encoded. PURE.
//!
//! One set of rules for both ways in which a source is copied: by ffmpeg (`grid`) and in process
//! (`stream::direct`). Whatever passes here joins to anything else of its profile.

use bytes::Bytes;

use crate::domain::Profile;

/// Why access units do not make a rendition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::stream) enum Misfit {
    /// No key frame that decoding can begin with came within the longest group.
    #[error("its key frames are too far apart or cannot be started from")]
    LongGroup,
    /// A picture refers across a key frame.
    #[error("its groups of pictures are not closed")]
    OpenGroup,
    /// A picture lies between two frames of the grid.
    #[error("its pictures are not evenly spaced")]
    OffGrid,
    /// Pictures are missing, or there are two for one frame.
    #[error("pictures are missing or doubled")]
    Missing,
    /// A picture is decoded later than the profile allows for.
    #[error("its pictures are reordered too deeply")]
    Reordered,
    /// Size or coding change on the way.
    #[error("its parameters change on the way")]
    Changed,
    /// A key frame comes without the parameters to decode it.
    #[error("a key frame lacks its parameter sets")]
    NoParameters,
    /// Its sound is not coded as its header says.
    #[error("its sound is coded in another way")]
    Sound,
}

/// A first picture at most this many frames late makes the file begin with it, rather than with a
/// hold: that is less than the eye sees.
pub(in crate::stream) const LATE_START: i64 = 3;

/// A grid of sound this close to whole frames of media time is moved onto them (two milliseconds).
const SNAP_TICKS: i64 = 180;

/// Finds the frame that a picture is.
#[derive(Debug)]
pub(in crate::stream) struct PictureGrid {
    profile: Profile,
    /// How far the pictures lie behind the grid, the same in all of a file.
    phase: Option<i64>,
}

impl PictureGrid {
    /// A grid; without a known `phase` the first picture tells it.
    pub(in crate::stream) fn new(profile: &Profile, phase: Option<i64>) -> Self {
        Self { profile: profile.clone(), phase }
    }

    /// How far pictures lie behind the grid; known from the first one on.
    pub(in crate::stream) fn phase(&self) -> Option<i64> {
        self.phase
    }

    /// The frame of the grid that a picture shown at `tick` of media time is.
    ///
    /// # Errors
    /// When it lies more than a quarter of a frame beside it.
    pub(in crate::stream) fn frame_of(&mut self, tick: i64) -> Result<i64, Misfit> {
        let rate = self.profile.rate;
        let phase = match self.phase {
            Some(phase) => phase,
            None => {
                let frame = self.nearest(tick);
                let frame = if (0..LATE_START).contains(&frame) { 0 } else { frame };
                *self.phase.insert(tick - rate.tick_of(frame))
            }
        };
        let frame = self.nearest(tick - phase);
        let off = (tick - phase - rate.tick_of(frame)).abs();
        if off * 4 > rate.tick_of(1) { Err(Misfit::OffGrid) } else { Ok(frame) }
    }

    fn nearest(&self, tick: i64) -> i64 {
        let rate = self.profile.rate;
        let before = rate.frame_at_or_before(tick);
        let (low, high) = (rate.tick_of(before), rate.tick_of(before + 1));
        if tick - low <= high - tick { before } else { before + 1 }
    }
}

/// Pictures of the longest group that may be copied.
pub(in crate::stream) fn longest_group(profile: &Profile) -> usize {
    let longest = profile.rate.frame_at_or_before(Profile::MAX_GOP_MS * 90) + 1;
    usize::try_from(longest).unwrap_or(usize::MAX)
}

/// Checks the next picture of a group: it is shown as `frame`, after `decoded` others were decoded.
///
/// # Errors
/// When it belongs to the group before or is decoded too late.
pub(in crate::stream) fn check_order(
    profile: &Profile,
    first: i64,
    decoded: usize,
    frame: i64,
) -> Result<(), Misfit> {
    let decoded = i64::try_from(decoded).unwrap_or(i64::MAX);
    if frame < first {
        return Err(Misfit::OpenGroup);
    }
    if frame - first.saturating_add(decoded) < -profile.reorder_frames() {
        return Err(Misfit::Reordered);
    }
    Ok(())
}

/// Checks the frames `shown` of a whole group, which it sorts; `holes` says that some may lack.
///
/// # Errors
/// When one lies behind the end, or frames lack or are doubled.
pub(in crate::stream) fn check_group(
    first: i64,
    shown: &mut [i64],
    end: i64,
    holes: bool,
) -> Result<(), Misfit> {
    shown.sort_unstable();
    if shown.last().is_some_and(|last| *last >= end) {
        return Err(Misfit::OpenGroup);
    }
    let gapless = shown.iter().zip(first..end).all(|(frame, expected)| *frame == expected);
    let count = i64::try_from(shown.len()).unwrap_or(i64::MAX);
    if !gapless || count != end - first {
        // An encoder that leaves a picture out leaves a hold; a source may hide worse.
        let doubled = shown.windows(2).any(|pair| pair[0] == pair[1]);
        if !holes || doubled {
            return Err(Misfit::Missing);
        }
    }
    Ok(())
}

/// The tick at which the grid of sound begins whose first frame comes at `tick`.
///
/// A container that rounds to milliseconds must not put two runs on two grids.
pub(in crate::stream) fn sound_origin(profile: &Profile, tick: i64) -> i64 {
    let step = profile.audio_ticks();
    let snapped = (tick + step / 2).div_euclid(step) * step;
    if (snapped - tick).abs() <= SNAP_TICKS { snapped } else { tick }
}

/// The different ones among parameter sets.
pub(in crate::stream) fn distinct(sets: impl Iterator<Item = Bytes>) -> Vec<Bytes> {
    let mut distinct: Vec<Bytes> = Vec::new();
    for set in sets {
        if !distinct.contains(&set) {
            distinct.push(set);
        }
    }
    distinct
}
