//! Settings that take effect while the server runs, under the addresses the ancestor had for them.

use axum::extract::State as Has;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::control::tunables::{BuffersEdit, ThrottlerEdit};
use crate::domain::{PaceMode, StreamBuffers, Throttler};

use super::super::auth::Caller;
use super::super::error::{ApiError, Problem};
use super::super::extract::Json;
use super::super::state::State;

/// How viewers that fell behind catch up.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StreamThrottler)]
pub struct ThrottlerView {
    /// Whether there is one; without it, it is as in mode `disabled`.
    enabled: bool,
    /// Bits a second for catching up; a stream that carries more is followed by a quarter more
    /// than it carries, so nobody starves.
    target_bitrate_bps: u32,
    /// `realtime`, `burst`, `adaptive` or `disabled`.
    #[schema(value_type = String)]
    mode: PaceMode,
}

impl From<Throttler> for ThrottlerView {
    fn from(throttler: Throttler) -> Self {
        let Throttler { enabled, target_bitrate_bps, mode } = throttler;
        Self { enabled, target_bitrate_bps, mode }
    }
}

/// A change of the throttler; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = StreamThrottlerUpdate)]
pub struct ThrottlerBody {
    /// Whether there is one.
    enabled: Option<bool>,
    /// Bits a second for catching up.
    #[schema(minimum = 1_000_000, maximum = 50_000_000)]
    target_bitrate_bps: Option<i64>,
    /// `realtime`, `burst`, `adaptive` or `disabled`.
    #[schema(value_type = Option<String>)]
    mode: Option<PaceMode>,
}

/// How much a client's connection is given at once.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StreamingSettings)]
pub struct BuffersView {
    /// Bytes asked of the kernel for what waits to be sent to one client.
    buffer_size: u32,
    /// Most bytes handed to a connection at once; a block of 100 ms is never divided.
    read_size: u32,
}

impl From<StreamBuffers> for BuffersView {
    fn from(buffers: StreamBuffers) -> Self {
        let StreamBuffers { buffer_size, read_size } = buffers;
        Self { buffer_size, read_size }
    }
}

/// A change of the buffers; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = StreamingSettingsUpdate)]
pub struct BuffersBody {
    /// Bytes asked of the kernel for what waits to be sent to one client; for new connections.
    #[schema(minimum = 65_536, maximum = 33_554_432)]
    buffer_size: Option<i64>,
    /// Most bytes handed to a connection at once.
    #[schema(minimum = 4_096, maximum = 1_048_576)]
    read_size: Option<i64>,
}

/// How viewers that fell behind catch up.
#[utoipa::path(get, path = "", tag = "settings", responses(
    (status = 200, description = "The throttler", body = ThrottlerView),
    (status = 401, description = "No valid key", body = Problem)))]
pub async fn throttler(Has(state): Has<State>) -> Json<ThrottlerView> {
    Json(state.control.throttler().into())
}

/// Changes the throttler, in `config.yaml` and at once for all who watch.
#[utoipa::path(put, path = "", tag = "settings", request_body = ThrottlerBody, responses(
    (status = 200, description = "It is in force", body = Object),
    (status = 401, description = "No valid key", body = Problem),
    (status = 422, description = "A field cannot be taken", body = Problem)))]
pub async fn set_throttler(
    Has(state): Has<State>,
    caller: Caller,
    Json(body): Json<ThrottlerBody>,
) -> Result<Json<Value>, ApiError> {
    let ThrottlerBody { enabled, target_bitrate_bps, mode } = body;
    let edit = ThrottlerEdit { enabled, target_bitrate_bps, mode };
    let now = state.control.edit_throttler(&caller.actor(), edit).await?;
    Ok(Json(json!({
        "message": "Stream throttler settings saved and in force.",
        "enabled": now.enabled, "target_bitrate_bps": now.target_bitrate_bps, "mode": now.mode,
    })))
}

/// How much a client's connection is given at once.
#[utoipa::path(get, path = "", tag = "settings", responses(
    (status = 200, description = "The sizes, in bytes", body = BuffersView),
    (status = 401, description = "No valid key", body = Problem)))]
pub async fn streaming(Has(state): Has<State>) -> Json<BuffersView> {
    Json(state.control.buffers().into())
}

/// Changes the sizes, in `config.yaml` and at once; the kernel's for those who connect from now on.
#[utoipa::path(put, path = "", tag = "settings", request_body = BuffersBody, responses(
    (status = 200, description = "They are in force", body = Object),
    (status = 401, description = "No valid key", body = Problem),
    (status = 422, description = "A field cannot be taken", body = Problem)))]
pub async fn set_streaming(
    Has(state): Has<State>,
    caller: Caller,
    Json(body): Json<BuffersBody>,
) -> Result<Json<Value>, ApiError> {
    let BuffersBody { buffer_size, read_size } = body;
    let edit = BuffersEdit { buffer_size, read_size };
    let now = state.control.edit_buffers(&caller.actor(), edit).await?;
    Ok(Json(json!({
        "message": "Streaming settings saved and in force.",
        "buffer_size": now.buffer_size, "read_size": now.read_size,
    })))
}
