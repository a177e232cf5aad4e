//! `lurelight evaluate --missing`: what holes in the rows to be judged cost.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, anyhow};
use lurelight_learn::Dataset;
use lurelight_learn::assess::AssessOptions;
use lurelight_learn::missing::{MANY_COPIES, MissingAssessment, MissingResult, assess_missing, parts};
use lurelight_model::Figures;
use lurelight_schema::{Feature, LABEL_COLUMN, Record};

use crate::export::write_cells;
use crate::failure::Failure;
use crate::files::Aside;
use crate::layout::{self, number, word};
use crate::progress::TrainingProgress;

/// Measures, and gives what is to be printed.
pub fn text(records: &[Record], options: &AssessOptions, json: bool) -> Result<String, Failure> {
    let progress = TrainingProgress::new();
    let assessed = assess_missing(records, &options.training, &options.seeds, &progress);
    progress.finish();
    let assessed = assessed.map_err(|error| Failure::Rows(anyhow!(error)))?;
    if json {
        return Ok(serde_json::to_string_pretty(&assessed).context("the result cannot be written")? + "\n");
    }
    Ok(tables(&assessed))
}

/// Writes the rows of each seed into a folder: `SEED-train-0.csv`, `SEED-train-1.csv` and `SEED-train-16.csv`, which have
/// so many masked copies among them, and a `SEED-test-SHARE.csv` for each share of missing cells in percent.
pub fn write_parts(records: &[Record], options: &AssessOptions, folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let data = Dataset::new(records);
    for seed in &options.seeds {
        let parts = parts(&data, *seed);
        for (copies, train) in [(0, &parts.train), (1, &parts.one_copy), (MANY_COPIES, &parts.many_copies)] {
            write(&folder.join(format!("{seed}-train-{copies}.csv")), train)?;
        }
        for (share, test) in lurelight_learn::missing::SHARES.iter().zip(&parts.tests) {
            write(&folder.join(format!("{seed}-test-{:.0}.csv", 100.0 * share)), test)?;
        }
    }
    Ok(())
}

fn write(path: &Path, data: &Dataset) -> anyhow::Result<()> {
    let mut text = Vec::new();
    let mut all = || -> std::io::Result<()> {
        for feature in Feature::ALL {
            write!(text, "{feature},")?;
        }
        writeln!(text, "{LABEL_COLUMN}")?;
        for record in data.records() {
            write_cells(record, &mut text)?;
            writeln!(text)?;
        }
        Ok(())
    };
    let context = || format!("{} cannot be written", path.display());
    all().with_context(context)?;
    let mut file = Aside::new(path)?;
    file.write_all(&text).with_context(context)?;
    file.finish()
}

/// A metric by its name.
type Metric = (&'static str, fn(&Figures) -> f64);

fn tables(assessed: &MissingAssessment) -> String {
    let width = layout::terminal_width();
    let metrics: [Metric; 3] =
        [("accuracy", |m| m.accuracy), ("ROC-AUC", |m| m.roc_auc), ("log-loss", |m| m.log_loss)];
    let shares: Vec<String> = assessed.shares.iter().map(|share| format!("{:.0} %", 100.0 * share)).collect();
    let mut text = String::new();
    for (name, metric) in metrics {
        let mut columns = vec![word(name), word("holes")];
        columns.extend(shares.iter().map(|share| number(share)));
        let row = |result: &MissingResult| {
            let cells = result.figures.iter().enumerate().map(|(share, figures)| {
                let spread = result.spread.as_ref().map(|spread| metric(&spread[share]));
                let spread = spread.map_or_else(String::new, |spread| format!(" ±{spread:.4}"));
                format!("{:.4}{spread}", metric(figures))
            });
            [result.family.to_string(), result.way.as_str().to_owned()].into_iter().chain(cells).collect()
        };
        let rows: Vec<Vec<String>> = assessed.results.iter().map(row).collect();
        text += &layout::table(&columns, &rows, width).0;
        text.push('\n');
    }
    let rows = assessed.tested_rows.first().copied().unwrap_or(0);
    let note = format!(
        "Seven parts of ten are learnt, three tested ({rows} rows); identical rows stay together. Of the tested rows the \
         share of cells given above is missing at random. \"As they are\": learnt from rows without holes, which a tree \
         sends the way of most rows, and a random tree the way of mixed labels; \"imputed\": filled by the three nearest \
         neighbours among the rows learnt; \"masked copies\": learnt from the rows and copies of them that lost up to half \
         of their cells at random. At probability one half, phishing being the positive class{}.",
        if assessed.seeds.len() > 1 { "; means over the seeds, ± standard deviation" } else { "" }
    );
    text + &layout::paragraph(&note, width)
}
