//! What the guard lets through, as a table and as the invariants R1–R3, A3 and A4.

use proptest::prelude::*;

use super::*;
use crate::control::operations::{Action, Actor, EvidenceKind, Trust};
use crate::domain::{
    ChannelId, Finding, IncidentId, IncidentState, LedgerKind, MediaId, RiskClass, Subject,
};

const NOW: UtcMillis = UtcMillis(1_000_000_000);
const HOST: HostReading =
    HostReading { pool_pressure: 0.4, running: 3, unhealthy: 1, clock_stepped_at: None };

fn incident() -> Incident {
    Incident {
        id: IncidentId(7),
        rule: "ENCODER_EXITED".into(),
        subject: Subject::Channel(ChannelId(1)),
        media: Some(MediaId(5)),
        cause: Cause::EncoderExited,
        state: IncidentState::Open,
        opened_at: NOW,
        last_at: NOW,
        resolved_at: None,
        count: 1,
        reopened: 0,
        summary: String::new(),
    }
}

fn proposal(actor: Actor, channel: i64) -> Proposal {
    let kind = |kind: &str| EvidenceKind { kind: kind.into(), trust: Trust::System };
    let agent = actor == Actor::Agent;
    Proposal {
        actor,
        action: Action::RestartChannel { channel: ChannelId(channel) },
        incident: agent.then_some(IncidentId(7)),
        cause: agent.then_some(Cause::EncoderExited),
        envelope_sha256: agent.then(|| "e".into()),
        evidence: vec![kind("process_end"), kind("probe")],
        confidence: 0.9,
        override_reason: None,
    }
}

fn person() -> Actor {
    Actor::Person { name: "anna".into() }
}

