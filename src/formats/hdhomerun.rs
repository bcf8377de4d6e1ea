//! The HDHomeRun's HTTP documents: device, line-up and status, key for key as the real one sends.
//!
//! The device says it is an `HDHR5-4US`: clients treat that as a plain tuner. Saying `HDTC-2US`, as
//! most emulators do, makes Jellyfin ask for `?transcode=` renditions that we do not make.
//!
//! A channel has one stream address, wherever the line-up was asked for, and it has no query,
//! because Plex appends its own.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::escape_xml;
use crate::domain::{AudioCodec, InvalidField, LineupChannel, VideoCodec};

/// What the device says it is; see the module's doc.
pub const MODEL: &str = "HDHR5-4US";
/// Name of the hardware behind [`MODEL`].
pub const HARDWARE: &str = "HDHR5-4US";
/// Name of the firmware behind [`MODEL`].
pub const FIRMWARE: &str = "hdhomerun5_atsc";
/// Version of that firmware.
pub const FIRMWARE_VERSION: &str = "20250815";

/// A device id whose last digit is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DeviceId(u32);

impl DeviceId {
    /// Makes a new id from chance; generate it once and keep it, clients know the device by it.
    pub fn generate(chance: u32) -> Self {
        // Real tuners' ids begin with 10.
        let digits = 0x1000_0000 | (chance & 0x000F_FFFF) << 4;
        Self(digits | check(digits))
    }

    /// The id as a number.
    pub fn value(self) -> u32 {
        self.0
    }

    /// The `UPnP` id that goes with it.
    pub fn uuid(self) -> String {
        format!("65787374-7265-4d74-8674-0000{:08x}", self.0)
    }
}

/// What makes the digits add up: 0 for a whole valid id, else the last digit where it is still 0.
fn check(digits: u32) -> u32 {
    const SWAP: [u32; 16] = [0xA, 5, 0xF, 6, 7, 0xC, 1, 0xB, 9, 2, 8, 0xD, 4, 3, 0xE, 0];
    let digit = |index: u32| digits >> (4 * index) & 0xF;
    [7, 5, 3, 1]
        .into_iter()
        .fold(0, |sum, index| sum ^ SWAP[digit(index) as usize] ^ digit(index - 1))
}

impl FromStr for DeviceId {
    type Err = InvalidField;

    fn from_str(text: &str) -> Result<Self, InvalidField> {
        let invalid = |fix: String| {
            InvalidField::new("device_id", format!("{text:?} is not an HDHomeRun device id"), fix)
        };
        if text.len() != 8 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(invalid("write 8 hexadecimal digits, or leave it out".to_owned()));
        }
        let value = u32::from_str_radix(text, 16)
            .map_err(|e| invalid(format!("write 8 hexadecimal digits ({e})")))?;
        let wrong = check(value);
        if wrong != 0 {
            let right = Self(value ^ wrong);
            return Err(invalid(format!("its last digit is a check digit: write {right}")));
        }
        Ok(Self(value))
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08X}", self.0)
    }
}

/// The tuner device that this server plays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its id.
    pub device_id: DeviceId,
    /// What cloud services would know it by; clients only want to see something.
    pub device_auth: String,
    /// Its name for people.
    pub friendly_name: String,
    /// Channels it can deliver at a time.
    pub tuner_count: u8,
}

/// What a tuner is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TunerUse {
    /// Nothing.
    Idle,
    /// Delivering a channel.
    Tuned {
        /// Which number.
        number: String,
        /// Its name.
        name: String,
        /// To whom.
        client: String,
    },
}

/// `discover.json`; `base` is the address below which the device's documents are.
pub fn discover_json(device: &Device, base: &str) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Discover<'a> {
        friendly_name: &'a str,
        model_number: &'a str,
        firmware_name: &'a str,
        firmware_version: &'a str,
        #[serde(rename = "DeviceID")]
        device_id: String,
        device_auth: &'a str,
        #[serde(rename = "BaseURL")]
        base_url: &'a str,
        #[serde(rename = "LineupURL")]
        lineup_url: String,
        tuner_count: u8,
    }
    json(&Discover {
        friendly_name: &device.friendly_name,
        model_number: MODEL,
        firmware_name: FIRMWARE,
        firmware_version: FIRMWARE_VERSION,
        device_id: device.device_id.to_string(),
        device_auth: &device.device_auth,
        base_url: base,
        lineup_url: format!("{base}/lineup.json"),
        tuner_count: device.tuner_count,
    })
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    guide_number: String,
    guide_name: String,
    video_codec: &'static str,
    audio_codec: &'static str,
    #[serde(rename = "HD", skip_serializing_if = "Option::is_none")]
    hd: Option<u8>,
    #[serde(rename = "URL")]
    url: String,
}

