//! Growing one tree of a forest: a few features are drawn for each split, and only these are counted.
//!
//! Rows are moved at each split, so that those of a node lie side by side, until they are so few that they are told by
//! bits instead.

use lurelight_model::{TreeNode, Work, widest};
use lurelight_schema::FEATURE_COUNT;
use rand::Rng;

use crate::best_split::{ABREAST, Objective, Search};
use crate::drawn::{AT_ONCE, Countable, Drawn, LOW, Picked, by_low_bit};
use crate::grow::{keep, leaf, part};
use crate::grow_few::{FEW, Scratch, grow_few};
use crate::histogram::{self, Counts, Sample, Weight};
use crate::limits::Limits;

/// Grows a tree on packed rows and returns it in preorder; depth-first, whatever the limit on leaves. The rows are
/// overwritten: at each depth they move to the other of the two, which are as long. No two of them are equal.
pub(crate) fn grow_drawn<O: Objective<Weight = Counts>>(
    rows: &mut [Vec<Sample<Counts>>; 2],
    objective: &O,
    limits: &Limits,
    rng: &mut impl Rng,
) -> Vec<TreeNode> {
    widest(Growing { rows, objective, limits, rng, few: FEW, scratch: &mut Scratch::default() })
}

/// A tree that is to be grown.
struct Growing<'a, O, R> {
    rows: &'a mut [Vec<Sample<Counts>>; 2],
    objective: &'a O,
    limits: &'a Limits,
    rng: &'a mut R,
    /// From how many rows down a subtree is grown on bit masks.
    few: usize,
    scratch: &'a mut Scratch,
}

impl<O: Objective<Weight = Counts>, R: Rng> Work for Growing<'_, O, R> {
    type Output = Vec<TreeNode>;

    #[inline(always)]
    fn run<const LANES: usize>(self) -> Vec<TreeNode> {
        grow::<O, R, LANES>(self)
    }
}

#[inline(always)]
fn grow<O: Objective<Weight = Counts>, R: Rng, const LANES: usize>(
    Growing { rows, objective, limits, rng, few, scratch }: Growing<'_, O, R>,
) -> Vec<TreeNode> {
    let [even, odd] = rows;
    // As long as the samples: what it holds is written before it is read.
    odd.resize(even.len(), Sample { number: 0, weight: Counts::default() });
    let mut drawn = Drawn::new(rng);
    let total = even.iter().fold(Counts::default(), |sum, sample| sum.plus(sample.weight));
    let may_miss = even.iter().any(|sample| sample.number & sample.number >> 1 & LOW != 0);
    let mut nodes = Vec::with_capacity(even.len() / 2);
    // What is still to be grown: the rows of a subtree, its depth and the sums.
    let mut waiting = vec![(0, even.len(), 0, total)];
    while let Some((start, end, depth, total)) = waiting.pop() {
        let (from, to) = if depth % 2 == 0 { (&mut *even, &mut *odd) } else { (&mut *odd, &mut *even) };
        let rows = &from[start..end];
        if !rows.is_empty() && rows.len() <= few {
            grow_few(rows, (depth, total), objective, limits, &mut drawn, scratch, &mut nodes);
            continue;
        }
        let mut best = None;
        if rows.len() > 1
            && let Some(mut search) = Search::new(objective, limits, objective.sums(total), depth)
        {
            let count = limits.max_features.unwrap_or(FEATURE_COUNT);
            drawn.try_features(count, &mut Many::<LANES> { rows, total, may_miss }, &mut search);
            best = search.best;
        }
        let Some(best) = best else {
            nodes.push(leaf(objective, total));
            continue;
        };
        nodes.push(TreeNode::Split(best.split));
        if limits.ends_below(depth) {
            nodes.extend([leaf(objective, best.left), leaf(objective, best.right)]);
            continue;
        }
        let shift = 2 * best.split.feature.index() as u32;
        let left = u64::from(best.split.left.bits());
        let goes_left = |sample: &Sample<Counts>| left >> (sample.number >> shift & 3) & 1 == 1;
        let ends = |total| Search::new(objective, limits, objective.sums(total), depth + 1).is_none();
        let to = &mut to[start..end];
        // A leaf needs no rows, only their sums.
        let (middle, end) = match (ends(best.left), ends(best.right)) {
            (true, true) => (start, start),
            (true, false) => (start, start + keep(rows, to, |sample| !goes_left(sample))),
            (false, true) => {
                let end = start + keep(rows, to, goes_left);
                (end, end)
            }
            (false, false) => (start + part(rows, to, goes_left), end),
        };
        // The right subtree waits for the whole left one, as preorder has it.
        waiting.push((middle, end, depth + 1, best.right));
        waiting.push((start, middle, depth + 1, best.left));
    }
    nodes
}

