//! `lurelight push`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use jiff::Timestamp;
use lurelight_learn::Dataset;
use lurelight_pipeline::Stores;
use lurelight_schema::read::{LabelUse, ReadError, ReadOptions, Report, read_records};
use lurelight_schema::{Record, RecordsDigest};
use lurelight_store::{BatchId, Closing, PushOutcome};
use serde::Serialize;

use crate::failure::Failure;
use crate::home::{Home, block_on};
use crate::wording::{counted, moment, short};
use crate::{files, output, progress};

/// Keep labelled rows in the home, each file as one batch; `lurelight train` learns from all of them.
///
/// Reads CSV, ARFF, JSON and JSON Lines with the 30 features and the label Result (1 = legitimate, -1 =
/// phishing). A batch is named by what its rows say: pushing the same rows again, from whatever format,
/// changes nothing, and a push that was broken off is completed by pushing again. Rows that cannot be used are
/// named and left out. A file that cannot be pushed does not stop the others; the exit code tells.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Labelled rows, each file one batch; - is standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Read and say what would be pushed, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    home: Home,
}

/// Pushes every file, and says of each what became of it.
pub fn run(args: &Args) -> Result<(), Failure> {
    let stores = args.home.stores()?;
    let mut results = Vec::new();
    for path in &args.files {
        let done = block_on(push(path, &stores, args.dry_run));
        if !args.json {
            match &done {
                Ok(done) => output::print(&format!("{}: {}\n", files::name(path), done.words()))?,
                // The only file's failure ends the program, which says it.
                Err(failure) if args.files.len() > 1 => output::say(&format!("lurelight: {failure}")),
                Err(_) => {}
            }
        }
        results.push((path, done));
    }
    if args.json {
        let shown = Shown {
            home: args.home.shown(),
            dry_run: args.dry_run,
            files: results.iter().map(|(path, done)| ShownFile::new(path, done)).collect(),
        };
        let text = serde_json::to_string_pretty(&shown).context("the result cannot be written")?;
        output::print(&(text + "\n"))?;
    }
    end(results)
}

/// The failures as one.
fn end(mut results: Vec<(&PathBuf, Result<Done, Failure>)>) -> Result<(), Failure> {
    if results.len() == 1 {
        return results.remove(0).1.map(drop);
    }
    let files = results.len();
    let failures: Vec<Failure> = results.into_iter().filter_map(|(_, done)| done.err()).collect();
    let done = files - failures.len();
    let rest = match done {
        0 => "and nothing is changed".to_owned(),
        1 => "the other one is done".to_owned(),
        _ => format!("the other {done} are done"),
    };
    let said = anyhow!("{} of {files} files cannot be pushed, {rest}", failures.len());
    match failures {
        all if all.is_empty() => Ok(()),
        all if all.iter().all(|failure| matches!(failure, Failure::Rows(_))) => Err(Failure::Rows(said)),
        _ => Err(Failure::Other(said)),
    }
}

/// What became of a file.
#[derive(Debug)]
struct Done {
    batch: BatchId,
    rows: u64,
    change: Change,
    conflicting_vectors: u64,
    report: Report,
}

#[derive(Debug)]
enum Change {
    Would,
    Pushed,
    Completed,
    /// What was said when the batch was closed, where it was there before.
    None(Option<Closing>),
}

impl Done {
    fn words(&self) -> String {
        let rows = counted(self.rows, "row");
        let name = self.batch.to_string();
        let batch = short(&name);
        match &self.change {
            Change::Would => format!("would push {rows} as batch {batch}"),
            Change::Pushed => format!("pushed {rows} as batch {batch}"),
            Change::Completed => {
                format!("completed: batch {batch} has its {rows} now; a part was there already")
            }
            Change::None(before) => {
                let since = before.as_ref().map(|closing| {
                    format!(", pushed from {} at {}", closing.source, moment(closing.pushed_at))
                });
                format!("no change: these {rows} are there as batch {batch}{}", since.unwrap_or_default())
            }
        }
    }
}

