//! What a person may set of work ahead and of those who watch.

use serde::{Deserialize, Serialize};

/// How media is made ready before it is on air.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preparing {
    /// Minutes that it is prepared before it is on air; 0 prepares only what is on air.
    pub ahead_minutes: u32,
    /// Whether the rest of the library is prepared, too, when there is time and room.
    pub whole_library: bool,
    /// The share of the machine that may be used, in per cent.
    pub cpu_percent: u32,
}

impl Default for Preparing {
    fn default() -> Self {
        Self { ahead_minutes: 120, whole_library: false, cpu_percent: 50 }
    }
}

/// What holds for everyone who watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watching {
    /// Seconds of media a joiner gets at once.
    pub lead_seconds: u32,
    /// Seconds a channel goes on after its last viewer.
    pub linger_seconds: u32,
    /// Viewers of one channel at a time.
    pub per_channel: u32,
    /// Streams that one user may watch at a time; 0 for any number.
    pub per_user: u32,
    /// Seconds after which a viewer that takes no bytes is let go.
    pub idle_seconds: u32,
}

impl Default for Watching {
    fn default() -> Self {
        Self {
            lead_seconds: 7,
            linger_seconds: 30,
            per_channel: 50,
            per_user: 0,
            idle_seconds: 300,
        }
    }
}
