//! The index finds what a query finds in memory, and quickly.

use std::time::Instant;

use proptest::prelude::*;

use super::Home;
use crate::domain::query::TextField;
use crate::domain::{
    AudioStream, LibraryKind, MediaId, MediaKind, MediaState, NewLibrary, Probe, Query,
    ScannedMedia, UtcMillis,
};
use crate::storage::search;

const NOW: UtcMillis = UtcMillis(1_700_000_000_000);
const DAY: i64 = 86_400_000;

#[test]
fn the_index_finds_what_a_query_finds_in_memory() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let home = Home::new();
    runtime.block_on(fill(&home, 300));
    let media = runtime.block_on(home.db.all_media()).unwrap();
    let (queries, joints) =
        (prop::collection::vec(condition(), 1..4), prop::sample::select(JOINTS));
    let sorts = prop::sample::select(SORTS);
    let mut runner = proptest::test_runner::TestRunner::default();
    runner
        .run(&(queries, joints, sorts), |(conditions, joint, sort)| {
            let text = format!("{}{sort}", conditions.join(joint));
            let query =
                Query::parse(&text).map_err(|e| TestCaseError::fail(format!("{text}: {e}")))?;
            let mut in_memory = query.select(media.iter(), NOW);
            let asked = query.clone();
            let found = runtime
                .block_on(home.db.read("compare", move |c| Ok(search::found(c, &asked, NOW))));
            let mut found = found.unwrap();
            if query.sort().is_empty() {
                in_memory.sort_unstable();
                found.sort_unstable();
            }
            prop_assert_eq!(found, in_memory, "{}", text);
            Ok(())
        })
        .unwrap();
}

#[tokio::test]
async fn what_is_changed_or_taken_away_is_found_as_it_is_now() {
    let home = Home::new();
    fill(&home, 3).await;
    let media = home.db.all_media().await.unwrap();
    let library = media[0].library;
    check(&home, "path:0", &[1]).await;
    let changed = ScannedMedia {
        title: "Wholly Other".to_owned(),
        year: Some(1931),
        ..ScannedMedia::file(library, &media[0].path)
    };
    home.db.upsert_media(vec![changed], NOW).await.unwrap();
    check(&home, "wholly year:1931", &[1]).await;
    home.db.set_media_state(MediaId(2), MediaState::Missing).await.unwrap();
    check(&home, "state:missing", &[2]).await;
    home.db.delete_library(library).await.unwrap();
    check(&home, "*", &[]).await;
    check(&home, "wholly", &[]).await;
}

#[tokio::test]
async fn an_index_of_another_version_is_made_anew() {
    let home = Home::new();
    fill(&home, 20).await;
    let path = home.folder.path().join("test.db");
    let before = home.db.search_media(&Query::parse("night").unwrap(), NOW, 0, 100).await.unwrap();
    assert!(before.1 > 0);
    home.db
        .write("spoil the index", |t| {
            t.execute("INSERT INTO media_words (media_words) VALUES ('delete-all')", [])?;
            t.execute("UPDATE media_words_version SET version = 'old'", [])
        })
        .await
        .unwrap();
    home.db.close().await.unwrap();
    let db = crate::storage::Db::open(&path).unwrap();
    let after = db.search_media(&Query::parse("night").unwrap(), NOW, 0, 100).await.unwrap();
    assert_eq!(after, before);
}

