//! `lurelight serve`.

use std::path::PathBuf;

use anyhow::Context as _;
use lurelight_runtime::{Config, telemetry};
use predict::{Context, Source};

use crate::failure::Failure;
use crate::model_file;

/// Serve the upload page and the prediction API on this machine.
///
/// Other settings come from variables: see `predict --help`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The model that answers [default: the one compiled into this program]
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Where to listen [default: $LURELIGHT_ADDRESS, else 127.0.0.1:9000]
    #[arg(long, value_name = "ADDRESS")]
    address: Option<std::net::SocketAddr>,
}

/// Serves until Ctrl-C or SIGTERM.
pub fn run(args: Args) -> Result<(), Failure> {
    telemetry::init();
    let config = Config::from_env().context("a variable cannot be used")?;
    let config = Config { address: args.address.unwrap_or(config.address), ..config };
    let context = context(args.model)?;
    let runtime = tokio::runtime::Runtime::new().context("the server cannot start")?;
    runtime.block_on(predict::serve(context, config)).context("the server stopped")?;
    Ok(())
}

/// The model that was asked for, or the compiled-in one.
pub fn context(model: Option<PathBuf>) -> Result<Context, Failure> {
    let Some(path) = model else {
        let compiled_in = Context::compiled_in().context(
            "the compiled-in model does not load; give one with --model (lurelight train makes one)",
        );
        return compiled_in.map_err(Failure::Model);
    };
    let artifact = model_file::read(&path)?;
    let card = model_file::read_card(&path, &artifact)?;
    Ok(Context::new(artifact, card, Source::File(path)))
}
