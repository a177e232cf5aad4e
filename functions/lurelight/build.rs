//! Tells the program its version: the release, and the commit that it is built from where that is known.
//! `LURELIGHT_COMMIT` says it where there is no git, in an unpacked archive for example.

use std::env;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::Command;

fn main() -> io::Result<()> {
    let release = env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let told = env::var("LURELIGHT_COMMIT").ok().filter(|commit| !commit.is_empty());
    let version =
        match told.or_else(|| git(&["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"])) {
            Some(commit) => format!("{release} ({commit})"),
            None => release,
        };
    let mut cargo = io::stdout();
    writeln!(cargo, "cargo::rustc-env=LURELIGHT_VERSION={version}")?;
    writeln!(cargo, "cargo::rerun-if-env-changed=LURELIGHT_COMMIT")?;
    // Whatever may change the commit, or whether the sources are still those of the commit.
    let sources =
        ["../../shared", "../../functions", "../../Cargo.toml", "../../Cargo.lock"].map(str::to_owned);
    let commits =
        ["HEAD", "logs/HEAD"].into_iter().filter_map(|name| git(&["rev-parse", "--git-path", name]));
    for path in sources.into_iter().chain(commits) {
        // A path that is not there would make every build begin anew.
        if Path::new(&path).exists() {
            writeln!(cargo, "cargo::rerun-if-changed={path}")?;
        }
    }
    Ok(())
}

/// What git prints, where it is there and this is a checkout of this project.
fn git(arguments: &[&str]) -> Option<String> {
    let output =
        Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}
