//! The rules: which facts are signals of a fault, and which say that it is over.
//!
//! A *hard* signal is a measured fact (a process is gone, a file is not there, a viewer sees the
//! slate while the conform is silent) and opens an incident at once. A *soft* one has to come
//! twice. A restart of our own is not blamed on ffmpeg: see [`Detectors::acted`].

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use super::patterns::{PatternPack, Severity};
use super::template::Templates;
use crate::domain::{
    Accelerator, Cause, ChannelBeat, ChannelId, ConformEnd, ConformJob, Evidence, Fact, JobBeat,
    MediaId, Subject, Trust, UtcMillis,
};

/// A conform that has given something before is stalled after so long.
const SILENT_MS: i64 = 4_000;
/// A conform that has given nothing yet may take so long.
const STARTING_SILENT_MS: i64 = 6_000;
/// Below this much media ahead, silence is a hard fact.
const HEADROOM_MIN_MS: i64 = 2_000;
/// Silence that began before our own act is our own for so long after it.
const OWN_ACT_MS: i64 = 8_000;
/// A step of the wall clock below this is what the slewing clock is for.
const CLOCK_STEP_MIN_MS: i64 = 2_000;
/// Jobs and channels remembered at once.
const MEMORY: usize = 512;

/// How firmly a signal says what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignalKind {
    /// Opens at once.
    Hard,
    /// Opens when it comes again.
    Soft,
    /// One observation without the fault; three in a row end it.
    Clean,
    /// It is over for certain.
    Over,
}

/// One observation of a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    /// Which rule; for `Clean` and `Over`, empty stands for every rule about the subject.
    pub rule: &'static str,
    /// About what.
    pub subject: Subject,
    /// The media involved.
    pub media: Option<MediaId>,
    /// The likely cause.
    pub cause: Cause,
    /// How firmly.
    pub kind: SignalKind,
    /// What was seen.
    pub evidence: Vec<Evidence>,
    /// One sentence for people, our own words only.
    pub summary: String,
    /// Whether a channel's conform failed by itself: what the breaker counts.
    pub failure: bool,
}

/// What is remembered of a conform's stderr.
#[derive(Debug, Default)]
struct JobNotes {
    last_at: UtcMillis,
    /// Count by template id and cause; benign lines are not kept.
    causes: BTreeMap<(Cause, String), (Severity, u64)>,
}

#[derive(Debug)]
struct ChannelNotes {
    last_at: UtcMillis,
    beat: ChannelBeat,
    /// Whether the job of the last beat has given anything since it was first seen.
    job_gave: bool,
}

/// The detectors with their bounded memory.
#[derive(Debug)]
pub struct Detectors {
    pack: PatternPack,
    templates: Templates,
    jobs: HashMap<u64, JobNotes>,
    channels: HashMap<ChannelId, ChannelNotes>,
    acts: HashMap<ChannelId, UtcMillis>,
    unknown_lines: u64,
}

impl Detectors {
    /// Detectors that have seen nothing.
    pub fn new(pack: PatternPack) -> Self {
        Self {
            pack,
            templates: Templates::default(),
            jobs: HashMap::new(),
            channels: HashMap::new(),
            acts: HashMap::new(),
            unknown_lines: 0,
        }
    }

    /// Notes that we ended the conform of `channel` ourselves.
    pub fn acted(&mut self, channel: ChannelId, now: UtcMillis) {
        make_room(&mut self.acts, |at| *at);
        self.acts.insert(channel, now);
    }

    /// Lines that no pattern knew, so far.
    pub fn unknown_lines(&self) -> u64 {
        self.unknown_lines
    }

    /// Takes in one fact and says what it signals.
    pub fn observe(&mut self, fact: &Fact, now: UtcMillis) -> Vec<Signal> {
        match fact {
            Fact::Beat(beat) => self.on_beat(*beat, now),
            Fact::ChannelStopped { channel } => {
                self.channels.remove(channel);
                vec![quiet(Subject::Channel(*channel), SignalKind::Over, "")]
            }
            Fact::StderrLine { job, line } => {
                self.on_line(*job, line, now);
                Vec::new()
            }
            Fact::ConformEnded { job, end } => self.on_end(*job, end, now),
            Fact::HardwareFailed { job, kind, reason, benched } => {
                vec![on_hardware(*job, *kind, reason, *benched, now)]
            }
            Fact::HardwareWorks { .. } => {
                vec![quiet(Subject::Host, SignalKind::Over, "HW_FAIL")]
            }
            Fact::ClockStep { by_ms } => on_clock_step(*by_ms, now),
            Fact::Content { channel, has_content, at } => {
                vec![on_content(*channel, *has_content, *at, now)]
            }
        }
    }

