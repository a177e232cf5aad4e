//! Ways of keeping rows apart.
//!
//! Identical vectors abound, so a random split leaks: what is tested was trained on. Lurelight's own split
//! is a stable hash of the packed row; a row's fold never changes, whatever rows come later.

use std::ops::RangeInclusive;

use lurelight_schema::{FeatureVector, Record};
use sha2::{Digest as _, Sha256};

use crate::Dataset;
use crate::random::{shuffle, stream};

/// How many folds the hash split has.
pub const FOLDS: usize = 10;
/// The folds that decide promotions; no version is trained on them.
pub const DECISION_FOLDS: RangeInclusive<usize> = 0..=1;
/// The fold that is only reported; no version is trained on it.
pub const REPORT_FOLD: usize = 2;
/// All folds that no version is trained on.
pub const HELD_OUT_FOLDS: RangeInclusive<usize> = 0..=2;
/// The folds on which models are fitted, tuned and calibrated.
pub const TRAINING_FOLDS: RangeInclusive<usize> = 3..=9;

/// The fold of a row as it was read, before imputing: the first 8 bytes, little endian, of the SHA-256 of
/// `lurelight/fold/1` followed by the 8 bytes of the packed row, little endian, modulo 10.
#[must_use]
pub fn fold(vector: FeatureVector) -> usize {
    let hash =
        Sha256::new_with_prefix(b"lurelight/fold/1").chain_update(vector.bits().to_le_bytes()).finalize();
    let first = hash.iter().take(8).rev().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    (first % FOLDS as u64) as usize
}

/// The part of a dataset that lies in these folds.
#[must_use]
pub fn in_folds(data: &Dataset, folds: RangeInclusive<usize>) -> Dataset {
    data.filter(|row| folds.contains(&fold(row.vector)))
}

/// The rows of each fold of the hash split.
#[must_use]
pub fn fold_rows(data: &Dataset) -> [u64; FOLDS] {
    let mut rows = [0; FOLDS];
    for row in data.rows() {
        rows[fold(row.vector)] += u64::from(row.rows());
    }
    rows
}

/// Assigns each distinct vector to one of `k` folds, so that the folds have about equally many rows of
/// either label. The result has one fold number for each of [`Dataset::rows`].
///
/// As scikit-learn's `StratifiedGroupKFold` it places the groups with the most rows first, each where the
/// counts of its labels are furthest behind; groups of equal size come in seeded random order.
#[must_use]
pub fn grouped_stratified(data: &Dataset, k: usize, seed: u64) -> Vec<usize> {
    let k = k.max(1);
    let mut order: Vec<usize> = (0..data.len()).collect();
    shuffle(&mut order, &mut stream(seed, &[0x6b66_6f6c_6473]));
    order.sort_by_key(|&i| std::cmp::Reverse(data.rows()[i].rows()));
    let mut filled = vec![[0u64; 2]; k];
    let mut folds = vec![0; data.len()];
    for i in order {
        let row = data.rows()[i];
        // Rows of this vector's labels that a fold has already; all in integers, so never a matter of rounding.
        let behind = |fold: &[u64; 2]| {
            (u64::from(row.phishing) * fold[0] + u64::from(row.legitimate) * fold[1], fold[0] + fold[1])
        };
        let place = (0..k).min_by_key(|&f| behind(&filled[f])).unwrap_or(0);
        filled[place][0] += u64::from(row.phishing);
        filled[place][1] += u64::from(row.legitimate);
        folds[i] = place;
    }
    folds
}

/// Splits records at random, seven parts to train and three to test, as the predecessor does: identical
/// vectors stand on both sides.
#[must_use]
pub fn random_70_30(records: &[Record], seed: u64) -> (Vec<Record>, Vec<Record>) {
    let (train, test) = random_70_30_places(records.len(), seed);
    let of = |places: Vec<usize>| places.into_iter().map(|place| records[place]).collect();
    (of(train), of(test))
}

/// The places of the records that [`random_70_30`] puts on either side.
#[must_use]
pub fn random_70_30_places(count: usize, seed: u64) -> (Vec<usize>, Vec<usize>) {
    let mut places: Vec<usize> = (0..count).collect();
    shuffle(&mut places, &mut stream(seed, &[0x3730_3330]));
    let test = places.split_off(count - (count * 3).div_ceil(10));
    (places, test)
}

#[cfg(test)]
mod tests {
    use lurelight_schema::Label;
    use proptest::prelude::*;

    use super::*;

    fn record(bits: u64, phishing: bool) -> Record {
        let label = if phishing { Label::Phishing } else { Label::Legitimate };
        Record { vector: FeatureVector::from_bits(bits).unwrap(), label }
    }

    #[test]
    fn the_hash_is_the_documented_one() {
        // By Python: int.from_bytes(sha256(b"lurelight/fold/1" + row.to_bytes(8, "little")).digest()[:8], "little") % 10
        for (bits, expected) in [(0, 9), (1, 2), (42, 1), ((1 << 60) - 1, 3)] {
            assert_eq!(fold(FeatureVector::from_bits(bits).unwrap()), expected, "{bits}");
        }
    }

    proptest! {
        #[test]
        fn grouped_folds_are_stratified(
            rows in prop::collection::vec((0..200u64, any::<bool>()), 120..400), seed in any::<u64>(),
        ) {
            let records: Vec<Record> = rows.iter().map(|&(bits, phishing)| record(bits, phishing)).collect();
            let data = Dataset::new(&records);
            let folds = grouped_stratified(&data, 3, seed);
            prop_assert_eq!(&folds, &grouped_stratified(&data, 3, seed));
            let heaviest = data.rows().iter().map(|r| r.rows()).max().unwrap();
            for label in [Label::Phishing, Label::Legitimate] {
                let counts: Vec<u64> = (0..3)
                    .map(|f| {
                        let mut i = 0;
                        data.filter(|_| { i += 1; folds[i - 1] == f }).count(label)
                    })
                    .collect();
                let spread = counts.iter().max().unwrap() - counts.iter().min().unwrap();
                prop_assert!(spread <= 2 * u64::from(heaviest), "{:?}", counts);
            }
        }

        #[test]
        fn the_random_split_keeps_every_record(n in 0..50u64, seed in any::<u64>()) {
            let records: Vec<Record> = (0..n).map(|bits| record(bits, bits % 2 == 0)).collect();
            let (train, test) = random_70_30(&records, seed);
            prop_assert_eq!(test.len(), (3 * n as usize).div_ceil(10));
            let mut all = [train, test].concat();
            all.sort_unstable();
            prop_assert_eq!(all, records);
        }
    }
}
