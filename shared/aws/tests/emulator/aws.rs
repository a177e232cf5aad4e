//! The emulator's process, and clients of it.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use lurelight_aws::S3Artifacts;
use lurelight_store::ArtifactStore;

use crate::PATIENCE;

/// Where scripts/tools installs it.
pub fn program() -> Option<PathBuf> {
    let chosen = std::env::var_os("LURELIGHT_CACHE").filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = chosen.unwrap_or_else(|| {
        PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/lurelight")
    });
    let program = cache.join("ministack/bin/ministack");
    program.is_file().then_some(program)
}

/// A process that plays AWS on a free port; stopped when dropped.
pub struct Emulator {
    child: Child,
    pub address: SocketAddr,
    buckets: AtomicU64,
    _folder: tempfile::TempDir,
}

impl Emulator {
    pub fn start(program: &Path) -> Emulator {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let child = Command::new(program)
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", address.port().to_string())
            .env("IOT_MTLS_ENABLED", "0")
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let started = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(started.elapsed() < PATIENCE, "the emulator does not listen");
            sleep(Duration::from_millis(20));
        }
        Emulator { child, address, buckets: AtomicU64::new(0), _folder: folder }
    }

    pub fn settings(&self) -> SdkConfig {
        settings(self.address)
    }

    pub fn s3(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::config::Builder::from(&self.settings()).force_path_style(true).build();
        aws_sdk_s3::Client::from_conf(config)
    }

    /// The name of a fresh bucket.
    pub async fn bucket(&self) -> String {
        let name = format!("lurelight-{}", self.buckets.fetch_add(1, Ordering::Relaxed));
        self.s3().create_bucket().bucket(&name).send().await.unwrap();
        name
    }

    /// Two clients of a fresh bucket that share nothing.
    pub async fn pair(&self) -> [Arc<dyn ArtifactStore>; 2] {
        let bucket = self.bucket().await;
        [(); 2].map(|()| Arc::new(S3Artifacts::new(&self.settings(), &bucket)) as Arc<dyn ArtifactStore>)
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Somebody who speaks TLS on a free port with a certificate that nobody vouches for; it ends when dropped.
pub struct Impostor {
    child: Child,
    pub address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Impostor {
    pub fn start() -> Impostor {
        let folder = tempfile::tempdir().unwrap();
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
            .args(["-keyout", "key", "-out", "pem", "-days", "2", "-subj", "/CN=localhost"])
            .args([
                "-addext",
                "basicConstraints=critical,CA:FALSE",
                "-addext",
                "subjectAltName=DNS:localhost",
            ])
            .current_dir(folder.path())
            .output()
            .expect("the program openssl");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let child = Command::new("openssl")
            .args(["s_server", "-quiet", "-www", "-cert", "pem", "-key", "key"])
            .args(["-accept", &address.to_string()])
            .current_dir(folder.path())
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
        Impostor { child, address, _folder: folder }
    }

    /// Clients that take it for AWS.
    pub fn settings(&self) -> SdkConfig {
        let endpoint = format!("https://localhost:{}", self.address.port());
        settings(self.address).into_builder().endpoint_url(endpoint).build()
    }
}

impl Drop for Impostor {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// The same for servers that are not to answer: they are waited for two seconds.
pub fn hasty(address: SocketAddr) -> SdkConfig {
    let patience = TimeoutConfig::builder().read_timeout(Duration::from_secs(2)).build();
    settings(address).into_builder().timeout_config(patience).build()
}

/// Clients of whatever listens there, with the retries of the product and less patience.
pub fn settings(address: SocketAddr) -> SdkConfig {
    let credentials = Credentials::new("test", "test", None, None, "the test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(format!("http://{address}"))
        .retry_config(
            RetryConfig::standard().with_max_attempts(2).with_initial_backoff(Duration::from_millis(1)),
        )
        .timeout_config(TimeoutConfig::builder().read_timeout(Duration::from_secs(8)).build())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build()
}
