//! Loading manifests: embedded in the binary, overridable by a folder.

use std::collections::BTreeMap;
use std::path::Path;

use rust_embed::RustEmbed;

use super::manifest::{HANDLERS, Manifest};
use crate::foundation::secrets::hash_of;

#[derive(RustEmbed)]
#[folder = "tools/"]
#[include = "*.yaml"]
struct Embedded;

/// All tools there are, by name.
#[derive(Debug, Clone, PartialEq)]
pub struct Tools {
    manifests: BTreeMap<String, Manifest>,
    sha256: String,
}

/// Why the tools cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ToolsError {
    /// The folder of overrides cannot be read.
    #[error("read the tool manifest {path}")]
    Read {
        /// Which file or folder.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A manifest is not YAML of the right shape.
    #[error("the tool manifest {name} cannot be read")]
    Parse {
        /// Which.
        name: String,
        /// Why.
        #[source]
        source: serde_yaml::Error,
    },
    /// A manifest breaks a rule.
    #[error("the tool manifest {name} is refused: {}", faults.join("; "))]
    Refused {
        /// Which.
        name: String,
        /// Every fault.
        faults: Vec<String>,
    },
    /// Code without a manifest.
    #[error("the tool {name} has no manifest")]
    Missing {
        /// Which.
        name: &'static str,
    },
}

impl Tools {
    /// The embedded manifests, replaced one by one by those in `folder`, if one is given.
    ///
    /// # Errors
    /// When any manifest is unreadable or refused, or a tool has none: then there is no operator.
    pub fn load(folder: Option<&Path>) -> Result<Self, ToolsError> {
        let mut texts: BTreeMap<String, String> = BTreeMap::new();
        for file in Embedded::iter() {
            if let Some(content) = Embedded::get(&file) {
                let text = String::from_utf8_lossy(&content.data).into_owned();
                texts.insert(file.to_string(), text);
            }
        }
        if let Some(folder) = folder {
            texts.extend(read_folder(folder)?);
        }
        Self::from_texts(&texts)
    }

    /// Tools from texts by file name.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn from_texts(texts: &BTreeMap<String, String>) -> Result<Self, ToolsError> {
        let mut manifests = BTreeMap::new();
        let mut whole = String::new();
        for (file, text) in texts {
            let parsed = serde_yaml::from_str(text);
            let manifest: Manifest =
                parsed.map_err(|source| ToolsError::Parse { name: file.clone(), source })?;
            let mut faults = manifest.faults();
            if *file != format!("{}.yaml", manifest.name) {
                faults.push("the file is not named after the tool".to_owned());
            }
            if !faults.is_empty() {
                return Err(ToolsError::Refused { name: file.clone(), faults });
            }
            whole.push_str(&hash_of(text));
            manifests.insert(manifest.name.clone(), manifest);
        }
        for name in HANDLERS {
            if !manifests.contains_key(*name) {
                return Err(ToolsError::Missing { name });
            }
        }
        Ok(Self { manifests, sha256: hash_of(&whole) })
    }

    /// The manifest of `tool`, or `None`: what has no manifest does not exist.
    pub fn get(&self, tool: &str) -> Option<&Manifest> {
        self.manifests.get(tool)
    }

    /// All manifests in order of name.
    pub fn all(&self) -> impl Iterator<Item = &Manifest> {
        self.manifests.values()
    }

    /// Hash over all manifests, for the record.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }
}

