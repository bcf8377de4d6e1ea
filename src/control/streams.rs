//! The running streams as the operator sees them, and the one thing it does to them.
//!
//! This file holds the only call of [`Steering::restart`] (R4): it is reached through a permit.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::domain::{ChannelId, ChannelReading, OutputReading, PlayState};
use crate::stream::pool::Pool;
use crate::stream::{ChannelState, Steering, Tuning};

use super::operate::Streams;

/// The running streams.
#[derive(Debug)]
pub(super) struct Running {
    tuning: Tuning,
    steering: Arc<Steering>,
    pool: Arc<Pool>,
}

impl Running {
    pub(super) fn new(tuning: Tuning, steering: Arc<Steering>, pool: Arc<Pool>) -> Self {
        Self { tuning, steering, pool }
    }
}

fn reading(state: &ChannelState) -> ChannelReading {
    ChannelReading {
        channel: state.channel,
        state: if state.on_slate { PlayState::Slate } else { PlayState::Media },
        headroom_ms: state.headroom_ms,
        viewers: state.viewers,
        media: state.media,
        job_silent_ms: state.job.map(|job| job.silent_ms),
    }
}

#[async_trait::async_trait]
impl Streams for Running {
    fn channel(&self, channel: ChannelId) -> Option<ChannelReading> {
        self.tuning.state(channel).as_ref().map(reading)
    }

    fn running(&self) -> Vec<ChannelReading> {
        self.tuning.running().iter().map(reading).collect()
    }

    fn pool_pressure(&self) -> Option<f64> {
        let load = self.pool.load();
        let foreground = load.running.saturating_sub(load.background);
        let (foreground, limit) =
            (u32::try_from(foreground).ok()?, u32::try_from(load.limit).ok()?);
        (limit > 0).then(|| f64::from(foreground) / f64::from(limit))
    }

    async fn probe_output(&self, channel: ChannelId) -> Result<OutputReading, String> {
        let probe = self.tuning.probe_output(channel).await.map_err(|error| error.to_string())?;
        Ok(OutputReading {
            advancing: probe.decode_error.is_none() && probe.pictures > 0 && probe.headroom_ms > 0,
            slate: probe.on_slate,
            cc_errors: probe.continuity_errors,
        })
    }

    async fn restart(&self, channel: ChannelId) -> Result<Value, String> {
        let report = self.steering.restart(channel).await;
        if !report.was_running && !report.conform_reset {
            return Err("the channel does not run and nothing of it was waiting".to_owned());
        }
        Ok(json!({
            "was_running": report.was_running,
            "conform_reset": report.conform_reset,
            "viewers": report.viewers,
        }))
    }
}
