//! Many rows through the trees of a forest at once.
//!
//! A block of rows is a bit a row. Going through a tree, the bits of a node's rows are parted by a split's codes, for all
//! rows of the block in a few instructions, and subtrees without rows are left out. They are the more, the more alike the
//! rows of a block are, so rows are sorted first, by the codes of those features that the trees ask most rows for. Most
//! leaves of a full forest are 0 or 1: the first add nothing, and the second are counted, for all rows at once as well.
//! A blend's leaves are whole numbers of [`Trees::STEP`], and its many small trees count these in the same way.

use lurelight_schema::{FEATURE_COUNT, FeatureVector};

use super::{MAX_DEPTH, Node, Trees, is_one};
use crate::processor::{Work, widest};

/// From how many rows on a block is worth its while.
pub(super) const LEAST_ROWS: usize = 128;

const WORDS: usize = 16;
const ROWS: usize = 64 * WORDS;

/// From how many rows of a word's 64 on it is quicker to add to all of its sums than to one after the other.
const DENSE: u32 = 12;

/// A bit for each row of a block.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Mask([u64; WORDS]);

impl Mask {
    const NONE: Mask = Mask([0; WORDS]);

    #[inline(always)]
    fn with(self, other: Mask, combine: impl Fn(u64, u64) -> u64) -> Mask {
        Mask(std::array::from_fn(|word| combine(self.0[word], other.0[word])))
    }

    #[inline(always)]
    fn is_none(self) -> bool {
        !self.0.iter().fold(false, |any, word| any | (*word != 0))
    }

    /// Adds a value to the sums of the rows of the mask.
    #[inline(always)]
    fn add(self, value: f64, sums: &mut [f64; ROWS]) {
        let (sums, _) = sums.as_chunks_mut::<64>();
        for (mut bits, sums) in self.0.into_iter().zip(sums) {
            if bits.count_ones() >= DENSE {
                // All of the word at a time. A sum is never −0, so adding 0 leaves it as it is.
                for (row, sum) in sums.iter_mut().enumerate() {
                    *sum += if bits >> row & 1 == 1 { value } else { 0.0 };
                }
                continue;
            }
            while bits != 0 {
                sums[bits.trailing_zeros() as usize] += value;
                bits &= bits - 1;
            }
        }
    }
}

/// For each feature and each set of codes the rows whose code is in the set.
type Planes = [[Mask; 16]; FEATURE_COUNT];

/// A whole number for each row: its binary digits, the lowest first.
#[derive(Default)]
struct Counters(Vec<Mask>);

impl Counters {
    /// Adds 1 for each of the rows.
    #[inline(always)]
    fn count(&mut self, rows: Mask) {
        self.add(&[rows]);
    }

    /// Adds a number for each row, of which the binary digits are given, the lowest first.
    #[inline(always)]
    fn add(&mut self, number: &[Mask]) {
        let mut carried = Mask::NONE;
        let mut place = 0;
        while place < number.len() || !carried.is_none() {
            if place == self.0.len() {
                self.0.push(Mask::NONE);
            }
            let added = number.get(place).copied().unwrap_or(Mask::NONE);
            let digit = &mut self.0[place];
            let differ = digit.with(added, |digit, added| digit ^ added);
            let both = digit.with(added, |digit, added| digit & added);
            *digit = differ.with(carried, |differ, carried| differ ^ carried);
            carried = both.with(differ.with(carried, |differ, carried| differ & carried), |a, b| a | b);
            place += 1;
        }
    }

    #[inline(always)]
    fn of(&self, row: usize) -> f64 {
        let digit = |(place, digit): (usize, &Mask)| (digit.0[row / 64] >> (row % 64) & 1) << place;
        self.0.iter().enumerate().map(digit).sum::<u64>() as f64
    }
}

/// [`Trees::sum`] of each row.
pub(super) fn sums(trees: &Trees, rows: &[FeatureVector]) -> Vec<f64> {
    widest(Sums { trees, rows })
}

struct Sums<'a> {
    trees: &'a Trees,
    rows: &'a [FeatureVector],
}

impl Work for Sums<'_> {
    type Output = Vec<f64>;

    #[inline(always)]
    fn run<const LANES: usize>(self) -> Vec<f64> {
        sums_in_blocks(self.trees, self.rows)
    }
}

