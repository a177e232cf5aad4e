//! The best split of a node, found in its sums by code.
//!
//! Four codes make at most five ordered splits, so no value is ever sorted. Missing values are a code of their own: where
//! a node has some, both ways are tried and the better one is kept; where it has none, they follow the heavier child.

use lurelight_model::Split;
use lurelight_schema::{Code, CodeSet, Feature};

use crate::Splits;
use crate::histogram::{Histogram, Weight};
use crate::limits::Limits;

/// What a loss is a function of. Impurity objectives read `first` as the rows labelled phishing and `second` as all
/// rows; boosting reads them as the sums of gradients and of hessians.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sums {
    pub(crate) first: f64,
    pub(crate) second: f64,
    /// Number of rows, each counted as often as it stands in the sample.
    pub(crate) rows: f64,
}

/// What a tree minimises.
pub(crate) trait Objective {
    /// What rows add up.
    type Weight: Weight;

    /// What was added up.
    fn sums(&self, weight: Self::Weight) -> Sums;

    /// The loss of a node whose rows are not told apart, times the weight of its rows.
    fn loss(&self, sums: Sums) -> f64;

    /// The loss of two nodes together.
    #[inline(always)]
    fn loss_of_both(&self, left: Sums, right: Sums) -> f64 {
        self.loss(left) + self.loss(right)
    }

    /// The value of a leaf.
    fn leaf(&self, sums: Sums) -> f64;

    /// Whether no split can leave less loss than this.
    fn is_least(&self, _loss: f64) -> bool {
        false
    }

    /// Whether a split between −1 and 1, where no row of the node has 0, sends 0 with −1.
    #[inline(always)]
    fn zero_follows_minus(&self) -> bool {
        false
    }

    /// Whether a node may become a child, beyond the limit on its rows.
    #[inline(always)]
    fn admits(&self, _child: Sums) -> bool {
        true
    }
}

/// A split with the sums of both sides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Best<W> {
    pub(crate) split: Split,
    /// How much less loss it leaves.
    pub(crate) gain: f64,
    loss: f64,
    pub(crate) left: W,
    pub(crate) right: W,
}

/// How many features' splits are tried at once, some of which part nothing: as many as an instruction works on.
pub(crate) const ABREAST: usize = 8;

/// The least of the numbers, halves held against each other.
#[inline(always)]
fn lowest<T: Copy + PartialOrd>(numbers: [T; 2 * ABREAST]) -> T {
    let lower = |one: T, other: T| if other < one { other } else { one };
    let of_two = |at: usize| lower(numbers[at], numbers[at + 8]);
    let of_four = |at: usize| lower(of_two(at), of_two(at + 4));
    let of_eight = |at: usize| lower(of_four(at), of_four(at + 2));
    lower(of_eight(0), of_eight(1))
}

/// The search in one node.
pub(crate) struct Search<'a, O: Objective> {
    objective: &'a O,
    limits: &'a Limits,
    /// What the node has without a split.
    loss: f64,
    /// What a split must stay below.
    ceiling: f64,
    pub(crate) best: Option<Best<O::Weight>>,
}

