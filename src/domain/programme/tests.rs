//! Tests of the guide's entries.

use proptest::prelude::*;

use super::*;
use crate::domain::LibraryId;

#[test]
fn an_episode_is_found_under_its_show() {
    let mut media = media(MediaKind::Episode, "Pilot");
    media.show = Some("Lost".into());
    (media.season, media.episode) = (Some(1), Some(2));
    check_titles(&media, "Lost", Some("Pilot"));
    assert_eq!(entry(&media).description, "Lost, season 1, episode 2: Pilot.");
    media.title = "Item 2".into();
    check_titles(&media, "Lost", None);
    media.plot = Some(" A plane falls. ".into());
    assert_eq!(entry(&media).description, "A plane falls.");
}

#[test]
fn a_film_carries_its_edition_and_part_below_the_title() {
    let mut media = media(MediaKind::Movie, "Brazil");
    check_titles(&media, "Brazil", None);
    media.year = Some(1985);
    assert_eq!(entry(&media).description, "Brazil (1985).");
    media.edition = Some("Director's Cut".into());
    media.part = Some(2);
    check_titles(&media, "Brazil", Some("Director's Cut, Part 2"));
}

#[test]
fn a_music_video_names_its_artist() {
    let mut media = media(MediaKind::MusicVideo, "Take On Me");
    media.show = Some("a-ha".into());
    check_titles(&media, "Take On Me", Some("a-ha"));
}

#[test]
fn a_placeholder_gives_way_to_the_file_and_then_to_the_slot() {
    let mut media = media(MediaKind::Other, "Item 123");
    media.path = "/x/My_holiday.in.Rome.mp4".into();
    check_titles(&media, "My holiday in Rome", None);
    media.path = "/x/item_77.mp4".into();
    check_titles(&media, "slot title", None);
    for title in ["", "  ", "item 1", "ITEM #44"] {
        assert_eq!(usable(title), None, "{title:?}");
    }
    for title in ["Item", "Items 4", "Item 12a", "An item 4"] {
        assert_eq!(usable(title), Some(title));
    }
}

#[test]
fn nothing_to_play_says_so() {
    let slot = Slot { media: None, kind: SlotKind::Offline, ..slot() };
    let programme = programme(&Slot { title: String::new(), ..slot }, None, "Films");
    assert_eq!(programme.title, "No programming");
    assert_eq!(programme.description, "Films has nothing to show at this time.");
    assert_eq!(programme.kind, None);
}

#[test]
fn what_is_at_most_two_weeks_old_is_fresh() {
    let fresh = |aired: Option<&str>, year: Option<u32>, added_days_ago: i64| {
        let mut media = media(MediaKind::Movie, "x");
        media.aired = aired.map(str::to_owned);
        media.year = year;
        media.added = slot().start.plus_ms(-added_days_ago * 86_400_000);
        entry(&media).showing == Showing::New
    };
    assert!(fresh(Some("2026-11-08"), None, 99));
    assert!(!fresh(Some("2026-11-07"), None, 1));
    assert!(!fresh(Some("2025-11-20"), None, 1));
    assert!(fresh(Some("2027-01-01"), Some(1990), 99));
    assert!(!fresh(Some("bad"), Some(1990), 1));
    assert!(fresh(None, Some(2025), 14) && !fresh(None, Some(2025), 15));
    assert!(fresh(None, None, 0) && !fresh(None, None, 15) && !fresh(None, Some(2024), 1));
    let mut relay = media(MediaKind::Live, "News");
    relay.added = slot().start;
    assert_eq!(entry(&relay).showing, Showing::Repeat);
}

