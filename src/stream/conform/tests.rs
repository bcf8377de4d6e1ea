//! The conformer with the real ffmpeg, over small clips that carry their frame number as a
//! pattern of ten blocks: what a rendition says to be frame `n` must show `n`.

mod codecs;
mod full;
mod looks;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use super::*;
use crate::domain::{
    Accelerator, AudioStream, Channel, FrameRate, Probe, SlateKind, Slot, SlotKind, Timeline,
    UtcMillis, VideoStream,
};
use crate::foundation::clock::Clock;
use crate::foundation::clock::SystemClock;
use crate::stream::pool::Limits;
use crate::stream::rendition::{RenditionIndex, Renditions, SLATE_STANDBY};
use crate::stream::slate::{self, Cards};
use crate::stream::{OnAir, ahead};

/// Width of the pattern and the pictures of all clips.
const SIZE: (u32, u32) = (320, 180);

fn clips() -> &'static Path {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    FOLDER.get_or_init(|| tempfile::tempdir().unwrap()).path()
}

/// Runs ffmpeg and gives what it wrote to stdout.
#[expect(clippy::disallowed_methods, reason = "makes and reads test material")]
fn ffmpeg(args: &[&str]) -> Vec<u8> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y"])
        .args(args)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Makes a clip of four seconds at `rate` with `args` for the encoders, once.
fn clip(name: &str, rate: &str, args: &str) -> String {
    let path = clips().join(name).to_str().unwrap().to_owned();
    let mut draw = "drawbox=x=0:y=0:w=320:h=32:t=fill:color=black".to_owned();
    for bit in 0..10 {
        draw.push_str(&format!(
            ",drawbox=x={}:y=0:w=32:h=32:t=fill:color=white:enable='mod(floor(n/{}),2)'",
            bit * 32,
            1 << bit
        ));
    }
    let video = format!("testsrc2=s=320x180:r={rate}:d=4");
    let mut all = vec!["-f", "lavfi", "-i", &video, "-f", "lavfi", "-i"];
    all.extend(["sine=f=440:d=4:r=48000", "-ac", "2", "-pix_fmt", "yuv420p"]);
    all.extend(args.split_whitespace());
    if !args.contains("-vf") && !args.contains("-vn") {
        all.extend(["-vf", &draw]);
    }
    all.push(&path);
    ffmpeg(&all);
    path
}

fn profile(num: u32, den: u32) -> Profile {
    let (width, height) = SIZE;
    let rate = FrameRate { num, den };
    let name = format!("test{num}.{den}");
    let plain = Profile::named("360p25").unwrap();
    Profile { name, width, height, rate, video_kbps: 1_000, audio_kbps: 128, ..plain }
}

/// Media that looks like a conforming source of 25 frames a second and four seconds.
fn media(path: &str) -> Media {
    let (width, height) = SIZE;
    let video = VideoStream {
        codec: "h264".to_owned(),
        codec_profile: "High".to_owned(),
        width,
        height,
        pixel_format: "yuv420p".to_owned(),
        rate: FrameRate { num: 25, den: 1 },
        constant_rate: true,
        progressive: true,
        rotation: 0,
        square_pixels: true,
        transfer: String::new(),
        gop_ms: None,
    };
    let audio = AudioStream {
        codec: "aac".to_owned(),
        codec_profile: "LC".to_owned(),
        channels: 2,
        sample_rate: 48_000,
        language: None,
        default: true,
    };
    let probe = Probe { video: Some(video), audio: vec![audio], ..Probe::default() };
    Media {
        size: 1,
        modified: UtcMillis(1),
        title: "clip".to_owned(),
        duration_ms: 4_000,
        probe: Some(probe),
        ..Media::file(MediaId(1), path)
    }
}

/// Changes the picture of `media` so that it is encoded, for a stated reason.
fn encoded(mut media: Media, change: impl FnOnce(&mut VideoStream)) -> Media {
    change(media.probe.as_mut().unwrap().video.as_mut().unwrap());
    media
}

fn silent(mut media: Media) -> Media {
    media.probe.as_mut().unwrap().audio.clear();
    media
}

