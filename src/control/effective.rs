//! Which rules hold for each channel: those of its schedule file if there is one, else those of its
//! active playout, else its own.
//!
//! A schedule file is `schedules/{number}.yml` (or `.yaml`, or `channel-{number}.…`) in the data
//! folder. One that cannot be taken changes nothing: what held before goes on, and its faults are
//! told with the channel's content status and at `/api/schedules/files`.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use crate::domain::{
    Channel, ChannelForm, ChannelId, ChannelNumber, Collection, CollectionId, Kept, KeptPlayout,
    Rules, Zone,
};
use crate::formats::schedule_yaml::{self, Fault, LARGEST};
use crate::storage::{Db, Plan, StorageError};

use super::write_out::{self, Plans, WrittenOut};

/// Where a channel's rules come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RulesFrom {
    /// A schedule file, by its path in the folder of schedules.
    File(String),
    /// A playout, by id.
    Playout(i64),
    /// The channel itself.
    Own,
    /// Another channel, whose programme it shows.
    Mirror(ChannelId),
}

/// The rules that hold for a channel.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) rules: Rules,
    pub(crate) from: RulesFrom,
    /// What of the original could not be written out.
    pub(crate) notes: Vec<String>,
    /// What is wrong with its schedule file.
    pub(crate) faults: Vec<Fault>,
    pub(crate) form: ChannelForm,
}

/// What is in a channel's schedule file.
#[derive(Debug, Clone)]
pub struct ScheduleFile {
    /// Its path in the folder of schedules.
    pub name: String,
    /// Its channel's number.
    pub number: String,
    /// Name of the schedule, when it could be read.
    pub title: Option<String>,
    /// What it says about itself.
    pub description: String,
    /// Contents and sequences in it.
    pub contents: usize,
    /// Sequences in it.
    pub sequences: usize,
    /// The files it consists of.
    pub files: Vec<String>,
    /// What is wrong with it; it is not used then.
    pub faults: Vec<Fault>,
    /// What is probably not meant.
    pub warnings: Vec<Fault>,
}

/// Reads what people keep by reference.
pub(crate) async fn plans(
    db: &Db,
    collections: &[Collection],
    sizes: HashMap<CollectionId, usize>,
    zone: Zone,
) -> Result<Plans, StorageError> {
    let plans = Plans {
        schedules: all(db).await?,
        blocks: all(db).await?,
        templates: all(db).await?,
        fillers: all(db).await?,
        decos: all(db).await?,
        sizes,
        zone,
        ..Plans::default()
    };
    Ok(plans.with_collections(collections))
}

async fn all<T: Plan>(db: &Db) -> Result<BTreeMap<i64, T>, StorageError> {
    let all = db.list_plans::<T>().await?;
    Ok(all.into_iter().map(|kept| (kept.id, kept.body)).collect())
}

