//! What clients see when something goes wrong: one shape, the right status, the field and the fix.
//!
//! `ApiError` is the only error of this module that becomes a response. Causes from inside
//! are logged where they are turned into one and never sent.

use std::error::Error;

use axum::http::header::{ALLOW, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};

use crate::domain::InvalidField;

/// One thing that is wrong with a request.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Detail {
    /// Where: `body`, `query`, `path`, `header` or `server`, then the names down to the field.
    pub loc: Vec<String>,
    /// What is wrong, with the value in it.
    pub msg: String,
    /// A stable code for programs.
    #[serde(rename = "type")]
    pub kind: String,
    /// The limit that was crossed, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<Value>,
    /// What to do or write instead.
    pub fix: String,
}

/// The body of every error response.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Problem {
    /// What is wrong; never empty.
    pub detail: Vec<Detail>,
}

/// A request that came to nothing.
#[derive(Debug, Clone)]
pub struct ApiError {
    status: StatusCode,
    detail: Vec<Detail>,
    headers: Option<Box<HeaderMap>>,
}

impl ApiError {
    /// One detail with a status.
    pub fn new(
        status: StatusCode,
        kind: &str,
        loc: &[&str],
        msg: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        let detail = Detail {
            loc: loc.iter().map(|&part| part.to_owned()).collect(),
            msg: msg.into(),
            kind: kind.to_owned(),
            limit: None,
            fix: fix.into(),
        };
        Self { status, detail: vec![detail], headers: None }
    }

    /// Values that cannot be taken (422); `place` is `body`, `query` or `path`.
    pub fn invalid(place: &str, fields: Vec<InvalidField>) -> Self {
        let detail = fields.into_iter().map(|field| Detail {
            loc: std::iter::once(place).chain(field.field.split('.')).map(str::to_owned).collect(),
            msg: field.problem,
            kind: "invalid".to_owned(),
            limit: None,
            fix: field.fix,
        });
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, detail: detail.collect(), headers: None }
    }

    /// What the address names does not exist (404).
    pub fn not_found(what: &str) -> Self {
        let msg = format!("{what} does not exist");
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            &["path"],
            msg,
            "list what exists and use its id or number",
        )
    }

    /// A key is needed (401).
    pub fn unauthorized(msg: &str) -> Self {
        let fix = "send `Authorization: Bearer <key>` or `X-API-Key: <key>`, or log in at /login";
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", &["header", "authorization"], msg, fix)
            .with_header(WWW_AUTHENTICATE, "Bearer")
    }

    /// It cannot be done just now (503).
    pub fn unavailable(what: &str, reason: &str) -> Self {
        let msg = format!("{what} is not available: {reason}");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            &["server"],
            msg,
            "try again in a few seconds",
        )
        .with_header(axum::http::header::RETRY_AFTER, "5")
    }

    /// Something failed inside (500); the cause is logged here and not sent.
    pub fn internal(what: &str, cause: &dyn Error) -> Self {
        tracing::error!(error = %chain(cause), "{what} failed: {}", chain(cause));
        let fix = "look for this time in the server's log, and report it if it comes again";
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            &["server"],
            format!("{what} failed"),
            fix,
        )
    }

    /// Adds the limit that was crossed to the first detail.
    #[must_use]
    pub fn with_limit(mut self, limit: impl Into<Value>) -> Self {
        if let Some(first) = self.detail.first_mut() {
            first.limit = Some(limit.into());
        }
        self
    }

    /// Adds a response header; a value that is no header text is left out and logged.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        match HeaderValue::from_str(value) {
            Ok(value) => {
                self.headers.get_or_insert_default().insert(name, value);
            }
            Err(_) => tracing::warn!(header = %name, "the value of header {name} is not ASCII"),
        }
        self
    }

    /// The status it will be answered with.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// What is wrong.
    pub fn detail(&self) -> &[Detail] {
        &self.detail
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = json!({ "detail": self.detail }).to_string();
        let mut response =
            (self.status, [(CONTENT_TYPE, "application/json")], body).into_response();
        if let Some(headers) = self.headers {
            response.headers_mut().extend(*headers);
        }
        response
    }
}

/// Gives an error response without a body of its own (405, 404, 413 of the framework) our shape.
///
/// Headers such as `Allow` stay. A response that has a content type is left as it is.
pub async fn shape_bare(response: Response) -> Response {
    let status = response.status();
    let bare = status.is_client_error() || status.is_server_error();
    if !bare || response.headers().contains_key(CONTENT_TYPE) {
        return response;
    }
    let allow = response.headers().get(ALLOW).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let error = match status {
        StatusCode::METHOD_NOT_ALLOWED => ApiError::new(
            status,
            "method_not_allowed",
            &["method"],
            "this address does not know that method",
            format!("use one of {allow}"),
        ),
        StatusCode::NOT_FOUND => ApiError::not_found("this address"),
        _ => {
            let reason = status.canonical_reason().unwrap_or("error");
            ApiError::new(status, "refused", &["server"], reason, "see /openapi.json")
        }
    };
    let (parts, _) = response.into_parts();
    let mut shaped = error.into_response();
    for (name, value) in &parts.headers {
        if name != axum::http::header::CONTENT_LENGTH {
            shaped.headers_mut().insert(name.clone(), value.clone());
        }
    }
    *shaped.extensions_mut() = parts.extensions;
    shaped
}

/// An error and its causes on one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_invalid_field_is_named_with_its_fix() {
        let field = InvalidField::new("rules.items", "there are 0 items", "write at least one");
        let (status, body) = shown(ApiError::invalid("body", vec![field])).await;
        assert_eq!(status, 422);
        let expected = json!({"detail": [{
            "loc": ["body", "rules", "items"], "msg": "there are 0 items", "type": "invalid",
            "fix": "write at least one"}]});
        assert_eq!(body, expected);
    }

    #[tokio::test]
    async fn a_cause_from_inside_is_not_sent() {
        let cause = std::io::Error::other("/home/u/secret.db: disk I/O error");
        let (status, body) = shown(ApiError::internal("the channel list", &cause)).await;
        assert_eq!(status, 500);
        assert!(!body.to_string().contains("secret"), "{body}");
    }

    #[tokio::test]
    async fn a_bare_405_gets_the_shape_and_keeps_allow() {
        let bare = (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "GET,HEAD")]).into_response();
        let mut bare = bare;
        bare.headers_mut().remove(CONTENT_TYPE);
        let shaped = shape_bare(bare).await;
        assert_eq!(shaped.headers()[ALLOW], "GET,HEAD");
        let bytes = axum::body::to_bytes(shaped.into_body(), 9999).await.unwrap();
        assert!(String::from_utf8_lossy(&bytes).contains("use one of GET,HEAD"));
    }

    async fn shown(error: ApiError) -> (u16, Value) {
        let response = error.into_response();
        let status = response.status().as_u16();
        let bytes = axum::body::to_bytes(response.into_body(), 99_999).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap())
    }
}
