//! `lurelight train`.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use lurelight_learn::{TrainOptions, Training};
use lurelight_model::{Card, Family, Figures};
use lurelight_schema::Record;
use lurelight_schema::read::{LabelUse, ReadOptions, Report, read_records};
use serde::Serialize;

use crate::failure::Failure;
use crate::files::{self, Aside};
use crate::pipeline::{PipelineOptions, TrainingOptions};
use crate::progress::TrainingProgress;
use crate::protocol::{self, Protocol};
use crate::{card, layout, model_file, output, pipeline};

/// Train on the records of the home, or on files alone: tune every family, choose the best, measure it.
///
/// Without FILE all records that were pushed go through the pipeline: a snapshot is kept, looked at and split, every
/// family is fitted, the best becomes a version in the registry, and the champion if it is better than the one that
/// serves. The run leaves its reports and a page in the home. Where there is nothing new to learn it ends without
/// a change. A run that was broken off goes on with --run and its name, or begin another.
///
/// With FILE nothing but these rows counts and no home is touched: the model goes to --out. CSV, ARFF, JSON and JSON
/// Lines are read, with the 30 features and the label Result (1 = legitimate, -1 = phishing).
///
/// Rows are split by a hash of their features: folds 3 to 9 train, folds 0 to 2 only measure, so that no tested
/// row was trained on. Rows that cannot be used are named and left out.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Labelled rows; several files are read one after the other, - is standard input
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Where the model goes; its card goes beside it [default: model.lure]
    #[arg(long, value_name = "MODEL")]
    out: Option<PathBuf>,
    #[command(flatten)]
    training: TrainingOptions,
    /// Threads to use [default: one a processor]; the result is the same for any number
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
    /// Follow another protocol than the product's own, for comparison; writes no model
    #[arg(long, value_enum, conflicts_with_all = ["out", "cv_folds", "max_false_positive_rate", "families", "masked_copies"])]
    protocol: Option<Protocol>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pipeline: PipelineOptions,
}

/// The model's place where none is named.
const OUT: &str = "model.lure";

/// Runs the pipeline, or trains on files and writes the model.
pub fn run(args: &Args) -> Result<(), Failure> {
    start_threads(args.threads)?;
    if args.files.is_empty() {
        if args.protocol.is_some() {
            let message = "--protocol is followed on files: name one, `lurelight train FILE --protocol …`";
            return Err(Failure::Usage(anyhow!(message)));
        }
        if args.out.is_some() {
            return Err(Failure::Usage(anyhow!(
                "--out is where the model of `lurelight train FILE` goes; without FILE the home keeps it, and \
                 `lurelight models` lists what is there"
            )));
        }
        return pipeline::run(&args.pipeline, &args.training, args.json);
    }
    if let Some(flag) = args.pipeline.home.named() {
        return Err(Failure::Usage(anyhow!(
            "FILE cannot be used with '{flag}': without FILE the records of a home are learnt from, with it no home is touched"
        )));
    }
    if let Some(protocol) = args.protocol {
        let (records, _) = read_all(&args.files)?;
        let seed = args.training.over(TrainOptions::default()).seed;
        return protocol::run(protocol, &records, &args.files, seed, args.json);
    }
    train_on_files(args, args.out.as_deref().unwrap_or(Path::new(OUT)))
}

fn train_on_files(args: &Args, out: &Path) -> Result<(), Failure> {
    // Known before the work is done: whether its result can be written.
    if out.metadata().is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir()) {
        let name = out.display();
        return Err(Failure::Other(anyhow!(
            "{name} is no ordinary file: a model needs a file, and its card one beside it"
        )));
    }
    // Both are tried and dropped, so that a training that is stopped leaves nothing beside them.
    let card_path = model_file::card_path(out);
    drop((Aside::new(out)?, Aside::new(&card_path)?));
    let (records, reports) = read_all(&args.files)?;
    let options = args.training.over(TrainOptions::default());
    let progress = TrainingProgress::new();
    let trained = lurelight_learn::train(&records, &options, &progress);
    let seconds = progress.finish();
    let training = trained.map_err(|error| Failure::Rows(anyhow!(error)))?;

    // The card first: a card beside another model is noticed by the digest in it, and left out.
    let card = training.card.to_json().context("the card cannot be written")?;
    let (card_file, model_file) = (Aside::new(&card_path)?, Aside::new(out)?);
    write(card_file, card.as_bytes())?;
    write(model_file, &training.artifact.to_bytes())?;

    let seconds: Vec<f64> = training
        .card
        .candidates
        .iter()
        .map(|candidate| seconds.iter().find(|(family, _)| *family == candidate.family).map_or(0.0, |s| s.1))
        .collect();
    let text = if args.json {
        let summary = Summary::new(&training, &reports, &seconds, out, &card_path);
        serde_json::to_string_pretty(&summary).context("the result cannot be written")? + "\n"
    } else {
        text(&training, &seconds, out)
    };
    Ok(output::print(&text)?)
}

