//! All families behind one type, and the grids that are searched.

use std::collections::BTreeMap;

use lurelight_model::{Family, InvalidDonors, InvalidTrees, Member, NeighbourWeights};
use serde::{Deserialize, Serialize};

use crate::holes::with_masked_copies;
use crate::impute::{NEIGHBOURS, fill, fit_nearest_neighbours};
use crate::{
    AdaBoostParams, BlendParams, Criterion, Dataset, DecisionTreeParams, ExtraTreesParams,
    GradientBoostingParams, Limits, LinfaTreesParams, LogisticRegressionParams, NearestNeighboursParams,
    ParamError, RandomForestParams, Splits,
};

/// A family with its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Estimator {
    /// Logistic regression behind an imputer.
    LogisticRegression(LogisticRegressionParams),
    /// A single tree.
    DecisionTree(DecisionTreeParams),
    /// linfa's single tree behind an imputer.
    LinfaTrees(LinfaTreesParams),
    /// K nearest neighbours behind an imputer.
    NearestNeighbours(NearestNeighboursParams),
    /// Stumps that vote.
    AdaBoost(AdaBoostParams),
    /// A forest.
    RandomForest(RandomForestParams),
    /// Boosted trees.
    GradientBoosting(GradientBoostingParams),
    /// Trees with random cuts.
    ExtraTrees(ExtraTreesParams),
    /// Boosted trees and trees with random cuts.
    Blend(BlendParams),
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
    /// There is nothing to search: a vote is made of other families' candidates.
    #[error("{0} has no grid of its own: it is made of other candidates")]
    NoGrid(Family),
    /// Values of linfa's that are no rows of codes.
    #[error("the values are no rows of 30 codes: {0}")]
    Values(String),
    /// linfa gave up.
    #[error("linfa could not fit it: {0}")]
    Linfa(String),
    /// The imputer cannot be fitted.
    #[error(transparent)]
    Donors(#[from] InvalidDonors),
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
            Estimator::ExtraTrees(_) => Family::ExtraTrees,
            Estimator::Blend(_) => Family::Blend,
            Estimator::LinfaTrees(_) => Family::LinfaTrees,
            Estimator::NearestNeighbours(_) => Family::NearestNeighbours,
            Estimator::AdaBoost(_) => Family::AdaBoost,
        }
    }

    /// Checks the parameters and fits.
    ///
    /// # Errors
    ///
    /// See [`FitError`].
    pub fn fit(&self, data: &Dataset, seed: u64) -> Result<Member, FitError> {
        let filled;
        let (imputer, data) = if self.needs_imputer() {
            let imputer = fit_nearest_neighbours(data, NEIGHBOURS, seed)?;
            filled = fill(data, &imputer);
            (Some(imputer), &filled)
        } else {
            (None, data)
        };
        let classifier = match self {
            Estimator::LogisticRegression(params) => params.check()?.fit(data)?,
            Estimator::LinfaTrees(params) => params.check()?.fit(data, seed)?,
            Estimator::NearestNeighbours(params) => params.check()?.fit(data, seed)?,
            Estimator::DecisionTree(params) => params.check()?.fit(data, seed)?,
            Estimator::AdaBoost(params) => params.check()?.fit(data)?,
            Estimator::RandomForest(params) => params.check()?.fit(data, seed)?,
            Estimator::GradientBoosting(params) => params.check()?.fit(data, seed)?,
            Estimator::ExtraTrees(params) => params.check()?.fit(data, seed)?,
            Estimator::Blend(params) => params.check()?.fit(data, seed)?,
        };
        Ok(Member { imputer, classifier })
    }

    /// The same on the rows and masked copies of them, from which trees learn what to do with missing values; `None`: as
    /// many as it asks for itself. An estimator behind an imputer has no use for copies and is fitted on the rows alone.
    ///
    /// # Errors
    ///
    /// See [`FitError`].
    pub fn fit_with_copies(
        &self,
        data: &Dataset,
        copies: Option<usize>,
        seed: u64,
    ) -> Result<Member, FitError> {
        match (*self, copies) {
            (Estimator::Blend(params), Some(masked_copies)) => {
                Estimator::Blend(BlendParams { masked_copies, ..params }).fit(data, seed)
            }
            (_, Some(1..)) if !self.needs_imputer() => {
                self.fit(&with_masked_copies(data, copies.unwrap_or(0), seed), seed)
            }
            _ => self.fit(data, seed),
        }
    }

    /// What it has in common with those that differ from it in their learning rate alone and can be fitted together with
    /// it; `None` where nothing is gained by that.
    pub(crate) fn but_for_learning_rate(&self) -> Option<Estimator> {
        match self {
            Estimator::GradientBoosting(params)
                if params.early_stopping.is_none() && params.check().is_ok() =>
            {
                Some(Estimator::GradientBoosting(GradientBoostingParams { learning_rate: 1.0, ..*params }))
            }
            _ => None,
        }
    }

    /// [`fit_with_copies`](Self::fit_with_copies) of estimators that have the same
    /// [`but_for_learning_rate`](Self::but_for_learning_rate), or of one.
    pub(crate) fn fit_together(
        estimators: &[Estimator],
        data: &Dataset,
        copies: Option<usize>,
        seed: u64,
    ) -> Result<Vec<Member>, FitError> {
        let rate = |estimator: &Estimator| match estimator {
            Estimator::GradientBoosting(params) => Some(params.learning_rate),
            _ => None,
        };
        match (estimators, estimators.iter().map(rate).collect::<Option<Vec<f64>>>()) {
            ([Estimator::GradientBoosting(params), _, ..], Some(rates)) => {
                let with_copies = copies.map(|copies| with_masked_copies(data, copies, seed));
                let fitted = params.check()?.fit_rates(&rates, with_copies.as_ref().unwrap_or(data), seed)?;
                Ok(fitted.into_iter().map(|classifier| Member { imputer: None, classifier }).collect())
            }
            _ => estimators.iter().map(|estimator| estimator.fit_with_copies(data, copies, seed)).collect(),
        }
    }

    /// Whether it cannot stand holes.
    pub(crate) const fn needs_imputer(&self) -> bool {
        matches!(
            self,
            Estimator::LogisticRegression(_) | Estimator::LinfaTrees(_) | Estimator::NearestNeighbours(_)
        )
    }

    /// How many trees it has, where it is an ensemble whose first trees are those of a smaller one.
    #[must_use]
    pub const fn n_estimators(&self) -> Option<usize> {
        match self {
            Estimator::AdaBoost(params) => Some(params.n_estimators),
            Estimator::RandomForest(params) => Some(params.n_estimators),
            Estimator::GradientBoosting(params) => Some(params.n_estimators),
            Estimator::ExtraTrees(params) => Some(params.n_estimators),
            _ => None,
        }
    }

    /// The same with another number of trees, where it has such a number.
    #[must_use]
    pub const fn with_n_estimators(mut self, count: usize) -> Estimator {
        match &mut self {
            Estimator::AdaBoost(params) => params.n_estimators = count,
            Estimator::RandomForest(params) => params.n_estimators = count,
            Estimator::GradientBoosting(params) => params.n_estimators = count,
            Estimator::ExtraTrees(params) => params.n_estimators = count,
            _ => {}
        }
        self
    }

    /// The parameters by scikit-learn's names.
    #[must_use]
    pub fn parameters(&self) -> BTreeMap<String, String> {
        let mut parameters = BTreeMap::new();
        let mut put = |name: &str, value: String| {
            parameters.insert(name.to_owned(), value);
        };
        let limits = match self {
            Estimator::LogisticRegression(params) => {
                put("alpha", params.alpha.to_string());
                put("imputer", format!("{NEIGHBOURS} nearest neighbours"));
                None
            }
            Estimator::LinfaTrees(params) => {
                put("criterion", params.criterion.as_str().to_owned());
                put("imputer", format!("{NEIGHBOURS} nearest neighbours"));
                None
            }
            Estimator::NearestNeighbours(params) => {
                let weights = match params.weights {
                    NeighbourWeights::Uniform => "uniform",
                    NeighbourWeights::Distance => "distance",
                };
                put("n_neighbors", params.n_neighbors.to_string());
                put("weights", weights.to_owned());
                put("imputer", format!("{NEIGHBOURS} nearest neighbours"));
                None
            }
            Estimator::AdaBoost(params) => {
                put("learning_rate", params.learning_rate.to_string());
                put("n_estimators", params.n_estimators.to_string());
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
                put_boosting(params, &mut put);
                Some(params.limits)
            }
            Estimator::ExtraTrees(params) => {
                put_extra_trees(params, "", &mut put);
                None
            }
            Estimator::Blend(params) => {
                put("boosting_share", params.boosting_share.to_string());
                put("masked_copies", params.masked_copies.to_string());
                put_boosting(&params.boosting, &mut put);
                put_extra_trees(&params.extra_trees, "extra_trees_", &mut put);
                Some(params.boosting.limits)
            }
        };
        if let Some(limits) = limits {
            put("max_depth", limits.max_depth.map_or_else(|| "none".to_owned(), |depth| depth.to_string()));
            put("min_samples_leaf", limits.min_samples_leaf.to_string());
            if let Some(count) = limits.max_features {
                put("max_features", count.to_string());
            }
            if let Some(count) = limits.max_leaves {
                put("max_leaves", count.to_string());
            }
            if limits.splits == Splits::CodeSets {
                put("splits", "code sets".to_owned());
            }
        }
        parameters
    }
}

