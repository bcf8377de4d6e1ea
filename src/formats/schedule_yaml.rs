//! Schedule files: YAML that says what a channel plays, directive by directive.
//!
//! [`load`] reads a file with what it imports and gives a [`Script`], or everything that is wrong
//! with it, each fault with file, line and column. The words are those of `docs/schedules.md`, and
//! [`SCHEMA`] says the same to editors.
//!
//! Reading is strict: an unknown key, an unknown reference, an import that is not there or that
//! imports itself is a fault. A file that is half right is not taken at all, so that a mistake of
//! the pen never changes what is on air.

mod link;
mod read;
mod tree;

use std::fmt;

use crate::domain::Script;

pub use link::load;

/// The JSON schema of a schedule file, for editors.
pub const SCHEMA: &str = include_str!("schedule_yaml/schema.json");

/// Most files that one schedule may consist of.
const MOST_FILES: usize = 32;

/// Largest schedule file, in bytes.
pub const LARGEST: usize = 256 * 1024;

/// A place in a file; both count from 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// Line.
    pub line: usize,
    /// Column, in characters.
    pub column: usize,
}

/// Something wrong with a schedule file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Fault {
    /// The file, as it was asked for or imported.
    pub file: String,
    /// Where in it.
    pub at: Mark,
    /// What is wrong, with the value in it.
    pub problem: String,
    /// What would be accepted.
    pub fix: String,
}

impl Fault {
    fn new(file: &str, at: Mark, problem: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { file: file.to_owned(), at, problem: problem.into(), fix: fix.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Mark { line, column } = self.at;
        write!(f, "{}:{line}:{column}: {}; {}", self.file, self.problem, self.fix)
    }
}

/// A schedule file that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// What it says.
    pub script: Script,
    /// The files it consists of, itself first.
    pub files: Vec<String>,
    /// What is allowed but probably not meant, such as content that nothing plays.
    pub warnings: Vec<Fault>,
}

#[cfg(test)]
mod tests;
