//! Playouts: what is on which channel, and what is done to its timeline by hand.

use axum::extract::State as Has;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::control::{Draft, LONGEST_PREVIEW_HOURS, RulesFrom};
use crate::domain::{
    Channel, ChannelId, ChannelNumber, Days, InvalidField, Kept, KeptPlayout, KeptSchedule,
    PlayoutSource, Rules, Slot, SlotKind, TemplateUse, UtcMillis,
};
use crate::formats::schedule_yaml;

use super::super::auth::Caller;
use super::super::error::{ApiError, Problem};
use super::super::extract::{Json, Path, Query};
use super::super::state::State;
use super::kept;
use super::{stamp, within};

/// What is on a channel instead of its own rules.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Playout)]
pub struct PlayoutView {
    /// Its id.
    id: i64,
    /// Its channel.
    channel_id: i64,
    /// The schedule that is played.
    program_schedule_id: Option<i64>,
    /// The template that is played, or the first of several.
    template_id: Option<i64>,
    /// All templates, with their days as a sum: Sunday 1 … Saturday 64.
    templates: Vec<TemplateUseView>,
    /// `continuous`, `daily` or `weekly`.
    playout_type: String,
    /// `flood` (a schedule), `block` (templates), `external` (a scripted build), `yaml` (its
    /// channel's schedule file wins) or `none`.
    schedule_kind: &'static str,
    /// The schedule file that wins, if there is one.
    schedule_file: Option<String>,
    /// Drives every random choice.
    seed: u64,
    /// Whether it is the channel's; a channel has one at most.
    is_active: bool,
    /// Where planning goes on.
    anchor: Option<Anchor>,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was changed last.
    #[schema(format = DateTime)]
    updated_at: String,
}

/// A template and its days.
#[derive(Debug, Serialize, ToSchema)]
pub struct TemplateUseView {
    /// The template.
    template_id: i64,
    /// Its days as a sum.
    days_of_week: u8,
}

/// Where planning goes on.
#[derive(Debug, Serialize, ToSchema)]
pub struct Anchor {
    /// The end of what is planned.
    #[schema(format = DateTime)]
    next_start: String,
}

fn seen(state: &State, kept: Kept<KeptPlayout>) -> PlayoutView {
    let body = kept.body;
    let file = match state.control.rules_from(body.channel) {
        Some(RulesFrom::File(file)) => Some(file),
        Some(RulesFrom::Playout(_) | RulesFrom::Own | RulesFrom::Mirror(_)) | None => None,
    };
    let (schedule, templates, kind) = match body.source {
        PlayoutSource::None => (None, vec![], "none"),
        PlayoutSource::Schedule { schedule } => (Some(schedule), vec![], "flood"),
        PlayoutSource::Templates { templates } => (None, templates, "block"),
        PlayoutSource::Script { .. } => (None, vec![], "external"),
    };
    let last = state.control.slots_from(body.channel, UtcMillis(0)).pop();
    let anchor =
        last.filter(|_| body.is_active).map(|slot| Anchor { next_start: stamp(slot.stop) });
    PlayoutView {
        id: kept.id,
        channel_id: body.channel.0,
        program_schedule_id: schedule,
        template_id: templates.first().map(|used| used.template),
        templates: templates
            .iter()
            .map(|used| TemplateUseView {
                template_id: used.template,
                days_of_week: used.days_of_week.0,
            })
            .collect(),
        playout_type: body.playout_type,
        schedule_kind: if file.is_some() { "yaml" } else { kind },
        schedule_file: file,
        seed: body.seed,
        is_active: body.is_active,
        anchor,
        created_at: stamp(kept.created),
        updated_at: stamp(kept.updated),
    }
}

/// Which playouts are wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
pub struct ListQuery {
    /// Only those of this channel.
    channel_id: Option<i64>,
}

/// Lists the playouts, the active and the others.
#[utoipa::path(get, path = "", tag = "playouts", params(ListQuery), responses(
    (status = 200, description = "The playouts", body = [PlayoutView]),
    (status = 401, description = "No valid key", body = Problem),
    (status = 422, description = "A query field cannot be taken", body = Problem)))]
