//! Collections: named choices of media that schedules refer to.

use axum::extract::State as Has;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{Collection, CollectionId, LibraryId, MediaId, MediaKind, Selector};

use super::super::auth::Caller;
use super::super::error::{ApiError, Problem};
use super::super::extract::{Json, Path};
use super::super::state::State;

/// A named choice of media.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Collection)]
pub struct CollectionView {
    /// Its id.
    id: i64,
    /// Its name.
    name: String,
    /// What is in it.
    selector: SelectorView,
}

/// Which media a collection holds.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[schema(as = Selector)]
pub enum SelectorView {
    /// Just these, in this order.
    Manual {
        /// Ids of media.
        #[schema(max_items = 10_000)]
        media: Vec<i64>,
    },
    /// Everything that matches; a field left out matches all.
    Filter {
        /// Only this library.
        #[serde(default)]
        library: Option<i64>,
        /// Only this kind.
        #[serde(default)]
        #[schema(value_type = Option<KindName>)]
        kind: Option<MediaKind>,
        /// Only this show or artist, compared without case.
        #[serde(default)]
        show: Option<String>,
        /// Only files below this folder.
        #[serde(default)]
        folder: Option<String>,
    },
}

/// What a media item is.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "snake_case", as = MediaKind)]
pub enum KindName {
    /// A film.
    Movie,
    /// An episode of a show.
    Episode,
    /// A music video.
    MusicVideo,
    /// Anything else.
    Other,
}

/// A collection to be created.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CollectionCreate {
    /// Its name, one line.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// What is in it.
    selector: SelectorView,
}

impl From<Collection> for CollectionView {
    fn from(collection: Collection) -> Self {
        let selector = match collection.selector {
            Selector::Manual { media } => {
                SelectorView::Manual { media: media.into_iter().map(|id| id.0).collect() }
            }
            Selector::Filter { library, kind, show, folder } => {
                SelectorView::Filter { library: library.map(|id| id.0), kind, show, folder }
            }
        };
        Self { id: collection.id.0, name: collection.name, selector }
    }
}

impl From<SelectorView> for Selector {
    fn from(view: SelectorView) -> Self {
        match view {
            SelectorView::Manual { media } => {
                Self::Manual { media: media.into_iter().map(MediaId).collect() }
            }
            SelectorView::Filter { library, kind, show, folder } => {
                Self::Filter { library: library.map(LibraryId), kind, show, folder }
            }
        }
    }
}

/// Lists the collections.
#[utoipa::path(get, path = "", tag = "collections", responses(
    (status = 200, description = "The collections", body = [CollectionView]),
    (status = 401, description = "No valid key", body = Problem)))]
pub async fn list(Has(state): Has<State>) -> Result<Json<Vec<CollectionView>>, ApiError> {
    let collections = state.control.collections().await?;
    Ok(Json(collections.into_iter().map(CollectionView::from).collect()))
}

/// Creates a collection.
#[utoipa::path(post, path = "", tag = "collections", request_body = CollectionCreate, responses(
    (status = 201, description = "The new collection", body = CollectionView),
    (status = 400, description = "The body is not JSON", body = Problem),
    (status = 401, description = "No valid key", body = Problem),
    (status = 409, description = "The name is taken", body = Problem),
    (status = 415, description = "The body is not marked as JSON", body = Problem),
    (status = 422, description = "A field cannot be taken", body = Problem)))]
pub async fn create(
    Has(state): Has<State>,
    caller: Caller,
    Json(new): Json<CollectionCreate>,
) -> Result<(StatusCode, Json<CollectionView>), ApiError> {
    let selector = new.selector.into();
    let made = state.control.create_collection(&caller.actor(), &new.name, selector).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// Deletes a collection that no channel plays.
#[utoipa::path(delete, path = "", tag = "collections", params(("collection" = i64, Path, description = "Id of the collection")), responses(
    (status = 204, description = "It is gone"),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such collection", body = Problem),
    (status = 409, description = "A channel plays it", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn delete(
    Has(state): Has<State>,
    caller: Caller,
    Path(id): Path<CollectionId>,
) -> Result<StatusCode, ApiError> {
    state.control.delete_collection(&caller.actor(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}
