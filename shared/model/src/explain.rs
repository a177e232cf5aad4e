//! What each feature contributes to a score.
//!
//! For trees these are Shapley values of the path-dependent kind (Lundberg, Erion, Lee, "Consistent Individualized
//! Feature Attribution for Tree Ensembles", 2018): where a feature is not known, a row goes both ways, in the
//! shares of the training rows that went there. That kind needs no background data, so that an artifact explains
//! itself; `trees` says how they are computed. For logistic regression a contribution is coefficient times code,
//! and the base value is the intercept. Where a model's score is a weighted sum of its members' scores, so are its
//! contributions of theirs.

mod quadrature;
mod trees;

use std::sync::OnceLock;

use lurelight_schema::{FEATURE_COUNT, Feature, FeatureVector};

use self::trees::PathTrees;
use crate::{Classifier, Member, ScoreUnit};

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

/// Why a model's score cannot be taken apart exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unexplained {
    /// A share among neighbours is no sum of what features add.
    #[error("which rows are the nearest hangs on all features together")]
    Neighbours,
    /// The members' probabilities are averaged, and at least one of them is no sum of what features add.
    #[error("a mean of probabilities that stand behind log-odds or votes is no sum of what features add")]
    MeanOfProbabilities,
}

/// The weights with which the members' raw scores add up to the model's.
fn weights(members: &[Member]) -> Result<Vec<f64>, Unexplained> {
    let unit = |member: &Member| member.classifier.unit();
    if members.iter().any(|member| unit(member) == ScoreUnit::NeighbourShare) {
        return Err(Unexplained::Neighbours);
    }
    // A vote averages probabilities; these are the raw scores themselves where both are shares in leaves.
    if members.len() > 1 && members.iter().any(|member| unit(member) != ScoreUnit::LeafProbability) {
        return Err(Unexplained::MeanOfProbabilities);
    }
    Ok(vec![1.0 / members.len() as f64; members.len()])
}

/// What explains the rows of one model, made when the first row is to be explained.
#[derive(Clone, Debug, Default)]
pub(crate) struct Explainer(OnceLock<Result<Vec<Part>, Unexplained>>);

/// It says nothing that the model does not say.
impl PartialEq for Explainer {
    fn eq(&self, _: &Explainer) -> bool {
        true
    }
}

/// One member: its trees, if it is made of trees, and the weight of its score.
#[derive(Clone, Debug)]
struct Part {
    trees: Option<PathTrees>,
    weight: f64,
}

impl Explainer {
    /// Takes the raw score of a row apart; `members` are those of the model that this belongs to.
    pub(crate) fn explain(
        &self,
        members: &[Member],
        vector: FeatureVector,
    ) -> Result<Explanation, Unexplained> {
        let parts = self.0.get_or_init(|| {
            let part =
                |(member, weight): (&Member, f64)| Part { trees: path_trees(&member.classifier), weight };
            Ok(members.iter().zip(weights(members)?).map(part).collect())
        });
        let parts = parts.as_ref().map_err(|reason| *reason)?;
        let mut explanation = Explanation { base: 0.0, contributions: [0.0; FEATURE_COUNT] };
        for (member, part) in members.iter().zip(parts) {
            add(&mut explanation, &member.classifier, part, member.filled(vector));
        }
        Ok(explanation)
    }
}

/// Why the score of a model with these members cannot be taken apart, if it cannot.
pub(crate) fn unexplained(members: &[Member]) -> Option<Unexplained> {
    weights(members).err()
}

fn path_trees(classifier: &Classifier) -> Option<PathTrees> {
    match classifier {
        Classifier::DecisionTree(trees)
        | Classifier::RandomForest(trees)
        | Classifier::ExtraTrees(trees)
        | Classifier::GradientBoosting { trees, .. }
        | Classifier::Blend { trees, .. }
        | Classifier::AdaBoost(trees) => Some(PathTrees::new(trees)),
        Classifier::LogisticRegression(_) | Classifier::NearestNeighbours(_) => None,
    }
}

/// Adds a member's part in the score of a row.
fn add(explanation: &mut Explanation, classifier: &Classifier, part: &Part, vector: FeatureVector) {
    let Part { trees, weight } = part;
    let (offset, scale) = match classifier {
        Classifier::LogisticRegression(linear) => {
            let codes = vector.codes().map(|code| f64::from(code.value().unwrap_or(0)));
            let terms = codes.iter().zip(linear.coefficients);
            for (contribution, (code, coefficient)) in explanation.contributions.iter_mut().zip(terms) {
                *contribution += weight * coefficient * code;
            }
            (linear.intercept, 0.0)
        }
        Classifier::DecisionTree(trees) | Classifier::RandomForest(trees) | Classifier::ExtraTrees(trees) => {
            (0.0, 1.0 / trees.len() as f64)
        }
        Classifier::GradientBoosting { base, .. } | Classifier::Blend { base, .. } => (*base, 1.0),
        Classifier::AdaBoost(_) => (0.0, 1.0),
        // Never: its share has no weights to be added with.
        Classifier::NearestNeighbours(_) => (0.0, 0.0),
    };
    explanation.base += weight * offset;
    if let Some(trees) = trees {
        explanation.base += weight * scale * trees.base;
        trees.explain(vector, weight * scale, &mut explanation.contributions);
    }
}

