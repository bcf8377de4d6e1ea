//! Live streams: one endless body a viewer. What is HLS is answered by [`super::hls`].
//!
//! Asking is free: HEAD and OPTIONS answer with the right type and start nothing. A `Range` on an
//! endless stream means nothing, so it is answered with 200 like any other request. Videos are
//! never compressed, and streams end when the server stops.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State as Has};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, LOCATION,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt};

use crate::domain::{Channel, ChannelNumber};
use crate::foundation::stop::Stop;
use crate::stream::JoinError;

use super::auth::Caller;
use super::error::{ApiError, Problem};
use super::extract::Path;
use super::hls;
use super::state::{State, Watcher};

pub(super) const TS: &str = "video/mp2t";
/// What the address of a test card has in the place of a number.
const TEST_CARD: &str = "test";

/// What a channel's file name asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// `7.ts`
    Ts,
    /// `7.m3u8`
    Hls,
}

/// Documents the two addresses that share one route (a parameter fills its whole segment).
#[utoipa::path(get, path = "/iptv/channel/{number}.ts", tag = "streams", operation_id = "streams_ts",
    params(("number" = String, Path, description = "Channel number such as 7 or 5.1; `test` for the test card, `test-720p25` for that of a profile"),
           ("access_token" = Option<String>, Query, description = "Needed when keys are required")),
    extensions(("x-endless" = json!(true))),
    responses(
        (status = 200, description = "An endless MPEG transport stream, joined in progress", content_type = "video/mp2t", body = [u8]),
        (status = 401, description = "No valid access token", body = Problem),
        (status = 404, description = "No such channel", body = Problem),
        (status = 429, description = "The user watches as many streams as one user may", body = Problem),
        (status = 503, description = "Too many viewers, or the server is starting or stopping", body = Problem)))]
#[expect(dead_code, reason = "it carries the documentation of an address, nothing calls it")]
pub(super) fn ts_document() {}

/// Streams a channel, or gives its HLS playlist.
pub(super) async fn watch(
    Has(state): Has<State>,
    watcher: Watcher,
    caller: Caller,
    Path(file): Path<String>,
    RawQuery(query): RawQuery,
    asked: HeaderMap,
) -> Result<Response, ApiError> {
    let (channel, kind) = named(&state, &file)?;
    if kind == Kind::Hls && file.starts_with(TEST_CARD) {
        return Ok(at_home(&file, query.as_deref()));
    }
    match kind {
        Kind::Ts => {
            let viewer = state.control.tuning().join(channel.id, watcher.via("ts"));
            let viewer = viewer.map_err(|error| cannot_join(&channel, error))?;
            watcher.hangup.when(viewer.cut());
            Ok(endless(viewer, &state.stop))
        }
        Kind::Hls => {
            let query = query.as_deref();
            hls::playlist(&state, &channel, &watcher, &caller, query, &asked).await
        }
    }
}

/// Says what a channel's address would answer with, and starts nothing.
pub(super) async fn ask(
    Has(state): Has<State>,
    Path(file): Path<String>,
) -> Result<Response, ApiError> {
    let (_, kind) = named(&state, &file)?;
    Ok(head_of(if kind == Kind::Ts { TS } else { hls::PLAYLIST }))
}

/// The head of a live answer, without a length: it would say 0.
pub(super) fn head_of(kind: &'static str) -> Response {
    let nothing = futures_util::stream::empty::<Result<Bytes, Infallible>>();
    (headers(kind), Body::from_stream(nothing)).into_response()
}

/// Answers what a browser asks before it lets a foreign page's player read the stream.
pub(super) async fn preflight() -> Response {
    let mut headers = headers(TS);
    headers.remove(CONTENT_TYPE);
    let allowed =
        HeaderValue::from_static("Range, If-Range, If-None-Match, Content-Range, Content-Type");
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("3600"));
    headers.into_response()
}

/// The body of a viewer: ends with the viewer or with the server.
pub(super) fn endless<V>(viewer: V, stop: &Stop) -> Response
where
    V: Stream<Item = Bytes> + Send + 'static,
{
    let stop = stop.clone();
    let ended = async move { stop.requested().await };
    let blocks = viewer.take_until(Box::pin(ended)).map(Ok::<_, Infallible>);
    (headers(TS), Body::from_stream(blocks)).into_response()
}

/// The headers of every live answer.
pub(super) fn headers(kind: &'static str) -> HeaderMap {
    let fixed = [
        (CONTENT_TYPE, kind),
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, OPTIONS"),
        (CACHE_CONTROL, "no-cache, no-store, must-revalidate, private"),
        (CONNECTION, "keep-alive"),
        (HeaderName::from_static("x-accel-buffering"), "no"),
        (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
    ];
    fixed.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value))).collect()
}

