//! Originals: a media item as its source has it, whole or in parts, for players that seek.

use axum::body::{Body, Bytes};
use axum::extract::State as Has;
use axum::http::header::{
    ACCEPT_RANGES, ACCESS_CONTROL_EXPOSE_HEADERS, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH,
    CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED,
    RANGE,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use crate::control::originals::{OpenFile, Original};
use crate::domain::{MediaId, UtcMillis};
use crate::foundation::stop::Stop;

use super::error::{ApiError, Problem};
use super::extract::Path;
use super::live;
use super::range::Asked;
use super::state::State;

/// Bytes read from a file at once.
const CHUNK: usize = 256 * 1024;

/// A media item as its source has it.
#[utoipa::path(get, path = "", tag = "streams",
    params(("media" = i64, Path, description = "Id of the media item"),
           ("Range" = Option<String>, Header, description = "One range of bytes; several at once are answered with the whole"),
           ("access_token" = Option<String>, Query, description = "Needed when keys are required")),
    responses(
        (status = 200, description = "The whole file", content_type = "video/*", body = [u8]),
        (status = 206, description = "The asked-for part", content_type = "video/*", body = [u8]),
        (status = 304, description = "The client's copy is good"),
        (status = 401, description = "No valid access token", body = Problem),
        (status = 404, description = "No such media item, or its file is gone", body = Problem),
        (status = 416, description = "The file is shorter than that", body = Problem),
        (status = 422, description = "The id is no number", body = Problem)))]
pub(super) async fn read(
    Has(state): Has<State>,
    Path(id): Path<MediaId>,
    asked: HeaderMap,
) -> Result<Response, ApiError> {
    match state.control.original(id).await? {
        Original::File(file) => answer(&state, file, &asked, true).await,
    }
}

/// Says what [`read`] would answer with.
#[utoipa::path(head, path = "", tag = "streams",
    params(("media" = i64, Path, description = "Id of the media item")),
    responses(
        (status = 200, description = "Length and type of the file"),
        (status = 206, description = "Length of the asked-for part"),
        (status = 304, description = "The client's copy is good"),
        (status = 401, description = "No valid access token"),
        (status = 404, description = "No such media item, or its file is gone"),
        (status = 416, description = "The file is shorter than that"),
        (status = 422, description = "The id is no number")))]
pub(super) async fn ask(
    Has(state): Has<State>,
    Path(id): Path<MediaId>,
    asked: HeaderMap,
) -> Result<Response, ApiError> {
    match state.control.original(id).await? {
        Original::File(file) => answer(&state, file, &asked, false).await,
    }
}

async fn answer(
    state: &State,
    file: OpenFile,
    asked: &HeaderMap,
    with_body: bool,
) -> Result<Response, ApiError> {
    let tag = format!("\"{}\"", file.tag);
    let changed = http_date(file.modified);
    let mut headers = live::headers(kind_of(&file.name));
    headers.remove(CONNECTION);
    let caching = match state.settings.api_key_required {
        true => "private, max-age=3600",
        false => "public, max-age=3600",
    };
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(caching));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    let exposed = "Accept-Ranges, Content-Length, Content-Range, ETag";
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(exposed));
    put(&mut headers, ETAG, &tag);
    put(&mut headers, LAST_MODIFIED, &changed);
    if is_known(asked, &tag, file.modified) {
        headers.remove(CONTENT_TYPE);
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    // A part is of use only to who has the rest of the same file.
    let same = text(asked, IF_RANGE).is_none_or(|known| known == tag || known == changed);
    let range = text(asked, RANGE).filter(|_| same);
    let (status, part) = match range.map_or(Asked::All, |range| Asked::of(range, file.length)) {
        Asked::All => (StatusCode::OK, 0..file.length),
        Asked::Part(part) => {
            let place = format!("bytes {}-{}/{}", part.start, part.end - 1, file.length);
            put(&mut headers, CONTENT_RANGE, &place);
            (StatusCode::PARTIAL_CONTENT, part)
        }
        Asked::Beyond => {
            let status = StatusCode::RANGE_NOT_SATISFIABLE;
            let msg = format!("the file has {} bytes", file.length);
            let fix = "ask for bytes that there are";
            return Err(ApiError::new(status, "range", &["header", "range"], msg, fix)
                .with_limit(file.length)
                .with_header(CONTENT_RANGE, &format!("bytes */{}", file.length)));
        }
    };
    let length = part.end - part.start;
    put(&mut headers, CONTENT_LENGTH, &length.to_string());
    if !with_body {
        let nothing = futures_util::stream::empty::<Result<Bytes, std::io::Error>>();
        return Ok((status, headers, Body::from_stream(nothing)).into_response());
    }
    let body = body(file, part.start, length, &state.stop).await;
    let body = body.map_err(|error| ApiError::internal("reading the file", &error))?;
    Ok((status, headers, body).into_response())
}

