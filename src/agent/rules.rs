//! The rule planner: ranks causes by what is known and chooses the next step. PURE.
//!
//! A cause's score is made of coverage (what the incident itself and our own measurements say),
//! lines that name it (foreign text, so a little only), probes (which decide), precedence, and
//! contradictions. Whether we did it ourselves comes first. The same knowledge always gives the
//! same plan.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::control::operations::{Action, EvidenceKind, Query, Trust};
use crate::domain::{
    Cause, ChannelId, ChannelReading, Evidence, Incident, LedgerEntry, LedgerKind, MediaId,
    MediaReading, Subject, UtcMillis,
};

/// A restart of the same media this recently did not help.
const AGAIN_MS: i64 = 600_000;
/// Our own act this recently explains silence.
const OWN_ACT_MS: i64 = 10_000;
/// A truncated item that gave more than this was worth showing.
const WORTH_MS: i64 = 1_000;
/// A conform whose last output is younger than this gives.
const GIVES_MS: i64 = 2_000;
/// A cause below this is not acted on.
const SCORE_MIN: f64 = 0.25;

/// Which tools answer which cause.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Matrix {
    schema: String,
    version: u32,
    causes: BTreeMap<Cause, Row>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    observe: Option<String>,
    #[serde(default)]
    actions: Vec<String>,
    #[serde(default)]
    benign: bool,
}

impl Matrix {
    /// The matrix that comes with the program.
    ///
    /// # Errors
    /// Never for the embedded file, which a test loads.
    pub fn embedded() -> Result<Self, serde_yaml::Error> {
        serde_yaml::from_str(include_str!("../../patterns/causes.yaml"))
    }

    fn row(&self, cause: Cause) -> Row {
        self.causes.get(&cause).cloned().unwrap_or_default()
    }
}

/// Everything known about an incident at this step.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// The incident.
    pub incident: Incident,
    /// What was seen.
    pub evidence: Vec<Evidence>,
    /// What was done for this incident and on its channel of late.
    pub actions: Vec<LedgerEntry>,
    /// Channels concerned, soonest first.
    pub channels: Vec<ChannelId>,
    /// The first channel's state now, if it could be read.
    pub channel: Option<ChannelReading>,
    /// What the probe of the media said: not asked, not measurable, or a reading.
    pub probe: Probe,
    /// This moment.
    pub now: UtcMillis,
}

/// Where the probe of the media stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// Not asked yet.
    NotAsked,
    /// It could not be measured.
    Failed,
    /// What it said.
    Read(MediaReading),
}

/// A cause with its score and what speaks for and against it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ranked {
    /// The cause.
    pub cause: Cause,
    /// 0 to 1.
    pub score: f64,
    /// What speaks for it.
    pub supports: Vec<&'static str>,
    /// What speaks against it.
    pub contradicts: Vec<&'static str>,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// Measure this first.
    Observe(Query),
    /// Do this.
    Act(Action),
}

/// A plan for one step.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Causes, most likely first; never empty.
    pub causes: Vec<Ranked>,
    /// What to do.
    pub next: Next,
    /// 0 to 1.
    pub confidence: f64,
    /// Why, in our own words.
    pub why: &'static str,
    /// Kinds of evidence behind it.
    pub evidence: Vec<EvidenceKind>,
}

impl Plan {
    /// The most likely cause.
    pub fn cause(&self) -> Cause {
        self.causes.first().map_or(Cause::Unknown, |ranked| ranked.cause)
    }
}

/// Plans the next step from what is known.
pub fn plan(matrix: &Matrix, known: &Known) -> Plan {
    let causes = rank(known);
    let best = causes.first().map_or(Cause::Unknown, |ranked| ranked.cause);
    let score = causes.first().map_or(0.0, |ranked| ranked.score);
    let (next, why) = choose(matrix, known, best, score);
    Plan { confidence: score, evidence: kinds(known), causes, next, why }
}

/// Scores every candidate cause; ties are broken by the order of the list of causes.
pub fn rank(known: &Known) -> Vec<Ranked> {
    let mut board = Board::default();
    let incident = &known.incident;
    board.add(incident.cause, 0.45, "incident");
    let ended = known.evidence.iter().any(|e| e.kind == "process_end");
    if ended {
        // Whatever the lines say, a process that is gone is gone.
        board.add(Cause::EncoderExited, 0.30, "process_end");
        board.add(incident.cause, 0.20, "process_end");
    }
    if known.evidence.iter().any(|e| e.kind == "beat") && !ended {
        board.add(incident.cause, 0.20, "beat");
    }
    if known.evidence.iter().any(|e| e.kind == "clock" || e.kind == "timeline") {
        board.add(incident.cause, 0.40, "measured");
    }
    for (cause, count) in named_by_lines(&known.evidence) {
        let weight = if count >= 2 { 0.15 } else { 0.10 };
        board.add(cause, weight, "log_template");
    }
    if let Some(first) = known.evidence.iter().min_by_key(|e| e.at)
        && first.trust == Trust::System
    {
        board.add(incident.cause, 0.05, "precedence");
    }
    weigh_probe(&mut board, known);
    if did_it_ourselves(known) {
        board.add(Cause::SelfInflicted, 0.90, "history");
        board.against(Cause::Stall, 0.30, "history");
    }
    board.into_ranking()
}

