//! Ids that others gave, and how media servers write them into the names of files.

use serde::{Deserialize, Serialize};

/// Ids that others gave.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ForeignIds {
    /// IMDb, `tt0133093`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub imdb: Option<String>,
    /// TMDB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tmdb: Option<u64>,
    /// TheTVDB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tvdb: Option<u64>,
}

impl ForeignIds {
    /// The ids in a path; the last of each kind counts, because it is nearest to the file.
    pub fn of_path(path: &str) -> Self {
        let mut ids = Self::default();
        let lower = path.to_ascii_lowercase();
        let mut parts = lower.split(|c: char| !c.is_ascii_alphanumeric()).peekable();
        while let Some(part) = parts.next() {
            if is_imdb(part) {
                ids.imdb = Some(part.to_owned());
                continue;
            }
            let mut number = || parts.peek().and_then(|next| next.parse().ok());
            match part {
                "tmdb" | "tmdbid" => ids.tmdb = number().or(ids.tmdb),
                "tvdb" | "tvdbid" => ids.tvdb = number().or(ids.tvdb),
                _ => {}
            }
        }
        ids
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn is_imdb(text: &str) -> bool {
    let digits = text.strip_prefix("tt").unwrap_or_default();
    (7..=9).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}
