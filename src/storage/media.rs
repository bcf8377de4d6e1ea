//! Media items.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::types::ToSql;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, named_params};

use super::columns::{exactly_one, from_json, from_word, json, unwritable, word};
use super::{Db, StorageError, search};
use crate::domain::{
    KnownFile, LibraryId, Media, MediaFilter, MediaId, MediaSort, MediaState, MediaStateName,
    ScannedMedia, UtcMillis,
};

/// What storing a scan's finds came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Upserted {
    /// Items that were not known before.
    pub new: u64,
    /// Items that were known and have been brought up to date.
    pub changed: u64,
}

impl Db {
    /// The media that match, at most `filter.limit` of them, and how many match in all.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn list_media(
        &self,
        filter: &MediaFilter,
    ) -> Result<(Vec<Media>, u64), StorageError> {
        let filter = filter.clone();
        self.read("list media", move |c| list(c, &filter)).await
    }

    /// All media, by id.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn all_media(&self) -> Result<Vec<Media>, StorageError> {
        self.read("read all media", |c| {
            c.prepare_cached("SELECT * FROM media ORDER BY id")?
                .query_map([], read_media)?
                .collect()
        })
        .await
    }

    /// The media with these ids, in the order of the ids; what does not exist is left out.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn media_by_ids(&self, ids: &[MediaId]) -> Result<Vec<Media>, StorageError> {
        let wanted = ids.to_owned();
        self.read("find media", move |c| {
            let mut found: HashMap<MediaId, Media> = c
                .prepare_cached(
                    "SELECT * FROM media WHERE id IN (SELECT value FROM json_each(?1))",
                )?
                .query_map([json(&wanted)?], read_media)?
                .map(|media| media.map(|media| (media.id, media)))
                .collect::<Result<_, _>>()?;
            Ok(wanted.iter().filter_map(|id| found.remove(id)).collect())
        })
        .await
    }

    /// Every file of a library by its path, as the last scan left it.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn known_files(
        &self,
        library: LibraryId,
    ) -> Result<HashMap<String, KnownFile>, StorageError> {
        self.read("read known files", move |c| {
            c.prepare_cached(
                "SELECT path, id, size, modified_ms, sidecar, state, state_reason, state_until_ms
                 FROM media WHERE library_id = ?1",
            )?
            .query_map([library.0], |row| {
                let known = KnownFile {
                    id: MediaId(row.get("id")?),
                    size: read_size(row)?,
                    modified: UtcMillis(row.get("modified_ms")?),
                    sidecar: row.get("sidecar")?,
                    state: read_state(row)?,
                };
                Ok((row.get("path")?, known))
            })?
            .collect()
        })
        .await
    }

    /// Stores what a scan found: new files get an id and `now` as their first sight, known ones
    /// keep both.
    ///
    /// A quarantine outlives a scan as long as the file itself is the same.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] when the library was removed meanwhile; nothing is stored then.
    pub async fn upsert_media(
        &self,
        found: Vec<ScannedMedia>,
        now: UtcMillis,
    ) -> Result<Upserted, StorageError> {
        self.write("store scanned media", move |t| {
            let mut counts = Upserted::default();
            for media in &found {
                if upsert(t, media, now)? {
                    counts.new += 1;
                } else {
                    counts.changed += 1;
                }
            }
            Ok(counts)
        })
        .await
    }

    /// Notes that these files are gone; what is on record about them stays.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn mark_missing(&self, ids: Vec<MediaId>) -> Result<(), StorageError> {
        self.write("mark media missing", move |t| {
            for id in ids {
                set_state(t, id, &MediaState::Missing)?;
            }
            Ok(())
        })
        .await
    }

    /// Notes whether a media item can be played, and if not, why.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] when there is none with this id.
    pub async fn set_media_state(
        &self,
        id: MediaId,
        state: MediaState,
    ) -> Result<(), StorageError> {
        self.write("set a media state", move |t| exactly_one(set_state(t, id, &state)?)).await
    }
}

