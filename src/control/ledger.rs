//! Counting the ledger: windows, cool-downs and the breaker. PURE.
//!
//! Every number is computed from the stored entries and the instant of the question, so a restart
//! of the server refills nothing and a decision can be replayed exactly. Entries later than `now`
//! (the clock went back) count as if they were of this moment: that errs on the side of "no".

use crate::domain::{ChannelId, Finding, LedgerEntry, LedgerKind, UtcMillis};

/// The tool that R1, R2 and R3 are about.
pub const RESTART: &str = "restart_channel";
/// R1: so many restarts ...
pub const RESTARTS_MAX: usize = 10;
/// ... in this time, over all channels and actors.
pub const RESTARTS_WINDOW_MS: i64 = 60_000;
/// R2: between two restarts of a channel.
pub const RESTART_GAP_MS: i64 = 30_000;
/// R3: so many failures of a channel ...
pub const BREAKER_FAILURES: usize = 5;
/// ... in this time open its breaker ...
pub const BREAKER_WINDOW_MS: i64 = 300_000;
/// ... for this long.
pub const BREAKER_OPEN_MS: i64 = 120_000;
/// Entries older than this are never asked for.
pub const HORIZON_MS: i64 = 3_600_000;

/// Restarts of any channel by anyone within [`RESTARTS_WINDOW_MS`] before `now`.
pub fn recent_restarts(ledger: &[LedgerEntry], now: UtcMillis) -> usize {
    actions(ledger, RESTART, None, RESTARTS_WINDOW_MS, now)
}

/// Actions with `tool` (on `channel`, if one is given) within `window_ms` before `now`.
pub fn actions(
    ledger: &[LedgerEntry],
    tool: &str,
    channel: Option<ChannelId>,
    window_ms: i64,
    now: UtcMillis,
) -> usize {
    let from = now.plus_ms(-window_ms);
    let counted = |entry: &&LedgerEntry| {
        is_action(entry, tool) && entry.at > from && (channel.is_none() || entry.channel == channel)
    };
    ledger.iter().filter(counted).count()
}

/// Milliseconds since the last action with `tool` on `channel`; negative when the clock went back.
pub fn since_last(
    ledger: &[LedgerEntry],
    tool: &str,
    channel: ChannelId,
    now: UtcMillis,
) -> Option<i64> {
    let of_channel =
        |entry: &&LedgerEntry| is_action(entry, tool) && entry.channel == Some(channel);
    ledger.iter().filter(of_channel).map(|entry| now.since(entry.at)).min()
}

fn is_action(entry: &LedgerEntry, tool: &str) -> bool {
    entry.kind == LedgerKind::Action && entry.tool == tool
}

/// Where a channel's breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breaker {
    /// Restarts pass.
    Closed {
        /// Failures that count at the moment.
        failures: usize,
    },
    /// No restart passes.
    Open {
        /// Until then.
        until: UtcMillis,
    },
    /// One restart may try.
    HalfOpen,
    /// One restart is trying; no other passes.
    Trial {
        /// Without a finding until then, another may try.
        until: UtcMillis,
    },
}

impl Breaker {
    /// Whether a restart may pass.
    pub fn lets_through(self) -> bool {
        match self {
            Self::Closed { .. } | Self::HalfOpen => true,
            Self::Open { .. } | Self::Trial { .. } => false,
        }
    }
}

/// The breaker of `channel` at `now`, replayed from its failures and restarts.
pub fn breaker(ledger: &[LedgerEntry], channel: ChannelId, now: UtcMillis) -> Breaker {
    let mut failures: Vec<UtcMillis> = Vec::new();
    let mut state = Breaker::Closed { failures: 0 };
    let mut events: Vec<&LedgerEntry> =
        ledger.iter().filter(|entry| entry.channel == Some(channel)).collect();
    events.sort_by_key(|entry| entry.at);
    for entry in events {
        state = at(state, entry.at, &mut failures);
        let trips = match entry.kind {
            LedgerKind::Failure => match state {
                Breaker::Closed { .. } => {
                    failures.push(entry.at);
                    failures.len() >= BREAKER_FAILURES
                }
                Breaker::Open { .. } => false,
                Breaker::HalfOpen | Breaker::Trial { .. } => true,
            },
            LedgerKind::Action if entry.tool == RESTART && state == Breaker::HalfOpen => {
                match entry.finding {
                    Some(Finding::Fixed | Finding::SelfHealed) => {
                        failures.clear();
                        state = Breaker::Closed { failures: 0 };
                        false
                    }
                    Some(Finding::NotFixed | Finding::Worse) => true,
                    Some(Finding::Partial | Finding::Inconclusive) | None => {
                        state = Breaker::Trial { until: entry.at.plus_ms(BREAKER_OPEN_MS) };
                        false
                    }
                }
            }
            LedgerKind::Action => false,
        };
        if trips {
            failures.clear();
            state = Breaker::Open { until: entry.at.plus_ms(BREAKER_OPEN_MS) };
        }
    }
    at(state, now, &mut failures)
}

