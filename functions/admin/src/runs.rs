//! A run as it is shown: how it ended or where it is, and what each stage found.

use jiff::Timestamp;
use lurelight_store::{RunId, RunProgress, RunStatus};
use serde::Serialize;

use crate::run_reports::{Candidate, RunReports};

/// The stages in their order.
const STAGES: [&str; 6] = ["ingest", "validate", "transform", "fit", "evaluate", "promote"];

/// How far a run is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(crate) enum State {
    /// It goes on.
    Running {
        /// The stage that it is in, where that is known.
        stage: Option<String>,
    },
    /// It has decided.
    Ended {
        /// `promoted`, `kept` or `no_change`.
        outcome: String,
        /// Why, in words.
        reason: String,
    },
    /// It ended with an error.
    Failed {
        /// Where, if that is known.
        stage: Option<String>,
        /// What happened and what to do about it.
        reason: String,
    },
    /// It was broken off, or another process runs it.
    Unfinished {
        /// The stage that left no report.
        stage: Option<String>,
    },
}

impl State {
    /// By the reports, and where they leave it open by what runs the pipeline.
    pub(crate) fn of(reports: &RunReports, progress: Option<&RunProgress>) -> State {
        if let Some(promote) = &reports.promote {
            return State::Ended { outcome: promote.outcome.clone(), reason: promote.reason.clone() };
        }
        if let Some(failure) = &reports.failure {
            return State::Failed { stage: Some(failure.stage.clone()), reason: failure.words() };
        }
        let next = next_stage(reports).map(str::to_owned);
        let Some(progress) = progress else { return State::Unfinished { stage: next } };
        let stage = progress.stage.clone().or(next);
        match &progress.status {
            RunStatus::Running => State::Running { stage },
            RunStatus::Failed { reason } => State::Failed { stage, reason: reason.clone() },
            RunStatus::Stopped { reason } => {
                State::Failed { stage, reason: format!("it was stopped: {reason}") }
            }
            RunStatus::Succeeded => State::Unfinished { stage },
        }
    }

    /// In a word or two.
    pub(crate) fn brief(&self) -> String {
        match self {
            State::Running { stage: Some(stage) } => format!("running: {stage}"),
            State::Running { stage: None } => "running".to_owned(),
            State::Ended { outcome, .. } => outcome.replace('_', " "),
            State::Failed { stage: Some(stage), .. } => format!("failed at {stage}"),
            State::Failed { stage: None, .. } => "failed".to_owned(),
            State::Unfinished { stage: Some(stage) } => format!("unfinished at {stage}"),
            State::Unfinished { stage: None } => "unfinished".to_owned(),
        }
    }

    pub(crate) fn is_running(&self) -> bool {
        matches!(self, State::Running { .. })
    }

    /// The class of its colour.
    pub(crate) fn tone(&self) -> &'static str {
        match self {
            State::Ended { outcome, .. } if outcome == "promoted" => "legitimate",
            State::Failed { .. } => "phishing",
            _ => "",
        }
    }
}

/// The first stage without a report; `None` where all have one.
fn next_stage(reports: &RunReports) -> Option<&'static str> {
    STAGES.into_iter().find(|stage| !has_ended(reports, stage))
}

fn has_ended(reports: &RunReports, stage: &str) -> bool {
    match stage {
        "ingest" => reports.ingest.is_some(),
        "validate" => reports.validate.is_some(),
        "transform" => reports.transform.is_some(),
        // What it makes comes bit by bit; the next stage knows when that is all.
        "fit" | "evaluate" => reports.evaluate.is_some(),
        _ => reports.promote.is_some(),
    }
}

/// One stage of a run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct StageView {
    pub(crate) stage: &'static str,
    /// `done`, `running`, `failed`, `waiting`, `unfinished`, or `not needed`.
    pub(crate) status: &'static str,
    /// What it found, in words.
    pub(crate) found: String,
}

/// A candidate family.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct CandidateView {
    pub(crate) family: String,
    /// `fitted` or `failed`.
    pub(crate) outcome: String,
    pub(crate) reason: Option<String>,
    /// By cross-validation on folds 3 to 9.
    pub(crate) f1: Option<f64>,
    pub(crate) log_loss: Option<f64>,
}

