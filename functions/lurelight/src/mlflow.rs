//! `lurelight mlflow`, and what other commands tell MLflow.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use clap::Subcommand;
use jiff::Timestamp;
use lurelight_mlflow::{InvalidAddress, MlflowSettings, MlflowTracker};
use lurelight_pipeline::tracking::{self, Synced, Told, ToldState};
use lurelight_pipeline::{RunFailure, Stage, Stores, record_failure, reports};
use lurelight_store::{EnvironmentSecrets, RunId};

use crate::failure::Failure;
use crate::home::{Home, block_on};
use crate::layout::{self, prose, word};
use crate::{output, progress};

/// Longest that a command which is about something else waits for MLflow, unless it is told otherwise.
pub const LIMIT_SECONDS: u16 = 20;

/// Show runs and versions in MLflow.
///
/// MLflow is a server that shows runs beside each other. `lurelight train` tells it of each run where
/// MLFLOW_TRACKING_URI names one: the run with its parameters, figures, records and files, each candidate as a
/// nested run, the version in a registered model whose alias `champion` follows the one that serves. Without it
/// nothing is lost: the same stands in the home.
///
/// Who asks: MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    home: Home,
    /// The server, http://… or https://… [env: MLFLOW_TRACKING_URI]
    #[arg(long, value_name = "URI", global = true)]
    mlflow_uri: Option<String>,
    /// The experiment, and the name of the registered model
    /// [env: MLFLOW_EXPERIMENT_NAME] [default: lurelight]
    #[arg(long, value_name = "NAME", global = true)]
    experiment: Option<String>,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Tell MLflow of every run that has ended and that it does not show yet, and of the champion
    ///
    /// Exit code 1 where something could not be told; it is told the next time.
    Sync,
}

/// Does what is asked.
pub fn run(args: &Args) -> Result<(), Failure> {
    let Command::Sync = args.command;
    let Some(tracker) = tracker(args.mlflow_uri.as_deref(), args.experiment.as_deref())? else {
        return Err(Failure::Usage(anyhow!(
            "no MLflow is named: give its address with --mlflow-uri or in MLFLOW_TRACKING_URI, http://127.0.0.1:5000 for \
             example"
        )));
    };
    let stores = args.home.stores()?;
    let synced = block_on(async {
        let bar = progress::steps();
        bar.set_message("telling MLflow");
        bar.set_length(reports::runs(&stores).await?.len() as u64);
        let synced = tracking::sync(&stores, &tracker, &|_| bar.inc(1)).await;
        bar.finish_and_clear();
        Ok(synced?)
    })?;
    let text = if args.json {
        serde_json::to_string_pretty(&synced).context("the result cannot be written as JSON")? + "\n"
    } else {
        text(&synced, layout::terminal_width())
    };
    output::print(&text)?;
    if synced.is_complete() {
        return Ok(());
    }
    Err(Failure::Other(anyhow!(
        "not all of it is in {}: what is missing is kept, and told the next time",
        synced.place
    )))
}

fn text(synced: &Synced, width: Option<usize>) -> String {
    if synced.runs.is_empty() {
        return "There is no run to tell of yet.\n".to_owned();
    }
    let rows: Vec<Vec<String>> = synced
        .runs
        .iter()
        .map(|told| {
            let (state, said) = words(&told.state);
            vec![told.run.to_string(), state.to_owned(), said]
        })
        .collect();
    let (mut text, _) =
        layout::table(&[word("run"), word("in MLflow"), prose("where, or why not")], &rows, width);
    let champion = match (&synced.champion, &synced.champion_kept) {
        (_, Some(reason)) => format!("The alias champion could not be set: {reason}"),
        (Some(version), None) => format!("The alias champion is at version {version} of this registry."),
        (None, None) => "No version serves yet, so there is no alias champion.".to_owned(),
    };
    text += "\n";
    text += &layout::paragraph(&champion, width);
    text
}

fn words(state: &ToldState) -> (&'static str, String) {
    let at = |address: &Option<String>| address.clone().unwrap_or_default();
    match state {
        ToldState::Shown { address, left_out: None } => ("shown", at(address)),
        ToldState::Shown { address, left_out: Some(left_out) } => {
            ("shown", format!("{}; {left_out}", at(address)))
        }
        ToldState::ShownBefore { address } => ("shown before", at(address)),
        ToldState::NotEnded => ("not yet", "the run has not ended".to_owned()),
        ToldState::Kept { reason } => ("kept", reason.clone()),
    }
}