/// What becomes of `state` by the mere passing of time until `now`.
fn at(state: Breaker, now: UtcMillis, failures: &mut Vec<UtcMillis>) -> Breaker {
    match state {
        Breaker::Closed { .. } => {
            failures.retain(|failure| *failure > now.plus_ms(-BREAKER_WINDOW_MS));
            Breaker::Closed { failures: failures.len() }
        }
        Breaker::Open { until } | Breaker::Trial { until } if until <= now => Breaker::HalfOpen,
        Breaker::Open { .. } | Breaker::Trial { .. } | Breaker::HalfOpen => state,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::RiskClass;

    #[test]
    fn five_failures_open_the_breaker_for_two_minutes() {
        check_breaker("f0 f10 f20 f30", 31, Breaker::Closed { failures: 4 });
        let until = UtcMillis(160_000);
        check_breaker("f0 f10 f20 f30 f40", 159, Breaker::Open { until });
        check_breaker("f0 f10 f20 f30 f40", 160, Breaker::HalfOpen);
    }

    #[test]
    fn failures_spread_over_more_than_five_minutes_do_not_open_it() {
        check_breaker("f0 f100 f200 f300 f400", 401, Breaker::Closed { failures: 3 });
    }

    #[test]
    fn half_open_lets_one_through_and_no_second() {
        let until = UtcMillis(290_000);
        check_breaker("f0 f10 f20 f30 f40 r170", 180, Breaker::Trial { until });
        check_breaker("f0 f10 f20 f30 f40 r170", 290, Breaker::HalfOpen);
    }

    #[test]
    fn a_trial_that_is_fixed_closes_it_and_one_that_fails_opens_it_again() {
        check_breaker("f0 f10 f20 f30 f40 g170", 180, Breaker::Closed { failures: 0 });
        let until = UtcMillis(295_000);
        check_breaker("f0 f10 f20 f30 f40 r170 f175", 180, Breaker::Open { until });
    }

    #[test]
    fn the_gap_is_measured_from_the_last_restart_of_that_channel() {
        let ledger = ledger("r10 f15 r20");
        assert_eq!(since_last(&ledger, RESTART, ChannelId(1), UtcMillis(25_000)), Some(5_000));
        assert_eq!(since_last(&ledger, RESTART, ChannelId(2), UtcMillis(25_000)), None);
        assert_eq!(recent_restarts(&ledger, UtcMillis(25_000)), 2);
        assert_eq!(recent_restarts(&ledger, UtcMillis(70_000)), 1);
    }

    /// Replays `events` and checks where the breaker of channel 1 stands at second `now`.
    #[track_caller]
    fn check_breaker(events: &str, now: i64, expected: Breaker) {
        assert_eq!(breaker(&ledger(events), ChannelId(1), UtcMillis(now * 1_000)), expected);
    }

    /// Reads `f<second>` a failure, `r<second>` a restart, `g<second>` a restart that was fixed.
    fn ledger(events: &str) -> Vec<LedgerEntry> {
        let entry = |word: &str| LedgerEntry {
            at: UtcMillis(word[1..].parse::<i64>().unwrap() * 1_000),
            kind: if word.starts_with('f') { LedgerKind::Failure } else { LedgerKind::Action },
            tool: if word.starts_with('f') { String::new() } else { RESTART.into() },
            risk: RiskClass::Visible,
            actor: "agent".into(),
            channel: Some(ChannelId(1)),
            media: None,
            incident: None,
            cause: None,
            intent_seq: None,
            outcome: None,
            finding: word.starts_with('g').then_some(Finding::Fixed),
        };
        events.split_whitespace().map(entry).collect()
    }
}