struct Rig {
    shelf: Arc<Shelf>,
    store: Arc<Store>,
    conformer: Arc<Conformer>,
    facts: mpsc::Receiver<Fact>,
    stop: Stop,
    _folder: tempfile::TempDir,
}

impl Rig {
    fn start() -> Self {
        Self::with_budget(1 << 30)
    }

    fn with_budget(budget: u64) -> Self {
        Self::with(budget, "ffmpeg".into(), Encoders::software_only())
    }

    fn with(budget: u64, ffmpeg_path: OsString, encoders: Arc<Encoders>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let stop = Stop::new();
        let store = Store::open(&folder.path().join("store"), budget).unwrap();
        let limits = Limits { spawns_per_second: 100, memory_guard: 1.0, ..Limits::default() };
        let pool = Pool::start(limits, &stop, folder.path()).unwrap();
        let (sender, facts) = mpsc::channel(1_000);
        let still = folder.path().join("still.png");
        let findings = folder.path().join("findings");
        let settings = Settings {
            ffmpeg: ffmpeg_path,
            still: still.clone(),
            findings,
            outside: crate::foundation::reach::Outside::default(),
            encoders,
        };
        let clock: SharedClock = SystemClock::start();
        // These media state another size than their files have, so nothing is read in process.
        let shelf = Shelf::new(Arc::clone(&store), Arc::clone(&clock), &stop);
        let conformer = Conformer::start(
            Arc::clone(&shelf),
            Arc::clone(&store),
            pool,
            clock,
            &stop,
            sender,
            settings,
        );
        ffmpeg(&[
            "-f",
            "lavfi",
            "-i",
            "color=c=navy:s=64x36",
            "-frames:v",
            "1",
            still.to_str().unwrap(),
        ]);
        Self { shelf, store, conformer, facts, stop, _folder: folder }
    }

    /// Conforms all of `media` and gives how it ended.
    async fn conform(&self, media: &Media, profile: &Profile) -> ConformEnd {
        self.conformer.ahead(&Arc::new(media.clone()), profile).await
    }

    fn index(&self, media: &Media, profile: &Profile) -> Arc<RenditionIndex> {
        self.store.index(media, profile).unwrap()
    }

    /// Frame and shown number of every picture in the store.
    fn numbers(&self, media: &Media, profile: &Profile) -> Vec<(i64, i64)> {
        let index = self.index(media, profile);
        let mut all = Vec::new();
        for entry in index.gops.iter() {
            let gop = self.store.read(&index.key, entry).unwrap();
            let mut frames: Vec<i64> = gop.video.iter().map(|unit| unit.frame).collect();
            frames.sort_unstable();
            let file = tempfile::NamedTempFile::new().unwrap();
            let bytes: Vec<u8> = gop.video.iter().flat_map(|unit| unit.data.to_vec()).collect();
            std::fs::write(file.path(), bytes).unwrap();
            let pixels = ffmpeg(&[
                "-f",
                profile.video_codec.as_str(),
                "-i",
                file.path().to_str().unwrap(),
                "-vf",
                "crop=iw:ih*28/180:0:ih*2/180,scale=10:1:flags=area,format=gray",
                "-fps_mode",
                "passthrough",
                "-f",
                "rawvideo",
                "-",
            ]);
            assert_eq!(pixels.len(), frames.len() * 10, "every picture of a group decodes alone");
            for (frame, row) in frames.into_iter().zip(pixels.chunks(10)) {
                let bit = |at: usize| i64::from(row[at] > 128) << at;
                all.push((frame, (0..10).map(bit).sum()));
            }
        }
        all
    }

