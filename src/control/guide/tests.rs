//! Tests of the snapshot.

use std::collections::HashMap;
use std::io::Read;
use std::sync::Arc;

use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::super::programming::{Planned, PlannedFrom};
use super::*;
use crate::domain::{Channel, ChannelId, FrameRate, Media, MediaId, SlotKind, Timeline};

const NOW: UtcMillis = UtcMillis(1_795_320_000_000);

#[test]
fn the_address_goes_where_it_belongs_packed_or_not() {
    let guide = guide(3, 5);
    for base in ["http://tv:8411", "https://a-much-longer-name.example.org:8443/tv", ""] {
        let xml = String::from_utf8(guide.xml(base).to_vec()).unwrap();
        assert_eq!(xml.matches(&format!("<icon src=\"{base}/logo/")).count(), 3);
        assert!(xml.ends_with("</tv>\n"));
        assert_eq!(guide.xml_length(base), xml.len());
        assert_eq!(unzip(&guide.gzip(base).flatten().collect::<Vec<u8>>()), xml);
    }
}

#[test]
fn four_hours_of_the_past_and_all_of_the_future_are_covered() {
    let guide = guide(1, 0);
    let xml = String::from_utf8(guide.xml("").to_vec()).unwrap();
    // Four hours back and two ahead, in hours of "No programming".
    assert_eq!(guide.report().programmes, 6);
    assert!(xml.contains("start=\"20261122000000 +0000\" stop=\"20261122010000 +0000\""), "{xml}");
    assert!(xml.contains("stop=\"20261122060000 +0000\""), "{xml}");
}

#[test]
fn there_is_no_guide_without_channels() {
    let built = Guide::build(&[], |_, _| vec![], NOW, (NOW, NOW));
    assert_eq!(built.unwrap_err(), GuideError::NoChannels);
}

#[test]
fn the_tag_follows_content_address_and_encoding() {
    let guide = guide(1, 2);
    let tag = guide.etag("http://a", false);
    assert!(tag.starts_with('"') && tag.ends_with('"'));
    assert_eq!(tag, super::tests::guide(1, 2).etag("http://a", false));
    assert_ne!(tag, guide.etag("http://b", false));
    assert_ne!(tag, guide.etag("http://a", true));
    assert_ne!(tag, super::tests::guide(1, 3).etag("http://a", false));
    assert_eq!(guide.last_modified(), "Sun, 22 Nov 2026 04:00:00 GMT");
}

#[test]
fn a_large_guide_is_packed_as_it_is_written() {
    let guide = guide(100, 120);
    assert_eq!(guide.report().programmes, 100 * 124);
    let gz: Vec<u8> = guide.gzip("http://tv:8411").flatten().collect();
    assert!(gz.len() * 5 < guide.xml_length("http://tv:8411"), "{} bytes", gz.len());
    assert_eq!(unzip(&gz).len(), guide.xml_length("http://tv:8411"));
}

#[test]
fn a_channel_that_cannot_be_read_back_costs_its_words_and_not_the_guide() {
    let lineup = lineup(2);
    let entries = |channel: &LineupChannel, _: &mut Tally| {
        let mut entries = programmes(3);
        if channel.id == ChannelId(2) {
            entries[1].title = "Item 12".into();
        }
        entries
    };
    let guide = Guide::build(&lineup, entries, NOW, (NOW, NOW.plus_ms(180_000))).unwrap();
    let xml = String::from_utf8(guide.xml("http://tv").to_vec()).unwrap();
    assert_eq!(xml.matches("<title>Episode").count(), 3, "{xml}");
    assert!(!xml.contains("Item 12"));
    assert_eq!(guide.report().programmes, 6);
    let [(id, why)] = guide.report().spoiled.as_slice() else { panic!("{:?}", guide.report()) };
    assert_eq!(*id, ChannelId(2));
    assert!(why.contains("a title says nothing"), "{why}");
}

