//! A disk that is full while a viewer waits: he sees the slate, and the film when there is room.

use std::time::Duration;

use super::slow::{Sleepy, Station, read};
use super::*;
use crate::mpegts::check::check;
use crate::stream::rendition::Conforming;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_shows_the_slate_and_the_film_when_there_is_room() {
    let station = Station::start(&Arc::new(Sleepy::default())).await;
    let path = clip("no-room.mp4", 58, "-bf 2 -preset ultrafast -c:a ac3");
    let mut film = (*media(&path)).clone();
    film.probe.as_mut().unwrap().audio[0].codec = "ac3".to_owned();
    let film = Arc::new(film);
    let store = Arc::clone(&station.rig.shelf.store);
    // Room for a group and a half or so.
    store.disk_room.store(100_000, Ordering::Relaxed);
    let channel = station.publish(1, &film);
    let (mut viewer, mut bytes) = (station.join(channel), Vec::new());
    // The job ends, and is not begun again in secret.
    let ended = || station.slates() > 2 && station.rig.conformer.job(channel).is_none();
    read(&mut viewer, &mut bytes, ended).await;
    let index = store.index_of(&Store::key_of(&film, &profile()));
    for gop in index.iter().flat_map(|index| index.gops.iter()) {
        store.read(&index.as_ref().unwrap().key, gop).unwrap();
    }
    store.disk_room.store(u64::MAX, Ordering::Relaxed);
    assert!(station.steering.restart(channel).await.conform_reset);
    read(&mut viewer, &mut bytes, || station.shows_the_item(channel)).await;
    let report = check(&bytes, station.clock.now_ms() * 90);
    assert!(report.is_clean(), "{:?}", report.faults);
    drop(viewer);
    assert_eq!(station.rig.shelf.stop.drain(Duration::from_secs(20)).await, 0);
}
