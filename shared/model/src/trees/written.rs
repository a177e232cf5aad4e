//! Trees as they are written down, and as they are read again.

use lurelight_schema::{CodeSet, FEATURE_COUNT, Feature};
use serde::{Deserialize, Serialize};

use super::{ABREAST, InvalidTrees, MAX_DEPTH, MAX_NODES, Node, Trees, is_one};

/// The feature of a leaf, as it is written down.
const LEAF: u32 = 31;

/// The trees as an artifact carries them: nodes in preorder, from which the places of children follow, so that no bytes
/// can send a row astray.
#[derive(Serialize, Deserialize)]
pub(super) struct Written {
    /// The feature (31: a leaf) in bits 0 to 4; of a split the codes that go left in bits 5 to 8, of a leaf the place of
    /// its value from bit 5 on.
    pub(super) nodes: Vec<u32>,
    pub(super) values: Vec<f64>,
    /// In the order of the leaves.
    pub(super) leaf_rows: Vec<u32>,
}

impl From<Trees> for Written {
    fn from(trees: Trees) -> Written {
        let (mut nodes, mut leaf_rows) = (Vec::with_capacity(trees.nodes.len()), Vec::new());
        for at in trees.roots().flat_map(|root| trees.preorder(root)) {
            let node = trees.nodes[at];
            match node.split() {
                Some(split) => nodes.push(split.feature.index() as u32 | u32::from(split.left.bits()) << 5),
                None => {
                    nodes.push(LEAF | (node.value() as u32) << 5);
                    leaf_rows.push(trees.rows[at]);
                }
            }
        }
        Written { nodes, values: trees.values, leaf_rows }
    }
}

impl TryFrom<Written> for Trees {
    type Error = InvalidTrees;

    fn try_from(Written { nodes, values, leaf_rows }: Written) -> Result<Trees, InvalidTrees> {
        let mut rows = leaf_rows.iter().copied();
        let read = nodes.iter().map(|bare| match bare & LEAF {
            LEAF => Err((bare >> 5, rows.next().unwrap_or(0))),
            // Nothing stands behind the codes; with something there the split is none.
            feature if bare >> 9 == 0 => Ok((feature, CodeSet::from_bits((bare >> 5) as u8))),
            feature => Ok((feature, CodeSet::EMPTY)),
        });
        let growing = Growing::read(read, nodes.len(), &values)?;
        if rows.next().is_some() {
            return Err(InvalidTrees::LeafRows);
        }
        Ok(growing.finish(values))
    }
}

/// Trees that are being read in preorder.
pub(super) struct Growing {
    nodes: Vec<Node>,
    roots: Vec<u32>,
    depths: Vec<u8>,
    rows: Vec<u32>,
    pure_leaves: usize,
    /// The rows that each feature is asked for.
    asked: [u64; FEATURE_COUNT],
}

/// A split whose subtrees are being read: its place, that of its left child, and whether the right subtree is being read.
struct OpenSplit {
    at: usize,
    child: usize,
    in_right: bool,
}

impl Growing {
    /// Reads splits, each a feature with the codes that go left, and leaves, each the place of its value with its rows.
    pub(super) fn read(
        written: impl Iterator<Item = Result<(u32, CodeSet), (u32, u32)>>,
        count: usize,
        values: &[f64],
    ) -> Result<Growing, InvalidTrees> {
        if count == 0 {
            return Err(InvalidTrees::Empty);
        }
        if count > MAX_NODES || values.len() > MAX_NODES {
            return Err(InvalidTrees::TooManyNodes);
        }
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            return Err(InvalidTrees::NotFinite(at));
        }
        let mut growing = Growing {
            nodes: Vec::with_capacity(count),
            roots: Vec::new(),
            depths: Vec::new(),
            rows: Vec::with_capacity(count),
            pure_leaves: 0,
            asked: [0; FEATURE_COUNT],
        };
        let is_pure: Vec<bool> = values.iter().map(|value| *value == 0.0 || is_one(*value)).collect();
        let mut open: Vec<OpenSplit> = Vec::with_capacity(MAX_DEPTH + 1);
        for (number, node) in written.enumerate() {
            let here = match open.last() {
                Some(split) => split.child + usize::from(split.in_right),
                None => growing.begin_tree(),
            };
            match node {
                Ok((feature, left)) => {
                    if feature as usize >= Feature::ALL.len()
                        || left == CodeSet::EMPTY
                        || left == CodeSet::ALL
                    {
                        return Err(InvalidTrees::Split(number));
                    }
                    let child = growing.nodes.len();
                    growing.nodes[here] = Node::new(feature, left, child);
                    growing.extend(2);
                    open.push(OpenSplit { at: here, child, in_right: false });
                    if open.len() > MAX_DEPTH {
                        return Err(InvalidTrees::TooDeep(number));
                    }
                    if let Some(depth) = growing.depths.last_mut() {
                        *depth = (*depth).max(open.len() as u8);
                    }
                }
                Err((value, rows)) => {
                    let Some(is_pure) = is_pure.get(value as usize) else {
                        return Err(InvalidTrees::Value(number));
                    };
                    if rows == 0 {
                        return Err(InvalidTrees::LeafRows);
                    }
                    (growing.nodes[here], growing.rows[here]) = (Node::leaf(value, here), rows);
                    growing.pure_leaves += usize::from(*is_pure);
                    // A leaf ends every subtree whose right side it closes; the next node starts a right side.
                    while let Some(split) = open.pop_if(|split| split.in_right) {
                        let rows = growing.rows[split.child].saturating_add(growing.rows[split.child + 1]);
                        growing.rows[split.at] = rows;
                        growing.asked[growing.nodes[split.at].feature()] += u64::from(rows);
                    }
                    if let Some(split) = open.last_mut() {
                        split.in_right = true;
                    }
                }
            }
        }
        if !open.is_empty() {
            return Err(InvalidTrees::CutOff(1 + open.iter().filter(|split| !split.in_right).count()));
        }
        Ok(growing)
    }

    fn begin_tree(&mut self) -> usize {
        if self.roots.len().is_multiple_of(ABREAST) {
            self.depths.push(0);
        }
        self.roots.push(self.nodes.len() as u32);
        self.extend(1);
        self.nodes.len() - 1
    }

    /// Makes room for nodes that are read later.
    #[inline(always)]
    fn extend(&mut self, count: usize) {
        for _ in 0..count {
            self.nodes.push(Node(0));
            self.rows.push(0);
        }
    }

    pub(super) fn finish(self, values: Vec<f64>) -> Trees {
        let Growing { nodes, roots, depths, rows, pure_leaves, asked } = self;
        let mut most_asked: [u8; FEATURE_COUNT] = std::array::from_fn(|feature| feature as u8);
        most_asked.sort_by_key(|feature| std::cmp::Reverse(asked[usize::from(*feature)]));
        Trees { nodes, roots, depths, values, rows, pure_leaves, most_asked }
    }
}

impl std::fmt::Debug for Trees {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Trees({} trees, {} nodes)", self.len(), self.node_count())
    }
}
