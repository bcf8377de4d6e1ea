//! Puts a file and its imports together and turns names into indexes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::read::{Content, Document, Item, Name, Roll, Sequence, Stuff, document};
use super::{Fault, LARGEST, Loaded, MOST_FILES, Mark, tree};
use crate::domain::{Directive, Script, ScriptContent, ScriptSequence, Stuffing};

/// Reads the schedule file `root` with everything that it imports.
///
/// `read` gives the text of a file by its path below the folder of schedules, or says in a few
/// words why it cannot. Imports are relative to the file that names them and stay in that folder.
/// Of two definitions with one key the importing file's wins, and of two imports the later one's.
///
/// # Errors
/// Everything that is wrong, in the order of the files; the script is not to be used then.
pub fn load(
    root: &str,
    mut read: impl FnMut(&str) -> Result<String, String>,
) -> Result<Loaded, Vec<Fault>> {
    let mut gathering =
        Gathering { faults: vec![], files: vec![], done: HashMap::new(), read: &mut read };
    let merged = gathering.gather(root, None, &mut vec![]);
    let Gathering { mut faults, files, .. } = gathering;
    let mut warnings = Vec::new();
    let script = link(root, merged.unwrap_or_default(), &mut faults, &mut warnings);
    match script.filter(|_| faults.is_empty()) {
        Some(script) => Ok(Loaded { script, files, warnings }),
        None => Err(faults),
    }
}

struct Gathering<'a> {
    faults: Vec<Fault>,
    files: Vec<String>,
    /// What was read already, with its imports: a file may be imported from several places.
    done: HashMap<String, Option<Document>>,
    read: &'a mut dyn FnMut(&str) -> Result<String, String>,
}

impl Gathering<'_> {
    /// Reads `file`, which is imported at `from`, and puts it over what it imports; `path` is the
    /// way to it.
    fn gather(
        &mut self,
        file: &str,
        from: Option<&Name>,
        path: &mut Vec<String>,
    ) -> Option<Document> {
        let start = Mark { line: 1, column: 1 };
        let (blame, at) = from.map_or((file, start), |name| (name.file.as_str(), name.at));
        if let Some(first) = path.iter().position(|one| one == file) {
            let circle = [&path[first..], &[file.to_owned()]].concat().join(" → ");
            let problem = format!("the imports go in a circle: {circle}");
            self.faults.push(Fault::new(blame, at, problem, "take one of these imports out"));
            return None;
        }
        if let Some(done) = self.done.get(file) {
            return done.clone();
        }
        self.files.push(file.to_owned());
        if self.files.len() > MOST_FILES {
            let problem = format!("the schedule consists of more than {MOST_FILES} files");
            self.faults.push(Fault::new(blame, at, problem, "import less"));
            return None;
        }
        let read = self.read_with_imports(file, (blame, at), path);
        self.done.insert(file.to_owned(), read.clone());
        read
    }

    fn read_with_imports(
        &mut self,
        file: &str,
        (blame, at): (&str, Mark),
        path: &mut Vec<String>,
    ) -> Option<Document> {
        let start = Mark { line: 1, column: 1 };
        let text = match (self.read)(file) {
            Ok(text) if text.len() > LARGEST => {
                let problem = format!("{file} is larger than {LARGEST} bytes");
                self.faults.push(Fault::new(blame, at, problem, "split it with `import:`"));
                return None;
            }
            Ok(text) => text,
            Err(reason) => {
                let problem = format!("{file} cannot be read: {reason}");
                let fix = "put it there, or take the import out";
                self.faults.push(Fault::new(blame, at, problem, fix));
                return None;
            }
        };
        let tree = match tree::parse(file, &text) {
            Ok(Some(tree)) => tree,
            Ok(None) => {
                let fix = "write `content:`, `sequence:` and `playout:`";
                self.faults.push(Fault::new(file, start, "the file says nothing", fix));
                return None;
            }
            Err(fault) => {
                self.faults.push(fault);
                return None;
            }
        };
        let own = document(file, &tree, &mut self.faults);
        path.push(file.to_owned());
        let mut merged = Document::default();
        for import in &own.imports {
            let Some(target) = beside(file, &import.text) else {
                let problem = format!("{:?} leads out of the folder of schedules", import.text);
                let fix = "name a file in that folder, or below it";
                self.faults.push(Fault::new(file, import.at, problem, fix));
                continue;
            };
            if let Some(imported) = self.gather(&target, Some(import), path) {
                merged = over(merged, imported);
            }
        }
        path.pop();
        self.refuse_twins(&own);
        Some(over(merged, own))
    }

    /// One file must not define a key twice; between files the later one wins.
    fn refuse_twins(&mut self, document: &Document) {
        let contents = document.contents.iter().map(|content| ("content", &content.key));
        let sequences = document.sequences.iter().map(|sequence| ("sequence", &sequence.key));
        let mut seen = BTreeMap::new();
        for (what, key) in contents.chain(sequences) {
            if let Some(line) = seen.insert((what, key.text.clone()), key.at.line) {
                let problem = format!("there is a {what} {:?} in line {line} already", key.text);
                self.faults.push(Fault::new(&key.file, key.at, problem, "give it another key"));
            }
        }
    }
}

