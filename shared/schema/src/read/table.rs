//! The columns of one input, and the judgement of its rows cell by cell.

use super::header::{self, Column, Role};
use super::report::{RowError, Tally, shown};
use super::{LabelUse, Limit, Limits, ReadError, ReadOptions};
use crate::{Code, Feature, FeatureVector, LABEL_COLUMN, Label};

/// The columns, and what was counted so far.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) columns: Vec<Column>,
    pub(super) limits: Limits,
    pub(super) tally: Tally,
    label: LabelUse,
}

/// What a usable row says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Judged {
    pub(super) vector: FeatureVector,
    pub(super) label: Option<Label>,
}

impl Table {
    /// Checks the columns, whose header stands in `line`.
    pub(super) fn new(columns: Vec<Column>, line: u64, options: &ReadOptions) -> Result<Table, ReadError> {
        let mut tally = Tally::new(options.limits.errors_kept, &options.known_codes);
        if let Some(absent) = header::check_absent(&columns)? {
            tally.warn_of_absent(absent.feature, absent.nearest.as_deref(), line);
        }
        if options.label == LabelUse::Required {
            header::check_label(&columns)?;
        }
        Ok(Table { columns, limits: options.limits, tally, label: options.label })
    }

    /// Whether one more row is allowed.
    #[inline]
    pub(super) fn check_rows(&self, line: u64) -> Result<(), ReadError> {
        if self.tally.report.rows < self.limits.rows {
            return Ok(());
        }
        Err(ReadError::Limit { limit: Limit::Rows, value: self.limits.rows, line, open_quote: false })
    }

    /// Counts a row that is bad as a whole.
    pub(super) fn bad_row(&mut self, line: u64, reason: String) {
        self.tally.bad(RowError { line, column: None, value: None, reason });
    }

    /// Counts a row whose cells were all added to `draft`.
    pub(super) fn judge(&mut self, draft: Draft, line: u64) -> Option<Judged> {
        if let Some(error) = draft.bad {
            let more = match draft.more_bad {
                0 => String::new(),
                1 => "; 1 more cell of the row is bad".to_owned(),
                n => format!("; {n} more cells of the row are bad"),
            };
            self.tally.bad(RowError { reason: error.reason + &more, ..error });
            return None;
        }
        if draft.label.is_none() && self.label == LabelUse::Required {
            self.bad_row(line, "has no label (1 for legitimate, -1 for phishing)".to_owned());
            return None;
        }
        if draft.unreadable_label {
            self.tally.unreadable_label(line);
        }
        self.tally.used(draft.vector, line);
        Some(Judged { vector: draft.vector, label: draft.label })
    }

    pub(super) fn label_use(&self) -> LabelUse {
        self.label
    }

    /// The label's header.
    pub(super) fn label_name(&self) -> &str {
        let label = self.columns.iter().find(|column| column.role == Role::Label);
        label.map_or(LABEL_COLUMN, |column| &column.name)
    }
}

/// A row of which some cells were read.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) vector: FeatureVector,
    label: Option<Label>,
    unreadable_label: bool,
    bad: Option<RowError>,
    more_bad: usize,
}

impl Draft {
    /// A row of which nothing is known.
    pub(super) fn new() -> Draft {
        Draft { vector: FeatureVector::MISSING, label: None, unreadable_label: false, bad: None, more_bad: 0 }
    }

    /// Adds a cell of a column called `name`. `place` is asked for the cell's line, and for words on where
    /// in the line it stands, only if the cell is bad.
    #[inline]
    pub(super) fn add(
        &mut self,
        name: &str,
        role: Role,
        cell: &[u8],
        label: LabelUse,
        place: &dyn Fn() -> (u64, String),
    ) {
        if cell.contains(&0) {
            return self.refuse(name, cell, "the cell holds a NUL character".to_owned(), place);
        }
        match role {
            Role::Feature(feature) => match parse(cell) {
                Some(code) => self.vector = self.vector.with(feature, code),
                None => self.refuse(name, cell, feature_reason(feature, name, cell), place),
            },
            Role::Label => match Label::parse(cell) {
                Some(value) => self.label = Some(value),
                None if label == LabelUse::Required => {
                    self.refuse(name, cell, label_reason(name, cell), place);
                }
                None => self.unreadable_label |= Code::parse(cell) != Ok(Code::Missing),
            },
            Role::PreviousPrediction | Role::Carried => {}
        }
    }

    /// Notes a bad cell.
    #[cold]
    pub(super) fn refuse(
        &mut self,
        name: &str,
        cell: &[u8],
        reason: String,
        place: &dyn Fn() -> (u64, String),
    ) {
        if self.bad.is_some() {
            self.more_bad += 1;
            return;
        }
        let (line, at) = place();
        self.bad = Some(RowError {
            line,
            column: Some(shown(name)),
            value: Some(shown(&String::from_utf8_lossy(cell))),
            reason: reason + &at,
        });
    }
}

/// [`Code::parse`], with the spellings that pandas writes for a column with holes up front.
#[inline]
fn parse(cell: &[u8]) -> Option<Code> {
    match cell {
        b"1.0" => Some(Code::Plus),
        b"-1.0" => Some(Code::Minus),
        b"0.0" => Some(Code::Zero),
        cell => Code::parse(cell).ok(),
    }
}

fn is_header(name: &str, cell: &[u8]) -> bool {
    let cell = header::normalised(&String::from_utf8_lossy(cell));
    !cell.is_empty() && cell == header::normalised(name)
}

fn feature_reason(feature: Feature, name: &str, cell: &[u8]) -> String {
    if is_header(name, cell) {
        return "a header line stands among the rows (files joined together?)".to_owned();
    }
    let number = std::str::from_utf8(cell).ok().and_then(|text| text.trim().parse::<f64>().ok());
    match number {
        Some(_) => format!("is no code of {feature} but looks like a measurement; the codes are -1, 0 and 1"),
        None => "is not -1, 0, 1 or a missing value (empty, na, NaN, null, ?)".to_owned(),
    }
}

fn label_reason(name: &str, cell: &[u8]) -> String {
    if is_header(name, cell) {
        return "a header line stands among the rows (files joined together?)".to_owned();
    }
    match Code::parse(cell) {
        Ok(Code::Zero) => {
            "0 is no label: some copies of the data write it for phishing, others for unknown; \
             write 1 for legitimate and -1 for phishing"
                .to_owned()
        }
        Ok(Code::Missing) => "the row has no label (1 for legitimate, -1 for phishing)".to_owned(),
        _ => "is no label: write 1 for legitimate and -1 for phishing".to_owned(),
    }
}
