//! The pantry: filler made ready, and choosing from it.
//!
//! What comes next is decided by what was shown when, not by a place in an order: filler is taken
//! as it fits, so an order would be torn apart. Ties fall by chance that follows from the instant.

use super::catalogue::Catalogue;
use super::cursor::Cursor;
use super::dice::{hash, weighted};
use super::exact;
use super::order;
use super::plan::SHORTEST_MS;
use super::zone::Wall;
use crate::domain::{
    CollectionId, Daypart, FillerMode, FillerOrder, FillerPreset, MediaId, UtcMillis,
};

/// A rest up to this long is filled at once and as exactly as can be, in milliseconds.
pub(super) const EXACT_MS: i64 = 15 * 60_000;
/// How much of the last piece may be cut off to fit exactly, where cutting is not asked for.
const SNIP_MS: i64 = 1_000;
/// How many pieces an exact fit is looked for among.
const PIECES: usize = 48;
/// Most pieces of one break.
const MOST_SERVED: usize = 2_000;

/// A preset made ready.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) preset: FillerPreset,
    sources: Vec<Source>,
    opener: Vec<Piece>,
    closer: Vec<Piece>,
}

#[derive(Debug)]
struct Source {
    weight: u32,
    daypart: Option<Daypart>,
    pieces: Vec<Piece>,
}

/// Filler to be played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) media: MediaId,
    /// For how long, from its beginning.
    pub(super) ms: i64,
}

/// All presets of a schedule, and the instant and chance that choose from them.
#[derive(Debug, Default)]
pub(super) struct Pantry {
    ready: Vec<Ready>,
    seed: u64,
}

impl Pantry {
    pub(super) fn new(seed: u64) -> Self {
        Self { ready: Vec::new(), seed }
    }

    /// Makes a preset ready; the same preset twice is one.
    pub(super) fn add(&mut self, preset: &FillerPreset, catalogue: &Catalogue) -> usize {
        if let Some(index) = self.ready.iter().position(|ready| ready.preset == *preset) {
            return index;
        }
        let source = |source: &crate::domain::FillerSource| {
            let mut pieces = pieces(source.collection, catalogue);
            let (min, max) = (source.min_ms.unwrap_or(0), source.max_ms.unwrap_or(i64::MAX));
            pieces.retain(|piece| (min..=max).contains(&piece.ms));
            if preset.order == FillerOrder::Chronological {
                let age = |piece: &Piece| {
                    catalogue.media.get(&piece.media).map(|m| order::chronological(m))
                };
                pieces.sort_by_cached_key(|piece| (age(piece), piece.media));
            }
            Source { weight: source.weight, daypart: source.daypart, pieces }
        };
        let of = |collection: Option<CollectionId>| {
            collection.map(|id| pieces(id, catalogue)).unwrap_or_default()
        };
        self.ready.push(Ready {
            sources: preset.sources.iter().map(source).collect(),
            opener: of(preset.opener),
            closer: of(preset.closer),
            preset: preset.clone(),
        });
        self.ready.len() - 1
    }

    /// Whether a preset has anything to serve at any time.
    pub(super) fn has_any(&self, ready: usize) -> bool {
        self.ready[ready].sources.iter().any(|source| !source.pieces.is_empty())
    }

    pub(super) fn preset(&self, ready: usize) -> &FillerPreset {
        &self.ready[ready].preset
    }

    /// As much as the preset's mode says, from `at` on, within `room` milliseconds.
    ///
    /// [`FillerMode::Pad`] fills the room up to its multiple of minutes as exactly as it can.
    pub(super) fn serve(
        &self,
        ready: usize,
        at: UtcMillis,
        room: i64,
        cursor: &mut Cursor,
        wall: &Wall,
    ) -> Vec<Piece> {
        let mut break_ = Break {
            pantry: self,
            ready: &self.ready[ready],
            cursor,
            wall,
            at,
            room,
            served: Vec::new(),
        };
        match break_.ready.preset.mode {
            FillerMode::Count { count } => {
                break_.with_frame(|inner| {
                    for _ in 0..count {
                        if inner.is_full() || !inner.one() {
                            break;
                        }
                    }
                });
            }
            FillerMode::Duration { duration_ms } => {
                break_.room = break_.room.min(duration_ms);
                break_.with_frame(Break::all);
            }
            FillerMode::Pad { minutes } => {
                break_.room = break_.room.min(wall.boundary(minutes, at).since(at));
                break_.with_frame(Break::all);
            }
        }
        break_.served
    }

