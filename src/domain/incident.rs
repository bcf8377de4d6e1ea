//! Incidents: faults on record, and the closed list of their causes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{ChannelId, IncidentId, InvalidField, MediaId, UtcMillis};

macro_rules! causes {
    ($($name:ident = $code:literal : $doc:literal),+ $(,)?) => {
        /// Why something is wrong: a closed list, one spelling everywhere.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Cause {
            $(#[doc = $doc] #[serde(rename = $code)] $name,)+
        }

        impl Cause {
            /// Every cause there is.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The code used in logs, SQL, manifests and prompts.
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            /// One sentence for people.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => $doc,)+ }
            }
        }
    };
}

causes! {
    Stall = "STALL": "A running process makes no progress.",
    EncoderExited = "ENCODER_EXITED": "A conform process ended before its media did.",
    EncoderSlow = "ENCODER_SLOW": "A conform process is slower than real time.",
    HwFail = "HW_FAIL": "Hardware acceleration failed.",
    EncMissing = "ENC_MISSING": "The wanted encoder is not in this ffmpeg.",
    MediaMissing = "MEDIA_MISSING": "The file is not there.",
    MediaCorrupt = "MEDIA_CORRUPT": "The file cannot be read as media.",
    MediaTruncated = "MEDIA_TRUNCATED": "The file ends before its stated length.",
    MediaNoStream = "MEDIA_NO_STREAM": "The file holds no usable stream.",
    SrcRefused = "SRC_REFUSED": "The source refused the connection.",
    SrcTimeout = "SRC_TIMEOUT": "The source did not answer in time.",
    SrcReset = "SRC_RESET": "The source closed the connection.",
    SrcDns = "SRC_DNS": "The source's name cannot be resolved.",
    SrcTls = "SRC_TLS": "The source's certificate or handshake failed.",
    SrcAuth = "SRC_AUTH": "The source denies access.",
    SrcGone = "SRC_GONE": "The source says the item is gone.",
    SrcRate = "SRC_RATE": "The source limits our requests.",
    SrcSlots = "SRC_SLOTS": "The source has no connection free for us.",
    Src5xx = "SRC_5XX": "The source has an error of its own.",
    SrcEofEarly = "SRC_EOF_EARLY": "The source ended before its time.",
    UrlExpired = "URL_EXPIRED": "The address has expired.",
    MountLost = "MOUNT_LOST": "A library folder is not mounted.",
    DiskFull = "DISK_FULL": "A disk is full.",
    DiskSlow = "DISK_SLOW": "A disk is too slow.",
    FdExhausted = "FD_EXHAUSTED": "No file descriptors are left.",
    OutOfMemory = "OUT_OF_MEMORY": "Memory ran out.",
    Permission = "PERMISSION": "Access to a file is denied.",
    ClockStep = "CLOCK_STEP": "The wall clock jumped.",
    DbLocked = "DB_LOCKED": "The database is locked.",
    DbCorrupt = "DB_CORRUPT": "The database is damaged.",
    NoContent = "NO_CONTENT": "A channel has nothing to play.",
    ScheduleGap = "SCHEDULE_GAP": "A timeline is not planned far enough.",
    GuideInvalid = "GUIDE_INVALID": "The guide could not be built.",
    MetadataDegraded = "METADATA_DEGRADED": "Many items lack metadata.",
    TunersBusy = "TUNERS_BUSY": "All tuners are in use.",
    AddressUnreachable = "ADDRESS_UNREACHABLE": "The advertised address cannot be reached.",
    PlexUnreachable = "PLEX_UNREACHABLE": "Plex does not answer.",
    PlexAuth = "PLEX_AUTH": "Plex denies access.",
    ModelDown = "MODEL_DOWN": "The language model does not answer.",
    ConfigInvalid = "CONFIG_INVALID": "The configuration is not valid.",
    PoolFull = "POOL_FULL": "No further process may be started.",
    RestartStorm = "RESTART_STORM": "Too many restarts in a short time.",
    SelfInflicted = "SELF_INFLICTED": "We did it ourselves.",
    ClientGone = "CLIENT_GONE": "A viewer went away.",
    TsDiscontinuity = "TS_DISCONTINUITY": "Timestamps of a source jumped.",
    Unknown = "UNKNOWN": "The cause is not known.",
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for Cause {
    type Err = InvalidField;

    fn from_str(text: &str) -> Result<Self, InvalidField> {
        let found = Self::ALL.iter().copied().find(|cause| cause.code() == text);
        found.ok_or_else(|| {
            InvalidField::new(
                "cause",
                format!("{text:?} is not a cause"),
                "use a code of the closed list, such as STALL",
            )
        })
    }
}

/// What an incident is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "id", rename_all = "snake_case")]
pub enum Subject {
    /// A channel.
    Channel(ChannelId),
    /// A media item.
    Media(MediaId),
    /// The machine.
    Host,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Channel(id) => write!(f, "channel/{id}"),
            Self::Media(id) => write!(f, "media/{id}"),
            Self::Host => f.write_str("host"),
        }
    }
}

/// Where an incident stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentState {
    /// Going on.
    Open,
    /// Over: the signal stayed away for the rule's clean time.
    Resolved,
    /// Handed to a person.
    Escalated,
}

/// A fault on record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Its id.
    pub id: IncidentId,
    /// The rule that opened it, such as `ENCODER_EXITED`.
    pub rule: String,
    /// What it is about.
    pub subject: Subject,
    /// The media involved, if one is.
    pub media: Option<MediaId>,
    /// The most likely cause.
    pub cause: Cause,
    /// Where it stands.
    pub state: IncidentState,
    /// First observation.
    pub opened_at: UtcMillis,
    /// Last observation.
    pub last_at: UtcMillis,
    /// When it was over.
    pub resolved_at: Option<UtcMillis>,
    /// Observations so far.
    pub count: u64,
    /// How often it came back within the re-open time.
    pub reopened: u32,
    /// One sentence for people, without text from outside.
    pub summary: String,
}
