//! `lurelight serve`.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use lurelight_pipeline::{InProcessRunner, Stores, WhenEnded, silent};
use lurelight_runtime::{Config, Listener, telemetry};
use lurelight_store::{EnvironmentSecrets, ModelRegistry};
use lurelight_web::Pages;
use lurelight_web::access::Access;
use predict::{Serving, Timing};

use crate::chosen;
use crate::failure::Failure;
use crate::home::Home;
use crate::mlflow::{Beside, LIMIT_SECONDS};
use crate::{output, version};

/// Serve the upload page, the prediction API and administration on this machine.
///
/// The home's champion answers, and a new one as soon as it is promoted, without a restart. While there is none,
/// and where none can be loaded, the model compiled into this program answers. Every answer says which model it
/// is from.
///
/// Administration (training, runs, promoting and rolling back) needs a token: one of those in ADMINISTRATION_TOKENS,
/// separated by white space, or in the file that ADMINISTRATION_TOKENS_FILE names. With LURELIGHT_ADMINISTRATION_ACCESS=open nobody needs one, on a loopback address alone.
/// Training runs in this process, on the records of the home; MLflow is told of it where MLFLOW_TRACKING_URI names one.
///
/// Other settings come from variables: see `predict --help`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The model that answers, for as long as this runs [default: the home's champion]
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    #[command(flatten)]
    home: Home,
    /// Where to listen [default: $LURELIGHT_ADDRESS, else 127.0.0.1:9000]
    #[arg(long, value_name = "ADDRESS")]
    address: Option<std::net::SocketAddr>,
}

/// Serves until Ctrl-C or SIGTERM.
pub fn run(args: Args) -> Result<(), Failure> {
    telemetry::init();
    let config = Config::from_env().context("a variable cannot be used")?;
    let config = Config { address: args.address.unwrap_or(config.address), pages: Pages::ALL, ..config };
    let stores = args.home.stores()?;
    let administration =
        admin::access(Arc::new(EnvironmentSecrets), config.address).context("a variable cannot be used")?;
    let needs_token = predict::token_needed().context("a variable cannot be used")?;
    let prediction = if needs_token { administration.clone() } else { Access::open() };
    let serving = match args.model {
        Some(path) => Serving::fixed(chosen::from_file(path)?),
        None => {
            let timing = Timing::from_env().context("a variable cannot be used")?;
            let registry = ModelRegistry::new(Arc::clone(&stores.artifacts));
            Serving::following(registry, &chosen::compiled_in()?, timing)
        }
    };
    let runtime = tokio::runtime::Runtime::new().context("the server cannot start")?;
    let runner = InProcessRunner::new(stores.clone(), version::program(), silent());
    let runner = runner.when_ended(telling(stores.clone()));
    let context = admin::Administration::new(stores.artifacts, Some(Arc::new(runner)));
    let router =
        predict::guarded_router(serving.clone(), &prediction).merge(admin::router(context, &administration));
    runtime.block_on(serve(&serving, router, &config)).context("the server stopped")?;
    Ok(())
}

/// Tells MLflow of runs, where one is named, beside whatever else is done.
fn telling(stores: Stores) -> WhenEnded {
    let mlflow = Arc::new(Beside::new(None, LIMIT_SECONDS));
    Arc::new(move |run, ended| {
        let (mlflow, stores) = (Arc::clone(&mlflow), stores.clone());
        tokio::spawn(async move {
            match ended {
                Ok(()) => drop(mlflow.run(&run, &stores).await),
                Err(error) => mlflow.failed(&run, &error.into(), &stores).await,
            }
        });
    })
}

async fn serve(
    serving: &Serving,
    router: axum::Router,
    config: &Config,
) -> Result<(), lurelight_runtime::Error> {
    serving.start().await;
    let context = serving.last();
    let listener = Listener::bind(config).await?;
    let url = listener.url(config);
    output::say(&format!(
        "\n  Lurelight is at {url}   (model {}: {}; stop with Ctrl-C)\n\n  \
         Try    curl -s {url}sample.csv | curl -s -F file=@- {url}predict -H 'accept: text/csv'\n  \
         Then   {url}runs    to train and to move the champion, with a token of ADMINISTRATION_TOKENS\n",
        context.version(),
        context.source(),
    ));
    listener.serve(router, config).await
}
