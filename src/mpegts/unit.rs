//! Muxes one unit: a group of pictures with its sound, as packets that join to any other unit.
//!
//! A stream is nothing but units in a row, so a unit must not depend on what stood before it:
//!
//! - It begins with PAT, PMT and the key frame, with a PCR in the first video packet.
//! - Every PID counts from 0 and carries a multiple of 16 payload packets: a PES packet is spread
//!   over more packets than it needs until that is so. Whatever unit follows, the counters go on.
//! - PCR is DTS − 500 ms, at most 40 ms apart, also at the end and up to the next unit's start;
//!   the tables stand in front of PCR packets, at most 90 ms apart.
//!
//! The same pictures and sounds at the same ticks give the same bytes, on every node, always.

use bytes::Bytes;

use super::coding::Coding;
use super::packet::{PACKET, PID_AUDIO, PID_VIDEO, Packet, SYNC, WRAP, write_timestamp};
use super::psi;

/// How far the program clock runs behind the decoding times, in ticks.
pub const PCR_LEAD: i64 = 45_000;
/// Longest time between two clock references, in ticks (40 ms).
pub const PCR_GAP: i64 = 3_600;
/// Longest time between two copies of the tables, in ticks (90 ms).
pub const TABLE_GAP: i64 = 8_100;

/// Payload bytes of a packet.
const ROOM: usize = PACKET - 4;
/// Bytes of an adaptation field that carries a PCR.
const PCR_FIELD: usize = 8;
/// Payload packets of a PID come in multiples of this: the counter has four bits.
const COUNTER_CYCLE: usize = 16;

/// A coded picture with its absolute times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// When it is shown.
    pub pts: i64,
    /// When it is decoded.
    pub dts: i64,
    /// Annex B bytes.
    pub data: Bytes,
}

/// A frame of sound with its absolute time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sound {
    /// When it sounds, on the grid of its codec.
    pub pts: i64,
    /// The frame; AAC with its ADTS header.
    pub data: Bytes,
}

/// What goes into a unit.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// How pictures and sounds are coded.
    pub coding: Coding,
    /// Decoding time at which the unit begins: that of its first picture.
    pub start: i64,
    /// Decoding time at which the next unit begins.
    pub end: i64,
    /// Pictures in decode order, DTS rising within `start..end`; the first is the key frame.
    pub pictures: &'a [Picture],
    /// Sounds with PTS rising within `start..end`.
    pub sounds: &'a [Sound],
}

/// Where in a unit's bytes a decoding time is reached: a clean place to cut for pacing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Bytes before it, a multiple of 188.
    pub offset: usize,
    /// The decoding time, in absolute ticks.
    pub at: i64,
}

/// A muxed unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Its packets.
    pub bytes: Bytes,
    /// Places to cut, at most 40 ms apart; the first is the beginning.
    pub marks: Vec<Mark>,
}

/// Muxes a unit; see the module.
pub fn mux(parts: &Parts<'_>) -> Unit {
    let beats = beats(parts);
    let tables = table_count(&beats, parts.end);
    let video_spread =
        spread(parts.pictures.iter().map(|p| packets(VIDEO_HEADER + p.data.len(), true)));
    let audio_spread =
        spread(parts.sounds.iter().map(|s| packets(AUDIO_HEADER + s.data.len(), false)));
    let count = |spread: &[usize]| spread.iter().sum::<usize>();
    let clock_only = beats.iter().filter(|beat| beat.picture.is_none()).count();
    let total = 2 * tables + count(&video_spread) + count(&audio_spread) + clock_only;

    let mut out = Writer::new(parts.coding, total);
    let mut marks = Vec::with_capacity(beats.len());
    let mut sounds = parts.sounds.iter().zip(&audio_spread).peekable();
    let mut tables_written = 0;
    for (index, beat) in beats.iter().enumerate() {
        while let Some((sound, packets)) = sounds.next_if(|(sound, _)| sound.pts < beat.at) {
            out.sound(sound, *packets);
        }
        marks.push(Mark { offset: out.bytes.len(), at: beat.at });
        // Table i stands before beat ⌊i · beats / tables⌋.
        while tables_written < tables && tables_written * beats.len() / tables == index {
            out.tables();
            tables_written += 1;
        }
        match beat.picture {
            Some(which) => {
                let key = which == 0;
                out.picture(&parts.pictures[which], key, video_spread[which]);
            }
            None => out.clock(beat.at),
        }
    }
    for (sound, packets) in sounds {
        out.sound(sound, *packets);
    }
    debug_assert_eq!(out.bytes.len(), total * PACKET);
    Unit { bytes: out.bytes.into(), marks }
}

