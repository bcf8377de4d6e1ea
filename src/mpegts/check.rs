//! Judges a transport stream as a strict receiver would; for tests and for the operator's probe.
//!
//! It shares no code with the writer beyond the packet reader, and stops at nothing: every fault
//! is listed with the packet it was found at. Its rules, each with a test that breaks it:
//!
//! - Packets: continuity counters, known PIDs, no empty payload.
//! - Clock: at most 40 ms between references, each picture's being its DTS − 500 ms.
//! - Tables: at most 100 ms apart and directly before every key frame.
//! - Pictures: DTS rises, PTS is not before DTS, PTS − DTS is one constant at key frames (and up to
//!   three frames more where the picture before is held so long), groups are closed, no two
//!   pictures share an instant, key frames carry parameter sets.
//! - Sound: on its grid without gap or overlap, there when it is due and not a second sooner.
//! - Discontinuities: announced on every PID where the times jump, and nowhere else.

use std::collections::{BTreeMap, BTreeSet};

use super::coding::{PictureCoding, SoundCodec, SoundCoding};
use super::packet::{
    PACKET, PID_AUDIO, PID_PAT, PID_PMT, PID_VIDEO, PIDS, Packet, read_timestamp, unwrap_near,
};
use super::psi;

/// Longest time between clock references, in ticks.
const PCR_LIMIT: i64 = 3_600;
/// Longest time between copies of a table, in ticks.
const TABLE_LIMIT: i64 = 9_000;
/// How far the clock runs behind the decoding time of a picture, in ticks.
const CLOCK_LAG: i64 = 45_000;
/// Frames that the picture before a key frame may be held.
const HOLD: i64 = 3;
/// Sound that comes sooner than this before it is due overflows the buffer of a receiver.
const SOUND_EARLY: i64 = 90_000;

/// Where a fault is and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Number of the packet, from 0.
    pub packet: usize,
    /// What is wrong.
    pub what: String,
}

/// A picture seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenPicture {
    /// When it is shown, unwrapped.
    pub pts: i64,
    /// When it is decoded, unwrapped.
    pub dts: i64,
    /// Whether it is an IDR picture.
    pub key: bool,
    /// Number of the packet it begins in.
    pub packet: usize,
}

/// What a stream held.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Everything that is wrong.
    pub faults: Vec<Fault>,
    /// How many of the faults are continuity errors.
    pub continuity_errors: u64,
    /// Packets read.
    pub packets: usize,
    /// Pictures in decode order.
    pub pictures: Vec<SeenPicture>,
    /// Times of the audio frames, unwrapped.
    pub sounds: Vec<i64>,
    /// First and last clock reference in 90 kHz ticks, unwrapped.
    pub clock: Option<(i64, i64)>,
    /// Packets at which the times really jump, as was announced.
    pub jumps: Vec<usize>,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }
}

/// Judges `bytes`; wrapped times are taken to be the ones nearest to `near` ticks.
///
/// The end may be cut between two packets, so what is open there is not judged.
pub fn check(bytes: &[u8], near: i64) -> Report {
    let mut judge = Judge::new(near);
    let mut chunks = bytes.chunks_exact(PACKET);
    for chunk in &mut chunks {
        judge.packet(chunk);
        judge.report.packets += 1;
    }
    if !chunks.remainder().is_empty() {
        judge.fault("the last packet is cut".to_owned());
    }
    judge.end()
}

#[derive(Debug, Default)]
struct Open {
    bytes: Vec<u8>,
    packet: usize,
    random_access: bool,
    /// The clock when it began and when its last packet came.
    clock: Option<(i64, i64)>,
}

#[derive(Debug)]
struct Judge {
    report: Report,
    near: i64,
    counters: BTreeMap<u16, u8>,
    open: BTreeMap<u16, Open>,
    clock: Option<i64>,
    /// Last copy of each table: clock at the PCR after it is what counts.
    tables: BTreeMap<u16, i64>,
    waiting_tables: Vec<u16>,
    /// Whether PAT and PMT directly precede the next payload packet of video.
    lead: [Option<usize>; 2],
    /// PIDs on which a discontinuity was announced since the last picture began.
    announced: BTreeSet<u16>,
    /// How far the clock went where it was announced.
    leap: Option<i64>,
    /// PIDs of which the next access unit need not continue the last one.
    fresh: BTreeSet<u16>,
    /// Key frames, each with how long the picture before it is shown, if one is.
    keys: Vec<(SeenPicture, Option<i64>)>,
    /// Shortest time between two decoding times in a row: a frame.
    frame: Option<i64>,
    /// When the pictures of the open group are shown; the first is its key frame's.
    group: Vec<i64>,
    /// When the last picture before the open group is shown.
    shown_before: Option<i64>,
    /// What the first map says.
    coding: Option<(PictureCoding, SoundCodec)>,
    /// Whether the first frame of sound comes from all around.
    surround: Option<bool>,
}