    /// All frames of the store in order are the numbers that `expected` gives, within `slack`.
    #[track_caller]
    fn check_numbers(&self, media: &Media, profile: &Profile, ratio: f64, slack: i64) {
        let numbers = self.numbers(media, profile);
        assert!(!numbers.is_empty());
        for (frame, number) in numbers {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_precision_loss,
                reason = "small"
            )]
            let expected = (frame as f64 * ratio).round() as i64;
            assert!((number - expected).abs() <= slack, "frame {frame} shows {number}");
        }
    }

    /// Audio frames lie on one grid and cover the pictures without a gap.
    #[track_caller]
    fn check_sound(&self, media: &Media, profile: &Profile) {
        let index = self.index(media, profile);
        let mut next = None;
        for gop in index.gops.iter() {
            assert!(gop.audio_frames > 0, "{gop:?}");
            if let Some(next) = next {
                assert_eq!(gop.audio_tick, next, "{gop:?}");
            }
            next = Some(gop.audio_tick + i64::from(gop.audio_frames) * profile.audio_ticks());
        }
        let end = profile.tick_of(index.gops.last().unwrap().end_frame());
        assert!(next.unwrap() > end - 3 * profile.audio_ticks(), "{next:?} of {end}");
    }

    async fn ended(&mut self) -> (ConformJob, ConformEnd) {
        loop {
            match tokio::time::timeout(Duration::from_secs(30), self.facts.recv()).await {
                Ok(Some(Fact::ConformEnded { job, end })) => return (job, end),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => panic!("no conform ended"),
            }
        }
    }
}

const COPYABLE: &str = "-c:v libx264 -preset veryfast -g 25 -bf 2 -sc_threshold 0 -c:a aac";

#[tokio::test]
async fn a_conforming_source_is_copied_picture_by_picture() {
    let rig = Rig::start();
    for name in ["copy.mp4", "copy.mkv", "copy.ts"] {
        let mut media = media(&clip(name, "25", COPYABLE));
        media.size = name.len() as u64 * 1_000 + u64::from(name.as_bytes()[6]);
        assert_eq!(rig.conform(&media, &profile(25, 1)).await, ConformEnd::Completed, "{name}");
        assert_eq!(rig.store.notes(&Store::key_of(&media, &profile(25, 1))).copy_barred, None);
        let index = rig.index(&media, &profile(25, 1));
        assert!(index.is_complete(), "{index:?}");
        assert_eq!(index.end_frame, Some(100));
        rig.check_numbers(&media, &profile(25, 1), 1.0, 0);
        rig.check_sound(&media, &profile(25, 1));
    }
}

#[tokio::test]
async fn a_source_of_another_rate_is_encoded_on_the_grid() {
    let rig = Rig::start();
    let args = "-c:v libx264 -preset veryfast -bf 3 -c:a ac3";
    for (name, rate, ratio) in [("film.mkv", "24000/1001", 0.959), ("sport.mp4", "50", 2.0)] {
        let mut media =
            encoded(media(&clip(name, rate, args)), |video| video.constant_rate = false);
        media.probe.as_mut().unwrap().audio[0].codec = "ac3".to_owned();
        media.size = name.len() as u64;
        assert_eq!(rig.conform(&media, &profile(25, 1)).await, ConformEnd::Completed, "{name}");
        rig.check_numbers(&media, &profile(25, 1), ratio, 1);
        rig.check_sound(&media, &profile(25, 1));
        assert!(rig.index(&media, &profile(25, 1)).end_frame.unwrap() >= 99);
    }
}

#[tokio::test]
async fn film_rate_does_not_drift_on_a_film_profile() {
    let rig = Rig::start();
    let film = profile(24_000, 1001);
    let path = clip("film-copy.mkv", "24000/1001", COPYABLE);
    let media = encoded(media(&path), |video| video.rate = FrameRate { num: 24_000, den: 1001 });
    assert_eq!(rig.conform(&media, &film).await, ConformEnd::Completed);
    rig.check_numbers(&media, &film, 1.0, 0);
    rig.check_sound(&media, &film);
}

