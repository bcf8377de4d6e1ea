//! Slates: what channels show while they show no programme, and the operator's own in their place.

use axum::extract::{Request, State as Has};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::control::slates::CLIP_MOST;
use crate::domain::{ChannelId, InvalidField, SlateArt, SlateForm, SlateKind, StoredSlate};

use super::super::auth::Caller;
use super::super::error::{ApiError, Problem};
use super::super::extract::{Json, Path, body};
use super::super::state::State;
use super::picture;

/// A slate, as it is on a channel or on all channels without one of their own.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Slate)]
pub struct SlateView {
    /// `starting`, `technical_difficulties`, `no_programming` or `offline`.
    kind: &'static str,
    /// The channel whose slate it is; `null` for that of all channels.
    channel_id: Option<i64>,
    /// `drawn` by us, or the operator's `picture` or `clip`.
    source: &'static str,
    /// Whether that was set here, rather than for all channels.
    own: bool,
    /// Bytes of the operator's file.
    bytes: Option<u64>,
    /// Width of it in pixels.
    width: Option<u32>,
    /// Height of it in pixels.
    height: Option<u32>,
    /// Length of a clip in seconds.
    duration_seconds: Option<f64>,
    /// Address of a picture of it.
    image: String,
}

impl SlateView {
    fn new(stored: &[StoredSlate], channel: Option<ChannelId>, kind: SlateKind) -> Self {
        let of = |whose: Option<ChannelId>| {
            stored.iter().find(|slate| slate.kind == kind && slate.channel == whose)
        };
        let own = of(channel);
        let art: Option<&SlateArt> = own.or_else(|| of(None)).map(|slate| &slate.art);
        let source = match art.map(|art| art.form) {
            None => "drawn",
            Some(SlateForm::Png | SlateForm::Jpeg) => "picture",
            Some(SlateForm::Clip) => "clip",
        };
        let tag = art.map_or("drawn", |art| art.digest.get(..12).unwrap_or_default());
        let image = match channel {
            Some(id) => format!("/api/channels/{id}/slates/{kind}/image?v={tag}"),
            None => format!("/api/slates/{kind}/image?v={tag}"),
        };
        let clip = art.filter(|art| art.form == SlateForm::Clip);
        #[expect(clippy::cast_precision_loss, reason = "at most a minute in milliseconds")]
        let duration_seconds = clip.map(|art| art.duration_ms as f64 / 1000.0);
        Self {
            kind: kind.as_str(),
            channel_id: channel.map(|id| id.0),
            source,
            own: own.is_some(),
            bytes: art.map(|art| art.bytes),
            width: art.map(|art| art.width),
            height: art.map(|art| art.height),
            duration_seconds,
            image,
        }
    }
}

/// The place of a slate of one channel.
#[derive(Debug, Deserialize)]
pub struct OfChannel {
    channel: ChannelId,
    kind: String,
}

/// Lists the four slates of channels that have none of their own.
#[utoipa::path(get, path = "", tag = "slates", responses(
    (status = 200, description = "The slates", body = [SlateView]),
    (status = 401, description = "No valid key", body = Problem)))]
pub async fn list(Has(state): Has<State>) -> Result<Json<Vec<SlateView>>, ApiError> {
    all(&state, None).await
}

/// Lists the four slates of a channel.
#[utoipa::path(get, path = "", tag = "slates", params(("channel" = i64, Path, description = "Id of the channel")), responses(
    (status = 200, description = "The slates", body = [SlateView]),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such channel", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn list_of(
    Has(state): Has<State>,
    Path(channel): Path<ChannelId>,
) -> Result<Json<Vec<SlateView>>, ApiError> {
    state.control.channel(channel).await?;
    all(&state, Some(channel)).await
}

/// Reads a slate.
#[utoipa::path(get, path = "", tag = "slates", params(("kind" = String, Path, description = "`starting`, `technical_difficulties`, `no_programming` or `offline`")), responses(
    (status = 200, description = "The slate", body = SlateView),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such slate", body = Problem)))]
pub async fn read(
    Has(state): Has<State>,
    Path(kind): Path<String>,
) -> Result<Json<SlateView>, ApiError> {
    one(&state, None, known(&kind)?).await
}

/// Reads a slate of a channel.
#[utoipa::path(get, path = "", tag = "slates", params(("channel" = i64, Path, description = "Id of the channel"), ("kind" = String, Path, description = "`starting`, `technical_difficulties`, `no_programming` or `offline`")), responses(
    (status = 200, description = "The slate", body = SlateView),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such channel or slate", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn read_of(
    Has(state): Has<State>,
    Path(place): Path<OfChannel>,
) -> Result<Json<SlateView>, ApiError> {
    state.control.channel(place.channel).await?;
    one(&state, Some(place.channel), known(&place.kind)?).await
}

/// Puts a picture or a clip in the place of a slate on all channels that have none of their own.
///
/// The body is a PNG or JPEG file of at most 8 MiB, or an MP4, Matroska, `WebM` or MPEG-TS file of
/// at most 32 MiB and 60 seconds. Which of them it is, its bytes say.
#[utoipa::path(put, path = "", tag = "slates", params(("kind" = String, Path, description = "`starting`, `technical_difficulties`, `no_programming` or `offline`")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"), responses(
    (status = 200, description = "The slate as it is now", body = SlateView),
    (status = 400, description = "The body broke off", body = Problem),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such slate", body = Problem),
    (status = 413, description = "It is larger than 32 MiB", body = Problem),
    (status = 422, description = "It is nothing that can be shown", body = Problem)))]
