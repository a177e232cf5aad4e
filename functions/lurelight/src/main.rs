//! The command line of Lurelight.

mod card;
mod cli;
mod failure;
mod files;
mod model_file;
mod output;
mod progress;
mod serve;
mod train;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