pub async fn list(
    Has(state): Has<State>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Vec<PlayoutView>>, ApiError> {
    let all = state.control.playouts(query.channel_id.map(ChannelId)).await?;
    Ok(Json(all.into_iter().map(|kept| seen(&state, kept)).collect()))
}

/// Lists a channel's playouts, the active and the others.
#[utoipa::path(get, path = "", tag = "playouts", params(("channel" = i64, Path, description = "Id of the channel")), responses(
    (status = 200, description = "The playouts", body = [PlayoutView]),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such channel", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn of(
    Has(state): Has<State>,
    Path(id): Path<ChannelId>,
) -> Result<Json<Vec<PlayoutView>>, ApiError> {
    state.control.channel(id).await?;
    let all = state.control.playouts(Some(id)).await?;
    Ok(Json(all.into_iter().map(|kept| seen(&state, kept)).collect()))
}

/// What a playout plays; in the query, as older clients send it, or in the body.
#[derive(Debug, Clone, Default, Deserialize, IntoParams, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = PlayoutWrite)]
pub struct Write {
    /// Its channel; needed when one is made.
    channel_id: Option<i64>,
    /// The schedule; 0 or less takes it away.
    program_schedule_id: Option<i64>,
    /// A template for every day; 0 or less takes it away.
    template_id: Option<i64>,
    /// `continuous` (when left out), `daily` or `weekly`.
    playout_type: Option<String>,
    /// Whether it is the channel's; `true` when one is made.
    is_active: Option<bool>,
    /// Drives every random choice.
    seed: Option<u64>,
}

impl Write {
    fn over(self, body: &mut KeptPlayout) -> Result<(), ApiError> {
        if let Some(word) = self.playout_type {
            if !["continuous", "daily", "weekly"].contains(&word.as_str()) {
                let problem = format!("{word:?} is no kind of playout");
                let fix = "use continuous, daily or weekly";
                let wrong = InvalidField::new("playout_type", problem, fix);
                return Err(ApiError::invalid("query", vec![wrong]));
            }
            body.playout_type = word;
        }
        kept::set(&mut body.is_active, self.is_active);
        kept::set(&mut body.seed, self.seed);
        match (self.program_schedule_id, self.template_id) {
            (Some(schedule), _) if schedule > 0 => {
                body.source = PlayoutSource::Schedule { schedule };
            }
            (_, Some(template)) if template > 0 => {
                let templates = vec![TemplateUse { template, days_of_week: Days::ALL }];
                body.source = PlayoutSource::Templates { templates };
            }
            (Some(_), _) | (_, Some(_)) => body.source = PlayoutSource::None,
            (None, None) => {}
        }
        Ok(())
    }
}

/// Puts a schedule or template on a channel; every other playout of it is inactive from then on.
#[utoipa::path(post, path = "", tag = "playouts", params(Write), responses(
    (status = 201, description = "The new playout", body = PlayoutView),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such channel, schedule or template", body = Problem),
    (status = 422, description = "A field cannot be taken", body = Problem)))]
pub async fn create(
    Has(state): Has<State>,
    caller: Caller,
    Query(new): Query<Write>,
) -> Result<(StatusCode, Json<PlayoutView>), ApiError> {
    let Some(channel) = new.channel_id else {
        let wrong = InvalidField::new("channel_id", "it is missing", "send the channel's id");
        return Err(ApiError::invalid("query", vec![wrong]));
    };
    let mut body = KeptPlayout::on(ChannelId(channel), PlayoutSource::None);
    new.over(&mut body)?;
    let kept = state.control.put_playout(&caller.actor(), None, body).await?;
    Ok((StatusCode::CREATED, Json(seen(&state, kept))))
}

/// Reads a playout.
#[utoipa::path(get, path = "", tag = "playouts", params(("playout" = i64, Path, description = "Id of the playout")), responses(
    (status = 200, description = "The playout", body = PlayoutView),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such playout", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn read(
    Has(state): Has<State>,
    Path(id): Path<i64>,
) -> Result<Json<PlayoutView>, ApiError> {
    Ok(Json(seen(&state, state.control.playout(id).await?)))
}

