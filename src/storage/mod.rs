//! To be written.

pub mod audit;
pub mod incidents;
pub mod ledger;