#[test]
fn only_the_first_showing_on_a_channel_is_new() {
    let mut media = media(MediaKind::Movie, "Fresh");
    media.added = slot().start;
    let again = Slot { start: slot().stop, stop: slot().stop.plus_ms(60_000), ..slot() };
    let slots = [slot(), again];
    let shown = |was_shown: bool| -> Vec<(Showing, Option<UtcMillis>)> {
        let listed = |entry: &Entry| {
            let before = shown_before(entry, &slots);
            let programme = listed(entry, &slots, Some(&media), "Films", before, was_shown);
            (programme.showing, programme.shown_before)
        };
        entries(&slots, false).iter().map(listed).collect()
    };
    let second = (Showing::Repeat, Some(slot().start));
    assert_eq!(shown(false), [(Showing::New, None), second]);
    assert_eq!(shown(true), [(Showing::Repeat, None), second]);
}

#[test]
fn several_items_under_one_title_are_no_single_episode() {
    let mut media = media(MediaKind::Episode, "Pilot");
    media.show = Some("Lost".into());
    (media.season, media.episode) = (Some(1), Some(1));
    let part = |n: i64, custom_title: Option<&str>| Slot {
        start: slot().start.plus_ms(n * 60_000),
        stop: slot().start.plus_ms((n + 1) * 60_000),
        media: Some(MediaId(n)),
        title: format!("Lost S01E0{n}"),
        guide_group: (n > 0).then(|| slot().start),
        custom_title: custom_title.map(str::to_owned),
        ..slot()
    };
    let told = |titles: [Option<&str>; 2]| {
        let slots = [part(0, titles[0]), part(1, titles[1])];
        let found = entries(&slots, false);
        assert_eq!(found.len(), 1);
        let programme = listed(&found[0], &slots, Some(&media), "Films", None, false);
        (programme.title, programme.episode, programme.description)
    };
    let night = ("Lost Night".to_owned(), None, "Lost S01E00 · Lost S01E01".to_owned());
    assert_eq!(told([Some("Lost Night"); 2]), night);
    // The second hides in the first.
    let (title, episode, _) = told([None, None]);
    assert_eq!((title.as_str(), episode), ("Lost", Some(1)));
}

proptest! {
    #[test]
    fn a_title_is_never_empty_and_never_a_placeholder(
        title in "(Item [0-9]{0,4}| {0,3}|\\PC{0,12})",
        path in "\\PC{0,20}",
        show in prop::option::of("(Item [0-9]{1,3}| ?|[a-z]{3})"),
        kind in prop_oneof![
            Just(MediaKind::Movie), Just(MediaKind::Episode),
            Just(MediaKind::MusicVideo), Just(MediaKind::Other)
        ],
    ) {
        let media = Media { path, show, ..media(kind, &title) };
        let slot = Slot { title: title.clone(), ..slot() };
        for media in [Some(&media), None] {
            let programme = programme(&slot, media, "Films");
            prop_assert_eq!(usable(&programme.title), Some(programme.title.as_str()));
            prop_assert!(!programme.description.trim().is_empty());
            prop_assert!(programme.sub_title.is_none_or(|text| usable(&text).is_some()));
        }
    }
}

#[track_caller]
fn check_titles(media: &Media, title: &str, sub_title: Option<&str>) {
    let programme = entry(media);
    assert_eq!((programme.title.as_str(), programme.sub_title.as_deref()), (title, sub_title));
}

fn entry(media: &Media) -> Programme {
    programme(&slot(), Some(media), "Films")
}

/// An hour from 2026-11-22T00:00:00Z.
fn slot() -> Slot {
    Slot {
        start: UtcMillis(1_795_305_600_000),
        stop: UtcMillis(1_795_309_200_000),
        media: Some(MediaId(1)),
        in_ms: 0,
        kind: SlotKind::Programme,
        title: "slot title".into(),
        guide_group: None,
        custom_title: None,
    }
}

fn media(kind: MediaKind, title: &str) -> Media {
    Media {
        library: LibraryId(1),
        size: 1,
        kind,
        title: title.into(),
        duration_ms: 1_000,
        ..Media::file(MediaId(1), "/x/a.mp4")
    }
}
