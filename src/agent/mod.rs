//! The agent: takes up incidents, plans, proposes, acts with a permit, verifies, records.
//!
//! ```text
//! incident → envelope (hashed) → rules → guard → permit → act → verify → verdict
//! ```
//!
//! It knows the product only through [`crate::control::operations::Operations`]: it can ask and
//! propose, and has no other way to touch anything. What is decided is decided in pure code
//! ([`fsm`], [`rules`], [`envelope`]); [`driver`] does what they say.

pub mod driver;
pub mod envelope;
pub mod fsm;
pub mod persona;
pub mod rules;
pub mod verify;

pub use driver::{Settings, start};
