//! `lurelight sample`.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use lurelight_learn::synthetic::Statistics;
use lurelight_schema::read::{LabelUse, ReadOptions, read_records};
use lurelight_schema::{Feature, LABEL_COLUMN, Label, Record};

use crate::failure::Failure;
use crate::files::{self, Aside};
use crate::{output, progress};

/// Make synthetic labelled rows as CSV: realistic to try things on, and no row of a real site.
///
/// The rows carry statistics that were counted in the UCI data: how frequent each class is and, in each
/// class, how the codes of features depend on each other along a tree. A model trained on them says nothing
/// about real sites. The first column, site, marks every row as synthetic. The same seed gives the same
/// bytes, and more rows begin with the fewer.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How many rows
    #[arg(value_name = "ROWS", default_value_t = 200, conflicts_with = "count")]
    rows: u64,
    /// The seed of the rows
    #[arg(long, default_value_t = 42, conflicts_with = "count")]
    seed: u64,
    /// Where the rows go [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Use these statistics, made by --count [default: those of the UCI data]
    #[arg(long, value_name = "TABLE", conflicts_with = "count")]
    statistics: Option<PathBuf>,
    /// Count the statistics of labelled rows instead, and write their table
    #[arg(long, value_name = "FILE")]
    count: Option<PathBuf>,
}

/// The table of statistics is a few KB.
const MAX_TABLE_BYTES: usize = 1 << 20;

/// Rows between two moves of the progress bar.
const ROWS_A_STEP: u64 = 10_000;

/// Writes rows, or statistics.
pub fn run(args: &Args) -> Result<(), Failure> {
    match &args.out {
        None => {
            let mut stdout = BufWriter::with_capacity(1 << 16, std::io::stdout().lock());
            write(args, &mut stdout)?;
            stdout.flush().context("standard output cannot be written")?;
        }
        Some(path) => {
            let mut aside = BufWriter::with_capacity(1 << 16, Aside::new(path)?);
            write(args, &mut aside)?;
            let aside = aside.into_inner().map_err(|error| anyhow!(error.into_error()))?;
            aside.finish()?;
        }
    }
    Ok(())
}

fn write(args: &Args, out: &mut impl Write) -> Result<(), Failure> {
    if let Some(path) = &args.count {
        let table = count(path)?.to_table();
        out.write_all(table.as_bytes()).context("the statistics cannot be written")?;
        return Ok(());
    }
    let read;
    let statistics = match &args.statistics {
        None => Statistics::built_in().context("the compiled-in statistics cannot be used")?,
        Some(path) => {
            read = statistics(path)?;
            &read
        }
    };
    let bar = progress::rows(args.rows);
    let written = rows(statistics, args.seed, args.rows, out, || bar.inc(ROWS_A_STEP));
    bar.finish_and_clear();
    Ok(written.context("the rows cannot be written")?)
}

fn statistics(path: &Path) -> anyhow::Result<Statistics> {
    let name = path.display();
    let bytes = files::read(path, MAX_TABLE_BYTES)?;
    let text = String::from_utf8(bytes).with_context(|| format!("{name} is not UTF-8"))?;
    Statistics::from_table(&text)
        .with_context(|| format!("{name} is no table of statistics (lurelight sample --count makes one)"))
}

fn count(path: &Path) -> Result<Statistics, Failure> {
    let name = files::name(path);
    let input = files::open(path)?;
    let bar = input.bar.clone();
    let read = read_records(input.bytes, input.format, ReadOptions::new(LabelUse::Required));
    bar.finish_and_clear();
    let counted = || -> anyhow::Result<Statistics> {
        let (records, report) = read.with_context(|| format!("{name} cannot be counted"))?;
        output::say_report(path, &report);
        Statistics::count(&records).with_context(|| format!("{name} cannot be counted"))
    };
    counted().map_err(Failure::Rows)
}

/// Writes the header and `rows` rows, one at a time.
fn rows(
    statistics: &Statistics,
    seed: u64,
    rows: u64,
    out: &mut impl Write,
    step: impl Fn(),
) -> std::io::Result<()> {
    out.write_all(b"site")?;
    for feature in Feature::ALL {
        write!(out, ",{feature}")?;
    }
    writeln!(out, ",{LABEL_COLUMN}")?;
    let mut line = Vec::new();
    for (number, Record { vector, label }) in (1..=rows).zip(statistics.generate(seed)) {
        line.clear();
        // `.example` is reserved: no such site can be (RFC 2606).
        write!(line, "synthetic-{number}.example")?;
        for code in vector.codes() {
            line.extend_from_slice([b",-1".as_slice(), b",0", b",1", b","][code as usize]);
        }
        line.extend_from_slice(if label == Label::Phishing { b",-1\n" } else { b",1\n" });
        out.write_all(&line)?;
        if number % ROWS_A_STEP == 0 {
            step();
        }
    }
    Ok(())
}
