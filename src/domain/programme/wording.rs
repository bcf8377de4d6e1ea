//! How the guide words a programme: the operator's templates, where there are any.
//!
//! A template is tried on a film, an episode and a clip of which nothing is known when the
//! configuration is read, so a misspelled name is a mistake in the configuration and never a hole in
//! the guide. One that fails all the same, or leaves nothing or a placeholder, gives way to the
//! usual words.

use minijinja::{Environment, UndefinedBehavior, context};

use super::{Programme, Showing, usable};
use crate::domain::{InvalidField, MediaKind, UtcMillis};

/// Longest title that comes of a template, in characters.
const LONGEST_TITLE: usize = 300;

/// How the guide is worded, as it is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordingChoice {
    /// Template of the title; `None` for the film, the show or the song.
    pub title: Option<String>,
    /// Template of what stands below it; `None` for the episode, the edition or the artist.
    pub sub_title: Option<String>,
    /// Template of the description; `None` for the plot.
    pub description: Option<String>,
    /// Most characters of a description, 50–4000; a longer one ends with `…` after a word.
    pub description_limit: u32,
}

impl Default for WordingChoice {
    fn default() -> Self {
        Self { title: None, sub_title: None, description: None, description_limit: 1000 }
    }
}

/// The same, ready to be used. Cheap to call where there are no templates.
#[derive(Debug)]
pub struct Wording {
    /// `None` without templates.
    templates: Option<Environment<'static>>,
    limit: usize,
}

impl Default for Wording {
    fn default() -> Self {
        Self { templates: None, limit: limit(&WordingChoice::default()) }
    }
}

/// The templates there may be, by the key of their configuration.
const NAMES: [&str; 3] = ["title_template", "sub_title_template", "description_template"];

impl Wording {
    /// Reads the templates and tries them.
    ///
    /// # Errors
    /// The first template that cannot be read, or that cannot word one of the samples.
    pub fn new(choice: &WordingChoice) -> Result<Self, InvalidField> {
        let texts = [&choice.title, &choice.sub_title, &choice.description];
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        let mut any = false;
        for (name, text) in NAMES.iter().zip(texts) {
            let Some(text) = text else { continue };
            any = true;
            templates
                .add_template_owned(*name, text.clone())
                .map_err(|error| mistake(name, &error))?;
        }
        let wording = Self { templates: any.then_some(templates), limit: limit(choice) };
        for sample in samples() {
            for name in NAMES {
                wording.render(name, &sample, "News 24", "5.1").map_err(|e| mistake(name, &e))?;
            }
        }
        Ok(wording)
    }

    /// Words a programme of a channel; says how many templates gave nothing that can be shown.
    pub fn apply(&self, programme: &mut Programme, channel: &str, number: &str) -> u32 {
        let mut failed = 0;
        if self.templates.is_some() {
            let mut rendered = NAMES.map(|name| self.render(name, programme, channel, number));
            let mut take = |at: usize| match std::mem::replace(&mut rendered[at], Ok(None)) {
                Ok(text) => text,
                Err(_) => {
                    failed += 1;
                    None
                }
            };
            let (title, sub_title, description) = (take(0), take(1), take(2));
            match title.as_deref().map(usable) {
                Some(Some(title)) => programme.title = cut(title, LONGEST_TITLE),
                Some(None) => failed += 1,
                None => {}
            }
            if let Some(text) = sub_title {
                programme.sub_title = usable(&text).map(|text| cut(text, LONGEST_TITLE));
            }
            if let Some(text) = description.filter(|text| !text.trim().is_empty()) {
                programme.description = text.trim().to_owned();
            }
        }
        if programme.description.len() > self.limit {
            programme.description = cut(&programme.description, self.limit);
        }
        failed
    }

    /// What a template makes of a programme; `None` without such a template.
    fn render(
        &self,
        name: &str,
        programme: &Programme,
        channel: &str,
        number: &str,
    ) -> Result<Option<String>, minijinja::Error> {
        let Some(templates) = &self.templates else { return Ok(None) };
        // reason: there is none of this name, so the usual words stay.
        let Ok(template) = templates.get_template(name) else { return Ok(None) };
        let kind = programme.kind.map(|kind| match kind {
            MediaKind::Movie => "movie",
            MediaKind::Episode => "episode",
            MediaKind::MusicVideo => "music_video",
            MediaKind::Live => "live",
            MediaKind::Other => "other",
        });
        let minutes = programme.stop.since(programme.start) / 60_000;
        let new = programme.showing == Showing::New;
        let words = context! {
            title => &programme.title, sub_title => &programme.sub_title,
            description => &programme.description, season => programme.season,
            episode => programme.episode, episode_end => programme.episode_end,
            year => programme.year, genres => &programme.genres, rating => &programme.rating,
            aired => &programme.aired, kind, minutes, new, channel, number,
        };
        let text = template.render(words)?;
        Ok(Some(text.split_whitespace().collect::<Vec<_>>().join(" ")))
    }
}