#[tokio::test]
async fn values_are_offered_by_the_beginnings_of_their_words() {
    let home = Home::new();
    let library = library(&home).await;
    let item = |n: u32, show: &str, genres: &[&str]| ScannedMedia {
        show: Some(show.to_owned()),
        genres: genres.iter().map(|genre| (*genre).to_owned()).collect(),
        ..ScannedMedia::file(library, format!("/{n}.mkv"))
    };
    let all = vec![
        item(1, "The Office", &["Comedy", "Drama"]),
        item(2, "The Office", &["Comedy"]),
        item(3, "Lost", &["Science Fiction", "Drama"]),
    ];
    home.db.upsert_media(all, NOW).await.unwrap();
    let values = async |field, begins: &str| {
        let found = home.db.values_of(field, begins, 10).await.unwrap();
        let found = found.into_iter().map(|value| format!("{} {}", value.text, value.count));
        found.collect::<Vec<_>>().join(", ")
    };
    assert_eq!(values(TextField::Show, "off").await, "The Office 2");
    assert_eq!(values(TextField::Show, "").await, "The Office 2, Lost 1");
    assert_eq!(values(TextField::Genre, "fic").await, "Science Fiction 1");
    assert_eq!(values(TextField::Genre, "").await, "Comedy 2, Drama 2, Science Fiction 1");
    assert_eq!(values(TextField::Genre, "xyz").await, "");
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "a test tells what it measured")]
async fn a_page_of_a_hundred_thousand_is_found_in_milliseconds() {
    const ITEMS: usize = 100_000;
    let home = Home::new();
    let begun = Instant::now();
    fill(&home, ITEMS / 50).await;
    multiply(&home, ITEMS as i64 / 50).await;
    println!("{ITEMS} items are stored and indexed in {:.1} s", begun.elapsed().as_secs_f64());
    let queries = [
        "night ferry",
        "title:\"night ferry\"",
        "f",
        "genre:comedy year:1980s",
        "kind:movie -genre:drama sort:-added limit:50",
        "(show:lost OR show:office) year>1990 -genre:drama",
        "folder:/media/5 length:<30m",
        "kind:episode",
        "*",
    ];
    let mut slowest: f64 = 0.0;
    for text in queries {
        let query = Query::parse(text).unwrap();
        home.db.search_media(&query, NOW, 0, 50).await.unwrap();
        let mut times = Vec::new();
        for _ in 0..5 {
            let begun = Instant::now();
            let (page, total) = home.db.search_media(&query, NOW, 0, 50).await.unwrap();
            times.push((begun.elapsed().as_secs_f64() * 1000.0, page.len(), total));
        }
        times.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (median, page, total) = times[2];
        println!("{median:7.2} ms  {page:3} of {total:6}  {text}");
        assert!(total > 0, "{text} finds nothing, so it says nothing about speed");
        slowest = slowest.max(median);
    }
    println!("slowest median {slowest:.1} ms over {ITEMS} items");
    // The aim is 20 ms; a machine that builds at the same time gets ten times as much.
    assert!(slowest < 400.0, "{slowest} ms");
}

const JOINTS: &[&str] = &[" ", " OR ", " AND NOT "];

const SORTS: &[&str] = &[
    "",
    "",
    " sort:title",
    " sort:-title",
    " sort:year,-added limit:7",
    " sort:-aired",
    " limit:500",
];

fn condition() -> impl Strategy<Value = String> {
    let words = prop::sample::select(WORDS);
    prop_oneof![
        words.clone().prop_map(str::to_lowercase),
        (
            prop::sample::select(&["title", "show", "genre", "plot", "path", "rating"][..]),
            words.clone()
        )
            .prop_map(|(field, word)| format!("{field}:\"{word}\"")),
        (prop::sample::select(&["title", "show", "genre"][..]), words.clone())
            .prop_map(|(field, word)| format!("{field}=\"{word}\"")),
        words.prop_map(|word| format!(
            "-title:{}*",
            word.chars().take(3).collect::<String>().trim()
        )),
        (1970_u32..2030, 0_u32..30)
            .prop_map(|(from, more)| format!("year:{from}..{}", from + more)),
        (0_u32..4).prop_map(|season| format!("season<={season}")),
        (1_u32..200).prop_map(|minutes| format!("length:<{minutes}m")),
        (1_u32..900).prop_map(|days| format!("added:<{days}d")),
        (1_u32..900).prop_map(|days| format!("NOT aired:>{days}d")),
        (2019_u32..2024, 1_u32..13).prop_map(|(year, month)| format!("aired:{year}-{month:02}")),
        prop::sample::select(
            &["kind:movie", "kind:episode,other", "state:missing", "audio:german", "*"][..]
        )
        .prop_map(str::to_owned),
        (0_u32..12).prop_map(|folder| format!("folder:/media/{folder}")),
        (0_u32..400).prop_map(|id| format!("id>{id}")),
        (1_u32..9).prop_map(|size| format!("size:>{size}MB")),
    ]
}

