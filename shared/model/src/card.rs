//! The model card: what a model is, what it was made of and how good it is.
//!
//! A card is a function of data, configuration and seed alone: it names no time, no commit, no file. Its
//! figures are rounded to six decimals. Phishing is the positive class.

use std::collections::BTreeMap;

use lurelight_schema::Label;
use serde::{Deserialize, Serialize};

use crate::{Calibration, Family, ScoreUnit};

/// The contents of `card.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// SHA-256 of the artifact that this card describes, in hexadecimal digits.
    pub model: String,
    /// The champion's family.
    pub family: Family,
    /// The champion's parameters by name.
    pub parameters: BTreeMap<String, String>,
    /// The unit of the classifier's raw score.
    pub score_unit: ScoreUnit,
    /// The seed of everything random.
    pub seed: u64,
    /// The labelled rows.
    pub data: DataSummary,
    /// How the classifier's probability becomes the reported one.
    pub calibration: Calibration,
    /// The probability from which a row is called phishing.
    pub threshold: f64,
    /// How the threshold was chosen, in words.
    pub threshold_rule: String,
    /// What other thresholds would do, rising in steps of .05.
    pub thresholds: Vec<ThresholdErrors>,
    /// The best of each family, the champion first.
    pub candidates: Vec<Candidate>,
    /// The champion on folds that no model was trained on.
    pub held_out: HeldOut,
    /// The champion's family and parameters by the protocol that others publish.
    pub random_split: RandomSplit,
    /// How often each feature had each value in the training folds, in the order of the header.
    pub category_counts: Vec<FeatureCounts>,
    /// What each feature is worth to the champion on folds 0 to 2, the greatest loss without it first.
    pub importance: Vec<FeatureImportance>,
}

/// Both errors of the champion at a threshold, calibrated.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ThresholdErrors {
    /// The probability from which a row would be called phishing.
    pub threshold: f64,
    /// On out-of-fold scores of the training folds, by which a threshold is chosen.
    pub out_of_fold: ErrorRates,
    /// On folds 0 to 2, which no version is trained on.
    pub held_out: ErrorRates,
}

/// The shares of rows that are called wrong, by label.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ErrorRates {
    /// Of the legitimate rows, those called phishing.
    pub false_positive_rate: f64,
    /// Of the phishing rows, those called legitimate.
    pub false_negative_rate: f64,
}

/// The labelled rows that a training read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataSummary {
    /// SHA-256 of the records, in hexadecimal digits; the same for a CSV and an ARFF of the same rows.
    pub digest: String,
    /// Rows.
    pub rows: u64,
    /// Rows labelled phishing.
    pub phishing: u64,
    /// Rows labelled legitimate.
    pub legitimate: u64,
    /// Distinct feature vectors.
    pub distinct_vectors: u64,
    /// Distinct feature vectors that carry both labels.
    pub conflicting_vectors: u64,
    /// Cells without a value.
    pub missing_cells: u64,
    /// Rows in each of the ten folds of the hash split.
    pub fold_rows: [u64; 10],
}

/// The best parameters of one family.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Its family.
    pub family: Family,
    /// Its parameters by name.
    pub parameters: BTreeMap<String, String>,
    /// How many points of the family's grid were compared.
    pub grid_points: u64,
    /// Means over the folds of the grouped cross-validation at probability one half.
    pub cross_validated: Figures,
    /// On folds 0 to 2 at probability one half, not calibrated, fitted on folds 3 to 9.
    pub held_out: Figures,
}

/// One value for each metric: a figure, or with [`Estimate`] a figure and its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figures<T = f64> {
    /// Share of rows called right.
    pub accuracy: T,
    /// Share of phishing among rows called phishing.
    pub precision: T,
    /// Share of phishing rows called phishing.
    pub recall: T,
    /// Harmonic mean of precision and recall.
    pub f1: T,
    /// Area under the receiver operating characteristic.
    pub roc_auc: T,
    /// Average precision.
    pub pr_auc: T,
    /// Mean negative natural logarithm of the label's probability.
    pub log_loss: T,
    /// Mean squared difference of probability and label.
    pub brier: T,
}

impl Figures {
    /// How each metric is got from figures, for what has to be done with every one of them.
    pub const ACCESSORS: Figures<fn(&Figures) -> f64> = Figures {
        accuracy: |figures| figures.accuracy,
        precision: |figures| figures.precision,
        recall: |figures| figures.recall,
        f1: |figures| figures.f1,
        roc_auc: |figures| figures.roc_auc,
        pr_auc: |figures| figures.pr_auc,
        log_loss: |figures| figures.log_loss,
        brier: |figures| figures.brier,
    };
}

impl<T> Figures<T> {
    /// The figures that `f` makes of these, metric by metric.
    #[must_use]
    pub fn map<U>(self, f: impl Fn(T) -> U) -> Figures<U> {
        Figures {
            accuracy: f(self.accuracy),
            precision: f(self.precision),
            recall: f(self.recall),
            f1: f(self.f1),
            roc_auc: f(self.roc_auc),
            pr_auc: f(self.pr_auc),
            log_loss: f(self.log_loss),
            brier: f(self.brier),
        }
    }
}

