//! One store, several servers: who may write where, and how one sees what another has made.
//!
//! - A rendition is made by one server at a time: the one that holds the lock on its folder's
//!   `maker.lock`. The kernel gives the lock back when that server dies.
//! - Whoever takes the lock reads the folder anew before it writes, so groups made by two servers
//!   never overlap and every server chooses the same ones.
//! - Without the lock nobody cuts a torn end, writes notes, or removes the folder. Reading needs no
//!   lock: files only grow, and a record counts when it is whole.
//! - What a channel looked for and did not find whole is looked for again in the folder, every
//!   [`LOOK`], as long as it is missed.
//!
//! A file system without locks serves one server only.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::folder::{
    file_name, files, folders, io_error, parse_folder_name, parse_span_name, read_notes, scan,
};
use super::{Entry, Store, StoreError};
use crate::domain::MediaId;
use crate::foundation::stop::Stop;
use crate::stream::rendition::RenditionKey;

/// How often what is missed is looked for.
const LOOK: Duration = Duration::from_millis(1_000);
/// Renditions looked for at once; more of them are looked for next time.
const MISSED: usize = 256;
/// The file in a rendition's folder whose lock makes a server its maker.
const LOCK: &str = "maker.lock";

/// The right to make a rendition, as long as it is held; clones share it.
#[derive(Debug, Clone)]
pub struct Claim(#[expect(dead_code, reason = "it is held, not used")] Arc<MakerLock>);

/// A locked `maker.lock`.
#[derive(Debug)]
pub(super) struct MakerLock(#[expect(dead_code, reason = "closing it unlocks it")] File);

/// What was looked for in vain since the last look.
#[derive(Debug, Default)]
pub(super) struct Missed {
    renditions: HashSet<RenditionKey>,
    /// Slates, whose version nobody but their maker knows.
    slates: HashSet<(MediaId, String)>,
    /// What another server was making when it was to be made here.
    elsewhere: HashSet<RenditionKey>,
}

impl MakerLock {
    /// Takes the lock of `folder`; `None` when another server has it, or the folder is not ours to
    /// write to.
    pub(super) fn take(folder: &Path) -> io::Result<Option<Self>> {
        let path = folder.join(LOCK);
        loop {
            let file = match File::options().create(true).append(true).open(&path) {
                Ok(file) => file,
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
                    ) =>
                {
                    return Ok(None);
                }
                Err(error) => return Err(error),
            };
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                // Without locks there is one server, and it is this one.
                Ok(()) | Err(Errno::NOSYS | Errno::NOTSUP | Errno::NOLCK) => {}
                Err(Errno::WOULDBLOCK) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
            // The folder may have been moved aside between opening and locking.
            match fs::metadata(&path) {
                Ok(now) if now.ino() == file.metadata()?.ino() => return Ok(Some(Self(file))),
                Ok(_) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Store {
    /// Makes this server the maker of `key`, and reads what others have made of it.
    ///
    /// Blocks on the disk.
    ///
    /// # Errors
    /// [`StoreError::MadeElsewhere`] while another server makes it, or when the disk fails.
    pub fn claim(&self, key: &RenditionKey) -> Result<Claim, StoreError> {
        // One at a time: two locks of this server would shut each other out.
        let _one = self.claiming.lock().unwrap_or_else(PoisonError::into_inner);
        let held = |store: &Self| store.state().entries.get(key).and_then(|e| e.lock.upgrade());
        if let Some(lock) = held(self) {
            return Ok(Claim(lock));
        }
        let folder = self.folder(key);
        let taken = fs::create_dir_all(&folder).and_then(|()| MakerLock::take(&folder));
        let taken = match taken {
            Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => None,
            taken => taken.map_err(|source| io_error("lock", &folder, source))?,
        };
        let Some(lock) = taken else {
            let mut missed = self.missed();
            missed.renditions.insert(key.clone());
            missed.elsewhere.insert(key.clone());
            return Err(StoreError::MadeElsewhere);
        };
        self.read_anew(key, true)?;
        let lock = Arc::new(lock);
        let mut state = self.state_mut();
        if !state.entries.contains_key(key) {
            let entry = state.new_entry(key);
            state.entries.insert(key.clone(), entry);
        }
        if let Some(entry) = state.entries.get_mut(key) {
            entry.lock = Arc::downgrade(&lock);
        }
        Ok(Claim(lock))
    }

    /// Whether another server made `key` a moment ago, so that there is other work to do here.
    pub fn is_made_elsewhere(&self, key: &RenditionKey) -> bool {
        self.missed().elsewhere.contains(key)
    }

    /// Starts to look for what is missed; ends with `stop`.
    pub fn watch_others(self: &Arc<Self>, stop: &Stop) {
        let (store, ended) = (Arc::clone(self), stop.clone());
        stop.spawn("store", async move {
            loop {
                tokio::select! {
                    () = tokio::time::sleep(LOOK) => {}
                    () = ended.requested() => return,
                }
                if store.missed().is_empty() {
                    continue;
                }
                let store = Arc::clone(&store);
                // A panic in there is logged by the runtime, and the next look goes on.
                drop(tokio::task::spawn_blocking(move || store.look_again()).await);
            }
        });
    }

    /// Looks for what was missed since the last look. Blocks on the disk.
    pub fn look_again(&self) {
        let Missed { mut renditions, slates, elsewhere: _ } = std::mem::take(&mut *self.missed());
        for (which, profile) in slates {
            // A profile nobody has made anything for has no folder.
            let found = folders(&self.root.join(&profile)).unwrap_or_default();
            let found = found.iter().filter_map(|folder| parse_folder_name(&file_name(folder)));
            renditions.extend(
                found.filter(|(media, _)| *media == which).map(|(media, version)| RenditionKey {
                    media,
                    version,
                    profile: profile.clone(),
                }),
            );
        }
        for key in renditions {
            let own = self.state().entries.get(&key).is_some_and(|e| e.lock.strong_count() > 0);
            if own {
                continue;
            }
            if let Err(error) = self.read_anew(&key, false) {
                tracing::debug!(%error, "could not look for media {}", key.media);
            }
        }
    }

    pub(super) fn miss(&self, key: RenditionKey) {
        let mut missed = self.missed();
        if missed.renditions.len() < MISSED {
            missed.renditions.insert(key);
        }
    }

    pub(super) fn miss_slate(&self, which: MediaId, profile: &str) {
        self.missed().slates.insert((which, profile.to_owned()));
    }

    /// Takes up what the folder of `key` holds beyond what is known; cuts torn ends with `cut`.
    fn read_anew(&self, key: &RenditionKey, cut: bool) -> Result<(), StoreError> {
        let folder = self.folder(key);
        if !folder.is_dir() {
            return self.forget_vanished(key);
        }
        let notes = read_notes(&folder);
        let known = |entry: &Entry| (entry.bytes, entry.notes.clone());
        let known = self.state().entries.get(key).map(known);
        if !cut && known == Some((length(&folder)?, notes.clone())) {
            return Ok(());
        }
        let mut fresh = {
            let mut state = self.state_mut();
            let mut fresh = state.new_entry(key);
            if let Some(known) = state.entries.get(key) {
                fresh.bad.clone_from(&known.bad);
            }
            fresh
        };
        fresh.notes = notes;
        let fresh = scan(&folder, fresh, cut)?;
        {
            let mut state = self.state_mut();
            let before = state.entries.get(key).map(|entry| (entry.index.clone(), entry.bytes));
            if before.as_ref().is_some_and(|(index, _)| *index == fresh.index)
                || (before.is_none() && fresh.bytes == 0)
            {
                return Ok(());
            }
            state.bytes = state.bytes + fresh.bytes - before.map_or(0, |(_, bytes)| bytes);
            match state.entries.get_mut(key) {
                Some(entry) => {
                    entry.index = fresh.index;
                    entry.notes = fresh.notes;
                    entry.bytes = fresh.bytes;
                    entry.next_span = entry.next_span.max(fresh.next_span);
                }
                None => {
                    state.entries.insert(key.clone(), fresh);
                }
            }
        }
        self.wake();
        Ok(())
    }

    /// Forgets a rendition whose folder another server has removed.
    fn forget_vanished(&self, key: &RenditionKey) -> Result<(), StoreError> {
        {
            let mut state = self.state_mut();
            if state.entries.get(key).is_none_or(|entry| entry.bytes == 0 || entry.writers > 0) {
                return Ok(());
            }
            let gone = state.entries.remove(key).map_or(0, |entry| entry.bytes);
            state.bytes = state.bytes.saturating_sub(gone);
        }
        self.wake();
        Ok(())
    }

    fn missed(&self) -> std::sync::MutexGuard<'_, Missed> {
        self.missed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Missed {
    fn is_empty(&self) -> bool {
        self.renditions.is_empty() && self.slates.is_empty()
    }
}

/// Bytes of all spans of a folder.
fn length(folder: &Path) -> Result<u64, StoreError> {
    let spans = files(folder)?;
    let spans = spans.iter().filter(|path| parse_span_name(&file_name(path)).is_some());
    // reason: what cannot be looked at will not be read either.
    Ok(spans.filter_map(|path| fs::metadata(path).ok()).map(|meta| meta.len()).sum())
}

/// No lock, for an entry that nobody here makes.
pub(super) fn unlocked() -> Weak<MakerLock> {
    Weak::new()
}

#[cfg(test)]
mod tests;
