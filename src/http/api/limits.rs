//! What can be set of work ahead and of those who watch; it holds at once and is kept in the file.

use axum::extract::State as Has;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::control::tunables::{PreparingEdit, WatchingEdit};
use crate::domain::{Preparing, Watching};

use super::super::auth::Caller;
use super::super::error::{ApiError, Problem};
use super::super::extract::Json;
use super::super::state::State;

/// How media is made ready before it is on air.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PreparationSettings)]
pub struct PreparingView {
    /// Minutes that it is prepared before it is on air; 0 prepares only what is on air.
    ahead_minutes: u32,
    /// Whether the rest of the library is prepared, too, when there is time and free room.
    whole_library: bool,
    /// The share of the machine that may be used, in per cent; rounded down to whole cores, at
    /// least one.
    cpu_percent: u32,
}

impl From<Preparing> for PreparingView {
    fn from(preparing: Preparing) -> Self {
        let Preparing { ahead_minutes, whole_library, cpu_percent } = preparing;
        Self { ahead_minutes, whole_library, cpu_percent }
    }
}

/// A change of how media is made ready; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PreparationSettingsUpdate)]
pub struct PreparingBody {
    /// Minutes that it is prepared before it is on air.
    #[schema(minimum = 0, maximum = 1_440)]
    ahead_minutes: Option<i64>,
    /// Whether the rest of the library is prepared, too.
    whole_library: Option<bool>,
    /// The share of the machine that may be used, in per cent.
    #[schema(minimum = 1, maximum = 100)]
    cpu_percent: Option<i64>,
}

/// What holds for everyone who watches.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SessionSettings)]
pub struct WatchingView {
    /// Seconds of media a joiner gets at once.
    lead_seconds: u32,
    /// Seconds a channel goes on after its last viewer.
    linger_seconds: u32,
    /// Viewers of one channel at a time.
    max_sessions_per_channel: u32,
    /// Streams that one user may watch at a time; 0 for any number.
    max_sessions_per_user: u32,
    /// Seconds after which a viewer that takes no bytes is let go.
    idle_timeout_seconds: u32,
}

impl From<Watching> for WatchingView {
    fn from(watching: Watching) -> Self {
        let Watching { lead_seconds, linger_seconds, per_channel, per_user, idle_seconds } =
            watching;
        Self {
            lead_seconds,
            linger_seconds,
            max_sessions_per_channel: per_channel,
            max_sessions_per_user: per_user,
            idle_timeout_seconds: idle_seconds,
        }
    }
}

/// A change of what holds for those who watch; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SessionSettingsUpdate)]
pub struct WatchingBody {
    /// Seconds of media a joiner gets at once.
    #[schema(minimum = 1, maximum = 15)]
    lead_seconds: Option<i64>,
    /// Seconds a channel goes on after its last viewer.
    #[schema(minimum = 0, maximum = 3_600)]
    linger_seconds: Option<i64>,
    /// Viewers of one channel at a time.
    #[schema(minimum = 1, maximum = 10_000)]
    max_sessions_per_channel: Option<i64>,
    /// Streams that one user may watch at a time; 0 for any number.
    #[schema(minimum = 0, maximum = 10_000)]
    max_sessions_per_user: Option<i64>,
    /// Seconds after which a viewer that takes no bytes is let go.
    #[schema(minimum = 10, maximum = 86_400)]
    idle_timeout_seconds: Option<i64>,
}

/// How media is made ready before it is on air.
#[utoipa::path(get, path = "", tag = "settings", responses(
    (status = 200, description = "What holds now", body = PreparingView),
    (status = 401, description = "No valid key", body = Problem)))]
pub async fn preparation(Has(state): Has<State>) -> Json<PreparingView> {
    Json(state.control.preparing().into())
}

/// Changes how media is made ready, in `config.yaml` and at once.
#[utoipa::path(put, path = "", tag = "settings", request_body = PreparingBody, responses(
    (status = 200, description = "It is in force", body = PreparingView),
    (status = 401, description = "No valid key", body = Problem),
    (status = 422, description = "A field cannot be taken", body = Problem)))]
pub async fn set_preparation(
    Has(state): Has<State>,
    caller: Caller,
    Json(body): Json<PreparingBody>,
) -> Result<Json<PreparingView>, ApiError> {
    let PreparingBody { ahead_minutes, whole_library, cpu_percent } = body;
    let edit = PreparingEdit { ahead_minutes, whole_library, cpu_percent };
    Ok(Json(state.control.edit_preparing(&caller.actor(), edit).await?.into()))
}

/// What holds for everyone who watches.
#[utoipa::path(get, path = "", tag = "settings", responses(
    (status = 200, description = "What holds now", body = WatchingView),
    (status = 401, description = "No valid key", body = Problem)))]
pub async fn sessions(Has(state): Has<State>) -> Json<WatchingView> {
    Json(state.control.watching().into())
}

/// Changes what holds for those who watch, in `config.yaml` and at once; nobody has to leave.
#[utoipa::path(put, path = "", tag = "settings", request_body = WatchingBody, responses(
    (status = 200, description = "It is in force", body = WatchingView),
    (status = 401, description = "No valid key", body = Problem),
    (status = 422, description = "A field cannot be taken", body = Problem)))]
pub async fn set_sessions(
    Has(state): Has<State>,
    caller: Caller,
    Json(body): Json<WatchingBody>,
) -> Result<Json<WatchingView>, ApiError> {
    let edit = WatchingEdit {
        lead_seconds: body.lead_seconds,
        linger_seconds: body.linger_seconds,
        per_channel: body.max_sessions_per_channel,
        per_user: body.max_sessions_per_user,
        idle_seconds: body.idle_timeout_seconds,
    };
    Ok(Json(state.control.edit_watching(&caller.actor(), edit).await?.into()))
}
