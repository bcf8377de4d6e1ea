//! How far preparation is.

use axum::extract::State as Has;
use serde::Serialize;
use utoipa::ToSchema;

use crate::stream::ahead::{ChannelReadiness, Making};

use super::super::error::Problem;
use super::super::extract::Json;
use super::super::state::State;

/// What is ready, what is being made, and what that takes.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Preparation)]
pub struct PreparationView {
    /// What is being made now.
    making: Vec<MakingView>,
    /// How ready every channel is for the next two hours.
    channels: Vec<ReadinessView>,
    /// Bytes of prepared media.
    cache_bytes: u64,
    /// How many bytes it may be.
    cache_limit_bytes: u64,
    /// Files that conform already and are open for reading in process.
    in_process_files: usize,
    /// Bytes of memory that their tables take.
    in_process_memory_bytes: usize,
    /// How far the whole library is; `null` unless all of it is prepared.
    library: Option<LibraryView>,
}

/// How far the whole library is; each item counts once for each profile in use.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LibraryPreparation)]
pub struct LibraryView {
    /// `working`, `stands_back` (something else goes first), `full` (no free room) or `done`.
    state: &'static str,
    /// Items in all.
    total: usize,
    /// Of them, those that conform already and are read from their own files.
    in_process: usize,
    /// Of them, those that were prepared.
    prepared: usize,
    /// Of them, those that cannot be prepared.
    failed: usize,
}

/// Something that is being made.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Making)]
pub struct MakingView {
    /// What.
    media_id: i64,
    /// The profile it is made for.
    profile: String,
    /// The channels whose viewers wait for it; none for work ahead.
    waiting_channel_ids: Vec<i64>,
    /// How far it is, in milliseconds of media.
    done_ms: i64,
    /// Where it ends; `null` when that is not known.
    end_ms: Option<i64>,
    /// Whether it is held back because enough is ready.
    held: bool,
}

/// How ready a channel is, in milliseconds of air time.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChannelReadiness)]
pub struct ReadinessView {
    /// Which channel.
    channel_id: i64,
    /// How long from now on everything is ready.
    ready_for_ms: i64,
    /// What is planned of the next two hours.
    planned_ms: i64,
    /// Of that, what conforms already and is read from its own files.
    in_process_ms: i64,
    /// Of that, what was prepared.
    prepared_ms: i64,
    /// Of that, what cannot be prepared.
    failed_ms: i64,
}

/// Tells what is ready to be shown, and what is being made ready.
#[utoipa::path(get, path = "", tag = "preparation", responses(
    (status = 200, description = "How far preparation is", body = PreparationView),
    (status = 401, description = "No valid key", body = Problem)))]
pub async fn show(Has(state): Has<State>) -> Json<PreparationView> {
    let now = state.control.tuning().preparation();
    Json(PreparationView {
        making: now.making.into_iter().map(making).collect(),
        channels: now.channels.iter().map(|(id, ready)| readiness(id.0, ready)).collect(),
        cache_bytes: now.cache.0,
        cache_limit_bytes: now.cache.1,
        in_process_files: now.opened.0,
        in_process_memory_bytes: now.opened.1,
        library: now.library.map(|library| LibraryView {
            state: library.state.as_str(),
            total: library.total,
            in_process: library.in_process,
            prepared: library.prepared,
            failed: library.failed,
        }),
    })
}

fn making(making: Making) -> MakingView {
    MakingView {
        media_id: making.media.0,
        profile: making.profile,
        waiting_channel_ids: making.waiting.iter().map(|channel| channel.0).collect(),
        done_ms: making.done_ms,
        end_ms: making.end_ms,
        held: making.held,
    }
}

fn readiness(channel_id: i64, ready: &ChannelReadiness) -> ReadinessView {
    ReadinessView {
        channel_id,
        ready_for_ms: ready.ready_for_ms,
        planned_ms: ready.planned_ms,
        in_process_ms: ready.in_process_ms,
        prepared_ms: ready.prepared_ms,
        failed_ms: ready.failed_ms,
    }
}
