//! Trees as they are written down, and as they are read again.
//!
//! Nodes are written in the order in which they are kept: a tree's root, then pairs of children, each pair as soon as its
//! parent is the last split that waits for one (depth-first, left before right). So no place of a child is written, and no
//! bytes can send a row astray; and reading needs no guess that a processor could get wrong: what is on top of a stack gets
//! the next pair, and a node is pushed by whether it is a split, not by a branch.

use std::borrow::Cow;

use lurelight_schema::{CodeSet, FEATURE_COUNT};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{ABREAST, InvalidTrees, MANY, MAX_DEPTH, MAX_NODES, Node, TreeNode, Trees, leaf_rows};

/// The feature of a leaf.
const LEAF: u16 = 31;

/// The place of a leaf's value where it has no room beside the node.
const FAR: u32 = 0x7ff;

/// The trees as an artifact carries them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Written<'a> {
    /// Two bytes a node, the lower one first: the feature (31: a leaf) in bits 0 to 4; from bit 5 on of a split the codes
    /// that go left, a bit each, and of a leaf the place of its value, or 2,047.
    #[serde(borrow)]
    pub(super) nodes: Cow<'a, [u8]>,
    /// The places of values for the leaves that have 2,047 there, in their order.
    pub(super) far_places: Vec<u32>,
    pub(super) values: Vec<f64>,
    /// A byte a leaf in their order: its rows, or 255.
    #[serde(borrow)]
    pub(super) leaf_rows: Cow<'a, [u8]>,
    /// The rows of the leaves that have 255 there, in their order.
    pub(super) many_rows: Vec<u32>,
}

impl Serialize for Trees {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut written = Written {
            values: self.values.clone(),
            leaf_rows: Cow::Borrowed(&self.leaf_rows),
            many_rows: self.many_rows.clone(),
            ..Written::default()
        };
        for node in &self.nodes {
            match node.split() {
                Some(split) => written.push_split(split.feature.index(), split.left),
                None => written.push_leaf(node.value() as u32),
            }
        }
        written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Trees {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Trees, D::Error> {
        Written::deserialize(deserializer)?.read().map_err(D::Error::custom)
    }
}

impl Written<'_> {
    fn push(&mut self, node: u16) {
        self.nodes.to_mut().extend(node.to_le_bytes());
    }

    pub(super) fn push_split(&mut self, feature: usize, left: CodeSet) {
        self.push(feature as u16 | u16::from(left.bits()) << 5);
    }

    pub(super) fn push_leaf(&mut self, place: u32) {
        self.push(LEAF | (place.min(FAR) as u16) << 5);
        self.far_places.extend((place >= FAR).then_some(place));
    }

    pub(super) fn push_rows(&mut self, rows: u32) {
        self.leaf_rows.to_mut().push(u8::try_from(rows).unwrap_or(MANY));
        self.many_rows.extend((rows >= MANY.into()).then_some(rows));
    }

    /// The trees, every node of them checked.
    pub(super) fn read(self) -> Result<Trees, InvalidTrees> {
        let (nodes, half) = self.nodes.as_chunks::<2>();
        if nodes.is_empty() {
            return Err(InvalidTrees::Empty);
        }
        if nodes.len() > MAX_NODES || self.values.len() > MAX_NODES {
            return Err(InvalidTrees::TooManyNodes);
        }
        if let Some(at) = self.values.iter().position(|value| !value.is_finite()) {
            return Err(InvalidTrees::NotFinite(at));
        }
        let mut reading = Reading {
            written: nodes,
            values: self.values.len() as u32,
            far_places: self.far_places.iter(),
            nodes: vec![Node(0); nodes.len()],
        };
        let (roots, depths) = reading.trees()?;
        let Reading { nodes, far_places, .. } = reading;
        check_rows(&nodes, roots.len(), &self.leaf_rows, &self.many_rows)?;
        if far_places.len() > 0 || !half.is_empty() {
            return Err(InvalidTrees::Surplus);
        }
        let (leaf_rows, many_rows) = (self.leaf_rows.into_owned(), self.many_rows);
        Ok(Trees { nodes, roots, depths, values: self.values, leaf_rows, many_rows })
    }
}

/// Checks that each leaf has rows, and that none are left over.
fn check_rows(nodes: &[Node], trees: usize, bytes: &[u8], many: &[u32]) -> Result<(), InvalidTrees> {
    // Every split puts two nodes in the place of one.
    let leaves = nodes.len().midpoint(trees);
    let in_bytes = bytes.len() - bytes.iter().filter(|rows| **rows == MANY).count();
    if bytes.len() == leaves && in_bytes + many.len() == leaves && !bytes.contains(&0) && !many.contains(&0) {
        return Ok(());
    }
    let mut left = leaf_rows(bytes, many);
    let mut leaves = nodes.iter().enumerate().filter(|(_, node)| node.is_leaf());
    let without = leaves.find(|_| left.next().is_none_or(|rows| rows == 0));
    Err(without.map_or(InvalidTrees::Surplus, |(at, _)| InvalidTrees::LeafRows(at)))
}

