//! The operator's words: evidence, readings of the product, the ledger, and what an action did.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Cause, ChannelId, IncidentId, MediaId, UtcMillis};

/// How far a piece of evidence can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// Measured by this server.
    System,
    /// Computed from measurements.
    Derived,
    /// Came from outside.
    External,
}

/// One thing seen that speaks for or against a cause. Holds no text from outside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Such as `beat`, `process_end`, `log_template`, `probe`, `history`.
    pub kind: String,
    /// Where it came from.
    pub trust: Trust,
    /// When it was seen.
    pub at: UtcMillis,
    /// Numbers, codes and ids under stable names.
    pub body: Value,
}

/// What a tool can do to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RiskClass {
    /// Changes nothing.
    Read,
    /// Reversible, and no viewer notices.
    Quiet,
    /// The viewers of one channel notice.
    Visible,
    /// Many channels or an outside quota.
    Wide,
    /// Never for the agent.
    Forbidden,
}

impl RiskClass {
    /// Whether it counts as the one changing action of an episode.
    pub fn is_changing(self) -> bool {
        self >= Self::Visible
    }
}

/// What a channel's output is made of at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlayState {
    /// The media that the timeline names.
    Media,
    /// A slate stands in for it.
    Slate,
    /// Nobody watches and no task runs.
    Idle,
}

/// The measured state of a channel, as the operator reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelReading {
    /// Which channel.
    pub channel: ChannelId,
    /// What it shows.
    pub state: PlayState,
    /// Media in the ring beyond what is on air, in milliseconds; negative when late.
    pub headroom_ms: i64,
    /// Viewers now.
    pub viewers: u32,
    /// The media that should be on air.
    pub media: Option<MediaId>,
    /// Milliseconds that the conform it waits for has been silent; `None` when none runs.
    pub job_silent_ms: Option<i64>,
}

impl ChannelReading {
    /// Whether viewers see what they should.
    pub fn is_healthy(&self) -> bool {
        match self.state {
            PlayState::Media => self.headroom_ms >= 0,
            PlayState::Slate => false,
            PlayState::Idle => true,
        }
    }
}

/// Whether a media file can be read now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaReading {
    /// Which media.
    pub media: MediaId,
    /// Whether the file is there.
    pub exists: bool,
    /// Whether it opened as media with a usable stream.
    pub readable: bool,
    /// Why not, as one of our codes; never text from outside.
    pub fault: Option<Cause>,
}

/// What a channel's own output was found to hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputReading {
    /// Whether pictures move on and decode.
    pub advancing: bool,
    /// Whether it is the slate.
    pub slate: bool,
    /// Continuity errors found.
    pub cc_errors: u64,
}

/// What an action brought about, by the verifier's own measurements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// Healthy again, and it stayed so.
    Fixed,
    /// Better, but not healthy all the time.
    Partial,
    /// No better.
    NotFixed,
    /// Worse than before, here or on a neighbour.
    Worse,
    /// It was well before the action could have had an effect.
    SelfHealed,
    /// It could not be measured.
    Inconclusive,
}

impl Finding {
    /// The code used in logs and SQL.
    pub fn code(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Partial => "partial",
            Self::NotFixed => "not_fixed",
            Self::Worse => "worse",
            Self::SelfHealed => "self_healed",
            Self::Inconclusive => "inconclusive",
        }
    }

    /// Reads [`Self::code`].
    pub fn from_code(code: &str) -> Option<Self> {
        let all = [
            Self::Fixed,
            Self::Partial,
            Self::NotFixed,
            Self::Worse,
            Self::SelfHealed,
            Self::Inconclusive,
        ];
        all.into_iter().find(|finding| finding.code() == code)
    }

    /// Whether viewers were served when the verifier looked last.
    pub fn is_good(self) -> bool {
        matches!(self, Self::Fixed | Self::SelfHealed)
    }
}

/// How the effect of a tool is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerificationPlan {
    /// Wait this long before the first look.
    pub settle_ms: i64,
    /// Give up after this long.
    pub window_ms: i64,
    /// Look this often.
    pub poll_ms: i64,
    /// It must stay healthy for this long without a break.
    pub sustain_ms: i64,
}

/// What a ledger entry counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LedgerKind {
    /// An action was permitted (and so is counted, whatever came of it).
    Action,
    /// A channel's conform failed by itself.
    Failure,
}

/// One entry of the ledger, from which every window and budget is counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// When.
    pub at: UtcMillis,
    /// What it counts.
    pub kind: LedgerKind,
    /// The tool of an action; empty for a failure.
    pub tool: String,
    /// Its risk class; `Read` for a failure.
    pub risk: RiskClass,
    /// Who: `agent`, `person:<name>`, `system`.
    pub actor: String,
    /// The channel concerned.
    pub channel: Option<ChannelId>,
    /// The media concerned.
    pub media: Option<MediaId>,
    /// The incident it answers or belongs to.
    pub incident: Option<IncidentId>,
    /// The cause it was meant for, or the failure's.
    pub cause: Option<Cause>,
    /// The audit record that announced it; `None` for a failure.
    pub intent_seq: Option<i64>,
    /// `None` while it runs; `done`, `failed` or `unknown` (the server died in between).
    pub outcome: Option<String>,
    /// What the verifier found.
    pub finding: Option<Finding>,
}
