//! One scored row as HTML, JSON or CSV, written behind the rows before it.

use std::borrow::Cow;
use std::fmt::{self, Write};

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

/// Rows written down, and where each ends. They stand in blocks, so that nothing is moved as they become more.
#[derive(Debug)]
pub(crate) struct Rows {
    format: RowFormat,
    blocks: Vec<String>,
    /// The number of its block, and the place in it.
    ends: Vec<(usize, usize)>,
}

/// From how many bytes on the next row begins a new block.
const BLOCK_BYTES: usize = 1 << 18;

/// The first rows, one behind the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FirstRows<'a> {
    whole: &'a [String],
    last: &'a str,
}

impl<'a> FirstRows<'a> {
    pub(crate) fn pieces(self) -> impl Iterator<Item = &'a str> {
        self.whole.iter().map(String::as_str).chain([self.last])
    }

    /// How many bytes they have.
    pub(crate) fn len(self) -> usize {
        self.pieces().map(str::len).sum()
    }
}

impl fmt::Display for FirstRows<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pieces().try_for_each(|piece| f.write_str(piece))
    }
}

impl Rows {
    pub(crate) fn new(format: RowFormat) -> Self {
        Self { format, blocks: Vec::new(), ends: Vec::new() }
    }

    /// How many rows were written.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The first `count` rows.
    pub(crate) fn first(&self, count: usize) -> FirstRows<'_> {
        let last = count.checked_sub(1).and_then(|last| self.ends.get(last));
        let (block, end) = last.copied().unwrap_or((0, 0));
        let last = self.blocks.get(block).and_then(|block| block.get(..end)).unwrap_or_default();
        FirstRows { whole: self.blocks.get(..block).unwrap_or_default(), last }
    }

    /// The block that the next row is written to.
    fn block(&mut self) -> &mut String {
        if self.blocks.last().is_none_or(|block| block.len() >= BLOCK_BYTES) {
            self.blocks.push(String::with_capacity(BLOCK_BYTES + 4096));
        }
        let last = self.blocks.len() - 1;
        &mut self.blocks[last]
    }

    /// What stands around a row's cells: verdict and reasons, where those are wanted.
    pub(crate) fn frame(&self, label: Label, probability: f64, reasons: Option<&[Reason]>) -> Frame {
        let (word, number) = (label.as_str(), label.predicted_column());
        let mut frame = Frame::default();
        let Frame { before, after } = &mut frame;
        match self.format {
            RowFormat::Html => {
                if let Some(reasons) = reasons {
                    html_reasons(before, reasons);
                }
                after.extend(["<td class=\"", word, "\">", word, "<td>"]);
                push_probability::<4>(after, probability);
                after.extend(["<td>", number, "</tr>\n"]);
            }
            RowFormat::Json => {
                // Neither the word nor the numbers need escaping.
                after.extend(["\"label\":\"", word, "\",\"probability\":"]);
                push_probability::<6>(after, probability);
                after.extend([",\"predicted_column\":", number]);
                if let Some(reasons) = reasons.and_then(|reasons| serde_json::to_string(reasons).ok()) {
                    after.extend([",\"reasons\":", &reasons]);
                }
                after.push('}');
            }
            RowFormat::Csv { guarded } => {
                if let Some(reasons) = reasons {
                    csv_field(after, &in_one_line(reasons), guarded);
                    after.push(',');
                }
                after.extend([word, ","]);
                push_probability::<6>(after, probability);
                after.extend([",", number, "\n"]);
            }
        }
        frame
    }

    /// Writes one row: its number among the data rows, from 1; its cells as [`RowFormat::keep_cells`] kept them; and the
    /// [`frame`](Rows::frame) around them.
    pub(crate) fn push(&mut self, number: u64, cells: &str, kept: CellsUntil, frame: &Frame) {
        let (format, is_first) = (self.format, self.ends.is_empty());
        let out = self.block();
        match format {
            RowFormat::Html => open_html_row(out, number, frame),
            RowFormat::Json => open_json_row(out, number, is_first),
            RowFormat::Csv { .. } => {}
        }
        match kept {
            CellsUntil::Written(_) => out.push_str(cells),
            CellsUntil::CsvText(_) => html_cells(out, cells),
        }
        out.push_str(&frame.after);
        let end = out.len();
        self.ends.push((self.blocks.len() - 1, end));
    }
}

