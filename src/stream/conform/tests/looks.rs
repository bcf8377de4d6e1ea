//! What a profile asks for is seen and heard in what the real ffmpeg makes of real files.

use super::*;
use crate::domain::{
    Deinterlace, ImageKind, Mark, Place, Scaling, SubtitleChoice, SubtitleMode, SubtitleRule,
    SubtitleStream, Watermark, WatermarkMode,
};
use crate::stream::ffmpeg::Barred;

/// The profile of these tests: 320×180 at 25, sound as loud as it is.
fn plain() -> Profile {
    Profile { loudness_lufs: None, ..profile(25, 1) }
}

/// Makes a file with these arguments and gives it as media that has to be encoded.
fn source(id: i64, name: &str, args: &str) -> Media {
    let path = clips().join(name).to_str().unwrap().to_owned();
    let mut all: Vec<&str> = args.split_whitespace().collect();
    all.push(&path);
    ffmpeg(&all);
    let mut media = Media { id: MediaId(id), duration_ms: 2_000, ..media(&path) };
    let probe = media.probe.as_mut().unwrap();
    probe.video.as_mut().unwrap().codec = "other".to_owned();
    probe.audio[0].codec = "other".to_owned();
    media
}

impl Rig {
    /// Conforms `media` and writes what is stored into two files: pictures and sound.
    async fn made(&self, media: &Media, profile: &Profile) -> (PathBuf, PathBuf) {
        assert_eq!(self.conform(media, profile).await, ConformEnd::Completed);
        let index = self.index(media, profile);
        let (mut video, mut audio) = (Vec::new(), Vec::new());
        for entry in index.gops.iter() {
            let gop = self.store.read(&index.key, entry).unwrap();
            gop.video.iter().for_each(|unit| video.extend_from_slice(&unit.data));
            gop.audio.iter().for_each(|frame| audio.extend_from_slice(frame));
        }
        let base = self._folder.path().join(format!("{}-{}", media.id, index.key.profile));
        let paths = (base.with_extension("h264"), base.with_extension("aac"));
        std::fs::write(&paths.0, video).unwrap();
        std::fs::write(&paths.1, audio).unwrap();
        paths
    }

    /// The picture `seconds` into what is made of `media`, 32 by 18 points of brightness.
    async fn seen(&self, media: &Media, profile: &Profile, seconds: f64) -> Picture {
        let (video, _) = self.made(media, profile).await;
        let frame = format!("select=gte(n\\,{}),scale=32:18:flags=area", seconds * 25.0);
        let pixels = ffmpeg(&[
            "-i",
            video.to_str().unwrap(),
            "-vf",
            &frame,
            "-frames:v",
            "1",
            "-pix_fmt",
            "gray",
            "-f",
            "rawvideo",
            "-",
        ]);
        assert_eq!(pixels.len(), 32 * 18);
        Picture(pixels)
    }

    /// What is heard of `media`, as samples of the left side.
    async fn heard(&self, media: &Media, profile: &Profile) -> Vec<f32> {
        let (_, audio) = self.made(media, profile).await;
        let bytes =
            ffmpeg(&["-i", audio.to_str().unwrap(), "-af", "pan=mono|c0=c0", "-f", "f32le", "-"]);
        bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect()
    }
}

struct Picture(Vec<u8>);

impl Picture {
    /// Brightness at a point of 32 by 18.
    fn at(&self, x: usize, y: usize) -> u8 {
        self.0[y * 32 + x]
    }

    /// How bright the brightest point of these lines is.
    fn brightest(&self, lines: std::ops::Range<usize>) -> u8 {
        self.0[lines.start * 32..lines.end * 32].iter().copied().max().unwrap()
    }
}

/// Runs ffmpeg and gives what it said.
#[expect(clippy::disallowed_methods, reason = "judges with the real filters")]
fn said(args: &[&str]) -> String {
    let output = Command::new("ffmpeg").args(["-nostdin", "-hide_banner"]).args(args).output();
    String::from_utf8_lossy(&output.unwrap().stderr).into_owned()
}

fn rms(samples: &[f32]) -> f64 {
    let sum: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    let count = samples.len() as f64;
    (sum / count).sqrt()
}

const TONE: &str = "-f lavfi -i sine=f=440:d=2:r=48000";

