//! Keeps every channel planned ahead, and stream, lineup and guide in step with the plan.
//!
//! One refresh at a time: read what is stored, decide with [`super::upkeep`], plan with
//! `schedule`, store, then publish. Readers see the old state or the new one, never a mix.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::mpsc;

use crate::domain::{
    Channel, ChannelForm, ChannelId, ChannelNumber, Collection, CollectionId, Fact, LineupChannel,
    ListedProfile, Mark, Media, MediaId, Profile, Rules, SlateKind, Slot, SlotKind, StoredSlate,
    Timeline, UtcMillis, WatermarkId, Zone,
};
use crate::formats::schedule_yaml::Fault;
use crate::foundation::clock::SharedClock;
use crate::schedule::{self, Catalogue, Cursor};
use crate::storage::{Db, StorageError};
use crate::stream::{OnAir, OwnSlates, Steering};

use super::effective::{self, RulesFrom};
use super::error::ControlError;
use super::guide::{self, Guides, Shown};
use super::logos::Logos;
use super::mirror;
use super::on_demand::{self, OwnClocks};
use super::operate::Timelines;
use super::slates;
use super::upkeep::{self, Reason, Upkeep};
use super::watermarks;

/// How long slots of the past are kept: more than the guide shows.
pub(crate) const KEPT_MS: i64 = 50 * 3_600_000;

/// How long before air time a programme must have media to play.
const FORESIGHT_MS: i64 = 2 * 3_600_000;

/// What a refresh has to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Replan {
    /// Plan further where time has moved on.
    Extend,
    /// The rules of these channels changed.
    FromNext(Vec<ChannelId>),
    /// What is planned for these channels belongs to their rules already: plan it on.
    Adopt(Vec<ChannelId>),
    /// Media came or changed: plan every channel whose collections hold other media than before.
    MediaChanged,
}

/// How far and for what is planned.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Days planned ahead, 1–14.
    pub(crate) build_days: u32,
    /// How the guide is made.
    pub(crate) guide: guide::Settings,
    /// Where the pictures of watermarks lie as files.
    pub(crate) watermarks: PathBuf,
    /// Where the operator's own slates lie as files.
    pub(crate) slates: PathBuf,
    /// The logos that slates show.
    pub(crate) logos: Logos,
    /// Where schedule files lie.
    pub(crate) schedules: PathBuf,
    /// Zone of schedules that name none.
    pub(crate) zone: Zone,
}

/// A channel as planned.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    /// The channel.
    pub(crate) channel: Arc<Channel>,
    /// What it plays when.
    pub(crate) timeline: Timeline,
    /// The same in the channel's own time, where its clock is another than everybody's.
    pub(crate) own: Timeline,
    /// All media the timeline names.
    pub(crate) media: Arc<HashMap<MediaId, Arc<Media>>>,
    /// Where its rules come from, and what is wrong with them.
    pub(crate) origin: Arc<PlannedFrom>,
}

/// Where a channel's rules come from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PlannedFrom {
    pub(crate) from: RulesFrom,
    /// What of them could not be written out.
    pub(crate) notes: Vec<String>,
    /// What is wrong with its schedule file.
    pub(crate) faults: Vec<Fault>,
    pub(crate) form: ChannelForm,
    /// Media that its rules reach.
    pub(crate) playable: usize,
    /// Whether they name any collection.
    pub(crate) names_any: bool,
}

#[cfg(test)]
impl PlannedFrom {
    /// From the channel's own rules, with nothing wrong.
    pub(crate) fn own(channel: ChannelId) -> Self {
        Self {
            from: RulesFrom::Own,
            notes: vec![],
            faults: vec![],
            form: ChannelForm::plain(channel),
            playable: 0,
            names_any: true,
        }
    }
}

