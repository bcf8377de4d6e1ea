//! Which channels have nothing to play, why, and how to repair that in one step; and what a channel
//! is beside its schedule: mirror, fillers, decos.

use serde_json::json;

use crate::domain::{
    ChannelForm, ChannelId, CollectionId, InvalidField, KeptFiller, KeptPlayout, KeptSchedule,
    Mode, Order, PlayoutSource, Rules, ScheduleItem, SlotKind, Taking, UtcMillis,
};

use super::Control;
use super::effective::RulesFrom;
use super::error::ControlError;
use super::operations::Actor;
use super::plans::Reference;
use super::programming::{PlannedFrom, Replan};

/// Why a channel has nothing to play.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoContent {
    /// It is off, so nothing is planned.
    Disabled,
    /// Nothing says what it plays.
    NoSchedule,
    /// Its schedule file cannot be taken, and nothing else says what it plays.
    BrokenFile,
    /// Nothing of what it names is playable.
    NothingPlayable,
    /// The channel whose programme it shows has none.
    MirrorOfNothing,
    /// It has media, and its schedule leaves all of the time empty.
    NothingPlanned,
}

impl NoContent {
    /// A stable word.
    pub fn code(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::NoSchedule => "no_schedule",
            Self::BrokenFile => "broken_file",
            Self::NothingPlayable => "nothing_playable",
            Self::MirrorOfNothing => "mirror_of_nothing",
            Self::NothingPlanned => "nothing_planned",
        }
    }

    /// What it means, for people.
    pub fn text(self) -> &'static str {
        match self {
            Self::Disabled => "the channel is switched off",
            Self::NoSchedule => "nothing says what it plays",
            Self::BrokenFile => "its schedule file has mistakes",
            Self::NothingPlayable => "nothing of what its schedule names is playable",
            Self::MirrorOfNothing => "the channel it shows has nothing to play",
            Self::NothingPlanned => "its schedule leaves all of the time empty",
        }
    }
}

/// What a channel has to play.
#[derive(Debug, Clone, PartialEq)]
pub struct Content {
    /// Why there is nothing, if there is not.
    pub missing: Option<NoContent>,
    /// When it will have nothing, if that comes in the planned time.
    pub dark_from: Option<UtcMillis>,
    /// Media that it can reach.
    pub playable: usize,
    /// Where its rules come from; `None` for a channel that is off.
    pub from: Option<RulesFrom>,
    /// Notes on what of its schedule was passed over, and the faults of its file.
    pub notes: Vec<String>,
    /// What would repair it, if anything is at hand.
    pub repair: Option<Repair>,
}

/// What a channel without content is given to play.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repair {
    /// A stored schedule.
    Schedule(i64),
    /// A collection, shuffled.
    Collection(CollectionId),
    /// A filler preset where nothing else is.
    Fallback(i64),
}

