//! What is in a channel's HLS folder, by its names.

use super::{MP4, PLAYLIST, TS, VTT};
use crate::domain::AudioCodec;
use crate::stream::texts::{Language, TextName};
use crate::stream::{Container, Form, InitName, SegmentName};

/// A file of a channel's HLS folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum File {
    /// `live.m3u8` and `low.m3u8`: the playlist of what is on air.
    Live(Form),
    /// `master.m3u8` and `master-low.m3u8`: what the stream is, and where its playlist.
    Master(Form),
    /// `{n}-{print}.ts`, or a part of it, `{n}.{part}-{print}.ts`; `.m4s` in fragmented MP4.
    Segment(SegmentName),
    /// `{n}.ts` or `{n}.m4s`: whatever the segment shows now.
    Numbered(i64),
    /// `sound-{language}.m3u8`: the playlist of sound in another language.
    Voice(Language),
    /// `{n}-{language}-{print}.aac` or `.ac3`: a segment of it.
    Sound(TextName, AudioCodec),
    /// `init-{print}.mp4`: what fragmented MP4 begins with.
    Init(InitName),
    /// `texts-{language}.m3u8`: the playlist of subtitle texts.
    Texts(Language),
    /// `{n}-{language}-{print}.vtt`: a segment of them.
    Text(TextName),
}

/// The media type of segments.
pub(super) fn kind_of(container: Container) -> &'static str {
    match container {
        Container::Ts => TS,
        Container::Fmp4 => MP4,
    }
}

impl File {
    /// The one of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "live.m3u8" => return Some(Self::Live(Form::Plain)),
            "low.m3u8" => return Some(Self::Live(Form::LowLatency)),
            "master.m3u8" => return Some(Self::Master(Form::Plain)),
            "master-low.m3u8" => return Some(Self::Master(Form::LowLatency)),
            _ => {}
        }
        if let Some(language) = name.strip_prefix("texts-").and_then(|n| n.strip_suffix(".m3u8")) {
            return language.parse().ok().map(Self::Texts); // reason: it is no file then
        }
        if let Some(stem) = name.strip_suffix(".vtt") {
            return stem.parse().ok().map(Self::Text); // reason: it is no file then
        }
        if let Some(language) = name.strip_prefix("sound-").and_then(|n| n.strip_suffix(".m3u8")) {
            return language.parse().ok().map(Self::Voice); // reason: it is no file then
        }
        let sound =
            name.rsplit_once('.').and_then(|(stem, end)| Some((stem, AudioCodec::read(end)?)));
        if let Some((stem, codec)) = sound {
            return stem.parse().ok().map(|name| Self::Sound(name, codec)); // reason: as above
        }
        // reason: what is none of these is no file.
        let segment = || name.parse().ok().map(Self::Segment);
        let init = || name.parse().ok().map(Self::Init);
        let numbered = || {
            let (n, extension) = name.rsplit_once('.')?;
            Container::named(extension)?;
            n.parse().ok().map(Self::Numbered)
        };
        segment().or_else(init).or_else(numbered)
    }

    /// Its media type.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Live(_) | Self::Master(_) | Self::Texts(_) | Self::Voice(_) => PLAYLIST,
            Self::Sound(_, AudioCodec::Aac) => "audio/aac",
            Self::Sound(_, AudioCodec::Ac3) => "audio/ac3",
            Self::Text(_) => VTT,
            Self::Segment(name) => kind_of(name.container),
            Self::Numbered(_) => TS,
            Self::Init(_) => MP4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_a_playlist_a_segment_or_its_number() {
        let name = SegmentName { n: 7, part: None, print: 0xab, container: Container::Ts };
        let part = SegmentName { part: Some(2), ..name };
        let fragments = SegmentName { container: Container::Fmp4, ..name };
        assert_eq!(File::named("7-00000000000000ab.m4s"), Some(File::Segment(fragments)));
        assert_eq!(File::named("7.m4s"), Some(File::Numbered(7)));
        let init = File::named("init-00000000000000ab.mp4");
        assert_eq!(init, Some(File::Init(InitName(0xab))));
        assert_eq!(File::named("live.m3u8"), Some(File::Live(Form::Plain)));
        assert_eq!(File::named("7.2-00000000000000ab.ts"), Some(File::Segment(part)));
        assert_eq!(File::named("7-00000000000000ab.ts"), Some(File::Segment(name)));
        assert_eq!(File::named("7.ts"), Some(File::Numbered(7)));
        let deu: Language = "deu".parse().unwrap();
        assert_eq!(File::named("texts-deu.m3u8"), Some(File::Texts(deu.clone())));
        let text = File::named("7-deu-00000000000000ab.vtt");
        assert_eq!(text, Some(File::Text(TextName { n: 7, language: deu, print: 0xab })));
        let fra: Language = "fra".parse().unwrap();
        assert_eq!(File::named("sound-fra.m3u8"), Some(File::Voice(fra.clone())));
        let sound = TextName { n: 7, language: fra, print: 0xab };
        let named = File::named("7-fra-00000000000000ab.aac");
        assert_eq!(named, Some(File::Sound(sound, AudioCodec::Aac)));
        assert_eq!(File::named("7-fra-00000000000000ab.ts"), None);
        assert_eq!(File::named("texts-ger.m3u8"), None);
        for none in ["7", "7-ab.ts", "x.ts", ".ts", "live.m3u", "7-00000000000000ab"] {
            assert_eq!(File::named(none), None, "{none}");
        }
    }
}
