//! Keeps incidents: facts go through the detectors and the book, changes go to storage.
//!
//! One task reads the queue of facts; the queue is bounded and its senders count what does not
//! fit. Whoever waits for work (the agent) is woken through a `watch` whose value only counts up.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use crate::domain::{
    Cause, ChannelId, Fact, IncidentId, IncidentState, LedgerEntry, LedgerKind, RiskClass, Subject,
    UtcMillis,
};
use crate::foundation::clock::SharedClock;
use crate::foundation::stop::Stop;
use crate::observe::{
    Book, Change, ChangeKind, Detectors, PatternPack, PatternsError, REOPEN_MS, Signal,
};
use crate::storage::{Db, StorageError, incidents, ledger};

pub use crate::storage::incidents::IncidentFilter;

/// How often what was merely seen again is written.
const SEEN_EVERY_MS: i64 = 5_000;
/// How often incidents that nobody speaks about are looked at.
const TICK: Duration = Duration::from_secs(5);

/// Why incidents cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    /// The stored incidents cannot be read.
    #[error("the stored incidents cannot be read")]
    Storage(#[from] StorageError),
    /// The embedded patterns do not load.
    #[error("the patterns cannot be used")]
    Patterns(#[from] PatternsError),
}

/// The keeper. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Keeper {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    db: Db,
    clock: SharedClock,
    memory: Mutex<Memory>,
    wake: watch::Sender<u64>,
}

#[derive(Debug)]
struct Memory {
    detectors: Detectors,
    book: Book,
    clock_stepped_at: Option<UtcMillis>,
    /// When an incident was last written because it was merely seen again.
    written: HashMap<u64, UtcMillis>,
}

impl Keeper {
    /// A keeper that goes on with what is stored.
    ///
    /// # Errors
    /// When the stored incidents or the patterns cannot be read.
    pub async fn open(db: Db, clock: SharedClock) -> Result<Self, KeeperError> {
        let from = UtcMillis(clock.now_ms()).plus_ms(-REOPEN_MS);
        let stored = db.read("read open incidents", move |db| incidents::remembered(db, from));
        let memory = Memory {
            book: Book::restore(stored.await?),
            detectors: Detectors::new(PatternPack::embedded()?),
            clock_stepped_at: None,
            written: HashMap::new(),
        };
        let (wake, _) = watch::channel(0);
        Ok(Self { inner: Arc::new(Inner { db, clock, memory: Mutex::new(memory), wake }) })
    }

    /// Starts the task that reads `facts` until the server stops.
    pub fn start(&self, mut facts: mpsc::Receiver<Fact>, stop: &Stop) {
        let (keeper, until) = (self.clone(), stop.child());
        stop.spawn("incidents", async move {
            let mut tick = tokio::time::interval(TICK);
            loop {
                // Both sources are cancel-safe: a fact is taken whole or not at all.
                tokio::select! {
                    () = until.requested() => return,
                    fact = facts.recv() => match fact {
                        Some(fact) => keeper.take_in(&fact).await,
                        None => return,
                    },
                    _ = tick.tick() => keeper.tick().await,
                }
            }
        });
    }

    /// Wakes whenever an incident waits to be taken up.
    pub fn woken(&self) -> watch::Receiver<u64> {
        self.inner.wake.subscribe()
    }

    /// When the wall clock last stepped.
    pub fn clock_stepped_at(&self) -> Option<UtcMillis> {
        self.memory().clock_stepped_at
    }

    /// Channels with an incident that is not over; one with nothing to play is not in trouble.
    pub fn troubled(&self) -> HashSet<ChannelId> {
        let memory = self.memory();
        let troubled = memory.book.open().filter(|incident| incident.cause != Cause::NoContent);
        troubled
            .filter_map(|incident| match incident.subject {
                Subject::Channel(channel) => Some(channel),
                Subject::Media(_) | Subject::Host => None,
            })
            .collect()
    }

    /// Notes that we ended a channel's conform ourselves.
    pub fn acted(&self, channel: ChannelId) {
        let now = self.now();
        self.memory().detectors.acted(channel, now);
    }

