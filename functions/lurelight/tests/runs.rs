//! The built program: runs that the pipeline made of made-up records, listed, shown and compared.

#![expect(clippy::unwrap_used, reason = "a test may panic outside its test functions, too")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use lurelight_learn::TrainOptions;
use lurelight_learn::synthetic::Statistics;
use lurelight_model::Family;
use lurelight_pipeline::{
    DriftRules, Outcome, PromotionRules, RunRequest, Stores, ingest, run, silent, transform, validate,
};
use lurelight_schema::{Code, Feature, FeatureVector, Label, Record};
use lurelight_store::{DirectoryArtifacts, DirectoryRecords, push};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

const PROGRAM: &str = env!("CARGO_BIN_EXE_lurelight");

fn stores(home: &Path) -> Stores {
    Stores {
        artifacts: Arc::new(DirectoryArtifacts::open(home.join("artifacts"))),
        records: Arc::new(DirectoryRecords::open(home.join("records"))),
    }
}

fn made_up(seed: u64, rows: usize) -> Vec<Record> {
    Statistics::built_in().unwrap().generate(seed).take(rows).collect()
}

/// A quick run that promotes what made-up records allow.
fn request(name: &str, minute: i64) -> RunRequest {
    RunRequest {
        run: name.parse().unwrap(),
        at: Timestamp::from_second(1_770_000_000 + 60 * minute).unwrap(),
        actor: "dora@desk".to_owned(),
        reason: "new rows came".to_owned(),
        program: "0.1.0".to_owned(),
        training: TrainOptions {
            families: vec![Family::LogisticRegression, Family::DecisionTree],
            ..TrainOptions::default()
        },
        drift: DriftRules::default(),
        promotion: PromotionRules {
            min_f1: 0.8,
            min_roc_auc: 0.8,
            max_false_positive_rate: 0.2,
            ..PromotionRules::default()
        },
    }
}

async fn pushed(stores: &Stores, records: &[Record], source: &str) {
    push(&*stores.records, records, source, Timestamp::UNIX_EPOCH, &|_| ()).await.unwrap();
}

/// A home with four runs: `b-first` promoted, `b-same` without a change, `a-later` on more records and with other
/// options, `unfinished` broken off. Made once.
fn four_runs() -> &'static Path {
    static HOME: OnceLock<PathBuf> = OnceLock::new();
    HOME.get_or_init(|| {
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("four-runs");
        if home.exists() {
            fs::remove_dir_all(&home).unwrap();
        }
        let stores = stores(&home);
        Runtime::new().unwrap().block_on(async {
            pushed(&stores, &made_up(1, 2_000), "first.csv").await;
            let first = run(&request("b-first", 1), &stores, &silent()).await.unwrap();
            assert_eq!(first.outcome, Outcome::Promoted);
            let same = run(&request("b-same", 2), &stores, &silent()).await.unwrap();
            assert_eq!(same.outcome, Outcome::NoChange);
            let mut drifted = made_up(2, 700);
            for record in drifted.iter_mut().step_by(2) {
                record.vector = record.vector.with(Feature::ALL[5], Code::Plus);
            }
            pushed(&stores, &drifted, "later.csv").await;
            let mut later = request("a-later", 3);
            later.training.cv_folds = 4;
            later.promotion.max_false_positive_rate = 0.000_1;
            let kept = run(&later, &stores, &silent()).await.unwrap();
            assert_eq!(kept.outcome, Outcome::Kept, "{}", kept.words());
            let unfinished = request("unfinished", 4);
            let unfinished =
                RunRequest { training: TrainOptions { cv_folds: 5, ..unfinished.training }, ..unfinished };
            ingest(&unfinished, &stores, &silent()).await.unwrap();
            validate(&unfinished.run, &stores, &silent()).await.unwrap();
            transform(&unfinished.run, &stores, &silent()).await.unwrap();
        });
        home
    })
}

fn ran(home: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.arg(arguments[0]).arg("--home").arg(home).args(&arguments[1..]).stdin(Stdio::null());
    command.output().unwrap()
}

