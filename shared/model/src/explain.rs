//! What each feature contributes to a score.
//!
//! For trees these are Shapley values by the path-dependent TreeSHAP (Lundberg, Erion, Lee, "Consistent
//! Individualized Feature Attribution for Tree Ensembles", 2018, algorithm 2): where a feature is not
//! known, a row goes both ways, in the shares of the training rows that went there. That kind needs no
//! background data, so that an artifact explains itself. For logistic regression a contribution is
//! coefficient times code, and the base value is the intercept.

use lurelight_schema::{FEATURE_COUNT, Feature, FeatureVector};

use crate::trees::{TreeNode, Trees};
use crate::{Classifier, LogisticRegression};

/// A raw score taken apart: the base value and all contributions add up to it, in its unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Explanation {
    /// The score of a row of which nothing is known; for logistic regression, of one whose codes are all 0.
    pub base: f64,
    /// What each feature adds, in the order of the UCI header. Positive: towards phishing.
    pub contributions: [f64; FEATURE_COUNT],
}

impl Explanation {
    /// The raw score that this explains, up to rounding.
    #[must_use]
    pub fn score(&self) -> f64 {
        self.base + self.contributions.iter().sum::<f64>()
    }

    /// The features that contribute most to either side, the strongest first; those that contribute
    /// nothing are left out. Of equals the one that comes first in the header.
    #[must_use]
    pub fn strongest(&self, count: usize) -> Vec<(Feature, f64)> {
        let mut ranked: Vec<(Feature, f64)> =
            Feature::ALL.into_iter().zip(self.contributions).filter(|(_, c)| *c != 0.0).collect();
        ranked.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
        ranked.truncate(count);
        ranked
    }
}

/// Takes a raw score apart.
pub(crate) fn explain(classifier: &Classifier, vector: FeatureVector) -> Option<Explanation> {
    Some(match classifier {
        Classifier::LogisticRegression(linear) => explain_linear(linear, vector),
        Classifier::DecisionTree(trees) | Classifier::RandomForest(trees) | Classifier::ExtraTrees(trees) => {
            explain_trees(trees, vector, 0.0, 1.0 / trees.len() as f64)
        }
        Classifier::GradientBoosting { base, trees } | Classifier::Blend { base, trees } => {
            explain_trees(trees, vector, *base, 1.0)
        }
        Classifier::AdaBoost(trees) => explain_trees(trees, vector, 0.0, 1.0),
        Classifier::NearestNeighbours(_) => return None,
    })
}

fn explain_linear(linear: &LogisticRegression, vector: FeatureVector) -> Explanation {
    let codes = vector.codes();
    let contributions =
        std::array::from_fn(|i| linear.coefficients[i] * f64::from(codes[i].value().unwrap_or(0)));
    Explanation { base: linear.intercept, contributions }
}

/// Explains `offset + scale × the sum of the trees`.
fn explain_trees(trees: &Trees, vector: FeatureVector, offset: f64, scale: f64) -> Explanation {
    let mut walk = Walk { trees, vector, base: 0.0, contributions: [0.0; FEATURE_COUNT], paths: Vec::new() };
    for root in trees.roots() {
        walk.paths.clear();
        walk.paths.push(Step { feature: u8::MAX, zero: 1.0, one: 1.0, weight: 1.0 });
        walk.visit(root, 1.0, 0);
    }
    Explanation {
        base: offset + scale * walk.base,
        contributions: walk.contributions.map(|contribution| scale * contribution),
    }
}

struct Walk<'a> {
    trees: &'a Trees,
    vector: FeatureVector,
    base: f64,
    contributions: [f64; FEATURE_COUNT],
    /// The paths to the node visited and to all nodes above it, one behind the other.
    paths: Vec<Step>,
}

/// A feature asked on the way to a node, each once; and the weight of the subsets of all of them that have
/// as many features as the step's place in the path. The first step stands for no feature.
#[derive(Clone, Copy)]
struct Step {
    feature: u8,
    /// The share of rows that go on where the feature is not known.
    zero: f64,
    /// Whether the row goes on where it is known: 1 or 0.
    one: f64,
    weight: f64,
}