/// What everybody reads: all enabled channels, planned, at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Board {
    /// By id.
    pub(crate) channels: BTreeMap<ChannelId, Planned>,
    /// By number, for tuning.
    pub(crate) by_number: HashMap<ChannelNumber, ChannelId>,
    /// Every profile there is, by name.
    pub(crate) profiles: Arc<HashMap<String, Profile>>,
    /// Which channel has which watermark, switched-off ones included.
    pub(crate) watermarks: Arc<HashMap<ChannelId, WatermarkId>>,
    /// The watermarks of channels as they are drawn.
    pub(crate) marks: Arc<HashMap<ChannelId, Mark>>,
    /// What the operator put in the place of slates.
    pub(crate) slates: Arc<Vec<StoredSlate>>,
    /// What was shown before the oldest slot, of media that could be told to be new.
    pub(crate) shown: Arc<Shown>,
    /// In order of number, for clients.
    pub(crate) lineup: Arc<Vec<LineupChannel>>,
    /// Why the last refresh failed, if it did: then nothing here may be handed out as complete.
    pub(crate) failure: Option<String>,
    /// Whether a refresh ever succeeded.
    pub(crate) loaded: bool,
}

/// The state behind the guide, the lineup and the stream.
#[derive(Debug)]
pub(crate) struct Programming {
    pub(super) db: Db,
    steering: Arc<Steering>,
    pub(super) clock: SharedClock,
    pub(super) settings: Settings,
    facts: mpsc::Sender<Fact>,
    board: ArcSwap<Board>,
    held: ArcSwap<HashMap<CollectionId, Arc<Vec<MediaId>>>>,
    guides: Arc<Guides>,
    pub(super) turn: tokio::sync::Mutex<Published>,
    /// The clocks of channels that have one of their own.
    pub(super) clocks: OwnClocks,
    /// Channels that are planned further ahead than usual, and how far.
    further: std::sync::Mutex<HashMap<ChannelId, UtcMillis>>,
}

/// What was handed to the stream last, so that a channel that is gone is withdrawn.
#[derive(Debug, Default)]
pub(super) struct Published {
    channels: HashMap<ChannelId, bool>,
    collections: HashMap<CollectionId, Arc<Vec<MediaId>>>,
    /// The rules' own collections, by what they choose.
    inline: HashMap<String, Arc<Vec<MediaId>>>,
    /// What schedule files said when they were right.
    files: HashMap<ChannelId, Rules>,
    /// Which rules each channel was planned with; `None` before they were read from storage.
    prints: Option<HashMap<ChannelId, u64>>,
}

impl Programming {
    pub(crate) fn new(
        db: Db,
        steering: Arc<Steering>,
        clock: SharedClock,
        settings: Settings,
        facts: mpsc::Sender<Fact>,
    ) -> Self {
        Self {
            db,
            steering,
            clock,
            guides: Arc::new(Guides::new(settings.guide.clone())),
            settings,
            facts,
            board: ArcSwap::default(),
            held: ArcSwap::default(),
            turn: tokio::sync::Mutex::default(),
            clocks: OwnClocks::default(),
            further: std::sync::Mutex::default(),
        }
    }

    pub(super) fn logos(&self) -> &Logos {
        &self.settings.logos
    }

    /// What is planned now. Memory only.
    pub(crate) fn board(&self) -> Arc<Board> {
        self.board.load_full()
    }

    /// The guide and how it came about.
    pub(crate) fn guides(&self) -> &Guides {
        &self.guides
    }

    /// Builds the guide of what is planned anew.
    pub(crate) async fn rebuild_guide(&self) {
        let _turn = self.turn.lock().await;
        self.guides.build(self.board(), UtcMillis(self.clock.now_ms())).await;
    }

    /// The playable media of each collection, as of the last plan. Memory only.
    pub(crate) fn held(&self) -> Arc<HashMap<CollectionId, Arc<Vec<MediaId>>>> {
        self.held.load_full()
    }

