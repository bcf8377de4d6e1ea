//! Schedules and their lines, in both designs that older clients know: below a schedule, and as
//! schedule items of their own.

use axum::extract::State as Has;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::control::ControlError;
use crate::domain::{
    Days, FixedStart, GuideMode, InvalidField, Kept, KeptItem, KeptSchedule, MultipleMode, Order,
    PlayoutMode, Rules, Tail, Zone,
};

use super::super::auth::Caller;
use super::super::error::{ApiError, Problem};
use super::super::extract::{Json, Path, Query};
use super::super::state::State;
use super::kept::{self, TakingView, kept_routes, refer, set};
use super::stamp;

/// A schedule.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StoredSchedule)]
pub struct ScheduleView {
    /// Its id.
    id: i64,
    /// Its name.
    name: String,
    /// Parts of a story stay together.
    keep_multi_part_episodes_together: bool,
    /// Parts may be of different shows of a collection.
    treat_collections_as_shows: bool,
    /// The lines come in another order each time.
    shuffle_schedule_items: bool,
    /// Collections begin anywhere.
    random_start_point: bool,
    /// What fixed starts do that cannot be kept: `fill`, `start_immediately`, `skip` or
    /// `skip_and_fill`.
    fixed_start_time_behavior: String,
    /// Zone of its times of day; `null`: the server's.
    time_zone: Option<String>,
    /// How many lines it has.
    item_count: usize,
    /// Everything that lines cannot say: time slots, random slots, alternates, decos.
    #[schema(value_type = Option<Object>)]
    rules: Option<Rules>,
    /// Always false: schedule files are at `/api/schedules/files`.
    is_yaml_source: bool,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was changed last.
    #[schema(format = DateTime)]
    updated_at: String,
}

impl From<Kept<KeptSchedule>> for ScheduleView {
    fn from(kept: Kept<KeptSchedule>) -> Self {
        let body = kept.body;
        Self {
            id: kept.id,
            name: body.name,
            keep_multi_part_episodes_together: body.keep_multi_part_episodes_together,
            treat_collections_as_shows: body.treat_collections_as_shows,
            shuffle_schedule_items: body.shuffle_schedule_items,
            random_start_point: body.random_start_point,
            fixed_start_time_behavior: kept::word(&body.fixed_start_time_behavior),
            time_zone: body.zone.map(|zone| zone.to_string()),
            item_count: body.items.len(),
            rules: body.rules,
            is_yaml_source: false,
            created_at: stamp(kept.created),
            updated_at: stamp(kept.updated),
        }
    }
}

/// A schedule to be made, or changes to one; what is left out stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = StoredScheduleWrite)]
pub struct ScheduleWrite {
    /// Its name; needed when one is made.
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// Parts of a story stay together.
    #[serde(alias = "keep_multi_part_episodes")]
    keep_multi_part_episodes_together: Option<bool>,
    /// Parts may be of different shows of a collection.
    treat_collections_as_shows: Option<bool>,
    /// The lines come in another order each time.
    shuffle_schedule_items: Option<bool>,
    /// Collections begin anywhere.
    random_start_point: Option<bool>,
    /// What fixed starts do that cannot be kept.
    #[schema(value_type = Option<String>)]
    fixed_start_time_behavior: Option<FixedStart>,
    /// Zone of its times of day; the empty text takes the server's.
    time_zone: Option<String>,
    /// Everything that lines cannot say, in the words of a plan's rules; `{}` takes it away.
    #[schema(value_type = Option<Object>)]
    rules: Option<Rules>,
}

impl ScheduleWrite {
    fn fresh() -> KeptSchedule {
        KeptSchedule { next_item: 1, ..KeptSchedule::default() }
    }

    fn over(self, body: &mut KeptSchedule) -> Result<(), Vec<InvalidField>> {
        set(&mut body.name, self.name);
        set(&mut body.keep_multi_part_episodes_together, self.keep_multi_part_episodes_together);
        set(&mut body.treat_collections_as_shows, self.treat_collections_as_shows);
        set(&mut body.shuffle_schedule_items, self.shuffle_schedule_items);
        set(&mut body.random_start_point, self.random_start_point);
        set(&mut body.fixed_start_time_behavior, self.fixed_start_time_behavior);
        if let Some(zone) = self.time_zone {
            let zone = Some(zone).filter(|zone| !zone.is_empty());
            let zone = zone.map(|zone| zone.parse::<Zone>()).transpose();
            body.zone = zone.map_err(|e| vec![InvalidField { field: "time_zone".into(), ..e }])?;
        }
        if let Some(rules) = self.rules {
            body.rules = Some(rules).filter(|rules| *rules != Rules::default());
        }
        Ok(())
    }
}

