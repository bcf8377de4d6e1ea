//! Decides what a channel's task does next. PURE: the task in [`super::channel`] does it.
//!
//! A running channel is kept filled to a *lead* beyond now, so that a joiner gets that much at
//! once. While the media on air is not in the store, only as much slate is sent as keeps a viewer
//! from starving: every second of slate sent ahead is a second the media comes later.

/// Slate is sent when less than this is ready, in milliseconds.
pub const SLATE_BELOW_MS: i64 = 1_000;
/// A hole whose end is known and near is filled with slate when less than this is ready.
pub const FILL_BELOW_MS: i64 = 3_000;
/// The longest hole that is filled early.
pub const FILL_HOLE_MS: i64 = 2_000;
/// Units are composed this much before they may be sent.
pub const AHEAD_MS: i64 = 500;
/// A channel this late gives up what it missed and begins again at now.
pub const LATE_MS: i64 = 2_000;
/// A viewer that falls off the ring again within this time is dropped.
pub const SKIP_AGAIN_MS: i64 = 30_000;
/// The longest time between two looks at the situation.
pub const LOOK_MS: i64 = 500;

/// What the task knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Situation {
    /// Now.
    pub now_ms: i64,
    /// Whether the server stops or the channel is withdrawn.
    pub stopping: bool,
    /// When the last viewer left; `None` while somebody watches.
    pub left_at_ms: Option<i64>,
    /// When what was composed so far ends.
    pub edge_ms: i64,
    /// What comes at the edge; `None` when there was no need to look.
    pub next: Option<Upcoming>,
    /// When the next block may be sent, if one is ready.
    pub release_ms: Option<i64>,
}

/// What comes at the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upcoming {
    /// A unit of media, or of the slate where nothing is planned.
    Ready,
    /// Media that is not in the store; it goes on at this time, if that is known.
    Missing {
        /// End of the hole.
        goes_on_ms: Option<i64>,
    },
}

/// How a channel is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keeping {
    /// How far it is filled beyond now.
    pub lead_ms: i64,
    /// How long it runs on without viewers.
    pub linger_ms: i64,
}

/// What the task does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Give up what was missed and begin at now.
    Begin,
    /// Compose the next unit.
    Emit,
    /// Compose a unit of the slate.
    Slate,
    /// Look again after this long, or when something happens.
    Wait {
        /// Milliseconds, at least 1.
        ms: i64,
    },
    /// End.
    End,
}

/// Whether it is time to look at what comes at the edge.
pub fn needs_unit(now_ms: i64, edge_ms: i64, keeping: Keeping) -> bool {
    edge_ms - now_ms < keeping.lead_ms + AHEAD_MS
}

/// Decides the next step.
pub fn step(situation: &Situation, keeping: Keeping) -> Step {
    let Situation { now_ms, stopping, left_at_ms, edge_ms, next, release_ms } = *situation;
    let lingered = left_at_ms.is_some_and(|left_at| now_ms - left_at >= keeping.linger_ms);
    if stopping || lingered {
        return Step::End;
    }
    let headroom = edge_ms - now_ms;
    if headroom < -LATE_MS {
        return Step::Begin;
    }
    let wait = |until_ms: i64| {
        let until_ms = until_ms.min(release_ms.unwrap_or(i64::MAX));
        Step::Wait { ms: (until_ms - now_ms).clamp(1, LOOK_MS) }
    };
    match next {
        None => wait(edge_ms - keeping.lead_ms - AHEAD_MS),
        Some(Upcoming::Ready) => Step::Emit,
        Some(Upcoming::Missing { goes_on_ms }) => {
            let short = goes_on_ms.is_some_and(|at| at - edge_ms <= FILL_HOLE_MS);
            let enough = if short { FILL_BELOW_MS } else { SLATE_BELOW_MS };
            if headroom < enough { Step::Slate } else { wait(edge_ms - enough) }
        }
    }
}

/// What becomes of a viewer whose place is not in the ring any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallen {
    /// It goes on at now.
    Skip,
    /// It is too slow for good.
    Drop,
}

/// Decides about a viewer that fell off the ring, having been skipped at `last_skip_ms`.
pub fn fallen(last_skip_ms: Option<i64>, now_ms: i64) -> Fallen {
    match last_skip_ms {
        Some(last) if now_ms - last < SKIP_AGAIN_MS => Fallen::Drop,
        _ => Fallen::Skip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEPING: Keeping = Keeping { lead_ms: 7_000, linger_ms: 30_000 };
    const NOW: i64 = 1_000_000;

    #[test]
    fn prepared_media_is_composed_up_to_the_lead() {
        assert!(needs_unit(NOW, NOW + 7_499, KEEPING));
        assert!(!needs_unit(NOW, NOW + 7_500, KEEPING));
        check(Situation { next: Some(Upcoming::Ready), ..calm() }, Step::Emit);
        check(Situation { edge_ms: NOW + 8_000, ..calm() }, Step::Wait { ms: 500 });
    }

    #[test]
    fn a_block_that_may_go_soon_is_waited_for() {
        let soon = Situation { edge_ms: NOW + 9_000, release_ms: Some(NOW + 40), ..calm() };
        check(soon, Step::Wait { ms: 40 });
    }

    #[test]
    fn missing_media_is_waited_for_as_long_as_viewers_have_a_second() {
        let missing = |edge_ms, goes_on_ms| Situation {
            edge_ms,
            next: Some(Upcoming::Missing { goes_on_ms }),
            ..calm()
        };
        check(missing(NOW + 1_200, None), Step::Wait { ms: 200 });
        check(missing(NOW + 999, None), Step::Slate);
        check(missing(NOW + 2_500, Some(NOW + 4_000)), Step::Slate);
        check(missing(NOW + 2_500, Some(NOW + 5_000)), Step::Wait { ms: 500 });
    }

    #[test]
    fn a_late_channel_begins_at_now() {
        let ready = Some(Upcoming::Ready);
        check(Situation { edge_ms: NOW - 2_001, next: ready, ..calm() }, Step::Begin);
        check(Situation { edge_ms: NOW - 2_000, next: ready, ..calm() }, Step::Emit);
    }

    #[test]
    fn a_channel_lingers_and_ends() {
        let left = |at| Situation { left_at_ms: Some(at), next: Some(Upcoming::Ready), ..calm() };
        check(left(NOW - 29_999), Step::Emit);
        check(left(NOW - 30_000), Step::End);
        check(Situation { stopping: true, ..calm() }, Step::End);
    }

    #[test]
    fn a_viewer_is_skipped_once_in_a_while() {
        assert_eq!(fallen(None, NOW), Fallen::Skip);
        assert_eq!(fallen(Some(NOW - 29_999), NOW), Fallen::Drop);
        assert_eq!(fallen(Some(NOW - 30_000), NOW), Fallen::Skip);
    }

    fn calm() -> Situation {
        Situation {
            now_ms: NOW,
            stopping: false,
            left_at_ms: None,
            edge_ms: NOW + 2_000,
            next: None,
            release_ms: None,
        }
    }

    #[track_caller]
    fn check(situation: Situation, expected: Step) {
        assert_eq!(step(&situation, KEEPING), expected);
    }
}
