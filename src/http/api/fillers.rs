//! Filler presets: what is played around, in and between programmes.

use axum::extract::State as Has;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::control::ControlError;
use crate::domain::{FillerLine, InvalidField, Kept, KeptFiller};

use super::super::auth::Caller;
use super::super::error::{ApiError, Problem};
use super::super::extract::{Json, Path};
use super::super::state::State;
use super::kept::{TakingView, kept_routes, set};
use super::stamp;

/// A filler preset.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FillerPreset)]
pub struct FillerView {
    /// Its id.
    id: i64,
    /// Its name.
    name: String,
    /// `count`, `duration` or `pad`.
    filler_mode: String,
    /// How many.
    count: Option<u32>,
    /// How long.
    duration_seconds: Option<u32>,
    /// Up to which multiple of minutes.
    pad_to_minutes: Option<u32>,
    /// `chronological`, `shuffled` or `random`.
    playback_order: String,
    /// Whether one may come twice in a break.
    allow_repeats: bool,
    /// Minutes that one rests after it was shown.
    cooldown_minutes: u32,
    /// Minutes between two breaks of a mid-roll where the media has no break points; 0 never.
    break_every_minutes: u32,
    /// Whether the last may be cut to fit.
    trim: bool,
    /// What it chooses from.
    items: Vec<LineView>,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was changed last.
    #[schema(format = DateTime)]
    updated_at: String,
}

impl From<Kept<KeptFiller>> for FillerView {
    fn from(kept: Kept<KeptFiller>) -> Self {
        let body = kept.body;
        let lines = body.items.into_iter().enumerate();
        Self {
            id: kept.id,
            name: body.name,
            filler_mode: body.filler_mode,
            count: body.count,
            duration_seconds: body.duration_seconds,
            pad_to_minutes: body.pad_to_minutes,
            playback_order: body.playback_order,
            allow_repeats: body.allow_repeats,
            cooldown_minutes: body.cooldown_minutes,
            break_every_minutes: body.break_every_minutes,
            trim: body.trim,
            items: lines.map(|(at, line)| line_view(kept.id, at + 1, line)).collect(),
            created_at: stamp(kept.created),
            updated_at: stamp(kept.updated),
        }
    }
}

/// What a filler preset chooses from.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FillerItem)]
pub struct LineView {
    /// Its id.
    id: i64,
    /// Its preset.
    preset_id: i64,
    /// What.
    collection_type: String,
    /// The collection.
    collection_id: Option<i64>,
    /// The single item.
    media_item_id: Option<i64>,
    /// How often compared with others.
    weight: u32,
    /// Nothing shorter.
    min_duration_seconds: Option<u32>,
    /// Nothing longer.
    max_duration_seconds: Option<u32>,
}

fn line_view(preset: i64, _position: usize, line: FillerLine) -> LineView {
    LineView {
        id: line.id,
        preset_id: preset,
        collection_type: line.taking.collection_type,
        collection_id: line.taking.collection_id,
        media_item_id: line.taking.media_item_id,
        weight: line.weight,
        min_duration_seconds: line.min_duration_seconds,
        max_duration_seconds: line.max_duration_seconds,
    }
}

/// A preset to be made, or changes to one; what is left out stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = FillerPresetWrite)]
pub struct FillerWrite {
    /// Its name; needed when one is made.
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// `count`, `duration` (when left out) or `pad`.
    filler_mode: Option<String>,
    /// How many; needed for `count`.
    #[schema(minimum = 1)]
    count: Option<u32>,
    /// How long; needed for `duration`.
    #[schema(minimum = 1)]
    duration_seconds: Option<u32>,
    /// Up to which multiple of minutes; needed for `pad`.
    #[schema(minimum = 1)]
    pad_to_minutes: Option<u32>,
    /// `chronological`, `shuffled` (when left out) or `random`.
    playback_order: Option<String>,
    /// Whether one may come twice in a break; `true` when left out.
    allow_repeats: Option<bool>,
    /// Minutes that one rests after it was shown.
    cooldown_minutes: Option<u32>,
    /// Minutes between two breaks of a mid-roll where the media has no break points.
    break_every_minutes: Option<u32>,
    /// Whether the last may be cut to fit.
    trim: Option<bool>,
}

