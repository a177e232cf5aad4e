//! Following one tree with many rows.

use lurelight_model::TreeNode;

/// How deep a tree may be for all rows to take as many steps: a guess that goes wrong costs more than some steps that
/// lead nowhere.
const SHALLOW: usize = 8;

/// A tree whose leaves lead to themselves.
pub(crate) struct Walk {
    steps: Vec<Step>,
    depth: usize,
}

#[derive(Clone, Copy)]
struct Step {
    shift: u32,
    /// The codes that go left, a bit each.
    left: u32,
    /// Where codes that go right and codes that go left are led to.
    next: [u32; 2],
    value: f64,
}

impl Walk {
    /// The tree that these nodes are in preorder.
    pub(crate) fn new(nodes: &[TreeNode]) -> Walk {
        let mut steps = Vec::with_capacity(nodes.len());
        let mut depth = 0;
        // The splits whose left subtree is being read (false) or whose right one is (true).
        let mut open: Vec<(usize, bool)> = Vec::new();
        for (at, node) in nodes.iter().enumerate() {
            let here = at as u32;
            match node {
                TreeNode::Split(split) => {
                    let shift = 2 * split.feature.index() as u32;
                    steps.push(Step {
                        shift,
                        left: split.left.bits().into(),
                        next: [here, here + 1],
                        value: 0.0,
                    });
                    open.push((at, false));
                    depth = depth.max(open.len());
                }
                TreeNode::Leaf(leaf) => {
                    steps.push(Step { shift: 0, left: 0, next: [here; 2], value: leaf.value });
                    while let Some((_, true)) = open.last() {
                        open.pop();
                    }
                    if let Some((split, in_right)) = open.last_mut() {
                        *in_right = true;
                        steps[*split].next[0] = here + 1;
                    }
                }
            }
        }
        Walk { steps, depth }
    }

    /// The value of the leaf that a packed row reaches.
    #[inline]
    pub(crate) fn value(&self, bits: u64) -> f64 {
        let mut at = 0;
        let next = |at: usize| {
            let step = &self.steps[at];
            step.next[(step.left >> (bits >> step.shift & 3) & 1) as usize] as usize
        };
        if self.depth <= SHALLOW {
            for _ in 0..self.depth {
                at = next(at);
            }
        } else {
            loop {
                let to = next(at);
                if to == at {
                    break;
                }
                at = to;
            }
        }
        self.steps[at].value
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
            for record in &records {
                assert_eq!(walk.value(record.vector.bits()), trees.sum(record.vector));
            }
        }
    }
}