#[tokio::test]
async fn sound_comes_out_as_loud_as_the_profile_wants() {
    let rig = Rig::start();
    let media = source(
        1,
        "quiet.mkv",
        &format!("-f lavfi -i color=c=gray:s=320x180:r=25:d=2 {TONE} -c:v libx264 -c:a ac3 -ac 2"),
    );
    for (target, expected) in [(None, -21.8), (Some(-16), -16.0), (Some(-30), -30.0)] {
        let profile = Profile { loudness_lufs: target, ..plain() };
        let (_, audio) = rig.made(&media, &profile).await;
        let text = said(&["-i", audio.to_str().unwrap(), "-af", "ebur128", "-f", "null", "-"]);
        let lufs = crate::stream::ffmpeg::loudness(&text).unwrap();
        assert!((lufs - expected).abs() < 0.6, "{lufs} LUFS for {target:?}");
    }
    let gain = rig
        .store
        .notes(&Store::key_of(&media, &Profile { loudness_lufs: Some(-16), ..plain() }))
        .gain;
    assert!((550..=610).contains(&gain.unwrap()), "{gain:?}");
}

#[tokio::test]
async fn a_viewer_hears_sound_as_it_is_until_somebody_has_listened() {
    let mut rig = Rig::start();
    let media = Arc::new(source(
        1,
        "unheard.mkv",
        &format!("-f lavfi -i color=c=gray:s=320x180:r=25:d=2 {TONE} -c:v libx264 -c:a ac3 -ac 2"),
    ));
    let profile = Profile { loudness_lufs: Some(-16), ..plain() };
    rig.conformer.want(ChannelId(1), &media, &profile, 0);
    assert_eq!(rig.ended().await.1, ConformEnd::Completed);
    assert_eq!(rig.store.notes(&Store::key_of(&media, &profile)).gain, Some(0));
}

#[tokio::test]
async fn only_what_is_interlaced_is_deinterlaced() {
    let rig = Rig::start();
    let mut media = source(
        1,
        "fields.mkv",
        "-f lavfi -i testsrc2=s=320x180:r=50:d=2 -f lavfi -i anullsrc=r=48000:cl=stereo -t 2 \
         -vf tinterlace=interleave_top -c:v mpeg2video -flags +ildct+ilme -b:v 4M -c:a ac3",
    );
    media.probe.as_mut().unwrap().video.as_mut().unwrap().progressive = false;
    for (deinterlace, woven) in [(Deinterlace::Auto, false), (Deinterlace::Off, true)] {
        let (video, _) = rig.made(&media, &Profile { deinterlace, ..plain() }).await;
        let text = said(&["-i", video.to_str().unwrap(), "-vf", "idet", "-f", "null", "-"]);
        let line = text.lines().rfind(|line| line.contains("Multi frame")).unwrap();
        let count = |name: &str| -> u32 {
            let after = line.split_once(name).unwrap().1;
            after.split_whitespace().next().unwrap().parse().unwrap()
        };
        let fields = count("TFF:") + count("BFF:");
        assert_eq!(fields > count("Progressive:"), woven, "{deinterlace:?}: {line}");
    }
    // What is marked as progressive is left alone, whatever it looks like.
    media.probe.as_mut().unwrap().video.as_mut().unwrap().progressive = true;
    let treatment =
        crate::stream::ffmpeg::decide(media.probe.as_ref().unwrap(), &plain(), Barred::default());
    assert!(format!("{treatment:?}").contains("deinterlace: None"));
}

#[tokio::test]
async fn hdr_is_mapped_to_ordinary_light() {
    let rig = Rig::start();
    // A grey of about 92 nits: nearly white on an ordinary screen, and half way up in HDR.
    let mut media = source(
        1,
        "hdr.mkv",
        &format!(
            "-f lavfi -i color=c=gray:s=320x180:r=25:d=2,format=yuv420p10le {TONE} -c:a ac3 \
         -c:v libx265 -preset ultrafast -x265-params \
         log-level=none:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"
        ),
    );
    media.probe.as_mut().unwrap().video.as_mut().unwrap().transfer = "smpte2084".to_owned();
    let mapped = rig.seen(&media, &plain(), 1.0).await.at(16, 9);
    let untouched = rig.seen(&media, &Profile { tone_map: false, ..plain() }, 1.0).await.at(16, 9);
    assert!((140..=190).contains(&mapped), "{mapped}");
    assert!((118..=134).contains(&untouched), "{untouched}");
}

