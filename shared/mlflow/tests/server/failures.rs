//! A server that is gone, silent, busy, refuses, or is none; and a network that loses answers.

use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use lurelight_mlflow::{MlflowSettings, MlflowTracker, Patience};
use lurelight_store::{EnvironmentSecrets, Error, ErrorKind, Secret, SecretName, Secrets, Tracker as _};
use serde_json::{Value, json};

use crate::lies::{Fate, Proxy};
use crate::made_up::{event, run};
use crate::process::{Mlflow, tag, text};
use crate::{block, experiment, tracker, tracker_for};

/// What it shows, without the names that it made up itself.
fn shown(server: &Mlflow, experiment: &str) -> Value {
    let runs: Vec<Value> = server
        .runs(experiment)
        .iter()
        .map(|run| {
            let mut metrics: Vec<String> =
                run["data"]["metrics"].as_array().into_iter().flatten().map(|m| format!("{m}")).collect();
            metrics.sort();
            let figures: Vec<Value> = ["decision/f1", "fold/f1", "cross_validated/f1"]
                .map(|name| json!(server.series(run, name)))
                .into();
            json!([
                tag(run, "lurelight.candidate"),
                tag(run, "lurelight.told").is_empty(),
                run["info"]["status"],
                run["info"]["end_time"],
                run["data"]["params"],
                run["inputs"],
                metrics,
                figures,
            ])
        })
        .collect();
    json!([runs, server.versions(experiment).len()])
}

pub fn lost_answers(server: &Mlflow) {
    let (straight, lossy) = (experiment(), experiment());
    block(tracker(&server.uri(), &straight).record(&run("r-1", 1))).unwrap();
    let proxy = Proxy::before(server.address);
    // Every other answer is lost, whatever was asked.
    proxy.rule(|number, _| if number % 2 == 0 { Fate::AnswerLost } else { Fate::Passes });
    block(tracker(&proxy.uri(), &lossy).record(&run("r-1", 1))).unwrap();
    assert!(proxy.requests() > 20, "the lies must have been told");
    assert_eq!(shown(server, &lossy), shown(server, &straight));
}

/// Every other answer lacks its end; then all of them do.
pub fn cut_answers(server: &Mlflow) {
    let (straight, cut) = (experiment(), experiment());
    block(tracker(&server.uri(), &straight).record(&run("r-1", 1))).unwrap();
    let proxy = Proxy::before(server.address);
    proxy.rule(|number, _| if number % 2 == 0 { Fate::AnswerCut } else { Fate::Passes });
    block(tracker(&proxy.uri(), &cut).record(&run("r-1", 1))).unwrap();
    assert_eq!(shown(server, &cut), shown(server, &straight));
    proxy.rule(|_, _| Fate::AnswerCut);
    let error = block(tracker(&proxy.uri(), &cut).record(&run("r-2", 2))).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
    assert_said(&error, &[&proxy.uri(), "do it again"]);
}

/// Whichever request it is at which a server is lost.
pub fn completed(server: &Mlflow) {
    let straight = experiment();
    let proxy = Proxy::before(server.address);
    block(tracker(&proxy.uri(), &straight).record(&run("r-1", 1))).unwrap();
    let (expected, requests) = (shown(server, &straight), proxy.requests());
    for last in 0..requests {
        let experiment = experiment();
        proxy.rule(
            move |number, _| {
                if number < last { Fate::Passes } else { Fate::Answered("400 Bad Request", "{}") }
            },
        );
        let error = block(tracker(&proxy.uri(), &experiment).record(&run("r-1", 1))).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid, "after {last} requests: {error}");
        let running = server.runs(&experiment).iter().all(|run| tag(run, "lurelight.told").is_empty());
        assert!(running, "after {last} requests it does not say that all is told");
        block(tracker(&server.uri(), &experiment).record(&run("r-1", 1))).unwrap();
        assert_eq!(shown(server, &experiment), expected, "after {last} requests");
    }
}