kept_routes!(KeptSchedule, ScheduleView, ScheduleWrite, "schedules", "schedule",
    "Lists the schedules." "Makes a schedule, without lines." "Reads a schedule."
    "Changes a schedule; channels that play it are planned anew from their next programme."
    "Deletes a schedule; playouts that named it are off the air until they name another.");

/// A line of a schedule.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StoredScheduleItem)]
pub struct ItemView {
    /// Its id.
    id: i64,
    /// Its schedule.
    schedule_id: i64,
    /// Its place, from 1.
    position: usize,
    /// The same under another name.
    index: usize,
    /// What is played: see the words of `collection_type` when one is made.
    collection_type: String,
    /// The collection.
    collection_id: Option<i64>,
    /// The single item.
    media_item_id: Option<i64>,
    /// Title of the show, or name of the artist.
    search_title: Option<String>,
    /// Number of the season.
    season_number: Option<u32>,
    /// What is searched for.
    search_query: Option<String>,
    /// Title in the guide.
    custom_title: Option<String>,
    /// `one`, `multiple`, `duration` or `flood`.
    playback_mode: String,
    /// The same under another name.
    playout_mode: String,
    /// What `multiple` counts.
    multiple_mode: String,
    /// How many.
    multiple_count: Option<u32>,
    /// How long.
    duration_minutes: Option<u32>,
    /// What becomes of the rest of a duration: `trim`, `none`, `offline` or `filler`.
    tail_mode: String,
    /// How many items that do not fit may be passed over for one that does.
    discard_to_fill_attempts: u32,
    /// `dynamic` or `fixed`.
    start_type: &'static str,
    /// When it starts.
    start_time: Option<String>,
    /// On which days it starts, as a sum: Sunday 1 … Saturday 64.
    days_of_week: u8,
    /// What a fixed start does that cannot be kept; `null`: as the schedule says.
    fixed_start_time_behavior: Option<String>,
    /// In which order.
    playback_order: String,
    /// `normal`, `group` or `filler`.
    guide_mode: String,
    /// How many of a show in a row, when shows come one after another.
    marathon_batch_size: Option<u32>,
    /// What belongs together then.
    marathon_group_by: Option<String>,
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
}

fn seen(schedule: i64, position: usize, item: KeptItem) -> ItemView {
    let mode = kept::word(&item.mode);
    ItemView {
        id: item.id,
        schedule_id: schedule,
        position,
        index: position,
        collection_type: item.taking.collection_type,
        collection_id: item.taking.collection_id,
        media_item_id: item.taking.media_item_id,
        search_title: item.taking.search_title,
        season_number: item.taking.season_number,
        search_query: item.taking.search_query,
        custom_title: item.custom_title,
        playback_mode: mode.clone(),
        playout_mode: mode,
        multiple_mode: kept::word(&item.multiple_mode),
        multiple_count: item.multiple_count,
        duration_minutes: item.duration_minutes,
        tail_mode: kept::word(&item.tail),
        discard_to_fill_attempts: item.discard_to_fill_attempts,
        start_type: if item.start_time.is_some() { "fixed" } else { "dynamic" },
        start_time: item.start_time.map(|time| time.to_string()),
        days_of_week: item.days_of_week.0,
        fixed_start_time_behavior: item.fixed_start.as_ref().map(kept::word),
        playback_order: kept::order_word(item.order),
        guide_mode: kept::word(&item.guide_mode),
        marathon_batch_size: item.marathon_batch_size,
        marathon_group_by: item.marathon_group_by,
        pre_roll_filler_id: item.fillers.pre_roll,
        mid_roll_filler_id: item.fillers.mid_roll,
        post_roll_filler_id: item.fillers.post_roll,
        tail_filler_id: item.fillers.tail,
        fallback_filler_id: item.fillers.fallback,
    }
}

