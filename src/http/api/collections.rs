//! Collections: named choices of media that schedules refer to.

use axum::extract::State as Has;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::control::NewCollection;
use crate::domain::{
    Collection, CollectionEdit, CollectionId, InvalidField, MediaId, Query as Search, Selector,
};
use crate::formats::medialist;

use super::super::auth::Caller;
use super::super::error::{ApiError, Problem};
use super::super::extract::{Json, Path, Query};
use super::super::state::State;
use super::collection_view::{CollectionView, MatchedView, SelectorView};
use super::media::MediaPageView;
use super::search::bad_query;
use super::within;

/// A collection to be created.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CollectionCreate {
    /// Its name, one line.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// Words about it.
    #[serde(default)]
    #[schema(max_length = 2000)]
    description: Option<String>,
    /// What is in it. In its place `search_query` may stand, or nothing for an empty manual choice.
    #[serde(default)]
    selector: Option<SelectorView>,
    /// `manual`, `static` or `smart`; what the selector says counts.
    #[serde(default)]
    collection_type: Option<String>,
    /// The query of a smart collection.
    #[serde(default)]
    search_query: Option<String>,
}

/// What is changed of a collection; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CollectionChange {
    /// Its name, one line.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// Words about it; an empty text takes them away.
    #[serde(default)]
    #[schema(max_length = 2000)]
    description: Option<String>,
    /// What is in it.
    #[serde(default)]
    selector: Option<SelectorView>,
    /// The query of a smart collection, in the place of `selector`.
    #[serde(default)]
    search_query: Option<String>,
}

/// A list of somebody else to become a collection.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ListImport {
    /// Name of the collection, one line.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// Words about it.
    #[serde(default)]
    description: Option<String>,
    /// The list: JSON as Trakt gives it, CSV with a header (IMDb, Letterboxd), or a title a line,
    /// such as `The Thing (1982)`.
    text: String,
}

/// A list that became a collection.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ImportedList)]
pub struct ImportedView {
    /// The collection.
    collection: CollectionView,
    /// How many lines named media that is here.
    matched: usize,
    /// The lines that named nothing that is here; they are kept, and match when it comes.
    unmatched: Vec<MatchedView>,
}

/// Which part of a collection is wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct ItemsQuery {
    /// How many to leave out at the front.
    #[param(minimum = 0, maximum = 10_000_000, default = 0)]
    skip: Option<i64>,
    /// How many at most.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<i64>,
}

/// Something was done.
#[derive(Debug, Serialize, ToSchema)]
pub struct Done {
    /// What.
    message: &'static str,
}

impl Done {
    /// It was done, and what.
    pub(super) fn new(message: &'static str) -> Json<Self> {
        Json(Self { message })
    }
}

/// Lists the collections.
#[utoipa::path(get, path = "", tag = "collections", responses(
    (status = 200, description = "The collections", body = [CollectionView]),
    (status = 401, description = "No valid key", body = Problem)))]
pub async fn list(Has(state): Has<State>) -> Result<Json<Vec<CollectionView>>, ApiError> {
    let collections = state.control.collections().await?;
    Ok(Json(CollectionView::list(collections, &state.control)))
}

/// Reads one collection.
#[utoipa::path(get, path = "", tag = "collections", params(("collection" = i64, Path, description = "Id of the collection")), responses(
    (status = 200, description = "The collection", body = CollectionView),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such collection", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn read(
    Has(state): Has<State>,
    Path(id): Path<CollectionId>,
) -> Result<Json<CollectionView>, ApiError> {
    let collection = state.control.collection(id).await?;
    Ok(Json(CollectionView::new(collection, &state.control)))
}

/// Creates a collection.
#[utoipa::path(post, path = "", tag = "collections", request_body = CollectionCreate, responses(
    (status = 201, description = "The new collection", body = CollectionView),
    (status = 400, description = "The body is not JSON", body = Problem),
    (status = 401, description = "No valid key", body = Problem),
    (status = 409, description = "The name is taken", body = Problem),
    (status = 415, description = "The body is not marked as JSON", body = Problem),
    (status = 422, description = "A field cannot be taken; of a query the place is the last part of `loc`", body = Problem)))]
pub async fn create(
    Has(state): Has<State>,
    caller: Caller,
    Json(new): Json<CollectionCreate>,
) -> Result<(StatusCode, Json<CollectionView>), ApiError> {
    let selector = match (new.selector, new.search_query, new.collection_type.as_deref()) {
        (Some(selector), _, _) => selector.try_into()?,
        (None, Some(text), _) => query(&text)?,
        (None, None, None | Some("manual" | "static")) => Selector::Manual { media: Vec::new() },
        (None, None, Some("smart")) => {
            let fix = "add \"search_query\", such as genre:comedy";
            let field = InvalidField::new("search_query", "a smart collection needs a query", fix);
            return Err(ApiError::invalid("body", vec![field]));
        }
        (None, None, Some(other)) => {
            let problem = format!("{other:?} is not known");
            let fix = "use manual or smart, or add \"selector\"";
            let field = InvalidField::new("collection_type", problem, fix);
            return Err(ApiError::invalid("body", vec![field]));
        }
    };
    let new = NewCollection { name: new.name, description: new.description, selector };
    let made = state.control.add_collection(&caller.actor(), new).await?;
    Ok((StatusCode::CREATED, Json(CollectionView::new(made, &state.control))))
}

