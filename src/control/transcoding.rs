//! Use cases on encoders and on the settings of ffmpeg.

use serde_json::{Value, json};

use crate::domain::{AccelerationChoice, FfmpegSettings, InvalidField};
use crate::observe::mask;
use crate::stream::encoders::{Encoders, Standing};

use super::Control;
use super::error::ControlError;
use super::operations::Actor;
use super::tunables::WriteError;

/// What is to be changed: settings by their keys in [`FfmpegSettings::KEYS`], and the new words.
pub type FfmpegEdit = Vec<(&'static str, String)>;

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
    /// Programs apply at the next start, everything else to what is conformed from now on.
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
        let values = changes.iter().map(|(key, value)| (*key, value.clone())).collect();
        self.config_file().write(values).await.map_err(|error| match error {
            WriteError::Invalid(fields) => ControlError::Invalid(fields),
            WriteError::File(source) => {
                ControlError::Failed { what: "writing the settings".to_owned(), source }
            }
        })?;
        *self.ffmpeg_settings_now() = settings.clone();
        if let Some(encoders) = self.tuning().encoders() {
            let device = settings.hwaccel_device.clone();
            encoders.tune(settings.runs.clone());
            encoders.choose(AccelerationChoice { all: settings.hwaccel, device });
        }
        self.record_change(actor, json!({"what": "ffmpeg_settings", "keys": keys})).await;
        Ok(settings)
    }
}

/// Keys of the configuration with their new values.
type Changes = Vec<(&'static str, Value)>;

/// Applies an edit, or tells all that is wrong with it.
fn changed(
    before: &FfmpegSettings,
    edit: &FfmpegEdit,
    has_program: &dyn Fn(&str) -> bool,
) -> Result<(FfmpegSettings, Changes), ControlError> {
    let mut settings = before.clone();
    let mut changes = Changes::new();
    let mut wrong = Vec::new();
    for (key, word) in edit {
        let mut after = settings.clone();
        let is_taken = after.set(key, word);
        let (old, new) = (settings.word(key), after.word(key));
        if is_taken && old == new {
            continue;
        }
        let is_program = *key == "path" || *key == "ffprobe_path";
        if !is_taken || is_program && !has_program(word.trim()) {
            wrong.push(refused(key, word));
            continue;
        }
        let value = match *key {
            "threads" => json!(after.runs.threads),
            _ => json!(new),
        };
        let whole = FfmpegSettings::KEYS.iter().find(|(known, ..)| known == key);
        changes.extend(whole.map(|(_, whole, _)| (*whole, value)));
        settings = after;
    }
    if wrong.is_empty() { Ok((settings, changes)) } else { Err(ControlError::Invalid(wrong)) }
}

fn refused(key: &str, word: &str) -> InvalidField {
    let allowed = FfmpegSettings::KEYS.iter().find(|(known, ..)| *known == key);
    let (field, problem) = match key {
        "path" => ("ffmpeg_path", format!("{word:?} is no program that can be run here")),
        _ => (key, format!("{word:?} cannot be taken")),
    };
    let fix = match key {
        "path" | "ffprobe_path" => {
            "give the name or the whole path of an installed program".to_owned()
        }
        _ => format!("write {}", allowed.map_or("another word", |(.., allowed)| *allowed)),
    };
    InvalidField::new(field, problem, fix)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Acceleration, Accelerator};

    fn edit(words: &[(&'static str, &str)]) -> FfmpegEdit {
        words.iter().map(|(key, word)| (*key, (*word).to_owned())).collect()
    }

    #[test]
    fn what_is_the_same_or_left_out_changes_nothing() {
        let same = edit(&[
            ("path", " ffmpeg "),
            ("hwaccel", "AUTO"),
            ("hwaccel_device", ""),
            ("plex_hwaccel", ""),
            ("threads", "0"),
        ]);
        let before = FfmpegSettings::default();
        for edit in [FfmpegEdit::new(), same] {
            let (after, changes) = changed(&before, &edit, &|_| false).unwrap();
            assert_eq!((after, changes), (before.clone(), Vec::new()));
        }
    }

    #[test]
    fn changes_are_written_as_the_configuration_has_them() {
        let before = FfmpegSettings::default();
        let words = edit(&[("hwaccel", ""), ("youtube_hwaccel", "none"), ("threads", "2")]);
        let (after, changes) = changed(&before, &words, &|_| true).unwrap();
        assert_eq!(after.hwaccel, Acceleration::Off);
        assert_eq!(after.youtube.hwaccel, Some(Acceleration::Off));
        let expected = [
            ("ffmpeg.hwaccel", json!("")),
            ("ffmpeg.youtube_hwaccel", json!("none")),
            ("ffmpeg.threads", json!(2)),
        ];
        assert_eq!(changes, expected);
        let (after, _) = changed(&before, &edit(&[("hwaccel", "cuda")]), &|_| true).unwrap();
        assert_eq!(after.hwaccel, Acceleration::Only(Accelerator::Nvenc));
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let words = edit(&[
            ("path", "/no/such/ffmpeg"),
            ("hwaccel", "fast"),
            ("hwaccel_device", "/dev/dri/x,y"),
            ("extra_flags", "-i /etc/passwd"),
            ("archive_org_hwaccel", "slow"),
        ]);
        let error = changed(&FfmpegSettings::default(), &words, &|_| false).unwrap_err();
        let ControlError::Invalid(fields) = error else { panic!("{error:?}") };
        let fields: Vec<&str> = fields.iter().map(|field| field.field.as_str()).collect();
        assert_eq!(
            fields,
            ["ffmpeg_path", "hwaccel", "hwaccel_device", "extra_flags", "archive_org_hwaccel"]
        );
    }
}
