//! An assessment on a terminal.

use lurelight_learn::assess::{Assessment, Contestant, ContestantResult, ProtocolAssessment};
use lurelight_learn::division::Protocol;
use lurelight_model::{Estimate, Figures, Metrics};

use crate::card::parameters;
use crate::layout::{self, Column, number, word};
use crate::wording::counted;

/// All of it for people.
pub fn text(assessment: &Assessment, source: &str) -> String {
    let width = layout::terminal_width();
    let mut text = layout::fields(&facts(assessment, source), width);
    for protocol in &assessment.protocols {
        text += &format!("\n{}", layout::paragraph(&heading(protocol, assessment), width));
        text += &layout::table(&columns(), &rows(assessment, protocol), width).0;
    }
    text += &inflation(assessment, width);
    text += &spread(assessment, width);
    text.push('\n');
    text += &layout::paragraph(&note(assessment), width);
    let said: Vec<(&str, String)> = assessment
        .contestants
        .iter()
        .filter(|contestant| contestant.name != "champion" && !contestant.parameters.is_empty())
        .map(|contestant| (contestant.family.as_str(), parameters(&contestant.parameters)))
        .collect();
    if !said.is_empty() {
        text += &format!("\n{}", layout::fields(&said, width));
    }
    for failed in &assessment.failed {
        text += &format!("{} could not be fitted: {}\n", failed.family, failed.reason);
    }
    text
}

fn facts(a: &Assessment, source: &str) -> Vec<(&'static str, String)> {
    let ceiling = &a.ceiling;
    let seeds: Vec<String> = a.seeds.iter().map(u64::to_string).collect();
    vec![
        ("Rows", format!("{} of {source}: {} phishing, {} legitimate", a.rows, a.phishing, a.legitimate)),
        (
            "Vectors",
            format!("{} distinct, {} of them with both labels", a.distinct_vectors, a.conflicting_vectors),
        ),
        (
            "Noise ceiling",
            format!(
                "accuracy {:.4}, F1 {:.4}, AUC {:.4}, log-loss {:.4}: the best that features alone allow",
                ceiling.accuracy, ceiling.f1, ceiling.roc_auc, ceiling.log_loss
            ),
        ),
        ("Seeds", seeds.join(", ")),
    ]
}

fn heading(protocol: &ProtocolAssessment, assessment: &Assessment) -> String {
    let said = match protocol.protocol {
        Protocol::RandomKFold => format!("Random stratified {}-fold", assessment.folds),
        Protocol::GroupedKFold => format!("Grouped stratified {}-fold", assessment.folds),
        Protocol::HashSplit => "Hash split (folds 3 to 9 learn, folds 0 to 2 test)".to_owned(),
        Protocol::RandomSplit => "Random split, 70/30".to_owned(),
    };
    let rows = counted(protocol.tested_rows.first().copied().unwrap_or(0), "row");
    let seen = match protocol.seen_share {
        0.0 => "none of them learnt with the same features".to_owned(),
        share => format!("{:.0} % of them learnt with the same features", 100.0 * share),
    };
    format!("{said}: {rows} tested, {seen}; ceiling {:.4}", protocol.ceiling.accuracy)
}

/// A narrow terminal goes without the metrics that are marked as spare.
fn columns() -> Vec<Column<'static>> {
    let mut columns = vec![word("at probability one half"), number("accuracy"), number("95 % interval")];
    columns.extend([number("F1"), number("AUC"), number("log-loss"), number("ECE")]);
    columns.extend([
        number("F1 interval").spare(1),
        number("AUC interval").spare(3),
        number("log-loss interval").spare(2),
        number("ECE, perfect").spare(4),
    ]);
    columns.extend([
        number("precision").spare(5),
        number("recall").spare(6),
        number("PR-AUC").spare(8),
        number("Brier").spare(7),
    ]);
    columns
}

fn rows(assessment: &Assessment, protocol: &ProtocolAssessment) -> Vec<Vec<String>> {
    let named = assessment.contestants.iter().zip(&protocol.results);
    named.map(|(contestant, result)| row(contestant, result)).collect()
}

