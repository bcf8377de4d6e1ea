//! What handlers are given.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;

use crate::control::Control;
use crate::domain::{ChannelId, UtcMillis};
use crate::foundation::clock::SharedClock;
use crate::foundation::secrets::Secret;
use crate::foundation::stop::Stop;
use crate::stream::ViewerInfo;

use super::auth::{Caller, Gate, Policy};
use super::base::Base;
use super::error::ApiError;
use super::net::{Client, Hangup, IpRange};

/// What the HTTP side needs to know from the configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The address clients are told, `http(s)://host[:port]`; `None` takes what they used.
    pub public_url: Option<String>,
    /// Proxies whose forwarding headers are believed.
    pub trusted_proxies: Vec<IpRange>,
    /// Whether streams, playlist and guide ask for an `access_token`.
    pub api_key_required: bool,
    /// A token good for streams, playlist and guide only.
    pub access_token: Option<Secret>,
    /// How long a login lasts.
    pub session: Duration,
    /// The version shown to clients.
    pub version: &'static str,
}

impl Settings {
    /// Whether a proxy on this machine may speak for others without saying so.
    ///
    /// Some proxies send neither forwarding headers nor the name the client used. We speak no TLS,
    /// so an `https` address means a proxy; so does a trusted proxy with a loopback address.
    pub fn is_proxied(&self) -> bool {
        let loopback = [IpAddr::from([127, 0, 0, 1]), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        let known = |range: &IpRange| loopback.iter().any(|ip| range.contains(*ip));
        self.public_url.as_deref().is_some_and(|url| url.starts_with("https:"))
            || self.trusted_proxies.iter().any(known)
    }
}

/// The tuners that HDHomeRun clients count; `app` joins this to the `tuner` module.
pub trait Tuners: std::fmt::Debug + Send + Sync {
    /// Takes a tuner for `client` on `channel`: number `wanted`, or any.
    ///
    /// The same client on the same channel shares its tuner: players open a stream two or three
    /// times at once to probe it. The tuner is free again when the lease is dropped.
    ///
    /// # Errors
    /// When every tuner (or the wanted one) is in use.
    fn claim(
        &self,
        wanted: Option<u32>,
        channel: ChannelId,
        client: IpAddr,
        now: UtcMillis,
    ) -> Result<Lease, TunersBusy>;

    /// What each tuner does, in order.
    fn tuners(&self) -> Vec<TunerState>;
}

/// A tuner in use; dropping it gives the tuner back.
pub type Lease = Box<dyn Send + Sync>;

/// No tuner is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("all tuners are in use")]
pub struct TunersBusy;

/// What a tuner does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TunerState {
    /// Counted from 0.
    pub tuner: u32,
    /// The channel it is on; `None` when it is free.
    pub channel: Option<ChannelId>,
    /// Who watches.
    pub client: Option<IpAddr>,
    /// Since when.
    pub since: Option<UtcMillis>,
}

/// What handlers are given; cheap to clone.
#[derive(Debug, Clone)]
pub struct State {
    /// The use cases.
    pub control: Control,
    /// The configuration.
    pub settings: Arc<Settings>,
    /// The time.
    pub clock: SharedClock,
    /// The tuners.
    pub tuners: Arc<dyn Tuners>,
    /// Ends streams.
    pub stop: Stop,
    /// Keys, logins and tokens.
    pub gate: Gate,
    /// Requests answered so far, for the metrics.
    pub(super) requests: Arc<super::metrics::Requests>,
}

impl State {
    /// Puts the parts together.
    pub fn new(
        control: Control,
        settings: Settings,
        clock: SharedClock,
        tuners: Arc<dyn Tuners>,
        stop: Stop,
    ) -> Self {
        let keys = control.clone();
        let policy = Policy {
            api_key_required: settings.api_key_required,
            access_token: settings.access_token.clone(),
            session: settings.session,
            proxied: settings.is_proxied(),
        };
        let gate = Gate::new(policy, Arc::new(move |key| keys.is_key(key)), Arc::clone(&clock));
        let requests = Arc::default();
        Self { control, settings: Arc::new(settings), clock, tuners, stop, gate, requests }
    }

    /// The time.
    pub fn now(&self) -> UtcMillis {
        UtcMillis(self.clock.now_ms())
    }
}

impl FromRequestParts<State> for Base {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, ApiError> {
        let client = Client::from_request_parts(parts, state).await?;
        Ok(Self::of(state.settings.public_url.as_deref(), &client))
    }
}

impl FromRequestParts<State> for Client {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, ApiError> {
        let known = parts.extensions.get::<Self>().cloned();
        Ok(known.unwrap_or_else(|| Self::of(parts, &state.settings.trusted_proxies)))
    }
}

/// Who watches, for the list of viewers.
#[derive(Debug, Clone)]
pub struct Watcher {
    /// Where from.
    pub ip: IpAddr,
    /// What the player calls itself, cut to a sane length.
    pub user_agent: String,
    /// The name of the API key it came with.
    pub user: Option<String>,
    /// The `viewer` of the query: what a reader of playlists is known again by.
    pub ticket: Option<String>,
    /// Ends its connection.
    pub hangup: Hangup,
}

impl Watcher {
    /// The same for the streaming core; `via` is `ts`, `hls` or `hdhomerun`.
    pub fn via(&self, via: &'static str) -> ViewerInfo {
        ViewerInfo {
            addr: self.ip,
            user_agent: self.user_agent.clone(),
            via,
            user: self.user.clone(),
            ticket: self.ticket.clone(),
        }
    }
}

/// Longest text that a reader of playlists is known by.
const TICKET: usize = 64;

/// The `viewer` of a query, when it is what this server could have given.
fn ticket(query: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let (_, ticket) = pairs.find(|(name, _)| name == "viewer")?;
    let plain = |ticket: &str| ticket.bytes().all(|b| b.is_ascii_alphanumeric());
    (!ticket.is_empty() && ticket.len() <= TICKET && plain(&ticket)).then(|| ticket.into_owned())
}

impl FromRequestParts<State> for Watcher {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, ApiError> {
        let client = Client::from_request_parts(parts, state).await?;
        let stated = parts.headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
        let user_agent = stated.unwrap_or("unknown").chars().take(200).collect();
        let caller = parts.extensions.get::<Caller>();
        let user = caller.and_then(|caller| caller.key.clone());
        let ticket = parts.uri.query().and_then(ticket);
        let hangup = parts.extensions.get::<Hangup>().cloned().unwrap_or_default();
        Ok(Self { ip: client.ip, user_agent, user, ticket, hangup })
    }
}
