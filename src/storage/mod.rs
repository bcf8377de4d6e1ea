//! Keeps what must not be lost in one SQLite file.
//!
//! [`Db`] is the whole of it: every write is one transaction on one writer thread, every read sees
//! one committed state on a connection of its own. What is acknowledged is on the disk: the write
//! has been fsynced before its future completes, so neither `kill -9` nor a power cut takes it
//! back. The price is one fsync a write; callers put what belongs together into one write.
//!
//! One file a table group holds the typed functions as `impl Db`; nothing above this module
//! writes SQL. Schema changes are folders in `migrations/`, embedded in the binary, applied at
//! open, never edited after they were released.
//!
//! Deliberately absent: an ORM, a second database engine, a cache. SQLite's page cache is the
//! cache, and what the tune path needs is kept in memory by `control`.

mod airings;
pub mod audit;
mod backups;
mod channels;
mod collections;
mod columns;
mod db;
mod error;
pub mod incidents;
mod keys;
pub mod ledger;
mod libraries;
mod media;
mod migrate;
mod plans;
mod profiles;
mod readers;
mod resolutions;
mod search;
pub mod sessions;
mod settings;
mod slates;
mod timelines;
mod watermarks;
mod writer;

#[cfg(test)]
mod tests;

pub use db::Db;
pub use error::StorageError;
pub use keys::StoredKey;
pub use media::Upserted;
pub use migrate::SchemaChange;
pub use plans::Plan;
pub use search::FoundValue;
