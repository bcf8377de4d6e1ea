//! Why a use case came to nothing, grouped by what the caller can do about it.

use crate::domain::InvalidField;
use crate::storage::StorageError;

use super::libraries::LibrariesError;
use super::operations::{Check, OperationError};

/// Why a use case came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The input cannot be taken; each field says what to write instead.
    #[error("{}", join(.0))]
    Invalid(Vec<InvalidField>),
    /// It does not exist.
    #[error("{what} does not exist")]
    NotFound {
        /// Such as `channel 12`.
        what: String,
    },
    /// It clashes with what is there.
    #[error("{what}; {fix}")]
    Conflict {
        /// The field in question, such as `number`.
        field: String,
        /// What clashes.
        what: String,
        /// What to do about it.
        fix: String,
    },
    /// The guard said no.
    #[error("denied: {reason}")]
    Denied {
        /// The deciding reason code.
        reason: String,
        /// Every check.
        checks: Vec<Check>,
    },
    /// It cannot be done just now; trying again later may help.
    #[error("{what} is not available: {reason}")]
    Unavailable {
        /// What.
        what: String,
        /// Why.
        reason: String,
    },
    /// It failed for a reason inside.
    #[error("{what} failed")]
    Failed {
        /// What was tried.
        what: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

fn join(fields: &[InvalidField]) -> String {
    fields.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

impl From<InvalidField> for ControlError {
    fn from(field: InvalidField) -> Self {
        Self::Invalid(vec![field])
    }
}

impl From<OperationError> for ControlError {
    fn from(error: OperationError) -> Self {
        match error {
            OperationError::NotFound { what } => Self::NotFound { what },
            OperationError::AuditUnavailable { reason } => {
                Self::Unavailable { what: "the audit log".to_owned(), reason }
            }
            OperationError::Failed { what, reason } => Self::Conflict {
                field: "action".to_owned(),
                what: format!("{what} came to nothing: {reason}"),
                fix: "look at the channel's incidents, then try again".to_owned(),
            },
            error @ (OperationError::Expired { .. } | OperationError::Tampered) => {
                Self::Failed { what: "the action".to_owned(), source: Box::new(error) }
            }
        }
    }
}

impl From<LibrariesError> for ControlError {
    fn from(error: LibrariesError) -> Self {
        match error {
            LibrariesError::Invalid(field) => field.into(),
            LibrariesError::NotFound(id) => Self::NotFound { what: format!("library {id}") },
            LibrariesError::Conflict { what, fix } => {
                Self::Conflict { field: "library".to_owned(), what, fix }
            }
            LibrariesError::Storage(error) => Self::storage("the library")(error),
        }
    }
}

impl ControlError {
    /// Turns a storage error into what the caller can do about it; `what` names the thing.
    pub(crate) fn storage(what: &str) -> impl FnOnce(StorageError) -> Self {
        let what = what.to_owned();
        move |error| match error {
            StorageError::NotFound => Self::NotFound { what },
            StorageError::Conflict { field, value } => Self::Conflict {
                what: format!("{field} {value:?} is taken"),
                fix: format!("choose another {field}"),
                field,
            },
            error @ StorageError::Busy => Self::Unavailable { what, reason: error.to_string() },
            error => Self::Failed { what, source: Box::new(error) },
        }
    }
}
