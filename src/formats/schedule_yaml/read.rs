//! From the tree to what a file says, with references still as names.

use super::tree::{Key, Node, Value};
use super::{Fault, Mark};
use crate::domain::{Billing, Order, Origin, Query, SkipBy};

/// A name and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) file: String,
    pub(super) at: Mark,
    pub(super) text: String,
}

/// What one file says.
#[derive(Debug, Clone, Default)]
pub(super) struct Document {
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) seed: Option<u64>,
    pub(super) zone: Option<Name>,
    pub(super) imports: Vec<Name>,
    pub(super) contents: Vec<Content>,
    pub(super) sequences: Vec<Sequence>,
    /// Where `reset:` stands, which is taken and not carried out.
    pub(super) reset: Option<Name>,
    /// Keys of sequences, and whether they begin again.
    pub(super) playout: Vec<Name>,
    pub(super) repeat: Option<bool>,
}

#[derive(Debug, Clone)]
pub(super) struct Content {
    pub(super) key: Name,
    pub(super) source: Origin,
    pub(super) order: Order,
}

#[derive(Debug, Clone)]
pub(super) struct Sequence {
    pub(super) key: Name,
    pub(super) items: Vec<Item>,
}

/// How a stretch is filled, by names.
#[derive(Debug, Clone, Default)]
pub(super) struct Stuff {
    pub(super) content: Option<Name>,
    pub(super) fallback: Option<Name>,
    pub(super) discard_attempts: u32,
    pub(super) trim: bool,
    pub(super) billing: Billing,
}

#[derive(Debug, Clone)]
pub(super) enum Roll {
    Pre,
    Mid,
    Post,
}

/// A directive, by names.
#[derive(Debug, Clone)]
pub(super) enum Item {
    All {
        content: Name,
        billing: Billing,
    },
    Count {
        content: Name,
        count: u32,
        billing: Billing,
    },
    Duration {
        ms: i64,
        with: Stuff,
    },
    PadToNext {
        minutes: u32,
        with: Stuff,
    },
    PadUntil {
        at: u32,
        tomorrow: bool,
        with: Stuff,
    },
    WaitUntil {
        at: u32,
        tomorrow: bool,
    },
    Skip {
        content: Name,
        by: SkipBy,
    },
    Sequence(Name),
    Shuffle(Name),
    /// With the minutes between two breaks, for mid-rolls.
    Roll(Roll, Option<Name>, u32),
    Group(Option<String>),
}

/// Reads `tree`; what is wrong is added to `faults`, and the rest is read all the same.
pub(super) fn document(file: &str, tree: &Node, faults: &mut Vec<Fault>) -> Document {
    let mut reader = Reader { file, faults };
    let mut document = Document::default();
    let known = [
        "name",
        "description",
        "seed",
        "timezone",
        "import",
        "reset",
        "content",
        "sequence",
        "playout",
    ];
    let Some(entries) = reader.map(tree, "a schedule", &known) else { return document };
    for (key, node) in entries {
        match key.name.as_str() {
            "name" => document.name = reader.text(key, node),
            "description" => document.description = reader.text(key, node),
            "seed" => document.seed = reader.whole(key, node, 0, u64::from(u32::MAX)),
            "timezone" => document.zone = reader.name(key, node),
            "import" => document.imports = reader.names(key, node),
            "reset" => {
                reader.items(key, node);
                let (file, at) = (file.to_owned(), key.at);
                document.reset = Some(Name { file, at, text: key.name.clone() });
            }
            "content" => document.contents = reader.contents(key, node),
            "sequence" => document.sequences = reader.sequences(key, node),
            "playout" => reader.playout(key, node, &mut document),
            _ => {} // reason: `map` has complained about it
        }
    }
    document
}

struct Reader<'a> {
    file: &'a str,
    faults: &'a mut Vec<Fault>,
}

