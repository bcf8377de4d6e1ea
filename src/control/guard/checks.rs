//! The checks of the guard, one function each, in their order. PURE.

use Outcome::{Ask, Fail, FailSoft, Pass};

use super::{ActMode, CONFLICT_MS, Precondition, REASON_MIN_CHARS, Situation, containment};
use crate::control::ledger::{self, Breaker};
use crate::control::operations::{Action, Actor, EvidenceKind, Proposal, Trust};
use crate::domain::{ChannelId, IncidentState, RiskClass};

/// How one check came out.
pub(super) enum Outcome {
    Pass(String),
    Ask(String),
    Fail(String),
    /// Fails, unless a person overrides it with a reason.
    FailSoft(String),
}

/// A check by its function.
type CheckFn = fn(&Proposal, &Situation<'_>) -> Outcome;

/// Every check by name, in the order in which they are made.
pub(super) const ORDER: &[(&str, CheckFn)] = &[
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

/// Whether a person overrides budgets and containment with a reason.
pub(super) fn overrides(proposal: &Proposal) -> bool {
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