/// A line to be made, or changes to one; what is left out stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = StoredScheduleItemWrite)]
pub struct ItemWrite {
    /// The schedule; needed when one is made at `/api/schedule-items`.
    schedule_id: Option<i64>,
    /// Its place, from 1; left out: the end.
    #[serde(alias = "position")]
    index: Option<usize>,
    /// `collection`, `playlist`, `smart_collection`, `multi_collection`, `media_item`, `show`,
    /// `season`, `artist` or `search`; `collection` when left out.
    collection_type: Option<String>,
    /// The collection.
    #[serde(alias = "playlist_id")]
    collection_id: Option<i64>,
    /// The single item.
    media_item_id: Option<i64>,
    /// Title of the show, or name of the artist.
    search_title: Option<String>,
    /// Number of the season.
    season_number: Option<u32>,
    /// What is searched for.
    search_query: Option<String>,
    /// Title in the guide; the empty text takes it away.
    #[schema(max_length = 200)]
    custom_title: Option<String>,
    /// `one` (when left out), `multiple`, `duration` or `flood`.
    #[serde(alias = "playback_mode")]
    #[schema(value_type = Option<String>)]
    playout_mode: Option<PlayoutMode>,
    /// `count`, `collection_size` or `multi_episode_group_size`.
    #[schema(value_type = Option<String>)]
    multiple_mode: Option<MultipleMode>,
    /// How many.
    #[schema(minimum = 1)]
    multiple_count: Option<u32>,
    /// How long, in hours.
    playout_duration_hours: Option<u32>,
    /// How long, in minutes, added to the hours.
    #[serde(alias = "duration_minutes")]
    playout_duration_minutes: Option<u32>,
    /// `trim`, `none`, `offline` or `filler`.
    #[schema(value_type = Option<String>)]
    tail_mode: Option<Tail>,
    /// How many items that do not fit may be passed over for one that does.
    discard_to_fill_attempts: Option<u32>,
    /// `dynamic` takes the start time away, `fixed` needs one.
    start_type: Option<String>,
    /// `HH:MM` or `HH:MM:SS`.
    start_time: Option<String>,
    /// On which days it starts, as a sum: Sunday 1 … Saturday 64.
    #[schema(minimum = 1, maximum = 127)]
    days_of_week: Option<u8>,
    /// `fill`, `start_immediately`, `skip` or `skip_and_fill`.
    #[schema(value_type = Option<String>)]
    fixed_start_time_behavior: Option<FixedStart>,
    /// `chronological` (when left out), `season_episode`, `shuffle`, `random`, `shuffle_in_order`,
    /// `rotating`, `multi_episode_shuffle` or `custom`.
    #[schema(value_type = Option<String>)]
    playback_order: Option<Order>,
    /// `normal`, `group` or `filler`.
    #[schema(value_type = Option<String>)]
    guide_mode: Option<GuideMode>,
    /// How many of a show in a row, when shows come one after another.
    marathon_batch_size: Option<u32>,
    /// `show`, `season` or `collection`.
    marathon_group_by: Option<String>,
    /// Filler preset before each programme; 0 takes it away.
    pre_roll_filler_id: Option<i64>,
    /// In its breaks.
    mid_roll_filler_id: Option<i64>,
    /// After each programme.
    post_roll_filler_id: Option<i64>,
    /// For what is left.
    tail_filler_id: Option<i64>,
    /// Where nothing else is.
    fallback_filler_id: Option<i64>,
}

