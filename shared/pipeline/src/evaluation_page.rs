//! The page of an assessment: a file of its own, with nothing to load and no script.

use askama::Template;
use lurelight_learn::assess::{
    Assessment, Contestant, ContestantResult, Inflation, PooledFigures, ProtocolAssessment,
};
use lurelight_learn::division::Protocol;
use lurelight_model::{Estimate, Figures};
use lurelight_plot::{Band, Dot, Square, dots, parameters};

use crate::Error;
use crate::pages::{STYLE, grouped, null_band};

#[derive(Template)]
#[template(path = "evaluation.html")]
struct EvaluationPage<'a> {
    style: &'static str,
    all: &'a Assessment,
    source: &'a str,
    program: &'a str,
}

/// The page of an assessment of rows from `source`, made by a version of the program.
///
/// # Errors
///
/// None in practice: the template writes to memory.
pub fn evaluation_page(all: &Assessment, source: &str, program: &str) -> Result<String, Error> {
    Ok(EvaluationPage { style: STYLE, all, source, program }.render()?)
}

/// A metric of the tables.
struct Metric {
    name: &'static str,
    of: fn(&Figures<Estimate>) -> Estimate,
    /// Of the spread over the seeds.
    deviation: fn(&Figures) -> f64,
}

const METRICS: [Metric; 8] = [
    Metric { name: "accuracy", of: |m| m.accuracy, deviation: |m| m.accuracy },
    Metric { name: "F1", of: |m| m.f1, deviation: |m| m.f1 },
    Metric { name: "ROC-AUC", of: |m| m.roc_auc, deviation: |m| m.roc_auc },
    Metric { name: "log-loss", of: |m| m.log_loss, deviation: |m| m.log_loss },
    Metric { name: "precision", of: |m| m.precision, deviation: |m| m.precision },
    Metric { name: "recall", of: |m| m.recall, deviation: |m| m.recall },
    Metric { name: "PR-AUC", of: |m| m.pr_auc, deviation: |m| m.pr_auc },
    Metric { name: "Brier", of: |m| m.brier, deviation: |m| m.brier },
];

/// A cell of a table: a value, what it varies by over the seeds, and its interval.
struct Cell {
    value: String,
    deviation: Option<String>,
    interval: String,
}

impl Cell {
    fn new(estimate: Estimate, deviation: Option<f64>) -> Cell {
        Cell {
            value: format!("{:.4}", estimate.value),
            deviation: deviation.map(|deviation| format!("± {deviation:.4}")),
            interval: format!("{:.4} – {:.4}", estimate.low, estimate.high),
        }
    }

    fn difference(estimate: Estimate) -> Cell {
        Cell {
            value: format!("{:+.4}", estimate.value),
            deviation: None,
            interval: format!("{:+.4} – {:+.4}", estimate.low, estimate.high),
        }
    }
}

