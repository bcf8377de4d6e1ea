//! The guide and the playlist as Jellyfin, Kodi and Plex read them.
//!
//! Each reader here is written from what is known of the client's own: what it looks at, what it
//! leaves aside, and where it goes wrong. None of them shares code with the server.

use std::collections::{BTreeMap, BTreeSet};

use exstreamtv::domain::UtcMillis;
use quick_xml::Reader;
use quick_xml::events::Event;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use reqwest::{Method, StatusCode};

use crate::support::app::{App, run};

#[test]
fn jellyfin_tells_every_programme_apart() {
    run(async {
        let app = App::demo().await;
        let guide = Element::read(&app.viewer().text("/iptv/xmltv.xml").await);
        let playlist = app.viewer().text("/iptv/channels.m3u").await;
        let listed = jellyfin_playlist(&playlist);
        let known: BTreeSet<&str> = guide.all("channel").map(|c| c.attribute("id")).collect();
        let mut shows: BTreeMap<String, BTreeSet<Identity>> = BTreeMap::new();
        let mut ids = BTreeSet::new();
        for programme in guide.all("programme") {
            let read = jellyfin(programme);
            assert!(known.contains(read.channel.as_str()), "{}", read.channel);
            assert!(ids.insert((read.channel.clone(), read.start)), "two at {:?}", read.start);
            assert!(read.stop > read.start && !read.name.trim().is_empty());
            assert!(
                read.is_new != read.is_repeat,
                "{}: neither new nor a repeat, or both",
                read.name
            );
            if let Some(show) = read.show_id {
                let identity = (read.name.to_lowercase(), read.season, read.episode);
                shows.entry(show).or_default().insert(identity);
            }
        }
        // Equal ids are equal programmes: its recordings go by them.
        for (show, programmes) in &shows {
            assert_eq!(programmes.len(), 1, "{show}: {programmes:?}");
        }
        assert!(shows.len() > 3, "{shows:?}");
        // Every channel of the playlist has its guide, under the id, the number and the name.
        assert!(!listed.is_empty());
        for (id, number, url) in &listed {
            assert!(known.contains(id.as_str()), "{id}");
            assert!(number.parse::<f64>().is_ok_and(|number| number > 0.0), "{number}");
            assert!(url.starts_with("http://"), "{url}");
        }
    });
}

/// Title, season and episode.
type Identity = (String, Option<i64>, Option<i64>);

/// What Jellyfin makes of a programme.
struct Jellyfin {
    channel: String,
    start: i64,
    stop: i64,
    name: String,
    season: Option<i64>,
    episode: Option<i64>,
    is_new: bool,
    is_repeat: bool,
    /// `None` where it would make one up, which it does wrong.
    show_id: Option<String>,
}

fn jellyfin(programme: &Element) -> Jellyfin {
    let (mut season, mut episode, mut show_id) = (None, None, None);
    for number in programme.all("episode-num") {
        let text = number.text.trim();
        match number.attribute("system") {
            "dd_progid" => show_id = Some(text.to_owned()),
            "xmltv_ns" => {
                let parts: Vec<&str> = text.split('.').map(str::trim).collect();
                // `series/total . episode/total . part/total`, each counted from nought.
                let counted = |at: usize| {
                    let part = parts.get(at)?.split('/').next()?;
                    part.parse::<i64>().ok().map(|number| number + 1)
                };
                (season, episode) = (counted(0).or(season), counted(1).or(episode));
            }
            _ => {}
        }
    }
    let categories: Vec<String> =
        programme.all("category").map(|category| category.text.to_lowercase()).collect();
    let is_movie = categories.iter().any(|category| category == "movie");
    if is_movie {
        // It throws the episode of a film away.
        assert_eq!(episode, None, "a film with an episode: {}", programme.one("title"));
        episode = None;
    }
    let is_new = programme.has("new");
    Jellyfin {
        channel: programme.attribute("channel").to_owned(),
        start: xmltv_time(programme.attribute("start")),
        stop: xmltv_time(programme.attribute("stop")),
        name: programme.one("title"),
        season,
        episode,
        is_new,
        is_repeat: programme.has("previously-shown") && !is_new,
        show_id,
    }
}

