//! Media that conforms already is read in process: no child, no cache, ready in milliseconds.
//!
//! [`Shelf`] stands in front of the disk store. A file whose container and pictures it understands
//! is *opened*: its tables are read once and checked by the same rules as a copy by ffmpeg, and
//! what stays in memory is an index like any other rendition's. Its groups are read from the file
//! when they are muxed. Whatever does not fit goes the way through ffmpeg, with a reason.
//!
//! Files come from outside and may be hostile, change or vanish: nothing here panics on them,
//! every length is checked, the state of the file is compared at every read, and a fault takes the
//! file off the shelf, so that ffmpeg says what is wrong with it.
//!
//! The lock is held for memory work only, never while a file is read.

mod boxes;
mod check;
mod ebml;
mod film;
mod fragments;
mod grouping;
mod matroska;
mod mp4;
mod source;
#[cfg(test)]
mod tests;
mod units;

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tokio::sync::watch;

use self::film::Film;
use self::source::{Disk, Files};
use super::conform::rules::Misfit;
use super::rendition::{Gop, GopEntry, ReadError, RenditionIndex, RenditionKey, Renditions};
use super::store::Store;
use crate::domain::{Media, MediaId, Profile, UtcMillis};
use crate::foundation::clock::SharedClock;
use crate::foundation::stop::Stop;

/// The span number that says that a group is read from the media's own file.
const SPAN: u32 = u32::MAX;
/// What is not on air for this long goes, unless it was just used; in milliseconds.
const KEEP_AHEAD_MS: i64 = 3 * 3_600_000;
/// What was used less than this ago stays, in milliseconds: HLS reaches ten minutes back.
const KEEP_USED_MS: i64 = 900_000;
/// A read that takes longer than this waits for a disk that sleeps, hangs or is far too busy.
const STUCK_MS: i64 = 30;
/// After an error of the disk the file is tried again, in milliseconds.
const TRY_AGAIN_MS: i64 = 60_000;

/// Why a file is not read in process.
#[derive(Debug, thiserror::Error)]
enum Unfit {
    #[error("{0}")]
    Kind(&'static str),
    #[error("{0}")]
    Treated(String),
    #[error(transparent)]
    Rule(#[from] Misfit),
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// Why a group could not be read from a file that fitted.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("the file has changed")]
    Changed,
    #[error("its samples are damaged")]
    Damaged,
    #[error(transparent)]
    Misfit(#[from] Misfit),
}

impl From<Fault> for Unfit {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Io(error) => Self::Io(error),
            Fault::Misfit(misfit) => Self::Rule(misfit),
            Fault::Changed => Self::Kind("it changes"),
            Fault::Damaged => Self::Kind("its samples are damaged"),
        }
    }
}

/// What can be had of a media item without ffmpeg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Offer {
    /// All of it.
    Ready,
    /// It is being looked at; [`Renditions::grown`] tells when that is over.
    Opening,
    /// Nothing, for this reason.
    Unfit(String),
    /// Nobody has looked yet.
    Unknown,
}

/// The files that are read in process; see the module.
#[derive(Debug)]
pub struct Shelf {
    store: Arc<Store>,
    files: Arc<dyn Files>,
    clock: SharedClock,
    stop: Stop,
    entries: RwLock<HashMap<RenditionKey, Entry>>,
}

#[derive(Debug)]
struct Entry {
    state: State,
    used_ms: AtomicI64,
}

#[derive(Debug)]
enum State {
    Opening,
    Ready(Arc<Film>),
    Unfit {
        reason: String,
        /// When it may be looked at again; `None` for as long as the file is the same.
        until_ms: Option<i64>,
    },
}

impl Shelf {
    /// An empty shelf in front of `store`.
    pub fn new(store: Arc<Store>, clock: SharedClock, stop: &Stop) -> Arc<Self> {
        Self::over(store, Arc::new(Disk), clock, stop)
    }

    fn over(
        store: Arc<Store>,
        files: Arc<dyn Files>,
        clock: SharedClock,
        stop: &Stop,
    ) -> Arc<Self> {
        Arc::new(Self { store, files, clock, stop: stop.clone(), entries: RwLock::default() })
    }

