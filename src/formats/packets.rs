//! HDHomeRun packets: discovery (UDP) and control (TCP), both on port 65001.
//!
//! A packet is a type, a length, tagged values and a CRC-32. Numbers are big-endian, only the CRC
//! is little-endian. Nothing here trusts what it reads: lengths are checked before they are used.

use super::hdhomerun::Device;

/// The port of both protocols.
pub const PORT: u16 = 65001;

/// Longest packet there is.
pub const MAX_PACKET: usize = 1460;

const DISCOVER_REQUEST: u16 = 0x0002;
const DISCOVER_REPLY: u16 = 0x0003;
const CONTROL_REQUEST: u16 = 0x0004;
const CONTROL_REPLY: u16 = 0x0005;

const TAG_DEVICE_TYPE: u8 = 0x01;
const TAG_DEVICE_ID: u8 = 0x02;
const TAG_NAME: u8 = 0x03;
const TAG_VALUE: u8 = 0x04;
const TAG_ERROR: u8 = 0x05;
const TAG_TUNER_COUNT: u8 = 0x10;
const TAG_LOCK_KEY: u8 = 0x15;
const TAG_LINEUP_URL: u8 = 0x27;
const TAG_BASE_URL: u8 = 0x2A;
const TAG_DEVICE_AUTH: u8 = 0x2B;
const TAG_MULTI_TYPE: u8 = 0x2D;

const TYPE_TUNER: u32 = 1;
const WILDCARD: u32 = 0xFFFF_FFFF;

/// A packet taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// What it is for.
    pub kind: u16,
    /// Its tagged values in order; a value has at most 1452 bytes.
    pub tags: Vec<(u8, Vec<u8>)>,
}

/// Why bytes are not a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    /// The bytes end before the packet does.
    #[error("the packet ends early")]
    Short,
    /// It says it is longer than a packet can be.
    #[error("the packet says it has {length} bytes, more than {MAX_PACKET}")]
    TooLong {
        /// What it says.
        length: usize,
    },
    /// The checksum is wrong.
    #[error("the checksum is wrong")]
    Checksum,
    /// A value ends beyond the packet.
    #[error("tag {tag:#04x} ends beyond the packet")]
    BrokenTag {
        /// Which.
        tag: u8,
    },
    /// It is not the kind of packet that is answered here.
    #[error("packets of type {kind:#06x} are not answered")]
    OtherKind {
        /// Its type.
        kind: u16,
    },
    /// A control request that names nothing.
    #[error("the request names nothing")]
    NoName,
}

