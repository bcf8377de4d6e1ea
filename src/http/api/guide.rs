//! The guide as JSON, what its last build found, and a build at once.

use axum::extract::State as Has;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use crate::control::guide::GuideState;
use crate::domain::{Actor, LineupChannel, MediaKind, Programme, Showing, UtcMillis};

use super::super::error::{ApiError, Problem};
use super::super::extract::{Json, Query};
use super::super::state::State;
use super::{stamp, within};

/// Which part of the guide is wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct GuideQuery {
    /// Where it begins, RFC 3339; now when left out.
    from: Option<String>,
    /// How many hours of it, 1–48; 3 when left out.
    hours: Option<i64>,
    /// Only this channel.
    channel_id: Option<i64>,
    /// How many channels at most, 1–1000; 200 when left out.
    limit: Option<i64>,
    /// How many channels to leave out at the front.
    offset: Option<i64>,
}

/// A part of the guide.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Guide)]
pub struct GuideView {
    /// The server's time.
    #[schema(format = DateTime)]
    now: String,
    /// Where this part begins.
    #[schema(format = DateTime)]
    from: String,
    /// Where it ends.
    #[schema(format = DateTime)]
    to: String,
    /// How many channels there are in all.
    total_channels: usize,
    /// The channels in order of number.
    channels: Vec<GuideChannel>,
}

/// A channel of the guide.
#[derive(Debug, Serialize, ToSchema)]
pub struct GuideChannel {
    /// Its id.
    id: i64,
    /// The id that XMLTV and playlist have for it.
    guide_id: String,
    /// Its number.
    number: String,
    /// Its name.
    name: String,
    /// Its group.
    group: Option<String>,
    /// The address of its logo.
    logo: Option<String>,
    /// What it shows, in order, without a hole as far as it is planned.
    programmes: Vec<GuideProgramme>,
}

/// A programme of the guide, as XMLTV has it.
#[derive(Debug, Serialize, ToSchema)]
pub struct GuideProgramme {
    /// When it begins.
    #[schema(format = DateTime)]
    start_time: String,
    /// When it ends.
    #[schema(format = DateTime)]
    finish_time: String,
    /// The film, the show, or what else one looks for.
    title: String,
    /// The episode, the edition, the artist.
    episode_title: Option<String>,
    /// Some words about it.
    description: String,
    /// Season.
    season: Option<u32>,
    /// Episode.
    episode: Option<u32>,
    /// Year of release.
    year: Option<u32>,
    /// Genres.
    genres: Vec<String>,
    /// Age rating.
    rating: Option<String>,
    /// `movie`, `episode`, `music_video`, `live` or `other`; `null` when nothing is planned.
    #[schema(value_type = Option<String>)]
    kind: Option<MediaKind>,
    /// Whether this is a first showing.
    is_new: bool,
    /// How it was liked, of 10.
    stars: Option<f32>,
    /// Who directed it.
    directors: Vec<String>,
    /// Who is in it.
    actors: Vec<String>,
    /// The media played; `null` when nothing is planned.
    media_id: Option<i64>,
}

impl From<Programme> for GuideProgramme {
    fn from(programme: Programme) -> Self {
        let details = &programme.details;
        let named = |actor: &Actor| actor.name.clone();
        Self {
            start_time: stamp(programme.start),
            finish_time: stamp(programme.stop),
            is_new: programme.showing == Showing::New && programme.media.is_some(),
            stars: details.stars.map(|tenths| f32::from(tenths) / 10.0),
            directors: details.directors.clone(),
            actors: details.actors.iter().map(named).collect(),
            title: programme.title,
            episode_title: programme.sub_title,
            description: programme.description,
            season: programme.season,
            episode: programme.episode,
            year: programme.year,
            genres: programme.genres,
            rating: programme.rating,
            kind: programme.kind,
            media_id: programme.media.map(|id| id.0),
        }
    }
}

