//! Trees as one flat array of nodes.

use lurelight_schema::{Code, CodeSet, Feature, FeatureVector};
use serde::{Deserialize, Serialize};

/// The most nodes that one ensemble may have.
pub const MAX_NODES: usize = 1 << 22;

/// The most splits between a root and a leaf. A split that parts rows takes a code away from a feature on
/// either side, so no tree has a use for more.
pub const MAX_DEPTH: usize = 3 * Feature::ALL.len();

/// A split or a leaf, as a tree is written down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TreeNode {
    /// The left child follows at once, the right one after the left subtree.
    Split(Split),
    /// The end of a path.
    Leaf(Leaf),
}

/// The end of a path through a tree.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Leaf {
    /// What the tree says of the rows that come here.
    pub value: f64,
    /// How many rows of the tree's sample came here; at least 1. It tells what a row whose features are
    /// not known would most likely meet, which is what contributions are measured against.
    pub rows: u32,
}

/// A question to one feature: rows whose code is in `left` go left. One set of codes says everything,
/// the way of missing values included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// The feature that is asked.
    pub feature: Feature,
    /// The codes that go left; neither empty nor all four.
    pub left: CodeSet,
}

/// One or more binary trees over packed rows, their nodes in preorder, one tree after the other.
///
/// Leaves point into one table of distinct values, which keeps a forest of pure leaves small.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Trees {
    nodes: Vec<Node>,
    roots: Vec<u32>,
    values: Vec<f64>,
    /// The rows of each node: a leaf's own, a split's the sum of its leaves'.
    rows: Vec<u32>,
}

/// A node in 32 bits: the feature (31: a leaf) in bits 0 to 4; of a split the left codes in bits 5 to 8
/// and the distance to the right child from bit 9 on; of a leaf the place of its value from bit 5 on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Node(u32);

const LEAF: u32 = 31;

/// Nodes that are no trees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTrees {
    /// There is no tree at all.
    #[error("an ensemble needs at least one tree")]
    Empty,
    /// More nodes than [`MAX_NODES`].
    #[error(
        "an ensemble may have {MAX_NODES} nodes at most: make fewer trees, shallower ones, or larger leaves"
    )]
    TooManyNodes,
    /// A path longer than [`MAX_DEPTH`].
    #[error("node {0} is more than {MAX_DEPTH} splits away from its root")]
    TooDeep(usize),
    /// The last tree ends before its last leaf.
    #[error("the last tree is cut off: {0} subtrees are missing")]
    CutOff(usize),
    /// A split on a feature that does not exist, or one that sends every row the same way.
    #[error("node {0} is no split: unknown feature, or every code goes the same way")]
    Split(usize),
    /// A leaf without a value.
    #[error("node {0} names a value that the table does not have")]
    Value(usize),
    /// A value that is infinite or not a number.
    #[error("value {0} of the table is not finite")]
    NotFinite(usize),
    /// A leaf that no row came to, or not one count a leaf.
    #[error("every leaf needs the number of its rows, 1 or more")]
    LeafRows,
}

impl Trees {
    /// The trees written down in `trees`, each in preorder: a split, its left subtree, its right subtree.
    ///
    /// # Errors
    ///
    /// See [`InvalidTrees`]; node numbers count through all trees.
    pub fn new(trees: &[Vec<TreeNode>]) -> Result<Trees, InvalidTrees> {
        let leaf = |node: &TreeNode| if let TreeNode::Leaf(leaf) = node { Some(*leaf) } else { None };
        let leaves: Vec<Leaf> = trees.iter().flatten().filter_map(leaf).collect();
        let mut values: Vec<f64> = leaves.iter().map(|leaf| leaf.value).collect();
        values.sort_by(f64::total_cmp);
        values.dedup_by(|a, b| a.total_cmp(b).is_eq());
        let code = |node: &TreeNode| match node {
            TreeNode::Split(split) => split.feature.index() as u32 | u32::from(split.left.bits()) << 5,
            TreeNode::Leaf(leaf) => {
                let place = values.binary_search_by(|v| v.total_cmp(&leaf.value)).unwrap_or_default();
                LEAF | (place as u32) << 5
            }
        };
        let nodes = trees.iter().flatten().map(code).collect();
        let leaf_rows = leaves.iter().map(|leaf| leaf.rows).collect();
        Trees::try_from(Written { nodes, values, leaf_rows })
    }

