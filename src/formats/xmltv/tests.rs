//! Tests of the guide's text: as published, read back, and judged by the XMLTV tools.

use std::collections::BTreeSet;

use proptest::prelude::*;
use quick_xml::Reader;
use quick_xml::events::Event;

use super::super::tests::lineup_channel;
use super::*;
use crate::domain::{Actor, MediaId};

#[test]
fn the_guide_reads_as_published() {
    insta::assert_snapshot!(sample().with_base("http://tv:8411"));
}

#[test]
fn addresses_of_this_server_are_left_open() {
    let sample = sample();
    assert_eq!(sample.holes.len(), 1);
    let text = sample.with_base("https://tv.example");
    assert!(text.contains("<icon src=\"https://tv.example/static/a&amp;b.png\"/>"), "{text}");
    assert!(text.contains("<icon src=\"https://logos.example/a.png\"/>"), "{text}");
}

#[test]
fn episode_numbers_of_all_kinds() {
    check_numbers(Some(1), Some(2), None, "0.1. S01E02");
    check_numbers(Some(12), Some(9), Some(11), "11.8. S12E09-E11");
    check_numbers(Some(0), Some(3), None, ".2. S00E03");
    check_numbers(Some(0), Some(3), Some(4), ".2. S00E03");
    check_numbers(None, Some(104), None, ".103. E104");
    check_numbers(Some(1), None, None, "");
}

#[test]
fn a_rating_is_the_one_that_clients_know() {
    let rated = |rating: &str| {
        let mut entry = programme("0 10", "Lost");
        entry.rating = Some(rating.to_owned());
        let text = guide(&[lineup_channel("1 5 x")], &[(0, entry)]).with_base("");
        let rating = text.lines().find(|line| line.contains("<rating"));
        rating.map(|line| line.trim().replace("<value>", "").replace("</value></rating>", ""))
    };
    let is = |rating: &str, expected: &str| assert_eq!(rated(rating).as_deref(), Some(expected));
    is("Rated PG-13", "<rating system=\"MPAA\">PG-13");
    is("US:TV-14 / DE:12", "<rating system=\"VCHIP\">TV-14");
    is("DE:FSK 12", "<rating>DE:FSK 12");
    assert_eq!(rated("/ Rated R"), None);
    assert_eq!(rated(" "), None);
}

#[test]
fn programme_ids_are_alike_for_repeats_and_for_nothing_else() {
    let shown = |title: &str, kind, media, numbers: Option<(u32, u32)>| {
        let mut programme = programme("0 10", title);
        programme.kind = Some(kind);
        programme.media = Some(MediaId(media));
        programme.season = numbers.map(|n| n.0);
        programme.episode = numbers.map(|n| n.1);
        programme_id(&programme).unwrap()
    };
    let lost = shown("Lost", MediaKind::Episode, 1, Some((1, 2)));
    assert_eq!(lost, shown("LOST", MediaKind::Episode, 99, Some((1, 2))));
    assert!(lost.starts_with("EP") && lost.ends_with(".01002") && lost.len() == 18, "{lost}");
    let all = [
        lost,
        shown("Lost", MediaKind::Episode, 1, Some((1, 3))),
        shown("Found", MediaKind::Episode, 2, Some((1, 2))),
        shown("Lost", MediaKind::Episode, 3, None),
        shown("Lost", MediaKind::Episode, 4, None),
        shown("Lost", MediaKind::Movie, 5, None),
        shown("Lost", MediaKind::Other, 6, None),
    ];
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    assert_eq!(programme_id(&programme("0 10", "No programming")), None);
}

#[test]
fn times_are_utc_seconds() {
    let stamped = |ms: i64| {
        let mut line = String::new();
        stamp(&mut line, UtcMillis(ms));
        line
    };
    assert_eq!(stamped(1_795_305_600_999), "20261122000000 +0000");
    assert_eq!(stamped(-1), "19691231235959 +0000");
    assert_eq!(stamped(i64::MAX).len(), 20);
    assert_eq!(stamped(i64::MIN).len(), 20);
}

#[test]
fn a_guide_has_no_holes_and_no_overlaps() {
    check_walls("", "filler 0 60, filler 60 100");
    check_walls("a 0 100", "a 0 100");
    check_walls("a -50 10, b 30 40, c 35 200", "a -50 10, filler 10 30, b 30 35, c 35 200");
    check_walls(
        "a -50 0, b 100 150, c 20 30.5",
        "filler 0 20, c 20 30, filler 30 90, filler 90 100",
    );
    check_walls("a 0 10.2, b 10.2 10.9, c 10.9 50, d 50 100", "a 0 10, c 10 50, d 50 100");
}