    /// Plans what is to be planned and publishes everything.
    ///
    /// # Errors
    /// When storage fails; then what was published before stays, marked as failed.
    pub(crate) async fn refresh(&self, replan: Replan) -> Result<(), ControlError> {
        let mut published = self.turn.lock().await;
        let result = self.refresh_in_turn(&replan, &mut published).await;
        if let Err(error) = &result {
            tracing::error!(error = %error, "the channels could not be planned");
            let before = self.board.load();
            self.board.store(Arc::new(Board {
                channels: before.channels.clone(),
                by_number: before.by_number.clone(),
                profiles: Arc::clone(&before.profiles),
                watermarks: Arc::clone(&before.watermarks),
                marks: Arc::clone(&before.marks),
                slates: Arc::clone(&before.slates),
                shown: Arc::clone(&before.shown),
                lineup: Arc::clone(&before.lineup),
                failure: Some(error.to_string()),
                loaded: before.loaded,
            }));
        }
        result
    }

    async fn refresh_in_turn(
        &self,
        replan: &Replan,
        published: &mut Published,
    ) -> Result<(), ControlError> {
        let now = UtcMillis(self.clock.now_ms());
        let failed = || ControlError::storage("the channel plan");
        let channels = self.db.list_channels().await.map_err(failed())?;
        let collections = self.db.list_collections().await.map_err(failed())?;
        let stored = self.db.list_profiles().await.map_err(failed())?;
        let profiles = ListedProfile::all(stored).into_iter().map(|listed| listed.profile);
        let profiles = profiles.map(|profile| (profile.name.clone(), profile)).collect();
        let media = self.all_media().await?;
        self.db.note_airings(now).await.map_err(failed())?;
        let aired = self.db.aired_media().await.map_err(failed())?;
        let resolved = resolve(&collections, &media, &aired, now);
        let mut board = Board { loaded: true, profiles: Arc::new(profiles), ..Board::default() };
        self.load_marks(&mut board).await.map_err(failed())?;
        board.slates = Arc::new(self.db.list_slates().await.map_err(failed())?);
        let sizes = resolved.iter().map(|(id, ids)| (*id, ids.len())).collect();
        let plans = effective::plans(&self.db, &collections, sizes, self.settings.zone.clone())
            .await
            .map_err(failed())?;
        let folder = &self.settings.schedules;
        let mut held = effective::held(&self.db, folder, &channels, &plans, &mut published.files)
            .await
            .map_err(failed())?;
        let prints = match published.prints.take() {
            Some(prints) => prints,
            None => self.db.plan_prints().await.map_err(failed())?,
        };
        let rules = held.values().map(|held| &held.rules);
        let own = OwnCollections::new(rules, &collections, &media, &aired, now);
        let mut mirrors = Vec::new();
        // A channel that is off keeps its print: what is edited meanwhile is planned when it is back.
        let mut new_prints: HashMap<ChannelId, u64> = channels
            .iter()
            .filter_map(|channel| Some((channel.id, *prints.get(&channel.id)?)))
            .collect();
        for mut channel in channels.into_iter().filter(|channel| channel.enabled) {
            let Some(held) = held.remove(&channel.id) else { continue };
            if let RulesFrom::Mirror(source) = held.from {
                // It moves with its source and has no clock to move it once more.
                self.clocks.lock().remove(&channel.id);
                mirrors.push((channel, source, held));
                continue;
            }
            channel.rules = held.rules;
            let inline = own.of(&channel.rules);
            let extended;
            let of_channel = if inline.is_empty() {
                &resolved
            } else {
                extended = resolved.clone().into_iter().chain(inline).collect();
                &extended
            };
            let print = effective::print(&channel.rules);
            // Rules of before the first print are those of now, as far as anybody knows.
            let adopted = matches!(replan, Replan::Adopt(ids) if ids.contains(&channel.id));
            let edited = !adopted && prints.get(&channel.id).is_some_and(|before| *before != print);
            new_prints.insert(channel.id, print);
            let changed = edited
                || match replan {
                    Replan::Extend | Replan::Adopt(_) => false,
                    Replan::FromNext(ids) => ids.contains(&channel.id),
                    Replan::MediaChanged => {
                        plays_other_media(&channel, &resolved, &published.collections)
                            || own.changed(&channel.rules, &published.inline)
                    }
                };
            let reason = if changed { Reason::Changed } else { Reason::Extend };
            let clock = self.clocks.of(&held.form, now);
            let own_now = clock.map_or(now, |clock| clock.time(now));
            let origin = (held.from, held.notes, held.faults, held.form);
            let mut planned =
                self.plan_channel(channel, &media, of_channel, reason, own_now, origin).await?;
            if let Some(clock) = clock {
                planned.timeline = on_demand::moved(&planned.own, clock.behind_ms);
            }
            board.by_number.insert(planned.channel.number.clone(), planned.channel.id);
            board.channels.insert(planned.channel.id, planned);
        }
        for (channel, source, held) in mirrors {
            let planned = mirror::of(channel, source, &board, held, now);
            board.by_number.insert(planned.channel.number.clone(), planned.channel.id);
            board.channels.insert(planned.channel.id, planned);
        }
        if new_prints != prints {
            self.db.set_plan_prints(&new_prints).await.map_err(failed())?;
        }
        published.prints = Some(new_prints);
        published.inline = own.known;
        board.lineup = Arc::new(lineup(&board));
        self.held.store(Arc::new(resolved.clone()));
        published.collections = resolved;
        self.publish(board, published, now).await;
        Ok(())
    }