/// Trees that are being read.
struct Reading<'a> {
    written: &'a [[u8; 2]],
    /// How many values there are.
    values: u32,
    far_places: std::slice::Iter<'a, u32>,
    nodes: Vec<Node>,
}

/// The splits of a tree that wait for their children, with the depth of these. There are no more than one a level beside
/// the last, and places enough that a mask keeps an index inside.
struct Waiting {
    splits: [(u32, u8); Waiting::PLACES],
    len: usize,
}

impl Waiting {
    const PLACES: usize = 128;

    /// Takes what is pushed only where it is a split.
    #[inline(always)]
    fn push(&mut self, at: usize, depth: u8, is_split: bool) {
        self.splits[self.len % Waiting::PLACES] = (at as u32, depth);
        self.len += usize::from(is_split);
    }

    #[inline(always)]
    fn pop(&mut self) -> Option<(usize, u8)> {
        self.len = self.len.checked_sub(1)?;
        let (at, depth) = self.splits[self.len % Waiting::PLACES];
        Some((at as usize, depth))
    }
}

impl Reading<'_> {
    /// Reads all trees: the places of their roots, and the greatest depth of each [`ABREAST`] of them.
    fn trees(&mut self) -> Result<(Vec<u32>, Vec<u8>), InvalidTrees> {
        let (mut roots, mut depths) = (Vec::new(), Vec::new());
        let mut waiting = Waiting { splits: [(0, 0); Waiting::PLACES], len: 0 };
        let mut at = 0;
        while at < self.written.len() {
            if roots.len() % ABREAST == 0 {
                depths.push(0);
            }
            roots.push(at as u32);
            let mut deepest = 0;
            let is_split = self.node(at)?;
            waiting.push(at, 1, is_split);
            at += 1;
            while let Some((parent, depth)) = waiting.pop() {
                if at + 2 > self.written.len() {
                    return Err(InvalidTrees::CutOff(2 * (waiting.len + 1) + at - self.written.len()));
                }
                if usize::from(depth) > MAX_DEPTH {
                    return Err(InvalidTrees::TooDeep(at));
                }
                deepest = deepest.max(depth);
                self.nodes[parent].set_child(at);
                let [left, right] = [self.node(at)?, self.node(at + 1)?];
                waiting.push(at + 1, depth + 1, right);
                waiting.push(at, depth + 1, left);
                at += 2;
            }
            if let Some(depth) = depths.last_mut() {
                *depth = deepest.max(*depth);
            }
        }
        Ok((roots, depths))
    }

    /// Reads one node, and says whether it is a split.
    #[inline(always)]
    fn node(&mut self, at: usize) -> Result<bool, InvalidTrees> {
        let written = u16::from_le_bytes(self.written[at]);
        let (feature, rest) = (written & LEAF, u32::from(written >> 5));
        let is_leaf = feature == LEAF;
        let mut place = rest;
        if is_leaf && place == FAR {
            place = self.far_places.next().copied().unwrap_or(u32::MAX);
        }
        // A split sends some of the four codes left, and not all.
        let is_fit = if is_leaf {
            place < self.values
        } else {
            (usize::from(feature) < FEATURE_COUNT) & (rest.wrapping_sub(1) < 14)
        };
        if !is_fit {
            return Err(if is_leaf { InvalidTrees::Value(at) } else { InvalidTrees::Split(at) });
        }
        let (leaf, split) = (Node::leaf(place, at), Node::split_on(u32::from(feature), rest));
        self.nodes[at] = if is_leaf { leaf } else { split };
        Ok(!is_leaf)
    }
}

/// The nodes of trees in preorder in the order in which they are kept.
pub(super) fn arranged<'t>(
    preorder: impl Iterator<Item = &'t TreeNode>,
) -> Result<Vec<&'t TreeNode>, InvalidTrees> {
    let mut kept = Vec::with_capacity(preorder.size_hint().0);
    let mut waiting: Vec<usize> = Vec::with_capacity(MAX_DEPTH + 2);
    for node in preorder {
        let here = waiting.pop().unwrap_or(kept.len());
        if here == kept.len() {
            kept.push(node);
        } else {
            kept[here] = node;
        }
        if matches!(node, TreeNode::Split(_)) {
            waiting.extend([kept.len() + 1, kept.len()]);
            kept.extend([node, node]);
        }
    }
    if waiting.is_empty() { Ok(kept) } else { Err(InvalidTrees::CutOff(waiting.len())) }
}

impl std::fmt::Debug for Trees {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Trees({} trees, {} nodes)", self.len(), self.node_count())
    }
}
