//! The address under which a client reaches this server: what every URL we hand out begins with.

use super::net::{Client, is_loopback_host, is_unspecified_host};

/// Scheme, host and port without a slash at the end, such as `http://192.168.1.5:8411`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base(String);

impl Base {
    /// The base of URLs for `client`: the public URL, else the name the client used, else the
    /// address it reached.
    ///
    /// A client elsewhere is never told `localhost` or `0.0.0.0`, whatever is configured.
    pub fn of(public_url: Option<&str>, client: &Client) -> Self {
        let elsewhere = !client.ip.is_loopback();
        let useless =
            |host: &str| is_unspecified_host(host) || (elsewhere && is_loopback_host(host));
        if let Some(url) = public_url.map(|url| url.trim_end_matches('/')) {
            let host = url.split_once("://").map_or(url, |(_, rest)| rest);
            if !useless(host.split('/').next().unwrap_or(host)) {
                return Self(url.to_owned());
            }
        }
        let scheme = client.scheme;
        let default = if scheme == "https" { ":443" } else { ":80" };
        match client.host.as_deref().filter(|host| !useless(host)) {
            Some(host) => {
                Self(format!("{scheme}://{}", host.strip_suffix(default).unwrap_or(host)))
            }
            None => {
                let (ip, port) = (client.reached.ip().to_canonical(), client.reached.port());
                let reached = std::net::SocketAddr::new(ip, port).to_string();
                Self(format!("{scheme}://{}", reached.strip_suffix(default).unwrap_or(&reached)))
            }
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::super::net::tests::client;
    use super::*;

    #[test]
    fn urls_begin_with_the_name_the_client_used() {
        check("192.168.1.9:5", &[("host", "tv.lan:8411")], None, "http://tv.lan:8411");
        check("192.168.1.9:5", &[("host", "tv.lan:80")], None, "http://tv.lan");
        check("192.168.1.9:5", &[("host", "[fd00::2]:8411")], None, "http://[fd00::2]:8411");
        check("127.0.0.1:5", &[("host", "localhost:8411")], None, "http://localhost:8411");
    }

    #[test]
    fn the_public_url_wins() {
        let public = Some("https://tv.example/");
        check("192.168.1.9:5", &[("host", "tv.lan:8411")], public, "https://tv.example");
    }

    #[test]
    fn a_client_elsewhere_is_never_sent_to_itself() {
        let reached = "http://192.168.1.5:8411";
        for host in ["localhost:8411", "127.0.0.1:8411", "0.0.0.0:8411", "[::1]", "[::]:8411"] {
            check("192.168.1.9:5", &[("host", host)], None, reached);
            let public = format!("http://{host}");
            check("192.168.1.9:5", &[("host", "a b")], Some(&public), reached);
        }
        check("192.168.1.9:5", &[("host", "x\"><script>")], None, reached);
        check("192.168.1.9:5", &[], None, reached);
    }

    #[track_caller]
    fn check(peer: &str, headers: &[(&str, &str)], public: Option<&str>, expected: &str) {
        assert_eq!(Base::of(public, &client(peer, headers, &[])).as_str(), expected);
    }
}