/// Changes a playout; what is left out stays as it is.
#[utoipa::path(put, path = "", tag = "playouts", params(("playout" = i64, Path, description = "Id of the playout"), Write), responses(
    (status = 200, description = "The playout as it is now", body = PlayoutView),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such playout, schedule or template", body = Problem),
    (status = 422, description = "A field cannot be taken", body = Problem)))]
pub async fn edit(
    Has(state): Has<State>,
    caller: Caller,
    Path(id): Path<i64>,
    Query(edit): Query<Write>,
) -> Result<Json<PlayoutView>, ApiError> {
    let mut body = state.control.playout(id).await?.body;
    if edit.channel_id.is_some_and(|channel| channel != body.channel.0) {
        let fix = "make a playout on the other channel";
        let wrong = InvalidField::new("channel_id", "a playout stays on its channel", fix);
        return Err(ApiError::invalid("query", vec![wrong]));
    }
    edit.over(&mut body)?;
    Ok(Json(seen(&state, state.control.put_playout(&caller.actor(), Some(id), body).await?)))
}

/// Deletes a playout; its channel plays its own rules again.
#[utoipa::path(delete, path = "", tag = "playouts", params(("playout" = i64, Path, description = "Id of the playout")), responses(
    (status = 204, description = "It is gone"),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such playout", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn delete(
    Has(state): Has<State>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<StatusCode, ApiError> {
    state.control.drop_playout(&caller.actor(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A slot of a timeline.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PlayoutItem)]
pub struct SlotView {
    /// Its start in milliseconds since 1970, which is unique on its channel.
    id: i64,
    /// The media; `null` for the slate.
    media_item_id: Option<i64>,
    /// Title at the time of planning.
    title: String,
    /// Title in the guide instead of it.
    custom_title: Option<String>,
    /// When it begins.
    #[schema(format = DateTime)]
    start_time: String,
    /// When it ends.
    #[schema(format = DateTime)]
    finish_time: String,
    /// Where in the media it begins.
    in_point_seconds: f64,
    /// `null` for a programme, else `pre_roll`, `mid_roll`, `post_roll`, `tail`, `fallback`,
    /// `pause` or `offline`.
    filler_kind: Option<String>,
}

pub(super) fn slot_view(slot: &Slot) -> SlotView {
    SlotView {
        id: slot.start.0,
        media_item_id: slot.media.map(|media| media.0),
        title: slot.title.clone(),
        custom_title: slot.custom_title.clone(),
        start_time: stamp(slot.start),
        finish_time: stamp(slot.stop),
        in_point_seconds: if slot.in_ms == slot.start.0 { 0.0 } else { slot.in_ms as f64 / 1000.0 },
        filler_kind: (slot.kind != SlotKind::Programme).then(|| kept::word(&slot.kind)),
    }
}

/// A page of a timeline.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
pub struct PageQuery {
    /// Most slots.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<i64>,
    /// Slots to pass over.
    #[param(minimum = 0, default = 0)]
    offset: Option<i64>,
}

/// A page of a timeline.
#[derive(Debug, Serialize, ToSchema)]
pub struct PlayoutItems {
    /// The playout.
    playout_id: i64,
    /// The slots, the one on air first.
    items: Vec<SlotView>,
    /// Slots passed over.
    offset: i64,
    /// Most slots.
    limit: i64,
    /// How many there are in all.
    count: usize,
}

/// Lists what is planned, the slot on air first.
#[utoipa::path(get, path = "", tag = "playouts", params(("playout" = i64, Path, description = "Id of the playout"), PageQuery), responses(
    (status = 200, description = "The slots", body = PlayoutItems),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such playout", body = Problem),
    (status = 422, description = "A field cannot be taken", body = Problem)))]
