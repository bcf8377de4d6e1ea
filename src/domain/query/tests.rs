use proptest::prelude::*;

use super::*;
use crate::domain::{Media, MediaId, Probe, UtcMillis, VideoStream};

const DAY: i64 = 86_400_000;
const NOW: UtcMillis = UtcMillis(20_000 * DAY);

#[test]
fn words_without_a_field_begin_words_of_title_show_or_plot() {
    check("ferry", "1");
    check("fer", "1");
    check("erry", "");
    check("NIGHT fer", "1");
    check("submarine", "2");
    check("office", "3 4");
    check("\"night ferry\"", "1");
    check("\"ferry night\"", "");
    check("\"night fer\"", "");
    check("", "1 2 3 4 5");
    check("*", "1 2 3 4 5");
}

#[test]
fn a_field_wants_whole_words_in_a_row() {
    check("title:ferry", "1");
    check("title:fer", "");
    check("title:fer*", "1");
    check("show=\"The Office\"", "3");
    check("show:office", "3 4");
    check("show=office", "");
    check("show!=\"the office\"", "1 2 4 5");
    check("genre:sci-fi", "2");
    check("genre:comedy,drama", "1 3 4");
    check("genre:\"drama comedy\"", "");
    check("rating:PG", "1");
    check("rating:PG*", "1 2");
    check("title:amelie", "5");
    check("title:Amélie", "5");
    check("folder:/srv/tv", "3 4");
    check("folder:/srv/t", "");
    check("path:films", "1 2 5");
    check("resolution:1080p", "1");
    check("audio:german", "");
}

#[test]
fn ranges_hold_both_ends_and_nothing_unknown() {
    check("year:1980..1989", "1 2");
    check("year:1980-1989", "1 2");
    check("year:1980s", "1 2");
    check("year>=1985", "2 5");
    check("year:>1985", "5");
    check("year:..1984", "1");
    check("year:1984,2001", "1 5");
    check("year!=1984", "2 3 4 5");
    check("season:0..1", "3 4");
    check("length:<90m", "3 4");
    check("length:90", "1");
    check("length:1h30m..2h", "1 2");
    check("length:2h..1h", "bad_value 7");
    check("size:>1GB", "2");
    check("kind:movie year<1985", "1");
    check("kind:film", "1 2 5");
}

#[test]
fn an_age_is_counted_back_from_now() {
    check("added:<30d", "3");
    check("added:30d", "3");
    check("added:<=40d", "3 4");
    check("added:>40d", "1 2 5");
    check("added:20d..40d", "4");
    check("added:>1y", "5");
    check("added:2024-10", "3");
    check("added:2024-10-03", "3");
    check("added:<2024-10", "1 2 4 5");
    check("added:2024..", "1 2 3 4");
    check("aired:1999", "3");
    check("aired:1999-02-30", "bad_value 6");
}

#[test]
fn conditions_are_joined_as_one_reads_them() {
    check("genre:drama genre:comedy", "3");
    check("genre:drama AND genre:comedy", "3");
    check("year:1984 OR year:2001", "1 5");
    check("genre:comedy year:1984 OR year:2001", "5");
    check("(year:1984 OR year:2001) kind:movie -title:ferry", "5");
    check("NOT (year:1984 OR year:2001)", "2 3 4");
    check("--title:ferry", "1");
    check("!kind:movie", "3 4");
    check("kind:movie sort:-year limit:2", "5 2");
    check("sort:year", "1 2 5 3 4");
    check("sort:-year,title", "5 2 1 3 4");
    check("limit:2", "1 2");
    check("android or notes", "");
}

