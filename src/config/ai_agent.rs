//! `ai_agent`: the operator that heals.

use super::keys::Keys;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Whether there is an operator at all.
    pub enabled: bool,
    /// Whether its loop runs; off, incidents are recorded and nothing else.
    pub bounded_agent_enabled: bool,
    /// What the loop may do at most; single tools and causes may be held lower.
    pub bounded_agent_mode: Mode,
}

/// How far the operator goes by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// Not at all.
    Off,
    /// It decides and records, and nobody is asked or told.
    Shadow,
    /// It proposes, a person agrees.
    Advise,
    /// It acts, guarded.
    Act,
}

impl Default for Config {
    fn default() -> Self {
        Self { enabled: true, bounded_agent_enabled: true, bounded_agent_mode: Mode::Act }
    }
}

impl Config {
    pub(super) fn read(keys: &mut Keys<'_>) -> Self {
        let default = Self::default();
        Self {
            enabled: keys.switch("enabled", default.enabled),
            bounded_agent_enabled: keys
                .switch("bounded_agent_enabled", default.bounded_agent_enabled),
            bounded_agent_mode: keys.choice(
                "bounded_agent_mode",
                &[
                    ("off", Mode::Off),
                    ("shadow", Mode::Shadow),
                    ("advise", Mode::Advise),
                    ("act", Mode::Act),
                ],
                default.bounded_agent_mode,
            ),
        }
    }
}
