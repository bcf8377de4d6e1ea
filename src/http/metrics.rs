//! The numbers of the server for Prometheus (`OpenMetrics` text).
//!
//! Values are read when they are asked for; nothing is counted here but the requests themselves.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicI64, AtomicU64};

use axum::extract::{Request, State as Has};
use axum::http::header::CONTENT_TYPE;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::control::guide::GuideState;
use crate::control::operations::Query;
use crate::domain::UtcMillis;
use crate::stream::pool::PoolLoad;
use crate::stream::{ChannelState, Tuning};

use super::error::{ApiError, Problem};
use super::state::State;

/// Requests answered so far, by class of status.
#[derive(Debug, Default)]
pub(super) struct Requests {
    answered: Mutex<BTreeMap<&'static str, u64>>,
}

impl Requests {
    fn count(&self, status: u16) {
        let class = match status {
            100..=199 => "1xx",
            200..=299 => "2xx",
            300..=399 => "3xx",
            400..=499 => "4xx",
            _ => "5xx",
        };
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        *answered.entry(class).or_default() += 1;
    }

    fn read(&self) -> Vec<(&'static str, u64)> {
        let answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        answered.iter().map(|(class, count)| (*class, *count)).collect()
    }
}

/// Counts answers, and logs them for those who look closely; never the query, it may hold a token.
pub(super) async fn count(Has(state): Has<State>, request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let begun = tokio::time::Instant::now();
    let response = next.run(request).await;
    let (status, ms) = (response.status().as_u16(), begun.elapsed().as_millis());
    state.requests.count(status);
    tracing::debug!(http.status = status, http.ms = ms, "{method} {path} was answered {status}");
    response
}

/// All numbers.
#[utoipa::path(get, path = "", tag = "metrics", responses(
    (status = 200, description = "OpenMetrics text", content_type = "application/openmetrics-text", body = String),
    (status = 401, description = "No valid key", body = Problem)))]
pub(super) async fn metrics(Has(state): Has<State>) -> Result<Response, ApiError> {
    let health = state.control.health().await;
    let mut book = Book::default();
    book.pool(&health.pool);
    book.streams(state.control.tuning());
    book.guide(&state.control.guide_state(), state.now());
    if let Ok(guard) = state.control.operations().ask(Query::Guard).await {
        let restarts = guard.body["restarts_in_60_s"].as_i64().unwrap_or_default();
        book.gauge("restart_rate_per_minute", "Restarts in the last 60 seconds", restarts);
        let reasons = guard.body["containment"].as_array().map_or(0, Vec::len);
        book.gauge("containment_active", "Whether changes are contained", i64::from(reasons > 0));
    }
    book.counters("http_requests", "Requests answered", "status", state.requests.read());
    book.gauge("database_up", "Whether the database answers", i64::from(health.database.is_ok()));
    if let Some(process) = Process::read() {
        book.gauge("system_rss_bytes", "Memory in use", process.rss_bytes);
        book.gauge("fd_usage", "File descriptors in use", process.descriptors);
    }
    let text = book.text().map_err(|error| ApiError::internal("writing the metrics", &error))?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(CONTENT_TYPE, kind)], text).into_response())
}

/// A registry filled with values as they are.
struct Book {
    registry: Registry,
}

impl Default for Book {
    fn default() -> Self {
        Self { registry: Registry::with_prefix("exstreamtv") }
    }
}

