//! Decides which of a client's own sessions gives way when its next one would be refused. PURE.
//!
//! A client that changes channels often opens the new stream before the old one is closed, and a
//! client that lost its network never closes the old one at all. Neither may be told that there is
//! no room because of itself. But several people behind one address are legal, and a media server
//! is many viewers with one name: of those nobody is cut off for another.

use crate::domain::{ChannelId, ViewerId};

/// A viewer that took nothing for this long is not watching: a live one takes something every
/// 100 ms. In milliseconds.
pub const LEFT_BEHIND_MS: i64 = 2_000;

/// A session of the client that wants another one: same address, same user agent, same way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Own {
    /// Which session.
    pub id: ViewerId,
    /// What it watches.
    pub channel: ChannelId,
    /// Since when.
    pub since_ms: i64,
    /// When it last took something.
    pub seen_ms: i64,
}

/// The session of `own` that was left behind: it took nothing lately; of several the stalest.
pub fn left_behind(own: &[Own], now_ms: i64) -> Option<Own> {
    let stale = own.iter().filter(|session| now_ms - session.seen_ms >= LEFT_BEHIND_MS);
    stale.min_by_key(|session| (session.seen_ms, session.id)).copied()
}

/// The session that gives way to a new one: one left behind, else the only one there is; `None`
/// when the client is several viewers.
///
/// Where what is short is shared by the sessions of a channel, a tuner, `own` holds one a channel.
pub fn gives_way(own: &[Own], now_ms: i64) -> Option<Own> {
    left_behind(own, now_ms).or(match own {
        [only] => Some(*only),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 100_000;

    #[test]
    fn a_client_that_is_one_viewer_gives_way_to_itself() {
        check(&[(1, 7, 10_000, NOW)], Some(1));
        check(&[], None);
    }

    #[test]
    fn several_viewers_behind_one_name_are_left_alone() {
        check(&[(1, 7, 10_000, NOW), (2, 8, 20_000, NOW - 1_999)], None);
        check(&[(1, 7, 10_000, NOW), (2, 7, 20_000, NOW)], None);
    }

    #[test]
    fn what_was_left_behind_goes_first() {
        check(&[(1, 7, 10_000, NOW), (2, 8, 20_000, NOW - 2_000)], Some(2));
        check(&[(1, 7, 1, NOW - 3_000), (2, 8, 2, NOW - 9_000), (3, 9, 3, NOW)], Some(2));
    }

    #[track_caller]
    fn check(own: &[(i64, i64, i64, i64)], expected: Option<i64>) {
        let own: Vec<Own> = own
            .iter()
            .map(|(id, channel, since_ms, seen_ms)| Own {
                id: ViewerId(*id),
                channel: ChannelId(*channel),
                since_ms: *since_ms,
                seen_ms: *seen_ms,
            })
            .collect();
        assert_eq!(gives_way(&own, NOW).map(|session| session.id), expected.map(ViewerId));
    }
}
