//! The elements of a Matroska file, and the frames in its blocks. PURE.
//!
//! Written here, because `matroska-demuxer` (0.8) hands out neither the places of frames nor the
//! cues, reads every byte on its way, and seeks by the wrong cluster.

use std::ops::Range;

/// What the first bytes of an element say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) id: u32,
    /// Bytes before the content: 2 to 12.
    pub(super) header: usize,
    /// Bytes of content; `None` when it is not stated.
    pub(super) length: Option<u64>,
}

/// The longest head of an element.
pub(super) const LONGEST_HEAD: usize = 12;

impl Element {
    /// Reads a head; `None` when it is cut off or impossible.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let id_length = usize::try_from(bytes.first()?.leading_zeros()).ok()? + 1;
        if id_length > 4 {
            return None;
        }
        let id = bytes.get(..id_length)?.iter().fold(0, |id, byte| id << 8 | u32::from(*byte));
        let (length, size) = number(bytes.get(id_length..)?)?;
        // All ones mean that the length is not known.
        let unknown = length == (1 << (7 * size)) - 1;
        Some(Self { id, header: id_length + size, length: (!unknown).then_some(length) })
    }
}

/// The elements in `bytes`, each with its content; ends where something does not parse.
pub(super) fn elements(bytes: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let head = Element::parse(rest)?;
        let length = usize::try_from(head.length?).ok()?;
        let content = rest.get(head.header..head.header.checked_add(length)?)?;
        rest = &rest[head.header + length..];
        Some((head.id, content))
    })
}

/// The content of the first element `id` in `bytes`.
pub(super) fn find(bytes: &[u8], id: u32) -> Option<&[u8]> {
    elements(bytes).find(|(found, _)| *found == id).map(|(_, content)| content)
}

/// An unsigned number as content; `None` when it is too long.
pub(super) fn unsigned(content: &[u8]) -> Option<u64> {
    let fits = content.len() <= 8;
    fits.then(|| content.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
}

/// A number of variable length without its marker, and how many bytes it takes.
fn number(bytes: &[u8]) -> Option<(u64, usize)> {
    let first = *bytes.first()?;
    let size = usize::try_from(first.leading_zeros()).ok()? + 1;
    if size > 8 {
        return None;
    }
    let (head, tail) = bytes.get(..size)?.split_first()?;
    let head = u64::from(*head) & ((1 << (8 - size)) - 1);
    Some((tail.iter().fold(head, |sum, byte| sum << 8 | u64::from(*byte)), size))
}

/// What stands in front of the frames of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) track: u64,
    /// Time after that of its cluster.
    pub(super) time: i16,
    /// Where its frames are in the content of the block.
    pub(super) frames: Vec<Range<usize>>,
}

impl Block {
    /// Reads the content of a block; `None` when it is damaged.
    pub(super) fn parse(content: &[u8]) -> Option<Self> {
        let (track, size) = number(content)?;
        let &[high, low, flags] = content.get(size..size + 3)? else { return None };
        let at = size + 3;
        let frames = match flags >> 1 & 3 {
            0 => std::iter::once(at..content.len()).collect(),
            lacing => laced(content, at, lacing)?,
        };
        Some(Self { track, time: i16::from_be_bytes([high, low]), frames })
    }
}

/// The frames of a block that holds several.
fn laced(content: &[u8], at: usize, lacing: u8) -> Option<Vec<Range<usize>>> {
    let count = usize::from(*content.get(at)?) + 1;
    let mut at = at + 1;
    let mut sizes = Vec::with_capacity(count);
    match lacing {
        // All of one size.
        2 => {
            let room = content.len() - at;
            let size = room / count;
            (size * count == room).then_some(())?;
            sizes.resize(count, size);
        }
        // Sums of bytes, each sum ending with one below 255.
        1 => {
            for _ in 1..count {
                let mut size = 0;
                loop {
                    let byte = *content.get(at)?;
                    at += 1;
                    size += usize::from(byte);
                    if byte != 255 {
                        break;
                    }
                }
                sizes.push(size);
            }
        }
        // The first one, then differences.
        _ => {
            let mut size = 0_i64;
            for nth in 1..count {
                let (value, length) = number(content.get(at..)?)?;
                at += length;
                let value = i64::try_from(value).ok()?;
                let middle = (1_i64 << (7 * length - 1)) - 1;
                size = if nth == 1 { value } else { size.checked_add(value - middle)? };
                sizes.push(usize::try_from(size).ok()?);
            }
        }
    }
    if lacing != 2 {
        let stated = sizes.iter().try_fold(0_usize, |sum, size| sum.checked_add(*size))?;
        sizes.push(content.len().checked_sub(at)?.checked_sub(stated)?);
    }
    let mut frames = Vec::with_capacity(count);
    for size in sizes {
        frames.push(at..at + size);
        at += size;
    }
    Some(frames)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn elements_are_found_by_their_ids() {
        let bytes = [0xE7, 0x81, 21, 0x1F, 0x43, 0xB6, 0x75, 0x40, 2, 0xEC, 0x80];
        let all: Vec<(u32, &[u8])> = elements(&bytes).collect();
        assert_eq!(all, [(0xE7, &[21_u8][..]), (0x1F43_B675, &[0xEC, 0x80][..])]);
        let unknown =
            Element::parse(&[0x1F, 0x43, 0xB6, 0x75, 1, 255, 255, 255, 255, 255, 255, 255]);
        assert_eq!(unknown.map(|element| (element.header, element.length)), Some((12, None)));
    }

    #[test]
    fn all_kinds_of_lacing_give_the_frames() {
        let check = |content: &[u8], sizes: &[usize]| {
            let block = Block::parse(content).unwrap();
            assert_eq!((block.track, block.time), (2, -3));
            let found: Vec<usize> = block.frames.iter().map(ExactSizeIterator::len).collect();
            assert_eq!(found, sizes);
            assert_eq!(block.frames.last().unwrap().end, content.len());
        };
        check(&[0x82, 255, 253, 0x80, 1, 2, 3], &[3]);
        check(&[0x82, 255, 253, 0x84, 1, 1, 2, 3, 4], &[2, 2]);
        check(&[0x82, 255, 253, 0x82, 2, 1, 2, 9, 8, 8, 7], &[1, 2, 1]);
        // 3, then one less, then the rest.
        check(&[0x82, 255, 253, 0x86, 2, 0x83, 0xBE, 1, 2, 3, 4, 5, 6], &[3, 2, 1]);
        assert_eq!(Block::parse(&[0x82, 0, 0, 0x82, 2, 200, 2, 9]), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let total: usize = elements(&bytes).map(|(_, content)| content.len()).sum();
            prop_assert!(total <= bytes.len());
            if let Some(block) = Block::parse(&bytes) {
                prop_assert!(block.frames.iter().all(|frame| frame.end <= bytes.len()));
            }
        }
    }
}
