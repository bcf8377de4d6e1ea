//! What a channel is beside its schedule: whose programme it shows, its fillers and decos, and
//! whether it has anything to play.

use axum::extract::State as Has;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::control::{Content, Repair, RulesFrom};
use crate::domain::{
    ChannelForm, ChannelId, CollectionId, InvalidField, KeptDecoGroup, KeptFiller, PlayoutClock,
};

use super::super::auth::Caller;
use super::super::error::{ApiError, Problem};
use super::super::extract::{Json, Path};
use super::super::state::State;
use super::kept::refer;
use super::stamp;

/// What a channel has to play.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Content)]
pub struct ContentView {
    /// Whether there is anything.
    has_content: bool,
    /// Why not: `disabled`, `no_schedule`, `broken_file`, `nothing_playable`, `mirror_of_nothing` or
    /// `nothing_planned`.
    cause: Option<&'static str>,
    /// The same for people.
    message: Option<&'static str>,
    /// When it will have nothing to play, if that comes in the planned time.
    #[schema(format = DateTime)]
    dark_from: Option<String>,
    /// Media that it can reach.
    playable_items: usize,
    /// `file`, `playout`, `own` or `mirror`; `null` for a channel that is off.
    rules_from: Option<&'static str>,
    /// What of its schedule was passed over, and the faults of its file with their lines.
    notes: Vec<String>,
    /// The request that repairs it, if anything is at hand.
    repair: Option<RepairView>,
}

/// A request that gives a channel something to play.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RepairView {
    /// Always `POST`.
    method: &'static str,
    /// Where to.
    path: String,
    /// What to send.
    #[schema(value_type = Object)]
    body: Value,
}

impl ContentView {
    /// The view of what a channel has to play.
    pub fn new(channel: ChannelId, content: Content) -> Self {
        let repair = content.repair.map(|repair| RepairView {
            method: "POST",
            path: format!("/api/channels/{channel}/repair"),
            body: match repair {
                Repair::Schedule(id) => json!({"schedule_id": id}),
                Repair::Collection(id) => json!({"collection_id": id}),
                Repair::Fallback(id) => json!({"fallback_filler_id": id}),
            },
        });
        Self {
            has_content: content.missing.is_none(),
            cause: content.missing.map(crate::control::NoContent::code),
            message: content.missing.map(crate::control::NoContent::text),
            dark_from: content.dark_from.map(stamp),
            playable_items: content.playable,
            rules_from: content.from.map(|from| match from {
                RulesFrom::File(_) => "file",
                RulesFrom::Playout(_) => "playout",
                RulesFrom::Own => "own",
                RulesFrom::Mirror(_) => "mirror",
            }),
            notes: content.notes,
            repair,
        }
    }
}

/// What a channel is given to play: one of these.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RepairRequest {
    /// A stored schedule.
    schedule_id: Option<i64>,
    /// A collection, shuffled.
    collection_id: Option<i64>,
    /// A filler preset where nothing else is.
    fallback_filler_id: Option<i64>,
}

/// Tells what a channel has to play.
#[utoipa::path(get, path = "", tag = "channels", params(("channel" = i64, Path, description = "Id of the channel")), responses(
    (status = 200, description = "What it has", body = ContentView),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such channel", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn content(
    Has(state): Has<State>,
    Path(id): Path<ChannelId>,
) -> Result<Json<ContentView>, ApiError> {
    state.control.channel(id).await?;
    Ok(Json(ContentView::new(id, state.control.content(id).await?)))
}

/// Gives a channel something to play, in one step.
#[utoipa::path(post, path = "", tag = "channels", params(("channel" = i64, Path, description = "Id of the channel")), request_body = RepairRequest, responses(
    (status = 200, description = "What it has now", body = ContentView),
    (status = 400, description = "The body is not JSON", body = Problem),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such channel or schedule", body = Problem),
    (status = 415, description = "The body is not marked as JSON", body = Problem),
    (status = 422, description = "A field cannot be taken", body = Problem)))]
pub async fn repair(
    Has(state): Has<State>,
    caller: Caller,
    Path(id): Path<ChannelId>,
    Json(request): Json<RepairRequest>,
) -> Result<Json<ContentView>, ApiError> {
    let repair = match (request.schedule_id, request.collection_id, request.fallback_filler_id) {
        (Some(id), None, None) => Repair::Schedule(id),
        (None, Some(id), None) => Repair::Collection(CollectionId(id)),
        (None, None, Some(id)) => Repair::Fallback(id),
        _ => {
            let fix = "send one of schedule_id, collection_id and fallback_filler_id";
            let wrong = InvalidField::new("schedule_id", "there is not one thing to play", fix);
            return Err(ApiError::invalid("body", vec![wrong]));
        }
    };
    let content = state.control.repair(&caller.actor(), id, repair).await?;
    Ok(Json(ContentView::new(id, content)))
}