#[cfg(test)]
mod tests {
    use lurelight_schema::CodeSet;
    use proptest::prelude::*;

    use super::*;
    use crate::{
        Imputer, Leaf, LogisticRegression, NearestNeighbours, NeighbourWeights, Split, TreeNode, Trees,
    };

    /// Trees over the first `features` features, of at most so many levels.
    fn arbitrary_trees(features: usize, depth: u32, nodes: u32) -> impl Strategy<Value = Trees> {
        let leaf = (-50i8..50, 1..40u32)
            .prop_map(|(v, rows)| vec![TreeNode::Leaf(Leaf { value: f64::from(v) / 8.0, rows })]);
        let tree = leaf.prop_recursive(depth, nodes, 2, move |inner| {
            (0..features, 1..15u8, inner.clone(), inner).prop_map(|(f, codes, left, right)| {
                let split = Split { feature: Feature::ALL[f], left: CodeSet::from_bits(codes) };
                [vec![TreeNode::Split(split)], left, right].concat()
            })
        });
        prop::collection::vec(tree, 1..4).prop_map(|trees| Trees::new(&trees).unwrap())
    }

    fn explain(members: &[Member], vector: FeatureVector) -> Result<Explanation, Unexplained> {
        Explainer::default().explain(members, vector)
    }

    fn member(classifier: Classifier) -> Member {
        Member { imputer: None, classifier }
    }

    /// Where one subtree of nodes in preorder ends.
    fn end(nodes: &[TreeNode], at: usize) -> usize {
        match nodes[at] {
            TreeNode::Leaf(_) => at + 1,
            TreeNode::Split(_) => end(nodes, end(nodes, at + 1)),
        }
    }

    /// The expected value of a subtree where only the features of `known` are known, and its rows.
    fn expectation(nodes: &[TreeNode], at: usize, vector: FeatureVector, known: u32) -> (f64, f64) {
        match nodes[at] {
            TreeNode::Leaf(leaf) => (leaf.value, f64::from(leaf.rows)),
            TreeNode::Split(split) => {
                let left = expectation(nodes, at + 1, vector, known);
                let right = expectation(nodes, end(nodes, at + 1), vector, known);
                let rows = left.1 + right.1;
                if known >> split.feature.index() & 1 == 1 {
                    return (if split.goes_left(vector) { left.0 } else { right.0 }, rows);
                }
                ((left.1 * left.0 + right.1 * right.0) / rows, rows)
            }
        }
    }

    /// The Shapley value of a feature by its definition: over all subsets of the other four.
    fn shapley(trees: &Trees, vector: FeatureVector, feature: usize) -> f64 {
        let trees: Vec<_> = trees.iter().collect();
        let value =
            |known: u32| -> f64 { trees.iter().map(|tree| expectation(tree, 0, vector, known).0).sum() };
        let weights = [24.0, 6.0, 4.0, 6.0, 24.0].map(|w| w / 120.0);
        let others = (0..32u32).filter(|known| known >> feature & 1 == 0);
        others
            .map(|known| weights[known.count_ones() as usize] * (value(known | 1 << feature) - value(known)))
            .sum()
    }

