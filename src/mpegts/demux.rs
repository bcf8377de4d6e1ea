//! Takes a transport stream apart into access units with unwrapped times.
//!
//! Made for what ffmpeg writes into a pipe: one program, one stream of pictures and one of sound, in
//! the codecs of [`super::coding`]. Bytes may come in pieces of any size. Garbage between packets is skipped, a damaged PES packet is dropped
//! and counted, nothing panics.
//!
//! A video PES packet of unstated length ends only where the next one begins, so the last one of a
//! stream cannot be told from a torn one: [`Demuxer::finish`] keeps it only after a clean end.

use bytes::Bytes;

use super::coding::SoundCodec;
use super::packet::{PACKET, PID_PAT, Packet, SYNC, read_timestamp, unwrap_near};
use super::psi;

/// A PES packet that grows beyond this is dropped: no picture is that large.
const MAX_PES: usize = 16 << 20;

/// What an access unit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A coded picture, Annex B.
    Video,
    /// One frame of sound; AAC with its ADTS header.
    Audio,
}

/// An access unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Picture or sound.
    pub kind: Kind,
    /// When it is shown, in 90 kHz ticks; counts on across the 33-bit wrap.
    pub pts: i64,
    /// When it is decoded.
    pub dts: i64,
    /// Its bytes.
    pub data: Bytes,
}

/// Takes a transport stream apart; see the module.
#[derive(Debug, Default)]
pub struct Demuxer {
    /// Bytes of a packet that is not complete yet.
    rest: Vec<u8>,
    map_pid: Option<u16>,
    video: Option<Stream>,
    audio: Option<Stream>,
    frames: FrameSplitter,
    /// The last time seen on any stream; times of both streams unwrap around it. It begins at 0, so
    /// that a stream beginning a little before zero begins there and not 26 hours later.
    reference: i64,
    faults: u64,
    ready: Vec<Sample>,
}

impl Demuxer {
    /// A demuxer that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes and gives the access units they complete.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Sample> {
        let mut input = bytes;
        while !self.rest.is_empty() {
            let missing = PACKET - self.rest.len();
            let Some((head, tail)) = input.split_at_checked(missing) else {
                self.rest.extend_from_slice(input);
                return std::mem::take(&mut self.ready);
            };
            self.rest.extend_from_slice(head);
            input = tail;
            let packet = std::mem::take(&mut self.rest);
            self.packet(&packet);
        }
        while let Some(at) = input.iter().position(|&byte| byte == SYNC) {
            if at > 0 {
                self.faults += 1;
            }
            input = &input[at..];
            let Some((packet, tail)) = input.split_at_checked(PACKET) else {
                self.rest = input.to_vec();
                break;
            };
            // A sync byte inside garbage is not followed by another one a packet later.
            if tail.first().is_some_and(|&next| next != SYNC) {
                self.faults += 1;
                input = &input[1..];
                continue;
            }
            self.packet(packet);
            input = tail;
        }
        std::mem::take(&mut self.ready)
    }

    /// Ends the stream: gives what was complete, and after a clean end also the last picture.
    pub fn finish(&mut self, clean: bool) -> Vec<Sample> {
        if let Some(pes) = self.video.as_mut().and_then(Stream::take)
            && (clean || pes.is_complete())
        {
            self.picture(&pes);
        }
        if let Some(pes) = self.audio.as_mut().and_then(Stream::take)
            && (clean || pes.is_complete())
        {
            self.sound(&pes);
        }
        std::mem::take(&mut self.ready)
    }

    /// Damaged packets, gaps and skipped garbage so far.
    pub fn faults(&self) -> u64 {
        self.faults
    }

    fn packet(&mut self, bytes: &[u8]) {
        let Ok(packet) = Packet::parse(bytes) else {
            self.faults += 1;
            return;
        };
        let Some(payload) = packet.payload else { return };
        if packet.pid == PID_PAT && packet.unit_start {
            self.map_pid = psi::read_pat(payload).or(self.map_pid);
            return;
        }
        if Some(packet.pid) == self.map_pid && packet.unit_start {
            self.read_map(payload);
            return;
        }
        for kind in [Kind::Video, Kind::Audio] {
            let stream = match kind {
                Kind::Video => &mut self.video,
                Kind::Audio => &mut self.audio,
            };
            let Some(stream) = stream.as_mut().filter(|stream| stream.pid == packet.pid) else {
                continue;
            };
            let (done, faults) = stream.packet(&packet, payload);
            self.faults += faults;
            for pes in done.into_iter().flatten() {
                match kind {
                    Kind::Video => self.picture(&pes),
                    Kind::Audio => self.sound(&pes),
                }
            }
        }
    }

    /// The first stream of each kind is taken, once; later maps change nothing.
    fn read_map(&mut self, payload: &[u8]) {
        for (kind, pid) in psi::read_pmt(payload).unwrap_or_default() {
            if psi::picture_coding(kind).is_some() {
                self.video.get_or_insert_with(|| Stream::new(pid));
            }
            if let Some(codec) = psi::sound_codec(kind).filter(|_| self.audio.is_none()) {
                self.audio = Some(Stream::new(pid));
                self.frames = FrameSplitter::new(codec);
            }
        }
    }

    fn picture(&mut self, pes: &Pes) {
        let Some((pts, dts, data)) = pes.read() else {
            self.faults += 1;
            return;
        };
        let Some(pts) = pts.filter(|_| !data.is_empty()) else {
            self.faults += 1;
            return;
        };
        let dts = self.unwrap(dts.unwrap_or(pts));
        let sample = Sample {
            kind: Kind::Video,
            pts: unwrap_near(pts, dts),
            dts,
            data: data.to_vec().into(),
        };
        self.ready.push(sample);
    }

    fn sound(&mut self, pes: &Pes) {
        let Some((pts, _, data)) = pes.read() else {
            self.faults += 1;
            return;
        };
        let pts = pts.map(|pts| self.unwrap(pts));
        self.faults += self.frames.push(pts, data, &mut self.ready);
    }

    fn unwrap(&mut self, wrapped: i64) -> i64 {
        let tick = unwrap_near(wrapped, self.reference);
        self.reference = tick;
        tick
    }
}