#[test]
fn the_xmltv_tools_accept_the_guide() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("guide.xml");
    std::fs::write(&file, sample().with_base("http://tv:8411")).unwrap();
    let (ok, said) = run("tv_validate_file", &[file.as_os_str()]);
    assert!(ok && said.contains("Validated ok."), "tv_validate_file: {said}");
    let sorted = folder.path().join("sorted.xml");
    let (ok, said) = run("tv_sort", &[file.as_os_str(), "--output".as_ref(), sorted.as_os_str()]);
    assert!(ok && said.is_empty(), "tv_sort: {said}");
}

proptest! {
    #[test]
    fn any_text_comes_back_from_a_real_parser(
        title in "(\\PC|[&<>\"'\\x00-\\x1F\u{FFFE}\u{FFFF}]){1,20}",
        sub_title in prop::option::of("\\PC{0,10}"),
        genre in "(\\PC|\\]\\]>|<!--){0,6}",
        logo in "/\\PC{0,12}",
    ) {
        let mut channel = lineup_channel("1 5 x");
        channel.name.clone_from(&title);
        channel.logo = Some(logo);
        let mut entry = programme("0 10", &title);
        entry.sub_title = sub_title;
        entry.genres = vec![genre];
        let text = guide(&[channel], &[(0, entry)]).with_base("http://tv:8411");
        let expected: String =
            title.chars().map(|c| if c.is_control() || c == '\u{FFFE}' || c == '\u{FFFF}' { ' ' } else { c }).collect();
        prop_assert_eq!(texts_of(&text, "title"), vec![expected]);
        prop_assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
    }

    #[test]
    fn walls_stand_whatever_comes(
        spans in prop::collection::vec((-100_000_i64..200_000, 1_i64..90_000), 0..12),
        to in 0_i64..150_000,
    ) {
        let programmes: Vec<Programme> = spans
            .iter()
            .map(|(start, length)| Programme {
                start: UtcMillis(*start),
                stop: UtcMillis(start + length),
                ..programme("0 1", "x")
            })
            .collect();
        let walls = walls(programmes, to);
        prop_assert!(walls.windows(2).all(|pair| pair[0].stop == pair[1].start));
        prop_assert!(walls.iter().all(|p| p.start < p.stop && p.start.0 % 1000 == 0));
        if to >= 1000 {
            prop_assert!(walls.first().unwrap().start <= UtcMillis(0));
            prop_assert!(walls.last().unwrap().stop.seconds() >= UtcMillis(to).seconds());
        }
    }
}

/// A guide in memory with its addresses left open.
#[derive(Debug, Default)]
struct Pieces {
    text: String,
    /// Where the addresses go, ascending.
    holes: Vec<usize>,
}