#[tokio::test]
async fn all_kinds_of_sources_become_renditions() {
    let rig = Rig::start();
    let p = profile(25, 1);
    let rows = [
        ("hevc.mkv", "-c:v libx265 -preset ultrafast -x265-params log-level=none -c:a aac"),
        ("dvd.ts", "-c:v mpeg2video -flags +ildct+ilme -top 1 -b:v 2M -c:a mp2"),
        (
            "vfr.mkv",
            "-vf select='not(eq(mod(n\\,7)\\,3))' -fps_mode vfr -c:v libx264 -c:a libmp3lame",
        ),
        ("rotated.mp4", "-vf transpose=1 -metadata:s:v rotate=90 -c:v libx264 -c:a aac"),
    ];
    for (name, args) in rows {
        let mut media = encoded(media(&clip(name, "25", args)), |video| video.progressive = false);
        media.probe.as_mut().unwrap().audio[0].codec = "other".to_owned();
        media.size = name.len() as u64 * 1_000 + u64::from(name.as_bytes()[0]);
        assert_eq!(rig.conform(&media, &p).await, ConformEnd::Completed, "{name}");
        let index = rig.index(&media, &p);
        assert!(index.is_complete(), "{name}: {index:?}");
        assert!((index.end_frame.unwrap() - 100).abs() <= 1, "{name}: {index:?}");
        rig.check_sound(&media, &p);
        if !args.contains("-vf") {
            // Sound that begins before the picture moves it by half a frame.
            rig.check_numbers(&media, &p, 1.0, 1);
        }
    }
}

#[tokio::test]
async fn a_source_without_sound_and_one_without_picture_are_played() {
    let rig = Rig::start();
    let p = profile(25, 1);
    let mute = silent(media(&clip("mute.mp4", "25", "-c:v libx264 -g 25 -sc_threshold 0 -an")));
    assert_eq!(rig.conform(&mute, &p).await, ConformEnd::Completed);
    rig.check_numbers(&mute, &p, 1.0, 0);
    assert!(rig.index(&mute, &p).gops.iter().all(|gop| gop.audio_frames == 0));

    let mut song = media(&clip("song.mp3", "25", "-vn -ar 44100 -c:a libmp3lame"));
    song.probe.as_mut().unwrap().video = None;
    song.probe.as_mut().unwrap().audio[0].codec = "mp3".to_owned();
    song.id = MediaId(2);
    assert_eq!(rig.conform(&song, &p).await, ConformEnd::Completed);
    let index = rig.index(&song, &p);
    assert!(index.is_complete(), "{index:?}");
    assert!((99..=101).contains(&index.end_frame.unwrap()), "{index:?}");
    rig.check_sound(&song, &p);
}

#[tokio::test]
async fn copying_is_given_up_where_it_would_not_splice() {
    let rig = Rig::start();
    let p = profile(25, 1);
    let film = clip("film.mp4", "25", COPYABLE);
    let rows = [
        ("open.mp4", "-c:v libx264 -g 25 -bf 3 -sc_threshold 0 -x264-params open-gop=1 -c:a aac"),
        ("long.mp4", "-c:v libx264 -g 250 -bf 2 -sc_threshold 0 -c:a aac"),
        ("gaps.mkv", "-vf select='not(eq(n\\,40))' -fps_mode vfr -c:v libx264 -g 25 -c:a aac"),
    ];
    for (id, (name, args)) in (1..).zip(rows) {
        let path = clips().join(name).to_str().unwrap().to_owned();
        // Eight seconds, so that a group of four is not all of it.
        let mut all = vec!["-stream_loop", "1", "-i", &film];
        all.extend(args.split_whitespace());
        all.push(&path);
        ffmpeg(&all);
        let media = Media { id: MediaId(id), duration_ms: 8_000, ..media(&path) };
        assert_eq!(rig.conform(&media, &p).await, ConformEnd::Completed, "{name}");
        let barred = rig.store.notes(&Store::key_of(&media, &p)).copy_barred;
        assert!(barred.is_some(), "{name}");
        let index = rig.index(&media, &p);
        assert!(index.is_complete(), "{name}: {index:?}");
        assert!((199..=202).contains(&index.end_frame.unwrap()), "{name}: {index:?}");
        rig.check_sound(&media, &p);
    }
}

#[tokio::test]
async fn a_truncated_file_gives_what_it_has_and_says_so() {
    let rig = Rig::start();
    let p = profile(25, 1);
    let whole = clip("whole.mkv", "25", COPYABLE);
    let bytes = std::fs::read(&whole).unwrap();
    let path = clips().join("truncated.mkv");
    std::fs::write(&path, &bytes[..bytes.len() * 2 / 5]).unwrap();
    let media = media(path.to_str().unwrap());
    let end = rig.conform(&media, &p).await;
    let ConformEnd::Truncated { got_ms, wanted_ms: 4_000 } = end else { panic!("{end:?}") };
    assert!((500..2_000).contains(&got_ms), "{got_ms}");
    rig.check_numbers(&media, &p, 1.0, 0);
    assert!(!rig.conformer.failed_ahead(&media, &p), "there is nothing more to try");
}

