//! The planner: rules made ready, and one step of a plan.
//!
//! A step plans one programme with the filler around it, or one piece of filler. It goes by the
//! cursor and the instant alone, never by the window that is planned, so that two windows give
//! what one would.

use std::rc::Rc;

use super::catalogue::Catalogue;
use super::cursor::{Cursor, Last, Turn};
use super::deck::Deck;
use super::order::{Together, Way};
use super::pantry::Pantry;
use super::plan::{OFFLINE_MS, off_air};
use super::reason::{Reason, Reasons};
use super::windows::{Dated, Rule, Windows};
use super::zone::Wall;
use crate::domain::{
    Alternate, BreakPlace, Daypart, Days, Deco, Dress, Fillers, FixedStart, Flex, Form, GuideMode,
    Link, MediaId, Mode, Padding, Pick, RandomSlot, Rules, ScheduleItem, ScheduleOptions, Slot,
    Start, StopScheduling, TimeSlot, UtcMillis, When,
};

pub(super) struct Planner<'a> {
    pub(super) cursor: Cursor,
    pub(super) reasons: Reasons,
    pub(super) catalogue: &'a Catalogue,
    pub(super) wall: Wall,
    pub(super) seed: u64,
    pub(super) pantry: Pantry,
    /// One for each collection and way in use, with its place in the cursor.
    pub(super) decks: Vec<(Deck, usize)>,
    /// The main one, then the alternates.
    pub(super) schedules: Vec<Rc<Schedule>>,
    /// Windows of the schedules that have some.
    pub(super) windows: Vec<Windows>,
    decos: Vec<ReadyDeco>,
}

/// A schedule made ready.
pub(super) struct Schedule {
    when: When,
    priority: i32,
    pub(super) shape: Shape,
    pub(super) sequences: Vec<Rc<Sequence>>,
    /// Where its items do not say.
    pub(super) fillers: Around,
}

pub(super) enum Shape {
    List,
    Slots { lateness_ms: Option<i64>, flexes: Vec<(Flex, Padding)> },
    Lots { slots: Vec<Lot>, pick: Pick, max_consecutive: u32 },
}

/// A random slot made ready.
pub(super) struct Lot {
    pub(super) weight: u32,
    pub(super) cooldown_ms: i64,
    pub(super) group: Option<u32>,
    pub(super) daypart: Option<Daypart>,
}

/// Items that are gone through.
pub(super) struct Sequence {
    pub(super) lines: Vec<Line>,
    pub(super) repeat: bool,
    pub(super) shuffle: bool,
    pub(super) has_fixed: bool,
    pub(super) pad_minutes: u32,
}

/// A schedule item made ready.
pub(super) struct Line {
    /// Its number among all items.
    pub(super) index: usize,
    /// `None` when there is nothing to play.
    pub(super) deck: Option<usize>,
    pub(super) mode: Mode,
    pub(super) fixed: Option<Fixed>,
    pub(super) guide_mode: GuideMode,
    pub(super) custom_title: Option<String>,
    pub(super) around: Around,
}

#[derive(Clone, Copy)]
pub(super) struct Fixed {
    pub(super) time: crate::domain::LocalTime,
    pub(super) days: Days,
    pub(super) behavior: FixedStart,
}

/// Numbers of the presets around a programme.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Around {
    pub(super) pre: Option<usize>,
    pub(super) mid: Option<usize>,
    pub(super) post: Option<usize>,
    pub(super) tail: Option<usize>,
    pub(super) fallback: Option<usize>,
}

struct ReadyDeco {
    when: When,
    daypart: Option<Daypart>,
    tail: Dressed,
    fallback: Dressed,
    breaks: Vec<ReadyBreak>,
}

#[derive(Clone, Copy)]
enum Dressed {
    Inherit,
    None,
    With(usize),
}

#[derive(Clone, Copy)]
struct ReadyBreak {
    place: BreakPlace,
    frequency_ms: i64,
    preset: usize,
}

