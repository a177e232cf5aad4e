//! A decision tree fitted by linfa-trees, as a candidate beside our own.
//!
//! linfa-trees 0.8.1 compares, inside a node, a row with the next row of the whole data set, so on discrete
//! columns it misses most splits. It stands here so that nobody needs to believe that: each run shows its figures,
//! and a test notices when a release has mended it.

use linfa::traits::Fit;
use linfa_trees::{DecisionTree, TreeNode as LinfaNode};
use lurelight_model::{Classifier, Leaf, Split, TreeNode, Trees};
use lurelight_schema::{Code, CodeSet, Feature};
use serde::{Deserialize, Serialize};

use crate::logistic_regression::to_linfa;
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
            .fit(&to_linfa(&data))
            .map_err(|error: linfa::Error| FitError::Linfa(error.to_string()))?;
        let mut nodes = Vec::new();
        let mut reachable =
            [Code::VALUES.into_iter().fold(CodeSet::EMPTY, CodeSet::with); Feature::ALL.len()];
        convert(tree.root_node(), &mut reachable, data.rows(), &mut nodes);
        Ok(Classifier::DecisionTree(Trees::new(&[nodes])?))
    }
}

/// Writes the subtree down as linfa predicts with it: values below the split's go left. Splits that no row can
/// be told apart by any more are left out, so that no path is longer than the codes allow.
fn convert(
    node: &LinfaNode<f64, bool>,
    reachable: &mut [CodeSet; Feature::ALL.len()],
    rows: &[DistinctRow],
    nodes: &mut Vec<TreeNode>,
) {
    let (feature, at, _) = node.split();
    let children: Vec<_> = node.children().into_iter().flatten().collect();
    let (false, Some(feature), [left, right]) = (node.is_leaf(), Feature::ALL.get(feature), &children[..])
    else {
        let value = if node.prediction().unwrap_or(false) { 1.0 } else { 0.0 };
        let count = rows.iter().fold(0u32, |count, row| count.saturating_add(row.rows()));
        nodes.push(TreeNode::Leaf(Leaf { value, rows: count.max(1) }));
        return;
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
    nodes.push(TreeNode::Split(split));
    let (left_rows, right_rows): (Vec<_>, Vec<_>) = rows.iter().partition(|row| split.goes_left(row.vector));
    for (child, codes, rows) in [(left, lower, left_rows), (right, upper, right_rows)] {
        reachable[feature.index()] = codes;
        convert(child, reachable, &rows, nodes);
    }
    reachable[feature.index()] = here;
}

#[cfg(test)]
mod tests {
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
}
