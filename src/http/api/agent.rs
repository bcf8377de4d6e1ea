//! The operator's record: incidents and the audit chain.

use axum::extract::State as Has;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::control::{AuditFilter, IncidentFilter};
use crate::domain::{
    AuditRecord, Cause, ChannelId, Incident, IncidentId, IncidentState, RecordKind, Subject,
};

use super::super::error::{ApiError, Problem};
use super::super::extract::{Json, Path, Query};
use super::super::state::State;
use super::{stamp, within};

/// A fault on record.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Incident)]
pub struct IncidentView {
    /// Its id.
    id: i64,
    /// What it is about: `channel`, `media` or `host`.
    subject: &'static str,
    /// Id of the subject; `null` for the host.
    subject_id: Option<i64>,
    /// The media involved.
    media_id: Option<i64>,
    /// The most likely cause, a code of the closed list.
    #[schema(value_type = String)]
    cause: Cause,
    /// The cause in a sentence.
    meaning: &'static str,
    /// `open`, `resolved` or `escalated`.
    #[schema(value_type = String)]
    state: IncidentState,
    /// First observation.
    #[schema(format = DateTime)]
    opened_at: String,
    /// Last observation.
    #[schema(format = DateTime)]
    last_at: String,
    /// When it was over.
    #[schema(format = DateTime)]
    resolved_at: Option<String>,
    /// Observations.
    count: u64,
    /// How often it came back.
    reopened: u32,
    /// One sentence.
    summary: String,
}

impl From<Incident> for IncidentView {
    fn from(incident: Incident) -> Self {
        let (subject, subject_id) = match incident.subject {
            Subject::Channel(id) => ("channel", Some(id.0)),
            Subject::Media(id) => ("media", Some(id.0)),
            Subject::Host => ("host", None),
        };
        Self {
            id: incident.id.0,
            subject,
            subject_id,
            media_id: incident.media.map(|id| id.0),
            cause: incident.cause,
            meaning: incident.cause.meaning(),
            state: incident.state,
            opened_at: stamp(incident.opened_at),
            last_at: stamp(incident.last_at),
            resolved_at: incident.resolved_at.map(stamp),
            count: incident.count,
            reopened: incident.reopened,
            summary: incident.summary,
        }
    }
}

/// A record of the audit chain.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditRecord)]
pub struct RecordView {
    /// Place in the chain, from 1, without gaps.
    seq: i64,
    /// When it was written.
    #[schema(format = DateTime)]
    at: String,
    /// What it says: `envelope`, `plan`, `denied`, `intent`, `outcome`, `verdict`, …
    #[schema(value_type = String)]
    kind: RecordKind,
    /// Who: `agent`, `person:<key>`, `system`.
    actor: String,
    /// The incident it belongs to.
    incident_id: Option<i64>,
    /// Everything else.
    #[schema(value_type = Object)]
    body: Value,
    /// Hash of the record before.
    prev: String,
    /// Hash of this record.
    hash: String,
}

impl From<AuditRecord> for RecordView {
    fn from(record: AuditRecord) -> Self {
        Self {
            seq: record.seq,
            at: stamp(record.at),
            kind: record.kind,
            actor: record.actor,
            incident_id: record.incident.map(|id| id.0),
            body: record.body,
            prev: record.prev,
            hash: record.hash,
        }
    }
}

/// An incident with everything recorded about it.
#[derive(Debug, Serialize, ToSchema)]
pub struct IncidentFile {
    /// The incident.
    incident: IncidentView,
    /// Its audit records in order: envelope, plan, intent, outcome, verdict.
    records: Vec<RecordView>,
}

/// Which incidents are wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct IncidentQuery {
    /// Only this state: `open`, `resolved` or `escalated`.
    #[param(value_type = Option<String>)]
    state: Option<IncidentState>,
    /// Only this channel.
    channel_id: Option<i64>,
    /// How many at most.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<i64>,
    /// How many to leave out at the front.
    #[param(minimum = 0, maximum = 10_000_000, default = 0)]
    skip: Option<i64>,
}

