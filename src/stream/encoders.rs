//! Which encoders work here: tests them, remembers the answer, chooses one for a conform.
//!
//! Tests run one after the other at idle priority through the process pool, after the start and
//! when asked for; nothing waits for them, and until one went well everything is encoded on the
//! processor. What they gave is kept in a file with what it was found on (version of ffmpeg, host,
//! devices), so that the next start on the same machine tests nothing.
//!
//! A kind that fails [`PATIENCE`] times in a row while it is used is benched until it is tested
//! again. The last runs of conforms are kept for people: where decoding, filtering and encoding
//! ran, and how fast.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;

use super::ffmpeg::encoders as words;
use super::ffmpeg::{Hardware, TEST_FRAMES};
use crate::domain::{
    Acceleration, AccelerationChoice, Accelerator, ConformJob, ConformRun, EncoderReport,
    EncoderState, EncoderTest, Fact, FfmpegRuns, Media, Profile, RunsOn, UtcMillis, VideoCodec,
};
use crate::foundation::clock::SharedClock;
use crate::foundation::files;
use crate::foundation::process::{Command, Finished, ProcessError, Processes};
use crate::foundation::stop::Stop;

/// Failures in a row after which a kind is benched.
pub const PATIENCE: u32 = 3;
/// Longest test of one encoder; drivers that hang are drivers that fail.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest answer of ffmpeg about itself.
const ASK_TIMEOUT: Duration = Duration::from_secs(30);
/// Runs remembered.
const REMEMBERED: usize = 24;

/// What testing needs.
#[derive(Debug, Clone)]
pub struct Means {
    /// The ffmpeg to test.
    pub ffmpeg: OsString,
    /// Where it is started.
    pub processes: Arc<dyn Processes>,
    /// The time.
    pub clock: SharedClock,
    /// Where the answer is kept; `None` forgets it.
    pub file: Option<PathBuf>,
    /// Where devices are: `/dev`, but in tests.
    pub dev: PathBuf,
}

/// Which encoders work; see the module.
#[derive(Debug)]
pub struct Encoders {
    means: Option<Means>,
    facts: Option<mpsc::Sender<Fact>>,
    stop: Stop,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    choice: AccelerationChoice,
    tuning: FfmpegRuns,
    report: Option<EncoderReport>,
    testing: bool,
    /// Failures in a row by kind.
    failures: HashMap<Accelerator, u32>,
    /// Why a kind is not used although its test went well.
    benched: HashMap<Accelerator, String>,
    runs: VecDeque<Arc<RunNote>>,
}

/// What people are told.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// What is chosen.
    pub choice: AccelerationChoice,
    /// What a conform to H.264 that begins now is encoded with.
    pub in_use: Accelerator,
    /// Whether tests are running.
    pub testing: bool,
    /// What tests gave; `None` before the first.
    pub report: Option<EncoderReport>,
    /// Kinds that are benched, with the reason.
    pub benched: Vec<(Accelerator, String)>,
    /// The last runs, newest first.
    pub runs: Vec<ConformRun>,
}

impl Encoders {
    /// Encoders that know only the processor and test nothing; for tests of other things.
    pub fn software_only() -> Arc<Self> {
        Arc::new(Self { means: None, facts: None, stop: Stop::new(), state: Mutex::default() })
    }

    /// Encoders of which one passed its test.
    #[cfg(test)]
    pub(super) fn with_working(kind: Accelerator) -> Arc<Self> {
        let encoders = Self::software_only();
        let test = EncoderTest {
            kind,
            codec: VideoCodec::H264,
            encoder: kind.encoder(VideoCodec::H264).to_owned(),
            state: EncoderState::Works,
            speed: None,
            device: None,
            reason: None,
            fix: None,
            said: None,
            at: UtcMillis(0),
        };
        let report =
            EncoderReport { key: String::new(), version: String::new(), tests: vec![test] };
        encoders.state().report = Some(report);
        encoders
    }

