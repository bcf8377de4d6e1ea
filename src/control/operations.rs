//! The contract between those who want something done and the one place that does it.
//!
//! Three methods over data: [`Operations::ask`], [`Operations::propose`], [`Operations::run`].
//! Acting needs a [`Permit`], which only the guard of this module can issue, which cannot be
//! cloned, and which `run` consumes: a path around the guard does not compile.

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use crate::domain::Trust;
use crate::domain::{Cause, ChannelId, Incident, IncidentId, MediaId, UtcMillis};

/// Who wants something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Actor {
    /// The agent loop.
    Agent,
    /// A person (or a program with a person's key).
    Person {
        /// Name of the key or `local`.
        name: String,
    },
    /// The server itself, such as a scheduled job.
    System,
}

/// A question. Asking changes nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "query", rename_all = "snake_case")]
pub enum Query {
    /// The incident with its evidence.
    Incident {
        /// Which.
        incident: IncidentId,
    },
    /// Measured state of a channel: headroom, slate, job, viewers.
    ChannelState {
        /// Which.
        channel: ChannelId,
    },
    /// What the channel's own output looks like now: decoded, advancing, slate or media.
    ProbeOutput {
        /// Which.
        channel: ChannelId,
    },
    /// Whether a media file can be opened and read now.
    ProbeMedia {
        /// Which.
        media: MediaId,
    },
    /// Restarts, actions and verdicts of late for a channel.
    History {
        /// Which.
        channel: ChannelId,
    },
    /// Pool, memory, descriptors, disk, clock.
    Host,
    /// What is scheduled now and next.
    ScheduleNow {
        /// Which.
        channel: ChannelId,
    },
    /// The guard's own state: containment, budgets left, breakers.
    Guard,
    /// The tools there are, with what they may be used for and how their effect is verified.
    Tools,
}

/// The answer to a [`Query`] or the result of an action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// When it was made.
    pub at: UtcMillis,
    /// What was measured or done, keyed by stable names.
    pub body: Value,
}

/// Something to be done by the operator's tools.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "tool", rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Throw away the channel's running conform and start it again at the point on air.
    RestartChannel {
        /// Which.
        channel: ChannelId,
    },
    /// Take a media item out of the slot on air or to come, and put the next playable in its place.
    SkipItem {
        /// Which channel.
        channel: ChannelId,
        /// The media to be skipped.
        media: MediaId,
    },
    /// Hand the incident to a person.
    Escalate,
    /// Do nothing, on purpose.
    NoOp,
}

impl Action {
    /// The tool's name, the same as its manifest's.
    pub fn tool(&self) -> &'static str {
        match self {
            Self::RestartChannel { .. } => "restart_channel",
            Self::SkipItem { .. } => "skip_item",
            Self::Escalate => "escalate",
            Self::NoOp => "no_op",
        }
    }

    /// The channel whose viewers it touches, if one is.
    pub fn channel(&self) -> Option<ChannelId> {
        match self {
            Self::RestartChannel { channel } | Self::SkipItem { channel, .. } => Some(*channel),
            Self::Escalate | Self::NoOp => None,
        }
    }
}

/// An action with its reasons, as the guard wants to see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    /// Who proposes.
    pub actor: Actor,
    /// What.
    pub action: Action,
    /// The incident it answers; `None` only for people.
    pub incident: Option<IncidentId>,
    /// The cause it is meant for; `None` only for people.
    pub cause: Option<Cause>,
    /// Hash of the envelope it was decided on; `None` only for people.
    pub envelope_sha256: Option<String>,
    /// Kinds of evidence behind it, with their trust class.
    pub evidence: Vec<EvidenceKind>,
    /// 0.0–1.0; people are 1.0.
    pub confidence: f64,
    /// A person's reason for overriding budgets and containment; never honoured for the agent.
    pub override_reason: Option<String>,
}

/// A kind of evidence and whether we measured it ourselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceKind {
    /// Such as `beat`, `log_template`, `probe`, `history`.
    pub kind: String,
    /// `system` (measured by us), `derived` or `external`.
    pub trust: Trust,
}

/// One check of the guard and how it came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// The check's name; the order of checks is fixed.
    pub check: String,
    /// Whether it let the proposal pass.
    pub passed: bool,
    /// Reason code with values, such as `channel_cooldown: 9 s of 30 s`.
    pub detail: String,
}

