//! Runs one stage of the pipeline for each invocation of Lambda.

use std::process::ExitCode;

fn main() -> ExitCode {
    train::run(std::env::args_os().skip(1).collect())
}