fn entry(channel: &LineupChannel, server: &str) -> Entry {
    Entry {
        guide_number: channel.number.to_string(),
        guide_name: guide_name(channel),
        video_codec: match channel.video_codec {
            VideoCodec::H264 => "H264",
            VideoCodec::Hevc => "HEVC",
        },
        audio_codec: match channel.audio_codec {
            AudioCodec::Aac => "AAC",
            AudioCodec::Ac3 => "AC3",
        },
        hd: channel.is_hd().then_some(1),
        url: stream_url(channel, server),
    }
}

/// Address of a channel's stream; `server` is this server's address without `/` at its end.
pub fn stream_url(channel: &LineupChannel, server: &str) -> String {
    format!("{server}/hdhomerun/auto/v{}", channel.number)
}

/// The name without its number in front, which clients show themselves, if 3 letters remain.
fn guide_name(channel: &LineupChannel) -> String {
    let name = channel.name.trim();
    let number = channel.number.to_string();
    if let Some(rest) = name.strip_prefix(&number)
        && rest.starts_with([' ', '-', '.', '_', ':'])
    {
        let rest = rest.trim_start_matches([' ', '-', '.', '_', ':']);
        if rest.chars().count() >= 3 {
            return rest.to_owned();
        }
    }
    name.to_owned()
}

/// `lineup.json`; `server` is this server's address without `/` at its end.
pub fn lineup_json(channels: &[LineupChannel], server: &str) -> String {
    let entries: Vec<Entry> = channels.iter().map(|channel| entry(channel, server)).collect();
    json(&entries)
}

/// `lineup.xml`: the same as [`lineup_json`].
pub fn lineup_xml(channels: &[LineupChannel], server: &str) -> String {
    let mut text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Lineup>\n".to_owned();
    for channel in channels {
        let entry = entry(channel, server);
        text.push_str("  <Program>");
        let mut element = |name: &str, value: &str| {
            text.push_str(&format!("<{name}>"));
            escape_xml(&mut text, value);
            text.push_str(&format!("</{name}>"));
        };
        element("GuideNumber", &entry.guide_number);
        element("GuideName", &entry.guide_name);
        element("VideoCodec", entry.video_codec);
        element("AudioCodec", entry.audio_codec);
        if entry.hd.is_some() {
            element("HD", "1");
        }
        element("URL", &entry.url);
        text.push_str("</Program>\n");
    }
    text.push_str("</Lineup>\n");
    text
}

/// `lineup.m3u`: the same as [`lineup_json`].
pub fn lineup_m3u(channels: &[LineupChannel], server: &str) -> String {
    let mut text = "#EXTM3U\n".to_owned();
    for channel in channels {
        let (number, name) = (&channel.number, super::m3u::harmless(&guide_name(channel)));
        text.push_str(&format!(
            "#EXTINF:-1 channel-id=\"{number}\" channel-number=\"{number}\" \
             tvg-name=\"{name}\",{number} {name}\n{}\n",
            stream_url(channel, server)
        ));
    }
    text
}

/// `lineup_status.json`: the channels are found, and a scan may be asked for.
pub fn lineup_status_json() -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Status {
        scan_in_progress: u8,
        scan_possible: u8,
        source: &'static str,
        source_list: [&'static str; 1],
    }
    json(&Status { scan_in_progress: 0, scan_possible: 1, source: "Cable", source_list: ["Cable"] })
}

/// `status.json`: what every tuner is doing.
pub fn status_json(tuners: &[TunerUse]) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Tuner<'a> {
        resource: String,
        #[serde(flatten)]
        tuned: Option<Tuned<'a>>,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Tuned<'a> {
        vct_number: &'a str,
        vct_name: &'a str,
        signal_strength_percent: u8,
        signal_quality_percent: u8,
        symbol_quality_percent: u8,
        #[serde(rename = "TargetIP")]
        target_ip: &'a str,
    }
    fn tuned(tuner: &TunerUse) -> Option<Tuned<'_>> {
        let TunerUse::Tuned { number, name, client } = tuner else { return None };
        Some(Tuned {
            vct_number: number,
            vct_name: name,
            signal_strength_percent: 100,
            signal_quality_percent: 100,
            symbol_quality_percent: 100,
            target_ip: client,
        })
    }
    let row = |(index, tuner)| Tuner { resource: format!("tuner{index}"), tuned: tuned(tuner) };
    let rows: Vec<Tuner<'_>> = tuners.iter().enumerate().map(row).collect();
    json(&rows)
}

