//! Filler around, within and between programmes.

use super::*;
use crate::domain::MediaId;

#[test]
fn filler_stands_before_within_and_after_a_programme() {
    let catalogue = catalogue(&["1 film 3600", "5 bumper 30", "6 spot 60", "7 outro 20"]);
    let rules = rules(
        r#"{"items":[{"collection":1,"fillers":{
            "pre_roll":{"sources":[{"collection":2}]},
            "mid_roll":{"mode":{"type":"count","count":2},"allow_repeats":true,
                "sources":[{"collection":3}],"breaks":{"every_minutes":30}},
            "post_roll":{"sources":[{"collection":4}]}}}]}"#,
    );
    let plan = check(
        &rules,
        &catalogue,
        "2027-06-01T00:00:00Z",
        "2027-06-01T01:00:00Z",
        &[
            "00:00 < 5",
            "00:00:30 p+ 1",
            "00:30:30 |+ 6",
            "00:31:30 |+ 6",
            "00:32:30 p+ 1",
            "01:02:30 >+ 7",
        ],
    );
    let parts: Vec<(i64, i64)> = plan
        .slots
        .iter()
        .filter(|s| s.media == Some(MediaId(1)))
        .map(|s| (s.in_ms, s.out_ms()))
        .collect();
    assert_eq!(parts, [(0, 1_800_000), (1_800_000, 3_600_000)]);
}

#[test]
fn stored_break_points_come_before_intervals() {
    let mut catalogue = catalogue(&["1 film 3600", "6 spot 60"]);
    catalogue.breaks.insert(MediaId(1), vec![60_000, 1_000_000, 3_550_000]);
    let rules = rules(
        r#"{"items":[{"collection":1,"fillers":{"mid_roll":{
            "sources":[{"collection":2}],"breaks":{"every_minutes":30}}}}]}"#,
    );
    let at = ["2027-06-01T00:00:00Z", "2027-06-01T01:00:00Z"];
    check(&rules, &catalogue, at[0], at[1], &["00:00 p 1", "00:16:40 |+ 6", "00:17:40 p+ 1"]);
}

#[test]
fn programmes_are_padded_to_the_quarter_of_an_hour() {
    let catalogue = catalogue(&["1 a 1320", "5 s 30, 6 t 60, 7 u 150, 8 v 200"]);
    let rules = rules(
        r#"{"items":[{"collection":1,"fillers":{"post_roll":{
            "mode":{"type":"pad","minutes":15},"sources":[{"collection":2}]}}}]}"#,
    );
    let plan = plan_between(&rules, &catalogue, "2027-06-01T00:00:00Z", "2027-06-01T06:00:00Z");
    let starts = plan.slots.iter().filter(|slot| slot.kind == SlotKind::Programme);
    assert!(starts.clone().count() > 10);
    assert!(starts.into_iter().all(|slot| slot.start.0 % 1_800_000 == 0));
    // 8 minutes less the longest that fit: 440 s of 480 s; the rest is the slate.
    assert!(plan.slots.iter().any(|slot| slot.kind == SlotKind::Pause));
    let exact = rules_with_quarter("4");
    let shelf = super::catalogue(&[
        "1 a 1320",
        "5 s 30, 6 t 60",
        "7 u 150",
        "5 s 30, 6 t 60, 7 u 150, 8 v 240",
    ]);
    let plan = plan_between(&exact, &shelf, "2027-06-01T00:00:00Z", "2027-06-01T06:00:00Z");
    assert!(plan.slots.iter().all(|slot| slot.kind != SlotKind::Pause), "{:?}", plan.reasons);
}

fn rules_with_quarter(collection: &str) -> Rules {
    let json = r#"{"items":[{"collection":1,"fillers":{"post_roll":{
        "mode":{"type":"pad","minutes":15},"sources":[{"collection":N}]}}}]}"#;
    rules(&json.replace('N', collection))
}

#[test]
fn fallback_filler_is_repeated_and_cut_up_to_a_fixed_start() {
    let catalogue = catalogue(&["1 a 2700", "7 x 5400", "9 loop 600"]);
    let rules = rules(
        r#"{"fillers":{"fallback":{"sources":[{"collection":3}]}},"items":[
        {"collection":2,"mode":{"type":"one"},"start":{"type":"fixed","time":"02:00"}},
        {"collection":1}]}"#,
    );
    check(
        &rules,
        &catalogue,
        "2027-06-01T00:50:00Z",
        "2027-06-01T02:10:00Z",
        &["00:50 p 1", "01:35 f 9", "01:45 f+ 9", "01:55 f+ 9", "02:00 p 7"],
    );
}

