//! Distances between packed rows by counting bits.
//!
//! Codes are −1, 0 and 1 as 00, 01 and 10, so of the exclusive or of two rows a feature's two bits are 00
//! where the codes are equal, 01 or 11 where they differ by 1, and 10 where they differ by 2. The squared Euclidean
//! distance is therefore the number of low bits plus four times the number of high bits without their low one.

use lurelight_schema::FeatureVector;

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

/// Goes through `rows` in their order and tells `meet` of each the squared distance to `row` over the features
/// that both have.
pub(crate) fn for_each(row: FeatureVector, rows: &[u64], meet: impl FnMut(Met)) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("popcnt") {
        #[expect(unsafe_code, reason = "the processor was asked for popcnt one line above")]
        // SAFETY: `with_popcnt` needs nothing but that instruction.
        return unsafe { with_popcnt(row, rows, meet) };
    }
    walk(row, rows, meet);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "popcnt")]
fn with_popcnt(row: FeatureVector, rows: &[u64], meet: impl FnMut(Met)) {
    walk(row, rows, meet);
}

#[inline(always)]
fn walk(row: FeatureVector, rows: &[u64], mut meet: impl FnMut(Met)) {
    let row_present = present(row.bits());
    for (place, &other) in rows.iter().enumerate() {
        let shared = row_present & present(other);
        let squared = squared_within(row.bits(), other, shared);
        meet(Met { place, squared, features: shared.count_ones() });
    }
}

#[cfg(test)]
mod tests {
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
            let expected = Met { place: 0, squared: squared as u32, features: pairs.len() as u32 };
            for_each(vector(a), &[b], |met| assert_eq!(met, expected));
            walk(vector(a), &[b], |met| assert_eq!(met, expected));
        }
    }
}
