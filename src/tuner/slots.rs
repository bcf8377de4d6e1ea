//! Tuner slots: who gets a tuner. PURE.
//!
//! Clients count a device's tuners and plan recordings by that count, so it has to be kept
//! honestly, over HTTP and over the control port alike. Players open a stream two or three times
//! at once to probe it; the same client on the same channel therefore shares one tuner.

use core::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::{ChannelId, UtcMillis};

/// The tuners of the device; clones share them.
#[derive(Debug, Clone)]
pub struct Slots {
    table: Arc<Mutex<Vec<Option<Seat>>>>,
}

/// What a tuner in use does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotUse {
    /// The channel it is on.
    pub channel: ChannelId,
    /// Who watches.
    pub client: IpAddr,
    /// Since when.
    pub since: UtcMillis,
}

#[derive(Debug, Clone, Copy)]
struct Seat {
    used: SlotUse,
    /// Guards that hold it; never 0.
    holders: usize,
}

/// Why no tuner was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SlotError {
    /// Every tuner is in use, or the wanted one is.
    #[error("all tuners are in use")]
    AllBusy,
    /// The wanted tuner does not exist.
    #[error("there is no tuner {wanted}; tuners count from 0 to {last}")]
    NoSuchTuner {
        /// Which was wanted.
        wanted: usize,
        /// The last there is.
        last: usize,
    },
}

/// A tuner in use; dropping the last guard of a tuner frees it.
#[derive(Debug)]
pub struct SlotGuard {
    table: Arc<Mutex<Vec<Option<Seat>>>>,
    tuner: usize,
}

impl Slots {
    /// A device with `count` free tuners, at least one.
    pub fn new(count: usize) -> Self {
        Self { table: Arc::new(Mutex::new(vec![None; count.max(1)])) }
    }

    /// Takes a tuner for `client` on `channel`: number `wanted`, or the first that is free.
    ///
    /// # Errors
    /// When none is free, or the wanted one does not exist or serves someone or something else.
    pub fn claim(
        &self,
        wanted: Option<usize>,
        channel: ChannelId,
        client: IpAddr,
        now: UtcMillis,
    ) -> Result<SlotGuard, SlotError> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(wanted) = wanted
            && wanted >= table.len()
        {
            return Err(SlotError::NoSuchTuner { wanted, last: table.len() - 1 });
        }
        let may_use = |tuner: usize| wanted.is_none_or(|wanted| wanted == tuner);
        let is_ours = |seat: &Option<Seat>| {
            seat.is_some_and(|seat| seat.used.client == client && seat.used.channel == channel)
        };
        let mut candidates = (0..table.len()).filter(|tuner| may_use(*tuner));
        let shared = candidates.clone().find(|tuner| is_ours(&table[*tuner]));
        let tuner = shared.or_else(|| candidates.find(|tuner| table[*tuner].is_none()));
        let tuner = tuner.ok_or(SlotError::AllBusy)?;
        match &mut table[tuner] {
            Some(seat) => seat.holders += 1,
            free @ None => {
                *free = Some(Seat { used: SlotUse { channel, client, since: now }, holders: 1 });
            }
        }
        Ok(SlotGuard { table: Arc::clone(&self.table), tuner })
    }

    /// What every tuner does, in order; `None` is free.
    pub fn uses(&self) -> Vec<Option<SlotUse>> {
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.iter().map(|seat| seat.map(|seat| seat.used)).collect()
    }
}

/// A tuner in use that two hold, of whom either can give it back.
#[derive(Debug, Clone)]
pub(super) struct SharedGuard {
    guard: Arc<Mutex<Option<SlotGuard>>>,
}

impl SharedGuard {
    pub(super) fn new(guard: SlotGuard) -> Self {
        Self { guard: Arc::new(Mutex::new(Some(guard))) }
    }
}

impl Drop for SharedGuard {
    fn drop(&mut self) {
        let guard = self.guard.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(guard);
    }
}

impl SlotGuard {
    /// Which tuner it is, from 0.
    pub fn tuner(&self) -> usize {
        self.tuner
    }
}

impl Drop for SlotGuard {
    fn drop(&mut self) {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let seat = &mut table[self.tuner];
        match seat {
            Some(used) if used.holders > 1 => used.holders -= 1,
            Some(_) | None => *seat = None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_last_tuner_taken_means_busy_until_one_is_given_back() {
        let slots = Slots::new(2);
        let first = claim(&slots, None, 1, 1).unwrap();
        let second = claim(&slots, None, 2, 2).unwrap();
        assert_eq!((first.tuner(), second.tuner()), (0, 1));
        assert_eq!(claim(&slots, None, 3, 3).unwrap_err(), SlotError::AllBusy);
        drop(first);
        assert_eq!(claim(&slots, None, 3, 3).unwrap().tuner(), 0);
    }

    #[test]
    fn a_client_that_opens_a_channel_twice_takes_one_tuner() {
        let slots = Slots::new(1);
        let probe = claim(&slots, None, 1, 1).unwrap();
        let stream = claim(&slots, None, 1, 1).unwrap();
        drop(probe);
        assert_eq!(claim(&slots, None, 2, 1).unwrap_err(), SlotError::AllBusy);
        assert_eq!(claim(&slots, None, 1, 2).unwrap_err(), SlotError::AllBusy);
        drop(stream);
        assert_eq!(slots.uses(), [None]);
    }

    #[test]
    fn a_wanted_tuner_is_that_one_or_none() {
        let slots = Slots::new(2);
        let held = claim(&slots, Some(1), 1, 1).unwrap();
        assert_eq!(held.tuner(), 1);
        assert_eq!(claim(&slots, Some(1), 2, 2).unwrap_err(), SlotError::AllBusy);
        let none = SlotError::NoSuchTuner { wanted: 2, last: 1 };
        assert_eq!(claim(&slots, Some(2), 2, 2).unwrap_err(), none);
        let used =
            SlotUse { channel: ChannelId(1), client: [10, 0, 0, 1].into(), since: UtcMillis(7) };
        assert_eq!(slots.uses(), [None, Some(used)]);
    }

    proptest! {
        #[test]
        fn never_more_than_there_are_and_never_one_for_two(
            count in 1_usize..4,
            steps in prop::collection::vec((any::<bool>(), 0_u8..3, 0_i64..3, 0_usize..8), 0..60),
        ) {
            let slots = Slots::new(count);
            let mut held: Vec<(SlotGuard, u8, i64)> = Vec::new();
            for (take, client, channel, which) in steps {
                if !take && !held.is_empty() {
                    held.remove(which % held.len());
                } else if let Ok(guard) = claim(&slots, None, client, channel) {
                    held.push((guard, client, channel));
                }
                let uses = slots.uses();
                prop_assert_eq!(uses.len(), count);
                for (guard, client, channel) in &held {
                    let used = uses[guard.tuner()].unwrap();
                    prop_assert_eq!(used.client, IpAddr::from([10, 0, 0, *client]));
                    prop_assert_eq!(used.channel, ChannelId(*channel));
                }
                let busy = uses.iter().filter(|used| used.is_some()).count();
                prop_assert_eq!(busy > 0, !held.is_empty());
            }
        }
    }

    fn claim(
        slots: &Slots,
        wanted: Option<usize>,
        client: u8,
        channel: i64,
    ) -> Result<SlotGuard, SlotError> {
        slots.claim(wanted, ChannelId(channel), [10, 0, 0, client].into(), UtcMillis(7))
    }
}