fn put_boosting(params: &GradientBoostingParams, put: &mut impl FnMut(&str, String)) {
    put("l2", params.l2.to_string());
    put("learning_rate", params.learning_rate.to_string());
    put("n_estimators", params.n_estimators.to_string());
    put("subsample", params.subsample.to_string());
    if params.min_child_weight > 0.0 {
        put("min_child_weight", params.min_child_weight.to_string());
    }
    if params.count_power < 1.0 {
        put("count_power", params.count_power.to_string());
    }
    if let Some(early) = params.early_stopping {
        put("validation_share", early.validation_share.to_string());
        put("patience", early.patience.to_string());
    }
}

fn put_extra_trees(params: &ExtraTreesParams, prefix: &str, put: &mut impl FnMut(&str, String)) {
    put(&format!("{prefix}n_estimators"), params.n_estimators.to_string());
    put(&format!("{prefix}max_features"), params.max_features.to_string());
    put(&format!("{prefix}smoothing"), params.smoothing.to_string());
    put(&format!("{prefix}count_power"), params.count_power.to_string());
}

/// The points that are searched for a family: those of the predecessor, where it had the family. A vote has none.
///
/// The limits of boosted trees are ours, chosen on folds 3 to 9 of UCI's records: drawing a third of the features at
/// each split and leaves of 20 rows lower the log-loss at every learning rate and number of trees.
#[must_use]
pub fn grid(family: Family) -> Vec<Estimator> {
    let trees = [8, 16, 32, 64, 128, 256];
    match family {
        Family::LogisticRegression => {
            vec![Estimator::LogisticRegression(LogisticRegressionParams::default())]
        }
        Family::DecisionTree => [Criterion::Gini, Criterion::Entropy]
            .map(|criterion| Estimator::DecisionTree(DecisionTreeParams { criterion, ..Default::default() }))
            .to_vec(),
        Family::LinfaTrees => [Criterion::Gini, Criterion::Entropy]
            .map(|criterion| Estimator::LinfaTrees(LinfaTreesParams { criterion, ..Default::default() }))
            .to_vec(),
        Family::NearestNeighbours => {
            pairs(&[5, 3, 9], &[NeighbourWeights::Uniform, NeighbourWeights::Distance])
                .map(|(n_neighbors, weights)| {
                    let default = NearestNeighboursParams::default();
                    Estimator::NearestNeighbours(NearestNeighboursParams { n_neighbors, weights, ..default })
                })
                .collect()
        }
        Family::AdaBoost => pairs(&[0.1, 0.01, 0.001], &trees)
            .map(|(learning_rate, n_estimators)| {
                Estimator::AdaBoost(AdaBoostParams { n_estimators, learning_rate })
            })
            .collect(),
        Family::RandomForest => [8, 16, 32, 128, 256]
            .map(|n_estimators| {
                Estimator::RandomForest(RandomForestParams { n_estimators, ..Default::default() })
            })
            .to_vec(),
        Family::GradientBoosting => pairs(&[0.1, 0.01, 0.05, 0.001], &[0.6, 0.7, 0.75, 0.85, 0.9])
            .flat_map(|(learning_rate, subsample)| {
                trees.map(|n_estimators| {
                    let default = GradientBoostingParams::default();
                    let limits = Limits { max_features: Some(10), ..default.limits };
                    Estimator::GradientBoosting(GradientBoostingParams {
                        n_estimators,
                        learning_rate,
                        subsample,
                        limits,
                        ..default
                    })
                })
            })
            .collect(),
        Family::ExtraTrees => vec![Estimator::ExtraTrees(ExtraTreesParams::default())],
        Family::Blend => vec![Estimator::Blend(BlendParams::default())],
        Family::SoftVote => Vec::new(),
    }
}

fn pairs<A: Copy, B: Copy>(first: &[A], second: &[B]) -> impl Iterator<Item = (A, B)> {
    first.iter().flat_map(move |a| second.iter().map(move |b| (*a, *b)))
}