impl ItemWrite {
    /// Puts what is said over a line.
    fn over(&self, item: &mut KeptItem) -> Result<(), Vec<InvalidField>> {
        let mut wrong = Vec::new();
        TakingView {
            collection_type: self.collection_type.clone(),
            collection_id: self.collection_id,
            media_item_id: self.media_item_id,
            search_title: self.search_title.clone(),
            season_number: self.season_number,
            search_query: self.search_query.clone(),
        }
        .over(&mut item.taking);
        if let Some(title) = &self.custom_title {
            let title = title.trim();
            if title.chars().count() > 200 || title.chars().any(char::is_control) {
                let problem = "the title is too long or holds a line break";
                wrong.push(InvalidField::new(
                    "custom_title",
                    problem,
                    "write at most 200 characters",
                ));
            }
            item.custom_title = Some(title.to_owned()).filter(|title| !title.is_empty());
        }
        set(&mut item.mode, self.playout_mode);
        set(&mut item.multiple_mode, self.multiple_mode);
        if let Some(count) = self.multiple_count {
            if !(1..=10_000).contains(&count) {
                let problem = format!("{count} is outside the limits");
                wrong.push(InvalidField::new("multiple_count", problem, "write 1 to 10000"));
            }
            item.multiple_count = Some(count);
        }
        if self.playout_duration_hours.is_some() || self.playout_duration_minutes.is_some() {
            let hours = self.playout_duration_hours.unwrap_or(0);
            let minutes = self.playout_duration_minutes.unwrap_or(0);
            let all = hours.saturating_mul(60).saturating_add(minutes);
            if !(1..=10_080).contains(&all) {
                let problem = format!("{all} minutes are outside the limits");
                let fix = "write 1 minute to 7 days";
                wrong.push(InvalidField::new("playout_duration_minutes", problem, fix));
            }
            item.duration_minutes = Some(all);
        }
        set(&mut item.tail, self.tail_mode);
        if let Some(attempts) = self.discard_to_fill_attempts {
            item.discard_to_fill_attempts = attempts.min(1000);
        }
        if let Some(text) = self.start_time.as_deref().filter(|text| !text.is_empty()) {
            match kept::time(text) {
                Ok(time) => item.start_time = Some(time),
                Err(error) => wrong.push(error),
            }
        }
        match self.start_type.as_deref() {
            None => {}
            Some("dynamic") => item.start_time = None,
            Some("fixed") if item.start_time.is_some() => {}
            Some("fixed") => {
                let fix = "send `start_time`";
                wrong.push(InvalidField::new("start_type", "a fixed start needs a time", fix));
            }
            Some(other) => {
                let problem = format!("{other:?} is no kind of start");
                wrong.push(InvalidField::new("start_type", problem, "use dynamic or fixed"));
            }
        }
        if let Some(days) = self.days_of_week {
            if !(1..=127).contains(&days) {
                let problem = format!("{days} is no sum of days");
                wrong.push(InvalidField::new(
                    "days_of_week",
                    problem,
                    "add Sunday 1 … Saturday 64",
                ));
            }
            item.days_of_week = Days(days);
        }
        if self.fixed_start_time_behavior.is_some() {
            item.fixed_start = self.fixed_start_time_behavior;
        }
        set(&mut item.order, self.playback_order);
        set(&mut item.guide_mode, self.guide_mode);
        if let Some(size) = self.marathon_batch_size {
            item.marathon_batch_size = Some(size);
        }
        if let Some(by) = &self.marathon_group_by {
            if !["", "show", "season", "collection"].contains(&by.as_str()) {
                let problem = format!("{by:?} groups nothing");
                let fix = "use show, season or collection";
                wrong.push(InvalidField::new("marathon_group_by", problem, fix));
            }
            item.marathon_group_by = Some(by.clone()).filter(|by| !by.is_empty());
        }
        refer(&mut item.fillers.pre_roll, self.pre_roll_filler_id);
        refer(&mut item.fillers.mid_roll, self.mid_roll_filler_id);
        refer(&mut item.fillers.post_roll, self.post_roll_filler_id);
        refer(&mut item.fillers.tail, self.tail_filler_id);
        refer(&mut item.fillers.fallback, self.fallback_filler_id);
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }
}

fn views(schedule: i64, items: Vec<KeptItem>) -> Vec<ItemView> {
    items.into_iter().enumerate().map(|(at, item)| seen(schedule, at + 1, item)).collect()
}

/// Lists a schedule's lines in their order.
#[utoipa::path(get, path = "", tag = "schedules", params(("schedule" = i64, Path, description = "Id of the schedule")), responses(
    (status = 200, description = "The lines", body = [ItemView]),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such schedule", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn items(
    Has(state): Has<State>,
    Path(id): Path<i64>,
) -> Result<Json<Vec<ItemView>>, ApiError> {
    let kept = state.control.kept_one::<KeptSchedule>(id).await?;
    Ok(Json(views(id, kept.body.items)))
}

/// Adds a line to a schedule.
#[utoipa::path(post, path = "", tag = "schedules", params(("schedule" = i64, Path, description = "Id of the schedule")), request_body = ItemWrite, responses(
    (status = 201, description = "The new line", body = ItemView),
    (status = 400, description = "The body is not JSON", body = Problem),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such schedule", body = Problem),
    (status = 415, description = "The body is not marked as JSON", body = Problem),
    (status = 422, description = "Fields that cannot be taken", body = Problem)))]
