//! Decks: the playable media of a collection in an order, and drawing from them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::cursor::Spot;
use super::dice::{hash, one_of};
use super::order::{self, Key, Together, Way};
use super::plan::SHORTEST_MS;
use crate::domain::{CollectionId, Media, MediaId, Order};

/// The playable media of a collection, sorted by key.
#[derive(Debug)]
pub(super) struct Deck {
    cards: Vec<Card>,
    /// In the collection's order, to deal another round from.
    media: Vec<Arc<Media>>,
    way: Way,
    collection: CollectionId,
    seed: u64,
    /// The round the keys are for.
    round: u64,
    /// Whether a new place is anywhere in the order.
    starts_anywhere: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Card {
    key: Key,
    media: MediaId,
}

/// What a deck gave out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Draw {
    pub(super) media: MediaId,
    /// The item that would have come twice in a row and was put off by one.
    pub(super) put_off: Option<MediaId>,
    /// What was passed over because it did not fit.
    pub(super) passed: Vec<MediaId>,
}

impl Deck {
    /// Sorts the media of a collection; what is too short to play is left out and named.
    pub(super) fn new(
        collection: CollectionId,
        way: Way,
        seed: u64,
        ids: &[MediaId],
        media: &BTreeMap<MediaId, Arc<Media>>,
    ) -> (Self, Vec<MediaId>) {
        let mut too_short = Vec::new();
        let mut known = Vec::with_capacity(ids.len());
        for id in ids {
            match media.get(id) {
                Some(item) if item.duration_ms < SHORTEST_MS => too_short.push(*id),
                Some(item) => known.push(Arc::clone(item)),
                None => {}
            }
        }
        too_short.sort_unstable();
        too_short.dedup();
        let mut deck = Self {
            cards: Vec::new(),
            media: known,
            way,
            collection,
            seed,
            round: 0,
            starts_anywhere: false,
        };
        deck.deal();
        (deck, too_short)
    }

    /// Lets a new place begin anywhere in the order.
    pub(super) fn starting_anywhere(mut self) -> Self {
        self.starts_anywhere = true;
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        self.cards.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.cards.len()
    }

    /// The media in the deck's present order.
    pub(super) fn media(&self) -> impl Iterator<Item = MediaId> {
        self.cards.iter().map(|card| card.media)
    }

