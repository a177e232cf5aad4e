//! Arguments, help and exit codes.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::failure::Failure;
use crate::{card, models, output, predict, runs, sample, schema, serve, train};

/// Tells phishing sites from legitimate ones, by 30 coded features of each site.
#[derive(Debug, Parser)]
#[command(name = "lurelight", version, max_term_width = 100, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
First steps:
  lurelight sample 1000 --out sites.csv     synthetic rows to try things on
  lurelight predict sites.csv               judge them with the model compiled in
  lurelight train sites.csv                 train on labelled rows; writes model.lure and card.json
  lurelight card model.lure                 how good it is
  lurelight serve --model model.lure        the page and the API on http://127.0.0.1:9000

Exit codes:
  0  done
  1  failed: something could not be read, written or started
  2  wrong usage
  3  the rows cannot be used: no usable row, columns absent, too few rows to train on
  4  a model cannot be used, or what a home keeps is damaged";

#[derive(Debug, Subcommand)]
enum Command {
    Train(train::Args),
    Predict(predict::Args),
    Serve(serve::Args),
    Runs(runs::Args),
    Models(models::Args),
    Schema(schema::Args),
    Sample(sample::Args),
    Card(card::Args),
}

/// Parses the arguments and does what they say.
pub fn run() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Train(args) => train::run(&args),
        Command::Predict(args) => predict::run(&args),
        Command::Serve(args) => serve::run(args),
        Command::Runs(args) => runs::run(&args),
        Command::Models(args) => models::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Sample(args) => sample::run(&args),
        Command::Card(args) => card::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever closed the pipe has read enough.
        Err(Failure::Other(error)) if output::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(failure) => {
            output::say(&format!("lurelight: {failure}"));
            failure.exit_code()
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }
}
