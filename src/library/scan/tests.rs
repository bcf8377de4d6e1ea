//! Scans of real folders with real little files.

use std::fs;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::domain::{LibraryId, LibraryKind};
use crate::foundation::clock::SystemClock;
use crate::foundation::reach::Outside;
use crate::library::testing::{Runner, SMALL, make};

use super::*;

#[tokio::test]
async fn a_first_scan_finds_everything_and_a_second_reads_nothing() {
    let library = Shelf::new();
    library.film("Show/Season 1/Show - S01E01 - Pilot.mkv");
    library.film("Film (1987)/Film (1987).mp4");
    library.film("it's \"quoted\"\n🎬.mkv");
    library.film("-dash.mkv");
    library.file("text.mkv", "a shopping list");
    library.file("empty.mkv", "");
    library.file("image.iso", "x");

    let (first, summary) = library.scan(&[]).await;
    let mut told: Vec<String> = first.iter().map(line).collect();
    told.sort();
    let expected = [
        "Episode Show 1x1 Pilot: Playable",
        "Movie Film 1987: Playable",
        "Other dash: Playable",
        "Other empty: Corrupt { reason: \"the file is empty\" }",
        "Other image: Unsupported { reason: \"a disc image; copy the film out of it\" }",
        "Other it's \"quoted\" 🎬: Playable",
        "Other text: Corrupt { reason: \"it is damaged or not a media file\" }",
    ];
    assert_eq!(told, expected);
    let progress = &summary.progress;
    assert_eq!((progress.total_files, progress.scanned_files, progress.new_items), (7, 7, 7));
    assert_eq!((progress.errors, progress.state), (3, ScanState::Completed));
    assert_eq!(library.runner.most_at_once(), 2);

    let runs = library.runner.runs();
    let (second, summary) = library.scan(&first).await;
    assert_eq!(second, []);
    let progress = &summary.progress;
    assert_eq!((progress.scanned_files, progress.new_items, progress.errors), (7, 0, 3));
    assert_eq!((library.runner.runs(), summary.missing.len()), (runs, 0));
}

#[tokio::test]
async fn a_changed_file_and_a_changed_description_are_read_again() {
    let library = Shelf::new();
    library.film("a.mkv");
    library.film("b.mkv");
    let (first, _) = library.scan(&[]).await;

    library.file("b.nfo", "<movie><title>Better</title><year>2001</year></movie>");
    let (second, summary) = library.scan(&first).await;
    assert_eq!(second.iter().map(line).collect::<Vec<_>>(), ["Movie Better 2001: Playable"]);
    assert_eq!((summary.progress.new_items, summary.progress.changed_items), (0, 1));

    let known = [first[0].clone(), second[0].clone()];
    library.file("a.mkv", "overwritten");
    library.file("b.nfo", "<movie><title>Broken");
    let (third, summary) = library.scan(&known).await;
    let mut told: Vec<String> = third.iter().map(line).collect();
    told.sort();
    let expected =
        ["Other a: Corrupt { reason: \"it is damaged or not a media file\" }", "Other b: Playable"];
    assert_eq!(told, expected);
    assert_eq!(summary.problems.len(), 1, "{:?}", summary.problems);
}

#[tokio::test]
async fn a_deleted_file_goes_missing_and_comes_back() {
    let library = Shelf::new();
    library.film("a.mkv");
    let b = library.film("b.mkv");
    let (first, _) = library.scan(&[]).await;
    let bytes = fs::read(&b).unwrap();
    fs::remove_file(&b).unwrap();
    let (_, summary) = library.scan(&first).await;
    let at = first.iter().position(|media| media.title == "b").unwrap();
    assert_eq!(summary.missing, [id(at)]);

    let mut known = library.known(&first);
    known.get_mut(&first[at].path).unwrap().state = MediaState::Missing;
    let (_, summary) = library.run(known.clone()).await.unwrap();
    assert_eq!(summary.missing, [], "what is missing goes missing only once");
    fs::write(&b, bytes).unwrap();
    let (back, _) = library.run(known).await.unwrap();
    assert_eq!(back.iter().map(line).collect::<Vec<_>>(), ["Other b: Playable"]);
}

