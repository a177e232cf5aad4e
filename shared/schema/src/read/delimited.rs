//! Splitting rows of comma-separated cells: CSV, and the data section of ARFF.

use std::borrow::Cow;

use memchr::{memchr, memchr3};

use super::Limits;

/// The rules for quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// RFC 4180: a cell that begins with `"` goes on to the next single `"`; `""` is one quote.
    Csv,
    /// Weka: after blanks, `'` or `"`, to the same mark again; `\` escapes; a row never spans lines.
    Arff,
}

/// Where one cell stands in its row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

/// What ended a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Edge {
    Comma,
    LineEnd,
    /// The bytes ended; in a quote or not.
    BytesEnd,
    OpenQuote,
}

/// The row at the beginning of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scan {
    /// The row may go on beyond these bytes.
    Incomplete,
    /// `len` bytes of row, `whole` with the end of its line. `open_quote` is where a quote stands that is
    /// never closed.
    Row { len: usize, whole: usize, open_quote: Option<usize> },
    /// More cells than the limit allows.
    TooManyCells,
    /// A longer cell than the limit allows, in a quote or not.
    LongCell { open_quote: bool },
}

/// Splits the row at the beginning of `bytes`, which are all that is left if `ended`.
pub(super) fn scan(
    bytes: &[u8],
    ended: bool,
    dialect: Dialect,
    limits: &Limits,
    cells: &mut Vec<Span>,
) -> Scan {
    cells.clear();
    let mut start = 0;
    loop {
        let (end, edge) = cell_end(bytes, start, dialect);
        if end - start > limits.cell_bytes {
            return Scan::LongCell { open_quote: edge == Edge::OpenQuote };
        }
        if !ended && end == bytes.len() {
            return Scan::Incomplete;
        }
        cells.push(Span { start, end });
        if cells.len() > limits.columns {
            return Scan::TooManyCells;
        }
        match edge {
            Edge::Comma => start = end + 1,
            Edge::BytesEnd => return Scan::Row { len: end, whole: end, open_quote: None },
            Edge::OpenQuote | Edge::LineEnd => {
                let open_quote = (edge == Edge::OpenQuote).then_some(start);
                return match line_end(bytes, end, ended) {
                    Some(line_end) => Scan::Row { len: end, whole: end + line_end, open_quote },
                    None => Scan::Incomplete,
                };
            }
        }
    }
}

/// The length of the line's end at `at`, 0 to 2; `None` where a line feed may follow beyond the bytes.
fn line_end(bytes: &[u8], at: usize, ended: bool) -> Option<usize> {
    match (bytes.get(at), bytes.get(at + 1)) {
        (Some(b'\r'), Some(b'\n')) => Some(2),
        (Some(b'\r'), None) if !ended => None,
        (Some(_), _) => Some(1),
        (None, _) => Some(0),
    }
}

/// The end of the cell that begins at `start`.
fn cell_end(bytes: &[u8], start: usize, dialect: Dialect) -> (usize, Edge) {
    let after_quote = match dialect {
        Dialect::Csv if bytes.get(start) == Some(&b'"') => close_csv(bytes, start + 1),
        Dialect::Csv => Ok(start),
        Dialect::Arff => {
            let text = skip_blanks(bytes, start);
            match bytes.get(text) {
                Some(&quote @ (b'\'' | b'"')) => close_arff(bytes, text + 1, quote),
                _ => Ok(start),
            }
        }
    };
    let from = match after_quote {
        Ok(from) => from,
        Err(end) => return (end, Edge::OpenQuote),
    };
    // Most cells are a code, for which a search costs more than a look.
    let near = bytes[from..].iter().take(4).position(|byte| matches!(byte, b',' | b'\n' | b'\r'));
    match near.or_else(|| memchr3(b',', b'\n', b'\r', &bytes[from..])) {
        None => (bytes.len(), Edge::BytesEnd),
        Some(at) if bytes[from + at] == b',' => (from + at, Edge::Comma),
        Some(at) => (from + at, Edge::LineEnd),
    }
}

/// The place after the closing quote, or the bytes' end as an error.
pub(super) fn close_csv(bytes: &[u8], mut from: usize) -> Result<usize, usize> {
    while let Some(at) = memchr(b'"', &bytes[from..]) {
        from += at + 1;
        if bytes.get(from) != Some(&b'"') {
            return Ok(from);
        }
        from += 1;
    }
    Err(bytes.len())
}

/// The place after the closing quote, or the line's end as an error.
fn close_arff(bytes: &[u8], mut from: usize, quote: u8) -> Result<usize, usize> {
    while let Some(&byte) = bytes.get(from) {
        match byte {
            b'\n' | b'\r' => return Err(from),
            b'\\' => from += 2,
            _ if byte == quote => return Ok(from + 1),
            _ => from += 1,
        }
    }
    Err(bytes.len())
}

