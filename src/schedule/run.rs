//! Whose turn it is: going through a sequence of schedule items.

use std::rc::Rc;

use super::cursor::{More, Rest, Turn};
use super::dice::hash;
use super::pantry::EXACT_MS;
use super::planner::{Fixed, Line, Planner, Schedule, Sequence};
use super::reason::Reason;
use crate::domain::{Days, FixedStart, GuideMode, LocalTime, Mode, Padding, Slot, Tail, UtcMillis};

/// The slot or block that a sequence is played in.
#[derive(Clone, Copy)]
pub(super) struct Bound {
    pub(super) stop: UtcMillis,
    pub(super) overrun: Overrun,
    pub(super) padding: Padding,
}

/// How far a programme may run over the end.
#[derive(Clone, Copy)]
pub(super) enum Overrun {
    /// It is cut there.
    Cut,
    /// So many milliseconds, else it is not begun.
    UpTo(i64),
    /// As far as it likes.
    Free,
}

/// Where programmes have to end.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// What would end after this is not begun.
    never: Option<Limit>,
    /// What would end after this is cut.
    pub(super) cut: Option<UtcMillis>,
}

#[derive(Clone, Copy)]
struct Limit {
    /// What ends after this does not fit.
    fit: UtcMillis,
    /// What is left is filled up to here.
    rest: UtcMillis,
    kind: LimitKind,
}

#[derive(Clone, Copy)]
enum LimitKind {
    FixedStart,
    Tail(Tail),
    Bound(Padding),
}

impl Limits {
    /// The latest instant that programme and filler together may last to.
    pub(super) fn stop(&self) -> Option<UtcMillis> {
        self.never.map(|limit| limit.fit).into_iter().chain(self.cut).min()
    }
}

/// A fixed start that comes next.
struct Ahead {
    /// Position in its round.
    item: usize,
    /// Its round.
    round: u64,
    due: UtcMillis,
    fixed: Fixed,
}

