//! What stands in MLflow, read back through its API.

use lurelight_store::{ErrorKind, FinishedRun, Outcome, Tracker as _};
use serde_json::{Value, json};

use crate::made_up::{DIGEST, artifact, candidate, event, map, metric, run};
use crate::process::{Mlflow, parameter, program, tag, text};
use crate::{block, experiment, tracker};

pub fn whole(server: &Mlflow) {
    let (experiment, run) = (experiment(), run("r-1", 1));
    let shown = block(tracker(&server.uri(), &experiment).record(&run)).unwrap();
    let parent = server.run(&experiment, "r-1", "-");
    let id = text(&parent, "/info/run_id");
    let (number, address) = (text(&parent, "/info/experiment_id"), shown.address.unwrap());
    assert_eq!(address, format!("{}/#/experiments/{number}/runs/{id}", server.uri()));
    assert_eq!(shown.left_out, None);

    assert_eq!(text(&parent, "/info/run_name"), "r-1");
    assert_eq!(text(&parent, "/info/status"), "FINISHED");
    assert_eq!(parent["info"]["start_time"], 1_777_863_721_500_u64);
    assert_eq!(parent["info"]["end_time"], 1_777_863_751_750_u64);
    for (name, value) in &run.parameters {
        assert_eq!(&parameter(&parent, name), value);
    }
    assert_eq!(server.series(&parent, "decision/f1"), [(0, 0.9633)]);
    assert_eq!(server.series(&parent, "rows/all"), [(0, 11_055.0)]);
    for (name, value) in [
        ("lurelight.run", "r-1"),
        ("lurelight.dataset", DIGEST),
        ("lurelight.program", "lurelight 0.1.0 (0123abcd)"),
        ("lurelight.commit", "0123abcd"),
        ("lurelight.reason", "it's \"time\""),
        ("lurelight.outcome", "promoted"),
        ("lurelight.home", "s3://bucket"),
        ("mlflow.user", "dora@example"),
        ("mlflow.source.git.commit", "0123abcd"),
        ("mlflow.source.name", "lurelight 0.1.0 (0123abcd)"),
        ("mlflow.note.content", run.words.as_str()),
    ] {
        assert_eq!(tag(&parent, name), value, "{name}");
    }
    dataset(&parent);
    for file in &run.artifacts {
        assert_eq!(server.file(&parent, file.path.as_str()), file.bytes, "{}", file.path);
    }

    let child = server.run(&experiment, "r-1", "decision_tree");
    assert_eq!(tag(&child, "mlflow.parentRunId"), id);
    assert_eq!(text(&child, "/info/run_name"), "decision_tree");
    assert_eq!((parameter(&child, "depth"), text(&child, "/info/status")), ("4".into(), "FINISHED".into()));
    assert_eq!(server.series(&child, "cross_validated/f1"), [(0, 0.95)]);
    assert_eq!(server.series(&child, "fold/f1"), [(0, 0.94), (1, 0.95), (2, 0.96)]);
    let failed = server.run(&experiment, "r-1", "nearest_neighbours");
    assert_eq!(
        (tag(&failed, "mlflow.parentRunId"), text(&failed, "/info/status")),
        (id.clone(), "FAILED".into())
    );
    assert_eq!(tag(&failed, "mlflow.note.content"), "nearest_neighbours in words");
    assert_eq!(server.runs(&experiment).len(), 3);

    let versions = server.versions(&experiment);
    assert_eq!(versions.len(), 1, "{versions:#?}");
    assert_eq!(text(&versions[0], "/run_id"), id);
    assert_eq!(text(&versions[0], "/source"), format!("runs:/{id}/model.lure"));
    let tags = versions[0]["tags"].as_array().unwrap();
    let model = run.version.unwrap().details.model;
    for (name, value) in [
        ("lurelight.version", "1"),
        ("lurelight.model", &model),
        ("lurelight.dataset", DIGEST),
        ("lurelight.run", "r-1"),
    ] {
        assert!(tags.contains(&json!({"key": name, "value": value})), "{name}: {tags:?}");
    }
}

