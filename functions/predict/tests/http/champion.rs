//! The registry's champion answers, whatever happens to the registry while the program runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lurelight_model::{Artifact, Calibration, Model, ModelParts};
use lurelight_schema::{CodeSet, FEATURE_COUNT};
use lurelight_store::conformance::fixture;
use lurelight_store::{DirectoryArtifacts, Key, ModelRegistry};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::Case;
use crate::champions::{
    answers_by, answers_by_the_compiled_in, as_json, probability, promote, put_and_promote, rows, wait,
};
use crate::support::{Answer, Server, row};

pub const CASES: &[Case] = &[
    ("champion::first_one_is_picked_up_without_a_restart", first_one),
    ("champion::every_answer_names_it", every_answer),
    ("champion::answers_stay_whole_while_it_moves", moves_under_load),
    ("champion::rolled_back_is_picked_up", rolled_back),
    ("champion::same_model_under_another_number", same_model),
    ("champion::damaged_one_leaves_the_last_good_one", damaged),
    ("champion::damaged_one_is_replaced_by_the_next", damaged_then_next),
    ("champion::damaged_first_one_leaves_the_compiled_in_one", damaged_first),
    ("champion::registry_that_goes_away_leaves_the_last_good_one", registry_gone),
    ("champion::pointer_that_is_no_json_leaves_the_last_good_one", pointer_damaged),
    ("champion::without_a_card_has_a_page_without_figures", without_card),
    ("champion::vote_gives_no_reasons_and_says_so", vote),
    ("champion::is_looked_up_in_the_usual_home", usual_home),
    ("champion::fixed_interval_leaves_the_registry_alone", interval),
];

/// A home with a registry, and a server that follows it.
pub struct Home {
    folder: TempDir,
    pub registry: ModelRegistry,
}

impl Home {
    pub fn new() -> Home {
        let folder = tempfile::tempdir().unwrap();
        let artifacts = DirectoryArtifacts::open(folder.path().join("artifacts"));
        Home { registry: ModelRegistry::new(Arc::new(artifacts)), folder }
    }

    /// The program that looks at the pointer beside each request, and waits for it as long as it takes.
    pub fn server(&self) -> Server {
        self.server_with(&[])
    }

    fn server_with(&self, more: &[(&str, &str)]) -> Server {
        let home = self.folder.path().to_str().unwrap();
        let variables = [
            ("LURELIGHT_HOME", home),
            ("LURELIGHT_CHAMPION_SECONDS", "0"),
            ("LURELIGHT_CHAMPION_WAIT_MILLISECONDS", "120000"),
        ];
        Server::start(&[&variables, more].concat())
    }

    fn path(&self, key: &Key) -> PathBuf {
        self.folder.path().join("artifacts").join(key.as_str())
    }
}

fn first_one(_: &Server) {
    let home = Home::new();
    let server = home.server();
    assert!(server.greeting.contains("compiled-in (no champion yet)"), "{}", server.greeting);
    answers_by_the_compiled_in(&server, "compiled-in (no champion yet)");
    put_and_promote(&home.registry, 3);
    answers_by(&server, 3, "champion, version 1");
    let again = home.server();
    assert!(again.greeting.contains(": champion, version 1;"), "{}", again.greeting);
}

fn every_answer(_: &Server) {
    let home = Home::new();
    put_and_promote(&home.registry, 1);
    put_and_promote(&home.registry, 2);
    let server = home.server();
    let model = fixture::model(2);
    let short = &model.digest().to_string()[..12];
    let health = server.get("/healthz").send().expect(200).json();
    assert_eq!(
        health["model"],
        json!({
            "version": short,
            "registry_version": 2,
            "sha256": model.digest().to_string(),
            "family": "logistic_regression",
            "source": "champion, version 2",
            "threshold": 0.5,
        })
    );
    let card = server.get("/models/current").accept("application/json").send().expect(200).json();
    assert_eq!(card["model"], health["model"]);
    assert_eq!(card["card"]["model"], health["model"]["sha256"]);
    assert_eq!(as_json(&server, &rows())["model"], health["model"]);
    let post = |accept: &str| server.post("/predict", "text/csv", rows()).accept(accept).send().expect(200);
    for accept in ["text/csv", "text/html", "application/json"] {
        let answer = post(accept);
        assert_eq!(answer.header("lurelight-model"), Some(short));
        assert_eq!(answer.header("lurelight-registry-version"), Some("2"));
        assert_eq!(answer.header("lurelight-model-source"), Some("champion, version 2"));
    }
    let get = |path: &str| server.get(path).accept("text/html").send().expect(200);
    for page in [post("text/html"), get("/"), get("/models/current")] {
        page.says(short).says("champion, version 2");
    }
}

