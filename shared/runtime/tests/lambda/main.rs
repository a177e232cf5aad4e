//! Functions in Lambda as cargo-lambda plays it: what they answer when they fail or panic, and what they log.
//!
//! This program is the functions, too: it starts itself with the name of one in the variable `FUNCTION`.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test reports by panicking")]

mod local_lambda;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use libtest_mimic::{Arguments, Trial};
use lurelight_runtime::metrics::{Measured, Unit};
use lurelight_runtime::{Config, Failure, Invocation, invoke, serve, telemetry};
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

use local_lambda::{Function, LocalLambda};

/// The variable that makes this program a function.
const FUNCTION: &str = "FUNCTION";
/// Stands for a cell of a user's file.
const CELL: &str = "https://cell.example/é";

/// What the tests call their functions.
const NAMES: [&str; 5] =
    ["panicking-http", "telling-http", "failing-stage", "panicking-stage", "telling-stage"];

type Case = (&'static str, fn(&LocalLambda));

const CASES: &[Case] = &[
    ("http::a_panic_is_a_500_and_the_sandbox_lives_on", panics_over_http),
    ("http::each_request_has_one_line_with_its_id_and_one_of_metrics", lines_of_requests),
    ("invoke::failures_say_whether_retrying_helps", failures),
    ("invoke::a_panic_is_a_permanent_failure_and_the_sandbox_lives_on", panics_of_stages),
    ("invoke::each_invocation_has_one_line_with_its_run_and_one_of_metrics", lines_of_stages),
    ("invoke::outside_of_lambda_it_says_what_is_missing", outside),
];

fn main() -> ExitCode {
    if let Ok(name) = std::env::var(FUNCTION) {
        return function(&name);
    }
    let arguments = Arguments::from_args();
    let (tool, project) = (local_lambda::tool(), project());
    let absent = tool.is_none();
    let lambda = tool.filter(|_| !arguments.list);
    let lambda = lambda.map(|tool| Arc::new(LocalLambda::start(&tool, project.path())));
    let trials = CASES.iter().map(|&(name, case)| {
        let lambda = lambda.clone();
        Trial::test(name, move || {
            case(&lambda.unwrap());
            Ok(())
        })
        .with_ignored_flag(absent)
        .with_kind(if absent { local_lambda::ABSENT } else { "" })
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    drop(lambda);
    conclusion.exit_code()
}

/// A project that has the functions' names for its programs, and is never built.
fn project() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut manifest = String::from("[package]\nname = \"functions\"\nedition = \"2024\"\n");
    for name in NAMES {
        manifest += &format!("[[bin]]\nname = \"{name}\"\npath = \"main.rs\"\n");
    }
    std::fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
    std::fs::write(folder.path().join("main.rs"), "fn main() {}\n").unwrap();
    folder
}

/// The functions.
fn function(name: &str) -> ExitCode {
    telemetry::init();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let served = if name == "http" {
        let routes = Router::new()
            .route("/fine", get(fine))
            .route("/panic", get(async || -> String { panic!("out of order") }))
            .route("/cell", get(async || CELL[..CELL.len() - 1].to_owned()));
        runtime.block_on(serve(routes, Config::from_env().unwrap()))
    } else {
        runtime.block_on(invoke(stage))
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            telemetry::tell_why_it_ends("function", &error.to_string());
            ExitCode::FAILURE
        }
    }
}

async fn fine(measured: Measured) -> String {
    measured.set("Rows", Unit::Count, 3);
    std::process::id().to_string()
}

#[derive(Deserialize)]
struct Event {
    run: String,
    wanted: String,
}

async fn stage(event: Event, invocation: Invocation) -> Result<Value, Failure> {
    tracing::info!("working");
    invocation.measured.set("RunsFinished", Unit::Count, 1);
    match event.wanted.as_str() {
        "answer" => Ok(json!({
            "run": event.run,
            "process": std::process::id(),
        })),
        "retryable" => Err(Failure::retryable("MongoDB does not answer; doing it again may help")),
        "panic" => panic!("out of order"),
        _ => Err(Failure::permanent("the password is wrong; set the secret anew")),
    }
}

fn start(lambda: &LocalLambda, kind: &str, name: &str) -> Function {
    let mut command = lambda.command(name, &std::env::current_exe().unwrap());
    command.env(FUNCTION, kind).env("AWS_LAMBDA_HTTP_IGNORE_STAGE_IN_PATH", "true");
    Function::start(command)
}

/// Asks for a path, as API Gateway does, and gives the answer's status and body.
fn ask(lambda: &LocalLambda, name: &str, path: &str) -> (u64, String) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/events");
    let text = std::fs::read_to_string(folder.join("predict-v1-home.json")).unwrap();
    let mut event: Value = serde_json::from_str(&text).unwrap();
    event["path"] = path.into();
    event["resource"] = path.into();
    event["requestContext"]["path"] = format!("/prod{path}").into();
    event["requestContext"]["resourcePath"] = path.into();
    for headers in ["headers", "multiValueHeaders"] {
        event[headers]
            .as_object_mut()
            .unwrap()
            .retain(|name, _| !name.eq_ignore_ascii_case("accept-encoding"));
    }
    let (_, body) = lambda.invoke(name, &event.to_string());
    let answer: Value = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"));
    (answer["statusCode"].as_u64().unwrap(), answer["body"].as_str().unwrap_or_default().to_owned())
}

