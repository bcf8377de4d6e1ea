//! Orders: which media of a collection comes after which.
//!
//! An order gives every media item a key; what comes next is the item with the smallest key above
//! the key played last. So a place in an order is a key and not a count, and adding or removing
//! media moves nothing that was already played. Where an order deals in groups (shows, runs of
//! episodes), new media may move what comes after it in its own group.

use serde::{Deserialize, Serialize};

use super::dice::{hash, hash_text};
use super::story;
use crate::domain::{CollectionId, GroupBy, Marathon, Media, MediaId, Order};

/// How many consecutive episodes [`Order::MultiEpisodeShuffle`] keeps together.
const RUN: usize = 3;

/// Everything that decides in which order a collection is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Way {
    pub(super) order: Order,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) marathon: Option<Marathon>,
    /// Parts of a story stay together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) together: Option<Together>,
    /// Number of the schedule item whose own this place is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) own: Option<usize>,
}

/// What parts of a story have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Together {
    /// The show and the title.
    InAShow,
    /// The title.
    AcrossShows,
}

impl Way {
    /// Whether the keys are others in the next round.
    pub(super) fn changes(&self) -> bool {
        let shuffles = match self.order {
            Order::Shuffle | Order::ShuffleInOrder | Order::MultiEpisodeShuffle => true,
            Order::Chronological
            | Order::SeasonEpisode
            | Order::Listed
            | Order::Random
            | Order::Rotating => false,
        };
        shuffles || self.marathon.is_some_and(|marathon| marathon.shuffle_groups)
    }

    /// Whether the first of a round changes places with the second rather than play twice in a row.
    pub(super) fn puts_off(&self) -> bool {
        self.order == Order::Shuffle && self.marathon.is_none() && self.together.is_none()
    }
}

/// Where an item stands in an order: by rank, then by text, then by id.
///
/// Shuffles and lists rank by number alone; only what people sort is a text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "(u64, String, i64)", into = "(u64, String, i64)")]
pub(super) struct Key {
    pub(super) rank: u64,
    pub(super) text: String,
    /// Makes keys unique, so that no two items ever share a spot.
    pub(super) id: i64,
}

impl From<(u64, String, i64)> for Key {
    fn from((rank, text, id): (u64, String, i64)) -> Self {
        Self { rank, text, id }
    }
}

impl From<Key> for (u64, String, i64) {
    fn from(key: Key) -> Self {
        (key.rank, key.text, key.id)
    }
}

/// The keys of a collection's media, in the order of `items`.
pub(super) fn keys(
    way: &Way,
    seed: u64,
    collection: CollectionId,
    round: u64,
    items: &[&Media],
) -> Vec<Key> {
    let dealer = Dealer { way, seed, collection, round };
    if let Some(marathon) = way.marathon {
        return dealer.marathon(marathon, items);
    }
    match way.order {
        Order::Chronological => dealer.by_text(items, chronological),
        Order::SeasonEpisode => dealer.by_text(items, season_episode),
        Order::Listed | Order::Random => dealer.listed(items),
        Order::Shuffle if way.together.is_some() => dealer.shuffled_stories(items),
        Order::Shuffle => items.iter().map(|item| dealer.shuffled(item.id)).collect(),
        Order::ShuffleInOrder => dealer.shuffled_in_order(items),
        Order::Rotating => dealer.rotating(items),
        Order::MultiEpisodeShuffle => dealer.runs(items),
    }
}

/// Numbers of the stories of `items`: parts of one story have the same.
pub(super) fn stories(items: &[&Media], together: Together) -> Vec<(usize, u32)> {
    let across = together == Together::AcrossShows;
    let mut found = vec![(0, 0); items.len()];
    let parts: Vec<_> = items.iter().map(|item| story::part(item, across)).collect();
    let name = |(index, part): (usize, &Option<(String, u32)>)| match part {
        Some((name, _)) => format!("s{name}"),
        None => format!("i{index}"),
    };
    let names = parts.iter().enumerate().map(name).collect();
    for (number, members) in story::grouped(names).into_iter().enumerate() {
        for index in members {
            found[index] = (number, parts[index].as_ref().map_or(0, |(_, part)| *part));
        }
    }
    found
}

struct Dealer<'a> {
    way: &'a Way,
    seed: u64,
    collection: CollectionId,
    round: u64,
}

