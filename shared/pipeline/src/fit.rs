//! Fit: one family's candidate.

use std::collections::BTreeMap;
use std::sync::Arc;

use lurelight_learn::train::{Contender, GridPoint, contend};
use lurelight_model::{Family, Figures};
use lurelight_store::RunId;
use serde::{Deserialize, Serialize};

use crate::ingest::IngestReport;
use crate::run_folder::{RunFolder, Stored};
use crate::transform::{TransformReport, read_part};
use crate::work::calculate;
use crate::{Error, Listener, Stage, Stores};

/// `candidates/<family>.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FitReport {
    /// The run.
    pub run: RunId,
    /// The family.
    pub family: Family,
    /// The rows that it was fitted on.
    pub train: Stored,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: FitOutcome,
}

/// What came of a fit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum FitOutcome {
    /// There is a candidate.
    Fitted {
        /// The parameters of the best point.
        parameters: BTreeMap<String, String>,
        /// Means over the folds of the cross-validation at probability one half.
        cross_validated: Figures,
        /// Every point of the grid with its figures.
        grid: Vec<GridPoint>,
        /// What was fitted.
        model: Stored,
    },
    /// There is none; the run goes on with the other families.
    Failed {
        /// Why.
        reason: String,
    },
}

/// Searches a family's grid on the training folds and fits its best point.
///
/// # Errors
///
/// Those of the stores. A family that cannot be fitted is no error: the report says why.
pub async fn fit(
    run: &RunId,
    family: Family,
    stores: &Stores,
    listener: &Listener,
) -> Result<FitReport, Error> {
    let folder = RunFolder::new(&*stores.artifacts, run);
    let ingested: IngestReport = folder.report(Stage::Ingest).await?;
    let transformed: TransformReport = folder.report(Stage::Transform).await?;
    let training = read_part(folder, &transformed.train).await?;

    let options = ingested.request.training;
    let heard = SearchProgress { family, listener: Arc::clone(listener) };
    let fitted = calculate(Stage::Fit, move || match contend(family, &training, &options, &heard) {
        Ok(contender) => Ok(Ok((postcard::to_stdvec(&contender)?, contender))),
        Err(error) => Ok(Err(error.to_string())),
    });
    // Whatever a family does to its thread, the others go on.
    let fitted = match fitted.await {
        Err(Error::BrokenOff { reason, .. }) => Err(reason),
        fitted => fitted?,
    };
    listener.candidate_ends(family, fitted.as_ref().err().map(String::as_str));
    let outcome = match fitted {
        Ok((bytes, contender)) => FitOutcome::Fitted {
            parameters: contender.parameters(),
            cross_validated: lurelight_learn::evaluate::round_figures(&contender.cross_validated),
            grid: contender.grid,
            model: folder.put(&model_name(family), bytes).await?,
        },
        Err(reason) => FitOutcome::Failed { reason },
    };
    let report = FitReport { run: run.clone(), family, train: transformed.train.stored, outcome };
    folder.put_json(&report_name(family), &report).await?;
    Ok(report)
}

/// The report of a family, where it left one.
pub(crate) async fn find(folder: RunFolder<'_>, family: Family) -> Result<Option<FitReport>, Error> {
    folder.find_json(&report_name(family)).await
}

/// What a family left behind: a contender, or why there is none.
pub(crate) async fn read_candidate(
    folder: RunFolder<'_>,
    family: Family,
    train: &Stored,
) -> Result<Result<Contender, String>, Error> {
    let Some(report) = find(folder, family).await? else {
        return Ok(Err("it left no report: its stage was broken off, or never run".to_owned()));
    };
    if report.train.sha256 != train.sha256 {
        return Ok(Err("its report is about other rows: fit it again".to_owned()));
    }
    let model = match report.outcome {
        FitOutcome::Failed { reason } => return Ok(Err(reason)),
        FitOutcome::Fitted { model, .. } => model,
    };
    let bytes = folder.get(&model).await?;
    match postcard::take_from_bytes::<Contender>(&bytes) {
        Ok((contender, [])) => Ok(Ok(contender)),
        Ok((_, rest)) => {
            Err(folder.damaged(&model.key, format!("{} bytes stand behind the candidate", rest.len())))
        }
        Err(error) => Err(folder.damaged(&model.key, error)),
    }
}

fn report_name(family: Family) -> String {
    format!("candidates/{}.json", family_name(family))
}

fn model_name(family: Family) -> String {
    format!("candidates/{}.model", family_name(family))
}

/// The family as JSON writes it, which is one segment of a key.
pub(crate) fn family_name(family: Family) -> String {
    serde_json::to_value(family).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

struct SearchProgress {
    family: Family,
    listener: Listener,
}

impl lurelight_learn::Progress for SearchProgress {
    fn begin(&self, _stage: lurelight_learn::Stage, steps: u64) {
        self.listener.candidate_begins(self.family, steps);
    }

    fn advance(&self) {
        self.listener.candidate_advances(self.family);
    }
}