/// Where the cells of a row end that were kept until it is judged, and how they were kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CellsUntil {
    /// As they are written down.
    Written(usize),
    /// A line of CSV, without quotes and without what HTML would take for its own, that becomes cells of a page: a
    /// quarter as long as these.
    CsvText(usize),
}

impl CellsUntil {
    pub(crate) const fn end(self) -> usize {
        match self {
            CellsUntil::Written(end) | CellsUntil::CsvText(end) => end,
        }
    }
}

impl RowFormat {
    /// Puts the cells of a row behind those of other rows. `whole` is its line, where it comes from CSV without quotes
    /// and all of its cells are kept.
    pub(crate) fn keep_cells<'a>(
        self,
        kept: &mut String,
        whole: Option<&str>,
        cells: impl Iterator<Item = Cow<'a, str>>,
    ) -> CellsUntil {
        match (self, whole) {
            (RowFormat::Html, Some(text)) if !needs_escape(text) => {
                kept.push_str(text);
                return CellsUntil::CsvText(kept.len());
            }
            (RowFormat::Csv { guarded: false }, Some(text)) => {
                kept.push_str(text);
                kept.push(',');
            }
            (RowFormat::Html, _) => {
                for cell in cells {
                    kept.push_str(CELL);
                    escape(kept, &cell);
                }
            }
            (RowFormat::Csv { guarded }, _) => {
                for cell in cells {
                    csv_field(kept, &cell, guarded);
                    kept.push(',');
                }
            }
            (RowFormat::Json, _) => {}
        }
        CellsUntil::Written(kept.len())
    }
}

fn open_html_row(out: &mut String, number: u64, frame: &Frame) {
    out.push_str("<tr><th>");
    out.push_str(itoa::Buffer::new().format(number));
    out.push_str(&frame.before);
}

/// What a cell begins with. Its end tag may be left out where another cell or the end of the row follows, and a third of a
/// large page would be such tags.
const CELL: &str = "<td>";

/// A line of CSV as cells: a tag in front of it and in the place of each comma. A byte is written as four, of which those
/// count that are wanted, so that nothing depends on a guess where cells end.
fn html_cells(out: &mut String, line: &str) {
    const PIECE: usize = 128;
    const TAG: [u8; 4] = *b"<td>";
    let mut written = [0; 4 * PIECE];
    let mut rest = line;
    out.push_str(CELL);
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at(rest.floor_char_boundary(PIECE));
        let mut len = 0;
        for byte in piece.bytes() {
            let is_comma = byte == b',';
            written[len..len + 4].copy_from_slice(&if is_comma { TAG } else { [byte; 4] });
            len += if is_comma { 4 } else { 1 };
        }
        // Whole characters came in, and ASCII was put between them.
        out.push_str(str::from_utf8(&written[..len]).unwrap_or_default());
        rest = behind;
    }
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
}

fn open_json_row(out: &mut String, number: u64, first: bool) {
    let comma = if first { "" } else { "," };
    out.push_str(comma);
    out.push_str("\n{\"row\":");
    out.push_str(itoa::Buffer::new().format(number));
    out.push(',');
}

