//! Use cases: the only place that changes anything.

pub mod guard;
pub mod ledger;
pub mod operations;
