//! The hash chain itself: linking a record, and finding out whether a chain was touched.
//!
//! What it shows: an edit, a deletion, an insertion or a reordering anywhere in the chain, and a
//! cut tail as long as the head was not rewritten as well. What it cannot show: whoever may write
//! the database file and the head can forge the whole chain from any point on. Against that only
//! a copy of the head somewhere else helps (`audit-head` beside the database is the first such
//! place, not a different trust domain).

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Draft;
use crate::domain::AuditRecord;
use crate::foundation::canonical;

/// Where a chain ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Place of the last record.
    pub seq: i64,
    /// Its hash, hex.
    pub hash: String,
}

/// What is wrong with a chain; the first fault found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum ChainFault {
    /// A record does not have the hash it claims.
    Edited {
        /// Where.
        seq: i64,
    },
    /// A record does not follow the one before it: something was taken out, put in or moved.
    Broken {
        /// Where.
        seq: i64,
    },
    /// Records are missing at the end.
    TailCut {
        /// The last record there is.
        have: i64,
        /// The last record there was.
        head: i64,
    },
    /// The last record is not the one that the head names.
    HeadDiffers {
        /// Where.
        seq: i64,
    },
}

impl std::fmt::Display for ChainFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Edited { seq } => write!(f, "record {seq} was edited"),
            Self::Broken { seq } => write!(f, "record {seq} does not follow the one before it"),
            Self::TailCut { have, head } => {
                write!(f, "the chain ends at record {have} and once ended at {head}")
            }
            Self::HeadDiffers { seq } => {
                write!(f, "the last record, {seq}, is not the one that was written last")
            }
        }
    }
}

/// Whether a chain is whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainStatus {
    /// Records looked at.
    pub records: i64,
    /// Hash of the last record, hex; 64 zeros for an empty chain.
    pub head: String,
    /// The first fault, or `None` when the chain is whole.
    pub fault: Option<ChainFault>,
}

impl ChainStatus {
    /// A whole chain of `records` that ends in `head`.
    pub fn intact(records: i64, head: String) -> Self {
        Self { records, head, fault: None }
    }

    /// Whether no fault was found.
    pub fn is_intact(&self) -> bool {
        self.fault.is_none()
    }
}

/// What the first record names as the hash before it.
pub(super) fn genesis() -> String {
    "0".repeat(64)
}

/// SHA-256 over the canonical JSON of a record without its own hash, hex.
pub fn hash_of(record: &AuditRecord) -> String {
    canonical::hash(&json!({
        "seq": record.seq,
        "at": record.at.0,
        "kind": super::kind_code(record.kind),
        "actor": record.actor,
        "incident": record.incident.map(|id| id.0),
        "body": record.body,
        "prev": record.prev,
    }))
}

/// Makes `draft` the record after `head`.
pub fn link(head: Option<&Head>, draft: Draft) -> AuditRecord {
    let mut record = AuditRecord {
        seq: head.map_or(0, |head| head.seq) + 1,
        at: draft.at,
        kind: draft.kind,
        actor: draft.actor,
        incident: draft.incident,
        body: draft.body,
        prev: head.map_or_else(genesis, |head| head.hash.clone()),
        hash: String::new(),
    };
    record.hash = hash_of(&record);
    record
}

/// Checks `records` from the first on, and their end against `head` when one is known.
pub fn verify_chain(records: &[AuditRecord], head: Option<&Head>) -> ChainStatus {
    let mut walk = Walk::new();
    for record in records {
        walk.step(record);
    }
    walk.end(head)
}

/// A check that sees one record at a time, so that a long chain needs no memory.
#[derive(Debug)]
pub(super) struct Walk {
    last: Head,
    records: i64,
    fault: Option<ChainFault>,
}

impl Walk {
    pub(super) fn new() -> Self {
        Self { last: Head { seq: 0, hash: genesis() }, records: 0, fault: None }
    }

    pub(super) fn step(&mut self, record: &AuditRecord) {
        self.records += 1;
        if record.seq != self.last.seq + 1 || record.prev != self.last.hash {
            self.found(ChainFault::Broken { seq: record.seq });
        }
        if hash_of(record) != record.hash {
            self.found(ChainFault::Edited { seq: record.seq });
        }
        self.last = Head { seq: record.seq, hash: record.hash.clone() };
    }