    /// Puts the channels' watermarks on the board, ready to be drawn.
    async fn load_marks(&self, board: &mut Board) -> Result<(), StorageError> {
        let of_channels = self.db.channel_watermarks().await?;
        let mut marks = HashMap::new();
        if !of_channels.is_empty() {
            for stored in self.db.list_watermarks().await? {
                let users = of_channels.iter().filter(|(_, id)| **id == stored.id);
                let users: Vec<ChannelId> = users.map(|(channel, _)| *channel).collect();
                if users.is_empty() {
                    continue;
                }
                let folder = &self.settings.watermarks;
                let Some(mark) = watermarks::mark(&self.db, folder, &stored).await else {
                    continue;
                };
                marks.extend(users.into_iter().map(|channel| (channel, mark.clone())));
            }
        }
        board.watermarks = Arc::new(of_channels);
        board.marks = Arc::new(marks);
        Ok(())
    }

    /// Brings one channel's timeline up to date, in storage and in the returned value.
    async fn plan_channel(
        &self,
        channel: Channel,
        media: &HashMap<MediaId, Arc<Media>>,
        resolved: &HashMap<CollectionId, Arc<Vec<MediaId>>>,
        reason: Reason,
        now: UtcMillis,
        (from_where, notes, faults, form): (RulesFrom, Vec<String>, Vec<Fault>, ChannelForm),
    ) -> Result<Planned, ControlError> {
        let failed = || ControlError::storage("the channel plan");
        let past = now.plus_ms(-KEPT_MS);
        let usual = now.plus_ms(i64::from(self.settings.build_days) * 86_400_000);
        let until = self.further().get(&channel.id).map_or(usual, |further| usual.max(*further));
        let stored = self.db.load_timeline(channel.id, past).await.map_err(failed())?;
        let catalogue = catalogue(&channel.rules, media, resolved);
        let has_content = !catalogue.media.is_empty();
        let names_any = !channel.rules.collections().is_empty();
        let playable = catalogue.media.len();
        let origin = PlannedFrom { from: from_where, notes, faults, form, playable, names_any };
        let mut slots = stored;
        let from = match upkeep::decide(&slots, has_content, reason, now, until) {
            Upkeep::Keep => None,
            Upkeep::Append { from } => Some(from),
            Upkeep::Replace { from } => {
                slots.retain(|slot| slot.start < from);
                if slots.last().is_some_and(|slot| slot.stop < from) {
                    slots.clear();
                }
                Some(from)
            }
            Upkeep::CutOffline { slot_start, from } => {
                slots.retain(|slot| slot.start <= slot_start);
                if let Some(slot) = slots.last_mut() {
                    slot.stop = from;
                }
                Some(from)
            }
        };
        if let Some(from) = from {
            let cursor = self.db.load_cursor(channel.id).await.map_err(failed())?;
            let cursor = read_cursor(channel.id, cursor).rewound(from);
            let plan = schedule::plan(&channel.rules, &catalogue, cursor, from, until);
            let keep_from = slots.last().map_or(from, |slot| slot.start.min(from));
            slots.extend(plan.slots);
            let changed: Vec<Slot> =
                slots.iter().filter(|slot| slot.start >= keep_from).cloned().collect();
            let cursor = serde_json::to_value(&plan.cursor).map_err(|error| {
                ControlError::Failed { what: "the channel plan".to_owned(), source: error.into() }
            })?;
            self.db
                .replace_timeline(channel.id, keep_from, changed, &cursor)
                .await
                .map_err(failed())?;
            tracing::info!(
                channel.id = %channel.id, slots = slots.len(),
                "channel {} is planned from {from} to {until}", channel.number
            );
        }
        let timeline = Timeline::new(slots).map_err(|error| ControlError::Failed {
            what: format!("the timeline of channel {}", channel.number),
            source: Box::new(error),
        })?;
        let named = timeline.slots().iter().filter_map(|slot| slot.media);
        let media = named.filter_map(|id| Some((id, Arc::clone(media.get(&id)?)))).collect();
        let origin = Arc::new(origin);
        let own = timeline.clone();
        Ok(Planned { channel: Arc::new(channel), timeline, own, media: Arc::new(media), origin })
    }