#[tokio::test]
async fn what_cannot_be_read_is_unusable_and_what_is_gone_is_missing() {
    let mut rig = Rig::start();
    let p = profile(25, 1);
    let path = clips().join("garbage.mkv");
    std::fs::write(&path, vec![b'x'; 10_000]).unwrap();
    let garbage = media(path.to_str().unwrap());
    let end = rig.conform(&garbage, &p).await;
    assert!(matches!(end, ConformEnd::Unusable { .. }), "{end:?}");
    assert!(rig.conformer.failed_ahead(&garbage, &p));
    let mut lines = 0;
    while let Ok(fact) = rig.facts.try_recv() {
        lines += i32::from(matches!(fact, Fact::StderrLine { .. }));
    }
    assert!(lines > 0, "ffmpeg's complaint is a fact");
    let gone = Media { id: MediaId(2), ..media("/does/not/exist.mkv") };
    assert_eq!(rig.conform(&gone, &p).await, ConformEnd::Missing);
}

#[tokio::test]
async fn a_live_job_begins_at_the_wanted_frame_and_meets_what_is_stored() {
    let mut rig = Rig::start();
    let p = profile(25, 1);
    for (id, path) in [
        (1, clip("seek-copy.mp4", "25", COPYABLE)),
        (2, clip("seek-encode.mkv", "25", "-c:v libx264 -g 250 -bf 3 -c:a ac3")),
        (3, clip("seek-mixed.mkv", "25", "-c:v libx264 -g 25 -sc_threshold 0 -c:a ac3")),
    ] {
        let mut media = Media { id: MediaId(id), ..media(&path) };
        if id == 2 {
            media = encoded(media, |video| video.gop_ms = Some(10_000));
        }
        if id > 1 {
            media.probe.as_mut().unwrap().audio[0].codec = "ac3".to_owned();
        }
        let media = Arc::new(media);
        let offer = rig.shelf.prepare(&media, &p).await;
        assert!(matches!(offer, Offer::Unfit(_)), "{offer:?}");
        rig.conformer.want(ChannelId(7), &media, &p, 63);
        assert!(rig.conformer.job(ChannelId(7)).is_some());
        let (job, end) = rig.ended().await;
        assert_eq!((job.channel, &end), (Some(ChannelId(7)), &ConformEnd::Completed));
        assert!(rig.conformer.job(ChannelId(7)).is_none());
        let first = rig.index(&media, &p).gops[0].first_frame;
        assert_eq!(first, if id == 2 { 63 } else { 50 });
        rig.check_numbers(&media, &p, 1.0, 0);

        assert_eq!(rig.conform(&media, &p).await, ConformEnd::Completed);
        rig.ended().await;
        let index = rig.index(&media, &p);
        assert!(index.is_complete(), "{index:?}");
        assert!(index.gops.windows(2).all(|pair| pair[0].end_frame() == pair[1].first_frame));
        rig.check_numbers(&media, &p, 1.0, 0);
        rig.check_sound(&media, &p);
    }
}