/// The guide of all channels, or of one, as JSON.
#[utoipa::path(get, path = "", tag = "feeds", params(GuideQuery), responses(
    (status = 200, description = "That part of the guide", body = GuideView),
    (status = 401, description = "No valid key", body = Problem),
    (status = 422, description = "A value outside its limits", body = Problem),
    (status = 503, description = "The guide is not available; never an empty one", body = Problem)))]
pub async fn show(
    Has(state): Has<State>,
    Query(query): Query<GuideQuery>,
) -> Result<Json<GuideView>, ApiError> {
    let now = state.now();
    let from = query.from.as_deref().map(instant).transpose()?.unwrap_or(now);
    let hours = within("hours", query.hours, 3, 1..=48)?;
    let limit = within("limit", query.limit, 200, 1..=1000)?;
    let offset = within("offset", query.offset, 0, 0..=1_000_000)?;
    let to = from.plus_ms(hours * 3_600_000);
    let lineup = state.control.lineup();
    let lineup = lineup.map_err(|none| ApiError::unavailable("the guide", &none.reason))?;
    let wanted = |channel: &&LineupChannel| query.channel_id.is_none_or(|id| id == channel.id.0);
    let found: Vec<&LineupChannel> = lineup.iter().filter(wanted).collect();
    let page = found.iter().skip(usize::try_from(offset).unwrap_or(usize::MAX));
    let page = page.take(usize::try_from(limit).unwrap_or(usize::MAX));
    let channel = |channel: &&LineupChannel| GuideChannel {
        id: channel.id.0,
        guide_id: channel.id.guide_id(),
        number: channel.number.to_string(),
        name: channel.name.clone(),
        group: channel.group.clone(),
        logo: channel.logo.clone(),
        programmes: state
            .control
            .programmes(channel.id, from, to)
            .into_iter()
            .map(GuideProgramme::from)
            .collect(),
    };
    let channels = page.map(channel).collect();
    let (now, from, to) = (stamp(now), stamp(from), stamp(to));
    Ok(Json(GuideView { now, from, to, total_channels: found.len(), channels }))
}

/// What the last build of the guide found, and how it stands to the stream.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GuideReport)]
pub struct ReportView {
    /// When the guide that is served was built; `null` before the first.
    #[schema(format = DateTime)]
    built_at: Option<String>,
    /// Every channel is covered from here …
    #[schema(format = DateTime)]
    from: Option<String>,
    /// … up to here.
    #[schema(format = DateTime)]
    to: Option<String>,
    /// Channels in it.
    channels: usize,
    /// Programmes in it.
    programme_count: usize,
    /// Length of the XML.
    xml_bytes: usize,
    /// Length of the XML, gzipped.
    gzip_bytes: usize,
    /// Channels with nothing but "No programming".
    channels_without_programme: Vec<i64>,
    /// Channels whose entries could not be read back and were given without details.
    channels_without_details: Vec<Spoiled>,
    /// Entries whose media is known, and those whose media is gone.
    lookups: u64,
    /// Entries whose media is gone.
    failed_lookups: u64,
    /// Titles that said nothing and were replaced.
    placeholders: u64,
    /// Times that a template gave nothing.
    failed_templates: u64,
    /// Episodes without a number.
    episodes_without_number: usize,
    /// Films without a year.
    films_without_year: usize,
    /// Milliseconds that the build took.
    took_ms: u64,
    /// Milliseconds of a processor that it took; `null` where the system does not tell.
    cpu_ms: Option<u64>,
    /// Why the last build came to nothing, if it did; the one before it is served.
    failure: Option<String>,
    /// Channels that are in the line-up or in the guide only.
    lineup_mismatches: Vec<i64>,
    /// Largest difference in milliseconds between when a programme that is on air began by the
    /// guide and by the stream.
    drift_ms: i64,
    /// Whether a Plex server is connected. There is no such source yet.
    plex_enabled: bool,
    /// Whether its guide is used.
    use_for_epg: bool,
    /// Whether it is told to read the guide again.
    reload_guide_after_epg: bool,
}

