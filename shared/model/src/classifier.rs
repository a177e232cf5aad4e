//! The families of classifiers.

use std::fmt;
use std::str::FromStr;

use lurelight_schema::FeatureVector;
use serde::{Deserialize, Serialize};

use crate::{LogisticRegression, NearestNeighbours, Trees, sigmoid};

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
    /// Trees of one split that vote: each leaf is the tree's share of all votes, positive for phishing.
    AdaBoost(Trees),
    /// The share of phishing among the nearest rows.
    NearestNeighbours(NearestNeighbours),
    /// Extremely randomised trees whose leaves are log-odds of phishing, averaged.
    ExtraTrees(Trees),
    /// Boosted and extremely randomised trees in one sum of log-odds, their shares multiplied in.
    Blend {
        /// What is added to every row.
        base: f64,
        /// The trees of both.
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
    /// A single decision tree, fitted by linfa-trees.
    LinfaTrees,
    /// K nearest neighbours.
    NearestNeighbours,
    /// Stumps that vote.
    #[serde(rename = "adaboost")]
    AdaBoost,
    /// A random forest.
    RandomForest,
    /// Gradient boosted trees.
    GradientBoosting,
    /// Extremely randomised trees.
    ExtraTrees,
    /// Gradient boosted and extremely randomised trees, their log-odds averaged.
    Blend,
    /// The mean of the probabilities of the best others.
    SoftVote,
}

/// What a classifier's raw score counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScoreUnit {
    /// The natural logarithm of the odds of phishing.
    LogOdds,
    /// The mean share of phishing in the leaves reached.
    LeafProbability,
    /// The votes for phishing less those against it, of all votes.
    Vote,
    /// The share of phishing among the nearest rows.
    NeighbourShare,
    /// The mean of the members' probabilities.
    MeanProbability,
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
            Classifier::AdaBoost(_) => Family::AdaBoost,
            Classifier::NearestNeighbours(_) => Family::NearestNeighbours,
            Classifier::ExtraTrees(_) => Family::ExtraTrees,
            Classifier::Blend { .. } => Family::Blend,
        }
    }

    /// The unit of [`Classifier::raw_score`].
    #[must_use]
    pub const fn unit(&self) -> ScoreUnit {
        match self {
            Classifier::LogisticRegression(_)
            | Classifier::GradientBoosting { .. }
            | Classifier::ExtraTrees(_)
            | Classifier::Blend { .. } => ScoreUnit::LogOdds,
            Classifier::DecisionTree(_) | Classifier::RandomForest(_) => ScoreUnit::LeafProbability,
            Classifier::AdaBoost(_) => ScoreUnit::Vote,
            Classifier::NearestNeighbours(_) => ScoreUnit::NeighbourShare,
        }
    }

    /// The score in the classifier's own unit.
    #[must_use]
    pub fn raw_score(&self, vector: FeatureVector) -> f64 {
        match self {
            Classifier::LogisticRegression(linear) => linear.log_odds(vector),
            Classifier::DecisionTree(trees)
            | Classifier::RandomForest(trees)
            | Classifier::ExtraTrees(trees) => trees.mean(vector),
            Classifier::GradientBoosting { base, trees } | Classifier::Blend { base, trees } => {
                base + trees.sum(vector)
            }
            Classifier::AdaBoost(trees) => trees.sum(vector),
            Classifier::NearestNeighbours(neighbours) => neighbours.phishing_share(vector),
        }
    }

    /// [`Classifier::raw_score`] of each row, to the bit, and quicker for many rows.
    #[must_use]
    pub fn raw_scores(&self, vectors: &[FeatureVector]) -> Vec<f64> {
        let scored = |trees: &Trees, finish: &dyn Fn(f64) -> f64| {
            let mut scores = trees.sums(vectors);
            scores.iter_mut().for_each(|score| *score = finish(*score));
            scores
        };
        match self {
            Classifier::DecisionTree(trees)
            | Classifier::RandomForest(trees)
            | Classifier::ExtraTrees(trees) => scored(trees, &|sum| sum / trees.len() as f64),
            Classifier::GradientBoosting { base, trees } | Classifier::Blend { base, trees } => {
                scored(trees, &|sum| base + sum)
            }
            Classifier::AdaBoost(trees) => trees.sums(vectors),
            Classifier::LogisticRegression(_) | Classifier::NearestNeighbours(_) => {
                vectors.iter().map(|vector| self.raw_score(*vector)).collect()
            }
        }
    }

    /// The classifier's own probability of phishing, from 0 to 1, not calibrated.
    #[must_use]
    pub fn probability(&self, vector: FeatureVector) -> f64 {
        self.unit().probability(self.raw_score(vector))
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
            Classifier::GradientBoosting { base, trees } | Classifier::Blend { base, trees } => {
                endless(*base, trees)
            }
            Classifier::ExtraTrees(trees) => endless(0.0, trees),
            Classifier::AdaBoost(trees) => {
                let (low, high) = trees.value_range();
                let bound = low.abs().max(high.abs()) * trees.len() as f64;
                (bound.is_nan() || bound > 1e6).then_some("the votes are not shares of all votes")
            }
            Classifier::NearestNeighbours(neighbours) => neighbours.problem(),
            Classifier::LogisticRegression(_) => None,
        }
    }
}

