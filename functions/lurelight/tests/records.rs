//! The built program: rows are pushed, trained on and exported, and what is wrong with them is said.
#![expect(clippy::unwrap_used, reason = "a test reports by panicking")]

mod home;

use std::fs;
use std::path::Path;

use home::{lurelight, printed, refused, short};
use serde_json::Value;
use tempfile::TempDir;

/// A folder with synthetic rows in `sites.csv`.
fn folder_with(rows: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    printed(folder.path(), &["sample", rows, "--out", "sites.csv"]);
    folder
}

/// A text without its line breaks.
fn joined(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `sites.csv` with each row changed, by its cells; the last is the label.
fn changed(folder: &TempDir, name: &str, mut change: impl FnMut(&mut Vec<String>) -> bool) {
    let text = fs::read_to_string(folder.path().join("sites.csv")).unwrap();
    let mut lines = text.lines();
    let mut written = format!("{}\n", lines.next().unwrap());
    for line in lines {
        let mut cells: Vec<String> = line.split(',').map(str::to_owned).collect();
        if change(&mut cells) {
            written += &format!("{}\n", cells.join(","));
        }
    }
    fs::write(folder.path().join(name), written).unwrap();
}

/// `sites.csv` as ARFF.
fn as_arff(folder: &Path) -> String {
    let text = fs::read_to_string(folder.join("sites.csv")).unwrap();
    let mut lines = text.lines();
    let mut arff = "@relation sites\n".to_owned();
    for name in lines.next().unwrap().split(',').skip(1) {
        arff += &format!("@attribute {name} {{-1,0,1}}\n");
    }
    arff += "@data\n";
    for line in lines {
        arff += &format!("{}\n", line.split_once(',').unwrap().1);
    }
    arff
}

#[test]
fn the_same_rows_are_one_batch_from_whatever_file() {
    let folder = folder_with("300");
    let at = folder.path();
    fs::write(at.join("sites.arff"), as_arff(at)).unwrap();
    assert!(
        printed(at, &["push", "sites.csv", "--dry-run"])
            .starts_with("sites.csv: would push 300 rows as batch ")
    );
    assert!(!home::home(at).exists(), "a dry run writes nothing");
    let pushed = printed(at, &["push", "sites.csv", "sites.arff"]);
    let lines: Vec<&str> = pushed.lines().collect();
    let batch = lines[0].strip_prefix("sites.csv: pushed 300 rows as batch ").unwrap();
    assert!(
        lines[1].starts_with(&format!(
            "sites.arff: no change: these 300 rows are there as batch {batch}, pushed from sites.csv at 20"
        )),
        "{pushed}"
    );
    let json: Value = serde_json::from_str(&printed(at, &["push", "sites.arff", "--json"])).unwrap();
    assert_eq!(json["files"][0]["outcome"], "no_change");
    assert!(json["files"][0]["batch"].as_str().unwrap().starts_with(batch));

    let listed = printed(at, &["batches"]);
    assert!(listed.contains(batch) && listed.ends_with("300 rows in 1 batch\n"), "{listed}");
    let (code, said) = refused(at, &["batches", "delete", "123"]);
    assert!(code == 2 && said.contains("too short"), "{said}");
    let (code, said) = refused(at, &["batches", "delete", &batch[..6], "zzzzzz"]);
    assert!(code == 1 && said.contains("no batch's name begins with zzzzzz"), "{said}");
    let deleted = printed(at, &["batches", "delete", &batch[..6]]);
    assert_eq!(deleted, format!("batch {batch} is deleted: 300 rows from sites.csv\n"));
    assert!(printed(at, &["batches"]).contains("has no records yet"));
}

#[test]
fn every_file_is_answered_for() {
    let folder = folder_with("50");
    let at = folder.path();
    changed(&folder, "bad.csv", |cells| {
        cells[1] = "54".to_owned();
        true
    });
    let (code, said) = refused(at, &["push", "bad.csv"]);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("bad.csv cannot be pushed: none of the 50 rows can be used"), "{said}");
    assert!(said.contains("line 2, column having_IP_Address"), "{said}");
    assert!(!home::home(at).exists(), "nothing is written");

    let output = lurelight(at, &["push", "bad.csv", "absent.csv", "sites.csv"]);
    let (out, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(out.starts_with("sites.csv: pushed 50 rows") && out.lines().count() == 1, "{out}");
    for expected in ["none of the 50 rows", "absent.csv cannot be opened", "2 of 3 files cannot be pushed"] {
        assert!(said.contains(expected), "{said}");
    }
    let output = lurelight(at, &["push", "bad.csv", "sites.csv", "--json"]);
    assert_eq!(output.status.code(), Some(3));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!([&json["files"][0]["outcome"], &json["files"][1]["outcome"]], ["failed", "no_change"]);
}

#[test]
fn training_ends_in_words_and_a_second_time_without_a_change() {
    let folder = folder_with("600");
    let at = folder.path();
    printed(at, &["push", "sites.csv"]);
    let output = lurelight(at, &short(&["--run", "first"]));
    let (text, said) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{said}");
    let stages: Vec<&str> = said.lines().map(|line| line.split_whitespace().next().unwrap()).collect();
    assert_eq!(stages, ["ingest", "validate", "transform", "fit", "fit", "evaluate", "promote"], "{said}");
    for expected in [
        "Version 1 is the first champion: ",
        "Records  600 rows in 1 batch",
        "CV log-loss",
        "Champion  version 1, logistic regression, of run first",
        "lurelight serve",
    ] {
        assert!(text.contains(expected), "{expected} is not in\n{text}");
    }
    let page = text.lines().find_map(|line| line.strip_prefix("Report    file://")).unwrap();
    assert!(fs::read_to_string(page).unwrap().contains("</html>"), "{page}");

    let again = printed(at, &short(&[]));
    assert!(again.starts_with("No change: the champion, version 1, was made of these records"), "{again}");
    let json: Value = serde_json::from_str(&printed(at, &short(&["--seed", "7", "--json"]))).unwrap();
    assert_eq!((&json["outcome"], &json["champion"]["version"]["number"]), (&"no change".into(), &1.into()));
    let ended = lurelight(at, &["train", "--run", "first"]);
    assert!(String::from_utf8_lossy(&ended.stderr).contains("run first has ended before"));
    let version = printed(at, &["--version"]);
    let program = json["champion"]["version"]["program"].as_str().unwrap();
    assert_eq!(program, version.trim(), "a version names the program that made it");
}

#[test]
fn a_run_that_was_broken_off_goes_on_as_it_was_asked_for() {
    let folder = folder_with("400");
    let at = folder.path();
    printed(at, &["push", "sites.csv"]);
    printed(at, &short(&["--run", "r", "--seed", "5", "--reason", "a test"]));
    let run = home::home(at).join("artifacts/runs/r");
    let before = fs::read(run.join("evaluate.json")).unwrap();
    for name in ["transform.json", "evaluate.json", "promote.json", "report.html"] {
        fs::remove_file(run.join(name)).unwrap();
    }
    let (code, said) = refused(at, &["train", "--run", "r", "--seed", "6"]);
    assert!(code == 2 && said.contains("other options of training"), "{code} {said}");
    let output = lurelight(at, &["train", "--run", "r"]);
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("run r goes on\n"));
    assert!(output.status.success());
    assert_eq!(fs::read(run.join("evaluate.json")).unwrap(), before);
    assert!(run.join("report.html").exists() && run.join("promote.json").exists());
}

