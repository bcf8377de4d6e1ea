//! The rendition store: conformed media on disk, indexed in memory.
//!
//! A rendition is a folder `PROFILE/MEDIA.VERSION/` with append-only span files, one a run, and a
//! small `notes.json`. The index is rebuilt at start from the record headers; a torn tail is cut
//! off there, so a crash costs at most the group being written. Payload checksums are verified
//! when read: a damaged group leaves the index, and is then made again like any other hole.
//!
//! The store is a cache: everything in it can be made anew, so nothing is synced and a rendition
//! that a full budget can spare is removed as a whole, by its next use ([`evict`]). A full disk
//! ends the writing job with an error and leaves what was written whole.
//!
//! Locks are held for memory work and for renaming a folder, never while pictures are read or
//! written. Several servers may share a store: see [`shared`].

mod evict;
mod folder;
mod record;
mod shared;
mod writer;

use std::collections::HashMap;
use std::fs::{self, File};
use std::hash::Hasher;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use self::folder::{
    file_name, folders, io_error, parse_folder_name, read_notes, remove_folder, scan, span_path,
    write_notes,
};
pub use self::record::{NewGop, Unwritable};
pub use self::shared::Claim;
use self::shared::{MakerLock, Missed};
pub use self::writer::{Appended, Writer};
use super::fnv::Fnv;
use super::rendition::{Gop, GopEntry, ReadError, RenditionIndex, RenditionKey, Renditions};
use super::slate;
use crate::domain::{Media, MediaId, Profile, SlateKind, UtcMillis};

/// Bytes that stay free on the disk, for the database and everyone else.
const DISK_RESERVE: u64 = 64 << 20;

/// Why something could not be stored.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk says no.
    #[error("{what} {path}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// With which file.
        path: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Everything in the cache is needed sooner, or the disk is nearly full.
    #[error("the cache has no room: {reason}")]
    Full {
        /// In a few words.
        reason: &'static str,
    },
    /// The rendition was removed while it was written.
    #[error("the rendition was removed")]
    Forgotten,
    /// Another server that shares the store makes this rendition.
    #[error("another server makes this rendition")]
    MadeElsewhere,
    /// The group breaks the format's bounds.
    #[error(transparent)]
    Unwritable(#[from] Unwritable),
}

/// What is known of a rendition besides its pictures.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notes {
    /// The frame after the last one, once the end of the media was reached.
    pub end_frame: Option<i64>,
    /// Why its picture cannot be copied, once that was tried.
    pub copy_barred: Option<String>,
    /// Why its sound cannot be copied, once that was tried.
    #[serde(default)]
    pub sound_barred: Option<String>,
    /// What its sound is lifted by, in hundredths of a decibel; one for all of it.
    pub gain: Option<i32>,
    /// Why its subtitles are not burned in, once that failed.
    pub words_barred: Option<String>,
    /// How far copied pictures lie behind the grid, in ticks; the same in every run.
    pub phase: Option<i64>,
    /// Why the file must not be read in process, once that was found out.
    #[serde(default)]
    pub direct_barred: Option<String>,
    /// Whether it was compared with ffmpeg's copy and is the same.
    #[serde(default)]
    pub direct_checked: bool,
    /// Whether the last conform of it failed; viewers are told that something is wrong.
    #[serde(default)]
    pub failed: bool,
    /// Whether what was made was looked at and decodes.
    #[serde(default)]
    pub verified: bool,
}

/// The store; see the module.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    budget: u64,
    state: RwLock<State>,
    /// Next use by media and shape of the profile, as `ahead` knows it.
    uses: RwLock<HashMap<(MediaId, String), UtcMillis>>,
    touches: AtomicU64,
    grown: watch::Sender<u64>,
    /// Tells the folders this server removes from those of others.
    tag: u32,
    /// Held while a claim is made.
    claiming: Mutex<()>,
    missed: Mutex<Missed>,
    /// Bytes that may be written before the disk is full, as the write then finds out.
    #[cfg(test)]
    pub(in crate::stream) disk_room: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    entries: HashMap<RenditionKey, Entry>,
    bytes: u64,
    next_id: u64,
}

#[derive(Debug)]
struct Entry {
    /// Tells an entry from a later one of the same key.
    id: u64,
    index: Arc<RenditionIndex>,
    notes: Notes,
    bytes: u64,
    next_span: u32,
    writers: u32,
    touched: AtomicU64,
    /// Alive while this server makes it.
    lock: Weak<MakerLock>,
    /// Span and offset of groups that turned out to be damaged.
    bad: Vec<(u32, u64)>,
    /// Whether it is made without anybody needing it: then nothing is removed for it.
    spare: bool,
}

