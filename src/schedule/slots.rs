//! Time slots, blocks and random slots: which sequence is open.

use std::rc::Rc;

use super::cursor::{More, Open, Rest, Turn};
use super::dice::{hash, weighted};
use super::pantry::EXACT_MS;
use super::planner::{Lot, Planner, Schedule};
use super::reason::Reason;
use super::run::{Bound, Overrun};
use super::windows::Window;
use crate::domain::{BreakPlace, Flex, Padding, Pick, Slot, UtcMillis};

impl Planner<'_> {
    /// Plans what comes next by the clock: of the window that is open, or up to the next one.
    pub(super) fn slot(
        &mut self,
        number: usize,
        schedule: &Rc<Schedule>,
        (lateness_ms, flexes): (Option<i64>, &[(Flex, Padding)]),
        turn: &mut Turn,
        at: UtcMillis,
        slots: &mut Vec<Slot>,
    ) -> bool {
        // A window may give way to the next at once, and that one again.
        for _ in 0..4 {
            // One that began early is looked for where it was due.
            let early = turn.more.open.map(|open| open.start).filter(|start| *start > at);
            let looked = early.unwrap_or(at);
            let Some(window) = self.windows[number].at(looked, &self.wall) else {
                return self.between_windows(number, schedule, turn, at, slots);
            };
            let is_open = |open: Open| open.slot == window.rule && open.start == window.start;
            if !turn.more.open.is_some_and(is_open) {
                self.open(schedule, flexes, lateness_ms, &window, turn, at);
            }
            let Some(sequence) = schedule.sequences.get(window.rule).map(Rc::clone) else {
                return false;
            };
            let (flex, padding) = flexes.get(window.rule).copied().unwrap_or_default();
            let overrun = match flex {
                Flex::Extend => Overrun::UpTo(lateness_ms.unwrap_or(0)),
                Flex::Cut => Overrun::Cut,
                Flex::Shift => Overrun::Free,
            };
            let bound = Bound { stop: window.stop, overrun, padding };
            if self.run(schedule, &sequence, turn, at, Some(bound), slots) {
                return true;
            }
            if padding == Padding::Next
                && let Some(next) = self.windows[number].after(looked, &self.wall)
            {
                self.open(schedule, flexes, None, &next, turn, at);
                continue;
            }
            if self.finish(schedule, &window, padding, turn, at, slots) {
                return true;
            }
        }
        false
    }

    /// Opens a window: its sequence begins from the top.
    fn open(
        &mut self,
        schedule: &Schedule,
        flexes: &[(Flex, Padding)],
        lateness_ms: Option<i64>,
        window: &Window,
        turn: &mut Turn,
        at: UtcMillis,
    ) {
        let before = turn.more.open;
        let went_on = turn.more.reached == Some(at);
        let ran_over = before.filter(|open| went_on && open.stop <= window.start);
        let may_shift =
            ran_over.and_then(|open| flexes.get(open.slot)).is_some_and(|of| of.0 == Flex::Shift);
        let late_ms = at.since(window.start);
        let open = Open { slot: window.rule, start: window.start, stop: window.stop };
        let more = More {
            open: Some(open),
            reached: turn.more.reached,
            break_at: turn.more.break_at,
            ..More::default()
        };
        *turn = Turn { item: 0, played: 0, more };
        if ran_over.is_some() && !may_shift && lateness_ms.is_some_and(|most| late_ms > most.max(0))
        {
            let line = schedule.sequences.get(window.rule).and_then(|s| s.lines.first());
            let item = line.map_or(window.rule, |line| line.index);
            self.reasons.add(Reason::SlotLate { item, at, late_ms });
            turn.more.rest = Some(self.rest(at, window.stop, Padding::Filler));
        }
    }

    /// Fills what a window leaves when its sequence is over; `false` when it leaves nothing.
    fn finish(
        &mut self,
        schedule: &Schedule,
        window: &Window,
        padding: Padding,
        turn: &mut Turn,
        at: UtcMillis,
        slots: &mut Vec<Slot>,
    ) -> bool {
        if at >= window.stop {
            return false;
        }
        if turn.more.rest.is_none() {
            let room = window.stop.since(at);
            let mut bits = Vec::new();
            for preset in self.breaks_at(BreakPlace::BlockFinish, turn, at) {
                let pieces = self.pantry.serve(preset, at, room, &mut self.cursor, &self.wall);
                bits.extend(pieces);
                if !bits.is_empty() {
                    break;
                }
            }
            turn.more.rest = Some(self.rest(at, window.stop, padding));
            if !bits.is_empty() {
                turn.more.break_at = Some(at);
                self.put_after(&bits, at, slots);
                return true;
            }
        }
        let rest = turn.more.rest.clone();
        if let Some(rest) = rest {
            let sequence = schedule.sequences.get(window.rule);
            let own = sequence.and_then(|s| s.lines.first()).map(|line| line.around);
            self.fill_piece(own.unwrap_or_default(), schedule.fillers, &rest, at, slots);
        }
        true
    }

    fn rest(&self, at: UtcMillis, until: UtcMillis, padding: Padding) -> Rest {
        let short = until.since(at) <= EXACT_MS;
        let group = if short { self.cursor.last().group } else { Some(at) };
        Rest { until, done: true, empty: padding == Padding::None, group }
    }

    fn between_windows(
        &mut self,
        number: usize,
        schedule: &Schedule,
        turn: &mut Turn,
        at: UtcMillis,
        slots: &mut Vec<Slot>,
    ) -> bool {
        let next = self.windows[number].after(at, &self.wall);
        let Some(next) = next else { return false };
        if turn.more.rest.as_ref().is_some_and(|rest| rest.until > next.start) {
            turn.more.rest = None;
        }
        self.unscheduled(schedule, turn, at, next.start, slots);
        true
    }

    /// Plans what comes next by lot.
    pub(super) fn lot(
        &mut self,
        number: usize,
        schedule: &Rc<Schedule>,
        (lots, pick, max_consecutive): (&[Lot], Pick, u32),
        turn: &mut Turn,
        at: UtcMillis,
        slots: &mut Vec<Slot>,
    ) -> bool {
        // As many draws as there are slots: one may be over as soon as it is drawn.
        for _ in 0..=lots.len() + 1 {
            if let Some(open) = turn.more.open.filter(|open| open.slot < lots.len())
                && let Some(sequence) = schedule.sequences.get(open.slot).map(Rc::clone)
                && self.run(schedule, &sequence, turn, at, None, slots)
            {
                let end = slots.last().map_or(at, |slot| slot.stop);
                let mut share = self.cursor.share((number, open.slot));
                share.played_ms = share.played_ms.saturating_add(end.since(at));
                share.ended = Some(end);
                self.cursor.set_share((number, open.slot), share);
                return true;
            }
            let Some(slot) =
                self.draw_lot(number, schedule, (lots, pick, max_consecutive), turn, at)
            else {
                return false;
            };
            let same = turn.more.open.is_some_and(|open| open.slot == slot);
            let streak = if same { turn.more.streak.saturating_add(1) } else { 1 };
            let more = More {
                open: Some(Open { slot, start: at, stop: at }),
                reached: turn.more.reached,
                streak,
                ..More::default()
            };
            *turn = Turn { item: 0, played: 0, more };
        }
        false
    }

    /// Which random slot comes next; `None` when no one has anything to play.
    fn draw_lot(
        &mut self,
        number: usize,
        schedule: &Schedule,
        (lots, pick, max_consecutive): (&[Lot], Pick, u32),
        turn: &Turn,
        at: UtcMillis,
    ) -> Option<usize> {
        let has_media = |slot: &usize| {
            let sequence = schedule.sequences.get(*slot);
            sequence.is_some_and(|s| s.lines.iter().any(|line| line.deck.is_some()))
        };
        let time = self.wall.time(at);
        let in_time = |slot: &usize| lots[*slot].daypart.is_none_or(|part| part.has(time));
        let tired = |slot: &usize| {
            max_consecutive > 0
                && turn.more.streak >= max_consecutive
                && turn.more.open.is_some_and(|open| open.slot == *slot)
        };
        let playable: Vec<usize> = (0..lots.len()).filter(has_media).collect();
        // How long a slot has to rest yet; its group rests with it.
        let rests = |slot: usize| -> i64 {
            let mates = playable.iter().copied().filter(|other| {
                *other == slot
                    || (lots[slot].group.is_some() && lots[*other].group == lots[slot].group)
            });
            let ended = mates.filter_map(|mate| self.cursor.share((number, mate)).ended).max();
            ended.map_or(0, |ended| (lots[slot].cooldown_ms - at.since(ended)).max(0))
        };
        let mut choice: Vec<usize> = playable
            .iter()
            .copied()
            .filter(|slot| in_time(slot) && !tired(slot) && rests(*slot) == 0)
            .collect();
        if choice.is_empty() {
            let timely: Vec<usize> = playable.iter().copied().filter(in_time).collect();
            let fresh: Vec<usize> = timely.iter().copied().filter(|slot| !tired(slot)).collect();
            let any =
                [fresh, timely, playable.clone()].into_iter().find(|list| !list.is_empty())?;
            let slot = any.into_iter().min_by_key(|slot| (rests(*slot), *slot))?;
            let line = schedule.sequences.get(slot).and_then(|s| s.lines.first());
            self.reasons.add(Reason::NoneRested { item: line.map_or(slot, |line| line.index), at });
            choice.push(slot);
        }
        let roll = hash(self.seed, [at.0.cast_unsigned(), 2]);
        match pick {
            Pick::Random => {
                let weights = choice.iter().map(|slot| lots[*slot].weight);
                weighted(weights, roll).map(|index| choice[index])
            }
            Pick::Balance => choice.into_iter().min_by_key(|slot| {
                let played = i128::from(self.cursor.share((number, *slot)).played_ms);
                // Time for one unit of weight, fine enough to tell slots apart.
                let share = played * 1_000_000 / i128::from(lots[*slot].weight.max(1));
                (share, hash(roll, [*slot as u64]))
            }),
        }
    }
}
