//! Why a file could not be read at all.

use std::fmt::{self, Write as _};
use std::io;

use super::report::quoted;
use super::{Format, Limit, RowError};
use crate::{Feature, LABEL_COLUMN};

/// Why a file could not be read at all: what is wrong, where, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The input could not be read.
    #[error("reading failed at byte {byte}")]
    Io {
        /// How many bytes had been read.
        byte: u64,
        /// What the input said.
        source: io::Error,
    },
    /// Nothing, or only blank lines.
    #[error("the input is empty: send a header line and at least one row")]
    Empty,
    /// A header, and no row below it.
    #[error("the input has a header and no row below it")]
    HeaderOnly,
    /// Another kind of file.
    #[error("this is {what}, not {expected}: send {}", how_to_send(*.expected))]
    Foreign {
        /// With its article: `a PNG image`.
        what: &'static str,
        /// The format that was named.
        expected: Format,
    },
    /// A format that can be read, under another one's name.
    #[error("this looks like {found}, not {expected}: name the format {found}, or send {expected}")]
    OtherFormat {
        /// What it looks like.
        found: Format,
        /// The format that was named.
        expected: Format,
    },
    /// UTF-16, as Excel's "Unicode text" is.
    #[error("the input is UTF-16: save it as UTF-8 (in Excel: \"CSV UTF-8\") and send it again")]
    Utf16,
    /// Bytes that are no UTF-8.
    #[error(
        "line {line} is not UTF-8 at byte {byte} of the input: save the file as UTF-8 (in Excel: \"CSV UTF-8\") and send it again"
    )]
    NotUtf8 {
        /// From 1.
        line: u64,
        /// From 0, of the whole input.
        byte: u64,
    },
    /// A header whose names another separator parts.
    #[error("the header's columns are separated by {separator}: save the file with commas and send it again")]
    Separator {
        /// `semicolons`, `tabs` or `bars`.
        separator: &'static str,
    },
    /// The first line has values where names should stand.
    #[error("line {line} has values, not names: the first line has to be the header ({}, …)", Feature::ALL[0])]
    NoHeader {
        /// From 1.
        line: u64,
    },
    /// One feature, or the label, in two columns.
    #[error(
        "{name} stands in two columns, column {first} ({}) and column {second} ({}): remove one of them",
        quoted(.first_header), quoted(.second_header)
    )]
    Twice {
        /// The feature's name, or `Result` for the label.
        name: &'static str,
        /// From 1.
        first: usize,
        /// As it stands in the file.
        first_header: String,
        /// From 1.
        second: usize,
        /// As it stands in the file.
        second_header: String,
    },
    /// Two or more feature columns are not there.
    #[error("{}", absent_message(.absent))]
    Absent {
        /// In the order of the UCI header.
        absent: Vec<AbsentColumn>,
    },
    /// No label column where rows need labels.
    #[error(
        "there is no label column: name it {LABEL_COLUMN} or class, with 1 for legitimate and -1 for phishing{}",
        nearest_message(.nearest.as_deref())
    )]
    NoLabel {
        /// The header most like it, if any is.
        nearest: Option<String>,
    },
    /// The input is larger than a limit allows.
    #[error("line {line}: more than {value} {limit}, the limit{}", if *.open_quote { "; is a closing quote missing?" } else { "" })]
    Limit {
        /// Which.
        limit: Limit,
        /// How much it allows.
        value: u64,
        /// Where the breach begins, from 1.
        line: u64,
        /// Whether a quote stood open.
        open_quote: bool,
    },
    /// A quote in the header that is never closed.
    #[error("the quote opened in line {line} of the header is never closed")]
    OpenQuote {
        /// From 1.
        line: u64,
    },
    /// The head of an ARFF file cannot be understood.
    #[error("line {line}: {reason}")]
    Arff {
        /// From 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The text is not JSON, or not rows.
    #[error("line {line}, column {column}: {reason}")]
    Json {
        /// From 1.
        line: u64,
        /// In bytes, from 1.
        column: u64,
        /// What is wrong there.
        reason: String,
    },
    /// There are rows, and every one has an error.
    #[error("none of the {rows} rows can be used; {}", first_message(.errors))]
    NoUsableRow {
        /// Data rows.
        rows: u64,
        /// The first row errors.
        errors: Vec<RowError>,
    },
}

/// A feature column that is not in the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AbsentColumn {
    /// Which.
    pub feature: Feature,
    /// The header most like it among those that were not understood, if any is like it.
    pub nearest: Option<String>,
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        if let Some(column) = &self.column {
            write!(f, ", column {column}")?;
        }
        if let Some(value) = &self.value {
            write!(f, ", value \"{value}\"")?;
        }
        write!(f, ": {}", self.reason)
    }
}

fn how_to_send(format: Format) -> &'static str {
    match format {
        Format::Csv => "a text file of comma-separated values (in Excel: \"CSV UTF-8\")",
        Format::Arff => "the ARFF text",
        Format::Json => "a JSON array of objects, one a row",
        Format::JsonLines => "one JSON object a line",
    }
}

fn nearest_message(nearest: Option<&str>) -> String {
    nearest.map(|header| format!(" (the nearest header is {})", quoted(header))).unwrap_or_default()
}

fn absent_message(absent: &[AbsentColumn]) -> String {
    let mut message = format!("{} of the 30 feature columns are not in the input: ", absent.len());
    for (i, column) in absent.iter().enumerate() {
        let separator = if i == 0 { "" } else { ", " };
        let nearest = nearest_message(column.nearest.as_deref());
        // Writing to a String cannot fail.
        let _ = write!(message, "{separator}{}{nearest}", column.feature);
    }
    message
}

fn first_message(errors: &[RowError]) -> String {
    match errors.first() {
        Some(error) => format!("the first error: {error}"),
        None => "no error was kept".to_owned(),
    }
}
