//! Segments and playlists of HLS, over the same store as the streams.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_segment_has_the_bytes_of_the_stream() {
    let rig = Rig::prepared();
    rig.store.remove(MediaId(2));
    let mut viewer = rig.join();
    let mut stream = rig.read_for(&mut viewer, 7_000).await;
    let mut listed = numbers(&rig.listed(Form::Plain).await);
    assert_eq!(listed.len(), 7, "back to where there was more slate than two segments");
    // What was missing has come, but the segments are what was shown.
    rig.store.put(MediaId(2), &rig.profile, &Layout::even(5, 50));
    stream.extend(rig.read_for(&mut viewer, 20_000).await);
    let later = numbers(&rig.listed(Form::Plain).await);
    listed.extend(later.into_iter().filter(|n| n > &listed[6]).collect::<Vec<_>>());
    stream.extend(rig.read_for(&mut viewer, 4_000).await);
    let mut found = 0;
    for n in &listed {
        let segment = rig.segment(*n).await;
        let report = check(&segment, rig.now() * 90);
        assert!(report.is_clean(), "{:?}", report.faults);
        found += usize::from(find(&stream, &segment));
    }
    // Those before the viewer came are not in its stream.
    assert_eq!(found, listed.len() - 5);
    assert_eq!(rig.tuning.counters().segments_made, listed.len() as u64);
    rig.segment(listed[0]).await;
    assert_eq!(rig.tuning.counters().segments_made, listed.len() as u64);
}

#[tokio::test(start_paused = true)]
async fn a_segment_is_the_same_on_a_server_that_shows_nothing() {
    let rig = Rig::prepared();
    let other = Rig::prepared();
    let _viewer = rig.join();
    rig.sleep(20_000).await;
    let listed = numbers(&rig.listed(Form::Plain).await);
    assert_eq!(listed.len(), 8);
    for n in listed {
        let name = rig.tuning.segment_name(CHANNEL, n);
        assert_eq!(name, other.tuning.segment_name(CHANNEL, n));
        assert_eq!(rig.segment(n).await, other.segment(n).await, "segment {n}");
    }
    assert_eq!(other.tuning.running(), []);
}

#[tokio::test(start_paused = true)]
async fn the_parts_of_a_segment_in_a_row_are_the_segment() {
    let rig = Rig::prepared();
    let other = Rig::prepared();
    rig.listed(Form::LowLatency).await;
    rig.sleep(21_000).await;
    let text = rig.listed(Form::LowLatency).await;
    let mut compared = 0;
    let mut parts: Vec<SegmentName> = Vec::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("#EXT-X-PART:") {
            let name = rest.split('"').nth(1).unwrap();
            parts.push(name.parse().unwrap());
        } else if let Some(name) = Some(line).filter(|l| !l.starts_with('#') && !parts.is_empty()) {
            let whole = rig.tuning.segment(CHANNEL, name.parse().unwrap()).await.unwrap();
            let mut bytes = Vec::new();
            for part in parts.drain(..) {
                let one = rig.tuning.segment(CHANNEL, part).await.unwrap();
                assert_eq!(other.tuning.segment(CHANNEL, part).await.unwrap(), one);
                bytes.extend_from_slice(&one.bytes);
            }
            assert!(bytes == whole.bytes, "{name}");
            compared += 1;
        }
    }
    assert!(compared >= 5, "{compared} in\n{text}");
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_segment_gets_it_as_soon_as_it_is_there() {
    let rig = Rig::prepared();
    rig.listed(Form::Plain).await;
    rig.sleep(10_000).await;
    for _ in 0..5 {
        let last = *numbers(&rig.listed(Form::Plain).await).last().unwrap();
        let asked = rig.now();
        let wish = Wish { segment: last + 1, part: None };
        let text = rig.wish(Form::Plain, wish).await.unwrap();
        assert_eq!(numbers(&text).last(), Some(&(last + 1)));
        assert!((1..=6_100).contains(&(rig.now() - asked)), "{} ms", rig.now() - asked);
        let part = Wish { segment: last + 2, part: Some(0) };
        let text = rig.wish(Form::LowLatency, part).await.unwrap();
        assert!(text.contains(&format!("#EXT-X-PART:DURATION=1.00000,URI=\"{}.0-", last + 2)));
        let far = Wish { segment: last + 9, part: None };
        let far = rig.wish(Form::Plain, far).await;
        assert!(matches!(far, Err(PlaylistError::TooFar { .. })), "{far:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_playlist_goes_on_and_never_back() {
    let rig = Rig::prepared();
    let mut last = numbers(&rig.listed(Form::Plain).await);
    for _ in 0..30 {
        rig.sleep(1_700).await;
        let next = numbers(&rig.listed(Form::Plain).await);
        assert!(next[0] >= last[0] && next.last() >= last.last());
        assert!(next.windows(2).all(|pair| pair[1] == pair[0] + 1));
        let edge_ms = (next.last().unwrap() + 1) * hls::SEGMENT_MS;
        assert!(
            edge_ms - rig.now() > 2_000,
            "the newest segment ends {} ms ahead",
            edge_ms - rig.now()
        );
        last = next;
    }
    assert_eq!(rig.tuning.viewers().len(), 1, "one reader is one viewer");
    rig.sleep(25_000).await;
    assert_eq!(rig.tuning.viewers().len(), 0);
}
