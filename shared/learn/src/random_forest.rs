//! Random forests (Breiman, 2001): bootstrap samples, features drawn at each split, leaf probabilities
//! averaged.

use std::sync::atomic::{AtomicUsize, Ordering};

use lurelight_model::{Classifier, InvalidTrees, MAX_NODES, Trees};
use rand::RngExt;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::decision_tree::{Criterion, grow_impurity, impurity_sample};
use crate::grow::Limits;
use crate::param::{ParamError, check_at_least};
use crate::random::stream;
use crate::{Dataset, FitError};

/// The parameters of a random forest, not checked yet.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RandomForestParams {
    /// How many trees.
    pub n_estimators: usize,
    /// What a split minimises.
    pub criterion: Criterion,
    /// Where a tree stops; `max_features` features are drawn at each split.
    pub limits: Limits,
}

/// Parameters that can be fitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ValidRandomForestParams(RandomForestParams);

impl Default for RandomForestParams {
    /// 100 trees with the square root of 30 features, rounded down, drawn at each split, as scikit-learn's
    /// default.
    fn default() -> RandomForestParams {
        let limits = Limits { max_depth: None, min_samples_leaf: 1.0, max_features: Some(5), min_gain: 0.0 };
        RandomForestParams { n_estimators: 100, criterion: Criterion::Gini, limits }
    }
}

impl RandomForestParams {
    /// Checks the parameters.
    ///
    /// # Errors
    ///
    /// Names the parameter that is out of its range.
    pub fn check(self) -> Result<ValidRandomForestParams, ParamError> {
        check_at_least("n_estimators", self.n_estimators as f64, 1.0)?;
        self.limits.check()?;
        Ok(ValidRandomForestParams(self))
    }
}

impl ValidRandomForestParams {
    /// Fits the forest, its trees on as many threads as there are; the result depends on `data` and `seed`
    /// alone.
    ///
    /// # Errors
    ///
    /// [`FitError::NoRows`].
    pub fn fit(&self, data: &Dataset, seed: u64) -> Result<Classifier, FitError> {
        if data.is_empty() {
            return Err(FitError::NoRows);
        }
        let owners = row_owners(data);
        // Trees that no artifact could carry are not grown to their end: it would take all memory.
        let grown = AtomicUsize::new(0);
        let trees: Vec<_> = (0..self.0.n_estimators as u64)
            .into_par_iter()
            .map(|tree| {
                if grown.load(Ordering::Relaxed) > MAX_NODES {
                    return Vec::new();
                }
                let counts = bootstrap(&owners, 2 * data.len(), seed, tree);
                let mut samples = Vec::with_capacity(data.len());
                let drawn = data.rows().iter().zip(counts.as_chunks::<2>().0);
                samples.extend(drawn.filter(|(_, [phishing, legitimate])| phishing + legitimate > 0).map(
                    |(row, [phishing, legitimate])| {
                        impurity_sample(row.vector, f64::from(*phishing), f64::from(*legitimate))
                    },
                ));
                let tree = grow_impurity(&mut samples, self.0.criterion, self.0.limits, seed, tree);
                grown.fetch_add(tree.len(), Ordering::Relaxed);
                tree
            })
            .collect();
        if grown.into_inner() > MAX_NODES {
            return Err(InvalidTrees::TooManyNodes.into());
        }
        Ok(Classifier::RandomForest(Trees::new(&trees)?))
    }
}

/// For each row one by one, twice the place of its distinct vector, plus one where it is legitimate.
pub(crate) fn row_owners(data: &Dataset) -> Vec<u32> {
    let mut owners = Vec::with_capacity(data.row_count() as usize);
    for (i, row) in data.rows().iter().enumerate() {
        owners.extend(std::iter::repeat_n(2 * i as u32, row.phishing as usize));
        owners.extend(std::iter::repeat_n(2 * i as u32 + 1, row.legitimate as usize));
    }
    owners
}

/// Draws as many rows as there are, with replacement, and counts them by owner.
fn bootstrap(owners: &[u32], owner_count: usize, seed: u64, tree: u64) -> Vec<u32> {
    let mut rng = stream(seed, &[0x626f_6f74, tree]);
    let mut counts = vec![0; owner_count];
    for _ in 0..owners.len() {
        counts[owners[rng.random_range(0..owners.len())] as usize] += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use lurelight_schema::{Code, Feature, FeatureVector, Label, Record};

    use super::*;

    #[test]
    fn a_forest_that_no_artifact_could_carry_is_refused() {
        let mut rng = stream(7, &[]);
        let mut noise = || {
            let codes = Feature::ALL.iter().map(|feature| (*feature, rng.random_range(0..3)));
            let vector = codes.fold(FeatureVector::MISSING, |vector, (feature, code)| {
                vector.with(feature, [Code::Minus, Code::Zero, Code::Plus][code])
            });
            let label = if rng.random_range(0..2) == 0 { Label::Phishing } else { Label::Legitimate };
            Record { vector, label }
        };
        let records: Vec<Record> = (0..8_000).map(|_| noise()).collect();
        let params = RandomForestParams { n_estimators: 1_024, ..RandomForestParams::default() };
        let refused = params.check().unwrap().fit(&Dataset::new(&records), 1);
        assert_eq!(refused.unwrap_err().to_string(), InvalidTrees::TooManyNodes.to_string());
    }
}
