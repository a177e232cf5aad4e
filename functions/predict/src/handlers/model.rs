//! `GET /models/current`: the card of the model that serves, as a page or as JSON.

use std::collections::BTreeMap;

use askama::Template;
use axum::Json;
use axum::http::HeaderMap;
use axum::http::header::VARY;
use axum::response::{IntoResponse, Response};
use lurelight_model::{Calibration, Card, Estimate};
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
        let metrics = lurelight_plot::metrics(&card.held_out.all);
        metrics.map(|(name, meaning, estimate)| Metric { name, meaning, estimate }).into()
    }

    fn calibration(&self, card: &Card) -> String {
        match &card.calibration {
            Calibration::None => "none was needed".to_owned(),
            Calibration::Platt { slope, intercept: 0.0 } => format!("temperature scaling, slope {slope:.3}"),
            Calibration::Platt { slope, intercept } => {
                format!("Platt, slope {slope:.3}, intercept {intercept:.3}")
            }
            Calibration::Isotonic { points } => format!("isotonic, through {} points", points.len()),
        }
    }

    fn roc(&self, card: &Card) -> String {
        lurelight_plot::roc(&card.held_out.all)
    }

    fn precision_recall(&self, card: &Card) -> String {
        lurelight_plot::precision_recall(&card.held_out.all)
    }

    fn reliability(&self, card: &Card) -> String {
        lurelight_plot::reliability(&card.held_out.all, &[])
    }

    fn thresholds(&self, card: &Card) -> String {
        lurelight_plot::thresholds(&card.thresholds, card.threshold)
    }

    fn importance(&self, card: &Card) -> String {
        lurelight_plot::importance(&card.importance, IMPORTANCE_SHOWN)
    }

    fn contributions(&self, card: &Card) -> Option<String> {
        lurelight_plot::contributions(&card.importance, card.score_unit, IMPORTANCE_SHOWN)
    }

    fn parameters(&self, parameters: &BTreeMap<String, String>) -> String {
        lurelight_plot::parameters(parameters)
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
