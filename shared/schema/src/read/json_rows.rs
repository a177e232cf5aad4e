//! Where JSON rows come from: a whole text in memory, or lines.

use std::io::Read;
use std::ops::Range;

use memchr::memchr2;

use super::header::resolve;
use super::json::{Elements, Keys, Object, judge, place, reason};
use super::source::{Source, count_line_ends, utf8};
use super::table::{Judged, Table};
use super::{Limit, Limits, ReadError, ReadOptions};

/// The rows of one JSON text.
#[derive(Debug)]
pub(super) struct JsonRows {
    text: String,
    rows: std::vec::IntoIter<(u32, u32)>,
    keys: Keys,
    places: Vec<Option<Range<usize>>>,
    current: Range<usize>,
    cursor: Cursor,
}

/// A place in a text, and its line. Moves forward only, so that all moves together are one pass.
#[derive(Clone, Copy, Debug)]
struct Cursor {
    at: usize,
    line: u64,
    line_start: usize,
}

impl Cursor {
    const START: Cursor = Cursor { at: 0, line: 1, line_start: 0 };

    fn move_to(&mut self, text: &str, at: usize) {
        let passed = &text.as_bytes()[self.at..at];
        self.line += count_line_ends(passed);
        if let Some(line_end) = passed.iter().rposition(|byte| matches!(byte, b'\n' | b'\r')) {
            self.line_start = self.at + line_end + 1;
        }
        self.at = at;
    }

    fn error(&self, reason: &str) -> ReadError {
        let column = (self.at - self.line_start) as u64 + 1;
        ReadError::Json { line: self.line, column, reason: reason.to_owned() }
    }
}

const A_ROW: &str = "a row is an object with the features as keys, such as {\"having_IP_Address\": 1, …}";

/// Reads a JSON text and finds its rows and their keys.
pub(super) fn open<R: Read>(
    mut source: Source<R>,
    options: &ReadOptions,
) -> Result<(JsonRows, Table), ReadError> {
    let text = read_text(&mut source, &options.limits)?;
    let (rows, line) = find_rows(&text, &options.limits)?;
    let mut keys = Keys::default();
    let mut names = Vec::new();
    let mut cursor = Cursor::START;
    for &(start, end) in &rows {
        if let Ok(object) = Object::parse(&text[start as usize..end as usize]) {
            cursor.move_to(&text, start as usize);
            keys.collect(&object, &mut names, &options.limits, cursor.line)?;
        }
    }
    if names.is_empty() {
        let Some(&(first, _)) = rows.first() else { return Err(ReadError::Empty) };
        cursor.move_to(&text, first as usize);
        return Err(cursor.error(A_ROW));
    }
    let table = Table::new(resolve(names), line, options)?;
    keys.set_roles(&table.columns);
    let rows = rows.into_iter();
    Ok((JsonRows { text, rows, keys, places: Vec::new(), current: 0..0, cursor: Cursor::START }, table))
}

fn read_text<R: Read>(source: &mut Source<R>, limits: &Limits) -> Result<String, ReadError> {
    let max = limits.json_bytes.min(limits.bytes).min(u64::from(u32::MAX));
    let mut text = Vec::new();
    loop {
        text.extend_from_slice(source.pending());
        if text.len() as u64 > max {
            return Err(source.breach(Limit::JsonBytes, max));
        }
        source.consume(source.pending().len(), 0);
        if !source.fill()? {
            break;
        }
    }
    utf8(&text, 0, 1)?;
    Ok(String::from_utf8(text).unwrap_or_default())
}

/// The places of the rows, and the line in which they begin.
fn find_rows(text: &str, limits: &Limits) -> Result<(Vec<(u32, u32)>, u64), ReadError> {
    let start = text.len() - text.trim_ascii_start().len();
    let mut cursor = Cursor::START;
    cursor.move_to(text, start);
    let (rows, line) = match text.as_bytes().get(start) {
        None => return Err(ReadError::Empty),
        Some(b'[') => {
            (Elements::parse(text, text, limits.rows).map_err(|error| syntax(&error, text))?, cursor.line)
        }
        Some(b'{') => {
            let object = Object::parse(text).map_err(|error| syntax(&error, text))?;
            match object.rows() {
                Some(rows) => {
                    cursor.move_to(text, place(text, rows).start);
                    let elements = Elements::parse(text, rows, limits.rows);
                    (elements.map_err(|error| syntax(&error, text))?, cursor.line)
                }
                None => (Elements(vec![(start as u32, text.trim_ascii_end().len() as u32)]), cursor.line),
            }
        }
        Some(_) => {
            return Err(cursor.error("rows are a JSON array of objects, {\"rows\": […]}, or one object"));
        }
    };
    if rows.0.len() as u64 > limits.rows {
        return Err(ReadError::Limit { limit: Limit::Rows, value: limits.rows, line, open_quote: false });
    }
    Ok((rows.0, line))
}

