//! From a proposal to a permit, and from an effect to its record.

use std::sync::Arc;

use rusqlite::Transaction;
use serde_json::{Value, json};

use super::{Operator, failed, finding_of};
use crate::control::audit::actor_code;
use crate::control::guard::{self, Answer, Decision, HostReading, Situation};
use crate::control::ledger as counting;
use crate::control::operations::{Action, OperationError, Permit, Proposal, Verdict, hash_action};
use crate::domain::{
    AuditRecord, Cause, IncidentId, LedgerEntry, LedgerKind, RecordKind, RiskClass, UtcMillis,
};
use crate::storage::audit::{self, AuditFilter, Draft};
use crate::storage::{incidents, ledger};

/// Key of the kill switch.
pub(super) const KILL_SWITCH: &str = "kill_switch";
/// Key that remembers whether containment was on record last.
const CONTAINMENT: &str = "containment";
/// How long a permit is good.
const PERMIT_MS: i64 = 5_000;

/// What of the situation is measured before the transaction.
struct Fresh {
    audit_fault: Option<String>,
    chain_fault: Option<String>,
    host: Option<HostReading>,
    channel_exists: Option<bool>,
    media_exists: Option<bool>,
    viewers: Option<u32>,
    now: UtcMillis,
}

/// What an intent says that its effect needs to know.
#[derive(Debug, Clone)]
pub(super) struct Intent {
    pub(super) seq: i64,
    pub(super) actor: String,
    pub(super) incident: Option<IncidentId>,
    pub(super) cause: Option<Cause>,
}

impl Operator {
    /// Decides on a proposal; a permit's intent is committed before this returns.
    pub(super) async fn decide(&self, proposal: Proposal) -> Result<Verdict, OperationError> {
        let fresh = self.measure(&proposal);
        let (tools, modes) = (Arc::clone(&self.tools), self.parts.settings.modes.clone());
        let (asked, now) = (proposal.clone(), fresh.now);
        let written = self.audit.write("decide on a proposal", move |t| {
            let decision = decide_in(t, &asked, &fresh, &tools, &modes)?;
            note_containment(t, &fresh)?;
            let record = write_decision(t, &asked, &decision, &tools, fresh.now)?;
            Ok((Some(record.clone()), (decision, record.seq)))
        });
        let (decision, seq) = written
            .await
            .map_err(|error| OperationError::AuditUnavailable { reason: error.to_string() })?;
        let tool = proposal.action.tool();
        let Decision { answer, checks } = decision;
        Ok(match answer {
            Answer::Allow => {
                tracing::info!(audit.seq = seq, tool, "{tool} is permitted by record {seq}");
                Verdict::Permit(Permit::issue(proposal.action, seq, now.plus_ms(PERMIT_MS)))
            }
            Answer::NeedsApproval { reason } => Verdict::NeedsApproval { checks, reason },
            Answer::Deny { reason } => {
                tracing::warn!(audit.seq = seq, tool, "{tool} is denied: {reason}");
                Verdict::Denied { checks, reason }
            }
        })
    }

    fn measure(&self, proposal: &Proposal) -> Fresh {
        let timelines = &self.parts.timelines;
        let channel = proposal.action.channel();
        let media = match &proposal.action {
            Action::SkipItem { media, .. } => Some(*media),
            Action::RestartChannel { .. } | Action::Escalate | Action::NoOp => None,
        };
        let viewers = |channel| {
            // No task runs for a channel that nobody watches.
            self.parts.streams.channel(channel).map_or(0, |reading| reading.viewers)
        };
        Fresh {
            audit_fault: self.audit.write_fault(),
            chain_fault: self.audit.chain_fault(),
            host: self.host(),
            channel_exists: channel.map(|channel| timelines.has_channel(channel)),
            media_exists: media.map(|media| timelines.media(media).is_some()),
            viewers: Some(channel.map_or(0, viewers)),
            now: self.now(),
        }
    }

