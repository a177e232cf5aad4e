//! What is asked of a run.

use jiff::Timestamp;
use lurelight_learn::TrainOptions;
use lurelight_store::RunId;
use serde::{Deserialize, Serialize};

/// Everything that a run depends on beside the records: two runs of equal requests on equal records write equal
/// reports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRequest {
    /// The run's name.
    pub run: RunId,
    /// When it was asked for.
    pub at: Timestamp,
    /// Who or what asked for it.
    pub actor: String,
    /// Why, in words.
    pub reason: String,
    /// The program's version, and its commit where that is known.
    pub program: String,
    /// How models are made.
    pub training: TrainOptions,
    /// What counts as drift.
    pub drift: DriftRules,
    /// What a challenger must reach.
    pub promotion: PromotionRules,
}

/// What counts as drift: in one feature at least, both limits passed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DriftRules {
    /// The p-value of the chi-squared test, adjusted for as many tests as there are features, must be below this.
    pub max_adjusted_p: f64,
    /// The population stability index must be this at least.
    pub min_stability_index: f64,
    /// On fewer new rows nothing counts as drift.
    pub min_rows: u64,
}

impl Default for DriftRules {
    fn default() -> DriftRules {
        DriftRules { max_adjusted_p: 0.01, min_stability_index: 0.1, min_rows: 500 }
    }
}

/// What a challenger must reach on folds 0 and 1 to become the champion.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PromotionRules {
    /// The least F1 of phishing, where there is no champion yet.
    pub min_f1: f64,
    /// The least area under the ROC curve, where there is no champion yet.
    pub min_roc_auc: f64,
    /// By how much F1 may fall short of the champion's at the lower 95 % bound of the difference.
    pub max_f1_loss: f64,
    /// The greatest share of legitimate rows that may be called phishing, where there is a champion.
    /// On UCI's rows the thresholds of best F1 call .03 to .05 of them that.
    pub max_false_positive_rate: f64,
}

impl Default for PromotionRules {
    fn default() -> PromotionRules {
        PromotionRules { min_f1: 0.93, min_roc_auc: 0.98, max_f1_loss: 0.005, max_false_positive_rate: 0.08 }
    }
}

impl RunRequest {
    /// Whether models are made as in `other`; a seed alone makes no difference.
    #[must_use]
    pub fn trains_as(&self, other: &RunRequest) -> bool {
        let seedless = |options: &TrainOptions| TrainOptions { seed: 0, ..options.clone() };
        self.program == other.program && seedless(&self.training) == seedless(&other.training)
    }
}
