//! `lurelight train`, `models` and `mlflow sync` with a real MLflow server, which is also gone, silent and stopped in
//! the middle.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test reports by panicking")]

#[path = "../../admin/tests/support/mod.rs"]
mod support;

mod home;
#[path = "../../../shared/mlflow/tests/server/process.rs"]
mod process;

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use libtest_mimic::{Arguments, Trial};
use serde_json::Value;

use home::{command, home, lurelight, printed, short};
use process::{Mlflow, parameter, tag, text};

/// On a server that is shared, with a home of its own.
type Shared = fn(&Mlflow, &Told);
/// On a server of its own that does not run yet.
type Alone = fn(Mlflow, &Told);

/// On a server that all of them share, each with a folder and an experiment of its own.
const SHARED: &[(&str, Shared)] = &[
    ("a_training_is_shown_with_every_candidate_its_records_and_its_files", whole),
    ("what_was_shown_is_not_shown_again", again),
    ("the_alias_follows_promotions_and_rolling_back", champion),
    ("a_training_that_fails_is_shown_as_failed", failed),
    ("runs_from_before_there_was_an_mlflow_are_shown_by_sync", before),
    ("a_wrong_address_stops_no_training", wrong_address),
    ("a_run_that_was_started_over_the_web_is_shown", over_the_web),
];

