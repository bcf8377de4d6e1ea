//! Packed audio: frames of sound with their time in front, and the playlists that list it. PURE.

use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;

use crate::domain::{Language, Profile, UtcMillis};
use crate::mpegts::packet::WRAP;
use crate::mpegts::unit::Sound;
use crate::stream::compose::AudioRun;
use crate::stream::decided::Text;
use crate::stream::fnv::Fnv;
use crate::stream::hls;
use crate::stream::texts::{Language as Tongue, TextName};

/// Whose the time in front of a segment is (RFC 8216, 3.4).
const OWNER: &[u8] = b"com.apple.streaming.transportStreamTimestamp\0";
/// Changes when the same sounds are written to other bytes than before.
const PACKING: u32 = 1;

/// Writes a segment: its time on the clock of transport streams, then its frames.
pub(super) fn write(sounds: &[Sound]) -> Vec<u8> {
    let time = sounds.first().map_or(0, |sound| sound.pts.rem_euclid(WRAP));
    let frames: usize = sounds.iter().map(|sound| sound.data.len()).sum();
    let mut out = Vec::with_capacity(80 + frames);
    // Lengths are below 128, so all of their bytes but the last are zero.
    let length = |bytes: usize| [0, 0, 0, u8::try_from(bytes).unwrap_or(0)];
    let content = OWNER.len() + 8;
    out.extend(b"ID3\x04\0\0");
    out.extend(length(10 + content));
    out.extend(b"PRIV");
    out.extend(length(content));
    out.extend([0, 0]);
    out.extend(OWNER);
    out.extend(time.to_be_bytes());
    sounds.iter().for_each(|sound| out.extend_from_slice(&sound.data));
    out
}

/// What segment `n` of a voice is called when it is `body`: after the sounds and how they are coded.
pub(super) fn name(profile: &Profile, language: &Language, n: i64, body: &str) -> TextName {
    let mut print = Fnv::default();
    PACKING.hash(&mut print);
    profile.grid().hash(&mut print);
    print.write(body.as_bytes());
    TextName { n, language: Tongue(Some(language.clone())), print: print.finish() }
}

/// Writes the playlist of `segments`, which are in a row; `None` when one is no segment.
pub(in crate::stream) fn playlist(
    profile: &Profile,
    language: &Language,
    segments: &[Arc<Text>],
) -> Option<String> {
    let first = segments.first()?.n;
    let mut list = format!(
        "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:{}\n#EXT-X-MEDIA-SEQUENCE:{first}\n\
         #EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES\n",
        hls::TARGET_SECONDS
    );
    let extension = profile.audio_codec.as_str();
    for segment in segments {
        let Range { start, end } = ticks(profile, &segment.body)?;
        let (length, at) = (hls::Seconds(end - start), UtcMillis(start.div_euclid(90)));
        let name = name(profile, language, segment.n, &segment.body);
        list.push_str(&format!(
            "#EXT-X-PROGRAM-DATE-TIME:{at}\n#EXTINF:{length},\n{name}.{extension}\n"
        ));
    }
    Some(list)
}

/// When what is kept of a segment sounds.
fn ticks(profile: &Profile, body: &str) -> Option<Range<i64>> {
    // reason: what was kept and cannot be read is no segment.
    let runs: Vec<AudioRun> = serde_json::from_str(body).ok()?;
    let first = runs.first()?.grid;
    let count: usize = runs.iter().map(|run| run.count).sum();
    let step = profile.audio_ticks();
    Some(first * step..(first + i64::try_from(count).ok()?) * step)
}

/// Names the channel's own sound and its voices in a multivariant playlist; nothing without voices.
pub(in crate::stream) fn rendition(profile: &Profile, voices: &[Language]) -> String {
    if voices.is_empty() {
        return String::new();
    }
    let channels = profile.audio_layout.channels();
    let own = profile.audio_languages.first();
    let (name, tag) = match own {
        Some(language) => (language.name(), format!(",LANGUAGE=\"{}\"", language.tag())),
        None => ("Main".to_owned(), String::new()),
    };
    let mut text = format!(
        "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"sound\",NAME=\"{name}\"{tag},DEFAULT=YES,\
         AUTOSELECT=YES,CHANNELS=\"{channels}\"\n"
    );
    for language in voices {
        text.push_str(&format!(
            "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"sound\",NAME=\"{}\",LANGUAGE=\"{}\",DEFAULT=NO,\
             AUTOSELECT=YES,CHANNELS=\"{channels}\",URI=\"{}\"\n",
            language.name(),
            language.tag(),
            file(language)
        ));
    }
    text
}

/// Tells readers of another playlist how far the one of `language` is.
pub(in crate::stream) fn report(language: &Language, last: i64) -> String {
    format!("#EXT-X-RENDITION-REPORT:URI=\"{}\",LAST-MSN={last}\n", file(language))
}

fn file(language: &Language) -> String {
    format!("sound-{language}.m3u8")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mpegts::adts;

    #[test]
    fn a_segment_begins_with_its_time() {
        let data = bytes::Bytes::from_static(&adts::SILENCE);
        let sounds = [7 * WRAP + 5, 7 * WRAP + 1_925].map(|pts| Sound { pts, data: data.clone() });
        let bytes = write(&sounds);
        assert_eq!(bytes[..10], *b"ID3\x04\0\0\0\0\0\x3F");
        assert_eq!(bytes[10..20], *b"PRIV\0\0\0\x35\0\0");
        assert_eq!(bytes[65..73], [0, 0, 0, 0, 0, 0, 0, 5]);
        assert_eq!(bytes[73..], [data.clone(), data].concat());
    }

    #[test]
    fn the_own_sound_comes_first_and_has_no_address() {
        let profile = Profile::named("720p25").unwrap();
        assert_eq!(rendition(&profile, &[]), "");
        let voices = ["deu", "fra"].map(|code| code.parse().unwrap());
        let text = rendition(&profile, &voices);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].contains("NAME=\"Main\",DEFAULT=YES") && !lines[0].contains("URI"));
        assert!(lines[1].ends_with("CHANNELS=\"2\",URI=\"sound-deu.m3u8\""), "{text}");
        assert!(lines[2].contains("NAME=\"French\",LANGUAGE=\"fr\",DEFAULT=NO"), "{text}");
    }
}
