//! The command line of Lurelight.

mod card;
mod cli;
mod failure;
mod files;
mod home;
mod model_file;
mod output;
mod predict;
mod progress;
mod sample;
mod schema;
mod serve;
mod train;
mod verdicts;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
