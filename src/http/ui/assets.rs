//! Styles, scripts and icons, from inside the binary.
//!
//! Pages name them under a tag made of their content, so that browsers may keep them for ever and
//! still never mix two versions: a module's relative imports carry the tag along. Under an older
//! tag a file is served as it is now, to be asked for again.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use rust_embed::Embed;
use sha2::{Digest, Sha256};

use super::super::error::ApiError;

#[derive(Embed)]
#[folder = "assets/"]
#[include = "ui/*"]
#[include = "vendor/*"]
#[exclude = "vendor/*.ttf"]
struct Files;

/// The tag of all files together.
pub(super) static TAG: LazyLock<String> = LazyLock::new(|| {
    let mut names: Vec<_> = Files::iter().collect();
    names.sort();
    let mut hash = Sha256::new();
    for name in names {
        hash.update(name.as_bytes());
        if let Some(file) = Files::get(&name) {
            hash.update(file.metadata.sha256_hash());
        }
    }
    hex::encode(&hash.finalize()[..6])
});

/// Serves one file, or says that the browser's copy is still good.
pub(super) async fn file(
    Path((tag, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let Some(file) = Files::get(&name) else { return ApiError::not_found(&name).into_response() };
    // Weak, because the bytes differ when they are sent compressed.
    let etag = format!("W/\"{}\"", hex::encode(&file.metadata.sha256_hash()[..12]));
    let caching = if tag == *TAG { "public, max-age=31536000, immutable" } else { "no-cache" };
    let known = headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    if known.is_some_and(|known| known.contains(&etag)) {
        return (StatusCode::NOT_MODIFIED, [(ETAG, etag)], [(CACHE_CONTROL, caching)])
            .into_response();
    }
    let kind = mime_guess::from_path(&name).first_or_octet_stream();
    let kind = match kind.type_() {
        mime_guess::mime::TEXT => format!("{kind}; charset=utf-8"),
        _ => kind.to_string(),
    };
    let head = [(CONTENT_TYPE, kind), (ETAG, etag), (CACHE_CONTROL, caching.to_owned())];
    (head, file.data).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_is_kept_under_its_tag_and_asked_for_under_another() {
        let fresh = get(&TAG, "ui/style.css", None).await;
        assert_eq!(fresh.status(), 200);
        assert_eq!(fresh.headers()[CONTENT_TYPE], "text/css; charset=utf-8");
        assert!(fresh.headers()[CACHE_CONTROL].to_str().unwrap().contains("immutable"));
        let old = get("0123", "ui/style.css", None).await;
        assert_eq!(old.headers()[CACHE_CONTROL], "no-cache");
        let etag = fresh.headers()[ETAG].to_str().unwrap().to_owned();
        assert_eq!(get(&TAG, "ui/style.css", Some(&etag)).await.status(), 304);
        assert_eq!(get(&TAG, "ui/style.css", Some("W/\"other\"")).await.status(), 200);
    }

    #[tokio::test]
    async fn nothing_but_pages_files_is_served() {
        for name in ["ui/nothing.css", "slate/slate.ts", "../Cargo.toml", "ui/../../Cargo.toml"] {
            assert_eq!(get(&TAG, name, None).await.status(), 404, "{name}");
        }
        assert_eq!(get(&TAG, "vendor/mpegts-1.8.2.min.js", None).await.status(), 200);
    }

    async fn get(tag: &str, name: &str, known: Option<&str>) -> Response {
        let mut headers = HeaderMap::new();
        if let Some(known) = known {
            headers.insert(IF_NONE_MATCH, known.parse().unwrap());
        }
        file(Path((tag.to_owned(), name.to_owned())), headers).await
    }
}
