//! A session: one viewer on one channel, from its first byte to its last.

use core::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{ChannelId, UtcMillis, ViewerId};

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionEnd {
    /// The client closed its connection, or stopped asking for playlists.
    Left,
    /// Its connection took nothing any more and was given up.
    Stalled,
    /// It fell behind again soon after it was moved to now.
    Slow,
    /// It took nothing for the idle time-out.
    Idle,
    /// A person ended it.
    Kicked,
    /// The same client tuned again and there was no room for both.
    Replaced,
    /// The channel ended, or its profile changed.
    ChannelEnded,
    /// The server stopped.
    ServerStopped,
    /// The server died; the end is when it was last written down.
    Lost,
}

/// A session as it is written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRecord {
    /// Which viewer; counted up for the life of the database.
    pub id: ViewerId,
    /// What it watched.
    pub channel: ChannelId,
    /// Whom it counts for: the name of an API key, else the address.
    pub user: String,
    /// Where from.
    pub addr: IpAddr,
    /// What it called itself. Text from outside.
    pub user_agent: String,
    /// How: `ts`, `hls` or `hdhomerun`.
    pub via: String,
    /// Since when.
    pub since: UtcMillis,
    /// When it last took something.
    pub seen: UtcMillis,
    /// When and why it ended; `None` while it goes on.
    pub ended: Option<(UtcMillis, SessionEnd)>,
    /// Bytes it took.
    pub bytes: u64,
    /// How often it was moved to now because it was too slow.
    pub skips: u32,
}

/// What a user agent is called among people: `VLC/3.0.20 LibVLC/3.0.20` is `VLC 3.0.20`.
///
/// Never empty; what is not known is shown by its first word.
pub fn client_name(user_agent: &str) -> String {
    /// What stands in a user agent, the client's name, and the word whose version is told.
    const KNOWN: &[(&str, &str, &str)] = &[
        ("Kodi/", "Kodi", "Kodi/"),
        ("VLC/", "VLC", "VLC/"),
        ("PlexMediaServer", "Plex", ""),
        ("Plex", "Plex", ""),
        ("Jellyfin", "Jellyfin", "Jellyfin-Server/"),
        ("Emby", "Emby", ""),
        ("TiviMate", "TiviMate", "TiviMate/"),
        ("HDHomeRun", "HDHomeRun", ""),
        ("hdhomerun", "HDHomeRun", ""),
        ("Channels", "Channels DVR", ""),
        ("mpv", "mpv", "mpv "),
        ("AppleCoreMedia", "Apple player", ""),
        ("ExoPlayer", "ExoPlayer", "ExoPlayerLib/"),
        ("Lavf/", "ffmpeg", "Lavf/"),
        ("curl/", "curl", "curl/"),
        ("Edg/", "Edge", "Edg/"),
        ("OPR/", "Opera", "OPR/"),
        ("Firefox/", "Firefox", "Firefox/"),
        ("Chrome/", "Chrome", "Chrome/"),
        ("Safari/", "Safari", "Version/"),
    ];
    let found = KNOWN.iter().find(|(mark, ..)| user_agent.contains(mark));
    if let Some((_, name, before)) = found {
        let version = user_agent.split_once(before).filter(|_| !before.is_empty());
        let version: String = version.map_or_else(String::new, |(_, rest)| {
            rest.chars().take_while(|c| c.is_ascii_digit() || *c == '.').take(12).collect()
        });
        let version = version.trim_end_matches('.');
        return if version.is_empty() { (*name).to_owned() } else { format!("{name} {version}") };
    }
    let word = user_agent.split(['/', ' ']).find(|word| !word.is_empty());
    word.map_or_else(|| "unknown".to_owned(), |word| word.chars().take(40).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_called_what_people_call_them() {
        for (agent, name) in [
            ("VLC/3.0.20 LibVLC/3.0.20", "VLC 3.0.20"),
            ("Kodi/20.5 (Linux; Android 11) Version/20.5", "Kodi 20.5"),
            ("Lavf/60.16.100", "ffmpeg 60.16.100"),
            (
                "Mozilla/5.0 (X11) AppleWebKit/537.36 Chrome/120.0.0.0 Safari/537.36",
                "Chrome 120.0.0.0",
            ),
            ("Mozilla/5.0 (Macintosh) Version/17.1 Safari/605.1.15", "Safari 17.1"),
            ("Tvheadend/4.3", "Tvheadend"),
            ("", "unknown"),
            ("/", "unknown"),
        ] {
            assert_eq!(client_name(agent), name, "{agent}");
        }
    }
}
