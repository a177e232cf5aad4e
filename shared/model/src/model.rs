//! Everything that one needs to score a row.

use lurelight_schema::{CodeSet, FEATURE_COUNT, FeatureVector, Label};
use serde::{Deserialize, Serialize};

use crate::explain::{Explainer, Explanation, Unexplained, unexplained};
use crate::{Calibration, Classifier, Family, Imputer, ScoreUnit};

/// No probability is reported below this or above one minus this: the data has too few rows to tell a
/// smaller chance from none.
pub const PROBABILITY_FLOOR: f64 = 1e-4;

/// The most members of a vote.
pub const MAX_MEMBERS: usize = 16;

/// A fitted classifier with the imputer that belongs before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// Fills holes; only where the classifier needs it.
    pub imputer: Option<Imputer>,
    /// Scores rows.
    pub classifier: Classifier,
}

/// The parts of a model, not checked yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelParts {
    /// The codes that each feature had in the training data, in the order of the UCI header.
    pub known_codes: [CodeSet; FEATURE_COUNT],
    /// What scores rows: one classifier, or several whose probabilities are averaged.
    pub members: Vec<Member>,
    /// Turns the members' probability into the reported one.
    pub calibration: Calibration,
    /// A row is called phishing where the reported probability is at least this; between 0 and 1.
    pub threshold: f64,
}

/// A checked model. Scoring is total: any row gets a probability.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    parts: ModelParts,
    explainer: Explainer,
}

