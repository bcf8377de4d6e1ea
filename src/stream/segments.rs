//! Makes HLS segments: from what was decided on a running channel, else from timeline and store.

mod cache;

use std::ops::Range;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;

pub(super) use self::cache::SegmentCache;
use super::channel::{DiskReader, composing};
use super::compose::{self, Reader, UnitPlan};
use super::core::Core;
use super::hls::{Container, SegmentName, part};
use super::rendition::{Gop, GopEntry, ReadError, RenditionKey};
use super::{OnAir, SegmentError, hls};
use crate::domain::{ChannelId, Profile};
use crate::fmp4;
use crate::mpegts::unit;

/// A segment of HLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Its bytes, which are the same wherever a segment has its name.
    pub bytes: Bytes,
    /// Whether the slate stands in for media somewhere in it. Nobody else may have it like that.
    pub stands_in: bool,
}

/// How often is looked again for what cannot be read: after a start, the files of what was listed
/// before are still being opened.
const LOOKS: u32 = 15;
/// Time between two looks, in milliseconds.
const LOOK_MS: u64 = 200;

impl Core {
    /// The segment `name`; waits a moment for files that are being opened.
    pub(super) async fn segment(
        self: &Arc<Self>,
        channel: ChannelId,
        name: SegmentName,
    ) -> Result<Segment, SegmentError> {
        self.counts.segments.fetch_add(1, Ordering::Relaxed);
        for _ in 0..LOOKS {
            if let Some(segment) = self.make_segment(channel, name).await? {
                return Ok(segment);
            }
            tokio::time::sleep(Duration::from_millis(LOOK_MS)).await;
        }
        self.counts.read_errors.fetch_add(1, Ordering::Relaxed);
        Err(SegmentError::NotReady)
    }

    /// The segment `name`; `None` when it cannot be read.
    async fn make_segment(
        self: &Arc<Self>,
        channel: ChannelId,
        name: SegmentName,
    ) -> Result<Option<Segment>, SegmentError> {
        let (on_air, units) = self.window(channel, name.n)?;
        let key = (channel, name);
        if let Some(segment) = self.lock_segments().find(&key) {
            return Ok(Some(segment));
        }
        // Closed never: the semaphore lives as long as the core.
        let _permit = self.makers.acquire().await.map_err(|_| SegmentError::NotReady)?;
        if let Some(segment) = self.lock_segments().find(&key) {
            return Ok(Some(segment));
        }
        let found = self.find(&on_air, &units, name.n, name.part);
        let Found { name: now, units, pieces } = found.ok_or(SegmentError::NotReady)?;
        if now != name {
            return Err(SegmentError::Renamed(now));
        }
        let stands_in = hls::stands_in(&units);
        let reader = DiskReader::new(Arc::clone(&self.renditions));
        let made = tokio::task::spawn_blocking(move || {
            let mut reader = Strict::new(reader);
            let mut bytes = Vec::new();
            for plan in &units {
                write(&mut bytes, plan, &on_air.profile, &pieces, &mut reader)?;
            }
            Ok::<_, ReadError>((Bytes::from(bytes), reader.silenced))
        });
        let bytes = match made.await {
            Ok(Ok((bytes, false))) => bytes,
            // Silence where there should be sound is not what the name stands for.
            Ok(Ok((_, true))) => return Ok(None),
            Ok(Err(error)) => {
                tracing::debug!(channel.id = %channel, %error, "segment {name} of channel {channel} cannot be read");
                return Ok(None);
            }
            Err(_panicked) => return Err(SegmentError::NotReady),
        };
        self.counts.segments_made.fetch_add(1, Ordering::Relaxed);
        let segment = Segment { bytes, stands_in };
        self.lock_segments().put(key, segment.clone());
        Ok(Some(segment))
    }

    /// What segment `n` is called now.
    pub(super) fn segment_name(
        &self,
        channel: ChannelId,
        n: i64,
    ) -> Result<SegmentName, SegmentError> {
        let (on_air, units) = self.window(channel, n)?;
        let found = self.find(&on_air, &units, n, None).ok_or(SegmentError::NotReady)?;
        Ok(found.name)
    }

    /// Segment `n`, or a part of it, as it was `decided`, else as it is now.
    fn find(
        &self,
        on_air: &OnAir,
        decided: &[Arc<UnitPlan>],
        n: i64,
        number: Option<u32>,
    ) -> Option<Found> {
        let profile = &on_air.profile;
        let Some(number) = number else {
            let units = self.units_of(on_air, decided, n)?;
            let name = SegmentName::of(n, profile, &units);
            let parts = part::parts(profile, &units, true).into_iter();
            let pieces = parts.map(|part| part.frames).collect();
            return Some(Found { name, units, pieces });
        };
        // A part may be had before its segment is whole.
        let whole = hls::segment(profile, decided, n).is_some();
        let (begun, whole) = match part::begun(profile, decided, n) {
            Some(begun) => (begun, whole),
            None => (self.units_of(on_air, decided, n)?, true),
        };
        let parts = part::parts(profile, &begun, whole);
        let part = parts.into_iter().find(|part| part.number == number)?;
        let name = part::name(n, profile, &begun, &part);
        Some(Found { name, units: part::touched(&begun, &part), pieces: vec![part.frames] })
    }