/// Something by id and name.
#[derive(Debug, Serialize, ToSchema)]
pub struct Named {
    /// Its id.
    id: i64,
    /// Its name.
    name: String,
}

/// What a channel is beside its schedule.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChannelForm)]
pub struct FormView {
    /// The channel.
    channel_id: i64,
    /// `continuous`, or `on_demand`: its clock stands still while nobody watches.
    playout_mode: &'static str,
    /// The channel whose programme it shows.
    mirror_source_channel_id: Option<i64>,
    /// How many seconds later it shows that; earlier when negative.
    playout_offset: i64,
    /// Filler preset before each programme.
    pre_roll_filler_id: Option<i64>,
    /// In its breaks.
    mid_roll_filler_id: Option<i64>,
    /// After each programme.
    post_roll_filler_id: Option<i64>,
    /// For what is left.
    tail_filler_id: Option<i64>,
    /// Where nothing else is.
    fallback_filler_id: Option<i64>,
    /// The same with its name.
    fallback_filler: Option<Named>,
    /// The same with its name.
    pre_roll_filler: Option<Named>,
    /// The same with its name.
    post_roll_filler: Option<Named>,
    /// Decos shown between programmes.
    deco_group_id: Option<i64>,
    /// The same with its name.
    deco_group: Option<Named>,
    /// More decos.
    bumper_group_id: Option<i64>,
    /// The same with its name.
    bumper_group: Option<Named>,
}

async fn seen(state: &State, form: ChannelForm) -> Result<FormView, ApiError> {
    let fillers = state.control.kept::<KeptFiller>().await?;
    let groups = state.control.kept::<KeptDecoGroup>().await?;
    let filler = |id: Option<i64>| {
        let kept = fillers.iter().find(|kept| Some(kept.id) == id)?;
        Some(Named { id: kept.id, name: kept.body.name.clone() })
    };
    let group = |id: Option<i64>| {
        let kept = groups.iter().find(|kept| Some(kept.id) == id)?;
        Some(Named { id: kept.id, name: kept.body.name.clone() })
    };
    Ok(FormView {
        channel_id: form.channel.0,
        playout_mode: match form.clock {
            PlayoutClock::Continuous => "continuous",
            PlayoutClock::OnDemand => "on_demand",
        },
        mirror_source_channel_id: form.mirror_of.map(|id| id.0),
        playout_offset: form.offset_seconds,
        pre_roll_filler_id: form.fillers.pre_roll,
        mid_roll_filler_id: form.fillers.mid_roll,
        post_roll_filler_id: form.fillers.post_roll,
        tail_filler_id: form.fillers.tail,
        fallback_filler_id: form.fillers.fallback,
        fallback_filler: filler(form.fillers.fallback),
        pre_roll_filler: filler(form.fillers.pre_roll),
        post_roll_filler: filler(form.fillers.post_roll),
        deco_group_id: form.deco_group,
        deco_group: group(form.deco_group),
        bumper_group_id: form.bumper_group,
        bumper_group: group(form.bumper_group),
    })
}

/// Changes to what a channel is beside its schedule; what is left out stays, and 0 takes away.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = ChannelFormWrite)]
pub struct FormWrite {
    /// `continuous`, or `on_demand`: its clock stands still while nobody watches.
    #[schema(value_type = Option<String>)]
    playout_mode: Option<PlayoutClock>,
    /// The channel whose programme it shows.
    mirror_source_channel_id: Option<i64>,
    /// How many seconds later it shows that; earlier when negative.
    #[schema(minimum = -86_400, maximum = 604_800)]
    playout_offset: Option<i64>,
    /// Filler preset before each programme.
    pre_roll_filler_id: Option<i64>,
    /// In its breaks.
    mid_roll_filler_id: Option<i64>,
    /// After each programme.
    post_roll_filler_id: Option<i64>,
    /// For what is left.
    tail_filler_id: Option<i64>,
    /// Where nothing else is.
    fallback_filler_id: Option<i64>,
    /// Decos shown between programmes.
    deco_group_id: Option<i64>,
    /// More decos.
    bumper_group_id: Option<i64>,
}

/// Reads what a channel is beside its schedule.
#[utoipa::path(get, path = "", tag = "channels", params(("channel" = i64, Path, description = "Id of the channel")), responses(
    (status = 200, description = "What it is", body = FormView),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such channel", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn form(
    Has(state): Has<State>,
    Path(id): Path<ChannelId>,
) -> Result<Json<FormView>, ApiError> {
    let form = state.control.form(id).await?;
    Ok(Json(seen(&state, form).await?))
}

