//! Settings that a person changes while the server runs: checked, written into the configuration
//! file, put into force, recorded, in this order.

use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use crate::domain::{InvalidField, PaceMode, Preparing, StreamBuffers, Throttler, Watching};
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

/// A change of how media is made ready; what is left out stays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PreparingEdit {
    /// See [`Preparing::ahead_minutes`]; 0 to 1,440.
    pub ahead_minutes: Option<i64>,
    /// See [`Preparing::whole_library`].
    pub whole_library: Option<bool>,
    /// See [`Preparing::cpu_percent`]; 1 to 100.
    pub cpu_percent: Option<i64>,
}

/// A change of what holds for those who watch; what is left out stays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WatchingEdit {
    /// See [`Watching::lead_seconds`]; 1 to 15.
    pub lead_seconds: Option<i64>,
    /// See [`Watching::linger_seconds`]; 0 to 3,600.
    pub linger_seconds: Option<i64>,
    /// See [`Watching::per_channel`]; 1 to 10,000.
    pub per_channel: Option<i64>,
    /// See [`Watching::per_user`]; 0 to 10,000.
    pub per_user: Option<i64>,
    /// See [`Watching::idle_seconds`]; 10 to 86,400.
    pub idle_seconds: Option<i64>,
}

/// Everything that can be tuned.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tuned {
    pub(super) throttler: Throttler,
    pub(super) buffers: StreamBuffers,
    pub(super) preparing: Preparing,
    pub(super) watching: Watching,
}

/// What is in force.
#[derive(Debug)]
pub(super) struct Tunables {
    now: Mutex<Tuned>,
    /// Held while a change is made, so that two do not mix.
    changing: tokio::sync::Mutex<()>,
}

impl Tunables {
    pub(super) fn new(tuned: Tuned) -> Self {
        Self { now: Mutex::new(tuned), changing: tokio::sync::Mutex::default() }
    }

    fn read(&self) -> Tuned {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Control {
    /// How viewers that fell behind catch up.
    pub fn throttler(&self) -> Throttler {
        self.tunables().read().throttler
    }

    /// How much a client's connection is given at once.
    pub fn buffers(&self) -> StreamBuffers {
        self.tunables().read().buffers
    }

    /// How media is made ready before it is on air.
    pub fn preparing(&self) -> Preparing {
        self.tunables().read().preparing
    }

    /// What holds for those who watch.
    pub fn watching(&self) -> Watching {
        self.tunables().read().watching
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
        let tuned = Tuned { throttler, ..self.tunables().read() };
        self.put_into_force(actor, tuned, keys).await?;
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
        let tuned = Tuned { buffers, ..self.tunables().read() };
        self.put_into_force(actor, tuned, keys).await?;
        Ok(buffers)
    }

    /// Changes how media is made ready, in the file and at once.
    ///
    /// # Errors
    /// When a value is out of range or the file cannot be written; nothing changes then.
    pub async fn edit_preparing(
        &self,
        actor: &Actor,
        edit: PreparingEdit,
    ) -> Result<Preparing, ControlError> {
        let _changing = self.tunables().changing.lock().await;
        let mut preparing = self.preparing();
        let mut keys = Vec::new();
        if let Some(minutes) = edit.ahead_minutes {
            preparing.ahead_minutes = within("ahead_minutes", minutes, 0, 1_440)?;
            keys.push(("streaming.ahead_minutes", json!(minutes)));
        }
        if let Some(whole) = edit.whole_library {
            preparing.whole_library = whole;
            keys.push(("streaming.ahead_library", json!(whole)));
        }
        if let Some(percent) = edit.cpu_percent {
            preparing.cpu_percent = within("cpu_percent", percent, 1, 100)?;
            keys.push(("streaming.ahead_cpu_percent", json!(percent)));
        }
        let tuned = Tuned { preparing, ..self.tunables().read() };
        self.put_into_force(actor, tuned, keys).await?;
        Ok(preparing)
    }

    /// Changes what holds for those who watch, in the file and at once; nobody has to leave.
    ///
    /// # Errors
    /// When a value is out of range or the file cannot be written; nothing changes then.
    pub async fn edit_watching(
        &self,
        actor: &Actor,
        edit: WatchingEdit,
    ) -> Result<Watching, ControlError> {
        let _changing = self.tunables().changing.lock().await;
        let mut watching = self.watching();
        let mut keys = Vec::new();
        let Watching { lead_seconds, linger_seconds, per_channel, per_user, idle_seconds } =
            &mut watching;
        let fields = [
            (edit.lead_seconds, lead_seconds, "lead_seconds", "streaming.lead_seconds", 1, 15),
            (
                edit.linger_seconds,
                linger_seconds,
                "linger_seconds",
                "streaming.linger_seconds",
                0,
                3_600,
            ),
            (
                edit.per_channel,
                per_channel,
                "max_sessions_per_channel",
                "session_manager.max_sessions_per_channel",
                1,
                10_000,
            ),
            (
                edit.per_user,
                per_user,
                "max_sessions_per_user",
                "session_manager.max_sessions_per_user",
                0,
                10_000,
            ),
            (
                edit.idle_seconds,
                idle_seconds,
                "idle_timeout_seconds",
                "session_manager.idle_timeout_seconds",
                10,
                86_400,
            ),
        ];
        for (value, field, name, key, least, most) in fields {
            if let Some(value) = value {
                *field = within(name, value, least, most)?;
                keys.push((key, json!(value)));
            }
        }
        let tuned = Tuned { watching, ..self.tunables().read() };
        self.put_into_force(actor, tuned, keys).await?;
        Ok(watching)
    }

    async fn put_into_force(
        &self,
        actor: &Actor,
        tuned: Tuned,
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
        *tunables.now.lock().unwrap_or_else(PoisonError::into_inner) = tuned;
        let steering = self.steering();
        steering.pace_viewers(Throttle::of(&tuned.throttler, &tuned.buffers));
        steering.limit_viewers(tuned.watching.into());
        steering.prepare_by(tuned.preparing.into());
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
