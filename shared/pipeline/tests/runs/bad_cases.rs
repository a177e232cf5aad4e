//! Records that nothing can be learnt from, or not much.

use lurelight_learn::TrainError;
use lurelight_model::Family;
use lurelight_pipeline::{Error, Outcome, reports, silent};
use lurelight_schema::{Code, Feature, FeatureVector, Label, Record};

use crate::house::{House, made_up, request};

#[tokio::test]
async fn an_empty_store_says_to_push() {
    let house = House::new();
    let error = house.run(&request("first")).await.unwrap_err();
    assert!(matches!(error, Error::Empty { .. }));
    assert!(
        error.to_string().contains("has no records: push labelled rows first (`lurelight push FILE`)"),
        "{error}"
    );
    assert!(house.objects().await.is_empty());
}

#[tokio::test]
async fn one_class_alone_is_an_error_that_names_it() {
    let records: Vec<Record> =
        made_up(1, 2_000).into_iter().filter(|record| record.label == Label::Phishing).collect();
    let house = House::with(&records).await;
    let error = house.run(&request("first")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "all {} usable rows are labelled phishing: a model needs rows of both labels, so push rows that are legitimate as well",
            records.len()
        )
    );
    // What was found out stands in the report all the same.
    let all = reports::of_run(&"first".parse().unwrap(), &house.stores).await.unwrap();
    assert_eq!(all.validate.unwrap().quality.legitimate, 0);
}

#[tokio::test]
async fn ten_rows_are_too_few_and_it_says_so() {
    let house = House::with(&made_up(1, 10)).await;
    let error = house.run(&request("first")).await.unwrap_err();
    assert!(matches!(error, Error::Train(TrainError::TooFewVectors { .. })), "{error:?}");
    assert!(error.to_string().contains("more distinct rows of both labels are the only remedy"), "{error}");
}

#[tokio::test]
async fn a_constant_column_is_a_warning_that_names_it() {
    let mut records = made_up(1, 3_000);
    for record in &mut records {
        record.vector =
            record.vector.with(Feature::ALL[10], Code::Plus).with(Feature::ALL[11], Code::Missing);
    }
    let house = House::with(&records).await;
    house.run(&request("first")).await.unwrap();
    let all = reports::of_run(&"first".parse().unwrap(), &house.stores).await.unwrap();
    let warnings = all.validate.unwrap().warnings;
    assert_eq!(
        warnings,
        [
            "some columns have the same value in every row, so nothing can be learnt from them: port, HTTPS_token",
            "HTTPS_token: 100.0 % of the rows have no value",
        ]
    );
    assert!(house.text("runs/first/report.html").await.contains(&warnings[0]));
}

#[tokio::test]
async fn a_batch_that_contradicts_itself_is_named_and_kept() {
    let mut records = made_up(1, 3_000);
    let turned: Vec<Record> = records[..400]
        .iter()
        .map(|record| {
            let label = if record.label == Label::Phishing { Label::Legitimate } else { Label::Phishing };
            Record { label, ..*record }
        })
        .collect();
    records.extend(turned);
    let house = House::with(&records).await;
    house.run(&request("first")).await.unwrap();
    let all = reports::of_run(&"first".parse().unwrap(), &house.stores).await.unwrap();
    let validate = all.validate.unwrap();
    assert_eq!(validate.valid_rows, 3_400);
    assert!(validate.quality.inevitable_errors >= 100);
    assert!(validate.quality.conflicts_by_batch[0].vectors_within >= 100);
    assert!(
        validate.warnings.iter().any(|warning| warning.contains("contradicts itself")),
        "{:?}",
        validate.warnings
    );
}

#[tokio::test]
async fn rows_without_any_value_go_to_a_file_of_their_own() {
    let mut records = made_up(1, 3_000);
    let hollow = Record { vector: FeatureVector::MISSING, label: Label::Legitimate };
    records.insert(17, hollow);
    let house = House::with(&records).await;
    house.run(&request("first")).await.unwrap();
    let all = reports::of_run(&"first".parse().unwrap(), &house.stores).await.unwrap();
    let validate = all.validate.unwrap();
    assert_eq!((validate.rows, validate.valid_rows, validate.invalid_rows), (3_001, 3_000, 1));
    let invalid = house.text("runs/first/invalid.csv").await;
    assert!(invalid.contains(",17,all 30 features are missing,"), "{invalid}");
    let (train, test) = reports::split(&"first".parse().unwrap(), &house.stores).await.unwrap();
    assert_eq!(train.row_count() + test.row_count(), 3_000);

    let house = House::with(&[hollow; 30]).await;
    let error = house.run(&request("first")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "none of the 30 rows can be used; runs/first/invalid.csv gives the reason of each"
    );
    assert_eq!(house.text("runs/first/invalid.csv").await.lines().count(), 31);
}

#[tokio::test]
async fn one_failed_candidate_does_not_fail_the_run_and_all_failed_do() {
    let house = House::with(&made_up(1, 3_000)).await;
    let request = request("first");
    let (run, stores, silent) = (&request.run, &house.stores, &silent());
    lurelight_pipeline::ingest(&request, stores, silent).await.unwrap();
    lurelight_pipeline::validate(run, stores, silent).await.unwrap();
    lurelight_pipeline::transform(run, stores, silent).await.unwrap();
    let error = lurelight_pipeline::evaluate(run, stores, silent).await.unwrap_err();
    assert!(
        error.to_string().starts_with("no candidate could be fitted: logistic regression: it left no report"),
        "{error}"
    );
    lurelight_pipeline::fit(run, Family::DecisionTree, stores, silent).await.unwrap();
    let report = lurelight_pipeline::evaluate(run, stores, silent).await.unwrap();
    assert_eq!(
        report.failed.iter().map(|failed| failed.family).collect::<Vec<_>>(),
        [Family::LogisticRegression]
    );
    assert_eq!(report.card.family, Family::DecisionTree);
    let report = lurelight_pipeline::promote(run, stores, silent).await.unwrap();
    assert_eq!(report.outcome, Outcome::Promoted);
    assert!(house.text("runs/first/report.html").await.contains("it left no report"));
    // A vote has no grid of its own: it fails alone, and says why.
    let report = lurelight_pipeline::fit(run, Family::SoftVote, stores, silent).await.unwrap();
    assert!(matches!(report.outcome, lurelight_pipeline::FitOutcome::Failed { .. }));
}

#[tokio::test]
async fn options_that_make_no_sense_are_refused_before_anything_is_written() {
    let house = House::with(&made_up(1, 100)).await;
    let mut request = request("first");
    request.training.families.clear();
    assert!(matches!(house.run(&request).await.unwrap_err(), Error::Train(TrainError::Options(_))));
    assert!(!house.exists("runs/first/ingest.json").await);
}
