//! Which encoders work, where conforms run and how fast, and the settings of ffmpeg.

use axum::extract::State as Has;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::control::FfmpegEdit;
use crate::domain::{ConformRun, EncoderState, EncoderTest, FfmpegSettings};

use super::super::auth::Caller;
use super::super::error::{ApiError, Problem};
use super::super::extract::Json;
use super::super::state::State;
use super::stamp;

/// What can be chosen, what is used, and why the rest is not.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccelerationView {
    /// What may be chosen now: `none`, `auto` and the kinds that passed their test.
    available: Vec<&'static str>,
    /// What is chosen; empty for none.
    chosen: &'static str,
    /// What encodes to H.264 from now on: a kind, or `software`.
    in_use: &'static str,
    /// Version of ffmpeg the tests are of; `null` before the first test.
    ffmpeg_version: Option<String>,
    /// Whether tests are running.
    testing: bool,
    /// One a codec and kind; empty before the first test.
    encoders: Vec<EncoderView>,
    /// The last conforms, newest first, running ones among them.
    runs: Vec<RunView>,
}

/// What is known of one kind of encoder.
#[derive(Debug, Serialize, ToSchema)]
pub struct EncoderView {
    /// `nvenc`, `qsv`, `videotoolbox`, `vaapi`, `amf`, `v4l2m2m` or `software`.
    kind: &'static str,
    /// What it encodes to: `h264` or `hevc`.
    codec: &'static str,
    /// Its name in ffmpeg.
    encoder: String,
    /// `works`, `failed`, `no_device`, `not_built`, `untested`, or `benched`: it failed in use.
    state: &'static str,
    /// Times real time at 1280×720 and 25 frames a second in its test.
    speed: Option<f64>,
    /// The device it was tested on.
    device: Option<String>,
    /// Why it is not used.
    reason: Option<String>,
    /// What to do about that.
    fix: Option<String>,
    /// The line of ffmpeg that says so, masked. Text from outside.
    said: Option<String>,
    /// When it was tested.
    #[schema(format = DateTime)]
    tested_at: String,
}

/// A run of ffmpeg over a media item.
#[derive(Debug, Serialize, ToSchema)]
pub struct RunView {
    /// The media.
    media_id: i64,
    /// Its title.
    title: String,
    /// The channel whose viewers wait for it; `null` for work ahead.
    channel_id: Option<i64>,
    /// The profile.
    profile: String,
    /// Where it is decoded: `none` (copied), `cpu` or a kind.
    decode: &'static str,
    /// Where it is filtered: `none` or `cpu`.
    filter: &'static str,
    /// Where it is encoded: `none`, `cpu` or a kind.
    encode: &'static str,
    /// Frames stored.
    frames: u64,
    /// Times real time.
    speed: Option<f64>,
    /// When it began.
    #[schema(format = DateTime)]
    began_at: String,
    /// When it ended; `null` while it runs.
    #[schema(format = DateTime)]
    ended_at: Option<String>,
    /// `done`, `fallback` (the device failed, software went on) or `ended`; `null` while it runs.
    outcome: Option<&'static str>,
}

/// Settings of ffmpeg.
#[derive(Debug, Serialize, ToSchema)]
pub struct FfmpegView {
    /// Name or path of ffmpeg.
    ffmpeg_path: String,
    /// Name or path of ffprobe.
    ffprobe_path: String,
    /// How much ffmpeg says: `warning`, `info`, `verbose` or `debug`.
    log_level: &'static str,
    /// Threads of an encoder; 0 shares them out by who waits.
    threads: u32,
    /// `auto`, a kind, or empty for none.
    hwaccel: &'static str,
    /// The device; `null` for the first.
    hwaccel_device: Option<String>,
    /// More options of software encoders; `null` for none.
    extra_flags: Option<String>,
    /// For media from `YouTube`; `null` for what others have.
    youtube_hwaccel: Option<String>,
    /// For media from archive.org.
    archive_org_hwaccel: Option<String>,
    /// For media from Plex.
    plex_hwaccel: Option<String>,
    /// The encoder for media from `YouTube`; `null` for what others have.
    youtube_video_encoder: Option<String>,
    /// … from archive.org.
    archive_org_video_encoder: Option<String>,
    /// … from Plex.
    plex_video_encoder: Option<String>,
}

