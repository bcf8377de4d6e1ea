//! Which of the filters that conforming likes to use this ffmpeg was built with. PURE.
//!
//! Builds differ: zscale needs libzimg, subtitles need libass. What is missing is done without:
//! bwdif gives way to yadif, HDR stays as it is (pale, but there), texts are not burned in.

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abilities {
    /// `bwdif`; otherwise `yadif`.
    pub bwdif: bool,
    /// `zscale` and `tonemap`; otherwise HDR pictures are not mapped.
    pub tone_map: bool,
    /// `subtitles`; otherwise texts are not burned in.
    pub subtitles: bool,
}

impl Abilities {
    /// Everything: what is assumed while nothing is known.
    pub const ALL: Self = Self { bwdif: true, tone_map: true, subtitles: true };

    /// Reads what `ffmpeg -filters` lists.
    pub fn read(listed: &str) -> Self {
        let names: Vec<&str> =
            listed.lines().filter_map(|line| line.split_whitespace().nth(1)).collect();
        let has = |name: &str| names.contains(&name);
        // A list without the commonest filter is none.
        if !has("scale") {
            return Self::ALL;
        }
        Self {
            bwdif: has("bwdif"),
            tone_map: has("zscale") && has("tonemap"),
            subtitles: has("subtitles"),
        }
    }

    /// What is missing and what that costs, for people.
    pub fn lacks(self) -> Vec<&'static str> {
        let all = [
            (self.bwdif, "bwdif: yadif deinterlaces instead"),
            (self.tone_map, "zscale or tonemap: HDR looks pale"),
            (self.subtitles, "subtitles: texts are not burned in"),
        ];
        all.iter().filter(|(has, _)| !has).map(|(_, cost)| *cost).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_read_by_name() {
        let list = " TS. bwdif  V->V  Deinterlace\n ... scale V->V  Scale\n .S. tonemap V->V x\n";
        let few = Abilities { bwdif: true, tone_map: false, subtitles: false };
        assert_eq!(Abilities::read(list), few);
        assert_eq!(few.lacks().len(), 2);
        assert_eq!(Abilities::read("nonsense"), Abilities::ALL);
    }
}