/// A node's rows, packed.
struct Many<'a, const LANES: usize> {
    rows: &'a [Sample<Counts>],
    total: Counts,
    /// Whether a row of the tree misses a value.
    may_miss: bool,
}

impl<const LANES: usize> Countable for Many<'_, LANES> {
    #[inline(always)]
    fn varying(&self) -> u64 {
        let bits = |(any, all), sample: &Sample<Counts>| (any | sample.number, all & sample.number);
        let (any, all) = self.rows.iter().fold((0, u64::MAX), bits);
        by_low_bit(any & !all)
    }

    #[inline(always)]
    fn try_all<O: Objective<Weight = Counts>>(&mut self, picked: &Picked, search: &mut Search<'_, O>) {
        let [first, ..] = picked.features;
        if picked.len == 1 {
            let [histogram] = histogram::of::<1, LANES>(self.rows, [first], self.may_miss);
            search.try_feature(first, &histogram);
            return;
        }
        let histograms = histogram::of::<AT_ONCE, LANES>(self.rows, picked.features, self.may_miss);
        if self.may_miss || !search.is_ordered() {
            for (feature, histogram) in picked.meant().iter().zip(&histograms) {
                search.try_feature(*feature, histogram);
            }
            return;
        }
        let mut lefts = [Counts::default(); 2 * ABREAST];
        for (nth, [minus, zero, ..]) in histograms.into_iter().enumerate().take(picked.len) {
            (lefts[nth], lefts[nth + ABREAST]) = (minus, minus.plus(zero));
        }
        search.try_at_once(&picked.features, self.total, &lefts);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use lurelight_model::Trees;
    use lurelight_schema::FeatureVector;
    use proptest::prelude::*;

    use super::*;
    use crate::Splits;
    use crate::decision_tree::{Entropy, Gini};
    use crate::random::stream;

    const FREE: Limits = Limits { max_features: Some(5), ..Limits::FREE };

    proptest! {
        #[test]
        fn a_leaf_is_the_share_of_its_rows(
            rows in prop::collection::btree_map(0..1u64 << 16, (0..3u32, 0..3u32), 1..80),
            seed in any::<u64>(), least in 1..5u8, depth in prop::option::of(1..9usize), drawn in 1..31usize,
        ) {
            let rows: Vec<_> = rows.into_iter().filter(|(_, (p, l))| p + l > 0).collect();
            prop_assume!(!rows.is_empty());
            let sample = |&(bits, (p, l)): &(u64, (u32, u32))| Sample { number: bits, weight: Counts::new(p, l) };
            let mut samples = [rows.iter().map(sample).collect(), Vec::new()];
            let least = f64::from(least);
            let limits = Limits { max_depth: depth, min_samples_leaf: least, max_features: Some(drawn), ..FREE };
            let nodes = grow_drawn(&mut samples, &Gini, &limits, &mut stream(seed, &[]));
            let leaves = nodes.iter().filter_map(|node| if let TreeNode::Leaf(leaf) = node { Some(leaf.rows) } else { None });
            prop_assert_eq!(leaves.clone().sum::<u32>(), rows.iter().map(|(_, (p, l))| p + l).sum::<u32>());
            prop_assert!(nodes.len() == 1 || leaves.clone().all(|rows| f64::from(rows) >= least));
            let tree = Trees::new(&[nodes]).unwrap();
            let reached = |bits| tree.sum(FeatureVector::from_bits(bits).unwrap());
            for (bits, (p, l)) in &rows {
                let value = reached(*bits);
                prop_assert!(depth.is_some() || least > 1.0 || value == f64::from(*p) / f64::from(p + l)
                    // Two vectors of equal shares need no split.
                    || rows.iter().any(|(other, _)| other != bits && reached(*other) == value));
            }
        }
    }

    /// The same tree, grown on bit masks from any number of rows down, and with narrow instructions.
    fn grown(
        rows: &[Sample<Counts>],
        limits: &Limits,
        objective: &impl Objective<Weight = Counts>,
        seed: u64,
    ) -> [Vec<TreeNode>; 4] {
        [(0, true), (9, true), (FEW, true), (FEW, false)].map(|(few, wide)| {
            let (rows, rng) = (&mut [rows.to_vec(), Vec::new()], &mut stream(seed, &[]));
            let work = Growing { rows, objective, limits, rng, few, scratch: &mut Scratch::default() };
            if wide { widest(work) } else { work.run::<2>() }
        })
    }

    proptest! {
        #[test]
        fn few_rows_grow_as_many_do(
            rows in prop::collection::vec((any::<(u64, u64)>(), 0..3u32, 0..3u32, 0..20u32), 1..200),
            (kept, may_miss, seed) in any::<(u64, bool, u64)>(), sets: bool,
            least in 1..5u8, depth in prop::option::of(1..9usize), drawn in prop::option::of(1..31usize),
            min_gain in prop_oneof![Just(0.0), 0.0..3.0f64],
        ) {
            let mut distinct = BTreeMap::new();
            for ((one, other), phishing, legitimate, power) in rows {
                let bits = one & other & kept & (3 * LOW);
                let number = if may_miss { bits } else { bits & !(bits >> 1 & LOW) };
                distinct.entry(number).or_insert(Counts::new(phishing << power, legitimate << (power / 2)));
            }
            distinct.retain(|_, weight| !weight.is_none());
            prop_assume!(!distinct.is_empty());
            let rows: Vec<_> = distinct.into_iter().map(|(number, weight)| Sample { number, weight }).collect();
            let splits = if sets { Splits::CodeSets } else { Splits::Ordered };
            let min_samples_leaf = f64::from(least);
            let limits = Limits {
                max_depth: depth, min_samples_leaf, max_features: drawn, min_gain, splits, ..Limits::FREE
            };
            for [many, others @ ..] in [grown(&rows, &limits, &Gini, seed), grown(&rows, &limits, &Entropy, seed)] {
                prop_assert!(others.iter().all(|other| *other == many));
            }
        }
    }

    /// Whatever is drawn first, a tree of distinct rows with different labels ends in pure leaves.
    #[test]
    fn drawing_goes_on_until_a_feature_can_be_split() {
        for seed in 0..200 {
            let row = |bits, phishing| Sample { number: bits, weight: Counts::new(phishing, 1 - phishing) };
            let samples = vec![row(0, 0), row(2 << 40, 1), row(2 << 4, 1), row(2 << 40 | 2 << 4, 1)];
            let mut samples = [samples, Vec::new()];
            let nodes = grow_drawn(&mut samples, &Gini, &FREE, &mut stream(seed, &[]));
            let tree = Trees::new(&[nodes]).unwrap();
            for (bits, phishing) in [(0, 0.0), (2 << 40, 1.0), (2 << 4, 1.0), (2 << 40 | 2 << 4, 1.0)] {
                assert_eq!(tree.sum(FeatureVector::from_bits(bits).unwrap()), phishing);
            }
        }
    }
}
