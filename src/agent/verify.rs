//! The verifier: did it help? Separate code with its own measurements.
//!
//! It polls the channel's state and, at the end, decodes what the channel really sends. An answer
//! that cannot be had is never taken for a good one. [`judge`] is pure; [`watch`] asks.

use std::time::Duration;

use serde_json::{Value, json};

use crate::control::operations::{Operations, Query};
use crate::domain::{
    ChannelId, ChannelReading, Finding, MediaId, OutputReading, PlayState, VerificationPlan,
};

/// Longest wait for the probe of the output.
const PROBE: Duration = Duration::from_secs(20);
/// Unhealthy neighbours more than before that count as harm.
const HARMED: i64 = 2;

/// What the verifier looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// The channel.
    pub channel: ChannelId,
    /// Media that must not be on air any more.
    pub gone: Option<MediaId>,
    /// Channels in trouble besides this one before the act.
    pub others_unhealthy: i64,
}

/// One look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// Milliseconds after the act.
    pub at_ms: i64,
    /// What was seen; `None` when it could not be measured.
    pub seen: Option<Seen>,
}

/// What one look saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Viewers see what they should.
    Healthy,
    /// They do not.
    Unhealthy,
    /// Nobody watches.
    Idle,
}

/// What was found, with the numbers behind it.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The finding.
    pub finding: Finding,
    /// Milliseconds until it was healthy for good, if it was.
    pub healthy_after_ms: Option<i64>,
    /// Every number, for the record.
    pub numbers: Value,
}

/// Reads one look at the channel.
pub fn see(reading: &ChannelReading, target: &Target) -> Seen {
    let gone = target.gone.is_none_or(|media| reading.media != Some(media));
    match reading.state {
        PlayState::Idle => Seen::Idle,
        PlayState::Media | PlayState::Slate if reading.is_healthy() && gone => Seen::Healthy,
        PlayState::Media | PlayState::Slate => Seen::Unhealthy,
    }
}

/// Since when the latest looks are healthy without a break, or `None` when the last is not.
pub fn healthy_since(looks: &[Look]) -> Option<i64> {
    let last_bad = looks.iter().rposition(|look| look.seen != Some(Seen::Healthy));
    looks.get(last_bad.map_or(0, |at| at + 1)).map(|look| look.at_ms)
}

/// Whether it has been healthy for long enough.
pub fn is_sustained(looks: &[Look], plan: &VerificationPlan) -> bool {
    let (Some(since), Some(last)) = (healthy_since(looks), looks.last()) else { return false };
    last.at_ms - since >= plan.sustain_ms
}

/// The finding after all looks, given what the output probe and the neighbours said.
///
/// `output` is `None` when it was not probed or could not be.
pub fn judge(
    looks: &[Look],
    plan: &VerificationPlan,
    output: Option<&OutputReading>,
    others_more: i64,
) -> Finding {
    let count = |seen: Seen| looks.iter().filter(|look| look.seen == Some(seen)).count();
    let (healthy, bad) = (count(Seen::Healthy), count(Seen::Unhealthy));
    if others_more >= HARMED {
        return Finding::Worse;
    }
    if is_sustained(looks, plan) {
        return match output {
            Some(output) if output.advancing && !output.slate => Finding::Fixed,
            Some(_) => Finding::NotFixed,
            None => Finding::Inconclusive,
        };
    }
    if healthy + bad == 0 || healthy + bad < looks.len() / 2 {
        return Finding::Inconclusive;
    }
    if healthy == 0 { Finding::NotFixed } else { Finding::Partial }
}

/// Watches a channel after an act until the finding is clear or the window is over.
pub async fn watch(ops: &dyn Operations, target: Target, plan: VerificationPlan) -> Found {
    let began = tokio::time::Instant::now();
    let elapsed = || i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
    let mut looks: Vec<Look> = Vec::new();
    tokio::time::sleep(millis(plan.settle_ms)).await;
    loop {
        let asked = ops.ask(Query::ChannelState { channel: target.channel }).await;
        let reading = asked.ok().and_then(|report| serde_json::from_value(report.body).ok());
        let seen = reading.map(|reading: ChannelReading| see(&reading, &target));
        looks.push(Look { at_ms: elapsed(), seen });
        if is_sustained(&looks, &plan) || elapsed() >= plan.window_ms {
            break;
        }
        tokio::time::sleep(millis(plan.poll_ms)).await;
    }
    let output = probe_output(ops, &target).await;
    let others = others_unhealthy(ops, target.channel).await;
    let others_more = others.map_or(0, |others| others - target.others_unhealthy);
    let finding = match watched_idle(ops, &looks, &target).await {
        Some(finding) => finding,
        None => judge(&looks, &plan, output.as_ref(), others_more),
    };
    let healthy_after_ms = healthy_since(&looks);
    let numbers = json!({
        "looks": looks.len(),
        "unmeasured": looks.iter().filter(|look| look.seen.is_none()).count(),
        "healthy": looks.iter().filter(|look| look.seen == Some(Seen::Healthy)).count(),
        "healthy_after_ms": healthy_after_ms,
        "watched_ms": elapsed(),
        "output": output,
        "others_more_unhealthy": others_more,
    });
    Found { finding, healthy_after_ms, numbers }
}

