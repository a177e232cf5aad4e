//! `lurelight export`.

use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use lurelight_learn::Dataset;
use lurelight_learn::split::{HELD_OUT_FOLDS, TRAINING_FOLDS, fold};
use lurelight_pipeline::reports;
use lurelight_pipeline::{IngestReport, Stores};
use lurelight_schema::{Code, Feature, FeatureVector, LABEL_COLUMN, Label, Record};
use lurelight_store::RunId;

use crate::failure::Failure;
use crate::files::Aside;
use crate::home::{Home, block_on};
use crate::output;
use crate::wording::counted;

/// Write the rows of a run, or of the home, as a file that every command reads again.
///
/// The columns are batch and row (where each row came from), the 30 features and the label Result (1 = legitimate,
/// -1 = phishing), in the order of the schema; a missing value is an empty cell, and null in JSON Lines. Rows are
/// ordered by batch and row. Without --run the newest run is meant.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which rows
    #[arg(long, value_enum, default_value_t = Part::Snapshot)]
    part: Part,
    /// The run whose rows are meant [default: the newest]
    #[arg(long, value_name = "RUN")]
    run: Option<RunId>,
    /// How to write them
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    format: Format,
    /// Where they go, a file or a folder [default: standard output]; there only when it is whole
    #[arg(long, value_name = "FILE|DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    home: Home,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// All rows that the run read
    Snapshot,
    /// Those of them that can be used
    Valid,
    /// Those of them that cannot
    Invalid,
    /// The usable ones that models are made of: folds 3 to 9
    Train,
    /// The usable ones that models are measured on: folds 0 to 2
    Test,
    /// All rows that the home has now, whatever a run has read
    Records,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    /// A header and one line a row
    Csv,
    /// JSON Lines: one object a row
    Jsonl,
}

/// A row and where it came from.
struct Placed {
    batch: String,
    row: u64,
    record: Record,
}

/// Writes the rows.
pub fn run(args: &Args) -> Result<(), Failure> {
    if args.part == Part::Records && args.run.is_some() {
        return Err(Failure::Usage(anyhow!(
            "--part records are the rows of the home now, of no run: leave --run out, or ask for --part snapshot"
        )));
    }
    let stores = args.home.stores()?;
    let (name, words, rows) = block_on(async {
        if args.part == Part::Records {
            return Ok((
                "records".to_owned(),
                "all records of the home".to_owned(),
                placed_records(&stores).await?,
            ));
        }
        let run = match &args.run {
            Some(run) => run.clone(),
            None => newest(args.part, &stores).await?,
        };
        let rows = rows_of(&run, args.part, &stores).await?;
        let part = args.part.name();
        Ok((format!("{run}-{part}"), format!("part {part} of run {run}"), rows))
    })?;
    let Some(out) = &args.out else {
        return to_stdout(&rows, args.format);
    };
    let file = format!("{name}.{}", args.format.extension());
    let place = if out.is_dir() { out.join(file) } else { out.clone() };
    let mut aside = BufWriter::new(Aside::new(&place)?);
    write(&rows, args.format, &mut aside)
        .with_context(|| format!("{} cannot be written", place.display()))?;
    aside.into_inner().map_err(|error| anyhow!(error.into_error()))?.finish()?;
    output::say(&format!("{}: {}, {words}", place.display(), counted(rows.len() as u64, "row")));
    Ok(())
}

fn to_stdout(rows: &[Placed], format: Format) -> Result<(), Failure> {
    let mut stdout = BufWriter::new(std::io::stdout().lock());
    write(rows, format, &mut stdout)
        .and_then(|()| stdout.flush())
        .context("standard output cannot be written")?;
    Ok(())
}

impl Part {
    const fn name(self) -> &'static str {
        match self {
            Part::Snapshot => "snapshot",
            Part::Valid => "valid",
            Part::Invalid => "invalid",
            Part::Train => "train",
            Part::Test => "test",
            Part::Records => "records",
        }
    }

    /// Whether a run has it only once it has split its rows.
    const fn is_split(self) -> bool {
        matches!(self, Part::Train | Part::Test)
    }

    fn holds(self, vector: FeatureVector) -> bool {
        let usable = vector != FeatureVector::MISSING;
        match self {
            Part::Snapshot | Part::Records => true,
            Part::Valid => usable,
            Part::Invalid => !usable,
            Part::Train => usable && TRAINING_FOLDS.contains(&fold(vector)),
            Part::Test => usable && HELD_OUT_FOLDS.contains(&fold(vector)),
        }
    }
}

impl Format {
    const fn extension(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Jsonl => "jsonl",
        }
    }
}

