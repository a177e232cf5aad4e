//! One scored row as HTML, JSON or CSV, written behind the rows before it.

use std::borrow::Cow;
use std::io::{self, Write};

use lurelight_schema::Label;
use lurelight_web::guard::spreadsheet_cell;

/// The three columns that every table ends with. The last is the one that clients of the predecessor read:
/// 1.0 is legitimate, 0.0 is phishing.
pub(crate) const OUTPUT_COLUMNS: [&str; 3] = ["label", "probability", "predicted_column"];

/// A verdict on one row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verdict {
    /// The row's place among the data rows of the input, from 1, unusable rows counted.
    pub(crate) row: u64,
    pub(crate) label: Label,
    /// Of phishing.
    pub(crate) probability: f64,
}

/// How rows are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowFormat {
    /// `<tr>` with the input's columns, escaped.
    Html,
    /// An object with the row's number and the verdict.
    Json,
    /// The input's columns and the verdict.
    Csv {
        /// Whether cells that a spreadsheet would execute get an apostrophe in front.
        guarded: bool,
    },
}

/// Rows written down, and where each ends.
#[derive(Debug)]
pub(crate) struct Rows {
    format: RowFormat,
    writer: csv::Writer<Vec<u8>>,
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Rows {
    pub(crate) fn new(format: RowFormat) -> Self {
        let writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
        Self { format, writer, text: Vec::new(), ends: Vec::new() }
    }

    /// How many rows were written.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The first `count` rows.
    pub(crate) fn first(&self, count: usize) -> &[u8] {
        let end = count.checked_sub(1).and_then(|last| self.ends.get(last)).copied();
        let text =
            if matches!(self.format, RowFormat::Csv { .. }) { self.writer.get_ref() } else { &self.text };
        text.get(..end.unwrap_or(if count == 0 { 0 } else { text.len() })).unwrap_or_default()
    }

    /// Writes one row with the cells that it came with.
    pub(crate) fn push<'a>(
        &mut self,
        verdict: Verdict,
        cells: impl Iterator<Item = Cow<'a, str>>,
    ) -> io::Result<()> {
        match self.format {
            RowFormat::Html => html_row(&mut self.text, verdict, cells)?,
            RowFormat::Json => {
                let comma = if self.ends.is_empty() { "" } else { "," };
                json_row(&mut self.text, comma, verdict)?;
            }
            RowFormat::Csv { guarded } => csv_row(&mut self.writer, verdict, cells, guarded)?,
        }
        let text =
            if matches!(self.format, RowFormat::Csv { .. }) { self.writer.get_ref() } else { &self.text };
        self.ends.push(text.len());
        Ok(())
    }
}

fn json_row(out: &mut Vec<u8>, comma: &str, verdict: Verdict) -> io::Result<()> {
    let Verdict { row, label, probability } = verdict;
    let number = label.predicted_column();
    // Neither the word nor the numbers need escaping.
    write!(
        out,
        "{comma}\n{{\"row\":{row},\"label\":\"{label}\",\"probability\":{probability:.6},\"predicted_column\":{number:.1}}}"
    )
}

fn csv_row<'a>(
    writer: &mut csv::Writer<Vec<u8>>,
    verdict: Verdict,
    cells: impl Iterator<Item = Cow<'a, str>>,
    guarded: bool,
) -> io::Result<()> {
    for cell in cells {
        if guarded { writer.write_field(&*spreadsheet_cell(&cell))? } else { writer.write_field(&*cell)? }
    }
    writer.write_field(verdict.label.as_str())?;
    writer.write_field(format!("{:.6}", verdict.probability))?;
    writer.write_field(format!("{:.1}", verdict.label.predicted_column()))?;
    writer.write_record(None::<&[u8]>)?;
    writer.flush()
}

/// The header line of a CSV answer.
pub(crate) fn csv_header(columns: &[String], guarded: bool) -> io::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for column in columns {
        if guarded { writer.write_field(&*spreadsheet_cell(column))? } else { writer.write_field(column)? }
    }
    for column in OUTPUT_COLUMNS {
        writer.write_field(column)?;
    }
    writer.write_record(None::<&[u8]>)?;
    writer.into_inner().map_err(|error| io::Error::other(error.to_string()))
}

fn html_row<'a>(
    out: &mut Vec<u8>,
    verdict: Verdict,
    cells: impl Iterator<Item = Cow<'a, str>>,
) -> io::Result<()> {
    let Verdict { row, label, probability } = verdict;
    write!(out, "<tr><th>{row}</th>")?;
    for cell in cells {
        out.extend_from_slice(b"<td>");
        escape(out, &cell);
        out.extend_from_slice(b"</td>");
    }
    let number = label.predicted_column();
    writeln!(out, "<td class=\"{label}\">{label}</td><td>{probability:.4}</td><td>{number:.1}</td></tr>")
}

/// Writes text so that it stays text in HTML, in an attribute as well.
fn escape(out: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| b"<>&\"'".contains(byte)) {
        out.extend_from_slice(&rest[..at]);
        let entity: &[u8] = match rest[at] {
            b'<' => b"&lt;",
            b'>' => b"&gt;",
            b'&' => b"&amp;",
            b'"' => b"&quot;",
            _ => b"&#39;",
        };
        out.extend_from_slice(entity);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERDICT: Verdict = Verdict { row: 7, label: Label::Phishing, probability: 0.97312 };

    fn written(format: RowFormat, cells: &[&str]) -> String {
        let mut rows = Rows::new(format);
        rows.push(VERDICT, cells.iter().map(|cell| Cow::Borrowed(*cell))).unwrap();
        rows.push(VERDICT, cells.iter().map(|cell| Cow::Borrowed(*cell))).unwrap();
        assert_eq!((rows.len(), rows.first(0).len()), (2, 0));
        assert!(rows.first(2).starts_with(rows.first(1)));
        String::from_utf8(rows.first(1).to_vec()).unwrap()
    }

    #[test]
    fn cells_are_escaped_quoted_or_guarded() {
        assert_eq!(
            written(RowFormat::Html, &["-1", "<script>\"'&"]),
            "<tr><th>7</th><td>-1</td><td>&lt;script&gt;&quot;&#39;&amp;</td>\
             <td class=\"phishing\">phishing</td><td>0.9731</td><td>0.0</td></tr>\n"
        );
        assert_eq!(
            written(RowFormat::Json, &["left out"]),
            "\n{\"row\":7,\"label\":\"phishing\",\"probability\":0.973120,\"predicted_column\":0.0}"
        );
        let cells = ["-1", "=cmd()", "a,b", ""];
        assert_eq!(
            written(RowFormat::Csv { guarded: false }, &cells),
            "-1,=cmd(),\"a,b\",,phishing,0.973120,0.0\n"
        );
        assert_eq!(
            written(RowFormat::Csv { guarded: true }, &cells),
            "-1,'=cmd(),\"a,b\",,phishing,0.973120,0.0\n"
        );
    }
}
