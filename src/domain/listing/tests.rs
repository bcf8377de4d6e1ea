use super::*;

#[test]
fn a_line_finds_the_film_of_its_year_and_the_episodes_of_its_show() {
    check("The Thing|1982", "1");
    check("the thing|1983", "1");
    check("The Thing|2011", "2");
    check("The Thing|1951", "");
    check("The Thing|", "1 2");
    check("Amelie|2001", "3");
    check("Lost|2004", "5 4 6");
    check("Lost|2004|season=1", "4");
    check("Lost||season=2 episode=4", "6");
    check("Lost||show season=3", "");
    check("Lost|2004|movie", "");
    check("Doctor Who|2005", "8");
    check("Doctor Who|", "7");
    check("!!!|", "");
}

#[test]
fn an_id_beats_the_title() {
    check("Whatever|1900|tmdb=603", "9");
    check("Whatever|1900|imdb=tt0133093", "9");
    check("Whatever|1900|imdb=tt9999999", "");
    check("Lost|2004|tvdb=73739", "5 4 6");
    // Another film of the same name has another id.
    check("Matrix|1999|tmdb=604", "");
    check("Matrix|1999", "9");
    // The number of a show at TMDB is not that of a film.
    check("Whatever||show tmdb=603", "");
}

#[test]
fn ids_are_read_as_media_servers_write_them() {
    let check = |path: &str, imdb: Option<&str>, tmdb: Option<u64>, tvdb: Option<u64>| {
        let ids = ForeignIds { imdb: imdb.map(str::to_owned), tmdb, tvdb };
        assert_eq!(ForeignIds::of_path(path), ids, "{path}");
    };
    check("/f/Film (1999) {tmdb-603}/Film.mkv", None, Some(603), None);
    check("/f/Film [tmdbid=603] [imdbid-tt0133093].mkv", Some("tt0133093"), Some(603), None);
    check("/tv/Show {tvdb-81189}/s01e01.mkv", None, None, Some(81189));
    check("/f/TT0133093.mkv", Some("tt0133093"), None, None);
    check("/f/tmdb/tt12.mkv", None, None, None);
}

/// Checks which ids `title|year|key=value …` finds in the library below.
#[track_caller]
fn check(line: &str, expected: &str) {
    let mut parts = line.split('|');
    let mut entry = ListEntry { title: parts.next().unwrap().to_owned(), ..ListEntry::default() };
    entry.year = parts.next().and_then(|year| year.parse().ok());
    for word in parts.next().unwrap_or_default().split_whitespace() {
        match word.split_once('=').unwrap_or((word, "")) {
            ("season", n) => entry.season = n.parse().ok(),
            ("episode", n) => entry.episode = n.parse().ok(),
            ("tmdb", n) => entry.ids.tmdb = n.parse().ok(),
            ("tvdb", n) => entry.ids.tvdb = n.parse().ok(),
            ("imdb", id) => entry.ids.imdb = Some(id.to_owned()),
            ("movie", _) => entry.kind = ListedKind::Movie,
            ("show", _) => entry.kind = ListedKind::Show,
            other => panic!("{other:?}"),
        }
    }
    let library = library();
    let found = Matcher::new(library.iter()).find(&entry);
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(found.join(" "), expected, "{line}");
}

fn library() -> Vec<Media> {
    let film = |id, title: &str, year, path: &str| Media {
        kind: MediaKind::Movie,
        title: title.to_owned(),
        year: Some(year),
        ..Media::file(MediaId(id), path)
    };
    let episode = |id, show: &str, season, number, path: &str| Media {
        kind: MediaKind::Episode,
        show: Some(show.to_owned()),
        season: Some(season),
        episode: Some(number),
        ..Media::file(MediaId(id), path)
    };
    vec![
        film(1, "The Thing", 1982, "/f/1.mkv"),
        film(2, "The Thing", 2011, "/f/2.mkv"),
        film(3, "Amélie", 2001, "/f/3.mkv"),
        episode(4, "Lost", 1, 1, "/tv/Lost {tvdb-73739}/1.mkv"),
        episode(5, "Lost", 0, 1, "/tv/Lost {tvdb-73739}/0.mkv"),
        episode(6, "Lost", 2, 4, "/tv/Lost {tvdb-73739}/2.mkv"),
        episode(7, "Doctor Who", 1, 1, "/tv/who.mkv"),
        episode(8, "Doctor Who (2005)", 1, 1, "/tv/who2005.mkv"),
        film(9, "Matrix", 1999, "/f/Matrix {tmdb-603} {imdb-tt0133093}.mkv"),
    ]
}
