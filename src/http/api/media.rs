//! Media: what was found, what can be played, and why the rest cannot.

use axum::extract::State as Has;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::control::{MediaPage, Treated, listed_by};
use crate::domain::query::{Bound, RangeField, Term};
use crate::domain::{
    InvalidField, LibraryId, Media, MediaFilter, MediaId, MediaKind, MediaSort, MediaState,
    MediaStateName, Query as Search,
};
use crate::stream::ffmpeg::{Obstacle, Verdict};

use super::super::error::{ApiError, Problem};
use super::super::extract::{Json, Path, Query};
use super::super::state::State;
use super::search::{bad_query, small};
use super::{stamp, within};

/// What a media item is.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "snake_case", as = MediaKind)]
pub enum KindName {
    /// A film.
    Movie,
    /// An episode of a show.
    Episode,
    /// A music video.
    MusicVideo,
    /// Anything else.
    Other,
}

/// A media item.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Media)]
pub struct MediaView {
    /// Its id.
    id: i64,
    /// Where it comes from: always `local` for now.
    source: &'static str,
    /// Its library.
    library_id: i64,
    /// Absolute path of the file.
    url: String,
    /// Title of the film or the episode.
    title: String,
    /// Plot.
    description: Option<String>,
    /// Length in whole seconds; `null` when it is not known.
    duration: Option<i64>,
    /// Length in milliseconds.
    duration_ms: i64,
    /// What it is.
    #[schema(value_type = KindName)]
    media_type: MediaKind,
    /// Year of release.
    year: Option<u32>,
    /// Age rating.
    content_rating: Option<String>,
    /// Genres.
    genres: Vec<String>,
    /// Show or artist.
    show_title: Option<String>,
    /// Season.
    season_number: Option<u32>,
    /// Episode.
    episode_number: Option<u32>,
    /// Last episode in the file, when there are several.
    episode_end: Option<u32>,
    /// Edition.
    edition: Option<String>,
    /// When it was first seen.
    #[schema(format = DateTime)]
    added_date: String,
    /// `playable`, `corrupt`, `unsupported`, `missing` or `quarantined`.
    state: &'static str,
    /// Why it cannot be played.
    reason: Option<String>,
    /// When a quarantine ends.
    #[schema(format = DateTime)]
    until: Option<String>,
    /// Picture and sound in short, such as `h264 1280x720 25 fps, aac 2 ch`.
    streams: Option<String>,
}

impl From<Media> for MediaView {
    fn from(media: Media) -> Self {
        let streams = streams(&media);
        let (state, reason, until) = match media.state {
            MediaState::Playable => ("playable", None, None),
            MediaState::Corrupt { reason } => ("corrupt", Some(reason), None),
            MediaState::Unsupported { reason } => ("unsupported", Some(reason), None),
            MediaState::Missing => ("missing", Some("the file is not there".to_owned()), None),
            MediaState::Quarantined { reason, until } => {
                ("quarantined", Some(reason), Some(stamp(until)))
            }
        };
        Self {
            id: media.id.0,
            source: "local",
            library_id: media.library.0,
            url: media.path,
            title: media.title,
            description: media.plot,
            duration: (media.duration_ms > 0).then_some((media.duration_ms + 500) / 1000),
            duration_ms: media.duration_ms,
            media_type: media.kind,
            year: media.year,
            content_rating: media.rating,
            genres: media.genres,
            show_title: media.show,
            season_number: media.season,
            episode_number: media.episode,
            episode_end: media.episode_end,
            edition: media.edition,
            added_date: stamp(media.added),
            state,
            reason,
            until,
            streams,
        }
    }
}

fn streams(media: &Media) -> Option<String> {
    let probe = media.probe.as_ref()?;
    let video = probe.video.as_ref().map(|video| {
        let rate = (video.rate.as_f64() * 1000.0).round() / 1000.0;
        format!("{} {}x{} {rate} fps", video.codec, video.width, video.height)
    });
    let audio = probe.audio.iter().map(|audio| format!("{} {} ch", audio.codec, audio.channels));
    let all: Vec<String> = video.into_iter().chain(audio).collect();
    (!all.is_empty()).then(|| all.join(", "))
}

/// Which media are wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct MediaQuery {
    /// Only this library.
    library_id: Option<i64>,
    /// Only this kind: `movie`, `episode`, `music_video` or `other`.
    #[param(value_type = Option<KindName>)]
    media_type: Option<MediaKind>,
    /// Only this state: `playable`, `corrupt`, `unsupported`, `missing` or `quarantined`.
    state: Option<String>,
    /// Only media whose title, show or path holds this text.
    search: Option<String>,
    /// Only what this query of the search language finds, such as `genre:comedy year:1980s`.
    #[param(max_length = 2000)]
    query: Option<String>,
    /// `title`, `created_at` (newest first) or `path`; with a query that says no order itself also
    /// `year` (latest first) or `duration` (longest first), and not `path`.
    sort_by: Option<String>,
    /// How many to leave out at the front.
    #[param(minimum = 0, maximum = 10_000_000, default = 0)]
    skip: Option<i64>,
    /// How many at most.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<i64>,
    /// `true`: answer an object with the total instead of a bare list.
    paginated: bool,
}

