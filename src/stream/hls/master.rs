//! The multivariant playlist: what a channel's streams are, before any of them is read. PURE.

use super::Form;
use crate::domain::{Language, Profile};
use crate::mpegts::coding::PictureCoding;
use crate::stream::coding::coding;
use crate::stream::compose::UnitPlan;
use crate::stream::{texts, voices};
use std::sync::Arc;

/// What a transport stream takes more than what is in it, in percent; measured, rounded up.
const OVERHEAD: u64 = 6;

/// A channel's stream as a player chooses by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// No segment takes more, in bits a second.
    pub peak: u64,
    /// What segments take on average.
    pub average: u64,
    /// RFC 6381 names of picture and sound.
    pub codecs: String,
}

impl Variant {
    /// The stream of a profile when it lately showed `units`.
    pub fn of(profile: &Profile, units: &[Arc<UnitPlan>], picture: Option<String>) -> Self {
        let ticks = |unit: &UnitPlan| profile.tick_of(unit.end) - profile.tick_of(unit.first);
        let rate = |bytes: u64, ticks: i64| {
            let ticks = u64::try_from(ticks).unwrap_or(0).max(1);
            bytes * 8 * 90_000 / ticks * (100 + OVERHEAD) / 100
        };
        let bytes = |unit: &UnitPlan| u64::from(unit.clip.gop.length);
        let longest = units.iter().map(|unit| rate(bytes(unit), ticks(unit))).max().unwrap_or(0);
        let all = units.iter().map(|unit| bytes(unit)).sum();
        let average = rate(all, units.iter().map(|unit| ticks(unit)).sum());
        // What the encoder may take; a copied source may take more, which is then seen in `units`.
        let kbps = u64::from(profile.video_kbps) + u64::from(profile.audio_kbps);
        let ceiling = kbps * 1_000 * (100 + OVERHEAD) / 100;
        let coding = coding(profile);
        let picture = picture.unwrap_or_else(|| match coding.picture {
            PictureCoding::H264 => "avc1.640028".to_owned(),
            PictureCoding::Hevc => "hvc1.1.6.L120.90".to_owned(),
        });
        Self {
            peak: longest.max(ceiling),
            average: if units.is_empty() { ceiling } else { average },
            codecs: format!("{picture},{}", coding.sound.codec.name()),
        }
    }
}

/// Writes the playlist; it names the playlist of `form` beside it, and those of `texts` and `voices`.
pub fn master(
    profile: &Profile,
    variant: &Variant,
    form: Form,
    texts: &[texts::Language],
    voices: &[Language],
) -> String {
    let Variant { peak, average, codecs } = variant;
    let Profile { width, height, rate, .. } = profile;
    let rate = rate.as_f64();
    let sounds = voices::rendition(profile, voices);
    let heard = if voices.is_empty() { "" } else { ",AUDIO=\"sound\"" };
    let group = if texts.is_empty() { "" } else { ",SUBTITLES=\"texts\"" };
    let choice = profile.subtitles.choice;
    let texts: String = texts.iter().map(|language| texts::rendition(language, choice)).collect();
    format!(
        "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-INDEPENDENT-SEGMENTS\n{sounds}{texts}\
         #EXT-X-STREAM-INF:BANDWIDTH={peak},AVERAGE-BANDWIDTH={average},CODECS=\"{codecs}\",\
         RESOLUTION={width}x{height},FRAME-RATE={rate:.3}{heard}{group}\n{}\n",
        form.file()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{AudioCodec, VideoCodec};

    #[test]
    fn the_codecs_are_those_of_the_profile() {
        let plain = Profile::named("720p25").unwrap();
        let theatre = Profile {
            video_codec: VideoCodec::Hevc,
            audio_codec: AudioCodec::Ac3,
            ..plain.clone()
        };
        let codecs = |profile, picture: Option<&str>| {
            Variant::of(profile, &[], picture.map(str::to_owned)).codecs
        };
        assert_eq!(codecs(&plain, None), "avc1.640028,mp4a.40.2");
        assert_eq!(codecs(&theatre, None), "hvc1.1.6.L120.90,ac-3");
        assert_eq!(codecs(&theatre, Some("hvc1.1.6.L93.90")), "hvc1.1.6.L93.90,ac-3");
    }
}