fn dataset(parent: &Value) {
    let inputs = parent.pointer("/inputs/dataset_inputs").and_then(Value::as_array).unwrap();
    assert_eq!(inputs.len(), 1);
    let dataset = &inputs[0]["dataset"];
    assert_eq!(
        (text(dataset, "/name"), text(dataset, "/digest")),
        ("labelled records".into(), DIGEST[..36].into())
    );
    let source: Value = serde_json::from_str(&text(dataset, "/source")).unwrap();
    assert_eq!(text(&source, "/uri"), format!("s3://bucket/datasets/{DIGEST}/records.parquet"));
    assert_eq!(text(dataset, "/source_type"), "s3");
    let schema: Value = serde_json::from_str(&text(dataset, "/schema")).unwrap();
    assert_eq!(text(&schema, "/mlflow_colspec/0/name"), "having_IP_Address");
    assert_eq!(text(&schema, "/mlflow_colspec/1/name"), "Result");
    let profile: Value = serde_json::from_str(&text(dataset, "/profile")).unwrap();
    let expected =
        json!({"num_rows": 11_055, "phishing": 4_898, "legitimate": 6_157, "num_elements": 22_110});
    assert_eq!(profile, expected);
}

pub fn twice(server: &Mlflow) {
    let (experiment, run) = (experiment(), run("r-1", 1));
    let first = block(tracker(&server.uri(), &experiment).record(&run)).unwrap();
    let before = server.everything(&experiment);
    // Another process, which knows nothing of the first.
    let second = block(tracker(&server.uri(), &experiment).record(&run)).unwrap();
    assert_eq!((first, &before), (second, &server.everything(&experiment)));
    // And where the last request of the first was not heard.
    let parent = server.run(&experiment, "r-1", "-");
    let told = json!({"run_id": text(&parent, "/info/run_id"), "key": "lurelight.told", "value": ""});
    server.post("runs/set-tag", &told);
    block(tracker(&server.uri(), &experiment).record(&run)).unwrap();
    assert_eq!(server.everything(&experiment), before);
}

pub fn failed(server: &Mlflow) {
    let (experiment, run) = (experiment(), run("r-1", 1));
    let failed = FinishedRun {
        words: "Failed at evaluate: the disk is full".to_owned(),
        outcome: Outcome::Failed,
        ended_at: Some("2026-05-04T03:02:10Z".parse().unwrap()),
        parameters: map(&[("training.seed", "42")]),
        tags: map(&[("outcome", "failed"), ("stage", "evaluate")]),
        candidates: vec![candidate("nearest_neighbours", Outcome::Failed)],
        artifacts: vec![artifact("failure.json", "application/json", "{}")],
        version: None,
        ..run.clone()
    };
    let tracker = tracker(&server.uri(), &experiment);
    let before = block(tracker.record(&failed)).unwrap();
    let parent = server.run(&experiment, "r-1", "-");
    assert_eq!(text(&parent, "/info/status"), "FAILED");
    assert_eq!(tag(&parent, "lurelight.stage"), "evaluate");
    assert_eq!(tag(&parent, "mlflow.note.content"), failed.words);
    assert_eq!(server.file(&parent, "failure.json"), b"{}");
    assert!(server.versions(&experiment).is_empty());

    let after = block(tracker.record(&run)).unwrap();
    assert_eq!(before.address, after.address);
    let parent = server.run(&experiment, "r-1", "-");
    assert_eq!(text(&parent, "/info/status"), "FINISHED");
    assert_eq!(parent["info"]["end_time"], 1_777_863_751_750_u64);
    assert_eq!(tag(&parent, "mlflow.note.content"), run.words);
    assert_eq!(parameter(&parent, "best.family"), "random forest");
    assert_eq!((server.runs(&experiment).len(), server.versions(&experiment).len()), (3, 1));
}

pub fn failed_early(server: &Mlflow) {
    let experiment = experiment();
    let run = FinishedRun {
        actor: String::new(),
        words: "Failed at ingest: nobody answers".to_owned(),
        ended_at: None,
        outcome: Outcome::Failed,
        parameters: map(&[]),
        metrics: Vec::new(),
        tags: map(&[("outcome", "failed")]),
        dataset: None,
        candidates: Vec::new(),
        artifacts: Vec::new(),
        version: None,
        ..run("r-1", 1)
    };
    block(tracker(&server.uri(), &experiment).record(&run)).unwrap();
    let parent = server.run(&experiment, "r-1", "-");
    assert_eq!(text(&parent, "/info/status"), "FAILED");
    assert_eq!(tag(&parent, "mlflow.note.content"), run.words);
}

