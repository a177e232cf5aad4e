//! From the command line to a server, with a word to whoever sits at the terminal.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use lurelight_runtime::{Config, Error, Listener, in_lambda, telemetry};
use lurelight_store::{DirectoryArtifacts, ModelRegistry};

use crate::arguments::{self, Command, HELP};
use crate::{Context, Serving, Timing, router};

/// Exit code for arguments or variables that cannot be understood.
const EXIT_USAGE: u8 = 2;

/// Runs the program `predict` with its arguments, its own name left out, until a signal stops it.
///
/// Exit codes: 0 stopped by a signal, 1 failed, 2 wrong usage.
#[must_use]
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    let (address, home) = match arguments::parse(arguments.into_iter()) {
        Ok(Command::Serve { address, home }) => (address, home),
        Ok(Command::Help) => return print(HELP),
        Ok(Command::Version) => return print(&format!("predict {}\n", env!("CARGO_PKG_VERSION"))),
        Err(message) => return fail(EXIT_USAGE, &format!("{message}; see predict --help")),
    };
    telemetry::init();
    let config = match Config::from_env() {
        Ok(config) => Config { address: address.unwrap_or(config.address), ..config },
        Err(error) => return fail(EXIT_USAGE, &error.to_string()),
    };
    let context = match Context::compiled_in() {
        Ok(context) => context,
        Err(error) => {
            let advice = "make it again with scripts/make-model, or check out functions/predict/model anew";
            return fail(1, &format!("the compiled-in model does not load: {error}; {advice}"));
        }
    };
    let serving = match (find_home(home), Timing::from_env()) {
        (_, Err(error)) => return fail(EXIT_USAGE, &error.to_string()),
        (None, Ok(_)) => Serving::fixed(context),
        (Some(home), Ok(timing)) => {
            let artifacts = DirectoryArtifacts::open(home.join("artifacts"));
            Serving::following(ModelRegistry::new(Arc::new(artifacts)), &context, timing)
        }
    };
    // Made here and not in `main`: the whole server would be compiled once more for the program.
    let served = tokio::runtime::Runtime::new().map(|runtime| runtime.block_on(serve(serving, config)));
    match served {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => fail(1, &error.to_string()),
        Err(error) => fail(1, &format!("the server cannot start: {error}")),
    }
}

/// The directory that was named, or the usual one, which need not be there yet. A function in Lambda has none by
/// itself.
fn find_home(named: Option<PathBuf>) -> Option<PathBuf> {
    let variable = || std::env::var_os("LURELIGHT_HOME").filter(|value| !value.is_empty()).map(PathBuf::from);
    let usual = || (!in_lambda()).then(|| PathBuf::from(".lurelight"));
    named.or_else(variable).or_else(usual)
}

/// Serves the page and the API with this model or these models until Ctrl-C or SIGTERM, or on Lambda for as long as it lasts.
///
/// On a port it first prints to standard error where to look and what to try.
///
/// # Errors
/// Where the port cannot be had, or the server fails.
pub async fn serve(serving: Serving, config: Config) -> Result<(), Error> {
    serving.start().await;
    let context = serving.last();
    let (version, source) = (context.version(), context.source());
    let router = router(serving);
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
    say(&format!("predict: {message}\n"));
    ExitCode::from(code)
}