pub async fn add_item(
    Has(state): Has<State>,
    caller: Caller,
    Path(id): Path<i64>,
    Json(new): Json<ItemWrite>,
) -> Result<(StatusCode, Json<ItemView>), ApiError> {
    let (position, item) = added(&state, &caller, id, new).await?;
    Ok((StatusCode::CREATED, Json(seen(id, position, item))))
}

async fn added(
    state: &State,
    caller: &Caller,
    schedule: i64,
    new: ItemWrite,
) -> Result<(usize, KeptItem), ApiError> {
    let mut place = (0, KeptItem::default());
    let made = &mut place;
    let change = |body: &mut KeptSchedule| {
        let mut item = KeptItem { id: body.next_item, ..KeptItem::default() };
        new.over(&mut item).map_err(ControlError::Invalid)?;
        body.next_item += 1;
        let at = new.index.map_or(body.items.len(), |index| index.saturating_sub(1));
        let at = at.min(body.items.len());
        body.items.insert(at, item.clone());
        *made = (at + 1, item);
        Ok(())
    };
    state.control.change_kept(&caller.actor(), schedule, change).await?;
    Ok(place)
}

/// Takes a line out of a schedule.
#[utoipa::path(delete, path = "", tag = "schedules", params(
    ("schedule" = i64, Path, description = "Id of the schedule"),
    ("item" = i64, Path, description = "Id of the line")), responses(
    (status = 204, description = "It is gone"),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such schedule or line", body = Problem),
    (status = 422, description = "An id is no number", body = Problem)))]
pub async fn remove_item(
    Has(state): Has<State>,
    caller: Caller,
    Path((schedule, item)): Path<(i64, i64)>,
) -> Result<StatusCode, ApiError> {
    removed(&state, &caller, schedule, item).await
}

async fn removed(
    state: &State,
    caller: &Caller,
    schedule: i64,
    item: i64,
) -> Result<StatusCode, ApiError> {
    let change = |body: &mut KeptSchedule| {
        let before = body.items.len();
        body.items.retain(|line| line.id != item);
        if body.items.len() == before {
            return Err(ControlError::NotFound { what: format!("item {item}") });
        }
        Ok(())
    };
    state.control.change_kept(&caller.actor(), schedule, change).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which lines are wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
pub struct ItemsQuery {
    /// Only those of this schedule.
    schedule_id: Option<i64>,
}

/// Ids of lines at `/api/schedule-items`: a schedule has fewer than this.
const LINES: i64 = 1_000_000;

/// Lists the lines of one schedule, or of all.
///
/// At these addresses a line's id is `schedule × 1,000,000 + line`, so that it is unique.
#[utoipa::path(get, path = "", tag = "schedule-items", params(ItemsQuery), responses(
    (status = 200, description = "The lines", body = [ItemView]),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such schedule", body = Problem),
    (status = 422, description = "A query field cannot be taken", body = Problem)))]
pub async fn all_items(
    Has(state): Has<State>,
    Query(query): Query<ItemsQuery>,
) -> Result<Json<Vec<ItemView>>, ApiError> {
    let schedules = match query.schedule_id {
        Some(id) => vec![state.control.kept_one::<KeptSchedule>(id).await?],
        None => state.control.kept::<KeptSchedule>().await?,
    };
    let lines = schedules.into_iter().flat_map(|kept| views(kept.id, kept.body.items));
    Ok(Json(lines.map(global).collect()))
}

/// The view with the id that is unique among all schedules.
fn global(mut view: ItemView) -> ItemView {
    view.id += view.schedule_id * LINES;
    view
}

/// Reads a line.
#[utoipa::path(get, path = "", tag = "schedule-items", params(("item" = i64, Path, description = "Id of the line")), responses(
    (status = 200, description = "The line", body = ItemView),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such line", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn read_item(
    Has(state): Has<State>,
    Path(id): Path<i64>,
) -> Result<Json<ItemView>, ApiError> {
    let (schedule, item) = (id / LINES, id % LINES);
    let missing = || ControlError::NotFound { what: format!("schedule item {id}") };
    let kept = state.control.kept_one::<KeptSchedule>(schedule).await.map_err(|_| missing())?;
    let mut lines = views(schedule, kept.body.items).into_iter();
    let line = lines.find(|line| line.id == item).ok_or_else(missing)?;
    Ok(Json(global(line)))
}

