//! One scored row as HTML, JSON or CSV, written behind the rows before it.

use std::borrow::Cow;
use std::fmt::Write;

use lurelight_schema::Label;
use lurelight_web::guard::spreadsheet_cell;

use crate::reasons::{Reason, in_one_line};

/// The three columns that every table ends with. The last is the one that clients of the predecessor read:
/// 1.0 is legitimate, 0.0 is phishing.
pub(crate) const OUTPUT_COLUMNS: [&str; 3] = ["label", "probability", "predicted_column"];

/// The column of reasons, where they are wanted: in a page behind the row's number, in CSV before the verdict.
pub(crate) const REASONS_COLUMN: &str = "reasons";

/// What stands around the cells of a row; the same for every row with the same features.
#[derive(Debug, Default)]
pub(crate) struct Frame {
    before: String,
    after: String,
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
    text: String,
    ends: Vec<usize>,
}

impl Rows {
    pub(crate) fn new(format: RowFormat) -> Self {
        Self { format, text: String::new(), ends: Vec::new() }
    }

    /// How many rows were written.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The first `count` rows.
    pub(crate) fn first(&self, count: usize) -> &str {
        let end = count.checked_sub(1).and_then(|last| self.ends.get(last)).copied();
        self.text.get(..end.unwrap_or(0)).unwrap_or_default()
    }

    /// What stands around a row's cells: verdict and reasons, where those are wanted.
    pub(crate) fn frame(&self, label: Label, probability: f64, reasons: Option<&[Reason]>) -> Frame {
        let number = label.predicted_column();
        let mut frame = Frame::default();
        match self.format {
            RowFormat::Html => {
                if let Some(reasons) = reasons {
                    html_reasons(&mut frame.before, reasons);
                }
                frame.after = format!(
                    "<td class=\"{label}\">{label}</td><td>{probability:.4}</td><td>{number:.1}</td></tr>\n"
                );
            }
            RowFormat::Json => {
                let reasons = reasons.and_then(|reasons| serde_json::to_string(reasons).ok());
                let reasons = reasons.map_or_else(String::new, |reasons| format!(",\"reasons\":{reasons}"));
                // Neither the word nor the numbers need escaping.
                frame.after = format!(
                    "\"label\":\"{label}\",\"probability\":{probability:.6},\"predicted_column\":{number:.1}{reasons}}}"
                );
            }
            RowFormat::Csv { guarded } => {
                if let Some(reasons) = reasons {
                    csv_field(&mut frame.after, &in_one_line(reasons), guarded);
                    frame.after.push(',');
                }
                // Writing to a string cannot fail.
                let _ = writeln!(frame.after, "{label},{probability:.6},{number:.1}");
            }
        }
        frame
    }

    /// Writes one row: its number among the data rows, from 1; its cells; and the [`frame`](Rows::frame) around
    /// them.
    pub(crate) fn push<'a>(&mut self, number: u64, cells: impl Iterator<Item = Cow<'a, str>>, frame: &Frame) {
        let out = &mut self.text;
        match self.format {
            RowFormat::Html => {
                open_html_row(out, number, frame);
                for cell in cells {
                    out.push_str("<td>");
                    escape(out, &cell);
                    out.push_str("</td>");
                }
            }
            RowFormat::Json => open_json_row(out, number, self.ends.is_empty()),
            RowFormat::Csv { guarded } => {
                for cell in cells {
                    csv_field(out, &cell, guarded);
                    out.push(',');
                }
            }
        }
        self.close(frame);
    }

    /// The same for a row of a CSV input all of whose cells are kept, much quicker; `false` if it cannot be
    /// written this way, and then nothing was.
    pub(crate) fn push_csv_text(&mut self, number: u64, text: &str, frame: &Frame) -> bool {
        let out = &mut self.text;
        match self.format {
            RowFormat::Html if !text.bytes().any(|byte| b"<>&\"'".contains(&byte)) => {
                open_html_row(out, number, frame);
                out.push_str("<td>");
                for (i, cell) in text.split(',').enumerate() {
                    out.push_str(if i == 0 { "" } else { "</td><td>" });
                    out.push_str(cell);
                }
                out.push_str("</td>");
            }
            RowFormat::Csv { guarded: false } => {
                out.push_str(text);
                out.push(',');
            }
            _ => return false,
        }
        self.close(frame);
        true
    }

    fn close(&mut self, frame: &Frame) {
        self.text.push_str(&frame.after);
        self.ends.push(self.text.len());
    }
}

