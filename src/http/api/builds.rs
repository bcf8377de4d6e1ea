//! Scripted builds: playouts that programs write step by step.

use axum::extract::{Request, State as Has};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use crate::control::{Step, is_open, media_kind};
use crate::domain::{
    CollectionId, InvalidField, Kept, KeptBuild, LocalTime, MediaId, Order, Origin,
};

use super::super::auth::Caller;
use super::super::error::{ApiError, Problem};
use super::super::extract::{BODY_LIMIT, Json, Path, Query, body, read_form};
use super::super::state::State;
use super::kept;
use super::stamp;

/// A scripted build.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Build)]
pub struct BuildView {
    /// What to call it.
    session_id: String,
    /// The same under another name.
    build_id: String,
    /// Its playout.
    playout_id: i64,
    /// `building`, `committed`, `cancelled` or `expired`.
    status: String,
    /// Now.
    #[schema(format = DateTime)]
    current_time: String,
    /// When nobody may write any more.
    #[schema(format = DateTime)]
    expires_at: String,
    /// When it was begun.
    #[schema(format = DateTime)]
    created_at: String,
    /// How many steps it has.
    items_buffered: usize,
    /// The steps.
    #[schema(value_type = [Object])]
    items: Vec<Value>,
    /// Whether the channel's pre-roll filler is shown.
    pre_roll_enabled: bool,
    /// Always true: a watermark is the channel's.
    watermark_enabled: bool,
    /// Always true: graphics are the channel's.
    graphics_enabled: bool,
    /// Whether what is added is part of one programme.
    epg_group_active: bool,
    /// Its title.
    epg_group_title: Option<String>,
}

fn seen(state: &State, kept: Kept<KeptBuild>) -> BuildView {
    let now = state.control.clock_now();
    let expired = kept.body.status == "building" && !is_open(&kept.body, now);
    BuildView {
        session_id: kept.body.token.clone(),
        build_id: kept.body.token,
        playout_id: kept.body.playout,
        status: if expired { "expired".to_owned() } else { kept.body.status },
        current_time: stamp(now),
        expires_at: stamp(kept.body.expires),
        created_at: stamp(kept.created),
        items_buffered: kept.body.log.len(),
        items: kept.body.log,
        pre_roll_enabled: kept.body.pre_roll,
        watermark_enabled: true,
        graphics_enabled: true,
        epg_group_active: kept.body.group.is_some(),
        epg_group_title: kept.body.group,
    }
}

/// Begins a scripted build, or goes on with the one that is being written.
#[utoipa::path(post, path = "", tag = "builds", params(("playout" = i64, Path, description = "Id of the playout")), responses(
    (status = 200, description = "The build", body = BuildView),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such playout", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn start(
    Has(state): Has<State>,
    caller: Caller,
    Path(playout): Path<i64>,
) -> Result<Json<BuildView>, ApiError> {
    Ok(Json(seen(&state, state.control.start_build(&caller.actor(), playout).await?)))
}

/// Which build is meant.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
pub struct SessionQuery {
    /// Left out: the newest that is being written.
    session_id: Option<String>,
}

/// What ending a build came to.
#[derive(Debug, Serialize, ToSchema)]
pub struct Ended {
    /// The build.
    session_id: String,
    /// Its playout.
    playout_id: i64,
    /// `committed` or `cancelled`.
    status: String,
    /// How many slots are planned of it.
    items_added: usize,
    /// In words.
    message: String,
}

/// Puts a build on its playout, which is the channel's from then on.
#[utoipa::path(post, path = "", tag = "builds", params(("playout" = i64, Path, description = "Id of the playout"), SessionQuery), responses(
    (status = 200, description = "It is on", body = Ended),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such playout, or no open build", body = Problem),
    (status = 409, description = "The build is over", body = Problem),
    (status = 422, description = "The build is empty", body = Problem)))]
pub async fn commit(
    Has(state): Has<State>,
    caller: Caller,
    Path(playout): Path<i64>,
    Query(query): Query<SessionQuery>,
) -> Result<Json<Ended>, ApiError> {
    ended(&state, &caller, playout, query, true).await
}