/// What the guard says.
#[derive(Debug)]
pub enum Verdict {
    /// It may be done once, now.
    Permit(Permit),
    /// A person has to agree first.
    NeedsApproval {
        /// Every check.
        checks: Vec<Check>,
        /// The deciding reason code.
        reason: String,
    },
    /// It must not be done.
    Denied {
        /// Every check.
        checks: Vec<Check>,
        /// The deciding reason code.
        reason: String,
    },
}

/// The right to do one thing once, soon. Cannot be cloned or made outside `control`.
#[derive(Debug)]
pub struct Permit {
    action: Action,
    action_sha256: String,
    intent_seq: i64,
    deadline: UtcMillis,
}

impl Permit {
    /// Issues a permit for `action` whose intent is record `intent_seq` of the audit log.
    pub(in crate::control) fn issue(action: Action, intent_seq: i64, deadline: UtcMillis) -> Self {
        let action_sha256 = hash_action(&action);
        Self { action, action_sha256, intent_seq, deadline }
    }

    /// A permit without a guard, for tests of those who use permits.
    #[cfg(test)]
    pub(crate) fn for_tests(action: Action, intent_seq: i64) -> Self {
        Self::issue(action, intent_seq, UtcMillis(i64::MAX))
    }

    /// What may be done.
    pub fn action(&self) -> &Action {
        &self.action
    }

    /// The audit record that announced it.
    pub fn intent_seq(&self) -> i64 {
        self.intent_seq
    }

    /// Takes the permit apart, if it is still good at `now`.
    pub(in crate::control) fn redeem(
        self,
        now: UtcMillis,
    ) -> Result<(Action, i64), OperationError> {
        if now > self.deadline {
            return Err(OperationError::Expired { deadline: self.deadline });
        }
        if hash_action(&self.action) != self.action_sha256 {
            return Err(OperationError::Tampered);
        }
        Ok((self.action, self.intent_seq))
    }
}

/// SHA-256 of an action's JSON, hex; what a permit is bound to.
pub fn hash_action(action: &Action) -> String {
    let text = serde_json::to_string(action).unwrap_or_else(|e| format!("unserialisable: {e}"));
    crate::foundation::secrets::hash_of(&text)
}

/// Why a query or an action came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum OperationError {
    /// What was asked about does not exist (any more).
    #[error("{what} does not exist")]
    NotFound {
        /// Such as `channel 12`.
        what: String,
    },
    /// The permit came too late.
    #[error("the permit was good until {deadline}")]
    Expired {
        /// When it ended.
        deadline: UtcMillis,
    },
    /// The permit's action is not the one that was permitted.
    #[error("the action is not the one that was permitted")]
    Tampered,
    /// The audit log could not be written, so nothing was done.
    #[error("the audit log cannot be written: {reason}")]
    AuditUnavailable {
        /// Why.
        reason: String,
    },
    /// Doing it failed.
    #[error("{what} failed: {reason}")]
    Failed {
        /// What was tried.
        what: String,
        /// Why.
        reason: String,
    },
}

/// Asking, proposing and doing: all that the agent (and MCP, and the API) can do to the product.
#[async_trait::async_trait]
pub trait Operations: Send + Sync + std::fmt::Debug {
    /// Answers a question without changing anything.
    ///
    /// # Errors
    /// When what is asked about does not exist or cannot be measured.
    async fn ask(&self, query: Query) -> Result<Report, OperationError>;

    /// Puts a proposal before the guard; a permit means the intent is already in the audit log.
    ///
    /// # Errors
    /// Only when the guard could not be asked at all; that is not a permit either.
    async fn propose(&self, proposal: Proposal) -> Result<Verdict, OperationError>;

    /// Does what the permit allows, once, and writes the outcome to the audit log.
    ///
    /// # Errors
    /// When the permit has expired or the act failed; the audit log holds the outcome either way.
    async fn run(&self, permit: Permit) -> Result<Report, OperationError>;

    /// Appends to the audit log on behalf of the agent (envelope, plan, verdict, escalation).
    ///
    /// # Errors
    /// When it cannot be written.
    async fn record(
        &self,
        kind: crate::domain::RecordKind,
        incident: Option<IncidentId>,
        body: Value,
    ) -> Result<i64, OperationError>;

    /// Incidents to be taken up, oldest first: open, with a signal, and not yet handled.
    ///
    /// # Errors
    /// When they cannot be read.
    async fn pending(&self) -> Result<Vec<Incident>, OperationError>;

    /// Marks how an incident stands after the loop.
    ///
    /// # Errors
    /// When it cannot be written.
    async fn settle(
        &self,
        incident: IncidentId,
        state: crate::domain::IncidentState,
    ) -> Result<(), OperationError>;
}
