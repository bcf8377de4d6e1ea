//! Use cases of searching: asking a query, and help with writing one.

use crate::domain::Query;
use crate::domain::query::{Completion, Sort, SortField, Wanted, complete, suggestions};

use super::Control;
use super::error::ControlError;
use super::service::MediaPage;

/// Most values that are offered while a query is written.
const MOST_VALUES: usize = 20;

/// What may be written at a place in a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Where the word that is being written begins, in letters from 0.
    pub from: usize,
    /// Where it ends.
    pub to: usize,
    /// What it may become, the likeliest first.
    pub choices: Vec<Choice>,
}

/// One thing that may be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// What is written, ready to be put in place.
    pub text: String,
    /// What it is, for people.
    pub about: String,
}

impl Control {
    /// A page of what a query finds, what cannot be played included.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn search(
        &self,
        query: &Query,
        skip: u32,
        limit: u32,
    ) -> Result<MediaPage, ControlError> {
        let found = self.db().search_media(query, self.now(), skip, limit).await;
        let (items, total) = found.map_err(ControlError::storage("the search"))?;
        Ok(MediaPage { items, total })
    }

    /// What may be written at the place `at` of a query, in letters from 0.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn complete_query(&self, text: &str, at: usize) -> Result<Offer, ControlError> {
        let Completion { from, to, wanted } = complete(text, at);
        let choices = match wanted {
            Wanted::Field(typed) => suggestions(&typed)
                .into_iter()
                .map(|field| Choice {
                    text: format!("{}:", field.name),
                    about: format!("{}, such as {}", field.about, field.example),
                })
                .collect(),
            Wanted::Word(words) => words
                .into_iter()
                .map(|word| Choice { text: word.to_owned(), about: String::new() })
                .collect(),
            Wanted::Value { field, begins } => {
                let values = self.db().values_of(field, &begins, MOST_VALUES).await;
                let values = values.map_err(ControlError::storage("the values"))?;
                values.into_iter().map(|value| Choice::of(&value.text, value.count)).collect()
            }
            Wanted::Nothing => Vec::new(),
        };
        Ok(Offer { from, to, choices })
    }
}

impl Choice {
    /// A value, in quotation marks where it needs them.
    fn of(value: &str, count: u64) -> Self {
        let plain = value.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'));
        let text = if plain {
            value.to_owned()
        } else {
            format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
        };
        let about = if count == 1 { "1 item".to_owned() } else { format!("{count} items") };
        Self { text, about }
    }
}

/// The order of a list of media where a query says none.
pub fn listed_by(sort: &str) -> Option<Sort> {
    let (by, descending) = match sort {
        "title" => (SortField::Title, false),
        "created_at" | "added_date" => (SortField::Added, true),
        "year" => (SortField::Year, true),
        "duration" => (SortField::Length, true),
        _ => return None,
    };
    Some(Sort { by, descending })
}
