//! NFO files as they are met in the wild.

use proptest::prelude::*;

use super::*;

#[test]
fn a_film_with_everything() {
    let nfo = one(r#"<?xml version="1.0" encoding="UTF-8" standalone="yes" ?>
        <movie>
          <title>A &amp; B &lt;C&gt;</title><originaltitle>X</originaltitle>
          <ratings><rating name="imdb"><value>7.1</value></rating></ratings>
          <year>1999</year><mpaa>Rated PG-13</mpaa>
          <genre>Action</genre><plot>One line.
Two lines.</plot><genre>Drama / action</genre>
          <actor><name>N</name><role>R</role></actor>
          <premiered>1999-03-31</premiered><edition>Final Cut</edition>
        </movie>"#);
    let expected = Nfo {
        title: text("A & B <C>"),
        year: Some(1999),
        plot: text("One line.\nTwo lines."),
        genres: vec!["Action".to_owned(), "Drama".to_owned()],
        rating: text("Rated PG-13"),
        aired: text("1999-03-31"),
        edition: text("Final Cut"),
        details: Details {
            actors: vec![Actor { name: "N".to_owned(), role: text("R") }],
            stars: Some(71),
            ..Details::default()
        },
        ..bare(NfoKind::Movie)
    };
    assert_eq!(nfo, expected);
}

#[test]
fn an_episode_with_html_entities_cdata_and_a_bare_ampersand() {
    let nfo = one("<episodedetails><title>Caf&eacute; &#8211; Tom & Jerry &unknown;</title>\
        <showtitle><![CDATA[Q & A]]></showtitle><season>0</season><episode>7</episode>\
        <aired>2010-02-03 20:15:00</aired></episodedetails>");
    let expected = Nfo {
        title: text("Café – Tom & Jerry &unknown;"),
        show: text("Q & A"),
        season: Some(0),
        episode: Some(7),
        aired: text("2010-02-03"),
        year: Some(2010),
        ..bare(NfoKind::Episode)
    };
    assert_eq!(nfo, expected);
}

#[test]
fn several_episodes_in_one_file_become_one() {
    let all = parse(
        b"<?xml version='1.0'?><episodedetails><title>Gone (1)</title><season>1</season>\
        <episode>3</episode><plot>a</plot></episodedetails>\n<?xml version='1.0'?>\
        <episodedetails><title>Gone (2)</title><season>1</season><episode>4</episode>\
        <plot>b</plot></episodedetails>",
    )
    .unwrap();
    assert_eq!(all.len(), 2);
    let expected = Nfo {
        title: text("Gone"),
        season: Some(1),
        episode: Some(3),
        episode_end: Some(4),
        plot: text("a\n\nb"),
        ..bare(NfoKind::Episode)
    };
    assert_eq!(merge(all), Some(expected));
}

#[test]
fn different_titles_of_one_file_are_all_named() {
    let all = parse(
        b"<episodedetails><title>B</title><episode>2</episode></episodedetails>\
          <episodedetails><title>A</title><episode>1</episode></episodedetails>",
    );
    assert_eq!(merge(all.unwrap()).unwrap().title, text("A / B"));
    assert_eq!(merge(Vec::new()), None);
}

#[test]
fn xml_may_be_followed_by_a_link() {
    for tail in ["https://www.themoviedb.org/movie/1?a=1&b=2", "\n\nhttp://x/<y", "</movie>"] {
        let nfo = one(&format!("<movie><title>T</title></movie>{tail}"));
        assert_eq!(nfo, Nfo { title: text("T"), ..bare(NfoKind::Movie) }, "{tail}");
    }
}

#[test]
fn a_file_may_hold_only_a_link_or_something_else() {
    let album = "<album><title>T</title></album>";
    for only in ["", "  \n", "https://www.imdb.com/title/tt0083658/?a&b;c", album, "<movie/>"] {
        assert_eq!(parse(only.as_bytes()), Ok(Vec::new()), "{only}");
    }
}

#[test]
fn broken_xml_is_an_error_and_not_a_panic() {
    for broken in
        ["<movie><title>T</movie>", "<movie><title>T", "<movie", "<movie></title></movie>"]
    {
        assert!(parse(broken.as_bytes()).is_err(), "{broken}");
    }
}

#[test]
fn every_encoding_is_read() {
    let utf16: Vec<u8> = "\u{feff}<movie><title>Amélie</title></movie>"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let cases: [&[u8]; 5] = [
        &utf16,
        b"\xef\xbb\xbf<movie><title>Am\xc3\xa9lie</title></movie>",
        b"<?xml version='1.0' encoding='utf-16'?><movie><title>Am\xc3\xa9lie</title></movie>",
        b"<?xml version=\"1.0\" encoding=\"ISO-8859-2\"?><movie><title>Am\xe9lie</title></movie>",
        b"<movie><title>Am\xe9lie</title></movie>",
    ];
    for bytes in cases {
        let title = parse(bytes).unwrap().remove(0).title;
        assert_eq!(title, text("Amélie"), "{}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn who_made_it_and_how_it_was_liked() {
    let nfo = one("<movie><director>A &amp; B</director><director>C / D</director>\
        <credits>E</credits><writer>E</writer><writer>F</writer>\
        <actor><name> G </name><role/><order>0</order></actor><actor><role>nobody</role></actor>\
        <actor><name>H</name><role>I</role><thumb>x</thumb></actor>\
        <ratings><rating name=\"tmdb\" max=\"10\"><value>6.0</value><votes>9</votes></rating>\
        <rating name=\"imdb\" max=\"100\" default=\"true\"><value>83</value></rating></ratings>\
        <rating>1.0</rating></movie>");
    let actor = |name: &str, role: Option<&str>| Actor {
        name: name.to_owned(),
        role: role.map(str::to_owned),
    };
    let expected = Details {
        directors: ["A & B", "C", "D"].map(str::to_owned).into(),
        writers: ["E", "F"].map(str::to_owned).into(),
        actors: vec![actor("G", None), actor("H", Some("I"))],
        stars: Some(83),
    };
    assert_eq!(nfo.details, expected);
    let stars = |rating: &str| one(&format!("<movie>{rating}</movie>")).details.stars;
    assert_eq!(stars("<rating>7,25</rating>"), Some(73));
    assert_eq!(stars("<rating>0</rating>"), None);
    assert_eq!(stars("<ratings><rating><value>11</value></rating></ratings>"), None);
}

#[test]
fn a_music_video_names_its_artist() {
    let nfo = one("<MusicVideo><title>Song</title><artist>One</artist><artist>Two</artist>\
        <season>-1</season><year>0</year></MusicVideo>");
    let expected = Nfo { title: text("Song"), show: text("One"), ..bare(NfoKind::MusicVideo) };
    assert_eq!(nfo, expected);
}

proptest! {
    #[test]
    fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        drop(parse(&bytes));
    }

    #[test]
    fn nothing_panics_on_xml_like_text(text in "(<|>|/|&|;|movie|title|episodedetails|\\?xml|!\\[CDATA\\[|é| |\\]\\]>|#x?[0-9]){0,40}") {
        drop(parse(text.as_bytes()).map(merge));
    }

    #[test]
    fn what_is_escaped_comes_back(title in "[a-zA-Zäöü<>&\"'][a-zA-Zäöü<>&\"' ]{0,40}") {
        let xml = format!("<movie><title>{}</title></movie>", quick_xml::escape::escape(&title));
        let words: Vec<&str> = title.split_whitespace().collect();
        prop_assert_eq!(one(&xml).title, Some(words.join(" ")));
    }
}

fn one(xml: &str) -> Nfo {
    let mut all = parse(xml.as_bytes()).unwrap();
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn bare(kind: NfoKind) -> Nfo {
    Nfo {
        kind,
        title: None,
        show: None,
        season: None,
        episode: None,
        episode_end: None,
        year: None,
        plot: None,
        genres: Vec::new(),
        rating: None,
        aired: None,
        edition: None,
        details: Details::default(),
    }
}
