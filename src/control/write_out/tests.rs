use super::*;
use crate::domain::{BlockLine, FillerLine, LocalTime, MediaId, TemplateUse};
use crate::formats::schedule_yaml;

#[test]
fn a_script_becomes_the_lines_of_a_schedule() {
    let out = written(
        "      - { all: films, custom_title: Night }
      - { count: 1, content: films }
      - { duration: 90, content: ads }
      - { padToNext: 30, content: ads, fallback: films }
      - { waitUntil: \"06:00\", tomorrow: true }
      - { skipItems: count/2, content: films }
",
    );
    let modes: Vec<Mode> = out.rules.items.iter().map(|item| item.mode).collect();
    let attempts = |discard_attempts| discard_attempts;
    assert_eq!(
        modes,
        [
            Mode::CollectionSize,
            Mode::One,
            Mode::Duration { duration_ms: 90_000, tail: Tail::None, discard_attempts: attempts(0) },
            Mode::PadToNext { minutes: 30, tail: Tail::Filler, discard_attempts: attempts(3) },
            Mode::WaitUntil { time: "06:00".parse().unwrap(), tomorrow: true },
            Mode::Skip { count: 5 },
        ]
    );
    assert_eq!(out.rules.items[0].custom_title.as_deref(), Some("Night"));
    assert_eq!(out.rules.items[2].guide_mode, GuideMode::Filler);
    assert_eq!(out.rules.items[0].collection, CollectionId(7));
    assert!(out.rules.items[3].fillers.fallback.is_some());
    assert!(out.rules.options.repeat);
    assert_eq!(out.notes, Vec::<String>::new());
}

#[test]
fn rolls_hold_for_programmes_until_they_end_and_not_for_filler() {
    let out = written(
        "      - { pre_roll: true, sequence: bumpers }
      - { all: films }
      - { duration: 60, content: ads }
      - { pre_roll: false }
      - { all: films }
",
    );
    let rolls: Vec<bool> =
        out.rules.items.iter().map(|item| item.fillers.pre_roll.is_some()).collect();
    assert_eq!(rolls, [true, false, false]);
    let preset = out.rules.items[0].fillers.pre_roll.as_ref().unwrap();
    assert_eq!(preset.mode, FillerMode::Count { count: 2 });
}

#[test]
fn a_choice_made_on_the_spot_has_the_same_id_every_time() {
    let show = |title: &str| Origin::Show { title: title.to_owned(), season: None };
    assert!(own_id(&show("a")).0 < 0);
    assert_eq!(own_id(&show("a")), own_id(&show("a")));
    assert_ne!(own_id(&show("a")), own_id(&show("b")));
}

#[test]
fn what_is_gone_is_left_out_with_a_note() {
    let mut schedule = KeptSchedule::default();
    schedule.items.push(KeptItem {
        taking: Taking::collection(CollectionId(7)),
        fillers: FillerIds { pre_roll: Some(99), ..FillerIds::default() },
        ..KeptItem::default()
    });
    schedule.items.push(KeptItem {
        taking: Taking { collection_type: "nonsense".to_owned(), ..Taking::default() },
        ..KeptItem::default()
    });
    let plans = Plans { schedules: BTreeMap::from([(1, schedule)]), ..plans() };
    let channel = crate::domain::ChannelId(1);
    let source = PlayoutSource::Schedule { schedule: 1 };
    let out = playout(&KeptPlayout::on(channel, source), &plans);
    assert_eq!(out.rules.items.len(), 1);
    assert_eq!(out.rules.items[0].fillers, Fillers::default());
    assert_eq!(out.notes.len(), 2, "{:?}", out.notes);
    let gone = PlayoutSource::Schedule { schedule: 2 };
    let out = playout(&KeptPlayout::on(channel, gone), &plans);
    assert_eq!(out.notes, ["schedule 2 is gone"]);
}

#[test]
fn templates_lay_out_blocks_and_their_own_days_come_first() {
    let time = |text: &str| -> LocalTime { text.parse().unwrap() };
    let line = BlockLine { taking: Taking::collection(CollectionId(7)), ..BlockLine::default() };
    let block = KeptBlock { duration_minutes: 45, items: vec![line], ..KeptBlock::default() };
    let template = KeptTemplate {
        is_enabled: true,
        items: vec![
            TemplateLine {
                start_time: time("20:00"),
                taking: Some(Taking::collection(CollectionId(7))),
                ..TemplateLine::default()
            },
            TemplateLine {
                start_time: time("18:00"),
                block_id: Some(3),
                ..TemplateLine::default()
            },
            TemplateLine {
                start_time: time("19:00"),
                block_id: Some(4),
                ..TemplateLine::default()
            },
        ],
        ..KeptTemplate::default()
    };
    let plans = Plans {
        blocks: BTreeMap::from([(3, block)]),
        templates: BTreeMap::from([(1, template.clone()), (2, template)]),
        ..plans()
    };
    let templates = vec![
        TemplateUse { template: 1, days_of_week: crate::domain::Days::ALL },
        TemplateUse { template: 2, days_of_week: crate::domain::Days::WEEKEND },
    ];
    let channel = crate::domain::ChannelId(1);
    let source = PlayoutSource::Templates { templates };
    let out = playout(&KeptPlayout::on(channel, source), &plans);
    let Form::Blocks { templates } = &out.rules.form else { panic!("{:?}", out.rules.form) };
    assert!(templates[1].priority < templates[0].priority);
    let lengths: Vec<i64> =
        templates[0].blocks.iter().map(|placed| placed.block.duration_ms / 60_000).collect();
    assert_eq!(lengths, [45, 240], "block 4 is gone, and the last runs to midnight");
    assert_eq!(templates[0].blocks[0].block.items[0].guide_mode, GuideMode::Filler);
    assert_eq!(out.notes, ["block 4 is gone"]);
}

#[test]
fn a_channel_dresses_what_does_not_dress_itself() {
    let line = FillerLine {
        taking: Taking::collection(CollectionId(8)),
        weight: 2,
        ..FillerLine::default()
    };
    let filler = KeptFiller {
        name: "ads".to_owned(),
        filler_mode: "pad".to_owned(),
        pad_to_minutes: Some(15),
        items: vec![line],
        ..KeptFiller::default()
    };
    let deco =
        KeptDeco { group_id: Some(5), media_item_id: Some(11), weight: 1, ..KeptDeco::default() };
    let plans = Plans {
        fillers: BTreeMap::from([(1, filler)]),
        decos: BTreeMap::from([(1, deco)]),
        ..plans()
    };
    let mut form = ChannelForm::plain(crate::domain::ChannelId(1));
    form.fillers.post_roll = Some(1);
    form.deco_group = Some(5);
    let out = dressed(WrittenOut::default(), &form, &plans);
    let post = out.rules.fillers.post_roll.as_ref().unwrap();
    assert_eq!((post.mode, post.sources[0].weight), (FillerMode::Pad { minutes: 15 }, 2));
    let [deco] = out.rules.decos.as_slice() else { panic!("{:?}", out.rules.decos) };
    let bumper = deco.breaks[0].filler.sources[0].collection;
    let only = Selector::Manual { media: vec![MediaId(11)] };
    assert_eq!(out.rules.inline.get(&bumper), Some(&only));
    let mut own = WrittenOut::default();
    own.rules.fillers.post_roll = Some(FillerPreset::default());
    assert_eq!(dressed(own, &form, &plans).rules.fillers.post_roll, Some(FillerPreset::default()));
}

/// Two collections: seven with ten items, and eight with two.
fn plans() -> Plans {
    let collections =
        HashMap::from([("films".to_owned(), CollectionId(7)), ("ads".to_owned(), CollectionId(8))]);
    let sizes = HashMap::from([(CollectionId(7), 10), (CollectionId(8), 2)]);
    Plans { collections, sizes, ..Plans::default() }
}

#[test]
fn sequences_that_double_at_every_level_end() {
    let mut text = "content:
  - { key: films, collection: films }
sequence:
  - { key: s0, items: [ { skipItems: count/99, content: films } ] }
"
    .to_owned();
    for level in 1..30 {
        let (word, below) = (["sequence", "shuffleSequence"][level % 2], level - 1);
        text += &format!(
            "  - {{ key: s{level}, items: [ {{ {word}: s{below} }}, {{ {word}: s{below} }} ] }}\n"
        );
    }
    text += "playout: [ { sequence: s29 } ]\n";
    let loaded = schedule_yaml::load("1.yml", |_| Ok(text.clone())).unwrap();
    let out = script(&loaded.script, &plans());
    assert_eq!(out.rules.items, []);
    assert!(out.notes.iter().any(|note| note.contains("ends there")), "{:?}", out.notes);
}

/// Writes out a file whose main sequence has these items.
#[track_caller]
fn written(items: &str) -> WrittenOut {
    let text = format!(
        "content:
  - {{ key: films, collection: FILMS }}
  - {{ key: ads, collection: ads, order: shuffle }}
sequence:
  - key: bumpers
    items: [ {{ all: ads }} ]
  - key: main
    items:
{items}playout: [ {{ sequence: main }}, {{ repeat: true }} ]
"
    );
    let loaded = schedule_yaml::load("1.yml", |_| Ok(text.clone()));
    script(&loaded.unwrap_or_else(|faults| panic!("{faults:?}")).script, &plans())
}