    /// How many trees there are; never 0.
    #[must_use]
    pub fn len(&self) -> usize {
        self.roots.len()
    }

    /// Never: an ensemble has at least one tree.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// How many nodes all trees have together, leaves included.
    #[must_use]
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// The sum of the leaves that the row reaches, one a tree, added in the order of the trees.
    #[must_use]
    pub fn sum(&self, vector: FeatureVector) -> f64 {
        let mut sum = 0.0;
        for &root in &self.roots {
            sum += self.leaf(root as usize, vector.bits());
        }
        sum
    }

    /// The values of the leaves that the row reaches, in the order of the trees.
    pub fn leaf_values(&self, vector: FeatureVector) -> impl Iterator<Item = f64> + '_ {
        self.roots.iter().map(move |root| self.leaf(*root as usize, vector.bits()))
    }

    /// The mean of the leaves that the row reaches.
    #[must_use]
    pub fn mean(&self, vector: FeatureVector) -> f64 {
        self.sum(vector) / self.roots.len() as f64
    }

    /// The least and the greatest value of any leaf.
    #[must_use]
    pub fn value_range(&self) -> (f64, f64) {
        self.values
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(*v), high.max(*v)))
    }

    /// The trees as they are written down, the inverse of [`Trees::new`].
    pub fn iter(&self) -> impl Iterator<Item = Vec<TreeNode>> + '_ {
        let ends = self.roots.iter().skip(1).copied().chain([self.nodes.len() as u32]);
        self.roots
            .iter()
            .zip(ends)
            .map(|(&start, end)| (start as usize..end as usize).map(|at| self.node(at)).collect())
    }

    /// The places of the roots among all nodes.
    pub(crate) fn roots(&self) -> impl Iterator<Item = usize> + '_ {
        self.roots.iter().map(|root| *root as usize)
    }

    /// The node at a place.
    pub(crate) fn node(&self, at: usize) -> TreeNode {
        let node = self.nodes[at];
        match node.split() {
            Some(split) => TreeNode::Split(split),
            None => TreeNode::Leaf(Leaf { value: self.values[node.value()], rows: self.rows[at] }),
        }
    }

    /// The places of a split's children, left and right.
    pub(crate) fn children(&self, at: usize) -> [usize; 2] {
        [at + 1, at + (self.nodes[at].0 >> 9) as usize]
    }

    /// The rows of the tree's sample that came to a node.
    pub(crate) fn rows(&self, at: usize) -> u32 {
        self.rows[at]
    }

    #[inline]
    fn leaf(&self, mut at: usize, bits: u64) -> f64 {
        loop {
            let node = self.nodes[at];
            if node.0 & LEAF == LEAF {
                return self.values[node.value()];
            }
            let code = bits >> (2 * (node.0 & LEAF)) & 3;
            let goes_left = node.0 >> (5 + code) & 1 == 1;
            at += if goes_left { 1 } else { (node.0 >> 9) as usize };
        }
    }
}

impl Node {
    /// The question of a split, `None` for a leaf.
    fn split(self) -> Option<Split> {
        let feature = Feature::from_index((self.0 & LEAF) as usize)?;
        Some(Split { feature, left: CodeSet::from_bits((self.0 >> 5) as u8) })
    }

    fn value(self) -> usize {
        (self.0 >> 5) as usize
    }
}

impl std::fmt::Debug for Trees {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Trees({} trees, {} nodes)", self.len(), self.node_count())
    }
}

/// The trees as an artifact carries them: nodes without the distances, which follow from the preorder,
/// so that no bytes can send a row astray.
#[derive(Serialize, Deserialize)]
struct Written {
    nodes: Vec<u32>,
    values: Vec<f64>,
    /// In the order of the leaves.
    leaf_rows: Vec<u32>,
}

