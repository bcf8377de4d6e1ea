//! Writes one key of `config.yaml` and leaves the rest of the file as it is.
//!
//! The text is edited, not the data: order, comments and keys of other versions stay. An editor
//! of text can go wrong on a layout it does not know, so the result is parsed and compared with
//! the old file plus the one change before anything is written; on a difference nothing is.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde_yaml::{Mapping, Value};

use super::edit::edit;
use super::load::{parse, read};
use crate::domain::InvalidField;
use crate::foundation::files;

/// Why a key was not written; the file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum SetError {
    /// The key does not exist, the value cannot be taken, or the file cannot be edited.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Invalid(Vec<InvalidField>),
    /// A file could not be read, locked or written.
    #[error("{} cannot be changed", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Sets `key` (`section.key`) to `value` in the file at `path`, which is made if it is not there.
///
/// The file is locked (against other calls of this function, in any process), written beside,
/// fsynced and renamed. Blocks for as long as another writer holds the lock: milliseconds.
///
/// # Errors
/// [`SetError::Invalid`] for a key or value that [`super::load()`] would not take, and for a layout
/// that cannot be edited in place.
pub fn set(path: &Path, key: &str, value: &Value) -> Result<(), SetError> {
    set_all(path, &[(key, value.clone())])
}

/// Sets several keys as [`set`] does one: all of them, or none.
///
/// # Errors
/// As [`set`].
pub fn set_all(path: &Path, keys: &[(&str, Value)]) -> Result<(), SetError> {
    let failed = |source| SetError::File { path: path.to_owned(), source };
    // A link stays a link: the file it points to is replaced.
    let path = &match fs::canonicalize(path) {
        Ok(target) => target,
        Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
        Err(error) => return Err(failed(error)),
    };
    let lock = lock(path).map_err(failed)?;
    let old = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(failed(error)),
    };
    let mut new = old.clone();
    for (key, value) in keys {
        new = with_key(&new, key, value).map_err(SetError::Invalid)?;
    }
    if new != old {
        files::replace(path, new.as_bytes()).map_err(failed)?;
    }
    drop(lock);
    Ok(())
}

/// Locks a file beside `path`, because `path` itself is replaced; unlocks when dropped.
fn lock(path: &Path) -> io::Result<File> {
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(files::with_suffix(path, ".lock"))?;
    lock.lock()?;
    Ok(lock)
}

/// The text with one key changed, checked.
pub(super) fn with_key(old: &str, key: &str, value: &Value) -> Result<String, Vec<InvalidField>> {
    let file = parse("config.yaml", old).map_err(|error| vec![error])?;
    let (section, name) = key.split_once('.').unwrap_or((key, ""));
    let wanted = with_value(file, section, name, value);
    let found = read(wanted.clone(), []);
    if let Some(unknown) = found.source.warnings.iter().find(|warning| warning.field == key) {
        return Err(vec![unknown.clone()]);
    }
    if !found.source.errors.is_empty() {
        return Err(found.source.errors);
    }
    let new = edit(old, section, name, value);
    if parse("config.yaml", &new).is_ok_and(|made| made == wanted) {
        return Ok(new);
    }
    let problem = format!("{key} is written in a way that cannot be changed in place");
    Err(vec![InvalidField::new(key, problem, "change it by hand, in block style")])
}

