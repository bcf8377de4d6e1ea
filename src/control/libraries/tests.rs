//! Libraries with a real database and real little files.

use std::fs;

use crate::domain::{LibraryKind, MediaFilter, MediaState};
use crate::foundation::clock::SystemClock;
use crate::foundation::process::{Command, Finished, ProcessError};
use crate::library::testing::{Runner, SMALL, make};
use crate::stream::pool::{Limits, Pool};

use super::*;

#[tokio::test]
async fn a_folder_is_added_scanned_and_followed() {
    let desk = Desk::new();
    let folder = desk.folder("media");
    make(&folder, "Film (1987).mkv", SMALL);
    let gone = make(&folder, "gone.mkv", SMALL);
    fs::write(folder.join("broken.mkv"), "no film").unwrap();
    let mut changes = desk.libraries.changes();

    let library = desk.add("media").await.unwrap();
    assert_eq!((library.name.as_str(), library.last_scan), ("media", None));
    let progress = desk.scan(library.id).await;
    assert_eq!((progress.state, progress.new_items, progress.errors), (ScanState::Completed, 3, 1));
    // A slow scan stores what it has in more than one batch.
    let Changes { media, scans } = *changes.borrow_and_update();
    assert!(media >= 1 && scans == 1, "{media} changes, {scans} scans");
    assert!(desk.libraries.list().await.unwrap()[0].last_scan.is_some());
    let expected = ["broken: corrupt", "Film: playable", "gone: playable"];
    assert_eq!(desk.media().await, expected);

    fs::remove_file(gone).unwrap();
    let progress = desk.scan(library.id).await;
    assert_eq!((progress.new_items, progress.missing_items, progress.errors), (0, 1, 1));
    let expected = ["broken: corrupt", "Film: playable", "gone: missing"];
    assert_eq!(desk.media().await, expected);

    desk.libraries.remove(library.id).await.unwrap();
    assert_eq!(desk.media().await, Vec::<String>::new());
    assert_eq!(desk.libraries.progress(library.id), None);
    let again = desk.libraries.remove(library.id).await;
    assert!(matches!(again, Err(LibrariesError::NotFound(_))), "{again:?}");
}

#[tokio::test]
async fn a_folder_that_cannot_be_a_library_says_why() {
    let desk = Desk::new();
    desk.folder("media/films");
    fs::write(desk.dir.path().join("file"), "x").unwrap();
    for (name, wanted) in [
        ("nowhere", "does not exist"),
        ("file", "is not a folder"),
        ("../../../../../../../../..", "is the whole file system"),
    ] {
        let problem = desk.add(name).await.unwrap_err().to_string();
        assert!(problem.contains(wanted), "{problem}");
    }
    let empty = NewLibrary {
        name: "x".into(),
        path: " ".into(),
        kind: LibraryKind::Other,
        connections: None,
    };
    assert!(matches!(desk.libraries.add(empty).await, Err(LibrariesError::Invalid(_))));

    let library = desk.add("media/./films/../films").await.unwrap();
    assert!(library.path.ends_with("/media/films"), "{}", library.path);
    for (name, wanted) in
        [("media/films", "is the library \"films\" already"), ("media", "lies in")]
    {
        let problem = desk.add(name).await.unwrap_err();
        assert!(matches!(problem, LibrariesError::Conflict { .. }), "{problem:?}");
        assert!(problem.to_string().contains(wanted), "{problem}");
    }
    fs::create_dir(desk.dir.path().join("media/films/new")).unwrap();
    assert!(desk.add("media/films/new").await.unwrap_err().to_string().contains("lies in"));
    fs::create_dir(desk.dir.path().join("media/films2")).unwrap();
    assert!(desk.add("media/films2").await.is_ok(), "a name that begins alike is another folder");
    let again = desk.new_library("media/films");
    assert_eq!(desk.libraries.ensure(again).await.unwrap(), library);
}

#[tokio::test]
async fn one_library_is_scanned_once_at_a_time() {
    let desk = Desk::new();
    make(&desk.folder("media"), "a.mkv", SMALL);
    let id = desk.add("media").await.unwrap().id;
    assert_eq!(desk.libraries.start_scan(id).await.unwrap().state, ScanState::Started);
    let second = desk.libraries.start_scan(id).await;
    assert!(matches!(second, Err(LibrariesError::Conflict { .. })), "{second:?}");
    desk.end_of_scan(id).await;
    assert!(desk.libraries.start_scan(id).await.is_ok(), "an ended scan is not in the way");
    let unknown = desk.libraries.start_scan(LibraryId(99)).await;
    assert!(matches!(unknown, Err(LibrariesError::NotFound(_))), "{unknown:?}");
}

