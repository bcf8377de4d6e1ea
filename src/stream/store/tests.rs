use super::*;
use crate::stream::rendition::{SLATE_STANDBY, VideoUnit};

fn key(media: i64) -> RenditionKey {
    RenditionKey { media: MediaId(media), version: 7, profile: "360p25".to_owned() }
}

/// A group over `frames` frames from `first`, in decode order I P B P B ….
fn gop(first: i64, frames: i64) -> NewGop {
    let mut order: Vec<i64> = vec![first];
    for at in (first + 2..first + frames).step_by(2) {
        order.extend([at, at - 1]);
    }
    if frames % 2 == 0 {
        order.push(first + frames - 1);
    }
    let picture = |frame| VideoUnit { frame, data: Bytes::from(vec![b'v'; 100]) };
    NewGop {
        first_frame: first,
        frames: u32::try_from(frames).unwrap(),
        audio_tick: first * 3600,
        gop: Gop {
            video: order.into_iter().map(picture).collect(),
            audio: vec![Bytes::from_static(b"aaaa"); 3],
        },
    }
}

fn open(root: &Path) -> Arc<Store> {
    Store::open(root, 1 << 30).unwrap()
}

/// `first-end` of all stored groups.
fn covered(store: &Store, media: i64) -> String {
    let index = store.index_of(&key(media));
    let gops = index.map(|index| Arc::clone(&index.gops)).unwrap_or_else(|| Arc::from([]));
    let ranges: Vec<String> =
        gops.iter().map(|gop| format!("{}-{}", gop.first_frame, gop.end_frame())).collect();
    ranges.join(" ")
}

#[test]
fn what_is_stored_is_read_again_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let mut writer = store.writer(&key(1));
    assert_eq!(writer.append(&gop(0, 50)).unwrap(), Appended::UpTo(50));
    assert_eq!(writer.append(&gop(50, 50)).unwrap(), Appended::UpTo(100));
    store.note(&key(1), |notes| notes.end_frame = Some(100)).unwrap();
    drop(writer);
    for store in [Arc::clone(&store), open(folder.path())] {
        let index = store.index_of(&key(1)).unwrap();
        assert!(index.is_complete());
        assert_eq!(store.read(&key(1), &index.gops[1]).unwrap(), gop(50, 50).gop);
    }
}

#[test]
fn spans_meet_without_overlap() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let mut live = store.writer(&key(1));
    live.append(&gop(70, 50)).unwrap();
    let mut background = store.writer(&key(1));
    background.append(&gop(0, 50)).unwrap();
    assert_eq!(background.append(&gop(50, 50)).unwrap(), Appended::UpTo(70));
    assert_eq!(background.append(&gop(100, 50)).unwrap(), Appended::Known);
    assert_eq!(covered(&store, 1), "0-50 50-70 70-120");
    let cut = store.index_of(&key(1)).unwrap().gops[1];
    let frames: Vec<i64> =
        store.read(&key(1), &cut).unwrap().video.iter().map(|unit| unit.frame).collect();
    assert_eq!(frames.last(), Some(&67), "68 needs 70, which is cut off");
    assert_eq!(covered(&open(folder.path()), 1), "0-50 50-70 70-120");
}

#[test]
fn of_a_broadcast_only_the_present_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let mut writer = store.writer(&key(1));
    for n in 0..4 {
        writer.append(&gop(n * 50, 50)).unwrap();
        writer.begin_span(0);
    }
    let (all, _) = store.usage();
    writer.begin_span(100);
    assert_eq!(covered(&store, 1), "100-150 150-200");
    assert_eq!(store.usage().0, all / 2);
    writer.append(&gop(200, 50)).unwrap();
    drop(writer);
    assert_eq!(covered(&open(folder.path()), 1), "100-150 150-200 200-250");
}

