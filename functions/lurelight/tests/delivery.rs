//! `scripts/delivery/promote_model.py`, by which a workflow lets another version serve, on `lurelight serve`.
#![expect(clippy::unwrap_used, reason = "a test reports by panicking")]

#[path = "../../admin/tests/support/mod.rs"]
mod support;

use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};
use lurelight_store::conformance::fixture;
use lurelight_store::{DirectoryArtifacts, ModelRegistry};
use tokio::runtime::Runtime;

use support::{ADMINISTRATOR, ANALYST, Server};

fn main() -> ExitCode {
    let python = Command::new("python3").arg("--version").output();
    let missing = !python.is_ok_and(|output| output.status.success());
    let test = || {
        another_version_serves();
        Ok(())
    };
    let trial = Trial::test("delivery::another_version_serves_or_the_reason_is_told", test);
    let trial = trial.with_ignored_flag(missing).with_kind(if missing { "no python3" } else { "" });
    libtest_mimic::run(&Arguments::from_args(), vec![trial]).exit_code()
}

fn another_version_serves() {
    let folder = tempfile::tempdir().unwrap();
    let registry =
        ModelRegistry::new(Arc::new(DirectoryArtifacts::open(folder.path().join("home/artifacts"))));
    Runtime::new().unwrap().block_on(async {
        for number in 1..=2 {
            fixture::put_version(&registry, number).await;
            let seen = registry.champion().await.unwrap();
            let event = fixture::event(number, &fixture::model(number), "a test");
            registry.move_champion(seen.as_ref(), event).await.unwrap();
        }
    });
    let program = env!("CARGO_BIN_EXE_lurelight");
    let server = Server::start(program, &["serve"], folder.path(), &[("LURELIGHT_CHAMPION_SECONDS", "0")]);
    let promote = |version: &str, token: &str| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/delivery/promote_model.py");
        let mut command = Command::new(script);
        command.args([&format!("http://{}/", server.address), version, "--reason", "it was better"]);
        let output = command.env("LURELIGHT_TOKEN", token).output().unwrap();
        let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        (output.status.code(), out, err)
    };

    let (code, _, said) = promote("1", ANALYST);
    assert!(code == Some(1) && said.contains("answers 403"), "{code:?} {said}");
    let (code, _, said) = promote("9", ADMINISTRATOR);
    assert!(code == Some(1) && said.contains("answers 404"), "{code:?} {said}");

    let (code, said, err) = promote("1", ADMINISTRATOR);
    assert_eq!(code, Some(0), "{said}{err}");
    assert!(said.starts_with("before: champion, version 2\n"), "{said}");
    assert!(said.contains("event 3: rolled_back, version 1, by "), "{said}");
    assert!(said.ends_with("after: champion, version 1\n"), "{said}");
    let (code, said, _) = promote("1", ADMINISTRATOR);
    assert!(code == Some(0) && said.contains("serves already; nothing was changed"), "{code:?} {said}");
}
