//! Explanations for people: a waterfall a row.

use std::io::{self, IsTerminal as _, Write};

use lurelight_model::ScoreUnit;
use lurelight_schema::Feature;
use lurelight_schema::read::Report;
use predict::{Context, Counts};

use super::{Explained, Writer};
use crate::layout;

/// Lines where nobody says how wide they may be.
const WIDTH: usize = 80;
/// The characters of a waterfall from its leftmost to its rightmost end.
const BARS: usize = 24;
/// The room for a figure.
const FIGURE: usize = 8;
/// What stands before the words of a line.
const INDENT: usize = 2 + FIGURE + 2 + BARS + 2;
/// Words are not squeezed into less than this.
const LEAST_WORDS: usize = 24;

pub(super) struct Text<'a> {
    out: &'a mut dyn Write,
    unit: ScoreUnit,
    threshold: f64,
    top: usize,
    width: usize,
    coloured: bool,
    begun: bool,
}

impl<'a> Text<'a> {
    /// `to_screen` says that the text goes to standard output, which may be a terminal.
    pub(super) fn new(out: &'a mut dyn Write, context: &Context, top: usize, to_screen: bool) -> Text<'a> {
        let width = if to_screen { layout::terminal_width() } else { None };
        // https://no-color.org: whatever its value, unless it is empty.
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let coloured = to_screen && io::stdout().is_terminal() && !refused && !dumb;
        let (unit, threshold) = (context.model().score_unit(), context.model().threshold());
        Text { out, unit, threshold, top, width: width.unwrap_or(WIDTH), coloured, begun: false }
    }

    fn line(&mut self, figure: &str, bar: &Bar, words: &str) -> io::Result<()> {
        let room = self.width.saturating_sub(INDENT).max(LEAST_WORDS);
        let words = layout::paragraph(words, Some(room));
        let mut words = words.lines();
        let (before, marks, after) = bar.parts();
        let marks = match (self.coloured, bar.mark) {
            (true, '+') => format!("\x1b[31m{marks}\x1b[0m"),
            (true, '-') => format!("\x1b[32m{marks}\x1b[0m"),
            _ => marks,
        };
        let line =
            format!("  {figure:>FIGURE$}  {before}{marks}{after}  {}", words.next().unwrap_or_default());
        writeln!(self.out, "{}", line.trim_end())?;
        for more in words {
            writeln!(self.out, "{}{more}", " ".repeat(INDENT))?;
        }
        Ok(())
    }
}

impl Writer for Text<'_> {
    fn row(&mut self, row: &Explained<'_>) -> io::Result<()> {
        if self.begun {
            writeln!(self.out)?;
        }
        self.begun = true;
        let Explained { number, verdict, probability, explanation, .. } = row;
        let labelled = row.label.map_or(String::new(), |label| format!("; labelled {label}"));
        let head = format!(
            "Row {number}: {verdict}, probability of phishing {probability:.4}, threshold {:.4}{labelled}",
            self.threshold
        );
        write!(self.out, "{}", layout::paragraph(&head, Some(self.width)))?;
        let mut steps = steps(row, self.top);
        let score = explanation.score();
        let scale = Scale::new(explanation.base, steps.iter().map(|step| step.adds));
        let unit = self.unit;
        self.line(
            &format!("{:+.3}", explanation.base),
            &scale.point(explanation.base),
            &format!("base value: nothing is known of the site ({unit})"),
        )?;
        let mut at = explanation.base;
        for step in steps.drain(..) {
            self.line(&format!("{:+.3}", step.adds), &scale.bar(at, at + step.adds), &step.words)?;
            at += step.adds;
        }
        self.line(&format!("{score:+.3}"), &scale.point(score), &format!("score of the row ({unit})"))
    }

