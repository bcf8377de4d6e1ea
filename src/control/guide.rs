//! The guide as it is served: an immutable snapshot, built off the request path and swapped whole.
//!
//! Every channel is written by itself and read back ([`proof`]) before it goes into the snapshot; one
//! that clients could not read is written once more without its details, so a fault costs one
//! channel its descriptions and never the guide. What a build found is its [`GuideReport`].
//!
//! The snapshot is deflated while it is written ([`packed`]): a guide of 250 MB takes 8 MB of memory,
//! and a request never waits for a build.

mod keeper;
mod packed;
mod report;

use std::collections::HashMap;
use std::time::Instant;

use bytes::Bytes;
use flate2::Crc;

use crate::domain::{ChannelId, LineupChannel, Programme, Slot, UtcMillis, programme};
use crate::formats::xmltv::{Output, Writer, proof, wall_to_wall};
use crate::foundation::clock;

pub(crate) use self::keeper::{Guides, Settings, Shown};
pub use self::packed::{Chunks, Gzip};
use self::packed::{Packed, Packer};
pub use self::report::{GuideReport, GuideState, Tally, Totals};

/// Longest entry that stands for a hole, in milliseconds.
const FILLER_MS: i64 = 3_600_000;

/// A guide ready to be served.
#[derive(Debug)]
pub struct Guide {
    text: Packed,
    digest: String,
    /// When the entries of each channel begin, ascending: what clients were told.
    starts: HashMap<ChannelId, Box<[UtcMillis]>>,
    report: GuideReport,
}

/// Why there is no guide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GuideError {
    /// There are no channels; an empty guide makes clients drop what they know.
    #[error("there is no channel to make a guide of")]
    NoChannels,
    /// The channels could not be read back.
    #[error("the list of channels cannot be read back: {0}")]
    Channels(proof::Fault),
}

impl Guide {
    /// Builds the guide of `from..until` as of `now`, from the `programmes` of each channel.
    ///
    /// Whatever comes, every channel is covered wall to wall: holes are filled with "No
    /// programming", overlaps cut. Takes time for a large line-up: call it off the runtime.
    ///
    /// # Errors
    /// Without channels, and when their list cannot be read back.
    pub fn build(
        lineup: &[LineupChannel],
        mut programmes: impl FnMut(&LineupChannel, &mut Tally) -> Vec<Programme>,
        now: UtcMillis,
        (from, until): (UtcMillis, UtcMillis),
    ) -> Result<Self, GuideError> {
        if lineup.is_empty() {
            return Err(GuideError::NoChannels);
        }
        let (began, cpu) = (Instant::now(), clock::thread_cpu());
        let mut packer = Packer::new();
        let mut head = Page::default();
        Writer::begin(&mut head, lineup);
        proof::channels(&head.with_base("http://tv")).map_err(GuideError::Channels)?;
        head.copy_to(&mut packer);
        let mut report = GuideReport::new(now, (from, until), lineup.len());
        let mut starts = HashMap::with_capacity(lineup.len());
        let mut page = Page::default();
        for channel in lineup {
            let filler = |start, stop| nothing(channel, start, stop);
            let found = programmes(channel, &mut report.tally);
            let entries = wall_to_wall(found, from, until, FILLER_MS, &filler);
            write(&mut page, channel, &entries);
            if let Err(fault) = proof::programmes(&page.text, &channel.id.guide_id()) {
                report.spoiled(channel, &fault);
                write(&mut page, channel, &plain(channel, &entries));
                if proof::programmes(&page.text, &channel.id.guide_id()).is_err() {
                    // Nothing is left that could be wrong but the times.
                    write(
                        &mut page,
                        channel,
                        &wall_to_wall(vec![], from, until, FILLER_MS, &filler),
                    );
                }
            }
            report.count(channel, &entries);
            page.copy_to(&mut packer);
            starts.insert(channel.id, entries.iter().map(|entry| entry.start).collect());
        }
        packer.text("</tv>\n");
        let text = packer.finish();
        report.xml_bytes = text.length("");
        report.gzip_bytes = text.gzip_length("");
        report.took_ms = millis(began.elapsed());
        report.cpu_ms = clock::thread_cpu().zip(cpu).map(|(end, start)| millis(end - start));
        Ok(Self { digest: text.digest(), text, starts, report })
    }