impl<'a, O: Objective> Search<'a, O> {
    /// A search in a node of these rows at this depth; `None` where it becomes a leaf in any case.
    pub(crate) fn new(
        objective: &'a O,
        limits: &'a Limits,
        total: Sums,
        depth: usize,
    ) -> Option<Search<'a, O>> {
        if limits.max_depth.is_some_and(|max| depth >= max) || total.rows < 2.0 * limits.min_samples_leaf {
            return None;
        }
        let loss = objective.loss(total);
        // A split must leave clearly less: sums differ in their last digits by order of addition alone.
        let ceiling = loss - limits.min_gain - 1e-12 * loss.abs();
        (!objective.is_least(loss)).then_some(Search { objective, limits, loss, ceiling, best: None })
    }

    /// Tries the splits of a feature that are meant.
    #[inline]
    pub(crate) fn try_feature(&mut self, feature: Feature, histogram: &Histogram<O::Weight>) {
        match self.limits.splits {
            Splits::Ordered => self.try_ordered(feature, histogram),
            Splits::CodeSets => self.try_code_sets(feature, histogram),
        }
    }

    /// Whether only ordered splits are meant.
    #[inline(always)]
    pub(crate) fn is_ordered(&self) -> bool {
        self.limits.splits == Splits::Ordered
    }

    /// Tries the ordered splits of features without missing values, as one after the other would be: of each, what goes
    /// left between −1 and 0, and what between 0 and 1. Nothing is left out, so that there is no branch to be guessed
    /// wrongly; a split that parts no rows is no split.
    #[inline(always)]
    pub(crate) fn try_at_once(
        &mut self,
        features: &[Feature],
        total: O::Weight,
        lefts: &[O::Weight; 2 * ABREAST],
    ) {
        let least = self.limits.min_samples_leaf;
        let mut losses = [f64::INFINITY; 2 * ABREAST];
        for (loss, left) in losses.iter_mut().zip(lefts) {
            let (left, right) = (self.objective.sums(*left), self.objective.sums(total.less(*left)));
            let both = self.objective.loss_of_both(left, right);
            let is_split = (left.rows >= least)
                & (right.rows >= least)
                & self.objective.admits(left)
                & self.objective.admits(right);
            *loss = if is_split { both } else { f64::INFINITY };
        }
        let loss = lowest(losses);
        if loss < self.best.as_ref().map_or(self.ceiling, |best| best.loss) {
            // Of equals the one that would have been tried first.
            let mut turns = [u64::MAX; 2 * ABREAST];
            for (at, (turn, other)) in turns.iter_mut().zip(&losses).enumerate() {
                *turn = if *other == loss { (at % ABREAST * 2 + at / ABREAST) as u64 } else { u64::MAX };
            }
            let turn = lowest(turns) as usize;
            let Some(feature) = features.get(turn / 2) else { return };
            let (lower, upper) = (lefts[turn / 2], lefts[turn / 2 + ABREAST]);
            let is_upper = turn % 2 == 1 || self.objective.zero_follows_minus() && lower == upper;
            let left = if turn % 2 == 1 { upper } else { lower };
            let right = total.less(left);
            let missing_left = self.objective.sums(left).rows >= self.objective.sums(right).rows;
            let codes = 1 | u8::from(is_upper) << 1 | u8::from(missing_left) << 3;
            let split = Split { feature: *feature, left: CodeSet::from_bits(codes) };
            self.best = Some(Best { split, gain: self.loss - loss, loss, left, right });
        }
    }

    /// Every ordered split, with missing values on either side.
    #[inline(always)]
    fn try_ordered(&mut self, feature: Feature, histogram: &Histogram<O::Weight>) {
        let [minus, zero, plus, missing] = *histogram;
        if !missing.is_none() {
            self.try_with_missing(feature, histogram);
            return;
        }
        let split = |code, left: Sums, right: Sums| Split::at_most(feature, code, left.rows >= right.rows);
        let lowest = self.lowest(zero);
        if !minus.is_none() {
            self.try_split(minus, zero.plus(plus), |left, right| split(lowest, left, right));
        }
        // Without rows between them, the split between 0 and 1 is the one between −1 and 0.
        if !zero.is_none() {
            self.try_split(minus.plus(zero), plus, |left, right| split(Code::Zero, left, right));
        }
    }

    /// The code up to which the lower one of the two splits goes left.
    #[inline(always)]
    fn lowest(&self, zero: O::Weight) -> Code {
        if self.objective.zero_follows_minus() && zero.is_none() { Code::Zero } else { Code::Minus }
    }

    fn try_with_missing(&mut self, feature: Feature, histogram: &Histogram<O::Weight>) {
        let [minus, zero, plus, missing] = *histogram;
        let lower = [(self.lowest(zero), minus, zero.plus(plus)), (Code::Zero, minus.plus(zero), plus)];
        for (code, left, right) in lower {
            if !left.is_none() && !right.is_none() {
                self.try_split(left.plus(missing), right, |_, _| Split::at_most(feature, code, true));
                self.try_split(left, right.plus(missing), |_, _| Split::at_most(feature, code, false));
            }
        }
        let known = minus.plus(zero).plus(plus);
        self.try_split(known, missing, |_, _| Split::at_most(feature, Code::Plus, false));
    }

    /// The codes that the node has, ordered by the mean of the first sum per the second, up to each of them. Codes
    /// that it has not follow the heavier child.
    fn try_code_sets(&mut self, feature: Feature, histogram: &Histogram<O::Weight>) {
        let mut codes = Code::ALL;
        let mean = |code: Code| {
            let sums = self.objective.sums(histogram[code as usize]);
            sums.first / sums.second.max(f64::MIN_POSITIVE)
        };
        let means = Code::ALL.map(mean);
        codes.sort_by(|a, b| means[*a as usize].total_cmp(&means[*b as usize]));
        let absent = |code: &Code| histogram[*code as usize].is_none();
        let unseen = codes.into_iter().filter(absent).fold(CodeSet::EMPTY, CodeSet::with);
        let (mut set, mut left) = (CodeSet::EMPTY, O::Weight::default());
        let total = histogram.iter().fold(left, |sum, weight| sum.plus(*weight));
        for code in codes.into_iter().filter(|code| !absent(code)) {
            set = set.with(code);
            left = left.plus(histogram[code as usize]);
            let with_unseen = unseen.iter().fold(set, CodeSet::with);
            self.try_split(left, total.less(left), |left, right| Split {
                feature,
                left: if left.rows >= right.rows { with_unseen } else { set },
            });
        }
    }

    #[inline(always)]
    fn try_split(&mut self, left: O::Weight, right: O::Weight, split: impl Fn(Sums, Sums) -> Split) {
        let (left_sums, right_sums) = (self.objective.sums(left), self.objective.sums(right));
        let least = self.limits.min_samples_leaf;
        if left_sums.rows < least
            || right_sums.rows < least
            || !self.objective.admits(left_sums)
            || !self.objective.admits(right_sums)
        {
            return;
        }
        let loss = self.objective.loss_of_both(left_sums, right_sums);
        if loss < self.best.as_ref().map_or(self.ceiling, |best| best.loss) {
            let split = split(left_sums, right_sums);
            self.best = Some(Best { split, gain: self.loss - loss, loss, left, right });
        }
    }
}