/// Parts that make no model.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum InvalidModel {
    /// No member, or more than [`MAX_MEMBERS`].
    #[error("a model has 1 to {MAX_MEMBERS} members, not {0}")]
    Members(usize),
    /// A classifier cannot score.
    #[error("the classifier is unusable: {0}")]
    Classifier(&'static str),
    /// The imputer would fill in something other than −1, 0 or 1.
    #[error("the imputer fills in values other than -1, 0 and 1")]
    Imputer,
    /// Its numbers are no probabilities, not finite, or would turn the order of rows round.
    #[error("the calibration needs finite numbers that keep the order of rows")]
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
        if !(1..=MAX_MEMBERS).contains(&parts.members.len()) {
            return Err(InvalidModel::Members(parts.members.len()));
        }
        for member in &parts.members {
            if let Some(problem) = member.classifier.problem() {
                return Err(InvalidModel::Classifier(problem));
            }
            if member.imputer.as_ref().is_some_and(|imputer| !imputer.is_valid()) {
                return Err(InvalidModel::Imputer);
            }
        }
        if !parts.calibration.is_valid() {
            return Err(InvalidModel::Calibration);
        }
        if !(parts.threshold > 0.0 && parts.threshold < 1.0) {
            return Err(InvalidModel::Threshold(parts.threshold));
        }
        Ok(Model { parts, explainer: Explainer::default() })
    }

    /// The calibrated probability that the site is phishing, from [`PROBABILITY_FLOOR`] to one minus it.
    #[must_use]
    pub fn probability(&self, vector: FeatureVector) -> f64 {
        self.reported(self.raw_score(vector))
    }

    /// The probability that is reported of a raw score.
    fn reported(&self, score: f64) -> f64 {
        let clip = |p: f64| p.clamp(PROBABILITY_FLOOR, 1.0 - PROBABILITY_FLOOR);
        clip(self.parts.calibration.apply(clip(self.score_unit().probability(score))))
    }

    /// [`Model::probability`] of each row, to the bit, and quicker for many rows.
    #[must_use]
    pub fn probabilities(&self, vectors: &[FeatureVector]) -> Vec<f64> {
        let [member] = &self.parts.members[..] else {
            return vectors.iter().map(|vector| self.probability(*vector)).collect();
        };
        let mut scores = member.raw_scores(vectors);
        scores.iter_mut().for_each(|score| *score = self.reported(*score));
        scores
    }

    /// The score of a row in the model's own unit: the classifier's, or of a vote the mean of its members'
    /// probabilities.
    #[must_use]
    pub fn raw_score(&self, vector: FeatureVector) -> f64 {
        match &self.parts.members[..] {
            [member] => member.classifier.raw_score(member.filled(vector)),
            members => vote(members, vector),
        }
    }

    /// The unit of [`Model::raw_score`].
    #[must_use]
    pub fn score_unit(&self) -> ScoreUnit {
        match &self.parts.members[..] {
            [member] => member.classifier.unit(),
            _ => ScoreUnit::MeanProbability,
        }
    }

    /// Its family.
    #[must_use]
    pub fn family(&self) -> Family {
        match &self.parts.members[..] {
            [member] => member.classifier.family(),
            _ => Family::SoftVote,
        }
    }

    /// How much each feature moves the raw score of this row. The first call writes the trees down anew, in some
    /// 32 bytes a node; later ones use that.
    ///
    /// # Errors
    ///
    /// Why there is no exact answer: the same for every row, see [`Model::unexplained`].
    pub fn explain(&self, vector: FeatureVector) -> Result<Explanation, Unexplained> {
        self.explainer.explain(&self.parts.members, vector)
    }

    /// Why [`Model::explain`] has no answer, if it has none: neighbours and votes whose members' probabilities are not
    /// their scores.
    #[must_use]
    pub fn unexplained(&self) -> Option<Unexplained> {
        unexplained(&self.parts.members)
    }

    /// Whether [`Model::explain`] has an answer, for any row.
    #[must_use]
    pub fn explains(&self) -> bool {
        self.unexplained().is_none()
    }

    /// The verdict on a probability at the model's own threshold.
    #[must_use]
    pub fn label(&self, probability: f64) -> Label {
        Model::label_at(probability, self.parts.threshold)
    }

    /// The verdict on a probability at a threshold: phishing from the threshold on.
    #[must_use]
    pub fn label_at(probability: f64, threshold: f64) -> Label {
        if probability >= threshold { Label::Phishing } else { Label::Legitimate }
    }

    /// The codes that each feature had in the training data, in the order of the UCI header.
    #[must_use]
    pub const fn known_codes(&self) -> &[CodeSet; FEATURE_COUNT] {
        &self.parts.known_codes
    }

    /// What scores rows; more than one make a vote.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.parts.members
    }

    /// How the members' probability becomes the reported one.
    #[must_use]
    pub const fn calibration(&self) -> &Calibration {
        &self.parts.calibration
    }

    /// The model's own threshold, strictly between 0 and 1.
    #[must_use]
    pub const fn threshold(&self) -> f64 {
        self.parts.threshold
    }

    pub(crate) const fn parts(&self) -> &ModelParts {
        &self.parts
    }
}

impl Member {
    /// The classifier's own probability of phishing, not calibrated.
    #[must_use]
    pub fn probability(&self, vector: FeatureVector) -> f64 {
        self.classifier.probability(self.filled(vector))
    }

    /// [`Member::probability`] of each row, to the bit, and quicker for many rows.
    #[must_use]
    pub fn probabilities(&self, vectors: &[FeatureVector]) -> Vec<f64> {
        let unit = self.classifier.unit();
        let mut scores = self.raw_scores(vectors);
        scores.iter_mut().for_each(|score| *score = unit.probability(*score));
        scores
    }

    fn raw_scores(&self, vectors: &[FeatureVector]) -> Vec<f64> {
        match &self.imputer {
            None => self.classifier.raw_scores(vectors),
            Some(imputer) => {
                let filled: Vec<_> = vectors.iter().map(|vector| imputer.fill(*vector)).collect();
                self.classifier.raw_scores(&filled)
            }
        }
    }

    /// The row as the classifier sees it.
    #[must_use]
    pub fn filled(&self, vector: FeatureVector) -> FeatureVector {
        self.imputer.as_ref().map_or(vector, |imputer| imputer.fill(vector))
    }
}

