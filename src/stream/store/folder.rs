//! A rendition's folder: its name, its notes, its spans, and how the index is read from them.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Entry, Notes, StoreError, record};
use crate::domain::MediaId;
use crate::stream::rendition::{GopEntry, RenditionIndex};

/// Reads the record headers of all spans of a folder; cuts torn tails with `cut`.
pub(super) fn scan(folder: &Path, mut entry: Entry, cut: bool) -> Result<Entry, StoreError> {
    let mut index = RenditionIndex {
        key: entry.index.key.clone(),
        gops: Arc::from([]),
        end_frame: entry.notes.end_frame,
    };
    let mut gops = Vec::new();
    for path in files(folder)? {
        let Some(number) = parse_span_name(&file_name(&path)) else { continue };
        entry.next_span = entry.next_span.max(number + 1);
        match scan_span(&path, number, cut, &mut gops) {
            Ok(length) => entry.bytes += length,
            Err(error) => tracing::warn!(%error, "could not read {}", path.display()),
        }
    }
    gops.retain(|gop| !entry.bad.contains(&(gop.span, gop.offset)));
    gops.sort_by_key(|gop: &GopEntry| (gop.first_frame, gop.span));
    let mut end = i64::MIN;
    gops.retain(|gop| {
        let free = gop.first_frame >= end;
        if free {
            end = gop.end_frame();
        }
        free
    });
    index.gops = gops.into();
    entry.index = Arc::new(index);
    Ok(entry)
}

/// Reads the headers of one span and cuts what does not parse with `cut`; gives the length of what
/// parses.
pub(super) fn scan_span(
    path: &Path,
    span: u32,
    cut: bool,
    gops: &mut Vec<GopEntry>,
) -> io::Result<u64> {
    let file = File::options().read(true).write(cut).open(path)?;
    let length = file.metadata()?.len();
    let mut offset = 0;
    let mut bytes = [0; record::HEADER];
    while offset + 48 <= length {
        file.read_exact_at(&mut bytes, offset)?;
        let Some(header) = record::Header::parse(&bytes) else { break };
        let end = offset + u64::from(header.record());
        if end > length {
            break;
        }
        gops.push(GopEntry {
            first_frame: header.first_frame,
            frames: header.frames,
            audio_tick: header.audio_tick,
            audio_frames: header.sounds,
            span,
            offset,
            length: header.record(),
        });
        offset = end;
    }
    if offset < length && cut {
        tracing::info!("cut {} bytes off the torn end of {}", length - offset, path.display());
        file.set_len(offset)?;
    }
    Ok(offset)
}

pub(super) fn span_path(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("{number:05}.span"))
}

pub(super) fn parse_span_name(name: &str) -> Option<u32> {
    name.strip_suffix(".span")?.parse().ok() // reason: another name is another file, not ours
}

pub(super) fn parse_folder_name(name: &str) -> Option<(MediaId, u64)> {
    let (media, version) = name.split_once('.')?;
    // reason: another name is another folder, not ours
    Some((MediaId(media.parse().ok()?), u64::from_str_radix(version, 16).ok()?))
}

pub(super) fn read_notes(folder: &Path) -> Notes {
    let path = folder.join("notes.json");
    match fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
            tracing::warn!(%error, "{} is damaged and starts anew", path.display());
            Notes::default()
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Notes::default(),
        Err(error) => {
            tracing::warn!(%error, "could not read {}", path.display());
            Notes::default()
        }
    }
}

pub(super) fn write_notes(folder: &Path, notes: &Notes) -> Result<(), StoreError> {
    let path = folder.join("notes.json");
    let draft = folder.join("notes.new");
    let write = || {
        fs::create_dir_all(folder)?;
        fs::write(&draft, serde_json::to_vec(notes)?)?;
        fs::rename(&draft, &path)
    };
    write().map_err(|source| io_error("write", &path, source))
}

pub(super) fn folders(path: &Path) -> Result<Vec<PathBuf>, StoreError> {
    Ok(list(path)?.into_iter().filter(|path| path.is_dir()).collect())
}

pub(super) fn files(path: &Path) -> Result<Vec<PathBuf>, StoreError> {
    Ok(list(path)?.into_iter().filter(|path| path.is_file()).collect())
}

pub(super) fn list(path: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let read = || -> io::Result<Vec<PathBuf>> {
        fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path())).collect()
    };
    let mut paths = read().map_err(|source| io_error("list", path, source))?;
    paths.sort();
    Ok(paths)
}

pub(super) fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

pub(super) fn remove_folder(path: &Path) {
    if let Err(error) = fs::remove_dir_all(path) {
        tracing::warn!(%error, "could not remove {}", path.display());
    }
}

pub(super) fn io_error(what: &'static str, path: &Path, source: io::Error) -> StoreError {
    StoreError::Io { what, path: path.display().to_string(), source }
}
