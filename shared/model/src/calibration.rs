//! From a classifier's probability to a calibrated one.

use serde::{Deserialize, Serialize};

use crate::{logit, sigmoid};

/// How a classifier's own probability becomes the one that is reported.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Calibration {
    /// It is reported as it is.
    None,
    /// Platt scaling on log-odds: σ(slope · logit(p) + intercept) (Platt, 1999).
    Platt {
        /// Positive, so that the order of rows stays.
        slope: f64,
        /// In log-odds.
        intercept: f64,
    },
}

impl Calibration {
    /// The calibrated probability of a probability strictly between 0 and 1.
    #[must_use]
    pub fn apply(self, probability: f64) -> f64 {
        match self {
            Calibration::None => probability,
            Calibration::Platt { slope, intercept } => sigmoid(slope * logit(probability) + intercept),
        }
    }

    /// `none` or `Platt`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Calibration::None => "none",
            Calibration::Platt { .. } => "Platt",
        }
    }
}
