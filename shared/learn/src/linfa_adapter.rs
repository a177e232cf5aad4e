//! linfa's traits for this engine: its `Dataset`, `Fit` and `Predict` meet ours here and nowhere else, so that linfa's
//! own estimators and ours are used alike. A row of values is 30 codes as numbers, NaN where one is missing; a target is `true`
//! for phishing.
//!
//! ```
//! use linfa::traits::{Fit, Predict};
//! use linfa::Dataset as LinfaDataset;
//! use lurelight_learn::linfa_adapter::{Seeded, to_linfa};
//! use lurelight_learn::{Dataset, DecisionTreeParams, Estimator, synthetic::Statistics};
//! use ndarray::{Array1, Array2, Ix1};
//!
//! /// Any estimator, linfa's or ours: the share of its own rows that it calls right.
//! fn accuracy<P, E>(params: &P, data: &LinfaDataset<f64, bool, Ix1>) -> Result<f64, E>
//! where
//!     P: Fit<Array2<f64>, Array1<bool>, E>,
//!     P::Object: for<'a> Predict<&'a Array2<f64>, Array1<bool>>,
//!     E: std::error::Error + From<linfa::Error>,
//! {
//!     let verdicts = params.fit(data)?.predict(&data.records);
//!     let right = verdicts.iter().zip(&data.targets).filter(|(verdict, label)| verdict == label);
//!     Ok(right.count() as f64 / data.targets.len() as f64)
//! }
//!
//! let rows: Vec<_> = Statistics::built_in()?.generate(1).take(500).collect();
//! let data = to_linfa(&Dataset::new(&rows));
//! let ours = Seeded { estimator: Estimator::DecisionTree(DecisionTreeParams::default()), seed: 42 };
//! let theirs = linfa_trees::DecisionTree::<f64, bool>::params();
//! assert!(accuracy(&ours, &data)? > accuracy::<_, linfa::Error>(&theirs, &data)?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use linfa::Dataset as LinfaDataset;
use linfa::dataset::DatasetBase;
use linfa::traits::{Fit, PredictInplace};
use lurelight_model::{Classifier, Member, Model};
use lurelight_schema::{Code, FEATURE_COUNT, FeatureVector, Label, Record};
use ndarray::{Array1, Array2, ArrayBase, ArrayView1, Axis, Data, Ix1, Ix2};

use crate::{Dataset, Estimator, FitError};

/// An estimator of ours as linfa fits one: with its seed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seeded {
    /// The family and its parameters.
    pub estimator: Estimator,
    /// The seed of everything random.
    pub seed: u64,
}

/// A fitted model of ours as linfa predicts with one.
#[derive(Clone, Debug, PartialEq)]
pub struct Fitted<M>(pub M);

/// What gives a row a probability of phishing, from 0 to 1.
pub trait Probability {
    /// The probability that the row is phishing.
    fn probability(&self, vector: FeatureVector) -> f64;
}

impl Probability for Classifier {
    fn probability(&self, vector: FeatureVector) -> f64 {
        Classifier::probability(self, vector)
    }
}

impl Probability for Member {
    fn probability(&self, vector: FeatureVector) -> f64 {
        Member::probability(self, vector)
    }
}

impl Probability for Model {
    fn probability(&self, vector: FeatureVector) -> f64 {
        Model::probability(self, vector)
    }
}

/// The rows one by one, codes as numbers, NaN for a missing one.
#[must_use]
pub fn to_linfa(data: &Dataset) -> LinfaDataset<f64, bool, Ix1> {
    to_linfa_with(data, f64::NAN)
}

/// The same with another number for a missing code: linfa's own estimators panic at NaN.
#[must_use]
pub fn to_linfa_with(data: &Dataset, missing: f64) -> LinfaDataset<f64, bool, Ix1> {
    let records: Vec<Record> = data.records().collect();
    let codes: Vec<_> = records.iter().map(|record| record.vector.codes()).collect();
    let values = Array2::from_shape_fn((records.len(), FEATURE_COUNT), |(i, j)| {
        codes[i][j].value().map_or(missing, f64::from)
    });
    let labels = Array1::from_iter(records.iter().map(|record| record.label == Label::Phishing));
    LinfaDataset::new(values, labels)
}

/// The inverse of [`to_linfa`], but for the order of the rows.
///
/// # Errors
///
/// [`FitError::Values`], with the place of the first value that is no code, or where there are not 30 in a row.
pub fn from_linfa<D: Data<Elem = f64>, T: Data<Elem = bool>>(
    data: &DatasetBase<ArrayBase<D, Ix2>, ArrayBase<T, Ix1>>,
) -> Result<Dataset, FitError> {
    let label = |phishing: &bool| if *phishing { Label::Phishing } else { Label::Legitimate };
    let rows = vectors(&data.records)?.into_iter().zip(data.targets.iter().map(label));
    let records: Vec<Record> = rows.map(|(vector, label)| Record { vector, label }).collect();
    Ok(Dataset::new(&records))
}

/// Rows of values as packed vectors.
///
/// # Errors
///
/// As [`from_linfa`].
pub fn vectors<D: Data<Elem = f64>>(values: &ArrayBase<D, Ix2>) -> Result<Vec<FeatureVector>, FitError> {
    if values.ncols() != FEATURE_COUNT {
        return Err(FitError::Values(format!(
            "a row has {} values instead of {FEATURE_COUNT}",
            values.ncols()
        )));
    }
    values.axis_iter(Axis(0)).enumerate().map(|(i, row)| vector(i, row)).collect()
}