    /// What can be had of `media` now. Memory only.
    pub fn offer(&self, media: &Media, profile: &Profile) -> Offer {
        let now = self.clock.now_ms();
        match self.entries().get(&Store::key_of(media, profile)).map(|entry| &entry.state) {
            Some(State::Ready(_)) => Offer::Ready,
            Some(State::Opening) => Offer::Opening,
            Some(State::Unfit { until_ms: Some(until), .. }) if *until <= now => Offer::Unknown,
            Some(State::Unfit { reason, .. }) => Offer::Unfit(reason.clone()),
            None => Offer::Unknown,
        }
    }

    /// As [`Self::offer`], and looks at the file when nobody has. Never waits.
    pub fn want(self: &Arc<Self>, media: &Arc<Media>, profile: &Profile) -> Offer {
        match self.offer(media, profile) {
            Offer::Unknown => {
                let key = Store::key_of(media, profile);
                // Most of what is not read in process is told by its probe.
                if let Err(unfit) = film::wanted(media, profile) {
                    let reason = unfit.to_string();
                    self.put(&key, State::Unfit { reason: reason.clone(), until_ms: None });
                    return Offer::Unfit(reason);
                }
                self.put(&key, State::Opening);
                let (shelf, media, profile) =
                    (Arc::clone(self), Arc::clone(media), profile.clone());
                self.stop.spawn("direct", async move { shelf.open(media, profile).await });
                Offer::Opening
            }
            known => known,
        }
    }

    /// As [`Self::want`], and waits for what comes of it.
    pub async fn prepare(self: &Arc<Self>, media: &Arc<Media>, profile: &Profile) -> Offer {
        let mut grown = self.store.grown();
        loop {
            match self.want(media, profile) {
                Offer::Opening | Offer::Unknown => {}
                known => return known,
            }
            // The store lives as long as this shelf.
            if grown.changed().await.is_err() {
                return Offer::Unknown;
            }
        }
    }

    /// Forgets all that is known of `media`.
    pub fn forget(&self, media: MediaId) {
        self.entries_mut().retain(|key, _| key.media != media);
    }

    /// Drops what is not on air soon; `uses` says when what is needed next.
    pub fn keep(&self, uses: &HashMap<(MediaId, String), UtcMillis>) {
        let now = self.clock.now_ms();
        self.entries_mut().retain(|key, entry| {
            let next = uses.get(&(key.media, key.profile.clone()));
            let used = now - entry.used_ms.load(Ordering::Relaxed) < KEEP_USED_MS;
            used || next.is_some_and(|at| at.0 - now < KEEP_AHEAD_MS)
        });
    }

    /// How many files are on the shelf, and the bytes of memory that takes.
    pub fn usage(&self) -> (usize, usize) {
        let entries = self.entries();
        let films = entries.values().filter_map(|entry| match &entry.state {
            State::Ready(film) => Some(film.memory()),
            State::Opening | State::Unfit { .. } => None,
        });
        films.fold((0, 0), |(count, bytes), film| (count + 1, bytes + film))
    }

    /// Reads the tables of a file on a blocking thread and keeps what came of it.
    async fn open(self: Arc<Self>, media: Arc<Media>, profile: Profile) {
        let key = Store::key_of(&media, &profile);
        let notes = self.store.notes(&key);
        let opened = match notes.direct_barred {
            Some(reason) => Err(Unfit::Treated(reason)),
            None => {
                let (shelf, media, key) = (Arc::clone(&self), Arc::clone(&media), key.clone());
                let opening = tokio::task::spawn_blocking(move || {
                    Film::open(&*shelf.files, &media, &profile, key)
                });
                // A panic would be a mistake of ours; the file goes the other way then.
                opening.await.unwrap_or(Err(Unfit::Kind("it cannot be understood")))
            }
        };
        let state = match opened {
            Ok(film) => {
                if notes.direct_checked {
                    film.set_checked();
                }
                tracing::debug!(
                    media.id = %media.id, bytes = film.memory(),
                    "media {} is read in process", media.id
                );
                State::Ready(Arc::new(film))
            }
            Err(unfit) => {
                tracing::debug!(
                    media.id = %media.id,
                    "media {} is not read in process, because {unfit}", media.id
                );
                let until_ms = matches!(unfit, Unfit::Io(_))
                    .then(|| self.clock.now_ms().saturating_add(TRY_AGAIN_MS));
                State::Unfit { reason: unfit.to_string(), until_ms }
            }
        };
        // Whoever forgot the media meanwhile knows better.
        if self.entries().contains_key(&key) {
            self.put(&key, state);
        }
        self.store.wake();
    }

