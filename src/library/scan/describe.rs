//! Puts together what names, descriptions and ffprobe say about a file. PURE.
//!
//! A description (NFO) beats the name, because somebody chose it; what it leaves out is taken from
//! the name. The show's description gives one spelling to all its episodes.

use crate::domain::{Details, LibraryKind, MediaKind};
use crate::formats::nfo::{Nfo, NfoKind};
use crate::library::names::Named;

/// A title with everything that goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Description {
    pub(super) named: Named,
    pub(super) plot: Option<String>,
    pub(super) genres: Vec<String>,
    pub(super) rating: Option<String>,
    pub(super) details: Details,
}

/// Lays `own` and `show` over what the name said.
pub(super) fn describe(
    named: Named,
    own: Option<Nfo>,
    show: Option<Nfo>,
    library: LibraryKind,
) -> Description {
    let (plot, genres, rating, details) = (None, Vec::new(), None, Details::default());
    let mut told = Description { named, plot, genres, rating, details };
    if let Some(own) = own {
        told.lay_own(own);
    }
    let show = show.filter(|show| show.kind == NfoKind::Show && library != LibraryKind::Movie);
    if let Some(show) = show {
        told.lay_show(show);
    }
    told
}

impl Description {
    fn lay_own(&mut self, nfo: Nfo) {
        let named = &mut self.named;
        match nfo.kind {
            // A `tvshow` description under the name of a file says nothing about the file.
            NfoKind::Show => return,
            NfoKind::Movie => {
                named.kind = MediaKind::Movie;
                named.show = None;
                (named.season, named.episode, named.episode_end) = (None, None, None);
            }
            NfoKind::Episode => {
                named.kind = MediaKind::Episode;
                named.show = nfo.show.or(named.show.take());
                named.season = nfo.season.or(named.season);
                if nfo.episode.is_some() {
                    // The name may say that there are more episodes than were described.
                    let end = nfo.episode_end.or(named.episode_end);
                    named.episode = nfo.episode;
                    named.episode_end = end.filter(|end| Some(*end) > nfo.episode);
                }
            }
            NfoKind::MusicVideo => {
                named.kind = MediaKind::MusicVideo;
                named.show = nfo.show.or(named.show.take());
                (named.season, named.episode, named.episode_end) = (None, None, None);
            }
        }
        if let Some(title) = nfo.title {
            named.title = title;
        }
        named.year = nfo.year.or(named.year);
        named.edition = nfo.edition.or(named.edition.take());
        named.aired = nfo.aired.or(named.aired.take());
        self.plot = nfo.plot;
        self.genres = nfo.genres;
        self.rating = nfo.rating;
        self.details = nfo.details;
    }

    fn lay_show(&mut self, show: Nfo) {
        match self.named.kind {
            MediaKind::Episode | MediaKind::Other => self.named.kind = MediaKind::Episode,
            MediaKind::Movie | MediaKind::MusicVideo | MediaKind::Live => return,
        }
        self.named.show = show.title.or(self.named.show.take());
        if self.genres.is_empty() {
            self.genres = show.genres;
        }
        self.rating = self.rating.take().or(show.rating);
        // Who plays in a show is told with the show, who directed an episode with the episode.
        if self.details.actors.is_empty() {
            self.details.actors = show.details.actors;
        }
        self.details.stars = self.details.stars.or(show.details.stars);
    }
}

#[cfg(test)]
mod tests {
    use crate::formats::nfo;
    use crate::library::names;

    use super::*;

    #[test]
    fn a_description_beats_the_name_and_leaves_it_what_it_does_not_say() {
        let told = check(
            "Shw/s01e02-e03.mkv",
            "<episodedetails><title>Real</title><plot>P</plot></episodedetails>",
            "<tvshow><title>The Show</title><genre>Drama</genre><mpaa>TV-PG</mpaa></tvshow>",
        );
        let named = &told.named;
        assert_eq!((named.title.as_str(), named.show.as_deref()), ("Real", Some("The Show")));
        assert_eq!((named.season, named.episode, named.episode_end), (Some(1), Some(2), Some(3)));
        assert_eq!((told.plot.as_deref(), told.rating.as_deref()), (Some("P"), Some("TV-PG")));
        assert_eq!(told.genres, ["Drama"]);
    }

    #[test]
    fn a_film_in_a_show_folder_is_a_film() {
        let told = check("Show/s01e02.mkv", "<movie><title>F</title><year>1990</year></movie>", "");
        assert_eq!(
            (told.named.kind, told.named.show, told.named.season),
            (MediaKind::Movie, None, None)
        );
        assert_eq!(told.named.year, Some(1990));
    }

    #[test]
    fn a_show_description_makes_episodes_of_files_without_numbers() {
        let told = check("Thing/one.mkv", "", "<tvshow><title>Thing!</title></tvshow>");
        assert_eq!(told.named.kind, MediaKind::Episode);
        assert_eq!(told.named.show.as_deref(), Some("Thing!"));
    }

    fn check(path: &str, own: &str, show: &str) -> Description {
        let read = |xml: &str| nfo::merge(nfo::parse(xml.as_bytes()).unwrap());
        let library = LibraryKind::Other;
        describe(names::read(path, library, "Root"), read(own), read(show), library)
    }
}