fn moves_under_load(_: &Server) {
    const VERSIONS: u64 = 6;
    let home = Home::new();
    for number in 1..=VERSIONS {
        let version = wait(fixture::put_version(&home.registry, number));
        assert_eq!(version.number, number);
    }
    promote(&home.registry, 1, &fixture::model(1));
    let server = home.server();
    let done = AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut seen = Vec::new();
                    while !done.load(Ordering::Acquire) {
                        seen.push(as_json(&server, &rows()));
                    }
                    seen
                })
            })
            .collect();
        for i in 0..50 {
            let number = i % VERSIONS + 1;
            promote(&home.registry, number, &fixture::model(number));
        }
        done.store(true, Ordering::Release);
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(!seen.is_empty());
    for answer in &seen {
        let number = answer["model"]["registry_version"].as_u64().unwrap();
        assert!((1..=VERSIONS).contains(&number), "{number}");
        assert_eq!(answer["model"]["source"], format!("champion, version {number}"));
        assert_eq!(answer["model"]["sha256"], fixture::model(number).digest().to_string());
        assert_eq!(answer["rows"][0]["probability"], probability(number), "version {number}");
    }
    answers_by(&server, 2, "champion, version 2");
    let log = server.into_log();
    assert_eq!(log.trim(), "", "something went wrong");
}

fn rolled_back(_: &Server) {
    let home = Home::new();
    put_and_promote(&home.registry, 1);
    put_and_promote(&home.registry, 2);
    let server = home.server();
    answers_by(&server, 2, "champion, version 2");
    promote(&home.registry, 1, &fixture::model(1));
    answers_by(&server, 1, "champion, version 1");
}

fn same_model(_: &Server) {
    let home = Home::new();
    put_and_promote(&home.registry, 4);
    let server = home.server();
    answers_by(&server, 4, "champion, version 1");
    let model = fixture::model(4);
    let version = wait(home.registry.register(fixture::new_version(&model, "another-run"))).unwrap();
    // The bytes are not asked for again.
    fs::remove_file(home.path(&Key::model(model.digest()))).unwrap();
    let event = fixture::event(version.number, &model, "a test");
    let champion = wait(home.registry.champion()).unwrap();
    wait(home.registry.move_champion(champion.as_ref(), event)).unwrap();
    answers_by(&server, 4, "champion, version 2");
}

/// Registers a model, damages its bytes, and makes it the champion.
fn promote_damaged(home: &Home, number: u64) {
    let version = wait(fixture::put_version(&home.registry, number));
    let model = fixture::model(number);
    let path = home.path(&Key::model(model.digest()));
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, bytes).unwrap();
    promote(&home.registry, version.number, &model);
}

fn damaged(_: &Server) {
    let home = Home::new();
    put_and_promote(&home.registry, 1);
    put_and_promote(&home.registry, 2);
    let server = home.server();
    promote_damaged(&home, 3);
    for _ in 0..3 {
        answers_by(&server, 2, "version 2, because version 3 could not be loaded");
    }
    let source = "version 2, because version 3 could not be loaded";
    let page = server.get("/models/current").accept("text/html").send().expect(200);
    page.says(source);
    server.get("/").send().expect(200).says(source);
    assert_eq!(server.get("/healthz").send().expect(200).json()["model"]["source"], source);
    assert!(!page.text().contains(home.folder.path().to_str().unwrap()), "a path is nobody's business");
    let log = server.into_log();
    assert_eq!(log.matches("the champion could not be loaded").count(), 1, "{log}");
    assert!(log.contains("is damaged: its SHA-256 is"), "{log}");
}

fn damaged_then_next(_: &Server) {
    let home = Home::new();
    put_and_promote(&home.registry, 1);
    let server = home.server();
    promote_damaged(&home, 2);
    answers_by(&server, 1, "version 1, because version 2 could not be loaded");
    put_and_promote(&home.registry, 3);
    answers_by(&server, 3, "champion, version 3");
    promote_damaged(&home, 4);
    answers_by(&server, 3, "version 3, because version 4 could not be loaded");
    promote(&home.registry, 3, &fixture::model(3));
    answers_by(&server, 3, "champion, version 3");
}

fn damaged_first(_: &Server) {
    let home = Home::new();
    promote_damaged(&home, 1);
    let server = home.server();
    let source = "compiled-in, because the champion could not be loaded";
    assert!(server.greeting.contains(source), "{}", server.greeting);
    answers_by_the_compiled_in(&server, source);
    put_and_promote(&home.registry, 2);
    answers_by(&server, 2, "champion, version 2");
}

