//! Use cases on channels: check, store, plan, publish, in this order.

use serde_json::json;

use crate::domain::{Channel, ChannelEdit, ChannelId, InvalidField, NewChannel, RecordKind, Rules};

use crate::storage::audit::Draft;

use super::Control;
use super::audit::actor_code;
use super::error::ControlError;
use super::operations::Actor;
use super::programming::Replan;

impl Control {
    /// All channels by number, disabled ones included.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn channels(&self) -> Result<Vec<Channel>, ControlError> {
        let mut channels =
            self.db().list_channels().await.map_err(ControlError::storage("the channel list"))?;
        channels.sort_by(|a, b| a.number.cmp(&b.number));
        Ok(channels)
    }

    /// One channel.
    ///
    /// # Errors
    /// When it does not exist or storage fails.
    pub async fn channel(&self, id: ChannelId) -> Result<Channel, ControlError> {
        let found = self.db().find_channel(id).await.map_err(ControlError::storage("channel"))?;
        found.ok_or_else(|| ControlError::NotFound { what: format!("channel {id}") })
    }

    /// Creates a channel, plans it and puts it on air.
    ///
    /// # Errors
    /// When a field cannot be taken, the number is in use, or storage fails.
    pub async fn create_channel(
        &self,
        actor: &Actor,
        new: NewChannel,
    ) -> Result<Channel, ControlError> {
        let new = new.checked()?;
        let profile = match &new.profile {
            Some(name) => name.clone(),
            None => self.default_profile().await?,
        };
        self.check_profile(&profile).await?;
        self.check_rules(&new.rules).await?;
        let channel = self
            .db()
            .insert_channel(new, &profile)
            .await
            .map_err(ControlError::storage("the new channel"))?;
        let body =
            json!({"what": "channel_created", "channel": channel.id, "number": channel.number});
        self.record_change(actor, body).await;
        tracing::info!(
            channel.id = %channel.id, actor = actor_code(actor),
            "channel {} {} was created", channel.number, channel.name
        );
        self.refresh(Replan::Extend).await?;
        Ok(channel)
    }

    /// Changes a channel; new rules apply from the end of the programme on air.
    ///
    /// # Errors
    /// When it does not exist, a field cannot be taken, the number is in use, or storage fails.
    pub async fn edit_channel(
        &self,
        actor: &Actor,
        id: ChannelId,
        edit: ChannelEdit,
    ) -> Result<Channel, ControlError> {
        let before = self.channel(id).await?;
        let mut channel = before.clone();
        if let Some(number) = edit.number {
            channel.number = number;
        }
        if let Some(name) = edit.name {
            channel.name = crate::domain::check_name(&name)?;
        }
        if let Some(group) = edit.group {
            channel.group = Some(group.trim().to_owned()).filter(|g| !g.is_empty());
        }
        if let Some(logo) = edit.logo {
            channel.logo = Some(logo.trim().to_owned()).filter(|l| !l.is_empty());
        }
        if let Some(enabled) = edit.enabled {
            channel.enabled = enabled;
        }
        if let Some(profile) = edit.profile {
            self.check_profile(&profile).await?;
            channel.profile = profile;
        }
        if let Some(rules) = edit.rules {
            self.check_rules(&rules).await?;
            channel.rules = rules;
        }
        if channel == before {
            return Ok(channel);
        }
        self.db().update_channel(&channel).await.map_err(ControlError::storage("the channel"))?;
        self.record_change(actor, json!({"what": "channel_edited", "channel": id})).await;
        tracing::info!(channel.id = %id, actor = actor_code(actor), "channel {id} was edited");
        let replan =
            if channel.rules == before.rules { Replan::Extend } else { Replan::FromNext(vec![id]) };
        self.refresh(replan).await?;
        Ok(channel)
    }

    /// Deletes a channel and takes it off the air. Its id is never used again.
    ///
    /// # Errors
    /// When it does not exist or storage fails.
    pub async fn delete_channel(&self, actor: &Actor, id: ChannelId) -> Result<(), ControlError> {
        self.channel(id).await?;
        self.db().delete_channel(id).await.map_err(ControlError::storage("the channel"))?;
        self.record_change(actor, json!({"what": "channel_deleted", "channel": id})).await;
        tracing::info!(channel.id = %id, actor = actor_code(actor), "channel {id} was deleted");
        self.refresh(Replan::Extend).await
    }

    /// Checks that every collection that rules name exists and that counts are at least 1.
    async fn check_rules(&self, rules: &Rules) -> Result<(), ControlError> {
        if rules.items.is_empty() {
            return Ok(());
        }
        let known = self.collections().await?;
        let mut wrong = Vec::new();
        for (at, item) in rules.items.iter().enumerate() {
            if !known.iter().any(|c| c.id == item.collection) {
                wrong.push(InvalidField::new(
                    format!("rules.items.{at}.collection"),
                    format!("collection {} does not exist", item.collection),
                    "use an id listed by /api/collections",
                ));
            }
            if item.mode == (crate::domain::Mode::Multiple { count: 0 }) {
                wrong.push(InvalidField::new(
                    format!("rules.items.{at}.mode.count"),
                    "0 is too small",
                    "write 1 or more",
                ));
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(ControlError::Invalid(wrong)) }
    }

    /// Writes a person's change to the audit log. A change that is stored already is not undone
    /// when this fails; the failure is logged and shows in the audit log's health.
    pub(super) async fn record_change(&self, actor: &Actor, body: serde_json::Value) {
        let draft = Draft {
            at: self.now(),
            kind: RecordKind::Change,
            actor: actor_code(actor),
            incident: None,
            body,
        };
        if let Err(error) = self.operator().audit().append(draft).await {
            tracing::error!(error = %error, "a change could not be written to the audit log");
        }
    }
}
