//! Evaluate: the best of the candidates, measured on the folds that were held out, and registered.

use std::sync::Arc;

use lurelight_learn::train::conclude;
use lurelight_model::{Artifact, Card, Family, Figures};
use lurelight_store::{NewVersion, RunId, parse_digest};
use serde::{Deserialize, Serialize};

use crate::fit::read_candidate;
use crate::ingest::IngestReport;
use crate::run_folder::RunFolder;
use crate::transform::{TransformReport, read_part};
use crate::work::calculate;
use crate::{Error, Listener, Stage, Stores};

/// How many steps a conclusion has.
const STEPS: u64 = 6;

/// `evaluate.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvaluateReport {
    /// The run.
    pub run: RunId,
    /// The version under which the best candidate is registered.
    pub version: u64,
    /// SHA-256 of its artifact.
    pub model: String,
    /// Of each candidate what each fold of its cross-validation found, in the card's order.
    #[serde(default)]
    pub by_fold: Vec<CandidateFolds>,
    /// The families of which there is no candidate.
    pub failed: Vec<FailedFamily>,
    /// The card of this run. That of the registry is of the first run that made the model, with the candidates
    /// beside it then.
    pub card: Card,
}

/// What the folds of the cross-validation found of a candidate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CandidateFolds {
    /// Its family.
    pub family: Family,
    /// One fold after the other, at probability one half.
    pub cross_validated: Vec<Figures>,
}

/// A family of which there is no candidate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedFamily {
    /// The family.
    pub family: Family,
    /// Why.
    pub reason: String,
}

/// Lets the candidates vote, picks the best, measures it, and registers it as a version.
///
/// # Errors
///
/// [`Error::NoCandidate`] where every family failed.
pub async fn evaluate(run: &RunId, stores: &Stores, listener: &Listener) -> Result<EvaluateReport, Error> {
    listener.stage_begins(Stage::Evaluate, STEPS);
    let folder = RunFolder::new(&*stores.artifacts, run);
    let ingested: IngestReport = folder.report(Stage::Ingest).await?;
    let transformed: TransformReport = folder.report(Stage::Transform).await?;
    let options = ingested.request.training.clone();
    let (mut contenders, mut failed) = (Vec::new(), Vec::new());
    for family in options.searched() {
        match read_candidate(folder, family, &transformed.train.stored).await? {
            Ok(contender) => contenders.push(contender),
            Err(reason) => failed.push(FailedFamily { family, reason }),
        }
    }
    if contenders.is_empty() {
        return Err(Error::NoCandidate(
            failed.into_iter().map(|failed| (failed.family, failed.reason)).collect(),
        ));
    }

    let training = read_part(folder, &transformed.train).await?;
    let held_out = read_part(folder, &transformed.test).await?;
    let digest =
        parse_digest(&ingested.dataset).map_err(|error| folder.damaged(&ingested.snapshot.key, error))?;
    let heard = ConclusionProgress(Arc::clone(listener));
    let made = calculate(Stage::Evaluate, move || {
        Ok(conclude(&training, &held_out, digest, contenders, Vec::new(), &options, &heard)?)
    })
    .await?;

    let version = register(&made.artifact, &made.card, &ingested, stores).await?;
    let report = EvaluateReport {
        run: run.clone(),
        version,
        model: made.artifact.digest().to_string(),
        by_fold: made
            .by_fold
            .into_iter()
            .map(|(family, cross_validated)| CandidateFolds { family, cross_validated })
            .collect(),
        failed,
        card: made.card,
    };
    folder.put_report(Stage::Evaluate, &report).await?;
    listener.stage_ends(Stage::Evaluate);
    Ok(report)
}

/// Keeps the model and gives it a number; a run that does it again gets the number that it has.
async fn register(
    artifact: &Artifact,
    card: &Card,
    ingested: &IngestReport,
    stores: &Stores,
) -> Result<u64, Error> {
    let registry = stores.registry();
    registry.put_model(artifact, card).await?;
    let version = registry
        .register(NewVersion {
            model: artifact.digest().to_string(),
            run: ingested.request.run.clone(),
            dataset: ingested.dataset.clone(),
            family: card.family.to_string(),
            registered_at: ingested.request.at,
            program: ingested.request.program.clone(),
        })
        .await?;
    Ok(version.number)
}

struct ConclusionProgress(Listener);

impl lurelight_learn::Progress for ConclusionProgress {
    fn advance(&self) {
        self.0.stage_advances(Stage::Evaluate, 1);
    }
}
