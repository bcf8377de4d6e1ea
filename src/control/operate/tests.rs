//! The whole path from proposal to record, with fake streams.

use std::sync::Mutex;

use serde_json::json;

use super::*;
use crate::control::audit::HEAD_FILE;
use crate::control::operations::{Actor, EvidenceKind, Trust};
use crate::domain::{ConformEnd, ConformJob, PlayState};
use crate::foundation::clock::ManualClock;
use crate::foundation::process::{Command, Finished, ProcessError};
use crate::storage::audit::AuditFilter;

#[derive(Debug, Default)]
struct Fake {
    restarted: Mutex<Vec<ChannelId>>,
    skipped: Mutex<Vec<(ChannelId, MediaId)>>,
}

#[async_trait::async_trait]
impl Streams for Fake {
    fn channel(&self, channel: ChannelId) -> Option<ChannelReading> {
        Some(ChannelReading {
            channel,
            state: PlayState::Media,
            headroom_ms: 7_000,
            viewers: 1,
            media: Some(MediaId(5)),
            job_silent_ms: None,
        })
    }

    fn running(&self) -> Vec<ChannelReading> {
        (1..=12).filter_map(|id| self.channel(ChannelId(id))).collect()
    }

    fn pool_pressure(&self) -> Option<f64> {
        Some(0.5)
    }

    async fn probe_output(&self, _: ChannelId) -> Result<OutputReading, String> {
        Ok(OutputReading { advancing: true, slate: false, cc_errors: 0 })
    }

    async fn restart(&self, channel: ChannelId) -> Result<Value, String> {
        self.restarted.lock().unwrap().push(channel);
        Ok(json!({"ended": true}))
    }
}

#[async_trait::async_trait]
impl Timelines for Fake {
    async fn skip(&self, channel: ChannelId, media: MediaId) -> Result<usize, String> {
        self.skipped.lock().unwrap().push((channel, media));
        Ok(1)
    }

    fn has_channel(&self, channel: ChannelId) -> bool {
        (1..=12).contains(&channel.0)
    }

    fn media(&self, _: MediaId) -> Option<Arc<Media>> {
        None
    }

    fn now_and_next(&self, _: ChannelId, _: UtcMillis) -> Vec<Slot> {
        Vec::new()
    }

    fn channels_with(&self, _: MediaId, _: UtcMillis, _: UtcMillis) -> Vec<ChannelId> {
        vec![ChannelId(3)]
    }
}

#[async_trait::async_trait]
impl Processes for Fake {
    async fn run(&self, _: Command) -> Result<Finished, ProcessError> {
        Err(ProcessError::Refused { reason: "capacity" })
    }
}

/// An operator on a folder, with its fakes and its clock.
struct Bench {
    operator: Arc<Operator>,
    fake: Arc<Fake>,
    clock: Arc<ManualClock>,
    stop: Stop,
}

impl Bench {
    async fn open(folder: &std::path::Path, now: i64) -> Self {
        let (fake, clock) = (Arc::new(Fake::default()), ManualClock::at(now));
        let db = Db::open(&folder.join("test.db")).unwrap();
        let head_file = Some(folder.join(HEAD_FILE));
        let parts = Parts {
            db,
            streams: Arc::<Fake>::clone(&fake),
            timelines: Arc::<Fake>::clone(&fake),
            processes: Arc::<Fake>::clone(&fake),
            ffprobe: "ffprobe".into(),
            clock: Arc::<ManualClock>::clone(&clock),
            settings: Settings { head_file, ..Settings::default() },
        };
        let stop = Stop::new();
        let (_facts, queue) = mpsc::channel(1);
        let operator = Operator::start(parts, queue, &stop).await.unwrap();
        Self { operator, fake, clock, stop }
    }

    /// Ends everything, as `kill` would: nothing is finished, the file is let go.
    async fn end(self) {
        self.stop.drain(Duration::from_secs(5)).await;
        self.operator.parts.db.clone().close().await.unwrap();
    }

