//! Dividing rows into those that a model is fitted on and those that it is tested on, as published figures do and as
//! honest ones do.

use std::fmt;
use std::str::FromStr;

use lurelight_schema::{Label, Record};
use serde::{Deserialize, Serialize};

use crate::random::{shuffle, stream};
use crate::split::{HELD_OUT_FOLDS, fold, grouped_stratified, random_70_30_places};
use crate::{Dataset, DistinctRow};

/// A way of dividing rows. Two keep identical vectors on one side, and two do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// k-fold cross-validation of rows, stratified by label, as OpenML's tasks have it with ten folds. Identical
    /// vectors stand on both sides.
    RandomKFold,
    /// k-fold cross-validation of distinct vectors, stratified by label.
    GroupedKFold,
    /// Lurelight's own: fitted on folds 3 to 9 of the hash of a row, tested on folds 0 to 2.
    HashSplit,
    /// Seven rows of ten to fit on and three to test, drawn at random, as the predecessor does. Identical vectors
    /// stand on both sides.
    RandomSplit,
}

impl Protocol {
    /// Every protocol, in the order in which they are shown.
    pub const ALL: [Protocol; 4] =
        [Protocol::RandomKFold, Protocol::GroupedKFold, Protocol::HashSplit, Protocol::RandomSplit];