/// What is to be changed; what is left out stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FfmpegWrite {
    /// Name or path of a program that can be run here; applies at the next start.
    ffmpeg_path: Option<String>,
    /// The same for ffprobe.
    ffprobe_path: Option<String>,
    /// `warning`, `info`, `verbose` or `debug`; less cannot be had, because the operator reads it.
    log_level: Option<String>,
    /// Threads of an encoder; 0 shares them out by who waits.
    #[schema(minimum = 0, maximum = 64)]
    threads: Option<i64>,
    /// `auto`, nvenc (or cuda), qsv, vaapi, videotoolbox, amf, v4l2m2m, or empty for none.
    hwaccel: Option<String>,
    /// A path below /dev or the number of a card; empty for the first.
    hwaccel_device: Option<String>,
    /// Options of software encoders from a short list: `-crf` 10 to 40, `-tune` animation, grain or
    /// fastdecode, `-refs` 1 to 6, `-sws_flags` a scaler; empty for none.
    extra_flags: Option<String>,
    /// As `hwaccel`, or empty for what others have; `none` switches it off.
    youtube_hwaccel: Option<String>,
    /// The same for archive.org.
    archive_org_hwaccel: Option<String>,
    /// The same for Plex.
    plex_hwaccel: Option<String>,
    /// The name of an encoder such as `h264_nvenc`, or empty for what others have.
    youtube_video_encoder: Option<String>,
    /// The same for archive.org.
    archive_org_video_encoder: Option<String>,
    /// The same for Plex.
    plex_video_encoder: Option<String>,
}

/// Says which encoders work here, which one is used, why the others are not, and where the last
/// conforms ran and how fast.
#[utoipa::path(get, path = "", tag = "transcoding", responses(
    (status = 200, description = "What can be had", body = AccelerationView),
    (status = 401, description = "No valid key", body = Problem)))]
pub async fn available(Has(state): Has<State>) -> Json<AccelerationView> {
    let mut view = AccelerationView {
        available: vec!["none", "auto"],
        chosen: state.control.ffmpeg_settings().hwaccel.as_str(),
        in_use: "software",
        ffmpeg_version: None,
        testing: false,
        encoders: Vec::new(),
        runs: Vec::new(),
    };
    let Some(standing) = state.control.encoders() else { return Json(view) };
    view.in_use = standing.in_use.as_str();
    view.testing = standing.testing;
    view.runs = standing.runs.into_iter().map(RunView::from).collect();
    let Some(report) = standing.report else { return Json(view) };
    view.ffmpeg_version = Some(report.version);
    for test in report.tests {
        let benched = standing.benched.iter().find(|(kind, _)| *kind == test.kind);
        let encoder = EncoderView::new(test, benched.map(|(_, why)| why.as_str()));
        let offered = view.available.contains(&encoder.kind);
        if encoder.state == "works" && encoder.kind != "software" && !offered {
            view.available.push(encoder.kind);
        }
        view.encoders.push(encoder);
    }
    Json(view)
}

/// Tests every encoder anew, in the background; the answer appears in the list.
#[utoipa::path(post, path = "", tag = "transcoding", responses(
    (status = 202, description = "The tests begin"),
    (status = 401, description = "No valid key", body = Problem),
    (status = 409, description = "Tests are running", body = Problem)))]
pub async fn test_again(Has(state): Has<State>, caller: Caller) -> Result<StatusCode, ApiError> {
    state.control.test_encoders(&caller.actor()).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Reads the settings of ffmpeg.
#[utoipa::path(get, path = "", tag = "transcoding", responses(
    (status = 200, description = "The settings", body = FfmpegView),
    (status = 401, description = "No valid key", body = Problem)))]
pub async fn settings(Has(state): Has<State>) -> Json<FfmpegView> {
    Json(state.control.ffmpeg_settings().into())
}

