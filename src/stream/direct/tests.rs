//! Reading in process against the real ffmpeg: the same access units, whatever made the file; and
//! against files that lie, change, hang or vanish.

mod full;
mod slow;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use super::*;
use crate::domain::{
    AudioCodec, AudioLayout, AudioStream, FrameRate, Probe, VideoCodec, VideoStream,
};
use crate::foundation::clock::SystemClock;
use crate::mpegts::coding::{PictureCoding, Role};
use crate::mpegts::h264;
use crate::stream::coding::coding;
use crate::stream::conform::{self, Conformer};
use crate::stream::pool::{Limits, Pool};

fn clips() -> &'static Path {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    FOLDER.get_or_init(|| tempfile::tempdir().unwrap()).path()
}

#[expect(clippy::disallowed_methods, reason = "makes and reads test material")]
fn run(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Makes a clip of `seconds` at 25 frames a second, once, with `args` for the encoders.
fn clip(name: &str, seconds: u32, args: &str) -> PathBuf {
    let path = clips().join(name);
    let video = format!("testsrc2=s=320x180:r=25:d={seconds}");
    let sound = format!("sine=f=440:d={seconds}:r=48000,aformat=channel_layouts=stereo");
    let mut all = vec!["-v", "error", "-y", "-f", "lavfi", "-i", &video];
    all.extend(["-f", "lavfi", "-i", &sound, "-pix_fmt", "yuv420p"]);
    all.extend("-c:v libx264 -preset veryfast -g 50 -sc_threshold 0 -c:a aac".split(' '));
    all.extend(args.split_whitespace());
    all.push(path.to_str().unwrap());
    run("ffmpeg", &all);
    path
}

/// Copies a clip with `args`.
fn remux(from: &Path, name: &str, before: &str, args: &str) -> PathBuf {
    let path = clips().join(name);
    let mut all = vec!["-v", "error", "-y"];
    all.extend(before.split_whitespace());
    all.extend(["-i", from.to_str().unwrap()]);
    all.extend(args.split_whitespace());
    all.push(path.to_str().unwrap());
    run("ffmpeg", &all);
    path
}

fn profile() -> Profile {
    let plain = Profile::named("360p25").unwrap();
    Profile { name: "test25".to_owned(), width: 320, height: 180, ..plain }
}

/// Media as a scan stores it: a conforming source of 25 frames a second.
fn media(path: &Path) -> Arc<Media> {
    let text = path.to_str().unwrap();
    let start = run(
        "ffprobe",
        &["-v", "error", "-show_entries", "format=start_time", "-of", "csv=p=0", text],
    );
    let seconds: f64 = start.trim().parse().unwrap();
    let video = VideoStream {
        codec: "h264".to_owned(),
        codec_profile: "High".to_owned(),
        width: 320,
        height: 180,
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
    let has_sound = run(
        "ffprobe",
        &[
            "-v",
            "error",
            "-select_streams",
            "a",
            "-show_entries",
            "stream=codec_name",
            "-of",
            "csv=p=0",
            text,
        ],
    );
    let audio = if has_sound.trim().is_empty() { Vec::new() } else { vec![audio] };
    #[expect(clippy::cast_possible_truncation, reason = "small")]
    let start_ms = (seconds * 1_000.0).round() as i64;
    let probe = Probe { start_ms, video: Some(video), audio, ..Probe::default() };
    let stamp = Disk.open(path).unwrap().stamp().unwrap();
    Arc::new(Media {
        size: stamp.size,
        modified: UtcMillis(stamp.modified_ms),
        probe: Some(probe),
        ..Media::file(MediaId(1), text)
    })
}

struct Rig {
    shelf: Arc<Shelf>,
    conformer: Arc<Conformer>,
    pool: Arc<Pool>,
    _folder: tempfile::TempDir,
}

impl Rig {
    fn start() -> Self {
        Self::over(Arc::new(Disk))
    }

    fn over(files: Arc<dyn Files>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let stop = Stop::new();
        let store = Store::open(&folder.path().join("store"), 1 << 30).unwrap();
        let clock: SharedClock = SystemClock::start();
        let limits = Limits { spawns_per_second: 100, memory_guard: 1.0, ..Limits::default() };
        let pool = Pool::start(limits, &stop, folder.path()).unwrap();
        let shelf = Shelf::over(Arc::clone(&store), files, Arc::clone(&clock), &stop);
        let still = folder.path().join("still.png");
        let (facts, _nobody) = tokio::sync::mpsc::channel(100);
        let findings = folder.path().join("findings");
        let settings = conform::Settings {
            ffmpeg: "ffmpeg".into(),
            still,
            findings,
            outside: crate::foundation::reach::Outside::default(),
            encoders: super::super::encoders::Encoders::software_only(),
        };
        let shelf_too = Arc::clone(&shelf);
        let to_pool = Arc::clone(&pool);
        let conformer = Conformer::start(shelf_too, store, to_pool, clock, &stop, facts, settings);
        Self { shelf, conformer, pool, _folder: folder }
    }

    /// Compares all of a file with what ffmpeg's copy of it gives; `frames` is how long it is.
    async fn check_same(&self, path: &Path, frames: i64) {
        self.check_same_on(profile(), path, frames).await;
    }

    /// The same for a file that is coded as `p` is.
    async fn check_same_on(&self, p: Profile, path: &Path, frames: i64) {
        let (media, name) = (coded(media(path), &p), path.display());
        let offer = self.shelf.prepare(&media, &p).await;
        assert_eq!(offer, Offer::Ready, "{name}");
        let index = self.shelf.index(&media, &p).unwrap();
        assert!(index.is_complete(), "{name}: {index:?}");
        assert_eq!(index.end_frame, Some(frames), "{name}");
        let copied = self.conformer.copied(&media, &p, 0, usize::MAX, None).await.unwrap();
        assert_eq!(copied.len(), index.gops.len(), "{name}");
        self.shelf.verify(&self.conformer, &media, &p).await;
        assert_eq!(self.shelf.offer(&media, &p), Offer::Ready, "{name}");
        for (entry, copy) in index.gops.iter().zip(&copied) {
            let gop = self.shelf.read(&index.key, entry).unwrap();
            assert_eq!(gop.audio.len(), entry.audio_frames as usize);
            let coding = coding(&p);
            assert!(begins_well(coding.picture, &gop), "{name}: {entry:?}");
            assert!(gop.audio.iter().all(|frame| coding.sound.is_frame(frame)), "{name}");
            let difference = check::difference(coding, entry, &gop, copy, true);
            assert_eq!(difference, None, "{name}");
        }
    }

    /// The index of a file that is read in process.
    async fn ready(&self, path: &Path) -> Arc<RenditionIndex> {
        let (media, p) = (media(path), profile());
        let offer = self.shelf.prepare(&media, &p).await;
        assert_eq!(offer, Offer::Ready, "{}", path.display());
        self.shelf.index(&media, &p).unwrap()
    }

    /// A file that must go through ffmpeg, and why.
    async fn why_not(&self, path: &Path) -> String {
        match self.shelf.prepare(&media(path), &profile()).await {
            Offer::Unfit(reason) => reason,
            other => panic!("{}: {other:?}", path.display()),
        }
    }
}

/// Whether a group begins with a delimiter, the parameters and an IDR picture.
fn begins_well(coding: PictureCoding, gop: &Gop) -> bool {
    let first = &gop.video[0].data;
    let delimited = h264::nal_units(first).next().and_then(|nal| coding.role(nal));
    delimited == Some(Role::Delimiter) && coding.has_parameter_sets(first) && coding.is_key(first)
}

/// The same media as it is probed when it is coded as `p` is.
fn coded(mut media: Arc<Media>, p: &Profile) -> Arc<Media> {
    let probe = Arc::make_mut(&mut media).probe.as_mut().unwrap();
    if p.video_codec == VideoCodec::Hevc {
        let video = probe.video.as_mut().unwrap();
        (video.codec, video.codec_profile) = ("hevc".to_owned(), "Main".to_owned());
    }
    for sound in &mut probe.audio {
        p.audio_codec.as_str().clone_into(&mut sound.codec);
        sound.channels = p.audio_layout.channels();
    }
    media
}

#[tokio::test]
async fn mp4_files_give_what_ffmpegs_copy_gives() {
    let rig = Rig::start();
    let plain = clip("plain.mp4", 6, "-bf 0");
    rig.check_same(&plain, 150).await;
    let reordered = clip("reordered.mp4", 6, "-bf 3");
    rig.check_same(&reordered, 150).await;
    rig.check_same(&remux(&reordered, "fast.mp4", "", "-c copy -movflags +faststart"), 150).await;
    let negative = "-c copy -movflags +negative_cts_offsets";
    rig.check_same(&remux(&reordered, "negative.mp4", "", negative), 150).await;
    rig.check_same(&remux(&reordered, "mute.mp4", "", "-c copy -an"), 150).await;
    rig.check_same(&remux(&reordered, "quick.mov", "", "-c copy"), 150).await;
    rig.check_same(
        &remux(&reordered, "scale.mp4", "", "-c copy -video_track_timescale 90000"),
        150,
    )
    .await;
}

#[tokio::test]
async fn fragmented_files_give_what_ffmpegs_copy_gives() {
    let rig = Rig::start();
    let reordered = clip("for-fragments.mp4", 6, "-bf 3");
    let simple = clip("simple-for-fragments.mp4", 6, "-bf 0");
    let rows = [
        ("dash.mp4", "-movflags +dash+frag_keyframe+delay_moov+global_sidx"),
        ("cmaf.mp4", "-movflags +cmaf+frag_keyframe+empty_moov+default_base_moof"),
        ("many.mp4", "-movflags +cmaf+empty_moov+default_base_moof -frag_duration 300000"),
        ("delayed.mp4", "-movflags +frag_keyframe+delay_moov"),
    ];
    for (name, flags) in rows {
        rig.check_same(&remux(&reordered, name, "", &format!("-c copy {flags}")), 150).await;
    }
    let rows = [
        ("empty.mp4", "-movflags +frag_keyframe+empty_moov+default_base_moof"),
        ("filled.mp4", "-movflags +frag_keyframe"),
        ("based.mp4", "-movflags +frag_keyframe+empty_moov"),
    ];
    for (name, flags) in rows {
        rig.check_same(&remux(&simple, name, "", &format!("-c copy -an {flags}")), 150).await;
        // With sound ffmpeg moves all pictures but the first by the sound's priming.
        let uneven = remux(&simple, &format!("uneven-{name}"), "", &format!("-c copy {flags}"));
        match rig.shelf.prepare(&media(&uneven), &profile()).await {
            Offer::Unfit(why) => assert_eq!(why, "its pictures are not evenly spaced"),
            other => panic!("{name}: {other:?}"),
        }
    }
    let mute = "-c copy -an -movflags +frag_keyframe+empty_moov+default_base_moof";
    rig.check_same(&remux(&reordered, "mute-fragments.mp4", "", mute), 150).await;
}

#[tokio::test]
async fn sound_that_begins_late_or_early_or_ends_early_stays_where_it_is() {
    let rig = Rig::start();
    let late = clip("late.mp4", 6, "-bf 2 -af adelay=0,asetpts=PTS+0.5/TB");
    rig.check_same(&late, 150).await;
    let short = clip("short.mp4", 6, "-bf 2 -af atrim=end=3");
    rig.check_same(&short, 150).await;
    let picture = clip("picture.mp4", 6, "-bf 2 -vf setpts=PTS+0.3/TB");
    let shifted = rig.ready(&picture).await;
    let copied = rig.conformer.copied(&media(&picture), &profile(), 0, 1, None).await.unwrap();
    assert_eq!(shifted.gops[0].first_frame, copied[0].first_frame);
}

#[tokio::test]
async fn matroska_files_give_what_ffmpegs_copy_gives() {
    let rig = Rig::start();
    let plain = clip("plain.mkv", 6, "-bf 0");
    rig.check_same(&plain, 150).await;
    let reordered = clip("reordered.mkv", 6, "-bf 3");
    rig.check_same(&reordered, 150).await;
    rig.check_same(&remux(&reordered, "mute.mkv", "", "-c copy -an"), 150).await;
    // Several groups in a cluster, and cues in front.
    rig.check_same(&clip("dense.mkv", 6, "-bf 2 -g 10 -cluster_time_limit 4000"), 150).await;
    rig.check_same(&remux(&reordered, "front.mkv", "", "-c copy -reserve_index_space 4k"), 150)
        .await;
    rig.check_same(&remux(&clip("from.mp4", 6, "-bf 2"), "from.mkv", "", "-c copy"), 150).await;
    rig.check_same(&clip("late.mkv", 6, "-bf 2 -af adelay=0,asetpts=PTS+0.5/TB"), 150).await;
    rig.check_same(&clip("short.mkv", 6, "-bf 2 -af atrim=end=3"), 150).await;
}

#[tokio::test]
async fn other_codecs_and_layouts_are_read_in_process_where_the_profile_has_them() {
    let rig = Rig::start();
    let surround =
        |codec| Profile { audio_codec: codec, audio_layout: AudioLayout::Surround, ..profile() };
    let around = "-bf 2 -af aformat=channel_layouts=5.1";
    for kind in ["mp4", "mkv", "mov"] {
        let path = clip(&format!("aac51.{kind}"), 4, around);
        rig.check_same_on(surround(AudioCodec::Aac), &path, 100).await;
        let path = clip(&format!("ac351.{kind}"), 4, &format!("{around} -c:a ac3 -b:a 384k"));
        rig.check_same_on(surround(AudioCodec::Ac3), &path, 100).await;
    }
    let stereo = Profile { audio_codec: AudioCodec::Ac3, ..profile() };
    let path = clip("ac3.mp4", 4, "-bf 2 -c:a ac3 -af adelay=0,asetpts=PTS+0.5/TB");
    rig.check_same_on(stereo.clone(), &path, 100).await;
    rig.check_same_on(stereo, &clip("ac3.mkv", 4, "-bf 2 -c:a ac3"), 100).await;
    let hevc = Profile { video_codec: VideoCodec::Hevc, ..profile() };
    for (name, more) in [("hevc.mp4", "-tag:v hvc1"), ("hev1.mp4", "-tag:v hev1"), ("hevc.mkv", "")]
    {
        let path = clip(
            name,
            4,
            &format!(
                "-c:v libx265 -preset ultrafast {more} \
                 -x265-params log-level=error:open-gop=0:bframes=2:scenecut=0:keyint=50"
            ),
        );
        rig.check_same_on(hevc.clone(), &path, 100).await;
    }
    let open = clip(
        "open-hevc.mp4",
        4,
        "-c:v libx265 -preset ultrafast -x265-params log-level=error:open-gop=1:bframes=3:keyint=50",
    );
    match rig.shelf.prepare(&coded(media(&open), &hevc), &hevc).await {
        Offer::Unfit(_) => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_does_not_conform_has_its_reason() {
    let rig = Rig::start();
    let open = clip("open.mp4", 6, "-bf 3 -x264-params open-gop=1");
    let long = clip("long.mp4", 6, "-g 500");
    let plain = clip("base.mp4", 6, "-bf 2");
    let cut = remux(&plain, "cut.mp4", "-ss 1", "-c copy");
    let edits = remux(&plain, "no-edits.mp4", "", "-c copy -use_editlist 0");
    let gap = remux(&plain, "gap.mp4", "", "-c copy -movflags +frag_keyframe+empty_moov");
    let live = remux(&plain, "live.mkv", "", "-c copy -live 1");
    let rows = [
        (&live, "it has no list of key frames"),
        (&edits, "its sound is not evenly spaced"),
        (&gap, "its sound is not evenly spaced"),
        (&open, "pictures are missing or doubled"),
        (&long, "its key frames are too far apart or cannot be started from"),
        (&cut, "its start is not where ffprobe sees it"),
    ];
    for (path, reason) in rows {
        assert_eq!(rig.why_not(path).await, reason, "{}", path.display());
    }
}

/// Files in memory.
#[derive(Debug)]
struct Ram(Vec<u8>);

impl Files for Arc<Ram> {
    fn open(&self, _: &Path) -> io::Result<Box<dyn source::Source>> {
        Ok(Box::new(Arc::clone(self)))
    }
}

impl source::Source for Arc<Ram> {
    fn stamp(&self) -> io::Result<source::Stamp> {
        Ok(source::Stamp { size: self.0.len() as u64, modified_ms: 0 })
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let at = usize::try_from(offset).unwrap();
        let bytes = self.0.get(at..).and_then(|rest| rest.get(..buffer.len()));
        buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// Opens what was made of a file and reads all of it; gives whether it could be opened.
fn survives(original: &Media, bytes: Vec<u8>) -> bool {
    let media = Media { size: bytes.len() as u64, modified: UtcMillis(0), ..original.clone() };
    let files = Arc::new(Ram(bytes));
    let key = Store::key_of(&media, &profile());
    let Ok(film) = Film::open(&files, &media, &profile(), key) else { return false };
    let clock = SystemClock::start();
    for gop in film.index.gops.iter() {
        if let Ok(read) = film.read(&files, &*clock, gop) {
            assert!(!read.video.is_empty() && begins_well(PictureCoding::H264, &read));
        }
    }
    true
}

#[test]
fn spoiled_and_cut_files_do_no_harm() {
    use rand::{RngExt, SeedableRng};
    let mut chance = rand::rngs::StdRng::seed_from_u64(4);
    let films = [
        clip("spoiled.mp4", 3, "-bf 2 -g 10"),
        clip("spoiled-fast.mp4", 3, "-bf 2 -g 10 -movflags +faststart"),
        clip("spoiled.mkv", 3, "-bf 2 -g 10"),
        clip("spoiled-fragments.mp4", 3, "-bf 2 -g 10 -movflags +cmaf+frag_keyframe+empty_moov"),
    ];
    for path in films {
        let (media, bytes) = (media(&path), std::fs::read(&path).unwrap());
        assert!(survives(&media, bytes.clone()));
        // What describes the file is at its ends.
        let ends = |place: usize| if place < 2_000 { place } else { bytes.len() + 2_000 - place };
        let mut opened = 0;
        for _ in 0..400 {
            let mut spoiled = bytes.clone();
            for _ in 0..chance.random_range(1..4) {
                let at = ends(chance.random_range(0..12_000)).min(bytes.len() - 4);
                match chance.random_range(0..4) {
                    0 => spoiled[at] ^= 1 << chance.random_range(0..8),
                    1 => spoiled[at..at + 4].fill(0),
                    2 => spoiled[at..at + 4].fill(0xFF),
                    _ => spoiled[at] = chance.random(),
                }
            }
            if chance.random_range(0..8) == 0 {
                spoiled.truncate(chance.random_range(0..bytes.len()));
            }
            opened += u32::from(survives(&media, spoiled));
        }
        assert!((1..400).contains(&opened), "{}: {opened} of 400", path.display());
    }
}

#[tokio::test]
async fn a_file_that_changes_or_vanishes_is_not_read_any_more() {
    let rig = Rig::start();
    let p = profile();
    for name in ["changes.mp4", "changes.mkv"] {
        let path = clip(name, 4, "-bf 2");
        let media = media(&path);
        let index = rig.ready(&path).await;
        let gop = index.gops[1];
        rig.shelf.read(&index.key, &gop).unwrap();

        // Another file in its place, of the same size and a moment later.
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.reverse();
        std::fs::write(&path, &bytes).unwrap();
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        let mut grown = rig.shelf.grown();
        assert!(matches!(rig.shelf.read(&index.key, &gop), Err(ReadError::Damaged { .. })));
        assert!(grown.has_changed().unwrap(), "channels look again");
        grown.mark_unchanged();
        assert_eq!(rig.shelf.offer(&media, &p), Offer::Unfit("the file has changed".to_owned()));
        assert_eq!(rig.shelf.index(&media, &p), None);
        assert!(rig.shelf.read(&index.key, &gop).is_err());
        rig.shelf.forget(media.id);
        let reason = rig.shelf.prepare(&media, &p).await;
        assert_eq!(reason, Offer::Unfit("it has changed since it was scanned".to_owned()));
    }
    let path = clip("vanishes.mp4", 4, "-bf 2");
    let index = rig.ready(&path).await;
    let entry = rig.shelf.film(&index.key).unwrap();
    assert!(entry.memory() < 4_000, "{}", entry.memory());
    std::fs::remove_file(&path).unwrap();
    let read = rig.shelf.read(&index.key, &index.gops[0]);
    assert!(matches!(read, Err(ReadError::Io { .. })), "{read:?}");
    assert!(rig.shelf.film(&index.key).is_none());
}

#[tokio::test]
async fn what_is_not_on_air_soon_leaves_the_shelf() {
    let rig = Rig::start();
    let path = clip("leaves.mp4", 4, "-bf 2");
    let (media, p) = (media(&path), profile());
    rig.ready(&path).await;
    let now = rig.shelf.clock.now_ms();
    let at = |ms: i64| HashMap::from([((media.id, p.shape()), UtcMillis(now + ms))]);
    rig.shelf.keep(&HashMap::new());
    assert_eq!(rig.shelf.offer(&media, &p), Offer::Ready, "it was just used");
    let key = Store::key_of(&media, &p);
    rig.shelf.entries()[&key].used_ms.store(now - KEEP_USED_MS - 1, Ordering::Relaxed);
    rig.shelf.keep(&at(KEEP_AHEAD_MS / 2));
    assert_eq!(rig.shelf.offer(&media, &p), Offer::Ready, "it is on air soon");
    rig.shelf.keep(&at(KEEP_AHEAD_MS * 2));
    assert_eq!((rig.shelf.offer(&media, &p), rig.shelf.usage()), (Offer::Unknown, (0, 0)));
}
