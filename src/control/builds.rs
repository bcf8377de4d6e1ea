//! Scripted builds: a playout that is written step by step through the API, then committed.
//!
//! Every step becomes a directive of a script. Committing puts the script on the playout; until
//! then nothing on air changes, and a build that nobody ends is over after an hour.

use serde_json::{Value, json};

use crate::domain::{
    Billing, ChannelId, CollectionId, Directive, InvalidField, Kept, KeptBuild, KeptFiller,
    LocalTime, MediaKind, Order, Origin, PlayoutSource, Script, ScriptContent, ScriptSequence,
    SkipBy, Slot, Stuffing, Taking, UtcMillis, check_name,
};

use super::Control;
use super::error::ControlError;
use super::operations::Actor;
use super::plans::Reference;
use super::playouts::Draft;

/// How long a build may take.
const LASTS_MS: i64 = 3_600_000;

/// Most steps of one build.
const MOST_STEPS: usize = 2_000;

/// Title by which a peek finds its own slot.
const PEEK: &str = "\u{1}peek";

/// A step of a build.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Plays something: all of it, so many items, or for so long.
    Add {
        /// What.
        origin: Origin,
        /// In which order.
        order: Order,
        /// How many items.
        count: Option<u32>,
        /// How many minutes.
        minutes: Option<u32>,
    },
    /// Fills up to the next multiple of minutes.
    PadToNext {
        /// 1–1440.
        minutes: u32,
        /// With what preset.
        filler: Option<i64>,
    },
    /// Fills up to a time of day.
    PadUntil {
        /// Which.
        time: LocalTime,
        /// With what preset.
        filler: Option<i64>,
        /// Whether the last item is cut to end there.
        exact: bool,
    },
    /// Shows nothing until a time of day.
    WaitUntil {
        /// Which.
        time: LocalTime,
    },
    /// Passes over items.
    Skip {
        /// How many.
        count: u32,
        /// Of which collection; of the last one when left out.
        collection: Option<CollectionId>,
    },
    /// Goes to an item.
    SkipTo {
        /// Its place in the order, from 0.
        index: usize,
        /// Of which collection.
        collection: CollectionId,
    },
    /// Shows what follows as one programme, or ends that.
    Group {
        /// Its title.
        title: Option<String>,
    },
    /// Whether the channel's pre-roll filler is shown.
    PreRoll {
        /// Whether.
        on: bool,
    },
}

impl Control {
    /// Begins a build, or goes on with the one that is being written.
    ///
    /// # Errors
    /// When the playout does not exist or storage fails.
    pub async fn start_build(
        &self,
        actor: &Actor,
        playout: i64,
    ) -> Result<Kept<KeptBuild>, ControlError> {
        let body = self.playout(playout).await?.body;
        let now = self.now();
        let open = self.builds(playout).await?;
        let is_open =
            |kept: &&Kept<KeptBuild>| kept.body.status == "building" && kept.body.expires > now;
        if let Some(open) = open.iter().find(is_open) {
            return Ok(open.clone());
        }
        let main = ScriptSequence { key: "main".to_owned(), items: vec![] };
        let script = Script {
            name: format!("Scripted build of playout {playout}"),
            description: String::new(),
            seed: body.seed,
            zone: None,
            contents: vec![],
            sequences: vec![main],
            main: vec![0],
            repeat: true,
        };
        let build = KeptBuild {
            playout,
            token: token(),
            status: "building".to_owned(),
            expires: now.plus_ms(LASTS_MS),
            script,
            log: vec![],
            pre_roll: true,
            group: None,
        };
        let kept = self.db().insert_plan(build, now).await;
        let kept = kept.map_err(ControlError::storage("the build"))?;
        let body = json!({"what": "build_started", "playout": playout});
        self.record_change(actor, body).await;
        Ok(kept)
    }

