//! What channels were decided to show lately: the units that HLS lists.
//!
//! Once a playlist named a segment, its name must not change, whatever becomes of the channel's
//! task: a player that sees another name under a number it knows skips or stops. So what is listed
//! is not composed anew but kept here, in a [`Row`] a channel, which outlives the task and, written
//! down *before* it is listed, the server. A row only grows at its end (by what the task decides)
//! and, once, at its beginning (by the past of a channel that has just begun).
//!
//! Segments of subtitle texts are kept with them, as they were listed.
//!
//! A row holds what was shown in the last [`REMEMBER_MS`] and what is decided beyond now, at most
//! [`MOST_UNITS`] units of a few hundred bytes: usually 50 KiB for a running channel. It is a note,
//! not data: it is not synced, and a server that cannot write it goes on and says so.
//!
//! One task writes for all channels, so no channel waits for that disk; while it hangs, playlists
//! stand still and streams do not.

mod page;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, watch};

pub(super) use self::page::Text;
use self::page::{LineOf, Page};
use super::compose::UnitPlan;
use super::hls;
use crate::domain::{ChannelId, FrameRate, Profile};
use crate::foundation::clock::SharedClock;
use crate::foundation::stop::Stop;

/// How long units are remembered after they were shown, in milliseconds.
///
/// A playlist reaches back less than half of it, and who plays it lags by 14 s at most.
pub(super) const REMEMBER_MS: i64 = 90_000;
/// Most units of a channel.
const MOST_UNITS: usize = 4_096;
/// Units of all channels that wait to be written down; what comes beyond that is not listed.
const QUEUE: usize = 4_096;

/// The rows of all channels.
#[derive(Debug)]
pub(super) struct Decisions {
    rows: Mutex<HashMap<ChannelId, Arc<Row>>>,
    folder: PathBuf,
    clock: SharedClock,
    notes: mpsc::Sender<Note>,
}

impl Decisions {
    /// Takes over what an earlier run of this server wrote into `folder`. Blocks on the disk.
    pub(super) fn open(folder: &Path, clock: SharedClock, stop: &Stop) -> Self {
        let (notes, queue) = mpsc::channel(QUEUE);
        let this = Self { rows: Mutex::default(), folder: folder.to_owned(), clock, notes };
        for (channel, page) in page::read_all(folder) {
            let row = this.new_row(channel, page.grid, page.rate);
            {
                let mut inner = row.lock();
                for unit in page.units {
                    inner.append(Arc::new(unit));
                }
                for text in page.texts {
                    inner.say(Arc::new(text));
                }
            }
            if row.is_outdated(this.clock.now_ms()) {
                row.forget_file();
            } else {
                this.lock().insert(channel, row);
            }
        }
        let (clock, ending) = (Arc::clone(&this.clock), stop.clone());
        stop.spawn("decided", write_down(queue, clock, ending));
        this
    }

    /// The row of `channel` on the grid of `profile`.
    ///
    /// On another grid than before it begins anew, behind all that may have been listed.
    pub(super) fn row(&self, channel: ChannelId, profile: &Profile) -> Arc<Row> {
        let grid = profile.grid();
        let mut rows = self.lock();
        let old = rows.get(&channel);
        if let Some(row) = old.filter(|row| row.grid == grid) {
            return Arc::clone(row);
        }
        let floor = old.map_or(i64::MIN, |old| old.behind());
        let row = self.new_row(channel, grid, profile.rate);
        row.lock().floor = floor;
        rows.insert(channel, Arc::clone(&row));
        row
    }

    /// Forgets the channels that do not run and were not shown lately.
    pub(super) fn sweep(&self) {
        let now_ms = self.clock.now_ms();
        self.lock().retain(|_, row| {
            let stays = Arc::strong_count(row) > 1 || !row.is_outdated(now_ms);
            if !stays {
                row.forget_file();
            }
            stays
        });
    }

