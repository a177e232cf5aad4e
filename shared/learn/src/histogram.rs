//! Sums by code of a node's rows.

use lurelight_schema::{FEATURE_COUNT, Feature};

use crate::grow::{Sample, Sums};

/// A feature's sums, by code.
pub(crate) type Histogram = [Sums; 4];

/// Those of all features.
pub(crate) type Histograms = [Histogram; FEATURE_COUNT];

/// From how many rows on features are counted by threes.
const MANY: usize = 96;

/// Sums that are added two by two.
#[derive(Clone, Copy)]
#[repr(align(32))]
struct Cell([f64; 4]);

impl Cell {
    const ZERO: Cell = Cell([0.0; 4]);

    #[inline(always)]
    fn of(sums: Sums) -> Cell {
        Cell([sums.first, sums.second, sums.rows, 0.0])
    }

    #[inline(always)]
    fn add(&mut self, other: Cell) {
        self.0[0] += other.0[0];
        self.0[1] += other.0[1];
        self.0[2] += other.0[2];
        self.0[3] += other.0[3];
    }

    fn sums(self) -> Sums {
        Sums { first: self.0[0], second: self.0[1], rows: self.0[2] }
    }
}

/// The sums of all features, in one pass over the rows.
pub(crate) fn all(samples: &[Sample]) -> Histograms {
    if samples.len() >= MANY { by_threes(samples) } else { one_by_one(samples) }
}

fn one_by_one(samples: &[Sample]) -> Histograms {
    let mut cells = [[Cell::ZERO; 4]; FEATURE_COUNT];
    for sample in samples {
        let (mut bits, add) = (sample.vector.bits(), Cell::of(sample.sums));
        for histogram in &mut cells {
            histogram[(bits & 3) as usize].add(add);
            bits >>= 2;
        }
    }
    cells.map(|histogram| histogram.map(Cell::sums))
}

/// Three features together have 64 combinations of codes: a row adds to ten tables instead of thirty, and the
/// tables are summed up by feature in the end.
fn by_threes(samples: &[Sample]) -> Histograms {
    const TABLES: usize = FEATURE_COUNT / 3;
    let mut tables = [[Cell::ZERO; 64]; TABLES];
    for sample in samples {
        let (mut bits, add) = (sample.vector.bits(), Cell::of(sample.sums));
        for table in &mut tables {
            table[(bits & 63) as usize].add(add);
            bits >>= 6;
        }
    }
    let mut cells = [[Cell::ZERO; 4]; FEATURE_COUNT];
    for (table, features) in tables.iter().zip(cells.chunks_exact_mut(3)) {
        for (codes, cell) in table.iter().enumerate().filter(|(_, cell)| cell.0[2] > 0.0) {
            features[0][codes & 3].add(*cell);
            features[1][codes >> 2 & 3].add(*cell);
            features[2][codes >> 4].add(*cell);
        }
    }
    cells.map(|histogram| histogram.map(Cell::sums))
}

/// What is left of a node's sums without those of one of its children. Numbers of rows are exact, so it is seen where
/// nothing is left; other sums may keep a rounding error there.
pub(crate) fn rest(parent: &Histograms, child: &Histograms) -> Histograms {
    let mut rest = *parent;
    for (sums, less) in rest.as_flattened_mut().iter_mut().zip(child.as_flattened()) {
        sums.first -= less.first;
        sums.second -= less.second;
        sums.rows -= less.rows;
    }
    rest
}

/// The sums of some features, in one pass over the rows for each five.
pub(crate) fn of(samples: &[Sample], features: &[Feature]) -> Vec<Histogram> {
    let (fives, others) = features.as_chunks::<5>();
    let mut histograms = Vec::with_capacity(features.len());
    for features in fives {
        let shifts = features.map(|feature| 2 * feature.index() as u32);
        let mut cells = [[Cell::ZERO; 4]; 5];
        for sample in samples {
            let (bits, add) = (sample.vector.bits(), Cell::of(sample.sums));
            for (histogram, shift) in cells.iter_mut().zip(shifts) {
                histogram[(bits >> shift & 3) as usize].add(add);
            }
        }
        histograms.extend(cells.map(|histogram| histogram.map(Cell::sums)));
    }
    histograms.extend(others.iter().map(|feature| one(samples, *feature)));
    histograms
}

/// The sums of one feature.
pub(crate) fn one(samples: &[Sample], feature: Feature) -> Histogram {
    let mut histogram = Histogram::default();
    for sample in samples {
        let sums = &mut histogram[sample.vector.code(feature) as usize];
        *sums = *sums + sample.sums;
    }
    histogram
}

#[cfg(test)]
mod tests {
    use lurelight_schema::FeatureVector;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whole numbers, which add up exactly in any order.
        #[test]
        fn every_way_of_counting_counts_the_same(rows in prop::collection::vec((0..1u64 << 60, 1..9u32), 1..200)) {
            let sample = |&(bits, rows): &(u64, u32)| Sample {
                vector: FeatureVector::from_bits(bits).unwrap(),
                sums: Sums { first: -f64::from(rows % 3), second: f64::from(rows * 7), rows: f64::from(rows) },
            };
            let samples: Vec<Sample> = rows.iter().map(sample).collect();
            let expected: Vec<Histogram> = Feature::ALL.into_iter().map(|feature| one(&samples, feature)).collect();
            prop_assert_eq!(&by_threes(&samples)[..], &expected[..]);
            prop_assert_eq!(&one_by_one(&samples)[..], &expected[..]);
            for count in [1, 5, 13, 30] {
                prop_assert_eq!(&of(&samples, &Feature::ALL[..count])[..], &expected[..count]);
            }
            let (child, sibling) = samples.split_at(samples.len() / 2);
            prop_assert_eq!(rest(&all(&samples), &all(child)), all(sibling));
        }
    }
}