pub async fn items(
    Has(state): Has<State>,
    Path(id): Path<i64>,
    Query(query): Query<PageQuery>,
) -> Result<Json<PlayoutItems>, ApiError> {
    let limit = within("limit", query.limit, 100, 1..=1000)?;
    let offset = within("offset", query.offset, 0, 0..=10_000_000)?;
    let slots = active_slots(&state, id).await?;
    let page = slots.iter().skip(usize::try_from(offset).unwrap_or(0));
    let items = page.take(usize::try_from(limit).unwrap_or(100)).map(slot_view).collect();
    Ok(Json(PlayoutItems { playout_id: id, items, offset, limit, count: slots.len() }))
}

/// What is planned from now on; nothing for a playout that is not the channel's.
async fn active_slots(state: &State, id: i64) -> Result<Vec<Slot>, ApiError> {
    let body = state.control.playout(id).await?.body;
    if !body.is_active {
        return Ok(Vec::new());
    }
    Ok(state.control.slots_from(body.channel, state.control.clock_now()))
}

/// What is on air.
#[derive(Debug, Serialize, ToSchema)]
pub struct NowPlaying {
    /// The playout.
    playout_id: i64,
    /// Now.
    #[schema(format = DateTime)]
    current_time: String,
    /// What is on air; `null` for a playout that is not the channel's.
    current: Option<Current>,
    /// What comes next.
    next: Option<Next>,
}

/// What is on air.
#[derive(Debug, Serialize, ToSchema)]
pub struct Current {
    /// The slot.
    #[serde(flatten)]
    slot: SlotView,
    /// Seconds since it began.
    progress_seconds: f64,
    /// Its length.
    duration_seconds: f64,
}

/// What comes next.
#[derive(Debug, Serialize, ToSchema)]
pub struct Next {
    /// The slot.
    #[serde(flatten)]
    slot: SlotView,
    /// Seconds until it begins.
    starts_in_seconds: f64,
}

/// What is on air now, which is what viewers see, and what comes next.
#[utoipa::path(get, path = "", tag = "playouts", params(("playout" = i64, Path, description = "Id of the playout")), responses(
    (status = 200, description = "Now and next", body = NowPlaying),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such playout", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn now_playing(
    Has(state): Has<State>,
    Path(id): Path<i64>,
) -> Result<Json<NowPlaying>, ApiError> {
    let now = state.control.clock_now();
    let slots = active_slots(&state, id).await?;
    let seconds = |ms: i64| ms as f64 / 1000.0;
    Ok(Json(NowPlaying {
        playout_id: id,
        current_time: stamp(now),
        current: slots.first().map(|slot| Current {
            slot: slot_view(slot),
            progress_seconds: seconds(now.since(slot.start)),
            duration_seconds: seconds(slot.duration_ms()),
        }),
        next: slots.get(1).map(|slot| Next {
            slot: slot_view(slot),
            starts_in_seconds: seconds(slot.start.since(now)),
        }),
    }))
}

/// Something that was on.
#[derive(Debug, Serialize, ToSchema)]
pub struct AiredView {
    /// Its start in milliseconds since 1970.
    id: i64,
    /// Its title.
    title: String,
    /// The media.
    media_item_id: Option<i64>,
    /// When it began.
    #[schema(format = DateTime)]
    started_at: String,
    /// When it ended; `null` while it is on air.
    #[schema(format = DateTime)]
    finished_at: Option<String>,
    /// `playing`, `completed`, `skipped` or `interrupted` (there was nothing to play).
    status: &'static str,
}

/// How much of the past is wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
pub struct HistoryQuery {
    /// Most entries.
    #[param(minimum = 1, maximum = 1000, default = 50)]
    limit: Option<i64>,
}

/// Lists what was on, newest first, as far back as timelines are kept (50 hours).
#[utoipa::path(get, path = "", tag = "playouts", params(("playout" = i64, Path, description = "Id of the playout"), HistoryQuery), responses(
    (status = 200, description = "What was on", body = [AiredView]),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such playout", body = Problem),
    (status = 422, description = "A field cannot be taken", body = Problem)))]
