//! The table of contents: every address, one line each, behind its door.

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, options};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::api::{
    agent, channels, choices, collections, guide, health, libraries, limits, media, playlists,
    preparation, profiles, resolutions, search, sessions, settings, slates, transcoding,
    watermarks,
};
use super::auth::{Door, guard};
use super::openapi::{At, frame};
use super::state::State;
use super::{feeds, hdhomerun, hls, layers, live, metrics, originals, session, ui};

/// The whole server as one service.
pub fn router(state: State) -> Router {
    let document = openapi(state.settings.version).to_pretty_json().unwrap_or_else(|error| {
        tracing::error!(%error, "the OpenAPI document could not be written");
        "{}".to_owned()
    });
    let document = get(move || async { ([(CONTENT_TYPE, "application/json")], document) });
    let doored = |door: Door, routes: OpenApiRouter<State>| {
        let gate = state.gate.clone();
        let routes: Router<State> = routes.into();
        routes.route_layer(from_fn(move |request, next| guard(door, gate.clone(), request, next)))
    };
    let routes = Router::new()
        .merge(doored(Door::Public, open()))
        .merge(doored(Door::Stream, streams()))
        .merge(doored(Door::Private, private().hidden("/openapi.json", document)))
        .merge(doored(Door::Private, ui::router()))
        .merge(doored(Door::Public, ui::open_router()))
        .fallback(layers::no_such_address)
        .layer(from_fn_with_state(state.clone(), metrics::count))
        .with_state(state.clone());
    let settings = &state.settings;
    layers::around(routes, settings.trusted_proxies.clone(), settings.public_url.as_deref())
}

/// The `OpenAPI` document of all routes.
pub fn openapi(version: &str) -> OpenApi {
    OpenApiRouter::with_openapi(frame(version))
        .merge(open().behind(Door::Public))
        .merge(streams().behind(Door::Stream))
        .merge(private().behind(Door::Private))
        .into_openapi()
}

/// Open to all: what a tuner says about itself, liveness, and the way in.
#[rustfmt::skip]
fn open() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .at("/discover.json",                   routes!(hdhomerun::discover))
        .at("/lineup.json",                     routes!(hdhomerun::lineup_json))
        .at("/lineup.xml",                      routes!(hdhomerun::lineup_xml))
        .at("/lineup.m3u",                      routes!(hdhomerun::lineup_m3u))
        .at("/lineup_status.json",              routes!(hdhomerun::lineup_status))
        .at("/lineup.post",                     routes!(hdhomerun::lineup_post))
        .at("/status.json",                     routes!(hdhomerun::status))
        .at("/device.xml",                      routes!(hdhomerun::device_xml))
        .at("/hdhomerun/discover.json",         routes!(hdhomerun::discover))
        .at("/hdhomerun/lineup.json",           routes!(hdhomerun::lineup_json))
        .at("/hdhomerun/lineup.xml",            routes!(hdhomerun::lineup_xml))
        .at("/hdhomerun/lineup.m3u",            routes!(hdhomerun::lineup_m3u))
        .at("/hdhomerun/lineup_status.json",    routes!(hdhomerun::lineup_status))
        .at("/hdhomerun/lineup.post",           routes!(hdhomerun::lineup_post))
        .at("/hdhomerun/status.json",           routes!(hdhomerun::status))
        .at("/hdhomerun/device.xml",            routes!(hdhomerun::device_xml))
        .at("/api/health/live",                 routes!(health::live))
        .at("/login",                           routes!(session::log_in))
}

/// Open unless keys are required: playlist, guide and streams.
#[rustfmt::skip]
fn streams() -> OpenApiRouter<State> {
    let channel = get(live::watch).head(live::ask).options(live::preflight);
    OpenApiRouter::new()
        .at("/iptv/channels.m3u",               routes!(feeds::playlist))
        .at("/iptv/xmltv.xml",                  routes!(feeds::guide))
        .at("/iptv/xmltv.xml.gz",               routes!(feeds::guide_file))
        .at("/hdhomerun/epg",                   routes!(feeds::guide))
        .hidden("/iptv/channel/{file}",         channel) // documented as {number}.ts and .m3u8
        .at("/iptv/hls/{number}/{file}",        routes!(hls::file, hls::file_head))
        .hidden("/iptv/hls/{number}/{file}",    options(live::preflight))
        .at("/iptv/stream/{media}",             routes!(originals::read, originals::ask))
        .hidden("/iptv/stream/{media}",         options(live::preflight))
        .at("/auto/{vnum}",                     routes!(hdhomerun::auto, hdhomerun::auto_head))
        .at("/{tuner}/{vnum}",                  routes!(hdhomerun::tuner, hdhomerun::tuner_head))
        .at("/hdhomerun/auto/{vnum}",           routes!(hdhomerun::auto, hdhomerun::auto_head))
        .at("/hdhomerun/{tuner}/{vnum}",        routes!(hdhomerun::tuner, hdhomerun::tuner_head))
}

