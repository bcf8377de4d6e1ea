//! A disk that is full, and renditions that cannot be shown.

use bytes::Bytes;

use super::*;
use crate::stream::rendition::{Gop, VideoUnit};
use crate::stream::store::NewGop;

#[tokio::test]
async fn a_full_disk_leaves_whole_groups_and_the_rest_is_made_when_there_is_room() {
    let rig = Rig::start();
    let p = profile(25, 1);
    let media = media(&clip("disk.mp4", "25", COPYABLE));
    rig.store.disk_room.store(60_000, Ordering::Relaxed);
    let end = rig.conform(&media, &p).await;
    assert_eq!(end, ConformEnd::NotStored { reason: "the disk is full".to_owned() });
    assert!(!rig.conformer.failed_ahead(&media, &p), "not the media's fault");
    let before = rig.index(&media, &p);
    assert!(!before.gops.is_empty() && !before.is_complete());
    rig.check_numbers(&media, &p, 1.0, 0);
    // Whoever reads the folder anew finds the same, and no half of a group.
    let anew = Store::open(&rig._folder.path().join("store"), 1 << 30).unwrap();
    assert_eq!(anew.index(&media, &p).unwrap().gops, before.gops);
    drop(anew);
    rig.store.disk_room.store(u64::MAX, Ordering::Relaxed);
    assert_eq!(rig.conform(&media, &p).await, ConformEnd::Completed);
    assert!(rig.index(&media, &p).is_complete());
    rig.check_numbers(&media, &p, 1.0, 0);
    assert!(rig.store.notes(&Store::key_of(&media, &p)).verified);
}

/// Puts groups into the store that begin like pictures and hold nothing that decodes.
fn spoil(rig: &Rig, media: &Media, p: &Profile) {
    let key = Store::key_of(media, p);
    let whole = rig.index(media, p);
    let groups: Vec<NewGop> = whole
        .gops
        .iter()
        .map(|entry| {
            let gop = rig.store.read(&whole.key, entry).unwrap();
            let spoiled = |unit: &VideoUnit| {
                let kept = unit.data.len().min(90);
                let noise = (0..unit.data.len() - kept).map(|at| (at * 31 % 251) as u8 | 1);
                let data: Vec<u8> = unit.data[..kept].iter().copied().chain(noise).collect();
                VideoUnit { frame: unit.frame, data: Bytes::from(data) }
            };
            let video = gop.video.iter().map(spoiled).collect();
            let (first_frame, frames) = (entry.first_frame, entry.frames);
            NewGop { first_frame, frames, audio_tick: entry.audio_tick, gop: Gop { video, ..gop } }
        })
        .collect();
    rig.store.discard(&key);
    let mut writer = rig.store.writer(&key);
    for group in &groups {
        writer.append(group).unwrap();
    }
    rig.store.note(&key, |notes| notes.end_frame = whole.end_frame).unwrap();
}

#[tokio::test]
async fn what_was_copied_and_does_not_decode_is_encoded() {
    let rig = Rig::start();
    let p = profile(25, 1);
    let media = media(&clip("verify.mp4", "25", COPYABLE));
    assert_eq!(rig.conform(&media, &p).await, ConformEnd::Completed);
    spoil(&rig, &media, &p);
    // Everything is there, so nothing is to be made but to be looked at.
    assert_eq!(rig.conform(&media, &p).await, ConformEnd::Completed);
    let notes = rig.store.notes(&Store::key_of(&media, &p));
    assert!(notes.verified && notes.copy_barred.is_some(), "{notes:?}");
    rig.check_numbers(&media, &p, 1.0, 0);
}

