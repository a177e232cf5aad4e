//! The contract of whatever shows runs beside each other, and the home that shows none.

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;

use crate::{Error, Event, Key, RunId, Version};

/// A run that has ended, with its candidates.
#[derive(Clone, Debug, PartialEq)]
pub struct FinishedRun {
    /// Its name.
    pub run: RunId,
    /// Who or what started it; empty where it failed before that was written down.
    pub actor: String,
    /// What came of it, in a sentence.
    pub words: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended, where that is known.
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    pub outcome: Outcome,
    /// What it was told, by name.
    pub parameters: BTreeMap<String, String>,
    /// What it measured.
    pub metrics: Vec<Metric>,
    /// What else is known of it, by name.
    pub tags: BTreeMap<String, String>,
    /// The records that it read.
    pub dataset: Option<RunDataset>,
    /// What it tried.
    pub candidates: Vec<RunCandidate>,
    /// What should be seen beside it.
    pub artifacts: Vec<RunArtifact>,
    /// The version that came out of it.
    pub version: Option<Version>,
    /// Where runs and models are kept, as their store says it.
    pub home: String,
}

/// How a run or a candidate ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With all of its reports.
    Succeeded,
    /// With an error.
    Failed,
}

/// A candidate of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunCandidate {
    /// Its name, one for each candidate of the run.
    pub name: String,
    /// What came of it, in a sentence.
    pub words: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Its own parameters, by name.
    pub parameters: BTreeMap<String, String>,
    /// What was measured of it.
    pub metrics: Vec<Metric>,
}

/// The records of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunDataset {
    /// The SHA-256 of the records, in hexadecimal digits.
    pub digest: String,
    /// The snapshot.
    pub key: Key,
    /// Counts, by name; `rows` among them.
    pub counts: BTreeMap<String, u64>,
    /// The columns in their order; all of them hold small whole numbers.
    pub columns: Vec<String>,
}

/// One figure of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Its name: letters, digits, `_`, `-`, `.`, and `/` between groups.
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

/// What can be seen of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// The address where a person can look at it, if there is one.
    pub address: Option<String>,
    /// What this home cannot show, in words; doing it again would not help.
    pub left_out: Option<String>,
}

/// Shows runs and versions. It is told after the fact, and nothing else depends on what it says.
#[async_trait]
pub trait Tracker: fmt::Debug + Send + Sync {
    /// Where this is, for messages; without a secret.
    fn place(&self) -> String;

    /// Shows a run; doing it again changes nothing, and after a failure doing it again completes it. A run that was
    /// shown as failed and has gone on since is shown as it is now.
    ///
    /// # Errors
    ///
    /// Those of the home.
    async fn record(&self, run: &FinishedRun) -> Result<Shown, Error>;

    /// Shows where the pointer to the champion is since its last move.
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

    async fn record(&self, _: &FinishedRun) -> Result<Shown, Error> {
        Ok(Shown::default())
    }

    async fn moved(&self, _: &Event) -> Result<(), Error> {
        Ok(())
    }
}