/// Finds the rules of every channel; `last_good` holds what schedule files said when they were
/// right, and is kept up to date.
pub(crate) async fn held(
    db: &Db,
    folder: &Path,
    channels: &[Channel],
    plans: &Plans,
    last_good: &mut HashMap<ChannelId, Rules>,
) -> Result<HashMap<ChannelId, Held>, StorageError> {
    let forms = db.list_plans::<ChannelForm>().await?;
    let mut forms: HashMap<ChannelId, ChannelForm> =
        forms.into_iter().map(|kept| (kept.body.channel, kept.body)).collect();
    let playouts = db.list_plans::<KeptPlayout>().await?;
    let active = playouts.into_iter().filter(|kept| kept.body.is_active);
    let active: HashMap<ChannelId, Kept<KeptPlayout>> =
        active.map(|kept| (kept.body.channel, kept)).collect();
    let numbers: Vec<ChannelNumber> = channels.iter().map(|c| c.number.clone()).collect();
    let mut files = read_files(folder.to_owned(), numbers).await;
    let mut held = HashMap::new();
    for channel in channels {
        let id = channel.id;
        let form = forms.remove(&id).unwrap_or_else(|| ChannelForm::plain(id));
        let file = files.remove(&channel.number);
        if file.is_none() {
            last_good.remove(&id);
        }
        let mut faults = Vec::new();
        let mut from_file = None;
        if let Some(file) = file {
            let from = RulesFrom::File(file.name);
            match file.read {
                Ok(loaded) => {
                    let mut written = write_out::script(&loaded.script, plans);
                    written.notes.extend(loaded.warnings.iter().map(ToString::to_string));
                    last_good.insert(id, written.rules.clone());
                    from_file = Some((written, from));
                }
                Err(wrong) => {
                    faults = wrong;
                    from_file = last_good
                        .get(&id)
                        .cloned()
                        .map(|rules| (WrittenOut { rules, notes: vec![] }, from));
                }
            }
        }
        let (written, from) = match (from_file, active.get(&id), form.mirror_of) {
            (_, _, Some(source)) => (WrittenOut::default(), RulesFrom::Mirror(source)),
            (Some(from_file), _, None) => from_file,
            (None, Some(kept), None) => {
                (write_out::playout(&kept.body, plans), RulesFrom::Playout(kept.id))
            }
            (None, None, None) => {
                (WrittenOut { rules: channel.rules.clone(), notes: vec![] }, RulesFrom::Own)
            }
        };
        let WrittenOut { rules, notes } = write_out::dressed(written, &form, plans);
        held.insert(id, Held { rules, from, notes, faults, form });
    }
    Ok(held)
}

/// A channel with the rules that hold for it, and what is wrong with its schedule file.
pub type Effective = (Channel, Rules, Vec<Fault>);

/// All channels by number with the rules that hold for them, from what is stored alone; a mirror has
/// the rules of the channel that it shows.
///
/// # Errors
/// When storage fails.
pub async fn effective_rules(
    db: &Db,
    folder: &Path,
    zone: Zone,
) -> Result<Vec<Effective>, StorageError> {
    let mut channels = db.list_channels().await?;
    channels.sort_by(|a, b| a.number.cmp(&b.number));
    let collections = db.list_collections().await?;
    let plans = plans(db, &collections, HashMap::new(), zone).await?;
    let held = held(db, folder, &channels, &plans, &mut HashMap::new()).await?;
    let of = |id: ChannelId| {
        let one = held.get(&id)?;
        let source = match one.from {
            RulesFrom::Mirror(source) => held.get(&source).unwrap_or(one),
            RulesFrom::File(_) | RulesFrom::Playout(_) | RulesFrom::Own => one,
        };
        Some((source.rules.clone(), one.faults.clone()))
    };
    let all = channels.into_iter().map(|channel| {
        let (rules, faults) = of(channel.id).unwrap_or_default();
        (channel, rules, faults)
    });
    Ok(all.collect())
}

struct Read {
    name: String,
    read: Result<schedule_yaml::Loaded, Vec<Fault>>,
}

/// Reads the schedule files of these channels.
async fn read_files(folder: PathBuf, numbers: Vec<ChannelNumber>) -> HashMap<ChannelNumber, Read> {
    let read = tokio::task::spawn_blocking(move || {
        let names = names(&folder);
        let mut files = HashMap::new();
        for number in numbers {
            let Some(name) = file_of(&names, &number) else { continue };
            let read = schedule_yaml::load(&name, |file| text(&folder, file));
            files.insert(number, Read { name, read });
        }
        files
    });
    match read.await {
        Ok(files) => files,
        Err(error) => {
            tracing::error!(error = %error, "the schedule files could not be read");
            HashMap::new()
        }
    }
}

