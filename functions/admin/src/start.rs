//! From the command line to a server.

use std::ffi::OsString;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use lurelight_aws::{ManagedSecrets, S3Artifacts};
use lurelight_runtime::{Config, Error, Listener, in_lambda, telemetry};
use lurelight_stepfunctions::StepFunctionsRunner;
use lurelight_store::{ArtifactStore, DirectoryArtifacts, EnvironmentSecrets, Secrets, TrainingRunner};
use lurelight_web::Pages;
use lurelight_web::access::{Access, FreshKey, SecretSource};

use crate::arguments::{self, Command, HELP};
use crate::{Administration, StoredSecrets, router};

/// Exit code for arguments or variables that cannot be understood.
const EXIT_USAGE: u8 = 2;

const ACCESS: &str = "LURELIGHT_ADMINISTRATION_ACCESS";

/// Runs the program `admin` with its arguments, its own name left out, until a signal stops it.
///
/// Exit codes: 0 stopped by a signal, 1 failed, 2 wrong usage.
#[must_use]
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    let (address, home) = match arguments::parse(arguments.into_iter()) {
        Ok(Command::Serve { address, home }) => (address, home),
        Ok(Command::Help) => return print(HELP),
        Ok(Command::Version) => return print(&format!("admin {}\n", env!("CARGO_PKG_VERSION"))),
        Err(message) => return fail(EXIT_USAGE, &format!("{message}; see admin --help")),
    };
    telemetry::init();
    let config = match Config::from_env() {
        Ok(config) => Config { address: address.unwrap_or(config.address), ..config },
        Err(error) => return fail(EXIT_USAGE, &error.to_string()),
    };
    let config = if in_lambda() { config } else { Config { pages: Pages::ADMINISTRATION, ..config } };
    // Made here and not in `main`: the whole server would be compiled once more for the program.
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return fail(1, &format!("the server cannot start: {error}")),
    };
    let served = runtime.block_on(async {
        let homes = Homes::open(home).await.map_err(|message| (EXIT_USAGE, message))?;
        let access =
            access(homes.secrets, config.address).map_err(|error| (EXIT_USAGE, error.to_string()))?;
        let administration = Administration::new(homes.artifacts, homes.runner);
        serve(router(administration, &access), config).await.map_err(|error| (1, error.to_string()))
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, message)) => fail(code, &message),
    }
}

/// Who may do what, as `LURELIGHT_ADMINISTRATION_ACCESS` says: `token`, which is the default, or `open`, which a loopback
/// address alone may be. Outside Lambda a session key is made where there is none.
///
/// # Errors
///
/// Where the variable cannot be understood, or where `open` would let in everybody on a network.
pub fn access(secrets: Arc<dyn Secrets>, address: SocketAddr) -> Result<Access, Error> {
    let wanted = variable(ACCESS).unwrap_or_else(|| "token".to_owned());
    let refused = |expected| Err(Error::Variable { variable: ACCESS, value: wanted.clone(), expected });
    match wanted.as_str() {
        "open" if in_lambda() => {
            refused("on Lambda administration always needs a token: take this variable away")
        }
        "open" if !address.ip().is_loopback() => refused(
            "without a token it may listen on this machine alone: use 127.0.0.1, or take this variable away and set \
             ADMINISTRATION_TOKENS",
        ),
        "open" => Ok(Access::this_machine()),
        "token" => {
            let source: Arc<dyn SecretSource> = Arc::new(StoredSecrets(secrets));
            if in_lambda() {
                return Ok(Access::administration(&source));
            }
            match FreshKey::behind(source) {
                Ok(source) => Ok(Access::administration(&(Arc::new(source) as Arc<dyn SecretSource>))),
                Err(_) => {
                    refused("the system gives no random bytes to make a session key of: set SESSION_KEY")
                }
            }
        }
        _ => refused("token or open"),
    }
}

/// What this process works on, as its variables say.
struct Homes {
    artifacts: Arc<dyn ArtifactStore>,
    secrets: Arc<dyn Secrets>,
    runner: Option<Arc<dyn TrainingRunner>>,
}

impl Homes {
    async fn open(home: Option<PathBuf>) -> Result<Homes, String> {
        let bucket = variable("LURELIGHT_BUCKET").filter(|_| home.is_none());
        let prefix = variable("LURELIGHT_SECRETS_PREFIX");
        let machine = variable("LURELIGHT_STATE_MACHINE_ARN");
        let settings = match (&bucket, &prefix, &machine) {
            (None, None, None) => None,
            _ => Some(lurelight_aws::settings().await),
        };
        let artifacts: Arc<dyn ArtifactStore> = match (bucket, &settings) {
            (Some(bucket), Some(settings)) => Arc::new(S3Artifacts::new(settings, bucket)),
            _ => Arc::new(DirectoryArtifacts::open(find_home(home)?.join("artifacts"))),
        };
        let secrets: Arc<dyn Secrets> = match (prefix, &settings) {
            (Some(prefix), Some(settings)) => Arc::new(
                ManagedSecrets::new(settings, prefix)
                    .map_err(|error| format!("LURELIGHT_SECRETS_PREFIX is wrong: {error}"))?,
            ),
            _ => Arc::new(EnvironmentSecrets),
        };
        let runner: Option<Arc<dyn TrainingRunner>> = match (machine, &settings) {
            (Some(machine), Some(settings)) => Some(Arc::new(
                StepFunctionsRunner::new(settings, machine)
                    .map_err(|error| format!("LURELIGHT_STATE_MACHINE_ARN is wrong: {error}"))?,
            )),
            _ => None,
        };
        Ok(Homes { artifacts, secrets, runner })
    }
}

/// The directory that was named, or the usual one, which need not be there yet. A function in Lambda has none by
/// itself.
fn find_home(named: Option<PathBuf>) -> Result<PathBuf, String> {
    let usual = || (!in_lambda()).then(|| PathBuf::from(".lurelight"));
    named.or_else(|| variable("LURELIGHT_HOME").map(PathBuf::from)).or_else(usual).ok_or_else(|| {
        "LURELIGHT_BUCKET is not set, and on Lambda runs and registry are in a bucket: set it to the bucket's name".to_owned()
    })
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

async fn serve(router: axum::Router, config: Config) -> Result<(), Error> {
    if in_lambda() {
        return lurelight_runtime::serve(router, config).await;
    }
    let listener = Listener::bind(&config).await?;
    let url = listener.url(&config);
    say(&format!(
        "\n  Lurelight's administration is at {url}runs   (stop with Ctrl-C)\n\n  \
         Try    curl -H 'authorization: Bearer TOKEN' {url}runs    with one of ADMINISTRATION_TOKENS\n\n"
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
    telemetry::tell_why_it_ends("admin", message);
    ExitCode::from(code)
}
