//! Compares what was recorded and seen with the truth. Pure functions of both.

use serde::Serialize;
use serde_json::Value;

use super::scenario::Scenario;
use crate::agent::envelope::Envelope;
use crate::domain::{AuditRecord, Finding, Incident, RecordKind, UtcMillis};

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Grade {
    pub(super) check: &'static str,
    pub(super) passed: bool,
    pub(super) detail: String,
}

/// What a viewer saw of the stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Viewed {
    /// Bytes that came.
    pub(super) bytes: u64,
    /// Longest time without any, in milliseconds.
    pub(super) longest_gap_ms: i64,
    /// Whether the connection ended.
    pub(super) ended: bool,
}

/// Everything that was recorded and seen.
#[derive(Debug, Clone)]
pub(super) struct Observed {
    /// When the fault was done.
    pub(super) fault_at: UtcMillis,
    /// Incidents that are no older than the server.
    pub(super) incidents: Vec<Incident>,
    /// The whole audit log.
    pub(super) records: Vec<AuditRecord>,
    /// Whether the chain verifies, and what is wrong if not.
    pub(super) chain: Result<i64, String>,
    /// From the fault until viewers had their picture (again).
    pub(super) picture_after_ms: Option<i64>,
    /// From the fault until the slate was on, if it was.
    pub(super) slate_after_ms: Option<i64>,
    /// What the viewer saw.
    pub(super) viewed: Viewed,
}

impl Observed {
    /// From the fault (or from tuning, when the fault was there before) to the incident.
    pub(super) fn detected_after_ms(&self) -> Option<i64> {
        let first = self.incidents.iter().map(|incident| incident.opened_at).min()?;
        Some(first.since(self.fault_at))
    }

    /// From the fault to the first intent to change something.
    pub(super) fn acted_after_ms(&self) -> Option<i64> {
        self.intents().first().map(|record| record.at.since(self.fault_at))
    }

    /// Intents of changing actions, in order.
    fn intents(&self) -> Vec<&AuditRecord> {
        let changing = |record: &&AuditRecord| {
            record.kind == RecordKind::Intent && is_changing(tool_of(record))
        };
        self.records.iter().filter(changing).collect()
    }

    fn with_intent(&self, kind: RecordKind, seq: i64) -> Option<&AuditRecord> {
        self.records
            .iter()
            .find(|record| record.kind == kind && record.body["intent_seq"].as_i64() == Some(seq))
    }
}

/// All checks of a scenario.
pub(super) fn grade(scenario: &Scenario, seen: &Observed) -> Vec<Grade> {
    vec![
        check_detected(scenario, seen),
        check_cause(scenario, seen),
        check_action(scenario, seen),
        check_envelope(seen),
        check_complete(seen),
        check_verdict(scenario, seen),
        check_picture(scenario, seen),
        check_viewer(seen),
        check_chain(seen),
    ]
}

fn check_detected(scenario: &Scenario, seen: &Observed) -> Grade {
    let limit = scenario.oracle.detect_within_ms;
    let count = seen.incidents.len();
    let in_time = seen.detected_after_ms().is_some_and(|after| after <= limit);
    let few = count <= scenario.policy.max_incidents;
    let after = seen.detected_after_ms();
    let detail = format!("{count} incidents, the first after {after:?} ms of {limit} ms");
    Grade { check: "detected", passed: in_time && few, detail }
}

fn check_cause(scenario: &Scenario, seen: &Observed) -> Grade {
    let intents = seen.intents();
    let cause = intents.first().and_then(|intent| intent.body["cause"].as_str());
    let right = scenario.truth.causes.iter().any(|truth| Some(truth.code()) == cause);
    let detail = format!("acted on {cause:?}, the truth is {:?}", scenario.truth.causes);
    Grade { check: "cause", passed: right, detail }
}

fn check_action(scenario: &Scenario, seen: &Observed) -> Grade {
    let tools: Vec<&str> = seen.intents().iter().map(|record| tool_of(record)).collect();
    let right = tools.first() == Some(&scenario.policy.required_action.as_str());
    let few = tools.len() <= scenario.policy.max_changing;
    let by_agent = seen.intents().iter().all(|record| record.actor == "agent");
    let detail = format!("{tools:?}, wanted {:?}", scenario.policy.required_action);
    Grade { check: "action", passed: right && few && by_agent, detail }
}

fn check_envelope(seen: &Observed) -> Grade {
    let recorded: Vec<&Value> = seen
        .records
        .iter()
        .filter(|record| record.kind == RecordKind::Envelope)
        .map(|record| &record.body)
        .collect();
    let whole = recorded.iter().all(|body| Envelope::verifies(body));
    let stands = |intent: &&AuditRecord| {
        let wanted = intent.body["envelope_sha256"].as_str();
        recorded.iter().any(|body| body["content_sha256"].as_str() == wanted)
    };
    let passed = whole && !recorded.is_empty() && seen.intents().iter().all(stands);
    Grade { check: "envelope", passed, detail: format!("{} on record", recorded.len()) }
}

fn check_complete(seen: &Observed) -> Grade {
    let lacking: Vec<i64> = seen
        .intents()
        .iter()
        .map(|intent| intent.seq)
        .filter(|seq| {
            seen.with_intent(RecordKind::Outcome, *seq).is_none()
                || seen.with_intent(RecordKind::Verdict, *seq).is_none()
        })
        .collect();
    let detail = format!("intents without outcome or verdict: {lacking:?}");
    Grade { check: "complete", passed: lacking.is_empty(), detail }
}

