//! `hdhomerun`: the tuner that clients find on the network.

use super::keys::Keys;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Whether there is a tuner.
    pub enabled: bool,
    /// Its id, 8 hexadecimal digits in capitals; `None` makes one at the first start and keeps it.
    pub device_id: Option<String>,
    /// What it answers to `DeviceAuth`.
    pub device_auth: String,
    /// Its name in clients.
    pub friendly_name: String,
    /// How many clients may watch through it at a time.
    pub tuner_count: u32,
    /// Whether it answers searches on the network.
    pub udp_enabled: bool,
    /// Port for those searches; clients ask on 65001 only.
    pub udp_port: u16,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: true,
            device_id: None,
            device_auth: "exstreamtv".to_owned(),
            friendly_name: "EXStreamTV".to_owned(),
            tuner_count: 8,
            udp_enabled: true,
            udp_port: 65_001,
        }
    }
}

impl Config {
    pub(super) fn read(keys: &mut Keys<'_>) -> Self {
        let default = Self::default();
        Self {
            enabled: keys.switch("enabled", default.enabled),
            device_id: keys.optional("device_id", "8 hexadecimal digits", device_id),
            device_auth: keys.checked("device_auth", ONE_LINE, default.device_auth, one_line),
            friendly_name: keys.checked("friendly_name", ONE_LINE, default.friendly_name, one_line),
            tuner_count: keys.number("tuner_count", 1..=255, default.tuner_count),
            udp_enabled: keys.switch("udp_enabled", default.udp_enabled),
            udp_port: keys.number("udp_port", 0..=65_535, default.udp_port),
        }
    }
}

const ONE_LINE: &str = "1 to 60 characters on one line";

fn one_line(text: &str) -> Option<String> {
    let text = text.trim();
    let fits = (1..=60).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned())
}

fn device_id(text: &str) -> Option<String> {
    let is_id = text.len() == 8 && text.bytes().all(|b| b.is_ascii_hexdigit());
    is_id.then(|| text.to_ascii_uppercase())
}
