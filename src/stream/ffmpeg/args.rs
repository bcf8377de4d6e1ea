//! The arguments of a conform. PURE.
//!
//! Three things make frame numbers exact whichever frame a run begins with:
//!
//! - `-copyts -start_at_zero` keeps media time (zero is the start of the file) through seeking;
//!   `-output_ts_offset` lifts it so far that reorder and priming never go below zero, where
//!   ffmpeg would shift everything.
//! - The `fps` filter works on absolute times, so its grid does not depend on where a run begins;
//!   `start_time` pins the first frame. Seeking ends a little earlier, so that the filter sees
//!   the picture that is on screen at that moment.
//! - Encoded audio begins on a multiple of a frame's samples of media time, so that the frames of
//!   two runs lie on one grid.
//!
//! A copied picture cannot begin anywhere but at a key frame: ffmpeg takes the one before, the
//! times stay true, and the store is told the real frame numbers.

use std::ffi::OsString;
use std::path::Path;

use super::picture::{self, Graph};
use super::{Abilities, AudioTreatment, Inlet, Treatment, VideoTreatment, sound};
use crate::domain::{AudioCodec, FfmpegRuns, FrameRate, Preset, Profile, VideoCodec};
use crate::mpegts::ac3;

/// Added to all times by ffmpeg; media time zero comes out at this tick (ten seconds).
pub const ORIGIN_TICKS: i64 = 900_000;

/// How far before its first frame an encoding run looks for the picture on screen.
const LOOK_BACK_TICKS: i64 = 90_000;

/// Who waits for a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// A viewer who sees nothing yet: the fastest preset, for a few seconds.
    Opening,
    /// A viewer: fast preset, short groups at the start.
    Live,
    /// Nobody: better preset, at idle priority.
    Background,
    /// A slate: groups of one second, no reordering, so that it can be looped at every group.
    Slate,
}

/// One run of ffmpeg: from a frame of a file towards its end, into a pipe.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// The file.
    pub path: &'a str,
    /// What is done to it.
    pub treatment: &'a Treatment,
    /// What it becomes.
    pub profile: &'a Profile,
    /// The first frame wanted.
    pub from_frame: i64,
    /// The first frame not wanted any more; exact when encoding, ignored when copying.
    pub until_frame: Option<i64>,
    /// What is taken off all times when encoding, in ticks: the phase of an earlier copying run.
    pub phase: i64,
    /// Who waits for it.
    pub effort: Effort,
    /// Threads of the encoder; 0 leaves the choice to it.
    pub threads: usize,
    /// The picture for sound without picture.
    pub still: &'a Path,
    /// What this ffmpeg can do.
    pub abilities: Abilities,
    /// Subtitles that become part of a picture that is encoded.
    pub words: Option<Words<'a>>,
    /// What encoded sound is lifted by, in hundredths of a decibel.
    pub gain: i32,
    /// Where a broadcast is read from, instead of the file; its times count from its first picture.
    pub upstream: Option<&'a Inlet>,
    /// What was set about all runs.
    pub tuning: &'a FfmpegRuns,
}

/// Where burned-in subtitles come from.
#[derive(Debug, Clone, Copy)]
pub enum Words<'a> {
    /// Texts in a file of their own.
    Texts(&'a Path),
    /// Pictures, in this subtitle track of the file.
    Track(usize),
}

