//! Chance that follows from its arguments: the same seed gives the same plan, anywhere.

/// A number that looks random, but follows from its parts.
pub(super) fn hash(seed: u64, parts: impl IntoIterator<Item = u64>) -> u64 {
    parts.into_iter().fold(seed, |state, part| split_mix(state ^ part))
}

/// A number for a text; the same on every machine and in every version.
pub(super) fn hash_text(text: &str) -> u64 {
    // FNV-1a, then mixed, because it leaves the upper bits of short texts alike.
    let fold = |state: u64, byte: u8| (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
    split_mix(text.bytes().fold(0xCBF2_9CE4_8422_2325, fold))
}

/// One of `count` by lot; 0 for none.
pub(super) fn one_of(count: usize, roll: u64) -> usize {
    let count = count.max(1) as u64;
    usize::try_from(roll % count).unwrap_or_default()
}

/// One of several by weight; a weight of 0 counts as 1. `None` without any.
pub(super) fn weighted(weights: impl Iterator<Item = u32> + Clone, roll: u64) -> Option<usize> {
    let total: u64 = weights.clone().map(|weight| u64::from(weight.max(1))).sum();
    if total == 0 {
        return None;
    }
    let mut left = roll % total;
    for (index, weight) in weights.enumerate() {
        let weight = u64::from(weight.max(1));
        if left < weight {
            return Some(index);
        }
        left -= weight;
    }
    None
}

/// One step of the `SplitMix64` generator (Steele, Lea, Flood 2014): a bijection of 64 bits whose
/// output passes as random.
fn split_mix(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_kept_in_the_long_run() {
        let mut drawn = [0_u32; 3];
        for roll in 0..6_000 {
            drawn[weighted([1, 0, 4].into_iter(), hash(1, [roll])).unwrap()] += 1;
        }
        assert!((800..1_200).contains(&drawn[0]), "{drawn:?}");
        assert!((800..1_200).contains(&drawn[1]), "{drawn:?}");
        assert_eq!(weighted([].into_iter(), 7), None);
    }
}
