//! The stages as the state machine calls them, one event after the other, over stores in a directory; and the samples
//! of `infra/events`, which have to be what the functions read and say.
#![expect(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use lurelight_learn::synthetic::Statistics;
use lurelight_pipeline::{Stage, Stores};
use lurelight_runtime::{Failure, Invocation};
use lurelight_schema::{Label, Record};
use lurelight_store::{DirectoryArtifacts, DirectoryRecords, Key, push};
use serde_json::{Value, json};
use tempfile::TempDir;
use train::Function;

struct House {
    stores: Stores,
    _folder: TempDir,
}

impl House {
    async fn with(records: &[Record]) -> House {
        let folder = tempfile::tempdir().unwrap();
        let stores = Stores {
            artifacts: Arc::new(DirectoryArtifacts::open(folder.path().join("artifacts"))),
            records: Arc::new(DirectoryRecords::open(folder.path().join("records"))),
        };
        if !records.is_empty() {
            push(&*stores.records, records, "made up", Timestamp::UNIX_EPOCH, &|_| ()).await.unwrap();
        }
        House { stores, _folder: folder }
    }

    async fn ask(&self, stage: Stage, event: Value) -> Result<Value, Failure> {
        let function = Function { stage, stores: self.stores.clone(), tracker: None };
        let invocation = Invocation {
            request_id: "a-request".to_owned(),
            cold_start: false,
            deadline: SystemTime::now() + Duration::from_secs(60),
            measured: lurelight_runtime::metrics::Measured::default(),
        };
        let answer = function.answer(event, &invocation).await?;
        Ok(serde_json::to_value(answer).unwrap())
    }

    async fn begin(&self, run: &str) -> Result<Value, Failure> {
        let mut event = sample("train-ingest");
        event["run"] = run.into();
        event["asked"]["parameters"] = json!({
            "training": {"families": ["logistic_regression", "decision_tree"]},
            "promotion": {"min_f1": 0.5, "min_roc_auc": 0.5},
        });
        self.ask(Stage::Ingest, event).await
    }

    async fn json(&self, key: &str) -> Value {
        let object = self.stores.artifacts.get(&key.parse::<Key>().unwrap()).await.unwrap();
        serde_json::from_slice(&object.bytes).unwrap()
    }
}

fn made_up(rows: usize) -> Vec<Record> {
    Statistics::built_in().unwrap().generate(1).take(rows).collect()
}

fn sample(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../infra/events/{name}.json"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn go(run: &str) -> Value {
    json!({"version": 1, "run": run})
}

