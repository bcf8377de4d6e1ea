//! Channels whose clock stands still while nobody watches.
//!
//! Such a channel is planned in a time of its own, and its timeline is moved to where people are:
//! while it stands, everything that is to come moves along with the day, so that whoever tunes in
//! finds what was on when the last viewer left. Moving is memory only; where the clock stands is
//! stored when it starts, when it stops, and once a minute while it runs.
//!
//! A viewer must not wait until somebody has noticed that he came. So what is published is always
//! [`LEAD_MS`] behind where the clock stands: a few seconds are seen twice, and none is missed.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::domain::{
    ChannelForm, ChannelId, InvalidField, MediaId, PlayoutClock, Slot, Timeline, UtcMillis,
};
use crate::foundation::stop::Stop;

use super::Control;
use super::error::ControlError;
use super::programming::{KEPT_MS, Replan};

/// Time between two looks at who watches.
const LOOK: Duration = Duration::from_secs(5);

/// How far behind where its clock stands a standing channel is shown.
const LEAD_MS: i64 = 6_000;

/// How often the place of a running clock is stored.
const STORE_MS: i64 = 60_000;

/// The clock of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OwnClock {
    /// What it shows where it stands, or showed when it was looked at last, in the channel's time.
    pub(super) shows: UtcMillis,
    running: bool,
    /// How far the channel's time is behind the day's, as published.
    pub(super) behind_ms: i64,
    stored: UtcMillis,
}

/// Where a channel stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Place of the item in what is planned and kept.
    pub index: usize,
    /// What it plays.
    pub media: Option<MediaId>,
    /// Milliseconds into it.
    pub into_ms: i64,
    /// Whether the channel's clock is its own, so that it waits for viewers.
    pub stands: bool,
}

/// What a look at who watches comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// It stands: move what is published along.
    Moved,
    /// The first viewer came.
    Started,
    /// The last viewer left.
    Stopped,
    /// It runs; `true` when it is time to store where it is.
    Running(bool),
}

impl OwnClock {
    /// A clock that stands at `shows`.
    pub(super) fn standing(shows: UtcMillis, now: UtcMillis) -> Self {
        let behind_ms = now.since(shows) + LEAD_MS;
        Self { shows, running: false, behind_ms, stored: now }
    }

    /// What it shows now, in the channel's time.
    pub(super) fn time(&self, now: UtcMillis) -> UtcMillis {
        if self.running { now.plus_ms(-self.behind_ms) } else { self.shows }
    }

    /// Looks at whether anybody watches.
    pub(super) fn look(&mut self, watched: bool, now: UtcMillis) -> Turn {
        let turn = match (self.running, watched) {
            (false, false) => {
                self.behind_ms = now.since(self.shows) + LEAD_MS;
                Turn::Moved
            }
            (false, true) => {
                self.running = true;
                Turn::Started
            }
            (true, watched) => {
                self.shows = now.plus_ms(-self.behind_ms);
                self.running = watched;
                let due = now.since(self.stored) >= STORE_MS;
                if watched { Turn::Running(due) } else { Turn::Stopped }
            }
        };
        if turn != Turn::Moved && turn != Turn::Running(false) {
            self.stored = now;
        }
        turn
    }
}

/// The clocks of all channels that have one.
#[derive(Debug, Default)]
pub(super) struct OwnClocks(Mutex<HashMap<ChannelId, OwnClock>>);

impl OwnClocks {
    pub(super) fn lock(&self) -> MutexGuard<'_, HashMap<ChannelId, OwnClock>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The clock of a channel; it begins to stand where it was stored, or now.
    pub(super) fn of(&self, form: &ChannelForm, now: UtcMillis) -> Option<OwnClock> {
        let mut clocks = self.lock();
        if form.clock != PlayoutClock::OnDemand {
            clocks.remove(&form.channel);
            return None;
        }
        let begin = || OwnClock::standing(form.stands_at.unwrap_or(now), now);
        Some(*clocks.entry(form.channel).or_insert_with(begin))
    }

    /// How far a channel's time is behind the day's; 0 for channels without a clock of their own.
    pub(super) fn behind_ms(&self, channel: ChannelId) -> i64 {
        self.lock().get(&channel).map_or(0, |clock| clock.behind_ms)
    }
}

/// A timeline in the day's time.
pub(super) fn moved(timeline: &Timeline, by_ms: i64) -> Timeline {
    let slots = timeline.slots().iter().map(|slot| later(slot, by_ms)).collect();
    Timeline::new(slots).unwrap_or_default()
}

/// A slot that comes so much later.
pub(super) fn later(slot: &Slot, by_ms: i64) -> Slot {
    let mut slot = slot.clone();
    // What somebody else sends now has no past to go to: its media time is the time of day.
    let live = slot.media.is_some() && slot.in_ms == slot.start.0;
    slot.start = slot.start.plus_ms(by_ms);
    slot.stop = slot.stop.plus_ms(by_ms);
    slot.guide_group = slot.guide_group.map(|at| at.plus_ms(by_ms));
    if live {
        slot.in_ms = slot.start.0;
    }
    slot
}

impl Control {
    /// Drops slots that the guide does not show any more.
    pub(super) async fn prune(&self) {
        let before = self.now().plus_ms(-KEPT_MS);
        if let Err(error) = self.db().prune_timelines(before, KEPT_MS).await {
            tracing::warn!(error = %error, "old slots could not be dropped");
        }
    }

    /// Lets the clocks of channels run while they are watched; ends with the server.
    pub(super) fn follow_clocks(&self, stop: &Stop) {
        let (control, ended) = (self.clone(), stop.child());
        stop.spawn("channel clocks", async move {
            tokio::select! {
                () = control.turn_clocks() => {}
                () = ended.requested() => {}
            }
        });
    }

