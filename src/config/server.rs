//! `server`: where the server listens and how it names itself in URLs.

use std::net::{IpAddr, Ipv4Addr};

use super::keys::Keys;
use crate::foundation::telemetry::LogFormat;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Address to listen on.
    pub host: IpAddr,
    /// Port to listen on; 0 takes a free one.
    pub port: u16,
    /// Address that clients are told, without a slash at the end; `None` takes the one they used.
    pub public_url: Option<String>,
    /// A `tracing` filter such as `info` or `info,exstreamtv::stream=debug`.
    pub log_level: String,
    /// How log lines are written.
    pub log_format: LogFormat,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            host: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            port: 8411,
            public_url: None,
            log_level: "info".to_owned(),
            log_format: LogFormat::Text,
        }
    }
}

impl Config {
    pub(super) fn read(keys: &mut Keys<'_>) -> Self {
        let default = Self::default();
        keys.alias("base_url", "public_url");
        Self {
            host: keys.parsed("host", "an IP address such as 0.0.0.0 or 127.0.0.1", default.host),
            port: keys.number("port", 0..=65_535, default.port),
            public_url: keys.optional("public_url", "an address such as http://tv.lan:8411", url),
            log_level: keys.checked("log_level", FILTER, default.log_level, filter),
            log_format: keys.choice(
                "log_format",
                &[("text", LogFormat::Text), ("json", LogFormat::Json)],
                default.log_format,
            ),
        }
    }
}

const FILTER: &str = "error, warn, info, debug or trace, or a filter such as info,hyper=warn";

fn filter(text: &str) -> Option<String> {
    let known = tracing_subscriber::EnvFilter::builder().parse(text).is_ok();
    (known && !text.trim().is_empty()).then(|| text.to_owned())
}

/// Takes `http(s)://host[:port][/path]` and cuts slashes at the end.
fn url(text: &str) -> Option<String> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"))?;
    let host = rest.split('/').next()?;
    let plain = text.bytes().all(|b| b.is_ascii_graphic()) && !text.contains(['?', '#', '@', '"']);
    (plain && !host.is_empty()).then(|| text.trim_end_matches('/').to_owned())
}
