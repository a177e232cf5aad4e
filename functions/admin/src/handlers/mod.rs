//! One handler a resource.

mod models;
mod promote;
mod report;
mod run;
mod runs;
mod train;

use axum::Json;
use axum::http::HeaderMap;
use axum::http::header::VARY;
use axum::response::{Html, IntoResponse, Response};
use lurelight_web::negotiate;
use serde::Serialize;
use serde_json::Value;

pub(crate) use models::models;
pub(crate) use promote::promote;
pub(crate) use report::report;
pub(crate) use run::run;
pub(crate) use runs::runs;
pub(crate) use train::{train, train_form};

use crate::error::Error;

/// A page for those who want one, else JSON.
fn page_or_json(
    headers: &HeaderMap,
    page: impl FnOnce() -> Html<String>,
    json: &impl Serialize,
) -> Result<Response, Error> {
    let answer = match negotiate::best(headers, &["application/json", "text/html"]) {
        Some("text/html") => page().into_response(),
        Some(_) => Json(json).into_response(),
        None => return Err(Error::NotAcceptable),
    };
    Ok(([(VARY, "accept")], answer).into_response())
}

/// Most characters of a reason.
const REASON_CHARS_MAX: usize = 500;

/// Words for the log.
fn reason(given: &str) -> Result<String, Error> {
    let reason = given.trim();
    if reason.chars().count() > REASON_CHARS_MAX || reason.chars().any(char::is_control) {
        let expected = format!("it may have {REASON_CHARS_MAX} characters, all on one line");
        return Err(Error::Field("reason", expected));
    }
    Ok(reason.to_owned())
}

/// A number that came as one or, by a form, as its digits; `None` where it was left out.
fn number(name: &'static str, given: Option<&Value>) -> Result<Option<u64>, Error> {
    let parsed = match given {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => return Ok(None),
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(value) => value.as_u64(),
    };
    parsed.map(Some).ok_or_else(|| Error::Field(name, "it must be a whole number".to_owned()))
}
