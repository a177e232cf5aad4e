//! The built program as a Lambda function: recorded API Gateway events through `cargo lambda`'s Runtime API.
//!
//! `cargo lambda watch --only-lambda-apis` starts the Runtime API alone; the function is the program that cargo built for
//! this test, on a home in a directory and with secrets in variables.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test reports by panicking")]

#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::io::Read as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use libtest_mimic::{Arguments, Trial};
use lurelight_store::conformance::fixture;
use lurelight_store::{DirectoryArtifacts, ModelRegistry};
use serde_json::{Value, json};
use tempfile::TempDir;

use support::{ADMINISTRATOR, ANALYST, Request};

const PATIENCE: Duration = Duration::from_secs(120);

type Case = (&'static str, fn(&Function));

const CASES: &[Case] = &[
    ("lambda::v1_session_cookie_opens_the_pages_below_the_stage", v1_session),
    ("lambda::v1_train_without_a_state_machine_says_so", v1_train),
    ("lambda::v1_runs_and_one_run_with_and_without_a_mapping", v1_runs),
    ("lambda::v1_promote_moves_the_champion_once", v1_promote),
    ("lambda::v1_cross_site_is_refused", v1_cross_site),
    ("lambda::v2_session_travels_as_cookies", v2_session),
    ("lambda::nobody_is_let_in_without_a_token", nobody),
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let tool = cargo_lambda();
    let function = tool.as_deref().filter(|_| !arguments.list).map(|tool| Arc::new(Function::start(tool)));
    let trials = CASES.iter().map(|&(name, case)| {
        let function = function.clone();
        Trial::test(name, move || {
            case(&function.expect("it was started"));
            Ok(())
        })
        .with_ignored_flag(tool.is_none())
        .with_kind(if tool.is_none() {
            "no cargo-lambda: run scripts/tools cargo-lambda"
        } else {
            ""
        })
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    drop(function);
    conclusion.exit_code()
}

/// Where scripts/tools installs it.
fn cargo_lambda() -> Option<PathBuf> {
    let tool = support::cache().join("cargo-lambda/bin/cargo-lambda");
    tool.is_file().then_some(tool)
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The Runtime API and the function that polls it; both stopped when dropped.
struct Function {
    address: SocketAddr,
    runtime: Child,
    program: Child,
    _home: TempDir,
}

impl Function {
    fn start(tool: &Path) -> Function {
        let home = tempfile::tempdir().unwrap();
        let registry = ModelRegistry::new(Arc::new(DirectoryArtifacts::open(home.path().join("artifacts"))));
        let version = fixture::put_version(&registry, 1);
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(version);
        let run = home.path().join("artifacts/runs/run-1");
        fs::create_dir_all(&run).unwrap();
        fs::write(run.join("promote.json"), json!({"outcome": "kept", "reason": "a test"}).to_string())
            .unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let runtime = Command::new(tool)
            .args(["lambda", "watch", "--only-lambda-apis", "--invoke-address", "127.0.0.1", "--invoke-port"])
            .arg(address.port().to_string())
            .current_dir(workspace())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let started = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(started.elapsed() < PATIENCE, "cargo lambda watch does not listen");
            sleep(Duration::from_millis(20));
        }
        let program = Command::new(env!("CARGO_BIN_EXE_admin"))
            .env("AWS_LAMBDA_RUNTIME_API", format!("http://{address}/.rt/admin"))
            .env("AWS_LAMBDA_FUNCTION_NAME", "admin")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("LURELIGHT_HOME", home.path())
            .env("ADMINISTRATION_TOKENS", ADMINISTRATOR)
            .env("PREDICTION_TOKENS", ANALYST)
            .env("SESSION_KEY", "0123456789abcdef0123456789abcdef")
            .env("LURELIGHT_LOG", "error")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Function { address, runtime, program, _home: home }
    }

    fn invoke(&self, event: &Value) -> Value {
        let path = "/2015-03-31/functions/admin/invocations";
        let request = Request::new(self.address, "POST", path).body("application/json", &event.to_string());
        request.send().expect(200).json()
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        for child in [&mut self.program, &mut self.runtime] {
            let _already_gone = child.kill();
            let _reaped = child.wait();
        }
    }
}

/// A recorded event of infra/events.
fn event(name: &str) -> Value {
    let path = workspace().join("infra/events").join(format!("{name}.json"));
    serde_json::from_slice(&fs::read(&path).unwrap())
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
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
    if header(answer, "content-encoding") != Some("gzip") {
        return String::from_utf8(bytes).unwrap();
    }
    let mut text = String::new();
    flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
    text
}

#[track_caller]
fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
}

/// Sets a header in both places in which a v1 event has it.
fn set(event: &mut Value, name: &str, value: &str) {
    event["headers"][name] = value.into();
    event["multiValueHeaders"][name] = json!([value]);
}

fn unset(event: &mut Value, name: &str) {
    event["headers"].as_object_mut().unwrap().remove(name);
    event["multiValueHeaders"].as_object_mut().unwrap().remove(name);
}

fn v1_session(function: &Function) {
    let answer = function.invoke(&event("admin-v1-session"));
    assert_eq!(
        (&answer["statusCode"], header(&answer, "location")),
        (&json!(303), Some("/prod/runs")),
        "{answer}"
    );
    let cookie = header(&answer, "set-cookie").unwrap();
    has(cookie, &["__Host-lurelight=administration.", "; Path=/;", "; Secure", "; HttpOnly"]);
    let mut runs = event("admin-v1-runs");
    unset(&mut runs, "Authorization");
    set(&mut runs, "Cookie", cookie.split(';').next().unwrap());
    set(&mut runs, "Accept", "text/html");
    let answer = function.invoke(&runs);
    assert_eq!(answer["statusCode"], 200);
    // Deployed, the pages of both functions lie below the stage.
    has(&body(&answer), &["href=\"/prod/runs/run-1\"", "href=\"/prod/models\"", "href=\"/prod/\">Classify"]);
}

fn v1_train(function: &Function) {
    let answer = function.invoke(&event("admin-v1-train"));
    assert_eq!(answer["statusCode"], 503);
    has(&body(&answer), &["no-runner", "LURELIGHT_STATE_MACHINE_ARN"]);
}

fn v1_runs(function: &Function) {
    let answer = function.invoke(&event("admin-v1-runs"));
    let runs: Value = serde_json::from_str(&body(&answer)).unwrap();
    assert_eq!((&runs["runs"][0]["run"], &runs["runs"][0]["outcome"]), (&json!("run-1"), &json!("kept")));
    let mut one = event("admin-v1-run");
    has(&body(&function.invoke(&one)), &["Kept beside the champion", "href=\"/prod/train\""]);
    // A custom domain with a mapping, which both paths hold then.
    one["path"] = "/sec/runs/run-1".into();
    one["requestContext"]["path"] = "/sec/runs/run-1".into();
    let answer = function.invoke(&one);
    assert_eq!(answer["statusCode"], 200);
    has(&body(&answer), &["Kept beside the champion", "href=\"/sec/train\""]);
}

fn v1_promote(function: &Function) {
    let answer = function.invoke(&event("admin-v1-promote"));
    assert_eq!(answer["statusCode"], 200, "{answer}");
    has(&body(&answer), &["\"changed\":true", "better on our own rows"]);
    // Whoever saw no champion is too late now.
    assert_eq!(function.invoke(&event("admin-v1-promote"))["statusCode"], 409);
}

fn v1_cross_site(function: &Function) {
    let mut event = event("admin-v1-session");
    set(&mut event, "Sec-Fetch-Site", "cross-site");
    let answer = function.invoke(&event);
    assert_eq!((&answer["statusCode"], header(&answer, "set-cookie")), (&json!(403), None));
}

fn v2_session(function: &Function) {
    let answer = function.invoke(&event("admin-v2-session"));
    assert_eq!(answer["statusCode"], 200, "{answer}");
    let cookie = answer["cookies"][0].as_str().or_else(|| header(&answer, "set-cookie")).expect("a cookie");
    let session = cookie.split(['=', ';']).nth(1).unwrap();
    let mut runs = event("admin-v2-runs");
    let cookies = runs["cookies"].to_string().replace("SESSION", session);
    runs["cookies"] = serde_json::from_str(&cookies).unwrap();
    let answer = function.invoke(&runs);
    assert_eq!(answer["statusCode"], 200, "{answer}");
    has(&body(&answer), &["run-1"]);
}

fn nobody(function: &Function) {
    let answer = function.invoke(&event("admin-v2-runs"));
    assert_eq!(
        (&answer["statusCode"], header(&answer, "www-authenticate")),
        (&json!(401), Some("Bearer realm=\"lurelight\""))
    );
    for name in ["admin-v1-runs", "admin-v1-train", "admin-v1-promote", "admin-v1-run"] {
        let mut event = event(name);
        set(&mut event, "Authorization", &format!("Bearer {ANALYST}"));
        assert_eq!(function.invoke(&event)["statusCode"], 403, "{name}");
    }
}
