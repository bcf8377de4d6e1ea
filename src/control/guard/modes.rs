//! How far the agent may go, by tool and cause. PURE.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::Cause;

/// How far the agent may go; later ones include the earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActMode {
    /// Not at all.
    Off,
    /// Plan and record.
    Shadow,
    /// Plan, record and propose to a person.
    Advise,
    /// Act.
    Act,
}

/// The mode of every tool for every cause.
///
/// The entry of a tool and cause counts, else the default, and never more than the cap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Modes {
    /// No tool goes further than this, whatever its entry says.
    pub cap: ActMode,
    /// For what has no entry.
    pub default: ActMode,
    /// Entries, `tool → cause → mode`.
    pub entries: BTreeMap<String, BTreeMap<Cause, ActMode>>,
}

impl Default for Modes {
    /// A fresh install: act on an encoder exit, a stall, and corrupt or missing media.
    fn default() -> Self {
        let healing = [Cause::EncoderExited, Cause::Stall];
        let media = [Cause::MediaCorrupt, Cause::MediaMissing];
        let act = |causes: &[Cause]| causes.iter().map(|cause| (*cause, ActMode::Act)).collect();
        let entries = [
            ("restart_channel".to_owned(), act(&healing)),
            ("skip_item".to_owned(), act(&[&healing[..], &media[..]].concat())),
        ];
        Self { cap: ActMode::Act, default: ActMode::Advise, entries: entries.into() }
    }
}

impl Modes {
    /// The mode of `tool` for `cause`.
    pub fn of(&self, tool: &str, cause: Cause) -> ActMode {
        let entry = self.entries.get(tool).and_then(|causes| causes.get(&cause));
        entry.copied().unwrap_or(self.default).min(self.cap)
    }

    /// Sets the mode of `tool` for `cause`.
    pub fn set(&mut self, tool: &str, cause: Cause, mode: ActMode) {
        self.entries.entry(tool.to_owned()).or_default().insert(cause, mode);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_install_acts_on_four_causes_and_advises_on_the_rest() {
        let modes = Modes::default();
        assert_eq!(modes.of("restart_channel", Cause::EncoderExited), ActMode::Act);
        assert_eq!(modes.of("skip_item", Cause::MediaMissing), ActMode::Act);
        assert_eq!(modes.of("restart_channel", Cause::OutOfMemory), ActMode::Advise);
        assert_eq!(modes.of("skip_item", Cause::MediaNoStream), ActMode::Advise);
    }

    #[test]
    fn the_cap_is_above_every_entry() {
        let modes = Modes { cap: ActMode::Shadow, ..Modes::default() };
        assert_eq!(modes.of("restart_channel", Cause::Stall), ActMode::Shadow);
    }
}
