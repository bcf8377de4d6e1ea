//! What is done to a channel's timeline by hand: rebuild, extend, skip, preview, go back.
//!
//! What is about to be shown is never changed: every change begins [`COMMITTED_MS`] from now at the
//! earliest, because so much is on its way to viewers.

use serde_json::{Value, json};

use crate::domain::{
    ChannelId, ChannelSnapshot, Kept, KeptPlayout, KeptSchedule, KeptSkip, PlanSnapshot, Rules,
    Script, Slot, UtcMillis,
};
use crate::schedule::{self, Cursor};

use super::Control;
use super::effective::{self, RulesFrom};
use super::error::ControlError;
use super::on_demand::later;
use super::operations::Actor;
use super::programming::{Programming, Replan};
use super::write_out;

/// What is shown so soon is on its way to viewers already.
const COMMITTED_MS: i64 = 10_000;

/// Skips that a channel remembers.
const SKIPS: u32 = 100;

/// Longest preview, in hours.
pub const LONGEST_PREVIEW_HOURS: i64 = 14 * 24;

/// Something to be planned without being stored.
#[derive(Debug, Clone)]
pub enum Draft {
    /// A schedule, stored or not.
    Schedule(Box<KeptSchedule>),
    /// Rules written in full.
    Rules(Box<Rules>),
    /// A script.
    Script(Box<Script>),
}

/// What a draft would play.
#[derive(Debug, Clone, Default)]
pub struct Preview {
    /// The slots in order.
    pub slots: Vec<Slot>,
    /// Why it is not what one might have expected.
    pub reasons: Vec<String>,
}

/// What was on a channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Aired {
    /// The slot.
    pub slot: Slot,
    /// `completed`, `skipped` or `interrupted`.
    pub status: &'static str,
}

/// What a skip, or taking it back, came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Skipped {
    /// What was skipped; `None` when there was nothing to skip.
    pub slot: Option<Slot>,
    /// When the change is seen.
    pub at: UtcMillis,
}

impl Control {
    /// What the server's clock says.
    pub fn clock_now(&self) -> UtcMillis {
        self.now()
    }

    /// The slots of a channel from `from` on. Memory only; empty for a channel that is off.
    pub fn slots_from(&self, channel: ChannelId, from: UtcMillis) -> Vec<Slot> {
        let board = self.board();
        let Some(planned) = board.channels.get(&channel) else { return Vec::new() };
        planned.timeline.between(from, UtcMillis(i64::MAX)).to_vec()
    }

    /// Where a channel's rules come from. Memory only; `None` for a channel that is off.
    pub fn rules_from(&self, channel: ChannelId) -> Option<RulesFrom> {
        Some(self.board().channels.get(&channel)?.origin.from.clone())
    }