/// A function's lines by what they are: of the log, and of metrics.
fn read(lines: &[String]) -> (Vec<Value>, Vec<Value>) {
    let parse = |line: &String| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    lines.iter().map(parse).partition(|line: &Value| line.get("_aws").is_none())
}

fn panics_over_http(lambda: &LocalLambda) {
    let function = start(lambda, "http", "panicking-http");
    let (status, process) = ask(lambda, "panicking-http", "/fine");
    assert_eq!(status, 200);
    for path in ["/panic", "/cell", "/panic"] {
        let (status, body) = ask(lambda, "panicking-http", path);
        assert_eq!(status, 500, "{body}");
        assert!(!body.contains("out of order") && !body.contains("cell.example"), "{body}");
    }
    assert_eq!(ask(lambda, "panicking-http", "/fine"), (200, process));
    let text = function.into_log();
    assert!(!text.iter().any(|line| line.contains("cell.example")), "{text:?}");
    let (log, _) = read(&text);
    let panics: Vec<&Value> = log.iter().filter(|line| line.get("place").is_some()).collect();
    assert_eq!(panics.len(), 3, "{log:?}");
    for (line, message) in panics.iter().zip(["out of order", "left out", "out of order"]) {
        assert!(line["panic"].as_str().unwrap().contains(message), "{line}");
        assert!(line["place"].as_str().unwrap().contains("main.rs:"), "{line}");
        assert_eq!(line["level"], "ERROR");
        assert!(!line["requestId"].as_str().unwrap().is_empty());
    }
}

fn lines_of_requests(lambda: &LocalLambda) {
    let function = start(lambda, "http", "telling-http");
    for path in ["/fine", "/fine?token=secret", "/none"] {
        ask(lambda, "telling-http", path);
    }
    let text = function.into_log();
    assert!(!text.iter().any(|line| line.contains("secret")), "{text:?}");
    let (log, metrics) = read(&text);
    assert_eq!((log.len(), metrics.len()), (3, 3), "{text:?}");
    let mut ids = BTreeSet::new();
    for (number, (line, metric)) in log.iter().zip(&metrics).enumerate() {
        let cold = number == 0;
        assert_eq!((&line["message"], &line["level"]), (&json!("answered"), &json!("INFO")));
        assert_eq!((&line["method"], &line["cold_start"]), (&json!("GET"), &json!(cold)));
        assert!(line["target"].as_str().unwrap().starts_with("lurelight_runtime"), "{line}");
        assert_eq!(metric["FunctionName"], "telling-http");
        assert_eq!(metric["requestId"], line["requestId"]);
        assert_eq!(metric["ColdStart"], u64::from(cold));
        assert!(metric["Latency"].as_f64().unwrap() >= 0.0);
        ids.insert(line["requestId"].as_str().unwrap());
    }
    assert_eq!(ids.len(), 3, "each request has an id of its own");
    assert_eq!(
        (&log[0]["path"], &log[2]["path"], &log[2]["status"]),
        (&json!("/fine"), &json!("/none"), &json!(404))
    );
    assert_eq!((&metrics[0]["Rows"], &metrics[2].get("Rows")), (&json!(3), &None));
}

