//! A programme with the filler around and within it, and time that is filled.

use super::cursor::{Last, Rest, Turn};
use super::pantry::{EXACT_MS, Piece};
use super::plan::{NO_PROGRAMMING, OFFLINE_MS, programme_slot};
use super::planner::{Around, Line, Planner, Schedule, Sequence};
use super::reason::Reason;
use super::run::Limits;
use crate::domain::{
    BreakPlace, Breaks, FillerMode, GuideMode, MediaId, Slot, SlotKind, UtcMillis,
};

/// Something of a programme, in the order played.
struct Bit {
    kind: SlotKind,
    /// `None` for the slate.
    media: Option<MediaId>,
    in_ms: i64,
    ms: i64,
    /// Shown in the guide by itself.
    alone: bool,
}

impl Planner<'_> {
    /// Plans a programme that begins at `at`, filler included.
    #[expect(clippy::too_many_arguments, reason = "all that shapes a programme")]
    pub(super) fn take(
        &mut self,
        sequence: &Sequence,
        line: &Line,
        general: Around,
        turn: &mut Turn,
        limits: Limits,
        in_window: bool,
        media: MediaId,
        at: UtcMillis,
        slots: &mut Vec<Slot>,
    ) {
        let lasts = self.duration_ms(media);
        let whole = |ms: i64| Bit {
            kind: SlotKind::Programme,
            media: Some(media),
            in_ms: 0,
            ms,
            alone: false,
        };
        if let Some(cut) = limits.cut
            && at.plus_ms(lasts) >= cut
        {
            self.put(line, turn, media, vec![whole(cut.since(at))], at, slots);
            return;
        }
        let around = self.dressed(line.around, general, at);
        let room = limits.stop().map_or(i64::MAX, |stop| stop.since(at) - lasts);
        let mut room = room.max(0);
        let mut breaks = Vec::new();
        if in_window {
            let is_first = turn.item == 0 && turn.played == 0;
            let place = if is_first { BreakPlace::BlockStart } else { BreakPlace::BetweenItems };
            breaks = self.breaks_at(place, turn, at);
        }
        if around.pre.is_none()
            && around.mid.is_none()
            && around.post.is_none()
            && sequence.pad_minutes == 0
            && breaks.is_empty()
        {
            self.put(line, turn, media, vec![whole(lasts)], at, slots);
            return;
        }

        // What is said by count or by time comes first; padding takes what is then missing.
        let mut serve = |planner: &mut Self, preset: usize, at: UtcMillis| {
            let pieces = planner.pantry.serve(preset, at, room, &mut planner.cursor, &planner.wall);
            room -= total(&pieces);
            pieces
        };
        let mut before = Vec::new();
        for preset in breaks {
            let pieces = serve(self, preset, at);
            if !pieces.is_empty() {
                turn.more.break_at = Some(at);
            }
            before.extend(self.bits(preset, SlotKind::PreRoll, &pieces));
        }
        let pads = |planner: &Self, preset: Option<usize>| {
            preset.and_then(|preset| planner.pad_of(preset))
        };
        if let Some(preset) = around.pre.filter(|_| pads(self, around.pre).is_none()) {
            let pieces = serve(self, preset, at);
            before.extend(self.bits(preset, SlotKind::PreRoll, &pieces));
        }
        let mut clock = at.plus_ms(before.iter().map(|bit| bit.ms).sum::<i64>());
        let points = around.mid.map_or_else(Vec::new, |preset| {
            self.break_points(media, lasts, self.pantry.preset(preset).breaks)
        });
        let mut mids: Vec<Vec<Bit>> = points.iter().map(|_| Vec::new()).collect();
        if let Some(preset) = around.mid.filter(|_| pads(self, around.mid).is_none()) {
            for (bits, point) in mids.iter_mut().zip(&points) {
                let pieces = serve(self, preset, clock.plus_ms(*point));
                clock = clock.plus_ms(total(&pieces));
                *bits = self.bits(preset, SlotKind::MidRoll, &pieces);
            }
        }
        clock = clock.plus_ms(lasts);
        let mut after = Vec::new();
        if let Some(preset) = around.post.filter(|_| pads(self, around.post).is_none()) {
            let pieces = serve(self, preset, clock);
            clock = clock.plus_ms(total(&pieces));
            after.extend(self.bits(preset, SlotKind::PostRoll, &pieces));
        }

        let minutes = [around.mid, around.post, around.pre].into_iter().find_map(|p| pads(self, p));
        let minutes = minutes.unwrap_or(sequence.pad_minutes);
        let need = self.wall.boundary(minutes, clock).since(clock).min(room);
        let mut missing = need;
        if missing > 0 && pads(self, around.mid).is_some() && !points.is_empty() {
            let preset = around.mid.unwrap_or_default();
            let mut breaks_left = i64::try_from(points.len()).unwrap_or(1);
            for (bits, point) in mids.iter_mut().zip(&points) {
                let share = missing / breaks_left;
                let when = at.plus_ms(*point);
                let pieces = self.pantry.fill(preset, when, share, &mut self.cursor, &self.wall);
                missing -= total(&pieces);
                breaks_left -= 1;
                *bits = self.bits(preset, SlotKind::MidRoll, &pieces);
            }
        }
        if missing > 0 && pads(self, around.pre).is_some() {
            let preset = around.pre.unwrap_or_default();
            let pieces = self.pantry.fill(preset, at, missing, &mut self.cursor, &self.wall);
            missing -= total(&pieces);
            before.extend(self.bits(preset, SlotKind::PreRoll, &pieces));
        }
        if missing > 0 {
            let post = around.post.filter(|_| pads(self, around.post).is_some());
            let (presets, end) = ([post, around.tail], clock.plus_ms(need - missing));
            let kind = SlotKind::PostRoll;
            after.extend(self.fill_bits(&presets, kind, around.fallback, end, missing));
        }

        let mut bits = before;
        let mut from = 0;
        for (point, middle) in points.into_iter().zip(mids) {
            if middle.is_empty() {
                continue;
            }
            bits.push(Bit { in_ms: from, ..whole(point - from) });
            from = point;
            bits.extend(middle);
        }
        bits.push(Bit { in_ms: from, ..whole(lasts - from) });
        bits.extend(after);
        self.put(line, turn, media, bits, at, slots);
    }

    /// Plays filler after the last programme of a block, as part of it.
    pub(super) fn put_after(&mut self, pieces: &[Piece], at: UtcMillis, slots: &mut Vec<Slot>) {
        let group = self.cursor.last().group;
        let mut start = at;
        for piece in pieces {
            let bit = Bit {
                kind: SlotKind::PostRoll,
                media: Some(piece.media),
                in_ms: 0,
                ms: piece.ms,
                alone: false,
            };
            let slot = self.slot_of(&bit, start);
            start = slot.stop;
            slots.push(Slot { guide_group: group, ..slot });
        }
    }

    /// Plays media once more from its beginning, cut where it has to end.
    pub(super) fn again(
        &mut self,
        media: MediaId,
        at: UtcMillis,
        stop: UtcMillis,
        slots: &mut Vec<Slot>,
    ) {
        let end = at.plus_ms(self.duration_ms(media).max(1)).min(stop);
        slots.push(programme_slot(self.catalogue, media, at, end));
        self.cursor.set_last(Last { group: Some(at), media: Some(media) });
    }

    /// Plans the next piece of a rest: all that is left of it when that is short.
    pub(super) fn fill_piece(
        &mut self,
        own: Around,
        general: Around,
        rest: &Rest,
        at: UtcMillis,
        slots: &mut Vec<Slot>,
    ) {
        let left = rest.until.since(at);
        let around = self.dressed(own, general, at);
        let presets = if rest.empty { [None, None] } else { [around.tail, around.fallback] };
        let mut bits = Vec::new();
        if left <= EXACT_MS {
            bits = self.fill_bits(&[presets[0]], SlotKind::Tail, presets[1], at, left);
        } else {
            if let Some(preset) = presets[0]
                && let Some(piece) = self.pantry.one(preset, at, left, &mut self.cursor, &self.wall)
            {
                bits = self.bits(preset, SlotKind::Tail, &[piece]);
            }
            if let Some(preset) = presets[1].filter(|_| bits.is_empty())
                && let Some(piece) = self.pantry.cut(preset, at, left, &mut self.cursor, &self.wall)
            {
                bits = self.bits(preset, SlotKind::Fallback, &[piece]);
            }
            if bits.is_empty() {
                bits.push(pause(left.min(OFFLINE_MS)));
            }
        }
        if !rest.empty && bits.iter().any(|bit| bit.media.is_none()) {
            self.reasons.add(Reason::NoFiller { at, stop: rest.until });
        }
        let named = presets.into_iter().flatten().next();
        let name = named.map_or("", |preset| self.pantry.preset(preset).name.as_str()).to_owned();
        // A rest that is a programme by itself begins with its own first piece.
        let last = self.cursor.last();
        let is_own = rest.group.is_some_and(|group| last.group.is_none_or(|last| group >= last));
        let mut group = if is_own { rest.group } else { rest.group.and(last.group) };
        let title = (is_own && rest.group != last.group || rest.group == Some(at))
            .then_some(name)
            .filter(|name| !name.is_empty());
        let mut start = at;
        for bit in bits {
            let mut slot = self.slot_of(&bit, start);
            if !bit.alone && (bit.media.is_some() || left <= EXACT_MS) {
                slot.guide_group = group.filter(|group| *group != start);
            }
            if bit.media.is_some() && !bit.alone {
                slot.custom_title.clone_from(&title);
            }
            group = group.and(Some(slot.programme_start()));
            start = slot.stop;
            slots.push(slot);
        }
        if let Some(slot) = slots.last() {
            self.cursor.set_last(Last { group: Some(slot.programme_start()), ..last });
        }
    }

    /// Fills time for which nothing is laid out.
    pub(super) fn unscheduled(
        &mut self,
        schedule: &Schedule,
        turn: &mut Turn,
        at: UtcMillis,
        stop: UtcMillis,
        slots: &mut Vec<Slot>,
    ) {
        let rest = match turn.more.rest.clone().filter(|rest| at < rest.until) {
            Some(rest) => rest,
            None => {
                self.reasons.add(Reason::Unscheduled { at, stop });
                let short = stop.since(at) <= EXACT_MS;
                let group = if short { self.cursor.last().group } else { Some(at) };
                Rest { until: stop, done: false, empty: false, group }
            }
        };
        self.fill_piece(Around::default(), schedule.fillers, &rest, at, slots);
        turn.more.rest = Some(rest);
    }

    /// Fills `ms` completely: by the presets, then by fallback filler, then by the slate.
    fn fill_bits(
        &mut self,
        presets: &[Option<usize>],
        kind: SlotKind,
        fallback: Option<usize>,
        at: UtcMillis,
        ms: i64,
    ) -> Vec<Bit> {
        let (mut at, mut left) = (at, ms);
        let mut bits = Vec::new();
        for preset in presets.iter().copied().flatten() {
            let pieces = self.pantry.fill(preset, at, left, &mut self.cursor, &self.wall);
            at = at.plus_ms(total(&pieces));
            left -= total(&pieces);
            bits.extend(self.bits(preset, kind, &pieces));
        }
        while left > 0
            && let Some(preset) = fallback
            && let Some(piece) = self.pantry.cut(preset, at, left, &mut self.cursor, &self.wall)
        {
            at = at.plus_ms(piece.ms);
            left -= piece.ms;
            bits.extend(self.bits(preset, SlotKind::Fallback, &[piece]));
        }
        if left > 0 {
            bits.push(pause(left));
        }
        bits
    }

    fn bits(&self, preset: usize, kind: SlotKind, pieces: &[Piece]) -> Vec<Bit> {
        let alone = self.pantry.preset(preset).in_guide;
        let bit =
            |piece: &Piece| Bit { kind, media: Some(piece.media), in_ms: 0, ms: piece.ms, alone };
        pieces.iter().map(bit).collect()
    }

    /// Up to which multiple of minutes a preset pads, if it does.
    fn pad_of(&self, preset: usize) -> Option<u32> {
        match self.pantry.preset(preset).mode {
            FillerMode::Pad { minutes } => Some(minutes),
            FillerMode::Count { .. } | FillerMode::Duration { .. } => None,
        }
    }

    /// Where a programme may be broken, in milliseconds from its beginning.
    fn break_points(&self, media: MediaId, lasts: i64, breaks: Breaks) -> Vec<i64> {
        // A broadcast goes on behind a break, so that a part of it would be lost.
        if self.catalogue.media.get(&media).is_some_and(|item| item.is_live()) {
            return Vec::new();
        }
        let shortest = breaks.shortest_part_ms.max(1);
        let stored = self.catalogue.breaks.get(&media).filter(|_| breaks.stored_points);
        let every = i64::from(breaks.every_minutes) * 60_000;
        let wanted: Vec<i64> = match stored {
            Some(points) if !points.is_empty() => points.clone(),
            _ if every > 0 => {
                let parts = (lasts / every).max(1);
                (1..parts).map(|part| lasts / parts * part).collect()
            }
            _ => Vec::new(),
        };
        let mut points = Vec::new();
        let mut last = 0;
        for point in wanted {
            if point - last >= shortest && lasts - point >= shortest {
                points.push(point);
                last = point;
            }
        }
        points
    }

    /// Adds a programme's slots, as one programme of the guide.
    fn put(
        &mut self,
        line: &Line,
        turn: &mut Turn,
        media: MediaId,
        bits: Vec<Bit>,
        at: UtcMillis,
        slots: &mut Vec<Slot>,
    ) {
        let main = bits.iter().position(|bit| bit.kind == SlotKind::Programme).unwrap_or(0);
        let last_main = bits.iter().rposition(|bit| bit.kind == SlotKind::Programme).unwrap_or(0);
        // What is shown by itself before the programme is not part of it, nor is what was before.
        let own_from = bits[..main].iter().rposition(|bit| bit.alone).map_or(0, |index| index + 1);
        let lead: i64 = bits[..own_from].iter().map(|bit| bit.ms).sum();
        let own = at.plus_ms(lead);
        let last = self.cursor.last().group;
        let group = match line.guide_mode {
            GuideMode::Normal => own,
            // What was shown by itself in between ends the programme.
            GuideMode::Group if own_from == 0 && turn.played > 0 && last == turn.more.group => {
                last.unwrap_or(own)
            }
            GuideMode::Group => own,
            GuideMode::Filler => last.filter(|_| own_from == 0).unwrap_or(own),
        };
        if line.guide_mode == GuideMode::Group {
            turn.more.group = Some(group);
        }
        let mut start = at;
        let mut out_of_it = false;
        for (index, bit) in bits.into_iter().enumerate() {
            let mut slot = self.slot_of(&bit, start);
            out_of_it |= index > last_main && bit.alone;
            if index >= own_from && !out_of_it && group != start {
                slot.guide_group = Some(group);
            }
            if bit.kind == SlotKind::Programme {
                slot.custom_title.clone_from(&line.custom_title);
            }
            start = slot.stop;
            slots.push(slot);
        }
        let group =
            if out_of_it { slots.last().map_or(group, Slot::programme_start) } else { group };
        self.cursor.set_last(Last { group: Some(group), media: Some(media) });
    }

    fn slot_of(&self, bit: &Bit, start: UtcMillis) -> Slot {
        let stop = start.plus_ms(bit.ms);
        let Some(media) = bit.media else {
            let title = NO_PROGRAMMING.to_owned();
            return Slot { kind: SlotKind::Pause, ..Slot::new(start, stop, None, title) };
        };
        let slot = programme_slot(self.catalogue, media, start, stop);
        Slot { in_ms: slot.in_ms + bit.in_ms, kind: bit.kind, ..slot }
    }
}

fn pause(ms: i64) -> Bit {
    Bit { kind: SlotKind::Pause, media: None, in_ms: 0, ms, alone: false }
}

fn total(pieces: &[Piece]) -> i64 {
    pieces.iter().map(|piece| piece.ms).sum()
}
