//! The arguments that read a broadcast of somebody else. PURE.
//!
//! A name is asked once, by us: what speaks HTTP goes through a proxy of ours that connects to what
//! was checked, redirections and the segments of HLS included, and of what carries an address and
//! no name (RTSP, RTP, SRT, UDP) the name is replaced by the address. RTMP and what is encrypted
//! without HTTP need the name, so there ffmpeg asks again.
//!
//! The certificate of an https address is checked. ffmpeg does not hand that on to the segments of
//! HLS.

use core::net::IpAddr;
use std::ffi::OsString;
use std::path::PathBuf;

use super::treatment::{AudioTreatment, Repair, Treatment, VideoTreatment, Weave};
use crate::domain::{Deinterlace, Profile, Upstream};

/// What a broadcast may make ffmpeg open: no file, no pipe, no device.
const PROTOCOLS: &str =
    "http,https,tcp,tls,crypto,httpproxy,hls,rtsp,rtsps,rtp,udp,srt,rtmp,rtmps,rtmpt";
/// A source that is silent for this long is given up, in microseconds.
const SILENCE_US: &str = "10000000";

/// Where a broadcast comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inlet {
    /// The place, by name or by the address that [`Inlet::pinned`] gave it.
    pub place: Upstream,
    /// The proxy that all HTTP goes through, such as `http://127.0.0.1:4000`.
    pub proxy: Option<String>,
    /// Whom a certificate must be signed by, as a file in PEM; `None` leaves it to ffmpeg.
    pub authorities: Option<PathBuf>,
}

impl Inlet {
    /// The place by `address` instead of its name, where that works.
    pub fn pinned(place: &Upstream, address: IpAddr) -> Upstream {
        let pins = matches!(scheme(&place.url).as_str(), "rtsp" | "rtp" | "srt" | "udp");
        let url = if pins { with_host(&place.url, address) } else { None };
        Upstream { url: url.unwrap_or_else(|| place.url.clone()), ..place.clone() }
    }

    /// Whether a place is asked over HTTP.
    pub fn speaks_http(place: &Upstream) -> bool {
        matches!(scheme(&place.url).as_str(), "http" | "https")
    }
}

/// The address with another host in it.
fn with_host(url: &str, address: IpAddr) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (before, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (format!("{user}@"), host),
        None => (String::new(), authority),
    };
    let name_ends = host.rfind(']').map_or(0, |bracket| bracket + 1);
    let port = host.get(name_ends..)?.rfind(':').map_or("", |colon| &host[name_ends + colon..]);
    let address = match address {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("[{v6}]"),
    };
    Some(format!("{scheme}://{before}{address}{port}{path}"))
}

fn scheme(url: &str) -> String {
    url.split_once("://").map_or("", |(scheme, _)| scheme).to_ascii_lowercase()
}

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
pub(super) fn input(inlet: &Inlet) -> Vec<OsString> {
    let Inlet { place: upstream, proxy, authorities } = inlet;
    let scheme = scheme(&upstream.url);
    let mut words: Vec<OsString> = Vec::new();
    let mut pair = |name: &str, value: &str| words.extend([name.into(), value.into()]);
    pair("-protocol_whitelist", PROTOCOLS);
    // A tuner shows its picture soon; what is missed is found by the next probe of the decoder.
    pair("-analyzeduration", "2000000");
    match scheme.as_str() {
        "http" | "https" => {
            pair("-rw_timeout", SILENCE_US);
            if let Some(proxy) = proxy {
                pair("-http_proxy", proxy);
            }
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
    if scheme == "https" {
        let file = authorities.iter().flat_map(|file| ["-ca_file".into(), file.clone().into()]);
        let check = ["-tls_verify".into(), "1".into()];
        words.splice(0..0, check.into_iter().chain(file));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words for an address that its scheme brings.
    fn check(url: &str, expected: &str) {
        let place = Upstream {
            url: url.to_owned(),
            user_agent: Some("Box; a b".to_owned()),
            referrer: None,
        };
        let inlet = Inlet { place, proxy: None, authorities: Some("/ca.pem".into()) };
        let words = input(&inlet);
        let text: Vec<_> = words[4..].iter().map(|word| word.to_string_lossy()).collect();
        assert_eq!(text.join(" "), expected);
    }

    #[test]
    fn every_scheme_gets_the_options_it_knows() {
        check("http://h/1", "-rw_timeout 10000000 -user_agent Box; a b -i http://h/1");
        check("rtsp://h/1", "-rtsp_transport tcp -timeout 10000000 -i rtsp://h/1");
        check("udp://@239.0.0.1:1", "-timeout 10000000 -i udp://@239.0.0.1:1");
        check("srt://h:1", "-rw_timeout 10000000 -i srt://h:1");
        let rest = "-protocol_whitelist";
        let words = input(&Inlet {
            place: place("HTTPS://h/1"),
            proxy: Some("http://127.0.0.1:4".to_owned()),
            authorities: Some("/ca.pem".into()),
        });
        let text: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
        assert_eq!(text[..5].join(" "), format!("-tls_verify 1 -ca_file /ca.pem {rest}"));
        assert!(text.join(" ").contains("-http_proxy http://127.0.0.1:4 -i HTTPS://h/1"));
    }

    fn place(url: &str) -> Upstream {
        Upstream { url: url.to_owned(), user_agent: None, referrer: None }
    }

    #[test]
    fn a_name_is_replaced_where_only_the_address_counts() {
        let pin = |url: &str, to: &str| Inlet::pinned(&place(url), to.parse().unwrap()).url;
        assert_eq!(
            pin("rtsp://u:p@cam.lan:554/1?a=b", "10.0.0.2"),
            "rtsp://u:p@10.0.0.2:554/1?a=b"
        );
        assert_eq!(pin("srt://cam.lan:9", "fd00::2"), "srt://[fd00::2]:9");
        assert_eq!(pin("udp://@[ff02::1]:9", "ff02::1"), "udp://@[ff02::1]:9");
        assert_eq!(pin("udp://cam.lan?x=1", "10.0.0.2"), "udp://10.0.0.2?x=1");
        assert_eq!(pin("rtmp://cam.lan/1", "10.0.0.2"), "rtmp://cam.lan/1");
        assert_eq!(pin("https://cam.lan/1", "10.0.0.2"), "https://cam.lan/1");
    }

    #[test]
    fn no_broadcast_opens_a_file() {
        let allowed: Vec<&str> = PROTOCOLS.split(',').collect();
        for barred in ["file", "pipe", "fd", "concat", "data", "subfile", "unix"] {
            assert!(!allowed.contains(&barred), "{barred}");
        }
    }
}
