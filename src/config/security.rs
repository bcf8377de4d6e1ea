//! `security`: who may do what.

use std::net::IpAddr;

use super::keys::Keys;
use crate::foundation::secrets::Secret;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Whether streams, playlist and guide ask for a token.
    pub api_key_required: bool,
    /// A token good for streams, playlist and guide only.
    pub access_token: Option<Secret>,
    /// Seconds a login lasts.
    pub session_timeout: u32,
    /// Addresses (`10.0.0.5`) and ranges (`10.0.0.0/8`) of proxies whose forwarding headers are
    /// believed.
    pub trusted_proxies: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            api_key_required: false,
            access_token: None,
            session_timeout: 86_400,
            trusted_proxies: Vec::new(),
        }
    }
}

impl Config {
    pub(super) fn read(keys: &mut Keys<'_>) -> Self {
        let default = Self::default();
        Self {
            api_key_required: keys.switch("api_key_required", default.api_key_required),
            access_token: keys.secret("access_token", TOKEN, token),
            session_timeout: keys.number(
                "session_timeout",
                300..=31_536_000,
                default.session_timeout,
            ),
            trusted_proxies: keys.list(
                "trusted_proxies",
                "addresses or ranges such as [10.0.0.5, 192.168.0.0/16]",
                address_or_range,
            ),
        }
    }
}

const TOKEN: &str = "8 to 200 characters of A–Z, a–z, 0–9, - and _, because it is part of URLs";

fn token(text: &str) -> Option<Secret> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    ((8..=200).contains(&text.len()) && text.bytes().all(plain)).then(|| Secret::new(text))
}

fn address_or_range(text: &str) -> Option<String> {
    let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
    let address: IpAddr = address.trim().parse().ok()?;
    let width = if address.is_ipv4() { 32 } else { 128 };
    let fits = |prefix: &str| prefix.trim().parse::<u8>().is_ok_and(|prefix| prefix <= width);
    prefix.is_none_or(fits).then(|| text.trim().to_owned())
}