/// Id, number and address of every channel, by Jellyfin's regular expression.
fn jellyfin_playlist(text: &str) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    while let Some(line) = lines.next() {
        let Some(line) = line.strip_prefix("#EXTINF:") else { continue };
        let attributes = quoted(line);
        let url = lines.by_ref().find(|line| !line.starts_with('#')).unwrap();
        let number = attributes.get("tvg-chno").or_else(|| attributes.get("channel-number"));
        found.push((attributes["tvg-id"].clone(), number.unwrap().clone(), url.to_owned()));
    }
    found
}

/// All `key="value"` of a line, non-empty values only.
fn quoted(line: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("=\"") {
        let Some((value, next)) = after.split_once('"') else { break };
        let key = before.rsplit([' ', ',']).next().unwrap().to_lowercase();
        if !value.is_empty() {
            found.insert(key, value.to_owned());
        }
        rest = next;
    }
    found
}

#[test]
fn kodi_matches_every_channel_and_reads_every_number() {
    run(async {
        let app = App::demo().await;
        let guide = Element::read(&app.viewer().text("/iptv/xmltv.xml").await);
        let request = app.viewer().request(Method::GET, "/iptv/channels.m3u");
        let answer = request.header("user-agent", "Kodi/20.5 (X11; Linux)").send().await.unwrap();
        let playlist = answer.text().await.unwrap();
        let head = quoted(playlist.lines().next().unwrap());
        assert!(head["x-tvg-url"].ends_with("/iptv/xmltv.xml"), "{head:?}");
        let mut channels = 0;
        let mut mime = false;
        for line in playlist.lines() {
            if line == "#KODIPROP:mimetype=video/mp2t" {
                mime = true;
            }
            let Some(line) = line.strip_prefix("#EXTINF:") else { continue };
            channels += 1;
            let attributes = quoted(line);
            // It takes the name from behind the last comma.
            let name = line.rsplit(',').next().unwrap();
            assert_eq!(attributes["tvg-name"], name);
            let id = attributes["tvg-id"].to_lowercase();
            let channel = guide.all("channel").find(|c| c.attribute("id").to_lowercase() == id);
            let channel = channel.unwrap_or_else(|| panic!("no guide for {id}"));
            // Where the ids were not equal it would go by the names.
            assert!(channel.all("display-name").any(|have| have.text == name), "{name}");
            let entries: Vec<&Element> = guide.programmes_of(channel.attribute("id")).collect();
            assert!(!entries.is_empty(), "{name} has no programme");
            entries.into_iter().for_each(kodi);
        }
        assert!(channels > 0 && mime);
    });
}

/// Reads an entry as Kodi does and checks that nothing in it is lost on the way.
fn kodi(programme: &Element) {
    let number = |system: &str| {
        programme.all("episode-num").find(|n| n.attribute("system") == system).map(|n| &n.text)
    };
    // Season and episode, both needed, and a third part that is empty or `part/total`.
    let counted = number("xmltv_ns").and_then(|text| {
        let mut parts = text.split('.');
        let season = parts.next()?.trim().parse::<u32>().ok()?;
        let episode = parts.next()?.trim().parse::<u32>().ok()?;
        let part = parts.next().unwrap_or_default();
        assert!(part.is_empty() || part.contains('/'), "{text}");
        Some((season + 1, episode + 1))
    });
    let shown = number("onscreen").and_then(|text| {
        let plain: String = text.chars().filter(|c| !" \txX_.".contains(*c)).collect();
        let rest = plain.strip_prefix(['s', 'S'])?;
        let (season, episode) = rest.split_once(['e', 'E'])?;
        Some((season.parse::<u32>().ok()?, episode.parse::<u32>().ok()?))
    });
    let has_number = number("xmltv_ns").is_some() || number("onscreen").is_some();
    let onscreen = number("onscreen").map(String::as_str).unwrap_or_default();
    let is_of_season = onscreen.starts_with('S');
    assert!(!is_of_season || counted.or(shown).is_some(), "{onscreen}");
    assert!(counted.is_none() || shown.is_none() || counted == shown, "{onscreen}");
    assert!(has_number || counted.is_none());
    if let Some(date) = programme.find("date") {
        let digits = date.text.bytes().all(|b| b.is_ascii_digit());
        assert!(digits && [4, 8].contains(&date.text.len()), "{}", date.text);
    }
    if let Some(stars) = programme.find("star-rating") {
        let (value, of) =
            stars.one("value").split_once('/').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        assert!(value.parse::<f32>().unwrap() <= of.parse::<f32>().unwrap());
    }
    let first = programme.find("category").map(|category| category.text.as_str());
    assert!(first.is_none_or(|first| !first.trim().is_empty()));
    xmltv_time(programme.attribute("start"));
}