    /// Reads back the intent that a permit stands on.
    pub(super) async fn intent(&self, seq: i64) -> Result<Intent, OperationError> {
        let filter = AuditFilter { incident: None, after_seq: seq - 1, limit: 1 };
        let found = self.audit.read(filter).await.map_err(|e| failed("read the intent", &e))?;
        let intent = found.into_iter().find(|r| r.seq == seq && r.kind == RecordKind::Intent);
        let Some(record) = intent else {
            return Err(OperationError::NotFound { what: format!("intent {seq}") });
        };
        let cause = record.body.get("cause").and_then(Value::as_str);
        Ok(Intent {
            seq,
            actor: record.actor,
            incident: record.incident,
            cause: cause.and_then(|code| code.parse().ok()),
        })
    }

    /// Writes what doing an action returned.
    pub(super) async fn record_outcome(
        &self,
        action: &Action,
        intent: &Intent,
        done: &Result<Value, String>,
        took_ms: i64,
    ) -> Result<(), OperationError> {
        let (outcome, detail) = match done {
            Ok(result) => ("done", result.clone()),
            Err(reason) => ("failed", json!({"reason": reason})),
        };
        let draft = Draft {
            at: self.now(),
            kind: RecordKind::Outcome,
            actor: intent.actor.clone(),
            incident: intent.incident,
            body: json!({
                "intent_seq": intent.seq,
                "tool": action.tool(),
                "outcome": outcome,
                "took_ms": took_ms,
                "detail": detail,
            }),
        };
        let seq = intent.seq;
        let written = self.audit.write("record an outcome", move |t| {
            ledger::set_outcome(t, seq, outcome)?;
            Ok((Some(audit::append(t, draft)?), ()))
        });
        written
            .await
            .map_err(|error| OperationError::AuditUnavailable { reason: error.to_string() })
    }

    /// Appends a record of the agent's own: only of the kinds that are its to write.
    pub(super) async fn record_for_agent(
        &self,
        kind: RecordKind,
        incident: Option<IncidentId>,
        body: Value,
    ) -> Result<i64, OperationError> {
        match kind {
            RecordKind::Envelope
            | RecordKind::Plan
            | RecordKind::Verdict
            | RecordKind::Escalated => {}
            RecordKind::Denied
            | RecordKind::Intent
            | RecordKind::Outcome
            | RecordKind::Change
            | RecordKind::Containment => {
                return Err(OperationError::Failed {
                    what: "record".to_owned(),
                    reason: format!("{kind:?} is not the agent's to write"),
                });
            }
        }
        let finding = if kind == RecordKind::Verdict { finding_of(&body) } else { None };
        let draft = Draft { at: self.now(), kind, actor: "agent".to_owned(), incident, body };
        let written = self.audit.write("record for the agent", move |t| {
            if let Some((seq, finding)) = finding {
                ledger::set_finding(t, seq, finding)?;
            }
            let record = audit::append(t, draft)?;
            let seq = record.seq;
            Ok((Some(record), seq))
        });
        written
            .await
            .map_err(|error| OperationError::AuditUnavailable { reason: error.to_string() })
    }
}

/// Reads the stored half of the situation and asks the guard.
fn decide_in(
    t: &Transaction<'_>,
    proposal: &Proposal,
    fresh: &Fresh,
    tools: &guard::Tools,
    modes: &guard::Modes,
) -> rusqlite::Result<Decision> {
    let now = fresh.now;
    let kill_switch = incidents::read_switch(t, KILL_SWITCH)?;
    let found = match proposal.incident {
        Some(id) => incidents::find(t, id)?.map(|(incident, _)| incident),
        None => None,
    };
    let envelopes = match proposal.incident {
        Some(id) => envelopes_of(t, id)?,
        None => Vec::new(),
    };
    let ledger = ledger::since(t, now.plus_ms(-counting::HORIZON_MS))?;
    let situation = Situation {
        manifest: tools.get(proposal.action.tool()),
        kill_switch: match kill_switch.as_deref() {
            None | Some("off") => Some(false),
            Some("on") => Some(true),
            Some(_) => None,
        },
        audit_fault: fresh.audit_fault.clone(),
        chain_fault: fresh.chain_fault.clone(),
        mode: guard::mode_of(modes, proposal),
        host: fresh.host,
        channel_exists: fresh.channel_exists,
        media_exists: fresh.media_exists,
        viewers: fresh.viewers,
        incident: found.as_ref(),
        envelopes: &envelopes,
        ledger: &ledger,
        now,
    };
    Ok(guard::decide(proposal, &situation))
}

