//! The built program: schema, sample and predict.

#![expect(clippy::unwrap_used, reason = "a test may panic outside its test functions, too")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const SAMPLE: &str = include_str!("../../predict/assets/sample.csv");

fn lurelight(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_lurelight"))
        .args(arguments)
        .env_remove("LURELIGHT_HOME")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    // A program that stops early closes the pipe.
    let feed = std::thread::spawn(move || stdin.write_all(input.as_bytes()).ok());
    let output = child.wait_with_output().unwrap();
    feed.join().unwrap();
    output
}

/// What a successful run prints.
fn printed(arguments: &[&str], input: &str) -> String {
    let output = lurelight(arguments, input);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The exit code and what was said of a run that prints nothing.
fn refused(arguments: &[&str], input: &str) -> (i32, String) {
    let output = lurelight(arguments, input);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "", "{arguments:?}");
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

fn written(folder: &Path, name: &str, text: &str) -> String {
    let path: PathBuf = folder.join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn the_sample_in_the_repository_is_made_by_the_command() {
    assert_eq!(printed(&["sample"], ""), SAMPLE);
    assert_eq!(printed(&["sample", "200", "--seed", "42"], ""), SAMPLE);
    assert!(SAMPLE.lines().skip(1).all(|line| line.starts_with("synthetic-")));
}

#[test]
fn a_sample_begins_with_every_shorter_one() {
    let ten = printed(&["sample", "10", "--seed", "7"], "");
    assert_eq!(ten.lines().count(), 11);
    assert!(printed(&["sample", "20", "--seed", "7"], "").starts_with(&ten));
    assert_ne!(printed(&["sample", "10", "--seed", "8"], ""), ten);
    assert_eq!(printed(&["sample", "0"], "").lines().count(), 1);
}

#[test]
fn statistics_are_counted_and_used() {
    let folder = tempfile::tempdir().unwrap();
    let rows = printed(&["sample", "2000"], "");
    let table = printed(&["sample", "--count", "-"], &rows);
    let table = written(folder.path(), "table.csv", &table);
    assert_eq!(printed(&["sample", "5", "--statistics", &table], "").lines().count(), 6);
    let (code, said) = refused(&["sample", "--statistics", &written(folder.path(), "bad.csv", "a,b\n")], "");
    assert!(code == 1 && said.contains("is no table of statistics"), "{code} {said}");
    let (code, said) = refused(&["sample", "--count", "-"], "a,b\n1,2\n");
    assert!(code == 3 && said.contains("standard input cannot be counted"), "{code} {said}");
}

#[test]
fn the_schema_has_three_forms() {
    assert!(printed(&["schema"], "").contains("30  Statistical_report"));
    let schema: serde_json::Value = serde_json::from_str(&printed(&["schema", "--json"], "")).unwrap();
    assert_eq!(schema["$defs"]["row"]["required"].as_array().unwrap().len(), 30);
    assert!(printed(&["schema", "--format", "yaml"], "").contains("\n  - name: \"having_IP_Address\"\n"));
}

#[test]
fn csv_carries_all_columns_and_adds_three() {
    let verdicts = printed(&["predict", "-"], SAMPLE);
    let expected = SAMPLE.lines().next().unwrap().to_owned() + ",label,probability,predicted_column";
    assert_eq!(verdicts.lines().next().unwrap(), expected);
    assert_eq!(verdicts.lines().count(), 201);
    for (row, verdict) in SAMPLE.lines().zip(verdicts.lines()).skip(1) {
        let added: Vec<&str> = verdict.strip_prefix(row).unwrap().split(',').skip(1).collect();
        let number = if added[0] == "phishing" { "0.0" } else { "1.0" };
        assert_eq!((added.len(), added[2]), (3, number));
    }
    // An older prediction is replaced.
    assert_eq!(printed(&["predict", "-"], &verdicts), verdicts);
}

#[test]
fn reasons_are_given_where_they_are_wanted() {
    let explained = printed(&["predict", "-", "--explain", "2"], SAMPLE);
    let header = explained.lines().next().unwrap();
    assert!(header.ends_with(",reasons,label,probability,predicted_column"), "{header}");
    let signs = |line: &str| line.matches("(+").count() + line.matches("(−").count();
    assert!(explained.lines().skip(1).all(|line| signs(line) == 2), "{explained}");
    // An older explanation is replaced with the prediction that it belongs to.
    assert_eq!(printed(&["predict", "-", "--explain", "2"], &explained), explained);
    assert_eq!(printed(&["predict", "-"], &explained), printed(&["predict", "-"], SAMPLE));
    let json: serde_json::Value =
        serde_json::from_str(&printed(&["predict", "-", "--json", "--explain", "1"], SAMPLE)).unwrap();
    assert_eq!(json["rows"][0]["reasons"].as_array().unwrap().len(), 1);
    assert_eq!(json["explanation"]["unit"], "log_odds");
    let again: serde_json::Value =
        serde_json::from_str(&printed(&["predict", "-", "--json"], &explained)).unwrap();
    assert_eq!(again["warnings"][0]["column"], "label, predicted_column, probability, reasons");
    assert_eq!(again.get("explanation"), None);
    assert!(
        printed(&["predict", "-", "--format", "html", "--explain", "1"], SAMPLE)
            .contains("td class=\"reasons\"")
    );
}

#[test]
fn cells_are_carried_as_they_came() {
    let mut lines = SAMPLE.lines();
    let header = format!("\"a,b\",{},note", lines.next().unwrap());
    let row = format!("\"say \"\"hi\"\"\",{},=cmd()", lines.next().unwrap());
    let verdicts = printed(&["predict", "-"], &format!("\u{feff}{header}\r\n{row}\r\n"));
    let mut lines = verdicts.lines();
    assert!(lines.next().unwrap().starts_with(&format!("{header},label,")));
    assert!(lines.next().unwrap().starts_with(&format!("{row},")));
    let json = "{\"note\": \"a,\\\"b\\\"\", \"other\": null, \"having_IP_Address\": 1}";
    let names = lurelight_schema::Feature::ALL.map(|feature| format!("\"{feature}\": 1")).join(", ");
    let json = json.replace("\"having_IP_Address\": 1", &names);
    let verdicts = printed(&["predict", "-"], &json);
    assert!(verdicts.lines().nth(1).unwrap().starts_with("\"a,\"\"b\"\"\",,1,1,"), "{verdicts}");
}

#[test]
fn json_is_what_the_api_answers_with() {
    let broken = SAMPLE.replacen(",-1,", ",54,", 1);
    let json: serde_json::Value =
        serde_json::from_str(&printed(&["predict", "-", "--json"], &broken)).unwrap();
    assert_eq!(json["rows"].as_array().unwrap().len(), 199);
    assert_eq!(json["summary"]["rows"], 200);
    assert_eq!(json["errors"][0]["value"], "54");
    assert_eq!(json["model"]["source"], "compiled-in (no champion yet)");
    let threshold = json["threshold"].as_f64().unwrap();
    for row in json["rows"].as_array().unwrap() {
        let probability = row["probability"].as_f64().unwrap();
        let word = if probability >= threshold { "phishing" } else { "legitimate" };
        // Six digits do not tell on which side of the threshold a row is that lies on it.
        assert!(row["label"] == word || (probability - threshold).abs() < 1e-6, "{row}");
    }
}

#[test]
fn the_threshold_is_the_probability_from_which_a_row_is_phishing() {
    let all = printed(&["predict", "-", "--threshold", "0.00001"], SAMPLE);
    assert!(all.lines().skip(1).all(|line| line.contains(",phishing,")));
    let none = printed(&["predict", "-", "--threshold", "0.99999"], SAMPLE);
    assert!(none.lines().skip(1).all(|line| line.contains(",legitimate,")));
    for wrong in ["2", "1", "0", "-0.1", "NaN", "x"] {
        let (code, said) = refused(&["predict", "-", &format!("--threshold={wrong}")], "");
        assert!(code == 2 && said.contains("strictly between 0 and 1"), "{code} {said}");
    }
}

#[test]
fn html_is_a_page_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("verdicts.html");
    let file = written(folder.path(), "<b>.csv", &SAMPLE.replace("synthetic-1.", "<script>."));
    let arguments = ["predict", &file, "--format", "html", "--out", out.to_str().unwrap()];
    assert_eq!(printed(&arguments, ""), "");
    let page = fs::read_to_string(out).unwrap();
    assert!(page.contains("</html>") && page.contains("predicted_column"));
    assert!(!page.contains("<script>.") && !page.contains("<b>.csv"));
}

#[test]
fn an_output_is_whole_or_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let out = written(folder.path(), "out.csv", "before");
    let (code, _) = refused(&["predict", "-", "--out", &out], "a,b\n1,2\n");
    assert_eq!((code, fs::read_to_string(&out).unwrap().as_str()), (3, "before"));
    // The file breaks off in the middle of what is no text.
    let mut cut = SAMPLE.to_owned().into_bytes();
    cut.extend_from_slice(b"\xff\xfe\n");
    let file = folder.path().join("cut.csv");
    fs::write(&file, cut).unwrap();
    let (code, said) = refused(&["predict", file.to_str().unwrap(), "--out", &out], "");
    assert!(code == 3 && said.contains("line 202 is not UTF-8"), "{code} {said}");
    assert_eq!(fs::read_to_string(&out).unwrap(), "before");
    assert_eq!(printed(&["predict", "-", "--out", &out], SAMPLE), "");
    assert_eq!(fs::read_to_string(&out).unwrap().lines().count(), 201);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left lying about");
}

