//! Reads the playlists of others: M3U as IPTV providers write it.
//!
//! There is no standard, only habit: a line `#EXTINF:-1 key="value" …,Name`, lines of other
//! programs' options, then the address. What cannot be read is passed over; a playlist never fails
//! as a whole because of one entry.

use crate::domain::Upstream;

/// Longest line that is looked at; no provider needs more, and junk must not cost memory.
const LONGEST_LINE: usize = 8 * 1024;

/// One entry of a playlist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name, never empty, one line.
    pub name: String,
    /// What guides call it.
    pub guide_id: Option<String>,
    /// Its group.
    pub group: Option<String>,
    /// Where it can be had.
    pub upstream: Upstream,
}

/// What an address gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Playlist {
    /// A list of entries, in its order; those without an address that can be played are left out.
    Entries(Vec<Entry>),
    /// The playlist of *one* HLS stream: the address it came from is the broadcast.
    OneStream,
}

/// Reads a playlist; anything at all gives a list, if an empty one.
pub fn parse(text: &str) -> Playlist {
    let mut entries = Vec::new();
    let mut draft = Draft::default();
    for line in text.trim_start_matches('\u{feff}').lines() {
        let line = line.trim();
        if line.starts_with("#EXT-X-") {
            // Only HLS has these; providers' lists never do.
            return Playlist::OneStream;
        }
        if line.is_empty() || line.len() > LONGEST_LINE {
            continue;
        }
        if let Some(info) = line.strip_prefix("#EXTINF:") {
            draft = Draft::of(info);
        } else if let Some(group) = line.strip_prefix("#EXTGRP:") {
            draft.group = draft.group.take().or_else(|| one_line(group));
        } else if let Some(option) = line.strip_prefix("#EXTVLCOPT:") {
            draft.option(option);
        } else if !line.starts_with('#') {
            entries.extend(std::mem::take(&mut draft).entry(line));
        }
    }
    Playlist::Entries(entries)
}

/// Whether an address has a scheme that can be relayed.
pub fn is_playable(url: &str) -> bool {
    const SCHEMES: [&str; 8] = ["http", "https", "rtsp", "rtsps", "rtmp", "udp", "rtp", "srt"];
    let scheme = url.split_once("://").map(|(scheme, rest)| (scheme.to_ascii_lowercase(), rest));
    scheme.is_some_and(|(scheme, rest)| {
        let host = rest.trim_start_matches('@');
        SCHEMES.contains(&scheme.as_str())
            && host.starts_with(|first: char| first.is_alphanumeric() || first == '[')
            && !url.contains(|letter: char| letter.is_control() || letter.is_whitespace())
    })
}

/// What is known of an entry before its address.
#[derive(Default)]
struct Draft {
    name: Option<String>,
    guide_id: Option<String>,
    group: Option<String>,
    user_agent: Option<String>,
    referrer: Option<String>,
}

impl Draft {
    fn of(info: &str) -> Self {
        let mut draft = Self::default();
        let mut rest = info;
        // The name follows the first comma that is not inside quotes.
        let mut quoted = false;
        let comma = info.char_indices().find(|(_, letter)| {
            quoted ^= *letter == '"';
            *letter == ',' && !quoted
        });
        if let Some((at, _)) = comma {
            draft.name = one_line(&info[at + 1..]);
            rest = &info[..at];
        }
        while let Some((before, after)) = rest.split_once("=\"") {
            let key = before.rsplit(char::is_whitespace).next().unwrap_or_default();
            let (value, behind) = after.split_once('"').unwrap_or((after, ""));
            match key.to_ascii_lowercase().as_str() {
                "tvg-id" => draft.guide_id = one_line(value),
                "tvg-name" if draft.name.is_none() => draft.name = one_line(value),
                "group-title" => draft.group = one_line(value),
                "user-agent" | "http-user-agent" => draft.user_agent = one_line(value),
                _ => {}
            }
            rest = behind;
        }
        draft
    }

    fn option(&mut self, option: &str) {
        let Some((key, value)) = option.split_once('=') else { return };
        match key.trim().to_ascii_lowercase().as_str() {
            "http-user-agent" => self.user_agent = one_line(value),
            "http-referrer" | "http-referer" => self.referrer = one_line(value),
            _ => {}
        }
    }