    fn new_row(&self, channel: ChannelId, grid: String, rate: FrameRate) -> Arc<Row> {
        Arc::new(Row {
            grid,
            rate,
            page: Mutex::new(Page::new(&self.folder, channel)),
            inner: Mutex::new(Inner { floor: i64::MIN, ..Inner::default() }),
            told: watch::channel(0).0,
            notes: self.notes.clone(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ChannelId, Arc<Row>>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one channel was decided to show; see the module.
#[derive(Debug)]
pub(super) struct Row {
    grid: String,
    rate: FrameRate,
    /// Locked by the one who writes only.
    page: Mutex<Page>,
    inner: Mutex<Inner>,
    /// Counts what was added, for those who wait for more.
    told: watch::Sender<u64>,
    notes: mpsc::Sender<Note>,
}

#[derive(Debug, Default)]
struct Inner {
    /// In order; there may be gaps where there was nothing to show.
    units: VecDeque<Arc<UnitPlan>>,
    /// The first segment that may be listed.
    floor: i64,
    /// The one after the newest that was listed.
    next: Option<i64>,
    past: Past,
    /// Segments of texts by number and language.
    texts: BTreeMap<(i64, String), Arc<Text>>,
    /// Those that wait to be written down.
    asked: BTreeSet<(i64, String)>,
}

/// Whether what was shown before the channel began is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Past {
    #[default]
    Unknown,
    Asked,
    Known,
}

impl Row {
    /// All units, in order.
    pub(super) fn units(&self) -> Vec<Arc<UnitPlan>> {
        self.lock().units.iter().cloned().collect()
    }

    /// All that there is.
    fn all(&self) -> (Vec<Arc<UnitPlan>>, Vec<Arc<Text>>) {
        let inner = self.lock();
        (inner.units.iter().cloned().collect(), inner.texts.values().cloned().collect())
    }

    /// The unit that shows `frame`.
    pub(super) fn unit_at(&self, frame: i64) -> Option<Arc<UnitPlan>> {
        let inner = self.lock();
        let next = inner.units.partition_point(|unit| unit.first <= frame);
        let unit = inner.units.get(next.checked_sub(1)?)?;
        (frame < unit.end).then(|| Arc::clone(unit))
    }

    /// The unit that begins at `frame`.
    pub(super) fn unit_from(&self, frame: i64) -> Option<Arc<UnitPlan>> {
        let inner = self.lock();
        let at = inner.units.partition_point(|unit| unit.first < frame);
        inner.units.get(at).filter(|unit| unit.first == frame).cloned()
    }

    /// Adds a unit at the end, as soon as it is written down. Never waits.
    pub(super) fn add(self: &Arc<Self>, unit: Arc<UnitPlan>) {
        // What is not taken is not listed; the stream goes on.
        let _taken = self.send(Note { row: Arc::clone(self), what: What::Next(unit) });
    }

    /// Looks back once after the channel began: `look` gives the units before the frame where what
    /// is known begins, which is `None` when nothing is known, and from a tick on.
    ///
    /// Units that do not join are left out.
    pub(super) fn look_back(
        self: &Arc<Self>,
        from: i64,
        look: impl FnOnce(Option<i64>) -> Vec<Arc<UnitPlan>>,
    ) {
        let begins = {
            let mut inner = self.lock();
            if inner.past != Past::Unknown {
                return;
            }
            inner.past = Past::Asked;
            inner.units.front().map(|unit| unit.first)
        };
        let reaches = begins.is_some_and(|frame| self.rate.tick_of(frame) <= from);
        let past = if reaches { Vec::new() } else { look(begins) };
        if !self.send(Note { row: Arc::clone(self), what: What::Past(past) }) {
            self.lock().past = Past::Unknown;
        }
    }

    /// The units that may be listed, and the segments that a playlist lists of them; `None` while
    /// the past is not known.
    pub(super) fn listable(&self, profile: &Profile) -> Option<(Vec<Arc<UnitPlan>>, Range<i64>)> {
        let (units, floor, next) = {
            let inner = self.lock();
            let known = inner.past == Past::Known;
            known.then(|| {
                (inner.units.iter().cloned().collect::<Vec<_>>(), inner.floor, inner.next)
            })?
        };
        let listed = hls::listed(profile, &units, floor, next);
        Some((units, listed))
    }

    /// The texts of the segments `listed` in `language`, made by `make` when they are listed for
    /// the first time; `None` until those are written down.
    pub(super) fn texts(
        self: &Arc<Self>,
        language: &str,
        listed: Range<i64>,
        make: impl Fn(i64) -> String,
    ) -> Option<Vec<Arc<Text>>> {
        let mut texts = Vec::new();
        let mut missing = Vec::new();
        let mut inner = self.lock();
        for n in listed.clone() {
            let key = (n, language.to_owned());
            let known = inner.texts.get(&key).cloned();
            match known {
                Some(text) => texts.push(text),
                None if inner.asked.insert(key) => missing.push(n),
                None => {}
            }
        }
        drop(inner);
        for n in missing {
            let text = Arc::new(Text { n, language: language.to_owned(), body: make(n) });
            if !self.send(Note { row: Arc::clone(self), what: What::Text(text) }) {
                // Nobody waits for it then, so it is asked for again.
                self.lock().asked.remove(&(n, language.to_owned()));
            }
        }
        (texts.len() == listed.count()).then_some(texts)
    }

    /// The texts of segment `n` as they were listed.
    pub(super) fn text(&self, n: i64, language: &str) -> Option<Arc<Text>> {
        self.lock().texts.get(&(n, language.to_owned())).cloned()
    }

    /// Remembers that a playlist listed these segments: none reaches back further.
    pub(super) fn note_listed(&self, listed: Range<i64>) {
        let mut inner = self.lock();
        inner.floor = inner.floor.max(listed.start);
        inner.next = inner.next.max(Some(listed.end));
    }

    /// Forgets all units, as the channel goes on much later; nothing listed is listed again.
    pub(super) fn begin_anew(&self) {
        let floor = self.behind();
        *self.lock() = Inner { floor, ..Inner::default() };
    }

    /// When the last unit ends, in ticks.
    pub(super) fn end_tick(&self) -> Option<i64> {
        self.lock().units.back().map(|unit| self.rate.tick_of(unit.end))
    }

    /// Tells of every change.
    pub(super) fn told(&self) -> watch::Receiver<u64> {
        self.told.subscribe()
    }

    /// Lets everyone who waits look again.
    pub(super) fn tell(&self) {
        self.told.send_modify(|count| *count += 1);
    }

    /// The first segment that cannot have been listed, nor a part of it.
    fn behind(&self) -> i64 {
        let end = self.end_tick().map_or(i64::MIN, |tick| hls::segment_of(tick) + 1);
        end.max(self.lock().floor)
    }

    fn is_outdated(&self, now_ms: i64) -> bool {
        self.end_tick().is_none_or(|tick| tick < (now_ms - REMEMBER_MS) * 90)
    }

    /// Hands on what is to be written down; says whether it was taken.
    fn send(&self, note: Note) -> bool {
        let taken = self.notes.try_send(note).is_ok();
        if !taken {
            tracing::warn!("too much waits to be written down: playlists stand still");
        }
        taken
    }

    fn forget_file(&self) {
        self.lock_page().remove();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_page(&self) -> MutexGuard<'_, Page> {
        self.page.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Adds what comes after the last unit; what is decided is not decided again.
    fn append(&mut self, unit: Arc<UnitPlan>) {
        if self.units.back().is_none_or(|last| last.end <= unit.first) {
            self.units.push_back(unit);
        }
    }

    /// Keeps texts, unless some were listed for the same.
    fn say(&mut self, text: Arc<Text>) {
        let key = (text.n, text.language.clone());
        self.asked.remove(&key);
        self.texts.entry(key).or_insert(text);
    }

    /// Drops units that ended before `frame`, those beyond the bound, and texts before `n`.
    fn trim(&mut self, frame: i64, n: i64) {
        self.texts.retain(|key, _| key.0 >= n);
        self.asked.retain(|key| key.0 >= n);
        while self.units.len() > MOST_UNITS
            || self.units.front().is_some_and(|unit| unit.end < frame)
        {
            self.units.pop_front();
        }
    }
}

/// Something to be written down and then listed.
#[derive(Debug, Clone)]
struct Note {
    row: Arc<Row>,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    /// What comes next.
    Next(Arc<UnitPlan>),
    /// What was before the first.
    Past(Vec<Arc<UnitPlan>>),
    /// A segment of texts.
    Text(Arc<Text>),
}

impl Note {
    /// Writes it down. Blocks on the disk.
    fn write(&self) {
        let Row { grid, rate, .. } = &*self.row;
        let mut page = self.row.lock_page();
        let line = match &self.what {
            What::Next(unit) => Some(LineOf::Unit(unit)),
            What::Text(text) => Some(LineOf::Text(text)),
            What::Past(_) => None,
        };
        match line {
            Some(line) if page.has_room() => page.append(&line),
            line => {
                let (units, texts) = self.row.all();
                let past: &[Arc<UnitPlan>] = match &self.what {
                    What::Past(past) => past,
                    What::Next(_) | What::Text(_) => &[],
                };
                let units = past.iter().chain(&units).map(|unit| LineOf::Unit(unit));
                let texts = texts.iter().map(|text| LineOf::Text(text));
                page.rewrite(grid, *rate, units.chain(texts).chain(line));
            }
        }
    }

    /// Lets it be listed.
    fn apply(self, now_ms: i64) {
        let Self { row, what } = self;
        {
            let mut inner = row.lock();
            match what {
                What::Next(unit) => inner.append(unit),
                What::Text(text) => inner.say(text),
                What::Past(past) => {
                    inner.past = Past::Known;
                    let end = past.last().map(|unit| unit.end);
                    let joins = inner.units.front().is_none_or(|first| end == Some(first.first));
                    for unit in past.into_iter().rev().filter(|_| joins) {
                        inner.units.push_front(unit);
                    }
                }
            }
            let over = (now_ms - REMEMBER_MS) * 90;
            inner.trim(row.rate.frame_at_or_before(over), hls::segment_of(over));
        }
        row.tell();
    }
}

/// Writes down what was decided, and then lets it be listed, until the server stops.
async fn write_down(mut queue: mpsc::Receiver<Note>, clock: SharedClock, stop: Stop) {
    loop {
        let mut notes = Vec::new();
        let count = tokio::select! {
            count = queue.recv_many(&mut notes, 256) => count,
            () = stop.requested() => 0,
        };
        if count == 0 {
            return;
        }
        let written = notes.clone();
        let writing = tokio::task::spawn_blocking(move || written.iter().for_each(Note::write));
        if writing.await.is_err() {
            tracing::error!("what was decided could not be written down");
        }
        for note in notes {
            note.apply(clock.now_ms());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::foundation::clock::SystemClock;

    #[test]
    fn texts_that_found_the_queue_full_are_asked_for_again() {
        let folder = tempfile::tempdir().unwrap();
        let (notes, mut queue) = mpsc::channel(1);
        let decisions = Decisions {
            rows: Mutex::default(),
            folder: folder.path().to_owned(),
            clock: SystemClock::start(),
            notes,
        };
        let row = decisions.row(ChannelId(7), &Profile::named("360p25").unwrap());
        let listed = || row.texts("deu", 5..7, |n| n.to_string());
        assert!(listed().is_none(), "one is taken, the other one is not");
        queue.try_recv().unwrap().apply(0);
        assert!(listed().is_none(), "the other one is taken now");
        queue.try_recv().unwrap().apply(0);
        let bodies: Vec<_> = listed().unwrap().iter().map(|text| text.body.clone()).collect();
        assert_eq!(bodies, ["5", "6"]);
    }

    #[test]
    fn what_was_asked_for_is_forgotten_with_its_segment() {
        let asked = [4, 5].map(|n| (n, "deu".to_owned())).into();
        let mut inner = Inner { asked, ..Inner::default() };
        inner.trim(0, 5);
        assert_eq!(inner.asked, [(5, "deu".to_owned())].into());
    }
}