fn list(c: &Connection, filter: &MediaFilter) -> rusqlite::Result<(Vec<Media>, u64)> {
    let mut conditions: Vec<&str> = Vec::new();
    let mut values: Vec<(&str, Box<dyn ToSql>)> = Vec::new();
    if let Some(library) = filter.library {
        conditions.push("library_id = :library");
        values.push((":library", Box::new(library.0)));
    }
    if let Some(kind) = &filter.kind {
        conditions.push("kind = :kind");
        values.push((":kind", Box::new(word(kind)?)));
    }
    if let Some(state) = filter.state {
        conditions.push("state = :state");
        values.push((":state", Box::new(state.as_str())));
    }
    if let Some(text) = &filter.search {
        // Not LIKE: its wildcards would have to be escaped, and it ignores case in ASCII only.
        conditions.push("instr(search, :text) > 0");
        values.push((":text", Box::new(text.trim().to_lowercase())));
    }
    let chosen = match conditions.is_empty() {
        true => String::new(),
        false => format!("WHERE {}", conditions.join(" AND ")),
    };
    let order = match filter.sort {
        MediaSort::Title => "lower(ifnull(show, title)), season, episode, lower(title), id",
        MediaSort::Added => "added_ms DESC, id",
        MediaSort::Path => "path, id",
        MediaSort::Duration => "duration_ms DESC, id",
        MediaSort::Year => "year DESC NULLS LAST, id",
    };
    let named: Vec<(&str, &dyn ToSql)> = values.iter().map(|(n, v)| (*n, v.as_ref())).collect();
    let total: i64 = c
        .prepare_cached(&format!("SELECT count(*) FROM media {chosen}"))?
        .query_row(&*named, |row| row.get(0))?;
    let (limit, offset) = (filter.limit, filter.offset);
    let rows =
        format!("SELECT * FROM media {chosen} ORDER BY {order} LIMIT {limit} OFFSET {offset}");
    let media = c.prepare(&rows)?.query_map(&*named, read_media)?.collect::<Result<_, _>>()?;
    Ok((media, total.unsigned_abs()))
}

/// Inserts or updates one item; whether it is new.
fn upsert(t: &Transaction<'_>, media: &ScannedMedia, now: UtcMillis) -> rusqlite::Result<bool> {
    let known: Option<(u64, i64, MediaState)> = t
        .prepare_cached("SELECT * FROM media WHERE library_id = :library AND path = :path")?
        .query_row(named_params! { ":library": media.library.0, ":path": media.path }, |row| {
            Ok((read_size(row)?, row.get("modified_ms")?, read_state(row)?))
        })
        .optional()?;
    let state = match &known {
        Some((size, modified, quarantined @ MediaState::Quarantined { .. }))
            if *size == media.size && *modified == media.modified.0 =>
        {
            quarantined
        }
        _ => &media.state,
    };
    let (reason, until) = state_columns(state);
    let probe = media.probe.as_ref().map(json).transpose()?;
    let id: i64 = t.prepare_cached(
        "INSERT INTO media (library_id, path, upstreams, size, modified_ms, sidecar, kind, title, show, season,
             episode, episode_end, part, edition, year, plot, genres, rating, aired, details, duration_ms,
             probe, state, state_reason, state_until_ms, added_ms, search)
         VALUES (:library, :path, :upstreams, :size, :modified, :sidecar, :kind, :title, :show, :season,
             :episode, :episode_end, :part, :edition, :year, :plot, :genres, :rating, :aired, :details,
             :duration, :probe, :state, :reason, :until, :added, :search)
         ON CONFLICT (library_id, path) DO UPDATE SET upstreams = :upstreams, size = :size, modified_ms = :modified,
             sidecar = :sidecar, kind = :kind, title = :title, show = :show, season = :season,
             episode = :episode, episode_end = :episode_end, part = :part, edition = :edition,
             year = :year, plot = :plot, genres = :genres, rating = :rating, aired = :aired,
             details = :details, duration_ms = :duration, probe = :probe, state = :state, state_reason = :reason,
             state_until_ms = :until, search = :search
         RETURNING id",
    )?
    .query_row(named_params! {
        ":library": media.library.0,
        ":path": media.path,
        ":upstreams": json(&media.upstreams)?,
        ":size": i64::try_from(media.size).map_err(unwritable)?,
        ":modified": media.modified.0,
        ":sidecar": media.sidecar,
        ":kind": word(&media.kind)?,
        ":title": media.title,
        ":show": media.show,
        ":season": media.season,
        ":episode": media.episode,
        ":episode_end": media.episode_end,
        ":part": media.part,
        ":edition": media.edition,
        ":year": media.year,
        ":plot": media.plot,
        ":genres": json(&media.genres)?,
        ":rating": media.rating,
        ":aired": media.aired,
        ":details": json(&*media.details)?,
        ":duration": media.duration_ms,
        ":probe": probe,
        ":state": state.name().as_str(),
        ":reason": reason,
        ":until": until,
        ":added": now.0,
        ":search": search_text(media),
    }, |row| row.get(0))?;
    search::index(t, &media.clone().into_media(MediaId(id), now))?;
    Ok(known.is_none())
}

