//! The ring of a running channel: the last units as blocks of at most 100 ms.
//!
//! The channel's task writes; viewers read, each at its own cursor, and never hold it up: what is
//! too old leaves, whoever still wanted it. A block becomes visible when its time comes
//! ([`Ring::advance`]), which is all the pacing there is.
//!
//! Blocks are slices of their unit's bytes, whole packets, and the first one of a unit begins with
//! PAT, PMT and a key frame.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use bytes::Bytes;

use crate::domain::ViewerId;
use crate::mpegts::unit::Unit;

/// Longest block, in ticks (100 ms).
const BLOCK: i64 = 9_000;
/// Most bytes given to a viewer at once.
const MOUTHFUL: usize = 256 << 10;
/// What was on air this long ago leaves the ring, in ticks (6 s).
const KEEP: i64 = 6 * 90_000;
/// A ring with more bytes gives up what is over, even sooner.
const MOST_BYTES: usize = 48 << 20;

/// The ring of one channel.
#[derive(Debug, Default)]
pub(super) struct Ring {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    blocks: VecDeque<Block>,
    /// Number of the first block in `blocks`; blocks are numbered from the start of the channel.
    base: u64,
    /// Number of the first block that is not visible yet.
    visible: u64,
    bytes: usize,
    closed: bool,
    waiting: HashMap<ViewerId, Waker>,
}

#[derive(Debug)]
struct Block {
    unit: Bytes,
    range: Range<usize>,
    /// When it may be sent: decoding time of its first picture.
    at: i64,
    /// Set on the first block of a unit.
    begins: Option<Begins>,
}

#[derive(Debug, Clone, Copy)]
struct Begins {
    /// When the unit's first frame is shown.
    shown: i64,
    /// Whether it does not continue the unit before it.
    jump: bool,
}

/// A viewer's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cursor {
    next: u64,
    /// Whether nothing was read yet, so that there is nothing to be continued.
    fresh: bool,
}

/// What a viewer finds at its place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// The next bytes; `jump` when they do not continue what was read before.
    Bytes {
        /// Whole packets.
        bytes: Bytes,
        /// Whether a discontinuity must be announced first.
        jump: bool,
    },
    /// Nothing yet; the waker is called when there is.
    Wait,
    /// Its place left the ring.
    Fallen,
    /// The channel ended.
    Closed,
}

impl Ring {
    /// Adds a unit whose first frame is shown at `shown`; `jump` when it does not continue the
    /// one before.
    pub(super) fn push(&self, unit: &Unit, shown: i64, jump: bool) {
        let mut inner = self.lock();
        let mut from = 0;
        while let Some(first) = unit.marks.get(from) {
            let rest = &unit.marks[from + 1..];
            // The block ends at the last mark that is near enough.
            let marks = rest.partition_point(|mark| mark.at - first.at <= BLOCK).max(1);
            let end = rest.get(marks - 1).map_or(unit.bytes.len(), |mark| mark.offset);
            inner.blocks.push_back(Block {
                unit: unit.bytes.clone(),
                range: first.offset..end,
                at: first.at,
                begins: (from == 0).then_some(Begins { shown, jump }),
            });
            from += marks;
        }
        inner.bytes += unit.bytes.len();
    }

    /// Makes visible what may be sent at `sent_until`, gives up what `now` has left behind, and
    /// says when the next block may be sent, if one waits.
    pub(super) fn advance(&self, now: i64, sent_until: i64) -> Option<i64> {
        let mut inner = self.lock();
        let before = inner.visible;
        while inner.hidden().is_some_and(|block| block.at <= sent_until) {
            inner.visible += 1;
        }
        inner.give_up(now);
        let next = inner.hidden().map(|block| block.at);
        let woken = if inner.visible > before {
            std::mem::take(&mut inner.waiting)
        } else {
            HashMap::new()
        };
        drop(inner);
        wake(woken);
        next
    }

