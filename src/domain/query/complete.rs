//! Completion: what may be written at a place in a query.

use super::field::{FIELDS, KINDS, QueryField, SORTS, STATES, Takes, named};
use super::parse::is_quote;
use super::words::TextField;

/// What a word that is being written may become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// Where the word begins, in letters from 0.
    pub from: usize,
    /// Where it ends.
    pub to: usize,
    /// What it may become.
    pub wanted: Wanted,
}

/// What is to be offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// A field whose name begins like this.
    Field(String),
    /// One of these words.
    Word(Vec<&'static str>),
    /// A value of the library whose text begins like this.
    Value {
        /// Where the values are.
        field: TextField,
        /// How they begin.
        begins: String,
    },
    /// Nothing is known that would fit.
    Nothing,
}

/// What may be written at the place `at` (in letters from 0) of a query, whatever else it holds.
pub fn complete(text: &str, at: usize) -> Completion {
    let letters: Vec<char> = text.chars().collect();
    let at = at.min(letters.len());
    let (mut from, mut value, mut quoted) = (0, None, false);
    for (index, letter) in letters[..at].iter().enumerate() {
        if is_quote(*letter) {
            quoted = !quoted;
        } else if quoted {
            continue;
        } else if letter.is_whitespace() || matches!(letter, '(' | ')') {
            (from, value) = (index + 1, None);
        } else if value.is_none() && matches!(letter, '-' | '!') && index == from {
            from = index + 1;
        } else if matches!(letter, ':' | '=' | '<' | '>') || value.is_some() && *letter == ',' {
            value = Some(index + 1);
        }
    }
    let rest = &letters[at..];
    let word = |c: &char| !c.is_whitespace() && !matches!(c, '(' | ')' | ',');
    let ends = if quoted {
        rest.iter().position(|c| is_quote(*c)).map_or(rest.len(), |end| end + 1)
    } else {
        rest.iter().take_while(|c| word(c)).count()
    };
    let to = at + ends;
    let Some(value) = value else {
        let typed: String = letters[from..at].iter().collect();
        let wanted = if quoted { Wanted::Nothing } else { Wanted::Field(typed) };
        return Completion { from, to, wanted };
    };
    let name: String =
        letters[from..value].iter().take_while(|c| c.is_ascii_alphabetic() || **c == '_').collect();
    let typed: String = letters[value..at].iter().filter(|c| !is_quote(**c)).collect();
    let wanted = named(&name).map_or(Wanted::Nothing, |field| wanted(field, &typed));
    // The sign that turns an order round stays.
    let signed = matches!(named(&name), Some(field) if field.takes == Takes::Sort);
    let from = value + usize::from(signed && typed.starts_with('-'));
    Completion { from, to, wanted }
}

fn wanted(field: &QueryField, typed: &str) -> Wanted {
    match field.takes {
        Takes::Words(&[TextField::Resolution]) => {
            words(["sd", "720p", "1080p", "2160p", "hd", "4k"].into_iter(), typed)
        }
        Takes::Words(
            &[
                field
                @ (TextField::Title | TextField::Show | TextField::Genre | TextField::Edition),
            ],
        )
        | Takes::Whole(&[field]) => Wanted::Value { field, begins: typed.to_owned() },
        Takes::Kind => words(KINDS.iter().map(|(word, _)| *word).take(5), typed),
        Takes::State => words(STATES.iter().map(|(word, _)| *word), typed),
        Takes::Sort => {
            words(SORTS.iter().map(|(word, _)| *word).take(7), typed.trim_start_matches('-'))
        }
        Takes::Date(_) => words(["<7d", "<30d", "<1y", ">1y"].into_iter(), typed),
        Takes::Words(_)
        | Takes::Whole(_)
        | Takes::Number(_)
        | Takes::Length
        | Takes::Size
        | Takes::Folder
        | Takes::Limit => Wanted::Nothing,
    }
}

fn words(known: impl Iterator<Item = &'static str>, typed: &str) -> Wanted {
    let typed = typed.to_ascii_lowercase();
    Wanted::Word(known.filter(|word| word.starts_with(&typed)).collect())
}

/// The fields whose name or alias begins like this, and what is written for them: `year:`.
pub fn suggestions(typed: &str) -> Vec<&'static QueryField> {
    let typed = typed.to_ascii_lowercase();
    let begins = |field: &&QueryField| {
        field.name.starts_with(&typed)
            || field.aliases.iter().any(|alias| alias.starts_with(&typed))
    };
    FIELDS.iter().filter(begins).collect()
}
