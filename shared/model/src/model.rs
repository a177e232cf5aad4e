//! Everything that one needs to score a row.

use lurelight_schema::{CodeSet, FEATURE_COUNT, FeatureVector, Label};
use serde::{Deserialize, Serialize};

use crate::explain::{Explanation, explain};
use crate::{Calibration, Classifier, Imputer};

/// No probability is reported below this or above one minus this: the data has too few rows to tell a
/// smaller chance from none.
pub const PROBABILITY_FLOOR: f64 = 1e-4;

/// The parts of a model, not checked yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelParts {
    /// The codes that each feature had in the training data, in the order of the UCI header.
    pub known_codes: [CodeSet; FEATURE_COUNT],
    /// Fills holes; only where the classifier needs it.
    pub imputer: Option<Imputer>,
    /// Scores rows.
    pub classifier: Classifier,
    /// Turns the classifier's probability into the reported one.
    pub calibration: Calibration,
    /// A row is called phishing where the reported probability is at least this; between 0 and 1.
    pub threshold: f64,
}

/// A checked model. Scoring is total: any row gets a probability.
#[derive(Clone, Debug, PartialEq)]
pub struct Model(ModelParts);

/// Parts that make no model.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum InvalidModel {
    /// The classifier cannot score.
    #[error("the classifier is unusable: {0}")]
    Classifier(&'static str),
    /// The imputer would fill in something other than −1, 0 or 1.
    #[error("the imputer fills in values other than -1, 0 and 1")]
    Imputer,
    /// Platt's numbers are not finite, or would turn the order of rows round.
    #[error("the calibration needs finite numbers and a positive slope")]
    Calibration,
    /// The threshold is no probability strictly between 0 and 1.
    #[error("the threshold {0} is not strictly between 0 and 1")]
    Threshold(f64),
}

impl Model {
    /// Checks the parts.
    ///
    /// # Errors
    ///
    /// See [`InvalidModel`].
    pub fn new(parts: ModelParts) -> Result<Model, InvalidModel> {
        if let Some(problem) = parts.classifier.problem() {
            return Err(InvalidModel::Classifier(problem));
        }
        if parts.imputer.is_some_and(|imputer| !imputer.is_valid()) {
            return Err(InvalidModel::Imputer);
        }
        if let Calibration::Platt { slope, intercept } = parts.calibration
            && !(slope > 0.0 && slope < 1e6 && intercept.abs() < 1e6)
        {
            return Err(InvalidModel::Calibration);
        }
        if !(parts.threshold > 0.0 && parts.threshold < 1.0) {
            return Err(InvalidModel::Threshold(parts.threshold));
        }
        Ok(Model(parts))
    }

    /// The calibrated probability that the site is phishing, from [`PROBABILITY_FLOOR`] to one minus it.
    #[must_use]
    pub fn probability(&self, vector: FeatureVector) -> f64 {
        let filled = self.0.imputer.map_or(vector, |imputer| imputer.fill(vector));
        let clip = |p: f64| p.clamp(PROBABILITY_FLOOR, 1.0 - PROBABILITY_FLOOR);
        clip(self.0.calibration.apply(clip(self.0.classifier.probability(filled))))
    }

    /// How much each feature moves the classifier's raw score of this row; `None` where there is no exact
    /// answer for the classifier.
    #[must_use]
    pub fn explain(&self, vector: FeatureVector) -> Option<Explanation> {
        explain(&self.0.classifier, self.0.imputer.map_or(vector, |imputer| imputer.fill(vector)))
    }

    /// The verdict on a probability at the model's own threshold.
    #[must_use]
    pub fn label(&self, probability: f64) -> Label {
        Model::label_at(probability, self.0.threshold)
    }

    /// The verdict on a probability at a threshold: phishing from the threshold on.
    #[must_use]
    pub fn label_at(probability: f64, threshold: f64) -> Label {
        if probability >= threshold { Label::Phishing } else { Label::Legitimate }
    }

    /// The codes that each feature had in the training data, in the order of the UCI header.
    #[must_use]
    pub const fn known_codes(&self) -> &[CodeSet; FEATURE_COUNT] {
        &self.0.known_codes
    }

    /// The fitted classifier.
    #[must_use]
    pub const fn classifier(&self) -> &Classifier {
        &self.0.classifier
    }

    /// How the classifier's probability becomes the reported one.
    #[must_use]
    pub const fn calibration(&self) -> Calibration {
        self.0.calibration
    }

    /// The model's own threshold, strictly between 0 and 1.
    #[must_use]
    pub const fn threshold(&self) -> f64 {
        self.0.threshold
    }

    pub(crate) const fn parts(&self) -> &ModelParts {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Leaf, LogisticRegression, TreeNode, Trees};

    fn parts() -> ModelParts {
        ModelParts {
            known_codes: [CodeSet::ALL; FEATURE_COUNT],
            imputer: None,
            classifier: Classifier::LogisticRegression(LogisticRegression {
                intercept: 0.0,
                coefficients: [1.0; FEATURE_COUNT],
            }),
            calibration: Calibration::None,
            threshold: 0.5,
        }
    }

    #[test]
    fn unusable_parts_are_named() {
        let node = |value| vec![TreeNode::Leaf(Leaf { value, rows: 1 })];
        let leaf = |value| Trees::new(&[node(value)]).unwrap();
        let two = Trees::new(&[node(0.5), node(0.5)]).unwrap();
        let table = [
            (Classifier::DecisionTree(leaf(1.5)), "between 0 and 1"),
            (Classifier::DecisionTree(two), "one tree"),
            (Classifier::GradientBoosting { base: f64::NAN, trees: leaf(0.0) }, "not finite"),
            (Classifier::GradientBoosting { base: 0.0, trees: leaf(1e300) }, "not finite"),
            (
                Classifier::LogisticRegression(LogisticRegression {
                    intercept: f64::INFINITY,
                    coefficients: [0.0; 30],
                }),
                "not finite",
            ),
        ];
        for (classifier, reason) in table {
            let error = Model::new(ModelParts { classifier, ..parts() }).unwrap_err();
            assert!(error.to_string().contains(reason), "{error}");
        }
        for threshold in [0.0, 1.0, -1.0, f64::NAN] {
            assert!(matches!(
                Model::new(ModelParts { threshold, ..parts() }),
                Err(InvalidModel::Threshold(_))
            ));
        }
        for calibration in [
            Calibration::Platt { slope: 0.0, intercept: 0.0 },
            Calibration::Platt { slope: f64::NAN, intercept: 0.0 },
            Calibration::Platt { slope: 1.0, intercept: f64::INFINITY },
        ] {
            assert_eq!(Model::new(ModelParts { calibration, ..parts() }), Err(InvalidModel::Calibration));
        }
        let imputer = Some(Imputer::MostFrequent([2; FEATURE_COUNT]));
        assert_eq!(Model::new(ModelParts { imputer, ..parts() }), Err(InvalidModel::Imputer));
    }

    #[test]
    fn probabilities_are_clipped_and_the_threshold_belongs_to_phishing() {
        let model = Model::new(parts()).unwrap();
        let all_minus = FeatureVector::from_bits(0).unwrap();
        assert_eq!(model.probability(all_minus), PROBABILITY_FLOOR);
        assert_eq!(model.label(0.5), Label::Phishing);
        assert_eq!(model.label(0.499), Label::Legitimate);
    }
}
