//! A server's process, which is stopped, paused and started again, and what it answers to whoever reads it back.

#![allow(dead_code, reason = "not every test needs all of it")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Longest wait for the server to start; no test passes or fails by how long something takes.
const PATIENCE: Duration = Duration::from_secs(300);

/// Where scripts/tools installs it.
pub fn program() -> Option<PathBuf> {
    let chosen = std::env::var_os("LURELIGHT_CACHE").filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = chosen.unwrap_or_else(|| {
        PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/lurelight")
    });
    let program = cache.join("mlflow/bin/mlflow");
    program.is_file().then_some(program)
}

/// MLflow on a free port; ended when dropped. What it keeps outlives a stop.
pub struct Mlflow {
    child: Option<Child>,
    pub address: SocketAddr,
    folder: tempfile::TempDir,
    program: PathBuf,
    takes_files: bool,
}

impl Mlflow {
    /// One that takes files in, or one that leaves them to whatever its clients can reach.
    pub fn start(program: &Path, takes_files: bool) -> Mlflow {
        let mut server = Mlflow::stopped(program, takes_files);
        server.start_again();
        server
    }

    /// An address at which it is not yet.
    pub fn stopped(program: &Path, takes_files: bool) -> Mlflow {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (program, folder) = (program.to_owned(), tempfile::tempdir().unwrap());
        Mlflow { child: None, address, folder, program, takes_files }
    }

    pub fn start_again(&mut self) {
        let folder = self.folder.path();
        let files = folder.join("files").display().to_string();
        let files = if self.takes_files {
            ["--artifacts-destination".to_owned(), files]
        } else {
            ["--no-serve-artifacts".to_owned(), format!("--default-artifact-root={files}")]
        };
        let log = fs::File::create(folder.join("log")).unwrap();
        let child = Command::new(&self.program)
            .args(["server", "--host", "127.0.0.1", "--workers", "1"])
            .args(["--port", &self.address.port().to_string()])
            .arg(format!("--backend-store-uri=sqlite:///{}", folder.join("m.db").display()))
            .args(files)
            .env("MLFLOW_DISABLE_TELEMETRY", "true")
            .env("DO_NOT_TRACK", "true")
            .env_remove("MLFLOW_TRACKING_URI")
            .current_dir(folder)
            .stdout(Stdio::null())
            .stderr(log)
            // A group of its own, so that its workers end with it.
            .process_group(0)
            .spawn()
            .unwrap();
        self.child = Some(child);
        let started = Instant::now();
        while !healthy(self.address) {
            assert!(started.elapsed() < PATIENCE, "the server does not answer: {}", self.log());
            sleep(Duration::from_millis(100));
        }
    }

