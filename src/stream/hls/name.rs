//! What segments are called: after all that their bytes depend on. PURE.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

use crate::domain::Profile;
use crate::stream::compose::UnitPlan;
use crate::stream::fnv::Fnv;

/// Changes when the same units are muxed to other bytes than before.
const MUX: u32 = 1;

/// What carries pictures and sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Container {
    /// MPEG transport streams.
    Ts,
    /// Fragmented MP4.
    Fmp4,
}

impl Container {
    /// The one that HLS has of `profile`.
    pub fn of(profile: &Profile) -> Self {
        if profile.is_fragmented() { Self::Fmp4 } else { Self::Ts }
    }

    /// How names of its segments end.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Ts => "ts",
            Self::Fmp4 => "m4s",
        }
    }

    /// The one whose names end like this.
    pub fn named(extension: &str) -> Option<Self> {
        [Self::Ts, Self::Fmp4].into_iter().find(|container| container.extension() == extension)
    }
}

/// What a segment, or a part of one, is called: its number, a print of what its bytes depend on, and
/// what carries it.
///
/// Written `{number}-{print}.ts`, or `{number}.{part}-{print}.m4s`, the print in 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SegmentName {
    /// Its number.
    pub n: i64,
    /// Which part of it, from 0; `None` for all of it.
    pub part: Option<u32>,
    /// The print of its units.
    pub print: u64,
    /// What carries it.
    pub container: Container,
}

impl SegmentName {
    /// The name of segment `n` when it holds `units`.
    pub fn of(n: i64, profile: &Profile, units: &[Arc<UnitPlan>]) -> Self {
        let print = print(profile, units, None);
        Self { n, part: None, print, container: Container::of(profile) }
    }
}

/// A print of everything that the bytes of `units`, or of these `frames` of them, depend on.
pub(super) fn print(
    profile: &Profile,
    units: &[Arc<UnitPlan>],
    frames: Option<&Range<i64>>,
) -> u64 {
    let mut print = Fnv::default();
    MUX.hash(&mut print);
    profile.grid().hash(&mut print);
    frames.hash(&mut print);
    units.hash(&mut print);
    print.finish()
}

impl fmt::Display for SegmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { n, part, print, container } = self;
        let extension = container.extension();
        match part {
            Some(part) => write!(f, "{n}.{part}-{print:016x}.{extension}"),
            None => write!(f, "{n}-{print:016x}.{extension}"),
        }
    }
}

/// A text that is no name of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a segment is called {{number}}-{{16 hexadecimal digits}}.ts, a part {{number}}.{{part}}-…"
)]
pub struct NoSegmentName;

impl FromStr for SegmentName {
    type Err = NoSegmentName;

    fn from_str(text: &str) -> Result<Self, NoSegmentName> {
        let (stem, extension) = text.rsplit_once('.').ok_or(NoSegmentName)?;
        let container = Container::named(extension).ok_or(NoSegmentName)?;
        let (n, print) = stem.rsplit_once('-').ok_or(NoSegmentName)?;
        let (n, part) = n.split_once('.').map_or((n, None), |(n, part)| (n, Some(part)));
        let n = n.parse().map_err(|_| NoSegmentName)?;
        let part = part.map(str::parse).transpose().map_err(|_| NoSegmentName)?;
        let print = u64::from_str_radix(print, 16).map_err(|_| NoSegmentName)?;
        let name = Self { n, part, print, container };
        // One spelling a name: `+7`, `07` and capitals would be other addresses of the same bytes.
        (name.to_string() == text).then_some(name).ok_or(NoSegmentName)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_spelling() {
        let container = Container::Ts;
        let name = SegmentName { n: 425_000_000, part: None, print: 0xab, container };
        assert_eq!(name.to_string(), "425000000-00000000000000ab.ts");
        assert_eq!(name.to_string().parse(), Ok(name));
        let part = SegmentName { part: Some(3), container: Container::Fmp4, ..name };
        assert_eq!(part.to_string(), "425000000.3-00000000000000ab.m4s");
        assert_eq!(part.to_string().parse(), Ok(part));
        for other in [
            "425000000.ts",
            "425000000-ab.ts",
            "+425000000-00000000000000ab.ts",
            "425000000-00000000000000ab",
            "425000000-00000000000000ab.mp4",
            "425000000-00000000000000AB.ts",
            "-",
            "",
        ] {
            assert_eq!(other.parse::<SegmentName>(), Err(NoSegmentName), "{other}");
        }
    }
}
