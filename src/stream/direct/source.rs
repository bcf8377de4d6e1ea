//! The files that are read in process: opened anew for every group, so that a replaced file is
//! noticed and no descriptor is held for media that nobody watches.
//!
//! A trait, because what matters here are disks that are slow, full of errors or gone.

use std::fmt::Debug;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

/// Which state of a file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Its length in bytes.
    pub(super) size: u64,
    /// Its modification time in milliseconds since the epoch, as the scan has it.
    pub(super) modified_ms: i64,
}

/// Opens files. Blocks on the disk.
pub(super) trait Files: Debug + Send + Sync {
    /// Opens the file at `path` for reading.
    ///
    /// # Errors
    /// When the system says no.
    fn open(&self, path: &Path) -> io::Result<Box<dyn Source>>;
}

/// An open file. Blocks on the disk.
pub(super) trait Source {
    /// Which state of the file this is.
    ///
    /// # Errors
    /// When the system says no.
    fn stamp(&self) -> io::Result<Stamp>;

    /// Fills `buffer` from `offset` on.
    ///
    /// # Errors
    /// When the file ends before that or the disk fails.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;

    /// Reads `length` bytes from `offset` on.
    ///
    /// # Errors
    /// As [`Self::read_at`].
    fn bytes_at(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.read_at(&mut bytes, offset)?;
        Ok(bytes)
    }
}

/// The system's files.
#[derive(Debug, Clone, Copy)]
pub(super) struct Disk;

impl Files for Disk {
    fn open(&self, path: &Path) -> io::Result<Box<dyn Source>> {
        Ok(Box::new(File::open(path)?))
    }
}

impl Source for File {
    fn stamp(&self) -> io::Result<Stamp> {
        let found = self.metadata()?;
        let modified_ms = found.mtime().saturating_mul(1_000) + found.mtime_nsec() / 1_000_000;
        Ok(Stamp { size: found.len(), modified_ms })
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.read_exact_at(buffer, offset)
    }
}
