//! What a run leaves behind, and how the next one takes it.

use std::sync::{Arc, Mutex};

use lurelight_model::Family;
use lurelight_pipeline::{
    DriftVerdict, Listener, Outcome, Progress, PromotionRules, RunRequest, Stage, reports, run,
};
use lurelight_schema::{Code, Feature, Label};

use crate::house::{House, made_up, request, seeded};

#[tokio::test]
async fn a_run_leaves_every_object_and_a_champion() {
    let house = House::with(&made_up(1, 4_000)).await;
    let report = house.run(&request("first")).await.unwrap();
    assert_eq!(
        (report.outcome, report.version, report.event),
        (Outcome::Promoted, Some(1), Some(1)),
        "{}",
        report.reason
    );
    assert!(
        report.words().starts_with("Version 1 is the first champion: F1 of phishing is 0."),
        "{}",
        report.words()
    );
    let keys: Vec<String> = house.objects().await.into_keys().collect();
    let all = reports::of_run(&"first".parse().unwrap(), &house.stores).await.unwrap();
    let (dataset, model) = (all.ingest.unwrap().dataset, all.evaluate.unwrap().model);
    let mut expected: Vec<String> = [
        "candidates/decision_tree.json",
        "candidates/decision_tree.model",
        "candidates/logistic_regression.json",
        "candidates/logistic_regression.model",
        "drift.html",
        "drift.json",
        "evaluate.json",
        "imputer.postcard",
        "ingest.json",
        "invalid.csv",
        "promote.json",
        "report.html",
        "test.bin",
        "train.bin",
        "transform.json",
        "valid.parquet",
        "validate.json",
    ]
    .map(|name| format!("runs/first/{name}"))
    .into();
    expected.extend([
        format!("datasets/{dataset}/records.parquet"),
        format!("models/{model}/card.json"),
        format!("models/{model}/model.lure"),
        "registry/champion.json".to_owned(),
        "registry/versions/1.json".to_owned(),
    ]);
    expected.sort();
    assert_eq!(keys, expected);
    assert_eq!(reports::runs(&house.stores).await.unwrap(), ["first".parse().unwrap()]);
    assert_eq!(all.promote, Some(report));
    assert_eq!(all.candidates.len(), 2);

    let run = "first".parse().unwrap();
    let records = reports::records(&run, &house.stores).await.unwrap();
    let (train, test) = reports::split(&run, &house.stores).await.unwrap();
    assert_eq!(records.len(), 4_000);
    assert_eq!(train.row_count() + test.row_count(), 4_000);
}

#[tokio::test]
async fn the_page_needs_nothing_else_and_says_the_outcome_first() {
    let house = House::with(&made_up(1, 4_000)).await;
    house.run(&request("first")).await.unwrap();
    for (name, plots) in [("report", 7), ("drift", 0)] {
        let page = house.text(&format!("runs/first/{name}.html")).await;
        for foreign in ["<script", "http://", "https://", "src=", "@import", "url("] {
            assert!(!page.contains(foreign), "{name}.html contains {foreign}");
        }
        assert_eq!(page.matches("<svg class=\"plot").count(), plots, "{name}.html");
        assert!(!page.contains("NaN"), "{name}.html");
        assert!(page.contains("prefers-color-scheme: dark"));
    }
    let page = house.text("runs/first/report.html").await;
    let outcome = page.find("Version 1 is the first champion").unwrap();
    assert!(outcome < page.find("<h2").unwrap());
    // The second run has a champion to be compared with, and drift to draw.
    house.push(&made_up(2, 1_000)).await;
    house.run(&request("second")).await.unwrap();
    assert_eq!(house.text("runs/second/report.html").await.matches("<svg class=\"plot").count(), 8);
    assert_eq!(house.text("runs/second/drift.html").await.matches("<svg class=\"plot").count(), 1);
}

#[tokio::test]
async fn names_from_outside_stay_text() {
    let house = House::new();
    let source = "<img src=x onerror=alert(1)>.csv";
    let records = made_up(1, 2_000);
    lurelight_store::push(&*house.stores.records, &records, source, jiff::Timestamp::UNIX_EPOCH, &|_| ())
        .await
        .unwrap();
    let request = RunRequest { reason: "</style><script>".to_owned(), ..request("first") };
    house.run(&request).await.unwrap();
    let page = house.text("runs/first/report.html").await;
    assert!(!page.contains("<img") && !page.contains("<script"));
    assert!(page.contains("onerror=alert(1)"));
}

#[tokio::test]
async fn the_same_records_and_options_are_no_change_whatever_the_seed() {
    let house = House::with(&made_up(1, 4_000)).await;
    house.run(&request("first")).await.unwrap();
    let before = house.objects().await;
    let report = house.run(&request("second")).await.unwrap();
    assert_eq!(
        report.words(),
        "No change: the champion, version 1, was made of these records with these options by run first."
    );
    let report = house.run(&seeded("third", 7)).await.unwrap();
    assert_eq!(report.outcome, Outcome::NoChange);
    assert!(report.reason.ends_with("; another seed alone makes no challenger"), "{}", report.reason);
    // Nothing ran but ingest.
    let after = house.objects().await;
    let new: Vec<&str> = after.keys().filter(|key| !before.contains_key(*key)).map(String::as_str).collect();
    let mut expected = Vec::new();
    for run in ["second", "third"] {
        expected
            .extend(["ingest.json", "promote.json", "report.html"].map(|name| format!("runs/{run}/{name}")));
    }
    assert_eq!(new, expected);
    assert!(after["runs/second/report.html"].windows(10).any(|bytes| bytes == b"No change:"));
}

