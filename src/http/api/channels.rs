//! Channels: list, read, create, change, delete, what they play, and the one restart path.

use std::collections::HashMap;

use axum::extract::State as Has;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain::{Channel, ChannelEdit, ChannelId, ChannelNumber, InvalidField, WatermarkId};

use super::super::auth::Caller;
use super::super::base::Base;
use super::super::error::{ApiError, Problem};
use super::super::extract::{Json, Path, Query};
use super::super::state::State;
use super::channel_view::{
    ChannelCreate, ChannelUpdate, ChannelView, ProgrammeView, SlateReasonView,
};
use super::forms::ContentView;
use super::{stamp, within};

/// What a list of channels may ask for.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    /// Only channels that are offered to clients (`true`) or not (`false`).
    #[serde(default)]
    enabled: Option<bool>,
    /// Whether to tell what each channel has to play, and what would repair it if that is nothing.
    #[serde(default)]
    include_content_status: bool,
}

/// Lists the channels by number, disabled ones included.
#[utoipa::path(get, path = "", tag = "channels", params(ListQuery), responses(
    (status = 200, description = "The channels", body = [ChannelView]),
    (status = 401, description = "No valid key", body = Problem),
    (status = 422, description = "A query field cannot be taken", body = Problem)))]
pub async fn list(
    Has(state): Has<State>,
    base: Base,
    Query(query): Query<ListQuery>,
) -> Result<Json<Vec<ChannelView>>, ApiError> {
    let channels = state.control.channels().await?;
    let wanted = channels.into_iter().filter(|c| query.enabled.is_none_or(|on| c.enabled == on));
    let profiles = profile_ids(&state).await?;
    let mut views: Vec<ChannelView> =
        wanted.map(|channel| seen(&state, &base, &profiles, channel)).collect();
    if query.include_content_status {
        for view in &mut views {
            let id = ChannelId(view.id);
            view.content = Some(ContentView::new(id, state.control.content(id).await?));
        }
    }
    Ok(Json(views))
}

/// Creates a channel, plans it and puts it on air.
#[utoipa::path(post, path = "", tag = "channels", request_body = ChannelCreate, responses(
    (status = 201, description = "The new channel", body = ChannelView),
    (status = 400, description = "The body is not JSON", body = Problem),
    (status = 401, description = "No valid key", body = Problem),
    (status = 409, description = "The number is taken", body = Problem),
    (status = 415, description = "The body is not marked as JSON", body = Problem),
    (status = 422, description = "A field cannot be taken", body = Problem)))]
pub async fn create(
    Has(state): Has<State>,
    base: Base,
    caller: Caller,
    Json(new): Json<ChannelCreate>,
) -> Result<(StatusCode, Json<ChannelView>), ApiError> {
    let watermark = new.watermark_id.map(WatermarkId);
    let profile = profile_name(&state, new.profile.clone(), new.ffmpeg_profile_id).await?;
    let new = ChannelCreate { profile, ..new }
        .checked()
        .map_err(|fields| ApiError::invalid("body", fields))?;
    state.control.check_watermark(watermark).await?;
    let channel = state.control.create_channel(&caller.actor(), new).await?;
    if watermark.is_some() {
        state.control.set_channel_watermark(&caller.actor(), channel.id, watermark).await?;
    }
    Ok((StatusCode::CREATED, Json(view(&state, &base, channel).await?)))
}

/// Reads one channel.
#[utoipa::path(get, path = "", tag = "channels", params(("channel" = i64, Path, description = "Id of the channel")), responses(
    (status = 200, description = "The channel", body = ChannelView),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such channel", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn read(
    Has(state): Has<State>,
    base: Base,
    Path(id): Path<ChannelId>,
) -> Result<Json<ChannelView>, ApiError> {
    let channel = state.control.channel(id).await?;
    Ok(Json(view(&state, &base, channel).await?))
}

/// Reads the channel with a number.
#[utoipa::path(get, path = "", tag = "channels", params(("number" = String, Path, description = "Number such as 7 or 5.1")), responses(
    (status = 200, description = "The channel", body = ChannelView),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such channel", body = Problem),
    (status = 422, description = "Not a channel number", body = Problem)))]
pub async fn by_number(
    Has(state): Has<State>,
    base: Base,
    Path(number): Path<String>,
) -> Result<Json<ChannelView>, ApiError> {
    let channel = numbered(&state, &number).await?;
    Ok(Json(view(&state, &base, channel).await?))
}

/// Changes a channel; what is left out stays. New rules apply from the end of the programme on air.
#[utoipa::path(put, path = "", tag = "channels", params(("channel" = i64, Path, description = "Id of the channel")), request_body = ChannelUpdate, responses(
    (status = 200, description = "The channel as it is now", body = ChannelView),
    (status = 400, description = "The body is not JSON", body = Problem),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such channel", body = Problem),
    (status = 409, description = "The number is taken", body = Problem),
    (status = 415, description = "The body is not marked as JSON", body = Problem),
    (status = 422, description = "A field cannot be taken", body = Problem)))]
