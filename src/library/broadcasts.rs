//! Broadcasts of others as media: reads a provider's playlist, or takes one address as it is.
//!
//! Entries of the same name or guide id are one broadcast that can be had in several places, the
//! first one first; that is how providers list their spare addresses.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt;

use crate::domain::{Library, LibraryId, MediaKind, ScannedMedia, Upstream};
use crate::formats::playlist::{self, Entry, Playlist};
use crate::foundation::reach::{self, Outside};

/// How a broadcast is cut in the guide, in milliseconds: nobody says what it shows.
pub const BLOCK_MS: i64 = 3_600_000;
/// Largest playlist that is read.
const MOST_BYTES: usize = 32 << 20;
/// Most broadcasts of one playlist.
const MOST_ENTRIES: usize = 20_000;
/// How long a provider may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// Redirections that are followed, each to an address that is checked like the first.
const HOPS: usize = 5;

/// Why a library of broadcasts cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BroadcastError {
    /// The file of the playlist cannot be read.
    #[error("the playlist cannot be read")]
    File(#[source] std::io::Error),
    /// The address is none that can be asked.
    #[error("{0}")]
    Address(String),
    /// The provider did not answer, or not well.
    #[error("{host} did not give the playlist")]
    Fetch {
        /// Who, without what may be secret.
        host: String,
        /// Why not.
        #[source]
        source: reqwest::Error,
    },
    /// The connection cannot be trusted.
    #[error("SRC_TLS: the secure connection to {host} was refused, because {reason}")]
    Tls {
        /// Who, without what may be secret.
        host: String,
        /// Why, in a few words.
        reason: String,
    },
    /// The file of authorities cannot be used.
    #[error("library.ca_file cannot be used: {0}")]
    Authorities(String),
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
async fn fetch(location: &str, outside: &Outside) -> Result<Option<String>, BroadcastError> {
    let wrong = |what: &str| BroadcastError::Address(what.to_owned());
    let mut url: reqwest::Url =
        location.parse().map_err(|_| wrong("the address cannot be understood"))?;
    for _ in 0..=HOPS {
        let host = format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default());
        // The error names the address, and that may hold a password.
        let failed = |source: reqwest::Error| match distrust(&source) {
            Some(reason) => BroadcastError::Tls { host: host.clone(), reason },
            None => BroadcastError::Fetch { host: host.clone(), source: source.without_url() },
        };
        let addresses = resolve(&url, outside.own_machine).await?;
        let client = trusting(reqwest::Client::builder(), outside)
            .await?
            .connect_timeout(PATIENCE)
            .read_timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            // What was checked is what is asked, whatever the name means a moment later.
            .resolve_to_addrs(url.host_str().unwrap_or_default(), &addresses)
            .build()
            .map_err(failed)?;
        let answer = client.get(url.clone()).send().await.map_err(failed)?;
        if answer.status().is_redirection() {
            let next = answer.headers().get(reqwest::header::LOCATION);
            // reason: a location that is no text is no address.
            let next = next.and_then(|next| next.to_str().ok());
            let next = next.ok_or_else(|| wrong("the provider redirects to nowhere"))?;
            url = url.join(next).map_err(|_| wrong("the provider redirects to nowhere"))?;
            if !matches!(url.scheme(), "http" | "https") {
                return Err(wrong("the provider redirects to an address that is not http"));
            }
            continue;
        }
        return body(answer.error_for_status().map_err(failed)?).await.map_err(|problem| {
            match problem {
                BodyError::TooLarge => BroadcastError::TooLarge,
                BodyError::Broke(source) => failed(source),
            }
        });
    }
    Err(wrong("the provider redirects in circles"))
}

/// Lets a client trust the authorities that are configured, and nobody else.
async fn trusting(
    client: reqwest::ClientBuilder,
    outside: &Outside,
) -> Result<reqwest::ClientBuilder, BroadcastError> {
    let Some(path) = &outside.authorities else { return Ok(client) };
    let unusable = |why: &dyn std::fmt::Display| {
        BroadcastError::Authorities(format!("{}: {why}", path.display()))
    };
    let pem = tokio::fs::read(path).await.map_err(|error| unusable(&error))?;
    let found = reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| unusable(&error))?;
    if found.is_empty() {
        return Err(unusable(&"there is no certificate in it"));
    }
    let client = client.tls_built_in_root_certs(false);
    Ok(found.into_iter().fold(client, reqwest::ClientBuilder::add_root_certificate))
}

/// Why the other side is not trusted, if that is what went wrong.
fn distrust(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    let Some(problem) = error.downcast_ref::<std::io::Error>() else {
        return distrust(error.source()?);
    };
    if problem.kind() == std::io::ErrorKind::InvalidData {
        return Some(in_words(&problem.to_string()));
    }
    // An error of input and output hides what it was made of from `source`.
    distrust(problem.get_ref()?)
}

/// What the TLS library says, for people.
fn in_words(said: &str) -> String {
    let known = [
        ("UnknownIssuer", "its certificate is signed by nobody who is trusted (library.ca_file)"),
        ("not valid for name", "its certificate is for another name"),
        ("NotValidForName", "its certificate is for another name"),
        ("Expired", "its certificate has expired"),
        ("NotValidYet", "its certificate is not valid yet"),
        ("CaUsedAsEndEntity", "its certificate is one of an authority, not of a server"),
    ];
    let found = known.iter().find(|(word, _)| said.contains(word));
    found.map_or_else(|| said.to_owned(), |(_, words)| (*words).to_owned())
}

enum BodyError {
    TooLarge,
    Broke(reqwest::Error),
}

/// Reads a playlist to its end; what does not begin like one is not read on.
async fn body(answer: reqwest::Response) -> Result<Option<String>, BodyError> {
    let mut bytes: Vec<u8> = Vec::new();
    let mut chunks = answer.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        bytes.extend_from_slice(&chunk.map_err(BodyError::Broke)?);
        if bytes.len() >= 16 && !begins_like_a_playlist(&bytes) {
            return Ok(None);
        }
        if bytes.len() > MOST_BYTES {
            return Err(BodyError::TooLarge);
        }
    }
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

fn begins_like_a_playlist(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    bytes.is_empty() || bytes.starts_with(b"#") || bytes.starts_with(b"http")
}

/// The addresses of a host, if all of them may be asked.
async fn resolve(url: &reqwest::Url, own_machine: bool) -> Result<Vec<SocketAddr>, BroadcastError> {
    let wrong = |what: String| BroadcastError::Address(what);
    let host = url.host_str().ok_or_else(|| wrong("the address names no host".to_owned()))?;
    let port = url.port_or_known_default().unwrap_or(80);
    let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let found = tokio::net::lookup_host((bare, port)).await;
    let addresses: Vec<SocketAddr> =
        found.map_err(|problem| wrong(format!("{host} cannot be found: {problem}")))?.collect();
    match addresses.iter().find(|address| !reach::is_reachable(address.ip(), own_machine)) {
        Some(address) => Err(wrong(format!(
            "{host} is at {}, where sources are not looked for; library.own_machine allows this \
             machine itself",
            address.ip()
        ))),
        None => Ok(addresses),
    }
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