impl Store {
    /// Opens the store at `root` and rebuilds its index. Blocks on the disk.
    ///
    /// # Errors
    /// When the folder cannot be made or listed; a damaged rendition is no error.
    pub fn open(root: &Path, budget: u64) -> Result<Arc<Self>, StoreError> {
        let mut state = State::default();
        fs::create_dir_all(root).map_err(|source| io_error("create", root, source))?;
        for profile in folders(root)? {
            let name = file_name(&profile);
            if name.starts_with("trash-") {
                remove_folder(&profile);
                continue;
            }
            for folder in folders(&profile)? {
                let Some((media, version)) = parse_folder_name(&file_name(&folder)) else {
                    continue;
                };
                let key = RenditionKey { media, version, profile: name.clone() };
                let entry = state.new_entry(&key);
                let entry = Entry { notes: read_notes(&folder), ..entry };
                // What another server writes just now has no torn end, only an unfinished one.
                let lock =
                    MakerLock::take(&folder).map_err(|source| io_error("lock", &folder, source))?;
                let entry = scan(&folder, entry, lock.is_some())?;
                state.bytes += entry.bytes;
                state.entries.insert(key, entry);
            }
        }
        Ok(Arc::new(Self {
            root: root.to_owned(),
            budget,
            state: RwLock::new(state),
            uses: RwLock::default(),
            touches: AtomicU64::new(1),
            grown: watch::channel(0).0,
            tag: rand::random(),
            claiming: Mutex::default(),
            missed: Mutex::default(),
            #[cfg(test)]
            disk_room: AtomicU64::new(u64::MAX),
        }))
    }

    /// The rendition of `media` in its present state on `profile`.
    pub fn key_of(media: &Media, profile: &Profile) -> RenditionKey {
        let mut version = Fnv::default();
        version.write(&media.size.to_le_bytes());
        version.write(&media.modified.0.to_le_bytes());
        RenditionKey { media: media.id, version: version.finish(), profile: profile.shape() }
    }