impl Judge {
    fn new(near: i64) -> Self {
        Self {
            report: Report::default(),
            near,
            counters: BTreeMap::new(),
            open: BTreeMap::new(),
            clock: None,
            tables: BTreeMap::new(),
            waiting_tables: Vec::new(),
            lead: [None, None],
            announced: BTreeSet::new(),
            leap: None,
            fresh: BTreeSet::new(),
            keys: Vec::new(),
            frame: None,
            group: Vec::new(),
            shown_before: None,
            coding: None,
            surround: None,
        }
    }

    /// Without a map, which is a fault of its own, it is taken for what most streams are.
    fn coding(&self) -> (PictureCoding, SoundCodec) {
        self.coding.unwrap_or((PictureCoding::H264, SoundCodec::Aac))
    }

    fn fault(&mut self, what: String) {
        self.report.faults.push(Fault { packet: self.report.packets, what });
    }

    fn packet(&mut self, bytes: &[u8]) {
        let packet = match Packet::parse(bytes) {
            Ok(packet) => packet,
            Err(error) => return self.fault(error.to_string()),
        };
        self.continuity(&packet);
        if packet.discontinuity {
            self.announced.insert(packet.pid);
        }
        if let Some(pcr) = packet.pcr {
            self.pcr(&packet, pcr);
        }
        let Some(payload) = packet.payload else { return };
        match packet.pid {
            PID_PAT => self.pat(payload),
            PID_PMT => self.pmt(payload),
            PID_VIDEO | PID_AUDIO => self.stream(&packet, payload),
            0x1FFF => {}
            pid => self.fault(format!("a packet on PID {pid:#x}")),
        }
    }

    fn continuity(&mut self, packet: &Packet<'_>) {
        let last = self.counters.insert(packet.pid, packet.counter);
        let Some(last) = last.filter(|_| !packet.discontinuity) else { return };
        let expected = if packet.payload.is_some() { (last + 1) & 0x0F } else { last };
        if packet.counter != expected {
            self.report.continuity_errors += 1;
            self.fault(format!(
                "PID {:#x} counts {} after {last}, expected {expected}",
                packet.pid, packet.counter
            ));
        }
        if packet.payload.is_some_and(<[u8]>::is_empty) {
            self.fault("a packet with an empty payload".to_owned());
        }
    }

    fn pcr(&mut self, packet: &Packet<'_>, pcr: i64) {
        if packet.pid != PID_VIDEO {
            self.fault(format!("a clock reference on PID {:#x}", packet.pid));
        }
        if pcr % 300 != 0 {
            self.fault("a clock reference off the 90 kHz grid".to_owned());
        }
        let now = unwrap_near(pcr / 300, self.clock.unwrap_or(self.near));
        if let Some(last) = self.clock {
            let gap = now - last;
            if packet.discontinuity {
                self.leap = Some(gap);
                self.tables.clear();
            } else if !(0..=PCR_LIMIT).contains(&gap) {
                self.fault(format!("{gap} ticks between clock references"));
            }
        }
        self.clock = Some(now);
        let first = self.report.clock.map_or(now, |(first, _)| first);
        self.report.clock = Some((first, now));
        for pid in std::mem::take(&mut self.waiting_tables) {
            if let Some(last) = self.tables.insert(pid, now)
                && now - last > TABLE_LIMIT
            {
                self.fault(format!("{} ticks between tables on PID {pid:#x}", now - last));
            }
        }
    }

    fn pat(&mut self, payload: &[u8]) {
        if psi::read_pat(payload) != Some(PID_PMT) {
            self.fault("the PAT is not ours".to_owned());
        }
        self.waiting_tables.push(PID_PAT);
        self.lead[0] = Some(self.report.packets);
    }

    fn pmt(&mut self, payload: &[u8]) {
        let coding = psi::coding_of(payload);
        if coding.is_none() || self.coding.is_some_and(|known| coding != Some(known)) {
            self.fault("the PMT is not ours".to_owned());
        }
        self.coding = self.coding.or(coding);
        self.waiting_tables.push(PID_PMT);
        self.lead[1] = Some(self.report.packets);
    }

