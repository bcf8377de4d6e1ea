//! The arguments that read a broadcast of somebody else. PURE.

use std::ffi::OsString;

use super::treatment::{AudioTreatment, Repair, Treatment, VideoTreatment, Weave};
use crate::domain::{Deinterlace, Profile, Upstream};

/// What a broadcast may make ffmpeg open: no file, no pipe, no device.
const PROTOCOLS: &str =
    "http,https,tcp,tls,crypto,httpproxy,hls,rtsp,rtsps,rtp,udp,srt,rtmp,rtmps,rtmpt";
/// A source that is silent for this long is given up, in microseconds.
const SILENCE_US: &str = "10000000";

/// What is done to a broadcast: nobody has probed it, so it is always encoded.
pub fn relayed(profile: &Profile) -> Treatment {
    let deinterlace = match profile.deinterlace {
        Deinterlace::Auto => Weave::Marked,
        Deinterlace::Off => Weave::None,
        Deinterlace::Always => Weave::All,
    };
    let repair = Repair { deinterlace, ..Repair::default() };
    let why = "it is a broadcast".to_owned();
    let video = VideoTreatment::Encode { repair, why };
    Treatment { video, audio: AudioTreatment::Encode { track: 0, downmix: false } }
}

/// Everything up to and including the address.
pub(super) fn input(upstream: &Upstream) -> Vec<OsString> {
    let scheme = upstream.url.split_once("://").map_or("", |(scheme, _)| scheme);
    let scheme = scheme.to_ascii_lowercase();
    let mut words: Vec<OsString> = Vec::new();
    let mut pair = |name: &str, value: &str| words.extend([name.into(), value.into()]);
    pair("-protocol_whitelist", PROTOCOLS);
    // A tuner shows its picture soon; what is missed is found by the next probe of the decoder.
    pair("-analyzeduration", "2000000");
    match scheme.as_str() {
        "http" | "https" => {
            pair("-rw_timeout", SILENCE_US);
            if let Some(name) = &upstream.user_agent {
                pair("-user_agent", name);
            }
            if let Some(page) = &upstream.referrer {
                pair("-referer", page);
            }
        }
        "rtsp" | "rtsps" => {
            pair("-rtsp_transport", "tcp");
            pair("-timeout", SILENCE_US);
        }
        "udp" => pair("-timeout", SILENCE_US),
        _ => pair("-rw_timeout", SILENCE_US),
    }
    pair("-i", &upstream.url);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words for an address that its scheme brings.
    fn check(url: &str, expected: &str) {
        let upstream = Upstream {
            url: url.to_owned(),
            user_agent: Some("Box; a b".to_owned()),
            referrer: None,
        };
        let words = input(&upstream);
        let text: Vec<_> = words[4..].iter().map(|word| word.to_string_lossy()).collect();
        assert_eq!(text.join(" "), expected);
    }

    #[test]
    fn every_scheme_gets_the_options_it_knows() {
        check("http://h/1", "-rw_timeout 10000000 -user_agent Box; a b -i http://h/1");
        check("rtsp://h/1", "-rtsp_transport tcp -timeout 10000000 -i rtsp://h/1");
        check("udp://@239.0.0.1:1", "-timeout 10000000 -i udp://@239.0.0.1:1");
        check("srt://h:1", "-rw_timeout 10000000 -i srt://h:1");
    }

    #[test]
    fn no_broadcast_opens_a_file() {
        let allowed: Vec<&str> = PROTOCOLS.split(',').collect();
        for barred in ["file", "pipe", "fd", "concat", "data", "subfile", "unix"] {
            assert!(!allowed.contains(&barred), "{barred}");
        }
    }
}
