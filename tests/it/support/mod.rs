//! What the tests share: media, programs and servers.

pub mod app;
pub mod media;
pub mod nginx;
pub mod picture;
pub mod programs;
pub mod tune;
