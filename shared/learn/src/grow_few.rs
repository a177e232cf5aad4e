//! Growing a subtree of few rows on bit masks.
//!
//! Most nodes of a full tree stand below one that has no more rows than a number has bits. There the rows are turned
//! round once: a number for each bit of the features, and one for each bit of the counts, in which each row has a bit.
//! Then a node is the set of its rows, a split two such sets, and a set is counted by counting bits: no row is moved, and
//! the splits of all features drawn are tried side by side.

use lurelight_model::{Split, TreeNode};
use lurelight_schema::{FEATURE_COUNT, Feature};
use rand::Rng;

use crate::best_split::{ABREAST, Objective, Search};
use crate::drawn::{Countable, Drawn, Picked, by_low_bit};
use crate::grow::leaf;
use crate::histogram::{Counts, Sample};
use crate::limits::Limits;

/// The most rows that are told by bits.
pub(crate) const FEW: usize = u64::BITS as usize;

/// What is made once a tree.
#[derive(Default)]
pub(crate) struct Scratch {
    /// The rows that go left in the splits that are tried side by side. A place for them that is not made anew for each
    /// node keeps a compiler from taking apart what it knows to be nothing.
    lefts: [u64; 2 * ABREAST],
    /// The right subtrees that are still to be grown.
    waiting: Vec<Node>,
}

/// Distinct rows, by bits.
struct Rows<'a> {
    samples: &'a [Sample<Counts>],
    /// For each bit of a packed number the rows that have it.
    numbers: [u64; FEW],
    /// The same for their counts.
    counts: [u64; FEW],
    /// How many bits the largest count has.
    count_bits: usize,
}

/// A node that is to be grown.
#[derive(Clone, Copy)]
struct Node {
    rows: u64,
    depth: usize,
    total: Counts,
}

/// Adds the subtree of distinct rows, [`FEW`] at most, to the nodes, in preorder.
#[inline(always)]
pub(crate) fn grow_few<O: Objective<Weight = Counts>, R: Rng>(
    samples: &[Sample<Counts>],
    (depth, total): (usize, Counts),
    objective: &O,
    limits: &Limits,
    drawn: &mut Drawn<'_, R>,
    Scratch { lefts, waiting }: &mut Scratch,
    nodes: &mut Vec<TreeNode>,
) {
    let rows = Rows::new(samples);
    let all = u64::MAX.checked_shr((FEW - samples.len()) as u32).unwrap_or(0);
    let mut node = Node { rows: all, depth, total };
    loop {
        // The right subtree waits for the whole left one, as preorder has it.
        if let Some([left, right]) = rows.split(&node, objective, limits, drawn, lefts, nodes) {
            waiting.push(right);
            node = left;
            continue;
        }
        let Some(next) = waiting.pop() else { return };
        node = next;
    }
}

impl<'a> Rows<'a> {
    #[inline(always)]
    fn new(samples: &'a [Sample<Counts>]) -> Rows<'a> {
        let (mut numbers, mut counts) = ([0; FEW], [0; FEW]);
        for (sample, (number, count)) in samples.iter().zip(numbers.iter_mut().zip(&mut counts)) {
            (*number, *count) = (sample.number, sample.weight.bits());
        }
        let largest = counts.iter().fold(0, |any, count| any | *count as u32);
        transpose(&mut numbers);
        transpose(&mut counts);
        Rows { samples, numbers, counts, count_bits: (u32::BITS - largest.leading_zeros()) as usize }
    }

    /// Writes a node down, and returns its children where they are still to be grown.
    #[inline(always)]
    fn split<O: Objective<Weight = Counts>, R: Rng>(
        &self,
        node: &Node,
        objective: &O,
        limits: &Limits,
        drawn: &mut Drawn<'_, R>,
        lefts: &mut [u64; 2 * ABREAST],
        nodes: &mut Vec<TreeNode>,
    ) -> Option<[Node; 2]> {
        let mut best = None;
        // What has one label is known to be a leaf before its loss is.
        if node.rows.count_ones() > 1
            && !node.total.is_pure()
            && let Some(mut search) = Search::new(objective, limits, objective.sums(node.total), node.depth)
        {
            let count = limits.max_features.unwrap_or(FEATURE_COUNT);
            if node.rows.count_ones() == 2 {
                let at = [node.rows.trailing_zeros(), u64::BITS - 1 - node.rows.leading_zeros()];
                drawn.try_features(count, &mut Pair(at.map(|at| self.samples[at as usize])), &mut search);
            } else {
                drawn.try_features(count, &mut Few { all: self, node, lefts }, &mut search);
            }
            best = search.best;
        }
        let Some(best) = best else {
            nodes.push(leaf(objective, node.total));
            return None;
        };
        nodes.push(TreeNode::Split(best.split));
        if limits.ends_below(node.depth) {
            nodes.extend([leaf(objective, best.left), leaf(objective, best.right)]);
            return None;
        }
        let left = self.left_of(best.split);
        let child = |rows, total| Node { rows, depth: node.depth + 1, total };
        Some([child(node.rows & left, best.left), child(node.rows & !left, best.right)])
    }

    /// Tries the splits of one feature after the other, missing values or not.
    fn try_each<O: Objective<Weight = Counts>>(
        &self,
        node: &Node,
        features: &[Feature],
        search: &mut Search<'_, O>,
    ) {
        for feature in features {
            let sets = std::array::from_fn(|code| node.rows & self.with(*feature, code));
            search.try_feature(*feature, &self.count_all::<4>(&sets));
        }
    }

    /// The sums of several sets of rows.
    #[inline(always)]
    fn count_all<const SETS: usize>(&self, sets: &[u64; SETS]) -> [Counts; SETS] {
        let mut sums = [0_u64; SETS];
        let (rows, phishing) = self.counts.split_at(FEW / 2);
        for (bit, (rows, phishing)) in rows.iter().zip(phishing).enumerate().take(self.count_bits) {
            for (sum, set) in sums.iter_mut().zip(sets) {
                let (rows, phishing) = ((set & rows).count_ones(), (set & phishing).count_ones());
                *sum += (u64::from(phishing) << 32 | u64::from(rows)) << bit;
            }
        }
        sums.map(Counts::from_bits)
    }

    /// The low and the high bit of a feature's code.
    #[inline(always)]
    fn bits(&self, feature: Feature) -> [u64; 2] {
        self.numbers.as_chunks().0[feature.index()]
    }

    /// The rows that a split sends left.
    #[inline(always)]
    fn left_of(&self, Split { feature, left }: Split) -> u64 {
        let is_in = |code: usize| (u64::from(left.bits()) >> code & 1).wrapping_neg();
        (0..4).fold(0, |rows, code| rows | self.with(feature, code) & is_in(code))
    }

    /// The rows that have a code.
    #[inline(always)]
    fn with(&self, feature: Feature, code: usize) -> u64 {
        let [low, high] = self.bits(feature);
        (if code & 1 == 0 { !low } else { low }) & (if code & 2 == 0 { !high } else { high })
    }
}

/// A node's rows among all.
struct Few<'a> {
    all: &'a Rows<'a>,
    node: &'a Node,
    lefts: &'a mut [u64; 2 * ABREAST],
}

