//! `lurelight card`.

use std::path::PathBuf;

use anyhow::Context as _;
use lurelight_model::{Calibration, Candidate, Card, Estimate, Evaluation, Figures, ThresholdErrors};

use crate::failure::Failure;
use crate::home::Home;
use crate::layout::{self, number, word};
use crate::{chosen, model_file, output};

/// Show what a model is, what it was made of and how good it is.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The model; its card lies beside it (card.json beside model.lure, NAME.card.json beside NAME.lure)
    /// [default: the home's champion, or where there is none the model compiled in]
    #[arg(value_name = "MODEL")]
    model: Option<PathBuf>,
    /// Show the registry's version of this number
    #[arg(long, value_name = "NUMBER", conflicts_with = "model")]
    model_version: Option<u64>,
    #[command(flatten)]
    home: Home,
    /// Print the card as JSON
    #[arg(long)]
    json: bool,
}

/// Prints the card.
pub fn run(args: &Args) -> Result<(), Failure> {
    let context = chosen::load(args.model.as_deref(), args.model_version, &args.home)?;
    let card = context.card().ok_or_else(|| no_card(args, &context))?;
    let text = if args.json {
        card.to_json().context("the card cannot be written")?
    } else {
        format!("Source       {}\n{}", context.source(), text(card))
    };
    Ok(output::print(&text)?)
}

fn no_card(args: &Args, context: &predict::Context) -> Failure {
    let family = context.model().family();
    let beside = args.model.as_deref().map(|model| model_file::card_path(model).display().to_string());
    Failure::Model(anyhow::anyhow!(
        "the model is usable ({family}, {}), but {} is absent or describes another model",
        context.version(),
        beside.unwrap_or_else(|| "its card".to_owned()),
    ))
}

/// The card for people.
pub fn text(card: &Card) -> String {
    described(Vec::new(), card)
}

