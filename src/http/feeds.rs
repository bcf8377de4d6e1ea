//! The playlist and the guide that players load.

use axum::body::Body;
use axum::extract::State as Has;
use axum::http::header::{
    ACCEPT_ENCODING, ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH,
    CONTENT_TYPE, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, VARY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::domain::UtcMillis;
use crate::formats::m3u;

use super::auth::Caller;
use super::base::Base;
use super::error::{ApiError, Problem};
use super::extract::Query;
use super::state::{State, Watcher};

/// What the playlist may be asked for; anything else is left aside, players add words of their own.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct PlaylistQuery {
    /// `hls` lists HLS addresses, anything else transport streams.
    mode: Option<String>,
    /// Needed when keys are required; repeated in every address.
    #[serde(rename = "access_token")]
    #[param(rename = "access_token")]
    _access_token: Option<String>,
}

/// All channels as an M3U playlist.
#[utoipa::path(get, path = "", tag = "feeds", params(PlaylistQuery), responses(
    (status = 200, description = "The playlist", content_type = "application/vnd.apple.mpegurl", body = String),
    (status = 401, description = "No valid access token", body = Problem),
    (status = 503, description = "The line-up is not available; never a part of it", body = Problem)))]
pub(super) async fn playlist(
    Has(state): Has<State>,
    base: Base,
    caller: Caller,
    watcher: Watcher,
    Query(query): Query<PlaylistQuery>,
) -> Result<Response, ApiError> {
    let lineup = lineup(&state)?;
    let stream = match query.mode.as_deref() {
        Some("hls") => m3u::StreamKind::Hls,
        _ => m3u::StreamKind::Ts,
    };
    let kodi = m3u::Options::is_kodi(&watcher.user_agent);
    let options = m3u::Options { stream, access_token: caller.token, kodi };
    let text = m3u::render(&lineup, base.as_str(), &options);
    Ok((open_headers("application/vnd.apple.mpegurl"), text).into_response())
}

/// The guide of all channels as XMLTV, from an immutable snapshot.
#[utoipa::path(get, path = "", tag = "feeds",
    params(("access_token" = Option<String>, Query, description = "Needed when keys are required")),
    responses(
        (status = 200, description = "The guide; gzip when accepted", content_type = "application/xml", body = String),
        (status = 304, description = "Nothing changed since"),
        (status = 401, description = "No valid access token", body = Problem),
        (status = 503, description = "The guide is not available; never an empty one", body = Problem)))]
pub(super) async fn guide(
    Has(state): Has<State>,
    base: Base,
    asked: HeaderMap,
) -> Result<Response, ApiError> {
    let gzip = takes_gzip(&asked);
    let form = if gzip { Form::Encoded } else { Form::Plain };
    guide_in(&state, &base, &asked, form)
}

/// The guide as a gzip file, for clients that go by the name.
#[utoipa::path(get, path = "", tag = "feeds",
    params(("access_token" = Option<String>, Query, description = "Needed when keys are required")),
    responses(
        (status = 200, description = "The guide, gzipped", content_type = "application/gzip", body = [u8]),
        (status = 304, description = "Nothing changed since"),
        (status = 401, description = "No valid access token", body = Problem),
        (status = 503, description = "The guide is not available; never an empty one", body = Problem)))]
pub(super) async fn guide_file(
    Has(state): Has<State>,
    base: Base,
    asked: HeaderMap,
) -> Result<Response, ApiError> {
    guide_in(&state, &base, &asked, Form::File)
}

/// The channels on offer.
///
/// # Errors
/// 503 when they are not known; never an empty or partial list.
pub(super) fn lineup(
    state: &State,
) -> Result<std::sync::Arc<Vec<crate::domain::LineupChannel>>, ApiError> {
    state.control.lineup().map_err(|none| ApiError::unavailable("the line-up", &none.reason))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// XML as it is.
    Plain,
    /// XML under `Content-Encoding: gzip`.
    Encoded,
    /// A gzip file.
    File,
}

