//! The built program: train, card, and model files that cannot be used.

#![expect(clippy::unwrap_used, reason = "a test may panic outside its test functions, too")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_lurelight");

fn run(program: &Path, folder: &Path, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).current_dir(folder).stdin(Stdio::null()).output().unwrap()
}

fn lurelight(folder: &TempDir, arguments: &[&str]) -> Output {
    run(Path::new(PROGRAM), folder.path(), arguments)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The exit code and standard error of a run that prints nothing.
fn refused(folder: &TempDir, arguments: &[&str]) -> (i32, String) {
    let output = lurelight(folder, arguments);
    assert_eq!(text(&output.stdout), "", "{arguments:?}");
    (output.status.code().unwrap(), text(&output.stderr))
}

/// A folder with labelled synthetic rows in `sites.csv`.
fn folder_with_rows(count: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    let made = lurelight(&folder, &["sample", count, "--out", "sites.csv"]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    folder
}

fn files(folder: &TempDir) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn training_writes_a_model_that_the_other_commands_use() {
    let folder = folder_with_rows("1500");
    let trained = lurelight(&folder, &["train", "sites.csv"]);
    assert_eq!((trained.status.code(), text(&trained.stderr)), (Some(0), String::new()));
    let printed = text(&trained.stdout);
    for expected in [
        "gradient boosting",
        "random forest",
        "decision tree",
        "logistic regression",
        "seconds",
        "folds 0 to 2",
        "It is in model.lure with card.json beside it",
        "For comparison with what others publish",
    ] {
        assert!(printed.contains(expected), "{expected} is not in\n{printed}");
    }
    assert_eq!(files(&folder), ["card.json", "model.lure", "sites.csv"]);

    let card = lurelight(&folder, &["card", "model.lure"]);
    assert!(text(&card.stdout).contains("most important features"));
    let json: Value =
        serde_json::from_slice(&lurelight(&folder, &["card", "model.lure", "--json"]).stdout).unwrap();
    assert_eq!(json["data"]["rows"], 1500);

    let judged = lurelight(&folder, &["predict", "sites.csv", "--model", "model.lure"]);
    assert_eq!(text(&judged.stdout).lines().count(), 1501);
}

#[test]
fn json_for_programs_names_the_champion_and_what_was_left_out() {
    let folder = folder_with_rows("1500");
    let mut rows = fs::read_to_string(folder.path().join("sites.csv")).unwrap();
    let bad_row = rows.lines().nth(1).unwrap().replace(",1,", ",54,");
    rows.push_str(&bad_row);
    fs::write(folder.path().join("sites.csv"), rows).unwrap();
    let output = lurelight(&folder, &["train", "sites.csv", "--json", "--out", "other.lure", "--seed", "7"]);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["rows"][0]["error_count"], 1);
    assert_eq!(json["rows"][0]["errors"][0]["line"], 1502);
    assert_eq!(json["card"]["seed"], 7);
    assert_eq!(json["card_file"], "other.card.json");
    assert_eq!(json["champion"]["family"], json["candidates"][0]["family"]);
    assert!(json["champion"]["held_out"]["f1"].as_f64().unwrap() > 0.5);
    assert!(json["candidates"][0]["seconds"].as_f64().unwrap() >= 0.0);
    assert!(text(&output.stderr).contains("sites.csv: line 1502"), "{}", text(&output.stderr));
    assert_eq!(files(&folder), ["other.card.json", "other.lure", "sites.csv"]);
}

#[test]
fn the_same_rows_and_seed_give_the_same_bytes_whatever_the_threads() {
    let folder = folder_with_rows("1500");
    for (threads, out) in [("1", "one.lure"), ("3", "three.lure")] {
        assert!(
            lurelight(&folder, &["train", "sites.csv", "--threads", threads, "--out", out]).status.success()
        );
    }
    let bytes = |name: &str| fs::read(folder.path().join(name)).unwrap();
    assert!(bytes("one.lure") == bytes("three.lure"));
    assert!(bytes("one.card.json") == bytes("three.card.json"));
}

#[test]
fn rows_that_cannot_be_trained_on_are_refused_in_words() {
    let folder = folder_with_rows("10");
    let rows = fs::read_to_string(folder.path().join("sites.csv")).unwrap();
    let header = rows.lines().next().unwrap();
    let unlabelled = rows.replace("Result", "Remark");
    let table = [
        ("ten.csv", rows.clone(), "training folds"),
        ("header.csv", format!("{header}\n"), "header.csv"),
        ("empty.csv", String::new(), "empty"),
        ("unlabelled.csv", unlabelled, "Result"),
    ];
    for (name, text, expected) in table {
        fs::write(folder.path().join(name), text).unwrap();
        let (code, said) = refused(&folder, &["train", name]);
        assert_eq!(code, 3, "{said}");
        assert!(said.contains(expected), "{said}");
    }
    let (code, said) = refused(&folder, &["train", "absent.csv"]);
    assert_eq!(code, 1);
    assert!(said.contains("absent.csv cannot be opened"), "{said}");
    assert!(
        !files(&folder).iter().any(|name| name.contains("model") || name.contains("tmp")),
        "{:?}",
        files(&folder)
    );
}

#[test]
fn a_place_that_cannot_be_written_is_known_before_the_work() {
    let folder = folder_with_rows("10");
    fs::create_dir(folder.path().join("a-folder")).unwrap();
    // Ten rows cannot be trained on (exit code 3): exit code 1 shows that the place was looked at first.
    for (out, expected) in
        [("absent/model.lure", "no file can be made in absent"), ("a-folder", "is a directory")]
    {
        let (code, said) = refused(&folder, &["train", "sites.csv", "--out", out]);
        assert_eq!(code, 1, "{said}");
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn a_training_that_is_killed_leaves_the_old_model_or_the_new_one() {
    let folder = folder_with_rows("1500");
    assert!(lurelight(&folder, &["train", "sites.csv"]).status.success());
    let place = folder.path().join("model.lure");
    let old = fs::read(&place).unwrap();
    let begun = std::time::Instant::now();
    assert!(lurelight(&folder, &["train", "sites.csv", "--seed", "7", "--out", "new.lure"]).status.success());
    let whole = begun.elapsed();
    let new = fs::read(folder.path().join("new.lure")).unwrap();
    assert!(old != new);
    for part in 1..=8 {
        let mut child = Command::new(PROGRAM)
            .args(["train", "sites.csv", "--seed", "7"])
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Moments all along the run, most of them near its end, where the files are written.
        std::thread::sleep(whole.mul_f64(1.02 - 0.5_f64.powi(part)).max(Duration::from_millis(1)));
        // SIGKILL on Unix: nothing is cleaned up.
        child.kill().unwrap();
        child.wait().unwrap();
        let found = fs::read(&place).unwrap();
        assert!(found == old || found == new, "a half-written model after {part} of 8 kills");
        assert!(lurelight(&folder, &["predict", "sites.csv", "--model", "model.lure"]).status.success());
        if part == 1 {
            let names: Vec<_> =
                fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            assert!(!names.iter().any(|name| name.to_string_lossy().ends_with(".tmp")), "{names:?}");
        }
    }
}

#[test]
fn training_needs_no_compiled_in_model() {
    let folder = folder_with_rows("1500");
    // The program with one bit of its compiled-in model turned round.
    let model: &[u8] = include_bytes!("../../predict/model/model.lure");
    let mut program = fs::read(PROGRAM).unwrap();
    let places: Vec<usize> = (0..program.len() - model.len())
        .filter(|&at| program[at] == model[0] && program[at..].starts_with(model))
        .collect();
    assert!(!places.is_empty(), "the program has no compiled-in model");
    for at in places {
        program[at + model.len() / 2] ^= 1;
    }
    let broken = folder.path().join("broken");
    fs::write(&broken, program).unwrap();
    fs::set_permissions(&broken, fs::metadata(PROGRAM).unwrap().permissions()).unwrap();

    let judged = run(&broken, folder.path(), &["predict", "sites.csv"]);
    assert_eq!(judged.status.code(), Some(4));
    assert!(text(&judged.stderr).contains("compiled-in model does not load"), "{}", text(&judged.stderr));
    let trained = run(&broken, folder.path(), &["train", "sites.csv"]);
    assert!(trained.status.success(), "{}", text(&trained.stderr));
    assert!(run(&broken, folder.path(), &["predict", "sites.csv", "--model", "model.lure"]).status.success());
}

#[test]
fn model_files_that_cannot_be_used_are_named_with_their_fault() {
    let folder = folder_with_rows("10");
    let model: &[u8] = include_bytes!("../../predict/model/model.lure");
    let path = |name: &str| -> PathBuf { folder.path().join(name) };
    fs::create_dir(path("folder.lure")).unwrap();
    fs::write(path("empty.lure"), "").unwrap();
    fs::write(path("short.lure"), &model[..model.len() / 2]).unwrap();
    fs::write(path("long.lure"), [model, b"x"].concat()).unwrap();
    fs::write(path("page.lure"), "<html>").unwrap();
    let mut future = model.to_vec();
    future[4] = 2;
    fs::write(path("future.lure"), future).unwrap();
    let mut damaged = model.to_vec();
    damaged[model.len() / 2] ^= 4;
    fs::write(path("damaged.lure"), damaged).unwrap();
    let table = [
        ("folder.lure", "is a directory"),
        ("absent.lure", "cannot be opened"),
        ("empty.lure", "empty or cut off"),
        ("short.lure", "cut off"),
        ("long.lure", "something was appended"),
        ("page.lure", "no model artifact"),
        ("future.lure", "format version is 2"),
        ("damaged.lure", "SHA-256 does not match"),
    ];
    for (name, expected) in table {
        for command in
            [&["predict", "sites.csv", "--model", name][..], &["card", name], &["serve", "--model", name]]
        {
            let (code, said) = refused(&folder, command);
            assert_eq!(code, 4, "{said}");
            assert!(said.contains(expected) && said.contains(name), "{said}");
        }
    }
}