/// Makes as many threads as were asked for.
pub fn start_threads(count: Option<u16>) -> anyhow::Result<()> {
    let Some(count) = count else { return Ok(()) };
    let threads = rayon::ThreadPoolBuilder::new().num_threads(count.into());
    threads.build_global().context("the threads cannot be started")
}

fn write(mut file: Aside, bytes: &[u8]) -> anyhow::Result<()> {
    file.write_all(bytes).context("the disk does not take the model")?;
    file.finish()
}

/// The records of all files, in order. What is wrong with rows is said on standard error.
pub fn read_all(paths: &[PathBuf]) -> Result<(Vec<Record>, Vec<Report>), Failure> {
    let mut records = Vec::new();
    let mut reports = Vec::new();
    for path in paths {
        let input = files::open(path)?;
        let bar = input.bar.clone();
        let read = read_records(input.bytes, input.format, ReadOptions::new(LabelUse::Required));
        bar.finish_and_clear();
        let (more, report) = read
            .with_context(|| format!("{} cannot be trained on", files::name(path)))
            .map_err(Failure::Rows)?;
        output::say_report(path, &report);
        records.extend(more);
        reports.push(report);
    }
    Ok((records, reports))
}

fn text(training: &Training, seconds: &[f64], out: &Path) -> String {
    let card = &training.card;
    let failed: String = training
        .failed
        .iter()
        .map(|(family, error)| format!("{family} could not be fitted: {error}\n"))
        .collect();
    format!(
        "{}{failed}\n{}\n{}\n{}\n",
        card::candidates(card, Some(seconds)),
        card::held_out(card),
        verdict(card, out),
        flattery(card)
    )
}

fn verdict(card: &Card, out: &Path) -> String {
    format!(
        "The champion is {}, {}.\n\
         It is in {} with {} beside it. To use it: lurelight serve --model {}\n",
        card.family,
        card::calibration(&card.calibration),
        out.display(),
        model_file::card_path(out).display(),
        out.display(),
    )
}

/// The figure that others publish, and why it is higher.
fn flattery(card: &Card) -> String {
    let r = &card.random_split;
    let seen = 100.0 * r.seen_share;
    let memory = if seen < 0.5 {
        "Hardly any row tested there was trained on with the very same features, so it measures little memory; but \
         legitimate is the easier class."
            .to_owned()
    } else {
        format!(
            "That flatters: {seen:.0} % of the rows tested there were trained on with the very same features, so it \
             measures memory as well; and legitimate is the easier class."
        )
    };
    let text = format!(
        "For comparison with what others publish: split at random 70/30 (seed {}), the same family and parameters reach \
         F1 {:.4} with legitimate as the positive class ({:.4} with phishing). {memory} The figures above keep identical \
         rows on one side.",
        card.seed, r.f1_legitimate, r.figures.f1,
    );
    layout::paragraph(&text, layout::terminal_width())
}

/// What `--json` prints.
#[derive(Serialize)]
struct Summary<'a> {
    champion: Champion<'a>,
    candidates: Vec<SummaryCandidate<'a>>,
    rows: Vec<&'a Report>,
    failed: Vec<(Family, String)>,
    model: String,
    card: &'a Card,
    card_file: String,
}

#[derive(Serialize)]
struct Champion<'a> {
    family: Family,
    model: &'a str,
    threshold: f64,
    /// On folds 0 to 2 at probability one half, not calibrated.
    held_out: &'a Figures,
    f1_legitimate_random_split: f64,
}

#[derive(Serialize)]
struct SummaryCandidate<'a> {
    #[serde(flatten)]
    candidate: &'a lurelight_model::Candidate,
    seconds: f64,
}

impl<'a> Summary<'a> {
    fn new(
        training: &'a Training,
        reports: &'a [Report],
        seconds: &[f64],
        out: &Path,
        card_path: &Path,
    ) -> Self {
        let card = &training.card;
        Summary {
            champion: Champion {
                family: card.family,
                model: &card.model,
                threshold: card.threshold,
                held_out: &card.candidates[0].held_out,
                f1_legitimate_random_split: card.random_split.f1_legitimate,
            },
            candidates: card
                .candidates
                .iter()
                .zip(seconds)
                .map(|(candidate, seconds)| SummaryCandidate { candidate, seconds: *seconds })
                .collect(),
            rows: reports.iter().collect(),
            failed: training.failed.iter().map(|(family, error)| (*family, error.to_string())).collect(),
            model: out.display().to_string(),
            card,
            card_file: card_path.display().to_string(),
        }
    }
}
