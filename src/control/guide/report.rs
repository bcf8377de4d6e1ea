//! What builds of the guide found, for the log, the API and the metrics.

use crate::domain::{ChannelId, LineupChannel, MediaKind, Programme, UtcMillis};
use crate::formats::xmltv::proof::Fault;

/// What was met while the entries of one build were worded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Entries whose media was found.
    pub lookups: u64,
    /// Entries whose media is gone.
    pub failed_lookups: u64,
    /// Titles that said nothing, such as `Item 12`; others stand in their place.
    pub placeholders: u64,
    /// Templates that gave nothing for an entry; the usual words stand in their place.
    pub failed_templates: u64,
}

/// What a build found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuideReport {
    /// When it was built.
    pub built: UtcMillis,
    /// First instant that every channel is covered from.
    pub from: UtcMillis,
    /// Instant up to which every channel is covered.
    pub until: UtcMillis,
    /// Channels in it.
    pub channels: usize,
    /// Programmes in it.
    pub programmes: usize,
    /// Length of the XML without the server's address.
    pub xml_bytes: usize,
    /// The same, gzipped.
    pub gzip_bytes: usize,
    /// Channels with nothing but "No programming".
    pub without_programme: Vec<ChannelId>,
    /// Channels that could not be read back as they were, and why; they have plain titles.
    pub spoiled: Vec<(ChannelId, String)>,
    /// Episodes without a number, and films without a year.
    pub episodes_without_number: usize,
    /// Films without a year.
    pub films_without_year: usize,
    /// What was met on the way.
    pub tally: Tally,
    /// Wall time that it took.
    pub took_ms: u64,
    /// Processor time that it took; `None` where the system does not tell.
    pub cpu_ms: Option<u64>,
}

impl GuideReport {
    pub(super) fn new(
        built: UtcMillis,
        (from, until): (UtcMillis, UtcMillis),
        channels: usize,
    ) -> Self {
        Self {
            built,
            from,
            until,
            channels,
            programmes: 0,
            xml_bytes: 0,
            gzip_bytes: 0,
            without_programme: Vec::new(),
            spoiled: Vec::new(),
            episodes_without_number: 0,
            films_without_year: 0,
            tally: Tally::default(),
            took_ms: 0,
            cpu_ms: None,
        }
    }

    pub(super) fn spoiled(&mut self, channel: &LineupChannel, fault: &Fault) {
        tracing::error!(
            channel.id = %channel.id,
            "the guide of channel {} cannot be read back and is given without details: {fault}",
            channel.number
        );
        self.spoiled.push((channel.id, fault.to_string()));
    }

    pub(super) fn count(&mut self, channel: &LineupChannel, entries: &[Programme]) {
        self.programmes += entries.len();
        if entries.iter().all(|entry| entry.media.is_none()) {
            self.without_programme.push(channel.id);
        }
        for entry in entries {
            match entry.kind {
                Some(MediaKind::Episode) if entry.episode.is_none() => {
                    self.episodes_without_number += 1;
                }
                Some(MediaKind::Movie) if entry.year.is_none() => self.films_without_year += 1,
                _ => {}
            }
        }
    }
}

/// Counts over all builds since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Guides built.
    pub builds: u64,
    /// Builds that came to nothing; the guide before them stayed.
    pub failed_builds: u64,
    /// Channels that could not be read back as they were.
    pub validation_errors: u64,
    /// What was met on the way.
    pub tally: Tally,
    /// Episodes without a number.
    pub episodes_without_number: u64,
    /// Films without a year.
    pub films_without_year: u64,
}

impl Totals {
    pub(super) fn add(&mut self, report: &GuideReport) {
        self.builds += 1;
        self.validation_errors += report.spoiled.len() as u64;
        self.tally.lookups += report.tally.lookups;
        self.tally.failed_lookups += report.tally.failed_lookups;
        self.tally.placeholders += report.tally.placeholders;
        self.tally.failed_templates += report.tally.failed_templates;
        self.episodes_without_number += report.episodes_without_number as u64;
        self.films_without_year += report.films_without_year as u64;
    }
}

/// How guide, line-up and stream stand to each other just now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GuideState {
    /// What the last build found; `None` before the first.
    pub report: Option<GuideReport>,
    /// Why the last build came to nothing, if it did; the guide before it is served.
    pub failure: Option<String>,
    /// Counts over all builds.
    pub totals: Totals,
    /// Channels of the line-up that the guide lacks, and the other way round.
    pub mismatches: Vec<ChannelId>,
    /// Largest difference between when a programme began by the guide and by the stream, of what is
    /// on air now, in milliseconds.
    pub drift_ms: i64,
}
