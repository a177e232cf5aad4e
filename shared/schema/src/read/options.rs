//! What the reader is asked to do, and the limits that it keeps.

use std::fmt;

use crate::{CodeSet, FEATURE_COUNT, Feature};

/// The largest input that the reader takes. A breach is an error that names the limit and the place.
///
/// Memory is bounded by [`row_bytes`](Limits::row_bytes) for CSV, ARFF and JSON Lines, whatever the length
/// of the file, and by a few times [`json_bytes`](Limits::json_bytes) for JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the whole input; 1 GiB by default.
    pub bytes: u64,
    /// Data rows, bad ones included; 20 million by default.
    pub rows: u64,
    /// Columns of the header, cells of a row, keys of JSON objects; 1,024 by default.
    pub columns: usize,
    /// Bytes of one cell as it stands in the file, quotes included; 64 KiB by default.
    pub cell_bytes: usize,
    /// Bytes of one row as it stands in the file; 1 MiB by default.
    pub row_bytes: usize,
    /// Bytes of a JSON text, which is held in memory (JSON Lines is not); 64 MiB by default.
    pub json_bytes: u64,
    /// Row errors that the report keeps; all are counted. 100 by default.
    pub errors_kept: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            bytes: 1 << 30,
            rows: 20_000_000,
            columns: 1024,
            cell_bytes: 1 << 16,
            row_bytes: 1 << 20,
            json_bytes: 1 << 26,
            errors_kept: 100,
        }
    }
}

/// One of [`Limits`], in an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// [`Limits::bytes`]
    Bytes,
    /// [`Limits::rows`]
    Rows,
    /// [`Limits::columns`]
    Columns,
    /// [`Limits::cell_bytes`]
    CellBytes,
    /// [`Limits::row_bytes`]
    RowBytes,
    /// [`Limits::json_bytes`]
    JsonBytes,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Limit::Bytes => "bytes of the input",
            Limit::Rows => "rows",
            Limit::Columns => "columns",
            Limit::CellBytes => "bytes of one cell",
            Limit::RowBytes => "bytes of one row",
            Limit::JsonBytes => "bytes of a JSON text",
        })
    }
}

/// Whether rows are of use without a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LabelUse {
    /// Training: a file without a label column is an error, a row without a readable label a row error.
    Required,
    /// Prediction: a row's label is `None` where there is none, and a warning counts the cells that are
    /// neither a label nor missing.
    Optional,
}

/// How to read.
#[derive(Clone, Debug)]
pub struct ReadOptions {
    /// The largest input that is taken.
    pub limits: Limits,
    /// Whether every row needs a label.
    pub label: LabelUse,
    /// The codes that the training data has in each column, in the order of the UCI header. A row with
    /// another code is used, and a warning says so.
    pub known_codes: [CodeSet; FEATURE_COUNT],
}

impl ReadOptions {
    /// Default limits and the codes of the UCI data ([`Feature::codes`]).
    #[must_use]
    pub fn new(label: LabelUse) -> ReadOptions {
        ReadOptions { limits: Limits::default(), label, known_codes: Feature::ALL.map(Feature::codes) }
    }
}
