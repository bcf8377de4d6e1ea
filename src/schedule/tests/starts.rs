//! Fixed starts, durations and time zones.

use super::super::Reason;
use super::*;

/// Collection 1 holds episodes of 45 minutes, 2 films of 90.
fn shelves() -> Catalogue {
    catalogue(&["1 a 2700, 2 b 2700, 3 c 2700", "7 x 5400, 8 y 5400"])
}

const EVENING: &str = r#"{"zone":"Europe/Berlin","items":[
    {"collection":2,"mode":{"type":"one"},"start":{"type":"fixed","time":"20:15","behavior":"BEHAVIOR"}},
    {"collection":1,"order":"listed"}]}"#;

#[test]
fn a_strict_start_is_kept_to_the_second_and_the_gap_is_filled() {
    let rules = rules(&EVENING.replace("BEHAVIOR", "fill"));
    let plan = check(
        &rules,
        &shelves(),
        "2027-06-01T16:45:00Z",
        "2027-06-01T20:00:00Z",
        &["18:45 p 1", "19:30 p 2", "20:15 p 7", "21:45 p 3"],
    );
    assert_eq!(plan.reasons, []);
    let plan = check(
        &rules,
        &shelves(),
        "2027-06-01T17:00:00Z",
        "2027-06-01T20:00:00Z",
        &["19:00 p 1", "19:45 -", "20:15 p 7", "21:45 p 2"],
    );
    let stop = utc("2027-06-01T18:15:00Z");
    let at = utc("2027-06-01T17:45:00Z");
    assert_eq!(
        plan.reasons,
        [Reason::NothingFits { item: 1, at, stop }, Reason::NoFiller { at, stop }]
    );
}

#[test]
fn a_flexible_start_waits_for_the_end_of_the_programme_before_it() {
    let rules = rules(&EVENING.replace("BEHAVIOR", "start_immediately"));
    let plan = check(
        &rules,
        &shelves(),
        "2027-06-01T17:00:00Z",
        "2027-06-01T20:00:00Z",
        &["19:00 p 1", "19:45 p 2", "20:30 p 7"],
    );
    let late = Reason::StartedLate {
        item: 0,
        due: utc("2027-06-01T18:15:00Z"),
        at: utc("2027-06-01T18:30:00Z"),
    };
    assert_eq!(plan.reasons, [late]);
}

#[test]
fn a_start_that_has_passed_is_left_out_where_that_is_asked_for() {
    let rules = rules(&EVENING.replace("BEHAVIOR", "skip_item"));
    let plan = check(
        &rules,
        &shelves(),
        "2027-06-01T17:00:00Z",
        "2027-06-01T19:00:00Z",
        &["19:00 p 1", "19:45 p 2", "20:30 p 3"],
    );
    assert!(matches!(plan.reasons[..], [Reason::StartPassed { item: 0, .. }]));
}

#[test]
fn a_list_that_begins_with_a_fixed_start_is_joined_where_it_would_be() {
    let rules = rules(
        r#"{"items":[
        {"collection":1,"order":"listed","start":{"type":"fixed","time":"06:00"}},
        {"collection":2,"order":"listed","start":{"type":"fixed","time":"20:00"}}]}"#,
    );
    let at = ["2027-06-01T19:00:00Z", "2027-06-01T21:00:00Z"];
    check(&rules, &shelves(), at[0], at[1], &["19:00 p 1", "19:45 -+", "20:00 p 7"]);
    let at = ["2027-06-01T03:00:00Z", "2027-06-01T06:30:00Z"];
    check(&rules, &shelves(), at[0], at[1], &["03:00 p 7", "04:30 p 8", "06:00 p 1"]);
}

#[test]
fn a_duration_ends_as_its_tail_says() {
    let plan = |tail: &str| {
        let json = r#"{"items":[{"collection":1,"order":"listed","mode":
            {"type":"duration","duration_ms":7200000,"tail":"TAIL"}},
            {"collection":2,"order":"listed","mode":{"type":"one"}}]}"#;
        let rules = rules(&json.replace("TAIL", tail));
        let plan = plan_between(&rules, &shelves(), "2027-06-01T00:00:00Z", "2027-06-01T03:00:00Z");
        lines(&rules, &plan.slots).join(", ")
    };
    assert_eq!(plan("trim"), "00:00 p 1, 00:45 p 2, 01:30 p 3, 02:00 p 7");
    assert_eq!(plan("none"), "00:00 p 1, 00:45 p 2, 01:30 p 7");
    assert_eq!(plan("offline"), "00:00 p 1, 00:45 p 2, 01:30 -, 02:00 p 7");
    assert_eq!(plan("filler"), "00:00 p 1, 00:45 p 2, 01:30 -, 02:00 p 7");
}

#[test]
fn a_longer_programme_is_passed_over_for_one_that_fits() {
    let catalogue = catalogue(&["1 a 3000, 2 b 3000, 3 c 900"]);
    let json = r#"{"items":[{"collection":1,"order":"listed","mode":
        {"type":"duration","duration_ms":3900000,"tail":"filler","discard_attempts":N}}]}"#;
    let with = |attempts: &str| {
        let rules = rules(&json.replace('N', attempts));
        let plan = plan_between(&rules, &catalogue, "2027-06-01T00:00:00Z", "2027-06-01T01:05:00Z");
        lines(&rules, &plan.slots).join(", ")
    };
    assert_eq!(with("0"), "00:00 p 1, 00:50 -+");
    assert_eq!(with("1"), "00:00 p 1, 00:50 p 3");
}

