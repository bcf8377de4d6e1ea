//! Time slots, random slots, blocks, alternates and decos.

use super::super::Reason;
use super::*;

#[test]
fn time_slots_begin_on_time_and_fill_what_is_left() {
    let catalogue = catalogue(&["1 a 1500, 2 b 1500", "7 x 5400", "9 spot 600"]);
    let rules = rules(
        r#"{"fillers":{"tail":{"sources":[{"collection":3}],"allow_repeats":true}},
        "form":{"type":"time_slots","slots":[
        {"start_time":"18:00","item":{"collection":1,"order":"listed"}},
        {"start_time":"20:00","item":{"collection":2},"duration_ms":7200000}]}}"#,
    );
    let plan = check(
        &rules,
        &catalogue,
        "2027-06-01T18:30:00Z",
        "2027-06-01T22:00:00Z",
        &[
            "18:30 p 1",
            "18:55 p 2",
            "19:20 p 1",
            "19:45 t+ 9",
            "19:55 -+",
            "20:00 p 7",
            "21:30 t 9",
            "21:40 t+ 9",
            "21:50 t+ 9",
        ],
    );
    assert!(plan.reasons.iter().any(|r| matches!(r, Reason::NoFiller { .. })));
}

#[test]
fn a_slot_that_would_begin_too_late_is_left_out() {
    let catalogue = catalogue(&["1 long 7500", "2 news 600", "3 film 3600"]);
    let json = r#"{"form":{"type":"time_slots","lateness_ms":LATE,"slots":[
        {"start_time":"18:00","item":{"collection":1}},
        {"start_time":"20:00","item":{"collection":2,"mode":{"type":"one"}},"duration_ms":900000,"padding":"next"},
        {"start_time":"20:15","item":{"collection":3,"mode":{"type":"one"}},"duration_ms":3600000}]}}"#;
    let at = ["2027-06-01T18:00:00Z", "2027-06-01T20:30:00Z"];
    let allowed = rules(&json.replace("LATE", "600000"));
    check(&allowed, &catalogue, at[0], at[1], &["18:00 p 1", "20:05 p 2", "20:15 p 3"]);
    let strict = rules(&json.replace("LATE", "0"));
    let plan = plan_between(&strict, &catalogue, at[0], at[1]);
    assert_eq!(lines(&strict, &plan.slots)[..2], ["18:00 -", "19:00 -"]);
    assert!(plan.reasons.iter().any(|r| matches!(r, Reason::NothingFits { item: 0, .. })));
}

#[test]
fn flex_cuts_or_shifts_and_padding_loops_or_hands_on() {
    let catalogue = catalogue(&["1 a 2400", "2 b 3600"]);
    let json = r#"{"form":{"type":"time_slots","slots":[
        {"start_time":"18:00","item":{"collection":1},"flex":"FLEX","padding":"PADDING"},
        {"start_time":"19:00","item":{"collection":2}}]}}"#;
    let plan = |flex: &str, padding: &str| {
        let rules = rules(&json.replace("FLEX", flex).replace("PADDING", padding));
        let plan = plan_between(&rules, &catalogue, "2027-06-01T18:00:00Z", "2027-06-01T19:30:00Z");
        lines(&rules, &plan.slots).join(", ")
    };
    assert_eq!(plan("cut", "filler"), "18:00 p 1, 18:40 p 1, 19:00 p 2");
    assert_eq!(plan("shift", "filler"), "18:00 p 1, 18:40 p 1, 19:20 p 2");
    assert_eq!(plan("extend", "loop"), "18:00 p 1, 18:40 p 1, 19:00 p 2");
    assert_eq!(plan("extend", "none"), "18:00 p 1, 18:40 -, 19:00 p 2");
    assert_eq!(plan("extend", "next"), "18:00 p 1, 18:40 p 2");
}

#[test]
fn higher_priority_wins_and_days_count() {
    let catalogue = catalogue(&["1 a 1800", "2 b 1800"]);
    // 2027-06-05 is a Saturday.
    let rules = rules(
        r#"{"form":{"type":"time_slots","slots":[
        {"start_time":"00:00","item":{"collection":1}},
        {"start_time":"01:00","item":{"collection":2},"duration_ms":1800000,"priority":1,"days_of_week":64}]}}"#,
    );
    let at = ["2027-06-04T00:30:00Z", "2027-06-04T02:00:00Z"];
    check(&rules, &catalogue, at[0], at[1], &["00:30 p 1", "01:00 p 1", "01:30 p 1"]);
    let at = ["2027-06-05T00:30:00Z", "2027-06-05T02:00:00Z"];
    let plan = plan_between(&rules, &catalogue, at[0], at[1]);
    assert_eq!(lines(&rules, &plan.slots)[..2], ["00:30 p 1", "01:00 p 2"]);
}

