//! The whole protocol, from records to a model and its card.
//!
//! Search, calibration and threshold see folds 3 to 9 of the hash split alone; folds 0 to 2 are only
//! measured. The champion is the candidate with the best F1 of phishing in a cross-validation that its search did not see.
//!
//! [`train`] does everything in one process. Its two halves can be called apart, by whoever fits candidates on
//! several machines: [`contend`] for each family, then [`conclude`].

use lurelight_model::{Artifact, ArtifactError, Card, Family, Figures, InvalidModel};
use lurelight_schema::{Record, RecordsDigest};
use serde::{Deserialize, Serialize};

pub use crate::conclude::{conclude, random_split};
pub use crate::contend::{Contender, GridPoint, contend};

use crate::calibrate::ThresholdRule;
use crate::division::Protocol;
use crate::holes::MAX_MASKED_COPIES;
use crate::search::CrossValidation;
use crate::split::{DECISION_FOLDS, HELD_OUT_FOLDS, REPORT_FOLD, TRAINING_FOLDS, in_folds};
use crate::{Dataset, FitError};

/// What a training may choose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainOptions {
    /// The seed of everything random.
    pub seed: u64,
    /// How many folds the cross-validation has by which grids are searched, 2 or more.
    pub cv_folds: usize,
    /// How the threshold is chosen.
    pub threshold: ThresholdRule,
    /// The families that are tried; a soft vote is made of the others.
    pub families: Vec<Family>,
    /// How many folds the cross-validation has by which the families are compared, and the champion is calibrated, 2 or
    /// more: with few, its models learn so much less than the champion that the scores are another's.
    pub comparison_folds: usize,
    /// How many distinct vectors grids are searched on, drawn by the seed where there are more. The best point is
    /// then fitted on all.
    pub search_vectors: usize,
    /// How many copies of the rows trees learn beside them, in which cells are masked at random: so they learn what to do
    /// with missing values. `None`: as many as each family asks for, which the blend does alone.
    pub masked_copies: Option<usize>,
}

impl Default for TrainOptions {
    /// Seed 42, three folds to search by and ten to compare by, best F1, every family, searched on at most 20,000 distinct
    /// vectors.
    fn default() -> TrainOptions {
        TrainOptions {
            seed: 42,
            cv_folds: 3,
            comparison_folds: 10,
            threshold: ThresholdRule::BestF1,
            families: Family::ALL.to_vec(),
            search_vectors: 20_000,
            masked_copies: None,
        }
    }
}

/// What a training made.
#[derive(Clone, Debug)]
pub struct Training {
    /// The champion.
    pub artifact: Artifact,
    /// What there is to say of it.
    pub card: Card,
    /// Of each candidate, in the card's order, what each fold of the cross-validation found at probability one half.
    pub by_fold: Vec<(Family, Vec<Figures>)>,
    /// Families of which no grid point could be fitted, and why.
    pub failed: Vec<(Family, FitError)>,
}