fn weigh_probe(board: &mut Board, known: &Known) {
    let Probe::Read(reading) = &known.probe else { return };
    match reading.fault {
        Some(fault) => {
            board.add(fault, 0.80, "probe");
            if fault != Cause::EncoderExited {
                board.against(Cause::EncoderExited, 0.30, "probe");
                board.against(Cause::Stall, 0.30, "probe");
            }
            if known.incident.cause != fault && is_media(known.incident.cause) {
                board.against(known.incident.cause, 0.20, "probe");
            }
        }
        None => {
            for cause in [Cause::EncoderExited, Cause::Stall] {
                board.strengthen(cause, 0.25, "probe");
            }
            // The file is there, so it cannot be missing; that it opens does not make it whole.
            board.against(Cause::MediaMissing, 0.60, "probe");
            board.against(Cause::MediaNoStream, 0.30, "probe");
        }
    }
}

fn choose(matrix: &Matrix, known: &Known, cause: Cause, score: f64) -> (Next, &'static str) {
    let row = matrix.row(cause);
    let escalate = |why| (Next::Act(Action::Escalate), why);
    if row.benign {
        return (Next::Act(Action::NoOp), "it passes by itself");
    }
    if score < SCORE_MIN {
        return escalate("no cause is likely enough");
    }
    if row.actions.is_empty() {
        return escalate("nothing may be done about this cause");
    }
    if has_healed(known) {
        return (Next::Act(Action::NoOp), "it has healed by itself");
    }
    let Some(media) = media_of(&known.incident) else {
        return escalate("it is not known which media it is about");
    };
    if row.observe.is_some() && known.probe == Probe::NotAsked {
        return (Next::Observe(Query::ProbeMedia { media }), "the media is probed first");
    }
    let Some(channel) = known.channels.first().copied() else {
        return (Next::Act(Action::NoOp), "no channel will play it");
    };
    if cause == Cause::MediaTruncated && gave_something(&known.evidence) {
        return (Next::Act(Action::NoOp), "what there is of it was shown");
    }
    let ahead_of_time = matches!(known.incident.subject, Subject::Media(_));
    if ahead_of_time && matches!(cause, Cause::EncoderExited | Cause::Stall) {
        return (Next::Act(Action::NoOp), "it is made again when it is due");
    }
    let tried = |tool: &str| was_tried(known, tool, channel, media);
    for tool in &row.actions {
        match tool.as_str() {
            "restart_channel" if !tried("restart_channel") => match &known.probe {
                Probe::Read(reading) if reading.readable => {
                    let action = Action::RestartChannel { channel };
                    return (
                        Next::Act(action),
                        "the media is readable, its conform is not running",
                    );
                }
                Probe::Failed => return escalate("the media could not be probed"),
                Probe::Read(_) | Probe::NotAsked => {}
            },
            "skip_item" if !tried("skip_item") => {
                let action = Action::SkipItem { channel, media };
                return (Next::Act(action), "a restart has not helped, or cannot");
            }
            _ => {}
        }
    }
    escalate("everything that may be done was tried")
}

/// The media an incident is about.
pub fn media_of(incident: &Incident) -> Option<MediaId> {
    match incident.subject {
        Subject::Media(media) => Some(media),
        Subject::Channel(_) | Subject::Host => incident.media,
    }
}

/// Whether viewers see what they should again, or soon will, without anything (more) being done.
///
/// A stall is over when the conform gives again. A conform that ended does not come back by
/// itself, so there it takes a restart that was tried and a conform that gives.
fn has_healed(known: &Known) -> bool {
    let Some(reading) = &known.channel else { return false };
    let gives = reading.job_silent_ms.is_some_and(|silent| silent < GIVES_MS);
    match known.incident.cause {
        Cause::Stall => reading.is_healthy() && gives,
        Cause::EncoderExited => {
            let for_this = |entry: &LedgerEntry| entry.incident == Some(known.incident.id);
            let mut actions = known.actions.iter().filter(|entry| {
                entry.kind == LedgerKind::Action && entry.risk.is_changing() && for_this(entry)
            });
            let failed_since = |at: UtcMillis| {
                let fails = |entry: &LedgerEntry| {
                    entry.kind == LedgerKind::Failure && for_this(entry) && entry.at > at
                };
                known.actions.iter().any(fails)
            };
            gives && actions.next_back().is_some_and(|last| !failed_since(last.at))
        }
        _ => false,
    }
}

