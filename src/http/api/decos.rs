//! Decos: bumpers, station ids and the like, in groups that channels show between programmes.

use axum::extract::State as Has;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{InvalidField, Kept, KeptDeco, KeptDecoGroup};

use super::super::auth::Caller;
use super::super::error::{ApiError, Problem};
use super::super::extract::{Json, Path};
use super::super::state::State;
use super::kept::{group_routes, kept_routes, refer, set};
use super::stamp;

group_routes!(KeptDecoGroup, KeptDeco, "decos", "group", deco_count, decos, DecoGroup);

/// Deletes a group; its decos stay, without one.
#[utoipa::path(delete, path = "", tag = "decos", params(("group" = i64, Path, description = "Id of the group")), responses(
    (status = 204, description = "It is gone"),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such group", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn delete_group(
    Has(state): Has<State>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<StatusCode, ApiError> {
    for deco in state.control.kept::<KeptDeco>().await? {
        if deco.body.group_id == Some(id) {
            let change = |body: &mut KeptDeco| {
                body.group_id = None;
                Ok(())
            };
            state.control.change_kept(&caller.actor(), deco.id, change).await?;
        }
    }
    state.control.drop_kept::<KeptDecoGroup>(&caller.actor(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A deco.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Deco)]
pub struct DecoView {
    /// Its id.
    id: i64,
    /// Its name.
    name: String,
    /// Its group.
    group_id: Option<i64>,
    /// `bumper`, `commercial`, `station_id`, `promo` or `credits`.
    deco_type: String,
    /// What is shown.
    media_item_id: Option<i64>,
    /// How often compared with the others of its group.
    weight: u32,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was changed last.
    #[schema(format = DateTime)]
    updated_at: String,
}

impl From<Kept<KeptDeco>> for DecoView {
    fn from(kept: Kept<KeptDeco>) -> Self {
        let body = kept.body;
        Self {
            id: kept.id,
            name: body.name,
            group_id: body.group_id,
            deco_type: body.deco_type,
            media_item_id: body.media_item_id,
            weight: body.weight,
            created_at: stamp(kept.created),
            updated_at: stamp(kept.updated),
        }
    }
}

/// A deco to be made, or changes to one; what is left out stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DecoWrite {
    /// Its name; needed when one is made.
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// Its group; 0 takes it out.
    group_id: Option<i64>,
    /// `bumper` (when left out), `commercial`, `station_id`, `promo` or `credits`.
    deco_type: Option<String>,
    /// What is shown: media of the library; needed when one is made.
    media_item_id: Option<i64>,
    /// How often compared with the others of its group; 1 when left out.
    #[schema(minimum = 1)]
    weight: Option<u32>,
}

/// The kinds of decos and what they are.
const TYPES: [(&str, &str); 5] = [
    ("bumper", "a few seconds between two programmes"),
    ("commercial", "an advertisement"),
    ("station_id", "says which channel this is"),
    ("promo", "says what comes later"),
    ("credits", "says who made it"),
];

impl DecoWrite {
    fn fresh() -> KeptDeco {
        KeptDeco { deco_type: "bumper".to_owned(), weight: 1, ..KeptDeco::default() }
    }

    fn over(self, body: &mut KeptDeco) -> Result<(), Vec<InvalidField>> {
        let mut wrong = Vec::new();
        set(&mut body.name, self.name);
        refer(&mut body.group_id, self.group_id);
        set(&mut body.deco_type, self.deco_type);
        refer(&mut body.media_item_id, self.media_item_id);
        set(&mut body.weight, self.weight);
        if !TYPES.iter().any(|(word, _)| *word == body.deco_type) {
            let problem = format!("{:?} is no kind of deco", body.deco_type);
            let fix = "use one that /api/deco/types lists";
            wrong.push(InvalidField::new("deco_type", problem, fix));
        }
        if body.media_item_id.is_none() {
            let fix = "send the id of media of the library";
            wrong.push(InvalidField::new("media_item_id", "it is missing", fix));
        }
        if body.weight == 0 {
            wrong.push(InvalidField::new("weight", "0 is too small", "write 1 or more"));
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }
}

kept_routes!(KeptDeco, DecoView, DecoWrite, "decos", "deco",
    "Lists the decos." "Makes a deco." "Reads a deco." "Changes a deco." "Deletes a deco.");

/// The kinds of decos.
#[derive(Debug, Serialize, ToSchema)]
pub struct DecoTypes {
    /// The words.
    types: Vec<&'static str>,
    /// What they mean.
    #[schema(value_type = Object)]
    descriptions: serde_json::Value,
}

/// Lists the kinds of decos.
#[utoipa::path(get, path = "", tag = "decos", responses(
    (status = 200, description = "The kinds", body = DecoTypes),
    (status = 401, description = "No valid key", body = Problem)))]
pub async fn types() -> Json<DecoTypes> {
    Json(DecoTypes {
        types: TYPES.iter().map(|(word, _)| *word).collect(),
        descriptions: TYPES.iter().map(|(word, text)| ((*word).to_owned(), *text)).collect(),
    })
}
