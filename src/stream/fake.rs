//! Renditions made of thin air, for tests: every access unit says in ASCII what it is.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tokio::sync::watch;

use super::coding::coding;
use super::compose::Reader;
use super::rendition::{
    Conforming, Gop, GopEntry, ReadError, RenditionIndex, RenditionKey, Renditions,
    SLATE_NO_PROGRAMMING, SLATE_STANDBY, VideoUnit,
};
use crate::domain::{
    ChannelId, JobBeat, LibraryId, Media, MediaId, MediaKind, Profile, Slot, SlotKind, Timeline,
    UtcMillis,
};
use crate::mpegts::adts;
use crate::mpegts::coding::{PictureCoding, SoundCodec};
use crate::mpegts::demux::{Demuxer, Kind, Sample};

/// How a rendition is laid out.
#[derive(Debug, Clone)]
pub(in crate::stream) struct Layout {
    /// `(frames not there before it, frames, of which the last are held)` of each GOP.
    pub gops: Vec<(i64, u32, u32)>,
    /// B pictures between two others, 0 to 3.
    pub b_pictures: usize,
    /// Time of the first audio frame; `None` for no audio.
    pub audio_from: Option<i64>,
    /// Whether the end of the media was reached.
    pub complete: bool,
    /// Only every so-many-th frame has a picture.
    pub every: i64,
}

impl Layout {
    /// `count` GOPs of `frames` frames, with sound from the start.
    pub(in crate::stream) fn even(count: usize, frames: u32) -> Self {
        let gops = vec![(0, frames, 0); count];
        Self { gops, b_pictures: 2, audio_from: Some(0), complete: true, every: 1 }
    }
}

type Rendition = (Arc<RenditionIndex>, Arc<Vec<Gop>>);

/// A store in memory.
#[derive(Debug)]
pub(in crate::stream) struct FakeStore {
    renditions: Mutex<HashMap<MediaId, Rendition>>,
    grown: watch::Sender<u64>,
    /// Makes every read fail while set.
    pub broken: AtomicBool,
}

impl FakeStore {
    /// A store that holds the slates of `profile`.
    pub(in crate::stream) fn with_slates(profile: &Profile) -> Arc<Self> {
        let store = Self {
            renditions: Mutex::default(),
            grown: watch::channel(0).0,
            broken: AtomicBool::new(false),
        };
        let second = profile.rate.frame_at_or_after(90_000);
        let second = u32::try_from(second).unwrap();
        for slate in [SLATE_STANDBY, SLATE_NO_PROGRAMMING] {
            let layout = Layout { b_pictures: 0, audio_from: None, ..Layout::even(3, second) };
            store.put(slate, profile, &layout);
        }
        Arc::new(store)
    }

    /// Puts a whole rendition, replacing what was there.
    pub(in crate::stream) fn put(&self, media: MediaId, profile: &Profile, layout: &Layout) {
        let rendition = make(media, profile, layout);
        self.renditions.lock().unwrap().insert(media, rendition);
        self.grown.send_modify(|n| *n += 1);
    }

    /// Puts what a transport stream of ours or of ffmpeg holds, beginning with its first picture.
    pub(in crate::stream) fn put_stream(&self, media: MediaId, profile: &Profile, stream: &[u8]) {
        let mut demuxer = Demuxer::new();
        let mut samples = demuxer.push(stream);
        samples.extend(demuxer.finish(true));
        let (video, audio): (Vec<_>, Vec<_>) =
            samples.into_iter().partition(|sample| sample.kind == Kind::Video);
        let zero = video[0].pts;
        let pictures = coding(profile).picture;
        let frame = |pts: i64| profile.rate.frame_at_or_after(pts - zero - 900);
        let starts: Vec<usize> =
            (0..video.len()).filter(|at| pictures.is_key(&video[*at].data)).collect();
        let mut entries = Vec::new();
        let mut gops = Vec::new();
        for (nth, start) in starts.iter().enumerate() {
            let stop = starts.get(nth + 1).copied().unwrap_or(video.len());
            let first = frame(video[*start].pts);
            let end = first + i64::try_from(stop - start).unwrap();
            let shown = profile.tick_of(first)..profile.tick_of(end);
            let sounds: Vec<_> =
                audio.iter().filter(|sound| shown.contains(&(sound.pts - zero))).collect();
            entries.push(GopEntry {
                first_frame: first,
                frames: u32::try_from(end - first).unwrap(),
                audio_tick: sounds.first().map_or(0, |sound| sound.pts - zero),
                audio_frames: u32::try_from(sounds.len()).unwrap(),
                span: 0,
                offset: u64::try_from(nth).unwrap(),
                length: 1,
            });
            let unit = |s: &Sample| VideoUnit { frame: frame(s.pts), data: s.data.clone() };
            gops.push(Gop {
                video: video[*start..stop].iter().map(unit).collect(),
                audio: sounds.iter().map(|sound| sound.data.clone()).collect(),
            });
        }
        let key = RenditionKey { media, version: 1, profile: profile.shape() };
        let end_frame = entries.last().map(GopEntry::end_frame);
        let index = RenditionIndex { key, gops: entries.into(), end_frame };
        self.renditions.lock().unwrap().insert(media, (Arc::new(index), Arc::new(gops)));
        self.grown.send_modify(|n| *n += 1);
    }