#[test]
fn what_makes_no_sense_together_is_refused() {
    let folder = folder_with("20");
    let at = folder.path();
    let table: [(&[&str], &str); 10] = [
        (&["train", "--out", "m.lure"], "--out is where the model of `lurelight train FILE` goes"),
        (&["train", "sites.csv", "--run", "r"], "cannot be used with '--run"),
        (&["train", "sites.csv", "--home", "h"], "cannot be used with '--home"),
        (&["train", "sites.csv", "--bucket", "b"], "cannot be used with '--bucket"),
        (&["batches", "--home", "h", "--bucket", "b"], "cannot be used with"),
        (&["train", "sites.csv", "--promote-min-f1", "0.9"], "cannot be used with '--promote-min-f1"),
        (&["train", "--promote-min-f1", "93"], "a number from 0 to 1"),
        (&["train", "--run", "a/b"], "a/b"),
        (
            &["train", "--max-false-positive-rate", "2"],
            "the false positive rate must be at least 0 and below 1",
        ),
        (&["export", "--part", "records", "--run", "r"], "leave --run out"),
    ];
    for (arguments, expected) in table {
        let (code, said) = refused(at, arguments);
        assert!(code == 2 && said.contains(expected), "{arguments:?}: {code} {said}");
    }
    let (code, said) = refused(at, &["export"]);
    assert!(code == 1 && said.contains("--part records"), "{code} {said}");
    let (code, said) = refused(at, &["export", "--part", "records"]);
    assert!(code == 3 && said.contains("lurelight push FILE"), "{code} {said}");
}

#[test]
fn rows_that_make_no_model_are_told_so() {
    let folder = folder_with("200");
    let at = folder.path();
    let (code, said) = refused(at, &["train"]);
    assert!(code == 3 && said.contains("has no records to learn from: push labelled rows first"), "{said}");

    changed(&folder, "phishing.csv", |cells| cells[31] == "-1");
    printed(at, &["push", "phishing.csv"]);
    let (code, said) = refused(at, &["train"]);
    assert!(
        code == 3 && said.contains("usable rows are labelled phishing: a model needs rows of both"),
        "{said}"
    );

    let ten = folder_with("10");
    printed(ten.path(), &["push", "sites.csv"]);
    let (code, said) = refused(ten.path(), &["train"]);
    assert!(code == 3 && said.contains("more distinct rows of both labels are the only remedy"), "{said}");

    // Rows without any value are kept when they are pushed, and none of them can be learnt from.
    let holes = folder_with("30");
    changed(&holes, "holes.csv", |cells| {
        cells[1..31].fill(String::new());
        true
    });
    let pushed = lurelight(holes.path(), &["push", "holes.csv"]);
    assert!(pushed.status.success(), "{}", String::from_utf8_lossy(&pushed.stderr));
    let (code, said) = refused(holes.path(), &["train"]);
    assert!(code == 3 && said.contains("none of the 30 rows can be used"), "{said}");
    assert_eq!(printed(holes.path(), &["export", "--part", "invalid"]).lines().count(), 31);
    assert_eq!(printed(holes.path(), &["export", "--part", "valid"]).lines().count(), 1);
}

