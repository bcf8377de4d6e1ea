//! The tests of encoders against a stand-in ffmpeg that says what the real one says: gathered from
//! runs without devices, from ffmpeg's sources and from reports of users. The devices themselves
//! were not at hand. Software is tested with the real ffmpeg.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::foundation::clock::SystemClock;
use crate::stream::pool::{Limits, Pool};

/// What every stand-in answers about itself; `$MORE` is what it does when it encodes.
const STAND_IN: &str = r#"#!/bin/sh
echo "$*" >> "$0.calls"
case " $* " in
*" -version "*) echo 'ffmpeg version 6.1-test Copyright (c) 2000-2026 the FFmpeg developers'; exit 0;;
*" -encoders "*)
    for name in libx264 h264_nvenc h264_qsv h264_vaapi h264_v4l2m2m h264_amf; do
        echo " V....D $name               H.264 (codec h264)"
    done
    exit 0;;
esac
works() { printf 'frame=1\nspeed=N/A\nprogress=continue\nframe=100\nspeed=8x\nprogress=end\n'; exit 0; }
fails() { cat >&2; exit 1; }
case " $* " in
*" -c:v libx264 "*) works;;
MORE
esac
exit 9
"#;

struct Rig {
    folder: tempfile::TempDir,
    stop: Stop,
    pool: Arc<Pool>,
    facts: mpsc::Receiver<Fact>,
    sender: mpsc::Sender<Fact>,
}

impl Rig {
    /// A machine with these files in `/dev` whose ffmpeg encodes as `more` says.
    fn new(devices: &[&str], more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dev = folder.path().join("dev");
        std::fs::create_dir_all(dev.join("dri")).unwrap();
        for device in devices {
            std::fs::write(dev.join(device), []).unwrap();
        }
        let stop = Stop::new();
        let limits = Limits { spawns_per_second: 100, memory_guard: 1.0, ..Limits::default() };
        let pool = Pool::start(limits, &stop, folder.path()).unwrap();
        let (sender, facts) = mpsc::channel(100);
        let rig = Self { folder, stop, pool, facts, sender };
        rig.become_machine(more);
        rig
    }