#[test]
fn a_rerun_shows_again_what_the_slot_before_showed() {
    let catalogue = catalogue(&["1 a 3600, 2 b 3600, 3 c 3600"]);
    let json = r#"{"form":{"type":"time_slots","slots":[
        {"start_time":"00:00","item":{"collection":1,"order":"listed"},"duration_ms":7200000},
        {"start_time":"12:00","item":{"collection":1,"order":"listed"},"duration_ms":7200000,"link":"LINK"}]}}"#;
    let shown = |link: &str| -> Vec<i64> {
        let rules = rules(&json.replace("LINK", link));
        let plan = plan_between(&rules, &catalogue, "2027-06-01T00:00:00Z", "2027-06-02T00:00:00Z");
        plan.slots.iter().filter_map(|slot| slot.media.map(|media| media.0)).collect()
    };
    assert_eq!(shown("rerun"), [1, 2, 1, 2]);
    assert_eq!(shown("continue"), [1, 2, 3, 1]);
}

#[test]
fn random_slots_keep_their_weights_and_their_rest() {
    let catalogue = catalogue(&["1 a 600", "2 b 600", "3 c 600"]);
    let rules = rules(
        r#"{"seed":5,"form":{"type":"random_slots","slots":[
        {"item":{"collection":1},"weight":3},
        {"item":{"collection":2},"weight":1},
        {"item":{"collection":3},"weight":4,"cooldown_ms":3600000}]}}"#,
    );
    let plan = plan_between(&rules, &catalogue, "2027-06-01T00:00:00Z", "2027-06-11T00:00:00Z");
    let times = |id: i64| -> Vec<UtcMillis> {
        let of = |slot: &&Slot| slot.media.is_some_and(|media| media.0 == id);
        plan.slots.iter().filter(of).map(|slot| slot.start).collect()
    };
    let (often, seldom, resting) = (times(1), times(2), times(3));
    assert!(often.len() > 2 * seldom.len(), "{} {}", often.len(), seldom.len());
    assert!(resting.len() > 100);
    assert!(resting.windows(2).all(|pair| pair[1].since(pair[0]) >= 4_200_000));
    assert_eq!(plan.reasons, []);
}

#[test]
fn balance_gives_each_its_share_of_time() {
    let catalogue = catalogue(&["1 short 600", "2 long 5400"]);
    let rules = rules(
        r#"{"form":{"type":"random_slots","pick":"balance","slots":[
        {"item":{"collection":1},"weight":1},{"item":{"collection":2},"weight":1}]}}"#,
    );
    let plan = plan_between(&rules, &catalogue, "2027-06-01T00:00:00Z", "2027-06-04T00:00:00Z");
    let time = |id: i64| -> i64 {
        let of = |slot: &&Slot| slot.media.is_some_and(|media| media.0 == id);
        plan.slots.iter().filter(of).map(Slot::duration_ms).sum()
    };
    assert!((time(1) - time(2)).abs() <= 5_400_000, "{} {}", time(1), time(2));
}

#[test]
fn the_same_random_slot_comes_only_so_often_in_a_row() {
    let catalogue = catalogue(&["1 a 600", "2 b 600"]);
    let rules = rules(
        r#"{"form":{"type":"random_slots","max_consecutive":2,"slots":[
        {"item":{"collection":1},"weight":50},{"item":{"collection":2}}]}}"#,
    );
    let plan = plan_between(&rules, &catalogue, "2027-06-01T00:00:00Z", "2027-06-02T00:00:00Z");
    let media: Vec<_> = plan.slots.iter().map(|slot| slot.media).collect();
    assert!(media.windows(3).all(|three| three[0] != three[1] || three[1] != three[2]));
}

const BLOCKS: &str = r#"{"zone":"Europe/Berlin","form":{"type":"blocks","templates":[
    {"priority":2,"blocks":[{"start_time":"06:00","block":{"duration_ms":7200000,"items":[
        {"collection":1,"order":"listed","mode":{"type":"one"}},
        {"collection":2,"mode":{"type":"one"}}]}}]},
    {"priority":1,"when":{"days_of_week":65},"blocks":[{"start_time":"06:00","block":{
        "duration_ms":7200000,"items":[{"collection":2,"mode":{"type":"one"}}]}}]},
    {"priority":0,"when":{"season":{"from":"12-24","to":"12-26"}},"blocks":[{"start_time":"06:00",
        "block":{"duration_ms":7200000,"items":[{"collection":3}]}}]}]}}"#;

#[test]
fn the_template_of_the_day_lays_out_its_blocks() {
    let catalogue = catalogue(&["1 a 1800, 2 b 1800", "7 x 3600", "9 santa 2400"]);
    let rules = rules(BLOCKS);
    let on = |day: &str| {
        let from = format!("2027-{day}T04:00:00Z");
        let to = format!("2027-{day}T06:00:00Z");
        lines(&rules, &plan_between(&rules, &catalogue, &from, &to).slots).join(", ")
    };
    // A Wednesday, a Saturday; Christmas in the winter's time is an hour later by the sun.
    assert_eq!(on("06-02"), "06:00 p 1, 06:30 p 7, 07:30 -");
    assert_eq!(on("06-05"), "06:00 p 7, 07:00 -");
    let plan = plan_between(&rules, &catalogue, "2027-12-25T05:00:00Z", "2027-12-25T07:00:00Z");
    assert_eq!(lines(&rules, &plan.slots), ["06:00 p 9", "06:40 p 9", "07:20 p 9"]);
}