pub async fn history(
    Has(state): Has<State>,
    Path(id): Path<i64>,
    Query(query): Query<HistoryQuery>,
) -> Result<Json<Vec<AiredView>>, ApiError> {
    let limit = within("limit", query.limit, 50, 1..=1000)?;
    let channel = state.control.playout(id).await?.body.channel;
    let now = state.control.clock_now();
    let aired = state.control.aired(channel, usize::try_from(limit).unwrap_or(50)).await?;
    let view = aired.into_iter().map(|aired| {
        let over = aired.slot.stop <= now;
        AiredView {
            id: aired.slot.start.0,
            media_item_id: aired.slot.media.map(|media| media.0),
            started_at: stamp(aired.slot.start),
            finished_at: over.then(|| stamp(aired.slot.stop)),
            status: if over { aired.status } else { "playing" },
            title: aired.slot.title,
        }
    });
    Ok(Json(view.collect()))
}

/// From when on, and how.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
pub struct RebuildQuery {
    /// RFC 3339; left out: from the next programme. What is on air is never changed.
    from: Option<String>,
    /// Whether the schedule begins from its top, and every collection too.
    reset: bool,
}

/// What was done to a timeline.
#[derive(Debug, Serialize, ToSchema)]
pub struct Rebuilt {
    /// The playout.
    playout_id: i64,
    /// `rebuilt` or `extended`.
    status: &'static str,
    /// In words.
    message: String,
    /// Up to when it is planned.
    #[schema(format = DateTime)]
    planned_until: Option<String>,
}

/// Plans a channel anew, from the next programme or from a point that you choose.
#[utoipa::path(post, path = "", tag = "playouts", params(("playout" = i64, Path, description = "Id of the playout"), RebuildQuery), responses(
    (status = 200, description = "It is planned", body = Rebuilt),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such playout", body = Problem),
    (status = 409, description = "The channel shows another one's programme", body = Problem),
    (status = 422, description = "A field cannot be taken", body = Problem)))]
pub async fn rebuild(
    Has(state): Has<State>,
    caller: Caller,
    Path(id): Path<i64>,
    Query(query): Query<RebuildQuery>,
) -> Result<Json<Rebuilt>, ApiError> {
    let from = match &query.from {
        Some(text) => Some(instant("from", text)?),
        None => None,
    };
    let channel = state.control.playout(id).await?.body.channel;
    let dropped = state.control.rebuild(&caller.actor(), channel, from, query.reset).await?;
    let last = state.control.slots_from(channel, UtcMillis(0)).pop();
    Ok(Json(Rebuilt {
        playout_id: id,
        status: "rebuilt",
        message: format!("{dropped} slots were dropped and planned anew"),
        planned_until: last.map(|slot| stamp(slot.stop)),
    }))
}

fn instant(field: &str, text: &str) -> Result<UtcMillis, ApiError> {
    let at: Result<jiff::Timestamp, _> = text.parse();
    at.map(|at| UtcMillis(at.as_millisecond())).map_err(|_| {
        let problem = format!("{text:?} is no instant");
        let fix = "write RFC 3339 such as 2026-12-24T18:00:00Z";
        ApiError::invalid("query", vec![InvalidField::new(field, problem, fix)])
    })
}

/// How far ahead.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
pub struct ExtendQuery {
    /// Days from now.
    #[param(minimum = 1, maximum = 14, default = 7)]
    days: Option<i64>,
}

/// Plans a channel further ahead than usual.
#[utoipa::path(post, path = "", tag = "playouts", params(("playout" = i64, Path, description = "Id of the playout"), ExtendQuery), responses(
    (status = 200, description = "It is planned", body = Rebuilt),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such playout", body = Problem),
    (status = 422, description = "A field cannot be taken", body = Problem)))]
pub async fn extend(
    Has(state): Has<State>,
    caller: Caller,
    Path(id): Path<i64>,
    Query(query): Query<ExtendQuery>,
) -> Result<Json<Rebuilt>, ApiError> {
    let days = within("days", query.days, 7, 1..=14)?;
    let channel = state.control.playout(id).await?.body.channel;
    let days = u32::try_from(days).unwrap_or(7);
    let until = state.control.extend(&caller.actor(), channel, days).await?;
    Ok(Json(Rebuilt {
        playout_id: id,
        status: "extended",
        message: format!("{days} days are planned"),
        planned_until: until.map(stamp),
    }))
}

