//! PURE  Writes out what people keep by reference as one set of rules that the planner reads.
//!
//! Whatever refers to something that is gone is left out, with a note; a channel never goes off the
//! air because one of ten lines names a preset that somebody deleted.
//!
//! A choice of media that is made on the spot (a show, a search) becomes a collection of the rules'
//! own. Its id follows from what it says, so that a place in its order survives every rewriting.

use std::collections::{BTreeMap, HashMap};

use crate::domain::{
    Billing, Block, BreakContent, BreakPlace, Breaks, ChannelForm, Collection, CollectionId,
    DatedTemplate, Deco, Directive, FillerIds, FillerMode, FillerOrder, FillerPreset, FillerSource,
    Fillers, Form, GroupBy, GuideMode, KeptBlock, KeptDeco, KeptFiller, KeptItem, KeptPlayout,
    KeptSchedule, KeptTemplate, Marathon, Mode, MultipleMode, Order, Origin, PlacedBlock,
    PlayoutMode, PlayoutSource, Rules, ScheduleItem, ScheduleOptions, Script, ScriptContent,
    Selector, SkipBy, Start, StopScheduling, Stuffing, Tail, Taking, TemplateLine, When, Zone,
};

/// Everything that can be referred to, by id.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plans {
    pub(crate) schedules: BTreeMap<i64, KeptSchedule>,
    pub(crate) blocks: BTreeMap<i64, KeptBlock>,
    pub(crate) templates: BTreeMap<i64, KeptTemplate>,
    pub(crate) fillers: BTreeMap<i64, KeptFiller>,
    pub(crate) decos: BTreeMap<i64, KeptDeco>,
    /// Ids of collections by name, in lower case.
    pub(crate) collections: HashMap<String, CollectionId>,
    /// How many items each collection holds just now.
    pub(crate) sizes: HashMap<CollectionId, usize>,
    /// Zone of schedules that name none.
    pub(crate) zone: Zone,
}

impl Plans {
    pub(crate) fn with_collections(mut self, collections: &[Collection]) -> Self {
        self.collections = collections.iter().map(|c| (c.name.to_lowercase(), c.id)).collect();
        self
    }
}

/// Rules, and what of the original could not be written out.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct WrittenOut {
    pub(crate) rules: Rules,
    pub(crate) notes: Vec<String>,
}

/// What a playout plays.
pub(crate) fn playout(playout: &KeptPlayout, plans: &Plans) -> WrittenOut {
    let mut writer = Writer::new(plans, playout.seed);
    match &playout.source {
        PlayoutSource::None => writer.note("the playout has neither a schedule nor a template"),
        PlayoutSource::Schedule { schedule } => match plans.schedules.get(schedule) {
            Some(kept) => writer.schedule(kept),
            None => writer.note(format!("schedule {schedule} is gone")),
        },
        PlayoutSource::Templates { templates } => {
            let mut days = Vec::new();
            for (priority, used) in templates.iter().enumerate() {
                let Some(template) = plans.templates.get(&used.template) else {
                    writer.note(format!("template {} is gone", used.template));
                    continue;
                };
                if !template.is_enabled {
                    writer.note(format!("template {:?} is switched off", template.name));
                    continue;
                }
                let when = When { days_of_week: used.days_of_week, ..When::default() };
                // What names its days comes before what is for all of them.
                let general = i32::from(used.days_of_week.is_all()) * 1000;
                let priority = general + i32::try_from(priority).unwrap_or(999);
                let blocks = writer.template(template);
                days.push(DatedTemplate { when, priority, blocks });
            }
            writer.out.rules.zone = plans.zone.clone();
            writer.out.rules.form = Form::Blocks { templates: days };
        }
        PlayoutSource::Script { script } => writer.script(script),
    }
    writer.out
}

/// What a schedule plays, as if it were on a channel.
pub(crate) fn schedule(kept: &KeptSchedule, seed: u64, plans: &Plans) -> WrittenOut {
    let mut writer = Writer::new(plans, seed);
    writer.schedule(kept);
    writer.out
}