impl FillerWrite {
    fn fresh() -> KeptFiller {
        KeptFiller {
            filler_mode: "duration".to_owned(),
            playback_order: "shuffled".to_owned(),
            allow_repeats: true,
            next_item: 1,
            ..KeptFiller::default()
        }
    }

    fn over(self, body: &mut KeptFiller) -> Result<(), Vec<InvalidField>> {
        let mut wrong = Vec::new();
        set(&mut body.name, self.name);
        set(&mut body.filler_mode, self.filler_mode);
        set(&mut body.playback_order, self.playback_order);
        set(&mut body.allow_repeats, self.allow_repeats);
        set(&mut body.cooldown_minutes, self.cooldown_minutes);
        set(&mut body.break_every_minutes, self.break_every_minutes);
        set(&mut body.trim, self.trim);
        body.count = self.count.or(body.count);
        body.duration_seconds = self.duration_seconds.or(body.duration_seconds);
        body.pad_to_minutes = self.pad_to_minutes.or(body.pad_to_minutes);
        let needed = match body.filler_mode.as_str() {
            "count" => Some(("count", body.count, 1_000)),
            "duration" => Some(("duration_seconds", body.duration_seconds, 86_400)),
            "pad" => Some(("pad_to_minutes", body.pad_to_minutes, 1_440)),
            other => {
                let problem = format!("{other:?} is no mode");
                wrong.push(InvalidField::new("filler_mode", problem, "use count, duration or pad"));
                None
            }
        };
        if let Some((field, value, most)) = needed
            && !value.is_some_and(|value| (1..=most).contains(&value))
        {
            let problem = format!("it is required when filler_mode is {:?}", body.filler_mode);
            wrong.push(InvalidField::new(field, problem, format!("write 1 to {most}")));
        }
        if !["chronological", "shuffled", "random"].contains(&body.playback_order.as_str()) {
            let problem = format!("{:?} is no order of filler", body.playback_order);
            let fix = "use chronological, shuffled or random";
            wrong.push(InvalidField::new("playback_order", problem, fix));
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }
}

kept_routes!(KeptFiller, FillerView, FillerWrite, "fillers", "preset",
    "Lists the filler presets." "Makes a filler preset, without anything to choose from."
    "Reads a filler preset." "Changes a filler preset."
    "Deletes a filler preset; what named it goes on without it.");

/// A line to be made, or changes to one; what is left out stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = FillerItemWrite)]
pub struct LineWrite {
    /// `collection` and the other words of schedule items.
    collection_type: Option<String>,
    /// The collection.
    collection_id: Option<i64>,
    /// The single item.
    media_item_id: Option<i64>,
    /// Title of the show, or name of the artist.
    search_title: Option<String>,
    /// What is searched for.
    search_query: Option<String>,
    /// How often compared with others; 1 when left out.
    #[schema(minimum = 1)]
    weight: Option<u32>,
    /// Nothing shorter; 0 takes it away.
    min_duration_seconds: Option<u32>,
    /// Nothing longer; 0 takes it away.
    max_duration_seconds: Option<u32>,
}

impl LineWrite {
    fn fresh(line: &mut FillerLine) {
        line.weight = 1;
    }

