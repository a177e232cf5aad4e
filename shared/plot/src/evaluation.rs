//! What pages show of an evaluation: its curves, and its metrics with their meaning.

use std::collections::BTreeMap;

use lurelight_model::{Estimate, Evaluation, Metrics};

use crate::{Band, Square};

/// Each metric's name, what it means, and its value with its interval.
#[must_use]
pub fn metrics(evaluation: &Evaluation) -> [(&'static str, &'static str, Estimate); 9] {
    let Metrics { figures: m, ece } = evaluation.metrics;
    [
        ("F1", "harmonic mean of precision and recall", m.f1),
        ("Precision", "of the rows called phishing, those that are", m.precision),
        ("Recall", "of the phishing rows, those that are found", m.recall),
        ("Accuracy", "rows called right", m.accuracy),
        ("ROC-AUC", "ranking; 0.5 is chance, 1 is perfect", m.roc_auc),
        ("PR-AUC", "average precision", m.pr_auc),
        ("Log-loss", "lower is better", m.log_loss),
        ("Brier score", "lower is better", m.brier),
        ("Calibration error", "expected, over ten bins; lower is better", ece),
    ]
}

/// The receiver operating characteristic, with the diagonal of chance.
#[must_use]
pub fn roc(evaluation: &Evaluation) -> String {
    let plot = Square {
        description: "Receiver operating characteristic: true positive rate over false positive rate",
        x_label: "false positive rate",
        y_label: "true positive rate",
        reference: Some([(0.0, 0.0), (1.0, 1.0)]),
    };
    plot.curve(&evaluation.roc.0)
}

/// Precision over recall, with the share of phishing as what chance reaches.
#[must_use]
pub fn precision_recall(evaluation: &Evaluation) -> String {
    let phishing = (evaluation.confusion.true_positives + evaluation.confusion.false_negatives) as f64;
    let base = phishing / (evaluation.rows.max(1) as f64);
    let plot = Square {
        description: "Precision over recall",
        x_label: "recall",
        y_label: "precision",
        reference: Some([(0.0, base), (1.0, base)]),
    };
    plot.curve(&evaluation.precision_recall.0)
}

/// Observed shares over predicted probabilities, in a band of what chance does to a perfectly calibrated model,
/// where one is given.
#[must_use]
pub fn reliability(evaluation: &Evaluation, band: &[Band]) -> String {
    let plot = Square {
        description: if band.is_empty() {
            "Reliability: observed share of phishing over predicted probability, in ten bins"
        } else {
            "Reliability: observed share of phishing over predicted probability in ten bins, with the band of chance"
        },
        x_label: "predicted probability",
        y_label: "observed share",
        reference: Some([(0.0, 0.0), (1.0, 1.0)]),
    };
    plot.reliability(&evaluation.reliability, band)
}

/// Parameters in one line.
#[must_use]
pub fn parameters(parameters: &BTreeMap<String, String>) -> String {
    parameters.iter().map(|(name, value)| format!("{name} {value}")).collect::<Vec<String>>().join(", ")
}
