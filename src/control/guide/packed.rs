//! A text in memory, deflated in parts cut where this server's address goes.
//!
//! Every part ends on a byte and refers to nothing outside itself. A gzip answer is the parts with
//! the address stored between them, a plain answer inflates them as it is sent. So one text serves
//! every host name and both encodings, and a request never compresses.

use std::sync::Arc;

use bytes::Bytes;
use flate2::{Compress, Compression, Crc, Decompress, FlushCompress, FlushDecompress};
use sha2::{Digest, Sha256};

use crate::formats::xmltv::Output;

/// Bytes of text that are inflated at a time, and of an answer that are sent at a time.
const CHUNK: usize = 64 * 1024;

/// See the module. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Packed {
    parts: Arc<[Part]>,
}

/// A deflated part, without a final block.
#[derive(Debug)]
struct Part {
    deflated: Bytes,
    /// Of the text; knows its length modulo 2³².
    crc: Crc,
    /// Length of the text.
    length: usize,
}

/// Deflate, no name, no time, unknown system: the same bytes wherever it is made.
const GZIP_HEAD: [u8; 10] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255];

/// An empty last block, which ends the deflated text.
const LAST_BLOCK: [u8; 2] = [0x03, 0x00];

/// Bytes of a stored block besides its text.
const STORED: usize = 5;

impl Packed {
    /// The text with `base` where the address goes, in chunks inflated as they are asked for.
    pub(super) fn chunks(&self, base: &str) -> Chunks {
        let base = Bytes::copy_from_slice(base.as_bytes());
        Chunks { parts: Arc::clone(&self.parts), base, index: 0, inflating: None }
    }

    /// Length of the text in bytes.
    pub(super) fn length(&self, base: &str) -> usize {
        let text: usize = self.parts.iter().map(|part| part.length).sum();
        text + base.len() * (self.parts.len() - 1)
    }

    /// The same, gzipped, in chunks put together as they are asked for.
    pub(super) fn gzip(&self, base: &str) -> Gzip {
        let base = Bytes::copy_from_slice(&base.as_bytes()[..base.len().min(65_535)]);
        Gzip {
            parts: Arc::clone(&self.parts),
            base,
            index: 0,
            at: 0,
            is_over: false,
            crc: Crc::new(),
        }
    }

    /// Length of the gzipped text in bytes.
    pub(super) fn gzip_length(&self, base: &str) -> usize {
        let deflated: usize = self.parts.iter().map(|part| part.deflated.len()).sum();
        let bases = (self.parts.len() - 1) * (base.len().min(65_535) + STORED);
        GZIP_HEAD.len() + deflated + bases + LAST_BLOCK.len() + 8
    }

    /// Sixteen digits that change with the text.
    pub(super) fn digest(&self) -> String {
        let mut digest = Sha256::new();
        self.parts.iter().for_each(|part| digest.update(&part.deflated));
        hex::encode(&digest.finalize()[..8])
    }
}

/// Takes the guide as it is written and deflates it.
///
/// Not with `flate2`'s own writer: its flush forgets the end mark when its buffer is full.
#[derive(Debug)]
pub(super) struct Packer {
    /// Text of the current part that is not deflated yet.
    waiting: String,
    deflate: Compress,
    deflated: Vec<u8>,
    crc: Crc,
    length: usize,
    parts: Vec<Part>,
}

impl Packer {
    /// More than deflate ever holds back, so that one call always takes and gives everything.
    const ROOM: usize = 4 * CHUNK;

    /// How a flushed part ends: an empty stored block, after which a byte begins.
    const END_MARK: [u8; 4] = [0, 0, 0xFF, 0xFF];

    pub(super) fn new() -> Self {
        Self {
            waiting: String::with_capacity(2 * CHUNK),
            deflate: Compress::new(Compression::new(4), false),
            deflated: Vec::new(),
            crc: Crc::new(),
            length: 0,
            parts: Vec::new(),
        }
    }

    fn take_waiting(&mut self) {
        let text = std::mem::take(&mut self.waiting);
        self.crc.update(text.as_bytes());
        self.length += text.len();
        self.squeeze(text.as_bytes(), FlushCompress::None);
        self.waiting = text;
        self.waiting.clear();
    }

    fn squeeze(&mut self, mut text: &[u8], flush: FlushCompress) {
        loop {
            self.deflated.reserve(Self::ROOM);
            let before = self.deflate.total_in();
            let squeezed = self.deflate.compress_vec(text, &mut self.deflated, flush);
            debug_assert!(squeezed.is_ok(), "deflate fails only when it is used after its end");
            let taken = usize::try_from(self.deflate.total_in() - before).unwrap_or(text.len());
            text = &text[taken.min(text.len())..];
            if text.is_empty() || squeezed.is_err() {
                return;
            }
        }
    }

    fn end_part(&mut self) {
        self.take_waiting();
        if self.length > 0 {
            self.squeeze(&[], FlushCompress::Sync);
            debug_assert!(self.deflated.ends_with(&Self::END_MARK), "a part ends on a byte");
        }
        self.parts.push(Part {
            deflated: Bytes::copy_from_slice(&self.deflated),
            crc: std::mem::take(&mut self.crc),
            length: std::mem::take(&mut self.length),
        });
        self.deflated.clear();
        // What follows must not refer back beyond the address.
        self.deflate.reset();
    }