    /// Puts other media in the place of `bad` on one channel, from now on; says how many slots
    /// changed.
    async fn replace(&self, id: ChannelId, bad: MediaId) -> Result<usize, ControlError> {
        let changed = {
            let _turn = self.turn.lock().await;
            let now = UtcMillis(self.clock.now_ms());
            let board = self.board();
            let on_air = |id: ChannelId| {
                let planned = board.channels.get(&id);
                planned
                    .ok_or_else(|| ControlError::NotFound { what: format!("channel {id} on air") })
            };
            // What a mirror shows is its source's.
            let (id, planned) = match on_air(id)?.origin.from {
                RulesFrom::Mirror(source) => (source, on_air(source)?),
                RulesFrom::File(_) | RulesFrom::Playout(_) | RulesFrom::Own => (id, on_air(id)?),
            };
            let failed = || ControlError::storage("the channel plan");
            let collections = self.db.list_collections().await.map_err(failed())?;
            let media = self.all_media().await?;
            let aired = self.db.aired_media().await.map_err(failed())?;
            let mut resolved = resolve(&collections, &media, &aired, now);
            let rules = &planned.channel.rules;
            let own = OwnCollections::new([rules], &collections, &media, &aired, now);
            resolved.extend(own.of(rules));
            let catalogue = catalogue(rules, &media, &resolved);
            // Stored is the channel's own time.
            let before = planned.own.slots();
            let own_now = now.plus_ms(-self.clocks.behind_ms(id));
            let slots = schedule::replace(&planned.own, rules, &catalogue, bad, own_now);
            let changed = slots.iter().filter(|slot| !before.contains(slot)).count();
            let first = slots.first().map_or(own_now, |slot| slot.start);
            let cursor = self.db.load_cursor(id).await.map_err(failed())?;
            let cursor = cursor.unwrap_or(serde_json::Value::Null);
            self.db.replace_timeline(id, first, slots, &cursor).await.map_err(failed())?;
            changed
        };
        self.refresh(Replan::Extend).await?;
        Ok(changed)
    }