impl Planner<'_> {
    /// Plans what comes next of a sequence; `false` when it is over or has nothing to play.
    pub(super) fn run(
        &mut self,
        schedule: &Schedule,
        sequence: &Rc<Sequence>,
        turn: &mut Turn,
        at: UtcMillis,
        bound: Option<Bound>,
        slots: &mut Vec<Slot>,
    ) -> bool {
        if sequence.lines.is_empty() {
            return false;
        }
        if turn.item >= sequence.lines.len() {
            turn.item = 0;
        }
        if sequence.has_fixed {
            self.align(sequence, turn, at);
        }
        // Every item is asked at most once, and each may first have to be passed or waited for.
        for _ in 0..=3 * sequence.lines.len() + 2 {
            if let Some(rest) = turn.more.rest.clone() {
                if at < rest.until {
                    let own = self.line_of(sequence, turn).around;
                    self.fill_piece(own, schedule.fillers, &rest, at, slots);
                    return true;
                }
                turn.more.rest = None;
                if rest.done {
                    pass_on(sequence, turn);
                }
            }
            if turn.more.over || bound.is_some_and(|bound| at >= bound.stop) {
                return false;
            }
            let ahead = self.ahead(sequence, turn);
            if let Some(ahead) = &ahead
                && at >= ahead.due
            {
                self.fixed_start_is_due(sequence, turn, ahead, at);
                continue;
            }
            if self.waits_for_its_start(sequence, turn, ahead.as_ref(), at) {
                continue;
            }
            let index = self.position(sequence, turn);
            let line = &sequence.lines[index];
            let Some(deck) = line.deck else {
                pass_on(sequence, turn);
                continue;
            };
            if !turn.more.begun && !self.begin(line, deck, turn, at) {
                if turn.more.rest.is_none() {
                    pass_on(sequence, turn);
                }
                continue;
            }
            let want = match line.mode {
                Mode::One => Some(1),
                Mode::Multiple { count } => Some(count),
                _ => turn.more.want,
            };
            if want.is_some_and(|want| turn.played >= want)
                || turn.more.until.is_some_and(|until| at >= until)
            {
                pass_on(sequence, turn);
                continue;
            }
            let limits = self.limits(line, turn, ahead.as_ref(), bound);
            if self.play(schedule, sequence, line, deck, turn, limits, bound, at, slots) {
                return true;
            }
        }
        false
    }

    /// Draws and plays one item; `false` when none fits, and then the turn says what comes instead.
    #[expect(clippy::too_many_arguments, reason = "the one place where all of a step meets")]
    fn play(
        &mut self,
        schedule: &Schedule,
        sequence: &Sequence,
        line: &Line,
        deck: usize,
        turn: &mut Turn,
        limits: Limits,
        bound: Option<Bound>,
        at: UtcMillis,
        slots: &mut Vec<Slot>,
    ) -> bool {
        let place = self.decks[deck].1;
        let mut spot = self.cursor.spot(place);
        let patience = match line.mode {
            Mode::Duration { discard_attempts, .. }
            | Mode::PadToNext { discard_attempts, .. }
            | Mode::PadUntil { discard_attempts, .. } => discard_attempts,
            _ => 0,
        };
        // At the start of a turn anything is better than nothing: one long film must not block
        // its collection for ever.
        let attempts = if turn.played == 0 {
            self.decks[deck].0.len()
        } else {
            usize::try_from(patience).unwrap_or(usize::MAX)
        };
        let catalogue = self.catalogue;
        let ends = |media| {
            let lasts = catalogue.media.get(&media).map_or(0, |item| item.duration_ms);
            let end = at.plus_ms(lasts);
            limits.cut.map_or(end, |cut| end.min(cut))
        };
        let fits = |media| limits.never.is_none_or(|limit| ends(media) <= limit.fit);
        let Some(draw) = self.decks[deck].0.draw_fitting(&mut spot, attempts, fits) else {
            self.nothing_fits(line, turn, limits, bound, at, slots);
            return slots.last().is_some_and(|slot| slot.start == at);
        };
        self.cursor.set_spot(place, spot);
        if let Some(media) = draw.put_off {
            self.reasons.add(Reason::PutOff { media, at });
        }
        if let Some(limit) = limits.never {
            for media in draw.passed {
                self.reasons.add(Reason::PassedOver { media, at, stop: limit.fit });
            }
        }
        let fillers = schedule.fillers;
        self.take(sequence, line, fillers, turn, limits, bound.is_some(), draw.media, at, slots);
        // Saturates in a flood that has gone on for four thousand million items; no harm.
        turn.played = turn.played.saturating_add(1);
        true
    }

    /// Says in the turn what fills the time that no media fits into; may fill it at once.
    fn nothing_fits(
        &mut self,
        line: &Line,
        turn: &mut Turn,
        limits: Limits,
        bound: Option<Bound>,
        at: UtcMillis,
        slots: &mut Vec<Slot>,
    ) {
        // Without a limit everything fits; a deck is never empty here.
        let Some(limit) = limits.never else {
            turn.more.over = true;
            return;
        };
        let stop = limit.rest;
        self.reasons.add(Reason::NothingFits { item: line.index, at, stop });
        let rest = |empty: bool, planner: &Self| Rest {
            until: stop,
            done: true,
            empty,
            group: planner.rest_group(line, at, stop),
        };
        match limit.kind {
            LimitKind::FixedStart | LimitKind::Tail(Tail::Filler | Tail::Trim) => {
                turn.more.rest = Some(rest(false, self));
            }
            LimitKind::Tail(Tail::Offline) => turn.more.rest = Some(rest(true, self)),
            // The next item begins early.
            LimitKind::Tail(Tail::None) => turn.more.until = Some(at),
            LimitKind::Bound(Padding::Filler) => turn.more.rest = Some(rest(false, self)),
            LimitKind::Bound(Padding::None) => turn.more.rest = Some(rest(true, self)),
            LimitKind::Bound(Padding::Next) => turn.more.over = true,
            LimitKind::Bound(Padding::Loop) => {
                let stop = bound.map_or(stop, |bound| bound.stop);
                match self.cursor.last().media.filter(|_| turn.played > 0) {
                    Some(media) => self.again(media, at, stop, slots),
                    None => turn.more.rest = Some(rest(false, self)),
                }
            }
        }
    }

    /// The guide's programme that a rest is part of: a short one belongs to what came before.
    pub(super) fn rest_group(
        &self,
        _line: &Line,
        at: UtcMillis,
        stop: UtcMillis,
    ) -> Option<UtcMillis> {
        if stop.since(at) <= EXACT_MS { self.cursor.last().group } else { Some(at) }
    }

    fn limits(
        &self,
        line: &Line,
        turn: &Turn,
        ahead: Option<&Ahead>,
        bound: Option<Bound>,
    ) -> Limits {
        let mut limits = Limits { never: None, cut: None };
        let mut never = |fit: UtcMillis, rest: UtcMillis, kind| {
            if limits.never.is_none_or(|limit: Limit| fit < limit.fit) {
                limits.never = Some(Limit { fit, rest, kind });
            }
        };
        if let Some(ahead) = ahead
            && ahead.fixed.behavior == FixedStart::Fill
        {
            never(ahead.due, ahead.due, LimitKind::FixedStart);
        }
        let mut cuts = Vec::new();
        if let Some(until) = turn.more.until {
            let tail = match line.mode {
                Mode::Duration { tail, .. }
                | Mode::PadToNext { tail, .. }
                | Mode::PadUntil { tail, .. } => tail,
                _ => Tail::Filler,
            };
            match tail {
                Tail::Trim => cuts.push(until),
                Tail::None | Tail::Offline | Tail::Filler => {
                    never(until, until, LimitKind::Tail(tail));
                }
            }
        }
        if let Some(bound) = bound {
            match bound.overrun {
                Overrun::Cut => cuts.push(bound.stop),
                Overrun::UpTo(ms) => {
                    let fit = bound.stop.plus_ms(ms.max(0));
                    never(fit, bound.stop, LimitKind::Bound(bound.padding));
                }
                Overrun::Free => {}
            }
        }
        limits.cut = cuts.into_iter().min();
        limits
    }

    /// Begins a turn of an item; `false` when there is nothing of it to play now.
    ///
    /// Plain items leave no trace in the turn: the cursor is stored once for every programme.
    fn begin(&mut self, line: &Line, deck: usize, turn: &mut Turn, at: UtcMillis) -> bool {
        let more = &mut turn.more;
        let target = |planner: &Self, time: LocalTime, tomorrow: bool| {
            let today = planner.wall.instant(time.on(planner.wall.date(at)));
            match (today > at, tomorrow) {
                (true, _) => Some(today),
                (false, true) => planner.wall.next(time, Days::ALL, at.plus_ms(1)),
                (false, false) => None,
            }
        };
        match line.mode {
            Mode::Flood | Mode::One => {}
            Mode::Multiple { count } => {
                if count == 0 {
                    return false;
                }
            }
            Mode::CollectionSize => {
                more.want = Some(u32::try_from(self.decks[deck].0.len()).unwrap_or(u32::MAX));
            }
            Mode::MultiEpisodeGroupSize => {
                let (deck, place) = &mut self.decks[deck];
                more.want = Some(deck.story_size(&self.cursor.spot(*place)));
            }
            Mode::Duration { duration_ms, .. } => {
                if duration_ms <= 0 {
                    self.reasons.add(Reason::ZeroCount { item: line.index });
                    return false;
                }
                more.until = Some(at.plus_ms(duration_ms));
            }
            Mode::PadToNext { minutes, .. } => {
                let until = self.wall.boundary(minutes, at);
                if until <= at {
                    return false;
                }
                more.until = Some(until);
            }
            Mode::PadUntil { time, tomorrow, .. } => {
                let Some(until) = target(self, time, tomorrow) else { return false };
                more.until = Some(until);
            }
            Mode::WaitUntil { time, tomorrow } => {
                let Some(until) = target(self, time, tomorrow) else { return false };
                let group = self.rest_group(line, at, until);
                more.rest = Some(Rest { until, done: true, empty: false, group });
                return false;
            }
            Mode::Skip { count } => {
                let (deck, place) = &mut self.decks[deck];
                let mut spot = self.cursor.spot(*place);
                for _ in 0..count.min(10_000) {
                    deck.draw(&mut spot);
                }
                self.cursor.set_spot(*place, spot);
                return false;
            }
        }
        if line.guide_mode == GuideMode::Group {
            more.group = Some(at);
        }
        more.begun = more.want.is_some() || more.until.is_some() || more.group.is_some();
        true
    }

    // Fixed starts.

    /// Finds the place in a list with fixed starts when it is new, or when nothing was planned for
    /// a while: the item that would be on air by now.
    fn align(&mut self, sequence: &Sequence, turn: &mut Turn, at: UtcMillis) {
        const WHILE_MS: i64 = 3_600_000;
        let went_on = |reached: UtcMillis| at.since(reached).abs() <= WHILE_MS;
        if turn.more.anchor.is_some() && turn.more.reached.is_none_or(went_on) {
            return;
        }
        turn.more.anchor = Some(at.plus_ms(-1));
        let first_is_fixed = sequence.lines.first().is_some_and(|line| line.fixed.is_some());
        if !first_is_fixed || sequence.shuffle {
            return;
        }
        let latest = sequence.lines.iter().enumerate().filter_map(|(item, line)| {
            let fixed = line.fixed.filter(|_| line.deck.is_some())?;
            Some((self.wall.last(fixed.time, fixed.days, at)?, item))
        });
        let Some((due, item)) = latest.max() else { return };
        if due == at {
            // Its start is honoured as any other.
            return;
        }
        *turn = Turn { item, ..Turn::default() };
        turn.more.anchor = Some(due);
        match sequence.lines[item].mode {
            Mode::Flood | Mode::Duration { .. } => turn.more.begun = true,
            _ => pass_on(sequence, turn),
        }
        if let Mode::Duration { duration_ms, .. } = sequence.lines[item].mode {
            turn.more.until = Some(due.plus_ms(duration_ms));
        }
    }

    /// The next fixed start in the order of the list, with the time at which it is due.
    fn ahead(&self, sequence: &Sequence, turn: &Turn) -> Option<Ahead> {
        if !sequence.has_fixed {
            return None;
        }
        let after = turn.more.anchor?.plus_ms(1);
        let count = sequence.lines.len();
        let first = usize::from(turn.more.begun || turn.played > 0);
        for step in first..=count {
            let (mut item, mut round) = (turn.item + step, turn.more.round);
            if item >= count {
                if !sequence.repeat {
                    return None;
                }
                item -= count;
                round = next_round(sequence, round);
            }
            let line = &sequence.lines[self.shuffled(sequence, round, item)];
            if let Some(fixed) = line.fixed
                && line.deck.is_some()
            {
                let due = self.wall.next(fixed.time, fixed.days, after)?;
                return Some(Ahead { item, round, due, fixed });
            }
        }
        None
    }

    /// Turns to an item whose fixed start is now, or has passed.
    fn fixed_start_is_due(
        &mut self,
        sequence: &Sequence,
        turn: &mut Turn,
        ahead: &Ahead,
        at: UtcMillis,
    ) {
        let item = sequence.lines[self.shuffled(sequence, ahead.round, ahead.item)].index;
        let turn_to = |turn: &mut Turn| {
            let more = More {
                anchor: Some(ahead.due),
                round: ahead.round,
                open: turn.more.open,
                reached: turn.more.reached,
                break_at: turn.more.break_at,
                ..More::default()
            };
            *turn = Turn { item: ahead.item, played: 0, more };
        };
        if at == ahead.due {
            turn_to(turn);
            self.begin_fixed(sequence, turn, at);
            return;
        }
        let due = ahead.due;
        match ahead.fixed.behavior {
            FixedStart::StartImmediately => {
                self.reasons.add(Reason::StartedLate { item, due, at });
                turn_to(turn);
                self.begin_fixed(sequence, turn, at);
            }
            FixedStart::Fill => {
                self.reasons.add(Reason::StartPassed { item, due, at });
                turn.more.anchor = Some(at.plus_ms(-1));
            }
            FixedStart::Skip => {
                self.reasons.add(Reason::StartPassed { item, due, at });
                turn_to(turn);
                pass_on(sequence, turn);
            }
            FixedStart::SkipAndFill => {
                self.reasons.add(Reason::StartPassed { item, due, at });
                turn_to(turn);
                turn.more.begun = true;
                if let Some(next) = self.ahead(sequence, turn)
                    && next.due > at
                {
                    let group = Some(at);
                    turn.more.rest =
                        Some(Rest { until: next.due, done: true, empty: false, group });
                } else {
                    pass_on(sequence, turn);
                }
            }
        }
    }

    fn begin_fixed(&mut self, sequence: &Sequence, turn: &mut Turn, at: UtcMillis) {
        let line = &sequence.lines[self.position(sequence, turn)];
        let Some(deck) = line.deck else { return };
        if self.begin(line, deck, turn, at) {
            turn.more.begun = true;
        } else if turn.more.rest.is_none() {
            pass_on(sequence, turn);
        }
    }

    /// Whether the item whose turn it is has to wait for its fixed start.
    fn waits_for_its_start(
        &mut self,
        sequence: &Sequence,
        turn: &mut Turn,
        ahead: Option<&Ahead>,
        at: UtcMillis,
    ) -> bool {
        let Some(ahead) = ahead else { return false };
        if turn.more.begun || turn.played > 0 || ahead.item != turn.item {
            return false;
        }
        let index = self.position(sequence, turn);
        let line = &sequence.lines[index];
        if line.fixed.is_none() {
            return false;
        }
        let group = self.rest_group(line, at, ahead.due);
        turn.more.rest = Some(Rest { until: ahead.due, done: false, empty: false, group });
        true
    }

    // Positions.

    fn line_of<'s>(&self, sequence: &'s Sequence, turn: &Turn) -> &'s Line {
        &sequence.lines[self.position(sequence, turn)]
    }

    /// Index of the item whose turn it is.
    fn position(&self, sequence: &Sequence, turn: &Turn) -> usize {
        self.shuffled(sequence, turn.more.round, turn.item)
    }

    /// Index of the item at a position of a round.
    fn shuffled(&self, sequence: &Sequence, round: u64, item: usize) -> usize {
        let last = sequence.lines.len().saturating_sub(1);
        if !sequence.shuffle {
            return item.min(last);
        }
        let mut order: Vec<usize> = (0..sequence.lines.len()).collect();
        order.sort_by_key(|index| (hash(self.seed, [round, *index as u64, 3]), *index));
        order.get(item).copied().unwrap_or(last)
    }
}

fn next_round(sequence: &Sequence, round: u64) -> u64 {
    // Only a shuffled list needs to know its round.
    if sequence.shuffle { round.wrapping_add(1) } else { round }
}

/// Turns to the next item; what belonged to the one before is forgotten.
pub(super) fn pass_on(sequence: &Sequence, turn: &mut Turn) {
    let mut more = More {
        anchor: turn.more.anchor,
        round: turn.more.round,
        open: turn.more.open,
        streak: turn.more.streak,
        reached: turn.more.reached,
        break_at: turn.more.break_at,
        ..More::default()
    };
    let mut item = turn.item + 1;
    if item >= sequence.lines.len() {
        item = 0;
        more.over = !sequence.repeat;
        more.round = next_round(sequence, more.round);
    }
    *turn = Turn { item, played: 0, more };
}
