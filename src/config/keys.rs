//! Reads keys by name and type, and collects every mistake on the way.
//!
//! A section asks for its keys one by one; each answer is a usable value, the default where the
//! given one cannot be taken. What nobody asked for is unknown, so there is no second list of
//! keys to keep in step.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;

use serde_yaml::Value;

use super::env::{Variable, variable_name};
use super::nearest::nearest;
use crate::domain::InvalidField;

/// All that was given, and what came of reading it.
#[derive(Debug, Default)]
pub(super) struct Source {
    file: BTreeMap<String, Value>,
    env: Vec<Variable>,
    /// Keys that sections asked for, in that order.
    pub(super) known: Vec<Known>,
    /// Values that cannot be taken.
    pub(super) errors: Vec<InvalidField>,
    /// Keys that nobody knows, and the like.
    pub(super) warnings: Vec<InvalidField>,
    unknown: Vec<(String, String)>,
}

/// A key there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    /// `section.key`.
    pub(super) key: String,
    /// What may be written, for people.
    pub(super) allowed: String,
}

impl Source {
    /// Takes what the file and the environment hold.
    pub(super) fn new(file: Value, env: Vec<Variable>) -> Self {
        let mut source = Self { env, ..Self::default() };
        match file {
            Value::Null => {}
            Value::Mapping(sections) => {
                source.file =
                    sections.into_iter().map(|(name, body)| (shown(&name), body)).collect();
            }
            _ => source.errors.push(InvalidField::new(
                "config",
                "the file holds a value instead of sections",
                "write sections such as `server:` with indented keys below",
            )),
        }
        source
    }

    /// Lets `read` ask for the keys of the section `name`.
    pub(super) fn section<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Keys<'_>) -> T,
    ) -> T {
        let mut given = BTreeMap::new();
        match self.file.remove(name) {
            None | Some(Value::Null) => {}
            Some(Value::Mapping(keys)) => {
                let given_in_file = |value| Given { raw: Raw::Yaml(value), variable: None };
                given.extend(keys.into_iter().map(|(key, v)| (shown(&key), given_in_file(v))));
            }
            Some(_) => self.errors.push(InvalidField::new(
                name,
                "the section holds a value instead of keys",
                "write its keys below it, indented",
            )),
        }
        let mine = self.env.extract_if(.., |variable| variable.section == name);
        for variable in mine.collect::<Vec<_>>() {
            let raw = Raw::Text(variable.value);
            given.insert(variable.key, Given { raw, variable: Some(variable.name) });
        }
        let mut keys = Keys { section: name, given, source: self };
        let section = read(&mut keys);
        for (key, given) in keys.given {
            let field = format!("{name}.{key}");
            let problem = format!("there is no key {field}{}", given.origin());
            self.unknown.push((field, problem));
        }
        section
    }

    /// Turns what nobody asked for into warnings.
    pub(super) fn finish(&mut self) {
        for section in std::mem::take(&mut self.file).into_keys() {
            let problem = format!("there is no section {section}");
            self.unknown.push((section, problem));
        }
        for variable in std::mem::take(&mut self.env) {
            let field = format!("{}.{}", variable.section, variable.key);
            let problem = format!("there is no key {field} (from {})", variable.name);
            self.unknown.push((field, problem));
        }
        for (field, problem) in std::mem::take(&mut self.unknown) {
            let keys = self.known.iter().map(|known| known.key.as_str());
            let sections = keys.clone().filter_map(|key| key.split('.').next());
            let fix = match nearest(&field, keys.chain(sections)) {
                Some(known) => format!("it is kept and not used; did you mean {known}?"),
                None => "it is kept and not used".to_owned(),
            };
            self.warnings.push(InvalidField::new(field, problem, fix));
        }
    }
}

#[derive(Debug)]
struct Given {
    raw: Raw,
    /// The variable it came from; `None` for the file.
    variable: Option<String>,
}

#[derive(Debug)]
enum Raw {
    Yaml(Value),
    /// From the environment, where everything is text.
    Text(String),
}

impl Given {
    fn origin(&self) -> String {
        match &self.variable {
            Some(name) => format!(" (from {name})"),
            None => String::new(),
        }
    }