    async fn turn_clocks(&self) {
        loop {
            tokio::time::sleep(LOOK).await;
            if let Err(error) = self.look_at_clocks().await {
                tracing::warn!(error = %error, "the clocks of channels could not be turned");
            }
        }
    }

    /// Where a channel stands; `None` when nothing is planned there. Memory only.
    pub fn position(&self, channel: ChannelId) -> Option<Position> {
        let board = self.board();
        let planned = board.channels.get(&channel)?;
        let now = self.now();
        let clock = self.programming().clocks.lock().get(&channel).copied();
        let at = clock.map_or(now, |clock| clock.time(now));
        let index = planned.own.index_at(at)?;
        let slot = &planned.own.slots()[index];
        let into_ms = at.since(slot.start);
        Some(Position { index, media: slot.media, into_ms, stands: clock.is_some() })
    }

    /// Has an on-demand channel go on at the beginning of a planned item: the one with this index in
    /// what is planned, or the next one that plays this media.
    ///
    /// # Errors
    /// When the channel's clock is everybody's, nothing such is planned, or storage fails.
    pub async fn set_position(
        &self,
        channel: ChannelId,
        index: usize,
        media: Option<MediaId>,
    ) -> Result<Option<Position>, ControlError> {
        let now = self.now();
        let board = self.board();
        let own = board.channels.get(&channel).map(|planned| planned.own.clone());
        let own =
            own.ok_or_else(|| ControlError::NotFound { what: format!("channel {channel}") })?;
        {
            let mut clocks = self.programming().clocks.lock();
            let Some(clock) = clocks.get_mut(&channel) else {
                return Err(ControlError::Conflict {
                    field: "playout_mode".to_owned(),
                    what: format!("the clock of channel {channel} is everybody's"),
                    fix: "set its playout_mode to on_demand first".to_owned(),
                });
            };
            let here = own.index_at(clock.time(now)).unwrap_or(0);
            let wanted = |at: usize, slot: &Slot| match media {
                Some(media) => at >= here && slot.media == Some(media),
                None => at == index,
            };
            let mut slots = own.slots().iter().enumerate();
            let found = slots.find(|(at, slot)| wanted(*at, slot)).map(|(_, slot)| slot.start);
            let Some(start) = found else {
                let problem = "nothing such is planned".to_owned();
                let fix = "use the index or the media of a planned item";
                return Err(InvalidField::new("item_index", problem, fix).into());
            };
            *clock = OwnClock::standing(start, now);
        }
        let mut form = self.form(channel).await?;
        let shows = self.programming().clocks.lock().get(&channel).map(|clock| clock.shows);
        form.stands_at = shows;
        self.store_form(&form).await?;
        self.refresh(Replan::Extend).await?;
        Ok(self.position(channel))
    }

    pub(super) async fn look_at_clocks(&self) -> Result<(), ControlError> {
        let now = self.now();
        let ids: Vec<ChannelId> = self.programming().clocks.lock().keys().copied().collect();
        let mut turned = Vec::new();
        for id in ids {
            let watched = self.tuning().state(id).is_some_and(|state| state.viewers > 0);
            let mut clocks = self.programming().clocks.lock();
            let Some(clock) = clocks.get_mut(&id) else { continue };
            turned.push((id, clock.look(watched, now), clock.shows));
        }
        let mut started = false;
        for (id, turn, shows) in turned {
            match turn {
                Turn::Moved => self.programming().move_along(id).await,
                Turn::Running(false) => {}
                Turn::Started | Turn::Stopped | Turn::Running(true) => {
                    started |= turn == Turn::Started;
                    let mut form = self.form(id).await?;
                    form.stands_at = Some(shows);
                    self.store_form(&form).await?;
                }
            }
        }
        if started {
            // The guide says from now on what is seen.
            self.refresh(Replan::Extend).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    #[test]
    fn it_stands_while_nobody_watches_and_nothing_is_missed() {
        let mut clock = OwnClock::standing(at(0), at(0));
        assert_eq!(clock.look(false, at(HOUR)), Turn::Moved);
        assert_eq!(clock.time(at(HOUR)), at(0));
        // The viewer comes between two looks and sees a little of what was before.
        assert_eq!(clock.look(true, at(HOUR + 4_000)), Turn::Started);
        assert_eq!(clock.time(at(HOUR + 4_000)), at(4_000 - LEAD_MS));
        assert_eq!(clock.look(true, at(HOUR + 9_000)), Turn::Running(false));
        assert_eq!(clock.look(true, at(HOUR + 70_000)), Turn::Running(true));
        assert_eq!(clock.look(false, at(HOUR + 80_000)), Turn::Stopped);
        assert_eq!(clock.time(at(5 * HOUR)), at(80_000 - LEAD_MS));
        assert_eq!(clock.look(false, at(5 * HOUR)), Turn::Moved);
        let shown = at(5 * HOUR).plus_ms(-clock.behind_ms);
        assert_eq!(clock.shows.since(shown), LEAD_MS);
    }

    #[test]
    fn a_slot_moves_with_all_its_times() {
        let mut slot = Slot::new(at(0), at(10), Some(crate::domain::MediaId(1)), String::new());
        (slot.in_ms, slot.guide_group) = (7, Some(at(0)));
        let later = later(&slot, 5);
        assert_eq!((later.start, later.stop, later.in_ms), (at(5), at(15), 7));
        assert_eq!(later.guide_group, Some(at(5)));
    }

    fn at(ms: i64) -> UtcMillis {
        UtcMillis(ms)
    }
}