    fn further(&self) -> std::sync::MutexGuard<'_, HashMap<ChannelId, UtcMillis>> {
        self.further.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Has a channel planned up to `until`, if that is further ahead than usual.
    pub(super) fn plan_until(&self, channel: ChannelId, until: UtcMillis) {
        self.further().insert(channel, until);
    }

    /// What a plan of any rules draws on now.
    pub(super) async fn ground(&self, now: UtcMillis) -> Result<Ground, ControlError> {
        let collections = self.db.list_collections().await;
        let collections = collections.map_err(ControlError::storage("the collections"))?;
        let media = self.all_media().await?;
        let aired = self.db.aired_media().await;
        let aired = aired.map_err(ControlError::storage("what was on air"))?;
        let resolved = resolve(&collections, &media, &aired, now);
        Ok(Ground { collections, media, aired, resolved, now })
    }

    async fn all_media(&self) -> Result<HashMap<MediaId, Arc<Media>>, ControlError> {
        let all = self.db.all_media().await.map_err(ControlError::storage("the media list"))?;
        let all: Vec<Arc<Media>> = all.into_iter().map(Arc::new).collect();
        self.steering.offer_library(all.clone());
        Ok(all.into_iter().map(|media| (media.id, media)).collect())
    }

    /// What stands in on a channel: the operator's, else drawn ones.
    fn slates_of(&self, channel: &Channel, stored: &[StoredSlate]) -> OwnSlates {
        let logo = channel.logo.as_deref().and_then(|address| self.settings.logos.find(address));
        let logo = logo.as_ref().map(|(digest, path)| (digest.as_str(), path.as_path()));
        let drawn = OwnSlates::drawn(channel, logo);
        SlateKind::ALL.into_iter().fold(drawn, |slates, kind| {
            match slates::chosen(stored, Some(channel.id), kind) {
                Some(art) => slates.with(kind, art, &self.settings.slates),
                None => slates,
            }
        })
    }

    /// What the guide must know of longer ago than timelines reach back.
    async fn shown_before(&self, board: &Board, now: UtcMillis) -> Shown {
        let fresh = self.guides.fresh(board, now);
        if fresh.is_empty() {
            return Shown::new();
        }
        let found = self.db.shown_before(&fresh).await.unwrap_or_else(|error| {
            tracing::warn!(error = %error, "what was shown cannot be read; the guide may say new twice");
            Vec::new()
        });
        let mut shown = Shown::new();
        for (channel, media) in found {
            shown.entry(channel).or_default().insert(media);
        }
        shown
    }

    /// Hands a channel to the stream; not one that names an unknown profile.
    fn put_on_air(&self, board: &Board, planned: &Planned) -> bool {
        let Some(mut profile) = board.profiles.get(&planned.channel.profile).cloned() else {
            tracing::error!(
                channel.id = %planned.channel.id,
                "channel {} names the unknown profile {}",
                planned.channel.number, planned.channel.profile
            );
            return false;
        };
        profile.watermark = board.marks.get(&planned.channel.id).cloned();
        self.steering.publish(OnAir {
            channel: Arc::clone(&planned.channel),
            profile,
            timeline: planned.timeline.clone(),
            media: Arc::clone(&planned.media),
            slates: self.slates_of(&planned.channel, &board.slates),
        });
        true
    }

    /// Moves a channel whose clock stands along with the day, in memory alone.
    pub(super) async fn move_along(&self, channel: ChannelId) {
        let _turn = self.turn.lock().await;
        let behind_ms = self.clocks.behind_ms(channel);
        let mut board = (*self.board()).clone();
        let Some(planned) = board.channels.get_mut(&channel) else { return };
        planned.timeline = on_demand::moved(&planned.own, behind_ms);
        let planned = planned.clone();
        self.put_on_air(&board, &planned);
        self.board.store(Arc::new(board));
    }