const WORDS: &[&str] = &[
    "Night",
    "Ferry",
    "The Office",
    "Lost",
    "Amélie",
    "Comedy",
    "Drama",
    "Sci-Fi",
    "Don't Look",
    "Straße",
    "夜の船",
    "Œuvre",
    "PG-13",
    "night ferry",
    "Фильм",
    "ночь",
];

/// Puts `count` items into a library: the same each time.
async fn fill(home: &Home, count: usize) {
    let library = library(home).await;
    let mut state = 0x9e37_79b9_u64;
    let mut draw = move |most: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % most
    };
    let mut added = 0;
    while added < count {
        let batch: Vec<ScannedMedia> = (added..count.min(added + 2_000))
            .map(|n| {
                let mut word = || WORDS[draw(WORDS.len() as u64) as usize];
                let (title, show, plot) = (format!("{} {}", word(), word()), word(), word());
                let genres = vec![word().to_owned(), word().to_owned()];
                let some = |value: u64| Some(value as u32).filter(|_| !value.is_multiple_of(5));
                let is_episode = draw(2) == 0;
                let day = format!("20{:02}-{:02}-{:02}", 15 + draw(9), 1 + draw(12), 1 + draw(31));
                let audio = AudioStream {
                    codec: "aac".into(),
                    codec_profile: String::new(),
                    channels: 2,
                    sample_rate: 48_000,
                    language: Some(if draw(2) == 0 { "ger".into() } else { "eng".into() }),
                    default: true,
                };
                ScannedMedia {
                    kind: if is_episode { MediaKind::Episode } else { MediaKind::Movie },
                    title,
                    show: is_episode.then(|| show.to_owned()),
                    season: some(draw(6)).filter(|_| is_episode),
                    episode: some(draw(20)).filter(|_| is_episode),
                    year: some(1970 + draw(60)),
                    plot: Some(format!("A long story about {plot}, told in an evening.")),
                    genres,
                    rating: Some("PG-13".to_owned()).filter(|_| draw(3) == 0),
                    aired: Some(day).filter(|_| draw(3) > 0),
                    duration_ms: (draw(150) * 60_000) as i64,
                    size: draw(10_000_000),
                    probe: Some(Probe { audio: vec![audio], ..Probe::default() }),
                    ..ScannedMedia::file(library, format!("/media/{}/{n}.mkv", draw(12)))
                }
            })
            .collect();
        // What came first is the oldest.
        let when = UtcMillis(NOW.0 - ((count - added) as i64 * 800 * DAY) / count as i64);
        added += batch.len();
        home.db.upsert_media(batch, when).await.unwrap();
    }
}

/// Makes fifty of each of the first `count` items; lines are made once, because that is what a test
/// without optimisation is slow at.
async fn multiply(home: &Home, count: i64) {
    let media = home.db.all_media().await.unwrap();
    home.db
        .write("multiply the media", move |t| {
            let columns =
                "library_id, upstreams, size, modified_ms, sidecar, kind, title, show, season,
                episode, episode_end, part, edition, year, plot, genres, rating, aired, duration_ms,
                probe, state, state_reason, state_until_ms, added_ms, search";
            let mut copy = t.prepare(&format!(
                "INSERT INTO media (id, path, {columns})
                 SELECT id + ?1, path || '.' || ?1, {columns} FROM media WHERE id <= ?2"
            ))?;
            for copies in 1..50 {
                copy.execute([copies * count, count])?;
            }
            for item in &media {
                let lines = search::lines(item);
                for copies in 1..50 {
                    search::index_lines(t, MediaId(item.id.0 + copies * count), &lines)?;
                }
            }
            Ok(())
        })
        .await
        .unwrap();
}

async fn library(home: &Home) -> crate::domain::LibraryId {
    let new = NewLibrary {
        name: "Media".to_owned(),
        path: "/media".to_owned(),
        kind: LibraryKind::Other,
        connections: None,
    };
    home.db.insert_library(new).await.unwrap().id
}

/// Checks the ids that a query finds.
async fn check(home: &Home, text: &str, expected: &[i64]) {
    let query = Query::parse(text).unwrap();
    let (found, total) = home.db.search_media(&query, NOW, 0, 100).await.unwrap();
    let ids: Vec<i64> = found.iter().map(|media| media.id.0).collect();
    assert_eq!((ids.as_slice(), total), (expected, expected.len() as u64), "{text}");
}