    /// What is stored under `key`, or `None` when nothing is.
    pub fn index_of(&self, key: &RenditionKey) -> Option<Arc<RenditionIndex>> {
        let state = self.state();
        let entry = state.entries.get(key)?;
        entry.touched.store(self.touches.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        let known = !entry.index.gops.is_empty() || entry.index.end_frame.is_some();
        known.then(|| Arc::clone(&entry.index))
    }

    /// What is known of `key` besides its pictures.
    pub fn notes(&self, key: &RenditionKey) -> Notes {
        self.state().entries.get(key).map(|entry| entry.notes.clone()).unwrap_or_default()
    }

    /// Changes the notes of `key` and writes them down.
    ///
    /// # Errors
    /// When they cannot be written; they hold in memory all the same.
    pub fn note(
        &self,
        key: &RenditionKey,
        change: impl FnOnce(&mut Notes),
    ) -> Result<(), StoreError> {
        let notes = {
            let mut state = self.state_mut();
            if !state.entries.contains_key(key) {
                let entry = state.new_entry(key);
                state.entries.insert(key.clone(), entry);
            }
            let Some(entry) = state.entries.get_mut(key) else { return Ok(()) };
            change(&mut entry.notes);
            let index = &entry.index;
            entry.index = Arc::new(RenditionIndex {
                key: index.key.clone(),
                gops: Arc::clone(&index.gops),
                end_frame: entry.notes.end_frame,
            });
            entry.notes.clone()
        };
        self.wake();
        write_notes(&self.folder(key), &notes)
    }

    /// Begins a span of `key`; renditions of an older state of the file are removed.
    pub fn writer(self: &Arc<Self>, key: &RenditionKey) -> Writer {
        let mut trash = Vec::new();
        let id = {
            let mut state = self.state_mut();
            let outdated: Vec<RenditionKey> = state
                .entries
                .keys()
                .filter(|other| other.media == key.media && other.profile == key.profile)
                .filter(|other| other.version != key.version)
                .cloned()
                .collect();
            trash.extend(outdated.iter().filter_map(|other| self.remove(&mut state, other)));
            if !state.entries.contains_key(key) {
                let entry = state.new_entry(key);
                state.entries.insert(key.clone(), entry);
            }
            let entry = state.entries.get_mut(key);
            entry.map_or(0, |entry| {
                entry.writers += 1;
                entry.id
            })
        };
        trash.iter().for_each(|folder| remove_folder(folder));
        Writer { store: Arc::clone(self), key: key.clone(), id, span: None, claim: None }
    }

    /// Removes every rendition of `media`; running jobs for it end.
    pub fn forget(&self, media: MediaId) {
        let mut state = self.state_mut();
        let keys: Vec<RenditionKey> =
            state.entries.keys().filter(|key| key.media == media).cloned().collect();
        let trash: Vec<PathBuf> =
            keys.iter().filter_map(|key| self.remove(&mut state, key)).collect();
        drop(state);
        self.wake();
        trash.iter().for_each(|folder| remove_folder(folder));
    }

    /// Takes over when which media is next on air; the basis of eviction.
    pub fn publish_uses(&self, uses: HashMap<(MediaId, String), UtcMillis>) {
        *self.uses.write().unwrap_or_else(PoisonError::into_inner) = uses;
    }

    /// Bytes of all renditions, and how many they may be.
    pub fn usage(&self) -> (u64, u64) {
        (self.state().bytes, self.budget)
    }

    /// Makes room for a whole rendition before it is begun, as far as a quarter of the budget.
    ///
    /// Blocks on the disk.
    ///
    /// # Errors
    /// When what is stored is needed sooner; then beginning would be work for nothing.
    pub fn reserve(&self, media: &Media, profile: &Profile) -> Result<(), StoreError> {
        let key = Self::key_of(media, profile);
        self.set_spare(&key, false);
        self.make_room(&key, self.wanted(&key, media, profile))
    }

    /// As [`Self::reserve`] for something that nobody needs as far as is known: it gets what is free,
    /// and nothing is removed for it, now or while it is written, until a timeline names it.
    ///
    /// # Errors
    /// When there is not enough free room.
    pub fn reserve_spare(&self, media: &Media, profile: &Profile) -> Result<(), StoreError> {
        let key = Self::key_of(media, profile);
        self.set_spare(&key, true);
        self.make_room(&key, self.wanted(&key, media, profile))
    }

    /// What is still to be written of a rendition, about, and as far as a quarter of the budget.
    fn wanted(&self, key: &RenditionKey, media: &Media, profile: &Profile) -> u64 {
        let stored = self.state().entries.get(key).map_or(0, |entry| entry.bytes);
        let bits = u64::from(profile.video_kbps + profile.audio_kbps)
            * u64::try_from(media.duration_ms).unwrap_or(0);
        (bits / 8).saturating_sub(stored).min(self.budget / 4)
    }

    fn set_spare(&self, key: &RenditionKey, spare: bool) {
        let mut state = self.state_mut();
        if spare && !state.entries.contains_key(key) {
            let entry = state.new_entry(key);
            state.entries.insert(key.clone(), entry);
        }
        if let Some(entry) = state.entries.get_mut(key) {
            entry.spare = spare;
        }
    }

    /// Removes one rendition, as nothing of it can be used; a running job for it ends.
    pub fn discard(&self, key: &RenditionKey) {
        let trash = self.remove(&mut self.state_mut(), key);
        self.wake();
        trash.iter().for_each(|folder| remove_folder(folder));
    }

    /// Makes room for `bytes` of `key`, removing what is needed later.
    fn make_room(&self, key: &RenditionKey, bytes: u64) -> Result<(), StoreError> {
        loop {
            let disk_full = self.disk_free() < DISK_RESERVE + bytes;
            let mut state = self.state_mut();
            if !disk_full && state.bytes + bytes <= self.budget {
                return Ok(());
            }
            let reason = if disk_full { "the disk is full" } else { "all of it is needed sooner" };
            let uses = self.uses.read().unwrap_or_else(PoisonError::into_inner);
            let next_use =
                |key: &RenditionKey| uses.get(&(key.media, key.profile.clone())).copied();
            let is_spare = state.entries.get(key).is_some_and(|entry| entry.spare);
            if is_spare && next_use(key).is_none() {
                return Err(StoreError::Full { reason: "nobody needs it, and nothing is free" });
            }
            let keys: Vec<RenditionKey> = state.entries.keys().cloned().collect();
            let candidates: Vec<evict::Candidate> = state
                .entries
                .iter()
                .map(|(other, entry)| evict::Candidate {
                    next_use: next_use(other),
                    touched: entry.touched.load(Ordering::Relaxed),
                    pinned: is_for_all(other.media)
                        || other == key
                        || entry.writers > 0
                        || entry.bytes == 0,
                })
                .collect();
            let Some(victim) = evict::victim(&candidates, next_use(key)) else {
                return Err(StoreError::Full { reason });
            };
            let victim = &keys[victim];
            tracing::info!(media.id = %victim.media, "the cache drops media {}", victim.media);
            let trash = self.remove(&mut state, victim);
            drop(state);
            trash.iter().for_each(|folder| remove_folder(folder));
        }
    }

    /// Takes an entry out of memory and moves its folder aside, so that its name is free at once.
    ///
    /// Gives the folder, to be removed when the lock is free again: that may take long.
    fn remove(&self, state: &mut State, key: &RenditionKey) -> Option<PathBuf> {
        let entry = state.entries.remove(key)?;
        state.bytes = state.bytes.saturating_sub(entry.bytes);
        let folder = self.folder(key);
        // What another server makes is its to remove.
        let _lock = match entry.lock.upgrade() {
            Some(_) => None,
            // reason: a folder that is not there needs no removing.
            None => Some(MakerLock::take(&folder).ok().flatten()?),
        };
        let trash = self.root.join(format!("trash-{:08x}-{}", self.tag, entry.id));
        match fs::rename(&folder, &trash) {
            Ok(()) => Some(trash),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                tracing::warn!(%error, "could not remove {}", folder.display());
                None
            }
        }
    }