    /// Hands the board to the stream, builds the guide, then lets readers see both.
    async fn publish(&self, mut board: Board, published: &mut Published, now: UtcMillis) {
        for planned in board.channels.values() {
            if !self.put_on_air(&board, planned) {
                continue;
            }
            // Told before air time: whoever repairs it wants to do it while nobody sees it.
            let soon = planned.timeline.between(now, now.plus_ms(FORESIGHT_MS));
            let dark = soon.iter().find(|slot| slot.kind == SlotKind::Offline);
            let has_content = dark.is_none() && !soon.is_empty();
            let before = published.channels.insert(planned.channel.id, has_content);
            if before != Some(has_content) {
                let at = dark.map_or(now, |slot| slot.start.max(now));
                let fact = Fact::Content { channel: planned.channel.id, has_content, at };
                if self.facts.send(fact).await.is_err() {
                    tracing::debug!("nobody takes facts any more");
                }
            }
        }
        let gone: Vec<ChannelId> = published
            .channels
            .keys()
            .copied()
            .filter(|id| !board.channels.contains_key(id))
            .collect();
        for id in gone {
            published.channels.remove(&id);
            self.steering.withdraw(id);
        }
        board.shown = Arc::new(self.shown_before(&board, now).await);
        let board = Arc::new(board);
        self.guides.build(Arc::clone(&board), now).await;
        self.board.store(board);
    }
}

#[async_trait::async_trait]
impl Timelines for Programming {
    async fn skip(&self, channel: ChannelId, media: MediaId) -> Result<usize, String> {
        self.replace(channel, media).await.map_err(|error| error.to_string())
    }

    fn has_channel(&self, channel: ChannelId) -> bool {
        self.board.load().channels.contains_key(&channel)
    }

    fn media(&self, media: MediaId) -> Option<Arc<Media>> {
        self.board.load().channels.values().find_map(|planned| planned.media.get(&media).cloned())
    }

    fn now_and_next(&self, channel: ChannelId, at: UtcMillis) -> Vec<Slot> {
        let board = self.board.load();
        let Some(planned) = board.channels.get(&channel) else { return Vec::new() };
        let Some(index) = planned.timeline.index_at(at) else { return Vec::new() };
        planned.timeline.slots().iter().skip(index).take(2).cloned().collect()
    }

    fn channels_with(&self, media: MediaId, from: UtcMillis, to: UtcMillis) -> Vec<ChannelId> {
        let board = self.board.load();
        let first = |planned: &Planned| {
            let slots = planned.timeline.between(from, to).iter();
            slots.filter(|slot| slot.media == Some(media)).map(|slot| slot.start).next()
        };
        let mut found: Vec<(UtcMillis, ChannelId)> =
            board.channels.iter().filter_map(|(id, p)| Some((first(p)?, *id))).collect();
        found.sort_unstable();
        found.into_iter().map(|(_, id)| id).collect()
    }
}

/// What each collection holds now, playable media only.
fn resolve(
    collections: &[Collection],
    media: &HashMap<MediaId, Arc<Media>>,
    aired: &HashSet<MediaId>,
    now: UtcMillis,
) -> HashMap<CollectionId, Arc<Vec<MediaId>>> {
    let mut all: Vec<Arc<Media>> = media.values().cloned().collect();
    all.sort_by_key(|media| media.id);
    schedule::resolve_all(collections, &all, aired, now)
}

/// What a plan draws on.
pub(super) struct Ground {
    pub(super) collections: Vec<Collection>,
    media: HashMap<MediaId, Arc<Media>>,
    aired: HashSet<MediaId>,
    resolved: HashMap<CollectionId, Arc<Vec<MediaId>>>,
    now: UtcMillis,
}

impl Ground {
    /// How many items each collection holds.
    pub(super) fn sizes(&self) -> HashMap<CollectionId, usize> {
        self.resolved.iter().map(|(id, ids)| (*id, ids.len())).collect()
    }