#[tokio::test]
async fn an_unmounted_share_fails_the_scan_and_keeps_the_media() {
    let desk = Desk::new();
    let folder = desk.folder("media");
    let film = make(&folder, "a.mkv", SMALL);
    let id = desk.add("media").await.unwrap().id;
    desk.scan(id).await;
    fs::remove_file(film).unwrap();
    let progress = desk.scan(id).await;
    assert_eq!(progress.state, ScanState::Failed);
    let failure = progress.failure.unwrap();
    assert!(failure.contains("mount the disk or share"), "{failure}");
    assert_eq!(desk.media().await, ["a: playable"]);
}

#[tokio::test]
async fn the_end_of_the_server_ends_a_scan() {
    let desk = Desk::new();
    make(&desk.folder("media"), "a.mkv", SMALL);
    let id = desk.add("media").await.unwrap().id;
    desk.libraries.start_scan(id).await.unwrap();
    assert_eq!(desk.stop.drain(std::time::Duration::from_secs(5)).await, 0);
    let progress = desk.libraries.progress(id).unwrap();
    assert!(progress.ended_at.is_some(), "{progress:?}");
}

#[tokio::test]
async fn files_with_strange_names_are_probed_through_the_pool() {
    let desk = Desk::with(|stop, dir| Pool::start(Limits::default(), stop, dir).unwrap());
    let folder = desk.folder("media");
    let film = make(&folder, "-i.mkv", SMALL);
    for name in ["it's \"quoted\".mkv", "two\nlines.mkv", "🎬.mkv", "%d $(x) `y`.mkv"] {
        fs::copy(&film, folder.join(name)).unwrap();
    }
    fs::write(folder.join("broken.mkv"), "no film").unwrap();
    let id = desk.add("media").await.unwrap().id;
    let progress = desk.scan(id).await;
    assert_eq!((progress.new_items, progress.errors), (6, 1), "{:?}", desk.media().await);
    assert_eq!(desk.stop.drain(std::time::Duration::from_secs(5)).await, 0);
}

#[tokio::test]
async fn a_scan_that_breaks_off_is_not_in_the_way_of_the_next() {
    #[derive(Debug)]
    struct Breaking;
    #[async_trait::async_trait]
    impl Processes for Breaking {
        async fn run(&self, _: Command) -> Result<Finished, ProcessError> {
            panic!("on purpose")
        }
    }
    let desk = Desk::with(|_, _| Arc::new(Breaking));
    fs::write(desk.folder("media").join("a.mkv"), "x").unwrap();
    let id = desk.add("media").await.unwrap().id;
    let progress = desk.scan(id).await;
    assert_eq!((progress.state, desk.stop.panics()), (ScanState::Failed, 1));
    assert!(desk.libraries.start_scan(id).await.is_ok());
}

/// A server's libraries, with a folder to put media in.
struct Desk {
    dir: tempfile::TempDir,
    db: Db,
    libraries: Libraries,
    stop: Stop,
}

impl Desk {
    fn new() -> Self {
        Self::with(|_, _| Runner::new())
    }

    fn with<P: Processes + 'static>(processes: impl FnOnce(&Stop, &Path) -> Arc<P>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(&dir.path().join("test.db")).unwrap();
        let stop = Stop::new();
        let clock = SystemClock::start();
        let processes = processes(&stop, &dir.path().join("run"));
        let libraries = Libraries::new(
            db.clone(),
            processes,
            "ffprobe".into(),
            Outside { own_machine: true, authorities: None },
            clock,
            &stop,
        );
        Self { dir, db, libraries, stop }
    }

    fn folder(&self, name: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::create_dir_all(&path).unwrap();
        path
    }

    fn new_library(&self, name: &str) -> NewLibrary {
        let path = self.dir.path().join(name).to_str().unwrap().to_owned();
        NewLibrary { name: String::new(), path, kind: LibraryKind::Other, connections: None }
    }

    async fn add(&self, name: &str) -> Result<Library, LibrariesError> {
        self.libraries.add(self.new_library(name)).await
    }

    async fn scan(&self, id: LibraryId) -> ScanProgress {
        self.libraries.start_scan(id).await.unwrap();
        self.end_of_scan(id).await
    }

    async fn end_of_scan(&self, id: LibraryId) -> ScanProgress {
        loop {
            let progress = self.libraries.progress(id).unwrap();
            if progress.ended_at.is_some() {
                return progress;
            }
            tokio::task::yield_now().await;
        }
    }

    async fn media(&self) -> Vec<String> {
        let (media, _) = self.db.list_media(&MediaFilter::all()).await.unwrap();
        let line = |state: &MediaState| state.name().as_str();
        media.iter().map(|item| format!("{}: {}", item.title, line(&item.state))).collect()
    }
}
