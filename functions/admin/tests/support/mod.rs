//! What the tests of administration share: a built program as a server, and a client that shows whatever headers it is
//! given.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test reports by panicking")]
#![allow(dead_code, reason = "each test uses a part of it")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

/// A token of administration, and one of prediction.
pub const ADMINISTRATOR: &str = "administrator-0123456789";
pub const ANALYST: &str = "analyst-0123456789";
/// What browsers accept.
pub const BROWSER: &str = "text/html,application/xhtml+xml,*/*;q=0.8";

/// Longest wait for a part to answer; no test passes or fails by how long something takes.
const PATIENCE: Duration = Duration::from_secs(300);

/// A program that listens on a free port; stopped when dropped.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    log: Option<JoinHandle<String>>,
}

impl Server {
    /// Starts a program on the home in a folder, with the tokens above unless the variables say otherwise.
    pub fn start(program: &str, arguments: &[&str], folder: &Path, variables: &[(&str, &str)]) -> Server {
        let mut command = Command::new(program);
        command.args(arguments).args(["--address", "127.0.0.1:0"]).current_dir(folder);
        command.env("LURELIGHT_HOME", folder.join("home")).env("LURELIGHT_LOG", "info");
        command.env("ADMINISTRATION_TOKENS", ADMINISTRATOR).env("PREDICTION_TOKENS", ANALYST);
        command.stderr(Stdio::piped()).stdin(Stdio::null()).stdout(Stdio::null());
        let mut child = command.envs(variables.iter().copied()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let greeting = lines.find(|line| line.contains("http://")).expect("the server says where it is");
        let address = greeting.split("http://").nth(1).unwrap().split('/').next().unwrap().parse().unwrap();
        // The pipe is read to its end, so that the server never waits for a reader.
        let log = std::thread::spawn(move || lines.map(|line| line + "\n").collect());
        Server { child, address, log: Some(log) }
    }

    pub fn get(&self, path: &str) -> Request {
        Request::new(self.address, "GET", path)
    }

    pub fn request(&self, method: &str, path: &str) -> Request {
        Request::new(self.address, method, path)
    }

    /// Posts JSON as a program with a token of administration does.
    pub fn post(&self, path: &str, body: &Value) -> Request {
        self.request("POST", path).token(ADMINISTRATOR).body("application/json", &body.to_string())
    }

    /// Ends it, and gives what it logged.
    pub fn into_log(mut self) -> String {
        self.child.kill().unwrap();
        self.log.take().unwrap().join().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

pub struct Request {
    address: SocketAddr,
    head: String,
    body: Vec<u8>,
}

impl Request {
    pub fn new(address: SocketAddr, method: &str, path: &str) -> Request {
        let head = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
        Request { address, head, body: Vec::new() }
    }

    /// Names another host than the one that is asked.
    pub fn host(mut self, host: &str) -> Request {
        self.head = self.head.replacen(&self.address.to_string(), host, 1);
        self
    }

    pub fn header(mut self, name: &str, value: &str) -> Request {
        self.head += &format!("{name}: {value}\r\n");
        self
    }

    pub fn token(self, token: &str) -> Request {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub fn browser(self) -> Request {
        self.header("accept", BROWSER)
    }

    pub fn body(self, content_type: &str, body: &str) -> Request {
        let with_type = self.header("content-type", content_type);
        Request { body: body.as_bytes().to_vec(), ..with_type }
    }

    pub fn form(self, body: &str) -> Request {
        self.body("application/x-www-form-urlencoded", body)
    }

    pub fn send(self) -> Answer {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let head = format!("{}content-length: {}\r\n\r\n", self.head, self.body.len());
        stream.write_all(&[head.as_bytes(), &self.body].concat()).unwrap();
        let mut raw = Vec::new();
        stream.read_to_end(&mut raw).unwrap();
        Answer::parse(&raw)
    }
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    fn parse(raw: &[u8]) -> Answer {
        let text = String::from_utf8_lossy(raw);
        let (head, body) = text.split_once("\r\n\r\n").expect("an answer with a head");
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        Answer { status, headers, body: body.to_owned() }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The end of the problem's type.
    pub fn kind(&self) -> String {
        self.json()["type"].as_str().unwrap().rsplit(':').next().unwrap().to_owned()
    }

    /// Fails unless the status is this one, and shows the body.
    #[track_caller]
    pub fn expect(self, status: u16) -> Answer {
        assert_eq!(self.status, status, "{:?} {}", self.headers, self.body);
        self
    }

    /// Fails unless the body has this text.
    #[track_caller]
    pub fn says(&self, part: &str) -> &Answer {
        assert!(self.body.contains(part), "no {part:?} in: {}", self.body);
        self
    }
}

/// Where scripts/tools installs what tests need.
pub fn cache() -> PathBuf {
    let chosen = std::env::var_os("LURELIGHT_CACHE").filter(|value| !value.is_empty()).map(PathBuf::from);
    chosen.unwrap_or_else(|| {
        PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/lurelight")
    })
}
