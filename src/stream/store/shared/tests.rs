use super::super::record::NewGop;
use super::super::{Appended, Store, StoreError};
use super::*;
use crate::domain::{MediaId, Profile};
use crate::stream::rendition::{Gop, Renditions, SLATE_STANDBY, VideoUnit};
use bytes::Bytes;

#[test]
fn a_rendition_has_one_maker_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (open(folder.path()), open(folder.path()));
    let mut first = one.writer(&key(1));
    first.append(&gop(0)).unwrap();
    let refused = two.writer(&key(1)).append(&gop(50));
    assert!(matches!(refused, Err(StoreError::MadeElsewhere)), "{refused:?}");
    // A second job of the same server may help.
    let mut helper = one.writer(&key(1));
    assert_eq!(helper.append(&gop(100)).unwrap(), Appended::UpTo(150));
    drop((first, helper));
    // The next maker knows what the first has made, and fills what is left.
    let mut next = two.writer(&key(1));
    assert_eq!(next.append(&gop(0)).unwrap(), Appended::Known);
    assert_eq!(next.append(&gop(50)).unwrap(), Appended::UpTo(100));
    assert!(matches!(one.claim(&key(1)), Err(StoreError::MadeElsewhere)));
    drop(next);
    one.claim(&key(1)).unwrap();
    assert_eq!(firsts(&one, 1), [0, 50, 100]);
    assert_eq!(one.index_of(&key(1)), two.index_of(&key(1)));
    assert_eq!(one.usage(), two.usage());
}

#[test]
fn what_another_server_makes_is_found_by_those_who_miss_it() {
    let folder = tempfile::tempdir().unwrap();
    let (maker, other) = (open(folder.path()), open(folder.path()));
    let mut writer = maker.writer(&key(1));
    writer.append(&gop(0)).unwrap();
    other.look_again();
    assert_eq!(firsts(&other, 1), [0_i64; 0], "nobody missed it");
    let mut grown = other.grown();
    other.miss(key(1));
    other.look_again();
    assert_eq!(firsts(&other, 1), [0]);
    assert!(grown.has_changed().unwrap());
    writer.append(&gop(50)).unwrap();
    maker.note(&key(1), |notes| notes.end_frame = Some(100)).unwrap();
    grown.mark_unchanged();
    other.miss(key(1));
    other.look_again();
    let index = other.index_of(&key(1)).unwrap();
    assert!(index.is_complete() && grown.has_changed().unwrap());
    assert_eq!(other.read(&key(1), &index.gops[1]).unwrap(), gop(50).gop);
    grown.mark_unchanged();
    other.miss(key(1));
    other.look_again();
    assert!(!grown.has_changed().unwrap(), "nothing is new");
}

#[test]
fn a_slate_is_found_without_knowing_its_version() {
    let folder = tempfile::tempdir().unwrap();
    let (maker, other) = (open(folder.path()), open(folder.path()));
    let profile = Profile::named("360p25").unwrap();
    assert_eq!(other.slate(SLATE_STANDBY, &profile), None);
    let key = RenditionKey { profile: profile.shape(), ..key(SLATE_STANDBY.0) };
    maker.writer(&key).append(&gop(0)).unwrap();
    maker.note(&key, |notes| notes.end_frame = Some(50)).unwrap();
    other.look_again();
    assert!(other.slate(SLATE_STANDBY, &profile).is_some());
}

#[test]
fn what_is_being_written_is_never_cut() {
    let folder = tempfile::tempdir().unwrap();
    let maker = open(folder.path());
    let mut writer = maker.writer(&key(1));
    writer.append(&gop(0)).unwrap();
    let path = folder.path().join("360p25/1.0000000000000007/00000.span");
    let whole = fs::metadata(&path).unwrap().len();
    let half = [b'x'; 20];
    io::Write::write_all(&mut File::options().append(true).open(&path).unwrap(), &half).unwrap();
    let other = open(folder.path());
    assert_eq!(firsts(&other, 1), [0]);
    other.miss(key(1));
    other.look_again();
    assert_eq!(fs::metadata(&path).unwrap().len(), whole + 20);
    drop(writer);
    // Its maker is gone, so this is a torn end.
    other.claim(&key(1)).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().len(), whole);
}

#[test]
fn what_another_server_makes_is_not_removed_and_what_it_removed_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let (maker, other) = (open(folder.path()), open(folder.path()));
    let mut writer = maker.writer(&key(1));
    writer.append(&gop(0)).unwrap();
    other.miss(key(1));
    other.look_again();
    other.forget(MediaId(1));
    assert_eq!(writer.append(&gop(50)).unwrap(), Appended::UpTo(100), "it is still there");
    drop(writer);
    other.miss(key(1));
    other.look_again();
    assert_eq!(firsts(&other, 1), [0, 50]);
    maker.forget(MediaId(1));
    other.miss(key(1));
    other.look_again();
    assert_eq!((other.index_of(&key(1)), other.usage().0), (None, 0));
}

#[test]
fn a_damaged_group_does_not_come_back_with_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let mut writer = store.writer(&key(1));
    writer.append(&gop(0)).unwrap();
    drop(writer);
    let path = folder.path().join("360p25/1.0000000000000007/00000.span");
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, bytes).unwrap();
    let bad = store.index_of(&key(1)).unwrap().gops[0];
    store.read(&key(1), &bad).unwrap_err();
    assert_eq!(store.writer(&key(1)).append(&gop(0)).unwrap(), Appended::UpTo(50));
    let good = store.index_of(&key(1)).unwrap().gops[0];
    assert_eq!(store.read(&key(1), &good).unwrap(), gop(0).gop);
}

fn open(root: &Path) -> Arc<Store> {
    Store::open(root, 1 << 30).unwrap()
}

fn key(media: i64) -> RenditionKey {
    RenditionKey { media: MediaId(media), version: 7, profile: "360p25".to_owned() }
}

/// Fifty frames from `first` on.
fn gop(first: i64) -> NewGop {
    let picture = |frame| VideoUnit { frame, data: Bytes::from_static(b"picture") };
    let gop = Gop { video: (first..first + 50).map(picture).collect(), audio: Vec::new() };
    NewGop { first_frame: first, frames: 50, audio_tick: 0, gop }
}

/// Where the groups begin.
fn firsts(store: &Store, media: i64) -> Vec<i64> {
    let index = store.index_of(&key(media));
    index.map_or_else(Vec::new, |index| index.gops.iter().map(|gop| gop.first_frame).collect())
}
