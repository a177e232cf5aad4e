//! `lurelight serve`.

use std::path::PathBuf;

use anyhow::Context as _;
use lurelight_runtime::{Config, telemetry};
use lurelight_store::ModelRegistry;
use predict::{Serving, Timing};

use crate::chosen;
use crate::failure::Failure;
use crate::home::Home;

/// Serve the upload page and the prediction API on this machine.
///
/// The home's champion answers, and a new one as soon as it is promoted, without a restart. While there is none,
/// and where none can be loaded, the model compiled into this program answers. Every answer says which model it
/// is from.
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
    let config = Config { address: args.address.unwrap_or(config.address), ..config };
    let serving = match args.model {
        Some(path) => Serving::fixed(chosen::from_file(path)?),
        None => {
            let timing = Timing::from_env().context("a variable cannot be used")?;
            let registry = ModelRegistry::new(args.home.stores().artifacts);
            Serving::following(registry, &chosen::compiled_in()?, timing)
        }
    };
    let runtime = tokio::runtime::Runtime::new().context("the server cannot start")?;
    runtime.block_on(predict::serve(serving, config)).context("the server stopped")?;
    Ok(())
}
