//! CSV: its header, and the rows of comma-separated cells that it shares with ARFF.

use std::io::Read;

use memchr::{memchr, memchr2};

use super::delimited::{Dialect, Scan, Span, scan, unquoted};
use super::fast::{FastRow, FastRows};
use super::header::{Column, check_kind, check_twice, resolve};
use super::source::{Source, count_line_ends, utf8};
use super::table::{Draft, Judged, Table};
use super::{Limit, Limits, ReadError, ReadOptions};

/// Rows of comma-separated cells.
#[derive(Debug)]
pub(super) struct DelimitedRows<R> {
    source: Source<R>,
    fast: FastRows,
    dialect: Dialect,
    cells: Vec<Span>,
    /// How far before the unread bytes the last usable row begins, and its length.
    current: (usize, usize),
}

/// What one step over the input came upon.
enum Step {
    Row(Judged),
    /// A bad row, a blank line, a comment, or more bytes.
    Nothing,
    End,
}

/// Reads a CSV header.
pub(super) fn open<R: Read>(
    mut source: Source<R>,
    options: &ReadOptions,
) -> Result<(DelimitedRows<R>, Table), ReadError> {
    let (line, columns) = read_header(&mut source, &options.limits)?;
    check_twice(&columns)?;
    let table = Table::new(columns, line, options)?;
    Ok((DelimitedRows::new(source, &table.columns, Dialect::Csv), table))
}

fn read_header<R: Read>(source: &mut Source<R>, limits: &Limits) -> Result<(u64, Vec<Column>), ReadError> {
    let mut cells = Vec::new();
    loop {
        if source.pending().is_empty() && !source.fill()? {
            return Err(ReadError::Empty);
        }
        let (bytes, line) = (source.pending(), source.line());
        match scan(bytes, source.ended(), Dialect::Csv, limits, &mut cells) {
            Scan::Incomplete => {
                source.fill()?;
            }
            Scan::Row { open_quote: Some(_), .. } => return Err(ReadError::OpenQuote { line }),
            Scan::Row { len, whole, .. } => {
                let text = utf8(&bytes[..len], source.offset(), line)?;
                let lines = count_line_ends(&bytes[..whole]);
                let skip = text.trim().is_empty() || names_comma(text.trim())?;
                if !skip {
                    let columns = header_columns(text, &cells, line)?;
                    source.consume(whole, lines);
                    return Ok((line, columns));
                }
                source.consume(whole, lines);
            }
            breach => return Err(breach_error(breach, limits, line)),
        }
    }
}

/// Whether this is Excel's own way to name the separator, a first line such as `sep=,`.
fn names_comma(text: &str) -> Result<bool, ReadError> {
    match text.to_ascii_lowercase().trim_matches('"').strip_prefix("sep=") {
        Some(",") => Ok(true),
        Some(";") => Err(ReadError::Separator { separator: "semicolons" }),
        Some("\t" | "") => Err(ReadError::Separator { separator: "tabs" }),
        _ => Ok(false),
    }
}

fn header_columns(text: &str, cells: &[Span], line: u64) -> Result<Vec<Column>, ReadError> {
    if memchr(0, text.as_bytes()).is_some() {
        return Err(ReadError::Utf16);
    }
    let name = |cell: &Span| {
        String::from_utf8_lossy(&unquoted(&text.as_bytes()[cell.start..cell.end], Dialect::Csv)).into_owned()
    };
    let columns = resolve(cells.iter().map(name).collect());
    check_kind(text, &columns, line)?;
    Ok(columns)
}

fn breach_error(scan: Scan, limits: &Limits, line: u64) -> ReadError {
    let (limit, value) = match scan {
        Scan::TooManyCells => (Limit::Columns, limits.columns as u64),
        _ => (Limit::CellBytes, limits.cell_bytes as u64),
    };
    let open_quote = matches!(scan, Scan::LongCell { open_quote: true });
    ReadError::Limit { limit, value, line, open_quote }
}

impl<R: Read> DelimitedRows<R> {
    pub(super) fn new(source: Source<R>, columns: &[Column], dialect: Dialect) -> DelimitedRows<R> {
        DelimitedRows {
            source,
            fast: FastRows::new(columns, dialect),
            dialect,
            cells: Vec::new(),
            current: (0, 0),
        }
    }

    pub(super) fn dialect(&self) -> Dialect {
        self.dialect
    }

    pub(super) fn bytes_read(&self) -> u64 {
        self.source.offset()
    }

    /// The last usable row as it stands in the input.
    #[inline]
    pub(super) fn row(&self) -> &[u8] {
        let (back, len) = self.current;
        self.source.behind(back, len)
    }

    /// The next usable row, and its line.
    #[inline]
    pub(super) fn next(&mut self, table: &mut Table) -> Result<Option<(u64, Judged)>, ReadError> {
        loop {
            let line = self.source.line();
            let bytes = self.source.pending();
            if let Some(row) = self.fast.next(bytes)
                && (!self.fast.carries || is_plain(&bytes[..row.len], &table.limits))
            {
                return self.take_fast(row, table).map(|judged| Some((line, judged)));
            }
            match self.step(table)? {
                Step::Row(judged) => return Ok(Some((line, judged))),
                Step::Nothing => {}
                Step::End => return Ok(None),
            }
        }
    }