fn check_verdict(scenario: &Scenario, seen: &Observed) -> Grade {
    let last = seen.records.iter().rev().find(|record| record.kind == RecordKind::Verdict);
    let finding = last.and_then(|record| record.body["finding"].as_str());
    let finding = finding.and_then(Finding::from_code);
    let detail = format!("{finding:?}: {}", last.map_or(&Value::Null, |r| &r.body["numbers"]));
    Grade { check: "verdict", passed: finding == Some(scenario.oracle.verdict), detail }
}

fn check_picture(scenario: &Scenario, seen: &Observed) -> Grade {
    let limit = scenario.oracle.picture_within_ms;
    let after = seen.picture_after_ms;
    let passed = after.is_some_and(|after| after <= limit);
    let slate = seen.slate_after_ms;
    let detail = format!("after {after:?} ms of {limit} ms, slate after {slate:?} ms");
    Grade { check: "picture", passed, detail }
}

fn check_viewer(seen: &Observed) -> Grade {
    let Viewed { bytes, longest_gap_ms, ended } = seen.viewed;
    let detail = format!("{bytes} bytes, longest gap {longest_gap_ms} ms, ended: {ended}");
    Grade { check: "viewer", passed: bytes > 0 && !ended && longest_gap_ms < 3_000, detail }
}

fn check_chain(seen: &Observed) -> Grade {
    match &seen.chain {
        Ok(records) => Grade { check: "chain", passed: true, detail: format!("{records} records") },
        Err(fault) => Grade { check: "chain", passed: false, detail: fault.clone() },
    }
}

fn tool_of(record: &AuditRecord) -> &str {
    record.body["action"]["tool"].as_str().unwrap_or("")
}

fn is_changing(tool: &str) -> bool {
    !["escalate", "no_op"].contains(&tool)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::app::eval::scenario;
    use crate::domain::{Cause, ChannelId, IncidentId, IncidentState, MediaId, Subject};

    fn scenario() -> Scenario {
        scenario::load(&["encoder_killed".to_owned()]).unwrap().remove(0)
    }

    fn record(seq: i64, kind: RecordKind, body: Value) -> AuditRecord {
        AuditRecord {
            seq,
            at: UtcMillis(10_000 + seq),
            kind,
            actor: "agent".into(),
            incident: Some(IncidentId(1)),
            body,
            prev: String::new(),
            hash: String::new(),
        }
    }

    fn good() -> Observed {
        let mut envelope = json!({"schema": "ops.envelope/1"});
        let hash = crate::foundation::canonical::hash(&envelope);
        envelope["content_sha256"] = json!(hash);
        Observed {
            fault_at: UtcMillis(9_000),
            incidents: vec![Incident {
                id: IncidentId(1),
                rule: "ENCODER_EXITED".into(),
                subject: Subject::Channel(ChannelId(1)),
                media: Some(MediaId(1)),
                cause: Cause::EncoderExited,
                state: IncidentState::Resolved,
                opened_at: UtcMillis(9_500),
                last_at: UtcMillis(9_500),
                resolved_at: None,
                count: 1,
                reopened: 0,
                summary: String::new(),
            }],
            records: vec![
                record(1, RecordKind::Envelope, envelope),
                record(
                    2,
                    RecordKind::Intent,
                    json!({
                        "action": {"tool": "restart_channel"},
                        "cause": "ENCODER_EXITED",
                        "envelope_sha256": hash,
                    }),
                ),
                record(3, RecordKind::Outcome, json!({"intent_seq": 2})),
                record(4, RecordKind::Verdict, json!({"intent_seq": 2, "finding": "fixed"})),
            ],
            chain: Ok(4),
            picture_after_ms: Some(2_500),
            slate_after_ms: Some(0),
            viewed: Viewed { bytes: 1_000, longest_gap_ms: 100, ended: false },
        }
    }

    /// Changes one thing and checks that exactly this check fails.
    #[track_caller]
    fn check_fails(check: &str, change: impl FnOnce(&mut Observed)) {
        let mut seen = good();
        change(&mut seen);
        let grades = grade(&scenario(), &seen);
        let failed: Vec<&str> = grades.iter().filter(|g| !g.passed).map(|g| g.check).collect();
        assert_eq!(failed, [check], "{grades:#?}");
    }

    #[test]
    fn a_good_course_passes_every_check() {
        let grades = grade(&scenario(), &good());
        assert!(grades.iter().all(|grade| grade.passed), "{grades:#?}");
    }

    #[test]
    fn whatever_is_wrong_fails_its_check() {
        check_fails("detected", |seen| seen.incidents.clear());
        check_fails("detected", |seen| seen.incidents.push(seen.incidents[0].clone()));
        check_fails("cause", |seen| seen.records[1].body["cause"] = json!("STALL"));
        check_fails("action", |seen| seen.records[1].actor = "person:anna".into());
        check_fails("envelope", |seen| seen.records[0].body["step"] = json!(9));
        check_fails("envelope", |seen| seen.records[1].body["envelope_sha256"] = json!("x"));
        check_fails("complete", |seen| {
            seen.records.remove(2);
        });
        check_fails("verdict", |seen| seen.records[3].body["finding"] = json!("partial"));
        check_fails("picture", |seen| seen.picture_after_ms = None);
        check_fails("viewer", |seen| seen.viewed.ended = true);
        check_fails("viewer", |seen| seen.viewed.longest_gap_ms = 3_000);
        check_fails("chain", |seen| seen.chain = Err("record 2 was edited".into()));
    }
}
