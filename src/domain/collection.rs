//! Collections: named choices of media.
//!
//! A choice is made anew for every plan, so what is found later is in it later. Choices may be made
//! of other collections; a circle is refused when a collection is stored, and holds nothing should
//! there be one all the same.

use serde::{Deserialize, Serialize};

use super::{CollectionId, LibraryId, ListEntry, MediaId, MediaKind, Query, UtcMillis};

/// Which media a collection holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Selector {
    /// Just these, in this order.
    Manual {
        /// The chosen media.
        media: Vec<MediaId>,
    },
    /// Everything that matches; a field left out matches all.
    Filter {
        /// Only this library.
        #[serde(default)]
        library: Option<LibraryId>,
        /// Only this kind.
        #[serde(default)]
        kind: Option<MediaKind>,
        /// Only this show (or artist), compared without case.
        #[serde(default)]
        show: Option<String>,
        /// Only files below this folder (absolute path).
        #[serde(default)]
        folder: Option<String>,
    },
    /// Everything that a query finds: a smart collection.
    Query {
        /// The query, with its order and its limit.
        query: Query,
    },
    /// Everything in several collections, one collection after the other; media that is in several
    /// comes once, where it comes first.
    Multi {
        /// The collections.
        collections: Vec<CollectionId>,
    },
    /// What of another collection was, or was not, on air before on any channel.
    Rerun {
        /// The other collection.
        collection: CollectionId,
        /// Which part of it.
        run: Run,
    },
    /// What a list of somebody else names, in its order, as far as it is in the libraries.
    List {
        /// What is named.
        entries: Vec<ListEntry>,
    },
}

/// Which showing of a media item is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Run {
    /// The first: what never began on any channel.
    First,
    /// A later one: what began on some channel before.
    Again,
}

impl Selector {
    /// A word for its kind, as clients are told.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Manual { .. } => "manual",
            Self::Filter { .. } => "filter",
            Self::Query { .. } => "smart",
            Self::Multi { .. } => "multi",
            Self::Rerun { .. } => "rerun",
            Self::List { .. } => "list",
        }
    }

    /// The collections it is made of.
    pub fn collections(&self) -> &[CollectionId] {
        match self {
            Self::Multi { collections } => collections,
            Self::Rerun { collection, .. } => std::slice::from_ref(collection),
            Self::Manual { .. } | Self::Filter { .. } | Self::Query { .. } | Self::List { .. } => {
                &[]
            }
        }
    }
}

/// A named choice of media.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collection {
    /// Its id.
    pub id: CollectionId,
    /// Its name.
    pub name: String,
    /// What people wrote about it.
    pub description: Option<String>,
    /// What is in it.
    pub selector: Selector,
    /// When it was made.
    pub created: UtcMillis,
    /// When it was changed last.
    pub updated: UtcMillis,
}

/// A change of a collection; what is left out stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CollectionEdit {
    /// Another name.
    pub name: Option<String>,
    /// Other words about it; an empty text takes them away.
    pub description: Option<String>,
    /// Another choice.
    pub selector: Option<Selector>,
}