impl Control {
    /// What a channel has to play. Memory only, but for the suggested repair.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn content(&self, channel: ChannelId) -> Result<Content, ControlError> {
        let board = self.board();
        let Some(planned) = board.channels.get(&channel) else {
            return Ok(Content {
                missing: Some(NoContent::Disabled),
                dark_from: None,
                playable: 0,
                from: None,
                notes: vec![],
                repair: None,
            });
        };
        let now = self.now();
        let ahead = planned.timeline.between(now, UtcMillis(i64::MAX));
        let plays = ahead.iter().any(|slot| slot.media.is_some());
        let dark = ahead.iter().find(|slot| slot.kind == SlotKind::Offline);
        let PlannedFrom { from, notes, faults, playable, names_any, .. } = &*planned.origin;
        let missing = (!plays).then(|| match from {
            RulesFrom::Mirror(_) => NoContent::MirrorOfNothing,
            _ if !faults.is_empty() && !names_any => NoContent::BrokenFile,
            _ if !names_any => NoContent::NoSchedule,
            _ if *playable == 0 => NoContent::NothingPlayable,
            RulesFrom::File(_) | RulesFrom::Playout(_) | RulesFrom::Own => {
                NoContent::NothingPlanned
            }
        });
        let repair = match missing {
            Some(_) => self.suggested().await?,
            None => None,
        };
        let faults = faults.iter().map(ToString::to_string);
        Ok(Content {
            missing,
            dark_from: dark.map(|slot| slot.start.max(now)),
            playable: *playable,
            from: Some(from.clone()),
            notes: notes.iter().cloned().chain(faults).collect(),
            repair,
        })
    }

    /// The first schedule, filler preset or collection that has something to play.
    async fn suggested(&self) -> Result<Option<Repair>, ControlError> {
        let ground = self.programming().ground(self.now()).await?;
        let sizes = ground.sizes();
        let has = |id: CollectionId| sizes.get(&id).is_some_and(|size| *size > 0);
        let stored = |taking: &Taking| taking.collection_id.is_some_and(|id| has(CollectionId(id)));
        for kept in self.kept::<KeptSchedule>().await? {
            if kept.body.items.iter().any(|item| stored(&item.taking)) {
                return Ok(Some(Repair::Schedule(kept.id)));
            }
        }
        for kept in self.kept::<KeptFiller>().await? {
            if kept.body.items.iter().any(|line| stored(&line.taking)) {
                return Ok(Some(Repair::Fallback(kept.id)));
            }
        }
        let first = ground.collections.iter().find(|collection| has(collection.id));
        Ok(first.map(|collection| Repair::Collection(collection.id)))
    }

    /// Gives a channel something to play, in one step.
    ///
    /// # Errors
    /// When the channel or what it is given does not exist, or storage fails.
    pub async fn repair(
        &self,
        actor: &Actor,
        channel: ChannelId,
        repair: Repair,
    ) -> Result<Content, ControlError> {
        self.channel(channel).await?;
        match repair {
            Repair::Schedule(schedule) => {
                let body = KeptPlayout::on(channel, PlayoutSource::Schedule { schedule });
                self.put_playout(actor, None, body).await?;
            }
            Repair::Collection(collection) => {
                let taking = Taking::collection(collection);
                self.check_references(vec![("collection_id".into(), Reference::Taking(taking))])
                    .await?;
                // What is broken stays, switched off, for whoever wants to look at it.
                for kept in self.playouts(Some(channel)).await? {
                    if kept.body.is_active {
                        let body = KeptPlayout { is_active: false, ..kept.body };
                        self.put_playout(actor, Some(kept.id), body).await?;
                    }
                }
                let item = ScheduleItem::new(collection, Order::Shuffle, Mode::Flood);
                let rules = Rules::of_items(channel.0.unsigned_abs(), vec![item]);
                let edit = crate::domain::ChannelEdit { rules: Some(rules), ..Default::default() };
                self.edit_channel(actor, channel, edit).await?;
            }
            Repair::Fallback(filler) => {
                let mut form = self.form(channel).await?;
                form.fillers.fallback = Some(filler);
                self.set_form(actor, form).await?;
            }
        }
        self.content(channel).await
    }

    /// What a channel is beside its schedule.
    ///
    /// # Errors
    /// When the channel does not exist or storage fails.
    pub async fn form(&self, channel: ChannelId) -> Result<ChannelForm, ControlError> {
        self.channel(channel).await?;
        let found = self.db().plans_of::<ChannelForm>(channel.0, 1).await;
        let found = found.map_err(ControlError::storage("the channel"))?;
        let kept = found.into_iter().next();
        Ok(kept.map_or_else(|| ChannelForm::plain(channel), |kept| kept.body))
    }

    /// Stores what a channel is beside its schedule.
    ///
    /// # Errors
    /// When something it refers to does not exist, it would show itself, or storage fails.
    pub async fn set_form(
        &self,
        actor: &Actor,
        form: ChannelForm,
    ) -> Result<ChannelForm, ControlError> {
        let channel = form.channel;
        if let Some(source) = form.mirror_of {
            self.check_mirror(channel, source).await?;
        }
        let fillers = form.fillers.named();
        let mut references: Vec<(String, Reference)> =
            fillers.map(|(field, id)| (field.to_owned(), Reference::Filler(id))).collect();
        for (field, group) in
            [("deco_group_id", form.deco_group), ("bumper_group_id", form.bumper_group)]
        {
            references.extend(group.map(|id| (field.to_owned(), Reference::DecoGroup(id))));
        }
        self.check_references(references).await?;
        self.store_form(&form).await?;
        self.record_change(actor, json!({"what": "channel_form_edited", "channel": channel})).await;
        self.refresh(Replan::Extend).await?;
        Ok(form)
    }

    pub(super) async fn store_form(&self, form: &ChannelForm) -> Result<(), ControlError> {
        let failed = || ControlError::storage("the channel");
        let before = self.db().plans_of::<ChannelForm>(form.channel.0, 1).await;
        match before.map_err(failed())?.into_iter().next() {
            Some(kept) => {
                self.db().update_plan(kept.id, form, self.now()).await.map_err(failed())?;
            }
            None => {
                self.db().insert_plan(form.clone(), self.now()).await.map_err(failed())?;
            }
        }
        Ok(())
    }

    async fn check_mirror(
        &self,
        channel: ChannelId,
        source: ChannelId,
    ) -> Result<(), ControlError> {
        let field = "mirror_source_channel_id";
        if channel == source {
            let fix = "name another channel, or 0 for none";
            return Err(InvalidField::new(field, "a channel cannot show itself", fix).into());
        }
        let known = self.db().find_channel(source).await;
        if known.map_err(ControlError::storage("the channel"))?.is_none() {
            let problem = format!("channel {source} does not exist");
            return Err(InvalidField::new(field, problem, "use an id of /api/channels").into());
        }
        let of = self.form(source).await?.mirror_of;
        if let Some(further) = of {
            let problem = format!("channel {source} shows channel {further} itself");
            let fix = format!("name channel {further}");
            return Err(InvalidField::new(field, problem, fix).into());
        }
        let forms = self.db().list_plans::<ChannelForm>().await;
        let forms = forms.map_err(ControlError::storage("the channels"))?;
        if let Some(other) = forms.iter().find(|kept| kept.body.mirror_of == Some(channel)) {
            let problem = format!("channel {} shows this one", other.body.channel);
            return Err(InvalidField::new(field, problem, "change that one first").into());
        }
        Ok(())
    }
}