/// What the schedule files of these channels say, or what is wrong with them.
pub(crate) async fn list_files(folder: PathBuf, numbers: Vec<ChannelNumber>) -> Vec<ScheduleFile> {
    let mut listed: Vec<ScheduleFile> = Vec::new();
    for (number, Read { name, read }) in read_files(folder, numbers).await {
        let number = number.to_string();
        listed.push(match read {
            Ok(loaded) => ScheduleFile {
                name,
                number,
                title: Some(loaded.script.name),
                description: loaded.script.description,
                contents: loaded.script.contents.len(),
                sequences: loaded.script.sequences.len(),
                files: loaded.files,
                faults: vec![],
                warnings: loaded.warnings,
            },
            Err(faults) => ScheduleFile {
                files: vec![name.clone()],
                name,
                number,
                title: None,
                description: String::new(),
                contents: 0,
                sequences: 0,
                faults,
                warnings: vec![],
            },
        });
    }
    listed.sort_by(|a, b| a.name.cmp(&b.name));
    listed
}

/// The names in the folder of schedules; none when there is no such folder.
fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

/// The first of the four names that a channel's file may have.
fn file_of(names: &[String], number: &ChannelNumber) -> Option<String> {
    let wanted = [
        format!("{number}.yml"),
        format!("{number}.yaml"),
        format!("channel-{number}.yml"),
        format!("channel-{number}.yaml"),
    ];
    wanted.into_iter().find(|wanted| names.contains(wanted))
}

/// The text of a file in the folder; links that lead out of it are not followed.
fn text(folder: &Path, file: &str) -> Result<String, String> {
    let path = folder.join(file);
    let told = |error: std::io::Error| error.kind().to_string();
    let real = path.canonicalize().map_err(told)?;
    let root = folder.canonicalize().map_err(told)?;
    if !real.starts_with(&root) {
        return Err("it lies outside the folder of schedules".to_owned());
    }
    let size = std::fs::metadata(&real).map_err(told)?.len();
    if size > LARGEST as u64 {
        return Err(format!("it is larger than {LARGEST} bytes"));
    }
    let bytes = std::fs::read(&real).map_err(told)?;
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
}

/// Something that changes when a schedule file does.
pub(crate) fn folder_print(folder: &Path) -> u64 {
    let mut print = 0_u64;
    for entry in
        walkdir::WalkDir::new(folder).max_depth(4).sort_by_file_name().into_iter().flatten()
    {
        let Ok(about) = entry.metadata() else { continue };
        let modified = about.modified().ok().and_then(|at| {
            at.duration_since(std::time::UNIX_EPOCH).ok().map(|since| since.as_nanos())
        });
        let line = format!("{} {} {modified:?}", entry.path().display(), about.len());
        print = write_out::fnv(format!("{print} {line}").as_bytes());
    }
    print
}

/// What a channel's rules are, in a number: it differs when they do.
pub(crate) fn print(rules: &Rules) -> u64 {
    let text = serde_json::to_string(rules).unwrap_or_default();
    write_out::fnv(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_four_names_is_taken() {
        let names: Vec<String> = ["7.yaml", "channel-7.yml", "5.1.yml"].map(str::to_owned).into();
        let of = |number: &str| file_of(&names, &number.parse().unwrap());
        assert_eq!(of("7").as_deref(), Some("7.yaml"));
        assert_eq!(of("5.1").as_deref(), Some("5.1.yml"));
        assert_eq!(of("5"), None);
    }

    #[test]
    fn a_link_does_not_lead_out_of_the_folder() {
        let outside = tempfile::tempdir().unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("a.yml"), "name: a").unwrap();
        std::fs::write(folder.path().join("b.yml"), "name: b").unwrap();
        let link = folder.path().join("c.yml");
        std::os::unix::fs::symlink(outside.path().join("a.yml"), link).unwrap();
        assert_eq!(text(folder.path(), "b.yml").as_deref(), Ok("name: b"));
        assert!(text(folder.path(), "c.yml").unwrap_err().contains("outside"));
        let before = folder_print(folder.path());
        std::fs::write(folder.path().join("b.yml"), "name: b2").unwrap();
        assert_ne!(folder_print(folder.path()), before);
    }
}
