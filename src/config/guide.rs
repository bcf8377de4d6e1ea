//! `guide`: the programme guide.

use super::keys::Keys;
use crate::domain::{Wording, WordingChoice};

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Hours of the past that the guide keeps: clients show holes where they know less than four.
    pub past_hours: u32,
    /// How programmes are worded.
    pub wording: WordingChoice,
    /// Whether filler has entries of its own; else it belongs to the programme before it.
    pub show_filler: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { past_hours: 4, wording: WordingChoice::default(), show_filler: false }
    }
}

/// What a template may be; `config.example.yaml` says what is in them.
const TEMPLATE: &str = "a Jinja template of the words title, sub_title";

impl Config {
    pub(super) fn read(keys: &mut Keys<'_>) -> Self {
        let default = Self::default();
        let mut template = |key: &str| keys.optional(key, TEMPLATE, checked);
        let wording = WordingChoice {
            title: template("title_template"),
            sub_title: template("sub_title_template"),
            description: template("description_template"),
            description_limit: keys.number(
                "description_limit",
                50..=4000,
                default.wording.description_limit,
            ),
        };
        Self {
            past_hours: keys.number("past_hours", 4..=48, default.past_hours),
            wording,
            show_filler: keys.switch("show_filler", default.show_filler),
        }
    }
}

/// The template, when it can word a programme.
fn checked(text: &str) -> Option<String> {
    let alone = WordingChoice { title: Some(text.to_owned()), ..WordingChoice::default() };
    // reason: the configuration says what may be written, whatever it was that could not be read.
    Wording::new(&alone).ok()?;
    Some(text.to_owned())
}
