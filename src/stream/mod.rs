//! Streaming: media becomes one endless transport stream a channel.

pub mod pool;
pub mod rendition;
