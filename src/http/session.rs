//! Logging in and out; the form itself is a page of `ui`.

use axum::extract::{Request, State as Has};
use axum::http::header::{ACCEPT, CONTENT_TYPE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use utoipa::ToSchema;

use super::auth::COOKIE_NAME;
use super::base::Base;
use super::error::{ApiError, Problem};
use super::extract::{BODY_LIMIT, body, read_form};
use super::net::Client;
use super::state::State;

/// The login form.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LoginForm {
    /// A key of this server.
    key: String,
    /// Where to go afterwards, a path on this server.
    #[serde(default)]
    next: Option<String>,
}

/// Logs a browser in with a key: sets a cookie and leads to the page asked for.
#[utoipa::path(post, path = "", tag = "session",
    request_body(content = LoginForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 303, description = "Logged in (or, for a browser, back to the form)"),
        (status = 401, description = "Not a valid key", body = Problem),
        (status = 415, description = "Not a form", body = Problem),
        (status = 422, description = "A field cannot be taken", body = Problem),
        (status = 429, description = "Too many wrong keys", body = Problem)))]
pub(super) async fn log_in(
    Has(state): Has<State>,
    client: Client,
    base: Base,
    request: Request,
) -> Result<Response, ApiError> {
    let page = wants_page(request.headers());
    let form = form(request).await?;
    let next = form.next.as_deref().filter(|next| is_local(next)).unwrap_or("/").to_owned();
    let ticket = match state.gate.log_in(&client, form.key.trim()) {
        Ok(ticket) => ticket,
        Err(error) if page => {
            let why = if error.status() == StatusCode::UNAUTHORIZED { "wrong" } else { "wait" };
            let next: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
            return Ok(Redirect::to(&format!("/login?error={why}&next={next}")).into_response());
        }
        Err(error) => return Err(error),
    };
    let lasts = state.settings.session.as_secs();
    let mut response = Redirect::to(&next).into_response();
    response.headers_mut().insert(SET_COOKIE, cookie(&ticket, lasts, &base)?);
    Ok(response)
}

/// Ends the login of this browser.
#[utoipa::path(post, path = "", tag = "session", responses(
    (status = 303, description = "Logged out"),
    (status = 401, description = "Not logged in", body = Problem)))]
pub(super) async fn log_out(
    Has(state): Has<State>,
    base: Base,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    state.gate.log_out(&headers);
    let mut response = Redirect::to("/login").into_response();
    response.headers_mut().insert(SET_COOKIE, cookie("", 0, &base)?);
    Ok(response)
}

async fn form(request: Request) -> Result<LoginForm, ApiError> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if !kind.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded")) {
        let fix = "send `Content-Type: application/x-www-form-urlencoded`";
        let loc = ["header", "content-type"];
        let msg = "the body is not a form";
        return Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "content_type",
            &loc,
            msg,
            fix,
        ));
    }
    read_form(&body(request, BODY_LIMIT).await?, "body")
}

fn cookie(ticket: &str, seconds: u64, base: &Base) -> Result<HeaderValue, ApiError> {
    let secure = if base.as_str().starts_with("https:") { "; Secure" } else { "" };
    let text = format!(
        "{COOKIE_NAME}={ticket}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"
    );
    HeaderValue::try_from(text).map_err(|error| ApiError::internal("setting the cookie", &error))
}

fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

/// Whether a target is a path on this server; `//host` and `/\host` would leave it.
fn is_local(target: &str) -> bool {
    let plain = target.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    plain && target.starts_with('/') && !target.starts_with("//")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_leads_nowhere_else() {
        for good in ["/", "/guide?day=1", "/channels/3"] {
            assert!(is_local(good), "{good}");
        }
        for bad in
            ["", "guide", "//evil.example", "/\\evil.example", "http://evil.example", "/a\nb"]
        {
            assert!(!is_local(bad), "{bad:?}");
        }
    }
}