impl Run<'_> {
    /// The arguments, without the program's name.
    pub fn arguments(&self) -> Vec<OsString> {
        let mut args = Args::default();
        args.words("-hide_banner -nostdin -nostats");
        args.pair("-loglevel", self.tuning.log_level.as_str());
        if self.upstream.is_none() {
            args.words("-copyts -start_at_zero");
        }
        args.words("-fflags +genpts+discardcorrupt");
        self.input(&mut args);
        self.video(&mut args);
        self.audio(&mut args);
        self.output(&mut args);
        args.0
    }

    fn copies_video(&self) -> bool {
        self.treatment.video == VideoTreatment::Copy
    }

    fn input(&self, args: &mut Args) {
        if let Some(upstream) = self.upstream {
            args.0.extend(super::upstream::input(upstream));
            return;
        }
        let seek = if self.copies_video() {
            self.first_tick()
        } else {
            self.first_tick() - LOOK_BACK_TICKS
        };
        if seek > 0 {
            args.pair("-ss", seconds(seek));
            if self.copies_video() {
                // Sound that is encoded must begin where the copied picture does: at the key frame.
                args.word("-noaccurate_seek");
            }
        }
        args.pair("-protocol_whitelist", "file,pipe,fd");
        args.pair("-i", format!("file:{}", self.path));
        if self.treatment.video == VideoTreatment::Still {
            args.pair("-protocol_whitelist", "file,pipe,fd");
            let mut still = OsString::from("file:");
            still.push(self.still);
            args.word("-i");
            args.0.push(still);
        }
    }

    fn video(&self, args: &mut Args) {
        let Profile { rate, video_kbps, buffer_kbit, .. } = self.profile;
        match &self.treatment.video {
            VideoTreatment::Copy => {
                let unpacked = match self.profile.video_codec {
                    VideoCodec::H264 => "h264_mp4toannexb",
                    VideoCodec::Hevc => "hevc_mp4toannexb",
                };
                args.words("-map 0:V:0 -c:v copy");
                args.pair("-bsf:v", format!("{unpacked},dump_extra=freq=keyframe"));
                return;
            }
            VideoTreatment::Encode { repair, .. } => match picture::graph(self, repair) {
                Graph::Chain(filters) => {
                    args.words("-map 0:V:0");
                    args.pair("-vf", filters);
                }
                Graph::Complex(graph) => {
                    args.pair("-filter_complex", graph);
                    args.words("-map [picture]");
                }
            },
            VideoTreatment::Still => {
                args.words("-map 1:v:0");
                args.pair("-vf", picture::still(self));
            }
        }
        let key_frames = match self.effort {
            // Half-second groups for two seconds bring the first picture sooner.
            Effort::Opening | Effort::Live => {
                let (short, long) = (frames_in(*rate, 1, 2), frames_in(*rate, 2, 1));
                format!(
                    "expr:if(lt(n,{long}),eq(n,0)+gte(n,prev_forced_n+{short}),\
                     gte(n,prev_forced_n+{long}))"
                )
            }
            Effort::Background => every(frames_in(*rate, 2, 1)),
            Effort::Slate => every(frames_in(*rate, 1, 1)),
        };
        self.encoder(args);
        args.pair("-force_key_frames", key_frames);
        args.pair("-g", frames_in(*rate, 4, 1).to_string());
        args.pair("-maxrate", format!("{video_kbps}k"));
        args.pair("-bufsize", format!("{buffer_kbit}k"));
        args.pair("-threads:v", self.threads().to_string());
        if self.effort != Effort::Slate {
            for (name, value) in self.tuning.extra.iter() {
                args.pair(name, value);
            }
        }
    }

    /// Threads of the encoder; what was set wins.
    fn threads(&self) -> usize {
        match self.tuning.threads {
            0 => self.threads,
            set => usize::try_from(set).unwrap_or(self.threads),
        }
    }

    /// The encoder and how hard it works. Both are told the same, so that groups are closed: a key
    /// frame begins one, and nothing behind it looks back over it.
    fn encoder(&self, args: &mut Args) {
        let preset = match self.effort {
            Effort::Opening => Preset::Ultrafast,
            Effort::Live => Preset::Superfast.min(self.profile.preset),
            Effort::Background => self.profile.preset,
            Effort::Slate => Preset::Veryfast,
        };
        let (still, b_frames) = match self.effort {
            Effort::Slate => (true, 0),
            Effort::Opening | Effort::Live | Effort::Background => (false, 2),
        };
        match self.profile.video_codec {
            VideoCodec::H264 => {
                args.words("-c:v libx264 -profile:v high -sc_threshold 0 -crf 21");
                args.pair("-preset", preset.as_str());
                if still {
                    args.words("-tune stillimage");
                }
                args.pair("-bf", b_frames.to_string());
                args.pair("-x264-params", "open-gop=0:aud=1");
            }
            VideoCodec::Hevc => {
                // Its own words about its work are no complaints.
                args.words("-c:v libx265 -profile:v main -forced-idr 1 -crf 24");
                args.pair("-preset", preset.as_str());
                let threads = match self.threads() {
                    0 => String::new(),
                    threads => format!(":pools={threads}"),
                };
                args.pair(
                    "-x265-params",
                    format!(
                        "log-level=warning:open-gop=0:radl=0:scenecut=0:bframes={b_frames}\
                         :repeat-headers=1:aud=1:info=0{threads}"
                    ),
                );
            }
        }
    }

    fn audio(&self, args: &mut Args) {
        match self.treatment.audio {
            AudioTreatment::Silence => {
                args.word("-an");
                return;
            }
            AudioTreatment::Copy { track } => {
                args.pair("-map", format!("0:a:{track}"));
                args.words("-c:a copy");
                if self.until_frame.is_some() && !self.copies_video() {
                    args.word("-shortest");
                }
            }
            AudioTreatment::Encode { track, downmix } => {
                // Nobody has looked whether a broadcast has sound.
                let optional = if self.upstream.is_some() { "?" } else { "" };
                args.pair("-map", format!("0:a:{track}{optional}"));
                // A copied picture begins up to a group earlier; sound that is missing there is
                // silence, which goes with the pictures before the first whole group.
                let copied = self.copies_video();
                let early = if copied { (Profile::MAX_GOP_MS + 2_000) * 90 } else { 0 };
                let first = (self.first_tick() - early).max(0);
                let frame = self.profile.audio_codec.frame_samples();
                let grid = (first * Profile::SAMPLE_RATE / 90_000).div_euclid(frame) * frame;
                args.pair("-af", sound::filters(self, downmix, !copied, grid, !copied));
                let kbps = self.profile.audio_kbps;
                let (encoder, kbps) = match self.profile.audio_codec {
                    AudioCodec::Aac => ("aac", kbps),
                    // Other rates than those of the standard are not to be had.
                    AudioCodec::Ac3 => ("ac3", ac3::nearest_rate(kbps)),
                };
                args.pair("-c:a", encoder);
                args.pair("-b:a", format!("{kbps}k"));
            }
        }
        if self.treatment.video == VideoTreatment::Still {
            args.word("-shortest");
        }
    }

    fn output(&self, args: &mut Args) {
        args.words("-sn -dn -map_metadata -1 -map_chapters -1 -max_muxing_queue_size 4096");
        args.pair("-output_ts_offset", seconds(ORIGIN_TICKS));
        args.words("-f mpegts -muxdelay 0 -muxpreload 0 -pes_payload_size 0 -flush_packets 1");
        args.word("pipe:1");
    }

    pub(super) fn first_tick(&self) -> i64 {
        self.profile.tick_of(self.from_frame)
    }
}

