//! `GET /runs/{run}`: one run, stage by stage.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::header::{HeaderName, REFRESH};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use lurelight_store::{Error as StoreError, ErrorKind, RunId};
use lurelight_web::BasePath;
use lurelight_web::layout::Page;

use super::page_or_json;
use super::runs::progress;
use crate::Administration;
use crate::error::Error;
use crate::run_reports::RunFolder;
use crate::runs::{RunView, State as RunState};

/// After how many seconds the page of a run that goes on looks again.
const LOOK_AGAIN: &str = "5";

#[derive(Template)]
#[template(path = "run.html")]
struct RunPage<'a> {
    base_path: &'a BasePath,
    view: &'a RunView,
}

/// `GET /runs/{run}`
pub(crate) async fn run(
    State(administration): State<Administration>,
    Path(name): Path<String>,
    base_path: BasePath,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let run = named(&name)?;
    let folder = RunFolder::new(&**administration.artifacts(), &run);
    let reports = folder.reports().await?;
    let open = reports.as_ref().is_none_or(|reports| reports.promote.is_none() && reports.failure.is_none());
    let progress = if open { progress(&administration, &run).await? } else { None };
    if reports.is_none() && progress.is_none() {
        return Err(unknown(&run).into());
    }
    let view = RunView::new(&run, &reports.unwrap_or_default(), progress.as_ref());
    let page = || {
        let title = format!("Run {run}");
        Page::new(&base_path, &title).section("/runs").render(&RunPage { base_path: &base_path, view: &view })
    };
    let mut response = page_or_json(&headers, page, &view)?;
    if view.state.is_running() {
        let name: HeaderName = REFRESH;
        response.headers_mut().insert(name, HeaderValue::from_static(LOOK_AGAIN));
    }
    Ok(response)
}

/// A run by its name in a path.
pub(super) fn named(name: &str) -> Result<RunId, StoreError> {
    name.parse().map_err(|_| {
        let message = "this is no name of a run; GET /runs lists those that there are";
        StoreError::new(ErrorKind::NotFound, "the run", message)
    })
}

fn unknown(run: &RunId) -> StoreError {
    let message = "no run of this name was ever started here; GET /runs lists those that there are";
    StoreError::new(ErrorKind::NotFound, format!("run {run}"), message)
}