fn guide_in(
    state: &State,
    base: &Base,
    asked: &HeaderMap,
    form: Form,
) -> Result<Response, ApiError> {
    lineup(state)?;
    let guide = state.control.guide().ok_or_else(|| {
        ApiError::unavailable("the guide", "there is no channel to make a guide of")
    })?;
    let kind =
        if form == Form::File { "application/gzip" } else { "application/xml; charset=utf-8" };
    let mut headers = open_headers(kind);
    let etag = guide.etag(base.as_str(), form != Form::Plain);
    put(&mut headers, ETAG, &etag);
    put(&mut headers, LAST_MODIFIED, &guide.last_modified());
    put(&mut headers, VARY, "Accept-Encoding, Host");
    put(&mut headers, CACHE_CONTROL, "no-cache");
    if is_unchanged(asked, &etag, guide.built()) {
        headers.remove(CONTENT_TYPE);
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    if form == Form::Plain {
        put(&mut headers, CONTENT_LENGTH, &guide.xml_length(base.as_str()).to_string());
        let chunks = guide.chunks(base.as_str()).map(Ok::<_, std::io::Error>);
        return Ok((headers, Body::from_stream(stream::iter(chunks))).into_response());
    }
    if form == Form::Encoded {
        put(&mut headers, CONTENT_ENCODING, "gzip");
    }
    put(&mut headers, CONTENT_LENGTH, &guide.gzip_length(base.as_str()).to_string());
    let chunks = guide.gzip(base.as_str()).map(Ok::<_, std::io::Error>);
    Ok((headers, Body::from_stream(stream::iter(chunks))).into_response())
}

/// Headers of a document that players on other pages may read.
pub(super) fn open_headers(kind: &'static str) -> HeaderMap {
    let fixed = [
        (CONTENT_TYPE, kind),
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (CACHE_CONTROL, "no-cache"),
        (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
    ];
    fixed.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value))).collect()
}

fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    match HeaderValue::from_str(value) {
        Ok(value) => {
            headers.insert(name, value);
        }
        Err(_) => tracing::warn!(header = %name, "the value of header {name} is not ASCII"),
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Whether the client's copy is still good; `If-None-Match` decides alone when it is there.
fn is_unchanged(asked: &HeaderMap, etag: &str, built: UtcMillis) -> bool {
    if let Some(tags) = text(asked, IF_NONE_MATCH) {
        let mut tags = tags.split(',').map(|tag| tag.trim().trim_start_matches("W/"));
        return tags.any(|tag| tag == "*" || tag == etag);
    }
    let since = text(asked, IF_MODIFIED_SINCE);
    let parser = jiff::fmt::rfc2822::DateTimeParser::new();
    let since = since.and_then(|date| parser.parse_timestamp(date).ok());
    since.is_some_and(|since| built.seconds() <= since.as_second())
}

/// Whether gzip is among what the client takes.
fn takes_gzip(asked: &HeaderMap) -> bool {
    let Some(accepted) = text(asked, ACCEPT_ENCODING) else { return false };
    let mut any = None;
    for part in accepted.split(',') {
        let (name, weight) = part.split_once(';').unwrap_or((part, "q=1"));
        let weight = weight.trim().trim_start_matches("q=").parse::<f32>().unwrap_or(1.0);
        match name.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => return weight > 0.0,
            "*" => any = Some(weight > 0.0),
            _ => {}
        }
    }
    any.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_sent_to_those_who_take_it() {
        let takes = |accepted: &str| {
            let mut headers = HeaderMap::new();
            put(&mut headers, ACCEPT_ENCODING, accepted);
            takes_gzip(&headers)
        };
        assert!(takes("gzip") && takes("deflate, gzip;q=0.5") && takes("*") && takes("br, GZIP"));
        assert!(!takes("identity") && !takes("gzip;q=0") && !takes("*, gzip;q=0") && !takes(""));
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[test]
    fn an_unchanged_guide_is_not_sent_again() {
        let built = UtcMillis(1_795_000_000_500);
        let unchanged = |name: HeaderName, value: &str| {
            let mut headers = HeaderMap::new();
            put(&mut headers, name, value);
            is_unchanged(&headers, "\"a\"", built)
        };
        assert!(unchanged(IF_NONE_MATCH, "\"a\""));
        assert!(unchanged(IF_NONE_MATCH, "\"b\", W/\"a\""));
        assert!(!unchanged(IF_NONE_MATCH, "\"b\""));
        assert!(unchanged(IF_MODIFIED_SINCE, "Wed, 18 Nov 2026 13:06:40 GMT"));
        assert!(!unchanged(IF_MODIFIED_SINCE, "Wed, 18 Nov 2026 11:06:39 GMT"));
        assert!(!unchanged(IF_MODIFIED_SINCE, "yesterday"));
    }
}
