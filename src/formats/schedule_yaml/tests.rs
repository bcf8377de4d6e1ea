use std::collections::BTreeSet;

use serde_json::Value;

use super::read::{DIRECTIVES, duration_seconds, time_of_day};
use super::*;
use crate::domain::{Directive, Order, Origin, SkipBy};

/// Everything that the words of a schedule file can say.
const WHOLE: &str = r#"
name: "Classic Channel"
description: Everything at once
timezone: Europe/Berlin
seed: 7
import: common.yml
reset:
  - waitUntil: "06:00"
    tomorrow: true
content:
  - key: shows
    collection: "All of Lost"
  - key: ads
    search: kind:other
    order: shuffle
  - key: lost
    show: Lost
    season: 2
    order: season_episode
sequence:
  - key: bumpers
    items:
      - all: ads
        filler_kind: Bumper
  - key: main
    items:
      - pre_roll: true
        sequence: bumpers
      - mid_roll: false
      - all: shows
        custom_title: "Lost, all of it"
      - { count: 2, content: lost }
      - duration: "00:30:00"
        content: ads
        discard_attempts: 2
        trim: true
      - padToNext: 30
        content: ads
        fallback: more
      - padUntil: "20:00"
        content: ads
      - waitUntil: "06:00"
        tomorrow: true
        rewindOnReset: true
      - skipItems: count/2
        content: shows
      - shuffleSequence: bumpers
      - epgGroup: A long evening
      - sequence: bumpers
      - epgGroup: false
      - post_roll: false
playout:
  - sequence: main
  - repeat: true
"#;

const COMMON: &str =
    "content:\n  - { key: more, media: [3, 1] }\n  - { key: shows, collection: x }\n";

#[test]
fn a_whole_file_is_read() {
    let loaded = load("7.yml", |file| match file {
        "7.yml" => Ok(WHOLE.to_owned()),
        "common.yml" => Ok(COMMON.to_owned()),
        other => Err(format!("{other}?")),
    });
    let Loaded { script, files, warnings } = loaded.unwrap_or_else(|faults| panic!("{faults:?}"));
    assert_eq!(files, ["7.yml", "common.yml"]);
    let [reset] = warnings.as_slice() else { panic!("{warnings:?}") };
    assert_eq!((reset.at.line, reset.at.column), (7, 1));
    assert_eq!((script.name.as_str(), script.repeat, script.seed), ("Classic Channel", true, 7));
    assert_eq!(script.zone.as_deref(), Some("Europe/Berlin"));
    let keys: Vec<&str> = script.contents.iter().map(|content| content.key.as_str()).collect();
    // The importing file's `shows` won.
    assert_eq!(keys, ["more", "shows", "ads", "lost"]);
    assert_eq!(script.contents[1].source, Origin::Named { name: "All of Lost".to_owned() });
    let lost = Origin::Show { title: "Lost".to_owned(), season: Some(2) };
    assert_eq!(
        (&script.contents[3].source, script.contents[3].order),
        (&lost, Order::SeasonEpisode)
    );
    let [bumpers, main] = script.sequences.as_slice() else { panic!("{:?}", script.sequences) };
    assert_eq!((bumpers.items.len(), script.main.as_slice()), (1, &[1][..]));
    assert_eq!(main.items.len(), 14);
    let Directive::PadToNext { minutes: 30, with } = &main.items[5] else {
        panic!("{:?}", main.items[5])
    };
    assert_eq!((with.content, with.fallback, with.discard_attempts), (Some(2), Some(0), 3));
    assert!(with.billing.filler);
    let half = Directive::Skip { content: 1, by: SkipBy::Share { by: 2 } };
    assert_eq!(main.items[8], half);
    let stored = serde_json::to_string(&script).unwrap();
    assert_eq!(serde_json::from_str::<crate::domain::Script>(&stored).unwrap(), script);
}