    /// Takes in one fact: detect, decide, store, wake.
    pub async fn take_in(&self, fact: &Fact) {
        let now = self.now();
        let signals = {
            let mut memory = self.memory();
            if matches!(fact, Fact::ClockStep { .. }) {
                memory.clock_stepped_at = Some(now);
            }
            memory.detectors.observe(fact, now)
        };
        for signal in signals {
            let changes = self.memory().book.apply(&signal, now);
            for change in changes {
                self.store(change, Some(&signal), now).await;
            }
        }
    }

    /// Ends incidents that became quiet.
    async fn tick(&self) {
        let now = self.now();
        let changes = self.memory().book.tick(now);
        for change in changes {
            self.store(change, None, now).await;
        }
    }

    /// Writes that an incident was settled, and lets nobody take it up again unless it comes back.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn settle(
        &self,
        id: IncidentId,
        state: IncidentState,
        pending: bool,
    ) -> Result<(), StorageError> {
        let now = self.now();
        self.inner
            .db
            .write("settle an incident", move |t| {
                let (mut incident, evidence) =
                    incidents::find(t, id)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
                incident.state = state;
                incident.resolved_at = (state == IncidentState::Resolved).then_some(now);
                incidents::update(t, &incident, &evidence)?;
                incidents::set_pending(t, id, pending)
            })
            .await?;
        self.memory().book.settle(id, state, now);
        Ok(())
    }

    /// Writes one change. A failure is logged by storage and tried again when the incident is
    /// seen next; the book is right in the meantime.
    async fn store(&self, change: Change, signal: Option<&Signal>, now: UtcMillis) {
        let failure = signal.filter(|s| counts_as_failure(s, change.kind));
        if change.kind == ChangeKind::Seen && failure.is_none() && !self.is_due(&change, now) {
            return;
        }
        let Change { key, kind, entry } = change;
        let failure = failure.map(|signal| failure_entry(signal, now));
        let is_new = entry.incident.id == IncidentId(0);
        let incident = entry.incident.clone();
        let (cause, summary) = (incident.cause, incident.summary.clone());
        let write = self.inner.db.write("store an incident", move |t| {
            let mut incident = incident;
            if is_new {
                incident.id = incidents::insert(t, &incident, &entry.evidence)?;
            } else if kind == ChangeKind::Seen {
                incidents::seen(t, &incident, &entry.evidence)?;
            } else {
                incidents::update(t, &incident, &entry.evidence)?;
                incidents::set_pending(t, incident.id, kind == ChangeKind::Reopened)?;
            }
            if let Some(mut failure) = failure {
                failure.incident = Some(incident.id);
                ledger::append(t, &failure)?;
            }
            Ok(incident.id)
        });
        let Ok(id) = write.await else { return };
        self.memory().book.stored(key, id);
        match kind {
            ChangeKind::Opened | ChangeKind::Reopened => {
                tracing::warn!(incident.id = %id, incident.cause = %cause, "{cause}: {summary}");
                self.inner.wake.send_modify(|n| *n += 1);
            }
            ChangeKind::Resolved => {
                tracing::info!(incident.id = %id, "incident {id} is over: {summary}");
            }
            ChangeKind::Seen => {}
        }
    }

    /// Whether something merely seen again is to be written: rarely, but at once when it was
    /// never stored.
    fn is_due(&self, change: &Change, now: UtcMillis) -> bool {
        let mut memory = self.memory();
        let last = memory.written.get(&change.key).copied();
        let due = change.entry.incident.id == IncidentId(0)
            || last.is_none_or(|last| now.since(last) >= SEEN_EVERY_MS);
        if due {
            if memory.written.len() > 1_024 {
                memory.written.clear();
            }
            memory.written.insert(change.key, now);
        }
        due
    }

    fn now(&self) -> UtcMillis {
        UtcMillis(self.inner.clock.now_ms())
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.inner.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Every exit counts for the breaker; a stall counts once, when it begins.
fn counts_as_failure(signal: &Signal, kind: ChangeKind) -> bool {
    let begins = matches!(kind, ChangeKind::Opened | ChangeKind::Reopened);
    signal.failure || (signal.rule == "STALL" && begins)
}

fn failure_entry(signal: &Signal, now: UtcMillis) -> LedgerEntry {
    LedgerEntry {
        at: now,
        kind: LedgerKind::Failure,
        tool: String::new(),
        risk: RiskClass::Read,
        actor: "system".to_owned(),
        channel: match signal.subject {
            Subject::Channel(channel) => Some(channel),
            Subject::Media(_) | Subject::Host => None,
        },
        media: signal.media,
        incident: None,
        cause: Some(signal.cause),
        intent_seq: None,
        outcome: None,
        finding: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ChannelBeat, ConformEnd, ConformJob, MediaId};
    use crate::foundation::clock::ManualClock;

    const CHANNEL: ChannelId = ChannelId(1);

    fn exited() -> Fact {
        let job = ConformJob { job: 1, media: MediaId(5), channel: Some(CHANNEL) };
        Fact::ConformEnded { job, end: ConformEnd::Exited { code: None, signal: Some(9) } }
    }

    fn healthy() -> Fact {
        Fact::Beat(ChannelBeat {
            channel: CHANNEL,
            viewers: 1,
            headroom_ms: 7_000,
            on_slate: false,
            media: Some(MediaId(5)),
            job: None,
        })
    }

    async fn all(keeper: &Keeper) -> Vec<crate::domain::Incident> {
        let filter = IncidentFilter::default();
        keeper.inner.db.read("test", move |db| incidents::list(db, filter)).await.unwrap()
    }

    async fn pending(keeper: &Keeper) -> usize {
        keeper.inner.db.read("test", incidents::pending).await.unwrap().len()
    }

    async fn keeper(folder: &std::path::Path, clock: &Arc<ManualClock>) -> Keeper {
        let db = Db::open(&folder.join("test.db")).unwrap();
        let clock: SharedClock = Arc::<ManualClock>::clone(clock);
        Keeper::open(db, clock).await.unwrap()
    }

    #[tokio::test]
    async fn an_exit_is_stored_counted_and_wakes_the_agent() {
        let folder = tempfile::tempdir().unwrap();
        let clock = ManualClock::at(1_000_000);
        let keeper = keeper(folder.path(), &clock).await;
        let woken = keeper.woken();
        keeper.take_in(&exited()).await;
        keeper.take_in(&exited()).await;
        let incidents = all(&keeper).await;
        assert_eq!(incidents.len(), 1);
        assert_eq!((incidents[0].cause, incidents[0].count), (Cause::EncoderExited, 2));
        assert!(woken.has_changed().unwrap());
        let ledger = keeper.inner.db.read("test", |db| ledger::since(db, UtcMillis(0))).await;
        assert_eq!(ledger.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn three_healthy_beats_end_it_and_it_is_taken_up_again_when_it_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let clock = ManualClock::at(1_000_000);
        let keeper = keeper(folder.path(), &clock).await;
        keeper.take_in(&exited()).await;
        keeper.settle(IncidentId(1), IncidentState::Open, false).await.unwrap();
        for _ in 0..3 {
            keeper.take_in(&healthy()).await;
        }
        assert_eq!(all(&keeper).await[0].state, IncidentState::Resolved);
        assert_eq!(pending(&keeper).await, 0);
        keeper.take_in(&exited()).await;
        assert_eq!(all(&keeper).await[0].reopened, 1);
        assert_eq!(pending(&keeper).await, 1);
    }

    #[tokio::test]
    async fn what_was_open_before_a_restart_is_the_same_incident_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let clock = ManualClock::at(1_000_000);
        let first = keeper(folder.path(), &clock).await;
        first.take_in(&exited()).await;
        first.inner.db.clone().close().await.unwrap();
        let second = keeper(folder.path(), &clock).await;
        second.take_in(&exited()).await;
        assert_eq!(all(&second).await.len(), 1);
    }
}
