//! Extremely randomised trees (Geurts, Ernst, Wehenkel, 2006): all rows, features drawn at each split, and of each
//! drawn feature one cut drawn at random. The leaves are log-odds, so that the mean over the trees is a score that adds
//! up with that of other models of log-odds.

use lurelight_model::{Classifier, Leaf, Split, TreeNode, Trees};
use lurelight_schema::{Code, FEATURE_COUNT, Feature, FeatureVector, Label};
use rand::{Rng, RngExt};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::count_power::{check_count_power, factors};
use crate::param::{ParamError, check_at_least};
use crate::random::stream;
use crate::{Dataset, FitError};

/// The parameters of extremely randomised trees, not checked yet.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExtraTreesParams {
    /// How many trees.
    pub n_estimators: usize,
    /// Features drawn for each split; those count as well that are the same in all of a node's rows.
    pub max_features: usize,
    /// How many rows of the base rate are added to each leaf before the logarithm is taken of its odds (Laplace's rule
    /// with a prior); above 0.
    pub smoothing: f64,
    /// A vector that stands in n rows weighs n to this power; 0 to 1.
    pub count_power: f64,
}

/// Parameters that can be fitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ValidExtraTreesParams(ExtraTreesParams);

impl Default for ExtraTreesParams {
    /// 64 trees that draw 5 features, three tenths of a row of the base rate in each leaf, and vectors that weigh the square
    /// root of their rows; chosen by repeated grouped cross-validation on folds 3 to 9 of UCI's records.
    fn default() -> ExtraTreesParams {
        ExtraTreesParams { n_estimators: 64, max_features: 5, smoothing: 0.3, count_power: 0.5 }
    }
}

impl ExtraTreesParams {
    /// Checks the parameters.
    ///
    /// # Errors
    ///
    /// Names the parameter that is out of its range.
    pub fn check(self) -> Result<ValidExtraTreesParams, ParamError> {
        check_at_least("n_estimators", self.n_estimators as f64, 1.0)?;
        check_at_least("max_features", self.max_features as f64, 1.0)?;
        check_at_least("smoothing", self.smoothing, 1e-3)?;
        check_count_power(self.count_power)?;
        Ok(ValidExtraTreesParams(self))
    }
}

impl ValidExtraTreesParams {
    /// Fits the trees on as many threads as there are; the result depends on `data` and `seed` alone.
    ///
    /// # Errors
    ///
    /// [`FitError::NoRows`], and [`FitError::OneClass`] because the log-odds of one class are infinite.
    ///
    /// # Examples
    ///
    /// ```
    /// use lurelight_learn::{Dataset, ExtraTreesParams};
    /// use lurelight_schema::{Code, Feature, FeatureVector, Label, Record};
    ///
    /// let at = |code| FeatureVector::MISSING.with(Feature::ALL[7], code);
    /// let data = Dataset::new(&[
    ///     Record { vector: at(Code::Minus), label: Label::Phishing },
    ///     Record { vector: at(Code::Plus), label: Label::Legitimate },
    /// ]);
    /// let trees = ExtraTreesParams { n_estimators: 10, ..Default::default() }.check()?.fit(&data, 42)?;
    /// // One row, and three tenths of one that is half phishing.
    /// assert!((trees.probability(at(Code::Minus)) - 1.15 / 1.3).abs() < 1e-9);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn fit(&self, data: &Dataset, seed: u64) -> Result<Classifier, FitError> {
        let (phishing, rows) = (data.count(Label::Phishing), data.row_count());
        if rows == 0 {
            return Err(FitError::NoRows);
        }
        if phishing == 0 || phishing == rows {
            return Err(FitError::OneClass);
        }
        let samples: Vec<Sample> = data
            .rows()
            .iter()
            .zip(factors(data, self.0.count_power))
            .map(|(row, factor)| Sample {
                vector: row.vector,
                weight: [row.phishing, row.legitimate].map(|rows| f64::from(rows) * factor),
                rows: row.rows(),
            })
            .collect();
        let total = sum(&samples);
        let prior = total.map(|weight| self.0.smoothing * weight / (total[0] + total[1]));
        let trees: Vec<_> = (0..self.0.n_estimators as u64)
            .into_par_iter()
            .map(|tree| {
                let mut samples = samples.clone();
                let rng = stream(seed, &[0x6578_7472_6173, tree]);
                let mut tree = Tree { max_features: self.0.max_features, prior, rng, nodes: Vec::new() };
                tree.grow(&mut samples);
                tree.nodes
            })
            .collect();
        Ok(Classifier::ExtraTrees(Trees::new(&trees)?))
    }
}

/// A distinct vector.
#[derive(Clone, Copy)]
struct Sample {
    vector: FeatureVector,
    /// The weights of its phishing and of its legitimate rows.
    weight: [f64; 2],
    rows: u32,
}

fn sum(samples: &[Sample]) -> [f64; 2] {
    samples.iter().fold([0.0; 2], |sum, sample| add(sum, sample.weight))
}

