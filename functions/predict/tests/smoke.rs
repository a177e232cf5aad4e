//! `scripts/smoke`, which workflows run after a deployment, against the built program.
#![expect(clippy::unwrap_used, reason = "a test reports by panicking")]

#[path = "support/mod.rs"]
mod support;

use std::path::Path;
use std::process::{Command, ExitCode, Output};

use libtest_mimic::{Arguments, Trial};

use support::Server;

const TOKEN: &str = "a-token-of-an-analyst-0123456789";

/// Name and test of each case.
const CASES: &[(&str, fn())] = &[
    ("smoke::a_server_passes_and_its_model_is_named", passes),
    ("smoke::a_token_is_asked_for_and_sent", token),
    ("smoke::nobody_there_is_broken", nobody),
];

fn main() -> ExitCode {
    let python = Command::new("python3").arg("--version").output();
    let missing = !python.is_ok_and(|output| output.status.success());
    let trials = CASES.iter().map(|&(name, case)| {
        let test = move || {
            case();
            Ok(())
        };
        Trial::test(name, test).with_ignored_flag(missing).with_kind(if missing { "no python3" } else { "" })
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}

fn passes() {
    let server = Server::start(&[]);
    let output = smoke(&format!("http://{}", server.address), None);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("compiled-in (no champion yet)"), "{said}");
    assert!(said.contains("the sample as JSON: 200 rows"), "{said}");
    assert!(said.contains("a bad file: 422"), "{said}");
}

fn token() {
    let server = Server::start(&[("LURELIGHT_PREDICTION_ACCESS", "token"), ("PREDICTION_TOKENS", TOKEN)]);
    let url = format!("http://{}/", server.address);
    let refused = smoke(&url, None);
    let said = String::from_utf8_lossy(&refused.stdout);
    assert!(refused.status.code() == Some(1) && said.contains("401"), "{said}");
    assert!(smoke(&url, Some(TOKEN)).status.success());
}

fn nobody() {
    let server = Server::start(&[]);
    let url = format!("http://{}/", server.address);
    drop(server);
    let output = smoke(&url, None);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.code() == Some(1) && said.contains("BROKEN  health: no answer"), "{said}");
}

/// What the script says of a server.
fn smoke(url: &str, token: Option<&str>) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/smoke");
    let mut command = Command::new(script);
    command.args([url, "--tries", "1"]).env_remove("LURELIGHT_TOKEN");
    command.envs(token.map(|token| ("LURELIGHT_TOKEN", token))).output().unwrap()
}
