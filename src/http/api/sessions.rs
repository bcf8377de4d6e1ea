//! Who watches, who watched, and ending a stream.

use axum::extract::State as Has;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::control::SessionFilter;
use crate::domain::{ChannelId, SessionEnd, SessionRecord, ViewerId, client_name};
use crate::stream::ViewerSession;

use super::super::auth::Caller;
use super::super::error::{ApiError, Problem};
use super::super::extract::{Json, Path, Query};
use super::super::state::State;
use super::{stamp, within};

/// A stream that is being watched.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Session)]
pub struct SessionView {
    /// Its id; never used again.
    id: i64,
    /// What is watched.
    channel_id: i64,
    /// The channel's number.
    channel_number: Option<String>,
    /// The channel's name.
    channel_name: Option<String>,
    /// What the client is called among people, such as `VLC 3.0.20`.
    client: String,
    /// What the client calls itself.
    user_agent: String,
    /// Where from.
    address: String,
    /// Whom it counts for: the name of an API key, else the address.
    user: String,
    /// How: `ts`, `hls` or `hdhomerun`.
    via: &'static str,
    /// Since when.
    #[schema(format = DateTime)]
    since: String,
    /// When it last took something.
    #[schema(format = DateTime)]
    last_seen: String,
    /// Bytes it took; 0 for HLS, whose segments belong to nobody.
    bytes: u64,
    /// What it takes a second just now, in bits; 0 for HLS.
    bitrate_bps: u64,
    /// How often it was moved to now because it was too slow.
    skips: u32,
    /// How far it is behind what it could have taken; `null` for HLS.
    lag_ms: Option<i64>,
}

/// A stream that was watched.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PastSession)]
pub struct PastView {
    /// Its id.
    id: i64,
    /// What was watched.
    channel_id: i64,
    /// The channel's number; `null` when it is off or was deleted.
    channel_number: Option<String>,
    /// The channel's name; `null` when it is off or was deleted.
    channel_name: Option<String>,
    /// What the client is called among people.
    client: String,
    /// What the client called itself.
    user_agent: String,
    /// Where from.
    address: String,
    /// Whom it counted for.
    user: String,
    /// How: `ts`, `hls` or `hdhomerun`.
    via: String,
    /// Since when.
    #[schema(format = DateTime)]
    since: String,
    /// Until when.
    #[schema(format = DateTime)]
    ended_at: Option<String>,
    /// Why it ended: `left`, `stalled`, `slow`, `idle`, `kicked`, `replaced`, `channel_ended`,
    /// `server_stopped` or `lost` (the server died).
    #[schema(value_type = Option<String>)]
    ended_why: Option<SessionEnd>,
    /// Bytes it took.
    bytes: u64,
    /// How often it was moved to now because it was too slow.
    skips: u32,
}

/// Number and name of channels, by id; those on offer.
struct Names(Vec<(ChannelId, String, String)>);

impl Names {
    fn of(state: &State) -> Self {
        let lineup = state.control.lineup().unwrap_or_default();
        Self(lineup.iter().map(|c| (c.id, c.number.to_string(), c.name.clone())).collect())
    }

    fn find(&self, id: ChannelId) -> (Option<String>, Option<String>) {
        let found = self.0.iter().find(|(known, ..)| *known == id);
        found.map_or((None, None), |(_, number, name)| (Some(number.clone()), Some(name.clone())))
    }
}

fn view(session: ViewerSession, names: &Names) -> SessionView {
    let (channel_number, channel_name) = names.find(session.channel);
    SessionView {
        id: session.id.0,
        channel_id: session.channel.0,
        channel_number,
        channel_name,
        client: client_name(&session.user_agent),
        user_agent: session.user_agent,
        address: session.addr.to_string(),
        user: session.user,
        via: session.via,
        since: stamp(session.since),
        last_seen: stamp(session.seen),
        bytes: session.bytes,
        bitrate_bps: session.bitrate_bps,
        skips: session.skips,
        lag_ms: session.lag_ms,
    }
}

fn past(session: SessionRecord, names: &Names) -> PastView {
    let (channel_number, channel_name) = names.find(session.channel);
    PastView {
        id: session.id.0,
        channel_id: session.channel.0,
        channel_number,
        channel_name,
        client: client_name(&session.user_agent),
        user_agent: session.user_agent,
        address: session.addr.to_string(),
        user: session.user,
        via: session.via,
        since: stamp(session.since),
        ended_at: session.ended.map(|(at, _)| stamp(at)),
        ended_why: session.ended.map(|(_, why)| why),
        bytes: session.bytes,
        skips: session.skips,
    }
}

/// Lists who watches, longest first.
#[utoipa::path(get, path = "", tag = "sessions", responses(
    (status = 200, description = "The streams being watched", body = [SessionView]),
    (status = 401, description = "No valid key", body = Problem)))]
pub async fn list(Has(state): Has<State>) -> Json<Vec<SessionView>> {
    let names = Names::of(&state);
    Json(state.control.sessions().into_iter().map(|session| view(session, &names)).collect())
}

/// Which ended sessions are wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct HistoryQuery {
    /// Only this channel's.
    channel_id: Option<i64>,
    /// Only this user's: the name of an API key, or an address.
    user: Option<String>,
    /// Only those with a smaller id: the next page.
    #[param(minimum = 1)]
    before: Option<i64>,
    /// How many at most.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<i64>,
}

/// Lists sessions that ended, newest first; they are written a few seconds after their end.
#[utoipa::path(get, path = "", tag = "sessions", params(HistoryQuery), responses(
    (status = 200, description = "The streams that were watched", body = [PastView]),
    (status = 401, description = "No valid key", body = Problem),
    (status = 422, description = "A query field cannot be taken", body = Problem)))]
pub async fn history(
    Has(state): Has<State>,
    Query(query): Query<HistoryQuery>,
) -> Result<Json<Vec<PastView>>, ApiError> {
    let limit = within("limit", query.limit, 100, 1..=1000)?;
    let before = match query.before {
        Some(before) => Some(ViewerId(within("before", Some(before), 1, 1..=i64::MAX)?)),
        None => None,
    };
    let filter = SessionFilter {
        channel: query.channel_id.map(ChannelId),
        user: query.user,
        before,
        limit: u32::try_from(limit).unwrap_or(100),
    };
    let found = state.control.past_sessions(filter).await?;
    let names = Names::of(&state);
    Ok(Json(found.into_iter().map(|session| past(session, &names)).collect()))
}

/// Ends a stream. Its client is told nothing special and may come back.
#[utoipa::path(delete, path = "", tag = "sessions",
    params(("session" = i64, Path, description = "Id of the session")),
    responses(
        (status = 204, description = "It has ended"),
        (status = 401, description = "No valid key", body = Problem),
        (status = 404, description = "No such session, or it has ended already", body = Problem),
        (status = 422, description = "The id is no number", body = Problem)))]
pub async fn kick(
    Has(state): Has<State>,
    caller: Caller,
    Path(id): Path<ViewerId>,
) -> Result<StatusCode, ApiError> {
    state.control.kick(&caller.actor(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}