/// Lists incidents, newest first.
#[utoipa::path(get, path = "", tag = "agent", params(IncidentQuery), responses(
    (status = 200, description = "The incidents", body = [IncidentView]),
    (status = 401, description = "No valid key", body = Problem),
    (status = 422, description = "A query field cannot be taken", body = Problem)))]
pub async fn incidents(
    Has(state): Has<State>,
    Query(query): Query<IncidentQuery>,
) -> Result<Json<Vec<IncidentView>>, ApiError> {
    let limit = within("limit", query.limit, 100, 1..=1000)?;
    let skip = within("skip", query.skip, 0, 0..=10_000_000)?;
    let filter = IncidentFilter {
        state: query.state,
        channel: query.channel_id.map(ChannelId),
        limit: u32::try_from(limit).unwrap_or(100),
        offset: u32::try_from(skip).unwrap_or(0),
    };
    let incidents = state.control.incidents(filter).await?;
    Ok(Json(incidents.into_iter().map(IncidentView::from).collect()))
}

/// One incident with its audit records.
#[utoipa::path(get, path = "", tag = "agent", params(("incident" = i64, Path, description = "Id of the incident")), responses(
    (status = 200, description = "The incident and its records", body = IncidentFile),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such incident", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn incident(
    Has(state): Has<State>,
    Path(id): Path<IncidentId>,
) -> Result<Json<IncidentFile>, ApiError> {
    let found = state.control.incident(id).await?;
    Ok(Json(IncidentFile {
        incident: found.incident.into(),
        records: found.records.into_iter().map(RecordView::from).collect(),
    }))
}

/// Which audit records are wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// Only records of this incident.
    incident_id: Option<i64>,
    /// Only records after this place in the chain.
    #[param(minimum = 0, default = 0)]
    after_seq: Option<i64>,
    /// How many at most.
    #[param(minimum = 1, maximum = 1000, default = 200)]
    limit: Option<i64>,
}

/// Reads the audit chain in its order.
#[utoipa::path(get, path = "", tag = "agent", params(AuditQuery), responses(
    (status = 200, description = "The records", body = [RecordView]),
    (status = 401, description = "No valid key", body = Problem),
    (status = 422, description = "A query field cannot be taken", body = Problem)))]
pub async fn audit(
    Has(state): Has<State>,
    Query(query): Query<AuditQuery>,
) -> Result<Json<Vec<RecordView>>, ApiError> {
    let limit = within("limit", query.limit, 200, 1..=1000)?;
    let after_seq = within("after_seq", query.after_seq, 0, 0..=i64::MAX)?;
    let filter = AuditFilter {
        incident: query.incident_id.map(IncidentId),
        after_seq,
        limit: u32::try_from(limit).unwrap_or(200),
    };
    let records = state.control.audit(filter).await?;
    Ok(Json(records.into_iter().map(RecordView::from).collect()))
}

/// Whether the chain holds.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChainStatus)]
pub struct ChainView {
    /// Whether every record fits the one before.
    ok: bool,
    /// Records looked at.
    records: i64,
    /// Hash of the last record; keep it elsewhere to notice a chain that was cut.
    head: String,
    /// The first fault, if there is one.
    #[schema(value_type = Option<Object>)]
    fault: Value,
}

/// Checks the whole audit chain.
#[utoipa::path(get, path = "", tag = "agent", responses(
    (status = 200, description = "Whether the chain holds", body = ChainView),
    (status = 401, description = "No valid key", body = Problem)))]
pub async fn verify(Has(state): Has<State>) -> Result<Json<ChainView>, ApiError> {
    let chain = state.control.audit_status().await?;
    let fault = serde_json::to_value(&chain.fault);
    let fault = fault.map_err(|error| ApiError::internal("describing the fault", &error))?;
    Ok(Json(ChainView { ok: chain.is_intact(), records: chain.records, head: chain.head, fault }))
}