impl EvaluationPage<'_> {
    fn seeds(&self) -> String {
        self.all.seeds.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
    }

    fn title(&self, protocol: &ProtocolAssessment) -> String {
        match protocol.protocol {
            Protocol::RandomKFold => format!("Random stratified {}-fold", self.all.folds),
            Protocol::GroupedKFold => format!("Grouped stratified {}-fold", self.all.folds),
            Protocol::HashSplit => "Hash split".to_owned(),
            Protocol::RandomSplit => "Random split, seven to three".to_owned(),
        }
    }

    fn meaning(&self, protocol: &ProtocolAssessment) -> String {
        let rows = grouped(protocol.tested_rows.first().copied().unwrap_or(0));
        let said = match protocol.protocol {
            Protocol::RandomKFold => {
                "Rows are dealt out at random, with equal shares of either label; this is what most publications and OpenML do."
            }
            Protocol::GroupedKFold => {
                "Rows with the same features stay together, so each tested row is new to the model."
            }
            Protocol::HashSplit => {
                "Folds 3 to 9 of the product's own split are learnt, folds 0 to 2 tested; rows with the same features stay together."
            }
            Protocol::RandomSplit => "Rows are drawn at random.",
        };
        let seen = match protocol.seen_share {
            0.0 => "none of them was learnt with the same features".to_owned(),
            share => format!("{:.0} % of them were learnt with the same features", 100.0 * share),
        };
        format!(
            "{said} {rows} rows are tested, {seen}; the best possible accuracy on them is {:.4}.",
            protocol.ceiling.accuracy
        )
    }

    fn named<'i>(
        &'i self,
        protocol: &'i ProtocolAssessment,
    ) -> impl Iterator<Item = (&'i Contestant, &'i ContestantResult)> {
        self.all.contestants.iter().zip(&protocol.results)
    }

    fn inflated(&self) -> impl Iterator<Item = (&Contestant, &Inflation)> {
        self.all.contestants.iter().zip(&self.all.inflation)
    }

    fn by(&self, wanted: Protocol) -> Option<&ProtocolAssessment> {
        self.all.protocols.iter().find(|protocol| protocol.protocol == wanted)
    }

    /// One metric of everybody who is not above `most`: dots by grouped folds with their intervals, rings by random ones.
    fn plot(
        &self,
        metric: fn(&Figures<Estimate>) -> Estimate,
        most: f64,
        ceiling: f64,
        description: &str,
    ) -> Option<String> {
        let (random, honest) = (self.by(Protocol::RandomKFold)?, self.by(Protocol::GroupedKFold)?);
        let lines: Vec<Dot> = self
            .named(honest)
            .zip(&random.results)
            .filter(|((_, honest), random)| {
                [&honest.metrics, &random.metrics]
                    .iter()
                    .all(|metrics| metric(&metrics.figures).value <= most)
            })
            .map(|((contestant, honest), random)| {
                let found = metric(&honest.metrics.figures);
                Dot {
                    label: name(contestant),
                    value: found.value,
                    beside: Some(metric(&random.metrics.figures).value),
                    range: Some((found.low, found.high)),
                }
            })
            .collect();
        Some(dots(description, &lines, Some(ceiling)))
    }

    fn accuracy_plot(&self) -> Option<String> {
        let description =
            "Accuracy of each contestant by grouped and by random folds, with the noise ceiling";
        self.plot(|m| m.accuracy, 1.0, self.all.ceiling.accuracy, description)
    }

    fn log_loss_plot(&self) -> Option<String> {
        let description = "Log-loss of each contestant by grouped and by random folds, with the noise floor";
        self.plot(|m| m.log_loss, 1.0, self.all.ceiling.log_loss, description)
    }
}

fn name(contestant: &Contestant) -> String {
    if contestant.name == "champion" {
        "champion, calibrated".to_owned()
    } else {
        contestant.family.to_string()
    }
}

fn cells(result: &ContestantResult) -> Vec<Cell> {
    let deviation = |of: &dyn Fn(&PooledFigures) -> f64| result.spread.as_ref().map(of);
    let cell = |metric: &Metric| {
        let spread = deviation(&|spread| (metric.deviation)(&spread.figures));
        Cell::new((metric.of)(&result.metrics.figures), spread)
    };
    let ece = Cell::new(result.metrics.ece, deviation(&|spread| spread.ece));
    METRICS.iter().map(cell).chain([ece]).collect()
}

fn differences(inflation: &Inflation) -> Vec<Cell> {
    METRICS.iter().map(|metric| Cell::difference((metric.of)(&inflation.metrics.figures))).collect()
}

/// The champion's reliability by a protocol, in a band of what chance does to a perfectly calibrated model.
fn reliability(protocol: &ProtocolAssessment) -> String {
    let bins = protocol.results.last().map(|champion| &champion.reliability[..]).unwrap_or_default();
    let plot = Square {
        description: "Reliability of the champion: observed share of phishing over predicted probability in ten bins, with the band of chance",
        x_label: "predicted probability",
        y_label: "observed share",
        reference: Some([(0.0, 0.0), (1.0, 1.0)]),
    };
    plot.reliability(bins, &bins.iter().map(null_band).collect::<Vec<Band>>())
}