/// Nobody watches, so the picture says nothing; but a skip can be seen in the schedule.
async fn watched_idle(ops: &dyn Operations, looks: &[Look], target: &Target) -> Option<Finding> {
    let idle = looks.iter().all(|look| look.seen == Some(Seen::Idle));
    let gone = target.gone.filter(|_| idle && !looks.is_empty())?;
    let asked = ops.ask(Query::ScheduleNow { channel: target.channel }).await;
    let Ok(report) = asked else { return Some(Finding::Inconclusive) };
    let plays = |slot: &str| report.body[slot]["media"].as_i64() == Some(gone.0);
    let slot = report.body["now"].is_object();
    Some(match (slot, plays("now") || plays("next")) {
        (true, false) => Finding::Fixed,
        (true, true) => Finding::NotFixed,
        (false, _) => Finding::Inconclusive,
    })
}

async fn probe_output(ops: &dyn Operations, target: &Target) -> Option<OutputReading> {
    let asked = ops.ask(Query::ProbeOutput { channel: target.channel });
    match tokio::time::timeout(PROBE, asked).await {
        Ok(Ok(report)) => serde_json::from_value(report.body).ok(),
        Ok(Err(error)) => {
            tracing::info!(error = %error, "the output could not be probed");
            None
        }
        Err(_) => {
            tracing::info!("the output could not be probed within {PROBE:?}");
            None
        }
    }
}

/// Channels in trouble besides `channel`, or `None` when it cannot be asked.
pub async fn others_unhealthy(ops: &dyn Operations, channel: ChannelId) -> Option<i64> {
    let host = ops.ask(Query::Host).await.ok()?; // reason: what cannot be asked is not known
    let troubled: Vec<ChannelId> =
        serde_json::from_value(host.body.get("unhealthy_channels")?.clone()).ok()?;
    i64::try_from(troubled.iter().filter(|other| **other != channel).count()).ok()
}

fn millis(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PLAN: VerificationPlan =
        VerificationPlan { settle_ms: 500, window_ms: 30_000, poll_ms: 1_000, sustain_ms: 8_000 };
    const GOOD: OutputReading = OutputReading { advancing: true, slate: false, cc_errors: 0 };

    /// Reads looks a second apart: `h` healthy, `u` unhealthy, `i` idle, `?` not measured.
    fn looks(text: &str) -> Vec<Look> {
        let look = |(at, letter): (usize, char)| Look {
            at_ms: i64::try_from(at).unwrap() * 1_000,
            seen: match letter {
                'h' => Some(Seen::Healthy),
                'u' => Some(Seen::Unhealthy),
                'i' => Some(Seen::Idle),
                _ => None,
            },
        };
        text.chars().enumerate().map(look).collect()
    }

    #[track_caller]
    fn check(text: &str, output: Option<&OutputReading>, expected: Finding) {
        assert_eq!(judge(&looks(text), &PLAN, output, 0), expected, "{text}");
    }

    #[test]
    fn fixed_means_healthy_for_long_enough_and_seen_in_the_output() {
        check("uuhhhhhhhhh", Some(&GOOD), Finding::Fixed);
        check("uuhhhhhhhh", Some(&GOOD), Finding::Partial);
        check("uuhhhhhhhhh", None, Finding::Inconclusive);
        check("uuhhhhhhhhh", Some(&OutputReading { slate: true, ..GOOD }), Finding::NotFixed);
        let frozen = OutputReading { advancing: false, ..GOOD };
        check("uuhhhhhhhhh", Some(&frozen), Finding::NotFixed);
    }

    #[test]
    fn a_relapse_at_the_end_is_partial_and_never_healthy_is_not_fixed() {
        check("uhhhhhhhhhhu", Some(&GOOD), Finding::Partial);
        check("uuuuuuuuu", Some(&GOOD), Finding::NotFixed);
    }

    #[test]
    fn what_cannot_be_measured_is_no_success() {
        check("?????????????", Some(&GOOD), Finding::Inconclusive);
        check("????????hh???", Some(&GOOD), Finding::Inconclusive);
        check("iiiiiiiiiiiii", Some(&GOOD), Finding::Inconclusive);
    }

    #[test]
    fn neighbours_that_fell_ill_make_it_worse() {
        assert_eq!(judge(&looks("uhhhhhhhhhhh"), &PLAN, Some(&GOOD), 2), Finding::Worse);
    }

    #[test]
    fn the_skipped_item_still_on_air_is_not_healthy() {
        let reading = ChannelReading {
            channel: ChannelId(1),
            state: PlayState::Media,
            headroom_ms: 7_000,
            viewers: 1,
            media: Some(MediaId(5)),
            job_silent_ms: None,
        };
        let target = |gone| Target { channel: ChannelId(1), gone, others_unhealthy: 0 };
        assert_eq!(see(&reading, &target(None)), Seen::Healthy);
        assert_eq!(see(&reading, &target(Some(MediaId(5)))), Seen::Unhealthy);
        assert_eq!(see(&reading, &target(Some(MediaId(6)))), Seen::Healthy);
    }

    proptest! {
        #[test]
        fn fixed_is_never_said_of_a_channel_that_ended_unhealthy(text in "[hui?]{0,30}") {
            let finding = judge(&looks(&text), &PLAN, Some(&GOOD), 0);
            if finding == Finding::Fixed {
                prop_assert!(text.ends_with("hhhhhhhhh"));
            }
        }
    }
}
