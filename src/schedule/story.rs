//! Stories in several parts, and groups of media that belong together.

use std::collections::HashMap;

use crate::domain::{GroupBy, Media};

/// The story that an item is a part of and which part it is; `None` for an item by itself.
///
/// A part says so at the end of its title: `Home (2)`, `Home, Part II`, `Home Pt. 2`, `Home: Part
/// Two`. Files of one film say it with their part number.
pub(super) fn part(item: &Media, across_shows: bool) -> Option<(String, u32)> {
    let title = item.title.to_lowercase();
    let (base, number) = match item.part {
        Some(part) => (title.trim().to_owned(), part),
        None => part_of_title(&title)?,
    };
    let show = item.show.as_deref().filter(|_| !across_shows);
    Some((format!("{}\t{base}", show.unwrap_or_default().to_lowercase()), number))
}

/// Splits a lower-case title into what comes before its part number, and the number.
fn part_of_title(title: &str) -> Option<(String, u32)> {
    let title = title.trim_end();
    let (inner, in_brackets) = match title.strip_suffix(')') {
        Some(rest) => (rest, true),
        None => (title, false),
    };
    let at = inner
        .rfind(|c: char| !c.is_alphanumeric())
        .map_or(0, |index| index + inner[index..].chars().next().map_or(0, char::len_utf8));
    let number = number(&inner[at..])?;
    let before = inner[..at].trim_end_matches([' ', '.']);
    let named = ["part", "pt", "teil", "chapter"].iter().find_map(|word| {
        let rest = before.strip_suffix(word)?;
        (!rest.ends_with(char::is_alphanumeric)).then_some(rest)
    });
    let rest = match (named, in_brackets) {
        (Some(rest), _) => rest,
        // A bare number tells a part only when it stands alone in brackets: `Home (2)`.
        (None, true) if before.ends_with('(') && number < 100 => before,
        (None, _) => return None,
    };
    let base = rest.trim_end_matches(|c: char| !c.is_alphanumeric());
    (!base.is_empty()).then(|| (base.to_owned(), number))
}

fn number(word: &str) -> Option<u32> {
    const WORDS: [&str; 10] =
        ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
    const ROMAN: [&str; 10] = ["i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x"];
    let listed = |list: &[&str]| list.iter().position(|one| *one == word);
    if let Some(index) = listed(&WORDS).or_else(|| listed(&ROMAN)) {
        return u32::try_from(index + 1).ok();
    }
    word.parse().ok().filter(|number| *number > 0)
}

/// Name of the group that an item belongs to.
pub(super) fn group(item: &Media, by: GroupBy) -> String {
    let show = || item.show.as_deref().unwrap_or(&item.title).to_lowercase();
    match by {
        GroupBy::Show => show(),
        GroupBy::Season => format!("{}\t{:05}", show(), item.season.unwrap_or(99_999)),
        GroupBy::Collection => String::new(),
    }
}

/// Numbers of the groups of a list, in order of first appearance of their names.
pub(super) fn grouped(names: Vec<String>) -> Vec<Vec<usize>> {
    let mut known: HashMap<String, usize> = HashMap::new();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (index, name) in names.into_iter().enumerate() {
        let group = *known.entry(name).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[group].push(index);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_known_by_the_end_of_their_titles() {
        for (title, base, number) in [
            ("Home (2)", "home", 2),
            ("Home (Part 1)", "home", 1),
            ("Home, Part II", "home", 2),
            ("Home Pt. 3", "home", 3),
            ("Home: Part Two", "home", 2),
            ("Zu Hause – Teil 1", "zu hause", 1),
        ] {
            let found = part_of_title(&title.to_lowercase());
            assert_eq!(found, Some((base.to_owned(), number)), "{title}");
        }
        for title in ["Home", "Home 2", "2", "Part 2", "The Counterpart 2", "Film (1987)", "I", ""]
        {
            assert_eq!(part_of_title(&title.to_lowercase()), None, "{title}");
        }
    }
}
