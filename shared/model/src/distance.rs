//! Distances between packed rows by counting bits.
//!
//! Codes are −1, 0 and 1 as 00, 01 and 10, so of the exclusive or of two rows a feature's two bits are 00
//! where the codes are equal, 01 or 11 where they differ by 1, and 10 where they differ by 2. The squared Euclidean
//! distance is therefore the number of low bits plus four times the number of high bits without their low one.

use lurelight_schema::FeatureVector;

use crate::processor::{Work, widest};

/// The low bit of each of the 30 features.
const LOW: u64 = 0x0555_5555_5555_5555;

/// The largest squared distance of two rows: 30 features that differ by 2.
pub(crate) const MAX_SQUARED: usize = 120;

/// The features that have a value, each by its low bit.
pub(crate) const fn present(bits: u64) -> u64 {
    !(bits & bits >> 1) & LOW
}

/// The squared Euclidean distance over the features in `shared`, each by its low bit.
#[inline(always)]
const fn squared_within(a: u64, b: u64, shared: u64) -> u32 {
    let differ = a ^ b;
    let low = differ & shared;
    let high_alone = differ >> 1 & !differ & shared;
    low.count_ones() + 4 * high_alone.count_ones()
}

/// A neighbour as it is met: its place, its squared distance, and over how many features that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Met {
    pub(crate) place: usize,
    pub(crate) squared: u32,
    pub(crate) features: u32,
}

/// A mean squared difference, over the features that two rows share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bound {
    pub(crate) squared: u32,
    pub(crate) features: u32,
}

impl Bound {
    /// Above that of any two rows that share a feature.
    pub(crate) const NONE: Bound = Bound { squared: 1, features: 0 };

    /// Whether this is less than another, in whole numbers.
    #[inline(always)]
    pub(crate) const fn is_below(self, other: Bound) -> bool {
        self.squared as u64 * (other.features as u64) < other.squared as u64 * (self.features as u64)
    }
}

impl Met {
    pub(crate) const fn bound(self) -> Bound {
        Bound { squared: self.squared, features: self.features }
    }
}

/// Rows to be looked through, each beside the features that it has.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rows(Vec<[u64; 2]>);

impl Rows {
    pub(crate) fn new(rows: impl Iterator<Item = FeatureVector>) -> Rows {
        Rows(rows.map(|row| [row.bits(), present(row.bits())]).collect())
    }

    /// The packed row at a place.
    pub(crate) fn bits(&self, place: usize) -> u64 {
        self.0[place][0]
    }

    /// All packed rows.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        self.0.iter().map(|[bits, _]| *bits)
    }

    /// Goes through the rows in their order and tells `meet` of those that are nearer to `row` than a bound, which is
    /// what it answered last; at first there is none.
    pub(crate) fn for_each_nearer(&self, row: FeatureVector, meet: impl FnMut(Met) -> Bound) {
        widest(Nearer { row, rows: &self.0, meet });
    }
}

/// Going through rows with a bound.
struct Nearer<'a, F> {
    row: FeatureVector,
    rows: &'a [[u64; 2]],
    meet: F,
}

impl<F: FnMut(Met) -> Bound> Work for Nearer<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<const LANES: usize>(self) {
        walk_nearer(self.row, self.rows, self.meet);
    }
}

/// How many rows are held against the bound at once: few of them are nearer, and a compiler that may does several in one
/// instruction.
const AT_ONCE: usize = 32;

#[inline(always)]
fn walk_nearer(row: FeatureVector, rows: &[[u64; 2]], mut meet: impl FnMut(Met) -> Bound) {
    let (bits, row_present) = (row.bits(), present(row.bits()));
    let distance = |[other, other_present]: [u64; 2]| {
        let shared = row_present & other_present;
        Bound { squared: squared_within(bits, other, shared), features: shared.count_ones() }
    };
    let mut bound = Bound::NONE;
    let mut look = |place: usize, rows: &[[u64; 2]], bound: &mut Bound| {
        for (i, other) in rows.iter().enumerate() {
            let Bound { squared, features } = distance(*other);
            if (Bound { squared, features }).is_below(*bound) {
                *bound = meet(Met { place: place + i, squared, features });
            }
        }
    };
    let (many, few) = rows.as_chunks::<AT_ONCE>();
    for (i, rows) in many.iter().enumerate() {
        let nearer = rows.iter().fold(false, |any, other| any | distance(*other).is_below(bound));
        if nearer {
            look(i * AT_ONCE, rows, &mut bound);
        }
    }
    look(many.len() * AT_ONCE, few, &mut bound);
}