    #[inline]
    fn take_fast(&mut self, row: FastRow, table: &mut Table) -> Result<Judged, ReadError> {
        let line = self.source.line();
        table.check_rows(line)?;
        self.source.consume(row.whole, 1);
        table.tally.used(row.vector, line);
        self.current = (row.whole, row.len);
        Ok(Judged { vector: row.vector, label: row.label })
    }

    /// Any row, or what stands between rows.
    fn step(&mut self, table: &mut Table) -> Result<Step, ReadError> {
        let (bytes, line) = (self.source.pending(), self.source.line());
        if bytes.is_empty() {
            return Ok(if self.source.fill()? { Step::Nothing } else { Step::End });
        }
        if self.dialect == Dialect::Arff && matches!(bytes.trim_ascii_start().first(), Some(b'%' | b'{')) {
            return self.skip_comment();
        }
        match scan(bytes, self.source.ended(), self.dialect, &table.limits, &mut self.cells) {
            Scan::Incomplete => {
                self.source.fill()?;
                Ok(Step::Nothing)
            }
            Scan::Row { len, whole, open_quote } => self.take(len, whole, open_quote, table),
            breach => Err(breach_error(breach, &table.limits, line)),
        }
    }

    /// Passes over blank lines and one comment of an ARFF file.
    fn skip_comment(&mut self) -> Result<Step, ReadError> {
        let bytes = self.source.pending();
        let blanks = bytes.len() - bytes.trim_ascii_start().len();
        let line = self.source.line() + count_line_ends(&bytes[..blanks]);
        if bytes[blanks] == b'{' {
            let reason = "sparse ARFF rows ({index value, …}) are not read: write all cells of the row";
            return Err(ReadError::Arff { line, reason: reason.to_owned() });
        }
        let Some(end) = memchr2(b'\n', b'\r', &bytes[blanks..]) else {
            let (rest, ended) = (bytes.len(), self.source.ended());
            if ended {
                self.source.consume(rest, 0);
            } else {
                self.source.fill()?;
            }
            return Ok(Step::Nothing);
        };
        // The line's end itself is passed over as a blank line.
        let lines = count_line_ends(&bytes[..blanks]);
        self.source.consume(blanks + end, lines);
        Ok(Step::Nothing)
    }

    fn take(
        &mut self,
        len: usize,
        whole: usize,
        open_quote: Option<usize>,
        table: &mut Table,
    ) -> Result<Step, ReadError> {
        let (bytes, line) = (self.source.pending(), self.source.line());
        let lines = count_line_ends(&bytes[..whole]);
        if bytes[..len].trim_ascii().is_empty() {
            self.source.consume(whole, lines);
            return Ok(Step::Nothing);
        }
        table.check_rows(line)?;
        if len > table.limits.row_bytes {
            return Err(self.source.breach(Limit::RowBytes, table.limits.row_bytes as u64));
        }
        utf8(&bytes[..len], self.source.offset(), line)?;
        let judged = if let Some(at) = open_quote {
            let opened = line + count_line_ends(&bytes[..at]);
            let swallowed = count_line_ends(&bytes[at..whole]);
            table.bad_row(line, open_quote_reason(opened, swallowed));
            None
        } else if self.cells.len() == table.columns.len() {
            judge(bytes, &self.cells, self.dialect, line, table)
        } else {
            let (cells, columns) = (self.cells.len(), table.columns.len());
            let plural = if cells == 1 { "" } else { "s" };
            table.bad_row(line, format!("the row has {cells} cell{plural}, the header has {columns}"));
            None
        };
        self.source.consume(whole, lines);
        self.current = (whole, len);
        Ok(judged.map_or(Step::Nothing, Step::Row))
    }
}

fn open_quote_reason(opened: u64, swallowed: u64) -> String {
    match swallowed {
        0 | 1 => format!("the quote opened in line {opened} is never closed"),
        n => format!(
            "the quote opened in line {opened} is never closed, so the {n} lines from there to the end are one cell"
        ),
    }
}

fn judge(bytes: &[u8], cells: &[Span], dialect: Dialect, line: u64, table: &mut Table) -> Option<Judged> {
    let mut draft = Draft::new();
    let label = table.label_use();
    for (column, cell) in table.columns.iter().zip(cells) {
        let cell = unquoted(&bytes[cell.start..cell.end], dialect);
        draft.add(&column.name, column.role, &cell, label, &|| (line, String::new()));
    }
    table.judge(draft, line)
}

/// Whether a row with carried cells needs no closer look.
fn is_plain(row: &[u8], limits: &Limits) -> bool {
    row.len() <= limits.cell_bytes.min(limits.row_bytes)
        && memchr(0, row).is_none()
        && std::str::from_utf8(row).is_ok()
}
