//! Media: a file that can be played, and what is known about it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Details, FrameRate, LibraryId, MediaId, ScannedMedia, UtcMillis};

/// What a media item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaKind {
    /// A film.
    Movie,
    /// An episode of a show.
    Episode,
    /// A music video.
    MusicVideo,
    /// A broadcast of somebody else that never ends: what it shows is wherever it is now.
    Live,
    /// Anything else.
    Other,
}

/// Where a broadcast of somebody else can be had.
///
/// The address often holds a password, so it is not in the debug output.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upstream {
    /// Address with scheme: `http`, `https`, `rtsp`, `rtmp`, `udp`, `rtp` or `srt`.
    pub url: String,
    /// What to say one is, where the provider asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// Which page to say one comes from, where the provider asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referrer: Option<String>,
}

impl std::fmt::Debug for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upstream").field("host", &self.host()).finish_non_exhaustive()
    }
}

impl Upstream {
    /// Scheme, host and port, without what may be secret: fit for logs and pages.
    pub fn host(&self) -> String {
        let Some((scheme, rest)) = self.url.split_once("://") else { return "?".to_owned() };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        format!("{scheme}://{host}")
    }
}

/// Whether a media item can be played, and if not, why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum MediaState {
    /// Probed and playable.
    Playable,
    /// The file is there but cannot be read as media.
    Corrupt {
        /// What ffprobe or the conformer said, in a few words.
        reason: String,
    },
    /// A file of a kind that cannot be played (no audio and no video, an image, a text).
    Unsupported {
        /// What it is.
        reason: String,
    },
    /// The file was there once and is not now.
    Missing,
    /// Taken off the air until `until`, by the operator or a person.
    Quarantined {
        /// Why.
        reason: String,
        /// When it may be played again.
        until: UtcMillis,
    },
}

impl MediaState {
    /// Whether the planner may put it on air at `now`.
    pub fn is_playable(&self, now: UtcMillis) -> bool {
        match self {
            Self::Playable => true,
            Self::Quarantined { until, .. } => *until <= now,
            Self::Corrupt { .. } | Self::Unsupported { .. } | Self::Missing => false,
        }
    }

    /// Which state it is, without the reasons.
    pub fn name(&self) -> MediaStateName {
        match self {
            Self::Playable => MediaStateName::Playable,
            Self::Corrupt { .. } => MediaStateName::Corrupt,
            Self::Unsupported { .. } => MediaStateName::Unsupported,
            Self::Missing => MediaStateName::Missing,
            Self::Quarantined { .. } => MediaStateName::Quarantined,
        }
    }
}

/// The state of a media item without its reasons; for filters and columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaStateName {
    /// See [`MediaState::Playable`].
    Playable,
    /// See [`MediaState::Corrupt`].
    Corrupt,
    /// See [`MediaState::Unsupported`].
    Unsupported,
    /// See [`MediaState::Missing`].
    Missing,
    /// See [`MediaState::Quarantined`].
    Quarantined,
}

impl MediaStateName {
    /// The word used in SQL, JSON and queries.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Playable => "playable",
            Self::Corrupt => "corrupt",
            Self::Unsupported => "unsupported",
            Self::Missing => "missing",
            Self::Quarantined => "quarantined",
        }
    }
}

/// One media item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Media {
    /// Its id.
    pub id: MediaId,
    /// The library it belongs to.
    pub library: LibraryId,
    /// Absolute path of the file; of a broadcast its name within the library (`live:…`).
    pub path: String,
    /// Where a broadcast can be had, the best place first; empty for a file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub upstreams: Vec<Upstream>,
    /// Size in bytes at the last scan.
    pub size: u64,
    /// Modification time of the file at the last scan.
    pub modified: UtcMillis,
    /// What it is.
    pub kind: MediaKind,
    /// Title of the film or the episode.
    pub title: String,
    /// Show it belongs to (episodes), or artist (music videos).
    pub show: Option<String>,
    /// Season; 0 holds specials.
    pub season: Option<u32>,
    /// First episode in the file.
    pub episode: Option<u32>,
    /// Last episode in the file, when it holds several.
    pub episode_end: Option<u32>,
    /// Part of a film in several files.
    pub part: Option<u32>,
    /// Edition such as `Director's Cut`.
    pub edition: Option<String>,
    /// Year of release.
    pub year: Option<u32>,
    /// Plot.
    pub plot: Option<String>,
    /// Genres.
    pub genres: Vec<String>,
    /// Age rating as written (`PG-13`).
    pub rating: Option<String>,
    /// First shown, `YYYY-MM-DD`.
    pub aired: Option<String>,
    /// Who made it, who is in it and how it was liked.
    #[serde(default)]
    pub details: Arc<Details>,
    /// Playing time in milliseconds; 0 when it is not known.
    pub duration_ms: i64,
    /// What ffprobe said; `None` when it could not be read.
    pub probe: Option<Probe>,
    /// Whether it can be played.
    pub state: MediaState,
    /// When it was first seen.
    pub added: UtcMillis,
}

