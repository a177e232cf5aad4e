//! Random forests (Breiman, 2001): bootstrap samples, features drawn at each split, leaf probabilities
//! averaged.

use std::sync::atomic::{AtomicUsize, Ordering};

use lurelight_model::{Classifier, InvalidTrees, MAX_NODES, TreeNode, Trees};
use rand::Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::best_split::Objective;
use crate::decision_tree::{Criterion, Entropy, Gini};
use crate::fields::Fields;
use crate::grow::Grower;
use crate::grow_drawn::grow_drawn;
use crate::histogram::{Counts, Sample};
use crate::limits::Limits;
use crate::param::{ParamError, check_at_least};
use crate::random::stream;
use crate::{Dataset, DistinctRow, FitError};

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
        let limits = Limits { max_features: Some(5), ..Limits::FREE };
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
    /// [`FitError::NoRows`], and [`FitError::Trees`] where no artifact could carry the forest.
    ///
    /// # Examples
    ///
    /// ```
    /// use lurelight_learn::{Dataset, RandomForestParams};
    /// use lurelight_schema::{Code, Feature, FeatureVector, Label, Record};
    ///
    /// let at = |code| FeatureVector::MISSING.with(Feature::ALL[7], code);
    /// let records = [
    ///     [Record { vector: at(Code::Minus), label: Label::Phishing }; 9],
    ///     [Record { vector: at(Code::Plus), label: Label::Legitimate }; 9],
    /// ];
    /// let params = RandomForestParams { n_estimators: 32, ..Default::default() };
    /// let forest = params.check()?.fit(&Dataset::new(records.as_flattened()), 42)?;
    /// assert!(forest.probability(at(Code::Minus)) > 0.9);
    /// assert!(RandomForestParams { n_estimators: 0, ..params }.check().is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn fit(&self, data: &Dataset, seed: u64) -> Result<Classifier, FitError> {
        if data.is_empty() {
            return Err(FitError::NoRows);
        }
        let fields = Fields::new(data);
        let number = |row: &DistinctRow| match self.0.limits.max_leaves {
            // Trees that grow leaf-wise count all features.
            Some(_) => fields.number(row.vector),
            None => row.vector.bits(),
        };
        let numbers: Vec<u64> = data.rows().iter().map(number).collect();
        let rows = row_owners(data);
        // Trees that no artifact could carry are not grown to their end: it would take all memory.
        let grown = AtomicUsize::new(0);
        let trees: Vec<_> = (0..self.0.n_estimators as u64)
            .into_par_iter()
            .map_init(<[Vec<Sample<Counts>>; 2]>::default, |samples, tree| {
                if grown.load(Ordering::Relaxed) > MAX_NODES {
                    return Vec::new();
                }
                let draw = |samples: &mut Vec<Sample<Counts>>| {
                    bootstrap(&numbers, &rows, samples, &mut stream(seed, &[0x626f_6f74, tree]));
                };
                let rng = stream(seed, &[0x7370_6c69_7473, tree]);
                let tree = match self.0.criterion {
                    Criterion::Gini => self.grow(&Gini, &fields, samples, draw, rng),
                    Criterion::Entropy => self.grow(&Entropy, &fields, samples, draw, rng),
                };
                grown.fetch_add(tree.len(), Ordering::Relaxed);
                tree
            })
            .collect();
        if grown.into_inner() > MAX_NODES {
            return Err(InvalidTrees::TooManyNodes.into());
        }
        Ok(Classifier::RandomForest(Trees::new(&trees)?))
    }

    /// Grows a tree on the rows that are drawn.
    fn grow<O: Objective<Weight = Counts>>(
        &self,
        objective: &O,
        fields: &Fields,
        samples: &mut [Vec<Sample<Counts>>; 2],
        draw: impl FnOnce(&mut Vec<Sample<Counts>>),
        mut rng: impl Rng,
    ) -> Vec<TreeNode> {
        if self.0.limits.max_leaves.is_some() {
            let mut grower = Grower::new(fields, self.0.limits);
            draw(grower.samples());
            return grower.grow(objective, &mut rng);
        }
        draw(&mut samples[0]);
        grow_drawn(samples, objective, &self.0.limits, &mut rng)
    }
}

/// For each row one by one, twice the place of its distinct vector, plus one where it is phishing.
fn row_owners(data: &Dataset) -> Vec<u32> {
    let mut owners = Vec::with_capacity(data.row_count() as usize);
    for (i, row) in data.rows().iter().enumerate() {
        owners.extend(std::iter::repeat_n(2 * i as u32 + 1, row.phishing as usize));
        owners.extend(std::iter::repeat_n(2 * i as u32, row.legitimate as usize));
    }
    owners
}

/// Draws as many rows as there are, with replacement, and puts the distinct vectors that were drawn into `samples`.
fn bootstrap(numbers: &[u64], owners: &[u32], samples: &mut Vec<Sample<Counts>>, rng: &mut impl Rng) {
    let count = owners.len() as u64;
    let mut times = vec![[0_u32; 2]; numbers.len()];
    let mut draw = |random: u32| {
        // Half of a random number, scaled: a row is drawn more often than another by 2⁻³² of all draws at most.
        let owner = owners[((u64::from(random) * count) >> 32) as usize] as usize;
        times.as_flattened_mut()[owner] += 1;
    };
    for _ in 0..count / 2 {
        let random = rng.next_u64();
        draw(random as u32);
        draw((random >> 32) as u32);
    }
    if count % 2 == 1 {
        draw(rng.next_u32());
    }
    samples.resize(numbers.len(), Sample { number: 0, weight: Counts::default() });
    let mut kept = 0;
    for (number, [legitimate, phishing]) in numbers.iter().zip(times) {
        samples[kept] = Sample { number: *number, weight: Counts::new(phishing, legitimate) };
        kept += usize::from(phishing + legitimate > 0);
    }
    samples.truncate(kept);
}

#[cfg(test)]
mod tests {
    use lurelight_schema::{Code, Feature, FeatureVector, Label, Record};

    use rand::RngExt;

    use super::*;

    #[test]
    fn leaves_are_limited_where_that_is_wanted() {
        let records: Vec<_> =
            crate::synthetic::Statistics::built_in().unwrap().generate(4).take(500).collect();
        let limits = Limits { max_leaves: Some(6), max_features: Some(5), ..Limits::FREE };
        let params = RandomForestParams { n_estimators: 20, limits, ..RandomForestParams::default() };
        let Classifier::RandomForest(trees) =
            params.check().unwrap().fit(&Dataset::new(&records), 1).unwrap()
        else {
            panic!("another family")
        };
        assert_eq!(trees.node_count(), 20 * 11);
    }

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
