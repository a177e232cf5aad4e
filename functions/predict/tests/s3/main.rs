//! The built program with its registry in a bucket: the champion is followed, and whatever becomes of S3, the last
//! good model answers and says so, and the log says what to do.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test reports by panicking")]

#[path = "../../../../shared/aws/tests/emulator/aws.rs"]
mod aws;
#[path = "../support/champions.rs"]
mod champions;
#[path = "../../../../shared/aws/tests/emulator/lies.rs"]
mod lies;
#[path = "../support/mod.rs"]
mod support;

use std::net::SocketAddr;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Trial};
use lurelight_aws::S3Artifacts;
use lurelight_store::conformance::fixture;
use lurelight_store::{ArtifactStore, Key, ModelRegistry};

use aws::Emulator;
use champions::{answers_by, answers_by_the_compiled_in, as_json, promote, put_and_promote, rows, wait};
use lies::{Lie, Proxy};
use support::{PATIENCE, Server};

type Case = (&'static str, fn(&Emulator));

const CASES: &[Case] = &[
    ("s3::champion_is_followed", followed),
    ("s3::that_is_gone_leaves_the_last_good_model", gone),
    ("s3::that_throttles_leaves_the_last_good_model", throttled),
    ("s3::that_refuses_leaves_the_last_good_model", denied),
    ("s3::that_is_paused_holds_no_request", paused),
    ("s3::that_is_paused_at_the_start_holds_no_start", paused_at_the_start),
    ("s3::damaged_model_leaves_the_last_good_one", damaged),
    ("s3::object_cut_short_leaves_the_last_good_model", cut_short),
    ("s3::bucket_that_is_absent_is_named", no_bucket),
    ("s3::role_that_may_not_read_is_told", denied_at_the_start),
    ("s3::region_that_is_not_set_is_told", no_region),
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let program = aws::program();
    let emulator =
        program.as_deref().filter(|_| !arguments.list).map(|program| Arc::new(Emulator::start(program)));
    let trials = CASES.iter().map(|&(name, case)| {
        let emulator = emulator.clone();
        Trial::test(name, move || {
            case(&emulator.expect("it was started"));
            Ok(())
        })
        .with_ignored_flag(program.is_none())
        .with_kind(if program.is_none() { "no ministack: run scripts/tools ministack" } else { "" })
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    drop(emulator);
    conclusion.exit_code()
}

/// A bucket with a registry, and a way to it that may lie.
struct Bucket {
    name: String,
    store: Arc<S3Artifacts>,
    registry: ModelRegistry,
    proxy: Proxy,
}

impl Bucket {
    fn new(emulator: &Emulator) -> Bucket {
        let name = wait(emulator.bucket());
        let store = Arc::new(S3Artifacts::new(&emulator.settings(), &name));
        let registry = ModelRegistry::new(Arc::clone(&store) as Arc<dyn ArtifactStore>);
        Bucket { name, store, registry, proxy: wait(Proxy::before(emulator.address)) }
    }

    /// The program that looks at the pointer beside each request, and waits for it as long as it takes.
    fn server(&self) -> Server {
        self.server_with(&[("LURELIGHT_CHAMPION_WAIT_MILLISECONDS", "120000")])
    }

    fn server_with(&self, more: &[(&str, &str)]) -> Server {
        let variables = [("LURELIGHT_BUCKET", self.name.as_str()), ("LURELIGHT_CHAMPION_SECONDS", "0")];
        start(self.proxy.address, &[&variables, more].concat())
    }
}

/// The program, with what listens there for AWS.
fn start(address: SocketAddr, more: &[(&str, &str)]) -> Server {
    let endpoint = format!("http://{address}");
    let variables = [
        ("AWS_ENDPOINT_URL", endpoint.as_str()),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "very-secret"),
    ];
    Server::start(&[&variables, more].concat())
}

const KEPT: &str = "version 1, because the registry could not be read";
const LAST_RESORT: &str = "compiled-in, because the champion could not be loaded";

/// Fails unless the log, whose greeting stands before it, tells of one failure in these words.
#[track_caller]
fn told(log: &str, words: &[&str]) {
    assert_eq!(log.matches("ERROR").count(), 1, "{log}");
    for word in words {
        assert!(log.contains(word), "no {word:?} in {log}");
    }
    assert!(!log.contains("very-secret"), "{log}");
}

/// Ends the server, and gives all that it wrote.
fn whole_log(server: Server) -> String {
    let greeting = server.greeting.clone();
    greeting + &server.into_log()
}

fn followed(emulator: &Emulator) {
    let bucket = Bucket::new(emulator);
    let server = bucket.server();
    answers_by_the_compiled_in(&server, "compiled-in (no champion yet)");
    put_and_promote(&bucket.registry, 1);
    answers_by(&server, 1, "champion, version 1");
    put_and_promote(&bucket.registry, 2);
    answers_by(&server, 2, "champion, version 2");
    promote(&bucket.registry, 1, &fixture::model(1));
    answers_by(&server, 1, "champion, version 1");
    let again = bucket.server();
    assert!(again.greeting.contains(": champion, version 1;"), "{}", again.greeting);
    assert_eq!(server.into_log().trim(), "", "something went wrong");
}

fn gone(emulator: &Emulator) {
    let bucket = Bucket::new(emulator);
    put_and_promote(&bucket.registry, 1);
    let server = bucket.server();
    answers_by(&server, 1, "champion, version 1");
    bucket.proxy.stop();
    answers_by(&server, 1, KEPT);
    told(
        &whole_log(server),
        &[&bucket.name, "registry/champion.json", "AWS cannot be reached", "do it again"],
    );
}

fn throttled(emulator: &Emulator) {
    let bucket = Bucket::new(emulator);
    put_and_promote(&bucket.registry, 1);
    let server = bucket.server();
    answers_by(&server, 1, "champion, version 1");
    bucket.proxy.lie(Lie::SlowDown, usize::MAX);
    answers_by(&server, 1, KEPT);
    bucket.proxy.lie(Lie::SlowDown, 0);
    answers_by(&server, 1, "champion, version 1");
    told(&whole_log(server), &["SlowDown", "registry/champion.json", "later helps"]);
}

fn denied(emulator: &Emulator) {
    let bucket = Bucket::new(emulator);
    put_and_promote(&bucket.registry, 1);
    let server = bucket.server();
    answers_by(&server, 1, "champion, version 1");
    bucket.proxy.lie(Lie::Denied, usize::MAX);
    answers_by(&server, 1, KEPT);
    assert!(!as_json(&server, &rows()).to_string().contains("AccessDenied"), "that is for the log");
    bucket.proxy.lie(Lie::Denied, 0);
    put_and_promote(&bucket.registry, 2);
    answers_by(&server, 2, "champion, version 2");
    told(&whole_log(server), &["AccessDenied", "let this role do it"]);
}

/// As long as S3 says nothing, requests are answered by the last good model, and later by the next.
fn paused(emulator: &Emulator) {
    let bucket = Bucket::new(emulator);
    put_and_promote(&bucket.registry, 1);
    let server = bucket.server_with(&[]);
    answers_by(&server, 1, "champion, version 1");
    bucket.proxy.lie(Lie::Silence, 1);
    put_and_promote(&bucket.registry, 2);
    // The look that this request starts is the one that is met with silence, and it is still under way.
    answers_by(&server, 1, "champion, version 1");
    assert_eq!(bucket.proxy.lies_left(), 0, "the silence must have begun");
    until_answered_by(&server, "champion, version 2");
}

fn paused_at_the_start(emulator: &Emulator) {
    let bucket = Bucket::new(emulator);
    put_and_promote(&bucket.registry, 1);
    bucket.proxy.lie(Lie::Silence, 1);
    let server = bucket.server_with(&[]);
    // Had the start waited for the client's retries, the champion would be there.
    assert!(
        server.greeting.contains("compiled-in, while the champion is being loaded"),
        "{}",
        server.greeting
    );
    until_answered_by(&server, "champion, version 1");
}

fn until_answered_by(server: &Server, source: &str) {
    let started = Instant::now();
    while as_json(server, &rows())["model"]["source"] != source {
        assert!(started.elapsed() < PATIENCE, "it never answers by {source}");
        sleep(Duration::from_millis(100));
    }
}

fn damaged(emulator: &Emulator) {
    let bucket = Bucket::new(emulator);
    put_and_promote(&bucket.registry, 1);
    let server = bucket.server();
    answers_by(&server, 1, "champion, version 1");
    let version = wait(fixture::put_version(&bucket.registry, 2));
    let model = fixture::model(2);
    let mut bytes = model.to_bytes().to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    wait(bucket.store.put(&Key::model(model.digest()), bytes.into())).unwrap();
    promote(&bucket.registry, version.number, &model);
    answers_by(&server, 1, "version 1, because version 2 could not be loaded");
    put_and_promote(&bucket.registry, 3);
    answers_by(&server, 3, "champion, version 3");
    told(&whole_log(server), &[&bucket.name, "model.lure", "is damaged: its SHA-256 is"]);
}

fn cut_short(emulator: &Emulator) {
    let bucket = Bucket::new(emulator);
    put_and_promote(&bucket.registry, 1);
    let server = bucket.server();
    answers_by(&server, 1, "champion, version 1");
    bucket.proxy.lie(Lie::BodyCut, usize::MAX);
    put_and_promote(&bucket.registry, 2);
    answers_by(&server, 1, "version 1, because version 2 could not be loaded");
    bucket.proxy.lie(Lie::BodyCut, 0);
    put_and_promote(&bucket.registry, 3);
    answers_by(&server, 3, "champion, version 3");
    told(&whole_log(server), &[&bucket.name, "did not arrive whole", "doing it again may help"]);
}

fn no_bucket(emulator: &Emulator) {
    let server = start(emulator.address, &[("LURELIGHT_BUCKET", "there-is-no-such-bucket")]);
    answers_by_the_compiled_in(&server, LAST_RESORT);
    told(&whole_log(server), &["there-is-no-such-bucket", "no bucket of that name"]);
}

fn denied_at_the_start(emulator: &Emulator) {
    let bucket = Bucket::new(emulator);
    put_and_promote(&bucket.registry, 1);
    bucket.proxy.lie(Lie::Denied, usize::MAX);
    let server = bucket.server();
    answers_by_the_compiled_in(&server, LAST_RESORT);
    told(
        &whole_log(server),
        &[&bucket.name, "registry/champion.json", "AccessDenied", "let this role do it"],
    );
}

fn no_region(_: &Emulator) {
    let output = Command::new(env!("CARGO_BIN_EXE_predict"))
        .args(["--bucket", "lurelight-dev"])
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env_remove("AWS_REGION")
        .env_remove("AWS_DEFAULT_REGION")
        .env("AWS_CONFIG_FILE", "/nowhere")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    for word in ["predict: ", "bucket lurelight-dev", "AWS_REGION"] {
        assert!(text.contains(word), "no {word:?} in {text}");
    }
}
