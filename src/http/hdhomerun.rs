//! The HDHomeRun face: what Plex, Jellyfin, Emby and Channels DVR find when they look for a tuner.
//!
//! Everything is served twice, at the root (people type `ip:port`) and under `/hdhomerun`, without
//! redirects. Errors carry the device's own codes in `X-HDHomeRun-Error`.

use std::time::Duration;

use axum::extract::{OriginalUri, State as Has};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use serde::Deserialize;
use tokio::time::Instant;
use utoipa::IntoParams;

use crate::control::sessions::Way;
use crate::domain::ChannelId;
use crate::formats::hdhomerun as format;

use super::base::Base;
use super::error::{ApiError, Problem};
use super::extract::{Path, Query};
use super::feeds::{lineup, open_headers};
use super::live::{cannot_join, endless, head_of, numbered};
use super::state::{Lease, State, TunersBusy, Watcher};

const ERROR: HeaderName = HeaderName::from_static("x-hdhomerun-error");
const JSON: &str = "application/json; charset=\"utf-8\"";
const VIA: &str = "hdhomerun";
/// How long a tune waits for another stream of the same client that may just be ending, and how
/// often it looks: a player that changes channels often opens before it closes.
const LEAVES_WITHIN: Duration = Duration::from_millis(500);
const LEAVES_AGAIN: Duration = Duration::from_millis(20);

/// The device.
#[utoipa::path(get, path = "", tag = "hdhomerun", responses(
    (status = 200, description = "The device as HDHomeRun describes itself", content_type = "application/json", body = Object)))]
pub(super) async fn discover(
    Has(state): Has<State>,
    base: Base,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, ApiError> {
    let text = format::discover_json(&device(&state)?, &device_base(&base, uri.path()));
    Ok((open_headers(JSON), text).into_response())
}

/// The channels as JSON.
#[utoipa::path(get, path = "", tag = "hdhomerun", responses(
    (status = 200, description = "One entry a channel", content_type = "application/json", body = [Object]),
    (status = 503, description = "The line-up is not available; never a part of it", body = Problem)))]
pub(super) async fn lineup_json(Has(state): Has<State>, base: Base) -> Result<Response, ApiError> {
    let text = format::lineup_json(&lineup(&state)?, base.as_str());
    Ok((open_headers(JSON), text).into_response())
}

/// The channels as XML.
#[utoipa::path(get, path = "", tag = "hdhomerun", responses(
    (status = 200, description = "One entry a channel", content_type = "application/xml", body = String),
    (status = 503, description = "The line-up is not available; never a part of it", body = Problem)))]
pub(super) async fn lineup_xml(Has(state): Has<State>, base: Base) -> Result<Response, ApiError> {
    let text = format::lineup_xml(&lineup(&state)?, base.as_str());
    Ok((open_headers("application/xml; charset=utf-8"), text).into_response())
}

/// The channels as a playlist.
#[utoipa::path(get, path = "", tag = "hdhomerun", responses(
    (status = 200, description = "One entry a channel", content_type = "application/vnd.apple.mpegurl", body = String),
    (status = 503, description = "The line-up is not available; never a part of it", body = Problem)))]
pub(super) async fn lineup_m3u(Has(state): Has<State>, base: Base) -> Result<Response, ApiError> {
    let text = format::lineup_m3u(&lineup(&state)?, base.as_str());
    Ok((open_headers("application/vnd.apple.mpegurl"), text).into_response())
}

/// Whether a channel scan runs: never, there is nothing to scan.
#[utoipa::path(get, path = "", tag = "hdhomerun", responses(
    (status = 200, description = "The state of the scan", content_type = "application/json", body = Object)))]
pub(super) async fn lineup_status() -> Response {
    (open_headers(JSON), format::lineup_status_json()).into_response()
}

/// What a client may tell the line-up.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct LineupPost {
    /// `start` or `abort`; done at once, there is nothing to scan.
    scan: Option<String>,
    /// `+N`, `-N` or `xN`; taken and forgotten.
    favorite: Option<String>,
}

/// Takes what clients ask of a channel scan.
#[utoipa::path(post, path = "", tag = "hdhomerun", params(LineupPost), responses(
    (status = 200, description = "Done"),
    (status = 400, description = "Neither a scan nor a favourite", body = Problem)))]