    fn is_empty(&self) -> bool {
        match &self.raw {
            Raw::Yaml(value) => matches!(value, Value::Null) || value.as_str() == Some(""),
            Raw::Text(text) => text.is_empty(),
        }
    }

    fn text(&self) -> Option<&str> {
        match &self.raw {
            Raw::Yaml(value) => value.as_str(),
            Raw::Text(text) => Some(text.trim()),
        }
    }

    fn integer(&self) -> Option<i64> {
        match &self.raw {
            Raw::Yaml(value) => value.as_i64(),
            Raw::Text(text) => text.trim().parse().ok(),
        }
    }

    fn float(&self) -> Option<f64> {
        match &self.raw {
            Raw::Yaml(value) => value.as_f64(),
            Raw::Text(text) => text.trim().parse().ok(),
        }
    }

    fn switch(&self) -> Option<bool> {
        if let Raw::Yaml(Value::Bool(on)) = &self.raw {
            return Some(*on);
        }
        match self.text()?.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Some(true),
            "false" | "no" | "off" | "0" => Some(false),
            _ => None,
        }
    }

    fn texts(&self) -> Option<Vec<&str>> {
        match &self.raw {
            Raw::Yaml(Value::Sequence(items)) => items.iter().map(Value::as_str).collect(),
            Raw::Yaml(_) => None,
            Raw::Text(text) => {
                Some(text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect())
            }
        }
    }

    /// The value as the one who wrote it would recognise it, cut to a line.
    fn shown(&self) -> String {
        match &self.raw {
            Raw::Yaml(value) => shown(value),
            Raw::Text(text) => shown(&Value::String(text.clone())),
        }
    }
}

/// The keys of one section.
#[derive(Debug)]
pub(super) struct Keys<'a> {
    section: &'static str,
    given: BTreeMap<String, Given>,
    source: &'a mut Source,
}