    /// Ends it, with all of its workers.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            signal(&child, "-KILL");
            let _reaped = child.wait();
        }
    }

    /// It answers nothing until it is resumed, and still takes connections.
    pub fn pause(&self) {
        signal(self.child.as_ref().unwrap(), "-STOP");
    }

    pub fn resume(&self) {
        signal(self.child.as_ref().unwrap(), "-CONT");
    }

    pub fn uri(&self) -> String {
        format!("http://{}", self.address)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// What a call of the REST API answers.
    pub fn get(&self, call: &str) -> Value {
        read(exchange(self.address, "GET", &format!("/api/2.0/mlflow/{call}"), "").unwrap(), call)
    }

    pub fn post(&self, call: &str, body: &Value) -> Value {
        let path = format!("/api/2.0/mlflow/{call}");
        read(exchange(self.address, "POST", &path, &body.to_string()).unwrap(), call)
    }

    /// The bytes of a file of a run.
    pub fn file(&self, run: &Value, name: &str) -> Vec<u8> {
        let folder = text(run, "/info/artifact_uri").strip_prefix("mlflow-artifacts:/").unwrap().to_owned();
        let path = format!("/api/2.0/mlflow-artifacts/artifacts/{folder}/{name}");
        let (status, body) = exchange(self.address, "GET", &path, "").unwrap();
        assert_eq!(status, 200, "{name}");
        body
    }

    /// The runs of an experiment, by their tags `lurelight.run` and `lurelight.candidate`; none of an experiment that
    /// there is not.
    pub fn runs(&self, experiment: &str) -> Vec<Value> {
        let found =
            self.get(&format!("experiments/search?max_results=1000&filter=name%20%3D%20'{experiment}'"));
        let Some(id) = found.pointer("/experiments/0/experiment_id") else { return Vec::new() };
        let found = self.post("runs/search", &json!({"experiment_ids": [id], "max_results": 1000}));
        let mut runs = found["runs"].as_array().cloned().unwrap_or_default();
        runs.sort_by_key(|run| [tag(run, "lurelight.run"), tag(run, "lurelight.candidate")]);
        runs
    }

    /// The only run of this candidate (`-` for the run itself).
    pub fn run(&self, experiment: &str, run: &str, candidate: &str) -> Value {
        let mut runs = self.runs(experiment);
        runs.retain(|shown| {
            tag(shown, "lurelight.run") == run && tag(shown, "lurelight.candidate") == candidate
        });
        assert_eq!(runs.len(), 1, "{run} {candidate}: {runs:#?}");
        runs.remove(0)
    }

    /// Every step of a figure with its value.
    pub fn series(&self, run: &Value, name: &str) -> Vec<(u64, f64)> {
        let id = text(run, "/info/run_id");
        let found = self.get(&format!("metrics/get-history?run_id={id}&metric_key={name}&max_results=5000"));
        let metrics = found["metrics"].as_array().cloned().unwrap_or_default();
        let mut series: Vec<_> =
            metrics.iter().map(|m| (m["step"].as_u64().unwrap_or(0), m["value"].as_f64().unwrap())).collect();
        series.sort_by_key(|(step, _)| *step);
        series
    }

    /// The registered model's versions, the oldest first.
    pub fn versions(&self, model: &str) -> Vec<Value> {
        let found =
            self.get(&format!("model-versions/search?filter=name%20%3D%20'{model}'&max_results=1000"));
        let mut versions = found["model_versions"].as_array().cloned().unwrap_or_default();
        versions.sort_by_key(|version| text(version, "/version").parse::<u64>().unwrap());
        versions
    }

    /// The version of ours at which the alias is.
    pub fn champion(&self, model: &str) -> String {
        let found = self.get(&format!("registered-models/alias?name={model}&alias=champion"));
        let version = &found["model_version"];
        let tags = version["tags"].as_array().unwrap();
        let ours = tags.iter().find(|tag| tag["key"] == "lurelight.version").unwrap();
        ours["value"].as_str().unwrap().to_owned()
    }

    /// All that it shows, for comparison.
    pub fn everything(&self, experiment: &str) -> Value {
        let runs = self.runs(experiment);
        let mut series = Vec::new();
        for run in &runs {
            for metric in run.pointer("/data/metrics").and_then(Value::as_array).unwrap_or(&Vec::new()) {
                let name = metric["key"].as_str().unwrap();
                series.push(json!([text(run, "/info/run_id"), name, self.series(run, name)]));
            }
        }
        json!([runs, series, self.versions(experiment)])
    }
}

impl Drop for Mlflow {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A tag's value; empty where there is none.
pub fn tag(run: &Value, name: &str) -> String {
    entry(run, "tags", name).unwrap_or_default()
}

/// A parameter's value.
pub fn parameter(run: &Value, name: &str) -> String {
    entry(run, "params", name).unwrap_or_else(|| panic!("no parameter {name}: {run:#?}"))
}

fn entry(run: &Value, kind: &str, name: &str) -> Option<String> {
    let entries = run["data"][kind].as_array()?;
    let entry = entries.iter().find(|entry| entry["key"] == name)?;
    Some(entry["value"].as_str().unwrap_or_default().to_owned())
}

pub fn text(value: &Value, at: &str) -> String {
    value.pointer(at).and_then(Value::as_str).unwrap_or_else(|| panic!("no {at}: {value:#?}")).to_owned()
}

fn signal(child: &Child, name: &str) {
    let group = format!("-{}", child.id());
    assert!(Command::new("kill").args([name, "--", &group]).status().unwrap().success());
}

fn healthy(address: SocketAddr) -> bool {
    matches!(exchange(address, "GET", "/health", ""), Ok((200, _)))
}

fn read((status, body): (u16, Vec<u8>), call: &str) -> Value {
    assert_eq!(status, 200, "{call}: {}", String::from_utf8_lossy(&body));
    serde_json::from_slice(&body).unwrap()
}

/// Another client than the product's. HTTP/1.0, so that the answer ends with the connection.
fn exchange(address: SocketAddr, method: &str, path: &str, body: &str) -> std::io::Result<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect(address)?;
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.ok_or(std::io::ErrorKind::UnexpectedEof)?;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
    Ok((status, answer.split_off(end + 4)))
}
