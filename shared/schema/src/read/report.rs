//! What reading found besides the rows: errors of rows, and warnings.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;

use crate::{Code, CodeSet, FEATURE_COUNT, Feature, FeatureVector};

/// A row that could not be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RowError {
    /// The line that the row, or in JSON the bad value, starts in, from 1.
    pub line: u64,
    /// The header of the first bad cell's column, where one cell is at fault.
    pub column: Option<String>,
    /// That cell, shortened, control characters escaped.
    pub value: Option<String>,
    /// Why the row could not be used, as a phrase that follows "line 7: ".
    pub reason: String,
}

/// What a warning is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WarningKind {
    /// One feature column is not in the file; the feature is missing in every row.
    AbsentColumn,
    /// Rows with a code that the training data never had in this column.
    UnknownCode,
    /// Rows whose label cell is neither a label nor missing (with [`LabelUse::Optional`](super::LabelUse)).
    UnreadableLabel,
    /// Rows in which every feature is missing.
    NothingKnown,
    /// JSON Lines: rows with a key that comes too late to be among the columns.
    LateKey,
}

/// Something that the reader did not stop at, said once however many rows it concerns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// What it is about.
    pub kind: WarningKind,
    /// The column that it is about.
    pub column: Option<String>,
    /// A sentence.
    pub message: String,
    /// How many rows it concerns.
    pub count: u64,
    /// The line of the first of them; the header's line for an absent column.
    pub first_line: u64,
}

/// What a whole file had.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Data rows.
    pub rows: u64,
    /// Rows that were usable: `rows` less `error_count`.
    pub used: u64,
    /// The first row errors, as many as [`Limits::errors_kept`](super::Limits::errors_kept) allows.
    pub errors: Vec<RowError>,
    /// How many row errors there were.
    pub error_count: u64,
    /// In the order of their kinds, then of the columns.
    pub warnings: Vec<Warning>,
}

/// How often, and in which line first.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    count: u64,
    first_line: u64,
}

impl Seen {
    fn at(&mut self, line: u64) {
        if self.count == 0 {
            self.first_line = line;
        }
        self.count += 1;
    }
}

/// Counts while rows are read.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) report: Report,
    errors_kept: usize,
    /// For −1, 0 and 1: bit 2*i* where feature *i* is not known to have that code.
    unknown: [u64; 3],
    unknown_seen: [[Seen; 3]; FEATURE_COUNT],
    unreadable_labels: Seen,
    nothing_known: Seen,
    late_keys: BTreeMap<String, Seen>,
}

/// Bit 2*i* of every feature *i*.
const LOW_BITS: u64 = FeatureVector::MISSING.bits() / 3;

impl Tally {
    pub(super) fn new(errors_kept: usize, known: &[CodeSet; FEATURE_COUNT]) -> Tally {
        let unknown = Code::VALUES.map(|code| {
            let mask = |feature: &Feature| u64::from(!known[feature.index()].contains(code));
            Feature::ALL.iter().map(|feature| mask(feature) << (2 * feature.index())).sum()
        });
        Tally {
            report: Report::default(),
            errors_kept,
            unknown,
            unknown_seen: [[Seen::default(); 3]; FEATURE_COUNT],
            unreadable_labels: Seen::default(),
            nothing_known: Seen::default(),
            late_keys: BTreeMap::new(),
        }
    }

    /// Counts a usable row.
    #[inline]
    pub(super) fn used(&mut self, vector: FeatureVector, line: u64) {
        self.report.rows += 1;
        self.report.used += 1;
        let low = vector.bits() & LOW_BITS;
        let high = vector.bits() >> 1 & LOW_BITS;
        let (minus, zero, plus) = (!high & !low, low & !high, high & !low);
        let unknown = minus & self.unknown[0] | zero & self.unknown[1] | plus & self.unknown[2];
        if unknown != 0 {
            self.unknown_codes(vector, unknown, line);
        }
        if vector == FeatureVector::MISSING {
            self.nothing_known.at(line);
        }
    }