fn open_html_row(out: &mut String, number: u64, frame: &Frame) {
    // Writing to a string cannot fail.
    let _ = write!(out, "<tr><th>{number}</th>{}", frame.before);
}

/// A cell with a line a reason, the side to which it points in words and colour.
fn html_reasons(out: &mut String, reasons: &[Reason]) {
    out.push_str("<td class=\"reasons\">");
    for reason in reasons {
        let towards = if reason.contribution < 0.0 { Label::Legitimate } else { Label::Phishing };
        let sign = if reason.contribution < 0.0 { '−' } else { '+' };
        let size = reason.contribution.abs();
        let code = reason.code.map_or_else(|| "missing".to_owned(), |code| code.to_string());
        let feature = reason.feature;
        let _ = write!(out, "<div title=\"{feature} = {code}, towards {towards}\">");
        let _ = write!(out, "<b class=\"{towards}\">{sign}{size:.2}</b> ");
        escape(out, &reason.meaning);
        out.push_str("</div>");
    }
    out.push_str("</td>");
}

fn open_json_row(out: &mut String, number: u64, first: bool) {
    let comma = if first { "" } else { "," };
    let _ = write!(out, "{comma}\n{{\"row\":{number},");
}

/// Writes a field as RFC 4180 has it: in quotes where it holds a comma, a quote or an end of line. A `guarded`
/// field that a spreadsheet would run as a formula gets an apostrophe in front.
pub fn csv_field(out: &mut String, field: &str, guarded: bool) {
    let field = if guarded { spreadsheet_cell(field) } else { Cow::Borrowed(field) };
    if field.contains([',', '"', '\n', '\r']) {
        out.push('"');
        out.push_str(&field.replace('"', "\"\""));
        out.push('"');
    } else {
        out.push_str(&field);
    }
}

/// The header line of a CSV answer.
pub(crate) fn csv_header(columns: &[String], guarded: bool, with_reasons: bool) -> String {
    let mut out = String::new();
    for column in columns {
        csv_field(&mut out, column, guarded);
        out.push(',');
    }
    let reasons = if with_reasons { format!("{REASONS_COLUMN},") } else { String::new() };
    out + &reasons + &OUTPUT_COLUMNS.join(",") + "\n"
}

