//! A home in a folder of its own, and the built program on it.

#![allow(dead_code, reason = "not every test needs all of it")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Options that keep a run short, and let it have a champion on few synthetic rows.
pub const SHORT: [&str; 6] =
    ["--families", "logistic-regression", "--promote-min-f1", "0.5", "--promote-min-auc", "0.5"];

/// Runs the program in `folder` on the home `folder/home`.
pub fn lurelight(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

/// The same, not yet started.
pub fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lurelight"));
    command.args(arguments).current_dir(folder).env("LURELIGHT_HOME", home(folder)).env("USER", "dora");
    command
        .env_remove("MLFLOW_TRACKING_URI")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

pub fn home(folder: &Path) -> PathBuf {
    folder.join("home")
}

/// What a run that succeeds prints.
#[track_caller]
pub fn printed(folder: &Path, arguments: &[&str]) -> String {
    let output = lurelight(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The exit code and standard error of a run that fails and prints nothing.
#[track_caller]
pub fn refused(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let output = lurelight(folder, arguments);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{arguments:?}");
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// `train` with [`SHORT`] and more.
pub fn short<'a>(more: &[&'a str]) -> Vec<&'a str> {
    ["train"].iter().chain(&SHORT).chain(more).copied().collect()
}