/// Changes a collection; channels that play it take the change from the next programme on.
#[utoipa::path(put, path = "", tag = "collections", params(("collection" = i64, Path, description = "Id of the collection")), request_body = CollectionChange, responses(
    (status = 200, description = "The collection as it is now", body = CollectionView),
    (status = 400, description = "The body is not JSON", body = Problem),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such collection", body = Problem),
    (status = 409, description = "The name is taken", body = Problem),
    (status = 415, description = "The body is not marked as JSON", body = Problem),
    (status = 422, description = "A field cannot be taken", body = Problem)))]
pub async fn edit(
    Has(state): Has<State>,
    caller: Caller,
    Path(id): Path<CollectionId>,
    Json(change): Json<CollectionChange>,
) -> Result<Json<CollectionView>, ApiError> {
    let selector = match (change.selector, change.search_query) {
        (Some(selector), _) => Some(selector.try_into()?),
        (None, Some(text)) => Some(query(&text)?),
        (None, None) => None,
    };
    let edit = CollectionEdit { name: change.name, description: change.description, selector };
    let edited = state.control.edit_collection(&caller.actor(), id, edit).await?;
    Ok(Json(CollectionView::new(edited, &state.control)))
}

/// Deletes a collection that no channel plays and no other collection is made of.
#[utoipa::path(delete, path = "", tag = "collections", params(("collection" = i64, Path, description = "Id of the collection")), responses(
    (status = 204, description = "It is gone"),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such collection", body = Problem),
    (status = 409, description = "A channel plays it, or another collection is made of it", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn delete(
    Has(state): Has<State>,
    caller: Caller,
    Path(id): Path<CollectionId>,
) -> Result<StatusCode, ApiError> {
    state.control.delete_collection(&caller.actor(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists what a collection holds now, in its order.
#[utoipa::path(get, path = "", tag = "collections", params(("collection" = i64, Path, description = "Id of the collection"), ItemsQuery), responses(
    (status = 200, description = "The media", body = MediaPageView),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such collection", body = Problem),
    (status = 422, description = "A number cannot be taken", body = Problem)))]
pub async fn items(
    Has(state): Has<State>,
    Path(id): Path<CollectionId>,
    Query(query): Query<ItemsQuery>,
) -> Result<Json<MediaPageView>, ApiError> {
    let skip = within("skip", query.skip, 0, 0..=10_000_000)?;
    let limit = within("limit", query.limit, 100, 1..=1000)?;
    let size = |number: i64| usize::try_from(number).unwrap_or_default();
    let page = state.control.collection_media(id, size(skip), size(limit)).await?;
    Ok(Json(MediaPageView::new(page, skip, limit)))
}

/// Adds a media item to the end of a manual collection.
#[utoipa::path(post, path = "", tag = "collections", params(("collection" = i64, Path, description = "Id of the collection"), ("media" = i64, Path, description = "Id of the media item")), responses(
    (status = 201, description = "It is added", body = Done),
    (status = 400, description = "It is in the collection already", body = Problem),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such collection or media item", body = Problem),
    (status = 409, description = "The collection is not a manual choice", body = Problem),
    (status = 422, description = "An id is no number", body = Problem)))]
pub async fn add_item(
    Has(state): Has<State>,
    caller: Caller,
    Path((id, media)): Path<(CollectionId, MediaId)>,
) -> Result<(StatusCode, Json<Done>), ApiError> {
    add_to(&state, &caller, id, media).await?;
    Ok((StatusCode::CREATED, Done::new("Item added to collection")))
}

/// Takes a media item out of a manual collection.
#[utoipa::path(delete, path = "", tag = "collections", params(("collection" = i64, Path, description = "Id of the collection"), ("media" = i64, Path, description = "Id of the media item")), responses(
    (status = 204, description = "It is not in it any more"),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such collection, or it is not in it", body = Problem),
    (status = 409, description = "The collection is not a manual choice", body = Problem),
    (status = 422, description = "An id is no number", body = Problem)))]
