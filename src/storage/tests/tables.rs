//! The typed functions: what goes in comes out, and what must not go in is refused.

use proptest::prelude::*;
use serde_json::json;

use super::Home;
use crate::domain::{
    Channel, ChannelForm, ChannelId, Collection, CollectionId, Details, LibraryId, LibraryKind,
    Media, MediaFilter, MediaId, MediaKind, MediaSort, MediaState, MediaStateName, NewChannel,
    NewLibrary, Order, PlayoutClock, Probe, Rules, ScannedMedia, ScheduleItem, Selector, Slot,
    SlotKind, Timeline, UtcMillis,
};
use crate::storage::StorageError;

#[tokio::test]
async fn a_channel_comes_back_as_it_was_stored() {
    let home = Home::new();
    let new = NewChannel {
        number: Some("5.1".parse().unwrap()),
        group: Some("Films".to_owned()),
        logo: Some("/logos/5.png".to_owned()),
        enabled: false,
        rules: Rules::of_items(
            u64::MAX,
            vec![ScheduleItem::new(
                CollectionId(3),
                Order::Shuffle,
                crate::domain::Mode::Multiple { count: 2 },
            )],
        ),
        ..new_channel("Späte \"Filme\"")
    };
    let stored = home.db.insert_channel(new, "720p25").await.unwrap();
    assert_eq!(stored.profile, "720p25");
    assert_eq!(home.db.find_channel(stored.id).await.unwrap(), Some(stored.clone()));
    let by_number = home.db.find_channel_by_number(&stored.number).await.unwrap();
    assert_eq!(by_number, Some(stored.clone()));
    let changed = Channel { name: "Late".to_owned(), logo: None, enabled: true, ..stored };
    home.db.update_channel(&changed).await.unwrap();
    assert_eq!(home.db.list_channels().await.unwrap(), [changed]);
}

#[tokio::test]
async fn channels_come_in_the_order_of_their_numbers_and_fill_the_gaps() {
    let home = Home::new();
    for number in ["10", "2", "5.10", "5.2"] {
        let new = NewChannel { number: Some(number.parse().unwrap()), ..new_channel(number) };
        home.db.insert_channel(new, "p").await.unwrap();
    }
    let more = vec![new_channel("a"), new_channel("b"), new_channel("c")];
    home.db.insert_channels(more, "p").await.unwrap();
    let channels = home.db.list_channels().await.unwrap();
    let names: Vec<_> = channels.iter().map(|c| format!("{} {}", c.number, c.name)).collect();
    let sorted = ["1 a", "2 2", "3 b", "4 c", "5.2 5.2", "5.10 5.10", "10 10"];
    assert_eq!(names, sorted);
}

#[tokio::test]
async fn a_number_that_is_taken_is_refused_by_name_and_value() {
    let home = Home::new();
    let seven = || NewChannel { number: Some("7".parse().unwrap()), ..new_channel("a") };
    home.db.insert_channel(seven(), "p").await.unwrap();
    let other = home.db.insert_channel(new_channel("b"), "p").await.unwrap();
    check_taken(home.db.insert_channel(seven(), "p").await, "number", "7");
    let moved = Channel { number: "7".parse().unwrap(), ..other };
    check_taken(home.db.update_channel(&moved).await, "number", "7");
    let several = home.db.insert_channels(vec![new_channel("c"), seven()], "p").await;
    assert!(matches!(several, Err(StorageError::Conflict { .. })), "{several:?}");
    assert_eq!(home.db.list_channels().await.unwrap().len(), 2, "all or none");
}

#[tokio::test]
async fn the_id_of_a_deleted_channel_is_never_given_away_again() {
    let home = Home::new();
    let first = home.db.insert_channel(new_channel("a"), "p").await.unwrap();
    home.db.delete_channel(first.id).await.unwrap();
    let second = home.db.insert_channel(new_channel("a"), "p").await.unwrap();
    assert_ne!(first.id, second.id);
    assert_eq!(home.db.find_channel(first.id).await.unwrap(), None);
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let home = Home::new();
    let db = &home.db;
    check_absent(db.delete_channel(ChannelId(1)).await);
    check_absent(db.delete_library(LibraryId(1)).await);
    check_absent(db.delete_collection(CollectionId(1)).await);
    check_absent(db.delete_key(1).await);
    check_absent(db.set_last_scan(LibraryId(1), UtcMillis(0)).await);
    check_absent(db.set_media_state(MediaId(1), MediaState::Missing).await);
    check_absent(db.upsert_media(vec![scanned(LibraryId(1), "/a")], UtcMillis(0)).await);
    check_absent(
        db.replace_timeline(ChannelId(1), UtcMillis(0), vec![slot(0, 1)], &json!(1)).await,
    );
}