    /// Reads what is remembered and tests in the background when that is of another machine or
    /// ffmpeg. Blocks on the disk for one small file.
    pub fn start(
        means: Means,
        choice: AccelerationChoice,
        stop: &Stop,
        facts: mpsc::Sender<Fact>,
    ) -> Arc<Self> {
        let report = means.file.as_deref().and_then(remembered);
        let state = Mutex::new(State { choice, report, ..State::default() });
        let encoders =
            Arc::new(Self { means: Some(means), facts: Some(facts), stop: stop.clone(), state });
        encoders.spawn_tests(false);
        encoders
    }

    /// Tests everything anew in the background and forgets what was benched; `false` when tests
    /// are running already.
    pub fn test_again(self: &Arc<Self>) -> bool {
        self.spawn_tests(true)
    }

    /// Takes over another choice; conforms that run go on as they are.
    pub fn choose(self: &Arc<Self>, choice: AccelerationChoice) {
        let other_device = {
            let mut state = self.state();
            let other = state.choice.device != choice.device;
            state.choice = choice;
            other
        };
        if other_device {
            self.spawn_tests(true);
        }
    }

    /// Takes over how runs of ffmpeg are made from now on.
    pub fn tune(&self, tuning: FfmpegRuns) {
        self.state().tuning = tuning;
    }

    /// How runs of ffmpeg are made now. Memory only.
    pub fn tuning(&self) -> FfmpegRuns {
        self.state().tuning.clone()
    }

    /// What encodes `media` to `codec`; `None` for the processor. Memory only.
    ///
    /// All media comes from files so far; the choices of single sources wait for those sources.
    pub fn hardware_for(&self, _media: &Media, codec: VideoCodec) -> Option<Hardware> {
        let state = self.state();
        let kind = state.in_use(codec);
        let device = state.choice.device.clone();
        (kind != Accelerator::Software).then_some(Hardware { kind, device })
    }

    /// Notes that a conform failed on the device and went on in software; says whether the kind
    /// is benched by that.
    pub fn failed(&self, kind: Accelerator, reason: &str) -> bool {
        let mut state = self.state();
        let failures = state.failures.entry(kind).or_default();
        *failures += 1;
        if *failures < PATIENCE || state.benched.contains_key(&kind) {
            return false;
        }
        let why = format!("it failed {PATIENCE} times in a row: {reason}");
        tracing::warn!("{} is not used until it is tested again: {why}", kind.as_str());
        state.benched.insert(kind, why);
        true
    }

    /// Notes that pictures came from the device.
    pub fn worked(&self, kind: Accelerator) {
        self.state().failures.remove(&kind);
    }

    /// What people are told. Memory only.
    pub fn standing(&self) -> Standing {
        let state = self.state();
        let mut benched: Vec<_> =
            state.benched.iter().map(|(kind, why)| (*kind, why.clone())).collect();
        benched.sort();
        Standing {
            choice: state.choice.clone(),
            in_use: state.in_use(VideoCodec::H264),
            testing: state.testing,
            report: state.report.clone(),
            benched,
            runs: state.runs.iter().rev().map(|note| note.read()).collect(),
        }
    }

    /// Begins to keep book of a run.
    pub(super) fn note_run(&self, run: ConformRun, profile: &Profile, now_ms: i64) -> Arc<RunNote> {
        let note = Arc::new(RunNote {
            run: Mutex::new(run),
            profile: profile.clone(),
            frames: AtomicU64::new(0),
            began_ms: now_ms,
            last_ms: AtomicI64::new(now_ms),
            held_ms: AtomicI64::new(0),
        });
        let mut state = self.state();
        while state.runs.len() >= REMEMBERED {
            state.runs.pop_front();
        }
        state.runs.push_back(Arc::clone(&note));
        note
    }

