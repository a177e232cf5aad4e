//! Reading rows from CSV, ARFF and JSON.
//!
//! A [`Reader`] takes bytes from any [`Read`] and lends one usable row after the other. Rows that cannot be
//! used are collected, not returned: [`Reader::finish`] reports them, with warnings, at the end. Nothing is
//! guessed: a cell that is no code and no known spelling of a missing value is an error of its row.
//!
//! ```
//! use lurelight_schema::read::{Format, LabelUse, ReadOptions, Reader};
//!
//! # let header: Vec<&str> = lurelight_schema::Feature::ALL.iter().map(|f| f.name()).collect();
//! # let file = format!("{},note\n{}a\n{}b\n", header.join(","), "1,".repeat(30), "54,".repeat(30));
//! let mut reader = Reader::new(file.as_bytes(), Format::Csv, ReadOptions::new(LabelUse::Optional))?;
//! while let Some(row) = reader.next_row()? {
//!     println!("line {}: {:?}, last cell {:?}", row.line, row.vector, row.cells().last());
//! }
//! let report = reader.finish()?;
//! assert_eq!((report.used, report.error_count), (1, 1));
//! assert_eq!(report.errors[0].column.as_deref(), Some("having_IP_Address"));
//! # Ok::<(), lurelight_schema::read::ReadError>(())
//! ```

mod arff;
mod csv;
mod delimited;
mod error;
mod fast;
mod format;
mod header;
mod json;
mod json_rows;
mod options;
mod report;
mod source;
mod table;

use std::borrow::Cow;
use std::io::Read;
use std::ops::Range;

pub use error::{AbsentColumn, ReadError};
pub use format::Format;
pub use header::{Column, Role};
pub use options::{LabelUse, Limit, Limits, ReadOptions};
pub use report::{Report, RowError, Warning, WarningKind};

use self::csv::DelimitedRows;
use self::delimited::{Dialect, Split};
use self::json_rows::{JsonLineRows, JsonRows};
use self::source::Source;
use self::table::{Judged, Table};
use crate::{FeatureVector, Label, Record};

/// Reads rows one by one, with bounded memory.
#[derive(Debug)]
pub struct Reader<R> {
    table: Table,
    rows: Rows<R>,
    /// Whether the last row was read.
    ended: bool,
}

#[derive(Debug)]
enum Rows<R> {
    Delimited(DelimitedRows<R>),
    Json(JsonRows),
    JsonLines(JsonLineRows<R>),
}

/// A usable row, lent until the next one is asked for.
#[derive(Clone, Debug)]
pub struct Row<'a> {
    /// Its number among the data rows, bad ones included, from 1.
    pub number: u64,
    /// The line that it begins in, from 1.
    pub line: u64,
    /// Its features.
    pub vector: FeatureVector,
    /// Its label, where the input has one. Always there with [`LabelUse::Required`].
    pub label: Option<Label>,
    original: Original<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Original<'a> {
    /// Known to be UTF-8.
    Delimited(&'a [u8], Dialect),
    Json(&'a str, &'a [Option<Range<usize>>]),
}

impl<'a> From<(&'a str, &'a [Option<Range<usize>>])> for Original<'a> {
    fn from((row, places): (&'a str, &'a [Option<Range<usize>>])) -> Original<'a> {
        Original::Json(row, places)
    }
}

impl<R: Read> Reader<R> {
    /// Reads the header. For JSON, whose header are the keys of all rows in the order of first sight, the
    /// whole text; for JSON Lines those of the first 128 KiB.
    ///
    /// # Errors
    ///
    /// An input that is empty, of another kind than `format`, not UTF-8 or beyond a limit; a feature or
    /// label column that stands there twice; two or more feature columns that do not; no label column where
    /// `options` ask for labels.
    pub fn new(input: R, format: Format, options: ReadOptions) -> Result<Reader<R>, ReadError> {
        let mut source = Source::new(input, &options.limits);
        source.fill()?;
        check_start(source.pending(), format)?;
        if source.pending().starts_with(b"\xef\xbb\xbf") {
            source.consume(3, 0);
        }
        if let Some(found) = format::other_format(source.pending(), format) {
            return Err(ReadError::OtherFormat { found, expected: format });
        }
        let (rows, table) = match format {
            Format::Csv => csv::open(source, &options).map(|(rows, table)| (Rows::Delimited(rows), table)),
            Format::Arff => arff::open(source, &options).map(|(rows, table)| (Rows::Delimited(rows), table)),
            Format::Json => json_rows::open(source, &options).map(|(rows, table)| (Rows::Json(rows), table)),
            Format::JsonLines => {
                json_rows::open_lines(source, &options).map(|(rows, table)| (Rows::JsonLines(rows), table))
            }
        }?;
        Ok(Reader { table, rows, ended: false })
    }