#[test]
fn a_build_tells_what_it_found() {
    let lineup = lineup(3);
    let entries = |channel: &LineupChannel, tally: &mut Tally| {
        tally.lookups += 1;
        let count = if channel.id == ChannelId(3) { 0 } else { 2 };
        let mut entries = programmes(count);
        if let Some(entry) = entries.first_mut() {
            entry.kind = Some(crate::domain::MediaKind::Movie);
        }
        entries
    };
    let guide = Guide::build(&lineup, entries, NOW, (NOW, NOW.plus_ms(120_000))).unwrap();
    let report = guide.report();
    assert_eq!((report.channels, report.programmes), (3, 5));
    assert_eq!(report.without_programme, [ChannelId(3)]);
    assert_eq!((report.films_without_year, report.tally.lookups), (2, 3));
    assert_eq!(report.xml_bytes, guide.xml_length(""));
    assert_eq!(guide.start_at(ChannelId(1), NOW.plus_ms(61_000)), Some(NOW.plus_ms(60_000)));
    assert_eq!(guide.start_at(ChannelId(1), NOW.plus_ms(-1)), None);
}

#[test]
fn at_a_thousand_random_instants_the_guide_names_what_is_played_or_what_its_filler_belongs_to() {
    // The seed is printed with a failure, so that it can be looked at again.
    for seed in 0..20 {
        let mut chance = StdRng::seed_from_u64(seed);
        let (planned, told) = random_channel(&mut chance);
        let guides = Guides::new(Settings {
            past_hours: 4,
            days: 2,
            wording: Arc::default(),
            show_filler: false,
        });
        let source = |_: &LineupChannel, tally: &mut Tally| {
            guides.programmes_of(&planned, &Shown::new(), tally)
        };
        let until = planned.timeline.stop().unwrap();
        let window = (planned.timeline.start().unwrap(), until);
        let guide = Guide::build(&lineup(1), source, NOW, window).unwrap();
        assert_eq!(guide.report().spoiled, []);
        let xml = String::from_utf8(guide.xml("http://tv").to_vec()).unwrap();
        let listed = read_back(&xml);
        for _ in 0..50 {
            let at = UtcMillis(chance.random_range(window.0.0..window.1.0) / 1000 * 1000);
            let place = format!("seed {seed} at {at}");
            let found: Vec<_> = listed.iter().filter(|(a, b, _)| *a <= at && at < *b).collect();
            let [(start, _, title)] = found.as_slice() else { panic!("{place}: {found:?}") };
            let expected = told.iter().find(|(a, b, _)| *a <= at && at < *b).unwrap();
            assert_eq!((start, title), (&expected.0, &expected.2), "{place}");
            // The place in the film is the time since its beginning without the filler in between.
            let slot = planned.timeline.at(at).unwrap();
            if slot.kind == SlotKind::Programme {
                let before = planned.timeline.between(*start, at).iter();
                let filler = before.filter(|slot| slot.kind.is_filler()).map(Slot::duration_ms);
                let since = at.since(*start) - filler.sum::<i64>();
                assert_eq!(since, slot.in_ms + at.since(slot.start), "{place}");
            }
        }
    }
}

