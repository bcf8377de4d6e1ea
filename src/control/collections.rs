//! Use cases on collections: what is in them, and what may be in them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::json;

use crate::domain::{
    Channel, Collection, CollectionEdit, CollectionId, InvalidField, ListEntry, Matcher, Media,
    MediaId, Selector,
};
use crate::formats::medialist::MOST_LINES;
use crate::schedule::Shelf;

use super::Control;
use super::audit::actor_code;
use super::error::ControlError;
use super::operations::Actor;
use super::programming::Replan;
use super::service::MediaPage;

/// Most collections that one may be made of.
const MOST_MEMBERS: usize = 500;

/// A collection to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCollection {
    /// Its name, 1–100 characters, one line.
    pub name: String,
    /// Words about it.
    pub description: Option<String>,
    /// What is in it.
    pub selector: Selector,
}

/// What a line of a list came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Matched {
    /// The line.
    pub entry: ListEntry,
    /// The media it names; empty when there is none here.
    pub media: Vec<MediaId>,
}

impl Control {
    /// All collections, oldest first.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn collections(&self) -> Result<Vec<Collection>, ControlError> {
        self.db().list_collections().await.map_err(ControlError::storage("the collection list"))
    }

    /// One collection.
    ///
    /// # Errors
    /// When it does not exist or storage fails.
    pub async fn collection(&self, id: CollectionId) -> Result<Collection, ControlError> {
        let found = self.collections().await?.into_iter().find(|c| c.id == id);
        found.ok_or_else(|| ControlError::NotFound { what: format!("collection {id}") })
    }

    /// How many playable media each collection held when channels were planned last; one that was
    /// made since is not in it. Memory only.
    pub fn collection_sizes(&self) -> HashMap<CollectionId, usize> {
        self.programming().held().iter().map(|(id, media)| (*id, media.len())).collect()
    }

    /// Creates a collection.
    ///
    /// # Errors
    /// When the name cannot be taken, a media item does not exist, or storage fails.
    pub async fn create_collection(
        &self,
        actor: &Actor,
        name: &str,
        selector: Selector,
    ) -> Result<Collection, ControlError> {
        let new = NewCollection { name: name.to_owned(), description: None, selector };
        self.add_collection(actor, new).await
    }

    /// Creates a collection with everything that people say about it.
    ///
    /// # Errors
    /// When a field cannot be taken or storage fails.
    pub async fn add_collection(
        &self,
        actor: &Actor,
        new: NewCollection,
    ) -> Result<Collection, ControlError> {
        let now = self.now();
        let mut collection = Collection {
            id: CollectionId(0),
            name: crate::domain::check_name(&new.name)?,
            description: described(new.description)?,
            selector: new.selector,
            created: now,
            updated: now,
        };
        self.check_selector(&collection.selector, None).await?;
        collection.id = self
            .db()
            .insert_collection(collection.clone())
            .await
            .map_err(ControlError::storage("the new collection"))?;
        let body = json!({"what": "collection_created", "collection": collection.id});
        self.record_change(actor, body).await;
        Ok(collection)
    }

    /// Changes a collection; channels that play it play what it holds now from the end of the
    /// programme on air.
    ///
    /// # Errors
    /// When it does not exist, a field cannot be taken, or storage fails.
    pub async fn edit_collection(
        &self,
        actor: &Actor,
        id: CollectionId,
        edit: CollectionEdit,
    ) -> Result<Collection, ControlError> {
        let _turn = self.edit_turn().await;
        let before = self.collection(id).await?;
        let mut collection = before.clone();
        if let Some(name) = edit.name {
            collection.name = crate::domain::check_name(&name)?;
        }
        if let Some(description) = edit.description {
            collection.description = described(Some(description))?;
        }
        if let Some(selector) = edit.selector {
            self.check_selector(&selector, Some(id)).await?;
            collection.selector = selector;
        }
        if collection == before {
            return Ok(collection);
        }
        collection.updated = self.now();
        let stored = self.db().update_collection(&collection).await;
        stored.map_err(ControlError::storage("the collection"))?;
        self.record_change(actor, json!({"what": "collection_edited", "collection": id})).await;
        tracing::info!(actor = actor_code(actor), "collection {id} was edited");
        if collection.selector != before.selector {
            self.refresh(Replan::MediaChanged).await?;
        }
        Ok(collection)
    }

    /// Deletes a collection that no channel plays and no other collection is made of.
    ///
    /// # Errors
    /// When it does not exist, it is in use, or storage fails.
    pub async fn delete_collection(
        &self,
        actor: &Actor,
        id: CollectionId,
    ) -> Result<(), ControlError> {
        let in_use = |what: String, fix: &str| ControlError::Conflict {
            field: "collection".to_owned(),
            what,
            fix: fix.to_owned(),
        };
        let plays = |channel: &&Channel| channel.rules.collections().contains(&id);
        if let Some(channel) = self.channels().await?.iter().find(plays) {
            let what = format!("channel {} plays collection {id}", channel.number);
            return Err(in_use(what, "change the channel first"));
        }
        let holds = |other: &&Collection| other.selector.collections().contains(&id);
        if let Some(other) = self.collections().await?.iter().find(holds) {
            let what = format!("collection {:?} is made of collection {id}", other.name);
            return Err(in_use(what, "change that collection first"));
        }
        if let Some(holder) = self.holder_of(id).await? {
            let what = format!("{holder} plays collection {id}");
            return Err(in_use(what, "change it first"));
        }
        self.db().delete_collection(id).await.map_err(ControlError::storage("the collection"))?;
        self.record_change(actor, json!({"what": "collection_deleted", "collection": id})).await;
        Ok(())
    }

    /// A page of what a collection holds, in its order. A manual choice shows what cannot be played
    /// too; everything else holds playable media only.
    ///
    /// # Errors
    /// When it does not exist or storage fails.
    pub async fn collection_media(
        &self,
        id: CollectionId,
        skip: usize,
        limit: usize,
    ) -> Result<MediaPage, ControlError> {
        let collection = self.collection(id).await?;
        let ids = match &collection.selector {
            Selector::Manual { media } => media.clone(),
            selector => self.choose(selector).await?,
        };
        let page: Vec<MediaId> = ids.iter().copied().skip(skip).take(limit).collect();
        let found =
            self.db().media_by_ids(&page).await.map_err(ControlError::storage("the media"))?;
        // One may be there twice.
        let found: HashMap<MediaId, Media> = found.into_iter().map(|m| (m.id, m)).collect();
        let items = page.iter().filter_map(|id| found.get(id).cloned()).collect();
        Ok(MediaPage { items, total: ids.len() as u64 })
    }

    /// The playable media that a selector chooses now.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn choose(&self, selector: &Selector) -> Result<Vec<MediaId>, ControlError> {
        let collections = self.collections().await?;
        let media = self.all_media().await?;
        let aired = self.db().aired_media().await;
        let aired: HashSet<MediaId> = aired.map_err(ControlError::storage("what was on air"))?;
        let (selector, now) = (selector.clone(), self.now());
        // A large library takes a moment that nobody else should wait for.
        let chosen = tokio::task::spawn_blocking(move || {
            Shelf::new(&media, &collections, &aired, now).choose(&selector)
        });
        chosen.await.map_err(|error| ControlError::Failed {
            what: "choosing media".to_owned(),
            source: error.into(),
        })
    }

    /// What the lines of a list come to with the media there is now.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn match_list(&self, entries: Vec<ListEntry>) -> Result<Vec<Matched>, ControlError> {
        let media = self.all_media().await?;
        let matched = tokio::task::spawn_blocking(move || {
            let matcher = Matcher::new(media.iter().map(Arc::as_ref));
            let find = |entry: ListEntry| Matched { media: matcher.find(&entry), entry };
            entries.into_iter().map(find).collect()
        });
        matched.await.map_err(|error| ControlError::Failed {
            what: "matching the list".to_owned(),
            source: error.into(),
        })
    }

    async fn all_media(&self) -> Result<Vec<Arc<Media>>, ControlError> {
        let media = self.db().all_media().await.map_err(ControlError::storage("the media"))?;
        Ok(media.into_iter().map(Arc::new).collect())
    }

    /// Checks what a selector names; `own` is the collection it is for, if there is one already.
    async fn check_selector(
        &self,
        selector: &Selector,
        own: Option<CollectionId>,
    ) -> Result<(), ControlError> {
        match selector {
            Selector::Manual { media } => self.check_media(media).await,
            Selector::Filter { .. } | Selector::Query { .. } => Ok(()),
            Selector::Multi { collections } if collections.len() > MOST_MEMBERS => {
                let problem = format!("there are {} collections", collections.len());
                let fix = format!("name at most {MOST_MEMBERS}");
                Err(InvalidField::new("selector.collections", problem, fix).into())
            }
            Selector::Multi { .. } => {
                self.check_members(selector, own, "selector.collections").await
            }
            Selector::Rerun { .. } => {
                self.check_members(selector, own, "selector.collection").await
            }
            Selector::List { entries } if entries.is_empty() || entries.len() > MOST_LINES => {
                let problem = format!("there are {} lines", entries.len());
                let fix = format!("write 1 to {MOST_LINES}");
                Err(InvalidField::new("selector.entries", problem, fix).into())
            }
            Selector::List { .. } => Ok(()),
        }
    }

    async fn check_media(&self, media: &[MediaId]) -> Result<(), ControlError> {
        let found =
            self.db().media_by_ids(media).await.map_err(ControlError::storage("the media"))?;
        let known: HashSet<MediaId> = found.iter().map(|media| media.id).collect();
        let Some(lost) = media.iter().find(|id| !known.contains(id)) else { return Ok(()) };
        let problem = format!("media {lost} does not exist");
        Err(InvalidField::new("selector.media", problem, "use ids listed by /api/media").into())
    }

    async fn check_members(
        &self,
        selector: &Selector,
        own: Option<CollectionId>,
        field: &str,
    ) -> Result<(), ControlError> {
        let known: HashMap<CollectionId, Selector> =
            self.collections().await?.into_iter().map(|c| (c.id, c.selector)).collect();
        if let Some(lost) = selector.collections().iter().find(|id| !known.contains_key(id)) {
            let problem = format!("collection {lost} does not exist");
            return Err(
                InvalidField::new(field, problem, "use ids listed by /api/collections").into()
            );
        }
        if own.is_some_and(|own| reaches(selector, own, &known)) {
            let problem = "the collection would be made of itself";
            return Err(InvalidField::new(field, problem, "leave out what is made of it").into());
        }
        Ok(())
    }
}

/// Whether a selector leads to a collection, directly or by way of others.
fn reaches(
    selector: &Selector,
    goal: CollectionId,
    known: &HashMap<CollectionId, Selector>,
) -> bool {
    let mut seen = HashSet::new();
    let mut open: Vec<CollectionId> = selector.collections().to_vec();
    while let Some(id) = open.pop() {
        if id == goal {
            return true;
        }
        if seen.insert(id) {
            open.extend(known.get(&id).into_iter().flat_map(Selector::collections));
        }
    }
    false
}

/// Words about a collection as they are stored; `None` when there are none.
fn described(text: Option<String>) -> Result<Option<String>, InvalidField> {
    let text = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let letters = text.as_ref().map_or(0, |text| text.chars().count());
    if letters > 2_000 {
        let problem = format!("there are {letters} letters");
        return Err(InvalidField::new("description", problem, "write at most 2000"));
    }
    Ok(text)
}
