//! Which of several pieces fill a time exactly, or as nearly as they can.

/// Times are compared in steps of this many milliseconds.
const STEP_MS: i64 = 250;

/// Positions of the pieces to play, in the order given; empty when none fits.
///
/// Their sum is at most `over_ms` above the budget (the last is cut then) and otherwise as close
/// below it as it can be. Earlier pieces are preferred: a later one is taken only where it helps.
/// With `again`, a piece may come several times. The time taken is bounded by the budget in steps
/// times the number of pieces.
pub(super) fn fill(lengths: &[i64], budget_ms: i64, over_ms: i64, again: bool) -> Vec<usize> {
    let steps = |ms: i64| usize::try_from(ms / STEP_MS).unwrap_or_default();
    let budget = steps(budget_ms);
    let most = steps(budget_ms.saturating_add(over_ms));
    // For each sum that can be reached, the piece that reached it first.
    let mut by: Vec<Option<usize>> = vec![None; most + 1];
    let mut reached = 0;
    for (piece, length) in lengths.iter().enumerate() {
        // Rounded up, so that the sum of the true lengths is never above that of the steps.
        let length = steps(length.saturating_add(STEP_MS - 1)).max(1);
        if length > most {
            continue;
        }
        let extend = |sum: usize, by: &mut Vec<Option<usize>>, reached: &mut usize| {
            let from = sum - length;
            if by[sum].is_none() && sum > 0 && (from == 0 || by[from].is_some()) {
                by[sum] = Some(piece);
                *reached = (*reached).max(sum);
            }
        };
        if again {
            (length..=most).for_each(|sum| extend(sum, &mut by, &mut reached));
        } else {
            (length..=most).rev().for_each(|sum| extend(sum, &mut by, &mut reached));
        }
        if (budget..=most).any(|sum| by[sum].is_some()) {
            break;
        }
    }
    let best = (budget..=most).find(|sum| by[*sum].is_some()).unwrap_or(reached.min(budget));
    let mut chosen = Vec::new();
    let mut sum = best;
    while let Some(piece) = by.get(sum).copied().flatten() {
        chosen.push(piece);
        sum -= steps(lengths[piece].saturating_add(STEP_MS - 1)).max(1);
    }
    chosen.sort_unstable();
    chosen
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn commercials_that_fit_exactly_are_found() {
        assert_eq!(fill(&[30_000, 20_000, 45_000, 15_000], 60_000, 0, false), [2, 3]);
        assert_eq!(fill(&[40_000, 35_000], 60_000, 0, false), [0]);
        assert_eq!(fill(&[40_000, 20_000], 120_000, 0, true), [0, 0, 0]);
        assert_eq!(fill(&[70_000], 60_000, 0, false), [0_usize; 0]);
        assert_eq!(fill(&[], 60_000, 0, false), [0_usize; 0]);
        assert_eq!(fill(&[10_000], 0, 0, false), [0_usize; 0]);
        // A second over is cut; a second short would be the slate.
        assert_eq!(fill(&[59_000, 60_500], 60_000, 1_000, false), [1]);
    }

    proptest! {
        #[test]
        fn what_is_chosen_fits_and_comes_once(
            lengths in prop::collection::vec(1_i64..200_000, 0..12),
            budget in 0_i64..600_000,
            over in 0_i64..2_000,
            again: bool,
        ) {
            let chosen = fill(&lengths, budget, over, again);
            let sum: i64 = chosen.iter().map(|index| lengths[*index]).sum();
            prop_assert!(sum <= budget + over);
            if !again {
                prop_assert!(chosen.windows(2).all(|pair| pair[0] < pair[1]));
            }
            let shortest = lengths.iter().copied().min().unwrap_or(i64::MAX);
            prop_assert!(!chosen.is_empty() || shortest > budget - 500);
        }
    }
}
