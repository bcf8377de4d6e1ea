//! Tests of the repository and of the whole server, in one binary so that they link once.
//!
//! `tidy` holds what the compiler cannot; everything else starts a server through `support`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failing test may panic")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test may tell what it measured")]
#![allow(missing_docs, unreachable_pub, reason = "nobody imports a test")]

mod broadcasts;
mod clients;
mod demo;
mod direct;
mod durable;
mod guide_clients;
mod hls;
mod hls_fragments;
mod hls_texts;
mod hls_voices;
mod http;
mod mixed;
mod on_air;
mod operator;
mod originals;
mod profiles;
mod schedules;
mod search;
mod sessions;
mod slates;
mod soak;
mod strangers;
mod support;
mod tidy;
mod transcoding;
mod upstreams;
