//! The description of the HTTP interface, generated from the handlers themselves.

use axum::routing::MethodRouter;
use utoipa::OpenApi;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{HttpMethod, SecurityRequirement};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use super::auth::Door;
use super::state::State;

/// What the handlers do not say: title, and the two addresses that share one route.
#[derive(Debug, OpenApi)]
#[openapi(
    info(
        title = "EXStreamTV",
        description = "Channels, guide, libraries and the operator's record. Addresses marked \
                       `x-endless` answer with a stream that does not end.",
        license(name = "MIT")
    ),
    paths(super::live::ts_document, super::hls::hls_document),
    tags(
        (name = "streams", description = "Live streams"),
        (name = "feeds", description = "Playlist and guide"),
        (name = "hdhomerun", description = "The tuner that Plex and others find"),
        (name = "channels", description = "Channels"),
        (name = "collections", description = "Collections of media"),
        (name = "schedules", description = "What is played in which order, and schedule files"),
        (name = "schedule-items", description = "Lines of schedules"),
        (name = "blocks", description = "Programmes that belong together"),
        (name = "templates", description = "Days laid out with blocks"),
        (name = "fillers", description = "What is played around programmes"),
        (name = "decos", description = "Bumpers, station ids and the like"),
        (name = "builds", description = "Playouts that programs write step by step"),
        (name = "playouts", description = "What is on which channel, and when"),
        (name = "playlists", description = "Manual collections, as lists of media"),
        (name = "libraries", description = "Folders of media and their scans"),
        (name = "media", description = "Media items"),
        (name = "profiles", description = "What media is conformed to"),
        (name = "resolutions", description = "Picture sizes that profiles choose from"),
        (name = "settings", description = "What is changed while the server runs"),
        (name = "preparation", description = "What is ready to be shown, what is being made ready"),
        (name = "watermarks", description = "Small pictures over a channel's own"),
        (name = "sessions", description = "Who watches, who watched"),
        (name = "transcoding", description = "Encoders and the settings of ffmpeg"),
        (name = "agent", description = "Incidents and the audit chain"),
        (name = "health", description = "Health"),
        (name = "metrics", description = "Numbers"),
        (name = "session", description = "Logging in and out")
    )
)]
struct Frame;

/// The document without routes.
pub(super) fn frame(version: &str) -> utoipa::openapi::OpenApi {
    let mut document = Frame::openapi();
    version.clone_into(&mut document.info.version);
    let components = document.components.get_or_insert_default();
    components
        .add_security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    let header = ApiKey::Header(ApiKeyValue::new("X-API-Key"));
    components.add_security_scheme("api_key", SecurityScheme::ApiKey(header));
    document
}

/// Adds handlers at a path, so that the router reads as a table of contents.
pub(super) trait At {
    /// Puts handlers that were written with an empty path at `path`.
    #[must_use]
    fn at(self, path: &str, handlers: UtoipaMethodRouter<State>) -> Self;

    /// Puts handlers that the document does not show at `path`.
    #[must_use]
    fn hidden(self, path: &str, handlers: MethodRouter<State>) -> Self;

    /// Marks everything so far as private or not.
    #[must_use]
    fn behind(self, door: Door) -> Self;
}

impl At for OpenApiRouter<State> {
    fn at(self, path: &str, (schemas, mut paths, handlers): UtoipaMethodRouter<State>) -> Self {
        if let Some(mut item) = paths.paths.remove("") {
            for (method, operation) in operations(&mut item) {
                name(operation, method, path);
            }
            paths.paths.insert(path.to_owned(), item);
        }
        self.routes((schemas, paths, handlers))
    }

    fn hidden(self, path: &str, handlers: MethodRouter<State>) -> Self {
        self.route(path, handlers)
    }

    fn behind(mut self, door: Door) -> Self {
        if door == Door::Private {
            for item in self.get_openapi_mut().paths.paths.values_mut() {
                for (_, operation) in operations(item) {
                    let schemes = ["bearer", "api_key"];
                    let none: [&str; 0] = [];
                    let any = schemes.map(|scheme| SecurityRequirement::new(scheme, none));
                    operation.security = Some(any.into());
                }
            }
        }
        self
    }
}

