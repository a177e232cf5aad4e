//! Verdicts as CSV and as JSON, one row after the other.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Write};

use lurelight_schema::read::{Column, Report, Role, Row};
use lurelight_schema::{FeatureVector, Label};
use predict::{Context, Counts, Notice, Reason};
use serde_json::json;

/// A verdict on one row.
#[derive(Clone, Copy, Debug)]
pub struct Verdict<'a> {
    /// What the site is taken for.
    pub label: Label,
    /// The probability of phishing.
    pub probability: f64,
    /// The strongest reasons, where they are wanted.
    pub reasons: Option<&'a [Reason]>,
}

/// The reasons of rows, worked out once for each distinct one while there is room.
pub struct Reasons<'a> {
    context: &'a Context,
    count: usize,
    known: HashMap<FeatureVector, Vec<Reason>>,
}

impl<'a> Reasons<'a> {
    /// So many distinct rows are kept.
    const MOST: usize = 1 << 16;

    /// Gives `count` reasons a row; none at all for 0.
    pub fn new(context: &'a Context, count: u8) -> Reasons<'a> {
        Reasons { context, count: count.into(), known: HashMap::new() }
    }

    /// The reasons of a row.
    pub fn of(&mut self, vector: FeatureVector) -> Option<&[Reason]> {
        if self.count == 0 {
            return None;
        }
        if self.known.len() >= Self::MOST {
            self.known.clear();
        }
        let reasons = || predict::reasons(self.context.model(), vector, self.count);
        Some(self.known.entry(vector).or_insert_with(reasons))
    }
}

/// Takes rows, and later their verdicts, so that many rows can be judged together. Nothing is written before the first
/// verdict, so that an input without a usable row leaves no half of an output.
pub trait Verdicts {
    /// Takes what is known before the first row.
    fn begin(&mut self, columns: &[Column], context: &Context, threshold: f64) -> io::Result<()>;
    /// Takes what is carried along of a row, and tells how many bytes are kept of all rows without a verdict.
    fn carry(&mut self, row: &Row<'_>) -> usize;
    /// Writes the oldest row without a verdict.
    fn write(&mut self, verdict: Verdict<'_>) -> io::Result<()>;
    /// Writes what is known after the last row.
    fn end(&mut self, counts: &Counts, report: &Report, notices: Vec<Notice>) -> io::Result<()>;
}

/// The columns that are added, as everywhere in Lurelight; the last is the predecessor's.
const ADDED: &str = "label,probability,predicted_column";

/// The input's columns, an older prediction left out, and the verdict.
pub struct CsvVerdicts<'a> {
    out: &'a mut dyn Write,
    explained: bool,
    header: Option<String>,
    /// For each column whether it is carried along; empty if all are.
    kept: Vec<bool>,
    /// The cells of the rows without a verdict, and where those of each end.
    carried: String,
    ends: VecDeque<usize>,
    /// Where those of the oldest such row begin.
    start: usize,
    line: String,
}

impl<'a> CsvVerdicts<'a> {
    /// Writes to `out`, with a column of reasons or without.
    pub fn new(out: &'a mut dyn Write, explained: bool) -> CsvVerdicts<'a> {
        CsvVerdicts {
            out,
            explained,
            header: None,
            kept: Vec::new(),
            carried: String::new(),
            ends: VecDeque::new(),
            start: 0,
            line: String::new(),
        }
    }
}

impl Verdicts for CsvVerdicts<'_> {
    fn begin(&mut self, columns: &[Column], _context: &Context, _threshold: f64) -> io::Result<()> {
        let carried = |column: &&Column| column.role != Role::PreviousPrediction;
        let mut header = String::new();
        for column in columns.iter().filter(carried) {
            push_cell(&mut header, &column.name);
        }
        if self.explained {
            header.push_str("reasons,");
        }
        self.header = Some(header + ADDED + "\n");
        if !columns.iter().all(|column| carried(&column)) {
            self.kept = columns.iter().map(|column| carried(&column)).collect();
        }
        Ok(())
    }