/// Why a sum of log-odds might not be finite, if it might.
fn endless(base: f64, trees: &Trees) -> Option<&'static str> {
    let (low, high) = trees.value_range();
    let bound = low.abs().max(high.abs()) * trees.len() as f64 + base.abs();
    (bound.is_nan() || bound > 1e12).then_some("the log-odds are not finite")
}

impl ScoreUnit {
    /// The probability that stands behind a raw score. For votes it is scikit-learn's: σ(2 · vote), after Zhu, Zou,
    /// Rosset, Hastie, "Multi-class AdaBoost", 2009.
    #[must_use]
    pub fn probability(self, score: f64) -> f64 {
        match self {
            ScoreUnit::LogOdds => sigmoid(score),
            ScoreUnit::Vote => sigmoid(2.0 * score),
            ScoreUnit::LeafProbability | ScoreUnit::NeighbourShare | ScoreUnit::MeanProbability => score,
        }
    }
}

impl Family {
    /// All of them, the simplest first.
    pub const ALL: [Family; 10] = [
        Family::LogisticRegression,
        Family::DecisionTree,
        Family::LinfaTrees,
        Family::NearestNeighbours,
        Family::AdaBoost,
        Family::RandomForest,
        Family::GradientBoosting,
        Family::ExtraTrees,
        Family::Blend,
        Family::SoftVote,
    ];

    /// Its name in words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Family::LogisticRegression => "logistic regression",
            Family::DecisionTree => "decision tree",
            Family::RandomForest => "random forest",
            Family::GradientBoosting => "gradient boosting",
            Family::LinfaTrees => "decision tree (linfa)",
            Family::NearestNeighbours => "k nearest neighbours",
            Family::AdaBoost => "AdaBoost",
            Family::ExtraTrees => "extra trees",
            Family::Blend => "blend",
            Family::SoftVote => "soft vote",
        }
    }
}

impl Family {
    /// Its name in keys and on the command line.
    #[must_use]
    pub const fn slug(self) -> &'static str {
        match self {
            Family::LogisticRegression => "logistic-regression",
            Family::DecisionTree => "decision-tree",
            Family::LinfaTrees => "linfa-trees",
            Family::NearestNeighbours => "nearest-neighbours",
            Family::AdaBoost => "adaboost",
            Family::RandomForest => "random-forest",
            Family::GradientBoosting => "gradient-boosting",
            Family::ExtraTrees => "extra-trees",
            Family::Blend => "blend",
            Family::SoftVote => "soft-vote",
        }
    }
}

/// A name that is no family's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no family; there are {list}", list = Family::ALL.map(Family::slug).join(", "))]
pub struct UnknownFamily(pub String);

impl FromStr for Family {
    type Err = UnknownFamily;

    fn from_str(text: &str) -> Result<Family, UnknownFamily> {
        let named = Family::ALL.into_iter().find(|family| family.slug() == text);
        named.ok_or_else(|| UnknownFamily(text.to_owned()))
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
            ScoreUnit::Vote => "vote",
            ScoreUnit::NeighbourShare => "share of phishing among the nearest rows",
            ScoreUnit::MeanProbability => "mean probability of the members",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_known_by_their_names() {
        for family in Family::ALL {
            assert_eq!(family.slug().parse(), Ok(family));
        }
        let error = "xgboost".parse::<Family>().unwrap_err().to_string();
        assert!(error.contains("\"xgboost\" is no family; there are logistic-regression, "), "{error}");
    }
}