#[test]
fn a_mistake_is_told_with_its_place() {
    check("content: [", "7.yml:2:1: this is not YAML");
    check("", "7.yml:1:1: the file says nothing");
    check("- a", "7.yml:1:1: a schedule is a mapping, and this is a list");
    check("contents: []", "7.yml:1:1: a schedule has no key \"contents\"; did you mean `content`?");
    check("name: a\nname: b", "7.yml:2:1: the key \"name\" is there twice, first in line 1");
    check("content:\n  - collection: x", "7.yml:2:5: a content needs a `key`");
    check("content:\n  - key: x", "7.yml:2:5: content \"x\" does not say what it holds");
    check(
        "content:\n  - key: x\n    show: Lost\n    search: a",
        "7.yml:4:5: content \"x\" says twice what it holds",
    );
    check(
        "content:\n  - key: x\n    collection: a\n    order: backwards",
        "7.yml:4:12: \"backwards\" is no order",
    );
    check_item("wait: 5", 5, "this says nothing to do");
    check_item("all: films", 10, "there is no content \"films\"; define it below `content:`");
    check_item("sequence: nowhere", 15, "there is no sequence \"nowhere\"");
    check_item("padUntil: 25:00", 15, "`padUntil`: \"25:00\" is no time of day");
    check_item("padToNext: 0", 16, "\"0\" is no number that `padToNext` takes");
    check_item("{ duration: 1d, content: x }", 17, "`duration`: \"1d\" is no duration");
    check_item("{ duration: 60 }", 5, "an item with `duration` needs a `content`");
    check_item("{ pre_roll: true }", 5, "`pre_roll: true` needs a `sequence`");
    check_item("{ skipItems: -1, content: x }", 18, "`skipItems`: \"-1\" is no number of items");
    check_item(
        "{ waitUntil: \"06:00\", contents: x }",
        27,
        "an item with `waitUntil` has no key \"contents\"",
    );
    check("timezone: Mars/Olympus", "7.yml:1:11: \"Mars/Olympus\" is no time zone");
}

#[test]
fn every_mistake_is_told_at_once() {
    let faults = faults_of("nam: x\ncontent: 5\nsequence:\n  - key: a\n");
    let lines: Vec<usize> = faults.iter().map(|fault| fault.at.line).collect();
    assert_eq!(lines, [1, 2, 4], "{faults:?}");
}

#[test]
fn imports_do_not_go_round_in_circles_and_do_not_leave_their_folder() {
    let file = |name: &str| match name {
        "7.yml" => Ok("import: [lib/a.yml]\n".to_owned()),
        "lib/a.yml" => Ok("import:\n  - b.yml\n".to_owned()),
        "lib/b.yml" => Ok("import: ../7.yml\n".to_owned()),
        other => Err(format!("{other}?")),
    };
    let faults = load("7.yml", file).unwrap_err();
    let first = faults[0].to_string();
    let circle = "the imports go in a circle: 7.yml → lib/a.yml → lib/b.yml → 7.yml";
    assert!(first.starts_with(&format!("lib/b.yml:1:9: {circle}")), "{first}");
    for outside in ["../x.yml", "/etc/passwd", "a/../../x.yml", "c:\\x"] {
        check(&format!("import: {outside:?}"), "7.yml:1:9: ");
        let faults = faults_of(&format!("import: {outside:?}"));
        assert!(faults[0].problem.contains("leads out of"), "{faults:?}");
    }
    check("import: gone.yml", "7.yml:1:9: gone.yml cannot be read: it is not there");
}

#[test]
fn many_imports_of_one_file_are_read_once() {
    let mut reads = 0;
    let faults = load("7.yml", |file| {
        reads += 1;
        let depth: u32 = file.trim_end_matches(".yml").parse().unwrap_or(0);
        Ok(format!("import: [{0}.yml, {0}.yml]\n", depth + 1))
    });
    assert!(faults.is_err());
    assert!(reads <= MOST_FILES, "{reads}");
}

