//! Filling holes for classifiers that cannot stand them.

use lurelight_schema::{Code, CodeSet, FEATURE_COUNT, Feature, FeatureVector};
use serde::{Deserialize, Serialize};

use crate::distance::{self, Bound};

/// The most neighbours that an [`Imputer::NearestNeighbours`] may average.
pub const MAX_IMPUTER_NEIGHBOURS: usize = 16;

/// A fitted imputer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Imputer {
    /// Each feature's most frequent value in the training data, as −1, 0 or 1 in the order of the UCI
    /// header.
    MostFrequent([i8; FEATURE_COUNT]),
    /// The mean of the nearest rows that have a value, as scikit-learn's `KNNImputer` finds it, rounded to a
    /// code.
    NearestNeighbours(Box<Donors>),
}

/// The training rows from which holes are filled, holes and all.
///
/// Distances are nan-Euclidean: the mean squared difference over the features that both rows have.
/// Identical rows count as often as they were seen; of equally near rows the first come first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Donors {
    k: usize,
    rows: distance::Rows,
    counts: Vec<u32>,
    /// What is filled in where no row has both the feature and anything in common: the mean of all rows.
    means: [f64; FEATURE_COUNT],
    /// The codes that each feature has among the rows; 0 alone where it has none.
    codes: [CodeSet; FEATURE_COUNT],
}

#[derive(Serialize, Deserialize)]
struct Written {
    k: u32,
    rows: Vec<u64>,
    counts: Vec<u32>,
}

/// Rows that no hole can be filled from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDonors {
    /// Not from 1 to [`MAX_IMPUTER_NEIGHBOURS`].
    #[error("an imputer takes the mean of 1 to {MAX_IMPUTER_NEIGHBOURS} neighbours, not of {0}")]
    Neighbours(usize),
    /// No row, or not one count a row.
    #[error("an imputer needs rows, each with the number of times that it was seen, 1 or more")]
    Rows,
}

impl Imputer {
    /// The row without holes.
    #[must_use]
    pub fn fill(&self, vector: FeatureVector) -> FeatureVector {
        if vector.missing_count() == 0 {
            return vector;
        }
        match self {
            Imputer::MostFrequent(values) => {
                Feature::ALL.into_iter().zip(values).fold(vector, |filled, (feature, value)| {
                    match (filled.code(feature), Code::from_number(f64::from(*value))) {
                        (Code::Missing, Ok(code)) => filled.with(feature, code),
                        _ => filled,
                    }
                })
            }
            Imputer::NearestNeighbours(donors) => donors.fill(vector),
        }
    }

    /// Whether it fills in nothing but −1, 0 and 1.
    pub(crate) fn is_valid(&self) -> bool {
        match self {
            Imputer::MostFrequent(values) => values.iter().all(|value| (-1..=1).contains(value)),
            Imputer::NearestNeighbours(_) => true,
        }
    }
}

impl Donors {
    /// Rows with the number of times that each was seen, and how many neighbours are averaged.
    ///
    /// # Errors
    ///
    /// See [`InvalidDonors`].
    pub fn new(k: usize, rows: &[(FeatureVector, u32)]) -> Result<Donors, InvalidDonors> {
        if !(1..=MAX_IMPUTER_NEIGHBOURS).contains(&k) {
            return Err(InvalidDonors::Neighbours(k));
        }
        if rows.is_empty() || rows.iter().any(|(_, count)| *count == 0) {
            return Err(InvalidDonors::Rows);
        }
        let mut seen = [[0u64; 4]; FEATURE_COUNT];
        for (vector, count) in rows {
            for (counts, code) in seen.iter_mut().zip(vector.codes()) {
                counts[code as usize] += u64::from(*count);
            }
        }
        let means = seen.map(|[minus, zero, plus, _]| {
            (plus as f64 - minus as f64) / ((minus + zero + plus).max(1)) as f64
        });
        let codes = seen.map(|counts| {
            let known = Code::VALUES.into_iter().filter(|code| counts[*code as usize] > 0);
            let known = known.fold(CodeSet::EMPTY, CodeSet::with);
            if known == CodeSet::EMPTY { known.with(Code::Zero) } else { known }
        });
        Ok(Donors {
            k,
            rows: distance::Rows::new(rows.iter().map(|(vector, _)| *vector)),
            counts: rows.iter().map(|(_, count)| *count).collect(),
            means,
            codes,
        })
    }

    /// What is filled into each feature of a row before it is rounded; `None` where the row has a value.
    #[must_use]
    pub fn means(&self, vector: FeatureVector) -> [Option<f64>; FEATURE_COUNT] {
        let holes: Vec<Feature> =
            Feature::ALL.into_iter().filter(|feature| vector.code(*feature) == Code::Missing).collect();
        let mut nearest: Vec<Nearest> = holes.iter().map(|_| Nearest::default()).collect();
        let asked = holes.iter().fold(0, |asked, feature| asked | 1 << (2 * feature.index()));
        self.rows.for_each_nearer(vector, |met| {
            let row = self.rows.bits(met.place);
            let mut fillable = asked & distance::present(row);
            while fillable != 0 {
                let shift = fillable.trailing_zeros();
                let hole = (asked & ((1 << shift) - 1)).count_ones() as usize;
                if nearest[hole].admits(self.k, met) {
                    let value = (row >> shift & 3) as i8 - 1;
                    nearest[hole].insert(self.k, met, value, self.counts[met.place]);
                }
                fillable &= fillable - 1;
            }
            // A row matters if it is nearer than the last one of any hole.
            let farther = |a: Bound, b: Bound| if a.is_below(b) { b } else { a };
            nearest.iter().map(|nearest| nearest.bound(self.k)).reduce(farther).unwrap_or(Bound::NONE)
        });
        let mut means = [None; FEATURE_COUNT];
        for (feature, nearest) in holes.into_iter().zip(nearest) {
            means[feature.index()] = Some(nearest.mean().unwrap_or(self.means[feature.index()]));
        }
        means
    }

