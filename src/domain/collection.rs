//! Collections: named choices of media.

use serde::{Deserialize, Serialize};

use super::{CollectionId, LibraryId, MediaId, MediaKind};

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
}

/// A named choice of media.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collection {
    /// Its id.
    pub id: CollectionId,
    /// Its name.
    pub name: String,
    /// What is in it.
    pub selector: Selector,
}