impl Packet {
    /// How many bytes the packet has that begins with these, or `None` until that can be told.
    ///
    /// # Errors
    /// When it would be longer than a packet can be.
    pub fn length(start: &[u8]) -> Result<Option<usize>, PacketError> {
        let Some(header) = start.get(2..4) else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes([header[0], header[1]])) + 8;
        if length > MAX_PACKET {
            return Err(PacketError::TooLong { length });
        }
        Ok(Some(length))
    }

    /// Reads one packet; bytes after it are ignored.
    ///
    /// # Errors
    /// When the bytes are no packet.
    pub fn decode(bytes: &[u8]) -> Result<Self, PacketError> {
        let length = Self::length(bytes)?.ok_or(PacketError::Short)?;
        let packet = bytes.get(..length).ok_or(PacketError::Short)?;
        let (covered, crc) = packet.split_at(length - 4);
        if crc32fast::hash(covered).to_le_bytes() != crc {
            return Err(PacketError::Checksum);
        }
        let kind = u16::from_be_bytes([covered[0], covered[1]]);
        let mut tags = Vec::new();
        let mut rest = &covered[4..];
        while let [tag, after @ ..] = rest {
            let broken = PacketError::BrokenTag { tag: *tag };
            let (length, after) = match after {
                [low, high, after @ ..] if low & 0x80 != 0 => {
                    (usize::from(low & 0x7F) | usize::from(*high) << 7, after)
                }
                [low, after @ ..] if low & 0x80 == 0 => (usize::from(*low), after),
                _ => return Err(broken),
            };
            let (value, after) = after.split_at_checked(length).ok_or(broken)?;
            tags.push((*tag, value.to_vec()));
            rest = after;
        }
        Ok(Self { kind, tags })
    }

    /// Writes the packet; what does not fit into [`MAX_PACKET`] is left out, tag by tag.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; 4];
        bytes[..2].copy_from_slice(&self.kind.to_be_bytes());
        for (tag, value) in &self.tags {
            let length = value.len();
            if bytes.len() + 3 + length + 4 > MAX_PACKET {
                continue;
            }
            bytes.push(*tag);
            if length <= 127 {
                bytes.push(length as u8);
            } else {
                bytes.extend([(length & 0x7F) as u8 | 0x80, (length >> 7) as u8]);
            }
            bytes.extend_from_slice(value);
        }
        let length = (bytes.len() - 4) as u16;
        bytes[2..4].copy_from_slice(&length.to_be_bytes());
        let crc = crc32fast::hash(&bytes);
        bytes.extend(crc.to_le_bytes());
        bytes
    }

    fn value(&self, tag: u8) -> Option<&[u8]> {
        self.tags.iter().find(|(of, _)| *of == tag).map(|(_, value)| value.as_slice())
    }

    fn number(&self, tag: u8) -> Option<u32> {
        self.value(tag)?.try_into().ok().map(u32::from_be_bytes)
    }

    /// A text up to its NUL, if it is UTF-8.
    fn text(&self, tag: u8) -> Option<&str> {
        let value = self.value(tag)?;
        let end = value.iter().position(|byte| *byte == 0).unwrap_or(value.len());
        std::str::from_utf8(&value[..end]).ok()
    }
}

/// Whether a discovery request asks for `device`: for tuners or anything, by its id or any.
///
/// # Errors
/// When it is no discovery request.
pub fn asks_for(request: &[u8], device: &Device) -> Result<bool, PacketError> {
    let packet = Packet::decode(request)?;
    if packet.kind != DISCOVER_REQUEST {
        return Err(PacketError::OtherKind { kind: packet.kind });
    }
    let is_tuner = |kind: u32| kind == TYPE_TUNER || kind == WILDCARD;
    let single = packet.number(TAG_DEVICE_TYPE);
    let several = packet.value(TAG_MULTI_TYPE).unwrap_or_default();
    let in_several = several
        .chunks_exact(4)
        .any(|kind| is_tuner(u32::from_be_bytes([kind[0], kind[1], kind[2], kind[3]])));
    let any_type = single.is_none() && several.is_empty();
    let type_fits = any_type || single.is_some_and(is_tuner) || in_several;
    let id = packet.number(TAG_DEVICE_ID);
    let id_fits = id.is_none_or(|id| id == WILDCARD || id == device.device_id.value());
    Ok(type_fits && id_fits)
}

/// The answer to a discovery request; `base` is this server's address as the asker can reach it.
pub fn discover_reply(device: &Device, base: &str) -> Vec<u8> {
    let text = |text: &str| text.as_bytes().to_vec();
    let tags = vec![
        (TAG_DEVICE_TYPE, TYPE_TUNER.to_be_bytes().to_vec()),
        (TAG_DEVICE_ID, device.device_id.value().to_be_bytes().to_vec()),
        (TAG_DEVICE_AUTH, text(&device.device_auth)),
        (TAG_BASE_URL, text(base)),
        (TAG_TUNER_COUNT, vec![device.tuner_count]),
        (TAG_LINEUP_URL, text(&format!("{base}/lineup.json"))),
    ];
    Packet { kind: DISCOVER_REPLY, tags }.encode()
}

/// A control request: reads a variable, or sets it when there is a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlRequest {
    /// Such as `/tuner0/status`.
    pub name: String,
    /// The new value.
    pub value: Option<String>,
    /// The key of a client that has locked the tuner.
    pub lock_key: Option<u32>,
}

