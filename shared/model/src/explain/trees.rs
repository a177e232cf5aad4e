//! Path-dependent TreeSHAP as an integral.
//!
//! Of a leaf whose path asks k features, feature i contributes, by the definition of the Shapley value,
//!
//! ```text
//! value · (oᵢ − zᵢ) · Σ over sets S of the others: |S|! (k − 1 − |S|)! / k! · Π over S of oⱼ · Π over the rest of zⱼ
//! ```
//!
//! where oⱼ is 1 if the row's code of feature j leads to the leaf, else 0, and zⱼ is the share of the training rows
//! that the questions to j let through. The factor of factorials is the integral of t^|S| (1 − t)^(k−1−|S|) from 0
//! to 1, so the sum is the integral of Π over the others of (t oⱼ + (1 − t) zⱼ): a polynomial of degree k − 1,
//! which Gauss-Legendre quadrature integrates exactly with ⌈k/2⌉ points. At each point t a tree is gone through once:
//! down with the product P of the factors of what was asked, and back up with the value T of what lies below, in which the
//! features that are asked there have their factors. A split on a feature that the row meets so far, by whose earlier
//! questions z₀ of the rows were let through and of which z go the other way than the row, gives
//!
//! ```text
//! d = (1 − t) z / (t + (1 − t) z₀) · (T(the row's way) − T(the other way))
//! T = T(the row's way) − d
//! contribution: the integral of P d / ((1 − t) (t + (1 − t) z₀))
//! ```
//!
//! and takes nodes × points steps where the algorithm of Lundberg, Erion, Lee (2018) takes leaves × depth²; that one walk is
//! enough was shown by Yu, Xu, Wang, Deng, Zhu, "Linear TreeShap" (2022), by division of polynomials. The factors are positive and at
//! most 1, so that little is lost to rounding.

use lurelight_schema::{FEATURE_COUNT, FeatureVector};

use super::quadrature::gauss_legendre;
use crate::{TreeNode, Trees};

/// Trees written down for explaining rows by them.
#[derive(Clone, Debug)]
pub(super) struct PathTrees {
    /// In preorder, one tree after the other.
    nodes: Vec<PathNode>,
    trees: Vec<PathTree>,
    /// The sum of the trees for a row of which nothing is known.
    pub base: f64,
}

#[derive(Clone, Copy, Debug)]
struct PathTree {
    start: usize,
    len: usize,
    /// The most features that a path asks.
    features: usize,
}

/// A split or a leaf.
#[derive(Clone, Copy, Debug)]
struct PathNode {
    /// Of a split the share of the rows that the earlier questions to its feature let through; of a leaf its value.
    value: f64,
    /// The share of a split's rows that go left.
    left_share: f64,
    /// The place of a split's right child in its tree; 0 for a leaf.
    right: u32,
    feature: u8,
    /// The codes that go left, a bit each.
    left_codes: u8,
}

impl PathTrees {
    pub(super) fn new(trees: &Trees) -> PathTrees {
        let mut paths =
            PathTrees { nodes: Vec::with_capacity(trees.node_count()), trees: Vec::new(), base: 0.0 };
        for nodes in trees.iter() {
            let start = paths.nodes.len();
            let (rights, rows) = shape(&nodes);
            let mut writer =
                Writer { nodes: &nodes, rights: &rights, rows: &rows, paths: &mut paths, features: 0 };
            writer.write(0, 1.0, &mut [None; FEATURE_COUNT]);
            let features = writer.features;
            paths.trees.push(PathTree { start, len: nodes.len(), features });
        }
        paths
    }

    /// Adds what each feature contributes to the sum of the trees, times `scale`.
    pub(super) fn explain(
        &self,
        vector: FeatureVector,
        scale: f64,
        contributions: &mut [f64; FEATURE_COUNT],
    ) {
        let mut sums = [0.0; FEATURE_COUNT];
        let mut most = 0;
        while let Some(least) = self.trees.iter().map(|tree| tree.features).filter(|k| *k > most).min() {
            // The rule with the fewest points that is exact for trees of so many features.
            most = match least {
                1..=2 => self.explain_with::<1>(most, vector, &mut sums),
                3..=4 => self.explain_with::<2>(most, vector, &mut sums),
                5..=8 => self.explain_with::<4>(most, vector, &mut sums),
                9..=12 => self.explain_with::<6>(most, vector, &mut sums),
                13..=16 => self.explain_with::<8>(most, vector, &mut sums),
                17..=20 => self.explain_with::<10>(most, vector, &mut sums),
                _ => self.explain_with::<15>(most, vector, &mut sums),
            };
        }
        for (contribution, sum) in contributions.iter_mut().zip(sums) {
            *contribution += scale * sum;
        }
    }

    /// Adds up the trees whose paths ask more than `below` features and no more than the rule with `N` points is exact
    /// for, which it returns.
    fn explain_with<const N: usize>(
        &self,
        below: usize,
        vector: FeatureVector,
        sums: &mut [f64; FEATURE_COUNT],
    ) -> usize {
        let exact_for = 2 * N;
        let rule = Rule::<N>::new();
        for tree in self.trees.iter().filter(|tree| (below + 1..=exact_for).contains(&tree.features)) {
            let nodes = &self.nodes[tree.start..tree.start + tree.len];
            let mut walk = Walk { nodes, rule: &rule, bits: vector.bits(), sums };
            walk.visit(0, &rule.weights, 0);
        }
        exact_for
    }
}

