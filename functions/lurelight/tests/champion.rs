//! The built program with a home: predict, card and serve use its champion.

#![expect(clippy::unwrap_used, reason = "a test may panic outside its test functions, too")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;

use lurelight_model::{Artifact, Calibration, Model, ModelParts};
use lurelight_schema::{CodeSet, FEATURE_COUNT};
use lurelight_store::conformance::fixture;
use lurelight_store::{DirectoryArtifacts, Key, ModelRegistry};
use serde_json::Value;
use tempfile::TempDir;

const SAMPLE: &str = include_str!("../../predict/assets/sample.csv");

/// A folder with rows in `sites.csv` and a home in `home`.
struct Place {
    folder: TempDir,
    registry: ModelRegistry,
}

impl Place {
    fn new() -> Place {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("sites.csv"), SAMPLE).unwrap();
        let artifacts = DirectoryArtifacts::open(folder.path().join("home/artifacts"));
        Place { registry: ModelRegistry::new(Arc::new(artifacts)), folder }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lurelight"));
        command.args(arguments).current_dir(self.folder.path()).env("LURELIGHT_HOME", "home");
        command.stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Standard output and standard error of a run that succeeds.
    #[track_caller]
    fn done(&self, arguments: &[&str]) -> (String, String) {
        let output = self.run(arguments);
        let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        assert!(output.status.success(), "{arguments:?}: {err}");
        (out, err)
    }

    /// The exit code and what was said of a run that prints nothing.
    #[track_caller]
    fn refused(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.run(arguments);
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "", "{arguments:?}");
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    }

    fn promote(&self, version: u64, artifact: &Artifact) {
        wait(async {
            let champion = self.registry.champion().await.unwrap();
            let event = fixture::event(version, artifact, "a test");
            self.registry.move_champion(champion.as_ref(), event).await.unwrap();
        });
    }

    fn put_and_promote(&self, number: u64) {
        let version = wait(fixture::put_version(&self.registry, number));
        self.promote(version.number, &fixture::model(number));
    }

    fn model_file(&self, artifact: &Artifact) -> PathBuf {
        self.folder.path().join("home/artifacts").join(Key::model(artifact.digest()).as_str())
    }
}

fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

#[test]
fn predict_judges_by_the_champion_and_says_so() {
    let place = Place::new();
    let (out, err) = place.done(&["predict", "sites.csv", "--json"]);
    let json: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["model"]["source"], "compiled-in (no champion yet)");
    assert!(err.contains("(compiled-in (no champion yet)) at threshold"), "{err}");
    assert!(!place.folder.path().join("home").exists(), "reading makes nothing");

    place.put_and_promote(1);
    place.put_and_promote(2);
    let judged = |arguments: &[&str], number: u64, source: &str| {
        let (out, err) = place.done(&[&["predict", "sites.csv", "--json"], arguments].concat());
        let json: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(json["model"]["source"], source);
        assert_eq!(json["model"]["sha256"], fixture::model(number).digest().to_string());
        assert!(err.contains(&format!("({source}) at threshold 0.5")), "{err}");
    };
    judged(&[], 2, "champion, version 2");
    judged(&["--model-version", "1"], 1, "version 1");
    fs::copy(place.model_file(&fixture::model(1)), place.folder.path().join("old.lure")).unwrap();
    judged(&["--model", "old.lure"], 1, "file old.lure");
    place.promote(1, &fixture::model(1));
    judged(&["--home", "home"], 1, "champion, version 1");

    let (page, err) = place.done(&["predict", "sites.csv", "--format", "html"]);
    assert!(page.contains("champion, version 1") && err.contains("(champion, version 1)"), "{err}");
    let (code, said) =
        place.refused(&["predict", "sites.csv", "--model", "old.lure", "--model-version", "1"]);
    assert!(code == 2 && said.contains("--model-version"), "{code} {said}");
    let (code, said) = place.refused(&["predict", "sites.csv", "--model-version", "9"]);
    assert!(code == 4 && said.contains("there is no version 9"), "{code} {said}");
}

