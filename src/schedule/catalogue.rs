//! What there is to play: media, and the collections that choose from it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::domain::{CollectionId, Media, MediaId, Selector, UtcMillis};

/// What a plan may draw on.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    /// Everything known, by id.
    pub media: BTreeMap<MediaId, Arc<Media>>,
    /// The playable media of each collection, as [`resolve`] gave them.
    pub collections: BTreeMap<CollectionId, Arc<Vec<MediaId>>>,
}

/// The playable media a selector chooses at `now`.
///
/// A manual choice keeps its own order and its repetitions; a filter keeps the order of `media`.
/// Broadcasts are only in a filter that asks for them by kind.
/// Media that is gone, corrupt or in quarantine is left out; unknown ids are left out too.
pub fn resolve(selector: &Selector, media: &[Arc<Media>], now: UtcMillis) -> Vec<MediaId> {
    match selector {
        Selector::Manual { media: chosen } => {
            let known: HashMap<MediaId, &Media> =
                media.iter().map(|item| (item.id, item.as_ref())).collect();
            let playable =
                |id: &MediaId| known.get(id).is_some_and(|item| item.state.is_playable(now));
            chosen.iter().copied().filter(playable).collect()
        }
        Selector::Filter { library, kind, show, folder } => {
            let show = show.as_deref().map(str::to_lowercase);
            let folder = folder.as_deref().map(|folder| folder.trim_end_matches('/'));
            let chosen = |item: &&Arc<Media>| {
                library.is_none_or(|library| item.library == library)
                    // A broadcast among films would take an hour of them: it has to be asked for.
                    && kind.map_or(!item.is_live(), |kind| item.kind == kind)
                    && folder.is_none_or(|folder| is_below(&item.path, folder))
                    && show.as_ref().is_none_or(|show| is_of_show(item, show))
                    && item.state.is_playable(now)
            };
            media.iter().filter(chosen).map(|item| item.id).collect()
        }
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
pub(super) mod tests {
    use super::*;
    use crate::domain::{LibraryId, MediaKind, MediaState};

    #[test]
    fn a_manual_choice_keeps_its_order_and_drops_what_cannot_play() {
        let mut shelf = shelf("1 a 10, 2 b 10, 3 c 10, 4 d 10");
        Arc::make_mut(&mut shelf[1]).state = MediaState::Missing;
        let selector = Selector::Manual { media: [4, 2, 9, 1, 4].map(MediaId).into() };
        assert_eq!(resolve(&selector, &shelf, UtcMillis(0)), [4, 1, 4].map(MediaId));
    }

    #[test]
    fn a_filter_matches_every_field_it_names() {
        let mut shelf = shelf("1 a 10, 2 b 10, 3 c 10, 4 d 10");
        for (index, path) in ["/tv/Lost/1.mkv", "/tv/Lost2/1.mkv", "/tv/Lost/s2/9.mkv", "/tv/x.mkv"]
            .iter()
            .enumerate()
        {
            let item = Arc::make_mut(&mut shelf[index]);
            (*path).clone_into(&mut item.path);
            item.show = Some(if index < 3 { "LOST".to_owned() } else { "Found".to_owned() });
            item.kind = MediaKind::Episode;
        }
        let filter = |show: Option<&str>, folder: Option<&str>| Selector::Filter {
            library: Some(LibraryId(1)),
            kind: Some(MediaKind::Episode),
            show: show.map(str::to_owned),
            folder: folder.map(str::to_owned),
        };
        let ids = |selector| -> Vec<i64> {
            resolve(&selector, &shelf, UtcMillis(0)).into_iter().map(|id| id.0).collect()
        };
        assert_eq!(ids(filter(Some("lost"), None)), [1, 2, 3]);
        assert_eq!(ids(filter(None, Some("/tv/Lost/"))), [1, 3]);
        assert_eq!(ids(filter(Some("found"), Some("/tv/Lost"))), Vec::<i64>::new());
        assert_eq!(ids(filter(None, None)), [1, 2, 3, 4]);
    }

    #[test]
    fn quarantine_ends() {
        let mut shelf = shelf("1 a 10");
        Arc::make_mut(&mut shelf[0]).state =
            MediaState::Quarantined { reason: "bad".into(), until: UtcMillis(100) };
        let all = Selector::Filter { library: None, kind: None, show: None, folder: None };
        assert_eq!(resolve(&all, &shelf, UtcMillis(99)), []);
        assert_eq!(resolve(&all, &shelf, UtcMillis(100)), [MediaId(1)]);
    }

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
