//! A decision tree fitted by linfa-trees, as a candidate beside our own.
//!
//! linfa-trees 0.8.1 compares, inside a node, a row with the next row of the whole data set, so on discrete
//! columns it misses most splits. It stands here so that nobody needs to believe that: each run shows its figures,
//! and a test notices when a release has mended it.
//!
//! Where a leaf holds as many rows of either label, linfa takes the label that comes first in a hash map, whose
//! order is another in each process; and it joins leaves of one label, so that the tree's shape depends on that, too. What is
//! made of the tree here does not: see [`Verdict::Either`].

use std::cmp::Ordering;

use linfa::traits::Fit;
use linfa_trees::{DecisionTree, TreeNode as LinfaNode};
use lurelight_model::{Classifier, Leaf, Split, TreeNode, Trees};
use lurelight_schema::{Code, CodeSet, Feature, Label};
use serde::{Deserialize, Serialize};

use crate::linfa_adapter::to_linfa_with;
use crate::param::{ParamError, check_at_least};
use crate::{Criterion, Dataset, DistinctRow, FitError};

/// The parameters of linfa's tree, not checked yet.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LinfaTreesParams {
    /// What a split minimises.
    pub criterion: Criterion,
    /// How many rows it is fitted on, drawn by the seed where there are more, because linfa needs them one by
    /// one.
    pub max_rows: usize,
}

/// Parameters that can be fitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ValidLinfaTreesParams(LinfaTreesParams);

impl Default for LinfaTreesParams {
    /// Gini, grown as far as linfa does by default, on at most 50,000 rows.
    fn default() -> LinfaTreesParams {
        LinfaTreesParams { criterion: Criterion::Gini, max_rows: 50_000 }
    }
}

impl LinfaTreesParams {
    /// Checks the parameters.
    ///
    /// # Errors
    ///
    /// Names the parameter that is out of its range.
    pub fn check(self) -> Result<ValidLinfaTreesParams, ParamError> {
        check_at_least("max_rows", self.max_rows as f64, 1.0)?;
        Ok(ValidLinfaTreesParams(self))
    }
}

impl ValidLinfaTreesParams {
    /// Fits the tree to the codes as numbers; missing values count as 0, so fill them first. Leaves are 0 or 1:
    /// linfa keeps no shares.
    ///
    /// # Errors
    ///
    /// [`FitError::NoRows`], and [`FitError::Linfa`] where linfa fails.
    ///
    /// # Examples
    ///
    /// ```
    /// use lurelight_learn::{Dataset, LinfaTreesParams};
    /// use lurelight_schema::{Code, FEATURE_COUNT, Feature, FeatureVector, Label, Record};
    ///
    /// let zero = FeatureVector::new(&[Code::Zero; FEATURE_COUNT]);
    /// let at = |code| zero.with(Feature::ALL[7], code);
    /// let records = [
    ///     [Record { vector: at(Code::Minus), label: Label::Phishing }; 5],
    ///     [Record { vector: at(Code::Plus), label: Label::Legitimate }; 5],
    /// ];
    /// let tree = LinfaTreesParams::default().check()?.fit(&Dataset::new(records.as_flattened()), 42)?;
    /// assert_eq!(tree.probability(at(Code::Minus)), 1.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn fit(&self, data: &Dataset, seed: u64) -> Result<Classifier, FitError> {
        if data.is_empty() {
            return Err(FitError::NoRows);
        }
        let data = data.sample_rows(self.0.max_rows, seed);
        let quality = match self.0.criterion {
            Criterion::Gini => linfa_trees::SplitQuality::Gini,
            Criterion::Entropy => linfa_trees::SplitQuality::Entropy,
        };
        let tree = DecisionTree::params()
            .split_quality(quality)
            .fit(&to_linfa_with(&data, 0.0))
            .map_err(|error: linfa::Error| FitError::Linfa(error.to_string()))?;
        let mut reachable =
            [Code::VALUES.into_iter().fold(CodeSet::EMPTY, CodeSet::with); Feature::ALL.len()];
        let mut nodes = Vec::new();
        convert(tree.root_node(), &mut reachable, data.rows(), &mut nodes);
        Ok(Classifier::DecisionTree(Trees::new(&[nodes])?))
    }
}

/// What the rows of a leaf say.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    One(Label),
    /// As many of either label. Such a leaf goes with the one beside it, whatever that one's label; where there is none
    /// to go with, it is legitimate. Whichever label linfa drew, and whichever leaves it joined because of that,
    /// the same tree remains: leaves that can be joined under one draw have no two different labels among them.
    Either,
}

impl Verdict {
    fn of(rows: &[DistinctRow]) -> Verdict {
        let count =
            |count: fn(&DistinctRow) -> u32| rows.iter().map(|row| u64::from(count(row))).sum::<u64>();
        match count(|row| row.phishing).cmp(&count(|row| row.legitimate)) {
            Ordering::Greater => Verdict::One(Label::Phishing),
            Ordering::Less => Verdict::One(Label::Legitimate),
            Ordering::Equal => Verdict::Either,
        }
    }

    /// What two leaves say together, where they do not contradict each other.
    fn with(self, other: Verdict) -> Option<Verdict> {
        match (self, other) {
            (Verdict::Either, verdict) | (verdict, Verdict::Either) => Some(verdict),
            (one, other) => (one == other).then_some(one),
        }
    }

