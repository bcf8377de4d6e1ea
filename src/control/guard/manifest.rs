//! Tool manifests: what a tool may be used for, how often, and how its effect is verified. PURE.
//!
//! A manifest is data that a person can read and make stricter. It can never loosen the ceilings
//! R1–R3, which are code. What a manifest leaves out is refused at loading, not guessed.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer, Serialize};

use crate::control::ledger;
use crate::control::operations::Trust;
use crate::domain::{Cause, RiskClass, VerificationPlan};

/// What code can do; every manifest names one of these, and every one has a manifest.
pub(super) const HANDLERS: &[&str] = &[
    "restart_channel",
    "skip_item",
    "escalate",
    "no_op",
    "channel_state",
    "probe_output",
    "probe_media",
    "history",
    "schedule_now",
    "host",
];

/// A tool's manifest (`ops.tool/1`).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Always `ops.tool/1`.
    pub schema: String,
    /// The tool's name.
    pub name: String,
    /// Counted up with every change of meaning.
    pub version: u32,
    /// A few words for people.
    pub title: String,
    /// What it does and what viewers notice.
    pub description: String,
    /// What it can do to people.
    pub risk: RiskClass,
    /// The code behind it.
    pub handler: String,
    /// Its arguments.
    pub args: Args,
    /// Causes that it may be used for.
    #[serde(default)]
    pub applies_to_causes: BTreeSet<Cause>,
    /// Causes that it must never be used for.
    #[serde(default)]
    pub forbidden_causes: BTreeSet<Cause>,
    /// What must be known before it may be used.
    #[serde(default)]
    pub evidence_required: EvidenceRequired,
    /// How sure the planner must be.
    #[serde(default)]
    pub required_confidence: f64,
    /// What must be true at the moment of the decision.
    #[serde(default)]
    pub preconditions: BTreeSet<Precondition>,
    /// Budgets, stricter than the ceilings.
    #[serde(default)]
    pub limits: Limits,
    /// Between two uses on one channel.
    #[serde(default)]
    pub cooldown: Millis,
    /// How many may be touched.
    pub blast_radius: Option<BlastRadius>,
    /// How long it may take.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// How its effect is verified.
    pub verification: Option<Verification>,
    /// Reverts by itself after this long.
    pub ttl: Option<Millis>,
    /// How it is undone; `none` when there is nothing to undo.
    pub undo: Option<String>,
}

/// Arguments of a tool, as a JSON Schema of the simplest kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// Always `object`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Always `false`.
    #[serde(rename = "additionalProperties")]
    pub additional: bool,
    /// Names that must be given.
    pub required: BTreeSet<String>,
    /// All names there are.
    pub properties: BTreeMap<String, Arg>,
}

/// One argument: the id of a thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arg {
    /// `channel` or `media`.
    #[serde(rename = "x-ref")]
    pub refers_to: String,
}

/// Evidence that an action needs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvidenceRequired {
    /// So many different kinds.
    pub min_kinds: usize,
    /// At least one of this class.
    pub must_include_trust: Option<Trust>,
    /// Kinds that must be among them, measured by ourselves.
    #[serde(default)]
    pub must_include_kinds: BTreeSet<String>,
}

/// A fact that must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precondition {
    /// The incident is still open.
    IncidentOpen,
    /// The channel exists.
    ChannelExists,
    /// The media item exists.
    MediaExists,
}

/// Budgets of a tool.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// For one channel.
    pub per_channel: Vec<Budget>,
    /// Over all channels.
    pub global: Vec<Budget>,
}

/// So many in so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// So many.
    pub max: usize,
    /// In so long.
    pub per: Millis,
}

/// How many may be touched by one use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlastRadius {
    /// Channels.
    pub max_channels: u32,
    /// Viewers.
    pub max_viewers: u32,
}

/// How long a use may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timeouts {
    /// Until it is given up.
    pub execute: Millis,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { execute: Millis(5_000) }
    }
}

/// When and how often the verifier looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verification {
    settle: Millis,
    window: Millis,
    poll: Millis,
    sustain: Millis,
}

