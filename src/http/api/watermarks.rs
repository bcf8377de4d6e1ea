//! Watermarks: small pictures over a channel's own, drawn when its media is conformed.

use axum::extract::{Request, State as Has};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{
    ImageKind, InvalidField, Place, StoredWatermark, Watermark, WatermarkId, WatermarkMode,
};

use super::super::auth::Caller;
use super::super::error::{ApiError, Problem};
use super::super::extract::{BODY_LIMIT, Json, Path, body};
use super::super::state::State;
use super::{media_type, picture};

/// A watermark.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Watermark)]
pub struct WatermarkView {
    /// Its id.
    id: i64,
    /// Its name.
    name: String,
    /// `permanent`, `intermittent` or `fading`.
    mode: &'static str,
    /// Where it lies, such as `bottom_right`.
    location: &'static str,
    /// Its width in percent of the picture's.
    width_percent: u32,
    /// Its distance from the left or right edge in percent of the picture's width.
    horizontal_margin_percent: u32,
    /// Its distance from the upper or lower edge in percent of the picture's height.
    vertical_margin_percent: u32,
    /// How much it hides of what is behind it, in percent.
    opacity: u32,
    /// Minutes of the item from one appearance to the next, unless it is permanent.
    frequency_minutes: u32,
    /// Seconds that it is seen each time, unless it is permanent.
    duration_seconds: u32,
    /// Address of its picture; `null` while it has none and nothing is drawn.
    image: Option<String>,
    /// What kind of file that is.
    original_content_type: Option<&'static str>,
}

impl From<StoredWatermark> for WatermarkView {
    fn from(stored: StoredWatermark) -> Self {
        let StoredWatermark { id, watermark, image } = stored;
        let address = |(digest, _): &(String, ImageKind)| {
            format!("/api/watermarks/{id}/image?v={}", digest.get(..12).unwrap_or_default())
        };
        Self {
            id: id.0,
            image: image.as_ref().map(address),
            original_content_type: image.map(|(_, kind)| media_type(kind)),
            name: watermark.name,
            mode: watermark.mode.as_str(),
            location: watermark.place.as_str(),
            width_percent: watermark.width_percent,
            horizontal_margin_percent: watermark.horizontal_margin_percent,
            vertical_margin_percent: watermark.vertical_margin_percent,
            opacity: watermark.opacity,
            frequency_minutes: watermark.frequency_minutes,
            duration_seconds: watermark.duration_seconds,
        }
    }
}

/// A watermark to be made, or changes to one; what is left out stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WatermarkWrite {
    /// Its name, one line; needed when one is made.
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// `permanent`, `intermittent` or `fading`.
    mode: Option<String>,
    /// `top_left`, `top_center`, `top_right`, `left_center`, `center`, `right_center`,
    /// `bottom_left`, `bottom_center` or `bottom_right`.
    location: Option<String>,
    /// Its width in percent of the picture's.
    #[schema(minimum = 1, maximum = 100)]
    width_percent: Option<u32>,
    /// Its distance from the left or right edge in percent of the picture's width.
    #[schema(minimum = 0, maximum = 50)]
    horizontal_margin_percent: Option<u32>,
    /// Its distance from the upper or lower edge in percent of the picture's height.
    #[schema(minimum = 0, maximum = 50)]
    vertical_margin_percent: Option<u32>,
    /// How much it hides of what is behind it, in percent.
    #[schema(minimum = 1, maximum = 100)]
    opacity: Option<u32>,
    /// Minutes of the item from one appearance to the next, unless it is permanent.
    #[schema(minimum = 1, maximum = 1440)]
    frequency_minutes: Option<u32>,
    /// Seconds that it is seen each time, unless it is permanent.
    #[schema(minimum = 1, maximum = 3600)]
    duration_seconds: Option<u32>,
}

impl WatermarkWrite {
    fn applied(self, mut watermark: Watermark) -> Result<Watermark, Vec<InvalidField>> {
        let mut wrong = Vec::new();
        let unknown = |field: &str, word: &str, known: &[&str]| {
            let fix = format!("use {}", known.join(", "));
            InvalidField::new(field, format!("{word:?} is not known"), fix)
        };
        if let Some(name) = self.name {
            watermark.name = name;
        }
        if let Some(word) = self.mode {
            match WatermarkMode::read(&word) {
                Some(mode) => watermark.mode = mode,
                None => wrong.push(unknown("mode", &word, WatermarkMode::WORDS)),
            }
        }
        if let Some(word) = self.location {
            match Place::read(&word) {
                Some(place) => watermark.place = place,
                None => wrong.push(unknown("location", &word, Place::WORDS)),
            }
        }
        for (target, value) in [
            (&mut watermark.width_percent, self.width_percent),
            (&mut watermark.horizontal_margin_percent, self.horizontal_margin_percent),
            (&mut watermark.vertical_margin_percent, self.vertical_margin_percent),
            (&mut watermark.opacity, self.opacity),
            (&mut watermark.frequency_minutes, self.frequency_minutes),
            (&mut watermark.duration_seconds, self.duration_seconds),
        ] {
            if let Some(value) = value {
                *target = value;
            }
        }
        wrong.extend(watermark.mistakes());
        if wrong.is_empty() { Ok(watermark) } else { Err(wrong) }
    }
}

/// Lists the watermarks.
#[utoipa::path(get, path = "", tag = "watermarks", responses(
    (status = 200, description = "The watermarks", body = [WatermarkView]),
    (status = 401, description = "No valid key", body = Problem)))]
