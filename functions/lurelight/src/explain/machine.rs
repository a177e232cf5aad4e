//! Explanations for programs: CSV and JSON.

use std::io::{self, Write};

use lurelight_model::Explanation;
use lurelight_schema::read::Report;
use lurelight_schema::{Feature, FeatureVector, Label};
use predict::{Context, Counts};
use serde::Serialize;

use super::{Explained, Writer};

/// Nine decimals: what is left out is less than the rounding of the sums.
fn rounded(value: f64) -> f64 {
    // No minus before a zero.
    (value * 1e9).round() / 1e9 + 0.0
}

/// A line a row: verdict, base value, the contributions of all features, and the score that these add up to.
pub(super) struct Csv<'a> {
    out: &'a mut dyn Write,
    begun: bool,
}

impl<'a> Csv<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> Csv<'a> {
        Csv { out, begun: false }
    }
}

impl Writer for Csv<'_> {
    fn row(&mut self, row: &Explained<'_>) -> io::Result<()> {
        if !self.begun {
            let names: Vec<&str> = Feature::ALL.iter().map(|feature| feature.name()).collect();
            writeln!(self.out, "row,label,probability,base,{},score", names.join(","))?;
            self.begun = true;
        }
        let Explained { number, verdict, probability, explanation, .. } = row;
        write!(self.out, "{number},{verdict},{probability:.6},{}", rounded(explanation.base))?;
        for contribution in explanation.contributions {
            write!(self.out, ",{}", rounded(contribution))?;
        }
        writeln!(self.out, ",{}", rounded(explanation.score()))
    }

    fn end(&mut self, _counts: &Counts, _report: &Report) -> io::Result<()> {
        Ok(())
    }
}

/// An object with what all rows share, as that of `predict`, and an object a row.
pub(super) struct Json<'a> {
    out: &'a mut dyn Write,
    head: String,
    top: usize,
    begun: bool,
}

#[derive(Serialize)]
struct JsonRow {
    row: u64,
    label: Label,
    probability: f64,
    score: f64,
    contributions: Vec<Contribution>,
    /// The sum of the contributions that are left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    others: Option<f64>,
}

#[derive(Serialize)]
struct Contribution {
    feature: &'static str,
    code: Option<i8>,
    meaning: String,
    contribution: f64,
}

impl<'a> Json<'a> {
    pub(super) fn new(out: &'a mut dyn Write, context: &Context, top: usize) -> anyhow::Result<Json<'a>> {
        let head = predict::json_head(context, context.model().threshold(), true)?;
        Ok(Json { out, head, top, begun: false })
    }
}

fn contributions(explanation: &Explanation, vector: FeatureVector, top: usize) -> Vec<Contribution> {
    let contribution = |(feature, contribution): (Feature, f64)| {
        let code = vector.code(feature);
        let (meaning, contribution) = (predict::meaning(feature, code), rounded(contribution));
        Contribution { feature: feature.name(), code: code.value(), meaning, contribution }
    };
    explanation.strongest(top).into_iter().map(contribution).collect()
}

impl Writer for Json<'_> {
    fn row(&mut self, row: &Explained<'_>) -> io::Result<()> {
        let before = if self.begun { "," } else { &self.head };
        writeln!(self.out, "{before}")?;
        self.begun = true;
        let explanation = row.explanation;
        let rest = explanation.strongest(usize::MAX).into_iter().skip(self.top).map(|(_, rest)| rest);
        let others = rest.reduce(|sum, rest| sum + rest).map(rounded);
        let row = JsonRow {
            row: row.number,
            label: row.verdict,
            probability: (row.probability * 1e6).round() / 1e6,
            score: rounded(explanation.score()),
            contributions: contributions(explanation, row.vector, self.top),
            others,
        };
        serde_json::to_writer(&mut *self.out, &row)?;
        Ok(())
    }

    fn end(&mut self, counts: &Counts, report: &Report) -> io::Result<()> {
        if !self.begun {
            return Ok(());
        }
        self.out
            .write_all(predict::json_tail(counts, report, predict::notices(report, &[]), None)?.as_bytes())
    }
}
