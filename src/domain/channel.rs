//! A channel: what one tunes to.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{ChannelId, InvalidField, Rules};

/// A channel number such as `7` or `5.1`.
///
/// Parts are digits only, the whole 1–9999, the decimal 1–999, no leading zeros, so that one
/// channel has one spelling. Ordered by value: `5.2 < 5.10 < 10`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ChannelNumber {
    whole: u16,
    sub: Option<u16>,
}

impl ChannelNumber {
    /// The number of a channel without a decimal part.
    ///
    /// # Errors
    /// When `whole` is not 1–9999.
    pub fn whole(whole: u16) -> Result<Self, InvalidField> {
        whole.to_string().parse()
    }
}

impl FromStr for ChannelNumber {
    type Err = InvalidField;

    fn from_str(text: &str) -> Result<Self, InvalidField> {
        let invalid = || {
            InvalidField::new(
                "number",
                format!("{text:?} is not a channel number"),
                "write 1 to 9999, or with a decimal such as 5.1",
            )
        };
        let part = |text: &str, max: u16| {
            let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            let value: u16 = text.parse().map_err(|_| invalid())?;
            if !plain || text.starts_with('0') || value == 0 || value > max {
                return Err(invalid());
            }
            Ok(value)
        };
        match text.split_once('.') {
            None => Ok(Self { whole: part(text, 9999)?, sub: None }),
            Some((whole, sub)) => {
                Ok(Self { whole: part(whole, 9999)?, sub: Some(part(sub, 999)?) })
            }
        }
    }
}

impl TryFrom<String> for ChannelNumber {
    type Error = InvalidField;

    fn try_from(text: String) -> Result<Self, InvalidField> {
        text.parse()
    }
}

impl From<ChannelNumber> for String {
    fn from(number: ChannelNumber) -> Self {
        number.to_string()
    }
}

impl fmt::Display for ChannelNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.sub {
            None => write!(f, "{}", self.whole),
            Some(sub) => write!(f, "{}.{sub}", self.whole),
        }
    }
}

impl Ord for ChannelNumber {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.whole, self.sub).cmp(&(other.whole, other.sub))
    }
}

impl PartialOrd for ChannelNumber {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A channel as stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Channel {
    /// Its id, never reused.
    pub id: ChannelId,
    /// What one types on the remote control; unique.
    pub number: ChannelNumber,
    /// Its name, 1–100 characters, one line.
    pub name: String,
    /// The group shown by players; `None` for no group.
    pub group: Option<String>,
    /// Address of a logo, absolute or below this server; `None` for the drawn one.
    pub logo: Option<String>,
    /// Whether it is offered to clients.
    pub enabled: bool,
    /// Name of the [`super::Profile`] its media is conformed to.
    pub profile: String,
    /// What it plays.
    pub rules: Rules,
}

/// A channel to be created.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewChannel {
    /// Wanted number; `None` takes the next free whole number.
    #[serde(default)]
    pub number: Option<ChannelNumber>,
    /// Its name, 1–100 characters, one line.
    pub name: String,
    /// The group shown by players.
    #[serde(default)]
    pub group: Option<String>,
    /// Address of a logo.
    #[serde(default)]
    pub logo: Option<String>,
    /// Whether it is offered to clients.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Profile by name; `None` takes the configured default.
    #[serde(default)]
    pub profile: Option<String>,
    /// What it plays.
    #[serde(default)]
    pub rules: Rules,
}

/// Changes to a channel; a field left out keeps its value.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelEdit {
    /// A new number.
    #[serde(default)]
    pub number: Option<ChannelNumber>,
    /// A new name.
    #[serde(default)]
    pub name: Option<String>,
    /// A new group; the empty string clears it.
    #[serde(default)]
    pub group: Option<String>,
    /// A new logo address; the empty string clears it.
    #[serde(default)]
    pub logo: Option<String>,
    /// Offer it or not.
    #[serde(default)]
    pub enabled: Option<bool>,
    /// Another profile.
    #[serde(default)]
    pub profile: Option<String>,
    /// What it plays from now on.
    #[serde(default)]
    pub rules: Option<Rules>,
}

fn yes() -> bool {
    true
}

/// Checks a channel name: 1–100 characters after trimming, no control characters.
///
/// # Errors
/// Names the field and the allowed length.
pub(crate) fn check_name(name: &str) -> Result<String, InvalidField> {
    let name = name.trim();
    let length = name.chars().count();
    if length == 0 || length > 100 || name.chars().any(char::is_control) {
        return Err(InvalidField::new(
            "name",
            format!("the name has {length} characters or holds a line break"),
            "write 1 to 100 characters on one line",
        ));
    }
    Ok(name.to_owned())
}

impl NewChannel {
    /// Trims and checks the texts.
    ///
    /// # Errors
    /// The first field that cannot be taken.
    pub fn checked(mut self) -> Result<Self, InvalidField> {
        self.name = check_name(&self.name)?;
        self.group = self.group.map(|g| g.trim().to_owned()).filter(|g| !g.is_empty());
        self.logo = self.logo.map(|l| l.trim().to_owned()).filter(|l| !l.is_empty());
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_spelling() {
        for text in ["1", "9999", "5.1", "1984.1", "7.10"] {
            assert_eq!(text.parse::<ChannelNumber>().unwrap().to_string(), text);
        }
        for text in ["", "0", "05", "5.", ".5", "5.0", "5.01", "+5", "1e3", "10000", "a", "5.1.1"] {
            assert!(text.parse::<ChannelNumber>().is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn numbers_sort_by_value_and_not_as_text() {
        let mut numbers: Vec<ChannelNumber> =
            ["10", "5.10", "5", "5.2", "2"].map(|n| n.parse().unwrap()).into();
        numbers.sort();
        let sorted: Vec<String> = numbers.iter().map(ToString::to_string).collect();
        assert_eq!(sorted, ["2", "5", "5.2", "5.10", "10"]);
    }
}
