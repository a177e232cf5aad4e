//! What runs left behind, as it is shown.

use serde_json::{Value, json};

use crate::Home;
use crate::support::{ADMINISTRATOR, Server};

fn json_of(server: &Server, path: &str) -> Value {
    server.get(path).token(ADMINISTRATOR).send().expect(200).json()
}

fn page_of(server: &Server, path: &str) -> crate::support::Answer {
    server.get(path).token(ADMINISTRATOR).browser().send().expect(200)
}

fn begin(home: &Home, run: &str, at: &str) {
    let ingest = json!({
        "request": {
            "run": run, "at": at, "actor": "<b>dora</b>", "reason": "nightly & new", "program": "lurelight 0.1.0",
            "training": {"seed": 7}, "drift": {}, "promotion": {},
        },
        "dataset": "0".repeat(64), "rows": 11055, "phishing": 4898, "legitimate": 6157, "batches": [], "no_change": null,
    });
    home.put(&format!("runs/{run}/ingest.json"), &ingest.to_string());
}

#[test]
fn runs_are_listed_by_their_time_whatever_their_names() {
    let home = Home::new();
    let server = home.server();
    assert_eq!(json_of(&server, "/runs"), json!({"runs": [], "not_shown": 0}));
    begin(&home, "zebra", "2026-05-01T00:00:00Z");
    begin(&home, "aardvark", "2026-05-03T00:00:00Z");
    begin(&home, "0f6e1b1c-8d1c-4d5e-9b3f-0a1b2c3d4e5f", "2026-05-02T00:00:00Z");
    let runs = json_of(&server, "/runs")["runs"].as_array().unwrap().clone();
    let names: Vec<_> = runs.iter().map(|run| run["run"].as_str().unwrap()).collect();
    assert_eq!(names, ["aardvark", "0f6e1b1c-8d1c-4d5e-9b3f-0a1b2c3d4e5f", "zebra"]);
    assert_eq!(
        (&runs[0]["state"], &runs[0]["stage"], &runs[0]["rows"]),
        (&json!("unfinished"), &json!("validate"), &json!(11055))
    );
    let page = page_of(&server, "/runs");
    page.says("href=\"/runs/aardvark\"").says("2026-05-03 00:00 UTC").says("11,055").says("&#60;b&#62;dora");
    assert!(!page.body.contains("<b>dora"));
}

#[test]
fn a_run_is_shown_stage_by_stage() {
    let home = Home::new();
    let server = home.server();
    begin(&home, "night", "2026-05-01T00:00:00Z");
    home.put(
        "runs/night/validate.json",
        &json!({"valid_rows": 11000, "invalid_rows": 55, "warnings": ["odd"], "drift_words": "Nothing drifted."}).to_string(),
    );
    home.put(
        "runs/night/transform.json",
        &json!({"train": {"rows": 7700}, "test": {"rows": 3300}}).to_string(),
    );
    home.put(
        "runs/night/candidates/random_forest.json",
        &json!({"family": "random_forest", "outcome": "fitted", "cross_validated": {"f1": 0.96, "log_loss": 0.1}}).to_string(),
    );
    home.put(
        "runs/night/candidates/ada_boost.json",
        &json!({"family": "ada_boost", "outcome": "failed", "reason": "no memory <left>"}).to_string(),
    );
    let run = json_of(&server, "/runs/night");
    let statuses: Vec<_> =
        run["stages"].as_array().unwrap().iter().map(|stage| stage["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["done", "done", "done", "unfinished", "not needed", "not needed"]);
    assert_eq!(run["stages"][3]["found"], "1 of 2 families fitted, 1 failed");
    let page = page_of(&server, "/runs/night");
    for part in [
        "11,000 rows can be used, 55 cannot",
        "Nothing drifted.",
        "7,700 rows to train on",
        "0.9600",
        "no memory &#60;left&#62;",
        "nightly &#38; new",
        "odd",
    ] {
        page.says(part);
    }
    assert_eq!(page.header("refresh"), None);
}

#[test]
fn a_failure_is_shown_with_what_the_stage_said() {
    let home = Home::new();
    let server = home.server();
    let cause = json!({"errorType": "PermanentFailure", "errorMessage": "there are no records in lurelight.records: push some"});
    let failure = json!({"stage": "ingest", "error": "PermanentFailure", "cause": cause.to_string(), "at": "2026-05-01T00:00:00Z"});
    home.put("runs/broken/failure.json", &failure.to_string());
    let run = json_of(&server, "/runs/broken");
    assert_eq!((&run["state"], &run["stage"]), (&json!("failed"), &json!("ingest")));
    assert_eq!(run["reason"], "there are no records in lurelight.records: push some");
    page_of(&server, "/runs/broken")
        .says("Failed at ingest")
        .says("push some")
        .says("The champion is as it was");
    page_of(&server, "/runs").says("failed at ingest");
}

#[test]
fn a_run_that_is_not_there_or_damaged_is_said_to_be_so() {
    let home = Home::new();
    let server = home.server();
    begin(&home, "fine", "2026-05-01T00:00:00Z");
    home.put("runs/torn/ingest.json", "{\"request\": ");
    for path in [
        "/runs/nothing",
        "/runs/..%2F..%2Fregistry",
        "/runs/.hidden",
        "/runs/nothing/report",
        "/runs/fine/report",
    ] {
        let answer = server.get(path).token(ADMINISTRATOR).send();
        assert_eq!(answer.status, 404, "{path}: {}", answer.body);
    }
    server.get("/runs/torn").token(ADMINISTRATOR).send().expect(500).says("is damaged");
    let runs = json_of(&server, "/runs");
    let torn = runs["runs"].as_array().unwrap().iter().find(|run| run["run"] == "torn").unwrap();
    assert!(torn["damage"].as_str().unwrap().contains("is damaged"), "{runs}");
    page_of(&server, "/runs").says("damaged report").says("href=\"/runs/fine\"");
}

#[test]
fn a_report_is_given_with_a_policy_of_its_own() {
    let home = Home::new();
    let server = home.server();
    home.put(
        "runs/night/report.html",
        "<!doctype html><style>p{color:red}</style><p>plots</p><script>alert(1)</script>",
    );
    let answer = server.get("/runs/night/report").token(ADMINISTRATOR).send().expect(200);
    answer.says("plots");
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    let policy = answer.header("content-security-policy").unwrap();
    for part in ["default-src 'none'", "style-src 'sha256-", "; sandbox", "frame-ancestors 'none'"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("script-src") && !policy.contains("unsafe-inline"), "{policy}");
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
}

#[test]
fn without_a_runner_nothing_is_started_and_the_page_says_why() {
    let home = Home::new();
    let server = home.server();
    let answer = server.post("/train", &json!({"reason": "x"})).send().expect(503);
    assert_eq!(answer.kind(), "no-runner");
    answer.says("LURELIGHT_STATE_MACHINE_ARN");
    page_of(&server, "/train").says("Nothing here can run the pipeline");
    let told = server.get("/train").token(ADMINISTRATOR).send().expect(405);
    assert_eq!(told.header("allow"), Some("POST"));
    told.says("parameters");
    for (body, status) in [
        (json!({"run": "a/b"}), 422),
        (json!({"run": ".a"}), 422),
        (json!({"parameters": "{"}), 422),
        (json!({"parameters": [1]}), 422),
        (json!({"reason": "x".repeat(501)}), 422),
        (json!({"because": "x"}), 400),
    ] {
        let answer = server.post("/train", &body).send();
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
    }
}