/// The place of each split's right child, 0 for leaves, and the rows that came to each node.
fn shape(nodes: &[TreeNode]) -> (Vec<u32>, Vec<f64>) {
    let mut rights = vec![0; nodes.len()];
    let mut rows = vec![0.0; nodes.len()];
    // The roots of the finished subtrees to the right, the nearest last.
    let mut subtrees: Vec<usize> = Vec::new();
    for (at, node) in nodes.iter().enumerate().rev() {
        match node {
            TreeNode::Leaf(leaf) => rows[at] = f64::from(leaf.rows),
            TreeNode::Split(_) => {
                let children = [subtrees.pop(), subtrees.pop()];
                rights[at] = children[1].unwrap_or_default() as u32;
                rows[at] = children.iter().flatten().map(|child| rows[*child]).sum();
            }
        }
        subtrees.push(at);
    }
    (rights, rows)
}

struct Writer<'a> {
    nodes: &'a [TreeNode],
    rights: &'a [u32],
    rows: &'a [f64],
    paths: &'a mut PathTrees,
    features: usize,
}

impl Writer<'_> {
    /// Writes the subtree at a place, to which `share` of the tree's rows came. `asked` says of each feature what share
    /// of the rows the questions to it let through, if there were any.
    fn write(&mut self, at: usize, share: f64, asked: &mut [Option<f64>; FEATURE_COUNT]) {
        match self.nodes[at] {
            TreeNode::Leaf(leaf) => {
                self.features = self.features.max(asked.iter().flatten().count());
                self.paths.base += share * leaf.value;
                let value = leaf.value;
                self.paths.nodes.push(PathNode {
                    value,
                    left_share: 0.0,
                    right: 0,
                    feature: 0,
                    left_codes: 0,
                });
            }
            TreeNode::Split(split) => {
                let feature = split.feature.index();
                let before = asked[feature];
                let let_through = before.unwrap_or(1.0);
                let left_share = self.rows[at + 1] / self.rows[at];
                self.paths.nodes.push(PathNode {
                    value: let_through,
                    left_share,
                    right: self.rights[at],
                    feature: feature as u8,
                    left_codes: split.left.bits(),
                });
                for (child, part) in [(at + 1, left_share), (self.rights[at] as usize, 1.0 - left_share)] {
                    asked[feature] = Some(let_through * part);
                    self.write(child, share * part, asked);
                }
                asked[feature] = before;
            }
        }
    }
}

/// The points t of a quadrature rule, 1 − t, and the weights divided by 1 − t.
struct Rule<const N: usize> {
    t: [f64; N],
    rest: [f64; N],
    weights: [f64; N],
}

impl<const N: usize> Rule<N> {
    fn new() -> Rule<N> {
        let (t, weights) = gauss_legendre::<N>();
        let rest = t.map(|t| 1.0 - t);
        Rule { t, rest, weights: std::array::from_fn(|q| weights[q] / rest[q]) }
    }
}

/// One tree gone through for one row.
struct Walk<'a, const N: usize> {
    nodes: &'a [PathNode],
    rule: &'a Rule<N>,
    bits: u64,
    sums: &'a mut [f64; FEATURE_COUNT],
}

impl<const N: usize> Walk<'_, N> {
    /// Goes through the subtree at a place and returns its T at each point. `product` is P, times the weights of the rule;
    /// `missed` has a bit for each feature by whose questions the row does not come here.
    fn visit(&mut self, at: usize, product: &[f64; N], missed: u32) -> [f64; N] {
        let node = &self.nodes[at];
        if node.right == 0 {
            return [node.value; N];
        }
        let (left, right) = (at + 1, node.right as usize);
        let asked = 1 << node.feature;
        if missed & asked != 0 {
            let (of_left, of_right) = (node.left_share, 1.0 - node.left_share);
            let left = self.visit(left, &product.map(|p| p * of_left), missed);
            let right = self.visit(right, &product.map(|p| p * of_right), missed);
            return std::array::from_fn(|q| of_left * left[q] + of_right * right[q]);
        }
        // Which way the row goes is nothing that a processor could foresee, so it is no branch here.
        let code = self.bits >> (2 * node.feature) & 3;
        let goes_left = u32::from(node.left_codes >> code & 1);
        let through_left = node.value * node.left_share;
        let elsewhere = if goes_left == 1 { node.value - through_left } else { -through_left };
        let Rule { t, rest, .. } = self.rule;
        let mut factor: [f64; N] =
            std::array::from_fn(|q| rest[q] * through_left + t[q] * f64::from(goes_left));
        let mut weight: [f64; N] = std::array::from_fn(|q| product[q] * rest[q] * elsewhere);
        if node.value != 1.0 {
            // Of a feature that was asked before the earlier factor goes out.
            for q in 0..N {
                let before = t[q] + rest[q] * node.value;
                factor[q] /= before;
                weight[q] /= before * before;
            }
        }
        let (of_left, of_right) = (&self.nodes[left], &self.nodes[right]);
        if of_left.right == 0 && of_right.right == 0 {
            // Half of all splits: T is a number on either side.
            let apart = of_left.value - of_right.value;
            self.sums[usize::from(node.feature)] += weight.iter().sum::<f64>() * apart;
            return factor.map(|factor| of_right.value + factor * apart);
        }
        let to_left: [f64; N] = std::array::from_fn(|q| product[q] * factor[q]);
        let to_right: [f64; N] = std::array::from_fn(|q| product[q] - to_left[q]);
        let of_left = self.visit(left, &to_left, missed | asked & goes_left.wrapping_sub(1));
        let of_right = self.visit(right, &to_right, missed | asked & goes_left.wrapping_neg());
        let apart: [f64; N] = std::array::from_fn(|q| of_left[q] - of_right[q]);
        let parts: [f64; N] = std::array::from_fn(|q| weight[q] * apart[q]);
        self.sums[usize::from(node.feature)] += parts.iter().sum::<f64>();
        std::array::from_fn(|q| of_right[q] + factor[q] * apart[q])
    }
}
