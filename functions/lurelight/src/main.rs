//! The command line of Lurelight.

mod card;
mod chosen;
mod cli;
mod failure;
mod files;
mod home;
mod layout;
mod model_file;
mod models;
mod output;
mod predict;
mod progress;
mod protocol;
mod runs;
mod sample;
mod schema;
mod serve;
mod train;
mod verdicts;
mod wording;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
