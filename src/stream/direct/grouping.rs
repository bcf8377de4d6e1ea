//! Pictures in the order of decoding, cut into groups by the rules of copying; for plain and for
//! fragmented MP4, which differ only in how they name the place of a sample.

use std::collections::HashMap;

use super::Unfit;
use super::film::Group;
use crate::domain::Profile;
use crate::stream::conform::rules;

/// Where a group begins, in pictures and sounds, and in which order its pictures are shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark<P> {
    pub(super) video: P,
    pub(super) audio: P,
    pattern: u32,
}

/// The marks of a file's groups.
#[derive(Debug)]
pub(super) struct Marks<P> {
    all: Box<[Mark<P>]>,
    patterns: Box<[Box<[u8]>]>,
}

impl<P> Marks<P> {
    /// Where group `number` begins.
    pub(super) fn get(&self, number: usize) -> Option<&Mark<P>> {
        self.all.get(number)
    }

    /// The order of the pictures of group `number`.
    pub(super) fn pattern(&self, number: usize) -> Option<&[u8]> {
        let pattern = usize::try_from(self.get(number)?.pattern).ok()?;
        self.patterns.get(pattern).map(|pattern| &**pattern)
    }

    /// All of them, so that they are told where their sound begins.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Mark<P>> {
        self.all.iter_mut()
    }

    /// Bytes of memory they take, about.
    pub(super) fn memory(&self) -> usize {
        size_of_val(&*self.all)
            + size_of_val(&*self.patterns)
            + self.patterns.iter().map(|pattern| pattern.len()).sum::<usize>()
    }
}

/// Pictures that were grouped, still without sound.
pub(super) struct Grouped<P> {
    pub(super) groups: Vec<Group>,
    pub(super) marks: Marks<P>,
    pub(super) phase: i64,
}

/// The group that pictures are added to: where it begins, its first frame, and all of its frames.
type Open<P> = (P, i64, Vec<i64>);

/// Checks pictures one by one, and groups them.
pub(super) struct Grouping<'a, P> {
    profile: &'a Profile,
    grid: rules::PictureGrid,
    patterns: Patterns,
    open: Option<Open<P>>,
    groups: Vec<Group>,
    marks: Vec<Mark<P>>,
}

impl<'a, P: Default> Grouping<'a, P> {
    pub(super) fn new(profile: &'a Profile) -> Self {
        Self {
            profile,
            grid: rules::PictureGrid::new(profile, None),
            patterns: Patterns::default(),
            open: None,
            groups: Vec::new(),
            marks: Vec::new(),
        }
    }

    /// Adds the next picture to be decoded, which is at `place` and shown at `tick`.
    pub(super) fn push(&mut self, place: P, tick: i64, key: bool) -> Result<(), Unfit> {
        let frame = self.grid.frame_of(tick)?;
        if key {
            if let Some(open) = self.open.take() {
                self.close(open, frame)?;
            }
            self.open = Some((place, frame, Vec::new()));
        }
        let Some((_, first, shown)) = &mut self.open else {
            return Err(Unfit::Kind("it does not begin with a key frame"));
        };
        rules::check_order(self.profile, *first, shown.len(), frame)?;
        shown.push(frame);
        if shown.len() > rules::longest_group(self.profile) {
            return Err(rules::Misfit::LongGroup.into());
        }
        Ok(())
    }

    /// Ends the last group with its last picture.
    pub(super) fn finish(mut self) -> Result<Grouped<P>, Unfit> {
        let last = self.open.take().ok_or(Unfit::Kind("it has no picture"))?;
        let end = last.2.iter().map(|frame| frame + 1).max().unwrap_or(last.1);
        self.close(last, end)?;
        let marks = Marks { all: self.marks.into(), patterns: self.patterns.all.into() };
        Ok(Grouped { groups: self.groups, marks, phase: self.grid.phase().unwrap_or(0) })
    }

    fn close(&mut self, (video, first, mut shown): Open<P>, end: i64) -> Result<(), Unfit> {
        let pattern = self.patterns.add(first, &shown)?;
        rules::check_group(first, &mut shown, end, false)?;
        self.groups.push(Group::new(first, end));
        self.marks.push(Mark { video, audio: P::default(), pattern });
        Ok(())
    }
}

/// The orders in which groups show their pictures, each kept once.
#[derive(Default)]
struct Patterns {
    known: HashMap<Box<[u8]>, u32>,
    all: Vec<Box<[u8]>>,
}

impl Patterns {
    fn add(&mut self, first: i64, shown: &[i64]) -> Result<u32, Unfit> {
        let pattern: Option<Box<[u8]>> =
            shown.iter().map(|frame| u8::try_from(frame - first).ok()).collect();
        let pattern = pattern.ok_or(rules::Misfit::LongGroup)?;
        if let Some(known) = self.known.get(&pattern) {
            return Ok(*known);
        }
        let id = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        self.all.push(pattern.clone());
        self.known.insert(pattern, id);
        Ok(id)
    }
}
