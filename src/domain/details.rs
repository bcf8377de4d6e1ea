//! Details of media that nothing is decided by and everybody likes to read: who made it, who is in
//! it, how it was liked, what it looks like.

use serde::{Deserialize, Serialize};

/// See the module. Everything may be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Details {
    /// Who directed it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub directors: Vec<String>,
    /// Who wrote it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub writers: Vec<String>,
    /// Who is in it, the most important first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub actors: Vec<Actor>,
    /// How it was liked, in tenths: 0–100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stars: Option<u8>,
}

/// Somebody in a film or a show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// Who.
    pub name: String,
    /// As whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}
