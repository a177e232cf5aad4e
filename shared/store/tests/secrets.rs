//! Secrets in the environment of a real process: this test starts itself again with other variables.
#![expect(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::env;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::process::Command;

use lurelight_store::{EnvironmentSecrets, ErrorKind, SecretName, Secrets};

const VARIABLE: &str = "STORE_TEST_SECRET";
const EXPECTED: &str = "STORE_TEST_EXPECTED";

#[tokio::test]
async fn secrets_are_read_from_the_environment_and_never_shown() {
    if let Ok(expected) = env::var(EXPECTED) {
        return check(&expected).await;
    }
    let run = |value: Option<&[u8]>, expected: &str| {
        let mut child = Command::new(env::current_exe().unwrap());
        child.args(["--exact", "secrets_are_read_from_the_environment_and_never_shown", "--nocapture"]);
        child.env(EXPECTED, expected).env_remove(VARIABLE);
        if let Some(value) = value {
            child.env(VARIABLE, OsStr::from_bytes(value));
        }
        let output = child.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains("1 passed"), "{expected}: {said}");
    };
    run(Some(b"mongodb://user:hunter2@host"), "found");
    run(Some(b""), "is empty");
    run(None, "is not set");
    run(Some(b"hunter2\xff"), "is no UTF-8");
}

async fn check(expected: &str) {
    let name: SecretName = "store-test-secret".parse().unwrap();
    for result in [EnvironmentSecrets.get(&name).await, EnvironmentSecrets.refresh(&name).await] {
        let shown = format!("{result:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
        match result {
            Ok(secret) => {
                assert_eq!((expected, secret.expose()), ("found", "mongodb://user:hunter2@host"));
            }
            Err(error) => {
                let text = error.to_string();
                assert!(text.starts_with(VARIABLE) && text.contains(expected), "{text}");
                let kind = if expected == "is no UTF-8" { ErrorKind::Invalid } else { ErrorKind::NotFound };
                assert_eq!(error.kind, kind);
            }
        }
    }
}
