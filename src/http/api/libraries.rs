//! Libraries: folders that media is taken from, and how far their scans are.

use axum::extract::State as Has;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{Library, LibraryId, LibraryKind, NewLibrary, ScanProgress, ScanState};

use super::super::auth::Caller;
use super::super::error::{ApiError, Problem};
use super::super::extract::{Json, Path};
use super::super::state::State;
use super::stamp;

/// A library.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Library)]
pub struct LibraryView {
    /// Its id.
    id: i64,
    /// Its name.
    name: String,
    /// What it holds.
    #[schema(value_type = LibraryKindName)]
    library_type: LibraryKind,
    /// Where it is: `local` or `live`.
    source_type: &'static str,
    /// Absolute path of the folder; of broadcasts the host alone, as an address may hold a password.
    path: String,
    /// Streams that the provider of broadcasts allows at once.
    connections: Option<u32>,
    /// Whether it is scanned.
    is_enabled: bool,
    /// `idle`, `scanning` or `error`.
    status: &'static str,
    /// When a scan last ended well.
    #[schema(format = DateTime)]
    last_scan: Option<String>,
    /// Media items known.
    item_count: u64,
}

/// What a library holds.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "snake_case", as = LibraryKind)]
pub enum LibraryKindName {
    /// Films.
    Movie,
    /// Shows.
    Show,
    /// Music videos.
    Music,
    /// Broadcasts of somebody else, by a playlist or an address.
    Live,
    /// A mix.
    Other,
}

/// A folder to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LibraryCreate {
    /// Its name, one line.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// Absolute path of the folder on the server; of broadcasts the address or the file of their
    /// playlist, or the address of a single one.
    #[schema(min_length = 1, max_length = 4096)]
    path: String,
    /// Streams that the provider of broadcasts allows at once; left out for no limit.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 100)]
    connections: Option<u32>,
    /// What it holds, which decides how file names are read.
    #[serde(default, alias = "kind")]
    #[schema(value_type = LibraryKindName)]
    library_type: LibraryKind,
}

/// How far a scan is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ScanProgress)]
pub struct ScanView {
    /// The library.
    library_id: i64,
    /// `started`, `running`, `completed` or `failed`.
    status: &'static str,
    /// Files found so far.
    total_files: u64,
    /// Files looked at so far.
    scanned_files: u64,
    /// Items not known before.
    new_items: u64,
    /// Items whose file changed.
    changed_items: u64,
    /// Items whose file is gone.
    missing_items: u64,
    /// Files that could not be read; each is listed with its reason under `/api/media`.
    errors: u64,
    /// File being read.
    current_file: Option<String>,
    /// 0 to 100.
    percent_complete: f64,
    /// When it began.
    #[schema(format = DateTime)]
    started_at: String,
    /// When it ended.
    #[schema(format = DateTime)]
    ended_at: Option<String>,
    /// Why it failed.
    failure: Option<String>,
}

impl From<ScanProgress> for ScanView {
    fn from(scan: ScanProgress) -> Self {
        let status = match scan.state {
            ScanState::Started => "started",
            ScanState::Running => "running",
            ScanState::Completed => "completed",
            ScanState::Failed => "failed",
        };
        #[expect(clippy::cast_precision_loss, reason = "file counts are far below 2^52")]
        let percent_complete = match (scan.state, scan.total_files) {
            (ScanState::Completed, _) => 100.0,
            (_, 0) => 0.0,
            (_, total) => {
                let percent = scan.scanned_files as f64 * 100.0 / total as f64;
                (percent * 10.0).round() / 10.0
            }
        };
        Self {
            library_id: scan.library.0,
            status,
            total_files: scan.total_files,
            scanned_files: scan.scanned_files,
            new_items: scan.new_items,
            changed_items: scan.changed_items,
            missing_items: scan.missing_items,
            errors: scan.errors,
            current_file: scan.current_file,
            percent_complete,
            started_at: stamp(scan.started_at),
            ended_at: scan.ended_at.map(stamp),
            failure: scan.failure,
        }
    }
}

/// Lists the libraries.
#[utoipa::path(get, path = "", tag = "libraries", responses(
    (status = 200, description = "The libraries", body = [LibraryView]),
    (status = 401, description = "No valid key", body = Problem)))]
pub async fn list(Has(state): Has<State>) -> Result<Json<Vec<LibraryView>>, ApiError> {
    let mut views = Vec::new();
    for library in state.control.libraries().await? {
        views.push(view(&state, library).await?);
    }
    Ok(Json(views))
}

