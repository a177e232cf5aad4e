//! Fitted models: scoring, the artifact format and the model card. No training code.
//!
//! A [`Model`] is checked once, when it is made or loaded; from then on scoring any row is total: it
//! never panics and always gives a probability between 0 and 1.
//!
//! ```
//! use lurelight_model::{Artifact, Calibration, Classifier, LogisticRegression, Member, Model, ModelParts};
//! use lurelight_schema::{CodeSet, FEATURE_COUNT, FeatureVector};
//!
//! let model = Model::new(ModelParts {
//!     known_codes: [CodeSet::ALL; FEATURE_COUNT],
//!     members: vec![Member {
//!         imputer: None,
//!         classifier: Classifier::LogisticRegression(LogisticRegression {
//!             intercept: 0.5,
//!             coefficients: [-0.1; FEATURE_COUNT],
//!         }),
//!     }],
//!     calibration: Calibration::None,
//!     threshold: 0.5,
//! })?;
//! let bytes = Artifact::new(model)?.to_bytes();
//! let artifact = Artifact::from_bytes(bytes)?;
//! assert!(artifact.model().probability(FeatureVector::MISSING) > 0.6);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod artifact;
mod calibration;
mod card;
mod classifier;
mod distance;
mod explain;
mod imputer;
mod linear;
mod memo;
mod model;
mod nearest_neighbours;
mod processor;
mod trees;

pub use artifact::{Artifact, ArtifactError, FORMAT_VERSION, MAX_ARTIFACT_BYTES};
pub use calibration::Calibration;
pub use card::{
    Candidate, Card, Confusion, Curve, DataSummary, ErrorRates, Estimate, Evaluation, FeatureCounts,
    FeatureImportance, Figures, HeldOut, Metrics, RandomSplit, ReliabilityBin, ThresholdErrors,
};
pub use classifier::{Classifier, Family, ScoreUnit, UnknownFamily};
pub use explain::{Explanation, Unexplained};
pub use imputer::{Donors, Imputer, InvalidDonors, MAX_IMPUTER_NEIGHBOURS};
pub use linear::LogisticRegression;
pub use memo::Memo;
pub use model::{InvalidModel, MAX_MEMBERS, Member, Model, ModelParts, PROBABILITY_FLOOR, vote};
pub use nearest_neighbours::{MAX_NEIGHBOUR_ROWS, NearestNeighbours, NeighbourWeights};
pub use processor::{Work, widest};
pub use trees::{InvalidTrees, Leaf, MAX_DEPTH, MAX_NODES, Split, TreeNode, Trees};

/// The logistic function, 1 / (1 + e^−x), the same to the bit on every x86-64 processor.
#[must_use]
pub fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

/// The log-odds ln(p / (1 − p)), the inverse of [`sigmoid`].
#[must_use]
pub fn logit(p: f64) -> f64 {
    libm::log(p / (1.0 - p))
}
