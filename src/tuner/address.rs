//! Which address a client is told. PURE.

use core::net::{IpAddr, SocketAddr};

/// This server's address for a client that reached it on `local`, without `/` at its end.
///
/// `None` when the client cannot reach HTTP at all, because that is bound to another address:
/// then it is better not to be found.
pub(super) fn for_client(
    public_url: Option<&str>,
    http: SocketAddr,
    local: IpAddr,
) -> Option<String> {
    if let Some(url) = public_url {
        return Some(url.trim_end_matches('/').to_owned());
    }
    if !http.ip().is_unspecified() && http.ip() != local {
        return None;
    }
    Some(match http.port() {
        80 => format!("http://{local}"),
        port => format!("http://{}", SocketAddr::new(local, port)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_told_the_address_it_used() {
        check(None, "0.0.0.0:8411", "10.0.0.5", Some("http://10.0.0.5:8411"));
        check(None, "[::]:80", "10.0.0.5", Some("http://10.0.0.5"));
        check(None, "10.0.0.5:8411", "10.0.0.5", Some("http://10.0.0.5:8411"));
    }

    #[test]
    fn the_configured_address_wins() {
        check(
            Some("https://tv.example/"),
            "127.0.0.1:8411",
            "10.0.0.5",
            Some("https://tv.example"),
        );
    }

    #[test]
    fn who_cannot_reach_http_is_told_nothing() {
        check(None, "127.0.0.1:8411", "10.0.0.5", None);
    }

    #[track_caller]
    fn check(public_url: Option<&str>, http: &str, local: &str, expected: Option<&str>) {
        let told = for_client(public_url, http.parse().unwrap(), local.parse().unwrap());
        assert_eq!(told.as_deref(), expected);
    }
}
