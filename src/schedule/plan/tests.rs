//! Table and property tests of the planner.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use proptest::prelude::*;

use super::super::catalogue::tests::shelf;
use super::*;
use crate::domain::{CollectionId, Mode, Order, ScheduleItem, Timeline};

#[test]
fn modes_take_turns() {
    let catalogue = catalogue(&["1 a 10, 2 b 10, 3 c 10", "7 x 10, 8 y 10"]);
    let rules = rules("1 chronological one, 2 chronological multiple 2");
    assert_eq!(played(&rules, &catalogue, 8), "1 7 8 2 7 8 3 7");
}

#[test]
fn a_flood_never_hands_on_and_says_so() {
    let catalogue = catalogue(&["1 a 10, 2 b 10", "7 x 10"]);
    let rules = rules("1 chronological one, 1 chronological flood, 2 chronological one");
    assert_eq!(played(&rules, &catalogue, 5), "1 2 1 2 1");
    let reasons = plan_items(&rules, &catalogue, 1).reasons;
    assert_eq!(reasons, [Reason::NeverReached { item: 2, flood: 1 }]);
}

#[test]
fn items_that_cannot_play_are_passed_over_with_a_reason() {
    let mut catalogue = catalogue(&["1 a 10", "7 x 0.999, 8 y 0", ""]);
    catalogue.collections.remove(&CollectionId(3));
    let rules = rules(
        "3 shuffle flood, 2 listed flood, 1 chronological multiple 0, 1 season_episode multiple 1",
    );
    let plan = plan_items(&rules, &catalogue, 2);
    assert_eq!(ids(&plan), "1 1");
    assert_eq!(
        plan.reasons,
        [
            Reason::NoCollection { item: 0, collection: CollectionId(3) },
            Reason::TooShort { media: MediaId(7), duration_ms: 999 },
            Reason::TooShort { media: MediaId(8), duration_ms: 0 },
            Reason::NothingPlayable { item: 1, collection: CollectionId(2) },
            Reason::ZeroCount { item: 2 },
        ]
    );
}

#[test]
fn with_nothing_to_play_the_window_is_off_air_by_the_hour() {
    let plan = plan(
        &Rules::default(),
        &Catalogue::default(),
        Cursor::default(),
        UtcMillis(500),
        UtcMillis(2 * OFFLINE_MS),
    );
    let slots: Vec<_> = plan.slots.iter().map(|s| (s.start.0, s.stop.0, s.kind)).collect();
    let hour = |n: i64| (500 + n * OFFLINE_MS, 500 + (n + 1) * OFFLINE_MS, SlotKind::Offline);
    assert_eq!(slots, [hour(0), hour(1)]);
    assert!(plan.slots.iter().all(|slot| slot.title == NO_PROGRAMMING && slot.media.is_none()));
    assert_eq!(plan.reasons, [Reason::NoItems, Reason::OffAir]);
}

#[test]
fn a_shorter_schedule_begins_from_the_top() {
    let catalogue = catalogue(&["1 a 10, 2 b 10", "7 x 10"]);
    let long = rules("1 listed one, 1 listed one, 2 listed one");
    let cursor = plan_items(&long, &catalogue, 3).cursor;
    let plan = plan(&rules("1 listed one"), &catalogue, cursor, UtcMillis(0), UtcMillis(10_000));
    assert_eq!(ids(&plan), "1");
    assert_eq!(plan.reasons, [Reason::StartedOver { item: 2, items: 1 }]);
}

#[test]
fn a_shuffle_plays_everything_once_a_round_in_changing_order() {
    let catalogue = catalogue(&["1 a 10, 2 b 10, 3 c 10, 4 d 10, 5 e 10, 6 f 10, 7 g 10, 8 h 10"]);
    let rules = rules("1 shuffle flood");
    let plan = plan_items(&rules, &catalogue, 80);
    let media: Vec<i64> = plan.slots.iter().filter_map(|s| s.media.map(|m| m.0)).collect();
    let rounds: HashSet<&[i64]> = media.chunks(8).collect();
    assert!(rounds.iter().all(|round| round.iter().collect::<HashSet<_>>().len() == 8));
    assert!(rounds.len() >= 9, "{rounds:?}");
    let other = plan_items(&Rules { seed: 2, ..rules.clone() }, &catalogue, 80);
    assert_ne!(ids(&other), ids(&plan));
    assert_eq!(ids(&plan_items(&rules, &catalogue, 80)), ids(&plan));
}