    #[cold]
    fn unknown_codes(&mut self, vector: FeatureVector, mut unknown: u64, line: u64) {
        while unknown != 0 {
            let index = unknown.trailing_zeros() as usize / 2;
            unknown &= unknown - 1;
            let code = vector.code(Feature::ALL[index]);
            if let Some(seen) = self.unknown_seen[index].get_mut(code as usize) {
                seen.at(line);
            }
        }
    }

    /// Counts a row that could not be used.
    pub(super) fn bad(&mut self, error: RowError) {
        self.report.rows += 1;
        self.report.error_count += 1;
        if self.report.errors.len() < self.errors_kept {
            self.report.errors.push(error);
        }
    }

    pub(super) fn unreadable_label(&mut self, line: u64) {
        self.unreadable_labels.at(line);
    }

    pub(super) fn late_key(&mut self, key: &str, line: u64) {
        match self.late_keys.get_mut(key) {
            Some(seen) => seen.at(line),
            None => self.late_keys.entry(key.to_owned()).or_default().at(line),
        }
    }

    pub(super) fn warn_of_absent(&mut self, feature: Feature, nearest: Option<&str>, line: u64) {
        let nearest = nearest.map(|header| format!("; the nearest header is {}", quoted(header)));
        self.report.warnings.push(Warning {
            kind: WarningKind::AbsentColumn,
            column: Some(feature.name().to_owned()),
            message: format!(
                "column {feature} is not in the input, so it is missing in every row{}",
                nearest.unwrap_or_default()
            ),
            count: 0,
            first_line: line,
        });
    }

    /// The report, with the warnings that were counted written out. `label` is the label's header.
    pub(super) fn finish(mut self, label: &str) -> Report {
        for warning in &mut self.report.warnings {
            if warning.kind == WarningKind::AbsentColumn {
                warning.count = self.report.rows;
            }
        }
        for feature in Feature::ALL {
            for code in Code::VALUES {
                let message = || {
                    format!(
                        "{feature} has {code}, which the training data never has there: verdicts on such rows are less certain"
                    )
                };
                let seen = self.unknown_seen[feature.index()][code as usize];
                self.warn(WarningKind::UnknownCode, Some(feature.name()), seen, message);
            }
        }
        let message = || "the label cell is not -1 (phishing) or 1 (legitimate); it was left out".to_owned();
        self.warn(WarningKind::UnreadableLabel, Some(label), self.unreadable_labels, message);
        let message = || "every feature is missing: the verdict says nothing about the site".to_owned();
        self.warn(WarningKind::NothingKnown, None, self.nothing_known, message);
        for (key, seen) in std::mem::take(&mut self.late_keys) {
            let message = || {
                format!("the key {} comes too late to be a column, so it is not carried along", quoted(&key))
            };
            self.warn(WarningKind::LateKey, Some(&shown(&key)), seen, message);
        }
        self.report
    }

    fn warn(&mut self, kind: WarningKind, column: Option<&str>, seen: Seen, message: impl Fn() -> String) {
        if seen.count > 0 {
            let column = column.map(str::to_owned);
            let Seen { count, first_line } = seen;
            self.report.warnings.push(Warning { kind, column, message: message(), count, first_line });
        }
    }
}

/// How many characters of a cell or header an error shows.
const SHOWN_CHARS: usize = 60;

/// Text from the input as a message shows it: trimmed, shortened, control characters escaped.
pub(super) fn shown(text: &str) -> String {
    let text = text.trim();
    let mut shown = String::new();
    for (i, c) in text.chars().enumerate() {
        if i == SHOWN_CHARS {
            shown.push('…');
            break;
        }
        if c.is_control() || is_invisible(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown
}

/// Marks that turn or hide text around them in a terminal or a page.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// A header in a message: in backquotes, or in words where it is empty.
pub(super) fn quoted(header: &str) -> Cow<'static, str> {
    match shown(header) {
        text if text.is_empty() => Cow::Borrowed("(no name)"),
        text => Cow::Owned(format!("`{text}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_text_is_short_and_harmless() {
        assert_eq!(shown(" a\tb "), "a\\tb");
        assert_eq!(shown("\u{1b}[31m\0\u{202e}x"), "\\u{1b}[31m\\u{0}\\u{202e}x");
        assert_eq!(shown(&"é".repeat(100)), "é".repeat(60) + "…");
        assert_eq!(quoted("  "), "(no name)");
    }
}
