//! Makes sense of what ffprobe answers. PURE.

use std::collections::HashMap;

use serde::Deserialize;

use crate::domain::{AudioStream, FrameRate, MediaState, Probe, SubtitleStream, VideoStream};

/// What ffprobe is asked for.
pub(super) const ENTRIES: &str = "format=format_name,start_time,duration:\
    stream=index,codec_type,codec_name,profile,width,height,pix_fmt,sample_aspect_ratio,\
    field_order,color_transfer,r_frame_rate,avg_frame_rate,channels,sample_rate,duration:\
    stream_tags:stream_disposition=default,forced,attached_pic,timed_thumbnails:\
    stream_side_data=rotation:packet=stream_index,pts_time,flags";

/// ffprobe's answer as it comes.
#[derive(Deserialize)]
pub(super) struct Answer {
    #[serde(default)]
    packets: Vec<Packet>,
    #[serde(default)]
    streams: Vec<Stream>,
    #[serde(default)]
    format: Format,
}

#[derive(Deserialize)]
struct Packet {
    stream_index: Option<u32>,
    pts_time: Option<String>,
    #[serde(default)]
    flags: String,
}

#[derive(Default, Deserialize)]
struct Format {
    #[serde(default)]
    format_name: String,
    start_time: Option<String>,
    duration: Option<String>,
}

#[derive(Deserialize)]
struct Stream {
    index: u32,
    #[serde(default)]
    codec_type: String,
    #[serde(default)]
    codec_name: String,
    #[serde(default)]
    profile: String,
    #[serde(default)]
    width: u32,
    #[serde(default)]
    height: u32,
    #[serde(default)]
    pix_fmt: String,
    #[serde(default)]
    sample_aspect_ratio: String,
    #[serde(default)]
    field_order: String,
    #[serde(default)]
    color_transfer: String,
    #[serde(default)]
    r_frame_rate: String,
    #[serde(default)]
    avg_frame_rate: String,
    #[serde(default)]
    channels: u32,
    sample_rate: Option<String>,
    duration: Option<String>,
    #[serde(default)]
    tags: HashMap<String, String>,
    #[serde(default)]
    disposition: Disposition,
    #[serde(default)]
    side_data_list: Vec<SideData>,
}

#[derive(Default, Deserialize)]
struct Disposition {
    #[serde(default)]
    default: u8,
    #[serde(default)]
    forced: u8,
    #[serde(default)]
    attached_pic: u8,
    #[serde(default)]
    timed_thumbnails: u8,
}

#[derive(Deserialize)]
struct SideData {
    rotation: Option<f64>,
}

impl Answer {
    /// Reads the JSON; `None` when it is none.
    pub(super) fn read(json: &[u8]) -> Option<Self> {
        // Tags may hold bytes that are no UTF-8; they must not cost us the whole answer.
        serde_json::from_str(&String::from_utf8_lossy(json)).ok() // reason: no JSON is `None`.
    }

    /// What is in the file.
    ///
    /// # Errors
    /// The state of a file that holds nothing to play.
    pub(super) fn probe(&self) -> Result<Probe, MediaState> {
        let unsupported = |reason: &str| MediaState::Unsupported { reason: reason.to_owned() };
        let container = &self.format.format_name;
        if is_playlist(container) {
            return Err(unsupported("a playlist"));
        }
        if container.ends_with("_pipe") || container == "image2" {
            return Err(unsupported("a picture"));
        }
        let video = self.picture().map(|stream| self.video(stream)).transpose()?;
        let audio: Vec<AudioStream> = self
            .streams
            .iter()
            .filter(|stream| stream.codec_type == "audio" && is_known(&stream.codec_name))
            .map(Stream::audio)
            .collect();
        if video.is_none() && audio.is_empty() {
            let coded = |stream: &Stream| matches!(stream.codec_type.as_str(), "video" | "audio");
            let reason = match self.streams.iter().any(coded) {
                true => "its codec is not known",
                false => "no picture and no sound in it",
            };
            return Err(unsupported(reason));
        }
        let start_ms = self.format.start_time.as_deref().and_then(millis).unwrap_or(0);
        let subtitles = self.streams.iter().filter(|stream| stream.codec_type == "subtitle");
        let subtitles = subtitles.map(Stream::subtitle).collect();
        Ok(Probe { container: container.clone(), start_ms, video, audio, subtitles })
    }

