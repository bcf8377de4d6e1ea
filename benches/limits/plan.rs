//! Planning: how long timelines take, in memory and without a server.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use exstreamtv::domain::{CollectionId, Media, MediaId, Rules, UtcMillis};
use exstreamtv::schedule::{self, Catalogue, Cursor};

use super::results::Row;

const CHANNELS: u32 = 1_000;
const DAYS: i64 = 14;
/// Monday, 2027-03-22: the window holds a day of 23 hours.
const FROM: UtcMillis = UtcMillis(1_805_673_600_000);

/// Four kinds of channels in turn, as they are written.
const KINDS: [&str; 4] = [
    r#"{"items":[{"collection":1,"order":"shuffle","mode":{"type":"multiple","count":3}},
        {"collection":2,"order":"season_episode","mode":{"type":"one"}}]}"#,
    r#"{"zone":"Europe/Berlin","fillers":{"tail":{"sources":[{"collection":3}]},
        "fallback":{"sources":[{"collection":3}]}},"items":[
        {"collection":2,"order":"shuffle","start":{"type":"fixed","time":"06:00"}},
        {"collection":1,"order":"rotating","start":{"type":"fixed","time":"20:15"}}]}"#,
    r#"{"zone":"America/New_York","fillers":{"post_roll":{"mode":{"type":"pad","minutes":30},
        "sources":[{"collection":3}]}},"items":[{"collection":1,"order":"shuffle_in_order"}]}"#,
    r#"{"zone":"Europe/Berlin","fillers":{"tail":{"sources":[{"collection":3}]}},
        "form":{"type":"time_slots","slots":[
        {"start_time":"06:00","item":{"collection":1,"order":"season_episode"}},
        {"start_time":"18:00","item":{"collection":2,"order":"shuffle"}},
        {"start_time":"22:00","item":{"collection":1,"order":"random"}}]}}"#,
];

/// Times all channels for two weeks, and what one edit costs.
pub fn plan() -> Vec<Row> {
    let catalogue = catalogue();
    let to = FROM.plus_ms(DAYS * 86_400_000);
    let rules = |seed: u32| -> Rules {
        let kind = KINDS[usize::try_from(seed).unwrap() % KINDS.len()];
        Rules { seed: u64::from(seed), ..serde_json::from_str(kind).unwrap() }
    };
    let mut slots = 0;
    let began = Instant::now();
    for seed in 0..CHANNELS {
        let plan = schedule::plan(&rules(seed), &catalogue, Cursor::default(), FROM, to);
        slots += plan.slots.len();
    }
    let all = began.elapsed().as_secs_f64();
    let mut edits = Vec::new();
    for seed in 0..100 {
        let plan = schedule::plan(&rules(seed), &catalogue, Cursor::default(), FROM, to);
        let began = Instant::now();
        let from = plan.cursor.boundary(FROM.plus_ms(3_600_000)).unwrap();
        let cursor = plan.cursor.rewound(from);
        schedule::plan(&rules(seed + 1), &catalogue, cursor, from, to);
        edits.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    let what = format!("timeline, {CHANNELS} channels × {DAYS} days, {slots} slots");
    vec![
        Row::one("plan.all", &what, "s", all, Some(5.0)),
        Row::many("plan.edit", "one edit of a channel", "ms", edits, [Some(50.0), Some(50.0)]),
    ]
}

/// 500 episodes of ten shows, 200 films, 60 pieces of filler.
fn catalogue() -> Catalogue {
    let mut catalogue = Catalogue::default();
    let mut next = 0;
    for (collection, count, seconds) in [(1, 500, 1_260), (2, 200, 5_400), (3, 60, 15)] {
        let mut ids = Vec::new();
        for n in 0..count {
            next += 1;
            let mut media = Media::file(MediaId(next), format!("/media/{next}.mkv"));
            media.title = format!("Title {n}");
            media.duration_ms = (seconds + n * 7 % 300) * 1000 + n * 31 % 1000;
            if collection == 1 {
                media.show = Some(format!("Show {}", n % 10));
                media.season = Some(1);
                media.episode = Some(u32::try_from(n / 10).unwrap() + 1);
            }
            ids.push(media.id);
            catalogue.media.insert(media.id, Arc::new(media));
        }
        catalogue.collections.insert(CollectionId(collection), Arc::new(ids));
    }
    catalogue.breaks = BTreeMap::new();
    catalogue
}