#[tokio::test]
async fn what_was_encoded_and_does_not_decode_is_not_used_and_told() {
    let mut rig = Rig::start();
    let p = profile(25, 1);
    let source = clip("verify-encoded.mp4", "25", COPYABLE);
    let media = encoded(media(&source), |video| video.gop_ms = Some(10_000));
    assert_eq!(rig.conform(&media, &p).await, ConformEnd::Completed);
    rig.ended().await;
    spoil(&rig, &media, &p);
    let end = rig.conform(&media, &p).await;
    assert!(matches!(end, ConformEnd::Unusable { .. }), "{end:?}");
    assert_eq!(rig.ended().await.1, end, "the operator hears of it");
    assert_eq!(rig.store.index(&media, &p), None);
    assert!(rig.conformer.failed_ahead(&media, &p), "and it is not made over and over");
}

#[tokio::test]
async fn the_whole_library_is_made_after_what_is_planned_and_takes_free_room_only() {
    let mut rig = Rig::with_budget(1 << 30);
    let folder = tempfile::tempdir().unwrap();
    let p = profile(25, 1);
    let path = clip("spare.mp4", "25", COPYABLE);
    let film = |id| Arc::new(Media { id: MediaId(id), ..media(&path) });
    let clock = SystemClock::start();
    let board = ahead::Board::new(ahead::Rules {
        horizon_ms: 60_000,
        whole_library: true,
        cpu_percent: 50,
    });
    board.set_library((1..=4).map(film).collect());
    let slot = Slot {
        start: UtcMillis(clock.now_ms()),
        stop: UtcMillis(clock.now_ms() + 4_000_000),
        media: Some(MediaId(3)),
        in_ms: 0,
        kind: SlotKind::Programme,
        title: String::new(),
        guide_group: None,
        custom_title: None,
    };
    let on_air = on_air(&p, vec![slot], [film(3)]);
    let means = ahead::Means {
        conformer: Arc::clone(&rig.conformer),
        shelf: Arc::clone(&rig.shelf),
        store: Arc::clone(&rig.store),
        cards: Cards::install(folder.path()).unwrap(),
        clock,
        board: board.clone(),
    };
    ahead::start(means, &rig.stop, move || ahead::Plans {
        channels: vec![Arc::clone(&on_air)],
        watched: HashSet::new(),
        voices: Vec::new(),
    });
    let mut order = Vec::new();
    for _ in 0..4 {
        order.push(rig.ended().await.0.media.0);
    }
    assert_eq!(order, [3, 1, 2, 4], "what is on air comes first");
    let done = async {
        while board.progress().is_none_or(|now| now.state != ahead::LibraryState::Done) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), done).await.unwrap();
    let progress = board.progress().unwrap();
    assert_eq!((progress.total, progress.prepared, progress.failed), (4, 4, 0));
}

#[test]
fn nothing_is_removed_for_what_nobody_needs() {
    let folder = tempfile::tempdir().unwrap();
    let p = profile(25, 1);
    let store = Store::open(folder.path(), 100_000).unwrap();
    let film = |id| Media { id: MediaId(id), duration_ms: 400, ..Media::file(MediaId(id), "") };
    let group = |first_frame, bytes: usize| NewGop {
        first_frame,
        frames: 10,
        audio_tick: 0,
        gop: Gop {
            video: vec![VideoUnit { frame: first_frame, data: Bytes::from(vec![1; bytes]) }],
            audio: Vec::new(),
        },
    };
    let put =
        |id, first, bytes| store.writer(&Store::key_of(&film(id), &p)).append(&group(first, bytes));
    put(1, 0, 78_000).unwrap();
    // 1,128 kbit/s for 400 ms are 56 kB: more than is free.
    assert!(store.reserve_spare(&film(2), &p).is_err());
    assert!(put(2, 0, 50_000).is_err(), "neither while it is written");
    put(2, 0, 20_000).unwrap();
    assert!(store.index(&film(1), &p).is_some());
    // Once a timeline names it, what nobody needs makes way.
    store.publish_uses([((MediaId(2), p.shape()), UtcMillis(5))].into());
    put(2, 10, 50_000).unwrap();
    assert!(store.index(&film(1), &p).is_none());
}