    fn leaf(self, rows: &[DistinctRow]) -> TreeNode {
        let value = if self == Verdict::One(Label::Phishing) { 1.0 } else { 0.0 };
        let count = rows.iter().fold(0u32, |count, row| count.saturating_add(row.rows()));
        TreeNode::Leaf(Leaf { value, rows: count.max(1) })
    }
}

/// Writes the subtree down as linfa predicts with it: values below the split's go left. Splits that no row can
/// be told apart by any more are left out, so that no path is longer than the codes allow. What the subtree says, where it
/// came to be a single leaf.
fn convert(
    node: &LinfaNode<f64, bool>,
    reachable: &mut [CodeSet; Feature::ALL.len()],
    rows: &[DistinctRow],
    nodes: &mut Vec<TreeNode>,
) -> Option<Verdict> {
    let (feature, at, _) = node.split();
    let children: Vec<_> = node.children().into_iter().flatten().collect();
    let (false, Some(feature), [left, right]) = (node.is_leaf(), Feature::ALL.get(feature), &children[..])
    else {
        let verdict = Verdict::of(rows);
        nodes.push(verdict.leaf(rows));
        return Some(verdict);
    };
    let here = reachable[feature.index()];
    let below = |code: &Code| code.value().is_some_and(|value| f64::from(value) < at);
    let side = |keep: bool| {
        let codes = Code::VALUES.into_iter().filter(|code| here.contains(*code) && below(code) == keep);
        codes.fold(CodeSet::EMPTY, CodeSet::with)
    };
    let (lower, upper) = (side(true), side(false));
    if lower == CodeSet::EMPTY || upper == CodeSet::EMPTY {
        return convert(if lower == CodeSet::EMPTY { right } else { left }, reachable, rows, nodes);
    }
    let split = Split { feature: *feature, left: lower };
    let start = nodes.len();
    nodes.push(TreeNode::Split(split));
    let (left_rows, right_rows): (Vec<_>, Vec<_>) = rows.iter().partition(|row| split.goes_left(row.vector));
    reachable[feature.index()] = lower;
    let left = convert(left, reachable, &left_rows, nodes);
    reachable[feature.index()] = upper;
    let right = convert(right, reachable, &right_rows, nodes);
    reachable[feature.index()] = here;
    let verdict = left.zip(right).and_then(|(left, right)| left.with(right))?;
    nodes.truncate(start);
    nodes.push(verdict.leaf(rows));
    Some(verdict)
}

#[cfg(test)]
mod tests {
    use lurelight_schema::FEATURE_COUNT;

    use super::*;
    use crate::synthetic::Statistics;
    use crate::{DecisionTreeParams, Estimator};

    /// When this fails, linfa-trees was mended: say so in the documents, and let it compete for good.
    #[test]
    fn linfa_trees_still_misses_most_splits_of_discrete_columns() {
        let rows: Vec<_> = Statistics::built_in().unwrap().generate(3).take(3_000).collect();
        let data = Dataset::new(&rows);
        let filled = crate::impute::fill(&data, &crate::impute::fit_most_frequent(&data));
        let shape = |estimator: Estimator| {
            let member = estimator.fit(&filled, 1).unwrap();
            let wrong: u32 = filled
                .rows()
                .iter()
                .map(|row| if member.probability(row.vector) > 0.5 { row.legitimate } else { row.phishing })
                .sum();
            let Classifier::DecisionTree(trees) = member.classifier else { panic!("no tree") };
            (trees.node_count().div_ceil(2), f64::from(wrong) / 3_000.0)
        };
        let (linfa_leaves, linfa_error) = shape(Estimator::LinfaTrees(LinfaTreesParams::default()));
        let (leaves, error) = shape(Estimator::DecisionTree(DecisionTreeParams::default()));
        assert!(linfa_leaves * 10 < leaves, "linfa-trees grew {linfa_leaves} leaves, ours {leaves}");
        assert!(linfa_error > 2.0 * error + 0.02, "linfa-trees errs on {linfa_error}, ours on {error}");
    }
    /// Each fit makes hash maps of another order. Few rows make ties wherever a tree ends.
    #[test]
    fn the_order_of_a_hash_map_changes_nothing() {
        let statistics = Statistics::built_in().unwrap();
        let imputer = lurelight_model::Imputer::MostFrequent([0; FEATURE_COUNT]);
        for (seed, criterion) in
            (0..40).flat_map(|seed| [(seed, Criterion::Gini), (seed, Criterion::Entropy)])
        {
            let rows: Vec<_> = statistics.generate(seed).take(40).collect();
            let turned = rows.iter().map(|record| lurelight_schema::Record {
                label: if record.vector.bits() % 3 == 0 { Label::Phishing } else { Label::Legitimate },
                vector: record.vector,
            });
            let rows: Vec<_> = rows.iter().copied().chain(turned).collect();
            let data = crate::impute::fill(&Dataset::new(&rows), &imputer);
            let params = LinfaTreesParams { criterion, ..Default::default() }.check().unwrap();
            let first = params.fit(&data, 1).unwrap();
            for _ in 0..10 {
                assert_eq!(params.fit(&data, 1).unwrap(), first);
            }
        }
    }
}
