//! Takes a media item out of a timeline and puts others in its place.

use super::catalogue::Catalogue;
use super::deck::Deck;
use super::order::Way;
use super::plan::{NO_PROGRAMMING, programme_slot};
use crate::domain::{MediaId, Rules, Slot, SlotKind, Timeline, UtcMillis};

/// A rest shorter than this is left to the slate instead of starting another programme in it.
const SHORTEST_REST_MS: i64 = 5_000;

/// The timeline's slots with `bad` replaced from `now` on; all other slots stay as they are.
///
/// The channel's next playable media takes each place, cut to the slot's end, followed by the one
/// after it where the slot is longer. The neighbours are avoided where there is a choice, so that
/// nothing plays twice in a row. A slot on air is cut at `now`: what was shown stays on record.
/// Without anything else to play the place goes off air.
pub fn replace(
    timeline: &Timeline,
    rules: &Rules,
    catalogue: &Catalogue,
    bad: MediaId,
    now: UtcMillis,
) -> Vec<Slot> {
    let others = candidates(rules, catalogue, bad);
    let slots = timeline.slots();
    let mut result: Vec<Slot> = Vec::with_capacity(slots.len());
    for (index, slot) in slots.iter().enumerate() {
        if slot.media != Some(bad) || slot.stop <= now {
            result.push(slot.clone());
            continue;
        }
        let mut start = slot.start;
        if slot.start < now {
            result.push(Slot { stop: now, ..slot.clone() });
            start = now;
        }
        let before = result.iter().rev().find_map(|slot| slot.media);
        let after = slots.get(index + 1).and_then(|slot| slot.media);
        fill(&mut result, &others, catalogue, (start, slot.stop), (before, after));
    }
    result
}

/// What may stand in for `bad`, beginning with what its collection plays after it.
fn candidates(rules: &Rules, catalogue: &Catalogue, bad: MediaId) -> Vec<MediaId> {
    let mut all: Vec<MediaId> = Vec::new();
    for item in rules.all_items() {
        let Some(ids) = catalogue.collections.get(&item.collection) else { continue };
        // The bad one is dealt in, wherever it is now, to find its place among the others.
        let mut dealt: Vec<MediaId> = ids.to_vec();
        if !dealt.contains(&bad) {
            dealt.push(bad);
        }
        let way = Way { order: item.order, marathon: item.marathon, ..Way::default() };
        let (deck, _) = Deck::new(item.collection, way, rules.seed, &dealt, &catalogue.media);
        let mut order: Vec<MediaId> = deck.media().collect();
        let after_bad = order.iter().position(|id| *id == bad).map_or(0, |index| index + 1);
        order.rotate_left(after_bad);
        for id in order {
            if id != bad && !all.contains(&id) {
                all.push(id);
            }
        }
    }
    all
}

/// Fills a hole with candidates in turn; those next to the hole come only where nothing else is.
fn fill(
    result: &mut Vec<Slot>,
    others: &[MediaId],
    catalogue: &Catalogue,
    (start, stop): (UtcMillis, UtcMillis),
    (before, after): (Option<MediaId>, Option<MediaId>),
) {
    let is_neighbour = |id: &MediaId| Some(*id) == before || Some(*id) == after;
    let mut turn: Vec<MediaId> = others.iter().copied().filter(|id| !is_neighbour(id)).collect();
    if turn.is_empty() {
        turn = others.to_vec();
    }
    let mut at = start;
    for media in turn.iter().copied().cycle() {
        if at >= stop {
            return;
        }
        let lasts = catalogue.media.get(&media).map_or(0, |item| item.duration_ms);
        let mut end = at.plus_ms(lasts.max(1)).min(stop);
        if stop.since(end) < SHORTEST_REST_MS {
            end = stop;
        }
        result.push(programme_slot(catalogue, media, at, end));
        at = end;
    }
    result.push(Slot {
        start: at,
        stop,
        media: None,
        in_ms: 0,
        kind: SlotKind::Offline,
        title: NO_PROGRAMMING.to_owned(),
        guide_group: None,
        custom_title: None,
    });
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::super::catalogue::tests::shelf;
    use super::*;
    use crate::domain::{CollectionId, Mode, Order, ScheduleItem};

    #[test]
    fn the_next_in_order_takes_the_place_and_is_cut_to_it() {
        check_replace(
            "1 a 100, 2 b 60, 3 c 100, 4 d 100",
            "1 0 100, 2 100 160, 3 160 260",
            0,
            "1 0 100, 4 100 160, 3 160 260",
        );
    }

    #[test]
    fn a_longer_hole_takes_several_and_leaves_no_scrap() {
        check_replace(
            "1 a 10, 2 b 60, 3 c 30, 4 d 28, 5 e 10",
            "1 0 10, 2 10 70, 5 70 80",
            0,
            "1 0 10, 3 10 40, 4 40 70, 5 70 80",
        );
    }

    #[test]
    fn what_was_shown_stays_on_record() {
        check_replace(
            "1 a 100, 2 b 100, 3 c 100",
            "2 0 100, 2 100 200, 1 200 300",
            150,
            "2 0 100, 2 100 150, 3 150 200, 1 200 300",
        );
    }

    #[test]
    fn a_neighbour_is_better_than_nothing_and_nothing_goes_off_air() {
        check_replace("1 a 40, 2 b 60", "1 0 40, 2 40 100", 0, "1 0 40, 1 40 80, 1 80 100");
        check_replace("2 b 60", "2 0 60", 0, "- 0 60");
    }

    /// Replaces media 2 at `now`, in slots written `media start stop, …` in seconds.
    #[track_caller]
    fn check_replace(media: &str, before: &str, now: i64, expected: &str) {
        let shelf = shelf(media);
        let ids: Vec<MediaId> = shelf.iter().map(|m| m.id).collect();
        let catalogue = Catalogue {
            media: shelf.into_iter().map(|m| (m.id, m)).collect(),
            collections: BTreeMap::from([(CollectionId(1), Arc::new(ids))]),
            ..Catalogue::default()
        };
        let item = ScheduleItem::new(CollectionId(1), Order::Chronological, Mode::Flood);
        let rules = Rules::of_items(0, vec![item]);
        let slot = |line: &str| {
            let words: Vec<i64> = line.split_whitespace().map(|w| w.parse().unwrap()).collect();
            let (start, stop) = (UtcMillis(words[1] * 1000), UtcMillis(words[2] * 1000));
            programme_slot(&catalogue, MediaId(words[0]), start, stop)
        };
        let timeline = Timeline::new(before.split(',').map(slot).collect()).unwrap();
        let slots = replace(&timeline, &rules, &catalogue, MediaId(2), UtcMillis(now * 1000));
        let line = |slot: &Slot| {
            let media = slot.media.map_or("-".to_owned(), |id| id.to_string());
            format!("{media} {} {}", slot.start.0 / 1000, slot.stop.0 / 1000)
        };
        let lines: Vec<String> = slots.iter().map(line).collect();
        assert_eq!(lines.join(", "), expected);
        Timeline::new(slots).unwrap();
    }
}
