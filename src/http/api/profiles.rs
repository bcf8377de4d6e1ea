//! Profiles: what media is conformed to. The built-in ones are read only.

use axum::extract::State as Has;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::domain::{InvalidField, ListedProfile, ProfileId};

use super::super::auth::Caller;
use super::super::error::{ApiError, Problem};
use super::super::extract::{Json, Path};
use super::super::state::State;
use super::profile_view::{ProfileView, ProfileWrite};

/// Lists the profiles: the built-in ones, then the others.
#[utoipa::path(get, path = "", tag = "profiles", responses(
    (status = 200, description = "The profiles", body = [ProfileView]),
    (status = 401, description = "No valid key", body = Problem)))]
pub async fn list(Has(state): Has<State>) -> Result<Json<Vec<ProfileView>>, ApiError> {
    let profiles = state.control.profiles().await?;
    Ok(Json(views(&state, profiles).await?))
}

/// Reads one profile.
#[utoipa::path(get, path = "", tag = "profiles", params(("profile" = i64, Path, description = "Id of the profile")), responses(
    (status = 200, description = "The profile", body = ProfileView),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such profile", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn read(
    Has(state): Has<State>,
    Path(id): Path<ProfileId>,
) -> Result<Json<ProfileView>, ApiError> {
    let listed = state.control.profile(id).await?;
    view(&state, listed).await
}

/// Makes a profile; what is left out is as in the built-in `720p25`.
#[utoipa::path(post, path = "", tag = "profiles", request_body = ProfileWrite, responses(
    (status = 201, description = "The new profile", body = ProfileView),
    (status = 400, description = "The body is not JSON", body = Problem),
    (status = 401, description = "No valid key", body = Problem),
    (status = 409, description = "The name is taken", body = Problem),
    (status = 415, description = "The body is not marked as JSON", body = Problem),
    (status = 422, description = "Fields that cannot be taken: all of them", body = Problem)))]
pub async fn create(
    Has(state): Has<State>,
    caller: Caller,
    Json(new): Json<ProfileWrite>,
) -> Result<(StatusCode, Json<ProfileView>), ApiError> {
    let profile =
        sized(&state, new).await?.made().map_err(|fields| ApiError::invalid("body", fields))?;
    let listed = state.control.create_profile(&caller.actor(), profile).await?;
    Ok((StatusCode::CREATED, view(&state, listed).await?))
}

/// Changes a profile; what is left out stays. Channels that use it go over to it at their next
/// item, and their viewers stay, unless its size or frame rate changes.
#[utoipa::path(put, path = "", tag = "profiles", params(("profile" = i64, Path, description = "Id of the profile")), request_body = ProfileWrite, responses(
    (status = 200, description = "The profile as it is now", body = ProfileView),
    (status = 400, description = "The body is not JSON", body = Problem),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such profile", body = Problem),
    (status = 409, description = "The name is taken, or the profile is built in", body = Problem),
    (status = 415, description = "The body is not marked as JSON", body = Problem),
    (status = 422, description = "Fields that cannot be taken: all of them", body = Problem)))]
pub async fn edit(
    Has(state): Has<State>,
    caller: Caller,
    Path(id): Path<ProfileId>,
    Json(edit): Json<ProfileWrite>,
) -> Result<Json<ProfileView>, ApiError> {
    let before = state.control.profile(id).await?.profile;
    let profile = sized(&state, edit)
        .await?
        .applied(before)
        .map_err(|fields| ApiError::invalid("body", fields))?;
    let listed = state.control.edit_profile(&caller.actor(), id, profile).await?;
    view(&state, listed).await
}

/// Deletes a profile that no channel uses.
#[utoipa::path(delete, path = "", tag = "profiles", params(("profile" = i64, Path, description = "Id of the profile")), responses(
    (status = 204, description = "It is gone"),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such profile", body = Problem),
    (status = 409, description = "A channel uses it, or it is built in", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn delete(
    Has(state): Has<State>,
    caller: Caller,
    Path(id): Path<ProfileId>,
) -> Result<StatusCode, ApiError> {
    state.control.delete_profile(&caller.actor(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The name of a copy.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProfileClone {
    /// Its name, one line.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
}

/// Copies a profile under another name; built-in ones as well.
#[utoipa::path(post, path = "", tag = "profiles", params(("profile" = i64, Path, description = "Id of the profile")), request_body = ProfileClone, responses(
    (status = 201, description = "The new profile", body = ProfileView),
    (status = 400, description = "The body is not JSON", body = Problem),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such profile", body = Problem),
    (status = 409, description = "The name is taken", body = Problem),
    (status = 415, description = "The body is not marked as JSON", body = Problem),
    (status = 422, description = "A field cannot be taken", body = Problem)))]
pub async fn copy(
    Has(state): Has<State>,
    caller: Caller,
    Path(id): Path<ProfileId>,
    Json(copy): Json<ProfileClone>,
) -> Result<(StatusCode, Json<ProfileView>), ApiError> {
    let mut profile = state.control.profile(id).await?.profile;
    profile.name = copy.name;
    let listed = state.control.create_profile(&caller.actor(), profile).await?;
    Ok((StatusCode::CREATED, view(&state, listed).await?))
}

/// Makes a profile the one of channels that name none; those that exist keep theirs.
#[utoipa::path(post, path = "", tag = "profiles", params(("profile" = i64, Path, description = "Id of the profile")), responses(
    (status = 200, description = "The profile as it is now", body = ProfileView),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such profile", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn set_default(
    Has(state): Has<State>,
    caller: Caller,
    Path(id): Path<ProfileId>,
) -> Result<Json<ProfileView>, ApiError> {
    let listed = state.control.set_default_profile(&caller.actor(), id).await?;
    view(&state, listed).await
}

/// Puts the pixels of a named size into what is written; pixels that are given win.
async fn sized(state: &State, write: ProfileWrite) -> Result<ProfileWrite, ApiError> {
    let Some(id) = write.resolution_id else { return Ok(write) };
    let sizes = state.control.resolutions().await?;
    let Some(size) = sizes.into_iter().find(|listed| listed.id.0 == id) else {
        let problem = format!("there is no resolution {id}");
        let fix = "use an id that /api/resolutions lists";
        return Err(ApiError::invalid(
            "body",
            vec![InvalidField::new("resolution_id", problem, fix)],
        ));
    };
    let width = write.width.or(Some(i64::from(size.resolution.width)));
    let height = write.height.or(Some(i64::from(size.resolution.height)));
    Ok(ProfileWrite { width, height, ..write })
}

async fn view(state: &State, listed: ListedProfile) -> Result<Json<ProfileView>, ApiError> {
    let view = views(state, vec![listed]).await?.pop();
    view.map(Json).ok_or_else(|| ApiError::not_found("the profile"))
}

async fn views(state: &State, listed: Vec<ListedProfile>) -> Result<Vec<ProfileView>, ApiError> {
    let default = state.control.chosen_profile().await?;
    let channels = state.control.channels().await?;
    let sizes = state.control.resolutions().await?;
    let view = |listed| ProfileView::new(listed, default.as_deref(), &channels, &sizes);
    Ok(listed.into_iter().map(view).collect())
}