    /// The columns in file order. In JSON two of them may be one feature, if rows spell its key differently.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.table.columns
    }

    /// How many bytes of the input the rows so far took, for a progress bar.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        match &self.rows {
            Rows::Delimited(rows) => rows.bytes_read(),
            Rows::Json(rows) => rows.bytes_read(),
            Rows::JsonLines(rows) => rows.bytes_read(),
        }
    }

    /// The next usable row; `None` after the last one.
    ///
    /// # Errors
    ///
    /// What makes the rest of the input unreadable: a failing input, bytes that are not UTF-8, a limit,
    /// sparse ARFF. Errors of single rows are left to [`finish`](Reader::finish).
    #[inline]
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, ReadError> {
        let next = match &mut self.rows {
            Rows::Delimited(rows) => rows.next(&mut self.table)?,
            Rows::Json(rows) => rows.next(&mut self.table)?,
            Rows::JsonLines(rows) => rows.next(&mut self.table)?,
        };
        let Some((line, Judged { vector, label })) = next else {
            self.ended = true;
            return Ok(None);
        };
        let original = match &self.rows {
            Rows::Delimited(rows) => Original::Delimited(rows.row(), rows.dialect()),
            Rows::Json(rows) => rows.row().into(),
            Rows::JsonLines(rows) => rows.row().into(),
        };
        Ok(Some(Row { number: self.table.tally.report.rows, line, vector, label, original }))
    }

    /// What was found besides the usable rows, up to the last row that was asked for.
    ///
    /// # Errors
    ///
    /// [`ReadError::HeaderOnly`] and [`ReadError::NoUsableRow`], once all rows were asked for.
    pub fn finish(self) -> Result<Report, ReadError> {
        let label = self.table.label_name().to_owned();
        let report = self.table.tally.finish(&label);
        if self.ended && report.rows == 0 {
            return Err(ReadError::HeaderOnly);
        }
        if self.ended && report.used == 0 {
            return Err(ReadError::NoUsableRow { rows: report.rows, errors: report.errors });
        }
        Ok(report)
    }
}

/// Tells input that is certainly no text in UTF-8.
fn check_start(bytes: &[u8], expected: Format) -> Result<(), ReadError> {
    if let Some(what) = format::foreign(bytes) {
        return Err(ReadError::Foreign { what, expected });
    }
    let utf16 = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
    let zero_of_two = bytes.len() > 1 && (bytes[0] == 0) != (bytes[1] == 0);
    if utf16 || zero_of_two { Err(ReadError::Utf16) } else { Ok(()) }
}

impl<'a> Row<'a> {
    /// The cells as they stand in the input, unquoted, one for each of [`Reader::columns`]. JSON: the text
    /// of strings, nothing for null and for absent keys, else the JSON text of the value.
    #[must_use]
    pub fn cells(&self) -> Cells<'a> {
        Cells(match self.original {
            Original::Delimited(row, dialect) => Origin::Delimited(Split::new(text(row), dialect)),
            Original::Json(row, places) => Origin::Json(row, places.iter()),
        })
    }

    /// The whole row as it stands in a CSV input, quotes included, without the end of its line; `None` for
    /// other formats. The quick way to carry all columns into CSV output.
    #[must_use]
    pub fn csv_text(&self) -> Option<&'a str> {
        match self.original {
            Original::Delimited(row, Dialect::Csv) => Some(text(row)),
            _ => None,
        }
    }
}

fn text(row: &[u8]) -> &str {
    std::str::from_utf8(row).unwrap_or_default()
}

/// The cells of one row, split as they are asked for.
#[derive(Clone, Debug)]
pub struct Cells<'a>(Origin<'a>);

#[derive(Clone, Debug)]
enum Origin<'a> {
    Delimited(Split<'a>),
    Json(&'a str, std::slice::Iter<'a, Option<Range<usize>>>),
}

impl<'a> Iterator for Cells<'a> {
    type Item = Cow<'a, str>;

    fn next(&mut self) -> Option<Cow<'a, str>> {
        match &mut self.0 {
            Origin::Delimited(split) => split.next(),
            Origin::Json(row, places) => {
                let range = places.next()?.clone();
                Some(range.and_then(|range| row.get(range)).map_or(Cow::Borrowed(""), json::cell))
            }
        }
    }
}

/// Reads all labelled rows, for training.
///
/// # Errors
///
/// As [`Reader::new`], [`Reader::next_row`] and [`Reader::finish`]. With [`LabelUse::Optional`], rows
/// without a label are left out of the records.
pub fn read_records(
    input: impl Read,
    format: Format,
    options: ReadOptions,
) -> Result<(Vec<Record>, Report), ReadError> {
    let mut reader = Reader::new(input, format, options)?;
    let mut records = Vec::new();
    while let Some(row) = reader.next_row()? {
        records.extend(row.label.map(|label| Record { vector: row.vector, label }));
    }
    Ok((records, reader.finish()?))
}
