//! Growing one tree on weighted distinct rows.
//!
//! A node is split by counting: for each feature, a histogram holds the sums of the node's rows by code.
//! Four codes make at most five ordered splits, so no value is ever sorted. Missing values are a code of
//! their own: where a node has some, both ways are tried and the better one is kept; where it has none,
//! they follow the heavier child.

use lurelight_model::{Leaf, Split, TreeNode};
use lurelight_schema::{Code, Feature, FeatureVector};
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use crate::histogram::{self, Histogram, Histograms};
use crate::param::{ParamError, check_at_least};

/// What is summed over the rows of a node. Impurity objectives read `first` as the weight of phishing and
/// `second` as the weight of all rows; boosting reads them as the sums of gradients and of hessians.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sums {
    /// Weight of phishing rows, or sum of gradients.
    pub first: f64,
    /// Weight of all rows, or sum of hessians.
    pub second: f64,
    /// Number of rows, each counted as often as it stands in the sample.
    pub rows: f64,
}

impl std::ops::Add for Sums {
    type Output = Sums;

    fn add(self, other: Sums) -> Sums {
        Sums {
            first: self.first + other.first,
            second: self.second + other.second,
            rows: self.rows + other.rows,
        }
    }
}

/// A row of a sample: its vector and what it adds to the sums. Rows that were not drawn are left out.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// The 30 features.
    pub vector: FeatureVector,
    /// What the row adds.
    pub sums: Sums,
}

/// What a tree minimises.
pub trait Objective {
    /// The loss of a node whose rows are not told apart, times the weight of its rows.
    fn loss(&self, sums: Sums) -> f64;

    /// The value of a leaf.
    fn leaf(&self, sums: Sums) -> f64;

    /// Whether no split can leave less loss than this.
    fn is_least(&self, _loss: f64) -> bool {
        false
    }

    /// Whether a node may become a child, beyond the limit on its rows.
    fn admits(&self, _child: Sums) -> bool {
        true
    }
}

/// Where a tree stops growing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Splits between the root and a leaf, at most; `None`: until the leaves are pure.
    pub max_depth: Option<usize>,
    /// Rows in a leaf, at least.
    pub min_samples_leaf: f64,
    /// Features drawn for each split; `None`: all of them.
    pub max_features: Option<usize>,
    /// How much less loss a split must leave, beyond rounding.
    pub min_gain: f64,
}

impl Limits {
    /// Checks each limit.
    ///
    /// # Errors
    ///
    /// Names the limit that is out of its range.
    pub fn check(&self) -> Result<(), ParamError> {
        check_at_least("min_samples_leaf", self.min_samples_leaf, 1.0)?;
        check_at_least("min_gain", self.min_gain, 0.0)?;
        check_at_least("max_depth", self.max_depth.map_or(1.0, |depth| depth as f64), 1.0)?;
        check_at_least("max_features", self.max_features.map_or(1.0, |count| count as f64), 1.0)
    }
}

/// Grows a tree on `samples` and returns it in preorder. `samples` is reordered.
pub fn grow(
    samples: &mut [Sample],
    objective: &impl Objective,
    limits: Limits,
    rng: &mut impl Rng,
) -> Vec<TreeNode> {
    let scratch = samples.to_vec();
    let mut tree = Tree { objective, limits, rng, nodes: Vec::new(), scratch };
    tree.grow_node(samples, 0, None);
    tree.nodes
}

struct Tree<'a, O, R> {
    objective: &'a O,
    limits: Limits,
    rng: &'a mut R,
    nodes: Vec<TreeNode>,
    /// As many samples as the root has, for whatever is in them.
    scratch: Vec<Sample>,
}

struct Best {
    split: Split,
    loss: f64,
    left: Sums,
    right: Sums,
}