/// One page of media.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MediaPage)]
pub struct MediaPageView {
    /// The media of this page.
    items: Vec<MediaView>,
    /// How many there are in all.
    total: u64,
    /// How many were left out at the front.
    skip: i64,
    /// How many were asked for at most.
    limit: i64,
    /// Whether more follow.
    has_more: bool,
}

impl MediaPageView {
    /// What was found behind the first `skip`, of `limit` that were asked for.
    pub(super) fn new(page: MediaPage, skip: i64, limit: i64) -> Self {
        let items: Vec<MediaView> = page.items.into_iter().map(MediaView::from).collect();
        let shown = u64::try_from(skip).unwrap_or(0) + items.len() as u64;
        Self { items, total: page.total, skip, limit, has_more: shown < page.total }
    }
}

/// Either shape of the list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum MediaList {
    /// With `paginated=true`.
    Page(MediaPageView),
    /// Otherwise.
    Bare(Vec<MediaView>),
}

/// Lists media, also those that cannot be played, with the reason.
#[utoipa::path(get, path = "", tag = "media", params(MediaQuery), responses(
    (status = 200, description = "The media: a list, or a page with `paginated=true`", body = MediaList),
    (status = 401, description = "No valid key", body = Problem),
    (status = 422, description = "A query field cannot be taken", body = Problem)))]
pub async fn list(
    Has(state): Has<State>,
    Query(query): Query<MediaQuery>,
) -> Result<Response, ApiError> {
    let skip = within("skip", query.skip, 0, 0..=10_000_000)?;
    let limit = within("limit", query.limit, 100, 1..=1000)?;
    let paginated = query.paginated;
    let page = match &query.query {
        Some(text) => {
            let wanted = asked(text, &query)?;
            state.control.search(&wanted, small(skip), small(limit)).await?
        }
        None => state.control.media(filter(query, skip, limit)?).await?,
    };
    let view = MediaPageView::new(page, skip, limit);
    if !paginated {
        return Ok(Json(MediaList::Bare(view.items)).into_response());
    }
    Ok(Json(MediaList::Page(view)).into_response())
}

/// Reads one media item.
#[utoipa::path(get, path = "", tag = "media", params(("media" = i64, Path, description = "Id of the media item")), responses(
    (status = 200, description = "The media item", body = MediaView),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such media item", body = Problem),
    (status = 422, description = "The id is no number", body = Problem)))]
pub async fn read(
    Has(state): Has<State>,
    Path(id): Path<MediaId>,
) -> Result<Json<MediaView>, ApiError> {
    Ok(Json(state.control.media_item(id).await?.into()))
}

/// Which profile is asked about.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct TreatmentQuery {
    /// Name of a profile; left out: every profile that a channel uses.
    profile: Option<String>,
}

/// What becomes of a media item on one profile, and why.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Treatment)]
pub struct TreatmentView {
    /// Name of the profile.
    profile: String,
    /// What becomes of its picture: `copied`, `encoded`, `absent` (a still stands in) or `unknown`
    /// (it was never probed).
    video: &'static str,
    /// Every reason why its picture is encoded.
    video_reasons: Vec<ReasonView>,
    /// What becomes of its sound, in the same words; `absent` is silence.
    audio: &'static str,
    /// Every reason why its sound is encoded.
    audio_reasons: Vec<ReasonView>,
    /// Which sound track is heard, counted from 0.
    audio_track: Option<usize>,
    /// Which subtitle track becomes part of the picture, counted from 0.
    burned_subtitles: Option<usize>,
}

/// A reason why something is encoded.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Reason)]
pub struct ReasonView {
    /// A stable word for programs.
    code: &'static str,
    /// The same for people.
    text: String,
}

impl From<Treated> for TreatmentView {
    fn from(treated: Treated) -> Self {
        let Treated { profile, copying } = treated;
        let Some(copying) = copying else {
            return Self {
                profile,
                video: "unknown",
                video_reasons: Vec::new(),
                audio: "unknown",
                audio_reasons: Vec::new(),
                audio_track: None,
                burned_subtitles: None,
            };
        };
        let (video, video_reasons) = verdict(copying.video);
        let (audio, audio_reasons) = verdict(copying.audio);
        let (audio_track, burned_subtitles) = (copying.audio_track, copying.burned);
        Self { profile, video, video_reasons, audio, audio_reasons, audio_track, burned_subtitles }
    }
}

