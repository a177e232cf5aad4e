//! A run as it is to be told, if it has ended.

use jiff::Timestamp;
use lurelight_store::RunId;

use super::Tracked;
use crate::reports::{self, RunReports};
use crate::run_failure::{RunFailure, find_failure};
use crate::{Error, Stage, Stores};

pub(super) struct Ended {
    pub(super) reports: RunReports,
    pub(super) failure: Option<RunFailure>,
    pub(super) tracked: Option<Tracked>,
}

impl Ended {
    pub(super) async fn read(run: &RunId, stores: &Stores) -> Result<Ended, Error> {
        Ok(Ended {
            reports: reports::of_run(run, stores).await?,
            failure: find_failure(run, stores).await?,
            tracked: Tracked::find(run, stores).await?,
        })
    }

    pub(super) fn succeeded(&self) -> bool {
        self.reports.promote.is_some()
    }

    pub(super) fn has_ended(&self) -> bool {
        self.succeeded() || self.failed().is_some()
    }

    /// Where and why it failed, unless it ended well after that.
    pub(super) fn failed(&self) -> Option<(String, String)> {
        if self.succeeded() {
            return None;
        }
        let written = self.failure.as_ref().map(|failure| {
            let cause = if failure.cause.is_empty() { &failure.error } else { &failure.cause };
            (failure.stage.clone(), cause.clone())
        });
        let found = || self.reports.dead_end().map(|(stage, reason)| (stage.to_string(), reason));
        written.or_else(found)
    }

    /// Whether a tracker shows all of it as it is now.
    pub(super) fn is_shown(&self, place: &str) -> bool {
        self.tracked.as_ref().is_some_and(|note| {
            note.place == place && note.unsent.is_none() && note.succeeded == self.succeeded()
        })
    }

    pub(super) fn started_at(&self) -> Option<Timestamp> {
        let asked = self.reports.ingest.as_ref().map(|ingest| ingest.request.at);
        asked.or_else(|| self.failure.as_ref().map(|failure| failure.at))
    }

    /// When it ended: as it was noted for this ending, else as it is known now, else as its failure says.
    pub(super) fn ended_at(&self, now: Option<Timestamp>) -> Option<Timestamp> {
        let noted = self.tracked.as_ref().filter(|note| note.succeeded == self.succeeded());
        let failed = || self.failure.as_ref().filter(|_| !self.succeeded()).map(|failure| failure.at);
        noted.and_then(|note| note.ended_at).or(now).or_else(failed)
    }

    /// The stage in which it failed, for a tag.
    pub(super) fn stage(&self) -> Option<String> {
        self.failed().map(|(stage, _)| stage).filter(|stage| !stage.is_empty())
    }
}

impl RunReports {
    /// The stage at which the run cannot go on with these rows, and why; `None` where it can, or has ended.
    #[must_use]
    pub fn dead_end(&self) -> Option<(Stage, String)> {
        use crate::FitOutcome::Failed;
        if self.promote.is_some() {
            return None;
        }
        if let Some(reason) = self.useless_rows() {
            return Some((Stage::Validate, reason));
        }
        let searched = self.ingest.as_ref().map_or(0, |ingest| ingest.request.training.searched().count());
        let all_fitted = searched > 0 && self.candidates.len() >= searched;
        let all_failed = self.candidates.iter().all(|report| matches!(report.outcome, Failed { .. }));
        (all_fitted && self.evaluate.is_none() && all_failed)
            .then(|| (Stage::Fit, "no family could be fitted".to_owned()))
    }

    /// Why no model can be made of the rows, where that is so.
    fn useless_rows(&self) -> Option<String> {
        let validate = self.validate.as_ref()?;
        match (validate.quality.phishing, validate.quality.legitimate) {
            (0, 0) => Some(format!("none of the {} rows can be used", validate.rows)),
            (_, 0) => Some("all usable rows are labelled phishing".to_owned()),
            (0, _) => Some("all usable rows are labelled legitimate".to_owned()),
            _ => None,
        }
    }
}