    /// Draws the next item and moves `spot` past it; `None` from an empty deck.
    pub(super) fn draw(&mut self, spot: &mut Spot) -> Option<Draw> {
        if self.starts_anywhere && *spot == Spot::default() {
            let index = one_of(self.len(), hash(self.seed, [self.collection.0.cast_unsigned()]));
            spot.key = index.checked_sub(1).map(|before| self.cards[before].key.clone());
        }
        if self.way.order == Order::Random && self.way.marathon.is_none() {
            return self.draw_any(spot);
        }
        self.turn_to(spot.round);
        if let Some(owed) = spot.owed.take()
            && self.media().any(|id| id == owed)
        {
            spot.last = Some(owed);
            return Some(Draw { media: owed, put_off: None, passed: Vec::new() });
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
        if self.way.puts_off() && spot.last == Some(first) && self.cards.len() > 1 {
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
        Some(Draw { media: card.media, put_off, passed: Vec::new() })
    }

    /// Draws the next item that `fits`, passing over `attempts` others at most; `None`, and `spot`
    /// as it was, when there is none among them.
    pub(super) fn draw_fitting(
        &mut self,
        spot: &mut Spot,
        attempts: usize,
        fits: impl Fn(MediaId) -> bool,
    ) -> Option<Draw> {
        let mut trial = spot.clone();
        let mut passed = Vec::new();
        for _ in 0..=attempts {
            let draw = self.draw(&mut trial)?;
            if fits(draw.media) {
                *spot = trial;
                return Some(Draw { passed, ..draw });
            }
            passed.push(draw.media);
        }
        None
    }

    /// How many parts the story has that comes next, from where `spot` stands; at least 1.
    pub(super) fn story_size(&mut self, spot: &Spot) -> u32 {
        let mut ahead = spot.clone();
        let mut next = Vec::new();
        for _ in 0..self.len().min(30) {
            let Some(draw) = self.draw(&mut ahead) else { break };
            next.push(draw.media);
        }
        let find = |id: &MediaId| self.media.iter().find(|item| item.id == *id).map(Arc::as_ref);
        let items: Vec<&Media> = next.iter().filter_map(find).collect();
        let together = self.way.together.unwrap_or(Together::InAShow);
        let stories = order::stories(&items, together);
        let Some((first, _)) = stories.first() else { return 1 };
        let size = stories.iter().take_while(|(story, _)| story == first).count();
        u32::try_from(size).unwrap_or(1)
    }

    fn draw_any(&mut self, spot: &mut Spot) -> Option<Draw> {
        let count = self.cards.len();
        let roll = hash(self.seed, [self.collection.0.cast_unsigned(), spot.round]);
        let mut index = one_of(count, roll);
        if count > 1 && spot.last == Some(self.cards.get(index)?.media) {
            // The upper half of the roll is as good as another one.
            index = (index + 1 + one_of(count - 1, roll >> 32)) % count;
        }
        let card = self.cards.get(index)?;
        spot.round = spot.round.wrapping_add(1);
        spot.key = Some(card.key.clone());
        spot.last = Some(card.media);
        Some(Draw { media: card.media, put_off: None, passed: Vec::new() })
    }

    /// Index of the first card after `spot`.
    fn after(&self, spot: &Spot) -> usize {
        let Some(key) = &spot.key else { return 0 };
        let index = self.cards.partition_point(|card| card.key <= *key);
        let was_there = index > 0 && self.cards[index - 1].key == *key;
        if self.way.order != Order::Listed || self.way.marathon.is_some() || was_there {
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
        if self.way.changes() && self.round != round {
            self.round = round;
            self.deal();
        }
    }

    fn deal(&mut self) {
        let items: Vec<&Media> = self.media.iter().map(Arc::as_ref).collect();
        let keys = order::keys(&self.way, self.seed, self.collection, self.round, &items);
        self.cards.clear();
        self.cards
            .extend(keys.into_iter().zip(&items).map(|(key, item)| Card { key, media: item.id }));
        self.cards.sort_unstable();
        self.cards.dedup();
    }
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::tests::shelf;
    use super::*;
    use crate::domain::Marathon;

    #[test]
    fn rotating_takes_one_of_each_show_in_turn() {
        check(Order::Rotating, None, "a1 b1 c1 a2 b2 a3");
    }

    #[test]
    fn a_marathon_plays_shows_one_after_another() {
        let marathon = Marathon::default();
        check(Order::SeasonEpisode, Some(marathon), "a1 a2 a3 b1 b2 c1");
        let batches = Marathon { batch_size: 2, ..marathon };
        check(Order::SeasonEpisode, Some(batches), "a1 a2 b1 b2 c1 a3");
    }

    #[test]
    fn a_shuffle_in_order_mixes_shows_and_keeps_each_in_order() {
        let mut mixes = std::collections::HashSet::new();
        for seed in 0..20 {
            let drawn = draw_shows(Order::ShuffleInOrder, None, seed, 6);
            for show in ["a", "b"] {
                let own: Vec<&String> =
                    drawn.iter().filter(|name| name.starts_with(show)).collect();
                assert!(own.is_sorted(), "{drawn:?}");
            }
            mixes.insert(drawn);
        }
        assert!(mixes.len() > 5, "{mixes:?}");
    }

    #[test]
    fn runs_of_episodes_stay_together_in_a_multi_episode_shuffle() {
        for seed in 0..20 {
            let drawn = draw_shows(Order::MultiEpisodeShuffle, None, seed, 6).join(" ");
            assert!(drawn.contains("a1 a2 a3") && drawn.contains("b1 b2"), "{drawn}");
        }
    }

    #[test]
    fn random_takes_any_but_never_one_twice_in_a_row() {
        let drawn = draw_shows(Order::Random, None, 3, 200);
        assert!(drawn.windows(2).all(|pair| pair[0] != pair[1]));
        assert_eq!(drawn.iter().collect::<std::collections::HashSet<_>>().len(), 6);
    }

    #[test]
    fn parts_of_a_story_stay_together_in_a_shuffle() {
        let mut media = shelf("1 a 10, 2 b 10, 3 c 10, 4 d 10, 5 e 10");
        for (index, title) in ["Home (2)", "Away", "Home (1)", "Inn", "Home (3)"].iter().enumerate()
        {
            (*title).clone_into(&mut Arc::make_mut(&mut media[index]).title);
        }
        for seed in 0..20 {
            let way =
                Way { order: Order::Shuffle, together: Some(Together::InAShow), ..Way::default() };
            let drawn: Vec<String> =
                draw(&media, way, seed, 5).iter().map(ToString::to_string).collect();
            assert!(drawn.join(" ").contains("3 1 5"), "{drawn:?}");
        }
    }

    #[test]
    fn a_story_has_as_many_parts_as_follow_one_another() {
        let mut media = shelf("1 a 10, 2 b 10, 3 c 10");
        for (index, title) in ["Home (1)", "Home (2)", "Inn"].iter().enumerate() {
            (*title).clone_into(&mut Arc::make_mut(&mut media[index]).title);
        }
        let mut deck = deck(&media, Way { order: Order::Listed, ..Way::default() }, 1);
        let mut spot = Spot::default();
        assert_eq!(deck.story_size(&spot), 2);
        deck.draw(&mut spot);
        deck.draw(&mut spot);
        assert_eq!(deck.story_size(&spot), 1);
    }

    #[test]
    fn what_does_not_fit_is_passed_over_only_as_often_as_allowed() {
        let media = shelf("1 a 90, 2 b 90, 3 c 20, 4 d 90");
        let mut deck = deck(&media, Way { order: Order::Listed, ..Way::default() }, 1);
        let mut spot = Spot::default();
        let short = |id: MediaId| id == MediaId(3);
        assert_eq!(deck.draw_fitting(&mut spot, 1, short), None);
        assert_eq!(spot, Spot::default());
        let draw = deck.draw_fitting(&mut spot, 2, short).unwrap();
        assert_eq!((draw.media, draw.passed), (MediaId(3), [1, 2].map(MediaId).into()));
        assert_eq!(deck.draw(&mut spot).unwrap().media, MediaId(4));
    }

    #[test]
    fn a_random_start_is_the_same_every_time_and_goes_on_in_order() {
        let media = shelf("1 a 10, 2 b 10, 3 c 10, 4 d 10");
        let mut firsts = std::collections::HashSet::new();
        for seed in 0..30 {
            let way = Way { order: Order::Listed, ..Way::default() };
            let mut deck = deck(&media, way, seed).starting_anywhere();
            let mut spot = Spot::default();
            let first = deck.draw(&mut spot).unwrap().media.0;
            assert_eq!(deck.draw(&mut spot).unwrap().media.0, first % 4 + 1);
            firsts.insert(first);
        }
        assert_eq!(firsts.len(), 4);
    }

    /// Draws from three shows with three, two and one episodes; says them as `a1 a2 …`.
    #[track_caller]
    fn check(order: Order, marathon: Option<Marathon>, expected: &str) {
        assert_eq!(draw_shows(order, marathon, 1, 6).join(" "), expected);
    }

    fn draw_shows(
        order: Order,
        marathon: Option<Marathon>,
        seed: u64,
        count: usize,
    ) -> Vec<String> {
        let mut media = shelf("1 x 10, 2 x 10, 3 x 10, 4 x 10, 5 x 10, 6 x 10");
        let names = ["b1", "a2", "a1", "c1", "b2", "a3"];
        for (item, name) in media.iter_mut().zip(names) {
            let item = Arc::make_mut(item);
            item.show = Some(name[..1].to_owned());
            (item.season, item.episode) = (Some(1), name[1..].parse().ok());
        }
        let way = Way { order, marathon, ..Way::default() };
        let name = |id: i64| names[usize::try_from(id - 1).unwrap()].to_owned();
        draw(&media, way, seed, count).into_iter().map(name).collect()
    }

    fn draw(media: &[Arc<Media>], way: Way, seed: u64, count: usize) -> Vec<i64> {
        let mut deck = deck(media, way, seed);
        let mut spot = Spot::default();
        (0..count).map(|_| deck.draw(&mut spot).unwrap().media.0).collect()
    }

    fn deck(media: &[Arc<Media>], way: Way, seed: u64) -> Deck {
        let ids: Vec<MediaId> = media.iter().map(|item| item.id).collect();
        let media = media.iter().map(|item| (item.id, Arc::clone(item))).collect();
        Deck::new(CollectionId(1), way, seed, &ids, &media).0
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
            Deck::new(
                CollectionId(1),
                Way { order: Order::Listed, ..Way::default() },
                0,
                &ids,
                &media,
            )
            .0
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
