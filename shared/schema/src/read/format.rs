//! The formats, and telling what some bytes are.

use std::fmt;

/// How rows are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Comma-separated values with a header line (RFC 4180).
    Csv,
    /// Weka's attribute-relation format, in which UCI distributes the data.
    Arff,
    /// One JSON text: an array of objects, `{"rows": […]}`, `{"data": […]}`, or one object.
    Json,
    /// One JSON object a line.
    JsonLines,
}

impl Format {
    /// The format that a file's name speaks of: `.csv`, `.arff`, `.json`, `.jsonl`, `.ndjson`, in any case.
    #[must_use]
    pub fn from_file_name(name: &str) -> Option<Format> {
        let (_, extension) = name.rsplit_once('.')?;
        match extension.to_ascii_lowercase().as_str() {
            "csv" => Some(Format::Csv),
            "arff" => Some(Format::Arff),
            "json" => Some(Format::Json),
            "jsonl" | "ndjson" => Some(Format::JsonLines),
            _ => None,
        }
    }

    /// The format that a media type speaks of; its parameters (`; charset=utf-8`) do not count.
    #[must_use]
    pub fn from_content_type(value: &str) -> Option<Format> {
        let essence = value.split(';').next().unwrap_or_default().trim();
        match essence.to_ascii_lowercase().as_str() {
            "text/csv" | "application/csv" | "application/vnd.ms-excel" => Some(Format::Csv),
            "application/json" | "text/json" => Some(Format::Json),
            "application/x-ndjson"
            | "application/ndjson"
            | "application/jsonl"
            | "application/x-jsonlines" => Some(Format::JsonLines),
            "text/x-arff" | "application/x-arff" => Some(Format::Arff),
            _ => None,
        }
    }

    /// The format that the first bytes look like, for input without a name: JSON by its first bracket
    /// (JSON Lines where the first line is an object and another line follows it), ARFF by `@relation`,
    /// else CSV.
    #[must_use]
    pub fn from_first_bytes(bytes: &[u8]) -> Format {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
        match bytes.first() {
            Some(b'[') => Format::Json,
            Some(b'{') => {
                let line = &bytes[..memchr::memchr2(b'\n', b'\r', bytes).unwrap_or(bytes.len())];
                let whole = serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok();
                let more = bytes[line.len()..].trim_ascii_start().first() == Some(&b'{');
                if whole && more { Format::JsonLines } else { Format::Json }
            }
            _ if is_arff(bytes) => Format::Arff,
            _ => Format::Csv,
        }
    }

    /// `CSV`, `ARFF`, `JSON` or `JSON Lines`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Format::Csv => "CSV",
            Format::Arff => "ARFF",
            Format::Json => "JSON",
            Format::JsonLines => "JSON Lines",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Whether `@relation` stands first, after blank lines and comments.
fn is_arff(bytes: &[u8]) -> bool {
    bytes
        .split(|byte| matches!(byte, b'\n' | b'\r'))
        .map(<[u8]>::trim_ascii)
        .find(|line| !line.is_empty() && line[0] != b'%')
        .is_some_and(|line| starts_with_word(line, b"@relation"))
}

fn starts_with_word(bytes: &[u8], word: &[u8]) -> bool {
    bytes.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

/// What the first bytes of a file are, where they are certainly none of the formats.
pub(super) fn foreign(bytes: &[u8]) -> Option<&'static str> {
    const MAGIC: [(&[u8], &str); 17] = [
        (b"\x89PNG", "a PNG image"),
        (b"\xff\xd8\xff", "a JPEG image"),
        (b"GIF8", "a GIF image"),
        (b"PK\x03\x04", "a ZIP archive or an Excel workbook (.xlsx)"),
        (b"PK\x05\x06", "an empty ZIP archive"),
        (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls)"),
        (b"\x1f\x8b", "a gzip archive"),
        (b"\x28\xb5\x2f\xfd", "a zstd archive"),
        (b"BZh", "a bzip2 archive"),
        (b"\xfd7zXZ", "an xz archive"),
        (b"7z\xbc\xaf", "a 7z archive"),
        (b"%PDF", "a PDF document"),
        (b"PAR1", "a Parquet file"),
        (b"SQLite format 3", "an SQLite database"),
        (b"\x7fELF", "a program"),
        (b"LURE", "a Lurelight model"),
        (b"{\\rtf", "an RTF document"),
    ];
    if let Some((_, what)) = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Some(what);
    }
    let text = bytes.trim_ascii_start();
    if starts_with_word(text, b"<!doctype html") || starts_with_word(text, b"<html") {
        Some("an HTML page")
    } else if starts_with_word(text, b"<?xml") {
        Some("an XML document")
    } else {
        None
    }
}

/// The other format that text certainly is, where it is not the one that was named.
pub(super) fn other_format(bytes: &[u8], named: Format) -> Option<Format> {
    let looks_like = match bytes.trim_ascii_start().first()? {
        b'[' | b'{' => Format::Json,
        _ if is_arff(bytes) => Format::Arff,
        _ => return None,
    };
    match named {
        Format::Csv => Some(looks_like),
        Format::Arff => (looks_like == Format::Json).then_some(looks_like),
        Format::Json | Format::JsonLines => (looks_like == Format::Arff).then_some(looks_like),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_by_name_type_and_content() {
        assert_eq!(Format::from_file_name("a.b/SITES.CSV"), Some(Format::Csv));
        assert_eq!(Format::from_file_name("sites.ndjson"), Some(Format::JsonLines));
        assert_eq!(Format::from_file_name("sites"), None);
        assert_eq!(Format::from_content_type("Text/CSV; charset=utf-8"), Some(Format::Csv));
        assert_eq!(Format::from_content_type("image/png"), None);
        let table = [
            ("", Format::Csv),
            ("a,b\n", Format::Csv),
            ("\u{feff}[{}]", Format::Json),
            ("{\"a\":1}", Format::Json),
            ("{\"a\":1}\n", Format::Json),
            ("{\n\"a\":1}\n{", Format::Json),
            ("{\"a\":1}\r\n{\"a\":", Format::JsonLines),
            ("% a comment\n\n@RELATION x", Format::Arff),
        ];
        for (text, expected) in table {
            assert_eq!(Format::from_first_bytes(text.as_bytes()), expected, "{text:?}");
        }
    }
}