pub async fn put(
    Has(state): Has<State>,
    caller: Caller,
    Path(kind): Path<String>,
    request: Request,
) -> Result<Json<SlateView>, ApiError> {
    set(&state, &caller, None, known(&kind)?, request).await
}

/// Puts a picture or a clip in the place of a slate of one channel.
///
/// What can be sent is as for all channels.
#[utoipa::path(put, path = "", tag = "slates", params(("channel" = i64, Path, description = "Id of the channel"), ("kind" = String, Path, description = "`starting`, `technical_difficulties`, `no_programming` or `offline`")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"), responses(
    (status = 200, description = "The slate as it is now", body = SlateView),
    (status = 400, description = "The body broke off", body = Problem),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such channel or slate", body = Problem),
    (status = 413, description = "It is larger than 32 MiB", body = Problem),
    (status = 422, description = "It is nothing that can be shown", body = Problem)))]
pub async fn put_of(
    Has(state): Has<State>,
    caller: Caller,
    Path(place): Path<OfChannel>,
    request: Request,
) -> Result<Json<SlateView>, ApiError> {
    set(&state, &caller, Some(place.channel), known(&place.kind)?, request).await
}

/// Shows our own slate again on all channels that have none of their own.
#[utoipa::path(delete, path = "", tag = "slates", params(("kind" = String, Path, description = "`starting`, `technical_difficulties`, `no_programming` or `offline`")), responses(
    (status = 200, description = "The slate as it is now", body = SlateView),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such slate", body = Problem)))]
pub async fn reset(
    Has(state): Has<State>,
    caller: Caller,
    Path(kind): Path<String>,
) -> Result<Json<SlateView>, ApiError> {
    let kind = known(&kind)?;
    state.control.reset_slate(&caller.actor(), None, kind).await?;
    one(&state, None, kind).await
}

/// Shows on a channel again what is shown on all.
#[utoipa::path(delete, path = "", tag = "slates", params(("channel" = i64, Path, description = "Id of the channel"), ("kind" = String, Path, description = "`starting`, `technical_difficulties`, `no_programming` or `offline`")), responses(
    (status = 200, description = "The slate as it is now", body = SlateView),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such channel or slate", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn reset_of(
    Has(state): Has<State>,
    caller: Caller,
    Path(place): Path<OfChannel>,
) -> Result<Json<SlateView>, ApiError> {
    let kind = known(&place.kind)?;
    state.control.reset_slate(&caller.actor(), Some(place.channel), kind).await?;
    one(&state, Some(place.channel), kind).await
}

/// Shows a picture of a slate.
#[utoipa::path(get, path = "", tag = "slates", params(("kind" = String, Path, description = "`starting`, `technical_difficulties`, `no_programming` or `offline`")), responses(
    (status = 200, description = "The picture", body = Vec<u8>, content_type = "image/png"),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such slate", body = Problem)))]
pub async fn image(Has(state): Has<State>, Path(kind): Path<String>) -> Result<Response, ApiError> {
    let found = state.control.slate_preview(None, known(&kind)?).await?;
    Ok(picture(found))
}

/// Shows a picture of a slate of a channel.
#[utoipa::path(get, path = "", tag = "slates", params(("channel" = i64, Path, description = "Id of the channel"), ("kind" = String, Path, description = "`starting`, `technical_difficulties`, `no_programming` or `offline`")), responses(
    (status = 200, description = "The picture", body = Vec<u8>, content_type = "image/png"),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such channel or slate", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn image_of(
    Has(state): Has<State>,
    Path(place): Path<OfChannel>,
) -> Result<Response, ApiError> {
    let kind = known(&place.kind)?;
    let found = state.control.slate_preview(Some(place.channel), kind).await?;
    Ok(picture(found))
}

fn known(kind: &str) -> Result<SlateKind, ApiError> {
    SlateKind::read(kind).ok_or_else(|| ApiError::not_found(&format!("slate {kind:?}")))
}

async fn all(state: &State, channel: Option<ChannelId>) -> Result<Json<Vec<SlateView>>, ApiError> {
    let stored = state.control.slates().await?;
    let views = SlateKind::ALL.map(|kind| SlateView::new(&stored, channel, kind));
    Ok(Json(views.into()))
}

async fn one(
    state: &State,
    channel: Option<ChannelId>,
    kind: SlateKind,
) -> Result<Json<SlateView>, ApiError> {
    let stored = state.control.slates().await?;
    Ok(Json(SlateView::new(&stored, channel, kind)))
}

async fn set(
    state: &State,
    caller: &Caller,
    channel: Option<ChannelId>,
    kind: SlateKind,
    request: Request,
) -> Result<Json<SlateView>, ApiError> {
    let bytes = body(request, CLIP_MOST).await?;
    if bytes.is_empty() {
        let nothing = InvalidField::new("file", "there are no bytes", "send a file as the body");
        return Err(ApiError::invalid("body", vec![nothing]));
    }
    state.control.set_slate(&caller.actor(), channel, kind, bytes.into()).await?;
    one(state, channel, kind).await
}