impl Dressed {
    fn over(self, general: Option<usize>) -> Option<usize> {
        match self {
            Self::Inherit => general,
            Self::None => None,
            Self::With(preset) => Some(preset),
        }
    }
}

impl<'a> Planner<'a> {
    pub(super) fn new(rules: &Rules, catalogue: &'a Catalogue, cursor: Cursor) -> Self {
        let mut planner = Self {
            cursor,
            reasons: Reasons::default(),
            catalogue,
            wall: Wall::new(&rules.zone),
            seed: rules.seed,
            pantry: Pantry::new(rules.seed),
            decks: Vec::new(),
            schedules: Vec::new(),
            windows: Vec::new(),
            decos: Vec::new(),
        };
        let general = planner.around(&rules.fillers);
        let mut counted = 0;
        let mut main = Alternate {
            when: When::default(),
            priority: 0,
            items: rules.items.clone(),
            options: rules.options.clone(),
            form: rules.form.clone(),
            fillers: Fillers::default(),
        };
        for alternate in std::iter::once(&mut main).chain(rules.alternates.clone().iter_mut()) {
            let own = planner.around(&alternate.fillers);
            let schedule = planner.schedule(alternate, own.or(general), &mut counted);
            planner.schedules.push(Rc::new(schedule));
        }
        let mut decos: Vec<&Deco> = rules.decos.iter().collect();
        decos.sort_by_key(|deco| deco.priority);
        for deco in decos {
            let ready = planner.deco(deco);
            planner.decos.push(ready);
        }
        if counted == 0 {
            planner.reasons.add(Reason::NoItems);
        }
        planner
    }

    /// Plans what begins at `at` and adds it to `slots`; always adds something.
    pub(super) fn next(&mut self, at: UtcMillis, slots: &mut Vec<Slot>) {
        let number = self.schedule_at(at);
        let schedule = Rc::clone(&self.schedules[number]);
        if self.decks.is_empty() && !self.has_fallback(schedule.fillers, at) {
            self.reasons.add(Reason::OffAir);
            self.cursor.begin(at);
            self.cursor.set_last(Last { group: Some(at), media: None });
            slots.push(off_air(at));
            return;
        }
        self.cursor.begin(at);
        let (first, before) = (slots.len(), self.cursor.last().group);
        let mut turn = self.cursor.turn(number);
        let planned = match &schedule.shape {
            Shape::List => self.list(&schedule, &mut turn, at, slots),
            Shape::Slots { lateness_ms, flexes } => {
                self.slot(number, &schedule, (*lateness_ms, flexes), &mut turn, at, slots)
            }
            Shape::Lots { slots: lots, pick, max_consecutive } => {
                let draw = (lots.as_slice(), *pick, *max_consecutive);
                self.lot(number, &schedule, draw, &mut turn, at, slots)
            }
        };
        if !planned {
            self.unscheduled(&schedule, &mut turn, at, at.plus_ms(OFFLINE_MS), slots);
        }
        let tracks = match schedule.shape {
            Shape::List => schedule.sequences.iter().any(|sequence| sequence.has_fixed),
            Shape::Slots { .. } | Shape::Lots { .. } => true,
        };
        if tracks {
            turn.more.reached = slots.last().map(|slot| slot.stop);
        }
        self.cursor.set_turn(number, turn);
        let planned = slots.get_mut(first..).unwrap_or_default();
        let group = grouped(planned, before);
        self.cursor.set_last(Last { group, ..self.cursor.last() });
    }

    /// A list of items is one sequence without end.
    fn list(
        &mut self,
        schedule: &Rc<Schedule>,
        turn: &mut Turn,
        at: UtcMillis,
        slots: &mut Vec<Slot>,
    ) -> bool {
        let Some(sequence) = schedule.sequences.first().map(Rc::clone) else { return false };
        if turn.item >= sequence.lines.len() && turn.item > 0 {
            let items = sequence.lines.len();
            self.reasons.add(Reason::StartedOver { item: turn.item, items });
            *turn = Turn::default();
        }
        self.run(schedule, &sequence, turn, at, None, slots)
    }

