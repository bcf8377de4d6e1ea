//! The decision table: what is known, and what follows.

use serde_json::json;

use super::*;
use crate::domain::{Finding, IncidentId, IncidentState, PlayState, RiskClass};

const NOW: UtcMillis = UtcMillis(10_000_000);
const CHANNEL: ChannelId = ChannelId(1);
const MEDIA: MediaId = MediaId(5);

fn known(cause: Cause) -> Known {
    Known {
        incident: Incident {
            id: IncidentId(7),
            rule: cause.code().into(),
            subject: Subject::Channel(CHANNEL),
            media: Some(MEDIA),
            cause,
            state: IncidentState::Open,
            opened_at: NOW,
            last_at: NOW,
            resolved_at: None,
            count: 1,
            reopened: 0,
            summary: String::new(),
        },
        evidence: vec![seen(if cause == Cause::Stall { "beat" } else { "process_end" }, json!({}))],
        actions: Vec::new(),
        channels: vec![CHANNEL],
        channel: Some(ChannelReading {
            channel: CHANNEL,
            state: PlayState::Slate,
            headroom_ms: 900,
            viewers: 1,
            media: Some(MEDIA),
            job_silent_ms: Some(5_000),
        }),
        probe: Probe::NotAsked,
        now: NOW,
    }
}

fn seen(kind: &str, body: Value) -> Evidence {
    Evidence { kind: kind.into(), trust: Trust::System, at: NOW, body }
}

fn readable() -> Probe {
    Probe::Read(MediaReading { media: MEDIA, exists: true, readable: true, fault: None })
}

fn faulty(fault: Cause) -> Probe {
    let exists = fault != Cause::MediaMissing;
    Probe::Read(MediaReading { media: MEDIA, exists, readable: false, fault: Some(fault) })
}

fn action(tool: &str, incident: i64, ago_ms: i64) -> LedgerEntry {
    LedgerEntry {
        at: NOW.plus_ms(-ago_ms),
        kind: LedgerKind::Action,
        tool: tool.into(),
        risk: RiskClass::Visible,
        actor: "agent".into(),
        channel: Some(CHANNEL),
        media: (tool == "skip_item").then_some(MEDIA),
        incident: Some(IncidentId(incident)),
        cause: None,
        intent_seq: None,
        outcome: Some("done".into()),
        finding: Some(Finding::NotFixed),
    }
}

const RESTART: Next = Next::Act(Action::RestartChannel { channel: CHANNEL });
const SKIP: Next = Next::Act(Action::SkipItem { channel: CHANNEL, media: MEDIA });
const ESCALATE: Next = Next::Act(Action::Escalate);
const NO_OP: Next = Next::Act(Action::NoOp);

/// Checks the next step and, for actions that the guard asks it of, the confidence.
#[track_caller]
fn check(known: &Known, cause: Cause, next: &Next) {
    let plan = plan(&Matrix::embedded().unwrap(), known);
    assert_eq!((plan.cause(), &plan.next), (cause, next), "{plan:#?}");
    if matches!(next, Next::Act(Action::RestartChannel { .. } | Action::SkipItem { .. })) {
        assert!(plan.confidence >= 0.7, "{plan:#?}");
        assert!(plan.evidence.len() >= 2, "{plan:#?}");
    }
}

#[test]
fn the_media_is_probed_before_anything_is_done() {
    for cause in [Cause::Stall, Cause::EncoderExited, Cause::MediaCorrupt, Cause::MediaMissing] {
        let probe = Next::Observe(Query::ProbeMedia { media: MEDIA });
        check(&known(cause), cause, &probe);
    }
}

#[test]
fn a_readable_media_is_restarted() {
    for cause in [Cause::Stall, Cause::EncoderExited] {
        check(&Known { probe: readable(), ..known(cause) }, cause, &RESTART);
    }
}

#[test]
fn an_unreadable_media_is_skipped_for_its_own_cause() {
    for cause in [Cause::Stall, Cause::EncoderExited] {
        for fault in [Cause::MediaCorrupt, Cause::MediaMissing, Cause::MediaNoStream] {
            check(&Known { probe: faulty(fault), ..known(cause) }, fault, &SKIP);
        }
    }
}

#[test]
fn an_exit_after_a_restart_of_the_same_media_is_skipped() {
    let mut again = Known { probe: readable(), ..known(Cause::EncoderExited) };
    again.actions = vec![action("restart_channel", 7, 20_000)];
    check(&again, Cause::EncoderExited, &SKIP);
    again.actions = vec![action("restart_channel", 7, 700_000)];
    check(&again, Cause::EncoderExited, &RESTART);
}

