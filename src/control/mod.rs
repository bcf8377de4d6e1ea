//! Use cases: the only place that changes anything.

pub mod operations;