impl Dealer<'_> {
    fn by_text(&self, items: &[&Media], text: fn(&Media) -> String) -> Vec<Key> {
        items.iter().map(|item| Key { rank: 0, text: text(item), id: item.id.0 }).collect()
    }

    fn listed(&self, items: &[&Media]) -> Vec<Key> {
        let key = |(index, item): (usize, &&Media)| Key {
            rank: index as u64,
            text: String::new(),
            id: item.id.0,
        };
        items.iter().enumerate().map(key).collect()
    }

    /// A key that differs from round to round and looks random, but follows from its arguments.
    fn shuffled(&self, media: MediaId) -> Key {
        Key { rank: self.roll(media.0.cast_unsigned()), text: String::new(), id: media.0 }
    }

    fn roll(&self, what: u64) -> u64 {
        hash(self.seed, [self.collection.0.cast_unsigned(), self.round, what])
    }

    fn shuffled_stories(&self, items: &[&Media]) -> Vec<Key> {
        let together = self.way.together.unwrap_or(Together::InAShow);
        let stories = stories(items, together);
        // A story goes by its smallest id, so that a new part does not move it.
        let mut leaders = vec![i64::MAX; items.len()];
        for (item, (story, _)) in items.iter().zip(&stories) {
            leaders[*story] = leaders[*story].min(item.id.0);
        }
        let key = |(item, (story, part)): (&&Media, &(usize, u32))| Key {
            rank: self.roll(leaders[*story].cast_unsigned()),
            text: format!("{part:05}"),
            id: item.id.0,
        };
        items.iter().zip(&stories).map(key).collect()
    }

    /// Gives each member of each group its key: `deal(group's name, place in it, its size)`.
    fn in_groups(
        &self,
        items: &[&Media],
        by: GroupBy,
        within: Order,
        mut deal: impl FnMut(&str, &[usize], &mut [(u64, String)]),
    ) -> Vec<Key> {
        let mut dealt = vec![(0, String::new()); items.len()];
        let names: Vec<String> = items.iter().map(|item| story::group(item, by)).collect();
        for mut members in story::grouped(names.clone()) {
            let sort_key = |index: &usize| -> (u64, String, i64) {
                let item = items[*index];
                match within {
                    Order::Chronological => (0, chronological(item), item.id.0),
                    Order::Listed => (*index as u64, String::new(), 0),
                    Order::Shuffle | Order::Random => {
                        (self.roll(item.id.0.cast_unsigned()), String::new(), item.id.0)
                    }
                    Order::SeasonEpisode
                    | Order::ShuffleInOrder
                    | Order::Rotating
                    | Order::MultiEpisodeShuffle => (0, season_episode(item), item.id.0),
                }
            };
            members.sort_by_cached_key(sort_key);
            let name = members.first().map_or("", |index| names[*index].as_str());
            deal(name, &members, &mut dealt);
        }
        let key =
            |(item, (rank, text)): (&&Media, (u64, String))| Key { rank, text, id: item.id.0 };
        items.iter().zip(dealt).map(key).collect()
    }

    fn shuffled_in_order(&self, items: &[&Media]) -> Vec<Key> {
        self.in_groups(items, GroupBy::Show, Order::SeasonEpisode, |_, members, dealt| {
            // The places are those of a plain shuffle; the members take them in their own order.
            let mut ranks: Vec<u64> =
                members.iter().map(|i| self.roll(items[*i].id.0.cast_unsigned())).collect();
            ranks.sort_unstable();
            for (index, rank) in members.iter().zip(ranks) {
                dealt[*index] = (rank, String::new());
            }
        })
    }

    fn rotating(&self, items: &[&Media]) -> Vec<Key> {
        self.in_groups(items, GroupBy::Show, Order::SeasonEpisode, |name, members, dealt| {
            for (place, index) in members.iter().enumerate() {
                dealt[*index] = (place as u64, name.to_owned());
            }
        })
    }

    fn runs(&self, items: &[&Media]) -> Vec<Key> {
        self.in_groups(items, GroupBy::Show, Order::SeasonEpisode, |name, members, dealt| {
            for (run, part) in members.chunks(RUN).enumerate() {
                let rank = self.roll(hash(hash_text(name), [run as u64]));
                for (place, index) in part.iter().enumerate() {
                    dealt[*index] = (rank, format!("{place:05}"));
                }
            }
        })
    }

    fn marathon(&self, marathon: Marathon, items: &[&Media]) -> Vec<Key> {
        let batch = match marathon.batch_size {
            0 => usize::MAX,
            size => usize::try_from(size).unwrap_or(usize::MAX),
        };
        self.in_groups(items, marathon.group_by, self.way.order, |name, members, dealt| {
            let group = if marathon.shuffle_groups {
                format!("{:016x}", self.roll(hash_text(name)))
            } else {
                natural(name)
            };
            for (chunk, part) in members.chunks(batch).enumerate() {
                for (place, index) in part.iter().enumerate() {
                    dealt[*index] = (chunk as u64, format!("{group}\t{place:05}"));
                }
            }
        })
    }
}

