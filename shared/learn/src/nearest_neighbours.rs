//! Fitting k nearest neighbours (Cover and Hart, "Nearest neighbor pattern classification", 1967): keeping the rows.

use lurelight_model::{Classifier, NearestNeighbours, NeighbourWeights};
use serde::{Deserialize, Serialize};

use crate::param::{ParamError, check_at_least};
use crate::{Dataset, FitError};

/// The parameters of k nearest neighbours, not checked yet.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NearestNeighboursParams {
    /// How many rows are looked for.
    pub n_neighbors: usize,
    /// How much each of them counts.
    pub weights: NeighbourWeights,
    /// How many distinct rows are kept, drawn by the seed where there are more: each is looked at for every
    /// row that is scored.
    pub max_rows: usize,
}

/// Parameters that can be fitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ValidNearestNeighboursParams(NearestNeighboursParams);

impl Default for NearestNeighboursParams {
    /// Five rows that count alike, among at most 20,000.
    fn default() -> NearestNeighboursParams {
        NearestNeighboursParams { n_neighbors: 5, weights: NeighbourWeights::Uniform, max_rows: 20_000 }
    }
}

impl NearestNeighboursParams {
    /// Checks the parameters.
    ///
    /// # Errors
    ///
    /// Names the parameter that is out of its range.
    pub fn check(self) -> Result<ValidNearestNeighboursParams, ParamError> {
        check_at_least("n_neighbors", self.n_neighbors as f64, 1.0)?;
        check_at_least("max_rows", self.max_rows as f64, 1.0)?;
        Ok(ValidNearestNeighboursParams(self))
    }
}

impl ValidNearestNeighboursParams {
    /// Keeps the rows, which must have no holes.
    ///
    /// # Errors
    ///
    /// [`FitError::NoRows`]; what is wrong with rows that have holes is said when a model is made of them.
    ///
    /// # Examples
    ///
    /// ```
    /// use lurelight_learn::{Dataset, NearestNeighboursParams};
    /// use lurelight_schema::{Code, FEATURE_COUNT, FeatureVector, Label, Record};
    ///
    /// let all = |code| FeatureVector::new(&[code; FEATURE_COUNT]);
    /// let data = Dataset::new(&[
    ///     Record { vector: all(Code::Minus), label: Label::Phishing },
    ///     Record { vector: all(Code::Plus), label: Label::Legitimate },
    /// ]);
    /// let params = NearestNeighboursParams { n_neighbors: 1, ..Default::default() };
    /// assert_eq!(params.check()?.fit(&data, 42)?.probability(all(Code::Minus)), 1.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn fit(&self, data: &Dataset, seed: u64) -> Result<Classifier, FitError> {
        if data.is_empty() {
            return Err(FitError::NoRows);
        }
        let kept = data.sample(self.0.max_rows, seed);
        Ok(Classifier::NearestNeighbours(NearestNeighbours {
            k: self.0.n_neighbors as u32,
            weights: self.0.weights,
            rows: kept.rows().iter().map(|row| row.vector.bits()).collect(),
            labels: kept.rows().iter().map(|row| (row.phishing, row.legitimate)).collect(),
        }))
    }
}