/// The mean of the members' probabilities, added in their order.
#[must_use]
pub fn vote(members: &[Member], vector: FeatureVector) -> f64 {
    let sum: f64 = members.iter().map(|member| member.probability(vector)).sum();
    sum / members.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Leaf, LogisticRegression, NearestNeighbours, NeighbourWeights, TreeNode, Trees};

    fn parts() -> ModelParts {
        ModelParts {
            known_codes: [CodeSet::ALL; FEATURE_COUNT],
            members: vec![Member {
                imputer: None,
                classifier: Classifier::LogisticRegression(LogisticRegression {
                    intercept: 0.0,
                    coefficients: [1.0; FEATURE_COUNT],
                }),
            }],
            calibration: Calibration::None,
            threshold: 0.5,
        }
    }

    fn neighbours(k: u32, rows: Vec<u64>) -> NearestNeighbours {
        let labels = vec![(1, 1); rows.len()];
        NearestNeighbours { k, weights: NeighbourWeights::Uniform, rows, labels }
    }

    #[test]
    fn a_vote_is_the_mean_of_its_members() {
        let leaf = |value| Trees::new(&[vec![TreeNode::Leaf(Leaf { value, rows: 1 })]]).unwrap();
        let member = |classifier| Member { imputer: None, classifier };
        let members = vec![
            member(Classifier::DecisionTree(leaf(0.75))),
            member(Classifier::GradientBoosting { base: 0.0, trees: leaf(0.0) }),
            member(Classifier::AdaBoost(leaf(0.0))),
            member(Classifier::NearestNeighbours(neighbours(1, vec![0]))),
        ];
        let model = Model::new(ModelParts { members, ..parts() }).unwrap();
        let row = FeatureVector::from_bits(0).unwrap();
        assert_eq!((model.raw_score(row), model.family()), (0.5625, Family::SoftVote));
        assert_eq!((model.probability(row), model.explains()), (0.5625, false));
        for member in model.members() {
            let alone = Model::new(ModelParts { members: vec![member.clone()], ..parts() }).unwrap();
            assert_eq!(alone.unexplained(), alone.explain(row).err(), "{}", alone.family());
            assert_eq!(alone.probabilities(&[row; 3]), [alone.probability(row); 3]);
        }
        assert_eq!(model.probabilities(&[row]), [0.5625]);
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
            (Classifier::AdaBoost(leaf(1e300)), "shares of all votes"),
            (Classifier::NearestNeighbours(neighbours(0, vec![0])), "0 neighbours"),
            (Classifier::NearestNeighbours(neighbours(1, vec![])), "no neighbours"),
            (Classifier::NearestNeighbours(neighbours(1, vec![3])), "has holes"),
            (Classifier::NearestNeighbours(neighbours(1, vec![1 << 61])), "is no row"),
            (
                Classifier::LogisticRegression(LogisticRegression {
                    intercept: f64::INFINITY,
                    coefficients: [0.0; 30],
                }),
                "not finite",
            ),
        ];
        for (classifier, reason) in table {
            let members = vec![Member { imputer: None, classifier }];
            let error = Model::new(ModelParts { members, ..parts() }).unwrap_err();
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
            Calibration::Isotonic { points: vec![] },
            Calibration::Isotonic { points: vec![(0.0, 0.5), (0.5, 0.25)] },
            Calibration::Isotonic { points: vec![(0.5, 0.5), (0.5, 0.75)] },
            Calibration::Isotonic { points: vec![(f64::NAN, 0.5)] },
            Calibration::Isotonic { points: vec![(0.5, 1.5)] },
        ] {
            assert_eq!(Model::new(ModelParts { calibration, ..parts() }), Err(InvalidModel::Calibration));
        }
        let mut members = parts().members;
        members[0].imputer = Some(Imputer::MostFrequent([2; FEATURE_COUNT]));
        assert_eq!(Model::new(ModelParts { members, ..parts() }), Err(InvalidModel::Imputer));
        for count in [0, MAX_MEMBERS + 1] {
            let members = vec![parts().members[0].clone(); count];
            assert_eq!(Model::new(ModelParts { members, ..parts() }), Err(InvalidModel::Members(count)));
        }
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
