//! Trees as one flat array of nodes.

mod block;
mod written;

use lurelight_schema::{Code, CodeSet, Feature, FeatureVector};

use self::written::{Written, arranged};

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

/// One or more binary trees over packed rows.
///
/// Leaves point into one table of distinct values, which keeps a forest of pure leaves small.
#[derive(Clone, PartialEq)]
pub struct Trees {
    nodes: Vec<Node>,
    roots: Vec<u32>,
    /// For each [`ABREAST`] trees the most splits on a path.
    depths: Vec<u8>,
    values: Vec<f64>,
    /// The rows of each leaf, in the order of the nodes, or [`MANY`]. Nothing that scoring needs, so they stay as they are
    /// written down.
    leaf_rows: Vec<u8>,
    /// The rows of the leaves that have [`MANY`] there, in their order.
    many_rows: Vec<u32>,
}

/// The rows of a leaf where they have no room in a byte.
const MANY: u8 = u8::MAX;

/// How many trees a row goes through side by side: a step waits for the one before it, but not for another tree's.
const ABREAST: usize = 8;

/// How deep trees may be for all paths to take as many steps: a guess that goes wrong costs more than some steps that lead
/// nowhere.
const SHALLOW: u8 = 8;

/// A node in 64 bits: how far the code of the feature asked stands from the row's first bit (bits 0 to 5), the codes
/// that go right (6 to 9), a leaf's place in the table of values (10 to 31), and the place of the left child (from 32 on),
/// beside which the right one is. A leaf has no codes that go right and is its own child, so that going on leads nowhere.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Node(u64);

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
    /// A leaf that no row came to.
    #[error("node {0} is a leaf without rows")]
    LeafRows(usize),
    /// Bytes, places or rows behind those of the last leaf.
    #[error("more is written down than the nodes ask for")]
    Surplus,
}

impl Trees {
    /// The step of log-odds that the leaves of a blend are whole numbers of: few values differ, and sums of them are exact.
    pub const STEP: f64 = 1.0 / 2048.0;

    /// The trees written down in `trees`, each in preorder: a split, its left subtree, its right subtree.
    ///
    /// # Errors
    ///
    /// See [`InvalidTrees`]; nodes are numbered through all trees in the order in which they are kept, children in pairs.
    pub fn new(trees: &[Vec<TreeNode>]) -> Result<Trees, InvalidTrees> {
        let leaf = |node: &TreeNode| if let TreeNode::Leaf(leaf) = node { Some(leaf.value) } else { None };
        // Most leaves of a forest have one of two values, which need not be sorted.
        let common = [0.0_f64, 1.0];
        let is_common = |value: &f64| common.iter().any(|common| common.to_bits() == value.to_bits());
        let leaves = trees.iter().flatten().filter_map(leaf);
        let mut values: Vec<f64> = leaves.clone().filter(|value| !is_common(value)).collect();
        values.extend(
            common.into_iter().filter(|common| leaves.clone().any(|v| v.to_bits() == common.to_bits())),
        );
        values.sort_unstable_by(f64::total_cmp);
        values.dedup_by(|a, b| a.total_cmp(b).is_eq());
        let find = |value: f64| values.binary_search_by(|v| v.total_cmp(&value)).unwrap_or_default() as u32;
        let common_places = common.map(find);
        let place = |value: f64| match common.iter().position(|common| common.to_bits() == value.to_bits()) {
            Some(common) => common_places[common],
            None => find(value),
        };
        let mut written = Written::default();
        for node in arranged(trees.iter().flatten())? {
            match node {
                TreeNode::Split(split) => written.push_split(split.feature.index(), split.left),
                TreeNode::Leaf(leaf) => {
                    written.push_leaf(place(leaf.value));
                    written.push_rows(leaf.rows);
                }
            }
        }
        Written { values, ..written }.read()
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

    /// The sum of the leaves that the row reaches, one a tree: those that are 1 are counted, the others added in the
    /// order of the trees, and both together in the end.
    #[must_use]
    pub fn sum(&self, vector: FeatureVector) -> f64 {
        let bits = vector.bits();
        let (many, few) = self.roots.as_chunks::<ABREAST>();
        let (mut sum, mut ones) = (0.0, 0.0);
        let mut add = |at: usize| {
            let value = self.values[self.nodes[at].value()];
            let is_one = is_one(value);
            sum += if is_one { 0.0 } else { value };
            ones += f64::from(u8::from(is_one));
        };
        for (roots, depth) in many.iter().zip(&self.depths) {
            self.leaves(*roots, *depth, bits).into_iter().for_each(&mut add);
        }
        for root in few {
            self.leaves([*root], u8::MAX, bits).into_iter().for_each(&mut add);
        }
        sum + ones
    }

    /// Each of the values in [`Trees::STEP`]s; `None` where one is no whole number of them, or has more than 16 bits.
    fn steps(&self) -> Option<Vec<i16>> {
        let steps = |value: &f64| {
            let steps = value / Trees::STEP;
            (f64::from(steps as i16) == steps).then_some(steps as i16)
        };
        self.values.iter().map(steps).collect()
    }

    /// Where the nodes of each tree stand.
    fn ranges(&self) -> impl Iterator<Item = std::ops::Range<usize>> {
        let ends = self.roots().skip(1).chain([self.nodes.len()]);
        self.roots().zip(ends).map(|(root, end)| root..end)
    }

    /// [`Trees::sum`] of each row, to the bit, and several times as quick for many rows.
    #[must_use]
    pub fn sums(&self, rows: &[FeatureVector]) -> Vec<f64> {
        if rows.len() < block::LEAST_ROWS {
            return rows.iter().map(|row| self.sum(*row)).collect();
        }
        block::sums(self, rows)
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
        let rows: Vec<u32> = self.rows().collect();
        self.roots().map(move |root| self.preorder(root).map(|at| self.node(at, rows[at])).collect())
    }

    /// The places of the roots among all nodes.
    pub(crate) fn roots(&self) -> impl Iterator<Item = usize> + '_ {
        self.roots.iter().map(|root| *root as usize)
    }

