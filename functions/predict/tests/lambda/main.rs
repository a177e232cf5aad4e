//! The built program as a Lambda function: recorded API Gateway events through `cargo lambda`'s Runtime API.
//!
//! `cargo lambda watch --only-lambda-apis` starts the Runtime API alone; the function is the program that cargo
//! built for this test, started with the variables that Lambda sets. Nothing is built twice.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test reports by panicking")]

#[path = "../support/champions.rs"]
mod champions;
#[path = "../../../../shared/runtime/tests/lambda/local_lambda.rs"]
mod local_lambda;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use libtest_mimic::{Arguments, Trial};
use lurelight_store::{DirectoryArtifacts, ModelRegistry};
use serde_json::{Value, json};

use local_lambda::LocalLambda;
use support::{gunzip, post_to, sites};

/// An answer's event may be this large, in bytes of JSON.
const LAMBDA_LIMIT_BYTES: usize = 6_291_456;

type Case = (&'static str, fn(&Function));

const CASES: &[Case] = &[
    ("lambda::v1_home_links_below_the_stage", v1_home),
    ("lambda::v1_multipart_by_cargo_lambda_invoke", v1_multipart),
    ("lambda::v1_query", v1_query),
    ("lambda::v1_custom_domain_with_mapping", v1_custom_domain),
    ("lambda::v1_cross_site_is_refused", v1_cross_site),
    ("lambda::v2_csv_in_base64_with_stage_and_query", v2_csv),
    ("lambda::v2_text_that_is_not_base64", v2_text),
    ("lambda::v2_multipart_gzipped", v2_multipart),
    ("lambda::v2_custom_domain_leaves_the_stage_out", v2_custom_domain),
    ("lambda::function_url", function_url),
    ("lambda::plain_answer_is_cut_to_the_limit", plain_answer_is_cut),
    ("lambda::gzipped_answer_is_whole", gzipped_answer_is_whole),
    ("lambda::problems_are_events_too", problems),
    ("lambda::each_request_has_a_line_of_metrics", metrics),
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let tool = local_lambda::tool();
    let function = tool.as_deref().filter(|_| !arguments.list).map(|tool| Arc::new(Function::start(tool)));
    let trials = CASES.iter().map(|&(name, case)| {
        let function = function.clone();
        Trial::test(name, move || {
            case(&function.expect("it was started"));
            Ok(())
        })
        .with_ignored_flag(tool.is_none())
        .with_kind(if tool.is_none() { local_lambda::ABSENT } else { "" })
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    drop(function);
    conclusion.exit_code()
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Lambda, and the function that it invokes.
struct Function {
    tool: PathBuf,
    lambda: LocalLambda,
    _program: local_lambda::Function,
}

impl Function {
    fn start(tool: &Path) -> Function {
        let lambda = LocalLambda::start(tool, &workspace());
        let program = start_program(&lambda, &[("LURELIGHT_LOG", "error")]);
        Function { tool: tool.to_owned(), lambda, _program: program }
    }

    /// Invokes with an event, and gives the answer's event with its size in bytes.
    fn invoke(&self, event: &Value) -> (Value, usize) {
        let (_, body) = self.lambda.invoke("predict", &event.to_string());
        (serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}")), body.len())
    }

    fn answer_to(&self, name: &str) -> Value {
        self.invoke(&event(name)).0
    }
}

/// The program that cargo built for this test, as a function.
fn start_program(lambda: &LocalLambda, variables: &[(&str, &str)]) -> local_lambda::Function {
    let mut command = lambda.command("predict", Path::new(env!("CARGO_BIN_EXE_predict")));
    command.envs(variables.iter().copied());
    local_lambda::Function::start(command)
}

/// A recorded event of infra/events.
fn event(name: &str) -> Value {
    let path = event_file(name);
    serde_json::from_slice(&fs::read(&path).unwrap())
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn event_file(name: &str) -> PathBuf {
    workspace().join("infra/events").join(format!("{name}.json"))
}

/// A header of an answer, wherever the event's version keeps it.
fn header<'a>(answer: &'a Value, name: &str) -> Option<&'a str> {
    answer["headers"][name].as_str().or_else(|| answer["multiValueHeaders"][name][0].as_str())
}

/// The body as a client gets it from API Gateway, ungzipped.
fn body(answer: &Value) -> String {
    let text = answer["body"].as_str().unwrap_or_default();
    if answer["isBase64Encoded"] != true {
        return text.to_owned();
    }
    let bytes = BASE64.decode(text).unwrap();
    if header(answer, "content-encoding") == Some("gzip") {
        gunzip(&bytes)
    } else {
        String::from_utf8(bytes).unwrap()
    }
}

#[track_caller]
fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
}

fn v1_home(function: &Function) {
    let answer = function.answer_to("predict-v1-home");
    assert_eq!((&answer["statusCode"], &answer["isBase64Encoded"]), (&json!(200), &json!(true)));
    assert_eq!(header(&answer, "content-encoding"), Some("gzip"));
    has(
        &body(&answer),
        &["action=\"/prod/predict\"", "href=\"/prod/sample.csv\"", "href=\"/prod/assets/style-"],
    );
}

fn v1_multipart(function: &Function) {
    let output = Command::new(&function.tool)
        .args([
            "lambda",
            "invoke",
            "--invoke-address",
            "127.0.0.1",
            "--invoke-port",
            &function.lambda.address.port().to_string(),
        ])
        .arg("--data-file")
        .arg(event_file("predict-v1-multipart"))
        .arg("predict")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["statusCode"], 200);
    // Both places of headers would make API Gateway send each twice.
    assert_eq!(answer["headers"], json!({}));
    assert_eq!(header(&answer, "content-type"), Some("text/html; charset=utf-8"));
    has(
        &body(&answer),
        &["dataframe table table-striped", "Result for sites.csv", "site-03.example", "href=\"/prod/\""],
    );
}

/// The form's own threshold was left empty, so that the query's counts.
fn v1_query(function: &Function) {
    let mut event = event("predict-v1-multipart");
    event["queryStringParameters"] = json!({"threshold": "0.99999"});
    event["multiValueQueryStringParameters"] = json!({"threshold": ["0.99999"]});
    let answer = function.invoke(&event).0;
    assert_eq!(answer["statusCode"], 200);
    has(&body(&answer), &["0 of 3 rows look like phishing"]);
}

fn v1_custom_domain(function: &Function) {
    let answer = function.answer_to("predict-v1-custom-domain");
    assert_eq!((&answer["statusCode"], &answer["isBase64Encoded"]), (&json!(200), &json!(false)));
    has(&body(&answer), &["Model card", "href=\"/sec/\"", "href=\"/sec/assets/style-"]);
}

fn v1_cross_site(function: &Function) {
    let answer = function.answer_to("predict-v1-cross-site");
    assert_eq!(answer["statusCode"], 403);
    has(&body(&answer), &["Refused: sent from another site"]);
}

fn v2_csv(function: &Function) {
    let answer = function.answer_to("predict-v2-csv");
    assert_eq!((&answer["statusCode"], &answer["isBase64Encoded"]), (&json!(200), &json!(false)));
    assert_eq!(header(&answer, "content-type"), Some("application/json"));
    let value: Value = serde_json::from_str(&body(&answer)).unwrap();
    assert_eq!((&value["threshold"], &value["summary"]["used"]), (&json!(0.8), &json!(3)));
}

fn v2_text(function: &Function) {
    let answer = function.answer_to("predict-v2-text");
    assert_eq!(answer["statusCode"], 200);
    let text = body(&answer);
    assert_eq!(text.lines().count(), 4);
    assert!(text.lines().next().unwrap().ends_with(",label,probability,predicted_column"));
}

fn v2_multipart(function: &Function) {
    let answer = function.answer_to("predict-v2-multipart");
    assert_eq!((&answer["statusCode"], &answer["isBase64Encoded"]), (&json!(200), &json!(true)));
    has(&body(&answer), &["dataframe table table-striped", "href=\"/\""]);
}

fn v2_custom_domain(function: &Function) {
    let answer = function.answer_to("predict-v2-custom-domain");
    assert_eq!(answer["statusCode"], 200);
    has(&body(&answer), &["action=\"/predict\""]);
}

fn function_url(function: &Function) {
    let path = "/lambda-url/predict/predict";
    let request = post_to(function.lambda.address, path, "text/csv", sites(2)).accept("application/json");
    assert_eq!(request.send().expect(200).json()["summary"]["used"], 2);
}

/// An event with many rows, some 3 MB of CSV.
fn large(accept: &str, gzip: bool) -> Value {
    let mut event = event("predict-v2-csv");
    event["body"] = BASE64.encode(sites(40_000)).into();
    event["headers"]["accept"] = accept.into();
    if gzip {
        event["headers"]["accept-encoding"] = "gzip".into();
    }
    event
}

fn plain_answer_is_cut(function: &Function) {
    let (answer, bytes) = function.invoke(&large("text/html", false));
    assert_eq!(answer["statusCode"], 200);
    assert!((5_000_000..LAMBDA_LIMIT_BYTES).contains(&bytes), "{bytes} bytes");
    let page = body(&answer);
    let shown = page.matches("<tr><th>").count();
    assert!(shown > 5_000 && shown < 40_000, "{shown} rows");
    has(
        &page,
        &["of 40,000 are shown", &format!("send the file again with {shown} rows to skip"), "</html>"],
    );
}

fn gzipped_answer_is_whole(function: &Function) {
    for accept in ["text/html", "application/json", "text/csv"] {
        let (answer, bytes) = function.invoke(&large(accept, true));
        assert_eq!((&answer["statusCode"], &answer["isBase64Encoded"]), (&json!(200), &json!(true)));
        assert!(bytes < LAMBDA_LIMIT_BYTES, "{bytes} bytes");
        assert_eq!(header(&answer, "lurelight-rows-shown"), Some("40000"), "{accept}");
        assert_eq!(header(&answer, "link"), None);
    }
}

fn problems(function: &Function) {
    let mut event = event("predict-v2-csv");
    event["body"] = BASE64.encode("\u{89}PNG").into();
    let answer = function.invoke(&event).0;
    assert!(answer["statusCode"] == 422 || answer["statusCode"] == 415, "{answer}");
    assert_eq!(header(&answer, "content-type"), Some("application/problem+json"));
    assert_eq!(answer["isBase64Encoded"], false);
    event["rawPath"] = "/prod/none".into();
    event["requestContext"]["http"]["path"] = "/prod/none".into();
    assert_eq!(function.invoke(&event).0["statusCode"], 404);
}

/// The metrics of a request for each state that a registry can be in, from a function of its own each time.
fn metrics(function: &Function) {
    // A Lambda of its own, so that no other function takes the events.
    let lambda = LocalLambda::start(&function.tool, &workspace());
    let home = tempfile::tempdir().unwrap();
    let artifacts = Arc::new(DirectoryArtifacts::open(home.path().join("artifacts")));
    let registry = ModelRegistry::new(artifacts);
    let run = |variables: &[(&str, &str)], events: &[Value]| -> Vec<Value> {
        let program = start_program(&lambda, variables);
        for event in events {
            lambda.invoke("predict", &event.to_string());
        }
        let lines = program.into_log();
        assert!(!lines.iter().any(|line| line.contains(".example")), "a cell is in the log: {lines:?}");
        let lines = lines.iter().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")));
        lines.filter(|line: &Value| line.get("_aws").is_some()).collect()
    };
    let numbers = |line: &Value, names: &[&str]| -> Vec<Option<u64>> {
        names.iter().map(|name| line[*name].as_u64()).collect()
    };
    let counted = ["Rows", "DistinctRows", "RowErrors", "RegistryVersion", "Fallback", "ColdStart"];

    let mut bad = event("predict-v2-csv");
    bad["body"] = BASE64.encode(sites(5) + "1\n").into();
    let mut none = event("predict-v2-csv");
    none["body"] = BASE64.encode(sites(1).replace("-1", "7")).into();
    let lines = run(&[], &[bad.clone(), none, event("predict-v1-home"), event("predict-v2-csv")]);
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert_eq!(numbers(&lines[0], &counted), [Some(6), Some(2), Some(1), Some(0), Some(0), Some(1)]);
    assert_eq!(numbers(&lines[1], &counted), [Some(1), Some(0), Some(1), Some(0), Some(0), Some(0)]);
    assert_eq!(numbers(&lines[2], &counted), [None, None, None, None, None, Some(0)]);
    assert_eq!(numbers(&lines[3], &["Rows", "RowErrors"]), [Some(3), Some(0)]);
    for line in &lines {
        assert!(line["Latency"].as_f64().unwrap() >= 0.0);
        assert_eq!(line["FunctionName"], "predict");
    }

    let follow = [("LURELIGHT_HOME", home.path().to_str().unwrap())];
    let model = |lines: Vec<Value>| numbers(&lines[0], &["RegistryVersion", "Fallback"]);
    assert_eq!(
        model(run(&follow, &[bad.clone()])),
        [Some(0), Some(0)],
        "there is no champion to stand in for"
    );
    champions::put_and_promote(&registry, 1);
    assert_eq!(model(run(&follow, &[bad.clone()])), [Some(1), Some(0)]);
    fs::write(home.path().join("artifacts/registry/champion.json"), "{").unwrap();
    assert_eq!(model(run(&follow, &[bad])), [Some(0), Some(1)]);
}
