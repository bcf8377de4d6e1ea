//! The steps of an episode: what the state machine's commands do.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Agent, IncidentReport, PASSING, PLAN, ask};
use crate::agent::envelope::Envelope;
use crate::agent::fsm::{Choice, Event};
use crate::agent::rules::{self, Known, Next, Plan, Probe};
use crate::agent::verify::{self, Found, Target};
use crate::control::operations::{Action, Actor, OperationError, Permit, Proposal, Query, Verdict};
use crate::domain::{
    Cause, ChannelReading, IncidentId, LedgerEntry, LedgerKind, RecordKind, UtcMillis,
    VerificationPlan,
};

#[derive(Debug, Deserialize)]
struct HistoryReport {
    entries: Vec<LedgerEntry>,
}

/// What an episode collects on its way.
#[derive(Debug)]
pub(super) struct Desk {
    incident: IncidentId,
    plan: Option<Plan>,
    probe: Probe,
    envelope: Option<String>,
    permit: Option<Permit>,
    target: Option<Target>,
    verification: VerificationPlan,
    intent: Option<i64>,
    refusal: Option<String>,
}

impl Desk {
    /// A desk with nothing on it but the incident.
    pub(super) fn new(incident: IncidentId) -> Self {
        Self {
            incident,
            plan: None,
            probe: Probe::NotAsked,
            envelope: None,
            permit: None,
            target: None,
            verification: PLAN,
            intent: None,
            refusal: None,
        }
    }
}

impl Agent {
    /// Whether an action for this incident is on record without a verdict.
    pub(super) async fn was_interrupted(&self, desk: &mut Desk) -> bool {
        let asked = Query::Incident { incident: desk.incident };
        let Ok(report) = ask::<IncidentReport>(self.ops.as_ref(), asked).await else {
            return false;
        };
        let open = report.actions.iter().rev().find(|entry| {
            entry.kind == LedgerKind::Action && entry.risk.is_changing() && entry.finding.is_none()
        });
        let Some((entry, channel)) = open.and_then(|e| Some((e, e.channel?))) else { return false };
        let gone = entry.media.filter(|_| entry.tool == "skip_item");
        desk.intent = entry.intent_seq;
        desk.target = Some(Target { channel, gone, others_unhealthy: 0 });
        true
    }

    /// Finds out everything, records the envelope, plans, records the plan.
    pub(super) async fn plan(&self, desk: &mut Desk, step: u8) -> Result<Event, OperationError> {
        let known = self.find_out(desk).await?;
        let mut plan = rules::plan(&self.matrix, &known);
        self.narrow(&mut plan);
        let envelope = Envelope::seal(step, &known, &plan, &self.menu.sha256);
        let incident = Some(desk.incident);
        self.ops.record(RecordKind::Envelope, incident, envelope.record()).await?;
        let chosen = match &plan.next {
            Next::Observe(query) => json!({"observe": query}),
            Next::Act(action) => json!({"action": action}),
        };
        let body = json!({
            "step": step,
            "planner": "rules",
            "persona": self.persona.id,
            "envelope_sha256": envelope.sha256(),
            "cause": plan.cause().code(),
            "confidence": plan.confidence,
            "why": plan.why,
            "chosen": chosen,
        });
        self.ops.record(RecordKind::Plan, incident, body).await?;
        let choice = match &plan.next {
            Next::Observe(_) => Choice::Observe,
            Next::Act(Action::Escalate) => Choice::Escalate,
            Next::Act(Action::NoOp) => Choice::NoOp,
            Next::Act(Action::RestartChannel { .. } | Action::SkipItem { .. }) => Choice::Act,
        };
        desk.envelope = Some(envelope.sha256().to_owned());
        desk.plan = Some(plan);
        Ok(Event::Planned(choice))
    }

    async fn find_out(&self, desk: &Desk) -> Result<Known, OperationError> {
        let asked = Query::Incident { incident: desk.incident };
        let report: IncidentReport = ask(self.ops.as_ref(), asked).await?;
        let mut actions = report.actions;
        let mut channel = None;
        if let Some(first) = report.channels.first().copied() {
            let asked = Query::History { channel: first };
            let history: HistoryReport = ask(self.ops.as_ref(), asked).await?;
            let new = |entry: &LedgerEntry| !actions.contains(entry);
            let more: Vec<LedgerEntry> = history.entries.into_iter().filter(new).collect();
            actions.extend(more);
            actions.sort_by_key(|entry| entry.at);
            // reason: a state that cannot be read is a thing not known, and nothing to stop for.
            let asked = Query::ChannelState { channel: first };
            channel = ask::<ChannelReading>(self.ops.as_ref(), asked).await.ok();
        }
        Ok(Known {
            incident: report.incident,
            evidence: report.evidence,
            actions,
            channels: report.channels,
            channel,
            probe: desk.probe.clone(),
            now: UtcMillis(self.clock.now_ms()),
        })
    }

