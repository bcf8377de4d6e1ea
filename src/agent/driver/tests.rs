//! Whole episodes against a fake product. Time is paused: no test waits.

use serde_json::Value;

use super::*;
use crate::control::operations::{Action, Check, Permit, Proposal, Report, Verdict};
use crate::domain::{
    Cause, ChannelReading, LedgerKind, MediaId, MediaReading, OutputReading, PlayState, UtcMillis,
};
use crate::foundation::clock::ManualClock;

const CHANNEL: ChannelId = ChannelId(1);
const MEDIA: MediaId = MediaId(5);

/// A product with one channel that is ill until the right thing is done.
#[derive(Debug)]
struct Fake {
    world: Mutex<World>,
    clock: Arc<ManualClock>,
}

#[derive(Debug)]
struct World {
    incident: Incident,
    pending: bool,
    readable: bool,
    /// The tool that heals the channel.
    cure: Option<&'static str>,
    healthy: bool,
    /// What the guard answers, first to last; a permit when empty.
    refusals: Vec<&'static str>,
    needs_approval: bool,
    audit_broken: bool,
    proposed: Option<Proposal>,
    actions: Vec<LedgerEntry>,
    records: Vec<(RecordKind, Value)>,
}

impl Fake {
    fn new(cause: Cause, readable: bool, cure: Option<&'static str>) -> Arc<Self> {
        let incident = Incident {
            id: IncidentId(7),
            rule: cause.code().into(),
            subject: Subject::Channel(CHANNEL),
            media: Some(MEDIA),
            cause,
            state: IncidentState::Open,
            opened_at: UtcMillis(1_000_000),
            last_at: UtcMillis(1_000_000),
            resolved_at: None,
            count: 1,
            reopened: 0,
            summary: String::new(),
        };
        let world = World {
            incident,
            pending: true,
            readable,
            cure,
            healthy: false,
            refusals: Vec::new(),
            needs_approval: false,
            audit_broken: false,
            proposed: None,
            actions: Vec::new(),
            records: Vec::new(),
        };
        Arc::new(Self { world: Mutex::new(world), clock: ManualClock::at(1_000_000) })
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// Lets the agent work until nothing is pending, at most five minutes of its time.
    async fn work(self: &Arc<Self>) {
        let stop = Stop::new();
        let (_wake, woken) = watch::channel(0);
        let ops: Arc<dyn Operations> = Arc::<Self>::clone(self);
        let clock: SharedClock = Arc::<ManualClock>::clone(&self.clock);
        start(ops, woken, clock, &stop, Settings::default());
        for _ in 0..300 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if !self.world().pending {
                break;
            }
        }
        assert_eq!(stop.drain(Duration::from_secs(5)).await, 0);
        assert_eq!(stop.panics(), 0);
    }

    fn tools(&self) -> Vec<String> {
        let changing = |entry: &&LedgerEntry| entry.risk.is_changing();
        self.world().actions.iter().filter(changing).map(|entry| entry.tool.clone()).collect()
    }

    fn findings(&self) -> Vec<Option<Finding>> {
        self.world().actions.iter().map(|entry| entry.finding).collect()
    }

    fn kinds(&self) -> Vec<RecordKind> {
        self.world().records.iter().map(|(kind, _)| *kind).collect()
    }

    fn state(&self) -> IncidentState {
        self.world().incident.state
    }
}

