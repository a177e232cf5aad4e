//! How much a vector weighs that stands in several rows.
//!
//! Rows of one vector tell the same thing again. Where what counts are vectors that were never seen, a vector that stands
//! in a hundred rows is no hundred times as telling as one that stands in one.

use crate::Dataset;
use crate::param::{ParamError, check_at_least};

/// The power by which a vector weighs as much as its rows.
pub(crate) const fn all_rows() -> f64 {
    1.0
}

/// Checks that the power is from 0, where all vectors weigh the same, to 1, where all rows do.
pub(crate) fn check_count_power(power: f64) -> Result<(), ParamError> {
    check_at_least("count_power", power, 0.0)?;
    if power <= 1.0 {
        return Ok(());
    }
    Err(ParamError { name: "count_power", value: power, range: "from 0 to 1".to_owned() })
}

/// For each distinct vector what each of its rows weighs, so that n rows weigh n to the `power`, times the number that
/// makes all of them weigh as much as there are rows.
pub(crate) fn factors(data: &Dataset, power: f64) -> Vec<f64> {
    if power == 1.0 {
        return vec![1.0; data.len()];
    }
    let weight = |rows: u32| libm::pow(f64::from(rows), power);
    let total: f64 = data.rows().iter().map(|row| weight(row.rows())).sum();
    let scale = data.row_count() as f64 / total;
    data.rows().iter().map(|row| scale * weight(row.rows()) / f64::from(row.rows())).collect()
}

#[cfg(test)]
mod tests {
    use lurelight_schema::FeatureVector;

    use super::*;
    use crate::DistinctRow;

    #[test]
    fn weights_add_up_to_the_rows() {
        let row = |bits, phishing, legitimate| DistinctRow {
            vector: FeatureVector::from_bits(bits).unwrap(),
            phishing,
            legitimate,
        };
        let data = Dataset::from_rows(vec![row(0, 1, 0), row(1, 3, 1), row(2, 0, 9)]);
        for (power, expected) in [(1.0, [1.0, 4.0, 9.0]), (0.5, [1.0, 2.0, 3.0]), (0.0, [1.0; 3])] {
            let weights: Vec<f64> = factors(&data, power)
                .iter()
                .zip(data.rows())
                .map(|(f, row)| f * f64::from(row.rows()))
                .collect();
            let total: f64 = weights.iter().sum();
            assert!((total - 14.0).abs() < 1e-12, "{total}");
            for (weight, expected) in weights.iter().zip(expected) {
                assert!((weight / weights[0] - expected).abs() < 1e-12, "{power}: {weights:?}");
            }
        }
    }
}
