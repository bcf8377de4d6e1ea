//! Chooses: which playable media each collection holds.

use std::cell::{OnceCell, RefCell};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::domain::{Collection, CollectionId, Matcher, Media, MediaId, Run, Selector, UtcMillis};

/// The playable media of every collection at `now`; `aired` are those that began on some channel.
pub fn resolve_all(
    collections: &[Collection],
    media: &[Arc<Media>],
    aired: &HashSet<MediaId>,
    now: UtcMillis,
) -> HashMap<CollectionId, Arc<Vec<MediaId>>> {
    let shelf = Shelf::new(media, collections, aired, now);
    let chosen = |c: &Collection| (c.id, Arc::new(shelf.playable(&shelf.held(c.id))));
    collections.iter().map(chosen).collect()
}

/// The playable media that a selector chooses at `now`, where there are no other collections.
///
/// See [`Shelf::choose`].
pub fn resolve(selector: &Selector, media: &[Arc<Media>], now: UtcMillis) -> Vec<MediaId> {
    Shelf::new(media, &[], &HashSet::new(), now).choose(selector)
}

/// Everything that collections choose from.
#[derive(Debug)]
pub struct Shelf<'a> {
    media: &'a [Arc<Media>],
    collections: HashMap<CollectionId, &'a Collection>,
    aired: &'a HashSet<MediaId>,
    now: UtcMillis,
    by_id: OnceCell<HashMap<MediaId, &'a Media>>,
    matcher: OnceCell<Matcher<'a>>,
    /// What each collection holds, playable or not; `None` while it is being found out.
    held: RefCell<HashMap<CollectionId, Option<Arc<Vec<MediaId>>>>>,
}

impl<'a> Shelf<'a> {
    /// Puts media and collections on the shelf.
    pub fn new(
        media: &'a [Arc<Media>],
        collections: &'a [Collection],
        aired: &'a HashSet<MediaId>,
        now: UtcMillis,
    ) -> Self {
        let collections = collections.iter().map(|collection| (collection.id, collection));
        let collections = collections.collect();
        let (by_id, matcher, held) = (OnceCell::new(), OnceCell::new(), RefCell::default());
        Self { media, collections, aired, now, by_id, matcher, held }
    }

    /// The playable media that a selector chooses.
    ///
    /// A manual choice keeps its own order and its repetitions; a filter keeps the order of the
    /// media; a query has an order of its own or keeps that of the media; a list has the order of
    /// its lines; several collections come one after the other.
    /// Broadcasts are only in a filter or a query that asks for them by kind.
    /// Media that is gone, corrupt or in quarantine is left out; unknown ids are left out too.
    pub fn choose(&self, selector: &Selector) -> Vec<MediaId> {
        self.playable(&self.chosen(selector))
    }

    /// The same in the groups that a selector is made of: the collections of several that hold
    /// anything, else one.
    pub fn groups(&self, selector: &Selector) -> Vec<Vec<MediaId>> {
        let Selector::Multi { collections } = selector else { return vec![self.choose(selector)] };
        let held = collections.iter().map(|id| self.playable(&self.held(*id)));
        held.filter(|group| !group.is_empty()).collect()
    }

    fn chosen(&self, selector: &Selector) -> Vec<MediaId> {
        let playable = || self.media.iter().filter(|item| item.state.is_playable(self.now));
        match selector {
            Selector::Manual { media } => media.clone(),
            Selector::Filter { library, kind, show, folder } => {
                let show = show.as_deref().map(str::to_lowercase);
                let folder = folder.as_deref().map(|folder| folder.trim_end_matches('/'));
                let chosen = |item: &&Arc<Media>| {
                    library.is_none_or(|library| item.library == library)
                        // A broadcast among films would take an hour of them: it has to be asked for.
                        && kind.map_or(!item.is_live(), |kind| item.kind == kind)
                        && folder.is_none_or(|folder| is_below(&item.path, folder))
                        && show.as_ref().is_none_or(|show| is_of_show(item, show))
                };
                playable().filter(chosen).map(|item| item.id).collect()
            }
            Selector::Query { query } => {
                let live = query.asks_for_live();
                let asked = playable().filter(|item| live || !item.is_live());
                query.select(asked.map(Arc::as_ref), self.now)
            }
            Selector::Multi { collections } => {
                let mut seen = HashSet::new();
                let held = collections.iter().map(|id| self.held(*id));
                let mut all: Vec<MediaId> = held.flat_map(|ids| ids.to_vec()).collect();
                all.retain(|id| seen.insert(*id));
                all
            }
            Selector::Rerun { collection, run } => {
                let mut all = self.held(*collection).to_vec();
                all.retain(|id| self.aired.contains(id) == (*run == Run::Again));
                all
            }
            Selector::List { entries } => {
                let matcher =
                    self.matcher.get_or_init(|| Matcher::new(self.media.iter().map(Arc::as_ref)));
                let mut seen = HashSet::new();
                let mut all: Vec<MediaId> =
                    entries.iter().flat_map(|entry| matcher.find(entry)).collect();
                all.retain(|id| seen.insert(*id));
                all
            }
        }
    }

    /// What a collection holds, playable or not; nothing when it does not exist.
    fn held(&self, id: CollectionId) -> Arc<Vec<MediaId>> {
        // A circle is refused at the door; should there be one, it holds nothing where it closes.
        if let Some(known) = self.held.borrow().get(&id) {
            return known.clone().unwrap_or_default();
        }
        let Some(collection) = self.collections.get(&id) else { return Arc::default() };
        self.held.borrow_mut().insert(id, None);
        let held = Arc::new(self.chosen(&collection.selector));
        self.held.borrow_mut().insert(id, Some(Arc::clone(&held)));
        held
    }

    fn playable(&self, ids: &[MediaId]) -> Vec<MediaId> {
        let by_id = || self.media.iter().map(|item| (item.id, item.as_ref())).collect();
        let by_id = self.by_id.get_or_init(by_id);
        let playable =
            |id: &MediaId| by_id.get(id).is_some_and(|item| item.state.is_playable(self.now));
        ids.iter().copied().filter(playable).collect()
    }
}

/// Whether `path` lies below `folder`, whole path parts compared: `/a/bc` is not below `/a/b`.
fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

fn is_of_show(item: &Media, lower_case_show: &str) -> bool {
    item.show.as_deref().is_some_and(|show| show.to_lowercase() == lower_case_show)
}

#[cfg(test)]
mod tests;
