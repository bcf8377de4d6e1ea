//! The five handlers that every kind of kept thing has.

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

pub(in super::super) use kept_routes;
