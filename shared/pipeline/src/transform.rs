//! Transform: the split, and the imputer.

use lurelight_learn::split::{HELD_OUT_FOLDS, TRAINING_FOLDS, in_folds};
use lurelight_learn::{Dataset, TrainError, impute, train};
use lurelight_schema::Label;
use lurelight_store::RunId;
use serde::{Deserialize, Serialize};

use crate::ingest::IngestReport;
use crate::run_folder::{RunFolder, Stored};
use crate::validate::ValidateReport;
use crate::work::calculate;
use crate::{Error, Listener, Stage, Stores, rows, snapshot};

/// `transform.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TransformReport {
    /// The run.
    pub run: RunId,
    /// The digest of the usable records.
    pub valid_digest: String,
    /// Folds 3 to 9.
    pub train: Part,
    /// Folds 0 to 2.
    pub test: Part,
    /// The imputer that was fitted on folds 3 to 9; candidates that need one refit it inside each fold.
    pub imputer: Stored,
}

/// A part of the rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Where they are.
    pub stored: Stored,
    /// How many.
    pub rows: u64,
    /// Those labelled phishing.
    pub phishing: u64,
    /// Distinct feature vectors.
    pub distinct_vectors: u64,
}

/// Splits the usable rows by the hash of their features, holes kept, and fits the imputer.
///
/// # Errors
///
/// [`TrainError::TooFewVectors`] where a part has too few rows of a label.
pub async fn transform(run: &RunId, stores: &Stores, listener: &Listener) -> Result<TransformReport, Error> {
    listener.stage_begins(Stage::Transform, 2);
    let folder = RunFolder::new(&*stores.artifacts, run);
    let ingested: IngestReport = folder.report(Stage::Ingest).await?;
    let validated: ValidateReport = folder.report(Stage::Validate).await?;
    let records = snapshot::read(folder, &validated.valid, &validated.valid_digest, Stage::Transform).await?;
    listener.stage_advances(Stage::Transform, 1);

    let options = ingested.request.training;
    let (train, test, imputer) = calculate(Stage::Transform, move || {
        let data = Dataset::new(&records);
        train::check_parts(&data, options.cv_folds)?;
        let (train, test) = (in_folds(&data, TRAINING_FOLDS), in_folds(&data, HELD_OUT_FOLDS));
        let imputer = impute::fit_nearest_neighbours(&train, impute::NEIGHBOURS, options.seed);
        let imputer = postcard::to_stdvec(&imputer.map_err(TrainError::from)?)?;
        Ok((train, test, imputer))
    })
    .await?;

    let report = TransformReport {
        run: run.clone(),
        valid_digest: validated.valid_digest,
        train: part(folder, "train.bin", &train).await?,
        test: part(folder, "test.bin", &test).await?,
        imputer: folder.put("imputer.postcard", imputer).await?,
    };
    folder.put_report(Stage::Transform, &report).await?;
    listener.stage_ends(Stage::Transform);
    Ok(report)
}

async fn part(folder: RunFolder<'_>, name: &str, data: &Dataset) -> Result<Part, Error> {
    Ok(Part {
        stored: folder.put(name, rows::write(data)).await?,
        rows: data.row_count(),
        phishing: data.count(Label::Phishing),
        distinct_vectors: data.len() as u64,
    })
}

/// Reads one of the two parts.
pub(crate) async fn read_part(folder: RunFolder<'_>, part: &Part) -> Result<Dataset, Error> {
    let bytes = folder.get(&part.stored).await?;
    rows::read(&bytes).map_err(|error| folder.damaged(&part.stored.key, error))
}