/// The champion on the folds that were kept away from training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeldOut {
    /// Folds 0 and 1, which decide promotions.
    pub decision: Evaluation,
    /// Fold 2, which is only reported.
    pub report: Evaluation,
    /// Folds 0 to 2 together.
    pub all: Evaluation,
}

/// Calibrated probabilities held against labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Rows.
    pub rows: u64,
    /// Distinct feature vectors.
    pub distinct_vectors: u64,
    /// The probability from which a row is called phishing.
    pub threshold: f64,
    /// The four counts at the threshold.
    pub confusion: Confusion,
    /// The metrics at the threshold, each with its interval.
    pub metrics: Metrics,
    /// The 95 % point of the calibration error of a perfectly calibrated model on as many vectors.
    pub ece_null_p95: f64,
    /// False positive rate and true positive rate.
    pub roc: Curve,
    /// Recall and precision.
    pub precision_recall: Curve,
    /// Ten bins of about equal count.
    pub reliability: Vec<ReliabilityBin>,
}

/// Rows by label and verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confusion {
    /// Phishing called phishing.
    pub true_positives: u64,
    /// Legitimate called phishing.
    pub false_positives: u64,
    /// Phishing called legitimate.
    pub false_negatives: u64,
    /// Legitimate called legitimate.
    pub true_negatives: u64,
}

/// A metric and its 95 % interval from a bootstrap over distinct feature vectors.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// On the rows as they are.
    pub value: f64,
    /// The 2.5 % point of the draws.
    pub low: f64,
    /// The 97.5 % point of the draws.
    pub high: f64,
}

/// The metrics of an [`Evaluation`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Those that every candidate has, here with intervals.
    #[serde(flatten)]
    pub figures: Figures<Estimate>,
    /// Expected calibration error over ten bins of about equal count.
    pub ece: Estimate,
}

/// Points of a curve, thinned out to at most 200.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Curve(pub Vec<(f64, f64)>);

/// Rows of about equal probability.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// Rows in the bin.
    pub rows: u64,
    /// Mean probability of phishing.
    pub predicted: f64,
    /// Share of phishing.
    pub observed: f64,
}

/// A random split of the rows, seven to three, as the predecessor and most publications measure.
/// Identical rows stand on both sides of it, so it flatters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RandomSplit {
    /// Rows that were tested.
    pub test_rows: u64,
    /// The share of tested rows whose feature vector was trained on as well.
    pub seen_share: f64,
    /// F1 with *legitimate* as the positive class, at probability one half.
    pub f1_legitimate: f64,
    /// The figures with phishing as the positive class, at probability one half.
    pub figures: Figures,
}

/// How often a feature had each value, by label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeatureCounts {
    /// The feature's name.
    pub feature: String,
    /// Rows with −1, 0, 1 and no value among phishing sites.
    pub phishing: [u64; 4],
    /// Rows with −1, 0, 1 and no value among legitimate sites.
    pub legitimate: [u64; 4],
}

/// What a feature is worth to a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureImportance {
    /// The feature's name.
    pub feature: String,
    /// How much the log-loss on folds 0 to 2 rises when the feature's values are shuffled among the rows
    /// (mean of several shuffles).
    pub log_loss_increase: f64,
    /// The mean over the rows of folds 0 to 2 of what it contributes to the raw score, whichever way, in the
    /// score's unit; absent where the model's score cannot be taken apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_absolute_contribution: Option<f64>,
}

impl Card {
    /// Reads `card.json`.
    ///
    /// # Errors
    ///
    /// Says line and column where the text is no card.
    pub fn from_json(text: &[u8]) -> Result<Card, serde_json::Error> {
        serde_json::from_slice(text)
    }

    /// Writes `card.json`, indented, with a final newline.
    ///
    /// # Errors
    ///
    /// None in practice: every figure of a card is finite.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }
}

impl Confusion {
    /// The shares that are wrong; 0 where there is no row of a label.
    #[must_use]
    pub fn error_rates(&self) -> ErrorRates {
        let share = |wrong: u64, right: u64| wrong as f64 / (wrong + right).max(1) as f64;
        ErrorRates {
            false_positive_rate: share(self.false_positives, self.true_negatives),
            false_negative_rate: share(self.false_negatives, self.true_positives),
        }
    }

    /// Counts rows of one label and verdict.
    pub fn add(&mut self, label: Label, verdict: Label, rows: u64) {
        *match (label, verdict) {
            (Label::Phishing, Label::Phishing) => &mut self.true_positives,
            (Label::Legitimate, Label::Phishing) => &mut self.false_positives,
            (Label::Phishing, Label::Legitimate) => &mut self.false_negatives,
            (Label::Legitimate, Label::Legitimate) => &mut self.true_negatives,
        } += rows;
    }
}
