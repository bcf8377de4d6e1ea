//! Asking, proposing and doing: the one implementation of [`Operations`].
//!
//! A proposal is decided and its intent recorded in one transaction on the writer thread, so that
//! two proposals can never count the same budget. Only a recorded intent becomes a permit, only a
//! permit becomes an effect, and what came of it is recorded before it is reported. A server that
//! dies in between finds the intent at its next start and records `outcome_unknown`; it never does
//! it again.
//!
//! Restarts happen here and nowhere else (R4): [`Streams::restart`] is called with a redeemed
//! permit.

mod answers;
mod permits;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use super::audit::AuditLog;
use super::guard::{HostReading, Modes, Tools, ToolsError};
use super::incidents::{Keeper, KeeperError};
use super::operations::{
    Action, OperationError, Operations, Permit, Proposal, Query, Report, Verdict,
};
use crate::domain::{
    Cause, ChannelId, ChannelReading, Fact, Finding, Incident, IncidentId, IncidentState, Media,
    MediaId, MediaState, OutputReading, RecordKind, Slot, UtcMillis,
};
use crate::foundation::clock::SharedClock;
use crate::foundation::process::Processes;
use crate::foundation::stop::Stop;
use crate::storage::audit::Draft;
use crate::storage::{Db, StorageError, incidents, ledger};

/// How long an item that an encoder failed on twice is kept off the air.
const QUARANTINE_MS: i64 = 3_600_000;

/// What the operator reads of the running streams, and the one thing it does to them.
#[async_trait::async_trait]
pub trait Streams: std::fmt::Debug + Send + Sync {
    /// Measured state of a channel; `None` when no task runs for it. Memory only.
    fn channel(&self, channel: ChannelId) -> Option<ChannelReading>;

    /// Measured state of every running channel. Memory only.
    fn running(&self) -> Vec<ChannelReading>;

    /// Part of the process pool in use, work ahead not counted; `None` when not known.
    fn pool_pressure(&self) -> Option<f64>;

    /// Decodes a second of what the channel really sends.
    ///
    /// # Errors
    /// When it cannot be measured, in our own words.
    async fn probe_output(&self, channel: ChannelId) -> Result<OutputReading, String>;

    /// Throws away the channel's conform, so that it is started again at the point on air.
    ///
    /// # Errors
    /// When there was nothing to do it to, in our own words.
    async fn restart(&self, channel: ChannelId) -> Result<Value, String>;
}

/// What the operator needs of the timelines.
#[async_trait::async_trait]
pub trait Timelines: std::fmt::Debug + Send + Sync {
    /// Puts other media in the place of `media` on `channel` from now on; stream, guide and
    /// storage change together. Returns how many slots changed.
    ///
    /// # Errors
    /// When it cannot be stored, in our own words.
    async fn skip(&self, channel: ChannelId, media: MediaId) -> Result<usize, String>;

    /// Whether the channel exists. Memory only.
    fn has_channel(&self, channel: ChannelId) -> bool;

    /// A media item that some timeline names. Memory only.
    fn media(&self, media: MediaId) -> Option<Arc<Media>>;

    /// The slot on air at `at` and the one after it. Memory only.
    fn now_and_next(&self, channel: ChannelId, at: UtcMillis) -> Vec<Slot>;

    /// Channels whose timeline names `media` between two instants, soonest first. Memory only.
    fn channels_with(&self, media: MediaId, from: UtcMillis, to: UtcMillis) -> Vec<ChannelId>;
}

/// What an operator is made of.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The database.
    pub db: Db,
    /// The running streams.
    pub streams: Arc<dyn Streams>,
    /// The timelines.
    pub timelines: Arc<dyn Timelines>,
    /// Where ffprobe is run.
    pub processes: Arc<dyn Processes>,
    /// The ffprobe program.
    pub ffprobe: OsString,
    /// The clock.
    pub clock: SharedClock,
    /// What a person may choose.
    pub settings: Settings,
}

/// What a person may choose about the operator.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// How far the agent may go.
    pub modes: Modes,
    /// Folder of manifests that replace the embedded ones.
    pub tools_dir: Option<PathBuf>,
    /// File that holds the head of the audit log; usually `audit-head` in the data folder.
    pub head_file: Option<PathBuf>,
}

