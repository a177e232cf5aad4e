//! Fitting imputers.

use lurelight_model::Imputer;
use lurelight_schema::{Code, FEATURE_COUNT, Feature, Label};

use crate::Dataset;

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
pub fn fill(data: &Dataset, imputer: Imputer) -> Dataset {
    let filled: Vec<_> = data
        .records()
        .map(|record| lurelight_schema::Record { vector: imputer.fill(record.vector), label: record.label })
        .collect();
    Dataset::new(&filled)
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
        let Imputer::MostFrequent(values) = fit_most_frequent(&data);
        assert_eq!((values[0], values[1]), (-1, 0));
        let filled = fill(&data, fit_most_frequent(&data));
        assert!(filled.rows().iter().all(|row| row.vector.missing_count() == 0));
        assert_eq!(filled.row_count(), 5);
    }
}
