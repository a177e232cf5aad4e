//! What there is to tell of a run, out of its reports.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::Timestamp;
use lurelight_schema::{Feature, LABEL_COLUMN};
use lurelight_store::{
    ErrorKind, FinishedRun, Key, Metric, Outcome, RunArtifact, RunCandidate, RunDataset, RunId, parse_digest,
};
use serde::Serialize;
use serde_json::Value;

use super::ended::Ended;
use super::measured::{Measured, named};
use crate::evaluate::EvaluateReport;
use crate::fit::{FitOutcome, family_name};
use crate::run_folder::RunFolder;
use crate::{Error, Stores};

/// All that there is to tell of a run that has ended.
pub(super) async fn of(
    run: &RunId,
    ended: &Ended,
    ended_at: Option<Timestamp>,
    stores: &Stores,
) -> Result<FinishedRun, Error> {
    let reports = &ended.reports;
    let version = match &reports.evaluate {
        Some(evaluated) => Some(stores.registry().version(evaluated.version).await?),
        None => None,
    };
    let words = match (&reports.promote, ended.failed()) {
        (Some(promote), _) => promote.words(),
        (None, Some((stage, reason))) if stage.is_empty() => format!("Failed: {reason}"),
        (None, Some((stage, reason))) => format!("Failed at {stage}: {reason}"),
        (None, None) => String::new(),
    };
    let request = reports.ingest.as_ref().map(|ingest| &ingest.request);
    Ok(FinishedRun {
        run: run.clone(),
        actor: request.map(|request| request.actor.clone()).unwrap_or_default(),
        words,
        started_at: ended.started_at().unwrap_or_default(),
        ended_at,
        outcome: if ended.succeeded() { Outcome::Succeeded } else { Outcome::Failed },
        parameters: parameters(ended)?,
        metrics: metrics(ended),
        tags: tags(ended),
        dataset: dataset(ended),
        candidates: candidates(ended),
        artifacts: artifacts(run, reports.evaluate.as_ref(), stores).await?,
        version,
        home: stores.artifacts.place(),
    })
}

fn parameters(ended: &Ended) -> Result<BTreeMap<String, String>, Error> {
    let mut parameters = BTreeMap::new();
    if let Some(ingest) = &ended.reports.ingest {
        let request = &ingest.request;
        flatten("training", &as_json(&request.training)?, &mut parameters);
        flatten("drift", &as_json(&request.drift)?, &mut parameters);
        flatten("promotion", &as_json(&request.promotion)?, &mut parameters);
    }
    if let Some(EvaluateReport { card, .. }) = &ended.reports.evaluate {
        parameters.insert("best.family".to_owned(), card.family.to_string());
        for (name, value) in &card.parameters {
            parameters.insert(format!("best.{name}"), value.clone());
        }
    }
    Ok(parameters)
}

fn as_json(value: &impl Serialize) -> Result<Value, Error> {
    Ok(serde_json::to_value(value)?)
}

/// `{"a": {"b": 1}, "c": ["x", "y"]}` is `a.b` = `1` and `c` = `x, y`.
fn flatten(name: &str, value: &Value, into: &mut BTreeMap<String, String>) {
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                flatten(&format!("{name}.{field}"), value, into);
            }
        }
        Value::Array(values) => {
            let values: Vec<String> = values.iter().map(plain).collect();
            into.insert(name.to_owned(), values.join(", "));
        }
        value => drop(into.insert(name.to_owned(), plain(value))),
    }
}

fn tags(ended: &Ended) -> BTreeMap<String, String> {
    let mut tags = BTreeMap::new();
    let mut tag = |name: &str, value: String| {
        if !value.is_empty() {
            tags.insert(name.to_owned(), value);
        }
    };
    let reports = &ended.reports;
    if let Some(ingest) = &reports.ingest {
        let request = &ingest.request;
        tag("actor", request.actor.clone());
        tag("reason", request.reason.clone());
        tag("program", request.program.clone());
        tag("commit", commit(&request.program).unwrap_or_default().to_owned());
    }
    if let Some(validate) = &reports.validate {
        tag("drift", validate.drift_words.clone());
    }
    if let Some(evaluated) = &reports.evaluate {
        tag("model", evaluated.model.clone());
        tag("version", evaluated.version.to_string());
    }
    tag("outcome", reports.promote.as_ref().map_or("failed", |promote| promote.outcome.as_str()).to_owned());
    if let Some(event) = reports.promote.as_ref().and_then(|promote| promote.event) {
        tag("event", event.to_string());
    }
    tag("stage", ended.stage().unwrap_or_default());
    tags
}

