//! The playlist of all channels, as IPTV players read it.
//!
//! Players parse this format by hand and each in its own way, so texts are made harmless instead
//! of escaped: no quote, no line break, and the comma, at which some players cut and others cut
//! from the end, becomes `‚` (U+201A), which looks the same and means nothing to them.

use super::logo_url;
use crate::domain::LineupChannel;

/// How the channels are offered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Transport stream or HLS.
    pub stream: StreamKind,
    /// Put on every address of this server.
    pub access_token: Option<String>,
    /// Tell Kodi which of its input streams to take; other players would show the lines as noise.
    pub kodi: bool,
}

impl Options {
    /// Whether this user agent is Kodi's.
    pub fn is_kodi(user_agent: &str) -> bool {
        user_agent.get(..4).is_some_and(|name| name.eq_ignore_ascii_case("kodi"))
    }
}

/// What a channel's address answers with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StreamKind {
    /// One endless MPEG transport stream.
    #[default]
    Ts,
    /// An HLS playlist.
    Hls,
}

/// The playlist, channels in the order given. `base` is this server's address without `/` at its
/// end.
pub fn render(channels: &[LineupChannel], base: &str, options: &Options) -> String {
    let token = options.access_token.as_deref().map(percent_encode);
    let query = token.map(|token| format!("?access_token={token}")).unwrap_or_default();
    let guide = format!("{base}/iptv/xmltv.xml{query}");
    let mut text = String::with_capacity(200 + channels.len() * 300);
    text.push_str(&format!("#EXTM3U url-tvg=\"{guide}\" x-tvg-url=\"{guide}\"\n"));
    for channel in channels {
        let number = &channel.number;
        let name = harmless(&channel.name);
        let guide_id = channel.id.guide_id();
        text.push_str(&format!(
            "#EXTINF:-1 tvg-id=\"{guide_id}\" channel-id=\"{guide_id}\" \
             channel-number=\"{number}\" tvg-chno=\"{number}\" tvg-name=\"{name}\""
        ));
        if let Some(logo) = logo_url(channel, base) {
            text.push_str(&format!(" tvg-logo=\"{}\"", url_safe(&logo)));
        }
        if let Some(group) = &channel.group {
            text.push_str(&format!(" group-title=\"{}\"", harmless(group)));
        }
        // Channels DVR starts faster when it need not find the codecs out.
        let (video, audio) = (channel.video_codec.as_str(), channel.audio_codec.as_str());
        text.push_str(&format!(
            " tvc-stream-vcodec=\"{video}\" tvc-stream-acodec=\"{audio}\",{name}\n"
        ));
        let (extension, mime) = match options.stream {
            StreamKind::Ts => ("ts", "video/mp2t"),
            StreamKind::Hls => ("m3u8", "application/x-mpegURL"),
        };
        if options.kodi {
            text.push_str("#KODIPROP:inputstream=inputstream.ffmpegdirect\n");
            text.push_str(&format!("#KODIPROP:mimetype={mime}\n"));
        }
        text.push_str(&format!("{base}/iptv/channel/{number}.{extension}{query}\n"));
    }
    text
}

/// A text that no player trips over; see the module's doc.
pub(super) fn harmless(text: &str) -> String {
    let letter = |letter: char| match letter {
        '"' => '\'',
        ',' => '\u{201A}',
        letter if letter.is_control() || letter == '\u{2028}' || letter == '\u{2029}' => ' ',
        letter => letter,
    };
    text.trim().chars().map(letter).collect()
}

/// An address without what would end the attribute or the line.
fn url_safe(url: &str) -> String {
    url.chars()
        .filter(|letter| !letter.is_control())
        .map(|letter| match letter {
            '"' => "%22".to_owned(),
            ' ' => "%20".to_owned(),
            ',' => "%2C".to_owned(),
            letter => letter.to_string(),
        })
        .collect()
}

fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::lineup_channel;
    use super::*;

    #[test]
    fn the_playlist_reads_as_published() {
        let mut films = lineup_channel("1 5 Films");
        films.group = Some("Cinema".into());
        films.logo = Some("/static/films logo.png".into());
        let mut lock = lineup_channel("12 7.1 Lock, Stock & \"Two\"");
        lock.logo = Some("https://logos.example/a.png".into());
        insta::assert_snapshot!(render(&[films, lock], "http://tv:8411", &Options::default()));
    }

    #[test]
    fn kodi_hears_which_input_stream_to_take() {
        let options = Options {
            stream: StreamKind::Hls,
            access_token: Some("a b+c".into()),
            kodi: Options::is_kodi("Kodi/20.1 (X11; Linux x86_64)"),
        };
        insta::assert_snapshot!(render(&[lineup_channel("1 5 Films")], "http://tv:8411", &options));
        assert!(!Options::is_kodi("VLC/3.0 kodi"));
    }

    #[test]
    fn the_codecs_are_those_of_the_channel() {
        let mut films = lineup_channel("1 5 Films");
        films.video_codec = crate::domain::VideoCodec::Hevc;
        films.audio_codec = crate::domain::AudioCodec::Ac3;
        let text = render(&[films], "http://tv", &Options::default());
        let hints = "tvc-stream-vcodec=\"hevc\" tvc-stream-acodec=\"ac3\",Films\n";
        assert!(text.contains(hints), "{text}");
    }

    #[test]
    fn without_channels_it_is_still_a_playlist() {
        let text = render(&[], "http://tv", &Options::default());
        assert!(text.starts_with("#EXTM3U ") && text.lines().count() == 1);
    }

    proptest! {
        #[test]
        fn no_name_breaks_the_lines_or_the_quotes(name in "\\PC*|[\\r\\n\",#a]{0,9}", group in "[\\r\\n\",;a]{0,9}") {
            let mut channel = lineup_channel("3 4 x");
            channel.name = name;
            channel.group = Some(group);
            let text = render(&[channel], "http://tv", &Options::default());
            let lines: Vec<&str> = text.split('\n').collect();
            prop_assert_eq!(lines.len(), 4);
            prop_assert!(lines[1].starts_with("#EXTINF:-1 "));
            prop_assert_eq!(lines[2], "http://tv/iptv/channel/4.ts");
            prop_assert_eq!(lines[1].matches('"').count(), 2 * 8);
            prop_assert_eq!(lines[1].matches(',').count(), 1);
            prop_assert!(!text.contains('\r'));
        }
    }
}