fn operations(item: &mut PathItem) -> Vec<(HttpMethod, &mut Operation)> {
    let all = [
        (HttpMethod::Get, item.get.as_mut()),
        (HttpMethod::Head, item.head.as_mut()),
        (HttpMethod::Post, item.post.as_mut()),
        (HttpMethod::Put, item.put.as_mut()),
        (HttpMethod::Delete, item.delete.as_mut()),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation?))).collect()
}

/// Gives an operation an id that is unique and speaks: subject, then the handler's name.
fn name(operation: &mut Operation, method: HttpMethod, path: &str) {
    let subject = operation.tags.iter().flatten().next().cloned().unwrap_or_default();
    let handler = operation.operation_id.take().unwrap_or_default();
    let twin = match path {
        "/health" => "_root",
        path if path.starts_with("/hdhomerun/") => "_below",
        _ => "",
    };
    let dot = path.rsplit_once('.').map_or("", |(_, extension)| extension);
    let gz = if dot == "gz" { "_gz" } else { "" };
    debug_assert!(!matches!(method, HttpMethod::Patch | HttpMethod::Trace | HttpMethod::Options));
    operation.operation_id = Some(format!("{subject}_{handler}{gz}{twin}"));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::super::router;

    #[test]
    fn every_operation_has_a_name_of_its_own_and_described_answers() {
        let document: Value = serde_json::to_value(router::openapi("1.2.3")).unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        assert_eq!(document["info"]["version"], "1.2.3");
        let mut names = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let name = operation["operationId"].as_str().unwrap();
                assert!(names.insert(name.to_owned()), "{name} twice, at {method} {path}");
                assert!(operation["summary"].is_string(), "{method} {path} has no summary");
                let answers = operation["responses"].as_object().unwrap();
                assert!(!answers.is_empty(), "{method} {path} answers nothing");
                for (status, answer) in answers {
                    let text = answer["description"].as_str().unwrap_or_default();
                    assert!(!text.is_empty(), "{method} {path} {status} has no description");
                }
                check_parameters(path, operation);
            }
        }
        assert!(names.len() > 50, "{}", names.len());
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document: Value = serde_json::to_value(router::openapi("1")).unwrap();
        let mut missing = BTreeSet::new();
        walk(&document, &mut |reference| {
            let pointer = reference.trim_start_matches('#');
            if document.pointer(pointer).is_none() {
                missing.insert(reference.to_owned());
            }
        });
        assert_eq!(missing, BTreeSet::new());
    }

    #[test]
    fn only_the_list_of_the_design_is_open() {
        let document: Value = serde_json::to_value(router::openapi("1")).unwrap();
        for (path, item) in document["paths"].as_object().unwrap() {
            let tuner =
                ["/discover", "/lineup", "/status.json", "/device.xml", "/auto/", "/hdhomerun/"];
            let open = path.starts_with("/iptv/") && path != "/iptv/xmltv/refresh"
                || tuner.iter().any(|start| path.starts_with(start))
                || path == "/{tuner}/{vnum}"
                || path == "/api/health/live"
                || path == "/login";
            for (method, operation) in item.as_object().unwrap() {
                assert_eq!(operation["security"].is_null(), open, "{method} {path}");
            }
        }
    }

    #[track_caller]
    fn check_parameters(path: &str, operation: &Value) {
        let in_path = |name: &str| path.contains(&format!("{{{name}}}"));
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let mut named = BTreeSet::new();
        for parameter in parameters.iter().filter(|p| p["in"] == "path") {
            let name = parameter["name"].as_str().unwrap();
            assert!(in_path(name), "{name} is not in {path}");
            named.insert(name.to_owned());
        }
        assert_eq!(named.len(), path.matches('{').count(), "{path} has undocumented parameters");
    }

    fn walk(value: &Value, found: &mut impl FnMut(&str)) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    match value.as_str().filter(|_| key == "$ref") {
                        Some(reference) => found(reference),
                        None => walk(value, found),
                    }
                }
            }
            Value::Array(list) => list.iter().for_each(|value| walk(value, found)),
            _ => {}
        }
    }
}
