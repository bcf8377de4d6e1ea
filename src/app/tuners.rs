//! Joins the tuner's slots to the HTTP side and to the network side, which do not know each other.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;

use crate::control::Control;
use crate::domain::{ChannelId, UtcMillis};
use crate::http::{Lease, TunerState, Tuners, TunersBusy};
use crate::stream::ViewerInfo;
use crate::tuner::{Channels, Held, Slots};

/// The slots as HTTP counts them.
#[derive(Debug)]
pub(super) struct Counted(pub(super) Slots);

impl Tuners for Counted {
    fn claim(
        &self,
        wanted: Option<u32>,
        channel: ChannelId,
        client: IpAddr,
        now: UtcMillis,
    ) -> Result<Lease, TunersBusy> {
        let wanted = wanted.and_then(|tuner| usize::try_from(tuner).ok());
        let slot = self.0.claim(wanted, channel, client, now).map_err(|_| TunersBusy)?;
        Ok(Box::new(slot))
    }

    fn tuners(&self) -> Vec<TunerState> {
        let uses = self.0.uses().into_iter();
        let state = |(tuner, used): (u32, Option<crate::tuner::SlotUse>)| TunerState {
            tuner,
            channel: used.map(|used| used.channel),
            client: used.map(|used| used.client),
            since: used.map(|used| used.since),
        };
        (0..).zip(uses).map(state).collect()
    }
}

/// The streams as the network side joins them.
#[derive(Debug)]
pub(super) struct Joined(pub(super) Control);

impl Channels for Joined {
    fn join(
        &self,
        channel: ChannelId,
        client: IpAddr,
        held: Held,
    ) -> Result<BoxStream<'static, Bytes>, String> {
        let user_agent = "hdhomerun client".to_owned();
        let who =
            ViewerInfo { addr: client, user_agent, via: "hdhomerun", user: None, ticket: None };
        let viewer = self.0.tuning().join(channel, who).map_err(|error| error.to_string())?;
        viewer.hold(held);
        Ok(viewer.boxed())
    }

    fn make_way(&self, channel: ChannelId, client: IpAddr) -> bool {
        self.0.clear_left_behind(channel, client)
    }
}

/// The slots of a device with `count` tuners, for both sides.
pub(super) fn slots(count: u32) -> (Slots, Arc<Counted>) {
    let slots = Slots::new(usize::try_from(count).unwrap_or(1));
    (slots.clone(), Arc::new(Counted(slots)))
}
