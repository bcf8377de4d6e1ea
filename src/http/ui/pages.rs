//! The shells of the pages: one layout, one template a page, no data of the library inside.

use std::sync::LazyLock;

use axum::Extension;
use axum::extract::{FromRequestParts, State as Has};
use axum::http::header::CACHE_CONTROL;
use axum::http::request::Parts;
use axum::response::{Html, IntoResponse, Redirect, Response};
use minijinja::{Environment, UndefinedBehavior, Value, context};
use serde::Deserialize;

use super::super::auth::Caller;
use super::super::error::ApiError;
use super::super::extract::{Path, Query};
use super::super::layers::Nonce;
use super::super::state::State;
use super::assets::TAG;
use crate::domain::{ChannelNumber, Place, Preset, Profile};

/// A page of the menu.
#[derive(Debug)]
pub(super) struct Page {
    /// Name of its template and script.
    name: &'static str,
    /// Its address.
    pub(super) path: &'static str,
    /// Its title and its word in the menu.
    title: &'static str,
    /// Whether it is one of the pages behind "Settings".
    is_setting: bool,
}

impl Page {
    const fn new(name: &'static str, path: &'static str, title: &'static str) -> Self {
        Self { name, path, title, is_setting: false }
    }

    const fn setting(name: &'static str, path: &'static str, title: &'static str) -> Self {
        Self { name, path, title, is_setting: true }
    }
}

/// Every page of the menu, in its order; the pages behind "Settings" share one place in it.
pub(super) const PAGES: &[Page] = &[
    Page::new("guide", "/guide", "Guide"),
    Page::new("player", "/player", "Watch"),
    Page::new("channels", "/channels", "Channels"),
    Page::new("media", "/media", "Media"),
    Page::new("sessions", "/sessions", "Sessions"),
    Page::new("operator", "/operator", "Operator"),
    Page::new("connect", "/connect", "Connect"),
    Page::setting("profiles", "/settings/profiles", "Profiles"),
    Page::setting("watermarks", "/settings/watermarks", "Watermarks"),
    Page::setting("slates", "/settings/slates", "Slates"),
    Page::setting("transcoding", "/settings/transcoding", "Transcoding"),
    Page::setting("streaming", "/settings/streaming", "Streaming"),
];

const TEMPLATES: &[(&str, &str)] = &[
    ("layout.html", include_str!("templates/layout.html")),
    ("guide.html", include_str!("templates/guide.html")),
    ("player.html", include_str!("templates/player.html")),
    ("channels.html", include_str!("templates/channels.html")),
    ("profiles.html", include_str!("templates/profiles.html")),
    ("watermarks.html", include_str!("templates/watermarks.html")),
    ("slates.html", include_str!("templates/slates.html")),
    ("transcoding.html", include_str!("templates/transcoding.html")),
    ("streaming.html", include_str!("templates/streaming.html")),
    ("media.html", include_str!("templates/media.html")),
    ("sessions.html", include_str!("templates/sessions.html")),
    ("operator.html", include_str!("templates/operator.html")),
    ("connect.html", include_str!("templates/connect.html")),
    ("login.html", include_str!("templates/login.html")),
];

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    for (name, source) in TEMPLATES {
        if let Err(error) = environment.add_template(name, source) {
            tracing::error!(%error, "the template {name} cannot be read");
        }
    }
    environment
});

/// What every page is given.
#[derive(Debug)]
pub(super) struct Context {
    caller: Caller,
    nonce: String,
    version: &'static str,
}

impl FromRequestParts<State> for Context {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, state).await?;
        let nonce = Extension::<Nonce>::from_request_parts(parts, state).await;
        let nonce = nonce.map_err(|error| ApiError::internal("dressing the page", &error))?;
        Ok(Self { caller, nonce: nonce.0.0, version: state.settings.version })
    }
}

/// Leads to the guide, where one begins.
pub(super) async fn start() -> Redirect {
    Redirect::to("/guide")
}

