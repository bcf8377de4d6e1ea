//! Transport packets: 188 bytes with a four-byte header, an adaptation field and a payload.

/// Length of a packet.
pub const PACKET: usize = 188;
/// First byte of every packet.
pub const SYNC: u8 = 0x47;
/// Where the Program Association Table is.
pub const PID_PAT: u16 = 0x0000;
/// Where our Program Map Table is.
pub const PID_PMT: u16 = 0x1000;
/// Where our video is, and the PCR.
pub const PID_VIDEO: u16 = 0x0100;
/// Where our audio is.
pub const PID_AUDIO: u16 = 0x0101;
/// The PIDs of every stream we write.
pub const PIDS: [u16; 4] = [PID_PAT, PID_PMT, PID_VIDEO, PID_AUDIO];
/// PTS and DTS count modulo this many ticks.
pub const WRAP: i64 = 1 << 33;

/// A packet, read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Which stream it belongs to.
    pub pid: u16,
    /// Whether a section or a PES packet begins in it.
    pub unit_start: bool,
    /// Its continuity counter.
    pub counter: u8,
    /// Whether the adaptation field announces a discontinuity.
    pub discontinuity: bool,
    /// Whether the adaptation field marks a random access point.
    pub random_access: bool,
    /// The program clock in 27 MHz ticks, if it carries one.
    pub pcr: Option<i64>,
    /// Its payload; `None` for a packet of adaptation only, which does not count.
    pub payload: Option<&'a [u8]>,
}

/// Why 188 bytes are not a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    /// It does not begin with 0x47 or is not 188 bytes long.
    #[error("no packet begins here")]
    NoSync,
    /// The sender marked it as damaged.
    #[error("the packet is marked as damaged")]
    Damaged,
    /// It is scrambled, or its adaptation field is longer than the packet.
    #[error("the packet header makes no sense")]
    Malformed,
}

impl<'a> Packet<'a> {
    /// Reads one packet.
    ///
    /// # Errors
    /// When the bytes are not a clear, undamaged packet.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, PacketError> {
        let Ok(header) = <&[u8; PACKET]>::try_from(bytes) else {
            return Err(PacketError::NoSync);
        };
        if header[0] != SYNC {
            return Err(PacketError::NoSync);
        }
        if header[1] & 0x80 != 0 {
            return Err(PacketError::Damaged);
        }
        if header[3] & 0xC0 != 0 {
            return Err(PacketError::Malformed);
        }
        let mut packet = Packet {
            pid: u16::from_be_bytes([header[1] & 0x1F, header[2]]),
            unit_start: header[1] & 0x40 != 0,
            counter: header[3] & 0x0F,
            discontinuity: false,
            random_access: false,
            pcr: None,
            payload: None,
        };
        let mut payload_at = 4;
        if header[3] & 0x20 != 0 {
            let length = usize::from(header[4]);
            payload_at = 5 + length;
            let Some(field) = bytes.get(5..payload_at) else { return Err(PacketError::Malformed) };
            packet.read_adaptation(field);
        }
        if header[3] & 0x10 != 0 {
            packet.payload = bytes.get(payload_at..);
        }
        Ok(packet)
    }

    fn read_adaptation(&mut self, field: &[u8]) {
        let Some(&flags) = field.first() else { return };
        self.discontinuity = flags & 0x80 != 0;
        self.random_access = flags & 0x40 != 0;
        if flags & 0x10 == 0 {
            return;
        }
        let Some(&[a, b, c, d, e, f]) = field.get(1..7) else { return };
        let base = i64::from(u32::from_be_bytes([a, b, c, d])) << 1 | i64::from(e >> 7);
        let extension = i64::from(u16::from_be_bytes([e & 1, f]));
        self.pcr = Some(base * 300 + extension);
    }
}

/// The value nearest to `near` that equals `wrapped` modulo 2³³.
pub fn unwrap_near(wrapped: i64, near: i64) -> i64 {
    let forward = (wrapped - near).rem_euclid(WRAP);
    if forward > WRAP / 2 { near + forward - WRAP } else { near + forward }
}

/// Reads a five-byte PTS or DTS.
pub fn read_timestamp(bytes: &[u8]) -> Option<i64> {
    let &[a, b, c, d, e] = bytes.get(..5)? else { return None };
    let high = i64::from(a >> 1 & 0x07) << 30;
    let middle = i64::from(u16::from_be_bytes([b, c]) >> 1) << 15;
    let low = i64::from(u16::from_be_bytes([d, e]) >> 1);
    Some(high | middle | low)
}

/// Writes a five-byte PTS or DTS with its four-bit `prefix`.
pub fn write_timestamp(prefix: u8, tick: i64) -> [u8; 5] {
    let value = tick.rem_euclid(WRAP);
    let low = |shift: u32| (value >> shift).to_be_bytes()[7];
    [
        prefix << 4 | (low(29) & 0x0E) | 1,
        low(22),
        (low(14) & 0xFE) | 1,
        low(7),
        ((low(0) & 0x7F) << 1) | 1,
    ]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_timestamp_survives_writing(tick in any::<i64>()) {
            let bytes = write_timestamp(3, tick);
            prop_assert_eq!(bytes[0] >> 4, 3);
            prop_assert!(bytes[0] & 1 == 1 && bytes[2] & 1 == 1 && bytes[4] & 1 == 1);
            prop_assert_eq!(read_timestamp(&bytes), Some(tick.rem_euclid(WRAP)));
        }

        #[test]
        fn unwrapping_finds_the_nearest(near in -(1_i64 << 50)..(1_i64 << 50), off in -1_000_000_i64..1_000_000) {
            prop_assert_eq!(unwrap_near((near + off).rem_euclid(WRAP), near), near + off);
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut bytes = bytes;
            if let Some(first) = bytes.first_mut() { *first = SYNC; }
            bytes.resize(PACKET, 0);
            if let Ok(packet) = Packet::parse(&bytes) {
                prop_assert!(packet.payload.is_none_or(|p| p.len() <= 184));
            }
        }
    }
}