    pub(super) fn finish(mut self) -> Packed {
        self.end_part();
        Packed { parts: self.parts.into() }
    }
}

impl Output for Packer {
    fn text(&mut self, text: &str) {
        self.waiting.push_str(text);
        if self.waiting.len() >= CHUNK {
            self.take_waiting();
        }
    }

    fn base(&mut self) {
        self.end_part();
    }
}

/// A guide's text as it is inflated; shares the snapshot's memory.
#[derive(Debug)]
pub struct Chunks {
    parts: Arc<[Part]>,
    base: Bytes,
    /// The part that comes next.
    index: usize,
    /// The part before that, while there is more of it.
    inflating: Option<Decompress>,
}

impl Iterator for Chunks {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(chunk) = self.inflate() {
                return Some(chunk);
            }
            if self.index >= self.parts.len() {
                return None;
            }
            self.inflating = Some(Decompress::new(false));
            self.index += 1;
            if self.index > 1 && !self.base.is_empty() {
                return Some(self.base.clone());
            }
        }
    }
}

impl Chunks {
    /// The next chunk of the part that is being inflated, or `None` at its end.
    fn inflate(&mut self) -> Option<Bytes> {
        let inflating = self.inflating.as_mut()?;
        let part = self.parts.get(self.index.checked_sub(1)?)?;
        let done = usize::try_from(inflating.total_out()).ok()?;
        let left = part.length.checked_sub(done).filter(|left| *left > 0)?;
        let read = usize::try_from(inflating.total_in()).ok()?;
        let mut chunk = Vec::with_capacity(left.min(CHUNK));
        let deflated = part.deflated.get(read..)?;
        if let Err(error) = inflating.decompress_vec(deflated, &mut chunk, FlushDecompress::None) {
            tracing::error!("the guide in memory is damaged: {error}");
            return None;
        }
        (!chunk.is_empty()).then(|| Bytes::from(chunk))
    }
}

/// A guide's text, gzipped, as it is put together; shares the snapshot's memory.
#[derive(Debug)]
pub struct Gzip {
    parts: Arc<[Part]>,
    base: Bytes,
    /// The part that comes next.
    index: usize,
    /// Where in it.
    at: usize,
    /// Whether the end was given.
    is_over: bool,
    /// Of the text so far.
    crc: Crc,
}

impl Iterator for Gzip {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if self.is_over {
            return None;
        }
        let mut chunk = Vec::with_capacity(CHUNK);
        if self.index == 0 && self.at == 0 {
            chunk.extend(GZIP_HEAD);
        }
        while let Some(part) = self.parts.get(self.index) {
            if !chunk.is_empty() && chunk.len() + STORED + self.base.len() >= CHUNK {
                return Some(Bytes::from(chunk));
            }
            if self.at == 0 {
                if self.index > 0 {
                    store(&mut chunk, &self.base);
                    self.crc.update(&self.base);
                }
                self.crc.combine(&part.crc);
            }
            let left = &part.deflated[self.at..];
            let taken = left.len().min(CHUNK.saturating_sub(chunk.len()));
            chunk.extend_from_slice(&left[..taken]);
            self.at += taken;
            if self.at < part.deflated.len() {
                return Some(Bytes::from(chunk));
            }
            (self.index, self.at) = (self.index + 1, 0);
        }
        self.is_over = true;
        chunk.extend(LAST_BLOCK);
        chunk.extend(self.crc.sum().to_le_bytes());
        chunk.extend(self.crc.amount().to_le_bytes());
        Some(Bytes::from(chunk))
    }
}

/// Adds a stored block: the text as it is. At most 65,535 bytes.
fn store(gzip: &mut Vec<u8>, text: &[u8]) {
    let length = text.len().min(65_535) as u16;
    gzip.push(0);
    gzip.extend(length.to_le_bytes());
    gzip.extend((!length).to_le_bytes());
    gzip.extend_from_slice(&text[..usize::from(length)]);
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_pieces_and_any_address_unpack_to_the_text(
            pieces in prop::collection::vec(prop_oneof!["\\PC{0,30}", long_text()], 1..6),
            base in "\\PC{0,40}",
        ) {
            let mut packer = Packer::new();
            for (index, piece) in pieces.iter().enumerate() {
                if index > 0 {
                    packer.base();
                }
                packer.text(piece);
            }
            let packed = packer.finish();
            let text = pieces.join(&base).into_bytes();
            let plain: Vec<u8> = packed.chunks(&base).flatten().collect();
            prop_assert_eq!(packed.length(&base), plain.len());
            prop_assert_eq!(&plain, &text);
            let gzip: Vec<u8> = packed.gzip(&base).flatten().collect();
            prop_assert_eq!(packed.gzip_length(&base), gzip.len());
            let mut unpacked = Vec::new();
            let mut decoder = flate2::bufread::GzDecoder::new(gzip.as_slice());
            decoder.read_to_end(&mut unpacked).unwrap();
            prop_assert!(decoder.into_inner().is_empty(), "bytes after the end");
            prop_assert_eq!(unpacked, text);
        }
    }

    /// Text that deflates well or badly, up to several buffers long.
    fn long_text() -> impl Strategy<Value = String> {
        (0_u64..20_000, 1_u64..1_000_000).prop_map(|(words, step)| {
            (0..words).map(|n| format!("<p>{:x}", n * step % 65_537)).collect()
        })
    }
}
