//! Channels running on a paused clock, over a store in memory.

mod fragments;
mod listing;
mod segments;

use std::net::Ipv4Addr;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;

use super::fake::{FakeConforming, FakeStore, Layout, media, read_label, timeline};
use super::rendition::{Conforming, Renditions};
use super::*;
use crate::domain::{ChannelNumber, Rules};
use crate::foundation::clock::Clock;
use crate::foundation::process::{Command, Finished, ProcessError, Processes};
use crate::mpegts::check::check;
use crate::mpegts::demux::Demuxer;
use crate::mpegts::packet::{PACKET, PID_PAT, PID_PMT, PID_VIDEO, Packet};

/// The 33-bit clock wraps half a minute later; a frame and a segment begin here.
const START: i64 = ((18_546 * (1 << 33)) / 90 - 30_000) / 4_000 * 4_000;
const CHANNEL: ChannelId = ChannelId(7);

#[tokio::test(start_paused = true)]
async fn a_joiner_gets_the_lead_at_once_and_then_what_time_brings() {
    let rig = Rig::prepared();
    rig.sleep(3_700).await;
    let mut viewer = rig.join();
    let burst = rig.read_for(&mut viewer, 50).await;
    let pids: Vec<u16> =
        burst.chunks(PACKET).take(3).map(|p| Packet::parse(p).unwrap().pid).collect();
    assert_eq!(pids, [PID_PAT, PID_PMT, PID_VIDEO]);
    let report = check(&burst, rig.now() * 90);
    let first = report.pictures[0];
    assert!(first.key && first.pts <= rig.now() * 90 && first.pts > (rig.now() - 2_100) * 90);
    let last = report.pictures.last().unwrap();
    let ahead = (last.dts - rig.now() * 90) / 90;
    assert!((6_800..=7_100).contains(&ahead), "{ahead} ms ahead");

    let before = rig.now();
    let paced = rig.read_for(&mut viewer, 10_000).await;
    let report = check(&[burst, paced].concat(), rig.now() * 90);
    assert!(report.is_clean(), "{:?}", report.faults);
    let ahead = (report.pictures.last().unwrap().dts - rig.now() * 90) / 90;
    assert!((6_800..=7_100).contains(&ahead), "{ahead} ms ahead {} later", rig.now() - before);
}

#[tokio::test(start_paused = true)]
async fn items_join_without_a_trace_across_the_wrap() {
    let rig = Rig::prepared();
    let mut viewer = rig.join();
    let stream = rig.read_for(&mut viewer, 65_000).await;
    let report = check(&stream, rig.now() * 90);
    assert!(report.is_clean(), "{:?}", report.faults);
    assert!(report.pictures.windows(2).all(|pair| pair[1].dts - pair[0].dts == 3_600));
    let media: Vec<i64> = labels(&stream).into_iter().map(|label| label.1).collect();
    let mut seen = media.clone();
    seen.dedup();
    assert!(seen.len() > 6, "{seen:?}");
}

#[tokio::test(start_paused = true)]
async fn lead_and_limits_change_while_channels_run() {
    let rig = Rig::prepared();
    let _viewer = rig.tuning.join(CHANNEL, who("one")).unwrap();
    let limits = ViewerLimits {
        lead_ms: 12_000,
        linger_ms: 30_000,
        per_channel: 1,
        per_user: 0,
        idle_ms: 300_000,
    };
    let headroom = || rig.tuning.state(CHANNEL).unwrap().headroom_ms;
    rig.sleep(3_000).await;
    assert!((6_500..10_000).contains(&headroom()), "{}", headroom());
    rig.steering.limit_viewers(limits);
    rig.sleep(1_000).await;
    assert!(headroom() >= 11_500, "{}", headroom());
    let full = rig.tuning.join(CHANNEL, who("two")).map(|_| ());
    assert_eq!(full, Err(JoinError::Full { limit: 1 }));
    rig.steering.limit_viewers(ViewerLimits { lead_ms: 3_000, per_channel: 2, ..limits });
    assert!(rig.tuning.join(CHANNEL, who("two")).is_ok());
    rig.sleep(11_000).await;
    assert!((2_500..6_000).contains(&headroom()), "{}", headroom());
}

