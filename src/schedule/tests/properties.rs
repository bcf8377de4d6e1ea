//! What holds of every plan, whatever the rules.

use proptest::prelude::*;

use super::*;
use crate::domain::MediaId;

const BEGIN: &str = "2027-03-26T12:00:00Z";
const HOUR: i64 = 3_600_000;

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn every_plan_is_wall_to_wall_and_plays_media_within_its_length(
        rules in any_rules(), shelves in shelves(), hours in 0_i64..72,
    ) {
        let catalogue = filled(&shelves);
        let (from, to) = (utc(BEGIN), utc(BEGIN).plus_ms(hours * HOUR));
        let plan = plan(&rules, &catalogue, Cursor::default(), from, to);
        let timeline = Timeline::new(plan.slots.clone()).unwrap();
        if hours > 0 {
            prop_assert_eq!(timeline.start(), Some(from));
            prop_assert!(timeline.stop() >= Some(to));
        }
        for slot in &plan.slots {
            let Some(media) = slot.media else {
                prop_assert!(slot.kind == SlotKind::Pause || slot.kind == SlotKind::Offline);
                continue;
            };
            let lasts = catalogue.media[&media].duration_ms;
            prop_assert!(slot.in_ms >= 0 && slot.out_ms() <= lasts, "{slot:?} of {lasts} ms");
        }
        // Slots of one programme of the guide follow one another.
        for pair in plan.slots.windows(2) {
            prop_assert!(pair[0].programme_start() <= pair[1].programme_start(), "{pair:?}");
            prop_assert!(pair[1].programme_start() <= pair[1].start);
        }
    }

    #[test]
    fn two_windows_are_as_one(
        rules in any_rules(), shelves in shelves(), split in 0_i64..48 * HOUR,
    ) {
        let catalogue = filled(&shelves);
        let (from, to) = (utc(BEGIN), utc(BEGIN).plus_ms(48 * HOUR));
        let once = plan(&rules, &catalogue, Cursor::default(), from, to);
        let first = plan(&rules, &catalogue, Cursor::default(), from, from.plus_ms(split));
        let middle = first.slots.last().map_or(from, |slot| slot.stop);
        // Cursors are stored in between.
        let stored = serde_json::to_string(&first.cursor).unwrap();
        let cursor = serde_json::from_str(&stored).unwrap();
        let second = plan(&rules, &catalogue, cursor, middle, to);
        let both: Vec<Slot> = first.slots.into_iter().chain(second.slots).collect();
        prop_assert_eq!(lines(&rules, &both), lines(&rules, &once.slots));
        prop_assert_eq!(both, once.slots);
        prop_assert_eq!(second.cursor, once.cursor);
    }

    #[test]
    fn going_back_to_a_boundary_gives_the_same_plan_again(
        rules in any_rules(), shelves in shelves(), at in 0_i64..24 * HOUR,
    ) {
        let catalogue = filled(&shelves);
        let (from, to) = (utc(BEGIN), utc(BEGIN).plus_ms(30 * HOUR));
        let once = plan(&rules, &catalogue, Cursor::default(), from, to);
        if let Some(back) = once.cursor.boundary(from.plus_ms(at)) {
            prop_assert!(once.slots.iter().any(|slot| slot.start == back));
            let again = plan(&rules, &catalogue, once.cursor.clone().rewound(back), back, to);
            let rest: Vec<Slot> =
                once.slots.iter().filter(|slot| slot.start >= back).cloned().collect();
            prop_assert_eq!(lines(&rules, &again.slots), lines(&rules, &rest));
            prop_assert_eq!(again.cursor, once.cursor);
        }
    }

    #[test]
    fn an_edit_never_changes_what_has_aired(
        rules in any_rules(), other in any_rules(), shelves in shelves(), at in 0_i64..24 * HOUR,
    ) {
        let catalogue = filled(&shelves);
        let (from, to) = (utc(BEGIN), utc(BEGIN).plus_ms(30 * HOUR));
        let before = plan(&rules, &catalogue, Cursor::default(), from, to);
        let end = before.slots.last().map_or(to, |slot| slot.stop);
        let edit = before.cursor.boundary(from.plus_ms(at)).unwrap_or(end);
        let after = plan(&other, &catalogue, before.cursor.rewound(edit), edit, to.plus_ms(HOUR));
        let aired = before.slots.into_iter().filter(|slot| slot.start < edit);
        prop_assert!(Timeline::new(aired.chain(after.slots).collect()).is_ok());
    }

    #[test]
    fn a_strict_start_is_honoured_every_day(
        minute in 0_u32..1440, lengths in prop::collection::vec(60_i64..9_000, 1..6),
        zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
    ) {
        let json = r#"{"zone":"ZONE","items":[
            {"collection":2,"mode":{"type":"one"},"start":{"type":"fixed","time":"TIME"}},
            {"collection":1,"order":"listed"}]}"#;
        let time = format!("{:02}:{:02}", minute / 60, minute % 60);
        let rules = rules(&json.replace("ZONE", zone).replace("TIME", &time));
        let media: Vec<String> =
            lengths.iter().enumerate().map(|(n, s)| format!("{} e{n} {s}", n + 1)).collect();
        let catalogue = catalogue(&[&media.join(", "), "99 news 900"]);
        let (from, to) = (utc(BEGIN), utc(BEGIN).plus_ms(10 * 24 * HOUR));
        let plan = plan(&rules, &catalogue, Cursor::default(), from, to);
        let wall = Wall::new(&rules.zone);
        let mut due = from;
        while let Some(next) = wall.next(time.parse().unwrap(), Default::default(), due)
            && next < to
        {
            let slot = plan.slots.iter().find(|slot| slot.start == next);
            prop_assert_eq!(slot.and_then(|slot| slot.media), Some(MediaId(99)), "{}", next);
            due = next.plus_ms(1);
        }
    }
}

