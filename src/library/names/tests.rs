//! A table of names as they are met in the wild.

use proptest::prelude::*;

use super::*;

/// `path => kind | show | season x episode - end | title | year | edition | part | aired`,
/// with empty fields for what is not there.
const MIXED: &str = "
Show - S01E02 - Title.mkv => episode | Show | 1x2 | Title
Show/Show - S01E02 - Title.mkv => episode | Show | 1x2 | Title
Show.Name.S01E02.The.Title.1080p.WEB-DL.x264-GRP.mkv => episode | Show Name | 1x2 | The Title
Show Name S01E02E03 Both.mkv => episode | Show Name | 1x2-3 | Both
Show Name S01E02E03E04.mkv => episode | Show Name | 1x2-4 | Episodes 2–4
Show Name - S01E02-E04 - Three.mkv => episode | Show Name | 1x2-4 | Three
Show Name - S01E02-04.mkv => episode | Show Name | 1x2-4 | Episodes 2–4
Show Name - s1e2 - 24 Hours.mkv => episode | Show Name | 1x2 | 24 Hours
Show Name S01E02-1080p.mkv => episode | Show Name | 1x2 | Episode 2
Show Name S01 E02 Title.mkv => episode | Show Name | 1x2 | Title
Show Name 2x05-06.avi => episode | Show Name | 2x5-6 | Episodes 5–6
Show Name - 2x05 - Title.avi => episode | Show Name | 2x5 | Title
Show Name (2005) - S01E01 - Rose.mkv => episode | Show Name (2005) | 1x1 | Rose
Mr. Robot - S01E01 - eps1.0.mkv => episode | Mr. Robot | 1x1 | eps1.0
Talk Show/Talk Show - 2015-12-25 - A Guest.mp4 => episode | Talk Show |  | A Guest | | | | 2015-12-25
Talk.Show.2015.12.25.A.Guest.720p.mp4 => episode | Talk Show |  | A Guest | | | | 2015-12-25
Talk Show 25.12.2015.mp4 => episode | Talk Show |  | 2015-12-25 | | | | 2015-12-25
2015-12-25 Christmas.mp4 => other | |  | 2015-12-25 Christmas | | | | 2015-12-25
Camera/2019-07-12 15.30.12.mp4 => other | |  | 2019-07-12 15.30.12 | | | | 2019-07-12
TV/Talk Show/2015-12-25 - A Guest.mp4 => episode | Talk Show |  | A Guest | | | | 2015-12-25
Star Saga Episode 4 - Some Hope (1977).mkv => movie | |  | Star Saga Episode 4 - Some Hope | 1977
[Group] Anime Title (2019) - 07.mkv => episode | Anime Title (2019) | 1x7 | Episode 7
The.Bureau.US.S05E14E15.Lecture.1080p.mkv => episode | The Bureau US | 5x14-15 | Lecture
Star Gate - 1x01-02 - Children.avi => episode | Star Gate | 1x1-2 | Children
24 - S01E01.mkv => episode | 24 | 1x1 | Episode 1
9-1-1 S01E100.mkv => episode | 9-1-1 | 1x100 | Episode 100
Show/Season 1/Show 5 - 101 - Midnight.mkv => episode | Show | 1x1 | Midnight
Show/Season 1/Show 105.avi => episode | Show | 1x5 | Episode 5
Show/Season 01 (1999)/03 Third.avi => episode | Show | 1x3 | Third
Doctor (2005)/Season 05/Doctor (2005) - s05e01-e02.mkv => episode | Doctor (2005) | 5x1-2 | Episodes 1–2
Show/Season 2/05 - Title.mkv => episode | Show | 2x5 | Title
Show/Season 2/Show 205 - Title.mkv => episode | Show | 2x | Show 205 - Title
Show/Season 2/205.mkv => episode | Show | 2x5 | Episode 5
Show/Season 2/Other Name S03E07 Title.mkv => episode | Show | 2x7 | Title
Show/Season 02/E07.mkv => episode | Show | 2x7 | Episode 7
Show/Season 1/Episode 3.mkv => episode | Show | 1x3 | Episode 3
Show/S03/Show S03E01.mkv => episode | Show | 3x1 | Episode 1
Show/Show Season 3 1080p/01. First.mkv => episode | Show | 3x1 | First
Show/Staffel 1/Folge 04 - Der Titel.mkv => episode | Show | 1x4 | Der Titel
Show/Specials/Behind the Scenes.mkv => episode | Show | 0x | Behind the Scenes
Show/Specials/Show - S00E03 - Pilot.mkv => episode | Show | 0x3 | Pilot
Show/Season 1/A Story Without a Number.mkv => episode | Show | 1x | A Story Without a Number
Show/Season 1/Show - A Story.mkv => episode | Show | 1x | A Story
TV Shows/The Show {tvdb-123}/Season 1/The Show - S01E01 - Pilot [WEBDL-1080p][x265].mkv => episode | The Show | 1x1 | Pilot
Show.S01E02.720p-GRP/abcdef.mkv => episode | Show | 1x2 | Episode 2
Downloads/Show.S01E02.Title.mkv => episode | Show | 1x2 | Title
[Group] Anime Title - 013 [1080p][ABCD1234].mkv => episode | Anime Title | 1x13 | Episode 13
[Group] Anime Title - 07v2 (BD 1080p).mkv => episode | Anime Title | 1x7 | Episode 7
Anime/Anime Title/Anime Title - 013 - Name.mkv => episode | Anime Title | 1x13 | Name
S01E02.mkv => episode | Root | 1x2 | Episode 2
Season 1/S01E02.mkv => episode | Root | 1x2 | Episode 2
Show - S01E02 - Long One - part2.mkv => episode | Show | 1x2 | Long One | | | 2
Show - S01E02 - The Plan Part 2.mkv => episode | Show | 1x2 | The Plan Part 2
Movie (1987).mkv => movie | |  | Movie | 1987
Movie (1987) {edition-Director's Cut}.mkv => movie | |  | Movie | 1987 | Director's Cut
Movie (1987) {tmdb-603} [Bluray-1080p].mkv => movie | |  | Movie | 1987
Blade Runner (1982) - Final Cut.mkv => movie | |  | Blade Runner | 1982 | Final Cut
Blade Runner (1982) (The Final Cut) 2160p.mkv => movie | |  | Blade Runner | 1982 | The Final Cut
Blade.Runner.2049.2017.1080p.BluRay.x264.mkv => movie | |  | Blade Runner 2049 | 2017
2001.A.Space.Odyssey.1968.mkv => movie | |  | 2001 A Space Odyssey | 1968
1917.mkv => other | |  | 1917
1917 (2019).mkv => movie | |  | 1917 | 2019
2012 (2009)/2012 (2009) 720p.mp4 => movie | |  | 2012 | 2009
[REC] (2007).mkv => movie | |  | [REC] | 2007
Matrix, The (1999).mkv => movie | |  | The Matrix | 1999
Movie [1987].mkv => movie | |  | Movie | 1987
10 Field Lane (2016).mkv => movie | |  | 10 Field Lane | 2016
Kill Bob - Vol. 1 (2003).mkv => movie | |  | Kill Bob - Vol. 1 | 2003
the.matrix.1999.mkv => movie | |  | the matrix | 1999
Movie (1987) - part1.mkv => movie | |  | Movie | 1987 | | 1
Movie (1987) - cd2.avi => movie | |  | Movie | 1987 | | 2
Movie.1987.CD1.avi => movie | |  | Movie | 1987 | | 1
Movie (1987)/movie.mkv => movie | |  | Movie | 1987
Movie (1987)/title00.mkv => movie | |  | Movie | 1987
Movie (1987) {edition-Extended}/Movie.mkv => movie | |  | Movie | 1987 | Extended
Holidays (2019)/Beach.mp4 => other | |  | Beach
Movies/Movie.mkv => movie | |  | Movie
Movies/S/Something Wild (1986).mkv => movie | |  | Something Wild | 1986
Music Videos/Some Band - A Song (Official Video).mp4 => music_video | Some Band |  | A Song
Music Videos/Some Band/A Song.mp4 => music_video | Some Band |  | A Song
Family.Video.1080p.mp4 => other | |  | Family Video
-dash first.mp4 => other | |  | dash first
it's \"quoted\" 🎬.mkv => other | |  | it's \"quoted\" 🎬
.mkv => other | |  | mkv
---.mkv => other | |  | ---.mkv
1080p.mkv => other | |  | 1080p
Dune Part Two.mkv => other | |  | Dune Part Two
";

const MOVIES: &str = "
Movie.mkv => movie | |  | Movie
Movie (1987)/whatever-grp.mkv => movie | |  | Movie | 1987
Movie (1987)/Movie (1987) - Theatrical Cut.mkv => movie | |  | Movie | 1987 | Theatrical Cut
Collection/Movie Two (1989).mkv => movie | |  | Movie Two | 1989
Boxset (1990)/Movie Two (1989).mkv => movie | |  | Movie Two | 1989
Movie.Title.2010.German.DL.1080p.mkv => movie | |  | Movie Title 2010 German DL
Ocean's Eleven - 2001.mkv => movie | |  | Ocean's Eleven | 2001
";

const SHOWS: &str = "
Show/Show - Title.mkv => episode | Show |  | Title
Show/Some Special.mkv => episode | Show |  | Some Special
Loose.mkv => episode | Root |  | Loose
Show/Disc 1/S01E01.mkv => episode | Show | 1x1 | Episode 1
";

const SONGS: &str = "
Some Band - A Song.mp4 => music_video | Some Band |  | A Song
01 - Some Band - A Song.mp4 => music_video | Some Band |  | A Song
Some Band - A Song (1987) [dQw4w9WgXcQ].mp4 => music_video | Some Band |  | A Song | 1987
AC-DC - Song - Live.mp4 => music_video | AC-DC |  | Song - Live
Some Band/Album/02. A Song.mp4 => music_video | Some Band |  | A Song
A Song.mp4 => music_video | |  | A Song
";

#[test]
fn names_of_a_mixed_library() {
    check_table(MIXED, LibraryKind::Other);
}

#[test]
fn names_of_a_film_library() {
    check_table(MOVIES, LibraryKind::Movie);
}

#[test]
fn names_of_a_show_library() {
    check_table(SHOWS, LibraryKind::Show);
}

#[test]
fn names_of_a_music_library() {
    check_table(SONGS, LibraryKind::Music);
}

#[test]
fn a_line_break_in_a_name_becomes_a_blank() {
    let named = read("two\nlines.mkv", LibraryKind::Other, "Root");
    assert_eq!(named.title, "two lines");
}

proptest! {
    #[test]
    fn nothing_panics_and_every_title_has_text(path in "\\PC{0,60}", kind in kinds()) {
        check_sane(&path, kind)?;
    }

    #[test]
    fn nothing_panics_on_names_made_of_what_we_look_for(
        path in "(Show|Season 1|S01E02|2x05|-E04| - |/|\\(1987\\)|\\[|\\]|\\{edition-|\\}|1080p|part1|2015-12-25|013|[ .]|é|🎬|\n|x264|Specials|The|, ){0,14}",
        kind in kinds(),
    ) {
        check_sane(&path, kind)?;
    }
}

fn kinds() -> impl Strategy<Value = LibraryKind> {
    prop_oneof![
        Just(LibraryKind::Movie),
        Just(LibraryKind::Show),
        Just(LibraryKind::Music),
        Just(LibraryKind::Other),
    ]
}

fn check_sane(path: &str, kind: LibraryKind) -> Result<(), TestCaseError> {
    let named = read(path, kind, "Root");
    prop_assert!(!named.title.trim().is_empty(), "{path:?}: {named:?}");
    prop_assert!(named.show.as_deref() != Some(""), "{path:?}: {named:?}");
    prop_assert!(!named.title.contains('\n'), "{path:?}: {named:?}");
    prop_assert!(named.episode_end.is_none() || named.episode_end > named.episode);
    Ok(())
}

#[track_caller]
fn check_table(table: &str, library: LibraryKind) {
    let mut wrong = Vec::new();
    for line in table.lines().filter(|line| !line.is_empty()) {
        let (path, expected) = line.split_once(" => ").unwrap();
        let mut expected: Vec<&str> = expected.split('|').map(str::trim).collect();
        expected.resize(8, "");
        let found = fields(&read(path, library, "Root"));
        if found != expected {
            wrong.push(format!("{path}\n   found {found:?}\n  wanted {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn fields(named: &Named) -> Vec<String> {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let number = |value: Option<u32>| value.map(|n| n.to_string()).unwrap_or_default();
    let mut place = number(named.season);
    if named.season.is_some() || named.episode.is_some() {
        place = format!("{place}x{}", number(named.episode));
    }
    if let Some(end) = named.episode_end {
        place = format!("{place}-{end}");
    }
    let kind = match named.kind {
        MediaKind::Movie => "movie",
        MediaKind::Episode => "episode",
        MediaKind::MusicVideo => "music_video",
        MediaKind::Live | MediaKind::Other => "other",
    };
    vec![
        kind.to_owned(),
        text(&named.show),
        place,
        named.title.clone(),
        number(named.year),
        text(&named.edition),
        number(named.part),
        text(&named.aired),
    ]
}
