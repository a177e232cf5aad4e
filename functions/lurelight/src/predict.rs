//! `lurelight predict`.

use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use lurelight_model::Model;
use lurelight_schema::read::{LabelUse, Limits, ReadError, ReadOptions, Reader, Report, Role};
use lurelight_schema::{FeatureVector, Label};
use predict::{Context, Counts, Error, ReportPage};

use crate::chosen::Choice;
use crate::failure::Failure;
use crate::files::{self, Aside, Input};
use crate::verdicts::{CsvVerdicts, JsonVerdicts, Reasons, Verdict, Verdicts};
use crate::{chosen, output};

/// Judge the rows of a file: is the site legitimate, or is it phishing?
///
/// Reads CSV, ARFF, JSON and JSON Lines with the 30 features; `lurelight schema` shows them. Other columns are
/// carried along in their order, and three are added: label (the word), probability (of phishing) and
/// predicted_column (1.0 legitimate, 0.0 phishing); older ones of these are replaced. Rows that cannot be used
/// are left out, and named on standard error (with --format html on the page). CSV, ARFF and JSON Lines of any
/// length take the same little memory, also when they are piped; JSON and pages are held in memory.
///
/// Cells are written as they came, so a cell that a spreadsheet would take for a formula is one.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The rows; - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How to write the verdicts
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    format: Format,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Where the verdicts go [default: standard output]; written aside, and there only when it is whole
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    choice: Choice,
    /// The probability from which a row is called phishing, between 0 and 1 [default: the model's own]
    #[arg(long, value_name = "PROBABILITY", value_parser = probability)]
    threshold: Option<f64>,
    /// Give this many reasons for each row, the strongest ones
    #[arg(long, value_name = "COUNT", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=30))]
    explain: u8,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    /// The input's columns and the verdict
    Csv,
    /// The object that the API answers with
    Json,
    /// A page of its own, with all rows
    Html,
}

fn probability(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value > 0.0 && value < 1.0 => Ok(value),
        _ => Err("a number strictly between 0 and 1 is needed".to_owned()),
    }
}

/// Judges and writes.
pub fn run(args: &Args) -> Result<(), Failure> {
    let Choice { model, model_version, home } = &args.choice;
    let context = chosen::load(model.as_deref(), *model_version, home)?;
    match &args.out {
        None => {
            let mut stdout = BufWriter::with_capacity(1 << 16, io::stdout().lock());
            judge(args, &context, &mut stdout)?;
            stdout.flush().context("standard output cannot be written")?;
        }
        Some(path) => {
            let mut aside = BufWriter::with_capacity(1 << 16, Aside::new(path)?);
            judge(args, &context, &mut aside)?;
            let aside = aside.into_inner().map_err(|error| anyhow!(error.into_error()))?;
            aside.finish()?;
        }
    }
    Ok(())
}

fn judge(args: &Args, context: &Context, out: &mut dyn Write) -> Result<(), Failure> {
    let input = files::open(&args.file)?;
    let format = if args.json { Format::Json } else { args.format };
    let bar = input.bar.clone();
    let judged = match format {
        Format::Csv => stream(args, context, input, &mut CsvVerdicts::new(out, args.explain > 0)),
        Format::Json => stream(args, context, input, &mut JsonVerdicts::new(out, args.explain > 0)),
        Format::Html => page(args, context, input, out),
    };
    bar.finish_and_clear();
    judged.map_err(|stopped| stopped.of(&args.file))
}

/// Why judging ended early.
pub(crate) enum Stopped {
    Read(ReadError),
    Write(io::Error),
}

impl Stopped {
    /// The failure that this is, of the file that was judged.
    pub(crate) fn of(self, file: &Path) -> Failure {
        let name = files::name(file);
        match self {
            // A file that cannot be read to its end is no matter of its rows.
            Stopped::Read(error @ ReadError::Io { .. }) => {
                Failure::Other(anyhow!(error).context(format!("{name} cannot be read")))
            }
            Stopped::Read(error) => Failure::Rows(anyhow!(error).context(format!("{name} cannot be judged"))),
            Stopped::Write(error) => Failure::Other(anyhow!(error).context("the verdicts cannot be written")),
        }
    }
}

impl From<ReadError> for Stopped {
    fn from(error: ReadError) -> Stopped {
        Stopped::Read(error)
    }
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Stopped {
        Stopped::Write(error)
    }
}

/// How many rows are judged together, at most, and how many bytes of theirs are kept until then, or a row more.
const TOGETHER: usize = 65_536;
const MOST_CARRIED_BYTES: usize = 1 << 22;

/// Rows that wait for their verdicts.
struct Judge<'a> {
    context: &'a Context,
    threshold: f64,
    reasons: Reasons<'a>,
    waiting: Vec<(FeatureVector, Option<Label>)>,
    counts: Counts,
}

