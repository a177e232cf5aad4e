//! Why a stage did not end well.

use lurelight_learn::TrainError;
use lurelight_model::Family;
use lurelight_schema::Label;
use lurelight_store::{Key, RunId};

use crate::{FrameError, RowsError, Stage};

/// Why a stage did not end well. What it had written stays, and running it again is safe.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A store did not do what it was asked.
    #[error(transparent)]
    Store(#[from] lurelight_store::Error),
    /// There is nothing to train on.
    #[error("{place} has no records: push labelled rows first (`lurelight push FILE`)")]
    Empty {
        /// The record store.
        place: String,
    },
    /// The run's name belongs to another request.
    #[error("run {run} was begun with another request ({differs}): give this run a name of its own")]
    RunTaken {
        /// The run.
        run: RunId,
        /// What differs.
        differs: &'static str,
    },
    /// A stage was called before the one that it builds on.
    #[error("{key} is not there: stage {needed} of run {run} has not ended; run it first")]
    NotYet {
        /// The run.
        run: RunId,
        /// The stage that comes before.
        needed: Stage,
        /// What it would have written.
        key: Key,
    },
    /// An intermediate result is not what was written.
    #[error("{key} of {place} is damaged: {reason}; delete it and begin a new run")]
    Damaged {
        /// The object.
        key: Key,
        /// The artifact store.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No row can be used.
    #[error("none of the {rows} rows can be used; {key} gives the reason of each")]
    NothingUsable {
        /// How many rows there are.
        rows: u64,
        /// Where the reasons stand.
        key: Key,
    },
    /// Nothing can be told apart.
    #[error(
        "all {rows} usable rows are labelled {label}: a model needs rows of both labels, so push rows that are {other} as well"
    )]
    OneClass {
        /// The label of all of them.
        label: Label,
        /// The other one.
        other: Label,
        /// How many rows there are.
        rows: u64,
    },
    /// Every family failed.
    #[error("no candidate could be fitted: {}", listed(.0))]
    NoCandidate(Vec<(Family, String)>),
    /// No model can be made of these rows, or of the candidates.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// Rows could not be written as Parquet.
    #[error("the rows cannot be written as Parquet: {0}")]
    Frame(#[from] FrameError),
    /// Rows could not be written.
    #[error("the rows cannot be written: {0}")]
    Rows(#[from] RowsError),
    /// A report could not be written as JSON.
    #[error("a report cannot be written: {0}")]
    Report(#[from] serde_json::Error),
    /// A candidate could not be written.
    #[error("a candidate cannot be written: {0}")]
    Candidate(#[from] postcard::Error),
    /// A page could not be made.
    #[error("a page cannot be made: {0}")]
    Page(#[from] askama::Error),
    /// A thread that did a stage's work is gone.
    #[error("the work of stage {stage} was broken off: {reason}")]
    BrokenOff {
        /// The stage.
        stage: Stage,
        /// What is known of it.
        reason: String,
    },
}

fn listed(failures: &[(Family, String)]) -> String {
    let said: Vec<String> = failures.iter().map(|(family, reason)| format!("{family}: {reason}")).collect();
    said.join("; ")
}