#[tokio::test]
async fn collections_and_keys_are_kept_by_unique_names() {
    let home = Home::new();
    let db = &home.db;
    let selector = Selector::Filter {
        library: Some(LibraryId(1)),
        kind: Some(MediaKind::Episode),
        show: Some("The Show".to_owned()),
        folder: None,
    };
    let new = Collection {
        id: CollectionId(0),
        name: "all".to_owned(),
        description: Some("Everything.".to_owned()),
        selector,
        created: UtcMillis(5),
        updated: UtcMillis(5),
    };
    let id = db.insert_collection(new.clone()).await.unwrap();
    check_taken(db.insert_collection(new.clone()).await, "name", "all");
    let mut collection = db.list_collections().await.unwrap().remove(0);
    assert_eq!(collection, Collection { id, ..new });
    collection.updated = UtcMillis(6);
    collection.selector = Selector::Manual { media: vec![MediaId(2), MediaId(1)] };
    db.update_collection(&collection).await.unwrap();
    assert_eq!(db.list_collections().await.unwrap(), [collection]);

    let key = db.insert_key("admin", "hash").await.unwrap();
    check_taken(db.insert_key("admin", "other").await, "name", "admin");
    let keys = db.list_keys().await.unwrap();
    assert_eq!((keys[0].id, keys[0].name.as_str(), keys[0].hash.as_str()), (key, "admin", "hash"));
    db.delete_key(key).await.unwrap();
    assert_eq!(db.list_keys().await.unwrap(), []);
}

#[tokio::test]
async fn media_come_back_as_they_were_scanned_and_keep_their_id() {
    let home = Home::new();
    let library = library(&home).await;
    let full = ScannedMedia {
        show: Some("Show".to_owned()),
        season: Some(0),
        episode: Some(1),
        genres: vec!["Drama".to_owned(), "Sci-Fi".to_owned()],
        probe: Some(Probe { container: "matroska,webm".to_owned(), ..Probe::default() }),
        size: 5_000_000_000,
        details: std::sync::Arc::new(Details { stars: Some(74), ..Details::default() }),
        ..scanned(library, "/a/Show - S00E01.mkv")
    };
    let counts = home.db.upsert_media(vec![full.clone()], UtcMillis(10)).await.unwrap();
    assert_eq!((counts.new, counts.changed), (1, 0));
    let first = all(&home).await.remove(0);
    assert_eq!(first, full.clone().into_media(first.id, UtcMillis(10)));

    let again = ScannedMedia { title: "New".to_owned(), ..full };
    let counts = home.db.upsert_media(vec![again.clone()], UtcMillis(20)).await.unwrap();
    assert_eq!((counts.new, counts.changed), (0, 1));
    assert_eq!(all(&home).await, [again.into_media(first.id, UtcMillis(10))]);
    let known = home.db.known_files(library).await.unwrap();
    assert_eq!(known["/a/Show - S00E01.mkv"].id, first.id);
    let wanted = [MediaId(99), first.id];
    assert_eq!(home.db.media_by_ids(&wanted).await.unwrap()[0].id, first.id);
}

#[tokio::test]
async fn every_state_comes_back_and_can_be_asked_for() {
    let home = Home::new();
    let library = library(&home).await;
    let states = [
        MediaState::Playable,
        MediaState::Corrupt { reason: "moov atom not found".to_owned() },
        MediaState::Unsupported { reason: "text".to_owned() },
        MediaState::Missing,
        MediaState::Quarantined { reason: "crashed twice".to_owned(), until: UtcMillis(9) },
    ];
    for (n, state) in states.iter().enumerate() {
        let path = format!("/{n}");
        home.db.upsert_media(vec![scanned(library, &path)], UtcMillis(0)).await.unwrap();
        let id = home.db.known_files(library).await.unwrap()[&path].id;
        home.db.set_media_state(id, state.clone()).await.unwrap();
        let filter = MediaFilter { state: Some(state.name()), ..MediaFilter::all() };
        let (found, total) = home.db.list_media(&filter).await.unwrap();
        assert_eq!((found.len(), total, &found[0].state), (1, 1, state));
    }
}

