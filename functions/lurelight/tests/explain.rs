//! The built program: `explain`.

#![expect(clippy::unwrap_used, reason = "a test may panic outside its test functions, too")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use lurelight_model::{
    Artifact, Calibration, Classifier, Leaf, LogisticRegression, Member, Model, ModelParts, TreeNode, Trees,
};
use lurelight_schema::{CodeSet, FEATURE_COUNT, Feature};
use serde_json::Value;

const SAMPLE: &str = include_str!("../../predict/assets/sample.csv");

/// Runs in a folder with the sample as `sites.csv`, so without a home.
fn lurelight(folder: &Path, arguments: &[&str]) -> Output {
    fs::write(folder.join("sites.csv"), SAMPLE).unwrap();
    Command::new(env!("CARGO_BIN_EXE_lurelight"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("LURELIGHT_HOME")
        .env_remove("LURELIGHT_BUCKET")
        .output()
        .unwrap()
}

fn printed(arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let output = lurelight(folder.path(), arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn refused(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let output = lurelight(folder, arguments);
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_csv_of_contributions_adds_up() {
    let json: Value =
        serde_json::from_str(&printed(&["explain", "sites.csv", "--json", "--rows", "1"])).unwrap();
    let threshold = json["threshold"].as_f64().unwrap();
    let csv = printed(&["explain", "sites.csv", "--csv"]);
    let mut lines = csv.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    assert_eq!(names[..4], ["row", "label", "probability", "base"]);
    assert_eq!(names[4..34], Feature::ALL.map(Feature::name));
    assert_eq!(names[34..], ["score"]);
    assert_eq!(lines.clone().count(), 200);
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        let numbers: Vec<f64> = cells[3..].iter().map(|cell| cell.parse().unwrap()).collect();
        let sum: f64 = numbers[..31].iter().sum();
        assert!((sum - numbers[31]).abs() < 1e-7, "{line}");
        assert_eq!(cells[1] == "phishing", cells[2].parse::<f64>().unwrap() >= threshold, "{line}");
    }
    let some = printed(&["explain", "sites.csv", "--csv", "--rows", "7,20-21"]);
    let numbers: Vec<&str> = some.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(numbers, ["7", "20", "21"]);
    assert!(some.lines().skip(1).all(|line| csv.contains(line)));
}

#[test]
fn json_has_the_strongest_and_the_sum_of_the_others() {
    let all: Value =
        serde_json::from_str(&printed(&["explain", "sites.csv", "--json", "--rows", "3"])).unwrap();
    let top: Value =
        serde_json::from_str(&printed(&["explain", "sites.csv", "--json", "--rows", "3", "--top", "4"]))
            .unwrap();
    assert!(all["explanation"]["unit"].is_string());
    let (all_row, row) = (&all["rows"][0], &top["rows"][0]);
    assert_eq!(
        (&row["row"], &row["label"], &row["score"]),
        (&all_row["row"], &all_row["label"], &all_row["score"])
    );
    let (everything, strongest) =
        (all_row["contributions"].as_array().unwrap(), row["contributions"].as_array().unwrap());
    assert_eq!(strongest[..], everything[..4]);
    assert!(all_row.get("others").is_none());
    let sum = |list: &[Value]| list.iter().map(|one| one["contribution"].as_f64().unwrap()).sum::<f64>();
    let base = all["explanation"]["base"].as_f64().unwrap();
    let score = row["score"].as_f64().unwrap();
    assert!((base + sum(everything) - score).abs() < 1e-7);
    assert!((base + sum(strongest) + row["others"].as_f64().unwrap() - score).abs() < 1e-7);
    assert_eq!((&top["summary"]["rows"], &top["errors"]), (&Value::from(200), &serde_json::json!([])));
}

#[test]
fn a_waterfall_fits_the_page_and_is_plain_where_it_is_no_terminal() {
    let text = printed(&["explain", "sites.csv", "--rows", "1-2", "--top", "5"]);
    assert!(text.starts_with("Row 1: "), "{text}");
    assert!(text.contains("\n\nRow 2: ") && text.contains("base value") && text.contains(" other features"));
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(!text.contains('\u{1b}'));
    // In words, with the feature's name behind them.
    assert!(text.contains("(SSLfinal_State)") || text.contains("(URL_of_Anchor)"), "{text}");
}

#[test]
fn what_cannot_be_explained_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let linear = LogisticRegression { intercept: 0.0, coefficients: [0.5; FEATURE_COUNT] };
    let step = Trees::new(&[vec![TreeNode::Leaf(Leaf { value: 0.5, rows: 1 })]]).unwrap();
    let members =
        [Classifier::LogisticRegression(linear), Classifier::GradientBoosting { base: 0.0, trees: step }];
    let model = Model::new(ModelParts {
        known_codes: [CodeSet::ALL; FEATURE_COUNT],
        members: members.map(|classifier| Member { imputer: None, classifier }).into(),
        calibration: Calibration::None,
        threshold: 0.5,
    });
    fs::write(folder.path().join("vote.lure"), Artifact::new(model.unwrap()).unwrap().to_bytes()).unwrap();
    for (arguments, code, said) in [
        (&["explain", "sites.csv", "--model", "vote.lure"][..], 4, "a mean of probabilities"),
        (
            &["explain", "sites.csv", "--rows", "200-201"],
            2,
            "--rows names row 201, and sites.csv has 200 rows",
        ),
        (&["explain", "sites.csv", "--rows", "0"], 2, "\"0\" is no row"),
        (&["explain", "sites.csv", "--top", "0"], 2, "--top"),
        (&["explain", "sites.csv", "--csv", "--json"], 2, "cannot be used with"),
        (&["explain", "none.csv"], 1, "none.csv cannot be opened"),
    ] {
        let (status, err) = refused(folder.path(), arguments);
        assert!(status == code && err.contains(said), "{arguments:?}: {status} {err}");
    }
    fs::write(folder.path().join("bad.csv"), SAMPLE.lines().next().unwrap().to_owned() + "\n").unwrap();
    let (status, err) = refused(folder.path(), &["explain", "bad.csv"]);
    assert_eq!(status, 3, "{err}");
}
