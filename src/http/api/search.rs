//! Search: the query language over the whole library, and help with writing it.

use axum::extract::State as Has;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::control::{Choice, Offer};
use crate::domain::query::{FIELDS, QueryFault};
use crate::domain::{Query as Search, QueryError};

use super::super::error::{ApiError, Problem};
use super::super::extract::{Json, Query};
use super::super::state::State;
use super::media::MediaView;
use super::within;

/// What is searched for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SearchQuery {
    /// The query, such as `ferry`, `genre:comedy year:1980s` or `added:<30d sort:-added`.
    #[param(max_length = 2000)]
    q: String,
    /// `local`; there are no other sources yet.
    #[serde(default)]
    source: Option<String>,
    /// How many to leave out at the front.
    #[serde(default)]
    #[param(minimum = 0, maximum = 10_000_000, default = 0)]
    skip: Option<i64>,
    /// How many at most.
    #[serde(default)]
    #[param(minimum = 1, maximum = 1000, default = 50)]
    limit: Option<i64>,
}

/// Where a query is being written.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CompleteQuery {
    /// The query so far.
    #[serde(default)]
    #[param(max_length = 2000)]
    q: String,
    /// Where the cursor stands, in letters from 0; at the end when it is left out.
    #[serde(default)]
    #[param(minimum = 0)]
    at: Option<usize>,
}

/// What may be written at a place in a query.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Completion)]
pub struct CompletionView {
    /// Where the word that is being written begins, in letters from 0.
    from: usize,
    /// Where it ends; a choice takes the place of what stands between.
    to: usize,
    /// What it may become, the likeliest first.
    choices: Vec<ChoiceView>,
    /// What is wrong with the query as it stands, if it cannot be asked.
    problem: Option<FaultView>,
}

/// One thing that may be written.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CompletionChoice)]
pub struct ChoiceView {
    /// What is written, quotation marks included.
    text: String,
    /// What it is, for people.
    about: String,
}

/// What is wrong with a query.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = QueryProblem)]
pub struct FaultView {
    /// A stable word for programs.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Where it begins, in letters from 0.
    at: usize,
    /// How many letters it is about.
    len: usize,
    /// The same for people.
    msg: String,
    /// What to write instead.
    fix: String,
}

/// A field of the query language.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = QueryField)]
pub struct FieldView {
    /// Its name.
    name: &'static str,
    /// What it is.
    about: &'static str,
    /// How it is written.
    example: &'static str,
}

/// Searches the library.
#[utoipa::path(get, path = "", tag = "media", params(SearchQuery), responses(
    (status = 200, description = "The media that were found", body = [MediaView]),
    (status = 401, description = "No valid key", body = Problem),
    (status = 422, description = "The query cannot be understood; the last part of `loc` is the place, in letters from 0", body = Problem)))]
pub async fn search(
    Has(state): Has<State>,
    Query(wanted): Query<SearchQuery>,
) -> Result<Json<Vec<MediaView>>, ApiError> {
    let skip = within("skip", wanted.skip, 0, 0..=10_000_000)?;
    let limit = within("limit", wanted.limit, 50, 1..=1000)?;
    let query = Search::parse(&wanted.q).map_err(|error| bad_query(&["query", "q"], error))?;
    if wanted.source.is_some_and(|source| source != "local") {
        return Ok(Json(Vec::new()));
    }
    let page = state.control.search(&query, small(skip), small(limit)).await?;
    Ok(Json(page.items.into_iter().map(MediaView::from).collect()))
}

/// Offers what may be written at a place in a query.
#[utoipa::path(get, path = "", tag = "media", params(CompleteQuery), responses(
    (status = 200, description = "The choices", body = CompletionView),
    (status = 401, description = "No valid key", body = Problem),
    (status = 422, description = "The query is longer than 2000 letters", body = Problem)))]
pub async fn complete(
    Has(state): Has<State>,
    Query(wanted): Query<CompleteQuery>,
) -> Result<Json<CompletionView>, ApiError> {
    let problem = match Search::parse(&wanted.q) {
        Err(error) if error.fault == QueryFault::TooLong => {
            return Err(bad_query(&["query", "q"], error));
        }
        parsed => parsed.err(),
    };
    let at = wanted.at.unwrap_or(usize::MAX);
    let Offer { from, to, choices } = state.control.complete_query(&wanted.q, at).await?;
    let view = |choice: Choice| ChoiceView { text: choice.text, about: choice.about };
    let choices = choices.into_iter().map(view).collect();
    Ok(Json(CompletionView { from, to, choices, problem: problem.map(FaultView::from) }))
}

/// Lists the fields of the query language.
#[utoipa::path(get, path = "", tag = "media", responses(
    (status = 200, description = "The fields", body = [FieldView]),
    (status = 401, description = "No valid key", body = Problem)))]
pub async fn fields() -> Json<Vec<FieldView>> {
    let view = |field: &crate::domain::query::QueryField| FieldView {
        name: field.name,
        about: field.about,
        example: field.example,
    };
    Json(FIELDS.iter().map(view).collect())
}

impl From<QueryError> for FaultView {
    fn from(error: QueryError) -> Self {
        let QueryError { fault, at, len, problem, fix } = error;
        Self { kind: fault.code(), at, len, msg: problem, fix }
    }
}

/// A query that cannot be understood (422); the last part of the place is where, in letters from 0.
pub(super) fn bad_query(place: &[&str], error: QueryError) -> ApiError {
    let at = error.at.to_string();
    let loc: Vec<&str> = place.iter().copied().chain([at.as_str()]).collect();
    let (status, code) = (StatusCode::UNPROCESSABLE_ENTITY, error.fault.code());
    let wrong = ApiError::new(status, code, &loc, error.to_string(), error.fix.clone());
    match error.fault {
        QueryFault::TooLong => wrong.with_limit(Search::LONGEST),
        _ => wrong,
    }
}

pub(super) fn small(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