/// Shows a page of the menu.
pub(super) async fn show(page: &'static Page, context: Context) -> Result<Response, ApiError> {
    render(page.name, page.title, &context, context! {})
}

/// Shows the player on a channel.
pub(super) async fn player(
    Path(number): Path<String>,
    context: Context,
) -> Result<Response, ApiError> {
    // A test card has a name in the place of a number.
    if !number.starts_with("test") {
        let parsed: Result<ChannelNumber, _> = number.parse();
        parsed.map_err(|wrong| ApiError::invalid("path", vec![wrong]))?;
    }
    render("player", "Watch", &context, context! { number })
}

/// Why the login form is shown again, and where it leads.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct LoginQuery {
    error: String,
    next: String,
}

/// Shows the login form.
pub(super) async fn login(
    Has(_): Has<State>,
    Query(query): Query<LoginQuery>,
    context: Context,
) -> Result<Response, ApiError> {
    let next = if query.next.is_empty() { "/guide".to_owned() } else { query.next };
    render("login", "Log in", &context, context! { error => query.error, next })
}

fn render(name: &str, title: &str, page: &Context, extra: Value) -> Result<Response, ApiError> {
    let listed = |settings: bool| {
        let pages = PAGES.iter().filter(move |page| page.is_setting == settings);
        let pages = pages.map(|page| {
            context! { name => page.name, path => page.path, title => page.title }
        });
        pages.collect::<Vec<_>>()
    };
    let is_setting = PAGES.iter().any(|page| page.name == name && page.is_setting);
    let caller = page.caller.name.as_deref().unwrap_or_default();
    let shared = context! {
        page => name, title, tag => TAG.as_str(), nonce => &page.nonce, version => page.version,
        menu => listed(false), settings => listed(true), is_setting,
        rates => Profile::rate_names(), presets => Preset::WORDS.to_vec(),
        places => Place::WORDS.to_vec(),
        caller, logged_in => !matches!(caller, "" | "local"),
        number => "",
    };
    let html = ENVIRONMENT
        .get_template(&format!("{name}.html"))
        .and_then(|template| template.render(context! { ..extra, ..shared }))
        .map_err(|error| ApiError::internal("drawing the page", &error))?;
    // What a page says about its reader is not for shared caches.
    Ok(([(CACHE_CONTROL, "private, no-cache")], Html(html)).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_page_is_drawn_in_the_one_layout() {
        for page in PAGES {
            let html = text(show(page, context("local")).await.unwrap()).await;
            assert!(
                html.contains(&format!("<title>{} · EXStreamTV</title>", page.title)),
                "{html}"
            );
            assert!(html.contains(&format!("/assets/{}/ui/{}.js", *TAG, page.name)), "{html}");
            assert!(html.contains(r#"aria-current="page""#));
            assert!(!html.contains("style=") && !html.contains("onclick="), "{}", page.name);
            assert!(!html.contains("Log out"));
        }
    }

    #[tokio::test]
    async fn who_came_with_a_key_can_leave() {
        let html = text(show(&PAGES[0], context("mum")).await.unwrap()).await;
        assert!(html.contains("Log out") && html.contains("mum"));
    }

    #[tokio::test]
    async fn the_login_form_writes_nothing_of_the_address_as_markup() {
        let extra = context! { error => "wrong", next => "/a\"><script>alert(1)</script>" };
        let html = text(render("login", "Log in", &context(""), extra).unwrap()).await;
        assert!(!html.contains("<script>alert") && html.contains("not a key"));
        assert!(!html.contains("href=\"/channels\""), "no menu for strangers");
    }

    fn context(name: &str) -> Context {
        let name = Some(name.to_owned()).filter(|name| !name.is_empty());
        Context { caller: Caller { name, ..Caller::default() }, nonce: "n".into(), version: "1" }
    }

    async fn text(response: Response) -> String {
        let bytes = axum::body::to_bytes(response.into_body(), 1_000_000).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }
}
