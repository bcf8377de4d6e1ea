//! Channels' logos as files, so that their slates can show them.
//!
//! A logo is an address of the operator's. It is fetched once, by ffmpeg, which knows every kind of
//! picture, and kept as a small PNG named after its address; another address is another logo. One
//! that cannot be had is left alone until the next start: the slate has the name, then. Logos that
//! are paths are not fetched: there is no place for pictures on this server.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::foundation::process::{Command, Processes};
use crate::foundation::reach;
use crate::foundation::stop::Stop;

use super::Control;
use super::programming::Replan;

/// Time between looks for new addresses.
const LOOK: Duration = Duration::from_secs(5);
/// An address that takes longer has no logo.
const WITHIN: Duration = Duration::from_secs(20);
/// Largest size it is kept in; slates show it smaller still.
const SIZE: &str = "scale=w='min(iw,640)':h='min(ih,320)':force_original_aspect_ratio=decrease";

type Known = HashMap<String, Option<(String, PathBuf)>>;

/// The logos that are there; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Logos {
    folder: PathBuf,
    /// What became of each address: the digest of its file and where that is, if it was had.
    known: Arc<Mutex<Known>>,
}

impl Logos {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, known: Arc::default() }
    }

    /// The logo at `address`: its digest, and its file. Memory only.
    pub(super) fn find(&self, address: &str) -> Option<(String, PathBuf)> {
        self.lock().get(address).cloned().flatten()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Control {
    /// Fetches the logos of channels as they come up, until the server stops.
    pub(super) fn follow_logos(&self, stop: &Stop) {
        let (control, ended) = (self.clone(), stop.child());
        stop.spawn("logos", async move {
            tokio::select! {
                () = control.fetch_logos() => {}
                () = ended.requested() => {}
            }
        });
    }

    async fn fetch_logos(&self) {
        loop {
            let board = self.board();
            let logos = self.logos();
            let channels = board.channels.values().map(|planned| &planned.channel);
            let addresses = channels.filter_map(|channel| channel.logo.clone());
            let mut new: Vec<String> =
                addresses.filter(|a| !logos.lock().contains_key(a)).collect();
            new.sort();
            new.dedup();
            let mut came = false;
            for address in new {
                let found = self.fetch_logo(&address, logos).await;
                if let Err(reason) = &found {
                    tracing::info!("the slates have no logo, because {reason}");
                }
                let found = found.ok(); // reason: told above
                came |= found.is_some();
                logos.lock().insert(address, found);
            }
            if came && self.refresh(Replan::Extend).await.is_err() {
                tracing::debug!("the logos are shown after the next plan");
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn fetch_logo(&self, address: &str, logos: &Logos) -> Result<(String, PathBuf), String> {
        let name = hex::encode(Sha256::digest(address.as_bytes()));
        let path = logos.folder.join(format!("{name}.png"));
        if let Ok(bytes) = tokio::fs::read(&path).await {
            return Ok((hex::encode(Sha256::digest(&bytes)), path));
        }
        allowed(address, self.own_machine()).await?;
        let folder = tokio::fs::create_dir_all(&logos.folder).await;
        folder.map_err(|error| format!("its folder cannot be made: {error}"))?;
        let (processes, ffmpeg, _) = self.media_programs();
        let fresh = path.with_extension("new");
        draw(&*processes, ffmpeg, address, &fresh).await?;
        let bytes = tokio::fs::read(&fresh).await.map_err(|error| error.to_string())?;
        tokio::fs::rename(&fresh, &path).await.map_err(|error| error.to_string())?;
        Ok((hex::encode(Sha256::digest(&bytes)), path))
    }
}

/// Fetches the picture at `address` and keeps it at `path`.
async fn draw(
    processes: &dyn Processes,
    program: OsString,
    address: &str,
    path: &Path,
) -> Result<(), String> {
    let words = "-nostdin -v error -y -protocol_whitelist http,https,tls,tcp,crypto -i";
    let mut args: Vec<OsString> = words.split(' ').map(OsString::from).collect();
    args.push(address.into());
    args.extend(["-frames:v", "1", "-vf", SIZE, "-pix_fmt", "rgba", "-c:v", "png"].map(Into::into));
    args.extend(["-f", "image2", "-update", "1"].map(Into::into));
    let mut output = OsString::from("file:");
    output.push(path);
    args.push(output);
    let command = Command { program, args, timeout: WITHIN, max_output: 64 * 1024 };
    let finished = processes.run(command).await.map_err(|error| error.to_string())?;
    match finished.code {
        Some(0) => Ok(()),
        code => Err(format!("ffmpeg cannot read one of the logos (exit code {code:?})")),
    }
}

/// Whether an address may be asked, by where its name leads now.
async fn allowed(address: &str, own_machine: bool) -> Result<(), String> {
    // reason: what is no address leads nowhere, and is told below.
    let url =
        reqwest::Url::parse(address).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let Some(url) = url else {
        return Err("one of the logos is a path, and only whole addresses are fetched".to_owned());
    };
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let found = tokio::net::lookup_host((host, url.port_or_known_default().unwrap_or(80))).await;
    let mut found = found.map_err(|error| format!("{host} cannot be found: {error}"))?;
    match found.find(|address| !reach::is_reachable(address.ip(), own_machine)) {
        Some(_) => Err(format!("{host} is at an address where nothing is looked for")),
        None => Ok(()),
    }
}