#[test]
fn sequences_do_not_go_round_in_circles() {
    let text = "sequence:
  - { key: a, items: [ { sequence: b } ] }
  - { key: b, items: [ { pre_roll: true, sequence: a } ] }
playout: [ { sequence: a } ]";
    check(text, "7.yml:2:12: the sequences go in a circle: a → b → a");
    let text = "sequence:
  - { key: a, items: [ { shuffleSequence: a }, { shuffleSequence: a } ] }
playout: [ { sequence: a } ]";
    check(text, "7.yml:2:12: the sequences go in a circle: a → a");
}

#[test]
fn a_file_cannot_blow_up() {
    let mut bomb = "content: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for letter in 'a'..'i' {
        let next = char::from(letter as u8 + 1);
        bomb += &format!("k{letter}: &{next} [{}]\n", vec![format!("*{letter}"); 10].join(", "));
    }
    assert!(faults_of(&bomb).iter().any(|f| f.problem.contains("more than 50000 values")));
    let deep = faults_of(&"[".repeat(100));
    assert!(deep[0].problem.contains("nested deeper"), "{deep:?}");
    assert_eq!(faults_of(&"[".repeat(5000)).len(), 1);
    check("a: &x [*x]", "7.yml:1:8: this refers to an anchor that is not there or not finished");
}

#[test]
fn durations_and_times_are_read_as_people_write_them() {
    let durations =
        [("90", 90), ("01:30", 90), ("00:30:00", 1800), ("PT1H30M", 5400), ("PT45S", 45)];
    for (text, seconds) in durations {
        assert_eq!(duration_seconds(text), Some(seconds), "{text}");
    }
    for bad in ["", "0", "-5", "1:60", "PT", "PT5", "PT1S1H", "P1D", "1h", "99999999", "1:2:3:4"] {
        assert_eq!(duration_seconds(bad), None, "{bad}");
    }
    assert_eq!(time_of_day("20:00"), Some(72_000));
    assert_eq!(time_of_day("6:05:09"), Some(21_909));
    for bad in ["24:00", "20", "20:60", "20:00:60", "+1:00", "20:00:00:00", "020:00"] {
        assert_eq!(time_of_day(bad), None, "{bad}");
    }
}

#[test]
fn the_schema_knows_the_same_words() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let items = schema["$defs"]["item"]["oneOf"].as_array().unwrap();
    let keys = |object: &Value| -> BTreeSet<String> {
        object["properties"].as_object().unwrap().keys().cloned().collect()
    };
    let told: Vec<BTreeSet<String>> = items.iter().map(keys).collect();
    let read: Vec<BTreeSet<String>> = DIRECTIVES
        .iter()
        .map(|directive| directive.keys.iter().map(|key| (*key).to_owned()).collect())
        .collect();
    assert_eq!(told, read);
    for word in keys(&schema) {
        let faults = faults_of(&format!("{word}: x"));
        assert!(!faults.iter().any(|f| f.problem.contains("has no key")), "{faults:?}");
    }
}

/// Checks the first complaint about the file `7.yml` by how it begins.
#[track_caller]
fn check(text: &str, expected: &str) {
    let faults = faults_of(text);
    let first = faults[0].to_string();
    assert!(first.starts_with(expected), "{text}\n  gives {first}");
}

/// Checks the first complaint about one item of a sequence, by column.
#[track_caller]
fn check_item(item: &str, column: usize, expected: &str) {
    let text = format!("sequence:\n  - key: a\n    items:\n    - {item}\n");
    let column = if expected.starts_with("this says") || expected.contains("needs a") {
        7
    } else {
        column + 2
    };
    check(&text, &format!("7.yml:4:{column}: {expected}"));
}

#[track_caller]
fn faults_of(text: &str) -> Vec<Fault> {
    let loaded = load("7.yml", |file| match file {
        "7.yml" => Ok(text.to_owned()),
        _ => Err("it is not there".to_owned()),
    });
    match loaded {
        Ok(loaded) => panic!("it was taken: {:?}", loaded.script),
        Err(faults) => faults,
    }
}