#[test]
fn new_media_takes_its_place_in_the_order_without_a_step_back() {
    let rules = rules("1 chronological flood");
    let first = plan_items(&rules, &catalogue(&["1 a 10, 2 c 10, 3 e 10"]), 2);
    assert_eq!(ids(&first), "1 2");
    let more = catalogue(&["1 a 10, 2 c 10, 3 e 10, 4 b 10, 5 d 10"]);
    let second = plan(&rules, &more, first.cursor, UtcMillis(20_000), UtcMillis(90_000));
    assert_eq!(ids(&second), "5 3 1 4 2 5 3");
}

#[test]
fn rewinding_gives_the_state_of_that_instant() {
    let catalogue = catalogue(&["1 a 10, 2 b 10, 3 c 10", "7 x 10, 8 y 10"]);
    let rules = rules("1 shuffle multiple 2, 2 listed one, 1 chronological one");
    let long = plan_items(&rules, &catalogue, 40);
    for slot in [0, 1, 2, 17, 39] {
        let at = long.slots[slot].start;
        let again = plan(&rules, &catalogue, long.cursor.clone().rewound(at), at, end(&long));
        assert_eq!(again.slots, long.slots[slot..]);
        assert_eq!(again.cursor, long.cursor);
    }
}

#[test]
fn a_forgotten_trail_cannot_be_rewound_further() {
    let catalogue = catalogue(&["1 a 10, 2 b 10, 3 c 10"]);
    let rules = rules("1 listed flood");
    let mut cursor = plan_items(&rules, &catalogue, 8).cursor;
    cursor.forget_before(UtcMillis(50_000));
    let plan = plan(&rules, &catalogue, cursor.rewound(UtcMillis(0)), UtcMillis(0), UtcMillis(1));
    assert_eq!(ids(&plan), "3");
}

#[test]
fn a_cursor_survives_storage() {
    let catalogue = catalogue(&["1 a 10, 2 b 10, 3 c 10"]);
    let cursor = plan_items(&rules("1 shuffle flood"), &catalogue, 7).cursor;
    let text = serde_json::to_string(&cursor).unwrap();
    assert_eq!(serde_json::from_str::<Cursor>(&text).unwrap(), cursor);
    assert_eq!(serde_json::from_str::<Cursor>("{}").unwrap(), Cursor::default());
}

/// The design's budget is 5 s for 1,000 channels and 14 days on a release build; this is a tenth
/// of it. A debug build beside other tests needs most of the time allowed here.
#[test]
fn a_hundred_channels_for_fourteen_days_are_planned_in_seconds() {
    let text: Vec<String> = (1..=500).map(|n| format!("{n} episode{n} {}", 1200 + n)).collect();
    let catalogue = catalogue(&[&text.join(", ")]);
    let begun = std::time::Instant::now();
    let mut slots = 0_usize;
    for seed in 0..100 {
        let rules = Rules { seed, ..rules("1 shuffle multiple 3, 1 chronological one") };
        let to = UtcMillis(14 * 86_400_000);
        slots += plan(&rules, &catalogue, Cursor::default(), UtcMillis(0), to).slots.len();
    }
    assert!(slots > 80_000, "{slots} slots");
    assert!(begun.elapsed().as_secs() < 15, "{slots} slots took {:?}", begun.elapsed());
}