    fn put(&self, key: &RenditionKey, state: State) {
        let used_ms = AtomicI64::new(self.clock.now_ms());
        self.entries_mut().insert(key.clone(), Entry { state, used_ms });
    }

    fn film(&self, key: &RenditionKey) -> Option<Arc<Film>> {
        let entries = self.entries();
        let entry = entries.get(key)?;
        entry.used_ms.store(self.clock.now_ms(), Ordering::Relaxed);
        match &entry.state {
            State::Ready(film) => Some(Arc::clone(film)),
            State::Opening | State::Unfit { .. } => None,
        }
    }

    fn read_film(&self, key: &RenditionKey, gop: &GopEntry) -> Result<Gop, ReadError> {
        let media = key.media;
        let Some(film) = self.film(key) else {
            let source = io::Error::from(io::ErrorKind::NotFound);
            return Err(ReadError::Io { media, source });
        };
        let since = self.clock.now_ms();
        let read = film.read(&*self.files, &*self.clock, gop);
        if self.clock.now_ms() - since > STUCK_MS {
            // Channels that went on without it look again.
            self.store.wake();
        }
        read.map_err(|fault| {
            let transient = match &fault {
                // Out of descriptors or memory says nothing about the file.
                Fault::Io(error) => {
                    !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof)
                }
                Fault::Changed | Fault::Damaged | Fault::Misfit(_) => false,
            };
            tracing::info!(
                media.id = %media,
                "media {media} is not read in process any more, because {fault}"
            );
            let until_ms = transient.then(|| self.clock.now_ms().saturating_add(TRY_AGAIN_MS));
            self.put(key, State::Unfit { reason: fault.to_string(), until_ms });
            self.store.wake();
            match fault {
                Fault::Io(source) => ReadError::Io { media, source },
                Fault::Changed | Fault::Damaged | Fault::Misfit(_) => ReadError::Damaged { media },
            }
        })
    }

    fn entries(&self) -> RwLockReadGuard<'_, HashMap<RenditionKey, Entry>> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn entries_mut(&self) -> RwLockWriteGuard<'_, HashMap<RenditionKey, Entry>> {
        self.entries.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Renditions for Shelf {
    fn index(&self, media: &Media, profile: &Profile) -> Option<Arc<RenditionIndex>> {
        let key = Store::key_of(media, profile);
        match self.film(&key) {
            Some(film) => Some(Arc::clone(&film.index)),
            None => self.store.index(media, profile),
        }
    }

    fn stored(&self, key: &RenditionKey) -> Option<Arc<RenditionIndex>> {
        match self.film(key) {
            Some(film) => Some(Arc::clone(&film.index)),
            None => self.store.stored(key),
        }
    }

    fn slate(&self, which: MediaId, profile: &Profile) -> Option<Arc<RenditionIndex>> {
        self.store.slate(which, profile)
    }

    fn in_trouble(&self, media: &Media, profile: &Profile) -> bool {
        self.store.in_trouble(media, profile)
    }

    fn read(&self, key: &RenditionKey, gop: &GopEntry) -> Result<Gop, ReadError> {
        if gop.span == SPAN { self.read_film(key, gop) } else { self.store.read(key, gop) }
    }

    fn is_stuck(&self, key: &RenditionKey) -> bool {
        let film = self.film(key);
        let since = film.and_then(|film| film.reading_since());
        since.is_some_and(|since| self.clock.now_ms() - since > STUCK_MS)
    }

    fn grown(&self) -> watch::Receiver<u64> {
        self.store.grown()
    }
}
