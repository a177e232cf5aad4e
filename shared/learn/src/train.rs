//! The whole protocol, from records to a model and its card.
//!
//! Search, calibration and threshold see folds 3 to 9 of the hash split alone; folds 0 to 2 are only
//! measured. The champion is the candidate with the best cross-validated F1 of phishing.

use lurelight_model::{
    Artifact, ArtifactError, Candidate, Card, DataSummary, Family, FeatureCounts, HeldOut, InvalidModel,
    Model, ModelParts, RandomSplit,
};
use lurelight_schema::{Code, CodeSet, FEATURE_COUNT, Feature, Label, Record, RecordsDigest};

use crate::calibrate::{ThresholdRule, calibrated, choose_calibration, choose_threshold};
use crate::evaluate::{evaluate, round_figures, rounded};
use crate::importance::permutation_importance;
use crate::metrics::{Ranking, Scored};
use crate::search::{CrossValidated, CrossValidation, better, figures, score, search};
use crate::split::{self, DECISION_FOLDS, HELD_OUT_FOLDS, REPORT_FOLD, TRAINING_FOLDS, in_folds};
use crate::{Dataset, Estimator, FitError, Fitted, grid};

/// What a training may choose.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainOptions {
    /// The seed of everything random.
    pub seed: u64,
    /// How many folds the cross-validation has, 2 or more.
    pub cv_folds: usize,
    /// How the threshold is chosen.
    pub threshold: ThresholdRule,
    /// The families that are tried.
    pub families: Vec<Family>,
}