pub(super) async fn lineup_post(Query(query): Query<LineupPost>) -> Result<StatusCode, ApiError> {
    let scan = query.scan.as_deref();
    let favorite = query.favorite.is_some_and(|text| text.starts_with(['+', '-', 'x', ' ']));
    if favorite || matches!(scan, Some("start" | "abort")) {
        return Ok(StatusCode::OK);
    }
    let msg = "neither a scan nor a favourite was asked for";
    let fix = "use scan=start, scan=abort or favorite=+N";
    Err(ApiError::new(StatusCode::BAD_REQUEST, "invalid", &["query", "scan"], msg, fix))
}

/// What each tuner does.
#[utoipa::path(get, path = "", tag = "hdhomerun", responses(
    (status = 200, description = "One entry a tuner", content_type = "application/json", body = [Object])))]
pub(super) async fn status(Has(state): Has<State>) -> Response {
    let lineup = state.control.lineup().unwrap_or_default();
    let tuners = state.tuners.tuners().into_iter().map(|tuner| {
        let Some(id) = tuner.channel else { return format::TunerUse::Idle };
        let channel = lineup.iter().find(|channel| channel.id == id);
        format::TunerUse::Tuned {
            number: channel.map_or_else(String::new, |channel| channel.number.to_string()),
            name: channel.map_or_else(String::new, |channel| channel.name.clone()),
            client: tuner.client.map_or_else(String::new, |ip| ip.to_string()),
        }
    });
    let tuners: Vec<format::TunerUse> = tuners.collect();
    (open_headers(JSON), format::status_json(&tuners)).into_response()
}

/// The `UPnP` description of the device.
#[utoipa::path(get, path = "", tag = "hdhomerun", responses(
    (status = 200, description = "The description", content_type = "application/xml", body = String)))]
pub(super) async fn device_xml(
    Has(state): Has<State>,
    base: Base,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, ApiError> {
    let text = format::device_xml(&device(&state)?, &device_base(&base, uri.path()));
    Ok((open_headers("application/xml; charset=utf-8"), text).into_response())
}

/// What a client may add when it tunes; anything else is left aside.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct TuneQuery {
    /// Channel for `/tuner{n}/stream`: `auto:v7`, `v7` or `7`.
    channel: Option<String>,
    /// The same under another name.
    url: Option<String>,
    /// Seconds after which the stream ends; without it, never.
    #[param(minimum = 1)]
    duration: Option<u64>,
}

/// Tunes any free tuner to a channel.
#[utoipa::path(get, path = "", tag = "hdhomerun", extensions(("x-endless" = json!(true))),
    params(("vnum" = String, Path, description = "`v` and the channel number, such as `v7` or `v5.1`"), TuneQuery),
    responses(
        (status = 200, description = "An endless MPEG transport stream", content_type = "video/mp2t", body = [u8]),
        (status = 401, description = "No valid access token", body = Problem),
        (status = 404, description = "No such channel (801)", body = Problem),
        (status = 503, description = "All tuners in use (805)", body = Problem)))]
pub(super) async fn auto(
    Has(state): Has<State>,
    watcher: Watcher,
    Path(vnum): Path<String>,
    Query(query): Query<TuneQuery>,
) -> Result<Response, ApiError> {
    tune(&state, &watcher, None, &vnum, query.duration).await
}

/// Says what [`auto`] would answer with, and starts nothing.
#[utoipa::path(head, path = "", tag = "hdhomerun",
    params(("vnum" = String, Path, description = "`v` and the channel number")),
    responses(
        (status = 200, description = "The channel exists; nothing was started"),
        (status = 401, description = "No valid access token"),
        (status = 404, description = "No such channel (801)")))]
pub(super) async fn auto_head(
    Has(state): Has<State>,
    Path(vnum): Path<String>,
) -> Result<Response, ApiError> {
    known(&state, &vnum)?;
    Ok(head_of("video/mp2t"))
}