fn names(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[track_caller]
fn like_the_sample(answer: &Value, name: &str) {
    assert_eq!(names(answer), names(&sample(name)), "{name}");
    assert_eq!(answer["version"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_lead_from_records_to_a_champion_and_the_next_run_changes_nothing() {
    let house = House::with(&made_up(2_000)).await;
    let ingested = house.begin("first").await.unwrap();
    like_the_sample(&ingested, "train-ingest-answer");
    assert_eq!((&ingested["outcome"], &ingested["rows"]), (&json!("continue"), &json!(2_000)));
    let families = ingested["families"].as_array().unwrap().clone();
    assert_eq!(names(&families[0]), names(&sample("train-fit")));

    let validated = house.ask(Stage::Validate, go("first")).await.unwrap();
    like_the_sample(&validated, "train-validate-answer");
    assert_eq!((&validated["outcome"], &validated["drift"]), (&json!("continue"), &json!("no_champion")));

    let transformed = house.ask(Stage::Transform, go("first")).await.unwrap();
    like_the_sample(&transformed, "train-transform-answer");
    let rows = transformed["train_rows"].as_u64().unwrap() + transformed["test_rows"].as_u64().unwrap();
    assert_eq!(rows, 2_000);

    for family in families {
        let fitted = house.ask(Stage::Fit, family).await.unwrap();
        like_the_sample(&fitted, "train-fit-answer");
        assert_eq!((&fitted["outcome"], &fitted["reason"]), (&json!("fitted"), &Value::Null));
    }
    let evaluated = house.ask(Stage::Evaluate, go("first")).await.unwrap();
    like_the_sample(&evaluated, "train-evaluate-answer");
    assert_eq!((&evaluated["registered"], &evaluated["failed"]), (&json!(1), &json!([])));

    for _ in 0..2 {
        // Asked twice it answers the same.
        let promoted = house.ask(Stage::Promote, go("first")).await.unwrap();
        like_the_sample(&promoted, "train-promote-answer");
        assert_eq!(
            (&promoted["outcome"], &promoted["champion"]),
            (&json!("promoted"), &json!(1)),
            "{promoted}"
        );
    }

    let again = house.begin("second").await.unwrap();
    assert_eq!(again["outcome"], "no_change");
    assert!(again["reason"].as_str().unwrap().contains("version 1"), "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_which_no_model_can_be_made_are_unfit_and_not_an_error() {
    let mut records = made_up(300);
    records.retain(|record| record.label == Label::Phishing);
    let house = House::with(&records).await;
    house.begin("one-sided").await.unwrap();
    let validated = house.ask(Stage::Validate, go("one-sided")).await.unwrap();
    like_the_sample(&validated, "train-validate-answer");
    assert_eq!((&validated["outcome"], &validated["valid_rows"]), (&json!("unfit"), &json!(records.len())));
    assert!(validated["reason"].as_str().unwrap().contains("both labels"), "{validated}");
    assert_eq!(house.json("runs/one-sided/validate.json").await["run"], "one-sided");
}

#[tokio::test]
async fn a_failure_stands_beside_the_reports_in_words() {
    let house = House::with(&[]).await;
    let mut event = sample("train-promote-failure");
    event["run"] = "broken".into();
    let answer = house.ask(Stage::Promote, event).await.unwrap();
    like_the_sample(&answer, "train-promote-failure-answer");
    let failure = house.json("runs/broken/failure.json").await;
    assert_eq!((&failure["stage"], &failure["error"]), (&json!("ingest"), &json!("RetryableFailure")));
    assert!(failure["cause"].as_str().unwrap().starts_with("MongoDB at "), "{failure}");
}

#[tokio::test]
async fn what_cannot_be_done_says_why_and_whether_again_helps() {
    let house = House::with(&[]).await;
    let failed = async |stage, event| {
        let failure = house.ask(stage, event).await.unwrap_err();
        assert!(!failure.retryable, "{failure:?}");
        failure.message
    };
    let message = house.begin("empty").await.unwrap_err().message;
    assert!(message.contains("push labelled rows first"), "{message}");
    let message = failed(Stage::Validate, go("never-begun")).await;
    assert!(message.contains("runs/never-begun/ingest.json is not there"), "{message}");
    let message = failed(Stage::Fit, json!({"version": 2, "run": "a", "family": "adaboost"})).await;
    assert!(message.contains("version 2, and this function reads 1"), "{message}");
    let message = failed(Stage::Fit, json!({"version": 1, "run": "a", "family": "forest"})).await;
    assert!(message.contains("infra/events/train-fit.json"), "{message}");
    let message = failed(Stage::Validate, json!({"version": 1, "run": "a/b"})).await;
    assert!(message.contains("is no key"), "{message}");
    let mut event = sample("train-ingest");
    event["asked"]["parameter"] = json!({});
    let message = failed(Stage::Ingest, event).await;
    assert!(message.contains("unknown field `parameter`"), "{message}");
    let mut event = sample("train-ingest");
    event["asked"]["parameters"] = json!({"training": {"sed": 7}});
    let message = failed(Stage::Ingest, event).await;
    assert!(message.contains("there is no parameter training.sed"), "{message}");
}

#[tokio::test]
async fn the_samples_of_executions_are_read() {
    for name in ["execution-api", "execution-drift", "execution-schedule"] {
        let event =
            json!({"version": 1, "run": "a", "at": "2026-11-23T03:00:12.345Z", "asked": sample(name)});
        let house = House::with(&[]).await;
        let message = house.ask(Stage::Ingest, event).await.unwrap_err().message;
        assert!(message.contains("push labelled rows first"), "{name}: {message}");
    }
}