    /// What a channel showed, newest first, as far back as is kept.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn aired(&self, channel: ChannelId, most: usize) -> Result<Vec<Aired>, ControlError> {
        let now = self.now();
        let skips = self.db().plans_of::<KeptSkip>(channel.0, SKIPS).await;
        let skips = skips.map_err(ControlError::storage("the skips"))?;
        let skipped: Vec<UtcMillis> = skips
            .into_iter()
            .filter(|skip| !skip.body.cancelled)
            .map(|skip| skip.body.slot.start)
            .collect();
        let board = self.board();
        let Some(planned) = board.channels.get(&channel) else { return Ok(Vec::new()) };
        let past = planned.timeline.slots().iter().rev().filter(|slot| slot.start <= now);
        let status = |slot: &Slot| {
            if skipped.contains(&slot.start) {
                "skipped"
            } else if slot.media.is_none() {
                "interrupted"
            } else {
                "completed"
            }
        };
        Ok(past.take(most).map(|slot| Aired { slot: slot.clone(), status: status(slot) }).collect())
    }

    /// Plans a channel anew from `from` on (left out: from the next programme), with `reset` from
    /// the top of its schedule; says how many slots were dropped.
    ///
    /// # Errors
    /// When the channel shows another one's programme or storage fails.
    pub async fn rebuild(
        &self,
        actor: &Actor,
        channel: ChannelId,
        from: Option<UtcMillis>,
        reset: bool,
    ) -> Result<usize, ControlError> {
        self.refuse_mirror(channel)?;
        let dropped = self.programming().cut(channel, from, reset).await?;
        let body = json!({"what": "playout_rebuilt", "channel": channel, "reset": reset});
        self.record_change(actor, body).await;
        self.refresh(Replan::Extend).await?;
        Ok(dropped)
    }

    /// Plans a channel up to `days` ahead, which is more than usual, and says how far it is planned.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn extend(
        &self,
        actor: &Actor,
        channel: ChannelId,
        days: u32,
    ) -> Result<Option<UtcMillis>, ControlError> {
        self.channel(channel).await?;
        let until = self.now().plus_ms(i64::from(days.clamp(1, 14)) * 86_400_000);
        self.programming().plan_until(channel, until);
        let body = json!({"what": "playout_extended", "channel": channel, "days": days});
        self.record_change(actor, body).await;
        self.refresh(Replan::Extend).await?;
        let board = self.board();
        Ok(board.channels.get(&channel).and_then(|planned| planned.timeline.stop()))
    }

    /// Ends what is on air and begins what comes after it; fixed starts stay where they are.
    ///
    /// # Errors
    /// When the channel shows another one's programme or storage fails.
    pub async fn skip(&self, actor: &Actor, channel: ChannelId) -> Result<Skipped, ControlError> {
        self.refuse_mirror(channel)?;
        let skipped = self.programming().skip(channel).await?;
        if let Some(slot) = &skipped.slot {
            let body =
                json!({"what": "programme_skipped", "channel": channel, "media": slot.media});
            self.record_change(actor, body).await;
        }
        self.refresh(Replan::Extend).await?;
        Ok(skipped)
    }

    /// Goes on with what was skipped last, where it would be by now, if it would still be on.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn cancel_skip(
        &self,
        actor: &Actor,
        channel: ChannelId,
    ) -> Result<Skipped, ControlError> {
        self.refuse_mirror(channel)?;
        let back = self.programming().cancel_skip(channel).await?;
        if back.slot.is_some() {
            let body = json!({"what": "skip_cancelled", "channel": channel});
            self.record_change(actor, body).await;
        }
        self.refresh(Replan::Extend).await?;
        Ok(back)
    }

    fn refuse_mirror(&self, channel: ChannelId) -> Result<(), ControlError> {
        match self.rules_from(channel) {
            Some(RulesFrom::Mirror(source)) => Err(ControlError::Conflict {
                field: "channel".to_owned(),
                what: format!("channel {channel} shows the programme of channel {source}"),
                fix: format!("do it to channel {source}"),
            }),
            Some(RulesFrom::File(_) | RulesFrom::Playout(_) | RulesFrom::Own) | None => Ok(()),
        }
    }

    /// What a draft would play between two instants, from the top; nothing is stored.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn preview(
        &self,
        draft: &Draft,
        from: UtcMillis,
        to: UtcMillis,
    ) -> Result<Preview, ControlError> {
        self.programming().preview(draft, from, to).await
    }

    /// Remembers what channels play now and will play.
    ///
    /// # Errors
    /// When a channel does not exist or storage fails.
    pub async fn capture(
        &self,
        actor: &Actor,
        ids: &[ChannelId],
        persona_id: Option<String>,
        label: Option<String>,
    ) -> Result<Kept<PlanSnapshot>, ControlError> {
        let failed = || ControlError::storage("the snapshot");
        let now = self.now();
        let mut channels = Vec::new();
        for id in ids {
            let channel = self.channel(*id).await?;
            let playouts = self.playouts(Some(*id)).await?;
            let active = playouts.into_iter().find(|kept| kept.body.is_active);
            channels.push(ChannelSnapshot {
                channel: *id,
                rules: channel.rules,
                playout: active.as_ref().map(|kept| kept.id),
                playout_body: active.map(|kept| kept.body),
                slots: self.db().load_timeline(*id, now).await.map_err(failed())?,
                cursor: self.db().load_cursor(*id).await.map_err(failed())?.unwrap_or(Value::Null),
            });
        }
        let snapshot = PlanSnapshot { persona_id, label, at: now, channels };
        let kept = self.db().insert_plan(snapshot, now).await.map_err(failed())?;
        let body = json!({"what": "schedule_captured", "id": kept.id, "channels": ids});
        self.record_change(actor, body).await;
        Ok(kept)
    }

    /// All snapshots, oldest first.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn snapshots(&self) -> Result<Vec<Kept<PlanSnapshot>>, ControlError> {
        self.db().list_plans().await.map_err(ControlError::storage("the snapshots"))
    }

    /// Goes back to a snapshot: rules, playout and what is planned after the programme on air. Says
    /// how many slots were put back.
    ///
    /// # Errors
    /// When the snapshot does not exist, belongs to another persona, or storage fails.
    pub async fn revert(
        &self,
        actor: &Actor,
        id: i64,
        persona_id: Option<&str>,
    ) -> Result<usize, ControlError> {
        let failed = || ControlError::storage("the snapshot");
        let found = self.db().find_plan::<PlanSnapshot>(id).await.map_err(failed())?;
        let missing = || ControlError::NotFound { what: format!("snapshot {id}") };
        let snapshot = found.ok_or_else(missing)?.body;
        if persona_id.is_some() && persona_id != snapshot.persona_id.as_deref() {
            return Err(missing());
        }
        let mut restored = 0;
        let mut adopted = Vec::new();
        for one in snapshot.channels {
            let Some(mut channel) = self.db().find_channel(one.channel).await.map_err(failed())?
            else {
                continue;
            };
            channel.rules = one.rules;
            self.db().update_channel(&channel).await.map_err(failed())?;
            self.restore_playout(one.channel, one.playout, one.playout_body).await?;
            restored += self.programming().restore(one.channel, one.slots, &one.cursor).await?;
            adopted.push(one.channel);
        }
        let body = json!({"what": "schedule_reverted", "id": id, "channels": adopted});
        self.record_change(actor, body).await;
        self.refresh(Replan::Adopt(adopted)).await?;
        Ok(restored)
    }

    async fn restore_playout(
        &self,
        channel: ChannelId,
        id: Option<i64>,
        body: Option<KeptPlayout>,
    ) -> Result<(), ControlError> {
        let failed = || ControlError::storage("the playout");
        let now = self.now();
        match body {
            Some(body) => {
                let known = match id {
                    Some(id) => self.db().find_plan::<KeptPlayout>(id).await.map_err(failed())?,
                    None => None,
                };
                let id = known.map(|kept| kept.id);
                self.db().activate_playout(id, body, now).await.map_err(failed())?;
            }
            None => {
                for kept in self.playouts(Some(channel)).await? {
                    let body = KeptPlayout { is_active: false, ..kept.body };
                    self.db().update_plan(kept.id, &body, now).await.map_err(failed())?;
                }
            }
        }
        Ok(())
    }
}

