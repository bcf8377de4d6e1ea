//! Playlists: manual collections, as lists of media that one moves about.
//!
//! A playlist is a collection and has its id. An item of it is known by the id of its media: these
//! addresses put no media into a list twice.

use axum::extract::State as Has;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::control::NewCollection;
use crate::domain::{Collection, CollectionEdit, CollectionId, Media, MediaId, Selector};

use super::super::auth::Caller;
use super::super::error::{ApiError, Problem};
use super::super::extract::{Either, Json, Path, Query};
use super::super::state::State;
use super::collections::{Done, add_to, manual, remove_from, store};
use super::stamp;

/// A manual collection as a list of media.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Playlist)]
pub struct PlaylistView {
    /// Its id, that of the collection.
    id: i64,
    /// Its name.
    name: String,
    /// Words about it.
    description: Option<String>,
    /// Always `null`: channels name collections, not the other way round.
    channel_id: Option<i64>,
    /// What is in it, in its order.
    items: Vec<PlaylistItem>,
    /// When it was made; `null` for those of earlier versions.
    #[schema(format = DateTime)]
    created_at: Option<String>,
    /// When it was changed last.
    #[schema(format = DateTime)]
    updated_at: Option<String>,
}

/// An item of a playlist.
#[derive(Debug, Serialize, ToSchema)]
pub struct PlaylistItem {
    /// Its id within the playlist: that of its media.
    id: i64,
    /// Id of its media.
    media_item_id: i64,
    /// Its place, from 0.
    order: usize,
    /// Its media; `null` when it was removed.
    media_item: Option<PlaylistMedia>,
}

/// The media of an item, in short.
#[derive(Debug, Serialize, ToSchema)]
pub struct PlaylistMedia {
    /// Its id.
    id: i64,
    /// Its title.
    title: String,
    /// Where it comes from: always `local` for now.
    source: &'static str,
    /// Absolute path of the file.
    url: String,
}

/// A playlist to be created.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaylistCreate {
    /// Its name, one line.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// Words about it.
    #[serde(default)]
    #[schema(max_length = 2000)]
    description: Option<String>,
}

/// What is changed of a playlist; in the query string or as JSON.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct PlaylistChange {
    /// Its name, one line.
    name: Option<String>,
    /// Words about it; an empty text takes them away.
    description: Option<String>,
}

/// Which way an item is moved.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MoveQuery {
    /// `up` or `down`.
    direction: String,
}

/// Lists the playlists by name.
#[utoipa::path(get, path = "", tag = "playlists", responses(
    (status = 200, description = "The playlists", body = [PlaylistView]),
    (status = 401, description = "No valid key", body = Problem)))]
pub async fn list(Has(state): Has<State>) -> Result<Json<Vec<PlaylistView>>, ApiError> {
    let mut views = Vec::new();
    for collection in state.control.collections().await? {
        if matches!(collection.selector, Selector::Manual { .. }) {
            views.push(view(&state, collection).await?);
        }
    }
    views.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Json(views))
}

/// Reads one playlist.
#[utoipa::path(get, path = "", tag = "playlists", params(("playlist" = i64, Path, description = "Id of the playlist")), responses(
    (status = 200, description = "The playlist", body = PlaylistView),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such playlist", body = Problem),
    (status = 409, description = "The collection is not a manual choice", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn read(
    Has(state): Has<State>,
    Path(id): Path<CollectionId>,
) -> Result<Json<PlaylistView>, ApiError> {
    let (_, collection) = manual(&state, id).await?;
    view(&state, collection).await.map(Json)
}

/// Creates an empty playlist.
#[utoipa::path(post, path = "", tag = "playlists", request_body = PlaylistCreate, responses(
    (status = 201, description = "The new playlist", body = PlaylistView),
    (status = 400, description = "The body is not JSON", body = Problem),
    (status = 401, description = "No valid key", body = Problem),
    (status = 409, description = "The name is taken", body = Problem),
    (status = 415, description = "The body is not marked as JSON", body = Problem),
    (status = 422, description = "A field cannot be taken", body = Problem)))]
pub async fn create(
    Has(state): Has<State>,
    caller: Caller,
    Json(new): Json<PlaylistCreate>,
) -> Result<(StatusCode, Json<PlaylistView>), ApiError> {
    let selector = Selector::Manual { media: Vec::new() };
    let new = NewCollection { name: new.name, description: new.description, selector };
    let made = state.control.add_collection(&caller.actor(), new).await?;
    Ok((StatusCode::CREATED, Json(view(&state, made).await?)))
}

/// Changes name and description of a playlist.
#[utoipa::path(put, path = "", tag = "playlists", params(("playlist" = i64, Path, description = "Id of the playlist"), PlaylistChange), responses(
    (status = 200, description = "The playlist as it is now", body = PlaylistView),
    (status = 400, description = "The body is not JSON", body = Problem),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such playlist", body = Problem),
    (status = 409, description = "The name is taken, or the collection is not a manual choice", body = Problem),
    (status = 422, description = "A field cannot be taken", body = Problem)))]
pub async fn edit(
    Has(state): Has<State>,
    caller: Caller,
    Path(id): Path<CollectionId>,
    Either(change): Either<PlaylistChange>,
) -> Result<Json<PlaylistView>, ApiError> {
    manual(&state, id).await?;
    let PlaylistChange { name, description } = change;
    let edit = CollectionEdit { name, description, selector: None };
    let edited = state.control.edit_collection(&caller.actor(), id, edit).await?;
    view(&state, edited).await.map(Json)
}

