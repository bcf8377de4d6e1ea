//! Appending to a rendition: one span file a writer.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use super::folder::{io_error, span_path};
use super::record::{self, NewGop, Unwritable};
use super::{Claim, Store, StoreError};
use crate::stream::rendition::{Gop, GopEntry, RenditionIndex, RenditionKey};

/// What became of a group handed to [`Writer::append`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// It is in the store; the value is the frame after its last.
    UpTo(i64),
    /// Its first frame was in the store already, so it was left out.
    Known,
}

/// Appends to one span of a rendition. Blocks on the disk.
#[derive(Debug)]
pub struct Writer {
    pub(super) store: Arc<Store>,
    pub(super) key: RenditionKey,
    pub(super) id: u64,
    pub(super) span: Option<Span>,
    pub(super) claim: Option<Claim>,
}

/// A span file being written.
#[derive(Debug)]
pub(super) struct Span {
    number: u32,
    path: PathBuf,
    file: File,
    length: u64,
}

impl Writer {
    /// Stores a group; one that reaches into stored frames is cut there.
    ///
    /// # Errors
    /// When there is no room, the disk fails, the rendition was removed meanwhile, or another server
    /// makes it. What was stored before stays whole.
    pub fn append(&mut self, new: &NewGop) -> Result<Appended, StoreError> {
        if self.claim.is_none() {
            self.claim = Some(self.store.claim(&self.key)?);
        }
        let cut;
        let new = match self.bound(new.first_frame)? {
            Bound::Known => return Ok(Appended::Known),
            Bound::Until(next) if next < new.first_frame + i64::from(new.frames) => {
                cut = cut_before(new, next);
                &cut
            }
            Bound::Until(_) => new,
        };
        let bytes = record::write(new)?;
        let length = u32::try_from(bytes.len()).map_err(|_| Unwritable)?;
        self.store.make_room(&self.key, u64::from(length))?;
        self.span()?;
        let Some(span) = &mut self.span else { return Err(StoreError::Forgotten) };
        let offset = span.length;
        #[cfg(test)]
        let written = self.store.write_or_not(&mut span.file, &bytes);
        #[cfg(not(test))]
        let written = span.file.write_all(&bytes);
        if let Err(source) = written {
            // A half-written record would hide those that follow it.
            if let Err(error) = span.file.set_len(offset) {
                tracing::warn!(%error, "could not cut {}", span.path.display());
            }
            let path = span.path.clone();
            self.span = None;
            return Err(io_error("write", &path, source));
        }
        span.length += u64::from(length);
        let entry = GopEntry {
            first_frame: new.first_frame,
            frames: new.frames,
            audio_tick: new.audio_tick,
            audio_frames: u32::try_from(new.gop.audio.len()).unwrap_or(0),
            span: span.number,
            offset,
            length,
        };
        self.publish(entry)
    }

