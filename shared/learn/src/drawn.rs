//! Features in random order, some of which are drawn for each split.

use lurelight_schema::{FEATURE_COUNT, Feature};
use rand::Rng;

use crate::best_split::{Objective, Search};
use crate::histogram::Counts;

/// How many features are drawn, and counted, at once.
pub(crate) const AT_ONCE: usize = 5;

/// The low bit of each of the 30 features.
pub(crate) const LOW: u64 = 0x0555_5555_5555_5555;

/// Features that were drawn together: the first `len` are meant.
pub(crate) struct Picked {
    pub(crate) features: [Feature; AT_ONCE],
    pub(crate) len: usize,
}

impl Picked {
    /// Those that are meant.
    #[inline(always)]
    pub(crate) fn meant(&self) -> &[Feature] {
        &self.features[..self.len]
    }
}

/// The features, each by its low bit, of which at least one of the two bits is set.
#[inline(always)]
pub(crate) fn by_low_bit(bits: u64) -> u64 {
    (bits | bits >> 1) & LOW
}

/// The rows of a node.
pub(crate) trait Countable {
    /// The features that have more than one code among them, each by its low bit.
    fn varying(&self) -> u64;

    /// Tries the splits of some features.
    fn try_all<O: Objective<Weight = Counts>>(&mut self, picked: &Picked, search: &mut Search<'_, O>);
}

/// Features in random order. What one node has drawn is where the next one begins to shuffle.
pub(crate) struct Drawn<'a, R> {
    features: [Feature; FEATURE_COUNT],
    rng: &'a mut R,
}

impl<'a, R: Rng> Drawn<'a, R> {
    pub(crate) fn new(rng: &'a mut R) -> Drawn<'a, R> {
        Drawn { features: Feature::ALL, rng }
    }

    /// Tries `count` features drawn without replacement in a node of several distinct rows, and goes on drawing until one
    /// can be split, of those that have several codes in the node.
    #[inline(always)]
    pub(crate) fn try_features<O: Objective<Weight = Counts>>(
        &mut self,
        count: usize,
        rows: &mut impl Countable,
        search: &mut Search<'_, O>,
    ) {
        let count = count.min(FEATURE_COUNT);
        let (mut place, mut left, mut knows_varying) = (0, LOW, false);
        loop {
            let picked = if place < count {
                self.some(place, count)
            } else {
                Picked { features: [self.one_of(left); AT_ONCE], len: 1 }
            };
            place += AT_ONCE;
            rows.try_all(&picked, search);
            if search.best.is_some() && place >= count {
                return;
            }
            left = picked.meant().iter().fold(left, |left, feature| left & !(1 << (2 * feature.index())));
            if !knows_varying {
                // Most nodes need not know.
                (left, knows_varying) = (left & rows.varying(), true);
            }
            if left == 0 {
                return;
            }
        }
    }

    /// The features from a place on, up to `count` in all, those before having been drawn for the same split.
    #[inline(always)]
    fn some(&mut self, start: usize, count: usize) -> Picked {
        // The digits of one random number, of bases 30, 29, …, draw all of them.
        let mut random = self.rng.next_u64();
        let features = std::array::from_fn(|nth| {
            let place = (start + nth) % FEATURE_COUNT;
            let scaled = u128::from(random) * (FEATURE_COUNT - place) as u128;
            random = scaled as u64;
            let further = if start + nth < count { (scaled >> 64) as usize } else { 0 };
            self.features.swap(place, place + further);
            self.features[place]
        });
        Picked { features, len: AT_ONCE.min(count - start) }
    }

    /// One of those that are left: going on to draw meets them in an order in which each may be the next.
    #[inline(always)]
    fn one_of(&mut self, left: u64) -> Feature {
        let nth = (u64::from(self.rng.next_u32()) * u64::from(left.count_ones())) >> 32;
        let bit = (0..nth).fold(left, |rest, _| rest & (rest - 1)).trailing_zeros();
        Feature::ALL[bit as usize / 2]
    }
}
