//! One run of ffmpeg into the store.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::book::Book;
use super::findings::Findings;
use super::grid::Assembler;
use super::hole::{Hole, SHORT};
use super::relay::{Connections, KEEP_MS, Placing, Porter};
use super::rules::Misfit;
use crate::domain::{Accelerator, ConformEnd, ConformJob, Fact, Media, Profile};
use crate::foundation::clock::SharedClock;
use crate::foundation::process::ProcessError;
use crate::mpegts::demux::{Demuxer, Sample};
use crate::stream::direct::Shelf;
use crate::stream::encoders::Encoders;
use crate::stream::ffmpeg::{
    Abilities, Effort, Hardware, Inlet, Run, Treatment, VideoTreatment, Words,
};
use crate::stream::pool::{Exit, Pool, Priority, Running};
use crate::stream::rendition::RenditionKey;
use crate::stream::store::{Appended, NewGop, Store, StoreError, Writer};

/// How far a broadcast may be ahead of the clock before it is held, in milliseconds.
const HOLD_BROADCAST_MS: i64 = 30_000;
/// How long a span file of a broadcast grows, in milliseconds.
const SPAN_MS: i64 = 60_000;
/// How far a live run may be ahead of the clock before it is held, in milliseconds.
const HOLD_AHEAD_MS: i64 = 180_000;
/// Bytes read from the pipe at once.
const READ: usize = 256 * 1024;

/// What a run needs of the server.
#[derive(Debug, Clone)]
pub(super) struct Means {
    pub(super) shelf: Arc<Shelf>,
    pub(super) store: Arc<Store>,
    pub(super) pool: Arc<Pool>,
    pub(super) clock: SharedClock,
    pub(super) facts: mpsc::Sender<Fact>,
    pub(super) ffmpeg: OsString,
    pub(super) still: PathBuf,
    pub(super) findings: Arc<Findings>,
    pub(super) connections: Connections,
    pub(super) porter: Arc<Porter>,
    pub(super) encoders: Arc<Encoders>,
}

/// Where a run reads from.
#[derive(Debug)]
pub(super) enum Feed<'a> {
    /// The media's file; the device that encodes it, if one does. Broadcasts stay on the
    /// processor: they cannot be read again when a device fails.
    File(Option<Hardware>),
    /// One place of a broadcast; what comes is placed on the clock.
    Broadcast {
        /// Which place.
        upstream: &'a Inlet,
        /// Where the next group goes.
        placing: &'a mut Placing,
    },
}

/// What is conformed, for whom.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) job: ConformJob,
    pub(super) key: RenditionKey,
    pub(super) media: Arc<Media>,
    pub(super) profile: Profile,
    pub(super) from_frame: i64,
    pub(super) effort: Effort,
    pub(super) priority: Priority,
    pub(super) threads: usize,
    pub(super) progress: Arc<Progress>,
    pub(super) cancel: CancellationToken,
}

/// How far a job is, for those who look at it from outside.
#[derive(Debug)]
pub(super) struct Progress {
    /// The frame after the last one stored.
    pub(super) next_frame: AtomicI64,
    /// When the last access unit came out, by the server's clock.
    pub(super) last_ms: AtomicI64,
    /// Whether it is held back on purpose.
    pub(super) held: AtomicBool,
    /// When a channel last asked for it.
    pub(super) wanted_ms: AtomicI64,
}

/// What a run is given besides the treatment, found out beforehand.
#[derive(Debug)]
pub(super) struct Extras {
    pub(super) abilities: Abilities,
    pub(super) words: Option<Source>,
    /// In hundredths of a decibel.
    pub(super) gain: i32,
    /// Who waits for this run.
    pub(super) effort: Effort,
}

/// Where subtitles that are burned in come from.
#[derive(Debug)]
pub(super) enum Source {
    Texts(PathBuf),
    Track(usize),
}

