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
        Classifier::DecisionTree(trees) | Classifier::RandomForest(trees) => {
            explain_trees(trees, vector, 0.0, 1.0 / trees.len() as f64)
        }
        Classifier::GradientBoosting { base, trees } => explain_trees(trees, vector, *base, 1.0),
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
    let mut walk = Walk { trees, vector, base: 0.0, contributions: [0.0; FEATURE_COUNT] };
    for root in trees.roots() {
        walk.visit(root, 1.0, &Path::default());
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
}

impl Walk<'_> {
    /// Visits a node to which `share` of the tree's rows came.
    fn visit(&mut self, at: usize, share: f64, path: &Path) {
        match self.trees.node(at) {
            TreeNode::Leaf(leaf) => {
                self.base += share * leaf.value;
                for i in 1..path.len {
                    let step = path.steps[i];
                    self.contributions[usize::from(step.feature)] +=
                        path.without(i).weight_sum() * (step.one - step.zero) * leaf.value;
                }
            }
            TreeNode::Split(split) => {
                let feature = split.feature.index() as u8;
                let (path, before) = match path.find(feature) {
                    Some(i) => (path.without(i), path.steps[i]),
                    None => (*path, Step { feature, zero: 1.0, one: 1.0, weight: 0.0 }),
                };
                let goes_left = split.goes_left(self.vector);
                for (child, hot) in self.trees.children(at).into_iter().zip([goes_left, !goes_left]) {
                    let part = f64::from(self.trees.rows(child)) / f64::from(self.trees.rows(at));
                    let one = if hot { before.one } else { 0.0 };
                    let extended = path.with(feature, before.zero * part, one);
                    self.visit(child, share * part, &extended);
                }
            }
        }
    }
}

/// The features asked on the way to a node, each once, with the weights of all subsets of them by size.
#[derive(Clone, Copy)]
struct Path {
    steps: [Step; FEATURE_COUNT + 1],
    len: usize,
}

#[derive(Clone, Copy, Default)]
struct Step {
    feature: u8,
    /// The share of rows that go on where the feature is not known.
    zero: f64,
    /// Whether the row goes on where it is known: 1 or 0.
    one: f64,
    /// The weight of subsets with as many features as the step's place.
    weight: f64,
}

impl Default for Path {
    /// The path to a root: no feature, one empty subset.
    fn default() -> Path {
        let mut steps = [Step::default(); FEATURE_COUNT + 1];
        steps[0] = Step { feature: u8::MAX, zero: 1.0, one: 1.0, weight: 1.0 };
        Path { steps, len: 1 }
    }
}

impl Path {
    fn find(&self, feature: u8) -> Option<usize> {
        self.steps[..self.len].iter().position(|step| step.feature == feature)
    }

    /// The path with a feature more (EXTEND of the paper).
    fn with(&self, feature: u8, zero: f64, one: f64) -> Path {
        let mut path = *self;
        let len = path.len as f64;
        path.steps[path.len] = Step { feature, zero, one, weight: 0.0 };
        for i in (0..path.len).rev() {
            let weight = path.steps[i].weight;
            path.steps[i + 1].weight += one * weight * (i + 1) as f64 / (len + 1.0);
            path.steps[i].weight = zero * weight * (len - i as f64) / (len + 1.0);
        }
        path.len += 1;
        path
    }

    /// The path without one of its features (UNWIND of the paper).
    fn without(&self, place: usize) -> Path {
        let mut path = *self;
        let last = path.len - 1;
        let len = path.len as f64;
        let Step { zero, one, .. } = path.steps[place];
        let mut next = path.steps[last].weight;
        for i in (0..last).rev() {
            if one != 0.0 {
                let weight = path.steps[i].weight;
                path.steps[i].weight = next * len / ((i + 1) as f64 * one);
                next = weight - path.steps[i].weight * zero * (len - 1.0 - i as f64) / len;
            } else {
                path.steps[i].weight = path.steps[i].weight * len / (zero * (len - 1.0 - i as f64));
            }
        }
        for i in place..last {
            let Step { feature, zero, one, .. } = path.steps[i + 1];
            path.steps[i] = Step { feature, zero, one, ..path.steps[i] };
        }
        path.len = last;
        path
    }

    fn weight_sum(&self) -> f64 {
        self.steps[..self.len].iter().map(|step| step.weight).sum()
    }
}

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