#[tokio::test]
async fn another_shape_is_padded_cropped_or_stretched() {
    let rig = Rig::start();
    // White, with a black bar over the upper eighth.
    let media = source(
        1,
        "wide.mkv",
        &format!(
            "-f lavfi -i color=c=white:s=320x240:r=25:d=2,drawbox=h=30:t=fill:c=black {TONE} \
         -c:v libx264 -c:a ac3"
        ),
    );
    let mut seen = Vec::new();
    for scaling in [Scaling::Pad, Scaling::Crop, Scaling::Stretch] {
        let picture = rig.seen(&media, &Profile { scaling, ..plain() }, 1.0).await;
        // The left edge, the top, the middle.
        seen.push([picture.at(0, 9) > 128, picture.at(16, 0) > 128, picture.at(16, 9) > 128]);
    }
    assert_eq!(seen, [[false, false, true], [true, true, true], [true, false, true]]);
}

#[tokio::test]
async fn a_rotated_picture_stands_and_a_narrow_one_is_spread() {
    let rig = Rig::start();
    // Stored lying with its foot to the left, shown upright: a white strip along the bottom.
    let mut turned = source(
        1,
        "lying.mp4",
        &format!(
            "-f lavfi -i color=c=gray:s=320x180:r=25:d=2,drawbox=w=40:t=fill:c=white {TONE} \
             -c:v libx264 -c:a aac"
        ),
    );
    let upright = clips().join("upright.mp4").to_str().unwrap().to_owned();
    ffmpeg(&["-i", &turned.path, "-c", "copy", "-metadata:s:v:0", "rotate=90", &upright]);
    turned.path = upright;
    let picture = rig.seen(&turned, &plain(), 1.0).await;
    assert!(picture.at(2, 9) < 40 && picture.at(29, 9) < 40, "bars at both sides");
    assert!(picture.at(16, 17) > 200 && (100..160).contains(&picture.at(16, 4)));

    let narrow = source(
        2,
        "narrow.mkv",
        &format!(
            "-f lavfi -i color=c=white:s=160x180:r=25:d=2,setsar=2 {TONE} -c:v libx264 -c:a ac3"
        ),
    );
    let picture = rig.seen(&narrow, &plain(), 1.0).await;
    assert!(picture.at(0, 9) > 200 && picture.at(31, 9) > 200, "no bars");
}

#[tokio::test]
async fn the_language_asked_for_is_heard() {
    let rig = Rig::start();
    let mut media = source(
        1,
        "languages.mkv",
        "-f lavfi -i color=c=gray:s=320x180:r=25:d=2 -f lavfi -i sine=f=400:d=2:r=48000 \
         -f lavfi -i sine=f=1000:d=2:r=48000 -map 0 -map 1 -map 2 -c:v libx264 -c:a ac3 -ac 2",
    );
    let first = media.probe.as_ref().unwrap().audio[0].clone();
    let track = |language: &str, default| AudioStream {
        language: Some(language.to_owned()),
        default,
        ..first.clone()
    };
    media.probe.as_mut().unwrap().audio = vec![track("eng", true), track("ger", false)];
    for (wanted, hertz) in [("de", 1_000_i32), ("fr", 400)] {
        let audio_languages = vec![wanted.parse().unwrap()];
        let samples = rig.heard(&media, &Profile { audio_languages, ..plain() }).await;
        let second = &samples[24_000..72_000];
        let rises = second.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count();
        let rises = i32::try_from(rises).unwrap();
        assert!((rises - hertz).abs() < 20, "{rises} Hz for {wanted}");
    }
}

#[tokio::test]
async fn voices_keep_their_level_when_surround_becomes_stereo() {
    let rig = Rig::start();
    let mut media = source(
        1,
        "surround.mkv",
        "-f lavfi -i color=c=gray:s=320x180:r=25:d=2 \
         -f lavfi -i aevalsrc=0|0|0.25*sin(2*PI*440*t)|0|0|0:c=5.1:s=48000:d=2 \
         -c:v libx264 -c:a ac3 -b:a 448k",
    );
    media.probe.as_mut().unwrap().audio[0].channels = 6;
    let samples = rig.heard(&media, &plain()).await;
    let side = rms(&samples[24_000..72_000]);
    // A quarter of full scale in the centre, 3 dB less on each side.
    let expected = 0.125;
    assert!((side / expected - 1.0).abs() < 0.06, "{side} instead of {expected}");
}

/// Media with subtitles from `words`, on black, and a profile that burns them in.
fn subtitled(id: i64, name: &str, words: &Path, codec: &str) -> (Media, Profile) {
    let mut media = source(
        id,
        name,
        &format!(
            "-f lavfi -i color=c=black:s=320x180:r=25:d=2 {TONE} -i {} -map 0 -map 1 -map 2 \
         -c:v libx264 -c:a ac3 -c:s copy",
            words.to_str().unwrap()
        ),
    );
    media.probe.as_mut().unwrap().subtitles = vec![SubtitleStream {
        codec: codec.to_owned(),
        language: Some("eng".to_owned()),
        default: false,
        forced: true,
    }];
    let languages = Vec::new();
    let rule = SubtitleRule { mode: SubtitleMode::Burn, choice: SubtitleChoice::Forced, languages };
    (media, Profile { subtitles: rule, ..plain() })
}