#[test]
fn filler_rests_and_keeps_to_its_part_of_the_day() {
    let catalogue = catalogue(&["1 a 1800", "5 s 30, 6 t 30, 7 u 30", "8 night 30"]);
    let rules = rules(
        r#"{"items":[{"collection":1,"fillers":{"pre_roll":{"cooldown_ms":7200000,
            "sources":[{"collection":2,"daypart":{"from":"06:00","to":"22:00"}},
                       {"collection":3,"daypart":{"from":"22:00","to":"06:00"}}]}}}]}"#,
    );
    let plan = plan_between(&rules, &catalogue, "2027-06-01T12:00:00Z", "2027-06-02T12:00:00Z");
    let wall = Wall::new(&rules.zone);
    let mut shown: std::collections::BTreeMap<i64, Vec<UtcMillis>> = Default::default();
    for slot in plan.slots.iter().filter(|slot| slot.kind == SlotKind::PreRoll) {
        let media = slot.media.unwrap().0;
        let hour = wall.time(slot.start).seconds() / 3600;
        assert_eq!(media == 8, !(6..22).contains(&hour), "{media} at {hour}");
        shown.entry(media).or_default().push(slot.start);
    }
    assert_eq!(shown.len(), 4);
    for times in shown.values() {
        assert!(times.windows(2).all(|pair| pair[1].since(pair[0]) >= 7_200_000));
    }
}

#[test]
fn weights_say_how_often_a_source_is_chosen() {
    let catalogue = catalogue(&["1 a 600", "5 s 10, 6 t 10", "7 u 10, 8 v 10"]);
    let rules = rules(
        r#"{"items":[{"collection":1,"fillers":{"pre_roll":{
            "sources":[{"collection":2,"weight":4},{"collection":3}]}}}]}"#,
    );
    let plan = plan_between(&rules, &catalogue, "2027-06-01T00:00:00Z", "2027-06-08T00:00:00Z");
    let count = |ids: [i64; 2]| {
        plan.slots.iter().filter(|s| s.media.is_some_and(|m| ids.contains(&m.0))).count()
    };
    let (often, seldom) = (count([5, 6]), count([7, 8]));
    assert!(often > 3 * seldom && often < 5 * seldom, "{often} and {seldom}");
}

#[test]
fn openers_and_closers_stand_around_a_break() {
    let catalogue = catalogue(&["1 film 3600", "6 spot 60", "8 back 5, 9 soon 5"]);
    let rules = rules(
        r#"{"items":[{"collection":1,"fillers":{"mid_roll":{
            "sources":[{"collection":2}],"breaks":{"every_minutes":30},"opener":3,"closer":3}}}]}"#,
    );
    check(
        &rules,
        &catalogue,
        "2027-06-01T00:00:00Z",
        "2027-06-01T01:00:00Z",
        &["00:00 p 1", "00:30 |+ 8", "00:30:05 |+ 6", "00:31:05 |+ 9", "00:31:10 p+ 1"],
    );
}

#[test]
fn filler_may_be_shown_in_the_guide_by_itself() {
    let catalogue = catalogue(&["1 film 3600", "6 clip 300"]);
    let rules = rules(
        r#"{"items":[{"collection":1,"custom_title":"Tonight","fillers":{
            "pre_roll":{"sources":[{"collection":2}],"in_guide":true},
            "post_roll":{"sources":[{"collection":2}],"in_guide":true}}}]}"#,
    );
    let at = ["2027-06-01T00:00:00Z", "2027-06-01T01:00:00Z"];
    let plan = check(&rules, &catalogue, at[0], at[1], &["00:00 < 6", "00:05 p 1", "01:05 > 6"]);
    assert_eq!(plan.slots[1].custom_title.as_deref(), Some("Tonight"));
}

#[test]
fn no_preset_fills_for_ever() {
    let catalogue = catalogue(&["1 film 1500", "2 spot 10.25"]);
    for mode in [
        r#"{"type":"pad","minutes":10}"#,
        r#"{"type":"duration","duration_ms":9000000000000000}"#,
        r#"{"type":"count","count":4000000000}"#,
    ] {
        let preset = format!(
            r#"{{"name":"p","mode":{mode},"allow_repeats":true,"sources":[{{"collection":2}}]}}"#
        );
        let text = r#"{"zone":"UTC","form":{"type":"time_slots","slots":[
                {"start_time":"00:00","item":{"collection":1},"flex":"shift"}]},
            "decos":[{"breaks":[{"place":"between_items","filler":PRESET}]}]}"#;
        let rules = rules(&text.replace("PRESET", &preset));
        let from = utc("2027-03-26T12:00:00Z");
        let plan = plan(&rules, &catalogue, Cursor::default(), from, from.plus_ms(3_600_000));
        assert!(plan.slots.iter().any(|slot| slot.kind == SlotKind::PreRoll), "{mode}");
        assert!(plan.slots.len() < 5_000, "{mode}: {}", plan.slots.len());
    }
}