impl<O: Objective, R: Rng> Tree<'_, O, R> {
    /// Every split takes a code away from one feature on each side, so the depth is 90 at most. `counted` are the
    /// node's histograms, where they are known already.
    fn grow_node(&mut self, samples: &mut [Sample], depth: usize, counted: Option<Histograms>) {
        let total = samples.iter().fold(Sums::default(), |sums, sample| sums + sample.sums);
        let mut best = None;
        let mut histograms = None;
        if let Some(ceiling) = self.ceiling(samples, total, depth) {
            if let Some(count) = self.limits.max_features {
                self.try_drawn_features(samples, count, ceiling, &mut best);
            } else {
                let counted = counted.unwrap_or_else(|| histogram::all(samples));
                for (feature, histogram) in Feature::ALL.into_iter().zip(&counted) {
                    self.try_feature(feature, histogram, ceiling, &mut best);
                }
                histograms = Some(counted);
            }
        }
        let Some(Best { split, left, right, .. }) = best else {
            self.push_leaf(total);
            return;
        };
        self.nodes.push(TreeNode::Split(split));
        if self.limits.max_depth.is_some_and(|max| depth + 1 >= max) {
            // Leaves need no rows, only their sums.
            self.push_leaf(left);
            self.push_leaf(right);
            return;
        }
        let (left, right) = partition(samples, &mut self.scratch, split);
        let [left_counted, right_counted] = match histograms {
            Some(parent) => {
                let left_is_smaller = left.len() <= right.len();
                let smaller = histogram::all(if left_is_smaller { left } else { right });
                let larger = histogram::rest(&parent, &smaller);
                if left_is_smaller { [Some(smaller), Some(larger)] } else { [Some(larger), Some(smaller)] }
            }
            None => [None, None],
        };
        self.grow_node(left, depth + 1, left_counted);
        self.grow_node(right, depth + 1, right_counted);
    }

    fn push_leaf(&mut self, sums: Sums) {
        let leaf = Leaf { value: self.objective.leaf(sums), rows: sums.rows as u32 };
        self.nodes.push(TreeNode::Leaf(leaf));
    }

    /// The loss that a split must stay below; `None` where the node becomes a leaf in any case.
    fn ceiling(&self, samples: &[Sample], total: Sums, depth: usize) -> Option<f64> {
        if self.limits.max_depth.is_some_and(|max| depth >= max)
            || samples.len() < 2
            || total.rows < 2.0 * self.limits.min_samples_leaf
        {
            return None;
        }
        let loss = self.objective.loss(total);
        // A split must leave clearly less: sums differ in their last digits by order of addition alone.
        (!self.objective.is_least(loss)).then_some(loss - self.limits.min_gain - 1e-12 * loss.abs())
    }

    /// Tries `count` features drawn without replacement, and goes on drawing until one can be split.
    fn try_drawn_features(
        &mut self,
        samples: &[Sample],
        count: usize,
        ceiling: f64,
        best: &mut Option<Best>,
    ) {
        let mut features = Feature::ALL;
        let draw = |rng: &mut R, features: &mut [Feature], place: usize| {
            let other = rng.random_range(place..features.len());
            features.swap(place, other);
        };
        let count = count.min(features.len());
        (0..count).for_each(|place| draw(self.rng, &mut features, place));
        for (feature, histogram) in features[..count].iter().zip(histogram::of(samples, &features[..count])) {
            self.try_feature(*feature, &histogram, ceiling, best);
        }
        for place in count..features.len() {
            if best.is_some() {
                return;
            }
            draw(self.rng, &mut features, place);
            self.try_feature(features[place], &histogram::one(samples, features[place]), ceiling, best);
        }
    }

    /// Tries every ordered split of a feature, with missing values on either side.
    fn try_feature(&self, feature: Feature, histogram: &Histogram, ceiling: f64, best: &mut Option<Best>) {
        let [minus, zero, plus, missing] = *histogram;
        let has_missing = missing.rows > 0.0;
        let lower = [(Code::Minus, minus, zero + plus), (Code::Zero, minus + zero, plus)];
        for (code, left, right) in lower {
            if left.rows == 0.0 || right.rows == 0.0 {
                continue;
            }
            if has_missing {
                self.try_split(Split::at_most(feature, code, true), left + missing, right, ceiling, best);
                self.try_split(Split::at_most(feature, code, false), left, right + missing, ceiling, best);
            } else {
                self.try_split(
                    Split::at_most(feature, code, left.rows >= right.rows),
                    left,
                    right,
                    ceiling,
                    best,
                );
            }
        }
        if has_missing {
            let known = minus + zero + plus;
            self.try_split(Split::at_most(feature, Code::Plus, false), known, missing, ceiling, best);
        }
    }

    fn try_split(&self, split: Split, left: Sums, right: Sums, ceiling: f64, best: &mut Option<Best>) {
        let least = self.limits.min_samples_leaf;
        if left.rows < least
            || right.rows < least
            || !self.objective.admits(left)
            || !self.objective.admits(right)
        {
            return;
        }
        let loss = self.objective.loss(left) + self.objective.loss(right);
        if loss < best.as_ref().map_or(ceiling, |best| best.loss) {
            *best = Some(Best { split, loss, left, right });
        }
    }
}

