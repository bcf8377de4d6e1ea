//! Keeps the guide: builds it from the board, swaps it, and compares it with what is on air.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;

use super::super::programming::{Board, Planned};
use super::{Guide, GuideError, GuideReport, GuideState, Tally, Totals};
use crate::domain::{
    ChannelId, LineupChannel, MediaId, Programme, UtcMillis, Wording, entries, entries_between,
    is_fresh, listed, shown_before, usable,
};

/// How the guide is made.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Hours that it shows behind now, 4–48.
    pub(crate) past_hours: u32,
    /// Days that it shows ahead of now.
    pub(crate) days: u32,
    /// How programmes are worded.
    pub(crate) wording: Arc<Wording>,
    /// Whether filler has entries of its own.
    pub(crate) show_filler: bool,
}

/// What channels showed longer ago than their timelines reach back, of media that could be new.
pub(crate) type Shown = HashMap<ChannelId, HashSet<MediaId>>;

/// The guide and how it came about.
#[derive(Debug)]
pub(crate) struct Guides {
    settings: Settings,
    current: ArcSwapOption<Guide>,
    log: Mutex<Log>,
}

#[derive(Debug, Default)]
struct Log {
    totals: Totals,
    failure: Option<String>,
}

impl Guides {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings, current: ArcSwapOption::empty(), log: Mutex::default() }
    }

    /// The guide now; `None` without channels. Memory only.
    pub(crate) fn current(&self) -> Option<Arc<Guide>> {
        self.current.load_full()
    }

    /// The media of a board that may still be told to be new: what was shown of it before has to be
    /// looked up.
    pub(crate) fn fresh(&self, board: &Board, now: UtcMillis) -> Vec<MediaId> {
        let from = self.from(now);
        let all = board.channels.values().flat_map(|planned| planned.media.values());
        let fresh = all.filter(|media| is_fresh(media, from)).map(|media| media.id);
        let fresh: HashSet<MediaId> = fresh.collect();
        fresh.into_iter().collect()
    }

    /// Builds the guide of a board and puts it in the place of the one before. If that comes to
    /// nothing, the one before stays.
    pub(crate) async fn build(self: &Arc<Self>, board: Arc<Board>, now: UtcMillis) {
        let until = now.plus_ms(i64::from(self.settings.days) * 86_400_000);
        let window = (self.from(now), until);
        let this = Arc::clone(self);
        let built = tokio::task::spawn_blocking(move || {
            let source = |channel: &LineupChannel, tally: &mut Tally| {
                let Some(planned) = board.channels.get(&channel.id) else { return Vec::new() };
                this.programmes_of(planned, &board.shown, tally)
            };
            Guide::build(&board.lineup, source, now, window)
        });
        let failure = match built.await {
            Ok(Ok(guide)) => {
                tell(guide.report());
                let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
                log.totals.add(guide.report());
                log.failure = None;
                self.current.store(Some(Arc::new(guide)));
                return;
            }
            Ok(Err(GuideError::NoChannels)) => {
                self.current.store(None);
                return;
            }
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        tracing::error!("the guide could not be built, the one before it stays: {failure}");
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.totals.failed_builds += 1;
        log.failure = Some(failure);
    }

    /// What a channel shows from one instant to another. Memory only.
    pub(crate) fn between(
        &self,
        planned: &Planned,
        shown: &Shown,
        from: UtcMillis,
        to: UtcMillis,
    ) -> Vec<Programme> {
        let slots = planned.timeline.slots();
        let found = entries_between(slots, self.settings.show_filler, from, to);
        let word = |entry: &_| {
            let before = shown_before(entry, slots);
            self.word(planned, entry, before, shown, &mut Tally::default())
        };
        found.iter().map(word).collect()
    }

    /// What is on a channel at `now` and after that. Memory only.
    pub(crate) fn now_and_next(
        &self,
        planned: &Planned,
        shown: &Shown,
        now: UtcMillis,
    ) -> Option<(Programme, Option<Programme>)> {
        let (slots, day) = (planned.timeline.slots(), 86_400_000);
        let found = entries_between(slots, self.settings.show_filler, now, now.plus_ms(day));
        let mut word = found.iter().map(|entry| {
            let before = shown_before(entry, slots);
            self.word(planned, entry, before, shown, &mut Tally::default())
        });
        let on_air = word.next().filter(|programme| programme.contains(now))?;
        Some((on_air, word.next()))
    }

    /// How guide, line-up and stream stand to each other at `now`.
    pub(crate) fn state(&self, board: &Board, now: UtcMillis) -> GuideState {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = GuideState {
            totals: log.totals,
            failure: log.failure.clone(),
            ..GuideState::default()
        };
        drop(log);
        let guide = self.current();
        state.report = guide.as_ref().map(|guide| guide.report().clone());
        for channel in board.lineup.iter() {
            let told = guide.as_ref().filter(|guide| guide.has(channel.id));
            let Some(told) = told else {
                state.mismatches.push(channel.id);
                continue;
            };
            let Some(planned) = board.channels.get(&channel.id) else { continue };
            let slots = planned.timeline.slots();
            let on_air = entries_between(slots, self.settings.show_filler, now, now.plus_ms(1));
            let started = on_air.first().map(|entry| entry.start.seconds() * 1000);
            if let (Some(told), Some(started)) = (told.start_at(channel.id, now), started) {
                state.drift_ms = state.drift_ms.max((told.0 - started).abs());
            }
        }
        let listed: HashSet<ChannelId> = board.lineup.iter().map(|channel| channel.id).collect();
        if let Some(guide) = guide {
            let only_told = guide.starts.keys().filter(|id| !listed.contains(id));
            state.mismatches.extend(only_told);
        }
        state.mismatches.sort_unstable();
        state
    }

    fn from(&self, now: UtcMillis) -> UtcMillis {
        now.plus_ms(-i64::from(self.settings.past_hours) * 3_600_000)
    }

    /// All that is planned of a channel, as the guide shows it.
    pub(super) fn programmes_of(
        &self,
        planned: &Planned,
        shown: &Shown,
        tally: &mut Tally,
    ) -> Vec<Programme> {
        let slots = planned.timeline.slots();
        let found = entries(slots, self.settings.show_filler);
        let mut last: HashMap<MediaId, UtcMillis> = HashMap::new();
        let mut all = Vec::with_capacity(found.len());
        for entry in &found {
            let media = slots[entry.main].media;
            let before = media.and_then(|media| last.insert(media, entry.start));
            all.push(self.word(planned, entry, before, shown, tally));
        }
        all
    }

    fn word(
        &self,
        planned: &Planned,
        entry: &crate::domain::Entry,
        before: Option<UtcMillis>,
        shown: &Shown,
        tally: &mut Tally,
    ) -> Programme {
        let (channel, slots) = (&planned.channel, planned.timeline.slots());
        let wanted = slots[entry.main].media;
        let media = wanted.and_then(|id| planned.media.get(&id)).map(Arc::as_ref);
        let was_shown =
            shown.get(&channel.id).zip(wanted).is_some_and(|(ids, id)| ids.contains(&id));
        let mut programme = listed(entry, slots, media, &channel.name, before, was_shown);
        match (wanted, media) {
            (Some(_), Some(media)) => {
                tally.lookups += 1;
                tally.placeholders += u64::from(usable(&media.title).is_none());
            }
            (Some(_), None) => tally.failed_lookups += 1,
            (None, _) => return programme,
        }
        let number = channel.number.to_string();
        let failed = self.settings.wording.apply(&mut programme, &channel.name, &number);
        tally.failed_templates += u64::from(failed);
        programme
    }
}

/// One line for a build.
fn tell(report: &GuideReport) {
    let GuideReport { channels, programmes, xml_bytes, took_ms, .. } = report;
    let (empty, spoiled) = (report.without_programme.len(), report.spoiled.len());
    // There is no source of that kind yet, so nothing is to be reloaded.
    tracing::info!(
        guide.channels = channels,
        guide.programme_count = programmes,
        guide.xml_bytes = xml_bytes,
        guide.channels_without_programme = ?report.without_programme,
        guide.took_ms = took_ms,
        plex_enabled = false,
        use_for_epg = false,
        reload_guide_after_epg = false,
        "the guide was built: {programmes} programmes of {channels} channels in {xml_bytes} bytes, \
         {empty} channels without a programme, {spoiled} without details"
    );
}
