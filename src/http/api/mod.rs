//! The JSON API under `/api`, one file a subject.
//!
//! Views are types of their own, never storage rows: what clients see does not change because a
//! table does. Instants are RFC 3339 in UTC.

pub mod agent;
pub mod blocks;
pub mod builds;
pub mod channel_view;
pub mod channels;
pub mod choices;
pub mod collection_view;
pub mod collections;
pub mod decos;
pub mod fillers;
pub mod forms;
pub mod guide;
pub mod health;
mod kept;
pub mod libraries;
pub mod limits;
pub mod media;
pub mod playlists;
pub mod playouts;
pub mod positions;
pub mod preparation;
pub mod profile_view;
pub mod profiles;
pub mod resolutions;
pub mod schedule_files;
pub mod schedules;
pub mod search;
pub mod sessions;
pub mod settings;
pub mod slates;
pub mod snapshots;
pub mod templates;
pub mod transcoding;
pub mod watermarks;

use crate::control::ControlError;
use crate::domain::{ImageKind, UtcMillis};

use super::error::ApiError;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// An instant as clients read it.
pub(super) fn stamp(at: UtcMillis) -> String {
    at.to_string()
}

/// The media type of a picture.
fn media_type(kind: ImageKind) -> &'static str {
    match kind {
        ImageKind::Png => "image/png",
        ImageKind::Jpeg => "image/jpeg",
        ImageKind::Gif => "image/gif",
        ImageKind::Webp => "image/webp",
    }
}

/// A picture that somebody sent us, to be asked for anew each time it is shown.
fn picture((kind, bytes): (ImageKind, Vec<u8>)) -> Response {
    let head = [(CONTENT_TYPE, media_type(kind)), (CACHE_CONTROL, "private, no-cache")];
    (head, bytes).into_response()
}

/// A number of the query within its limits.
///
/// # Errors
/// 422 that names the limits.
pub(super) fn within(
    field: &str,
    value: Option<i64>,
    default: i64,
    limits: std::ops::RangeInclusive<i64>,
) -> Result<i64, ApiError> {
    let value = value.unwrap_or(default);
    if limits.contains(&value) {
        return Ok(value);
    }
    let (least, most) = (*limits.start(), *limits.end());
    let msg = format!("{value} is outside the limits");
    let fix = format!("use {least} to {most}");
    Err(ApiError::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "out_of_range",
        &["query", field],
        msg,
        fix,
    )
    .with_limit(json!({"min": least, "max": most})))
}

impl From<ControlError> for ApiError {
    fn from(error: ControlError) -> Self {
        match error {
            ControlError::Invalid(fields) => Self::invalid("body", fields),
            ControlError::NotFound { what } => Self::not_found(&what),
            ControlError::Conflict { field, what, fix } => {
                Self::new(StatusCode::CONFLICT, "conflict", &["body", &field], what, fix)
            }
            ControlError::Denied { reason, checks } => {
                let fix = "wait, or send `override_reason` with the reason why it must be done now";
                Self::new(StatusCode::CONFLICT, "denied", &["server", "guard"], reason, fix)
                    .with_limit(json!(checks))
            }
            ControlError::Unavailable { what, reason } => Self::unavailable(&what, &reason),
            ControlError::Failed { what, source } => Self::internal(&what, source.as_ref()),
        }
    }
}
