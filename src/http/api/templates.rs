//! Templates: days laid out with blocks, groups of them, and putting one on a channel.

use axum::extract::State as Has;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::control::ControlError;
use crate::domain::{
    ChannelId, Days, InvalidField, Kept, KeptPlayout, KeptTemplate, KeptTemplateGroup, Order,
    PlayoutSource, TemplateLine, TemplateUse,
};

use super::super::auth::Caller;
use super::super::error::{ApiError, Problem};
use super::super::extract::{Json, Path};
use super::super::state::State;
use super::kept::{self, TakingView, group_routes, kept_routes, refer, set};
use super::stamp;

group_routes!(
    KeptTemplateGroup,
    KeptTemplate,
    "templates",
    "group",
    template_count,
    templates,
    TemplateGroup
);

/// Deletes a group; its templates stay, without one.
#[utoipa::path(delete, path = "", tag = "templates", params(("group" = i64, Path, description = "Id of the group")), responses(
    (status = 204, description = "It is gone"),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such group", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn delete_group(
    Has(state): Has<State>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<StatusCode, ApiError> {
    for template in state.control.kept::<KeptTemplate>().await? {
        if template.body.group_id == Some(id) {
            let change = |body: &mut KeptTemplate| {
                body.group_id = None;
                Ok(())
            };
            state.control.change_kept(&caller.actor(), template.id, change).await?;
        }
    }
    state.control.drop_kept::<KeptTemplateGroup>(&caller.actor(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A template.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Template)]
pub struct TemplateView {
    /// Its id.
    id: i64,
    /// Its name.
    name: String,
    /// Its group.
    group_id: Option<i64>,
    /// Whether it is used.
    is_enabled: bool,
    /// What it puts where.
    items: Vec<LineView>,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was changed last.
    #[schema(format = DateTime)]
    updated_at: String,
}

impl From<Kept<KeptTemplate>> for TemplateView {
    fn from(kept: Kept<KeptTemplate>) -> Self {
        let body = kept.body;
        let lines = body.items.into_iter().enumerate();
        Self {
            id: kept.id,
            name: body.name,
            group_id: body.group_id,
            is_enabled: body.is_enabled,
            items: lines.map(|(at, line)| line_view(kept.id, at + 1, line)).collect(),
            created_at: stamp(kept.created),
            updated_at: stamp(kept.updated),
        }
    }
}

/// What a template puts at a time of day.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TemplateItem)]
pub struct LineView {
    /// Its id.
    id: i64,
    /// Its template.
    template_id: i64,
    /// When, `HH:MM`.
    start_time: String,
    /// A block.
    block_id: Option<i64>,
    /// Or what is played until the next line.
    collection_type: Option<String>,
    /// The collection.
    collection_id: Option<i64>,
    /// In which order.
    playback_order: String,
}

fn line_view(template: i64, _position: usize, line: TemplateLine) -> LineView {
    let taking = line.taking.filter(|_| line.block_id.is_none());
    LineView {
        id: line.id,
        template_id: template,
        start_time: kept::short(line.start_time),
        block_id: line.block_id,
        collection_id: taking.as_ref().and_then(|taking| taking.collection_id),
        collection_type: taking.map(|taking| taking.collection_type),
        playback_order: kept::order_word(line.order),
    }
}

/// A template to be made, or changes to one; what is left out stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TemplateWrite {
    /// Its name; needed when one is made.
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// Its group; 0 takes it out.
    group_id: Option<i64>,
    /// Whether it is used; `true` when left out.
    is_enabled: Option<bool>,
}

impl TemplateWrite {
    fn fresh() -> KeptTemplate {
        KeptTemplate { is_enabled: true, next_item: 1, ..KeptTemplate::default() }
    }

    fn over(self, body: &mut KeptTemplate) -> Result<(), Vec<InvalidField>> {
        set(&mut body.name, self.name);
        refer(&mut body.group_id, self.group_id);
        set(&mut body.is_enabled, self.is_enabled);
        Ok(())
    }
}

kept_routes!(KeptTemplate, TemplateView, TemplateWrite, "templates", "template",
    "Lists the templates." "Makes a template, without lines." "Reads a template."
    "Changes a template." "Deletes a template; playouts go on without it.");

/// A line to be made, or changes to one; what is left out stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = TemplateItemWrite)]
pub struct LineWrite {
    /// When, `HH:MM`; needed when one is made.
    start_time: Option<String>,
    /// A block; 0 takes it away.
    block_id: Option<i64>,
    /// Or what is played until the next line.
    collection_type: Option<String>,
    /// The collection; 0 takes it away.
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
}

impl LineWrite {
    fn fresh(_line: &mut TemplateLine) {}

