//! HLS: playlists of a channel and what they name, made to be cached.
//!
//! The name of a segment says what its bytes are (see [`crate::stream::SegmentName`]), so a cache
//! in front keeps it for ever and may be shared between servers; a playlist is good for a second.
//! With that a proxy carries any number of viewers with one request a segment. An address whose
//! segment shows something else by now leads to the new name instead of giving other bytes.
//!
//! Asking is free: HEAD and OPTIONS start nothing, and neither does a copy that is still good.

mod file;

use std::hash::Hasher;

use axum::body::Bytes;
use axum::extract::{RawQuery, State as Has};
use axum::http::header::{
    ACCEPT_RANGES, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, CACHE_CONTROL, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
    IF_RANGE, LOCATION, RANGE,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::domain::{AudioCodec, Channel, ChannelNumber};
use crate::stream::fnv::Fnv;
use crate::stream::texts::{Language, TextError, TextName};
use crate::stream::{Form, InitName, PlaylistError, SegmentError, SegmentName, Wish};

use self::file::{File, kind_of};
use super::auth::Caller;
use super::error::{ApiError, Problem};
use super::extract::Path;
use super::live::{TS, cannot_join, numbered};
use super::range::Asked;
use super::state::{State, Watcher};

/// The media type of a playlist.
pub(super) const PLAYLIST: &str = "application/vnd.apple.mpegurl";
const VTT: &str = "text/vtt; charset=utf-8";
const MP4: &str = "video/mp4";

/// How long a cache may keep an answer.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// A slate that stood in for media: others need not have it like that.
const A_WHILE: &str = "public, max-age=10";
/// A playlist, which gets a segment every few seconds.
const A_SECOND: &str = "public, max-age=1";
const NEVER: &str = "no-store";

/// Documents an address that shares its route with the stream.
#[utoipa::path(get, path = "/iptv/channel/{number}.m3u8", tag = "streams", operation_id = "streams_hls",
    params(("number" = String, Path, description = "Channel number such as 7 or 5.1"),
           ("access_token" = Option<String>, Query, description = "Needed when keys are required")),
    responses(
        (status = 200, description = "A live HLS playlist, good for a second", content_type = "application/vnd.apple.mpegurl", body = String),
        (status = 304, description = "Nothing changed since"),
        (status = 401, description = "No valid access token", body = Problem),
        (status = 404, description = "No such channel", body = Problem),
        (status = 429, description = "The user watches as many streams as one user may", body = Problem),
        (status = 503, description = "Too many viewers, or the server is starting or stopping", body = Problem)))]
#[expect(dead_code, reason = "it carries the documentation of an address, nothing calls it")]
pub(super) fn hls_document() {}

/// Gives the playlist of a channel, for an address outside its HLS folder.
pub(super) async fn playlist(
    state: &State,
    channel: &Channel,
    watcher: &Watcher,
    caller: &Caller,
    query: Option<&str>,
    asked: &HeaderMap,
) -> Result<Response, ApiError> {
    let folder = format!("../hls/{}/", channel.number);
    let place = Place { folder, query: query_of(caller) };
    live(state, channel, watcher, &place, Form::Plain, query, asked).await
}

/// A file of a channel's HLS: a playlist, or a segment whose name says what its bytes are.
#[utoipa::path(get, path = "", tag = "streams",
    params(("number" = String, Path, description = "Channel number"),
           ("file" = String, Path, description = "`live.m3u8`, `low.m3u8` (low latency), `master.m3u8` and `master-low.m3u8` (which name these), `texts-{language}.m3u8` (subtitles), `sound-{language}.m3u8` (sound in another language), `{n}-{print}.ts`, `{n}.{part}-{print}.ts`, `{n}-{language}-{print}.vtt` (or `.aac`, `.ac3`), and of fragmented MP4 `{n}-{print}.m4s` and `init-{print}.mp4`, as a playlist names them, or `{n}.ts`"),
           ("_HLS_msn" = Option<i64>, Query, description = "Of a playlist: wait until it holds this segment"),
           ("_HLS_part" = Option<u32>, Query, description = "… or this part of it"),
           ("access_token" = Option<String>, Query, description = "Needed when keys are required")),
    responses(
        (status = 200, description = "A playlist, or a segment that never changes", content_type = "video/mp2t", body = [u8]),
        (status = 206, description = "The asked-for part of a segment", content_type = "video/mp2t", body = [u8]),
        (status = 302, description = "The segment shows something else by now, under this name"),
        (status = 304, description = "The client's copy is good"),
        (status = 400, description = "That segment is too far ahead to be waited for", body = Problem),
        (status = 401, description = "No valid access token", body = Problem),
        (status = 404, description = "No such channel, or not in the window", body = Problem),
        (status = 416, description = "The segment is shorter than that"),
        (status = 503, description = "The media is not ready yet", body = Problem)))]
