//! The reader: every deviation that real files have, accepted or refused as documented.

#![expect(clippy::unwrap_used, reason = "a test may panic outside its test functions, too")]

mod arff;
mod csv;
mod headers;
mod json;
mod limits;
mod properties;
mod refused;

use std::borrow::Cow;
use std::io::Read;

use lurelight_schema::read::{Column, Format, LabelUse, ReadError, ReadOptions, Reader, Report};
use lurelight_schema::{Code, FEATURE_COUNT, Feature, FeatureVector, Label};

/// A row of 30 different codes, as cells.
const CELLS: [&str; FEATURE_COUNT] = [
    "-1", "0", "1", "1", "-1", "1", "0", "1", "-1", "1", "1", "-1", "1", "0", "1", "0", "-1", "1", "0", "1",
    "1", "1", "1", "-1", "1", "0", "-1", "1", "0", "1",
];

/// Synthetic rows with codes that the UCI file has in each column, and the label.
const ROWS: [&str; 3] = [
    "-1,1,1,1,-1,-1,-1,-1,-1,1,1,-1,1,-1,1,-1,-1,-1,0,1,1,1,1,1,-1,-1,-1,-1,-1,1,-1",
    "1,0,1,1,1,-1,0,1,-1,1,1,1,1,0,0,0,1,1,0,1,1,1,1,-1,1,0,1,1,1,1,1",
    "1,-1,1,1,1,1,1,1,-1,1,1,1,-1,1,0,1,1,1,1,1,1,1,1,1,1,1,1,1,0,1,1",
];

fn names() -> Vec<&'static str> {
    Feature::ALL.iter().map(|feature| feature.name()).collect()
}

/// The UCI header, `Result` included.
fn header() -> String {
    names().join(",") + ",Result"
}

/// A CSV file of the UCI header and these lines.
fn file(lines: &[&str]) -> String {
    header() + "\n" + &lines.join("\n") + "\n"
}

/// A row like [`CELLS`] with one cell replaced, and a label.
fn row_with(column: usize, cell: &str) -> String {
    let mut cells = CELLS.map(str::to_owned).to_vec();
    cells[column] = cell.to_owned();
    cells.join(",") + ",1"
}

/// The packed row of [`CELLS`].
fn vector() -> FeatureVector {
    vector_of(&CELLS)
}

fn vector_of(cells: &[&str]) -> FeatureVector {
    let codes: Vec<Code> = cells.iter().map(|cell| Code::parse(cell.as_bytes()).unwrap()).collect();
    FeatureVector::new(&codes.try_into().unwrap())
}

/// A row without its borrow.
#[derive(Clone, Debug, PartialEq)]
struct Owned {
    number: u64,
    line: u64,
    vector: FeatureVector,
    label: Option<Label>,
    cells: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
struct Whole {
    columns: Vec<Column>,
    rows: Vec<Owned>,
    report: Report,
}

fn read_from(input: impl Read, format: Format, options: ReadOptions) -> Result<Whole, ReadError> {
    let mut reader = Reader::new(input, format, options)?;
    let columns = reader.columns().to_vec();
    let mut rows = Vec::new();
    while let Some(row) = reader.next_row()? {
        let cells = row.cells().map(Cow::into_owned).collect();
        rows.push(Owned { number: row.number, line: row.line, vector: row.vector, label: row.label, cells });
    }
    Ok(Whole { columns, rows, report: reader.finish()? })
}

fn read(text: &str, format: Format, label: LabelUse) -> Result<Whole, ReadError> {
    read_from(text.as_bytes(), format, ReadOptions::new(label))
}

fn read_csv(text: &str) -> Whole {
    read(text, Format::Csv, LabelUse::Optional).unwrap()
}

/// What makes a file unreadable, as its message.
fn refusal(bytes: &[u8], format: Format) -> String {
    read_from(bytes, format, ReadOptions::new(LabelUse::Optional)).unwrap_err().to_string()
}