fn read_folder(folder: &Path) -> Result<BTreeMap<String, String>, ToolsError> {
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |source| ToolsError::Read { path, source }
    };
    let mut texts = BTreeMap::new();
    for entry in std::fs::read_dir(folder).map_err(failed(folder))? {
        let path = entry.map_err(failed(folder))?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let Some(name) = name.filter(|name| name.ends_with(".yaml")) else { continue };
        texts.insert(name, std::fs::read_to_string(&path).map_err(failed(&path))?);
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embedded() -> BTreeMap<String, String> {
        Embedded::iter()
            .map(|file| {
                let data = Embedded::get(&file).unwrap().data;
                (file.to_string(), String::from_utf8(data.into_owned()).unwrap())
            })
            .collect()
    }

    /// Replaces `from` by `to` in `file` and checks that loading fails and says `says`.
    #[track_caller]
    fn check_refused(file: &str, from: &str, to: &str, says: &str) {
        let mut texts = embedded();
        let text = texts.get_mut(file).unwrap();
        assert!(text.contains(from), "{file} does not contain {from:?}");
        *text = text.replacen(from, to, 1);
        let error = Tools::from_texts(&texts).unwrap_err();
        let mut said = error.to_string();
        if let Some(source) = std::error::Error::source(&error) {
            said.push_str(&source.to_string());
        }
        assert!(said.contains(says), "{said:?} does not say {says:?}");
    }

    #[test]
    fn every_tool_has_a_handler_and_every_handler_a_tool() {
        let tools = Tools::load(None).unwrap();
        let names: Vec<&str> = tools.all().map(|tool| tool.name.as_str()).collect();
        let mut handlers = HANDLERS.to_vec();
        handlers.sort_unstable();
        assert_eq!(names, handlers);
    }

    #[test]
    fn bad_manifests_are_refused() {
        let restart = "restart_channel.yaml";
        check_refused(restart, "ops.tool/1", "ops.tool/9", "schema");
        check_refused(restart, "handler: restart_channel", "handler: rm_rf", "no code");
        check_refused(
            restart,
            "additionalProperties: false",
            "additionalProperties: true",
            "unknown",
        );
        check_refused(restart, "required: [channel]", "required: [ghost]", "not described");
        check_refused(restart, "x-ref: channel", "x-ref: shell", "x-ref");
        check_refused(restart, "[STALL,", "[CLOCK_STEP, STALL,", "both allowed and forbidden");
        check_refused(restart, "[STALL,", "[BAD_LUCK,", "BAD_LUCK");
        check_refused(restart, "required_confidence: 0.7", "required_confidence: 7", "confidence");
        check_refused(restart, "verification:", "# verification:", "verification");
        check_refused(restart, "window: 30s", "window: 2s", "verification");
        check_refused(restart, "blast_radius:", "# blast_radius:", "blast_radius");
        check_refused(restart, "evidence_required:", "# evidence_required:", "evidence_required");
        check_refused(restart, "must_include_trust: system, ", "", "trust");
        check_refused(restart, "global: [{max: 10, per: 60s}]", "global: []", "global");
        check_refused(restart, "{max: 10, per: 60s}", "{max: 11, per: 60s}", "R1");
        check_refused(restart, "{max: 10, per: 60s}", "{max: 10, per: 59s}", "R1");
        check_refused(restart, "{max: 1, per: 30s}", "{max: 1, per: 2h}", "one hour");
        check_refused(restart, "cooldown: 30s", "cooldown: 29s", "R2");
        check_refused(restart, "cooldown: 30s", "cooldown: soon", "length of time");
        check_refused(restart, "undo: none", "ttl: 10m", "undone");
        check_refused(restart, "version: 1", "version: 1\nshell: true", "unknown field");
        check_refused(restart, "name: restart_channel", "name: other", "differ");
        check_refused(
            "skip_item.yaml",
            "per_channel: [{max: 5, per: 5m}]",
            "per_channel: []",
            "per",
        );
    }

    #[test]
    fn a_tool_without_a_manifest_stops_the_loading() {
        let mut texts = embedded();
        texts.remove("escalate.yaml");
        let said = Tools::from_texts(&texts).unwrap_err().to_string();
        assert_eq!(said, "the tool escalate has no manifest");
    }

    #[test]
    fn a_folder_replaces_single_manifests() {
        let folder = tempfile::tempdir().unwrap();
        let text = embedded()["restart_channel.yaml"].replace("cooldown: 30s", "cooldown: 90s");
        std::fs::write(folder.path().join("restart_channel.yaml"), text).unwrap();
        let tools = Tools::load(Some(folder.path())).unwrap();
        assert_eq!(tools.get("restart_channel").unwrap().cooldown.0, 90_000);
        assert!(tools.get("skip_item").is_some());
        assert_ne!(tools.sha256(), Tools::load(None).unwrap().sha256());
    }
}