/// The run that was asked for last, of those that came as far as the part.
async fn newest(part: Part, stores: &Stores) -> Result<RunId, Failure> {
    let mut newest: Option<IngestReport> = None;
    for run in reports::runs(stores).await? {
        let found = reports::of_run(&run, stores).await?;
        let Some(ingested) = found.ingest.filter(|_| found.transform.is_some() || !part.is_split()) else {
            continue;
        };
        if newest.as_ref().is_none_or(|newest| newest.request.at <= ingested.request.at) {
            newest = Some(ingested);
        }
    }
    let none = || {
        Failure::from(anyhow!(
            "{} has no run with such rows yet: lurelight train begins one, and --part records are the rows without any",
            stores.artifacts.place()
        ))
    };
    Ok(newest.ok_or_else(none)?.request.run)
}

/// The rows of a part of a run, with their places.
async fn rows_of(run: &RunId, part: Part, stores: &Stores) -> Result<Vec<Placed>, Failure> {
    let found = reports::of_run(run, stores).await?;
    let Some(ingested) = found.ingest else {
        return Err(anyhow!("there is no run {run}: lurelight runs lists those that there are").into());
    };
    if part.is_split() && found.transform.is_none() {
        return Err(anyhow!(
            "run {run} ended before it split its rows: name another one with --run, or ask for --part snapshot"
        )
        .into());
    }
    let all = reports::records(run, stores).await?;
    let places = ingested.batches.iter().flat_map(|batch| (0..batch.rows).map(|row| (batch.id.clone(), row)));
    let rows: Vec<Placed> = all
        .into_iter()
        .zip(places)
        .filter(|(record, _)| part.holds(record.vector))
        .map(|(record, (batch, row))| Placed { batch, row, record })
        .collect();
    if part.is_split() {
        check_split(run, part, &rows, stores).await?;
    }
    Ok(rows)
}

/// Makes sure that the rows are those that the run split off.
async fn check_split(run: &RunId, part: Part, rows: &[Placed], stores: &Stores) -> Result<(), Failure> {
    let (train, test) = reports::split(run, stores).await?;
    let kept = if part == Part::Train { train } else { test };
    let records: Vec<Record> = rows.iter().map(|placed| placed.record).collect();
    if Dataset::new(&records).rows() == kept.rows() {
        return Ok(());
    }
    Err(Failure::Model(anyhow!(
        "the {} rows that run {run} keeps are not those of its snapshot: it was made by another release; begin a new run",
        part.name()
    )))
}

/// All rows of the home, ordered by batch and row.
async fn placed_records(stores: &Stores) -> Result<Vec<Placed>, Failure> {
    let mut rows = Vec::new();
    for batch in stores.records.batches().await? {
        let records = stores.records.read(batch.id, 0..batch.closing.rows).await?;
        let id = batch.id.to_string();
        rows.extend((0..).zip(records).map(|(row, record)| Placed { batch: id.clone(), row, record }));
    }
    if rows.is_empty() {
        let place = stores.records.place();
        return Err(Failure::Rows(anyhow!("{place} has no records yet: lurelight push FILE brings some")));
    }
    Ok(rows)
}

/// All records of the home that can be used, ordered by batch and row.
///
/// # Errors
///
/// Those of the stores; [`Failure::Rows`] where there is none.
pub async fn usable_records(stores: &Stores) -> Result<Vec<Record>, Failure> {
    let rows = placed_records(stores).await?;
    Ok(rows.into_iter().map(|row| row.record).filter(|record| Part::Valid.holds(record.vector)).collect())
}

/// The cells of a record for a CSV: the features and the label, with a comma before each but the first.
pub fn write_cells(record: Record, out: &mut impl Write) -> std::io::Result<()> {
    for code in record.vector.codes() {
        if let Some(value) = code.value() {
            write!(out, "{value}")?;
        }
        out.write_all(b",")?;
    }
    write!(out, "{}", result(record.label))
}

fn write(rows: &[Placed], format: Format, out: &mut impl Write) -> std::io::Result<()> {
    match format {
        Format::Csv => write_csv(rows, out),
        Format::Jsonl => rows.iter().try_for_each(|placed| write_object(placed, out)),
    }
}

fn write_csv(rows: &[Placed], out: &mut impl Write) -> std::io::Result<()> {
    write!(out, "batch,row")?;
    for feature in Feature::ALL {
        write!(out, ",{feature}")?;
    }
    writeln!(out, ",{LABEL_COLUMN}")?;
    for Placed { batch, row, record } in rows {
        write!(out, "{batch},{row},")?;
        write_cells(*record, out)?;
        writeln!(out)?;
    }
    Ok(())
}

fn write_object(Placed { batch, row, record }: &Placed, out: &mut impl Write) -> std::io::Result<()> {
    write!(out, "{{\"batch\":\"{batch}\",\"row\":{row}")?;
    for feature in Feature::ALL {
        let value =
            Code::value(record.vector.code(feature)).map_or("null".to_owned(), |value| value.to_string());
        write!(out, ",\"{feature}\":{value}")?;
    }
    writeln!(out, ",\"{LABEL_COLUMN}\":{}}}", result(record.label))
}

/// The label as UCI codes it.
const fn result(label: Label) -> i8 {
    match label {
        Label::Legitimate => 1,
        Label::Phishing => -1,
    }
}