/// Words for orders, with the spellings that other programs use.
pub(super) const ORDERS: &[(&str, Order)] = &[
    ("chronological", Order::Chronological),
    ("season_episode", Order::SeasonEpisode),
    ("shuffle", Order::Shuffle),
    ("shuffled", Order::Shuffle),
    ("listed", Order::Listed),
    ("custom", Order::Listed),
    ("random", Order::Random),
    ("shuffle_in_order", Order::ShuffleInOrder),
    ("rotating", Order::Rotating),
    ("multi_episode_shuffle", Order::MultiEpisodeShuffle),
];

impl Reader<'_> {
    fn fault(&mut self, at: Mark, problem: impl Into<String>, fix: impl Into<String>) {
        self.faults.push(Fault::new(self.file, at, problem, fix));
    }

    /// The entries of a mapping; keys that are not `known` are faults and stay in.
    fn map<'n>(&mut self, node: &'n Node, what: &str, known: &[&str]) -> Option<&'n [(Key, Node)]> {
        let Value::Map(entries) = &node.value else {
            let problem = format!("{what} is a mapping, and this is {}", node.shape());
            self.fault(node.at, problem, format!("write keys such as `{}:`", known[0]));
            return None;
        };
        for (key, _) in entries.iter().filter(|(key, _)| !known.contains(&key.name.as_str())) {
            let close = nearest(&key.name, known);
            let fix = close.map_or_else(
                || format!("use one of {}", known.join(", ")),
                |close| format!("did you mean `{close}`?"),
            );
            self.fault(key.at, format!("{what} has no key {:?}", key.name), fix);
        }
        Some(entries)
    }

    fn list<'n>(&mut self, key: &Key, node: &'n Node) -> &'n [Node] {
        match &node.value {
            Value::List(items) => items,
            Value::Null => &[],
            Value::Text(_) | Value::Map(_) => {
                let problem = format!("`{}` is a list, and this is {}", key.name, node.shape());
                self.fault(node.at, problem, "begin every entry with `- `");
                &[]
            }
        }
    }

    fn text(&mut self, key: &Key, node: &Node) -> Option<String> {
        match &node.value {
            Value::Text(text) if text.chars().any(|c| c.is_control() && c != '\n') => {
                let problem = format!("`{}` holds a control character", key.name);
                self.fault(node.at, problem, "write plain text");
                None
            }
            Value::Text(text) if text.chars().count() > 1000 => {
                let problem = format!("`{}` is longer than 1000 characters", key.name);
                self.fault(node.at, problem, "write less");
                None
            }
            Value::Text(text) => Some(text.clone()),
            Value::Null => None,
            Value::List(_) | Value::Map(_) => {
                let problem = format!("`{}` is a text, and this is {}", key.name, node.shape());
                self.fault(node.at, problem, "write one value behind the colon");
                None
            }
        }
    }

    fn name(&mut self, key: &Key, node: &Node) -> Option<Name> {
        let text = self.text(key, node);
        let Some(text) = text.map(|text| text.trim().to_owned()).filter(|t| !t.is_empty()) else {
            if matches!(node.value, Value::Null | Value::Text(_)) {
                let problem = format!("`{}` is empty", key.name);
                self.fault(node.at, problem, "write a name behind the colon");
            }
            return None;
        };
        Some(Name { file: self.file.to_owned(), at: node.at, text })
    }

    /// One name, or a list of them.
    fn names(&mut self, key: &Key, node: &Node) -> Vec<Name> {
        match &node.value {
            Value::List(items) => items.iter().filter_map(|item| self.name(key, item)).collect(),
            Value::Null => Vec::new(),
            Value::Text(_) | Value::Map(_) => self.name(key, node).into_iter().collect(),
        }
    }

    fn flag(&mut self, key: &Key, node: &Node) -> Option<bool> {
        match &node.value {
            Value::Text(text) => match text.as_str() {
                "true" | "True" | "yes" | "on" => return Some(true),
                "false" | "False" | "no" | "off" => return Some(false),
                _ => {}
            },
            Value::Null | Value::List(_) | Value::Map(_) => {}
        }
        self.fault(
            node.at,
            format!("`{}` is neither true nor false", key.name),
            "write true or false",
        );
        None
    }

    fn whole(&mut self, key: &Key, node: &Node, least: u64, most: u64) -> Option<u64> {
        let number = match &node.value {
            Value::Text(text) => text.parse::<u64>().ok(),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        };
        let taken = number.filter(|number| (least..=most).contains(number));
        if taken.is_none() {
            let problem = format!("{} is no number that `{}` takes", shown(node), key.name);
            self.fault(node.at, problem, format!("write a whole number from {least} to {most}"));
        }
        taken
    }

    fn small(&mut self, key: &Key, node: &Node, least: u32, most: u32) -> Option<u32> {
        let number = self.whole(key, node, u64::from(least), u64::from(most))?;
        u32::try_from(number).ok()
    }

    fn duration(&mut self, key: &Key, node: &Node) -> Option<i64> {
        let seconds = match &node.value {
            Value::Text(text) => duration_seconds(text),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        };
        if seconds.is_none() {
            let problem = format!("{} is no duration", shown(node));
            let fix = "write seconds, \"MM:SS\", \"HH:MM:SS\" or PT1H30M, at most seven days";
            self.fault(node.at, format!("`{}`: {problem}", key.name), fix);
        }
        seconds.map(|seconds| seconds * 1000)
    }

    fn time_of_day(&mut self, key: &Key, node: &Node) -> Option<u32> {
        let at = match &node.value {
            Value::Text(text) => time_of_day(text),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        };
        if at.is_none() {
            let problem = format!("`{}`: {} is no time of day", key.name, shown(node));
            self.fault(node.at, problem, "write \"HH:MM\" or \"HH:MM:SS\", from 00:00 to 23:59:59");
        }
        at
    }

    fn order(&mut self, key: &Key, node: &Node) -> Order {
        let Some(text) = self.text(key, node) else { return Order::default() };
        let word = text.to_lowercase();
        if let Some((_, order)) = ORDERS.iter().find(|(known, _)| *known == word) {
            return *order;
        }
        let mut words: Vec<&str> = ORDERS.iter().map(|(word, _)| *word).collect();
        words.dedup();
        let problem = format!("{text:?} is no order");
        self.fault(node.at, problem, format!("use one of {}", words.join(", ")));
        Order::default()
    }

    fn contents(&mut self, key: &Key, node: &Node) -> Vec<Content> {
        let known = ["key", "collection", "show", "season", "search", "media", "kind", "order"];
        let mut contents = Vec::new();
        for node in self.list(key, node) {
            let Some(entries) = self.map(node, "a content", &known) else { continue };
            let (mut name, mut sources, mut season, mut kind) = (None, Vec::new(), None, None);
            let mut order = Order::default();
            for (key, node) in entries {
                match key.name.as_str() {
                    "key" => name = self.name(key, node),
                    "collection" => {
                        let named = self.name(key, node);
                        sources.extend(named.map(|n| (key, Origin::Named { name: n.text })));
                    }
                    "show" => {
                        let title = self.name(key, node);
                        sources.extend(
                            title.map(|title| {
                                (key, Origin::Show { title: title.text, season: None })
                            }),
                        );
                    }
                    "search" => {
                        let query = self.name(key, node);
                        if let Some(Err(error)) = query.as_ref().map(|q| Query::parse(&q.text)) {
                            let fix = "write a query as in a smart collection";
                            self.fault(node.at, error.to_string(), fix);
                        }
                        sources.extend(
                            query.map(|query| {
                                (key, Origin::Search { query: query.text, kind: None })
                            }),
                        );
                    }
                    "media" => {
                        let ids = self.list(key, node).iter();
                        let media: Vec<_> = ids
                            .filter_map(|node| self.whole(key, node, 1, i64::MAX as u64))
                            .map(|id| crate::domain::MediaId(id.cast_signed()))
                            .collect();
                        sources.push((key, Origin::Media { media }));
                    }
                    "season" => season = self.small(key, node, 0, 9999).map(|s| (key.at, s)),
                    "kind" => kind = self.kind(key, node).map(|k| (key.at, k)),
                    "order" => order = self.order(key, node),
                    _ => {} // reason: `map` has complained about it
                }
            }
            let Some(name) = self.needed(node, name, "key", "a content") else { continue };
            let mut sources = sources.into_iter();
            let Some((_, mut source)) = sources.next() else {
                let problem = format!("content {:?} does not say what it holds", name.text);
                let fix = "add `collection:`, `show:`, `search:` or `media:`";
                self.fault(node.at, problem, fix);
                continue;
            };
            if let Some((second, _)) = sources.next() {
                let problem = format!("content {:?} says twice what it holds", name.text);
                self.fault(second.at, problem, "keep one of them");
            }
            match (&mut source, season) {
                (Origin::Show { season: of, .. }, season) => *of = season.map(|(_, s)| s),
                (_, Some((at, _))) => {
                    self.fault(at, "a season belongs to a show", "say which with `show:`");
                }
                (_, None) => {}
            }
            match (&mut source, kind) {
                (Origin::Search { kind: of, .. }, kind) => *of = kind.map(|(_, k)| k),
                (_, Some((at, _))) => {
                    self.fault(at, "a kind belongs to a search", "say what with `search:`");
                }
                (_, None) => {}
            }
            contents.push(Content { key: name, source, order });
        }
        contents
    }

    fn kind(&mut self, key: &Key, node: &Node) -> Option<crate::domain::MediaKind> {
        use crate::domain::MediaKind;
        let text = self.text(key, node)?;
        match text.as_str() {
            "movie" => Some(MediaKind::Movie),
            "episode" => Some(MediaKind::Episode),
            "music_video" => Some(MediaKind::MusicVideo),
            "other" => Some(MediaKind::Other),
            _ => {
                let fix = "use one of movie, episode, music_video, other";
                self.fault(node.at, format!("{text:?} is no kind of media"), fix);
                None
            }
        }
    }

    fn needed<T>(&mut self, node: &Node, value: Option<T>, key: &str, what: &str) -> Option<T> {
        if value.is_none() {
            let written = match &node.value {
                Value::Map(entries) => entries.iter().any(|(k, _)| k.name == key),
                Value::Null | Value::Text(_) | Value::List(_) => false,
            };
            if !written {
                self.fault(node.at, format!("{what} needs a `{key}`"), format!("add `{key}:`"));
            }
        }
        value
    }

    fn sequences(&mut self, key: &Key, node: &Node) -> Vec<Sequence> {
        let mut sequences = Vec::new();
        for node in self.list(key, node) {
            let Some(entries) = self.map(node, "a sequence", &["key", "items"]) else { continue };
            let (mut name, mut items) = (None, None);
            for (key, node) in entries {
                match key.name.as_str() {
                    "key" => name = self.name(key, node),
                    "items" => items = Some(self.items(key, node)),
                    _ => {} // reason: `map` has complained about it
                }
            }
            let name = self.needed(node, name, "key", "a sequence");
            let items = self.needed(node, items, "items", "a sequence");
            if let (Some(key), Some(items)) = (name, items) {
                sequences.push(Sequence { key, items });
            }
        }
        sequences
    }

    fn items(&mut self, key: &Key, node: &Node) -> Vec<Item> {
        self.list(key, node).iter().filter_map(|node| self.item(node)).collect()
    }

    fn item(&mut self, node: &Node) -> Option<Item> {
        let Value::Map(entries) = &node.value else {
            let problem = format!("an item is a mapping, and this is {}", node.shape());
            self.fault(node.at, problem, "write for example `- all: key`");
            return None;
        };
        let has = |name: &str| entries.iter().find(|(key, _)| key.name == name);
        // Which directive it is, is said by the first of these keys: an item with a duration has a
        // content too, and one that rolls has a sequence too.
        let Some((directive, (key, value))) =
            DIRECTIVES.iter().find_map(|directive| Some((directive, has(directive.key)?)))
        else {
            let words: Vec<&str> = DIRECTIVES.iter().map(|directive| directive.key).collect();
            let fix = format!("use one of {}", words.join(", "));
            self.fault(node.at, "this says nothing to do", fix);
            return None;
        };
        self.map(node, &format!("an item with `{}`", directive.key), directive.keys)?;
        let stuff = |reader: &mut Self, attempts, filler| reader.stuff(entries, attempts, filler);
        let tomorrow = |reader: &mut Self, unless| {
            has("tomorrow").and_then(|(key, node)| reader.flag(key, node)).unwrap_or(unless)
        };
        match directive.key {
            "padToNext" => {
                let minutes = self.small(key, value, 1, 1440)?;
                let with = stuff(self, 3, true);
                self.filled(node, &with)?;
                Some(Item::PadToNext { minutes, with })
            }
            "padUntil" => {
                let at = self.time_of_day(key, value)?;
                let tomorrow = tomorrow(self, true);
                let with = stuff(self, 3, true);
                self.filled(node, &with)?;
                Some(Item::PadUntil { at, tomorrow, with })
            }
            "waitUntil" => {
                let at = self.time_of_day(key, value)?;
                if let Some((key, node)) = has("rewindOnReset") {
                    // A clock that goes back would overlap what was planned: it means "not again".
                    self.flag(key, node);
                }
                let tomorrow = tomorrow(self, false);
                Some(Item::WaitUntil { at, tomorrow })
            }
            "skipItems" => {
                let by = self.skip(key, value)?;
                let content = self.content(node, entries)?;
                Some(Item::Skip { content, by })
            }
            "shuffleSequence" => Some(Item::Shuffle(self.name(key, value)?)),
            "pre_roll" => self.roll(node, entries, Roll::Pre, key, value),
            "mid_roll" => self.roll(node, entries, Roll::Mid, key, value),
            "post_roll" => self.roll(node, entries, Roll::Post, key, value),
            "epgGroup" => match self.text(key, value)?.as_str() {
                "false" | "off" | "" => Some(Item::Group(None)),
                title => Some(Item::Group(Some(title.to_owned()))),
            },
            "sequence" => Some(Item::Sequence(self.name(key, value)?)),
            "all" => {
                let billing = self.billing(entries, false);
                Some(Item::All { content: self.name(key, value)?, billing })
            }
            "count" => {
                let count = self.small(key, value, 1, 10_000)?;
                let billing = self.billing(entries, false);
                Some(Item::Count { content: self.content(node, entries)?, count, billing })
            }
            _ => {
                let ms = self.duration(key, value)?;
                let with = stuff(self, 0, true);
                if with.content.is_none() {
                    self.needed(node, None::<()>, "content", "an item with `duration`");
                    return None;
                }
                Some(Item::Duration { ms, with })
            }
        }
    }

    fn content(&mut self, node: &Node, entries: &[(Key, Node)]) -> Option<Name> {
        let found = entries.iter().find(|(key, _)| key.name == "content");
        let content = found.and_then(|(key, node)| self.name(key, node));
        self.needed(node, content, "content", "this item")
    }

    /// Time that is filled is filled with something.
    fn filled(&mut self, node: &Node, with: &Stuff) -> Option<()> {
        if with.content.is_none() && with.fallback.is_none() {
            let fix = "add `content:`, or wait with `waitUntil:`";
            self.fault(node.at, "this does not say what to fill with", fix);
            return None;
        }
        Some(())
    }

    fn roll(
        &mut self,
        node: &Node,
        entries: &[(Key, Node)],
        roll: Roll,
        key: &Key,
        value: &Node,
    ) -> Option<Item> {
        if !self.flag(key, value)? {
            return Some(Item::Roll(roll, None, 0));
        }
        let found = entries.iter().find(|(key, _)| key.name == "sequence");
        let sequence = found.and_then(|(key, node)| self.name(key, node));
        let what = format!("`{}: true`", key.name);
        let sequence = self.needed(node, sequence, "sequence", &what)?;
        let every = entries.iter().find(|(key, _)| key.name == "every");
        let every = every.and_then(|(key, node)| self.small(key, node, 0, 1440)).unwrap_or(20);
        Some(Item::Roll(roll, Some(sequence), every))
    }

    fn skip(&mut self, key: &Key, node: &Node) -> Option<SkipBy> {
        let text = match &node.value {
            Value::Text(text) => text.as_str(),
            Value::Null | Value::List(_) | Value::Map(_) => "",
        };
        let by = match text {
            "random" => Some(SkipBy::Random),
            "count" => Some(SkipBy::Share { by: 1 }),
            _ => match text.strip_prefix("count/") {
                Some(by) => by.parse().ok().filter(|by| *by > 0).map(|by| SkipBy::Share { by }),
                None => text
                    .parse()
                    .ok()
                    .filter(|count| *count <= 1_000_000)
                    .map(|count| SkipBy::Items { count }),
            },
        };
        if by.is_none() {
            let problem = format!("`{}`: {} is no number of items", key.name, shown(node));
            self.fault(node.at, problem, "write a whole number, count, count/2 or random");
        }
        by
    }

    /// `custom_title` and `filler_kind`; `filler` is what the directive plays by itself.
    fn billing(&mut self, entries: &[(Key, Node)], filler: bool) -> Billing {
        let mut billing = Billing { title: None, filler };
        for (key, node) in entries {
            match key.name.as_str() {
                "custom_title" => billing.title = self.text(key, node),
                "filler_kind" => {
                    let kind = self.text(key, node).unwrap_or_default();
                    billing.filler = !["", "none", "programme", "program"]
                        .contains(&kind.to_lowercase().as_str());
                }
                _ => {} // reason: it belongs to somebody else, or `map` has complained
            }
        }
        billing
    }

    fn stuff(&mut self, entries: &[(Key, Node)], attempts: u32, filler: bool) -> Stuff {
        let billing = self.billing(entries, filler);
        let mut stuff = Stuff { discard_attempts: attempts, billing, ..Stuff::default() };
        for (key, node) in entries {
            match key.name.as_str() {
                "content" => stuff.content = self.name(key, node),
                "fallback" => stuff.fallback = self.name(key, node),
                "discard_attempts" => {
                    stuff.discard_attempts = self.small(key, node, 0, 1000).unwrap_or(attempts);
                }
                "trim" => stuff.trim = self.flag(key, node).unwrap_or(false),
                _ => {} // reason: it belongs to somebody else, or `map` has complained
            }
        }
        stuff
    }

    fn playout(&mut self, key: &Key, node: &Node, document: &mut Document) {
        for node in self.list(key, node) {
            let Some(entries) = self.map(node, "a playout entry", &["sequence", "repeat"]) else {
                continue;
            };
            for (key, node) in entries {
                match key.name.as_str() {
                    "sequence" => document.playout.extend(self.name(key, node)),
                    "repeat" => document.repeat = self.flag(key, node),
                    _ => {} // reason: `map` has complained about it
                }
            }
        }
    }
}