/// A channel of films with filler before, in and after them, and what the guide should say.
fn random_channel(chance: &mut StdRng) -> (Planned, Vec<(UtcMillis, UtcMillis, String)>) {
    let (mut slots, mut told, mut all) = (Vec::new(), Vec::new(), HashMap::new());
    let mut at = NOW.plus_ms(-3 * 3_600_000);
    let ad = MediaId(999);
    all.insert(ad, Arc::new(Media { title: "Ad".into(), ..Media::file(ad, "/ad.mp4") }));
    for n in 1..=40 {
        let (start, film) = (at, MediaId(n));
        let title = format!("Film {n} & more");
        all.insert(film, Arc::new(Media { title: title.clone(), ..Media::file(film, "/f.mp4") }));
        let mut add = |media: Option<MediaId>, kind: SlotKind, in_ms: i64, seconds: i64| {
            let stop = at.plus_ms(seconds * 1000);
            let group = (at != start).then_some(start);
            let slot = Slot::new(at, stop, media, String::new());
            slots.push(Slot { kind, in_ms, guide_group: group, ..slot });
            at = stop;
        };
        if chance.random_bool(0.1) {
            add(None, SlotKind::Pause, 0, chance.random_range(1..600));
            told.push((start, at, "Films".to_owned()));
            continue;
        }
        if chance.random_bool(0.3) {
            add(Some(ad), SlotKind::PreRoll, 0, chance.random_range(5..60));
        }
        let mut place = 0;
        for part in 0..=chance.random_range(0..4) {
            if part > 0 {
                add(Some(ad), SlotKind::MidRoll, 0, chance.random_range(5..180));
            }
            let seconds = chance.random_range(60..1800);
            add(Some(film), SlotKind::Programme, place * 1000, seconds);
            place += seconds;
        }
        for kind in [SlotKind::PostRoll, SlotKind::Tail, SlotKind::Fallback] {
            if chance.random_bool(0.3) {
                add(Some(ad), kind, 0, chance.random_range(5..600));
            }
        }
        told.push((start, at, title));
    }
    let channel = Channel {
        id: ChannelId(1),
        number: "1".parse().unwrap(),
        name: "Films".into(),
        group: None,
        logo: None,
        enabled: true,
        profile: "720p25".into(),
        rules: crate::domain::Rules::default(),
    };
    let timeline = Timeline::new(slots).unwrap();
    let origin = Arc::new(PlannedFrom::own(channel.id));
    let own = timeline.clone();
    (Planned { channel: Arc::new(channel), timeline, own, media: Arc::new(all), origin }, told)
}

/// Start, stop and title of every programme, read with as little as will do.
fn read_back(xml: &str) -> Vec<(UtcMillis, UtcMillis, String)> {
    let time = |text: &str| {
        let at = jiff::civil::DateTime::strptime("%Y%m%d%H%M%S", text).unwrap();
        let at = at.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp();
        UtcMillis(at.as_millisecond())
    };
    let one = |part: &str| {
        let title = part.split_once("<title>").unwrap().1.split_once('<').unwrap().0;
        (time(&part[..14]), time(&part[28..42]), title.replace("&amp;", "&"))
    };
    xml.split("<programme start=\"").skip(1).map(one).collect()
}

/// Channels with logos of this server and programmes of a minute from now on, two hours ahead.
pub(super) fn guide(channels: i64, count: i64) -> Guide {
    let hours = |n: i64| NOW.plus_ms(n * 3_600_000);
    let entries = |_: &LineupChannel, _: &mut Tally| programmes(count);
    Guide::build(&lineup(channels), entries, NOW, (hours(-4), hours(2))).unwrap()
}

/// Channels with logos of this server.
fn lineup(channels: i64) -> Vec<LineupChannel> {
    (1..=channels)
        .map(|n| LineupChannel {
            id: ChannelId(n),
            number: n.to_string().parse().unwrap(),
            name: format!("Channel {n}"),
            group: None,
            logo: Some(format!("/logo/{n}.png")),
            width: 1280,
            height: 720,
            rate: FrameRate { num: 25, den: 1 },
            video_codec: crate::domain::VideoCodec::H264,
            audio_codec: crate::domain::AudioCodec::Aac,
            audio_layout: crate::domain::AudioLayout::Stereo,
        })
        .collect()
}

/// Programmes of a minute from now on.
fn programmes(count: i64) -> Vec<Programme> {
    let entry = |n: i64| {
        let start = NOW.plus_ms(n * 60_000);
        let title = format!("Episode {n} & more");
        let slot = Slot::new(start, start.plus_ms(60_000), Some(MediaId(n)), title);
        programme(&slot, None, "x")
    };
    (0..count).map(entry).collect()
}

/// Unpacks as clients do: one member, then the end.
fn unzip(gzip: &[u8]) -> String {
    let mut text = String::new();
    let mut decoder = flate2::bufread::GzDecoder::new(gzip);
    decoder.read_to_string(&mut text).unwrap();
    assert!(decoder.into_inner().is_empty(), "bytes after the end");
    text
}