/// The card for people, after what else there is to say of the model.
pub fn described(before: Vec<(&'static str, String)>, card: &Card) -> String {
    let d = &card.data;
    let data = format!(
        "{} rows: {} phishing, {} legitimate; {} distinct vectors, {} with both labels\n{}",
        d.rows, d.phishing, d.legitimate, d.distinct_vectors, d.conflicting_vectors, d.digest
    );
    let facts = vec![
        ("Model", card.model.clone()),
        ("Family", format!("{} ({})", card.family, parameters(&card.parameters))),
        ("Data", data),
        ("Seed", card.seed.to_string()),
        ("Probability", calibration(&card.calibration)),
        ("Threshold", format!("{}: {}", card.threshold, card.threshold_rule)),
    ];
    let facts = layout::fields(&[before, facts].concat(), layout::terminal_width());
    let parts = [candidates(card, None), held_out(card), thresholds(card), importance(card)];
    format!("{facts}\n{}", parts.join("\n"))
}

/// Both errors along the threshold.
fn thresholds(card: &Card) -> String {
    let columns = [
        number("threshold"),
        number("legitimate called phishing"),
        number("out of fold").spare(1),
        number("phishing called legitimate"),
        number("out of fold").spare(1),
    ];
    let row = |at: &ThresholdErrors| {
        let [held_out, out_of_fold] =
            [at.held_out, at.out_of_fold].map(|rates| [rates.false_positive_rate, rates.false_negative_rate]);
        let rates = [held_out[0], out_of_fold[0], held_out[1], out_of_fold[1]];
        [format!("{:.2}", at.threshold)].into_iter().chain(rates.map(|rate| format!("{rate:.4}"))).collect()
    };
    let rows: Vec<Vec<String>> = card.thresholds.iter().map(row).collect();
    let width = layout::terminal_width();
    let note = "Shares of rows called wrong on folds 0 to 2, and on out-of-fold scores of folds 3 to 9, by which the \
                threshold is chosen.";
    layout::table(&columns, &rows, width).0 + &layout::paragraph(note, width)
}

fn importance(card: &Card) -> String {
    let rows: Vec<Vec<String>> = card
        .importance
        .iter()
        .take(10)
        .map(|i| {
            let moves = i.mean_absolute_contribution.map(|mean| format!("{mean:.4}"));
            [Some(i.feature.clone()), Some(format!("{:+.4}", i.log_loss_increase)), moves]
                .into_iter()
                .flatten()
                .collect()
        })
        .collect();
    let explained = card.importance.iter().all(|i| i.mean_absolute_contribution.is_some());
    let mut header = vec!["most important features", "log-loss rises by"];
    header.extend(explained.then_some("moves a score by"));
    let mut note =
        "Log-loss: on folds 0 to 2, when the feature's values are shuffled among the rows.".to_owned();
    if explained {
        note += &format!(
            " Score: mean absolute contribution (Shapley values) on the same rows, in {}.",
            card.score_unit
        );
    }
    output::table(&header, &rows) + &layout::paragraph(&note, layout::terminal_width())
}

/// The table of candidates, with the seconds that each took, where they are known.
pub fn candidates(card: &Card, seconds: Option<&[f64]>) -> String {
    let mut header = vec!["candidate", "CV F1", "CV log-loss", "F1", "accuracy", "AUC", "log-loss"];
    header.extend(seconds.map(|_| "seconds"));
    let row = |(i, candidate): (usize, &Candidate)| {
        let Figures { f1, accuracy, roc_auc, log_loss, .. } = candidate.held_out;
        let mut row = vec![candidate.family.to_string()];
        let cv = candidate.cross_validated;
        row.extend([cv.f1, cv.log_loss, f1, accuracy, roc_auc, log_loss].map(|value| format!("{value:.4}")));
        row.extend(seconds.and_then(|seconds| seconds.get(i)).map(|s| format!("{s:.1}")));
        row
    };
    let rows: Vec<Vec<String>> = card.candidates.iter().enumerate().map(row).collect();
    let chosen = |candidate: &Candidate| {
        let said = format!("{} (best of {})", parameters(&candidate.parameters), candidate.grid_points);
        (candidate.family.as_str(), said)
    };
    let chosen: Vec<(&str, String)> = card.candidates.iter().map(chosen).collect();
    let width = layout::terminal_width();
    let note = "CV: means of the grouped cross-validation on folds 3 to 9, which chooses. The other figures: on folds 0 \
                to 2, which no model saw, at probability one half, not calibrated. Phishing is the positive class. A vote gives no reasons, so it \
                must be better by 0.001 at no higher log-loss to be chosen.";
    format!(
        "{}{}\n{}",
        output::table(&header, &rows),
        layout::paragraph(note, width),
        layout::fields(&chosen, width)
    )
}

/// The champion on the folds that no model saw.
pub fn held_out(card: &Card) -> String {
    let h = &card.held_out;
    let parts = [&h.decision, &h.report, &h.all];
    let row = |name: &str, cell: &dyn Fn(&Evaluation) -> String| {
        [name.to_owned()].into_iter().chain(parts.map(cell)).collect::<Vec<_>>()
    };
    let metric = |name: &str, metric: fn(&Figures<Estimate>) -> Estimate| {
        row(name, &|part| estimate(metric(&part.metrics.figures)))
    };
    let rows = [
        row("rows (distinct vectors)", &|part| format!("{} ({})", part.rows, part.distinct_vectors)),
        metric("F1", |m| m.f1),
        metric("precision", |m| m.precision),
        metric("recall", |m| m.recall),
        metric("accuracy", |m| m.accuracy),
        metric("ROC-AUC", |m| m.roc_auc),
        metric("PR-AUC", |m| m.pr_auc),
        metric("log-loss", |m| m.log_loss),
        metric("Brier score", |m| m.brier),
        row("calibration error", &|part| estimate(part.metrics.ece)),
        row("  of a perfect model", &|part| format!("up to {:.4}", part.ece_null_p95)),
        row("false positives", &|part| part.confusion.false_positives.to_string()),
        row("false negatives", &|part| part.confusion.false_negatives.to_string()),
    ];
    // The narrow terminal goes without what decides nothing.
    let columns = [
        word("champion"),
        number("folds 0 and 1, deciding"),
        number("fold 2, reported").spare(1),
        number("folds 0 to 2"),
    ];
    let width = layout::terminal_width();
    let note = format!(
        "At the threshold {}, calibrated; in brackets 95 % intervals over distinct vectors. A perfect model's calibration \
         error stays below the value given in 95 of 100 samples.",
        card.threshold
    );
    layout::table(&columns, &rows, width).0 + &layout::paragraph(&note, width)
}

fn estimate(e: Estimate) -> String {
    format!("{:.4} [{:.4}, {:.4}]", e.value, e.low, e.high)
}

/// Parameters in one line.
pub fn parameters(parameters: &std::collections::BTreeMap<String, String>) -> String {
    parameters.iter().map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(", ")
}

/// The calibration in one line.
pub fn calibration(calibration: &Calibration) -> String {
    match calibration {
        Calibration::None => {
            "not calibrated: the classifier's own probabilities have the lower log-loss".to_owned()
        }
        Calibration::Platt { slope, intercept: 0.0 } => {
            format!("calibrated by temperature scaling: log-odds x {slope:.3}")
        }
        Calibration::Platt { slope, intercept } => {
            format!("calibrated by Platt scaling: log-odds x {slope:.3} {intercept:+.3}")
        }
        Calibration::Isotonic { points } => {
            format!("calibrated by isotonic regression through {} points", points.len())
        }
    }
}