/// A directive's own key and every key that may stand with it.
pub(super) struct DirectiveKeys {
    pub(super) key: &'static str,
    pub(super) keys: &'static [&'static str],
}

/// All directives; of several keys in one item the first of this list decides.
#[rustfmt::skip]
pub(super) const DIRECTIVES: &[DirectiveKeys] = &[
    DirectiveKeys { key: "padToNext", keys: &["padToNext", "content", "fallback", "discard_attempts", "trim", "custom_title", "filler_kind"] },
    DirectiveKeys { key: "padUntil", keys: &["padUntil", "content", "fallback", "tomorrow", "discard_attempts", "trim", "custom_title", "filler_kind"] },
    DirectiveKeys { key: "waitUntil", keys: &["waitUntil", "tomorrow", "rewindOnReset"] },
    DirectiveKeys { key: "skipItems", keys: &["skipItems", "content"] },
    DirectiveKeys { key: "shuffleSequence", keys: &["shuffleSequence"] },
    DirectiveKeys { key: "pre_roll", keys: &["pre_roll", "sequence"] },
    DirectiveKeys { key: "mid_roll", keys: &["mid_roll", "sequence", "every"] },
    DirectiveKeys { key: "post_roll", keys: &["post_roll", "sequence"] },
    DirectiveKeys { key: "epgGroup", keys: &["epgGroup"] },
    DirectiveKeys { key: "sequence", keys: &["sequence"] },
    DirectiveKeys { key: "all", keys: &["all", "custom_title", "filler_kind"] },
    DirectiveKeys { key: "count", keys: &["count", "content", "custom_title", "filler_kind"] },
    DirectiveKeys { key: "duration", keys: &["duration", "content", "fallback", "discard_attempts", "trim", "custom_title", "filler_kind"] },
];

