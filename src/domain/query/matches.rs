//! Whether a media item answers to a query, and in which order those come that do.

use std::cell::OnceCell;
use std::cmp::Ordering;

use super::days::aired_ms;
use super::words::{self, MARK, TextField};
use super::{Node, Phrase, Query, RangeField, Sort, SortField, Term};
use crate::domain::{Media, MediaId, UtcMillis};

impl Query {
    /// The ids of those that match at `now`, in the query's order, or else in theirs; at most as
    /// many as the query's limit.
    pub fn select<'a>(
        &self,
        media: impl Iterator<Item = &'a Media>,
        now: UtcMillis,
    ) -> Vec<MediaId> {
        let mut found: Vec<&Media> = media.filter(|item| self.matches(item, now)).collect();
        if !self.sort.is_empty() {
            found.sort_by(|a, b| compare(&self.sort, a, b));
        }
        let most = self.limit.map_or(found.len(), |limit| limit as usize);
        found.into_iter().take(most).map(|item| item.id).collect()
    }

    /// Whether one media item matches; order and limit play no part.
    pub fn matches(&self, media: &Media, now: UtcMillis) -> bool {
        Reader { media, now, lines: Default::default() }.holds(&self.tree)
    }
}

/// A media item with the lines that were needed so far.
struct Reader<'a> {
    media: &'a Media,
    now: UtcMillis,
    lines: [OnceCell<String>; TextField::ALL.len()],
}

impl Reader<'_> {
    fn holds(&self, node: &Node) -> bool {
        match node {
            Node::All(parts) => parts.iter().all(|part| self.holds(part)),
            Node::Any(parts) => parts.iter().any(|part| self.holds(part)),
            Node::Not(part) => !self.holds(part),
            Node::Is(term) => self.is(term),
        }
    }

    fn is(&self, term: &Term) -> bool {
        match term {
            Term::Text { fields, phrase } => {
                let piece = phrase.piece();
                fields.iter().any(|field| self.line(*field).contains(&piece))
            }
            Term::Range { field, from, to } => field.of(self.media).is_some_and(|value| {
                from.is_none_or(|from| from.at(self.now.0) <= value)
                    && to.is_none_or(|to| value <= to.at(self.now.0))
            }),
            Term::Kind(kind) => self.media.kind == *kind,
            Term::State(state) => self.media.state.name() == *state,
            Term::Folder(folder) => self.media.path.starts_with(folder),
        }
    }

    fn line(&self, field: TextField) -> &str {
        self.lines[field as usize].get_or_init(|| words::line(self.media, field))
    }
}

impl Phrase {
    /// What a line that holds the phrase contains.
    fn piece(&self) -> String {
        let words = self.words.join(" ");
        match (self.whole, self.begins) {
            (true, _) => format!(" {MARK} {words} {MARK} "),
            (false, true) => format!(" {words}"),
            (false, false) => format!(" {words} "),
        }
    }
}

impl RangeField {
    /// The value of a media item, if it is known.
    fn of(self, media: &Media) -> Option<i64> {
        match self {
            Self::Year => media.year.map(i64::from),
            Self::Season => media.season.map(i64::from),
            Self::Episode => media.episode.map(i64::from),
            Self::Part => media.part.map(i64::from),
            Self::Library => Some(media.library.0),
            Self::Id => Some(media.id.0),
            Self::Length => Some(media.duration_ms).filter(|ms| *ms > 0),
            Self::Size => i64::try_from(media.size).ok(),
            Self::Added => Some(media.added.0),
            Self::Aired => media.aired.as_deref().and_then(aired_ms),
        }
    }
}

fn compare(sort: &[Sort], a: &Media, b: &Media) -> Ordering {
    let by = |sort: &Sort| {
        let turned = |order: Ordering| if sort.descending { order.reverse() } else { order };
        let number = |a: Option<i64>, b: Option<i64>| match (a, b) {
            (Some(a), Some(b)) => turned(a.cmp(&b)),
            // What is not known comes last, whichever way round.
            (a, b) => b.is_some().cmp(&a.is_some()),
        };
        let range = |field: RangeField| number(field.of(a), field.of(b));
        match sort.by {
            SortField::Title => turned(by_title(a).cmp(&by_title(b))),
            SortField::Year => range(RangeField::Year),
            SortField::Added => range(RangeField::Added),
            SortField::Aired => range(RangeField::Aired),
            SortField::Length => range(RangeField::Length),
            SortField::Size => range(RangeField::Size),
            SortField::Id => range(RangeField::Id),
        }
    };
    let first = sort.iter().map(by).find(|order| order.is_ne());
    first.unwrap_or_else(|| a.id.cmp(&b.id))
}

/// Show or else title, season, episode, title. A season or an episode without a number comes after
/// those with one.
fn by_title(media: &Media) -> (String, u32, u32, String) {
    let last = Sort::NO_NUMBER;
    let series = small(media.show.as_ref().unwrap_or(&media.title));
    (series, media.season.unwrap_or(last), media.episode.unwrap_or(last), small(&media.title))
}

/// As the database's `lower` does it: letters of ASCII only.
fn small(text: &str) -> String {
    text.to_ascii_lowercase()
}