fn event(run: &str, wanted: &str) -> String {
    json!({"version": 1, "run": run, "wanted": wanted}).to_string()
}

/// Fails unless the invocation fails in this way.
#[track_caller]
fn fails(answer: &(String, String), kind: &str, words: &[&str]) {
    let (head, body) = answer;
    let error: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {head} {body}"));
    assert_eq!(error["errorType"], kind, "{body}");
    for word in words {
        assert!(error["errorMessage"].as_str().unwrap().contains(word), "no {word:?} in {body}");
    }
}

fn failures(lambda: &LocalLambda) {
    let _function = start(lambda, "stage", "failing-stage");
    let invoke = |event: &str| lambda.invoke("failing-stage", event);
    fails(&invoke(&event("r", "retryable")), "RetryableFailure", &["MongoDB does not answer", "again"]);
    fails(&invoke(&event("r", "else")), "PermanentFailure", &["password is wrong"]);
    fails(
        &invoke("{\"run\": \"r\"}"),
        "PermanentFailure",
        &["cannot be understood", "`wanted`", "infra/events"],
    );
    fails(&invoke("[]"), "PermanentFailure", &["cannot be understood"]);
}

fn panics_of_stages(lambda: &LocalLambda) {
    let function = start(lambda, "stage", "panicking-stage");
    let invoke = |wanted: &str| lambda.invoke("panicking-stage", &event("nightly", wanted));
    let before: Value = serde_json::from_str(&invoke("answer").1).unwrap();
    assert_eq!(before["run"], "nightly");
    fails(&invoke("panic"), "PermanentFailure", &["panicked (out of order)", "defect", "request "]);
    let after: Value = serde_json::from_str(&invoke("answer").1).unwrap();
    assert_eq!(after["process"], before["process"], "it is the same sandbox");
    let (log, _) = read(&function.into_log());
    let place = log.iter().find(|line| line.get("place").is_some()).unwrap();
    assert_eq!((&place["run"], &place["panic"]), (&json!("nightly"), &json!("out of order")));
}

fn lines_of_stages(lambda: &LocalLambda) {
    let function = start(lambda, "stage", "telling-stage");
    for wanted in ["answer", "retryable"] {
        lambda.invoke("telling-stage", &event("nightly", wanted));
    }
    let (log, metrics) = read(&function.into_log());
    let messages: Vec<&str> = log.iter().map(|line| line["message"].as_str().unwrap()).collect();
    assert_eq!(messages, ["working", "answered", "working", "failed"]);
    for line in &log {
        assert_eq!(line["run"], "nightly");
        assert!(!line["requestId"].as_str().unwrap().is_empty());
    }
    assert_eq!((&log[3]["error_type"], &log[3]["level"]), (&json!("RetryableFailure"), &json!("ERROR")));
    assert!(log[3]["error"].as_str().unwrap().contains("MongoDB does not answer"));
    assert_eq!(metrics.len(), 2);
    for (metric, (failed, cold)) in metrics.iter().zip([(0, 1), (1, 0)]) {
        assert_eq!((&metric["Failed"], &metric["ColdStart"]), (&json!(failed), &json!(cold)));
        assert_eq!((&metric["run"], &metric["RunsFinished"]), (&json!("nightly"), &json!(1)));
        assert!(metric["Duration"].as_f64().unwrap() >= 0.0);
    }
    assert_eq!(metrics[1]["requestId"], log[3]["requestId"]);
}

fn outside(_: &LocalLambda) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let output = command.env(FUNCTION, "stage").env_remove("AWS_LAMBDA_RUNTIME_API").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    for word in ["function: ", "AWS_LAMBDA_RUNTIME_API", "cargo lambda watch"] {
        assert!(text.contains(word), "no {word:?} in {text}");
    }
}
