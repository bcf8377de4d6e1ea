//! Line-ups for small libraries.

use proptest::prelude::*;

use crate::domain::{FrameRate, MediaId, Probe, UtcMillis, VideoStream};

use super::*;

#[test]
fn a_mixed_library_gets_its_channels() {
    let library = media(
        "episode Lost /l/tv/Lost/1 600, episode lost /l/tv/Lost/2 600, episode LOST /l/tv/Lost/3 600,
         episode Tiny /l/tv/Tiny/1 60, movie - /l/films/a 5400, music_video Band /l/b 200,
         other - /l/home/beach/1 10, other - /l/home/garden/2 10, other - /l/home/3 10",
    );
    let expected = [
        "1 home (Folders): Chronological of folder /l/home",
        "2 Lost (Shows): SeasonEpisode of show Lost",
        "3 Films (Films): Shuffle of Movie",
        "4 Music Videos (Music): Shuffle of MusicVideo",
        "5 Everything (Mixed): Shuffle of all",
    ];
    assert_eq!(lines(&library, &[]), expected);
}

#[test]
fn a_single_playable_file_is_enough_for_one_channel() {
    let library = media("other - /l/a 10");
    assert_eq!(lines(&library, &[]), ["1 Everything (Mixed): Shuffle of all"]);
    assert_eq!(lines(&[], &[]), Vec::<String>::new());
    let mut broken = library;
    broken[0].state = MediaState::Missing;
    assert_eq!(lines(&broken, &[]), Vec::<String>::new());
}

#[test]
fn every_broadcast_gets_a_channel_and_none_is_mixed_with_films() {
    let library = media("live - live:a 3600, movie - /l/films/a 5400, live - live:b 3600");
    let expected = [
        "1 Films (Films): Shuffle of Movie",
        "2 Everything (Mixed): Shuffle of all",
        "3 x (Live): Chronological of a choice",
        "4 x 2 (Live): Chronological of a choice",
    ];
    assert_eq!(lines(&library, &[]), expected);
    assert_eq!(lines(&library[..1], &[]), ["1 x (Live): Chronological of a choice"]);
    let many = "live - live:a 3600, ".repeat(50);
    assert_eq!(lines(&media(&many), &[]).len(), MOST_CHANNELS);
}

#[test]
fn taken_numbers_are_left_alone() {
    let library = media("movie - /l/a 10");
    let expected = ["2 Films (Films): Shuffle of Movie", "4 Everything (Mixed): Shuffle of all"];
    assert_eq!(lines(&library, &["1", "3", "2.1"]), expected);
}

#[test]
fn the_largest_shows_win_and_names_do_not_repeat() {
    let mut text = String::from("movie - /l/film 10, ");
    for show in 0..40 {
        text += &format!("episode Show{show:02} /l/{show}/1 {}, ", 1_800 + show);
    }
    text += "episode Films /l/f 9999";
    let lines = lines(&media(&text), &[]);
    assert_eq!(lines.len(), MOST_CHANNELS);
    assert!(lines[0].starts_with("1 Films (Shows)"), "{lines:?}");
    assert!(lines[1].starts_with("2 Show23 "), "{lines:?}");
    assert!(lines[18].starts_with("19 Films 2 (Films)"), "{lines:?}");
}

#[test]
fn a_long_item_makes_a_folder_large_enough() {
    let library = media("other - /l/talks/1 1800, other - /l/clips/1 20, other - /l/clips/2 20");
    let expected = [
        "1 talks (Folders): Chronological of folder /l/talks",
        "2 Everything (Mixed): Shuffle of all",
    ];
    assert_eq!(lines(&library, &[]), expected);
}

#[test]
fn the_profile_is_what_most_of_the_media_is_already() {
    // "codec width height rate seconds"
    check_profile("h264 1280 720 25/1 600, h264 1920 1080 25/1 60", "720p25");
    check_profile("h264 1920 1080 24000/1001 600, h264 1280 720 25/1 60", "1080p23.976");
    check_profile("hevc 1920 1080 24000/1001 600", "720p23.976");
    check_profile("hevc 1920 1080 24/1 600, h264 1280 720 25/1 60", "720p24");
    check_profile("mpeg2video 320 240 30000/1001 600", "360p29.97");
    check_profile("h264 1920 800 24/1 600", "720p24");
    check_profile("vp9 1280 720 120/1 10", "720p60");
    check_profile("", "720p25");
}