/// Goes through `rows` in their order and tells `meet` of each its place and the squared distance to `row`; none of
/// them has holes.
pub(crate) fn for_each(row: FeatureVector, rows: &[u64], meet: impl FnMut(usize, u32)) {
    widest(Each { row, rows, meet });
}

/// Going through all rows.
struct Each<'a, F> {
    row: FeatureVector,
    rows: &'a [u64],
    meet: F,
}

impl<F: FnMut(usize, u32)> Work for Each<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<const LANES: usize>(self) {
        walk(self.row, self.rows, self.meet);
    }
}

#[inline(always)]
fn walk(row: FeatureVector, rows: &[u64], mut meet: impl FnMut(usize, u32)) {
    for (place, &other) in rows.iter().enumerate() {
        meet(place, squared_within(row.bits(), other, LOW));
    }
}

#[cfg(test)]
mod tests {
    use lurelight_schema::Code;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn distances_are_those_of_the_codes(a in 0..1u64 << 60, b in 0..1u64 << 60) {
            let vector = |bits| FeatureVector::from_bits(bits).unwrap();
            let pairs: Vec<(i32, i32)> = vector(a)
                .codes()
                .into_iter()
                .zip(vector(b).codes())
                .filter_map(|(a, b)| Some((i32::from(a.value()?), i32::from(b.value()?))))
                .collect();
            let squared: i32 = pairs.iter().map(|(a, b)| (a - b) * (a - b)).sum();
            let (squared, features) = (squared as u32, pairs.len() as u32);
            let rows = Rows::new([vector(b)].into_iter());
            let expected = (features > 0).then_some(Met { place: 0, squared, features });
            let mut met = None;
            rows.for_each_nearer(vector(a), |nearer| {
                met = Some(nearer);
                nearer.bound()
            });
            prop_assert_eq!(met, expected);
            let full = |bits: u64| bits & !(bits >> 1 & LOW);
            let squared = |a: u64, b: u64| {
                let pairs = vector(a).codes().into_iter().zip(vector(b).codes());
                let gap = |(a, b): (Code, Code)| (a.value().unwrap() - b.value().unwrap()).pow(2) as u32;
                pairs.map(gap).sum::<u32>()
            };
            let (a, b) = (full(a), full(b));
            for_each(vector(a), &[b], |_, met| assert_eq!(met, squared(a, b)));
            walk(vector(a), &[b], |_, met| assert_eq!(met, squared(a, b)));
        }

        /// On any processor, and wherever a row stands among the others.
        #[test]
        fn whatever_is_nearer_than_the_bound_is_met(
            row in 0..1u64 << 60, rows in prop::collection::vec(0..1u64 << 60, 1..150), keep in 1..5usize,
        ) {
            let vector = |bits| FeatureVector::from_bits(bits).unwrap();
            let rows = Rows::new(rows.into_iter().map(vector));
            let mut expected: Vec<Met> = Vec::new();
            type Meet<'a> = &'a mut dyn FnMut(Met) -> Bound;
            let met = |walk: &dyn Fn(Meet<'_>)| {
                let mut met: Vec<Met> = Vec::new();
                walk(&mut |nearer| {
                    met.push(nearer);
                    met.iter().rev().nth(keep - 1).map_or(Bound::NONE, |met| met.bound())
                });
                met
            };
            let mut bound = Bound::NONE;
            for (place, [other, has]) in rows.0.iter().enumerate() {
                let shared = present(row) & has;
                let (squared, features) = (squared_within(row, *other, shared), shared.count_ones());
                if squared * bound.features < bound.squared * features {
                    expected.push(Met { place, squared, features });
                    bound = expected.iter().rev().nth(keep - 1).map_or(Bound::NONE, |met| met.bound());
                }
            }
            prop_assert_eq!(&met(&|meet| rows.for_each_nearer(vector(row), meet)), &expected);
            prop_assert_eq!(&met(&|meet| walk_nearer(vector(row), &rows.0, meet)), &expected);
        }
    }
}