/// What a script plays.
pub(crate) fn script(script: &Script, plans: &Plans) -> WrittenOut {
    let mut writer = Writer::new(plans, script.seed);
    writer.script(script);
    writer.out
}

/// Adds what a channel says beside its schedule, where the rules do not say it themselves.
pub(crate) fn dressed(mut before: WrittenOut, form: &ChannelForm, plans: &Plans) -> WrittenOut {
    let mut writer = Writer::new(plans, before.rules.seed);
    let own = writer.fillers(&form.fillers);
    let fillers = &mut before.rules.fillers;
    fillers.pre_roll = fillers.pre_roll.take().or(own.pre_roll);
    fillers.mid_roll = fillers.mid_roll.take().or(own.mid_roll);
    fillers.post_roll = fillers.post_roll.take().or(own.post_roll);
    fillers.tail = fillers.tail.take().or(own.tail);
    fillers.fallback = fillers.fallback.take().or(own.fallback);
    for group in [form.deco_group, form.bumper_group].into_iter().flatten() {
        if let Some(filler) = writer.decos(group) {
            let place = BreakPlace::BetweenItems;
            let breaks = vec![BreakContent { place, frequency_minutes: 0, filler }];
            before.rules.decos.push(Deco { breaks, ..Deco::default() });
        }
    }
    before.rules.inline.extend(writer.out.rules.inline);
    before.notes.extend(writer.out.notes);
    before
}

struct Writer<'a> {
    plans: &'a Plans,
    out: WrittenOut,
}

impl<'a> Writer<'a> {
    fn new(plans: &'a Plans, seed: u64) -> Self {
        let rules = Rules { seed, ..Rules::default() };
        Self { plans, out: WrittenOut { rules, notes: vec![] } }
    }

    fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.out.notes.contains(&note) {
            self.out.notes.push(note);
        }
    }

    /// The collection for a choice; one of the rules' own where it is no stored one.
    fn collection(&mut self, origin: &Origin) -> Option<CollectionId> {
        if let Origin::Collection { id } = origin {
            let known = self.plans.sizes.contains_key(id)
                || self.plans.collections.values().any(|known| known == id);
            if !known {
                self.note(format!("collection {id} is gone"));
            }
            return known.then_some(*id);
        }
        if let Origin::Named { name } = origin {
            let found = self.plans.collections.get(&name.to_lowercase()).copied();
            if found.is_none() {
                self.note(format!("there is no collection {name:?}"));
            }
            return found;
        }
        match selector(origin) {
            Ok(selector) => {
                let id = own_id(origin);
                self.out.rules.inline.insert(id, selector);
                Some(id)
            }
            Err(problem) => {
                self.note(problem);
                None
            }
        }
    }

    fn taken(&mut self, taking: &Taking) -> Option<CollectionId> {
        match taking.origin() {
            Ok(origin) => self.collection(&origin),
            Err(error) => {
                self.note(error.to_string());
                None
            }
        }
    }

    fn schedule(&mut self, kept: &KeptSchedule) {
        let mut rules = kept.rules.clone().unwrap_or_default();
        rules.seed = self.out.rules.seed;
        let mut items: Vec<ScheduleItem> =
            kept.items.iter().filter_map(|item| self.item(item)).collect();
        items.append(&mut rules.items);
        rules.items = items;
        if kept.rules.is_none() {
            rules.options = ScheduleOptions {
                keep_multi_part_episodes: kept.keep_multi_part_episodes_together,
                treat_collections_as_shows: kept.treat_collections_as_shows,
                shuffle_schedule_items: kept.shuffle_schedule_items,
                random_start_point: kept.random_start_point,
                fixed_start_time_behavior: kept.fixed_start_time_behavior,
                ..ScheduleOptions::default()
            };
            rules.zone = self.plans.zone.clone();
        }
        if let Some(zone) = &kept.zone {
            rules.zone = zone.clone();
        }
        rules.inline.append(&mut self.out.rules.inline);
        self.out.rules = rules;
    }

    fn item(&mut self, kept: &KeptItem) -> Option<ScheduleItem> {
        let collection = self.taken(&kept.taking)?;
        let mode = match (kept.mode, kept.multiple_mode) {
            (PlayoutMode::One, _) => Mode::One,
            (PlayoutMode::Flood, _) => Mode::Flood,
            (PlayoutMode::Multiple, MultipleMode::Count) => {
                Mode::Multiple { count: kept.multiple_count.unwrap_or(1).max(1) }
            }
            (PlayoutMode::Multiple, MultipleMode::CollectionSize) => Mode::CollectionSize,
            (PlayoutMode::Multiple, MultipleMode::MultiEpisodeGroupSize) => {
                Mode::MultiEpisodeGroupSize
            }
            (PlayoutMode::Duration, _) => Mode::Duration {
                duration_ms: i64::from(kept.duration_minutes.unwrap_or(60).max(1)) * 60_000,
                tail: kept.tail,
                discard_attempts: kept.discard_to_fill_attempts,
            },
        };
        let mut item = ScheduleItem::new(collection, kept.order, mode);
        if let Some(time) = kept.start_time {
            let days_of_week = kept.days_of_week;
            item.start = Start::Fixed { time, days_of_week, behavior: kept.fixed_start };
        }
        item.guide_mode = kept.guide_mode;
        item.custom_title.clone_from(&kept.custom_title);
        if kept.marathon_batch_size.is_some() || kept.marathon_group_by.is_some() {
            let group_by = match kept.marathon_group_by.as_deref() {
                Some("season") => GroupBy::Season,
                Some("collection") => GroupBy::Collection,
                Some(_) | None => GroupBy::Show,
            };
            let batch_size = kept.marathon_batch_size.unwrap_or(0);
            let shuffle_groups = kept.order == Order::Shuffle;
            item.marathon = Some(Marathon { group_by, batch_size, shuffle_groups });
        }
        item.fillers = self.fillers(&kept.fillers);
        Some(item)
    }

    fn fillers(&mut self, ids: &FillerIds) -> Fillers {
        let mut preset = |id: Option<i64>| self.preset(id?);
        Fillers {
            pre_roll: preset(ids.pre_roll),
            mid_roll: preset(ids.mid_roll),
            post_roll: preset(ids.post_roll),
            tail: preset(ids.tail),
            fallback: preset(ids.fallback),
        }
    }

    fn preset(&mut self, id: i64) -> Option<FillerPreset> {
        let Some(kept) = self.plans.fillers.get(&id) else {
            self.note(format!("filler preset {id} is gone"));
            return None;
        };
        let mut sources = Vec::new();
        for line in &kept.items {
            let Some(collection) = self.taken(&line.taking) else { continue };
            let ms = |seconds: u32| i64::from(seconds) * 1000;
            sources.push(FillerSource {
                weight: line.weight,
                min_ms: line.min_duration_seconds.map(ms),
                max_ms: line.max_duration_seconds.map(ms),
                ..FillerSource::of(collection)
            });
        }
        if sources.is_empty() {
            self.note(format!("filler preset {:?} has nothing to choose from", kept.name));
            return None;
        }
        let mode = match kept.filler_mode.as_str() {
            "duration" => FillerMode::Duration {
                duration_ms: i64::from(kept.duration_seconds.unwrap_or(60)) * 1000,
            },
            "pad" => FillerMode::Pad { minutes: kept.pad_to_minutes.unwrap_or(30).max(1) },
            _ => FillerMode::Count { count: kept.count.unwrap_or(1) },
        };
        Some(FillerPreset {
            name: kept.name.clone(),
            mode,
            sources,
            order: filler_order(&kept.playback_order),
            allow_repeats: kept.allow_repeats,
            cooldown_ms: i64::from(kept.cooldown_minutes) * 60_000,
            trim: kept.trim,
            breaks: Breaks { every_minutes: kept.break_every_minutes, ..Breaks::default() },
            ..FillerPreset::default()
        })
    }

    /// The decos of a group as filler; `None` when there is none.
    fn decos(&mut self, group: i64) -> Option<FillerPreset> {
        let mut sources = Vec::new();
        for deco in self.plans.decos.values().filter(|deco| deco.group_id == Some(group)) {
            let Some(media) = deco.media_item_id else {
                self.note(format!("deco {:?} names no media item of the library", deco.name));
                continue;
            };
            let origin = Origin::Media { media: vec![crate::domain::MediaId(media)] };
            let Some(collection) = self.collection(&origin) else { continue };
            sources.push(FillerSource { weight: deco.weight, ..FillerSource::of(collection) });
        }
        if sources.is_empty() {
            self.note(format!("deco group {group} has nothing to show"));
            return None;
        }
        let order = FillerOrder::Random;
        Some(FillerPreset { sources, order, allow_repeats: true, ..FillerPreset::default() })
    }

    fn template(&mut self, template: &KeptTemplate) -> Vec<PlacedBlock> {
        let mut lines: Vec<&TemplateLine> = template.items.iter().collect();
        lines.sort_by_key(|line| line.start_time);
        let mut placed = Vec::new();
        for (index, line) in lines.iter().enumerate() {
            let next = lines.get(index + 1).map_or(86_400, |next| next.start_time.seconds());
            let room_ms = i64::from(next.saturating_sub(line.start_time.seconds()).max(1)) * 1000;
            let block = match (line.block_id, &line.taking) {
                (Some(id), _) => match self.plans.blocks.get(&id) {
                    Some(block) => self.block(block),
                    None => {
                        self.note(format!("block {id} is gone"));
                        continue;
                    }
                },
                (None, Some(taking)) => {
                    let Some(collection) = self.taken(taking) else { continue };
                    Block {
                        name: String::new(),
                        duration_ms: room_ms,
                        items: vec![ScheduleItem::new(collection, line.order, Mode::Flood)],
                        stop_scheduling: StopScheduling::default(),
                    }
                }
                (None, None) => continue,
            };
            placed.push(PlacedBlock { start_time: line.start_time, block });
        }
        placed
    }

    fn block(&mut self, kept: &KeptBlock) -> Block {
        let mut items = Vec::new();
        for line in &kept.items {
            let Some(collection) = self.taken(&line.taking) else { continue };
            let mut item = ScheduleItem::new(collection, line.order, Mode::One);
            if !line.include_in_guide {
                item.guide_mode = GuideMode::Filler;
            }
            items.push(item);
        }
        let stop_scheduling = if kept.run_over {
            StopScheduling::AfterDurationEnd
        } else {
            StopScheduling::BeforeDurationEnd
        };
        let duration_ms = i64::from(kept.duration_minutes.max(1)) * 60_000;
        Block { name: kept.name.clone(), duration_ms, items, stop_scheduling }
    }

    fn script(&mut self, script: &Script) {
        let zone = script.zone.as_deref().and_then(|zone| zone.parse().ok());
        self.out.rules.zone = zone.unwrap_or_else(|| self.plans.zone.clone());
        self.out.rules.options =
            ScheduleOptions { repeat: script.repeat, ..ScheduleOptions::default() };
        let contents: Vec<Option<CollectionId>> =
            script.contents.iter().map(|content| self.collection(&content.source)).collect();
        let mut state = Telling {
            script,
            contents,
            fillers: Fillers::default(),
            group: None,
            depth: 0,
            steps: 0,
        };
        for main in &script.main {
            self.tell_sequence(&mut state, *main);
        }
    }

    fn tell_sequence(&mut self, state: &mut Telling<'_>, sequence: usize) {
        let Some(kept) = state.script.sequences.get(sequence) else { return };
        if state.depth > MOST_DEPTH {
            self.note(format!("the sequences lie in each other more than {MOST_DEPTH} deep"));
            return;
        }
        state.depth += 1;
        for directive in &kept.items {
            self.tell(state, directive);
        }
        state.depth -= 1;
    }

    /// Writes out one directive.
    fn tell(&mut self, state: &mut Telling<'_>, directive: &Directive) {
        state.steps += 1;
        // Sequences that name others twice double with every level, whether lines come of it or not.
        if state.steps > MOST_STEPS || self.out.rules.items.len() >= MOST_ITEMS {
            self.note(format!("the script is longer than {MOST_ITEMS} items and ends there"));
            return;
        }
        match directive {
            Directive::All { content, billing } => {
                self.line(state, *content, Mode::CollectionSize, billing);
            }
            Directive::Count { content, count, billing } => {
                let mode = if *count == 1 { Mode::One } else { Mode::Multiple { count: *count } };
                self.line(state, *content, mode, billing);
            }
            Directive::Duration { ms, with } => {
                let tail = if with.trim { Tail::Trim } else { Tail::None };
                let discard_attempts = with.discard_attempts;
                self.stretch(
                    state,
                    with,
                    Mode::Duration { duration_ms: *ms, tail, discard_attempts },
                );
            }
            Directive::PadToNext { minutes, with } => {
                let (tail, discard_attempts) = (pad_tail(with), with.discard_attempts);
                self.stretch(
                    state,
                    with,
                    Mode::PadToNext { minutes: *minutes, tail, discard_attempts },
                );
            }
            Directive::PadUntil { at, tomorrow, with } => {
                let Some(time) = crate::domain::LocalTime::from_seconds(*at) else { return };
                let (tail, discard_attempts) = (pad_tail(with), with.discard_attempts);
                let tomorrow = *tomorrow;
                self.stretch(
                    state,
                    with,
                    Mode::PadUntil { time, tomorrow, tail, discard_attempts },
                );
            }
            Directive::WaitUntil { at, tomorrow } => {
                let Some(time) = crate::domain::LocalTime::from_seconds(*at) else { return };
                let mode = Mode::WaitUntil { time, tomorrow: *tomorrow };
                // Nothing of a collection is played, but every line names one.
                let any = state.contents.iter().flatten().next().copied();
                let mut item =
                    ScheduleItem::new(any.unwrap_or(CollectionId(0)), Order::default(), mode);
                item.fillers = Fillers::default();
                self.out.rules.items.push(item);
            }
            Directive::Skip { content, by } => {
                let size = self.size(state, *content);
                let count = match by {
                    SkipBy::Items { count } => *count as usize,
                    SkipBy::Share { by } => size / (*by).max(1) as usize,
                    SkipBy::Random => {
                        let salt = self.out.rules.seed ^ self.out.rules.items.len() as u64;
                        usize::try_from(fnv(&salt.to_le_bytes()) % size.max(1) as u64).unwrap_or(0)
                    }
                };
                let count = u32::try_from(count).unwrap_or(u32::MAX);
                if count > 0 {
                    self.line(state, *content, Mode::Skip { count }, &Billing::default());
                }
            }
            Directive::Sequence { sequence } => self.tell_sequence(state, *sequence),
            Directive::ShuffleSequence { sequence } => {
                let Some(kept) = state.script.sequences.get(*sequence) else { return };
                let seed = self.out.rules.seed;
                let mut order: Vec<usize> = (0..kept.items.len()).collect();
                order.sort_by_key(|index| fnv(format!("{seed} {sequence} {index}").as_bytes()));
                if state.depth <= MOST_DEPTH {
                    state.depth += 1;
                    for index in order {
                        self.tell(state, &kept.items[index]);
                    }
                    state.depth -= 1;
                }
            }
            Directive::PreRoll { sequence } => {
                state.fillers.pre_roll = sequence.and_then(|s| self.rolled(state, s, 0));
            }
            Directive::MidRoll { sequence, every_minutes } => {
                state.fillers.mid_roll =
                    sequence.and_then(|s| self.rolled(state, s, *every_minutes));
            }
            Directive::PostRoll { sequence } => {
                state.fillers.post_roll = sequence.and_then(|s| self.rolled(state, s, 0));
            }
            Directive::OwnPreRoll { on } => {
                // A preset that plays nothing stands in the place of the channel's.
                let none =
                    FillerPreset { mode: FillerMode::Count { count: 0 }, ..Default::default() };
                state.fillers.pre_roll = (!on).then_some(none);
            }
            Directive::Group { title } => state.group.clone_from(title),
        }
    }

    fn line(&mut self, state: &Telling<'_>, content: usize, mode: Mode, billing: &Billing) {
        let (Some(Some(collection)), Some(kept)) =
            (state.contents.get(content), state.script.contents.get(content))
        else {
            return;
        };
        let mut item = ScheduleItem::new(*collection, kept.order, mode);
        item.custom_title = billing.title.clone().or_else(|| state.group.clone());
        item.guide_mode = match (billing.filler, &state.group) {
            (true, _) => GuideMode::Filler,
            (false, Some(_)) => GuideMode::Group,
            (false, None) => GuideMode::Normal,
        };
        if !billing.filler {
            item.fillers = state.fillers.clone();
        }
        self.out.rules.items.push(item);
    }

    fn stretch(&mut self, state: &Telling<'_>, with: &Stuffing, mode: Mode) {
        let Some(content) = with.content.or(with.fallback) else { return };
        let before = self.out.rules.items.len();
        self.line(state, content, mode, &with.billing);
        let fallback = with.fallback.and_then(|index| {
            let collection = (*state.contents.get(index)?)?;
            let order = filler_order_of(state.script.contents.get(index)?);
            let sources = vec![FillerSource::of(collection)];
            Some(FillerPreset { sources, order, allow_repeats: true, ..FillerPreset::default() })
        });
        if let Some(item) = self.out.rules.items.get_mut(before) {
            item.fillers.fallback = fallback;
        }
    }

    /// A sequence as filler around programmes.
    fn rolled(
        &mut self,
        state: &Telling<'_>,
        sequence: usize,
        every_minutes: u32,
    ) -> Option<FillerPreset> {
        let kept = state.script.sequences.get(sequence)?;
        let (mut sources, mut count, mut duration_ms) = (Vec::new(), 0_u32, 0_i64);
        let mut order = FillerOrder::default();
        for directive in &kept.items {
            let content = match directive {
                Directive::All { content, .. } => {
                    let size = self.size(state, *content).min(MOST_ROLLED);
                    count += u32::try_from(size).unwrap_or(0);
                    *content
                }
                Directive::Count { content, count: many, .. } => {
                    count += many;
                    *content
                }
                Directive::Duration { ms, with } => {
                    duration_ms += ms;
                    let Some(content) = with.content else { continue };
                    content
                }
                Directive::PadToNext { .. }
                | Directive::PadUntil { .. }
                | Directive::WaitUntil { .. }
                | Directive::Skip { .. }
                | Directive::Sequence { .. }
                | Directive::ShuffleSequence { .. }
                | Directive::PreRoll { .. }
                | Directive::MidRoll { .. }
                | Directive::PostRoll { .. }
                | Directive::OwnPreRoll { .. }
                | Directive::Group { .. } => {
                    self.note(format!(
                        "sequence {:?} is rolled: only what it plays counts",
                        kept.key
                    ));
                    continue;
                }
            };
            let Some(collection) = state.contents.get(content).copied().flatten() else { continue };
            order = state.script.contents.get(content).map_or(order, filler_order_of);
            sources.push(FillerSource::of(collection));
        }
        if sources.is_empty() {
            self.note(format!("sequence {:?} has nothing to roll", kept.key));
            return None;
        }
        let mode = if duration_ms > 0 {
            FillerMode::Duration { duration_ms }
        } else {
            FillerMode::Count { count: count.max(1) }
        };
        let breaks = Breaks { every_minutes, ..Breaks::default() };
        let name = kept.key.clone();
        Some(FillerPreset { name, mode, sources, order, breaks, ..FillerPreset::default() })
    }

    fn size(&self, state: &Telling<'_>, content: usize) -> usize {
        let collection = state.contents.get(content).copied().flatten();
        let own = |id| match self.out.rules.inline.get(&id) {
            Some(Selector::Manual { media }) => Some(media.len()),
            Some(_) | None => None,
        };
        collection
            .and_then(|id| self.plans.sizes.get(&id).copied().or_else(|| own(id)))
            .unwrap_or(0)
    }
}