    /// Number of the schedule that holds on the day of `at`.
    fn schedule_at(&self, at: UtcMillis) -> usize {
        if self.schedules.len() == 1 {
            return 0;
        }
        let date = self.wall.date(at);
        let alternates = self.schedules.iter().enumerate().skip(1);
        let holding = alternates.filter(|(_, schedule)| schedule.when.holds(date));
        holding.min_by_key(|(index, schedule)| (schedule.priority, *index)).map_or(0, |(i, _)| i)
    }

    /// Whether there is filler to stand in where there is no programme at all.
    fn has_fallback(&self, fillers: Around, at: UtcMillis) -> bool {
        let dressed = self.dressed(Around::default(), fillers, at);
        let mut presets = [dressed.fallback, dressed.tail].into_iter().flatten();
        presets.any(|preset| self.pantry.has_any(preset))
    }

    /// The presets that hold for an item at an instant.
    pub(super) fn dressed(&self, own: Around, general: Around, at: UtcMillis) -> Around {
        let mut all = own.or(general);
        if let Some(deco) = self.deco_at(at) {
            all.tail = own.tail.or(deco.tail.over(general.tail));
            all.fallback = own.fallback.or(deco.fallback.over(general.fallback));
        }
        all
    }

    /// Break content that is due at a place of a block or slot.
    pub(super) fn breaks_at(&self, place: BreakPlace, turn: &Turn, at: UtcMillis) -> Vec<usize> {
        let Some(deco) = self.deco_at(at) else { return Vec::new() };
        let due = |content: &&ReadyBreak| {
            content.place == place
                && turn.more.break_at.is_none_or(|last| at.since(last) >= content.frequency_ms)
        };
        deco.breaks.iter().filter(due).map(|content| content.preset).collect()
    }

    fn deco_at(&self, at: UtcMillis) -> Option<&ReadyDeco> {
        if self.decos.is_empty() {
            return None;
        }
        let (date, time) = (self.wall.date(at), self.wall.time(at));
        let holds = |deco: &&ReadyDeco| {
            deco.when.holds(date) && deco.daypart.is_none_or(|part| part.has(time))
        };
        self.decos.iter().find(holds)
    }

    pub(super) fn duration_ms(&self, media: MediaId) -> i64 {
        self.catalogue.media.get(&media).map_or(0, |item| item.duration_ms)
    }

    // Making ready.

