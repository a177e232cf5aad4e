//! Runs that nobody waits for.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use lurelight_pipeline::{InProcessRunner, silent};
use lurelight_store::conformance::runner::Runners;
use lurelight_store::{
    ErrorKind, RunId, RunProgress, RunStatus, TrainingRequest, TrainingRunner, conformance,
};
use serde_json::json;

use crate::house::{House, made_up};

fn runner(house: &House) -> InProcessRunner {
    InProcessRunner::new(house.stores.clone(), "0.1.0", silent())
}

fn asked(run: Option<&str>, parameters: serde_json::Value) -> TrainingRequest {
    TrainingRequest {
        run: run.map(|run| run.parse().unwrap()),
        actor: "test".to_owned(),
        reason: "to see it run".to_owned(),
        parameters: parameters.as_object().unwrap().clone(),
    }
}

async fn ended(runner: &InProcessRunner, run: &RunId) -> RunProgress {
    loop {
        let state = runner.state(run).await.unwrap();
        if state.status != RunStatus::Running {
            return state;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_started_run_ends_and_is_known_afterwards() {
    let house = House::with(&made_up(1, 2_000)).await;
    let first = runner(&house);
    let parameters = json!({"training": {"families": ["logistic_regression"]}});
    let run = first.start(asked(None, parameters.clone())).await.unwrap();
    let state = ended(&first, &run).await;
    assert_eq!((&state.status, state.stage.as_deref()), (&RunStatus::Succeeded, Some("promote")));
    assert!(state.ended_at.unwrap() >= state.started_at);
    let request =
        lurelight_pipeline::reports::of_run(&run, &house.stores).await.unwrap().ingest.unwrap().request;
    assert_eq!((request.actor.as_str(), request.reason.as_str()), ("test", "to see it run"));
    // A name that ran is not started again, in this process or in the next.
    let before = house.objects().await;
    let next = runner(&house);
    for runner in [&first, &next] {
        assert_eq!(runner.start(asked(Some(run.as_str()), parameters.clone())).await.unwrap(), run);
        assert_eq!(ended(runner, &run).await.status, RunStatus::Succeeded);
    }
    assert!(house.objects().await == before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_runner_of_this_process_keeps_the_contract() {
    let records = made_up(1, 400);
    let houses = Mutex::new(Vec::new());
    let fresh = async || {
        let (full, empty) = (House::with(&records).await, House::new());
        let runners = Runners { good: Arc::new(runner(&full)), bad: Arc::new(runner(&empty)) };
        // Their folders are needed until the end.
        houses.lock().unwrap().extend([full, empty]);
        runners
    };
    conformance::runner::run("this process", fresh).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_cannot_end_says_why() {
    let house = House::new();
    let runner = runner(&house);
    let run = runner.start(asked(Some("empty"), json!({}))).await.unwrap();
    let RunStatus::Failed { reason } = ended(&runner, &run).await.status else { panic!() };
    assert!(reason.contains("has no records: push labelled rows first"), "{reason}");
}

#[tokio::test]
async fn parameters_and_runs_that_there_are_not_are_refused() {
    let house = House::with(&made_up(1, 100)).await;
    let runner = runner(&house);
    let error = runner.start(asked(None, json!({"sead": 1}))).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert!(error.to_string().contains("there is no parameter sead"), "{error}");
    let error = runner.start(asked(None, json!({"training": {"cv_folds": 1}}))).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
    let error = runner.state(&"nobody".parse().unwrap()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn a_run_that_another_process_left_behind_is_said_to_be_stopped() {
    let house = House::with(&made_up(1, 2_000)).await;
    let request = crate::house::request("left");
    lurelight_pipeline::ingest(&request, &house.stores, &silent()).await.unwrap();
    lurelight_pipeline::validate(&request.run, &house.stores, &silent()).await.unwrap();
    let state = runner(&house).state(&request.run).await.unwrap();
    assert!(matches!(state.status, RunStatus::Stopped { .. }));
    assert_eq!((state.stage.as_deref(), state.started_at), (Some("validate"), request.at));
}