#[tokio::test]
async fn a_killed_job_is_not_tried_again_before_a_restart() {
    let mut rig = Rig::start();
    let p = profile(25, 1);
    let path = clip("kill.mkv", "25", "-c:v libx264 -c:a aac");
    let mut media = encoded(media(&path), |video| video.rotation = 90);
    media.path = format!("{path}.long.mkv");
    ffmpeg(&["-stream_loop", "200", "-i", &path, "-c", "copy", &media.path]);
    media.duration_ms = 800_000;
    let media = Arc::new(media);
    let channel = ChannelId(3);
    rig.conformer.want(channel, &media, &p, 1_000);
    // Between two runs there is nothing to kill.
    let mut grown = rig.store.grown();
    loop {
        grown.changed().await.unwrap();
        if kill_ffmpeg_reading(&media.path) {
            break;
        }
    }
    let (_, end) = rig.ended().await;
    assert_eq!(end, ConformEnd::Exited { code: None, signal: Some(9) });
    rig.conformer.want(channel, &media, &p, 5_000);
    assert!(rig.conformer.job(channel).is_none(), "it failed for this channel");
    assert!(rig.conformer.restart(channel));
    rig.conformer.want(channel, &media, &p, 5_000);
    assert!(rig.conformer.job(channel).is_some());

    // Two channels share the job; it goes on until neither waits.
    rig.conformer.want(ChannelId(4), &media, &p, 5_010);
    assert_eq!(
        rig.conformer.job(channel).unwrap().job,
        rig.conformer.job(ChannelId(4)).unwrap().job
    );
    rig.conformer.release(channel);
    assert!(rig.conformer.job(channel).is_none());
    assert!(rig.conformer.job(ChannelId(4)).is_some());
    rig.conformer.release(ChannelId(4));
    assert_eq!(rig.ended().await.1, ConformEnd::Cancelled);
    assert!(!rig.conformer.restart(channel));
    assert_eq!(rig.stop.drain(Duration::from_secs(10)).await, 0);
}

/// Kills the ffmpeg that has `path` on its command line, as a person would; says whether it ran.
fn kill_ffmpeg_reading(path: &str) -> bool {
    let mut killed = false;
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&line).contains(path)
            && let Ok(pid) = entry.file_name().to_string_lossy().parse()
        {
            let pid = rustix::process::Pid::from_raw(pid).unwrap();
            killed |= rustix::process::kill_process(pid, rustix::process::Signal::KILL).is_ok();
        }
    }
    killed
}

/// A stand-in for ffmpeg on a machine with a broken driver: what is to be encoded by NVENC fails
/// with ffmpeg's own words, everything else goes to the real one.
fn broken_driver(folder: &Path) -> OsString {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.join("ffmpeg");
    let script = r#"#!/bin/sh
case " $* " in
*" h264_nvenc "*) echo '[h264_nvenc @ 0x55] Cannot load libcuda.so.1' >&2; exit 1;;
esac
exec ffmpeg "$@"
"#;
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.into()
}

#[tokio::test]
async fn a_broken_device_is_left_alone_and_the_item_goes_on_in_software() {
    let folder = tempfile::tempdir().unwrap();
    let encoders = Encoders::with_working(Accelerator::Nvenc);
    let mut rig = Rig::with(1 << 30, broken_driver(folder.path()), Arc::clone(&encoders));
    let p = profile(25, 1);
    let path = clip("device.mkv", "25", "-c:v libx264 -c:a ac3");
    for id in 1..=4 {
        let media = Media { id: MediaId(id), ..media(&path) };
        let mut media = encoded(media, |video| video.gop_ms = Some(10_000));
        media.probe.as_mut().unwrap().audio[0].codec = "ac3".to_owned();
        assert_eq!(rig.conform(&media, &p).await, ConformEnd::Completed);
        rig.check_numbers(&media, &p, 1.0, 0);
    }
    let mut told = Vec::new();
    while let Ok(fact) = rig.facts.try_recv() {
        match fact {
            Fact::HardwareFailed { kind, reason, benched, .. } => {
                assert_eq!(kind, Accelerator::Nvenc);
                assert!(reason.contains("NVIDIA driver"), "{reason}");
                told.push(benched);
            }
            Fact::StderrLine { line, .. } => assert!(!line.contains("libcuda"), "{line}"),
            _ => {}
        }
    }
    assert_eq!(told, [false, false, true], "the fourth item did not try it any more");
    let standing = encoders.standing();
    assert_eq!(standing.in_use, Accelerator::Software);
    let runs = standing.runs.iter().rev().map(|run| (run.encode.as_str(), run.outcome));
    let runs: Vec<_> = runs.collect();
    let pair = [("nvenc", Some("fallback")), ("cpu", Some("done"))];
    assert_eq!(runs[..2], pair);
    assert_eq!((runs.len(), runs[6]), (7, pair[1]));
    assert!(standing.runs[0].speed.is_some_and(|speed| speed > 0.0));
}

