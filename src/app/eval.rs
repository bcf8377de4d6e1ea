//! `exstreamtv eval`: real faults against a real server, judged by what can be measured.
//!
//! Every scenario is a file in `evals/scenarios`: what is broken, what the truth is, what the
//! operator must and must not do, and how fast viewers must have their picture again. A server of
//! its own is started in a temporary folder with real files, a real viewer reads its stream over
//! TCP, the fault is done to it ([`stage`]), and [`grade`] compares what was recorded and seen
//! with the truth. No opinion is asked, and a scenario that could not be run has failed.

mod grade;
mod scenario;
mod stage;

use serde::Serialize;

use grade::Grade;
use scenario::Scenario;

/// What came of all scenarios.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    schema: &'static str,
    passed: bool,
    scenarios: Vec<ScenarioReport>,
}

/// What came of one scenario.
#[derive(Debug, Serialize)]
struct ScenarioReport {
    id: String,
    title: String,
    passed: bool,
    /// Why it could not be run, if so.
    broken: Option<String>,
    /// Every check.
    grades: Vec<Grade>,
    /// From the fault to the incident.
    detected_after_ms: Option<i64>,
    /// From the fault to the first act.
    acted_after_ms: Option<i64>,
    /// From the fault to the picture.
    picture_after_ms: Option<i64>,
    /// The whole scenario.
    took_ms: u128,
}

/// Runs the scenarios named in `only`, or all, one after the other.
///
/// # Errors
/// When a scenario's name is not known.
pub(super) async fn run(only: &[String]) -> anyhow::Result<Report> {
    let mut done = Vec::new();
    for scenario in &scenario::load(only)? {
        done.push(run_one(scenario).await);
    }
    let passed = done.iter().all(|one| one.passed);
    Ok(Report { schema: "ops.eval-report/1", passed, scenarios: done })
}

impl Report {
    /// Whether every scenario passed.
    pub(super) fn passed(&self) -> bool {
        self.passed
    }

    /// For people: a few lines a scenario and one over all.
    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        for one in &self.scenarios {
            out.push_str(&one.text());
        }
        let passed = self.scenarios.iter().filter(|one| one.passed).count();
        let mut pictures: Vec<i64> =
            self.scenarios.iter().filter_map(|one| one.picture_after_ms).collect();
        pictures.sort_unstable();
        let median = pictures.get(pictures.len() / 2).copied();
        out.push_str(&format!("{passed} of {} scenarios passed", self.scenarios.len()));
        if let Some(median) = median {
            out.push_str(&format!("; from fault to picture: median {median} ms"));
        }
        out
    }
}

impl ScenarioReport {
    fn text(&self) -> String {
        let ms = |ms: Option<i64>| ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms} ms"));
        let mut lines = vec![
            format!(
                "{}  {:<16} {}",
                if self.passed { "pass" } else { "FAIL" },
                self.id,
                self.title
            ),
            format!(
                "      noticed after {}, acted after {}, picture after {}",
                ms(self.detected_after_ms),
                ms(self.acted_after_ms),
                ms(self.picture_after_ms),
            ),
        ];
        if let Some(why) = &self.broken {
            lines.push(format!("      could not be run: {why}"));
        }
        for grade in self.grades.iter().filter(|grade| !grade.passed) {
            lines.push(format!("      {}: {}", grade.check, grade.detail));
        }
        lines.join("\n") + "\n"
    }
}

async fn run_one(scenario: &Scenario) -> ScenarioReport {
    let began = tokio::time::Instant::now();
    let observed = stage::play(scenario).await;
    let (broken, grades, times) = match observed {
        Ok(observed) => {
            let times = (
                observed.detected_after_ms(),
                observed.acted_after_ms(),
                observed.picture_after_ms,
            );
            (None, grade::grade(scenario, &observed), times)
        }
        Err(error) => (Some(format!("{error:#}")), Vec::new(), (None, None, None)),
    };
    ScenarioReport {
        id: scenario.id.clone(),
        title: scenario.title.clone(),
        passed: broken.is_none() && grades.iter().all(|grade| grade.passed),
        broken,
        grades,
        detected_after_ms: times.0,
        acted_after_ms: times.1,
        picture_after_ms: times.2,
        took_ms: began.elapsed().as_millis(),
    }
}