#[async_trait::async_trait]
impl Operations for Fake {
    async fn ask(&self, query: Query) -> Result<Report, OperationError> {
        let world = self.world();
        let body = match query {
            Query::Tools => {
                let tool = |name: &str, risk: &str| json!({"name": name, "risk": risk});
                let mut tools = vec![
                    tool("restart_channel", "visible"),
                    tool("skip_item", "visible"),
                    tool("escalate", "read"),
                    tool("no_op", "read"),
                ];
                let read = [
                    "channel_state",
                    "probe_output",
                    "probe_media",
                    "history",
                    "schedule_now",
                    "host",
                ];
                tools.extend(read.map(|name| tool(name, "read")));
                json!({"tools": tools, "sha256": "abc"})
            }
            Query::Incident { .. } => json!({
                "incident": world.incident,
                "evidence": [Evidence {
                    kind: "process_end".into(),
                    trust: crate::domain::Trust::System,
                    at: UtcMillis(1_000_000),
                    body: json!({"signal": 9}),
                }],
                "actions": world.actions,
                "channels": [CHANNEL],
            }),
            Query::History { .. } => json!({"entries": world.actions, "breaker_open": false}),
            Query::ChannelState { .. } => json!(ChannelReading {
                channel: CHANNEL,
                state: if world.healthy { PlayState::Media } else { PlayState::Slate },
                headroom_ms: 5_000,
                viewers: 1,
                media: Some(MediaId(6)),
                job_silent_ms: None,
            }),
            Query::ProbeMedia { media } => json!(MediaReading {
                media,
                exists: true,
                readable: world.readable,
                fault: (!world.readable).then_some(Cause::MediaCorrupt),
            }),
            Query::ProbeOutput { .. } => {
                json!(OutputReading { advancing: true, slate: !world.healthy, cc_errors: 0 })
            }
            Query::Host => json!({"unhealthy_channels": [CHANNEL]}),
            Query::ScheduleNow { .. } | Query::Guard => json!({}),
        };
        Ok(Report { at: UtcMillis(0), body })
    }

    async fn propose(&self, proposal: Proposal) -> Result<Verdict, OperationError> {
        let mut world = self.world();
        let checks = vec![Check { check: "mode".into(), passed: false, detail: "x".into() }];
        if world.needs_approval {
            return Ok(Verdict::NeedsApproval { checks, reason: "mode: advise".into() });
        }
        if !world.refusals.is_empty() {
            let reason = world.refusals.remove(0).to_owned();
            return Ok(Verdict::Denied { checks, reason });
        }
        let seq = i64::try_from(world.actions.len()).unwrap() + 100;
        let media = match &proposal.action {
            Action::SkipItem { media, .. } => Some(*media),
            _ => None,
        };
        world.actions.push(LedgerEntry {
            at: UtcMillis(1_000_000),
            kind: LedgerKind::Action,
            tool: proposal.action.tool().into(),
            risk: match proposal.action {
                Action::Escalate | Action::NoOp => RiskClass::Read,
                _ => RiskClass::Visible,
            },
            actor: "agent".into(),
            channel: proposal.action.channel(),
            media,
            incident: proposal.incident,
            cause: proposal.cause,
            intent_seq: Some(seq),
            outcome: None,
            finding: None,
        });
        let permit = Permit::for_tests(proposal.action.clone(), seq);
        world.proposed = Some(proposal);
        Ok(Verdict::Permit(permit))
    }

    async fn run(&self, permit: Permit) -> Result<Report, OperationError> {
        let mut world = self.world();
        let tool = permit.action().tool();
        world.healthy |= world.cure == Some(tool);
        if let Some(last) = world.actions.last_mut() {
            last.outcome = Some("done".into());
        }
        if tool == "escalate" {
            world.incident.state = IncidentState::Escalated;
            world.pending = false;
        }
        Ok(Report { at: UtcMillis(0), body: json!({"verification": null}) })
    }

    async fn record(
        &self,
        kind: RecordKind,
        _: Option<IncidentId>,
        body: Value,
    ) -> Result<i64, OperationError> {
        let mut world = self.world();
        if world.audit_broken {
            return Err(OperationError::AuditUnavailable { reason: "full".into() });
        }
        if kind == RecordKind::Verdict {
            let finding = body["finding"].as_str().and_then(Finding::from_code);
            if let Some(last) = world.actions.last_mut() {
                last.finding = finding;
            }
        }
        world.records.push((kind, body));
        Ok(1)
    }

    async fn pending(&self) -> Result<Vec<Incident>, OperationError> {
        let world = self.world();
        Ok(if world.pending { vec![world.incident.clone()] } else { Vec::new() })
    }