#[inline(always)]
fn sums_in_blocks(trees: &Trees, rows: &[FeatureVector]) -> Vec<f64> {
    let mut sums = vec![0.0; rows.len()];
    let mut planes = Box::new([[Mask::NONE; 16]; FEATURE_COUNT]);
    let mut small = SmallTree::new();
    let steps = trees.steps();
    for places in alike(trees, rows).chunks(ROWS) {
        let mut block_sums = [0.0; ROWS];
        let all = fill(&mut planes, places.iter().map(|place| rows[*place as usize]));
        let (mut ones, mut counted, mut least) = (Counters::default(), Counters::default(), 0);
        let mut waiting = Vec::with_capacity(MAX_DEPTH + 1);
        for tree in trees.ranges() {
            let (root, nodes) = (tree.start, &trees.nodes[tree]);
            match &steps {
                Some(steps) if nodes.len() <= SMALL_NODES => {
                    small.part(nodes, root, all, &planes);
                    least += small.count(nodes, steps, &mut counted);
                }
                _ => ones.count(walk(trees, root, all, &planes, &mut waiting, &mut block_sums)),
            }
        }
        for (row, place) in places.iter().enumerate() {
            // Sums of whole steps are exact, so it does not matter in which order they are added. Without steps it is 0.
            let counted = (counted.of(row) + least as f64) * Trees::STEP;
            sums[*place as usize] = block_sums[row] + ones.of(row) + counted;
        }
    }
    sums
}

/// The places of the rows in an order in which those that take the same ways stand together.
fn alike(trees: &Trees, rows: &[FeatureVector]) -> Vec<u32> {
    if rows.len() <= ROWS {
        return (0..rows.len() as u32).collect();
    }
    let most_asked = most_asked(trees);
    let code = |row: &FeatureVector, feature: u8| row.bits() >> (2 * feature) & 3;
    let key = |row: &FeatureVector| most_asked.iter().fold(0, |key, feature| key << 2 | code(row, *feature));
    let mut sorted: Vec<(u64, u32)> = rows.iter().map(key).zip(0..).collect();
    sorted.sort_unstable();
    sorted.into_iter().map(|(_, place)| place).collect()
}

/// How many trees are looked at for an order of the features.
const LOOKED_AT: usize = 16;

/// The features, those first that most rows of the first trees' own samples are asked for.
fn most_asked(trees: &Trees) -> [u8; FEATURE_COUNT] {
    let end = trees.roots().nth(LOOKED_AT).unwrap_or(trees.nodes.len());
    let nodes = &trees.nodes[..end];
    let mut rows: Vec<u64> = trees.rows().take(end).map(u64::from).collect();
    let mut asked = [0; FEATURE_COUNT];
    // Children stand behind their parents.
    for (at, node) in nodes.iter().enumerate().rev().filter(|(_, node)| !node.is_leaf()) {
        let [left, right] = trees.children(at);
        rows[at] = rows[left] + rows[right];
        asked[node.feature()] += rows[at];
    }
    let mut features = std::array::from_fn(|feature| feature as u8);
    features.sort_by_key(|feature| std::cmp::Reverse(asked[usize::from(*feature)]));
    features
}

/// Sets the planes of these rows, and returns the mask of all of them.
#[inline(always)]
fn fill(planes: &mut Planes, rows: impl Iterator<Item = FeatureVector>) -> Mask {
    let mut all = Mask::NONE;
    planes.as_flattened_mut().fill(Mask::NONE);
    for (row, vector) in rows.enumerate() {
        let (word, bit) = (row / 64, 1 << (row % 64));
        let mut bits = vector.bits();
        for plane in planes.iter_mut() {
            plane[1 << (bits & 3)].0[word] |= bit;
            bits >>= 2;
        }
        all.0[word] |= bit;
    }
    for plane in planes {
        for codes in 3_usize..16 {
            // Its lowest code, and the others, whose plane is there already.
            let rest = codes & (codes - 1);
            if rest != 0 {
                plane[codes] = plane[rest].with(plane[codes ^ rest], |rest, lowest| rest | lowest);
            }
        }
    }
    all
}