    proptest! {
        #[test]
        fn contributions_are_shapley_values(trees in arbitrary_trees(5, 7, 64), bits in 0..1u64 << 10) {
            let vector = FeatureVector::from_bits(bits).unwrap();
            let boosted = Classifier::GradientBoosting { base: 0.25, trees: trees.clone() };
            let explanation = explain(&[member(boosted)], vector).unwrap();
            for feature in 0..5 {
                let expected = shapley(&trees, vector, feature);
                prop_assert!((explanation.contributions[feature] - expected).abs() < 1e-9);
            }
            prop_assert!(explanation.contributions[5..].iter().all(|c| *c == 0.0));
            prop_assert!((explanation.score() - 0.25 - trees.sum(vector)).abs() < 1e-9);
        }

        #[test]
        fn contributions_add_up_to_the_score(
            trees in arbitrary_trees(30, 40, 400),
            others in arbitrary_trees(30, 12, 100),
            coefficients in prop::collection::vec(-4.0..4.0f64, FEATURE_COUNT),
            bits in 0..1u64 << 60,
        ) {
            let vector = FeatureVector::from_bits(bits).unwrap();
            let coefficients = std::array::from_fn(|i| coefficients[i]);
            let imputer = Some(Imputer::MostFrequent([0; FEATURE_COUNT]));
            let table = [
                vec![member(Classifier::AdaBoost(trees.clone()))],
                vec![member(Classifier::GradientBoosting { base: -0.5, trees: trees.clone() })],
                vec![member(Classifier::RandomForest(trees.clone()))],
                vec![Member {
                    imputer: imputer.clone(),
                    classifier: Classifier::LogisticRegression(LogisticRegression { intercept: 0.5, coefficients }),
                }],
                vec![
                    member(Classifier::RandomForest(trees)),
                    Member { imputer, classifier: Classifier::RandomForest(others) },
                ],
            ];
            for members in table {
                let scores = members.iter().map(|m| m.classifier.raw_score(m.filled(vector)));
                let score = scores.sum::<f64>() / members.len() as f64;
                let explanation = explain(&members, vector).unwrap();
                prop_assert!((explanation.score() - score).abs() < 1e-9, "{explanation:?} {score} {members:?}");
            }
        }
    }

    #[test]
    fn every_classifier_has_its_base_value() {
        let leaf = |value, rows| TreeNode::Leaf(Leaf { value, rows });
        let split = TreeNode::Split(Split { feature: Feature::ALL[2], left: CodeSet::from_bits(0b0011) });
        let trees = Trees::new(&[vec![split, leaf(0.75, 3), leaf(0.25, 1)], vec![leaf(0.5, 4)]]).unwrap();
        let single = Trees::new(&[vec![split, leaf(0.75, 3), leaf(0.25, 1)]]).unwrap();
        let linear = LogisticRegression { intercept: 0.5, coefficients: std::array::from_fn(|i| i as f64) };
        let table = [
            (vec![Classifier::AdaBoost(trees.clone())], 1.125),
            (vec![Classifier::DecisionTree(single.clone())], 0.625),
            (vec![Classifier::RandomForest(trees.clone())], 0.5625),
            (vec![Classifier::RandomForest(trees.clone()), Classifier::DecisionTree(single)], 0.59375),
            (vec![Classifier::GradientBoosting { base: -1.0, trees }], 0.125),
            (vec![Classifier::LogisticRegression(linear)], 0.5),
        ];
        for (classifiers, base) in table {
            let members: Vec<Member> = classifiers.into_iter().map(member).collect();
            for bits in [0, 0x0555_5555_5555_5555, 0x0aaa_aaaa_aaaa_aaaa] {
                let vector = FeatureVector::from_bits(bits).unwrap();
                let explanation = explain(&members, vector).unwrap();
                assert!((explanation.base - base).abs() < 1e-12, "{members:?}");
            }
        }
    }

    #[test]
    fn what_is_no_sum_is_not_taken_apart() {
        let trees = || Trees::new(&[vec![TreeNode::Leaf(Leaf { value: 0.5, rows: 1 })]]).unwrap();
        let boosted = || member(Classifier::GradientBoosting { base: 0.0, trees: trees() });
        let neighbours = member(Classifier::NearestNeighbours(NearestNeighbours {
            k: 1,
            weights: NeighbourWeights::Uniform,
            rows: vec![0],
            labels: vec![(1, 1)],
        }));
        let forest = || member(Classifier::RandomForest(trees()));
        for (members, reason) in [
            (vec![neighbours.clone()], Unexplained::Neighbours),
            (vec![forest(), neighbours], Unexplained::Neighbours),
            (vec![boosted(), boosted()], Unexplained::MeanOfProbabilities),
            (vec![forest(), boosted()], Unexplained::MeanOfProbabilities),
            (vec![forest(), member(Classifier::AdaBoost(trees()))], Unexplained::MeanOfProbabilities),
        ] {
            assert_eq!(explain(&members, FeatureVector::MISSING), Err(reason));
            assert_eq!(unexplained(&members), Some(reason));
        }
        assert_eq!(unexplained(&[forest(), forest()]), None);
    }

    #[test]
    fn the_strongest_come_first() {
        let mut contributions = [0.0; FEATURE_COUNT];
        (contributions[3], contributions[8], contributions[9]) = (0.5, -0.75, 0.5);
        let strongest = Explanation { base: 0.0, contributions }.strongest(5);
        assert_eq!(strongest.iter().map(|(f, _)| f.index()).collect::<Vec<_>>(), [8, 3, 9]);
    }
}
