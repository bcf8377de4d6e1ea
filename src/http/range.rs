//! `Range` and what it is conditional on. PURE.

use std::ops::Range;

/// What a `Range` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    /// Everything, also when the header says nothing that is understood.
    All,
    /// These bytes; not empty.
    Part(Range<u64>),
    /// Bytes that there are not.
    Beyond,
}

impl Asked {
    /// Reads `range` over `length` bytes.
    ///
    /// Several ranges at once are answered with the whole, as the standard allows: no player asks
    /// for them, and answering many small ones is how servers are worn out.
    pub(super) fn of(range: &str, length: u64) -> Self {
        let spec = range.trim().strip_prefix("bytes=").map(str::trim);
        let Some((first, last)) = spec.and_then(|spec| spec.split_once('-')) else {
            return Self::All;
        };
        match (number(first), number(last)) {
            (Some(first), _) if last.is_empty() && first >= length => Self::Beyond,
            (Some(first), _) if last.is_empty() => Self::Part(first..length),
            (Some(first), Some(last)) if last < first => Self::All,
            (Some(first), Some(_)) if first >= length => Self::Beyond,
            (Some(first), Some(last)) => Self::Part(first..length.min(last.saturating_add(1))),
            (None, Some(count)) if first.is_empty() && (count == 0 || length == 0) => Self::Beyond,
            (None, Some(count)) if first.is_empty() => {
                Self::Part(length.saturating_sub(count)..length)
            }
            (Some(_) | None, Some(_) | None) => Self::All,
        }
    }
}

/// Digits and nothing else; more of them than any file has bytes are a very large number.
fn number(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_range_is_read_as_the_standard_says() {
        for (range, expected) in [
            ("bytes=0-", Asked::Part(0..100)),
            ("bytes=0-0", Asked::Part(0..1)),
            ("bytes=10-19", Asked::Part(10..20)),
            ("bytes=90-1000", Asked::Part(90..100)),
            ("bytes=-10", Asked::Part(90..100)),
            ("bytes=-1000", Asked::Part(0..100)),
            ("bytes=99-", Asked::Part(99..100)),
            ("bytes=100-", Asked::Beyond),
            ("bytes=99999999999999999999999-", Asked::Beyond),
            ("bytes=-0", Asked::Beyond),
            ("bytes=5-4", Asked::All),
            ("bytes=0-1,5-6", Asked::All),
            ("bytes=-", Asked::All),
            ("bytes=+1-2", Asked::All),
            ("bytes", Asked::All),
            ("items=0-1", Asked::All),
        ] {
            assert_eq!(Asked::of(range, 100), expected, "{range}");
        }
        assert_eq!(Asked::of("bytes=0-", 0), Asked::Beyond);
        assert_eq!(Asked::of("bytes=-5", 0), Asked::Beyond);
    }

    proptest! {
        #[test]
        fn a_part_is_never_empty_and_never_outside(range in "bytes=[0-9]{0,3}-[0-9]{0,3}", length in 0_u64..500) {
            if let Asked::Part(part) = Asked::of(&range, length) {
                prop_assert!(part.start < part.end && part.end <= length);
            }
        }
    }
}