pub fn another_home(server: &Mlflow) {
    let experiment = experiment();
    let here = run("r-1", 1);
    let there = FinishedRun { started_at: "2026-05-04T03:02:02Z".parse().unwrap(), ..run("r-1", 1) };
    let tracker = tracker(&server.uri(), &experiment);
    let addresses = [here, there].map(|run| block(tracker.record(&run)).unwrap().address);
    assert_ne!(addresses[0], addresses[1]);
    assert_eq!(server.runs(&experiment).len(), 6);
}

pub fn champion(server: &Mlflow) {
    let experiment = experiment();
    let tracker = tracker(&server.uri(), &experiment);
    block(async {
        let error = tracker.moved(&event(1, 1)).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::NotFound, "{error}");
        assert!(error.to_string().contains("version 1 was never shown"), "{error}");
        tracker.record(&run("r-1", 1)).await.unwrap();
        tracker.record(&run("r-2", 2)).await.unwrap();
    });
    for (sequence, version) in [(1, 1), (2, 2), (2, 2), (3, 1)] {
        block(tracker.moved(&event(sequence, version))).unwrap();
        assert_eq!(server.champion(&experiment), version.to_string());
    }
    let error = block(tracker.moved(&event(4, 3))).unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound, "{error}");
    assert_eq!(server.champion(&experiment), "1");
}

pub fn limits(server: &Mlflow) {
    let experiment = experiment();
    let mut run = run("r-1", 1);
    run.metrics = (0..2_500).map(|i| metric("grid/f1", f64::from(i) / 7.0, i as u64)).collect();
    run.metrics.push(metric("bad", f64::NAN, 0));
    let long = "\u{1F3A3}".repeat(9_000);
    run.parameters = (0..250).map(|i| (format!("p{i:03}"), i.to_string())).collect();
    run.parameters.insert("long".to_owned(), long.clone());
    run.tags = (0..250).map(|i| (format!("t{i:03}"), i.to_string())).collect();
    run.tags.insert("long".to_owned(), long);
    run.tags.insert("empty".to_owned(), String::new());
    let name = "n".repeat(300);
    run.metrics.push(metric(&name, 1.0, 0));
    block(tracker(&server.uri(), &experiment).record(&run)).unwrap();
    let parent = server.run(&experiment, "r-1", "-");
    let series = server.series(&parent, "grid/f1");
    assert!(series.iter().map(|(step, _)| *step).eq(0..2_500));
    assert!(series.iter().all(|(step, value)| *value == *step as f64 / 7.0), "to the last bit");
    for i in 0..250 {
        assert_eq!(parameter(&parent, &format!("p{i:03}")), i.to_string());
        assert_eq!(tag(&parent, &format!("lurelight.t{i:03}")), i.to_string());
    }
    assert_eq!(parameter(&parent, "long").chars().count(), 6_000);
    assert_eq!(tag(&parent, "lurelight.long").chars().count(), 8_000);
    assert_eq!(server.series(&parent, &name[..250]), [(0, 1.0)]);
}

pub fn left_out() {
    let server = Mlflow::start(&program().unwrap(), false);
    let experiment = experiment();
    let tracker = tracker(&server.uri(), &experiment);
    let first = block(tracker.record(&run("r-1", 1))).unwrap();
    let said = first.left_out.clone().unwrap();
    for word in ["card.json, model.lure, report.html", "--artifacts-destination", "s3://bucket"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert_eq!(block(tracker.record(&run("r-1", 1))).unwrap(), first, "it is said again");
    assert_eq!(server.runs(&experiment).len(), 3);
    // The version leads to where the model is kept.
    let versions = server.versions(&experiment);
    assert_eq!(text(&versions[0], "/source"), format!("s3://bucket/models/{:064x}/model.lure", 1));
}