    fn fill(&self, vector: FeatureVector) -> FeatureVector {
        Feature::ALL.into_iter().zip(self.means(vector)).fold(vector, |filled, (feature, mean)| match mean {
            Some(mean) => filled.with(feature, nearest_code(self.codes[feature.index()], mean)),
            None => filled,
        })
    }
}

/// The code of the set whose value is nearest; of two equally near ones the lower.
fn nearest_code(codes: CodeSet, mean: f64) -> Code {
    let gap = |code: &Code| (f64::from(code.value().unwrap_or(0)) - mean).abs();
    let known = Code::VALUES.into_iter().filter(|code| codes.contains(*code));
    known.min_by(|a, b| gap(a).total_cmp(&gap(b))).unwrap_or(Code::Zero)
}

/// The nearest rows that have a value for a feature, the nearest first.
#[derive(Default)]
struct Nearest {
    met: [Option<(distance::Met, i8)>; MAX_IMPUTER_NEIGHBOURS],
    len: usize,
}

impl Nearest {
    /// What a row that comes after all others so far must stay below to be among the `k` nearest.
    fn bound(&self, k: usize) -> Bound {
        self.met[k - 1].map_or(Bound::NONE, |(last, _)| last.bound())
    }

    fn admits(&self, k: usize, met: distance::Met) -> bool {
        met.bound().is_below(self.bound(k))
    }

    fn insert(&mut self, k: usize, met: distance::Met, value: i8, count: u32) {
        for _ in 0..count {
            if !self.admits(k, met) {
                return;
            }
            let mut at = self.len.min(k - 1);
            while at > 0 && self.met[at - 1].is_some_and(|(before, _)| met.bound().is_below(before.bound())) {
                self.met[at] = self.met[at - 1];
                at -= 1;
            }
            self.met[at] = Some((met, value));
            self.len = k.min(self.len + 1);
        }
    }

    fn mean(&self) -> Option<f64> {
        let sum: i32 = self.met.iter().flatten().map(|(_, value)| i32::from(*value)).sum();
        (self.len > 0).then(|| f64::from(sum) / self.len as f64)
    }
}

impl TryFrom<Written> for Donors {
    type Error = String;

    fn try_from(written: Written) -> Result<Donors, String> {
        if written.rows.len() != written.counts.len() {
            return Err(InvalidDonors::Rows.to_string());
        }
        let rows = written.rows.iter().zip(&written.counts);
        let rows: Result<Vec<_>, _> =
            rows.map(|(bits, count)| FeatureVector::from_bits(*bits).map(|row| (row, *count))).collect();
        let rows = rows.map_err(|error| error.to_string())?;
        Donors::new(written.k as usize, &rows).map_err(|error| error.to_string())
    }
}

impl From<Donors> for Written {
    fn from(donors: Donors) -> Written {
        Written { k: donors.k as u32, rows: donors.rows.iter().collect(), counts: donors.counts }
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

    #[test]
    fn the_nearest_rows_that_have_a_value_fill_the_hole() {
        let zero = FeatureVector::new(&[Code::Zero; FEATURE_COUNT]);
        let [near, far, asked] = [Feature::ALL[0], Feature::ALL[1], Feature::ALL[2]];
        let rows = [
            (zero.with(asked, Code::Missing), 9),
            (zero.with(asked, Code::Plus), 1),
            (zero.with(near, Code::Plus).with(asked, Code::Minus), 5),
            (zero.with(near, Code::Plus).with(far, Code::Plus).with(asked, Code::Plus), 50),
        ];
        let hole = zero.with(asked, Code::Missing);
        // The nearest is seen once; then two of the five at distance 1.
        let donors = Donors::new(3, &rows).unwrap();
        assert_eq!(donors.means(hole)[asked.index()], Some(-1.0 / 3.0));
        // −1/3 is nearest to −1 among −1 and 1: the feature never is 0.
        assert_eq!(donors.fill(hole), hole.with(asked, Code::Minus));
        // Of a row without anything in common only the mean of all is known.
        let means = donors.means(FeatureVector::MISSING);
        assert_eq!(means[asked.index()], Some((1.0 - 5.0 + 50.0) / 56.0));
        assert_eq!(Donors::new(1, &rows).unwrap().means(hole)[asked.index()], Some(1.0));
        assert_eq!(Donors::new(0, &rows), Err(InvalidDonors::Neighbours(0)));
        assert_eq!(Donors::new(3, &[]), Err(InvalidDonors::Rows));
    }
}