#[tokio::test]
async fn texts_become_part_of_the_picture_while_they_are_said() {
    let rig = Rig::start();
    let srt = clips().join("words.srt");
    std::fs::write(&srt, "1\n00:00:01,000 --> 00:00:01,800\nWWWWWWWW\n").unwrap();
    let (media, burning) = subtitled(1, "words.mkv", &srt, "subrip");
    assert!(rig.seen(&media, &burning, 0.5).await.brightest(0..18) < 10, "not yet");
    assert!(rig.seen(&media, &burning, 1.4).await.brightest(12..18) > 25, "in the lower third");
    assert!(rig.seen(&media, &plain(), 1.4).await.brightest(0..18) < 10, "only where asked for");
}

#[tokio::test]
async fn pictures_of_texts_become_part_of_the_picture() {
    let rig = Rig::start();
    let sup = clips().join("words.sup");
    std::fs::write(&sup, pgs(1_000, 1_800)).unwrap();
    let (media, burning) = subtitled(2, "bitmap.mkv", &sup, "hdmv_pgs_subtitle");
    assert!(rig.seen(&media, &burning, 0.5).await.brightest(0..18) < 10, "not yet");
    let shown = rig.seen(&media, &burning, 1.4).await;
    assert!(shown.at(16, 15) > 200 && shown.at(16, 4) < 40, "where it belongs");
}

#[tokio::test]
async fn a_problem_with_subtitles_never_stops_the_picture() {
    let rig = Rig::start();
    let srt = clips().join("few.srt");
    std::fs::write(&srt, "1\n00:00:01,000 --> 00:00:01,800\nWWWWWWWW\n").unwrap();
    for (id, codec) in [(1, "subrip"), (2, "hdmv_pgs_subtitle")] {
        let (mut media, burning) = subtitled(id, &format!("few-{id}.mkv"), &srt, codec);
        // The probe and the file do not agree: there is no second track.
        let track = media.probe.as_ref().unwrap().subtitles[0].clone();
        let other = SubtitleStream { forced: false, ..track.clone() };
        media.probe.as_mut().unwrap().subtitles = vec![other, track];
        assert!(rig.seen(&media, &burning, 1.4).await.brightest(0..18) < 10);
    }
}

#[tokio::test]
async fn a_watermark_lies_where_and_when_it_should() {
    let rig = Rig::start();
    let file = clips().join("bug, [it's].png").to_str().unwrap().to_owned();
    ffmpeg(&["-f", "lavfi", "-i", "color=c=white:s=64x64", "-frames:v", "1", "-y", &file]);
    let args = format!("-f lavfi -i color=c=black:s=320x180:r=25:d=2 {TONE} -c:v libx264 -c:a aac");
    let media = source(1, "unmarked.mkv", &args);
    let look = Watermark { name: "bug".to_owned(), ..Watermark::default() };
    let marked = |look: Watermark| {
        let (digest, kind) = ("d".to_owned(), ImageKind::Png);
        Profile { watermark: Some(Mark { look, digest, kind, file: file.clone() }), ..plain() }
    };
    let always = rig.seen(&media, &marked(look.clone()), 1.0).await;
    assert!(always.at(29, 15) > 200 && always.at(29, 3) < 20 && always.at(2, 15) < 20);
    let half = Watermark { opacity: 50, place: Place::TopLeft, ..look.clone() };
    let half = rig.seen(&media, &marked(half), 1.0).await;
    assert!((100..160).contains(&half.at(2, 2)) && half.at(29, 15) < 20, "{}", half.at(2, 2));

    let mode = WatermarkMode::Intermittent;
    let profile = marked(Watermark { mode, duration_seconds: 1, ..look.clone() });
    assert!(rig.seen(&media, &profile, 0.5).await.at(29, 15) > 200);
    assert!(rig.seen(&media, &profile, 1.5).await.at(29, 15) < 20);
    let fading = Watermark { mode: WatermarkMode::Fading, duration_seconds: 2, ..look };
    let profile = marked(fading);
    let soft = rig.seen(&media, &profile, 0.5).await.at(29, 15);
    assert!((90..170).contains(&soft), "{soft}");
    assert!(rig.seen(&media, &profile, 1.0).await.at(29, 15) > 200);
}

