//! Schedule files: which there are, what is wrong with them, and what may be in them.

use axum::extract::State as Has;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::control::ScheduleFile;
use crate::formats::schedule_yaml::{self, Fault};

use super::super::error::{ApiError, Problem};
use super::super::extract::Json;
use super::super::state::State;

/// Something wrong with a schedule file, with its place.
#[derive(Debug, Serialize, ToSchema)]
pub struct FaultView {
    /// The file.
    file: String,
    /// Line, from 1.
    line: usize,
    /// Column, from 1.
    column: usize,
    /// What is wrong.
    msg: String,
    /// What to write instead.
    fix: String,
}

impl From<Fault> for FaultView {
    fn from(fault: Fault) -> Self {
        let Fault { file, at, problem, fix } = fault;
        Self { file, line: at.line, column: at.column, msg: problem, fix }
    }
}

fn faults(faults: Vec<Fault>) -> Vec<FaultView> {
    faults.into_iter().map(FaultView::from).collect()
}

/// A channel's schedule file.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ScheduleFile)]
pub struct FileView {
    /// Its path in the folder of schedules.
    file: String,
    /// Number of its channel.
    channel_number: String,
    /// Whether it is right; a wrong one changes nothing on air.
    valid: bool,
    /// Name of the schedule.
    name: Option<String>,
    /// What it says about itself.
    description: String,
    /// How many contents it defines.
    content_items: usize,
    /// How many sequences it defines.
    sequences: usize,
    /// The files it consists of.
    files: Vec<String>,
    /// What is wrong with it.
    faults: Vec<FaultView>,
    /// What is probably not meant.
    warnings: Vec<FaultView>,
}

impl From<ScheduleFile> for FileView {
    fn from(file: ScheduleFile) -> Self {
        Self {
            file: file.name,
            channel_number: file.number,
            valid: file.faults.is_empty(),
            name: file.title,
            description: file.description,
            content_items: file.contents,
            sequences: file.sequences,
            files: file.files,
            faults: faults(file.faults),
            warnings: faults(file.warnings),
        }
    }
}

/// Lists the schedule files of channels, with everything that is wrong with them.
///
/// They are `schedules/{number}.yml` in the data folder. One that is right wins over the channel's
/// playout and its own rules, and is read again when it changes.
#[utoipa::path(get, path = "", tag = "schedules", responses(
    (status = 200, description = "The files", body = [FileView]),
    (status = 401, description = "No valid key", body = Problem)))]
pub async fn files(Has(state): Has<State>) -> Result<Json<Vec<FileView>>, ApiError> {
    let files = state.control.schedule_files().await?;
    Ok(Json(files.into_iter().map(FileView::from).collect()))
}

/// The JSON schema of schedule files, for editors.
#[utoipa::path(get, path = "", tag = "schedules", responses(
    (status = 200, description = "The schema", body = Object, content_type = "application/schema+json"),
    (status = 401, description = "No valid key", body = Problem)))]
pub async fn schema() -> Response {
    ([(CONTENT_TYPE, "application/schema+json")], schedule_yaml::SCHEMA).into_response()
}

/// A schedule file that is not stored.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// The YAML.
    #[schema(max_length = 262_144)]
    text: String,
}

/// What is wrong with a schedule file.
#[derive(Debug, Serialize, ToSchema)]
pub struct Checked {
    /// Whether it would be taken.
    valid: bool,
    /// What is wrong with it.
    faults: Vec<FaultView>,
    /// What is probably not meant.
    warnings: Vec<FaultView>,
}

/// Says what is wrong with a schedule file, without storing it; imports count as missing.
#[utoipa::path(post, path = "", tag = "schedules", request_body = Check, responses(
    (status = 200, description = "What is wrong with it, if anything", body = Checked),
    (status = 400, description = "The body is not JSON", body = Problem),
    (status = 401, description = "No valid key", body = Problem),
    (status = 415, description = "The body is not marked as JSON", body = Problem),
    (status = 422, description = "A field cannot be taken", body = Problem)))]
pub async fn check(Json(check): Json<Check>) -> Json<Checked> {
    const NAME: &str = "schedule.yml";
    let read = schedule_yaml::load(NAME, |file| {
        if file == NAME { Ok(check.text.clone()) } else { Err("it is not sent".to_owned()) }
    });
    Json(match read {
        Ok(loaded) => Checked { valid: true, faults: vec![], warnings: faults(loaded.warnings) },
        Err(wrong) => Checked { valid: false, faults: faults(wrong), warnings: vec![] },
    })
}