impl Source {
    fn words(&self) -> Words<'_> {
        match self {
            Self::Texts(path) => Words::Texts(path),
            Self::Track(track) => Words::Track(*track),
        }
    }
}

/// How a run ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum RunEnd {
    /// It reached stored frames, or the bound it was given.
    Filled,
    /// Groups that a watermark is seen on were left out of a copy, and it went on behind them.
    Marked {
        /// The first frame left out.
        from: i64,
        /// The first frame behind them; `None` when the file ended with them.
        until: Option<i64>,
    },
    /// The file ended; the frame after the last one, if any frame came.
    Ended {
        /// Milliseconds of media time at the end of picture or sound.
        last_ms: Option<i64>,
    },
    /// What came does not fit the profile.
    Misfit {
        /// Why.
        reason: String,
        /// Whether it is the sound.
        sound: bool,
    },
    /// The device failed before the first picture; the processor may do better.
    HardwareFailed {
        /// Which kind of device.
        kind: Accelerator,
        /// Why, in our words.
        reason: String,
    },
    /// Nothing more is to be tried.
    Over(ConformEnd),
}

/// Runs ffmpeg over `hole` and stores what comes.
pub(super) async fn run(
    means: &Means,
    task: &Task,
    treatment: &Treatment,
    extras: &Extras,
    hole: Hole,
    feed: Feed<'_>,
) -> RunEnd {
    let (upstream, placing, hardware) = match feed {
        Feed::File(hardware) => (None, None, hardware),
        Feed::Broadcast { upstream, placing } => (Some(upstream), Some(placing), None),
    };
    let tuning = means.encoders.tuning();
    let mut args = Run {
        path: &task.media.path,
        treatment,
        profile: &task.profile,
        from_frame: hole.start,
        until_frame: hole.until,
        effort: extras.effort,
        threads: task.threads,
        phase: means.store.notes(&task.key).phase.unwrap_or(0),
        still: if task.effort == Effort::Slate {
            Path::new(&task.media.path)
        } else {
            &means.still
        },
        abilities: extras.abilities,
        words: extras.words.as_ref().map(Source::words),
        gain: extras.gain,
        upstream,
        tuning: &tuning,
    };
    if treatment.video == VideoTreatment::Still && args.until_frame.is_none() {
        args.until_frame = super::hole::stated_end(&task.media, &task.profile);
    }
    let plain = args.arguments();
    let moved = hardware.as_ref().and_then(|hardware| hardware.accelerate(&plain));
    let hardware = hardware.filter(|_| moved.is_some());
    let book = Book::open(means, task, treatment, hardware.as_ref());
    let spawn = means.pool.spawn(means.ffmpeg.clone(), moved.unwrap_or(plain), task.priority);
    let spawned = tokio::select! {
        () = task.cancel.cancelled() => return RunEnd::Over(ConformEnd::Cancelled),
        spawned = spawn => spawned,
    };
    let mut running = match spawned {
        Ok(running) => running,
        Err(ProcessError::Refused { reason: "stopping" }) => {
            return RunEnd::Over(ConformEnd::Cancelled);
        }
        Err(error) => {
            let reason = match &error {
                ProcessError::Start { source, .. } => format!("{error}: {source}"),
                _ => error.to_string(),
            };
            return RunEnd::Over(ConformEnd::NotStarted { reason });
        }
    };
    let copied = treatment.video == VideoTreatment::Copy;
    let phase = means.store.notes(&task.key).phase;
    let mut sink = Sink {
        means,
        task,
        hole,
        copied,
        assembler: Assembler::new(&task.profile, treatment, phase),
        writer: Some(means.store.writer(&task.key)),
        came: false,
        marked_from: None,
        last_tick: None,
        placing,
        span_until_ms: 0,
        book,
    };
    let pumped = pump(means, task, &mut running, &mut sink).await;
    let book;
    let end = match pumped {
        Ok(demuxer) => {
            let exit = running.wait().await;
            report_lines(means, task, &mut running, &mut sink.book);
            let end;
            (end, book) = sink.end(demuxer, exit).await;
            end
        }
        Err(end) => {
            running.kill();
            report_lines(means, task, &mut running, &mut sink.book);
            book = sink.book;
            end
        }
    };
    book.close(means, task, end)
}

