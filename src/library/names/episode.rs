//! Finds episode numbers, dates and season folders. PURE.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::noise::pattern;

/// An episode number or a date found in a name.
pub(super) struct Marker {
    /// Where it begins.
    pub(super) start: usize,
    /// Where it ends.
    pub(super) end: usize,
    pub(super) season: Option<u32>,
    pub(super) episode: Option<u32>,
    pub(super) episode_end: Option<u32>,
    pub(super) aired: Option<String>,
    /// A number without any letter that calls it an episode.
    pub(super) is_bare: bool,
}

impl Marker {
    /// Whether it can only be an episode (`S01E02`, `2x05`), not a number or date in a title.
    pub(super) fn is_explicit(&self) -> bool {
        self.season.is_some()
    }
}

/// What a folder such as `Season 2` or `Show - Season 2` says.
pub(super) struct Season<'a> {
    /// The season; 0 for specials.
    pub(super) number: u32,
    /// The show, when the folder names it too.
    pub(super) show: Option<&'a str>,
}

impl<'a> Season<'a> {
    /// Reads a folder's name; `None` when it is no season folder.
    pub(super) fn of_folder(folder: &'a str) -> Option<Self> {
        static SEASON: LazyLock<Regex> = LazyLock::new(|| {
            pattern(
                r"^(?:(.*[^ ._-])[ ._-]+)?(?:(?:season|staffel|saison|temporada|stagione|seizoen|säsong)[ ._-]*|s)(\d{1,4})(?:[ ._-].*|\(.*|\[.*)?$",
            )
        });
        static SERIES: LazyLock<Regex> = LazyLock::new(|| pattern(r"^series[ ._-]*(\d{1,2})$"));
        let folder = folder.trim();
        if folder.eq_ignore_ascii_case("specials") {
            return Some(Self { number: 0, show: None });
        }
        if let Some(found) = SERIES.captures(folder) {
            return Some(Self { number: found[1].parse().ok()?, show: None });
        }
        let found = SEASON.captures(folder)?;
        let number = found.get(2)?.as_str().parse().ok()?;
        Some(Self { number, show: found.get(1).map(|show| show.as_str()) })
    }
}

/// Finds the first episode marker of a cleaned name; `in_season` allows bare numbers.
pub(super) fn find(text: &str, in_season: bool) -> Option<Marker> {
    season_and_episode(text)
        .or_else(|| cross(text))
        .or_else(|| spelled(text))
        .or_else(|| date(text))
        .or_else(|| absolute(text, in_season))
        .or_else(|| if in_season { bare(text) } else { None })
}

/// `S01E02`, `S01E02E03`, `S01E02-E04`, `S01E02-04`.
fn season_and_episode(text: &str) -> Option<Marker> {
    static FIND: LazyLock<Regex> = LazyLock::new(|| {
        pattern(r"\bs(\d{1,4})[ ._x-]*e(\d{1,4})((?:[ ._-]*e\d{1,4}|-\d{1,3}\b)*)(?:[^a-z0-9]|$)")
    });
    let found = FIND.captures(text)?;
    let season = number(&found, 1)?;
    let episode = number(&found, 2)?;
    let last = last_number(&found[3]);
    let end = found.get(3)?.end();
    Some(marker(&found, end, Some(season), episode, last))
}

/// `2x05`, `2x05-06`, `2x05x06`.
fn cross(text: &str) -> Option<Marker> {
    static FIND: LazyLock<Regex> = LazyLock::new(|| {
        pattern(r"(?:^|[^a-z0-9])((\d{1,2})x(\d{2,3})((?:[x-]\d{2,3})*))(?:[^a-z0-9]|$)")
    });
    let found = FIND.captures(text)?;
    let season = number(&found, 2)?;
    let episode = number(&found, 3)?;
    let last = last_number(&found[4]);
    let whole = found.get(1)?;
    let mut marker = marker(&found, whole.end(), Some(season), episode, last);
    marker.start = whole.start();
    Some(marker)
}