/// Reorders the rows so that those that go left come first, each side in its old order. `scratch` is no shorter than
/// `samples`. Each row is written to both sides, so that there is no branch to be guessed wrongly.
fn partition<'s>(
    samples: &'s mut [Sample],
    scratch: &mut [Sample],
    split: Split,
) -> (&'s mut [Sample], &'s mut [Sample]) {
    let (mut kept, mut put_aside) = (0, 0);
    for i in 0..samples.len() {
        let sample = samples[i];
        let goes_left = usize::from(split.goes_left(sample.vector));
        samples[kept] = sample;
        scratch[put_aside] = sample;
        kept += goes_left;
        put_aside += 1 - goes_left;
    }
    samples[kept..].copy_from_slice(&scratch[..put_aside]);
    samples.split_at_mut(kept)
}

#[cfg(test)]
mod tests {
    use lurelight_model::Trees;
    use proptest::prelude::*;

    use super::*;
    use crate::random::stream;

    /// The squared error of `first` per row, whose leaf is the mean.
    struct Mean;

    impl Objective for Mean {
        fn loss(&self, sums: Sums) -> f64 {
            -sums.first * sums.first / sums.rows
        }

        fn leaf(&self, sums: Sums) -> f64 {
            sums.first / sums.rows
        }
    }

    const FREE: Limits = Limits { max_depth: None, min_samples_leaf: 1.0, max_features: None, min_gain: 0.0 };

    fn samples(rows: &[(u64, i8)]) -> Vec<Sample> {
        let sample = |&(bits, first): &(u64, i8)| Sample {
            vector: FeatureVector::from_bits(bits).unwrap(),
            sums: Sums { first: f64::from(first), second: 1.0, rows: 1.0 },
        };
        rows.iter().map(sample).collect()
    }

    proptest! {
        #[test]
        fn leaves_are_the_means_of_their_rows(
            rows in prop::collection::btree_map(0..1u64 << 12, -3..3i8, 1..80),
            leaf in 1..10u8, depth in 1..8usize, drawn in prop::option::of(1..30usize),
        ) {
            let rows: Vec<_> = rows.into_iter().collect();
            let limits = Limits {
                max_depth: Some(depth), min_samples_leaf: f64::from(leaf), max_features: drawn, ..FREE
            };
            let nodes = grow(&mut samples(&rows), &Mean, limits, &mut stream(1, &[]));
            let tree = Trees::new(&[nodes]).unwrap();
            // Rows that reach the same leaf have the same value, which is their mean.
            for sample in samples(&rows) {
                let value = tree.sum(sample.vector);
                let same: Vec<f64> = samples(&rows)
                    .iter()
                    .filter(|other| tree.sum(other.vector) == value)
                    .map(|other| other.sums.first)
                    .collect();
                let mean = same.iter().sum::<f64>() / same.len() as f64;
                prop_assert!((mean - value).abs() < 1e-9);
                prop_assert!(same.len() >= usize::from(leaf).min(rows.len()));
            }
        }

        #[test]
        fn a_free_tree_tells_distinct_rows_apart(
            rows in prop::collection::btree_map(0..1u64 << 60, Just(0i8), 1..40), seed in any::<u64>(),
        ) {
            // Values drawn so that no two subsets have the same mean by chance: every split helps.
            let mut rng = stream(seed, &[]);
            let mut all = samples(&rows.into_iter().collect::<Vec<_>>());
            all.iter_mut().for_each(|sample| sample.sums.first = rng.random());
            let tree = Trees::new(&[grow(&mut all.clone(), &Mean, FREE, &mut rng)]).unwrap();
            for sample in all {
                // A split between values that differ in the sixth digit gains less than rounding may.
                prop_assert!((tree.sum(sample.vector) - sample.sums.first).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn missing_values_go_where_they_fit() {
        let feature = Feature::ALL[4];
        let row = |code| FeatureVector::from_bits(0).unwrap().with(feature, code).bits();
        let table = [
            (vec![(row(Code::Minus), 0), (row(Code::Plus), 3), (row(Code::Missing), 3)], 3.0),
            (vec![(row(Code::Minus), 0), (row(Code::Plus), 3), (row(Code::Missing), 0)], 0.0),
            (vec![(row(Code::Minus), 1), (row(Code::Plus), 1), (row(Code::Missing), -2)], -2.0),
            // None in training: they follow the heavier child.
            (vec![(row(Code::Minus), 0), (row(Code::Plus), 3), (row(Code::Plus), 3)], 3.0),
            (vec![(row(Code::Minus), 0), (row(Code::Minus), 0), (row(Code::Plus), 3)], 0.0),
        ];
        for (rows, expected) in table {
            let nodes = grow(&mut samples(&rows), &Mean, FREE, &mut stream(1, &[]));
            let missing = FeatureVector::from_bits(row(Code::Missing)).unwrap();
            assert_eq!(Trees::new(&[nodes]).unwrap().sum(missing), expected, "{rows:?}");
        }
    }
}