impl From<Trees> for Written {
    fn from(trees: Trees) -> Written {
        let bare = |node: &Node| if node.split().is_some() { node.0 & 0x1ff } else { node.0 };
        let leaves = trees.nodes.iter().zip(&trees.rows).filter(|(node, _)| node.split().is_none());
        let leaf_rows = leaves.map(|(_, rows)| *rows).collect();
        Written { nodes: trees.nodes.iter().map(bare).collect(), values: trees.values, leaf_rows }
    }
}

impl TryFrom<Written> for Trees {
    type Error = InvalidTrees;

    fn try_from(written: Written) -> Result<Trees, InvalidTrees> {
        if written.nodes.is_empty() {
            return Err(InvalidTrees::Empty);
        }
        if written.nodes.len() > MAX_NODES {
            return Err(InvalidTrees::TooManyNodes);
        }
        if let Some(at) = written.values.iter().position(|value| !value.is_finite()) {
            return Err(InvalidTrees::NotFinite(at));
        }
        let mut nodes = Vec::with_capacity(written.nodes.len());
        let mut rows = vec![0; written.nodes.len()];
        let mut leaf_rows = written.leaf_rows.iter();
        let mut roots = Vec::new();
        // The splits whose left subtree is being read (false) or whose right one is (true).
        let mut open: Vec<(usize, bool)> = Vec::new();
        for (at, &bare) in written.nodes.iter().enumerate() {
            if open.is_empty() {
                roots.push(at as u32);
            }
            nodes.push(Node(bare));
            if bare & LEAF != LEAF {
                check_split(at, bare)?;
                open.push((at, false));
                if open.len() > MAX_DEPTH {
                    return Err(InvalidTrees::TooDeep(at));
                }
                continue;
            }
            if (bare >> 5) as usize >= written.values.len() {
                return Err(InvalidTrees::Value(at));
            }
            let Some(count) = leaf_rows.next().filter(|count| **count > 0) else {
                return Err(InvalidTrees::LeafRows);
            };
            for place in open.iter().map(|(split, _)| *split).chain([at]) {
                rows[place] = count.saturating_add(rows[place]);
            }
            // A leaf ends every subtree whose right side it closes; the next node starts a right side.
            while let Some((_, true)) = open.last() {
                open.pop();
            }
            if let Some((split, in_right)) = open.last_mut() {
                *in_right = true;
                nodes[*split].0 |= ((at + 1 - *split) as u32) << 9;
            }
        }
        if !open.is_empty() {
            return Err(InvalidTrees::CutOff(1 + open.iter().filter(|(_, in_right)| !in_right).count()));
        }
        if leaf_rows.next().is_some() {
            return Err(InvalidTrees::LeafRows);
        }
        Ok(Trees { nodes, roots, values: written.values, rows })
    }
}

/// A split names one of the 30 features, has nothing but its nine bits, and sends some of −1, 0, 1 and
/// missing to either side.
fn check_split(at: usize, bare: u32) -> Result<(), InvalidTrees> {
    let node = Node(bare);
    match node.split() {
        Some(split) if split.left != CodeSet::EMPTY && split.left != CodeSet::ALL && bare >> 9 == 0 => Ok(()),
        _ => Err(InvalidTrees::Split(at)),
    }
}

impl Split {
    /// Whether a row goes left.
    #[must_use]
    pub fn goes_left(self, vector: FeatureVector) -> bool {
        self.left.contains(vector.code(self.feature))
    }

