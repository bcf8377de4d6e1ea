//! What sounds in another language while a channel's units are shown. PURE.

use std::sync::Arc;

use crate::domain::{MediaId, Profile};
use crate::stream::compose::{AudioRun, Clip, UnitPlan, append, find_audio};
use crate::stream::rendition::RenditionIndex;

/// The sounds of `units` where the voice of their items has them, else their own; `before` is the
/// unit in front of them, whose sound reaches into the first.
///
/// `index` gives what is in the store of an item's voice, if it has one.
pub(super) fn sounding(
    profile: &Profile,
    before: Option<&UnitPlan>,
    units: &[Arc<UnitPlan>],
    index: &dyn Fn(MediaId) -> Option<Arc<RenditionIndex>>,
) -> Vec<AudioRun> {
    let mut runs = Vec::new();
    let mut known: Option<(MediaId, Option<Arc<RenditionIndex>>)> = None;
    let mut before = before;
    for unit in units {
        for run in &unit.audio {
            for (nth, grid) in (0..run.count).zip(run.grid..) {
                let own = run.from.as_ref().map(|(key, gop, at)| (key.clone(), *gop, at + nth));
                let frame = profile.rate.frame_at_or_before(grid * profile.audio_ticks());
                let clip = shown([before, Some(unit)], frame);
                let voice = clip.and_then(|clip| {
                    let media = clip.key.media;
                    if known.as_ref().is_none_or(|(of, _)| *of != media) {
                        known = Some((media, index(media)));
                    }
                    let index = known.as_ref().and_then(|(_, index)| index.as_ref())?;
                    let same = index.key.version == clip.key.version;
                    same.then(|| find_audio(profile, index, clip.base, frame, grid)).flatten()
                });
                append(&mut runs, grid, voice.or(own));
            }
        }
        before = Some(unit);
    }
    runs
}

/// What is shown at `frame` in one of two units in a row; nothing where a picture is held.
fn shown(units: [Option<&UnitPlan>; 2], frame: i64) -> Option<&Clip> {
    let shows = |unit: &&UnitPlan| (unit.first..unit.end).contains(&frame);
    let unit = units.into_iter().flatten().find(shows)?;
    (frame >= unit.clip.shown()).then_some(&unit.clip)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::UtcMillis;
    use crate::stream::compose::Composer;
    use crate::stream::fake::{FakeStore, Layout, timeline};
    use crate::stream::hls;

    /// 1,700,000,000 s is the beginning of a segment.
    const START: i64 = 1_700_000_000_000;

    #[test]
    fn an_items_voice_is_heard_while_it_is_shown_and_the_others_own_sound() {
        let profile = Profile::named("360p25").unwrap();
        let store = FakeStore::with_slates(&profile);
        let voices = FakeStore::with_slates(&profile);
        let voice = profile.voice(&"deu".parse().unwrap());
        for media in 1..3 {
            store.put(MediaId(media), &profile, &Layout::even(5, 50));
        }
        // The second one alone speaks it; its voice begins a little later.
        let layout = Layout { audio_from: Some(400), ..Layout::even(5, 48) };
        voices.put(MediaId(2), &voice, &layout);
        let timeline = timeline(START - 10_000, &[(Some(1), 0, 10_000), (Some(2), 0, 10_000)]);
        let lookup = |media| store.get(media);
        let composer = Composer::new(&profile, &timeline, &lookup, &[]);
        let frame = |ms| profile.frame_at_or_after(UtcMillis(ms));
        let units = hls::compose(&composer, frame(START - 4_000), frame(START + 4_000));
        let own: Vec<&AudioRun> = units.iter().flat_map(|unit| &unit.audio).collect();
        let spoken = |media: MediaId| voices.get(media).filter(|_| media == MediaId(2));
        let runs = sounding(&profile, None, &units, &spoken);

        // The same places on the grid, without a gap.
        let count = |runs: &[&AudioRun]| runs.iter().map(|run| run.count).sum::<usize>();
        assert_eq!(count(&runs.iter().collect::<Vec<_>>()), count(&own));
        let mut at = own[0].grid;
        for run in &runs {
            assert_eq!(run.grid, at);
            at += i64::try_from(run.count).unwrap();
        }
        let begins = START * 90;
        for run in &runs {
            let Some((key, ..)) = &run.from else { continue };
            let later = run.grid * profile.audio_ticks() >= begins;
            let expected = if later { voice.shape() } else { profile.shape() };
            assert_eq!(key.profile, expected, "{run:?}");
        }
        let spoken = runs.iter().filter(|run| run.from.as_ref().is_some_and(|f| f.0.media.0 == 2));
        assert!(spoken.count() >= 2, "{runs:?}");
        assert_eq!(sounding(&profile, None, &units, &|_| None).len(), {
            let mut joined = Vec::new();
            for run in &own {
                for (nth, grid) in (0..run.count).zip(run.grid..) {
                    let from = run.from.as_ref().map(|(k, g, at)| (k.clone(), *g, at + nth));
                    append(&mut joined, grid, from);
                }
            }
            joined.len()
        });
    }
}
