//! Serves the pages and the API of administration: to Lambda, or on a port of this machine.

use std::process::ExitCode;

fn main() -> ExitCode {
    admin::run(std::env::args_os().skip(1).collect())
}
