//! Use cases on profiles: the built-in ones are read only, the others are stored.
//!
//! A profile that changes is handed to the stream with the next refresh, which comes at once; what
//! that means to viewers is [`crate::stream::Steering::publish`]'s to say.

use serde_json::json;

use crate::domain::{
    Channel, ChannelNumber, InvalidField, ListedProfile, Media, Profile, ProfileId,
};
use crate::storage::StorageError;
use crate::stream::ffmpeg::{Copying, copying};

use super::Control;
use super::audit::actor_code;
use super::error::ControlError;
use super::operations::Actor;
use super::programming::Replan;

/// What becomes of a media item on one profile.
#[derive(Debug, Clone, PartialEq)]
pub struct Treated {
    /// Name of the profile.
    pub profile: String,
    /// What is copied and what is encoded, and why; `None` when the item was never probed.
    pub copying: Option<Copying>,
}

impl Control {
    /// All profiles: the built-in ones, then the stored ones.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn profiles(&self) -> Result<Vec<ListedProfile>, ControlError> {
        let stored = self.db().list_profiles().await;
        let stored = stored.map_err(ControlError::storage("the profile list"))?;
        Ok(ListedProfile::all(stored))
    }

    /// One profile.
    ///
    /// # Errors
    /// When it does not exist or storage fails.
    pub async fn profile(&self, id: ProfileId) -> Result<ListedProfile, ControlError> {
        let found = self.profiles().await?.into_iter().find(|profile| profile.id == id);
        found.ok_or_else(|| ControlError::NotFound { what: format!("profile {id}") })
    }

    /// Name of the profile that was chosen for channels that name none, by a person or by the
    /// configuration; `None` takes the one that fits the library.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn chosen_profile(&self) -> Result<Option<String>, ControlError> {
        let chosen = self.db().default_profile().await;
        let chosen = chosen.map_err(ControlError::storage("the default profile"))?;
        Ok(chosen.or_else(|| self.configured_profile()))
    }

    /// Stores a new profile.
    ///
    /// # Errors
    /// When it cannot be taken, its name is in use, or storage fails.
    pub async fn create_profile(
        &self,
        actor: &Actor,
        profile: Profile,
    ) -> Result<ListedProfile, ControlError> {
        let profile = checked(profile)?;
        let stored = self.db().insert_profile(&profile).await;
        let id = stored.map_err(ControlError::storage("the new profile"))?;
        let body = json!({"what": "profile_created", "profile": id, "name": profile.name});
        self.record_change(actor, body).await;
        tracing::info!(
            profile.id = %id, actor = actor_code(actor), "profile {} was created", profile.name
        );
        Ok(ListedProfile { id, builtin: false, profile })
    }

    /// Stores what a profile is from now on; channels that use it go over to it.
    ///
    /// # Errors
    /// When it does not exist, is built in, cannot be taken, its name is in use, or storage fails.
    pub async fn edit_profile(
        &self,
        actor: &Actor,
        id: ProfileId,
        profile: Profile,
    ) -> Result<ListedProfile, ControlError> {
        let before = self.profile(id).await?;
        refuse_builtin(&before, "changed", "clone it and change the copy")?;
        let profile = checked(profile)?;
        if profile == before.profile {
            return Ok(before);
        }
        let stored = self.db().update_profile(id, &profile).await;
        stored.map_err(ControlError::storage("the profile"))?;
        self.record_change(actor, json!({"what": "profile_edited", "profile": id})).await;
        tracing::info!(
            profile.id = %id, actor = actor_code(actor), "profile {} was edited", profile.name
        );
        self.refresh(Replan::Extend).await?;
        Ok(ListedProfile { id, builtin: false, profile })
    }

    /// Deletes a profile that no channel uses.
    ///
    /// # Errors
    /// When it does not exist, is built in or in use, or storage fails.
    pub async fn delete_profile(&self, actor: &Actor, id: ProfileId) -> Result<(), ControlError> {
        let listed = self.profile(id).await?;
        refuse_builtin(&listed, "deleted", "leave it; nothing is kept for it while it is unused")?;
        let users = self.channels_on(&listed.profile.name).await?;
        if !users.is_empty() {
            return Err(in_use(&listed.profile.name, &users));
        }
        match self.db().delete_profile(id).await {
            Ok(()) => {}
            // It was there a moment ago, so a channel has taken it since.
            Err(StorageError::NotFound) => return Err(in_use(&listed.profile.name, &[])),
            Err(error) => return Err(ControlError::storage("the profile")(error)),
        }
        self.record_change(actor, json!({"what": "profile_deleted", "profile": id})).await;
        tracing::info!(
            profile.id = %id, actor = actor_code(actor),
            "profile {} was deleted", listed.profile.name
        );
        Ok(())
    }

    /// Makes a profile the one of channels that name none; those that exist keep theirs.
    ///
    /// # Errors
    /// When it does not exist or storage fails.
    pub async fn set_default_profile(
        &self,
        actor: &Actor,
        id: ProfileId,
    ) -> Result<ListedProfile, ControlError> {
        let listed = self.profile(id).await?;
        let stored = self.db().set_default_profile(&listed.profile.name).await;
        stored.map_err(ControlError::storage("the default profile"))?;
        self.record_change(actor, json!({"what": "profile_made_default", "profile": id})).await;
        Ok(listed)
    }

    /// What becomes of a media item on the profile `name`, or on every profile that a channel uses.
    ///
    /// # Errors
    /// When there is no such profile or storage fails.
    pub async fn treatments(
        &self,
        media: &Media,
        name: Option<&str>,
    ) -> Result<Vec<Treated>, ControlError> {
        if let Some(name) = name {
            self.check_profile(name).await?;
        }
        let used: Vec<String> = self.channels().await?.into_iter().map(|c| c.profile).collect();
        let wanted = |profile: &Profile| match name {
            Some(name) => profile.name == name,
            None => used.contains(&profile.name),
        };
        let profiles = self.profiles().await?.into_iter().map(|listed| listed.profile);
        let treated = |profile: Profile| Treated {
            copying: media.probe.as_ref().map(|probe| copying(probe, &profile)),
            profile: profile.name,
        };
        Ok(profiles.filter(wanted).map(treated).collect())
    }

    /// Checks that a profile exists.
    pub(super) async fn check_profile(&self, name: &str) -> Result<(), ControlError> {
        let profiles = self.profiles().await?;
        if profiles.iter().any(|listed| listed.profile.name == name) {
            return Ok(());
        }
        let known: Vec<&str> = profiles.iter().map(|listed| listed.profile.name.as_str()).collect();
        let problem = format!("{name:?} is not a profile");
        Err(InvalidField::new("profile", problem, format!("use one of {}", known.join(", ")))
            .into())
    }

    async fn channels_on(&self, profile: &str) -> Result<Vec<Channel>, ControlError> {
        let mut channels = self.channels().await?;
        channels.retain(|channel| channel.profile == profile);
        Ok(channels)
    }
}

