//! What there is to play: media, and the collections that choose from it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::{CollectionId, Media, MediaId};

/// What a plan may draw on.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    /// Everything known, by id.
    pub media: BTreeMap<MediaId, Arc<Media>>,
    /// The playable media of each collection, as [`super::resolve_all`] gave them.
    pub collections: BTreeMap<CollectionId, Arc<Vec<MediaId>>>,
    /// Where media may be broken for filler, in milliseconds from its beginning, in order.
    pub breaks: BTreeMap<MediaId, Vec<i64>>,
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::domain::{LibraryId, MediaKind};

    /// Reads `id title seconds, …` into playable films of library 1.
    pub(in crate::schedule) fn shelf(text: &str) -> Vec<Arc<Media>> {
        let item = |line: &str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let seconds: f64 = words[2].parse().unwrap();
            Arc::new(Media {
                library: LibraryId(1),
                size: 1,
                kind: MediaKind::Movie,
                title: words[1].to_owned(),
                duration_ms: (seconds * 1000.0) as i64,
                ..Media::file(
                    MediaId(words[0].parse().unwrap()),
                    format!("/media/{}.mkv", words[1]),
                )
            })
        };
        text.split(',').map(str::trim).filter(|line| !line.is_empty()).map(item).collect()
    }
}
