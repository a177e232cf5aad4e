//! `lurelight evaluate`.

mod folds;
mod missing;
mod table;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use lurelight_learn::TrainOptions;
use lurelight_learn::assess::{AssessOptions, Assessment, assess};
use lurelight_learn::division::Protocol;
use lurelight_model::Family;
use lurelight_schema::Record;
use serde::Serialize;

use crate::failure::Failure;
use crate::files::Aside;
use crate::home::{Home, block_on};
use crate::progress::TrainingProgress;
use crate::{export, output, train, version};

/// Measure every family and the champion as others publish it and as it should be: by several protocols, on the same
/// folds, with intervals.
///
/// Without FILE the records of the home are evaluated. Nothing is kept in the home, and no champion is moved.
///
/// Protocols: random-k-fold deals rows out at random, so that most tested rows were learnt with the very same features;
/// grouped-k-fold keeps identical rows together; hash-split learns folds 3 to 9 of the product's own split and tests
/// folds 0 to 2; random-split is seven rows to three, at random. By how much the random k-fold is above the grouped one
/// is the inflation. No classifier can pass the noise ceiling: some rows have the same features and different labels.
///
/// Each family has the parameters that were the best of its grid on folds 3 to 9 of the hash split, and is judged at
/// probability one half; --search looks for them anew inside each fold. The champion is the first of them, calibrated
/// and with its threshold, which are both learnt inside each fold.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Labelled rows; several files are read one after the other, - is standard input
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Seeds that divide rows and fit models; with several, means and their spread are shown
    #[arg(long, value_name = "SEED,…", value_delimiter = ',', default_value = "42")]
    seeds: Vec<u64>,
    /// Folds of the k-fold protocols
    #[arg(long, value_name = "COUNT", default_value_t = 10, value_parser = clap::value_parser!(u8).range(2..=20))]
    folds: u8,
    /// Protocols to follow, by name [default: all]
    #[arg(long, value_name = "PROTOCOL,…", value_delimiter = ',')]
    protocols: Option<Vec<Protocol>>,
    /// Families to evaluate, by name [default: all]
    #[arg(long, value_name = "FAMILY,…", value_delimiter = ',')]
    families: Option<Vec<Family>>,
    /// Search each grid anew inside each fold, instead of once on folds 3 to 9; takes many times as long
    #[arg(long)]
    search: bool,
    /// Threads to use [default: one a processor]; the result is the same for any number
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
    /// Print the result as JSON, with every metric, interval and seed
    #[arg(long)]
    json: bool,
    /// Write the result as a page with plots
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
    /// Write the rows with the fold that tests each, for every protocol and seed, so that other programs can be
    /// measured on the same folds; as JSON where the name ends in .json, else as CSV
    #[arg(long, value_name = "FILE")]
    folds_out: Option<PathBuf>,
    /// Write the folds and evaluate nothing
    #[arg(long, requires = "folds_out", conflicts_with_all = ["json", "page", "search"])]
    folds_only: bool,
    /// Measure instead what missing cells cost (0, 5, 20 and 50 % of them), by the way in which they are met
    #[arg(long, conflicts_with_all = ["protocols", "folds_out", "page", "search"])]
    missing: bool,
    /// Write the rows that --missing learns and tests into this folder, so that other programs can be measured on them
    #[arg(long, value_name = "DIR", requires = "missing")]
    parts_out: Option<PathBuf>,
    #[command(flatten)]
    home: Home,
}

/// Evaluates, and prints what came of it.
pub fn run(args: &Args) -> Result<(), Failure> {
    train::start_threads(args.threads)?;
    let options = args.options();
    options.check().map_err(|error| Failure::Usage(error.into()))?;
    // Known before the work is done: whether its result can be written.
    for out in [&args.page, &args.folds_out].into_iter().flatten() {
        drop(Aside::new(out)?);
    }
    let records = args.records()?;
    if args.missing {
        if let Some(folder) = &args.parts_out {
            missing::write_parts(&records, &options, folder)?;
        }
        return Ok(output::print(&missing::text(&records, &options, args.json)?)?);
    }
    if let Some(out) = &args.folds_out {
        let text = folds::text(&records, &options, out)?;
        put(out, text.as_bytes())?;
        if args.folds_only {
            return Ok(());
        }
    }
    let progress = TrainingProgress::new();
    let assessed = assess(&records, &options, &progress);
    progress.finish();
    let assessment = assessed.map_err(|error| Failure::Rows(anyhow!(error)))?;
    if let Some(out) = &args.page {
        let page = lurelight_pipeline::evaluation_page(&assessment, &args.source(), version::VERSION)
            .context("the page cannot be made")?;
        put(out, page.as_bytes())?;
    }
    let text = if args.json {
        let printed = Printed { program: version::VERSION, source: args.source(), assessment: &assessment };
        serde_json::to_string_pretty(&printed).context("the result cannot be written")? + "\n"
    } else {
        table::text(&assessment, &args.source())
    };
    Ok(output::print(&text)?)
}

/// What `--json` prints.
#[derive(Serialize)]
struct Printed<'a> {
    program: &'a str,
    source: String,
    #[serde(flatten)]
    assessment: &'a Assessment,
}

impl Args {
    fn options(&self) -> AssessOptions {
        let default = AssessOptions::default();
        let families = self.families.clone().unwrap_or(default.training.families.clone());
        AssessOptions {
            training: TrainOptions { families, ..default.training },
            protocols: self.protocols.clone().unwrap_or(default.protocols),
            seeds: self.seeds.clone(),
            folds: self.folds.into(),
            search: self.search,
        }
    }

    fn records(&self) -> Result<Vec<Record>, Failure> {
        if self.files.is_empty() {
            let stores = self.home.stores()?;
            return block_on(async { export::usable_records(&stores).await });
        }
        if let Some(flag) = self.home.named() {
            return Err(Failure::Usage(anyhow!(
                "FILE cannot be used with '{flag}': without FILE the records of a home are evaluated, with it no home is \
                 touched"
            )));
        }
        Ok(train::read_all(&self.files)?.0)
    }

    /// Where the rows came from, in words.
    fn source(&self) -> String {
        if self.files.is_empty() {
            return format!("the records of {}", self.home.shown());
        }
        self.files.iter().map(|file| crate::files::name(file)).collect::<Vec<_>>().join(", ")
    }
}

fn put(out: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut file = Aside::new(out)?;
    file.write_all(bytes).with_context(|| format!("{} cannot be written", out.display()))?;
    Ok(file.finish()?)
}
