//! Use cases on what people keep of schedules: check, store, plan again, in this order.
//!
//! One set of functions serves all kinds. What a change means for channels is not worked out here:
//! the next plan compares the rules that come of it with those each channel was planned with.

mod kinds;

use serde_json::json;

use crate::domain::{
    CollectionId, InvalidField, Kept, KeptBlock, KeptBlockGroup, KeptDecoGroup, KeptFiller,
    KeptPlayout, KeptSchedule, KeptTemplate, KeptTemplateGroup, MediaId, Origin, PlayoutSource,
    check_name,
};

use super::Control;
use super::error::ControlError;
use super::operations::Actor;
use super::programming::Replan;

pub use kinds::{PlanKind, Reference};

impl Control {
    /// All of a kind, oldest first.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn kept<T: PlanKind>(&self) -> Result<Vec<Kept<T>>, ControlError> {
        self.db().list_plans::<T>().await.map_err(ControlError::storage(T::WORD))
    }

    /// One of a kind.
    ///
    /// # Errors
    /// When it does not exist or storage fails.
    pub async fn kept_one<T: PlanKind>(&self, id: i64) -> Result<Kept<T>, ControlError> {
        let found = self.db().find_plan::<T>(id).await.map_err(ControlError::storage(T::WORD))?;
        found.ok_or_else(|| ControlError::NotFound { what: format!("{} {id}", T::WORD) })
    }

    /// Stores a new one.
    ///
    /// # Errors
    /// When a field cannot be taken, something it refers to does not exist, or storage fails.
    pub async fn keep<T: PlanKind>(&self, actor: &Actor, body: T) -> Result<Kept<T>, ControlError> {
        let body = self.checked(body).await?;
        let kept = self.db().insert_plan(body, self.now()).await;
        let kept = kept.map_err(ControlError::storage(T::WORD))?;
        self.after_change::<T>(actor, kept.id, "created").await?;
        Ok(kept)
    }

    /// Changes one, as `change` says.
    ///
    /// # Errors
    /// As [`Self::keep`], and when it does not exist or `change` refuses.
    pub async fn change_kept<T: PlanKind>(
        &self,
        actor: &Actor,
        id: i64,
        change: impl FnOnce(&mut T) -> Result<(), ControlError> + Send,
    ) -> Result<Kept<T>, ControlError> {
        let _turn = self.edit_turn().await;
        let mut kept = self.kept_one::<T>(id).await?;
        let before = kept.body.refers_to();
        change(&mut kept.body)?;
        *kept.body.name_mut() = check_name(kept.body.name_mut())?;
        // What was there before may be gone by now; that must not keep anybody from the rest.
        let mut new = kept.body.refers_to();
        new.retain(|(_, reference)| !before.iter().any(|(_, known)| known == reference));
        self.check_references(new).await?;
        kept.updated = self.now();
        let stored = self.db().update_plan(id, &kept.body, kept.updated).await;
        stored.map_err(ControlError::storage(T::WORD))?;
        self.after_change::<T>(actor, id, "edited").await?;
        Ok(kept)
    }

    /// Deletes one; what referred to it goes on without it.
    ///
    /// # Errors
    /// When it does not exist or storage fails.
    pub async fn drop_kept<T: PlanKind>(&self, actor: &Actor, id: i64) -> Result<(), ControlError> {
        self.kept_one::<T>(id).await?;
        self.db().delete_plan::<T>(id).await.map_err(ControlError::storage(T::WORD))?;
        self.after_change::<T>(actor, id, "deleted").await
    }

    /// Deletes a group of blocks with its blocks.
    ///
    /// # Errors
    /// When it does not exist or storage fails.
    pub async fn drop_block_group(&self, actor: &Actor, id: i64) -> Result<(), ControlError> {
        for block in self.kept::<KeptBlock>().await? {
            if block.body.group_id == Some(id) {
                let gone = self.db().delete_plan::<KeptBlock>(block.id).await;
                gone.map_err(ControlError::storage("the block"))?;
            }
        }
        self.drop_kept::<KeptBlockGroup>(actor, id).await
    }

    /// What holds on to a collection among what is kept, such as `schedule "Evenings"`.
    pub(super) async fn holder_of(&self, id: CollectionId) -> Result<Option<String>, ControlError> {
        let schedules = self.kept::<KeptSchedule>().await?;
        let plays = |kept: &&Kept<KeptSchedule>| {
            kept.body.rules.as_ref().is_some_and(|rules| rules.collections().contains(&id))
        };
        if let Some(kept) = schedules.iter().find(plays) {
            return Ok(Some(format!("schedule {:?}", kept.body.name)));
        }
        let holders = [
            self.holder::<KeptSchedule>(id).await?,
            self.holder::<KeptBlock>(id).await?,
            self.holder::<KeptTemplate>(id).await?,
            self.holder::<KeptFiller>(id).await?,
        ];
        Ok(holders.into_iter().flatten().next())
    }

    async fn holder<T: PlanKind>(&self, id: CollectionId) -> Result<Option<String>, ControlError> {
        let all = self.kept::<T>().await?;
        let is = |reference: &Reference| match reference {
            Reference::Taking(taking) => {
                taking.origin().is_ok_and(|origin| origin == Origin::Collection { id })
            }
            Reference::Filler(_)
            | Reference::Block(_)
            | Reference::BlockGroup(_)
            | Reference::TemplateGroup(_)
            | Reference::DecoGroup(_)
            | Reference::Media(_) => false,
        };
        let holds = |kept: &Kept<T>| kept.body.refers_to().iter().any(|(_, to)| is(to));
        let found = all.into_iter().find(holds);
        Ok(found.map(|mut kept| format!("{} {:?}", T::WORD, kept.body.name_mut())))
    }

    async fn after_change<T: PlanKind>(
        &self,
        actor: &Actor,
        id: i64,
        what: &str,
    ) -> Result<(), ControlError> {
        let word = T::WORD.replace(' ', "_");
        self.record_change(actor, json!({"what": format!("{word}_{what}"), "id": id})).await;
        self.refresh(Replan::Extend).await
    }

    async fn checked<T: PlanKind>(&self, mut body: T) -> Result<T, ControlError> {
        *body.name_mut() = check_name(body.name_mut())?;
        self.check_references(body.refers_to()).await?;
        Ok(body)
    }

    /// Checks that everything referred to is there.
    ///
    /// # Errors
    /// Every field that leads nowhere.
    pub(super) async fn check_references(
        &self,
        references: Vec<(String, Reference)>,
    ) -> Result<(), ControlError> {
        let mut wrong = Vec::new();
        if references.is_empty() {
            return Ok(());
        }
        let collections = self.collections().await?;
        let failed = || ControlError::storage("what it refers to");
        for (field, reference) in references {
            let lost = match &reference {
                Reference::Taking(taking) => match taking.origin() {
                    Err(error) => {
                        let field = format!("{field}.{}", error.field);
                        wrong.push(InvalidField::new(field, error.problem, error.fix));
                        None
                    }
                    Ok(Origin::Collection { id }) => {
                        let known = collections.iter().any(|collection| collection.id == id);
                        (!known).then(|| format!("collection {id}"))
                    }
                    Ok(Origin::Media { media }) => {
                        let found = self.db().media_by_ids(&media).await.map_err(failed())?;
                        let lost = media.iter().find(|id| found.iter().all(|m| m.id != **id));
                        lost.map(|id| format!("media {id}"))
                    }
                    Ok(
                        Origin::Named { .. }
                        | Origin::Show { .. }
                        | Origin::Artist { .. }
                        | Origin::Search { .. }
                        | Origin::Several { .. },
                    ) => None,
                },
                Reference::Filler(id) => self.lost::<KeptFiller>(*id).await?,
                Reference::Block(id) => self.lost::<KeptBlock>(*id).await?,
                Reference::BlockGroup(id) => self.lost::<KeptBlockGroup>(*id).await?,
                Reference::TemplateGroup(id) => self.lost::<KeptTemplateGroup>(*id).await?,
                Reference::DecoGroup(id) => self.lost::<KeptDecoGroup>(*id).await?,
                Reference::Media(id) => {
                    let found = self.db().media_by_ids(&[MediaId(*id)]).await.map_err(failed())?;
                    found.is_empty().then(|| format!("media {id}"))
                }
            };
            if let Some(lost) = lost {
                let problem = format!("{lost} does not exist");
                wrong.push(InvalidField::new(field, problem, "list what exists and use its id"));
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(ControlError::Invalid(wrong)) }
    }

    async fn lost<T: PlanKind>(&self, id: i64) -> Result<Option<String>, ControlError> {
        let found = self.db().find_plan::<T>(id).await.map_err(ControlError::storage(T::WORD))?;
        Ok(found.is_none().then(|| format!("{} {id}", T::WORD)))
    }

    /// All playouts, of one channel or of all.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn playouts(
        &self,
        channel: Option<crate::domain::ChannelId>,
    ) -> Result<Vec<Kept<KeptPlayout>>, ControlError> {
        let all = self.db().list_plans::<KeptPlayout>().await;
        let mut all = all.map_err(ControlError::storage("the playouts"))?;
        all.retain(|kept| channel.is_none_or(|channel| kept.body.channel == channel));
        Ok(all)
    }

    /// One playout.
    ///
    /// # Errors
    /// When it does not exist or storage fails.
    pub async fn playout(&self, id: i64) -> Result<Kept<KeptPlayout>, ControlError> {
        let found = self.db().find_plan(id).await.map_err(ControlError::storage("the playout"))?;
        found.ok_or_else(|| ControlError::NotFound { what: format!("playout {id}") })
    }

    /// Stores a playout, new without an `id`; when it is active, every other one of its channel is
    /// not any more.
    ///
    /// # Errors
    /// When the channel or what it plays does not exist, or storage fails.
    pub async fn put_playout(
        &self,
        actor: &Actor,
        id: Option<i64>,
        body: KeptPlayout,
    ) -> Result<Kept<KeptPlayout>, ControlError> {
        self.channel(body.channel).await?;
        // One that names what is gone can still be switched off.
        match Some(&body.source).filter(|_| body.is_active).unwrap_or(&PlayoutSource::None) {
            PlayoutSource::Schedule { schedule } => {
                self.kept_one::<KeptSchedule>(*schedule).await?;
            }
            PlayoutSource::Templates { templates } => {
                for used in templates {
                    self.kept_one::<KeptTemplate>(used.template).await?;
                }
            }
            PlayoutSource::None | PlayoutSource::Script { .. } => {}
        }
        let channel = body.channel;
        let kept = self.db().activate_playout(id, body, self.now()).await;
        let kept = kept.map_err(ControlError::storage("the playout"))?;
        let what = if id.is_none() { "playout_created" } else { "playout_edited" };
        self.record_change(actor, json!({"what": what, "id": kept.id, "channel": channel})).await;
        self.refresh(Replan::Extend).await?;
        Ok(kept)
    }

    /// Deletes a playout; its channel plays its own rules again.
    ///
    /// # Errors
    /// When it does not exist or storage fails.
    pub async fn drop_playout(&self, actor: &Actor, id: i64) -> Result<(), ControlError> {
        self.playout(id).await?;
        let gone = self.db().delete_plan::<KeptPlayout>(id).await;
        gone.map_err(ControlError::storage("the playout"))?;
        self.record_change(actor, json!({"what": "playout_deleted", "id": id})).await;
        self.refresh(Replan::Extend).await
    }
}
