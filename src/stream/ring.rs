//! The ring of a running channel: the last units as blocks of at most 100 ms.
//!
//! The channel's task writes; viewers read, each at its own cursor, and never hold it up: what is
//! too old leaves, whoever still wanted it. A block becomes visible when its time comes
//! ([`Ring::advance`]), which is all the pacing that a viewer at the edge sees; one that fell
//! behind is paced by its [`Appetite`].
//!
//! Blocks are slices of their unit's bytes, whole packets, and the first one of a unit begins with
//! PAT, PMT and a key frame.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use bytes::Bytes;

use crate::domain::ViewerId;
use crate::mpegts::unit::Unit;

/// Longest block, in ticks (100 ms).
const BLOCK: i64 = 9_000;
/// What was on air this long ago leaves the ring, in ticks (6 s).
const KEEP: i64 = 6 * 90_000;
/// A ring with more bytes gives up what is over, even sooner.
const MOST_BYTES: usize = 48 << 20;

/// The ring of one channel.
#[derive(Debug, Default)]
pub(super) struct Ring {
    inner: Mutex<Inner>,
    /// What the units in the ring carry, in bits a second.
    bits_per_second: AtomicU64,
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
    /// Those who wait for the next block to become visible.
    waiting: HashMap<ViewerId, Waker>,
    /// Those who wait for the next block to exist.
    eager: HashMap<ViewerId, Waker>,
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

/// How much a viewer wants, and may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Appetite {
    /// Blocks that are sent later than this (ticks) are not for it yet.
    pub(super) until: i64,
    /// Whether blocks that are not visible yet are for it, too.
    pub(super) unsent: bool,
    /// Most bytes at once; a block is never divided.
    pub(super) most: usize,
}

