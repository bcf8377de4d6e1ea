//! What the addresses of schedules, blocks, templates, filler presets and decos have in common.
//!
//! Bodies name only what changes: what is left out stays, and 0 or an empty text takes it away, as
//! older clients expect. Answers have the words of those clients.

mod groups;
mod routes;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{InvalidField, LocalTime, Order, Taking};

pub(super) use groups::group_routes;
pub(super) use routes::kept_routes;

/// Where media is taken from.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct TakingView {
    /// `collection`, `playlist`, `smart_collection`, `multi_collection`, `media_item`, `show`,
    /// `season`, `artist` or `search`.
    pub collection_type: Option<String>,
    /// The collection.
    pub collection_id: Option<i64>,
    /// The single item.
    pub media_item_id: Option<i64>,
    /// Title of the show, or name of the artist.
    pub search_title: Option<String>,
    /// Number of the season.
    pub season_number: Option<u32>,
    /// What is searched for.
    pub search_query: Option<String>,
}

impl TakingView {
    /// Puts what is said over what was there.
    pub(super) fn over(&self, taking: &mut Taking) {
        let id = |id: Option<i64>, place: &mut Option<i64>| match id {
            Some(0) => *place = None,
            Some(id) => *place = Some(id),
            None => {}
        };
        id(self.collection_id, &mut taking.collection_id);
        id(self.media_item_id, &mut taking.media_item_id);
        if let Some(title) = &self.search_title {
            taking.search_title = Some(title.clone()).filter(|title| !title.is_empty());
        }
        if self.season_number.is_some() {
            taking.season_number = self.season_number;
        }
        if let Some(query) = &self.search_query {
            taking.search_query = Some(query.clone()).filter(|query| !query.is_empty());
        }
        if let Some(word) = &self.collection_type {
            taking.collection_type.clone_from(word);
        }
        if taking.collection_type.is_empty() {
            let word = if taking.media_item_id.is_some() { "media_item" } else { "collection" };
            word.clone_into(&mut taking.collection_type);
        }
    }
}

/// Gives a place another value, where one was sent.
pub(super) fn set<T>(place: &mut T, sent: Option<T>) {
    if let Some(sent) = sent {
        *place = sent;
    }
}

/// Gives a reference another value; 0 takes it away.
pub(super) fn refer(place: &mut Option<i64>, sent: Option<i64>) {
    if let Some(id) = sent {
        *place = Some(id).filter(|id| *id != 0);
    }
}

/// The word for an order.
pub(super) fn order_word(order: Order) -> String {
    word(&order)
}

/// The word that serde has for a plain value.
pub(super) fn word<T: Serialize>(value: &T) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

/// A time of day, as `HH:MM` or `HH:MM:SS`.
///
/// # Errors
/// Names the form.
pub(super) fn time(text: &str) -> Result<LocalTime, InvalidField> {
    text.parse()
}

/// A time of day without its seconds where there are none.
pub(super) fn short(time: LocalTime) -> String {
    let text = time.to_string();
    text.strip_suffix(":00").map_or(text.clone(), str::to_owned)
}