    fn spawn_tests(self: &Arc<Self>, anew: bool) -> bool {
        if self.means.is_none() || std::mem::replace(&mut self.state().testing, true) {
            return false;
        }
        let (me, stop) = (Arc::clone(self), self.stop.clone());
        self.stop.spawn("encoders", async move {
            tokio::select! {
                () = stop.requested() => {}
                () = me.test_all(anew) => {}
            }
            me.state().testing = false;
        });
        true
    }

    async fn test_all(&self, anew: bool) {
        let Some(means) = &self.means else { return };
        let version = match means.ask("-version").await {
            Ok(said) => words::version(&said).unwrap_or_else(|| "of an unknown version".to_owned()),
            Err(error) => {
                tracing::warn!(%error, "ffmpeg does not answer, so no encoder was tested");
                return;
            }
        };
        let device = self.state().choice.device.clone();
        let key = means.key(&version, device.as_deref());
        if !anew && self.state().report.as_ref().is_some_and(|known| known.key == key) {
            return;
        }
        let built = match means.ask("-encoders").await {
            Ok(said) => words::encoder_names(&said),
            Err(error) => {
                tracing::warn!(%error, "ffmpeg does not list its encoders, so none was tested");
                return;
            }
        };
        let mut tests = Vec::new();
        for codec in [VideoCodec::H264, VideoCodec::Hevc] {
            for kind in Accelerator::ALL {
                tests.push(means.test((kind, codec), device.clone(), &built).await);
            }
        }
        let report = EncoderReport { key, version, tests };
        let working: Vec<&str> = report
            .tests
            .iter()
            .filter(|test| test.state == EncoderState::Works)
            .map(|test| test.encoder.as_str())
            .collect();
        tracing::info!("encoders that work here: {}", working.join(", "));
        if let Some(file) = &means.file {
            keep(file.clone(), report.clone()).await;
        }
        let recovered: Vec<Accelerator> = {
            let mut state = self.state();
            let works = |kind: &Accelerator| {
                let good =
                    |test: &EncoderTest| test.kind == *kind && test.state == EncoderState::Works;
                report.tests.iter().any(good)
            };
            let recovered = state.benched.keys().copied().filter(works).collect();
            state.report = Some(report);
            state.failures.clear();
            state.benched.clear();
            recovered
        };
        for kind in recovered {
            let told =
                self.facts.as_ref().map(|facts| facts.try_send(Fact::HardwareWorks { kind }));
            if told.is_some_and(|told| told.is_err()) {
                tracing::debug!("that {} works again was not reported", kind.as_str());
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What a conform to `codec` that begins now is encoded with.
    fn in_use(&self, codec: VideoCodec) -> Accelerator {
        let tests = self.report.as_ref().map_or(&[][..], |report| &report.tests);
        let good = |kind: Accelerator| {
            let works = |test: &&EncoderTest| {
                (test.kind, test.codec, test.state) == (kind, codec, EncoderState::Works)
            };
            tests.iter().find(works).filter(|_| !self.benched.contains_key(&kind))
        };
        let found = match self.choice.all {
            Acceleration::Off => None,
            Acceleration::Only(kind) => good(kind),
            // The order is that of the kinds: speed at one moment says little.
            Acceleration::Auto => Accelerator::ALL.into_iter().find_map(good),
        };
        found.map_or(Accelerator::Software, |test| test.kind)
    }
}

impl Means {
    /// What an answer belongs to.
    fn key(&self, version: &str, device: Option<&str>) -> String {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let device = device.unwrap_or("any");
        let mut devices: Vec<String> = Vec::new();
        for kind in Accelerator::ALL {
            devices.extend(self.devices(kind));
        }
        devices.sort();
        devices.dedup();
        format!("codecs of ffmpeg {version} on {host} with {device} of {}", devices.join(" "))
    }

    async fn ask(&self, about: &str) -> Result<String, ProcessError> {
        let finished = self.run(vec!["-hide_banner".into(), about.into()], ASK_TIMEOUT).await?;
        Ok(String::from_utf8_lossy(&finished.stdout).into_owned())
    }

    async fn run(&self, args: Vec<OsString>, timeout: Duration) -> Result<Finished, ProcessError> {
        let program = self.ffmpeg.clone();
        self.processes.run(Command { program, args, timeout, max_output: 1 << 20 }).await
    }

    /// The files of devices of a kind; empty where there are none, or where none are needed.
    fn devices(&self, kind: Accelerator) -> Vec<String> {
        let (folder, start) = match kind {
            Accelerator::Nvenc => (self.dev.clone(), "nvidia"),
            Accelerator::Qsv | Accelerator::Vaapi | Accelerator::Amf => {
                (self.dev.join("dri"), "renderD")
            }
            Accelerator::V4l2m2m => (self.dev.clone(), "video"),
            Accelerator::VideoToolbox | Accelerator::Software => return Vec::new(),
        };
        let Ok(entries) = std::fs::read_dir(&folder) else { return Vec::new() };
        let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        let numbered = |name: &String| {
            name.strip_prefix(start).is_some_and(|rest| rest.parse::<u32>().is_ok())
        };
        let mut names: Vec<String> = names.filter(numbered).collect();
        // Windows' subsystem for Linux has its cards behind one device.
        if names.is_empty() && kind == Accelerator::Nvenc && self.dev.join("dxg").exists() {
            names.push("dxg".to_owned());
        }
        names.sort();
        names
    }

    /// Tests one encoder.
    async fn test(
        &self,
        (kind, codec): (Accelerator, VideoCodec),
        device: Option<String>,
        built: &BTreeSet<String>,
    ) -> EncoderTest {
        let encoder = kind.encoder(codec);
        let mut test = EncoderTest {
            kind,
            codec,
            encoder: encoder.to_owned(),
            state: EncoderState::Untested,
            speed: None,
            device: device.clone().filter(|_| has_devices(kind)),
            reason: None,
            fix: None,
            said: None,
            at: UtcMillis(self.clock.now_ms()),
        };
        let mut because = |state, reason: &str, fix: &str| {
            test.state = state;
            test.reason = Some(reason.to_owned());
            test.fix = Some(fix.to_owned());
        };
        if !built.contains(encoder) {
            let reason = "this ffmpeg was built without the encoder";
            let fix = match kind {
                Accelerator::VideoToolbox => "VideoToolbox is there on macOS only",
                _ => "install an ffmpeg that has it, and name that one in ffmpeg.path",
            };
            because(EncoderState::NotBuilt, reason, fix);
            return test;
        }
        if has_devices(kind) && self.devices(kind).is_empty() {
            let (reason, fix) = missing(kind);
            because(EncoderState::NoDevice, reason, fix);
            return test;
        }
        let began = tokio::time::Instant::now();
        let finished = self.run(Hardware { kind, device }.test(codec), TEST_TIMEOUT).await;
        let took = began.elapsed().as_secs_f64();
        match finished {
            Ok(Finished { code: Some(0), stdout, .. })
                if words::frames(&String::from_utf8_lossy(&stdout)) >= TEST_FRAMES =>
            {
                // Frames of the test are 40 ms long.
                let media = f64::from(u32::try_from(TEST_FRAMES).unwrap_or(u32::MAX)) / 25.0;
                test.speed = Some((media / took.max(0.001) * 100.0).round() / 100.0);
                test.state = EncoderState::Works;
            }
            Ok(Finished { stderr, .. }) => {
                let explained = words::explain(kind, &stderr);
                because(EncoderState::Failed, explained.reason, explained.fix);
                test.said = explained.said;
            }
            Err(ProcessError::TimedOut { .. }) => because(
                EncoderState::Failed,
                "the test encode hung and was ended",
                "restart the machine or its driver, then test again",
            ),
            Err(ProcessError::Refused { .. }) => because(
                EncoderState::Untested,
                "the machine had no room for a test",
                "test again when it is less busy",
            ),
            Err(_) => because(
                EncoderState::Failed,
                "ffmpeg could not be run for the test",
                "check ffmpeg.path",
            ),
        }
        test
    }
}

/// Whether a kind shows itself as files in `/dev`.
fn has_devices(kind: Accelerator) -> bool {
    !matches!(kind, Accelerator::VideoToolbox | Accelerator::Software)
}

fn missing(kind: Accelerator) -> (&'static str, &'static str) {
    match kind {
        Accelerator::Nvenc => (
            "there is no NVIDIA card (/dev/nvidia0)",
            "install the card and its driver; in a container, pass it in (--gpus all)",
        ),
        Accelerator::V4l2m2m => (
            "there is no V4L2 device (/dev/video*)",
            "this is for boards with an encoder of their own; in a container, pass /dev/video* in",
        ),
        _ => (
            "there is no graphics device (/dev/dri/renderD*)",
            "load the graphics driver; in a container, pass /dev/dri in",
        ),
    }
}

/// What an earlier start kept; a file that cannot be read is as good as none.
fn remembered(file: &Path) -> Option<EncoderReport> {
    // reason: it is made anew
    let text = std::fs::read(file).ok()?;
    serde_json::from_slice(&text).ok()
}

async fn keep(file: PathBuf, report: EncoderReport) {
    let kept = tokio::task::spawn_blocking(move || {
        let text = serde_json::to_vec_pretty(&report).map_err(std::io::Error::other)?;
        files::replace(&file, &text)
    });
    match kept.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::warn!(%error, "what encoders work is not on disk and will be tested again");
        }
        Err(_panicked) => {}
    }
}

/// A run as it goes on.
#[derive(Debug)]
pub(super) struct RunNote {
    run: Mutex<ConformRun>,
    profile: Profile,
    frames: AtomicU64,
    began_ms: i64,
    last_ms: AtomicI64,
    held_ms: AtomicI64,
}

impl RunNote {
    /// `frames` more are stored.
    pub(super) fn stored(&self, frames: u64, now_ms: i64) {
        self.frames.fetch_add(frames, Ordering::Relaxed);
        self.last_ms.store(now_ms, Ordering::Relaxed);
    }

