//! Formats that others define: what we read from disk and what clients read from us. All pure.

pub mod hdhomerun;
pub mod m3u;
pub mod medialist;
pub mod nfo;
pub mod packets;
pub mod playlist;
pub mod schedule_yaml;
pub mod xmltv;

use crate::domain::LineupChannel;

/// The address of a channel's logo, or `None` when it has none of its own.
///
/// A logo below this server begins with `base`, which has no `/` at its end.
fn logo_url(channel: &LineupChannel, base: &str) -> Option<String> {
    let logo = channel.logo.as_deref().map(str::trim).filter(|logo| !logo.is_empty())?;
    if is_absolute(logo) {
        return Some(logo.to_owned());
    }
    Some(format!("{base}/{}", logo.trim_start_matches('/')))
}

fn is_absolute(url: &str) -> bool {
    url.starts_with("http://") || url.starts_with("https://")
}

/// Adds text fit for XML content and attributes; what XML cannot carry becomes a space.
fn escape_xml(line: &mut String, text: &str) {
    let mut clean = 0;
    for (at, letter) in text.char_indices() {
        let instead = match letter {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            '"' => "&quot;",
            '\u{FFFE}' | '\u{FFFF}' => " ",
            letter if letter.is_control() => " ",
            _ => continue,
        };
        line.push_str(&text[clean..at]);
        line.push_str(instead);
        clean = at + letter.len_utf8();
    }
    line.push_str(&text[clean..]);
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::domain::{ChannelId, FrameRate, LineupChannel};

    /// Reads `id number name` into an HD channel without group and logo.
    pub(crate) fn lineup_channel(text: &str) -> LineupChannel {
        let mut words = text.splitn(3, ' ');
        let mut word = || words.next().unwrap();
        LineupChannel {
            id: ChannelId(word().parse().unwrap()),
            number: word().parse().unwrap(),
            name: word().to_owned(),
            group: None,
            logo: None,
            width: 1280,
            height: 720,
            rate: FrameRate { num: 25, den: 1 },
            video_codec: crate::domain::VideoCodec::H264,
            audio_codec: crate::domain::AudioCodec::Aac,
            audio_layout: crate::domain::AudioLayout::Stereo,
        }
    }
}