type Label = Vec<(&'static str, String)>;

impl Book {
    /// The child processes.
    fn pool(&mut self, pool: &PoolLoad) {
        self.gauge("ffmpeg_processes_active", "Child processes running", int(pool.running));
        let background = "Of these, those that nobody waits for";
        self.gauge("ffmpeg_processes_background", background, int(pool.background));
        self.gauge("ffmpeg_max_processes", "Most child processes that may run", int(pool.limit));
        self.gauge("ffmpeg_spawn_pending", "Requests waiting for a place", int(pool.waiting));
        self.counter("ffmpeg_spawn", "Child processes started", pool.started);
        let rejected = pool.rejected.iter().map(|(reason, count)| (*reason, *count)).collect();
        self.counters("ffmpeg_spawn_rejected", "Child processes refused", "reason", rejected);
    }

    /// The channels on air and those who watch.
    fn streams(&mut self, tuning: &Tuning) {
        let running = tuning.running();
        self.gauge("channels_running", "Channels that somebody watches", int(running.len()));
        let on_slate = running.iter().filter(|channel| channel.on_slate).count();
        self.gauge("channels_on_slate", "Of these, those that show the slate", int(on_slate));
        let viewers = tuning.viewers();
        let mut ways = [("ts", 0), ("hls", 0), ("hdhomerun", 0)];
        for way in &mut ways {
            way.1 = int(viewers.iter().filter(|viewer| viewer.via == way.0).count());
        }
        let by_way = ways.map(|(way, count)| (way.to_owned(), count)).to_vec();
        self.gauge("viewers", "Viewers now", int(viewers.len()));
        self.gauges("viewers_by_way", "Viewers now, by the way they watch", "via", by_way);
        let rate = viewers.iter().map(|viewer| viewer.bitrate_bps).sum::<u64>();
        let rate = i64::try_from(rate).unwrap_or(i64::MAX);
        self.gauge("stream_bits_per_second", "What all viewers take a second, in bits", rate);
        let lag = viewers.iter().filter_map(|viewer| viewer.lag_ms).max().unwrap_or(0);
        self.gauge("viewer_lag_milliseconds_max", "How far the slowest viewer is behind", lag);
        let each = |value: fn(&ChannelState) -> i64| -> Vec<(String, i64)> {
            running.iter().map(|channel| (channel.channel.to_string(), value(channel))).collect()
        };
        let headroom = ("channel_headroom_milliseconds", "Media ready beyond what is on air");
        self.gauges(headroom.0, headroom.1, "channel_id", each(|channel| channel.headroom_ms));
        let ring = ("channel_memory_bytes", "Memory of a running channel's ring");
        self.gauges(ring.0, ring.1, "channel_id", each(|channel| int(channel.ring_bytes)));
        let counted = tuning.counters();
        let counters = [
            ("stream_joins", "Viewers let in", counted.joins),
            ("stream_refused", "Viewers turned away", counted.refused),
            ("stream_bytes", "Bytes given to viewers", counted.bytes),
            ("stream_skips", "Times a slow viewer was moved to now", counted.skips),
            (
                "stream_viewers_dropped",
                "Viewers dropped for being too slow",
                counted.dropped_viewers,
            ),
            ("stream_viewers_idle", "Viewers dropped for taking nothing", counted.idle_viewers),
            ("stream_viewers_kicked", "Sessions ended by a person", counted.kicked),
            ("stream_viewers_replaced", "Sessions that gave way to their client", counted.replaced),
            ("stream_units", "Groups of pictures put on air", counted.units),
            ("stream_slate_units", "Of these, slates", counted.slate_units),
            ("stream_read_errors", "Stored media that could not be read", counted.read_errors),
            ("stream_late_starts", "Items that were not ready in time", counted.late_starts),
            ("hls_segments", "HLS segments handed out", counted.segments),
            ("stream_facts_dropped", "Measurements nobody had time for", counted.facts_dropped),
        ];
        for (name, help, value) in counters {
            self.counter(name, help, value);
        }
    }

    /// The guide, and how it stands to line-up and stream.
    fn guide(&mut self, guide: &GuideState, now: UtcMillis) {
        let totals = &guide.totals;
        let counters = [
            ("xmltv_builds", "Guides built", totals.builds),
            ("xmltv_build_failures", "Guides that could not be built", totals.failed_builds),
            (
                "xmltv_validation_error",
                "Channels of a guide that could not be read back and lost their details",
                totals.validation_errors,
            ),
            ("metadata_lookup_success", "Programmes whose media is known", totals.tally.lookups),
            (
                "metadata_lookup_failure",
                "Programmes whose media is gone",
                totals.tally.failed_lookups,
            ),
            (
                "placeholder_title_generated",
                "Titles that said nothing and were replaced",
                totals.tally.placeholders,
            ),
            (
                "guide_template_failures",
                "Times that a template of the guide gave nothing",
                totals.tally.failed_templates,
            ),
            (
                "episode_metadata_missing",
                "Episodes without a number in a guide",
                totals.episodes_without_number,
            ),
            (
                "movie_metadata_missing",
                "Films without a year in a guide",
                totals.films_without_year,
            ),
        ];
        for (name, help, value) in counters {
            self.counter(name, help, value);
        }
        let mismatches = "Channels that are in the line-up or in the guide only";
        self.gauge("xmltv_lineup_mismatches", mismatches, int(guide.mismatches.len()));
        let drift = "Difference between guide and stream in when a programme on air began, at most";
        self.gauge("drift_delta_milliseconds", drift, guide.drift_ms);
        let Some(report) = &guide.report else { return };
        self.gauge("guide_channels", "Channels in the guide", int(report.channels));
        self.gauge("guide_programmes", "Programmes in the guide", int(report.programmes));
        self.gauge("guide_xml_bytes", "Length of the guide", int(report.xml_bytes));
        let empty = "Channels of the guide with nothing but \"No programming\"";
        self.gauge("guide_channels_without_programme", empty, int(report.without_programme.len()));
        let took = i64::try_from(report.took_ms).unwrap_or(i64::MAX);
        self.gauge("guide_build_milliseconds", "How long the last build took", took);
        let age = now.since(report.built) / 1000;
        self.gauge("guide_age_seconds", "How old the guide is", age);
    }

    fn gauge(&mut self, name: &str, help: &str, value: i64) {
        let gauge = Gauge::<i64, AtomicI64>::default();
        gauge.set(value);
        self.registry.register(name, help, gauge);
    }

    fn gauges(&mut self, name: &str, help: &str, label: &'static str, values: Vec<(String, i64)>) {
        let family = Family::<Label, Gauge<i64, AtomicI64>>::default();
        for (key, value) in values {
            family.get_or_create(&vec![(label, key)]).set(value);
        }
        self.registry.register(name, help, family);
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        let counter = Counter::<u64, AtomicU64>::default();
        counter.inc_by(value);
        self.registry.register(name, help, counter);
    }

    fn counters(
        &mut self,
        name: &str,
        help: &str,
        label: &'static str,
        values: Vec<(&'static str, u64)>,
    ) {
        let family = Family::<Label, Counter<u64, AtomicU64>>::default();
        for (key, value) in values {
            family.get_or_create(&vec![(label, key.to_owned())]).inc_by(value);
        }
        self.registry.register(name, help, family);
    }

    fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

fn int(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// What the system says about this process.
struct Process {
    rss_bytes: i64,
    descriptors: i64,
}

impl Process {
    /// Reads `/proc`; `None` where there is none.
    fn read() -> Option<Self> {
        // reason: without /proc these two numbers are left out
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kib: i64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
        // reason: without /proc these two numbers are left out
        let descriptors = std::fs::read_dir("/proc/self/fd").ok()?.count();
        Some(Self { rss_bytes: kib * 1024, descriptors: int(descriptors) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_described_once() {
        let mut book = Book::default();
        let values = vec![("fd", 2), ("memory", 3)];
        book.counters("ffmpeg_spawn_rejected", "Child processes refused", "reason", values);
        book.gauge("viewers", "Viewers now", 4);
        let expected = "# HELP exstreamtv_ffmpeg_spawn_rejected Child processes refused.\n\
            # TYPE exstreamtv_ffmpeg_spawn_rejected counter\n\
            exstreamtv_ffmpeg_spawn_rejected_total{reason=\"fd\"} 2\n\
            exstreamtv_ffmpeg_spawn_rejected_total{reason=\"memory\"} 3\n\
            # HELP exstreamtv_viewers Viewers now.\n\
            # TYPE exstreamtv_viewers gauge\n\
            exstreamtv_viewers 4\n# EOF\n";
        let mut got: Vec<String> = book.text().unwrap().lines().map(str::to_owned).collect();
        let mut expected: Vec<String> = expected.lines().map(|l| l.trim().to_owned()).collect();
        got.sort();
        expected.sort();
        assert_eq!(got, expected);
    }
}
