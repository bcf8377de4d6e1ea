//! The HDHomeRun on the network: discovery over UDP, control over TCP, both on port 65001.
//!
//! HTTP is where clients watch; this is how they find the device, and how older ones have a
//! channel sent to them. The ports are often taken by another emulator, so a taken port is a
//! condition that is logged, shown and tried again, never a reason not to start.
//!
//! Absent for now: SSDP, and IPv6.

mod address;
mod discovery;
mod port;
mod push;
mod slots;
mod variables;

use std::any::Any;
use std::fmt::Debug;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use tokio::sync::watch;

use crate::domain::{ChannelId, LineupChannel};
use crate::formats::hdhomerun::Device;
use crate::foundation::clock::SharedClock;
use crate::foundation::stop::Stop;

pub use slots::{SlotError, SlotGuard, SlotUse, Slots};

/// How the tuner shows itself.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Who it is.
    pub device: Device,
    /// Port of discovery and control; clients ask on 65001 only, 0 takes any for tests.
    pub port: u16,
    /// The server's address for clients, if one is configured.
    pub public_url: Option<String>,
    /// The address HTTP is bound to; unspecified for all.
    pub http_host: IpAddr,
    /// The port HTTP is bound to.
    pub http_port: u16,
}

/// Reads the line-up from memory; `None` while it cannot be told.
pub type LineupSource = Arc<dyn Fn() -> Option<Arc<Vec<LineupChannel>>> + Send + Sync>;

/// Where a channel's stream comes from.
pub trait Channels: Debug + Send + Sync {
    /// Joins a channel on behalf of `client`; the stream ends when it is dropped. `held` is dropped
    /// the moment its session ends, which may be before that.
    ///
    /// # Errors
    /// A few words for the client.
    fn join(
        &self,
        channel: ChannelId,
        client: IpAddr,
        held: Held,
    ) -> Result<BoxStream<'static, Bytes>, String>;

    /// Ends what `client` left behind on a tuner that is on `channel`; whether there was anything.
    fn make_way(&self, channel: ChannelId, client: IpAddr) -> bool;
}

/// What a session holds until it ends.
pub type Held = Box<dyn Any + Send>;

/// How one of the ports is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PortState {
    /// Not opened yet.
    Opening,
    /// Clients are answered.
    Open {
        /// On this port.
        port: u16,
    },
    /// It cannot be opened; tried again every half minute.
    Unavailable {
        /// Why.
        reason: String,
    },
}

/// The tuner while it runs; cheap to clone.
#[derive(Debug, Clone)]
pub struct Tuner {
    discovery: watch::Receiver<PortState>,
    control: watch::Receiver<PortState>,
}

impl Tuner {
    /// How the discovery port (UDP) is.
    pub fn discovery(&self) -> PortState {
        self.discovery.borrow().clone()
    }

    /// How the control port (TCP) is.
    pub fn control(&self) -> PortState {
        self.control.borrow().clone()
    }
}

/// Starts answering on the network; never fails, see [`Tuner::discovery`] and [`Tuner::control`].
pub fn start(
    settings: Settings,
    slots: Slots,
    channels: Arc<dyn Channels>,
    lineup: LineupSource,
    clock: SharedClock,
    stop: &Stop,
) -> Tuner {
    let settings = Arc::new(settings);
    let (discovery_state, discovery) = watch::channel(PortState::Opening);
    let (control_state, control) = watch::channel(PortState::Opening);
    let answering = discovery::serve(Arc::clone(&settings), discovery_state, stop.child());
    stop.spawn("tuner discovery", answering);
    let desk = port::Desk::new(slots, channels, lineup, clock, stop.child());
    stop.spawn("tuner control", port::serve(settings, control_state, desk, stop.child()));
    Tuner { discovery, control }
}

/// Time between attempts to open a port that is taken.
const RETRY: Duration = Duration::from_secs(30);

/// Notes how a port is, and logs it when that is news.
fn note(state: &watch::Sender<PortState>, name: &'static str, now: PortState) {
    state.send_if_modified(|before| {
        if *before == now {
            return false;
        }
        match &now {
            PortState::Opening => {}
            PortState::Open { port } => {
                tracing::info!(port, "tuner {name} answers on port {port}");
            }
            PortState::Unavailable { reason } => {
                tracing::warn!(
                    reason,
                    "tuner {name} is not available: {reason}; clients can still be pointed at \
                     this server by hand"
                );
            }
        }
        *before = now;
        true
    });
}

#[cfg(test)]
mod tests;