    /// Takes a rendition away.
    pub(in crate::stream) fn remove(&self, media: MediaId) {
        self.renditions.lock().unwrap().remove(&media);
        self.grown.send_modify(|n| *n += 1);
    }

    /// What is there of `media`.
    pub(in crate::stream) fn get(&self, media: MediaId) -> Option<Arc<RenditionIndex>> {
        self.renditions.lock().unwrap().get(&media).map(|(index, _)| Arc::clone(index))
    }
}

impl Renditions for FakeStore {
    fn index(&self, media: &Media, profile: &Profile) -> Option<Arc<RenditionIndex>> {
        self.get(media.id).filter(|index| index.key.profile == profile.shape())
    }

    fn stored(&self, key: &RenditionKey) -> Option<Arc<RenditionIndex>> {
        self.get(key.media).filter(|index| index.key == *key)
    }

    fn slate(&self, which: MediaId, _: &Profile) -> Option<Arc<RenditionIndex>> {
        self.get(which)
    }

    fn read(&self, key: &RenditionKey, gop: &GopEntry) -> Result<Gop, ReadError> {
        let gone = || ReadError::Io { media: key.media, source: io::ErrorKind::NotFound.into() };
        let mut renditions = self.renditions.lock().unwrap();
        let (index, gops) = renditions.get_mut(&key.media).ok_or_else(gone)?;
        let at = index.gops.iter().position(|entry| entry == gop).ok_or_else(gone)?;
        if self.broken.load(Ordering::SeqCst) && key.media.0 > 0 {
            // Like the real one, it forgets what it cannot read.
            let rest: Vec<GopEntry> = index.gops.iter().filter(|g| *g != gop).copied().collect();
            *index = Arc::new(RenditionIndex { gops: rest.into(), ..(**index).clone() });
            let mut left = (**gops).clone();
            left.remove(at);
            *gops = Arc::new(left);
            return Err(gone());
        }
        Ok(gops[at].clone())
    }

    fn grown(&self) -> watch::Receiver<u64> {
        self.grown.subscribe()
    }
}

/// Reads a [`FakeStore`] without remembering.
pub(in crate::stream) struct FakeReader(pub Arc<FakeStore>);

impl Reader for FakeReader {
    fn pictures(&mut self, key: &RenditionKey, gop: &GopEntry) -> Result<Arc<Gop>, ReadError> {
        self.0.read(key, gop).map(Arc::new)
    }

    fn sounds(&mut self, key: &RenditionKey, gop: &GopEntry) -> Option<Arc<[Bytes]>> {
        self.0.read(key, gop).ok().map(|gop| gop.audio.into())
    }
}

/// Remembers what it was asked for and makes nothing.
#[derive(Debug, Default)]
pub(in crate::stream) struct FakeConforming {
    /// `(media, from_frame)` of every call to `want`.
    pub wanted: Mutex<Vec<(MediaId, i64)>>,
    /// Channels released.
    pub released: Mutex<Vec<ChannelId>>,
}

impl Conforming for FakeConforming {
    fn want(&self, _: ChannelId, media: &Arc<Media>, _: &Profile, from_frame: i64) {
        self.wanted.lock().unwrap().push((media.id, from_frame));
    }

    fn release(&self, channel: ChannelId) {
        self.released.lock().unwrap().push(channel);
    }

    fn job(&self, _: ChannelId) -> Option<JobBeat> {
        None
    }

    fn restart(&self, _: ChannelId) -> bool {
        true
    }
}

/// A media item with this id.
pub(in crate::stream) fn media(id: i64) -> Arc<Media> {
    Arc::new(Media {
        library: LibraryId(1),
        size: 1,
        kind: MediaKind::Movie,
        title: format!("Film {id}"),
        ..Media::file(MediaId(id), format!("/media/{id}.mkv"))
    })
}

/// A timeline from `start` of `(media or nothing, in_ms, duration_ms)`.
pub(in crate::stream) fn timeline(start: i64, slots: &[(Option<i64>, i64, i64)]) -> Timeline {
    let mut at = start;
    let slots = slots.iter().map(|&(media, in_ms, duration)| {
        let begin = at;
        at += duration;
        Slot {
            start: UtcMillis(begin),
            stop: UtcMillis(at),
            media: media.map(MediaId),
            in_ms,
            kind: if media.is_some() { SlotKind::Programme } else { SlotKind::Offline },
            title: String::new(),
            guide_group: None,
            custom_title: None,
        }
    });
    Timeline::new(slots.collect()).unwrap()
}