    /// The name in lower-case words, joined as on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Protocol::RandomKFold => "random-k-fold",
            Protocol::GroupedKFold => "grouped-k-fold",
            Protocol::HashSplit => "hash-split",
            Protocol::RandomSplit => "random-split",
        }
    }

    /// Whether identical vectors always stand on one side.
    #[must_use]
    pub const fn is_grouped(self) -> bool {
        matches!(self, Protocol::GroupedKFold | Protocol::HashSplit)
    }

    /// How many models are tested: one a fold, or one.
    #[must_use]
    pub const fn rounds(self, folds: usize) -> usize {
        match self {
            Protocol::RandomKFold | Protocol::GroupedKFold => folds,
            Protocol::HashSplit | Protocol::RandomSplit => 1,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A name that is no protocol's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no protocol; there are {list}", list = Protocol::ALL.map(Protocol::as_str).join(", "))]
pub struct UnknownProtocol(pub String);

impl FromStr for Protocol {
    type Err = UnknownProtocol;

    fn from_str(text: &str) -> Result<Protocol, UnknownProtocol> {
        let named = Protocol::ALL.into_iter().find(|protocol| protocol.as_str() == text);
        named.ok_or_else(|| UnknownProtocol(text.to_owned()))
    }
}

/// Records divided by a protocol: each is tested in one round or in none, and is fitted on in all others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Division {
    /// In the order of [`Dataset::records`].
    tested_in: Vec<Option<usize>>,
    rounds: usize,
}

impl Division {
    /// Divides the records of `data`. `folds` counts for the protocols with k folds only, and the seed for all but the
    /// hash split.
    #[must_use]
    pub fn new(data: &Dataset, protocol: Protocol, folds: usize, seed: u64) -> Division {
        let tested_in = match protocol {
            Protocol::RandomKFold => random_stratified(data, folds.max(1), seed),
            Protocol::GroupedKFold => {
                let folds = grouped_stratified(data, folds, seed);
                by_vector(data, |place, _| Some(folds[place]))
            }
            Protocol::HashSplit => {
                by_vector(data, |_, row| HELD_OUT_FOLDS.contains(&fold(row.vector)).then_some(0))
            }
            Protocol::RandomSplit => {
                let count = data.row_count() as usize;
                let mut tested_in = vec![None; count];
                for place in random_70_30_places(count, seed).1 {
                    tested_in[place] = Some(0);
                }
                tested_in
            }
        };
        Division { tested_in, rounds: protocol.rounds(folds.max(1)) }
    }

    /// How many rounds there are.
    #[must_use]
    pub const fn rounds(&self) -> usize {
        self.rounds
    }

    /// What is fitted on and what is tested in a round. `data` is what was divided.
    #[must_use]
    pub fn parts(&self, data: &Dataset, round: usize) -> (Dataset, Dataset) {
        let (mut train, mut test) = (Vec::with_capacity(data.len()), Vec::new());
        let mut tested_in = self.tested_in.iter();
        let mut drawn = |rows: u32| {
            let tested = tested_in.by_ref().take(rows as usize).filter(|tested| **tested == Some(round));
            tested.count() as u32
        };
        for row in data.rows() {
            let (phishing, legitimate) = (drawn(row.phishing), drawn(row.legitimate));
            let vector = row.vector;
            test.push(DistinctRow { vector, phishing, legitimate });
            train.push(DistinctRow {
                vector,
                phishing: row.phishing - phishing,
                legitimate: row.legitimate - legitimate,
            });
        }
        (Dataset::from_rows(train), Dataset::from_rows(test))
    }

    /// The round in which each of `records` is tested, in their order; `None` for those that are only fitted on. They
    /// are the records of the dataset that was divided, in any order: of equal ones the first in the dataset is the
    /// first here.
    #[must_use]
    pub fn of_records(&self, records: &[Record]) -> Vec<Option<usize>> {
        let mut places: Vec<usize> = (0..records.len()).collect();
        places.sort_by_key(|place| records[*place]);
        let mut tested_in = vec![None; records.len()];
        for (place, tested) in places.into_iter().zip(&self.tested_in) {
            tested_in[place] = *tested;
        }
        tested_in
    }
}

/// One answer for all rows of a vector.
fn by_vector(data: &Dataset, tested_in: impl Fn(usize, &DistinctRow) -> Option<usize>) -> Vec<Option<usize>> {
    let rows = data.rows().iter().enumerate();
    rows.flat_map(|(place, row)| std::iter::repeat_n(tested_in(place, row), row.rows() as usize)).collect()
}

/// Deals the rows of either label out in random order, so that the folds differ by one row of a label at most.
fn random_stratified(data: &Dataset, folds: usize, seed: u64) -> Vec<Option<usize>> {
    let labels: Vec<Label> = data.records().map(|record| record.label).collect();
    let mut places: Vec<usize> = (0..labels.len()).collect();
    shuffle(&mut places, &mut stream(seed, &[0x7374_7261_7469]));
    places.sort_by_key(|place| labels[*place]);
    let mut tested_in = vec![None; labels.len()];
    for (dealt, place) in places.into_iter().enumerate() {
        tested_in[place] = Some(dealt % folds);
    }
    tested_in
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use lurelight_schema::FeatureVector;
    use proptest::prelude::*;

    use super::*;

    fn records(rows: &[(u64, bool)]) -> Vec<Record> {
        let label = |phishing| if phishing { Label::Phishing } else { Label::Legitimate };
        let vector = |bits| FeatureVector::from_bits(bits).unwrap();
        rows.iter().map(|&(bits, phishing)| Record { vector: vector(bits), label: label(phishing) }).collect()
    }

    proptest! {
        #[test]
        fn every_row_is_tested_once_or_never_and_fitted_on_in_all_other_rounds(
            rows in prop::collection::vec((0..60u64, any::<bool>()), 60..200), seed in any::<u64>(),
        ) {
            let records = records(&rows);
            let data = Dataset::new(&records);
            for protocol in Protocol::ALL {
                let division = Division::new(&data, protocol, 5, seed);
                prop_assert_eq!(&division, &Division::new(&data, protocol, 5, seed));
                prop_assert_eq!(division.rounds(), if protocol.rounds(5) == 1 { 1 } else { 5 });
                let mut tested = Dataset::default();
                for round in 0..division.rounds() {
                    let (train, test) = division.parts(&data, round);
                    prop_assert_eq!(train.merged(&test), data.clone());
                    if protocol.is_grouped() {
                        let seen: HashSet<_> = train.rows().iter().map(|row| row.vector).collect();
                        prop_assert!(test.rows().iter().all(|row| !seen.contains(&row.vector)));
                    }
                    tested = tested.merged(&test);
                }
                match protocol {
                    Protocol::RandomKFold | Protocol::GroupedKFold => prop_assert_eq!(&tested, &data),
                    Protocol::RandomSplit => {
                        prop_assert_eq!(tested.row_count(), (3 * data.row_count()).div_ceil(10));
                    }
                    Protocol::HashSplit => {}
                }
            }
        }

        #[test]
        fn random_folds_differ_by_one_row_of_a_label_at_most(
            rows in prop::collection::vec((0..20u64, any::<bool>()), 20..200), seed in any::<u64>(),
        ) {
            let data = Dataset::new(&records(&rows));
            let division = Division::new(&data, Protocol::RandomKFold, 4, seed);
            for label in [Label::Phishing, Label::Legitimate] {
                let counts: Vec<u64> = (0..4).map(|round| division.parts(&data, round).1.count(label)).collect();
                prop_assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1, "{:?}", counts);
            }
        }

        #[test]
        fn records_in_any_order_fall_into_the_same_parts(
            rows in prop::collection::vec((0..20u64, any::<bool>()), 20..100), seed in any::<u64>(),
        ) {
            let records = records(&rows);
            let data = Dataset::new(&records);
            for protocol in Protocol::ALL {
                let division = Division::new(&data, protocol, 3, seed);
                let tested_in = division.of_records(&records);
                for round in 0..division.rounds() {
                    let inside = records.iter().zip(&tested_in).filter(|(_, tested)| **tested == Some(round));
                    let inside: Vec<Record> = inside.map(|(record, _)| *record).collect();
                    prop_assert_eq!(Dataset::new(&inside), division.parts(&data, round).1);
                }
            }
        }
    }

    #[test]
    fn another_seed_is_another_division_but_for_the_hash() {
        let rows: Vec<(u64, bool)> = (0..200).map(|i| (i % 90, i % 3 == 0)).collect();
        let data = Dataset::new(&records(&rows));
        for protocol in Protocol::ALL {
            let [one, two] = [1, 2].map(|seed| Division::new(&data, protocol, 10, seed));
            assert_eq!(one == two, protocol == Protocol::HashSplit, "{protocol}");
        }
    }
}