    /// The builds of a playout, newest first.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn builds(&self, playout: i64) -> Result<Vec<Kept<KeptBuild>>, ControlError> {
        self.playout(playout).await?;
        let all = self.db().plans_of::<KeptBuild>(playout, 1000).await;
        all.map_err(ControlError::storage("the builds"))
    }

    /// A build by what clients call it.
    ///
    /// # Errors
    /// When it does not exist or storage fails.
    pub async fn build(&self, token: &str) -> Result<Kept<KeptBuild>, ControlError> {
        let all = self.db().list_plans::<KeptBuild>().await;
        let all = all.map_err(ControlError::storage("the builds"))?;
        let found = all.into_iter().find(|kept| kept.body.token == token);
        found.ok_or_else(|| ControlError::NotFound { what: format!("build session {token}") })
    }

    async fn open_build(&self, token: &str) -> Result<Kept<KeptBuild>, ControlError> {
        let kept = self.build(token).await?;
        let over = |what: String| ControlError::Conflict {
            field: "build_id".to_owned(),
            what,
            fix: "start another build".to_owned(),
        };
        if kept.body.status != "building" {
            return Err(over(format!("the build session is {}", kept.body.status)));
        }
        if kept.body.expires <= self.now() {
            return Err(over("the build session has expired".to_owned()));
        }
        Ok(kept)
    }

    /// Adds a step to a build; `told` is what clients see of it later.
    ///
    /// # Errors
    /// When the build is over, something it names does not exist, or storage fails.
    pub async fn build_step(
        &self,
        token: &str,
        step: Step,
        told: Value,
    ) -> Result<Kept<KeptBuild>, ControlError> {
        let _turn = self.edit_turn().await;
        let mut kept = self.open_build(token).await?;
        if kept.body.script.sequences[0].items.len() >= MOST_STEPS {
            let problem = format!("the build has {MOST_STEPS} steps already");
            return Err(InvalidField::new("build_id", problem, "commit it").into());
        }
        // A switch says how what follows is shown; it is no content of its own.
        let is_switch = matches!(step, Step::Group { .. } | Step::PreRoll { .. });
        if let Some(directive) = self.directive(&mut kept.body, step).await? {
            kept.body.script.sequences[0].items.push(directive);
        }
        if !is_switch {
            kept.body.log.push(told);
        }
        kept.updated = self.now();
        let stored = self.db().update_plan(kept.id, &kept.body, kept.updated).await;
        stored.map_err(ControlError::storage("the build"))?;
        Ok(kept)
    }

    /// What a step does, with the contents that it needs put into the script.
    async fn directive(
        &self,
        build: &mut KeptBuild,
        step: Step,
    ) -> Result<Option<Directive>, ControlError> {
        let billing = Billing::default();
        Ok(Some(match step {
            Step::Add { origin, order, count, minutes } => {
                self.check_origin(&origin).await?;
                let content = content(&mut build.script, origin, order);
                match (count, minutes) {
                    (_, Some(minutes)) => Directive::Duration {
                        ms: i64::from(minutes) * 60_000,
                        with: Stuffing { content: Some(content), ..Stuffing::default() },
                    },
                    (Some(count), None) => Directive::Count { content, count, billing },
                    (None, None) => Directive::All { content, billing },
                }
            }
            Step::PadToNext { minutes, filler } => {
                let with = self.stuffing(build, filler, false).await?;
                Directive::PadToNext { minutes, with }
            }
            Step::PadUntil { time, filler, exact } => {
                let at = time.seconds();
                let with = self.stuffing(build, filler, exact).await?;
                Directive::PadUntil { at, tomorrow: true, with }
            }
            Step::WaitUntil { time } => Directive::WaitUntil { at: time.seconds(), tomorrow: true },
            Step::Skip { count, collection } => {
                let content = match collection {
                    Some(id) => {
                        let origin = Origin::Collection { id };
                        self.check_origin(&origin).await?;
                        let known = build.script.contents.iter().rposition(|c| c.source == origin);
                        known
                            .unwrap_or_else(|| content(&mut build.script, origin, Order::default()))
                    }
                    None => build.script.contents.len().checked_sub(1).ok_or_else(|| {
                        InvalidField::new("collection_id", "nothing was added yet", "send it")
                    })?,
                };
                Directive::Skip { content, by: SkipBy::Items { count } }
            }
            Step::SkipTo { index, collection } => {
                let origin = Origin::Collection { id: collection };
                self.check_origin(&origin).await?;
                let size = self.collection_sizes().get(&collection).copied().unwrap_or_default();
                if index >= size {
                    let problem = format!("the collection has {size} items");
                    let fix = "write a number from 0 below that";
                    return Err(InvalidField::new("item_index", problem, fix).into());
                }
                let known = build.script.contents.iter().rposition(|c| c.source == origin);
                let content =
                    known.unwrap_or_else(|| content(&mut build.script, origin, Order::default()));
                let count = u32::try_from(index).unwrap_or(u32::MAX);
                Directive::Skip { content, by: SkipBy::Items { count } }
            }
            Step::Group { title } => {
                let title = title.map(|title| check_name(&title)).transpose()?;
                build.group.clone_from(&title);
                Directive::Group { title }
            }
            Step::PreRoll { on } => {
                build.pre_roll = on;
                Directive::OwnPreRoll { on }
            }
        }))
    }

    async fn check_origin(&self, origin: &Origin) -> Result<(), ControlError> {
        let taking = match origin {
            Origin::Collection { id } => vec![Taking::collection(*id)],
            Origin::Several { ids } => ids.iter().copied().map(Taking::collection).collect(),
            Origin::Media { media } => media
                .iter()
                .map(|id| Taking {
                    collection_type: "media_item".to_owned(),
                    media_item_id: Some(id.0),
                    ..Taking::default()
                })
                .collect(),
            Origin::Named { .. }
            | Origin::Show { .. }
            | Origin::Artist { .. }
            | Origin::Search { .. } => vec![],
        };
        let field = match origin {
            Origin::Media { .. } => "media_item_ids",
            _ => "collection_id",
        };
        let references = taking.into_iter().map(|t| (field.to_owned(), Reference::Taking(t)));
        self.check_references(references.collect()).await
    }

    /// What a stretch is filled with: what a filler preset chooses from, else what was added last.
    async fn stuffing(
        &self,
        build: &mut KeptBuild,
        filler: Option<i64>,
        trim: bool,
    ) -> Result<Stuffing, ControlError> {
        let index = match filler {
            Some(id) => {
                let kept = self.kept_one::<KeptFiller>(id).await?;
                let line = kept.body.items.first().ok_or_else(|| {
                    let fix = "add something to the preset first";
                    InvalidField::new("filler_preset_id", "the preset is empty", fix)
                })?;
                content(&mut build.script, line.taking.origin()?, Order::Shuffle)
            }
            None => build.script.contents.len().checked_sub(1).ok_or_else(|| {
                let fix = "send it, or add a collection first";
                InvalidField::new("filler_preset_id", "there is nothing to fill with", fix)
            })?,
        };
        Ok(Stuffing {
            content: Some(index),
            fallback: None,
            discard_attempts: 10,
            trim,
            billing: Billing { title: None, filler: filler.is_some() },
        })
    }

    /// The next item that a build would play of something, after all that it has so far.
    ///
    /// # Errors
    /// When the build is over, nothing of it is playable, or storage fails.
    pub async fn peek(&self, token: &str, origin: Origin) -> Result<Option<Slot>, ControlError> {
        let kept = self.open_build(token).await?;
        self.check_origin(&origin).await?;
        let mut script = kept.body.script;
        let order = script.contents.iter().rev().find(|c| c.source == origin).map(|c| c.order);
        let content = content(&mut script, origin, order.unwrap_or_default());
        let billing = Billing { title: Some(PEEK.to_owned()), filler: false };
        script.sequences[0].items.push(Directive::Count { content, count: 1, billing });
        script.repeat = false;
        let now = self.now();
        let fortnight = now.plus_ms(14 * 86_400_000);
        let preview = self.preview(&Draft::Script(Box::new(script)), now, fortnight).await?;
        let found = preview.slots.into_iter();
        Ok(found.into_iter().find(|slot| slot.custom_title.as_deref() == Some(PEEK)))
    }

    /// Ends a build: `committed` puts it on its playout, else it is thrown away. Without a token the
    /// newest open one is meant. Says how many slots are planned of it.
    ///
    /// # Errors
    /// When there is no open build, it is empty, or storage fails.
    pub async fn end_build(
        &self,
        actor: &Actor,
        playout: i64,
        token: Option<&str>,
        commit: bool,
    ) -> Result<(Kept<KeptBuild>, usize), ControlError> {
        let token = match token {
            Some(token) => token.to_owned(),
            None => {
                let open = self.builds(playout).await?;
                let open = open.into_iter().find(|kept| kept.body.status == "building");
                let missing = || ControlError::NotFound { what: "an active build session".into() };
                open.ok_or_else(missing)?.body.token
            }
        };
        let mut kept = self.open_build(&token).await?;
        if kept.body.playout != playout {
            return Err(ControlError::NotFound { what: format!("build session {token}") });
        }
        let mut planned = 0;
        if commit {
            if kept.body.script.sequences[0].items.is_empty() {
                let fix = "add something, or cancel it";
                return Err(InvalidField::new("session_id", "the build is empty", fix).into());
            }
            let mut body = self.playout(playout).await?.body;
            body.source = PlayoutSource::Script { script: Box::new(kept.body.script.clone()) };
            body.is_active = true;
            let channel: ChannelId = body.channel;
            self.put_playout(actor, Some(playout), body).await?;
            planned = self.slots_from(channel, self.now()).len();
        }
        kept.body.status = if commit { "committed" } else { "cancelled" }.to_owned();
        kept.updated = self.now();
        let stored = self.db().update_plan(kept.id, &kept.body, kept.updated).await;
        stored.map_err(ControlError::storage("the build"))?;
        Ok((kept, planned))
    }
}

