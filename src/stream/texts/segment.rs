//! A segment of texts: what is to be read within its window, as timeline and texts say. PURE.

use std::fmt;
use std::hash::Hasher;
use std::str::FromStr;
use std::sync::Arc;

use super::webvtt::{self, Cue};
use super::{Texts, Track};
use crate::domain::{self, MediaId, Profile, SubtitleChoice, Timeline, UtcMillis};
use crate::stream::decided::Text;
use crate::stream::fnv::Fnv;
use crate::stream::{SegmentError, hls};

/// How long before its segment a text may have begun, in ticks: times in a segment count from there.
const REACH: i64 = 600 * 90_000;

/// The language of texts, or that their files do not say.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Language(pub Option<domain::Language>);

impl Language {
    /// What a file's tag says.
    pub fn of(tag: Option<&str>) -> Self {
        Self(tag.and_then(|tag| tag.parse().ok())) // reason: another tag says nothing
    }
}

impl fmt::Display for Language {
    /// Three letters; `und` where it is not known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(language) => language.fmt(f),
            None => f.write_str("und"),
        }
    }
}

/// A text that is no language's code, or no name of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("texts are called {{number}}-{{language}}-{{16 hexadecimal digits}}")]
pub struct NoLanguage;

impl FromStr for Language {
    type Err = NoLanguage;

    /// Reads one spelling only, as it is part of an address.
    fn from_str(text: &str) -> Result<Self, NoLanguage> {
        if text == "und" {
            return Ok(Self(None));
        }
        let language: domain::Language = text.parse().map_err(|_| NoLanguage)?;
        (language.as_str() == text).then_some(Self(Some(language))).ok_or(NoLanguage)
    }
}

/// What a channel's texts are made of.
#[derive(Clone, Copy)]
pub struct Lines<'a> {
    /// Its profile.
    pub profile: &'a Profile,
    /// Its slots.
    pub timeline: &'a Timeline,
    /// What is known of a media item's texts.
    pub texts: &'a dyn Fn(MediaId) -> Option<Arc<Texts>>,
}

/// What a segment of texts is called: `{number}-{language}-{print}`, the print being made of its
/// bytes, in 16 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextName {
    /// Its number.
    pub n: i64,
    /// In which language.
    pub language: Language,
    /// The print of its bytes.
    pub print: u64,
}

impl TextName {
    /// The name of segment `n` when it is `body`.
    pub fn of(n: i64, language: &Language, body: &str) -> Self {
        let mut print = Fnv::default();
        print.write(body.as_bytes());
        Self { n, language: language.clone(), print: print.finish() }
    }
}

impl fmt::Display for TextName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{:016x}", self.n, self.language, self.print)
    }
}

impl FromStr for TextName {
    type Err = NoLanguage;

    fn from_str(text: &str) -> Result<Self, NoLanguage> {
        let (text_n, print) = text.rsplit_once('-').ok_or(NoLanguage)?;
        let (n, language) = text_n.rsplit_once('-').ok_or(NoLanguage)?;
        let n = n.parse().map_err(|_| NoLanguage)?;
        let print = u64::from_str_radix(print, 16).map_err(|_| NoLanguage)?;
        let name = Self { n, language: language.parse()?, print };
        // One spelling a name, as for every segment.
        (name.to_string() == text).then_some(name).ok_or(NoLanguage)
    }
}

/// Why a segment of texts cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// As of any segment.
    #[error(transparent)]
    Segment(#[from] SegmentError),
    /// The channel offers no texts in that language.
    #[error("there are no texts in that language")]
    NoTexts,
    /// Something else is to be read there; this is its name now.
    #[error("the segment is {0} now")]
    Renamed(TextName),
}

/// Writes the playlist of `texts`, which are segments in a row.
pub(in crate::stream) fn playlist(texts: &[Arc<Text>]) -> String {
    let first = texts.first().map_or(0, |text| text.n);
    let mut list = format!(
        "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:{}\n#EXT-X-MEDIA-SEQUENCE:{first}\n\
         #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES\n",
        hls::TARGET_SECONDS
    );
    for Text { n, language, body } in texts.iter().map(|text| &**text) {
        let at = UtcMillis(hls::window(*n).start.div_euclid(90));
        let seconds = hls::SEGMENT_MS / 1_000;
        let mut print = Fnv::default();
        print.write(body.as_bytes());
        list.push_str(&format!(
            "#EXT-X-PROGRAM-DATE-TIME:{at}\n#EXTINF:{seconds}.00000,\n{n}-{language}-{:016x}.vtt\n",
            print.finish()
        ));
    }
    list
}

/// Names the playlist of texts in `language` in a multivariant playlist.
pub fn rendition(language: &Language, choice: SubtitleChoice) -> String {
    let yes = |yes: bool| if yes { "YES" } else { "NO" };
    let (forced, default) = (choice == SubtitleChoice::Forced, choice == SubtitleChoice::Default);
    let (name, tag) = match &language.0 {
        Some(known) => (known.name(), format!(",LANGUAGE=\"{}\"", known.tag())),
        None => ("Subtitles".to_owned(), String::new()),
    };
    format!(
        "#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"texts\",NAME=\"{name}\"{tag},DEFAULT={},\
         AUTOSELECT=YES,FORCED={},URI=\"{}\"\n",
        yes(default),
        yes(forced),
        file(language)
    )
}

/// Tells readers of another playlist how far the one of `language` is.
pub fn report(language: &Language, last: i64) -> String {
    format!("#EXT-X-RENDITION-REPORT:URI=\"{}\",LAST-MSN={last}\n", file(language))
}