/// What a viewer finds at its place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// The next bytes; `jump` when they do not continue what was read before.
    Bytes {
        /// Whole packets.
        bytes: Bytes,
        /// Sending time of the last block among them.
        to: i64,
        /// Whether a discontinuity must be announced first.
        jump: bool,
    },
    /// Nothing yet; the waker is called when there is.
    Wait,
    /// Something, but beyond what the viewer may have; nobody is called.
    Later {
        /// Its sending time.
        at: i64,
    },
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
        self.measure(&inner);
        let woken = std::mem::take(&mut inner.eager);
        drop(inner);
        wake(woken);
    }

    /// What the units in the ring carry, in bits a second; 0 while there is less than a second.
    pub(super) fn bits_per_second(&self) -> u64 {
        self.bits_per_second.load(Ordering::Relaxed)
    }

    /// Sending time of the newest visible block; `None` before the first.
    pub(super) fn edge(&self) -> Option<i64> {
        let inner = self.lock();
        let newest = usize::try_from(inner.visible - inner.base).ok()?.checked_sub(1)?;
        inner.blocks.get(newest).map(|block| block.at)
    }

    fn measure(&self, inner: &Inner) {
        let (Some(first), Some(last)) = (inner.blocks.front(), inner.blocks.back()) else { return };
        let ticks = u64::try_from(last.at - first.at).unwrap_or(0);
        if ticks >= 90_000 {
            let bytes = u64::try_from(inner.bytes).unwrap_or(0);
            self.bits_per_second.store(bytes * 8 * 90_000 / ticks, Ordering::Relaxed);
        }
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
    pub(super) fn take(
        &self,
        cursor: &mut Cursor,
        viewer: ViewerId,
        appetite: Appetite,
        waker: &Waker,
    ) -> Taken {
        let mut inner = self.lock();
        let Some(offset) = cursor.next.checked_sub(inner.base) else { return Taken::Fallen };
        let there = match appetite.unsent {
            true => inner.base + u64::try_from(inner.blocks.len()).unwrap_or(0),
            false => inner.visible,
        };
        // Beyond what is visible may be who took blocks before they were.
        let Some(ready) = there.checked_sub(cursor.next).filter(|ready| *ready > 0) else {
            if inner.closed {
                return Taken::Closed;
            }
            let who = if appetite.unsent { &mut inner.eager } else { &mut inner.waiting };
            who.insert(viewer, waker.clone());
            return Taken::Wait;
        };
        let ready = usize::try_from(ready).unwrap_or(0);
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let mut blocks = inner.blocks.iter().skip(offset).take(ready);
        let Some(first) = blocks.next() else { return Taken::Wait };
        if first.at > appetite.until {
            return Taken::Later { at: first.at };
        }
        let (mut range, mut to) = (first.range.clone(), first.at);
        let mut taken = 1;
        // Blocks of one unit lie side by side in its bytes.
        for block in blocks.take_while(|block| block.begins.is_none()) {
            if block.range.end - range.start > appetite.most || block.at > appetite.until {
                break;
            }
            (range.end, to) = (block.range.end, block.at);
            taken += 1;
        }
        let jump = first.begins.is_some_and(|begins| begins.jump) && !cursor.fresh;
        *cursor = Cursor { next: cursor.next + taken, fresh: false };
        Taken::Bytes { bytes: first.unit.slice(range), to, jump }
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

    /// Whether nothing comes any more.
    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Ends all viewers once they have read what is visible.
    pub(super) fn close(&self) {
        let mut inner = self.lock();
        inner.closed = true;
        let woken = std::mem::take(&mut inner.waiting);
        let eager = std::mem::take(&mut inner.eager);
        drop(inner);
        wake(woken);
        wake(eager);
    }

    /// Forgets that a viewer waits, and lets it look once more.
    pub(super) fn wake(&self, viewer: ViewerId) {
        let mut inner = self.lock();
        let wakers = [inner.waiting.remove(&viewer), inner.eager.remove(&viewer)];
        drop(inner);
        for waker in wakers.into_iter().flatten() {
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
    /// Everything that is visible.
    const ALL: Appetite = Appetite { until: i64::MAX, unsent: false, most: 256 << 10 };

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
    fn a_viewer_takes_no_more_than_it_may() {
        let ring = ring(3);
        ring.advance(0, 3 * SECOND);
        let mut cursor = ring.place(0);
        let may = Appetite { until: 10_000, ..ALL };
        let taken = ring.take(&mut cursor, ME, may, Waker::noop());
        assert!(matches!(taken, Taken::Bytes { to: 7_200, .. }), "{taken:?}");
        assert_eq!(ring.take(&mut cursor, ME, may, Waker::noop()), Taken::Later { at: 14_400 });
        let small = Appetite { most: 1, ..ALL };
        let taken = ring.take(&mut cursor, ME, small, Waker::noop());
        assert!(matches!(taken, Taken::Bytes { to: 14_400, .. }), "a block is whole: {taken:?}");
        assert_eq!(ring.bits_per_second(), 75 * 188 * 8 * 90_000 / (3 * SECOND as u64 - 3_600));
    }

    #[test]
    fn who_wants_it_is_given_what_is_not_due_and_then_waits_like_others() {
        let ring = ring(2);
        ring.advance(0, 9_000);
        let mut cursor = ring.place(0);
        let all = Appetite { unsent: true, ..ALL };
        let eager = |cursor: &mut Cursor| ring.take(cursor, ME, all, Waker::noop());
        assert!(matches!(eager(&mut cursor), Taken::Bytes { .. }));
        assert!(matches!(eager(&mut cursor), Taken::Bytes { .. }));
        assert_eq!(eager(&mut cursor), Taken::Wait);
        // The mode changes: what was taken early is not taken again.
        assert_eq!(take(&ring, &mut cursor), Taken::Wait);
        ring.advance(0, 2 * SECOND);
        assert_eq!(take(&ring, &mut cursor), Taken::Wait);
        ring.push(&unit(2 * SECOND), 2 * SECOND, false);
        ring.advance(0, 3 * SECOND);
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
        ring.take(cursor, ME, ALL, Waker::noop())
    }

    #[track_caller]
    fn read(ring: &Ring, cursor: &mut Cursor) -> usize {
        match take(ring, cursor) {
            Taken::Bytes { bytes, .. } => bytes.len(),
            other => panic!("{other:?}"),
        }
    }
}
