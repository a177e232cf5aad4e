//! The pages in Chromium, driven by playwright-core: upload, table, download, without script, light and dark.
#![expect(clippy::expect_used, reason = "a test reports by panicking")]

#[path = "../support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};

use support::{Server, cache};

/// The cases of `drive.mjs`.
const CASES: &[&str] = &[
    "upload_shows_verdicts",
    "download_is_guarded",
    "works_without_script",
    "light_and_dark",
    "narrow_window_never_scrolls_sideways",
    "keyboard_reaches_the_content_first",
    "refused_file_says_why",
    "model_card_has_its_plots",
    "no_page_breaks_its_own_policy",
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let missing = missing();
    let server = (missing.is_none() && !arguments.list).then(|| Arc::new(Server::start(&[])));
    let trials = CASES.iter().map(|&case| {
        let server = server.clone();
        Trial::test(format!("browser::{case}"), move || drive(case, &server.expect("it was started")))
            .with_ignored_flag(missing.is_some())
            .with_kind(missing.unwrap_or_default())
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    drop(server);
    conclusion.exit_code()
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

fn drive(case: &str, server: &Server) -> Result<(), Failed> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/drive.mjs");
    let output = Command::new("node")
        .arg(script)
        .args([case, &format!("http://{}", server.address)])
        .arg(cache().join("node/"))
        .arg(chromium())
        .arg(env!("CARGO_TARGET_TMPDIR"))
        .output()?;
    if output.status.success() {
        return Ok(());
    }
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Err(format!("{out}{err}").into())
}