/// Deletes a playlist that no channel plays.
#[utoipa::path(delete, path = "", tag = "playlists", params(("playlist" = i64, Path, description = "Id of the playlist")), responses(
    (status = 204, description = "It is gone"),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such playlist", body = Problem),
    (status = 409, description = "It is in use, or not a manual choice", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn delete(
    Has(state): Has<State>,
    caller: Caller,
    Path(id): Path<CollectionId>,
) -> Result<StatusCode, ApiError> {
    manual(&state, id).await?;
    state.control.delete_collection(&caller.actor(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists the items of a playlist.
#[utoipa::path(get, path = "", tag = "playlists", params(("playlist" = i64, Path, description = "Id of the playlist")), responses(
    (status = 200, description = "The items", body = [PlaylistItem]),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such playlist", body = Problem),
    (status = 409, description = "The collection is not a manual choice", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn items(
    Has(state): Has<State>,
    Path(id): Path<CollectionId>,
) -> Result<Json<Vec<PlaylistItem>>, ApiError> {
    let (_, collection) = manual(&state, id).await?;
    Ok(Json(view(&state, collection).await?.items))
}

/// Adds a media item to the end of a playlist.
#[utoipa::path(post, path = "", tag = "playlists", params(("playlist" = i64, Path, description = "Id of the playlist"), ("item" = i64, Path, description = "Id of the media item")), responses(
    (status = 201, description = "It is added", body = Done),
    (status = 400, description = "It is in the playlist already", body = Problem),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such playlist or media item", body = Problem),
    (status = 409, description = "The collection is not a manual choice", body = Problem),
    (status = 422, description = "An id is no number", body = Problem)))]
pub async fn add(
    Has(state): Has<State>,
    caller: Caller,
    Path((id, media)): Path<(CollectionId, MediaId)>,
) -> Result<(StatusCode, Json<Done>), ApiError> {
    add_to(&state, &caller, id, media).await?;
    Ok((StatusCode::CREATED, Done::new("Item added to playlist")))
}

/// Takes an item out of a playlist; those behind it move up.
#[utoipa::path(delete, path = "", tag = "playlists", params(("playlist" = i64, Path, description = "Id of the playlist"), ("item" = i64, Path, description = "Id of the item")), responses(
    (status = 204, description = "It is not in it any more"),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such playlist or item", body = Problem),
    (status = 409, description = "The collection is not a manual choice", body = Problem),
    (status = 422, description = "An id is no number", body = Problem)))]
pub async fn remove(
    Has(state): Has<State>,
    caller: Caller,
    Path((id, media)): Path<(CollectionId, MediaId)>,
) -> Result<StatusCode, ApiError> {
    remove_from(&state, &caller, id, media).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Moves an item of a playlist by one place.
#[utoipa::path(post, path = "", tag = "playlists", params(("playlist" = i64, Path, description = "Id of the playlist"), ("item" = i64, Path, description = "Id of the item"), MoveQuery), responses(
    (status = 200, description = "It is moved", body = Done),
    (status = 400, description = "It is at that end already", body = Problem),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such playlist or item", body = Problem),
    (status = 409, description = "The collection is not a manual choice", body = Problem),
    (status = 422, description = "A value cannot be taken", body = Problem)))]
pub async fn shift(
    Has(state): Has<State>,
    caller: Caller,
    Path((id, media)): Path<(CollectionId, MediaId)>,
    Query(wanted): Query<MoveQuery>,
) -> Result<Json<Done>, ApiError> {
    let (mut chosen, _) = manual(&state, id).await?;
    let Some(at) = chosen.iter().position(|other| *other == media) else {
        return Err(ApiError::not_found(&format!("item {media} in playlist {id}")));
    };
    let bad = |kind, msg: &str, fix| {
        ApiError::new(StatusCode::BAD_REQUEST, kind, &["query", "direction"], msg, fix)
    };
    let (to, message) = match wanted.direction.as_str() {
        "up" => (at.checked_sub(1), "Item moved up"),
        "down" => (Some(at + 1).filter(|to| *to < chosen.len()), "Item moved down"),
        _ => return Err(bad("invalid", "there is no such direction", "use up or down")),
    };
    let to = to.ok_or_else(|| bad("at_the_end", "the item is at that end", "move another one"))?;
    chosen.swap(at, to);
    store(&state, &caller, id, chosen).await?;
    Ok(Done::new(message))
}

async fn view(state: &State, collection: Collection) -> Result<PlaylistView, ApiError> {
    let page = state.control.collection_media(collection.id, 0, usize::MAX).await?;
    let Selector::Manual { media } = &collection.selector else {
        return Err(super::collections::wrong_kind(&collection, "a manual choice"));
    };
    let known: std::collections::HashMap<MediaId, &Media> =
        page.items.iter().map(|item| (item.id, item)).collect();
    let item = |(order, id): (usize, &MediaId)| PlaylistItem {
        id: id.0,
        media_item_id: id.0,
        order,
        media_item: known.get(id).map(|media| PlaylistMedia {
            id: id.0,
            title: media.title.clone(),
            source: "local",
            url: media.path.clone(),
        }),
    };
    let known_at = |at: crate::domain::UtcMillis| (at.0 > 0).then(|| stamp(at));
    Ok(PlaylistView {
        id: collection.id.0,
        items: media.iter().enumerate().map(item).collect(),
        name: collection.name,
        description: collection.description,
        channel_id: None,
        created_at: known_at(collection.created),
        updated_at: known_at(collection.updated),
    })
}
