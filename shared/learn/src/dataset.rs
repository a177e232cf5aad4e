//! Labelled rows as weighted distinct feature vectors.

use lurelight_schema::{FEATURE_COUNT, Feature, FeatureVector, Label, Record};

use crate::random::{shuffle_first, stream};

/// A distinct feature vector and how many rows of either label have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DistinctRow {
    /// The 30 features.
    pub vector: FeatureVector,
    /// Rows labelled phishing.
    pub phishing: u32,
    /// Rows labelled legitimate.
    pub legitimate: u32,
}

impl DistinctRow {
    /// Rows of either label.
    #[must_use]
    pub const fn rows(self) -> u32 {
        self.phishing + self.legitimate
    }
}

/// Labelled rows, identical vectors put together, ordered by packed vector. The order of the records
/// that it was made from does not matter to anything that is fitted on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dataset {
    rows: Vec<DistinctRow>,
}

impl Dataset {
    /// Puts identical vectors together.
    #[must_use]
    pub fn new(records: &[Record]) -> Dataset {
        let mut sorted = records.to_vec();
        sorted.sort_unstable();
        let mut rows: Vec<DistinctRow> = Vec::new();
        for record in sorted {
            let last = match rows.last_mut() {
                Some(last) if last.vector == record.vector => last,
                _ => {
                    rows.push(DistinctRow { vector: record.vector, phishing: 0, legitimate: 0 });
                    match rows.last_mut() {
                        Some(last) => last,
                        None => continue,
                    }
                }
            };
            match record.label {
                Label::Phishing => last.phishing += 1,
                Label::Legitimate => last.legitimate += 1,
            }
        }
        Dataset { rows }
    }

    /// Distinct vectors with their counts, in any order; those of one vector are put together, and vectors without
    /// a row are left out.
    #[must_use]
    pub fn from_rows(mut rows: Vec<DistinctRow>) -> Dataset {
        rows.retain(|row| row.rows() > 0);
        rows.sort_unstable_by_key(|row| row.vector);
        rows.dedup_by(|row, kept| {
            let same = row.vector == kept.vector;
            if same {
                kept.phishing += row.phishing;
                kept.legitimate += row.legitimate;
            }
            same
        });
        Dataset { rows }
    }

    /// This and another, identical vectors put together.
    #[must_use]
    pub fn merged(&self, other: &Dataset) -> Dataset {
        Dataset::from_rows([self.rows(), other.rows()].concat())
    }

    /// At most `count` of the distinct vectors, drawn by the seed; all of them where there are no more.
    #[must_use]
    pub fn sample(&self, count: usize, seed: u64) -> Dataset {
        if self.rows.len() <= count {
            return self.clone();
        }
        let mut places: Vec<u32> = (0..self.rows.len() as u32).collect();
        shuffle_first(&mut places, count, &mut stream(seed, &[0x7361_6d70_6c65]));
        Dataset::from_rows(places[..count].iter().map(|place| self.rows[*place as usize]).collect())
    }

    /// At most `count` of the rows, drawn by the seed; all of them where there are no more.
    #[must_use]
    pub fn sample_rows(&self, count: usize, seed: u64) -> Dataset {
        if self.row_count() <= count as u64 {
            return self.clone();
        }
        let mut records: Vec<Record> = self.records().collect();
        shuffle_first(&mut records, count, &mut stream(seed, &[0x726f_7773]));
        Dataset::new(&records[..count])
    }

    /// The distinct vectors for which `keep` is true.
    #[must_use]
    pub fn filter(&self, mut keep: impl FnMut(&DistinctRow) -> bool) -> Dataset {
        Dataset { rows: self.rows.iter().filter(|row| keep(row)).copied().collect() }
    }

    /// The distinct vectors, ordered by packed vector.
    #[must_use]
    pub fn rows(&self) -> &[DistinctRow] {
        &self.rows
    }

    /// How many distinct vectors there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How many rows there are.
    #[must_use]
    pub fn row_count(&self) -> u64 {
        self.count(Label::Phishing) + self.count(Label::Legitimate)
    }

    /// How many rows have this label.
    #[must_use]
    pub fn count(&self, label: Label) -> u64 {
        self.rows
            .iter()
            .map(|row| match label {
                Label::Phishing => u64::from(row.phishing),
                Label::Legitimate => u64::from(row.legitimate),
            })
            .sum()
    }

    /// How many distinct vectors carry both labels.
    #[must_use]
    pub fn conflicts(&self) -> u64 {
        self.rows.iter().filter(|row| row.phishing > 0 && row.legitimate > 0).count() as u64
    }

    /// The rows one by one: each as often as it was seen.
    pub fn records(&self) -> impl Iterator<Item = Record> + '_ {
        self.rows.iter().flat_map(|row| {
            let record = |label| Record { vector: row.vector, label };
            std::iter::repeat_n(record(Label::Phishing), row.phishing as usize)
                .chain(std::iter::repeat_n(record(Label::Legitimate), row.legitimate as usize))
        })
    }

    /// How many rows of a label have each code of each feature: −1, 0, 1, missing.
    #[must_use]
    pub fn code_counts(&self, label: Label) -> [[u64; 4]; FEATURE_COUNT] {
        let mut counts = [[0; 4]; FEATURE_COUNT];
        for row in &self.rows {
            let weight = match label {
                Label::Phishing => row.phishing,
                Label::Legitimate => row.legitimate,
            };
            for feature in Feature::ALL {
                counts[feature.index()][row.vector.code(feature) as usize] += u64::from(weight);
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nothing_is_lost_and_order_does_not_matter(
            rows in prop::collection::vec((0..8u64, any::<bool>()), 0..60),
        ) {
            let mut records: Vec<Record> = rows
                .iter()
                .map(|&(bits, phishing)| Record {
                    vector: FeatureVector::from_bits(bits).unwrap(),
                    label: if phishing { Label::Phishing } else { Label::Legitimate },
                })
                .collect();
            let dataset = Dataset::new(&records);
            let mut back: Vec<Record> = dataset.records().collect();
            records.reverse();
            prop_assert_eq!(&dataset, &Dataset::new(&records));
            records.sort_unstable();
            back.sort_unstable();
            prop_assert_eq!(back, records);
            prop_assert_eq!(dataset.row_count(), rows.len() as u64);
            let (even, odd): (Vec<_>, Vec<_>) = dataset.rows().iter().partition(|row| row.vector.bits() % 2 == 0);
            prop_assert_eq!(&Dataset::from_rows([odd, even].concat()), &dataset);
            for count in [0, 3, 100] {
                prop_assert_eq!(dataset.sample(count, 1).len(), count.min(dataset.len()));
                prop_assert_eq!(dataset.sample_rows(count, 1).row_count(), (count as u64).min(dataset.row_count()));
            }
            let total: u64 = dataset.code_counts(Label::Phishing)[0].iter().sum();
            prop_assert_eq!(total, dataset.count(Label::Phishing));
        }
    }
}