/// Whether `tool` was used on this channel for this media within [`AGAIN_MS`].
///
/// Ledger entries of restarts name no media, so for those the incident decides: a restart counts
/// when it was for this incident and the incident's media is still the same.
fn was_tried(known: &Known, tool: &str, channel: ChannelId, media: MediaId) -> bool {
    known.actions.iter().any(|entry| {
        let recent = known.now.since(entry.at) < AGAIN_MS;
        let same_media = entry.media.is_none_or(|of| of == media);
        let for_this = entry.incident == Some(known.incident.id);
        entry.kind == LedgerKind::Action
            && entry.tool == tool
            && entry.channel == Some(channel)
            && recent
            && same_media
            && for_this
    })
}

/// Silence that began around an act of ours (or a person's) is not the conform's fault.
fn did_it_ourselves(known: &Known) -> bool {
    known.incident.cause == Cause::Stall
        && known.actions.iter().any(|entry| {
            entry.kind == LedgerKind::Action
                && entry.risk.is_changing()
                && entry.incident != Some(known.incident.id)
                && (0..OWN_ACT_MS).contains(&known.incident.opened_at.since(entry.at))
        })
}

fn gave_something(evidence: &[Evidence]) -> bool {
    let got = |e: &Evidence| e.body.get("got_ms").and_then(Value::as_i64);
    evidence.iter().filter_map(got).next_back().is_some_and(|got| got > WORTH_MS)
}

fn named_by_lines(evidence: &[Evidence]) -> BTreeMap<Cause, i64> {
    let mut counts = BTreeMap::new();
    for seen in evidence.iter().filter(|e| e.kind == "log_template") {
        let cause = seen.body.get("cause").and_then(Value::as_str);
        let Some(cause) = cause.and_then(|code| code.parse::<Cause>().ok()) else { continue };
        let count = seen.body.get("count").and_then(Value::as_i64).unwrap_or(1);
        *counts.entry(cause).or_insert(0) += count;
    }
    counts
}

fn kinds(known: &Known) -> Vec<EvidenceKind> {
    let mut kinds: Vec<EvidenceKind> = Vec::new();
    let mut add = |kind: &str, trust: Trust| {
        let new = EvidenceKind { kind: kind.to_owned(), trust };
        if !kinds.contains(&new) {
            kinds.push(new);
        }
    };
    for seen in &known.evidence {
        add(&seen.kind, seen.trust);
    }
    if matches!(known.probe, Probe::Read(_)) {
        add("probe", Trust::System);
    }
    if known.channel.is_some() {
        add("channel_state", Trust::System);
    }
    if !known.actions.is_empty() {
        add("history", Trust::System);
    }
    kinds
}

fn is_media(cause: Cause) -> bool {
    matches!(
        cause,
        Cause::MediaMissing | Cause::MediaCorrupt | Cause::MediaTruncated | Cause::MediaNoStream
    )
}

/// Scores while they are added up.
#[derive(Debug, Default)]
struct Board {
    scores: BTreeMap<Cause, Ranked>,
}

impl Board {
    fn entry(&mut self, cause: Cause) -> &mut Ranked {
        self.scores.entry(cause).or_insert_with(|| Ranked {
            cause,
            score: 0.0,
            supports: Vec::new(),
            contradicts: Vec::new(),
        })
    }

    fn add(&mut self, cause: Cause, weight: f64, by: &'static str) {
        if weight > 0.0 {
            let ranked = self.entry(cause);
            ranked.score += weight;
            ranked.supports.push(by);
        }
    }

    /// Adds only to a cause that something else speaks for already.
    fn strengthen(&mut self, cause: Cause, weight: f64, by: &'static str) {
        if self.scores.contains_key(&cause) {
            self.add(cause, weight, by);
        }
    }

    fn against(&mut self, cause: Cause, weight: f64, by: &'static str) {
        if let Some(ranked) = self.scores.get_mut(&cause) {
            ranked.score -= weight;
            ranked.contradicts.push(by);
        }
    }

    fn into_ranking(self) -> Vec<Ranked> {
        let mut ranking: Vec<Ranked> = self.scores.into_values().collect();
        for ranked in &mut ranking {
            ranked.score = ranked.score.clamp(0.0, 0.99);
        }
        ranking.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.cause.cmp(&b.cause)));
        ranking
    }
}

#[cfg(test)]
mod tests;