fn envelopes_of(t: &Transaction<'_>, id: IncidentId) -> rusqlite::Result<Vec<String>> {
    let filter = AuditFilter { incident: Some(id), after_seq: 0, limit: 10_000 };
    let records = audit::read(t, filter)?.into_iter().filter(|r| r.kind == RecordKind::Envelope);
    let hash = |record: AuditRecord| {
        record.body.get("content_sha256").and_then(Value::as_str).map(str::to_owned)
    };
    Ok(records.filter_map(hash).collect())
}

/// Writes the intent with its ledger entry, or the refusal.
fn write_decision(
    t: &Transaction<'_>,
    proposal: &Proposal,
    decision: &Decision,
    tools: &guard::Tools,
    now: UtcMillis,
) -> rusqlite::Result<AuditRecord> {
    let (kind, reason) = match &decision.answer {
        Answer::Allow => (RecordKind::Intent, Value::Null),
        Answer::NeedsApproval { reason } => (RecordKind::Denied, json!({"needs_approval": reason})),
        Answer::Deny { reason } => (RecordKind::Denied, json!({"denied": reason})),
    };
    let actor = actor_code(&proposal.actor);
    let record = audit::append(
        t,
        Draft {
            at: now,
            kind,
            actor: actor.clone(),
            incident: proposal.incident,
            body: json!({
                "action": proposal.action,
                "action_sha256": hash_action(&proposal.action),
                "cause": proposal.cause.map(Cause::code),
                "confidence": proposal.confidence,
                "envelope_sha256": proposal.envelope_sha256,
                "override_reason": proposal.override_reason,
                "tools_sha256": tools.sha256(),
                "reason": reason,
                "checks": decision.checks,
            }),
        },
    )?;
    if decision.answer == Answer::Allow {
        let risk = tools.get(proposal.action.tool()).map_or(RiskClass::Forbidden, |m| m.risk);
        let media = match &proposal.action {
            Action::SkipItem { media, .. } => Some(*media),
            Action::RestartChannel { .. } | Action::Escalate | Action::NoOp => None,
        };
        let entry = LedgerEntry {
            at: now,
            kind: LedgerKind::Action,
            tool: proposal.action.tool().to_owned(),
            risk,
            actor,
            channel: proposal.action.channel(),
            media,
            incident: proposal.incident,
            cause: proposal.cause,
            intent_seq: Some(record.seq),
            outcome: None,
            finding: None,
        };
        ledger::append(t, &entry)?;
    }
    Ok(record)
}

/// Records that containment began or ended since the last decision.
fn note_containment(t: &Transaction<'_>, fresh: &Fresh) -> rusqlite::Result<()> {
    let ledger = ledger::since(t, fresh.now.plus_ms(-counting::HORIZON_MS))?;
    let chain_fault = fresh.chain_fault.as_deref();
    let reasons = guard::containment(fresh.host.as_ref(), chain_fault, &ledger, fresh.now);
    let before = incidents::read_switch(t, CONTAINMENT)?.is_some_and(|state| state == "on");
    if before != reasons.is_empty() {
        return Ok(());
    }
    incidents::write_switch(t, CONTAINMENT, if before { "off" } else { "on" })?;
    let draft = Draft {
        at: fresh.now,
        kind: RecordKind::Containment,
        actor: "system".to_owned(),
        incident: None,
        body: json!({"contained": !before, "reasons": reasons}),
    };
    audit::append(t, draft).map(|_| ())
}
