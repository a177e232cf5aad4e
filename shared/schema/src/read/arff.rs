//! The head of an ARFF file: `@relation`, `@attribute` lines, `@data`.

use std::io::Read;

use memchr::memchr2;

use super::csv::DelimitedRows;
use super::delimited::{Dialect, unquoted};
use super::header::{check_twice, resolve};
use super::source::{Source, utf8};
use super::table::Table;
use super::{Limit, ReadError, ReadOptions};

/// Reads the head of an ARFF file.
pub(super) fn open<R: Read>(
    mut source: Source<R>,
    options: &ReadOptions,
) -> Result<(DelimitedRows<R>, Table), ReadError> {
    let mut names = Vec::new();
    let mut first_attribute = None;
    loop {
        let line = source.line();
        let Some((text, whole)) = head_line(&mut source)? else {
            return Err(if names.is_empty() { ReadError::Empty } else { no_data(line) });
        };
        let declared = declaration(text, line)?;
        match declared {
            Declaration::Attribute(name) => {
                first_attribute.get_or_insert(line);
                names.push(name);
            }
            Declaration::Data => {
                source.consume(whole, 1);
                break;
            }
            Declaration::Other => {}
        }
        source.consume(whole, 1);
        if names.len() > options.limits.columns {
            return Err(source.breach(Limit::Columns, options.limits.columns as u64));
        }
    }
    let columns = resolve(names);
    check_twice(&columns)?;
    let table = Table::new(columns, first_attribute.unwrap_or(1), options)?;
    Ok((DelimitedRows::new(source, &table.columns, Dialect::Arff), table))
}

fn no_data(line: u64) -> ReadError {
    ReadError::Arff { line, reason: "the file ends before its @data line".to_owned() }
}

/// The next line and its length with the line's end; `None` at the end of the input.
fn head_line<R: Read>(source: &mut Source<R>) -> Result<Option<(&str, usize)>, ReadError> {
    let (len, whole) = loop {
        let bytes = source.pending();
        match memchr2(b'\n', b'\r', bytes) {
            Some(len) if bytes[len] == b'\n' => break (len, len + 1),
            Some(len) if len + 1 < bytes.len() || source.ended() => {
                break (len, len + 1 + usize::from(bytes.get(len + 1) == Some(&b'\n')));
            }
            None if source.ended() && bytes.is_empty() => return Ok(None),
            None if source.ended() => break (bytes.len(), bytes.len()),
            _ => {
                source.fill()?;
            }
        }
    };
    let text = utf8(&source.pending()[..len], source.offset(), source.line())?;
    Ok(Some((text, whole)))
}

enum Declaration {
    Attribute(String),
    Data,
    /// A comment, a blank line, `@relation`.
    Other,
}

fn declaration(text: &str, line: u64) -> Result<Declaration, ReadError> {
    let text = text.trim();
    if text.is_empty() || text.starts_with('%') {
        return Ok(Declaration::Other);
    }
    let (keyword, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    match keyword.to_ascii_lowercase().as_str() {
        "@relation" => Ok(Declaration::Other),
        "@data" => Ok(Declaration::Data),
        "@attribute" => attribute_name(rest.trim(), line).map(Declaration::Attribute),
        _ => Err(ReadError::Arff {
            line,
            reason: "this is not ARFF: before @data, a line is @relation, @attribute or a comment (%)"
                .to_owned(),
        }),
    }
}

/// The name at the beginning of `rest`, quoted or up to a blank or the `{` of its values.
fn attribute_name(rest: &str, line: u64) -> Result<String, ReadError> {
    let end = match rest.chars().next() {
        Some(quote @ ('\'' | '"')) => closing_quote(rest, quote).map(|at| at + 1),
        _ => rest.find(|c: char| c.is_whitespace() || c == '{').or(Some(rest.len())),
    };
    let name = end.and_then(|end| rest.get(..end)).unwrap_or_default();
    if name.is_empty() || name.contains('\0') {
        let reason = "the attribute has no readable name: write @attribute NAME {-1,0,1}".to_owned();
        return Err(ReadError::Arff { line, reason });
    }
    let kind = rest[name.len()..].trim().to_ascii_lowercase();
    if kind.starts_with("relational") {
        let reason = "relational attributes are not read: every feature is a column of its own".to_owned();
        return Err(ReadError::Arff { line, reason });
    }
    Ok(String::from_utf8_lossy(&unquoted(name.as_bytes(), Dialect::Arff)).into_owned())
}

fn closing_quote(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return Some(at),
            _ => {}
        }
    }
    None
}
