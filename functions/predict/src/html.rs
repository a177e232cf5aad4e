//! Predictions as a page: on the server, or as a file of its own.

use std::borrow::Borrow;
use std::io::Read;

use askama::Template;
use lurelight_model::ScoreUnit;
use lurelight_schema::read::Format;
use lurelight_web::layout::Page;
use lurelight_web::{BasePath, Finding};

use crate::error::finding;
use crate::render::{OUTPUT_COLUMNS, RowFormat};
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
    source: &'a str,
    errors: Vec<Finding>,
    notices: Vec<Notice>,
    shown: usize,
    output_columns: [&'static str; 3],
    unit: ScoreUnit,
    rows: &'a str,
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

/// The page with the first `shown` of the written rows.
pub(crate) fn result_page(
    context: &Context,
    scored: &Scored,
    name: Option<&str>,
    shown: usize,
    frame: &Page<'_>,
) -> String {
    let content = ResultPage {
        base_path: frame.base_path(),
        standalone: frame.is_standalone(),
        name,
        scored,
        version: context.version(),
        source: &context.info().source,
        errors: scored.report.errors.iter().take(ERRORS_SHOWN).map(finding).collect(),
        notices: scored.notices(),
        shown,
        output_columns: OUTPUT_COLUMNS,
        unit: context.model().score_unit(),
        rows: scored.rows.first(shown),
    };
    frame.expecting(content.rows.len()).render(&content).0
}

/// Scores an input and gives the result as one HTML file that needs no server: what
/// `lurelight predict --format html` writes.
///
/// `name` is the input's name as the page shows it, `explain` how many reasons each row gets. All rows are in
/// memory as HTML.
///
/// # Errors
/// [`Error::Read`] where the input cannot be used at all.
pub fn report_page(
    context: &Context,
    input: impl Read,
    name: Option<&str>,
    format: Format,
    threshold: Option<f64>,
    explain: usize,
) -> Result<String, Error> {
    let task = Task { format, threshold, skip: 0, show: usize::MAX, explain, rows: RowFormat::Html };
    let scored = score(context, input, task)?;
    let root = BasePath::default();
    let frame = Page::new(&root, "Predictions").standalone();
    Ok(result_page(context, &scored, name, scored.written(), &frame))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_needs_no_server() {
        let context = Context::compiled_in().unwrap();
        let header: Vec<&str> = lurelight_schema::Feature::ALL.iter().map(|feature| feature.name()).collect();
        let text = format!("{},<b>\n{}<i>\n", header.join(","), "1,".repeat(30));
        let page = report_page(&context, text.as_bytes(), Some("a<b>.csv"), Format::Csv, None, 2).unwrap();
        assert!(page.contains("<td class=\"reasons\"><div"));
        assert!(page.contains("<style>") && page.contains("<td>&lt;i&gt;</td>"));
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