    /// It was held back on purpose for so long.
    pub(super) fn held(&self, ms: i64) {
        self.held_ms.fetch_add(ms, Ordering::Relaxed);
    }

    /// It is decoded on the processor after all.
    pub(super) fn decodes_here(&self) {
        self.lock().decode = RunsOn::Processor;
    }

    /// It is over.
    pub(super) fn ended(&self, outcome: &'static str, now_ms: i64) {
        let mut run = self.lock();
        run.ended = Some(UtcMillis(now_ms));
        run.outcome = Some(outcome);
    }

    fn read(&self) -> ConformRun {
        let frames = self.frames.load(Ordering::Relaxed);
        let shown = self.profile.tick_of(i64::try_from(frames).unwrap_or(i64::MAX)) / 90;
        let spent = self.last_ms.load(Ordering::Relaxed)
            - self.began_ms
            - self.held_ms.load(Ordering::Relaxed);
        let speed = (frames > 0 && spent > 0).then(|| {
            let times = shown.saturating_mul(100) / spent;
            f64::from(i32::try_from(times).unwrap_or(i32::MAX)) / 100.0
        });
        ConformRun { frames, speed, ..self.lock().clone() }
    }

    fn lock(&self) -> MutexGuard<'_, ConformRun> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A run that begins now.
pub(super) fn beginning(
    job: ConformJob,
    media: &Media,
    profile: &Profile,
    now_ms: i64,
    (decode, filter, encode): (RunsOn, RunsOn, RunsOn),
) -> ConformRun {
    ConformRun {
        job: job.job,
        media: media.id,
        title: media.title.clone(),
        channel: job.channel,
        profile: profile.name.clone(),
        decode,
        filter,
        encode,
        frames: 0,
        speed: None,
        began: UtcMillis(now_ms),
        ended: None,
        outcome: None,
    }
}

#[cfg(test)]
mod tests;