    /// Replaces an action that the persona may not name by an escalation.
    fn narrow(&self, plan: &mut Plan) {
        let Next::Act(action) = &plan.next else { return };
        let tool = self.menu.tools.iter().find(|tool| tool.name == action.tool());
        if !tool.is_some_and(|tool| self.persona.may_name(&tool.name, tool.risk)) {
            plan.next = Next::Act(Action::Escalate);
            plan.why = "the persona does not allow the action";
        }
    }

    pub(super) async fn observe(&self, desk: &mut Desk) -> Result<Event, OperationError> {
        let Some(Plan { next: Next::Observe(query), .. }) = &desk.plan else {
            return Ok(Event::Broken);
        };
        desk.probe = match ask(self.ops.as_ref(), query.clone()).await {
            Ok(reading) => Probe::Read(reading),
            Err(error) => {
                tracing::info!(error = %error, "the media could not be probed");
                Probe::Failed
            }
        };
        Ok(Event::Observed)
    }

    pub(super) async fn propose(&self, desk: &mut Desk) -> Result<Event, OperationError> {
        let Some(Plan { next: Next::Act(action), confidence, evidence, causes, .. }) = &desk.plan
        else {
            return Ok(Event::Broken);
        };
        if let Some(channel) = action.channel() {
            let gone = match action {
                Action::SkipItem { media, .. } => Some(*media),
                Action::RestartChannel { .. } | Action::Escalate | Action::NoOp => None,
            };
            let others = verify::others_unhealthy(self.ops.as_ref(), channel).await;
            desk.target = Some(Target { channel, gone, others_unhealthy: others.unwrap_or(0) });
        }
        let proposal = Proposal {
            actor: Actor::Agent,
            action: action.clone(),
            incident: Some(desk.incident),
            cause: Some(causes.first().map_or(Cause::Unknown, |ranked| ranked.cause)),
            envelope_sha256: desk.envelope.clone(),
            evidence: evidence.clone(),
            confidence: *confidence,
            override_reason: None,
        };
        Ok(match self.ops.propose(proposal).await? {
            Verdict::Permit(permit) => {
                desk.intent = Some(permit.intent_seq());
                desk.permit = Some(permit);
                Event::Permitted
            }
            Verdict::NeedsApproval { reason, .. } => {
                desk.refusal = Some(reason);
                Event::NeedsApproval
            }
            Verdict::Denied { reason, .. } => {
                let passing = PASSING.iter().any(|check| reason.starts_with(check));
                desk.refusal = Some(reason);
                Event::Refused { passing }
            }
        })
    }

    pub(super) async fn run(&self, desk: &mut Desk) -> Result<Event, OperationError> {
        let Some(permit) = desk.permit.take() else { return Ok(Event::Broken) };
        match self.ops.run(permit).await {
            Ok(report) => {
                let plan = report.body.get("verification").cloned().unwrap_or(Value::Null);
                desk.verification = serde_json::from_value(plan).unwrap_or(PLAN);
            }
            // It may have had an effect all the same: the verifier finds out.
            Err(OperationError::Failed { what, reason }) => {
                tracing::warn!("{what} failed: {reason}");
            }
            Err(error) => return Err(error),
        }
        Ok(Event::Ran)
    }

    pub(super) async fn verify(&self, desk: &mut Desk) -> Result<Event, OperationError> {
        let (Some(target), Some(intent)) = (desk.target, desk.intent) else {
            return Ok(Event::Broken);
        };
        let Found { finding, healthy_after_ms, numbers } =
            verify::watch(self.ops.as_ref(), target, desk.verification).await;
        let body = json!({
            "intent_seq": intent,
            "finding": finding.code(),
            "healthy_after_ms": healthy_after_ms,
            "numbers": numbers,
        });
        self.ops.record(RecordKind::Verdict, Some(desk.incident), body).await?;
        tracing::info!(
            incident.id = %desk.incident, channel.id = %target.channel,
            "channel {}: the verdict is {}", target.channel, finding.code()
        );
        Ok(Event::Verified(finding))
    }
}
