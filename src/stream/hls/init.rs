//! What initialisation segments of fragmented MP4 are called. PURE.

use std::fmt;
use std::hash::Hasher;
use std::str::FromStr;

use super::name::NoSegmentName;
use crate::stream::fnv::Fnv;

/// What an initialisation segment of fragmented MP4 is called: by its bytes.
///
/// Written `init-{print}.mp4`, the print in 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct InitName(pub u64);

impl InitName {
    /// The name of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let mut print = Fnv::default();
        print.write(bytes);
        Self(print.finish())
    }
}

impl fmt::Display for InitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "init-{:016x}.mp4", self.0)
    }
}

impl FromStr for InitName {
    type Err = NoSegmentName;

    fn from_str(text: &str) -> Result<Self, NoSegmentName> {
        let print = text.strip_prefix("init-").and_then(|rest| rest.strip_suffix(".mp4"));
        let print = u64::from_str_radix(print.ok_or(NoSegmentName)?, 16);
        let name = Self(print.map_err(|_| NoSegmentName)?);
        (name.to_string() == text).then_some(name).ok_or(NoSegmentName)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_has_one_name() {
        assert_eq!(InitName(0xab).to_string(), "init-00000000000000ab.mp4");
        assert_eq!("init-00000000000000ab.mp4".parse(), Ok(InitName(0xab)));
        for other in
            ["init-ab.mp4", "init-00000000000000AB.mp4", "init-.mp4", "00000000000000ab.mp4"]
        {
            assert_eq!(other.parse::<InitName>(), Err(NoSegmentName), "{other}");
        }
    }
}
