//! Replacing a file so that a reader, a crash or a power cut sees the old one or the new one.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Puts `contents` into the file at `path`: whole, on the disk, or not at all.
///
/// An existing file keeps its permissions; a new one can be read by its owner only. Two writers
/// at a time must be kept apart by the caller.
///
/// # Errors
/// When it cannot be written; the old file is untouched then.
pub fn replace(path: &Path, contents: &[u8]) -> io::Result<()> {
    let part = part_of(path);
    let written = write_part(path, &part, contents).and_then(|()| put_in_place(&part, path));
    if written.is_err()
        && let Err(error) = fs::remove_file(&part)
    {
        tracing::debug!(file = %part.display(), error = %error, "an unfinished file stays behind");
    }
    written
}

/// Gives the finished file `part` the name `path`, on the disk when this returns.
///
/// Both must lie in one folder.
///
/// # Errors
/// When it cannot be synced or renamed.
pub fn put_in_place(part: &Path, path: &Path) -> io::Result<()> {
    File::open(part)?.sync_all()?;
    fs::rename(part, path)?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // The new name is in the folder, and the folder is a file of its own.
    File::open(folder)?.sync_all()
}

/// Where the new contents of `path` grow: beside it, so that a rename can put them in place.
pub fn part_of(path: &Path) -> PathBuf {
    with_suffix(path, ".part")
}

/// `path` with `suffix` behind its whole name.
pub fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn write_part(path: &Path, part: &Path, contents: &[u8]) -> io::Result<()> {
    if let Err(error) = fs::remove_file(part)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut file = create_private(part)?;
    match fs::metadata(path) {
        Ok(old) => file.set_permissions(old.permissions())?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    file.write_all(contents)
}

/// Makes a file that only its owner may read; fails when there is one already.
///
/// # Errors
/// As [`fs::OpenOptions::open`], [`io::ErrorKind::AlreadyExists`] among them.
pub fn create_private(path: &Path) -> io::Result<File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_else_is_left() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("a.txt");
        replace(&path, b"one").unwrap();
        replace(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn an_existing_file_keeps_its_permissions_and_a_new_one_is_private() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("a.txt");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        replace(&path, b"one").unwrap();
        assert_eq!(mode(&path), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        replace(&path, b"two").unwrap();
        assert_eq!(mode(&path), 0o644);
    }

    #[test]
    fn a_failure_leaves_the_old_file() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("a.txt");
        replace(&path, b"one").unwrap();
        // A folder in the way of the new contents.
        fs::create_dir(part_of(&path)).unwrap();
        assert!(replace(&path, b"two").is_err());
        assert_eq!(fs::read(&path).unwrap(), b"one");
    }
}
