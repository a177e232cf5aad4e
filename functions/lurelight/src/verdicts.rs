//! Verdicts as CSV and as JSON, one row after the other.

use std::io::{self, Write};

use lurelight_schema::Label;
use lurelight_schema::read::{Column, Role, Row};
use predict::ModelInfo;
use serde_json::json;

use crate::predict::Counts;

/// A verdict on one row.
#[derive(Clone, Copy, Debug)]
pub struct Verdict {
    /// What the site is taken for.
    pub label: Label,
    /// The probability of phishing.
    pub probability: f64,
}

/// Takes rows with their verdicts. Nothing is written before the first row, so that an input without a
/// usable row leaves no half of an output.
pub trait Verdicts {
    /// Takes what is known before the first row.
    fn begin(&mut self, columns: &[Column], model: &ModelInfo<'_>, threshold: f64);
    /// Writes a row.
    fn row(&mut self, row: &Row<'_>, verdict: Verdict) -> io::Result<()>;
    /// Writes what is known after the last row.
    fn end(&mut self, counts: &Counts) -> io::Result<()>;
}

/// The columns that are added, as everywhere in Lurelight; the last is the predecessor's.
const ADDED: &str = "label,probability,predicted_column";

/// The input's columns, an older prediction left out, and the verdict.
pub struct CsvVerdicts<'a> {
    out: &'a mut dyn Write,
    header: Option<String>,
    /// For each column whether it is carried along; empty if all are.
    kept: Vec<bool>,
    line: Vec<u8>,
}

impl<'a> CsvVerdicts<'a> {
    /// Writes to `out`.
    pub fn new(out: &'a mut dyn Write) -> CsvVerdicts<'a> {
        CsvVerdicts { out, header: None, kept: Vec::new(), line: Vec::new() }
    }
}

impl Verdicts for CsvVerdicts<'_> {
    fn begin(&mut self, columns: &[Column], _model: &ModelInfo<'_>, _threshold: f64) {
        let carried = |column: &&Column| column.role != Role::PreviousPrediction;
        let mut header = Vec::new();
        for column in columns.iter().filter(carried) {
            push_cell(&mut header, &column.name);
        }
        let header = String::from_utf8_lossy(&header).into_owned() + ADDED + "\n";
        self.header = Some(header);
        if !columns.iter().all(|column| carried(&column)) {
            self.kept = columns.iter().map(|column| carried(&column)).collect();
        }
    }

    fn row(&mut self, row: &Row<'_>, verdict: Verdict) -> io::Result<()> {
        if let Some(header) = self.header.take() {
            self.out.write_all(header.as_bytes())?;
        }
        self.line.clear();
        match row.csv_text() {
            Some(text) if self.kept.is_empty() => {
                self.line.extend_from_slice(text.as_bytes());
                self.line.push(b',');
            }
            _ => {
                let kept = self.kept.iter().copied().chain(std::iter::repeat(true));
                for (cell, _) in row.cells().zip(kept).filter(|(_, kept)| *kept) {
                    push_cell(&mut self.line, &cell);
                }
            }
        }
        let Verdict { label, probability } = verdict;
        writeln!(self.line, "{label},{probability:.6},{:.1}", label.predicted_column())?;
        self.out.write_all(&self.line)
    }

    fn end(&mut self, _counts: &Counts) -> io::Result<()> {
        Ok(())
    }
}

/// A cell and the comma after it; quoted where it has to be (RFC 4180).
fn push_cell(line: &mut Vec<u8>, cell: &str) {
    let bytes = cell.as_bytes();
    if bytes.iter().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r')) {
        line.push(b'"');
        line.extend_from_slice(cell.replace('"', "\"\"").as_bytes());
        line.push(b'"');
    } else {
        line.extend_from_slice(bytes);
    }
    line.push(b',');
}

/// The object that the API answers with.
pub struct JsonVerdicts<'a> {
    out: &'a mut dyn Write,
    head: String,
    begun: bool,
    line: Vec<u8>,
}

impl<'a> JsonVerdicts<'a> {
    /// Writes to `out`.
    pub fn new(out: &'a mut dyn Write) -> JsonVerdicts<'a> {
        JsonVerdicts { out, head: String::new(), begun: false, line: Vec::new() }
    }
}

impl Verdicts for JsonVerdicts<'_> {
    fn begin(&mut self, _columns: &[Column], model: &ModelInfo<'_>, threshold: f64) {
        self.head = format!("{{\"model\":{},\"threshold\":{},\"rows\":[", json!(model), json!(threshold));
    }

    fn row(&mut self, row: &Row<'_>, verdict: Verdict) -> io::Result<()> {
        self.line.clear();
        if self.begun {
            self.line.push(b',');
        } else {
            self.line.extend_from_slice(self.head.as_bytes());
        }
        self.begun = true;
        let Verdict { label, probability } = verdict;
        // Neither the word nor the numbers need escaping.
        write!(
            self.line,
            "\n{{\"row\":{},\"label\":\"{label}\",\"probability\":{probability:.6},\"predicted_column\":{:.1}}}",
            row.number,
            label.predicted_column()
        )?;
        self.out.write_all(&self.line)
    }

    fn end(&mut self, counts: &Counts) -> io::Result<()> {
        let report = &counts.report;
        let mut summary = json!({
            "rows": report.rows,
            "used": report.used,
            "error_count": report.error_count,
            "phishing": counts.phishing,
            "legitimate": counts.legitimate,
        });
        if counts.labelled > 0 {
            summary["agreeing_with_labels"] = json!(counts.agreeing);
        }
        writeln!(
            self.out,
            "],\"summary\":{summary},\"errors\":{},\"warnings\":{}}}",
            json!(report.errors),
            json!(report.warnings)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_have_to_be() {
        let mut line = Vec::new();
        for cell in ["a", "", "b,c", "say \"hi\"", "two\nlines"] {
            push_cell(&mut line, cell);
        }
        assert_eq!(String::from_utf8(line).unwrap(), "a,,\"b,c\",\"say \"\"hi\"\"\",\"two\nlines\",");
    }
}
