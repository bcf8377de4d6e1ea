//! The guide as it is served: an immutable snapshot, built off the request path and swapped whole.
//!
//! The text is kept in pieces, cut where this server's address goes, so that one snapshot serves
//! every host name without copying or searching. The same holds for gzip: every piece is deflated
//! once, ending on a byte, and an answer is the packed pieces with the address stored between
//! them. A request therefore never compresses and never waits for a build.

use std::io::Write;
use std::sync::OnceLock;

use bytes::Bytes;
use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};
use sha2::{Digest, Sha256};

use crate::domain::{LineupChannel, Programme, Slot, SlotKind, UtcMillis, programme};
use crate::formats::xmltv::{Pieces, Writer, wall_to_wall};

/// How much of the past the guide holds, in milliseconds: clients ask for what is already running.
pub const PAST_MS: i64 = 4 * 3_600_000;

/// Longest entry that stands for a hole, in milliseconds.
const FILLER_MS: i64 = 3_600_000;

/// A guide ready to be served.
#[derive(Debug)]
pub struct Guide {
    /// The text between the places where the address goes.
    pieces: Vec<Bytes>,
    packed: OnceLock<Vec<Packed>>,
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

/// A deflated piece that ends on a byte and refers to nothing before itself.
#[derive(Debug)]
struct Packed {
    deflated: Bytes,
    crc: Crc,
}

impl Guide {
    /// Builds the guide from [`PAST_MS`] before `now` to `until`, and `programmes` of each channel.
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
        until: UtcMillis,
    ) -> Result<Self, GuideError> {
        if lineup.is_empty() {
            return Err(GuideError::NoChannels);
        }
        let from = now.plus_ms(-PAST_MS);
        let mut written = Pieces::default();
        let mut writer = Writer::begin(&mut written, lineup);
        let mut count = 0;
        for channel in lineup {
            let filler = |start, stop| nothing(channel, start, stop);
            let entries = programmes(channel);
            for entry in wall_to_wall(&entries, from, until, FILLER_MS, &filler) {
                writer.programme(channel, &entry);
                count += 1;
            }
        }
        writer.finish();
        let digest = hex::encode(&Sha256::digest(written.text.as_bytes())[..8]);
        Ok(Self {
            pieces: cut(written),
            packed: OnceLock::new(),
            digest,
            built: now,
            channels: lineup.len(),
            programmes: count,
        })
    }

    /// The guide with `base` as this server's address, in one piece.
    pub fn xml(&self, base: &str) -> Bytes {
        Bytes::from(self.chunks(base).concat())
    }

    /// The same in pieces that share the snapshot's memory, for a large guide.
    pub fn chunks(&self, base: &str) -> Vec<Bytes> {
        let base = Bytes::copy_from_slice(base.as_bytes());
        let mut chunks = Vec::with_capacity(self.pieces.len() * 2);
        for (index, piece) in self.pieces.iter().enumerate() {
            if index > 0 {
                chunks.push(base.clone());
            }
            chunks.push(piece.clone());
        }
        chunks
    }

    /// Length of [`Self::xml`] in bytes.
    pub fn xml_length(&self, base: &str) -> usize {
        let text: usize = self.pieces.iter().map(Bytes::len).sum();
        text + base.len() * (self.pieces.len() - 1)
    }

    /// Deflates the snapshot, unless that was done; a second's work for a very large guide.
    ///
    /// Call it off the runtime before the snapshot is published.
    pub fn pack(&self) {
        self.packed();
    }

    /// The guide with `base` as this server's address, gzipped. Packs on first use.
    pub fn xml_gz(&self, base: &str) -> Bytes {
        let packed = self.packed();
        let base = base.as_bytes();
        let length: usize = packed.iter().map(|piece| piece.deflated.len() + base.len() + 5).sum();
        let mut gzip = Vec::with_capacity(length + 20);
        // Deflate, no name, no time, unknown system: the same bytes wherever it is made.
        gzip.extend([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255]);
        let mut crc = Crc::new();
        for (index, piece) in packed.iter().enumerate() {
            if index > 0 {
                store(&mut gzip, base);
                crc.update(base);
            }
            gzip.extend_from_slice(&piece.deflated);
            crc.combine(&piece.crc);
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

    fn packed(&self) -> &[Packed] {
        self.packed.get_or_init(|| self.pieces.iter().map(deflate).collect())
    }
}

/// An entry for a time in which nothing is planned.
fn nothing(channel: &LineupChannel, start: UtcMillis, stop: UtcMillis) -> Programme {
    let title = crate::schedule::NO_PROGRAMMING.to_owned();
    let slot = Slot { start, stop, media: None, in_ms: 0, kind: SlotKind::Offline, title };
    programme(&slot, None, &channel.name)
}

fn cut(written: Pieces) -> Vec<Bytes> {
    let mut rest = Bytes::from(written.text);
    let mut pieces = Vec::with_capacity(written.holes.len() + 1);
    let mut done = 0;
    for hole in written.holes {
        pieces.push(rest.split_to(hole - done));
        done = hole;
    }
    pieces.push(rest);
    pieces
}

/// Deflates a piece by itself, without the final block.
fn deflate(piece: &Bytes) -> Packed {
    let mut crc = Crc::new();
    crc.update(piece);
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(4));
    // Flushing without finishing ends on a byte, so that something else can follow.
    let flushed = encoder.write_all(piece).and_then(|()| encoder.flush());
    let deflated = match flushed {
        Ok(()) => Bytes::from(encoder.get_ref().clone()),
        Err(error) => {
            // Writing into memory does not fail; stored blocks carry the text all the same.
            tracing::warn!("the guide is served without compression: {error}");
            let mut plain = Vec::new();
            piece.chunks(65_535).for_each(|part| store(&mut plain, part));
            Bytes::from(plain)
        }
    };
    Packed { deflated, crc }
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
