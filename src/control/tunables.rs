//! Settings that a person changes while the server runs: checked, written into the configuration
//! file, put into force, recorded, in this order.

use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use crate::domain::{InvalidField, PaceMode, StreamBuffers, Throttler};
use crate::stream::pace::Throttle;

use super::Control;
use super::error::ControlError;
use super::operations::Actor;

/// Writes keys of the configuration file; `app` joins this to the `config` module.
#[async_trait::async_trait]
pub trait ConfigFile: Debug + Send + Sync {
    /// Writes all `keys` (`section.key`) or none.
    ///
    /// # Errors
    /// The keys that cannot be taken, or why the file cannot be written.
    async fn write(&self, keys: Vec<(&'static str, Value)>) -> Result<(), WriteError>;
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Values that the configuration does not take, or a file that cannot be edited.
    #[error("the configuration does not take it")]
    Invalid(Vec<InvalidField>),
    /// The file cannot be read or written.
    #[error("the configuration file cannot be written")]
    File(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A change of the throttler; what is left out stays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ThrottlerEdit {
    /// See [`Throttler::enabled`].
    pub enabled: Option<bool>,
    /// See [`Throttler::target_bitrate_bps`]; 1,000,000 to 50,000,000.
    pub target_bitrate_bps: Option<i64>,
    /// See [`Throttler::mode`].
    pub mode: Option<PaceMode>,
}

/// A change of the buffers; what is left out stays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BuffersEdit {
    /// See [`StreamBuffers::buffer_size`]; 65,536 to 33,554,432.
    pub buffer_size: Option<i64>,
    /// See [`StreamBuffers::read_size`]; 4,096 to 1,048,576.
    pub read_size: Option<i64>,
}

/// What is in force.
#[derive(Debug)]
pub(super) struct Tunables {
    now: Mutex<(Throttler, StreamBuffers)>,
    /// Held while a change is made, so that two do not mix.
    changing: tokio::sync::Mutex<()>,
}

impl Tunables {
    pub(super) fn new(throttler: Throttler, buffers: StreamBuffers) -> Self {
        Self { now: Mutex::new((throttler, buffers)), changing: tokio::sync::Mutex::default() }
    }

    fn read(&self) -> (Throttler, StreamBuffers) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Control {
    /// How viewers that fell behind catch up.
    pub fn throttler(&self) -> Throttler {
        self.tunables().read().0
    }

    /// How much a client's connection is given at once.
    pub fn buffers(&self) -> StreamBuffers {
        self.tunables().read().1
    }

    /// Changes the throttler, in the file and for all who watch.
    ///
    /// # Errors
    /// When a value is out of range or the file cannot be written; nothing changes then.
    pub async fn edit_throttler(
        &self,
        actor: &Actor,
        edit: ThrottlerEdit,
    ) -> Result<Throttler, ControlError> {
        let _changing = self.tunables().changing.lock().await;
        let mut throttler = self.throttler();
        let mut keys = Vec::new();
        if let Some(enabled) = edit.enabled {
            throttler.enabled = enabled;
            keys.push(("stream_throttler.enabled", json!(enabled)));
        }
        if let Some(target) = edit.target_bitrate_bps {
            throttler.target_bitrate_bps =
                within("target_bitrate_bps", target, 1_000_000, 50_000_000)?;
            keys.push(("stream_throttler.target_bitrate_bps", json!(target)));
        }
        if let Some(mode) = edit.mode {
            throttler.mode = mode;
            keys.push(("stream_throttler.mode", json!(mode)));
        }
        self.put_into_force(actor, throttler, self.buffers(), keys).await?;
        Ok(throttler)
    }

    /// Changes the buffers, in the file; `read_size` for all who watch, `buffer_size` for those who
    /// connect from now on.
    ///
    /// # Errors
    /// When a value is out of range or the file cannot be written; nothing changes then.
    pub async fn edit_buffers(
        &self,
        actor: &Actor,
        edit: BuffersEdit,
    ) -> Result<StreamBuffers, ControlError> {
        let _changing = self.tunables().changing.lock().await;
        let mut buffers = self.buffers();
        let mut keys = Vec::new();
        if let Some(size) = edit.buffer_size {
            buffers.buffer_size = within("buffer_size", size, 65_536, 33_554_432)?;
            keys.push(("streaming.buffer_size", json!(size)));
        }
        if let Some(size) = edit.read_size {
            buffers.read_size = within("read_size", size, 4_096, 1_048_576)?;
            keys.push(("streaming.read_size", json!(size)));
        }
        self.put_into_force(actor, self.throttler(), buffers, keys).await?;
        Ok(buffers)
    }

    async fn put_into_force(
        &self,
        actor: &Actor,
        throttler: Throttler,
        buffers: StreamBuffers,
        keys: Vec<(&'static str, Value)>,
    ) -> Result<(), ControlError> {
        if keys.is_empty() {
            return Ok(());
        }
        let body = json!({
            "what": "settings_changed",
            "keys": keys.iter().map(|(key, value)| ((*key).to_owned(), value.clone()))
                .collect::<serde_json::Map<_, _>>(),
        });
        self.config_file().write(keys).await.map_err(|error| match error {
            WriteError::Invalid(fields) => ControlError::Invalid(fields),
            error @ WriteError::File(_) => ControlError::Failed {
                what: "writing the configuration".to_owned(),
                source: Box::new(error),
            },
        })?;
        let tunables = self.tunables();
        *tunables.now.lock().unwrap_or_else(PoisonError::into_inner) = (throttler, buffers);
        self.steering().pace_viewers(Throttle::of(&throttler, &buffers));
        self.record_change(actor, body).await;
        Ok(())
    }
}

fn within(field: &str, value: i64, least: u32, most: u32) -> Result<u32, InvalidField> {
    let number = u32::try_from(value).ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| {
        let fix = format!("write a whole number from {least} to {most}");
        InvalidField::new(field, format!("{value} cannot be taken"), fix)
    })
}
