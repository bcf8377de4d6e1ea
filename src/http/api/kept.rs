//! What the addresses of schedules, blocks, templates, filler presets and decos have in common.
//!
//! Bodies name only what changes: what is left out stays, and 0 or an empty text takes it away, as
//! older clients expect. Answers have the words of those clients.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{InvalidField, LocalTime, Order, Taking};

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

/// The five handlers of a kind of thing: list, create, read, edit, delete.
///
/// `$write` has `over(self, &mut $kept) -> Result<(), Vec<InvalidField>>`, and `$view` is made of a
/// `Kept<$kept>`.
macro_rules! kept_routes {
    ($kept:ty, $view:ident, $write:ident, $tag:tt, $id:tt,
     $list:tt $create:tt $read:tt $edit:tt $delete:tt) => {
        #[doc = $list]
        #[utoipa::path(get, path = "", tag = $tag, responses(
            (status = 200, description = "All of them, oldest first", body = [$view]),
            (status = 401, description = "No valid key", body = Problem)))]
        pub async fn list(Has(state): Has<State>) -> Result<Json<Vec<$view>>, ApiError> {
            let all = state.control.kept::<$kept>().await?;
            Ok(Json(all.into_iter().map($view::from).collect()))
        }

        #[doc = $create]
        #[utoipa::path(post, path = "", tag = $tag, request_body = $write, responses(
            (status = 201, description = "The new one", body = $view),
            (status = 400, description = "The body is not JSON", body = Problem),
            (status = 401, description = "No valid key", body = Problem),
            (status = 415, description = "The body is not marked as JSON", body = Problem),
            (status = 422, description = "Fields that cannot be taken", body = Problem)))]
        pub async fn create(
            Has(state): Has<State>,
            caller: Caller,
            Json(new): Json<$write>,
        ) -> Result<(StatusCode, Json<$view>), ApiError> {
            let mut body = $write::fresh();
            new.over(&mut body).map_err(|wrong| ApiError::invalid("body", wrong))?;
            let kept = state.control.keep(&caller.actor(), body).await?;
            Ok((StatusCode::CREATED, Json($view::from(kept))))
        }

        #[doc = $read]
        #[utoipa::path(get, path = "", tag = $tag, params(($id = i64, Path, description = "Its id")), responses(
            (status = 200, description = "It", body = $view),
            (status = 401, description = "No valid key", body = Problem),
            (status = 404, description = "There is none", body = Problem),
            (status = 422, description = "The id is no number", body = Problem)))]
        pub async fn read(
            Has(state): Has<State>,
            Path(id): Path<i64>,
        ) -> Result<Json<$view>, ApiError> {
            Ok(Json($view::from(state.control.kept_one::<$kept>(id).await?)))
        }

        #[doc = $edit]
        #[utoipa::path(put, path = "", tag = $tag, params(($id = i64, Path, description = "Its id")), request_body = $write, responses(
            (status = 200, description = "It as it is now", body = $view),
            (status = 400, description = "The body is not JSON", body = Problem),
            (status = 401, description = "No valid key", body = Problem),
            (status = 404, description = "There is none", body = Problem),
            (status = 415, description = "The body is not marked as JSON", body = Problem),
            (status = 422, description = "Fields that cannot be taken", body = Problem)))]
        pub async fn edit(
            Has(state): Has<State>,
            caller: Caller,
            Path(id): Path<i64>,
            Json(edit): Json<$write>,
        ) -> Result<Json<$view>, ApiError> {
            let change = |body: &mut $kept| {
                edit.over(body).map_err(crate::control::ControlError::Invalid)
            };
            let kept = state.control.change_kept(&caller.actor(), id, change).await?;
            Ok(Json($view::from(kept)))
        }

        #[doc = $delete]
        #[utoipa::path(delete, path = "", tag = $tag, params(($id = i64, Path, description = "Its id")), responses(
            (status = 204, description = "It is gone"),
            (status = 401, description = "No valid key", body = Problem),
            (status = 404, description = "There is none", body = Problem),
            (status = 422, description = "The id is no number", body = Problem)))]
        pub async fn delete(
            Has(state): Has<State>,
            caller: Caller,
            Path(id): Path<i64>,
        ) -> Result<StatusCode, ApiError> {
            state.control.drop_kept::<$kept>(&caller.actor(), id).await?;
            Ok(StatusCode::NO_CONTENT)
        }
    };
}

pub(super) use kept_routes;

