//! All families behind one type, and the grids that are searched.

use std::collections::BTreeMap;

use lurelight_model::{Classifier, Family, Imputer, InvalidTrees};
use lurelight_schema::FeatureVector;

use crate::grow::Limits;
use crate::impute::{fill, fit_most_frequent};
use crate::{
    Criterion, Dataset, DecisionTreeParams, GradientBoostingParams, LogisticRegressionParams, ParamError,
    RandomForestParams,
};

/// A family with its parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Estimator {
    /// Logistic regression behind an imputer.
    LogisticRegression(LogisticRegressionParams),
    /// A single tree.
    DecisionTree(DecisionTreeParams),
    /// A forest.
    RandomForest(RandomForestParams),
    /// Boosted trees.
    GradientBoosting(GradientBoostingParams),
}

/// A fitted classifier with the imputer that belongs before it.
#[derive(Clone, Debug, PartialEq)]
pub struct Fitted {
    /// Fills holes; only where the classifier needs it.
    pub imputer: Option<Imputer>,
    /// Scores rows.
    pub classifier: Classifier,
}

/// Why nothing could be fitted.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FitError {
    /// Nothing to learn from.
    #[error("there is no row to fit on")]
    NoRows,
    /// Nothing to tell apart.
    #[error("all rows to fit on have the same label: both phishing and legitimate rows are needed")]
    OneClass,
    /// A parameter is out of its range.
    #[error(transparent)]
    Param(#[from] ParamError),
    /// The optimiser gave up.
    #[error("logistic regression could not be fitted: {0}")]
    Linfa(String),
    /// The trees are larger than an artifact may carry.
    #[error(transparent)]
    Trees(#[from] InvalidTrees),
}

impl Estimator {
    /// Its family.
    #[must_use]
    pub const fn family(&self) -> Family {
        match self {
            Estimator::LogisticRegression(_) => Family::LogisticRegression,
            Estimator::DecisionTree(_) => Family::DecisionTree,
            Estimator::RandomForest(_) => Family::RandomForest,
            Estimator::GradientBoosting(_) => Family::GradientBoosting,
        }
    }

    /// Checks the parameters and fits.
    ///
    /// # Errors
    ///
    /// See [`FitError`].
    pub fn fit(&self, data: &Dataset, seed: u64) -> Result<Fitted, FitError> {
        let (imputer, classifier) = match self {
            Estimator::LogisticRegression(params) => {
                let imputer = fit_most_frequent(data);
                (Some(imputer), params.check()?.fit(&fill(data, imputer))?)
            }
            Estimator::DecisionTree(params) => (None, params.check()?.fit(data, seed)?),
            Estimator::RandomForest(params) => (None, params.check()?.fit(data, seed)?),
            Estimator::GradientBoosting(params) => (None, params.check()?.fit(data, seed)?),
        };
        Ok(Fitted { imputer, classifier })
    }

    /// The parameters by scikit-learn's names.
    #[must_use]
    pub fn parameters(&self) -> BTreeMap<String, String> {
        let mut parameters = BTreeMap::new();
        let mut put = |name: &str, value: String| parameters.insert(name.to_owned(), value);
        let limits = match self {
            Estimator::LogisticRegression(params) => {
                put("alpha", params.alpha.to_string());
                put("imputer", "most frequent".to_owned());
                None
            }
            Estimator::DecisionTree(params) => {
                put("criterion", params.criterion.as_str().to_owned());
                Some(params.limits)
            }
            Estimator::RandomForest(params) => {
                put("criterion", params.criterion.as_str().to_owned());
                put("n_estimators", params.n_estimators.to_string());
                Some(params.limits)
            }
            Estimator::GradientBoosting(params) => {
                put("l2", params.l2.to_string());
                put("learning_rate", params.learning_rate.to_string());
                put("n_estimators", params.n_estimators.to_string());
                put("subsample", params.subsample.to_string());
                Some(params.limits)
            }
        };
        if let Some(limits) = limits {
            put("max_depth", limits.max_depth.map_or_else(|| "none".to_owned(), |depth| depth.to_string()));
            put("min_samples_leaf", limits.min_samples_leaf.to_string());
            if let Some(count) = limits.max_features {
                put("max_features", count.to_string());
            }
        }
        parameters
    }
}

impl Fitted {
    /// The classifier's own probability of phishing.
    #[must_use]
    pub fn probability(&self, vector: FeatureVector) -> f64 {
        self.classifier.probability(self.imputer.map_or(vector, |imputer| imputer.fill(vector)))
    }
}

/// The points that are searched for a family.
#[must_use]
pub fn grid(family: Family) -> Vec<Estimator> {
    match family {
        Family::LogisticRegression => [0.1, 1.0, 10.0]
            .map(|alpha| {
                Estimator::LogisticRegression(LogisticRegressionParams { alpha, ..Default::default() })
            })
            .to_vec(),
        Family::DecisionTree => pairs(&[Criterion::Gini, Criterion::Entropy], &[1.0, 2.0, 5.0])
            .map(|(criterion, min_samples_leaf)| {
                let default = DecisionTreeParams::default();
                let limits = Limits { min_samples_leaf, ..default.limits };
                Estimator::DecisionTree(DecisionTreeParams { criterion, limits })
            })
            .collect(),
        Family::RandomForest => [32, 128, 256]
            .map(|n_estimators| {
                Estimator::RandomForest(RandomForestParams { n_estimators, ..Default::default() })
            })
            .to_vec(),
        // Chosen on folds 3 to 9: drawing a third of the features at each split lowers the log-loss at every
        // depth and number of trees, and more or deeper trees than these raise it again.
        Family::GradientBoosting => pairs(&[128, 256], &[0.8, 1.0])
            .flat_map(|(n_estimators, subsample)| {
                [Some(10), None].map(|max_features| {
                    let default = GradientBoostingParams::default();
                    let limits = Limits { max_features, ..default.limits };
                    Estimator::GradientBoosting(GradientBoostingParams {
                        n_estimators,
                        subsample,
                        limits,
                        ..default
                    })
                })
            })
            .collect(),
    }
}

fn pairs<A: Copy, B: Copy>(first: &[A], second: &[B]) -> impl Iterator<Item = (A, B)> {
    first.iter().flat_map(move |a| second.iter().map(move |b| (*a, *b)))
}