#[test]
fn decos_dress_blocks() {
    let catalogue = catalogue(&[
        "1 a 1800, 2 b 1800",
        "7 x 3600",
        "9 santa 2400",
        "20 ident 10",
        "21 loop 900",
    ]);
    let mut rules = rules(BLOCKS);
    rules.decos = serde_json::from_str(
        r#"[{"priority":1,"dead_air":{"mode":"override","filler":{"sources":[{"collection":5}]}},
            "breaks":[{"place":"block_start","filler":{"sources":[{"collection":4}]}},
                      {"place":"between_items","filler":{"sources":[{"collection":4}]}}]},
            {"when":{"days_of_week":65},"dead_air":{"mode":"none"}}]"#,
    )
    .unwrap();
    check(
        &rules,
        &catalogue,
        "2027-06-02T04:00:00Z",
        "2027-06-02T06:00:00Z",
        &[
            "06:00 < 20",
            "06:00:10 p+ 1",
            "06:30:10 < 20",
            "06:30:20 p+ 7",
            "07:30:20 f 21",
            "07:45:20 f+ 21",
        ],
    );
    let plan = plan_between(&rules, &catalogue, "2027-06-05T04:00:00Z", "2027-06-05T06:00:00Z");
    assert_eq!(lines(&rules, &plan.slots), ["06:00 p 7", "07:00 -"]);
}

#[test]
fn an_alternate_holds_on_its_days() {
    let catalogue = catalogue(&["1 a 7200", "2 b 7200"]);
    let rules = rules(
        r#"{"zone":"America/New_York","items":[{"collection":1}],
        "alternates":[{"when":{"days_of_week":1},"items":[{"collection":2}]}]}"#,
    );
    // Sunday the 6th begins at 04:00 UTC; what runs over midnight is played to its end.
    check(
        &rules,
        &catalogue,
        "2027-06-06T03:00:00Z",
        "2027-06-06T08:00:00Z",
        &["23:00 p 1", "01:00 p 2", "03:00 p 2"],
    );
}

#[test]
fn several_programmes_may_be_one_in_the_guide() {
    let catalogue = catalogue(&["1 a 600, 2 b 600, 3 c 600", "7 x 600"]);
    let rules = rules(
        r#"{"items":[
        {"collection":1,"order":"listed","mode":{"type":"multiple","count":2},"guide_mode":"group","custom_title":"Cartoons"},
        {"collection":2,"mode":{"type":"one"},"guide_mode":"filler"}]}"#,
    );
    let at = ["2027-06-01T00:00:00Z", "2027-06-01T00:40:00Z"];
    let expected = ["00:00 p 1", "00:10 p+ 2", "00:20 p+ 7", "00:30 p 3"];
    let plan = check(&rules, &catalogue, at[0], at[1], &expected);
    assert_eq!(plan.slots[0].custom_title.as_deref(), Some("Cartoons"));
}

#[test]
fn a_list_that_is_not_repeated_ends() {
    let catalogue = catalogue(&["1 a 3600"]);
    let rules =
        rules(r#"{"options":{"repeat":false},"items":[{"collection":1,"mode":{"type":"one"}}]}"#);
    let at = ["2027-06-01T00:00:00Z", "2027-06-01T03:00:00Z"];
    check(&rules, &catalogue, at[0], at[1], &["00:00 p 1", "01:00 -", "02:00 -"]);
}

#[test]
fn shuffled_items_are_all_played_each_round() {
    let catalogue = catalogue(&["1 a 600", "2 b 600", "3 c 600", "4 d 600"]);
    let rules = rules(
        r#"{"seed":3,"options":{"shuffle_schedule_items":true},"items":[
        {"collection":1,"mode":{"type":"one"}},{"collection":2,"mode":{"type":"one"}},
        {"collection":3,"mode":{"type":"one"}},{"collection":4,"mode":{"type":"one"}}]}"#,
    );
    let plan = plan_between(&rules, &catalogue, "2027-06-01T00:00:00Z", "2027-06-01T08:00:00Z");
    let media: Vec<i64> = plan.slots.iter().filter_map(|slot| slot.media.map(|m| m.0)).collect();
    let mut orders = std::collections::HashSet::new();
    for round in media.chunks(4) {
        let mut sorted = round.to_vec();
        sorted.sort_unstable();
        assert_eq!(sorted, [1, 2, 3, 4]);
        orders.insert(round.to_vec());
    }
    assert!(orders.len() > 3);
}