/// Decides with everything in order except for what `change` changes.
fn answer(
    proposal: &Proposal,
    ledger: &[LedgerEntry],
    change: impl FnOnce(&mut Situation<'_>),
) -> Decision {
    let tools = Tools::load(None).unwrap();
    let incident = incident();
    let envelopes = ["e".to_owned()];
    let mut situation = Situation {
        manifest: tools.get(proposal.action.tool()),
        kill_switch: Some(false),
        audit_fault: None,
        chain_fault: None,
        mode: mode_of(&Modes::default(), proposal),
        host: Some(HOST),
        channel_exists: Some(true),
        media_exists: Some(true),
        viewers: Some(2),
        incident: Some(&incident),
        envelopes: &envelopes,
        ledger,
        now: NOW,
    };
    change(&mut situation);
    decide(proposal, &situation)
}

/// Checks that the agent's restart is denied for a reason that begins with `reason`.
#[track_caller]
fn check_denied(reason: &str, change: impl FnOnce(&mut Situation<'_>)) {
    check_answer(&proposal(Actor::Agent, 1), reason, change);
}

#[track_caller]
fn check_answer(proposal: &Proposal, reason: &str, change: impl FnOnce(&mut Situation<'_>)) {
    let decision = answer(proposal, &[], change);
    match &decision.answer {
        Answer::Deny { reason: said } => assert!(said.starts_with(reason), "{said}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(decision.checks.len(), 19, "every check is on record");
}

#[test]
fn a_restart_of_a_dead_encoder_passes_every_check() {
    let decision = answer(&proposal(Actor::Agent, 1), &[], |_| {});
    assert_eq!(decision.answer, Answer::Allow);
    assert!(decision.checks.iter().all(|check| check.passed));
    assert_eq!(answer(&proposal(person(), 1), &[], |_| {}).answer, Answer::Allow);
}

#[test]
fn whatever_is_wrong_or_missing_denies() {
    check_denied("kill_switch: on", |s| s.kill_switch = Some(true));
    check_denied("kill_switch: not known", |s| s.kill_switch = None);
    check_denied("audit: disk", |s| s.audit_fault = Some("disk".into()));
    check_denied("containment: the audit log", |s| s.chain_fault = Some("edited".into()));
    check_denied("mode: off", |s| s.mode = ActMode::Off);
    check_denied("mode: shadow", |s| s.mode = ActMode::Shadow);
    check_denied("containment: the state", |s| s.host = None);
    check_denied("containment: process pool at 90 %", |s| {
        s.host = Some(HostReading { pool_pressure: 0.9, ..HOST });
    });
    check_denied("containment: process pool", |s| {
        s.host = Some(HostReading { pool_pressure: f64::NAN, ..HOST });
    });
    check_denied("containment: 4 of 12 channels", |s| {
        s.host = Some(HostReading { running: 12, unhealthy: 4, ..HOST });
    });
    check_denied("containment: the clock stepped", |s| {
        s.host = Some(HostReading { clock_stepped_at: Some(NOW.plus_ms(-59_999)), ..HOST });
    });
    check_denied("actor: forbidden", |s| s.manifest = None);
    check_denied("subject: channel 1 does not exist", |s| s.channel_exists = Some(false));
    check_denied("subject: channel 1 cannot", |s| s.channel_exists = None);
    check_denied("evidence: the envelope", |s| s.envelopes = &[]);
    check_denied("preconditions: IncidentOpen", |s| s.incident = None);
    check_denied("blast_radius: the number", |s| s.viewers = None);
    check_denied("blast_radius: 201 viewers", |s| s.viewers = Some(201));
}

#[test]
fn a_few_unhealthy_channels_are_no_containment() {
    for (running, unhealthy) in [(3, 3), (12, 3), (14, 4)] {
        let host = HostReading { running, unhealthy, ..HOST };
        let decision = answer(&proposal(Actor::Agent, 1), &[], |s| s.host = Some(host));
        assert_eq!(decision.answer, Answer::Allow, "{unhealthy} of {running}");
    }
}

#[test]
fn the_agent_needs_cause_evidence_and_confidence() {
    let good = proposal(Actor::Agent, 1);
    let cause = |cause| Proposal { cause, ..good.clone() };
    check_answer(&cause(Some(Cause::MediaCorrupt)), "mode", |s| s.mode = ActMode::Off);
    check_answer(&cause(Some(Cause::MediaCorrupt)), "cause: cause_forbids", |s| {
        s.mode = ActMode::Act;
    });
    check_answer(&cause(Some(Cause::HwFail)), "cause: not for", |s| s.mode = ActMode::Act);
    check_answer(&cause(None), "cause: missing", |s| s.mode = ActMode::Act);
    let no_envelope = Proposal { envelope_sha256: None, ..good.clone() };
    check_answer(&no_envelope, "evidence: no envelope", |_| {});
    let thin = Proposal { evidence: good.evidence[..1].to_vec(), ..good.clone() };
    check_answer(&thin, "evidence: 1 kinds", |_| {});
    let mut foreign = good.clone();
    foreign.evidence[1].trust = Trust::External;
    check_answer(&foreign, "evidence: no probe of our own", |_| {});
    for confidence in [0.69, 1.1, f64::NAN] {
        check_answer(&Proposal { confidence, ..good.clone() }, "confidence", |_| {});
    }
    let sly = Proposal { override_reason: Some("because I can".into()), ..good };
    check_answer(&sly, "actor: agent_override", |_| {});
}

#[test]
fn advise_asks_a_person() {
    let decision = answer(&proposal(Actor::Agent, 1), &[], |s| s.mode = ActMode::Advise);
    assert_eq!(decision.answer, Answer::NeedsApproval { reason: "mode: advise".into() });
}

#[test]
fn escalating_is_possible_even_in_containment_and_with_the_kill_switch() {
    let escalate = Proposal { action: Action::Escalate, ..proposal(Actor::Agent, 1) };
    let decision = answer(&escalate, &[], |s| {
        s.kill_switch = Some(true);
        s.host = None;
        s.mode = ActMode::Off;
    });
    assert_eq!(decision.answer, Answer::Allow, "{:?}", decision.checks);
}

#[test]
fn a_person_with_a_reason_overrides_containment_and_budgets_only() {
    let reasoned =
        |reason: &str| Proposal { override_reason: Some(reason.into()), ..proposal(person(), 1) };
    let contained = |s: &mut Situation<'_>| s.host = None;
    assert_eq!(answer(&reasoned("the film begins"), &[], contained).answer, Answer::Allow);
    check_answer(&reasoned("because"), "containment", contained);
    check_answer(&proposal(person(), 1), "containment", contained);
    let reasoned = reasoned("the film begins");
    check_answer(&reasoned, "kill_switch", |s| s.kill_switch = Some(true));
    check_answer(&reasoned, "audit", |s| s.audit_fault = Some("full".into()));
    check_answer(&reasoned, "arguments", |s| s.manifest = None);
    let ledger = [restart(1, -29_999)];
    let Answer::Deny { reason } = answer(&reasoned, &ledger, |_| {}).answer else { panic!() };
    assert_eq!(reason, "restart_gap_r2: Restart cooldown: channel 1 last restart 29s ago");
}

#[test]
fn the_eleventh_restart_in_a_minute_is_contained() {
    let mut ledger: Vec<LedgerEntry> = Vec::new();
    for channel in 1..=12 {
        let decision = answer(&proposal(person(), channel), &ledger, |_| {});
        if channel <= 10 {
            assert_eq!(decision.answer, Answer::Allow);
            ledger.push(restart(channel, 0));
        } else {
            let reason = "containment: 10 restarts in 60 s".to_owned();
            assert_eq!(decision.answer, Answer::Deny { reason });
        }
    }
}

#[test]
fn a_second_action_waits_for_the_verdict_on_the_first() {
    let mut first = restart(1, -40_000);
    first.incident = Some(IncidentId(7));
    let skip = Proposal {
        action: Action::SkipItem { channel: ChannelId(1), media: MediaId(5) },
        ..proposal(Actor::Agent, 1)
    };
    let Answer::Deny { reason } = answer(&skip, &[first.clone()], |_| {}).answer else { panic!() };
    assert!(reason.starts_with("conflict: restart_channel of this incident"), "{reason}");
    first.finding = Some(Finding::NotFixed);
    assert_eq!(answer(&skip, &[first.clone()], |_| {}).answer, Answer::Allow);
    first.outcome = None;
    let Answer::Deny { reason } = answer(&skip, &[first], |_| {}).answer else { panic!() };
    assert!(reason.contains("is being done"), "{reason}");
}

fn restart(channel: i64, after_ms: i64) -> LedgerEntry {
    LedgerEntry {
        at: NOW.plus_ms(after_ms),
        kind: LedgerKind::Action,
        tool: "restart_channel".into(),
        risk: RiskClass::Visible,
        actor: "agent".into(),
        channel: Some(ChannelId(channel)),
        media: None,
        incident: None,
        cause: None,
        intent_seq: None,
        outcome: Some("done".into()),
        finding: None,
    }
}

/// A wish to restart a channel, or a failure of one.
#[derive(Debug, Clone)]
struct Wish {
    wait_ms: i64,
    channel: i64,
    actor: Actor,
    reason: bool,
    fails: bool,
}

fn any_wish() -> impl Strategy<Value = Wish> {
    let actor = prop_oneof![Just(Actor::Agent), Just(Actor::System), Just(person())];
    (0_i64..20_000, 1_i64..15, actor, any::<bool>(), prop::bool::weighted(0.3)).prop_map(
        |(wait_ms, channel, actor, reason, fails)| Wish { wait_ms, channel, actor, reason, fails },
    )
}

/// Lets everybody have his wishes one after the other and returns what was permitted.
fn play(wishes: &[Wish]) -> (Vec<LedgerEntry>, Vec<(UtcMillis, ChannelId)>) {
    let mut ledger: Vec<LedgerEntry> = Vec::new();
    let mut permitted = Vec::new();
    let mut now = NOW;
    for wish in wishes {
        now = now.plus_ms(wish.wait_ms);
        let mut entry = restart(wish.channel, now.since(NOW));
        if wish.fails {
            entry.kind = LedgerKind::Failure;
            entry.tool.clear();
            ledger.push(entry);
            continue;
        }
        let mut wanted = proposal(wish.actor.clone(), wish.channel);
        if wish.reason && wish.actor != Actor::Agent {
            wanted.override_reason = Some("I really want to".into());
        }
        if answer(&wanted, &ledger, |s| s.now = now).answer == Answer::Allow {
            ledger.push(entry);
            permitted.push((now, ChannelId(wish.channel)));
        }
    }
    (ledger, permitted)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn r1_no_minute_holds_more_than_ten_restarts(
        wishes in prop::collection::vec(any_wish(), 0..60),
    ) {
        let (_, permitted) = play(&wishes);
        for (start, _) in &permitted {
            let minute = permitted.iter().filter(|(at, _)| (0..60_000).contains(&at.since(*start)));
            prop_assert!(minute.count() <= 10);
        }
    }

    #[test]
    fn r2_two_restarts_of_a_channel_are_thirty_seconds_apart(
        wishes in prop::collection::vec(any_wish(), 0..60),
    ) {
        let (_, permitted) = play(&wishes);
        for (index, (at, channel)) in permitted.iter().enumerate() {
            for (later, other) in &permitted[index + 1..] {
                prop_assert!(other != channel || later.since(*at) >= 30_000);
            }
        }
    }

    #[test]
    fn r3_after_five_failures_in_five_minutes_nothing_passes_for_two(
        wishes in prop::collection::vec(any_wish(), 0..60),
    ) {
        let (ledger, permitted) = play(&wishes);
        for (at, channel) in &permitted {
            let failures: Vec<UtcMillis> = ledger
                .iter()
                .filter(|e| e.kind == LedgerKind::Failure && e.channel == Some(*channel))
                .map(|e| e.at)
                .filter(|failure| failure < at)
                .collect();
            // The first time that five come together must open the breaker for sure.
            let five = failures.windows(5).find(|five| five[4].since(five[0]) < 300_000);
            if let Some(five) = five {
                prop_assert!(*at < five[4] || at.since(five[4]) >= 120_000);
            }
        }
    }

    #[test]
    fn a4_containment_lets_nothing_pass_but_a_person_with_a_reason(
        wish in any_wish(),
        pressure in prop_oneof![Just(f64::NAN), 0.0..2.0_f64],
        running in 0_u32..30,
        unhealthy in 0_u32..30,
        stepped in prop::option::of(0_i64..120_000),
        known in any::<bool>(),
    ) {
        let host = HostReading {
            pool_pressure: pressure,
            running,
            unhealthy,
            clock_stepped_at: stepped.map(|ago| NOW.plus_ms(-ago)),
        };
        let host = known.then_some(host);
        let mut wanted = proposal(wish.actor.clone(), wish.channel);
        if wish.reason {
            wanted.override_reason = Some("I really want to".into());
        }
        let contained = !containment(host.as_ref(), None, &[], NOW).is_empty();
        let allowed = answer(&wanted, &[], |s| s.host = host).answer == Answer::Allow;
        let person = matches!(wish.actor, Actor::Person { .. }) && wish.reason;
        if contained && !person {
            prop_assert!(!allowed);
        }
    }

    #[test]
    fn the_answer_is_allow_only_if_every_check_passed(
        wish in any_wish(),
        kill in prop::option::of(any::<bool>()),
        exists in prop::option::of(any::<bool>()),
        viewers in prop::option::of(0_u32..400),
    ) {
        let wanted = proposal(wish.actor.clone(), wish.channel);
        let decision = answer(&wanted, &[], |s| {
            s.kill_switch = kill;
            s.channel_exists = exists;
            s.viewers = viewers;
        });
        let all = decision.checks.iter().all(|check| check.passed);
        prop_assert_eq!(decision.answer == Answer::Allow, all);
    }
}
