//! The incident book: which signals are one incident, when it opens, and when it is over.
//!
//! - One incident a fingerprint (rule, subject, cause). A conform that stalls, is restarted and
//!   exits is one trouble: rules of the same family on the same channel share one incident.
//! - A hard signal opens at once, a soft one when it comes twice within [`SOFT_WINDOW_MS`].
//! - Three clean observations in a row end it. What comes back within [`REOPEN_MS`] re-opens it;
//!   what comes later is a new incident: a resolved one is never attached to.

use std::collections::BTreeMap;

use super::detect::{Signal, SignalKind};
use crate::domain::{Cause, Evidence, Incident, IncidentId, IncidentState, Subject, UtcMillis};

/// Clean observations in a row that end an incident.
const CLEAN: u32 = 3;
/// Two soft signals belong together within this time.
const SOFT_WINDOW_MS: i64 = 10_000;
/// A word about an item that a channel's incident already dealt with is late for this long.
const LATE_MS: i64 = 60_000;
/// What comes back within this time after its end is the same incident.
pub const REOPEN_MS: i64 = 600_000;
/// Evidence kept an incident; the latest stay.
const EVIDENCE_MAX: usize = 24;
/// An incident that nothing says clean about (a media file, the machine) ends after this quiet.
const QUIET_MS: i64 = 900_000;
/// First signals remembered while they wait for a second.
const SOFT_MAX: usize = 256;

/// One incident with its evidence.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The incident; its id is 0 until it was stored.
    pub incident: Incident,
    /// The latest evidence.
    pub evidence: Vec<Evidence>,
    clean: u32,
}

/// What happened to an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It is new.
    Opened,
    /// It came back.
    Reopened,
    /// It was seen again.
    Seen,
    /// It is over.
    Resolved,
}

/// A change of one incident, to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Where in the book; hand it back to [`Book::stored`] after the first storing.
    pub key: u64,
    /// What happened.
    pub kind: ChangeKind,
    /// The incident after it.
    pub entry: Entry,
}

/// The open incidents, and those over for less than [`REOPEN_MS`].
#[derive(Debug, Default)]
pub struct Book {
    entries: BTreeMap<u64, Entry>,
    /// First soft signals that wait for a second.
    soft: BTreeMap<(&'static str, Subject, Cause), UtcMillis>,
    next: u64,
}

impl Book {
    /// The book as it was stored.
    pub fn restore(stored: Vec<(Incident, Vec<Evidence>)>) -> Self {
        let mut book = Self::default();
        for (incident, evidence) in stored {
            book.insert(Entry { incident, evidence, clean: 0 });
        }
        book
    }

    /// Tells the book the id that an incident got when it was stored.
    pub fn stored(&mut self, key: u64, id: IncidentId) {
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.incident.id = id;
        }
    }

    /// Takes over a state that was decided elsewhere (a person's or the agent's).
    pub fn settle(&mut self, id: IncidentId, state: IncidentState, now: UtcMillis) {
        for entry in self.entries.values_mut().filter(|entry| entry.incident.id == id) {
            entry.incident.state = state;
            entry.incident.resolved_at = (state == IncidentState::Resolved).then_some(now);
        }
    }

    /// Incidents that are not over.
    pub fn open(&self) -> impl Iterator<Item = &Incident> {
        self.entries
            .values()
            .map(|entry| &entry.incident)
            .filter(|incident| incident.state != IncidentState::Resolved)
    }

    /// Takes in one signal and says what it changed.
    pub fn apply(&mut self, signal: &Signal, now: UtcMillis) -> Vec<Change> {
        self.forget(now);
        match signal.kind {
            SignalKind::Hard => self.fault(signal, now, true),
            SignalKind::Soft => self.fault(signal, now, false),
            SignalKind::Clean => self.clean(signal, now, CLEAN),
            SignalKind::Over => self.clean(signal, now, 1),
        }
    }

    /// Ends incidents that were not seen for a quarter of an hour and that no beat speaks for.
    pub fn tick(&mut self, now: UtcMillis) -> Vec<Change> {
        self.forget(now);
        let quiet = |entry: &Entry| {
            entry.incident.state != IncidentState::Resolved
                && entry.incident.rule != "NO_CONTENT"
                && now.since(entry.incident.last_at) >= QUIET_MS
        };
        let keys: Vec<u64> =
            self.entries.iter().filter(|(_, entry)| quiet(entry)).map(|(key, _)| *key).collect();
        keys.into_iter().filter_map(|key| self.resolve(key, now)).collect()
    }

    fn fault(&mut self, signal: &Signal, now: UtcMillis, hard: bool) -> Vec<Change> {
        if self.is_late(signal, now) {
            return Vec::new();
        }
        // The open one first; of several that are over, the latest.
        let matching = self.entries.iter().filter(|(_, entry)| belongs(&entry.incident, signal));
        let found = matching
            .map(|(key, entry)| (entry.incident.state != IncidentState::Resolved, *key))
            .max();
        let open = found.is_some_and(|(open, _)| open);
        if !open && !hard && !self.second_soft(signal, now) {
            return Vec::new();
        }
        if let Some((key, entry)) =
            found.and_then(|(_, key)| self.entries.get_mut(&key).map(|entry| (key, entry)))
        {
            return vec![see(key, entry, signal, now)];
        }
        let incident = Incident {
            id: IncidentId(0),
            rule: signal.rule.to_owned(),
            subject: signal.subject,
            media: signal.media,
            cause: signal.cause,
            state: IncidentState::Open,
            opened_at: now,
            last_at: now,
            resolved_at: None,
            count: 1,
            reopened: 0,
            summary: signal.summary.clone(),
        };
        let entry = Entry { incident, evidence: signal.evidence.clone(), clean: 0 };
        let key = self.insert(entry.clone());
        vec![Change { key, kind: ChangeKind::Opened, entry }]
    }

