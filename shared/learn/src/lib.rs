//! Fitting: families of classifiers, tuning, calibration, metrics. Pure and seeded: no input, no output,
//! and the same records, configuration and seed give the same model to the bit, for any number of
//! threads and on any x86-64 processor. `exp` and `ln` come from `libm`; the system's own are asked only by linfa's
//! tree, for the logarithm of its entropy.
//!
//! Everything is fitted on a [`Dataset`]: distinct feature vectors, each with its number of rows of either
//! label. [`train()`] runs the whole protocol; the estimators can be used alone:
//!
//! ```
//! use lurelight_learn::{Dataset, GradientBoostingParams};
//! use lurelight_schema::{Code, Feature, FeatureVector, Label, Record};
//!
//! let site = |code| FeatureVector::MISSING.with(Feature::ALL[7], code);
//! let records = [
//!     [Record { vector: site(Code::Minus), label: Label::Phishing }; 40],
//!     [Record { vector: site(Code::Plus), label: Label::Legitimate }; 40],
//! ];
//! let params = GradientBoostingParams { n_estimators: 20, ..Default::default() }.check()?;
//! let boosted = params.fit(&Dataset::new(records.as_flattened()), 42)?;
//! assert!(boosted.probability(site(Code::Minus)) > 0.8);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod best_split;
mod conclude;
mod contend;
mod count_power;
mod dataset;
mod drawn;
mod estimator;
mod fields;
mod grow;
mod grow_drawn;
mod grow_few;
mod histogram;
mod limits;
mod logistic;
mod newton;
mod param;
mod random;
mod subsample;
mod walk;

pub mod assess;
pub mod calibrate;
pub mod division;
pub mod evaluate;
pub mod holes;
pub mod importance;
pub mod impute;
pub mod linfa_adapter;
pub mod metrics;
pub mod missing;
pub mod predecessor;
pub mod search;
pub mod split;
pub mod synthetic;
pub mod train;

// One family of classifiers a file.
mod adaboost;
mod blend;
mod decision_tree;
mod extra_trees;
mod gradient_boosting;
mod linfa_trees;
mod logistic_regression;
mod nearest_neighbours;
mod random_forest;

pub use adaboost::{AdaBoostParams, ValidAdaBoostParams};
pub use blend::{BlendParams, ValidBlendParams};
pub use calibrate::ThresholdRule;
pub use dataset::{Dataset, DistinctRow};
pub use decision_tree::{Criterion, DecisionTreeParams, ValidDecisionTreeParams};
pub use estimator::{Estimator, FitError, grid};
pub use extra_trees::{ExtraTreesParams, ValidExtraTreesParams};
pub use gradient_boosting::{EarlyStopping, GradientBoostingParams, ValidGradientBoostingParams};
pub use limits::{Limits, Splits};
pub use linfa_trees::{LinfaTreesParams, ValidLinfaTreesParams};
pub use logistic_regression::{LogisticRegressionParams, ValidLogisticRegressionParams};
pub use nearest_neighbours::{NearestNeighboursParams, ValidNearestNeighboursParams};
pub use param::ParamError;
pub use random_forest::{RandomForestParams, ValidRandomForestParams};
pub use train::{Progress, Stage, TrainError, TrainOptions, Training, train};
