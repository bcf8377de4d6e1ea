//! What the demo library holds. PURE.
//!
//! Twelve items are made as most people's files would ideally be, so that they go on air by
//! copying; four need work, each for another reason. The order is the order of making: one of each
//! kind comes first and is short, so that every channel has something within seconds.

use super::picture::Scene;
use super::sound::Tune;

/// One item to be made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item {
    /// Number on the strip, unique.
    pub(super) id: u8,
    /// What it is called.
    pub(super) title: &'static str,
    /// What it belongs to.
    pub(super) work: Work,
    /// Playing time in seconds.
    pub(super) seconds: u32,
    /// What is seen.
    pub(super) scene: Scene,
    /// What is heard; `None` for silence.
    pub(super) tune: Option<Tune>,
    /// How it is stored.
    pub(super) master: Master,
    /// One sentence for the guide.
    pub(super) plot: &'static str,
}

/// What an item belongs to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Work {
    Film { year: u32, genre: &'static str },
    Episode { season: u32, episode: u32 },
    MusicVideo { artist: &'static str },
    Short { year: u32 },
}

/// How an item is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Master {
    /// H.264 720p25 with closed GOPs and AAC: goes on air as it is.
    Ready,
    /// HEVC in 1080p24: another codec, size and rate.
    Hevc,
    /// MPEG-2 in 576i, 4:3 with oblong pixels and MP2 sound.
    Interlaced,
    /// H.264 at 50 frames a second with AC-3 sound.
    Fast,
    /// H.264 540p29.97 with open GOPs and no sound at all.
    Silent,
}

/// The show that the episodes belong to.
pub(super) const SHOW: &str = "Harbour Lights";
/// What the show is about.
pub(super) const SHOW_PLOT: &str =
    "Keepers, pilots and the last ferry: one lighthouse through two winters.";

impl Item {
    /// Path of the file inside the library, named as media libraries name files.
    pub(super) fn path(&self) -> String {
        let title = self.title;
        let extension = self.master.extension();
        match self.work {
            Work::Film { year, .. } => {
                format!("Movies/{title} ({year})/{title} ({year}).{extension}")
            }
            Work::Episode { season, episode } => format!(
                "Shows/{SHOW}/Season {season:02}/{SHOW} - S{season:02}E{episode:02} - {title}.{extension}"
            ),
            Work::MusicVideo { artist } => {
                format!("Music Videos/{artist}/{artist} - {title}.{extension}")
            }
            Work::Short { year } => format!("Shorts/{title} ({year}).{extension}"),
        }
    }

    /// The line below the title.
    pub(super) fn line(&self) -> String {
        match self.work {
            Work::Film { year, genre } => format!("{genre} · {year}"),
            Work::Episode { season, episode } => {
                format!("{SHOW} · Season {season}, Episode {episode}")
            }
            Work::MusicVideo { artist } => artist.to_owned(),
            Work::Short { year } => format!("Short · {year}"),
        }
    }

    /// The NFO that lies beside the file.
    pub(super) fn nfo(&self) -> String {
        let Self { title, plot, .. } = self;
        let (tag, rest) = match self.work {
            Work::Film { year, genre } => {
                ("movie", format!("<year>{year}</year><genre>{genre}</genre><mpaa>G</mpaa>"))
            }
            Work::Episode { season, episode } => (
                "episodedetails",
                format!(
                    "<showtitle>{SHOW}</showtitle><season>{season}</season>\
                     <episode>{episode}</episode><aired>20{:02}-11-{episode:02}</aired>",
                    22 + season
                ),
            ),
            Work::MusicVideo { artist } => {
                ("musicvideo", format!("<artist>{artist}</artist><genre>Electronic</genre>"))
            }
            Work::Short { year } => {
                ("movie", format!("<year>{year}</year><genre>Short</genre><mpaa>G</mpaa>"))
            }
        };
        format!("<{tag}><title>{title}</title>{rest}<plot>{plot}</plot></{tag}>\n")
    }
}

impl Master {
    fn extension(self) -> &'static str {
        match self {
            Self::Ready | Self::Silent => "mp4",
            Self::Hevc | Self::Fast => "mkv",
            Self::Interlaced => "mpg",
        }
    }
}