pub async fn edit(
    Has(state): Has<State>,
    base: Base,
    caller: Caller,
    Path(id): Path<ChannelId>,
    Json(edit): Json<ChannelUpdate>,
) -> Result<Json<ChannelView>, ApiError> {
    let watermark = edit.watermark_id.map(|id| id.map(WatermarkId));
    let profile = profile_name(&state, edit.profile.clone(), edit.ffmpeg_profile_id).await?;
    let edit = ChannelUpdate { profile, ..edit }
        .checked()
        .map_err(|fields| ApiError::invalid("body", fields))?;
    state.control.check_watermark(watermark.flatten()).await?;
    let channel = state.control.edit_channel(&caller.actor(), id, edit).await?;
    if let Some(watermark) = watermark.filter(|w| *w != state.control.watermark_of(id)) {
        state.control.set_channel_watermark(&caller.actor(), id, watermark).await?;
    }
    Ok(Json(view(&state, &base, channel).await?))
}

/// Deletes a channel; its stream ends and its id is never used again.
#[utoipa::path(delete, path = "", tag = "channels", params(("channel" = i64, Path, description = "Id of the channel")), responses(
    (status = 204, description = "It is gone"),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such channel", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn delete(
    Has(state): Has<State>,
    caller: Caller,
    Path(id): Path<ChannelId>,
) -> Result<StatusCode, ApiError> {
    state.control.delete_channel(&caller.actor(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Offers a channel to clients, or takes it away from them.
#[utoipa::path(post, path = "", tag = "channels", params(("channel" = i64, Path, description = "Id of the channel")), responses(
    (status = 200, description = "The channel as it is now", body = ChannelView),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such channel", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn toggle_enabled(
    Has(state): Has<State>,
    base: Base,
    caller: Caller,
    Path(id): Path<ChannelId>,
) -> Result<Json<ChannelView>, ApiError> {
    let enabled = !state.control.channel(id).await?.enabled;
    let edit = ChannelEdit { enabled: Some(enabled), ..ChannelEdit::default() };
    let channel = state.control.edit_channel(&caller.actor(), id, edit).await?;
    Ok(Json(view(&state, &base, channel).await?))
}

/// Why a restart is wanted.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RestartRequest {
    /// Overrides budgets and containment, and is written to the audit log.
    #[serde(default)]
    #[schema(min_length = 3, max_length = 500)]
    override_reason: Option<String>,
}

/// What a restart did.
#[derive(Debug, Serialize, ToSchema)]
pub struct RestartView {
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// What was done, by stable names.
    #[schema(value_type = Object)]
    result: serde_json::Value,
}

/// Restarts a channel's conform through the guard, like the operator does.
#[utoipa::path(post, path = "", tag = "channels", params(("channel" = i64, Path, description = "Id of the channel")), request_body = RestartRequest, responses(
    (status = 200, description = "It was restarted", body = RestartView),
    (status = 400, description = "The body is not JSON", body = Problem),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such channel", body = Problem),
    (status = 409, description = "The guard said no; `limit` holds every check", body = Problem),
    (status = 415, description = "The body is not marked as JSON", body = Problem),
    (status = 422, description = "A field cannot be taken", body = Problem)))]
pub async fn restart(
    Has(state): Has<State>,
    caller: Caller,
    Path(id): Path<ChannelId>,
    Json(request): Json<RestartRequest>,
) -> Result<Json<RestartView>, ApiError> {
    let reason = request.override_reason.map(|r| r.trim().to_owned()).filter(|r| !r.is_empty());
    let answer = state.control.restart_channel(&caller.actor(), id, reason).await?;
    Ok(Json(RestartView { at: stamp(answer.at), result: answer.body }))
}

/// How far ahead to look.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct HoursQuery {
    /// Hours from now.
    #[serde(default)]
    #[param(minimum = 1, maximum = 336, default = 24)]
    hours: Option<i64>,
}

/// What a channel plays from now on.
#[derive(Debug, Serialize, ToSchema)]
pub struct Programming {
    /// The channel.
    channel_id: i64,
    /// Its name.
    channel_name: String,
    /// Its number.
    channel_number: String,
    /// The hours asked for.
    hours: i64,
    /// How many programmes follow.
    program_count: usize,
    /// The programmes, the one on air first.
    programs: Vec<ProgrammeView>,
}

/// What a channel plays, the programme on air first, by id.
#[utoipa::path(get, path = "", tag = "channels", params(("channel" = i64, Path, description = "Id of the channel"), HoursQuery), responses(
    (status = 200, description = "The programmes", body = Programming),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such channel", body = Problem),
    (status = 422, description = "A field cannot be taken", body = Problem)))]