#[tokio::test(start_paused = true)]
async fn the_slate_stands_in_until_the_media_comes() {
    let rig = Rig::prepared();
    rig.store.remove(MediaId(2));
    let mut viewer = rig.join();
    let slate = rig.read_for(&mut viewer, 3_000).await;
    assert!(labels(&slate).iter().all(|label| label.1 == rendition::SLATE_STANDBY.0));
    let state = rig.tuning.state(CHANNEL).unwrap();
    assert!(state.on_slate && state.media == Some(MediaId(2)));
    assert!((500..=2_000).contains(&state.headroom_ms), "{}", state.headroom_ms);
    let wanted = rig.conforming.wanted.lock().unwrap().clone();
    assert!(!wanted.is_empty() && wanted.iter().all(|(media, _)| *media == MediaId(2)));
    assert!(wanted[0].1 > 0 && wanted[0].1 < 50, "{wanted:?}");

    rig.store.put(MediaId(2), &rig.profile, &Layout::even(5, 50));
    let more = rig.read_for(&mut viewer, 3_000).await;
    let first = labels(&more).into_iter().find(|label| label.1 == 2).unwrap();
    assert!(first.2 <= 150, "{first:?}");
    let report = check(&[slate, more].concat(), rig.now() * 90);
    assert!(report.is_clean(), "{:?}", report.faults);
    let state = rig.tuning.state(CHANNEL).unwrap();
    assert!(!state.on_slate && state.headroom_ms > 6_500);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_replaced_by_the_slate() {
    let rig = Rig::prepared();
    let mut viewer = rig.join();
    let mut stream = rig.read_for(&mut viewer, 2_000).await;
    rig.store.broken.store(true, Ordering::SeqCst);
    stream.extend(rig.read_for(&mut viewer, 12_000).await);
    rig.store.broken.store(false, Ordering::SeqCst);
    rig.store.put(MediaId(1), &rig.profile, &Layout::even(5, 50));
    rig.store.put(MediaId(2), &rig.profile, &Layout::even(5, 50));
    stream.extend(rig.read_for(&mut viewer, 6_000).await);
    let report = check(&stream, rig.now() * 90);
    assert!(report.is_clean(), "{:?}", report.faults);
    assert!(rig.tuning.counters().read_errors > 0);
    assert!(labels(&stream).iter().any(|label| label.1 == rendition::SLATE_STANDBY.0));
    assert!(labels(&stream).last().unwrap().1 > 0);
}

#[tokio::test(start_paused = true)]
async fn a_slow_viewer_is_skipped_once_and_then_dropped() {
    let rig = Rig::prepared();
    let mut slow = rig.join();
    let mut fast = rig.join();
    let mut stream = rig.read_for(&mut slow, 100).await;
    let everything = rig.read_for(&mut fast, 20_000).await;
    stream.extend(rig.read_for(&mut slow, 500).await);
    let report = check(&stream, rig.now() * 90);
    assert!(report.is_clean(), "{:?}", report.faults);
    assert_eq!(report.jumps.len(), 1, "it is told of the one skip");
    let viewers = rig.tuning.viewers();
    let skips = |id| viewers.iter().find(|viewer| viewer.id == id).unwrap().skips;
    assert_eq!((skips(slow.id()), skips(fast.id())), (1, 0));
    let report = check(&everything, rig.now() * 90);
    assert!(report.is_clean() && report.jumps.is_empty(), "{:?}", report.faults);

    rig.sleep(20_000).await;
    assert_eq!(slow.next().await, None);
    assert_eq!(rig.tuning.counters().dropped_viewers, 1);
}

#[tokio::test(start_paused = true)]
async fn the_burst_is_as_long_as_it_is_set() {
    for lead_ms in [1_000, 6_000, 8_000, 15_000] {
        let rig = Rig::with(|settings| settings.viewers.lead_ms = lead_ms);
        let _first = rig.join();
        rig.sleep(3_000).await;
        let mut viewer = rig.join();
        let burst = rig.read_for(&mut viewer, 50).await;
        let report = check(&burst, rig.now() * 90);
        assert!(report.is_clean(), "{lead_ms}: {:?}", report.faults);
        let ahead = report.pictures.last().unwrap().dts / 90 - rig.now();
        assert!((lead_ms - 200..=lead_ms + 100).contains(&ahead), "{ahead} ms of {lead_ms}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stuck_viewer_changes_neither_the_bytes_nor_the_time_of_others() {
    let alone = watched(&Rig::prepared()).await;
    let rig = Rig::prepared();
    let mut stuck = rig.join();
    assert!(stuck.next().await.is_some());
    let beside = watched(&rig).await;
    assert!(alone.len() > 200, "{}", alone.len());
    assert!(alone == beside, "what others get, and when, is not what it was");
    assert_eq!(rig.tuning.viewers().len(), 1, "the stuck one: others have left");
}

/// What a viewer gets in 25 seconds, and at which millisecond.
async fn watched(rig: &Rig) -> Vec<(i64, Bytes)> {
    let mut viewer = rig.join();
    let mut got = Vec::new();
    while rig.now() < START + 25_000 {
        let Some(bytes) = viewer.next().await else { break };
        got.push((rig.now(), bytes));
    }
    got
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_when_a_person_says_so_and_may_come_back() {
    let rig = Rig::prepared();
    let (mut viewer, mut other) = (rig.join(), rig.join());
    rig.read_for(&mut viewer, 2_500).await;
    rig.read_for(&mut other, 2_500).await;
    let listed = rig.tuning.viewers();
    let session = listed.iter().find(|session| session.id == other.id()).unwrap();
    assert!(
        session.bytes > 0 && session.bitrate_bps > 0 && session.lag_ms < Some(200),
        "{session:?}"
    );
    let tuner = Arc::new(());
    viewer.hold(Arc::clone(&tuner));
    assert!(rig.steering.end_session(viewer.id(), SessionEnd::Kicked));
    assert_eq!(Arc::strong_count(&tuner), 1);
    assert!(!rig.steering.end_session(viewer.id(), SessionEnd::Kicked));
    assert_eq!(viewer.next().await, None);
    assert!(other.next().await.is_some());
    assert_eq!((rig.tuning.viewers().len(), rig.tuning.counters().kicked), (1, 1));
    let _again = rig.join();
    drop(viewer);
    let (ended, open) = rig.steering.session_records();
    assert_eq!((ended.len(), open.len()), (1, 2));
    assert_eq!(ended[0].ended.unwrap().1, SessionEnd::Kicked);
}

#[tokio::test(start_paused = true)]
async fn a_user_has_so_many_streams_and_its_own_old_one_gives_way() {
    let rig = Rig::with(|settings| settings.viewers.per_user = 1);
    let from = |agent: &str| ViewerInfo { user_agent: agent.to_owned(), ..who("ts") };
    let mut old = rig.tuning.join(CHANNEL, from("kodi")).unwrap();
    assert!(old.next().await.is_some());
    let refused = rig.tuning.join(CHANNEL, from("vlc")).map(|_| ());
    let user = "127.0.0.1".to_owned();
    assert_eq!(refused, Err(JoinError::UserFull { user, limit: 1 }));
    let key = ViewerInfo { user: Some("mum".to_owned()), ..from("vlc") };
    let _mum = rig.tuning.join(CHANNEL, key).unwrap();
    let _new = rig.tuning.join(CHANNEL, from("kodi")).unwrap();
    assert_eq!(old.next().await, None);
    assert_eq!((rig.tuning.counters().replaced, rig.tuning.counters().refused), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_viewer_that_stalled_catches_up_as_its_mode_says() {
    use pace::{Mode, Throttle};
    // How far behind the edge it is half a second after a stall of four seconds.
    for (mode, behind) in [(Mode::Burst, 0..=200), (Mode::Realtime, 2_000..=3_200)] {
        // Less than the stream carries.
        let rig = Rig::with(|s| s.throttle = Throttle { mode, target_bps: 1, mouthful: 4_096 });
        let mut viewer = rig.join();
        let mut stream = rig.read_for(&mut viewer, 3_000).await;
        rig.sleep(4_000).await;
        stream.extend(rig.read_for(&mut viewer, 500).await);
        let lag = rig.tuning.viewers()[0].lag_ms.unwrap();
        assert!(behind.contains(&lag), "{mode:?}: {lag} ms");
        stream.extend(rig.read_for(&mut viewer, 20_000).await);
        let lag = rig.tuning.viewers()[0].lag_ms.unwrap();
        assert!(lag <= 200, "{mode:?}: still {lag} ms behind");
        let report = check(&stream, rig.now() * 90);
        assert!(report.is_clean(), "{mode:?}: {:?}", report.faults);
        assert_eq!(rig.tuning.counters().skips, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_throttler_all_that_exists_is_sent_and_nothing_more() {
    use pace::{Mode, Throttle};
    let rig = Rig::prepared();
    let mut viewer = rig.join();
    let mut stream = rig.read_for(&mut viewer, 5_000).await;
    let ahead = |rig: &Rig, stream: &[u8]| {
        let report = check(stream, rig.now() * 90);
        assert!(report.is_clean(), "{:?}", report.faults);
        report.pictures.last().unwrap().dts / 90 - rig.now()
    };
    assert!((6_800..=7_100).contains(&ahead(&rig, &stream)));
    // In force at once, for those who watch already, and back again.
    rig.steering.pace_viewers(Throttle { mode: Mode::Disabled, ..rig.tuning.pacing() });
    stream.extend(rig.read_for(&mut viewer, 4_000).await);
    let early = ahead(&rig, &stream);
    assert!((7_100..=9_600).contains(&early), "{early} ms ahead");
    rig.steering.pace_viewers(Throttle { mode: Mode::Burst, ..rig.tuning.pacing() });
    stream.extend(rig.read_for(&mut viewer, 8_000).await);
    assert!((6_800..=7_100).contains(&ahead(&rig, &stream)));
}

#[tokio::test(start_paused = true)]
async fn a_viewer_that_takes_nothing_is_shown_out() {
    let rig = Rig::prepared();
    let mut viewer = rig.join();
    rig.sleep(302_000).await;
    assert_eq!(rig.tuning.viewers(), []);
    assert_eq!(viewer.next().await, None);
    assert_eq!(rig.tuning.counters().idle_viewers, 1);
}

#[tokio::test(start_paused = true)]
async fn a_channel_lingers_after_its_last_viewer_and_ends() {
    let mut rig = Rig::prepared();
    let viewer = rig.join();
    rig.sleep(1_000).await;
    drop(viewer);
    rig.sleep(29_000).await;
    assert!(rig.tuning.state(CHANNEL).is_some());
    rig.sleep(2_000).await;
    assert_eq!(rig.tuning.state(CHANNEL), None);
    assert_eq!(*rig.conforming.released.lock().unwrap(), [CHANNEL]);
    let mut facts = Vec::new();
    while let Ok(fact) = rig.facts.try_recv() {
        facts.push(fact);
    }
    assert_eq!(facts.last(), Some(&Fact::ChannelStopped { channel: CHANNEL }));
    let beats = facts.iter().filter(|fact| matches!(fact, Fact::Beat(_))).count();
    assert!((29..=31).contains(&beats), "{beats} beats");
    let again = rig.join();
    assert_eq!(rig.tuning.running().len(), 1);
    drop(again);
}

#[tokio::test(start_paused = true)]
async fn new_content_is_taken_up_without_tuning_again() {
    let rig = Rig::prepared();
    rig.steering.publish(on_air(&rig.profile, START, &[(None, 0, 600_000)]));
    let mut viewer = rig.join();
    let mut stream = rig.read_for(&mut viewer, 2_000).await;
    let state = rig.tuning.state(CHANNEL).unwrap();
    assert!(!state.on_slate && state.media.is_none());
    let slots = [(None, 0, 5_000), (Some(1), 0, 10_000), (Some(2), 0, 10_000)];
    rig.steering.publish(on_air(&rig.profile, START, &slots));
    stream.extend(rig.read_for(&mut viewer, 12_000).await);
    let report = check(&stream, rig.now() * 90);
    assert!(report.is_clean(), "{:?}", report.faults);
    assert_eq!(labels(&stream).last().unwrap().1, 2);
}

#[tokio::test(start_paused = true)]
async fn another_profile_ends_the_streams() {
    let rig = Rig::prepared();
    let mut viewer = rig.join();
    rig.read_for(&mut viewer, 500).await;
    let other = Profile::named("360p50").unwrap();
    rig.steering.publish(on_air(&other, START, &[(None, 0, 600_000)]));
    rig.sleep(500).await;
    while viewer.next().await.is_some() {}
    assert_eq!(rig.tuning.running(), []);
}

#[tokio::test(start_paused = true)]
async fn other_looks_come_with_the_next_item_and_nobody_is_sent_away() {
    let rig = Rig::prepared();
    let slots = [(Some(1), 0, 10_000), (Some(2), 0, 10_000), (Some(3), 0, 10_000)].repeat(2);
    rig.steering.publish(on_air(&rig.profile, START, &slots));
    let mut viewer = rig.join();
    let mut stream = rig.read_for(&mut viewer, 500).await;
    let sharper = Profile { video_kbps: 2_000, ..rig.profile.clone() };
    // Nothing of the item on air is made in the new looks, all of the next one is.
    rig.store.put(MediaId(2), &sharper, &Layout::even(5, 50));
    rig.steering.publish(on_air(&sharper, START, &slots));
    stream.extend(rig.read_for(&mut viewer, 6_000).await);
    assert_eq!(rig.tuning.counters().slate_units, 0, "the first item goes on as it is");
    stream.extend(rig.read_for(&mut viewer, 5_000).await);
    assert!(check(&stream, rig.now() * 90).is_clean());
    assert_eq!(rig.tuning.state(CHANNEL).unwrap().viewers, 1);
    let shown: Vec<i64> = labels(&stream).iter().map(|label| label.1).collect();
    assert_eq!((shown.first(), shown.last()), (Some(&1), Some(&2)));
}

#[tokio::test(start_paused = true)]
async fn a_restart_keeps_the_viewers() {
    let rig = Rig::prepared();
    let mut viewer = rig.join();
    let mut stream = rig.read_for(&mut viewer, 1_000).await;
    let report = rig.steering.restart(CHANNEL).await;
    let expected = RestartReport { was_running: true, conform_reset: true, viewers: 1 };
    assert_eq!(report, expected);
    stream.extend(rig.read_for(&mut viewer, 3_000).await);
    assert!(check(&stream, rig.now() * 90).is_clean());
}

#[tokio::test(start_paused = true)]
async fn without_even_a_slate_a_channel_begins_late_and_at_now() {
    let rig = Rig::prepared();
    for media in [rendition::SLATE_STANDBY, MediaId(1), MediaId(2), MediaId(3)] {
        rig.store.remove(media);
    }
    let mut viewer = rig.join();
    assert_eq!(rig.read_for(&mut viewer, 7_000).await.len(), 0);
    rig.store.put(MediaId(1), &rig.profile, &Layout::even(5, 50));
    rig.store.put(MediaId(2), &rig.profile, &Layout::even(5, 50));
    let stream = rig.read_for(&mut viewer, 1_000).await;
    let report = check(&stream, rig.now() * 90);
    assert!(report.is_clean(), "{:?}", report.faults);
    assert!(report.pictures[0].pts > (rig.now() - 4_000) * 90);
}

#[tokio::test(start_paused = true)]
async fn nobody_watches_what_is_not_on_air() {
    let rig = Rig::prepared();
    let unknown = rig.tuning.join(ChannelId(99), who("ts")).map(|_| ());
    assert_eq!(unknown, Err(JoinError::NotOnAir));
    assert_eq!(rig.tuning.segment_name(ChannelId(99), 1), Err(SegmentError::NotOnAir));
    let name = SegmentName { n: 1, part: None, print: 2, container: Container::Ts };
    let outside = rig.tuning.segment(CHANNEL, name).await;
    assert!(matches!(outside, Err(SegmentError::Outside { .. })), "{outside:?}");
    let mut viewer = rig.join();
    rig.steering.withdraw(CHANNEL);
    rig.sleep(600).await;
    while viewer.next().await.is_some() {}
    let gone = rig.tuning.join(CHANNEL, who("ts")).map(|_| ());
    assert_eq!(gone, Err(JoinError::NotOnAir));
    rig.stop.request();
    let stopping = rig.tuning.join(CHANNEL, who("ts")).map(|_| ());
    assert_eq!(stopping, Err(JoinError::Stopping));
    assert_eq!(rig.stop.drain(Duration::from_secs(5)).await, 0);
}

#[tokio::test(start_paused = true)]
async fn facts_that_nobody_takes_are_counted() {
    let rig = Rig::prepared();
    let mut viewer = rig.join();
    for _ in 0..60 {
        rig.read_for(&mut viewer, 2_000).await;
    }
    assert!(rig.tuning.counters().facts_dropped > 10);
}

#[tokio::test(start_paused = true)]
async fn a_real_decoder_and_a_real_remuxer_have_nothing_to_say() {
    let rig = Rig::prepared();
    rig.encode_all();
    // Cuts in the middle of items, a hole, and an item that is longer than its slot.
    let slots = [
        (Some(1), 0, 6_000),
        (Some(2), 0, 3_330),
        (None, 0, 2_500),
        (Some(3), 0, 6_000),
        (Some(2), 0, 7_000),
        (Some(1), 0, 6_000),
    ];
    rig.steering.publish(on_air(&rig.profile, START, &slots));
    let mut viewer = rig.join();
    let stream = rig.read_for(&mut viewer, 22_000).await;
    let report = check(&stream, rig.now() * 90);
    assert!(report.is_clean(), "{:?}", report.faults);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("channel.ts");
    std::fs::write(&path, &stream).unwrap();
    let path = path.to_str().unwrap();
    assert_eq!(ffmpeg(&format!("-v warning -i {path} -f null -")).1, "");
    assert_eq!(ffmpeg(&format!("-v warning -i {path} -map 0 -c copy -f null -")).1, "");
}

#[tokio::test(start_paused = true)]
async fn the_probe_tells_a_good_stream_from_the_slate_and_from_noise() {
    let rig = Rig::prepared();
    let none = rig.tuning.probe_output(CHANNEL).await;
    assert!(matches!(none, Err(ProbeError::NotRunning)), "{none:?}");
    // The pictures of the fake store are no pictures.
    let viewer = rig.join();
    rig.sleep(500).await;
    let noise = rig.tuning.probe_output(CHANNEL).await.unwrap();
    assert_eq!((noise.faults, noise.media), (0, Some(MediaId(2))));
    assert!(noise.decode_error.is_some() && !noise.is_healthy());
    drop(viewer);
    rig.sleep(40_000).await;

    rig.encode_all();
    rig.steering.publish(on_air(&rig.profile, START, &[(Some(1), 0, 5_000)].repeat(20)));
    let _viewer = rig.join();
    rig.sleep(500).await;
    let good = rig.tuning.probe_output(CHANNEL).await.unwrap();
    assert!(good.is_healthy(), "{good:?}");
    assert!(good.units >= 4 && good.pictures >= 175 && good.headroom_ms > 7_000, "{good:?}");
    rig.store.remove(MediaId(1));
    rig.sleep(8_000).await;
    let slate = rig.tuning.probe_output(CHANNEL).await.unwrap();
    assert!(slate.on_slate && slate.decode_error.is_none() && !slate.is_healthy(), "{slate:?}");
}

/// A core over fakes at [`START`].
struct Rig {
    profile: Profile,
    store: Arc<FakeStore>,
    conforming: Arc<FakeConforming>,
    tuning: Tuning,
    steering: Steering,
    facts: mpsc::Receiver<Fact>,
    clock: SharedClock,
    stop: Stop,
    settings: Settings,
    folder: tempfile::TempDir,
}

impl Rig {
    /// Three media of ten seconds in turn, all in the store.
    fn prepared() -> Self {
        Self::with(|_| {})
    }

    /// The same with other settings.
    fn with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::of(Profile::named("360p25").unwrap(), change)
    }

    /// The same on another profile.
    fn of(profile: Profile, change: impl FnOnce(&mut Settings)) -> Self {
        let store = FakeStore::with_slates(&profile);
        for id in 1..4 {
            store.put(MediaId(id), &profile, &Layout::even(5, 50));
        }
        let clock: SharedClock = Arc::new(PausedClock { base: tokio::time::Instant::now() });
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings {
            outside: crate::foundation::reach::Outside::default(),
            acceleration: crate::domain::AccelerationChoice::default(),
            runs: crate::domain::FfmpegRuns::default(),
            cache_dir: folder.path().to_owned(),
            shown_dir: folder.path().join("shown"),
            cache_bytes: 0,
            viewers: ViewerLimits {
                lead_ms: 7_000,
                linger_ms: 30_000,
                per_channel: 3,
                per_user: 0,
                idle_ms: 300_000,
            },
            throttle: pace::Throttle::default(),
            ahead: ahead::Rules { horizon_ms: 0, whole_library: false, cpu_percent: 50 },
            ffmpeg: "ffmpeg".into(),
            limits: pool::Limits::default(),
        };
        change(&mut settings);
        let rig = Self::over(profile, store, clock, settings, folder);
        let slots = [(Some(1), 0, 10_000), (Some(2), 0, 10_000), (Some(3), 0, 10_000)].repeat(20);
        rig.steering.publish(on_air(&rig.profile, START - 100_000, &slots));
        rig
    }

    /// A server with nothing on air yet.
    fn over(
        profile: Profile,
        store: Arc<FakeStore>,
        clock: SharedClock,
        settings: Settings,
        folder: tempfile::TempDir,
    ) -> Self {
        let conforming = Arc::new(FakeConforming::default());
        let stop = Stop::new();
        let (sender, facts) = mpsc::channel(64);
        let parts = Parts {
            renditions: Arc::clone(&store) as Arc<dyn Renditions>,
            conforming: Arc::clone(&conforming) as Arc<dyn Conforming>,
            processes: Arc::new(Programs),
            making: None,
            texts: Arc::new(texts::Shelf::new(settings.cache_dir.join("texts"))),
        };
        let (tuning, steering) =
            Core::assemble(settings.clone(), Arc::clone(&clock), &stop, sender, parts);
        Self { profile, store, conforming, tuning, steering, facts, clock, stop, settings, folder }
    }

    /// The server started again, with nothing on air yet: what is not on a disk is forgotten.
    async fn restarted(self) -> Self {
        assert_eq!(self.stop.drain(Duration::from_secs(5)).await, 0);
        let Self { profile, store, clock, settings, folder, .. } = self;
        Self::over(profile, store, clock, settings, folder)
    }

    /// The playlist of this moment.
    async fn listed(&self, form: Form) -> String {
        self.tuning.playlist(CHANNEL, who("hls"), form, None).await.unwrap()
    }

    /// The playlist once it holds `wish`.
    async fn wish(&self, form: Form, wish: Wish) -> Result<String, PlaylistError> {
        self.tuning.playlist(CHANNEL, who("hls"), form, Some(wish)).await
    }

    /// Replaces what is in the store by six seconds each of real pictures and sound.
    fn encode_all(&self) {
        let sources = [
            (MediaId(1), "testsrc2", 0),
            (MediaId(2), "smptebars", 2),
            (MediaId(3), "testsrc", 3),
            (rendition::SLATE_STANDBY, "color=red", 0),
            (rendition::SLATE_NO_PROGRAMMING, "color=blue", 0),
        ];
        for (media, source, b_pictures) in sources {
            self.store.put_stream(media, &self.profile, &encode(source, b_pictures));
        }
    }

    fn now(&self) -> i64 {
        self.clock.now_ms()
    }

    fn join(&self) -> Viewer {
        self.tuning.join(CHANNEL, who("ts")).unwrap()
    }

    async fn sleep(&self, ms: u64) {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }

    /// The bytes of segment `n`, whatever it is called.
    async fn segment(&self, n: i64) -> Bytes {
        let name = self.tuning.segment_name(CHANNEL, n).unwrap();
        self.tuning.segment(CHANNEL, name).await.unwrap().bytes
    }

    /// What a viewer gets within `ms`.
    async fn read_for(&self, viewer: &mut Viewer, ms: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        let until = tokio::time::sleep(Duration::from_millis(ms));
        tokio::pin!(until);
        loop {
            tokio::select! {
                () = &mut until => return bytes,
                block = viewer.next() => match block {
                    Some(block) => bytes.extend(block),
                    None => return bytes,
                },
            }
        }
    }
}

/// Follows tokio's clock from [`START`].
#[derive(Debug)]
struct PausedClock {
    base: tokio::time::Instant,
}

impl Clock for PausedClock {
    fn now_ms(&self) -> i64 {
        START + i64::try_from(self.base.elapsed().as_millis()).unwrap()
    }

    fn wall_offset_ms(&self) -> i64 {
        0
    }
}

/// Runs programs without a pool.
#[derive(Debug)]
struct Programs;

#[async_trait::async_trait]
impl Processes for Programs {
    async fn run(&self, command: Command) -> Result<Finished, ProcessError> {
        let run = move || {
            #[expect(clippy::disallowed_methods, reason = "a test stands in for the pool")]
            std::process::Command::new(command.program).args(command.args).output().unwrap()
        };
        let output = tokio::task::spawn_blocking(run).await.unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Ok(Finished { code: output.status.code(), stdout: output.stdout, stderr })
    }
}

fn on_air(profile: &Profile, start: i64, slots: &[(Option<i64>, i64, i64)]) -> OnAir {
    let channel = Channel {
        id: CHANNEL,
        number: ChannelNumber::whole(7).unwrap(),
        name: "Seven".to_owned(),
        group: None,
        logo: None,
        enabled: true,
        profile: profile.name.clone(),
        rules: Rules::default(),
    };
    OnAir {
        channel: Arc::new(channel),
        profile: profile.clone(),
        timeline: timeline(start, slots),
        media: Arc::new((1..4).map(|id| (MediaId(id), media(id))).collect()),
        slates: OwnSlates::default(),
    }
}

fn who(via: &'static str) -> ViewerInfo {
    ViewerInfo {
        addr: Ipv4Addr::LOCALHOST.into(),
        user_agent: "test".to_owned(),
        via,
        user: None,
        ticket: None,
    }
}

/// What the pictures of a stream say they are.
fn labels(stream: &[u8]) -> Vec<(char, i64, i64)> {
    let mut demuxer = Demuxer::new();
    let mut samples = demuxer.push(stream);
    samples.extend(demuxer.finish(false));
    let labels = samples.iter().filter_map(|sample| read_label(&sample.data));
    labels.filter(|label| label.0 == 'v').collect()
}

/// The segment numbers in a playlist.
fn numbers(playlist: &str) -> Vec<i64> {
    let names = playlist.lines().filter(|line| !line.starts_with('#'));
    names.map(|name| name.parse::<SegmentName>().unwrap().n).collect()
}

/// Whether `part` is in `stream`, packet by packet.
fn find(stream: &[u8], part: &[u8]) -> bool {
    (0..stream.len() / PACKET).any(|at| stream[at * PACKET..].starts_with(part))
}

/// Six seconds in a profile's form, as our conform would make them.
fn encode(source: &str, b_pictures: u32) -> Vec<u8> {
    let size = if source.contains('=') { ":" } else { "=" };
    let args = format!(
        "-v error -f lavfi -i {source}{size}s=640x360:r=25 -f lavfi -i sine=r=48000:f=330 -t 6 \
         -c:v libx264 -preset ultrafast -bf {b_pictures} -g 50 -keyint_min 50 -sc_threshold 0 \
         -x264-params open-gop=0:aud=1 -pix_fmt yuv420p -c:a aac -ac 2 \
         -muxdelay 0 -muxpreload 0 -pes_payload_size 0 -f mpegts -"
    );
    let (stream, complaint) = ffmpeg(&args);
    assert_eq!(complaint, "");
    stream
}

/// Runs ffmpeg; gives what it wrote and what it said.
fn ffmpeg(args: &str) -> (Vec<u8>, String) {
    #[expect(clippy::disallowed_methods, reason = "a test judges with the real decoder")]
    let mut command = std::process::Command::new("ffmpeg");
    let output = command.arg("-nostdin").args(args.split_whitespace()).output().unwrap();
    (output.stdout, String::from_utf8_lossy(&output.stderr).into_owned())
}