/// What a run made.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Made {
    pub(crate) version: u64,
    pub(crate) family: String,
    pub(crate) model: String,
    /// On folds 0 to 2.
    pub(crate) f1: f64,
    pub(crate) roc_auc: f64,
    pub(crate) log_loss: f64,
}

/// A run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct RunView {
    pub(crate) run: RunId,
    #[serde(flatten)]
    pub(crate) state: State,
    pub(crate) at: Option<Timestamp>,
    pub(crate) ended_at: Option<Timestamp>,
    pub(crate) actor: Option<String>,
    pub(crate) reason_given: Option<String>,
    pub(crate) program: Option<String>,
    pub(crate) dataset: Option<String>,
    pub(crate) rows: Option<u64>,
    pub(crate) made: Option<Made>,
    pub(crate) stages: Vec<StageView>,
    pub(crate) candidates: Vec<CandidateView>,
    pub(crate) warnings: Vec<String>,
    /// The path of the page with plots, below the base path, where there is one.
    pub(crate) report: Option<String>,
}

impl RunView {
    pub(crate) fn new(run: &RunId, reports: &RunReports, progress: Option<&RunProgress>) -> RunView {
        let state = State::of(reports, progress);
        let request = reports.ingest.as_ref().map(|ingest| &ingest.request);
        RunView {
            run: run.clone(),
            at: request.map(|request| request.at).or(progress.map(|progress| progress.started_at)),
            ended_at: progress
                .and_then(|progress| progress.ended_at)
                .or(reports.failure.as_ref().and_then(|failure| failure.at)),
            actor: request.map(|request| request.actor.clone()),
            reason_given: request.map(|request| request.reason.clone()).filter(|reason| !reason.is_empty()),
            program: request.map(|request| request.program.clone()),
            dataset: reports.ingest.as_ref().map(|ingest| ingest.dataset.clone()),
            rows: reports.ingest.as_ref().map(|ingest| ingest.rows),
            made: made(reports),
            stages: STAGES.into_iter().map(|stage| stage_view(stage, reports, &state)).collect(),
            candidates: reports.candidates.iter().map(candidate_view).collect(),
            warnings: reports.validate.as_ref().map(|validate| validate.warnings.clone()).unwrap_or_default(),
            report: reports.page.then(|| format!("/runs/{run}/report")),
            state,
        }
    }
}

fn made(reports: &RunReports) -> Option<Made> {
    let evaluate = reports.evaluate.as_ref()?;
    let figures = evaluate.card.figures();
    Some(Made {
        version: evaluate.version,
        family: words(&evaluate.card.family),
        model: evaluate.card.model.clone(),
        f1: figures.f1.value,
        roc_auc: figures.roc_auc.value,
        log_loss: figures.log_loss.value,
    })
}

fn candidate_view(candidate: &Candidate) -> CandidateView {
    let figures = candidate.cross_validated.as_ref();
    CandidateView {
        family: words(&candidate.family),
        outcome: candidate.outcome.clone(),
        reason: candidate.reason.clone(),
        f1: figures.map(|figures| figures.f1),
        log_loss: figures.map(|figures| figures.log_loss),
    }
}

fn stage_view(stage: &'static str, reports: &RunReports, state: &State) -> StageView {
    let at = |place: &Option<String>| place.as_deref() == Some(stage);
    let status = match state {
        _ if has_ended(reports, stage) => "done",
        State::Running { stage: place } if at(place) => "running",
        State::Failed { stage: place, .. } if at(place) => "failed",
        State::Unfinished { stage: place } if at(place) => "unfinished",
        State::Running { .. } => "waiting",
        State::Ended { .. } | State::Failed { .. } | State::Unfinished { .. } => "not needed",
    };
    StageView { stage, status, found: found(stage, reports).unwrap_or_default() }
}

