//! Slates: what is shown while a programme is not, and why.
//!
//! A slate says who speaks and why, and nothing of how the server is doing: that is for operators.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ChannelId, MediaId, Probe};

/// Why a slate is shown instead of a programme, as far as viewers need to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SlateKind {
    /// The programme is getting ready.
    Starting,
    /// The programme cannot be shown, or takes long.
    Technical,
    /// The plan has a gap.
    NoProgramming,
    /// The channel has no plan for this time.
    Offline,
}

impl SlateKind {
    /// All kinds.
    pub const ALL: [Self; 4] =
        [Self::Starting, Self::Technical, Self::NoProgramming, Self::Offline];

    /// Its word in addresses and in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Technical => "technical_difficulties",
            Self::NoProgramming => "no_programming",
            Self::Offline => "offline",
        }
    }

    /// Reads a word of [`Self::as_str`]; `None` for any other.
    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// The kind that is shown when there is no slate of this one yet.
    pub fn instead(self) -> Self {
        match self {
            Self::Starting | Self::Technical => Self::Starting,
            Self::NoProgramming | Self::Offline => Self::NoProgramming,
        }
    }
}

/// What kind of file stands in the place of a slate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SlateForm {
    /// A picture.
    Png,
    /// A picture.
    Jpeg,
    /// A short video, shown again and again.
    Clip,
}

/// A picture or a clip of the operator's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SlateArt {
    /// SHA-256 of the file in hexadecimal digits, which name it.
    pub digest: String,
    /// What kind of file it is.
    pub form: SlateForm,
    /// Its length in bytes.
    pub bytes: u64,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Length of a clip in milliseconds; 0 for a picture.
    pub duration_ms: i64,
    /// What is in a clip.
    pub probe: Option<Probe>,
}

impl SlateArt {
    /// The name of its file.
    pub fn file(&self) -> String {
        let ending = match self.form {
            SlateForm::Png => "png",
            SlateForm::Jpeg => "jpeg",
            SlateForm::Clip => "clip",
        };
        format!("{}.{ending}", self.digest)
    }

    /// The name of the file with a picture of it, for people to look at.
    pub fn preview(&self) -> String {
        match self.form {
            SlateForm::Png | SlateForm::Jpeg => self.file(),
            SlateForm::Clip => format!("{}.preview.png", self.digest),
        }
    }
}

/// What the operator put in the place of a slate.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredSlate {
    /// On which channel; `None` for all that have nothing of their own there.
    pub channel: Option<ChannelId>,
    /// Of which slate.
    pub kind: SlateKind,
    /// What.
    pub art: SlateArt,
}

/// Why a channel shows a slate, for those who run the server; viewers are only shown the kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlateReason {
    /// Which slate.
    pub kind: SlateKind,
    /// The cause in one word, such as `media_missing`.
    pub cause: &'static str,
    /// The media that should be on air.
    pub media: Option<MediaId>,
    /// In a few words, ours.
    pub detail: Option<String>,
}

impl fmt::Display for SlateKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