pub(super) async fn file(
    Has(state): Has<State>,
    watcher: Watcher,
    caller: Caller,
    Path((number, file)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    asked: HeaderMap,
) -> Response {
    let answer = async {
        let channel = numbered(&state, &number)?;
        let place = Place { folder: String::new(), query: query_of(&caller) };
        match found(&file)? {
            File::Live(form) => {
                live(&state, &channel, &watcher, &place, form, query.as_deref(), &asked).await
            }
            File::Master(form) => {
                let master = state.control.tuning().master(channel.id, form).await;
                let master = master.ok_or_else(|| not_on_air(&channel))?;
                Ok(listing(&place.fill(&master), &asked))
            }
            File::Segment(name) => segment(&state, &channel, name, &place, &asked).await,
            File::Texts(language) => {
                let (tuning, wish) = (state.control.tuning(), wish(query.as_deref())?);
                let who = watcher.via("hls");
                let playlist = tuning.texts_playlist(channel.id, who, &language, wish).await;
                let playlist = playlist.map_err(|error| no_playlist(&channel, error))?;
                Ok(listing(&place.fill(&playlist), &asked))
            }
            File::Text(name) => text_segment(&state, &channel, &name, &place, &asked),
            File::Numbered(n) => {
                let name = state.control.tuning().segment_name(channel.id, n);
                let name = name.map_err(|error| no_segment(&channel, n, error))?;
                Ok(moved(&name.to_string(), &place))
            }
            File::Voice(Language(language)) => {
                let (tuning, wish) = (state.control.tuning(), wish(query.as_deref())?);
                let who = watcher.via("hls");
                let known =
                    language.ok_or_else(|| no_playlist(&channel, PlaylistError::NoTexts))?;
                let playlist = tuning.voice_playlist(channel.id, who, &known, wish).await;
                let playlist = playlist.map_err(|error| no_playlist(&channel, error))?;
                Ok(listing(&place.fill(&playlist), &asked))
            }
            File::Sound(ref name, codec) => {
                sound(&state, &channel, name, codec, found(&file)?.kind(), &place, &asked).await
            }
            File::Init(name) => init(&state, &channel, name, &asked).await,
        }
    };
    open(answer.await)
}

/// Says what a file would be, and makes nothing.
#[utoipa::path(head, path = "", tag = "streams",
    params(("number" = String, Path, description = "Channel number"),
           ("file" = String, Path, description = "As for GET")),
    responses(
        (status = 200, description = "There is such a file, or will be; nothing was started"),
        (status = 401, description = "No valid access token"),
        (status = 404, description = "No such channel or file")))]
pub(super) async fn file_head(
    Has(state): Has<State>,
    Path((number, file)): Path<(String, String)>,
) -> Response {
    let answer = numbered(&state, &number).and_then(|_| {
        let file = found(&file)?;
        let lasts =
            matches!(file, File::Segment(_) | File::Text(_) | File::Sound(..) | File::Init(_));
        let caching = if lasts { FOR_EVER } else { NEVER };
        let mut headers = headers(file.kind(), caching);
        if let File::Segment(name) = file {
            put(&mut headers, ETAG, &segment_tag(name));
            headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        }
        // Without a length: it would say 0.
        let nothing = futures_util::stream::empty::<Result<Bytes, std::convert::Infallible>>();
        Ok((headers, axum::body::Body::from_stream(nothing)).into_response())
    });
    open(answer)
}

/// Where the files of a playlist are, seen from the playlist.
struct Place {
    folder: String,
    query: String,
}

impl Place {
    fn of(&self, name: &str) -> String {
        format!("{}{name}{}", self.folder, self.query)
    }

