//! From slots to entries of the guide: what is shown as one programme.
//!
//! A slot is what is played, an entry is what one looks for. A film that commercials cut is one
//! entry; filler belongs to the entry before it, or to the one whose group it is in. Entries tile
//! time as slots do, and every slot is in exactly one of them, so what the guide shows at an
//! instant is what is on air then, or what its filler belongs to.

use std::ops::Range;

use crate::domain::{MediaId, Slot, SlotKind, UtcMillis};

/// Slots that the guide shows as one programme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Which slots, as positions in the list; never empty.
    pub slots: Range<usize>,
    /// The slot that gives it its name.
    pub main: usize,
    /// When it begins.
    pub start: UtcMillis,
    /// When it ends.
    pub stop: UtcMillis,
}

/// What a slot is to the guide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    start: UtcMillis,
    stop: UtcMillis,
    media: Option<MediaId>,
    in_ms: i64,
    /// Whether it has an entry of its own; else it belongs to a neighbour.
    own: bool,
    /// Whether it names the entry that it is in, before filler does.
    names: bool,
    /// Pieces of one group that follow each other are one entry.
    group: Option<UtcMillis>,
}

impl Piece {
    fn of(slot: &Slot, show_filler: bool) -> Self {
        let is_filler = slot.kind.is_filler();
        let apart = is_filler && show_filler;
        Self {
            start: slot.start,
            stop: slot.stop,
            media: slot.media,
            in_ms: slot.in_ms,
            own: !is_filler || apart || slot.guide_group.is_none(),
            names: slot.kind == SlotKind::Programme,
            group: (!apart).then(|| slot.programme_start()),
        }
    }
}

/// The entries of a channel's slots, in order; `show_filler` gives filler entries of its own.
pub fn entries(slots: &[Slot], show_filler: bool) -> Vec<Entry> {
    let pieces: Vec<Piece> = slots.iter().map(|slot| Piece::of(slot, show_filler)).collect();
    listed(&pieces)
}

/// The entries that touch `from..to`, without a look at all slots.
///
/// Entries that are longer than half a day may begin later here than in [`entries`].
pub fn entries_between(
    slots: &[Slot],
    show_filler: bool,
    from: UtcMillis,
    to: UtcMillis,
) -> Vec<Entry> {
    let margin = 12 * 3_600_000;
    let first = slots.partition_point(|slot| slot.stop <= from.plus_ms(-margin));
    let end = slots.partition_point(|slot| slot.start < to.plus_ms(margin));
    let mut found = entries(&slots[first..end.max(first)], show_filler);
    for entry in &mut found {
        entry.slots = entry.slots.start + first..entry.slots.end + first;
        entry.main += first;
    }
    found.retain(|entry| entry.stop > from && entry.start < to);
    found
}

/// When the media of an entry was shown before, as far as `slots` reach back.
pub fn shown_before(entry: &Entry, slots: &[Slot]) -> Option<UtcMillis> {
    let media = slots[entry.main].media?;
    let before = slots[..entry.slots.start].iter().rev();
    before.into_iter().find(|slot| slot.media == Some(media)).map(|slot| slot.start)
}

fn listed(pieces: &[Piece]) -> Vec<Entry> {
    let entry = |open: Open| {
        let main = open.main.unwrap_or(open.slots.start);
        let (start, stop) = (pieces[open.slots.start].start, pieces[open.slots.end - 1].stop);
        Entry { slots: open.slots, main, start, stop }
    };
    joined(pieces).into_iter().map(entry).collect()
}

/// An entry while it is put together.
#[derive(Debug)]
struct Open {
    slots: Range<usize>,
    /// `None` while it holds nothing but what belongs to a neighbour.
    main: Option<usize>,
    /// Where its media goes on.
    next_ms: i64,
}

/// Walks over the pieces and joins each to the entry before it, or begins another one.
fn joined(pieces: &[Piece]) -> Vec<Open> {
    let mut found: Vec<Open> = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        if found.last().is_some_and(|open| open.main.is_none() && !belongs(open, pieces, piece)) {
            fold(&mut found);
        }
        // At the front there is nothing before that could take it.
        let joins = |open: &&mut Open| open.main.is_none() || belongs(open, pieces, piece);
        let Some(open) = found.last_mut().filter(joins) else {
            let main = piece.own.then_some(index);
            found.push(Open { slots: index..index + 1, main, next_ms: end_in_media(piece) });
            continue;
        };
        open.slots.end = index + 1;
        if !piece.own {
            continue;
        }
        // Filler at the front of a group stands in its place until the programme comes.
        if open.main.is_none_or(|main| piece.names && !pieces[main].names) {
            open.main = Some(index);
        }
        if open.main.is_some_and(|main| pieces[main].media == piece.media) {
            open.next_ms = end_in_media(piece);
        }
    }
    if found.last().is_some_and(|open| open.main.is_none()) {
        fold(&mut found);
    }
    found
}

/// Gives the last entry to the one before it, if there is one.
fn fold(found: &mut Vec<Open>) {
    if found.len() > 1
        && let Some(nameless) = found.pop()
        && let Some(before) = found.last_mut()
    {
        before.slots.end = nameless.slots.end;
    }
}