/// Adds what leaves other than 1 are to the sums of their rows, and returns the rows that reach a leaf that is 1.
#[inline(always)]
fn walk(
    trees: &Trees,
    root: usize,
    all: Mask,
    planes: &Planes,
    waiting: &mut Vec<(usize, Mask)>,
    sums: &mut [f64; ROWS],
) -> Mask {
    let mut ones = Mask::NONE;
    waiting.push((root, all));
    while let Some((mut at, mut rows)) = waiting.pop() {
        loop {
            let node = trees.nodes[at];
            if node.is_leaf() {
                let value = trees.values[node.value()];
                if is_one(value) {
                    ones = ones.with(rows, |ones, rows| ones | rows);
                } else if value != 0.0 {
                    rows.add(value, sums);
                }
                break;
            }
            let plane = &planes[node.feature()][node.right()];
            let right = rows.with(*plane, |row, plane| row & plane);
            let left = rows.with(*plane, |row, plane| row & !plane);
            let child = node.child();
            // One of the two has rows, because this node has some. Which one is hard to guess, so nothing depends on it.
            let (no_left, no_right) = (left.is_none(), right.is_none());
            let len = waiting.len();
            waiting.push((child + 1, right));
            waiting.truncate(len + usize::from(!no_left && !no_right));
            at = child + usize::from(no_left);
            rows = if no_left { right } else { left };
        }
    }
    ones
}

/// The most nodes of a tree of which each gets its rows, also where these are none: which nodes are leaves or without rows
/// is hard for a processor to guess, and here nothing depends on it.
const SMALL_NODES: usize = 128;

/// The binary digits of how many steps a leaf is above the least one: two numbers of 16 bits differ by no more.
const DIGITS: usize = 16;

/// A small tree, with the rows of a block in each node.
struct SmallTree {
    rows: Box<[Mask; SMALL_NODES]>,
    splits: Places,
    leaves: Places,
}

/// Places of nodes in a small tree, 0 being its root.
struct Places {
    places: [u8; SMALL_NODES],
    len: usize,
}

impl Places {
    /// Keeps a place, or lets the next one overwrite it.
    #[inline(always)]
    fn push_if(&mut self, keep: bool, place: usize) {
        self.places[self.len] = place as u8;
        self.len += usize::from(keep);
    }

    #[inline(always)]
    fn iter(&self) -> impl Iterator<Item = usize> {
        self.places[..self.len].iter().map(|place| usize::from(*place))
    }
}

impl SmallTree {
    fn new() -> SmallTree {
        let none = || Places { places: [0; SMALL_NODES], len: 0 };
        SmallTree { rows: Box::new([Mask::NONE; SMALL_NODES]), splits: none(), leaves: none() }
    }

    /// Parts the rows of a block; the nodes of the tree begin at `root` among those of all trees.
    #[inline(always)]
    fn part(&mut self, nodes: &[Node], root: usize, all: Mask, planes: &Planes) {
        (self.splits.len, self.leaves.len) = (0, 0);
        for (place, node) in nodes.iter().enumerate() {
            self.splits.push_if(!node.is_leaf(), place);
            self.leaves.push_if(node.is_leaf(), place);
        }
        self.rows[0] = all;
        // Children stand behind their parents.
        for place in self.splits.iter() {
            let (node, rows) = (nodes[place], self.rows[place]);
            let plane = &planes[node.feature()][node.right()];
            let child = node.child() - root;
            self.rows[child] = rows.with(*plane, |row, plane| row & !plane);
            self.rows[child + 1] = rows.with(*plane, |row, plane| row & plane);
        }
    }

    /// Counts how many steps above the least leaf each row's leaf is, and returns the steps of that one.
    #[inline(always)]
    fn count(&self, nodes: &[Node], steps: &[i16], counters: &mut Counters) -> i64 {
        let steps = |place: usize| i32::from(steps[nodes[place].value()]);
        let least = self.leaves.iter().map(steps).min().unwrap_or(0);
        let mut digits = [Mask::NONE; DIGITS];
        let mut highest = 0;
        for place in self.leaves.iter() {
            let rows = self.rows[place];
            let mut number = (steps(place) - least) as u32;
            highest |= number;
            while number != 0 {
                let digit = &mut digits[number.trailing_zeros() as usize];
                *digit = digit.with(rows, |digit, row| digit | row);
                number &= number - 1;
            }
        }
        counters.add(&digits[..(u32::BITS - highest.leading_zeros()) as usize]);
        i64::from(least)
    }
}
