//! A channel's row on disk: a line about its grid, then a line a unit, oldest first, and a line for
//! each segment of texts.
//!
//! It is appended to and now and then written anew. What does not parse, such as a torn end, is
//! left out; nothing is synced.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::domain::{ChannelId, FrameRate};
use crate::stream::compose::UnitPlan;

/// Lines until it is written anew.
const MOST_LINES: usize = 512;

/// The file of one channel.
#[derive(Debug)]
pub(super) struct Page {
    path: PathBuf,
    /// Open since it was last written anew.
    file: Option<File>,
    lines: usize,
    /// Whether a failure was told of.
    told: bool,
}

/// What was read from one.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) grid: String,
    pub(super) rate: FrameRate,
    pub(super) units: Vec<UnitPlan>,
    pub(super) texts: Vec<Text>,
}

/// A segment of subtitle texts as it was listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::stream) struct Text {
    /// Its number.
    pub n: i64,
    /// Its language.
    pub language: String,
    /// What it is.
    pub body: String,
}

/// A line that is read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Unit(UnitPlan),
    Text(Text),
}

/// A line that is written.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum LineOf<'a> {
    Unit(&'a UnitPlan),
    Text(&'a Text),
}

#[derive(Debug, Serialize, Deserialize)]
struct Head {
    grid: String,
    rate: FrameRate,
}

impl Page {
    /// The page of `channel`; touches nothing.
    pub(super) fn new(folder: &Path, channel: ChannelId) -> Self {
        let path = folder.join(format!("{channel}.units"));
        Self { path, file: None, lines: 0, told: false }
    }

    /// Whether a line can be appended.
    pub(super) fn has_room(&self) -> bool {
        self.file.is_some() && self.lines < MOST_LINES
    }

    /// Adds a line.
    pub(super) fn append(&mut self, thing: &LineOf<'_>) {
        let Some(file) = &mut self.file else { return };
        let written = line(thing).and_then(|line| file.write_all(&line));
        self.lines += 1;
        if written.is_err() {
            // A torn line would swallow the next one.
            self.file = None;
        }
        self.tell(written);
    }

    /// Replaces everything.
    pub(super) fn rewrite<'a>(
        &mut self,
        grid: &str,
        rate: FrameRate,
        things: impl Iterator<Item = LineOf<'a>>,
    ) {
        self.file = None;
        let written = self.replaced(&Head { grid: grid.to_owned(), rate }, things);
        let written = written.map(|(file, lines)| (self.file, self.lines) = (Some(file), lines));
        self.tell(written);
    }

    /// Removes the file.
    pub(super) fn remove(&mut self) {
        self.file = None;
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => self.tell(Err(error)),
            Ok(()) | Err(_) => {}
        }
    }

    fn replaced<'a>(
        &self,
        head: &Head,
        things: impl Iterator<Item = LineOf<'a>>,
    ) -> io::Result<(File, usize)> {
        let mut text = line(head)?;
        let mut lines = 0;
        for thing in things {
            text.extend(line(&thing)?);
            lines += 1;
        }
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let draft = self.path.with_extension("new");
        let mut file = File::create(&draft)?;
        file.write_all(&text)?;
        fs::rename(&draft, &self.path)?;
        Ok((file, lines))
    }

    fn tell(&mut self, written: io::Result<()>) {
        match written {
            Ok(()) => self.told = false,
            Err(error) if !self.told => {
                self.told = true;
                let path = self.path.display();
                tracing::warn!(%error, "could not write {path}: a restart may rename segments");
            }
            Err(_) => {}
        }
    }
}

/// Reads every page in `folder`.
pub(super) fn read_all(folder: &Path) -> Vec<(ChannelId, Content)> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            tracing::warn!(%error, "could not list {}", folder.display());
            return Vec::new();
        }
    };
    let mut pages = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().and_then(|name| name.to_str());
        let channel = name.and_then(|name| name.strip_suffix(".units")?.parse().ok()); // reason: another file is not ours
        let Some(channel) = channel else { continue };
        match fs::read_to_string(&path).map(|text| parse(&text)) {
            Ok(Some(content)) => pages.push((channel, content)),
            Ok(None) => tracing::warn!("{} is damaged and left out", path.display()),
            Err(error) => tracing::warn!(%error, "could not read {}", path.display()),
        }
    }
    pages
}

fn parse(text: &str) -> Option<Content> {
    let mut lines = text.lines();
    // reason: a page without a head is no page.
    let Head { grid, rate } = serde_json::from_str(lines.next()?).ok()?;
    let rate = Some(rate).filter(|rate| rate.num > 0 && rate.den > 0)?;
    let (mut units, mut texts) = (Vec::new(), Vec::new());
    // reason: a torn line says nothing.
    for line in lines.filter_map(|line| serde_json::from_str(line).ok()) {
        match line {
            Line::Unit(unit) => units.push(unit),
            Line::Text(text) => texts.push(text),
        }
    }
    Some(Content { grid, rate, units, texts })
}

fn line(thing: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(thing)?;
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::MediaId;
    use crate::stream::compose::{AudioRun, Clip, Shows};
    use crate::stream::rendition::{GopEntry, RenditionKey};

    #[test]
    fn what_was_written_is_read_back_but_for_a_torn_end() {
        let folder = tempfile::tempdir().unwrap();
        let channel = ChannelId(7);
        let rate = FrameRate { num: 25, den: 1 };
        let mut page = Page::new(folder.path(), channel);
        assert!(!page.has_room());
        let units = [unit(1), unit(2), unit(3)];
        let said = Text { n: 4, language: "deu".to_owned(), body: "a\nb".to_owned() };
        page.rewrite("grid", rate, units[..2].iter().map(|unit| LineOf::Unit(unit)));
        page.append(&LineOf::Text(&said));
        page.append(&LineOf::Unit(&units[2]));
        let path = folder.path().join("7.units");
        let mut text = fs::read(&path).unwrap();
        text.extend(b"{\"unit\":{\"first\":4");
        fs::write(&path, text).unwrap();
        fs::write(folder.path().join("x.units"), "").unwrap();
        let pages = read_all(folder.path());
        let [(of, Content { grid, rate: same, units, texts })] = &pages[..] else {
            panic!("{pages:?}")
        };
        assert_eq!(*texts, [said]);
        assert_eq!((*of, grid.as_str(), *same), (channel, "grid", rate));
        assert_eq!(*units, [1, 2, 3].map(|first| (*unit(first)).clone()));
        page.remove();
        assert!(!path.exists());
        assert_eq!(read_all(&folder.path().join("none")).len(), 0);
    }

    fn unit(first: i64) -> Arc<UnitPlan> {
        let key = RenditionKey { media: MediaId(5), version: u64::MAX, profile: "p".to_owned() };
        let gop = GopEntry {
            first_frame: first,
            frames: 1,
            audio_tick: -7,
            audio_frames: 2,
            span: 3,
            offset: u64::MAX,
            length: 9,
        };
        let audio = vec![
            AudioRun { grid: first, count: 1, from: Some((key.clone(), gop, 1)) },
            AudioRun { grid: first + 1, count: 1, from: None },
        ];
        let shows = Shows::Standby(MediaId(5));
        let clip = Clip { key, gop, base: first };
        Arc::new(UnitPlan { first, end: first + 1, shows, clip, audio })
    }
}