#[test]
fn what_is_not_understood_is_told_with_its_place() {
    check("yaer:1984", "unknown_field 0");
    check("a  colour:red", "unknown_field 3");
    check("title:", "missing_value 6");
    check("title:\"night", "open_quote 6");
    check("(a OR b", "open_parenthesis 0");
    check("a) b", "open_parenthesis 1");
    check("()", "missing_operand 0");
    check("a OR", "missing_operand 2");
    check("AND a", "missing_operand 0");
    check("a AND AND b", "missing_operand 6");
    check("NOT", "missing_operand 0");
    check("a -)", "missing_operand 2");
    check("year:old", "bad_value 5");
    check("title:!!!", "bad_value 6");
    check("title<5", "bad_operator 6");
    check("kind:cat", "bad_value 5");
    check("(sort:year a)", "misplaced 1");
    check("sort:year sort:title", "misplaced 10");
    check("limit:0", "bad_value 6");
    check("folder:films", "bad_value 7");
    check(&"(".repeat(100), "too_complex 32");
    check(&"a ".repeat(999), "too_complex 400");
    check(&"a".repeat(5000), "too_long 2000");
    let error = Query::parse("yaer:1984").unwrap_err();
    assert!(error.fix.contains("year"), "{}", error.fix);
}

#[test]
fn what_is_stored_is_never_in_the_way() {
    let stored: Query = serde_json::from_str("\"nothing:known\"").unwrap();
    assert_eq!(stored.text(), "nothing:known");
    assert_eq!(stored.select(library().iter(), NOW), []);
    let good: Query = serde_json::from_str("\"kind:movie\"").unwrap();
    assert_eq!(good, Query::parse("kind:movie").unwrap());
    assert_eq!(serde_json::to_string(&good).unwrap(), "\"kind:movie\"");
}

#[test]
fn completion_knows_what_is_being_written() {
    check_completion("ye|", 0, 2, &Wanted::Field("ye".into()));
    check_completion("kind:movie -ge|nre x", 12, 17, &Wanted::Field("ge".into()));
    check_completion("(a OR sta|", 6, 9, &Wanted::Field("sta".into()));
    check_completion("kind:m|", 5, 6, &Wanted::Word(vec!["movie", "music_video"]));
    check_completion("sort:year,-a|", 11, 12, &Wanted::Word(vec!["added", "aired"]));
    let genre = |begins: &str| Wanted::Value { field: TextField::Genre, begins: begins.into() };
    check_completion("genre:com|", 6, 9, &genre("com"));
    check_completion("genre:drama,\"sci |fi\" x", 12, 20, &genre("sci "));
    check_completion("\"some |words\"", 0, 12, &Wanted::Nothing);
    check_completion("colour:r|", 7, 8, &Wanted::Nothing);
    check_completion("|", 0, 0, &Wanted::Field(String::new()));
    assert_eq!(suggestions("art")[0].name, "show");
}

proptest! {
    #[test]
    fn no_text_breaks_the_parser(text in "\\PC{0,80}") {
        check_total(&text)?;
    }

    #[test]
    fn no_mixture_of_its_own_words_breaks_the_parser(
        parts in prop::collection::vec(prop::sample::select(PIECES), 0..24),
    ) {
        check_total(&parts.concat())?;
    }

    #[test]
    fn a_condition_and_its_negation_share_the_library(
        parts in prop::collection::vec(prop::sample::select(CONDITIONS), 1..5),
        joint in prop::sample::select(&[" ", " OR ", " AND "][..]),
    ) {
        let text = parts.join(joint);
        let found = Query::parse(&text).unwrap().select(library().iter(), NOW);
        let others = Query::parse(&format!("NOT ({text})")).unwrap().select(library().iter(), NOW);
        let mut both = [found, others].concat();
        both.sort_unstable();
        prop_assert_eq!(both, [1, 2, 3, 4, 5].map(MediaId));
    }
}

const PIECES: &[&str] = &[
    "title",
    "year",
    "sort",
    "limit",
    "added",
    "length",
    "size",
    ":",
    "=",
    "<",
    ">=",
    "!=",
    "..",
    "-",
    "\"",
    "(",
    ")",
    " ",
    " AND ",
    " OR ",
    "NOT ",
    ",",
    "1980",
    "30d",
    "1h",
    "x*",
    "é",
    "/",
    "\\",
    "kind:movie",
    "genre:drama",
    "¦",
    "“",
];

