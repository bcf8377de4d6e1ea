//! A rendition: media conformed to a profile, as access units in groups of pictures.
//!
//! The seam between those who make renditions (`conform`, `store`) and those who play them
//! (`compose`, `channel`, `hls`). Plain data and two traits, no task.
//!
//! Frame numbers count from the start of the *media* on the profile's constant grid: frame `n` is
//! shown `n` frame durations after media time zero, whichever ffmpeg run produced it. A rendition
//! may have holes while it is being made (a live conform starts in the middle).

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::domain::{ChannelId, ConformEnd, JobBeat, Media, MediaId, Profile};

/// The slate shown while media is not ready.
pub const SLATE_STANDBY: MediaId = MediaId(-1);
/// The slate of a channel with nothing to play.
pub const SLATE_NO_PROGRAMMING: MediaId = MediaId(-2);
/// The slate shown while media cannot be had.
pub const SLATE_TECHNICAL: MediaId = MediaId(-3);
/// The slate of a channel at a time that is not planned.
pub const SLATE_OFFLINE: MediaId = MediaId(-4);

/// Which rendition: a file in one state, on one profile.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RenditionKey {
    /// The media item, or one of the slates.
    pub media: MediaId,
    /// Changes when the file changes (from size and modification time).
    pub version: u64,
    /// Shape of the profile: everything about it that shapes the bytes.
    pub profile: String,
}

/// One closed group of pictures in the index: where it lies and what it covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct GopEntry {
    /// First frame shown, counted from the start of the media.
    pub first_frame: i64,
    /// Frames it covers until the next GOP begins; at least its number of access units.
    pub frames: u32,
    /// Time of its first audio frame in 90 kHz ticks after media time zero; rigid steps follow, as
    /// long as a frame of the codec.
    ///
    /// A GOP holds the audio that sounds while it is shown (± half an audio frame), wherever ffmpeg
    /// interleaved it; the next GOP of the same run continues the same steps.
    pub audio_tick: i64,
    /// Number of audio frames; 0 for silence (then `audio_tick` means nothing).
    pub audio_frames: u32,
    /// Which file of the rendition.
    pub span: u32,
    /// Where the record begins in that file.
    pub offset: u64,
    /// Length of the record in bytes.
    pub length: u32,
}

impl GopEntry {
    /// The frame after its last.
    pub fn end_frame(&self) -> i64 {
        self.first_frame + i64::from(self.frames)
    }
}

/// What is in the store of a rendition at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenditionIndex {
    /// Which rendition.
    pub key: RenditionKey,
    /// The GOPs, sorted by first frame, not overlapping; holes are possible.
    pub gops: Arc<[GopEntry]>,
    /// The frame after the last one, once the end of the media was reached.
    pub end_frame: Option<i64>,
}

impl RenditionIndex {
    /// The GOP that covers `frame`, or `None` in a hole.
    pub fn covering(&self, frame: i64) -> Option<&GopEntry> {
        let next = self.gops.partition_point(|gop| gop.first_frame <= frame);
        let gop = &self.gops[next.checked_sub(1)?];
        (frame < gop.end_frame()).then_some(gop)
    }

    /// The first GOP that begins at or after `frame`.
    pub fn starting_from(&self, frame: i64) -> Option<&GopEntry> {
        self.gops.get(self.gops.partition_point(|gop| gop.first_frame < frame))
    }

    /// Whether every frame from 0 to the end is there.
    pub fn is_complete(&self) -> bool {
        let Some(end) = self.end_frame else { return false };
        let mut at = 0;
        for gop in self.gops.iter() {
            if gop.first_frame > at {
                return false;
            }
            at = at.max(gop.end_frame());
        }
        at >= end
    }
}

/// A coded picture, in decode order inside its GOP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoUnit {
    /// The frame it is shown at, counted from the start of the media.
    pub frame: i64,
    /// Annex B bytes, access unit delimiter first; the first unit of a GOP is an IDR with its
    /// parameter sets.
    pub data: Bytes,
}

/// A GOP read from the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gop {
    /// Its pictures in decode order; never empty; the first one is the IDR.
    pub video: Vec<VideoUnit>,
    /// Its audio frames, as the profile codes them, one after the other from `GopEntry::audio_tick`.
    pub audio: Vec<Bytes>,
}

/// Why a GOP could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file is gone or unreadable (evicted between look-up and reading, disk fault).
    #[error("read a group of pictures of media {media}")]
    Io {
        /// Whose.
        media: MediaId,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The record fails its checksum or does not parse.
    #[error("the stored rendition of media {media} is damaged")]
    Damaged {
        /// Whose.
        media: MediaId,
    },
}

/// Where renditions are read.
pub trait Renditions: std::fmt::Debug + Send + Sync {
    /// What is in the store of `media` on `profile` now; `None` when nothing is. Memory only.
    fn index(&self, media: &Media, profile: &Profile) -> Option<Arc<RenditionIndex>>;

    /// What is in the store under `key` now; `None` when nothing is. Memory only.
    fn stored(&self, key: &RenditionKey) -> Option<Arc<RenditionIndex>>;

    /// The slate `which` on `profile`; `None` until it has been made. Memory only.
    fn slate(&self, which: MediaId, profile: &Profile) -> Option<Arc<RenditionIndex>>;

    /// Whether the store says that `media` could not be made for `profile`. Memory only.
    fn in_trouble(&self, _media: &Media, _profile: &Profile) -> bool {
        false
    }

    /// Reads one GOP. Blocks on the disk: call it off the runtime's threads.
    ///
    /// # Errors
    /// When the record is gone or damaged.
    fn read(&self, key: &RenditionKey, gop: &GopEntry) -> Result<Gop, ReadError>;

    /// Whether a disk takes so long with reads of `key` that nothing should wait for it. Memory only.
    fn is_stuck(&self, _key: &RenditionKey) -> bool {
        false
    }

    /// Wakes when any rendition has grown.
    fn grown(&self) -> tokio::sync::watch::Receiver<u64>;
}

/// Who makes renditions for channels that are being watched.
pub trait Conforming: std::fmt::Debug + Send + Sync {
    /// Channel `channel` is watched and needs `media` from `from_frame` on, soon.
    ///
    /// Never blocks, may be called as often as wanted. Starts a live conform unless the frames are
    /// in the store, one is running that will reach them, or this channel's last conform of this
    /// media failed: a failed conform is run again only through `restart`.
    fn want(&self, channel: ChannelId, media: &Arc<Media>, profile: &Profile, from_frame: i64);

    /// Channel `channel` is not watched any more.
    fn release(&self, channel: ChannelId);

    /// The conform that `channel` waits for, if one runs.
    fn job(&self, channel: ChannelId) -> Option<JobBeat>;

    /// Why the last conform of `media` for this channel failed, if it did.
    fn failure(
        &self,
        _channel: ChannelId,
        _media: &Media,
        _profile: &Profile,
    ) -> Option<ConformEnd> {
        None
    }

    /// Ends the channel's running conform, if one runs, and forgets that it failed, so that the
    /// next `want` starts anew. Says whether there was anything to end or forget.
    fn restart(&self, channel: ChannelId) -> bool;
}
