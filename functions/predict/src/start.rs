//! From the command line to a server, with a word to whoever sits at the terminal.

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use lurelight_runtime::{Config, Error, Listener, in_lambda, telemetry};

use crate::access;
use crate::arguments::{self, Command, HELP};
use crate::prepare::{Unprepared, prepare};
use crate::{Serving, Timing, guarded_router};

/// Exit code for arguments or variables that cannot be understood.
const EXIT_USAGE: u8 = 2;

/// Runs the program `predict` with its arguments, its own name left out, until a signal stops it.
///
/// Exit codes: 0 stopped by a signal, 1 failed, 2 wrong usage.
#[must_use]
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    let (address, place) = match arguments::parse(arguments.into_iter()) {
        Ok(Command::Serve { address, place }) => (address, place),
        Ok(Command::Help) => return print(HELP),
        Ok(Command::Version) => return print(&format!("predict {}\n", env!("CARGO_PKG_VERSION"))),
        Err(message) => return fail(EXIT_USAGE, &format!("{message}; see predict --help")),
    };
    telemetry::init();
    let config = match Config::from_env() {
        Ok(config) => Config { address: address.unwrap_or(config.address), ..config },
        Err(error) => return fail(EXIT_USAGE, &error.to_string()),
    };
    let timing = match Timing::from_env() {
        Ok(timing) => timing,
        Err(error) => return fail(EXIT_USAGE, &error.to_string()),
    };
    let place = match arguments::find_place(place, |name| std::env::var_os(name), in_lambda()) {
        Ok(place) => place,
        Err(message) => return fail(EXIT_USAGE, &message),
    };
    // Made here and not in `main`: the whole server would be compiled once more for the program.
    let served = tokio::runtime::Runtime::new().map(|runtime| {
        runtime.block_on(async {
            match prepare(place, timing).await {
                Ok(serving) => serve(serving, config).await.map_err(|error| (1, error.to_string())),
                Err(error @ Unprepared::Region(_)) => Err((EXIT_USAGE, error.to_string())),
                Err(error) => Err((1, error.to_string())),
            }
        })
    });
    match served {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err((code, message))) => fail(code, &message),
        Err(error) => fail(1, &format!("the server cannot start: {error}")),
    }
}

/// Serves the page and the API with this model or these models until Ctrl-C or SIGTERM, or on Lambda for as long as it lasts.
///
/// On a port it first prints to standard error where to look and what to try.
///
/// # Errors
/// Where the port cannot be had, or the server fails.
pub async fn serve(serving: Serving, config: Config) -> Result<(), Error> {
    let access = access::from_env().await?;
    serving.start().await;
    let context = serving.last();
    let (version, source) = (context.version(), context.source());
    let router = guarded_router(serving, &access);
    if in_lambda() {
        return lurelight_runtime::serve(router, config).await;
    }
    let listener = Listener::bind(&config).await?;
    let url = listener.url(&config);
    say(&format!(
        "\n  Lurelight is at {url}   (model {version}: {source}; stop with Ctrl-C)\n\n  \
         Try    curl -s {url}sample.csv | curl -s -F file=@- {url}predict -H 'accept: text/csv'\n  \
         Then   cargo run --release -p lurelight -- help    to train on rows of your own\n\n"
    ));
    listener.serve(router, &config).await
}

fn print(text: &str) -> ExitCode {
    // Whoever closed the pipe has read enough.
    let _closed = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn say(text: &str) {
    // A server without a terminal serves all the same.
    let _closed = std::io::stderr().write_all(text.as_bytes());
}

fn fail(code: u8, message: &str) -> ExitCode {
    telemetry::tell_why_it_ends("predict", message);
    ExitCode::from(code)
}