    fn end(&mut self, _counts: &Counts, _report: &Report) -> io::Result<()> {
        if !self.begun {
            return Ok(());
        }
        let note = "+ towards phishing, - towards legitimate. The figures are exact Shapley values: the base value and all \
                    contributions add up to the score. The probability is made of the score, after calibration.";
        write!(self.out, "\n{}", layout::paragraph(note, Some(self.width)))
    }
}

/// One line between the base value and the score.
struct Step {
    adds: f64,
    words: String,
}

/// The strongest features, and what the others add together.
fn steps(row: &Explained<'_>, top: usize) -> Vec<Step> {
    let mut ranked = row.explanation.strongest(usize::MAX);
    let others = ranked.split_off(top.min(ranked.len()));
    let said = |(feature, adds): (Feature, f64)| {
        let meaning = predict::meaning(feature, row.vector.code(feature));
        Step { adds, words: format!("{meaning} ({feature})") }
    };
    let mut steps: Vec<Step> = ranked.into_iter().map(said).collect();
    if !others.is_empty() {
        let adds = others.iter().map(|(_, adds)| adds).sum();
        let words = crate::wording::counted(others.len() as u64, "other feature");
        steps.push(Step { adds, words });
    }
    steps
}

/// Where values stand in the bars: the least of all sums on the way at the left, the greatest at the right.
struct Scale {
    least: f64,
    greatest: f64,
}

impl Scale {
    fn new(base: f64, steps: impl Iterator<Item = f64>) -> Scale {
        let (mut at, mut scale) = (base, Scale { least: base, greatest: base });
        for step in steps {
            at += step;
            scale.least = scale.least.min(at);
            scale.greatest = scale.greatest.max(at);
        }
        scale
    }

    /// The place of a value, from 0 to [`BARS`].
    fn place(&self, value: f64) -> usize {
        let span = (self.greatest - self.least).max(f64::MIN_POSITIVE);
        ((value - self.least) / span * BARS as f64).round().clamp(0.0, BARS as f64) as usize
    }

    fn point(&self, value: f64) -> Bar {
        let start = self.place(value).min(BARS - 1);
        Bar { start, len: 1, mark: '|' }
    }

    /// From one value to another, a character long at least.
    fn bar(&self, from: f64, to: f64) -> Bar {
        let (low, high) = (self.place(from.min(to)).min(BARS - 1), self.place(from.max(to)));
        Bar { start: low, len: high.saturating_sub(low).max(1), mark: if to >= from { '+' } else { '-' } }
    }
}

struct Bar {
    start: usize,
    len: usize,
    mark: char,
}

impl Bar {
    fn parts(&self) -> (String, String, String) {
        let after = BARS.saturating_sub(self.start + self.len);
        (" ".repeat(self.start), String::from(self.mark).repeat(self.len), " ".repeat(after))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(bar: &Bar) -> String {
        let (before, marks, after) = bar.parts();
        let text = before + &marks + &after;
        assert_eq!(text.len(), BARS);
        text
    }

    #[test]
    fn a_waterfall_goes_from_sum_to_sum() {
        // 0, 2, 3, 1.
        let scale = Scale::new(0.0, [2.0, 1.0, -2.0].into_iter());
        assert_eq!(drawn(&scale.point(0.0)), format!("|{}", " ".repeat(23)));
        assert_eq!(drawn(&scale.bar(0.0, 2.0)), format!("{}{}", "+".repeat(16), " ".repeat(8)));
        assert_eq!(drawn(&scale.bar(2.0, 3.0)), format!("{}{}", " ".repeat(16), "+".repeat(8)));
        let back = format!("{}{}", " ".repeat(8), "-".repeat(16));
        assert_eq!(drawn(&scale.bar(3.0, 1.0)), back);
        assert_eq!(drawn(&scale.bar(3.0, 3.0)), format!("{}+", " ".repeat(23)));
    }

    #[test]
    fn a_row_that_nothing_moves_has_a_scale() {
        let scale = Scale::new(0.5, std::iter::empty());
        assert_eq!(drawn(&scale.point(0.5)), format!("|{}", " ".repeat(23)));
    }
}