fn add(a: [f64; 2], b: [f64; 2]) -> [f64; 2] {
    [a[0] + b[0], a[1] + b[1]]
}

/// The Gini impurity 2p(1 − p) of labels with these weights, times their sum.
fn gini([phishing, legitimate]: [f64; 2]) -> f64 {
    2.0 * phishing * legitimate / (phishing + legitimate)
}

/// The Gini impurity of labels with these weights: from 0, where they are alike, to 1/2.
fn impurity(weight: [f64; 2]) -> f64 {
    gini(weight) / (weight[0] + weight[1])
}

struct Tree<R> {
    max_features: usize,
    /// What is added to the weights of a leaf.
    prior: [f64; 2],
    rng: R,
    nodes: Vec<TreeNode>,
}

impl<R: Rng> Tree<R> {
    /// Splits until a node has one label or one vector; each split takes a code away from one feature on each side, so
    /// the depth is 90 at most.
    fn grow(&mut self, samples: &mut [Sample]) {
        let total = sum(samples);
        let best = if total.contains(&0.0) { None } else { self.draw_split(samples) };
        let Some(split) = best else {
            let [phishing, legitimate] = add(total, self.prior);
            let rows = samples.iter().map(|sample| sample.rows).sum();
            self.nodes.push(TreeNode::Leaf(Leaf { value: libm::log(phishing / legitimate), rows }));
            return;
        };
        self.nodes.push(TreeNode::Split(split));
        let middle = part(samples, split);
        let (left, right) = samples.split_at_mut(middle);
        self.grow(left);
        self.grow(right);
    }

    /// The best of one random cut a drawn feature, where any of them can be cut; else of the next one that can. `None` where
    /// all rows have one vector.
    fn draw_split(&mut self, samples: &[Sample]) -> Option<Split> {
        let varying = varying(samples);
        let mut features = Feature::ALL;
        let mut best: Option<(f64, Split)> = None;
        for place in 0..FEATURE_COUNT {
            if place >= self.max_features && best.is_some() {
                break;
            }
            let other = self.rng.random_range(place..FEATURE_COUNT);
            features.swap(place, other);
            if varying >> (2 * features[place].index()) & 3 == 0 {
                continue;
            }
            let (loss, split) = self.draw_cut(samples, features[place]);
            if best.is_none_or(|(least, _)| loss < least) {
                best = Some((loss, split));
            }
        }
        best.map(|(_, split)| split)
    }

    /// A cut drawn evenly between the lowest and the highest code of a feature, missing values on the better side. Where
    /// none is missing, they go where the labels are more mixed: on the other side they would be taken for a clearer word
    /// than they are.
    fn draw_cut(&mut self, samples: &[Sample], feature: Feature) -> (f64, Split) {
        let mut cells = [([0.0; 2], 0u32); 4];
        for sample in samples {
            let (weight, rows) = &mut cells[sample.vector.code(feature) as usize];
            *weight = add(*weight, sample.weight);
            *rows += sample.rows;
        }
        let [minus, zero, plus, missing] = cells;
        let together = |(a, m): ([f64; 2], u32), (b, n): ([f64; 2], u32)| (add(a, b), m + n);
        let loss = |left: ([f64; 2], u32), right: ([f64; 2], u32)| gini(left.0) + gini(right.0);
        let (after_minus, after_zero) =
            (together(zero, plus).1 > 0 && minus.1 > 0, together(minus, zero).1 > 0 && plus.1 > 0);
        let (code, low, high) = match (after_minus, after_zero) {
            // Only one of the cuts parts the rows that are known.
            (true, false) => (Code::Minus, minus, zero),
            (false, true) => (Code::Zero, zero, plus),
            (false, false) => {
                let known = together(together(minus, zero), plus);
                return (loss(known, missing), Split::at_most(feature, Code::Plus, false));
            }
            (true, true) if self.rng.random::<bool>() => (Code::Minus, minus, together(zero, plus)),
            (true, true) => (Code::Zero, together(minus, zero), plus),
        };
        if missing.1 == 0 {
            let more_mixed = impurity(low.0).total_cmp(&impurity(high.0));
            let missing_left = more_mixed.then(low.1.cmp(&high.1)).is_ge();
            return (loss(low, high), Split::at_most(feature, code, missing_left));
        }
        let (left, right) = (loss(together(low, missing), high), loss(low, together(high, missing)));
        let missing_left = left < right;
        (left.min(right), Split::at_most(feature, code, missing_left))
    }
}

/// The bits in which the rows differ.
fn varying(samples: &[Sample]) -> u64 {
    let bits = samples.iter().map(|sample| sample.vector.bits());
    let (any, all) = bits.fold((0, u64::MAX), |(any, all), bits| (any | bits, all & bits));
    any ^ all
}

