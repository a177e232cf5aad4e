//! The families of classifiers.

use std::fmt;

use lurelight_schema::FeatureVector;
use serde::{Deserialize, Serialize};

use crate::{LogisticRegression, Trees, sigmoid};

/// A fitted classifier. Its scores rise with the evidence for phishing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Classifier {
    /// Weights on the codes.
    LogisticRegression(LogisticRegression),
    /// One tree, its leaves shares of phishing.
    DecisionTree(Trees),
    /// Trees whose leaves are shares of phishing, averaged.
    RandomForest(Trees),
    /// Trees whose leaves are steps in log-odds, added to a base value.
    GradientBoosting {
        /// The log-odds of phishing before the first tree.
        base: f64,
        /// The steps, the learning rate multiplied in.
        trees: Trees,
    },
}

/// A family of classifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Logistic regression.
    LogisticRegression,
    /// A single decision tree.
    DecisionTree,
    /// A random forest.
    RandomForest,
    /// Gradient boosted trees.
    GradientBoosting,
}

/// What a classifier's raw score counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScoreUnit {
    /// The natural logarithm of the odds of phishing.
    LogOdds,
    /// The mean share of phishing in the leaves reached.
    LeafProbability,
}

impl Classifier {
    /// Its family.
    #[must_use]
    pub const fn family(&self) -> Family {
        match self {
            Classifier::LogisticRegression(_) => Family::LogisticRegression,
            Classifier::DecisionTree(_) => Family::DecisionTree,
            Classifier::RandomForest(_) => Family::RandomForest,
            Classifier::GradientBoosting { .. } => Family::GradientBoosting,
        }
    }

    /// The unit of [`Classifier::raw_score`].
    #[must_use]
    pub const fn unit(&self) -> ScoreUnit {
        match self {
            Classifier::LogisticRegression(_) | Classifier::GradientBoosting { .. } => ScoreUnit::LogOdds,
            Classifier::DecisionTree(_) | Classifier::RandomForest(_) => ScoreUnit::LeafProbability,
        }
    }

    /// The score in the classifier's own unit.
    #[must_use]
    pub fn raw_score(&self, vector: FeatureVector) -> f64 {
        match self {
            Classifier::LogisticRegression(linear) => linear.log_odds(vector),
            Classifier::DecisionTree(trees) | Classifier::RandomForest(trees) => trees.mean(vector),
            Classifier::GradientBoosting { base, trees } => base + trees.sum(vector),
        }
    }

    /// The classifier's own probability of phishing, from 0 to 1, not calibrated.
    #[must_use]
    pub fn probability(&self, vector: FeatureVector) -> f64 {
        let score = self.raw_score(vector);
        match self.unit() {
            ScoreUnit::LogOdds => sigmoid(score),
            ScoreUnit::LeafProbability => score,
        }
    }

    /// Why the classifier cannot score, if it cannot.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        match self {
            Classifier::LogisticRegression(linear) if !linear.is_finite() => {
                Some("a coefficient is not finite")
            }
            Classifier::DecisionTree(trees) if trees.len() != 1 => Some("a decision tree is one tree"),
            Classifier::DecisionTree(trees) | Classifier::RandomForest(trees) => {
                let (low, high) = trees.value_range();
                (low < 0.0 || high > 1.0).then_some("a leaf's share of phishing is not between 0 and 1")
            }
            Classifier::GradientBoosting { base, trees } => {
                let (low, high) = trees.value_range();
                let bound = low.abs().max(high.abs()) * trees.len() as f64 + base.abs();
                (bound.is_nan() || bound > 1e12).then_some("the log-odds are not finite")
            }
            Classifier::LogisticRegression(_) => None,
        }
    }
}

impl Family {
    /// All of them, the simplest first.
    pub const ALL: [Family; 4] =
        [Family::LogisticRegression, Family::DecisionTree, Family::RandomForest, Family::GradientBoosting];

    /// Its name in words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Family::LogisticRegression => "logistic regression",
            Family::DecisionTree => "decision tree",
            Family::RandomForest => "random forest",
            Family::GradientBoosting => "gradient boosting",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for ScoreUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            ScoreUnit::LogOdds => "log-odds of phishing",
            ScoreUnit::LeafProbability => "mean leaf probability",
        })
    }
}
