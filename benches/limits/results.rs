//! What was measured, beside its target: a table for people, a file for the next run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

use super::media;

/// One line of the table.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    /// Shard and name, stable across versions.
    pub key: String,
    pub what: String,
    pub unit: String,
    /// The median, or the only value.
    pub p50: f64,
    pub p99: Option<f64>,
    pub samples: usize,
    pub target_p50: Option<f64>,
    pub target_p99: Option<f64>,
}

impl Row {
    /// A single value.
    pub fn one(key: &str, what: &str, unit: &str, value: f64, target: Option<f64>) -> Self {
        Self {
            key: key.to_owned(),
            what: what.to_owned(),
            unit: unit.to_owned(),
            p50: value,
            p99: None,
            samples: 1,
            target_p50: target,
            target_p99: None,
        }
    }

    /// The median and the 99th percentile of many.
    pub fn many(
        key: &str,
        what: &str,
        unit: &str,
        mut values: Vec<f64>,
        targets: [Option<f64>; 2],
    ) -> Self {
        assert!(!values.is_empty(), "{key}: nothing was measured");
        values.sort_by(f64::total_cmp);
        // The nearest rank, so that the worst of few is their 99th percentile.
        let rank = |part: usize| values[(values.len() * part).div_ceil(100).max(1) - 1];
        Self {
            p99: Some(rank(99)),
            samples: values.len(),
            target_p99: targets[1],
            ..Self::one(key, what, unit, rank(50), targets[0])
        }
    }

    /// Whether every target is met; `None` without one.
    fn verdict(&self) -> Option<bool> {
        let p50 = self.target_p50.map(|target| self.p50 <= target);
        let p99 = self.target_p99.zip(self.p99).map(|(target, value)| value <= target);
        match (p50, p99) {
            (None, None) => None,
            (p50, p99) => Some(p50.unwrap_or(true) && p99.unwrap_or(true)),
        }
    }

    /// Whether it is worse than `base` by more than measuring varies.
    fn is_worse_than(&self, base: &Self) -> bool {
        let floor = match self.unit.as_str() {
            "ms" => 2.0,
            "%" => 0.02,
            "MiB" => 2.0,
            "KiB" => 16.0,
            _ => 0.0,
        };
        self.p50 > base.p50 * 1.15 + floor
    }
}

/// Everything measured on one machine.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Results {
    pub schema: String,
    pub commit: String,
    pub build: String,
    pub machine: String,
    pub rows: Vec<Row>,
}

impl Results {
    /// What an earlier run of this commit and machine left, or nothing.
    pub fn resume(path: &Path) -> Self {
        let fresh = Self {
            schema: "bench.limits/1".to_owned(),
            commit: commit(),
            build: if cfg!(debug_assertions) { "debug" } else { "release" }.to_owned(),
            machine: machine(),
            rows: Vec::new(),
        };
        let same = |old: &Self| {
            (&old.schema, &old.commit, &old.build, &old.machine)
                == (&fresh.schema, &fresh.commit, &fresh.build, &fresh.machine)
        };
        load(path).filter(same).unwrap_or(fresh)
    }

    /// Takes over what a shard measured, and writes it down.
    pub fn take(&mut self, rows: Vec<Row>, path: &Path) {
        self.rows.retain(|old| rows.iter().all(|new| new.key != old.key));
        self.rows.extend(rows);
        let part = path.with_extension("part");
        fs::write(&part, serde_json::to_string_pretty(self).unwrap()).unwrap();
        fs::rename(part, path).unwrap();
    }

