//! Times as people write them into schedules: zones, times of day, weekdays, seasons.
//!
//! They are words only. What instant they mean, on days that skip or repeat an hour too, is said
//! by `schedule::zone`.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Serialize};

use super::InvalidField;

/// An IANA time zone such as `Europe/Berlin`, known to this build.
///
/// The rules come from the database in the binary, so that a plan is the same on every machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone(String);

impl Zone {
    /// The name.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// The rules of the zone.
    pub fn rules(&self) -> TimeZone {
        // reason: the name was found in this very database when the value was made.
        TimeZoneDatabase::bundled().get(&self.0).unwrap_or(TimeZone::UTC)
    }

    /// Whether it is UTC.
    pub fn is_utc(&self) -> bool {
        self.0 == "UTC"
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self("UTC".to_owned())
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Zone {
    type Err = InvalidField;

    fn from_str(text: &str) -> Result<Self, InvalidField> {
        let unknown = || {
            InvalidField::new(
                "zone",
                format!("{text:?} is not a time zone"),
                "write an IANA name such as Europe/Berlin, or UTC",
            )
        };
        let zone = TimeZoneDatabase::bundled().get(text).map_err(|_| unknown())?;
        Ok(Self(zone.iana_name().ok_or_else(unknown)?.to_owned()))
    }
}

impl TryFrom<String> for Zone {
    type Error = InvalidField;

    fn try_from(text: String) -> Result<Self, InvalidField> {
        text.parse()
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.0
    }
}

/// A time of day as a clock on the wall shows it, to the second: `20:15` or `20:15:30`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct LocalTime {
    seconds: u32,
}

impl LocalTime {
    /// From seconds since midnight; `None` from a whole day on.
    pub fn from_seconds(seconds: u32) -> Option<Self> {
        (seconds < 86_400).then_some(Self { seconds })
    }

    /// Seconds since midnight, 0–86,399.
    pub fn seconds(self) -> u32 {
        self.seconds
    }

    /// The time on a date.
    pub fn on(self, date: Date) -> DateTime {
        let part = |value: u32| i8::try_from(value).unwrap_or_default();
        let (minutes, second) = (self.seconds / 60, self.seconds % 60);
        date.at(part(minutes / 60), part(minutes % 60), part(second), 0)
    }
}

impl fmt::Display for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (minutes, second) = (self.seconds / 60, self.seconds % 60);
        write!(f, "{:02}:{:02}:{second:02}", minutes / 60, minutes % 60)
    }
}

impl FromStr for LocalTime {
    type Err = InvalidField;

    fn from_str(text: &str) -> Result<Self, InvalidField> {
        let invalid = || {
            InvalidField::new(
                "start_time",
                format!("{text:?} is not a time of day"),
                "write HH:MM or HH:MM:SS, from 00:00 to 23:59:59",
            )
        };
        let mut parts = [0_u32; 3];
        let words: Vec<&str> = text.split(':').collect();
        if !(2..=3).contains(&words.len()) {
            return Err(invalid());
        }
        for (part, word) in parts.iter_mut().zip(&words) {
            if word.is_empty() || word.len() > 2 || !word.bytes().all(|b| b.is_ascii_digit()) {
                return Err(invalid());
            }
            *part = word.parse().map_err(|_| invalid())?;
        }
        let [hour, minute, second] = parts;
        if hour > 23 || minute > 59 || second > 59 {
            return Err(invalid());
        }
        Ok(Self { seconds: hour * 3600 + minute * 60 + second })
    }
}

impl TryFrom<String> for LocalTime {
    type Error = InvalidField;

    fn try_from(text: String) -> Result<Self, InvalidField> {
        text.parse()
    }
}

impl From<LocalTime> for String {
    fn from(time: LocalTime) -> Self {
        time.to_string()
    }
}

/// Days of the week as a sum: Sunday 1, Monday 2, Tuesday 4 … Saturday 64; all 127.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Days(pub u8);

impl Days {
    /// Every day.
    pub const ALL: Self = Self(127);
    /// Monday to Friday.
    pub const WEEKDAYS: Self = Self(62);
    /// Saturday and Sunday.
    pub const WEEKEND: Self = Self(65);

    /// Whether a day is among them.
    pub fn has(self, day: Weekday) -> bool {
        self.0 & (1 << day.to_sunday_zero_offset()) != 0
    }

    /// Whether it is every day.
    pub fn is_all(&self) -> bool {
        self.0 & 127 == 127
    }
}

impl Default for Days {
    fn default() -> Self {
        Self::ALL
    }
}

/// A part of the day, `from` included and `to` not; it may go over midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Daypart {
    /// Its first second.
    pub from: LocalTime,
    /// Its end; the same as `from` is the whole day.
    pub to: LocalTime,
}

impl Daypart {
    /// Whether a time of day lies in it.
    pub fn has(self, time: LocalTime) -> bool {
        if self.from < self.to {
            return self.from <= time && time < self.to;
        }
        time >= self.from || time < self.to
    }
}

/// A day of any year: `12-24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MonthDay {
    month: u8,
    day: u8,
}

impl fmt::Display for MonthDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}-{:02}", self.month, self.day)
    }
}

impl FromStr for MonthDay {
    type Err = InvalidField;

