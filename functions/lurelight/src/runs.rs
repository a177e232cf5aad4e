//! `lurelight runs`.

mod compare;
mod ending;
mod list;
mod show;

use anyhow::{Context as _, anyhow};
use clap::Subcommand;
use jiff::Timestamp;
use lurelight_pipeline::reports::{self, RunReports};
use lurelight_pipeline::{Error, Stores};
use lurelight_store::RunId;
use serde::Serialize;

use crate::failure::Failure;
use crate::home::{Home, block_on};
use crate::wording::counted;
use crate::{layout, output};

/// How many names are said where several begin as asked.
const NAMES_SHOWN: usize = 5;

/// See the runs of the pipeline: how they ended, what they read, what came of them.
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
    /// List the runs, the newest last [this is what is done where nothing else is asked]
    List,
    /// Show what a run was asked, what it read, what came of it and where its pages are; with --json all its reports
    Show {
        /// Its name, or enough of its beginning [default: the newest]
        run: Option<String>,
    },
    /// Show what differs between two runs
    Compare {
        /// The one, by its name or enough of its beginning
        a: String,
        /// The other
        b: String,
    },
}

/// What the commands work on.
struct Ran<'a> {
    home: &'a Home,
    stores: Stores,
    json: bool,
    /// Of the terminal.
    width: Option<usize>,
}

/// Does what is asked.
pub fn run(args: &Args) -> Result<(), Failure> {
    let width = layout::terminal_width();
    let all = Ran { home: &args.home, stores: args.home.stores()?, json: args.json, width };
    block_on(async {
        match args.command.as_ref().unwrap_or(&Command::List) {
            Command::List => list::list(&all).await,
            Command::Show { run } => {
                let run = match run {
                    Some(beginning) => all.named(beginning).await?,
                    None => all.newest().await?,
                };
                show::show(&all, &run)
            }
            Command::Compare { a, b } => compare::compare(&all, &all.named(a).await?, &all.named(b).await?),
        }
    })
}

impl Ran<'_> {
    /// The home, for messages.
    fn place(&self) -> String {
        self.home.shown()
    }

    fn no_runs(&self) -> String {
        format!(
            "there is no run in {} yet: `lurelight push FILE` and then `lurelight train` make one, and --home names \
             another directory",
            self.place()
        )
    }

    /// The reports of each run, or what is wrong with them, the newest run last.
    async fn all(&self) -> Result<Vec<(RunId, Result<RunReports, Error>)>, Failure> {
        let mut runs = Vec::new();
        for run in reports::runs(&self.stores).await? {
            let read = match reports::of_run(&run, &self.stores).await {
                Err(error @ Error::Damaged { .. }) => Err(error),
                read => Ok(read?),
            };
            runs.push((run, read));
        }
        // By time, as far as it is known; names have an order already, which that keeps.
        runs.sort_by_key(|(_, read)| read.as_ref().ok().and_then(begun));
        Ok(runs)
    }

    async fn newest(&self) -> Result<RunReports, Failure> {
        let mut runs = self.all().await?;
        for (run, read) in &runs {
            if let Err(error) = read {
                output::say(&format!("lurelight: run {run} is passed over: {error}"));
            }
        }
        runs.retain(|(_, read)| read.is_ok());
        match runs.pop() {
            Some((_, read)) => Ok(read?),
            None => Err(Failure::Other(anyhow!("{}", self.no_runs()))),
        }
    }

    /// The run whose name this is, or the only one whose name begins so.
    async fn named(&self, beginning: &str) -> Result<RunReports, Failure> {
        let names = reports::runs(&self.stores).await?;
        let exact = names.iter().find(|name| name.as_str() == beginning);
        let like: Vec<&RunId> = names.iter().filter(|name| name.as_str().starts_with(beginning)).collect();
        let refused = match (exact, &like[..]) {
            (Some(run), _) | (None, &[run]) => return Ok(reports::of_run(run, &self.stores).await?),
            (None, []) if names.is_empty() => self.no_runs(),
            (None, []) => format!(
                "no run in {} has a name that begins with {beginning:?}: `lurelight runs` lists the {}",
                self.place(),
                counted(names.len() as u64, "run")
            ),
            (None, like) => {
                let shown: Vec<&str> = like.iter().take(NAMES_SHOWN).map(|run| run.as_str()).collect();
                let more = if like.len() > NAMES_SHOWN { ", …" } else { "" };
                format!(
                    "{} have a name that begins with {beginning:?} ({}{more}): give more of it",
                    counted(like.len() as u64, "run"),
                    shown.join(", ")
                )
            }
        };
        Err(Failure::Other(anyhow!("{refused}")))
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

/// When a run was asked for.
fn begun(reports: &RunReports) -> Option<Timestamp> {
    reports.ingest.as_ref().map(|ingest| ingest.request.at)
}