/// Throws a build away.
#[utoipa::path(post, path = "", tag = "builds", params(("playout" = i64, Path, description = "Id of the playout"), SessionQuery), responses(
    (status = 200, description = "It is gone", body = Ended),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such playout, or no open build", body = Problem),
    (status = 409, description = "The build is over", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn cancel(
    Has(state): Has<State>,
    caller: Caller,
    Path(playout): Path<i64>,
    Query(query): Query<SessionQuery>,
) -> Result<Json<Ended>, ApiError> {
    ended(&state, &caller, playout, query, false).await
}

async fn ended(
    state: &State,
    caller: &Caller,
    playout: i64,
    query: SessionQuery,
    commit: bool,
) -> Result<Json<Ended>, ApiError> {
    let token = query.session_id.as_deref();
    let (kept, planned) = state.control.end_build(&caller.actor(), playout, token, commit).await?;
    Ok(Json(Ended {
        session_id: kept.body.token,
        playout_id: playout,
        message: format!("the build is {}", kept.body.status),
        status: kept.body.status,
        items_added: planned,
    }))
}

/// Which builds are wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
pub struct StatusQuery {
    /// `building`, `committed` or `cancelled`.
    status_filter: Option<String>,
}

/// Lists a playout's builds, newest first.
#[utoipa::path(get, path = "", tag = "builds", params(("playout" = i64, Path, description = "Id of the playout"), StatusQuery), responses(
    (status = 200, description = "The builds", body = [BuildView]),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such playout", body = Problem),
    (status = 422, description = "A field cannot be taken", body = Problem)))]
pub async fn sessions(
    Has(state): Has<State>,
    Path(playout): Path<i64>,
    Query(query): Query<StatusQuery>,
) -> Result<Json<Vec<BuildView>>, ApiError> {
    let all = state.control.builds(playout).await?.into_iter();
    let wanted = |kept: &Kept<KeptBuild>| {
        query.status_filter.as_ref().is_none_or(|status| kept.body.status == *status)
    };
    Ok(Json(all.filter(wanted).map(|kept| seen(&state, kept)).collect()))
}

/// Reads a build with its steps.
#[utoipa::path(get, path = "", tag = "builds", params(("build" = String, Path, description = "The build's session_id")), responses(
    (status = 200, description = "The build", body = BuildView),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such build", body = Problem)))]
pub async fn context(
    Has(state): Has<State>,
    Path(token): Path<String>,
) -> Result<Json<BuildView>, ApiError> {
    Ok(Json(seen(&state, state.control.build(&token).await?)))
}

/// What a step names; each kind of step takes some of these.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StepFields {
    /// `add-collection`, `add-smart-collection`, `add-all`, `add-count`, `add-duration`,
    /// `skip-items`, `skip-to-item`: the collection.
    #[serde(skip_serializing_if = "Option::is_none")]
    collection_id: Option<i64>,
    /// `add-multi-collection`: the multi collection.
    #[serde(skip_serializing_if = "Option::is_none")]
    multi_collection_id: Option<i64>,
    /// `add-playlist`: the playlist.
    #[serde(skip_serializing_if = "Option::is_none")]
    playlist_id: Option<i64>,
    /// `add-marathon`: the collection of the show.
    #[serde(skip_serializing_if = "Option::is_none")]
    show_id: Option<i64>,
    /// `add-show`, `add-marathon`: its title.
    #[serde(skip_serializing_if = "Option::is_none")]
    show_title: Option<String>,
    /// `add-show`: only this season.
    #[serde(skip_serializing_if = "Option::is_none")]
    season: Option<u32>,
    /// `create-playlist`: its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// `create-playlist`: what is in it, in order.
    #[serde(skip_serializing_if = "Option::is_none")]
    media_item_ids: Option<Vec<i64>>,
    /// `add-search`: what is searched for.
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<String>,
    /// `add-search`: only this kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    media_type: Option<String>,
    /// How many items.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    count: Option<u32>,
    /// How many minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    duration_minutes: Option<u32>,
    /// In which order.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    playback_order: Option<Order>,
    /// `pad-to-next`: up to which multiple.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1440)]
    minutes: Option<u32>,
    /// Filler preset to pad with; what was added last when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    filler_preset_id: Option<i64>,
    /// `HH:MM` in the server's zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    target_time: Option<String>,
    /// `skip-to-item`: its place in the order, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    item_index: Option<usize>,
    /// `epg-group/start`: its title.
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
}

