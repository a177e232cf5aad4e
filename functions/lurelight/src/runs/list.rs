//! All runs.

use jiff::Timestamp;
use lurelight_pipeline::reports::RunReports;
use serde::Serialize;

use super::Ran;
use super::ending::Ending;
use crate::failure::Failure;
use crate::layout::{self, number, word};
use crate::output;
use crate::wording::{count, figure, minute};

#[derive(Serialize)]
struct Listed {
    run: String,
    at: Option<Timestamp>,
    actor: Option<String>,
    rows: Option<u64>,
    /// None where a report is damaged.
    ending: Option<Ending>,
    version: Option<u64>,
    family: Option<String>,
    /// Of phishing, on folds 0 to 2.
    f1: Option<f64>,
    damage: Option<String>,
}

impl Listed {
    fn new(run: String) -> Listed {
        Listed {
            run,
            at: None,
            actor: None,
            rows: None,
            ending: None,
            version: None,
            family: None,
            f1: None,
            damage: None,
        }
    }

    fn of(reports: &RunReports) -> Listed {
        let request = reports.ingest.as_ref().map(|ingest| &ingest.request);
        let card = reports.evaluate.as_ref().map(|evaluate| &evaluate.card);
        Listed {
            at: request.map(|request| request.at),
            actor: request.map(|request| request.actor.clone()),
            rows: reports.ingest.as_ref().map(|ingest| ingest.rows),
            ending: Some(Ending::of(reports)),
            version: reports.evaluate.as_ref().map(|evaluate| evaluate.version),
            family: card.map(|card| card.family.to_string()),
            f1: card.map(|card| card.held_out.all.metrics.figures.f1.value),
            ..Listed::new(reports.run.to_string())
        }
    }
}

/// Lists the runs.
pub(super) async fn list(all: &Ran<'_>) -> Result<(), Failure> {
    let mut listed = Vec::new();
    for (run, read) in all.all().await? {
        listed.push(match read {
            Ok(reports) => Listed::of(&reports),
            Err(error) => Listed { damage: Some(error.to_string()), ..Listed::new(run.to_string()) },
        });
    }
    for damage in listed.iter().filter_map(|listed| listed.damage.as_deref()) {
        output::say(&format!("lurelight: {damage}"));
    }
    all.print(&listed, || match listed.len() {
        0 => layout::paragraph(&format!("T{}.", &all.no_runs()[1..]), all.width),
        _ => text(&listed, all.width),
    })
}

fn text(listed: &[Listed], width: Option<usize>) -> String {
    let columns = [
        word("run"),
        word("asked, UTC").spare(1),
        word("by").spare(2),
        number("rows"),
        word("outcome"),
        number("version"),
        word("best family"),
        number("F1"),
    ];
    let rows: Vec<Vec<String>> = listed
        .iter()
        .map(|listed| {
            let ending = listed.ending.as_ref().map_or_else(|| "damaged report".to_owned(), Ending::brief);
            vec![
                listed.run.clone(),
                listed.at.map(minute).unwrap_or_default(),
                listed.actor.clone().unwrap_or_default(),
                listed.rows.map(count).unwrap_or_default(),
                ending,
                listed.version.map(|version| version.to_string()).unwrap_or_default(),
                listed.family.clone().unwrap_or_default(),
                listed.f1.map(figure).unwrap_or_default(),
            ]
        })
        .collect();
    let (table, absent) = layout::table(&columns, &rows, width);
    let mut notes = String::new();
    if rows.iter().any(|row| !row[7].is_empty()) {
        notes += "F1 of phishing on folds 0 to 2, on which no version is trained. ";
    }
    if !absent.is_empty() {
        notes += "When and by whom: `lurelight runs show RUN`, or a wider terminal. ";
    }
    if notes.is_empty() {
        return table;
    }
    format!("{table}\n{}", layout::paragraph(notes.trim_end(), width))
}