async fn push(path: &Path, stores: &Stores, dry_run: bool) -> Result<Done, Failure> {
    let (records, report) = read(path)?;
    output::say_report(path, &report);
    let conflicting_vectors = contradictions(path, &records);
    let batch = BatchId(RecordsDigest::of(&records));
    let rows = records.len() as u64;
    let closed = stores.records.batches().await?.into_iter().find(|closed| closed.id == batch);
    let change = match closed {
        Some(closed) => Change::None(Some(closed.closing)),
        None if dry_run => Change::Would,
        None => {
            let bar = progress::rows(rows);
            bar.set_message(format!("writing {}", files::name(path)));
            let (source, step) = (files::name(path), |rows| bar.inc(rows));
            let pushed =
                lurelight_store::push(&*stores.records, &records, &source, Timestamp::now(), &step).await;
            bar.finish_and_clear();
            match pushed.map_err(|error| not_pushed(path, error))?.outcome {
                PushOutcome::New => Change::Pushed,
                PushOutcome::Completed => Change::Completed,
                PushOutcome::NoChange => Change::None(None),
            }
        }
    };
    Ok(Done { batch, rows, change, conflicting_vectors, report })
}

fn not_pushed(path: &Path, error: lurelight_store::Error) -> Failure {
    let name = files::name(path);
    Failure::from(error).context(format!("{name} cannot be pushed"))
}

fn read(path: &Path) -> Result<(Vec<Record>, Report), Failure> {
    let input = files::open(path)?;
    let bar = input.bar.clone();
    let read = read_records(input.bytes, input.format, ReadOptions::new(LabelUse::Required));
    bar.finish_and_clear();
    read.map_err(|error| {
        let failed = matches!(error, ReadError::Io { .. });
        let said = anyhow!(error).context(format!("{} cannot be pushed", files::name(path)));
        if failed { Failure::Other(said) } else { Failure::Rows(said) }
    })
}

/// Counts the vectors that carry both labels, and says it where there are any.
fn contradictions(path: &Path, records: &[Record]) -> u64 {
    let vectors = Dataset::new(records).conflicts();
    if vectors > 0 {
        let (name, vectors) = (files::name(path), counted(vectors, "feature vector"));
        output::say(&format!(
            "{name}: warning: {vectors} stand there as phishing and as legitimate; they are kept, and no model can \
             judge all of their rows right"
        ));
    }
    vectors
}

/// What `--json` prints.
#[derive(Serialize)]
struct Shown<'a> {
    home: String,
    dry_run: bool,
    files: Vec<ShownFile<'a>>,
}

#[derive(Serialize)]
struct ShownFile<'a> {
    file: String,
    /// `pushed`, `completed`, `no_change`, `would_push` or `failed`.
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conflicting_vectors: Option<u64>,
    /// What reading the file found.
    #[serde(skip_serializing_if = "Option::is_none")]
    read: Option<&'a Report>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl<'a> ShownFile<'a> {
    fn new(path: &Path, done: &'a Result<Done, Failure>) -> ShownFile<'a> {
        let outcome = match done {
            Ok(Done { change: Change::Would, .. }) => "would_push",
            Ok(Done { change: Change::Pushed, .. }) => "pushed",
            Ok(Done { change: Change::Completed, .. }) => "completed",
            Ok(Done { change: Change::None(_), .. }) => "no_change",
            Err(_) => "failed",
        };
        let found = done.as_ref().ok();
        ShownFile {
            file: files::name(path),
            outcome,
            batch: found.map(|done| done.batch.to_string()),
            rows: found.map(|done| done.rows),
            conflicting_vectors: found.map(|done| done.conflicting_vectors),
            read: found.map(|done| &done.report),
            error: done.as_ref().err().map(ToString::to_string),
        }
    }
}