/// The commit in `lurelight 0.1.0 (0123abcd)`.
fn commit(program: &str) -> Option<&str> {
    let inside = program.strip_suffix(')')?.rsplit_once('(')?.1;
    (!inside.is_empty()).then_some(inside)
}

fn dataset(ended: &Ended) -> Option<RunDataset> {
    let ingest = ended.reports.ingest.as_ref()?;
    let mut counts = BTreeMap::from([
        ("rows".to_owned(), ingest.rows),
        ("phishing".to_owned(), ingest.phishing),
        ("legitimate".to_owned(), ingest.legitimate),
        ("batches".to_owned(), ingest.batches.len() as u64),
    ]);
    if let Some(validate) = &ended.reports.validate {
        counts.insert("valid_rows".to_owned(), validate.valid_rows);
        counts.insert("invalid_rows".to_owned(), validate.invalid_rows);
    }
    if let Some(evaluated) = &ended.reports.evaluate {
        counts.insert("distinct_vectors".to_owned(), evaluated.card.data.distinct_vectors);
    }
    let columns = Feature::ALL.iter().map(|feature| feature.name()).chain([LABEL_COLUMN]);
    Some(RunDataset {
        digest: ingest.dataset.clone(),
        key: ingest.snapshot.key.clone(),
        counts,
        columns: columns.map(str::to_owned).collect(),
    })
}

fn metrics(ended: &Ended) -> Vec<Metric> {
    let mut metrics = Measured::default();
    let reports = &ended.reports;
    if let Some(ingest) = &reports.ingest {
        metrics.one("rows/all", ingest.rows as f64);
    }
    if let Some(validate) = &reports.validate {
        metrics.one("rows/valid", validate.valid_rows as f64);
        metrics.one("rows/invalid", validate.invalid_rows as f64);
    }
    if let Some(transform) = &reports.transform {
        metrics.one("rows/train", transform.train.rows as f64);
        metrics.one("rows/test", transform.test.rows as f64);
    }
    if let Some(drift) = &reports.drift {
        metrics.one("drift/rows", drift.rows as f64);
        metrics.one("drift/features", drift.features.iter().filter(|feature| feature.drifted).count() as f64);
    }
    if let Some(evaluated) = &reports.evaluate {
        metrics.card(&evaluated.card);
        if let Some(folds) = evaluated.by_fold.first() {
            metrics.folds(&folds.cross_validated);
        }
    }
    if let Some(promote) = &reports.promote {
        if let Some(comparison) = &promote.comparison {
            metrics.figures("against_champion/own", &comparison.challenger);
            metrics.figures("against_champion/champion", &comparison.champion);
            metrics.estimate("against_champion/f1_difference", comparison.f1_difference);
            metrics.one("against_champion/f1_difference_lower_bound", comparison.f1_difference_lower_bound);
            metrics
                .one("against_champion/own_false_positive_rate", comparison.challenger_false_positive_rate);
            metrics.one(
                "against_champion/champion_false_positive_rate",
                comparison.champion_false_positive_rate,
            );
        }
        metrics.one("measured_versions", promote.measured_versions as f64);
    }
    metrics.0
}

