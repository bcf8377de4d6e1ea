//! What happens to every request and response, whatever the route.
//!
//! From the outside in: panics become a 500, a trailing slash is forgiven, the author is worked
//! out, foreign pages may change nothing, answers that take too long become a 503, bare errors
//! get the one shape, security headers are set.

use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request};
use axum::http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::uri::{PathAndQuery, Uri};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::{Router, body::Body};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate};
use tower_http::csrf::CsrfLayer;

use super::error::{ApiError, shape_bare};
use super::extract::BODY_LIMIT;
use super::net::{Client, IpRange};

/// Longest time until the head of an answer; streams go on as long as they like after it.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// The random text of one answer that scripts and styles of its page must carry.
#[derive(Debug, Clone)]
pub struct Nonce(pub String);

/// Puts the common layers around `routes`; `origins` are the other names pages of ours come from.
pub fn around(routes: Router, trusted: Vec<IpRange>, public_url: Option<&str>) -> Router {
    let compressible = DefaultPredicate::new()
        .and(NotForContentType::const_new("video/"))
        .and(NotForContentType::const_new("audio/"))
        .and(NotForContentType::const_new("application/octet-stream"))
        .and(NotForContentType::const_new("application/gzip"))
        .and(NotForContentType::SSE);
    let inner = routes.layer(
        ServiceBuilder::new()
            .layer(from_fn(move |request, next| introduce(trusted.clone(), request, next)))
            .layer(from_fn(dress))
            .layer(CompressionLayer::new().compress_when(compressible))
            .layer(cross_site(public_url))
            .layer(from_fn(answer_in_time))
            .layer(from_fn(shape))
            .layer(CatchPanicLayer::custom(panicked))
            .layer(DefaultBodyLimit::max(BODY_LIMIT)),
    );
    // Layers of a router run after the route is chosen, so the slash goes before it.
    let forgiving = tower::util::MapRequest::new(inner, forgive_slash);
    Router::new().fallback_service(forgiving)
}

/// Works out who asks, once.
async fn introduce(trusted: Vec<IpRange>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let client = Client::of(&parts, &trusted);
    parts.extensions.insert(client);
    next.run(Request::from_parts(parts, body)).await
}

/// Refuses changes that a page of another site asks for (`Sec-Fetch-Site`, else `Origin`).
fn cross_site(
    public_url: Option<&str>,
) -> CsrfLayer<impl Fn(tower_http::csrf::ProtectionError) -> Response + Clone + use<>> {
    let layer = CsrfLayer::new();
    let layer = match public_url.map(|url| layer.clone().add_trusted_origin(origin_of(url))) {
        Some(Ok(layer)) => layer,
        Some(Err(error)) => {
            tracing::warn!(%error, "server.public_url is no origin; its pages may change nothing");
            layer
        }
        None => layer,
    };
    layer.with_rejection_response(|_| {
        let fix = "send the request from a page of this server, or from a program";
        let msg = "a page of another site may not change anything here";
        ApiError::new(StatusCode::FORBIDDEN, "cross_site", &["header", "origin"], msg, fix)
            .into_response()
    })
}

/// Scheme, host and port of a URL.
fn origin_of(url: &str) -> &str {
    let host_at = url.find("://").map_or(0, |at| at + 3);
    let end = url[host_at..].find('/').map_or(url.len(), |at| host_at + at);
    &url[..end]
}

async fn shape(request: Request, next: Next) -> Response {
    shape_bare(next.run(request).await).await
}

async fn answer_in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(ANSWER_WITHIN, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let reason = format!("no answer within {} s", ANSWER_WITHIN.as_secs());
            tracing::warn!("a request took too long: {reason}");
            ApiError::unavailable("the answer", &reason).into_response()
        }
    }
}

fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    tracing::error!("a request handler panicked");
    let fix = "look for this time in the server's log, and report it";
    let msg = "the request failed inside";
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", &["server"], msg, fix)
        .into_response()
}

/// Sets the security headers and the page's content policy.
async fn dress(mut request: Request, next: Next) -> Response {
    let nonce = Nonce(hex::encode(rand::random::<[u8; 16]>()));
    request.extensions_mut().insert(nonce.clone());
    let mut response = next.run(request).await;
    let kind = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let policy = match kind.is_some_and(|kind| kind.starts_with("text/html")) {
        true => page_policy(&nonce.0),
        false => "default-src 'none'; frame-ancestors 'none'".to_owned(),
    };
    let headers = response.headers_mut();
    // `same-origin`, not `no-referrer`: the latter makes browsers send `Origin: null` with the
    // forms of our own pages, which cannot be told from a foreign site's.
    let fixed = [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "same-origin"),
        (
            HeaderName::from_static("permissions-policy"),
            "geolocation=(), microphone=(), camera=(), payment=()",
        ),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if let Ok(policy) = HeaderValue::try_from(policy) {
        headers.entry(CONTENT_SECURITY_POLICY).or_insert(policy);
    }
    response
}