/// Deepest that sequences lead into each other; circles are refused when they are read.
const MOST_DEPTH: usize = 32;

/// Most lines that a script comes to.
const MOST_ITEMS: usize = 5_000;

/// Most directives that are written out.
const MOST_STEPS: usize = 4 * MOST_ITEMS;

/// Most items of a collection that are rolled at once.
const MOST_ROLLED: usize = 20;

/// Where the telling of a script stands.
struct Telling<'a> {
    script: &'a Script,
    contents: Vec<Option<CollectionId>>,
    fillers: Fillers,
    group: Option<String>,
    depth: usize,
    /// Directives written out so far, of which many may give no line.
    steps: usize,
}

fn pad_tail(with: &Stuffing) -> Tail {
    if with.trim { Tail::Trim } else { Tail::Filler }
}

fn filler_order(word: &str) -> FillerOrder {
    match word {
        "chronological" => FillerOrder::Chronological,
        "random" => FillerOrder::Random,
        _ => FillerOrder::Shuffled,
    }
}

fn filler_order_of(content: &ScriptContent) -> FillerOrder {
    match content.order {
        Order::Shuffle | Order::ShuffleInOrder | Order::MultiEpisodeShuffle => {
            FillerOrder::Shuffled
        }
        Order::Random => FillerOrder::Random,
        Order::Chronological | Order::SeasonEpisode | Order::Listed | Order::Rotating => {
            FillerOrder::Chronological
        }
    }
}