    /// Fills the room as exactly as it can, whatever the preset's mode is.
    pub(super) fn fill(
        &self,
        ready: usize,
        at: UtcMillis,
        room: i64,
        cursor: &mut Cursor,
        wall: &Wall,
    ) -> Vec<Piece> {
        let mut break_ = Break {
            pantry: self,
            ready: &self.ready[ready],
            cursor,
            wall,
            at,
            room,
            served: Vec::new(),
        };
        break_.with_frame(Break::all);
        break_.served
    }

    /// One piece that fits into the room.
    pub(super) fn one(
        &self,
        ready: usize,
        at: UtcMillis,
        room: i64,
        cursor: &mut Cursor,
        wall: &Wall,
    ) -> Option<Piece> {
        let mut break_ = Break {
            pantry: self,
            ready: &self.ready[ready],
            cursor,
            wall,
            at,
            room,
            served: Vec::new(),
        };
        break_.one();
        break_.served.pop()
    }

    /// One piece of any length, cut to the room if need be.
    pub(super) fn cut(
        &self,
        ready: usize,
        at: UtcMillis,
        room: i64,
        cursor: &mut Cursor,
        wall: &Wall,
    ) -> Option<Piece> {
        let mut break_ = Break {
            pantry: self,
            ready: &self.ready[ready],
            cursor,
            wall,
            at,
            room: i64::MAX,
            served: Vec::new(),
        };
        break_.one();
        break_.served.pop().map(|piece| Piece { ms: piece.ms.min(room), ..piece })
    }
}

/// The playable pieces of a collection, in its order.
fn pieces(collection: CollectionId, catalogue: &Catalogue) -> Vec<Piece> {
    let Some(ids) = catalogue.collections.get(&collection) else { return Vec::new() };
    let piece = |id: &MediaId| {
        let item = catalogue.media.get(id)?;
        // A broadcast has no end of its own that one could wait for.
        (item.duration_ms >= SHORTEST_MS && !item.is_live())
            .then_some(Piece { media: *id, ms: item.duration_ms })
    };
    ids.iter().filter_map(piece).collect()
}

/// A run of filler that is being chosen.
struct Break<'a> {
    pantry: &'a Pantry,
    ready: &'a Ready,
    cursor: &'a mut Cursor,
    wall: &'a Wall,
    at: UtcMillis,
    /// What is left to fill.
    room: i64,
    served: Vec<Piece>,
}

/// A piece that may come next, and how much it is its turn: more is sooner.
#[derive(Clone, Copy)]
struct Candidate {
    piece: Piece,
    score: i64,
}