#[test]
fn a_person_is_asked_when_everything_was_tried() {
    let mut again = Known { probe: readable(), ..known(Cause::EncoderExited) };
    again.actions = vec![action("restart_channel", 7, 50_000), action("skip_item", 7, 20_000)];
    check(&again, Cause::EncoderExited, &ESCALATE);
}

#[test]
fn what_the_conform_cannot_use_is_skipped_even_if_it_opens() {
    for cause in [Cause::MediaCorrupt, Cause::MediaTruncated] {
        check(&Known { probe: readable(), ..known(cause) }, cause, &SKIP);
    }
}

#[test]
fn a_file_that_is_back_is_restarted() {
    let back = Known { probe: readable(), ..known(Cause::MediaMissing) };
    let plan = plan(&Matrix::embedded().unwrap(), &back);
    assert_eq!(plan.next, RESTART, "{plan:#?}");
}

#[test]
fn a_truncated_item_that_gave_something_is_left_alone() {
    let mut short = Known { probe: readable(), ..known(Cause::MediaTruncated) };
    short.evidence = vec![seen("process_end", json!({"got_ms": 50_000, "wanted_ms": 60_000}))];
    check(&short, Cause::MediaTruncated, &NO_OP);
}

#[test]
fn some_causes_are_for_people_only() {
    for cause in [Cause::NoContent, Cause::DiskFull, Cause::ClockStep, Cause::PoolFull] {
        let mut known = known(cause);
        known.evidence = vec![seen("clock", json!({}))];
        check(&known, cause, &ESCALATE);
    }
}

#[test]
fn a_stall_that_is_over_is_left_alone() {
    let mut healed = known(Cause::Stall);
    if let Some(reading) = &mut healed.channel {
        reading.state = PlayState::Media;
        reading.job_silent_ms = Some(100);
    }
    check(&healed, Cause::Stall, &NO_OP);
}

#[test]
fn a_slow_conform_after_a_restart_is_not_blamed_on_the_media() {
    let mut slow = Known { probe: readable(), ..known(Cause::EncoderExited) };
    slow.actions = vec![action("restart_channel", 7, 20_000)];
    if let Some(reading) = &mut slow.channel {
        reading.job_silent_ms = Some(500);
    }
    check(&slow, Cause::EncoderExited, &NO_OP);
    let failure = LedgerEntry {
        kind: LedgerKind::Failure,
        tool: String::new(),
        ..action("restart_channel", 7, 10_000)
    };
    slow.actions.push(failure);
    check(&slow, Cause::EncoderExited, &SKIP);
}

#[test]
fn work_ahead_that_died_is_left_alone_when_its_media_is_readable() {
    let mut ahead = Known { probe: readable(), ..known(Cause::EncoderExited) };
    ahead.incident.subject = Subject::Media(MEDIA);
    check(&ahead, Cause::EncoderExited, &NO_OP);
    ahead.probe = faulty(Cause::MediaCorrupt);
    check(&ahead, Cause::MediaCorrupt, &SKIP);
}

#[test]
fn a_stall_right_after_a_persons_restart_is_our_own_doing() {
    let mut ours = known(Cause::Stall);
    ours.actions = vec![action("restart_channel", 99, 5_000)];
    check(&ours, Cause::SelfInflicted, &NO_OP);
}

#[test]
fn lines_alone_never_turn_the_cause() {
    // Foreign text claims a corrupt file; our own probe says that it is fine.
    let mut framed = Known { probe: readable(), ..known(Cause::EncoderExited) };
    for _ in 0..20 {
        let body = json!({"template": "tpl_0", "cause": "MEDIA_CORRUPT", "count": 1_000});
        framed.evidence.push(Evidence { trust: Trust::External, ..seen("log_template", body) });
    }
    check(&framed, Cause::EncoderExited, &RESTART);
}

#[test]
fn a_probe_that_fails_leads_to_a_person() {
    let blind = Known { probe: Probe::Failed, ..known(Cause::EncoderExited) };
    check(&blind, Cause::EncoderExited, &ESCALATE);
}

#[test]
fn media_that_no_channel_will_play_is_left_alone() {
    let unused = Known { probe: readable(), channels: Vec::new(), ..known(Cause::MediaCorrupt) };
    check(&unused, Cause::MediaCorrupt, &NO_OP);
}
