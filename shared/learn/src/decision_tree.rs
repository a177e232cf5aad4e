//! A single decision tree (Breiman, Friedman, Olshen, Stone, 1984).

use lurelight_model::{Classifier, TreeNode, Trees};
use serde::{Deserialize, Serialize};

use crate::best_split::{Objective, Sums};
use crate::fields::Fields;
use crate::grow::Grower;
use crate::histogram::{Counts, Sample};
use crate::limits::Limits;
use crate::param::ParamError;
use crate::random::stream;
use crate::{Dataset, DistinctRow, FitError};

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
        DecisionTreeParams { criterion: Criterion::Gini, limits: Limits::FREE }
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
        if data.is_empty() {
            return Err(FitError::NoRows);
        }
        let nodes = match self.0.criterion {
            Criterion::Gini => self.grow(data, &Halfway(Gini), seed),
            Criterion::Entropy => self.grow(data, &Halfway(Entropy), seed),
        };
        Ok(Classifier::DecisionTree(Trees::new(&[nodes])?))
    }

    fn grow(&self, data: &Dataset, objective: &impl Objective<Weight = Counts>, seed: u64) -> Vec<TreeNode> {
        let fields = Fields::new(data);
        let sample = |row: &DistinctRow| Sample {
            number: fields.number(row.vector),
            weight: Counts::new(row.phishing, row.legitimate),
        };
        let mut grower = Grower::new(&fields, self.0.limits);
        grower.samples().extend(data.rows().iter().map(sample));
        grower.grow(objective, &mut stream(seed, &[0x7370_6c69_7473, 0]))
    }
}

/// An impurity whose splits lie halfway between two codes, as scikit-learn's: where no row of a node has 0, a split
/// between −1 and 1 is the question whether a value is at most 0.
struct Halfway<O>(O);

impl<O: Objective> Objective for Halfway<O> {
    type Weight = O::Weight;

    #[inline(always)]
    fn sums(&self, weight: O::Weight) -> Sums {
        self.0.sums(weight)
    }

    fn loss(&self, sums: Sums) -> f64 {
        self.0.loss(sums)
    }

    #[inline(always)]
    fn loss_of_both(&self, left: Sums, right: Sums) -> f64 {
        self.0.loss_of_both(left, right)
    }

    fn leaf(&self, sums: Sums) -> f64 {
        self.0.leaf(sums)
    }

    fn is_least(&self, loss: f64) -> bool {
        self.0.is_least(loss)
    }

    #[inline(always)]
    fn zero_follows_minus(&self) -> bool {
        true
    }
}

/// 2p(1 − p).
pub(crate) struct Gini;

impl Objective for Gini {
    type Weight = Counts;

    #[inline(always)]
    fn sums(&self, counts: Counts) -> Sums {
        impurity_sums(counts)
    }

    fn loss(&self, sums: Sums) -> f64 {
        2.0 * sums.first * (sums.second - sums.first) / sums.second
    }

    /// With one division; up to some hundred thousand rows, splits that are equally good are equal here to the bit.
    #[inline(always)]
    fn loss_of_both(&self, left: Sums, right: Sums) -> f64 {
        let part = |one: Sums, other: Sums| one.first * (one.second - one.first) * other.second;
        2.0 * (part(left, right) + part(right, left)) / (left.second * right.second)
    }

    fn is_least(&self, loss: f64) -> bool {
        loss <= 0.0
    }

    fn leaf(&self, sums: Sums) -> f64 {
        sums.first / sums.second
    }
}

/// −p log₂ p − (1 − p) log₂(1 − p).
pub(crate) struct Entropy;

impl Objective for Entropy {
    type Weight = Counts;

    fn sums(&self, counts: Counts) -> Sums {
        impurity_sums(counts)
    }

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

#[inline(always)]
fn impurity_sums(counts: Counts) -> Sums {
    let rows = f64::from(counts.rows());
    Sums { first: f64::from(counts.phishing()), second: rows, rows }
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

#[cfg(test)]
mod tests {
    use lurelight_schema::{Code, Feature, FeatureVector, Label, Record};

    use super::*;
    use crate::GradientBoostingParams;

    /// scikit-learn 1.9.1 asks whether a value is at most halfway, XGBoost 3.2.0 (`tree_method="exact"`) whether it is
    /// below.
    #[test]
    fn a_code_that_no_row_has_goes_where_the_peers_send_it() {
        let at = |code| FeatureVector::from_bits(0).unwrap().with(Feature::ALL[7], code);
        let minus = [Record { vector: at(Code::Minus), label: Label::Phishing }; 50];
        let plus = [Record { vector: at(Code::Plus), label: Label::Legitimate }; 50];
        let missing = [Record { vector: at(Code::Missing), label: Label::Legitimate }; 50];
        for records in [vec![minus, plus], vec![minus, plus, missing]] {
            let data = Dataset::new(records.as_flattened());
            for criterion in [Criterion::Gini, Criterion::Entropy] {
                let params = DecisionTreeParams { criterion, ..Default::default() };
                let tree = params.check().unwrap().fit(&data, 1).unwrap();
                assert_eq!(
                    [Code::Minus, Code::Zero, Code::Plus].map(|code| tree.probability(at(code))),
                    [1.0, 1.0, 0.0]
                );
            }
            let boosted = GradientBoostingParams::default().check().unwrap().fit(&data, 1).unwrap();
            assert_eq!(boosted.probability(at(Code::Zero)), boosted.probability(at(Code::Plus)));
        }
    }
}
