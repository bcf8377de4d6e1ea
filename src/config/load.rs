//! From a file and the environment to a checked [`Config`].

use std::path::Path;

use serde_yaml::Value;

use super::Config;
use super::env::variables;
use super::keys::Source;
use crate::domain::InvalidField;

/// A configuration and what is odd about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The values, all in range.
    pub config: Config,
    /// Unknown keys with the nearest known ones, and the like; for the log and `config check`.
    pub warnings: Vec<InvalidField>,
}

/// Reads the configuration: defaults, then the file at `path`, then `env`.
///
/// Without a path there is no file. A path that was given must be readable; whether to give the
/// one in the data folder is the caller's choice.
///
/// # Errors
/// Every value that cannot be taken, with what could be written instead, never the first alone.
pub fn load(
    path: Option<&Path>,
    env: impl IntoIterator<Item = (String, String)>,
) -> Result<Loaded, Vec<InvalidField>> {
    let file = match path {
        Some(path) => read_file(path).map_err(|error| vec![error])?,
        None => Value::Null,
    };
    let read = read(file, env);
    if read.source.errors.is_empty() {
        let config = Config { file: path.map(Path::to_owned), ..read.config };
        return Ok(Loaded { config, warnings: read.source.warnings });
    }
    Err(read.source.errors)
}

/// Everything that reading brought to light.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) config: Config,
    pub(super) source: Source,
}

/// Reads a parsed file and the environment.
pub(super) fn read(file: Value, env: impl IntoIterator<Item = (String, String)>) -> Read {
    let (variables, mut odd) = variables(env);
    let mut source = Source::new(file, variables);
    let config = Config::read(&mut source);
    source.finish();
    source.warnings.append(&mut odd);
    Read { config, source }
}

/// Parses the text of a file.
///
/// # Errors
/// Where the text is not YAML.
pub(super) fn parse(name: &str, text: &str) -> Result<Value, InvalidField> {
    serde_yaml::from_str(text).map_err(|error| {
        let fix = "correct that place; indent with two blanks, never with tabs";
        InvalidField::new(name, format!("it is not YAML: {error}"), fix)
    })
}

fn read_file(path: &Path) -> Result<Value, InvalidField> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| {
        let fix = "give the path of a readable file, or leave --config out";
        InvalidField::new(name.clone(), format!("it cannot be read: {error}"), fix)
    })?;
    parse(&name, &text)
}
