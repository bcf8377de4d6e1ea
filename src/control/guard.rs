//! The guard: one total function that says whether a proposal may be done. PURE.
//!
//! [`decide`] makes every check in a fixed order and records all of them, not only the first that
//! fails; the first that fails is the reason. A missing datum fails its check: nothing is granted
//! by default. People pass the same function; with a typed reason a person may override budgets
//! and containment, never R1–R4, the kill switch, the audit log or the arguments.
//!
//! Order: kill switch, audit, mode, containment, actor, arguments, subject, cause, evidence,
//! preconditions, confidence, R1, R2, budgets, cool-down, R3, blast radius, conflict, approval.

mod load;
mod manifest;
mod modes;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::ledger::{self, Breaker};
use super::operations::{Action, Actor, Check, EvidenceKind, Proposal, Trust};
use crate::domain::{Cause, ChannelId, Incident, IncidentState, LedgerEntry, RiskClass, UtcMillis};

pub use load::{Tools, ToolsError};
pub use manifest::{Manifest, Precondition, Verification};
pub use modes::{ActMode, Modes};

/// Part of the pool in use (work ahead not counted) from which nothing is changed any more.
pub const POOL_PRESSURE_MAX: f64 = 0.9;
/// Share of unhealthy channels above which the fault is not theirs ...
pub const UNHEALTHY_SHARE_MAX: f64 = 0.3;
/// ... if at least so many are unhealthy.
pub const UNHEALTHY_MIN: u32 = 4;
/// How long after a step of the clock nothing is changed.
pub const CLOCK_STEP_HOLD_MS: i64 = 60_000;
/// How long an action without an outcome blocks another one on the same channel.
pub const CONFLICT_MS: i64 = 60_000;
/// Shortest reason that a person may give.
pub const REASON_MIN_CHARS: usize = 8;

/// State of the machine and of all channels together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct HostReading {
    /// Part of the pool in use, work ahead not counted; 0 to 1.
    pub pool_pressure: f64,
    /// Channels that run.
    pub running: u32,
    /// Those of them that are not healthy.
    pub unhealthy: u32,
    /// When the wall clock last stepped.
    pub clock_stepped_at: Option<UtcMillis>,
}

/// What the guard has to know. `None` means "could not be found out" and fails its check.
#[derive(Debug, Clone)]
pub struct Situation<'a> {
    /// The manifest of the proposed tool.
    pub manifest: Option<&'a Manifest>,
    /// Whether a person has stopped the operator.
    pub kill_switch: Option<bool>,
    /// Why the audit log cannot be written, if so.
    pub audit_fault: Option<String>,
    /// Why the chain of the audit log cannot be trusted, if so.
    pub chain_fault: Option<String>,
    /// How far the agent may go with this tool for this cause.
    pub mode: ActMode,
    /// The machine.
    pub host: Option<HostReading>,
    /// Whether the channel of the action exists; meaningless for an action without one.
    pub channel_exists: Option<bool>,
    /// Whether the media of the action exists; meaningless for an action without one.
    pub media_exists: Option<bool>,
    /// Viewers of the channel now.
    pub viewers: Option<u32>,
    /// The incident that is answered.
    pub incident: Option<&'a Incident>,
    /// Hashes of the envelopes on record for that incident.
    pub envelopes: &'a [String],
    /// Entries of the last hour.
    pub ledger: &'a [LedgerEntry],
    /// This moment.
    pub now: UtcMillis,
}

/// What the guard says, with every check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Whether it may be done.
    pub answer: Answer,
    /// Every check in order.
    pub checks: Vec<Check>,
}

/// Yes, no, or ask somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It may be done.
    Allow,
    /// A person has to agree.
    NeedsApproval {
        /// The deciding check.
        reason: String,
    },
    /// It must not be done.
    Deny {
        /// The deciding check.
        reason: String,
    },
}

/// How one check came out.
enum Outcome {
    Pass(String),
    Ask(String),
    Fail(String),
    /// Fails, unless a person overrides it with a reason.
    FailSoft(String),
}

use Outcome::{Ask, Fail, FailSoft, Pass};

