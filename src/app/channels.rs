//! `exstreamtv channels`: what each channel has to play, read from the database alone.

use std::sync::Arc;

use anyhow::Context;

use crate::domain::UtcMillis;
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
    pub(super) reason: Option<&'static str>,
}

/// All channels by number.
///
/// # Errors
/// When the database cannot be read.
pub(super) async fn list(db: &Db) -> anyhow::Result<Vec<Row>> {
    let now = UtcMillis(SystemClock::start().now_ms());
    let mut channels = db.list_channels().await.context("read the channels")?;
    channels.sort_by(|a, b| a.number.cmp(&b.number));
    let collections = db.list_collections().await.context("read the collections")?;
    let media: Vec<Arc<_>> =
        db.all_media().await.context("read the media")?.into_iter().map(Arc::new).collect();
    let held = schedule::resolve_all(
        &collections,
        &media,
        &db.aired_media().await.context("read what was on air")?,
        now,
    );
    let rows = channels.into_iter().map(|channel| {
        let items = &channel.rules.items;
        let wanted = channel.rules.collections();
        let chosen = held.iter().filter(|(id, _)| wanted.contains(id));
        let playable = chosen.map(|(_, media)| media.len()).sum();
        let reason = match (items.is_empty(), playable) {
            (true, _) => Some("its schedule is empty; give it a collection"),
            (false, 0) => Some("its collections hold nothing playable; add media or choose others"),
            (false, _) => None,
        };
        Row { number: channel.number.to_string(), name: channel.name, playable, reason }
    });
    Ok(rows.collect())
}
