//! Growing one tree on weighted distinct rows, by counting all features of each node.
//!
//! The larger of two children is not counted: its sums are those of the node less those of the smaller one. Rows are
//! parted by node, so that those of a node lie side by side.

use lurelight_model::{Leaf, Split, TreeNode};
use lurelight_schema::{FEATURE_COUNT, Feature};
use rand::{Rng, RngExt};

use crate::best_split::{Best, Objective, Search};
use crate::fields::Fields;
use crate::histogram::{self, Counter, Histograms, Sample, Weight};
use crate::limits::Limits;

/// Grows trees on rows that are told in the same fields.
pub(crate) struct Grower<'a, O: Objective> {
    counter: Counter<'a, O::Weight>,
    fields: &'a Fields,
    limits: Limits,
    /// The rows, by turns of depth.
    rows: [Vec<Sample<O::Weight>>; 2],
    nodes: Vec<Node<O::Weight>>,
}

/// A node and what became of it.
enum Node<W> {
    /// It has rows, and may be split.
    Open(Box<Open<W>>),
    Leaf(W),
    /// With the place of the left child, next to which the right one is.
    Split(Split, usize),
}

struct Open<W> {
    start: usize,
    end: usize,
    depth: usize,
    counted: Histograms<W>,
    best: Best<W>,
}