    async fn restart(&self, channel: i64) -> Verdict {
        self.operator.propose(person(channel, None)).await.unwrap()
    }

    async fn kinds(&self) -> Vec<RecordKind> {
        let records = self.operator.audit().read(AuditFilter::default()).await.unwrap();
        records.iter().map(|record| record.kind).collect()
    }
}

fn person(channel: i64, reason: Option<&str>) -> Proposal {
    Proposal {
        actor: Actor::Person { name: "anna".into() },
        action: Action::RestartChannel { channel: ChannelId(channel) },
        incident: None,
        cause: None,
        envelope_sha256: None,
        evidence: Vec::new(),
        confidence: 1.0,
        override_reason: reason.map(str::to_owned),
    }
}

fn permit(verdict: Verdict) -> Permit {
    match verdict {
        Verdict::Permit(permit) => permit,
        other => panic!("{other:?}"),
    }
}

fn reason(verdict: Verdict) -> String {
    match verdict {
        Verdict::Denied { reason, .. } | Verdict::NeedsApproval { reason, .. } => reason,
        Verdict::Permit(_) => panic!("it was permitted"),
    }
}

#[tokio::test]
async fn intent_is_on_record_before_the_effect_and_the_outcome_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::open(folder.path(), 1_000_000_000).await;
    let permit = permit(bench.restart(1).await);
    assert_eq!(bench.kinds().await, [RecordKind::Intent]);
    assert!(bench.fake.restarted.lock().unwrap().is_empty());
    let report = bench.operator.run(permit).await.unwrap();
    assert_eq!(report.body["outcome"], "done");
    assert_eq!(*bench.fake.restarted.lock().unwrap(), [ChannelId(1)]);
    assert_eq!(bench.kinds().await, [RecordKind::Intent, RecordKind::Outcome]);
    assert!(bench.operator.audit().status().await.unwrap().is_intact());
}

#[tokio::test]
async fn restarts_of_twelve_channels_stop_at_the_tenth_and_containment_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::open(folder.path(), 1_000_000_000).await;
    for channel in 1..=10 {
        bench.operator.run(permit(bench.restart(channel).await)).await.unwrap();
    }
    for channel in 11..=12 {
        let said = reason(bench.restart(channel).await);
        assert_eq!(said, "containment: 10 restarts in 60 s");
    }
    assert_eq!(bench.fake.restarted.lock().unwrap().len(), 10);
    assert!(bench.kinds().await.contains(&RecordKind::Containment));
    let insisting = person(11, Some("the film begins now"));
    let said = reason(bench.operator.propose(insisting).await.unwrap());
    assert!(said.starts_with("restart_rate_r1"), "{said}");
    bench.clock.advance_ms(60_000);
    permit(bench.restart(11).await);
}

#[tokio::test]
async fn windows_survive_a_restart_of_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::open(folder.path(), 1_000_000_000).await;
    bench.operator.run(permit(bench.restart(1).await)).await.unwrap();
    bench.end().await;
    let bench = Bench::open(folder.path(), 1_000_010_000).await;
    let said = reason(bench.restart(1).await);
    assert_eq!(said, "restart_gap_r2: Restart cooldown: channel 1 last restart 10s ago");
}

#[tokio::test]
async fn what_was_begun_before_a_crash_is_unknown_and_not_done_again() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::open(folder.path(), 1_000_000_000).await;
    let permit = permit(bench.restart(1).await);
    let intent = permit.intent_seq();
    bench.end().await;
    let bench = Bench::open(folder.path(), 1_000_001_000).await;
    let records = bench.operator.audit().read(AuditFilter::default()).await.unwrap();
    assert_eq!(records.len(), 2);
    assert_eq!(records[1].kind, RecordKind::Outcome);
    assert_eq!(records[1].body["outcome"], "outcome_unknown");
    assert_eq!(records[1].body["intent_seq"], intent);
    assert!(bench.fake.restarted.lock().unwrap().is_empty());
    assert!(bench.operator.audit().status().await.unwrap().is_intact());
    bench.end().await;
    let bench = Bench::open(folder.path(), 1_000_002_000).await;
    assert_eq!(bench.kinds().await.len(), 2, "it is settled once");
}

