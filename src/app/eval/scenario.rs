//! Scenarios as data (`ops.eval/1`).

use anyhow::{Context, bail};
use rust_embed::RustEmbed;
use serde::Deserialize;

use crate::domain::{Cause, Finding};

#[derive(RustEmbed)]
#[folder = "evals/scenarios/"]
#[include = "*.yaml"]
struct Embedded;

/// One scenario.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scenario {
    pub(super) schema: String,
    pub(super) id: String,
    pub(super) title: String,
    pub(super) group: String,
    pub(super) setup: Setup,
    pub(super) fault: Fault,
    pub(super) truth: Truth,
    pub(super) policy: Policy,
    pub(super) oracle: Oracle,
}

/// What is there before the fault.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Setup {
    /// Media files.
    pub(super) items: u32,
    /// Length of each.
    pub(super) item_seconds: u32,
}

/// What is broken, and when.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fault {
    pub(super) inject: Inject,
    pub(super) when: When,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Inject {
    /// SIGKILL to the live conform.
    Kill,
    /// SIGSTOP to the live conform.
    Stop,
    /// Noise over the file on air.
    Overwrite,
    /// The file on air is deleted.
    Remove,
}

/// When it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum When {
    /// Before anybody watches.
    BeforeTuning,
    /// As soon as the live conform runs.
    Process,
    /// Two seconds after the first picture.
    Picture,
}

/// The truth, which the operator does not see.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Truth {
    /// Any of these is right.
    pub(super) causes: Vec<Cause>,
}

/// What the operator must do and must not do.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Policy {
    /// The one changing tool.
    pub(super) required_action: String,
    /// Changing actions at most.
    pub(super) max_changing: usize,
    /// Incidents at most.
    pub(super) max_incidents: usize,
}

/// How it has to end.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Oracle {
    pub(super) detect_within_ms: i64,
    pub(super) picture_within_ms: i64,
    pub(super) verdict: Finding,
    /// The whole episode with its verdict.
    pub(super) settle_within_ms: i64,
}

/// The scenarios named in `only`, in that order; all in order of name when none is named.
pub(super) fn load(only: &[String]) -> anyhow::Result<Vec<Scenario>> {
    let mut all = Vec::new();
    for file in Embedded::iter() {
        let data = Embedded::get(&file).with_context(|| format!("find {file}"))?.data;
        let scenario: Scenario =
            serde_yaml::from_slice(&data).with_context(|| format!("read {file}"))?;
        if scenario.schema != "ops.eval/1" || file != format!("{}.yaml", scenario.id) {
            bail!("{file} has another schema or another id than its name");
        }
        all.push(scenario);
    }
    all.sort_by(|a, b| a.id.cmp(&b.id));
    if only.is_empty() {
        return Ok(all);
    }
    let known: Vec<&str> = all.iter().map(|scenario| scenario.id.as_str()).collect();
    let known = known.join(", ");
    let find = |id: &String| {
        let found = all.iter().find(|scenario| scenario.id == *id).cloned();
        found.with_context(|| format!("there is no scenario {id:?}; there are: {known}"))
    };
    only.iter().map(find).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_can_be_read_and_there_are_at_least_four() {
        assert!(load(&[]).unwrap().len() >= 4);
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_known_ones() {
        let said = load(&["nope".to_owned()]).unwrap_err().to_string();
        assert!(said.contains("encoder_killed"), "{said}");
    }
}
