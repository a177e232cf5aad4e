//! Boosted trees and extremely randomised ones in one sum.
//!
//! Both score in log-odds, so their weighted mean is one ensemble of trees: it is scored, explained and kept like any
//! other. They err differently (boosting fits what is left over, random trees average what each vector's neighbourhood
//! says), which is what a mean needs to be better than its parts.

use lurelight_model::{Classifier, Leaf, TreeNode, Trees};
use serde::{Deserialize, Serialize};

use crate::holes::{MAX_MASKED_COPIES, with_masked_copies};
use crate::param::{ParamError, check_at_most, check_share};
use crate::{
    Dataset, ExtraTreesParams, FitError, GradientBoostingParams, Limits, ValidExtraTreesParams,
    ValidGradientBoostingParams,
};

/// The parameters of a blend, not checked yet.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BlendParams {
    /// Those of the boosted trees.
    pub boosting: GradientBoostingParams,
    /// Those of the extremely randomised trees.
    pub extra_trees: ExtraTreesParams,
    /// The share of the boosted trees in the mean; above 0 and at most 1.
    pub boosting_share: f64,
    /// How many copies of the rows, in which cells are masked at random, the boosted trees learn beside them: fewer where
    /// there would be more than 100,000 distinct rows together.
    pub masked_copies: usize,
}

/// With so many distinct rows there is no need for copies.
const MOST_ROWS: usize = 100_000;

/// Parameters that can be fitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ValidBlendParams {
    boosting: ValidGradientBoostingParams,
    extra_trees: ValidExtraTreesParams,
    boosting_share: f64,
    masked_copies: usize,
}

impl Default for BlendParams {
    /// Seven tenths of 384 boosted trees of depth 6, which learn 16 masked copies; the rest 16 extremely randomised ones.
    /// Chosen by repeated grouped cross-validation on folds 3 to 9 of UCI's records.
    fn default() -> BlendParams {
        let limits =
            Limits { max_depth: Some(6), min_samples_leaf: 20.0, max_features: Some(10), ..Limits::FREE };
        let boosting = GradientBoostingParams {
            n_estimators: 384,
            learning_rate: 0.1,
            subsample: 0.75,
            limits,
            ..GradientBoostingParams::default()
        };
        BlendParams {
            boosting,
            extra_trees: ExtraTreesParams { n_estimators: 16, ..ExtraTreesParams::default() },
            boosting_share: 0.7,
            masked_copies: 16,
        }
    }
}

impl BlendParams {
    /// Checks the parameters.
    ///
    /// # Errors
    ///
    /// Names the parameter that is out of its range.
    pub fn check(self) -> Result<ValidBlendParams, ParamError> {
        check_share("boosting_share", self.boosting_share, 1.0)?;
        check_at_most("masked_copies", self.masked_copies as f64, MAX_MASKED_COPIES as f64)?;
        Ok(ValidBlendParams {
            boosting: self.boosting.check()?,
            extra_trees: self.extra_trees.check()?,
            boosting_share: self.boosting_share,
            masked_copies: self.masked_copies,
        })
    }
}

impl ValidBlendParams {
    /// Fits both on the same rows, the boosted trees on masked copies of them as well.
    ///
    /// # Errors
    ///
    /// Those of either.
    ///
    /// # Examples
    ///
    /// ```
    /// use lurelight_learn::{BlendParams, Dataset};
    /// use lurelight_schema::{Code, Feature, FeatureVector, Label, Record};
    ///
    /// let at = |code| FeatureVector::MISSING.with(Feature::ALL[7], code);
    /// let data = Dataset::new(&[
    ///     Record { vector: at(Code::Minus), label: Label::Phishing },
    ///     Record { vector: at(Code::Plus), label: Label::Legitimate },
    /// ]);
    /// let blend = BlendParams::default().check()?.fit(&data, 42)?;
    /// assert!(blend.probability(at(Code::Minus)) > 0.5);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn fit(&self, data: &Dataset, seed: u64) -> Result<Classifier, FitError> {
        let copies = self.masked_copies.min((MOST_ROWS / data.len().max(1)).saturating_sub(1));
        let (boosted, extra) = rayon::join(
            || self.boosting.fit(&with_masked_copies(data, copies, seed), seed),
            || self.extra_trees.fit(data, seed),
        );
        let share = self.boosting_share;
        let (base, mut trees) = scaled(&boosted?, share);
        trees.extend(scaled(&extra?, 1.0 - share).1);
        Ok(Classifier::Blend { base, trees: Trees::new(&trees)? })
    }
}

/// A score of log-odds times a factor: what is added to every row, and the trees. Leaves are rounded to whole numbers of
/// [`Trees::STEP`], so that few values differ, an artifact needs two bytes for a leaf instead of a dozen, and small trees can
/// be counted. What rounding does to the sum of a few hundred leaves is a few thousandths.
fn scaled(classifier: &Classifier, factor: f64) -> (f64, Vec<Vec<TreeNode>>) {
    let (base, trees, each) = match classifier {
        Classifier::GradientBoosting { base, trees } => (factor * base, trees, factor),
        Classifier::ExtraTrees(trees) => (0.0, trees, factor / trees.len() as f64),
        // Nothing else is blended.
        _ => return (0.0, Vec::new()),
    };
    let mut trees: Vec<_> = trees.iter().collect();
    for node in trees.iter_mut().flatten() {
        if let TreeNode::Leaf(Leaf { value, .. }) = node {
            *value = (*value * each / Trees::STEP).round_ties_even() * Trees::STEP + 0.0;
        }
    }
    (base, trees)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::Statistics;

    #[test]
    fn a_blend_is_the_mean_of_its_parts() {
        let records: Vec<_> = Statistics::built_in().unwrap().generate(3).take(400).collect();
        let data = Dataset::new(&records);
        let default = BlendParams::default();
        let params = BlendParams {
            boosting: GradientBoostingParams { n_estimators: 20, ..default.boosting },
            extra_trees: ExtraTreesParams { n_estimators: 7, ..default.extra_trees },
            boosting_share: 0.3,
            masked_copies: 2,
        };
        let blend = params.check().unwrap().fit(&data, 5).unwrap();
        let boosted = params.boosting.check().unwrap().fit(&with_masked_copies(&data, 2, 5), 5).unwrap();
        let extra = params.extra_trees.check().unwrap().fit(&data, 5).unwrap();
        for row in data.rows() {
            let expected = 0.3 * boosted.raw_score(row.vector) + 0.7 * extra.raw_score(row.vector);
            // 27 leaves, each rounded by half a step at most.
            assert!((blend.raw_score(row.vector) - expected).abs() < 27.0 * Trees::STEP / 2.0);
        }
    }

    #[test]
    fn parameters_of_either_part_are_checked() {
        let default = BlendParams::default();
        let boosting = GradientBoostingParams { learning_rate: 0.0, ..default.boosting };
        let extra_trees = ExtraTreesParams { smoothing: -1.0, ..default.extra_trees };
        let table = [
            (BlendParams { boosting_share: 0.0, ..default }, "boosting_share"),
            (BlendParams { masked_copies: 65, ..default }, "masked_copies"),
            (BlendParams { boosting, ..default }, "learning_rate"),
            (BlendParams { extra_trees, ..default }, "smoothing"),
        ];
        for (params, name) in table {
            assert_eq!(params.check().unwrap_err().name, name);
        }
    }
}