#[test]
fn plex_maps_every_channel_and_finds_no_unknown_airing() {
    run(async {
        let app = App::demo().await;
        let guide = Element::read(&app.viewer().text("/iptv/xmltv.xml").await);
        let lineup = app.viewer().json("/lineup.json").await;
        let ids: Vec<&str> = guide.all("channel").map(|c| c.attribute("id")).collect();
        for (at, id) in ids.iter().enumerate() {
            let alike = ids.iter().enumerate().any(|(n, other)| n != at && other.starts_with(id));
            assert!(!alike, "{id} begins another id: Plex merges their guides");
        }
        let channels = lineup.as_array().unwrap();
        assert_eq!(channels.len(), ids.len());
        for channel in channels {
            let number = channel["GuideNumber"].as_str().unwrap();
            let named = |c: &&Element| c.all("display-name").any(|name| name.text == number);
            let mapped: Vec<&Element> = guide.all("channel").filter(named).collect();
            let [mapped] = mapped.as_slice() else { panic!("{number}: {} channels", mapped.len()) };
            check_plex_airings(app, &guide, mapped.attribute("id"));
        }
    });
}

/// Wall to wall from four hours ago to days ahead, each marked as new or as a repeat.
fn check_plex_airings(app: &App, guide: &Element, id: &str) {
    let airings: Vec<&Element> = guide.programmes_of(id).collect();
    let times = |airing: &Element| {
        (xmltv_time(airing.attribute("start")), xmltv_time(airing.attribute("stop")))
    };
    let walls: Vec<(i64, i64)> = airings.iter().map(|airing| times(airing)).collect();
    for pair in walls.windows(2) {
        assert_eq!(pair[0].1, pair[1].0, "{id}: a hole, or two at a time");
    }
    let now = app.now_ms() / 1000;
    assert!(walls[0].0 <= now - 4 * 3600 + 900, "{id} begins {} s ago", now - walls[0].0);
    assert!(walls[walls.len() - 1].1 >= now + 48 * 3600, "{id} ends too soon");
    for airing in airings {
        let title = airing.one("title");
        assert!(airing.has("new") != airing.has("previously-shown"), "{title}");
        let categories: Vec<&str> = airing.all("category").map(|c| c.text.as_str()).collect();
        let systems: BTreeSet<&str> =
            airing.all("episode-num").map(|number| number.attribute("system")).collect();
        if categories.contains(&"Series") && systems.contains("onscreen") {
            assert!(systems.contains("xmltv_ns") && systems.contains("dd_progid"), "{title}");
        }
        assert!(!(categories.contains(&"Movie") && categories.contains(&"Series")), "{title}");
        let words: Vec<&str> = title.split_whitespace().collect();
        let placeholder = words.len() == 2
            && words[0].eq_ignore_ascii_case("item")
            && words[1].bytes().all(|b| b.is_ascii_digit());
        assert!(!placeholder, "{title}");
    }
}

#[test]
fn the_guide_is_the_stream_at_a_thousand_random_instants() {
    run(async {
        let app = App::demo().await;
        let guide = Element::read(&app.viewer().text("/iptv/xmltv.xml").await);
        let channels = app.channels().await;
        // Read once: this build is slow, and there are thousands of them.
        let mut listed: BTreeMap<String, Vec<(i64, i64, &Element)>> = BTreeMap::new();
        for programme in guide.all("programme") {
            let time = |name: &str| xmltv_time(programme.attribute(name)) * 1000;
            let entry = (time("start"), time("stop"), programme);
            listed.entry(programme.attribute("channel").to_owned()).or_default().push(entry);
        }
        // The seed is printed with a failure, so that it can be looked at again.
        let mut chance = StdRng::seed_from_u64(0x6u64 << 20);
        let now = app.now_ms();
        let mut of_media = 0;
        for nth in 0..1000 {
            let channel = channels.choose(&mut chance).unwrap();
            let at = now + chance.random_range(0..48 * 3_600_000_i64);
            let place = format!("{nth}: channel {} at {at}", channel.number);
            let told = listed[&channel.id.guide_id()].iter();
            let told: Vec<&Element> = told
                .filter(|(start, stop, _)| *start <= at && at < *stop)
                .map(|(.., programme)| *programme)
                .collect();
            let [told] = told.as_slice() else { panic!("{place}: {} programmes", told.len()) };
            // The guide has whole seconds, so in the first one the item before may still be on.
            let at = at.max(xmltv_time(told.attribute("start")) * 1000 + 1000);
            let played = app.control().tuning().playing_at(channel.id, UtcMillis(at));
            let Some((media, offset)) = played else {
                assert!(told.find("episode-num").is_none(), "{place}: nothing is played");
                continue;
            };
            of_media += 1;
            let media = app.control().media_item(media).await.unwrap();
            let names = [Some(media.title.clone()), media.show.clone()];
            let title = told.one("title");
            assert!(
                names.iter().flatten().any(|name| *name == title),
                "{place}: {title} {names:?}"
            );
            let start = xmltv_time(told.attribute("start")) * 1000;
            let since = at - start;
            assert!(
                (since - offset).abs() < 1000,
                "{place}: {since} ms by the guide, {offset} played"
            );
        }
        assert!(of_media > 900, "{of_media}");
    });
}