/// What a skip came to.
#[derive(Debug, Serialize, ToSchema)]
pub struct SkipView {
    /// The playout.
    playout_id: i64,
    /// Start of what was skipped, in milliseconds since 1970.
    skipped_item_id: Option<i64>,
    /// Its title.
    skipped_title: Option<String>,
    /// In words.
    message: String,
    /// Whether something was skipped, or taken back.
    skipped: bool,
    /// When it is seen.
    #[schema(format = DateTime)]
    at: String,
}

/// Ends what is on air in ten seconds and begins what comes after it.
///
/// Ten seconds are on their way to viewers already. Fixed starts stay where they are.
#[utoipa::path(post, path = "", tag = "playouts", params(("playout" = i64, Path, description = "Id of the playout")), responses(
    (status = 200, description = "Whether something was skipped", body = SkipView),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such playout", body = Problem),
    (status = 409, description = "The channel shows another one's programme", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn skip(
    Has(state): Has<State>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Json<SkipView>, ApiError> {
    let channel = state.control.playout(id).await?.body.channel;
    let done = state.control.skip(&caller.actor(), channel).await?;
    let message = match &done.slot {
        Some(slot) => format!("{} ends", slot.title),
        None => "there is nothing to skip, or it ends by itself".to_owned(),
    };
    Ok(Json(skip_view(id, done, message)))
}

fn skip_view(id: i64, done: crate::control::Skipped, message: String) -> SkipView {
    SkipView {
        playout_id: id,
        skipped_item_id: done.slot.as_ref().map(|slot| slot.start.0),
        skipped: done.slot.is_some(),
        skipped_title: done.slot.map(|slot| slot.title),
        message,
        at: stamp(done.at),
    }
}

/// What taking a skip back came to.
#[derive(Debug, Serialize, ToSchema)]
pub struct CancelView {
    /// The playout.
    playout_id: i64,
    /// In words.
    message: String,
    /// Whether there was a skip to take back.
    cancelled: bool,
}

/// Goes on with what was skipped last, at the place where it would be by now.
#[utoipa::path(post, path = "", tag = "playouts", params(("playout" = i64, Path, description = "Id of the playout")), responses(
    (status = 200, description = "Whether there was a skip to take back", body = CancelView),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such playout", body = Problem),
    (status = 409, description = "The channel shows another one's programme", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn cancel_skip(
    Has(state): Has<State>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Json<CancelView>, ApiError> {
    let channel = state.control.playout(id).await?.body.channel;
    let done = state.control.cancel_skip(&caller.actor(), channel).await?;
    let message = match &done.slot {
        Some(slot) => format!("{} goes on", slot.title),
        None => "nothing that was skipped would still be on".to_owned(),
    };
    Ok(Json(CancelView { playout_id: id, message, cancelled: done.slot.is_some() }))
}

/// A channel with what is on it.
#[derive(Debug, Serialize, ToSchema)]
pub struct OfChannel {
    /// Its number.
    channel_number: String,
    /// Its name.
    channel_name: String,
    /// Whether it is offered to clients.
    enabled: bool,
    /// `file`, `playout`, `own` or `mirror`; `null` for a channel that is off.
    rules_from: Option<&'static str>,
    /// Its active playout.
    playout: Option<PlayoutView>,
    /// What is planned next, at most 50 slots.
    time_blocks: Vec<SlotView>,
}

/// Reads what is on a channel, by number.
#[utoipa::path(get, path = "", tag = "playouts", params(("number" = String, Path, description = "Number of the channel, such as 7 or 5.1")), responses(
    (status = 200, description = "The channel with its playout", body = OfChannel),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such channel", body = Problem),
    (status = 422, description = "Not a channel number", body = Problem)))]
pub async fn of_channel(
    Has(state): Has<State>,
    Path(number): Path<String>,
) -> Result<Json<OfChannel>, ApiError> {
    let number: ChannelNumber =
        number.parse().map_err(|error| ApiError::invalid("path", vec![error]))?;
    let channels = state.control.channels().await?;
    let found: Option<Channel> = channels.into_iter().find(|channel| channel.number == number);
    let channel = found.ok_or_else(|| ApiError::not_found(&format!("channel {number}")))?;
    let playouts = state.control.playouts(Some(channel.id)).await?;
    let active = playouts.into_iter().find(|kept| kept.body.is_active);
    let slots = state.control.slots_from(channel.id, state.control.clock_now());
    Ok(Json(OfChannel {
        channel_number: channel.number.to_string(),
        channel_name: channel.name,
        enabled: channel.enabled,
        rules_from: state.control.rules_from(channel.id).map(|from| match from {
            RulesFrom::File(_) => "file",
            RulesFrom::Playout(_) => "playout",
            RulesFrom::Own => "own",
            RulesFrom::Mirror(_) => "mirror",
        }),
        playout: active.map(|kept| seen(&state, kept)),
        time_blocks: slots.iter().take(50).map(slot_view).collect(),
    }))
}

/// Something to be planned without being stored: one of these.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PreviewRequest {
    /// A stored schedule.
    schedule_id: Option<i64>,
    /// Rules written in full.
    #[schema(value_type = Option<Object>)]
    rules: Option<Rules>,
    /// A schedule file.
    #[schema(max_length = 262_144)]
    yaml: Option<String>,
    /// How far to plan.
    #[schema(minimum = 1, maximum = 336, default = 24)]
    hours: Option<i64>,
}

