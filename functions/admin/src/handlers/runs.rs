//! `GET /runs`: what was started, the newest first.

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use jiff::Timestamp;
use lurelight_store::{ErrorKind, RunId, RunProgress};
use lurelight_web::BasePath;
use lurelight_web::layout::Page;
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::page_or_json;
use crate::Administration;
use crate::error::Error;
use crate::run_reports::{Ingest, RunFolder, RunReports};
use crate::runs::{RunView, State as RunState};

/// Most runs in one list.
const SHOWN_MAX: usize = 50;
/// Most runs whose time is looked at, by the order of their names.
const READ_MAX: usize = 1000;
/// Most objects that are read at a time.
const READ_AT_ONCE: usize = 16;
/// Most runs of a list for which the runner is asked how far they are.
const ASKED_MAX: usize = 8;

/// A run in the list.
#[derive(Serialize)]
struct Listed {
    run: RunId,
    #[serde(flatten)]
    state: RunState,
    at: Option<Timestamp>,
    actor: Option<String>,
    rows: Option<u64>,
    version: Option<u64>,
    family: Option<String>,
    f1: Option<f64>,
    /// What is wrong with its reports, where they cannot be read.
    damage: Option<String>,
}

#[derive(Serialize)]
struct Listing {
    runs: Vec<Listed>,
    /// How many more there are.
    not_shown: usize,
}

#[derive(Template)]
#[template(path = "runs.html")]
struct RunsPage<'a> {
    base_path: &'a BasePath,
    listing: &'a Listing,
}

/// `GET /runs`
pub(crate) async fn runs(
    State(administration): State<Administration>,
    base_path: BasePath,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let names = names(&administration).await?;
    let count = names.len();
    let begun = newest(&administration, names).await?;
    let mut listed = Vec::new();
    let mut asked = 0;
    for (run, ingest) in begun {
        listed.push(list(&administration, run, ingest, &mut asked).await?);
    }
    let not_shown = count - listed.len();
    let listing = Listing { runs: listed, not_shown };
    let page = || {
        let content = RunsPage { base_path: &base_path, listing: &listing };
        Page::new(&base_path, "Runs").section("/runs").render(&content)
    };
    page_or_json(&headers, page, &listing)
}

/// The names of all runs, the last one by name first.
async fn names(administration: &Administration) -> Result<Vec<RunId>, Error> {
    let entries = administration.artifacts().list("runs/").await?;
    let name = |key: &str| key.strip_prefix("runs/")?.split('/').next()?.parse().ok();
    let names: BTreeSet<RunId> = entries.iter().filter_map(|entry| name(entry.key.as_str())).collect();
    Ok(names.into_iter().rev().collect())
}

type Begun = (RunId, Result<Option<Ingest>, lurelight_store::Error>);

/// Those that began last, with what they read; a name need not tell when.
async fn newest(administration: &Administration, names: Vec<RunId>) -> Result<Vec<Begun>, Error> {
    let at_once = Arc::new(Semaphore::new(READ_AT_ONCE));
    let mut reading = JoinSet::new();
    for run in names.into_iter().take(READ_MAX) {
        let (artifacts, at_once) = (Arc::clone(administration.artifacts()), Arc::clone(&at_once));
        reading.spawn(async move {
            let _turn = at_once.acquire_owned().await;
            let ingest = RunFolder::new(&*artifacts, &run).find::<Ingest>("ingest.json").await;
            (run, ingest)
        });
    }
    let mut begun: Vec<Begun> = Vec::new();
    while let Some(read) = reading.join_next().await {
        let Ok((run, ingest)) = read else { continue };
        match ingest {
            Err(error) if error.kind != ErrorKind::Damaged => return Err(error.into()),
            ingest => begun.push((run, ingest)),
        }
    }
    let at = |begun: &Begun| begun.1.as_ref().ok().and_then(Option::as_ref).map(|ingest| ingest.request.at);
    // What has no report yet began just now, or failed before it had one.
    begun.sort_by(|a, b| (at(b).is_none(), at(b), &b.0).cmp(&(at(a).is_none(), at(a), &a.0)));
    begun.truncate(SHOWN_MAX);
    Ok(begun)
}

async fn list(
    administration: &Administration,
    run: RunId,
    ingest: Result<Option<Ingest>, lurelight_store::Error>,
    asked: &mut usize,
) -> Result<Listed, Error> {
    let read = match ingest {
        Err(error) => Err(error),
        Ok(ingest) => RunFolder::new(&**administration.artifacts(), &run)
            .summary()
            .await
            .map(|reports| RunReports { ingest, ..reports }),
    };
    let (reports, damage) = match read {
        Ok(reports) => (reports, None),
        Err(error) if error.kind == ErrorKind::Damaged => (RunReports::default(), Some(error.to_string())),
        Err(error) => return Err(error.into()),
    };
    let open = damage.is_none() && reports.promote.is_none() && reports.failure.is_none();
    let progress = if open && *asked < ASKED_MAX {
        *asked += 1;
        progress(administration, &run).await?
    } else {
        None
    };
    let view = RunView::new(&run, &reports, progress.as_ref());
    Ok(Listed {
        run,
        state: view.state,
        at: view.at,
        actor: view.actor,
        rows: view.rows,
        version: view.made.as_ref().map(|made| made.version),
        family: view.made.as_ref().map(|made| made.family.clone()),
        f1: view.made.as_ref().map(|made| made.f1),
        damage,
    })
}

/// How far a run is by what runs it, where that knows it.
pub(super) async fn progress(
    administration: &Administration,
    run: &RunId,
) -> Result<Option<RunProgress>, Error> {
    let Some(runner) = administration.runner() else { return Ok(None) };
    match runner.state(run).await {
        Ok(progress) => Ok(Some(progress)),
        Err(error) if matches!(error.kind, ErrorKind::NotFound | ErrorKind::Damaged) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
