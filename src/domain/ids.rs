//! Identifiers: one type a thing, so that a channel id is never taken for a media id.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = std::num::ParseIntError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

id!(
    /// A channel, for ever: ids are never used again after a channel is deleted.
    ChannelId
);
id!(
    /// A media item of the library.
    MediaId
);
id!(
    /// A library: a folder (or, later, a server) that media is taken from.
    LibraryId
);
id!(
    /// A collection: a named choice of media.
    CollectionId
);
id!(
    /// A profile; built-in ones have small ids, stored ones begin above a thousand.
    ProfileId
);
id!(
    /// A named picture size; built-in ones have small ids, stored ones begin above a thousand.
    ResolutionId
);
id!(
    /// A watermark.
    WatermarkId
);
id!(
    /// An incident on record.
    IncidentId
);
id!(
    /// A viewer's session, counted up for the life of the database.
    ViewerId
);

impl ChannelId {
    /// The id that guide and playlists share (`tvg-id` = XMLTV channel id).
    ///
    /// The form looks like a domain name, which `tv_validate_file` demands, and no id is a
    /// prefix of another.
    pub fn guide_id(self) -> String {
        format!("exstream-{}.tv", self.0)
    }
}
