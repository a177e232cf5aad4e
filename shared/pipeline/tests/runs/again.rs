//! Doing a stage, or a run, again.

use std::collections::BTreeMap;

use lurelight_pipeline::{Error, Outcome, evaluate, fit, ingest, promote, silent, transform, validate};
use lurelight_store::{EventKind, Key, NewEvent};

use crate::house::{House, made_up, request, seeded};

#[tokio::test]
async fn equal_runs_in_two_places_write_the_same_bytes() {
    let mut all: Vec<BTreeMap<String, Vec<u8>>> = Vec::new();
    for _ in 0..2 {
        let house = House::with(&made_up(1, 3_000)).await;
        house.push(&made_up(2, 500)).await;
        house.run(&request("first")).await.unwrap();
        all.push(house.objects().await);
    }
    let [first, second] = &all[..] else { panic!() };
    for (key, bytes) in first {
        assert!(second.get(key) == Some(bytes), "{key} differs");
    }
    assert_eq!(first.len(), second.len());
}

#[tokio::test]
async fn every_stage_done_twice_leaves_the_same_bytes() {
    let house = House::with(&made_up(1, 3_000)).await;
    let request = request("first");
    let (run, stores, silent) = (&request.run, &house.stores, &silent());
    macro_rules! twice {
        ($stage:expr) => {{
            let report = $stage.await.unwrap();
            let once = house.objects().await;
            assert_eq!($stage.await.unwrap(), report);
            assert!(house.objects().await == once, stringify!($stage));
        }};
    }
    twice!(ingest(&request, stores, silent));
    twice!(validate(run, stores, silent));
    twice!(transform(run, stores, silent));
    for family in &request.training.families {
        twice!(fit(run, *family, stores, silent));
    }
    twice!(evaluate(run, stores, silent));
    twice!(promote(run, stores, silent));
    twice!(lurelight_pipeline::run(&request, stores, silent));
}

/// Takes away every object that was written after the n-th, as a death at that moment would leave the store, and runs
/// again.
#[tokio::test]
async fn a_run_that_died_anywhere_is_completed_by_running_it_again() {
    let house = House::with(&made_up(1, 2_000)).await;
    let request = request("first");
    house.run(&request).await.unwrap();
    let whole = house.objects().await;
    let written = [
        vec!["runs/first/ingest.json"],
        vec![
            "runs/first/drift.json",
            "runs/first/drift.html",
            "runs/first/valid.parquet",
            "runs/first/invalid.csv",
        ],
        vec!["runs/first/validate.json"],
        vec!["runs/first/train.bin", "runs/first/test.bin", "runs/first/imputer.postcard"],
        vec!["runs/first/transform.json"],
        vec!["runs/first/candidates/logistic_regression.model"],
        vec!["runs/first/candidates/logistic_regression.json"],
        vec!["runs/first/candidates/decision_tree.model", "runs/first/candidates/decision_tree.json"],
        vec!["models/"],
        vec!["registry/versions/1.json"],
        vec!["runs/first/evaluate.json"],
        vec!["registry/champion.json"],
        vec!["runs/first/report.html"],
        vec!["runs/first/promote.json"],
    ];
    for kept in 0..written.len() {
        let root = house.folder.path().join("artifacts");
        for prefix in written[kept..].iter().flatten() {
            for key in whole.keys().filter(|key| key.starts_with(prefix)) {
                let _ = std::fs::remove_file(root.join(key));
            }
        }
        let report = house.run(&request).await.unwrap();
        assert_eq!((report.outcome, report.event), (Outcome::Promoted, Some(1)));
        let now = house.objects().await;
        for (key, bytes) in &whole {
            assert!(now.get(key) == Some(bytes), "{key} differs after a death before {:?}", written[kept]);
        }
        assert_eq!(now.len(), whole.len());
    }
}

#[tokio::test]
async fn a_run_that_is_done_again_does_not_undo_a_roll_back() {
    let house = House::with(&made_up(1, 2_000)).await;
    house.run(&request("first")).await.unwrap();
    house.push(&made_up(2, 6_000)).await;
    let second = request("second");
    let report = house.run(&second).await.unwrap();
    assert_eq!(report.outcome, Outcome::Promoted, "{}", report.reason);
    let registry = house.stores.registry();
    let (serves, old) = (registry.champion().await.unwrap().unwrap(), registry.version(1).await.unwrap());
    let back = NewEvent {
        kind: EventKind::RolledBack,
        version: 1,
        model: old.details.model,
        reason: "too many false alarms".to_owned(),
        actor: "operator".to_owned(),
        at: second.at,
    };
    let rolled_back = registry.move_champion(Some(&serves), back).await.unwrap();
    // Even where the run had died before it could write its report.
    std::fs::remove_file(house.folder.path().join("artifacts/runs/second/promote.json")).unwrap();
    assert_eq!(house.run(&second).await.unwrap(), report);
    assert_eq!(registry.champion().await.unwrap(), Some(rolled_back));
    // Nor does a new run of the same records.
    let report = house.run(&seeded("third", 5)).await.unwrap();
    assert_eq!(report.outcome, Outcome::NoChange, "{}", report.reason);
}

#[tokio::test]
async fn a_name_belongs_to_one_request_and_to_the_records_that_it_read_first() {
    let house = House::with(&made_up(1, 2_000)).await;
    let request = request("first");
    let begun = ingest(&request, &house.stores, &silent()).await.unwrap();
    house.push(&made_up(2, 100)).await;
    assert_eq!(ingest(&request, &house.stores, &silent()).await.unwrap(), begun);
    let error = house.run(&seeded("first", 43)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "run first was begun with another request (other options of training): give this run a name of its own"
    );
}

#[tokio::test]
async fn a_stage_whose_input_is_not_there_says_which_comes_before() {
    let house = House::with(&made_up(1, 2_000)).await;
    let run = "first".parse().unwrap();
    let error = validate(&run, &house.stores, &silent()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "runs/first/ingest.json is not there: stage ingest of run first has not ended; run it first"
    );
    ingest(&request("first"), &house.stores, &silent()).await.unwrap();
    let error = transform(&run, &house.stores, &silent()).await.unwrap_err();
    assert!(error.to_string().starts_with("runs/first/validate.json is not there"), "{error}");
}

#[tokio::test]
async fn damage_is_found_before_it_is_used() {
    let house = House::with(&made_up(1, 2_000)).await;
    let request = request("first");
    house.run(&request).await.unwrap();
    let all = house.objects().await;
    let dataset = all.keys().find(|key| key.starts_with("datasets/")).unwrap().clone();
    let run = &request.run;
    for key in [
        &dataset,
        "runs/first/valid.parquet",
        "runs/first/train.bin",
        "runs/first/candidates/decision_tree.model",
    ] {
        let mut bytes = all[key].clone();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        let key: Key = key.parse().unwrap();
        house.stores.artifacts.put(&key, bytes.into()).await.unwrap();
        let silent = silent();
        let error = match key.as_str() {
            key if key.starts_with("datasets") => validate(run, &house.stores, &silent).await.unwrap_err(),
            key if key.ends_with("parquet") => transform(run, &house.stores, &silent).await.unwrap_err(),
            key if key.ends_with("bin") => {
                fit(run, request.training.families[0], &house.stores, &silent).await.unwrap_err()
            }
            _ => evaluate(run, &house.stores, &silent).await.unwrap_err(),
        };
        assert!(matches!(&error, Error::Damaged { key: named, .. } if *named == key), "{error}");
        house.stores.artifacts.put(&key, all[key.as_str()].clone().into()).await.unwrap();
    }
}