/// A choice made on the spot as the selector of a collection.
fn selector(origin: &Origin) -> Result<Selector, String> {
    match origin {
        Origin::Named { .. } | Origin::Collection { .. } => Err("no choice".to_owned()),
        Origin::Media { media } => Ok(Selector::Manual { media: media.clone() }),
        Origin::Show { title, season: None } | Origin::Artist { name: title } => {
            Ok(Selector::Filter {
                library: None,
                kind: None,
                show: Some(title.clone()),
                folder: None,
            })
        }
        Origin::Show { title, season: Some(season) } => {
            // A query has no way to write a quotation mark within quotation marks.
            query(&format!("show=\"{}\" season:{season}", title.replace('"', " ")))
        }
        Origin::Search { query: text, kind: None } => query(text),
        Origin::Search { query: text, kind: Some(kind) } => {
            let kind = serde_json::to_value(kind).unwrap_or_default();
            let kind = kind.as_str().unwrap_or_default();
            query(&format!("({text}) kind:{kind}"))
                .or_else(|_| query(&format!("{text} kind:{kind}")))
        }
        Origin::Several { ids } => Ok(Selector::Multi { collections: ids.clone() }),
    }
}

fn query(text: &str) -> Result<Selector, String> {
    let query = crate::domain::Query::parse(text)
        .map_err(|error| format!("{text:?} is no query: {error}"))?;
    Ok(Selector::Query { query })
}

/// The id of a choice that is made on the spot: below zero, and always the same for the same words.
fn own_id(origin: &Origin) -> CollectionId {
    // Debug output says everything that a choice holds, and nothing but that.
    let hash = fnv(format!("{origin:?}").as_bytes()) & 0x000F_FFFF_FFFF_FFFF;
    CollectionId(-1 - hash.cast_signed())
}

/// FNV-1a: short, and the same for ever, which the standard library's hashes do not promise.
pub(crate) fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

#[cfg(test)]
mod tests;
