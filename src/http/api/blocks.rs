//! Blocks: programmes that belong together in a time of their own, and groups of them.

use axum::extract::State as Has;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::control::ControlError;
use crate::domain::{BlockLine, Days, InvalidField, Kept, KeptBlock, KeptBlockGroup, Order};

use super::super::auth::Caller;
use super::super::error::{ApiError, Problem};
use super::super::extract::{Json, Path};
use super::super::state::State;
use super::kept::{self, TakingView, group_routes, kept_routes, refer, set};
use super::stamp;

group_routes!(KeptBlockGroup, KeptBlock, "blocks", "group", block_count, blocks, BlockGroup);

/// Deletes a group with its blocks.
#[utoipa::path(delete, path = "", tag = "blocks", params(("group" = i64, Path, description = "Id of the group")), responses(
    (status = 204, description = "It is gone"),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such group", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn delete_group(
    Has(state): Has<State>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<StatusCode, ApiError> {
    state.control.drop_block_group(&caller.actor(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A block.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Block)]
pub struct BlockView {
    /// Its id.
    id: i64,
    /// Its name.
    name: String,
    /// Its group.
    group_id: Option<i64>,
    /// When it begins where it is used without a template, `HH:MM`.
    start_time: String,
    /// How long it is.
    duration_minutes: u32,
    /// On which days, as a sum: Sunday 1 … Saturday 64.
    days_of_week: u8,
    /// Whether the last programme may run over its end.
    run_over: bool,
    /// What it plays, in order.
    items: Vec<LineView>,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was changed last.
    #[schema(format = DateTime)]
    updated_at: String,
}

impl From<Kept<KeptBlock>> for BlockView {
    fn from(kept: Kept<KeptBlock>) -> Self {
        let body = kept.body;
        let lines = body.items.into_iter().enumerate();
        Self {
            id: kept.id,
            name: body.name,
            group_id: body.group_id,
            start_time: kept::short(body.start_time),
            duration_minutes: body.duration_minutes,
            days_of_week: body.days_of_week.0,
            run_over: body.run_over,
            items: lines.map(|(at, line)| line_view(kept.id, at + 1, line)).collect(),
            created_at: stamp(kept.created),
            updated_at: stamp(kept.updated),
        }
    }
}

/// A line of a block.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BlockItem)]
pub struct LineView {
    /// Its id.
    id: i64,
    /// Its block.
    block_id: i64,
    /// Its place, from 1.
    position: usize,
    /// What is played.
    collection_type: String,
    /// The collection.
    collection_id: Option<i64>,
    /// The single item.
    media_item_id: Option<i64>,
    /// Title of the show, or name of the artist.
    search_title: Option<String>,
    /// What is searched for.
    search_query: Option<String>,
    /// In which order.
    playback_order: String,
    /// Whether the guide shows it.
    include_in_guide: bool,
}

fn line_view(block: i64, position: usize, line: BlockLine) -> LineView {
    LineView {
        id: line.id,
        block_id: block,
        position,
        collection_type: line.taking.collection_type,
        collection_id: line.taking.collection_id,
        media_item_id: line.taking.media_item_id,
        search_title: line.taking.search_title,
        search_query: line.taking.search_query,
        playback_order: kept::order_word(line.order),
        include_in_guide: line.include_in_guide,
    }
}

/// A block to be made, or changes to one; what is left out stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BlockWrite {
    /// Its name; needed when one is made.
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// Its group; 0 takes it out.
    group_id: Option<i64>,
    /// When it begins where it is used without a template, `HH:MM`.
    start_time: Option<String>,
    /// How long it is; half an hour when left out.
    #[schema(minimum = 1, maximum = 1440)]
    duration_minutes: Option<u32>,
    /// On which days, as a sum: Sunday 1 … Saturday 64.
    #[schema(minimum = 0, maximum = 127)]
    days_of_week: Option<u8>,
    /// Whether the last programme may run over its end.
    run_over: Option<bool>,
}

impl BlockWrite {
    fn fresh() -> KeptBlock {
        KeptBlock { duration_minutes: 30, next_item: 1, ..KeptBlock::default() }
    }

