//! Lists of somebody else: titles, years and ids, matched against the libraries.
//!
//! An id decides where both sides have one of the same kind. Files carry ids in their names, as
//! media servers want them: `Film (1987) {tmdb-603}`, `[imdbid-tt0133093]`, `{tvdb-81189}` on a
//! show's folder. Else the title decides, word by word, and the year may be off by one, because
//! lists and files disagree about premieres.

mod ids;

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::query::words::words;
use super::{Media, MediaId, MediaKind};
pub use ids::ForeignIds;

/// What a line of a list names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListedKind {
    /// A film.
    Movie,
    /// A show: all of its episodes, or one season, or one episode.
    Show,
    /// It does not say.
    #[default]
    Any,
}

/// A line of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ListEntry {
    /// What it is.
    pub kind: ListedKind,
    /// Title of the film or the show.
    pub title: String,
    /// Year of the film, or of the show's beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub year: Option<u32>,
    /// Only this season.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub season: Option<u32>,
    /// Only this episode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub episode: Option<u32>,
    /// Ids of the film or the show.
    pub ids: ForeignIds,
}

/// Media by title and id, made once to match many lines.
#[derive(Debug, Default)]
pub struct Matcher<'a> {
    films: HashMap<String, Vec<&'a Media>>,
    shows: HashMap<String, Vec<&'a Media>>,
    imdb: HashMap<String, Vec<&'a Media>>,
    tmdb: HashMap<u64, Vec<&'a Media>>,
    tvdb: HashMap<u64, Vec<&'a Media>>,
}

impl<'a> Matcher<'a> {
    /// Reads titles, shows and ids of all media.
    pub fn new(media: impl Iterator<Item = &'a Media>) -> Self {
        let mut matcher = Self::default();
        for item in media {
            let (titles, title) = match (&item.show, item.kind) {
                (Some(show), MediaKind::Episode | MediaKind::Other) => (&mut matcher.shows, show),
                _ => (&mut matcher.films, &item.title),
            };
            titles.entry(alike(title)).or_default().push(item);
            let ids = ForeignIds::of_path(&item.path);
            ids.imdb.into_iter().for_each(|id| matcher.imdb.entry(id).or_default().push(item));
            ids.tmdb.into_iter().for_each(|id| matcher.tmdb.entry(id).or_default().push(item));
            ids.tvdb.into_iter().for_each(|id| matcher.tvdb.entry(id).or_default().push(item));
        }
        matcher
    }

    /// The media that a line names: the film, or the episodes of the show in their order.
    pub fn find(&self, entry: &ListEntry) -> Vec<MediaId> {
        let mut found = self.by_id(entry);
        if found.is_empty() {
            found = self.by_title(entry);
        }
        let wanted = |media: &&&Media| {
            entry.season.is_none_or(|season| media.season == Some(season))
                && entry.episode.is_none_or(|episode| {
                    let first = media.episode.unwrap_or(u32::MAX);
                    (first..=media.episode_end.unwrap_or(first)).contains(&episode)
                })
        };
        let mut found: Vec<&Media> = found.iter().filter(wanted).copied().collect();
        found.sort_by_key(|media| (media.season, media.episode, media.part, media.id));
        found.into_iter().map(|media| media.id).collect()
    }

    fn by_id(&self, entry: &ListEntry) -> Vec<&'a Media> {
        let ForeignIds { imdb, tmdb, tvdb } = &entry.ids;
        let lists = [
            imdb.as_ref().and_then(|id| self.imdb.get(&id.to_ascii_lowercase())),
            tmdb.and_then(|id| self.tmdb.get(&id)),
            tvdb.and_then(|id| self.tvdb.get(&id)),
        ];
        // A film and a show may have the same number at TMDB.
        let fits = |media: &&&Media| match entry.kind {
            ListedKind::Movie => media.kind != MediaKind::Episode,
            ListedKind::Show => media.show.is_some(),
            ListedKind::Any => true,
        };
        let mut lists = lists.into_iter().flatten();
        lists
            .find_map(|list| {
                let list: Vec<&Media> = list.iter().filter(fits).copied().collect();
                (!list.is_empty()).then_some(list)
            })
            .unwrap_or_default()
    }

    fn by_title(&self, entry: &ListEntry) -> Vec<&'a Media> {
        let title = alike(&entry.title);
        if title.is_empty() {
            return Vec::new();
        }
        let others = |media: &Media| {
            // Another id of the same kind is another film of the same name.
            let ids = ForeignIds::of_path(&media.path);
            let differ = |a: Option<u64>, b: Option<u64>| a.is_some() && b.is_some() && a != b;
            !entry.ids.is_empty()
                && (differ(ids.tmdb, entry.ids.tmdb)
                    || differ(ids.tvdb, entry.ids.tvdb)
                    || matches!((&ids.imdb, &entry.ids.imdb), (Some(a), Some(b)) if a != b))
        };
        if entry.kind != ListedKind::Show
            && let Some(films) = self.films.get(&title)
        {
            let off = |media: &Media| match (media.year, entry.year) {
                (Some(a), Some(b)) => a.abs_diff(b),
                _ => 0,
            };
            let near: Vec<&Media> =
                films.iter().filter(|film| off(film) <= 1 && !others(film)).copied().collect();
            let best = near.iter().map(|film| off(film)).min().unwrap_or_default();
            let found: Vec<&Media> = near.into_iter().filter(|film| off(film) == best).collect();
            if !found.is_empty() {
                return found;
            }
        }
        if entry.kind == ListedKind::Movie {
            return Vec::new();
        }
        // `Show (2005)` is how shows of one name are told apart.
        let dated = entry.year.map(|year| format!("{title} {year}"));
        let episodes = dated.and_then(|dated| self.shows.get(&dated)).or(self.shows.get(&title));
        let episodes = episodes.into_iter().flatten().filter(|media| !others(media));
        episodes.copied().collect()
    }
}

/// A title as it is compared.
fn alike(title: &str) -> String {
    words(title).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
