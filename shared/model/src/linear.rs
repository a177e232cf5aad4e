//! Logistic regression.

use lurelight_schema::{FEATURE_COUNT, FeatureVector};
use serde::{Deserialize, Serialize};

/// A fitted logistic regression on the codes as numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogisticRegression {
    /// The log-odds of phishing where every feature is 0.
    pub intercept: f64,
    /// The change of the log-odds of phishing by one unit of each feature, in the order of the header.
    pub coefficients: [f64; FEATURE_COUNT],
}

impl LogisticRegression {
    /// The log-odds of phishing; a missing value counts as 0, so an imputer belongs before it.
    #[must_use]
    pub fn log_odds(&self, vector: FeatureVector) -> f64 {
        let mut sum = self.intercept;
        for (code, coefficient) in vector.codes().into_iter().zip(self.coefficients) {
            sum += f64::from(code.value().unwrap_or(0)) * coefficient;
        }
        sum
    }

    pub(crate) fn is_finite(&self) -> bool {
        self.intercept.is_finite() && self.coefficients.iter().all(|c| c.is_finite())
    }
}
