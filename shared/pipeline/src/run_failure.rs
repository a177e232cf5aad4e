//! `failure.json`: where and why a run ended with an error.

use jiff::Timestamp;
use lurelight_store::RunId;
use serde::{Deserialize, Serialize};

use crate::run_folder::RunFolder;
use crate::{Error, Stores};

const NAME: &str = "failure.json";

/// Where and why a run ended with an error. A run that is taken up again and ends well keeps it; what counts then is
/// `promote.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFailure {
    /// The stage, as far as it is known.
    #[serde(default)]
    pub stage: String,
    /// What kind of error.
    #[serde(default)]
    pub error: String,
    /// What happened, in words.
    #[serde(default)]
    pub cause: String,
    /// When it was written down.
    pub at: Timestamp,
}

/// Writes a run's failure beside its reports.
///
/// # Errors
///
/// Those of the store.
pub async fn record_failure(run: &RunId, failure: &RunFailure, stores: &Stores) -> Result<(), Error> {
    RunFolder::new(&*stores.artifacts, run).put_json(NAME, failure).await.map(drop)
}

/// A run's failure, where one was written down.
///
/// # Errors
///
/// [`Error::Damaged`], and those of the store.
pub async fn find_failure(run: &RunId, stores: &Stores) -> Result<Option<RunFailure>, Error> {
    RunFolder::new(&*stores.artifacts, run).find_json(NAME).await
}