    /// Prints the table.
    pub fn print(&self, base: Option<&Self>) {
        println!("\n{} build of {} on {}", self.build, self.commit, self.machine);
        println!("readers and servers share this machine and its loopback\n");
        let mut lines =
            vec![["", "p50", "p99", "target", "n", "base", ""].map(str::to_owned).to_vec()];
        let single = self.rows.iter().filter(|row| level(&row.key).is_none());
        lines.extend(single.map(|row| line(row, base)));
        align(&lines);
        for shard in ["viewers", "channels"] {
            let of_shard = self.rows.iter().filter_map(|row| {
                let (found, count, name) = level(&row.key)?;
                (found == shard).then_some((count, name, row))
            });
            let mut lines: Vec<Vec<String>> = Vec::new();
            for (count, name, row) in of_shard {
                if lines.is_empty() {
                    lines.push(vec![shard.to_owned()]);
                }
                if lines.last().is_none_or(|line| line[0] != count) {
                    lines.push(vec![count.to_owned()]);
                }
                if lines.len() == 2 {
                    let unit =
                        if row.unit.is_empty() { String::new() } else { format!(" {}", row.unit) };
                    lines[0].push(format!("{name}{unit}"));
                }
                let missed = if row.verdict() == Some(false) { "!" } else { "" };
                lines.last_mut().unwrap().push(format!("{}{missed}", number(row.p50)));
            }
            println!();
            align(&lines);
        }
    }
}

/// Shard, count and name in the key of a row that belongs to a level of load.
fn level(key: &str) -> Option<(&str, &str, &str)> {
    let (shard, rest) = key.split_once('.')?;
    let (count, name) = rest.split_once('.')?;
    count.bytes().all(|byte| byte.is_ascii_digit()).then_some((shard, count, name))
}

fn line(row: &Row, base: Option<&Results>) -> Vec<String> {
    let target = [row.target_p50, row.target_p99].into_iter().flatten().map(number);
    let before = base.and_then(|base| base.rows.iter().find(|old| old.key == row.key));
    let mut verdict = match row.verdict() {
        Some(true) => "ok".to_owned(),
        Some(false) => "MISSED".to_owned(),
        None => String::new(),
    };
    if before.is_some_and(|before| row.is_worse_than(before)) {
        verdict.push_str(" WORSE");
    }
    let unit = if row.unit.is_empty() { String::new() } else { format!(" ({})", row.unit) };
    vec![
        format!("{}{unit}", row.what),
        number(row.p50),
        row.p99.map_or(String::new(), number),
        target.collect::<Vec<_>>().join(" / "),
        row.samples.to_string(),
        before.map_or(String::new(), |before| number(before.p50)),
        verdict,
    ]
}

fn number(value: f64) -> String {
    if value.fract() == 0.0 {
        return format!("{value:.0}");
    }
    let digits = if value.abs() < 1.0 { 3 } else { 1 };
    format!("{value:.digits$}")
}

/// Prints lines with their cells below each other.
fn align(lines: &[Vec<String>]) {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let cell = |line: &[String], column: usize| line.get(column).cloned().unwrap_or_default();
    let width =
        |column| lines.iter().map(|line| cell(line, column).chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for line in lines {
        let cells = widths.iter().enumerate().map(|(column, width)| {
            let cell = cell(line, column);
            if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        println!("{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}

/// Where results go: `BENCH_OUT`, or below the target folder.
pub fn place(name: &str) -> PathBuf {
    std::env::var_os("BENCH_OUT").map_or_else(|| media::root().join(name), PathBuf::from)
}

/// Reads what an earlier run left.
pub fn load(path: &Path) -> Option<Results> {
    // reason: there is none before the first run, and one of another version counts as none.
    serde_json::from_str(&fs::read_to_string(path).ok()?).ok()
}

/// The commit that is measured; with a plus when something was changed since.
pub fn commit() -> String {
    let git = |args: &[&str]| {
        #[expect(clippy::disallowed_methods, reason = "it is asked before anything is measured")]
        let output = Command::new("git").args(args).output();
        output.map_or(String::new(), |output| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let hash = git(&["rev-parse", "--short", "HEAD"]);
    let changed = !git(&["status", "--porcelain", "--untracked-files=no"]).is_empty();
    format!("{}{}", hash.trim(), if changed { "+" } else { "" })
}

/// Processor, memory and kernel; not the name of the machine.
pub fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(':').map_or("", |(_, value)| value).trim().to_owned()
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let model = field(&read("/proc/cpuinfo"), "model name");
    let memory = field(&read("/proc/meminfo"), "MemTotal");
    let kernel = read("/proc/sys/kernel/osrelease");
    let gib = memory.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok());
    format!("{cores} × {model}, {} GiB, Linux {}", gib.unwrap_or(0) >> 20, kernel.trim())
}
