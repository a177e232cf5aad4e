//! The command line of Lurelight.

mod batches;
mod card;
mod chosen;
mod cli;
mod evaluate;
mod explain;
mod export;
mod failure;
mod files;
mod healthcheck;
mod home;
mod layout;
mod mlflow;
mod model_file;
mod models;
mod output;
mod pipeline;
mod predict;
mod progress;
mod protocol;
mod push;
mod runs;
mod sample;
mod schema;
mod serve;
mod train;
mod verdicts;
mod version;
mod wording;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
