//! What can be set about ffmpeg, and what each setting may be: one list for the configuration, the
//! API and whoever runs it.

use super::{Acceleration, AccelerationChoice, Accelerator, VideoCodec};

/// Settings of ffmpeg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FfmpegSettings {
    /// Name or path of ffmpeg; a change applies at the next start.
    pub path: String,
    /// Name or path of ffprobe; a change applies at the next start.
    pub ffprobe_path: String,
    /// How conforms are run.
    pub runs: FfmpegRuns,
    /// What decodes and encodes.
    pub hwaccel: Acceleration,
    /// Which device.
    pub hwaccel_device: Option<String>,
    /// For media from `YouTube`.
    pub youtube: ForSource,
    /// For media from archive.org.
    pub archive_org: ForSource,
    /// For media from Plex.
    pub plex: ForSource,
}

/// How conforms are run from now on; what is made already stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FfmpegRuns {
    /// How much ffmpeg says.
    pub log_level: LogLevel,
    /// Threads of the encoder; 0 shares them out by who waits.
    pub threads: u32,
    /// More options of the encoder.
    pub extra: ExtraFlags,
}

/// What one source has of its own; kept for that source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ForSource {
    /// What decodes and encodes; `None` as for all others.
    pub hwaccel: Option<Acceleration>,
    /// The encoder by its name in ffmpeg; `None` as for all others.
    pub video_encoder: Option<String>,
}

impl Default for FfmpegSettings {
    fn default() -> Self {
        Self {
            path: "ffmpeg".to_owned(),
            ffprobe_path: "ffprobe".to_owned(),
            runs: FfmpegRuns::default(),
            hwaccel: Acceleration::Auto,
            hwaccel_device: None,
            youtube: ForSource::default(),
            archive_org: ForSource::default(),
            plex: ForSource::default(),
        }
    }
}

/// What may be written for one source.
const SOURCE: &str = "none, or one of the words of hwaccel";
const ENCODER: &str = "an encoder of ffmpeg such as libx264 or h264_nvenc";

impl FfmpegSettings {
    /// Most threads of an encoder.
    pub const MAX_THREADS: u32 = 64;

