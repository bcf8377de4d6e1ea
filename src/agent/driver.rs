//! The driver: does what the state machine says, one incident a subject at a time.
//!
//! It is woken when an incident opens, runs an episode for it, and records every step: envelope
//! and plan before anything is proposed, verdict after anything was done. When the audit log
//! cannot be written, nothing goes on. Incidents of different subjects are handled side by side,
//! at most [`AT_ONCE`].
//!
//! After a crash the incidents that were being handled are pending again. One whose action is
//! already on record is verified, never acted on again in that episode.

mod steps;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::Instant;

use self::steps::Desk;
use super::fsm::{Command, End, Episode, Event};
use super::persona::Persona;
use super::rules::Matrix;
use crate::control::operations::{OperationError, Operations, Query};
use crate::domain::{
    ChannelId, Evidence, Finding, Incident, IncidentId, IncidentState, LedgerEntry, RecordKind,
    RiskClass, Subject, VerificationPlan,
};
use crate::foundation::clock::SharedClock;
use crate::foundation::stop::Stop;

/// Episodes at the same time.
const AT_ONCE: usize = 8;
/// Episodes for one incident before a person is asked.
const EPISODES_MAX: u32 = 3;
/// How often a refusal that passes with time is tried again, and how long in between.
const LATER_MAX: u32 = 12;
const LATER: Duration = Duration::from_secs(10);
/// How often the list of incidents is read even if nobody wakes us.
const IDLE: Duration = Duration::from_secs(15);
/// Longest wait for an answer.
const ASK: Duration = Duration::from_secs(8);
/// How an effect is verified when its manifest is not at hand any more.
const PLAN: VerificationPlan =
    VerificationPlan { settle_ms: 500, window_ms: 30_000, poll_ms: 500, sustain_ms: 8_000 };
/// Checks of the guard whose "no" passes with time.
const PASSING: &[&str] = &[
    "containment",
    "restart_rate_r1",
    "restart_gap_r2",
    "budgets",
    "cooldown",
    "breaker_r3",
    "conflict",
];

/// What a person may choose about the agent.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// File of the persona; `None` for the embedded one.
    pub persona: Option<PathBuf>,
}

/// Starts the agent; it ends with the server.
pub fn start(
    ops: Arc<dyn Operations>,
    mut wake: watch::Receiver<u64>,
    clock: SharedClock,
    stop: &Stop,
    settings: Settings,
) {
    let until = stop.child();
    stop.spawn("agent", async move {
        let Some(agent) = Agent::load(ops, clock, &until, &settings).await else { return };
        loop {
            agent.take_up().await;
            tokio::select! {
                () = until.requested() => return,
                changed = wake.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
                () = tokio::time::sleep(agent.patience()) => {}
            }
        }
    });
}

/// The agent. Cheap to clone; clones share what is being handled.
#[derive(Debug, Clone)]
struct Agent {
    ops: Arc<dyn Operations>,
    clock: SharedClock,
    stop: Stop,
    matrix: Arc<Matrix>,
    persona: Arc<Persona>,
    menu: Arc<Menu>,
    busy: Arc<Mutex<Busy>>,
}

#[derive(Debug, Default)]
struct Busy {
    /// Subjects with an episode going on.
    subjects: HashSet<Subject>,
    /// Incidents to be tried again, with the number of tries and the earliest time.
    later: HashMap<IncidentId, (u32, Instant)>,
}

/// The tools as `Operations` describes them.
#[derive(Debug, Deserialize)]
struct Menu {
    tools: Vec<MenuTool>,
    sha256: String,
}

#[derive(Debug, Deserialize)]
struct MenuTool {
    name: String,
    risk: RiskClass,
}

/// The answer to `Query::Incident`.
#[derive(Debug, Deserialize)]
struct IncidentReport {
    incident: Incident,
    evidence: Vec<Evidence>,
    actions: Vec<LedgerEntry>,
    channels: Vec<ChannelId>,
}

impl Agent {
    async fn load(
        ops: Arc<dyn Operations>,
        clock: SharedClock,
        stop: &Stop,
        settings: &Settings,
    ) -> Option<Self> {
        let menu: Menu = match ask(ops.as_ref(), Query::Tools).await {
            Ok(menu) => menu,
            Err(error) => {
                tracing::error!(error = %error, "the agent does not run: the tools are not known");
                return None;
            }
        };
        let matrix = match Matrix::embedded() {
            Ok(matrix) => matrix,
            Err(error) => {
                tracing::error!(error = %error, "the agent does not run: the matrix is not readable");
                return None;
            }
        };
        let known: BTreeSet<String> = menu.tools.iter().map(|tool| tool.name.clone()).collect();
        let persona = Persona::load(settings.persona.as_deref(), &known);
        tracing::info!(persona = persona.id, "the operator is on duty as {}", persona.id);
        Some(Self {
            ops,
            clock,
            stop: stop.clone(),
            matrix: Arc::new(matrix),
            persona: Arc::new(persona),
            menu: Arc::new(menu),
            busy: Arc::default(),
        })
    }

