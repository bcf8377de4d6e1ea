//! Secrets: a text that cannot be printed by accident, and keys that are stored as hashes.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// A text that shows as `***` wherever it is printed.
#[derive(Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself; the name is long so that every use is seen in review.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// 32 random bytes as hex, with a prefix that secret scanners can know.
    pub fn generate() -> Self {
        let bytes: [u8; 32] = rand::random();
        Self(format!("exs_{}", hex::encode(bytes)))
    }

    /// SHA-256 of the text, hex: what is stored instead of it.
    pub fn hash(&self) -> String {
        hash_of(&self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl serde::Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("***")
    }
}

/// SHA-256 of `text`, hex.
pub fn hash_of(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

/// Compares a presented secret with a stored hash in constant time.
pub fn matches(presented: &str, stored_hash: &str) -> bool {
    hash_of(presented).as_bytes().ct_eq(stored_hash.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_show() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?}"), "***");
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"***\"");
    }

    #[test]
    fn a_key_matches_its_hash_and_no_other() {
        let key = Secret::generate();
        assert!(matches(key.reveal(), &key.hash()));
        assert!(!matches("exs_wrong", &key.hash()));
    }
}
