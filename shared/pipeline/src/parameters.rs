//! A run's request from parameters by name.

use jiff::Timestamp;
use lurelight_learn::TrainOptions;
use lurelight_store::RunId;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{DriftRules, PromotionRules, RunRequest};

/// Parameters that make no request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// No parameter has that name.
    #[error("there is no parameter {name}; there are: {known}")]
    Unknown {
        /// The name, with the names around it.
        name: String,
        /// Those that there are in its place.
        known: String,
    },
    /// A value is not what its parameter takes.
    #[error("the parameters of {group} are not as they must be: {reason}")]
    Value {
        /// Which ones.
        group: &'static str,
        /// What is wrong.
        reason: String,
    },
}

/// Who asks for a run, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The run's name.
    pub run: RunId,
    /// When.
    pub at: Timestamp,
    /// Who or what.
    pub actor: String,
    /// Why, in words.
    pub reason: String,
    /// The program's version, and its commit where that is known.
    pub program: String,
}

impl Asked {
    /// The request with these parameters: `{"training": {…}, "drift": {…}, "promotion": {…}}`, each with the fields of
    /// [`TrainOptions`], [`DriftRules`] and [`PromotionRules`] that are not to be the default.
    ///
    /// # Errors
    ///
    /// See [`ParameterError`]; nothing unknown is passed over.
    pub fn with(self, parameters: &Map<String, Value>) -> Result<RunRequest, ParameterError> {
        let groups = ["training", "drift", "promotion"];
        check_names("", parameters, groups.into_iter())?;
        let [training, drift, promotion] = groups.map(|group| (group, parameters.get(group)));
        Ok(RunRequest {
            run: self.run,
            at: self.at,
            actor: self.actor,
            reason: self.reason,
            program: self.program,
            training: overlaid::<TrainOptions>(training)?,
            drift: overlaid::<DriftRules>(drift)?,
            promotion: overlaid::<PromotionRules>(promotion)?,
        })
    }
}

/// The default with the fields that are given.
fn overlaid<T: Default + Serialize + DeserializeOwned>(
    (group, given): (&'static str, Option<&Value>),
) -> Result<T, ParameterError> {
    let wrong = |reason: String| ParameterError::Value { group, reason };
    let Some(given) = given else { return Ok(T::default()) };
    let given = given.as_object().ok_or_else(|| wrong("they must stand in an object".to_owned()))?;
    let mut all = serde_json::to_value(T::default()).map_err(|error| wrong(error.to_string()))?;
    if let Some(all) = all.as_object_mut() {
        check_names(&format!("{group}."), given, all.keys().map(String::as_str))?;
        all.extend(given.clone());
    }
    serde_json::from_value(all).map_err(|error| wrong(error.to_string()))
}

fn check_names<'k>(
    place: &str,
    given: &Map<String, Value>,
    known: impl Iterator<Item = &'k str>,
) -> Result<(), ParameterError> {
    let known: Vec<&str> = known.collect();
    match given.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => {
            Err(ParameterError::Unknown { name: format!("{place}{name}"), known: known.join(", ") })
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use lurelight_learn::ThresholdRule;
    use lurelight_model::Family;
    use serde_json::json;

    use super::*;

    fn request(parameters: Value) -> Result<RunRequest, ParameterError> {
        let asked = Asked {
            run: "r".parse().unwrap(),
            at: Timestamp::UNIX_EPOCH,
            actor: String::new(),
            reason: String::new(),
            program: String::new(),
        };
        asked.with(parameters.as_object().unwrap())
    }

    #[test]
    fn what_is_absent_has_its_default() {
        let plain = request(json!({})).unwrap();
        assert_eq!(plain.training, TrainOptions::default());
        assert_eq!((plain.drift, plain.promotion), (DriftRules::default(), PromotionRules::default()));
        let own = request(json!({
            "training": {"seed": 7, "families": ["decision_tree"]}, "promotion": {"min_f1": 0.5}, "drift": {},
        }));
        let own = own.unwrap();
        assert_eq!(
            own.training,
            TrainOptions { seed: 7, families: vec![Family::DecisionTree], ..Default::default() }
        );
        assert_eq!(own.promotion, PromotionRules { min_f1: 0.5, ..Default::default() });
        let rule = serde_json::to_value(ThresholdRule::MaxFalsePositiveRate(0.01)).unwrap();
        let own = request(json!({"training": {"threshold": rule}})).unwrap();
        assert_eq!(own.training.threshold, ThresholdRule::MaxFalsePositiveRate(0.01));
    }

    #[test]
    fn what_is_unknown_or_wrong_is_named() {
        let table = [
            (json!({"seed": 7}), "there is no parameter seed; there are: training, drift, promotion"),
            (
                json!({"drift": {"min_row": 7}}),
                "there is no parameter drift.min_row; there are: max_adjusted_p, min_st",
            ),
            (
                json!({"training": {"seed": -1}}),
                "the parameters of training are not as they must be: invalid value",
            ),
            (
                json!({"training": {"families": ["forest"]}}),
                "the parameters of training are not as they must be: unknown",
            ),
            (
                json!({"promotion": 3}),
                "the parameters of promotion are not as they must be: they must stand in an object",
            ),
        ];
        for (parameters, expected) in table {
            let error = request(parameters.clone()).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{parameters}: {error}");
        }
    }
}