/// Tunes one tuner: `/tuner{n}/v{number}`, or `/tuner{n}/stream?channel=…`.
#[utoipa::path(get, path = "", tag = "hdhomerun", extensions(("x-endless" = json!(true))),
    params(("tuner" = String, Path, description = "`tuner` and its number from 0, such as `tuner0`"),
           ("vnum" = String, Path, description = "`v` and the channel number, or `stream`"), TuneQuery),
    responses(
        (status = 200, description = "An endless MPEG transport stream", content_type = "video/mp2t", body = [u8]),
        (status = 400, description = "`stream` without a channel", body = Problem),
        (status = 401, description = "No valid access token", body = Problem),
        (status = 404, description = "No such tuner or channel (801)", body = Problem),
        (status = 503, description = "The tuner is in use (805)", body = Problem)))]
pub(super) async fn tuner(
    Has(state): Has<State>,
    watcher: Watcher,
    Path((tuner, vnum)): Path<(String, String)>,
    Query(query): Query<TuneQuery>,
) -> Result<Response, ApiError> {
    let number = wanted_tuner(&state, &tuner, &vnum)?;
    if vnum != "stream" {
        return tune(&state, &watcher, Some(number), &vnum, query.duration).await;
    }
    let Some(channel) = query.channel.or(query.url) else {
        let fix = "add ?channel=v7 with the number of a channel";
        let loc = ["query", "channel"];
        let msg = "no channel was named";
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "missing", &loc, msg, fix));
    };
    tune(&state, &watcher, Some(number), &channel, query.duration).await
}

/// Says what [`tuner`] would answer with, and starts nothing.
#[utoipa::path(head, path = "", tag = "hdhomerun",
    params(("tuner" = String, Path, description = "`tuner` and its number from 0"),
           ("vnum" = String, Path, description = "`v` and the channel number"), TuneQuery),
    responses(
        (status = 200, description = "The channel exists; nothing was started"),
        (status = 401, description = "No valid access token"),
        (status = 404, description = "No such tuner or channel (801)")))]
pub(super) async fn tuner_head(
    Has(state): Has<State>,
    Path((tuner, vnum)): Path<(String, String)>,
    Query(query): Query<TuneQuery>,
) -> Result<Response, ApiError> {
    wanted_tuner(&state, &tuner, &vnum)?;
    let channel = match vnum.as_str() {
        "stream" => query.channel.or(query.url).unwrap_or_default(),
        _ => vnum,
    };
    known(&state, &channel)?;
    Ok(head_of("video/mp2t"))
}

/// The tuner's number, if this device has it.
fn wanted_tuner(state: &State, tuner: &str, vnum: &str) -> Result<u32, ApiError> {
    let has = state.control.device().tuner_count;
    let number = tuner_number(tuner).filter(|number| *number < has);
    number.ok_or_else(|| ApiError::not_found(&format!("/{tuner}/{vnum}")))
}

async fn tune(
    state: &State,
    watcher: &Watcher,
    wanted: Option<u32>,
    name: &str,
    seconds: Option<u64>,
) -> Result<Response, ApiError> {
    let channel = known(state, name)?;
    let lease = claim(state, watcher, wanted, channel.id).await?;
    let viewer = state.control.tuning().join(channel.id, watcher.via(VIA));
    let viewer = viewer.map_err(|error| {
        cannot_join(&channel, error).with_header(ERROR, "805 All Tuners In Use")
    })?;
    // Held by the session, not by the answer: an answer that nobody takes stands for a while.
    viewer.hold(lease);
    watcher.hangup.when(viewer.cut());
    let mut response = match seconds {
        Some(seconds) => {
            let over = Box::pin(tokio::time::sleep(Duration::from_secs(seconds)));
            endless(viewer.take_until(over), &state.stop)
        }
        None => endless(viewer, &state.stop),
    };
    let mode = HeaderName::from_static("transfermode.dlna.org");
    response.headers_mut().insert(mode, HeaderValue::from_static("Streaming"));
    Ok(response)
}