/// A value as it can be quoted in a complaint.
fn shown(node: &Node) -> String {
    match &node.value {
        Value::Text(text) => format!("{:?}", text.chars().take(60).collect::<String>()),
        Value::Null | Value::List(_) | Value::Map(_) => node.shape().to_owned(),
    }
}

/// Seconds of `90`, `01:30`, `00:01:30` or `PT1M30S`; more than nothing, at most a week.
pub(super) fn duration_seconds(text: &str) -> Option<i64> {
    let digits = |part: &str| {
        let plain = !part.is_empty() && part.len() <= 7 && part.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| part.parse::<i64>().ok()).flatten()
    };
    let seconds = if let Some(rest) = text.strip_prefix("PT") {
        let (mut total, mut number, mut last) = (0, String::new(), 3);
        for letter in rest.chars() {
            // Each unit once, the larger one first.
            let (unit, rank) = match letter {
                'H' => (3600, 2),
                'M' => (60, 1),
                'S' => (1, 0),
                digit => {
                    number.push(digit);
                    continue;
                }
            };
            if rank >= last {
                return None;
            }
            last = rank;
            total += digits(&number)? * unit;
            number.clear();
        }
        number.is_empty().then_some(total)?
    } else {
        let parts: Vec<&str> = text.split(':').collect();
        match parts.as_slice() {
            [seconds] => digits(seconds)?,
            [minutes, seconds] => digits(minutes)? * 60 + below_sixty(digits(seconds)?)?,
            [hours, minutes, seconds] => {
                digits(hours)? * 3600
                    + below_sixty(digits(minutes)?)? * 60
                    + below_sixty(digits(seconds)?)?
            }
            _ => return None,
        }
    };
    (1..=7 * 86_400).contains(&seconds).then_some(seconds)
}

fn below_sixty(value: i64) -> Option<i64> {
    (value < 60).then_some(value)
}

/// Seconds after midnight of `20:00` or `20:00:30`.
pub(super) fn time_of_day(text: &str) -> Option<u32> {
    let part = |part: &str, below: u32| {
        let plain = (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        let value: u32 = part.parse().ok().filter(|_| plain)?;
        (value < below).then_some(value)
    };
    let mut parts = text.split(':');
    let hours = part(parts.next()?, 24)?;
    let minutes = part(parts.next()?, 60)?;
    let seconds = parts.next().map_or(Some(0), |text| part(text, 60))?;
    parts.next().is_none().then_some(hours * 3600 + minutes * 60 + seconds)
}

/// The known word that `word` is closest to, if it is close.
fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let plain = |text: &str| text.to_lowercase().replace(['_', '-'], "");
    let distances = known.iter().map(|k| (distance(&plain(word), &plain(k)), *k));
    distances.min().filter(|(distance, _)| *distance <= 2).map(|(_, word)| word)
}

/// How many letters have to be changed, added or taken away.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().take(40).enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for j in 0..b.len() {
            let change = corner + usize::from(b[j] != letter);
            corner = row[j + 1];
            row[j + 1] = change.min(corner + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
