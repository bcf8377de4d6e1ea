//! Which place of a broadcast is tried next, and after how long. PURE.
//!
//! A broadcast may be had in several places. They are tried in their order; one that gave a picture
//! for a while is tried again first, as most breaks pass. A round that led nowhere is followed by a
//! longer pause, and after a few rounds the relay gives up: from there on the operator decides.

/// Rounds through all places before it is given up.
const ROUNDS: usize = 3;
/// Pause before the second round, in milliseconds; it doubles with every round.
const PAUSE_MS: i64 = 1_000;
/// Longest pause.
const LONGEST_PAUSE_MS: i64 = 15_000;
/// A place that gave this much picture, in milliseconds, has worked.
const WORKED_MS: i64 = 10_000;

/// One try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Attempt {
    /// Which place.
    pub(super) place: usize,
    /// How long to wait before it, in milliseconds.
    pub(super) pause_ms: i64,
}

/// What was tried so far.
#[derive(Debug)]
pub(super) struct Attempts {
    places: usize,
    /// Tries since one worked.
    failed: usize,
    /// The place that is first in a round.
    first: usize,
}

impl Attempts {
    pub(super) fn new(places: usize) -> Self {
        Self { places, failed: 0, first: 0 }
    }

    /// What to try now; `None` when there is nothing more to try.
    pub(super) fn next(&self) -> Option<Attempt> {
        let round = self.failed.checked_div(self.places)?;
        if round >= ROUNDS {
            return None;
        }
        let begins = self.failed.is_multiple_of(self.places) && round > 0;
        let doubled = PAUSE_MS << (round.max(1) - 1);
        let pause_ms = if begins { doubled.min(LONGEST_PAUSE_MS) } else { 0 };
        Some(Attempt { place: (self.first + self.failed) % self.places, pause_ms })
    }

    /// A try ended after giving this much picture.
    pub(super) fn ended(&mut self, place: usize, shown_ms: i64) {
        if shown_ms >= WORKED_MS {
            self.first = place;
            self.failed = 0;
        } else {
            self.failed += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tries of `places` places that all fail: `place` or `place after pause`.
    fn all(places: usize) -> String {
        let mut attempts = Attempts::new(places);
        let mut text = Vec::new();
        while let Some(Attempt { place, pause_ms }) = attempts.next() {
            text.push(if pause_ms == 0 {
                place.to_string()
            } else {
                format!("{place} after {pause_ms}")
            });
            attempts.ended(place, 100);
        }
        text.join(", ")
    }

    #[test]
    fn every_place_is_tried_in_rounds_with_growing_pauses() {
        assert_eq!(all(1), "0, 0 after 1000, 0 after 2000");
        assert_eq!(all(3), "0, 1, 2, 0 after 1000, 1, 2, 0 after 2000, 1, 2");
        assert_eq!(all(0), "");
    }

    #[test]
    fn a_place_that_worked_is_tried_again_first() {
        let mut attempts = Attempts::new(2);
        attempts.ended(0, 0);
        attempts.ended(1, WORKED_MS);
        assert_eq!(attempts.next(), Some(Attempt { place: 1, pause_ms: 0 }));
        attempts.ended(1, 0);
        assert_eq!(attempts.next(), Some(Attempt { place: 0, pause_ms: 0 }));
    }
}