    /// The places of a tree's nodes in preorder.
    fn preorder(&self, root: usize) -> impl Iterator<Item = usize> + '_ {
        let mut waiting = vec![root];
        std::iter::from_fn(move || {
            let at = waiting.pop()?;
            if !self.nodes[at].is_leaf() {
                let [left, right] = self.children(at);
                waiting.extend([right, left]);
            }
            Some(at)
        })
    }

    /// The node at a place, to which so many rows came.
    fn node(&self, at: usize, rows: u32) -> TreeNode {
        let node = self.nodes[at];
        match node.split() {
            Some(split) => TreeNode::Split(split),
            None => TreeNode::Leaf(Leaf { value: self.values[node.value()], rows }),
        }
    }

    /// The rows of each node that is a leaf, and 0 for a split.
    fn rows(&self) -> impl Iterator<Item = u32> {
        let mut leaf_rows = leaf_rows(&self.leaf_rows, &self.many_rows);
        self.nodes.iter().map(move |node| if node.is_leaf() { leaf_rows.next().unwrap_or(0) } else { 0 })
    }

    /// The places of a split's children, left and right.
    pub(crate) fn children(&self, at: usize) -> [usize; 2] {
        let left = self.nodes[at].child();
        [left, left + 1]
    }

    /// The places of the leaves that a row reaches from some roots.
    #[inline(always)]
    fn leaves<const COUNT: usize>(&self, roots: [u32; COUNT], depth: u8, bits: u64) -> [usize; COUNT] {
        let mut at = roots.map(|root| root as usize);
        let step = |at: &mut [usize; COUNT]| {
            for at in at {
                *at = self.nodes[*at].next(bits);
            }
        };
        if depth <= SHALLOW {
            (0..depth).for_each(|_| step(&mut at));
            return at;
        }
        loop {
            step(&mut at);
            step(&mut at);
            let before = at;
            step(&mut at);
            // Without a comparison of memory, which is a call.
            if (0..COUNT).fold(0, |moved, tree| moved | (at[tree] ^ before[tree])) == 0 {
                return at;
            }
        }
    }
}

/// The rows of each leaf; 0 where those are missing that have no room in a byte.
fn leaf_rows(bytes: &[u8], many: &[u32]) -> impl Iterator<Item = u32> {
    let mut many = many.iter();
    bytes
        .iter()
        .map(move |rows| if *rows == MANY { many.next().copied().unwrap_or(0) } else { (*rows).into() })
}

/// Whether a leaf is counted instead of added.
#[inline(always)]
fn is_one(value: f64) -> bool {
    value == 1.0
}