pub fn busy(server: &Mlflow) {
    const BUSY: &str = "429 Too Many Requests\r\nretry-after: 0";
    let experiment = experiment();
    let proxy = Proxy::before(server.address);
    // More than half of the requests are put off, or fail.
    proxy.rule(|number, _| match number % 5 {
        0 | 2 => Fate::Answered(BUSY, ""),
        3 => Fate::Answered("503 Service Unavailable", "<html>"),
        _ => Fate::Passes,
    });
    let tracker = tracker(&proxy.uri(), &experiment);
    block(tracker.record(&run("r-1", 1))).unwrap();
    assert_eq!(server.runs(&experiment).len(), 3);
    for (status, word) in [(BUSY, "fewer requests"), ("500 Internal Server Error", "may help")] {
        proxy.rule(move |_, _| Fate::Answered(status, ""));
        let error = block(tracker.record(&run("r-2", 2))).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unavailable);
        assert_said(&error, &[&proxy.uri(), word]);
        assert_eq!(proxy.requests(), 4, "it is asked four times");
        // What is known to be refused is not asked again.
        proxy.rule(|_, _| Fate::Answered("400 Bad Request", "{\"error_code\": \"INVALID_PARAMETER_VALUE\"}"));
        let error = block(tracker.moved(&event(1, 1))).unwrap_err();
        assert_eq!((error.kind, proxy.requests()), (ErrorKind::Invalid, 1));
    }
}

pub fn silence(server: &Mlflow) {
    let experiment = experiment();
    let proxy = Proxy::before(server.address);
    proxy.rule(|_, _| Fate::Silence);
    let patience = Patience { attempt: Duration::from_millis(200), attempts: 2, ..Patience::default() };
    let settings = MlflowSettings::new(&proxy.uri()).unwrap().with_experiment(&experiment);
    let tracker = MlflowTracker::new(settings.with_patience(patience), Arc::new(EnvironmentSecrets)).unwrap();
    let error = block(tracker.record(&run("r-1", 1))).unwrap_err();
    assert_eq!((error.kind, proxy.requests()), (ErrorKind::Unavailable, 2));
    assert_said(&error, &[&proxy.uri(), "no answer in 0.2 s", "may help"]);
}

pub fn gone(server: &Mlflow) {
    let mut proxy = Proxy::before(server.address);
    proxy.stop();
    let uri = proxy.uri();
    let error = block(tracker(&uri, "experiment").record(&run("r-1", 1))).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
    assert_said(&error, &[&uri, "cannot be reached"]);
}

pub fn no_mlflow(server: &Mlflow) {
    let proxy = Proxy::before(server.address);
    let tracker = tracker(&proxy.uri(), "experiment");
    for (head, body, word) in [
        ("200 OK", "<!doctype html>", "is no JSON"),
        ("200 OK", "{}", "does not answer as MLflow"),
        ("404 Not Found", "<!doctype html>", "that is no MLflow"),
        ("302 Found\r\nlocation: https://sign-in.example/", "", "sends elsewhere"),
    ] {
        proxy.rule(move |_, _| Fate::Answered(head, body));
        let error = block(tracker.record(&run("r-1", 1))).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid, "{head}: {error}");
        assert_said(&error, &[&proxy.uri(), word]);
    }
}

/// Secrets that are rotated: each look gives the next one.
#[derive(Debug)]
struct Rotating(&'static [&'static str], AtomicUsize);

#[async_trait]
impl Secrets for Rotating {
    fn place(&self) -> String {
        "a safe".to_owned()
    }

    async fn get(&self, name: &SecretName) -> Result<Secret, Error> {
        assert_eq!(name.as_str(), "mlflow-credentials");
        Ok(Secret::new(self.0[self.1.load(Ordering::SeqCst)]))
    }

    async fn refresh(&self, name: &SecretName) -> Result<Secret, Error> {
        let last = self.0.len() - 1;
        let _before = self.1.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |at| Some(last.min(at + 1)));
        self.get(name).await
    }
}