    fn stream(&mut self, packet: &Packet<'_>, payload: &[u8]) {
        if packet.unit_start {
            self.close(packet.pid);
            let opened = self.report.packets;
            if packet.pid == PID_VIDEO {
                if packet.pcr.is_none() {
                    self.fault("a picture begins without a clock reference".to_owned());
                }
                self.settle_announcement();
            }
            let lead = [opened.checked_sub(2), opened.checked_sub(1)];
            if packet.random_access && self.lead != lead {
                self.fault("no PAT and PMT directly before a key frame".to_owned());
            }
            let open = Open {
                bytes: Vec::new(),
                packet: opened,
                random_access: packet.random_access,
                clock: self.clock.map(|now| (now, now)),
            };
            self.open.insert(packet.pid, open);
        }
        let now = self.clock;
        match self.open.get_mut(&packet.pid) {
            Some(open) => {
                open.bytes.extend_from_slice(payload);
                open.clock = open.clock.zip(now).map(|((began, _), now)| (began, now));
            }
            None => self.fault(format!("PID {:#x} begins in the middle", packet.pid)),
        }
    }

    /// Judges what was announced since the last picture, as the next one begins.
    fn settle_announcement(&mut self) {
        let announced = std::mem::take(&mut self.announced);
        let leap = self.leap.take();
        if announced.is_empty() {
            return;
        }
        if announced.len() < PIDS.len() {
            let missing: Vec<u16> =
                PIDS.into_iter().filter(|pid| !announced.contains(pid)).collect();
            self.fault(format!("a discontinuity is not announced on PIDs {missing:x?}"));
        }
        match leap {
            // The first reference of the new time says so itself (ISO 13818-1, 2.4.3.5).
            None => self.fault("a discontinuity is announced without a new clock".to_owned()),
            Some(gap) if (0..=PCR_LIMIT).contains(&gap) => {
                self.fault("a discontinuity is announced and the clock goes on".to_owned());
            }
            Some(_) => self.report.jumps.push(self.report.packets),
        }
        // What is open was whole: a stream is left between two access units.
        self.close(PID_AUDIO);
        self.fresh = announced;
        self.shown_before = None;
        self.group.clear();
    }

    fn close(&mut self, pid: u16) {
        let Some(open) = self.open.remove(&pid) else { return };
        if let Err(what) = self.access_unit(pid, &open) {
            self.report.faults.push(Fault { packet: open.packet, what });
        }
    }

    fn access_unit(&mut self, pid: u16, open: &Open) -> Result<(), String> {
        let bytes = &open.bytes;
        let (pictures, sounds) = self.coding();
        let id = if pid == PID_VIDEO { 0xE0 } else { sounds.stream_id() };
        if bytes.len() < 14 || bytes[..4] != [0, 0, 1, id] {
            return Err(format!("no PES packet on PID {pid:#x}"));
        }
        let stated = usize::from(u16::from_be_bytes([bytes[4], bytes[5]]));
        if stated != 0 && bytes.len() != 6 + stated {
            return Err(format!("a PES packet of {} bytes states {stated}", bytes.len() - 6));
        }
        if bytes[7] & 0x80 == 0 {
            return Err("a PES packet without a time".to_owned());
        }
        let body = bytes.get(9 + usize::from(bytes[8])..).ok_or("a PES header too long")?;
        let near = open.clock.map_or(self.near, |(_, came)| came);
        let stamp = |at: usize| {
            let wrapped = bytes.get(at..).and_then(read_timestamp).ok_or("a torn timestamp")?;
            Ok::<i64, String>(unwrap_near(wrapped, near))
        };
        let pts = stamp(9)?;
        if pid == PID_AUDIO {
            return self.sound(pts, open, body);
        }
        let dts = if bytes[7] & 0x40 == 0 { pts } else { stamp(14)? };
        self.picture(
            SeenPicture { pts, dts, key: pictures.is_key(body), packet: open.packet },
            open,
            body,
        )
    }

