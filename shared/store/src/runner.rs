//! The contract of whatever runs the pipeline.

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Error, RunId};

/// What starts a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingRequest {
    /// The run's name. A name that runs or ran already is not started again; `None` has one made.
    pub run: Option<RunId>,
    /// Who or what asked for it.
    pub actor: String,
    /// Why, in words.
    pub reason: String,
    /// Parameters of the pipeline by name; what is absent has its default.
    pub parameters: Map<String, Value>,
}

/// How far a run is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunProgress {
    /// Whether it goes on.
    pub status: RunStatus,
    /// The stage that it is in or was in last.
    pub stage: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// Whether a run goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "status")]
pub enum RunStatus {
    /// It does.
    Running,
    /// It ended with all of its reports.
    Succeeded,
    /// It ended with an error.
    Failed {
        /// What happened, in words.
        reason: String,
    },
    /// Somebody stopped it, or its time was over.
    Stopped {
        /// Who or what.
        reason: String,
    },
}

/// Runs the pipeline: ingest, validate, transform, fit, evaluate, promote.
#[async_trait]
pub trait TrainingRunner: fmt::Debug + Send + Sync {
    /// Where this is, for messages.
    fn place(&self) -> String;

    /// Starts a run and returns its name, without waiting for its end.
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::ErrorKind::Invalid) for parameters that there are not.
    async fn start(&self, request: TrainingRequest) -> Result<RunId, Error>;

    /// How far a run is.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound) where no run of that name was ever started here.
    async fn state(&self, run: &RunId) -> Result<RunProgress, Error>;
}