/// Adds a line to the schedule that it names.
#[utoipa::path(post, path = "", tag = "schedule-items", request_body = ItemWrite, responses(
    (status = 201, description = "The new line", body = ItemView),
    (status = 400, description = "The body is not JSON", body = Problem),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such schedule", body = Problem),
    (status = 415, description = "The body is not marked as JSON", body = Problem),
    (status = 422, description = "Fields that cannot be taken", body = Problem)))]
pub async fn create_item(
    Has(state): Has<State>,
    caller: Caller,
    Json(new): Json<ItemWrite>,
) -> Result<(StatusCode, Json<ItemView>), ApiError> {
    let Some(schedule) = new.schedule_id else {
        let field = InvalidField::new("schedule_id", "it is missing", "send the schedule's id");
        return Err(ApiError::invalid("body", vec![field]));
    };
    let (position, item) = added(&state, &caller, schedule, new).await?;
    Ok((StatusCode::CREATED, Json(global(seen(schedule, position, item)))))
}

/// Changes a line; what is left out stays as it is.
#[utoipa::path(put, path = "", tag = "schedule-items", params(("item" = i64, Path, description = "Id of the line")), request_body = ItemWrite, responses(
    (status = 200, description = "The line as it is now", body = ItemView),
    (status = 400, description = "The body is not JSON", body = Problem),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such line", body = Problem),
    (status = 415, description = "The body is not marked as JSON", body = Problem),
    (status = 422, description = "Fields that cannot be taken", body = Problem)))]
pub async fn edit_item(
    Has(state): Has<State>,
    caller: Caller,
    Path(id): Path<i64>,
    Json(edit): Json<ItemWrite>,
) -> Result<Json<ItemView>, ApiError> {
    let change = |body: &mut KeptSchedule| {
        let missing = || ControlError::NotFound { what: format!("schedule item {id}") };
        let at = body.items.iter().position(|line| line.id == id % LINES).ok_or_else(missing)?;
        edit.over(&mut body.items[at]).map_err(ControlError::Invalid)?;
        if let Some(index) = edit.index {
            let item = body.items.remove(at);
            let to = index.saturating_sub(1).min(body.items.len());
            body.items.insert(to, item);
        }
        Ok(())
    };
    state.control.change_kept(&caller.actor(), id / LINES, change).await?;
    read_item(Has(state), Path(id)).await
}

/// Takes a line out of its schedule.
#[utoipa::path(delete, path = "", tag = "schedule-items", params(("item" = i64, Path, description = "Id of the line")), responses(
    (status = 204, description = "It is gone"),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such line", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn delete_item(
    Has(state): Has<State>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<StatusCode, ApiError> {
    removed(&state, &caller, id / LINES, id % LINES).await
}

/// Where a line goes.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct MoveQuery {
    /// `up` or `down`.
    #[param(inline)]
    direction: Direction,
}

/// See [`MoveQuery`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// To the line before.
    Up,
    /// To the line after.
    Down,
}

/// Moves a line up or down by one.
#[utoipa::path(post, path = "", tag = "schedule-items", params(("item" = i64, Path, description = "Id of the line"), MoveQuery), responses(
    (status = 200, description = "The line in its new place", body = ItemView),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such line", body = Problem),
    (status = 409, description = "It is at the end already", body = Problem),
    (status = 422, description = "The direction cannot be taken", body = Problem)))]
pub async fn move_item(
    Has(state): Has<State>,
    caller: Caller,
    Path(id): Path<i64>,
    Query(query): Query<MoveQuery>,
) -> Result<Json<ItemView>, ApiError> {
    let change = |body: &mut KeptSchedule| {
        let missing = || ControlError::NotFound { what: format!("schedule item {id}") };
        let at = body.items.iter().position(|line| line.id == id % LINES).ok_or_else(missing)?;
        let to = match query.direction {
            Direction::Up => at.checked_sub(1),
            Direction::Down => Some(at + 1).filter(|to| *to < body.items.len()),
        };
        let Some(to) = to else {
            return Err(ControlError::Conflict {
                field: "direction".to_owned(),
                what: "the line is at the end already".to_owned(),
                fix: "move it the other way".to_owned(),
            });
        };
        body.items.swap(at, to);
        Ok(())
    };
    state.control.change_kept(&caller.actor(), id / LINES, change).await?;
    read_item(Has(state), Path(id)).await
}