    /// Takes one group out of the index, after it turned out to be unreadable.
    fn drop_gop(&self, key: &RenditionKey, bad: &GopEntry) {
        let mut state = self.state_mut();
        let Some(entry) = state.entries.get_mut(key) else { return };
        entry.bad.push((bad.span, bad.offset));
        let gops = entry.index.gops.iter().filter(|gop| *gop != bad).copied().collect();
        entry.index =
            Arc::new(RenditionIndex { key: key.clone(), gops, end_frame: entry.notes.end_frame });
        tracing::warn!(
            media.id = %key.media,
            "a stored group of media {} is damaged and will be made again", key.media
        );
    }

    fn disk_free(&self) -> u64 {
        match rustix::fs::statvfs(&self.root) {
            Ok(stat) => stat.f_bavail.saturating_mul(stat.f_frsize),
            // Writing will tell.
            Err(_) => u64::MAX,
        }
    }

    fn folder(&self, key: &RenditionKey) -> PathBuf {
        self.root.join(&key.profile).join(format!("{}.{:016x}", key.media, key.version))
    }

    pub(in crate::stream) fn wake(&self) {
        self.grown.send_modify(|count| *count += 1);
    }

    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn state_mut(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Renditions for Store {
    fn index(&self, media: &Media, profile: &Profile) -> Option<Arc<RenditionIndex>> {
        let key = Self::key_of(media, profile);
        let index = self.index_of(&key);
        if !index.as_ref().is_some_and(|index| index.is_complete()) {
            self.miss(key);
        }
        index
    }

    fn stored(&self, key: &RenditionKey) -> Option<Arc<RenditionIndex>> {
        self.index_of(key)
    }

    fn slate(&self, which: MediaId, profile: &Profile) -> Option<Arc<RenditionIndex>> {
        let shape = profile.shape();
        let state = self.state();
        let mut found = state.entries.iter().filter(|(key, entry)| {
            key.media == which && key.profile == shape && entry.index.is_complete()
        });
        let found = found.next().map(|(_, entry)| Arc::clone(&entry.index));
        if found.is_none() {
            self.miss_slate(which, &shape);
        }
        found
    }

    fn in_trouble(&self, media: &Media, profile: &Profile) -> bool {
        let key = Self::key_of(media, profile);
        self.state().entries.get(&key).is_some_and(|entry| entry.notes.failed)
    }

    fn read(&self, key: &RenditionKey, gop: &GopEntry) -> Result<Gop, ReadError> {
        let media = key.media;
        let read = || {
            let file = File::open(span_path(&self.folder(key), gop.span))?;
            let length = usize::try_from(gop.length).map_err(io::Error::other)?;
            let mut bytes = vec![0; length];
            file.read_exact_at(&mut bytes, gop.offset)?;
            Ok(Bytes::from(bytes))
        };
        let answer = match read() {
            Ok(bytes) => record::read(&bytes).ok_or(ReadError::Damaged { media }),
            Err(source) => Err(ReadError::Io { media, source }),
        };
        match &answer {
            Ok(_) => {}
            // Out of descriptors or memory says nothing about the record.
            Err(ReadError::Io { source, .. })
                if !matches!(
                    source.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof
                ) => {}
            Err(ReadError::Io { .. } | ReadError::Damaged { .. }) => self.drop_gop(key, gop),
        }
        answer
    }

    fn grown(&self) -> watch::Receiver<u64> {
        self.grown.subscribe()
    }
}

impl State {
    fn new_entry(&mut self, key: &RenditionKey) -> Entry {
        self.next_id += 1;
        Entry {
            id: self.next_id,
            index: Arc::new(RenditionIndex {
                key: key.clone(),
                gops: Arc::from([]),
                end_frame: None,
            }),
            notes: Notes::default(),
            bytes: 0,
            next_span: 0,
            writers: 0,
            touched: AtomicU64::new(0),
            lock: shared::unlocked(),
            bad: Vec::new(),
            spare: false,
        }
    }
}

/// Whether it is one of the slates that every channel relies on.
fn is_for_all(media: MediaId) -> bool {
    SlateKind::ALL.iter().any(|kind| slate::id_of(*kind) == media)
}

#[cfg(test)]
mod tests;
