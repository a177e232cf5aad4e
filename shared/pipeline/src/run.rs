//! The stages in a row.

use lurelight_store::RunId;

use crate::evaluate::evaluate;
use crate::fit::fit;
use crate::ingest::ingest;
use crate::promote::{PromoteReport, promote};
use crate::transform::transform;
use crate::validate::validate;
use crate::{Error, Listener, RunRequest, Stage, Stores, run_folder::RunFolder};

/// Runs all stages in this process. A run that was broken off can be run again with the same request; it
/// then works on the records that it had read.
///
/// # Errors
///
/// Those of the stages.
pub async fn run(request: &RunRequest, stores: &Stores, listener: &Listener) -> Result<PromoteReport, Error> {
    let name: &RunId = &request.run;
    let ingested = ingest(request, stores, listener).await?;
    if ingested.no_change.is_some() {
        return RunFolder::new(&*stores.artifacts, name).report(Stage::Promote).await;
    }
    validate(name, stores, listener).await?;
    transform(name, stores, listener).await?;
    let families: Vec<_> = request.training.searched().collect();
    listener.stage_begins(Stage::Fit, families.len() as u64);
    for family in families {
        fit(name, family, stores, listener).await?;
        listener.stage_advances(Stage::Fit, 1);
    }
    listener.stage_ends(Stage::Fit);
    evaluate(name, stores, listener).await?;
    promote(name, stores, listener).await
}