fn printed(home: &Path, arguments: &[&str]) -> String {
    let output = ran(home, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

fn json(home: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&printed(home, &[arguments, &["--json"]].concat())).unwrap()
}

/// The exit code and standard error of a command that prints nothing.
fn refused(home: &Path, arguments: &[&str]) -> (i32, String) {
    let output = ran(home, arguments);
    assert_eq!(text(&output.stdout), "", "{arguments:?}");
    (output.status.code().unwrap(), text(&output.stderr))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Words without the places where lines end.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn holds(text: &str, expected: &[&str]) {
    let joined = words(text);
    for expected in expected {
        assert!(joined.contains(expected), "{expected:?} is not in\n{text}");
    }
}

#[test]
fn runs_are_listed_with_how_they_ended_the_newest_last() {
    let home = four_runs();
    let listed = printed(home, &["runs"]);
    assert_eq!(listed, printed(home, &["runs", "list"]));
    let lines: Vec<String> = listed.lines().take(5).map(words).collect();
    assert_eq!(lines[0], "run asked, UTC by rows outcome version best family F1");
    assert!(lines[1].starts_with("b-first 2026-02-02 02:41 dora@desk 2,000 promoted 1 "), "{listed}");
    assert_eq!(lines[2], "b-same 2026-02-02 02:42 dora@desk 2,000 no change");
    assert!(lines[3].starts_with("a-later 2026-02-02 02:43 dora@desk 2,700 kept 2 "), "{listed}");
    assert_eq!(lines[4], "unfinished 2026-02-02 02:44 dora@desk 2,700 unfinished at fit");
    let json = json(home, &["runs"]);
    assert_eq!((&json[0]["ending"]["outcome"], &json[0]["version"]), (&"promoted".into(), &1.into()));
    assert_eq!(
        (&json[3]["ending"]["state"], &json[3]["ending"]["stage"]),
        (&"unfinished".into(), &"fit".into())
    );
    assert!(json[2]["f1"].as_f64().unwrap() > 0.8);
}

#[test]
fn a_run_is_shown_with_all_that_came_of_it() {
    let home = four_runs();
    let first = printed(home, &["runs", "show", "b-first"]);
    holds(
        &first,
        &[
            "Outcome Version 1 is the first champion: F1 of phishing is 0.",
            "Asked 2026-02-02 02:41:00 UTC by dora@desk: new rows came",
            "seed 42, 3 folds, threshold of the best F1, logistic-regression, decision-tree; program 0.1.0",
            "Records 2,000 rows in 1 batch: ",
            "Quality every row can be used; ",
            "Drift There is no champion yet",
            "artifacts/runs/b-first/report.html",
            "artifacts/runs/b-first/drift.html",
            "1970-01-01 00:00 first.csv",
            "candidate CV F1 CV log-loss F1 accuracy AUC log-loss",
            "met F1 of phishing 0.",
            ">= 0.8000",
            "no champion served; one version was measured on them so far.",
        ],
    );
    for line in first.lines().filter(|line| line.ends_with(".html")) {
        assert!(Path::new(line.trim_start_matches("Pages").trim()).is_file(), "{line}");
    }
    let later = printed(home, &["runs", "show", "a-l"]);
    holds(
        &later,
        &[
            "The champion, version 1, stays, and version 2 is kept beside it: ",
            "have drifted from those that it was trained on",
            "most drifted feature stability index adjusted p verdict Prefix_Suffix",
            "NOT MET the false positive rate 0.",
            "<= 0.0001",
            "against version 1, which served; 2 versions were measured",
        ],
    );
    holds(
        &printed(home, &["runs", "show", "b-same"]),
        &["Outcome No change: the champion, version 1, was made"],
    );
    // The newest one.
    let newest = printed(home, &["runs", "show"]);
    holds(
        &newest,
        &[
            "Run unfinished",
            "Unfinished: fit has left no report.",
            "`lurelight train --run unfinished` takes it up again.",
            "Split 1,",
        ],
    );
    assert!(!newest.contains("report.html"), "{newest}");
    let json = json(home, &["runs", "show", "a-later"]);
    for report in ["ingest", "validate", "drift", "transform", "evaluate", "promote"] {
        assert!(json[report].is_object(), "{report}");
    }
    assert_eq!((json["candidates"].as_array().unwrap().len(), &json["run"]), (2, &"a-later".into()));
}

#[test]
fn two_runs_are_compared_by_what_differs() {
    let home = four_runs();
    let compared = printed(home, &["runs", "compare", "b-f", "a-later"]);
    holds(
        &compared,
        &[
            "A b-first (2026-02-02 02:41:00 UTC by dora@desk) Version 1 is the first champion",
            "B a-later (2026-02-02 02:43:00 UTC by dora@desk) The champion, version 1, stays",
            "cv_folds 3 -> 4",
            "promotion max_false_positive_rate 0.2 -> 0.0001",
            "rows 2,000 2,700 +700",
            "(later.csv, 700 rows, pushed 1970-01-01 00:00)",
            "The two runs measured on other rows",
        ],
    );
    assert!(!compared.contains("seed") && !compared.contains("Not in B"), "{compared}");
    let back = printed(home, &["runs", "compare", "a-later", "b-first"]);
    holds(&back, &["rows 2,700 2,000 -700", "Not in B", "cv_folds 4 -> 3"]);
    let same = printed(home, &["runs", "compare", "b-first", "b-same"]);
    holds(
        &same,
        &["Both were asked the same, by the same program.", "Both read the same 2,000 records", "-"],
    );
    let itself = json(home, &["runs", "compare", "a-later", "a-later"]);
    assert_eq!(itself["options"], Value::Array(Vec::new()));
    assert_eq!(itself["candidates"][0]["a"], itself["candidates"][0]["b"]);
    let json = json(home, &["runs", "compare", "b-first", "a-later"]);
    assert_eq!(json["records"]["added"][0]["source"], "later.csv");
    assert_eq!(json["records"]["same"], false);
}

#[test]
fn two_versions_are_measured_on_the_same_rows() {
    let home = four_runs();
    let diff = printed(home, &["models", "diff", "1", "2"]);
    holds(
        &diff,
        &[
            "Artifacts not the same bytes",
            "rows 2,000 2,700 +700",
            "The figures of the two cards cannot be compared",
            "Both on folds 0 to 2 of the records of run a-later: ",
            "a 95 % interval of paired draws.",
            "Importance: by how much log-loss rises",
        ],
    );
    let itself = printed(home, &["models", "diff", "2", "2"]);
    holds(
        &itself,
        &[
            "Artifacts the same, byte for byte",
            "The figures can be compared",
            "the difference is 0 [0, 0]",
            "No feature is of another importance.",
        ],
    );
    let json = json(home, &["models", "diff", "1", "2"]);
    assert_eq!((&json["same_bytes"], &json["same_test_rows"]), (&false.into(), &false.into()));
    let f1 = &json["same_rows"]["f1_difference"];
    let measured = json["same_rows"]["challenger"]["f1"].as_f64().unwrap()
        - json["same_rows"]["champion"]["f1"].as_f64().unwrap();
    assert!((f1["value"].as_f64().unwrap() - measured).abs() < 1e-5, "{}", json["same_rows"]);
    // The later version's own card was measured on these rows.
    let card = &json["figures"][0]["b"]["value"];
    assert!((json["same_rows"]["challenger"]["f1"].as_f64().unwrap() - card.as_f64().unwrap()).abs() < 1e-5);
}

#[test]
fn names_may_be_short_and_must_be_unique() {
    let home = four_runs();
    let table: [(&[&str], &str); 4] = [
        (
            &["runs", "show", "b-"],
            "2 runs have a name that begins with \"b-\" (b-first, b-same): give more of it",
        ),
        (&["runs", "show", "x"], "has a name that begins with \"x\": `lurelight runs` lists the 4 runs"),
        (&["runs", "compare", "a", "x/../y"], "has a name that begins with \"x/../y\""),
        (&["runs", "show", ""], "4 runs have a name that begins with \"\""),
    ];
    for (arguments, expected) in table {
        let (code, said) = refused(home, arguments);
        assert!(code == 1 && said.contains(expected), "{arguments:?}: {code} {said}");
    }
    assert_eq!(refused(home, &["runs", "compare", "a"]).0, 2);
}

#[test]
fn where_there_is_no_run_it_is_said_what_makes_one() {
    let folder = TempDir::new().unwrap();
    let home = folder.path().join("home");
    let hint = "`lurelight push FILE` and then `lurelight train` make one";
    holds(&printed(&home, &["runs"]), &["There is no run in", hint]);
    assert_eq!(printed(&home, &["runs", "--json"]), "[]\n");
    for arguments in [&["runs", "show"][..], &["runs", "show", "x"], &["runs", "compare", "x", "y"]] {
        let (code, said) = refused(&home, arguments);
        assert!(code == 1 && said.contains("there is no run in") && said.contains(hint), "{code} {said}");
    }
    assert!(!home.exists(), "looking made a home");
}

#[test]
fn runs_that_failed_say_why_and_damaged_ones_do_not_hide_the_rest() {
    let folder = TempDir::new().unwrap();
    let home = folder.path().join("home");
    let stores = stores(&home);
    Runtime::new().unwrap().block_on(async {
        let missing = Record { vector: FeatureVector::MISSING, label: Label::Phishing };
        pushed(&stores, &[missing, missing], "nothing.csv").await;
        run(&request("useless", 1), &stores, &silent()).await.unwrap_err();
        let phishing: Vec<Record> =
            made_up(1, 300).into_iter().filter(|record| record.label == Label::Phishing).collect();
        pushed(&stores, &phishing, "one-class.csv").await;
        run(&request("one-class", 2), &stores, &silent()).await.unwrap_err();
        ingest(&request("torn", 3), &stores, &silent()).await.unwrap();
    });
    let report = home.join("artifacts/runs/torn/ingest.json");
    fs::write(&report, "{\"request\": {").unwrap();

    let output = ran(&home, &["runs"]);
    assert!(output.status.success());
    holds(
        &text(&output.stdout),
        &[
            "torn damaged report",
            "useless 2026-02-02 02:41 dora@desk 2 failed at validate",
            "one-class 2026-02-02 02:42 dora@desk",
        ],
    );
    let said = text(&output.stderr);
    assert!(said.contains("runs/torn/ingest.json of ") && said.contains("is damaged: EOF"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    let (code, said) = refused(&home, &["runs", "show", "torn"]);
    assert!(code == 4 && said.contains("runs/torn/ingest.json"), "{code} {said}");
    assert_eq!(refused(&home, &["runs", "compare", "torn", "useless"]).0, 4);

    holds(
        &printed(&home, &["runs", "show", "use"]),
        &["Failed at validate: none of the 2 rows can be used."],
    );
    holds(
        &printed(&home, &["runs", "show", "useless"]),
        &["2 rows cannot be used, runs/useless/invalid.csv says why"],
    );
    let newest = ran(&home, &["runs", "show"]);
    holds(
        &text(&newest.stdout),
        &["Run one-class", "Failed at validate: all usable rows are labelled phishing."],
    );
    holds(&text(&newest.stderr), &["run torn is passed over: "]);
}