/// A list of arguments in the making.
#[derive(Debug, Default)]
struct Args(Vec<OsString>);

impl Args {
    fn word(&mut self, word: &str) {
        self.0.push(word.into());
    }

    /// Adds fixed words; nothing that comes from outside goes through here.
    fn words(&mut self, words: &str) {
        self.0.extend(words.split_whitespace().map(OsString::from));
    }

    fn pair(&mut self, name: &str, value: impl Into<OsString>) {
        self.word(name);
        self.0.push(value.into());
    }
}

/// Ticks as decimal seconds, to the microsecond.
pub(super) fn seconds(ticks: i64) -> String {
    let micros = ticks * 100 / 9;
    let sign = if micros < 0 { "-" } else { "" };
    let micros = micros.unsigned_abs();
    format!("{sign}{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

/// A key frame every `frames` frames.
fn every(frames: i64) -> String {
    format!("expr:eq(n,0)+gte(n,prev_forced_n+{frames})")
}

/// Whole frames in `num/den` seconds, at least one.
fn frames_in(rate: FrameRate, num: i64, den: i64) -> i64 {
    (i64::from(rate.num) * num / (i64::from(rate.den) * den)).max(1)
}

pub(super) fn frame_ticks(rate: FrameRate) -> i64 {
    rate.tick_of(1)
}

#[cfg(test)]
mod tests;
