//! Arguments, help and exit codes.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::failure::Failure;
use crate::{
    batches, card, evaluate, explain, export, healthcheck, mlflow, models, output, predict, push, runs,
    sample, schema, serve, train, version,
};

/// Tells phishing sites from legitimate ones, by 30 coded features of each site.
#[derive(Debug, Parser)]
#[command(name = "lurelight", version = version::VERSION, max_term_width = 100, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
First steps:
  lurelight predict sites.csv               judge rows with the model compiled in
  lurelight explain sites.csv --rows 1-3    why it judges so, feature by feature
  lurelight push labelled.csv               keep labelled rows in the home, .lurelight
  lurelight train                           learn from all of them; the best becomes the champion
  lurelight runs                            what was done, run by run
  lurelight models                          versions: compare them, promote one, roll back
  lurelight serve                           the page and the API, by the champion
Without a home:
  lurelight sample 2000 --out labelled.csv  synthetic rows to try things on
  lurelight train labelled.csv              train on a file alone; writes model.lure and card.json
  lurelight serve --model model.lure        the page and the API on http://127.0.0.1:9000

Exit codes:
  0    done
  1    failed: something could not be read, written or started; a disk is full or not to be written
  2    wrong usage
  3    the rows cannot be used: no usable row, no records yet, columns absent, one label only, too few rows
  4    a model, or what the home keeps, cannot be used
  130  broken off by Ctrl-C";

#[derive(Debug, Subcommand)]
enum Command {
    Push(push::Args),
    Batches(batches::Args),
    Export(export::Args),
    Train(Box<train::Args>),
    Predict(predict::Args),
    Explain(explain::Args),
    Serve(serve::Args),
    Healthcheck(healthcheck::Args),
    Runs(runs::Args),
    Models(models::Args),
    Mlflow(mlflow::Args),
    Schema(schema::Args),
    Sample(sample::Args),
    Card(card::Args),
    Evaluate(Box<evaluate::Args>),
}

/// Parses the arguments and does what they say.
pub fn run() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Push(args) => push::run(&args),
        Command::Batches(args) => batches::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Train(args) => train::run(&args),
        Command::Predict(args) => predict::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Serve(args) => serve::run(args),
        Command::Healthcheck(args) => healthcheck::run(&args),
        Command::Runs(args) => runs::run(&args),
        Command::Models(args) => models::run(&args),
        Command::Mlflow(args) => mlflow::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Sample(args) => sample::run(&args),
        Command::Card(args) => card::run(&args),
        Command::Evaluate(args) => evaluate::run(&args),
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
