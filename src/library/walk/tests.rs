//! What a walk takes and what it leaves out.

use std::fs;

use super::*;

#[test]
fn media_is_taken_and_extras_are_not() {
    let dir = tempfile::tempdir().unwrap();
    for name in [
        "Film (1999)/Film (1999).MKV",
        "Film (1999)/Film-trailer.mkv",
        "Film (1999)/Featurettes/making of.mkv",
        "Film (1999)/Sample/x.mkv",
        "Film (1999)/poster.jpg",
        "Show/theme.mp3",
        "Show/Specials/s00e01.mkv",
        ".hidden/x.mkv",
        "@eaDir/x.mkv",
        "._x.mkv",
        "song.mp3",
        "Shorts/a.ts",
        "notes.txt",
    ] {
        touch(dir.path(), name);
    }
    let taken = ["Film (1999)/Film (1999).MKV", "Shorts/a.ts", "Show/Specials/s00e01.mkv"];
    assert_eq!(names(dir.path(), LibraryKind::Movie), taken);
    assert_eq!(names(dir.path(), LibraryKind::Other), [&taken[..], &["song.mp3"]].concat());
}

#[test]
fn each_file_finds_its_descriptions() {
    let dir = tempfile::tempdir().unwrap();
    for name in [
        "Film/film.mkv",
        "Film/movie.nfo",
        "Two/a.mkv",
        "Two/b.mkv",
        "Two/A.NFO",
        "Two/movie.nfo",
        "Show/tvshow.nfo",
        "Show/Season 1/e1.mkv",
        "Show/Season 1/e1.nfo",
    ] {
        touch(dir.path(), name);
    }
    let walked = walk(dir.path(), LibraryKind::Other, || false, |_| ()).unwrap();
    let relative = |path: &Option<PathBuf>| {
        let path = path.as_ref()?.strip_prefix(dir.path()).unwrap();
        Some(path.to_str().unwrap().to_owned())
    };
    let found: Vec<String> = walked
        .files
        .iter()
        .map(|f| format!("{} {:?} {:?}", f.relative, relative(&f.nfo), relative(&f.show_nfo)))
        .collect();
    let expected = [
        r#"Film/film.mkv Some("Film/movie.nfo") None"#,
        r#"Show/Season 1/e1.mkv Some("Show/Season 1/e1.nfo") Some("Show/tvshow.nfo")"#,
        r#"Two/a.mkv Some("Two/A.NFO") None"#,
        "Two/b.mkv None None",
    ];
    assert_eq!(found, expected);
    let sidecars: Vec<bool> = walked.files.iter().map(|f| f.sidecar == 0).collect();
    assert_eq!(sidecars, [false, false, false, true]);
}

#[test]
fn a_circle_of_links_ends_and_a_dangling_link_is_listed() {
    let dir = tempfile::tempdir().unwrap();
    touch(dir.path(), "a/film.mkv");
    std::os::unix::fs::symlink(dir.path(), dir.path().join("a/again")).unwrap();
    std::os::unix::fs::symlink("/nowhere/at/all.mkv", dir.path().join("gone.mkv")).unwrap();
    let walked = walk(dir.path(), LibraryKind::Other, || false, |_| ()).unwrap();
    assert_eq!(walked.files.len(), 1);
    assert_eq!(walked.problems.len(), 1);
    assert_eq!(walked.problems[0].reason, "a link that leads nowhere");
    assert!(walked.unreadable.is_empty());
}

#[test]
fn a_name_that_is_no_text_is_listed() {
    use std::os::unix::ffi::OsStrExt;
    let dir = tempfile::tempdir().unwrap();
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9.mkv");
    fs::write(dir.path().join(name), "x").unwrap();
    let walked = walk(dir.path(), LibraryKind::Other, || false, |_| ()).unwrap();
    assert_eq!((walked.files.len(), walked.problems.len()), (0, 1));
    assert!(walked.problems[0].path.ends_with("caf\u{fffd}.mkv"));
}

#[test]
fn a_root_that_is_gone_is_an_error() {
    let gone = walk(Path::new("/nowhere/at/all"), LibraryKind::Other, || false, |_| ());
    assert!(matches!(gone, Err(WalkError::Root(_))));
}

#[test]
fn hidden_files_do_not_fill_a_folder() {
    let dir = tempfile::tempdir().unwrap();
    touch(dir.path(), ".mounted");
    assert!(walk(dir.path(), LibraryKind::Other, || false, |_| ()).unwrap().is_empty);
    touch(dir.path(), "readme.txt");
    assert!(!walk(dir.path(), LibraryKind::Other, || false, |_| ()).unwrap().is_empty);
}

fn touch(dir: &Path, name: &str) {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, "x").unwrap();
}

fn names(dir: &Path, kind: LibraryKind) -> Vec<String> {
    let walked = walk(dir, kind, || false, |_| ()).unwrap();
    walked.files.into_iter().map(|found| found.relative).collect()
}
