//! Every codec and layout with the real ffmpeg: what is made of other files, spliced into one
//! stream, satisfies the judge and is played by ffmpeg without a complaint.

use super::*;
use crate::domain::{AudioCodec, AudioLayout, VideoCodec};
use crate::mpegts::check::check;
use crate::stream::channel::DiskReader;
use crate::stream::coding::coding;
use crate::stream::compose::{Composer, decoded, mux};
use crate::stream::fake::timeline;

/// In 2025, four seconds before the 33-bit clock wraps.
const START: i64 = 18_546 * (1 << 33) / 90 - 4_000;

/// Two items that no profile here can copy as they are, in files of `whose` own: tests run at once.
fn items(whose: &str) -> [Media; 2] {
    let path = clip(
        &format!("{whose}-25.mkv"),
        "25",
        "-c:v libx264 -preset veryfast -g 50 -bf 2 -c:a aac",
    );
    let mut one = encoded(media(&path), |video| video.square_pixels = false);
    one.probe.as_mut().unwrap().audio[0].sample_rate = 44_100;
    let path = clip(&format!("{whose}-50.mkv"), "50", "-c:v mpeg4 -q:v 4 -c:a ac3 -ac 6 -b:a 448k");
    let mut other = encoded(media(&path), |video| video.codec = "mpeg4".to_owned());
    let sound = &mut other.probe.as_mut().unwrap().audio[0];
    (sound.codec, sound.channels, sound.sample_rate) = ("ac3".to_owned(), 6, 32_000);
    [one, Media { id: MediaId(2), ..other }]
}

#[tokio::test]
async fn ac3_and_surround_are_spliced_and_played() {
    let (rig, items) = (Rig::start(), items("sound"));
    for (audio_codec, audio_layout, audio_kbps, seen) in [
        (AudioCodec::Ac3, AudioLayout::Surround, 448, "ac3,6"),
        (AudioCodec::Ac3, AudioLayout::Stereo, 200, "ac3,2"),
        (AudioCodec::Aac, AudioLayout::Surround, 384, "aac,6"),
    ] {
        let profile = Profile { audio_codec, audio_layout, audio_kbps, ..profile(25, 1) };
        rig.check_stream(&items, &profile, &format!("h264,{seen}")).await;
    }
}

#[tokio::test]
async fn hevc_is_spliced_and_played() {
    let (rig, items) = (Rig::start(), items("hevc"));
    let hevc = Profile {
        video_codec: VideoCodec::Hevc,
        preset: crate::domain::Preset::Ultrafast,
        ..profile(25, 1)
    };
    rig.check_stream(&items, &hevc, "hevc,aac,2").await;
    let theatre =
        Profile { audio_codec: AudioCodec::Ac3, audio_layout: AudioLayout::Surround, ..hevc };
    rig.check_stream(&items, &theatre, "hevc,ac3,6").await;
}

impl Rig {
    /// Conforms the items and the slates, splices them, and looks at the stream.
    async fn check_stream(&self, items: &[Media; 2], profile: &Profile, seen: &str) {
        let cards = Cards::install(&self._folder.path().join("cards")).unwrap();
        cards.conform(&self.conformer, &self.store, profile).await.unwrap();
        for (item, ratio) in items.iter().zip([1.0, 2.0]) {
            assert_eq!(self.conform(item, profile).await, ConformEnd::Completed, "{seen}");
            self.check_numbers(item, profile, ratio, 1);
            let index = self.index(item, profile);
            let heard: u32 = index.gops.iter().map(|gop| gop.audio_frames).sum();
            let due = 4 * 90_000 / profile.audio_ticks();
            assert!((i64::from(heard) - due).abs() <= 2, "{seen}: {heard} of {due}");
        }
        let slots = [
            (Some(1), 0, 4_000),
            (Some(2), 1_010, 2_500),
            (None, 0, 700),
            (Some(1), 530, 2_030),
            (Some(2), 0, 3_000),
        ];
        let timeline = timeline(START, &slots);
        let lookup = |id: MediaId| match items.iter().find(|item| item.id == id) {
            Some(item) => self.store.index(item, profile),
            None => self.store.slate(id, profile),
        };
        let composer = Composer::new(profile, &timeline, &lookup, &[]);
        let store: Arc<dyn Renditions> = Arc::<Store>::clone(&self.store);
        let mut reader = DiskReader::new(store);
        let first = profile.frame_at_or_after(UtcMillis(START));
        let end = profile.frame_at_or_after(timeline.stop().unwrap());
        let (mut at, mut stream) = (first, Vec::new());
        while at < end {
            let unit = composer.next_or_slate(at).unwrap();
            at = unit.end;
            stream.extend_from_slice(&mux(&unit, profile, &mut reader).unwrap().bytes);
        }
        let report = check(&stream, decoded(profile, first));
        assert!(report.is_clean(), "{seen}: {:?}", report.faults);
        assert!(report.jumps.is_empty());
        let steps = report.sounds.windows(2).map(|pair| pair[1] - pair[0]);
        assert!(steps.eq(std::iter::repeat_n(profile.audio_ticks(), report.sounds.len() - 1)));

        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &stream).unwrap();
        let path = file.path().to_str().unwrap();
        let (code, said) = complaints(&["-v", "warning", "-i", path, "-f", "null", "-"]);
        assert_eq!((code, said.as_str()), (Some(0), ""), "{seen}");
        assert_eq!(probed(path), seen);
        let pictures = report.pictures.len();
        let frames = usize::try_from(end - first).unwrap();
        // A picture is held here and there; none is missing.
        assert!((frames - 4..=frames).contains(&pictures), "{pictures} of {frames}");
        let first = self.store.index(&items[0], profile).unwrap();
        let gop = self.store.read(&first.key, &first.gops[0]).unwrap();
        let name = coding(profile).picture.name(&gop.video[0].data).unwrap();
        assert!(name.starts_with("avc1.6400") || name.starts_with("hvc1.1.6.L"), "{name}");
    }
}

/// How ffmpeg ended and what it complained about.
#[expect(clippy::disallowed_methods, reason = "judges with the real decoders")]
fn complaints(args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new("ffmpeg").args(["-nostdin", "-hide_banner"]).args(args).output();
    let output = output.unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Codecs and channels of a file, as ffprobe sees them.
#[expect(clippy::disallowed_methods, reason = "judges with the real demuxer")]
fn probed(path: &str) -> String {
    let entries = "stream=codec_name,channels";
    let args = ["-v", "error", "-show_entries", entries, "-of", "csv=p=0", path];
    let output = Command::new("ffprobe").args(args).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut words: Vec<&str> = Vec::new();
    for word in text.split(['\n', ',']).map(str::trim).filter(|word| !word.is_empty()) {
        words.push(word);
    }
    // Streams are listed for the program and again by themselves.
    words.truncate(3);
    words.join(",")
}