/// Says whether `proposal` may be done in `situation`.
pub fn decide(proposal: &Proposal, situation: &Situation<'_>) -> Decision {
    type CheckFn = fn(&Proposal, &Situation<'_>) -> Outcome;
    let order: &[(&str, CheckFn)] = &[
        ("kill_switch", check_kill_switch),
        ("audit", check_audit),
        ("mode", check_mode),
        ("containment", check_containment),
        ("actor", check_actor),
        ("arguments", check_arguments),
        ("subject", check_subject),
        ("cause", check_cause),
        ("evidence", check_evidence),
        ("preconditions", check_preconditions),
        ("confidence", check_confidence),
        ("restart_rate_r1", check_r1),
        ("restart_gap_r2", check_r2),
        ("budgets", check_budgets),
        ("cooldown", check_cooldown),
        ("breaker_r3", check_r3),
        ("blast_radius", check_blast_radius),
        ("conflict", check_conflict),
        ("approval", check_approval),
    ];
    let overriding = override_of(proposal);
    let mut checks = Vec::with_capacity(order.len());
    let mut denied = None;
    let mut asked = None;
    for (name, check) in order {
        let (passed, detail) = match check(proposal, situation) {
            Pass(detail) => (true, detail),
            FailSoft(detail) if overriding => (true, format!("overridden: {detail}")),
            Ask(detail) => {
                asked.get_or_insert_with(|| format!("{name}: {detail}"));
                (false, detail)
            }
            Fail(detail) | FailSoft(detail) => {
                denied.get_or_insert_with(|| format!("{name}: {detail}"));
                (false, detail)
            }
        };
        checks.push(Check { check: (*name).to_owned(), passed, detail });
    }
    let answer = match (denied, asked) {
        (Some(reason), _) => Answer::Deny { reason },
        (None, Some(reason)) => Answer::NeedsApproval { reason },
        (None, None) => Answer::Allow,
    };
    Decision { answer, checks }
}

/// Why nothing may be changed at the moment; empty when everything is in order.
pub fn containment(
    host: Option<&HostReading>,
    chain_fault: Option<&str>,
    ledger: &[LedgerEntry],
    now: UtcMillis,
) -> Vec<String> {
    let mut reasons = Vec::new();
    let restarts = ledger::recent_restarts(ledger, now);
    if restarts >= ledger::RESTARTS_MAX {
        reasons.push(format!("{restarts} restarts in 60 s"));
    }
    match host {
        None => reasons.push("the state of the machine is not known".to_owned()),
        Some(host) => {
            // Written so that a pressure that is not a number counts as too high.
            let bearable = host.pool_pressure < POOL_PRESSURE_MAX;
            if !bearable {
                reasons.push(format!("process pool at {:.0} %", host.pool_pressure * 100.0));
            }
            let share = f64::from(host.unhealthy) / f64::from(host.running.max(1));
            if host.unhealthy >= UNHEALTHY_MIN && share > UNHEALTHY_SHARE_MAX {
                let (unhealthy, running) = (host.unhealthy, host.running);
                reasons.push(format!("{unhealthy} of {running} channels are unhealthy"));
            }
            let stepped = host.clock_stepped_at.map(|at| now.since(at));
            if stepped.is_some_and(|ago| ago < CLOCK_STEP_HOLD_MS) {
                reasons.push("the clock stepped".to_owned());
            }
        }
    }
    if let Some(fault) = chain_fault {
        reasons.push(format!("the audit log does not verify: {fault}"));
    }
    reasons
}

fn override_of(proposal: &Proposal) -> bool {
    let reason = proposal.override_reason.as_deref().map_or("", str::trim);
    let typed = reason.chars().count() >= REASON_MIN_CHARS;
    typed && matches!(proposal.actor, Actor::Person { .. })
}

/// An unknown tool counts as changing: it is denied anyway, and then for every reason.
fn is_changing(situation: &Situation<'_>) -> bool {
    situation.manifest.is_none_or(|manifest| manifest.risk > RiskClass::Read)
}

fn is_restart(proposal: &Proposal) -> bool {
    proposal.action.tool() == ledger::RESTART
}

fn check_kill_switch(_: &Proposal, situation: &Situation<'_>) -> Outcome {
    match situation.kill_switch {
        Some(false) => Pass("off".into()),
        Some(true) if !is_changing(situation) => Pass("on, but nothing is changed".into()),
        Some(true) => Fail("on".into()),
        None => Fail("not known".into()),
    }
}

fn check_audit(_: &Proposal, situation: &Situation<'_>) -> Outcome {
    match &situation.audit_fault {
        None => Pass("writable".into()),
        Some(fault) => Fail(fault.clone()),
    }
}

fn check_mode(proposal: &Proposal, situation: &Situation<'_>) -> Outcome {
    match &proposal.actor {
        Actor::Person { .. } | Actor::System => return Pass("for the agent only".into()),
        Actor::Agent => {}
    }
    if !is_changing(situation) {
        return Pass("nothing is changed".into());
    }
    match situation.mode {
        ActMode::Act => Pass("act".into()),
        ActMode::Advise => Ask("advise".into()),
        ActMode::Shadow => Fail("shadow: only recorded".into()),
        ActMode::Off => Fail("off".into()),
    }
}

fn check_containment(_: &Proposal, situation: &Situation<'_>) -> Outcome {
    if !is_changing(situation) {
        return Pass("nothing is changed".into());
    }
    // A log that cannot be written is a check of its own, which nobody may override.
    let chain_fault = situation.chain_fault.as_deref();
    let host = situation.host.as_ref();
    let reasons = containment(host, chain_fault, situation.ledger, situation.now);
    if reasons.is_empty() { Pass("none".into()) } else { FailSoft(reasons.join("; ")) }
}

fn check_actor(proposal: &Proposal, situation: &Situation<'_>) -> Outcome {
    let risk = situation.manifest.map_or(RiskClass::Forbidden, |manifest| manifest.risk);
    match &proposal.actor {
        Actor::Agent if proposal.override_reason.is_some() => Fail("agent_override".into()),
        Actor::Agent if risk == RiskClass::Forbidden => Fail("forbidden to the agent".into()),
        Actor::Agent => Pass("agent".into()),
        Actor::System if risk > RiskClass::Visible => Fail("too wide for a job".into()),
        Actor::System => Pass("system".into()),
        Actor::Person { name } if name.trim().is_empty() => Fail("nameless".into()),
        Actor::Person { .. } => Pass("person".into()),
    }
}

fn check_arguments(proposal: &Proposal, situation: &Situation<'_>) -> Outcome {
    let Some(manifest) = situation.manifest else {
        return Fail(format!("unknown tool {}", proposal.action.tool()));
    };
    if manifest.name != proposal.action.tool() {
        return Fail(format!("manifest of {} for {}", manifest.name, proposal.action.tool()));
    }
    let given: Vec<&str> = match &proposal.action {
        Action::RestartChannel { .. } => vec!["channel"],
        Action::SkipItem { .. } => vec!["channel", "media"],
        Action::Escalate | Action::NoOp => vec![],
    };
    let described = |name: &&str| manifest.args.properties.contains_key(*name);
    let complete = manifest.args.required.iter().all(|name| given.contains(&name.as_str()));
    if complete && given.iter().all(described) {
        Pass(format!("{} v{}", manifest.name, manifest.version))
    } else {
        Fail("they do not fit the manifest".into())
    }
}

fn check_subject(proposal: &Proposal, situation: &Situation<'_>) -> Outcome {
    let Some(channel) = proposal.action.channel() else { return Pass("none".into()) };
    match situation.channel_exists {
        Some(true) => Pass(format!("channel {channel}")),
        Some(false) => Fail(format!("channel {channel} does not exist")),
        None => Fail(format!("channel {channel} cannot be looked up")),
    }
}

fn check_cause(proposal: &Proposal, situation: &Situation<'_>) -> Outcome {
    let Some(manifest) = situation.manifest else { return Fail("unknown tool".into()) };
    match proposal.cause {
        Some(cause) if manifest.forbidden_causes.contains(&cause) => {
            Fail(format!("cause_forbids: {cause}"))
        }
        Some(cause) if !is_changing(situation) || manifest.applies_to_causes.contains(&cause) => {
            Pass(cause.code().into())
        }
        Some(cause) => Fail(format!("not for {cause}")),
        None if is_agent(proposal) => Fail("missing".into()),
        None => Pass("a person's or a job's own".into()),
    }
}

fn check_evidence(proposal: &Proposal, situation: &Situation<'_>) -> Outcome {
    let Some(manifest) = situation.manifest else { return Fail("unknown tool".into()) };
    if !is_agent(proposal) {
        return Pass("for the agent only".into());
    }
    let Some(hash) = &proposal.envelope_sha256 else { return Fail("no envelope".into()) };
    if !situation.envelopes.contains(hash) {
        return Fail("the envelope is not on record for this incident".into());
    }
    let needed = &manifest.evidence_required;
    let mut kinds: Vec<&str> = proposal.evidence.iter().map(|e| e.kind.as_str()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    if kinds.len() < needed.min_kinds {
        return Fail(format!("{} kinds of {}", kinds.len(), needed.min_kinds));
    }
    let trusted = |trust: Trust| proposal.evidence.iter().any(|e| e.trust == trust);
    if needed.must_include_trust.is_some_and(|trust| !trusted(trust)) {
        return Fail("nothing measured by ourselves".into());
    }
    let ours = |kind: &String| {
        let measured = |e: &EvidenceKind| e.kind == *kind && e.trust == Trust::System;
        proposal.evidence.iter().any(measured)
    };
    match needed.must_include_kinds.iter().find(|kind| !ours(kind)) {
        Some(kind) => Fail(format!("no {kind} of our own")),
        None => Pass(kinds.join(", ")),
    }
}

fn check_preconditions(proposal: &Proposal, situation: &Situation<'_>) -> Outcome {
    let Some(manifest) = situation.manifest else { return Fail("unknown tool".into()) };
    for precondition in &manifest.preconditions {
        let holds = match precondition {
            Precondition::IncidentOpen if !is_agent(proposal) => true,
            Precondition::IncidentOpen => situation.incident.is_some_and(|incident| {
                Some(incident.id) == proposal.incident && incident.state == IncidentState::Open
            }),
            Precondition::ChannelExists => situation.channel_exists == Some(true),
            Precondition::MediaExists => situation.media_exists == Some(true),
        };
        if !holds {
            return Fail(format!("{precondition:?} does not hold"));
        }
    }
    Pass(format!("{} hold", manifest.preconditions.len()))
}

fn check_confidence(proposal: &Proposal, situation: &Situation<'_>) -> Outcome {
    let Some(manifest) = situation.manifest else { return Fail("unknown tool".into()) };
    if !is_agent(proposal) {
        return Pass("for the agent only".into());
    }
    let (have, need) = (proposal.confidence, manifest.required_confidence);
    // A confidence that is not a number passes neither bound.
    if have >= need && have <= 1.0 {
        Pass(format!("{have:.2} of {need:.2}"))
    } else {
        Fail(format!("{have:.2} of {need:.2}"))
    }
}

fn check_r1(proposal: &Proposal, situation: &Situation<'_>) -> Outcome {
    if !is_restart(proposal) {
        return Pass("no restart".into());
    }
    let restarts = ledger::recent_restarts(situation.ledger, situation.now);
    if restarts < ledger::RESTARTS_MAX {
        Pass(format!("{restarts} of {} in 60 s", ledger::RESTARTS_MAX))
    } else {
        Fail(format!("Restart storm throttle: {restarts} restarts in 60s"))
    }
}

fn check_r2(proposal: &Proposal, situation: &Situation<'_>) -> Outcome {
    let Some(channel) = restarted_channel(proposal) else { return Pass("no restart".into()) };
    match ledger::since_last(situation.ledger, ledger::RESTART, channel, situation.now) {
        Some(ago) if ago < ledger::RESTART_GAP_MS => Fail(format!(
            "Restart cooldown: channel {channel} last restart {}s ago",
            ago.div_euclid(1_000)
        )),
        _ => Pass("30 s since the last restart".into()),
    }
}

fn check_r3(proposal: &Proposal, situation: &Situation<'_>) -> Outcome {
    let Some(channel) = restarted_channel(proposal) else { return Pass("no restart".into()) };
    let breaker = ledger::breaker(situation.ledger, channel, situation.now);
    if breaker.lets_through() {
        return Pass(match breaker {
            Breaker::HalfOpen => "half open: one may try".into(),
            _ => "closed".into(),
        });
    }
    Fail(format!("Circuit breaker OPEN for channel {channel}"))
}

fn check_budgets(proposal: &Proposal, situation: &Situation<'_>) -> Outcome {
    let Some(manifest) = situation.manifest else { return Fail("unknown tool".into()) };
    let (tool, now) = (manifest.name.as_str(), situation.now);
    let channel = proposal.action.channel();
    let global = manifest.limits.global.iter().map(|budget| (budget, None));
    let of_channel = manifest.limits.per_channel.iter().map(|budget| (budget, channel));
    let of_channel = of_channel.filter(|(_, channel)| channel.is_some());
    for (budget, channel) in global.chain(of_channel) {
        let used = ledger::actions(situation.ledger, tool, channel, budget.per.0, now);
        if used >= budget.max {
            let seconds = budget.per.0 / 1_000;
            return FailSoft(format!("{tool} used {used} of {} in {seconds} s", budget.max));
        }
    }
    Pass("left".into())
}

fn check_cooldown(proposal: &Proposal, situation: &Situation<'_>) -> Outcome {
    let Some(manifest) = situation.manifest else { return Fail("unknown tool".into()) };
    let Some(channel) = proposal.action.channel() else { return Pass("no channel".into()) };
    match ledger::since_last(situation.ledger, &manifest.name, channel, situation.now) {
        Some(ago) if ago < manifest.cooldown.0 => {
            FailSoft(format!("{ago} ms of {} ms", manifest.cooldown.0))
        }
        _ => Pass("over".into()),
    }
}

fn check_blast_radius(_: &Proposal, situation: &Situation<'_>) -> Outcome {
    if !is_changing(situation) {
        return Pass("nothing is changed".into());
    }
    let Some(limit) = situation.manifest.and_then(|manifest| manifest.blast_radius) else {
        return Fail("not limited".into());
    };
    match situation.viewers {
        Some(viewers) if viewers <= limit.max_viewers => Pass(format!("{viewers} viewers")),
        Some(viewers) => FailSoft(format!("{viewers} viewers of {}", limit.max_viewers)),
        None => Fail("the number of viewers is not known".into()),
    }
}

fn check_conflict(proposal: &Proposal, situation: &Situation<'_>) -> Outcome {
    if !is_changing(situation) {
        return Pass("nothing is changed".into());
    }
    let from = situation.now.plus_ms(-CONFLICT_MS);
    let recent = situation.ledger.iter().filter(|e| e.risk.is_changing() && e.at > from);
    for entry in recent {
        let same_channel = entry.channel.is_some() && entry.channel == proposal.action.channel();
        if same_channel && entry.outcome.is_none() {
            return Fail(format!("{} is being done on this channel", entry.tool));
        }
        // A3: a second changing action waits until the first one has been judged.
        let same_incident = entry.incident.is_some() && entry.incident == proposal.incident;
        if same_incident && entry.finding.is_none() && entry.actor == "agent" {
            return Fail(format!("{} of this incident is not verified yet", entry.tool));
        }
    }
    Pass("none".into())
}

fn check_approval(proposal: &Proposal, situation: &Situation<'_>) -> Outcome {
    let wide = situation.manifest.is_some_and(|manifest| manifest.risk >= RiskClass::Wide);
    match proposal.actor {
        Actor::Agent if wide => Ask("wide actions need a person".into()),
        Actor::Agent | Actor::Person { .. } | Actor::System => Pass("not needed".into()),
    }
}

fn is_agent(proposal: &Proposal) -> bool {
    matches!(proposal.actor, Actor::Agent)
}

fn restarted_channel(proposal: &Proposal) -> Option<ChannelId> {
    proposal.action.channel().filter(|_| is_restart(proposal))
}

/// The mode that holds for `proposal` under `modes`.
pub fn mode_of(modes: &Modes, proposal: &Proposal) -> ActMode {
    modes.of(proposal.action.tool(), proposal.cause.unwrap_or(Cause::Unknown))
}
