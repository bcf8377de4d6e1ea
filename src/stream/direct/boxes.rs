//! The boxes of an MP4 file, as ranges of bytes. PURE.
//!
//! Written here, because no crate gives what is needed: `re_mp4` (0.5) never ends on a box of size
//! zero inside another one, panics on tables that disagree and expands every sample to 56 bytes
//! before anything can be refused. Here tables stay the rows that they are in the file, every range
//! is checked against the box around it, and nothing grows with what a file merely claims.

use std::ops::Range;

/// A box: its type and where its content lies in the bytes it was found in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) kind: [u8; 4],
    pub(super) content: Range<usize>,
}

/// The boxes in a row in `range` of `bytes`; ends where something does not parse.
pub(super) fn boxes(bytes: &[u8], range: Range<usize>) -> impl Iterator<Item = Found> + '_ {
    let mut at = range.start;
    let end = range.end.min(bytes.len());
    std::iter::from_fn(move || {
        let head = Head::parse(bytes.get(at..end)?)?;
        let length = usize::try_from(head.length.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
        let next = if head.length.is_some() { at.checked_add(length)? } else { end };
        if next > end {
            return None;
        }
        let content = at + head.header..next;
        at = next;
        Some(Found { kind: head.kind, content })
    })
}

/// The first box of type `kind` in `range`.
pub(super) fn child(bytes: &[u8], range: &Range<usize>, kind: &[u8; 4]) -> Option<Range<usize>> {
    boxes(bytes, range.clone()).find(|found| found.kind == *kind).map(|found| found.content)
}

/// The first box down a path of types.
pub(super) fn path(bytes: &[u8], range: &Range<usize>, kinds: &[&[u8; 4]]) -> Option<Range<usize>> {
    let mut range = range.clone();
    for kind in kinds {
        range = child(bytes, &range, kind)?;
    }
    Some(range)
}

/// What the first bytes of a box say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) kind: [u8; 4],
    /// Bytes before the content: 8 or 16.
    pub(super) header: usize,
    /// Bytes of the whole box, at least `header`; `None` when it reaches to the end.
    pub(super) length: Option<u64>,
}

impl Head {
    /// Reads a head; `None` when it is cut off or shorter than itself.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let length = be32(bytes, 0)?;
        let kind = *bytes.get(4..)?.first_chunk::<4>()?;
        let (header, shortest, length) = match length {
            0 => (8, 8, None),
            1 => (16, 16, Some(be64(bytes, 8)?)),
            short => (8, 8, Some(u64::from(short))),
        };
        let possible = length.is_none_or(|length| length >= shortest);
        possible.then_some(Self { kind, header, length })
    }
}

/// A big-endian number of 32 bits.
pub(super) fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// A big-endian number of 64 bits.
pub(super) fn be64(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Rows of one width, such as the entries of a sample table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rows {
    /// Where the first one lies.
    pub(super) at: usize,
    pub(super) count: u32,
    /// Bytes of one.
    pub(super) width: usize,
}

impl Rows {
    /// The rows of a full box: version, flags, anything up to `skip`, a count and the rows.
    pub(super) fn of(
        bytes: &[u8],
        content: &Range<usize>,
        skip: usize,
        width: usize,
    ) -> Option<Self> {
        let count = be32(bytes.get(content.clone())?, skip)?;
        let at = content.start + skip + 4;
        let room = content.end.checked_sub(at)?;
        let fits = usize::try_from(count).ok()?.checked_mul(width)? <= room;
        fits.then_some(Self { at, count, width })
    }

    /// Row `index`, in the bytes that [`Self::of`] was given.
    pub(super) fn row<'a>(&self, bytes: &'a [u8], index: u32) -> Option<&'a [u8]> {
        if index >= self.count {
            return None;
        }
        let at = self.at + usize::try_from(index).ok()? * self.width;
        bytes.get(at..at + self.width)
    }
}

/// The values of a table of `(count, value)` rows, one after the other.
#[derive(Debug)]
pub(super) struct Spread<'a> {
    bytes: &'a [u8],
    rows: Rows,
    next: u32,
    left: u32,
    value: u32,
}

impl<'a> Spread<'a> {
    /// From the first on.
    pub(super) fn new(bytes: &'a [u8], rows: Rows) -> Self {
        Self { bytes, rows, next: 0, left: 0, value: 0 }
    }
}

impl Iterator for Spread<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        while self.left == 0 {
            let row = self.rows.row(self.bytes, self.next)?;
            self.next += 1;
            self.left = be32(row, 0)?;
            self.value = be32(row, 4)?;
        }
        self.left -= 1;
        Some(self.value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn boxes_are_found_and_a_size_that_lies_ends_the_list() {
        let bytes = b"\0\0\0\x0Aaaaa12\0\0\0\x01bbbb\0\0\0\0\0\0\0\x11x\0\0\0\0ccccrest";
        let kinds: Vec<Found> = boxes(bytes, 0..bytes.len()).collect();
        assert_eq!(kinds[0], Found { kind: *b"aaaa", content: 8..10 });
        assert_eq!(kinds[1], Found { kind: *b"bbbb", content: 26..27 });
        assert_eq!(kinds[2], Found { kind: *b"cccc", content: 35..39 });
        assert_eq!(boxes(b"\0\0\0\x04aaaa", 0..8).count(), 0);
        assert_eq!(boxes(b"\0\0\0\x09aaaa", 0..8).count(), 0);
    }

    #[test]
    fn rows_must_fit_their_box() {
        let bytes = [0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 7];
        let rows = Rows::of(&bytes, &(0..24), 4, 8).unwrap();
        assert_eq!(Spread::new(&bytes, rows).collect::<Vec<_>>(), [9, 9, 9, 7]);
        assert_eq!(Rows::of(&bytes, &(0..23), 4, 8), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_walked_without_panic(bytes in proptest::collection::vec(0_u8..20, 0..200)) {
            let total: usize = boxes(&bytes, 0..bytes.len()).map(|found| found.content.len()).sum();
            prop_assert!(total <= bytes.len());
        }
    }
}