fn skip_blanks(bytes: &[u8], from: usize) -> usize {
    let blanks = bytes[from..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    from + blanks
}

/// A cell without its quotes.
pub(super) fn unquoted(raw: &[u8], dialect: Dialect) -> Cow<'_, [u8]> {
    match dialect {
        Dialect::Csv => unquoted_csv(raw),
        Dialect::Arff => unquoted_arff(raw.trim_ascii()),
    }
}

fn unquoted_csv(raw: &[u8]) -> Cow<'_, [u8]> {
    let Some(quoted) = raw.strip_prefix(b"\"") else { return Cow::Borrowed(raw) };
    if let Some(close) = memchr(b'"', quoted)
        && close + 1 == quoted.len()
    {
        return Cow::Borrowed(&quoted[..close]);
    }
    let mut cell = Vec::with_capacity(quoted.len());
    let mut rest = quoted;
    while let Some(at) = memchr(b'"', rest) {
        cell.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        match rest.strip_prefix(b"\"") {
            Some(after) => {
                cell.push(b'"');
                rest = after;
            }
            // What follows the closing quote belongs to the cell, as in the `csv` crate and in Python.
            None => break,
        }
    }
    cell.extend_from_slice(rest);
    Cow::Owned(cell)
}

fn unquoted_arff(cell: &[u8]) -> Cow<'_, [u8]> {
    let Some(&quote @ (b'\'' | b'"')) = cell.first() else { return Cow::Borrowed(cell) };
    let Some(inner) = cell[1..].strip_suffix(&[quote]) else { return Cow::Borrowed(cell) };
    if memchr(b'\\', inner).is_none() {
        return Cow::Borrowed(inner);
    }
    let mut text = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter().copied();
    while let Some(byte) = bytes.next() {
        text.push(match byte {
            b'\\' => match bytes.next() {
                Some(b'n') => b'\n',
                Some(b't') => b'\t',
                Some(b'r') => b'\r',
                Some(other) => other,
                None => b'\\',
            },
            other => other,
        });
    }
    Cow::Owned(text)
}

/// The cells of one row, split as they are asked for.
#[derive(Clone, Debug)]
pub(super) struct Split<'a> {
    row: &'a str,
    next: Option<usize>,
    dialect: Dialect,
}

impl<'a> Split<'a> {
    pub(super) fn new(row: &'a str, dialect: Dialect) -> Split<'a> {
        Split { row, next: Some(0), dialect }
    }
}

impl<'a> Iterator for Split<'a> {
    type Item = Cow<'a, str>;

    fn next(&mut self) -> Option<Cow<'a, str>> {
        let start = self.next?;
        let (end, edge) = cell_end(self.row.as_bytes(), start, self.dialect);
        self.next = (edge == Edge::Comma).then_some(end + 1);
        let raw = self.row.get(start..end)?;
        // Only ASCII marks were removed, so the text is still text.
        Some(match unquoted(raw.as_bytes(), self.dialect) {
            Cow::Borrowed(bytes) => Cow::Borrowed(std::str::from_utf8(bytes).unwrap_or_default()),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8(bytes).unwrap_or_default()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(row: &str, dialect: Dialect) -> Vec<String> {
        Split::new(row, dialect).map(Cow::into_owned).collect()
    }

    #[test]
    fn quotes_are_removed() {
        assert_eq!(cells("a,\"b,\"\"c\",d\"e,\"f\"g,", Dialect::Csv), ["a", "b,\"c", "d\"e", "fg", ""]);
        assert_eq!(cells("\"a\nb\"", Dialect::Csv), ["a\nb"]);
        assert_eq!(cells("1, '2,\\'3' ,\"4\\n\",'", Dialect::Arff), ["1", "2,'3", "4\n", "'"]);
    }

    #[test]
    fn a_row_is_complete_only_when_its_end_is_seen() {
        let limits = Limits::default();
        let scan = |text: &str, ended| scan(text.as_bytes(), ended, Dialect::Csv, &limits, &mut Vec::new());
        let row = |len, whole| Scan::Row { len, whole, open_quote: None };
        assert_eq!(scan("a,b", false), Scan::Incomplete);
        assert_eq!(scan("a,b", true), row(3, 3));
        assert_eq!(scan("a,b\r", false), Scan::Incomplete);
        assert_eq!(scan("a,b\r", true), row(3, 4));
        assert_eq!(scan("a,b\r\nc", false), row(3, 5));
        assert_eq!(scan("a,b\rc", false), row(3, 4));
        assert_eq!(scan("\"a\"", false), Scan::Incomplete);
        assert_eq!(scan("\"a\n", true), Scan::Row { len: 3, whole: 3, open_quote: Some(0) });
    }
}