impl Output for Pieces {
    fn text(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn base(&mut self) {
        self.holes.push(self.text.len());
    }
}

impl Pieces {
    fn with_base(&self, base: &str) -> String {
        let starts = std::iter::once(0).chain(self.holes.iter().copied());
        let ends = self.holes.iter().copied().chain(std::iter::once(self.text.len()));
        let pieces: Vec<&str> =
            starts.zip(ends).map(|(start, end)| &self.text[start..end]).collect();
        pieces.join(base)
    }
}

/// Two channels with every kind of programme.
fn sample() -> Pieces {
    let mut films = lineup_channel("1 5 Films & <More>");
    films.logo = Some("static/a&b.png".into());
    let mut shows = lineup_channel("12 7.1 Shows");
    shows.logo = Some("https://logos.example/a.png".into());
    (shows.height, shows.width) = (480, 854);
    (shows.audio_codec, shows.audio_layout) = (AudioCodec::Ac3, AudioLayout::Surround);
    let mut film = programme("0 5400", "Tom & \"Jerry\" <3");
    film.kind = Some(MediaKind::Movie);
    film.sub_title = Some("Director's Cut".into());
    film.year = Some(1985);
    film.genres = vec!["Comedy".into(), "movie".into(), "Family".into(), "Series".into()];
    film.rating = Some("PG-13".into());
    film.showing = Showing::Repeat;
    let mut episode = programme("0 1800", "Lost");
    episode.kind = Some(MediaKind::Episode);
    episode.sub_title = Some("Pilot".into());
    (episode.season, episode.episode) = (Some(1), Some(2));
    episode.aired = Some("2026-11-20".into());
    episode.rating = Some("TV-14".into());
    episode.showing = Showing::New;
    episode.details = std::sync::Arc::new(Details {
        directors: vec!["J. J. <Abrams>".into()],
        writers: vec!["Lindelof".into(), " ".into()],
        actors: vec![
            Actor { name: "Matthew Fox".into(), role: Some("Jack \"Doc\"".into()) },
            Actor { name: "Evangeline Lilly".into(), role: None },
        ],
        stars: Some(83),
    });
    let mut song = programme("1800 2100", "Take On Me");
    song.kind = Some(MediaKind::MusicVideo);
    song.sub_title = Some("a-ha".into());
    song.shown_before = Some(song.start.plus_ms(-3_600_000));
    let mut nothing = programme("2100 5400", "No programming");
    nothing.media = None;
    guide(&[films, shows], &[(0, film), (1, episode), (1, song), (1, nothing)])
}

fn guide(channels: &[LineupChannel], programmes: &[(usize, Programme)]) -> Pieces {
    let mut pieces = Pieces::default();
    let mut writer = Writer::begin(&mut pieces, channels);
    for (channel, programme) in programmes {
        writer.programme(&channels[*channel], programme);
    }
    writer.finish();
    pieces
}

/// `start stop` in seconds from 2026-11-22T00:00:00Z.
fn programme(times: &str, title: &str) -> Programme {
    let (start, stop) = times.split_once(' ').unwrap();
    let at = |seconds: &str| {
        UtcMillis(1_795_305_600_000).plus_ms((seconds.parse::<f64>().unwrap() * 1000.0) as i64)
    };
    Programme {
        title: title.to_owned(),
        description: format!("{title}."),
        media: Some(MediaId(1)),
        ..Programme::untitled(at(start), at(stop))
    }
}

#[track_caller]
fn check_numbers(season: Option<u32>, episode: Option<u32>, last: Option<u32>, expected: &str) {
    let mut entry = programme("0 10", "Lost");
    (entry.season, entry.episode, entry.episode_end) = (season, episode, last);
    entry.media = None;
    let text = guide(&[lineup_channel("1 5 x")], &[(0, entry)]).with_base("");
    assert_eq!(texts_of(&text, "episode-num").join(" "), expected);
}

/// Reads and writes `title start stop, …` in seconds; the window is 0 to 100, the filler 60.
#[track_caller]
fn check_walls(before: &str, expected: &str) {
    let entries = before.split(", ").filter(|line| !line.is_empty()).map(|line| {
        let words: Vec<&str> = line.split(' ').collect();
        let at = |word: &str| UtcMillis((word.parse::<f64>().unwrap() * 1000.0) as i64);
        Programme { start: at(words[1]), stop: at(words[2]), ..programme("0 1", words[0]) }
    });
    let walls = walls(entries.collect(), 100_000);
    let line = |p: &Programme| format!("{} {} {}", p.title, p.start.seconds(), p.stop.seconds());
    assert_eq!(walls.iter().map(line).collect::<Vec<_>>().join(", "), expected);
}

fn walls(programmes: Vec<Programme>, to: i64) -> Vec<Programme> {
    wall_to_wall(programmes, UtcMillis(0), UtcMillis(to), 60_000, &|start, stop| Programme {
        start,
        stop,
        ..programme("0 1", "filler")
    })
}

/// The unescaped text of every `name` element.
fn texts_of(xml: &str, name: &str) -> Vec<String> {
    let mut reader = Reader::from_str(xml);
    let mut found = Vec::new();
    let mut inside = None;
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) if start.name().as_ref() == name => {
                inside = Some(String::new());
            }
            Event::Text(text) => {
                if let Some(inside) = &mut inside {
                    inside.push_str(&text.xml10_content());
                }
            }
            Event::GeneralRef(entity) => {
                if let Some(inside) = &mut inside {
                    let entity = format!("&{};", &*entity);
                    inside.push_str(&quick_xml::escape::unescape(&entity).unwrap());
                }
            }
            Event::End(_) => found.extend(inside.take()),
            Event::Eof => return found,
            _ => {}
        }
    }
}

/// Runs a tool of `xmltv-util`; returns success and everything it said.
#[expect(clippy::disallowed_methods, reason = "a test drives a real tool")]
fn run(program: &str, args: &[&std::ffi::OsStr]) -> (bool, String) {
    let output = std::process::Command::new(program)
        .args(args)
        .env("XMLTV_SUPPLEMENT", "/usr/share/xmltv")
        .output()
        .unwrap_or_else(|e| panic!("{program}: {e}; install it: apt-get install xmltv-util"));
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}