impl<'a, O: Objective> Grower<'a, O> {
    pub(crate) fn new(fields: &'a Fields, limits: Limits) -> Grower<'a, O> {
        Grower {
            counter: Counter::new(fields),
            fields,
            limits,
            rows: [Vec::new(), Vec::new()],
            nodes: Vec::new(),
        }
    }

    /// Where the rows of the next tree are put.
    pub(crate) fn samples(&mut self) -> &mut Vec<Sample<O::Weight>> {
        &mut self.rows[0]
    }

    /// Grows a tree on the samples and returns it in preorder. Every split takes a code away from one feature on each
    /// side, so the depth is 90 at most.
    pub(crate) fn grow(&mut self, objective: &O, rng: &mut impl Rng) -> Vec<TreeNode> {
        let [samples, others] = &mut self.rows;
        // As long as the samples: what it holds is written before it is read.
        others.resize(samples.len(), Sample { number: 0, weight: O::Weight::default() });
        let total = samples.iter().fold(O::Weight::default(), |sum, sample| sum.plus(sample.weight));
        let end = samples.len();
        self.nodes.clear();
        let root = self.node(objective, rng, (0, end, 0, total), None);
        self.nodes.push(root);
        // Without a limit on leaves the order does not matter, and the newest node has its rows at hand.
        let mut open = Vec::new();
        self.open_from(0, &mut open);
        let mut leaves = 1;
        while leaves < self.limits.max_leaves.unwrap_or(usize::MAX) {
            let next = if self.limits.max_leaves.is_some() {
                self.most_gain(&open)
            } else {
                open.len().checked_sub(1)
            };
            let Some(next) = next else { break };
            let at = open.swap_remove(next);
            let children = self.nodes.len();
            let Some(node) = self.take_open(at, children) else { continue };
            let [left, right] = self.part(objective, rng, node);
            self.nodes.extend([left, right]);
            self.open_from(children, &mut open);
            leaves += 1;
        }
        self.preorder(objective)
    }

    /// The open node at a place, which becomes a split with its children at another one.
    fn take_open(&mut self, at: usize, children: usize) -> Option<Open<O::Weight>> {
        let Node::Open(node) = &self.nodes[at] else { return None };
        let split = Node::Split(node.best.split, children);
        match std::mem::replace(&mut self.nodes[at], split) {
            Node::Open(node) => Some(*node),
            _ => None,
        }
    }

    /// Adds the newest nodes that can be split to the open ones, the last one first.
    fn open_from(&self, first: usize, open: &mut Vec<usize>) {
        let new = (first..self.nodes.len()).rev();
        open.extend(new.filter(|at| matches!(self.nodes[*at], Node::Open(_))));
    }

    /// The place in `open` of the node whose split gains most; of equals the one that was made first.
    fn most_gain(&self, open: &[usize]) -> Option<usize> {
        let gain = |at: usize| match &self.nodes[at] {
            Node::Open(node) => node.best.gain,
            _ => f64::NEG_INFINITY,
        };
        let best =
            open.iter().enumerate().max_by(|(_, a), (_, b)| gain(**a).total_cmp(&gain(**b)).then(b.cmp(a)));
        best.map(|(place, _)| place)
    }

    /// A node of these rows at this depth: open where it can be split.
    fn node(
        &mut self,
        objective: &O,
        rng: &mut impl Rng,
        (start, end, depth, total): (usize, usize, usize, O::Weight),
        counted: Option<Histograms<O::Weight>>,
    ) -> Node<O::Weight> {
        let search = Search::new(objective, &self.limits, objective.sums(total), depth);
        let Some(mut search) = search.filter(|_| end - start > 1) else { return Node::Leaf(total) };
        let counted = counted.unwrap_or_else(|| self.counter.all(&self.rows[depth % 2][start..end]));
        match self.limits.max_features {
            None => {
                for (feature, histogram) in Feature::ALL.into_iter().zip(&counted) {
                    search.try_feature(feature, histogram);
                }
            }
            Some(count) => {
                let mut drawn = Feature::ALL;
                for place in 0..FEATURE_COUNT {
                    // Drawing goes on until one can be split.
                    if place >= count && search.best.is_some() {
                        break;
                    }
                    drawn.swap(place, rng.random_range(place..FEATURE_COUNT));
                    search.try_feature(drawn[place], &counted[drawn[place].index()]);
                }
            }
        }
        match search.best {
            Some(best) => Node::Open(Box::new(Open { start, end, depth, counted, best })),
            None => Node::Leaf(total),
        }
    }

    /// The two children of a node. The smaller one is counted, the sums of the larger one are what is left.
    fn part(
        &mut self,
        objective: &O,
        rng: &mut impl Rng,
        Open { start, end, depth, counted, best }: Open<O::Weight>,
    ) -> [Node<O::Weight>; 2] {
        if self.limits.ends_below(depth) {
            // Leaves need no rows, only their sums.
            return [Node::Leaf(best.left), Node::Leaf(best.right)];
        }
        let question = self.fields.question(best.split);
        let [even, odd] = &mut self.rows;
        let (from, to) = if depth.is_multiple_of(2) { (even, odd) } else { (odd, even) };
        let (from, to) = (&from[start..end], &mut to[start..end]);
        let goes_left = |sample: &Sample<O::Weight>| question.goes_left(sample.number);
        let rows = |weight| objective.sums(weight).rows;
        let left_is_smaller = rows(best.left) <= rows(best.right);
        let (left_count, smaller) = if self.limits.ends_below(depth + 1) {
            // Both children's children are leaves, so nobody asks for rows again once the smaller child is counted.
            let kept = keep(from, to, |sample| goes_left(sample) == left_is_smaller);
            (if left_is_smaller { kept } else { from.len() - kept }, 0..kept)
        } else {
            let left_count = part(from, to, goes_left);
            (left_count, if left_is_smaller { 0..left_count } else { left_count..from.len() })
        };
        let middle = start + left_count;
        let smaller = self.counter.all(&to[smaller]);
        let larger = histogram::rest(&counted, &smaller);
        let (left, right) = if left_is_smaller { (smaller, larger) } else { (larger, smaller) };
        [
            self.node(objective, rng, (start, middle, depth + 1, best.left), Some(left)),
            self.node(objective, rng, (middle, end, depth + 1, best.right), Some(right)),
        ]
    }

    fn preorder(&self, objective: &O) -> Vec<TreeNode> {
        let mut written = Vec::with_capacity(self.nodes.len());
        let mut waiting = vec![0];
        while let Some(at) = waiting.pop() {
            match &self.nodes[at] {
                Node::Split(split, children) => {
                    written.push(TreeNode::Split(*split));
                    waiting.extend([children + 1, *children]);
                }
                Node::Leaf(total) => written.push(leaf(objective, *total)),
                Node::Open(node) => written.push(leaf(objective, node.best.left.plus(node.best.right))),
            }
        }
        written
    }
}

/// The leaf of rows with these sums.
pub(crate) fn leaf<O: Objective>(objective: &O, total: O::Weight) -> TreeNode {
    let sums = objective.sums(total);
    TreeNode::Leaf(Leaf { value: objective.leaf(sums), rows: sums.rows as u32 })
}

/// How many rows are asked before any is moved, so that there is no branch to be guessed wrongly.
const TOGETHER: usize = u64::BITS as usize;

/// Writes the rows that go left to the front of `to`, the others from its end on, and returns how many go left.
#[inline(always)]
pub(crate) fn part<W: Copy>(
    from: &[Sample<W>],
    to: &mut [Sample<W>],
    goes_left: impl Fn(&Sample<W>) -> bool,
) -> usize {
    let (rows, last) = from.as_chunks::<TOGETHER>();
    let mut left = 0;
    let mut free = to;
    for rows in rows {
        (left, free) = part_some(rows, free, left, &goes_left);
    }
    part_some(last, free, left, &goes_left).0
}

/// Writes the rows that are wanted to the front of `to`, and returns how many they are.
#[inline(always)]
pub(crate) fn keep<W: Copy>(
    from: &[Sample<W>],
    to: &mut [Sample<W>],
    is_wanted: impl Fn(&Sample<W>) -> bool,
) -> usize {
    let (rows, last) = from.as_chunks::<TOGETHER>();
    let mut kept = 0;
    for rows in rows {
        kept += copy(rows, those(rows, &is_wanted), &mut to[kept..]);
    }
    kept + copy(last, those(last, &is_wanted), &mut to[kept..])
}

/// Parts a few rows into the places that are free, and returns how many have gone left together with `left`, and what is
/// free then.
#[inline(always)]
fn part_some<'a, W: Copy>(
    rows: &[Sample<W>],
    free: &'a mut [Sample<W>],
    left: usize,
    goes_left: impl Fn(&Sample<W>) -> bool,
) -> (usize, &'a mut [Sample<W>]) {
    let lefts = those(rows, goes_left);
    let kept = copy(rows, lefts, free);
    let (_, free) = free.split_at_mut(kept);
    let (free, last) = free.split_at_mut(free.len() + kept - rows.len());
    copy(rows, !lefts & those(rows, |_| true), last);
    (left + kept, free)
}