/// The server that is named, by a flag or in the environment.
fn tracker(uri: Option<&str>, experiment: Option<&str>) -> Result<Option<MlflowTracker>, Failure> {
    let usage = |error: InvalidAddress| Failure::Usage(error.into());
    let from_env = || MlflowSettings::from_env().map_err(usage);
    let settings = match uri {
        None => from_env()?,
        Some(uri) => {
            let settings = MlflowSettings::new(uri).map_err(usage)?;
            let named = std::env::var("MLFLOW_EXPERIMENT_NAME").ok().filter(|name| !name.trim().is_empty());
            Some(match named {
                Some(name) => settings.with_experiment(name),
                None => settings,
            })
        }
    };
    let Some(settings) = settings else { return Ok(None) };
    let settings = match experiment {
        Some(name) => settings.with_experiment(name),
        None => settings,
    };
    Ok(Some(MlflowTracker::new(settings, Arc::new(EnvironmentSecrets))?))
}

/// MLflow for a command that is about something else: what is wrong with its address is said, and stops nothing.
pub struct Beside {
    tracker: Option<MlflowTracker>,
    limit: Duration,
}

impl Beside {
    /// The server that is named, if one is.
    pub fn new(uri: Option<&str>, limit_seconds: u16) -> Beside {
        let tracker = tracker(uri, None).unwrap_or_else(|failure| {
            say(&format!("is not told of this: {failure}"));
            None
        });
        Beside { tracker, limit: Duration::from_secs(limit_seconds.into()) }
    }

    /// Tells of a run that has ended; `None` where there is nobody to tell.
    pub async fn run(&self, run: &RunId, stores: &Stores) -> Option<Told> {
        let tracker = self.tracker.as_ref()?;
        let began = Instant::now();
        let told = tracking::track(run, Timestamp::now(), stores, tracker, self.limit).await;
        let seconds = began.elapsed().as_secs_f64();
        match &told.state {
            ToldState::Shown { left_out, .. } => {
                say(&format!("done in {seconds:.1} s"));
                if let Some(left_out) = left_out {
                    say(left_out);
                }
            }
            ToldState::ShownBefore { .. } | ToldState::NotEnded => {}
            ToldState::Kept { reason } => {
                say(&format!("is told later, by the next run or by `lurelight mlflow sync`: {reason}"));
            }
        }
        if let Some(reason) = &told.champion_kept {
            say(&champion_kept(reason));
        }
        Some(told)
    }

    /// Writes down that a run failed and tells of it, where there is somebody to tell.
    pub async fn failed(&self, run: &RunId, failure: &Failure, stores: &Stores) {
        let error = match failure {
            // The run is not what failed.
            Failure::Usage(_) | Failure::BrokenOff(_) => return,
            Failure::Rows(_) => "Rows",
            Failure::Model(_) => "Model",
            Failure::Other(_) => "Other",
        };
        if self.tracker.is_none() {
            return;
        }
        let Ok(reports) = reports::of_run(run, stores).await else { return };
        let Some(last) = reports.last_stage().filter(|last| *last != Stage::Promote) else { return };
        let next = Stage::ALL.into_iter().find(|stage| *stage > last).unwrap_or(last);
        let stage = reports.dead_end().map_or(next, |(stage, _)| stage);
        let failure = RunFailure {
            stage: stage.to_string(),
            error: error.to_owned(),
            cause: failure.to_string(),
            at: Timestamp::now(),
        };
        if record_failure(run, &failure, stores).await.is_ok() {
            self.run(run, stores).await;
        }
    }

    /// Tells where the champion is, after it was moved.
    pub async fn champion(&self, stores: &Stores) {
        let Some(tracker) = &self.tracker else { return };
        match tracking::track_champion(stores, tracker, self.limit).await {
            Ok(Some(version)) => say(&format!("the alias champion is at version {version}")),
            Ok(None) => {}
            Err(error) => say(&champion_kept(&error.to_string())),
        }
    }
}

fn champion_kept(reason: &str) -> String {
    format!("is told later, by the next run or by `lurelight mlflow sync`, where the champion is: {reason}")
}

fn say(what: &str) {
    output::say(&format!("{:9} {what}", "mlflow"));
}