impl Judge<'_> {
    /// Judges all that wait.
    fn all(&mut self, verdicts: &mut impl Verdicts) -> io::Result<()> {
        let vectors: Vec<FeatureVector> = self.waiting.iter().map(|(vector, _)| *vector).collect();
        let probabilities = self.context.probabilities(&vectors);
        for ((vector, labelled), probability) in self.waiting.drain(..).zip(probabilities) {
            let label = Model::label_at(probability, self.threshold);
            self.counts.add(label, labelled);
            verdicts.write(Verdict { label, probability, reasons: self.reasons.of(vector) })?;
        }
        Ok(())
    }
}

/// Judges rows as they come, some together.
fn stream(args: &Args, context: &Context, input: Input, verdicts: &mut impl Verdicts) -> Result<(), Stopped> {
    let threshold = args.threshold.unwrap_or(context.model().threshold());
    let mut reader = Reader::new(input.bytes, input.format, read_options(context))?;
    verdicts.begin(reader.columns(), context, threshold)?;
    let older = reader.columns().iter().filter(|column| column.role == Role::PreviousPrediction);
    let replaced: Vec<String> = older.map(|column| column.name.clone()).collect();
    let mut judge = Judge {
        context,
        threshold,
        reasons: Reasons::new(context, explain(args, context)),
        waiting: Vec::with_capacity(TOGETHER),
        counts: Counts::default(),
    };
    loop {
        let next = reader.next_row();
        let Ok(Some(row)) = &next else {
            // What can be judged is, also where the rest of the file cannot be read.
            judge.all(verdicts)?;
            next?;
            break;
        };
        judge.waiting.push((row.vector, row.label));
        if verdicts.carry(row) >= MOST_CARRIED_BYTES || judge.waiting.len() == TOGETHER {
            judge.all(verdicts)?;
        }
    }
    let counts = judge.counts;
    let report = reader.finish()?;
    let mut notices = predict::notices(&report, &replaced);
    let unexplained = context.model().unexplained().filter(|_| args.explain > 0);
    let no_reasons =
        unexplained.map(|reason| predict::no_reasons(context.model().family(), reason, report.used));
    notices.extend(no_reasons.clone());
    verdicts.end(&counts, &report, notices)?;
    input.bar.finish_and_clear();
    if !replaced.is_empty() {
        output::say(&format!(
            "{}: warning: it holds an older prediction, which is replaced",
            files::name(&args.file)
        ));
    }
    if let Some(notice) = no_reasons {
        output::say(&format!("{}: warning: {}", files::name(&args.file), notice.message));
    }
    say(&args.file, context, threshold, &counts, &report);
    Ok(())
}

/// The reasons that each row gets. Where the model has none to give, a CSV has an empty column all the same: its
/// columns are those that were asked for, whichever model judges.
fn explain(args: &Args, context: &Context) -> u8 {
    let json = args.json || matches!(args.format, Format::Json);
    if json && !context.model().explains() { 0 } else { args.explain }
}

/// Files have no limit but the disk's; what one row or one JSON text may take in memory stays bounded.
pub(crate) fn read_options(context: &Context) -> ReadOptions {
    ReadOptions {
        limits: Limits { bytes: u64::MAX, rows: u64::MAX, json_bytes: 1 << 28, ..Limits::default() },
        known_codes: *context.model().known_codes(),
        ..ReadOptions::new(LabelUse::Optional)
    }
}

fn say(path: &Path, context: &Context, threshold: f64, counts: &Counts, report: &Report) {
    output::say_report(path, report);
    let Counts { phishing, legitimate, labelled, agreeing } = *counts;
    let agreement = if labelled > 0 {
        format!("; {agreeing} of {labelled} labels in the file agree")
    } else {
        String::new()
    };
    output::say(&format!(
        "{}: {phishing} phishing, {legitimate} legitimate by model {} ({}) at threshold {threshold}{agreement}",
        files::name(path),
        context.version(),
        context.source(),
    ));
}

/// Judges into a page, whose rows are held in memory.
fn page(args: &Args, context: &Context, input: Input, out: &mut dyn Write) -> Result<(), Stopped> {
    let name = args.file.file_name().map(|name| name.to_string_lossy().into_owned());
    let input_bar = input.bar;
    let bytes: Box<dyn Read> = Box::new(input.bytes);
    let (threshold, explain) = (args.threshold, args.explain.into());
    match ReportPage::new(context, bytes, name.as_deref(), input.format, threshold, explain) {
        Ok(page) => {
            page.write(out)?;
            input_bar.finish_and_clear();
            let (name, version) = (files::name(&args.file), context.version());
            output::say(&format!("{name}: judged by model {version} ({})", context.source()));
            Ok(())
        }
        Err(Error::Read(error)) => Err(Stopped::Read(error)),
        Err(error) => Err(Stopped::Write(io::Error::other(error))),
    }
}