    fn schedule(&mut self, of: &Alternate, fillers: Around, counted: &mut usize) -> Schedule {
        let options = &of.options;
        let mut sequences = Vec::new();
        let shape = match &of.form {
            Form::Items => {
                let sequence = self.sequence(&of.items, options, counted, Usage::List);
                self.explain_the_unreachable(&sequence);
                sequences.push(Rc::new(sequence));
                Shape::List
            }
            Form::TimeSlots(slots) => {
                let mut rules = Vec::new();
                let mut flexes = Vec::new();
                for slot in &slots.slots {
                    let item = linked(slot);
                    let mut sequence = self.sequence(&[item], options, counted, Usage::Window);
                    sequence.pad_minutes = slots.pad_minutes;
                    sequences.push(Rc::new(sequence));
                    flexes.push((slot.flex, slot.padding));
                    rules.push(Rule {
                        start: slot.start_time,
                        duration_ms: slot.duration_ms,
                        days: slot.days_of_week,
                        template: 0,
                        priority: slot.priority,
                    });
                }
                let every_day = Dated { when: When::default(), priority: 0 };
                self.put_windows(Windows::new(rules, vec![every_day]));
                Shape::Slots { lateness_ms: Some(slots.lateness_ms), flexes }
            }
            Form::Blocks { templates } => {
                let mut rules = Vec::new();
                let mut flexes = Vec::new();
                let mut dated = Vec::new();
                for (number, template) in templates.iter().enumerate() {
                    dated.push(Dated { when: template.when.clone(), priority: template.priority });
                    for placed in &template.blocks {
                        let items = &placed.block.items;
                        let sequence = self.sequence(items, options, counted, Usage::Window);
                        sequences.push(Rc::new(sequence));
                        let flex = match placed.block.stop_scheduling {
                            StopScheduling::BeforeDurationEnd => Flex::Extend,
                            StopScheduling::AfterDurationEnd => Flex::Shift,
                        };
                        flexes.push((flex, Padding::Filler));
                        rules.push(Rule {
                            start: placed.start_time,
                            duration_ms: Some(placed.block.duration_ms),
                            days: Days::ALL,
                            template: number,
                            priority: 0,
                        });
                    }
                }
                self.put_windows(Windows::new(rules, dated));
                Shape::Slots { lateness_ms: None, flexes }
            }
            Form::RandomSlots(random) => {
                let mut lots = Vec::new();
                for slot in &random.slots {
                    let item = drawn(slot);
                    let mut sequence = self.sequence(&[item], options, counted, Usage::Window);
                    sequence.pad_minutes = random.pad_minutes;
                    sequences.push(Rc::new(sequence));
                    lots.push(Lot {
                        weight: slot.weight,
                        cooldown_ms: slot.cooldown_ms,
                        group: slot.group,
                        daypart: slot.daypart,
                    });
                }
                let max_consecutive = random.max_consecutive;
                Shape::Lots { slots: lots, pick: random.pick, max_consecutive }
            }
        };
        if !matches!(shape, Shape::Slots { .. }) {
            self.put_windows(Windows::new(Vec::new(), Vec::new()));
        }
        Schedule { when: of.when.clone(), priority: of.priority, shape, sequences, fillers }
    }

    fn put_windows(&mut self, windows: Windows) {
        self.windows.push(windows);
    }

    fn sequence(
        &mut self,
        items: &[ScheduleItem],
        options: &ScheduleOptions,
        counted: &mut usize,
        usage: Usage,
    ) -> Sequence {
        let lines: Vec<Line> = items.iter().map(|item| self.line(item, options, counted)).collect();
        let is_list = match usage {
            Usage::List => true,
            Usage::Window => false,
        };
        Sequence {
            has_fixed: lines.iter().any(|line| line.fixed.is_some() && line.deck.is_some()),
            lines,
            repeat: is_list && options.repeat,
            shuffle: is_list && options.shuffle_schedule_items,
            pad_minutes: 0,
        }
    }

    fn line(
        &mut self,
        item: &ScheduleItem,
        options: &ScheduleOptions,
        counted: &mut usize,
    ) -> Line {
        let index = *counted;
        *counted += 1;
        let deck = self.deck(index, item, options);
        if item.mode == (Mode::Multiple { count: 0 }) {
            self.reasons.add(Reason::ZeroCount { item: index });
        }
        let fixed = match item.start {
            Start::Dynamic => None,
            Start::Fixed { time, days_of_week, behavior } => Some(Fixed {
                time,
                days: days_of_week,
                behavior: behavior.unwrap_or(options.fixed_start_time_behavior),
            }),
        };
        Line {
            index,
            deck,
            mode: item.mode,
            fixed,
            guide_mode: item.guide_mode,
            custom_title: item.custom_title.clone(),
            around: self.around(&item.fillers),
        }
    }