impl StepFields {
    fn need<T: Clone>(field: &str, value: &Option<T>) -> Result<T, ApiError> {
        value.clone().ok_or_else(|| {
            let fix = format!("send `{field}`");
            ApiError::invalid("body", vec![InvalidField::new(field, "it is missing", fix)])
        })
    }

    fn collection(&self) -> Result<Origin, ApiError> {
        let id = self.collection_id.or(self.playlist_id).or(self.multi_collection_id);
        let id = Self::need("collection_id", &id.or(self.show_id))?;
        Ok(Origin::Collection { id: CollectionId(id) })
    }

    fn time(&self) -> Result<LocalTime, ApiError> {
        let text = Self::need("target_time", &self.target_time)?;
        kept::time(&text).map_err(|error| {
            let error = InvalidField { field: "target_time".to_owned(), ..error };
            ApiError::invalid("body", vec![error])
        })
    }

    fn add(&self, origin: Origin, order: Order) -> Result<Step, ApiError> {
        let order = self.playback_order.unwrap_or(order);
        let (count, minutes) = (self.count, self.duration_minutes);
        for (field, value, most) in
            [("count", count, 10_000), ("duration_minutes", minutes, 10_080)]
        {
            if value.is_some_and(|value| !(1..=most).contains(&value)) {
                let fix = format!("write 1 to {most}");
                let wrong = InvalidField::new(field, "it is outside the limits", fix);
                return Err(ApiError::invalid("body", vec![wrong]));
            }
        }
        Ok(Step::Add { origin, order, count, minutes })
    }