/// What would be played.
#[derive(Debug, Serialize, ToSchema)]
pub struct PreviewView {
    /// The slots, from now on.
    items: Vec<SlotView>,
    /// How many.
    count: usize,
    /// Whether all of the time has something to play.
    full: bool,
    /// Why it is not what one might have expected.
    reasons: Vec<String>,
}

/// Plans a schedule from its top without storing or airing anything.
#[utoipa::path(post, path = "", tag = "playouts", request_body = PreviewRequest, responses(
    (status = 200, description = "What would be played", body = PreviewView),
    (status = 400, description = "The body is not JSON", body = Problem),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such schedule", body = Problem),
    (status = 415, description = "The body is not marked as JSON", body = Problem),
    (status = 422, description = "A field cannot be taken", body = Problem)))]
pub async fn preview(
    Has(state): Has<State>,
    Json(request): Json<PreviewRequest>,
) -> Result<Json<PreviewView>, ApiError> {
    let hours = within("hours", request.hours, 24, 1..=LONGEST_PREVIEW_HOURS)?;
    let draft = match (request.schedule_id, request.rules, request.yaml) {
        (Some(id), None, None) => {
            Draft::Schedule(Box::new(state.control.kept_one::<KeptSchedule>(id).await?.body))
        }
        (None, Some(rules), None) => Draft::Rules(Box::new(rules)),
        (None, None, Some(text)) => Draft::Script(Box::new(script(&text)?)),
        _ => {
            let fix = "send one of schedule_id, rules and yaml";
            let wrong = InvalidField::new("schedule_id", "there is not one thing to plan", fix);
            return Err(ApiError::invalid("body", vec![wrong]));
        }
    };
    let now = state.control.clock_now();
    let preview = state.control.preview(&draft, now, now.plus_ms(hours * 3_600_000)).await?;
    let dark = |slot: &Slot| matches!(slot.kind, SlotKind::Offline | SlotKind::Pause);
    Ok(Json(PreviewView {
        count: preview.slots.len(),
        full: !preview.slots.iter().any(dark),
        items: preview.slots.iter().map(slot_view).collect(),
        reasons: preview.reasons,
    }))
}

/// Reads a schedule file that was sent; each fault becomes a detail that names its line.
fn script(text: &str) -> Result<crate::domain::Script, ApiError> {
    let read = schedule_yaml::load("schedule.yml", |file| {
        if file == "schedule.yml" { Ok(text.to_owned()) } else { Err("it is not sent".to_owned()) }
    });
    read.map(|loaded| loaded.script).map_err(|faults| {
        let wrong = faults.into_iter().map(|fault| {
            let place = format!("yaml.{}.{}", fault.at.line, fault.at.column);
            InvalidField::new(place, fault.problem, fault.fix)
        });
        ApiError::invalid("body", wrong.collect())
    })
}