impl Default for TrainOptions {
    /// Seed 42, three folds, best F1, every family.
    fn default() -> TrainOptions {
        TrainOptions {
            seed: 42,
            cv_folds: 3,
            threshold: ThresholdRule::BestF1,
            families: Family::ALL.to_vec(),
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
}

/// Hears how a training goes. `()` listens to nothing.
pub trait Progress: Sync {
    /// A stage of so many steps begins; the one before it has ended.
    fn begin(&self, _stage: Stage, _steps: u64) {}

    /// A step is done. Called from several threads.
    fn advance(&self) {}
}

impl Progress for () {}

/// Trains on labelled records.
///
/// # Errors
///
/// See [`TrainError`]. A family that cannot be fitted is left out; all failing is an error.
pub fn train(
    records: &[Record],
    options: &TrainOptions,
    progress: &dyn Progress,
) -> Result<Training, TrainError> {
    check_options(options)?;
    let data = Dataset::new(records);
    let training = in_folds(&data, TRAINING_FOLDS);
    check_parts(&data, &training, options.cv_folds)?;
    let held_out = in_folds(&data, HELD_OUT_FOLDS);

    let cross_validation = CrossValidation::new(training.clone(), options.cv_folds, options.seed);
    let (contenders, failed) = contenders(&training, &cross_validation, options, progress)?;
    let Some(champion) = contenders.first() else { return Err(TrainError::Options("no family to train")) };

    let calibration = choose_calibration(&champion.found.out_of_fold, cross_validation.folds());
    let out_of_fold: Vec<Scored> =
        champion.found.out_of_fold.iter().map(|s| calibrated(s, calibration)).collect();
    let model = Model::new(ModelParts {
        known_codes: known_codes(&training),
        imputer: champion.fitted.imputer,
        classifier: champion.fitted.classifier.clone(),
        calibration,
        threshold: choose_threshold(&out_of_fold, options.threshold),
    })?;

    progress.begin(Stage::Evaluate, 3);
    let held_out_figures = evaluate_held_out(&model, &data, options.seed, progress);
    progress.begin(Stage::RandomSplit, 1);
    let random_split = random_split(&champion.estimator, records, options.seed)?;
    progress.advance();
    progress.begin(Stage::Importance, 1);
    let importance = permutation_importance(&model, &held_out, options.seed);
    progress.advance();

    let artifact = Artifact::new(model)?;
    let card = Card {
        model: artifact.digest().to_string(),
        family: champion.estimator.family(),
        parameters: champion.estimator.parameters(),
        score_unit: artifact.model().classifier().unit(),
        seed: options.seed,
        data: summary(records, &data),
        calibration,
        threshold: artifact.model().threshold(),
        threshold_rule: options.threshold.to_string(),
        candidates: contenders.iter().map(|contender| contender.card(&held_out)).collect(),
        held_out: held_out_figures,
        random_split,
        category_counts: category_counts(&training),
        importance,
    };
    Ok(Training { artifact, card, failed })
}

/// A family's best point, fitted on all training folds.
struct Contender {
    estimator: Estimator,
    grid_points: usize,
    found: CrossValidated,
    fitted: Fitted,
}

impl Contender {
    fn card(&self, held_out: &Dataset) -> Candidate {
        Candidate {
            family: self.estimator.family(),
            parameters: self.estimator.parameters(),
            grid_points: self.grid_points as u64,
            cross_validated: round_figures(&self.found.figures),
            held_out: round_figures(&figures(held_out, &self.fitted)),
        }
    }
}

type Failures = Vec<(Family, FitError)>;

/// The best of each family, the best of all first.
fn contenders(
    training: &Dataset,
    cross_validation: &CrossValidation,
    options: &TrainOptions,
    progress: &dyn Progress,
) -> Result<(Vec<Contender>, Failures), TrainError> {
    let mut contenders = Vec::new();
    let mut failed = Vec::new();
    for &family in &options.families {
        let grid = grid(family);
        progress.begin(Stage::Candidate(family), (grid.len() * cross_validation.k() + 1) as u64);
        let contender = search(&grid, cross_validation, options.seed, &|| progress.advance()).and_then(
            |(estimator, found)| {
                let fitted = estimator.fit(training, options.seed)?;
                Ok(Contender { estimator, grid_points: grid.len(), found, fitted })
            },
        );
        progress.advance();
        match contender {
            Ok(contender) => contenders.push(contender),
            Err(error) => failed.push((family, error)),
        }
    }
    if let (true, Some((family, source))) = (contenders.is_empty(), failed.first().cloned()) {
        return Err(TrainError::NoCandidate { family, source });
    }
    // A stable sort: of equals the simpler family, which was tried first, stays in front.
    contenders.sort_by(|a, b| {
        let ahead = better(&a.found.figures, &b.found.figures);
        let behind = better(&b.found.figures, &a.found.figures);
        behind.cmp(&ahead)
    });
    Ok((contenders, failed))
}

fn check_options(options: &TrainOptions) -> Result<(), TrainError> {
    if options.families.is_empty() {
        return Err(TrainError::Options("at least one family must be tried"));
    }
    if !(2..=20).contains(&options.cv_folds) {
        return Err(TrainError::Options("the cross-validation needs 2 to 20 folds"));
    }
    match options.threshold {
        ThresholdRule::MaxFalsePositiveRate(rate) if !(0.0..1.0).contains(&rate) => {
            Err(TrainError::Options("the false positive rate must be at least 0 and below 1"))
        }
        _ => Ok(()),
    }
}

fn check_parts(data: &Dataset, training: &Dataset, cv_folds: usize) -> Result<(), TrainError> {
    let decision = in_folds(data, DECISION_FOLDS);
    let report = in_folds(data, REPORT_FOLD..=REPORT_FOLD);
    let parts = [
        ("the training folds (3 to 9 of the hash split)", training, cv_folds),
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

fn evaluate_held_out(model: &Model, data: &Dataset, seed: u64, progress: &dyn Progress) -> HeldOut {
    let part = |folds| {
        let scored = score(&in_folds(data, folds), |vector| model.probability(vector));
        let evaluation = evaluate(&scored, model.threshold(), seed);
        progress.advance();
        evaluation
    };
    HeldOut {
        decision: part(DECISION_FOLDS),
        report: part(REPORT_FOLD..=REPORT_FOLD),
        all: part(HELD_OUT_FOLDS),
    }
}

/// The predecessor's protocol for one estimator: rows split at random, so that most tested vectors were
/// trained on as well.
///
/// # Errors
///
/// See [`FitError`].
pub fn random_split(estimator: &Estimator, records: &[Record], seed: u64) -> Result<RandomSplit, FitError> {
    let (train, test) = split::random_70_30(records, seed);
    let (train, test) = (Dataset::new(&train), Dataset::new(&test));
    let fitted = estimator.fit(&train, seed)?;
    let scored = score(&test, |vector| fitted.probability(vector));
    let ranking = Ranking::new(&scored);
    let confusion = ranking.confusion(0.5);
    let legitimate_right = 2.0 * confusion.true_negatives as f64;
    let errors = (confusion.false_negatives + confusion.false_positives) as f64;
    let seen = test.filter(|row| train.rows().binary_search_by_key(&row.vector, |seen| seen.vector).is_ok());
    Ok(RandomSplit {
        test_rows: test.row_count(),
        seen_share: rounded(seen.row_count() as f64 / test.row_count() as f64),
        f1_legitimate: rounded(legitimate_right / (legitimate_right + errors)),
        figures: round_figures(&ranking.measure(0.5).figures),
    })
}

fn known_codes(data: &Dataset) -> [CodeSet; FEATURE_COUNT] {
    let counts = [Label::Phishing, Label::Legitimate].map(|label| data.code_counts(label));
    Feature::ALL.map(|feature| {
        let seen = |code: &Code| counts.iter().any(|counts| counts[feature.index()][*code as usize] > 0);
        Code::ALL.into_iter().filter(seen).fold(CodeSet::EMPTY, CodeSet::with)
    })
}

fn category_counts(data: &Dataset) -> Vec<FeatureCounts> {
    let [phishing, legitimate] = [Label::Phishing, Label::Legitimate].map(|label| data.code_counts(label));
    Feature::ALL
        .into_iter()
        .map(|feature| FeatureCounts {
            feature: feature.name().to_owned(),
            phishing: phishing[feature.index()],
            legitimate: legitimate[feature.index()],
        })
        .collect()
}

fn summary(records: &[Record], data: &Dataset) -> DataSummary {
    DataSummary {
        digest: RecordsDigest::of(records).to_string(),
        rows: data.row_count(),
        phishing: data.count(Label::Phishing),
        legitimate: data.count(Label::Legitimate),
        distinct_vectors: data.len() as u64,
        conflicting_vectors: data.conflicts(),
        missing_cells: records.iter().map(|record| u64::from(record.vector.missing_count())).sum(),
        fold_rows: split::fold_rows(data),
    }
}