#[tokio::test]
async fn a_quarantine_outlives_a_scan_of_the_same_file_and_ends_with_another() {
    let home = Home::new();
    let library = library(&home).await;
    let file = scanned(library, "/a");
    home.db.upsert_media(vec![file.clone()], UtcMillis(0)).await.unwrap();
    let quarantine = MediaState::Quarantined { reason: "r".to_owned(), until: UtcMillis(9) };
    home.db.set_media_state(all(&home).await[0].id, quarantine.clone()).await.unwrap();

    home.db
        .upsert_media(vec![ScannedMedia { sidecar: 7, ..file.clone() }], UtcMillis(1))
        .await
        .unwrap();
    assert_eq!(all(&home).await[0].state, quarantine);
    home.db.upsert_media(vec![ScannedMedia { size: 2, ..file }], UtcMillis(2)).await.unwrap();
    assert_eq!(all(&home).await[0].state, MediaState::Playable);
}

#[tokio::test]
async fn a_list_is_filtered_sorted_and_paged() {
    let home = Home::new();
    let library = library(&home).await;
    let mut media = Vec::new();
    for (title, show, episode, year) in [
        ("Zebra", None, None, Some(1990)),
        ("Äpfel 100%", None, None, Some(2001)),
        ("Two", Some("Alpha"), Some(2), None),
        ("One", Some("Alpha"), Some(1), None),
    ] {
        media.push(ScannedMedia {
            title: title.to_owned(),
            show: show.map(str::to_owned),
            season: show.map(|_| 1),
            episode,
            year,
            duration_ms: media.len() as i64,
            kind: if show.is_some() { MediaKind::Episode } else { MediaKind::Movie },
            ..scanned(library, &format!("/{title}.mp4"))
        });
    }
    home.db.upsert_media(media, UtcMillis(0)).await.unwrap();
    let all = MediaFilter::all;
    let search = |text: &str| MediaFilter { search: Some(text.to_owned()), ..all() };
    check_list(&home, all(), "One, Two, Zebra, Äpfel 100%").await;
    check_list(
        &home,
        MediaFilter { sort: MediaSort::Year, ..all() },
        "Äpfel 100%, Zebra, Two, One",
    )
    .await;
    check_list(
        &home,
        MediaFilter { sort: MediaSort::Duration, ..all() },
        "One, Two, Äpfel 100%, Zebra",
    )
    .await;
    check_list(&home, MediaFilter { kind: Some(MediaKind::Episode), ..all() }, "One, Two").await;
    check_list(&home, search("ALPHA"), "One, Two").await;
    check_list(&home, search("äPF"), "Äpfel 100%").await;
    check_list(&home, search("%"), "Äpfel 100%").await;
    check_list(&home, search("a%b"), "").await;
    check_list(&home, MediaFilter { library: Some(LibraryId(99)), ..all() }, "").await;
    check_list(&home, MediaFilter { state: Some(MediaStateName::Missing), ..all() }, "").await;

    let page = MediaFilter { limit: 2, offset: 1, ..all() };
    let (found, total) = home.db.list_media(&page).await.unwrap();
    assert_eq!((titles(&found).as_str(), total), ("Two, Zebra", 4));
}

