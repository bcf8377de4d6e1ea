//! Who may ask for what: private by default, three doors.
//!
//! * [`Door::Public`]: tuner, line-up and liveness; anyone.
//! * [`Door::Stream`]: streams, playlist and guide; anyone, unless `security.api_key_required`
//!   asks for an `access_token`.
//! * [`Door::Private`]: everything else; a key, a login, or being on this very machine.
//!
//! Logins live in memory: a restart asks people to log in again, programs send their key anyway.
//! A wrong key costs its sender's address one of a few tries; then every key from there is refused
//! unseen for a while, so that guessing stays slow.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{FromRequestParts, Request};
use axum::http::header::{AUTHORIZATION, COOKIE, RETRY_AFTER};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::control::operations::Actor;
use crate::foundation::clock::SharedClock;
use crate::foundation::secrets::{Secret, matches};

use super::error::ApiError;
use super::net::Client;

/// Name of the cookie that holds a login.
pub const COOKIE_NAME: &str = "exstreamtv_login";
/// Logins kept at once; the oldest goes first.
const LOGINS: usize = 1_000;
/// Wrong keys an address may send at once; one more every [`REFILL`].
const TRIES: NonZeroU32 = NonZeroU32::new(10).unwrap();
const REFILL: Duration = Duration::from_secs(30);

/// How far a route is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// Anyone.
    Public,
    /// Anyone, or holders of an access token when keys are required.
    Stream,
    /// Holders of a key, a login, or someone on this machine.
    Private,
}

/// What the check needs to know; plain values of the configuration.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Whether streams, playlist and guide ask for an `access_token`.
    pub api_key_required: bool,
    /// A token good for streams, playlist and guide only.
    pub access_token: Option<Secret>,
    /// How long a login lasts.
    pub session: Duration,
    /// Whether a proxy may stand in front on this very machine, so that a loopback peer proves
    /// nothing even when no header tells of it.
    pub proxied: bool,
}

/// Looks a presented key up and says its name.
pub type KeyCheck = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Who came through a door; an extension of every request behind one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caller {
    /// Name of the key, `local`, or `None` for a stranger at an open door.
    pub name: Option<String>,
    /// The `access_token` of the query when it is good, to be repeated in the URLs handed out.
    pub token: Option<String>,
    /// Name of the API key it came with, as a header or as `access_token`, for what it watches to
    /// be counted; the one token that all share names nobody.
    pub key: Option<String>,
}

impl Caller {
    /// The person behind a request, for the audit log.
    pub fn actor(&self) -> Actor {
        Actor::Person { name: self.name.clone().unwrap_or_else(|| "stranger".to_owned()) }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or_else(|| ApiError::unauthorized("this address has no door"))
    }
}

struct Login {
    key: Secret,
    until_ms: i64,
}

/// Checks keys, logins and tokens. Cheap to clone.
#[derive(Clone)]
pub struct Gate {
    inner: Arc<Inner>,
}

struct Inner {
    policy: Policy,
    keys: KeyCheck,
    clock: SharedClock,
    logins: Mutex<HashMap<String, Login>>,
    tries: DefaultKeyedRateLimiter<IpAddr>,
    shut_until_ms: Mutex<HashMap<IpAddr, i64>>,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("policy", &self.inner.policy).finish_non_exhaustive()
    }
}