/// Leads to the playlist of a test card among its segments: it has no number to name them by.
fn at_home(file: &str, query: Option<&str>) -> Response {
    let name = file.trim_end_matches(".m3u8");
    let query = query.map_or_else(String::new, |query| format!("?{query}"));
    let mut headers = headers(hls::PLAYLIST);
    if let Ok(place) = HeaderValue::from_str(&format!("../hls/{name}/live.m3u8{query}")) {
        headers.insert(LOCATION, place);
    }
    (StatusCode::FOUND, headers).into_response()
}

/// The test card: `test`, or `test-` and the name of a profile.
fn test_card(state: &State, number: &str) -> Option<std::sync::Arc<Channel>> {
    let profile = match number.strip_prefix(TEST_CARD)? {
        "" => None,
        rest => Some(rest.strip_prefix('-')?),
    };
    state.control.test_card(profile)
}

/// The channel on offer under a number, or a test card; memory only.
///
/// # Errors
/// 404 when there is none, 503 while nobody can know.
pub(super) fn numbered(state: &State, number: &str) -> Result<std::sync::Arc<Channel>, ApiError> {
    if let Some(card) = test_card(state, number) {
        return Ok(card);
    }
    let parsed = number.parse::<ChannelNumber>().ok(); // reason: what is no number is no channel
    let found = parsed.and_then(|number| state.control.channel_by_number(&number));
    if let Some(channel) = found.filter(|channel| channel.enabled) {
        return Ok(channel);
    }
    state.control.lineup().map_err(|none| ApiError::unavailable("the line-up", &none.reason))?;
    let shown: String = number.chars().take(40).collect();
    Err(ApiError::new(
        StatusCode::NOT_FOUND,
        "not_found",
        &["path", "number"],
        format!("channel {shown:?} does not exist or is off"),
        "take an address from /iptv/channels.m3u",
    ))
}

fn named(state: &State, file: &str) -> Result<(std::sync::Arc<Channel>, Kind), ApiError> {
    let (number, kind) = split_name(file).ok_or_else(|| {
        let fix = "write {number}.ts for a stream or {number}.m3u8 for HLS";
        let msg = format!("{file:?} is neither .ts nor .m3u8");
        ApiError::new(StatusCode::NOT_FOUND, "not_found", &["path", "file"], msg, fix)
    })?;
    Ok((numbered(state, number)?, kind))
}

/// `5.1.ts` is channel 5.1 as a stream.
fn split_name(file: &str) -> Option<(&str, Kind)> {
    let (number, extension) = file.rsplit_once('.')?;
    match extension {
        "ts" => Some((number, Kind::Ts)),
        "m3u8" => Some((number, Kind::Hls)),
        _ => None,
    }
}

/// Why a viewer cannot be let in.
pub(super) fn cannot_join(channel: &Channel, error: JoinError) -> ApiError {
    let number = &channel.number;
    match error {
        JoinError::NotOnAir => {
            ApiError::unavailable(&format!("channel {number}"), "it is not on air yet")
        }
        JoinError::Full { limit } => {
            let fix =
                "wait until someone leaves, or raise session_manager.max_sessions_per_channel";
            let msg = format!("channel {number} has all the viewers it may have");
            ApiError::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "too_many_viewers",
                &["server"],
                msg,
                fix,
            )
            .with_limit(limit)
        }
        JoinError::UserFull { user, limit } => {
            let fix = "stop another stream, or raise session_manager.max_sessions_per_user";
            let msg = format!("{user} watches as many streams as one user may");
            let status = StatusCode::TOO_MANY_REQUESTS;
            ApiError::new(status, "too_many_streams", &["server"], msg, fix).with_limit(limit)
        }
        JoinError::Stopping => {
            ApiError::unavailable(&format!("channel {number}"), "the server is stopping")
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    #[test]
    fn a_file_name_is_a_number_and_a_kind() {
        assert_eq!(split_name("7.ts"), Some(("7", Kind::Ts)));
        assert_eq!(split_name("5.1.m3u8"), Some(("5.1", Kind::Hls)));
        assert_eq!(split_name("5.1"), None);
        assert_eq!(split_name("ts"), None);
    }

    #[tokio::test]
    async fn an_endless_stream_ends_with_the_server() {
        let stop = Stop::new();
        let block = Bytes::from_static(&[0x47; 188]);
        let viewer = stream::iter([block.clone()]).chain(stream::pending());
        let response = endless(viewer, &stop);
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()[CONTENT_TYPE], TS);
        let mut body = response.into_body().into_data_stream();
        assert_eq!(body.next().await.unwrap().unwrap(), block);
        stop.request();
        assert!(body.next().await.is_none());
    }
}