#[tokio::test]
async fn a_library_takes_its_media_with_it_and_leaves_the_timelines_whole() {
    let home = Home::new();
    let db = &home.db;
    let library = library(&home).await;
    check_taken(
        db.insert_library(NewLibrary {
            name: "b".to_owned(),
            path: "/lib".to_owned(),
            kind: LibraryKind::Show,
            connections: None,
        })
        .await,
        "path",
        "/lib",
    );
    db.set_last_scan(library, UtcMillis(5)).await.unwrap();
    let stored = db.list_libraries().await.unwrap();
    assert_eq!((stored[0].kind, stored[0].last_scan), (LibraryKind::Movie, Some(UtcMillis(5))));
    db.upsert_media(vec![scanned(library, "/a")], UtcMillis(0)).await.unwrap();
    let media = all(&home).await[0].id;
    let channel = db.insert_channel(new_channel("a"), "p").await.unwrap().id;
    let slots = vec![Slot { media: Some(media), ..slot(0, 10) }];
    db.replace_timeline(channel, UtcMillis(0), slots.clone(), &json!(null)).await.unwrap();

    db.delete_library(library).await.unwrap();
    assert_eq!(all(&home).await, []);
    assert_eq!(db.load_timeline(channel, UtcMillis(0)).await.unwrap(), slots);
    let next = self::library(&home).await;
    db.upsert_media(vec![scanned(next, "/b")], UtcMillis(0)).await.unwrap();
    assert_ne!(all(&home).await[0].id, media, "the slot's id must not come to mean another file");
}

#[tokio::test]
async fn a_timeline_is_replaced_from_an_instant_on_with_its_cursor() {
    let home = Home::new();
    let channel = home.db.insert_channel(new_channel("a"), "p").await.unwrap().id;
    assert_eq!(home.db.load_cursor(channel).await.unwrap(), None);
    check_replace(&home, channel, 0, "0-10 10-20 20-30", "0-10 10-20 20-30").await;
    check_replace(&home, channel, 20, "20-25 25-40", "0-10 10-20 20-25 25-40").await;
    // The slot on air at the cut is shortened, not doubled.
    check_replace(&home, channel, 22, "22-50", "0-10 10-20 20-22 22-50").await;
    // A plan that begins before `from` wins as well.
    check_replace(&home, channel, 30, "15-60", "0-10 10-15 15-60").await;
    // Nothing new: what has begun stays.
    check_replace(&home, channel, 12, "", "0-10 10-15").await;
    // The server was off for too long: what cannot be joined is dropped.
    check_replace(&home, channel, 500, "500-600 600-700", "500-600 600-700").await;
    let broken = vec![slot(700, 710), slot(711, 720)];
    let refused = home.db.replace_timeline(channel, UtcMillis(700), broken, &json!(0)).await;
    assert!(matches!(refused, Err(StorageError::Failed { .. })), "{refused:?}");
    assert_eq!(stored(&home, channel).await, "500-600 600-700");

    home.db.prune_timelines(UtcMillis(600), 0).await.unwrap();
    assert_eq!(stored(&home, channel).await, "600-700");
    home.db.delete_channel(channel).await.unwrap();
    assert_eq!(stored(&home, channel).await, "");
    assert_eq!(home.db.load_cursor(channel).await.unwrap(), None);
}

#[tokio::test]
async fn what_a_standing_channel_will_show_is_not_dropped_by_the_days_clock() {
    let home = Home::new();
    let channel = home.db.insert_channel(new_channel("a"), "p").await.unwrap().id;
    let planned = slots("0-10 10-20 20-30");
    home.db.replace_timeline(channel, UtcMillis(0), planned, &json!(0)).await.unwrap();
    let form = ChannelForm {
        clock: PlayoutClock::OnDemand,
        stands_at: Some(UtcMillis(15)),
        ..ChannelForm::plain(channel)
    };
    home.db.insert_plan(form, UtcMillis(0)).await.unwrap();
    home.db.prune_timelines(UtcMillis(1_000), 5).await.unwrap();
    assert_eq!(stored(&home, channel).await, "10-20 20-30");
}