/// For those with a key, a login, or a seat at this machine.
#[rustfmt::skip]
fn private() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .at("/health",                          routes!(health::health))
        .at("/version",                         routes!(health::version))
        .at("/metrics",                         routes!(metrics::metrics))
        .at("/logout",                          routes!(session::log_out))
        .at("/api/health",                      routes!(health::health))
        .at("/api/health/ready",                routes!(health::ready))
        .at("/api/health/detailed",             routes!(health::detailed))
        .at("/api/health/db",                   routes!(health::db))
        .at("/api/health/channels",             routes!(health::channels))
        .at("/api/health/streaming",            routes!(health::streaming))
        .at("/api/channels",                    routes!(channels::list, channels::create))
        .at("/api/channels/number/{number}",    routes!(channels::by_number))
        .at("/api/channels/{channel}",          routes!(channels::read, channels::edit, channels::delete))
        .at("/api/channels/{channel}/toggle-enabled", routes!(channels::toggle_enabled))
        .at("/api/channels/{channel}/restart",  routes!(channels::restart))
        .at("/api/channels/{channel}/programming", routes!(channels::programming))
        .at("/api/channels/{channel}/schedule", routes!(channels::schedule))
        .at("/api/guide",                       routes!(guide::show))
        .at("/api/guide/report",                routes!(guide::report))
        .at("/api/guide/rebuild",               routes!(guide::rebuild))
        .at("/iptv/xmltv/refresh",              routes!(guide::refresh))
        .at("/api/collections",                 routes!(collections::list, collections::create))
        .at("/api/collections/import",          routes!(collections::import))
        .at("/api/collections/smart",           routes!(choices::create_smart))
        .at("/api/collections/smart/{collection}/refresh", routes!(choices::refresh_smart))
        .at("/api/collections/multi",           routes!(choices::list_multi, choices::create_multi))
        .at("/api/collections/multi/{collection}", routes!(choices::read_multi, choices::edit_multi, choices::delete_multi))
        .at("/api/collections/multi/{collection}/collections/{member}", routes!(choices::add_member, choices::remove_member))
        .at("/api/collections/{collection}",    routes!(collections::read, collections::edit, collections::delete))
        .at("/api/collections/{collection}/items", routes!(collections::items))
        .at("/api/collections/{collection}/items/{media}", routes!(collections::add_item, collections::remove_item))
        .at("/api/collections/{collection}/matches", routes!(collections::matches))
        .at("/api/playlists",                   routes!(playlists::list, playlists::create))
        .at("/api/playlists/{playlist}",        routes!(playlists::read, playlists::edit, playlists::delete))
        .at("/api/playlists/{playlist}/items",  routes!(playlists::items))
        .at("/api/playlists/{playlist}/items/{item}", routes!(playlists::add, playlists::remove))
        .at("/api/playlists/{playlist}/items/{item}/move", routes!(playlists::shift))
        .at("/api/libraries",                   routes!(libraries::list))
        .at("/api/libraries/local",             routes!(libraries::add_local))
        .at("/api/libraries/local/{library}",   routes!(libraries::remove))
        .at("/api/libraries/local/{library}/scan", routes!(libraries::scan))
        .at("/api/libraries/scan-progress/{library}", routes!(libraries::scan_progress))
        .at("/api/media",                       routes!(media::list))
        .at("/api/media/search",                routes!(search::search))
        .at("/api/media/complete",              routes!(search::complete))
        .at("/api/media/fields",                routes!(search::fields))
        .at("/api/media/{media}",               routes!(media::read))
        .at("/api/media/{media}/treatment",     routes!(media::treatment))
        .at("/api/watermarks",                  routes!(watermarks::list, watermarks::create))
        .at("/api/watermarks/{watermark}",      routes!(watermarks::read, watermarks::edit, watermarks::delete))
        .at("/api/watermarks/{watermark}/image", routes!(watermarks::image, watermarks::put_image, watermarks::remove_image))
        .at("/api/resolutions",                 routes!(resolutions::list, resolutions::create))
        .at("/api/resolutions/{resolution}",    routes!(resolutions::read, resolutions::edit, resolutions::delete))
        .at("/api/slates",                      routes!(slates::list))
        .at("/api/slates/{kind}",               routes!(slates::read, slates::put, slates::reset))
        .at("/api/slates/{kind}/image",         routes!(slates::image))
        .at("/api/channels/{channel}/slates",   routes!(slates::list_of))
        .at("/api/channels/{channel}/slates/{kind}", routes!(slates::read_of, slates::put_of, slates::reset_of))
        .at("/api/channels/{channel}/slates/{kind}/image", routes!(slates::image_of))
        .at("/api/ffmpeg-profiles",             routes!(profiles::list, profiles::create))
        .at("/api/ffmpeg-profiles/{profile}",   routes!(profiles::read, profiles::edit, profiles::delete))
        .at("/api/ffmpeg-profiles/{profile}/clone", routes!(profiles::copy))
        .at("/api/ffmpeg-profiles/{profile}/set-default", routes!(profiles::set_default))
        .at("/api/settings/stream-throttler",   routes!(settings::throttler, settings::set_throttler))
        .at("/api/settings/streaming",          routes!(settings::streaming, settings::set_streaming))
        .at("/api/settings/preparation",        routes!(limits::preparation, limits::set_preparation))
        .at("/api/settings/sessions",           routes!(limits::sessions, limits::set_sessions))
        .at("/api/preparation",                 routes!(preparation::show))
        .at("/api/sessions",                    routes!(sessions::list))
        .at("/api/sessions/history",            routes!(sessions::history))
        .at("/api/sessions/{session}",          routes!(sessions::kick))
        .at("/api/ffmpeg-profiles/hardware-acceleration/available", routes!(transcoding::available))
        .at("/api/ffmpeg-profiles/hardware-acceleration/test", routes!(transcoding::test_again))
        .at("/api/settings/ffmpeg",             routes!(transcoding::settings, transcoding::change_settings))
        .at("/api/agent/incidents",             routes!(agent::incidents))
        .at("/api/agent/incidents/{incident}",  routes!(agent::incident))
        .at("/api/agent/audit",                 routes!(agent::audit))
        .at("/api/agent/audit/verify",          routes!(agent::verify))
}
