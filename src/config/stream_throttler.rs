//! `stream_throttler`: how viewers that fell behind catch up.

use super::keys::Keys;
use crate::domain::{PaceMode, Throttler};

/// See the module.
pub type Config = Throttler;

pub(super) fn read(keys: &mut Keys<'_>) -> Config {
    let default = Config::default();
    Config {
        enabled: keys.switch("enabled", default.enabled),
        target_bitrate_bps: keys.number(
            "target_bitrate_bps",
            1_000_000..=50_000_000,
            default.target_bitrate_bps,
        ),
        mode: keys.choice(
            "mode",
            &[
                ("realtime", PaceMode::Realtime),
                ("burst", PaceMode::Burst),
                ("adaptive", PaceMode::Adaptive),
                ("disabled", PaceMode::Disabled),
            ],
            default.mode,
        ),
    }
}
