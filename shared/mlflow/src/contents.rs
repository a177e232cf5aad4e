//! What MLflow is told of a run and of its candidates.

use lurelight_store::{FinishedRun, Metric, Outcome, RunCandidate};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::limits::{Entries, tag};

/// The tag by which a run, and each of its candidates, is found again.
pub(crate) const RUN: &str = "lurelight.run";
/// The tag that says which candidate it is; of the run itself [`ITSELF`].
pub(crate) const CANDIDATE: &str = "lurelight.candidate";
/// What stands in [`CANDIDATE`] of a run.
pub(crate) const ITSELF: &str = "-";
/// The tag that is set when all is told: a digest of what was.
pub(crate) const TOLD: &str = "lurelight.told";
/// Characters of a dataset's digest that MLflow takes.
const DIGEST: usize = 36;

/// What one of MLflow's runs is told.
pub(crate) struct Contents {
    /// What it is called there.
    pub(crate) name: String,
    /// What [`CANDIDATE`] says.
    pub(crate) candidate: String,
    pub(crate) outcome: Outcome,
    /// The tags that it has from its first moment.
    pub(crate) first: Vec<Value>,
    pub(crate) entries: Entries,
}

/// The run itself.
pub(crate) fn of_run(run: &FinishedRun) -> Contents {
    let mut entries = entries(run, &run.words, &run.metrics);
    for (name, value) in &run.parameters {
        entries.parameter(name, value);
    }
    for (name, value) in &run.tags {
        entries.tag(&format!("lurelight.{name}"), value);
    }
    if let Some(commit) = run.tags.get("commit") {
        entries.tag("mlflow.source.git.commit", commit);
    }
    if let Some(dataset) = &run.dataset {
        entries.tag("lurelight.dataset", &dataset.digest);
    }
    entries.tag("lurelight.home", &run.home);
    Contents {
        name: run.run.to_string(),
        candidate: ITSELF.to_owned(),
        outcome: run.outcome,
        first: first(run, ITSELF),
        entries,
    }
}

/// One of its candidates, nested below it.
pub(crate) fn of_candidate(run: &FinishedRun, candidate: &RunCandidate, parent: &str) -> Contents {
    let mut entries = entries(run, &candidate.words, &candidate.metrics);
    for (name, value) in &candidate.parameters {
        entries.parameter(name, value);
    }
    let mut first = first(run, &candidate.name);
    first.push(tag("mlflow.parentRunId", parent));
    Contents {
        name: candidate.name.clone(),
        candidate: candidate.name.clone(),
        outcome: candidate.outcome,
        first,
        entries,
    }
}

/// What identifies it.
fn first(run: &FinishedRun, candidate: &str) -> Vec<Value> {
    vec![tag(RUN, run.run.as_str()), tag(CANDIDATE, candidate)]
}

fn entries(run: &FinishedRun, words: &str, metrics: &[Metric]) -> Entries {
    let mut entries = Entries::default();
    entries.tag("mlflow.note.content", words);
    entries.tag("mlflow.source.type", "LOCAL");
    if !run.actor.is_empty() {
        entries.tag("mlflow.user", &run.actor);
    }
    if let Some(program) = run.tags.get("program") {
        entries.tag("mlflow.source.name", program);
    }
    // Always the same time, so that a figure that is told again is the same figure.
    let at = run.started_at.as_millisecond();
    for metric in metrics {
        entries.metric(&metric.name, metric.value, metric.step, at);
    }
    entries
}

/// The body of `runs/log-inputs`.
pub(crate) fn inputs(run: &FinishedRun, id: &str) -> Option<Value> {
    let dataset = run.dataset.as_ref()?;
    let columns: Vec<Value> =
        dataset.columns.iter().map(|name| json!({"type": "long", "name": name, "required": false})).collect();
    let mut profile = serde_json::Map::new();
    for (name, count) in &dataset.counts {
        let name = if name == "rows" { "num_rows" } else { name };
        profile.insert(name.to_owned(), json!(count));
    }
    if let Some(rows) = dataset.counts.get("rows") {
        profile.insert("num_elements".to_owned(), json!(rows * dataset.columns.len() as u64));
    }
    let source_type = if run.home.starts_with("s3://") { "s3" } else { "local" };
    let digest: String = dataset.digest.chars().take(DIGEST).collect();
    Some(json!({
        "run_id": id,
        "datasets": [{
            "tags": [{"key": "mlflow.data.context", "value": "training"}],
            "dataset": {
                "name": "labelled records",
                "digest": digest,
                "source_type": source_type,
                "source": json!({"uri": format!("{}/{}", run.home, dataset.key)}).to_string(),
                "schema": json!({"mlflow_colspec": columns}).to_string(),
                "profile": Value::Object(profile).to_string(),
            },
        }],
    }))
}

/// Changes where anything that is told changes.
pub(crate) fn digest(run: &FinishedRun, contents: &[Contents]) -> String {
    let mut told = Sha256::new();
    for contents in contents {
        told.update(format!("{} {:?}\n", contents.candidate, contents.outcome));
        for batch in contents.entries.batches("") {
            told.update(batch.to_string());
        }
    }
    told.update(inputs(run, "").unwrap_or_default().to_string());
    for file in &run.artifacts {
        told.update(format!("{} {}\n", file.path, file.bytes.len()));
        told.update(Sha256::digest(&file.bytes));
    }
    let version = run.version.as_ref().map(|version| version.number);
    told.update(format!("{} {version:?}", run.started_at));
    told.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
