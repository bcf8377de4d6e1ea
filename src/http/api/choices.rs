//! Smart and multi collections by addresses of their own, for clients that know them by these.
//!
//! They are collections like all others and have the same ids; `/api/collections` does the same.

use axum::extract::State as Has;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::control::NewCollection;
use crate::domain::{Collection, CollectionEdit, CollectionId, Query as Search, Selector};

use super::super::auth::Caller;
use super::super::error::{ApiError, Problem};
use super::super::extract::{Either, Json, Path};
use super::super::state::State;
use super::collections::{Done, wrong_kind};
use super::search::bad_query;

/// A smart collection to be created; in the query string or as JSON.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SmartCreate {
    /// Its name, one line.
    #[param(min_length = 1, max_length = 100)]
    name: String,
    /// The query.
    #[param(max_length = 2000)]
    search_query: String,
    /// Words about it.
    #[serde(default)]
    description: Option<String>,
}

/// A smart collection.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SmartCollection)]
pub struct SmartView {
    /// Its id.
    id: i64,
    /// Its name.
    name: String,
    /// Always `smart`.
    collection_type: &'static str,
    /// The query.
    search_query: String,
    /// How many media it finds now that can be played.
    item_count: usize,
}

/// What asking anew came to.
#[derive(Debug, Serialize, ToSchema)]
pub struct Refreshed {
    /// Id of the collection.
    collection_id: i64,
    /// How many media it held when channels were planned last.
    previous_count: usize,
    /// How many it holds now.
    new_count: usize,
    /// The same for people.
    message: String,
}

/// A multi collection to be created; in the query string or as JSON.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct MultiFields {
    /// Its name, one line.
    name: Option<String>,
    /// Words about it.
    description: Option<String>,
    /// Ids of its collections; as JSON only.
    #[param(value_type = Option<Vec<i64>>)]
    collection_ids: Option<Vec<i64>>,
}

/// A collection made of collections.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MultiCollection)]
pub struct MultiView {
    /// Its id.
    id: i64,
    /// Its name.
    name: String,
    /// Words about it.
    description: Option<String>,
    /// How many collections it is made of.
    collection_count: usize,
    /// The collections, in their order.
    collections: Vec<MemberView>,
}

/// A collection in another one.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MultiCollectionMember)]
pub struct MemberView {
    /// Its id.
    id: i64,
    /// Its name.
    name: String,
    /// Its place, from 0.
    position: usize,
    /// Its id once more.
    link_id: i64,
}

/// Creates a smart collection.
#[utoipa::path(post, path = "", tag = "collections", params(SmartCreate), responses(
    (status = 201, description = "The new collection", body = SmartView),
    (status = 400, description = "The body is not JSON", body = Problem),
    (status = 401, description = "No valid key", body = Problem),
    (status = 409, description = "The name is taken", body = Problem),
    (status = 422, description = "A field cannot be taken", body = Problem)))]
pub async fn create_smart(
    Has(state): Has<State>,
    caller: Caller,
    Either(new): Either<SmartCreate>,
) -> Result<(StatusCode, Json<SmartView>), ApiError> {
    let query = Search::parse(&new.search_query);
    let query = query.map_err(|error| bad_query(&["query", "search_query"], error))?;
    let search_query = query.text().to_owned();
    let selector = Selector::Query { query };
    let item_count = state.control.choose(&selector).await?.len();
    let new = NewCollection { name: new.name, description: new.description, selector };
    let made = state.control.add_collection(&caller.actor(), new).await?;
    let view = SmartView {
        id: made.id.0,
        name: made.name,
        collection_type: "smart",
        search_query,
        item_count,
    };
    Ok((StatusCode::CREATED, Json(view)))
}

