//! Serves the page and the prediction API: to Lambda, or on a port of this machine.

use std::process::ExitCode;

fn main() -> ExitCode {
    predict::run(std::env::args_os().skip(1).collect())
}
