//! `lurelight serve`: prediction and administration on one port, and training in the same process.

#![expect(clippy::unwrap_used, reason = "a test reports by panicking")]

#[path = "../../admin/tests/support/mod.rs"]
mod support;

mod home;

use std::path::Path;

use serde_json::{Value, json};

use support::{ADMINISTRATOR, ANALYST, Answer, Server};

/// Parameters that keep a run short, and let it have a champion on few synthetic rows.
fn short(family: &str) -> Value {
    json!({
        "training": {"families": [family]},
        "promotion": {"min_f1": 0.5, "min_roc_auc": 0.5},
    })
}

fn serve(folder: &Path, variables: &[(&str, &str)]) -> Server {
    let quick = [("LURELIGHT_CHAMPION_SECONDS", "0"), ("LURELIGHT_CHAMPION_WAIT_MILLISECONDS", "120000")];
    Server::start(env!("CARGO_BIN_EXE_lurelight"), &["serve"], folder, &[&quick, variables].concat())
}

/// Rows to learn from.
fn push(folder: &Path) {
    home::printed(folder, &["sample", "600", "--out", "labelled.csv"]);
    home::printed(folder, &["push", "labelled.csv"]);
}

fn json_of(server: &Server, path: &str) -> Value {
    server.get(path).token(ADMINISTRATOR).send().expect(200).json()
}

/// Waits until a run has ended, and gives its last state.
fn ended(server: &Server, run: &str) -> Value {
    loop {
        let state = json_of(server, &format!("/runs/{run}"));
        if state["state"] != "running" {
            return state;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

fn train(server: &Server, body: &Value) -> Answer {
    server.post("/train", body).send()
}

#[test]
fn a_run_is_started_watched_and_its_version_serves_and_is_rolled_back() {
    let folder = tempfile::tempdir().unwrap();
    push(folder.path());
    let server = serve(folder.path(), &[]);
    let asked = json!({"run": "first", "reason": "new rows", "parameters": short("logistic_regression")});
    let answer = train(&server, &asked).expect(202);
    assert_eq!((answer.header("location"), &answer.json()["started"]), (Some("/runs/first"), &json!(true)));
    let run = ended(&server, "first");
    assert_eq!((&run["state"], &run["outcome"]), (&json!("ended"), &json!("promoted")), "{run}");
    assert!(run["actor"].as_str().unwrap().starts_with("administration token "), "{run}");
    assert_eq!(run["made"]["version"], 1);
    assert!(run["stages"].as_array().unwrap().iter().all(|stage| stage["status"] == "done"), "{run}");
    let health = server.get("/healthz").send().expect(200).json();
    assert_eq!(health["model"]["source"], "champion, version 1");
    // The page with plots, under a policy that its style meets.
    let report = server.get("/runs/first/report").token(ADMINISTRATOR).send().expect(200);
    report.says("<style>").says("<svg");
    assert!(!report.body.contains(" style=\""), "a style outside the one that the policy allows");

    // Sent again, because the answer was lost.
    let again = train(&server, &asked).expect(200);
    assert_eq!(again.json(), json!({"run": "first", "started": false, "location": "/runs/first"}));
    let other = json!({"run": "first", "reason": "something else"});
    train(&server, &other)
        .expect(409)
        .says("administration token")
        .says("new rows".split(' ').next().unwrap());

    let answer = train(&server, &json!({"reason": "another family", "parameters": short("decision_tree")}))
        .expect(202);
    let name = answer.json()["run"].as_str().unwrap().to_owned();
    assert_eq!(ended(&server, &name)["made"]["version"], 2);
    let champion = json_of(&server, "/models")["champion"]["version"].as_u64().unwrap();
    let other = 3 - champion;
    server.post(&format!("/models/{other}/promote"), &json!({"reason": "by hand"})).send().expect(200);
    let health = server.get("/healthz").send().expect(200).json();
    assert_eq!(health["model"]["source"], format!("champion, version {other}"));
    let listed = json_of(&server, "/runs");
    assert_eq!(listed["runs"].as_array().unwrap().len(), 2);
}

#[test]
fn a_run_that_cannot_be_is_refused_or_shown_as_failed() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path(), &[]);
    let unknown = train(&server, &json!({"parameters": {"training": {"sead": 1}}})).expect(422);
    unknown.says("there is no parameter training.sead");
    // Nothing was pushed.
    train(&server, &json!({"run": "empty"})).expect(202);
    let run = ended(&server, "empty");
    assert_eq!((&run["state"], &run["stage"]), (&json!("failed"), &json!("ingest")), "{run}");
    assert!(run["reason"].as_str().unwrap().contains("push"), "{run}");
    let page = server.get("/runs/empty").token(ADMINISTRATOR).browser().send().expect(200);
    page.says("Failed at ingest").says("role=\"alert\"");
}

#[test]
fn pages_of_both_lead_to_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path(), &[]);
    let names =
        ["href=\"/\"", "href=\"/models/current\"", "href=\"/models\"", "href=\"/runs\"", "href=\"/train\""];
    for path in ["/", "/models/current", "/models", "/runs", "/train", "/session", "/nothing"] {
        let page = server.get(path).token(ADMINISTRATOR).browser().send();
        for name in names {
            page.says(name);
        }
    }
}

#[test]
fn prediction_is_open_unless_a_token_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let open = serve(folder.path(), &[]);
    for path in ["/", "/sample.csv", "/models/current", "/healthz"] {
        open.get(path).send().expect(200);
    }
    let gated = serve(folder.path(), &[("LURELIGHT_PREDICTION_ACCESS", "token")]);
    for path in ["/", "/sample.csv", "/models/current"] {
        gated.get(path).send().expect(401);
        gated.get(path).token(ANALYST).send().expect(200);
        gated.get(path).token(ADMINISTRATOR).send().expect(200);
        let led = gated.get(path).browser().send().expect(303);
        assert!(led.header("location").unwrap().starts_with("/session?return=%2F"));
    }
    gated.get("/healthz").send().expect(200);
    let answer =
        gated.request("POST", "/session").browser().form(&format!("token={ANALYST}")).send().expect(303);
    assert_eq!(answer.header("location"), Some("/"));
    let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    gated.get("/").browser().header("cookie", &cookie).send().expect(200);
    gated.get("/runs").header("cookie", &cookie).send().expect(403);
}
