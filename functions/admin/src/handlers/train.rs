//! `/train`: the page to start a run from, and starting one.

use askama::Template;
use axum::Json;
use axum::extract::{Extension, Request, State};
use axum::http::header::{ALLOW, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use lurelight_store::{ErrorKind, RunId, TrainingRequest};
use lurelight_web::access::Identity;
use lurelight_web::layout::Page;
use lurelight_web::{BasePath, Fields, Problem, negotiate};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::reason;
use crate::Administration;
use crate::error::Error;
use crate::run_reports::{Ingest, RunFolder};
use crate::runs::minute;

#[derive(Template)]
#[template(path = "train.html")]
struct TrainPage<'a> {
    base_path: &'a BasePath,
    can_train: bool,
}

/// `GET /train`
pub(crate) async fn train_form(
    State(administration): State<Administration>,
    base_path: BasePath,
    headers: HeaderMap,
) -> Response {
    if negotiate::wants_page(&headers) {
        let content = TrainPage { base_path: &base_path, can_train: administration.runner().is_some() };
        return Page::new(&base_path, "Train").section("/train").render(&content).into_response();
    }
    let status = StatusCode::METHOD_NOT_ALLOWED;
    let problem = Problem::of_status(status, "GET", "/train", Some("POST")).hint(
        "Post a JSON object: {\"reason\": \"…\", \"run\": \"a name of your own\", \"parameters\": {\"training\": {\"seed\": 7}}}; \
         each may be left out. GET /runs lists what runs.",
    );
    ([(ALLOW, "POST")], problem).into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(default)]
    reason: String,
    #[serde(default)]
    run: String,
    #[serde(default)]
    parameters: Value,
}

#[derive(Serialize)]
struct Started<'a> {
    run: &'a RunId,
    /// Whether it was this request that started it.
    started: bool,
    /// Where its state is.
    location: String,
}

/// `POST /train`
pub(crate) async fn train(
    State(administration): State<Administration>,
    Extension(identity): Extension<Identity>,
    base_path: BasePath,
    request: Request,
) -> Result<Response, Error> {
    let wants_page = negotiate::wants_page(request.headers());
    let asked: Asked = Fields::read(request).await?.parse()?;
    let name = match asked.run.trim() {
        "" => None,
        name => Some(name.parse::<RunId>().map_err(|_| {
            let expected = "it may have 64 letters, digits, '.', '_' and '-', and does not begin with a dot";
            Error::Field("run", expected.to_owned())
        })?),
    };
    let asked = TrainingRequest {
        run: name,
        actor: identity.to_string(),
        reason: reason(&asked.reason)?,
        parameters: parameters(asked.parameters)?,
    };
    let runner = administration.needed_runner()?;
    let known = match &asked.run {
        Some(run) => already_started(&administration, run, &asked).await?,
        None => false,
    };
    let run = match (known, asked.run.clone()) {
        (true, Some(run)) => run,
        _ => {
            let run = runner.start(asked).await?;
            tracing::info!(%run, actor = %identity, "a run was asked for");
            run
        }
    };
    let location = format!("{base_path}/runs/{run}");
    if wants_page {
        return Ok(Redirect::to(&location).into_response());
    }
    let status = if known { StatusCode::OK } else { StatusCode::ACCEPTED };
    let body = Json(Started { run: &run, started: !known, location: location.clone() });
    Ok((status, [(LOCATION, location)], body).into_response())
}

/// Parameters as an object, or by a form as its text.
fn parameters(given: Value) -> Result<Map<String, Value>, Error> {
    let expected = "it must be a JSON object such as {\"training\": {\"seed\": 7}}";
    let given = match given {
        Value::Null => return Ok(Map::new()),
        Value::String(text) if text.trim().is_empty() => return Ok(Map::new()),
        Value::String(text) => serde_json::from_str(&text).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            Error::Field("parameters", format!("{expected}; it cannot be read at {place}"))
        })?,
        given => given,
    };
    match given {
        Value::Object(parameters) => Ok(parameters),
        _ => Err(Error::Field("parameters", expected.to_owned())),
    }
}

/// Whether a run of this name was started before, by a request like this one.
///
/// Whoever does not know whether a request arrived sends it again with the same name: it is answered as the first one was.
async fn already_started(
    administration: &Administration,
    run: &RunId,
    asked: &TrainingRequest,
) -> Result<bool, Error> {
    let ingest: Option<Ingest> =
        RunFolder::new(&**administration.artifacts(), run).find("ingest.json").await?;
    if let Some(ingest) = ingest {
        let begun = ingest.request;
        if begun.reason == asked.reason && is_part_of(&asked.parameters, &begun.more) {
            return Ok(true);
        }
        return Err(Error::Conflict(format!(
            "the name {run} belongs to a run that {} asked for at {} with another reason or other parameters: take another \
             name, or none",
            begun.actor,
            minute(&begun.at)
        )));
    }
    match administration.needed_runner()?.state(run).await {
        Ok(_) => Ok(true),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Whether each of the given parameters is what a run recorded of all of them.
fn is_part_of(given: &Map<String, Value>, recorded: &Map<String, Value>) -> bool {
    given.iter().all(|(name, value)| match (value, recorded.get(name)) {
        (Value::Object(given), Some(Value::Object(recorded))) => is_part_of(given, recorded),
        (value, Some(recorded)) => {
            value == recorded || (value.as_f64().is_some() && value.as_f64() == recorded.as_f64())
        }
        (_, None) => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn parameters_are_an_object_or_its_text() {
        for (given, expected) in [
            (json!(null), Some(0)),
            (json!(""), Some(0)),
            (json!(" {\"training\": {}} "), Some(1)),
            (json!({"training": {}, "drift": {}}), Some(2)),
            (json!("{"), None),
            (json!("7"), None),
            (json!([]), None),
        ] {
            assert_eq!(
                parameters(given.clone()).ok().map(|parameters| parameters.len()),
                expected,
                "{given}"
            );
        }
    }

    #[test]
    fn a_request_is_the_same_where_what_it_says_was_recorded() {
        let recorded = json!({"training": {"seed": 7, "cv_folds": 3}, "promotion": {"min_f1": 0.5}});
        for (given, expected) in [
            (json!({}), true),
            (json!({"training": {"seed": 7}}), true),
            (json!({"training": {"seed": 7.0}}), true),
            (json!({"training": {"seed": 8}}), false),
            (json!({"training": {"other": 7}}), false),
            (json!({"training": 7}), false),
        ] {
            assert_eq!(
                is_part_of(given.as_object().unwrap(), recorded.as_object().unwrap()),
                expected,
                "{given}"
            );
        }
    }
}