#[test]
fn a_client_gets_the_guide_in_the_form_it_asks_for() {
    run(async {
        let app = App::demo().await;
        // Named, since the client would otherwise ask for gzip and unpack it by itself.
        let ask = |method: Method, path: &str| {
            app.viewer().request(method, path).header("accept-encoding", "identity")
        };
        let (get, path) = (Method::GET, "/iptv/xmltv.xml");
        // The plan is extended now and then, so all of it is asked of one guide, or again.
        for attempt in 0.. {
            let plain = ask(get.clone(), path).send().await.unwrap();
            let tag = plain.headers()["etag"].to_str().unwrap().to_owned();
            let date = plain.headers()["last-modified"].to_str().unwrap().to_owned();
            let length: usize =
                plain.headers()["content-length"].to_str().unwrap().parse().unwrap();
            let text = plain.bytes().await.unwrap();
            assert_eq!(text.len(), length);
            let head = ask(Method::HEAD, path).send().await.unwrap();
            let zipped = ask(get.clone(), "/iptv/xmltv.xml.gz").send().await.unwrap();
            let zipped_length = zipped.headers()["content-length"].to_str().unwrap().to_owned();
            let zipped = zipped.bytes().await.unwrap();
            let by_tag = ask(get.clone(), path).header("if-none-match", &tag);
            let by_tag = by_tag.send().await.unwrap();
            let by_date = ask(get.clone(), path).header("if-modified-since", &date);
            let by_date = by_date.send().await.unwrap();
            let tuners = app.viewer().text("/hdhomerun/epg").await;
            let again = ask(Method::HEAD, path).send().await.unwrap();
            if again.headers()["etag"] != tag.as_str() && attempt < 20 {
                continue;
            }
            assert_eq!(head.status(), StatusCode::OK);
            assert_eq!(head.headers()["content-length"], length.to_string().as_str());
            assert_eq!(zipped.len().to_string(), zipped_length);
            assert!(zipped.len() * 2 < length);
            let mut unzipped = Vec::new();
            let mut decoder = flate2::bufread::GzDecoder::new(zipped.as_ref());
            std::io::Read::read_to_end(&mut decoder, &mut unzipped).unwrap();
            assert!(unzipped == text, "the gzip file holds another guide");
            assert!(tuners.as_bytes() == text, "the tuner's address gives another guide");
            assert_eq!(by_tag.status(), StatusCode::NOT_MODIFIED);
            assert_eq!(by_date.status(), StatusCode::NOT_MODIFIED);
            break;
        }
    });
}

