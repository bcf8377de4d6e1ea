//! Overrides from the environment: `EXSTREAMTV_SECTION__KEY=value`, in any case.

use crate::domain::InvalidField;

const PREFIX: &str = "EXSTREAMTV_";

/// Variables that the command line reads; they are no configuration keys.
const COMMAND_LINE: &[&str] = &["EXSTREAMTV_DATA_DIR", "EXSTREAMTV_CONFIG"];

/// The variables of this process that begin with `EXSTREAMTV_`.
///
/// [`std::env::vars`] would panic at a variable of anybody's that is not Unicode; here only ours
/// are read, and such a value is shown with replacement characters when it is refused.
pub fn environment() -> Vec<(String, String)> {
    let ours = |name: &str| name.to_ascii_uppercase().starts_with(PREFIX);
    std::env::vars_os()
        // reason: a name that is not Unicode is none of ours.
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .filter(|(name, _)| ours(name))
        .map(|(name, value)| (name, value.to_string_lossy().into_owned()))
        .collect()
}

/// A variable that names a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Variable {
    /// As it was written.
    pub(super) name: String,
    /// In lower case.
    pub(super) section: String,
    /// In lower case.
    pub(super) key: String,
    /// Its text.
    pub(super) value: String,
}

/// How the variable for a key is spelled.
pub(super) fn variable_name(section: &str, key: &str) -> String {
    format!("{PREFIX}{}__{}", section.to_ascii_uppercase(), key.to_ascii_uppercase())
}

/// Picks the variables that name keys; what only looks like one becomes a warning.
pub(super) fn variables(
    env: impl IntoIterator<Item = (String, String)>,
) -> (Vec<Variable>, Vec<InvalidField>) {
    let (mut variables, mut warnings) = (Vec::new(), Vec::new());
    for (name, value) in env {
        let upper = name.to_ascii_uppercase();
        let Some(rest) = upper.strip_prefix(PREFIX) else { continue };
        if COMMAND_LINE.contains(&upper.as_str()) {
            continue;
        }
        match rest.split_once("__") {
            Some((section, key)) => variables.push(Variable {
                section: section.to_ascii_lowercase(),
                key: key.to_ascii_lowercase(),
                name,
                value,
            }),
            None => warnings.push(InvalidField::new(
                name.clone(),
                format!("{name} names no key"),
                format!("it is not used; write {PREFIX}SECTION__KEY with two underscores"),
            )),
        }
    }
    variables.sort_by(|a, b| a.name.cmp(&b.name));
    (variables, warnings)
}