/// On a server of their own, which they maltreat.
const ALONE: &[(&str, Alone)] = &[
    ("a_training_without_its_server_succeeds_and_is_shown_later", gone),
    ("a_training_whose_server_is_silent_succeeds_and_is_shown_later", silent),
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let program = process::program();
    let missing = if program.is_none() { "no mlflow: run scripts/tools mlflow" } else { "" };
    let shared: Arc<OnceLock<Mlflow>> = Arc::default();
    let mut trials = Vec::new();
    for &(name, case) in SHARED {
        let (program, shared) = (program.clone(), Arc::clone(&shared));
        let test = move || {
            let server = shared.get_or_init(|| Mlflow::start(&program.unwrap(), true));
            case(server, &Told::new(name, &server.uri()));
            Ok(())
        };
        trials.push(Trial::test(name, test).with_ignored_flag(!missing.is_empty()).with_kind(missing));
    }
    for &(name, case) in ALONE {
        let program = program.clone();
        let test = move || {
            let server = Mlflow::stopped(&program.unwrap(), true);
            let told = Told::new(name, &server.uri());
            case(server, &told);
            Ok(())
        };
        trials.push(Trial::test(name, test).with_ignored_flag(!missing.is_empty()).with_kind(missing));
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    drop(shared);
    conclusion.exit_code()
}

/// However slow this machine is.
const PATIENT: [&str; 2] = ["--mlflow-timeout", "600"];

/// A folder with a home that has records, and the experiment in which it is shown.
struct Told {
    folder: tempfile::TempDir,
    experiment: String,
    uri: String,
}

/// What a command did.
struct Done {
    code: i32,
    out: String,
    err: String,
}

impl Told {
    fn new(experiment: &str, uri: &str) -> Told {
        let folder = tempfile::tempdir().unwrap();
        let told = Told { folder, experiment: experiment.to_owned(), uri: uri.to_owned() };
        told.push(1);
        told
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn push(&self, seed: u32) {
        let (seed, rows) = (seed.to_string(), ["--out", "rows.csv", "--seed"]);
        printed(self.path(), &[&["sample", "1500"], &rows[..], &[&seed]].concat());
        printed(self.path(), &["push", "rows.csv"]);
    }

    /// Runs the program with MLflow named in its environment.
    fn lurelight(&self, arguments: &[&str]) -> Done {
        let mut command = command(self.path(), arguments);
        command.env("MLFLOW_TRACKING_URI", &self.uri).env("MLFLOW_EXPERIMENT_NAME", &self.experiment);
        let output = command.output().unwrap();
        Done {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// A short training, with what it prints as JSON.
    fn train(&self, run: &str, more: &[&str]) -> Value {
        let limit: &[&str] = if more.contains(&"--mlflow-timeout") { &[] } else { &PATIENT };
        let done = self.lurelight(&short(&[&["--run", run, "--json"], limit, more].concat()));
        assert_eq!(done.code, 0, "{}", done.err);
        serde_json::from_str(&done.out).unwrap()
    }

    /// What `sync` says of each run, and its exit code.
    fn sync(&self) -> (i32, Value) {
        let done = self.lurelight(&["mlflow", "sync", "--json"]);
        (done.code, serde_json::from_str(&done.out).unwrap_or_else(|_| panic!("{}", done.err)))
    }

    fn file(&self, key: &str) -> Vec<u8> {
        fs::read(home(self.path()).join("artifacts").join(key)).unwrap()
    }

    fn json(&self, key: &str) -> Value {
        serde_json::from_slice(&self.file(key)).unwrap()
    }
}

fn whole(server: &Mlflow, told: &Told) {
    let families = ["--families", "logistic-regression,decision-tree,soft-vote", "--promote-min-f1", "0.5"];
    let arguments =
        [&["train", "--json", "--run", "r-1", "--promote-min-auc", "0.5"], &families[..], &PATIENT].concat();
    let done = told.lurelight(&arguments);
    assert!(done.err.contains("mlflow    done in "), "{}", done.err);
    let printed: Value = serde_json::from_str(&done.out).unwrap();
    let parent = server.run(&told.experiment, "r-1", "-");
    let id = text(&parent, "/info/run_id");
    assert!(text(&printed, "/mlflow/address").ends_with(&format!("/runs/{id}")), "{printed}");
    assert_eq!(text(&parent, "/info/status"), "FINISHED");
    assert!(parent["info"]["end_time"].as_u64() > parent["info"]["start_time"].as_u64());

    let [ingest, evaluate, promote] =
        ["ingest", "evaluate", "promote"].map(|stage| told.json(&format!("runs/r-1/{stage}.json")));
    let (dataset, model) = (text(&ingest, "/dataset"), text(&evaluate, "/model"));
    for (name, value) in [
        ("lurelight.dataset", dataset.as_str()),
        ("lurelight.model", &model),
        ("lurelight.actor", &text(&ingest, "/request/actor")),
        ("mlflow.user", &text(&ingest, "/request/actor")),
        ("lurelight.program", &text(&ingest, "/request/program")),
        ("lurelight.reason", "lurelight train"),
        ("lurelight.outcome", "promoted"),
    ] {
        assert_eq!(tag(&parent, name), value, "{name}");
    }
    assert!(tag(&parent, "mlflow.note.content").starts_with("Version 1 is the first champion"), "{promote}");
    assert_eq!(parameter(&parent, "training.seed"), "42");
    assert_eq!(parameter(&parent, "promotion.min_f1"), "0.5");
    let input = parent.pointer("/inputs/dataset_inputs/0/dataset").unwrap();
    assert_eq!(text(input, "/digest"), dataset[..36]);
    let profile: Value = serde_json::from_str(&text(input, "/profile")).unwrap();
    assert_eq!(profile["num_rows"], ingest["rows"]);
    let schema: Value = serde_json::from_str(&text(input, "/schema")).unwrap();
    assert_eq!(schema["mlflow_colspec"].as_array().unwrap().len(), 31);
    let decision = &evaluate["card"]["held_out"]["decision"]["metrics"]["f1"];
    for (name, value) in [("f1", "value"), ("f1_low", "low"), ("f1_high", "high")] {
        let expected = [(0, decision[value].as_f64().unwrap())];
        assert_eq!(server.series(&parent, &format!("decision/{name}")), expected);
    }

    // Each candidate: its own parameters, every fold, and their mean.
    let by_fold = evaluate["by_fold"].as_array().unwrap();
    let candidates = evaluate["card"]["candidates"].as_array().unwrap();
    assert_eq!((candidates.len(), server.runs(&told.experiment).len()), (3, 4));
    for (candidate, folds) in candidates.iter().zip(by_fold) {
        let child = server.run(&told.experiment, "r-1", &text(candidate, "/family"));
        assert_eq!(tag(&child, "mlflow.parentRunId"), id);
        for (name, value) in candidate["parameters"].as_object().unwrap() {
            assert_eq!(&parameter(&child, name), value.as_str().unwrap());
        }
        let folds = folds["cross_validated"].as_array().unwrap();
        let expected: Vec<_> = (0..).zip(folds.iter().map(|fold| fold["f1"].as_f64().unwrap())).collect();
        assert_eq!(expected.len(), 10);
        assert_eq!(server.series(&child, "fold/f1"), expected);
        let mean = candidate["cross_validated"]["f1"].as_f64().unwrap();
        assert_eq!(server.series(&child, "cross_validated/f1"), [(0, mean)]);
        let held_out = candidate["held_out"]["roc_auc"].as_f64().unwrap();
        assert_eq!(server.series(&child, "held_out/roc_auc"), [(0, held_out)]);
    }

    for (name, key) in [
        ("card.json", format!("models/{model}/card.json")),
        ("model.lure", format!("models/{model}/model.lure")),
        ("report.html", "runs/r-1/report.html".to_owned()),
    ] {
        assert!(server.file(&parent, name) == told.file(&key), "{name} is another one");
    }
    let versions = server.versions(&told.experiment);
    assert_eq!((versions.len(), text(&versions[0], "/run_id")), (1, id));
    assert_eq!(server.champion(&told.experiment), "1");
}

fn again(server: &Mlflow, told: &Told) {
    told.train("r-1", &[]);
    let (before, note) = (server.everything(&told.experiment), told.file("runs/r-1/tracked.json"));
    // The run is taken up again, and sent again by a home that has forgotten that it was sent.
    told.train("r-1", &[]);
    let (code, synced) = told.sync();
    assert_eq!((code, text(&synced, "/runs/0/state")), (0, "shown_before".to_owned()));
    fs::remove_file(home(told.path()).join("artifacts/runs/r-1/tracked.json")).unwrap();
    let (code, synced) = told.sync();
    assert_eq!((code, text(&synced, "/runs/0/state")), (0, "shown".to_owned()));
    assert_eq!(synced["champion"], 1);
    assert_eq!(server.everything(&told.experiment), before);
    let address = |note: &[u8]| text(&serde_json::from_slice::<Value>(note).unwrap(), "/address");
    assert_eq!(address(&told.file("runs/r-1/tracked.json")), address(&note));
    // Nothing new to learn is a run as well, without a version.
    told.train("r-2", &[]);
    let unchanged = server.run(&told.experiment, "r-2", "-");
    assert_eq!(tag(&unchanged, "lurelight.outcome"), "no change");
    assert_eq!(server.versions(&told.experiment).len(), 1);
}

fn champion(server: &Mlflow, told: &Told) {
    told.train("r-1", &[]);
    told.push(2);
    told.train("r-2", &["--promote-max-false-positive-rate", "0"]);
    assert_eq!(server.champion(&told.experiment), "1", "the second is kept beside it");
    let done = told.lurelight(&["models", "promote", "2"]);
    assert_eq!((done.code, server.champion(&told.experiment).as_str()), (0, "2"), "{}", done.err);
    assert!(done.err.contains("mlflow    the alias champion is at version 2"), "{}", done.err);
    let done = told.lurelight(&["models", "roll-back"]);
    assert_eq!((done.code, server.champion(&told.experiment).as_str()), (0, "1"), "{}", done.err);
    // Moved while nobody told MLflow.
    printed(told.path(), &["models", "promote", "2"]);
    assert_eq!(server.champion(&told.experiment), "1");
    assert_eq!(told.sync().0, 0);
    assert_eq!(server.champion(&told.experiment), "2");
}

fn failed(server: &Mlflow, told: &Told) {
    fs::remove_dir_all(home(told.path())).unwrap();
    let rows = fs::read_to_string(told.path().join("rows.csv")).unwrap();
    let phishing = |(i, line): &(usize, &str)| *i == 0 || line.ends_with(",-1");
    let one: Vec<&str> = rows.lines().enumerate().filter(phishing).map(|(_, line)| line).collect();
    fs::write(told.path().join("one.csv"), one.join("\n")).unwrap();
    printed(told.path(), &["push", "one.csv"]);
    let done = told.lurelight(&short(&[&["--run", "r-1"], &PATIENT[..]].concat()));
    assert_eq!(done.code, 3, "{}", done.err);
    assert!(
        done.err.contains("all") && done.err.contains("usable rows are labelled phishing"),
        "{}",
        done.err
    );
    let parent = server.run(&told.experiment, "r-1", "-");
    assert_eq!(text(&parent, "/info/status"), "FAILED");
    assert_eq!(
        (tag(&parent, "lurelight.outcome"), tag(&parent, "lurelight.stage")),
        ("failed".into(), "validate".into())
    );
    assert!(tag(&parent, "mlflow.note.content").starts_with("Failed at validate: all "), "{parent}");
    assert_eq!(server.file(&parent, "failure.json"), told.file("runs/r-1/failure.json"));
    // Rows of the other label come, and another run ends well.
    printed(told.path(), &["push", "rows.csv"]);
    told.train("r-2", &[]);
    assert_eq!(text(&server.run(&told.experiment, "r-2", "-"), "/info/status"), "FINISHED");
    // A wrong argument is no failed run.
    let done = told.lurelight(&short(&["--run", "r-1", "--seed", "7"]));
    assert_eq!(done.code, 2, "{}", done.err);
    assert_eq!(server.runs(&told.experiment).len(), 3);
}

fn before(server: &Mlflow, told: &Told) {
    printed(told.path(), &short(&["--run", "r-1"]));
    told.push(2);
    printed(told.path(), &short(&["--run", "r-2"]));
    assert!(!home(told.path()).join("artifacts/runs/r-1/tracked.json").exists(), "nobody was to be told");
    assert!(server.runs(&told.experiment).is_empty());
    let done = told.lurelight(&["mlflow", "sync"]);
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(done.out.contains("r-1  shown") && done.out.contains("r-2  shown"), "{}", done.out);
    assert!(done.out.contains("The alias champion is at version"), "{}", done.out);
    let numbers: Vec<String> =
        server.versions(&told.experiment).iter().map(|v| text(v, "/version")).collect();
    assert_eq!(numbers, ["1", "2"], "in the order in which they were made");
    let parent = server.run(&told.experiment, "r-2", "-");
    assert_eq!(text(&parent, "/info/status"), "FINISHED");
    // Without an address there is nobody to tell.
    let output = lurelight(told.path(), &["mlflow", "sync"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("MLFLOW_TRACKING_URI"));
}

fn wrong_address(_: &Mlflow, told: &Told) {
    for (uri, word) in [
        ("databricks", "must begin with http://"),
        ("http://dora:hunter2@127.0.0.1:1", "holds a name or a password"),
    ] {
        let done = told.lurelight(&short(&["--mlflow-uri", uri, "--run", &format!("r-{}", word.len())]));
        assert_eq!(done.code, 0, "{}", done.err);
        assert!(done.err.contains(word) && !done.err.contains("hunter2"), "{}", done.err);
        let done = told.lurelight(&["mlflow", "sync", "--mlflow-uri", uri]);
        assert_eq!(done.code, 2, "{}", done.err);
    }
}

fn over_the_web(server: &Mlflow, told: &Told) {
    let variables =
        [("MLFLOW_TRACKING_URI", told.uri.as_str()), ("MLFLOW_EXPERIMENT_NAME", &told.experiment)];
    let web = support::Server::start(env!("CARGO_BIN_EXE_lurelight"), &["serve"], told.path(), &variables);
    let training = serde_json::json!({"families": ["logistic_regression"]});
    web.post("/train", &serde_json::json!({"run": "r-1", "parameters": {"training": training}}))
        .send()
        .expect(202);
    // Told beside whatever else the server does.
    let finished =
        |shown: &Value| tag(shown, "lurelight.candidate") == "-" && text(shown, "/info/status") == "FINISHED";
    while !server.runs(&told.experiment).iter().any(finished) {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert_eq!(tag(&server.run(&told.experiment, "r-1", "-"), "lurelight.run"), "r-1");
}

fn gone(mut server: Mlflow, told: &Told) {
    let printed = told.train("r-1", &[]);
    assert_eq!(text(&printed, "/mlflow/state"), "kept");
    assert!(text(&printed, "/mlflow/reason").contains("cannot be reached"), "{printed}");
    assert_eq!(told.json("registry/champion.json")["version"], 1, "the run did all that it does");
    let done = told.lurelight(&["mlflow", "sync"]);
    assert_eq!(done.code, 1, "{}", done.err);
    assert!(
        done.out.contains("kept") && done.err.contains("told the next time"),
        "{} {}",
        done.out,
        done.err
    );
    assert!(text(&told.json("runs/r-1/tracked.json"), "/unsent").contains("cannot be reached"));

    server.start_again();
    // The next run tells of it as well.
    told.push(2);
    let printed = told.train("r-2", &[]);
    assert_eq!(text(&printed, "/mlflow/state"), "shown");
    for run in ["r-1", "r-2"] {
        let parent = server.run(&told.experiment, run, "-");
        assert_eq!(text(&parent, "/info/status"), "FINISHED");
        let ended_at = text(&told.json(&format!("runs/{run}/tracked.json")), "/ended_at");
        let ended_at: jiff::Timestamp = ended_at.parse().unwrap();
        assert_eq!(parent["info"]["end_time"], ended_at.as_millisecond(), "as it was when it ended");
        assert!(told.json(&format!("runs/{run}/tracked.json"))["unsent"].is_null());
    }
    let versions = server.versions(&told.experiment);
    assert_eq!(versions.len(), 2);
    assert_eq!(told.sync().0, 0);
    // It is gone again when the champion is moved by hand.
    server.stop();
    let other = if told.json("registry/champion.json")["version"] == 1 { "2" } else { "1" };
    let done = told.lurelight(&["models", "promote", other]);
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(done.err.contains("where the champion is"), "{}", done.err);
    server.start_again();
    assert_eq!(told.sync().0, 0);
    assert_eq!(server.champion(&told.experiment), other);
}

/// Never resumed before the training has ended: that it ends at all shows that it waits no longer than it was told.
fn silent(mut server: Mlflow, told: &Told) {
    server.start_again();
    server.pause();
    let printed = told.train("r-1", &["--mlflow-timeout", "1"]);
    assert_eq!(text(&printed, "/mlflow/state"), "kept");
    assert!(text(&printed, "/mlflow/reason").contains("within 1 s"), "{printed}");
    assert_eq!(told.json("registry/champion.json")["version"], 1, "the run did all that it does");
    assert!(told.json("runs/r-1/tracked.json")["unsent"].is_string());
    server.resume();
    let (code, synced) = told.sync();
    assert_eq!((code, text(&synced, "/runs/0/state")), (0, "shown".to_owned()));
    assert_eq!(text(&server.run(&told.experiment, "r-1", "-"), "/info/status"), "FINISHED");
    assert_eq!(server.champion(&told.experiment), "1");
}
