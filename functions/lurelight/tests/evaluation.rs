//! The built program: evaluate, by several protocols on the same folds.

#![expect(clippy::unwrap_used, reason = "a test may panic outside its test functions, too")]

use std::fs;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_lurelight");
/// Quick ones.
const FAMILIES: &str = "decision-tree,logistic-regression";

fn lurelight(folder: &TempDir, arguments: &[&str]) -> Output {
    let mut program = Command::new(PROGRAM);
    program.args(arguments).current_dir(folder.path()).stdin(Stdio::null()).env_remove("LURELIGHT_HOME");
    program.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A folder with labelled synthetic rows in `sites.csv`.
fn folder_with_rows(count: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    let made = lurelight(&folder, &["sample", count, "--out", "sites.csv"]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    folder
}

fn json(folder: &TempDir, arguments: &[&str]) -> Value {
    let output = lurelight(folder, arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_file_and_the_records_of_a_home_are_evaluated_alike() {
    let folder = folder_with_rows("900");
    let rest = ["--families", FAMILIES, "--folds", "3", "--json"];
    let mut of_file = json(&folder, &[&["evaluate", "sites.csv"][..], &rest].concat());
    assert!(lurelight(&folder, &["push", "sites.csv"]).status.success());
    let mut of_home = json(&folder, &[&["evaluate"][..], &rest].concat());
    assert_eq!(
        (&of_file["source"], &of_home["source"]),
        (&"sites.csv".into(), &"the records of .lurelight".into())
    );
    for printed in [&mut of_file, &mut of_home] {
        printed.as_object_mut().unwrap().remove("source");
    }
    assert_eq!(of_file, of_home);
    assert_eq!(of_file["rows"], 900);
    let protocols: Vec<&str> =
        of_file["protocols"].as_array().unwrap().iter().map(|p| p["protocol"].as_str().unwrap()).collect();
    assert_eq!(protocols, ["random-k-fold", "grouped-k-fold", "hash-split", "random-split"]);
    let champion = &of_file["protocols"][1]["results"][2];
    assert_eq!(champion["contestant"], "champion");
    for metric in ["accuracy", "precision", "recall", "f1", "roc_auc", "pr_auc", "log_loss", "brier"] {
        let [low, value, high] = ["low", "value", "high"].map(|end| champion[metric][end].as_f64().unwrap());
        assert!(low <= value && value <= high && low < high, "{metric}: {low} {value} {high}");
    }
    assert_eq!(of_file["inflation"].as_array().unwrap().len(), 3);
}

#[test]
fn a_terminal_and_a_page_show_every_protocol_and_the_ceiling() {
    let folder = folder_with_rows("900");
    let arguments = ["evaluate", "sites.csv", "--families", FAMILIES, "--folds", "3", "--seeds", "5,6"];
    let output = lurelight(&folder, &[&arguments[..], &["--page", "page.html"]].concat());
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    let printed = text(&output.stdout);
    let page = fs::read_to_string(folder.path().join("page.html")).unwrap();
    for expected in [
        "Random stratified 3-fold",
        "Grouped stratified 3-fold",
        "Hash split",
        "Random split",
        "Inflation by random folds",
        "champion, calibrated",
        "logistic regression",
    ] {
        assert!(printed.contains(expected), "{expected} is not in\n{printed}");
        assert!(page.contains(expected), "{expected} is not on the page");
    }
    assert!(printed.contains("Spread over 2 seeds") && printed.contains("Noise ceiling"), "{printed}");
    assert!(page.contains("± ") && page.contains("<svg") && !page.contains("<script"));
}

#[test]
fn folds_for_other_programs_are_those_that_were_evaluated() {
    let folder = folder_with_rows("600");
    let arguments = ["evaluate", "sites.csv", "--seeds", "5,6", "--folds", "4", "--folds-only"];
    for out in ["folds.csv", "folds.json"] {
        let output = lurelight(&folder, &[&arguments[..], &["--folds-out", out]].concat());
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), String::new()), "{output:?}");
    }
    let csv = fs::read_to_string(folder.path().join("folds.csv")).unwrap();
    let rows: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    let header = [
        "random-k-fold/5",
        "random-k-fold/6",
        "grouped-k-fold/5",
        "grouped-k-fold/6",
        "hash-split",
        "random-split/5",
        "random-split/6",
    ];
    assert_eq!((rows.len(), &rows[0][32..]), (601, &header[..]));
    let folds: Value = serde_json::from_slice(&fs::read(folder.path().join("folds.json")).unwrap()).unwrap();
    for (place, division) in folds["divisions"].as_array().unwrap().iter().enumerate() {
        let cell = |row: &Vec<&str>| row[32 + place].parse::<u64>().ok().map_or(Value::Null, Value::from);
        assert_eq!(division["tested_in"], Value::Array(rows[1..].iter().map(cell).collect()), "{place}");
    }
    // Rows with equal features are tested in one grouped fold.
    let mut by_features = std::collections::HashMap::new();
    for row in &rows[1..] {
        assert_eq!(*by_features.entry(&row[1..31]).or_insert(row[34]), row[34]);
    }
    // The file of folds is a file of rows, too.
    let rest = ["--families", "decision-tree", "--protocols", "hash-split", "--json"];
    let [one, other] =
        ["sites.csv", "folds.csv"].map(|file| json(&folder, &[&["evaluate", file][..], &rest].concat()));
    assert_eq!(one["digest"], other["digest"]);
}

#[test]
fn what_cannot_be_evaluated_is_refused_in_words() {
    let folder = folder_with_rows("12");
    let table: [(&[&str], i32, &str); 7] = [
        (&["evaluate"], 3, "has no records yet"),
        (&["evaluate", "sites.csv"], 3, "more distinct rows of both labels are the only remedy"),
        (&["evaluate", "absent.csv"], 1, "absent.csv cannot be opened"),
        (&["evaluate", "sites.csv", "--home", "h"], 2, "FILE cannot be used with '--home'"),
        (&["evaluate", "sites.csv", "--seeds", "1,1"], 2, "1 to 100 seeds must be named, and each once"),
        (&["evaluate", "sites.csv", "--protocols", "holdout"], 2, "is no protocol; there are random-k-fold"),
        (&["evaluate", "sites.csv", "--page", "absent/page.html"], 1, "no file can be made in absent"),
    ];
    for (arguments, code, expected) in table {
        let output = lurelight(&folder, arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
    assert!(!folder.path().join("absent").exists());
}