impl Programming {
    /// Drops what is planned from `from` on, or from the next programme; with `reset` the planner
    /// begins from the top.
    async fn cut(
        &self,
        channel: ChannelId,
        from: Option<UtcMillis>,
        reset: bool,
    ) -> Result<usize, ControlError> {
        let _turn = self.turn.lock().await;
        let failed = || ControlError::storage("the channel plan");
        let behind_ms = self.clocks.behind_ms(channel);
        let soon = UtcMillis(self.clock.now_ms()).plus_ms(COMMITTED_MS - behind_ms);
        let from = from.map(|from| from.plus_ms(-behind_ms));
        let slots = self.db.load_timeline(channel, soon).await.map_err(failed())?;
        let wanted = from.unwrap_or(soon).max(soon);
        let first = slots.iter().position(|slot| slot.start >= wanted);
        let Some(first) = first else { return Ok(0) };
        let start = slots[first].start;
        let cursor = match reset {
            true => Value::Null,
            false => self.db.load_cursor(channel).await.map_err(failed())?.unwrap_or(Value::Null),
        };
        self.db.replace_timeline(channel, start, vec![], &cursor).await.map_err(failed())?;
        Ok(slots.len() - first)
    }

    async fn skip(&self, channel: ChannelId) -> Result<Skipped, ControlError> {
        let _turn = self.turn.lock().await;
        let failed = || ControlError::storage("the channel plan");
        let behind_ms = self.clocks.behind_ms(channel);
        let now = UtcMillis(self.clock.now_ms() - behind_ms);
        let at = now.plus_ms(COMMITTED_MS);
        let slots = self.db.load_timeline(channel, now).await.map_err(failed())?;
        let seen = at.plus_ms(behind_ms);
        let nothing = Skipped { slot: None, at: seen };
        let Some(index) = slots.iter().position(|slot| slot.contains(now)) else {
            return Ok(nothing);
        };
        let slot = slots[index].clone();
        if slot.media.is_none() || slot.stop <= at {
            return Ok(nothing);
        }
        let cursor = self.db.load_cursor(channel).await.map_err(failed())?.unwrap_or(Value::Null);
        let after = slots[index + 1..].to_vec();
        let record = KeptSkip {
            channel,
            at: now,
            slot: slot.clone(),
            after,
            cursor: cursor.clone(),
            cancelled: false,
        };
        self.db.insert_plan(record, now).await.map_err(failed())?;
        self.db.keep_newest_skips(channel, SKIPS).await.map_err(failed())?;
        let cut = Slot { stop: at, ..slot.clone() };
        self.db.replace_timeline(channel, cut.start, vec![cut], &cursor).await.map_err(failed())?;
        Ok(Skipped { slot: Some(later(&slot, behind_ms)), at: seen })
    }

