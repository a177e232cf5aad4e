//! `report.html` and `drift.html`: each a file of its own, with nothing to load and no script.

use std::borrow::Borrow;

use askama::Template;
use lurelight_learn::evaluate::Comparison;
use lurelight_model::{Card, Confusion, Estimate, ReliabilityBin};
use lurelight_plot::{Band, Bar, Bars, Dot, dots, parameters};

use crate::Error;
use crate::decide::{Condition, Rule};
use crate::drift::{DriftReport, DriftVerdict};
use crate::ingest::IngestReport;
use crate::promote::{Outcome, PromoteReport};
use crate::reports::RunReports;
use crate::snapshot::IngestedBatch;
use crate::statistics::{CodeCounts, binomial_range};

pub(crate) const STYLE: &str = include_str!("../assets/page.css");

/// Features that the plot of importance shows.
const IMPORTANCE_SHOWN: usize = 15;
/// Batches that the page of a run lists.
const BATCHES_SHOWN: usize = 20;

#[derive(Template)]
#[template(path = "drift.html")]
struct DriftPage<'a> {
    style: &'static str,
    drift: &'a DriftReport,
    is_drift: bool,
    /// Whether the table of tests is unfolded.
    open: bool,
}

#[derive(Template)]
#[template(path = "run.html")]
struct RunPage<'a> {
    style: &'static str,
    all: &'a RunReports,
    promote: &'a PromoteReport,
    open: bool,
}

/// The page of a drift report.
pub(crate) fn drift_page(drift: &DriftReport) -> Result<String, Error> {
    let is_drift = drift.verdict == DriftVerdict::Drift;
    Ok(DriftPage { style: STYLE, drift, is_drift, open: true }.render()?)
}

/// The page of a run that ended as `promote` says.
pub(crate) fn run_page(all: &RunReports, promote: &PromoteReport) -> Result<String, Error> {
    Ok(RunPage { style: STYLE, all, promote, open: false }.render()?)
}

/// A count with commas between groups of three digits: `11,055`.
pub(crate) fn grouped(count: impl Borrow<u64>) -> String {
    let digits = count.borrow().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn batch_count<T>(batches: &[T]) -> String {
    match batches.len() {
        1 => "one batch".to_owned(),
        many => format!("{many} batches"),
    }
}

fn counts(counts: &CodeCounts) -> String {
    counts.map(grouped).join(" · ")
}

fn p_value(p: &f64) -> String {
    if *p >= 0.001 || *p == 0.0 { format!("{p:.3}") } else { format!("{p:.0e}") }
}

/// The stability index of each feature, the greatest first.
fn drift_bars(drift: &DriftReport) -> String {
    let mut bars: Vec<Bar> = drift
        .features
        .iter()
        .map(|feature| Bar { label: feature.feature.clone(), value: feature.stability_index })
        .collect();
    bars.sort_by(|a, b| b.value.total_cmp(&a.value));
    let plot = Bars {
        description: "Stability index of each feature, the greatest first",
        reference: Some((drift.rules.min_stability_index, "drift")),
        decimals: 4,
    };
    plot.draw(&bars)
}

fn false_positive_rate(confusion: &Confusion) -> f64 {
    confusion.false_positives as f64 / (confusion.false_positives + confusion.true_negatives).max(1) as f64
}

fn limit(condition: &Condition) -> String {
    let sign = match condition.rule {
        Rule::AtLeast => "≥",
        Rule::Above => ">",
        Rule::AtMost => "≤",
    };
    format!("{sign} {:.4}", condition.limit)
}

/// Name, challenger, champion.
fn compared(comparison: &Comparison) -> Vec<(&'static str, f64, f64)> {
    let (challenger, champion) = (&comparison.challenger, &comparison.champion);
    vec![
        ("F1", challenger.f1, champion.f1),
        ("precision", challenger.precision, champion.precision),
        ("recall", challenger.recall, champion.recall),
        ("ROC-AUC", challenger.roc_auc, champion.roc_auc),
        ("log-loss", challenger.log_loss, champion.log_loss),
        (
            "false positive rate",
            comparison.challenger_false_positive_rate,
            comparison.champion_false_positive_rate,
        ),
    ]
}

fn candidates(card: &Card) -> String {
    let lines: Vec<Dot> = card
        .candidates
        .iter()
        .map(|candidate| Dot {
            label: candidate.family.to_string(),
            value: candidate.cross_validated.f1,
            beside: Some(candidate.held_out.f1),
            range: None,
        })
        .collect();
    dots("F1 of each candidate, by cross-validation and on the folds that were held out", &lines, None)
}

fn metrics(card: &Card) -> Vec<(&'static str, &'static str, Estimate)> {
    lurelight_plot::metrics(&card.held_out.all).into()
}

fn roc(card: &Card) -> String {
    lurelight_plot::roc(&card.held_out.all)
}

fn precision_recall(card: &Card) -> String {
    lurelight_plot::precision_recall(&card.held_out.all)
}

fn reliability(card: &Card) -> String {
    let evaluation = &card.held_out.all;
    lurelight_plot::reliability(
        evaluation,
        &evaluation.reliability.iter().map(null_band).collect::<Vec<Band>>(),
    )
}

/// Where the observed share of a bin lies in 95 of 100 cases, were its probability true.
pub(crate) fn null_band(bin: &ReliabilityBin) -> Band {
    let (low, high) = binomial_range(bin.rows, bin.predicted);
    let rows = bin.rows.max(1) as f64;
    Band { x: bin.predicted, low: low as f64 / rows, high: high as f64 / rows }
}

fn thresholds(card: &Card) -> String {
    lurelight_plot::thresholds(&card.thresholds, card.threshold)
}

fn importance(card: &Card) -> String {
    lurelight_plot::importance(&card.importance, IMPORTANCE_SHOWN)
}

fn contributions(card: &Card) -> Option<String> {
    lurelight_plot::contributions(&card.importance, card.score_unit, IMPORTANCE_SHOWN)
}

impl RunPage<'_> {
    fn outcome_class(&self) -> &'static str {
        match self.promote.outcome {
            Outcome::Promoted => "promoted",
            Outcome::Kept | Outcome::NoChange => "",
        }
    }

    fn shown<'i>(&self, ingest: &'i IngestReport) -> &'i [IngestedBatch] {
        &ingest.batches[..ingest.batches.len().min(BATCHES_SHOWN)]
    }

    fn measured(&self) -> String {
        match self.promote.measured_versions {
            1 => "This is the first version that was measured on them.".to_owned(),
            many => format!(
                "{many} versions were measured on them so far: the more there are, the more likely that the best of them is best by chance."
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        for (count, expected) in [(0, "0"), (999, "999"), (1_000, "1,000"), (11_055_000, "11,055,000")] {
            assert_eq!(grouped(count), expected);
        }
        for (p, expected) in [(1.0, "1.000"), (0.0312, "0.031"), (0.00004, "4e-5"), (0.0, "0.000")] {
            assert_eq!(p_value(&p), expected);
        }
        assert_eq!(counts(&[1, 2_000, 0, 3]), "1 · 2,000 · 0 · 3");
    }

    #[test]
    fn the_band_of_a_bin_holds_its_own_probability() {
        for (rows, predicted) in [(1, 0.5), (331, 0.001), (331, 0.4), (331, 0.999)] {
            let band = null_band(&ReliabilityBin { rows, predicted, observed: 0.0 });
            assert!(band.low <= predicted && predicted <= band.high, "{band:?}");
        }
    }
}
