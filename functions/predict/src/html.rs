//! Predictions as a page: on the server, or as a file of its own.

use std::borrow::Borrow;
use std::io::{self, Read, Write};

use askama::Template;
use lurelight_model::ScoreUnit;
use lurelight_schema::read::Format;
use lurelight_web::layout::Page;
use lurelight_web::{BasePath, Finding};

use crate::error::finding;
use crate::render::{FirstRows, OUTPUT_COLUMNS, RowFormat};
use crate::score::{Notice, Scored, Task, score};
use crate::{Context, Error};

/// Row errors that a page lists; all are counted.
const ERRORS_SHOWN: usize = 200;

#[derive(Template)]
#[template(path = "result.html")]
struct ResultPage<'a> {
    base_path: &'a BasePath,
    standalone: bool,
    name: Option<&'a str>,
    scored: &'a Scored,
    version: &'a str,
    source: String,
    errors: Vec<Finding>,
    notices: Vec<Notice>,
    shown: usize,
    output_columns: [&'static str; 3],
    unit: ScoreUnit,
    rows: FirstRows<'a>,
}

/// A count with commas between groups of three digits: `11,055`.
pub(crate) fn grouped(count: impl Borrow<u64>) -> String {
    let count: &u64 = count.borrow();
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

impl ResultPage<'_> {
    fn next_skip(&self) -> usize {
        self.scored.skipped + self.shown
    }

    fn cut(&self) -> bool {
        self.scored.is_cut_after(self.shown)
    }

    /// Whether more rows were wanted than can be sent.
    fn too_large(&self) -> bool {
        self.shown < self.scored.written()
    }

    fn percent(&self, count: &u64) -> String {
        format!("{:.1} %", 100.0 * *count as f64 / self.scored.report.used.max(1) as f64)
    }

    /// The share of phishing in thousandths, the unit of the bar that shows it.
    fn phishing_thousandths(&self) -> String {
        format!("{:.1}", 1000.0 * self.scored.counts.phishing as f64 / self.scored.report.used.max(1) as f64)
    }
}

/// What stands on the page with the first `shown` of the written rows.
fn content<'a>(
    context: &'a Context,
    scored: &'a Scored,
    name: Option<&'a str>,
    shown: usize,
    frame: &Page<'a>,
) -> ResultPage<'a> {
    ResultPage {
        base_path: frame.base_path(),
        standalone: frame.is_standalone(),
        name,
        scored,
        version: context.version(),
        source: context.info().source,
        errors: scored.report.errors.iter().take(ERRORS_SHOWN).map(finding).collect(),
        notices: scored.notices(),
        shown,
        output_columns: OUTPUT_COLUMNS,
        unit: context.model().score_unit(),
        rows: scored.rows.first(shown),
    }
}

/// The page with the first `shown` of the written rows.
pub(crate) fn result_page(
    context: &Context,
    scored: &Scored,
    name: Option<&str>,
    shown: usize,
    frame: &Page<'_>,
) -> String {
    let content = content(context, scored, name, shown, frame);
    frame.expecting(content.rows.len()).render(&content).0
}

/// The verdicts on an input as one HTML file that needs no server: what `lurelight predict --format html` writes.
#[derive(Debug)]
pub struct ReportPage<'a> {
    context: &'a Context,
    name: Option<&'a str>,
    scored: Scored,
}

impl<'a> ReportPage<'a> {
    /// Scores an input, all rows of which are then in memory as HTML.
    ///
    /// `name` is the input's name as the page shows it, `explain` how many reasons each row gets.
    ///
    /// # Errors
    /// [`Error::Read`] where the input cannot be used at all.
    pub fn new(
        context: &'a Context,
        input: impl Read,
        name: Option<&'a str>,
        format: Format,
        threshold: Option<f64>,
        explain: usize,
    ) -> Result<Self, Error> {
        let task = Task { format, threshold, skip: 0, show: usize::MAX, explain, rows: RowFormat::Html };
        Ok(Self { context, name, scored: score(context, input, task)? })
    }

    /// Writes the page.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let root = BasePath::default();
        let frame = Page::new(&root, "Predictions").standalone();
        let content = content(self.context, &self.scored, self.name, self.scored.written(), &frame);
        frame.write(&content, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_needs_no_server() {
        let context = Context::compiled_in().unwrap();
        let header: Vec<&str> = lurelight_schema::Feature::ALL.iter().map(|feature| feature.name()).collect();
        let text = format!("{},<b>\n{}<i>\n", header.join(","), "1,".repeat(30));
        let page =
            ReportPage::new(&context, text.as_bytes(), Some("a<b>.csv"), Format::Csv, None, 2).unwrap();
        let mut bytes = Vec::new();
        page.write(&mut bytes).unwrap();
        let page = String::from_utf8(bytes).unwrap();
        assert!(page.contains("<td class=\"reasons\"><div"));
        assert!(page.contains("<style>") && page.contains("<td>&lt;i&gt;<td"));
        for absent in ["<nav", "rel=\"stylesheet\"", "href=\"/", "<b>.csv", "<th scope=\"col\"><b>"] {
            assert!(!page.contains(absent), "{absent}");
        }
    }

    #[test]
    fn counts_are_grouped() {
        for (count, expected) in
            [(0, "0"), (999, "999"), (1000, "1,000"), (11_055, "11,055"), (1_234_567, "1,234,567")]
        {
            assert_eq!(grouped(count), expected);
        }
    }
}