/// The path of `import` as `file` means it; `None` when it leaves the folder.
fn beside(file: &str, import: &str) -> Option<String> {
    if import.starts_with('/') || import.contains(['\\', '\0', ':']) {
        return None;
    }
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for part in import.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

/// `upper` with what only `lower` says.
fn over(lower: Document, upper: Document) -> Document {
    let mut contents = lower.contents;
    let keys: BTreeSet<String> = upper.contents.iter().map(|c| c.key.text.clone()).collect();
    contents.retain(|content| !keys.contains(&content.key.text));
    contents.extend(upper.contents);
    let mut sequences = lower.sequences;
    let keys: BTreeSet<String> = upper.sequences.iter().map(|s| s.key.text.clone()).collect();
    sequences.retain(|sequence| !keys.contains(&sequence.key.text));
    sequences.extend(upper.sequences);
    Document {
        name: upper.name.or(lower.name),
        description: upper.description.or(lower.description),
        seed: upper.seed.or(lower.seed),
        zone: upper.zone.or(lower.zone),
        imports: Vec::new(),
        contents,
        sequences,
        reset: upper.reset.or(lower.reset),
        playout: if upper.playout.is_empty() { lower.playout } else { upper.playout },
        repeat: upper.repeat.or(lower.repeat),
    }
}

fn link(
    root: &str,
    document: Document,
    faults: &mut Vec<Fault>,
    warnings: &mut Vec<Fault>,
) -> Option<Script> {
    let Document {
        name, description, seed, zone, contents, sequences, reset, playout, repeat, ..
    } = document;
    if let Some(zone) = &zone
        && !is_zone(&zone.text)
    {
        let problem = format!("{:?} is no time zone", zone.text);
        let fix = "write a name of the IANA list such as Europe/Berlin, or UTC";
        faults.push(Fault::new(&zone.file, zone.at, problem, fix));
    }
    let mut linker = Linker::new(&contents, &sequences, faults);
    let made = sequences.iter().map(|sequence| ScriptSequence {
        key: sequence.key.text.clone(),
        items: linker.items(&sequence.items),
    });
    let made: Vec<ScriptSequence> = made.collect();
    let main: Vec<usize> = playout.iter().filter_map(|key| linker.sequence(key)).collect();
    let (used_contents, used_sequences) = (linker.used_contents, linker.used_sequences);
    refuse_circles(&sequences, &made, faults);
    if main.is_empty() && faults.is_empty() {
        let start = Mark { line: 1, column: 1 };
        let problem = "nothing is played: `playout:` names no sequence";
        let fix = "write `playout:` with `- sequence: key`";
        faults.push(Fault::new(root, start, problem, fix));
        return None;
    }
    if let Some(reset) = reset {
        let problem = "`reset:` is not carried out: a channel goes on where it was";
        let fix = "rebuild the playout to begin from the top";
        warnings.push(Fault::new(&reset.file, reset.at, problem, fix));
    }
    for (index, content) in contents.iter().enumerate() {
        if !used_contents.contains(&index) {
            warnings.push(unused("content", &content.key));
        }
    }
    for (index, sequence) in sequences.iter().enumerate() {
        if !used_sequences.contains(&index) {
            warnings.push(unused("sequence", &sequence.key));
        }
    }
    let contents = contents.into_iter().map(|content| ScriptContent {
        key: content.key.text,
        source: content.source,
        order: content.order,
    });
    Some(Script {
        name: name.unwrap_or_else(|| "Unknown Schedule".to_owned()),
        description: description.unwrap_or_default(),
        seed: seed.unwrap_or(0),
        zone: zone.map(|zone| zone.text),
        contents: contents.collect(),
        sequences: made,
        main,
        repeat: repeat.unwrap_or(false),
    })
}

fn unused(what: &str, key: &Name) -> Fault {
    let problem = format!("nothing uses the {what} {:?}", key.text);
    Fault::new(&key.file, key.at, problem, "use it, or take it out")
}

/// Whether this is a name that times can be reckoned with.
fn is_zone(name: &str) -> bool {
    jiff::tz::TimeZone::get(name).is_ok()
}

struct Linker<'a> {
    contents: HashMap<&'a str, usize>,
    sequences: HashMap<&'a str, usize>,
    used_contents: BTreeSet<usize>,
    used_sequences: BTreeSet<usize>,
    faults: &'a mut Vec<Fault>,
}