pub async fn programming(
    Has(state): Has<State>,
    Path(id): Path<ChannelId>,
    Query(query): Query<HoursQuery>,
) -> Result<Json<Programming>, ApiError> {
    let hours = within("hours", query.hours, 24, 1..=336)?;
    let channel = state.control.channel(id).await?;
    let programs = programmes(&state, &channel, hours);
    Ok(Json(Programming {
        channel_id: id.0,
        channel_name: channel.name,
        channel_number: channel.number.to_string(),
        hours,
        program_count: programs.len(),
        programs,
    }))
}

/// One entry of a schedule.
#[derive(Debug, Serialize, ToSchema)]
pub struct ScheduleEntry {
    /// When it begins.
    #[schema(format = DateTime)]
    start: String,
    /// When it ends.
    #[schema(format = DateTime)]
    stop: String,
    /// Its title.
    title: String,
}

/// A channel's schedule in short.
#[derive(Debug, Serialize, ToSchema)]
pub struct Schedule {
    /// The channel.
    channel_id: i64,
    /// Its number.
    channel_number: String,
    /// Its name.
    channel_name: String,
    /// The programmes, the one on air first.
    programmes: Vec<ScheduleEntry>,
}

/// What a channel plays in short, by *number*.
#[utoipa::path(get, path = "", tag = "channels", params(("channel" = String, Path, description = "Number of the channel, such as 7 or 5.1"), HoursQuery), responses(
    (status = 200, description = "The programmes", body = Schedule),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such channel", body = Problem),
    (status = 422, description = "A field cannot be taken", body = Problem)))]
pub async fn schedule(
    Has(state): Has<State>,
    Path(number): Path<String>,
    Query(query): Query<HoursQuery>,
) -> Result<Json<Schedule>, ApiError> {
    let hours = within("hours", query.hours, 24, 1..=336)?;
    let channel = numbered(&state, &number).await?;
    let entries = programmes(&state, &channel, hours).into_iter().map(|programme| ScheduleEntry {
        start: programme.start_time,
        stop: programme.finish_time,
        title: programme.title,
    });
    Ok(Json(Schedule {
        channel_id: channel.id.0,
        channel_number: channel.number.to_string(),
        channel_name: channel.name,
        programmes: entries.collect(),
    }))
}

/// The view of a channel with what is on it.
/// The name of a profile that may be given by id instead.
async fn profile_name(
    state: &State,
    name: Option<String>,
    id: Option<i64>,
) -> Result<Option<String>, ApiError> {
    let (None, Some(id)) = (&name, id) else { return Ok(name) };
    let profiles = state.control.profiles().await?;
    match profiles.into_iter().find(|listed| listed.id.0 == id) {
        Some(listed) => Ok(Some(listed.profile.name)),
        None => {
            let problem = format!("there is no profile {id}");
            let fix = "use an id that /api/ffmpeg-profiles lists";
            Err(ApiError::invalid(
                "body",
                vec![InvalidField::new("ffmpeg_profile_id", problem, fix)],
            ))
        }
    }
}

/// The ids of all profiles by name.
async fn profile_ids(state: &State) -> Result<HashMap<String, i64>, ApiError> {
    let profiles = state.control.profiles().await?;
    Ok(profiles.into_iter().map(|listed| (listed.profile.name, listed.id.0)).collect())
}

async fn view(state: &State, base: &Base, channel: Channel) -> Result<ChannelView, ApiError> {
    Ok(seen(state, base, &profile_ids(state).await?, channel))
}

fn seen(
    state: &State,
    base: &Base,
    profiles: &HashMap<String, i64>,
    channel: Channel,
) -> ChannelView {
    let id = channel.id;
    let mut view = ChannelView::new(channel, base);
    view.ffmpeg_profile_id = profiles.get(&view.profile).copied();
    view.watermark_id = state.control.watermark_of(id).map(|watermark| watermark.0);
    if let Some((now, next)) = state.control.now_and_next(id) {
        view.now = Some(now.into());
        view.next = next.map(ProgrammeView::from);
    }
    if let Some(running) = state.control.tuning().state(id) {
        view.viewers = running.viewers;
        view.slate = running.slate.map(|reason| SlateReasonView {
            kind: reason.kind.as_str(),
            cause: reason.cause,
            media_id: reason.media.map(|media| media.0),
            media: reason.media.and_then(|media| state.control.label_on(id, media)),
            detail: reason.detail,
        });
    }
    view
}

fn programmes(state: &State, channel: &Channel, hours: i64) -> Vec<ProgrammeView> {
    let now = state.now();
    let found = state.control.programmes(channel.id, now, now.plus_ms(hours * 3_600_000));
    found.into_iter().map(ProgrammeView::from).collect()
}

/// The channel with a number, disabled ones included.
async fn numbered(state: &State, number: &str) -> Result<Channel, ApiError> {
    let number: ChannelNumber =
        number.parse().map_err(|field| ApiError::invalid("path", vec![field]))?;
    let channels = state.control.channels().await?;
    let found = channels.into_iter().find(|channel| channel.number == number);
    found.ok_or_else(|| ApiError::not_found(&format!("channel {number}")))
}
