//! Channels that show another channel's programme, at the same time or later or earlier.
//!
//! Nothing is planned or stored for them: their timeline is the other one's, moved.

use std::sync::Arc;

use crate::domain::{Channel, ChannelId, Slot, Timeline, UtcMillis};

use super::effective::{Held, RulesFrom};
use super::on_demand::later;
use super::programming::{Board, Planned, PlannedFrom};

/// The channel as a mirror of `source`, as that is on the board.
///
/// A source that is gone, off, or a mirror itself leaves the channel off the air, with a note.
pub(super) fn of(
    channel: Channel,
    source: ChannelId,
    board: &Board,
    held: Held,
    now: UtcMillis,
) -> Planned {
    let mut notes = held.notes;
    let planned = board.channels.get(&source);
    let planned = planned.filter(|planned| !matches!(planned.origin.from, RulesFrom::Mirror(_)));
    let by_ms = held.form.offset_seconds * 1000;
    let slots = match planned {
        Some(planned) => planned.timeline.slots().iter().map(|slot| later(slot, by_ms)).collect(),
        None => {
            notes.push(format!("channel {source} is not on air, or shows another one itself"));
            let title = crate::schedule::NO_PROGRAMMING.to_owned();
            vec![Slot::new(now.plus_ms(-60_000), now.plus_ms(86_400_000), None, title)]
        }
    };
    let timeline = Timeline::new(slots).unwrap_or_default();
    let media = planned.map_or_else(Default::default, |planned| Arc::clone(&planned.media));
    let origin = PlannedFrom {
        from: RulesFrom::Mirror(source),
        notes,
        faults: held.faults,
        form: held.form,
        playable: planned.map_or(0, |planned| planned.origin.playable),
        names_any: true,
    };
    let own = timeline.clone();
    Planned { channel: Arc::new(channel), timeline, own, media, origin: Arc::new(origin) }
}
