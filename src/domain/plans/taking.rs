//! Where media is taken from, in the words of the API.

use serde::{Deserialize, Serialize};

use crate::domain::{CollectionId, InvalidField, MediaId, Origin, Query};

/// Where a schedule item or the like takes its media from, in the words of the API.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Taking {
    /// `collection`, `playlist`, `smart_collection`, `multi_collection`, `media_item`, `show`,
    /// `season`, `artist` or `search`.
    pub collection_type: String,
    /// The collection, playlist, smart or multi collection.
    pub collection_id: Option<i64>,
    /// The single item.
    pub media_item_id: Option<i64>,
    /// Title of the show or name of the artist.
    pub search_title: Option<String>,
    /// Number of the season.
    pub season_number: Option<u32>,
    /// What is searched for.
    pub search_query: Option<String>,
}

/// The words for where media comes from.
pub const TAKING_WORDS: &str = "collection, playlist, smart_collection, multi_collection, \
    rerun_collection, media_item, show, season, artist or search";

impl Taking {
    /// All of a collection.
    pub fn collection(id: CollectionId) -> Self {
        Self {
            collection_type: "collection".to_owned(),
            collection_id: Some(id.0),
            ..Self::default()
        }
    }

    /// The same as a choice of media.
    ///
    /// # Errors
    /// Names the field that is missing or the word that is unknown.
    pub fn origin(&self) -> Result<Origin, InvalidField> {
        let missing = |field: &str| {
            let problem = format!("{} needs it", self.collection_type);
            InvalidField::new(field, problem, format!("send `{field}`"))
        };
        let title = || {
            let title = self.search_title.clone().map(|title| title.trim().to_owned());
            title.filter(|title| !title.is_empty()).ok_or_else(|| missing("search_title"))
        };
        match self.collection_type.as_str() {
            "collection" | "playlist" | "smart_collection" | "multi_collection"
            | "rerun_collection" => {
                let id = self.collection_id.ok_or_else(|| missing("collection_id"))?;
                Ok(Origin::Collection { id: CollectionId(id) })
            }
            "media_item" => {
                let id = self.media_item_id.or(self.collection_id);
                let id = id.ok_or_else(|| missing("media_item_id"))?;
                Ok(Origin::Media { media: vec![MediaId(id)] })
            }
            "show" | "television_show" => Ok(Origin::Show { title: title()?, season: None }),
            "season" | "television_season" => {
                let season = self.season_number.ok_or_else(|| missing("season_number"))?;
                Ok(Origin::Show { title: title()?, season: Some(season) })
            }
            "artist" => Ok(Origin::Artist { name: title()? }),
            "search" => {
                let query = self.search_query.clone().filter(|query| !query.trim().is_empty());
                let query = query.ok_or_else(|| missing("search_query"))?;
                if let Err(error) = Query::parse(&query) {
                    let fix = "see /api/search for the words of a query";
                    return Err(InvalidField::new("search_query", error.to_string(), fix));
                }
                Ok(Origin::Search { query, kind: None })
            }
            other => {
                let problem = format!("{other:?} is not known");
                Err(InvalidField::new("collection_type", problem, format!("use {TAKING_WORDS}")))
            }
        }
    }
}