fn limit(choice: &WordingChoice) -> usize {
    choice.description_limit as usize
}

fn mistake(name: &str, error: &minijinja::Error) -> InvalidField {
    let fix = "write a Jinja template with title, sub_title, description, season, episode, \
               episode_end, year, genres, rating, aired, kind, minutes, new, channel or number";
    let line = error.line().map(|line| format!(" in line {line}")).unwrap_or_default();
    let said = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    InvalidField::new(name, format!("the template cannot be used{line}: {said}"), fix)
}

/// What templates are tried on.
fn samples() -> [Programme; 3] {
    let plain = Programme::untitled(UtcMillis(0), UtcMillis(1_800_000));
    let titled = Programme { title: "Brazil".into(), description: "x".into(), ..plain };
    let film = Programme {
        kind: Some(MediaKind::Movie),
        year: Some(1985),
        genres: vec!["Comedy".into()],
        ..titled.clone()
    };
    let episode = Programme {
        kind: Some(MediaKind::Episode),
        sub_title: Some("Pilot".into()),
        season: Some(1),
        episode: Some(2),
        aired: Some("2026-11-22".into()),
        ..titled.clone()
    };
    [film, episode, titled]
}

/// At most `longest` characters, cut after a word where one ends in the last quarter.
fn cut(text: &str, longest: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(longest) else { return text.to_owned() };
    let room = text[..end].char_indices().next_back().map_or(0, |(at, _)| at);
    let kept = &text[..room];
    let word = kept.rfind(char::is_whitespace).filter(|at| *at > room / 4 * 3);
    let kept = kept[..word.unwrap_or(room)].trim_end_matches([' ', '\n', ',', ';', ':', '-']);
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_words_what_is_known() {
        let title = "{{ title }}{% if year %} ({{ year }}){% endif %}";
        let wording =
            worded(Some(title), None, Some("{{ channel }} {{ number }}: {{ kind }}"), 1000);
        let [film, episode, _] = samples();
        check(&wording, film, "Brazil (1985)", None, "Films 5: movie");
        check(&wording, episode, "Brazil", Some("Pilot"), "Films 5: episode");
    }

    #[test]
    fn what_gives_nothing_or_a_placeholder_gives_way() {
        let wording = worded(Some("Item {{ episode }}"), Some("{{ '' }}"), None, 1000);
        let [_, episode, _] = samples();
        let mut worded = episode.clone();
        assert_eq!(wording.apply(&mut worded, "Films", "5"), 1);
        assert_eq!((worded.title, worded.sub_title), (episode.title, None));
    }

    #[test]
    fn a_mistake_names_its_field_and_what_there_is() {
        for (text, said) in
            [("{{ titel }}", "undefined"), ("{% if %}", "in line 1"), ("{{ title | x }}", "filter")]
        {
            let choice = WordingChoice { sub_title: Some(text.into()), ..WordingChoice::default() };
            let mistake = Wording::new(&choice).unwrap_err().to_string();
            assert!(mistake.contains("sub_title_template") && mistake.contains(said), "{mistake}");
            assert!(mistake.contains("episode_end"), "{mistake}");
        }
    }

    #[test]
    fn a_long_description_ends_after_a_word() {
        let wording = worded(None, None, None, 50);
        let [mut film, ..] = samples();
        film.description =
            "Dreams of a clerk, who — in a world of papers — longs to fly away".into();
        wording.apply(&mut film, "x", "1");
        assert_eq!(film.description, "Dreams of a clerk, who — in a world of papers —…");
        assert!(film.description.chars().count() <= 50);
        film.description = "ä".repeat(51);
        wording.apply(&mut film, "x", "1");
        assert_eq!(film.description, format!("{}…", "ä".repeat(49)));
        film.description = "ä".repeat(50);
        wording.apply(&mut film, "x", "1");
        assert_eq!(film.description, "ä".repeat(50));
    }

    fn worded(title: Option<&str>, sub: Option<&str>, text: Option<&str>, limit: u32) -> Wording {
        let choice = WordingChoice {
            title: title.map(str::to_owned),
            sub_title: sub.map(str::to_owned),
            description: text.map(str::to_owned),
            description_limit: limit,
        };
        Wording::new(&choice).unwrap()
    }

    #[track_caller]
    fn check(wording: &Wording, from: Programme, title: &str, sub: Option<&str>, text: &str) {
        let mut programme = from;
        assert_eq!(wording.apply(&mut programme, "Films", "5"), 0);
        let got = (programme.title.as_str(), programme.sub_title.as_deref());
        assert_eq!((got, programme.description.as_str()), ((title, sub), text));
    }
}