impl Walk<'_> {
    /// Visits a node to which `share` of the tree's rows came, and whose path begins at `start`.
    fn visit(&mut self, at: usize, share: f64, start: usize) {
        match self.trees.node(at) {
            TreeNode::Leaf(leaf) => {
                self.base += share * leaf.value;
                let path = &mut self.paths[start..];
                for place in 1..path.len() {
                    let Step { feature, zero, one, .. } = path[place];
                    self.contributions[usize::from(feature)] +=
                        weight_sum_without(path, place) * (one - zero) * leaf.value;
                }
            }
            TreeNode::Split(split) => {
                let feature = split.feature.index() as u8;
                let goes_left = split.goes_left(self.vector);
                let end = self.paths.len();
                for (child, hot) in self.trees.children(at).into_iter().zip([goes_left, !goes_left]) {
                    self.paths.extend_from_within(start..end);
                    let before = take(&mut self.paths, end, feature);
                    let part = f64::from(self.trees.rows(child)) / f64::from(self.trees.rows(at));
                    let one = if hot { before.1 } else { 0.0 };
                    extend(&mut self.paths, end, Step { feature, zero: before.0 * part, one, weight: 0.0 });
                    self.visit(child, share * part, end);
                    self.paths.truncate(end);
                }
            }
        }
    }
}

/// Adds a feature to the path that begins at `start` (EXTEND of the paper).
fn extend(paths: &mut Vec<Step>, start: usize, step: Step) {
    paths.push(step);
    let path = &mut paths[start..];
    let last = path.len() - 1;
    let per_len = RECIPROCALS[path.len()];
    for i in (0..last).rev() {
        let weight = path[i].weight * per_len;
        path[i + 1].weight += step.one * weight * (i + 1) as f64;
        path[i].weight = step.zero * weight * (last - i) as f64;
    }
}

/// Takes a feature out of the path that begins at `start`, if it is there, and returns its two fractions
/// (UNWIND of the paper).
fn take(paths: &mut Vec<Step>, start: usize, feature: u8) -> (f64, f64) {
    let path = &mut paths[start..];
    let Some(place) = path.iter().position(|step| step.feature == feature) else { return (1.0, 1.0) };
    let Step { zero, one, .. } = path[place];
    let last = path.len() - 1;
    unwound(path, place, |path, i, weight| path[i].weight = weight);
    for i in place..last {
        path[i] = Step { weight: path[i].weight, ..path[i + 1] };
    }
    paths.pop();
    (zero, one)
}

/// The sum of the weights of the path without one of its features.
fn weight_sum_without(path: &mut [Step], place: usize) -> f64 {
    let mut sum = 0.0;
    unwound(path, place, |_, _, weight| sum += weight);
    sum
}

/// Works out the weights of the path without one of its features, the last one first.
#[inline]
fn unwound(path: &mut [Step], place: usize, mut weigh: impl FnMut(&mut [Step], usize, f64)) {
    let last = path.len() - 1;
    let len = path.len() as f64;
    let Step { zero, one, .. } = path[place];
    if one == 0.0 {
        let per_zero = len / zero;
        for i in (0..last).rev() {
            let weight = path[i].weight * per_zero * RECIPROCALS[last - i];
            weigh(path, i, weight);
        }
        return;
    }
    let zero_per_len = zero * RECIPROCALS[path.len()];
    let mut next = path[last].weight;
    for i in (0..last).rev() {
        let weight = next * len * RECIPROCALS[i + 1];
        next = path[i].weight - weight * zero_per_len * (last - i) as f64;
        weigh(path, i, weight);
    }
}

/// 1/n, because a division takes longer than all the rest.
const RECIPROCALS: [f64; FEATURE_COUNT + 2] = {
    let mut reciprocals = [0.0; FEATURE_COUNT + 2];
    let mut n = 1;
    while n < reciprocals.len() {
        reciprocals[n] = 1.0 / n as f64;
        n += 1;
    }
    reciprocals
};

#[cfg(test)]
mod tests {
    use lurelight_schema::CodeSet;
    use proptest::prelude::*;

    use super::*;
    use crate::{Leaf, Split};

    /// Trees over the first five features, so that all subsets of features can be gone through.
    fn arbitrary_trees() -> impl Strategy<Value = Trees> {
        let leaf = (-50i8..50, 1..40u32)
            .prop_map(|(v, rows)| vec![TreeNode::Leaf(Leaf { value: f64::from(v) / 8.0, rows })]);
        let tree = leaf.prop_recursive(7, 64, 2, |inner| {
            (0..5usize, 1..15u8, inner.clone(), inner).prop_map(|(f, codes, left, right)| {
                let split = Split { feature: Feature::ALL[f], left: CodeSet::from_bits(codes) };
                [vec![TreeNode::Split(split)], left, right].concat()
            })
        });
        prop::collection::vec(tree, 1..4).prop_map(|trees| Trees::new(&trees).unwrap())
    }