/// Collects the PES packets of one PID.
#[derive(Debug)]
struct Stream {
    pid: u16,
    counter: Option<u8>,
    open: Option<Pes>,
}

impl Stream {
    fn new(pid: u16) -> Self {
        Self { pid, counter: None, open: None }
    }

    /// Takes a packet; gives the PES packets it ends (at most the open one and its own) and the
    /// number of faults it shows.
    fn packet(&mut self, packet: &Packet<'_>, payload: &[u8]) -> ([Option<Pes>; 2], u64) {
        let mut faults = 0;
        let expected = self.counter.map(|last| (last + 1) & 0x0F);
        if self.counter == Some(packet.counter) && !packet.discontinuity && !packet.unit_start {
            // A packet may be sent twice.
            return ([None, None], 0);
        }
        if expected.is_some_and(|expected| expected != packet.counter) && !packet.discontinuity {
            // Something is missing from what was being collected.
            self.open = None;
            faults += 1;
        }
        self.counter = Some(packet.counter);

        let mut done = [None, None];
        if packet.unit_start {
            done[0] = self.take().filter(|pes| {
                let whole = pes.is_unbounded() || pes.is_complete();
                faults += u64::from(!whole);
                whole
            });
            self.open = Some(Pes::default());
        }
        if let Some(open) = &mut self.open {
            open.bytes.extend_from_slice(payload);
            if open.bytes.len() > MAX_PES {
                self.open = None;
                faults += 1;
            } else if open.is_complete() {
                done[1] = self.take();
            }
        }
        (done, faults)
    }

    fn take(&mut self) -> Option<Pes> {
        self.open.take()
    }
}

/// A PES packet, perhaps not complete.
#[derive(Debug, Default)]
struct Pes {
    bytes: Vec<u8>,
}

impl Pes {
    /// Length after the six-byte start, or 0 when it is not stated.
    fn stated(&self) -> Option<usize> {
        let &[_, _, _, _, high, low] = self.bytes.get(..6)? else { return None };
        Some(usize::from(u16::from_be_bytes([high, low])))
    }

    fn is_unbounded(&self) -> bool {
        self.stated() == Some(0)
    }

    fn is_complete(&self) -> bool {
        self.stated().is_some_and(|length| length > 0 && self.bytes.len() >= 6 + length)
    }

    /// Reads `(PTS, DTS, payload)`.
    fn read(&self) -> Option<(Option<i64>, Option<i64>, &[u8])> {
        let end = match self.stated()? {
            0 => self.bytes.len(),
            length => self.bytes.len().min(6 + length),
        };
        let bytes = &self.bytes[..end];
        if bytes.get(..3)? != [0, 0, 1] || bytes.get(6)? & 0xC0 != 0x80 {
            return None;
        }
        let flags = bytes.get(7)?;
        let payload = bytes.get(9 + usize::from(*bytes.get(8)?)..)?;
        let pts = if flags & 0x80 != 0 { bytes.get(9..14).and_then(read_timestamp) } else { None };
        let dts =
            if flags & 0xC0 == 0xC0 { bytes.get(14..19).and_then(read_timestamp) } else { None };
        Some((pts, dts, payload))
    }
}

/// Splits audio payloads into frames; a frame may cross PES packets.
#[derive(Debug)]
struct FrameSplitter {
    codec: SoundCodec,
    /// The beginning of a frame that is not complete yet.
    rest: Vec<u8>,
    /// Time of the frame that begins `rest`.
    next: Option<i64>,
}

impl Default for FrameSplitter {
    /// For AAC, until the map says otherwise.
    fn default() -> Self {
        Self::new(SoundCodec::Aac)
    }
}

impl FrameSplitter {
    fn new(codec: SoundCodec) -> Self {
        Self { codec, rest: Vec::new(), next: None }
    }

    /// Takes a payload whose first *new* frame is at `pts`; says how many faults it met.
    fn push(&mut self, pts: Option<i64>, payload: &[u8], ready: &mut Vec<Sample>) -> u64 {
        let mut faults = 0;
        let carried = self.rest.len();
        self.rest.extend_from_slice(payload);
        let mut stated = pts;
        if carried == 0 {
            self.next = stated.take().or(self.next);
        }
        let mut at = 0;
        while at + SoundCodec::HEADER <= self.rest.len() {
            if at >= carried
                && let Some(pts) = stated.take()
            {
                self.next = Some(pts);
            }
            let Some(header) = self.codec.frame(&self.rest[at..]) else {
                faults += u64::from(at == 0 || self.rest[at - 1] != 0xFF);
                at += 1;
                continue;
            };
            let Some(frame) = self.rest.get(at..at + header.length) else { break };
            at += header.length;
            let Some(pts) = self.next else { continue };
            let data = Bytes::copy_from_slice(frame);
            ready.push(Sample { kind: Kind::Audio, pts, dts: pts, data });
            self.next = Some(pts + header.ticks);
        }
        self.rest.drain(..at);
        // What begins a frame here began in this payload, so its time was stated here.
        if at >= carried
            && let Some(pts) = stated
        {
            self.next = Some(pts);
        }
        faults
    }
}

#[cfg(test)]
mod tests;
