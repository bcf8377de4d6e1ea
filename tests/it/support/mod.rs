//! What the tests share: media, programs and servers.

pub mod media;
pub mod programs;