impl Break<'_> {
    /// Puts opener and closer around what `inner` serves, where there is room for them and more.
    fn with_frame(&mut self, inner: impl FnOnce(&mut Self)) {
        let room = self.room;
        let oldest = |pieces: &[Piece], cursor: &Cursor, room: i64| {
            let fitting = pieces.iter().filter(|piece| piece.ms <= room / 3);
            fitting.min_by_key(|piece| cursor.aired(piece.media)).copied()
        };
        let opener = oldest(&self.ready.opener, self.cursor, room);
        if let Some(opener) = opener {
            self.take(opener);
        }
        let closer = oldest(&self.ready.closer, self.cursor, room);
        let kept = closer.map_or(0, |closer| closer.ms);
        let before = self.served.len();
        self.room -= kept;
        inner(self);
        self.room += kept;
        if self.served.len() == before {
            // Nothing to announce.
            self.served.clear();
            self.room = room;
            return;
        }
        if let Some(closer) = closer {
            self.take(closer);
        }
    }

    /// Fills the room: piece by piece while it is long, and its end by what fits best.
    fn all(&mut self) {
        while self.room > EXACT_MS {
            if self.is_full() || !self.one() {
                return;
            }
        }
        self.end();
    }

    /// Whether there is enough, whatever room is left: what people write has no upper limit.
    fn is_full(&self) -> bool {
        self.served.len() >= MOST_SERVED
    }

    /// Fills the room by what fits best.
    fn end(&mut self) {
        if self.room < SHORTEST_MS {
            return;
        }
        let trim = self.ready.preset.trim;
        let over = if trim { 0 } else { SNIP_MS };
        let mut candidates = self.candidates(self.room.saturating_add(over));
        candidates
            .sort_by_key(|candidate| (std::cmp::Reverse(candidate.score), candidate.piece.media));
        candidates.truncate(PIECES);
        let lengths: Vec<i64> = candidates.iter().map(|candidate| candidate.piece.ms).collect();
        let again = self.ready.preset.allow_repeats;
        for index in exact::fill(&lengths, self.room, over, again) {
            let piece = candidates[index].piece;
            self.take(Piece { ms: piece.ms.min(self.room), ..piece });
        }
        if trim && self.room >= SHORTEST_MS {
            // What is left takes the beginning of a piece that would be too long.
            let longer = self.candidates(i64::MAX).into_iter().filter(|c| c.piece.ms > self.room);
            if let Some(candidate) = longer.max_by_key(|c| (c.score, c.piece.media)) {
                self.take(Piece { ms: self.room, ..candidate.piece });
            }
        }
    }

    /// Serves one piece that fits; says whether there was one.
    fn one(&mut self) -> bool {
        let candidates = self.candidates(self.room);
        let Some(best) = candidates.iter().max_by_key(|c| (c.score, c.piece.media)) else {
            return false;
        };
        self.take(best.piece);
        true
    }

    fn take(&mut self, piece: Piece) {
        self.cursor.set_aired(piece.media, self.at);
        self.at = self.at.plus_ms(piece.ms);
        self.room = self.room.saturating_sub(piece.ms);
        self.served.push(piece);
    }

    /// What may come next: of one source, which the weights choose, or of all for an exact fit.
    fn candidates(&self, room: i64) -> Vec<Candidate> {
        let preset = &self.ready.preset;
        let time = self.wall.time(self.at);
        let sources = self.ready.sources.iter();
        let of_source = |source: &Source| -> Vec<Candidate> {
            if source.daypart.is_some_and(|part| !part.has(time)) {
                return Vec::new();
            }
            let may = |piece: &&Piece| {
                piece.ms <= room
                    && (preset.allow_repeats || !self.served.iter().any(|s| s.media == piece.media))
            };
            let pieces = source.pieces.iter().enumerate();
            let pieces = pieces.filter(|(_, piece)| may(piece));
            pieces.filter_map(|(index, piece)| self.candidate(index, *piece)).collect()
        };
        let mut found: Vec<(u32, Vec<Candidate>)> =
            sources.map(|source| (source.weight, of_source(source))).collect();
        found.retain(|(_, candidates)| !candidates.is_empty());
        let roll = hash(self.pantry.seed, [self.at.0.cast_unsigned(), 1]);
        let Some(index) = weighted(found.iter().map(|(weight, _)| *weight), roll) else {
            return Vec::new();
        };
        found.swap_remove(index).1
    }

    /// The piece with its score; `None` while it rests.
    fn candidate(&self, index: usize, piece: Piece) -> Option<Candidate> {
        let preset = &self.ready.preset;
        let rested = self.cursor.aired(piece.media).map(|aired| self.at.since(aired));
        if rested.is_some_and(|ms| ms < preset.cooldown_ms) {
            return None;
        }
        // Never shown counts as not shown for ten years.
        let rested = rested.unwrap_or(315_360_000_000).max(0);
        let roll =
            hash(self.pantry.seed, [self.at.0.cast_unsigned(), piece.media.0.cast_unsigned()]);
        let chance = i64::try_from(roll % 1024).unwrap_or_default();
        let score = match preset.order {
            // By lot among those that have rested about as long.
            FillerOrder::Shuffled => rested / 1024 * (768 + chance / 4),
            FillerOrder::Random if rested < piece.ms.saturating_mul(2) => chance - 2048,
            FillerOrder::Random => chance,
            FillerOrder::Chronological => {
                (rested / 1000).saturating_mul(100_000) - i64::try_from(index).unwrap_or_default()
            }
        };
        Some(Candidate { piece, score })
    }
}
