//! Streaming: media becomes one endless transport stream a channel.

pub mod ffmpeg;
pub mod pool;
pub mod rendition;
pub mod store;
