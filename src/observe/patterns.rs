//! The pattern pack: which line of foreign text means which cause.

use serde::Deserialize;

use crate::domain::Cause;

/// The pack that comes with the program.
const EMBEDDED: &str = include_str!("../../patterns/ffmpeg.yaml");

/// Lines are cut to this length before they are matched.
const LINE_MAX: usize = 2_048;

/// How grave a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Happens all the time.
    Info,
    /// Worth counting.
    Warning,
    /// Explains an end.
    Error,
}

/// One pattern.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pattern {
    /// Its name.
    pub id: String,
    /// What it looks for.
    pub regex: String,
    /// What a matching line means.
    pub cause: Cause,
    /// How grave that is.
    pub severity: Severity,
    /// Whether it is no fault by itself.
    pub benign: bool,
    /// Lines that must match.
    pub positive: Vec<String>,
    /// Lines that must not.
    pub negative: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: String,
    source: String,
    version: u32,
    patterns: Vec<Pattern>,
}

/// All patterns for one kind of program, compiled.
#[derive(Debug, Clone)]
pub struct PatternPack {
    source: String,
    version: u32,
    patterns: Vec<Pattern>,
    set: regex::RegexSet,
}

/// Why a pack cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PatternsError {
    /// It is not YAML of the right shape.
    #[error("the pattern pack cannot be read")]
    Parse(#[source] serde_yaml::Error),
    /// An expression does not compile.
    #[error("a pattern does not compile")]
    Regex(#[source] regex::Error),
    /// It breaks a rule.
    #[error("the pattern {id:?} is refused: {why}")]
    Refused {
        /// Which pattern.
        id: String,
        /// Why.
        why: &'static str,
    },
}

impl PatternPack {
    /// The pack that comes with the program.
    ///
    /// # Errors
    /// Never for the embedded file, which a test loads.
    pub fn embedded() -> Result<Self, PatternsError> {
        Self::from_text(EMBEDDED)
    }

    /// Reads a pack.
    ///
    /// # Errors
    /// When it cannot be read or a pattern shows fewer than three lines of either kind.
    pub fn from_text(text: &str) -> Result<Self, PatternsError> {
        let file: File = serde_yaml::from_str(text).map_err(PatternsError::Parse)?;
        let refused = |id: &str, why| PatternsError::Refused { id: id.to_owned(), why };
        if file.schema != "ops.patterns/1" {
            return Err(refused("", "schema must be ops.patterns/1"));
        }
        for pattern in &file.patterns {
            if pattern.positive.len() < 3 || pattern.negative.len() < 3 {
                return Err(refused(&pattern.id, "it needs three lines of either kind"));
            }
        }
        let set = regex::RegexSetBuilder::new(file.patterns.iter().map(|p| &p.regex));
        let set = { set }.size_limit(4 << 20).build().map_err(PatternsError::Regex)?;
        Ok(Self { source: file.source, version: file.version, patterns: file.patterns, set })
    }

    /// The first pattern that `line` matches.
    pub fn classify(&self, line: &str) -> Option<&Pattern> {
        let matches = self.set.matches(cut(line));
        matches.iter().next().and_then(|index| self.patterns.get(index))
    }

    /// Name of the program and version of the pack, as used in template ids.
    pub fn name(&self) -> String {
        format!("{}/{}", self.source, self.version)
    }

    /// All patterns in order.
    pub fn patterns(&self) -> &[Pattern] {
        &self.patterns
    }
}

/// The first [`LINE_MAX`] bytes of `line`, cut at a character.
pub(super) fn cut(line: &str) -> &str {
    let line = line.trim_end();
    if line.len() <= LINE_MAX {
        return line;
    }
    let end = (0..=LINE_MAX).rev().find(|end| line.is_char_boundary(*end)).unwrap_or(0);
    &line[..end]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_pattern_matches_its_lines_and_no_other() {
        let pack = PatternPack::embedded().unwrap();
        for pattern in pack.patterns() {
            for line in &pattern.positive {
                let found = pack.classify(line).map(|p| p.id.as_str());
                assert_eq!(found, Some(pattern.id.as_str()), "{line}");
            }
            let regex = regex::Regex::new(&pattern.regex).unwrap();
            for line in &pattern.negative {
                assert!(!regex.is_match(line), "{} matches {line}", pattern.id);
            }
        }
    }

    #[test]
    fn ids_are_unique() {
        let pack = PatternPack::embedded().unwrap();
        let mut ids: Vec<&str> = pack.patterns().iter().map(|p| p.id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), pack.patterns().len());
    }

    #[test]
    fn a_pattern_without_enough_lines_is_refused() {
        let text = "schema: ops.patterns/1\nsource: x\nversion: 1\npatterns:\n  - {id: a, regex: a, \
                    cause: STALL, severity: info, benign: true, positive: [a], negative: []}\n";
        let error = PatternPack::from_text(text).unwrap_err().to_string();
        assert_eq!(error, "the pattern \"a\" is refused: it needs three lines of either kind");
    }

    proptest! {
        #[test]
        fn no_line_makes_the_matcher_fail(line in ".{0,4000}") {
            PatternPack::embedded().unwrap().classify(&line);
        }
    }
}
