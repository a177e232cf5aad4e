//! One handler a resource.

mod home;
mod model;
mod predict;

use axum::Json;
use axum::http::HeaderMap;
use axum::http::header::{ALLOW, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Redirect, Response};
use lurelight_web::{BasePath, Problem, negotiate};
use serde::Serialize;

pub(crate) use home::home;
pub(crate) use model::model;
pub(crate) use predict::predict;

use crate::context::ModelInfo;
use crate::serving::Answering;

/// A small synthetic sample: made by `lurelight sample`, no row of it is a real site.
static SAMPLE: &str = include_str!("../../assets/sample.csv");

/// `GET /sample.csv`
pub(crate) async fn sample() -> Response {
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8"),
        (CONTENT_DISPOSITION, "attachment; filename=\"lurelight-sample-synthetic.csv\""),
    ];
    (headers, SAMPLE).into_response()
}

#[derive(Serialize)]
struct Health<'a> {
    status: &'static str,
    /// The application's version.
    version: &'static str,
    model: ModelInfo<'a>,
}

/// `GET /healthz`
pub(crate) async fn health(Answering(context): Answering) -> Response {
    Json(Health { status: "ok", version: env!("CARGO_PKG_VERSION"), model: context.info() }).into_response()
}

/// `GET /predict`: a person who reloads the result is led to the form; a program is told what to send.
pub(crate) async fn predict_form(base_path: BasePath, headers: HeaderMap) -> Response {
    if negotiate::wants_page(&headers) {
        return Redirect::to(&format!("{base_path}/")).into_response();
    }
    let status = axum::http::StatusCode::METHOD_NOT_ALLOWED;
    let problem = Problem::of_status(status, "GET", "/predict", Some("POST")).hint(
        "Post a form with the part `file`, or a body of text/csv, application/json or application/x-ndjson.",
    );
    ([(ALLOW, "POST")], problem).into_response()
}