/// Reads the pipe to its end; an early end is the error.
async fn pump(
    means: &Means,
    task: &Task,
    running: &mut Running,
    sink: &mut Sink<'_>,
) -> Result<Demuxer, RunEnd> {
    let mut demuxer = Demuxer::new();
    let mut buffer = BytesMut::with_capacity(READ);
    let begin_ms = means.clock.now_ms();
    let mut stderr_open = true;
    loop {
        // Both reads may be dropped without losing anything.
        tokio::select! {
            () = task.cancel.cancelled() => return Err(RunEnd::Over(ConformEnd::Cancelled)),
            line = running.stderr.recv(), if stderr_open => match line {
                Some(line) => report_line(means, task, line, &mut sink.book),
                None => stderr_open = false,
            },
            count = running.stdout.read_buf(&mut buffer) => match count {
                Ok(0) => return Ok(demuxer),
                Ok(_) => {
                    let samples = demuxer.push(&buffer);
                    buffer.clear();
                    sink.take(samples).await?;
                    match &sink.placing {
                        Some(placing) => hold_broadcast(means, task, placing).await,
                        None => hold(means, task, begin_ms, &sink.book).await,
                    }
                }
                Err(error) => {
                    let reason = format!("its output could not be read: {error}");
                    return Err(RunEnd::Over(ConformEnd::Unusable { reason }));
                }
            },
        }
    }
}

/// Waits while a live run is so far ahead that others need the machine more.
async fn hold(means: &Means, task: &Task, begin_ms: i64, book: &Book) {
    if task.effort != Effort::Live {
        return;
    }
    loop {
        let made = task.progress.next_frame.load(Ordering::Relaxed) - task.from_frame;
        let ahead_ms = task.profile.tick_of(made) / 90 - (means.clock.now_ms() - begin_ms);
        let held = ahead_ms > HOLD_AHEAD_MS;
        task.progress.held.store(held, Ordering::Relaxed);
        if !held {
            return;
        }
        tokio::select! {
            () = task.cancel.cancelled() => return,
            () = tokio::time::sleep(Duration::from_millis(500)) => book.note.held(500),
        }
    }
}

/// Waits while a broadcast that comes faster than it is shown is far enough ahead.
async fn hold_broadcast(means: &Means, task: &Task, placing: &Placing) {
    loop {
        let held = placing.ahead_ms(means.clock.now_ms()) > HOLD_BROADCAST_MS;
        task.progress.held.store(held, Ordering::Relaxed);
        if !held {
            return;
        }
        tokio::select! {
            () = task.cancel.cancelled() => return,
            () = tokio::time::sleep(Duration::from_millis(200)) => {}
        }
    }
}

fn report_line(means: &Means, task: &Task, line: String, book: &mut Book) {
    let Some(line) = book.hear(line) else { return };
    if task.effort == Effort::Slate {
        tracing::warn!("a slate: {line}");
        return;
    }
    // A flood of complaints must not hold up the picture, so a full queue loses lines.
    if means.facts.try_send(Fact::StderrLine { job: task.job, line }).is_err() {
        tracing::debug!("a line of ffmpeg was not reported");
    }
}

fn report_lines(means: &Means, task: &Task, running: &mut Running, book: &mut Book) {
    while let Ok(line) = running.stderr.try_recv() {
        report_line(means, task, line, book);
    }
}