#[test]
fn a_constant_column_is_named_and_trained_with() {
    let folder = folder_with("400");
    changed(&folder, "constant.csv", |cells| {
        cells[8] = "1".to_owned();
        true
    });
    printed(folder.path(), &["push", "constant.csv"]);
    let text = joined(&printed(folder.path(), &short(&[])));
    assert!(text.contains(
        "one column has the same value in every row, so nothing can be learnt from it: SSLfinal_State"
    ));
    assert!(text.contains("Version 1 is the first champion"), "{text}");
}

#[test]
fn a_batch_that_contradicts_itself_is_kept_and_said() {
    let folder = folder_with("300");
    let at = folder.path();
    let mut turned = fs::read_to_string(at.join("sites.csv")).unwrap();
    changed(&folder, "turned.csv", |cells| {
        cells[31] = if cells[31] == "1" { "-1" } else { "1" }.to_owned();
        true
    });
    turned.extend(fs::read_to_string(at.join("turned.csv")).unwrap().split_inclusive('\n').skip(1));
    fs::write(at.join("both.csv"), turned).unwrap();
    let output = lurelight(at, &["push", "both.csv"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.success()
            && said.contains(" feature vectors stand there as phishing and as legitimate"),
        "{said}"
    );
    let text = joined(&printed(at, &["train", "--families", "decision-tree"]));
    assert!(
        text.starts_with("There is no champion yet, and version 1 does not become it: F1 of phishing"),
        "{text}"
    );
    assert!(text.contains("(both.csv) contradicts itself") && text.contains("Champion none yet"), "{text}");
}

#[test]
fn what_is_exported_is_pushed_again_without_a_change() {
    let folder = folder_with("500");
    let at = folder.path();
    // Holes must come back as holes.
    let mut row = 0;
    changed(&folder, "holes.csv", |cells| {
        row += 1;
        cells[1 + row % 30] = "?".to_owned();
        true
    });
    printed(at, &["push", "holes.csv"]);
    printed(at, &short(&["--run", "r"]));
    for (part, format) in [("snapshot", "csv"), ("snapshot", "jsonl"), ("valid", "csv"), ("records", "csv")] {
        let file = format!("{part}.{format}");
        let said = lurelight(at, &["export", "--part", part, "--format", format, "--out", &file]);
        assert!(String::from_utf8_lossy(&said.stderr).starts_with(&format!("{file}: 500 rows, ")));
        assert!(printed(at, &["push", &file]).contains(": no change: "), "{file}");
    }
    let whole = fs::read_to_string(at.join("snapshot.csv")).unwrap();
    assert_eq!(printed(at, &["export"]), whole);
    let names = lurelight_schema::Feature::ALL.map(|feature| feature.name()).join(",");
    assert!(whole.starts_with(&format!("batch,row,{names},Result\n")));

    // The two parts of the split are all rows, none of them twice.
    let [train, test] = ["train", "test"].map(|part| printed(at, &["export", "--part", part, "--run", "r"]));
    let mut both: Vec<&str> = train.lines().skip(1).chain(test.lines().skip(1)).collect();
    let mut all: Vec<&str> = whole.lines().skip(1).collect();
    both.sort_unstable();
    all.sort_unstable();
    assert!(both == all && train.lines().count() > test.lines().count());
    fs::create_dir(at.join("out")).unwrap();
    printed(at, &["export", "--part", "test", "--out", "out"]);
    assert_eq!(fs::read_to_string(at.join("out/r-test.csv")).unwrap(), test);
    assert_eq!(fs::read_dir(at.join("out")).unwrap().count(), 1, "nothing is left lying about");
}

#[test]
fn two_trainings_at_once_leave_one_champion() {
    let folder = folder_with("500");
    let at = folder.path();
    printed(at, &["push", "sites.csv"]);
    for round in 0..3 {
        let rate = format!("0.{}", 2 + round);
        let begin = |seed: &str| {
            home::command(at, &short(&["--max-false-positive-rate", &rate, "--seed", seed])).spawn().unwrap()
        };
        let children = [begin("1"), begin("2")];
        for child in children {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        printed(at, &["models", "verify"]);
    }
    let json: Value = serde_json::from_str(&printed(at, &["train", "--json"])).unwrap();
    assert!(json["champion"]["event"]["sequence"].as_u64() >= Some(1), "{json}");
}
