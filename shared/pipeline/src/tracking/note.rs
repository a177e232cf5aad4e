//! `tracked.json`: what a tracker was told of a run.

use jiff::Timestamp;
use lurelight_store::RunId;
use serde::{Deserialize, Serialize};

use crate::run_folder::RunFolder;
use crate::{Error, Stores};

const NAME: &str = "tracked.json";

/// `tracked.json`: what a tracker was told of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tracked {
    /// The tracker.
    pub place: String,
    /// Where a person can look at the run.
    pub address: Option<String>,
    /// When the run ended, where that is known.
    pub ended_at: Option<Timestamp>,
    /// Whether it was told of a run that ended well.
    pub succeeded: bool,
    /// What the tracker cannot show, in words.
    pub left_out: Option<String>,
    /// Why it was not told, or not of all; none where it was.
    pub unsent: Option<String>,
}

impl Tracked {
    pub(super) async fn find(run: &RunId, stores: &Stores) -> Result<Option<Tracked>, Error> {
        match RunFolder::new(&*stores.artifacts, run).find_json(NAME).await {
            // It is told again, and the note written anew.
            Err(Error::Damaged { .. }) => Ok(None),
            found => found,
        }
    }

    pub(super) async fn write(&self, run: &RunId, stores: &Stores) -> Result<(), Error> {
        RunFolder::new(&*stores.artifacts, run).put_json(NAME, self).await.map(drop)
    }
}

/// The runs that have a note.
pub(super) async fn noted(stores: &Stores) -> Result<Vec<RunId>, Error> {
    let entries = stores.artifacts.list("runs/").await?;
    let run = |key: &str| key.strip_prefix("runs/")?.strip_suffix(NAME)?.strip_suffix('/')?.parse().ok();
    Ok(entries.iter().filter_map(|entry| run(entry.key.as_str())).collect())
}
