//! A single decision tree (Breiman, Friedman, Olshen, Stone, 1984).

use lurelight_model::{Classifier, TreeNode, Trees};
use serde::{Deserialize, Serialize};

use crate::grow::{Limits, Objective, Sample, Sums, grow};
use crate::param::ParamError;
use crate::random::stream;
use crate::{Dataset, FitError};

/// What a node's impurity is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Criterion {
    /// 2p(1 − p).
    Gini,
    /// −p log₂ p − (1 − p) log₂(1 − p), in bits.
    Entropy,
}

/// The parameters of a decision tree, not checked yet.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecisionTreeParams {
    /// What a split minimises.
    pub criterion: Criterion,
    /// Where the tree stops.
    pub limits: Limits,
}

/// Parameters that can be fitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ValidDecisionTreeParams(DecisionTreeParams);

impl Default for DecisionTreeParams {
    /// Gini, grown until the leaves are pure, as scikit-learn's default.
    fn default() -> DecisionTreeParams {
        let limits = Limits { max_depth: None, min_samples_leaf: 1.0, max_features: None, min_gain: 0.0 };
        DecisionTreeParams { criterion: Criterion::Gini, limits }
    }
}

impl DecisionTreeParams {
    /// Checks the parameters.
    ///
    /// # Errors
    ///
    /// Names the parameter that is out of its range.
    pub fn check(self) -> Result<ValidDecisionTreeParams, ParamError> {
        self.limits.check()?;
        Ok(ValidDecisionTreeParams(self))
    }
}

impl ValidDecisionTreeParams {
    /// Fits the tree. `seed` matters only where features are drawn for each split.
    ///
    /// # Errors
    ///
    /// [`FitError::NoRows`].
    ///
    /// # Examples
    ///
    /// ```
    /// use lurelight_learn::{Dataset, DecisionTreeParams};
    /// use lurelight_schema::{Code, Feature, FeatureVector, Label, Record};
    ///
    /// let at = |code| FeatureVector::MISSING.with(Feature::ALL[7], code);
    /// let data = Dataset::new(&[
    ///     Record { vector: at(Code::Minus), label: Label::Phishing },
    ///     Record { vector: at(Code::Plus), label: Label::Legitimate },
    /// ]);
    /// let tree = DecisionTreeParams::default().check()?.fit(&data, 42)?;
    /// assert_eq!(tree.probability(at(Code::Minus)), 1.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn fit(&self, data: &Dataset, seed: u64) -> Result<Classifier, FitError> {
        let mut samples: Vec<Sample> = data
            .rows()
            .iter()
            .map(|row| impurity_sample(row.vector, f64::from(row.phishing), f64::from(row.legitimate)))
            .collect();
        if samples.is_empty() {
            return Err(FitError::NoRows);
        }
        let nodes = grow_impurity(&mut samples, self.0.criterion, self.0.limits, seed, 0);
        Ok(Classifier::DecisionTree(Trees::new(&[nodes])?))
    }
}

/// What a row with these weights of either label adds to a node's sums.
pub(crate) fn impurity_sample(
    vector: lurelight_schema::FeatureVector,
    phishing: f64,
    legitimate: f64,
) -> Sample {
    let rows = phishing + legitimate;
    Sample { vector, sums: Sums { first: phishing, second: rows, rows } }
}

/// Grows tree number `tree` of an ensemble.
pub(crate) fn grow_impurity(
    samples: &mut [Sample],
    criterion: Criterion,
    limits: Limits,
    seed: u64,
    tree: u64,
) -> Vec<TreeNode> {
    let mut rng = stream(seed, &[0x7370_6c69_7473, tree]);
    match criterion {
        Criterion::Gini => grow(samples, &Gini, limits, &mut rng),
        Criterion::Entropy => grow(samples, &Entropy, limits, &mut rng),
    }
}

pub(crate) struct Gini;

impl Objective for Gini {
    fn loss(&self, sums: Sums) -> f64 {
        2.0 * sums.first * (sums.second - sums.first) / sums.second
    }

    fn is_least(&self, loss: f64) -> bool {
        loss <= 0.0
    }

    fn leaf(&self, sums: Sums) -> f64 {
        sums.first / sums.second
    }
}

struct Entropy;

impl Objective for Entropy {
    fn loss(&self, sums: Sums) -> f64 {
        let part = |weight: f64| if weight > 0.0 { -weight * libm::log2(weight / sums.second) } else { 0.0 };
        part(sums.first) + part(sums.second - sums.first)
    }

    fn is_least(&self, loss: f64) -> bool {
        loss <= 0.0
    }

    fn leaf(&self, sums: Sums) -> f64 {
        sums.first / sums.second
    }
}

impl Criterion {
    /// `gini` or `entropy`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Criterion::Gini => "gini",
            Criterion::Entropy => "entropy",
        }
    }
}
