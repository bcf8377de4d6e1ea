//! Makes channels' own slates, one at a time, when nothing more urgent is to be done.
//!
//! Watched channels come first, with what they show now; then channels that will show one within
//! the hour. What failed is said once and left alone for a while.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::{Cards, OwnSlate};
use crate::domain::{Profile, SlateKind, UtcMillis};
use crate::foundation::clock::SharedClock;
use crate::foundation::stop::Stop;
use crate::stream::OnAir;
use crate::stream::ahead::Plans;
use crate::stream::conform::Conformer;
use crate::stream::rendition::RenditionKey;
use crate::stream::store::Store;

/// Time between two looks when nothing is to be made.
const LOOK: Duration = Duration::from_secs(2);
/// How far ahead of a gap its slate is made, in milliseconds.
const HORIZON_MS: i64 = 3_600_000;
/// How long one that failed is left alone, in milliseconds.
const FAILED_MS: i64 = 600_000;
/// How long one that gave way is left alone, in milliseconds.
const AGAIN_MS: i64 = 5_000;

/// What the task works with.
#[derive(Debug, Clone)]
pub(in crate::stream) struct Keeping {
    pub(in crate::stream) conformer: Arc<Conformer>,
    pub(in crate::stream) store: Arc<Store>,
    pub(in crate::stream) cards: Cards,
    pub(in crate::stream) clock: SharedClock,
}

/// Starts the task; `look` gives what is on air. Ends with `stop`.
pub(in crate::stream) fn keep(
    keeping: Keeping,
    stop: &Stop,
    look: impl Fn() -> Plans + Send + Sync + 'static,
) {
    let ended = stop.clone();
    stop.spawn("slates", async move {
        tokio::select! {
            () = run(keeping, look) => {}
            () = ended.requested() => {}
        }
    });
}

async fn run(keeping: Keeping, look: impl Fn() -> Plans) {
    let mut failed: HashMap<RenditionKey, i64> = HashMap::new();
    loop {
        let now = UtcMillis(keeping.clock.now_ms());
        failed.retain(|_, at| now.0 - *at < FAILED_MS);
        let wanted =
            if keeping.conformer.is_busy() { None } else { next(&keeping, now, &look(), &failed) };
        let Some((slate, profile)) = wanted else {
            tokio::time::sleep(LOOK).await;
            continue;
        };
        let key = Store::key_of(slate.media(), &profile);
        // Who looks at a test card has nothing else to look at.
        let urgent = slate.is_test_card();
        let made = keeping.cards.make(&keeping.conformer, &slate, &profile, urgent).await;
        if let Err(error) = made {
            tracing::warn!(%error, "channels show the slate for all, because theirs failed");
            failed.insert(key, now.0);
        } else if !is_made(&keeping, &key) {
            // Another server makes it, or somebody needed the machine more.
            failed.insert(key, now.0 - FAILED_MS + AGAIN_MS);
        }
    }
}

/// The slate to be made next, with the profile it is for.
fn next(
    keeping: &Keeping,
    now: UtcMillis,
    plans: &Plans,
    failed: &HashMap<RenditionKey, i64>,
) -> Option<(OwnSlate, Profile)> {
    let mut best: Option<(u8, &OwnSlate, &OnAir)> = None;
    for on_air in &plans.channels {
        let watched = plans.watched.contains(&on_air.channel.id);
        for kind in SlateKind::ALL {
            let Some(slate) = on_air.slates.of(kind) else { continue };
            let Some(rank) = rank(on_air, kind, watched, now) else { continue };
            if best.as_ref().is_some_and(|(better, ..)| *better <= rank) {
                continue;
            }
            let key = Store::key_of(slate.media(), &on_air.profile);
            if !is_made(keeping, &key) && !failed.contains_key(&key) {
                best = Some((rank, slate, on_air));
            }
        }
    }
    best.map(|(_, slate, on_air)| (slate.clone(), on_air.profile.clone()))
}

fn is_made(keeping: &Keeping, key: &RenditionKey) -> bool {
    keeping.store.index_of(key).is_some_and(|index| index.is_complete())
}

/// How urgent a slate is, 0 before all; `None` when there is no need for it.
fn rank(on_air: &OnAir, kind: SlateKind, watched: bool, now: UtcMillis) -> Option<u8> {
    let within = if watched { i64::MAX / 2 } else { HORIZON_MS };
    match (kind, shown_in(on_air, kind, now)) {
        (_, Some(0)) => Some(if watched { 0 } else { 2 }),
        (_, Some(ms)) if ms <= within => Some(if watched { 1 } else { 3 }),
        // Whatever is late or fails, only viewers see.
        (SlateKind::Starting | SlateKind::Technical, _) if watched => Some(1),
        _ => None,
    }
}

/// In how many milliseconds the plan has this slate, as far as it reaches.
fn shown_in(on_air: &OnAir, kind: SlateKind, now: UtcMillis) -> Option<i64> {
    let timeline = &on_air.timeline;
    match kind {
        SlateKind::Starting | SlateKind::Technical => None,
        SlateKind::NoProgramming => {
            let slots = timeline.slots();
            let first = slots.partition_point(|slot| slot.stop <= now);
            let gap = slots[first..].iter().find(|slot| slot.media.is_none())?;
            Some(gap.start.since(now).max(0))
        }
        SlateKind::Offline => match timeline.stop() {
            Some(stop) if stop > now && timeline.start().is_some_and(|start| start <= now) => {
                Some(stop.since(now))
            }
            _ => Some(0),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Channel, ChannelId, ChannelNumber, Rules};
    use crate::stream::fake::timeline;

    #[test]
    fn what_viewers_see_now_comes_first_and_what_nobody_will_see_never() {
        let gap = [(Some(1), 0, 10_000), (None, 0, 10_000), (Some(1), 0, 9_000_000)];
        check(&gap, 15_000, SlateKind::NoProgramming, [Some(0), Some(2)]);
        check(&gap, 5_000, SlateKind::NoProgramming, [Some(1), Some(3)]);
        check(&gap, 25_000, SlateKind::NoProgramming, [None, None]);
        check(&gap, 5_000, SlateKind::Starting, [Some(1), None]);
        check(&gap, 5_000, SlateKind::Offline, [Some(1), None]);
        check(&[], 5_000, SlateKind::Offline, [Some(0), Some(2)]);
    }

    /// Checks the rank of `kind` at `now`, watched and not.
    #[track_caller]
    fn check(
        slots: &[(Option<i64>, i64, i64)],
        now: i64,
        kind: SlateKind,
        expected: [Option<u8>; 2],
    ) {
        let channel = Channel {
            id: ChannelId(1),
            number: ChannelNumber::whole(7).unwrap(),
            name: "Seven".to_owned(),
            group: None,
            logo: None,
            enabled: true,
            profile: "720p25".to_owned(),
            rules: Rules::default(),
        };
        let on_air = OnAir {
            channel: Arc::new(channel),
            profile: Profile::named("720p25").unwrap(),
            timeline: timeline(0, slots),
            media: Arc::default(),
            slates: super::super::OwnSlates::default(),
        };
        let ranks = [true, false].map(|watched| rank(&on_air, kind, watched, UtcMillis(now)));
        assert_eq!(ranks, expected);
    }
}
