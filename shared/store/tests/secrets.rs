//! Secrets in the environment of a real process: this test starts itself again with other variables.
#![expect(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::process::Command;

use lurelight_store::{EnvironmentSecrets, ErrorKind, SecretName, Secrets};

const VARIABLE: &str = "STORE_TEST_SECRET";
const FILE: &str = "STORE_TEST_SECRET_FILE";
const EXPECTED: &str = "STORE_TEST_EXPECTED";
const SECRET: &str = "mongodb://user:hunter2@host";

#[tokio::test]
async fn secrets_are_read_from_the_environment_and_never_shown() {
    if let Ok(expected) = env::var(EXPECTED) {
        return check(&expected).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    let run = |value: Option<&[u8]>, named: Option<&[u8]>, expected: &str| {
        let mut child = Command::new(env::current_exe().unwrap());
        child.args(["--exact", "secrets_are_read_from_the_environment_and_never_shown", "--nocapture"]);
        child.env(EXPECTED, expected);
        for (variable, value) in [(VARIABLE, value), (FILE, named)] {
            match value {
                Some(value) => child.env(variable, OsStr::from_bytes(value)),
                None => child.env_remove(variable),
            };
        }
        let output = child.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains("1 passed"), "{expected}: {said}");
    };
    run(Some(SECRET.as_bytes()), None, "found");
    run(Some(b""), None, "is empty");
    run(None, None, "is not set");
    run(Some(b"hunter2\xff"), None, "is no UTF-8");

    let named = Some(file.as_os_str().as_bytes());
    run(None, named, "there is no such file");
    for (contents, expected) in [
        ([SECRET.as_bytes(), b"\r\n"].concat(), "found"),
        (SECRET.into(), "found"),
        (b"\n".into(), "the file is empty"),
        (b"hunter2\xff".into(), "is no UTF-8"),
        ("hunter2".repeat(10_000).into(), "more than 65536 bytes"),
    ] {
        fs::write(&file, contents).unwrap();
        run(None, named, expected);
    }
    run(Some(SECRET.as_bytes()), named, "take one of them away");
    run(None, Some(folder.path().as_os_str().as_bytes()), "cannot be read");
}

async fn check(expected: &str) {
    let name: SecretName = "store-test-secret".parse().unwrap();
    for result in [EnvironmentSecrets.get(&name).await, EnvironmentSecrets.refresh(&name).await] {
        let shown = format!("{result:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
        match result {
            Ok(secret) => {
                assert_eq!((expected, secret.expose()), ("found", SECRET));
            }
            Err(error) => {
                let text = error.to_string();
                assert!(text.starts_with(VARIABLE) && text.contains(expected), "{text}");
                let kind = match expected {
                    "is no UTF-8" | "more than 65536 bytes" | "take one of them away" => ErrorKind::Invalid,
                    "cannot be read" => ErrorKind::Unavailable,
                    _ => ErrorKind::NotFound,
                };
                assert_eq!(error.kind, kind);
            }
        }
    }
}