#[tokio::test]
async fn a_timeline_is_loaded_from_the_slot_on_air() {
    let home = Home::new();
    let channel = home.db.insert_channel(new_channel("a"), "p").await.unwrap().id;
    let slots = slots("0-10 10-20 20-30");
    home.db.replace_timeline(channel, UtcMillis(0), slots, &json!(0)).await.unwrap();
    for (from, wanted) in [
        (-5, "0-10 10-20 20-30"),
        (9, "0-10 10-20 20-30"),
        (10, "10-20 20-30"),
        (25, "20-30"),
        (30, ""),
    ] {
        let loaded = home.db.load_timeline(channel, UtcMillis(from)).await.unwrap();
        assert_eq!(shown(&loaded), wanted, "from {from}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn stored_slots_are_one_timeline_whatever_is_written(
        writes in proptest::collection::vec((0_i64..200, 0_i64..220, proptest::collection::vec(1_i64..30, 0..6)), 1..8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let home = Home::new();
            let channel = home.db.insert_channel(new_channel("a"), "p").await.unwrap().id;
            for (from, start, lengths) in writes {
                let mut at = start;
                let slots: Vec<Slot> = lengths.iter().map(|length| {
                    at += length;
                    slot(at - length, at)
                }).collect();
                home.db.replace_timeline(channel, UtcMillis(from), slots.clone(), &json!(at)).await.unwrap();
                let stored = home.db.load_timeline(channel, UtcMillis(i64::MIN)).await.unwrap();
                assert!(stored.ends_with(&slots), "{} lacks {}", shown(&stored), shown(&slots));
                Timeline::new(stored).unwrap();
                assert_eq!(home.db.load_cursor(channel).await.unwrap(), Some(json!(at)));
            }
        });
    }
}

async fn check_replace(home: &Home, channel: ChannelId, from: i64, new: &str, then: &str) {
    let cursor = json!({ "after": new });
    home.db.replace_timeline(channel, UtcMillis(from), slots(new), &cursor).await.unwrap();
    assert_eq!(stored(home, channel).await, then, "after {new:?} from {from}");
    assert_eq!(home.db.load_cursor(channel).await.unwrap(), Some(cursor));
}

async fn stored(home: &Home, channel: ChannelId) -> String {
    shown(&home.db.load_timeline(channel, UtcMillis(i64::MIN)).await.unwrap())
}

/// Reads `start-stop …`.
fn slots(text: &str) -> Vec<Slot> {
    let read = |word: &str| {
        let (start, stop) = word.split_once('-').unwrap();
        slot(start.parse().unwrap(), stop.parse().unwrap())
    };
    text.split_whitespace().map(read).collect()
}

fn shown(slots: &[Slot]) -> String {
    let words: Vec<_> = slots.iter().map(|s| format!("{}-{}", s.start.0, s.stop.0)).collect();
    words.join(" ")
}

fn slot(start: i64, stop: i64) -> Slot {
    Slot {
        start: UtcMillis(start),
        stop: UtcMillis(stop),
        media: None,
        in_ms: 0,
        kind: SlotKind::Programme,
        title: "t".to_owned(),
        guide_group: None,
        custom_title: None,
    }
}

fn new_channel(name: &str) -> NewChannel {
    serde_json::from_value(json!({ "name": name })).unwrap()
}

async fn library(home: &Home) -> LibraryId {
    let new = NewLibrary {
        name: "a".to_owned(),
        path: "/lib".to_owned(),
        kind: LibraryKind::Movie,
        connections: None,
    };
    home.db.insert_library(new).await.unwrap().id
}

fn scanned(library: LibraryId, path: &str) -> ScannedMedia {
    ScannedMedia {
        size: 1,
        modified: UtcMillis(1),
        kind: MediaKind::Movie,
        title: "Title".to_owned(),
        duration_ms: 1_000,
        ..ScannedMedia::file(library, path)
    }
}

async fn all(home: &Home) -> Vec<Media> {
    home.db.list_media(&MediaFilter::all()).await.unwrap().0
}

async fn check_list(home: &Home, filter: MediaFilter, wanted: &str) {
    let (found, total) = home.db.list_media(&filter).await.unwrap();
    assert_eq!(titles(&found), wanted, "{filter:?}");
    assert_eq!(total, found.len() as u64);
}

fn titles(media: &[Media]) -> String {
    media.iter().map(|m| m.title.as_str()).collect::<Vec<_>>().join(", ")
}

#[track_caller]
fn check_taken<T: std::fmt::Debug>(result: Result<T, StorageError>, field: &str, value: &str) {
    match result {
        Err(StorageError::Conflict { field: f, value: v }) => {
            assert_eq!((&*f, &*v), (field, value))
        }
        other => panic!("{other:?} is no conflict about {field}"),
    }
}

#[track_caller]
fn check_absent<T: std::fmt::Debug>(result: Result<T, StorageError>) {
    assert!(matches!(result, Err(StorageError::NotFound)), "{result:?}");
}