/// Everything, in the order of making.
#[rustfmt::skip]
pub(super) const ITEMS: [Item; 16] = {
    use Master::{Fast, Hevc, Interlaced, Ready, Silent};
    use Scene::{Carpet, Dawn, Hills, Life, Pearls, Plasma, Rings, Rule, Spiral};
    const fn film(year: u32, genre: &'static str) -> Work { Work::Film { year, genre } }
    const fn episode(season: u32, episode: u32) -> Work { Work::Episode { season, episode } }
    const fn music(artist: &'static str) -> Work { Work::MusicVideo { artist } }
    const fn short(year: u32) -> Work { Work::Short { year } }
    const fn tune(root_hz: u32, minor: bool, beats_per_minute: u32) -> Option<Tune> { Some(Tune { root_hz, minor, beats_per_minute }) }
    [
        Item { id: 1, title: "Slow Light", work: film(2024, "Drama"), seconds: 19, scene: Plasma, tune: tune(196, false, 80), master: Ready, plot: "A day passes over a city that has forgotten to hurry." },
        Item { id: 2, title: "First Boat", work: episode(1, 1), seconds: 18, scene: Hills { cb: 150, cr: 110 }, tune: tune(220, false, 96), master: Ready, plot: "The new keeper arrives with the morning boat." },
        Item { id: 3, title: "Field of Static", work: music("Aurora Set"), seconds: 21, scene: Life, tune: tune(165, true, 120), master: Ready, plot: "Recorded in one take." },
        Item { id: 4, title: "Rule 110", work: short(2022), seconds: 18, scene: Rule, tune: tune(247, true, 140), master: Ready, plot: "One rule, one line, and everything that follows." },
        Item { id: 5, title: "Fog Signal", work: episode(1, 2), seconds: 24, scene: Hills { cb: 134, cr: 124 }, tune: tune(175, true, 84), master: Ready, plot: "A ship answers that is not on any list." },
        Item { id: 6, title: "Glass Steps", work: music("Kilo Harbour"), seconds: 20, scene: Pearls, tune: tune(262, false, 128), master: Fast, plot: "Fifty pictures a second, for the dancers." },
        Item { id: 7, title: "The Glass Tide", work: film(2021, "Mystery"), seconds: 34, scene: Rings { cb: 150, cr: 112 }, tune: tune(147, true, 72), master: Ready, plot: "A diver finds a room that fills once a year." },
        Item { id: 8, title: "High Water", work: episode(1, 3), seconds: 27, scene: Hills { cb: 140, cr: 140 }, tune: tune(196, false, 104), master: Ready, plot: "The storm takes the jetty and leaves a letter." },
        Item { id: 9, title: "Northern Machines", work: film(1987, "Documentary"), seconds: 22, scene: Carpet, tune: tune(131, true, 100), master: Interlaced, plot: "Filmed on tape in the last working mill of the north." },
        Item { id: 10, title: "Copper Wire", work: music("Aurora Set"), seconds: 28, scene: Rings { cb: 100, cr: 150 }, tune: tune(220, true, 132), master: Ready, plot: "The single of the year, on one string." },
        Item { id: 11, title: "New Lamps", work: episode(2, 1), seconds: 22, scene: Dawn, tune: tune(233, false, 92), master: Ready, plot: "Winter again, and the lamp is to be replaced." },
        Item { id: 12, title: "A Walk in Colour", work: short(2020), seconds: 21, scene: Spiral, tune: None, master: Silent, plot: "Without a word and without a sound." },
        Item { id: 13, title: "Long Shadows", work: episode(2, 2), seconds: 31, scene: Hills { cb: 112, cr: 148 }, tune: tune(165, true, 88), master: Ready, plot: "Someone has been keeping the log for years." },
        Item { id: 14, title: "Night Ferry", work: film(2019, "Thriller"), seconds: 18, scene: Spiral, tune: tune(110, true, 108), master: Hevc, plot: "Seven passengers board; eight are counted." },
        Item { id: 15, title: "Paper Planets", work: film(2023, "Family"), seconds: 45, scene: Pearls, tune: tune(262, false, 112), master: Ready, plot: "Two children fold a solar system, and it starts to turn." },
        Item { id: 16, title: "Last Train Home", work: episode(2, 3), seconds: 29, scene: Dawn, tune: tune(208, false, 76), master: Ready, plot: "The keeper leaves; the light stays on." },
    ]
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn most_items_are_ready_and_four_need_work() {
        let ready = ITEMS.iter().filter(|item| item.master == Master::Ready).count();
        assert_eq!((ITEMS.len(), ready), (16, 12));
    }

    #[test]
    fn numbers_and_paths_are_unique() {
        let ids: BTreeSet<u8> = ITEMS.iter().map(|item| item.id).collect();
        let paths: BTreeSet<String> = ITEMS.iter().map(Item::path).collect();
        assert_eq!((ids.len(), paths.len()), (ITEMS.len(), ITEMS.len()));
    }
}
