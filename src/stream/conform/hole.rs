//! Which frames of a rendition are missing. PURE.

use crate::domain::{Media, Profile};
use crate::stream::rendition::RenditionIndex;

/// Holes of up to this many frames are shown as a hold of the picture before; nobody fills them.
pub(super) const SHORT: i64 = super::rules::LATE_START;

/// Missing frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hole {
    /// The first one missing.
    pub(super) start: i64,
    /// The first stored one after it; `None` when all to the end are missing.
    pub(super) until: Option<i64>,
}

/// Finds the first hole at or after `from`; `end` is the frame after the last, `None` if unknown.
pub(super) fn next_hole(
    index: Option<&RenditionIndex>,
    from: i64,
    end: Option<i64>,
) -> Option<Hole> {
    let gops = index.map_or(&[][..], |index| &index.gops);
    let mut at = from;
    for gop in &gops[gops.partition_point(|gop| gop.end_frame() <= from)..] {
        if gop.first_frame - at > SHORT {
            return Some(Hole { start: at, until: Some(gop.first_frame) });
        }
        at = at.max(gop.end_frame());
    }
    let rest = end.is_none_or(|end| end - at > SHORT);
    rest.then_some(Hole { start: at, until: None })
}

/// The frame after the last one by the stated playing time; `None` when it is not known.
pub(super) fn stated_end(media: &Media, profile: &Profile) -> Option<i64> {
    (media.duration_ms > 0).then(|| profile.rate.frame_at_or_after(media.duration_ms * 90))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::MediaId;
    use crate::stream::rendition::{GopEntry, RenditionKey};

    /// Finds the hole from `from` on among stored ranges (`a-b c-d`); answers `start..until`.
    fn check(stored: &str, from: i64, end: Option<i64>, expected: &str) {
        let gop = |range: &str| {
            let (first, until) = range.split_once('-').unwrap();
            let first_frame = first.parse().unwrap();
            let frames = u32::try_from(until.parse::<i64>().unwrap() - first_frame).unwrap();
            let (span, offset, length) = (0, 0, 0);
            GopEntry { first_frame, frames, audio_tick: 0, audio_frames: 0, span, offset, length }
        };
        let key = RenditionKey { media: MediaId(1), version: 0, profile: String::new() };
        let gops = stored.split_whitespace().map(gop).collect();
        let index = RenditionIndex { key, gops, end_frame: None };
        let answer = match next_hole(Some(&index), from, end) {
            None => "none".to_owned(),
            Some(Hole { start, until: Some(until) }) => format!("{start}..{until}"),
            Some(Hole { start, until: None }) => format!("{start}.."),
        };
        assert_eq!(answer, expected, "{stored} from {from}");
    }

    #[test]
    fn holes_are_found_in_order() {
        check("", 0, None, "0..");
        check("", 0, Some(100), "0..");
        check("0-50", 0, Some(100), "50..");
        check("0-50 70-90", 0, Some(100), "50..70");
        check("0-50 70-90", 60, Some(100), "60..70");
        check("0-50 70-90", 75, Some(100), "90..");
        check("0-50 50-100", 10, Some(100), "none");
    }

    #[test]
    fn short_holes_and_a_short_rest_are_held() {
        check("2-50 53-97", 0, Some(100), "none");
        check("4-50", 0, Some(50), "0..4");
        check("0-50", 48, None, "50..");
    }
}