/// Why there is no model.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// Too few distinct vectors of either label somewhere.
    #[error(
        "{part} have {phishing} distinct phishing and {legitimate} distinct legitimate vectors, and at least {least} of \
         each are needed: rows are split by a hash of their features, so more distinct rows of both labels are the \
         only remedy"
    )]
    TooFewVectors {
        /// Which rows.
        part: &'static str,
        /// Distinct vectors with a phishing row.
        phishing: usize,
        /// Distinct vectors with a legitimate row.
        legitimate: usize,
        /// How many are needed.
        least: usize,
    },
    /// No family could be fitted.
    #[error("no candidate could be fitted; the first error, of {family}: {source}")]
    NoCandidate {
        /// The first family.
        family: Family,
        /// Its error.
        source: FitError,
    },
    /// No family was asked for, or a number is out of its range.
    #[error("{0}")]
    Options(&'static str),
    /// A fit failed that had worked in cross-validation.
    #[error(transparent)]
    Fit(#[from] FitError),
    /// The parts make no model.
    #[error(transparent)]
    Model(#[from] InvalidModel),
    /// The model cannot be written down.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}

/// A part of a training that takes a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Searching a family's grid and fitting its best point.
    Candidate(Family),
    /// Bootstrap intervals on the folds that were held out.
    Evaluate,
    /// The random split that others publish.
    RandomSplit,
    /// Shuffling features.
    Importance,
    /// Fitting and testing by a protocol.
    Protocol(Protocol),
    /// Intervals of everything that was tested.
    Intervals,
    /// Fitting and testing rows with holes.
    Holes,
}

/// Hears how a training goes. `()` listens to nothing.
pub trait Progress: Sync {
    /// A stage of so many steps begins; the one before it has ended.
    fn begin(&self, _stage: Stage, _steps: u64) {}

    /// A step is done. Called from several threads.
    fn advance(&self) {}
}

impl Progress for () {}

impl TrainOptions {
    /// The families whose grids are searched: all that were asked for but the vote.
    pub fn searched(&self) -> impl Iterator<Item = Family> + '_ {
        self.families.iter().copied().filter(|family| *family != Family::SoftVote)
    }

    /// Checks each option.
    ///
    /// # Errors
    ///
    /// [`TrainError::Options`].
    pub fn check(&self) -> Result<(), TrainError> {
        if self.searched().next().is_none() {
            return Err(TrainError::Options("at least one family must be tried, and a vote needs others"));
        }
        if ![self.cv_folds, self.comparison_folds].iter().all(|folds| (2..=20).contains(folds)) {
            return Err(TrainError::Options("each cross-validation needs 2 to 20 folds"));
        }
        if self.masked_copies.is_some_and(|copies| copies > MAX_MASKED_COPIES) {
            return Err(TrainError::Options("trees learn 64 masked copies at most"));
        }
        if self.search_vectors < 100 {
            return Err(TrainError::Options("grids are searched on 100 distinct vectors or more"));
        }
        match self.threshold {
            ThresholdRule::MaxFalsePositiveRate(rate) if !(0.0..1.0).contains(&rate) => {
                Err(TrainError::Options("the false positive rate must be at least 0 and below 1"))
            }
            _ => Ok(()),
        }
    }

    /// The folds within the training folds by which grids are searched: the same for every family.
    #[must_use]
    pub fn cross_validation(&self, training: &Dataset) -> CrossValidation {
        CrossValidation::new(training.sample(self.search_vectors, self.seed), self.cv_folds, self.seed)
            .with_masked_copies(self.masked_copies)
    }

    /// Other folds of the same vectors, by which the best points of the families are compared and the champion is
    /// calibrated; fewer where there are fewer vectors of a label. On the folds of its own search the best of many points
    /// is flattered, the more so the larger its grid.
    #[must_use]
    pub fn comparison(&self, training: &Dataset) -> CrossValidation {
        let sample = training.sample(self.search_vectors, self.seed);
        let vectors =
            |of: fn(&crate::DistinctRow) -> u32| sample.rows().iter().filter(|row| of(row) > 0).count();
        let rarer = vectors(|row| row.phishing).min(vectors(|row| row.legitimate));
        CrossValidation::new(sample, self.comparison_folds.min(rarer).max(2), self.seed.wrapping_add(1 << 32))
            .with_masked_copies(self.masked_copies)
    }
}

/// Trains on labelled records. Their order changes nothing but the digest in the card.
///
/// # Errors
///
/// See [`TrainError`]. A family that cannot be fitted is left out; all failing is an error.
pub fn train(
    records: &[Record],
    options: &TrainOptions,
    progress: &dyn Progress,
) -> Result<Training, TrainError> {
    options.check()?;
    let data = Dataset::new(records);
    check_parts(&data, options.cv_folds)?;
    let training = in_folds(&data, TRAINING_FOLDS);
    let held_out = in_folds(&data, HELD_OUT_FOLDS);
    let (mut contenders, mut failed) = (Vec::new(), Vec::new());
    for family in options.searched() {
        match contend(family, &training, options, progress) {
            Ok(contender) => contenders.push(contender),
            Err(error) => failed.push((family, error)),
        }
    }
    conclude(&training, &held_out, RecordsDigest::of(records), contenders, failed, options, progress)
}

/// Checks that there is enough of either label everywhere.
///
/// # Errors
///
/// [`TrainError::TooFewVectors`].
pub fn check_parts(data: &Dataset, cv_folds: usize) -> Result<(), TrainError> {
    let training = in_folds(data, TRAINING_FOLDS);
    let decision = in_folds(data, DECISION_FOLDS);
    let report = in_folds(data, REPORT_FOLD..=REPORT_FOLD);
    let parts = [
        ("the training folds (3 to 9 of the hash split)", &training, cv_folds),
        ("the decision folds (0 and 1 of the hash split)", &decision, 1),
        ("the report fold (2 of the hash split)", &report, 1),
    ];
    for (part, data, least) in parts {
        let phishing = data.rows().iter().filter(|row| row.phishing > 0).count();
        let legitimate = data.rows().iter().filter(|row| row.legitimate > 0).count();
        if phishing < least || legitimate < least {
            return Err(TrainError::TooFewVectors { part, phishing, legitimate, least });
        }
    }
    Ok(())
}