fn set_state(t: &Transaction<'_>, id: MediaId, state: &MediaState) -> rusqlite::Result<usize> {
    let (reason, until) = state_columns(state);
    t.prepare_cached(
        "UPDATE media SET state = :state, state_reason = :reason, state_until_ms = :until
         WHERE id = :id",
    )?
    .execute(named_params! {
        ":id": id.0,
        ":state": state.name().as_str(),
        ":reason": reason,
        ":until": until,
    })
}

/// What a search looks through: one line each, so that no match goes across.
fn search_text(media: &ScannedMedia) -> String {
    let show = media.show.as_deref().unwrap_or("");
    format!("{}\n{show}\n{}", media.title, media.path).to_lowercase()
}

/// The columns beside the state's name: reason and end.
fn state_columns(state: &MediaState) -> (Option<&str>, Option<i64>) {
    match state {
        MediaState::Playable | MediaState::Missing => (None, None),
        MediaState::Corrupt { reason } | MediaState::Unsupported { reason } => (Some(reason), None),
        MediaState::Quarantined { reason, until } => (Some(reason), Some(until.0)),
    }
}

fn read_state(row: &Row<'_>) -> rusqlite::Result<MediaState> {
    let reason = || row.get("state_reason");
    Ok(match from_word(row, "state")? {
        MediaStateName::Playable => MediaState::Playable,
        MediaStateName::Corrupt => MediaState::Corrupt { reason: reason()? },
        MediaStateName::Unsupported => MediaState::Unsupported { reason: reason()? },
        MediaStateName::Missing => MediaState::Missing,
        MediaStateName::Quarantined => MediaState::Quarantined {
            reason: reason()?,
            until: UtcMillis(row.get("state_until_ms")?),
        },
    })
}

fn read_size(row: &Row<'_>) -> rusqlite::Result<u64> {
    Ok(row.get::<_, i64>("size")?.unsigned_abs())
}

pub(super) fn read_media(row: &Row<'_>) -> rusqlite::Result<Media> {
    let probe: Option<String> = row.get("probe")?;
    Ok(Media {
        id: MediaId(row.get("id")?),
        library: LibraryId(row.get("library_id")?),
        path: row.get("path")?,
        upstreams: from_json(row, "upstreams")?,
        size: read_size(row)?,
        modified: UtcMillis(row.get("modified_ms")?),
        kind: from_word(row, "kind")?,
        title: row.get("title")?,
        show: row.get("show")?,
        season: row.get("season")?,
        episode: row.get("episode")?,
        episode_end: row.get("episode_end")?,
        part: row.get("part")?,
        edition: row.get("edition")?,
        year: row.get("year")?,
        plot: row.get("plot")?,
        genres: from_json(row, "genres")?,
        rating: row.get("rating")?,
        aired: row.get("aired")?,
        details: Arc::new(from_json(row, "details")?),
        duration_ms: row.get("duration_ms")?,
        probe: match probe {
            Some(_) => Some(from_json(row, "probe")?),
            None => None,
        },
        state: read_state(row)?,
        added: UtcMillis(row.get("added_ms")?),
    })
}