    /// Starts an episode for every pending incident that is due and whose subject is free.
    async fn take_up(&self) {
        let pending = match self.ops.pending().await {
            Ok(pending) => pending,
            Err(error) => {
                tracing::warn!(error = %error, "the pending incidents could not be read");
                return;
            }
        };
        for incident in pending {
            let due = {
                let mut busy = self.busy();
                let later =
                    busy.later.get(&incident.id).is_some_and(|(_, at)| *at > Instant::now());
                let free = busy.subjects.len() < AT_ONCE;
                !later && free && busy.subjects.insert(incident.subject)
            };
            if due {
                let agent = self.clone();
                self.stop.spawn("episode", async move {
                    let subject = incident.subject;
                    tokio::select! {
                        () = agent.handle(incident.id) => {}
                        // The incident stays pending; the next start verifies what was done.
                        () = agent.stop.requested() => {}
                    }
                    agent.busy().subjects.remove(&subject);
                });
            }
        }
    }

    /// How long to wait for a wake-up before looking again.
    fn patience(&self) -> Duration {
        let busy = self.busy();
        if busy.subjects.is_empty() && busy.later.is_empty() {
            IDLE
        } else {
            Duration::from_secs(1)
        }
    }

    /// Runs episodes for one incident until it is settled or put off.
    async fn handle(&self, id: IncidentId) {
        for round in 1..=EPISODES_MAX {
            let end = self.episode(id).await;
            let last = round == EPISODES_MAX;
            if self.conclude(id, end, last).await {
                return;
            }
        }
    }

    /// One episode: feeds the state machine until it ends.
    async fn episode(&self, id: IncidentId) -> End {
        let mut desk = Desk::new(id);
        let (mut episode, mut command) = if self.was_interrupted(&mut desk).await {
            Episode::resume()
        } else {
            Episode::begin()
        };
        loop {
            let done = match command {
                Command::Plan { step } => self.plan(&mut desk, step).await,
                Command::Observe => self.observe(&mut desk).await,
                Command::Propose => self.propose(&mut desk).await,
                Command::Run => self.run(&mut desk).await,
                Command::Verify => self.verify(&mut desk).await,
                Command::Finish(end) => return end,
            };
            let event = done.unwrap_or_else(|error| {
                tracing::warn!(incident.id = %id, error = %error, "the episode cannot go on: {error}");
                Event::Broken
            });
            command = episode.next(event);
        }
    }

    /// Settles the incident as its episode ended; says whether that was the last word for now.
    async fn conclude(&self, id: IncidentId, end: End, last: bool) -> bool {
        let settled = match end {
            End::Acted(finding) if finding.is_good() => {
                self.busy().later.remove(&id);
                if self.has_more_to_do(id).await && !last {
                    return false;
                }
                self.ops.settle(id, IncidentState::Resolved).await
            }
            End::Acted(Finding::Inconclusive) => self.ops.settle(id, IncidentState::Open).await,
            End::Acted(_) if !last => return false,
            End::Acted(_) | End::GiveUp => self.escalate(id).await,
            End::Escalated => Ok(()),
            End::LeftAlone => self.ops.settle(id, IncidentState::Open).await,
            End::Later | End::Broken => {
                if self.put_off(id) {
                    return true;
                }
                self.escalate(id).await
            }
        };
        if let Err(error) = settled {
            tracing::warn!(incident.id = %id, error = %error, "the incident could not be settled");
            self.put_off(id);
        }
        true
    }

    /// A bad item that more than one channel will play is skipped on each.
    async fn has_more_to_do(&self, id: IncidentId) -> bool {
        let asked =
            ask::<IncidentReport>(self.ops.as_ref(), Query::Incident { incident: id }).await;
        asked.is_ok_and(|report| {
            matches!(report.incident.subject, Subject::Media(_)) && !report.channels.is_empty()
        })
    }

    /// Hands the incident to a person, on record.
    async fn escalate(&self, id: IncidentId) -> Result<(), OperationError> {
        let body = json!({"to": "a person", "why": "no further step is allowed or left"});
        self.ops.record(RecordKind::Escalated, Some(id), body).await?;
        self.ops.settle(id, IncidentState::Escalated).await
    }

    /// Puts an incident off; `false` when that was done often enough.
    fn put_off(&self, id: IncidentId) -> bool {
        let mut busy = self.busy();
        let (tries, at) = busy.later.entry(id).or_insert((0, Instant::now()));
        *tries += 1;
        *at = Instant::now() + LATER;
        let again = *tries <= LATER_MAX;
        if !again {
            busy.later.remove(&id);
        }
        again
    }

    fn busy(&self) -> MutexGuard<'_, Busy> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks and reads the answer as what it should be.
async fn ask<T: DeserializeOwned>(ops: &dyn Operations, query: Query) -> Result<T, OperationError> {
    let failed = |reason: String| OperationError::Failed { what: "ask".to_owned(), reason };
    let report = match tokio::time::timeout(ASK, ops.ask(query)).await {
        Ok(answer) => answer?,
        Err(_) => return Err(failed(format!("no answer within {ASK:?}"))),
    };
    serde_json::from_value(report.body).map_err(|error| failed(error.to_string()))
}
