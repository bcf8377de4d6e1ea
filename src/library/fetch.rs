//! Fetches what somebody else serves over http: playlists and pictures, never endless streams.
//!
//! Every address on the way, that of each redirection too, is looked up once, checked, and asked at
//! the very place that was checked, whatever its name means a moment later.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt;

use crate::foundation::reach::{self, Outside};

/// How long the other side may take to answer, and to go on.
const PATIENCE: Duration = Duration::from_secs(20);
/// Redirections that are followed, each to an address that is checked like the first.
const HOPS: usize = 5;
/// Bytes by which is judged whether it is what is wanted.
const BEGINNING: usize = 16;

/// What is to be fetched.
#[derive(Debug)]
pub struct Wanted {
    /// What it is, for people: "the playlist".
    pub what: &'static str,
    /// Most bytes of it.
    pub most: usize,
    /// Whether it begins as it should; asked from the sixteenth byte on.
    pub begins: fn(&[u8]) -> bool,
}

/// Why something could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The address is none that can be asked.
    #[error("{0}")]
    Address(String),
    /// The other side did not answer, or not well.
    #[error("{host} did not give {what}")]
    Answer {
        /// Who, without what may be secret.
        host: String,
        /// What was wanted.
        what: &'static str,
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
    #[error("{what} is larger than {} MiB", most >> 20)]
    TooLarge {
        /// What was wanted.
        what: &'static str,
        /// Most bytes of it.
        most: usize,
    },
}

/// Fetches what is at `location`, which is an address of http or https; `None` when it begins as
/// something else.
///
/// # Errors
/// When it cannot be had, or its place may not be asked.
pub async fn fetch(
    location: &str,
    outside: &Outside,
    wanted: &Wanted,
) -> Result<Option<Vec<u8>>, FetchError> {
    let wrong = |what: &str| FetchError::Address(what.to_owned());
    let mut url: reqwest::Url =
        location.parse().map_err(|_| wrong("the address cannot be understood"))?;
    for _ in 0..=HOPS {
        let host = format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default());
        // The error names the address, and that may hold a password.
        let failed = |source: reqwest::Error| match distrust(&source) {
            Some(reason) => FetchError::Tls { host: host.clone(), reason },
            None => FetchError::Answer {
                host: host.clone(),
                what: wanted.what,
                source: source.without_url(),
            },
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
            let next = next.ok_or_else(|| wrong("the address redirects to nowhere"))?;
            url = url.join(next).map_err(|_| wrong("the address redirects to nowhere"))?;
            if !matches!(url.scheme(), "http" | "https") {
                return Err(wrong("the address redirects to an address that is not http"));
            }
            continue;
        }
        let mut bytes: Vec<u8> = Vec::new();
        let mut pieces = answer.error_for_status().map_err(failed)?.bytes_stream();
        while let Some(piece) = pieces.next().await {
            bytes.extend_from_slice(&piece.map_err(failed)?);
            // What is something else is not read on: it may never end.
            if bytes.len() >= BEGINNING && !(wanted.begins)(&bytes) {
                return Ok(None);
            }
            if bytes.len() > wanted.most {
                return Err(FetchError::TooLarge { what: wanted.what, most: wanted.most });
            }
        }
        return Ok(Some(bytes));
    }
    Err(wrong("the address redirects in circles"))
}

/// Lets a client trust the authorities that are configured, and nobody else.
async fn trusting(
    client: reqwest::ClientBuilder,
    outside: &Outside,
) -> Result<reqwest::ClientBuilder, FetchError> {
    let Some(path) = &outside.authorities else { return Ok(client) };
    let unusable =
        |why: &dyn std::fmt::Display| FetchError::Authorities(format!("{}: {why}", path.display()));
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

/// The addresses of a host, if all of them may be asked.
async fn resolve(url: &reqwest::Url, own_machine: bool) -> Result<Vec<SocketAddr>, FetchError> {
    let wrong = |what: String| FetchError::Address(what);
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
