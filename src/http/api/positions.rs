//! Where a channel stands, for those whose clock waits for viewers.

use axum::extract::State as Has;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::control::Position;
use crate::domain::{ChannelId, MediaId};

use super::super::auth::Caller;
use super::super::error::{ApiError, Problem};
use super::super::extract::{Json, Path};
use super::super::state::State;

/// Where a channel stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PlaybackPosition)]
pub struct PositionView {
    /// The channel.
    channel_id: i64,
    /// Place of the item in what is planned and kept.
    item_index: usize,
    /// What it plays.
    media_id: Option<i64>,
    /// Seconds into it.
    position_seconds: f64,
    /// Whether the channel waits there for viewers.
    resume_available: bool,
}

fn position_view(channel: ChannelId, position: Option<Position>) -> PositionView {
    PositionView {
        channel_id: channel.0,
        item_index: position.map_or(0, |position| position.index),
        media_id: position.and_then(|position| position.media).map(|media| media.0),
        position_seconds: position.map_or(0.0, |position| position.into_ms as f64 / 1000.0),
        resume_available: position.is_some_and(|position| position.stands),
    }
}

/// Tells where a channel stands.
#[utoipa::path(get, path = "", tag = "channels", params(("channel" = i64, Path, description = "Id of the channel")), responses(
    (status = 200, description = "Where it stands", body = PositionView),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such channel", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn position(
    Has(state): Has<State>,
    Path(id): Path<ChannelId>,
) -> Result<Json<PositionView>, ApiError> {
    state.control.channel(id).await?;
    Ok(Json(position_view(id, state.control.position(id))))
}

/// Where an on-demand channel is to go on.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = PlaybackPositionWrite)]
pub struct PositionWrite {
    /// Place of the item in what is planned and kept.
    item_index: usize,
    /// Or the next item that plays this media.
    media_id: Option<i64>,
}

/// Has an on-demand channel go on at the beginning of a planned item.
#[utoipa::path(post, path = "", tag = "channels", params(("channel" = i64, Path, description = "Id of the channel")), request_body = PositionWrite, responses(
    (status = 200, description = "Where it stands now", body = PositionView),
    (status = 400, description = "The body is not JSON", body = Problem),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such channel", body = Problem),
    (status = 409, description = "Its clock is everybody's", body = Problem),
    (status = 415, description = "The body is not marked as JSON", body = Problem),
    (status = 422, description = "Nothing such is planned", body = Problem)))]
pub async fn set_position(
    Has(state): Has<State>,
    Path(id): Path<ChannelId>,
    Json(to): Json<PositionWrite>,
) -> Result<Json<PositionView>, ApiError> {
    let position = state.control.set_position(id, to.item_index, to.media_id.map(MediaId)).await?;
    Ok(Json(position_view(id, position)))
}

/// Has a channel begin from the top of its schedule.
#[utoipa::path(delete, path = "", tag = "channels", params(("channel" = i64, Path, description = "Id of the channel")), responses(
    (status = 204, description = "It begins from the top after what is on air"),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such channel", body = Problem),
    (status = 409, description = "It shows another channel's programme", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn forget_position(
    Has(state): Has<State>,
    caller: Caller,
    Path(id): Path<ChannelId>,
) -> Result<StatusCode, ApiError> {
    state.control.channel(id).await?;
    state.control.rebuild(&caller.actor(), id, None, true).await?;
    Ok(StatusCode::NO_CONTENT)
}
