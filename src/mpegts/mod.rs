//! MPEG transport streams: taken apart into access units, and put together in units.
//!
//! [`demux`] reads what ffmpeg writes; [`mod@unit`] writes what clients read; [`mod@check`] judges it.
//! Everything is a pure function of bytes and ticks (90 kHz, counted from the Unix epoch as `i64`;
//! only the packets themselves carry them modulo 2³³).
//!
//! Deliberately absent: any program but one, any codec but H.264, HEVC, AAC and AC-3, SDT,
//! encryption.

pub mod ac3;
pub mod adts;
pub mod check;
pub mod coding;
pub mod demux;
pub mod h264;
pub mod hevc;
pub mod packet;
pub mod psi;
pub mod unit;