#[test]
fn a_channel_is_made_from_its_plan() {
    let plan = starter(&media("movie - /l/a 10"), &BTreeSet::new()).remove(0);
    let channel = plan.channel(CollectionId(7)).checked().unwrap();
    assert_eq!((channel.name.as_str(), channel.rules.items[0].collection.0), ("Films", 7));
    assert_eq!(channel.rules.seed, plan.channel(CollectionId(9)).rules.seed);
    assert!(Profile::named(channel.profile.as_deref().unwrap()).is_some());
}

proptest! {
    #[test]
    fn every_line_up_is_sound(
        items in proptest::collection::vec(("(movie|episode|music_video|other)", "[ab\u{1}é]{0,3}", "(/[abé]{1,2}){1,4}", 1_i64..4000), 1..40),
        shift in 0_usize..40,
    ) {
        let mut library: Vec<Media> = Vec::new();
        for (at, (kind, show, path, seconds)) in items.iter().enumerate() {
            let mut item = media(&format!("{kind} - {path} {seconds}")).remove(0);
            item.id = MediaId(i64::try_from(at).unwrap());
            item.show = Some(show.clone());
            library.push(item);
        }
        let first = starter(&library, &BTreeSet::new());
        library.rotate_left(shift % items.len());
        prop_assert_eq!(&first, &starter(&library, &BTreeSet::new()));
        prop_assert!((1..=MOST_CHANNELS).contains(&first.len()));
        let names: BTreeSet<&str> = first.iter().map(|channel| channel.name.as_str()).collect();
        prop_assert_eq!(names.len(), first.len());
        let shelf: Vec<std::sync::Arc<Media>> = library.into_iter().map(Into::into).collect();
        for channel in &first {
            prop_assert!(channel.channel(CollectionId(1)).checked().is_ok());
            let chosen = crate::schedule::resolve(&channel.selector, &shelf, UtcMillis(0));
            prop_assert!(!chosen.is_empty(), "{channel:?}");
        }
    }
}

#[track_caller]
fn check_profile(videos: &str, expected: &str) {
    let mut library = Vec::new();
    for line in videos.split(',').filter(|line| !line.trim().is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (num, den) = words[3].split_once('/').unwrap();
        let mut item = media(&format!("movie - /l/a {}", words[4])).remove(0);
        let video = VideoStream {
            codec: words[0].to_owned(),
            codec_profile: "High".to_owned(),
            width: words[1].parse().unwrap(),
            height: words[2].parse().unwrap(),
            pixel_format: "yuv420p".to_owned(),
            rate: FrameRate { num: num.parse().unwrap(), den: den.parse().unwrap() },
            constant_rate: true,
            progressive: true,
            rotation: 0,
            square_pixels: true,
            transfer: String::new(),
            gop_ms: Some(2_000),
        };
        item.probe = Some(Probe { video: Some(video), ..Probe::default() });
        library.push(item);
    }
    assert_eq!(profile_for(&library), expected);
}

fn lines(library: &[Media], taken: &[&str]) -> Vec<String> {
    let taken = taken.iter().map(|number| number.parse().unwrap()).collect();
    let line = |channel: StarterChannel| {
        let of = match channel.selector {
            Selector::Filter { folder: Some(folder), .. } => format!("folder {folder}"),
            Selector::Filter { show: Some(show), .. } => format!("show {show}"),
            Selector::Filter { kind: Some(kind), .. } => format!("{kind:?}"),
            Selector::Filter { .. } => "all".to_owned(),
            Selector::Manual { .. }
            | Selector::Query { .. }
            | Selector::Multi { .. }
            | Selector::Rerun { .. }
            | Selector::List { .. } => "a choice".to_owned(),
        };
        let (number, name, order) = (channel.number, channel.name, channel.order);
        format!("{number} {name} ({}): {order:?} of {of}", channel.group.unwrap_or_default())
    };
    starter(library, &taken).into_iter().map(line).collect()
}

/// Reads `kind show path seconds, …`.
fn media(text: &str) -> Vec<Media> {
    let item = |(at, line): (usize, &str)| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let kind = match words[0] {
            "movie" => MediaKind::Movie,
            "episode" => MediaKind::Episode,
            "music_video" => MediaKind::MusicVideo,
            "live" => MediaKind::Live,
            _ => MediaKind::Other,
        };
        Media {
            library: LibraryId(1),
            size: 1,
            kind,
            title: "x".to_owned(),
            show: Some(words[1].to_owned()).filter(|show| show != "-"),
            duration_ms: words[3].parse::<i64>().unwrap() * 1000,
            ..Media::file(MediaId(i64::try_from(at).unwrap()), words[2])
        }
    };
    let lines = text.split(',').filter(|line| !line.trim().is_empty());
    lines.enumerate().map(item).collect()
}
