//! `lurelight models`.

mod champion;
mod diff;
mod keep;
mod list;
mod show;

use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use clap::Subcommand;
use lurelight_pipeline::Stores;
use lurelight_schema::Digest;
use lurelight_store::{ErrorKind, Key, ModelRegistry, Version, parse_digest};
use serde::Serialize;

use crate::failure::Failure;
use crate::home::{Home, block_on};
use crate::{layout, output};

/// See the versions that training made, compare them, and choose the one that serves.
///
/// A version is a model that a run registered; it never changes. The champion is the version that serves. It is
/// moved by comparing and swapping, so of two who move it at once one is told of the other; every move is kept.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    home: Home,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the versions, the newest last [this is what is done where nothing else is asked]
    List,
    /// Show every move of the champion, the newest last
    Log,
    /// Show what a version is, what it was made of and how good it is
    Show {
        /// Its number [default: the champion]
        version: Option<u64>,
    },
    /// Show what differs between two versions, and measure both on the same rows
    Diff {
        /// The one, by its number
        a: u64,
        /// The other
        b: u64,
    },
    /// Let a version serve
    ///
    /// A version whose model or card is damaged is refused before anything moves.
    Promote {
        /// Its number
        version: u64,
        /// Why, in words, for the log
        #[arg(long, value_name = "TEXT", default_value = "by hand")]
        reason: String,
    },
    /// Let an earlier version serve again
    ///
    /// Without VERSION it is the one that served before, and what was rolled back from is not returned to: after
    /// versions 1, 2 and 3 served in turn, rolling back gives 2, rolling back again gives 1, and a third time there
    /// is nothing to roll back to.
    #[command(visible_alias = "rollback")]
    RollBack {
        /// The version, which must have served before [default: the one before]
        version: Option<u64>,
        /// Why, in words, for the log
        #[arg(long, value_name = "TEXT", default_value = "by hand")]
        reason: String,
    },
    /// Read every model, card, version and event, and say what is damaged
    Verify,
    /// Write a version's model to a file, and its card beside it
    Export {
        /// Its number
        version: u64,
        /// Where the model goes
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

/// What the commands work on.
struct Registered<'a> {
    home: &'a Home,
    stores: Stores,
    registry: ModelRegistry,
    json: bool,
    /// Of the terminal.
    width: Option<usize>,
}

/// Does what is asked.
pub fn run(args: &Args) -> Result<(), Failure> {
    let stores = args.home.stores()?;
    let registry = stores.registry();
    let width = layout::terminal_width();
    let all = Registered { home: &args.home, stores, registry, json: args.json, width };
    block_on(async {
        match args.command.as_ref().unwrap_or(&Command::List) {
            Command::List => list::list(&all).await,
            Command::Log => list::log(&all).await,
            Command::Show { version } => show::show(&all, *version).await,
            Command::Diff { a, b } => diff::diff(&all, *a, *b).await,
            Command::Promote { version, reason } => champion::promote(&all, *version, reason).await,
            Command::RollBack { version, reason } => champion::roll_back(&all, *version, reason).await,
            Command::Verify => keep::verify(&all).await,
            Command::Export { version, out } => keep::export(&all, *version, out).await,
        }
    })
}

impl Registered<'_> {
    /// The home, for messages.
    fn place(&self) -> String {
        self.home.shown()
    }

    /// A version that must be there.
    async fn version(&self, number: u64) -> Result<Version, Failure> {
        let error = match self.registry.version(number).await {
            Err(error) if error.kind == ErrorKind::NotFound => error,
            found => return Ok(found?),
        };
        let known = self.registry.versions().await?;
        let known = match &known[..] {
            [] => return Err(Failure::Other(anyhow!("{}", self.nothing_registered()))),
            [one] => format!("there is only version {}", one.number),
            [first, .., last] if known.len() as u64 == last.number => {
                format!("there are {} to {}", first.number, last.number)
            }
            _ => {
                return Err(Failure::Other(anyhow!(
                    "{error}; `lurelight models verify` says what is absent"
                )));
            }
        };
        Err(Failure::Other(anyhow!(
            "there is no version {number} in {}: {known}; `lurelight models` lists them",
            self.place()
        )))
    }

    fn nothing_registered(&self) -> String {
        format!(
            "there is no version in {} yet: `lurelight push FILE` and `lurelight train` make one, and --home names \
             another directory",
            self.place()
        )
    }

    fn file(&self, key: &Key) -> String {
        format!("{}/{key}", self.stores.artifacts.place())
    }

    /// Prints JSON where that is asked for, else the text.
    fn print(&self, json: &impl Serialize, text: impl FnOnce() -> String) -> Result<(), Failure> {
        let text = if self.json {
            serde_json::to_string_pretty(json).context("the result cannot be written as JSON")? + "\n"
        } else {
            text()
        };
        Ok(output::print(&text)?)
    }
}

/// The digest by which a version names its model.
fn model_of(version: &Version) -> Result<Digest, Failure> {
    let invalid = |error| anyhow!("version {} names no model: {error}", version.number);
    parse_digest(&version.details.model).map_err(|error| Failure::Model(invalid(error)))
}