    fn from_str(text: &str) -> Result<Self, InvalidField> {
        let invalid = || {
            InvalidField::new(
                "season",
                format!("{text:?} is not a day of the year"),
                "write MM-DD such as 12-24; 02-29 counts in leap years only",
            )
        };
        let (month, day) = text.split_once('-').ok_or_else(invalid)?;
        let part = |word: &str| word.parse::<u8>().map_err(|_| invalid());
        let (month, day) = (part(month)?, part(day)?);
        let longest = match month {
            2 => 29,
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return Err(invalid()),
        };
        if !(1..=longest).contains(&day) {
            return Err(invalid());
        }
        Ok(Self { month, day })
    }
}

impl TryFrom<String> for MonthDay {
    type Error = InvalidField;

    fn try_from(text: String) -> Result<Self, InvalidField> {
        text.parse()
    }
}

impl From<MonthDay> for String {
    fn from(day: MonthDay) -> Self {
        day.to_string()
    }
}

/// A part of every year, both ends included; it may go over the year's end (`11-15` to `01-06`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Season {
    /// Its first day.
    pub from: MonthDay,
    /// Its last day.
    pub to: MonthDay,
}

impl Season {
    /// Whether a date lies in it.
    pub fn has(self, date: Date) -> bool {
        let unsigned = |value: i8| u8::try_from(value).unwrap_or_default();
        let day = MonthDay { month: unsigned(date.month()), day: unsigned(date.day()) };
        if self.from <= self.to {
            return self.from <= day && day <= self.to;
        }
        day >= self.from || day <= self.to
    }
}

/// On which days something holds; everything that is said must be true.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct When {
    /// On these days of the week.
    #[serde(skip_serializing_if = "Days::is_all")]
    pub days_of_week: Days,
    /// On these days of the month, 1–31; none said means all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub days_of_month: Vec<u8>,
    /// In these months, 1–12; none said means all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub months: Vec<u8>,
    /// In this part of the year.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub season: Option<Season>,
    /// From this date on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_date: Option<Date>,
    /// Up to this date, which is included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_date: Option<Date>,
}

impl When {
    /// Whether it holds on a date.
    pub fn holds(&self, date: Date) -> bool {
        let listed = |list: &[u8], value: i8| {
            list.is_empty() || list.iter().any(|one| i16::from(*one) == i16::from(value))
        };
        self.days_of_week.has(date.weekday())
            && listed(&self.days_of_month, date.day())
            && listed(&self.months, date.month())
            && self.season.is_none_or(|season| season.has(date))
            && self.first_date.is_none_or(|first| first <= date)
            && self.last_date.is_none_or(|last| date <= last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_day_has_one_meaning() {
        for (text, seconds) in [("00:00", 0), ("20:15", 72_900), ("23:59:59", 86_399)] {
            assert_eq!(text.parse::<LocalTime>().unwrap().seconds(), seconds);
        }
        for text in ["", "24:00", "12", "12:60", "1:2:3:4", "+1:00", "12:00:60", "a:b"] {
            assert!(text.parse::<LocalTime>().is_err(), "{text:?} was taken");
        }
        let time: LocalTime = "07:05".parse().unwrap();
        assert_eq!(time.to_string(), "07:05:00");
    }

    #[test]
    fn a_zone_is_known_or_refused() {
        assert_eq!("Europe/Berlin".parse::<Zone>().unwrap().name(), "Europe/Berlin");
        assert!("Europe/Atlantis".parse::<Zone>().is_err());
        assert!("".parse::<Zone>().is_err());
        assert!(serde_json::from_str::<Zone>("\"UTC\"").unwrap().is_utc());
    }

    #[test]
    fn weekdays_are_a_sum_that_begins_on_sunday() {
        assert!(Days(1).has(Weekday::Sunday) && !Days(1).has(Weekday::Monday));
        assert!(Days::WEEKDAYS.has(Weekday::Friday) && !Days::WEEKDAYS.has(Weekday::Saturday));
        assert!(Days::WEEKEND.has(Weekday::Saturday) && Days::WEEKEND.has(Weekday::Sunday));
    }

    #[test]
    fn a_season_may_go_over_the_end_of_the_year() {
        let season = Season { from: "11-15".parse().unwrap(), to: "01-06".parse().unwrap() };
        let on = |text: &str| season.has(text.parse().unwrap());
        assert!(on("2027-11-15") && on("2027-12-31") && on("2028-01-06"));
        assert!(!on("2027-11-14") && !on("2028-01-07"));
        assert!("02-29".parse::<MonthDay>().is_ok() && "02-30".parse::<MonthDay>().is_err());
    }

    #[test]
    fn a_daypart_may_go_over_midnight() {
        let night = Daypart { from: "22:00".parse().unwrap(), to: "06:00".parse().unwrap() };
        let has = |text: &str| night.has(text.parse().unwrap());
        assert!(has("22:00") && has("23:59:59") && has("00:00") && has("05:59:59"));
        assert!(!has("06:00") && !has("21:59:59"));
    }

    #[test]
    fn everything_that_is_said_must_hold() {
        let when: When = serde_json::from_str(
            r#"{"days_of_week": 65, "months": [2], "first_date": "2028-01-01"}"#,
        )
        .unwrap();
        let on = |text: &str| when.holds(text.parse().unwrap());
        assert!(on("2028-02-05") && on("2028-02-06"));
        assert!(!on("2028-02-07") && !on("2028-03-04") && !on("2027-02-06"));
        assert!(When::default().holds("2028-02-29".parse().unwrap()));
    }
}
