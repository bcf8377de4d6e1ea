//! Instants: UTC, in milliseconds.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// An instant as milliseconds since 1970-01-01T00:00:00Z, leap seconds ignored.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct UtcMillis(pub i64);

impl UtcMillis {
    /// Whole seconds since the epoch, rounded down.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Milliseconds from `earlier` to this instant; negative when `earlier` is later.
    pub fn since(self, earlier: Self) -> i64 {
        self.0 - earlier.0
    }

    /// The instant `ms` milliseconds later (earlier when negative).
    pub fn plus_ms(self, ms: i64) -> Self {
        Self(self.0 + ms)
    }
}

impl Add<Duration> for UtcMillis {
    type Output = Self;

    fn add(self, step: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(step.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for UtcMillis {
    type Output = Self;

    fn sub(self, step: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(step.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for UtcMillis {
    /// Writes RFC 3339 with milliseconds, or the bare number outside the calendar's range.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(at) => write!(f, "{at:.3}"),
            Err(_) => write!(f, "{}ms", self.0),
        }
    }
}
