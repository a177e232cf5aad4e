//! How a run ended, as far as its reports say.

use lurelight_pipeline::Stage;
use lurelight_pipeline::reports::RunReports;
use serde::Serialize;

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(super) enum Ending {
    /// It has decided.
    Ended {
        /// The last report's own word: promoted, kept, no change.
        outcome: &'static str,
    },
    /// It cannot be ended with these rows.
    Failed {
        /// Where.
        stage: Stage,
        /// Why, in words.
        reason: String,
    },
    /// There are reports up to some stage: the one after it failed, was broken off, or goes on.
    Unfinished {
        /// The stage that left no report.
        stage: Stage,
    },
}

impl Ending {
    pub(super) fn of(reports: &RunReports) -> Ending {
        if let Some(promote) = &reports.promote {
            return Ending::Ended { outcome: promote.outcome.as_str() };
        }
        if let Some((stage, reason)) = reports.dead_end() {
            return Ending::Failed { stage, reason };
        }
        let searched = reports.ingest.as_ref().map_or(0, |ingest| ingest.request.training.searched().count());
        let all_fitted = searched > 0 && reports.candidates.len() >= searched;
        let stage = match reports.last_stage() {
            None => Stage::Ingest,
            Some(Stage::Ingest) => Stage::Validate,
            Some(Stage::Validate) => Stage::Transform,
            Some(Stage::Transform) => Stage::Fit,
            Some(Stage::Fit) if !all_fitted => Stage::Fit,
            Some(Stage::Fit) => Stage::Evaluate,
            Some(Stage::Evaluate | Stage::Promote) => Stage::Promote,
        };
        Ending::Unfinished { stage }
    }

    /// In a word or two, for a table.
    pub(super) fn brief(&self) -> String {
        match self {
            Ending::Ended { outcome } => (*outcome).to_owned(),
            Ending::Failed { stage, .. } => format!("failed at {stage}"),
            Ending::Unfinished { stage } => format!("unfinished at {stage}"),
        }
    }

    /// In sentences.
    pub(super) fn words(&self, reports: &RunReports) -> String {
        match (self, &reports.promote) {
            (_, Some(promote)) => promote.words(),
            (Ending::Failed { stage, reason }, _) => format!("Failed at {stage}: {reason}."),
            (Ending::Ended { outcome }, None) => (*outcome).to_owned(),
            (Ending::Unfinished { stage }, None) => format!(
                "Unfinished: {stage} has left no report. It failed there, was broken off, or is still at it; `lurelight \
                 train --run {}` takes it up again.",
                reports.run
            ),
        }
    }
}