/// Lets only those pass who name themselves so.
fn guarded(proxy: &Proxy, authorization: &'static str) {
    proxy.rule(move |_, head| {
        let named = head.lines().filter_map(|line| line.split_once(": "));
        let mut named = named.filter(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        match named.next() {
            Some((_, value)) if value == authorization => Fate::Passes,
            _ => Fate::Answered("401 Unauthorized", "You are not authenticated."),
        }
    });
}

pub fn credentials(server: &Mlflow) {
    let proxy = Proxy::before(server.address);
    guarded(&proxy, "Basic ZG9yYTpodW50ZXIyMg==");
    let error = block(tracker(&proxy.uri(), "e").record(&run("r-1", 1))).unwrap_err();
    assert_eq!(error.kind, ErrorKind::PermissionDenied);
    assert_said(&error, &[&proxy.uri(), "MLFLOW_TRACKING_USERNAME", "mlflow-credentials", "does not help"]);
    assert_eq!(proxy.requests(), 1, "asking again does not help");
    let wrong = Arc::new(Rotating(&["dora:hunter3"], AtomicUsize::new(0)));
    let tracker = tracker_for(&proxy.uri(), "e", wrong);
    let error = block(tracker.record(&run("r-1", 1))).unwrap_err();
    assert_eq!(error.kind, ErrorKind::PermissionDenied);
    for said in [format!("{error} {error:?} {tracker:?}"), tracker.place()] {
        assert!(!said.contains("hunter3") && !said.contains("ZG9yYTp"), "{said}");
    }
    proxy.rule(|_, _| {
        Fate::Answered("403 Forbidden", "{\"error_code\": \"PERMISSION_DENIED\", \"message\": \"no\"}")
    });
    let error = block(tracker.record(&run("r-1", 1))).unwrap_err();
    assert_eq!(error.kind, ErrorKind::PermissionDenied);
    assert_said(&error, &["may not", "PERMISSION_DENIED: no"]);
}

pub fn rotated(server: &Mlflow) {
    let proxy = Proxy::before(server.address);
    for (secrets, expected) in [
        (&["dora:old", "dora:hunter22"] as &'static [&'static str], "Basic ZG9yYTpodW50ZXIyMg=="),
        (&["old", "token\n"], "Bearer token"),
        (&["token"], "Bearer token"),
    ] {
        let experiment = experiment();
        guarded(&proxy, expected);
        let tracker =
            tracker_for(&proxy.uri(), &experiment, Arc::new(Rotating(secrets, AtomicUsize::new(0))));
        block(tracker.record(&run("r-1", 1))).unwrap();
        assert_eq!(server.runs(&experiment).len(), 3, "{expected}");
    }
}

pub fn deleted(server: &Mlflow) {
    let experiment = experiment();
    let tracker = tracker(&server.uri(), &experiment);
    block(tracker.record(&run("r-1", 1))).unwrap();
    let id = text(&server.runs(&experiment)[0], "/info/experiment_id");
    server.post("experiments/delete", &json!({ "experiment_id": id }));
    let error = block(tracker.record(&run("r-2", 2))).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert_said(&error, &[&experiment, "restore it", "MLFLOW_EXPERIMENT_NAME"]);
}

/// A certificate that nobody vouches for.
pub fn tls() {
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new("openssl")
        .args(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key -out pem -days 2"
                .split(' '),
        )
        .args([
            "-subj",
            "/CN=localhost",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
            "-addext",
            "subjectAltName=DNS:localhost",
        ])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut impostor = Command::new("openssl")
        .args(["s_server", "-quiet", "-www", "-cert", "pem", "-key", "key", "-accept", &address.to_string()])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while std::net::TcpStream::connect(address).is_err() {
        std::thread::sleep(Duration::from_millis(20));
    }
    let uri = format!("https://localhost:{}", address.port());
    let error = block(tracker(&uri, "e").record(&run("r-1", 1))).unwrap_err();
    let _already_gone = impostor.kill();
    let _reaped = impostor.wait();
    assert_eq!(error.kind, ErrorKind::Invalid, "{error:?}");
    assert_said(&error, &[&uri, "certificate", "SSL_CERT_FILE", "does not help"]);
}

#[track_caller]
fn assert_said(error: &Error, words: &[&str]) {
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "{word:?} is not said: {text}");
    }
}
