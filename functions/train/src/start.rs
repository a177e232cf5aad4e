//! From the command line to Lambda.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use lurelight_runtime::{Failure, Invocation, invoke, telemetry};
use serde_json::Value;

use crate::Settings;

const HELP: &str = "\
One stage of Lurelight's training pipeline, as a Lambda function. Lambda starts it; on a machine of your own
`lurelight train` runs all stages, and `cargo lambda watch` plays Lambda.

Usage: train [--help | --version]

Variables:
  LURELIGHT_STAGE               ingest, validate, transform, fit, evaluate or promote
  LURELIGHT_BUCKET              the bucket of snapshots, runs, models and the registry
  LURELIGHT_SECRETS_PREFIX      what the names of the secrets begin with
  LURELIGHT_MONGODB_DATABASE    the database of the records [default: lurelight]
  LURELIGHT_MONGODB_COLLECTION  their collection [default: records]
  MLFLOW_TRACKING_URI           the MLflow server that promote tells of runs
  LURELIGHT_LOG                 what is logged [default: info]
";

/// Exit code for arguments that cannot be understood.
const EXIT_USAGE: u8 = 2;

/// Answers Lambda's invocations until Lambda ends the process.
///
/// Exit codes: 0 nothing but help was wanted, 1 failed, 2 wrong usage.
#[must_use]
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    match arguments.first().map(|argument| argument.to_string_lossy().into_owned()).as_deref() {
        None => {}
        Some("-h" | "--help") => return print(HELP),
        Some("-V" | "--version") => return print(&format!("train {}\n", env!("LURELIGHT_VERSION"))),
        Some(other) => return fail(EXIT_USAGE, &format!("there is no argument {other}; see train --help")),
    }
    telemetry::init();
    match tokio::runtime::Runtime::new().map(|runtime| runtime.block_on(serve())) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => fail(1, &error.to_string()),
        Err(error) => fail(1, &format!("the function cannot start its threads: {error}")),
    }
}

async fn serve() -> Result<(), lurelight_runtime::Error> {
    let function = match Settings::from_env() {
        Ok(settings) => settings.function().await,
        Err(error) => Err(error),
    };
    if let Err(error) = &function {
        tracing::error!(error = error.to_string(), "every invocation will fail");
    }
    let function = &function;
    // A function that is not configured answers so: one that ended would be started again and again.
    invoke(async move |event: Value, invocation: Invocation| match function {
        Ok(function) => function.answer(event, &invocation).await,
        Err(error) => Err(Failure::permanent(error.to_string())),
    })
    .await
}

fn print(text: &str) -> ExitCode {
    // Whoever closed the pipe has read enough.
    let _closed = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn fail(code: u8, message: &str) -> ExitCode {
    // A function without a terminal fails all the same.
    let _closed = writeln!(std::io::stderr(), "train: {message}");
    ExitCode::from(code)
}