/// By first airing or year, then show, season, episode, part and title; what has no date comes last.
pub(super) fn chronological(item: &Media) -> String {
    let date = match (&item.aired, item.year) {
        (Some(aired), _) if aired.len() == 10 && aired.is_ascii() => aired.clone(),
        (_, Some(year)) => format!("{year:04}"),
        (_, None) => "9999-99".to_owned(),
    };
    format!("{date}\t{}", season_episode(item))
}

/// By show, season, episode, part and title; specials and what has no season come last in a show.
pub(super) fn season_episode(item: &Media) -> String {
    let show = item.show.as_deref().map(natural).unwrap_or_default();
    let season = match item.season {
        None => 99_999,
        Some(0) => 99_998,
        Some(season) => season,
    };
    let episode = item.episode.unwrap_or(99_999);
    let part = item.part.unwrap_or(0);
    let title = natural(&item.title);
    format!("{show}\t{season:05}\t{episode:05}\t{title}\t{part:03}")
}

/// A text that sorts as people sort: without case, numbers by value (`Part 2` before `Part 10`).
fn natural(text: &str) -> String {
    let mut sorted = String::with_capacity(text.len() + 8);
    let mut digits = String::new();
    let flush = |digits: &mut String, sorted: &mut String| {
        if !digits.is_empty() {
            let value = digits.trim_start_matches('0');
            sorted.extend(std::iter::repeat_n('0', 8_usize.saturating_sub(value.len())));
            sorted.push_str(value);
            digits.clear();
        }
    };
    for letter in text.chars().flat_map(char::to_lowercase) {
        if letter.is_ascii_digit() {
            digits.push(letter);
            continue;
        }
        flush(&mut digits, &mut sorted);
        sorted.push(if letter.is_control() { ' ' } else { letter });
    }
    flush(&mut digits, &mut sorted);
    sorted
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::tests::shelf;
    use super::*;

    #[test]
    fn numbers_in_titles_sort_by_value() {
        let mut titles = ["Part 10", "part 2", "Part 1", "Part", "PART 010 b"].map(natural);
        titles.sort();
        assert_eq!(
            titles,
            ["part", "part 00000001", "part 00000002", "part 00000010", "part 00000010 b"]
        );
    }

    #[test]
    fn films_go_by_year_and_undated_ones_come_last() {
        let mut shelf = shelf("1 z 10, 2 y 10, 3 x 10, 4 w 10");
        for (index, (year, aired)) in
            [(None, None), (Some(1987), None), (Some(2000), Some("1986-05-01")), (Some(1987), None)]
                .into_iter()
                .enumerate()
        {
            let item = std::sync::Arc::make_mut(&mut shelf[index]);
            item.year = year;
            item.aired = aired.map(str::to_owned);
        }
        let mut sorted: Vec<_> = shelf.iter().map(|m| (chronological(m), m.id.0)).collect();
        sorted.sort();
        assert_eq!(sorted.iter().map(|(_, id)| *id).collect::<Vec<_>>(), [3, 4, 2, 1]);
    }

    #[test]
    fn specials_come_after_the_seasons_of_their_show() {
        let mut shelf = shelf("1 a 10, 2 b 10, 3 c 10, 4 d 10");
        for (index, (show, season, episode)) in
            [("B", 1, 1), ("a", 0, 1), ("A", 2, 10), ("A", 2, 9)].into_iter().enumerate()
        {
            let item = std::sync::Arc::make_mut(&mut shelf[index]);
            item.show = Some(show.to_owned());
            (item.season, item.episode) = (Some(season), Some(episode));
        }
        let mut sorted: Vec<_> = shelf.iter().map(|m| (season_episode(m), m.id.0)).collect();
        sorted.sort();
        assert_eq!(sorted.iter().map(|(_, id)| *id).collect::<Vec<_>>(), [4, 3, 2, 1]);
    }
}
