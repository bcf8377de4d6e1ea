//! The segments asked for last.

use std::collections::VecDeque;

use super::Segment;
use crate::domain::ChannelId;
use crate::stream::hls::SegmentName;

type SegmentKey = (ChannelId, SegmentName);

/// The segments asked for last, for those who watch the same channel.
#[derive(Debug, Default)]
pub(in crate::stream) struct SegmentCache {
    kept: VecDeque<(SegmentKey, Segment)>,
    bytes: usize,
}

impl SegmentCache {
    /// Most bytes kept.
    const MOST: usize = 24 << 20;

    /// The one that is called so.
    pub(in crate::stream) fn find(&self, key: &SegmentKey) -> Option<Segment> {
        self.kept.iter().find(|(kept, _)| kept == key).map(|(_, segment)| segment.clone())
    }

    /// Keeps one; the oldest go.
    pub(in crate::stream) fn put(&mut self, key: SegmentKey, segment: Segment) {
        self.bytes += segment.bytes.len();
        self.kept.push_back((key, segment));
        while self.bytes > Self::MOST {
            let Some((_, old)) = self.kept.pop_front() else { break };
            self.bytes -= old.bytes.len();
        }
    }
}