/// The place of a choice in a script; one that is there already in that order goes on.
fn content(script: &mut Script, source: Origin, order: Order) -> usize {
    let same = |content: &ScriptContent| content.source == source && content.order == order;
    if let Some(known) = script.contents.iter().rposition(same) {
        return known;
    }
    let key = format!("{}", script.contents.len());
    script.contents.push(ScriptContent { key, source, order });
    script.contents.len() - 1
}

/// A name that nobody guesses, in the form of a version 4 UUID.
fn token() -> String {
    let bits = rand::random::<u128>();
    let bits = (bits & !(0xF << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// A kind of media by its word.
///
/// # Errors
/// Names the words there are.
pub fn media_kind(word: &str) -> Result<MediaKind, InvalidField> {
    let known = serde_json::from_value(Value::String(word.to_owned()));
    known.map_err(|_| {
        let fix = "use movie, episode, music_video or other";
        InvalidField::new("media_type", format!("{word:?} is no kind of media"), fix)
    })
}

/// Whether a build can still be written to at `now`.
pub fn is_open(build: &KeptBuild, now: UtcMillis) -> bool {
    build.status == "building" && build.expires > now
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_a_version_4_uuid() {
        let token = token();
        assert_eq!((token.len(), &token[14..15]), (36, "4"), "{token}");
        assert!("89ab".contains(&token[19..20]), "{token}");
        assert_ne!(token, super::token());
    }
}
