//! Whether the server is alive, ready and well.

use axum::extract::State as Has;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::super::error::Problem;
use super::super::extract::Json;
use super::super::state::State;
use super::stamp;

/// A short word on how the server is.
#[derive(Debug, Serialize, ToSchema)]
pub struct HealthView {
    /// `healthy` or `degraded`.
    status: &'static str,
    /// Version of the server.
    version: &'static str,
    /// Time of the answer.
    #[schema(format = DateTime)]
    timestamp: String,
    /// The product.
    app: &'static str,
}

/// One word.
#[derive(Debug, Serialize, ToSchema)]
pub struct StatusView {
    /// The word.
    status: &'static str,
}

/// Says that the process answers; the only health address open to all.
#[utoipa::path(get, path = "", tag = "health", responses(
    (status = 200, description = "The process answers", body = StatusView)))]
pub async fn live() -> Json<StatusView> {
    Json(StatusView { status: "alive" })
}

/// How the server is, in a word.
#[utoipa::path(get, path = "", tag = "health", responses(
    (status = 200, description = "The server answers", body = HealthView),
    (status = 401, description = "No valid key", body = Problem)))]
pub async fn health(Has(state): Has<State>) -> Json<HealthView> {
    let health = state.control.health().await;
    Json(HealthView {
        status: if is_ready(&health) { "healthy" } else { "degraded" },
        version: state.settings.version,
        timestamp: stamp(state.now()),
        app: "EXStreamTV",
    })
}

/// The version of the server.
#[utoipa::path(get, path = "", tag = "health", responses(
    (status = 200, description = "The version", body = Object),
    (status = 401, description = "No valid key", body = Problem)))]
pub async fn version(Has(state): Has<State>) -> Json<Value> {
    let description = "A personal TV server: media becomes live channels";
    let version = state.settings.version;
    Json(json!({ "version": version, "app": "EXStreamTV", "description": description }))
}

/// Whether the server can do its work: database, line-up and ffmpeg.
#[utoipa::path(get, path = "", tag = "health", responses(
    (status = 200, description = "Ready", body = Object),
    (status = 401, description = "No valid key", body = Problem),
    (status = 503, description = "Not ready; the body says what is missing", body = Object)))]
pub async fn ready(Has(state): Has<State>) -> Response {
    let health = state.control.health().await;
    let ready = is_ready(&health);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({
        "status": if ready { "ready" } else { "not_ready" },
        "components": components(&health),
    });
    (status, Json(body)).into_response()
}

/// Everything about how the server is.
#[utoipa::path(get, path = "", tag = "health", responses(
    (status = 200, description = "Components, pool and streams", body = Object),
    (status = 401, description = "No valid key", body = Problem)))]
pub async fn detailed(Has(state): Has<State>) -> Json<Value> {
    let health = state.control.health().await;
    let running = state.control.tuning().running();
    Json(json!({
        "status": if is_ready(&health) { "healthy" } else { "degraded" },
        "version": state.settings.version,
        "timestamp": stamp(state.now()),
        "system": {
            "platform": std::env::consts::OS,
            "architecture": std::env::consts::ARCH,
            "cpu_count": std::thread::available_parallelism().map_or(1, usize::from),
        },
        "components": components(&health),
        "pool": pool(&health),
        "streams": {
            "running_channels": running.len(),
            "viewers": state.control.tuning().viewers().len(),
        },
        "config": { "api_key_required": state.settings.api_key_required },
    }))
}

/// Whether the database answers.
#[utoipa::path(get, path = "", tag = "health", responses(
    (status = 200, description = "`status` is healthy or error", body = Object),
    (status = 401, description = "No valid key", body = Problem)))]
pub async fn db(Has(state): Has<State>) -> Json<Value> {
    let health = state.control.health().await;
    let status = if health.database.is_ok() { "healthy" } else { "error" };
    Json(json!({
        "status": status, "error": health.database.err(), "timestamp": stamp(state.now()),
    }))
}

/// How the running channels are.
#[utoipa::path(get, path = "", tag = "health", responses(
    (status = 200, description = "One entry a running channel", body = Object),
    (status = 401, description = "No valid key", body = Problem)))]
pub async fn channels(Has(state): Has<State>) -> Json<Value> {
    let running = state.control.tuning().running();
    let unhealthy = running.iter().filter(|c| c.on_slate || c.headroom_ms < 0).count();
    let channels: serde_json::Map<String, Value> = running
        .iter()
        .map(|c| {
            let body = json!({
                "viewers": c.viewers, "headroom_ms": c.headroom_ms, "on_slate": c.on_slate,
            });
            (c.channel.to_string(), body)
        })
        .collect();
    Json(json!({
        "status": if unhealthy == 0 { "healthy" } else { "degraded" },
        "total_channels": running.len(),
        "unhealthy_channels": unhealthy,
        "channels": channels,
        "timestamp": stamp(state.now()),
    }))
}

/// Processes and viewers.
#[utoipa::path(get, path = "", tag = "health", responses(
    (status = 200, description = "The process pool and the viewers", body = Object),
    (status = 401, description = "No valid key", body = Problem)))]
pub async fn streaming(Has(state): Has<State>) -> Json<Value> {
    let health = state.control.health().await;
    let running = state.control.tuning().running();
    let late = running.iter().filter(|channel| channel.headroom_ms < 0).count();
    let viewers = state.control.tuning().viewers();
    let viewers: Vec<Value> = viewers
        .iter()
        .map(|v| {
            json!({
                "viewer_id": v.id.0, "channel_id": v.channel.0, "address": v.addr,
                "user_agent": v.user_agent, "via": v.via, "since": stamp(v.since),
                "bytes": v.bytes, "skips": v.skips,
            })
        })
        .collect();
    Json(json!({
        "status": if late == 0 { "healthy" } else { "degraded" },
        "running_channels": running.len(),
        "late_channels": late,
        "watchdog": pool(&health),
        "viewers": viewers,
        "timestamp": stamp(state.now()),
    }))
}

fn is_ready(health: &crate::control::Health) -> bool {
    health.database.is_ok() && health.lineup.is_ok() && health.programs.is_ok()
}

fn components(health: &crate::control::Health) -> Value {
    let part = |fault: Option<&String>| match fault {
        None => json!({ "status": "ok" }),
        Some(fault) => json!({ "status": "error", "error": fault }),
    };
    json!({
        "database": part(health.database.as_ref().err()),
        "lineup": part(health.lineup.as_ref().err()),
        "ffmpeg": part(health.programs.as_ref().err()),
    })
}

fn pool(health: &crate::control::Health) -> Value {
    json!({
        "active_processes": health.pool.running,
        "background_processes": health.pool.background,
        "waiting": health.pool.waiting,
        "limit": health.pool.limit,
        "started_total": health.pool.started,
        "rejected_total": health.pool.rejected,
    })
}