    fn entry(self, address: &str) -> Option<Entry> {
        // Kodi's habit: headers behind a bar.
        let (url, headers) = address.split_once('|').unwrap_or((address, ""));
        if !is_playable(url) {
            return None;
        }
        let mut upstream =
            Upstream { url: url.to_owned(), user_agent: self.user_agent, referrer: self.referrer };
        for header in headers.split('&') {
            let Some((key, value)) = header.split_once('=') else { continue };
            match key.to_ascii_lowercase().as_str() {
                "user-agent" => upstream.user_agent = one_line(value),
                "referer" => upstream.referrer = one_line(value),
                _ => {}
            }
        }
        let name = self.name.or_else(|| self.guide_id.clone());
        let name = name.unwrap_or_else(|| upstream.host());
        Some(Entry { name, guide_id: self.guide_id, group: self.group, upstream })
    }
}

/// The text on one line, at most 200 characters; `None` when nothing is left.
fn one_line(text: &str) -> Option<String> {
    let clean: String =
        text.trim().chars().filter(|letter| !letter.is_control()).take(200).collect();
    (!clean.is_empty()).then_some(clean)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entries(text: &str) -> Vec<Entry> {
        match parse(text) {
            Playlist::Entries(entries) => entries,
            Playlist::OneStream => panic!("a list was expected"),
        }
    }

    #[test]
    fn a_providers_list_is_read() {
        let text = "\u{feff}#EXTM3U url-tvg=\"x\"\r\n\
            #EXTINF:-1 tvg-id=\"one.tv\" tvg-name=\"ONE\" group-title=\"News, local\",One, HD\r\n\
            #EXTVLCOPT:http-user-agent=Box/1\r\n\
            #EXTVLCOPT:http-referrer=http://page/\r\n\
            http://user:secret@host:80/live/1.ts?token=x\r\n\
            #EXTINF:0,\n#EXTGRP:Sport\nrtsp://host/two|User-Agent=Kodi&Referer=http://r/\n\
            /local/file.mp4\nfile:///etc/passwd\n";
        let all = entries(text);
        assert_eq!(all.len(), 2);
        assert_eq!((all[0].name.as_str(), all[0].guide_id.as_deref()), ("One, HD", Some("one.tv")));
        assert_eq!(all[0].group.as_deref(), Some("News, local"));
        assert_eq!(all[0].upstream.user_agent.as_deref(), Some("Box/1"));
        assert_eq!(all[0].upstream.referrer.as_deref(), Some("http://page/"));
        assert_eq!(all[0].upstream.host(), "http://host:80");
        assert_eq!(all[1].name, "rtsp://host");
        assert_eq!(all[1].group.as_deref(), Some("Sport"));
        assert_eq!(all[1].upstream.user_agent.as_deref(), Some("Kodi"));
    }

    #[test]
    fn a_playlist_of_segments_is_one_stream() {
        let text = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\na.ts\n";
        assert_eq!(parse(text), Playlist::OneStream);
        let master = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlow.m3u8\n";
        assert_eq!(parse(master), Playlist::OneStream);
    }

    #[test]
    fn addresses_of_files_and_options_are_not_played() {
        for url in ["file:///x", "concat:a|b", "-i", "http://", "pipe:0", "http://a b/", "data:,x"]
        {
            assert!(!is_playable(url), "{url}");
        }
        for url in ["http://h/x", "HTTPS://h", "udp://@239.0.0.1:1234", "rtsp://[::1]/a"] {
            assert!(is_playable(url), "{url}");
        }
    }

    #[test]
    fn what_may_be_secret_is_not_in_the_debug_output() {
        let text = "#EXTINF:-1,A\nhttp://user:secret@host/live?token=secret\n";
        assert!(!format!("{:?}", entries(text)).contains("secret"));
    }

    proptest! {
        #[test]
        fn nothing_breaks_it(text in "(#EXTINF:|,|\"|=|\\||http://|\\r?\\n|[a-z\\u{0}-\\u{2fff}]){0,40}") {
            if let Playlist::Entries(entries) = parse(&text) {
                for entry in entries {
                    prop_assert!(!entry.name.is_empty() && !entry.name.contains(['\n', '\r']));
                    prop_assert!(is_playable(&entry.upstream.url));
                }
            }
        }
    }
}