impl Countable for Few<'_> {
    #[inline(always)]
    fn varying(&self) -> u64 {
        let mut differing = 0;
        for (bit, with) in self.all.numbers.iter().enumerate().take(2 * FEATURE_COUNT) {
            let with = with & self.node.rows;
            differing |= if with != 0 && with != self.node.rows { 1 << bit } else { 0 };
        }
        by_low_bit(differing)
    }

    #[inline(always)]
    fn try_all<O: Objective<Weight = Counts>>(&mut self, picked: &Picked, search: &mut Search<'_, O>) {
        let mut missing = 0;
        for (nth, feature) in picked.features.iter().enumerate() {
            let [low, high] = self.all.bits(*feature);
            let rows = if nth < picked.len { self.node.rows } else { 0 };
            (self.lefts[nth], self.lefts[nth + ABREAST]) = (rows & !(low | high), rows & !high);
            missing |= low & high & rows;
        }
        if missing == 0 && search.is_ordered() {
            search.try_at_once(&picked.features, self.node.total, &self.all.count_all(self.lefts));
        } else {
            self.all.try_each(self.node, picked.meant(), search);
        }
    }
}

/// Two distinct rows: each feature that varies parts them alike, so that the first one drawn is as good as any.
struct Pair([Sample<Counts>; 2]);

impl Countable for Pair {
    #[inline(always)]
    fn varying(&self) -> u64 {
        let [one, other] = self.0.map(|row| row.number);
        by_low_bit(one ^ other)
    }

    #[inline(always)]
    fn try_all<O: Objective<Weight = Counts>>(&mut self, picked: &Picked, search: &mut Search<'_, O>) {
        let varying = self.varying();
        let varies = |feature: Feature| varying >> (2 * feature.index()) & 1 == 1;
        let mut first = None;
        for (nth, feature) in picked.features.iter().enumerate().rev() {
            first = if nth < picked.len && varies(*feature) { Some(*feature) } else { first };
        }
        if let Some(feature) = first {
            let mut histogram = [Counts::default(); 4];
            for row in &self.0 {
                histogram[(row.number >> (2 * feature.index()) & 3) as usize] = row.weight;
            }
            search.try_feature(feature, &histogram);
        }
    }
}

/// Bit j of number i becomes bit i of number j (Hacker's Delight, 7-3): the blocks beside the diagonal change places, then
/// those within each block.
#[inline(always)]
fn transpose(numbers: &mut [u64; FEW]) {
    swap_blocks::<64, 32>(numbers, 0x0000_0000_ffff_ffff);
    swap_blocks::<32, 16>(numbers, 0x0000_ffff_0000_ffff);
    swap_blocks::<16, 8>(numbers, 0x00ff_00ff_00ff_00ff);
    swap_blocks::<8, 4>(numbers, 0x0f0f_0f0f_0f0f_0f0f);
    swap_blocks::<4, 2>(numbers, 0x3333_3333_3333_3333);
    swap_blocks::<2, 1>(numbers, 0x5555_5555_5555_5555);
}

#[inline(always)]
fn swap_blocks<const TWICE: usize, const WIDTH: usize>(numbers: &mut [u64; FEW], mask: u64) {
    for block in numbers.as_chunks_mut::<TWICE>().0 {
        let (upper, lower) = block.split_at_mut(WIDTH);
        for (upper, lower) in upper.iter_mut().zip(lower) {
            let differ = (*upper >> WIDTH ^ *lower) & mask;
            *upper ^= differ << WIDTH;
            *lower ^= differ;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bits_change_places_with_numbers(numbers in prop::array::uniform32(any::<[u64; 2]>())) {
            let before: [u64; FEW] = std::array::from_fn(|at| numbers[at / 2][at % 2]);
            let mut after = before;
            transpose(&mut after);
            for (i, number) in after.into_iter().enumerate() {
                for (j, other) in before.into_iter().enumerate() {
                    prop_assert_eq!(number >> j & 1, other >> i & 1);
                }
            }
        }
    }
}