impl Gate {
    /// A gate without logins.
    pub fn new(policy: Policy, keys: KeyCheck, clock: SharedClock) -> Self {
        let quota = Quota::with_period(REFILL)
            .map_or_else(|| Quota::per_minute(TRIES), |quota| quota.allow_burst(TRIES));
        let inner = Inner {
            policy,
            keys,
            clock,
            logins: Mutex::default(),
            tries: RateLimiter::keyed(quota),
            shut_until_ms: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The configured policy.
    pub fn policy(&self) -> &Policy {
        &self.inner.policy
    }

    /// Lets a request through `door` or says why not.
    ///
    /// # Errors
    /// 401 without or with a wrong key, 429 after too many wrong ones.
    pub fn admit(
        &self,
        door: Door,
        client: &Client,
        headers: &HeaderMap,
        query: Option<&str>,
    ) -> Result<Caller, ApiError> {
        let token = query.and_then(access_token);
        let open =
            door == Door::Public || (door == Door::Stream && !self.inner.policy.api_key_required);
        if open {
            // A wrong credential at an open door is no error, but only a good token is repeated.
            let key = token.as_deref().and_then(|token| (self.inner.keys)(token));
            let good = token.filter(|token| key.is_some() || self.opens_streams(token));
            let name = client.local.then(|| "local".to_owned());
            return Ok(Caller { name, token: good, key });
        }
        if let Some(key) = presented_key(headers) {
            let name = self.try_key(client.ip, &key, |key| (self.inner.keys)(key))?;
            return Ok(Caller { key: Some(name.clone()), name: Some(name), token: None });
        }
        if let Some(name) = cookie(headers).and_then(|cookie| self.login_of(&cookie)) {
            return Ok(Caller { key: Some(name.clone()), name: Some(name), token: None });
        }
        if let Some(token) = token.filter(|_| door == Door::Stream) {
            let name = self.try_key(client.ip, &token, |token| {
                let key = (self.inner.keys)(token);
                key.or_else(|| self.opens_streams(token).then(|| "access_token".to_owned()))
            })?;
            let key = (self.inner.keys)(&token);
            return Ok(Caller { name: Some(name), token: Some(token), key });
        }
        if client.local && !self.inner.policy.proxied {
            return Ok(Caller { name: Some("local".to_owned()), ..Caller::default() });
        }
        Err(if door == Door::Stream {
            let fix = "add `?access_token=<token>` to the address";
            let loc = ["query", "access_token"];
            ApiError::new(
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                &loc,
                "Invalid access token",
                fix,
            )
        } else {
            ApiError::unauthorized("Unauthorized: valid API key or bearer token required")
        })
    }

    /// Logs in with `key`; gives the cookie's value.
    ///
    /// # Errors
    /// 401 with a wrong key, 429 after too many wrong ones.
    pub fn log_in(&self, client: &Client, key: &str) -> Result<String, ApiError> {
        self.try_key(client.ip, key, |key| (self.inner.keys)(key))?;
        let ticket = Secret::generate();
        let lasts = i64::try_from(self.inner.policy.session.as_millis()).unwrap_or(i64::MAX);
        let now = self.inner.clock.now_ms();
        let login = Login { key: Secret::new(key), until_ms: now.saturating_add(lasts) };
        let mut logins = self.inner.logins.lock().unwrap_or_else(PoisonError::into_inner);
        logins.retain(|_, login| login.until_ms > now);
        if logins.len() >= LOGINS {
            let oldest = logins.iter().min_by_key(|(_, login)| login.until_ms);
            if let Some(oldest) = oldest.map(|(hash, _)| hash.clone()) {
                logins.remove(&oldest);
            }
        }
        logins.insert(ticket.hash(), login);
        Ok(ticket.reveal().to_owned())
    }

    /// Ends the login of this request's cookie, if it has one.
    pub fn log_out(&self, headers: &HeaderMap) {
        if let Some(cookie) = cookie(headers) {
            let mut logins = self.inner.logins.lock().unwrap_or_else(PoisonError::into_inner);
            logins.remove(&Secret::new(cookie).hash());
        }
    }

    /// Whose login a cookie is; a login ends with its key.
    fn login_of(&self, cookie: &str) -> Option<String> {
        let now = self.inner.clock.now_ms();
        let hash = Secret::new(cookie).hash();
        let key = {
            let logins = self.inner.logins.lock().unwrap_or_else(PoisonError::into_inner);
            logins.get(&hash).filter(|login| login.until_ms > now)?.key.clone()
        };
        (self.inner.keys)(key.reveal())
    }

    fn opens_streams(&self, token: &str) -> bool {
        let stream_token = self.inner.policy.access_token.as_ref();
        stream_token.is_some_and(|stream_token| matches(token, &stream_token.hash()))
            || (self.inner.keys)(token).is_some()
    }

    /// Looks `key` up with `find`, unless its sender has guessed too often.
    fn try_key(
        &self,
        from: IpAddr,
        key: &str,
        find: impl FnOnce(&str) -> Option<String>,
    ) -> Result<String, ApiError> {
        let from = network_of(from);
        let now = self.inner.clock.now_ms();
        let mut shut = self.inner.shut_until_ms.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(&until) = shut.get(&from).filter(|&&until| until > now) {
            return Err(too_many(until - now));
        }
        if let Some(name) = find(key) {
            shut.remove(&from);
            return Ok(name);
        }
        if self.inner.tries.check_key(&from).is_err() {
            self.inner.tries.retain_recent();
            shut.retain(|_, until| *until > now);
            let wait = i64::try_from(REFILL.as_millis()).unwrap_or(i64::MAX);
            shut.insert(from, now.saturating_add(wait));
            tracing::warn!(client.ip = %from, "too many wrong keys from {from}");
            return Err(too_many(wait));
        }
        Err(ApiError::unauthorized("Unauthorized: valid API key or bearer token required"))
    }
}

fn too_many(wait_ms: i64) -> ApiError {
    let seconds = wait_ms.div_euclid(1000) + 1;
    ApiError::new(
        StatusCode::TOO_MANY_REQUESTS,
        "too_many_attempts",
        &["header", "authorization"],
        "too many wrong keys came from your address",
        format!("wait {seconds} s and send a valid key"),
    )
    .with_limit(TRIES.get())
    .with_header(RETRY_AFTER, &seconds.to_string())
}

/// The middleware of a door; the gate is handed in by the router.
pub async fn guard(door: Door, gate: Gate, mut request: Request, next: Next) -> Response {
    let client = match request.extensions().get::<Client>() {
        Some(client) => client.clone(),
        None => return ApiError::unauthorized("the connection is not known").into_response(),
    };
    // What browsers ask before they ask carries no token and gets no content.
    let preflight = door == Door::Stream && request.method() == Method::OPTIONS;
    let door = if preflight { Door::Public } else { door };
    match gate.admit(door, &client, request.headers(), request.uri().query()) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(error) if error.status() == StatusCode::UNAUTHORIZED && wants_page(&request) => {
            let next = request.uri().path_and_query().map_or("/", |target| target.as_str());
            let next = form_urlencoded::byte_serialize(next.as_bytes()).collect::<String>();
            Redirect::to(&format!("/login?next={next}")).into_response()
        }
        Err(error) => error.into_response(),
    }
}

/// Whether a browser asks for a page: people get the login form, programs the error.
fn wants_page(request: &Request) -> bool {
    let accept = request.headers().get("accept").and_then(|value| value.to_str().ok());
    let path = request.uri().path();
    request.method() == Method::GET
        && !path.starts_with("/api/")
        && !path.starts_with("/iptv/")
        && accept.is_some_and(|accept| accept.contains("text/html"))
}

/// `Authorization: Bearer` (scheme in any case) or `X-API-Key`.
fn presented_key(headers: &HeaderMap) -> Option<String> {
    let bearer = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = bearer.and_then(|text| text.split_once(' '));
    if let Some((_, key)) = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")) {
        return Some(key.trim().to_owned());
    }
    headers.get("x-api-key").and_then(|value| value.to_str().ok()).map(str::to_owned)
}

