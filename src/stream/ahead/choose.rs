//! What to conform next while nobody waits. PURE.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::{Media, MediaId, Profile, Timeline, UtcMillis};
use crate::stream::decided::REMEMBER_MS;

/// A watched channel's slots this close go before everything else.
const SOON_MS: i64 = 600_000;

/// What one channel plays.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// Its profile.
    pub profile: &'a Profile,
    /// Its slots.
    pub timeline: &'a Timeline,
    /// All media that the timeline names.
    pub media: &'a HashMap<MediaId, Arc<Media>>,
    /// Whether anybody watches it.
    pub watched: bool,
}

/// Something to conform.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// What.
    pub media: Arc<Media>,
    /// To which profile.
    pub profile: Profile,
    /// When it is on air; the present when it is on air now.
    pub at: UtcMillis,
    /// Whether viewers of a running channel see it soon.
    pub soon: bool,
    /// Whether nobody sees it as far as is planned: it is made because there is time.
    pub spare: bool,
}

impl Job {
    /// Whether this takes the place of `running`, which then goes on later.
    ///
    /// Only for viewers, or in place of something spare: what is on air changes all the time, and
    /// stopping costs a start.
    pub fn replaces(&self, running: &Self) -> bool {
        let presses = (self.soon && !running.soon) || (!self.spare && running.spare);
        presses && !self.is_same(running)
    }

    /// Whether both make the same.
    pub fn is_same(&self, other: &Self) -> bool {
        self.media.id == other.media.id && self.profile.shape() == other.profile.shape()
    }
}

/// Chooses the next job: by air time, what viewers of running channels see soon before the rest.
///
/// `needs` says whether a rendition is neither complete nor given up.
pub fn next_job(
    now: UtcMillis,
    horizon_ms: i64,
    lines: &[Line<'_>],
    needs: &dyn Fn(&Media, &Profile) -> bool,
) -> Option<Job> {
    let mut best: Option<((bool, UtcMillis, bool), Job)> = None;
    for line in lines {
        for (at, media) in upcoming(line, now, horizon_ms) {
            let soon = line.watched && at.since(now) <= SOON_MS;
            let rank = (!soon, at, !line.watched);
            if best.as_ref().is_some_and(|(better, _)| *better <= rank) {
                continue;
            }
            // A broadcast cannot be made before it is sent.
            if !media.is_live() && needs(media, line.profile) {
                let profile = line.profile.clone();
                let job = Job { media: Arc::clone(media), profile, at, soon, spare: false };
                best = Some((rank, job));
            }
        }
    }
    best.map(|(_, job)| job)
}

/// When each rendition (by media and shape of the profile) is next on air; what is on air now counts as needed now.
pub fn next_uses(
    now: UtcMillis,
    horizon_ms: i64,
    lines: &[Line<'_>],
) -> HashMap<(MediaId, String), UtcMillis> {
    let mut uses = HashMap::new();
    for line in lines {
        let shape = line.profile.shape();
        for (at, media) in upcoming(line, now, horizon_ms) {
            let first = uses.entry((media.id, shape.clone())).or_insert(at);
            *first = at.min(*first);
        }
    }
    uses
}

/// What is on air on a channel at `now`, and what comes after it.
pub fn now_and_next<'a>(
    line: &Line<'a>,
    now: UtcMillis,
) -> impl Iterator<Item = &'a Arc<Media>> + use<'a> {
    upcoming(line, now, i64::MAX / 2).map(|(_, media)| media).take(2)
}

/// What was on air in the time that HLS lists, up to `now`.
pub(super) fn lately<'a>(
    line: &Line<'a>,
    now: UtcMillis,
) -> impl Iterator<Item = &'a Arc<Media>> + use<'a> {
    upcoming(line, now.plus_ms(-REMEMBER_MS), REMEMBER_MS).map(|(_, media)| media)
}

