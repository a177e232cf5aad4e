//! What the tests of this crate share: the built program as a server, and a client that can misbehave.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test reports by panicking")]
#![allow(dead_code, reason = "each test uses a part of it")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use lurelight_schema::Feature;

/// Longest wait for a part to start or to answer; no test passes or fails by how long something takes.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// The built program, listening on a free port; stopped when dropped.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    /// What it printed until it said where it is.
    pub greeting: String,
    /// Gives what it printed after that, when it has ended.
    log: Option<JoinHandle<String>>,
}

impl Server {
    pub fn start(variables: &[(&str, &str)]) -> Server {
        Server::start_in(Path::new("."), variables)
    }

    /// Starts it in a folder.
    pub fn start_in(folder: &Path, variables: &[(&str, &str)]) -> Server {
        let mut command = Command::new(env!("CARGO_BIN_EXE_predict"));
        command.args(["--address", "127.0.0.1:0"]).env("LURELIGHT_LOG", "warn").stderr(Stdio::piped());
        command.current_dir(folder).env_remove("LURELIGHT_HOME");
        let mut child = command.envs(variables.iter().copied()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (sender, receiver) = mpsc::channel();
        // The pipe is read to its end, so that the server never waits for a reader.
        let log = std::thread::spawn(move || {
            let unheard = lines.map_while(Result::ok).filter_map(|line| sender.send(line).err());
            unheard.map(|line| line.0 + "\n").collect()
        });
        let mut greeting = String::new();
        loop {
            let line = receiver.recv_timeout(PATIENCE).expect("the server says where it is");
            greeting.push_str(&line);
            greeting.push('\n');
            if line.contains("Then ") {
                break;
            }
        }
        let (_, rest) = greeting.split_once("http://").expect("a URL");
        let address = rest.split('/').next().unwrap().parse().unwrap();
        Server { child, address, greeting, log: Some(log) }
    }

    pub fn get(&self, path: &str) -> Request {
        Request::new(self.address, "GET", path)
    }

    pub fn post(&self, path: &str, content_type: &str, body: impl Into<Vec<u8>>) -> Request {
        post_to(self.address, path, content_type, body)
    }

    /// Posts a form.
    pub fn form(&self, parts: &[Part<'_>]) -> Request {
        self.post("/predict", FORM, form_body(parts))
    }

    pub fn request(&self, method: &str, path: &str) -> Request {
        Request::new(self.address, method, path)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it, and gives what it logged since its greeting.
    pub fn into_log(mut self) -> String {
        self.child.kill().unwrap();
        self.log.take().unwrap().join().unwrap()
    }

    /// Waits until the process ended by itself, and gives its exit code.
    pub fn wait_code(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Posts to any server, not only to the built program.
pub fn post_to(address: SocketAddr, path: &str, content_type: &str, body: impl Into<Vec<u8>>) -> Request {
    let request = Request::new(address, "POST", path).header("content-type", content_type);
    Request { body: body.into(), ..request }
}

/// Where scripts/tools installs what tests need.
pub fn cache() -> PathBuf {
    let chosen = std::env::var_os("LURELIGHT_CACHE").filter(|value| !value.is_empty()).map(PathBuf::from);
    chosen.unwrap_or_else(|| {
        PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/lurelight")
    })
}

pub const FORM: &str = "multipart/form-data; boundary=lurelightboundary";

/// A part of a form: its name, a file's name if it is one, and its content.
pub struct Part<'a>(pub &'a str, pub Option<&'a str>, pub &'a [u8]);

pub fn form_body(parts: &[Part<'_>]) -> Vec<u8> {
    let mut body = Vec::new();
    for Part(name, file_name, content) in parts {
        write!(body, "--lurelightboundary\r\nContent-Disposition: form-data; name=\"{name}\"").unwrap();
        if let Some(file_name) = file_name {
            write!(body, "; filename=\"{file_name}\"\r\nContent-Type: application/octet-stream").unwrap();
        }
        body.extend_from_slice(b"\r\n\r\n");
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--lurelightboundary--\r\n");
    body
}

/// The header line of the 30 features, and what else is asked for.
pub fn header(more: &[&str]) -> String {
    let names = Feature::ALL.iter().map(|feature| feature.name()).chain(more.iter().copied());
    names.collect::<Vec<_>>().join(",")
}

/// A row with the same code in every feature, and what else is asked for.
pub fn row(code: &str, more: &[&str]) -> String {
    std::iter::repeat_n(code, 30).chain(more.iter().copied()).collect::<Vec<_>>().join(",")
}

/// A file with a carried column and as many rows as asked for, phishing and legitimate by turns.
pub fn sites(rows: usize) -> String {
    let mut text = header(&["site"]) + "\n";
    for i in 0..rows {
        text += &row(if i % 2 == 0 { "-1" } else { "1" }, &[&format!("site-{i}.example")]);
        text.push('\n');
    }
    text
}

pub struct Request {
    address: SocketAddr,
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    fn new(address: SocketAddr, method: &str, path: &str) -> Request {
        let (method, path) = (method.to_owned(), path.to_owned());
        Request { address, method, path, headers: Vec::new(), body: Vec::new() }
    }

    pub fn header(mut self, name: &str, value: &str) -> Request {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn accept(self, value: &str) -> Request {
        self.header("accept", value)
    }

    /// The bytes on the wire, the whole body announced.
    fn bytes(&self) -> Vec<u8> {
        let mut text = format!(
            "{} {} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n",
            self.method, self.path, self.address
        );
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        if !self.body.is_empty() || self.method == "POST" {
            text += &format!("content-length: {}\r\n", self.body.len());
        }
        let mut bytes = (text + "\r\n").into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }

    pub fn send(self) -> Answer {
        let bytes = self.bytes();
        exchange(self.address, &bytes, false)
    }

    /// Sends the head with just the headers that were added, and these bytes.
    pub fn send_raw(self, body: &[u8]) -> Answer {
        let mut head = format!(
            "{} {} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n",
            self.method, self.path, self.address
        );
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        let bytes = [(head + "\r\n").as_bytes(), body].concat();
        exchange(self.address, &bytes, false)
    }

    /// Sends all but the last `missing` bytes and closes its half of the connection.
    pub fn send_cut(self, missing: usize) -> Answer {
        let bytes = self.bytes();
        exchange(self.address, &bytes[..bytes.len() - missing], true)
    }

    /// Sends all but the last `missing` bytes and waits.
    pub fn send_stalled(self, missing: usize) -> Answer {
        let bytes = self.bytes();
        exchange(self.address, &bytes[..bytes.len() - missing], false)
    }
}

fn exchange(address: SocketAddr, bytes: &[u8], close: bool) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(bytes).unwrap();
    if close {
        stream.shutdown(Shutdown::Write).unwrap();
    }
    let mut raw = Vec::new();
    stream.read_to_end(&mut raw).unwrap();
    Answer::parse(&raw)
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    fn parse(raw: &[u8]) -> Answer {
        let end = raw.windows(4).position(|window| window == b"\r\n\r\n").expect("an answer with a head");
        let head = String::from_utf8(raw[..end].to_vec()).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        Answer { status, headers, body: raw[end + 4..].to_vec() }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn gunzipped(&self) -> String {
        gunzip(&self.body)
    }

    /// Fails unless the status is this one, and shows the body.
    #[track_caller]
    pub fn expect(self, status: u16) -> Answer {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self
    }

    /// Fails unless the body has this text.
    #[track_caller]
    pub fn says(&self, part: &str) -> &Answer {
        assert!(self.text().contains(part), "no {part:?} in: {}", self.text());
        self
    }
}

pub fn gunzip(bytes: &[u8]) -> String {
    let mut text = String::new();
    flate2::read::GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
    text
}
