//! Audit records: what was decided, by whom, and what came of it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{IncidentId, UtcMillis};

/// What an audit record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordKind {
    /// An incident was taken up; holds the envelope and its hash.
    Envelope,
    /// What the planner chose and why.
    Plan,
    /// The guard said no, or asked for approval; holds every check.
    Denied,
    /// The guard said yes; written before anything is done.
    Intent,
    /// What doing it returned.
    Outcome,
    /// What the verifier measured afterwards.
    Verdict,
    /// Handed to a person.
    Escalated,
    /// A person changed something (channel, library, setting).
    Change,
    /// Containment began or ended.
    Containment,
}

/// One record of the chain.
///
/// `hash` is SHA-256 over the canonical JSON of everything else, `prev` included; the first
/// record's `prev` is 64 zeros.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// Place in the chain, from 1, without gaps.
    pub seq: i64,
    /// When it was written.
    pub at: UtcMillis,
    /// What it says.
    pub kind: RecordKind,
    /// Who: `agent`, `person:<key name>`, `system`.
    pub actor: String,
    /// The incident it belongs to.
    pub incident: Option<IncidentId>,
    /// Everything else; never a secret.
    pub body: Value,
    /// Hash of the record before, hex.
    pub prev: String,
    /// Hash of this record, hex.
    pub hash: String,
}
