//! Streaming: media becomes one endless transport stream a channel.

pub mod compose;
pub mod conform;
#[cfg(test)]
mod fake;
pub mod ffmpeg;
pub mod pool;
pub mod rendition;
pub mod store;
