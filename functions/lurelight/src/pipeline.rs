//! `lurelight train` without files: the pipeline over the home's records.

mod heard;
mod options;
mod result;

use std::sync::Arc;

use anyhow::anyhow;
use lurelight_pipeline::{Error, Listener, RunRequest, Stores, reports};
use lurelight_store::RunId;

pub use options::{PipelineOptions, TrainingOptions};

use self::heard::Heard;
use self::result::Finished;
use crate::failure::Failure;
use crate::home::block_on;
use crate::mlflow::Beside;
use crate::output;

/// Runs the pipeline and says what came of it.
pub fn run(options: &PipelineOptions, training: &TrainingOptions, as_json: bool) -> Result<(), Failure> {
    let home = &options.home;
    let text = block_on(async {
        let stores = home.stores()?;
        let heard = Arc::new(Heard::new());
        let mlflow = options.mlflow();
        let run = run_or_continue(options, training, &stores, &heard, &mlflow).await?;
        let told = mlflow.run(&run, &stores).await;
        let finished = Finished::read(&run, &heard.seconds(), home, &stores).await?.shown_in(told);
        if as_json { finished.json() } else { Ok(finished.text()) }
    })?;
    Ok(output::print(&text)?)
}

/// Begins a run, or takes up the one that is named, unless it has ended.
async fn run_or_continue(
    options: &PipelineOptions,
    training: &TrainingOptions,
    stores: &Stores,
    heard: &Arc<Heard>,
    mlflow: &Beside,
) -> Result<RunId, Failure> {
    let begun = match options.run() {
        Some(run) => Some(reports::of_run(run, stores).await?),
        None => None,
    };
    let ended = begun.as_ref().is_some_and(|reports| reports.promote.is_some());
    let before = begun.and_then(|reports| reports.ingest).map(|ingested| ingested.request);
    let request = options.request(training, before.clone())?;
    match before {
        Some(before) if ended && before == request => {
            output::say(&format!("run {} has ended before; this is what came of it", request.run));
            return Ok(request.run);
        }
        Some(_) => output::say(&format!("run {} goes on", request.run)),
        None => {}
    }
    let done = tokio::select! {
        done = go(&request, stores, heard) => done,
        _ = tokio::signal::ctrl_c() => Err(Failure::BrokenOff(anyhow!(
            "run {run} is broken off; to go on with it: lurelight train --run {run}", run = request.run
        ))),
    };
    heard.finish();
    if let Err(failure) = &done {
        mlflow.failed(&request.run, failure, stores).await;
    }
    done.map(|()| request.run)
}

async fn go(request: &RunRequest, stores: &Stores, heard: &Arc<Heard>) -> Result<(), Failure> {
    let listener: Listener = Arc::<Heard>::clone(heard);
    match lurelight_pipeline::run(request, stores, &listener).await {
        Ok(_) => Ok(()),
        Err(Error::Empty { place }) => Err(Failure::Rows(anyhow!(
            "{place} has no records to learn from: push labelled rows first (lurelight push FILE), or train on a file \
             alone (lurelight train FILE)"
        ))),
        Err(error) => Err(error.into()),
    }
}