/// Some of up to 64 rows, a bit each.
#[inline(always)]
fn those<W>(rows: &[Sample<W>], are: impl Fn(&Sample<W>) -> bool) -> u64 {
    let mut bits = 0;
    for (at, row) in rows.iter().enumerate() {
        bits |= u64::from(are(row)) << at;
    }
    bits
}

/// Copies some of up to 64 rows, and returns how many.
#[inline(always)]
fn copy<W: Copy>(rows: &[Sample<W>], mut those: u64, to: &mut [Sample<W>]) -> usize {
    let count = those.count_ones() as usize;
    for to in &mut to[..count] {
        *to = rows[those.trailing_zeros() as usize];
        those &= those.wrapping_sub(1);
    }
    count
}

#[cfg(test)]
mod tests {
    use lurelight_model::Trees;
    use lurelight_schema::{Code, FeatureVector, Label, Record};
    use proptest::prelude::*;

    use super::*;
    use crate::Dataset;
    use crate::Splits;
    use crate::best_split::Sums;
    use crate::random::stream;

    /// The squared error of a value per row, whose leaf is the mean.
    struct Mean;

    /// The sum of the values, and the number of rows.
    #[derive(Clone, Copy, Debug, Default, PartialEq)]
    struct Values(f64, f64);

    impl Weight for Values {
        fn plus(self, other: Values) -> Values {
            Values(self.0 + other.0, self.1 + other.1)
        }