#[tokio::test]
async fn a_version_that_was_kept_is_not_judged_again_by_the_same_rules() {
    let house = House::with(&made_up(1, 4_000)).await;
    let strict = |name| RunRequest {
        promotion: PromotionRules { min_f1: 0.999, ..request(name).promotion },
        ..request(name)
    };
    let report = house.run(&strict("first")).await.unwrap();
    assert_eq!((report.outcome, report.version), (Outcome::Kept, Some(1)));
    assert!(
        report.words().starts_with("There is no champion yet, and version 1 does not become it: F1"),
        "{}",
        report.words()
    );
    assert!(house.stores.registry().champion().await.unwrap().is_none());
    let report = house.run(&strict("second")).await.unwrap();
    assert!(
        report.reason.contains("by run first and was judged then (kept); promote it by hand"),
        "{}",
        report.reason
    );
    // Other rules are another judgement.
    let report = house.run(&request("third")).await.unwrap();
    assert_eq!((report.outcome, report.version), (Outcome::Promoted, Some(2)));
}

#[tokio::test]
async fn a_challenger_is_compared_with_the_champion_on_the_same_rows() {
    let house = House::with(&made_up(1, 2_000)).await;
    house.run(&request("first")).await.unwrap();
    house.push(&made_up(2, 6_000)).await;
    let report = house.run(&request("second")).await.unwrap();
    let comparison = report.comparison.unwrap();
    assert_eq!(report.measured_versions, 2);
    assert_eq!(report.champion.as_ref().unwrap().version, 1);
    assert_eq!(report.conditions.len(), 3);
    let met = report.conditions.iter().all(|condition| condition.met);
    assert_eq!(report.outcome, if met { Outcome::Promoted } else { Outcome::Kept });
    assert!(
        (comparison.challenger.f1 - comparison.champion.f1 - comparison.f1_difference.value).abs() < 2e-6
    );
    // A worse one is kept: labels of the third batch are turned round.
    let mut turned = made_up(3, 6_000);
    for record in &mut turned {
        record.label = if record.label == Label::Phishing { Label::Legitimate } else { Label::Phishing };
    }
    house.push(&turned).await;
    let before = house.stores.registry().champion().await.unwrap();
    let report = house.run(&request("third")).await.unwrap();
    assert_eq!(report.outcome, Outcome::Kept, "{}", report.reason);
    assert_eq!(house.stores.registry().champion().await.unwrap(), before);
    assert_eq!(house.stores.registry().versions().await.unwrap().len(), 3);
}

#[tokio::test]
async fn drift_is_of_the_batches_that_the_champion_has_not_seen() {
    let house = House::with(&made_up(1, 4_000)).await;
    house.run(&request("first")).await.unwrap();
    let mut moved = made_up(2, 700);
    for record in moved.iter_mut().step_by(2) {
        record.vector = record.vector.with(Feature::ALL[5], Code::Plus);
    }
    house.push(&moved).await;
    house.run(&request("second")).await.unwrap();
    let all = reports::of_run(&"second".parse().unwrap(), &house.stores).await.unwrap();
    let drift = all.drift.unwrap();
    assert_eq!(
        (drift.verdict, drift.rows, drift.batches.len()),
        (DriftVerdict::Drift, 700, 1),
        "{}",
        drift.words
    );
    assert_eq!(all.validate.unwrap().drift_words, drift.words);
    assert!(house.text("runs/second/drift.html").await.contains("Prefix_Suffix (drifted)"));
}

/// Writes down what it hears.
#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Heard {
    fn add(&self, text: String) {
        self.0.lock().unwrap().push(text);
    }
}

impl Progress for Heard {
    fn stage_begins(&self, stage: Stage, _steps: u64) {
        self.add(format!("{stage} begins"));
    }

    fn stage_ends(&self, stage: Stage) {
        self.add(format!("{stage} ends"));
    }

    fn candidate_begins(&self, family: Family, steps: u64) {
        assert!(steps > 0);
        self.add(format!("{family} begins"));
    }

    fn candidate_ends(&self, family: Family, failure: Option<&str>) {
        assert_eq!(failure, None);
        self.add(format!("{family} ends"));
    }
}

#[tokio::test]
async fn every_stage_and_candidate_is_heard_in_its_order() {
    let house = House::with(&made_up(1, 2_000)).await;
    let heard = Arc::new(Heard::default());
    let listener: Listener = heard.clone();
    run(&request("first"), &house.stores, &listener).await.unwrap();
    let mut expected = Vec::new();
    for stage in Stage::ALL {
        expected.push(format!("{stage} begins"));
        if stage == Stage::Fit {
            for family in request("first").training.families {
                expected.extend([format!("{family} begins"), format!("{family} ends")]);
            }
        }
        expected.push(format!("{stage} ends"));
    }
    assert_eq!(*heard.0.lock().unwrap(), expected);
}