    /// The split that sends values up to `code` left, and missing ones where `missing_left` says.
    #[must_use]
    pub fn at_most(feature: Feature, code: Code, missing_left: bool) -> Split {
        let left = Code::VALUES.into_iter().filter(|c| *c <= code).fold(CodeSet::EMPTY, CodeSet::with);
        Split { feature, left: if missing_left { left.with(Code::Missing) } else { left } }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A random tree in preorder and, beside it, the value that a plain recursion finds for a row.
    fn arbitrary_tree() -> impl Strategy<Value = Vec<TreeNode>> {
        let leaf =
            (-5i8..5, 1..9u32).prop_map(|(v, rows)| vec![TreeNode::Leaf(Leaf { value: f64::from(v), rows })]);
        leaf.prop_recursive(6, 64, 2, |inner| {
            (0..30usize, 1..15u8, inner.clone(), inner).prop_map(|(f, codes, left, right)| {
                let split = Split { feature: Feature::ALL[f], left: CodeSet::from_bits(codes) };
                [vec![TreeNode::Split(split)], left, right].concat()
            })
        })
    }

    fn walk(nodes: &mut impl Iterator<Item = TreeNode>, vector: FeatureVector) -> f64 {
        match nodes.next().unwrap() {
            TreeNode::Leaf(leaf) => leaf.value,
            TreeNode::Split(split) => {
                let left = walk(nodes, vector);
                let right = walk(nodes, vector);
                if split.goes_left(vector) { left } else { right }
            }
        }
    }

    proptest! {
        #[test]
        fn the_flat_walk_equals_the_recursive_one(
            trees in prop::collection::vec(arbitrary_tree(), 1..5),
            rows in prop::collection::vec(0..1u64 << 60, 20),
        ) {
            let flat = Trees::new(&trees).unwrap();
            prop_assert_eq!(flat.iter().collect::<Vec<_>>(), trees.clone());
            for bits in rows {
                let vector = FeatureVector::from_bits(bits).unwrap();
                let expected: f64 = trees.iter().map(|tree| walk(&mut tree.iter().copied(), vector)).sum();
                prop_assert_eq!(flat.sum(vector), expected);
            }
        }

        #[test]
        fn any_nodes_are_trees_or_refused(
            nodes in prop::collection::vec(prop_oneof![any::<u32>(), 0..1u32 << 9, Just(31u32)], 0..40),
            values in prop::collection::vec(-1.0..1.0f64, 0..3),
            leaf_rows in prop::collection::vec(0..3u32, 0..40),
            bits in 0..1u64 << 60,
        ) {
            if let Ok(trees) = Trees::try_from(Written { nodes, values, leaf_rows }) {
                prop_assert!(trees.sum(FeatureVector::from_bits(bits).unwrap()).is_finite());
            }
        }
    }

    #[test]
    fn broken_trees_are_named() {
        let table = [
            (vec![], vec![], InvalidTrees::Empty),
            (vec![31], vec![], InvalidTrees::Value(0)),
            (vec![31], vec![f64::NAN], InvalidTrees::NotFinite(0)),
            (vec![1 << 5, 31], vec![0.5], InvalidTrees::CutOff(1)),
            (vec![1 << 5], vec![0.5], InvalidTrees::CutOff(2)),
            (vec![30 | 1 << 5, 31, 31], vec![0.5], InvalidTrees::Split(0)),
            (vec![15 << 5, 31, 31], vec![0.5], InvalidTrees::Split(0)),
            (vec![0, 31, 31], vec![0.5], InvalidTrees::Split(0)),
            (vec![1 << 9 | 1 << 5, 31, 31], vec![0.5], InvalidTrees::Split(0)),
        ];
        for (nodes, values, expected) in table {
            assert_eq!(Trees::try_from(Written { nodes, values, leaf_rows: vec![1; 2] }), Err(expected));
        }
        let chain: Vec<u32> = std::iter::repeat_n([1 << 5, 31], 100).flatten().chain([31]).collect();
        let written = Written { nodes: chain, values: vec![0.5], leaf_rows: vec![1; 101] };
        assert_eq!(Trees::try_from(written), Err(InvalidTrees::TooDeep(180)));
        for leaf_rows in [vec![], vec![1], vec![1, 0], vec![1, 1, 1]] {
            let written = Written { nodes: vec![1 << 5, 31, 31], values: vec![0.5], leaf_rows };
            assert_eq!(Trees::try_from(written), Err(InvalidTrees::LeafRows));
        }
    }
}