/// Writes a probability as `{:.DECIMALS$}` does, but quicker: that goes through all digits of the number.
pub fn push_probability<const DECIMALS: usize>(out: &mut String, probability: f64) {
    let one = const {
        assert!(DECIMALS <= 6, "with more, the product below is less exact than it says");
        10u32.pow(DECIMALS as u32)
    };
    let scaled = probability * f64::from(one);
    let beyond = scaled - scaled.floor();
    let rounded = scaled.round();
    // The product is off by less than 10⁻⁹, so that only a number as near to the middle may be rounded the wrong way.
    if !(0.0..1.0).contains(&probability) || (beyond - 0.5).abs() < 1e-6 || rounded >= f64::from(one) {
        // Writing to a string cannot fail.
        let _ = write!(out, "{probability:.DECIMALS$}");
        return;
    }
    let mut rest = rounded as u32;
    let mut digits = [b'0'; DECIMALS];
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out.push_str("0.");
    out.extend(digits.map(char::from));
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

/// Whether a character is not itself in HTML. All of them are looked at, which a processor does many at a time.
fn needs_escape(text: &str) -> bool {
    text.bytes().fold(false, |any, byte| any | matches!(byte, b'<' | b'>' | b'&' | b'"' | b'\''))
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

    /// Writes a row of these cells, or of this line of CSV.
    fn push(rows: &mut Rows, number: u64, whole: Option<&str>, cells: &[&str], frame: &Frame) {
        let mut kept = String::new();
        let until = rows.format.keep_cells(&mut kept, whole, cells.iter().map(|cell| Cow::Borrowed(*cell)));
        assert_eq!(until.end(), kept.len());
        rows.push(number, &kept, until, frame);
    }

    fn written(format: RowFormat, cells: &[&str]) -> String {
        let mut rows = Rows::new(format);
        let frame = rows.frame(Label::Phishing, 0.97312, None);
        push(&mut rows, 7, None, cells, &frame);
        push(&mut rows, 8, None, cells, &frame);
        assert_eq!((rows.len(), rows.first(0).len()), (2, 0));
        assert!(rows.first(2).to_string().starts_with(&rows.first(1).to_string()));
        rows.first(1).to_string()
    }

    #[test]
    fn cells_are_escaped_quoted_or_guarded() {
        assert_eq!(
            written(RowFormat::Html, &["-1", "<script>\"'&é"]),
            "<tr><th>7<td>-1<td>&lt;script&gt;&quot;&#39;&amp;é\
             <td class=\"phishing\">phishing<td>0.9731<td>0.0</tr>\n"
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
    fn rows_go_on_in_another_block() {
        let mut rows = Rows::new(RowFormat::Csv { guarded: false });
        let frame = Frame { before: String::new(), after: "\n".to_owned() };
        let cell = |number: u64| format!("{number}").repeat(1_000);
        (0..300).for_each(|number| push(&mut rows, number, None, &[&cell(number)], &frame));
        assert!(rows.blocks.len() > 2);
        for count in [0, 1, 150, 300] {
            let expected: String = (0..count).map(|number| cell(number) + ",\n").collect();
            let first = rows.first(count as usize);
            assert_eq!((first.to_string(), first.len()), (expected.clone(), expected.len()));
        }
    }

    #[test]
    fn decimals_are_those_of_the_standard_library() {
        fn check<const DECIMALS: usize>() {
            let one = 10f64.powi(DECIMALS as i32);
            let middles = (0..2_000).flat_map(|i| {
                let middle = (f64::from(i * 499 % (one as i32)) + 0.5) / one;
                [middle.next_down(), middle, middle.next_up()]
            });
            let others = (0..200_000).map(|i| f64::from(i) * 5.000_07e-6);
            for probability in
                middles.chain(others).chain([0.0, 1.0, 1e-4, 0.9999, 0.999_999_7, f64::NAN, -0.5])
            {
                let mut line = String::new();
                push_probability::<DECIMALS>(&mut line, probability);
                assert_eq!(line, format!("{probability:.DECIMALS$}"));
            }
        }
        check::<4>();
        check::<6>();
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
            push(&mut rows, 7, None, &["1"], &frame);
            rows.first(1).to_string()
        };
        assert_eq!(
            written(RowFormat::Html),
            "<tr><th>7<td class=\"reasons\"><div title=\"SFH = -1, towards phishing\"><b class=\"phishing\">+1.50</b> \
             a &lt; b, c</div><div title=\"SFH = -1, towards legitimate\"><b class=\"legitimate\">−0.25</b> d</div>\
             <td>1<td class=\"phishing\">phishing<td>0.9000<td>0.0</tr>\n"
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
    fn a_line_of_csv_becomes_the_same_as_its_cells() {
        let frame = Frame { before: "begin".to_owned(), after: "end\n".to_owned() };
        let formats = [
            RowFormat::Html,
            RowFormat::Json,
            RowFormat::Csv { guarded: false },
            RowFormat::Csv { guarded: true },
        ];
        for format in formats {
            // Longer than what is written at a time, a character of two bytes across that border.
            let long = "1,".repeat(63) + "1é," + &"é".repeat(200) + ",";
            for text in ["-1,1,a b", "é,,1", ",", "", "<b>,1&2", "=1,'", &long] {
                let cells: Vec<&str> = text.split(',').collect();
                let row = |whole| {
                    let mut rows = Rows::new(format);
                    push(&mut rows, 7, whole, &cells, &frame);
                    rows.first(1).to_string()
                };
                assert_eq!(row(Some(text)), row(None), "{format:?}");
            }
        }
    }
}
