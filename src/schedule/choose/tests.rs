use super::super::catalogue::tests::shelf;
use super::*;
use crate::domain::{LibraryId, ListEntry, MediaKind, MediaState, Query};

#[test]
fn a_manual_choice_keeps_its_order_and_drops_what_cannot_play() {
    let mut shelf = shelf("1 a 10, 2 b 10, 3 c 10, 4 d 10");
    Arc::make_mut(&mut shelf[1]).state = MediaState::Missing;
    let selector = Selector::Manual { media: [4, 2, 9, 1, 4].map(MediaId).into() };
    assert_eq!(resolve(&selector, &shelf, UtcMillis(0)), [4, 1, 4].map(MediaId));
}

#[test]
fn a_filter_matches_every_field_it_names() {
    let mut shelf = shelf("1 a 10, 2 b 10, 3 c 10, 4 d 10");
    for (index, path) in
        ["/tv/Lost/1.mkv", "/tv/Lost2/1.mkv", "/tv/Lost/s2/9.mkv", "/tv/x.mkv"].iter().enumerate()
    {
        let item = Arc::make_mut(&mut shelf[index]);
        (*path).clone_into(&mut item.path);
        item.show = Some(if index < 3 { "LOST".to_owned() } else { "Found".to_owned() });
        item.kind = MediaKind::Episode;
    }
    let filter = |show: Option<&str>, folder: Option<&str>| Selector::Filter {
        library: Some(LibraryId(1)),
        kind: Some(MediaKind::Episode),
        show: show.map(str::to_owned),
        folder: folder.map(str::to_owned),
    };
    let ids = |selector| -> Vec<i64> {
        resolve(&selector, &shelf, UtcMillis(0)).into_iter().map(|id| id.0).collect()
    };
    assert_eq!(ids(filter(Some("lost"), None)), [1, 2, 3]);
    assert_eq!(ids(filter(None, Some("/tv/Lost/"))), [1, 3]);
    assert_eq!(ids(filter(Some("found"), Some("/tv/Lost"))), Vec::<i64>::new());
    assert_eq!(ids(filter(None, None)), [1, 2, 3, 4]);
}

#[test]
fn quarantine_ends() {
    let mut shelf = shelf("1 a 10");
    Arc::make_mut(&mut shelf[0]).state =
        MediaState::Quarantined { reason: "bad".into(), until: UtcMillis(100) };
    let all = Selector::Filter { library: None, kind: None, show: None, folder: None };
    assert_eq!(resolve(&all, &shelf, UtcMillis(99)), []);
    assert_eq!(resolve(&all, &shelf, UtcMillis(100)), [MediaId(1)]);
}

#[test]
fn a_query_chooses_what_can_play_in_its_order() {
    let mut shelf = shelf("1 a 10, 2 b 30, 3 c 20, 4 d 40");
    Arc::make_mut(&mut shelf[3]).state = MediaState::Missing;
    Arc::make_mut(&mut shelf[0]).kind = MediaKind::Live;
    let ids = |text: &str| {
        let query = Query::parse(text).unwrap();
        resolve(&Selector::Query { query }, &shelf, UtcMillis(0))
    };
    assert_eq!(ids(""), [2, 3].map(MediaId));
    assert_eq!(ids("sort:length"), [3, 2].map(MediaId));
    assert_eq!(ids("sort:-length limit:1"), [2].map(MediaId), "what cannot play takes no place");
    assert_eq!(ids("kind:live"), [1].map(MediaId), "a broadcast has to be asked for");
}

#[test]
fn several_collections_come_one_after_the_other_and_nothing_twice() {
    let manual =
        |ids: &[i64]| Selector::Manual { media: ids.iter().copied().map(MediaId).collect() };
    let multi = |ids: &[i64]| Selector::Multi {
        collections: ids.iter().copied().map(CollectionId).collect(),
    };
    let all = [
        collection(1, manual(&[3, 1])),
        collection(2, manual(&[2, 3, 9])),
        collection(3, multi(&[2, 1, 7])),
        collection(4, multi(&[3, 5])),
        collection(5, multi(&[4])),
    ];
    check(&all, 3, &[2, 3, 1]);
    // A circle ends; what is outside of it stays.
    check(&all, 4, &[2, 3, 1]);
    let (shelf, none) = (shelf(FOUR), HashSet::new());
    let groups = Shelf::new(&shelf, &all, &none, UtcMillis(0)).groups(&all[2].selector);
    assert_eq!(groups, [vec![MediaId(2), MediaId(3)], vec![MediaId(3), MediaId(1)]]);
}

#[test]
fn a_rerun_is_what_was_on_air_before() {
    let every = Selector::Filter { library: None, kind: None, show: None, folder: None };
    let part = |run| Selector::Rerun { collection: CollectionId(1), run };
    let all =
        [collection(1, every), collection(2, part(Run::First)), collection(3, part(Run::Again))];
    check(&all, 2, &[1, 3]);
    check(&all, 3, &[2, 4]);
}

#[test]
fn a_list_keeps_its_order_and_leaves_out_what_is_not_there() {
    let entries =
        ["d", "x", "a"].map(|title| ListEntry { title: title.into(), ..ListEntry::default() });
    let all = [collection(1, Selector::List { entries: entries.into() })];
    check(&all, 1, &[4, 1]);
}

const FOUR: &str = "1 a 10, 2 b 10, 3 c 10, 4 d 10";

/// Checks what a collection holds when media 2 and 4 were on air.
#[track_caller]
fn check(all: &[Collection], id: i64, expected: &[i64]) {
    let aired = [2, 4].map(MediaId).into();
    let chosen = resolve_all(all, &shelf(FOUR), &aired, UtcMillis(0));
    let expected: Vec<MediaId> = expected.iter().copied().map(MediaId).collect();
    assert_eq!(*chosen[&CollectionId(id)], expected, "collection {id}");
}

fn collection(id: i64, selector: Selector) -> Collection {
    Collection {
        id: CollectionId(id),
        name: id.to_string(),
        description: None,
        selector,
        created: UtcMillis(0),
        updated: UtcMillis(0),
    }
}