    /// Every setting: its key, its key in the whole configuration, and what may be written for it.
    pub const KEYS: [(&'static str, &'static str, &'static str); 13] = [
        ("path", "ffmpeg.path", "a program such as ffmpeg"),
        ("ffprobe_path", "ffmpeg.ffprobe_path", "a program such as ffprobe"),
        ("log_level", "ffmpeg.log_level", LogLevel::ALLOWED),
        ("threads", "ffmpeg.threads", "a whole number from 0 to 64"),
        ("hwaccel", "ffmpeg.hwaccel", Acceleration::ALLOWED),
        (
            "hwaccel_device",
            "ffmpeg.hwaccel_device",
            "a device such as /dev/dri/renderD128, or the number of a card",
        ),
        ("extra_flags", "ffmpeg.extra_flags", ExtraFlags::ALLOWED),
        ("youtube_hwaccel", "ffmpeg.youtube_hwaccel", SOURCE),
        ("archive_org_hwaccel", "ffmpeg.archive_org_hwaccel", SOURCE),
        ("plex_hwaccel", "ffmpeg.plex_hwaccel", SOURCE),
        ("youtube_video_encoder", "ffmpeg.youtube_video_encoder", ENCODER),
        ("archive_org_video_encoder", "ffmpeg.archive_org_video_encoder", ENCODER),
        ("plex_video_encoder", "ffmpeg.plex_video_encoder", ENCODER),
    ];

    /// Sets what `key` names to what `word` says; `false`, and nothing changed, when that cannot be
    /// taken. An empty word takes a setting back, where there can be none.
    pub fn set(&mut self, key: &str, word: &str) -> bool {
        let word = word.trim();
        self.try_set(key, word).is_some()
    }

    fn try_set(&mut self, key: &str, word: &str) -> Option<()> {
        let optional = Some(word).filter(|word| !word.is_empty());
        match key {
            "path" => self.path = program(word)?,
            "ffprobe_path" => self.ffprobe_path = program(word)?,
            "log_level" => self.runs.log_level = LogLevel::read(word)?,
            "threads" => {
                let threads = word.parse().ok()?;
                self.runs.threads = Some(threads).filter(|count| *count <= Self::MAX_THREADS)?;
            }
            "hwaccel" => self.hwaccel = Acceleration::read(word)?,
            "hwaccel_device" => {
                self.hwaccel_device = read(optional, AccelerationChoice::check_device)?;
            }
            "extra_flags" => self.runs.extra = ExtraFlags::read(word)?,
            _ => {
                let (source, what) = self.source(key)?;
                match what {
                    What::Hwaccel => source.hwaccel = read(optional, Acceleration::read)?,
                    What::Encoder => source.video_encoder = read(optional, encoder)?,
                }
            }
        }
        Some(())
    }

    /// How `key` is written now; `None` where nothing is set.
    pub fn word(&self, key: &str) -> Option<String> {
        Some(match key {
            "path" => self.path.clone(),
            "ffprobe_path" => self.ffprobe_path.clone(),
            "log_level" => self.runs.log_level.as_str().to_owned(),
            "threads" => self.runs.threads.to_string(),
            "hwaccel" => self.hwaccel.as_str().to_owned(),
            "hwaccel_device" => self.hwaccel_device.clone()?,
            "extra_flags" => Some(self.runs.extra.to_string()).filter(|flags| !flags.is_empty())?,
            _ => {
                let mut copy = self.clone();
                let (source, what) = copy.source(key)?;
                match what {
                    // Nothing written means what all others have, so off has a word here.
                    What::Hwaccel => match source.hwaccel? {
                        Acceleration::Off => "none".to_owned(),
                        choice => choice.as_str().to_owned(),
                    },
                    What::Encoder => source.video_encoder.take()?,
                }
            }
        })
    }

    fn source(&mut self, key: &str) -> Option<(&mut ForSource, What)> {
        let (name, what) = match key.strip_suffix("_hwaccel") {
            Some(name) => (name, What::Hwaccel),
            None => (key.strip_suffix("_video_encoder")?, What::Encoder),
        };
        let source = match name {
            "youtube" => &mut self.youtube,
            "archive_org" => &mut self.archive_org,
            "plex" => &mut self.plex,
            _ => return None,
        };
        Some((source, what))
    }
}

/// What of a source a key names.
enum What {
    Hwaccel,
    Encoder,
}

/// Reads a word that may be missing.
fn read<T>(word: Option<&str>, read: impl Fn(&str) -> Option<T>) -> Option<Option<T>> {
    match word {
        None => Some(None),
        Some(word) => read(word).map(Some),
    }
}

fn program(word: &str) -> Option<String> {
    (!word.is_empty() && !word.chars().any(char::is_control)).then(|| word.to_owned())
}

fn encoder(word: &str) -> Option<String> {
    let codecs = [VideoCodec::H264, VideoCodec::Hevc];
    let mut known = Accelerator::ALL.into_iter().flat_map(|kind| codecs.map(|c| kind.encoder(c)));
    known.any(|name| name == word).then(|| word.to_owned())
}

/// How much ffmpeg says. The operator reads it, so errors and warnings cannot be silenced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogLevel {
    /// What the operator needs.
    #[default]
    Warning,
    /// Also what it does.
    Info,
    /// Also how.
    Verbose,
    /// Everything.
    Debug,
}

impl LogLevel {
    /// What may be written, for people.
    pub const ALLOWED: &'static str = "one of warning, info, verbose, debug";

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Info => "info",
            Self::Verbose => "verbose",
            Self::Debug => "debug",
        }
    }

    /// Reads such a word.
    pub fn read(word: &str) -> Option<Self> {
        let all = [Self::Warning, Self::Info, Self::Verbose, Self::Debug];
        all.into_iter().find(|level| level.as_str().eq_ignore_ascii_case(word))
    }
}

/// Options for software encoders, each known and each with a value that was checked.
///
/// Never what a person wrote: options of ffmpeg can read and write any file, and a splice relies on
/// how groups are made. So there is a short list, and everything else is refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExtraFlags(Vec<(&'static str, String)>);

/// What an option may be.
enum Allowed {
    Number(u32, u32),
    Words(&'static [&'static str]),
}

/// The options.
const FLAGS: [(&str, Allowed); 4] = [
    ("-crf", Allowed::Number(10, 40)),
    ("-tune", Allowed::Words(&["animation", "grain", "fastdecode"])),
    ("-refs", Allowed::Number(1, 6)),
    (
        "-sws_flags",
        Allowed::Words(&["fast_bilinear", "bilinear", "bicubic", "area", "lanczos", "spline"]),
    ),
];