    /// What is on air and what was decided, if segment `n` can be had: from ten minutes ago up to
    /// the edge.
    pub(super) fn window(
        &self,
        channel: ChannelId,
        n: i64,
    ) -> Result<(Arc<OnAir>, Vec<Arc<UnitPlan>>), SegmentError> {
        const PAST_MS: i64 = 600_000;
        let on_air = {
            let channels = self.lock();
            let entry = channels.get(&channel).ok_or(SegmentError::NotOnAir)?;
            Arc::clone(&entry.on_air)
        };
        let row = self.decisions.row(channel, &on_air.profile);
        let now_ms = self.clock.now_ms();
        // Another server's playlist may list what a running channel here would have composed.
        let would_be = now_ms + self.keeping().lead_ms + hls::SEGMENT_MS;
        let edge_ms = row.end_tick().map_or(would_be, |end| would_be.max(end.div_euclid(90)));
        let first = hls::segment_of((now_ms - PAST_MS) * 90);
        // The last one may have parts only.
        let last = hls::segment_of(edge_ms * 90);
        if (first..=last).contains(&n) {
            Ok((on_air, row.units()))
        } else {
            Err(SegmentError::Outside { first, last })
        }
    }

    /// The units of segment `n` and of the one before it, as far as they can be had.
    pub(super) fn units_up_to(
        &self,
        on_air: &OnAir,
        decided: &[Arc<UnitPlan>],
        n: i64,
    ) -> Vec<Arc<UnitPlan>> {
        let of = |n| self.units_of(on_air, decided, n).unwrap_or_default();
        [of(n - 1), of(n)].concat()
    }

    /// What segment `n` shows: as it was decided, else as timeline and store have it.
    fn units_of(
        &self,
        on_air: &OnAir,
        decided: &[Arc<UnitPlan>],
        n: i64,
    ) -> Option<Vec<Arc<UnitPlan>>> {
        if let Some(units) = hls::segment(&on_air.profile, decided, n) {
            return Some(units);
        }
        let rate = on_air.profile.rate;
        let window = hls::window(n);
        let (from, to) = (rate.frame_at_or_after(window.start), rate.frame_at_or_after(window.end));
        let units = composing(on_air, &*self.renditions, &[], |c| hls::compose(c, from, to + 1));
        let units = hls::segment(&on_air.profile, &units, n)?;
        // A slate that nobody decided on may be media a moment later: it must not be kept.
        (!hls::stands_in(&units)).then_some(units)
    }

    fn lock_segments(&self) -> MutexGuard<'_, SegmentCache> {
        self.segments.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a segment or a part is made of.
struct Found {
    name: SegmentName,
    units: Vec<Arc<UnitPlan>>,
    /// The frames of them that it shows, cut where parts end.
    pieces: Vec<Range<i64>>,
}

/// Writes what a unit has of each of `pieces`.
///
/// Fragments are cut where parts end, also in a whole segment: its parts in a row are the segment.
fn write(
    bytes: &mut Vec<u8>,
    plan: &UnitPlan,
    profile: &Profile,
    pieces: &[Range<i64>],
    reader: &mut dyn Reader,
) -> Result<(), ReadError> {
    let unit = compose::gather(plan, profile, reader)?;
    match Container::of(profile) {
        Container::Ts => {
            let unit = unit::mux(&unit.parts());
            for piece in pieces {
                bytes.extend_from_slice(&unit.bytes[part::cut(profile, plan, &unit, piece)]);
            }
        }
        Container::Fmp4 => {
            for piece in pieces {
                let (from, to) = (piece.start.max(plan.first), piece.end.min(plan.end));
                let within = compose::decoded(profile, from)..compose::decoded(profile, to);
                bytes.extend(fmp4::fragment(hls::fragment_number(from), &unit.parts(), &within));
            }
        }
    }
    Ok(())
}

/// A reader that remembers whether any sound could not be read.
#[derive(Debug)]
pub(super) struct Strict {
    reader: DiskReader,
    silenced: bool,
}

impl Strict {
    pub(super) fn new(reader: DiskReader) -> Self {
        Self { reader, silenced: false }
    }

    pub(super) fn is_silenced(&self) -> bool {
        self.silenced
    }
}

impl Reader for Strict {
    fn pictures(&mut self, key: &RenditionKey, gop: &GopEntry) -> Result<Arc<Gop>, ReadError> {
        self.reader.pictures(key, gop)
    }

    fn sounds(&mut self, key: &RenditionKey, gop: &GopEntry) -> Option<Arc<[Bytes]>> {
        let sounds = self.reader.sounds(key, gop);
        self.silenced |= sounds.is_none();
        sounds
    }
}