    /// Gives the files that a playlist names their addresses.
    fn fill(&self, playlist: &str) -> String {
        let mut text = String::with_capacity(playlist.len() + 1_000);
        for line in playlist.lines() {
            match line.split_once("URI=\"").map(|(head, rest)| (head, rest.split_once('"'))) {
                Some((head, Some((name, rest)))) => {
                    text.push_str(&format!("{head}URI=\"{}\"{rest}", self.of(name)));
                }
                Some((_, None)) | None if line.is_empty() || line.starts_with('#') => {
                    text.push_str(line);
                }
                Some((_, None)) | None => text.push_str(&self.of(line)),
            }
            text.push('\n');
        }
        text
    }
}

fn query_of(caller: &Caller) -> String {
    caller.token.as_deref().map_or_else(String::new, |token| {
        let token: String = form_urlencoded::byte_serialize(token.as_bytes()).collect();
        format!("?access_token={token}")
    })
}

async fn live(
    state: &State,
    channel: &Channel,
    watcher: &Watcher,
    place: &Place,
    form: Form,
    query: Option<&str>,
    asked: &HeaderMap,
) -> Result<Response, ApiError> {
    let wish = wish(query)?;
    let tuning = state.control.tuning();
    match tuning.playlist(channel.id, watcher.via("hls"), form, wish).await {
        Ok(playlist) => Ok(listing(&place.fill(&playlist), asked)),
        Err(error) => Err(no_playlist(channel, error)),
    }
}

fn no_playlist(channel: &Channel, error: PlaylistError) -> ApiError {
    let what = format!("channel {}", channel.number);
    match error {
        PlaylistError::Join(error) => cannot_join(channel, error),
        PlaylistError::NotYet => ApiError::unavailable(&what, "its first segment is not made yet"),
        PlaylistError::NoTexts => ApiError::not_found(&format!("{what} in that language")),
        PlaylistError::Late => ApiError::unavailable(&what, "what was waited for is not made yet"),
        PlaylistError::TooFar { newest } => {
            let msg = format!("only segments up to {newest} may be waited for");
            bad_wish(msg, &format!("ask for {newest} at most, or without _HLS_msn"))
        }
    }
}

/// Answers with a playlist, or says that the client's copy is good.
fn listing(text: &str, asked: &HeaderMap) -> Response {
    let mut print = Fnv::default();
    print.write(text.as_bytes());
    // Weak, because the bytes differ when they are sent compressed.
    let tag = format!("W/\"{:016x}\"", print.finish());
    let mut headers = headers(PLAYLIST, A_SECOND);
    put(&mut headers, ETAG, &tag);
    if is_known(asked, &tag) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, text.to_owned()).into_response()
}

/// What a reader of playlists waits for.
fn wish(query: Option<&str>) -> Result<Option<Wish>, ApiError> {
    let (mut segment, mut part) = (None, None);
    for (key, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        let what = match &*key {
            "_HLS_msn" => value.parse().map(|n| segment = Some(n)).is_ok(),
            "_HLS_part" => value.parse().map(|n| part = Some(n)).is_ok(),
            _ => true,
        };
        if !what {
            let msg = format!("{key} is not a number that can be waited for");
            return Err(bad_wish(msg, "write a segment's number, or leave it out"));
        }
    }
    match (segment, part) {
        (Some(segment), part) => Ok(Some(Wish { segment, part })),
        (None, None) => Ok(None),
        (None, Some(_)) => {
            let msg = "_HLS_part needs _HLS_msn beside it".to_owned();
            Err(bad_wish(msg, "say of which segment it is a part"))
        }
    }
}

fn bad_wish(msg: String, fix: &str) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "value_error", &["query", "_HLS_msn"], msg, fix)
}

async fn segment(
    state: &State,
    channel: &Channel,
    name: SegmentName,
    place: &Place,
    asked: &HeaderMap,
) -> Result<Response, ApiError> {
    let tag = segment_tag(name);
    let mut headers = headers(kind_of(name.container), FOR_EVER);
    put(&mut headers, ETAG, &tag);
    if is_known(asked, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    let segment = match state.control.tuning().segment(channel.id, name).await {
        Ok(segment) => segment,
        Err(SegmentError::Renamed(name)) => return Ok(moved(&name.to_string(), place)),
        Err(error) => return Err(no_segment(channel, name.n, error)),
    };
    if segment.stands_in {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(A_WHILE));
    }
    Ok(part(headers, segment.bytes, asked, &tag))
}

