//! Extractors whose refusals name the field and the fix, in the one error shape.

use axum::body::Bytes;
use axum::extract::path::ErrorKind;
use axum::extract::rejection::PathRejection;
use axum::extract::{DefaultBodyLimit, FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::ApiError;

/// Largest request body, in bytes.
pub const BODY_LIMIT: usize = 1024 * 1024;

/// A JSON body, coming in or going out.
#[derive(Debug, Clone)]
pub struct Json<T>(pub T);

/// Fields from a JSON body, or else from the query string: some addresses take both, because those
/// who knew them before used the query string.
#[derive(Debug, Clone)]
pub struct Either<T>(pub T);

/// The parameters of the address.
#[derive(Debug, Clone)]
pub struct Path<T>(pub T);

/// The query string.
#[derive(Debug, Clone)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            return Err(ApiError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "content_type",
                &["header", "content-type"],
                "the body is not marked as JSON",
                "send `Content-Type: application/json`",
            ));
        }
        let bytes = body(request, BODY_LIMIT).await?;
        read_json(&bytes).map(Self)
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Either<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        if is_json(request.headers()) && request.uri().query().is_none_or(str::is_empty) {
            return Json::from_request(request, state).await.map(|Json(value)| Self(value));
        }
        read_form(request.uri().query().unwrap_or_default().as_bytes(), "query").map(Self)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let rejection = match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => return Ok(Self(value)),
            Err(rejection) => rejection,
        };
        let names: Vec<String> = match RawPathParams::from_request_parts(parts, state).await {
            Ok(raw) => raw.iter().map(|(name, _)| name.to_owned()).collect(),
            Err(_) => Vec::new(),
        };
        Err(path_error(rejection, &names))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        read_form(parts.uri.query().unwrap_or_default().as_bytes(), "query").map(Self)
    }
}

/// Reads `a=1&b=2`; `place` is where it came from, for the error.
///
/// # Errors
/// Names the field that cannot be taken (422).
pub fn read_form<T: DeserializeOwned>(text: &[u8], place: &str) -> Result<T, ApiError> {
    let form = serde_urlencoded::Deserializer::new(form_urlencoded::parse(text));
    serde_path_to_error::deserialize(form).map_err(|error| {
        let path = error.path().to_string();
        field_error(place, &path, &error.into_inner().to_string())
    })
}

/// The whole body, if it has at most `limit` bytes.
///
/// # Errors
/// 413 when it is larger, at once when it says so itself; 400 when it breaks off.
pub async fn body(request: Request, limit: usize) -> Result<Bytes, ApiError> {
    let stated = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let stated = stated.and_then(|value| value.parse::<u64>().ok()); // reason: reading will tell
    let too_large = || {
        let msg = format!("the body is larger than {limit} bytes");
        let status = StatusCode::PAYLOAD_TOO_LARGE;
        let fix = "send less at once, or a smaller file";
        ApiError::new(status, "too_large", &["body"], msg, fix).with_limit(limit)
    };
    if stated.is_some_and(|stated| stated > limit as u64) {
        return Err(too_large());
    }
    let mut request = request;
    DefaultBodyLimit::max(limit).apply(&mut request);
    Bytes::from_request(request, &()).await.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            return too_large();
        }
        let msg = "the body broke off";
        ApiError::new(StatusCode::BAD_REQUEST, "body", &["body"], msg, "send it again")
    })
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()) else { return false };
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

fn read_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        json_error(&path, &error.into_inner())
    })?;
    json.end().map_err(|error| json_error(".", &error))?;
    Ok(value)
}

fn json_error(path: &str, error: &serde_json::Error) -> ApiError {
    let text = error.to_string();
    if !error.is_data() {
        let fix = "send one JSON value with nothing after it";
        return ApiError::new(StatusCode::BAD_REQUEST, "json", &["body"], text, fix);
    }
    let text = text.split(" at line ").next().unwrap_or(&text);
    field_error("body", path, text)
}

/// Turns what serde says about a field into a detail.
fn field_error(place: &str, path: &str, text: &str) -> ApiError {
    let mut loc: Vec<String> = vec![place.to_owned()];
    loc.extend(path.split('.').filter(|part| !part.is_empty()).map(str::to_owned));
    let quoted = text.split('`').nth(1).unwrap_or_default();
    let (kind, fix) = if text.starts_with("missing field") {
        loc.push(quoted.to_owned());
        ("missing", format!("add {quoted:?}"))
    } else if text.starts_with("unknown field") {
        if loc.last().is_none_or(|last| last != quoted) {
            loc.push(quoted.to_owned());
        }
        let known = text.split_once(", ").map_or("no such field exists", |(_, known)| known);
        ("unknown_field", known.replacen("expected", "use", 1))
    } else if text.starts_with("duplicate field") {
        ("duplicate", format!("write {quoted:?} once"))
    } else if let Some((_, fix)) = text.split_once("; ") {
        ("invalid", fix.to_owned())
    } else if let Some((_, wanted)) = text.split_once("expected ") {
        ("invalid", format!("send {wanted}"))
    } else {
        ("invalid", "see /openapi.json for what it takes".to_owned())
    };
    let loc: Vec<&str> = loc.iter().map(String::as_str).collect();
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, kind, &loc, text, fix)
}