        fn less(self, part: Values) -> Values {
            Values(self.0 - part.0, self.1 - part.1)
        }

        fn is_none(self) -> bool {
            self.1 == 0.0
        }
    }

    impl Objective for Mean {
        type Weight = Values;

        fn sums(&self, values: Values) -> Sums {
            Sums { first: values.0, second: values.1, rows: values.1 }
        }

        fn loss(&self, sums: Sums) -> f64 {
            -sums.first * sums.first / sums.rows
        }

        fn leaf(&self, sums: Sums) -> f64 {
            sums.first / sums.rows
        }
    }

    fn grown(rows: &[(u64, f64)], limits: Limits, rng: &mut impl Rng) -> Trees {
        let vector = |bits| FeatureVector::from_bits(bits).unwrap();
        let records: Vec<_> =
            rows.iter().map(|(bits, _)| Record { vector: vector(*bits), label: Label::Phishing }).collect();
        let fields = Fields::new(&Dataset::new(&records));
        let sample = |(bits, value): &(u64, f64)| Sample {
            number: fields.number(vector(*bits)),
            weight: Values(*value, 1.0),
        };
        let mut grower = Grower::new(&fields, limits);
        grower.samples().extend(rows.iter().map(sample));
        Trees::new(&[grower.grow(&Mean, rng)]).unwrap()
    }