#[tokio::test]
async fn an_unmounted_share_takes_nothing_away() {
    let library = Shelf::new();
    let path = library.film("a.mkv");
    let (first, _) = library.scan(&[]).await;
    fs::remove_file(path).unwrap();
    let emptied = library.run(library.known(&first)).await;
    assert!(matches!(emptied, Err(ScanError::Emptied { held: 1, .. })), "{emptied:?}");

    fs::remove_dir(library.dir.path()).unwrap();
    let gone = library.run(library.known(&first)).await;
    assert!(matches!(gone, Err(ScanError::Unreadable { .. })), "{gone:?}");
    fs::create_dir(library.dir.path()).unwrap();
    assert!(library.run(HashMap::new()).await.is_ok(), "a new library may be empty");
}

#[test]
fn what_lies_in_an_unreadable_folder_is_not_gone() {
    let library = Shelf::new();
    let file = |path: &str| ScannedMedia { path: path.to_owned(), ..sample() };
    let known = library.known(&[file("/l/a/x.mkv"), file("/l/ab/y.mkv"), file("/l/z.mkv")]);
    let walked = Walked { unreadable: vec!["/l/a".to_owned()], ..Walked::default() };
    assert_eq!(gone(&known, &walked), [id(1), id(2)]);
}

#[tokio::test]
async fn a_quarantined_file_stays_so_until_it_changes() {
    let library = Shelf::new();
    library.film("a.mkv");
    let (first, _) = library.scan(&[]).await;
    let mut known = library.known(&first);
    let until = UtcMillis(i64::MAX);
    known.get_mut(&first[0].path).unwrap().state =
        MediaState::Quarantined { reason: "x".to_owned(), until };
    assert_eq!(library.run(known).await.unwrap().0, []);
}

#[tokio::test]
async fn a_probe_that_could_not_run_is_tried_again() {
    let mut library = Shelf::new();
    library.film("a.mkv");
    library.ffprobe = "/nowhere/ffprobe".to_owned();
    assert!(matches!(library.run(HashMap::new()).await, Err(ScanError::NoProbe(_))));

    // Refused by a full pool: the file is listed, and the next scan asks again.
    let full: Arc<dyn Processes> = Arc::new(Full);
    let (first, _) = library.run_with(HashMap::new(), full, Stop::new()).await.unwrap();
    assert_eq!(first[0].state.name(), crate::domain::MediaStateName::Corrupt);
    library.ffprobe = "ffprobe".to_owned();
    let (second, _) = library.scan(&first).await;
    assert_eq!(second[0].state, MediaState::Playable);
}

#[tokio::test]
async fn a_stop_ends_the_scan() {
    let library = Shelf::new();
    library.film("a.mkv");
    let stop = Stop::new();
    stop.request();
    let ended = library.run_with(HashMap::new(), library.runner.clone(), stop).await;
    assert!(matches!(ended, Err(ScanError::Stopped)), "{ended:?}");
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "the figure is worth seeing")]
async fn ten_thousand_unchanged_files_are_scanned_in_seconds() {
    let library = Shelf::new();
    for n in 0..10_000 {
        library.file(&format!("Show {}/Season 1/S01E{:03}.mkv", n / 100, n % 100), "x");
    }
    let walked = walk(library.dir.path(), LibraryKind::Other, || false, |_| ()).unwrap();
    let scanned = |found: Found| ScannedMedia {
        path: found.path,
        size: found.size,
        modified: found.modified,
        sidecar: found.sidecar,
        ..sample()
    };
    let known: Vec<ScannedMedia> = walked.files.into_iter().map(scanned).collect();
    let began = Instant::now();
    let (changed, summary) = library.scan(&known).await;
    let took = began.elapsed();
    println!("10,000 unchanged files took {took:?}");
    assert_eq!((changed.len(), summary.progress.scanned_files), (0, 10_000));
    assert_eq!(library.runner.runs(), 0);
    assert!(took < Duration::from_secs(10), "{took:?}");
}