async fn init(
    state: &State,
    channel: &Channel,
    name: InitName,
    asked: &HeaderMap,
) -> Result<Response, ApiError> {
    let tag = format!("\"{:016x}\"", name.0);
    let mut headers = headers(MP4, FOR_EVER);
    put(&mut headers, ETAG, &tag);
    if is_known(asked, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    match state.control.tuning().init_segment(channel.id, name).await {
        Ok(bytes) => Ok(part(headers, bytes, asked, &tag)),
        Err(error) => Err(no_init(channel, name, error)),
    }
}

async fn sound(
    state: &State,
    channel: &Channel,
    name: &TextName,
    codec: AudioCodec,
    kind: &'static str,
    place: &Place,
    asked: &HeaderMap,
) -> Result<Response, ApiError> {
    let tag = format!("\"{:016x}\"", name.print);
    let mut headers = headers(kind, FOR_EVER);
    put(&mut headers, ETAG, &tag);
    if is_known(asked, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    // Names outlive what a profile says of sound: an old one leads to how it is coded now.
    let spoken = state.control.tuning().sound_codec(channel.id);
    let spoken = spoken.ok_or_else(|| not_on_air(channel))?;
    if codec != spoken {
        return Ok(moved(&format!("{name}.{}", spoken.as_str()), place));
    }
    match state.control.tuning().voice_segment(channel.id, name).await {
        Ok(bytes) => Ok(part(headers, bytes, asked, &tag)),
        Err(TextError::Renamed(name)) => Ok(moved(&format!("{name}.{}", codec.as_str()), place)),
        Err(TextError::Segment(error)) => Err(no_segment(channel, name.n, error)),
        Err(TextError::NoTexts) => Err(no_playlist(channel, PlaylistError::NoTexts)),
    }
}

fn text_segment(
    state: &State,
    channel: &Channel,
    name: &TextName,
    place: &Place,
    asked: &HeaderMap,
) -> Result<Response, ApiError> {
    let tag = format!("\"{:016x}\"", name.print);
    let mut headers = headers(VTT, FOR_EVER);
    put(&mut headers, ETAG, &tag);
    if is_known(asked, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    match state.control.tuning().texts_segment(channel.id, name) {
        Ok(body) => Ok(part(headers, Bytes::from(body), asked, &tag)),
        Err(TextError::Renamed(name)) => Ok(moved(&format!("{name}.vtt"), place)),
        Err(TextError::Segment(error)) => Err(no_segment(channel, name.n, error)),
        Err(TextError::NoTexts) => Err(no_playlist(channel, PlaylistError::NoTexts)),
    }
}

/// Answers with `bytes`, or with the range of them that is asked for.
fn part(mut headers: HeaderMap, bytes: Bytes, asked: &HeaderMap, tag: &str) -> Response {
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    let of_this = text(asked, IF_RANGE).is_none_or(|known| known == tag);
    let range = text(asked, RANGE).filter(|_| of_this);
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    match range.map_or(Asked::All, |range| Asked::of(range, length)) {
        Asked::All => (headers, bytes).into_response(),
        Asked::Part(range) => {
            let place = format!("bytes {}-{}/{length}", range.start, range.end - 1);
            put(&mut headers, CONTENT_RANGE, &place);
            // It lies within the length, which is one of memory.
            let within = |at: u64| usize::try_from(at).unwrap_or(bytes.len());
            let piece = bytes.slice(within(range.start)..within(range.end));
            (StatusCode::PARTIAL_CONTENT, headers, piece).into_response()
        }
        Asked::Beyond => {
            put(&mut headers, CONTENT_RANGE, &format!("bytes */{length}"));
            headers.insert(CACHE_CONTROL, HeaderValue::from_static(NEVER));
            (StatusCode::RANGE_NOT_SATISFIABLE, headers).into_response()
        }
    }
}

fn found(file: &str) -> Result<File, ApiError> {
    File::named(file).ok_or_else(|| {
        let shown: String = file.chars().take(60).collect();
        ApiError::not_found(&format!("{shown:?}"))
    })
}

/// Leads to the present name of a segment.
fn moved(name: &str, place: &Place) -> Response {
    let mut headers = headers(TS, NEVER);
    headers.remove(CONTENT_TYPE);
    put(&mut headers, LOCATION, &format!("{name}{}", place.query));
    (StatusCode::FOUND, headers).into_response()
}

fn segment_tag(name: SegmentName) -> String {
    format!("\"{:016x}\"", name.print)
}

/// The headers of every answer: open to players on foreign pages.
///
/// Nothing in here tells a proxy not to buffer: one that may not buffer does not cache either.
fn headers(kind: &'static str, caching: &'static str) -> HeaderMap {
    let fixed = [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, caching),
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, OPTIONS"),
        (ACCESS_CONTROL_EXPOSE_HEADERS, "Age, Content-Length, Content-Range, Date, ETag"),
        (HeaderName::from_static("timing-allow-origin"), "*"),
        (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
    ];
    fixed.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value))).collect()
}