fn verdict(verdict: Verdict) -> (&'static str, Vec<ReasonView>) {
    match verdict {
        Verdict::Absent => ("absent", Vec::new()),
        Verdict::Copied => ("copied", Vec::new()),
        Verdict::Encoded(obstacles) => {
            let reason = |obstacle: Obstacle| ReasonView {
                code: obstacle.code(),
                text: obstacle.to_string(),
            };
            ("encoded", obstacles.into_iter().map(reason).collect())
        }
    }
}

/// Says what is copied and what is encoded of a media item, and why, as far as its probe tells.
///
/// Group structure and exact frame times show only while copying; what fails there is encoded.
#[utoipa::path(get, path = "", tag = "media", params(("media" = i64, Path, description = "Id of the media item"), TreatmentQuery), responses(
    (status = 200, description = "One answer a profile", body = [TreatmentView]),
    (status = 401, description = "No valid key", body = Problem),
    (status = 404, description = "No such media item", body = Problem),
    (status = 422, description = "No such profile, or the id is no number", body = Problem)))]
pub async fn treatment(
    Has(state): Has<State>,
    Path(id): Path<MediaId>,
    Query(query): Query<TreatmentQuery>,
) -> Result<Json<Vec<TreatmentView>>, ApiError> {
    let media = state.control.media_item(id).await?;
    let treated = state.control.treatments(&media, query.profile.as_deref()).await?;
    Ok(Json(treated.into_iter().map(TreatmentView::from).collect()))
}

fn filter(query: MediaQuery, skip: i64, limit: i64) -> Result<MediaFilter, ApiError> {
    let sort = match query.sort_by.as_deref() {
        None | Some("title") => MediaSort::Title,
        Some("created_at" | "added_date") => MediaSort::Added,
        Some("path") => MediaSort::Path,
        Some(other) => return Err(unknown("sort_by", other, "title, created_at or path")),
    };
    let state = match query.state.as_deref() {
        None => None,
        Some(name) => Some(known_state(name)?),
    };
    Ok(MediaFilter {
        library: query.library_id.map(LibraryId),
        kind: query.media_type,
        state,
        search: query.search.filter(|text| !text.trim().is_empty()),
        sort,
        limit: u32::try_from(limit).unwrap_or(1000),
        offset: u32::try_from(skip).unwrap_or(0),
    })
}

/// A query with the other conditions of the request.
fn asked(text: &str, others: &MediaQuery) -> Result<Search, ApiError> {
    let mut query = Search::parse(text).map_err(|error| bad_query(&["query", "query"], error))?;
    if others.search.as_ref().is_some_and(|search| !search.trim().is_empty()) {
        let fix = "write the words into \"query\"";
        let field = InvalidField::new("search", "it cannot stand beside a query", fix);
        return Err(ApiError::invalid("query", vec![field]));
    }
    if let Some(id) = others.library_id {
        let id = Some(Bound::At(id));
        query = query.and(Term::Range { field: RangeField::Library, from: id, to: id });
    }
    if let Some(kind) = others.media_type {
        query = query.and(Term::Kind(kind));
    }
    if let Some(name) = &others.state {
        query = query.and(Term::State(known_state(name)?));
    }
    if let Some(sort) = &others.sort_by {
        let known = "title, created_at, year or duration";
        query = query.or_sorted_by(listed_by(sort).ok_or_else(|| unknown("sort_by", sort, known))?);
    }
    Ok(query)
}

fn known_state(name: &str) -> Result<MediaStateName, ApiError> {
    let known = "playable, corrupt, unsupported, missing or quarantined";
    state_named(name).ok_or_else(|| unknown("state", name, known))
}

fn state_named(name: &str) -> Option<MediaStateName> {
    let value = serde::de::value::StrDeserializer::<serde::de::value::Error>::new(name);
    // reason: an unknown name is answered by the caller with the names that exist
    MediaStateName::deserialize(value).ok()
}

fn unknown(field: &str, value: &str, known: &str) -> ApiError {
    let field = InvalidField::new(field, format!("{value:?} is not known"), format!("use {known}"));
    ApiError::invalid("query", vec![field])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_names_what_it_cannot_take() {
        let sort = MediaQuery { sort_by: Some("colour".into()), ..MediaQuery::default() };
        let error = filter(sort, 0, 10).unwrap_err();
        assert_eq!(error.detail()[0].loc, ["query", "sort_by"]);
        let state = MediaQuery { state: Some("corrupt".into()), ..MediaQuery::default() };
        assert_eq!(filter(state, 0, 10).unwrap().state, Some(MediaStateName::Corrupt));
        let state = MediaQuery { state: Some("broken".into()), ..MediaQuery::default() };
        assert_eq!(filter(state, 0, 10).unwrap_err().detail()[0].loc, ["query", "state"]);
    }
}