/// Writes text so that it stays text in HTML, in an attribute as well.
fn escape(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.find(['<', '>', '&', '"', '\'']) {
        out.push_str(&rest[..at]);
        out.push_str(match rest.as_bytes()[at] {
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'&' => "&amp;",
            b'"' => "&quot;",
            _ => "&#39;",
        });
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(format: RowFormat, cells: &[&str]) -> String {
        let mut rows = Rows::new(format);
        let frame = rows.frame(Label::Phishing, 0.97312, None);
        rows.push(7, cells.iter().map(|cell| Cow::Borrowed(*cell)), &frame);
        rows.push(8, cells.iter().map(|cell| Cow::Borrowed(*cell)), &frame);
        assert_eq!((rows.len(), rows.first(0)), (2, ""));
        assert!(rows.first(2).starts_with(rows.first(1)));
        rows.first(1).to_owned()
    }

    #[test]
    fn cells_are_escaped_quoted_or_guarded() {
        assert_eq!(
            written(RowFormat::Html, &["-1", "<script>\"'&é"]),
            "<tr><th>7</th><td>-1</td><td>&lt;script&gt;&quot;&#39;&amp;é</td>\
             <td class=\"phishing\">phishing</td><td>0.9731</td><td>0.0</td></tr>\n"
        );
        assert_eq!(
            written(RowFormat::Json, &["left out"]),
            "\n{\"row\":7,\"label\":\"phishing\",\"probability\":0.973120,\"predicted_column\":0.0}"
        );
        let cells = ["-1", "=cmd()", "a,\"b\"", ""];
        assert_eq!(
            written(RowFormat::Csv { guarded: false }, &cells),
            "-1,=cmd(),\"a,\"\"b\"\"\",,phishing,0.973120,0.0\n"
        );
        assert_eq!(
            written(RowFormat::Csv { guarded: true }, &cells),
            "-1,'=cmd(),\"a,\"\"b\"\"\",,phishing,0.973120,0.0\n"
        );
    }

    #[test]
    fn cells_are_quoted_where_they_have_to_be() {
        let mut line = String::new();
        for cell in ["a", "", "b,c", "say \"hi\"", "two\nlines"] {
            csv_field(&mut line, cell, false);
            line.push(',');
        }
        assert_eq!(line, "a,,\"b,c\",\"say \"\"hi\"\"\",\"two\nlines\",");
    }

    #[test]
    fn reasons_stand_where_they_are_wanted() {
        let reason = |meaning: &str, contribution| {
            let meaning = meaning.to_owned();
            Reason { feature: "SFH", code: Some(-1), meaning, contribution }
        };
        let reasons = [reason("a < b, c", 1.5), reason("d", -0.25)];
        let written = |format| {
            let mut rows = Rows::new(format);
            let frame = rows.frame(Label::Phishing, 0.9, Some(&reasons));
            rows.push(7, [Cow::Borrowed("1")].into_iter(), &frame);
            rows.first(1).to_owned()
        };
        assert_eq!(
            written(RowFormat::Html),
            "<tr><th>7</th><td class=\"reasons\"><div title=\"SFH = -1, towards phishing\"><b class=\"phishing\">+1.50</b> \
             a &lt; b, c</div><div title=\"SFH = -1, towards legitimate\"><b class=\"legitimate\">−0.25</b> d</div></td>\
             <td>1</td><td class=\"phishing\">phishing</td><td>0.9000</td><td>0.0</td></tr>\n"
        );
        assert_eq!(
            written(RowFormat::Json),
            "\n{\"row\":7,\"label\":\"phishing\",\"probability\":0.900000,\"predicted_column\":0.0,\"reasons\":[\
             {\"feature\":\"SFH\",\"code\":-1,\"meaning\":\"a < b, c\",\"contribution\":1.5},\
             {\"feature\":\"SFH\",\"code\":-1,\"meaning\":\"d\",\"contribution\":-0.25}]}"
        );
        assert_eq!(
            written(RowFormat::Csv { guarded: true }),
            "1,\"a < b, c (+1.50); d (−0.25)\",phishing,0.900000,0.0\n"
        );
        assert_eq!(
            csv_header(&["x".to_owned()], false, true),
            "x,reasons,label,probability,predicted_column\n"
        );
    }

    #[test]
    fn the_quick_way_writes_the_same() {
        let end = Frame { before: "begin".to_owned(), after: "end\n".to_owned() };
        for format in [RowFormat::Html, RowFormat::Csv { guarded: false }] {
            for text in ["-1,1,a b", "é,,1", ",", ""] {
                let mut quick = Rows::new(format);
                assert!(quick.push_csv_text(7, text, &end));
                let mut slow = Rows::new(format);
                slow.push(7, text.split(',').map(Cow::Borrowed), &end);
                assert_eq!(quick.first(1), slow.first(1));
            }
        }
        let mut rows = Rows::new(RowFormat::Html);
        assert!(!rows.push_csv_text(7, "<b>,1", &end) && !rows.push_csv_text(7, "\"a,b\"", &end));
        assert!(!Rows::new(RowFormat::Csv { guarded: true }).push_csv_text(7, "1,2", &end));
        assert_eq!(rows.len(), 0);
    }
}