impl ControlRequest {
    /// Reads a request.
    ///
    /// # Errors
    /// When the bytes are no control request.
    pub fn decode(bytes: &[u8]) -> Result<Self, PacketError> {
        let packet = Packet::decode(bytes)?;
        if packet.kind != CONTROL_REQUEST {
            return Err(PacketError::OtherKind { kind: packet.kind });
        }
        Ok(Self {
            name: packet.text(TAG_NAME).ok_or(PacketError::NoName)?.to_owned(),
            value: packet.text(TAG_VALUE).map(str::to_owned),
            lock_key: packet.number(TAG_LOCK_KEY),
        })
    }
}

/// The answer to a control request: the variable's value, or what is wrong.
pub fn control_reply(name: &str, answer: Result<&str, &str>) -> Vec<u8> {
    let text = |text: &str| {
        let fits = text.char_indices().take_while(|(at, c)| at + c.len_utf8() <= MAX_PACKET - 200);
        let end = fits.last().map_or(0, |(at, letter)| at + letter.len_utf8());
        [&text.as_bytes()[..end], b"\0"].concat()
    };
    let tags = match answer {
        Ok(value) => vec![(TAG_NAME, text(name)), (TAG_VALUE, text(value))],
        Err(problem) => vec![(TAG_ERROR, text(problem))],
    };
    Packet { kind: CONTROL_REPLY, tags }.encode()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Jellyfin's request, as captured.
    const JELLYFIN: &str = "0002000c0104ffffffff0204ffffffff73cc7d8f";

    #[test]
    fn a_captured_request_is_read_and_written_byte_for_byte() {
        let bytes = hex::decode(JELLYFIN).unwrap();
        let packet = Packet::decode(&bytes).unwrap();
        assert_eq!(packet.tags, [(1, vec![0xFF; 4]), (2, vec![0xFF; 4])]);
        assert_eq!(packet.encode(), bytes);
        assert_eq!(asks_for(&bytes, &device()), Ok(true));
    }

    #[test]
    fn a_known_reply_is_read_and_written_byte_for_byte() {
        let text = "0003004f0104000000010204105abcd11001042a18687474703a2f2f3139322e3136382e312e\
                    31303a383431312724687474703a2f2f3139322e3136382e312e31303a383431312f6c696e65\
                    75702e6a736f6ea86fb15c";
        let bytes = hex::decode(text).unwrap();
        let packet = Packet::decode(&bytes).unwrap();
        assert_eq!(packet.encode(), bytes);
        assert_eq!(packet.text(TAG_LINEUP_URL), Some("http://192.168.1.10:8411/lineup.json"));
    }

    #[test]
    fn our_reply_says_who_and_where() {
        let packet = Packet::decode(&discover_reply(&device(), "http://10.0.0.1:8411")).unwrap();
        assert_eq!(packet.kind, DISCOVER_REPLY);
        assert_eq!(packet.number(TAG_DEVICE_TYPE), Some(1));
        assert_eq!(packet.number(TAG_DEVICE_ID), Some(0x105A_BCD1));
        assert_eq!(packet.text(TAG_BASE_URL), Some("http://10.0.0.1:8411"));
        assert_eq!(packet.text(TAG_LINEUP_URL), Some("http://10.0.0.1:8411/lineup.json"));
        assert_eq!(packet.value(TAG_TUNER_COUNT), Some([4].as_slice()));
        let order: Vec<u8> = packet.tags.iter().map(|(tag, _)| *tag).collect();
        assert_eq!(order, [0x01, 0x02, 0x2B, 0x2A, 0x10, 0x27]);
    }

    #[test]
    fn only_a_matching_type_and_id_is_answered() {
        check_asked(&[(1, 1), (2, 0x105A_BCD1)], true);
        check_asked(&[(1, 1)], true);
        check_asked(&[], true);
        check_asked(&[(1, 5), (2, WILDCARD)], false);
        check_asked(&[(1, 5), (0x2D, 1)], true);
        check_asked(&[(1, 1), (2, 0x1234_5678)], false);
    }

    #[test]
    fn control_requests_get_and_set() {
        let get = Packet { kind: CONTROL_REQUEST, tags: vec![(3, b"/sys/model\0".to_vec())] };
        let expected = ControlRequest { name: "/sys/model".into(), value: None, lock_key: None };
        assert_eq!(ControlRequest::decode(&get.encode()), Ok(expected));
        let set = Packet {
            kind: CONTROL_REQUEST,
            tags: vec![
                (3, b"/tuner0/target\0".to_vec()),
                (4, b"rtp://10.0.0.2:5000\0".to_vec()),
                (0x15, vec![0, 0, 0, 7]),
            ],
        };
        let request = ControlRequest::decode(&set.encode()).unwrap();
        assert_eq!(request.value.as_deref(), Some("rtp://10.0.0.2:5000"));
        assert_eq!(request.lock_key, Some(7));
        let reply = Packet::decode(&control_reply("/sys/model", Ok("hdhomerun5_atsc"))).unwrap();
        assert_eq!(reply.kind, CONTROL_REPLY);
        assert_eq!(reply.text(TAG_VALUE), Some("hdhomerun5_atsc"));
        let error = Packet::decode(&control_reply("/x", Err("ERROR: unknown"))).unwrap();
        assert_eq!(error.text(TAG_ERROR), Some("ERROR: unknown"));
    }

    #[test]
    fn damage_is_noticed() {
        let good = hex::decode(JELLYFIN).unwrap();
        assert_eq!(Packet::decode(&good[..19]), Err(PacketError::Short));
        assert_eq!(Packet::decode(&[]), Err(PacketError::Short));
        assert_eq!(
            Packet::decode(&[0, 2, 0xFF, 0xFF]),
            Err(PacketError::TooLong { length: 0x1_0007 })
        );
        let mut flipped = good.clone();
        flipped[8] ^= 1;
        assert_eq!(Packet::decode(&flipped), Err(PacketError::Checksum));
        let mut broken = vec![0, 2, 0, 2, 1, 9];
        broken.extend(crc32fast::hash(&broken).to_le_bytes());
        assert_eq!(Packet::decode(&broken), Err(PacketError::BrokenTag { tag: 1 }));
    }

    proptest! {
        #[test]
        fn packets_survive_the_wire(
            kind: u16,
            tags in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..300)), 0..4),
        ) {
            let packet = Packet { kind, tags };
            let bytes = packet.encode();
            prop_assert_eq!(Packet::length(&bytes), Ok(Some(bytes.len())));
            prop_assert_eq!(Packet::decode(&bytes), Ok(packet));
        }

        #[test]
        fn no_bytes_bring_it_down(mut bytes in prop::collection::vec(any::<u8>(), 0..80), fix_crc: bool) {
            if fix_crc && bytes.len() >= 4 {
                let length = (bytes.len() - 4) as u16;
                bytes[2..4].copy_from_slice(&length.to_be_bytes());
                bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
            }
            let packet = Packet::decode(&bytes);
            if let Ok(packet) = packet {
                prop_assert!(packet.encode().len() <= MAX_PACKET);
            }
            prop_assert!(ControlRequest::decode(&bytes).is_err() || bytes[..2] == [0, 4]);
        }

        #[test]
        fn a_reply_fits_whatever_it_says(value in "\\PC{0,2000}") {
            let reply = control_reply("/tuner0/status", Ok(&value));
            prop_assert!(reply.len() <= MAX_PACKET);
            let packet = Packet::decode(&reply).unwrap();
            prop_assert!(value.starts_with(packet.text(TAG_VALUE).unwrap()));
        }
    }

    #[track_caller]
    fn check_asked(tags: &[(u8, u32)], expected: bool) {
        let tags = tags.iter().map(|(tag, value)| (*tag, value.to_be_bytes().to_vec())).collect();
        let request = Packet { kind: DISCOVER_REQUEST, tags }.encode();
        assert_eq!(asks_for(&request, &device()), Ok(expected));
    }

    fn device() -> Device {
        Device {
            device_id: "105ABCD1".parse().unwrap(),
            device_auth: "exstreamtv".into(),
            friendly_name: "EXStreamTV".into(),
            tuner_count: 4,
        }
    }
}
