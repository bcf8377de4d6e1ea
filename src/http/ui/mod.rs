//! The pages people see in a browser: server-rendered shells that small scripts fill.
//!
//! Pages hold no logic of their own. What they show comes from the same `/api` that programs use,
//! plus one answer of ours for the guide grid ([`guide`]), which wants all channels at once.
//! Nothing is built and nothing is fetched from elsewhere: templates, styles and scripts are in the
//! binary.
//!
//! Deliberately absent: inline styles and scripts. The content policy could stay as it is even
//! without its nonce.

mod assets;
mod guide;
mod pages;

use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;

use super::state::State;

/// Pages for those with a key, a login, or a seat at this machine.
pub(super) fn router() -> OpenApiRouter<State> {
    let routes = OpenApiRouter::new()
        .route("/", get(pages::start))
        .route("/dashboard", get(pages::start))
        .route("/ui/guide", get(guide::window))
        .route("/player/{number}", get(pages::player));
    pages::PAGES.iter().fold(routes, |routes, page| {
        routes.route(page.path, get(move |context: pages::Context| pages::show(page, context)))
    })
}

/// What the way in needs: the login form, styles and scripts.
pub(super) fn open_router() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .route("/login", get(pages::login))
        .route("/assets/{tag}/{*file}", get(assets::file))
}
