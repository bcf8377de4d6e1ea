//! Facts: what the streaming core measures about itself and hands upwards.
//!
//! A fact says what was seen, never what it means: the detectors of `observe` decide that.

use serde::{Deserialize, Serialize};

use super::{Accelerator, Cause, ChannelId, MediaId, UtcMillis};

/// Which conform a fact is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ConformJob {
    /// Counted up from the start of the server.
    pub job: u64,
    /// What is conformed.
    pub media: MediaId,
    /// The channel whose viewers wait for it; `None` for work ahead.
    pub channel: Option<ChannelId>,
}

/// How a conform ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "snake_case")]
pub enum ConformEnd {
    /// All of the wanted range is in the store.
    Completed,
    /// It was not needed any more, or a restart replaced it.
    Cancelled,
    /// The process ended too early.
    Exited {
        /// Exit code, if it exited.
        code: Option<i32>,
        /// Signal that ended it, if one did.
        signal: Option<i32>,
    },
    /// The file is not there.
    Missing,
    /// The output cannot be used: nothing came, or it broke the profile's rules.
    Unusable {
        /// In a few words, ours.
        reason: String,
    },
    /// It ended well but well before the media's stated length.
    Truncated {
        /// Milliseconds that came.
        got_ms: i64,
        /// Milliseconds that were stated.
        wanted_ms: i64,
    },
    /// What came could not be stored: the disk is full or broken, or the cache has no room left.
    NotStored {
        /// In a few words, ours.
        reason: String,
    },
    /// A broadcast cannot be had at any of its addresses, or not any more.
    SourceLost {
        /// What the last try met, as far as we saw it ourselves.
        cause: Cause,
        /// In a few words, ours.
        reason: String,
    },
    /// No process could be started.
    NotStarted {
        /// The pool's reason.
        reason: String,
    },
}

/// State of a running conform, once a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobBeat {
    /// Which conform.
    pub job: u64,
    /// What is conformed.
    pub media: MediaId,
    /// Milliseconds since the last GOP came out.
    pub silent_ms: i64,
    /// Whether its silence is right: it is held back because enough is in the store, or it relays a
    /// broadcast, whose source it asks again, and at last gives up, by itself.
    pub held: bool,
}

/// State of a running channel, once a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelBeat {
    /// Which channel.
    pub channel: ChannelId,
    /// Viewers now.
    pub viewers: u32,
    /// Media already in the ring beyond what is on air, in milliseconds; negative when late.
    pub headroom_ms: i64,
    /// Whether the slate stands in for media that should be on air.
    pub on_slate: bool,
    /// The media that should be on air.
    pub media: Option<MediaId>,
    /// The conform this channel waits for, if one runs.
    pub job: Option<JobBeat>,
}

/// Something measured by the streaming core.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Fact {
    /// A running channel is as described.
    Beat(ChannelBeat),
    /// A channel's task ended (linger over, channel deleted).
    ChannelStopped {
        /// Which channel.
        channel: ChannelId,
    },
    /// A line that a child process wrote to stderr. Text from outside: data, never instruction.
    StderrLine {
        /// Which conform.
        job: ConformJob,
        /// The line, at most 2 KiB, control characters replaced.
        line: String,
    },
    /// A conform ended.
    ConformEnded {
        /// Which conform.
        job: ConformJob,
        /// How.
        end: ConformEnd,
    },
    /// A conform failed on a device before its first picture and goes on in software.
    HardwareFailed {
        /// Which conform.
        job: ConformJob,
        /// Which kind of device.
        kind: Accelerator,
        /// Why, in our words.
        reason: String,
        /// Whether the kind is not used any more until it is tested again.
        benched: bool,
    },
    /// A test showed that a kind works.
    HardwareWorks {
        /// Which kind of device.
        kind: Accelerator,
    },
    /// The wall clock moved against the monotonic clock.
    ClockStep {
        /// By how much, in milliseconds.
        by_ms: i64,
    },
    /// A channel has nothing to play from `at` on (`has_content` false), or has again.
    Content {
        /// Which channel.
        channel: ChannelId,
        /// Whether there is something to play.
        has_content: bool,
        /// Since when.
        at: UtcMillis,
    },
}