    pub(super) fn unreadable(&mut self, seq: i64) {
        self.records += 1;
        self.found(ChainFault::Edited { seq });
    }

    pub(super) fn end(mut self, head: Option<&Head>) -> ChainStatus {
        if let Some(head) = head {
            if self.last.seq < head.seq {
                self.found(ChainFault::TailCut { have: self.last.seq, head: head.seq });
            } else if self.last != *head {
                self.found(ChainFault::HeadDiffers { seq: self.last.seq });
            }
        } else if self.records > 0 {
            self.found(ChainFault::HeadDiffers { seq: self.last.seq });
        }
        ChainStatus { records: self.records, head: self.last.hash, fault: self.fault }
    }

    fn found(&mut self, fault: ChainFault) {
        self.fault.get_or_insert(fault);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::{IncidentId, RecordKind, UtcMillis};

    fn chain(length: usize) -> (Vec<AuditRecord>, Option<Head>) {
        let mut records: Vec<AuditRecord> = Vec::new();
        let mut head = None;
        for n in 0..length {
            let n = i64::try_from(n).unwrap();
            let draft = Draft {
                at: UtcMillis(1_000 * n),
                kind: RecordKind::Outcome,
                actor: "system".into(),
                incident: Some(IncidentId(n)),
                body: json!({"n": n}),
            };
            let record = link(head.as_ref(), draft);
            head = Some(Head { seq: record.seq, hash: record.hash.clone() });
            records.push(record);
        }
        (records, head)
    }

    #[test]
    fn an_empty_chain_is_whole() {
        assert!(verify_chain(&[], None).is_intact());
    }

    proptest! {
        #[test]
        fn an_untouched_chain_is_whole(length in 0_usize..30) {
            let (records, head) = chain(length);
            prop_assert!(verify_chain(&records, head.as_ref()).is_intact());
        }

        #[test]
        fn an_edit_of_any_field_is_found(at in 0_usize..12, field in 0_u8..7) {
            let (mut records, head) = chain(12);
            let record = &mut records[at];
            match field {
                0 => record.seq += 1,
                1 => record.at = record.at.plus_ms(1),
                2 => record.kind = RecordKind::Verdict,
                3 => record.actor.push('x'),
                4 => record.incident = None,
                5 => record.body = json!({"n": -1}),
                _ => record.prev = "f".repeat(64),
            }
            prop_assert!(!verify_chain(&records, head.as_ref()).is_intact());
        }

        #[test]
        fn an_edit_with_a_new_hash_is_found(at in 0_usize..12) {
            let (mut records, head) = chain(12);
            records[at].body = json!({"n": -1});
            records[at].hash = hash_of(&records[at]);
            prop_assert!(!verify_chain(&records, head.as_ref()).is_intact());
        }

        #[test]
        fn a_deletion_is_found(at in 0_usize..12) {
            let (mut records, head) = chain(12);
            records.remove(at);
            prop_assert!(!verify_chain(&records, head.as_ref()).is_intact());
        }

        #[test]
        fn an_insertion_is_found(at in 0_usize..=12) {
            let (mut records, head) = chain(12);
            let before = at.checked_sub(1).map(|last| Head {
                seq: records[last].seq,
                hash: records[last].hash.clone(),
            });
            let forged = link(before.as_ref(), Draft {
                at: UtcMillis(0),
                kind: RecordKind::Change,
                actor: "person:mallory".into(),
                incident: None,
                body: json!({}),
            });
            records.insert(at, forged);
            prop_assert!(!verify_chain(&records, head.as_ref()).is_intact());
        }

        #[test]
        fn a_swap_is_found(a in 0_usize..12, b in 0_usize..12) {
            let (mut records, head) = chain(12);
            records.swap(a, b);
            prop_assert_eq!(verify_chain(&records, head.as_ref()).is_intact(), a == b);
        }

        #[test]
        fn a_cut_tail_is_found(keep in 0_usize..12) {
            let (mut records, head) = chain(12);
            records.truncate(keep);
            let fault = verify_chain(&records, head.as_ref()).fault;
            let have = i64::try_from(keep).unwrap();
            prop_assert_eq!(fault, Some(ChainFault::TailCut { have, head: 12 }));
        }
    }
}