impl Node {
    /// A split by the feature and the codes that go left, whose children have no place yet.
    const fn split_on(feature: u32, left: u32) -> Node {
        Node((2 * feature as u64) | (!left as u64 & 15) << 6)
    }

    const fn set_child(&mut self, child: usize) {
        self.0 |= (child as u64) << 32;
    }

    const fn leaf(value: u32, at: usize) -> Node {
        Node((value as u64) << 10 | (at as u64) << 32)
    }

    #[inline(always)]
    const fn next(self, bits: u64) -> usize {
        let code = bits >> (self.0 & 63) & 3;
        self.child() + (self.0 >> (6 + code) & 1) as usize
    }

    #[inline(always)]
    const fn child(self) -> usize {
        (self.0 >> 32) as usize
    }

    /// The place of a leaf's value.
    #[inline(always)]
    const fn value(self) -> usize {
        (self.0 >> 10) as usize & (MAX_NODES - 1)
    }

    const fn is_leaf(self) -> bool {
        self.right() == 0
    }

    /// The codes that go right, a bit each.
    #[inline(always)]
    const fn right(self) -> usize {
        (self.0 >> 6) as usize & 15
    }

    /// The place of the feature that a split asks.
    #[inline(always)]
    const fn feature(self) -> usize {
        (self.0 & 63) as usize / 2
    }

