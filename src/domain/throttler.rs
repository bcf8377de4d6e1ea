//! How fast viewers are given what is ready: what a person can set.

use serde::{Deserialize, Serialize};

/// How a viewer that fell behind catches up; `stream::pace` says what each mode does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaceMode {
    /// A little faster than real time.
    #[default]
    Realtime,
    /// At once.
    Burst,
    /// As fast as the client proves that it can.
    Adaptive,
    /// Not paced at all: everything as soon as it exists.
    Disabled,
}

/// The stream throttler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throttler {
    /// Whether there is one; without it, it is as in [`PaceMode::Disabled`].
    pub enabled: bool,
    /// Bits a second at which a viewer that fell behind catches up. It never holds a stream back.
    pub target_bitrate_bps: u32,
    /// How.
    pub mode: PaceMode,
}

impl Default for Throttler {
    fn default() -> Self {
        Self { enabled: true, target_bitrate_bps: 4_000_000, mode: PaceMode::default() }
    }
}

impl Throttler {
    /// The mode that is in force.
    pub fn effective(&self) -> PaceMode {
        if self.enabled { self.mode } else { PaceMode::Disabled }
    }
}

/// How much a client's connection is given at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamBuffers {
    /// Bytes asked of the kernel for what waits to be sent to one client.
    pub buffer_size: u32,
    /// Most bytes handed to a connection at once; a block of 100 ms is never divided.
    pub read_size: u32,
}

impl Default for StreamBuffers {
    fn default() -> Self {
        Self { buffer_size: 256 << 10, read_size: 64 << 10 }
    }
}
