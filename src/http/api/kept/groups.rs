//! The handlers of named groups.

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

pub(in super::super) use group_routes;