/// A tenth of the usual, because plans are long; `PROPTEST_CASES` raises it.
fn cases() -> u32 {
    (ProptestConfig::default().cases / 10).max(1)
}

/// Three collections of programmes and two of filler; the fourth and eighth are never there.
type Shelves = (Vec<Vec<i64>>, Vec<Vec<i64>>);

fn shelves() -> impl Strategy<Value = Shelves> {
    let programmes = prop::collection::vec(prop::collection::vec(length(120, 7_200), 0..6), 3);
    let fillers = prop::collection::vec(prop::collection::vec(length(10, 400), 0..6), 2);
    (programmes, fillers)
}

/// Seconds of a media item; sometimes nothing is known of it.
fn length(from: i64, to: i64) -> impl Strategy<Value = i64> {
    prop_oneof![1 => Just(0), 9 => from..to]
}

fn filled((programmes, fillers): &Shelves) -> Catalogue {
    let mut next = 0;
    let mut text = |lengths: &Vec<i64>| {
        let line = |seconds: &i64| {
            next += 1;
            format!("{next} t{next} {seconds}.25")
        };
        lengths.iter().map(line).collect::<Vec<_>>().join(", ")
    };
    let mut texts: Vec<String> = programmes.iter().map(&mut text).collect();
    texts.extend(fillers.iter().map(&mut text));
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let mut catalogue = catalogue(&texts);
    let media: Vec<MediaId> = catalogue.media.keys().copied().take(3).collect();
    for id in media {
        catalogue.breaks.insert(id, vec![300_000, 900_000, 1_000_000, 4_000_000]);
    }
    catalogue
}