    fn carry(&mut self, row: &Row<'_>) -> usize {
        if self.ends.is_empty() {
            self.carried.clear();
            self.start = 0;
        }
        match row.csv_text() {
            Some(text) if self.kept.is_empty() => {
                self.carried.push_str(text);
                self.carried.push(',');
            }
            _ => {
                let kept = self.kept.iter().copied().chain(std::iter::repeat(true));
                for (cell, _) in row.cells().zip(kept).filter(|(_, kept)| *kept) {
                    push_cell(&mut self.carried, &cell);
                }
            }
        }
        self.ends.push_back(self.carried.len());
        self.carried.len()
    }

    fn write(&mut self, verdict: Verdict<'_>) -> io::Result<()> {
        if let Some(header) = self.header.take() {
            self.out.write_all(header.as_bytes())?;
        }
        let end = self.ends.pop_front().unwrap_or(self.start);
        let cells = self.carried.get(self.start..end).unwrap_or_default();
        self.start = end;
        self.line.clear();
        self.line.push_str(cells);
        let Verdict { label, probability, reasons } = verdict;
        if let Some(reasons) = reasons {
            push_cell(&mut self.line, &predict::in_one_line(reasons));
        }
        self.line.push_str(label.as_str());
        self.line.push(',');
        predict::push_probability::<6>(&mut self.line, probability);
        self.line.extend([",", label.predicted_column(), "\n"]);
        self.out.write_all(self.line.as_bytes())
    }

    fn end(&mut self, _counts: &Counts, _report: &Report, _notices: Vec<Notice>) -> io::Result<()> {
        Ok(())
    }
}

/// A cell as it came and the comma after it.
fn push_cell(line: &mut String, cell: &str) {
    predict::csv_field(line, cell, false);
    line.push(',');
}

/// The object that the API answers with.
pub struct JsonVerdicts<'a> {
    out: &'a mut dyn Write,
    explained: bool,
    head: String,
    begun: bool,
    /// The numbers of the rows without a verdict.
    numbers: VecDeque<u64>,
    line: Vec<u8>,
}

impl<'a> JsonVerdicts<'a> {
    /// Writes to `out`, with reasons or without.
    pub fn new(out: &'a mut dyn Write, explained: bool) -> JsonVerdicts<'a> {
        JsonVerdicts {
            out,
            explained,
            head: String::new(),
            begun: false,
            numbers: VecDeque::new(),
            line: Vec::new(),
        }
    }
}

impl Verdicts for JsonVerdicts<'_> {
    fn begin(&mut self, _columns: &[Column], context: &Context, threshold: f64) -> io::Result<()> {
        self.head = predict::json_head(context, threshold, self.explained)?;
        Ok(())
    }

    fn carry(&mut self, row: &Row<'_>) -> usize {
        self.numbers.push_back(row.number);
        size_of::<u64>() * self.numbers.len()
    }

    fn write(&mut self, verdict: Verdict<'_>) -> io::Result<()> {
        let number = self.numbers.pop_front().unwrap_or_default();
        self.line.clear();
        if self.begun {
            self.line.push(b',');
        } else {
            self.line.extend_from_slice(self.head.as_bytes());
        }
        self.begun = true;
        let Verdict { label, probability, reasons } = verdict;
        // Neither the word nor the numbers need escaping.
        write!(
            self.line,
            "\n{{\"row\":{number},\"label\":\"{label}\",\"probability\":{probability:.6},\"predicted_column\":{}",
            label.predicted_column()
        )?;
        if let Some(reasons) = reasons {
            write!(self.line, ",\"reasons\":{}", json!(reasons))?;
        }
        self.line.push(b'}');
        self.out.write_all(&self.line)
    }

    fn end(&mut self, counts: &Counts, report: &Report, notices: Vec<Notice>) -> io::Result<()> {
        self.out.write_all(predict::json_tail(counts, report, notices, None)?.as_bytes())
    }
}
