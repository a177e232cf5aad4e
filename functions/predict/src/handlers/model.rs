//! `GET /models/current`: the card of the model that serves, as a page or as JSON.

use askama::Template;
use axum::Json;
use axum::http::HeaderMap;
use axum::http::header::VARY;
use axum::response::{IntoResponse, Response};
use lurelight_model::{Calibration, Card, Estimate, Metrics};
use lurelight_plot::{Square, importance};
use lurelight_web::layout::Page;
use lurelight_web::{BasePath, negotiate};
use serde::Serialize;

use crate::Error;
use crate::context::ModelInfo;
use crate::serving::Answering;

/// Features that the plot of importance shows.
const IMPORTANCE_SHOWN: usize = 15;

#[derive(Serialize)]
struct ModelAnswer<'a> {
    model: ModelInfo<'a>,
    card: Option<&'a Card>,
}

#[derive(Template)]
#[template(path = "model.html")]
struct ModelPage<'a> {
    info: ModelInfo<'a>,
    family: &'static str,
    card: Option<&'a Card>,
}

struct Metric {
    name: &'static str,
    meaning: &'static str,
    estimate: Estimate,
}

impl ModelPage<'_> {
    fn metrics(&self, card: &Card) -> Vec<Metric> {
        let Metrics { figures: m, ece } = card.held_out.all.metrics;
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
        .map(|(name, meaning, estimate)| Metric { name, meaning, estimate })
        .into()
    }

    fn calibration(&self, card: &Card) -> String {
        match &card.calibration {
            Calibration::None => "none was needed".to_owned(),
            Calibration::Platt { slope, intercept } => {
                format!("Platt, slope {slope:.3}, intercept {intercept:.3}")
            }
            Calibration::Isotonic { points } => format!("isotonic, through {} points", points.len()),
        }
    }

    fn roc(&self, card: &Card) -> String {
        let plot = Square {
            description: "Receiver operating characteristic: true positive rate over false positive rate",
            x_label: "false positive rate",
            y_label: "true positive rate",
            reference: Some([(0.0, 0.0), (1.0, 1.0)]),
        };
        plot.curve(&card.held_out.all.roc.0)
    }

    fn precision_recall(&self, card: &Card) -> String {
        let confusion = card.held_out.all.confusion;
        let phishing = (confusion.true_positives + confusion.false_negatives) as f64;
        let base = phishing / (card.held_out.all.rows.max(1) as f64);
        let plot = Square {
            description: "Precision over recall",
            x_label: "recall",
            y_label: "precision",
            reference: Some([(0.0, base), (1.0, base)]),
        };
        plot.curve(&card.held_out.all.precision_recall.0)
    }

    fn reliability(&self, card: &Card) -> String {
        let plot = Square {
            description: "Reliability: observed share of phishing over predicted probability, in ten bins",
            x_label: "predicted probability",
            y_label: "observed share",
            reference: Some([(0.0, 0.0), (1.0, 1.0)]),
        };
        plot.reliability(&card.held_out.all.reliability, &[])
    }

    fn importance(&self, card: &Card) -> String {
        importance(&card.importance, IMPORTANCE_SHOWN)
    }

    fn parameters(&self, parameters: &std::collections::BTreeMap<String, String>) -> String {
        let pairs: Vec<String> = parameters.iter().map(|(name, value)| format!("{name} {value}")).collect();
        pairs.join(", ")
    }
}

pub(crate) async fn model(
    Answering(context): Answering,
    base_path: BasePath,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let answer = match negotiate::best(&headers, &["text/html", "application/json"]) {
        Some("application/json") => {
            Json(ModelAnswer { model: context.info(), card: context.card() }).into_response()
        }
        Some(_) => {
            let family = context.model().family().as_str();
            let content = ModelPage { info: context.info(), family, card: context.card() };
            Page::new(&base_path, "Model card").section("/models/current").render(&content).into_response()
        }
        None => return Err(Error::NotAcceptable),
    };
    Ok(([(VARY, "accept")], answer).into_response())
}