fn file(language: &Language) -> String {
    format!("texts-{language}.m3u8")
}

/// Segment `n` in `language`: every text that is to be read in its window, whole, so that a player
/// that meets it in the next segment again knows that it is the same.
pub fn body(lines: &Lines<'_>, language: &Language, n: i64) -> String {
    let window = hls::window(n);
    let zero = window.start - REACH;
    let mut cues = Vec::new();
    let Lines { profile, timeline, texts } = lines;
    let (from, to) = (UtcMillis(window.start.div_euclid(90)), UtcMillis(window.end.div_euclid(90)));
    let slots = timeline.slots().iter().skip_while(|slot| slot.stop <= from);
    for slot in slots.take_while(|slot| slot.start < to) {
        let Some(texts) = slot.media.and_then(texts) else { continue };
        let Some(track) = chosen(&texts.tracks, profile, language) else { continue };
        // As the pictures are placed: on the grid of frames.
        let base =
            profile.frame_at_or_after(slot.start) - profile.rate.frame_at_or_after(slot.in_ms * 90);
        let begins = profile.tick_of(base);
        let (start, stop) = (slot.start.0 * 90, slot.stop.0 * 90);
        for cue in &track.cues {
            let shown = (begins + cue.start_ms * 90).max(start).max(zero)
                ..(begins + cue.end_ms * 90).min(stop);
            if shown.start >= shown.end || shown.end <= window.start || shown.start >= window.end {
                continue;
            }
            cues.push(Cue {
                start_ms: (shown.start - zero) / 90,
                end_ms: (shown.end - zero) / 90,
                ..cue.clone()
            });
        }
    }
    webvtt::write(&cues, zero)
}

/// The track that the profile's rule takes, in `language`.
fn chosen<'a>(tracks: &'a [Track], profile: &Profile, language: &Language) -> Option<&'a Track> {
    let mut spoken = tracks.iter().filter(|track| track.language == language.0);
    spoken.find(|track| match profile.subtitles.choice {
        SubtitleChoice::Forced => track.forced,
        SubtitleChoice::Default => track.default,
        SubtitleChoice::Language => !track.forced,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::SubtitleMode;
    use crate::stream::fake::timeline;

    /// 1,700,000,000 s is the beginning of a segment.
    const START: i64 = 1_700_000_000_000;

    #[test]
    fn texts_are_shown_when_their_pictures_are() {
        // The second item begins five seconds in, in the middle of a segment.
        let slots = [(Some(1), 0, 6_000), (Some(2), 5_000, 10_000)];
        let segment = |n| read(&slots, n);
        assert_eq!(segment(0), ["1000-2000 one"]);
        assert_eq!(segment(1), ["5000-6000 cut", "6500-7500 two", "7500-9000 across"]);
        assert_eq!(segment(2), ["7500-9000 across"]);
        assert_eq!(segment(3), [""; 0]);
    }

    #[test]
    fn the_rule_chooses_the_track() {
        let profile = profile();
        let (german, english) = (Language::of(Some("ger")), Language::of(Some("en")));
        assert_eq!(chosen(&tracks(), &profile, &german).unwrap().cues.len(), 2);
        assert_eq!(chosen(&tracks(), &profile, &english), None, "it is forced");
        assert_eq!(chosen(&tracks(), &profile, &Language(None)), None);
        assert_eq!("deu".parse(), Ok(german));
        assert!("ger".parse::<Language>().is_err(), "one spelling");
        assert_eq!("und".parse(), Ok(Language(None)));
    }

    fn profile() -> Profile {
        let mut profile = Profile::named("360p25").unwrap();
        profile.subtitles.mode = SubtitleMode::Sidecar;
        profile.subtitles.choice = SubtitleChoice::Language;
        profile
    }

    fn tracks() -> Vec<Track> {
        let cue = |start_ms, end_ms, text: &str| Cue {
            start_ms,
            end_ms,
            settings: String::new(),
            text: text.to_owned(),
        };
        let german = Language::of(Some("deu")).0;
        let cues = vec![cue(1_000, 2_000, "one"), cue(5_000, 7_000, "cut")];
        let full = Track { language: german, forced: false, default: false, cues };
        let forced = Track { language: Language::of(Some("eng")).0, forced: true, ..full.clone() };
        vec![forced, full]
    }

    /// What segment `n` after [`START`] shows, in milliseconds after it.
    fn read(slots: &[(Option<i64>, i64, i64)], n: i64) -> Vec<String> {
        let profile = profile();
        let timeline = timeline(START, slots);
        let texts = |media: MediaId| {
            let mut tracks = tracks();
            if media == MediaId(2) {
                let mut later = tracks[1].cues.clone();
                (later[0].start_ms, later[0].end_ms, later[0].text) = (5_500, 6_500, "two".into());
                (later[1].start_ms, later[1].end_ms, later[1].text) =
                    (6_500, 8_000, "across".into());
                tracks[1].cues = later;
            }
            Some(Arc::new(Texts { tracks }))
        };
        let lines = Lines { profile: &profile, timeline: &timeline, texts: &texts };
        let n = START / hls::SEGMENT_MS + n;
        let body = body(&lines, &"deu".parse().unwrap(), n);
        let map = format!("MPEGTS:{},", (n * hls::SEGMENT_MS * 90 - REACH).rem_euclid(1 << 33));
        assert!(body.contains(&map), "{body}");
        let zero = n * hls::SEGMENT_MS - REACH / 90 - START;
        let cues = webvtt::read(&body).into_iter();
        cues.map(|cue| format!("{}-{} {}", zero + cue.start_ms, zero + cue.end_ms, cue.text))
            .collect()
    }
}
