//! Broadcasts of others as media: reads a provider's playlist, or takes one address as it is.
//!
//! Entries of the same name or guide id are one broadcast that can be had in several places, the
//! first one first; that is how providers list their spare addresses.

use std::collections::HashMap;

use super::fetch::{self, FetchError, Wanted};
use crate::domain::{Library, LibraryId, MediaKind, ScannedMedia, Upstream};
use crate::formats::playlist::{self, Entry, Playlist};
use crate::foundation::reach::Outside;

/// How a broadcast is cut in the guide, in milliseconds: nobody says what it shows.
pub const BLOCK_MS: i64 = 3_600_000;
/// Largest playlist that is read.
const MOST_BYTES: usize = 32 << 20;
/// Most broadcasts of one playlist.
const MOST_ENTRIES: usize = 20_000;

/// Why a library of broadcasts cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BroadcastError {
    /// The file of the playlist cannot be read.
    #[error("the playlist cannot be read")]
    File(#[source] std::io::Error),
    /// The provider did not give it.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// It is larger than anything reasonable.
    #[error("the playlist is larger than {} MiB", MOST_BYTES >> 20)]
    TooLarge,
}

/// Reads the broadcasts of a library, in the order of its playlist.
///
/// Addresses of this machine are refused unless `outside` allows them.
///
/// # Errors
/// When the playlist cannot be had.
pub async fn read(
    library: &Library,
    outside: &Outside,
) -> Result<Vec<ScannedMedia>, BroadcastError> {
    let location = &library.path;
    let one = || {
        let upstream = Upstream { url: location.clone(), user_agent: None, referrer: None };
        let name = library.name.clone();
        vec![Entry { name, guide_id: None, group: None, upstream }]
    };
    let text = match location.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase()) {
        None => Some(read_file(location.clone()).await?),
        Some(scheme) if scheme == "http" || scheme == "https" => fetch(location, outside).await?,
        Some(_) => None,
    };
    let entries = match text.as_deref().map(playlist::parse) {
        Some(Playlist::Entries(entries)) => entries,
        Some(Playlist::OneStream) | None => one(),
    };
    Ok(merged(library.id, entries))
}

/// One media item for each broadcast, with all places where it can be had.
fn merged(library: LibraryId, entries: Vec<Entry>) -> Vec<ScannedMedia> {
    let mut all: Vec<ScannedMedia> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for Entry { name, guide_id, group, upstream } in entries {
        let key = guide_id.as_deref().unwrap_or(&name).to_lowercase();
        if let Some(at) = places.get(&key) {
            let upstreams = &mut all[*at].upstreams;
            if !upstreams.contains(&upstream) {
                upstreams.push(upstream);
            }
            continue;
        }
        if all.len() >= MOST_ENTRIES {
            break;
        }
        let path = format!("live:{key}");
        places.insert(key, all.len());
        all.push(ScannedMedia {
            upstreams: vec![upstream],
            kind: MediaKind::Live,
            title: name,
            genres: group.into_iter().collect(),
            duration_ms: BLOCK_MS,
            ..ScannedMedia::file(library, path)
        });
    }
    for media in &mut all {
        media.sidecar = fingerprint(media);
    }
    all
}

/// Changes when anything that the playlist says of a broadcast changes.
fn fingerprint(media: &ScannedMedia) -> i64 {
    let mut hash = crc32fast::Hasher::new();
    let texts = [Some(&media.title), media.genres.first()].into_iter().flatten();
    let places = media.upstreams.iter().flat_map(|upstream| {
        [Some(&upstream.url), upstream.user_agent.as_ref(), upstream.referrer.as_ref()]
    });
    for text in texts.chain(places.flatten()) {
        hash.update(text.as_bytes());
        hash.update(&[0]);
    }
    i64::from(hash.finalize())
}

async fn read_file(path: String) -> Result<String, BroadcastError> {
    let reading = tokio::task::spawn_blocking(move || {
        use std::io::Read;
        let mut bytes = Vec::new();
        let most = u64::try_from(MOST_BYTES).unwrap_or(u64::MAX) + 1;
        std::fs::File::open(path)?.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    });
    let ended =
        reading.await.map_err(|ended| BroadcastError::File(std::io::Error::other(ended)))?;
    text(ended.map_err(BroadcastError::File)?)
}

/// Fetches a playlist; `None` when what comes is not one but the broadcast itself.
async fn fetch(location: &str, outside: &Outside) -> Result<Option<String>, FetchError> {
    let wanted = Wanted { what: "the playlist", most: MOST_BYTES, begins: begins_like_a_playlist };
    let bytes = fetch::fetch(location, outside, &wanted).await?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

fn begins_like_a_playlist(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    bytes.is_empty() || bytes.starts_with(b"#") || bytes.starts_with(b"http")
}

fn text(bytes: Vec<u8>) -> Result<String, BroadcastError> {
    if bytes.len() > MOST_BYTES {
        return Err(BroadcastError::TooLarge);
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{LibraryKind, MediaState};

    fn library(path: &str) -> Library {
        Library {
            id: LibraryId(7),
            name: "Provider".to_owned(),
            path: path.to_owned(),
            kind: LibraryKind::Live,
            connections: None,
            last_scan: None,
        }
    }

    #[tokio::test]
    async fn entries_of_one_name_are_one_broadcast_with_spare_places() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("list.m3u");
        let list = "#EXTM3U\n#EXTINF:-1 group-title=\"News\",One\nhttp://a/1\n\
                    #EXTINF:-1,Two\nhttp://a/2\n#EXTINF:-1,ONE\nhttp://b/1\n\
                    #EXTINF:-1,One\nhttp://a/1\n";
        std::fs::write(&file, list).unwrap();
        let all = read(&library(file.to_str().unwrap()), &Outside::default()).await.unwrap();
        let named: Vec<(&str, usize)> =
            all.iter().map(|media| (media.title.as_str(), media.upstreams.len())).collect();
        assert_eq!(named, [("One", 2), ("Two", 1)]);
        assert_eq!((all[0].path.as_str(), all[0].genres.len()), ("live:one", 1));
        assert_eq!((all[0].duration_ms, &all[0].state), (BLOCK_MS, &MediaState::Playable));
        assert_ne!(all[0].sidecar, all[1].sidecar);
    }

    #[tokio::test]
    async fn an_address_that_is_no_playlist_is_the_broadcast() {
        let all = read(&library("rtsp://camera/1"), &Outside::default()).await.unwrap();
        assert_eq!((all[0].title.as_str(), all.len()), ("Provider", 1));
    }

    #[tokio::test]
    async fn this_machine_is_not_asked_unless_allowed() {
        let (no, own) = (Outside::default(), Outside { own_machine: true, authorities: None });
        let error = read(&library("http://127.0.0.1:9/list.m3u"), &no).await.unwrap_err();
        assert!(error.to_string().contains("library.own_machine"), "{error}");
        let error = read(&library("http://user:secret@127.0.0.1:9/x"), &own).await.unwrap_err();
        let told = format!("{error} {error:?}");
        assert!(told.contains("did not give") && !told.contains("secret"), "{told}");
    }
}