/// A length of time, written `500ms`, `30s`, `5m` or `1h`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Millis(pub i64);

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let scale = match &text[digits.len()..] {
            "ms" => Some(1),
            "s" => Some(1_000),
            "m" => Some(60_000),
            "h" => Some(3_600_000),
            _ => None,
        };
        let number: Option<i64> = digits.parse().ok();
        match number.zip(scale).and_then(|(number, scale)| number.checked_mul(scale)) {
            Some(ms) if ms >= 0 => Ok(Self(ms)),
            _ => Err(serde::de::Error::custom(format!(
                "{text:?} is not a length of time such as 500ms, 30s, 5m or 1h"
            ))),
        }
    }
}

impl Manifest {
    /// The verifier's times, for a tool that has an effect to verify.
    pub fn verification_plan(&self) -> Option<VerificationPlan> {
        self.verification.map(|plan| VerificationPlan {
            settle_ms: plan.settle.0,
            window_ms: plan.window.0,
            poll_ms: plan.poll.0,
            sustain_ms: plan.sustain.0,
        })
    }

    /// Everything that is wrong with the manifest; empty when it can be used.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = self.shape_faults();
        if self.risk > RiskClass::Read {
            faults.extend(self.changing_faults());
        }
        if self.handler == ledger::RESTART {
            faults.extend(self.restart_faults());
        }
        faults
    }

    fn shape_faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut refuse = |wrong: bool, what: &str| {
            if wrong {
                faults.push(what.to_owned());
            }
        };
        refuse(self.schema != "ops.tool/1", "schema must be ops.tool/1");
        refuse(!HANDLERS.contains(&self.handler.as_str()), "no code stands behind this handler");
        refuse(self.name != self.handler, "name and handler differ");
        refuse(self.args.kind != "object", "args must be an object");
        refuse(self.args.additional, "args must not allow unknown properties");
        let known = |name: &String| self.args.properties.contains_key(name);
        refuse(!self.args.required.iter().all(known), "a required argument is not described");
        let id = |arg: &Arg| ["channel", "media"].contains(&arg.refers_to.as_str());
        refuse(!self.args.properties.values().all(id), "x-ref must be channel or media");
        refuse(!(0.0..=1.0).contains(&self.required_confidence), "confidence must be 0 to 1");
        let both = self.applies_to_causes.intersection(&self.forbidden_causes).next();
        refuse(both.is_some(), "a cause is both allowed and forbidden");
        refuse(
            self.ttl.is_some() && self.undo.is_none(),
            "a tool with a ttl says how it is undone",
        );
        faults
    }

    fn changing_faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut refuse = |wrong: bool, what: &str| {
            if wrong {
                faults.push(what.to_owned());
            }
        };
        refuse(self.applies_to_causes.is_empty(), "it applies to no cause");
        refuse(self.blast_radius.is_none(), "blast_radius is missing");
        refuse(self.limits.global.is_empty(), "a global limit is missing");
        refuse(self.limits.per_channel.is_empty(), "a limit per channel is missing");
        let too_long = |budget: &&Budget| budget.per.0 > ledger::HORIZON_MS || budget.max == 0;
        let budgets = self.limits.global.iter().chain(&self.limits.per_channel);
        refuse(budgets.clone().any(|b| too_long(&b)), "a limit allows nothing or exceeds one hour");
        refuse(self.evidence_required.min_kinds == 0, "evidence_required is missing");
        refuse(
            self.evidence_required.must_include_trust.is_none(),
            "no class of trust is required",
        );
        let timed = self.verification.is_some_and(|v| {
            v.poll.0 > 0 && v.window.0 >= v.settle.0 + v.sustain.0 && v.sustain.0 >= v.poll.0
        });
        refuse(!timed, "verification is missing or its times do not fit");
        faults
    }

    fn restart_faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.cooldown.0 < ledger::RESTART_GAP_MS {
            faults.push("a manifest may be stricter than R2 (30 s), not looser".to_owned());
        }
        let within_r1 = |budget: &Budget| {
            budget.max <= ledger::RESTARTS_MAX && budget.per.0 >= ledger::RESTARTS_WINDOW_MS
        };
        if !self.limits.global.iter().any(within_r1) {
            faults.push("a manifest may be stricter than R1 (10 in 60 s), not looser".to_owned());
        }
        faults
    }
}
