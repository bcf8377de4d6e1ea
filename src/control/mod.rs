//! Use cases: the only place that changes anything.

pub mod audit;
pub mod guard;
pub mod guide;
pub mod incidents;
pub mod ledger;
pub mod libraries;
pub mod operate;
pub mod operations;