/// Asks a smart collection's query now. Plans do so by themselves; this tells what they will find.
#[utoipa::path(post, path = "", tag = "collections", params(("collection" = i64, Path, description = "Id of the collection")), responses(
    (status = 200, description = "What it finds", body = Refreshed),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such collection", body = Problem),
    (status = 409, description = "The collection has no query", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn refresh_smart(
    Has(state): Has<State>,
    Path(id): Path<CollectionId>,
) -> Result<Json<Refreshed>, ApiError> {
    let collection = state.control.collection(id).await?;
    if !matches!(collection.selector, Selector::Query { .. }) {
        return Err(wrong_kind(&collection, "a smart collection"));
    }
    let previous_count = state.control.collection_sizes().get(&id).copied().unwrap_or_default();
    let new_count = state.control.choose(&collection.selector).await?.len();
    let message = format!("{} finds {new_count} items", collection.name);
    Ok(Json(Refreshed { collection_id: id.0, previous_count, new_count, message }))
}

/// Lists the collections that are made of collections.
#[utoipa::path(get, path = "", tag = "collections", responses(
    (status = 200, description = "The collections", body = [MultiView]),
    (status = 401, description = "No valid key", body = Problem)))]
pub async fn list_multi(Has(state): Has<State>) -> Result<Json<Vec<MultiView>>, ApiError> {
    let all = state.control.collections().await?;
    let multi = all.iter().filter_map(|collection| MultiView::of(collection, &all));
    Ok(Json(multi.collect()))
}

/// Creates a collection made of collections.
#[utoipa::path(post, path = "", tag = "collections", params(MultiFields), responses(
    (status = 201, description = "The new collection", body = MultiView),
    (status = 400, description = "The body is not JSON", body = Problem),
    (status = 401, description = "No valid key", body = Problem),
    (status = 409, description = "The name is taken", body = Problem),
    (status = 422, description = "A field cannot be taken", body = Problem)))]
pub async fn create_multi(
    Has(state): Has<State>,
    caller: Caller,
    Either(new): Either<MultiFields>,
) -> Result<(StatusCode, Json<MultiView>), ApiError> {
    let members = new.collection_ids.unwrap_or_default();
    let selector = Selector::Multi { collections: members.into_iter().map(CollectionId).collect() };
    let name = new.name.unwrap_or_default();
    let new = NewCollection { name, description: new.description, selector };
    let made = state.control.add_collection(&caller.actor(), new).await?;
    Ok((StatusCode::CREATED, multi(&state, made.id).await?))
}

/// Reads a collection made of collections.
#[utoipa::path(get, path = "", tag = "collections", params(("collection" = i64, Path, description = "Id of the collection")), responses(
    (status = 200, description = "The collection", body = MultiView),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such collection", body = Problem),
    (status = 409, description = "It is not made of collections", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn read_multi(
    Has(state): Has<State>,
    Path(id): Path<CollectionId>,
) -> Result<Json<MultiView>, ApiError> {
    multi(&state, id).await
}

/// Changes a collection made of collections.
#[utoipa::path(put, path = "", tag = "collections", params(("collection" = i64, Path, description = "Id of the collection"), MultiFields), responses(
    (status = 200, description = "The collection as it is now", body = MultiView),
    (status = 400, description = "The body is not JSON", body = Problem),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such collection", body = Problem),
    (status = 409, description = "The name is taken, or it is not made of collections", body = Problem),
    (status = 422, description = "A field cannot be taken", body = Problem)))]
pub async fn edit_multi(
    Has(state): Has<State>,
    caller: Caller,
    Path(id): Path<CollectionId>,
    Either(change): Either<MultiFields>,
) -> Result<Json<MultiView>, ApiError> {
    members(&state, id).await?;
    let ids = change.collection_ids;
    let selector =
        ids.map(|ids| Selector::Multi { collections: ids.into_iter().map(CollectionId).collect() });
    let edit = CollectionEdit { name: change.name, description: change.description, selector };
    state.control.edit_collection(&caller.actor(), id, edit).await?;
    multi(&state, id).await
}