    /// The place of a joiner: the newest unit on air at `now`, else the oldest, else what comes.
    pub(super) fn place(&self, now: i64) -> Cursor {
        let inner = self.lock();
        let end = usize::try_from(inner.visible - inner.base).unwrap_or(0);
        let visible = inner.blocks.iter().take(end);
        let on_air = visible
            .enumerate()
            .filter(|(_, block)| block.begins.is_some_and(|begins| begins.shown <= now))
            .last();
        let offset = on_air.map_or(0, |(index, _)| index);
        Cursor { next: inner.base + u64::try_from(offset).unwrap_or(0), fresh: true }
    }

    /// Takes what is at the cursor and moves it on; leaves `waker` when there is nothing.
    pub(super) fn take(&self, cursor: &mut Cursor, viewer: ViewerId, waker: &Waker) -> Taken {
        let mut inner = self.lock();
        let Some(offset) = cursor.next.checked_sub(inner.base) else { return Taken::Fallen };
        if cursor.next >= inner.visible {
            if inner.closed {
                return Taken::Closed;
            }
            inner.waiting.insert(viewer, waker.clone());
            return Taken::Wait;
        }
        let ready = usize::try_from(inner.visible - cursor.next).unwrap_or(0);
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let mut blocks = inner.blocks.iter().skip(offset).take(ready);
        let Some(first) = blocks.next() else { return Taken::Wait };
        let mut range = first.range.clone();
        let mut taken = 1;
        // Blocks of one unit lie side by side in its bytes.
        for block in blocks.take_while(|block| block.begins.is_none()) {
            if block.range.end - range.start > MOUTHFUL {
                break;
            }
            range.end = block.range.end;
            taken += 1;
        }
        let jump = first.begins.is_some_and(|begins| begins.jump) && !cursor.fresh;
        *cursor = Cursor { next: cursor.next + taken, fresh: false };
        Taken::Bytes { bytes: first.unit.slice(range), jump }
    }

    /// The bytes of the whole units shown from `from` on, sent or not.
    pub(super) fn units_from(&self, from: i64) -> Vec<Bytes> {
        let inner = self.lock();
        let begins =
            inner.blocks.iter().filter(|block| block.begins.is_some_and(|b| b.shown >= from));
        begins.map(|block| block.unit.clone()).collect()
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.lock().bytes
    }

    /// Ends all viewers once they have read what is visible.
    pub(super) fn close(&self) {
        let mut inner = self.lock();
        inner.closed = true;
        let woken = std::mem::take(&mut inner.waiting);
        drop(inner);
        wake(woken);
    }

