//! Lambda on this machine, as cargo-lambda plays it, and functions that it invokes.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test reports by panicking")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

/// Longest wait for a part to start or to answer; no test passes or fails by how long something takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the list of ignored tests says where there is no cargo-lambda.
pub const ABSENT: &str = "no cargo-lambda: run scripts/tools cargo-lambda";

/// Where scripts/tools installs cargo-lambda.
pub fn tool() -> Option<PathBuf> {
    let chosen = std::env::var_os("LURELIGHT_CACHE").filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = chosen.unwrap_or_else(|| {
        PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/lurelight")
    });
    let tool = cache.join("cargo-lambda/bin/cargo-lambda");
    tool.is_file().then_some(tool)
}

/// The Runtime API and the API to invoke functions; stopped when dropped.
pub struct LocalLambda {
    child: Child,
    pub address: SocketAddr,
}

impl LocalLambda {
    /// Starts it for the functions of the cargo project in a folder: it invokes only what that has a program for.
    pub fn start(tool: &Path, project: &Path) -> LocalLambda {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let child = Command::new(tool)
            .args(["lambda", "watch", "--only-lambda-apis", "--invoke-address", "127.0.0.1", "--invoke-port"])
            .arg(address.port().to_string())
            .current_dir(project)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let started = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(started.elapsed() < PATIENCE, "cargo lambda watch does not listen");
            sleep(Duration::from_millis(20));
        }
        LocalLambda { child, address }
    }

    /// A program with the environment that Lambda gives it.
    pub fn command(&self, name: &str, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env("AWS_LAMBDA_RUNTIME_API", format!("http://{}/.rt/{name}", self.address))
            .env("AWS_LAMBDA_FUNCTION_NAME", name)
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env_remove("LURELIGHT_HOME")
            .env_remove("LURELIGHT_LOG");
        command
    }

    /// Invokes a function, and gives the answer's head and body.
    pub fn invoke(&self, name: &str, event: &str) -> (String, String) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let path = format!("/2015-03-31/functions/{name}/invocations");
        let (host, length) = (self.address, event.len());
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
        );
        stream.write_all((head + event).as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        (head.to_owned(), body.to_owned())
    }
}

impl Drop for LocalLambda {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// A running function whose standard output is kept; stopped when dropped.
pub struct Function {
    child: Child,
    log: Option<JoinHandle<Vec<String>>>,
}

impl Function {
    pub fn start(mut command: Command) -> Function {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // The pipe is read to its end, so that the function never waits for a reader.
        let log = std::thread::spawn(move || lines.map_while(Result::ok).collect());
        Function { child, log: Some(log) }
    }

    /// Ends it, and gives the lines that it wrote.
    pub fn into_log(mut self) -> Vec<String> {
        end(&mut self.child);
        self.log.take().unwrap().join().unwrap()
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn end(child: &mut Child) {
    let _already_gone = child.kill();
    let _reaped = child.wait();
}
