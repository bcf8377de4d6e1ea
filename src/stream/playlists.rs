//! Gives playlists of what is on air, and waits for what their readers ask for.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::timeout;

use super::channel::{DiskReader, Live, composing};
use super::compose::{Reader, Shows, UnitPlan};
use super::core::Core;
use super::hls::{Form, Variant, master, part};
use super::sessions::VIA_HLS;
use super::{JoinError, ViewerInfo, hls};
use crate::domain::ChannelId;
use crate::mpegts::h264;

/// A place in the future of a playlist that its reader waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// The number of a segment.
    pub segment: i64,
    /// A part of it; `None` waits for the whole segment.
    pub part: Option<u32>,
}

/// A wish for something that will not be there for long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the newest segment that may be waited for is {newest}")]
pub struct TooFar {
    /// What may be asked for.
    pub newest: i64,
}

impl Core {
    /// The playlist of this moment; its reader counts as a viewer.
    pub(super) fn playlist(
        self: &Arc<Self>,
        channel: ChannelId,
        who: ViewerInfo,
        form: Form,
    ) -> Result<String, JoinError> {
        let who = ViewerInfo { via: VIA_HLS, ..who };
        let known = self.live(channel).filter(|live| live.sessions.seen_again(&who, live.now_ms()));
        let live = match known {
            Some(live) => live,
            None => self.enter(channel, who)?.0,
        };
        // A window before now and the segment that is not whole.
        live.remember_back(&*self.renditions, 10 * hls::SEGMENT_MS);
        let units = live.recent();
        let floor = live.hls_floor.load(Ordering::Relaxed);
        let listed = hls::listed(&live.profile, &units, floor);
        live.hls_floor.fetch_max(listed.start, Ordering::Relaxed);
        Ok(hls::playlist(&live.profile, &units, listed, form, self.keeping.lead_ms))
    }

    /// Waits until the playlist of a running channel holds `wish`, at most three target durations.
    ///
    /// With too many who wait already, the answer is what there is now.
    pub(super) async fn reached(&self, channel: ChannelId, wish: Wish) -> Result<(), TooFar> {
        let Some(live) = self.live(channel) else { return Ok(()) };
        let newest = whole(&live) + 1;
        if wish.segment > newest {
            return Err(TooFar { newest });
        }
        let Ok(_permit) = self.waiters.try_acquire() else { return Ok(()) };
        let mut told = live.told.subscribe();
        let waiting = async {
            while !holds(&live, wish) && !self.stop.is_requested() {
                // It is never dropped while the channel is held here.
                if told.changed().await.is_err() {
                    return;
                }
            }
        };
        let longest = Duration::from_secs(3 * hls::TARGET_SECONDS.unsigned_abs());
        tokio::select! {
            // reason: who has waited that long is told what there is.
            ended = timeout(longest, waiting) => drop(ended),
            () = self.stop.requested() => {}
        }
        Ok(())
    }

    /// What players choose a stream by; starts nothing.
    pub(super) async fn master(&self, channel: ChannelId, form: Form) -> Option<String> {
        let (on_air, live) = {
            let channels = self.lock();
            let entry = channels.get(&channel)?;
            (Arc::clone(&entry.on_air), entry.live.clone())
        };
        let mut units = live.map_or_else(Vec::new, |live| live.recent());
        if units.is_empty() {
            let frame = |ms: i64| on_air.profile.rate.frame_at_or_before(ms * 90);
            let now_ms = self.clock.now_ms();
            let (from, to) = (frame(now_ms), frame(now_ms + self.keeping.lead_ms));
            units = composing(&on_air, &*self.renditions, &[], |c| hls::compose(c, from, to));
        }
        let picture = self.codec_of(&units).await;
        let variant = Variant::of(&on_air.profile, &units, picture);
        Some(master(&on_air.profile, &variant, form))
    }

    /// What codec a player needs for `units`: the highest that their first pictures name.
    async fn codec_of(&self, units: &[Arc<UnitPlan>]) -> Option<String> {
        let mut firsts: Vec<Arc<UnitPlan>> = Vec::new();
        for unit in units.iter().rev() {
            let known = firsts.iter().any(|first| first.clip.key == unit.clip.key);
            if !known && matches!(unit.shows, Shows::Media(_)) && firsts.len() < 4 {
                firsts.push(Arc::clone(unit));
            }
        }
        firsts.extend(units.first().filter(|_| firsts.is_empty()).cloned());
        let mut reader = DiskReader::new(Arc::clone(&self.renditions));
        let read = tokio::task::spawn_blocking(move || {
            let codec = |unit: &Arc<UnitPlan>| {
                // reason: what cannot be read now says nothing, and another name will do.
                let gop = reader.pictures(&unit.clip.key, &unit.clip.gop).ok()?;
                h264::codec(&gop.video.first()?.data)
            };
            firsts.iter().filter_map(codec).max()
        });
        read.await.unwrap_or_default()
    }
}

/// The number of the first segment that is not whole yet.
fn whole(live: &Live) -> i64 {
    hls::segment_of(live.edge_tick())
}

fn holds(live: &Live, wish: Wish) -> bool {
    let next = whole(live);
    if wish.segment < next {
        return true;
    }
    let Some(number) = wish.part.filter(|_| wish.segment == next) else { return false };
    let begun = part::begun(&live.profile, &live.recent(), next).unwrap_or_default();
    part::parts(&live.profile, &begun, false).iter().any(|part| part.number >= number)
}
