//! Who may start: a count of places, and two queues in front of it.
//!
//! A free place goes to the first live request, else to the first background one as long as one
//! place stays free for the next viewer.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::Priority;

/// Requests that may wait in each queue; the next is refused.
const QUEUE: usize = 1_024;

/// The places and the queues.
#[derive(Debug)]
pub(super) struct Gate {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    limit: usize,
    live: usize,
    background: usize,
    live_queue: VecDeque<oneshot::Sender<Slot>>,
    background_queue: VecDeque<oneshot::Sender<Slot>>,
}

/// Counts of a [`Gate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GateLoad {
    pub(super) limit: usize,
    pub(super) live: usize,
    pub(super) background: usize,
    pub(super) waiting: usize,
}

/// A place; given to the next request when dropped.
#[derive(Debug)]
pub(super) struct Slot {
    gate: Arc<Gate>,
    priority: Priority,
}

impl Gate {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        let state = State {
            limit: limit.max(1),
            live: 0,
            background: 0,
            live_queue: VecDeque::new(),
            background_queue: VecDeque::new(),
        };
        Arc::new(Self { state: Mutex::new(state) })
    }

    /// Queues for a place; `None` when the queue is full. Dropping the future leaves the queue.
    pub(super) fn enter(
        self: &Arc<Self>,
        priority: Priority,
    ) -> Option<impl Future<Output = Option<Slot>> + use<>> {
        let (sender, receiver) = oneshot::channel();
        {
            let mut state = self.lock();
            let queue = match priority {
                Priority::Live => &mut state.live_queue,
                Priority::Background => &mut state.background_queue,
            };
            queue.retain(|waiting| !waiting.is_closed());
            if queue.len() >= QUEUE {
                return None;
            }
            queue.push_back(sender);
        }
        self.serve();
        // reason: a gate that is gone lets nobody in.
        Some(async { receiver.await.ok() })
    }

    pub(super) fn load(&self) -> GateLoad {
        let state = self.lock();
        GateLoad {
            limit: state.limit,
            live: state.live,
            background: state.background,
            waiting: state.live_queue.len() + state.background_queue.len(),
        }
    }

    /// Gives out places until none is free or nobody waits.
    fn serve(self: &Arc<Self>) {
        loop {
            let Some((sender, priority)) = self.lock().next() else { return };
            // A requester who went away hands the slot back here, and its drop serves again.
            drop(sender.send(Slot { gate: Arc::clone(self), priority }));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes the next request that may have a place, and counts it.
    fn next(&mut self) -> Option<(oneshot::Sender<Slot>, Priority)> {
        let running = self.live + self.background;
        if running >= self.limit {
            return None;
        }
        if let Some(sender) = self.live_queue.pop_front() {
            self.live += 1;
            return Some((sender, Priority::Live));
        }
        // With a single place there is none to keep free, else work ahead would never run.
        let for_background = self.limit.saturating_sub(1).max(1);
        if running >= for_background {
            return None;
        }
        let sender = self.background_queue.pop_front()?;
        self.background += 1;
        Some((sender, Priority::Background))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        {
            let mut state = self.gate.lock();
            let count = match self.priority {
                Priority::Live => &mut state.live,
                Priority::Background => &mut state.background,
            };
            *count = count.saturating_sub(1);
        }
        self.gate.serve();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_place_stays_free_for_a_viewer() {
        let gate = Gate::new(2);
        let first = gate.enter(Priority::Background).unwrap().now_or_never();
        assert!(first.is_some());
        let mut second = Box::pin(gate.enter(Priority::Background).unwrap());
        assert!(second.as_mut().now_or_never().is_none());
        let live = gate.enter(Priority::Live).unwrap().now_or_never();
        assert!(live.is_some());
        drop(first);
        assert!(second.as_mut().now_or_never().is_none(), "the viewer still has the other place");
        drop(live);
        assert!(second.now_or_never().is_some());
    }

    #[test]
    fn a_viewer_goes_before_earlier_background_requests() {
        let gate = Gate::new(1);
        let running = gate.enter(Priority::Background).unwrap().now_or_never();
        let mut background = Box::pin(gate.enter(Priority::Background).unwrap());
        let mut live = Box::pin(gate.enter(Priority::Live).unwrap());
        assert_eq!(gate.load().waiting, 2);
        drop(running);
        let slot = live.as_mut().now_or_never();
        assert!(slot.is_some());
        assert!(background.as_mut().now_or_never().is_none());
    }

    #[test]
    fn a_request_that_went_away_takes_no_place() {
        let gate = Gate::new(1);
        let running = gate.enter(Priority::Live).unwrap().now_or_never();
        drop(gate.enter(Priority::Live));
        drop(running);
        assert_eq!(gate.load().live, 0);
        assert!(gate.enter(Priority::Live).unwrap().now_or_never().is_some());
    }

    /// What happens at a gate.
    #[derive(Debug, Clone)]
    enum Event {
        Ask(Priority),
        /// Who waits goes away.
        GiveUp(usize),
        /// Who has a place leaves it.
        Leave(usize),
    }

    /// Somebody who asked: its number, what it is, and what it waits for or has.
    struct Guest<F> {
        nth: usize,
        priority: Priority,
        waiting: Option<F>,
        slot: Option<Slot>,
    }

    proptest! {
        #[test]
        fn places_are_kept_whatever_happens(
            limit in 1_usize..6,
            events in proptest::collection::vec(
                prop_oneof![
                    2 => Just(Event::Ask(Priority::Live)),
                    3 => Just(Event::Ask(Priority::Background)),
                    1 => (0_usize..20).prop_map(Event::GiveUp),
                    4 => (0_usize..20).prop_map(Event::Leave),
                ],
                1..80,
            ),
        ) {
            let gate = Gate::new(limit);
            let mut guests = Vec::new();
            let mut last_in = [None; 2];
            for (nth, event) in events.into_iter().enumerate() {
                let before = gate.load();
                match event {
                    Event::Ask(priority) => {
                        let waiting = gate.enter(priority).map(Box::pin);
                        guests.push(Guest { nth, priority, waiting, slot: None });
                    }
                    Event::GiveUp(which) => {
                        let mut waiting: Vec<_> =
                            guests.iter_mut().filter(|guest| guest.waiting.is_some()).collect();
                        let count = waiting.len().max(1);
                        if let Some(guest) = waiting.get_mut(which % count) {
                            guest.waiting = None;
                        }
                    }
                    Event::Leave(which) => {
                        let inside: Vec<usize> = (0..guests.len())
                            .filter(|at| guests[*at].slot.is_some())
                            .collect();
                        if let Some(at) = inside.get(which % inside.len().max(1)) {
                            guests.remove(*at);
                        }
                    }
                }
                let mut background_in = false;
                for guest in &mut guests {
                    let Some(waiting) = &mut guest.waiting else { continue };
                    let Some(slot) = waiting.as_mut().now_or_never() else { continue };
                    prop_assert!(slot.is_some());
                    guest.slot = slot;
                    guest.waiting = None;
                    background_in |= guest.priority == Priority::Background;
                    // First come, first served, in each queue.
                    let queue = usize::from(guest.priority == Priority::Background);
                    prop_assert!(last_in[queue] < Some(guest.nth));
                    last_in[queue] = Some(guest.nth);
                }
                let count = |priority, inside: bool| {
                    let same = guests.iter().filter(|guest| guest.priority == priority);
                    same.filter(|guest| if inside { guest.slot.is_some() } else { guest.waiting.is_some() }).count()
                };
                let load = gate.load();
                prop_assert_eq!(load.live, count(Priority::Live, true));
                prop_assert_eq!(load.background, count(Priority::Background, true));
                let running = load.live + load.background;
                prop_assert!(running <= limit, "never above the limit");
                let for_background = (limit - 1).max(1);
                prop_assert!(load.background <= for_background, "a place is free for a viewer");
                if background_in {
                    prop_assert!(running <= for_background, "{before:?} {load:?}");
                    prop_assert_eq!(count(Priority::Live, false), 0, "viewers go first");
                }
                prop_assert!(running == limit || count(Priority::Live, false) == 0, "no idle place");
                let idle = running < for_background && count(Priority::Live, false) == 0;
                prop_assert!(!idle || count(Priority::Background, false) == 0, "no idle place");
            }
            drop(guests);
            let load = gate.load();
            prop_assert_eq!((load.live, load.background), (0, 0));
        }
    }
}
