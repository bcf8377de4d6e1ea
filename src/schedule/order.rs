//! Orders: which media of a collection comes after which.
//!
//! An order gives every media item a key; what comes next is the item with the smallest key above
//! the key played last. So a place in an order is a key and not a count, and adding or removing
//! media moves nothing that was already played.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::cursor::Spot;
use super::plan::SHORTEST_MS;
use crate::domain::{CollectionId, Media, MediaId, Order};

/// The playable media of a collection, sorted by key.
#[derive(Debug)]
pub(super) struct Deck {
    cards: Vec<Card>,
    order: Order,
    collection: CollectionId,
    seed: u64,
    /// The round the keys are for; only a shuffle's keys change with it.
    round: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Card {
    key: Key,
    media: MediaId,
}

/// Where an item stands in an order: by rank, then by text, then by id.
///
/// Shuffles and lists rank by number alone; only what people sort is a text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "(u64, String, i64)", into = "(u64, String, i64)")]
pub(super) struct Key {
    rank: u64,
    text: String,
    /// Makes keys unique, so that no two items ever share a spot.
    id: i64,
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

/// What a deck gave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Draw {
    pub(super) media: MediaId,
    /// The item that would have come twice in a row and was put off by one.
    pub(super) put_off: Option<MediaId>,
}

impl Deck {
    /// Sorts the media of a collection; what is too short to play is left out and named.
    pub(super) fn new(
        collection: CollectionId,
        order: Order,
        seed: u64,
        ids: &[MediaId],
        media: &BTreeMap<MediaId, std::sync::Arc<Media>>,
    ) -> (Self, Vec<MediaId>) {
        let mut too_short = Vec::new();
        let mut cards = Vec::with_capacity(ids.len());
        for (index, id) in ids.iter().enumerate() {
            let Some(item) = media.get(id) else { continue };
            if item.duration_ms < SHORTEST_MS {
                too_short.push(*id);
                continue;
            }
            let key = match order {
                Order::Chronological => Key { rank: 0, text: chronological(item), id: id.0 },
                Order::SeasonEpisode => Key { rank: 0, text: season_episode(item), id: id.0 },
                Order::Listed => Key { rank: index as u64, text: String::new(), id: id.0 },
                Order::Shuffle
                | Order::Random
                | Order::ShuffleInOrder
                | Order::Rotating
                | Order::MultiEpisodeShuffle => shuffled(seed, collection, 0, *id),
            };
            cards.push(Card { key, media: *id });
        }
        cards.sort_unstable();
        cards.dedup();
        too_short.sort_unstable();
        too_short.dedup();
        (Self { cards, order, collection, seed, round: 0 }, too_short)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.cards.is_empty()
    }

    /// The media in the deck's present order.
    pub(super) fn media(&self) -> impl Iterator<Item = MediaId> {
        self.cards.iter().map(|card| card.media)
    }

    /// Draws the next item and moves `spot` past it; `None` from an empty deck.
    pub(super) fn draw(&mut self, spot: &mut Spot) -> Option<Draw> {
        self.turn_to(spot.round);
        if let Some(owed) = spot.owed.take()
            && self.media().any(|id| id == owed)
        {
            spot.last = Some(owed);
            return Some(Draw { media: owed, put_off: None });
        }
        let mut index = self.after(spot);
        if index == self.cards.len() {
            spot.round = spot.round.wrapping_add(1);
            spot.key = None;
            self.turn_to(spot.round);
            index = 0;
        }
        let mut put_off = None;
        let first = self.cards.get(index)?.media;
        if self.order == Order::Shuffle && spot.last == Some(first) && self.cards.len() > 1 {
            // The last of one round must not be the first of the next: the two first change places.
            // Keys are unique, so an earlier card can only be met at the start of a round.
            if let Some(second) = self.cards.get(index + 1) {
                put_off = Some(first);
                spot.owed = put_off;
                index += 1;
                debug_assert_ne!(second.media, first);
            }
        }
        let card = &self.cards[index];
        spot.key = Some(card.key.clone());
        spot.last = Some(card.media);
        Some(Draw { media: card.media, put_off })
    }

    /// Index of the first card after `spot`.
    fn after(&self, spot: &Spot) -> usize {
        let Some(key) = &spot.key else { return 0 };
        let index = self.cards.partition_point(|card| card.key <= *key);
        let was_there = index > 0 && self.cards[index - 1].key == *key;
        if self.order != Order::Listed || was_there {
            return index;
        }
        // The list was edited and ranks have shifted: go on after the item itself if it is there,
        // else where it was.
        let moved = self.cards.iter().position(|card| Some(card.media) == spot.last);
        moved.map_or_else(
            || self.cards.partition_point(|card| card.key.rank < key.rank),
            |index| index + 1,
        )
    }

    fn turn_to(&mut self, round: u64) {
        if self.order != Order::Shuffle || self.round == round {
            return;
        }
        self.round = round;
        for card in &mut self.cards {
            card.key = shuffled(self.seed, self.collection, round, card.media);
        }
        self.cards.sort_unstable();
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

/// A key that differs from round to round and looks random, but follows from its arguments.
fn shuffled(seed: u64, collection: CollectionId, round: u64, media: MediaId) -> Key {
    let mut state = seed;
    for part in [collection.0.cast_unsigned(), round, media.0.cast_unsigned()] {
        state = split_mix(state ^ part);
    }
    Key { rank: state, text: String::new(), id: media.0 }
}

/// One step of the `SplitMix64` generator (Steele, Lea, Flood 2014): a bijection of 64 bits whose
/// output passes as random.
fn split_mix(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
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
    use std::collections::BTreeMap;

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

    #[test]
    fn a_listed_deck_goes_on_after_the_last_item_when_the_list_was_edited() {
        assert_eq!(draw_listed(&[1, 2, 3], 2, &[1, 2, 3], 3), [3, 1, 2]);
        assert_eq!(draw_listed(&[1, 2, 3], 2, &[4, 1, 2, 3], 3), [3, 4, 1]);
        assert_eq!(draw_listed(&[1, 2, 3], 2, &[1, 3, 4], 3), [3, 4, 1]);
        assert_eq!(draw_listed(&[1, 2, 1, 3], 3, &[1, 2, 1, 3], 3), [3, 1, 2]);
    }

    /// Draws `first` items from a list, changes it, and draws `then` more.
    fn draw_listed(before: &[i64], first: usize, after: &[i64], then: usize) -> Vec<i64> {
        let shelf = shelf("1 a 10, 2 b 10, 3 c 10, 4 d 10");
        let media: BTreeMap<_, _> = shelf.into_iter().map(|m| (m.id, m)).collect();
        let deck = |ids: &[i64]| {
            let ids: Vec<MediaId> = ids.iter().copied().map(MediaId).collect();
            Deck::new(CollectionId(1), Order::Listed, 0, &ids, &media).0
        };
        let mut spot = Spot::default();
        let mut old = deck(before);
        for _ in 0..first {
            old.draw(&mut spot);
        }
        let mut new = deck(after);
        (0..then).filter_map(|_| new.draw(&mut spot)).map(|draw| draw.media.0).collect()
    }
}