fn any_rules() -> impl Strategy<Value = Rules> {
    let zone = prop::sample::select(vec!["UTC", "Europe/Berlin", "America/New_York"]);
    let alternates = prop::collection::vec((0_u8..128, schedule()), 0..2);
    (0_u64..9, zone, schedule(), alternates, fillers(), decos()).prop_map(
        |(seed, zone, schedule, alternates, fillers, decos)| {
            let alternates: Vec<String> = alternates
                .into_iter()
                .map(|(days, schedule)| format!(r#"{{"when":{{"days_of_week":{days}}},{schedule}}}"#))
                .collect();
            rules(&format!(
                r#"{{"seed":{seed},"zone":"{zone}",{schedule},"alternates":[{}],"fillers":{fillers},"decos":[{decos}]}}"#,
                alternates.join(",")
            ))
        },
    )
}

/// The members of a schedule as JSON.
fn schedule() -> impl Strategy<Value = String> {
    let list = prop::collection::vec(item(), 0..4);
    let options = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), 0..4_usize).prop_map(
        |(together, shuffled, anywhere, repeat, behavior)| {
            let behavior = ["fill", "start_immediately", "skip", "skip_and_fill"][behavior];
            format!(
                r#"{{"keep_multi_part_episodes":{together},"shuffle_schedule_items":{shuffled},"random_start_point":{anywhere},"repeat":{repeat},"fixed_start_time_behavior":"{behavior}"}}"#
            )
        },
    );
    let items = (list, options).prop_map(|(items, options)| {
        format!(r#""items":[{}],"options":{options}"#, items.join(","))
    });
    let flex = prop::sample::select(vec!["extend", "cut", "shift"]);
    let padding = prop::sample::select(vec!["filler", "none", "loop", "next"]);
    let length = prop::option::of(1_i64..8 * HOUR);
    let slot = (0_u32..1440, length, 1_u8..128, item(), flex, padding, 0..2_i32).prop_map(
        |(minute, length, days, item, flex, padding, priority)| {
            let length = length.map_or("null".to_owned(), |ms| ms.to_string());
            format!(
                r#"{{"start_time":"{:02}:{:02}","duration_ms":{length},"days_of_week":{days},"item":{item},"flex":"{flex}","padding":"{padding}","priority":{priority}}}"#,
                minute / 60,
                minute % 60
            )
        },
    );
    let time_slots = (prop::collection::vec(slot, 0..4), 0_i64..1_800_000, 0_u32..20).prop_map(
        |(slots, late, pad)| {
            format!(
                r#""form":{{"type":"time_slots","slots":[{}],"lateness_ms":{late},"pad_minutes":{pad}}}"#,
                slots.join(",")
            )
        },
    );
    let random = (item(), 0_u32..5, 0_i64..2 * HOUR, prop::option::of(0_u32..2)).prop_map(
        |(item, weight, cooldown, group)| {
            let group = group.map_or("null".to_owned(), |group| group.to_string());
            format!(
                r#"{{"item":{item},"weight":{weight},"cooldown_ms":{cooldown},"group":{group}}}"#
            )
        },
    );
    let pick = prop::sample::select(vec!["random", "balance"]);
    let random_slots = (prop::collection::vec(random, 0..4), pick, 0_u32..3).prop_map(
        |(slots, pick, most)| {
            format!(
                r#""form":{{"type":"random_slots","slots":[{}],"pick":"{pick}","max_consecutive":{most}}}"#,
                slots.join(",")
            )
        },
    );
    let stop = prop::sample::select(vec!["before_duration_end", "after_duration_end"]);
    let block = (0_u32..1440, 0_i64..4 * HOUR, prop::collection::vec(item(), 0..3), stop).prop_map(
        |(minute, length, items, stop)| {
            format!(
                r#"{{"start_time":"{:02}:{:02}","block":{{"duration_ms":{length},"items":[{}],"stop_scheduling":"{stop}"}}}}"#,
                minute / 60,
                minute % 60,
                items.join(",")
            )
        },
    );
    let template = (0_u8..128, prop::collection::vec(block, 0..3)).prop_map(|(days, blocks)| {
        format!(r#"{{"when":{{"days_of_week":{days}}},"blocks":[{}]}}"#, blocks.join(","))
    });
    let blocks = prop::collection::vec(template, 0..3).prop_map(|templates| {
        format!(r#""form":{{"type":"blocks","templates":[{}]}}"#, templates.join(","))
    });
    prop_oneof![3 => items, 1 => time_slots, 1 => random_slots, 1 => blocks]
}

fn item() -> impl Strategy<Value = String> {
    let order = prop::sample::select(vec![
        "chronological",
        "season_episode",
        "shuffle",
        "listed",
        "random",
        "shuffle_in_order",
        "rotating",
        "multi_episode_shuffle",
    ]);
    let tail = prop::sample::select(vec!["trim", "none", "offline", "filler"]);
    let mode = (0..10_u32, 0_u32..4, 0_i64..3 * HOUR, tail, 0_u32..1440).prop_map(
        |(kind, count, ms, tail, minute)| {
            let time = format!("{:02}:{:02}", minute / 60, minute % 60);
            match kind {
                0 => r#"{"type":"flood"}"#.to_owned(),
                1..=2 => r#"{"type":"one"}"#.to_owned(),
                3 => format!(r#"{{"type":"multiple","count":{count}}}"#),
                4 => r#"{"type":"collection_size"}"#.to_owned(),
                5 => r#"{"type":"multi_episode_group_size"}"#.to_owned(),
                6 => format!(r#"{{"type":"duration","duration_ms":{ms},"tail":"{tail}","discard_attempts":{count}}}"#),
                7 => format!(r#"{{"type":"pad_to_next","minutes":{},"tail":"{tail}"}}"#, minute % 120),
                8 => format!(r#"{{"type":"pad_until","time":"{time}","tail":"{tail}","tomorrow":true}}"#),
                _ => format!(r#"{{"type":"skip","count":{count}}}"#),
            }
        },
    );
    let behavior = prop::sample::select(vec!["fill", "start_immediately", "skip", "skip_and_fill"]);
    let start =
        prop::option::weighted(0.3, (0_u32..1440, behavior)).prop_map(|start| match start {
            None => r#"{"type":"dynamic"}"#.to_owned(),
            Some((minute, behavior)) => format!(
                r#"{{"type":"fixed","time":"{:02}:{:02}","behavior":"{behavior}"}}"#,
                minute / 60,
                minute % 60
            ),
        });
    let guide = prop::sample::select(vec!["normal", "group", "filler"]);
    (1..5_i64, order, mode, start, guide, fillers(), any::<bool>()).prop_map(
        |(collection, order, mode, start, guide, fillers, own)| {
            let collection = if collection == 4 { 8 } else { collection };
            format!(
                r#"{{"collection":{collection},"order":"{order}","mode":{mode},"start":{start},"guide_mode":"{guide}","fillers":{fillers},"own_place":{own}}}"#
            )
        },
    )
}

fn fillers() -> impl Strategy<Value = String> {
    let places = prop::sample::subsequence(
        vec!["pre_roll", "mid_roll", "post_roll", "tail", "fallback"],
        0..3,
    );
    (places, prop::collection::vec(preset(), 3)).prop_map(|(places, presets)| {
        let said: Vec<String> = places
            .iter()
            .zip(presets)
            .map(|(place, preset)| format!(r#""{place}":{preset}"#))
            .collect();
        format!("{{{}}}", said.join(","))
    })
}

fn preset() -> impl Strategy<Value = String> {
    let mode = (0..3_u32, 0_u32..4, 1_u32..90).prop_map(|(kind, count, minutes)| match kind {
        0 => format!(r#"{{"type":"count","count":{count}}}"#),
        1 => format!(r#"{{"type":"duration","duration_ms":{}}}"#, minutes * 10_000),
        _ => format!(r#"{{"type":"pad","minutes":{minutes}}}"#),
    });
    let order = prop::sample::select(vec!["shuffled", "random", "chronological"]);
    (mode, order, any::<[bool; 3]>(), 0_i64..HOUR, 4..7_i64, 0_u32..20).prop_map(
        |(mode, order, [repeats, trim, in_guide], cooldown, collection, every)| {
            format!(
                r#"{{"name":"p","mode":{mode},"order":"{order}","allow_repeats":{repeats},"trim":{trim},"in_guide":{in_guide},"cooldown_ms":{cooldown},"sources":[{{"collection":{collection},"weight":2}},{{"collection":5}}],"breaks":{{"every_minutes":{every},"shortest_part_ms":60000}},"opener":4}}"#
            )
        },
    )
}

fn decos() -> impl Strategy<Value = String> {
    prop::option::of((preset(), preset())).prop_map(|deco| {
        deco.map_or(String::new(), |(dead, breaks)| {
            format!(
                r#"{{"dead_air":{{"mode":"override","filler":{dead}}},"default_filler":{{"mode":"none"}},"breaks":[{{"place":"between_items","frequency_minutes":30,"filler":{breaks}}},{{"place":"block_finish","filler":{breaks}}}]}}"#
            )
        })
    })
}