fn registry_gone(_: &Server) {
    let home = Home::new();
    put_and_promote(&home.registry, 1);
    let server = home.server();
    answers_by(&server, 1, "champion, version 1");
    let [there, away] = ["artifacts", "away"].map(|name| home.folder.path().join(name));
    fs::rename(&there, &away).unwrap();
    for _ in 0..3 {
        answers_by(&server, 1, "version 1, because the registry could not be read");
    }
    fs::rename(&away, &there).unwrap();
    answers_by(&server, 1, "champion, version 1");
    put_and_promote(&home.registry, 2);
    answers_by(&server, 2, "champion, version 2");
    fs::remove_dir_all(&there).unwrap();
    answers_by(&server, 2, "version 2, because the registry could not be read");
    let log = server.into_log();
    assert_eq!(log.matches("the champion could not be loaded").count(), 2, "{log}");
}

fn pointer_damaged(_: &Server) {
    let home = Home::new();
    put_and_promote(&home.registry, 1);
    let server = home.server();
    let path = home.path(&Key::champion());
    let pointer = fs::read(&path).unwrap();
    fs::write(&path, "{\"version\": 1").unwrap();
    answers_by(&server, 1, "version 1, because the registry could not be read");
    answers_by_the_compiled_in(&home.server(), "compiled-in, because the champion could not be loaded");
    fs::write(&path, pointer).unwrap();
    answers_by(&server, 1, "champion, version 1");
}

fn without_card(_: &Server) {
    let home = Home::new();
    put_and_promote(&home.registry, 1);
    fs::remove_file(home.path(&Key::card(fixture::model(1).digest()))).unwrap();
    let server = home.server();
    answers_by(&server, 1, "champion, version 1");
    let card = server.get("/models/current").accept("application/json").send().expect(200).json();
    assert_eq!(card["card"], Value::Null);
    let page = |path: &str| server.get(path).accept("text/html").send().expect(200);
    page("/models/current").says("This model came without a card");
    page("/").says("its figures are not known");
}

/// A vote of two models.
fn soft_vote() -> Artifact {
    let members = [1, 2].map(|number| fixture::model(number).model().members()[0].clone());
    let parts = ModelParts {
        known_codes: [CodeSet::ALL; FEATURE_COUNT],
        members: members.into(),
        calibration: Calibration::None,
        threshold: 0.5,
    };
    Artifact::new(Model::new(parts).unwrap()).unwrap()
}

fn vote(_: &Server) {
    let home = Home::new();
    let model = soft_vote();
    wait(home.registry.put_model(&model, &fixture::card(&model))).unwrap();
    let version = wait(home.registry.register(fixture::new_version(&model, "votes"))).unwrap();
    promote(&home.registry, version.number, &model);
    let server = home.server();
    let ask = |accept: &str| -> Answer {
        let request = server.post("/predict?explain=3", "text/csv", rows());
        request.accept(accept).send().expect(200)
    };
    let reason = "no reasons are given: the score of the model that judged (soft vote) cannot be taken apart";
    let answer = ask("application/json").json();
    assert_eq!(answer["model"]["family"], "soft_vote");
    assert!(answer.get("explanation").is_none() && answer["rows"][0].get("reasons").is_none(), "{answer}");
    assert_eq!(
        (&answer["warnings"][0]["kind"], &answer["warnings"][0]["count"]),
        (&json!("no_reasons"), &json!(1))
    );
    let page = ask("text/html");
    page.says(reason);
    assert!(!page.text().contains("<th scope=\"col\">reasons</th>"), "an empty column");
    // Programs get the columns that they asked for.
    let answer = ask("text/csv");
    assert_eq!(answer.header("lurelight-warnings"), Some("1"));
    let lines: Vec<&str> = answer.text().lines().collect();
    assert!(lines[0].ends_with(",reasons,label,probability,predicted_column"), "{}", lines[0]);
    assert!(lines[1].starts_with(&row("1", &["", "legitimate", "0."])), "{}", lines[1]);
    let home = server.get("/").send().expect(200);
    home.says("Rows get no reasons: the score of the model that answers (soft vote)");
    assert!(!home.text().contains("name=\"explain\""));
    server.get("/models/current").accept("text/html").send().expect(200).says("<h1>soft vote</h1>");
}

fn usual_home(_: &Server) {
    let home = Home::new();
    put_and_promote(&home.registry, 1);
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join(".lurelight")).unwrap();
    fs::rename(home.folder.path().join("artifacts"), folder.path().join(".lurelight/artifacts")).unwrap();
    let in_folder = |path: &Path| Server::start_in(path, &[]);
    answers_by(&in_folder(folder.path()), 1, "champion, version 1");
    let empty = tempfile::tempdir().unwrap();
    answers_by_the_compiled_in(&in_folder(empty.path()), "compiled-in (no champion yet)");
    let output = Command::new(env!("CARGO_BIN_EXE_predict")).args(["--home", ""]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

fn interval(_: &Server) {
    let home = Home::new();
    put_and_promote(&home.registry, 1);
    let server = home.server_with(&[("LURELIGHT_CHAMPION_SECONDS", "1000000")]);
    answers_by(&server, 1, "champion, version 1");
    put_and_promote(&home.registry, 2);
    answers_by(&server, 1, "champion, version 1");
}
