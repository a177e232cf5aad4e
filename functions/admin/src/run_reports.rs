//! The reports that the stages of a run leave: as much of them as is shown here.
//!
//! The pipeline's own types would bring the whole of it into this program; a report is JSON, and names do not change.

use jiff::Timestamp;
use lurelight_store::{ArtifactStore, Error, ErrorKind, Key, RunId};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Most families whose reports are read.
const CANDIDATES_MAX: usize = 32;

/// What of its reports a run has.
#[derive(Clone, Debug, Default)]
pub(crate) struct RunReports {
    pub(crate) ingest: Option<Ingest>,
    pub(crate) validate: Option<Validate>,
    pub(crate) transform: Option<Transform>,
    pub(crate) candidates: Vec<Candidate>,
    pub(crate) evaluate: Option<Evaluate>,
    pub(crate) promote: Option<Promote>,
    pub(crate) failure: Option<Failure>,
    /// Whether there is the page with plots.
    pub(crate) page: bool,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Ingest {
    pub(crate) request: Request,
    pub(crate) dataset: String,
    pub(crate) rows: u64,
    pub(crate) no_change: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Request {
    pub(crate) at: Timestamp,
    pub(crate) actor: String,
    pub(crate) reason: String,
    pub(crate) program: String,
    /// The groups of parameters, each with all of its fields.
    #[serde(flatten)]
    pub(crate) more: Map<String, Value>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Validate {
    pub(crate) valid_rows: u64,
    pub(crate) invalid_rows: u64,
    pub(crate) warnings: Vec<String>,
    pub(crate) drift_words: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Transform {
    pub(crate) train: Part,
    pub(crate) test: Part,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Part {
    pub(crate) rows: u64,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Candidate {
    pub(crate) family: String,
    /// `fitted` or `failed`.
    pub(crate) outcome: String,
    pub(crate) reason: Option<String>,
    pub(crate) cross_validated: Option<CrossValidated>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct CrossValidated {
    pub(crate) f1: f64,
    pub(crate) log_loss: f64,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Evaluate {
    pub(crate) version: u64,
    pub(crate) card: Card,
}

/// What is shown of a model's card.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Card {
    pub(crate) model: String,
    pub(crate) family: String,
    held_out: HeldOut,
}

#[derive(Clone, Debug, Deserialize)]
struct HeldOut {
    all: Evaluation,
}

#[derive(Clone, Debug, Deserialize)]
struct Evaluation {
    metrics: Figures,
}

/// Measured on folds 0 to 2, on which no version is trained.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Figures {
    pub(crate) f1: Estimate,
    pub(crate) roc_auc: Estimate,
    pub(crate) log_loss: Estimate,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Estimate {
    pub(crate) value: f64,
}

impl Card {
    pub(crate) fn figures(&self) -> &Figures {
        &self.held_out.all.metrics
    }
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Promote {
    /// `promoted`, `kept` or `no_change`.
    pub(crate) outcome: String,
    pub(crate) reason: String,
}

/// What ended a run in the cloud.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Failure {
    pub(crate) stage: String,
    pub(crate) error: String,
    #[serde(default)]
    cause: String,
    pub(crate) at: Option<Timestamp>,
}

impl Failure {
    /// What the stage said. Lambda puts that into a JSON object.
    pub(crate) fn words(&self) -> String {
        let message = serde_json::from_str::<Value>(&self.cause)
            .ok()
            .and_then(|cause| Some(cause.get("errorMessage")?.as_str()?.to_owned()));
        let words = message.unwrap_or_else(|| self.cause.clone());
        if words.trim().is_empty() { self.error.clone() } else { words }
    }
}

/// The objects of one run.
#[derive(Clone, Copy)]
pub(crate) struct RunFolder<'a> {
    artifacts: &'a dyn ArtifactStore,
    run: &'a RunId,
}

impl<'a> RunFolder<'a> {
    pub(crate) fn new(artifacts: &'a dyn ArtifactStore, run: &'a RunId) -> RunFolder<'a> {
        RunFolder { artifacts, run }
    }

    /// All reports, as far as the run got; `None` where it left nothing.
    pub(crate) async fn reports(self) -> Result<Option<RunReports>, Error> {
        let prefix = format!("runs/{}/", self.run);
        let entries = self.artifacts.list(&prefix).await?;
        let names: Vec<&str> =
            entries.iter().filter_map(|entry| entry.key.as_str().strip_prefix(&prefix)).collect();
        if names.is_empty() {
            return Ok(None);
        }
        let (ingest, validate, transform, evaluate, promote, failure) = tokio::try_join!(
            self.find("ingest.json"),
            self.find("validate.json"),
            self.find("transform.json"),
            self.find("evaluate.json"),
            self.find("promote.json"),
            self.find("failure.json"),
        )?;
        let mut candidates = Vec::new();
        let families = names.iter().filter(|name| name.starts_with("candidates/") && name.ends_with(".json"));
        for name in families.take(CANDIDATES_MAX) {
            candidates.extend(self.find(name).await?);
        }
        let page = names.contains(&"report.html");
        Ok(Some(RunReports { ingest, validate, transform, candidates, evaluate, promote, failure, page }))
    }

    /// What a list of runs shows of this one.
    pub(crate) async fn summary(self) -> Result<RunReports, Error> {
        let (evaluate, promote, failure) = tokio::try_join!(
            self.find("evaluate.json"),
            self.find("promote.json"),
            self.find("failure.json")
        )?;
        Ok(RunReports { evaluate, promote, failure, ..RunReports::default() })
    }

    /// What a JSON object says, where it is there.
    pub(crate) async fn find<T: DeserializeOwned>(self, name: &str) -> Result<Option<T>, Error> {
        let key = self.key(name)?;
        let object = match self.artifacts.get(&key).await {
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
            found => found?,
        };
        serde_json::from_slice(&object.bytes).map(Some).map_err(|error| {
            let message = format!("is damaged: {error}; restore it, or let the run's stage write it again");
            Error::new(ErrorKind::Damaged, format!("{}/{key}", self.artifacts.place()), message)
                .because(error)
        })
    }

    pub(crate) fn key(self, name: &str) -> Result<Key, Error> {
        Key::run(self.run, name)
            .map_err(|error| Error::new(ErrorKind::Invalid, name, error.to_string()).because(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_its_stage_said() {
        for (cause, expected) in [
            (
                r#"{"errorType": "PermanentFailure", "errorMessage": "no rows: push some"}"#,
                "no rows: push some",
            ),
            ("the state machine was stopped", "the state machine was stopped"),
            ("{\"errorMessage\": 7}", "{\"errorMessage\": 7}"),
            ("", "States.Timeout"),
        ] {
            let failure = Failure {
                stage: "fit".into(),
                error: "States.Timeout".into(),
                cause: cause.into(),
                at: None,
            };
            assert_eq!(failure.words(), expected);
        }
    }
}