#[test]
fn the_report_counts_what_the_guide_holds() {
    run(async {
        let app = App::demo().await;
        let channels = app.channels().await.len();
        let answer =
            app.operator().request(Method::POST, "/api/guide/rebuild").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let report: serde_json::Value = answer.json().await.unwrap();
        let guide = Element::read(&app.viewer().text("/iptv/xmltv.xml").await);
        assert_eq!(report["channels"], channels);
        // A build in between may have gone a slot further.
        let held = guide.all("programme").count() as i64;
        assert!((report["programme_count"].as_i64().unwrap() - held).abs() < 50, "{held} {report}");
        for nothing in
            ["channels_without_programme", "channels_without_details", "lineup_mismatches"]
        {
            assert_eq!(report[nothing], serde_json::json!([]), "{report}");
        }
        assert_eq!(
            (&report["drift_ms"], &report["failure"]),
            (&0.into(), &serde_json::Value::Null)
        );
        for known in ["plex_enabled", "use_for_epg", "reload_guide_after_epg"] {
            assert!(report[known].is_boolean(), "{report}");
        }
        let refresh =
            app.operator().request(Method::POST, "/iptv/xmltv/refresh").send().await.unwrap();
        let refreshed: serde_json::Value = refresh.json().await.unwrap();
        assert_eq!(refreshed["status"], "ok");
        let numbers = app.operator().text("/metrics").await;
        for name in [
            "guide_programmes",
            "metadata_lookup_success_total",
            "xmltv_lineup_mismatches 0",
            "drift_delta_milliseconds 0",
            "placeholder_title_generated_total",
        ] {
            assert!(
                numbers.contains(&format!("exstreamtv_{name}")),
                "{name} is not among the numbers"
            );
        }
        // The same as JSON.
        let json = app.operator().json("/api/guide?hours=2").await;
        let listed = json["channels"].as_array().unwrap();
        assert_eq!(listed.len(), channels);
        for channel in listed {
            let first = &channel["programmes"][0];
            let told = guide.programmes_of(channel["guide_id"].as_str().unwrap());
            let titles: BTreeSet<String> = told.map(|programme| programme.one("title")).collect();
            assert!(titles.contains(first["title"].as_str().unwrap()), "{first}");
        }
        let bad = app.operator().get("/api/guide?from=yesterday").await;
        assert_eq!(bad.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert!(bad.text().await.unwrap().contains("2026-11-22T20:15:00Z"));
    });
}

/// Seconds since the epoch; only the one form that no client misreads is taken.
#[track_caller]
fn xmltv_time(text: &str) -> i64 {
    let (digits, zone) = text.split_at_checked(14).unwrap_or_else(|| panic!("{text:?}"));
    assert!(digits.bytes().all(|b| b.is_ascii_digit()) && zone == " +0000", "{text:?}");
    jiff::civil::DateTime::strptime("%Y%m%d%H%M%S", digits)
        .unwrap()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .unwrap()
        .timestamp()
        .as_second()
}

/// A piece of XML.
#[derive(Debug, Default)]
struct Element {
    name: String,
    attributes: BTreeMap<String, String>,
    text: String,
    children: Vec<Element>,
}

impl Element {
    /// The root element of a document, which must be well-formed.
    fn read(xml: &str) -> Self {
        let mut reader = Reader::from_str(xml);
        let mut open = vec![Self::default()];
        let begun = |start: &quick_xml::events::BytesStart<'_>| {
            let attributes = start.attributes().map(|attribute| {
                let attribute = attribute.unwrap();
                let value = quick_xml::escape::unescape(&attribute.value).unwrap().into_owned();
                (attribute.key.as_ref().to_owned(), value)
            });
            Self {
                name: start.name().as_ref().to_owned(),
                attributes: attributes.collect(),
                ..Self::default()
            }
        };
        loop {
            match reader.read_event().unwrap() {
                Event::Start(start) => open.push(begun(&start)),
                Event::Empty(start) => open.last_mut().unwrap().children.push(begun(&start)),
                Event::End(_) => {
                    let done = open.pop().unwrap();
                    open.last_mut().unwrap().children.push(done);
                }
                Event::Text(text) => open.last_mut().unwrap().text.push_str(&text.xml10_content()),
                Event::GeneralRef(entity) => {
                    let entity = format!("&{};", &*entity);
                    let text = quick_xml::escape::unescape(&entity).unwrap().into_owned();
                    open.last_mut().unwrap().text.push_str(&text);
                }
                Event::Eof => return open.pop().unwrap().children.pop().unwrap(),
                _ => {}
            }
        }
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    fn find(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// The text of the only element of this name, or the first.
    #[track_caller]
    fn one(&self, name: &str) -> String {
        self.find(name).unwrap_or_else(|| panic!("no {name} in {self:?}")).text.clone()
    }

    #[track_caller]
    fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }

    fn programmes_of(&self, id: &str) -> impl Iterator<Item = &Self> {
        self.children.iter().filter(move |child| {
            child.name == "programme" && child.attributes.get("channel").is_some_and(|c| c == id)
        })
    }
}