/// Packets that tell a reader that what `follows` does not continue what it has: one for each PID,
/// without payload, to be sent in front of it.
///
/// The one of the pictures carries the new clock, as the first reference of a new time must be
/// announced itself (ISO 13818-1, 2.4.3.5).
pub fn discontinuity(follows: &[u8]) -> Bytes {
    let packets = follows.chunks_exact(PACKET).filter_map(|packet| Packet::parse(packet).ok());
    let clock = packets.filter(|packet| packet.pid == PID_VIDEO).find_map(|packet| packet.pcr);
    let mut bytes = Vec::with_capacity(4 * PACKET);
    for pid in super::packet::PIDS {
        // A unit counts from 0, so the packet before it has 15.
        let [high, low] = pid.to_be_bytes();
        let start = bytes.len();
        match clock.filter(|_| pid == PID_VIDEO) {
            Some(clock) => {
                bytes.extend([SYNC, high, low, 0x2F, 183, 0x90]);
                bytes.extend(pcr(clock / 300 + PCR_LEAD));
            }
            None => bytes.extend([SYNC, high, low, 0x2F, 183, 0x80]),
        }
        bytes.resize(start + PACKET, 0xFF);
    }
    bytes.into()
}

/// A moment at which a PCR is written: with a picture, or alone.
#[derive(Debug, Clone, Copy)]
struct Beat {
    at: i64,
    picture: Option<usize>,
}

/// The pictures, and between them as many moments as keep the clock's gaps short.
fn beats(parts: &Parts<'_>) -> Vec<Beat> {
    let mut beats = Vec::with_capacity(parts.pictures.len() * 2);
    if parts.pictures.is_empty() {
        push_clock(&mut beats, parts.start, parts.end, None);
    }
    for (index, picture) in parts.pictures.iter().enumerate() {
        let next = parts.pictures.get(index + 1).map_or(parts.end, |next| next.dts);
        push_clock(&mut beats, picture.dts, next, Some(index));
    }
    beats
}

/// Writes the beat at `from`, and beats evenly up to `to` where that is more than [`PCR_GAP`] away.
fn push_clock(beats: &mut Vec<Beat>, from: i64, to: i64, picture: Option<usize>) {
    let gap = (to - from).max(0);
    let steps = ((gap + PCR_GAP - 1) / PCR_GAP).max(1);
    beats.push(Beat { at: from, picture });
    beats.extend((1..steps).map(|step| Beat { at: from + gap * step / steps, picture: None }));
}

/// How many copies of the tables are needed so that every [`TABLE_GAP`] holds one.
fn table_count(beats: &[Beat], end: i64) -> usize {
    let ends = beats.iter().skip(1).map(|beat| beat.at).chain([end]);
    let longest = beats.iter().zip(ends).map(|(beat, end)| end - beat.at).max().unwrap_or(1).max(1);
    let every = usize::try_from(TABLE_GAP / longest).unwrap_or(1).max(1);
    beats.len().div_ceil(every).next_multiple_of(COUNTER_CYCLE)
}

/// Packets that a PES packet of `length` bytes needs.
fn packets(length: usize, with_pcr: bool) -> usize {
    (length + if with_pcr { PCR_FIELD } else { 0 }).div_ceil(ROOM)
}

/// Raises the packet counts until their sum is a multiple of 16, from the last backwards.
///
/// Sixteen packets at most for a PES packet of 20 bytes or more, so each packet gets a byte.
fn spread(needed: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut counts: Vec<usize> = needed.collect();
    let total: usize = counts.iter().sum();
    let mut missing = total.next_multiple_of(COUNTER_CYCLE) - total;
    while missing > 0 {
        for count in counts.iter_mut().rev().take(missing) {
            *count += 1;
            missing -= 1;
        }
    }
    counts
}

/// Length of a PES header with PTS and DTS.
const VIDEO_HEADER: usize = 19;
/// Length of a PES header with PTS.
const AUDIO_HEADER: usize = 14;

struct Writer {
    bytes: Vec<u8>,
    pat: [u8; PACKET],
    pmt: [u8; PACKET],
    sound_id: u8,
    table_counter: u8,
    video_counter: u8,
    audio_counter: u8,
}