    /// The deck of a schedule item, shared with those that play the same in the same way.
    fn deck(
        &mut self,
        index: usize,
        item: &ScheduleItem,
        options: &ScheduleOptions,
    ) -> Option<usize> {
        let collection = item.collection;
        let Some(ids) = self.catalogue.collections.get(&collection) else {
            self.reasons.add(Reason::NoCollection { item: index, collection });
            return None;
        };
        let together =
            options.keep_multi_part_episodes.then_some(if options.treat_collections_as_shows {
                Together::AcrossShows
            } else {
                Together::InAShow
            });
        let way = Way {
            order: item.order,
            marathon: item.marathon,
            together,
            own: item.own_place.then_some(index),
        };
        let place = self.cursor.place(collection, way);
        if let Some(deck) = self.decks.iter().position(|(_, of)| *of == place) {
            return Some(deck);
        }
        let (mut deck, too_short) =
            Deck::new(collection, way, self.seed, ids, &self.catalogue.media);
        for media in too_short {
            self.reasons.add(Reason::TooShort { media, duration_ms: self.duration_ms(media) });
        }
        if deck.is_empty() {
            self.reasons.add(Reason::NothingPlayable { item: index, collection });
            return None;
        }
        if options.random_start_point {
            deck = deck.starting_anywhere();
        }
        self.decks.push((deck, place));
        Some(self.decks.len() - 1)
    }

    fn explain_the_unreachable(&mut self, sequence: &Sequence) {
        if sequence.has_fixed || sequence.shuffle {
            return;
        }
        let floods = |line: &Line| line.mode == Mode::Flood && line.deck.is_some();
        let Some(flood) = sequence.lines.iter().position(floods) else { return };
        for line in &sequence.lines[flood + 1..] {
            let flood = sequence.lines[flood].index;
            self.reasons.add(Reason::NeverReached { item: line.index, flood });
        }
    }

    fn around(&mut self, fillers: &Fillers) -> Around {
        let catalogue = self.catalogue;
        let mut add = |preset: &Option<crate::domain::FillerPreset>| {
            preset.as_ref().map(|preset| self.pantry.add(preset, catalogue))
        };
        Around {
            pre: add(&fillers.pre_roll),
            mid: add(&fillers.mid_roll),
            post: add(&fillers.post_roll),
            tail: add(&fillers.tail),
            fallback: add(&fillers.fallback),
        }
    }

    fn deco(&mut self, deco: &Deco) -> ReadyDeco {
        let mut dress = |dress: &Dress| match dress {
            Dress::Inherit => Dressed::Inherit,
            Dress::None => Dressed::None,
            Dress::Override { filler } => Dressed::With(self.pantry.add(filler, self.catalogue)),
        };
        let (tail, fallback) = (dress(&deco.default_filler), dress(&deco.dead_air));
        let mut breaks = Vec::new();
        for content in &deco.breaks {
            breaks.push(ReadyBreak {
                place: content.place,
                frequency_ms: i64::from(content.frequency_minutes) * 60_000,
                preset: self.pantry.add(&content.filler, self.catalogue),
            });
        }
        ReadyDeco { when: deco.when.clone(), daypart: deco.daypart, tail, fallback, breaks }
    }
}

impl Around {
    fn or(self, general: Self) -> Self {
        Self {
            pre: self.pre.or(general.pre),
            mid: self.mid.or(general.mid),
            post: self.post.or(general.post),
            tail: self.tail.or(general.tail),
            fallback: self.fallback.or(general.fallback),
        }
    }
}

/// Sees to it that a slot is part of the guide's programme before it or begins one of its own;
/// says which programme the last one is part of.
fn grouped(slots: &mut [Slot], before: Option<UtcMillis>) -> Option<UtcMillis> {
    let mut running = before;
    for slot in slots {
        if slot.guide_group.is_some() && slot.guide_group != running {
            slot.guide_group = running;
        }
        running = Some(slot.programme_start());
    }
    running
}

/// What a sequence is for.
enum Usage {
    /// A list that is gone through again and again.
    List,
    /// A slot or block, gone through once.
    Window,
}

/// The item of a slot, on a place of its own where it shows again what others showed.
fn linked(slot: &TimeSlot) -> ScheduleItem {
    let mut item = slot.item.clone();
    match slot.link {
        Link::Continue => {}
        Link::Rerun => item.own_place = true,
    }
    item
}

/// The item of a random slot; what would go on and on is one programme, or no other was ever drawn.
fn drawn(slot: &RandomSlot) -> ScheduleItem {
    let mut item = slot.item.clone();
    if item.mode == Mode::Flood {
        item.mode = Mode::One;
    }
    item
}
