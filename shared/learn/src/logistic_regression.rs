//! Logistic regression by Newton's method.
//!
//! Not linfa-logistic's: it sums with whatever instructions the processor has (fused or not) and takes its exponentials
//! from the system, so that its coefficients differ from processor to processor in their last digits, and a model
//! with them. 31 parameters on weighted distinct rows need some eight steps, each a sum in a fixed order; a test holds
//! the result to linfa's.

use lurelight_model::{Classifier, LogisticRegression, sigmoid};
use lurelight_schema::{FEATURE_COUNT, Label};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::param::{ParamError, check_at_least};
use crate::{Dataset, DistinctRow, FitError};

/// The parameters of logistic regression, not checked yet.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogisticRegressionParams {
    /// The weight of half the sum of squared coefficients beside the summed loss; 1 is scikit-learn's C = 1. The
    /// intercept is free.
    pub alpha: f64,
    /// Newton steps, at most.
    pub max_iterations: u64,
}

/// The mean gradient a row at which one last step is made. Near its end each step squares what is left, so that nothing but
/// rounding remains.
const MEAN_GRADIENT: f64 = 1e-8;

/// How often a step that does not help is halved.
const HALVINGS: u32 = 30;

/// Rows that are summed in one go, by one thread. The sums of chunks are added in their order, so this number and not
/// that of the threads says how a sum is rounded.
const CHUNK_ROWS: usize = 4096;

/// The coefficients, then the intercept.
const PARAMETERS: usize = FEATURE_COUNT + 1;

/// Parameters that can be fitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ValidLogisticRegressionParams(LogisticRegressionParams);

impl Default for LogisticRegressionParams {
    /// As scikit-learn's, in at most 100 steps.
    fn default() -> LogisticRegressionParams {
        LogisticRegressionParams { alpha: 1.0, max_iterations: 100 }
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
        Ok(ValidLogisticRegressionParams(self))
    }
}

impl ValidLogisticRegressionParams {
    /// Fits the coefficients to the codes as numbers; missing values count as 0, so fill them first. Nothing is
    /// random.
    ///
    /// # Errors
    ///
    /// [`FitError::NoRows`] and [`FitError::OneClass`].
    ///
    /// # Examples
    ///
    /// ```
    /// use lurelight_learn::{Dataset, LogisticRegressionParams};
    /// use lurelight_schema::{Code, FEATURE_COUNT, FeatureVector, Label, Record};
    ///
    /// let all = |code| FeatureVector::new(&[code; FEATURE_COUNT]);
    /// let data = Dataset::new(&[
    ///     Record { vector: all(Code::Minus), label: Label::Phishing },
    ///     Record { vector: all(Code::Plus), label: Label::Legitimate },
    /// ]);
    /// let linear = LogisticRegressionParams::default().check()?.fit(&data)?;
    /// assert!(linear.probability(all(Code::Minus)) > 0.5);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn fit(&self, data: &Dataset) -> Result<Classifier, FitError> {
        let (phishing, rows) = (data.count(Label::Phishing), data.row_count());
        if rows == 0 {
            return Err(FitError::NoRows);
        }
        if phishing == 0 || phishing == rows {
            return Err(FitError::OneClass);
        }
        let alpha = self.0.alpha;
        let mut weights = [0.0; PARAMETERS];
        let mut current = loss(data, &weights, alpha);
        for _ in 0..self.0.max_iterations {
            let slope = Slope::at(data, &weights, alpha);
            let is_last = slope.gradient.iter().all(|g| g.abs() <= MEAN_GRADIENT * rows as f64);
            let direction = slope.newton_direction();
            if is_last {
                weights.iter_mut().zip(direction).for_each(|(weight, by)| *weight -= by);
                break;
            }
            // The loss is convex, so a short enough step helps, until rounding ends it.
            let stepped = (0..HALVINGS).find_map(|k| {
                let share = libm::exp2(-f64::from(k));
                let mut moved = weights;
                moved.iter_mut().zip(direction).for_each(|(weight, by)| *weight -= share * by);
                let loss = loss(data, &moved, alpha);
                (loss < current).then_some((moved, loss))
            });
            let Some((moved, loss)) = stepped else { break };
            (weights, current) = (moved, loss);
        }
        let mut coefficients = [0.0; FEATURE_COUNT];
        coefficients.copy_from_slice(&weights[..FEATURE_COUNT]);
        let intercept = weights[FEATURE_COUNT];
        Ok(Classifier::LogisticRegression(LogisticRegression { intercept, coefficients }))
    }
}

