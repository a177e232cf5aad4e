//! The contract of whatever shows runs beside each other, and the home that shows none.

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;

use crate::{Error, Event, Key, RunId, Version};

/// A run that has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct FinishedRun {
    /// Its name.
    pub run: RunId,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
    /// What it was told, by name.
    pub parameters: BTreeMap<String, String>,
    /// What it measured.
    pub metrics: Vec<Metric>,
    /// What else is known of it, by name.
    pub tags: BTreeMap<String, String>,
    /// What should be seen beside it.
    pub artifacts: Vec<RunArtifact>,
    /// The version that came out of it.
    pub version: Option<Version>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With all of its reports.
    Succeeded,
    /// With an error.
    Failed,
}

/// One figure of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Its name.
    pub name: String,
    /// The figure; always finite.
    pub value: f64,
    /// Which one of a series under this name it is; 0 for a single one.
    pub step: u64,
}

/// A file of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunArtifact {
    /// Its path among the files of the run.
    pub path: Key,
    /// Its media type.
    pub content_type: String,
    /// All of its bytes.
    pub bytes: Bytes,
}

/// Shows runs and versions. It is told after the fact, and nothing else depends on what it says.
#[async_trait]
pub trait Tracker: fmt::Debug + Send + Sync {
    /// Where this is, for messages.
    fn place(&self) -> String;

    /// Shows a run; doing it again changes nothing, and after a failure doing it again completes it. Returns the
    /// address where a person can look at it, if there is one.
    ///
    /// # Errors
    ///
    /// Those of the home.
    async fn record(&self, run: &FinishedRun) -> Result<Option<String>, Error>;

    /// Shows that the pointer to the champion moved.
    ///
    /// # Errors
    ///
    /// Those of the home, among them [`NotFound`](crate::ErrorKind::NotFound) where the version was never shown.
    async fn moved(&self, event: &Event) -> Result<(), Error>;
}

/// Shows nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Untracked;

#[async_trait]
impl Tracker for Untracked {
    fn place(&self) -> String {
        "nowhere".to_owned()
    }

    async fn record(&self, _: &FinishedRun) -> Result<Option<String>, Error> {
        Ok(None)
    }

    async fn moved(&self, _: &Event) -> Result<(), Error> {
        Ok(())
    }
}
