//! AdaBoost: stumps that vote, each fitted to what those before it got wrong (SAMME; Zhu, Zou, Rosset, Hastie,
//! "Multi-class AdaBoost", 2009, for two classes).

use lurelight_model::{Classifier, TreeNode, Trees};
use lurelight_schema::Label;
use serde::{Deserialize, Serialize};

use crate::decision_tree::{Gini, impurity_sample};
use crate::grow::{Limits, grow};
use crate::param::{ParamError, check_at_least, check_share};
use crate::random::stream;
use crate::walk::Walk;
use crate::{Dataset, FitError};

/// The parameters of AdaBoost, not checked yet.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdaBoostParams {
    /// How many stumps, at most: fitting stops early where a stump makes no error, or no better a one than
    /// chance.
    pub n_estimators: usize,
    /// The share of each stump's weight that is taken, above 0 and at most 1.
    pub learning_rate: f64,
}

/// Parameters that can be fitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ValidAdaBoostParams(AdaBoostParams);

impl Default for AdaBoostParams {
    /// 50 stumps at a learning rate of 1, as scikit-learn's default.
    fn default() -> AdaBoostParams {
        AdaBoostParams { n_estimators: 50, learning_rate: 1.0 }
    }
}

impl AdaBoostParams {
    /// Checks the parameters.
    ///
    /// # Errors
    ///
    /// Names the parameter that is out of its range.
    pub fn check(self) -> Result<ValidAdaBoostParams, ParamError> {
        check_at_least("n_estimators", self.n_estimators as f64, 1.0)?;
        check_share("learning_rate", self.learning_rate, 1.0)?;
        Ok(ValidAdaBoostParams(self))
    }
}

/// A stump's weight where it makes no error: as scikit-learn's, so that it is its own weight's full share.
const PERFECT: f64 = 1.0;

impl ValidAdaBoostParams {
    /// Fits the stumps. Rows of one vector and label always have the same weight, so two weights a distinct
    /// vector are exact. Nothing is random.
    ///
    /// # Errors
    ///
    /// [`FitError::NoRows`], and [`FitError::OneClass`] because a stump that makes no error has nothing to
    /// vote against.
    pub fn fit(&self, data: &Dataset) -> Result<Classifier, FitError> {
        let rows = data.row_count();
        if rows == 0 {
            return Err(FitError::NoRows);
        }
        if data.count(Label::Phishing) == 0 || data.count(Label::Legitimate) == 0 {
            return Err(FitError::OneClass);
        }
        let even = |count: u32| f64::from(count) / rows as f64;
        let mut weights: Vec<[f64; 2]> =
            data.rows().iter().map(|row| [even(row.phishing), even(row.legitimate)]).collect();
        let mut stumps = Vec::new();
        while stumps.len() < self.0.n_estimators {
            let mut stump = grow_stump(data, &weights);
            let walk = Walk::new(&stump);
            let votes: Vec<bool> =
                data.rows().iter().map(|row| walk.value(row.vector.bits()) > 0.0).collect();
            let error: f64 =
                votes.iter().zip(&weights).map(|(phishing, weight)| weight[usize::from(*phishing)]).sum();
            if error <= 0.0 {
                scale(&mut stump, PERFECT);
                stumps.push((stump, PERFECT));
                break;
            }
            if error >= 0.5 && !stumps.is_empty() {
                break;
            }
            let weight = self.0.learning_rate * libm::log((1.0 - error) / error);
            reweigh(&mut weights, &votes, weight);
            scale(&mut stump, weight);
            stumps.push((stump, weight));
        }
        let total: f64 = stumps.iter().map(|(_, weight)| weight.abs()).sum();
        let share = |(mut stump, _): (Vec<TreeNode>, f64)| {
            scale(&mut stump, 1.0 / total.max(f64::MIN_POSITIVE));
            stump
        };
        let stumps: Vec<_> = stumps.into_iter().map(share).collect();
        Ok(Classifier::AdaBoost(Trees::new(&stumps)?))
    }
}

/// A tree of one split whose leaves are 1 for phishing and −1 for legitimate, by the weight of their rows;
/// legitimate where both weigh the same.
fn grow_stump(data: &Dataset, weights: &[[f64; 2]]) -> Vec<TreeNode> {
    let limits = Limits { max_depth: Some(1), min_samples_leaf: 1.0, max_features: None, min_gain: 0.0 };
    let mut samples: Vec<_> = data
        .rows()
        .iter()
        .zip(weights)
        .map(|(row, [phishing, legitimate])| {
            let mut sample = impurity_sample(row.vector, *phishing, *legitimate);
            sample.sums.rows = f64::from(row.rows());
            sample
        })
        .collect();
    let mut stump = grow(&mut samples, &Gini, limits, &mut stream(0, &[]));
    for node in &mut stump {
        if let TreeNode::Leaf(leaf) = node {
            leaf.value = if leaf.value > 0.5 { 1.0 } else { -1.0 };
        }
    }
    stump
}

fn scale(stump: &mut [TreeNode], factor: f64) {
    for node in stump {
        if let TreeNode::Leaf(leaf) = node {
            leaf.value *= factor;
        }
    }
}

/// Makes rows that were voted wrongly heavier, and all weigh 1 together again.
fn reweigh(weights: &mut [[f64; 2]], votes: &[bool], weight: f64) {
    let heavier = libm::exp(weight);
    for (weights, phishing) in weights.iter_mut().zip(votes) {
        weights[usize::from(*phishing)] *= heavier;
    }
    let total: f64 = weights.iter().flatten().sum();
    for weight in weights.iter_mut().flatten() {
        *weight /= total;
    }
}

#[cfg(test)]
mod tests {
    use lurelight_schema::{Code, Feature, FeatureVector, Record};

    use super::*;

    #[test]
    fn a_perfect_stump_ends_the_fit() {
        let at = |code| FeatureVector::MISSING.with(Feature::ALL[7], code);
        let data = Dataset::new(&[
            Record { vector: at(Code::Minus), label: Label::Phishing },
            Record { vector: at(Code::Plus), label: Label::Legitimate },
        ]);
        let fitted = AdaBoostParams::default().check().unwrap().fit(&data).unwrap();
        assert_eq!(fitted.raw_score(at(Code::Minus)), 1.0);
        assert_eq!(fitted.raw_score(at(Code::Plus)), -1.0);
        let Classifier::AdaBoost(stumps) = fitted else { panic!("{fitted:?}") };
        assert_eq!(stumps.len(), 1);
    }
}
