//! Logistic regression, fitted by linfa.

use linfa::Dataset as LinfaDataset;
use linfa::traits::Fit;
use lurelight_model::{Classifier, LogisticRegression};
use lurelight_schema::{FEATURE_COUNT, Label};
use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};

use crate::param::{ParamError, check_at_least};
use crate::{Dataset, FitError};

/// The parameters of logistic regression, not checked yet.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogisticRegressionParams {
    /// The weight of the squared coefficients beside the summed loss; 1 is scikit-learn's C = 1.
    pub alpha: f64,
    /// Steps of the optimiser (L-BFGS), at most.
    pub max_iterations: u64,
    /// How many rows it is fitted on, drawn by the seed where there are more, because linfa needs them one by
    /// one.
    pub max_rows: usize,
}

/// The mean gradient a row at which the optimiser stops: coefficients are then right to some seven digits.
const MEAN_GRADIENT: f64 = 1e-8;

/// Parameters that can be fitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ValidLogisticRegressionParams(LogisticRegressionParams);

impl Default for LogisticRegressionParams {
    /// As scikit-learn's, on at most 100,000 rows: 31 coefficients need no more.
    fn default() -> LogisticRegressionParams {
        LogisticRegressionParams { alpha: 1.0, max_iterations: 200, max_rows: 100_000 }
    }
}

impl LogisticRegressionParams {
    /// Checks the parameters.
    ///
    /// # Errors
    ///
    /// Names the parameter that is out of its range.
    pub fn check(self) -> Result<ValidLogisticRegressionParams, ParamError> {
        check_at_least("alpha", self.alpha, 0.0)?;
        check_at_least("max_iterations", self.max_iterations as f64, 1.0)?;
        check_at_least("max_rows", self.max_rows as f64, 1.0)?;
        Ok(ValidLogisticRegressionParams(self))
    }
}

impl ValidLogisticRegressionParams {
    /// Fits the coefficients to the codes as numbers; missing values count as 0, so fill them first.
    ///
    /// # Errors
    ///
    /// [`FitError::NoRows`], [`FitError::OneClass`], and [`FitError::Linfa`] where the optimiser fails.
    pub fn fit(&self, data: &Dataset, seed: u64) -> Result<Classifier, FitError> {
        if data.is_empty() {
            return Err(FitError::NoRows);
        }
        let data = data.sample_rows(self.0.max_rows, seed);
        let (phishing, rows) = (data.count(Label::Phishing), data.row_count());
        if phishing == 0 || phishing == rows {
            return Err(FitError::OneClass);
        }
        let fitted = linfa_logistic::LogisticRegression::default()
            .alpha(self.0.alpha)
            .max_iterations(self.0.max_iterations)
            // The loss is a sum over rows, so the gradient at which to stop is one, too.
            .gradient_tolerance(MEAN_GRADIENT * rows as f64)
            .fit(&to_linfa(&data))
            .map_err(|error| FitError::Linfa(error.to_string()))?;
        // linfa's scores rise with the label that it calls positive.
        let sign = if fitted.labels().pos.class { 1.0 } else { -1.0 };
        let mut coefficients = [0.0; FEATURE_COUNT];
        for (coefficient, fitted) in coefficients.iter_mut().zip(fitted.params()) {
            *coefficient = sign * fitted;
        }
        Ok(Classifier::LogisticRegression(LogisticRegression {
            intercept: sign * fitted.intercept(),
            coefficients,
        }))
    }
}

/// The rows one by one, codes as numbers, `true` for phishing.
pub(crate) fn to_linfa(data: &Dataset) -> LinfaDataset<f64, bool, ndarray::Ix1> {
    let records: Vec<_> = data.records().collect();
    let codes: Vec<_> = records.iter().map(|record| record.vector.codes()).collect();
    let values = Array2::from_shape_fn((records.len(), FEATURE_COUNT), |(i, j)| {
        f64::from(codes[i][j].value().unwrap_or(0))
    });
    let labels = Array1::from_iter(records.iter().map(|record| record.label == Label::Phishing));
    LinfaDataset::new(values, labels)
}
