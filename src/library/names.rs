//! Reads show, season, episode, title, year, edition and part from file and folder names. PURE.
//!
//! Folders are the better witness: people sort by hand and let programs name files. So
//! `Show/Season 2/…` decides show and season whatever the file says, and the file gives the
//! episode. Where a library mixes everything, each file is judged by its own name.
//!
//! Invariant: the title is never empty, whatever the name.

mod episode;
mod noise;

use crate::domain::{LibraryKind, MediaKind};

use episode::{Marker, Season};

/// What a name says. Everything but kind and title may be missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// What it is.
    pub kind: MediaKind,
    /// Title of the film, episode or song; never empty.
    pub title: String,
    /// Show or artist.
    pub show: Option<String>,
    /// Season; 0 holds specials.
    pub season: Option<u32>,
    /// First episode.
    pub episode: Option<u32>,
    /// Last episode, when there are several.
    pub episode_end: Option<u32>,
    /// Part of a film in several files.
    pub part: Option<u32>,
    /// Edition such as `Director's Cut`.
    pub edition: Option<String>,
    /// Year of release.
    pub year: Option<u32>,
    /// First shown, `YYYY-MM-DD`.
    pub aired: Option<String>,
}

/// Reads the name of the file at `relative` (below the library's folder, `/` between folders).
///
/// `root` is the name of the library's folder: it names the show when a library is one show.
pub fn read(relative: &str, library: LibraryKind, root: &str) -> Named {
    let mut folders: Vec<&str> = relative.split('/').filter(|part| !part.is_empty()).collect();
    let file = folders.pop().unwrap_or_default();
    let place = Place { folders, root, stem: stem(file) };
    let mut named = match library {
        LibraryKind::Movie => movie(&place, true),
        LibraryKind::Show => show_file(&place, true).unwrap_or_else(|| unnumbered(&place)),
        LibraryKind::Music => song(&place),
        LibraryKind::Live | LibraryKind::Other => match hint(&place.folders) {
            Some(MediaKind::Movie) => movie(&place, true),
            Some(MediaKind::Episode) => {
                show_file(&place, true).unwrap_or_else(|| unnumbered(&place))
            }
            Some(MediaKind::MusicVideo) => song(&place),
            Some(MediaKind::Live | MediaKind::Other) | None => {
                show_file(&place, false).unwrap_or_else(|| movie(&place, false))
            }
        },
    };
    if named.title.trim().is_empty() {
        let words: Vec<&str> = file.split_whitespace().collect();
        named.title = if words.is_empty() { "Untitled".to_owned() } else { words.join(" ") };
    }
    named
}

/// A file name in its surroundings.
struct Place<'a> {
    folders: Vec<&'a str>,
    root: &'a str,
    stem: &'a str,
}

impl Place<'_> {
    /// The nearest folder that says something: not `Season 1`, `Disc 2`, `TV` or `Downloads`.
    fn telling_folder(&self) -> Option<&str> {
        let telling = |folder: &&&str| {
            !is_container(folder) && !is_disc(folder) && Season::of_folder(folder).is_none()
        };
        self.folders.iter().rev().find(telling).copied()
    }
}

/// The name without its extension; a name such as `.mkv` is all stem.
fn stem(file: &str) -> &str {
    match file.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() && extension.len() <= 5 => stem,
        _ => file,
    }
}

/// What the topmost telling folder of a mixed library says that its files are.
fn hint(folders: &[&str]) -> Option<MediaKind> {
    folders.iter().find_map(|folder| match folder.to_lowercase().trim() {
        "movies" | "movie" | "films" | "film" | "filme" => Some(MediaKind::Movie),
        "tv" | "tv shows" | "tvshows" | "tv-shows" | "shows" | "series" | "serien" | "anime" => {
            Some(MediaKind::Episode)
        }
        "music videos" | "musicvideos" | "music" | "musik" | "music video" => {
            Some(MediaKind::MusicVideo)
        }
        _ => None,
    })
}