#[test]
fn waiting_padding_and_skipping_go_by_the_wall() {
    let rules = rules(
        r#"{"zone":"Asia/Kathmandu","items":[
        {"collection":1,"order":"listed","mode":{"type":"skip","count":1}},
        {"collection":1,"order":"listed","mode":{"type":"one"}},
        {"collection":2,"order":"listed","mode":{"type":"pad_to_next","minutes":60,"tail":"trim"}},
        {"collection":1,"mode":{"type":"wait_until","time":"08:30"}},
        {"collection":1,"order":"listed","mode":{"type":"pad_until","time":"09:00","tail":"trim"}}]}"#,
    );
    check(
        &rules,
        &shelves(),
        "2027-06-01T00:15:00Z",
        "2027-06-01T03:15:00Z",
        &["06:00 p 2", "06:45 p 7", "07:00 -", "08:00 -", "08:30 p 3"],
    );
}

#[test]
fn a_collection_is_played_as_often_as_it_is_long_and_a_story_as_it_has_parts() {
    let shelf = catalogue(&["1 Home(1) 600, 2 Home(2) 600, 3 c 600", "7 x 600"]);
    let rules = rules(
        r#"{"items":[
        {"collection":1,"order":"listed","mode":{"type":"multi_episode_group_size"}},
        {"collection":2,"mode":{"type":"one"}},
        {"collection":1,"order":"listed","mode":{"type":"collection_size"},"own_place":true}]}"#,
    );
    let plan = plan_between(&rules, &shelf, "2027-06-01T00:00:00Z", "2027-06-01T01:20:00Z");
    let media: Vec<i64> = plan.slots.iter().filter_map(|slot| slot.media.map(|m| m.0)).collect();
    assert_eq!(media, [1, 2, 7, 1, 2, 3, 3, 7]);
}

/// Every start of the fixed item around both odd days of a year, in UTC.
#[test]
fn both_odd_days_of_three_zones() {
    let starts = |zone: &str, time: &str, from: &str, to: &str| -> Vec<String> {
        let json = r#"{"zone":"ZONE","items":[
            {"collection":2,"mode":{"type":"one"},"start":{"type":"fixed","time":"TIME"}},
            {"collection":1,"order":"listed"}]}"#;
        let rules = rules(&json.replace("ZONE", zone).replace("TIME", time));
        let catalogue = catalogue(&["1 a 900", "7 x 1800"]);
        let plan = plan_between(&rules, &catalogue, from, to);
        Timeline::new(plan.slots.clone()).unwrap();
        let films = plan.slots.iter().filter(|slot| slot.media.is_some_and(|m| m.0 == 7));
        films.map(|slot| slot.start.to_string()).collect()
    };
    let berlin = |from: &str, to: &str| starts("Europe/Berlin", "02:30", from, to);
    assert_eq!(
        berlin("2027-03-26T12:00:00Z", "2027-03-29T12:00:00Z"),
        ["2027-03-27T01:30:00.000Z", "2027-03-28T01:00:00.000Z", "2027-03-29T00:30:00.000Z"]
    );
    assert_eq!(
        berlin("2027-10-29T12:00:00Z", "2027-11-01T12:00:00Z"),
        ["2027-10-30T00:30:00.000Z", "2027-10-31T00:30:00.000Z", "2027-11-01T01:30:00.000Z"]
    );
    let new_york = |from: &str, to: &str| starts("America/New_York", "01:30", from, to);
    assert_eq!(
        new_york("2027-03-13T12:00:00Z", "2027-03-15T12:00:00Z"),
        ["2027-03-14T06:30:00.000Z", "2027-03-15T05:30:00.000Z"]
    );
    assert_eq!(
        new_york("2027-11-06T12:00:00Z", "2027-11-08T12:00:00Z"),
        ["2027-11-07T05:30:00.000Z", "2027-11-08T06:30:00.000Z"]
    );
    let howe = |from: &str, to: &str| starts("Australia/Lord_Howe", "02:15", from, to);
    assert_eq!(
        howe("2027-10-02T00:00:00Z", "2027-10-04T00:00:00Z"),
        ["2027-10-02T15:30:00.000Z", "2027-10-03T15:15:00.000Z"]
    );
    assert_eq!(
        starts("Australia/Lord_Howe", "01:45", "2027-04-03T00:00:00Z", "2027-04-05T12:00:00Z"),
        ["2027-04-03T14:45:00.000Z", "2027-04-04T15:15:00.000Z"]
    );
    // A leap day, and a year's end.
    assert_eq!(
        berlin("2028-02-28T12:00:00Z", "2028-03-01T12:00:00Z"),
        ["2028-02-29T01:30:00.000Z", "2028-03-01T01:30:00.000Z"]
    );
    assert_eq!(
        berlin("2027-12-31T12:00:00Z", "2028-01-02T12:00:00Z"),
        ["2028-01-01T01:30:00.000Z", "2028-01-02T01:30:00.000Z"]
    );
}