#[tokio::test]
async fn a_full_cache_ends_the_job_and_keeps_what_is_whole() {
    let rig = Rig::with_budget(60_000);
    let p = profile(25, 1);
    let media = media(&clip("full.mp4", "25", COPYABLE));
    let end = rig.conform(&media, &p).await;
    assert!(matches!(end, ConformEnd::NotStored { .. }), "{end:?}");
    assert!(!rig.conformer.failed_ahead(&media, &p), "not the media's fault");
    rig.check_numbers(&media, &p, 1.0, 0);
}

#[tokio::test]
async fn slates_are_made_once_and_can_be_looped_at_every_group() {
    let rig = Rig::start();
    let folder = tempfile::tempdir().unwrap();
    let cards = Cards::install(folder.path()).unwrap();
    let p = Profile::named("720p25").unwrap();
    for round in 0..2 {
        cards.conform(&rig.conformer, &rig.store, &p).await.unwrap();
        for kind in SlateKind::ALL {
            let index = rig.store.slate(slate::id_of(kind), &p).unwrap();
            let frames: Vec<(i64, u32)> =
                index.gops.iter().map(|gop| (gop.first_frame, gop.frames)).collect();
            assert_eq!(frames, [(0, 25)], "round {round}");
            assert!(index.gops.iter().all(|gop| gop.audio_frames == 0));
            let gop = rig.store.read(&index.key, &index.gops[0]).unwrap();
            assert!(gop.video.iter().zip(0..).all(|(unit, frame)| unit.frame == frame));
        }
    }
    assert_eq!(rig.conformer.state().last_job, 4, "the second round found them");
}

#[tokio::test]
async fn work_ahead_makes_what_is_on_air_next() {
    let mut rig = Rig::start();
    let folder = tempfile::tempdir().unwrap();
    let p = profile(25, 1);
    let path = clip("ahead.mp4", "25", COPYABLE);
    let film = |id| Arc::new(Media { id: MediaId(id), ..media(&path) });
    let clock = SystemClock::start();
    let slot = |index: i64| Slot {
        start: UtcMillis(clock.now_ms() + index * 4_000),
        stop: UtcMillis(clock.now_ms() + (index + 1) * 4_000),
        media: Some(MediaId(10 - index)),
        in_ms: 0,
        kind: SlotKind::Programme,
        title: String::new(),
        guide_group: None,
        custom_title: None,
    };
    let mut slots = vec![slot(0), slot(1)];
    slots[1].start = slots[0].stop;
    let on_air = on_air(&p, slots, [film(9), film(10)]);
    let means = ahead::Means {
        conformer: Arc::clone(&rig.conformer),
        shelf: Arc::clone(&rig.shelf),
        store: Arc::clone(&rig.store),
        cards: Cards::install(folder.path()).unwrap(),
        clock,
        board: ahead::Board::new(ahead::Rules {
            horizon_ms: 60_000,
            whole_library: false,
            cpu_percent: 50,
        }),
    };
    ahead::start(means, &rig.stop, move || ahead::Plans {
        channels: vec![Arc::clone(&on_air)],
        watched: HashSet::new(),
        voices: Vec::new(),
    });
    let order = [rig.ended().await.0.media, rig.ended().await.0.media];
    assert_eq!(order, [MediaId(10), MediaId(9)]);
    assert!(rig.conformer.is_made(&film(9), &p) && rig.conformer.is_made(&film(10), &p));
    assert!(rig.store.slate(SLATE_STANDBY, &p).is_some(), "slates come first");
}

/// A channel that plays `slots` in a profile, out of `films`.
fn on_air<const N: usize>(p: &Profile, slots: Vec<Slot>, films: [Arc<Media>; N]) -> Arc<OnAir> {
    let channel = Channel {
        id: ChannelId(1),
        number: "1".parse().unwrap(),
        name: "one".to_owned(),
        group: None,
        logo: None,
        enabled: true,
        profile: p.name.clone(),
        rules: serde_json::from_value(serde_json::json!({"items": [], "seed": 1})).unwrap(),
    };
    Arc::new(OnAir {
        channel: Arc::new(channel),
        profile: p.clone(),
        timeline: Timeline::new(slots).unwrap(),
        media: Arc::new(films.map(|film| (film.id, film)).into()),
        slates: crate::stream::OwnSlates::default(),
    })
}