impl Media {
    /// A playable file of which nothing is known yet; its title is its name.
    pub fn file(id: MediaId, path: impl Into<String>) -> Self {
        ScannedMedia::file(LibraryId(0), path).into_media(id, UtcMillis(0))
    }

    /// Whether it is a broadcast that cannot be made beforehand.
    pub fn is_live(&self) -> bool {
        self.kind == MediaKind::Live
    }

    /// One line for people: `Show S01E02 Title`, `Title (1987)`.
    pub fn label(&self) -> String {
        match (&self.show, self.season, self.episode) {
            (Some(show), Some(season), Some(episode)) => {
                format!("{show} S{season:02}E{episode:02} {}", self.title)
            }
            (Some(show), _, _) => format!("{show}: {}", self.title),
            _ => match self.year {
                Some(year) => format!("{} ({year})", self.title),
                None => self.title.clone(),
            },
        }
    }
}

/// A choice of media for a list; a field left out matches all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MediaFilter {
    /// Only this library.
    pub library: Option<LibraryId>,
    /// Only this kind.
    pub kind: Option<MediaKind>,
    /// Only media in this state.
    pub state: Option<MediaStateName>,
    /// Only media whose title, show or path holds this text, compared without case.
    pub search: Option<String>,
    /// In which order.
    pub sort: MediaSort,
    /// How many at most.
    pub limit: u32,
    /// How many to leave out at the front.
    pub offset: u32,
}

impl Default for MediaFilter {
    /// Everything, the first hundred.
    fn default() -> Self {
        Self {
            library: None,
            kind: None,
            state: None,
            search: None,
            sort: MediaSort::default(),
            limit: 100,
            offset: 0,
        }
    }
}

impl MediaFilter {
    /// Everything there is, without a limit.
    pub fn all() -> Self {
        Self { limit: u32::MAX, ..Self::default() }
    }
}

/// The order of a list of media; ties are broken by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaSort {
    /// By show, season, episode, title; what has no show comes by its title.
    #[default]
    Title,
    /// Newest first.
    Added,
    /// By path.
    Path,
    /// Longest first.
    Duration,
    /// Latest first, unknown last.
    Year,
}

/// What ffprobe found in a file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// Container name as ffprobe gives it (`mov,mp4,m4a,3gp,3g2,mj2`).
    pub container: String,
    /// Start time of the file in milliseconds.
    pub start_ms: i64,
    /// The picture, if any (attached cover art does not count).
    pub video: Option<VideoStream>,
    /// The sound tracks, in file order.
    pub audio: Vec<AudioStream>,
    /// The subtitle tracks, in file order.
    #[serde(default)]
    pub subtitles: Vec<SubtitleStream>,
}

/// A video stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VideoStream {
    /// Codec as ffprobe names it (`h264`).
    pub codec: String,
    /// Codec profile (`High`), empty when unknown.
    pub codec_profile: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Pixel format (`yuv420p`).
    pub pixel_format: String,
    /// Average frame rate.
    pub rate: FrameRate,
    /// Whether base and average rate agree, so that the stream is constant-rate by its header.
    pub constant_rate: bool,
    /// Whether the pictures are progressive; unknown counts as not.
    pub progressive: bool,
    /// Rotation in degrees (0, 90, 180, 270).
    pub rotation: u32,
    /// Whether samples are square; unknown counts as square.
    pub square_pixels: bool,
    /// How light is coded, as ffprobe names it (`bt709`, `smpte2084`); empty when unknown.
    #[serde(default)]
    pub transfer: String,
    /// Longest distance between key frames seen in the sampled part, in milliseconds.
    pub gop_ms: Option<i64>,
}

impl VideoStream {
    /// Whether the picture is coded for more light than an ordinary screen has (HDR10, HLG).
    pub fn is_hdr(&self) -> bool {
        matches!(self.transfer.as_str(), "smpte2084" | "arib-std-b67")
    }
}

/// A subtitle stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SubtitleStream {
    /// Codec as ffprobe names it (`subrip`).
    pub codec: String,
    /// Language tag, if any (`eng`).
    pub language: Option<String>,
    /// Whether the file marks it as the default.
    pub default: bool,
    /// Whether it is meant to be shown always: foreign dialogue and signs.
    pub forced: bool,
}

impl SubtitleStream {
    /// Whether it holds pictures rather than text.
    pub fn is_bitmap(&self) -> bool {
        let codecs = ["hdmv_pgs_subtitle", "dvd_subtitle", "dvb_subtitle", "xsub"];
        codecs.contains(&self.codec.as_str())
    }
}

/// An audio stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AudioStream {
    /// Codec as ffprobe names it (`aac`).
    pub codec: String,
    /// Codec profile (`LC`), empty when unknown.
    pub codec_profile: String,
    /// Channels.
    pub channels: u32,
    /// Sample rate in Hz.
    pub sample_rate: u32,
    /// Language tag, if any (`eng`).
    pub language: Option<String>,
    /// Whether the file marks it as the default.
    pub default: bool,
}
