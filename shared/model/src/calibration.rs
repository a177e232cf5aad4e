//! From a classifier's probability to a calibrated one.

use serde::{Deserialize, Serialize};

use crate::{logit, sigmoid};

/// How a classifier's own probability becomes the one that is reported.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Calibration {
    /// It is reported as it is.
    None,
    /// Platt scaling on log-odds: σ(slope · logit(p) + intercept) (Platt, 1999); without an intercept, temperature
    /// scaling (Guo, Pleiss, Sun, Weinberger, 2017).
    Platt {
        /// Positive, so that the order of rows stays.
        slope: f64,
        /// In log-odds.
        intercept: f64,
    },
    /// Isotonic regression (Zadrozny and Elkan, 2002): linear between these points, level before the first and
    /// behind the last.
    Isotonic {
        /// Probabilities and what they become: the first rising, the second not falling.
        points: Vec<(f64, f64)>,
    },
}

impl Calibration {
    /// The calibrated probability of a probability strictly between 0 and 1.
    #[must_use]
    pub fn apply(&self, probability: f64) -> f64 {
        match self {
            Calibration::None => probability,
            Calibration::Platt { slope, intercept } => sigmoid(slope * logit(probability) + intercept),
            Calibration::Isotonic { points } => interpolate(points, probability),
        }
    }

    /// `none`, `temperature`, `Platt` or `isotonic`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Calibration::None => "none",
            Calibration::Platt { intercept: 0.0, .. } => "temperature",
            Calibration::Platt { .. } => "Platt",
            Calibration::Isotonic { .. } => "isotonic",
        }
    }

    /// Whether it is one: numbers finite, and no row overtakes another.
    pub(crate) fn is_valid(&self) -> bool {
        match self {
            Calibration::None => true,
            Calibration::Platt { slope, intercept } => *slope > 0.0 && *slope < 1e6 && intercept.abs() < 1e6,
            Calibration::Isotonic { points } => {
                let unit = |value: f64| (0.0..=1.0).contains(&value);
                !points.is_empty()
                    && points.iter().all(|(x, y)| unit(*x) && unit(*y))
                    && points.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1)
            }
        }
    }
}

fn interpolate(points: &[(f64, f64)], x: f64) -> f64 {
    let behind = points.partition_point(|point| point.0 < x);
    match (behind.checked_sub(1).map(|before| points[before]), points.get(behind)) {
        (Some((x0, y0)), Some(&(x1, y1))) => y0 + (y1 - y0) * ((x - x0) / (x1 - x0)),
        (None, Some((_, y))) => *y,
        (Some((_, y)), None) => y,
        (None, None) => x,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn isotonic_points_are_joined_by_lines() {
        let calibration = Calibration::Isotonic { points: vec![(0.25, 0.0), (0.5, 0.5), (0.75, 0.5)] };
        let table = [(0.0, 0.0), (0.25, 0.0), (0.375, 0.25), (0.5, 0.5), (0.6, 0.5), (0.9, 0.5)];
        for (probability, expected) in table {
            assert_eq!(calibration.apply(probability), expected, "{probability}");
        }
    }
}