fn row(contestant: &Contestant, result: &ContestantResult) -> Vec<String> {
    let Metrics { figures: m, ece } = &result.metrics;
    let value = |estimate: &Estimate| format!("{:.4}", estimate.value);
    let interval = |estimate: &Estimate| format!("{:.4}-{:.4}", estimate.low, estimate.high);
    let cells =
        [name(contestant), value(&m.accuracy), interval(&m.accuracy), value(&m.f1), value(&m.roc_auc)];
    let more = [value(&m.log_loss), value(ece), interval(&m.f1), interval(&m.roc_auc), interval(&m.log_loss)];
    let rest = [format!("<{:.4}", result.ece_null_p95), value(&m.precision), value(&m.recall)];
    [&cells[..], &more, &rest, &[value(&m.pr_auc), value(&m.brier)]].concat()
}

fn name(contestant: &Contestant) -> String {
    if contestant.name == "champion" {
        "champion, calibrated".to_owned()
    } else {
        contestant.family.to_string()
    }
}

/// A metric by its name.
type Metric = (&'static str, fn(&Figures<Estimate>) -> Estimate);

/// The metrics of the tables beside each other.
const SHOWN: [Metric; 4] =
    [("accuracy", |m| m.accuracy), ("F1", |m| m.f1), ("AUC", |m| m.roc_auc), ("log-loss", |m| m.log_loss)];

fn inflation(assessment: &Assessment, width: Option<usize>) -> String {
    if assessment.inflation.is_empty() {
        return String::new();
    }
    let mut columns = vec![word("random less grouped")];
    for (place, (metric, _)) in SHOWN.into_iter().enumerate() {
        columns.push(number(metric));
        columns.push(number("95 % interval").spare(place as u8));
    }
    let row = |(contestant, inflation): (&Contestant, &lurelight_learn::assess::Inflation)| {
        let cells = SHOWN.iter().flat_map(|(_, metric)| {
            let found = metric(&inflation.metrics.figures);
            [format!("{:+.4}", found.value), format!("{:+.4}..{:+.4}", found.low, found.high)]
        });
        std::iter::once(name(contestant)).chain(cells).collect()
    };
    let rows: Vec<Vec<String>> = assessment.contestants.iter().zip(&assessment.inflation).map(row).collect();
    format!("\nInflation by random folds\n{}", layout::table(&columns, &rows, width).0)
}

/// Standard deviations over the seeds.
fn spread(assessment: &Assessment, width: Option<usize>) -> String {
    if assessment.seeds.len() < 2 {
        return String::new();
    }
    let mut text = format!(
        "\nSpread over {} seeds (standard deviation of accuracy, of log-loss)\n",
        assessment.seeds.len()
    );
    let mut columns = vec![word("")];
    columns.extend(assessment.protocols.iter().map(|protocol| number(protocol.protocol.as_str())));
    let row = |(place, contestant): (usize, &Contestant)| {
        let cells = assessment.protocols.iter().map(|protocol| {
            protocol.results[place].spread.map_or_else(String::new, |spread| {
                format!("{:.4} {:.4}", spread.figures.accuracy, spread.figures.log_loss)
            })
        });
        std::iter::once(name(contestant)).chain(cells).collect()
    };
    let rows: Vec<Vec<String>> = assessment.contestants.iter().enumerate().map(row).collect();
    text += &layout::table(&columns, &rows, width).0;
    text
}

fn note(assessment: &Assessment) -> String {
    let chosen = if assessment.search {
        "Each grid was searched inside each fold."
    } else {
        "Parameters: for each family the best of its grid on folds 3 to 9 of the hash split, the same in every fold, so \
         the k-fold figures flatter by what that choice saw of them; --search chooses inside each fold."
    };
    format!(
        "Phishing is the positive class. Out-of-fold probabilities are pooled; intervals are from draws of distinct \
         vectors. The champion is calibrated and judged at its threshold, both learnt inside each fold. {chosen}"
    )
}