    async fn settle(&self, _: IncidentId, state: IncidentState) -> Result<(), OperationError> {
        let mut world = self.world();
        world.incident.state = state;
        world.pending = false;
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_encoder_is_restarted_once_and_verified() {
    let fake = Fake::new(Cause::EncoderExited, true, Some("restart_channel"));
    fake.work().await;
    assert_eq!(fake.tools(), ["restart_channel"]);
    assert_eq!(fake.findings(), [Some(Finding::Fixed)]);
    assert_eq!(fake.state(), IncidentState::Resolved);
    let (envelope, plan) = (RecordKind::Envelope, RecordKind::Plan);
    assert_eq!(fake.kinds(), [envelope, plan, envelope, plan, RecordKind::Verdict]);
    let proposed = fake.world().proposed.clone().unwrap();
    let recorded = fake.world().records[2].1["content_sha256"].as_str().map(str::to_owned);
    assert_eq!(proposed.envelope_sha256, recorded, "it was decided on the recorded envelope");
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_item_is_skipped_and_not_restarted() {
    let fake = Fake::new(Cause::EncoderExited, false, Some("skip_item"));
    fake.work().await;
    assert_eq!(fake.tools(), ["skip_item"]);
    assert_eq!(fake.state(), IncidentState::Resolved);
    let proposed = fake.world().proposed.clone().unwrap();
    assert_eq!(proposed.cause, Some(Cause::MediaCorrupt));
}

#[tokio::test(start_paused = true)]
async fn a_restart_that_does_not_help_is_followed_by_a_skip_in_an_episode_of_its_own() {
    let fake = Fake::new(Cause::EncoderExited, true, Some("skip_item"));
    fake.work().await;
    assert_eq!(fake.tools(), ["restart_channel", "skip_item"]);
    assert_eq!(fake.findings(), [Some(Finding::NotFixed), Some(Finding::Fixed)]);
    assert_eq!(fake.state(), IncidentState::Resolved);
}

#[tokio::test(start_paused = true)]
async fn when_nothing_helps_a_person_is_asked() {
    let fake = Fake::new(Cause::EncoderExited, true, None);
    fake.work().await;
    assert_eq!(fake.tools(), ["restart_channel", "skip_item"]);
    assert_eq!(fake.state(), IncidentState::Escalated);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_passes_is_tried_again_later() {
    let fake = Fake::new(Cause::EncoderExited, true, Some("restart_channel"));
    fake.world().refusals = vec!["restart_gap_r2: 9 s", "containment: storm"];
    fake.work().await;
    assert_eq!(fake.tools(), ["restart_channel"]);
    assert_eq!(fake.state(), IncidentState::Resolved);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_does_not_pass_and_a_wish_for_approval_go_to_a_person() {
    for approval in [true, false] {
        let fake = Fake::new(Cause::EncoderExited, true, Some("restart_channel"));
        fake.world().needs_approval = approval;
        fake.world().refusals = vec!["mode: off"];
        fake.work().await;
        assert_eq!(fake.tools(), Vec::<String>::new());
        assert_eq!(fake.state(), IncidentState::Escalated);
        assert_eq!(fake.kinds().last(), Some(&RecordKind::Escalated));
    }
}

#[tokio::test(start_paused = true)]
async fn without_an_audit_log_nothing_is_done() {
    let fake = Fake::new(Cause::EncoderExited, true, Some("restart_channel"));
    fake.world().audit_broken = true;
    fake.work().await;
    assert_eq!(fake.tools(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_cause_for_people_is_escalated_through_the_same_guard() {
    let fake = Fake::new(Cause::NoContent, true, None);
    fake.work().await;
    assert_eq!(fake.tools(), Vec::<String>::new());
    assert_eq!(fake.world().actions[0].tool, "escalate");
    assert_eq!(fake.state(), IncidentState::Escalated);
}

#[tokio::test(start_paused = true)]
async fn what_was_done_before_a_crash_is_verified_and_not_repeated() {
    let fake = Fake::new(Cause::EncoderExited, true, None);
    {
        let mut world = fake.world();
        world.healthy = true;
        world.actions.push(LedgerEntry {
            at: UtcMillis(999_000),
            kind: LedgerKind::Action,
            tool: "restart_channel".into(),
            risk: RiskClass::Visible,
            actor: "agent".into(),
            channel: Some(CHANNEL),
            media: None,
            incident: Some(IncidentId(7)),
            cause: Some(Cause::EncoderExited),
            intent_seq: Some(3),
            outcome: Some("unknown".into()),
            finding: None,
        });
    }
    fake.work().await;
    assert_eq!(fake.tools(), ["restart_channel"], "the one from before");
    assert_eq!(fake.findings(), [Some(Finding::Fixed)]);
    assert_eq!(fake.state(), IncidentState::Resolved);
}