    /// Playing time: of the container, else of the longest stream; 0 when neither says.
    pub(super) fn duration_ms(&self) -> i64 {
        let stated = |text: &Option<String>| text.as_deref().and_then(millis).unwrap_or(0).max(0);
        let container = stated(&self.format.duration);
        if container > 0 {
            return container;
        }
        let played = |stream: &&Stream| matches!(stream.codec_type.as_str(), "video" | "audio");
        let of_stream = |stream: &Stream| stated(&stream.duration).max(stream.tagged_ms());
        self.streams.iter().filter(played).map(of_stream).max().unwrap_or(0)
    }

    /// The stream that is the picture: the first that is not cover art.
    fn picture(&self) -> Option<&Stream> {
        self.streams.iter().find(|stream| {
            stream.codec_type == "video"
                && is_known(&stream.codec_name)
                && stream.disposition.attached_pic == 0
                && stream.disposition.timed_thumbnails == 0
        })
    }

    fn video(&self, stream: &Stream) -> Result<VideoStream, MediaState> {
        if stream.width == 0 || stream.height == 0 {
            return Err(MediaState::Corrupt { reason: "its picture size is not known".to_owned() });
        }
        let sample = Sample::of(&self.packets, stream.index);
        let base = rate(&stream.r_frame_rate);
        let average = rate(&stream.avg_frame_rate);
        let (rate, constant_rate) = match (base, average) {
            (Some(base), Some(average)) if agree(base, average) => {
                (snapped(base), sample.is_even(snapped(base)))
            }
            (_, Some(rate)) | (Some(rate), None) => (snapped(rate), false),
            (None, None) => (FrameRate { num: 25, den: 1 }, false),
        };
        Ok(VideoStream {
            codec: stream.codec_name.clone(),
            codec_profile: stream.profile.clone(),
            width: stream.width,
            height: stream.height,
            pixel_format: stream.pix_fmt.clone(),
            rate,
            constant_rate,
            progressive: stream.field_order == "progressive",
            rotation: stream.rotation(),
            square_pixels: matches!(
                stream.sample_aspect_ratio.as_str(),
                "" | "0:1" | "1:1" | "N/A"
            ),
            transfer: match stream.color_transfer.as_str() {
                "unknown" | "unspecified" => String::new(),
                known => known.to_owned(),
            },
            gop_ms: sample.gop_ms(),
        })
    }
}

impl Stream {
    fn subtitle(&self) -> SubtitleStream {
        SubtitleStream {
            codec: self.codec_name.clone(),
            language: self.language().map(str::to_owned),
            default: self.disposition.default == 1,
            forced: self.disposition.forced == 1,
        }
    }

    fn language(&self) -> Option<&str> {
        self.tag("language").filter(|tag| !tag.is_empty() && *tag != "und")
    }

    fn audio(&self) -> AudioStream {
        AudioStream {
            codec: self.codec_name.clone(),
            codec_profile: self.profile.clone(),
            channels: self.channels,
            sample_rate: self
                .sample_rate
                .as_deref()
                .and_then(|rate| rate.parse().ok())
                .unwrap_or(0),
            language: self.language().map(str::to_owned),
            default: self.disposition.default == 1,
        }
    }

    fn tag(&self, name: &str) -> Option<&str> {
        let found = self.tags.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Matroska writes stream lengths as a tag, `01:23:45.678000000`.
    fn tagged_ms(&self) -> i64 {
        let Some(tag) = self.tag("DURATION") else { return 0 };
        let parts: Option<Vec<f64>> = tag.split(':').map(|part| part.parse().ok()).collect();
        match parts.as_deref() {
            Some([hours, minutes, seconds]) => {
                to_millis(hours * 3600.0 + minutes * 60.0 + seconds).unwrap_or(0).max(0)
            }
            _ => 0,
        }
    }

    /// Degrees clockwise that the picture has to be turned for showing, in steps of 90.
    fn rotation(&self) -> u32 {
        let matrix = self.side_data_list.iter().find_map(|data| data.rotation);
        let tag = self.tag("rotate").and_then(|text| text.parse::<f64>().ok());
        // The display matrix counts against the clock, the tag with it.
        let degrees = matrix.map(|degrees| -degrees).or(tag).filter(|degrees| degrees.is_finite());
        let turned = degrees.unwrap_or(0.0).rem_euclid(360.0);
        match turned {
            45.0..135.0 => 90,
            135.0..225.0 => 180,
            225.0..315.0 => 270,
            _ => 0,
        }
    }
}

/// Packets of the picture in the sampled part, in order of showing.
struct Sample {
    /// Seconds, and whether a key frame.
    shown: Vec<(f64, bool)>,
}

impl Sample {
    /// Pictures at the end of a sample whose neighbours may not have been read yet.
    const RAGGED_END: usize = 16;

