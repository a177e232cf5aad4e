//! Fitting imputers.

use lurelight_model::{Donors, Imputer, InvalidDonors};
use lurelight_schema::{Code, FEATURE_COUNT, Feature, Label};
use rayon::prelude::*;

use crate::{Dataset, DistinctRow, FitError};

/// How many neighbours the imputer of candidates averages.
pub const NEIGHBOURS: usize = 3;

/// How many distinct rows the imputer of candidates keeps, drawn by the seed where there are more: each is
/// looked at for every row that has a hole.
pub const MAX_DONOR_ROWS: usize = 20_000;

/// Keeps the rows from which holes are filled by the mean of the `k` nearest, at most [`MAX_DONOR_ROWS`] distinct
/// ones.
///
/// # Errors
///
/// [`FitError::NoRows`], and [`FitError::Donors`] for a `k` out of range.
pub fn fit_nearest_neighbours(data: &Dataset, k: usize, seed: u64) -> Result<Imputer, FitError> {
    let kept = data.sample(MAX_DONOR_ROWS, seed);
    let rows: Vec<_> = kept.rows().iter().map(|row| (row.vector, row.rows())).collect();
    match Donors::new(k, &rows) {
        Ok(donors) => Ok(Imputer::NearestNeighbours(Box::new(donors))),
        Err(InvalidDonors::Rows) => Err(FitError::NoRows),
        Err(error) => Err(FitError::Donors(error)),
    }
}

/// Each feature's most frequent value among the rows; of equally frequent ones the lowest, and 0 where a
/// feature has no value at all.
#[must_use]
pub fn fit_most_frequent(data: &Dataset) -> Imputer {
    let [phishing, legitimate] = [Label::Phishing, Label::Legitimate].map(|label| data.code_counts(label));
    let mut values = [0; FEATURE_COUNT];
    for feature in Feature::ALL {
        let i = feature.index();
        let count = |code: Code| phishing[i][code as usize] + legitimate[i][code as usize];
        let most =
            Code::VALUES.into_iter().rev().max_by_key(|code| count(*code)).filter(|code| count(*code) > 0);
        values[i] = most.and_then(Code::value).unwrap_or(0);
    }
    Imputer::MostFrequent(values)
}

/// The dataset without holes.
#[must_use]
pub fn fill(data: &Dataset, imputer: &Imputer) -> Dataset {
    let filled = |row: &DistinctRow| DistinctRow { vector: imputer.fill(row.vector), ..*row };
    Dataset::from_rows(data.rows().par_iter().map(filled).collect())
}

#[cfg(test)]
mod tests {
    use lurelight_schema::{FeatureVector, Record};

    use super::*;

    #[test]
    fn the_most_frequent_value_wins_and_the_lowest_of_equals() {
        let row = |code| FeatureVector::MISSING.with(Feature::ALL[0], code);
        let record = |code, label| Record { vector: row(code), label };
        let data = Dataset::new(&[
            record(Code::Plus, Label::Phishing),
            record(Code::Plus, Label::Legitimate),
            record(Code::Minus, Label::Phishing),
            record(Code::Minus, Label::Phishing),
            record(Code::Missing, Label::Phishing),
        ]);
        let Imputer::MostFrequent(values) = fit_most_frequent(&data) else { panic!("another imputer") };
        assert_eq!((values[0], values[1]), (-1, 0));
        let filled = fill(&data, &fit_most_frequent(&data));
        assert!(filled.rows().iter().all(|row| row.vector.missing_count() == 0));
        assert_eq!(filled.row_count(), 5);
    }
}