fn syntax(error: &serde_json::Error, text: &str) -> ReadError {
    let mut reason = reason(error);
    let lines = text.trim_ascii().lines().filter(|line| line.starts_with('{')).take(2).count();
    if reason == "trailing characters" && lines == 2 {
        reason += "; is this JSON Lines (one object a line)?";
    }
    ReadError::Json { line: error.line() as u64, column: error.column() as u64, reason }
}

impl JsonRows {
    /// The next usable row, and its line.
    pub(super) fn next(&mut self, table: &mut Table) -> Result<Option<(u64, Judged)>, ReadError> {
        for (start, end) in self.rows.by_ref() {
            let (start, end) = (start as usize, end as usize);
            self.cursor.move_to(&self.text, start);
            let line = self.cursor.line;
            table.check_rows(line)?;
            let at = start - self.cursor.line_start;
            self.current = start..end;
            let row = &self.text[start..end];
            if let Some(judged) = judge(row, line, at, &mut self.keys, &mut self.places, table)? {
                return Ok(Some((line, judged)));
            }
        }
        Ok(None)
    }

    pub(super) fn row(&self) -> (&str, &[Option<Range<usize>>]) {
        (&self.text[self.current.clone()], &self.places)
    }

    pub(super) fn bytes_read(&self) -> u64 {
        self.current.end as u64
    }
}

/// Rows of one JSON object a line.
#[derive(Debug)]
pub(super) struct JsonLineRows<R> {
    source: Source<R>,
    keys: Keys,
    places: Vec<Option<Range<usize>>>,
    /// How far back the current row begins, and its length.
    current: (usize, usize),
}

/// Reads the first lines, as many as fit the first window, for their keys.
pub(super) fn open_lines<R: Read>(
    mut source: Source<R>,
    options: &ReadOptions,
) -> Result<(JsonLineRows<R>, Table), ReadError> {
    let mut keys = Keys::default();
    let mut names = Vec::new();
    let mut rows = 0;
    let (mut at, mut line) = (0, source.line());
    loop {
        let bytes = source.pending();
        match line_at(&bytes[at..], source.ended()) {
            Some((len, whole)) if whole > 0 => {
                let text = utf8(&bytes[at..at + len], source.offset() + at as u64, line)?;
                rows += u64::from(!text.trim_ascii().is_empty());
                if let Ok(object) = Object::parse(text) {
                    keys.collect(&object, &mut names, &options.limits, line)?;
                }
                at += whole;
                line += 1;
            }
            None if names.is_empty() => {
                source.fill()?;
            }
            _ => break,
        }
    }
    if rows == 0 {
        return Err(ReadError::Empty);
    }
    if names.is_empty() {
        return Err(ReadError::Json { line: 1, column: 1, reason: format!("no line is a row: {A_ROW}") });
    }
    let table = Table::new(resolve(names), 1, options)?;
    keys.set_roles(&table.columns);
    Ok((JsonLineRows { source, keys, places: Vec::new(), current: (0, 0) }, table))
}

/// The length of the first line, and with its end; `None` where it may go on.
fn line_at(bytes: &[u8], ended: bool) -> Option<(usize, usize)> {
    match memchr2(b'\n', b'\r', bytes) {
        Some(len) if bytes[len] == b'\n' => Some((len, len + 1)),
        Some(len) if len + 1 < bytes.len() || ended => {
            Some((len, len + 1 + usize::from(bytes.get(len + 1) == Some(&b'\n'))))
        }
        None if ended => Some((bytes.len(), bytes.len())),
        _ => None,
    }
}

impl<R: Read> JsonLineRows<R> {
    /// The next usable row, and its line.
    pub(super) fn next(&mut self, table: &mut Table) -> Result<Option<(u64, Judged)>, ReadError> {
        loop {
            let (bytes, line) = (self.source.pending(), self.source.line());
            let Some((len, whole)) = line_at(bytes, self.source.ended()) else {
                self.source.fill()?;
                continue;
            };
            if whole == 0 {
                return Ok(None);
            }
            if len > table.limits.row_bytes {
                return Err(self.source.breach(Limit::RowBytes, table.limits.row_bytes as u64));
            }
            let text = utf8(&bytes[..len], self.source.offset(), line)?;
            if text.trim_ascii().is_empty() {
                self.source.consume(whole, 1);
                continue;
            }
            table.check_rows(line)?;
            let judged = judge(text, line, 0, &mut self.keys, &mut self.places, table)?;
            self.current = (whole, len);
            self.source.consume(whole, 1);
            if let Some(judged) = judged {
                return Ok(Some((line, judged)));
            }
        }
    }

    pub(super) fn row(&self) -> (&str, &[Option<Range<usize>>]) {
        let (back, len) = self.current;
        (std::str::from_utf8(self.source.behind(back, len)).unwrap_or_default(), &self.places)
    }

    pub(super) fn bytes_read(&self) -> u64 {
        self.source.offset()
    }
}
