//! Runs that nobody ran.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lurelight_store::{
    Event, EventKind, FinishedRun, Metric, NewEvent, NewVersion, Outcome, RunArtifact, RunCandidate,
    RunDataset, Version,
};

pub const DIGEST: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    entries.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

pub fn metric(name: &str, value: f64, step: u64) -> Metric {
    Metric { name: name.to_owned(), value, step }
}

pub fn artifact(path: &str, content_type: &str, bytes: impl Into<Vec<u8>>) -> RunArtifact {
    let bytes = bytes.into().into();
    RunArtifact { path: path.parse().unwrap(), content_type: content_type.to_owned(), bytes }
}

pub fn candidate(name: &str, outcome: Outcome) -> RunCandidate {
    let fitted = outcome == Outcome::Succeeded;
    let metrics = vec![
        metric("cross_validated/f1", 0.95, 0),
        metric("fold/f1", 0.94, 0),
        metric("fold/f1", 0.95, 1),
        metric("fold/f1", 0.96, 2),
    ];
    RunCandidate {
        name: name.to_owned(),
        words: format!("{name} in words"),
        outcome,
        parameters: map(&[("family", name), ("depth", "4")]),
        metrics: if fitted { metrics } else { Vec::new() },
    }
}

/// A run that made a version.
pub fn run(name: &str, number: u64) -> FinishedRun {
    let model = model(number);
    // Whatever bytes a model has.
    let bytes: Vec<u8> = (0..70_000_u32).map(|i| (i * 7 + number as u32) as u8).collect();
    FinishedRun {
        run: name.parse().unwrap(),
        actor: "dora@example".to_owned(),
        words: "Version 1 is the first champion: \u{e4}ll is \"well\".".to_owned(),
        started_at: at("2026-05-04T03:02:01.5Z"),
        ended_at: Some(at("2026-05-04T03:02:31.75Z")),
        outcome: Outcome::Succeeded,
        parameters: map(&[("training.seed", "42"), ("best.family", "random forest")]),
        metrics: vec![metric("decision/f1", 0.9633, 0), metric("rows/all", 11_055.0, 0)],
        tags: map(&[
            ("program", "lurelight 0.1.0 (0123abcd)"),
            ("commit", "0123abcd"),
            ("reason", "it's \"time\""),
            ("outcome", "promoted"),
        ]),
        dataset: Some(RunDataset {
            digest: DIGEST.to_owned(),
            key: format!("datasets/{DIGEST}/records.parquet").parse().unwrap(),
            counts: [("rows", 11_055), ("phishing", 4_898), ("legitimate", 6_157)]
                .map(|(name, count)| (name.to_owned(), count))
                .into(),
            columns: ["having_IP_Address", "Result"].map(str::to_owned).into(),
        }),
        candidates: vec![
            candidate("decision_tree", Outcome::Succeeded),
            candidate("nearest_neighbours", Outcome::Failed),
        ],
        artifacts: vec![
            artifact("card.json", "application/json", "{\"a\": 1}\n"),
            artifact("model.lure", "application/octet-stream", bytes),
            artifact("report.html", "text/html; charset=utf-8", "<p>\u{e4}</p>"),
        ],
        version: Some(Version {
            number,
            details: NewVersion {
                model,
                run: name.parse().unwrap(),
                dataset: DIGEST.to_owned(),
                family: "random forest".to_owned(),
                registered_at: at("2026-05-04T03:02:01Z"),
                program: "lurelight 0.1.0 (0123abcd)".to_owned(),
            },
        }),
        home: "s3://bucket".to_owned(),
    }
}

fn model(number: u64) -> String {
    format!("{number:064x}")
}

/// A move of the pointer to a version.
pub fn event(sequence: u64, version: u64) -> Event {
    Event {
        sequence,
        previous: None,
        details: NewEvent {
            kind: EventKind::Promoted,
            version,
            model: model(version),
            reason: String::new(),
            actor: String::new(),
            at: at("2026-05-04T03:02:01Z"),
        },
    }
}