/// The media on air from now until the horizon, each with the time it begins, not before now.
fn upcoming<'a>(
    line: &Line<'a>,
    now: UtcMillis,
    horizon_ms: i64,
) -> impl Iterator<Item = (UtcMillis, &'a Arc<Media>)> + use<'a> {
    let slots = line.timeline.slots();
    let first = slots.partition_point(|slot| slot.stop <= now);
    let end = now.plus_ms(horizon_ms);
    let media = line.media;
    slots[first..].iter().take_while(move |slot| slot.start < end).filter_map(move |slot| {
        let media = media.get(&slot.media?)?;
        Some((slot.start.max(now), media))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Slot, SlotKind};

    fn media(id: i64) -> Arc<Media> {
        Arc::new(Media { title: String::new(), ..Media::file(MediaId(id), "") })
    }

    /// A timeline of media ids (`-` for offline), each of `seconds` seconds, from zero.
    fn timeline(ids: &str, seconds: i64) -> Timeline {
        let slot = |(index, id): (i64, &str)| Slot {
            start: UtcMillis(index * seconds * 1000),
            stop: UtcMillis((index + 1) * seconds * 1000),
            media: id.parse().ok().map(MediaId),
            in_ms: 0,
            kind: SlotKind::Programme,
            title: String::new(),
            guide_group: None,
            custom_title: None,
        };
        Timeline::new((0..).zip(ids.split(' ')).map(slot).collect()).unwrap()
    }

    /// The order in which everything is made, at `now` seconds, with a horizon of two hours.
    fn order(now: i64, lines: &[(Timeline, bool)]) -> Vec<i64> {
        let profile = Profile::named("720p25").unwrap();
        let known: HashMap<MediaId, Arc<Media>> =
            (1..=9).map(|id| (MediaId(id), media(id))).collect();
        let lines: Vec<Line<'_>> = lines
            .iter()
            .map(|(timeline, watched)| Line {
                profile: &profile,
                timeline,
                media: &known,
                watched: *watched,
            })
            .collect();
        let mut made = Vec::new();
        loop {
            let needs = |media: &Media, _: &Profile| !made.contains(&media.id.0);
            let job = next_job(UtcMillis(now * 1000), 7_200_000, &lines, &needs);
            let Some(job) = job else { return made };
            made.push(job.media.id.0);
        }
    }

    #[test]
    fn air_time_decides_and_the_horizon_ends_it() {
        assert_eq!(order(100, &[(timeline("1 2 1 - 3 4", 1_800), false)]), [1, 2, 3]);
        assert_eq!(order(3_700, &[(timeline("1 2 1 - 3 4", 1_800), false)]), [1, 3, 4]);
    }

    #[test]
    fn what_viewers_see_soon_goes_first() {
        let unwatched = timeline("1 2 3", 300);
        let watched = timeline("4 5 6 7", 450);
        assert_eq!(order(0, &[(unwatched, false), (watched, true)]), [4, 5, 1, 2, 3, 6, 7]);
    }

    #[test]
    fn only_what_viewers_see_soon_replaces_what_is_being_made() {
        let job = |id, soon| Job {
            media: media(id),
            profile: Profile::named("720p25").unwrap(),
            at: UtcMillis(0),
            soon,
            spare: false,
        };
        assert!(job(1, true).replaces(&job(2, false)));
        assert!(!job(1, true).replaces(&job(1, false)));
        assert!(!job(1, true).replaces(&job(2, true)));
        assert!(!job(1, false).replaces(&job(2, false)));
        let spare = |id| Job { spare: true, ..job(id, false) };
        assert!(job(1, false).replaces(&spare(2)) && !spare(1).replaces(&spare(2)));
        assert!(!job(1, false).replaces(&spare(1)));
    }

    #[test]
    fn uses_are_the_earliest_on_any_channel() {
        let profile = Profile::named("720p25").unwrap();
        let known = HashMap::from([(MediaId(1), media(1)), (MediaId(2), media(2))]);
        let (a, b) = (timeline("1 2", 100), timeline("2 1", 100));
        let line = |timeline| Line { profile: &profile, timeline, media: &known, watched: false };
        let uses = next_uses(UtcMillis(50_000), 7_200_000, &[line(&a), line(&b)]);
        assert_eq!(uses[&(MediaId(1), profile.shape())], UtcMillis(50_000));
        assert_eq!(uses[&(MediaId(2), profile.shape())], UtcMillis(50_000));
    }
}