/// What a stage found, in words.
fn found(stage: &str, reports: &RunReports) -> Option<String> {
    match stage {
        "ingest" => {
            let ingest = reports.ingest.as_ref()?;
            let change = ingest.no_change.as_ref().map(|reason| format!("; nothing to learn: {reason}"));
            Some(format!("{} rows{}", grouped(ingest.rows), change.unwrap_or_default()))
        }
        "validate" => {
            let validate = reports.validate.as_ref()?;
            let usable = match validate.invalid_rows {
                0 => "Every row can be used".to_owned(),
                invalid => format!(
                    "{} rows can be used, {} cannot (invalid.csv says why)",
                    grouped(validate.valid_rows),
                    grouped(invalid)
                ),
            };
            Some(format!("{usable}. {}", validate.drift_words))
        }
        "transform" => {
            let transform = reports.transform.as_ref()?;
            Some(format!(
                "{} rows to train on, {} to measure on",
                grouped(transform.train.rows),
                grouped(transform.test.rows)
            ))
        }
        "fit" => {
            let count = reports.candidates.len();
            let failed = reports.candidates.iter().filter(|candidate| candidate.outcome == "failed").count();
            let families = if count == 1 { "family" } else { "families" };
            (count > 0).then(|| match failed {
                0 => format!("{count} {families} fitted"),
                _ => format!("{} of {count} {families} fitted, {failed} failed", count - failed),
            })
        }
        "evaluate" => made(reports).map(|made| {
            format!("{}, version {}: F1 {:.4}, AUC {:.4}", made.family, made.version, made.f1, made.roc_auc)
        }),
        _ => reports
            .promote
            .as_ref()
            .map(|promote| format!("{}: {}", promote.outcome.replace('_', " "), promote.reason)),
    }
}

/// A name as it is said: `random_forest` is a random forest.
fn words(name: &str) -> String {
    name.replace('_', " ")
}

/// A count with commas: 11,055.
pub(crate) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A time as pages show it.
pub(crate) fn minute(at: &Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn progress(status: RunStatus, stage: Option<&str>) -> RunProgress {
        let stage = stage.map(str::to_owned);
        RunProgress { status, stage, started_at: Timestamp::UNIX_EPOCH, ended_at: None }
    }

    #[test]
    fn the_state_is_that_of_the_reports_and_else_that_of_the_runner() {
        let mut reports = RunReports::default();
        let running = progress(RunStatus::Running, Some("fit"));
        let stopped = progress(RunStatus::Stopped { reason: "by hand".into() }, None);
        assert_eq!(State::of(&reports, Some(&running)).brief(), "running: fit");
        assert_eq!(State::of(&reports, Some(&stopped)).brief(), "failed at ingest");
        assert_eq!(State::of(&reports, None).brief(), "unfinished at ingest");
        let failure =
            json!({"stage": "ingest", "error": "PermanentFailure", "cause": "there are no records"});
        reports.failure = serde_json::from_value(failure).unwrap();
        assert_eq!(State::of(&reports, Some(&running)).brief(), "failed at ingest");
        reports.promote =
            serde_json::from_value(json!({"outcome": "no_change", "reason": "nothing new"})).unwrap();
        assert_eq!(State::of(&reports, Some(&running)).brief(), "no change");
    }

    #[test]
    fn every_stage_has_its_place() {
        let reports = RunReports::default();
        let view = RunView::new(
            &"r".parse().unwrap(),
            &reports,
            Some(&progress(RunStatus::Running, Some("transform"))),
        );
        let statuses: Vec<_> = view.stages.iter().map(|stage| (stage.stage, stage.status)).collect();
        assert_eq!(statuses[2], ("transform", "running"));
        assert_eq!(statuses[5], ("promote", "waiting"));
        let over = progress(RunStatus::Failed { reason: "no".into() }, Some("ingest"));
        let view = RunView::new(&"r".parse().unwrap(), &reports, Some(&over));
        assert_eq!((view.stages[0].status, view.stages[1].status), ("failed", "not needed"));
    }

    #[test]
    fn counts_and_times_read_well() {
        assert_eq!(
            [0, 999, 1000, 11_055, 1_234_567].map(grouped),
            ["0", "999", "1,000", "11,055", "1,234,567"]
        );
        assert_eq!(minute(&"2026-05-04T03:02:01Z".parse().unwrap()), "2026-05-04 03:02 UTC");
    }
}