/// `device.xml`, the `UPnP` description; `base` is the address below which it is found.
pub fn device_xml(device: &Device, base: &str) -> String {
    let mut name = String::new();
    escape_xml(&mut name, &device.friendly_name);
    let mut url = String::new();
    escape_xml(&mut url, base);
    let (id, uuid) = (device.device_id, device.device_id.uuid());
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <root xmlns=\"urn:schemas-upnp-org:device-1-0\">\n\
         \x20 <specVersion><major>1</major><minor>0</minor></specVersion>\n\
         \x20 <URLBase>{url}</URLBase>\n\
         \x20 <device>\n\
         \x20   <deviceType>urn:schemas-upnp-org:device:MediaServer:1</deviceType>\n\
         \x20   <friendlyName>{name}</friendlyName>\n\
         \x20   <manufacturer>Silicondust</manufacturer>\n\
         \x20   <modelName>{MODEL}</modelName>\n\
         \x20   <modelNumber>{MODEL}</modelNumber>\n\
         \x20   <serialNumber>{id}</serialNumber>\n\
         \x20   <UDN>uuid:{uuid}</UDN>\n\
         \x20   <presentationURL>{url}</presentationURL>\n\
         \x20 </device>\n\
         </root>\n"
    )
}

/// Our documents are structs of texts and numbers, which always can be written.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|e| format!("{{\"error\":\"{e}\"}}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::lineup_channel;
    use super::*;

    #[test]
    fn the_check_digit_is_checked() {
        for id in ["105ABCD1", "6130470C", "E5E17005", "105abcd1"] {
            assert_eq!(id.parse::<DeviceId>().unwrap().to_string(), id.to_uppercase());
        }
        let fix = |id: &str| id.parse::<DeviceId>().unwrap_err().fix;
        assert_eq!(fix("E5E17001"), "its last digit is a check digit: write E5E17005");
        assert_eq!(fix("xyz"), "write 8 hexadecimal digits, or leave it out");
        assert_eq!(fix("+105ABCD"), "write 8 hexadecimal digits, or leave it out");
    }

    #[test]
    fn the_device_reads_as_published() {
        let device = device();
        insta::assert_snapshot!("discover", discover_json(&device, "http://tv:8411"));
        insta::assert_snapshot!("device", device_xml(&device, "http://tv:8411"));
    }

    #[test]
    fn the_lineup_reads_as_published_in_every_form() {
        let mut small = lineup_channel("2 7.1 7.1 - Lost & \"Found\", late");
        small.height = 360;
        let lineup = [lineup_channel("1 5 5 Films"), small];
        let server = "http://tv:8411";
        insta::assert_snapshot!("lineup_json", lineup_json(&lineup, server));
        insta::assert_snapshot!("lineup_xml", lineup_xml(&lineup, server));
        insta::assert_snapshot!("lineup_m3u", lineup_m3u(&lineup, server));
        insta::assert_snapshot!("lineup_status", lineup_status_json());
    }

    #[test]
    fn busy_tuners_say_what_they_deliver() {
        let tuned =
            TunerUse::Tuned { number: "5".into(), name: "Films".into(), client: "10.0.0.2".into() };
        insta::assert_snapshot!("status", status_json(&[tuned, TunerUse::Idle]));
    }

    #[test]
    fn a_number_in_front_of_a_name_goes_if_enough_remains() {
        let shown = |text: &str| guide_name(&lineup_channel(text));
        assert_eq!(shown("1 5 5 Films"), "Films");
        assert_eq!(shown("1 5 5. Films"), "Films");
        assert_eq!(shown("1 5 5 TV"), "5 TV");
        assert_eq!(shown("1 5 50 Films"), "50 Films");
        assert_eq!(shown("1 24 24"), "24");
        assert_eq!(shown("1 5 5-0 Hawaii"), "0 Hawaii");
    }

    proptest! {
        #[test]
        fn a_generated_id_is_valid(chance: u32) {
            let id = DeviceId::generate(chance);
            prop_assert_eq!(id.to_string().parse::<DeviceId>().unwrap(), id);
            prop_assert!(id.to_string().starts_with("10"));
        }
    }

    fn device() -> Device {
        Device {
            device_id: DeviceId::generate(0x5ABCD),
            device_auth: "exstreamtv".into(),
            friendly_name: "EXStreamTV <den>".into(),
            tuner_count: 4,
        }
    }
}