    /// The step that an address means.
    fn step(&self, action: &str) -> Result<Step, ApiError> {
        let plain = Order::Chronological;
        match action {
            "add-collection" | "add-playlist" | "add-smart-collection" | "add-all" => {
                self.add(self.collection()?, plain)
            }
            "add-count" => {
                Self::need("count", &self.count)?;
                self.add(self.collection()?, plain)
            }
            "add-duration" => {
                Self::need("duration_minutes", &self.duration_minutes)?;
                self.add(self.collection()?, plain)
            }
            "add-multi-collection" => self.add(self.collection()?, Order::Shuffle),
            "add-marathon" => match &self.show_title {
                Some(title) => {
                    let origin = Origin::Show { title: title.clone(), season: None };
                    self.add(origin, Order::SeasonEpisode)
                }
                None => self.add(self.collection()?, Order::SeasonEpisode),
            },
            "add-show" => {
                let title = Self::need("show_title", &self.show_title)?;
                self.add(Origin::Show { title, season: self.season }, Order::SeasonEpisode)
            }
            "add-search" => {
                let query = Self::need("query", &self.query)?;
                let kind = self.media_type.as_deref().map(media_kind).transpose();
                let kind = kind.map_err(|error| ApiError::invalid("body", vec![error]))?;
                self.add(Origin::Search { query, kind }, plain)
            }
            "create-playlist" => {
                let ids = Self::need("media_item_ids", &self.media_item_ids)?;
                if ids.is_empty() || ids.len() > 10_000 {
                    let fix = "send 1 to 10000 ids";
                    let problem = format!("there are {} ids", ids.len());
                    let wrong = InvalidField::new("media_item_ids", problem, fix);
                    return Err(ApiError::invalid("body", vec![wrong]));
                }
                let media = ids.into_iter().map(MediaId).collect();
                self.add(Origin::Media { media }, Order::Listed)
            }
            "pad-to-next" => {
                let minutes = Self::need("minutes", &self.minutes)?;
                if !(1..=1440).contains(&minutes) {
                    let problem = format!("{minutes} is outside the limits");
                    let wrong = InvalidField::new("minutes", problem, "write 1 to 1440");
                    return Err(ApiError::invalid("body", vec![wrong]));
                }
                Ok(Step::PadToNext { minutes, filler: self.filler_preset_id })
            }
            "pad-until" | "pad-until-exact" => Ok(Step::PadUntil {
                time: self.time()?,
                filler: self.filler_preset_id,
                exact: action.ends_with("exact"),
            }),
            "wait-until" | "wait-until-exact" => Ok(Step::WaitUntil { time: self.time()? }),
            "skip-items" => Ok(Step::Skip {
                count: self.count.unwrap_or(1).min(1_000_000),
                collection: self.collection_id.map(CollectionId),
            }),
            "skip-to-item" => Ok(Step::SkipTo {
                index: Self::need("item_index", &self.item_index)?,
                collection: CollectionId(Self::need("collection_id", &self.collection_id)?),
            }),
            "epg-group/start" => Ok(Step::Group { title: Some(Self::need("title", &self.title)?) }),
            "epg-group/stop" => Ok(Step::Group { title: None }),
            "pre-roll/on" => Ok(Step::PreRoll { on: true }),
            "pre-roll/off" => Ok(Step::PreRoll { on: false }),
            "watermark/on" | "watermark/off" | "graphics/on" | "graphics/off" => {
                let fix = "set the channel's watermark with PUT /api/channels/{id}";
                let msg = "a watermark belongs to a channel and not to a part of its programme";
                Err(ApiError::new(StatusCode::CONFLICT, "conflict", &["path", "action"], msg, fix))
            }
            other => Err(ApiError::not_found(&format!("the step {other:?}"))),
        }
    }
}

/// A step's fields from the body, or from the query as some clients send them.
async fn fields(request: Request) -> Result<StepFields, ApiError> {
    let query = request.uri().query().unwrap_or_default().to_owned();
    let bytes = body(request, BODY_LIMIT).await?;
    if bytes.is_empty() {
        return read_form(query.as_bytes(), "query");
    }
    serde_json::from_slice(&bytes).map_err(|error| {
        let fix = "send the fields of this step as JSON; /openapi.json lists them";
        let status = if error.is_data() {
            StatusCode::UNPROCESSABLE_ENTITY
        } else {
            StatusCode::BAD_REQUEST
        };
        ApiError::new(status, "invalid", &["body"], error.to_string(), fix)
    })
}

async fn done(
    state: &State,
    token: &str,
    action: &str,
    fields: StepFields,
) -> Result<Json<Value>, ApiError> {
    let step = fields.step(action)?;
    let mut told = serde_json::to_value(&fields).unwrap_or_default();
    if let Value::Object(told) = &mut told {
        told.insert("type".to_owned(), json!(action.replace(['-', '/'], "_")));
        told.insert("added_at".to_owned(), json!(stamp(state.control.clock_now())));
    }
    let kept = state.control.build_step(token, step, told.clone()).await?;
    let mut answer = json!({
        "build_id": token,
        "action": action.replace(['-', '/'], "_"),
        "items_buffered": kept.body.log.len(),
        "epg_group_active": kept.body.group.is_some(),
        "title": kept.body.group,
        "pre_roll_enabled": kept.body.pre_roll,
    });
    if let (Value::Object(answer), Value::Object(told)) = (&mut answer, told) {
        for (key, value) in told {
            answer.entry(key).or_insert(value);
        }
    }
    Ok(Json(answer))
}

