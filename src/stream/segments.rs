//! Makes HLS segments: from what was decided on a running channel, else from timeline and store.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};

use bytes::Bytes;

use super::channel::{DiskReader, Live, composing};
use super::compose::{self, Shows, UnitPlan};
use super::core::Core;
use super::{OnAir, SegmentError, hls, rendition};
use crate::domain::ChannelId;

impl Core {
    /// The bytes of segment `n`.
    pub(super) async fn segment(
        self: &Arc<Self>,
        channel: ChannelId,
        n: i64,
    ) -> Result<Bytes, SegmentError> {
        self.counts.segments.fetch_add(1, Ordering::Relaxed);
        let (on_air, live) = {
            let channels = self.lock();
            let entry = channels.get(&channel).ok_or(SegmentError::NotOnAir)?;
            (Arc::clone(&entry.on_air), entry.live.clone())
        };
        self.check_window(&live, n)?;
        let key = (channel, on_air.profile.shape(), n);
        if let Some(bytes) = self.lock_segments().find(&key) {
            return Ok(bytes);
        }
        // Closed never: the semaphore lives as long as the core.
        let _permit = self.makers.acquire().await.map_err(|_| SegmentError::NotReady)?;
        if let Some(bytes) = self.lock_segments().find(&key) {
            return Ok(bytes);
        }
        let units = self.units_of(&on_air, live.as_deref(), n).ok_or(SegmentError::NotReady)?;
        let mut reader = DiskReader::new(Arc::clone(&self.renditions));
        let made = tokio::task::spawn_blocking(move || {
            let mut bytes = Vec::new();
            for unit in &units {
                let unit = compose::mux(unit, &on_air.profile, &mut reader)?;
                bytes.extend_from_slice(&unit.bytes);
            }
            Ok::<_, rendition::ReadError>(Bytes::from(bytes))
        });
        let bytes = match made.await {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(error)) => {
                self.counts.read_errors.fetch_add(1, Ordering::Relaxed);
                tracing::debug!(channel.id = %channel, %error, "segment {n} of channel {channel} is gone");
                return Err(SegmentError::NotReady);
            }
            Err(_panicked) => return Err(SegmentError::NotReady),
        };
        self.counts.segments_made.fetch_add(1, Ordering::Relaxed);
        self.lock_segments().put(key, bytes.clone());
        Ok(bytes)
    }

    /// Segments can be had from ten minutes ago up to the edge.
    fn check_window(&self, live: &Option<Arc<Live>>, n: i64) -> Result<(), SegmentError> {
        const PAST_MS: i64 = 600_000;
        let now_ms = self.clock.now_ms();
        // Another server's playlist may list what a running channel here would have composed.
        let would_be = now_ms + self.keeping.lead_ms + hls::SEGMENT_MS;
        let edge_ms = live.as_ref().map_or(would_be, |live| live.edge_ms());
        let first = hls::segment_of((now_ms - PAST_MS) * 90);
        let last = hls::segment_of(edge_ms * 90) - 1;
        if (first..=last).contains(&n) {
            Ok(())
        } else {
            Err(SegmentError::Outside { first, last })
        }
    }

    /// What segment `n` shows: as it was decided, else as timeline and store have it.
    fn units_of(&self, on_air: &OnAir, live: Option<&Live>, n: i64) -> Option<Vec<Arc<UnitPlan>>> {
        let recent = live.map_or_else(Vec::new, Live::recent);
        if let Some(units) = hls::segment(&on_air.profile, &recent, n) {
            return Some(units);
        }
        let rate = on_air.profile.rate;
        let window = hls::window(n);
        let (from, to) = (rate.frame_at_or_after(window.start), rate.frame_at_or_after(window.end));
        let units = composing(on_air, &*self.renditions, &[], |c| hls::compose(c, from, to + 1));
        let units = hls::segment(&on_air.profile, &units, n)?;
        // A slate that nobody decided on may be media a moment later: it must not be kept.
        let stands_in = units.iter().any(|unit| matches!(unit.shows, Shows::Standby(_)));
        (!stands_in).then_some(units)
    }

    fn lock_segments(&self) -> MutexGuard<'_, SegmentCache> {
        self.segments.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type SegmentKey = (ChannelId, String, i64);

/// The segments asked for last, for those who watch the same channel.
#[derive(Debug, Default)]
pub(super) struct SegmentCache {
    kept: VecDeque<(SegmentKey, Bytes)>,
    bytes: usize,
}

impl SegmentCache {
    /// Most bytes kept.
    const MOST: usize = 24 << 20;

    fn find(&self, key: &SegmentKey) -> Option<Bytes> {
        self.kept.iter().find(|(kept, _)| kept == key).map(|(_, bytes)| bytes.clone())
    }

    fn put(&mut self, key: SegmentKey, bytes: Bytes) {
        self.bytes += bytes.len();
        self.kept.push_back((key, bytes));
        while self.bytes > Self::MOST {
            let Some((_, old)) = self.kept.pop_front() else { break };
            self.bytes -= old.len();
        }
    }
}