/// `length` bytes of the file from `start` on.
///
/// A file that became shorter since ends early: the connection is closed then, which is how a
/// client learns that there is no more to come. Nothing is made up in its place.
async fn body(file: OpenFile, start: u64, length: u64, stop: &Stop) -> std::io::Result<Body> {
    let mut file = tokio::fs::File::from_std(file.file);
    file.seek(std::io::SeekFrom::Start(start)).await?;
    let chunks = ReaderStream::with_capacity(file.take(length), CHUNK);
    let stop = stop.clone();
    let ended = async move { stop.requested().await };
    Ok(Body::from_stream(chunks.take_until(Box::pin(ended))))
}

/// The type of a file by its name; what is neither picture nor sound is only bytes.
fn kind_of(name: &str) -> &'static str {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension.to_ascii_lowercase().as_str() {
        // The database of types knows these under names that players do not.
        "ts" | "m2ts" | "mts" => "video/mp2t",
        "mkv" => "video/x-matroska",
        other => {
            let kinds = mime_guess::from_ext(other);
            let kind = kinds.iter_raw().next().unwrap_or_default();
            match kind.starts_with("video/") || kind.starts_with("audio/") {
                true => kind,
                false => "application/octet-stream",
            }
        }
    }
}

/// Whether the client's copy is good.
fn is_known(asked: &HeaderMap, tag: &str, modified: UtcMillis) -> bool {
    if let Some(tags) = text(asked, IF_NONE_MATCH) {
        let mut tags = tags.split(',').map(|tag| tag.trim().trim_start_matches("W/"));
        return tags.any(|known| known == "*" || known == tag);
    }
    let parser = jiff::fmt::rfc2822::DateTimeParser::new();
    // reason: a date that cannot be read is no condition.
    let since = text(asked, IF_MODIFIED_SINCE).and_then(|date| parser.parse_timestamp(date).ok());
    since.is_some_and(|since| modified.seconds() <= since.as_second())
}

/// `Sun, 22 Nov 2026 07:00:00 GMT`.
fn http_date(at: UtcMillis) -> String {
    let stamp = jiff::Timestamp::from_second(at.seconds()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    stamp.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Sets a header; a value that is no header text is left out.
fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_pictures_or_sound_or_only_bytes() {
        for (name, kind) in [
            ("a.mkv", "video/x-matroska"),
            ("A.TS", "video/mp2t"),
            ("a.b.mp4", "video/mp4"),
            ("a.mp3", "audio/mpeg"),
            ("a.html", "application/octet-stream"),
            ("a", "application/octet-stream"),
        ] {
            assert_eq!(kind_of(name), kind, "{name}");
        }
    }

    #[test]
    fn a_copy_is_good_by_its_tag_else_by_its_date() {
        let known = |name: HeaderName, value: &str| {
            let mut headers = HeaderMap::new();
            put(&mut headers, name, value);
            is_known(&headers, "\"a\"", UtcMillis(1_795_000_000_500))
        };
        assert!(known(IF_NONE_MATCH, "W/\"a\"") && !known(IF_NONE_MATCH, "\"b\""));
        let date = http_date(UtcMillis(1_795_000_000_500));
        assert_eq!(date, "Wed, 18 Nov 2026 11:06:40 GMT");
        assert!(known(IF_MODIFIED_SINCE, &date));
        assert!(!known(IF_MODIFIED_SINCE, "Wed, 18 Nov 2026 11:06:39 GMT"));
    }
}