fn with_value(file: Value, section: &str, name: &str, value: &Value) -> Value {
    let mut sections = match file {
        Value::Mapping(sections) => sections,
        _ => Mapping::new(),
    };
    let body = sections.entry(section.into()).or_insert(Value::Null);
    if !body.is_mapping() {
        *body = Value::Mapping(Mapping::new());
    }
    if let Some(body) = body.as_mapping_mut() {
        body.insert(name.into(), value.clone());
    }
    Value::Mapping(sections)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FILE: &str = "\
# mine
server:
  port: 8411   # the port
  # a comment
  base_url: 'http://tv.lan'  # old spelling
  log_level: \"info\"

plex:
  token: abc
library:
  paths:
    - /films
    - /shows
  scan_interval_minutes: 60
";

    #[test]
    fn a_value_is_changed_in_place_and_its_comment_stays() {
        check_line(
            "server.port",
            9000.into(),
            "  port: 8411   # the port",
            "  port: 9000   # the port",
        );
        check_line(
            "server.log_level",
            "debug".into(),
            "  log_level: \"info\"",
            "  log_level: \"debug\"",
        );
    }

    #[test]
    fn a_key_that_is_not_there_is_added_at_the_end_of_its_section() {
        check_line(
            "server.host",
            "10.0.0.1".into(),
            "  log_level: \"info\"",
            "  log_level: \"info\"\n  host: \"10.0.0.1\"",
        );
    }

    #[test]
    fn a_section_that_is_not_there_is_added_at_the_end() {
        let last = "  scan_interval_minutes: 60";
        let more = "  scan_interval_minutes: 60\n\nguide:\n  past_hours: 8";
        check_line("guide.past_hours", 8.into(), last, more);
        assert_eq!(
            with_key("", "guide.past_hours", &8.into()).unwrap(),
            "guide:\n  past_hours: 8\n"
        );
    }

    #[test]
    fn a_list_over_several_lines_is_replaced_as_a_whole() {
        check_line(
            "library.paths",
            vec!["/a b", "/c"].into(),
            "  paths:\n    - /films\n    - /shows",
            "  paths: [\"/a b\", \"/c\"]",
        );
    }

    #[test]
    fn a_value_that_load_would_refuse_is_refused() {
        let refused = with_key(FILE, "server.port", &70_000.into()).unwrap_err();
        assert_eq!(refused[0].field, "server.port");
        let refused = with_key(FILE, "server.prot", &1.into()).unwrap_err();
        assert!(refused[0].fix.contains("server.port"), "{refused:?}");
        assert!(with_key(FILE, "server", &1.into()).is_err());
    }

    #[test]
    fn a_layout_that_cannot_be_edited_is_left_alone() {
        let refused = with_key("server: {port: 1}\n", "server.port", &2.into()).unwrap_err();
        assert!(refused[0].fix.contains("by hand"), "{refused:?}");
    }

    #[test]
    fn the_example_file_can_be_edited_key_by_key() {
        let mut text = include_str!("../../config.example.yaml").to_owned();
        let lines = text.lines().count();
        for (key, value) in [
            ("server.public_url", Value::from("http://tv.lan:8411")),
            ("library.paths", vec!["/srv/films", "/srv/shows"].into()),
            ("security.access_token", "12345678".into()),
            ("hdhomerun.enabled", false.into()),
            ("ffmpeg.memory_guard_threshold", 0.9.into()),
        ] {
            text = with_key(&text, key, &value).unwrap();
        }
        assert_eq!(text.lines().count(), lines);
    }

    #[test]
    fn writers_at_the_same_time_lose_nothing() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("config.yaml");
        let keys = [
            "server.port",
            "hdhomerun.tuner_count",
            "playout.build_days",
            "storage.backup_keep_count",
        ];
        std::thread::scope(|scope| {
            for key in keys {
                let path = &path;
                scope.spawn(move || (1..=9).for_each(|n| set(path, key, &n.into()).unwrap()));
            }
        });
        let config = super::super::load(Some(&path), []).unwrap().config;
        let set = (config.server.port, config.hdhomerun.tuner_count, config.playout.build_days);
        assert_eq!((set, config.storage.backup_keep_count), ((9, 9, 9), 9));
    }

    #[test]
    fn several_keys_are_set_together_or_not_at_all() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("config.yaml");
        fs::write(&path, FILE).unwrap();
        let wrong = [("stream_throttler.mode", "burst".into()), ("server.port", 70_000.into())];
        assert!(set_all(&path, &wrong).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), FILE);
        let right = [("stream_throttler.mode", "burst".into()), ("server.port", 9_000.into())];
        set_all(&path, &right).unwrap();
        let config = super::super::load(Some(&path), []).unwrap().config;
        assert_eq!(config.stream_throttler.mode, crate::domain::PaceMode::Burst);
        assert_eq!(config.server.port, 9_000);
    }

    #[track_caller]
    fn check_line(key: &str, value: Value, before: &str, after: &str) {
        let new = with_key(FILE, key, &value).unwrap_or_else(|e| panic!("{e:?}"));
        assert_eq!(new, FILE.replacen(before, after, 1));
    }

    /// Texts that are hard on an editor of YAML: quotes, colons, comment signs, blanks, any script.
    fn texts() -> impl Strategy<Value = String> {
        proptest::string::string_regex("[a-zA-Z0-9 :#'\"\\[\\]{}&*!|>%@,?~äß→\u{2028}-]{1,40}")
            .unwrap()
    }

    fn layouts(key: &'static str) -> impl Strategy<Value = String> {
        let value = prop_oneof![
            Just("old".to_owned()),
            Just("'it''s # old'".to_owned()),
            Just("\"old \\\" # one\"".to_owned()),
            Just(String::new()),
            Just("|\n    several\n    lines".to_owned()),
            Just(">-\n    several\n\n    lines".to_owned()),
            Just("plain\n    goes on".to_owned()),
        ];
        let comment = prop_oneof![Just(""), Just("  # a 'comment'"), Just(" #")];
        let ends = prop_oneof![Just("\n"), Just("\r\n")];
        let indent = 1_usize..5;
        (value, comment, ends, indent, any::<bool>(), any::<bool>()).prop_map(
            move |(value, comment, end, indent, has_key, more)| {
                let pad = " ".repeat(indent);
                let mut text = format!("# top\nserver:\n{pad}# above\n{pad}port: 1{comment}\n");
                if has_key {
                    // Block scalars take a comment on their first line only.
                    let (first, rest) = value.split_once('\n').unwrap_or((&value, ""));
                    let comment = if first == "plain" { "" } else { comment };
                    text += &format!("{pad}{key}: {first}{comment}\n");
                    for line in rest.lines() {
                        text += format!("{pad}{line}").trim_end();
                        text += "\n";
                    }
                }
                text += &format!("{pad}unknown: [1, {{a: b}}]\n\n# between\nhdhomerun:\n");
                if more {
                    text += &format!("{pad}friendly_name: 'A, B' {comment}\n# last");
                }
                text.replace('\n', end)
            },
        )
    }

    proptest! {
        #[test]
        fn what_was_set_is_loaded_and_every_other_line_is_unchanged(
            old in layouts("note"),
            name in texts(),
        ) {
            prop_assume!(!name.trim().is_empty());
            let key = "hdhomerun.friendly_name";
            let new = with_key(&old, key, &name.as_str().into());
            let new = new.map_err(|e| TestCaseError::fail(format!("{e:?}")))?;
            let config = read(parse("", &new).unwrap(), []).config;
            prop_assert_eq!(config.hdhomerun.friendly_name, name.trim());
            let others = |text: &str| -> Vec<String> {
                let lines = text.lines().filter(|line| !line.contains("friendly_name"));
                lines.map(str::to_owned).collect()
            };
            prop_assert_eq!(others(&new), others(&old));
        }

        #[test]
        fn a_value_of_any_shape_is_replaced_as_a_whole(old in layouts("log_level")) {
            let new = with_key(&old, "server.log_level", &"warn".into()).unwrap();
            prop_assert_eq!(read(parse("", &new).unwrap(), []).config.server.log_level, "warn");
            let again = with_key(&new, "server.log_level", &"warn".into()).unwrap();
            prop_assert_eq!(&again, &new);
            for line in new.lines().filter(|line| !line.contains("log_level")) {
                prop_assert!(old.lines().any(|o| o == line), "{line:?} is new");
            }
        }
    }
}