/// Folders that only hold things together.
fn is_container(folder: &str) -> bool {
    const NAMES: [&str; 34] = [
        "anime",
        "data",
        "demo",
        "download",
        "downloads",
        "film",
        "filme",
        "films",
        "incoming",
        "library",
        "media",
        "misc",
        "mixed",
        "movie",
        "movies",
        "music",
        "music video",
        "music videos",
        "musicvideos",
        "musik",
        "new",
        "other",
        "others",
        "recordings",
        "serien",
        "series",
        "shows",
        "tv",
        "tv shows",
        "tv-shows",
        "tvshows",
        "unsorted",
        "video",
        "videos",
    ];
    let folder = folder.trim().to_lowercase();
    folder.chars().count() < 2 || NAMES.contains(&folder.as_str())
}

fn is_disc(folder: &str) -> bool {
    let folder = folder.trim().to_lowercase();
    let number = ["disc", "disk", "cd", "dvd", "part", "volume", "vol"]
        .iter()
        .find_map(|word| folder.strip_prefix(word));
    number.is_some_and(|rest| rest.trim_matches([' ', '.', '_', '-']).parse::<u32>().is_ok())
        || matches!(folder.as_str(), "video_ts" | "bdmv" | "stream")
}

/// An episode, if the name or a season folder says that it is one, or it is `sure` to be one.
fn show_file(place: &Place<'_>, sure: bool) -> Option<Named> {
    let season = place.folders.iter().enumerate().rev().find_map(|(at, folder)| {
        Some((at, Season::of_folder(folder)?)).filter(|(_, season)| {
            // `Specials` says something only below a show.
            season.number != 0 || at > 0
        })
    });
    let text = noise::spaced(place.stem);
    let clean = noise::without_tags(&text);
    let marker = episode::find(&clean.text, season.is_some());
    // A release folder (`Show.S01E02.1080p-GRP/abc.mkv`) names what its file does not.
    let (marker, clean) = match (marker, place.folders.last()) {
        (None, Some(folder)) if season.is_none() => {
            let outer = noise::without_tags(&noise::spaced(folder));
            match episode::find(&outer.text, false) {
                Some(marker) if marker.is_explicit() => (Some(marker), outer),
                _ => (None, clean),
            }
        }
        (marker, _) => (marker, clean),
    };
    if marker.is_none() && season.is_none() {
        return None;
    }
    let before = marker.as_ref().map_or("", |marker| clean.text[..marker.start].trim());
    let before = noise::trim(before);
    let by_folder = match &season {
        Some((_, Season { show: Some(show), .. })) => Some(noise::show_name(show)),
        Some((at, _)) => {
            let parents = &place.folders[..*at];
            let show = parents.iter().rev().find(|folder| !is_container(folder));
            Some(noise::show_name(show.copied().unwrap_or(place.root)))
        }
        None => place
            .telling_folder()
            .filter(|folder| episode::find(&noise::spaced(folder), false).is_none())
            .map(noise::show_name),
    };
    let by_file = Some(noise::show_name(before)).filter(|show| !show.is_empty());
    let by_root = || noise::show_name(place.root);
    if season.is_none()
        && !sure
        && let Some(marker) = marker.as_ref().filter(|marker| !marker.is_explicit())
    {
        // Holiday films begin with a date, and `Star Saga Episode 4 (1977)` is a film.
        let dated = marker.aired.is_some() && by_file.is_none();
        let film = noise::film(&clean.text[marker.end..]).has_year_in_parentheses;
        let unknown = by_file.is_none() && by_folder.is_none();
        if dated || film || unknown {
            return None;
        }
    }
    let show = by_folder.filter(|show| !show.is_empty()).or(by_file).unwrap_or_else(by_root);
    let season = season.map(|(_, season)| season.number);
    Some(episode_named(marker, &clean, show, season, place))
}

