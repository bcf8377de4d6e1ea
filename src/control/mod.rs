//! Use cases: the only place that changes anything.

pub mod guard;
pub mod guide;
pub mod ledger;
pub mod libraries;
pub mod operations;
