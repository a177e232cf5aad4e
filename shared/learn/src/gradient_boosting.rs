//! Gradient boosting of the logistic loss by Newton steps (Friedman, 2001; Chen and Guestrin, 2016).

use lurelight_model::{Classifier, TreeNode, Trees, logit, sigmoid};
use lurelight_schema::Label;
use serde::{Deserialize, Serialize};

use crate::grow::{Limits, Objective, Sample, Sums, grow};
use crate::param::{ParamError, check_at_least, check_share};
use crate::random::{shuffle_first, stream};
use crate::random_forest::row_owners;
use crate::walk::Walk;
use crate::{Dataset, FitError};

/// The parameters of gradient boosting, not checked yet.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct GradientBoostingParams {
    /// How many trees.
    pub n_estimators: usize,
    /// The share of each Newton step that is taken, above 0 and at most 1.
    pub learning_rate: f64,
    /// The share of the rows that each tree sees, drawn without replacement; above 0 and at most 1.
    pub subsample: f64,
    /// The weight of the squared leaf values in the loss (L2 regularisation).
    pub l2: f64,
    /// The sum of hessians in a leaf, at least.
    pub min_child_weight: f64,
    /// Where a tree stops.
    pub limits: Limits,
}

/// Parameters that can be fitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ValidGradientBoostingParams(GradientBoostingParams);

impl Default for GradientBoostingParams {
    /// 100 trees of depth 6 at a learning rate of 0.1 on all rows, leaves of 20 rows or more.
    fn default() -> GradientBoostingParams {
        let limits = Limits { max_depth: Some(6), min_samples_leaf: 20.0, max_features: None, min_gain: 0.0 };
        GradientBoostingParams {
            n_estimators: 100,
            learning_rate: 0.1,
            subsample: 1.0,
            l2: 1.0,
            min_child_weight: 0.0,
            limits,
        }
    }
}

impl GradientBoostingParams {
    /// Checks the parameters.
    ///
    /// # Errors
    ///
    /// Names the parameter that is out of its range.
    pub fn check(self) -> Result<ValidGradientBoostingParams, ParamError> {
        check_at_least("n_estimators", self.n_estimators as f64, 1.0)?;
        check_share("learning_rate", self.learning_rate, 1.0)?;
        check_share("subsample", self.subsample, 1.0)?;
        check_at_least("l2", self.l2, 0.0)?;
        check_at_least("min_child_weight", self.min_child_weight, 0.0)?;
        self.limits.check()?;
        Ok(ValidGradientBoostingParams(self))
    }
}

impl ValidGradientBoostingParams {
    /// Fits the trees one after the other; the result depends on `data` and `seed` alone, and on `seed` only
    /// where rows or features are drawn.
    ///
    /// # Errors
    ///
    /// [`FitError::NoRows`], and [`FitError::OneClass`] because the log-odds of one class are infinite.
    pub fn fit(&self, data: &Dataset, seed: u64) -> Result<Classifier, FitError> {
        let params = &self.0;
        let (phishing, rows) = (data.count(Label::Phishing), data.row_count());
        if rows == 0 {
            return Err(FitError::NoRows);
        }
        if phishing == 0 || phishing == rows {
            return Err(FitError::OneClass);
        }
        let base = logit(phishing as f64 / rows as f64);
        let mut log_odds = vec![base; data.len()];
        let mut owners = row_owners(data);
        let mut trees = Vec::with_capacity(params.n_estimators);
        for number in 0..params.n_estimators as u64 {
            let mut samples = self.samples(data, &log_odds, &mut owners, seed, number);
            let objective = Newton { l2: params.l2, min_child_weight: params.min_child_weight };
            let mut rng = stream(seed, &[0x6662_6f6f_7374, number]);
            let mut nodes = grow(&mut samples, &objective, params.limits, &mut rng);
            shrink(&mut nodes, params.learning_rate);
            let walk = Walk::new(&nodes);
            for (row, log_odds) in data.rows().iter().zip(&mut log_odds) {
                *log_odds += walk.value(row.vector.bits());
            }
            trees.push(nodes);
        }
        Ok(Classifier::GradientBoosting { base, trees: Trees::new(&trees)? })
    }

    /// The gradients and hessians of the rows that the next tree sees.
    fn samples(
        &self,
        data: &Dataset,
        log_odds: &[f64],
        owners: &mut [u32],
        seed: u64,
        tree: u64,
    ) -> Vec<Sample> {
        let drawn = (self.0.subsample * owners.len() as f64).round().max(1.0) as usize;
        let mut counts: Vec<[u32; 2]> =
            data.rows().iter().map(|row| [row.phishing, row.legitimate]).collect();
        if drawn < owners.len() {
            shuffle_first(owners, drawn, &mut stream(seed, &[0x7375_6273, tree]));
            counts.fill([0; 2]);
            for &owner in &owners[..drawn] {
                counts[owner as usize / 2][owner as usize % 2] += 1;
            }
        }
        let sample = |((row, log_odds), count): ((&crate::DistinctRow, &f64), &[u32; 2])| {
            let rows = f64::from(count[0] + count[1]);
            (rows > 0.0).then(|| {
                let p = sigmoid(*log_odds);
                let sums = Sums { first: rows * p - f64::from(count[0]), second: rows * p * (1.0 - p), rows };
                Sample { vector: row.vector, sums }
            })
        };
        let mut samples = Vec::with_capacity(data.len());
        samples.extend(data.rows().iter().zip(log_odds).zip(&counts).filter_map(sample));
        samples
    }
}

/// The second-order expansion of the logistic loss: a leaf's value is −G / (H + λ), and its loss
/// −G² / 2(H + λ).
struct Newton {
    l2: f64,
    min_child_weight: f64,
}

impl Objective for Newton {
    fn loss(&self, sums: Sums) -> f64 {
        -0.5 * sums.first * sums.first / (sums.second + self.l2).max(f64::MIN_POSITIVE)
    }

    fn leaf(&self, sums: Sums) -> f64 {
        // The bound keeps a leaf of saturated rows finite where there is no L2.
        (-sums.first / (sums.second + self.l2).max(f64::MIN_POSITIVE)).clamp(-1e3, 1e3)
    }

    fn admits(&self, child: Sums) -> bool {
        child.second >= self.min_child_weight
    }
}

fn shrink(nodes: &mut [TreeNode], learning_rate: f64) {
    for node in nodes {
        if let TreeNode::Leaf(leaf) = node {
            leaf.value *= learning_rate;
        }
    }
}
