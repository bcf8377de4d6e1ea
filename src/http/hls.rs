//! HLS: playlists of a channel and the segments they name.

use std::time::Duration;

use axum::extract::State as Has;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::time::Instant;

use crate::domain::{Channel, ChannelNumber};
use crate::stream::SegmentError;

use super::auth::Caller;
use super::error::{ApiError, Problem};
use super::extract::Path;
use super::live::{TS, cannot_join, headers, numbered};
use super::state::{State, Watcher};

/// The media type of a playlist.
pub(super) const PLAYLIST: &str = "application/vnd.apple.mpegurl";
/// How long a playlist request waits for the first segment, and how often it looks.
const LIST_WITHIN: Duration = Duration::from_secs(5);
const LIST_AGAIN: Duration = Duration::from_millis(50);

/// Documents an address that shares its route with the stream.
#[utoipa::path(get, path = "/iptv/channel/{number}.m3u8", tag = "streams", operation_id = "streams_hls",
    params(("number" = String, Path, description = "Channel number such as 7 or 5.1"),
           ("access_token" = Option<String>, Query, description = "Needed when keys are required")),
    responses(
        (status = 200, description = "A live HLS playlist", content_type = "application/vnd.apple.mpegurl", body = String),
        (status = 401, description = "No valid access token", body = Problem),
        (status = 404, description = "No such channel", body = Problem),
        (status = 503, description = "Too many viewers, or the server is starting or stopping", body = Problem)))]
#[expect(dead_code, reason = "it carries the documentation of an address, nothing calls it")]
pub(super) fn hls_document() {}

/// Gives the playlist of a channel.
pub(super) async fn playlist(
    state: &State,
    channel: &Channel,
    watcher: &Watcher,
    caller: &Caller,
) -> Result<Response, ApiError> {
    let playlist = listed(state, channel, watcher).await?;
    let text = place(&playlist, &channel.number, caller.token.as_deref());
    Ok((headers(PLAYLIST), text).into_response())
}

/// The playlist, waiting a little for the first segment: players give up on an empty one.
async fn listed(state: &State, channel: &Channel, watcher: &Watcher) -> Result<String, ApiError> {
    let give_up = Instant::now() + LIST_WITHIN;
    loop {
        let playlist = state.control.tuning().playlist(channel.id, watcher.via("hls"));
        let playlist = playlist.map_err(|error| cannot_join(channel, error))?;
        if playlist.contains("#EXTINF") {
            return Ok(playlist);
        }
        if Instant::now() >= give_up {
            let what = format!("channel {}", channel.number);
            return Err(ApiError::unavailable(&what, "its first segment is not made yet"));
        }
        tokio::time::sleep(LIST_AGAIN).await;
    }
}

/// One HLS segment; its bytes never change.
#[utoipa::path(get, path = "", tag = "streams",
    params(("number" = String, Path, description = "Channel number"),
           ("file" = String, Path, description = "`{n}.ts` as listed in the playlist"),
           ("access_token" = Option<String>, Query, description = "Needed when keys are required")),
    responses(
        (status = 200, description = "The segment", content_type = "video/mp2t", body = [u8]),
        (status = 401, description = "No valid access token", body = Problem),
        (status = 404, description = "No such channel, or not in the window", body = Problem),
        (status = 503, description = "The media is not ready yet", body = Problem)))]
pub(super) async fn segment(
    Has(state): Has<State>,
    Path((number, file)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let channel = numbered(&state, &number)?;
    let n = file.strip_suffix(".ts").and_then(|n| n.parse::<i64>().ok());
    let n = n.ok_or_else(|| ApiError::not_found(&format!("segment {file:?}")))?;
    let bytes = state.control.tuning().segment(channel.id, n).await;
    let bytes = bytes.map_err(|error| no_segment(&channel, n, error))?;
    let mut headers = headers(TS);
    let cached = HeaderValue::from_static("public, max-age=31536000, immutable");
    headers.insert(CACHE_CONTROL, cached);
    Ok((headers, bytes).into_response())
}

/// Gives the segments of a playlist their addresses, relative to the playlist's own.
fn place(playlist: &str, number: &ChannelNumber, token: Option<&str>) -> String {
    let query = token.map_or_else(String::new, |token| {
        let token: String = form_urlencoded::byte_serialize(token.as_bytes()).collect();
        format!("?access_token={token}")
    });
    let mut text = String::with_capacity(playlist.len() + 400);
    for line in playlist.lines() {
        if line.is_empty() || line.starts_with('#') {
            text.push_str(line);
        } else {
            let name = line.rsplit('/').next().unwrap_or(line);
            text.push_str(&format!("../hls/{number}/{name}{query}"));
        }
        text.push('\n');
    }
    text
}

fn no_segment(channel: &Channel, n: i64, error: SegmentError) -> ApiError {
    let number = &channel.number;
    match error {
        SegmentError::NotOnAir => {
            ApiError::unavailable(&format!("channel {number}"), "it is not on air yet")
        }
        SegmentError::Outside { first, last } => {
            let msg = format!("segment {n} of channel {number} is not in the window");
            let fix = format!("read the playlist again; it lists {first} to {last}");
            ApiError::new(StatusCode::NOT_FOUND, "not_found", &["path", "file"], msg, fix)
        }
        SegmentError::NotReady => {
            ApiError::unavailable(&format!("segment {n} of channel {number}"), "it is not made yet")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_get_their_address_and_the_token() {
        let number: ChannelNumber = "5.1".parse().unwrap();
        let playlist = "#EXTM3U\n#EXTINF:4.0,\n100.ts\n#EXTINF:4.0,\n/x/101.ts\n";
        let expected =
            "#EXTM3U\n#EXTINF:4.0,\n../hls/5.1/100.ts\n#EXTINF:4.0,\n../hls/5.1/101.ts\n";
        assert_eq!(place(playlist, &number, None), expected);
        assert!(place(playlist, &number, Some("a&b")).contains("/100.ts?access_token=a%26b\n"));
    }
}