/// Changes what a channel is beside its schedule.
#[utoipa::path(put, path = "", tag = "channels", params(("channel" = i64, Path, description = "Id of the channel")), request_body = FormWrite, responses(
    (status = 200, description = "What it is now", body = FormView),
    (status = 400, description = "The body is not JSON", body = Problem),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such channel", body = Problem),
    (status = 415, description = "The body is not marked as JSON", body = Problem),
    (status = 422, description = "A field cannot be taken", body = Problem)))]
pub async fn set_form(
    Has(state): Has<State>,
    caller: Caller,
    Path(id): Path<ChannelId>,
    Json(edit): Json<FormWrite>,
) -> Result<Json<FormView>, ApiError> {
    changed(&state, &caller, id, edit).await
}

/// Reads a channel's fillers.
#[utoipa::path(get, path = "", tag = "channels", params(("channel" = i64, Path, description = "Id of the channel")), responses(
    (status = 200, description = "What it is", body = FormView),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such channel", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn filler(
    Has(state): Has<State>,
    Path(id): Path<ChannelId>,
) -> Result<Json<FormView>, ApiError> {
    let form = state.control.form(id).await?;
    Ok(Json(seen(&state, form).await?))
}

/// Changes a channel's fillers.
#[utoipa::path(put, path = "", tag = "channels", params(("channel" = i64, Path, description = "Id of the channel")), request_body = FormWrite, responses(
    (status = 200, description = "What it is now", body = FormView),
    (status = 400, description = "The body is not JSON", body = Problem),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such channel", body = Problem),
    (status = 415, description = "The body is not marked as JSON", body = Problem),
    (status = 422, description = "A field cannot be taken", body = Problem)))]
pub async fn set_filler(
    Has(state): Has<State>,
    caller: Caller,
    Path(id): Path<ChannelId>,
    Json(edit): Json<FormWrite>,
) -> Result<Json<FormView>, ApiError> {
    changed(&state, &caller, id, edit).await
}

/// Reads a channel's decos.
#[utoipa::path(get, path = "", tag = "channels", params(("channel" = i64, Path, description = "Id of the channel")), responses(
    (status = 200, description = "What it is", body = FormView),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such channel", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn deco(
    Has(state): Has<State>,
    Path(id): Path<ChannelId>,
) -> Result<Json<FormView>, ApiError> {
    let form = state.control.form(id).await?;
    Ok(Json(seen(&state, form).await?))
}

/// Changes a channel's decos.
#[utoipa::path(put, path = "", tag = "channels", params(("channel" = i64, Path, description = "Id of the channel")), request_body = FormWrite, responses(
    (status = 200, description = "What it is now", body = FormView),
    (status = 400, description = "The body is not JSON", body = Problem),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such channel", body = Problem),
    (status = 415, description = "The body is not marked as JSON", body = Problem),
    (status = 422, description = "A field cannot be taken", body = Problem)))]
pub async fn set_deco(
    Has(state): Has<State>,
    caller: Caller,
    Path(id): Path<ChannelId>,
    Json(edit): Json<FormWrite>,
) -> Result<Json<FormView>, ApiError> {
    changed(&state, &caller, id, edit).await
}

async fn changed(
    state: &State,
    caller: &Caller,
    id: ChannelId,
    edit: FormWrite,
) -> Result<Json<FormView>, ApiError> {
    let mut form = state.control.form(id).await?;
    if let Some(clock) = edit.playout_mode {
        form.clock = clock;
    }
    let mut mirror = form.mirror_of.map(|id| id.0);
    refer(&mut mirror, edit.mirror_source_channel_id);
    form.mirror_of = mirror.map(ChannelId);
    if let Some(offset) = edit.playout_offset {
        if !(-86_400..=604_800).contains(&offset) {
            let problem = format!("{offset} is outside the limits");
            let fix = "write -86400 to 604800 seconds";
            let wrong = InvalidField::new("playout_offset", problem, fix);
            return Err(ApiError::invalid("body", vec![wrong]));
        }
        form.offset_seconds = offset;
    }
    refer(&mut form.fillers.pre_roll, edit.pre_roll_filler_id);
    refer(&mut form.fillers.mid_roll, edit.mid_roll_filler_id);
    refer(&mut form.fillers.post_roll, edit.post_roll_filler_id);
    refer(&mut form.fillers.tail, edit.tail_filler_id);
    refer(&mut form.fillers.fallback, edit.fallback_filler_id);
    refer(&mut form.deco_group, edit.deco_group_id);
    refer(&mut form.bumper_group, edit.bumper_group_id);
    let form = state.control.set_form(&caller.actor(), form).await?;
    Ok(Json(seen(state, form).await?))
}
