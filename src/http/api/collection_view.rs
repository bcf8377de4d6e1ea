//! Collections as clients write and read them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::control::{Control, Matched};
use crate::domain::{
    Collection, CollectionId, ForeignIds, LibraryId, ListEntry, ListedKind, MediaId, MediaKind,
    Query, Run, Selector,
};

use super::super::error::ApiError;
use super::media::KindName;
use super::search::bad_query;
use super::stamp;

/// A named choice of media.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Collection)]
pub struct CollectionView {
    /// Its id.
    id: i64,
    /// Its name.
    name: String,
    /// Words about it.
    description: Option<String>,
    /// `manual`, `filter`, `smart`, `multi`, `rerun` or `list`.
    collection_type: &'static str,
    /// The query of a smart collection.
    search_query: Option<String>,
    /// How many playable media it held when channels were planned last; `null` before that.
    item_count: Option<usize>,
    /// What is in it.
    selector: SelectorView,
    /// When it was made; `null` for those of earlier versions.
    #[schema(format = DateTime)]
    created_at: Option<String>,
    /// When it was changed last.
    #[schema(format = DateTime)]
    updated_at: Option<String>,
}

impl CollectionView {
    /// A collection as it was stored, with its size as last planned.
    pub(super) fn new(collection: Collection, control: &Control) -> Self {
        let item_count = control.collection_sizes().get(&collection.id).copied();
        Self { item_count, ..Self::without_size(collection) }
    }

    /// Several at once.
    pub(super) fn list(collections: Vec<Collection>, control: &Control) -> Vec<Self> {
        let sizes = control.collection_sizes();
        let view = |collection: Collection| {
            let item_count = sizes.get(&collection.id).copied();
            Self { item_count, ..Self::without_size(collection) }
        };
        collections.into_iter().map(view).collect()
    }

    fn without_size(collection: Collection) -> Self {
        let Collection { id, name, description, selector, created, updated } = collection;
        let search_query = match &selector {
            Selector::Query { query } => Some(query.text().to_owned()),
            _ => None,
        };
        let known = |at: crate::domain::UtcMillis| (at.0 > 0).then(|| stamp(at));
        Self {
            id: id.0,
            name,
            description,
            collection_type: selector.kind(),
            search_query,
            item_count: None,
            selector: selector.into(),
            created_at: known(created),
            updated_at: known(updated),
        }
    }
}

/// Which media a collection holds.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[schema(as = Selector)]
pub enum SelectorView {
    /// Just these, in this order.
    Manual {
        /// Ids of media.
        #[schema(max_items = 10_000)]
        media: Vec<i64>,
    },
    /// Everything that matches; a field left out matches all.
    Filter {
        /// Only this library.
        #[serde(default)]
        library: Option<i64>,
        /// Only this kind.
        #[serde(default)]
        #[schema(value_type = Option<KindName>)]
        kind: Option<MediaKind>,
        /// Only this show or artist, compared without case.
        #[serde(default)]
        show: Option<String>,
        /// Only files below this folder.
        #[serde(default)]
        folder: Option<String>,
    },
    /// Everything that a query finds.
    Query {
        /// The query, such as `genre:comedy year:1980s sort:-added limit:50`.
        #[schema(max_length = 2000)]
        query: String,
    },
    /// Everything in several collections, one after the other.
    Multi {
        /// Ids of the collections.
        #[schema(max_items = 500)]
        collections: Vec<i64>,
    },
    /// What of another collection was, or was not, on air before on any channel.
    Rerun {
        /// Id of the other collection.
        collection: i64,
        /// `first`: what was never on air. `again`: what was.
        #[schema(value_type = RunName)]
        run: Run,
    },
    /// What a list of somebody else names, as far as it is in the libraries.
    List {
        /// The lines of the list.
        #[schema(max_items = 10_000)]
        entries: Vec<EntryView>,
    },
}

/// Which showing of a media item is meant.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "snake_case", as = Run)]
pub enum RunName {
    /// What was never on air.
    First,
    /// What was on air before.
    Again,
}

/// A line of a list.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = ListEntry)]
pub struct EntryView {
    /// `movie`, `show`, or `any` where it does not say.
    #[schema(value_type = String, default = "any")]
    kind: ListedKind,
    /// Title of the film or the show.
    title: String,
    /// Year of the film, or of the show's beginning.
    year: Option<u32>,
    /// Only this season.
    season: Option<u32>,
    /// Only this episode.
    episode: Option<u32>,
    /// IMDb's id, such as `tt0133093`.
    imdb: Option<String>,
    /// TMDB's id.
    tmdb: Option<u64>,
    /// TheTVDB's id.
    tvdb: Option<u64>,
}

impl From<ListEntry> for EntryView {
    fn from(entry: ListEntry) -> Self {
        let ListEntry { kind, title, year, season, episode, ids } = entry;
        let ForeignIds { imdb, tmdb, tvdb } = ids;
        Self { kind, title, year, season, episode, imdb, tmdb, tvdb }
    }
}

impl From<EntryView> for ListEntry {
    fn from(view: EntryView) -> Self {
        let EntryView { kind, title, year, season, episode, imdb, tmdb, tvdb } = view;
        Self { kind, title, year, season, episode, ids: ForeignIds { imdb, tmdb, tvdb } }
    }
}

impl From<Selector> for SelectorView {
    fn from(selector: Selector) -> Self {
        match selector {
            Selector::Manual { media } => {
                Self::Manual { media: media.into_iter().map(|id| id.0).collect() }
            }
            Selector::Filter { library, kind, show, folder } => {
                Self::Filter { library: library.map(|id| id.0), kind, show, folder }
            }
            Selector::Query { query } => Self::Query { query: query.text().to_owned() },
            Selector::Multi { collections } => {
                Self::Multi { collections: collections.into_iter().map(|id| id.0).collect() }
            }
            Selector::Rerun { collection, run } => Self::Rerun { collection: collection.0, run },
            Selector::List { entries } => {
                Self::List { entries: entries.into_iter().map(EntryView::from).collect() }
            }
        }
    }
}

impl TryFrom<SelectorView> for Selector {
    type Error = ApiError;

    fn try_from(view: SelectorView) -> Result<Self, ApiError> {
        Ok(match view {
            SelectorView::Manual { media } => {
                Self::Manual { media: media.into_iter().map(MediaId).collect() }
            }
            SelectorView::Filter { library, kind, show, folder } => {
                Self::Filter { library: library.map(LibraryId), kind, show, folder }
            }
            SelectorView::Query { query } => {
                let query = Query::parse(&query);
                let wrong = |error| bad_query(&["body", "selector", "query"], error);
                Self::Query { query: query.map_err(wrong)? }
            }
            SelectorView::Multi { collections } => {
                Self::Multi { collections: collections.into_iter().map(CollectionId).collect() }
            }
            SelectorView::Rerun { collection, run } => {
                Self::Rerun { collection: CollectionId(collection), run }
            }
            SelectorView::List { entries } => {
                Self::List { entries: entries.into_iter().map(ListEntry::from).collect() }
            }
        })
    }
}

/// What a line of a list came to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MatchedLine)]
pub struct MatchedView {
    /// The line.
    entry: EntryView,
    /// Ids of the media that it names; empty when there is none here.
    media: Vec<i64>,
}

impl From<Matched> for MatchedView {
    fn from(matched: Matched) -> Self {
        let media = matched.media.into_iter().map(|id| id.0).collect();
        Self { entry: matched.entry.into(), media }
    }
}