/// The summed log-loss and its penalty.
fn loss(data: &Dataset, weights: &[f64; PARAMETERS], alpha: f64) -> f64 {
    let of_row = |row: &DistinctRow| {
        let log_odds = dot(weights, &values(row));
        // ln(1 + e^x) without overflow.
        let softplus = log_odds.max(0.0) + libm::log1p(libm::exp(-log_odds.abs()));
        f64::from(row.rows()) * softplus - f64::from(row.phishing) * log_odds
    };
    let chunk = |rows: &[DistinctRow]| rows.iter().map(of_row).sum::<f64>();
    let chunks: Vec<f64> = data.rows().par_chunks(CHUNK_ROWS).map(chunk).collect();
    let squares: f64 = weights[..FEATURE_COUNT].iter().map(|weight| weight * weight).sum();
    chunks.into_iter().sum::<f64>() + 0.5 * alpha * squares
}

/// The codes as numbers, and 1 for the intercept.
fn values(row: &DistinctRow) -> [f64; PARAMETERS] {
    let mut values = [1.0; PARAMETERS];
    for (value, code) in values.iter_mut().zip(row.vector.codes()) {
        *value = f64::from(code.value().unwrap_or(0));
    }
    values
}

fn dot(a: &[f64; PARAMETERS], b: &[f64; PARAMETERS]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// First and second derivatives of the loss.
#[derive(Clone)]
struct Slope {
    gradient: [f64; PARAMETERS],
    /// The lower triangle, row by row.
    hessian: [[f64; PARAMETERS]; PARAMETERS],
}

impl Slope {
    const ZERO: Slope = Slope { gradient: [0.0; PARAMETERS], hessian: [[0.0; PARAMETERS]; PARAMETERS] };

    fn at(data: &Dataset, weights: &[f64; PARAMETERS], alpha: f64) -> Slope {
        let chunk = |rows: &[DistinctRow]| {
            let mut slope = Slope::ZERO;
            rows.iter().for_each(|row| slope.add_row(row, weights));
            slope
        };
        let chunks: Vec<Slope> = data.rows().par_chunks(CHUNK_ROWS).map(chunk).collect();
        let mut slope = Slope::ZERO;
        chunks.iter().for_each(|chunk| slope.add(chunk));
        for (i, weight) in weights[..FEATURE_COUNT].iter().enumerate() {
            slope.gradient[i] += alpha * weight;
            slope.hessian[i][i] += alpha;
        }
        slope
    }

    fn add_row(&mut self, row: &DistinctRow, weights: &[f64; PARAMETERS]) {
        let values = values(row);
        let p = sigmoid(dot(weights, &values));
        let rows = f64::from(row.rows());
        let residual = rows * p - f64::from(row.phishing);
        let curvature = rows * p * (1.0 - p);
        for i in 0..PARAMETERS {
            self.gradient[i] += residual * values[i];
            let scaled = curvature * values[i];
            for (sum, value) in self.hessian[i][..=i].iter_mut().zip(&values) {
                *sum += scaled * value;
            }
        }
    }

    fn add(&mut self, other: &Slope) {
        for i in 0..PARAMETERS {
            self.gradient[i] += other.gradient[i];
            for j in 0..=i {
                self.hessian[i][j] += other.hessian[i][j];
            }
        }
    }

    /// The Hessian's inverse times the gradient, by Cholesky's decomposition. A parameter that the rows do not
    /// determine (its pivot vanishes, where alpha is 0) is not moved.
    fn newton_direction(mut self) -> [f64; PARAMETERS] {
        let h = &mut self.hessian;
        let diagonal: [f64; PARAMETERS] = std::array::from_fn(|i| h[i][i]);
        for i in 0..PARAMETERS {
            for j in 0..=i {
                let below: f64 = (0..j).map(|k| h[i][k] * h[j][k]).sum();
                let rest = h[i][j] - below;
                h[i][j] = if i == j {
                    if rest > 1e-12 * diagonal[i] { rest.sqrt() } else { 0.0 }
                } else if h[j][j] > 0.0 {
                    rest / h[j][j]
                } else {
                    0.0
                };
            }
        }
        let mut x = self.gradient;
        for i in 0..PARAMETERS {
            let known: f64 = (0..i).map(|k| h[i][k] * x[k]).sum();
            x[i] = if h[i][i] > 0.0 { (x[i] - known) / h[i][i] } else { 0.0 };
        }
        for i in (0..PARAMETERS).rev() {
            let known: f64 = (i + 1..PARAMETERS).map(|k| h[k][i] * x[k]).sum();
            x[i] = if h[i][i] > 0.0 { (x[i] - known) / h[i][i] } else { 0.0 };
        }
        x
    }
}

#[cfg(test)]
mod tests {
    use linfa::traits::Fit;
    use lurelight_schema::{Code, Feature, FeatureVector, Record};

    use super::*;
    use crate::linfa_adapter::to_linfa;
    use crate::synthetic::Statistics;

    fn fit(params: LogisticRegressionParams, data: &Dataset) -> LogisticRegression {
        let Classifier::LogisticRegression(fitted) = params.check().unwrap().fit(data).unwrap() else {
            panic!("another family");
        };
        fitted
    }

    #[test]
    fn the_coefficients_are_those_that_linfa_finds() {
        let records: Vec<_> = Statistics::built_in().unwrap().generate(4).take(2_000).collect();
        let data = Dataset::new(&records);
        for alpha in [0.3, 1.0, 20.0] {
            let ours = fit(LogisticRegressionParams { alpha, ..Default::default() }, &data);
            let linfas = linfa_logistic::LogisticRegression::default()
                .alpha(alpha)
                .max_iterations(500)
                .gradient_tolerance(1e-6)
                .fit(&to_linfa(&data))
                .unwrap();
            // linfa's scores rise with the label that it calls positive.
            let sign = if linfas.labels().pos.class { 1.0 } else { -1.0 };
            assert!((ours.intercept - sign * linfas.intercept()).abs() < 1e-6);
            for (ours, linfas) in ours.coefficients.iter().zip(linfas.params()) {
                assert!((ours - sign * linfas).abs() < 1e-6, "{ours} here, {linfas} by linfa");
            }
        }
    }

    /// Without a penalty the coefficients of separable rows have no end, and those of twin columns no one value.
    #[test]
    fn rows_that_determine_nothing_give_finite_coefficients() {
        let zeros = FeatureVector::from_bits(0x0555_5555_5555_5555).unwrap();
        let apart: [&[Feature]; 2] = [&Feature::ALL[7..8], &Feature::ALL[7..9]];
        for features in apart {
            let site = |code| features.iter().fold(zeros, |row, feature| row.with(*feature, code));
            let data = Dataset::new(&[
                Record { vector: site(Code::Minus), label: Label::Phishing },
                Record { vector: site(Code::Plus), label: Label::Legitimate },
            ]);
            let fitted = fit(LogisticRegressionParams { alpha: 0.0, ..Default::default() }, &data);
            assert!(fitted.coefficients.iter().all(|coefficient| coefficient.is_finite()));
            let fitted = Classifier::LogisticRegression(fitted);
            assert!(
                fitted.probability(site(Code::Minus)) > 0.99 && fitted.probability(site(Code::Plus)) < 0.01
            );
        }
    }
}