    fn over(self, line: &mut FillerLine) -> Result<(), InvalidField> {
        TakingView {
            collection_type: self.collection_type,
            collection_id: self.collection_id,
            media_item_id: self.media_item_id,
            search_title: self.search_title,
            season_number: None,
            search_query: self.search_query,
        }
        .over(&mut line.taking);
        set(&mut line.weight, self.weight);
        if line.weight == 0 {
            return Err(InvalidField::new("weight", "0 is too small", "write 1 or more"));
        }
        for (place, sent) in [
            (&mut line.min_duration_seconds, self.min_duration_seconds),
            (&mut line.max_duration_seconds, self.max_duration_seconds),
        ] {
            if let Some(seconds) = sent {
                *place = Some(seconds).filter(|seconds| *seconds > 0);
            }
        }
        Ok(())
    }
}

/// Adds a line.
#[utoipa::path(post, path = "", tag = "fillers", params(("preset" = i64, Path, description = "Its id")), request_body = LineWrite, responses(
    (status = 201, description = "The new line", body = LineView),
    (status = 400, description = "The body is not JSON", body = Problem),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "There is none", body = Problem),
    (status = 415, description = "The body is not marked as JSON", body = Problem),
    (status = 422, description = "Fields that cannot be taken", body = Problem)))]
pub async fn add_item(
    Has(state): Has<State>,
    caller: Caller,
    Path(id): Path<i64>,
    Json(new): Json<LineWrite>,
) -> Result<(StatusCode, Json<LineView>), ApiError> {
    let change = |body: &mut KeptFiller| {
        let mut line = FillerLine::default();
        LineWrite::fresh(&mut line);
        line.id = body.next_item;
        new.over(&mut line).map_err(|wrong| ControlError::Invalid(vec![wrong]))?;
        body.next_item += 1;
        body.items.push(line);
        Ok(())
    };
    let kept = state.control.change_kept(&caller.actor(), id, change).await?;
    let at = kept.body.items.len();
    let line = kept.body.items.into_iter().next_back();
    let line = line.ok_or_else(|| ControlError::NotFound { what: "the line".to_owned() })?;
    Ok((StatusCode::CREATED, Json(line_view(id, at, line))))
}

/// Changes a line; what is left out stays as it is.
#[utoipa::path(put, path = "", tag = "fillers", params(
    ("preset" = i64, Path, description = "Its id"),
    ("item" = i64, Path, description = "Id of the line")), request_body = LineWrite, responses(
    (status = 200, description = "The line as it is now", body = LineView),
    (status = 400, description = "The body is not JSON", body = Problem),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "There is none", body = Problem),
    (status = 415, description = "The body is not marked as JSON", body = Problem),
    (status = 422, description = "Fields that cannot be taken", body = Problem)))]
pub async fn edit_item(
    Has(state): Has<State>,
    caller: Caller,
    Path((id, item)): Path<(i64, i64)>,
    Json(edit): Json<LineWrite>,
) -> Result<Json<LineView>, ApiError> {
    let change = |body: &mut KeptFiller| {
        let line = body.items.iter_mut().find(|line| line.id == item);
        let line = line.ok_or_else(|| missing_line(item))?;
        edit.over(line).map_err(|wrong| ControlError::Invalid(vec![wrong]))
    };
    let kept = state.control.change_kept(&caller.actor(), id, change).await?;
    let mut lines = kept.body.items.into_iter().enumerate();
    let line = lines.find(|(_, line)| line.id == item).ok_or_else(|| missing_line(item))?;
    Ok(Json(line_view(id, line.0 + 1, line.1)))
}

/// Takes a line out.
#[utoipa::path(delete, path = "", tag = "fillers", params(
    ("preset" = i64, Path, description = "Its id"),
    ("item" = i64, Path, description = "Id of the line")), responses(
    (status = 204, description = "It is gone"),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "There is none", body = Problem),
    (status = 422, description = "An id is no number", body = Problem)))]
pub async fn remove_item(
    Has(state): Has<State>,
    caller: Caller,
    Path((id, item)): Path<(i64, i64)>,
) -> Result<StatusCode, ApiError> {
    let change = |body: &mut KeptFiller| {
        let before = body.items.len();
        body.items.retain(|line| line.id != item);
        if body.items.len() == before { Err(missing_line(item)) } else { Ok(()) }
    };
    state.control.change_kept(&caller.actor(), id, change).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn missing_line(item: i64) -> ControlError {
    ControlError::NotFound { what: format!("filler preset item {item}") }
}