    fn over(self, body: &mut KeptBlock) -> Result<(), Vec<InvalidField>> {
        let mut wrong = Vec::new();
        set(&mut body.name, self.name);
        refer(&mut body.group_id, self.group_id);
        match self.start_time.as_deref().map(kept::time) {
            Some(Ok(time)) => body.start_time = time,
            Some(Err(error)) => wrong.push(error),
            None => {}
        }
        if let Some(minutes) = self.duration_minutes {
            if !(1..=1440).contains(&minutes) {
                let problem = format!("{minutes} is outside the limits");
                wrong.push(InvalidField::new("duration_minutes", problem, "write 1 to 1440"));
            }
            body.duration_minutes = minutes;
        }
        if let Some(days) = self.days_of_week {
            if days > 127 {
                let problem = format!("{days} is no sum of days");
                let fix = "add Sunday 1 … Saturday 64";
                wrong.push(InvalidField::new("days_of_week", problem, fix));
            }
            body.days_of_week = Days(days);
        }
        set(&mut body.run_over, self.run_over);
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }
}

kept_routes!(KeptBlock, BlockView, BlockWrite, "blocks", "block",
    "Lists the blocks." "Makes a block, without lines." "Reads a block." "Changes a block."
    "Deletes a block; templates go on without it.");

/// A line to be made, or changes to one; what is left out stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = BlockItemWrite)]
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
    /// In which order; `chronological` when left out.
    #[schema(value_type = Option<String>)]
    playback_order: Option<Order>,
    /// Whether the guide shows it; `true` when left out.
    include_in_guide: Option<bool>,
}

impl LineWrite {
    fn fresh(line: &mut BlockLine) {
        line.include_in_guide = true;
    }

    fn over(self, line: &mut BlockLine) -> Result<(), InvalidField> {
        TakingView {
            collection_type: self.collection_type,
            collection_id: self.collection_id,
            media_item_id: self.media_item_id,
            search_title: self.search_title,
            season_number: None,
            search_query: self.search_query,
        }
        .over(&mut line.taking);
        set(&mut line.order, self.playback_order);
        set(&mut line.include_in_guide, self.include_in_guide);
        Ok(())
    }
}

/// Adds a line.
#[utoipa::path(post, path = "", tag = "blocks", params(("block" = i64, Path, description = "Its id")), request_body = LineWrite, responses(
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
    let change = |body: &mut KeptBlock| {
        let mut line = BlockLine::default();
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
#[utoipa::path(put, path = "", tag = "blocks", params(
    ("block" = i64, Path, description = "Its id"),
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
    let change = |body: &mut KeptBlock| {
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
#[utoipa::path(delete, path = "", tag = "blocks", params(
    ("block" = i64, Path, description = "Its id"),
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
    let change = |body: &mut KeptBlock| {
        let before = body.items.len();
        body.items.retain(|line| line.id != item);
        if body.items.len() == before { Err(missing_line(item)) } else { Ok(()) }
    };
    state.control.change_kept(&caller.actor(), id, change).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn missing_line(item: i64) -> ControlError {
    ControlError::NotFound { what: format!("block item {item}") }
}

/// The lines in a new order.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reorder {
    /// Every line's id, once.
    item_ids: Vec<i64>,
}

/// What a new order came to.
#[derive(Debug, Serialize, ToSchema)]
pub struct Reordered {
    /// In words.
    message: String,
    /// The block.
    block_id: i64,
}

/// Puts a block's lines into another order.
#[utoipa::path(post, path = "", tag = "blocks", params(("block" = i64, Path, description = "Id of the block")), request_body = Reorder, responses(
    (status = 200, description = "It is done", body = Reordered),
    (status = 400, description = "The body is not JSON", body = Problem),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such block", body = Problem),
    (status = 415, description = "The body is not marked as JSON", body = Problem),
    (status = 422, description = "The ids are not those of the lines", body = Problem)))]
pub async fn reorder(
    Has(state): Has<State>,
    caller: Caller,
    Path(id): Path<i64>,
    Json(order): Json<Reorder>,
) -> Result<Json<Reordered>, ApiError> {
    let change = |body: &mut KeptBlock| {
        let mut lines = Vec::new();
        for item in &order.item_ids {
            let Some(at) = body.items.iter().position(|line| line.id == *item) else {
                let problem = format!("item {item} does not belong to block {id}, or comes twice");
                let fix = "send every line's id once";
                return Err(InvalidField::new("item_ids", problem, fix).into());
            };
            lines.push(body.items.remove(at));
        }
        if let Some(left) = body.items.first() {
            let problem = format!("item {} is missing", left.id);
            return Err(InvalidField::new("item_ids", problem, "send every line's id").into());
        }
        body.items = lines;
        Ok(())
    };
    state.control.change_kept(&caller.actor(), id, change).await?;
    Ok(Json(Reordered { message: "the lines are in their new order".to_owned(), block_id: id }))
}
