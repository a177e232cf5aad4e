//! Following one tree with many rows.

use lurelight_model::TreeNode;

use crate::DistinctRow;

/// How deep a tree may be for all rows to take as many steps: a guess that goes wrong costs more than some steps that
/// lead nowhere.
const SHALLOW: usize = 8;

/// How many rows go side by side: a step waits for the one before it, but not for another row's.
const ABREAST: usize = 8;

/// A tree whose leaves lead to themselves.
pub(crate) struct Walk {
    /// In bits 0 to 5 how far the code of the feature asked stands from the row's first bit, in bits 8 to 11 the codes
    /// that go right, from bit 32 on the place of the left child; the right one is next to it.
    steps: Vec<u64>,
    values: Vec<f64>,
    depth: usize,
}

impl Walk {
    /// The tree that these nodes are in preorder.
    pub(crate) fn new(nodes: &[TreeNode]) -> Walk {
        let mut walk = Walk {
            steps: Vec::with_capacity(nodes.len()),
            values: Vec::with_capacity(nodes.len()),
            depth: 0,
        };
        walk.steps.push(0);
        walk.values.push(0.0);
        // The splits whose left subtree is being read (false) or whose right one is (true), by their place in the walk.
        let mut open: Vec<(usize, bool)> = Vec::new();
        for node in nodes {
            let here =
                open.last().map_or(0, |(split, in_right)| walk.left_child(*split) + usize::from(*in_right));
            match node {
                TreeNode::Split(split) => {
                    let right = u64::from(!split.left.bits() & 15);
                    let child = walk.steps.len();
                    walk.steps[here] = (2 * split.feature.index() as u64) | right << 8 | (child as u64) << 32;
                    walk.steps.extend([0; 2]);
                    walk.values.extend([0.0; 2]);
                    open.push((here, false));
                    walk.depth = walk.depth.max(open.len());
                }
                TreeNode::Leaf(leaf) => {
                    (walk.steps[here], walk.values[here]) = ((here as u64) << 32, leaf.value);
                    while let Some((_, true)) = open.last() {
                        open.pop();
                    }
                    if let Some((_, in_right)) = open.last_mut() {
                        *in_right = true;
                    }
                }
            }
        }
        walk
    }

    fn left_child(&self, at: usize) -> usize {
        (self.steps[at] >> 32) as usize
    }

    #[inline(always)]
    fn next(&self, at: usize, bits: u64) -> usize {
        let step = self.steps[at];
        let code = bits >> (step & 63) & 3;
        (step >> 32) as usize + (step >> (8 + code) & 1) as usize
    }

    /// Adds to each sum the value of the leaf that its row reaches.
    pub(crate) fn add(&self, rows: &[DistinctRow], sums: &mut [f64]) {
        let (many, few) = rows.as_chunks::<ABREAST>();
        let (many_sums, few_sums) = sums.as_chunks_mut::<ABREAST>();
        for (rows, sums) in many.iter().zip(many_sums) {
            self.add_abreast(rows.map(|row| row.vector.bits()), sums);
        }
        for (row, sum) in few.iter().zip(few_sums) {
            self.add_abreast([row.vector.bits()], std::array::from_mut(sum));
        }
    }

    #[inline(always)]
    fn add_abreast<const COUNT: usize>(&self, rows: [u64; COUNT], sums: &mut [f64; COUNT]) {
        let mut at = [0; COUNT];
        if self.depth <= SHALLOW {
            for _ in 0..self.depth {
                at = std::array::from_fn(|row| self.next(at[row], rows[row]));
            }
        } else {
            loop {
                let next: [usize; COUNT] = std::array::from_fn(|row| self.next(at[row], rows[row]));
                // Without a comparison of memory, which is a call.
                let moved = (0..COUNT).fold(0, |moved, row| moved | (at[row] ^ next[row]));
                at = next;
                if moved == 0 {
                    break;
                }
            }
        }
        for (sum, at) in sums.iter_mut().zip(at) {
            *sum += self.values[at];
        }
    }
}

#[cfg(test)]
mod tests {
    use lurelight_model::{Classifier, Trees};

    use super::*;
    use crate::synthetic::Statistics;
    use crate::{Dataset, DecisionTreeParams, Limits};

    #[test]
    fn a_walk_ends_where_the_tree_says() {
        let records: Vec<_> = Statistics::built_in().unwrap().generate(9).take(500).collect();
        let data = Dataset::new(&records[..300]);
        for max_depth in [Some(1), Some(3), Some(8), Some(9), None] {
            let default = DecisionTreeParams::default();
            let params = DecisionTreeParams { limits: Limits { max_depth, ..default.limits }, ..default };
            let Classifier::DecisionTree(trees) = params.check().unwrap().fit(&data, 1).unwrap() else {
                panic!()
            };
            let nodes = trees.iter().next().unwrap();
            let walk = Walk::new(&nodes);
            let trees = Trees::new(&[nodes]).unwrap();
            let all = Dataset::new(&records);
            let mut sums = vec![0.0; all.len()];
            walk.add(all.rows(), &mut sums);
            for (row, sum) in all.rows().iter().zip(sums) {
                assert_eq!(sum, trees.sum(row.vector));
            }
        }
    }
}