/// Every family, and the vote where there is one.
fn candidates(ended: &Ended) -> Vec<RunCandidate> {
    let evaluated = ended.reports.evaluate.as_ref();
    let mut candidates: Vec<RunCandidate> = Vec::new();
    for candidate in evaluated.iter().flat_map(|evaluated| &evaluated.card.candidates) {
        let mut metrics = Measured::default();
        metrics.figures("cross_validated", &candidate.cross_validated);
        metrics.figures("held_out", &candidate.held_out);
        let by_fold = evaluated.iter().flat_map(|evaluated| &evaluated.by_fold);
        for folds in by_fold.filter(|folds| folds.family == candidate.family) {
            metrics.folds(&folds.cross_validated);
        }
        let mut parameters = candidate.parameters.clone();
        parameters.insert("family".to_owned(), candidate.family.to_string());
        parameters.insert("grid_points".to_owned(), candidate.grid_points.to_string());
        let best = evaluated.is_some_and(|evaluated| evaluated.card.family == candidate.family);
        let words = format!(
            "{}: F1 {:.4} by cross-validation, the best of {} points{}.",
            candidate.family,
            candidate.cross_validated.f1,
            candidate.grid_points,
            if best { "; the best of the run" } else { "" }
        );
        candidates.push(RunCandidate {
            name: family_name(candidate.family),
            words,
            outcome: Outcome::Succeeded,
            parameters,
            metrics: metrics.0,
        });
    }
    for report in &ended.reports.candidates {
        let name = family_name(report.family);
        let known = candidates.iter_mut().find(|known| known.name == name);
        match (&report.outcome, known) {
            (FitOutcome::Failed { reason }, None) => candidates.push(RunCandidate {
                name,
                words: format!("{} could not be fitted: {reason}", report.family),
                outcome: Outcome::Failed,
                parameters: BTreeMap::from([("family".to_owned(), report.family.to_string())]),
                metrics: Vec::new(),
            }),
            (FitOutcome::Fitted { parameters, cross_validated, grid, .. }, known) => {
                let mut metrics = Measured::default();
                for (step, point) in grid.iter().enumerate() {
                    for (name, figure) in point.cross_validated.iter().flat_map(named) {
                        metrics.step(&format!("grid/{name}"), figure, step as u64);
                    }
                }
                match known {
                    Some(known) => known.metrics.extend(metrics.0),
                    // The run failed before candidates were compared.
                    None => {
                        metrics.figures("cross_validated", cross_validated);
                        let mut parameters = parameters.clone();
                        parameters.insert("family".to_owned(), report.family.to_string());
                        parameters.insert("grid_points".to_owned(), grid.len().to_string());
                        candidates.push(RunCandidate {
                            name,
                            words: format!("{}, fitted and not compared.", report.family),
                            outcome: Outcome::Succeeded,
                            parameters,
                            metrics: metrics.0,
                        });
                    }
                }
            }
            (FitOutcome::Failed { .. }, Some(_)) => {}
        }
    }
    // In the order of the names, whichever stage the run ended at.
    candidates.sort_by(|a, b| a.name.cmp(&b.name));
    candidates
}

/// The card, the page and the model, as far as the run came.
async fn artifacts(
    run: &RunId,
    evaluated: Option<&EvaluateReport>,
    stores: &Stores,
) -> Result<Vec<RunArtifact>, Error> {
    let folder = RunFolder::new(&*stores.artifacts, run);
    let mut artifacts = Vec::new();
    let mut add = |path: &str, content_type: &str, bytes: Bytes| -> Result<(), Error> {
        let path: Key = path.parse().map_err(|error| {
            lurelight_store::Error::new(ErrorKind::Invalid, path, "is no key").because(error)
        })?;
        artifacts.push(RunArtifact { path, content_type: content_type.to_owned(), bytes });
        Ok(())
    };
    if let Some(evaluated) = evaluated {
        add("card.json", "application/json", evaluated.card.to_json()?.into())?;
        if let Ok(model) = parse_digest(&evaluated.model)
            && let Some(bytes) = found(&Key::model(model), stores).await?
        {
            add("model.lure", "application/octet-stream", bytes)?;
        }
    }
    for (name, content_type) in [
        ("report.html", "text/html; charset=utf-8"),
        ("drift.html", "text/html; charset=utf-8"),
        ("failure.json", "application/json"),
    ] {
        if let Some(bytes) = found(&folder.key(name)?, stores).await? {
            add(name, content_type, bytes)?;
        }
    }
    Ok(artifacts)
}

async fn found(key: &Key, stores: &Stores) -> Result<Option<Bytes>, Error> {
    match stores.artifacts.get(key).await {
        Ok(object) => Ok(Some(object.bytes)),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parameters_have_flat_names() {
        let mut found = BTreeMap::new();
        flatten("a", &json!({"b": {"c": 1.5}, "d": ["x", "y"], "e": "f", "g": null}), &mut found);
        let expected = [("a.b.c", "1.5"), ("a.d", "x, y"), ("a.e", "f"), ("a.g", "null")];
        assert!(found.iter().map(|(name, value)| (name.as_str(), value.as_str())).eq(expected), "{found:?}");
    }

    #[test]
    fn a_commit_is_known_where_the_program_says_it() {
        assert_eq!(commit("lurelight 0.1.0 (0123abcd-dirty)"), Some("0123abcd-dirty"));
        for program in ["lurelight 0.1.0", "lurelight 0.1.0 ()", "a) b", ""] {
            assert_eq!(commit(program), None, "{program}");
        }
    }
}