/// Adds a step to a build.
///
/// The steps are `add-collection`, `add-multi-collection`, `add-playlist`, `add-smart-collection`,
/// `add-all`, `add-count`, `add-duration`, `add-show`, `add-marathon`, `add-search`,
/// `create-playlist`, `pad-to-next`, `pad-until`, `pad-until-exact`, `wait-until`,
/// `wait-until-exact`, `skip-items` and `skip-to-item`. Nothing on air changes before the build is
/// committed.
#[utoipa::path(post, path = "", tag = "builds", params(
    ("build" = String, Path, description = "The build's session_id"),
    ("action" = String, Path, description = "The step")), request_body = StepFields, responses(
    (status = 200, description = "The step is in the build", body = Object),
    (status = 400, description = "The body is not JSON", body = Problem),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such build or step", body = Problem),
    (status = 409, description = "The build is over", body = Problem),
    (status = 422, description = "A field cannot be taken", body = Problem)))]
pub async fn step(
    Has(state): Has<State>,
    Path((token, action)): Path<(String, String)>,
    request: Request,
) -> Result<Json<Value>, ApiError> {
    let fields = fields(request).await?;
    done(&state, &token, &action, fields).await
}

/// Switches something on or off for what is added from now on.
///
/// `epg-group/start` (with a title) and `epg-group/stop`, `pre-roll/on` and `pre-roll/off`.
/// `watermark` and `graphics` are refused: they belong to the channel.
#[utoipa::path(post, path = "", tag = "builds", params(
    ("build" = String, Path, description = "The build's session_id"),
    ("subject" = String, Path, description = "`epg-group` or `pre-roll`"),
    ("turn" = String, Path, description = "`start` and `stop`, or `on` and `off`")), request_body = StepFields, responses(
    (status = 200, description = "It is switched", body = Object),
    (status = 400, description = "The body is not JSON", body = Problem),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such build or switch", body = Problem),
    (status = 409, description = "The build is over, or it belongs to the channel", body = Problem),
    (status = 422, description = "A field cannot be taken", body = Problem)))]
pub async fn switch(
    Has(state): Has<State>,
    Path((token, subject, turn)): Path<(String, String, String)>,
    request: Request,
) -> Result<Json<Value>, ApiError> {
    let fields = fields(request).await?;
    done(&state, &token, &format!("{subject}/{turn}"), fields).await
}

/// What is looked at.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
pub struct PeekQuery {
    /// For `collection` and the like: its id.
    collection_id: Option<i64>,
    /// For `show`: its title.
    show_title: Option<String>,
    /// For `search`: what is searched for.
    query: Option<String>,
}

/// What comes next of something.
#[derive(Debug, Serialize, ToSchema)]
pub struct Peeked {
    /// The build.
    build_id: String,
    /// What was looked at.
    content_type: String,
    /// The item; `null` when there is none within two weeks.
    next_item: Option<super::playouts::SlotView>,
}

/// Tells which item of something a build would play next.
#[utoipa::path(get, path = "", tag = "builds", params(
    ("build" = String, Path, description = "The build's session_id"),
    ("content" = String, Path, description = "`collection`, `playlist`, `show` or `search`"),
    PeekQuery), responses(
    (status = 200, description = "The item", body = Peeked),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such build", body = Problem),
    (status = 409, description = "The build is over", body = Problem),
    (status = 422, description = "A field cannot be taken", body = Problem)))]
pub async fn peek(
    Has(state): Has<State>,
    Path((token, content)): Path<(String, String)>,
    Query(query): Query<PeekQuery>,
) -> Result<Json<Peeked>, ApiError> {
    let origin = match content.as_str() {
        "show" => {
            Origin::Show { title: StepFields::need("show_title", &query.show_title)?, season: None }
        }
        "search" => Origin::Search { query: StepFields::need("query", &query.query)?, kind: None },
        _ => {
            let id = StepFields::need("collection_id", &query.collection_id)?;
            Origin::Collection { id: CollectionId(id) }
        }
    };
    let next = state.control.peek(&token, origin).await?;
    let next_item = next.map(|mut slot| {
        slot.custom_title = None;
        super::playouts::slot_view(&slot)
    });
    Ok(Json(Peeked { build_id: token, content_type: content, next_item }))
}
