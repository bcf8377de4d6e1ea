//! What a rejected value looks like, wherever it came from.

/// A value that cannot be taken: which field, what is wrong, and what to write instead.
///
/// Everything that parses input from people reports this, so that the HTTP API, the command line
/// and the configuration say the same thing in the same shape.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}; {fix}")]
pub struct InvalidField {
    /// The field as the caller wrote it, dots between levels (`streaming.burst_seconds`).
    pub field: String,
    /// What is wrong with the value, with the value in it.
    pub problem: String,
    /// What would be accepted.
    pub fix: String,
}

impl InvalidField {
    /// Puts the three parts together.
    pub fn new(
        field: impl Into<String>,
        problem: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self { field: field.into(), problem: problem.into(), fix: fix.into() }
    }
}