#[tokio::test]
async fn a_permit_that_is_too_old_does_nothing_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::open(folder.path(), 1_000_000_000).await;
    let permit = permit(bench.restart(1).await);
    bench.clock.advance_ms(5_001);
    let error = bench.operator.run(permit).await.unwrap_err();
    assert!(matches!(error, OperationError::Expired { .. }));
    assert!(bench.fake.restarted.lock().unwrap().is_empty());
    assert_eq!(bench.kinds().await, [RecordKind::Intent, RecordKind::Outcome]);
}

#[tokio::test]
async fn the_kill_switch_holds_across_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::open(folder.path(), 1_000_000_000).await;
    bench.operator.set_kill_switch("person:anna", true).await.unwrap();
    bench.end().await;
    let bench = Bench::open(folder.path(), 1_000_001_000).await;
    assert_eq!(reason(bench.restart(1).await), "kill_switch: on");
    bench.operator.set_kill_switch("person:anna", false).await.unwrap();
    permit(bench.restart(1).await);
}

#[tokio::test]
async fn without_a_log_that_can_be_written_nothing_is_permitted() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::open(folder.path(), 1_000_000_000).await;
    bench
        .operator
        .parts
        .db
        .write("break", |t| t.execute_batch("ALTER TABLE audit RENAME TO gone"))
        .await
        .unwrap();
    let error = bench.operator.propose(person(1, None)).await.unwrap_err();
    assert!(matches!(error, OperationError::AuditUnavailable { .. }));
    assert!(bench.fake.restarted.lock().unwrap().is_empty());
}

#[tokio::test]
async fn the_agent_acts_on_an_incident_with_its_envelope_on_record() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::open(folder.path(), 1_000_000_000).await;
    let job = ConformJob { job: 1, media: MediaId(5), channel: Some(ChannelId(1)) };
    let end = ConformEnd::Exited { code: None, signal: Some(9) };
    bench.operator.keeper.take_in(&Fact::ConformEnded { job, end }).await;
    let incident = bench.operator.pending().await.unwrap().remove(0);
    let kind = |kind: &str| EvidenceKind { kind: kind.into(), trust: Trust::System };
    let proposal = Proposal {
        actor: Actor::Agent,
        incident: Some(incident.id),
        cause: Some(Cause::EncoderExited),
        envelope_sha256: Some("abc".into()),
        evidence: vec![kind("process_end"), kind("probe")],
        confidence: 0.9,
        ..person(1, None)
    };
    let said = reason(bench.operator.propose(proposal.clone()).await.unwrap());
    assert!(said.starts_with("evidence: the envelope"), "{said}");
    let envelope = json!({"content_sha256": "abc"});
    bench.operator.record(RecordKind::Envelope, Some(incident.id), envelope).await.unwrap();
    let permit = permit(bench.operator.propose(proposal).await.unwrap());
    let intent = permit.intent_seq();
    bench.operator.run(permit).await.unwrap();
    let verdict = json!({"intent_seq": intent, "finding": "fixed"});
    bench.operator.record(RecordKind::Verdict, Some(incident.id), verdict).await.unwrap();
    let asked = Query::Incident { incident: incident.id };
    let body = bench.operator.ask(asked).await.unwrap().body;
    // The failure of the encoder comes first, then the action.
    assert_eq!(body["actions"][1]["finding"], "fixed");
    assert_eq!(body["actions"][1]["outcome"], "done");
}

#[tokio::test]
async fn the_agent_cannot_write_intents_or_outcomes() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::open(folder.path(), 1_000_000_000).await;
    for kind in [RecordKind::Intent, RecordKind::Outcome, RecordKind::Change] {
        assert!(bench.operator.record(kind, None, json!({})).await.is_err());
    }
    assert!(bench.kinds().await.is_empty());
}