    fn on_beat(&mut self, beat: ChannelBeat, now: UtcMillis) -> Vec<Signal> {
        let before = self.channels.remove(&beat.channel);
        let notes = follow(before, beat, now);
        let stall = self.stall(&notes, now);
        make_room(&mut self.channels, |notes| notes.last_at);
        self.channels.insert(beat.channel, notes);
        match stall {
            Some(signal) => vec![signal],
            None if is_clean(&beat) => {
                vec![quiet(Subject::Channel(beat.channel), SignalKind::Clean, "")]
            }
            None => Vec::new(),
        }
    }

    /// The rule `STALL`: a live conform gives nothing although it should.
    fn stall(&self, notes: &ChannelNotes, now: UtcMillis) -> Option<Signal> {
        let beat = notes.beat;
        let job = beat.job.filter(|job| !job.held)?;
        let limit = if notes.job_gave { SILENT_MS } else { STARTING_SILENT_MS };
        if job.silent_ms < limit || self.is_our_silence(beat.channel, job, now) {
            return None;
        }
        let hurts = beat.on_slate || beat.headroom_ms < HEADROOM_MIN_MS;
        let seconds = job.silent_ms / 1_000;
        Some(Signal {
            rule: "STALL",
            subject: Subject::Channel(beat.channel),
            media: Some(job.media),
            cause: Cause::Stall,
            kind: if hurts { SignalKind::Hard } else { SignalKind::Soft },
            evidence: vec![beat_evidence(&beat, now)],
            summary: format!(
                "the conform of media {} for channel {} has been silent for {seconds} s",
                job.media, beat.channel
            ),
            failure: false,
        })
    }

    fn is_our_silence(&self, channel: ChannelId, job: JobBeat, now: UtcMillis) -> bool {
        self.acts.get(&channel).is_some_and(|acted| {
            now.since(*acted) < OWN_ACT_MS && now.plus_ms(-job.silent_ms) <= acted.plus_ms(1_000)
        })
    }

    fn on_line(&mut self, job: ConformJob, line: &str, now: UtcMillis) {
        let template = self.templates.count(&self.pack.name(), line, now);
        let Some(pattern) = self.pack.classify(line) else {
            self.unknown_lines += 1;
            return;
        };
        if pattern.benign {
            return;
        }
        let (cause, severity) = (pattern.cause, pattern.severity);
        make_room(&mut self.jobs, |notes| notes.last_at);
        let notes = self.jobs.entry(job.job).or_default();
        notes.last_at = now;
        if notes.causes.len() < 16 || notes.causes.contains_key(&(cause, template.id.clone())) {
            notes.causes.entry((cause, template.id)).or_insert((severity, 0)).1 += 1;
        }
    }

    fn on_end(&mut self, job: ConformJob, end: &ConformEnd, now: UtcMillis) -> Vec<Signal> {
        let notes = self.jobs.remove(&job.job).unwrap_or_default();
        let subject = job.channel.map_or(Subject::Media(job.media), Subject::Channel);
        let Some((rule, cause, kind, body, words)) = self.judge(job, end, &notes, now) else {
            return match end {
                ConformEnd::Completed => {
                    vec![quiet(Subject::Media(job.media), SignalKind::Over, "")]
                }
                _ => Vec::new(),
            };
        };
        let mut evidence =
            vec![Evidence { kind: "process_end".into(), trust: Trust::System, at: now, body }];
        evidence.extend(notes.causes.iter().map(|((cause, template), (_, count))| Evidence {
            kind: "log_template".into(),
            trust: Trust::External,
            at: notes.last_at,
            body: json!({"template": template, "cause": cause.code(), "count": count}),
        }));
        if let Some(channel) = job.channel.and_then(|channel| self.channels.get(&channel)) {
            evidence.push(beat_evidence(&channel.beat, channel.last_at));
        }
        let failure = rule == "ENCODER_EXITED" && job.channel.is_some();
        let whose = match job.channel {
            Some(channel) => format!("for channel {channel}"),
            None => "ahead of time".to_owned(),
        };
        let summary = format!("the conform of media {} {whose} {words}", job.media);
        let media = Some(job.media);
        vec![Signal { rule, subject, media, cause, kind, evidence, summary, failure }]
    }