    proptest! {
        #[test]
        fn leaves_are_the_means_of_their_rows(
            rows in prop::collection::btree_map(0..1u64 << 12, -3..3i8, 1..80),
            leaf in 1..10u8, depth in 1..8usize, drawn in prop::option::of(1..30usize),
        ) {
            let rows: Vec<_> = rows.into_iter().map(|(bits, value)| (bits, f64::from(value))).collect();
            let limits = Limits {
                max_depth: Some(depth), min_samples_leaf: f64::from(leaf), max_features: drawn, ..Limits::FREE
            };
            let tree = grown(&rows, limits, &mut stream(1, &[]));
            // Rows that reach the same leaf have the same value, which is their mean.
            let reached = |bits| tree.sum(FeatureVector::from_bits(bits).unwrap());
            for (bits, _) in &rows {
                let value = reached(*bits);
                let same: Vec<f64> =
                    rows.iter().filter(|(other, _)| reached(*other) == value).map(|(_, value)| *value).collect();
                let mean = same.iter().sum::<f64>() / same.len() as f64;
                prop_assert!((mean - value).abs() < 1e-9);
                prop_assert!(same.len() >= usize::from(leaf).min(rows.len()));
            }
        }

        #[test]
        fn a_free_tree_tells_distinct_rows_apart(
            rows in prop::collection::btree_set(0..1u64 << 60, 1..40), seed in any::<u64>(),
        ) {
            // Values drawn so that no two subsets have the same mean by chance: every split helps.
            let mut rng = stream(seed, &[]);
            let rows: Vec<(u64, f64)> = rows.into_iter().map(|bits| (bits, rng.random())).collect();
            let tree = grown(&rows, Limits::FREE, &mut rng);
            for (bits, value) in rows {
                // A split between values that differ in the sixth digit gains less than rounding may.
                prop_assert!((tree.sum(FeatureVector::from_bits(bits).unwrap()) - value).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn missing_values_go_where_they_fit() {
        let feature = Feature::ALL[4];
        let row = |code| FeatureVector::from_bits(0).unwrap().with(feature, code).bits();
        let table = [
            (vec![(row(Code::Minus), 0.0), (row(Code::Plus), 3.0), (row(Code::Missing), 3.0)], 3.0),
            (vec![(row(Code::Minus), 0.0), (row(Code::Plus), 3.0), (row(Code::Missing), 0.0)], 0.0),
            (vec![(row(Code::Minus), 1.0), (row(Code::Plus), 1.0), (row(Code::Missing), -2.0)], -2.0),
            // None in training: they follow the heavier child.
            (vec![(row(Code::Minus), 0.0), (row(Code::Plus), 3.0), (row(Code::Plus), 3.0)], 3.0),
            (vec![(row(Code::Minus), 0.0), (row(Code::Minus), 0.0), (row(Code::Plus), 3.0)], 0.0),
        ];
        for (rows, expected) in table {
            let missing = FeatureVector::from_bits(row(Code::Missing)).unwrap();
            assert_eq!(grown(&rows, Limits::FREE, &mut stream(1, &[])).sum(missing), expected, "{rows:?}");
        }
    }

    /// The least squared error that one split of a feature into two sets of codes can leave, by trying all of them.
    fn least_error(rows: &[(u64, f64)]) -> f64 {
        let error = |values: &[f64]| {
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            values.iter().map(|value| (value - mean).powi(2)).sum::<f64>()
        };
        let mut least = error(&rows.iter().map(|(_, value)| *value).collect::<Vec<_>>());
        for feature in Feature::ALL {
            for codes in 1..15_u8 {
                let goes_left = |bits: u64| codes >> (bits >> (2 * feature.index()) & 3) & 1 == 1;
                let (left, right): (Vec<_>, Vec<_>) = rows.iter().partition(|(bits, _)| goes_left(*bits));
                if !left.is_empty() && !right.is_empty() {
                    let values =
                        |rows: Vec<(u64, f64)>| rows.iter().map(|(_, value)| *value).collect::<Vec<_>>();
                    least = least.min(error(&values(left)) + error(&values(right)));
                }
            }
        }
        least
    }

    proptest! {
        #[test]
        fn no_split_into_sets_of_codes_is_better_than_the_one_found(
            rows in prop::collection::btree_map(0..1u64 << 8, -9..9i8, 2..60),
        ) {
            let rows: Vec<_> = rows.into_iter().map(|(bits, value)| (bits, f64::from(value))).collect();
            let limits = Limits { max_depth: Some(1), splits: Splits::CodeSets, ..Limits::FREE };
            let tree = grown(&rows, limits, &mut stream(1, &[]));
            let left = |(bits, value): &(u64, f64)| (tree.sum(FeatureVector::from_bits(*bits).unwrap()) - value).powi(2);
            let found: f64 = rows.iter().map(left).sum();
            prop_assert!((found - least_error(&rows)).abs() < 1e-9, "{found}, not {}", least_error(&rows));
        }

        #[test]
        fn leaves_are_as_many_as_wanted_and_the_best_ones(
            rows in prop::collection::btree_map(0..1u64 << 10, -9..9i8, 2..60), most in 2..12usize, sets in any::<bool>(),
        ) {
            let rows: Vec<_> = rows.into_iter().map(|(bits, value)| (bits, f64::from(value))).collect();
            let splits = if sets { Splits::CodeSets } else { Splits::Ordered };
            let with = |max_leaves| grown(&rows, Limits { max_leaves, splits, ..Limits::FREE }, &mut stream(1, &[]));
            let error = |tree: &Trees| -> f64 {
                rows.iter().map(|(bits, value)| (tree.sum(FeatureVector::from_bits(*bits).unwrap()) - value).powi(2)).sum()
            };
            let (free, few, fewer) = (with(None), with(Some(most)), with(Some(most - 1).filter(|few| *few > 1)));
            prop_assert_eq!(few.node_count(), free.node_count().min(2 * most - 1));
            prop_assert!(most == 2 || error(&few) <= error(&fewer) + 1e-9);
            // With room for all leaves the order does not matter.
            prop_assert_eq!(with(Some(rows.len() + 1)), free);
        }
    }
}