/// Changes settings of ffmpeg and writes them to the configuration.
#[utoipa::path(put, path = "", tag = "transcoding", request_body = FfmpegWrite, responses(
    (status = 200, description = "They are saved", body = Object),
    (status = 400, description = "The body is not JSON", body = Problem),
    (status = 401, description = "No valid key", body = Problem),
    (status = 415, description = "The body is not marked as JSON", body = Problem),
    (status = 422, description = "Fields that cannot be taken: all of them", body = Problem)))]
pub async fn change_settings(
    Has(state): Has<State>,
    caller: Caller,
    Json(write): Json<FfmpegWrite>,
) -> Result<Json<Value>, ApiError> {
    let restart = write.ffmpeg_path.is_some() || write.ffprobe_path.is_some();
    state.control.change_ffmpeg(&caller.actor(), write.into()).await?;
    let message = if restart {
        "FFmpeg settings saved successfully. Restart EXStreamTV to apply changes."
    } else {
        "FFmpeg settings saved successfully. They apply to what is conformed from now on."
    };
    Ok(Json(json!({ "message": message })))
}

impl From<FfmpegWrite> for FfmpegEdit {
    fn from(write: FfmpegWrite) -> Self {
        let given = [
            ("path", write.ffmpeg_path),
            ("ffprobe_path", write.ffprobe_path),
            ("log_level", write.log_level),
            ("threads", write.threads.map(|threads| threads.to_string())),
            ("hwaccel", write.hwaccel),
            ("hwaccel_device", write.hwaccel_device),
            ("extra_flags", write.extra_flags),
            ("youtube_hwaccel", write.youtube_hwaccel),
            ("archive_org_hwaccel", write.archive_org_hwaccel),
            ("plex_hwaccel", write.plex_hwaccel),
            ("youtube_video_encoder", write.youtube_video_encoder),
            ("archive_org_video_encoder", write.archive_org_video_encoder),
            ("plex_video_encoder", write.plex_video_encoder),
        ];
        given.into_iter().filter_map(|(key, word)| Some((key, word?))).collect()
    }
}

impl From<FfmpegSettings> for FfmpegView {
    fn from(settings: FfmpegSettings) -> Self {
        let word = |key| settings.word(key);
        Self {
            log_level: settings.runs.log_level.as_str(),
            threads: settings.runs.threads,
            hwaccel: settings.hwaccel.as_str(),
            hwaccel_device: word("hwaccel_device"),
            extra_flags: word("extra_flags"),
            youtube_hwaccel: word("youtube_hwaccel"),
            archive_org_hwaccel: word("archive_org_hwaccel"),
            plex_hwaccel: word("plex_hwaccel"),
            youtube_video_encoder: word("youtube_video_encoder"),
            archive_org_video_encoder: word("archive_org_video_encoder"),
            plex_video_encoder: word("plex_video_encoder"),
            ffmpeg_path: settings.path,
            ffprobe_path: settings.ffprobe_path,
        }
    }
}

impl EncoderView {
    fn new(test: EncoderTest, benched: Option<&str>) -> Self {
        let (state, reason, fix) = match benched {
            Some(why) => {
                let fix = "look at the card and its driver, then test again".to_owned();
                ("benched", Some(why.to_owned()), Some(fix))
            }
            None => {
                let state = match test.state {
                    EncoderState::Untested => "untested",
                    EncoderState::NotBuilt => "not_built",
                    EncoderState::NoDevice => "no_device",
                    EncoderState::Failed => "failed",
                    EncoderState::Works => "works",
                };
                (state, test.reason, test.fix)
            }
        };
        Self {
            kind: test.kind.as_str(),
            codec: test.codec.as_str(),
            encoder: test.encoder,
            state,
            speed: test.speed,
            device: test.device,
            reason,
            fix,
            said: test.said,
            tested_at: stamp(test.at),
        }
    }
}

impl From<ConformRun> for RunView {
    fn from(run: ConformRun) -> Self {
        Self {
            media_id: run.media.0,
            title: run.title,
            channel_id: run.channel.map(|channel| channel.0),
            profile: run.profile,
            decode: run.decode.as_str(),
            filter: run.filter.as_str(),
            encode: run.encode.as_str(),
            frames: run.frames,
            speed: run.speed,
            began_at: stamp(run.began),
            ended_at: run.ended.map(stamp),
            outcome: run.outcome,
        }
    }
}