/// `Season 1 Episode 2`, `Episode 2`, `Ep 2`, `E02`.
fn spelled(text: &str) -> Option<Marker> {
    static FIND: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"\b(?:(?:season|staffel|series) (\d{1,3})[ ,.-]+)?(?:(?:episode|folge|ep)[ ._#-]*(\d{1,4})|e(\d{2,4}))(?:[^a-z0-9]|$)",
        )
    });
    let found = FIND.captures(text)?;
    let (episode, group) =
        number(&found, 2).map(|n| (n, 2)).or_else(|| number(&found, 3).map(|n| (n, 3)))?;
    let end = found.get(group)?.end();
    Some(marker(&found, end, number(&found, 1), episode, None))
}

/// `2015-12-25`, `2015 12 25`, `25.12.2015`.
fn date(text: &str) -> Option<Marker> {
    static YEAR_FIRST: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"\b((?:19|20)\d\d)[ ._-](\d\d)[ ._-](\d\d)\b"));
    static DAY_FIRST: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"\b(\d\d)[ ._-](\d\d)[ ._-]((?:19|20)\d\d)\b"));
    let (found, order) = match YEAR_FIRST.captures(text) {
        Some(found) => (found, [1, 2, 3]),
        None => (DAY_FIRST.captures(text)?, [3, 2, 1]),
    };
    let [year, month, day] = order.map(|group| number(&found, group).unwrap_or(0));
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let whole = found.get(0)?;
    Some(Marker {
        start: whole.start(),
        end: whole.end(),
        season: None,
        episode: None,
        episode_end: None,
        aired: Some(format!("{year:04}-{month:02}-{day:02}")),
        is_bare: false,
    })
}

/// Anime: `Show - 013`, `Show - 13v2`.
fn absolute(text: &str, in_season: bool) -> Option<Marker> {
    static FIND: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"\S( - (\d{2,4})(?:v\d)?)(?: - | \(|$)"));
    let found = FIND.captures(text)?;
    let whole = found.get(1)?;
    let digits = found.get(2)?.as_str();
    let episode: u32 = digits.parse().ok()?;
    // `Artist - 1999` and `Film - 1984` are titles.
    if !in_season && (digits.len() == 4 || episode == 0) {
        return None;
    }
    let mut marker = marker(&found, whole.end(), None, episode, None);
    marker.start = whole.start();
    marker.is_bare = true;
    Some(marker)
}

/// `05`, `05 - Title`, `05. Title`, `Title 05`: only in a season folder.
fn bare(text: &str) -> Option<Marker> {
    static FRONT: LazyLock<Regex> = LazyLock::new(|| pattern(r"^(\d{1,3})(?:[ .)_-]|$)"));
    static BACK: LazyLock<Regex> = LazyLock::new(|| pattern(r"[ #](\d{2,3})$"));
    if let Some(found) = FRONT.captures(text) {
        let end = found.get(1)?.end();
        let mut marker = marker(&found, end, None, number(&found, 1)?, None);
        marker.is_bare = true;
        return Some(marker);
    }
    let found = BACK.captures(text)?;
    let mut marker = marker(&found, text.len(), None, number(&found, 1)?, None);
    marker.is_bare = true;
    Some(marker)
}

fn marker(
    found: &Captures<'_>,
    end: usize,
    season: Option<u32>,
    episode: u32,
    last: Option<u32>,
) -> Marker {
    Marker {
        start: found.get(0).map_or(0, |whole| whole.start()),
        end,
        season,
        episode: Some(episode),
        // More than fifty episodes in a file are a misread.
        episode_end: last.filter(|last| *last > episode && *last <= episode.saturating_add(50)),
        aired: None,
        is_bare: false,
    }
}

fn number(found: &Captures<'_>, group: usize) -> Option<u32> {
    found.get(group)?.as_str().parse().ok()
}

/// The last number of `E03E04` or `-06`.
fn last_number(text: &str) -> Option<u32> {
    text.rsplit(|c: char| !c.is_ascii_digit()).find(|digits| !digits.is_empty())?.parse().ok()
}