impl Writer {
    fn new(coding: Coding, packets: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(packets * PACKET),
            pat: psi::pat_packet(),
            pmt: psi::pmt_packet(coding),
            sound_id: coding.sound.codec.stream_id(),
            table_counter: 0,
            video_counter: 0,
            audio_counter: 0,
        }
    }

    fn tables(&mut self) {
        for packet in [&mut self.pat, &mut self.pmt] {
            packet[3] = 0x10 | self.table_counter;
            self.bytes.extend_from_slice(packet);
        }
        self.table_counter = (self.table_counter + 1) & 0x0F;
    }

    fn picture(&mut self, picture: &Picture, key: bool, packets: usize) {
        // A PES packet of video may leave its length open, and must when it does not fit.
        let length =
            u16::try_from(VIDEO_HEADER - 6 + picture.data.len()).unwrap_or(0).to_be_bytes();
        let mut header = [0; VIDEO_HEADER];
        header[..9].copy_from_slice(&[0, 0, 1, 0xE0, length[0], length[1], 0x84, 0xC0, 10]);
        header[9..14].copy_from_slice(&write_timestamp(3, picture.pts));
        header[14..].copy_from_slice(&write_timestamp(1, picture.dts));
        let mut field = [0; PCR_FIELD - 1];
        field[0] = if key { 0x50 } else { 0x10 };
        field[1..].copy_from_slice(&pcr(picture.dts));
        let content = Content { header: &header, body: &picture.data };
        self.video_counter = self.pes(PID_VIDEO, self.video_counter, &field, content, packets);
    }

    fn sound(&mut self, sound: &Sound, packets: usize) {
        let length = u16::try_from(AUDIO_HEADER - 6 + sound.data.len()).unwrap_or(0).to_be_bytes();
        let mut header = [0; AUDIO_HEADER];
        header[..9].copy_from_slice(&[0, 0, 1, self.sound_id, length[0], length[1], 0x84, 0x80, 5]);
        header[9..].copy_from_slice(&write_timestamp(2, sound.pts));
        let content = Content { header: &header, body: &sound.data };
        self.audio_counter = self.pes(PID_AUDIO, self.audio_counter, &[], content, packets);
    }

    /// Writes a packet that carries only the clock; it does not count.
    fn clock(&mut self, dts: i64) {
        let [high, low] = PID_VIDEO.to_be_bytes();
        let start = self.bytes.len();
        let last = self.video_counter.wrapping_sub(1) & 0x0F;
        self.bytes.extend([SYNC, high, low, 0x20 | last, 183, 0x10]);
        self.bytes.extend(pcr(dts));
        self.bytes.resize(start + PACKET, 0xFF);
    }

    /// Writes `content` as exactly `packets` packets, the first one with the adaptation `field`;
    /// gives the next counter.
    fn pes(
        &mut self,
        pid: u16,
        counter: u8,
        field: &[u8],
        mut content: Content<'_>,
        packets: usize,
    ) -> u8 {
        let [high, low] = pid.to_be_bytes();
        let mut counter = counter;
        for index in 0..packets {
            let first = index == 0;
            let field = if first { field } else { &[] };
            let field_room = if field.is_empty() { 0 } else { 1 + field.len() };
            // Every later packet needs a byte to carry.
            let share = content.len().saturating_sub(packets - index - 1).min(ROOM - field_room);
            let adaptation = ROOM - share;

            let start_flag = if first { 0x40 } else { 0 };
            let kind = if adaptation > 0 { 0x30 } else { 0x10 };
            self.bytes.extend([SYNC, start_flag | high, low, kind | counter]);
            self.adaptation(adaptation, field);
            content.write(share, &mut self.bytes);
            counter = (counter + 1) & 0x0F;
        }
        counter
    }

    /// Writes an adaptation field that takes `room` bytes in all.
    fn adaptation(&mut self, room: usize, field: &[u8]) {
        let Some(length) = room.checked_sub(1) else { return };
        let end = self.bytes.len() + room;
        self.bytes.push(u8::try_from(length).unwrap_or(u8::MAX));
        if length > 0 {
            // Without a field there are no flags to set, only stuffing.
            self.bytes.extend_from_slice(if field.is_empty() { &[0] } else { field });
        }
        self.bytes.resize(end, 0xFF);
    }
}

/// A PES packet's header and payload, written in pieces.
#[derive(Clone, Copy)]
struct Content<'a> {
    header: &'a [u8],
    body: &'a [u8],
}

impl Content<'_> {
    fn len(&self) -> usize {
        self.header.len() + self.body.len()
    }

    fn write(&mut self, share: usize, out: &mut Vec<u8>) {
        let (head, header) = self.header.split_at(share.min(self.header.len()));
        let (body, rest) = self.body.split_at((share - head.len()).min(self.body.len()));
        out.extend_from_slice(head);
        out.extend_from_slice(body);
        (self.header, self.body) = (header, rest);
    }
}

/// The six bytes of the clock reference that goes with decoding time `dts`.
fn pcr(dts: i64) -> [u8; 6] {
    let base = (dts - PCR_LEAD).rem_euclid(WRAP);
    let [.., a, b, c, d, e] = (base << 7).to_be_bytes();
    // 33 bits of base, six reserved ones, nine zeros of extension.
    [a, b, c, d, e | 0x7E, 0]
}

#[cfg(test)]
mod tests;
