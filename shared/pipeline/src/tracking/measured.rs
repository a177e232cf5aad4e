//! Figures by the names under which a tracker shows them.

use lurelight_model::{Card, Estimate, Evaluation, Figures};
use lurelight_store::Metric;

/// The figures by name.
pub(super) fn named<T: Copy>(figures: &Figures<T>) -> [(&'static str, T); 8] {
    [
        ("accuracy", figures.accuracy),
        ("precision", figures.precision),
        ("recall", figures.recall),
        ("f1", figures.f1),
        ("roc_auc", figures.roc_auc),
        ("pr_auc", figures.pr_auc),
        ("log_loss", figures.log_loss),
        ("brier", figures.brier),
    ]
}

/// Figures under their names.
#[derive(Default)]
pub(super) struct Measured(pub(super) Vec<Metric>);

impl Measured {
    pub(super) fn step(&mut self, name: &str, value: f64, step: u64) {
        self.0.push(Metric { name: name.to_owned(), value, step });
    }

    pub(super) fn one(&mut self, name: &str, value: f64) {
        self.step(name, value, 0);
    }

    pub(super) fn figures(&mut self, group: &str, figures: &Figures) {
        for (name, value) in named(figures) {
            self.one(&format!("{group}/{name}"), value);
        }
    }

    /// One step a fold.
    pub(super) fn folds(&mut self, folds: &[Figures]) {
        for (fold, figures) in folds.iter().enumerate() {
            for (name, value) in named(figures) {
                self.step(&format!("fold/{name}"), value, fold as u64);
            }
        }
    }

    pub(super) fn estimate(&mut self, name: &str, estimate: Estimate) {
        self.one(name, estimate.value);
        self.one(&format!("{name}_low"), estimate.low);
        self.one(&format!("{name}_high"), estimate.high);
    }

    fn evaluation(&mut self, group: &str, evaluation: &Evaluation) {
        for (name, estimate) in named(&evaluation.metrics.figures) {
            self.estimate(&format!("{group}/{name}"), estimate);
        }
        self.estimate(&format!("{group}/ece"), evaluation.metrics.ece);
        let confusion = &evaluation.confusion;
        for (name, count) in [
            ("rows", evaluation.rows),
            ("distinct_vectors", evaluation.distinct_vectors),
            ("true_positives", confusion.true_positives),
            ("false_positives", confusion.false_positives),
            ("false_negatives", confusion.false_negatives),
            ("true_negatives", confusion.true_negatives),
        ] {
            self.one(&format!("{group}/{name}"), count as f64);
        }
    }

    pub(super) fn card(&mut self, card: &Card) {
        self.one("threshold", card.threshold);
        if let Some(best) = card.candidates.first() {
            self.figures("cross_validated", &best.cross_validated);
        }
        self.evaluation("decision", &card.held_out.decision);
        self.evaluation("report", &card.held_out.report);
        self.evaluation("held_out", &card.held_out.all);
        self.figures("random_split", &card.random_split.figures);
        self.one("random_split/f1_legitimate", card.random_split.f1_legitimate);
        self.one("random_split/seen_share", card.random_split.seen_share);
    }
}