/// Adds a folder, or a playlist of broadcasts; scan it to see what is in it.
#[utoipa::path(post, path = "", tag = "libraries", request_body = LibraryCreate, responses(
    (status = 201, description = "The new library", body = LibraryView),
    (status = 400, description = "The body is not JSON", body = Problem),
    (status = 401, description = "No valid key", body = Problem),
    (status = 409, description = "The folder is a library already", body = Problem),
    (status = 415, description = "The body is not marked as JSON", body = Problem),
    (status = 422, description = "A field cannot be taken", body = Problem)))]
pub async fn add_local(
    Has(state): Has<State>,
    caller: Caller,
    Json(new): Json<LibraryCreate>,
) -> Result<(StatusCode, Json<LibraryView>), ApiError> {
    let LibraryCreate { name, path, connections, library_type: kind } = new;
    let new = NewLibrary { name, path, kind, connections };
    let library = state.control.add_library(&caller.actor(), new).await?;
    Ok((StatusCode::CREATED, Json(view(&state, library).await?)))
}

/// Takes a library away with its media; no file is touched.
#[utoipa::path(delete, path = "", tag = "libraries", params(("library" = i64, Path, description = "Id of the library")), responses(
    (status = 204, description = "It is gone"),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such library", body = Problem),
    (status = 409, description = "It is being scanned", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn remove(
    Has(state): Has<State>,
    caller: Caller,
    Path(id): Path<LibraryId>,
) -> Result<StatusCode, ApiError> {
    state.control.remove_library(&caller.actor(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Begins a scan.
#[utoipa::path(post, path = "", tag = "libraries", params(("library" = i64, Path, description = "Id of the library")), responses(
    (status = 200, description = "The scan began", body = ScanView),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such library", body = Problem),
    (status = 409, description = "A scan is running", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn scan(
    Has(state): Has<State>,
    caller: Caller,
    Path(id): Path<LibraryId>,
) -> Result<Json<ScanView>, ApiError> {
    let progress = state.control.start_scan(&caller.actor(), id).await?;
    Ok(Json(progress.into()))
}

/// How far the last scan of a library is.
#[utoipa::path(get, path = "", tag = "libraries", params(("library" = i64, Path, description = "Id of the library")), responses(
    (status = 200, description = "The scan", body = ScanView),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No scan since the server started", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn scan_progress(
    Has(state): Has<State>,
    Path(id): Path<LibraryId>,
) -> Result<Json<ScanView>, ApiError> {
    let progress = state.control.scan_progress(id);
    let progress =
        progress.ok_or_else(|| ApiError::not_found(&format!("a scan of library {id}")))?;
    Ok(Json(progress.into()))
}

async fn view(state: &State, library: Library) -> Result<LibraryView, ApiError> {
    let scan = state.control.scan_progress(library.id).map(|scan| scan.state);
    let status = match scan {
        Some(ScanState::Started | ScanState::Running) => "scanning",
        Some(ScanState::Failed) => "error",
        Some(ScanState::Completed) | None => "idle",
    };
    let filter = crate::domain::MediaFilter {
        library: Some(library.id),
        limit: 1,
        ..crate::domain::MediaFilter::default()
    };
    let item_count = state.control.media(filter).await?.total;
    Ok(LibraryView {
        id: library.id.0,
        path: library.place(),
        name: library.name,
        library_type: library.kind,
        source_type: if library.kind == LibraryKind::Live { "live" } else { "local" },
        connections: library.connections,
        is_enabled: true,
        status,
        last_scan: library.last_scan.map(stamp),
        item_count,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::UtcMillis;

    #[test]
    fn a_scan_shows_how_far_it_is() {
        let percent = |state, scanned_files, total_files| {
            let scan = ScanProgress {
                library: LibraryId(1),
                state,
                total_files,
                scanned_files,
                new_items: 0,
                changed_items: 0,
                missing_items: 0,
                errors: 0,
                current_file: None,
                started_at: UtcMillis(0),
                ended_at: None,
                failure: None,
            };
            format!("{:?}", ScanView::from(scan).percent_complete)
        };
        assert_eq!(percent(ScanState::Started, 0, 0), "0.0");
        assert_eq!(percent(ScanState::Running, 1, 3), "33.3");
        assert_eq!(percent(ScanState::Completed, 0, 0), "100.0");
    }
}
