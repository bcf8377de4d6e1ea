//! The original of a media item, as its source has it: for those who want the file and not a
//! channel.
//!
//! Nothing outside the folder of the item's library is opened, wherever its path or a link leads.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use crate::domain::{MediaId, MediaKind, UtcMillis};

use super::Control;
use super::error::ControlError;

/// Where the original is. Sources that are servers (Plex, Jellyfin, Emby) will be a second case:
/// something that is asked for a range and answers with bytes, never an address to be sent to.
#[derive(Debug)]
pub enum Original {
    /// A file of a local library, open.
    File(OpenFile),
}

/// An open file and what it was when it was opened.
#[derive(Debug)]
pub struct OpenFile {
    /// The file.
    pub file: File,
    /// Its name without folders.
    pub name: String,
    /// Its length in bytes.
    pub length: u64,
    /// When it was last changed.
    pub modified: UtcMillis,
    /// Another text when the content is another one.
    pub tag: String,
}

impl Control {
    /// Opens the original of a media item.
    ///
    /// # Errors
    /// When it does not exist, is a broadcast, is not in the folder of its library (any more), or
    /// storage fails.
    pub async fn original(&self, id: MediaId) -> Result<Original, ControlError> {
        let missing = || ControlError::NotFound { what: format!("the file of media {id}") };
        let media = self.media_item(id).await?;
        if media.kind == MediaKind::Live {
            return Err(missing());
        }
        let libraries = self.libraries().await?;
        let library = libraries.into_iter().find(|library| library.id == media.library);
        let root = library.ok_or_else(missing)?.path;
        let path = media.path.clone();
        let opened = tokio::task::spawn_blocking(move || open(root.as_ref(), path.as_ref())).await;
        match opened {
            Ok(Ok(file)) => Ok(Original::File(file)),
            Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => Err(missing()),
            Ok(Err(error)) => {
                let source = Box::new(error);
                Err(ControlError::Failed {
                    what: format!("opening the file of media {id}"),
                    source,
                })
            }
            Err(error) => {
                let source = Box::new(error);
                Err(ControlError::Failed {
                    what: format!("opening the file of media {id}"),
                    source,
                })
            }
        }
    }
}

/// Opens the file at `path`, which must really be inside `root`; anything else is not found.
fn open(root: &Path, path: &Path) -> io::Result<OpenFile> {
    let (root, path) = (root.canonicalize()?, path.canonicalize()?);
    if !path.starts_with(&root) {
        tracing::warn!("{} is asked for and lies outside {}", path.display(), root.display());
        return Err(io::ErrorKind::NotFound.into());
    }
    // All links were followed above: one that is there now was put there in between.
    let no_links = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or(0);
    // A pipe would be waited for.
    let no_wait = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = OpenOptions::new().read(true).custom_flags(no_links | no_wait).open(&path)?;
    let facts = file.metadata()?;
    if !facts.is_file() {
        return Err(io::ErrorKind::NotFound.into());
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let modified_ns = i128::from(facts.mtime()) * 1_000_000_000 + i128::from(facts.mtime_nsec());
    Ok(OpenFile {
        name,
        length: facts.len(),
        modified: UtcMillis(i64::try_from(modified_ns / 1_000_000).unwrap_or(0)),
        tag: format!("{:x}-{:x}-{:x}", facts.ino(), facts.len(), modified_ns),
        file,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_library_is_opened_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("films");
        std::fs::create_dir(&library).unwrap();
        std::fs::write(library.join("a.mkv"), b"picture").unwrap();
        std::fs::write(folder.path().join("secret"), b"secret").unwrap();
        std::os::unix::fs::symlink(folder.path().join("secret"), library.join("link.mkv")).unwrap();
        std::os::unix::fs::symlink(library.join("a.mkv"), library.join("inside.mkv")).unwrap();
        let opened = open(&library, &library.join("a.mkv")).unwrap();
        assert_eq!((opened.length, opened.name.as_str()), (7, "a.mkv"));
        assert_eq!(open(&library, &library.join("inside.mkv")).unwrap().tag, opened.tag);
        for path in ["link.mkv", "../secret", "gone.mkv", "."] {
            let refused = open(&library, &library.join(path)).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::NotFound, "{path}");
        }
        // A folder beside the library whose name begins alike.
        std::fs::create_dir(folder.path().join("films2")).unwrap();
        std::fs::write(folder.path().join("films2/b.mkv"), b"x").unwrap();
        assert!(open(&library, &folder.path().join("films2/b.mkv")).is_err());
    }
}
