//! Use cases on encoders and on the settings of ffmpeg.

use serde_json::json;

use crate::domain::{Acceleration, AccelerationChoice, InvalidField};
use crate::observe::mask;
use crate::stream::encoders::{Encoders, Standing};

use super::Control;
use super::error::ControlError;
use super::operations::Actor;
use super::tunables::WriteError;

/// What can be set about ffmpeg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FfmpegSettings {
    /// Name or path of ffmpeg; a change applies at the next start.
    pub path: String,
    /// Name or path of ffprobe; a change applies at the next start.
    pub ffprobe_path: String,
    /// What decodes and encodes.
    pub hwaccel: Acceleration,
    /// Which device.
    pub hwaccel_device: Option<String>,
    /// The same for media from `YouTube`, kept for that source.
    pub youtube_hwaccel: Option<Acceleration>,
    /// … from archive.org.
    pub archive_org_hwaccel: Option<Acceleration>,
    /// … from Plex.
    pub plex_hwaccel: Option<Acceleration>,
}

/// What is to be changed; `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FfmpegEdit {
    /// Name or path of ffmpeg.
    pub path: Option<String>,
    /// Name or path of ffprobe.
    pub ffprobe_path: Option<String>,
    /// What decodes and encodes; empty for the processor.
    pub hwaccel: Option<String>,
    /// Which device; empty for the first.
    pub hwaccel_device: Option<String>,
    /// For one source; empty for what all others have.
    pub youtube_hwaccel: Option<String>,
    /// For one source; empty for what all others have.
    pub archive_org_hwaccel: Option<String>,
    /// For one source; empty for what all others have.
    pub plex_hwaccel: Option<String>,
}

impl Control {
    /// Which encoders work, what is used, and the last runs; foreign text in it is masked. `None`
    /// on a server that makes nothing. Memory only.
    pub fn encoders(&self) -> Option<Standing> {
        let mut standing = self.tuning().encoders()?.standing();
        for test in standing.report.iter_mut().flat_map(|report| &mut report.tests) {
            test.said = test.said.take().map(|line| mask(&line));
        }
        Some(standing)
    }

    /// Tests all encoders anew, in the background.
    ///
    /// # Errors
    /// When tests are running.
    pub async fn test_encoders(&self, actor: &Actor) -> Result<(), ControlError> {
        if !self.tuning().encoders().is_some_and(Encoders::test_again) {
            return Err(ControlError::Conflict {
                field: "test".to_owned(),
                what: "the encoders are being tested".to_owned(),
                fix: "wait for the answer".to_owned(),
            });
        }
        self.record_change(actor, json!({"what": "encoders_tested"})).await;
        Ok(())
    }

    /// What is set about ffmpeg. Memory only.
    pub fn ffmpeg_settings(&self) -> FfmpegSettings {
        self.ffmpeg_settings_now().clone()
    }

    /// Changes settings of ffmpeg: checked, written to the configuration, then used.
    ///
    /// Acceleration applies to what is conformed from now on, programs at the next start.
    ///
    /// # Errors
    /// When a value cannot be taken or the configuration cannot be written; nothing changes then.
    pub async fn change_ffmpeg(
        &self,
        actor: &Actor,
        edit: FfmpegEdit,
    ) -> Result<FfmpegSettings, ControlError> {
        let has = |program: &str| self.has_program(program);
        let (settings, changes) = changed(&self.ffmpeg_settings(), &edit, &has)?;
        if changes.is_empty() {
            return Ok(settings);
        }
        let keys: Vec<&str> = changes.iter().map(|(key, _)| *key).collect();
        let values = changes.iter().map(|(key, value)| (*key, json!(value))).collect();
        self.config_file().write(values).await.map_err(|error| match error {
            WriteError::Invalid(fields) => ControlError::Invalid(fields),
            WriteError::File(source) => {
                ControlError::Failed { what: "writing the settings".to_owned(), source }
            }
        })?;
        *self.ffmpeg_settings_now() = settings.clone();
        if let Some(encoders) = self.tuning().encoders() {
            let device = settings.hwaccel_device.clone();
            encoders.choose(AccelerationChoice { all: settings.hwaccel, device });
        }
        self.record_change(actor, json!({"what": "ffmpeg_settings", "keys": keys})).await;
        Ok(settings)
    }
}