/// Where access units go.
struct Sink<'a> {
    means: &'a Means,
    task: &'a Task,
    hole: Hole,
    copied: bool,
    assembler: Assembler,
    /// Away only while it works on a blocking thread.
    writer: Option<Writer>,
    /// Whether anything was stored.
    came: bool,
    /// The first frame of groups that a watermark is seen on, where a copy came by some.
    marked_from: Option<i64>,
    /// The latest time of any access unit.
    last_tick: Option<i64>,
    /// Where a broadcast's groups go.
    placing: Option<&'a mut Placing>,
    /// When a broadcast begins its next span, so that what was shown can be removed.
    span_until_ms: i64,
    book: Book,
}

impl Sink<'_> {
    async fn take(&mut self, samples: Vec<Sample>) -> Result<(), RunEnd> {
        if !samples.is_empty() {
            let now = self.means.clock.now_ms();
            self.task.progress.last_ms.store(now, Ordering::Relaxed);
        }
        let mut gops = Vec::new();
        let mut misfit = None;
        for sample in samples {
            let tick = sample.pts - crate::stream::ffmpeg::ORIGIN_TICKS;
            self.last_tick = self.last_tick.max(Some(tick));
            match self.assembler.push(sample) {
                Ok(complete) => gops.extend(complete),
                Err(found) => {
                    misfit = Some(found);
                    break;
                }
            }
        }
        self.store(gops).await?;
        misfit.map_or(Ok(()), |found| Err(misfits(found)))
    }

    /// The pipe has ended: stores the rest and says what it was.
    async fn end(mut self, demuxer: Demuxer, exit: Exit) -> (RunEnd, Book) {
        let end = self.finish(demuxer, exit).await;
        (end, self.book)
    }

    async fn finish(&mut self, mut demuxer: Demuxer, exit: Exit) -> RunEnd {
        let ended_well = exit.code == Some(0);
        let stated = (self.task.media.duration_ms > 0).then_some(self.task.media.duration_ms);
        let so_far = self.last_tick.map(|tick| tick / 90);
        let short = match (stated, so_far) {
            (Some(stated), Some(so_far)) => super::job::is_truncated(so_far, stated),
            _ => false,
        };
        // The last picture of a file that breaks off is half a picture.
        let torn = self.copied && short && self.hole.until.is_none();
        let whole = ended_well && !torn;
        let samples = demuxer.finish(whole);
        if let Err(end) = self.take(samples).await {
            return end;
        }
        match self.assembler.finish(torn) {
            Ok(gops) => {
                if let Err(end) = self.store(gops).await {
                    return end;
                }
            }
            Err(found) => return misfits(found),
        }
        match exit {
            Exit { code: Some(0), .. } => match self.marked_from {
                Some(from) => RunEnd::Marked { from, until: self.hole.until },
                None => RunEnd::Ended { last_ms: self.last_tick.map(|tick| tick / 90) },
            },
            Exit { code: Some(code), signal: None } if !self.came && code != 255 => {
                let reason = format!("ffmpeg could not read it (exit code {code})");
                RunEnd::Over(ConformEnd::Unusable { reason })
            }
            Exit { code, signal } => RunEnd::Over(ConformEnd::Exited { code, signal }),
        }
    }

    async fn store(&mut self, gops: Vec<NewGop>) -> Result<(), RunEnd> {
        if gops.is_empty() {
            return Ok(());
        }
        let nothing_yet = !self.came && self.marked_from.is_none();
        if self.copied && self.hole.start == 0 && nothing_yet && gops[0].first_frame > SHORT {
            let reason = "its picture begins late".to_owned();
            return Err(RunEnd::Misfit { reason, sound: false });
        }
        let Some(mut writer) = self.writer.take() else { return Err(broken()) };
        let (gops, marked) = self.without_marked(gops);
        let now_ms = self.means.clock.now_ms();
        let mut trim = None;
        let gops: Vec<NewGop> = match &mut self.placing {
            None => gops,
            Some(placing) => {
                if now_ms >= self.span_until_ms {
                    self.span_until_ms = now_ms + SPAN_MS;
                    let rate = self.task.profile.rate;
                    trim = Some(rate.frame_at_or_before((now_ms - KEEP_MS) * 90));
                }
                gops.into_iter().map(|gop| placing.place(gop, now_ms)).collect()
            }
        };
        let spans: Vec<(i64, i64)> = gops
            .iter()
            .map(|gop| (gop.first_frame, gop.first_frame + i64::from(gop.frames)))
            .collect();
        let written = tokio::task::spawn_blocking(move || {
            if let Some(before) = trim {
                writer.begin_span(before);
            }
            let results: Vec<Result<Appended, StoreError>> =
                gops.iter().map(|gop| writer.append(gop)).collect();
            (writer, results)
        });
        let Ok((writer, results)) = written.await else { return Err(broken()) };
        self.writer = Some(writer);
        let mut filled = false;
        for ((first, end), result) in spans.into_iter().zip(results) {
            match result {
                Ok(Appended::UpTo(next)) => {
                    self.task.progress.next_frame.store(next, Ordering::Relaxed);
                    self.remember_phase();
                    self.came = true;
                    let frames = u64::try_from(end - first).unwrap_or(0);
                    self.book.stored(self.means, frames);
                    filled |= self.hole.until.is_some_and(|until| end >= until);
                }
                Ok(Appended::Known) => {
                    filled |= self.hole.until.is_some_and(|until| first >= until)
                }
                Err(error) => return Err(RunEnd::Over(not_stored(&error))),
            }
        }
        match marked {
            Some(marked) => Err(marked),
            None if filled => Err(RunEnd::Filled),
            None => Ok(()),
        }
    }

    /// Leaves out of a copy what a watermark is seen on: it is encoded when the end of it is known.
    ///
    /// Gives the groups up to the first one behind, and how the run ends when that one came.
    fn without_marked(&mut self, gops: Vec<NewGop>) -> (Vec<NewGop>, Option<RunEnd>) {
        let profile = &self.task.profile;
        let Some(mark) = profile.watermark.as_ref().filter(|_| self.copied) else {
            return (gops, None);
        };
        let Hole { start, until } = self.hole;
        let mut plain = Vec::with_capacity(gops.len());
        for gop in gops {
            let first = gop.first_frame;
            let end = first + i64::from(gop.frames);
            let is_seen = mark.look.is_seen_in(profile.tick_of(first), profile.tick_of(end));
            if is_seen && until.is_none_or(|until| first < until) {
                self.marked_from.get_or_insert(first.max(start));
                continue;
            }
            plain.push(gop);
            if let Some(from) = self.marked_from {
                let until = Some(until.map_or(first, |until| until.min(first)));
                return (plain, Some(RunEnd::Marked { from, until }));
            }
        }
        (plain, None)
    }

    /// Writes the phase down with the first group, for the runs to come.
    fn remember_phase(&self) {
        let phase = self.assembler.phase().filter(|_| self.copied && !self.came);
        let Some(phase) = phase else { return };
        let noted = self.means.store.note(&self.task.key, |notes| {
            notes.phase.get_or_insert(phase);
        });
        if let Err(error) = noted {
            tracing::warn!(%error, "the phase of media {} is not on disk", self.task.media.id);
        }
    }
}

fn misfits(found: Misfit) -> RunEnd {
    RunEnd::Misfit { reason: found.to_string(), sound: found == Misfit::Sound }
}

fn broken() -> RunEnd {
    let reason = "a storing thread broke".to_owned();
    RunEnd::Over(ConformEnd::NotStored { reason })
}

fn not_stored(error: &StoreError) -> ConformEnd {
    let reason = match error {
        StoreError::Forgotten | StoreError::MadeElsewhere => return ConformEnd::Cancelled,
        StoreError::Unwritable(_) => {
            return ConformEnd::Unusable { reason: error.to_string() };
        }
        StoreError::Io { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
            "the disk is full".to_owned()
        }
        StoreError::Io { source, .. } => format!("{error}: {source}"),
        StoreError::Full { .. } => error.to_string(),
    };
    ConformEnd::NotStored { reason }
}
