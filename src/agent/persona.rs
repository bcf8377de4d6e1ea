//! Personas: which of the tools a planner may name at all. They only narrow.
//!
//! A persona that is missing, broken or names a tool that does not exist is not used: the built-in
//! one, which only looks and escalates, takes its place, with a warning.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;

use crate::domain::RiskClass;

const NIGHT_OPERATOR: &str = include_str!("../../personas/night_operator.yaml");

/// A persona (`ops.persona/1`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Persona {
    /// Always `ops.persona/1`.
    pub schema: String,
    /// Its name.
    pub id: String,
    /// Counted up with every change.
    pub version: u32,
    /// A few words for people.
    pub title: String,
    /// `ops`.
    pub audience: String,
    /// Tools it may name.
    pub tools: BTreeSet<String>,
    /// The widest risk class it may name.
    pub max_risk: RiskClass,
    /// Plans in one episode; more than the loop's own limit means that limit.
    pub max_steps: u8,
}

/// Why a persona is not used.
#[derive(Debug, thiserror::Error)]
pub enum PersonaError {
    /// The file cannot be read.
    #[error("the persona cannot be read")]
    Read(#[from] std::io::Error),
    /// It is not YAML of the right shape.
    #[error("the persona is not of the right shape")]
    Parse(#[from] serde_yaml::Error),
    /// It breaks a rule.
    #[error("the persona is refused: {why}")]
    Refused {
        /// Why.
        why: String,
    },
}

impl Persona {
    /// The persona that only looks and escalates.
    pub fn read_only() -> Self {
        Self {
            schema: "ops.persona/1".to_owned(),
            id: "read_only".to_owned(),
            version: 1,
            title: "Looks and escalates".to_owned(),
            audience: "ops".to_owned(),
            tools: ["probe_media", "escalate", "no_op"].map(str::to_owned).into(),
            max_risk: RiskClass::Read,
            max_steps: 3,
        }
    }

    /// The persona in `file`, else the embedded night operator; the read-only one if that fails.
    pub fn load(file: Option<&Path>, known_tools: &BTreeSet<String>) -> Self {
        let read = match file {
            Some(file) => std::fs::read_to_string(file).map_err(PersonaError::from),
            None => Ok(NIGHT_OPERATOR.to_owned()),
        };
        match read.and_then(|text| Self::parse(&text, known_tools)) {
            Ok(persona) => persona,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "{error}: the agent only looks and escalates"
                );
                Self::read_only()
            }
        }
    }

    /// Reads a persona and checks it against the tools there are.
    ///
    /// # Errors
    /// When it cannot be read, names an unknown tool, or is for somebody else.
    pub fn parse(text: &str, known_tools: &BTreeSet<String>) -> Result<Self, PersonaError> {
        let persona: Self = serde_yaml::from_str(text)?;
        let refused = |why: String| Err(PersonaError::Refused { why });
        if persona.schema != "ops.persona/1" {
            return refused("schema must be ops.persona/1".to_owned());
        }
        if persona.audience != "ops" {
            return refused("it is not for the operator".to_owned());
        }
        if persona.max_risk > RiskClass::Visible {
            return refused("max_risk must be visible or less".to_owned());
        }
        if let Some(unknown) = persona.tools.difference(known_tools).next() {
            return refused(format!("there is no tool {unknown}"));
        }
        Ok(persona)
    }

    /// Whether it may name `tool`.
    pub fn may_name(&self, tool: &str, risk: RiskClass) -> bool {
        self.tools.contains(tool) && risk <= self.max_risk
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tools there are, by their manifests' file names.
    fn known() -> BTreeSet<String> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tools");
        std::fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn the_embedded_persona_names_only_existing_tools() {
        let persona = Persona::parse(NIGHT_OPERATOR, &known()).unwrap();
        assert!(persona.may_name("restart_channel", RiskClass::Visible));
        assert!(!persona.may_name("pause_source", RiskClass::Wide));
        assert!(Persona::read_only().tools.is_subset(&known()));
    }

    #[test]
    fn a_persona_that_is_broken_or_wants_too_much_only_looks() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("p.yaml");
        for (from, to) in [
            ("- no_op", "- rm_rf"),
            ("max_risk: visible", "max_risk: wide"),
            ("audience: ops", "audience: creator"),
            ("schema: ops.persona/1", "schema: x"),
            ("max_steps: 3", "max_steps: many"),
            ("id: night_operator", "id: night_operator\nsudo: true"),
        ] {
            assert!(NIGHT_OPERATOR.contains(from));
            std::fs::write(&file, NIGHT_OPERATOR.replace(from, to)).unwrap();
            assert_eq!(Persona::load(Some(&file), &known()), Persona::read_only(), "{to}");
        }
        let missing = folder.path().join("none.yaml");
        assert_eq!(Persona::load(Some(&missing), &known()), Persona::read_only());
    }
}
