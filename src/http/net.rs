//! Who is asking, and under which name: facts of a connection and its headers, without policy.
//!
//! Forwarding headers are believed only from the configured proxies. From anyone else they mean
//! one thing: somebody stands between, so the peer's address proves nothing.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::header::{FORWARDED, HOST, VIA};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Version};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::domain::InvalidField;

/// Both ends of a TCP connection; put into every request by [`super::serve()`].
#[derive(Debug, Clone, Copy)]
pub struct Connection {
    /// The other end.
    pub peer: SocketAddr,
    /// Our end: the address the client reached us on.
    pub local: SocketAddr,
}

impl Connection {
    /// A connection about which nothing is known; trusted with nothing.
    pub fn unknown() -> Self {
        let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        Self { peer: nowhere, local: nowhere }
    }
}

/// Ends a connection whose stream somebody else has ended; put into every request like the above.
#[derive(Debug, Clone, Default)]
pub struct Hangup {
    cut: Arc<Mutex<Option<CancellationToken>>>,
    changed: Arc<Notify>,
}

impl Hangup {
    /// Hangs up when `cut` is cancelled. A connection carries one stream at a time.
    pub fn when(&self, cut: CancellationToken) {
        *self.cut.lock().unwrap_or_else(PoisonError::into_inner) = Some(cut);
        self.changed.notify_one();
    }

    /// Completes when the connection is to end. Safe to drop and call again.
    pub async fn wanted(&self) {
        loop {
            let cut = self.cut.lock().unwrap_or_else(PoisonError::into_inner).clone();
            match cut {
                Some(cut) => tokio::select! {
                    () = cut.cancelled() => return,
                    () = self.changed.notified() => {}
                },
                None => self.changed.notified().await,
            }
        }
    }
}

/// A range of addresses, `10.0.0.0/8` or a single address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IpRange {
    base: IpAddr,
    prefix: u8,
}

impl IpRange {
    /// Whether `ip` lies in it; an IPv4 address in IPv6 clothes counts as IPv4.
    pub fn contains(&self, ip: IpAddr) -> bool {
        let shift = |width: u8| u32::from(width - self.prefix);
        match (self.base, ip.to_canonical()) {
            (IpAddr::V4(base), IpAddr::V4(ip)) => {
                let (base, ip) = (base.to_bits(), ip.to_bits());
                base.checked_shr(shift(32)) == ip.checked_shr(shift(32))
            }
            (IpAddr::V6(base), IpAddr::V6(ip)) => {
                let (base, ip) = (base.to_bits(), ip.to_bits());
                base.checked_shr(shift(128)) == ip.checked_shr(shift(128))
            }
            _ => false,
        }
    }
}

impl FromStr for IpRange {
    type Err = InvalidField;

    fn from_str(text: &str) -> Result<Self, InvalidField> {
        let invalid = || {
            let problem = format!("{text:?} is not an address or a range");
            InvalidField::new("security.trusted_proxies", problem, "write 10.0.0.5 or 10.0.0.0/8")
        };
        let (base, prefix) = match text.split_once('/') {
            Some((base, prefix)) => (base, Some(prefix)),
            None => (text, None),
        };
        let base: IpAddr = base.trim().parse().map_err(|_| invalid())?;
        let width = if base.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => width,
            Some(text) => text.trim().parse().map_err(|_| invalid())?,
        };
        if prefix > width {
            return Err(invalid());
        }
        Ok(Self { base, prefix })
    }
}

/// A request's author as far as the connection and the headers tell.
#[derive(Debug, Clone)]
pub struct Client {
    /// The address of the author; that of the peer unless a trusted proxy says otherwise.
    pub ip: IpAddr,
    /// A direct loopback peer that also names us by a loopback name: someone on this machine.
    ///
    /// The name matters: a page of a hostile site whose name was re-bound to 127.0.0.1 sends its
    /// own name. HTTP/1.0 does not count either: that is how older proxies speak to us without
    /// announcing themselves.
    pub local: bool,
    /// `http` or `https`, as the author sees it.
    pub scheme: &'static str,
    /// Host and port the author used for us, if it can be one.
    pub host: Option<String>,
    /// The address the connection came in on.
    pub reached: SocketAddr,
}

impl Client {
    /// Reads the facts of a request.
    pub fn of(parts: &Parts, trusted: &[IpRange]) -> Self {
        let connection =
            parts.extensions.get::<Connection>().copied().unwrap_or_else(Connection::unknown);
        let peer = connection.peer.ip().to_canonical();
        let headers = &parts.headers;
        let forwarded = is_forwarded(headers);
        let by_proxy = forwarded && trusted.iter().any(|range| range.contains(peer));
        let stated = parts
            .uri
            .authority()
            .map(axum::http::uri::Authority::as_str)
            .or_else(|| text(headers, HOST.as_str()));
        let host = stated.filter(|host| is_host(host)).map(str::to_owned);
        let local = peer.is_loopback()
            && !forwarded
            && parts.version >= Version::HTTP_11
            && host.as_deref().is_some_and(is_loopback_host);
        let mut client = Self { ip: peer, local, scheme: "http", host, reached: connection.local };
        if by_proxy {
            client.believe(headers, trusted);
        }
        client
    }

