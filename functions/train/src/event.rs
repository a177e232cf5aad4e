//! What the state machine asks of a stage, and what it is answered. Samples of all of them lie in `infra/events`.

use jiff::Timestamp;
use lurelight_model::Family;
use lurelight_pipeline::{DriftVerdict, Outcome};
use lurelight_store::RunId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The version of these events. A state machine and functions that speak different ones were not deployed together.
pub const VERSION: u32 = 1;

/// What `ingest` is asked: to begin a run.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Begin {
    /// [`VERSION`].
    pub version: u32,
    /// The run's name: that of the execution.
    pub run: RunId,
    /// When the execution began.
    pub at: Timestamp,
    /// The execution's input.
    #[serde(default)]
    pub asked: Asked,
}

/// The input of an execution: who wants a run, why, and which parameters are not to be the default.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Who or what.
    pub actor: Option<String>,
    /// Why, in words.
    pub reason: Option<String>,
    /// See [`lurelight_pipeline::Asked::with`].
    #[serde(default)]
    pub parameters: Map<String, Value>,
}

/// What `validate`, `transform` and `evaluate` are asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Go {
    /// [`VERSION`].
    pub version: u32,
    /// The run.
    pub run: RunId,
}

/// What `fit` is asked: one family.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fit {
    /// [`VERSION`].
    pub version: u32,
    /// The run.
    pub run: RunId,
    /// The family.
    pub family: Family,
}

/// What `promote` is asked: to end a run, well or with the failure that broke it off.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// [`VERSION`].
    pub version: u32,
    /// The run.
    pub run: RunId,
    /// What broke it off, where something did.
    pub failure: Option<Broken>,
}

/// What broke a run off, as the state machine caught it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Broken {
    /// The stage.
    pub stage: String,
    /// The error's name.
    #[serde(default)]
    pub error: String,
    /// The error's cause: the JSON that Lambda makes of a function's failure, or words.
    #[serde(default)]
    pub cause: String,
}

/// What a stage answers; each has the run and the version of the event.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer<T> {
    /// [`VERSION`].
    pub version: u32,
    /// The run.
    pub run: RunId,
    /// What came of the stage.
    #[serde(flatten)]
    pub done: T,
}

/// What came of a stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Done {
    /// Of `ingest`.
    Ingested(Ingested),
    /// Of `validate`.
    Validated(Validated),
    /// Of `transform`.
    Transformed {
        /// Rows of folds 3 to 9.
        train_rows: u64,
        /// Rows of folds 0 to 2.
        test_rows: u64,
    },
    /// Of `fit`.
    Fitted {
        /// The family.
        family: Family,
        /// Whether there is a candidate.
        outcome: FitOutcome,
        /// Why there is none.
        reason: Option<String>,
    },
    /// Of `evaluate`.
    Evaluated {
        /// The number under which the best candidate is registered.
        registered: u64,
        /// SHA-256 of its artifact.
        model: String,
        /// The families of which there is no candidate.
        failed: Vec<Family>,
    },
    /// Of `promote`.
    Ended(Ended),
}

/// What came of `ingest`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ingested {
    /// Whether there is anything to learn.
    pub outcome: Begun,
    /// Why there is not.
    pub reason: Option<String>,
    /// The digest of the records.
    pub dataset: String,
    /// How many they are.
    pub rows: u64,
    /// The events of `fit`, one a family.
    pub families: Vec<Fit>,
}

/// Whether a run goes on behind `ingest`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Begun {
    /// It does.
    Continue,
    /// A version was made of the same before; the run has ended well.
    NoChange,
}

/// What came of `validate`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Validated {
    /// Whether a model can be made of the rows.
    pub outcome: Fitness,
    /// Why not.
    pub reason: Option<String>,
    /// Rows that can be used.
    pub valid_rows: u64,
    /// Those that cannot.
    pub invalid_rows: u64,
    /// Whether the new rows have drifted.
    pub drift: Option<DriftVerdict>,
}

/// Whether a run goes on behind `validate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fitness {
    /// It does.
    Continue,
    /// No model can be made of these rows.
    Unfit,
}

/// What came of `fit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FitOutcome {
    /// There is a candidate.
    Fitted,
    /// There is none.
    Failed,
}

/// What came of `promote`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Ended {
    /// The run ended with all of its reports.
    Judged {
        /// What became of its version.
        outcome: Outcome,
        /// Why.
        reason: String,
        /// The version that serves now.
        champion: Option<u64>,
    },
    /// The failure stands beside the run's reports now.
    Recorded {
        /// `recorded`.
        outcome: Recorded,
    },
}

/// The one outcome of noting a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Recorded {
    /// It is noted.
    Recorded,
}