#[test]
fn a_damaged_champion_is_an_error_that_says_what_to_do() {
    let place = Place::new();
    place.put_and_promote(1);
    place.put_and_promote(2);
    fs::write(place.model_file(&fixture::model(2)), "LURE").unwrap();
    for command in [&["predict", "sites.csv"][..], &["card"]] {
        let (code, said) = place.refused(command);
        assert_eq!(code, 4, "{said}");
        for part in [
            "the champion, version 2, cannot be used",
            "is damaged: its SHA-256 is",
            "lurelight models verify",
            "lurelight models roll-back",
            "--model FILE",
        ] {
            assert!(said.contains(part), "no {part:?} in {said}");
        }
    }
    place.done(&["predict", "sites.csv", "--model-version", "1"]);
    fs::write(place.folder.path().join("home/artifacts/registry/champion.json"), "{").unwrap();
    let (code, said) = place.refused(&["predict", "sites.csv"]);
    assert!(code == 4 && said.contains("the champion cannot be used"), "{code} {said}");
}

#[test]
fn card_shows_the_champions() {
    let place = Place::new();
    assert!(place.done(&["card"]).0.contains("Source       compiled-in (no champion yet)"));
    place.put_and_promote(1);
    place.put_and_promote(2);
    let (text, _) = place.done(&["card"]);
    assert!(text.contains("Source       champion, version 2"), "{text}");
    let (json, _) = place.done(&["card", "--json", "--model-version", "1"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["model"], fixture::model(1).digest().to_string());
}

#[test]
fn a_vote_judges_without_reasons() {
    let place = Place::new();
    let members = [1, 2].map(|number| fixture::model(number).model().members()[0].clone());
    let parts = ModelParts {
        known_codes: [CodeSet::ALL; FEATURE_COUNT],
        members: members.into(),
        calibration: Calibration::None,
        threshold: 0.5,
    };
    let model = Artifact::new(Model::new(parts).unwrap()).unwrap();
    wait(place.registry.put_model(&model, &fixture::card(&model))).unwrap();
    let version = wait(place.registry.register(fixture::new_version(&model, "votes"))).unwrap();
    place.promote(version.number, &model);
    let (csv, err) = place.done(&["predict", "sites.csv", "--explain", "2"]);
    assert!(csv.lines().next().unwrap().ends_with(",reasons,label,probability,predicted_column"));
    assert!(csv.lines().skip(1).all(|line| line.split(',').rev().nth(3) == Some("")), "{csv}");
    assert!(
        err.contains("warning: no reasons are given: the score of the model that judged (soft vote)"),
        "{err}"
    );
    let (json, _) = place.done(&["predict", "sites.csv", "--explain", "2", "--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert!(json["rows"][0].get("reasons").is_none() && json.get("explanation").is_none());
    assert_eq!(json["warnings"][0]["kind"], "no_reasons");
    assert!(place.done(&["card"]).0.contains("Source       champion, version 1"));
}

/// The program as a server; ended when dropped.
struct Server {
    child: Child,
    greeting: String,
}

impl Server {
    fn start(place: &Place, arguments: &[&str]) -> Server {
        let mut command = place.command(&[&["serve", "--address", "127.0.0.1:0"], arguments].concat());
        command.env("LURELIGHT_CHAMPION_SECONDS", "0").env("LURELIGHT_CHAMPION_WAIT_MILLISECONDS", "120000");
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let greeting = lines.find(|line| line.contains("Lurelight is at")).unwrap();
        // The pipe is read to its end, so that the server never waits for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        Server { child, greeting }
    }

    fn source(&self) -> String {
        let address = self.greeting.split("http://").nth(1).unwrap().split('/').next().unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET /healthz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let health: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
        health["model"]["source"].as_str().unwrap().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

#[test]
fn serve_picks_up_a_champion_unless_its_model_was_named() {
    let place = Place::new();
    let server = Server::start(&place, &[]);
    assert!(server.greeting.contains(": compiled-in (no champion yet);"), "{}", server.greeting);
    place.put_and_promote(1);
    assert_eq!(server.source(), "champion, version 1");

    fs::copy(place.model_file(&fixture::model(1)), place.folder.path().join("named.lure")).unwrap();
    let fixed = Server::start(&place, &["--model", "named.lure"]);
    assert!(fixed.greeting.contains(": file named.lure;"), "{}", fixed.greeting);
    place.put_and_promote(2);
    assert_eq!(
        (fixed.source().as_str(), server.source().as_str()),
        ("file named.lure", "champion, version 2")
    );
}
