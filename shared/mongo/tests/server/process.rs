//! A server's process with TLS and passwords, which is stopped, paused and started again.

use std::fs;
use std::mem::ManuallyDrop;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use lurelight_mongo::MongoPlace;
use mongodb::Client;
use mongodb::bson::{Document, doc};

/// What the users may touch.
pub const DATABASE: &str = "lurelight";
/// With characters that a connection string must not hold as they are.
const PASSWORD: &str = "p@ss:w/rd%1";
/// Longest wait for a process to start; no test passes or fails by how long something takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where scripts/tools installs it.
pub fn program() -> Option<PathBuf> {
    let chosen = std::env::var_os("LURELIGHT_CACHE").filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = chosen.unwrap_or_else(|| {
        PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/lurelight")
    });
    let program = cache.join("secantusdb/bin/secantusd-py");
    program.is_file().then_some(program)
}

/// Whether certificates can be made.
pub fn has_openssl() -> bool {
    let asked = Command::new("openssl").arg("version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    asked.is_ok_and(|status| status.success())
}

/// A process that speaks MongoDB's protocol on a free port; ended when dropped. What it keeps outlives a stop.
///
/// It knows three users: `root`, `lurelight`, who may read and write [`DATABASE`], and `reader`, who may read it.
pub struct Server {
    program: PathBuf,
    child: Option<Child>,
    address: SocketAddr,
    collections: AtomicU64,
    folder: tempfile::TempDir,
}

impl Server {
    pub fn start(program: &Path) -> Server {
        let folder = tempfile::tempdir().unwrap();
        certify(folder.path());
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let program = program.to_owned();
        let mut server = Server { program, child: None, address, collections: AtomicU64::new(0), folder };
        // Users are made while nobody is asked for a password.
        server.run(&[]);
        let uri = server.uri_of(&server.tls_options(), "");
        command(&uri, "admin", user("root", PASSWORD, doc! { "role": "root", "db": "admin" }));
        server.stop();
        server.run(&["--auth"]);
        for (name, role) in [("lurelight", "readWrite"), ("reader", "read")] {
            server.command(user(name, PASSWORD, doc! { "role": role, "db": DATABASE }));
        }
        server
    }

    fn run(&mut self, more: &[&str]) {
        let log = fs::File::options().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        let child = Command::new(&self.program)
            .args(["--host", "127.0.0.1", "--log-level", "WARNING"])
            .args(["--port", &self.address.port().to_string()])
            .args(["--storage-path", "data", "--tls-cert-file", "leaf.pem", "--tls-key-file", "leaf.key"])
            .args(more)
            .current_dir(self.folder.path())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
        let started = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            assert!(started.elapsed() < PATIENCE, "the server does not listen: {}", self.log());
            sleep(Duration::from_millis(20));
        }
    }

    pub fn start_again(&mut self) {
        self.run(&["--auth"]);
    }

    /// Asks it to end, and waits until it has.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            signal(&child, "-TERM");
            child.wait().unwrap();
        }
    }

    /// It answers nothing until it is resumed.
    pub fn pause(&self) {
        signal(self.child.as_ref().unwrap(), "-STOP");
    }

    pub fn resume(&self) {
        signal(self.child.as_ref().unwrap(), "-CONT");
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    pub fn tls_options(&self) -> String {
        format!("tls=true&tlsCAFile={}", self.file("ca.pem"))
    }

    fn uri_of(&self, options: &str, user: &str) -> String {
        format!("mongodb://{user}localhost:{}/?{options}", self.port())
    }

    /// The connection string of one of the users.
    pub fn uri(&self, user: &str) -> String {
        self.uri_with(user, PASSWORD)
    }

    pub fn uri_with(&self, user: &str, password: &str) -> String {
        let encoded: String = password.bytes().map(|byte| format!("%{byte:02X}")).collect();
        self.uri_of(&format!("authSource=admin&{}", self.tls_options()), &format!("{user}:{encoded}@"))
    }

    /// Whatever could give a password away.
    pub fn secrets(&self) -> [String; 2] {
        let encoded: String = PASSWORD.bytes().map(|byte| format!("%{byte:02X}")).collect();
        [PASSWORD.to_owned(), encoded]
    }

    /// A place that is not there yet.
    pub fn place(&self) -> MongoPlace {
        let number = self.collections.fetch_add(1, Ordering::Relaxed);
        MongoPlace::new(DATABASE, format!("records_{number}")).unwrap()
    }

    /// Runs a command as root.
    pub fn command(&self, asked: Document) {
        command(&self.uri("root"), "admin", asked);
    }

    pub async fn client(&self) -> ManuallyDrop<Client> {
        connect(&self.uri("root")).await
    }
}

pub fn user(name: &str, password: &str, role: Document) -> Document {
    doc! { "createUser": name, "pwd": password, "roles": [role] }
}

/// A client that is never dropped: what the driver does then panics where the runtime ends meanwhile.
pub async fn connect(uri: &str) -> ManuallyDrop<Client> {
    ManuallyDrop::new(Client::with_uri_str(uri).await.unwrap())
}

fn command(uri: &str, database: &str, asked: Document) {
    crate::block(async {
        let client = connect(uri).await;
        client.database(database).run_command(asked).await.unwrap();
    });
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _already_gone = child.kill();
            let _reaped = child.wait();
        }
    }
}

/// Somebody whose certificate is signed by the right authority, for another name. It ends when dropped.
pub struct Impostor {
    child: Child,
    pub port: u16,
}

impl Impostor {
    pub fn start(server: &Server) -> Impostor {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let child = Command::new("openssl")
            .args(["s_server", "-quiet", "-cert", "elsewhere.pem", "-key", "elsewhere.key"])
            .args(["-accept", &address.to_string()])
            .current_dir(server.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let started = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(started.elapsed() < PATIENCE, "openssl s_server does not listen");
            sleep(Duration::from_millis(20));
        }
        Impostor { child, port: address.port() }
    }
}

impl Drop for Impostor {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// An authority, another one, and two certificates of the first: for this machine, and for somewhere else.
fn certify(folder: &Path) {
    let openssl = |arguments: &str| {
        let done = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap();
        assert!(done.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&done.stderr));
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    for name in ["ca", "other"] {
        openssl(&format!(
            "req -x509 {key} -keyout {name}.key -out {name}.pem -subj /CN=Authority-{name} -days 2 -addext basicConstraints=critical,CA:TRUE"
        ));
    }
    for (name, names) in [("leaf", "DNS:localhost,IP:127.0.0.1"), ("elsewhere", "DNS:elsewhere.example")] {
        openssl(&format!("req {key} -keyout {name}.key -out {name}.csr -subj /CN={name}"));
        fs::write(folder.join("ext"), format!("subjectAltName={names}\nbasicConstraints=CA:FALSE\n"))
            .unwrap();
        openssl(&format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out {name}.pem -days 2 -extfile ext"
        ));
    }
}