fn cookie(headers: &HeaderMap) -> Option<String> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
    pairs.find(|(name, _)| name.trim() == COOKIE_NAME).map(|(_, value)| value.trim().to_owned())
}

fn access_token(query: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find(|(name, _)| name == "access_token").map(|(_, value)| value.into_owned())
}

/// What guessing is counted by: the address, or the /64 that one household has in IPv6.
fn network_of(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << 64))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::net::tests::client;
    use super::*;
    use crate::foundation::clock::ManualClock;

    const KEY: (&str, &str) = ("authorization", "Bearer good");
    const STRANGER: &str = "203.0.113.9:5";

    #[test]
    fn every_door_asks_every_caller_for_the_right_thing() {
        let here = ("host", "localhost:8411");
        let there = ("host", "tv.lan:8411");
        let proxied = ("x-forwarded-for", "203.0.113.9");
        let lo = "127.0.0.1:5";
        #[rustfmt::skip]
        type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str, [u16; 4]);
        let table: &[Row<'_>] = &[
            // who, headers, query; then public, stream, stream with keys required, private
            (STRANGER, &[there], "", [200, 200, 401, 401]),
            (STRANGER, &[here], "", [200, 200, 401, 401]),
            (lo, &[here], "", [200, 200, 200, 200]),
            (lo, &[there], "", [200, 200, 401, 401]),
            (lo, &[here, proxied], "", [200, 200, 401, 401]),
            (lo, &[here, ("authorization", "Bearer bad")], "", [200, 200, 401, 401]),
            (STRANGER, &[there, ("authorization", "Bearer bad")], "", [200, 200, 401, 401]),
            (STRANGER, &[there, ("authorization", "Basic good")], "", [200, 200, 401, 401]),
            (STRANGER, &[there, KEY], "", [200, 200, 200, 200]),
            (STRANGER, &[there, ("authorization", "bearer good")], "", [200, 200, 200, 200]),
            (STRANGER, &[there, ("x-api-key", "good")], "", [200, 200, 200, 200]),
            (STRANGER, &[there], "access_token=view", [200, 200, 200, 401]),
            (STRANGER, &[there], "access_token=good", [200, 200, 200, 401]),
            (STRANGER, &[there], "access_token=bad", [200, 200, 401, 401]),
            (STRANGER, &[there, ("authorization", "Bearer view")], "", [200, 200, 401, 401]),
        ];
        for (peer, headers, query, expected) in table {
            let doors = [
                (Door::Public, true),
                (Door::Stream, false),
                (Door::Stream, true),
                (Door::Private, false),
            ];
            for ((door, required), expected) in doors.into_iter().zip(expected) {
                let got = ask(&gate(required), door, peer, headers, query);
                let status = got.map_or_else(|error| error.status().as_u16(), |_| 200);
                assert_eq!(
                    status, *expected,
                    "{peer} {headers:?} {query:?} at {door:?} {required}"
                );
            }
        }
    }

    #[test]
    fn behind_a_proxy_on_this_machine_nobody_is_local() {
        let policy = Policy { proxied: true, ..Policy::default() };
        let gate = Gate::new(policy, keys(), ManualClock::at(0));
        let here = ("host", "127.0.0.1:8411");
        assert!(ask(&gate, Door::Private, "127.0.0.1:5", &[here], "").is_err());
        assert!(ask(&gate, Door::Private, "127.0.0.1:5", &[here, KEY], "").is_ok());
    }

    #[test]
    fn only_a_good_token_is_repeated() {
        let token = |query| ask(&gate(false), Door::Stream, STRANGER, &[], query).unwrap().token;
        assert_eq!(token("access_token=view").as_deref(), Some("view"));
        assert_eq!(token("access_token=\"><script>"), None);
    }

    #[test]
    fn guessing_is_shut_out_and_a_good_key_waits_too() {
        let clock = ManualClock::at(0);
        let gate = Gate::new(Policy::default(), keys(), clock.clone());
        let bad = ("x-api-key", "bad");
        let status = |headers: &[(&str, &str)]| {
            let got = ask(&gate, Door::Private, STRANGER, headers, "");
            got.map_or_else(|error| error.status().as_u16(), |_| 200)
        };
        for _ in 0..TRIES.get() {
            assert_eq!(status(&[bad]), 401);
        }
        assert_eq!(status(&[bad]), 429);
        assert_eq!(status(&[KEY]), 429);
        let elsewhere = ask(&gate, Door::Private, "198.51.100.1:5", &[KEY], "");
        assert!(elsewhere.is_ok());
        clock.advance_ms(30_001);
        assert_eq!(status(&[KEY]), 200);
    }

    #[test]
    fn a_login_lasts_its_time_and_ends_with_its_key() {
        let clock = ManualClock::at(0);
        let known = Arc::new(Mutex::new(true));
        let still = Arc::clone(&known);
        let keys: KeyCheck =
            Arc::new(move |key| (key == "good" && *still.lock().unwrap()).then(|| "mum".into()));
        let policy = Policy { session: Duration::from_secs(60), ..Policy::default() };
        let gate = Gate::new(policy, keys, clock.clone());
        let visitor = client(STRANGER, &[], &[]);
        assert_eq!(gate.log_in(&visitor, "bad").unwrap_err().status(), 401);
        let cookie = format!("a=b; {COOKIE_NAME}={}", gate.log_in(&visitor, "good").unwrap());
        let asks = || ask(&gate, Door::Private, STRANGER, &[("cookie", &cookie)], "");
        assert_eq!(asks().unwrap().name.as_deref(), Some("mum"));
        *known.lock().unwrap() = false;
        assert!(asks().is_err());
        *known.lock().unwrap() = true;
        clock.advance_ms(60_000);
        assert!(asks().is_err());
    }

    #[test]
    fn logging_out_ends_the_login() {
        let gate = gate(false);
        let ticket = gate.log_in(&client(STRANGER, &[], &[]), "good").unwrap();
        let cookie = format!("{COOKIE_NAME}={ticket}");
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, cookie.parse().unwrap());
        gate.log_out(&headers);
        assert!(ask(&gate, Door::Private, STRANGER, &[("cookie", &cookie)], "").is_err());
    }

    fn keys() -> KeyCheck {
        Arc::new(|key| (key == "good").then(|| "admin".to_owned()))
    }

    fn gate(api_key_required: bool) -> Gate {
        let policy = Policy {
            api_key_required,
            access_token: Some(Secret::new("view")),
            session: Duration::from_secs(60),
            proxied: false,
        };
        Gate::new(policy, keys(), ManualClock::at(0))
    }

    fn ask(
        gate: &Gate,
        door: Door,
        peer: &str,
        headers: &[(&str, &str)],
        query: &str,
    ) -> Result<Caller, ApiError> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: axum::http::HeaderName = name.parse().unwrap();
            map.insert(name, value.parse().unwrap());
        }
        gate.admit(door, &client(peer, headers, &[]), &map, Some(query))
    }
}