#[tokio::test]
async fn of_a_file_that_conforms_only_what_a_watermark_is_seen_on_is_encoded() {
    let rig = Rig::start();
    let file = clips().join("half.png").to_str().unwrap().to_owned();
    ffmpeg(&["-f", "lavfi", "-i", "color=c=white:s=64x64", "-frames:v", "1", "-y", &file]);
    let path = clip(
        "half-marked.mp4",
        "25",
        &format!("{COPYABLE} -vf colorlevels=romax=0.1:gomax=0.1:bomax=0.1"),
    );
    let media = media(&path);
    let kind = ImageKind::Png;
    let look = |duration_seconds| Watermark {
        mode: WatermarkMode::Intermittent,
        frequency_minutes: 1,
        duration_seconds,
        ..Watermark::default()
    };
    let marked = |look: Watermark| {
        let mark = Mark { look, digest: "d".to_owned(), kind, file: file.clone() };
        Profile { watermark: Some(mark), ..plain() }
    };
    assert_eq!(rig.conform(&media, &plain()).await, ConformEnd::Completed);
    let whole = rig.index(&media, &plain());
    let group = |index: &RenditionIndex, frame| {
        let entry = index.covering(frame).unwrap();
        assert_eq!(entry.first_frame, frame);
        rig.store.read(&index.key, entry).unwrap()
    };
    // Seen on a part of the second group, on both first ones; and on all there is.
    for (seconds, encoded) in [(2, 50), (1, 25), (60, 100)] {
        let profile = marked(look(seconds));
        assert_eq!(rig.conform(&media, &profile).await, ConformEnd::Completed, "{seconds}");
        let index = rig.index(&media, &profile);
        assert!(index.is_complete(), "{index:?}");
        assert_eq!(index.end_frame, Some(100));
        rig.check_sound(&media, &profile);
        assert_ne!(group(&index, 0).video, group(&whole, 0).video);
        for frame in (encoded..100).step_by(25) {
            assert_eq!(group(&index, frame).video, group(&whole, frame).video, "{frame}");
        }
        assert!(rig.seen(&media, &profile, 0.5).await.at(29, 15) > 200);
        let later = rig.seen(&media, &profile, 2.5).await.at(29, 15);
        assert_eq!(later > 200, seconds == 60, "{later}");
    }
}

/// A presentation graphics stream: a white box in the lower part of 320×180 between two times.
fn pgs(from_ms: u32, until_ms: u32) -> Vec<u8> {
    let mut stream = Vec::new();
    let mut segment = |ms: u32, kind: u8, body: &[u8]| {
        stream.extend_from_slice(b"PG");
        stream.extend((ms * 90).to_be_bytes());
        stream.extend([0; 4]);
        stream.push(kind);
        stream.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
        stream.extend_from_slice(body);
    };
    // Composition: size, rate, number, epoch start, palette 0, one object in window 0 at 120, 140.
    let shown = [1, 64, 0, 180, 16, 0, 0, 0x80, 0, 0, 1, 0, 0, 0, 0, 0, 120, 0, 140];
    let window = [1, 0, 0, 120, 0, 140, 0, 80, 0, 30];
    // Nothing at the beginning, so that the file begins with it.
    segment(0, 0x16, &[1, 64, 0, 180, 16, 0, 0, 0x80, 0, 0, 0]);
    segment(0, 0x17, &window);
    segment(0, 0x80, &[]);
    segment(from_ms, 0x16, &shown);
    segment(from_ms, 0x17, &window);
    // Palette: colour 1 is opaque white.
    segment(from_ms, 0x14, &[0, 0, 1, 235, 128, 128, 255]);
    // Object: 80×30, every line 80 points of colour 1.
    let mut object = vec![0, 0, 0, 0xC0];
    let row: &[u8] = &[0, 0x80 | 0x3F, 1, 0, 0x80 | 17, 1, 0, 0];
    let data: Vec<u8> = row.repeat(30);
    let length = u32::try_from(data.len() + 4).unwrap().to_be_bytes();
    object.extend_from_slice(&length[1..]);
    object.extend([0, 80, 0, 30]);
    object.extend(data);
    segment(from_ms, 0x15, &object);
    segment(from_ms, 0x80, &[]);
    segment(until_ms, 0x16, &[1, 64, 0, 180, 16, 0, 1, 0, 0, 0, 0]);
    segment(until_ms, 0x17, &window);
    segment(until_ms, 0x80, &[]);
    stream
}