    /// Whether work ahead reports an item that a channel's incident has just dealt with.
    fn is_late(&self, signal: &Signal, now: UtcMillis) -> bool {
        matches!(signal.subject, Subject::Media(_))
            && self.entries.values().any(|entry| {
                let over = entry.incident.resolved_at;
                belongs(&entry.incident, signal)
                    && entry.incident.subject != signal.subject
                    && entry.incident.state == IncidentState::Resolved
                    && over.is_some_and(|at| now.since(at) < LATE_MS)
            })
    }

    /// Whether this soft signal is the second of its kind; remembers it if it is the first.
    fn second_soft(&mut self, signal: &Signal, now: UtcMillis) -> bool {
        let key = (signal.rule, signal.subject, signal.cause);
        let first = self.soft.remove(&key);
        if first.is_some_and(|first| now.since(first) <= SOFT_WINDOW_MS) {
            return true;
        }
        if self.soft.len() >= SOFT_MAX {
            self.soft.clear();
        }
        self.soft.insert(key, now);
        false
    }

    fn clean(&mut self, signal: &Signal, now: UtcMillis, needed: u32) -> Vec<Change> {
        let mut over = Vec::new();
        for (key, entry) in &mut self.entries {
            let incident = &entry.incident;
            // A channel without content airs a healthy slate: only content ends that.
            let meant = if signal.rule.is_empty() {
                incident.rule != "NO_CONTENT"
            } else {
                incident.rule == signal.rule
            };
            let about = incident.subject == signal.subject;
            if !about || !meant || incident.state == IncidentState::Resolved {
                continue;
            }
            entry.clean += 1;
            if entry.clean >= needed {
                over.push(*key);
            }
        }
        over.into_iter().filter_map(|key| self.resolve(key, now)).collect()
    }

    fn resolve(&mut self, key: u64, now: UtcMillis) -> Option<Change> {
        let entry = self.entries.get_mut(&key)?;
        entry.incident.state = IncidentState::Resolved;
        entry.incident.resolved_at = Some(now);
        entry.clean = 0;
        Some(Change { key, kind: ChangeKind::Resolved, entry: entry.clone() })
    }

    fn insert(&mut self, entry: Entry) -> u64 {
        self.next += 1;
        self.entries.insert(self.next, entry);
        self.next
    }

    fn forget(&mut self, now: UtcMillis) {
        self.entries.retain(|_, entry| {
            let over = entry.incident.resolved_at;
            entry.incident.state != IncidentState::Resolved
                || over.is_some_and(|at| now.since(at) < REOPEN_MS)
        });
    }
}

/// Whether `signal` is about the trouble that `incident` stands for.
fn belongs(incident: &Incident, signal: &Signal) -> bool {
    // The same item with the same fault is one trouble, whether a channel or work ahead met it;
    // the other way round a channel in trouble deserves an incident of its own.
    let ahead = matches!(signal.subject, Subject::Media(_))
        && matches!(incident.subject, Subject::Channel(_))
        && is_media(signal.cause)
        && incident.cause == signal.cause
        && incident.media == signal.media;
    if ahead {
        return true;
    }
    if incident.subject != signal.subject {
        return false;
    }
    let same = incident.rule == signal.rule && incident.cause == signal.cause;
    let other_media = matches!((incident.media, signal.media), (Some(a), Some(b)) if a != b);
    if is_conform(incident.cause) && is_conform(signal.cause) {
        // Another item's trouble is another incident, unless this one is still going on.
        return !other_media || incident.state != IncidentState::Resolved;
    }
    same && !(is_media(signal.cause) && other_media)
}

/// Causes about a conform that can follow from one another.
fn is_conform(cause: Cause) -> bool {
    matches!(cause, Cause::Stall | Cause::EncoderExited)
}

fn is_media(cause: Cause) -> bool {
    matches!(
        cause,
        Cause::MediaCorrupt | Cause::MediaMissing | Cause::MediaTruncated | Cause::MediaNoStream
    )
}

/// Writes one more sight of an incident into its entry.
fn see(key: u64, entry: &mut Entry, signal: &Signal, now: UtcMillis) -> Change {
    let back = entry.incident.state == IncidentState::Resolved;
    let incident = &mut entry.incident;
    incident.count += 1;
    incident.last_at = now;
    incident.media = signal.media.or(incident.media);
    if back {
        incident.state = IncidentState::Open;
        incident.resolved_at = None;
        incident.reopened += 1;
        incident.summary.clone_from(&signal.summary);
    }
    entry.clean = 0;
    entry.evidence.extend(signal.evidence.iter().cloned());
    let surplus = entry.evidence.len().saturating_sub(EVIDENCE_MAX);
    entry.evidence.drain(..surplus);
    let kind = if back { ChangeKind::Reopened } else { ChangeKind::Seen };
    Change { key, kind, entry: entry.clone() }
}

#[cfg(test)]
mod tests;