    /// The question of a split, `None` for a leaf.
    fn split(self) -> Option<Split> {
        let feature = Feature::from_index(self.feature()).filter(|_| !self.is_leaf())?;
        Some(Split { feature, left: CodeSet::from_bits(!(self.0 >> 6) as u8) })
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
    use std::borrow::Cow;

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

    /// A tree that asks another feature at every depth; its leaves are numbered from `leaf` on.
    fn complete_tree(depth: usize, leaf: i32) -> Vec<TreeNode> {
        if depth == 0 {
            return vec![TreeNode::Leaf(Leaf { value: f64::from(leaf % 10 - 5), rows: 1 })];
        }
        let split = Split::at_most(Feature::ALL[depth], Code::Minus, true);
        let [left, right] = [0, 1].map(|side| complete_tree(depth - 1, 2 * leaf + side));
        [vec![TreeNode::Split(split)], left, right].concat()
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

        /// Where leaves are shares that add up to something else in another order, where they are whole numbers of steps, and
        /// where they are too many steps; in small trees and in a large one.
        #[test]
        fn rows_together_score_as_one_by_one(
            small in prop::collection::vec(arbitrary_tree(), 1..20), leaves in 0..3,
            rows in prop::collection::vec(0..1u64 << 60, 1..1_200), shared in 0..1u64 << 60,
        ) {
            let value = |value: f64| match leaves {
                0 => (value.abs() / 3.0).min(1.0),
                1 => value * 6_001.0 * Trees::STEP,
                _ => value * 7.0,
            };
            let changed = |node: &TreeNode| match node {
                TreeNode::Leaf(leaf) => TreeNode::Leaf(Leaf { value: value(leaf.value), ..*leaf }),
                split => *split,
            };
            let trees: Vec<Vec<TreeNode>> = small.iter().chain([&complete_tree(7, 0)])
                .map(|tree| tree.iter().map(changed).collect()).collect();
            let flat = Trees::new(&trees).unwrap();
            prop_assert!(leaves == 0 || flat.steps().is_some() == (leaves == 1));
            let rows: Vec<_> = rows.iter().map(|bits| FeatureVector::from_bits(bits & shared).unwrap()).collect();
            let expected: Vec<f64> = rows.iter().map(|row| flat.sum(*row)).collect();
            prop_assert_eq!(&block::sums(&flat, &rows), &expected);
            prop_assert_eq!(flat.sums(&rows), expected);
        }

        #[test]
        fn any_nodes_are_trees_or_refused(
            nodes in prop::collection::vec(prop_oneof![any::<u16>(), 0..1u16 << 9, Just(31u16), Just(u16::MAX)], 0..40),
            far_places in prop::collection::vec(0..3u32, 0..4),
            values in prop::collection::vec(-1.0..1.0f64, 0..3),
            leaf_rows in prop::collection::vec(prop_oneof![any::<u8>(), 1..3u8], 0..40),
            many_rows in prop::collection::vec(0..300u32, 0..4),
            bits in 0..1u64 << 60,
        ) {
            let nodes = Cow::Owned(nodes.into_iter().flat_map(u16::to_le_bytes).collect());
            let written = Written { nodes, far_places, values, leaf_rows: Cow::Owned(leaf_rows), many_rows };
            if let Ok(trees) = written.clone().read() {
                prop_assert!(trees.sum(FeatureVector::from_bits(bits).unwrap()).is_finite());
                prop_assert_eq!(Trees::new(&trees.iter().collect::<Vec<_>>()).unwrap().iter().collect::<Vec<_>>(),
                    trees.iter().collect::<Vec<_>>());
            }
        }
    }

    /// Nodes with a leaf's rows for each of them, as they are written down.
    fn written<'a>(nodes: &[u16], values: &[f64], leaf_rows: &'a [u8]) -> Written<'a> {
        let nodes = Cow::Owned(nodes.iter().flat_map(|node| node.to_le_bytes()).collect());
        Written { nodes, values: values.to_vec(), leaf_rows: Cow::Borrowed(leaf_rows), ..Written::default() }
    }

    #[test]
    fn broken_trees_are_named() {
        let table: [(&[u16], &[f64], InvalidTrees); 10] = [
            (&[], &[], InvalidTrees::Empty),
            (&[31], &[], InvalidTrees::Value(0)),
            (&[31], &[f64::NAN], InvalidTrees::NotFinite(0)),
            (&[31 | 2047 << 5], &[0.5], InvalidTrees::Value(0)),
            (&[1 << 5, 31], &[0.5], InvalidTrees::CutOff(1)),
            (&[1 << 5], &[0.5], InvalidTrees::CutOff(2)),
            (&[30 | 1 << 5, 31, 31], &[0.5], InvalidTrees::Split(0)),
            (&[15 << 5, 31, 31], &[0.5], InvalidTrees::Split(0)),
            (&[0, 31, 31], &[0.5], InvalidTrees::Split(0)),
            (&[1 << 9 | 1 << 5, 31, 31], &[0.5], InvalidTrees::Split(0)),
        ];
        for (nodes, values, expected) in table {
            assert_eq!(written(nodes, values, &[1; 2]).read(), Err(expected));
        }
        let chain: Vec<u16> = std::iter::repeat_n([1 << 5, 31], 100).flatten().chain([31]).collect();
        assert_eq!(written(&chain, &[0.5], &[1; 101]).read(), Err(InvalidTrees::TooDeep(181)));
        let leaf = |rows| vec![TreeNode::Leaf(Leaf { value: 0.5, rows })];
        assert_eq!(Trees::new(&[leaf(1), leaf(0)]), Err(InvalidTrees::LeafRows(1)));
        let split = TreeNode::Split(Split::at_most(Feature::ALL[0], Code::Minus, true));
        assert_eq!(Trees::new(&[leaf(1), vec![split]]), Err(InvalidTrees::CutOff(2)));
    }

    #[test]
    fn every_leaf_has_its_rows_and_no_more() {
        let stump = [1 << 5, 31, 31];
        let table: [(&[u8], InvalidTrees); 4] = [
            (&[], InvalidTrees::LeafRows(1)),
            (&[1, 0], InvalidTrees::LeafRows(2)),
            (&[1, 255], InvalidTrees::LeafRows(2)),
            (&[1, 1, 1], InvalidTrees::Surplus),
        ];
        for (leaf_rows, expected) in table {
            assert_eq!(written(&stump, &[0.5], leaf_rows).read(), Err(expected));
        }
        let whole = written(&stump, &[0.5], &[1, 1]);
        assert!(whole.clone().read().is_ok());
        let half = Cow::Owned([&*whole.nodes, &[7]].concat());
        for surplus in [
            Written { nodes: half, ..whole.clone() },
            Written { far_places: vec![0], ..whole.clone() },
            Written { many_rows: vec![300], ..whole },
        ] {
            assert_eq!(surplus.read(), Err(InvalidTrees::Surplus));
        }
    }

    /// More values than have room beside a node, and more rows than a byte counts.
    #[test]
    fn large_numbers_are_written_elsewhere() {
        let leaf = |number: u32| vec![TreeNode::Leaf(Leaf { value: f64::from(number), rows: number + 1 })];
        let trees: Vec<_> = (0..3_000).map(leaf).collect();
        let kept = Trees::new(&trees).unwrap();
        let bytes = postcard::to_stdvec(&kept).unwrap();
        let read: Trees = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(read, kept);
        assert_eq!(read.iter().collect::<Vec<_>>(), trees);
    }
}