    fn believe(&mut self, headers: &HeaderMap, trusted: &[IpRange]) {
        let hops = headers.get_all("x-forwarded-for").iter().filter_map(|v| v.to_str().ok());
        let hops: Vec<&str> = hops.flat_map(|line| line.split(',')).map(str::trim).collect();
        // The last hop that is not one of our proxies is the author; whatever stands before it was
        // written by the author and proves nothing.
        for hop in hops.iter().rev() {
            let Ok(ip) = hop.parse::<IpAddr>() else { break };
            self.ip = ip.to_canonical();
            if !trusted.iter().any(|range| range.contains(ip)) {
                break;
            }
        }
        if text(headers, "x-forwarded-proto") == Some("https") {
            self.scheme = "https";
        }
        if let Some(host) = text(headers, "x-forwarded-host").filter(|host| is_host(host)) {
            self.host = Some(host.to_owned());
        }
    }
}

/// Whether somebody stands between the author and us and says so.
fn is_forwarded(headers: &HeaderMap) -> bool {
    let telling = [FORWARDED.as_str(), VIA.as_str(), "x-real-ip", "x-client-ip", "true-client-ip"];
    headers.keys().any(|name| {
        let name = name.as_str();
        telling.contains(&name)
            || name.starts_with("x-forwarded")
            || name.starts_with("x-original")
            || name.starts_with("cf-")
    })
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Whether `text` has the form of `name`, `name:port`, `1.2.3.4:port` or `[v6]:port`.
pub fn is_host(text: &str) -> bool {
    let Some((name, port)) = split_host(text) else { return false };
    let named = match name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !name.is_empty()
                && name.len() <= 253
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
        }
    };
    named && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// Whether a host (with or without port) is a name of this machine to itself.
pub fn is_loopback_host(host: &str) -> bool {
    let Some((name, _)) = split_host(host) else { return false };
    let name = name.trim_matches(['[', ']']);
    match name.parse::<IpAddr>() {
        Ok(ip) => ip.to_canonical().is_loopback(),
        Err(_) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
    }
}

/// Whether a host names no machine in particular (`0.0.0.0`, `[::]`).
pub fn is_unspecified_host(host: &str) -> bool {
    let name = split_host(host).map_or(host, |(name, _)| name).trim_matches(['[', ']']);
    name.parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified())
}

/// Name and port; `None` when brackets do not match.
fn split_host(text: &str) -> Option<(&str, Option<&str>)> {
    if text.starts_with('[') {
        let end = text.find(']')?;
        let (name, rest) = text.split_at(end + 1);
        return match rest.strip_prefix(':') {
            Some(port) => Some((name, Some(port))),
            None => rest.is_empty().then_some((name, None)),
        };
    }
    match text.split_once(':') {
        Some((name, port)) => Some((name, Some(port))),
        None => Some((text, None)),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use axum::http::Request;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_range_holds_its_addresses() {
        let holds =
            |range: &str, ip: &str| range.parse::<IpRange>().unwrap().contains(ip.parse().unwrap());
        assert!(holds("10.0.0.0/8", "10.255.0.1"));
        assert!(!holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("10.0.0.5", "::ffff:10.0.0.5"));
        assert!(holds("0.0.0.0/0", "8.8.8.8"));
        assert!(holds("fd00::/8", "fd12::1"));
        assert!(!holds("fd00::/8", "10.0.0.1"));
        for bad in ["10.0.0.0/33", "x", "10.0.0.0/", ""] {
            assert!(bad.parse::<IpRange>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn only_a_direct_peer_with_a_loopback_name_is_local() {
        let local = |peer: &str, headers: &[(&str, &str)]| client(peer, headers, &[]).local;
        let host = ("host", "localhost:8411");
        assert!(local("127.0.0.1:9", &[host]));
        assert!(local("[::1]:9", &[("host", "[::1]:8411")]));
        assert!(local("[::ffff:127.0.0.1]:9", &[("host", "127.0.0.1")]));
        assert!(!local("127.0.0.1:9", &[]));
        assert!(!local("127.0.0.1:9", &[("host", "evil.example")]));
        assert!(!local("127.0.0.1:9", &[("host", "localhost.evil.example")]));
        assert!(!local("127.0.0.1:9", &[("host", "127.0.0.1.evil.example")]));
        assert!(!local("192.168.1.7:9", &[host]));
        for name in ["x-forwarded-for", "forwarded", "via", "x-real-ip", "cf-ray"] {
            assert!(!local("127.0.0.1:9", &[host, (name, "127.0.0.1")]), "{name}");
        }
    }

    #[test]
    fn forwarding_headers_count_only_from_a_trusted_proxy() {
        let headers = [
            ("host", "inside:8411"),
            ("x-forwarded-for", "1.1.1.1, 9.9.9.9, 10.0.0.2"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "tv.example"),
        ];
        let seen = client("10.0.0.1:9", &headers, &["10.0.0.0/8"]);
        assert_eq!((seen.ip.to_string().as_str(), seen.scheme), ("9.9.9.9", "https"));
        assert_eq!(seen.host.as_deref(), Some("tv.example"));
        let seen = client("8.8.8.8:9", &headers, &["10.0.0.0/8"]);
        assert_eq!((seen.ip.to_string().as_str(), seen.scheme), ("8.8.8.8", "http"));
        assert_eq!(seen.host.as_deref(), Some("inside:8411"));
    }

    proptest! {
        #[test]
        fn a_host_never_breaks_out_of_an_address(host in "\\PC{0,40}") {
            if is_host(&host) {
                prop_assert!(host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b)));
            }
        }
    }

    pub(crate) fn client(peer: &str, headers: &[(&str, &str)], trusted: &[&str]) -> Client {
        let mut request = Request::builder().uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let peer: SocketAddr = peer.parse().unwrap();
        let local = SocketAddr::from(([192, 168, 1, 5], 8411));
        parts.extensions.insert(Connection { peer, local });
        let trusted: Vec<IpRange> = trusted.iter().map(|t| t.parse().unwrap()).collect();
        Client::of(&parts, &trusted)
    }
}