/// A group with nothing but a name, and how many are in it.
macro_rules! group_routes {
    ($kept:ty, $member:ty, $tag:tt, $id:tt, $count:ident, $members:ident, $schema:tt) => {
        /// A named group.
        #[derive(Debug, serde::Serialize, utoipa::ToSchema)]
        #[schema(as = $schema)]
        pub struct GroupView {
            /// Its id.
            id: i64,
            /// Its name.
            name: String,
            /// How many are in it.
            $count: usize,
            /// What is in it.
            $members: Vec<Member>,
            /// When it was made.
            #[schema(format = DateTime)]
            created_at: String,
            /// When it was changed last.
            #[schema(format = DateTime)]
            updated_at: String,
        }

        /// Something in a group.
        #[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
        pub struct Member {
            /// Its id.
            id: i64,
            /// Its name.
            name: String,
        }

        /// A group to be made, or changes to one.
        #[derive(Debug, Default, serde::Deserialize, utoipa::ToSchema)]
        #[serde(deny_unknown_fields)]
        pub struct GroupWrite {
            /// Its name; needed when one is made.
            #[schema(min_length = 1, max_length = 100)]
            name: Option<String>,
        }

        async fn seen(state: &State, kept: Kept<$kept>) -> Result<GroupView, ApiError> {
            let all = state.control.kept::<$member>().await?;
            let members: Vec<Member> = all
                .into_iter()
                .filter(|member| member.body.group_id == Some(kept.id))
                .map(|member| Member { id: member.id, name: member.body.name })
                .collect();
            Ok(GroupView {
                id: kept.id,
                name: kept.body.name,
                $count: members.len(),
                $members: members,
                created_at: stamp(kept.created),
                updated_at: stamp(kept.updated),
            })
        }

        /// Lists the groups with what is in them.
        #[utoipa::path(get, path = "", tag = $tag, responses(
            (status = 200, description = "The groups", body = [GroupView]),
            (status = 401, description = "No valid key", body = Problem)))]
        pub async fn list_groups(Has(state): Has<State>) -> Result<Json<Vec<GroupView>>, ApiError> {
            let mut groups = Vec::new();
            for kept in state.control.kept::<$kept>().await? {
                groups.push(seen(&state, kept).await?);
            }
            Ok(Json(groups))
        }

        /// Makes a group.
        #[utoipa::path(post, path = "", tag = $tag, request_body = GroupWrite, responses(
            (status = 201, description = "The new group", body = GroupView),
            (status = 400, description = "The body is not JSON", body = Problem),
            (status = 401, description = "No valid key", body = Problem),
            (status = 415, description = "The body is not marked as JSON", body = Problem),
            (status = 422, description = "A field cannot be taken", body = Problem)))]
        pub async fn create_group(
            Has(state): Has<State>,
            caller: Caller,
            Json(new): Json<GroupWrite>,
        ) -> Result<(StatusCode, Json<GroupView>), ApiError> {
            let body = <$kept>::from_name(new.name.unwrap_or_default());
            let kept = state.control.keep(&caller.actor(), body).await?;
            Ok((StatusCode::CREATED, Json(seen(&state, kept).await?)))
        }

        /// Reads a group with what is in it.
        #[utoipa::path(get, path = "", tag = $tag, params(($id = i64, Path, description = "Id of the group")), responses(
            (status = 200, description = "The group", body = GroupView),
            (status = 401, description = "No valid key", body = Problem),
            (status = 404, description = "No such group", body = Problem),
            (status = 422, description = "The id is no number", body = Problem)))]
        pub async fn read_group(
            Has(state): Has<State>,
            Path(id): Path<i64>,
        ) -> Result<Json<GroupView>, ApiError> {
            let kept = state.control.kept_one::<$kept>(id).await?;
            Ok(Json(seen(&state, kept).await?))
        }

        /// Renames a group.
        #[utoipa::path(put, path = "", tag = $tag, params(($id = i64, Path, description = "Id of the group")), request_body = GroupWrite, responses(
            (status = 200, description = "The group as it is now", body = GroupView),
            (status = 400, description = "The body is not JSON", body = Problem),
            (status = 401, description = "No valid key", body = Problem),
            (status = 404, description = "No such group", body = Problem),
            (status = 415, description = "The body is not marked as JSON", body = Problem),
            (status = 422, description = "A field cannot be taken", body = Problem)))]
        pub async fn edit_group(
            Has(state): Has<State>,
            caller: Caller,
            Path(id): Path<i64>,
            Json(edit): Json<GroupWrite>,
        ) -> Result<Json<GroupView>, ApiError> {
            let change = |body: &mut $kept| {
                super::kept::set(&mut body.name, edit.name);
                Ok(())
            };
            let kept = state.control.change_kept(&caller.actor(), id, change).await?;
            Ok(Json(seen(&state, kept).await?))
        }
    };
}

pub(super) use group_routes;
