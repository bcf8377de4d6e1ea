//! The texts of a media item that words are looked for in.

/// A text of a media item that words are looked for in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TextField {
    /// Title of the film or the episode.
    Title,
    /// Show or artist.
    Show,
    /// Plot.
    Plot,
    /// Genres.
    Genre,
    /// Age rating.
    Rating,
    /// Edition.
    Edition,
    /// Path of the file.
    Path,
    /// Codecs of picture and sound.
    Codec,
    /// Languages of the sound: codes and names.
    Audio,
    /// Languages of the subtitles: codes and names.
    Subtitles,
    /// Class of the picture's size: `sd`, `720p`, `1080p`, `2160p`; `hd` and `4k` too.
    Resolution,
}

impl TextField {
    /// All of them, in the order of the index's columns.
    pub const ALL: [Self; 11] = [
        Self::Title,
        Self::Show,
        Self::Plot,
        Self::Genre,
        Self::Rating,
        Self::Edition,
        Self::Path,
        Self::Codec,
        Self::Audio,
        Self::Subtitles,
        Self::Resolution,
    ];

    /// Its name in queries and in the index.
    pub fn name(self) -> &'static str {
        match self {
            Self::Title => "title",
            Self::Show => "show",
            Self::Plot => "plot",
            Self::Genre => "genre",
            Self::Rating => "rating",
            Self::Edition => "edition",
            Self::Path => "path",
            Self::Codec => "codec",
            Self::Audio => "audio",
            Self::Subtitles => "subtitles",
            Self::Resolution => "resolution",
        }
    }
}