const CONDITIONS: &[&str] = &[
    "ferry",
    "genre:drama",
    "-kind:movie",
    "year:1980s",
    "year>1985",
    "added:<30d",
    "show:office",
    "(rating:PG OR length:<90m)",
    "NOT title:fer*",
    "season:1",
    "*",
];

fn check_total(text: &str) -> Result<(), TestCaseError> {
    let letters = text.chars().count();
    match Query::parse(text) {
        Ok(query) => {
            prop_assert_eq!(query.text(), text);
            query.select(library().iter(), NOW);
        }
        Err(error) => {
            prop_assert!(error.at <= letters && error.at + error.len <= letters, "{error:?}");
            prop_assert!(!error.fix.is_empty() && !error.problem.is_empty());
        }
    }
    for at in 0..=letters {
        let completion = complete(text, at);
        prop_assert!(completion.from <= at && at <= completion.to, "{completion:?} at {at}");
        prop_assert!(completion.to <= letters);
    }
    Ok(())
}

/// Checks what a query finds, or `fault at`.
#[track_caller]
fn check(text: &str, expected: &str) {
    let found = match Query::parse(text) {
        Ok(query) => {
            let found = query.select(library().iter(), NOW);
            found.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        }
        Err(error) => format!("{} {}", &error.fault.code()["query_".len()..], error.at),
    };
    assert_eq!(found, expected, "{text:.60}");
}

/// Checks what is offered where `|` stands.
#[track_caller]
fn check_completion(text: &str, from: usize, to: usize, wanted: &Wanted) {
    let at = text.find('|').unwrap();
    let found = complete(&text.replace('|', ""), at);
    assert_eq!((found.from, found.to, &found.wanted), (from, to, wanted), "{text}");
}

fn library() -> Vec<Media> {
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
    let file = |id, path: &str, days: i64| Media {
        added: UtcMillis(NOW.0 - days * DAY),
        ..Media::file(MediaId(id), path)
    };
    let movie = |media: Media| Media { kind: MediaKind::Movie, ..media };
    let episode = |media: Media| Media { kind: MediaKind::Episode, ..media };
    let full_hd = VideoStream {
        codec: "h264".into(),
        codec_profile: String::new(),
        width: 1920,
        height: 800,
        pixel_format: String::new(),
        rate: crate::domain::FrameRate { num: 25, den: 1 },
        constant_rate: true,
        progressive: true,
        rotation: 0,
        square_pixels: true,
        transfer: String::new(),
        gop_ms: None,
    };
    vec![
        movie(Media {
            title: "Night Ferry".into(),
            year: Some(1984),
            genres: words("Drama"),
            rating: Some("PG".into()),
            duration_ms: 90 * 60_000,
            probe: Some(Probe { video: Some(full_hd), ..Probe::default() }),
            ..file(1, "/srv/films/Night Ferry.mkv", 100)
        }),
        movie(Media {
            title: "Slow Light".into(),
            year: Some(1985),
            genres: words("Sci-Fi"),
            plot: Some("A submarine of light.".into()),
            rating: Some("PG-13".into()),
            duration_ms: 120 * 60_000,
            size: 5_000_000_000,
            ..file(2, "/srv/films/Slow Light.mkv", 200)
        }),
        episode(Media {
            title: "Pilot".into(),
            show: Some("The Office".into()),
            season: Some(1),
            episode: Some(1),
            genres: words("Drama Comedy"),
            aired: Some("1999-05-01".into()),
            duration_ms: 30 * 60_000,
            ..file(3, "/srv/tv/office/1.mkv", 1)
        }),
        episode(Media {
            title: "Pilot".into(),
            show: Some("The Office (US)".into()),
            season: Some(0),
            genres: words("Comedy"),
            duration_ms: 22 * 60_000,
            ..file(4, "/srv/tv/office us/1.mkv", 40)
        }),
        movie(Media {
            title: "Amélie".into(),
            year: Some(2001),
            ..file(5, "/srv/films/Amelie.mkv", 500)
        }),
    ]
}