#[test]
fn what_cannot_be_done_has_its_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().to_str().unwrap();
    let bad_model = written(folder.path(), "model.lure", "LURE");
    let table: [(&[&str], &str, i32, &str); 9] = [
        (&["predict"], "", 2, "FILE"),
        (&["predict", "/does/not/exist.csv"], "", 1, "exist.csv cannot be opened"),
        (&["predict", directory], "", 1, "is a directory"),
        (&["predict", "-", "--out", directory], SAMPLE, 1, "is a directory"),
        (&["predict", "-"], "", 3, "standard input cannot be judged: the input is empty"),
        (&["predict", "-"], "\u{89}PNG", 3, "30 of the 30 feature columns are not in the input"),
        (&["predict", "-", "--model", &bad_model], SAMPLE, 4, "model.lure"),
        (&["predict", "-", "--model", directory], SAMPLE, 4, "is a directory"),
        (&["sample", "-3"], "", 2, "-3"),
    ];
    for (arguments, input, code, expected) in table {
        let (seen, said) = refused(arguments, input);
        assert!(seen == code && said.contains(expected), "{arguments:?}: {seen} {said}");
    }
}

#[test]
fn rows_left_out_are_named() {
    let broken = SAMPLE.replacen(",-1,", ",54,", 1);
    let output = lurelight(&["predict", "-"], &broken);
    assert!(output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("standard input: line 2, column "), "{said}");
    assert!(said.contains("standard input: 1 of 200 rows could not be used"), "{said}");
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 200);
}

#[cfg(unix)]
#[test]
fn a_device_is_written_to_and_a_link_followed() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (null, link, file) = (place("null"), place("link.csv"), place("file.csv"));
    std::os::unix::fs::symlink("/dev/null", &null).unwrap();
    fs::write(&file, "before").unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();

    printed(&["predict", "-", "--out", &null], SAMPLE);
    assert!(!fs::metadata(&null).unwrap().is_file(), "the device was replaced");
    printed(&["predict", "-", "--out", &link], SAMPLE);
    assert!(Path::new(&link).is_symlink(), "the link was replaced");
    assert!(fs::read_to_string(&file).unwrap().ends_with(".0\n"));
    let (code, said) = refused(&["train", "-", "--out", &null], SAMPLE);
    assert!(code == 1 && said.contains("ordinary file"), "{code} {said}");
}
