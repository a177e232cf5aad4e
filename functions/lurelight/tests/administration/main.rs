//! Administration in Chromium, driven by playwright-core, on `lurelight serve`: sign in, train, watch, promote, sign out.
#![expect(clippy::expect_used, reason = "a test reports by panicking")]

#[path = "../../../admin/tests/support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use libtest_mimic::{Arguments, Failed, Trial};

use support::{ADMINISTRATOR, Server, cache};

/// The cases of `drive.mjs`, each on a server and a home of its own.
const CASES: &[&str] = &[
    "signs_in_trains_watches_promotes_and_signs_out",
    "a_wrong_token_is_said_and_leads_nowhere",
    "pages_are_light_and_dark_and_never_scroll_sideways",
    "keyboard_alone_signs_in_and_starts_a_run",
    "the_report_obeys_its_policy",
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let missing = missing();
    let trials = CASES.iter().map(|&case| {
        Trial::test(format!("administration::{case}"), move || drive(case))
            .with_ignored_flag(missing.is_some())
            .with_kind(missing.unwrap_or_default())
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

/// Which part is not there, and the command that installs it.
fn missing() -> Option<&'static str> {
    if !chromium().is_file() {
        return Some("no chromium: run scripts/tools chromium");
    }
    if !cache().join("node/node_modules/playwright-core").is_dir() {
        return Some("no playwright-core: run scripts/tools node");
    }
    let node = Command::new("node").arg("--version").output();
    if node.is_ok_and(|output| output.status.success()) {
        None
    } else {
        Some("no node: apt-get install nodejs")
    }
}

/// Debian's, unless `LURELIGHT_CHROMIUM` names another.
fn chromium() -> PathBuf {
    std::env::var_os("LURELIGHT_CHROMIUM").map_or_else(|| PathBuf::from("/usr/bin/chromium"), PathBuf::from)
}

fn drive(case: &str) -> Result<(), Failed> {
    let program = env!("CARGO_BIN_EXE_lurelight");
    let folder = tempfile::tempdir()?;
    for arguments in [&["sample", "600", "--out", "labelled.csv"][..], &["push", "labelled.csv"]] {
        let home = folder.path().join("home");
        let output = Command::new(program)
            .args(arguments)
            .current_dir(folder.path())
            .env("LURELIGHT_HOME", home)
            .output()?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let server = Server::start(program, &["serve"], folder.path(), &[("LURELIGHT_CHAMPION_SECONDS", "0")]);
    let output = Command::new("node")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/administration/drive.mjs"))
        .args([case, &format!("http://{}", server.address)])
        .arg(cache().join("node/"))
        .arg(chromium())
        .arg(env!("CARGO_TARGET_TMPDIR"))
        .arg(ADMINISTRATOR)
        .output()
        .expect("node can be started");
    if output.status.success() {
        return Ok(());
    }
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Err(format!("{out}{err}").into())
}