    /// What the end of a conform means, or `None` when it is in order.
    fn judge(
        &self,
        job: ConformJob,
        end: &ConformEnd,
        notes: &JobNotes,
        now: UtcMillis,
    ) -> Option<(&'static str, Cause, SignalKind, Value, String)> {
        let hard = SignalKind::Hard;
        let said = notes.cause();
        Some(match end {
            ConformEnd::Completed | ConformEnd::Cancelled => return None,
            ConformEnd::Exited { code, signal } => {
                let body = json!({"end": "exited", "code": code, "signal": signal});
                let words = match (signal, code) {
                    (Some(signal), _) => format!("was ended by signal {signal}"),
                    (None, Some(code)) => format!("ended with code {code}"),
                    (None, None) => "ended".to_owned(),
                };
                let acted = job.channel.and_then(|channel| self.acts.get(&channel));
                let ours = acted.is_some_and(|at| now.since(*at) < 1_000) && signal.is_some();
                if ours {
                    let cause = Cause::SelfInflicted;
                    return Some(("SELF_INFLICTED", cause, SignalKind::Soft, body, words));
                }
                match said.filter(|_| signal.is_none()) {
                    Some(cause) => (rule_of(cause), cause, hard, body, words),
                    None => ("ENCODER_EXITED", Cause::EncoderExited, hard, body, words),
                }
            }
            ConformEnd::Missing => {
                let body = json!({"end": "missing"});
                let cause = Cause::MediaMissing;
                (rule_of(cause), cause, hard, body, "found no file".to_owned())
            }
            ConformEnd::Unusable { reason } => {
                let cause = match said {
                    Some(cause) => cause,
                    None if reason.contains("space") || reason.contains("disk") => Cause::DiskFull,
                    None if reason.contains("no stream") => Cause::MediaNoStream,
                    None => Cause::MediaCorrupt,
                };
                let body = json!({"end": "unusable"});
                (rule_of(cause), cause, hard, body, "gave nothing usable".to_owned())
            }
            ConformEnd::Truncated { got_ms, wanted_ms } => {
                let body = json!({"end": "truncated", "got_ms": got_ms, "wanted_ms": wanted_ms});
                let words = format!("gave {got_ms} ms of {wanted_ms} ms");
                (rule_of(Cause::MediaTruncated), Cause::MediaTruncated, hard, body, words)
            }
            ConformEnd::NotStored { .. } => {
                let body = json!({"end": "not_stored"});
                let words = "could not be stored".to_owned();
                (rule_of(Cause::DiskFull), Cause::DiskFull, hard, body, words)
            }
            ConformEnd::SourceLost { cause, .. } => {
                let cause = said.unwrap_or(*cause);
                let body = json!({"end": "source_lost"});
                (rule_of(cause), cause, hard, body, "lost its source".to_owned())
            }
            // Work ahead that finds no place is tried again by itself.
            ConformEnd::NotStarted { .. } if job.channel.is_none() => return None,
            ConformEnd::NotStarted { reason } => {
                let body = json!({"end": "not_started"});
                let words = "could not be started".to_owned();
                // The pool refuses for a while; a program that is not there is not there.
                let cause = if reason.starts_with("start ") {
                    Cause::EncMissing
                } else {
                    Cause::EncoderExited
                };
                (rule_of(cause), cause, hard, body, words)
            }
        })
    }
}

impl JobNotes {
    /// The cause with the gravest lines; among equals, the first in the list of causes.
    fn cause(&self) -> Option<Cause> {
        let mut best: Option<(Severity, Cause)> = None;
        for ((cause, _), (severity, _)) in &self.causes {
            if best.is_none_or(|(than, _)| *severity > than) {
                best = Some((*severity, *cause));
            }
        }
        best.map(|(_, cause)| cause)
    }
}

