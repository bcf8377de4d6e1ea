//! Windows: what time slots and templates lay out on a day, and which one is open when.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::zone::Wall;
use crate::domain::{Days, LocalTime, UtcMillis, When};

/// No window is longer than this, in milliseconds.
const LONGEST_MS: i64 = 86_400_000;

/// A window that comes again and again.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) start: LocalTime,
    /// `None` up to the next window.
    pub(super) duration_ms: Option<i64>,
    pub(super) days: Days,
    /// The template it belongs to.
    pub(super) template: usize,
    pub(super) priority: i32,
}

/// Which template makes which days.
#[derive(Debug, Clone)]
pub(super) struct Dated {
    pub(super) when: When,
    pub(super) priority: i32,
}

/// A window on a certain day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// Number of its rule.
    pub(super) rule: usize,
    pub(super) start: UtcMillis,
    pub(super) stop: UtcMillis,
    priority: i32,
}

impl Window {
    /// Whether it is played rather than `other` where both are open.
    fn beats(&self, other: &Self) -> bool {
        (self.priority, self.start, self.rule) > (other.priority, other.start, other.rule)
    }
}

/// All windows of a schedule.
#[derive(Debug)]
pub(super) struct Windows {
    rules: Vec<Rule>,
    templates: Vec<Dated>,
    days: BTreeMap<Date, Vec<(UtcMillis, usize)>>,
}

impl Windows {
    pub(super) fn new(rules: Vec<Rule>, templates: Vec<Dated>) -> Self {
        Self { rules, templates, days: BTreeMap::new() }
    }

    /// The window that is played at `at`, cut where one that beats it begins.
    pub(super) fn at(&mut self, at: UtcMillis, wall: &Wall) -> Option<Window> {
        let near = self.near(at, wall);
        let open = near.iter().filter(|window| window.start <= at && at < window.stop);
        let mut best = *open.reduce(|best, other| if other.beats(best) { other } else { best })?;
        let later = near.iter().filter(|w| w.start > at && w.start < best.stop && w.beats(&best));
        if let Some(stop) = later.map(|window| window.start).min() {
            best.stop = stop;
        }
        Some(best)
    }

    /// The first window that begins after `at`, within a day.
    pub(super) fn after(&mut self, at: UtcMillis, wall: &Wall) -> Option<Window> {
        let start = self.starts(at, wall).into_iter().map(|(start, _)| start).find(|s| *s > at)?;
        (start.since(at) <= LONGEST_MS).then(|| self.at(start, wall)).flatten()
    }

    /// Windows that may be open at `at` or within a day of it.
    fn near(&mut self, at: UtcMillis, wall: &Wall) -> Vec<Window> {
        let starts = self.starts(at, wall);
        let window = |(index, (start, rule)): (usize, &(UtcMillis, usize))| {
            let longest = start.plus_ms(LONGEST_MS);
            let next = || starts[index + 1..].iter().map(|(next, _)| *next).find(|n| n > start);
            let of = &self.rules[*rule];
            let stop = match of.duration_ms {
                Some(ms) => start.plus_ms(ms.clamp(0, LONGEST_MS)),
                None => next().unwrap_or(longest).min(longest),
            };
            Window { rule: *rule, start: *start, stop, priority: of.priority }
        };
        starts.iter().enumerate().map(window).filter(|window| window.start < window.stop).collect()
    }

    /// Starts from the day before `at` to two days after it, in order.
    fn starts(&mut self, at: UtcMillis, wall: &Wall) -> Vec<(UtcMillis, usize)> {
        let mut date = wall.date(at);
        date = date.yesterday().unwrap_or(date);
        let mut starts = Vec::new();
        for _ in 0..4 {
            starts.extend_from_slice(self.day(date, wall));
            let Ok(next) = date.tomorrow() else { break };
            date = next;
        }
        starts.sort_unstable();
        starts
    }

    /// What begins on a date.
    fn day(&mut self, date: Date, wall: &Wall) -> &[(UtcMillis, usize)] {
        if self.days.len() > 40 {
            self.days.clear();
        }
        let (rules, templates) = (&self.rules, &self.templates);
        self.days.entry(date).or_insert_with(|| {
            let holding = templates.iter().enumerate().filter(|(_, dated)| dated.when.holds(date));
            let template = holding.min_by_key(|(index, dated)| (dated.priority, *index));
            let Some((template, _)) = template else { return Vec::new() };
            let today = |rule: &&(usize, &Rule)| {
                rule.1.template == template && rule.1.days.has(date.weekday())
            };
            let numbered: Vec<(usize, &Rule)> = rules.iter().enumerate().collect();
            let starts = numbered.iter().filter(today);
            starts.map(|(index, rule)| (wall.instant(rule.start.on(date)), *index)).collect()
        })
    }
}
