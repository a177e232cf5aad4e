//! Filling holes for classifiers that cannot stand them.

use lurelight_schema::{Code, FEATURE_COUNT, Feature, FeatureVector};
use serde::{Deserialize, Serialize};

/// A fitted imputer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Imputer {
    /// Each feature's most frequent value in the training data, as −1, 0 or 1 in the order of the UCI
    /// header.
    MostFrequent([i8; FEATURE_COUNT]),
}

impl Imputer {
    /// The row without holes.
    #[must_use]
    pub fn fill(&self, vector: FeatureVector) -> FeatureVector {
        let Imputer::MostFrequent(values) = self;
        if vector.missing_count() == 0 {
            return vector;
        }
        Feature::ALL.into_iter().zip(values).fold(vector, |filled, (feature, value)| {
            match (filled.code(feature), Code::from_number(f64::from(*value))) {
                (Code::Missing, Ok(code)) => filled.with(feature, code),
                _ => filled,
            }
        })
    }

    /// Whether every value is −1, 0 or 1.
    pub(crate) fn is_valid(&self) -> bool {
        let Imputer::MostFrequent(values) = self;
        values.iter().all(|value| (-1..=1).contains(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_holes_are_filled() {
        let mut values = [1; FEATURE_COUNT];
        values[3] = -1;
        let imputer = Imputer::MostFrequent(values);
        let row = FeatureVector::MISSING.with(Feature::ALL[0], Code::Zero);
        let filled = imputer.fill(row);
        assert_eq!(filled.code(Feature::ALL[0]), Code::Zero);
        assert_eq!(filled.code(Feature::ALL[3]), Code::Minus);
        assert_eq!(filled.code(Feature::ALL[29]), Code::Plus);
        assert_eq!(filled.missing_count(), 0);
        assert_eq!(imputer.fill(filled), filled);
    }
}
