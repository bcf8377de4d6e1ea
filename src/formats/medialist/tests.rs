use proptest::prelude::*;

use super::*;

#[test]
fn lines_are_titles_with_years_and_ids() {
    check(
        "The Thing (1982)\n# a comment\n\n- Lost\n1984 (1984)\nSe7en [imdbid-tt0114369]\n(500) Days of Summer (2009)",
        "The Thing|1982, Lost|, 1984|1984, Se7en| tt0114369, (500) Days of Summer|2009",
    );
}

#[test]
fn tables_are_read_by_their_header() {
    check(
        "Position,Const,Created,Title,Title Type,Year\n1,tt0084787,2020-01-01,\"Thing, The\",Movie,1982\n2,tt0411008,,Lost,TV Series,2004\n",
        "Thing, The|1982 movie tt0084787, Lost|2004 show tt0411008",
    );
    check("Date,Name,Year,Letterboxd URI\r\n2024-01-01,\"A \"\"B\"\"\",1999,x\r\n", "A \"B\"|1999");
    check("title;season;episode;tvdb\nLost;2;4;73739", "Lost| s2 e4 tvdb73739");
}

#[test]
fn json_is_read_as_trakt_writes_it() {
    let text = r#"[
      {"rank":1,"type":"movie","movie":{"title":"The Thing","year":1982,"ids":{"trakt":1,"slug":"x","imdb":"tt0084787","tmdb":1091}}},
      {"type":"show","show":{"title":"Lost","year":2004,"ids":{"tvdb":73739,"imdb":null}}},
      {"type":"season","season":{"number":2},"show":{"title":"Lost","year":2004,"ids":{}}},
      {"type":"episode","episode":{"season":2,"number":4,"title":"E"},"show":{"title":"Lost","ids":{}}},
      {"type":"person","person":{"name":"Nobody"}}
    ]"#;
    check(
        text,
        "The Thing|1982 movie tt0084787 tmdb1091, Lost|2004 show tvdb73739, Lost|2004 show s2, Lost| show s2 e4",
    );
    check(r#"{"results":[{"title":"Dune","release_date":"2021-09-15","id":438631}]}"#, "Dune|2021");
}

#[test]
fn what_names_nothing_is_refused() {
    for text in ["", "  \n ", "# only a comment", "[]", "{", "title,year\n", "[1,2]"] {
        let error = parse(text).unwrap_err();
        assert_eq!(error.field, "text", "{text}");
    }
    assert!(parse(&"a\n".repeat(MOST_LINES + 1)).is_err());
}

proptest! {
    #[test]
    fn no_text_breaks_it(text in "\\PC{0,60}", rows in "[a\",;\\n\\[{}:1()]{0,60}") {
        for text in [&text, &rows, &format!("title,year\n{rows}")] {
            if let Ok(entries) = parse(text) {
                prop_assert!(!entries.is_empty());
            }
        }
    }
}

/// Checks what a list says, as `title|year kind sN eN ids, …`.
#[track_caller]
fn check(text: &str, expected: &str) {
    let show = |entry: ListEntry| {
        let mut line =
            format!("{}|{}", entry.title, entry.year.map_or(String::new(), |y| y.to_string()));
        match entry.kind {
            ListedKind::Movie => line += " movie",
            ListedKind::Show => line += " show",
            ListedKind::Any => {}
        }
        let mut add = |mark: &str, value: Option<String>| {
            line += &value.map_or(String::new(), |value| format!(" {mark}{value}"));
        };
        add("s", entry.season.map(|n| n.to_string()));
        add("e", entry.episode.map(|n| n.to_string()));
        add("", entry.ids.imdb);
        add("tmdb", entry.ids.tmdb.map(|n| n.to_string()));
        add("tvdb", entry.ids.tvdb.map(|n| n.to_string()));
        line
    };
    let lines: Vec<String> = parse(text).unwrap().into_iter().map(show).collect();
    assert_eq!(lines.join(", "), expected);
}
