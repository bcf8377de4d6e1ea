//! A disk that sleeps: its viewers see the slate and then the film at its right place, and nobody
//! else notices.

use std::collections::HashSet;
use std::net::Ipv4Addr;
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use futures_util::StreamExt;

use super::*;
use crate::domain::{Channel, ChannelId, ChannelNumber, Rules, Slot, SlotKind, Timeline};
use crate::mpegts::check::check;
use crate::stream::core::{Core, Parts};
use crate::stream::slate::Cards;
use crate::stream::{
    OnAir, Settings, Steering, Tuning, Viewer, ViewerInfo, ViewerLimits, ahead, pace,
};

/// A disk on which some files do not answer until it wakes.
#[derive(Debug, Default)]
pub(super) struct Sleepy {
    asleep: Mutex<HashSet<PathBuf>>,
    woken: Condvar,
}

impl Sleepy {
    fn sleep(&self, path: &Path) {
        self.asleep.lock().unwrap().insert(path.to_owned());
    }

    fn wake(&self) {
        self.asleep.lock().unwrap().clear();
        self.woken.notify_all();
    }

    fn wait_for(&self, path: &Path) {
        let asleep = self.asleep.lock().unwrap();
        drop(self.woken.wait_while(asleep, |asleep| asleep.contains(path)).unwrap());
    }
}

#[derive(Debug)]
struct SleepyFile(Arc<Sleepy>, PathBuf, std::fs::File);

impl Files for Arc<Sleepy> {
    fn open(&self, path: &Path) -> io::Result<Box<dyn source::Source>> {
        self.wait_for(path);
        let file = std::fs::File::open(path)?;
        Ok(Box::new(SleepyFile(Arc::clone(self), path.to_owned(), file)))
    }
}

impl source::Source for SleepyFile {
    fn stamp(&self) -> io::Result<source::Stamp> {
        self.2.stamp()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.wait_for(&self.1);
        source::Source::read_at(&self.2, buffer, offset)
    }
}

pub(super) struct Station {
    pub(super) rig: Rig,
    pub(super) tuning: Tuning,
    pub(super) steering: Steering,
    pub(super) clock: SharedClock,
}

impl Station {
    /// Whether the channel shows its item, with seconds of it ahead.
    pub(super) fn shows_the_item(&self, channel: ChannelId) -> bool {
        let state = self.tuning.state(channel);
        state.is_some_and(|state| state.headroom_ms > 6_000 && !state.on_slate)
    }

    pub(super) async fn start(files: &Arc<Sleepy>) -> Self {
        let rig = Rig::over(Arc::new(Arc::clone(files)));
        let cards = Cards::install(rig._folder.path()).unwrap();
        cards.conform(&rig.conformer, &rig.shelf.store, &profile()).await.unwrap();
        let settings = Settings {
            outside: crate::foundation::reach::Outside::default(),
            acceleration: crate::domain::AccelerationChoice::default(),
            runs: crate::domain::FfmpegRuns::default(),
            cache_dir: rig._folder.path().to_owned(),
            shown_dir: rig._folder.path().join("shown"),
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
            limits: Limits::default(),
        };
        let parts = Parts {
            renditions: Arc::clone(&rig.shelf) as Arc<dyn Renditions>,
            conforming: Arc::clone(&rig.conformer) as Arc<dyn crate::stream::rendition::Conforming>,
            processes: Arc::clone(&rig.pool) as Arc<dyn crate::foundation::process::Processes>,
            making: None,
            texts: Arc::new(crate::stream::texts::Shelf::new(rig._folder.path().join("texts"))),
        };
        let clock = Arc::clone(&rig.shelf.clock);
        let (facts, _nobody) = tokio::sync::mpsc::channel(100);
        let stop = rig.shelf.stop.clone();
        let (tuning, steering) = Core::assemble(settings, Arc::clone(&clock), &stop, facts, parts);
        Self { rig, tuning, steering, clock }
    }