impl Keys<'_> {
    /// Reads `old` as another spelling of `new`; `new` wins when both are given in one place.
    pub(super) fn alias(&mut self, old: &'static str, new: &'static str) {
        let Some(given) = self.given.remove(old) else { return };
        let overrides = |other: &Given| given.variable.is_some() && other.variable.is_none();
        if self.given.get(new).is_none_or(overrides) {
            self.given.insert(new.to_owned(), given);
            return;
        }
        let (field, new) = (format!("{}.{old}", self.section), format!("{}.{new}", self.section));
        let problem = format!("{field} and {new} are both given{}", given.origin());
        self.source.warnings.push(InvalidField::new(field, problem, format!("{new} is used")));
    }

    /// A whole number in a range.
    pub(super) fn number<T: TryFrom<i64>>(
        &mut self,
        key: &str,
        range: RangeInclusive<i64>,
        default: T,
    ) -> T {
        let allowed = format!("{} to {}", range.start(), range.end());
        let read = |given: &Given| {
            let number = given.integer().filter(|number| range.contains(number))?;
            T::try_from(number).ok()
        };
        self.read(key, format!("a whole number from {allowed}"), read).unwrap_or(default)
    }

    /// A number in a range.
    pub(super) fn share(&mut self, key: &str, range: RangeInclusive<f64>, default: f64) -> f64 {
        let allowed = format!("a number from {} to {}", range.start(), range.end());
        let read = |given: &Given| given.float().filter(|number| range.contains(number));
        self.read(key, allowed, read).unwrap_or(default)
    }

    /// On or off.
    pub(super) fn switch(&mut self, key: &str, default: bool) -> bool {
        self.read(key, "true or false".to_owned(), Given::switch).unwrap_or(default)
    }

    /// One of a few words.
    pub(super) fn choice<T: Clone>(&mut self, key: &str, words: &[(&str, T)], default: T) -> T {
        let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let read = |given: &Given| {
            // `off` may come as a boolean from a tool that wrote the file.
            let text = match &given.raw {
                Raw::Yaml(Value::Bool(false)) => "off",
                _ => given.text()?,
            };
            let found = words.iter().find(|(word, _)| text.eq_ignore_ascii_case(word));
            found.map(|(_, value)| value.clone())
        };
        self.read(key, format!("one of {}", names.join(", ")), read).unwrap_or(default)
    }

    /// A text that its type can read.
    pub(super) fn parsed<T: FromStr>(&mut self, key: &str, allowed: &str, default: T) -> T {
        self.checked(key, allowed, default, |text| text.parse().ok())
    }

    /// A text that `check` takes.
    pub(super) fn checked<T>(
        &mut self,
        key: &str,
        allowed: &str,
        default: T,
        check: impl Fn(&str) -> Option<T>,
    ) -> T {
        self.optional(key, allowed, check).unwrap_or(default)
    }

    /// A text that `check` takes, or nothing (`null` or empty).
    pub(super) fn optional<T>(
        &mut self,
        key: &str,
        allowed: &str,
        check: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let given = self.ask(key, allowed.to_owned())?;
        let value = given.text().and_then(check);
        if value.is_none() {
            // A bare 24 is a number to YAML, and a reader who sees "text" there is none the wiser.
            let quotes = if given.text().is_none() { ", in quotes" } else { "" };
            self.refuse(key, &given.shown(), &given, &format!("{allowed}{quotes}"));
        }
        value
    }

    /// A text that `check` takes, the empty one of a file included; an empty variable is none given.
    pub(super) fn word_or_empty<T>(
        &mut self,
        key: &str,
        allowed: &str,
        default: T,
        check: impl Fn(&str) -> Option<T>,
    ) -> T {
        let emptied = self.given.get(key).is_some_and(
            |given| matches!(&given.raw, Raw::Yaml(value) if value.as_str() == Some("")),
        );
        let given = self.optional(key, allowed, &check);
        given.or_else(|| check("").filter(|_| emptied)).unwrap_or(default)
    }

    /// Like [`Self::optional`], but the value is never shown.
    pub(super) fn secret<T>(
        &mut self,
        key: &str,
        allowed: &str,
        check: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let given = self.ask(key, allowed.to_owned())?;
        let value = given.text().and_then(check);
        if value.is_none() {
            self.refuse(key, "the value (not shown)", &given, allowed);
        }
        value
    }

    /// Texts that `check` takes, each; commas between them in the environment.
    pub(super) fn list<T>(
        &mut self,
        key: &str,
        allowed: &str,
        check: impl Fn(&str) -> Option<T>,
    ) -> Vec<T> {
        let read = |given: &Given| given.texts()?.into_iter().map(&check).collect();
        self.read(key, allowed.to_owned(), read).unwrap_or_default()
    }

    fn read<T>(
        &mut self,
        key: &str,
        allowed: String,
        read: impl FnOnce(&Given) -> Option<T>,
    ) -> Option<T> {
        let given = self.ask(key, allowed.clone())?;
        let value = read(&given);
        if value.is_none() {
            self.refuse(key, &given.shown(), &given, &allowed);
        }
        value
    }

    /// Notes that the key exists; what was given for it, unless that is nothing.
    fn ask(&mut self, key: &str, allowed: String) -> Option<Given> {
        self.source.known.push(Known { key: format!("{}.{key}", self.section), allowed });
        self.given.remove(key).filter(|given| !given.is_empty())
    }

    fn refuse(&mut self, key: &str, shown: &str, given: &Given, allowed: &str) {
        let field = format!("{}.{key}", self.section);
        let mut fix = format!("write {allowed}");
        if given.variable.is_some() {
            fix = format!("set {} to {allowed}", variable_name(self.section, key));
        }
        let problem = format!("{shown} cannot be taken{}", given.origin());
        self.source.errors.push(InvalidField::new(field, problem, fix));
    }
}

/// Takes a path; `~` is not expanded, because no shell has seen it.
pub(super) fn path(text: &str) -> Option<PathBuf> {
    (!text.is_empty() && !text.contains('\0') && !text.starts_with('~')).then(|| text.into())
}

/// A value in one short line.
fn shown(value: &Value) -> String {
    const LONGEST: usize = 60;
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Sequence(items) => {
            format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", "))
        }
        other => match serde_yaml::to_string(other) {
            Ok(text) => text.trim_end().replace('\n', ", "),
            Err(_) => "something unreadable".to_owned(),
        },
    };
    if text.chars().count() <= LONGEST {
        return text;
    }
    text.chars().take(LONGEST).chain(['…']).collect()
}
