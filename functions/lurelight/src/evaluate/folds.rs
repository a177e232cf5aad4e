//! The rows with the fold that tests each, so that other programs can be measured on the same folds.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use lurelight_learn::Dataset;
use lurelight_learn::assess::AssessOptions;
use lurelight_learn::division::{Division, Protocol};
use lurelight_schema::{Feature, LABEL_COLUMN, Record, RecordsDigest};
use serde::Serialize;

use crate::export::write_cells;

/// How records are divided by one protocol with one seed.
#[derive(Serialize)]
struct Column {
    protocol: Protocol,
    /// None for the hash split, which needs none.
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    /// In the order of the rows; null where a row is only learnt.
    tested_in: Vec<Option<usize>>,
}

#[derive(Serialize)]
struct Folds {
    /// SHA-256 of the records.
    digest: String,
    rows: usize,
    divisions: Vec<Column>,
}

/// The file's text, as its name asks.
///
/// As CSV each row has its number, counted from 1, the 30 features, the label, and a column a protocol and seed, such as
/// `grouped-k-fold/42`: the fold in which the row is tested. All rows of other folds, and those with an empty cell,
/// are learnt there.
pub fn text(records: &[Record], options: &AssessOptions, out: &Path) -> anyhow::Result<String> {
    let columns = columns(records, options);
    if out.extension().is_some_and(|end| end.eq_ignore_ascii_case("json")) {
        let digest = RecordsDigest::of(records).to_string();
        let folds = Folds { digest, rows: records.len(), divisions: columns };
        return Ok(serde_json::to_string(&folds).context("the folds cannot be written")? + "\n");
    }
    let mut csv = Vec::with_capacity(records.len() * 100);
    write_csv(records, &columns, &mut csv).context("the folds cannot be written")?;
    String::from_utf8(csv).context("the folds cannot be written")
}

fn columns(records: &[Record], options: &AssessOptions) -> Vec<Column> {
    let data = Dataset::new(records);
    let mut columns = Vec::new();
    for protocol in &options.protocols {
        let seeds = match protocol {
            Protocol::HashSplit => vec![None],
            _ => options.seeds.iter().copied().map(Some).collect(),
        };
        for seed in seeds {
            let division = Division::new(&data, *protocol, options.folds, seed.unwrap_or(0));
            columns.push(Column { protocol: *protocol, seed, tested_in: division.of_records(records) });
        }
    }
    columns
}

fn write_csv(records: &[Record], columns: &[Column], out: &mut Vec<u8>) -> std::io::Result<()> {
    write!(out, "row")?;
    for feature in Feature::ALL {
        write!(out, ",{feature}")?;
    }
    write!(out, ",{LABEL_COLUMN}")?;
    for Column { protocol, seed, .. } in columns {
        match seed {
            Some(seed) => write!(out, ",{protocol}/{seed}")?,
            None => write!(out, ",{protocol}")?,
        }
    }
    writeln!(out)?;
    for (place, record) in records.iter().enumerate() {
        write!(out, "{},", place + 1)?;
        write_cells(*record, out)?;
        for column in columns {
            match column.tested_in[place] {
                Some(fold) => write!(out, ",{fold}")?,
                None => write!(out, ",")?,
            }
        }
        writeln!(out)?;
    }
    Ok(())
}