fn vector(place: usize, row: ArrayView1<'_, f64>) -> Result<FeatureVector, FitError> {
    let mut codes = [Code::Missing; FEATURE_COUNT];
    for (j, (code, &value)) in codes.iter_mut().zip(row).enumerate() {
        *code = match value {
            -1.0 => Code::Minus,
            0.0 => Code::Zero,
            1.0 => Code::Plus,
            _ if value.is_nan() => Code::Missing,
            _ => {
                let said = format!("row {place}, column {j}: {value} is neither -1, 0, 1 nor NaN");
                return Err(FitError::Values(said));
            }
        };
    }
    Ok(FeatureVector::new(&codes))
}

impl From<linfa::Error> for FitError {
    fn from(error: linfa::Error) -> FitError {
        FitError::Linfa(error.to_string())
    }
}

impl<D: Data<Elem = f64>, T: Data<Elem = bool>> Fit<ArrayBase<D, Ix2>, ArrayBase<T, Ix1>, FitError>
    for Seeded
{
    type Object = Fitted<Member>;

    /// Fits as [`Estimator::fit`] does.
    fn fit(
        &self,
        data: &DatasetBase<ArrayBase<D, Ix2>, ArrayBase<T, Ix1>>,
    ) -> Result<Fitted<Member>, FitError> {
        Ok(Fitted(self.estimator.fit(&from_linfa(data)?, self.seed)?))
    }
}

impl<M: Probability, D: Data<Elem = f64>> PredictInplace<ArrayBase<D, Ix2>, Array1<bool>> for Fitted<M> {
    /// The verdicts at probability one half, `true` for phishing.
    ///
    /// # Panics
    ///
    /// As linfa's estimators where the shapes do not fit; and where a value is no code, because the trait has no place for
    /// an error: [`vectors`] tells before.
    fn predict_inplace(&self, values: &ArrayBase<D, Ix2>, verdicts: &mut Array1<bool>) {
        let rows = vectors(values);
        assert!(
            rows.is_ok() && values.nrows() == verdicts.len(),
            "no rows of codes, or not as many verdicts: {rows:?}"
        );
        for (verdict, row) in verdicts.iter_mut().zip(rows.unwrap_or_default()) {
            *verdict = self.0.probability(row) >= 0.5;
        }
    }

    fn default_target(&self, values: &ArrayBase<D, Ix2>) -> Array1<bool> {
        Array1::from_elem(values.nrows(), false)
    }
}

#[cfg(test)]
mod tests {
    use linfa::traits::Predict;
    use lurelight_schema::Feature;

    use super::*;
    use crate::synthetic::Statistics;
    use crate::{GradientBoostingParams, RandomForestParams};

    fn rows() -> Dataset {
        let rows: Vec<Record> = Statistics::built_in().unwrap().generate(5).take(400).collect();
        let holed = |(i, record): (usize, Record)| {
            let feature = Feature::ALL[i % FEATURE_COUNT];
            if i % 3 == 0 {
                Record { vector: record.vector.with(feature, Code::Missing), ..record }
            } else {
                record
            }
        };
        Dataset::new(&rows.into_iter().enumerate().map(holed).collect::<Vec<_>>())
    }

    #[test]
    fn rows_come_back_from_linfa() {
        let data = rows();
        assert_eq!(from_linfa(&to_linfa(&data)), Ok(data));
        let mut values = Array2::zeros((3, FEATURE_COUNT));
        values[(1, 4)] = 54.0;
        let said = vectors(&values).unwrap_err().to_string();
        assert!(said.contains("row 1, column 4: 54 is neither -1, 0, 1 nor NaN"), "{said}");
        let said = vectors(&Array2::zeros((3, 2))).unwrap_err().to_string();
        assert!(said.contains("2 values instead of 30"), "{said}");
    }

    #[test]
    fn by_linfas_traits_comes_what_comes_without_them() {
        let data = rows();
        let theirs = to_linfa(&data);
        for estimator in [
            Estimator::GradientBoosting(GradientBoostingParams { n_estimators: 10, ..Default::default() }),
            Estimator::RandomForest(RandomForestParams { n_estimators: 5, ..Default::default() }),
        ] {
            let fitted = Seeded { estimator, seed: 3 }.fit(&theirs).unwrap();
            assert_eq!(fitted.0, estimator.fit(&data, 3).unwrap());
            let verdicts: Array1<bool> = fitted.predict(&theirs.records);
            for (verdict, record) in verdicts.iter().zip(data.records()) {
                assert_eq!(*verdict, fitted.0.probability(record.vector) >= 0.5);
            }
        }
    }

    /// linfa's own measures take what ours predicts.
    #[test]
    fn linfas_confusion_matrix_measures_ours() {
        use linfa::prelude::ToConfusionMatrix as _;
        let theirs = to_linfa(&rows());
        let estimator = Estimator::GradientBoosting(GradientBoostingParams::default());
        let verdicts: Array1<bool> =
            Seeded { estimator, seed: 1 }.fit(&theirs).unwrap().predict(&theirs.records);
        let accuracy = verdicts.confusion_matrix(&theirs.targets).unwrap().accuracy();
        assert!(accuracy > 0.9, "{accuracy}");
    }
}
