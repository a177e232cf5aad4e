//! Reading what runs left behind.

use std::collections::BTreeSet;

use lurelight_learn::Dataset;
use lurelight_schema::Record;
use lurelight_store::RunId;
use serde::Serialize;

use crate::drift::DriftReport;
use crate::evaluate::EvaluateReport;
use crate::fit::FitReport;
use crate::ingest::IngestReport;
use crate::promote::PromoteReport;
use crate::run_folder::RunFolder;
use crate::transform::{TransformReport, read_part};
use crate::validate::ValidateReport;
use crate::{Error, Stage, Stores, snapshot};

const RUNS: &str = "runs/";

/// The reports of a run, as far as it got.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunReports {
    /// The run.
    pub run: RunId,
    /// What it read.
    pub ingest: Option<IngestReport>,
    /// What the rows are like.
    pub validate: Option<ValidateReport>,
    /// Whether they have drifted.
    pub drift: Option<DriftReport>,
    /// The split.
    pub transform: Option<TransformReport>,
    /// The candidates, in the order of the request's families.
    pub candidates: Vec<FitReport>,
    /// The best of them.
    pub evaluate: Option<EvaluateReport>,
    /// How it ended.
    pub promote: Option<PromoteReport>,
}

impl RunReports {
    /// The last stage that left its report; `None` where there is no such run.
    #[must_use]
    pub fn last_stage(&self) -> Option<Stage> {
        let ended = [
            (Stage::Promote, self.promote.is_some()),
            (Stage::Evaluate, self.evaluate.is_some()),
            (Stage::Fit, !self.candidates.is_empty()),
            (Stage::Transform, self.transform.is_some()),
            (Stage::Validate, self.validate.is_some()),
            (Stage::Ingest, self.ingest.is_some()),
        ];
        ended.into_iter().find(|(_, ended)| *ended).map(|(stage, _)| stage)
    }
}

/// The names of all runs, in the order of their names.
///
/// # Errors
///
/// Those of the store.
pub async fn runs(stores: &Stores) -> Result<Vec<RunId>, Error> {
    let entries = stores.artifacts.list(RUNS).await?;
    let name = |key: &str| key.strip_prefix(RUNS)?.split('/').next()?.parse().ok();
    let names: BTreeSet<RunId> = entries.iter().filter_map(|entry| name(entry.key.as_str())).collect();
    Ok(names.into_iter().collect())
}

/// The reports of a run, as far as it got.
///
/// # Errors
///
/// [`Error::Damaged`] for a report that cannot be read, and those of the store.
pub async fn of_run(run: &RunId, stores: &Stores) -> Result<RunReports, Error> {
    let folder = RunFolder::new(&*stores.artifacts, run);
    let ingest: Option<IngestReport> = folder.find_report(Stage::Ingest).await?;
    let mut candidates = Vec::new();
    for family in ingest.iter().flat_map(|ingested| ingested.request.training.searched()) {
        candidates.extend(crate::fit::find(folder, family).await?);
    }
    Ok(RunReports {
        run: run.clone(),
        ingest,
        validate: folder.find_report(Stage::Validate).await?,
        drift: folder.find_json("drift.json").await?,
        transform: folder.find_report(Stage::Transform).await?,
        candidates,
        evaluate: folder.find_report(Stage::Evaluate).await?,
        promote: folder.find_report(Stage::Promote).await?,
    })
}

/// All records that a run read, ordered by batch and row.
///
/// # Errors
///
/// [`Error::NotYet`] where the run read none, [`Error::Damaged`], and those of the store.
pub async fn records(run: &RunId, stores: &Stores) -> Result<Vec<Record>, Error> {
    let folder = RunFolder::new(&*stores.artifacts, run);
    let ingested: IngestReport = folder.report(Stage::Ingest).await?;
    snapshot::read(folder, &ingested.snapshot, &ingested.dataset, Stage::Ingest).await
}

/// The rows that a run trained on (folds 3 to 9), and those that it tested on (folds 0 to 2).
///
/// # Errors
///
/// As [`records`].
pub async fn split(run: &RunId, stores: &Stores) -> Result<(Dataset, Dataset), Error> {
    let folder = RunFolder::new(&*stores.artifacts, run);
    let transformed: TransformReport = folder.report(Stage::Transform).await?;
    Ok((read_part(folder, &transformed.train).await?, read_part(folder, &transformed.test).await?))
}