    /// Puts `media` on air on channel `id`, since a second ago.
    pub(super) fn publish(&self, id: u16, media: &Arc<Media>) -> ChannelId {
        let start = UtcMillis(self.clock.now_ms() - 1_000);
        let slot = Slot {
            start,
            stop: start.plus_ms(58_000),
            media: Some(media.id),
            in_ms: 0,
            kind: SlotKind::Programme,
            title: String::new(),
            guide_group: None,
            custom_title: None,
        };
        let channel = Channel {
            id: ChannelId(i64::from(id)),
            number: ChannelNumber::whole(id).unwrap(),
            name: "film".to_owned(),
            group: None,
            logo: None,
            enabled: true,
            profile: profile().name,
            rules: Rules::default(),
        };
        let channel_id = channel.id;
        self.steering.publish(OnAir {
            channel: Arc::new(channel),
            profile: profile(),
            timeline: Timeline::new(vec![slot]).unwrap(),
            media: Arc::new(HashMap::from([(media.id, Arc::clone(media))])),
            slates: crate::stream::OwnSlates::default(),
        });
        channel_id
    }

    pub(super) fn join(&self, channel: ChannelId) -> Viewer {
        let who = ViewerInfo {
            addr: Ipv4Addr::LOCALHOST.into(),
            user_agent: "test".to_owned(),
            via: "test",
            user: None,
            ticket: None,
        };
        self.tuning.join(channel, who).unwrap()
    }

    pub(super) fn slates(&self) -> u64 {
        self.tuning.counters().slate_units
    }
}

/// Reads until `done` says so.
pub(super) async fn read(viewer: &mut Viewer, bytes: &mut Vec<u8>, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(60), "in vain");
        if let Ok(Some(block)) =
            tokio::time::timeout(Duration::from_millis(20), viewer.next()).await
        {
            bytes.extend_from_slice(&block);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sleeping_disk_shows_the_slate_to_its_own_viewers_only() {
    let files = Arc::new(Sleepy::default());
    let station = Station::start(&files).await;
    let long = clip("long-enough.mp4", 58, "-bf 2 -preset ultrafast");
    let other = remux(&long, "other-disk.mkv", "", "-c copy");
    let asleep = media(&long);
    let awake = Arc::new(Media { id: MediaId(2), ..(*media(&other)).clone() });
    for media in [&asleep, &awake] {
        assert_eq!(station.rig.shelf.prepare(media, &profile()).await, Offer::Ready);
    }
    files.sleep(&long);
    let channel = station.publish(1, &asleep);
    let mut viewer = station.join(channel);
    let mut bytes = Vec::new();
    read(&mut viewer, &mut bytes, || station.slates() > 0).await;

    // Another channel on another disk has its film, without any slate.
    let slates = station.slates();
    let fine = station.publish(2, &awake);
    let (mut neighbour, mut seen) = (station.join(fine), Vec::new());
    let headroom = || station.tuning.state(fine).is_some_and(|state| state.headroom_ms > 6_000);
    read(&mut neighbour, &mut seen, headroom).await;
    assert!(!station.tuning.state(fine).unwrap().on_slate);
    // The sleeper goes on with slates, one or two seconds at a time, without a thread for each.
    read(&mut viewer, &mut bytes, || station.slates() > slates + 1).await;
    assert!(station.tuning.state(channel).unwrap().on_slate);

    files.wake();
    read(&mut viewer, &mut bytes, || station.shows_the_item(channel)).await;
    let report = check(&bytes, station.clock.now_ms() * 90);
    assert!(report.is_clean(), "{:?}", report.faults);
    assert_eq!(station.tuning.counters().read_errors, 0);
    drop((viewer, neighbour));
    assert_eq!(station.rig.shelf.stop.drain(Duration::from_secs(20)).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_cannot_be_opened_yet_joins_when_it_can() {
    let files = Arc::new(Sleepy::default());
    let station = Station::start(&files).await;
    let path = clip("opens-late.mp4", 58, "-bf 2 -preset ultrafast");
    let film = media(&path);
    files.sleep(&path);
    let channel = station.publish(1, &film);
    let (mut viewer, mut bytes) = (station.join(channel), Vec::new());
    let opening = || station.rig.shelf.offer(&film, &profile()) == Offer::Opening;
    read(&mut viewer, &mut bytes, || station.slates() > 1 && opening()).await;
    files.wake();
    read(&mut viewer, &mut bytes, || station.shows_the_item(channel)).await;
    let report = check(&bytes, station.clock.now_ms() * 90);
    assert!(report.is_clean(), "{:?}", report.faults);
    drop(viewer);
    assert_eq!(station.rig.shelf.stop.drain(Duration::from_secs(20)).await, 0);
}
