//! Joins the use cases that change settings to the configuration file.

use std::path::PathBuf;

use serde_json::Value;

use crate::config::{self, SetError};
use crate::control::tunables::{ConfigFile, WriteError};

/// The file that settings are written into; made with the first one if it is not there.
#[derive(Debug)]
pub(super) struct File(pub(super) PathBuf);

#[async_trait::async_trait]
impl ConfigFile for File {
    async fn write(&self, keys: Vec<(&'static str, Value)>) -> Result<(), WriteError> {
        let path = self.0.clone();
        let write = move || {
            let failed = |error: serde_yaml::Error| WriteError::File(Box::new(error));
            let mut values = Vec::new();
            for (key, value) in keys {
                values.push((key, serde_yaml::to_value(value).map_err(failed)?));
            }
            config::set_all(&path, &values).map_err(|error| match error {
                SetError::Invalid(fields) => WriteError::Invalid(fields),
                error @ SetError::File { .. } => WriteError::File(Box::new(error)),
            })
        };
        match tokio::task::spawn_blocking(write).await {
            Ok(written) => written,
            Err(error) => Err(WriteError::File(Box::new(error))),
        }
    }
}
