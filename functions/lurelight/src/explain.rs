//! `lurelight explain`.

mod machine;
mod rows;
mod text;

use std::collections::HashMap;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use lurelight_model::{Explanation, Model};
use lurelight_schema::read::{Reader, Report};
use lurelight_schema::{FeatureVector, Label};
use predict::{Context, Counts};

use self::machine::{Csv, Json};
use self::rows::Selection;
use self::text::Text;
use crate::chosen::Choice;
use crate::failure::Failure;
use crate::files::{self, Aside, Input};
use crate::predict::{Stopped, read_options};
use crate::{chosen, output};

/// Show why each row of a file is judged as it is: what every feature adds to the model's score.
///
/// The contributions are Shapley values, exact for trees, forests, AdaBoost, boosting and votes of trees or forests
/// (path-dependent TreeSHAP), and coefficient times code for logistic regression. The base value is the score of a row of
/// which nothing is known; with all contributions it adds up to the row's score, in the model's own unit. The
/// probability stands behind that score, after calibration.
///
/// Reads the same files as `predict`. By default a waterfall for each row: from the base value at its top, feature by
/// feature, to the score at its foot, + towards phishing and - towards legitimate.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The rows; - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Explain these rows alone, as 1,5-9; the first row of data is 1
    #[arg(long, value_name = "LIST")]
    rows: Option<Selection>,
    /// Show this many features, the strongest ones, and the others as one [default: 10 in a waterfall, all in JSON]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u8).range(1..=30), conflicts_with = "csv")]
    top: Option<u8>,
    /// Print JSON: the model, and for each row the verdict, the score and the contributions
    #[arg(long)]
    json: bool,
    /// Print CSV: for each row the verdict, the base value, 30 columns of contributions, and the score
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Where it goes [default: standard output]; written aside, and there only when it is whole
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    choice: Choice,
}

/// The features that a waterfall shows by themselves.
const SHOWN: u8 = 10;

/// A row and why it is judged so.
struct Explained<'a> {
    number: u64,
    vector: FeatureVector,
    /// What the file says of it.
    label: Option<Label>,
    verdict: Label,
    /// Of phishing.
    probability: f64,
    explanation: &'a Explanation,
}

/// Writes rows down. Nothing is written before the first row.
trait Writer {
    fn row(&mut self, row: &Explained<'_>) -> io::Result<()>;
    fn end(&mut self, counts: &Counts, report: &Report) -> io::Result<()>;
}

/// Explains and writes.
pub fn run(args: &Args) -> Result<(), Failure> {
    let Choice { model, model_version, home } = &args.choice;
    let context = chosen::load(model.as_deref(), *model_version, home)?;
    if let Some(reason) = context.model().unexplained() {
        return Err(Failure::Model(anyhow!(
            "the score of model {} ({}, {}) cannot be taken apart by features: {reason}; explain by another with --model \
             FILE or --model-version NUMBER",
            context.version(),
            context.model().family(),
            context.source(),
        )));
    }
    match &args.out {
        None => {
            let mut stdout = BufWriter::with_capacity(1 << 16, io::stdout().lock());
            explain(args, &context, &mut stdout)?;
            stdout.flush().context("standard output cannot be written")?;
        }
        Some(path) => {
            let mut aside = BufWriter::with_capacity(1 << 16, Aside::new(path)?);
            explain(args, &context, &mut aside)?;
            let aside = aside.into_inner().map_err(|error| anyhow!(error.into_error()))?;
            aside.finish()?;
        }
    }
    Ok(())
}

fn explain(args: &Args, context: &Context, out: &mut dyn Write) -> Result<(), Failure> {
    let input = files::open(&args.file)?;
    let bar = input.bar.clone();
    let mut writer: Box<dyn Writer + '_> = if args.json {
        Box::new(Json::new(out, context, args.top.map_or(usize::MAX, usize::from))?)
    } else if args.csv {
        Box::new(Csv::new(out))
    } else {
        Box::new(Text::new(out, context, args.top.unwrap_or(SHOWN).into(), args.out.is_none()))
    };
    let done = stream(args, context, input, &mut *writer);
    bar.finish_and_clear();
    let (counts, report) = done.map_err(|stopped| stopped.of(&args.file))?;
    output::say_report(&args.file, &report);
    let explained = counts.phishing + counts.legitimate;
    let name = files::name(&args.file);
    if let Some(absent) = args.rows.as_ref().and_then(|rows| rows.first_beyond(report.rows)) {
        return Err(Failure::Usage(anyhow!(
            "--rows names row {absent}, and {name} has {} rows",
            report.rows
        )));
    }
    if explained == 0 {
        return Err(Failure::Rows(anyhow!("none of the rows that --rows names in {name} could be used")));
    }
    output::say(&format!(
        "{name}: {} explained by model {} ({}) at threshold {}",
        crate::wording::counted(explained, "row"),
        context.version(),
        context.source(),
        context.model().threshold(),
    ));
    Ok(())
}

/// Explains row by row, each distinct one once while there is room.
fn stream(
    args: &Args,
    context: &Context,
    input: Input,
    writer: &mut dyn Writer,
) -> Result<(Counts, Report), Stopped> {
    /// So many distinct rows are kept: some 20 MB.
    const MOST: usize = 1 << 16;
    let model = context.model();
    let mut reader = Reader::new(input.bytes, input.format, read_options(context))?;
    let mut counts = Counts::default();
    let mut known: HashMap<FeatureVector, Explanation> = HashMap::new();
    while let Some(row) = reader.next_row()? {
        if args.rows.as_ref().is_some_and(|rows| !rows.contains(row.number)) {
            continue;
        }
        if known.len() >= MOST {
            known.clear();
        }
        let explanation = match known.entry(row.vector) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(model.explain(row.vector).map_err(io::Error::other)?)
            }
        };
        let probability = context.probability(row.vector);
        let verdict = Model::label_at(probability, model.threshold());
        counts.add(verdict, row.label);
        let (number, vector, label) = (row.number, row.vector, row.label);
        writer.row(&Explained { number, vector, label, verdict, probability, explanation })?;
    }
    let report = reader.finish()?;
    writer.end(&counts, &report)?;
    Ok((counts, report))
}