proptest! {
    #[test]
    fn a_plan_has_no_gap_and_reaches_the_end(world in world(), from in -5_000_i64..5_000, ms in 0_i64..400_000) {
        let (rules, catalogue) = world;
        let (from, to) = (UtcMillis(from), UtcMillis(from + ms));
        let plan = plan(&rules, &catalogue, Cursor::default(), from, to);
        let timeline = Timeline::new(plan.slots).unwrap();
        if ms > 0 {
            prop_assert_eq!(timeline.start(), Some(from));
            prop_assert!(timeline.stop() >= Some(to));
        }
    }

    #[test]
    fn two_windows_are_as_one(world in world(), split in 0_i64..300_000) {
        let (rules, catalogue) = world;
        let (from, to) = (UtcMillis(0), UtcMillis(300_000));
        let once = plan(&rules, &catalogue, Cursor::default(), from, to);
        let first = plan(&rules, &catalogue, Cursor::default(), from, UtcMillis(split));
        let middle = first.slots.last().map_or(from, |slot| slot.stop);
        let second = plan(&rules, &catalogue, first.cursor, middle, to);
        let both: Vec<Slot> = first.slots.into_iter().chain(second.slots).collect();
        prop_assert_eq!(both, once.slots);
        prop_assert_eq!(second.cursor, once.cursor);
    }

    #[test]
    fn a_shuffle_never_plays_an_item_twice_in_a_row(count in 2_i64..12, seed: u64) {
        let text: Vec<String> = (1..=count).map(|n| format!("{n} t{n} 10")).collect();
        let catalogue = catalogue(&[&text.join(", ")]);
        let rules = Rules { seed, ..rules("1 shuffle flood") };
        let plan = plan_items(&rules, &catalogue, 100);
        prop_assert!(plan.slots.windows(2).all(|pair| pair[0].media != pair[1].media));
    }

    #[test]
    fn an_edit_changes_only_the_future(world in world(), other in world(), at in 0_i64..200_000) {
        let (rules, catalogue) = world;
        let before = plan(&rules, &catalogue, Cursor::default(), UtcMillis(0), UtcMillis(300_000));
        let timeline = Timeline::new(before.slots.clone()).unwrap();
        let from = timeline.at(UtcMillis(at)).unwrap().stop;
        let after = plan(&other.0, &other.1, before.cursor.rewound(from), from, UtcMillis(600_000));
        let kept = before.slots.into_iter().filter(|slot| slot.start < from);
        let joined = Timeline::new(kept.chain(after.slots).collect());
        prop_assert!(joined.is_ok());
    }
}

/// A schedule of up to four items over three collections, of which some are empty or missing.
fn world() -> impl Strategy<Value = (Rules, Catalogue)> {
    let order = prop_oneof![
        Just(Order::Chronological),
        Just(Order::SeasonEpisode),
        Just(Order::Shuffle),
        Just(Order::Listed)
    ];
    let mode = prop_oneof![
        2 => Just(Mode::One),
        2 => (0_u32..4).prop_map(|count| Mode::Multiple { count }),
        1 => Just(Mode::Flood)
    ];
    let item = (1_i64..5, order, mode).prop_map(|(collection, order, mode)| {
        ScheduleItem::new(CollectionId(collection), order, mode)
    });
    let rules = (any::<u64>(), prop::collection::vec(item, 0..5))
        .prop_map(|(seed, items)| Rules::of_items(seed, items));
    let shelf_text = prop::collection::vec((1_i64..30, 0_i64..40), 0..8).prop_map(|media| {
        let lines: Vec<String> =
            media.iter().map(|(id, seconds)| format!("{id} t{} {seconds}", id % 7)).collect();
        lines.join(", ")
    });
    let shelves = prop::collection::vec(shelf_text, 3);
    (rules, shelves).prop_map(|(rules, texts)| {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        (rules, catalogue(&texts))
    })
}

/// Collections 1, 2, … with media written `id title seconds, …`.
pub(in crate::schedule) fn catalogue(collections: &[&str]) -> Catalogue {
    let mut catalogue = Catalogue::default();
    for (id, text) in (1..).zip(collections) {
        let shelf = shelf(text);
        let ids: Vec<MediaId> = shelf.iter().map(|item| item.id).collect();
        catalogue.collections.insert(CollectionId(id), Arc::new(ids));
        let media: BTreeMap<_, _> = shelf.into_iter().map(|item| (item.id, item)).collect();
        catalogue.media.extend(media);
    }
    catalogue
}

/// Reads `collection order mode [count], …`.
fn rules(text: &str) -> Rules {
    let item = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let mode = match words[2] {
            "flood" => Mode::Flood,
            "one" => Mode::One,
            _ => Mode::Multiple { count: words[3].parse().unwrap() },
        };
        let order = serde_json::from_value(words[1].into()).unwrap();
        ScheduleItem::new(CollectionId(words[0].parse().unwrap()), order, mode)
    };
    Rules::of_items(1, text.split(',').map(item).collect())
}

/// Plans `count` slots of ten seconds.
fn plan_items(rules: &Rules, catalogue: &Catalogue, count: i64) -> Plan {
    let to = UtcMillis(count * 10_000);
    plan(rules, catalogue, Cursor::default(), UtcMillis(0), to)
}

fn played(rules: &Rules, catalogue: &Catalogue, count: i64) -> String {
    ids(&plan_items(rules, catalogue, count))
}

fn ids(plan: &Plan) -> String {
    let id = |slot: &Slot| slot.media.map_or("-".to_owned(), |media| media.to_string());
    plan.slots.iter().map(id).collect::<Vec<_>>().join(" ")
}

fn end(plan: &Plan) -> UtcMillis {
    plan.slots.last().unwrap().stop
}