    fn of(packets: &[Packet], stream: u32) -> Self {
        let time = |packet: &Packet| packet.pts_time.as_deref().and_then(seconds);
        let mut shown: Vec<(f64, bool)> = packets
            .iter()
            .filter(|packet| packet.stream_index == Some(stream) && !packet.flags.contains('D'))
            .filter_map(|packet| Some((time(packet)?, packet.flags.starts_with('K'))))
            .collect();
        shown.sort_by(|a, b| a.0.total_cmp(&b.0));
        Self { shown }
    }

    /// Longest distance between key frames; from the last one to the end it is at least so long.
    fn gop_ms(&self) -> Option<i64> {
        let mut keys: Vec<f64> =
            self.shown.iter().filter(|(_, key)| *key).map(|(time, _)| *time).collect();
        if keys.is_empty() {
            return None;
        }
        keys.extend(self.shown.last().map(|(time, _)| *time));
        let longest = keys.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max);
        to_millis(longest)
    }

    /// Whether the pictures come at `rate` without a hole; few pictures prove nothing against it.
    fn is_even(&self, rate: FrameRate) -> bool {
        let step = 1.0 / rate.as_f64();
        // Containers that count milliseconds are off by up to one.
        let slack = (step * 0.25).max(0.0015);
        let whole = self.shown.len().saturating_sub(Self::RAGGED_END).max(2);
        let sure = &self.shown[..whole.min(self.shown.len())];
        sure.windows(2).all(|pair| ((pair[1].0 - pair[0].0) - step).abs() <= slack)
    }
}

/// The end of the last packet in ffprobe's list of `pts,duration`, in milliseconds.
pub(super) fn measured_ms(csv: &[u8]) -> i64 {
    let text = String::from_utf8_lossy(csv);
    let mut first = f64::INFINITY;
    let mut last = 0.0_f64;
    for line in text.lines() {
        let mut fields = line.split(',');
        let Some(start) = fields.next().and_then(seconds) else { continue };
        let length = fields.next().and_then(seconds).unwrap_or(0.0);
        first = first.min(start);
        last = last.max(start + length);
    }
    if first.is_finite() { to_millis(last - first).unwrap_or(0).max(0) } else { 0 }
}

fn is_playlist(container: &str) -> bool {
    container.split(',').any(|name| matches!(name, "hls" | "applehttp" | "dash" | "concat" | "imf"))
}

fn is_known(codec: &str) -> bool {
    !matches!(codec, "" | "none" | "unknown")
}

/// Base and average rate within two parts in a thousand are one rate.
fn agree(a: FrameRate, b: FrameRate) -> bool {
    (a.as_f64() / b.as_f64() - 1.0).abs() < 0.002
}

/// Reads `30000/1001`; `None` for `0/0` and for rates no video has.
fn rate(text: &str) -> Option<FrameRate> {
    let (num, den) = text.split_once('/')?;
    let rate = FrameRate { num: num.parse().ok()?, den: den.parse().ok()? };
    (rate.num > 0 && rate.den > 0 && (0.1..=1000.0).contains(&rate.as_f64())).then_some(rate)
}

/// The usual rate that is meant, for containers that count in milliseconds.
fn snapped(rate: FrameRate) -> FrameRate {
    const USUAL: [(u32, u32); 10] = [
        (24_000, 1001),
        (24, 1),
        (25, 1),
        (30_000, 1001),
        (30, 1),
        (50, 1),
        (60_000, 1001),
        (60, 1),
        (15, 1),
        (12, 1),
    ];
    let usual = USUAL.map(|(num, den)| FrameRate { num, den });
    let near = |usual: &FrameRate| (usual.as_f64() / rate.as_f64() - 1.0).abs() < 0.0004;
    usual.into_iter().find(near).unwrap_or(rate)
}

fn seconds(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|value| value.is_finite())
}

fn millis(text: &str) -> Option<i64> {
    to_millis(seconds(text)?)
}

/// Seconds to milliseconds; `None` beyond thirty years, which no file lasts.
fn to_millis(seconds: f64) -> Option<i64> {
    let ms = (seconds * 1000.0).round();
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked in front")]
    (ms.abs() < 1e12).then_some(ms as i64)
}