/// A library folder with its little files.
struct Shelf {
    dir: tempfile::TempDir,
    runner: Arc<Runner>,
    ffprobe: String,
}

impl Shelf {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { dir, runner: Runner::new(), ffprobe: "ffprobe".to_owned() }
    }

    fn film(&self, name: &str) -> PathBuf {
        make(self.dir.path(), name, SMALL)
    }

    fn file(&self, name: &str, text: &str) {
        let path = self.dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn known(&self, stored: &[ScannedMedia]) -> HashMap<String, KnownFile> {
        let known = |(at, media): (usize, &ScannedMedia)| {
            let file = KnownFile {
                id: id(at),
                size: media.size,
                modified: media.modified,
                sidecar: media.sidecar,
                state: media.state.clone(),
            };
            (media.path.clone(), file)
        };
        stored.iter().enumerate().map(known).collect()
    }

    /// Scans with `stored` as what is known; media `n` of it has id `n`.
    async fn scan(&self, stored: &[ScannedMedia]) -> (Vec<ScannedMedia>, ScanSummary) {
        self.run(self.known(stored)).await.unwrap()
    }

    async fn run(
        &self,
        known: HashMap<String, KnownFile>,
    ) -> Result<(Vec<ScannedMedia>, ScanSummary), ScanError> {
        self.run_with(known, self.runner.clone(), Stop::new()).await
    }

    async fn run_with(
        &self,
        known: HashMap<String, KnownFile>,
        processes: Arc<dyn Processes>,
        stop: Stop,
    ) -> Result<(Vec<ScannedMedia>, ScanSummary), ScanError> {
        let scan = Scan {
            outside: Outside { own_machine: true, authorities: None },
            library: Library {
                connections: None,
                id: LibraryId(1),
                name: "Root".to_owned(),
                path: self.dir.path().to_str().unwrap().to_owned(),
                kind: LibraryKind::Other,
                last_scan: None,
            },
            known,
            processes,
            ffprobe: self.ffprobe.clone().into(),
            clock: SystemClock::start(),
            stop,
        };
        let (sender, mut batches) = mpsc::channel::<ScanBatch>(1);
        let reports: Mutex<Vec<ScanProgress>> = Mutex::default();
        let collect = async {
            let mut all = Vec::new();
            while let Some(batch) = batches.recv().await {
                assert!(batch.media.len() <= BATCH);
                all.extend(batch.media);
            }
            all
        };
        let note = |progress: &ScanProgress| reports.lock().unwrap().push(progress.clone());
        let (summary, mut all) = tokio::join!(scan.run(note, sender), collect);
        all.sort_by(|a, b| a.path.cmp(&b.path));
        let reports = reports.into_inner().unwrap();
        assert!(reports.windows(2).all(|pair| pair[0].scanned_files <= pair[1].scanned_files));
        Ok((all, summary?))
    }
}

/// A pool without room.
#[derive(Debug)]
struct Full;

#[async_trait::async_trait]
impl Processes for Full {
    async fn run(
        &self,
        _: crate::foundation::process::Command,
    ) -> Result<crate::foundation::process::Finished, ProcessError> {
        Err(ProcessError::Refused { reason: "memory" })
    }
}

fn id(at: usize) -> MediaId {
    MediaId(i64::try_from(at).unwrap())
}

fn sample() -> ScannedMedia {
    ScannedMedia { size: 1, title: "x".to_owned(), ..ScannedMedia::file(LibraryId(1), "") }
}

fn line(media: &ScannedMedia) -> String {
    let mut words = vec![format!("{:?}", media.kind)];
    words.extend(media.show.clone());
    if let (Some(season), Some(episode)) = (media.season, media.episode) {
        words.push(format!("{season}x{episode}"));
    }
    words.push(media.title.clone());
    words.extend(media.year.map(|year| year.to_string()));
    format!("{}: {:?}", words.join(" "), media.state)
}