fn episode_named(
    marker: Option<Marker>,
    clean: &noise::Clean,
    show: String,
    season: Option<u32>,
    place: &Place<'_>,
) -> Named {
    let mut named = empty(MediaKind::Episode);
    named.show = Some(show).filter(|show| !show.is_empty());
    named.edition.clone_from(&clean.edition);
    named.season = season;
    let Some(marker) = marker else {
        named.title = noise::title(&clean.text);
        strip_show(&mut named);
        return named;
    };
    named.season = season.or(marker.season).or(marker.episode.map(|_| 1));
    named.episode = marker.episode;
    named.episode_end = marker.episode_end;
    named.aired.clone_from(&marker.aired);
    if let (Some(season), Some(number)) = (season, marker.episode)
        && marker.season.is_none()
        && marker.is_bare
        && (100..1000).contains(&number)
        && number / 100 == season
    {
        // `Season 1/105.mkv` is the fifth episode, not the hundred and fifth.
        named.episode = Some(number % 100);
    }
    let (rest, part) = noise::glued_part(&clean.text[marker.end..]);
    named.part = part;
    named.title = noise::title(rest);
    if named.title.is_empty() {
        named.title = match (named.episode, named.episode_end, &named.aired) {
            (Some(first), Some(last), _) => format!("Episodes {first}–{last}"),
            (Some(first), None, _) => format!("Episode {first}"),
            (None, _, Some(date)) => date.clone(),
            (None, _, None) => noise::title(&noise::spaced(place.stem)),
        };
    }
    named
}

/// A file of a show without any number.
fn unnumbered(place: &Place<'_>) -> Named {
    let clean = noise::without_tags(&noise::spaced(place.stem));
    let mut named = empty(MediaKind::Episode);
    named.edition = clean.edition;
    named.title = noise::title(&clean.text);
    let folder = place.telling_folder().unwrap_or(place.root);
    named.show = Some(noise::show_name(folder)).filter(|show| !show.is_empty());
    strip_show(&mut named);
    named
}

/// `Show - Title` of a file in the folder of that show is `Title`.
fn strip_show(named: &mut Named) {
    let Some(show) = &named.show else { return };
    let Some((front, rest)) = named.title.split_once(" - ") else { return };
    if noise::same(front, show) && !noise::title(rest).is_empty() {
        named.title = noise::title(rest);
    }
}

/// A film (`sure`), or anything else in a mixed library, which is a film when it has a year.
fn movie(place: &Place<'_>, sure: bool) -> Named {
    let clean = noise::without_tags(&noise::spaced(place.stem));
    let (text, part) = noise::part(&clean.text);
    let own = noise::film(text);
    let folder = place.telling_folder().map(|folder| {
        let clean = noise::without_tags(&noise::spaced(folder));
        (noise::film(&clean.text), clean.edition)
    });
    let mut named =
        empty(if sure || own.year.is_some() { MediaKind::Movie } else { MediaKind::Other });
    named.part = part;
    named.edition = clean.edition.or(own.edition);
    named.title = own.title;
    named.year = own.year;
    named.aired = episode::find(&clean.text, false).and_then(|marker| marker.aired);
    let Some((outer, edition)) = folder.filter(|(outer, _)| outer.year.is_some()) else {
        return named;
    };
    let belongs =
        sure || noise::is_generic(&named.title) || noise::related(&named.title, &outer.title);
    let disagrees = named.year.is_some() && named.year != outer.year;
    if belongs && !disagrees && !outer.title.is_empty() {
        named.kind = MediaKind::Movie;
        named.title = outer.title;
        named.year = outer.year;
        named.edition = named.edition.or(edition).or(outer.edition);
    }
    named
}

/// A music video: `Artist - Title`, or `Artist/Title`.
fn song(place: &Place<'_>) -> Named {
    let clean = noise::without_tags(&noise::spaced(place.stem));
    let film = noise::film(noise::without_track(&clean.text));
    let mut named = empty(MediaKind::MusicVideo);
    named.year = film.year;
    named.edition = clean.edition;
    let (artist, title) = match film.title.split_once(" - ") {
        Some((artist, title)) => (noise::title(artist), noise::title(title)),
        None => (String::new(), film.title.clone()),
    };
    if !artist.is_empty() && !title.is_empty() {
        named.show = Some(artist);
        named.title = title;
        return named;
    }
    named.title = film.title;
    let folders: Vec<&str> = place.folders.iter().copied().filter(|f| !is_container(f)).collect();
    named.show = folders.first().map(|folder| noise::show_name(folder)).filter(|s| !s.is_empty());
    named
}

fn empty(kind: MediaKind) -> Named {
    Named {
        kind,
        title: String::new(),
        show: None,
        season: None,
        episode: None,
        episode_end: None,
        part: None,
        edition: None,
        year: None,
        aired: None,
    }
}

#[cfg(test)]
mod tests;