fn checked(profile: Profile) -> Result<Profile, ControlError> {
    let profile = Profile { name: profile.name.trim().to_owned(), ..profile };
    let wrong = profile.mistakes();
    if !wrong.is_empty() {
        return Err(ControlError::Invalid(wrong));
    }
    let builtin = |known: &Profile| known.name.eq_ignore_ascii_case(&profile.name);
    if Profile::all().iter().any(builtin) {
        return Err(ControlError::Conflict {
            field: "name".to_owned(),
            what: format!("name {:?} is that of a built-in profile", profile.name),
            fix: "choose another name".to_owned(),
        });
    }
    Ok(profile)
}

fn refuse_builtin(listed: &ListedProfile, verb: &str, fix: &str) -> Result<(), ControlError> {
    if !listed.builtin {
        return Ok(());
    }
    Err(ControlError::Conflict {
        field: "profile".to_owned(),
        what: format!("profile {} is built in and cannot be {verb}", listed.profile.name),
        fix: fix.to_owned(),
    })
}

fn in_use(name: &str, channels: &[Channel]) -> ControlError {
    let numbers: Vec<ChannelNumber> = channels.iter().map(|c| c.number.clone()).collect();
    let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    let who = match numbers.as_slice() {
        [] => "a channel".to_owned(),
        [one] => format!("channel {one}"),
        many => format!("{} channels ({})", many.len(), many.join(", ")),
    };
    ControlError::Conflict {
        field: "profile".to_owned(),
        what: format!("profile {name} is in use by {who}"),
        fix: "give these channels another profile first".to_owned(),
    }
}