/// Takes a tuner; when none is free, in place of a stream that the same client left or is leaving.
async fn claim(
    state: &State,
    watcher: &Watcher,
    wanted: Option<u32>,
    channel: ChannelId,
) -> Result<Lease, ApiError> {
    let give_up = Instant::now() + LEAVES_WITHIN;
    loop {
        let claimed = state.tuners.claim(wanted, channel, watcher.ip, state.now());
        let Err(TunersBusy) = claimed else { return claimed.map_err(|_| busy(state, wanted)) };
        let on = match wanted {
            Some(wanted) => {
                let tuners = state.tuners.tuners();
                let seat = tuners.iter().find(|tuner| tuner.tuner == wanted);
                // One that was given back since needs no way made.
                let Some(tuner) = seat.filter(|tuner| tuner.channel.is_some()) else { continue };
                if tuner.client != Some(watcher.ip) {
                    return Err(busy(state, Some(wanted)));
                }
                tuner.channel
            }
            None => None,
        };
        match state.control.make_way(&watcher.via(VIA), on) {
            Way::Made => {}
            Way::Soon if Instant::now() < give_up => tokio::time::sleep(LEAVES_AGAIN).await,
            Way::Soon | Way::None => return Err(busy(state, wanted)),
        }
    }
}

/// The device's error 805.
fn busy(state: &State, wanted: Option<u32>) -> ApiError {
    let msg = match wanted {
        Some(tuner) => format!("tuner {tuner} is in use"),
        None => "all tuners are in use".to_owned(),
    };
    let fix = "stop another stream, or raise hdhomerun.tuner_count";
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "tuners_busy", &["server"], msg, fix)
        .with_limit(state.control.device().tuner_count)
        .with_header(ERROR, "805 All Tuners In Use")
}

/// The channel a client means, or the device's error 801.
fn known(state: &State, name: &str) -> Result<std::sync::Arc<crate::domain::Channel>, ApiError> {
    numbered(state, number_in(name)).map_err(|error| match error.status() {
        StatusCode::NOT_FOUND => error.with_header(ERROR, "801 Unknown Channel"),
        _ => error,
    })
}

/// `v7`, `auto:v7`, `auto/v7` and `7` all mean channel 7.
fn number_in(name: &str) -> &str {
    let name = name.strip_prefix("auto:").or_else(|| name.strip_prefix("auto/")).unwrap_or(name);
    name.strip_prefix('v').unwrap_or(name)
}

fn tuner_number(name: &str) -> Option<u32> {
    let digits = name.strip_prefix("tuner")?;
    let plain = digits == "0" || !digits.starts_with(['0', '+']);
    digits.parse().ok().filter(|_| plain)
}

fn device(state: &State) -> Result<format::Device, ApiError> {
    let device = state.control.device();
    let device_id = device.device_id.parse();
    Ok(format::Device {
        device_id: device_id
            .map_err(|error| ApiError::internal("reading the device id", &error))?,
        device_auth: device.device_auth,
        friendly_name: device.friendly_name,
        tuner_count: u8::try_from(device.tuner_count).unwrap_or(u8::MAX),
    })
}

/// Below which address the device's documents are: where it was asked.
fn device_base(base: &Base, path: &str) -> String {
    if path.starts_with("/hdhomerun/") {
        return format!("{}/hdhomerun", base.as_str());
    }
    base.as_str().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_named_in_four_ways() {
        for name in ["v5.1", "auto:v5.1", "auto/v5.1", "5.1"] {
            assert_eq!(number_in(name), "5.1");
        }
    }

    #[test]
    fn a_tuner_has_one_spelling() {
        assert_eq!(tuner_number("tuner0"), Some(0));
        assert_eq!(tuner_number("tuner12"), Some(12));
        for bad in ["tuner", "tuner+1", "tuner01", "1", "tunerx", "Tuner1"] {
            assert_eq!(tuner_number(bad), None, "{bad}");
        }
    }

    #[tokio::test]
    async fn a_scan_is_taken_and_nonsense_is_not() {
        let post = |scan: &str, favorite: Option<&str>| {
            let query =
                LineupPost { scan: Some(scan.to_owned()), favorite: favorite.map(str::to_owned) };
            lineup_post(Query(query))
        };
        assert!(post("start", None).await.is_ok());
        assert!(post("abort", None).await.is_ok());
        assert!(post("", Some("+7")).await.is_ok());
        assert_eq!(post("now", None).await.unwrap_err().status(), 400);
    }
}