impl<'a> Linker<'a> {
    fn new(contents: &'a [Content], sequences: &'a [Sequence], faults: &'a mut Vec<Fault>) -> Self {
        let by_key = |(index, key): (usize, &'a Name)| (key.text.as_str(), index);
        Self {
            contents: contents.iter().map(|c| &c.key).enumerate().map(by_key).collect(),
            sequences: sequences.iter().map(|s| &s.key).enumerate().map(by_key).collect(),
            used_contents: BTreeSet::new(),
            used_sequences: BTreeSet::new(),
            faults,
        }
    }

    fn content(&mut self, name: &Name) -> Option<usize> {
        let found = self.contents.get(name.text.as_str()).copied();
        match found {
            Some(index) => {
                self.used_contents.insert(index);
            }
            None => self.unknown("content", name),
        }
        found
    }

    fn sequence(&mut self, name: &Name) -> Option<usize> {
        let found = self.sequences.get(name.text.as_str()).copied();
        match found {
            Some(index) => {
                self.used_sequences.insert(index);
            }
            None => self.unknown("sequence", name),
        }
        found
    }

    fn unknown(&mut self, what: &str, name: &Name) {
        let known = if what == "content" { &self.contents } else { &self.sequences };
        let mut known: Vec<&str> = known.keys().copied().collect();
        known.sort_unstable();
        let fix = if known.is_empty() {
            format!("define it below `{what}:`")
        } else {
            format!("define it below `{what}:`, or use one of {}", known.join(", "))
        };
        let problem = format!("there is no {what} {:?}", name.text);
        self.faults.push(Fault::new(&name.file, name.at, problem, fix));
    }

    fn items(&mut self, items: &[Item]) -> Vec<Directive> {
        items.iter().filter_map(|item| self.item(item)).collect()
    }

    fn item(&mut self, item: &Item) -> Option<Directive> {
        Some(match item {
            Item::All { content, billing } => {
                Directive::All { content: self.content(content)?, billing: billing.clone() }
            }
            Item::Count { content, count, billing } => Directive::Count {
                content: self.content(content)?,
                count: *count,
                billing: billing.clone(),
            },
            Item::Duration { ms, with } => Directive::Duration { ms: *ms, with: self.stuff(with)? },
            Item::PadToNext { minutes, with } => {
                Directive::PadToNext { minutes: *minutes, with: self.stuff(with)? }
            }
            Item::PadUntil { at, tomorrow, with } => {
                Directive::PadUntil { at: *at, tomorrow: *tomorrow, with: self.stuff(with)? }
            }
            Item::WaitUntil { at, tomorrow } => {
                Directive::WaitUntil { at: *at, tomorrow: *tomorrow }
            }
            Item::Skip { content, by } => {
                Directive::Skip { content: self.content(content)?, by: *by }
            }
            Item::Sequence(name) => Directive::Sequence { sequence: self.sequence(name)? },
            Item::Shuffle(name) => Directive::ShuffleSequence { sequence: self.sequence(name)? },
            Item::Roll(roll, name, every) => {
                let sequence = match name {
                    Some(name) => Some(self.sequence(name)?),
                    None => None,
                };
                match roll {
                    Roll::Pre => Directive::PreRoll { sequence },
                    Roll::Mid => Directive::MidRoll { sequence, every_minutes: *every },
                    Roll::Post => Directive::PostRoll { sequence },
                }
            }
            Item::Group(title) => Directive::Group { title: title.clone() },
        })
    }

    fn stuff(&mut self, stuff: &Stuff) -> Option<Stuffing> {
        let mut look_up = |name: &Option<Name>| match name {
            Some(name) => self.content(name).map(Some),
            None => Some(None),
        };
        let content = look_up(&stuff.content);
        let fallback = look_up(&stuff.fallback);
        Some(Stuffing {
            content: content?,
            fallback: fallback?,
            discard_attempts: stuff.discard_attempts,
            trim: stuff.trim,
            billing: stuff.billing.clone(),
        })
    }
}

/// The sequences that a directive leads to.
fn leads_to(directive: &Directive) -> Option<usize> {
    match directive {
        Directive::Sequence { sequence } | Directive::ShuffleSequence { sequence } => {
            Some(*sequence)
        }
        Directive::PreRoll { sequence }
        | Directive::MidRoll { sequence, .. }
        | Directive::PostRoll { sequence } => *sequence,
        Directive::All { .. }
        | Directive::Count { .. }
        | Directive::Duration { .. }
        | Directive::PadToNext { .. }
        | Directive::PadUntil { .. }
        | Directive::WaitUntil { .. }
        | Directive::Skip { .. }
        | Directive::OwnPreRoll { .. }
        | Directive::Group { .. } => None,
    }
}

/// A sequence must not lead back to itself, or a channel would go round in it for ever.
fn refuse_circles(names: &[Sequence], made: &[ScriptSequence], faults: &mut Vec<Fault>) {
    let mut safe = vec![false; made.len()];
    for start in 0..made.len() {
        let mut path = Vec::new();
        if let Some(circle) = circle(made, start, &mut path, &mut safe) {
            let words: Vec<&str> = circle.iter().map(|index| made[*index].key.as_str()).collect();
            let problem = format!("the sequences go in a circle: {}", words.join(" → "));
            let key = &names[circle[0]].key;
            let fix = "take one of these sequences out of the other";
            faults.push(Fault::new(&key.file, key.at, problem, fix));
            return;
        }
    }
}

fn circle(
    made: &[ScriptSequence],
    at: usize,
    path: &mut Vec<usize>,
    safe: &mut Vec<bool>,
) -> Option<Vec<usize>> {
    if safe[at] {
        return None;
    }
    if let Some(first) = path.iter().position(|one| *one == at) {
        return Some([&path[first..], &[at]].concat());
    }
    path.push(at);
    for next in made[at].items.iter().filter_map(leads_to) {
        if let Some(found) = circle(made, next, path, safe) {
            return Some(found);
        }
    }
    path.pop();
    safe[at] = true;
    None
}