#[test]
fn a_torn_tail_costs_one_group_and_a_new_span_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let mut writer = store.writer(&key(1));
    writer.append(&gop(0, 50)).unwrap();
    writer.append(&gop(50, 50)).unwrap();
    drop(writer);
    let path = span_path(&store.folder(&key(1)), 0);
    let length = fs::metadata(&path).unwrap().len();
    for missing in [1, 100, length / 2 - 1] {
        File::options().write(true).open(&path).unwrap().set_len(length - missing).unwrap();
        let store = open(folder.path());
        assert_eq!(covered(&store, 1), "0-50", "{missing} bytes missing");
        assert_eq!(fs::metadata(&path).unwrap().len(), length / 2);
    }
    let store = open(folder.path());
    store.writer(&key(1)).append(&gop(50, 20)).unwrap();
    assert_eq!(covered(&open(folder.path()), 1), "0-50 50-70");
}

#[test]
fn a_damaged_group_leaves_the_index_and_the_others_stay() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let mut writer = store.writer(&key(1));
    for first in [0, 50, 100] {
        writer.append(&gop(first, 50)).unwrap();
    }
    let path = span_path(&store.folder(&key(1)), 0);
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::write(&path, bytes).unwrap();
    let index = store.index_of(&key(1)).unwrap();
    let answer = store.read(&key(1), &index.gops[1]);
    assert!(matches!(answer, Err(ReadError::Damaged { media: MediaId(1) })), "{answer:?}");
    assert_eq!(covered(&store, 1), "0-50 100-150");
    assert!(store.read(&key(1), &index.gops[2]).is_ok());
}

#[test]
fn a_full_budget_drops_what_is_needed_last_and_else_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let size = record::write(&gop(0, 50)).unwrap().len() as u64;
    let store = Store::open(folder.path(), 3 * size).unwrap();
    let uses = [(1, 1_000), (2, 3_000), (3, 2_000), (4, 2_500)];
    let uses = uses.map(|(id, at)| ((MediaId(id), "360p25".to_owned()), UtcMillis(at)));
    store.publish_uses(uses.into());
    for media in [1, 2, 3, 4] {
        store.writer(&key(media)).append(&gop(0, 50)).unwrap();
    }
    assert_eq!(covered(&store, 2), "", "needed last");
    assert_eq!(store.usage().0, 3 * size);
    let refused = store.writer(&key(2)).append(&gop(0, 50));
    assert!(matches!(refused, Err(StoreError::Full { .. })), "{refused:?}");
    assert_eq!(covered(&Store::open(folder.path(), 3 * size).unwrap(), 4), "0-50");
}

#[test]
fn slates_are_never_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let size = record::write(&gop(0, 50)).unwrap().len() as u64;
    let store = Store::open(folder.path(), size).unwrap();
    store.writer(&key(SLATE_STANDBY.0)).append(&gop(0, 50)).unwrap();
    let refused = store.writer(&key(1)).append(&gop(0, 50));
    assert!(matches!(refused, Err(StoreError::Full { .. })), "{refused:?}");
}

#[test]
fn a_changed_file_replaces_its_rendition() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.writer(&key(1)).append(&gop(0, 50)).unwrap();
    let changed = RenditionKey { version: 8, ..key(1) };
    store.writer(&changed).append(&gop(0, 20)).unwrap();
    assert_eq!(covered(&store, 1), "");
    assert_eq!(store.index_of(&changed).unwrap().gops.len(), 1);
}

#[test]
fn forgetting_ends_running_writers_and_frees_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let mut writer = store.writer(&key(1));
    writer.append(&gop(0, 50)).unwrap();
    store.forget(MediaId(1));
    assert!(matches!(writer.append(&gop(50, 50)), Err(StoreError::Forgotten)));
    assert_eq!(store.usage().0, 0);
    assert!(!store.folder(&key(1)).exists());
    store.writer(&key(1)).append(&gop(0, 10)).unwrap();
    drop(writer);
    assert_eq!(covered(&store, 1), "0-10");
}

#[test]
fn growth_wakes_readers() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let mut grown = store.grown();
    grown.mark_unchanged();
    store.writer(&key(1)).append(&gop(0, 50)).unwrap();
    assert!(grown.has_changed().unwrap());
}
