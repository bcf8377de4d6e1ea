//! The guide grid's data: every channel on air with what it plays in a window, in one answer.
//!
//! Read from memory, like all that is asked for often. Instants are UTC milliseconds here, not
//! text: a grid computes with them.

use axum::extract::State as Has;
use serde::{Deserialize, Serialize};

use super::super::api::within;
use super::super::error::ApiError;
use super::super::extract::{Json, Query};
use super::super::state::State;
use crate::domain::{LineupChannel, Programme, Showing, UtcMillis};

/// Longest window, in minutes.
const LONGEST_MIN: i64 = 24 * 60;
/// Programmes a channel at most; a channel of short clips has thousands a day.
const MOST: usize = 600;

/// Which window is wanted.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WindowQuery {
    from: Option<i64>,
    minutes: Option<i64>,
}

/// All channels in a window.
#[derive(Debug, Serialize)]
pub(super) struct Window {
    now: i64,
    from: i64,
    to: i64,
    /// What the guide covers in all, where there is one.
    first: Option<i64>,
    last: Option<i64>,
    channels: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    id: i64,
    number: String,
    name: String,
    group: Option<String>,
    logo: Option<String>,
    viewers: u32,
    programmes: Vec<Cell>,
}

#[derive(Debug, Serialize)]
struct Cell {
    start: i64,
    stop: i64,
    title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    episode_title: Option<String>,
    description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    season: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    episode: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    year: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rating: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    genres: Vec<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    new: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cast: Vec<String>,
    media: Option<i64>,
}

/// What is on between `from` (UTC milliseconds, now when left out) and `minutes` later.
pub(super) async fn window(
    Has(state): Has<State>,
    Query(query): Query<WindowQuery>,
) -> Result<Json<Window>, ApiError> {
    let now = state.now();
    let day = 86_400_000;
    let from = within("from", query.from, now.0, now.0 - 7 * day..=now.0 + 30 * day)?;
    let minutes = within("minutes", query.minutes, 180, 1..=LONGEST_MIN)?;
    let to = from + minutes * 60_000;
    let lineup = state.control.lineup();
    let lineup = lineup.map_err(|error| ApiError::unavailable("the guide", &error.reason))?;
    let row = |channel: &LineupChannel| {
        let programmes = state.control.programmes(channel.id, UtcMillis(from), UtcMillis(to));
        let viewers = state.control.tuning().state(channel.id).map_or(0, |state| state.viewers);
        Row {
            id: channel.id.0,
            number: channel.number.to_string(),
            name: channel.name.clone(),
            group: channel.group.clone(),
            logo: channel.logo.clone(),
            viewers,
            programmes: programmes.into_iter().take(MOST).map(Cell::from).collect(),
        }
    };
    let channels = lineup.iter().map(row).collect();
    let guide = state.control.guide();
    let first = guide.as_ref().map(|guide| guide.report().from.0);
    let last = guide.as_ref().map(|guide| guide.report().until.0);
    Ok(Json(Window { now: now.0, from, to, first, last, channels }))
}

impl From<Programme> for Cell {
    fn from(programme: Programme) -> Self {
        let cast = programme.details.actors.iter().take(4).map(|actor| actor.name.clone());
        Self {
            new: programme.showing == Showing::New && programme.media.is_some(),
            cast: cast.collect(),
            start: programme.start.0,
            stop: programme.stop.0,
            title: programme.title,
            episode_title: programme.sub_title,
            description: programme.description,
            season: programme.season,
            episode: programme.episode,
            year: programme.year,
            rating: programme.rating,
            genres: programme.genres,
            media: programme.media.map(|id| id.0),
        }
    }
}