/// What an access unit says it is: `('v', media, frame)` or `('a', media, tick)`.
pub(in crate::stream) fn read_label(data: &[u8]) -> Option<(char, i64, i64)> {
    let text = String::from_utf8_lossy(data);
    // Silence holds any sign by chance, but none of these words.
    let at = text.find("<v ").or_else(|| text.find("<a "))?;
    let label = &text[at + 1..];
    let mut words = label[..label.find('>')?].split(' ');
    let kind = words.next()?.chars().next()?;
    Some((kind, words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

fn make(media: MediaId, profile: &Profile, layout: &Layout) -> Rendition {
    let mut entries = Vec::new();
    let mut gops = Vec::new();
    let mut at = 0;
    let mut sounds = 0;
    for &(hole, frames, held) in &layout.gops {
        at += hole;
        let end = at + i64::from(frames);
        let shown = i64::from(frames - held.min(frames - 1));
        let pictures = (shown + layout.every - 1) / layout.every;
        let video = decode_order(pictures, layout.b_pictures)
            .map(|n| n * layout.every)
            .map(|n| VideoUnit { frame: at + n, data: picture(profile, media, at + n, n == 0) })
            .collect();
        let tick = |n: i64| layout.audio_from.unwrap_or(0) + n * profile.audio_ticks();
        let from = sounds;
        while layout.audio_from.is_some() && tick(sounds) < profile.tick_of(end) {
            sounds += 1;
        }
        // What falls into a hole is nowhere.
        let from =
            (from..sounds).find(|n| tick(*n) >= profile.tick_of(at) || at == 0).unwrap_or(sounds);
        entries.push(GopEntry {
            first_frame: at,
            frames,
            audio_tick: tick(from),
            audio_frames: u32::try_from(sounds - from).unwrap(),
            span: 0,
            offset: u64::try_from(at).unwrap(),
            length: 1,
        });
        let audio = (from..sounds).map(|n| sound(profile, media, tick(n))).collect();
        gops.push(Gop { video, audio });
        at = end;
    }
    let key = RenditionKey { media, version: 1, profile: profile.shape() };
    let end_frame = layout.complete.then_some(at);
    (Arc::new(RenditionIndex { key, gops: entries.into(), end_frame }), Arc::new(gops))
}

/// The display numbers of `count` pictures in decode order.
fn decode_order(count: i64, b_pictures: usize) -> impl Iterator<Item = i64> {
    let step = b_pictures + 1;
    let shown: Vec<i64> = (1..count).collect();
    let groups: Vec<i64> = shown
        .chunks(step)
        .flat_map(|group| {
            group.last().copied().into_iter().chain(group[..group.len() - 1].to_vec())
        })
        .collect();
    std::iter::once(0).chain(groups)
}

/// The beginning of a sequence parameter set of HEVC.
const SPS: &[u8] = &[0x42, 1, 1, 1, 0x60, 0, 0, 3, 0, 0x90, 0, 0, 3, 0, 0, 3, 0, 0x3F];

fn picture(profile: &Profile, media: MediaId, frame: i64, key: bool) -> Bytes {
    let units: &[&[u8]] = match (coding(profile).picture, key) {
        (PictureCoding::H264, true) => &[&[9, 0xF0], &[0x67, 0x64, 1, 0x1E], &[0x68, 1], &[0x65]],
        (PictureCoding::H264, false) => &[&[9, 0xF0], &[0x41]],
        (PictureCoding::Hevc, true) => {
            &[&[0x46, 1, 0x50], &[0x40, 1, 1], SPS, &[0x44, 1, 1], &[0x26, 1]]
        }
        (PictureCoding::Hevc, false) => &[&[0x46, 1, 0x50], &[2, 1]],
    };
    let mut data: Vec<u8> = units.iter().flat_map(|nal| [&[0, 0, 0, 1], *nal].concat()).collect();
    data.extend(format!("<v {} {frame}>", media.0).into_bytes());
    data.resize(data.len() + usize::try_from((frame * 7).rem_euclid(400)).unwrap(), 0x55);
    data.into()
}

fn sound(profile: &Profile, media: MediaId, tick: i64) -> Bytes {
    let text = format!("<a {} {tick}>", media.0).into_bytes();
    let sound = coding(profile).sound;
    match sound.codec {
        SoundCodec::Aac => adts::framed(&text, sound.surround).unwrap().into(),
        SoundCodec::Ac3 => {
            // Nobody decodes it, so its checksums may be wrong.
            let mut frame = sound.silence().to_vec();
            frame[20..20 + text.len()].copy_from_slice(&text);
            frame.into()
        }
    }
}