    async fn cancel_skip(&self, channel: ChannelId) -> Result<Skipped, ControlError> {
        let _turn = self.turn.lock().await;
        let failed = || ControlError::storage("the channel plan");
        let behind_ms = self.clocks.behind_ms(channel);
        let now = UtcMillis(self.clock.now_ms() - behind_ms);
        let at = now.plus_ms(COMMITTED_MS);
        let newest = self.db.plans_of::<KeptSkip>(channel.0, 1).await.map_err(failed())?;
        let newest = newest.into_iter().next();
        let Some(mut skip) = newest.filter(|skip| !skip.body.cancelled && skip.body.slot.stop > at)
        else {
            return Ok(Skipped { slot: None, at: at.plus_ms(behind_ms) });
        };
        let slot = skip.body.slot.clone();
        let back = resumed(&slot, at);
        let before = self.db.load_timeline(channel, now).await.map_err(failed())?;
        let mut slots: Vec<Slot> = before.into_iter().filter(|one| one.start < at).collect();
        if let Some(last) = slots.last_mut() {
            last.stop = at;
        }
        let first = slots.first().map_or(at, |one| one.start);
        slots.push(back);
        slots.append(&mut skip.body.after.clone());
        let cursor = skip.body.cursor.clone();
        self.db.replace_timeline(channel, first, slots, &cursor).await.map_err(failed())?;
        skip.body.cancelled = true;
        self.db.update_plan(skip.id, &skip.body, now).await.map_err(failed())?;
        Ok(Skipped { slot: Some(later(&slot, behind_ms)), at: at.plus_ms(behind_ms) })
    }

    /// Puts slots of a snapshot back behind the programme on air; says how many.
    async fn restore(
        &self,
        channel: ChannelId,
        old: Vec<Slot>,
        cursor: &Value,
    ) -> Result<usize, ControlError> {
        let _turn = self.turn.lock().await;
        let failed = || ControlError::storage("the channel plan");
        let behind_ms = self.clocks.behind_ms(channel);
        let soon = UtcMillis(self.clock.now_ms()).plus_ms(COMMITTED_MS - behind_ms);
        let now = self.db.load_timeline(channel, soon).await.map_err(failed())?;
        let from = now.iter().find(|slot| slot.start >= soon);
        let from = from.map_or_else(|| now.last().map_or(soon, |slot| slot.stop), |s| s.start);
        let old = old.into_iter().filter(|slot| slot.stop > from);
        let slots: Vec<Slot> =
            old.map(|slot| if slot.start < from { resumed(&slot, from) } else { slot }).collect();
        let restored = slots.len();
        // A snapshot that begins later than this has nothing to say about the time between.
        let usable = slots.first().is_some_and(|slot| slot.start == from);
        let slots = if usable { slots } else { vec![] };
        self.db.replace_timeline(channel, from, slots, cursor).await.map_err(failed())?;
        Ok(if usable { restored } else { 0 })
    }

    async fn preview(
        &self,
        draft: &Draft,
        from: UtcMillis,
        to: UtcMillis,
    ) -> Result<Preview, ControlError> {
        let ground = self.ground(from).await?;
        let sizes = ground.sizes();
        let zone = self.settings.zone.clone();
        let plans = effective::plans(&self.db, &ground.collections, sizes, zone).await;
        let plans = plans.map_err(ControlError::storage("the schedules"))?;
        let written = match draft {
            Draft::Schedule(schedule) => write_out::schedule(schedule, 0, &plans),
            Draft::Script(script) => write_out::script(script, &plans),
            Draft::Rules(rules) => {
                write_out::WrittenOut { rules: (**rules).clone(), notes: vec![] }
            }
        };
        let mut reasons = written.notes;
        let catalogue = ground.catalogue(&written.rules);
        let planned = tokio::task::spawn_blocking(move || {
            schedule::plan(&written.rules, &catalogue, Cursor::default(), from, to)
        });
        let plan = planned.await.map_err(|error| ControlError::Failed {
            what: "the preview".to_owned(),
            source: Box::new(error),
        })?;
        reasons.extend(plan.reasons.iter().map(ToString::to_string));
        Ok(Preview { slots: plan.slots, reasons })
    }
}

/// The rest of a slot from `at` on, as a programme of its own.
fn resumed(slot: &Slot, at: UtcMillis) -> Slot {
    let in_ms = slot.in_ms + at.since(slot.start);
    Slot { start: at, in_ms, guide_group: None, ..slot.clone() }
}
