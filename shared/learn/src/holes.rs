//! Learning from rows without holes for rows that will have some.

use lurelight_schema::{Code, Feature, FeatureVector, Record};
use rand::{Rng, RngExt};

use crate::Dataset;
use crate::random::stream;

/// The greatest share of the cells of a row that a copy loses.
const MOST: f64 = 0.5;

/// The most copies that may be asked for.
pub const MAX_MASKED_COPIES: usize = 64;

/// The rows, and as many copies of them, in each of which every row has lost its own share of cells at random, drawn
/// evenly from 0 to one half. A copy stands where its source stands: make them of one side of a division, never before
/// rows are divided.
#[must_use]
pub fn with_masked_copies(data: &Dataset, copies: usize, seed: u64) -> Dataset {
    if copies == 0 {
        return data.clone();
    }
    let mut rows: Vec<Record> = data.records().collect();
    for copy in 0..copies as u64 {
        let mut rng = stream(seed, &[0x6d61_736b_6564, copy]);
        rows.extend(data.records().map(|record| {
            let share = MOST * rng.random::<f64>();
            Record { vector: without_cells(record.vector, share, &mut rng), ..record }
        }));
    }
    Dataset::new(&rows)
}

/// The rows with each cell lost by this chance.
#[must_use]
pub fn with_holes(data: &Dataset, share: f64, seed: u64) -> Dataset {
    let mut rng = stream(seed, &[0x0068_6f6c_6573, (share * 1e6) as u64]);
    let rows: Vec<Record> = data
        .records()
        .map(|record| Record { vector: without_cells(record.vector, share, &mut rng), ..record })
        .collect();
    Dataset::new(&rows)
}

fn without_cells(vector: FeatureVector, share: f64, rng: &mut impl Rng) -> FeatureVector {
    Feature::ALL.into_iter().fold(vector, |vector, feature| {
        if rng.random::<f64>() < share { vector.with(feature, Code::Missing) } else { vector }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::Statistics;

    fn data() -> Dataset {
        let records: Vec<Record> = Statistics::built_in().unwrap().generate(5).take(2_000).collect();
        Dataset::new(&records)
    }

    fn missing_share(data: &Dataset) -> f64 {
        let holes = |row: &crate::DistinctRow| u64::from(row.vector.missing_count()) * u64::from(row.rows());
        data.rows().iter().map(holes).sum::<u64>() as f64 / (30 * data.row_count()) as f64
    }

    #[test]
    fn holes_come_at_the_share_that_was_asked_for() {
        let data = data();
        assert_eq!(with_holes(&data, 0.0, 1), data);
        for share in [0.05, 0.2, 0.5] {
            let holed = with_holes(&data, share, 1);
            assert_eq!(holed, with_holes(&data, share, 1));
            assert_ne!(holed, with_holes(&data, share, 2));
            assert_eq!(holed.row_count(), data.row_count());
            assert!((missing_share(&holed) - share).abs() < 0.01, "{}", missing_share(&holed));
        }
    }

    #[test]
    fn a_copy_has_every_row_and_its_label_with_a_quarter_of_the_cells_lost() {
        let data = data();
        assert_eq!(with_masked_copies(&data, 0, 3), data);
        let copies = with_masked_copies(&data, 3, 3);
        assert_eq!(copies, with_masked_copies(&data, 3, 3));
        for label in [lurelight_schema::Label::Phishing, lurelight_schema::Label::Legitimate] {
            assert_eq!(copies.count(label), 4 * data.count(label));
        }
        assert!((missing_share(&copies) - 0.75 * 0.25).abs() < 0.01, "{}", missing_share(&copies));
    }
}