/// A channel that is in the guide without details.
#[derive(Debug, Serialize, ToSchema)]
pub struct Spoiled {
    /// Which channel.
    channel_id: i64,
    /// What could not be read back.
    reason: String,
}

impl From<GuideState> for ReportView {
    fn from(state: GuideState) -> Self {
        let report = state.report.as_ref();
        let tally = report.map(|report| report.tally).unwrap_or_default();
        let spoiled = report.map(|report| report.spoiled.as_slice()).unwrap_or_default();
        let spoiled = spoiled
            .iter()
            .map(|(channel, reason)| Spoiled { channel_id: channel.0, reason: reason.clone() });
        let empty = report.map(|report| report.without_programme.as_slice()).unwrap_or_default();
        Self {
            built_at: report.map(|report| stamp(report.built)),
            from: report.map(|report| stamp(report.from)),
            to: report.map(|report| stamp(report.until)),
            channels: report.map_or(0, |report| report.channels),
            programme_count: report.map_or(0, |report| report.programmes),
            xml_bytes: report.map_or(0, |report| report.xml_bytes),
            gzip_bytes: report.map_or(0, |report| report.gzip_bytes),
            channels_without_programme: empty.iter().map(|channel| channel.0).collect(),
            channels_without_details: spoiled.collect(),
            lookups: tally.lookups,
            failed_lookups: tally.failed_lookups,
            placeholders: tally.placeholders,
            failed_templates: tally.failed_templates,
            episodes_without_number: report.map_or(0, |report| report.episodes_without_number),
            films_without_year: report.map_or(0, |report| report.films_without_year),
            took_ms: report.map_or(0, |report| report.took_ms),
            cpu_ms: report.and_then(|report| report.cpu_ms),
            failure: state.failure,
            lineup_mismatches: state.mismatches.iter().map(|channel| channel.0).collect(),
            drift_ms: state.drift_ms,
            plex_enabled: false,
            use_for_epg: false,
            reload_guide_after_epg: false,
        }
    }
}

/// What the last build of the guide found.
#[utoipa::path(get, path = "", tag = "feeds", responses(
    (status = 200, description = "The report", body = ReportView),
    (status = 401, description = "No valid key", body = Problem)))]
pub async fn report(Has(state): Has<State>) -> Json<ReportView> {
    Json(ReportView::from(state.control.guide_state()))
}

/// Builds the guide of what is planned at once.
#[utoipa::path(post, path = "", tag = "feeds", responses(
    (status = 200, description = "What the build found", body = ReportView),
    (status = 401, description = "No valid key", body = Problem)))]
pub async fn rebuild(Has(state): Has<State>) -> Json<ReportView> {
    Json(ReportView::from(state.control.rebuild_guide().await))
}

/// The same under the ancestor's address.
#[utoipa::path(post, path = "", tag = "feeds", responses(
    (status = 200, description = "`status` and `message`", body = Value),
    (status = 401, description = "No valid key", body = Problem)))]
pub async fn refresh(Has(state): Has<State>) -> Json<Value> {
    let built = state.control.rebuild_guide().await;
    let programmes = built.report.map_or(0, |report| report.programmes);
    Json(json!({"status": "ok", "message": format!("{programmes} programmes are in the guide")}))
}

/// An instant of the query.
fn instant(text: &str) -> Result<UtcMillis, ApiError> {
    let at = text.parse::<jiff::Timestamp>().map(jiff::Timestamp::as_millisecond);
    at.map(UtcMillis).map_err(|_| {
        ApiError::invalid(
            "query",
            vec![crate::domain::InvalidField::new(
                "from",
                format!("{text:?} is not an instant"),
                "write one such as 2026-11-22T20:15:00Z",
            )],
        )
    })
}
