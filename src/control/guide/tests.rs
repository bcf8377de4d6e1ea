//! Tests of the snapshot.

use std::io::Read;

use proptest::prelude::*;

use super::*;
use crate::domain::{ChannelId, FrameRate, MediaId};

const NOW: UtcMillis = UtcMillis(1_795_320_000_000);

#[test]
fn the_address_goes_where_it_belongs_packed_or_not() {
    let guide = guide(3, 5);
    for base in ["http://tv:8411", "https://a-much-longer-name.example.org:8443/tv", ""] {
        let xml = String::from_utf8(guide.xml(base).to_vec()).unwrap();
        assert_eq!(xml.matches(&format!("<icon src=\"{base}/logo/")).count(), 3);
        assert!(xml.ends_with("</tv>\n"));
        assert_eq!(guide.xml_length(base), xml.len());
        assert_eq!(unzip(&guide.xml_gz(base)), xml);
    }
}

#[test]
fn four_hours_of_the_past_and_all_of_the_future_are_covered() {
    let guide = guide(1, 0);
    let xml = String::from_utf8(guide.xml("").to_vec()).unwrap();
    // Four hours back and two ahead, in hours of "No programming".
    assert_eq!(guide.programmes(), 6);
    assert!(xml.contains("start=\"20261122000000 +0000\" stop=\"20261122010000 +0000\""), "{xml}");
    assert!(xml.contains("stop=\"20261122060000 +0000\""), "{xml}");
}

#[test]
fn there_is_no_guide_without_channels() {
    let built = Guide::build(&[], |_| vec![], NOW, (NOW, NOW));
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
    assert_eq!(guide.programmes(), 100 * 124);
    let gz = guide.xml_gz("http://tv:8411");
    assert!(gz.len() * 5 < guide.xml_length("http://tv:8411"), "{} bytes", gz.len());
    assert_eq!(unzip(&gz).len(), guide.xml_length("http://tv:8411"));
}

proptest! {
    #[test]
    fn any_pieces_and_any_address_unpack_to_the_text(
        pieces in prop::collection::vec(prop_oneof!["\\PC{0,30}", long_text()], 1..6),
        base in "\\PC{0,40}",
    ) {
        let mut packer = Packer::new();
        for (index, piece) in pieces.iter().enumerate() {
            if index > 0 {
                packer.base();
            }
            packer.text(piece);
        }
        let guide =
            Guide { parts: packer.finish().into(), digest: String::new(), built: NOW, channels: 1, programmes: 1 };
        prop_assert_eq!(unzip(&guide.xml_gz(&base)), pieces.join(&base));
        prop_assert_eq!(guide.xml(&base).to_vec(), pieces.join(&base).into_bytes());
    }
}

/// Text that deflates well or badly, up to several buffers long.
fn long_text() -> impl Strategy<Value = String> {
    (0_u64..20_000, 1_u64..1_000_000).prop_map(|(words, step)| {
        (0..words).map(|n| format!("<p>{:x}", n * step % 65_537)).collect()
    })
}

/// Channels with logos of this server and programmes of a minute from now on, two hours ahead.
pub(super) fn guide(channels: i64, programmes: i64) -> Guide {
    let lineup: Vec<LineupChannel> = (1..=channels)
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
        })
        .collect();
    let entries = |_: &LineupChannel| {
        let entry = |n: i64| {
            let start = NOW.plus_ms(n * 60_000);
            let slot = Slot {
                start,
                stop: start.plus_ms(60_000),
                media: Some(MediaId(n)),
                in_ms: 0,
                kind: SlotKind::Programme,
                title: format!("Episode {n} & more"),
                guide_group: None,
                custom_title: None,
            };
            programme(&slot, None, "x")
        };
        (0..programmes).map(entry).collect()
    };
    let hours = |n: i64| NOW.plus_ms(n * 3_600_000);
    Guide::build(&lineup, entries, NOW, (hours(-4), hours(2))).unwrap()
}

/// Unpacks as clients do: one member, then the end.
fn unzip(gzip: &[u8]) -> String {
    let mut text = String::new();
    let mut decoder = flate2::bufread::GzDecoder::new(gzip);
    decoder.read_to_string(&mut text).unwrap();
    assert!(decoder.into_inner().is_empty(), "bytes after the end");
    text
}
