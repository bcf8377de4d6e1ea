//! `exstreamtv channels`: what each channel has to play, read from the database alone.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;

use crate::control;
use crate::domain::{UtcMillis, Zone};
use crate::foundation::clock::{Clock, SystemClock};
use crate::schedule;
use crate::storage::Db;

/// One channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// Its number.
    pub(super) number: String,
    /// Its name.
    pub(super) name: String,
    /// Playable media it can reach.
    pub(super) playable: usize,
    /// Why there is nothing to play, if there is not.
    pub(super) reason: Option<String>,
}

/// All channels by number; `schedules` is the folder of schedule files.
///
/// # Errors
/// When the database cannot be read.
pub(super) async fn list(db: &Db, schedules: &Path, zone: Zone) -> anyhow::Result<Vec<Row>> {
    let now = UtcMillis(SystemClock::start().now_ms());
    let channels =
        control::effective_rules(db, schedules, zone).await.context("read the channels")?;
    let collections = db.list_collections().await.context("read the collections")?;
    let media: Vec<Arc<_>> =
        db.all_media().await.context("read the media")?.into_iter().map(Arc::new).collect();
    let aired = db.aired_media().await.context("read what was on air")?;
    let shelf = schedule::Shelf::new(&media, &collections, &aired, now);
    let mut rows = Vec::new();
    for (channel, rules, faults) in channels {
        let named = rules.collections();
        let stored = collections.iter().filter(|c| named.contains(&c.id)).map(|c| &c.selector);
        let chosen = stored.chain(rules.inline.values());
        let playable = chosen.map(|selector| shelf.choose(selector).len()).sum();
        let reason = match (faults.first(), named.is_empty(), playable) {
            (_, false, 1..) => None,
            (Some(fault), _, _) => Some(format!("its schedule file has mistakes: {fault}")),
            (None, true, _) => Some(
                "nothing says what it plays; give it a collection, or put a schedule on it"
                    .to_owned(),
            ),
            (None, false, _) => Some(
                "its collections hold nothing playable; add media, choose others, or give it \
                 fallback filler"
                    .to_owned(),
            ),
        };
        rows.push(Row { number: channel.number.to_string(), name: channel.name, playable, reason });
    }
    Ok(rows)
}