/// Follows the job of a channel from one beat to the next.
fn follow(before: Option<ChannelNotes>, beat: ChannelBeat, now: UtcMillis) -> ChannelNotes {
    let same_job =
        |notes: &ChannelNotes| notes.beat.job.map(|job| job.job) == beat.job.map(|job| job.job);
    match before.filter(same_job) {
        Some(notes) => {
            // Silence that fell means that something came in between.
            let fell = notes.beat.job.zip(beat.job).is_some_and(|(a, b)| b.silent_ms < a.silent_ms);
            ChannelNotes { last_at: now, beat, job_gave: notes.job_gave || fell }
        }
        None => ChannelNotes { last_at: now, beat, job_gave: false },
    }
}

fn is_clean(beat: &ChannelBeat) -> bool {
    let silent = beat.job.is_some_and(|job| !job.held && job.silent_ms >= SILENT_MS);
    !beat.on_slate && beat.headroom_ms >= 0 && !silent
}

fn beat_evidence(beat: &ChannelBeat, at: UtcMillis) -> Evidence {
    let body = json!({
        "viewers": beat.viewers,
        "headroom_ms": beat.headroom_ms,
        "on_slate": beat.on_slate,
        "silent_ms": beat.job.map(|job| job.silent_ms),
    });
    Evidence { kind: "beat".into(), trust: Trust::System, at, body }
}

fn on_clock_step(by_ms: i64, now: UtcMillis) -> Vec<Signal> {
    if by_ms.abs() < CLOCK_STEP_MIN_MS {
        return Vec::new();
    }
    let body = json!({"by_ms": by_ms});
    vec![Signal {
        rule: "CLOCK_STEP",
        subject: Subject::Host,
        media: None,
        cause: Cause::ClockStep,
        kind: SignalKind::Hard,
        evidence: vec![Evidence { kind: "clock".into(), trust: Trust::System, at: now, body }],
        summary: format!("the wall clock moved by {by_ms} ms"),
        failure: false,
    }]
}

/// One failure may be the source's; a kind that is benched is a fault of the machine.
fn on_hardware(
    job: ConformJob,
    kind: Accelerator,
    reason: &str,
    benched: bool,
    now: UtcMillis,
) -> Signal {
    let body = json!({"kind": kind.as_str(), "reason": reason, "benched": benched});
    let name = kind.as_str();
    let then = if benched { "and is not used any more" } else { "so it went on in software" };
    Signal {
        rule: "HW_FAIL",
        subject: Subject::Host,
        media: Some(job.media),
        cause: Cause::HwFail,
        kind: if benched { SignalKind::Hard } else { SignalKind::Soft },
        evidence: vec![Evidence { kind: "encoder".into(), trust: Trust::System, at: now, body }],
        summary: format!("{name} failed for media {}, {then}: {reason}", job.media),
        failure: false,
    }
}

fn on_content(channel: ChannelId, has_content: bool, at: UtcMillis, now: UtcMillis) -> Signal {
    let subject = Subject::Channel(channel);
    if has_content {
        return quiet(subject, SignalKind::Over, "NO_CONTENT");
    }
    let body = json!({"since": at.0});
    Signal {
        rule: "NO_CONTENT",
        subject,
        media: None,
        cause: Cause::NoContent,
        kind: SignalKind::Hard,
        evidence: vec![Evidence { kind: "timeline".into(), trust: Trust::System, at: now, body }],
        summary: match at.since(now) / 60_000 {
            ..=0 => format!("channel {channel} has nothing to play"),
            minutes => format!("channel {channel} has nothing to play in {minutes} minutes"),
        },
        failure: false,
    }
}

fn quiet(subject: Subject, kind: SignalKind, rule: &'static str) -> Signal {
    Signal {
        rule,
        subject,
        media: None,
        cause: Cause::Unknown,
        kind,
        evidence: Vec::new(),
        summary: String::new(),
        failure: false,
    }
}

/// The rule that is named like its cause.
fn rule_of(cause: Cause) -> &'static str {
    cause.code()
}

/// Forgets the oldest entry of a full map.
fn make_room<K: Copy + Eq + std::hash::Hash, V>(
    map: &mut HashMap<K, V>,
    age: impl Fn(&V) -> UtcMillis,
) {
    if map.len() < MEMORY {
        return;
    }
    if let Some(oldest) = map.iter().min_by_key(|(_, v)| age(v)).map(|(k, _)| *k) {
        map.remove(&oldest);
    }
}

#[cfg(test)]
mod tests;