/// Why the operator cannot start.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// The tools cannot be used.
    #[error(transparent)]
    Tools(#[from] ToolsError),
    /// Incidents cannot be kept.
    #[error(transparent)]
    Keeper(#[from] KeeperError),
    /// The stored state cannot be read or repaired.
    #[error("the operator's stored state cannot be read")]
    Storage(#[from] StorageError),
}

/// The operator.
#[derive(Debug)]
pub struct Operator {
    parts: Parts,
    tools: Arc<Tools>,
    audit: AuditLog,
    keeper: Keeper,
}

impl Operator {
    /// Starts the operator: settles what an earlier run left unfinished, then takes in facts.
    ///
    /// # Errors
    /// When tools, patterns or the stored state cannot be used.
    pub async fn start(
        parts: Parts,
        facts: mpsc::Receiver<Fact>,
        stop: &Stop,
    ) -> Result<Arc<Self>, OperatorError> {
        let tools = Arc::new(Tools::load(parts.settings.tools_dir.as_deref())?);
        let audit = AuditLog::new(parts.db.clone(), parts.settings.head_file.clone());
        let keeper = Keeper::open(parts.db.clone(), Arc::clone(&parts.clock)).await?;
        let operator = Arc::new(Self { parts, tools, audit, keeper });
        operator.settle_unfinished().await?;
        let checked = Arc::clone(&operator);
        stop.spawn("audit check", async move { checked.check_chain().await });
        operator.keeper.start(facts, stop);
        Ok(operator)
    }

    /// Wakes whenever an incident waits to be taken up.
    pub fn woken(&self) -> watch::Receiver<u64> {
        self.keeper.woken()
    }

    /// The audit log.
    pub fn audit(&self) -> &AuditLog {
        &self.audit
    }

    /// The tools there are.
    pub fn tools(&self) -> &Tools {
        &self.tools
    }

    /// Incidents, newest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn incidents(
        &self,
        filter: incidents::IncidentFilter,
    ) -> Result<Vec<Incident>, StorageError> {
        self.parts.db.read("list incidents", move |db| incidents::list(db, filter)).await
    }

    /// Stops the operator from changing anything, or lets it go on; on record.
    ///
    /// # Errors
    /// When it cannot be written; then it is not in force.
    pub async fn set_kill_switch(&self, actor: &str, on: bool) -> Result<(), StorageError> {
        let draft = Draft {
            at: self.now(),
            kind: RecordKind::Change,
            actor: actor.to_owned(),
            incident: None,
            body: json!({"what": "kill_switch", "on": on}),
        };
        self.audit
            .write("set the kill switch", move |t| {
                incidents::write_switch(t, permits::KILL_SWITCH, if on { "on" } else { "off" })?;
                Ok((Some(crate::storage::audit::append(t, draft)?), ()))
            })
            .await
    }

    /// Records `outcome_unknown` for every intent whose outcome an earlier run did not write.
    async fn settle_unfinished(&self) -> Result<(), StorageError> {
        let now = self.now();
        let unfinished = self.parts.db.read("find unfinished actions", ledger::unfinished).await?;
        for entry in unfinished {
            let Some(intent) = entry.intent_seq else { continue };
            tracing::warn!(
                audit.seq = intent,
                "{} of record {intent} was begun before the last stop; its outcome is unknown",
                entry.tool
            );
            let draft = Draft {
                at: now,
                kind: RecordKind::Outcome,
                actor: "system".to_owned(),
                incident: entry.incident,
                body: json!({"intent_seq": intent, "tool": entry.tool, "outcome": "outcome_unknown"}),
            };
            let written = self.audit.write("settle an unfinished action", move |t| {
                ledger::set_outcome(t, intent, "unknown")?;
                Ok((Some(crate::storage::audit::append(t, draft)?), ()))
            });
            written.await?;
        }
        Ok(())
    }

    async fn check_chain(&self) {
        match self.audit.status().await {
            Ok(status) if status.is_intact() => {
                tracing::info!(audit.records = status.records, "the audit log verifies");
            }
            Ok(status) => {
                let fault = status.fault;
                tracing::error!(
                    ?fault,
                    "the audit log does not verify; nothing is changed by itself"
                );
            }
            Err(error) => tracing::error!(error = %error, "the audit log could not be verified"),
        }
    }

    /// The machine and all channels together, if known.
    fn host(&self) -> Option<HostReading> {
        let running = self.parts.streams.running();
        let unhealthy = self.unhealthy().len();
        Some(HostReading {
            pool_pressure: self.parts.streams.pool_pressure()?,
            running: u32::try_from(running.len()).ok()?,
            unhealthy: u32::try_from(unhealthy).ok()?,
            clock_stepped_at: self.keeper.clock_stepped_at(),
        })
    }

    /// Running channels in trouble. A channel that shows the slate while it starts is not.
    fn unhealthy(&self) -> Vec<ChannelId> {
        let troubled = self.keeper.troubled();
        let running = self.parts.streams.running().into_iter().map(|reading| reading.channel);
        running.filter(|channel| troubled.contains(channel)).collect()
    }

    /// Does what was permitted. The only place with an effect.
    async fn perform(
        &self,
        action: &Action,
        incident: Option<IncidentId>,
        cause: Option<Cause>,
    ) -> Result<Value, String> {
        match action {
            Action::RestartChannel { channel } => {
                // Before the act: its own kill must not look like a fault.
                self.keeper.acted(*channel);
                self.parts.streams.restart(*channel).await
            }
            Action::SkipItem { channel, media } => {
                self.keeper.acted(*channel);
                let state = self.state_after_skip(cause);
                let marked = self.parts.db.set_media_state(*media, state).await;
                marked.map_err(|error| format!("mark media {media}: {error}"))?;
                let slots = self.parts.timelines.skip(*channel, *media).await?;
                Ok(json!({"slots": slots}))
            }
            Action::Escalate => {
                let Some(incident) = incident else { return Err("no incident is named".into()) };
                let settled = self.keeper.settle(incident, IncidentState::Escalated, false).await;
                settled.map_err(|error| error.to_string())?;
                Ok(json!({"escalated": incident.0}))
            }
            Action::NoOp => Ok(json!({})),
        }
    }

    /// How a skipped item is marked, so that planning leaves it out and people see why.
    fn state_after_skip(&self, cause: Option<Cause>) -> MediaState {
        let because = |cause: Cause| cause.meaning().trim_end_matches('.').to_lowercase();
        match cause {
            Some(Cause::MediaMissing) => MediaState::Missing,
            Some(cause @ (Cause::MediaCorrupt | Cause::MediaTruncated)) => {
                MediaState::Corrupt { reason: because(cause) }
            }
            Some(cause @ Cause::MediaNoStream) => {
                MediaState::Unsupported { reason: because(cause) }
            }
            other => MediaState::Quarantined {
                reason: other.map_or_else(|| "skipped by a person".to_owned(), because),
                until: self.now().plus_ms(QUARANTINE_MS),
            },
        }
    }

    fn now(&self) -> UtcMillis {
        UtcMillis(self.parts.clock.now_ms())
    }
}

#[async_trait::async_trait]
impl Operations for Operator {
    async fn ask(&self, query: Query) -> Result<Report, OperationError> {
        let body = self.answer(query).await?;
        Ok(Report { at: self.now(), body })
    }

    async fn propose(&self, proposal: Proposal) -> Result<Verdict, OperationError> {
        self.decide(proposal).await
    }

    async fn run(&self, permit: Permit) -> Result<Report, OperationError> {
        let (wanted, seq) = (permit.action().clone(), permit.intent_seq());
        let intent = self.intent(seq).await?;
        let action = match permit.redeem(self.now()) {
            Ok((action, _)) => action,
            Err(error) => {
                // Nothing was done, and that is an outcome too.
                self.record_outcome(&wanted, &intent, &Err(error.to_string()), 0).await?;
                return Err(error);
            }
        };
        let manifest = self.tools.get(action.tool());
        let limit = manifest.map_or(5_000, |manifest| manifest.timeouts.execute.0);
        let limit = Duration::from_millis(u64::try_from(limit).unwrap_or(5_000));
        let began = self.now();
        let doing = self.perform(&action, intent.incident, intent.cause);
        let done = match tokio::time::timeout(limit, doing).await {
            Ok(done) => done,
            Err(_) => Err(format!("it took longer than {limit:?}")),
        };
        let took_ms = self.now().since(began);
        self.record_outcome(&action, &intent, &done, took_ms).await?;
        match done {
            Ok(result) => {
                let plan = manifest.and_then(super::guard::Manifest::verification_plan);
                let body = json!({
                    "intent_seq": seq,
                    "outcome": "done",
                    "took_ms": took_ms,
                    "result": result,
                    "verification": plan,
                });
                Ok(Report { at: self.now(), body })
            }
            Err(reason) => Err(OperationError::Failed { what: action.tool().to_owned(), reason }),
        }
    }

    async fn record(
        &self,
        kind: RecordKind,
        incident: Option<IncidentId>,
        body: Value,
    ) -> Result<i64, OperationError> {
        self.record_for_agent(kind, incident, body).await
    }

    async fn pending(&self) -> Result<Vec<Incident>, OperationError> {
        let pending = self.parts.db.read("list pending incidents", incidents::pending).await;
        pending.map_err(|error| failed("list pending incidents", &error))
    }

    async fn settle(
        &self,
        incident: IncidentId,
        state: IncidentState,
    ) -> Result<(), OperationError> {
        let settled = self.keeper.settle(incident, state, false).await;
        settled.map_err(|error| failed("settle the incident", &error))
    }
}

fn failed(what: &str, error: &StorageError) -> OperationError {
    match error {
        StorageError::NotFound => OperationError::NotFound { what: what.to_owned() },
        other => OperationError::Failed { what: what.to_owned(), reason: other.to_string() },
    }
}

/// What the verifier found, from the body of a verdict record.
fn finding_of(body: &Value) -> Option<(i64, Finding)> {
    let seq = body.get("intent_seq")?.as_i64()?;
    let finding = body.get("finding")?.as_str().and_then(Finding::from_code)?;
    Some((seq, finding))
}