/// Keys of the configuration with their new values.
type Changes = Vec<(&'static str, Option<String>)>;

/// Applies an edit, or tells all that is wrong with it.
fn changed(
    before: &FfmpegSettings,
    edit: &FfmpegEdit,
    has_program: &dyn Fn(&str) -> bool,
) -> Result<(FfmpegSettings, Changes), ControlError> {
    let mut settings = before.clone();
    let mut changes = Changes::new();
    let mut wrong = Vec::new();
    let programs = [
        ("ffmpeg_path", "ffmpeg.path", &edit.path, &mut settings.path),
        ("ffprobe_path", "ffmpeg.ffprobe_path", &edit.ffprobe_path, &mut settings.ffprobe_path),
    ];
    for (field, key, wanted, value) in programs {
        let Some(wanted) = wanted.as_deref().map(str::trim).filter(|w| w != value) else {
            continue;
        };
        if wanted.is_empty() || wanted.chars().any(char::is_control) || !has_program(wanted) {
            let problem = format!("{wanted:?} is no program that can be run here");
            let fix = "give the name or the whole path of an installed program";
            wrong.push(InvalidField::new(field, problem, fix));
            continue;
        }
        wanted.clone_into(value);
        changes.push((key, Some(wanted.to_owned())));
    }
    if let Some(word) = &edit.hwaccel {
        match Acceleration::read(word) {
            Some(choice) if choice == settings.hwaccel => {}
            Some(choice) => {
                settings.hwaccel = choice;
                changes.push(("ffmpeg.hwaccel", Some(choice.as_str().to_owned())));
            }
            None => wrong.push(no_kind("hwaccel", word)),
        }
    }
    if let Some(text) = &edit.hwaccel_device {
        let device = Some(text.trim()).filter(|text| !text.is_empty());
        match device.map(AccelerationChoice::check_device) {
            Some(None) => wrong.push(InvalidField::new(
                "hwaccel_device",
                format!("{text:?} is no device"),
                "write a path such as /dev/dri/renderD128, the number of a card, or nothing",
            )),
            checked => {
                let device = checked.flatten();
                if device != settings.hwaccel_device {
                    changes.push(("ffmpeg.hwaccel_device", device.clone()));
                    settings.hwaccel_device = device;
                }
            }
        }
    }
    let FfmpegSettings { youtube_hwaccel, archive_org_hwaccel, plex_hwaccel, .. } = &mut settings;
    let sources = [
        ("youtube_hwaccel", "ffmpeg.youtube_hwaccel", &edit.youtube_hwaccel, youtube_hwaccel),
        (
            "archive_org_hwaccel",
            "ffmpeg.archive_org_hwaccel",
            &edit.archive_org_hwaccel,
            archive_org_hwaccel,
        ),
        ("plex_hwaccel", "ffmpeg.plex_hwaccel", &edit.plex_hwaccel, plex_hwaccel),
    ];
    for (field, key, wanted, value) in sources {
        let Some(word) = wanted else { continue };
        let choice = match word.trim() {
            "" => None,
            trimmed => match Acceleration::read(trimmed) {
                Some(choice) => Some(choice),
                None => {
                    wrong.push(no_kind(field, word));
                    continue;
                }
            },
        };
        if choice == *value {
            continue;
        }
        *value = choice;
        let word = choice.map(|choice| match choice {
            Acceleration::Off => "none".to_owned(),
            choice => choice.as_str().to_owned(),
        });
        changes.push((key, word));
    }
    if wrong.is_empty() { Ok((settings, changes)) } else { Err(ControlError::Invalid(wrong)) }
}

fn no_kind(field: &str, word: &str) -> InvalidField {
    let problem = format!("{word:?} is no kind of acceleration");
    InvalidField::new(field, problem, format!("write {}", Acceleration::ALLOWED))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Accelerator;

    fn settings() -> FfmpegSettings {
        FfmpegSettings {
            path: "ffmpeg".to_owned(),
            ffprobe_path: "ffprobe".to_owned(),
            hwaccel: Acceleration::Auto,
            hwaccel_device: None,
            youtube_hwaccel: None,
            archive_org_hwaccel: None,
            plex_hwaccel: None,
        }
    }

    #[test]
    fn what_is_the_same_or_left_out_changes_nothing() {
        let same = FfmpegEdit {
            path: Some(" ffmpeg ".to_owned()),
            hwaccel: Some("AUTO".to_owned()),
            hwaccel_device: Some(String::new()),
            plex_hwaccel: Some(String::new()),
            ..FfmpegEdit::default()
        };
        for edit in [FfmpegEdit::default(), same] {
            let (after, changes) = changed(&settings(), &edit, &|_| true).unwrap();
            assert_eq!((after, changes), (settings(), Vec::new()));
        }
    }

    #[test]
    fn an_empty_word_switches_acceleration_off_and_cuda_is_nvenc() {
        let edit = |word: &str| FfmpegEdit {
            hwaccel: Some(word.to_owned()),
            youtube_hwaccel: Some("none".to_owned()),
            ..FfmpegEdit::default()
        };
        let (after, changes) = changed(&settings(), &edit(""), &|_| true).unwrap();
        assert_eq!(after.hwaccel, Acceleration::Off);
        assert_eq!(after.youtube_hwaccel, Some(Acceleration::Off));
        let off = ("ffmpeg.hwaccel", Some(String::new()));
        assert_eq!(changes, [off, ("ffmpeg.youtube_hwaccel", Some("none".to_owned()))]);
        let (after, _) = changed(&settings(), &edit("cuda"), &|_| true).unwrap();
        assert_eq!(after.hwaccel, Acceleration::Only(Accelerator::Nvenc));
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let edit = FfmpegEdit {
            path: Some("/no/such/ffmpeg".to_owned()),
            hwaccel: Some("fast".to_owned()),
            hwaccel_device: Some("/dev/dri/x,y".to_owned()),
            archive_org_hwaccel: Some("slow".to_owned()),
            ..FfmpegEdit::default()
        };
        let error = changed(&settings(), &edit, &|_| false).unwrap_err();
        let ControlError::Invalid(fields) = error else { panic!("{error:?}") };
        let fields: Vec<&str> = fields.iter().map(|field| field.field.as_str()).collect();
        assert_eq!(fields, ["ffmpeg_path", "hwaccel", "hwaccel_device", "archive_org_hwaccel"]);
    }
}