/// Lets players on foreign pages see why there is nothing, and keeps that out of caches.
fn open(answer: Result<Response, ApiError>) -> Response {
    answer.unwrap_or_else(|error| {
        let mut response = error.into_response();
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(NEVER));
        response
    })
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

/// Whether the client says that it has this.
fn is_known(asked: &HeaderMap, tag: &str) -> bool {
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    text(asked, IF_NONE_MATCH)
        .is_some_and(|tags| tags.split(',').any(|t| t.trim() == "*" || bare(t) == bare(tag)))
}

fn not_on_air(channel: &Channel) -> ApiError {
    ApiError::unavailable(&format!("channel {}", channel.number), "it is not on air yet")
}

fn no_init(channel: &Channel, name: InitName, error: SegmentError) -> ApiError {
    let what = format!("{name} of channel {}", channel.number);
    match error {
        SegmentError::NotOnAir => not_on_air(channel),
        SegmentError::NotReady | SegmentError::Renamed(_) => {
            ApiError::unavailable(&what, "what begins like that cannot be read yet")
        }
        SegmentError::Unknown | SegmentError::Outside { .. } => ApiError::not_found(&what),
    }
}

fn no_segment(channel: &Channel, n: i64, error: SegmentError) -> ApiError {
    let number: &ChannelNumber = &channel.number;
    match error {
        SegmentError::NotOnAir => not_on_air(channel),
        SegmentError::Outside { first, last } => {
            let msg = format!("segment {n} of channel {number} is not in the window");
            let fix = format!("read the playlist again; it lists {first} to {last}");
            ApiError::new(StatusCode::NOT_FOUND, "not_found", &["path", "file"], msg, fix)
        }
        SegmentError::Unknown => ApiError::not_found(&format!("segment {n} of channel {number}")),
        SegmentError::Renamed(_) | SegmentError::NotReady => {
            ApiError::unavailable(&format!("segment {n} of channel {number}"), "it is not made yet")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_get_their_address_and_the_token() {
        let place = |query: &str| Place { folder: "../hls/5.1/".to_owned(), query: query.into() };
        let playlist = "#EXTM3U\n#EXT-X-PART:URI=\"a.ts\",DURATION=1\n#EXTINF:4.0,\n100.ts\n";
        let expected = "#EXTM3U\n#EXT-X-PART:URI=\"../hls/5.1/a.ts\",DURATION=1\n#EXTINF:4.0,\n\
            ../hls/5.1/100.ts\n";
        assert_eq!(place("").fill(playlist), expected);
        let caller = Caller { token: Some("a&b".to_owned()), ..Caller::default() };
        let filled = place(&query_of(&caller)).fill(playlist);
        assert!(filled.contains("/a.ts?access_token=a%26b\"") && filled.contains("/100.ts?access"));
    }

    #[test]
    fn a_wish_names_a_segment_and_perhaps_a_part() {
        let read = |query| wish(Some(query)).map_err(|_| ());
        assert_eq!(read("access_token=a"), Ok(None));
        assert_eq!(read("_HLS_msn=7"), Ok(Some(Wish { segment: 7, part: None })));
        assert_eq!(read("_HLS_msn=7&_HLS_part=2"), Ok(Some(Wish { segment: 7, part: Some(2) })));
        for bad in ["_HLS_part=2", "_HLS_msn=x", "_HLS_msn=7&_HLS_part=-1"] {
            assert_eq!(read(bad), Err(()), "{bad}");
        }
    }

    #[test]
    fn a_copy_that_is_good_is_known_by_any_of_its_tags() {
        let known = |value: &str| {
            let mut asked = HeaderMap::new();
            put(&mut asked, IF_NONE_MATCH, value);
            is_known(&asked, "\"a\"")
        };
        assert!(known("\"a\"") && known("\"b\", W/\"a\"") && known("*"));
        assert!(!known("\"b\"") && !is_known(&HeaderMap::new(), "\"a\""));
    }
}
