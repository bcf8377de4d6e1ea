//! The table of contents: every address, one line each, behind its door.

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, options};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::api::{
    agent, blocks, builds, channels, choices, collections, decos, fillers, forms, guide, health,
    libraries, limits, media, playlists, playouts, positions, preparation, profiles, resolutions,
    schedule_files, schedules, search, sessions, settings, slates, snapshots, templates,
    transcoding, watermarks,
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
        .merge(doored(Door::Private, private().merge(plans()).hidden("/openapi.json", document)))
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
        .merge(plans().behind(Door::Private))
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

/// What people keep of schedules, and what is on which channel.
#[rustfmt::skip]
fn plans() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .at("/api/schedules",                   routes!(schedules::list, schedules::create))
        .at("/api/schedules/files",             routes!(schedule_files::files))
        .at("/api/schedules/files/schema",      routes!(schedule_files::schema))
        .at("/api/schedules/files/check",       routes!(schedule_files::check))
        .at("/api/schedules/{schedule}",        routes!(schedules::read, schedules::edit, schedules::delete))
        .at("/api/schedules/{schedule}/items",  routes!(schedules::items, schedules::add_item))
        .at("/api/schedules/{schedule}/items/{item}", routes!(schedules::remove_item))
        .at("/api/schedule-items",              routes!(schedules::all_items, schedules::create_item))
        .at("/api/schedule-items/{item}",       routes!(schedules::read_item, schedules::edit_item, schedules::delete_item))
        .at("/api/schedule-items/{item}/move",  routes!(schedules::move_item))
        .at("/api/block-groups",                routes!(blocks::list_groups, blocks::create_group))
        .at("/api/block-groups/{group}",        routes!(blocks::read_group, blocks::edit_group, blocks::delete_group))
        .at("/api/blocks",                      routes!(blocks::list, blocks::create))
        .at("/api/blocks/{block}",              routes!(blocks::read, blocks::edit, blocks::delete))
        .at("/api/blocks/{block}/items",        routes!(blocks::add_item))
        .at("/api/blocks/{block}/items/reorder", routes!(blocks::reorder))
        .at("/api/blocks/{block}/items/{item}", routes!(blocks::edit_item, blocks::remove_item))
        .at("/api/template-groups",             routes!(templates::list_groups, templates::create_group))
        .at("/api/template-groups/{group}",     routes!(templates::read_group, templates::edit_group, templates::delete_group))
        .at("/api/templates",                   routes!(templates::list, templates::create))
        .at("/api/templates/{template}",        routes!(templates::read, templates::edit, templates::delete))
        .at("/api/templates/{template}/items",  routes!(templates::add_item))
        .at("/api/templates/{template}/items/{item}", routes!(templates::edit_item, templates::remove_item))
        .at("/api/templates/{template}/apply/{channel}", routes!(templates::apply))
        .at("/api/filler-presets",              routes!(fillers::list, fillers::create))
        .at("/api/filler-presets/{preset}",     routes!(fillers::read, fillers::edit, fillers::delete))
        .at("/api/filler-presets/{preset}/items", routes!(fillers::add_item))
        .at("/api/filler-presets/{preset}/items/{item}", routes!(fillers::edit_item, fillers::remove_item))
        .at("/api/deco-groups",                 routes!(decos::list_groups, decos::create_group))
        .at("/api/deco-groups/{group}",         routes!(decos::read_group, decos::edit_group, decos::delete_group))
        .at("/api/deco",                        routes!(decos::list, decos::create))
        .at("/api/deco/types",                  routes!(decos::types))
        .at("/api/deco/{deco}",                 routes!(decos::read, decos::edit, decos::delete))
        .at("/api/playouts",                    routes!(playouts::list, playouts::create))
        .at("/api/playouts/channel/{number}",   routes!(playouts::of_channel))
        .at("/api/playouts/{playout}",          routes!(playouts::read, playouts::edit, playouts::delete))
        .at("/api/playouts/{playout}/items",    routes!(playouts::items))
        .at("/api/playouts/{playout}/now-playing", routes!(playouts::now_playing))
        .at("/api/playouts/{playout}/history",  routes!(playouts::history))
        .at("/api/playouts/{playout}/rebuild",  routes!(playouts::rebuild))
        .at("/api/playouts/{playout}/extend",   routes!(playouts::extend))
        .at("/api/playouts/{playout}/skip",     routes!(playouts::skip))
        .at("/api/playouts/{playout}/cancel-skip", routes!(playouts::cancel_skip))
        .at("/api/playouts/preview",            routes!(playouts::preview))
        .at("/api/playouts/{playout}/build/start", routes!(builds::start))
        .at("/api/playouts/{playout}/build/commit", routes!(builds::commit))
        .at("/api/playouts/{playout}/build/cancel", routes!(builds::cancel))
        .at("/api/playouts/{playout}/build/sessions", routes!(builds::sessions))
        .at("/api/scripted/build/{build}/context", routes!(builds::context))
        .at("/api/scripted/build/{build}/peek-next/{content}", routes!(builds::peek))
        .at("/api/scripted/build/{build}/{action}", routes!(builds::step))
        .at("/api/scripted/build/{build}/{subject}/{turn}", routes!(builds::switch))
        .at("/api/schedule-history",            routes!(snapshots::snapshots))
        .at("/api/schedule-history/capture",    routes!(snapshots::capture))
        .at("/api/schedule-history/{snapshot}/revert", routes!(snapshots::revert))
        .at("/api/channels/{channel}/playouts", routes!(playouts::of))
        .at("/api/channels/{channel}/content",  routes!(forms::content))
        .at("/api/channels/{channel}/repair",   routes!(forms::repair))
        .at("/api/channels/{channel}/form",     routes!(forms::form, forms::set_form))
        .at("/api/channels/{channel}/playback-position", routes!(positions::position, positions::set_position, positions::forget_position))
        .at("/api/channels/{channel}/filler",   routes!(forms::filler, forms::set_filler))
        .at("/api/channels/{channel}/deco",     routes!(forms::deco, forms::set_deco))
}
