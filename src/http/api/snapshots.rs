//! The history of schedules: what channels played at some moment, and the way back to it.

use axum::extract::State as Has;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain::{ChannelId, InvalidField, Kept};

use super::super::auth::Caller;
use super::super::error::{ApiError, Problem};
use super::super::extract::{Json, Path, Query};
use super::super::state::State;
use super::stamp;

/// Which channels to remember.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Capture {
    /// At least one.
    channel_ids: Vec<i64>,
    /// Who takes it.
    persona_id: Option<String>,
    /// What it is taken for.
    label: Option<String>,
}

/// A snapshot.
#[derive(Debug, Serialize, ToSchema)]
pub struct SnapshotView {
    /// Its id.
    id: i64,
    /// Who took it.
    persona_id: Option<String>,
    /// What it was taken for.
    label: Option<String>,
    /// When.
    #[schema(format = DateTime)]
    captured_at: String,
    /// The channels in it.
    channel_ids: Vec<i64>,
}

impl From<Kept<crate::domain::PlanSnapshot>> for SnapshotView {
    fn from(kept: Kept<crate::domain::PlanSnapshot>) -> Self {
        Self {
            id: kept.id,
            persona_id: kept.body.persona_id,
            label: kept.body.label,
            captured_at: stamp(kept.body.at),
            channel_ids: kept.body.channels.iter().map(|one| one.channel.0).collect(),
        }
    }
}

/// Remembers what channels play and will play, so that they can go back to it.
#[utoipa::path(post, path = "", tag = "playouts", request_body = Capture, responses(
    (status = 201, description = "The snapshot", body = SnapshotView),
    (status = 400, description = "The body is not JSON", body = Problem),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such channel", body = Problem),
    (status = 415, description = "The body is not marked as JSON", body = Problem),
    (status = 422, description = "A field cannot be taken", body = Problem)))]
pub async fn capture(
    Has(state): Has<State>,
    caller: Caller,
    Json(wanted): Json<Capture>,
) -> Result<(StatusCode, Json<SnapshotView>), ApiError> {
    if wanted.channel_ids.is_empty() || wanted.channel_ids.len() > 1000 {
        let problem = format!("there are {} channels", wanted.channel_ids.len());
        let wrong = InvalidField::new("channel_ids", problem, "send 1 to 1000 ids");
        return Err(ApiError::invalid("body", vec![wrong]));
    }
    let ids: Vec<ChannelId> = wanted.channel_ids.into_iter().map(ChannelId).collect();
    let Capture { persona_id, label, .. } = Capture { channel_ids: vec![], ..wanted };
    let kept = state.control.capture(&caller.actor(), &ids, persona_id, label).await?;
    Ok((StatusCode::CREATED, Json(SnapshotView::from(kept))))
}

/// Lists the snapshots, oldest first.
#[utoipa::path(get, path = "", tag = "playouts", responses(
    (status = 200, description = "The snapshots", body = [SnapshotView]),
    (status = 401, description = "No valid key", body = Problem)))]
pub async fn snapshots(Has(state): Has<State>) -> Result<Json<Vec<SnapshotView>>, ApiError> {
    let all = state.control.snapshots().await?;
    Ok(Json(all.into_iter().map(SnapshotView::from).collect()))
}

/// Whose snapshot it must be.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
pub struct RevertQuery {
    /// Left out: anybody's.
    persona_id: Option<String>,
}

/// What going back came to.
#[derive(Debug, Serialize, ToSchema)]
pub struct Reverted {
    /// Always `ok`.
    status: &'static str,
    /// How many slots were put back.
    items_restored: usize,
}

/// Goes back to a snapshot: rules, playout and what is planned after the programme on air.
#[utoipa::path(post, path = "", tag = "playouts", params(("snapshot" = i64, Path, description = "Id of the snapshot"), RevertQuery), responses(
    (status = 200, description = "It is done", body = Reverted),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such snapshot", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn revert(
    Has(state): Has<State>,
    caller: Caller,
    Path(id): Path<i64>,
    Query(query): Query<RevertQuery>,
) -> Result<Json<Reverted>, ApiError> {
    let persona = query.persona_id.as_deref();
    let items_restored = state.control.revert(&caller.actor(), id, persona).await?;
    Ok(Json(Reverted { status: "ok", items_restored }))
}