pub async fn list(Has(state): Has<State>) -> Result<Json<Vec<WatermarkView>>, ApiError> {
    let watermarks = state.control.watermarks().await?;
    Ok(Json(watermarks.into_iter().map(WatermarkView::from).collect()))
}

/// Reads one watermark.
#[utoipa::path(get, path = "", tag = "watermarks", params(("watermark" = i64, Path, description = "Id of the watermark")), responses(
    (status = 200, description = "The watermark", body = WatermarkView),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such watermark", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn read(
    Has(state): Has<State>,
    Path(id): Path<WatermarkId>,
) -> Result<Json<WatermarkView>, ApiError> {
    Ok(Json(state.control.watermark(id).await?.into()))
}

/// Makes a watermark; its picture is sent afterwards.
#[utoipa::path(post, path = "", tag = "watermarks", request_body = WatermarkWrite, responses(
    (status = 201, description = "The new watermark", body = WatermarkView),
    (status = 400, description = "The body is not JSON", body = Problem),
    (status = 401, description = "No valid key", body = Problem),
    (status = 409, description = "The name is taken", body = Problem),
    (status = 415, description = "The body is not marked as JSON", body = Problem),
    (status = 422, description = "Fields that cannot be taken: all of them", body = Problem)))]
pub async fn create(
    Has(state): Has<State>,
    caller: Caller,
    Json(new): Json<WatermarkWrite>,
) -> Result<(StatusCode, Json<WatermarkView>), ApiError> {
    let watermark = new.applied(Watermark::default());
    let watermark = watermark.map_err(|fields| ApiError::invalid("body", fields))?;
    let stored = state.control.create_watermark(&caller.actor(), watermark).await?;
    Ok((StatusCode::CREATED, Json(stored.into())))
}

/// Changes a watermark; its channels show it so from their next items on.
#[utoipa::path(put, path = "", tag = "watermarks", params(("watermark" = i64, Path, description = "Id of the watermark")), request_body = WatermarkWrite, responses(
    (status = 200, description = "The watermark as it is now", body = WatermarkView),
    (status = 400, description = "The body is not JSON", body = Problem),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such watermark", body = Problem),
    (status = 409, description = "The name is taken", body = Problem),
    (status = 415, description = "The body is not marked as JSON", body = Problem),
    (status = 422, description = "Fields that cannot be taken: all of them", body = Problem)))]
pub async fn edit(
    Has(state): Has<State>,
    caller: Caller,
    Path(id): Path<WatermarkId>,
    Json(edit): Json<WatermarkWrite>,
) -> Result<Json<WatermarkView>, ApiError> {
    let before = state.control.watermark(id).await?.watermark;
    let watermark = edit.applied(before).map_err(|fields| ApiError::invalid("body", fields))?;
    let stored = state.control.edit_watermark(&caller.actor(), id, watermark).await?;
    Ok(Json(stored.into()))
}

/// Deletes a watermark that no channel has.
#[utoipa::path(delete, path = "", tag = "watermarks", params(("watermark" = i64, Path, description = "Id of the watermark")), responses(
    (status = 204, description = "It is gone"),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such watermark", body = Problem),
    (status = 409, description = "A channel has it", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn delete(
    Has(state): Has<State>,
    caller: Caller,
    Path(id): Path<WatermarkId>,
) -> Result<StatusCode, ApiError> {
    state.control.delete_watermark(&caller.actor(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Shows a watermark's picture.
#[utoipa::path(get, path = "", tag = "watermarks", params(("watermark" = i64, Path, description = "Id of the watermark")), responses(
    (status = 200, description = "The picture", body = Vec<u8>, content_type = "image/png"),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such watermark, or it has no picture", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn image(
    Has(state): Has<State>,
    Path(id): Path<WatermarkId>,
) -> Result<Response, ApiError> {
    Ok(picture(state.control.watermark_image(id).await?))
}

/// Sends a watermark's picture: the bytes of a PNG, JPEG, GIF or WebP file, at most 1 MiB, as the
/// body. What it is, its first bytes say.
#[utoipa::path(post, path = "", tag = "watermarks", params(("watermark" = i64, Path, description = "Id of the watermark")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"), responses(
    (status = 200, description = "The watermark as it is now", body = WatermarkView),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such watermark", body = Problem),
    (status = 413, description = "It is larger than 1 MiB", body = Problem),
    (status = 422, description = "It is no picture that we take", body = Problem)))]
pub async fn put_image(
    Has(state): Has<State>,
    caller: Caller,
    Path(id): Path<WatermarkId>,
    request: Request,
) -> Result<Json<WatermarkView>, ApiError> {
    let bytes = body(request, BODY_LIMIT).await?;
    let stored = state.control.set_watermark_image(&caller.actor(), id, bytes.into()).await?;
    Ok(Json(stored.into()))
}

/// Takes a watermark's picture away; its channels show none then.
#[utoipa::path(delete, path = "", tag = "watermarks", params(("watermark" = i64, Path, description = "Id of the watermark")), responses(
    (status = 200, description = "The watermark as it is now", body = WatermarkView),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such watermark", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn remove_image(
    Has(state): Has<State>,
    caller: Caller,
    Path(id): Path<WatermarkId>,
) -> Result<Json<WatermarkView>, ApiError> {
    let stored = state.control.remove_watermark_image(&caller.actor(), id).await?;
    Ok(Json(stored.into()))
}
