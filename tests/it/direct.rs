//! A library that conforms already: channels tune cold, without a child process and without cache.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use exstreamtv::control::operations::Actor;
use exstreamtv::domain::{Mode, NewChannel, Order, Rules, ScheduleItem};

use crate::support::app::{App, run};
use crate::support::picture::judge;
use crate::support::programs::ffmpeg;
use crate::support::tune::first_picture;

/// Channels that are tuned, each for the first time.
const CHANNELS: u64 = 24;

/// Six films of forty seconds, half of them Matroska, the others MP4 both plain and in fragments, in the form of `360p25`.
fn films() -> &'static Path {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let made = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let first: PathBuf = folder.path().join("film 1.mp4");
        let picture = "testsrc2=s=640x360:r=25:d=40";
        let sound = "sine=f=440:d=40:r=48000,aformat=channel_layouts=stereo";
        let coding = "-pix_fmt yuv420p -c:v libx264 -preset ultrafast -bf 2 -g 50 -sc_threshold 0 \
                      -b:v 4M -minrate 4M -maxrate 4M -bufsize 4M -c:a aac";
        let mut args = vec!["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound];
        args.extend(coding.split_whitespace());
        args.push(first.to_str().unwrap());
        ffmpeg(&args);
        for n in 2..=6 {
            let kind = if n % 2 == 0 { "mkv" } else { "mp4" };
            let path = folder.path().join(format!("film {n}.{kind}"));
            let from = first.to_str().unwrap();
            // The third and the fifth are fragmented.
            let flags = if n % 2 == 1 { "+frag_keyframe+delay_moov" } else { "" };
            let mut args = vec!["-i", from, "-c", "copy"];
            if !flags.is_empty() {
                args.extend(["-movflags", flags]);
            }
            args.push(path.to_str().unwrap());
            ffmpeg(&args);
        }
        folder
    });
    made.path()
}

#[test]
fn a_conforming_library_tunes_cold_without_ffmpeg_and_without_cache() {
    run(async {
        // Nothing is conformed ahead; what is on air now and next is opened.
        let app = App::with(&[films().to_owned()], |config| {
            config.streaming.preparing.ahead_minutes = 0;
            config.playout.build_days = 1;
        })
        .await;
        app.until_lineup().await;
        let collection = app.channel("Everything").await.rules.items[0].collection;
        let person = Actor::Person { name: "tester".to_owned() };
        let mut channels = Vec::new();
        for seed in 0..CHANNELS {
            let item = ScheduleItem::new(collection, Order::Shuffle, Mode::Flood);
            let new = NewChannel {
                number: None,
                name: format!("Films {seed}"),
                group: None,
                logo: None,
                enabled: true,
                profile: Some("360p25".to_owned()),
                rules: Rules::of_items(seed, vec![item]),
            };
            channels.push(app.control().create_channel(&person, new).await.unwrap());
        }
        app.prepared().await;
        let before = app.control().health().await.pool.started;

        let mut tunes = Vec::new();
        for channel in &channels {
            tunes.push(first_picture(&app, &channel.number).await);
        }
        tunes.sort_unstable();
        let (p50, p99) = (tunes[tunes.len() / 2], tunes[tunes.len() - 1]);
        println!("cold tune of {} channels: p50 {p50:.1?}, slowest {p99:.1?}", tunes.len());
        // Ten times the target: this build is slow and the machine is busy.
        assert!(p50 < Duration::from_millis(500), "{tunes:?}");

        let counters = app.control().tuning().counters();
        assert_eq!((counters.slate_units, counters.read_errors), (0, 0), "{counters:?}");
        assert_eq!(app.control().health().await.pool.started, before, "no process for a viewer");

        // A while across a join is one unbroken stream.
        let now = app.now_ms();
        let ts = app.viewer().watch(&channels[0].number, Duration::from_secs(20)).await;
        let report = judge(&ts, now);
        assert!(report.is_clean(), "{:?}", report.faults);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &ts).unwrap();
        ffmpeg(&["-i", file.path().to_str().unwrap(), "-f", "null", "-"]);
        app.stop().await;
    });
}
