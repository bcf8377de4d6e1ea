//! When a time on the wall's clock is.
//!
//! The policy for the two odd days of a year: a local time that is skipped means the first instant
//! after the gap, and one that comes twice means the first of the two. So a daily start happens
//! exactly once a day, every day. It is said in the log and in the plan by nobody but this module.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use crate::domain::{Days, LocalTime, UtcMillis, Zone};

/// The clock on the wall of a channel.
#[derive(Debug, Clone)]
pub(super) struct Wall {
    rules: TimeZone,
}

impl Wall {
    pub(super) fn new(zone: &Zone) -> Self {
        Self { rules: zone.rules() }
    }

    /// The instant of a local time, by the policy of this module.
    pub(super) fn instant(&self, local: DateTime) -> UtcMillis {
        let earlier = match self.rules.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(local),
            AmbiguousOffset::Fold { before, .. } => before.to_timestamp(local),
            AmbiguousOffset::Gap { before, .. } => {
                // By the old offset the time lies at or after the jump.
                let after = before.to_timestamp(local).unwrap_or(Timestamp::MAX);
                let just_after = after.saturating_add(SignedDuration::from_nanos(1));
                let jump = self.rules.preceding(just_after.unwrap_or(Timestamp::MAX)).next();
                Ok(jump.map_or(after, |jump| jump.timestamp()))
            }
        };
        // reason: only the ends of the calendar have no instant, and nothing is planned there.
        UtcMillis(earlier.unwrap_or(Timestamp::MAX).as_millisecond())
    }

    /// What the clock shows at an instant.
    pub(super) fn shows(&self, at: UtcMillis) -> DateTime {
        self.rules.to_datetime(stamp(at))
    }

    /// The date at an instant.
    pub(super) fn date(&self, at: UtcMillis) -> Date {
        self.shows(at).date()
    }

    /// The time of day at an instant, without the fraction of its second.
    pub(super) fn time(&self, at: UtcMillis) -> LocalTime {
        let seconds = seconds_of_day(self.shows(at).time());
        LocalTime::from_seconds(seconds).unwrap_or_default()
    }

    /// The first time at or after `from` that the clock shows `time` on one of `days`.
    ///
    /// `None` without days, and at the end of the calendar.
    pub(super) fn next(&self, time: LocalTime, days: Days, from: UtcMillis) -> Option<UtcMillis> {
        let mut date = self.date(from);
        // A week, and the days on both ends that an offset may take away.
        for _ in 0..9 {
            if days.has(date.weekday()) {
                let at = self.instant(time.on(date));
                if at >= from {
                    return Some(at);
                }
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    /// The last time at or before `from` that the clock showed `time` on one of `days`.
    pub(super) fn last(&self, time: LocalTime, days: Days, from: UtcMillis) -> Option<UtcMillis> {
        let mut date = self.date(from);
        for _ in 0..9 {
            if days.has(date.weekday()) {
                let at = self.instant(time.on(date));
                if at <= from {
                    return Some(at);
                }
            }
            date = date.yesterday().ok()?;
        }
        None
    }

    /// The first instant at or after `at` at which the clock shows a multiple of `minutes` since
    /// midnight; `at` itself for 0 minutes.
    pub(super) fn boundary(&self, minutes: u32, at: UtcMillis) -> UtcMillis {
        let step = i64::from(minutes.min(1440)) * 60_000;
        if step == 0 {
            return at;
        }
        let mut at = at;
        // The second look is for a clock that is set by less than the step in between.
        for _ in 0..2 {
            let local = at.0.saturating_add(self.offset_ms(at));
            let of_day = local.rem_euclid(86_400_000);
            let next = ((of_day + step - 1) / step * step).min(86_400_000);
            if next == of_day {
                break;
            }
            at = UtcMillis(at.0.saturating_add(next - of_day));
        }
        at
    }

    fn offset_ms(&self, at: UtcMillis) -> i64 {
        i64::from(self.rules.to_offset(stamp(at)).seconds()) * 1000
    }
}

/// The instant in the calendar, or the end of the calendar nearest to it.
fn stamp(at: UtcMillis) -> Timestamp {
    let nearest = if at.0 < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_millisecond(at.0).unwrap_or(nearest)
}

fn seconds_of_day(time: Time) -> u32 {
    let part = |value: i8| u32::try_from(value).unwrap_or_default();
    part(time.hour()) * 3600 + part(time.minute()) * 60 + part(time.second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skipped_time_means_the_first_instant_after_the_gap() {
        check("Europe/Berlin", "2027-03-28T02:30", "2027-03-28T01:00:00Z");
        check("Europe/Berlin", "2027-03-28T02:00", "2027-03-28T01:00:00Z");
        check("America/New_York", "2027-03-14T02:30", "2027-03-14T07:00:00Z");
        // Half an hour is skipped here, at 15:30 UTC.
        check("Australia/Lord_Howe", "2027-10-03T02:15", "2027-10-02T15:30:00Z");
        // And here midnight is.
        check("Africa/Cairo", "2027-04-30T00:30", "2027-04-29T22:00:00Z");
        // And here a whole day was.
        check("Pacific/Apia", "2011-12-30T12:00", "2011-12-30T10:00:00Z");
    }

    #[test]
    fn a_repeated_time_means_the_first_of_the_two() {
        check("Europe/Berlin", "2027-10-31T02:30", "2027-10-31T00:30:00Z");
        check("America/New_York", "2027-11-07T01:30", "2027-11-07T05:30:00Z");
        check("Australia/Lord_Howe", "2027-04-04T01:45", "2027-04-03T14:45:00Z");
    }

    #[test]
    fn a_daily_start_happens_once_a_day() {
        for zone in ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"] {
            let wall = Wall::new(&zone.parse().unwrap());
            for time in ["00:00", "01:45", "02:00", "02:30", "03:00", "23:59:59"] {
                let time: LocalTime = time.parse().unwrap();
                let mut at = utc("2027-01-01T00:00:00Z");
                let end = utc("2029-01-01T00:00:00Z");
                let mut dates = Vec::new();
                while at < end {
                    let next = wall.next(time, Days::ALL, at).unwrap();
                    assert_eq!(wall.last(time, Days::ALL, next), Some(next));
                    dates.push(wall.date(next));
                    at = next.plus_ms(1);
                }
                let follow = |pair: &[Date]| pair[0].tomorrow().unwrap() == pair[1];
                assert!(dates.windows(2).all(follow), "{zone} {time}");
                assert!(dates.len() >= 730, "{zone} {time}");
            }
        }
    }

    #[test]
    fn a_quarter_of_an_hour_is_one_of_the_wall() {
        let kathmandu = Wall::new(&"Asia/Kathmandu".parse().unwrap());
        let at = utc("2027-01-01T00:00:00Z");
        assert_eq!(kathmandu.boundary(60, at), utc("2027-01-01T00:15:00Z"));
        assert_eq!(kathmandu.boundary(15, at), at);
        assert_eq!(kathmandu.boundary(15, at.plus_ms(1)), utc("2027-01-01T00:15:00Z"));
        assert_eq!(kathmandu.boundary(0, at.plus_ms(1)), at.plus_ms(1));
        let howe = Wall::new(&"Australia/Lord_Howe".parse().unwrap());
        // 01:40 local time; at 02:00 the clock is put on by half an hour.
        let before_the_jump = utc("2027-10-02T15:10:00Z");
        assert_eq!(howe.boundary(60, before_the_jump), utc("2027-10-02T16:00:00Z"));
    }

    #[test]
    fn only_on_its_days() {
        let wall = Wall::new(&"Europe/Berlin".parse().unwrap());
        let from = utc("2028-02-28T20:00:00Z");
        let at = "20:15".parse().unwrap();
        assert_eq!(wall.next(at, Days(4), from), Some(utc("2028-02-29T19:15:00Z")));
        assert_eq!(wall.next(at, Days(2), from), Some(utc("2028-03-06T19:15:00Z")));
        assert_eq!(wall.next(at, Days(0), from), None);
    }

    #[track_caller]
    fn check(zone: &str, local: &str, expected: &str) {
        let wall = Wall::new(&zone.parse().unwrap());
        assert_eq!(wall.instant(local.parse().unwrap()), utc(expected));
    }

    fn utc(text: &str) -> UtcMillis {
        UtcMillis(text.parse::<Timestamp>().unwrap().as_millisecond())
    }
}
