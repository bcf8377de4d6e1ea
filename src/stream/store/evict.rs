//! Which rendition goes when the cache is full. PURE.

use crate::domain::UtcMillis;

/// A rendition that may have to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate {
    /// When it is next on air, as far as timelines are known; the present when it is on air now.
    pub(super) next_use: Option<UtcMillis>,
    /// Counts up with every use; larger is more recent.
    pub(super) touched: u64,
    /// Slates and what is being written stay.
    pub(super) pinned: bool,
}

/// Chooses what goes in favour of something that is needed at `needed`.
///
/// First what no timeline names, longest unused first; then what is needed latest. What is needed
/// as early as the newcomer, or earlier, stays: `None` means that the newcomer has no room.
pub(super) fn victim(candidates: &[Candidate], needed: Option<UtcMillis>) -> Option<usize> {
    let free = candidates.iter().enumerate().filter(|(_, candidate)| !candidate.pinned);
    let worth = |candidate: &Candidate| match candidate.next_use {
        None => (i64::MIN, candidate.touched),
        // Later is worth less; what is named is always worth more than what is not.
        Some(at) => (-at.0, candidate.touched),
    };
    let (index, worst) = free.min_by_key(|(_, candidate)| worth(candidate))?;
    match (worst.next_use, needed) {
        (None, _) => Some(index),
        (Some(_), None) => None,
        (Some(used), Some(needed)) => (used > needed).then_some(index),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Chooses among `candidates` (`-` or next use, `!` for pinned; touched in order).
    fn check(candidates: &str, needed: Option<i64>, expected: Option<usize>) {
        let parse = |(touched, word): (u64, &str)| Candidate {
            next_use: word.trim_end_matches('!').parse().ok().map(UtcMillis),
            touched,
            pinned: word.ends_with('!'),
        };
        let candidates: Vec<Candidate> = (0..).zip(candidates.split(' ')).map(parse).collect();
        assert_eq!(victim(&candidates, needed.map(UtcMillis)), expected);
    }

    #[test]
    fn what_nobody_needs_goes_first_and_the_oldest_of_it() {
        check("500 - 900 -", Some(10), Some(1));
        check("500 -! 900 -", None, Some(3));
    }

    #[test]
    fn then_goes_what_is_needed_last_unless_the_newcomer_is_needed_later() {
        check("500 900 700", Some(600), Some(1));
        check("500 900 700", Some(900), None);
        check("500 900 700", None, None);
        check("500! 900!", Some(1), None);
    }
}