pub async fn remove_item(
    Has(state): Has<State>,
    caller: Caller,
    Path((id, media)): Path<(CollectionId, MediaId)>,
) -> Result<StatusCode, ApiError> {
    remove_from(&state, &caller, id, media).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a collection of a list of somebody else, and says what is not in the libraries.
#[utoipa::path(post, path = "", tag = "collections", request_body = ListImport, responses(
    (status = 201, description = "The collection, and what did not match", body = ImportedView),
    (status = 400, description = "The body is not JSON", body = Problem),
    (status = 401, description = "No valid key", body = Problem),
    (status = 409, description = "The name is taken", body = Problem),
    (status = 413, description = "The list is larger than a megabyte", body = Problem),
    (status = 415, description = "The body is not marked as JSON", body = Problem),
    (status = 422, description = "The list cannot be read", body = Problem)))]
pub async fn import(
    Has(state): Has<State>,
    caller: Caller,
    Json(list): Json<ListImport>,
) -> Result<(StatusCode, Json<ImportedView>), ApiError> {
    let entries = medialist::parse(&list.text).map_err(|e| ApiError::invalid("body", vec![e]))?;
    let selector = Selector::List { entries: entries.clone() };
    let new = NewCollection { name: list.name, description: list.description, selector };
    let made = state.control.add_collection(&caller.actor(), new).await?;
    let lines = state.control.match_list(entries).await?;
    let all = lines.len();
    let unmatched = lines.into_iter().filter(|line| line.media.is_empty());
    let unmatched: Vec<MatchedView> = unmatched.map(MatchedView::from).collect();
    let collection = CollectionView::new(made, &state.control);
    let view = ImportedView { collection, matched: all - unmatched.len(), unmatched };
    Ok((StatusCode::CREATED, Json(view)))
}

/// Says which media each line of a list collection names now.
#[utoipa::path(get, path = "", tag = "collections", params(("collection" = i64, Path, description = "Id of the collection")), responses(
    (status = 200, description = "One answer a line, in its order", body = [MatchedView]),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such collection", body = Problem),
    (status = 409, description = "The collection is no list", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn matches(
    Has(state): Has<State>,
    Path(id): Path<CollectionId>,
) -> Result<Json<Vec<MatchedView>>, ApiError> {
    let collection = state.control.collection(id).await?;
    let Selector::List { entries } = collection.selector else {
        return Err(wrong_kind(&collection, "a list"));
    };
    let lines = state.control.match_list(entries).await?;
    Ok(Json(lines.into_iter().map(MatchedView::from).collect()))
}

fn query(text: &str) -> Result<Selector, ApiError> {
    let query = Search::parse(text).map_err(|error| bad_query(&["body", "search_query"], error))?;
    Ok(Selector::Query { query })
}

/// Adds a media item to a manual choice.
pub(super) async fn add_to(
    state: &State,
    caller: &Caller,
    id: CollectionId,
    media: MediaId,
) -> Result<(), ApiError> {
    let (mut chosen, _) = manual(state, id).await?;
    state.control.media_item(media).await?;
    if chosen.contains(&media) {
        let msg = format!("media {media} is in collection {id} already");
        let fix = "leave it, or write a selector that names it twice";
        let loc = ["path", "media"];
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "duplicate", &loc, msg, fix));
    }
    chosen.push(media);
    store(state, caller, id, chosen).await
}

/// Takes a media item out of a manual choice, wherever it stands in it.
pub(super) async fn remove_from(
    state: &State,
    caller: &Caller,
    id: CollectionId,
    media: MediaId,
) -> Result<(), ApiError> {
    let (mut chosen, _) = manual(state, id).await?;
    let before = chosen.len();
    chosen.retain(|other| *other != media);
    if chosen.len() == before {
        return Err(ApiError::not_found(&format!("media {media} in collection {id}")));
    }
    store(state, caller, id, chosen).await
}

/// Puts another choice in the place of a manual one.
pub(super) async fn store(
    state: &State,
    caller: &Caller,
    id: CollectionId,
    media: Vec<MediaId>,
) -> Result<(), ApiError> {
    let selector = Some(Selector::Manual { media });
    let edit = CollectionEdit { selector, ..CollectionEdit::default() };
    state.control.edit_collection(&caller.actor(), id, edit).await?;
    Ok(())
}

/// The media of a manual choice.
pub(super) async fn manual(
    state: &State,
    id: CollectionId,
) -> Result<(Vec<MediaId>, Collection), ApiError> {
    let collection = state.control.collection(id).await?;
    match &collection.selector {
        Selector::Manual { media } => Ok((media.clone(), collection)),
        _ => Err(wrong_kind(&collection, "a manual choice")),
    }
}

/// The collection is of another kind than this address is for (409).
pub(super) fn wrong_kind(collection: &Collection, wanted: &str) -> ApiError {
    let kind = collection.selector.kind();
    let msg = format!("collection {} is not {wanted} but of kind {kind}", collection.id);
    let fix = "change its selector by PUT /api/collections/{id}";
    ApiError::new(StatusCode::CONFLICT, "wrong_kind", &["path", "collection"], msg, fix)
}