    /// The part of the library that rules reach.
    pub(super) fn catalogue(&self, rules: &Rules) -> Catalogue {
        let Self { collections, media, aired, now, .. } = self;
        let own = OwnCollections::new([rules], collections, media, aired, *now);
        let mut resolved = self.resolved.clone();
        resolved.extend(own.of(rules));
        catalogue(rules, media, &resolved)
    }
}

/// Collections that belong to rules, chosen once for all channels that say the same.
struct OwnCollections {
    known: HashMap<String, Arc<Vec<MediaId>>>,
}

impl OwnCollections {
    fn new<'r>(
        rules: impl IntoIterator<Item = &'r Rules>,
        collections: &[Collection],
        media: &HashMap<MediaId, Arc<Media>>,
        aired: &HashSet<MediaId>,
        now: UtcMillis,
    ) -> Self {
        let mut known = HashMap::new();
        let mut selectors = rules.into_iter().flat_map(|rules| rules.inline.values()).peekable();
        if selectors.peek().is_none() {
            return Self { known };
        }
        let mut all: Vec<Arc<Media>> = media.values().cloned().collect();
        all.sort_by_key(|media| media.id);
        let shelf = schedule::Shelf::new(&all, collections, aired, now);
        for selector in selectors {
            // Debug output says everything that a selector holds, and nothing but that.
            let chosen = || Arc::new(shelf.choose(selector));
            known.entry(format!("{selector:?}")).or_insert_with(chosen);
        }
        Self { known }
    }

    fn of(&self, rules: &Rules) -> HashMap<CollectionId, Arc<Vec<MediaId>>> {
        let ids = |selector| self.known.get(&format!("{selector:?}")).cloned();
        let own = rules.inline.iter();
        own.filter_map(|(id, selector)| Some((*id, ids(selector)?))).collect()
    }

    fn changed(&self, rules: &Rules, before: &HashMap<String, Arc<Vec<MediaId>>>) -> bool {
        rules.inline.values().any(|selector| {
            let key = format!("{selector:?}");
            self.known.get(&key) != before.get(&key)
        })
    }
}

/// The part of the library that a channel's rules reach.
fn catalogue(
    rules: &Rules,
    media: &HashMap<MediaId, Arc<Media>>,
    resolved: &HashMap<CollectionId, Arc<Vec<MediaId>>>,
) -> Catalogue {
    let mut catalogue = Catalogue::default();
    for collection in rules.collections() {
        let Some(ids) = resolved.get(&collection) else { continue };
        for id in ids.iter() {
            if let Some(media) = media.get(id) {
                catalogue.media.insert(*id, Arc::clone(media));
            }
        }
        catalogue.collections.insert(collection, Arc::clone(ids));
    }
    catalogue
}

/// Whether a channel's collections hold other media than at the last refresh.
fn plays_other_media(
    channel: &Channel,
    now: &HashMap<CollectionId, Arc<Vec<MediaId>>>,
    before: &HashMap<CollectionId, Arc<Vec<MediaId>>>,
) -> bool {
    channel.rules.collections().iter().any(|id| now.get(id) != before.get(id))
}

/// A stored cursor; one that cannot be read begins anew, which is logged.
fn read_cursor(channel: ChannelId, stored: Option<serde_json::Value>) -> Cursor {
    let Some(value) = stored.filter(|value| !value.is_null()) else { return Cursor::default() };
    match serde_json::from_value(value) {
        Ok(cursor) => cursor,
        Err(error) => {
            tracing::warn!(
                channel.id = %channel, error = %error,
                "the stored position of channel {channel} cannot be read; it begins anew"
            );
            Cursor::default()
        }
    }
}

/// What clients are offered, in order of number.
fn lineup(board: &Board) -> Vec<LineupChannel> {
    let mut lineup: Vec<LineupChannel> = board
        .channels
        .values()
        .filter_map(|planned| {
            let profile = board.profiles.get(&planned.channel.profile)?;
            Some(LineupChannel::new(&planned.channel, profile))
        })
        .collect();
    lineup.sort_by(|a, b| a.number.cmp(&b.number));
    lineup
}