impl ExtraFlags {
    /// What may be written, for people.
    pub const ALLOWED: &'static str = "any of -crf 10 to 40, -tune animation, grain or fastdecode, \
         -refs 1 to 6, -sws_flags fast_bilinear, bilinear, bicubic, area, lanczos or spline";

    /// Reads options as they are written on a command line; `None` when one is not on the list.
    pub fn read(text: &str) -> Option<Self> {
        let mut flags = Vec::new();
        let mut words = text.split_whitespace();
        while let Some(name) = words.next() {
            let (name, allowed) = FLAGS.iter().find(|(known, _)| *known == name)?;
            let value = words.next()?;
            let fits = match allowed {
                Allowed::Number(least, most) => {
                    value.parse::<u32>().is_ok_and(|number| (*least..=*most).contains(&number))
                }
                Allowed::Words(known) => known.contains(&value),
            };
            if !fits || flags.iter().any(|(given, _)| given == name) {
                return None;
            }
            flags.push((*name, value.to_owned()));
        }
        Some(Self(flags))
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str()))
    }
}

impl std::fmt::Display for ExtraFlags {
    /// As it is written.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words: Vec<String> =
            self.iter().map(|(name, value)| format!("{name} {value}")).collect();
        f.write_str(&words.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let mut settings = FfmpegSettings::default();
        for (key, word) in [
            ("path", "/opt/ffmpeg"),
            ("ffprobe_path", "/opt/ffprobe"),
            ("log_level", "verbose"),
            ("threads", "3"),
            ("hwaccel", "vaapi"),
            ("hwaccel_device", "/dev/dri/renderD129"),
            ("extra_flags", "-crf 18 -tune grain"),
            ("youtube_hwaccel", "none"),
            ("archive_org_hwaccel", "qsv"),
            ("plex_hwaccel", "auto"),
            ("youtube_video_encoder", "libx265"),
            ("archive_org_video_encoder", "h264_nvenc"),
            ("plex_video_encoder", "hevc_qsv"),
        ] {
            assert!(settings.set(key, word), "{key}");
            assert_eq!(settings.word(key).as_deref(), Some(word), "{key}");
        }
        for (key, ..) in FfmpegSettings::KEYS {
            let empty = settings.set(key, "");
            let needed = ["path", "ffprobe_path", "log_level", "threads"].contains(&key);
            assert_eq!(empty, !needed, "{key}");
        }
        let bare = FfmpegSettings { hwaccel: Acceleration::Off, ..FfmpegSettings::default() };
        let runs = FfmpegRuns { extra: ExtraFlags::default(), ..settings.runs.clone() };
        let FfmpegSettings { path, ffprobe_path, .. } = settings.clone();
        assert_eq!(settings, FfmpegSettings { path, ffprobe_path, runs, ..bare });
    }

    #[test]
    fn what_is_not_on_the_list_is_refused() {
        for text in [
            "-i /etc/passwd",
            "-f tee x",
            "-crf",
            "-crf 5",
            "-crf 18 -crf 20",
            "-tune film",
            "-vf movie=/etc/passwd",
            "-sws_flags lanczos:x=1",
            "crf 18",
            "/tmp/out.mkv",
            "-refs 3 http://host/",
        ] {
            assert_eq!(ExtraFlags::read(text), None, "{text}");
        }
        let mut settings = FfmpegSettings::default();
        for (key, word) in [
            ("log_level", "quiet"),
            ("threads", "65"),
            ("threads", "-1"),
            ("hwaccel", "fast"),
            ("hwaccel_device", "/etc/passwd"),
            ("plex_video_encoder", "libx264 -y"),
            ("max_processes", "1"),
            ("no_hwaccel", "qsv"),
        ] {
            assert!(!settings.set(key, word), "{key} {word}");
        }
        assert_eq!(settings, FfmpegSettings::default());
    }

    proptest! {
        #[test]
        fn only_options_of_the_list_come_out(text in "[-a-z0-9_:/= ]{0,60}") {
            if let Some(flags) = ExtraFlags::read(&text) {
                let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
                for (name, value) in flags.iter() {
                    prop_assert!(FLAGS.iter().any(|(known, _)| *known == name));
                    prop_assert!(value.chars().all(plain));
                }
                prop_assert_eq!(ExtraFlags::read(&flags.to_string()), Some(flags));
            }
        }
    }
}