    /// Forgets that a viewer waits, and lets it look once more.
    pub(super) fn wake(&self, viewer: ViewerId) {
        let waker = self.lock().waiting.remove(&viewer);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// The first block that is not visible yet.
    fn hidden(&self) -> Option<&Block> {
        self.blocks.get(usize::try_from(self.visible - self.base).ok()?)
    }

    /// Drops whole units from the front: those that were over long enough ago, and more when
    /// there are too many bytes, but never the one on air.
    fn give_up(&mut self, now: i64) {
        loop {
            let begins = |block: &Block| block.begins.map(|begins| begins.shown);
            // Of what was sent, only a unit whose successor is on air may go.
            let sent = usize::try_from(self.visible - self.base).unwrap_or(0);
            let next = self.blocks.iter().take(sent).enumerate().skip(1);
            let mut later = next.filter_map(|(index, block)| Some((index, begins(block)?)));
            let Some((count, over)) = later.next() else { return };
            let too_old = over <= now - KEEP;
            let too_many = self.bytes > MOST_BYTES && over <= now;
            if !too_old && !too_many {
                return;
            }
            if let Some(first) = self.blocks.front() {
                self.bytes = self.bytes.saturating_sub(first.unit.len());
            }
            self.blocks.drain(..count);
            self.base += u64::try_from(count).unwrap_or(0);
        }
    }
}

fn wake(waiting: HashMap<ViewerId, Waker>) {
    for waker in waiting.into_values() {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mpegts::packet::PACKET;
    use crate::mpegts::unit::Mark;

    const SECOND: i64 = 90_000;
    const ME: ViewerId = ViewerId(1);

    #[test]
    fn blocks_become_visible_when_their_time_comes() {
        let ring = ring(3);
        assert_eq!(ring.advance(0, -1), Some(0));
        let mut cursor = ring.place(0);
        assert_eq!(take(&ring, &mut cursor), Taken::Wait);
        assert_eq!(ring.advance(0, 9_000), Some(14_400));
        assert_eq!(read(&ring, &mut cursor), 4 * PACKET);
        assert_eq!(take(&ring, &mut cursor), Taken::Wait);
        ring.advance(0, i64::MAX);
        assert_eq!(read(&ring, &mut cursor), 21 * PACKET, "the rest of the unit at once");
        assert_eq!(read(&ring, &mut cursor), 25 * PACKET);
    }

    #[test]
    fn a_joiner_begins_with_the_unit_on_air() {
        let ring = ring(10);
        ring.advance(0, 7 * SECOND);
        assert_eq!(ring.place(2 * SECOND + 5).next, 2 * 13);
        assert_eq!(ring.place(100 * SECOND).next, 7 * 13, "only what is visible");
        assert_eq!(ring.place(-1).next, 0);
    }

    #[test]
    fn what_is_over_leaves_in_whole_units() {
        let ring = ring(20);
        let mut slow = ring.place(0);
        ring.advance(0, 20 * SECOND);
        assert_eq!(read(&ring, &mut slow), 25 * PACKET);
        let before = ring.bytes();
        ring.advance(10 * SECOND, 20 * SECOND);
        assert_eq!(before - ring.bytes(), 4 * 25 * PACKET);
        assert_eq!(take(&ring, &mut slow), Taken::Fallen);
        let mut place = ring.place(10 * SECOND);
        assert_eq!(read(&ring, &mut place), 25 * PACKET);
    }

    #[test]
    fn a_jump_is_announced_to_those_who_read_before_it() {
        let ring = ring(1);
        ring.push(&unit(50 * SECOND), 50 * SECOND, true);
        ring.advance(0, i64::MAX);
        let mut reader = ring.place(0);
        assert_eq!(read(&ring, &mut reader), 25 * PACKET);
        assert!(matches!(take(&ring, &mut reader), Taken::Bytes { jump: true, .. }));
        let mut joiner = ring.place(50 * SECOND);
        assert!(matches!(take(&ring, &mut joiner), Taken::Bytes { jump: false, .. }));
    }

    #[test]
    fn a_closed_ring_is_read_to_its_end() {
        let ring = ring(1);
        ring.advance(0, i64::MAX);
        ring.close();
        let mut cursor = ring.place(0);
        assert_eq!(read(&ring, &mut cursor), 25 * PACKET);
        assert_eq!(take(&ring, &mut cursor), Taken::Closed);
    }

    /// Units of a second, 25 marks of one packet each.
    fn ring(units: i64) -> Ring {
        let ring = Ring::default();
        for n in 0..units {
            ring.push(&unit(n * SECOND), n * SECOND, false);
        }
        ring
    }

    fn unit(start: i64) -> Unit {
        let marks = (0..25)
            .map(|n| Mark { offset: n * PACKET, at: start + 3600 * i64::try_from(n).unwrap() })
            .collect();
        Unit { bytes: vec![0x47; 25 * PACKET].into(), marks }
    }

    fn take(ring: &Ring, cursor: &mut Cursor) -> Taken {
        ring.take(cursor, ME, Waker::noop())
    }

    #[track_caller]
    fn read(ring: &Ring, cursor: &mut Cursor) -> usize {
        match take(ring, cursor) {
            Taken::Bytes { bytes, .. } => bytes.len(),
            other => panic!("{other:?}"),
        }
    }
}