    /// The expected value of a subtree where only the features of `known` are known.
    fn expectation(trees: &Trees, at: usize, vector: FeatureVector, known: u32) -> f64 {
        match trees.node(at) {
            TreeNode::Leaf(leaf) => leaf.value,
            TreeNode::Split(split) => {
                let [left, right] = trees.children(at);
                let of = |child| expectation(trees, child, vector, known);
                if known >> split.feature.index() & 1 == 1 {
                    return of(if split.goes_left(vector) { left } else { right });
                }
                let rows = |child| f64::from(trees.rows(child));
                (rows(left) * of(left) + rows(right) * of(right)) / (rows(left) + rows(right))
            }
        }
    }

    /// The Shapley value of a feature by its definition: over all subsets of the other four.
    fn shapley(trees: &Trees, vector: FeatureVector, feature: usize) -> f64 {
        let value =
            |known: u32| -> f64 { trees.roots().map(|root| expectation(trees, root, vector, known)).sum() };
        let weights = [24.0, 6.0, 4.0, 6.0, 24.0].map(|w| w / 120.0);
        let others = (0..32u32).filter(|known| known >> feature & 1 == 0);
        others
            .map(|known| weights[known.count_ones() as usize] * (value(known | 1 << feature) - value(known)))
            .sum()
    }

    proptest! {
        #[test]
        fn contributions_are_shapley_values(trees in arbitrary_trees(), bits in 0..1u64 << 10) {
            let vector = FeatureVector::from_bits(bits).unwrap();
            let explanation = explain_trees(&trees, vector, 0.25, 1.0);
            for feature in 0..5 {
                let expected = shapley(&trees, vector, feature);
                prop_assert!((explanation.contributions[feature] - expected).abs() < 1e-9);
            }
            prop_assert!(explanation.contributions[5..].iter().all(|c| *c == 0.0));
            prop_assert!((explanation.score() - 0.25 - trees.sum(vector)).abs() < 1e-9);
        }
    }

    #[test]
    fn every_classifier_adds_up_to_its_score() {
        let leaf = |value, rows| TreeNode::Leaf(Leaf { value, rows });
        let split = TreeNode::Split(Split { feature: Feature::ALL[2], left: CodeSet::from_bits(0b0011) });
        let trees = Trees::new(&[vec![split, leaf(0.75, 3), leaf(0.25, 1)], vec![leaf(0.5, 4)]]).unwrap();
        let single = Trees::new(&[vec![split, leaf(0.75, 3), leaf(0.25, 1)]]).unwrap();
        let linear = LogisticRegression { intercept: 0.5, coefficients: std::array::from_fn(|i| i as f64) };
        let table = [
            (Classifier::AdaBoost(trees.clone()), 1.125),
            (Classifier::DecisionTree(single), 0.625),
            (Classifier::RandomForest(trees.clone()), 0.5625),
            (Classifier::GradientBoosting { base: -1.0, trees }, 0.125),
            (Classifier::LogisticRegression(linear), 0.5),
        ];
        for (classifier, base) in table {
            for bits in [0, 0x0555_5555_5555_5555, 0x0aaa_aaaa_aaaa_aaaa] {
                let vector = FeatureVector::from_bits(bits).unwrap();
                let explanation = explain(&classifier, vector).unwrap();
                assert!((explanation.base - base).abs() < 1e-12, "{classifier:?}");
                assert!((explanation.score() - classifier.raw_score(vector)).abs() < 1e-9, "{classifier:?}");
            }
        }
    }

    #[test]
    fn the_strongest_come_first() {
        let mut contributions = [0.0; FEATURE_COUNT];
        (contributions[3], contributions[8], contributions[9]) = (0.5, -0.75, 0.5);
        let strongest = Explanation { base: 0.0, contributions }.strongest(5);
        assert_eq!(strongest.iter().map(|(f, _)| f.index()).collect::<Vec<_>>(), [8, 3, 9]);
    }
}
