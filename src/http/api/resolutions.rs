//! Named picture sizes, for people who choose the size of a profile by name.

use axum::extract::State as Has;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{InvalidField, ListedResolution, Resolution, ResolutionId};

use super::super::auth::Caller;
use super::super::error::{ApiError, Problem};
use super::super::extract::{Json, Path};
use super::super::state::State;

/// A named picture size.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Resolution)]
pub struct ResolutionView {
    /// Its id.
    id: i64,
    /// Its name.
    name: String,
    /// Width in pixels.
    width: u32,
    /// Height in pixels.
    height: u32,
    /// Whether somebody made it; the others are built in and cannot be changed.
    is_custom: bool,
}

impl From<ListedResolution> for ResolutionView {
    fn from(listed: ListedResolution) -> Self {
        let ListedResolution { id, builtin, resolution } = listed;
        let Resolution { name, width, height } = resolution;
        Self { id: id.0, name, width, height, is_custom: !builtin }
    }
}

/// A picture size to be made, or changes to one; what is left out stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResolutionWrite {
    /// Its name, one line; needed when one is made.
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// Width in pixels, even; needed when one is made.
    #[schema(minimum = 160, maximum = 3840)]
    width: Option<i64>,
    /// Height in pixels, even; needed when one is made.
    #[schema(minimum = 90, maximum = 2160)]
    height: Option<i64>,
    /// Taken for the sake of older clients; what is made is always custom.
    #[serde(rename = "is_custom")]
    _is_custom: Option<bool>,
}

impl ResolutionWrite {
    fn applied(self, before: Resolution) -> Result<Resolution, ApiError> {
        let mut wrong = Vec::new();
        let mut pixels = |field: &str, value: Option<i64>, before: u32| match value {
            None => before,
            Some(value) => u32::try_from(value).unwrap_or_else(|_| {
                let problem = format!("{value} is outside the limits");
                wrong.push(InvalidField::new(field, problem, "write a number of pixels"));
                before
            }),
        };
        let width = pixels("width", self.width, before.width);
        let height = pixels("height", self.height, before.height);
        if !wrong.is_empty() {
            return Err(ApiError::invalid("body", wrong));
        }
        Ok(Resolution { name: self.name.unwrap_or(before.name), width, height })
    }
}

/// Lists the picture sizes from small to large.
#[utoipa::path(get, path = "", tag = "resolutions", responses(
    (status = 200, description = "The picture sizes", body = [ResolutionView]),
    (status = 401, description = "No valid key", body = Problem)))]
pub async fn list(Has(state): Has<State>) -> Result<Json<Vec<ResolutionView>>, ApiError> {
    let all = state.control.resolutions().await?;
    Ok(Json(all.into_iter().map(ResolutionView::from).collect()))
}

/// Reads one picture size.
#[utoipa::path(get, path = "", tag = "resolutions", params(("resolution" = i64, Path, description = "Id of the picture size")), responses(
    (status = 200, description = "The picture size", body = ResolutionView),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such picture size", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn read(
    Has(state): Has<State>,
    Path(id): Path<ResolutionId>,
) -> Result<Json<ResolutionView>, ApiError> {
    Ok(Json(state.control.resolution(id).await?.into()))
}

/// Names a picture size.
#[utoipa::path(post, path = "", tag = "resolutions", request_body = ResolutionWrite, responses(
    (status = 201, description = "The new picture size", body = ResolutionView),
    (status = 400, description = "The body is not JSON", body = Problem),
    (status = 401, description = "No valid key", body = Problem),
    (status = 409, description = "The name is taken", body = Problem),
    (status = 415, description = "The body is not marked as JSON", body = Problem),
    (status = 422, description = "Fields that cannot be taken: all of them", body = Problem)))]
pub async fn create(
    Has(state): Has<State>,
    caller: Caller,
    Json(new): Json<ResolutionWrite>,
) -> Result<(StatusCode, Json<ResolutionView>), ApiError> {
    let nothing = Resolution { name: String::new(), width: 0, height: 0 };
    let listed = state.control.create_resolution(&caller.actor(), new.applied(nothing)?).await?;
    Ok((StatusCode::CREATED, Json(listed.into())))
}

/// Changes a picture size; profiles that have it keep their pixels.
#[utoipa::path(put, path = "", tag = "resolutions", params(("resolution" = i64, Path, description = "Id of the picture size")), request_body = ResolutionWrite, responses(
    (status = 200, description = "The picture size as it is now", body = ResolutionView),
    (status = 400, description = "The body is not JSON", body = Problem),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such picture size", body = Problem),
    (status = 409, description = "The name is taken, or it is built in", body = Problem),
    (status = 415, description = "The body is not marked as JSON", body = Problem),
    (status = 422, description = "Fields that cannot be taken: all of them", body = Problem)))]
pub async fn edit(
    Has(state): Has<State>,
    caller: Caller,
    Path(id): Path<ResolutionId>,
    Json(edit): Json<ResolutionWrite>,
) -> Result<Json<ResolutionView>, ApiError> {
    let before = state.control.resolution(id).await?.resolution;
    let after = edit.applied(before)?;
    Ok(Json(state.control.edit_resolution(&caller.actor(), id, after).await?.into()))
}

/// Deletes a picture size; profiles that have it keep their pixels.
#[utoipa::path(delete, path = "", tag = "resolutions", params(("resolution" = i64, Path, description = "Id of the picture size")), responses(
    (status = 204, description = "It is gone"),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such picture size", body = Problem),
    (status = 409, description = "It is built in", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn delete(
    Has(state): Has<State>,
    caller: Caller,
    Path(id): Path<ResolutionId>,
) -> Result<StatusCode, ApiError> {
    state.control.delete_resolution(&caller.actor(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}