    /// Puts what follows into a file of its own, and removes the files that end before `before`.
    ///
    /// For broadcasts, of which only the present is kept. Blocks on the disk.
    pub fn begin_span(&mut self, before: i64) {
        self.span = None;
        let mut over = Vec::new();
        {
            let mut state = self.store.state_mut();
            let entry = state.entries.get_mut(&self.key).filter(|entry| entry.id == self.id);
            let Some(entry) = entry else { return };
            let keeps = |gop: &GopEntry| gop.end_frame() > before;
            let kept: HashSet<u32> =
                entry.index.gops.iter().filter(|gop| keeps(gop)).map(|gop| gop.span).collect();
            let goes = |gop: &&GopEntry| !kept.contains(&gop.span);
            let bytes: u64 =
                entry.index.gops.iter().filter(goes).map(|gop| u64::from(gop.length)).sum();
            over.extend((0..entry.next_span).filter(|span| !kept.contains(span)));
            let gops = entry.index.gops.iter().filter(|gop| !goes(gop)).copied().collect();
            let index = RenditionIndex { gops, ..RenditionIndex::clone(&entry.index) };
            entry.index = Arc::new(index);
            entry.bytes = entry.bytes.saturating_sub(bytes);
            state.bytes = state.bytes.saturating_sub(bytes);
        }
        let folder = self.store.folder(&self.key);
        for span in over {
            let path = span_path(&folder, span);
            match fs::remove_file(&path) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => tracing::warn!(%error, "could not remove {}", path.display()),
            }
        }
    }

    /// Where the frame `first` may reach to.
    fn bound(&self, first: i64) -> Result<Bound, StoreError> {
        let state = self.store.state();
        let entry = state.entries.get(&self.key).filter(|entry| entry.id == self.id);
        let entry = entry.ok_or(StoreError::Forgotten)?;
        if entry.index.covering(first).is_some() {
            return Ok(Bound::Known);
        }
        let next = entry.index.starting_from(first);
        Ok(Bound::Until(next.map_or(i64::MAX, |gop| gop.first_frame)))
    }

    fn span(&mut self) -> Result<&mut Span, StoreError> {
        let span = match self.span.take() {
            Some(span) => span,
            None => {
                let number = {
                    let mut state = self.store.state_mut();
                    let entry = state.entries.get_mut(&self.key);
                    let entry = entry.filter(|entry| entry.id == self.id);
                    let entry = entry.ok_or(StoreError::Forgotten)?;
                    entry.next_span += 1;
                    entry.next_span - 1
                };
                let folder = self.store.folder(&self.key);
                fs::create_dir_all(&folder)
                    .map_err(|source| io_error("create", &folder, source))?;
                let path = span_path(&folder, number);
                let file =
                    File::create_new(&path).map_err(|source| io_error("create", &path, source))?;
                Span { number, path, file, length: 0 }
            }
        };
        Ok(self.span.insert(span))
    }

    fn publish(&self, new: GopEntry) -> Result<Appended, StoreError> {
        {
            let mut state = self.store.state_mut();
            let entry = state.entries.get_mut(&self.key).filter(|entry| entry.id == self.id);
            let entry = entry.ok_or(StoreError::Forgotten)?;
            entry.bytes += u64::from(new.length);
            entry.index = Arc::new(with_gop(&entry.index, new));
            state.bytes += u64::from(new.length);
        }
        self.store.wake();
        Ok(Appended::UpTo(new.end_frame()))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let mut state = self.store.state_mut();
        if let Some(entry) = state.entries.get_mut(&self.key)
            && entry.id == self.id
        {
            entry.writers = entry.writers.saturating_sub(1);
        }
    }
}

enum Bound {
    /// The frame is stored.
    Known,
    /// The first stored frame after it.
    Until(i64),
}

/// The index with one more group; of two groups over the same frames the earlier one stays.
fn with_gop(index: &RenditionIndex, new: GopEntry) -> RenditionIndex {
    let at = index.gops.partition_point(|gop| gop.first_frame < new.first_frame);
    let before = at.checked_sub(1).map(|before| index.gops[before].end_frame());
    let after = index.gops.get(at).map(|after| after.first_frame);
    let free = before.is_none_or(|end| end <= new.first_frame)
        && after.is_none_or(|first| new.end_frame() <= first);
    let gops = if free {
        let (head, tail) = index.gops.split_at(at);
        head.iter().chain([&new]).chain(tail).copied().collect()
    } else {
        Arc::clone(&index.gops)
    };
    RenditionIndex { key: index.key.clone(), gops, end_frame: index.end_frame }
}

#[cfg(test)]
impl Store {
    /// Writes, or fails in the middle as a full disk does.
    fn write_or_not(&self, file: &mut File, bytes: &[u8]) -> std::io::Result<()> {
        let room = self.disk_room.load(std::sync::atomic::Ordering::Relaxed);
        let fits = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
        file.write_all(&bytes[..fits])?;
        if room < u64::MAX {
            self.disk_room.fetch_sub(fits as u64, std::sync::atomic::Ordering::Relaxed);
        }
        if fits < bytes.len() { Err(std::io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

/// The longest part in decode order that shows nothing at or after `next`.
fn cut_before(new: &NewGop, next: i64) -> NewGop {
    let pictures = new.gop.video.iter().take_while(|unit| unit.frame < next).cloned();
    NewGop {
        first_frame: new.first_frame,
        frames: u32::try_from(next - new.first_frame).unwrap_or(new.frames),
        audio_tick: new.audio_tick,
        gop: Gop { video: pictures.collect(), audio: new.gop.audio.clone() },
    }
}