fn page_policy(nonce: &str) -> String {
    format!(
        "default-src 'self'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; \
         img-src 'self' data: http: https:; media-src 'self' blob:; worker-src 'self' blob:; \
         connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; \
         frame-ancestors 'none'"
    )
}

/// `/api/channels/` means `/api/channels`.
fn forgive_slash(mut request: Request<Body>) -> Request<Body> {
    let path = request.uri().path();
    let trimmed = path.trim_end_matches('/');
    if trimmed.len() == path.len() || trimmed.is_empty() {
        return request;
    }
    let target = match request.uri().query() {
        Some(query) => format!("{trimmed}?{query}"),
        None => trimmed.to_owned(),
    };
    let mut parts = request.uri().clone().into_parts();
    if let Ok(target) = target.parse::<PathAndQuery>() {
        parts.path_and_query = Some(target);
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request
}

/// Answers what no route answers.
pub async fn no_such_address(uri: Uri) -> ApiError {
    let msg = format!("{} does not exist", uri.path());
    ApiError::new(
        StatusCode::NOT_FOUND,
        "not_found",
        &["path"],
        msg,
        "see /openapi.json for every address",
    )
}

#[cfg(test)]
mod tests {
    use axum::Extension;
    use axum::routing::{get, post};
    use serde_json::Value;
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn a_trailing_slash_is_forgiven() {
        for target in ["/thing", "/thing/", "/thing//?a=1"] {
            let response = send(Request::get(target)).await;
            assert_eq!(response.status(), 200, "{target}");
        }
        assert_eq!(send(Request::get("/")).await.status(), 404);
    }

    #[tokio::test]
    async fn a_foreign_page_changes_nothing() {
        let host = |request: axum::http::request::Builder| request.header("host", "tv.lan:8411");
        let cases = [
            (host(Request::post("/thing")), 200),
            (host(Request::post("/thing")).header("sec-fetch-site", "same-origin"), 200),
            (host(Request::post("/thing")).header("origin", "http://tv.lan:8411"), 200),
            (host(Request::post("/thing")).header("origin", "https://tv.example"), 200),
            (host(Request::post("/thing")).header("sec-fetch-site", "cross-site"), 403),
            (host(Request::post("/thing")).header("sec-fetch-site", "same-site"), 403),
            (host(Request::post("/thing")).header("origin", "http://evil.example"), 403),
            (host(Request::post("/thing")).header("origin", "null"), 403),
            (host(Request::get("/thing")).header("sec-fetch-site", "cross-site"), 200),
        ];
        for (request, expected) in cases {
            let shown = format!("{request:?}");
            assert_eq!(send(request).await.status(), expected, "{shown}");
        }
    }

    #[tokio::test]
    async fn every_error_has_the_shape() {
        for (request, status) in [
            (Request::get("/nowhere"), 404),
            (Request::delete("/thing"), 405),
            (Request::get("/panic"), 500),
            (Request::post("/thing").header("origin", "http://evil.example"), 403),
        ] {
            let response = send(request).await;
            assert_eq!(response.status(), status);
            let allow = response.headers().get("allow").is_some();
            assert_eq!(allow, status == 405);
            let bytes = axum::body::to_bytes(response.into_body(), 99_999).await.unwrap();
            let body: Value = serde_json::from_slice(&bytes).unwrap();
            for key in ["loc", "msg", "type", "fix"] {
                assert!(!body["detail"][0][key].is_null(), "{status} {key}: {body}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_does_not_come_is_503() {
        let response = send(Request::get("/slow")).await;
        assert_eq!(response.status(), 503);
        assert!(response.headers().contains_key("retry-after"));
    }

    #[tokio::test]
    async fn a_page_carries_the_nonce_of_its_policy() {
        let response = send(Request::get("/page")).await;
        let policy = response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
        let bytes = axum::body::to_bytes(response.into_body(), 99_999).await.unwrap();
        let nonce = String::from_utf8(bytes.to_vec()).unwrap();
        assert!(policy.contains(&format!("script-src 'self' 'nonce-{nonce}'")), "{policy}");
        let other = send(Request::get("/thing")).await;
        assert_eq!(other.headers()[X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert!(other.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().contains("'none'"));
    }

    async fn send(request: axum::http::request::Builder) -> Response {
        let page =
            |Extension(Nonce(nonce)): Extension<Nonce>| async { axum::response::Html(nonce) };
        let panic = || async {
            if true {
                panic!("on purpose");
            }
        };
        let routes = Router::new()
            .route("/thing", get(|| async { "got" }).merge(post(|| async { "posted" })))
            .route("/page", get(page))
            .route("/panic", get(panic))
            .route("/slow", get(std::future::pending::<()>))
            .fallback(no_such_address);
        let app = around(routes, Vec::new(), Some("https://tv.example/"));
        app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }
}