/// Deletes a collection made of collections; these stay.
#[utoipa::path(delete, path = "", tag = "collections", params(("collection" = i64, Path, description = "Id of the collection")), responses(
    (status = 204, description = "It is gone"),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such collection", body = Problem),
    (status = 409, description = "It is in use, or not made of collections", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn delete_multi(
    Has(state): Has<State>,
    caller: Caller,
    Path(id): Path<CollectionId>,
) -> Result<StatusCode, ApiError> {
    members(&state, id).await?;
    state.control.delete_collection(&caller.actor(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Adds a collection to the end of one that is made of collections.
#[utoipa::path(post, path = "", tag = "collections", params(("collection" = i64, Path, description = "Id of the collection"), ("member" = i64, Path, description = "Id of the collection to be added")), responses(
    (status = 201, description = "It is added", body = Done),
    (status = 400, description = "It is in it already", body = Problem),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such collection", body = Problem),
    (status = 409, description = "It is not made of collections", body = Problem),
    (status = 422, description = "It would be made of itself, or an id is no number", body = Problem)))]
pub async fn add_member(
    Has(state): Has<State>,
    caller: Caller,
    Path((id, member)): Path<(CollectionId, CollectionId)>,
) -> Result<(StatusCode, Json<Done>), ApiError> {
    let mut collections = members(&state, id).await?;
    state.control.collection(member).await?;
    if collections.contains(&member) {
        let msg = format!("collection {member} is in collection {id} already");
        let loc = ["path", "member"];
        let fix = "leave it, or add another one";
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "duplicate", &loc, msg, fix));
    }
    collections.push(member);
    set_members(&state, &caller, id, collections).await?;
    Ok((StatusCode::CREATED, Done::new("Collection added")))
}

/// Takes a collection out of one that is made of collections.
#[utoipa::path(delete, path = "", tag = "collections", params(("collection" = i64, Path, description = "Id of the collection"), ("member" = i64, Path, description = "Id of the collection to be taken out")), responses(
    (status = 204, description = "It is not in it any more"),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such collection, or it is not in it", body = Problem),
    (status = 409, description = "It is not made of collections", body = Problem),
    (status = 422, description = "An id is no number", body = Problem)))]
pub async fn remove_member(
    Has(state): Has<State>,
    caller: Caller,
    Path((id, member)): Path<(CollectionId, CollectionId)>,
) -> Result<StatusCode, ApiError> {
    let mut collections = members(&state, id).await?;
    let before = collections.len();
    collections.retain(|other| *other != member);
    if collections.len() == before {
        return Err(ApiError::not_found(&format!("collection {member} in collection {id}")));
    }
    set_members(&state, &caller, id, collections).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn set_members(
    state: &State,
    caller: &Caller,
    id: CollectionId,
    collections: Vec<CollectionId>,
) -> Result<(), ApiError> {
    let selector = Some(Selector::Multi { collections });
    let edit = CollectionEdit { selector, ..CollectionEdit::default() };
    state.control.edit_collection(&caller.actor(), id, edit).await?;
    Ok(())
}

async fn members(state: &State, id: CollectionId) -> Result<Vec<CollectionId>, ApiError> {
    let collection = state.control.collection(id).await?;
    match &collection.selector {
        Selector::Multi { collections } => Ok(collections.clone()),
        _ => Err(wrong_kind(&collection, "a multi collection")),
    }
}

async fn multi(state: &State, id: CollectionId) -> Result<Json<MultiView>, ApiError> {
    let all = state.control.collections().await?;
    let collection = state.control.collection(id).await?;
    let view = MultiView::of(&collection, &all);
    view.map(Json).ok_or_else(|| wrong_kind(&collection, "a multi collection"))
}

impl MultiView {
    /// `None` for a collection of another kind.
    fn of(collection: &Collection, all: &[Collection]) -> Option<Self> {
        let Selector::Multi { collections } = &collection.selector else { return None };
        let member = |(position, id): (usize, &CollectionId)| {
            let other = all.iter().find(|other| other.id == *id)?;
            Some(MemberView { id: id.0, name: other.name.clone(), position, link_id: id.0 })
        };
        Some(Self {
            id: collection.id.0,
            name: collection.name.clone(),
            description: collection.description.clone(),
            collection_count: collections.len(),
            collections: collections.iter().enumerate().filter_map(member).collect(),
        })
    }
}
