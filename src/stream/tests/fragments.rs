//! Fragmented MP4 in HLS: the same units, and what a player must have before them.

use super::*;
use crate::domain::{AudioCodec, HlsFormat, VideoCodec};
use crate::stream::rendition::{SLATE_NO_PROGRAMMING, SLATE_STANDBY};

fn fragmented() -> Profile {
    Profile { hls_format: HlsFormat::Fmp4, ..Profile::named("360p25").unwrap() }
}

#[tokio::test(start_paused = true)]
async fn fragments_are_the_same_on_another_server_and_after_a_restart() {
    let theatre = Profile {
        video_codec: VideoCodec::Hevc,
        audio_codec: AudioCodec::Ac3,
        audio_kbps: 192,
        ..Profile::named("360p25").unwrap()
    };
    for profile in [fragmented(), theatre] {
        let rig = Rig::of(profile.clone(), |_| {});
        let other = Rig::of(profile.clone(), |_| {});
        rig.listed(Form::LowLatency).await;
        rig.sleep(21_000).await;
        let text = rig.listed(Form::LowLatency).await;
        let [(init, names)] = &mapped(&text)[..] else { panic!("{text}") };
        let begin = rig.tuning.init_segment(CHANNEL, *init).await.unwrap();
        assert_eq!(other.tuning.init_segment(CHANNEL, *init).await, Ok(begin.clone()));
        let unknown = rig.tuning.init_segment(CHANNEL, InitName(7)).await;
        assert_eq!(unknown, Err(SegmentError::Unknown));
        let mut parts = Vec::new();
        let mut kept = Vec::new();
        let mut compared = 0;
        for name in names {
            let one = rig.tuning.segment(CHANNEL, *name).await.unwrap();
            assert_eq!(other.tuning.segment(CHANNEL, *name).await.unwrap(), one, "{name}");
            kept.push((*name, one.clone()));
            if name.part.is_some() {
                parts.extend_from_slice(&one.bytes);
            } else if !parts.is_empty() {
                assert!(parts == one.bytes, "the parts of {name} in a row are the segment");
                parts.clear();
                compared += 1;
            }
        }
        assert!(compared >= 5, "{compared} in\n{text}");

        let slots = [(Some(1), 0, 10_000), (Some(2), 0, 10_000), (Some(3), 0, 10_000)].repeat(20);
        let again = rig.restarted().await;
        again.steering.publish(on_air(&profile, START - 100_000, &slots));
        assert_eq!(again.tuning.init_segment(CHANNEL, *init).await, Ok(begin));
        for (name, segment) in kept {
            assert_eq!(again.tuning.segment(CHANNEL, name).await, Ok(segment), "{name}");
        }
        let later = again.listed(Form::LowLatency).await;
        assert_eq!(mapped(&later)[0].0, *init);
    }
}

#[tokio::test(start_paused = true)]
async fn a_decoder_shows_every_picture_of_items_with_other_parameters() {
    let rig = Rig::of(fragmented(), |_| {});
    rig.encode_all();
    let slots = [(Some(1), 0, 6_000), (Some(2), 0, 6_000), (Some(3), 0, 6_000)].repeat(20);
    rig.steering.publish(on_air(&rig.profile, START - 100_000, &slots));
    rig.listed(Form::Plain).await;
    rig.sleep(25_000).await;
    let text = rig.listed(Form::Plain).await;
    let mapped = mapped(&text);
    assert!(mapped.len() > 2, "{text}");
    let mut bytes = rig.tuning.init_segment(CHANNEL, mapped[0].0).await.unwrap().to_vec();
    let mut pictures = 0;
    for (init, names) in &mapped {
        // Each plays behind its own beginning, and all of them behind the first one.
        let mut own = rig.tuning.init_segment(CHANNEL, *init).await.unwrap().to_vec();
        for name in names {
            let segment = rig.tuning.segment(CHANNEL, *name).await.unwrap();
            own.extend_from_slice(&segment.bytes);
            bytes.extend_from_slice(&segment.bytes);
        }
        pictures += shown(&own);
    }
    let seconds: f64 = text
        .lines()
        .filter_map(|line| line.strip_prefix("#EXTINF:"))
        .map(|line| line.trim_end_matches(',').parse::<f64>().unwrap())
        .sum();
    assert_eq!(shown(&bytes), pictures);
    assert!((pictures as f64 - seconds * 25.0).abs() < 0.5, "{pictures} in {seconds} s");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_not_ready_until_it_can_be() {
    let rig = Rig::of(fragmented(), |_| {});
    let _viewer = rig.join();
    rig.sleep(3_000).await;
    let media = [1, 2, 3].map(MediaId);
    for gone in media.into_iter().chain([SLATE_STANDBY, SLATE_NO_PROGRAMMING]) {
        rig.store.remove(gone);
    }
    let playlist = rig.tuning.playlist(CHANNEL, who("hls"), Form::Plain, None).await;
    assert_eq!(playlist, Err(PlaylistError::NotYet), "and none without a beginning");
    let init = rig.tuning.init_segment(CHANNEL, InitName(7)).await;
    assert_eq!(init, Err(SegmentError::NotReady));
    for back in media {
        rig.store.put(back, &rig.profile, &Layout::even(5, 50));
    }
    let text = rig.listed(Form::Plain).await;
    assert!(text.contains("#EXT-X-MAP:"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_channel_of_transport_streams_has_no_beginnings() {
    let rig = Rig::prepared();
    let init = rig.tuning.init_segment(CHANNEL, InitName(7)).await;
    assert_eq!(init, Err(SegmentError::Unknown));
}

/// How many pictures ffmpeg shows of a file, without a complaint.
fn shown(bytes: &[u8]) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("part.mp4");
    std::fs::write(&path, bytes).unwrap();
    let path = path.to_str().unwrap();
    let (sums, complaint) = ffmpeg(&format!("-v warning -i {path} -map 0:v -f framemd5 -"));
    assert_eq!(complaint, "");
    let sums = String::from_utf8(sums).unwrap();
    sums.lines().filter(|line| !line.starts_with('#')).count()
}

/// What a playlist names, with the initialisation segment that holds for it.
fn mapped(playlist: &str) -> Vec<(InitName, Vec<SegmentName>)> {
    let mut all: Vec<(InitName, Vec<SegmentName>)> = Vec::new();
    for line in playlist.lines().filter(|line| !line.contains("PRELOAD-HINT")) {
        let uri = line.split_once("URI=\"").and_then(|(_, rest)| rest.split('"').next());
        if line.starts_with("#EXT-X-MAP:") {
            all.push((uri.unwrap().parse().unwrap(), Vec::new()));
        } else if let Some(name) = uri.or(Some(line).filter(|line| !line.starts_with('#'))) {
            all.last_mut().unwrap().1.push(name.parse().unwrap());
        }
    }
    all
}