    fn become_machine(&self, more: &str) {
        let program = self.program();
        std::fs::write(&program, STAND_IN.replace("MORE", more)).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn program(&self) -> PathBuf {
        self.folder.path().join("ffmpeg")
    }

    fn calls(&self) -> usize {
        let calls = std::fs::read_to_string(self.folder.path().join("ffmpeg.calls"));
        calls.map_or(0, |calls| calls.lines().count())
    }

    async fn start(&self, ffmpeg: OsString, choice: AccelerationChoice) -> Arc<Encoders> {
        let means = Means {
            ffmpeg,
            processes: Arc::<Pool>::clone(&self.pool),
            clock: SystemClock::start(),
            file: Some(self.folder.path().join("encoders.json")),
            dev: self.folder.path().join("dev"),
        };
        let encoders = Encoders::start(means, choice, &self.stop, self.sender.clone());
        tested(&encoders).await;
        encoders
    }

    async fn stand_in(&self) -> Arc<Encoders> {
        self.start(self.program().into(), AccelerationChoice::default()).await
    }
}

async fn tested(encoders: &Encoders) {
    for _ in 0..6_000 {
        if !encoders.standing().testing {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the tests did not end");
}

fn test_of(encoders: &Encoders, kind: Accelerator) -> EncoderTest {
    let report = encoders.standing().report.unwrap();
    report.tests.into_iter().find(|test| test.kind == kind).unwrap()
}

#[tokio::test]
async fn software_works_here_for_real_and_what_is_not_here_says_why() {
    let rig = Rig::new(&[], "");
    let encoders = rig.start("ffmpeg".into(), AccelerationChoice::default()).await;
    let software = test_of(&encoders, Accelerator::Software);
    assert_eq!(software.state, EncoderState::Works, "{software:?}");
    assert!(software.speed.unwrap() > 0.0);
    for kind in Accelerator::ALL.into_iter().filter(|kind| *kind != Accelerator::Software) {
        let test = test_of(&encoders, kind);
        assert!(matches!(test.state, EncoderState::NoDevice | EncoderState::NotBuilt), "{test:?}");
        assert!(test.reason.is_some() && test.fix.is_some(), "{test:?}");
    }
    assert_eq!(encoders.standing().in_use, Accelerator::Software);
}

#[tokio::test]
async fn every_kind_is_tried_and_auto_takes_the_first_that_works() {
    let rig = Rig::new(
        &["nvidia0", "nvidiactl", "dri/renderD128", "video11"],
        "*h264_nvenc*) fails <<END
[h264_nvenc @ 0x1] OpenEncodeSessionEx failed: out of memory (10): (no details)
[h264_nvenc @ 0x1] No capable devices found
END
;;
*h264_qsv*) fails <<END
[h264_qsv @ 0x2] Error initializing an MFX session
END
;;
*h264_vaapi*) works;;
*h264_amf*) fails <<END
[h264_amf @ 0x3] DLL libamfrt64.so.1 failed to open
END
;;
*h264_v4l2m2m*) fails <<END
[h264_v4l2m2m @ 0x4] Could not find a valid device
END
;;",
    );
    let encoders = rig.stand_in().await;
    let expect = [
        (Accelerator::Nvenc, Some("the card has no encoding session left")),
        (
            Accelerator::Qsv,
            Some("Intel's media runtime is missing or does not know this processor"),
        ),
        (Accelerator::Vaapi, None),
        (Accelerator::Amf, Some("AMD's AMF runtime is missing")),
        (Accelerator::V4l2m2m, Some("no V4L2 device can encode this")),
        (Accelerator::VideoToolbox, Some("this ffmpeg was built without the encoder")),
        (Accelerator::Software, None),
    ];
    for (kind, reason) in expect {
        assert_eq!(test_of(&encoders, kind).reason.as_deref(), reason, "{kind:?}");
    }
    assert_eq!(encoders.standing().in_use, Accelerator::Vaapi);
    let said = test_of(&encoders, Accelerator::Nvenc).said.unwrap();
    assert!(said.contains("OpenEncodeSessionEx"), "{said}");

    // Another choice is taken over at once; one that does not work means software.
    encoders.choose(AccelerationChoice { all: Acceleration::Off, device: None });
    assert_eq!(encoders.standing().in_use, Accelerator::Software);
    let nvenc = Acceleration::Only(Accelerator::Nvenc);
    encoders.choose(AccelerationChoice { all: nvenc, device: None });
    assert_eq!(encoders.standing().in_use, Accelerator::Software);
}

#[tokio::test]
async fn what_was_found_is_remembered_until_the_machine_changes() {
    let rig = Rig::new(&["dri/renderD128"], "*h264_vaapi*) works;;");
    rig.stand_in().await;
    let first = rig.calls();
    let encoders = rig.stand_in().await;
    assert_eq!(encoders.standing().in_use, Accelerator::Vaapi);
    assert_eq!(rig.calls(), first + 1, "only its version was asked for");
    std::fs::write(rig.folder.path().join("dev/nvidia0"), []).unwrap();
    rig.stand_in().await;
    assert!(rig.calls() > first + 3, "a new card is a new machine");
    assert!(encoders.test_again() && !encoders.test_again(), "one after the other");
    tested(&encoders).await;
}

#[tokio::test]
async fn a_benched_kind_comes_back_with_a_good_test() {
    let mut rig = Rig::new(&["dri/renderD128"], "*h264_vaapi*) works;;");
    let encoders = rig.stand_in().await;
    let kind = Accelerator::Vaapi;
    assert!(!encoders.failed(kind, "x"));
    encoders.worked(kind);
    let benched: Vec<bool> = (0..4).map(|_| encoders.failed(kind, "the card fell off")).collect();
    assert_eq!(benched, [false, false, true, false], "three in a row, told once");
    let standing = encoders.standing();
    assert_eq!(standing.in_use, Accelerator::Software);
    assert!(standing.benched[0].1.contains("the card fell off"));

    encoders.test_again();
    tested(&encoders).await;
    assert_eq!(encoders.standing().in_use, kind);
    assert_eq!(rig.facts.recv().await.unwrap(), Fact::HardwareWorks { kind });
}

#[tokio::test]
async fn an_ffmpeg_that_is_not_there_leaves_everything_to_software() {
    let rig = Rig::new(&[], "");
    let encoders = rig.start("/no/such/ffmpeg".into(), AccelerationChoice::default()).await;
    let standing = encoders.standing();
    assert_eq!((standing.in_use, standing.report), (Accelerator::Software, None));
}
