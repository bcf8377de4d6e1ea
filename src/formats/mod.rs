//! Formats that others define: what we read from disk and what clients read from us. All pure.

pub mod nfo;
