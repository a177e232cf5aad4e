//! Growing one tree of a forest: a few features are drawn for each split, and only these are counted.
//!
//! Most nodes of a full tree have a handful of rows, in which most features have one code. Such features cannot be split,
//! and are not counted.

use lurelight_model::{TreeNode, Work, widest};
use lurelight_schema::{FEATURE_COUNT, Feature};
use rand::Rng;

use crate::best_split::{Objective, Search};
use crate::grow::{keep, leaf, part};
use crate::histogram::{self, Counts, Sample, Weight};
use crate::limits::Limits;

/// How many features are counted in one pass.
const AT_ONCE: usize = 5;

/// The low bit of each of the 30 features.
const LOW: u64 = 0x0555_5555_5555_5555;

/// Grows a tree on packed rows and returns it in preorder; depth-first, whatever the limit on leaves. The rows are
/// overwritten: at each depth they move to the other of the two, which are as long.
pub(crate) fn grow_drawn<O: Objective<Weight = Counts>>(
    rows: &mut [Vec<Sample<Counts>>; 2],
    objective: &O,
    limits: &Limits,
    rng: &mut impl Rng,
) -> Vec<TreeNode> {
    widest(Growing { rows, objective, limits, rng })
}

/// A tree that is to be grown.
struct Growing<'a, O, R> {
    rows: &'a mut [Vec<Sample<Counts>>; 2],
    objective: &'a O,
    limits: &'a Limits,
    rng: &'a mut R,
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
    Growing { rows, objective, limits, rng }: Growing<'_, O, R>,
) -> Vec<TreeNode> {
    let [even, odd] = rows;
    // As long as the samples: what it holds is written before it is read.
    odd.resize(even.len(), Sample { number: 0, weight: Counts::default() });
    let mut drawn = Drawn { features: Feature::ALL, rng };
    let total = even.iter().fold(Counts::default(), |sum, sample| sum.plus(sample.weight));
    let mut nodes = Vec::with_capacity(even.len() / 2);
    // What is still to be grown: the rows of a subtree, its depth and the sums.
    let mut waiting = vec![(0, even.len(), 0, total)];
    while let Some((start, end, depth, total)) = waiting.pop() {
        let (from, to) = if depth % 2 == 0 { (&mut *even, &mut *odd) } else { (&mut *odd, &mut *even) };
        let rows = &from[start..end];
        let search = Search::new(objective, limits, objective.sums(total), depth);
        let best = search.and_then(|mut search| {
            drawn.try_features::<O, LANES>(
                limits.max_features.unwrap_or(FEATURE_COUNT),
                varying(rows),
                rows,
                &mut search,
            );
            search.best
        });
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
        let left = u32::from(best.split.left.bits());
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

/// The features that have more than one code among the rows, each by its low bit.
#[inline(always)]
fn varying(rows: &[Sample<Counts>]) -> u64 {
    let (any, all) =
        rows.iter().fold((0, u64::MAX), |(any, all), sample| (any | sample.number, all & sample.number));
    let differing = any & !all;
    (differing | differing >> 1) & LOW
}

/// Features in random order. What one node has drawn is where the next one begins to shuffle.
struct Drawn<'a, R> {
    features: [Feature; FEATURE_COUNT],
    rng: &'a mut R,
}

impl<R: Rng> Drawn<'_, R> {
    /// Tries `count` features drawn without replacement, and goes on drawing until one can be split.
    #[inline(always)]
    fn try_features<O: Objective<Weight = Counts>, const LANES: usize>(
        &mut self,
        count: usize,
        varying: u64,
        rows: &[Sample<Counts>],
        search: &mut Search<'_, O>,
    ) {
        let (count, mut left) = (count.min(FEATURE_COUNT), varying);
        let mut place = 0;
        while place < count && left != 0 {
            let mut chosen = [self.features[0]; AT_ONCE];
            let mut len = 0;
            let until = count.min(place + AT_ONCE);
            // The digits of one random number, of bases 30, 29, …, draw five features.
            let mut random = self.rng.next_u64();
            for place in place..until {
                let scaled = u128::from(random) * (FEATURE_COUNT - place) as u128;
                random = scaled as u64;
                self.features.swap(place, place + (scaled >> 64) as usize);
                let feature = self.features[place];
                let bit = 1 << (2 * feature.index());
                chosen[len] = feature;
                len += usize::from(varying & bit != 0);
                left &= !bit;
            }
            place = until;
            try_all::<O, LANES>(&chosen[..len], rows, search);
        }
        // Going on to draw meets those that vary in an order in which each may be the next.
        while search.best.is_none() && left != 0 {
            let nth = (u64::from(self.rng.next_u32()) * u64::from(left.count_ones())) >> 32;
            let bit = (0..nth).fold(left, |rest, _| rest & (rest - 1)).trailing_zeros();
            left &= !(1 << bit);
            try_all::<O, LANES>(&[Feature::ALL[bit as usize / 2]], rows, search);
        }
    }
}

#[inline(always)]
fn try_all<O: Objective<Weight = Counts>, const LANES: usize>(
    features: &[Feature],
    rows: &[Sample<Counts>],
    search: &mut Search<'_, O>,
) {
    for (feature, histogram) in features.iter().zip(&histogram::of::<AT_ONCE, LANES>(rows, features)) {
        search.try_feature(*feature, histogram);
    }
}

#[cfg(test)]
mod tests {
    use lurelight_model::Trees;
    use lurelight_schema::FeatureVector;
    use proptest::prelude::*;

    use super::*;
    use crate::decision_tree::Gini;
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