    fn picture(&mut self, seen: SeenPicture, open: &Open, body: &[u8]) -> Result<(), String> {
        let fresh = self.fresh.remove(&PID_VIDEO);
        let last = self.report.pictures.last().copied();
        self.report.pictures.push(seen);
        self.instant(seen);
        if let Some((clock, _)) = open.clock
            && clock != seen.dts - CLOCK_LAG
        {
            return Err(format!("clock {clock} at a picture with DTS {}", seen.dts));
        }
        if let Some(last) = last.filter(|last| !fresh && last.dts < seen.dts) {
            let step = seen.dts - last.dts;
            self.frame = Some(self.frame.map_or(step, |frame| frame.min(step)));
        }
        if !fresh && last.is_some_and(|last| last.dts >= seen.dts) {
            return Err(format!("DTS goes from {:?} to {}", last.map(|l| l.dts), seen.dts));
        }
        if seen.pts < seen.dts {
            return Err(format!("PTS {} before DTS {}", seen.pts, seen.dts));
        }
        if (last.is_none() || fresh) && !seen.key {
            return Err("the stream does not begin with a key frame".to_owned());
        }
        if seen.key != open.random_access {
            return Err("the random access flag and the picture disagree".to_owned());
        }
        if seen.key && !self.coding().0.has_parameter_sets(body) {
            return Err("a key frame without parameter sets".to_owned());
        }
        Ok(())
    }

    /// Looks at when pictures are shown, across and inside groups.
    fn instant(&mut self, seen: SeenPicture) {
        let fault = |what| Fault { packet: seen.packet, what };
        if !seen.key {
            if self.group.first().is_some_and(|key| seen.pts < *key) {
                let what = format!("a picture at {} before its key frame", seen.pts);
                self.report.faults.push(fault(what));
            }
            if self.group.contains(&seen.pts) {
                let what = format!("two pictures at {}", seen.pts);
                self.report.faults.push(fault(what));
            }
            self.group.push(seen.pts);
            return;
        }
        self.shown_before = self.group.drain(..).max().max(self.shown_before);
        self.keys.push((seen, self.shown_before.map(|before| seen.pts - before)));
        if self.shown_before.is_some_and(|before| before >= seen.pts) {
            let what = format!("a key frame at {} under the group before it", seen.pts);
            self.report.faults.push(fault(what));
        }
        self.group.push(seen.pts);
    }

    fn sound(&mut self, pts: i64, open: &Open, body: &[u8]) -> Result<(), String> {
        let fresh = self.fresh.remove(&PID_AUDIO);
        let last = self.report.sounds.last().copied();
        let codec = self.coding().1;
        let grid = codec.ticks();
        self.report.sounds.push(pts);
        if let Some(last) = last
            && !fresh
            && pts != last + grid
        {
            return Err(format!("audio goes from {last} to {pts}"));
        }
        if pts.rem_euclid(grid) != 0 {
            return Err(format!("audio at {pts}, off the grid"));
        }
        let is_frame = |surround| SoundCoding { codec, surround, kbps: 0 }.is_frame(body);
        let surround = *self.surround.get_or_insert_with(|| is_frame(true));
        if !is_frame(surround) {
            return Err("an audio frame of another coding or layout".to_owned());
        }
        if let Some((began, came)) = open.clock
            && (pts < came || pts - began > SOUND_EARLY)
        {
            return Err(format!("audio for {pts} comes between {began} and {came}"));
        }
        Ok(())
    }

    /// Judges PTS − DTS at all key frames.
    fn delays(&mut self) {
        let delay = |seen: &SeenPicture| seen.pts - seen.dts;
        let Some(constant) = self.keys.iter().map(|(seen, _)| delay(seen)).min() else { return };
        let frame = self.frame.unwrap_or(1);
        for (seen, shown) in &self.keys {
            let more = delay(seen) - constant;
            // A frame rate whose frames are not whole ticks is off by one at each of two ends.
            let held = (1..=HOLD).any(|frames| {
                let long_enough = shown.is_none_or(|shown| shown + 2 >= (frames + 1) * frame);
                (more - frames * frame).abs() <= 2 + HOLD && long_enough
            });
            if more > 1 && !held {
                let what =
                    format!("PTS − DTS is {} and not {constant} at a key frame", delay(seen));
                self.report.faults.push(Fault { packet: seen.packet, what });
            }
        }
    }

    fn end(mut self) -> Report {
        for pid in [PID_VIDEO, PID_AUDIO] {
            // What is open at the end may be whole: with a stated length it can be told.
            let whole = self.open.get(&pid).is_some_and(|open| {
                let stated = open.bytes.get(4..6).map_or(0, |l| u16::from_be_bytes([l[0], l[1]]));
                stated > 0 && open.bytes.len() == 6 + usize::from(stated)
            });
            if whole {
                self.close(pid);
            }
        }
        self.delays();
        self.report
    }
}

#[cfg(test)]
mod tests;