fn path_error(rejection: PathRejection, names: &[String]) -> ApiError {
    let only = names.first().map_or("", String::as_str);
    let PathRejection::FailedToDeserializePathParams(failed) = rejection else {
        return ApiError::internal("reading the address", &rejection);
    };
    let (name, problem, fix) = match failed.into_kind() {
        ErrorKind::ParseError { value, expected_type } => {
            (only.to_owned(), format!("{value:?} cannot be read"), wanted(expected_type))
        }
        ErrorKind::ParseErrorAtKey { key, value, expected_type } => {
            (key, format!("{value:?} cannot be read"), wanted(expected_type))
        }
        ErrorKind::ParseErrorAtIndex { index, value, expected_type } => {
            let name = names.get(index).cloned().unwrap_or_default();
            (name, format!("{value:?} cannot be read"), wanted(expected_type))
        }
        ErrorKind::InvalidUtf8InPathParam { key } => {
            (key, "it is not UTF-8".to_owned(), "percent-encode UTF-8 text".to_owned())
        }
        ErrorKind::DeserializeError { key, message, .. } => {
            (key, message, "see /openapi.json".to_owned())
        }
        ErrorKind::Message(message) => (only.to_owned(), message, "see /openapi.json".to_owned()),
        other => (only.to_owned(), other.to_string(), "see /openapi.json".to_owned()),
    };
    let loc = ["path", &name];
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", &loc, problem, fix)
}

fn wanted(rust_type: &str) -> String {
    match rust_type {
        "i64" | "i32" => "write a whole number".to_owned(),
        "u64" | "u32" | "u16" | "u8" => "write a whole number from 0".to_owned(),
        _ => "see /openapi.json for what it takes".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::routing::{get, post};
    use serde::Deserialize;
    use serde_json::Value;
    use tower::ServiceExt;

    use super::*;
    use crate::domain::ChannelNumber;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only the refusals are looked at")]
    struct Thing {
        name: String,
        #[serde(default)]
        number: Option<ChannelNumber>,
        #[serde(default)]
        inner: Vec<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only the refusals are looked at")]
    struct Inner {
        count: u32,
    }

    #[tokio::test]
    async fn a_refused_body_names_the_field_and_the_fix() {
        check_body("{", 400, "body", "json").await;
        check_body(r#"{"name":"a"} x"#, 400, "body", "json").await;
        check_body("{}", 422, "body.name", "missing").await;
        check_body(r#"{"name":5}"#, 422, "body.name", "invalid").await;
        check_body(r#"{"name":"a","nme":1}"#, 422, "body.nme", "unknown_field").await;
        check_body(r#"{"name":"a","number":"05"}"#, 422, "body.number", "invalid").await;
        check_body(r#"{"name":"a","inner":[{"count":-1}]}"#, 422, "body.inner[0].count", "invalid")
            .await;
        check_body(r#"{"name":"a","inner":[{}]}"#, 422, "body.inner[0].count", "missing").await;
        check_body(&"x".repeat(BODY_LIMIT + 1), 413, "body", "too_large").await;
    }

    #[tokio::test]
    async fn a_body_that_is_not_json_is_415() {
        let request = Request::post("/thing").body(Body::from("{}")).unwrap();
        assert_eq!(answer(request).await.0, 415);
    }

    #[tokio::test]
    async fn a_refused_query_names_the_field() {
        let request = Request::get("/find?count=many").body(Body::empty()).unwrap();
        let (status, detail) = answer(request).await;
        assert_eq!((status, loc(&detail).as_str()), (422, "query.count"));
    }

    #[tokio::test]
    async fn a_refused_address_names_the_parameter() {
        let request = Request::get("/thing/many").body(Body::empty()).unwrap();
        let (status, detail) = answer(request).await;
        assert_eq!((status, loc(&detail).as_str()), (422, "path.thing_id"));
        assert_eq!(detail["fix"], "write a whole number");
    }

    #[track_caller]
    fn loc(detail: &Value) -> String {
        let parts = detail["loc"].as_array().unwrap();
        parts.iter().map(|p| p.as_str().unwrap()).collect::<Vec<_>>().join(".")
    }

    async fn check_body(body: &str, status: u16, at: &str, kind: &str) {
        let request = Request::post("/thing")
            .header(CONTENT_TYPE, "application/json; charset=utf-8")
            .body(Body::from(body.to_owned()))
            .unwrap();
        let (got, detail) = answer(request).await;
        assert_eq!((got, loc(&detail).as_str()), (status, at), "{detail}");
        assert_eq!(detail["type"], kind, "{detail}");
        assert!(!detail["fix"].as_str().unwrap().is_empty());
    }

    async fn answer(request: Request) -> (u16, Value) {
        let app = Router::new()
            .route("/thing", post(|_: Json<Thing>| async {}))
            .route("/thing/{thing_id}", get(|_: Path<i64>| async {}))
            .route("/find", get(|_: Query<Inner>| async {}))
            .layer(axum::extract::DefaultBodyLimit::max(BODY_LIMIT));
        let response = app.oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let bytes = axum::body::to_bytes(response.into_body(), 99_999).await.unwrap();
        let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        (status, body["detail"][0].clone())
    }
}
