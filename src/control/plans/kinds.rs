//! The kinds of things that people keep, and what each refers to.

use crate::domain::{
    BlockLine, FillerIds, KeptBlock, KeptBlockGroup, KeptDeco, KeptDecoGroup, KeptFiller,
    KeptSchedule, KeptTemplate, KeptTemplateGroup, Taking,
};
use crate::storage::Plan;

/// Something that people keep, as the use cases see it.
pub trait PlanKind: Plan {
    /// What it is called, such as `schedule`.
    const WORD: &'static str;

    /// Its name, which is checked.
    fn name_mut(&mut self) -> &mut String;

    /// What it refers to.
    fn refers_to(&self) -> Vec<(String, Reference)>;
}

/// Something referred to by id.
#[derive(Debug, Clone, PartialEq)]
pub enum Reference {
    /// A collection, show, search or media item.
    Taking(Taking),
    /// A filler preset.
    Filler(i64),
    /// A block.
    Block(i64),
    /// A group of blocks.
    BlockGroup(i64),
    /// A group of templates.
    TemplateGroup(i64),
    /// A group of decos.
    DecoGroup(i64),
    /// A media item.
    Media(i64),
}

impl PlanKind for KeptSchedule {
    const WORD: &'static str = "schedule";

    fn name_mut(&mut self) -> &mut String {
        &mut self.name
    }

    fn refers_to(&self) -> Vec<(String, Reference)> {
        let mut all = Vec::new();
        for (at, item) in self.items.iter().enumerate() {
            all.push((format!("items.{at}"), Reference::Taking(item.taking.clone())));
            all.extend(fillers(&item.fillers, &format!("items.{at}.")));
        }
        all
    }
}

fn fillers(ids: &FillerIds, before: &str) -> Vec<(String, Reference)> {
    ids.named().map(|(field, id)| (format!("{before}{field}"), Reference::Filler(id))).collect()
}

macro_rules! groups {
    ($($kind:ty, $word:literal;)*) => {$(
        impl PlanKind for $kind {
            const WORD: &'static str = $word;

            fn name_mut(&mut self) -> &mut String {
                &mut self.name
            }

            fn refers_to(&self) -> Vec<(String, Reference)> {
                Vec::new()
            }
        }
    )*};
}

groups! {
    KeptBlockGroup, "block group";
    KeptTemplateGroup, "template group";
    KeptDecoGroup, "deco group";
}

impl PlanKind for KeptBlock {
    const WORD: &'static str = "block";

    fn name_mut(&mut self) -> &mut String {
        &mut self.name
    }

    fn refers_to(&self) -> Vec<(String, Reference)> {
        let lines = self.items.iter().enumerate();
        let taken = |(at, line): (usize, &BlockLine)| {
            (format!("items.{at}"), Reference::Taking(line.taking.clone()))
        };
        let group = self.group_id.map(|id| ("group_id".to_owned(), Reference::BlockGroup(id)));
        group.into_iter().chain(lines.map(taken)).collect()
    }
}

impl PlanKind for KeptTemplate {
    const WORD: &'static str = "template";

    fn name_mut(&mut self) -> &mut String {
        &mut self.name
    }

    fn refers_to(&self) -> Vec<(String, Reference)> {
        let mut all = Vec::new();
        all.extend(self.group_id.map(|id| ("group_id".to_owned(), Reference::TemplateGroup(id))));
        for (at, line) in self.items.iter().enumerate() {
            if let Some(id) = line.block_id {
                all.push((format!("items.{at}.block_id"), Reference::Block(id)));
            } else if let Some(taking) = &line.taking {
                all.push((format!("items.{at}"), Reference::Taking(taking.clone())));
            }
        }
        all
    }
}

impl PlanKind for KeptFiller {
    const WORD: &'static str = "filler preset";

    fn name_mut(&mut self) -> &mut String {
        &mut self.name
    }

    fn refers_to(&self) -> Vec<(String, Reference)> {
        let lines = self.items.iter().enumerate();
        lines
            .map(|(at, line)| (format!("items.{at}"), Reference::Taking(line.taking.clone())))
            .collect()
    }
}

impl PlanKind for KeptDeco {
    const WORD: &'static str = "deco";

    fn name_mut(&mut self) -> &mut String {
        &mut self.name
    }

    fn refers_to(&self) -> Vec<(String, Reference)> {
        let group = self.group_id.map(|id| ("group_id".to_owned(), Reference::DecoGroup(id)));
        let media = self.media_item_id.map(|id| ("media_item_id".to_owned(), Reference::Media(id)));
        group.into_iter().chain(media).collect()
    }
}