    /// The guide with `base` as this server's address, in one piece.
    pub fn xml(&self, base: &str) -> Bytes {
        let mut text = Vec::with_capacity(self.xml_length(base));
        self.chunks(base).for_each(|chunk| text.extend_from_slice(&chunk));
        Bytes::from(text)
    }

    /// The same in chunks, inflated as they are asked for.
    pub fn chunks(&self, base: &str) -> Chunks {
        self.text.chunks(base)
    }

    /// Length of [`Self::xml`] in bytes.
    pub fn xml_length(&self, base: &str) -> usize {
        self.text.length(base)
    }

    /// The guide with `base` as this server's address, gzipped, in chunks.
    pub fn gzip(&self, base: &str) -> Gzip {
        self.text.gzip(base)
    }

    /// Length of all of [`Self::gzip`] in bytes.
    pub fn gzip_length(&self, base: &str) -> usize {
        self.text.gzip_length(base)
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
        let at = jiff::Timestamp::from_second(self.report.built.seconds())
            .unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        at.to_zoned(jiff::tz::TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }

    /// When it was built.
    pub fn built(&self) -> UtcMillis {
        self.report.built
    }

    /// What the build found.
    pub fn report(&self) -> &GuideReport {
        &self.report
    }

    /// Whether the guide has this channel.
    pub fn has(&self, channel: ChannelId) -> bool {
        self.starts.contains_key(&channel)
    }

    /// When the programme began that clients were told is on a channel at `at`; `None` outside the
    /// guide.
    pub fn start_at(&self, channel: ChannelId, at: UtcMillis) -> Option<UtcMillis> {
        let starts = self.starts.get(&channel)?;
        starts.get(starts.partition_point(|start| *start <= at).checked_sub(1)?).copied()
    }
}

fn write(page: &mut Page, channel: &LineupChannel, entries: &[Programme]) {
    page.clear();
    let mut writer = Writer::resume(page);
    entries.iter().for_each(|entry| writer.programme(channel, entry));
}

/// The same entries with nothing but a title that is known to be good.
fn plain(channel: &LineupChannel, entries: &[Programme]) -> Vec<Programme> {
    let bare = |entry: &Programme| Programme {
        media: entry.media,
        ..nothing(channel, entry.start, entry.stop)
    };
    entries.iter().map(bare).collect()
}

/// An entry for a time in which nothing is planned.
fn nothing(channel: &LineupChannel, start: UtcMillis, stop: UtcMillis) -> Programme {
    let title = crate::schedule::NO_PROGRAMMING.to_owned();
    let slot = Slot::new(start, stop, None, title);
    programme(&slot, None, &channel.name)
}

fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A piece of the guide before it is packed.
#[derive(Debug, Default)]
struct Page {
    text: String,
    /// Where the address goes, ascending.
    holes: Vec<usize>,
}

impl Page {
    fn clear(&mut self) {
        self.text.clear();
        self.holes.clear();
    }

    fn copy_to(&self, packer: &mut Packer) {
        let mut done = 0;
        for hole in &self.holes {
            packer.text(&self.text[done..*hole]);
            packer.base();
            done = *hole;
        }
        packer.text(&self.text[done..]);
    }

    fn with_base(&self, base: &str) -> String {
        let mut text = String::with_capacity(self.text.len() + self.holes.len() * base.len());
        let mut done = 0;
        for hole in &self.holes {
            text.push_str(&self.text[done..*hole]);
            text.push_str(base);
            done = *hole;
        }
        text.push_str(&self.text[done..]);
        text
    }
}

impl Output for Page {
    fn text(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn base(&mut self) {
        self.holes.push(self.text.len());
    }
}

#[cfg(test)]
mod tests;
