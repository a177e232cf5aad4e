//! Which model judges: a file, a registered version, the champion, or the compiled-in one.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use lurelight_store::{Error, ErrorKind, ModelRegistry};
use predict::{Context, Source};

use crate::failure::Failure;
use crate::home::{Home, block_on};
use crate::model_file;

/// The model as it is chosen on the command line.
#[derive(Debug, clap::Args)]
pub struct Choice {
    /// The model that judges [default: the home's champion, or where there is none the one compiled in]
    #[arg(long, value_name = "FILE")]
    pub model: Option<PathBuf>,
    /// Judge by the registry's version of this number
    #[arg(long, value_name = "NUMBER", conflicts_with = "model")]
    pub model_version: Option<u64>,
    #[command(flatten)]
    pub home: Home,
}

/// What to do about a model of the registry that cannot be used.
const ADVICE: &str = "see what is wrong with `lurelight models verify`, go back to an older version with `lurelight \
                      models roll-back`, or judge by another model with --model FILE or --model-version NUMBER";

/// Loads the model of a file, of a version, or the champion. Where there is a champion it is that one or none:
/// another model would judge otherwise.
///
/// # Errors
///
/// [`Failure::Model`] or, where the home does not answer, [`Failure::Other`], with what to do.
pub fn load(model: Option<&Path>, version: Option<u64>, home: &Home) -> Result<Context, Failure> {
    if let Some(path) = model {
        return from_file(path.to_owned());
    }
    let registry = ModelRegistry::new(home.stores()?.artifacts);
    block_on(async {
        if let Some(number) = version {
            let loaded = Context::registered(&registry, number).await;
            return loaded.map_err(|error| unusable(&format!("version {number}"), &error));
        }
        let champion = registry.champion().await.map_err(|error| unusable("the champion", &error))?;
        let Some(champion) = champion else {
            return Ok(compiled_in()?.with_source(Source::NoChampion));
        };
        let details = &champion.event.details;
        let loaded = Context::load(&registry, &details.model, Source::Champion(details.version)).await;
        loaded.map_err(|error| unusable(&format!("the champion, version {},", details.version), &error))
    })
}

fn unusable(which: &str, error: &Error) -> Failure {
    let said = anyhow!("{which} cannot be used: {error}; {ADVICE}");
    match error.kind {
        ErrorKind::PermissionDenied | ErrorKind::Unavailable => Failure::Other(said),
        _ => Failure::Model(said),
    }
}

/// The model in a file, with the card beside it.
///
/// # Errors
///
/// [`Failure::Model`], with the file's name.
pub fn from_file(path: PathBuf) -> Result<Context, Failure> {
    let artifact = model_file::read(&path)?;
    let card = model_file::read_card(&path, &artifact)?;
    Ok(Context::new(artifact, card, Source::File(path)))
}

/// The compiled-in model.
///
/// # Errors
///
/// [`Failure::Model`] where the program was built from a damaged checkout.
pub fn compiled_in() -> Result<Context, Failure> {
    let compiled_in = Context::compiled_in()
        .context("the compiled-in model does not load; give one with --model (lurelight train makes one)");
    compiled_in.map_err(Failure::Model)
}
