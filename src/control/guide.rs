//! The guide as it is served: an immutable snapshot, built off the request path and swapped whole.
//!
//! It is deflated while it is written, in parts cut where this server's address goes; every part
//! ends on a byte and refers to nothing outside itself. A gzip answer is the parts with the
//! address stored between them, a plain answer inflates them as it is sent. So one snapshot serves
//! every host name and both encodings, a request never compresses and never waits for a build,
//! and a guide of 250 MB takes 8 MB of memory.

use std::sync::Arc;

use bytes::Bytes;
use flate2::{Compress, Compression, Crc, Decompress, FlushCompress, FlushDecompress};
use sha2::{Digest, Sha256};

use crate::domain::{LineupChannel, Programme, Slot, SlotKind, UtcMillis, programme};
use crate::formats::xmltv::{Output, Writer, wall_to_wall};

/// Longest entry that stands for a hole, in milliseconds.
const FILLER_MS: i64 = 3_600_000;

/// Bytes of text that are inflated at a time.
const CHUNK: usize = 64 * 1024;

/// A guide ready to be served.
#[derive(Debug)]
pub struct Guide {
    /// The text between the places where the address goes.
    parts: Arc<[Part]>,
    digest: String,
    built: UtcMillis,
    channels: usize,
    programmes: usize,
}

/// Why there is no guide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GuideError {
    /// There are no channels; an empty guide makes clients drop what they know.
    #[error("there is no channel to make a guide of")]
    NoChannels,
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

impl Guide {
    /// Builds the guide of `from..until` as of `now`, from the `programmes` of each channel.
    ///
    /// Whatever comes, every channel is covered wall to wall: holes are filled with "No
    /// programming", overlaps cut. Takes time for a large line-up: call it off the runtime.
    ///
    /// # Errors
    /// Without channels.
    pub fn build(
        lineup: &[LineupChannel],
        mut programmes: impl FnMut(&LineupChannel) -> Vec<Programme>,
        now: UtcMillis,
        (from, until): (UtcMillis, UtcMillis),
    ) -> Result<Self, GuideError> {
        if lineup.is_empty() {
            return Err(GuideError::NoChannels);
        }
        let mut packer = Packer::new();
        let mut writer = Writer::begin(&mut packer, lineup);
        let mut count = 0;
        for channel in lineup {
            let filler = |start, stop| nothing(channel, start, stop);
            let entries = programmes(channel);
            for entry in wall_to_wall(entries, from, until, FILLER_MS, &filler) {
                writer.programme(channel, &entry);
                count += 1;
            }
        }
        writer.finish();
        let parts: Arc<[Part]> = packer.finish().into();
        let mut digest = Sha256::new();
        parts.iter().for_each(|part| digest.update(&part.deflated));
        Ok(Self {
            parts,
            digest: hex::encode(&digest.finalize()[..8]),
            built: now,
            channels: lineup.len(),
            programmes: count,
        })
    }

    /// The guide with `base` as this server's address, in one piece.
    pub fn xml(&self, base: &str) -> Bytes {
        let mut text = Vec::with_capacity(self.xml_length(base));
        self.chunks(base).for_each(|chunk| text.extend_from_slice(&chunk));
        Bytes::from(text)
    }

    /// The same in chunks, inflated as they are asked for.
    pub fn chunks(&self, base: &str) -> Chunks {
        let base = Bytes::copy_from_slice(base.as_bytes());
        Chunks { parts: Arc::clone(&self.parts), base, index: 0, inflating: None }
    }

    /// Length of [`Self::xml`] in bytes.
    pub fn xml_length(&self, base: &str) -> usize {
        let text: usize = self.parts.iter().map(|part| part.length).sum();
        text + base.len() * (self.parts.len() - 1)
    }

    /// The guide with `base` as this server's address, gzipped.
    pub fn xml_gz(&self, base: &str) -> Bytes {
        let base = base.as_bytes();
        let length: usize =
            self.parts.iter().map(|part| part.deflated.len() + base.len() + 5).sum();
        let mut gzip = Vec::with_capacity(length + 20);
        // Deflate, no name, no time, unknown system: the same bytes wherever it is made.
        gzip.extend([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255]);
        let mut crc = Crc::new();
        for (index, part) in self.parts.iter().enumerate() {
            if index > 0 {
                store(&mut gzip, base);
                crc.update(base);
            }
            gzip.extend_from_slice(&part.deflated);
            crc.combine(&part.crc);
        }
        // An empty last block, then the check sum and the length of the text.
        gzip.extend([0x03, 0x00]);
        gzip.extend(crc.sum().to_le_bytes());
        gzip.extend(crc.amount().to_le_bytes());
        Bytes::from(gzip)
    }

    /// The entity tag, quotes included; another address or encoding is another entity.
    pub fn etag(&self, base: &str, gzip: bool) -> String {
        let mut crc = Crc::new();
        crc.update(base.as_bytes());
        let suffix = if gzip { "-gz" } else { "" };
        format!("\"{}-{:08x}{suffix}\"", self.digest, crc.sum())
    }

    /// When it was built, as HTTP writes dates (`Sun, 22 Nov 2026 04:00:00 GMT`).
    pub fn last_modified(&self) -> String {
        let at = jiff::Timestamp::from_second(self.built.seconds())
            .unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        at.to_zoned(jiff::tz::TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }

    /// When it was built.
    pub fn built(&self) -> UtcMillis {
        self.built
    }

    /// How many channels it has.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// How many programmes it has.
    pub fn programmes(&self) -> usize {
        self.programmes
    }
}

/// An entry for a time in which nothing is planned.
fn nothing(channel: &LineupChannel, start: UtcMillis, stop: UtcMillis) -> Programme {
    let title = crate::schedule::NO_PROGRAMMING.to_owned();
    let slot = Slot {
        start,
        stop,
        media: None,
        in_ms: 0,
        kind: SlotKind::Offline,
        title,
        guide_group: None,
        custom_title: None,
    };
    programme(&slot, None, &channel.name)
}

/// Takes the guide as it is written and deflates it.
///
/// Not with `flate2`'s own writer: its flush forgets the end mark when its buffer is full.
#[derive(Debug)]
struct Packer {
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

    fn new() -> Self {
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

    fn finish(mut self) -> Vec<Part> {
        self.end_part();
        self.parts
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

/// Adds a stored block: the text as it is. At most 65,535 bytes.
fn store(gzip: &mut Vec<u8>, text: &[u8]) {
    let length = text.len().min(65_535) as u16;
    gzip.push(0);
    gzip.extend(length.to_le_bytes());
    gzip.extend((!length).to_le_bytes());
    gzip.extend_from_slice(&text[..usize::from(length)]);
}

#[cfg(test)]
mod tests;
