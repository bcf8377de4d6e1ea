//! The guard: one total function that says whether a proposal may be done. PURE.
//!
//! [`decide`] makes every check in a fixed order and records all of them, not only the first that
//! fails; the first that fails is the reason. A missing datum fails its check: nothing is granted
//! by default. People pass the same function; with a typed reason a person may override budgets
//! and containment, never R1–R4, the kill switch, the audit log or the arguments.
//!
//! Order: kill switch, audit, mode, containment, actor, arguments, subject, cause, evidence,
//! preconditions, confidence, R1, R2, budgets, cool-down, R3, blast radius, conflict, approval.

mod checks;
mod load;
mod manifest;
mod modes;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::ledger;
use super::operations::{Check, Proposal};
use crate::domain::{Cause, Incident, LedgerEntry, UtcMillis};
use checks::Outcome::{Ask, Fail, FailSoft, Pass};

pub use load::{Tools, ToolsError};
pub use manifest::{Manifest, Precondition, Verification};
pub use modes::{ActMode, Modes};

/// Part of the pool in use (work ahead not counted) from which nothing is changed any more.
pub const POOL_PRESSURE_MAX: f64 = 0.9;
/// Share of unhealthy channels above which the fault is not theirs ...
pub const UNHEALTHY_SHARE_MAX: f64 = 0.3;
/// ... if at least so many are unhealthy.
pub const UNHEALTHY_MIN: u32 = 4;
/// How long after a step of the clock nothing is changed.
pub const CLOCK_STEP_HOLD_MS: i64 = 60_000;
/// How long an action without an outcome blocks another one on the same channel.
pub const CONFLICT_MS: i64 = 60_000;
/// Shortest reason that a person may give.
pub const REASON_MIN_CHARS: usize = 8;

/// State of the machine and of all channels together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct HostReading {
    /// Part of the pool in use, work ahead not counted; 0 to 1.
    pub pool_pressure: f64,
    /// Channels that run.
    pub running: u32,
    /// Those of them that are not healthy.
    pub unhealthy: u32,
    /// When the wall clock last stepped.
    pub clock_stepped_at: Option<UtcMillis>,
}

/// What the guard has to know. `None` means "could not be found out" and fails its check.
#[derive(Debug, Clone)]
pub struct Situation<'a> {
    /// The manifest of the proposed tool.
    pub manifest: Option<&'a Manifest>,
    /// Whether a person has stopped the operator.
    pub kill_switch: Option<bool>,
    /// Why the audit log cannot be written, if so.
    pub audit_fault: Option<String>,
    /// Why the chain of the audit log cannot be trusted, if so.
    pub chain_fault: Option<String>,
    /// How far the agent may go with this tool for this cause.
    pub mode: ActMode,
    /// The machine.
    pub host: Option<HostReading>,
    /// Whether the channel of the action exists; meaningless for an action without one.
    pub channel_exists: Option<bool>,
    /// Whether the media of the action exists; meaningless for an action without one.
    pub media_exists: Option<bool>,
    /// Viewers of the channel now.
    pub viewers: Option<u32>,
    /// The incident that is answered.
    pub incident: Option<&'a Incident>,
    /// Hashes of the envelopes on record for that incident.
    pub envelopes: &'a [String],
    /// Entries of the last hour.
    pub ledger: &'a [LedgerEntry],
    /// This moment.
    pub now: UtcMillis,
}

/// What the guard says, with every check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Whether it may be done.
    pub answer: Answer,
    /// Every check in order.
    pub checks: Vec<Check>,
}

/// Yes, no, or ask somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It may be done.
    Allow,
    /// A person has to agree.
    NeedsApproval {
        /// The deciding check.
        reason: String,
    },
    /// It must not be done.
    Deny {
        /// The deciding check.
        reason: String,
    },
}

/// Says whether `proposal` may be done in `situation`.
pub fn decide(proposal: &Proposal, situation: &Situation<'_>) -> Decision {
    let overriding = checks::overrides(proposal);
    let mut made = Vec::with_capacity(checks::ORDER.len());
    let mut denied = None;
    let mut asked = None;
    for (name, check) in checks::ORDER {
        let (passed, detail) = match check(proposal, situation) {
            Pass(detail) => (true, detail),
            FailSoft(detail) if overriding => (true, format!("overridden: {detail}")),
            Ask(detail) => {
                asked.get_or_insert_with(|| format!("{name}: {detail}"));
                (false, detail)
            }
            Fail(detail) | FailSoft(detail) => {
                denied.get_or_insert_with(|| format!("{name}: {detail}"));
                (false, detail)
            }
        };
        made.push(Check { check: (*name).to_owned(), passed, detail });
    }
    let answer = match (denied, asked) {
        (Some(reason), _) => Answer::Deny { reason },
        (None, Some(reason)) => Answer::NeedsApproval { reason },
        (None, None) => Answer::Allow,
    };
    Decision { answer, checks: made }
}

/// Why nothing may be changed at the moment; empty when everything is in order.
pub fn containment(
    host: Option<&HostReading>,
    chain_fault: Option<&str>,
    ledger: &[LedgerEntry],
    now: UtcMillis,
) -> Vec<String> {
    let mut reasons = Vec::new();
    let restarts = ledger::recent_restarts(ledger, now);
    if restarts >= ledger::RESTARTS_MAX {
        reasons.push(format!("{restarts} restarts in 60 s"));
    }
    match host {
        None => reasons.push("the state of the machine is not known".to_owned()),
        Some(host) => {
            // Written so that a pressure that is not a number counts as too high.
            let bearable = host.pool_pressure < POOL_PRESSURE_MAX;
            if !bearable {
                reasons.push(format!("process pool at {:.0} %", host.pool_pressure * 100.0));
            }
            let share = f64::from(host.unhealthy) / f64::from(host.running.max(1));
            if host.unhealthy >= UNHEALTHY_MIN && share > UNHEALTHY_SHARE_MAX {
                let (unhealthy, running) = (host.unhealthy, host.running);
                reasons.push(format!("{unhealthy} of {running} channels are unhealthy"));
            }
            let stepped = host.clock_stepped_at.map(|at| now.since(at));
            if stepped.is_some_and(|ago| ago < CLOCK_STEP_HOLD_MS) {
                reasons.push("the clock stepped".to_owned());
            }
        }
    }
    if let Some(fault) = chain_fault {
        reasons.push(format!("the audit log does not verify: {fault}"));
    }
    reasons
}

/// The mode that holds for `proposal` under `modes`.
pub fn mode_of(modes: &Modes, proposal: &Proposal) -> ActMode {
    modes.of(proposal.action.tool(), proposal.cause.unwrap_or(Cause::Unknown))
}