    fn over(self, line: &mut TemplateLine) -> Result<(), InvalidField> {
        if let Some(text) = &self.start_time {
            line.start_time = kept::time(text)?;
        }
        refer(&mut line.block_id, self.block_id);
        let says_what = self.collection_type.is_some()
            || self.collection_id.is_some_and(|id| id != 0)
            || self.media_item_id.is_some()
            || self.search_title.is_some()
            || self.search_query.is_some();
        if self.collection_id == Some(0) {
            line.taking = None;
        } else if says_what {
            TakingView {
                collection_type: self.collection_type,
                collection_id: self.collection_id,
                media_item_id: self.media_item_id,
                search_title: self.search_title,
                season_number: None,
                search_query: self.search_query,
            }
            .over(line.taking.get_or_insert_default());
        }
        set(&mut line.order, self.playback_order);
        if line.block_id.is_none() && line.taking.is_none() {
            let problem = "either block_id or collection_id must be given";
            return Err(InvalidField::new("block_id", problem, "send one of them"));
        }
        Ok(())
    }
}

/// Adds a line.
#[utoipa::path(post, path = "", tag = "templates", params(("template" = i64, Path, description = "Its id")), request_body = LineWrite, responses(
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
    let change = |body: &mut KeptTemplate| {
        let mut line = TemplateLine::default();
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
#[utoipa::path(put, path = "", tag = "templates", params(
    ("template" = i64, Path, description = "Its id"),
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
    let change = |body: &mut KeptTemplate| {
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
#[utoipa::path(delete, path = "", tag = "templates", params(
    ("template" = i64, Path, description = "Its id"),
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
    let change = |body: &mut KeptTemplate| {
        let before = body.items.len();
        body.items.retain(|line| line.id != item);
        if body.items.len() == before { Err(missing_line(item)) } else { Ok(()) }
    };
    state.control.change_kept(&caller.actor(), id, change).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn missing_line(item: i64) -> ControlError {
    ControlError::NotFound { what: format!("template item {item}") }
}

/// On which day a template is used.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Apply {
    /// From 0, Sunday, to 6; left out: on every day that has no template of its own.
    #[schema(minimum = 0, maximum = 6)]
    day_of_week: Option<u8>,
}

/// What putting a template on a channel came to.
#[derive(Debug, Serialize, ToSchema)]
pub struct Applied {
    /// In words.
    message: String,
    /// The playout that uses it.
    playout_id: i64,
    /// The template.
    template_id: i64,
    /// The channel.
    channel_id: i64,
    /// The day.
    day_of_week: Option<u8>,
}

/// Puts a template on a channel, on one day of the week or on all.
#[utoipa::path(post, path = "", tag = "templates", params(
    ("template" = i64, Path, description = "Id of the template"),
    ("channel" = i64, Path, description = "Id of the channel")), request_body = Apply, responses(
    (status = 200, description = "It is on", body = Applied),
    (status = 400, description = "The body is not JSON", body = Problem),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such template or channel", body = Problem),
    (status = 415, description = "The body is not marked as JSON", body = Problem),
    (status = 422, description = "The day cannot be taken", body = Problem)))]
pub async fn apply(
    Has(state): Has<State>,
    caller: Caller,
    Path((template, channel)): Path<(i64, i64)>,
    Json(on): Json<Apply>,
) -> Result<Json<Applied>, ApiError> {
    if let Some(day) = on.day_of_week.filter(|day| *day > 6) {
        let problem = format!("{day} is no day of the week");
        let wrong = InvalidField::new("day_of_week", problem, "write 0, Sunday, to 6");
        return Err(ApiError::invalid("body", vec![wrong]));
    }
    state.control.kept_one::<KeptTemplate>(template).await?;
    let days_of_week = on.day_of_week.map_or(Days::ALL, |day| Days(1 << day));
    let playouts = state.control.playouts(Some(ChannelId(channel))).await?;
    let active = playouts.into_iter().find(|kept| kept.body.is_active);
    let mut used = match active.as_ref().map(|kept| &kept.body.source) {
        Some(PlayoutSource::Templates { templates }) => templates.clone(),
        Some(
            PlayoutSource::None | PlayoutSource::Schedule { .. } | PlayoutSource::Script { .. },
        )
        | None => Vec::new(),
    };
    used.retain(|one| one.days_of_week != days_of_week);
    used.push(TemplateUse { template, days_of_week });
    let source = PlayoutSource::Templates { templates: used };
    let (id, body) = match active {
        Some(kept) => (Some(kept.id), KeptPlayout { source, ..kept.body }),
        None => (None, KeptPlayout::on(ChannelId(channel), source)),
    };
    let kept = state.control.put_playout(&caller.actor(), id, body).await?;
    Ok(Json(Applied {
        message: "the template is on".to_owned(),
        playout_id: kept.id,
        template_id: template,
        channel_id: channel,
        day_of_week: on.day_of_week,
    }))
}