/// Whether the piece that follows belongs to the open entry.
fn belongs(open: &Open, pieces: &[Piece], piece: &Piece) -> bool {
    let last = &pieces[open.slots.end - 1];
    if piece.group.is_some() && piece.group == last.group {
        return true;
    }
    if !piece.own {
        // What is in a group of its own opens the entry that follows it.
        return piece.group.is_none();
    }
    // Of a broadcast the place in the media is the time, so its hours would go on for ever.
    let is_live = piece.in_ms == piece.start.0;
    let same = |main: usize| pieces[main].media == piece.media;
    piece.media.is_some() && !is_live && open.main.is_some_and(same) && open.next_ms == piece.in_ms
}

fn end_in_media(piece: &Piece) -> i64 {
    piece.in_ms + piece.stop.since(piece.start)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_slot_is_an_entry() {
        check("a 0 10, b 10 20, - 20 30", "a 0 10, b 10 20, - 20 30");
    }

    #[test]
    fn filler_belongs_to_what_came_before_it() {
        check("a 0 10, f~ 10 12, g~ 12 15, b 15 20", "a 0 15, b 15 20");
    }

    #[test]
    fn filler_at_the_front_belongs_to_what_follows() {
        check("f~ 0 5, a 5 10", "a 0 10");
        check("f~ 0 5, g~ 5 10", "f 0 10");
    }

    #[test]
    fn commercials_do_not_cut_a_film() {
        check("a 0 10, f~ 10 12, a+10 12 20, b 20 30", "a 0 20, b 20 30");
        // The same film from its beginning is another showing.
        check("a 0 10, f~ 10 12, a 12 22", "a 0 12, a 12 22");
        check("a 0 10, a 10 20", "a 0 10, a 10 20");
        // A change of the plan in the middle of a film leaves one film.
        check("a 0 10, a+10 10 20", "a 0 20");
    }

    #[test]
    fn a_group_is_one_entry_with_its_filler_in_front() {
        check("a/1 0 10, f~/2 10 12, b/2 12 20, g~/2 20 22, c 22 30", "a 0 10, b 10 22, c 22 30");
        check("a/1 0 10, b/1 10 20, c/1 20 30, a 30 40", "a 0 30, a 30 40");
        // The planner gives no group to the first slot of one: filler that is there, too.
        check("f!/5 5 10, a/5 10 20, g~/5 20 22", "a 5 22");
        check("f!/5 5 10, g~/5 10 12", "f 5 12");
        // A group of filler alone belongs to what came before it.
        check("a/1 0 10, f~/2 10 12, b/3 12 20", "a 0 12, b 12 20");
    }

    #[test]
    fn hours_of_a_broadcast_stay_apart() {
        check("a+1005 5 10, a+1010 10 20", "a 5 10, a 10 20");
    }

    proptest! {
        #[test]
        fn entries_tile_time_and_every_slot_is_in_one(
            words in prop::collection::vec((0_u8..4, 0_i64..3, any::<bool>(), 0_i64..3), 0..20),
        ) {
            let mut all: Vec<Piece> = Vec::new();
            for (at, (name, place, own, group)) in words.into_iter().enumerate() {
                let start = 100 + at as i64 * 10;
                all.push(Piece {
                    start: UtcMillis(start),
                    stop: UtcMillis(start + 10),
                    media: (name > 0).then_some(MediaId(i64::from(name))),
                    in_ms: place * 10,
                    own,
                    names: own && place == 0,
                    group: (group > 0).then_some(UtcMillis(group)),
                });
            }
            let found = listed(&all);
            let slots: Vec<usize> = found.iter().flat_map(|entry| entry.slots.clone()).collect();
            prop_assert_eq!(slots, (0..all.len()).collect::<Vec<_>>());
            prop_assert!(found.windows(2).all(|pair| pair[0].stop == pair[1].start));
            prop_assert!(found.iter().all(|entry| entry.slots.contains(&entry.main)));
            // What has a name of its own never loses it to filler.
            let keeps_its_name = |entry: &Entry| {
                all[entry.main].own || all[entry.slots.clone()].iter().all(|piece| !piece.own)
            };
            prop_assert!(found.iter().all(keeps_its_name));
        }
    }

    /// Reads and writes `name start stop, …`; `~` is filler, `!` too but with an entry, `+5` where in the media, `/1` a group.
    #[track_caller]
    fn check(before: &str, expected: &str) {
        let all = pieces(before);
        let found: Vec<String> = listed(&all)
            .iter()
            .map(|entry| {
                let name = all[entry.main].media.map_or('-', |media| char::from(media.0 as u8));
                format!("{name} {} {}", entry.start.0 - 1000, entry.stop.0 - 1000)
            })
            .collect();
        assert_eq!(found.join(", "), expected);
    }

    fn pieces(text: &str) -> Vec<Piece> {
        let piece = |line: &str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let (name, group) =
                words[0].split_once('/').map_or((words[0], None), |(name, group)| {
                    (name, Some(UtcMillis(group.parse().unwrap())))
                });
            let (name, in_ms) = name.split_once('+').unwrap_or((name, "0"));
            let letter = name.as_bytes()[0];
            Piece {
                start: UtcMillis(1000 + words[1].parse::<i64>().unwrap()),
                stop: UtcMillis(1000 + words[2].parse::<i64>().unwrap()),
                media: (letter != b'-').then_some(MediaId(i64::from(letter))),
                in_ms: in_ms.parse().unwrap(),
                own: !name.ends_with('~'),
                names: !name.contains(['~', '!']),
                group,
            }
        };
        text.split(',').map(piece).collect()
    }
}