/// Puts the rows that go left in front, and returns how many they are.
fn part(samples: &mut [Sample], split: Split) -> usize {
    let mut kept = 0;
    for place in 0..samples.len() {
        if split.goes_left(samples[place].vector) {
            samples.swap(place, kept);
            kept += 1;
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use lurelight_schema::Record;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Vectors are told apart wherever their rows do not all have one label, so each leaf is one vector's odds or
        /// pure.
        #[test]
        fn every_vector_gets_its_own_odds(
            rows in prop::collection::vec((0..1u64 << 10, any::<bool>()), 2..60), seed in any::<u64>(),
        ) {
            let label = |phishing| if phishing { Label::Phishing } else { Label::Legitimate };
            let record = |&(bits, phishing): &(u64, bool)| Record {
                vector: FeatureVector::from_bits(bits).unwrap(), label: label(phishing),
            };
            let data = Dataset::new(&rows.iter().map(record).collect::<Vec<_>>());
            let params = ExtraTreesParams { n_estimators: 3, count_power: 1.0, ..Default::default() };
            let fitted = match params.check().unwrap().fit(&data, seed) {
                Err(FitError::OneClass) => return Ok(()),
                fitted => fitted.unwrap(),
            };
            let Classifier::ExtraTrees(trees) = &fitted else { panic!("{fitted:?}") };
            for tree in trees.iter() {
                let reached: u32 = tree.iter().map(|node| if let TreeNode::Leaf(leaf) = node { leaf.rows } else { 0 }).sum();
                prop_assert_eq!(u64::from(reached), data.row_count());
            }
            let share = data.count(Label::Phishing) as f64 / data.row_count() as f64;
            for row in data.rows() {
                let score = fitted.raw_score(row.vector);
                if row.phishing > 0 && row.legitimate > 0 {
                    let odds = (f64::from(row.phishing) + 0.3 * share) / (f64::from(row.legitimate) + 0.3 * (1.0 - share));
                    prop_assert!((score - odds.ln()).abs() < 1e-9);
                } else if row.phishing > 0 {
                    prop_assert!(score >= ((f64::from(row.phishing) + 0.3 * share) / (0.3 * (1.0 - share))).ln() - 1e-9);
                } else {
                    prop_assert!(score <= (0.3 * share / (f64::from(row.legitimate) + 0.3 * (1.0 - share))).ln() + 1e-9);
                }
            }
        }
    }

    #[test]
    fn both_cuts_are_drawn_alike() {
        let feature = Feature::ALL[3];
        let sample = |code| Sample {
            vector: FeatureVector::from_bits(0).unwrap().with(feature, code),
            weight: [1.0; 2],
            rows: 2,
        };
        let samples = [Code::Minus, Code::Zero, Code::Plus].map(sample);
        let mut tree = Tree { max_features: 1, prior: [0.1; 2], rng: stream(4, &[]), nodes: Vec::new() };
        let low = (0..4_000)
            .filter(|_| tree.draw_cut(&samples, feature).1 == Split::at_most(feature, Code::Minus, false))
            .count();
        // Five standard deviations of 4,000 even draws.
        assert!((2_000 - 158..2_000 + 158).contains(&low), "{low}");
    }

    #[test]
    fn a_missing_value_goes_where_labels_are_mixed_and_else_where_most_rows_go() {
        let missing_left = |cells: &[(Code, [f64; 2])]| {
            let feature = Feature::ALL[3];
            let sample = |&(code, weight): &(Code, [f64; 2])| Sample {
                vector: FeatureVector::from_bits(0).unwrap().with(feature, code),
                weight,
                rows: (weight[0] + weight[1]) as u32,
            };
            let samples: Vec<Sample> = cells.iter().map(sample).collect();
            let mut tree = Tree { max_features: 1, prior: [0.1; 2], rng: stream(4, &[]), nodes: Vec::new() };
            tree.draw_cut(&samples, feature).1.left.contains(Code::Missing)
        };
        for (minus, plus, left) in [
            ([9.0, 0.0], [1.0, 1.0], false),
            ([2.0, 2.0], [1.0, 8.0], true),
            ([9.0, 0.0], [0.0, 2.0], true),
            ([3.0, 1.0], [2.0, 6.0], false),
        ] {
            assert_eq!(missing_left(&[(Code::Minus, minus), (Code::Plus, plus)]), left, "{minus:?} {plus:?}");
        }
        // Where the data have a missing value, it stays with its like.
        let cells = [(Code::Minus, [9.0, 0.0]), (Code::Plus, [1.0, 1.0]), (Code::Missing, [4.0, 0.0])];
        assert!(missing_left(&cells));
    }

    #[test]
    fn parameters_out_of_range_are_named() {
        let default = ExtraTreesParams::default();
        let table = [
            (ExtraTreesParams { n_estimators: 0, ..default }, "n_estimators"),
            (ExtraTreesParams { max_features: 0, ..default }, "max_features"),
            (ExtraTreesParams { smoothing: 0.0, ..default }, "smoothing"),
            (ExtraTreesParams { count_power: 1.5, ..default }, "count_power"),
        ];
        for (params, name) in table {
            assert_eq!(params.check().unwrap_err().name, name);
        }
    }
}
