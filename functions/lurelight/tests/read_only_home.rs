//! The built program on a home that is mounted read-only, since whoever runs the tests may be allowed everything. The
//! mount is seen by the program alone, which it may have as root or where users may have namespaces of their own.
#![expect(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};
use lurelight_store::conformance::fixture;
use lurelight_store::{DirectoryArtifacts, ModelRegistry};
use tempfile::TempDir;
use tokio::runtime::Runtime;

const PROGRAM: &str = env!("CARGO_BIN_EXE_lurelight");

/// Makes the home read-only, looks at it and tries to change it.
const SCRIPT: &str = r#"
    mount --bind "$LURELIGHT_HOME" "$LURELIGHT_HOME" && mount -o remount,ro,bind "$LURELIGHT_HOME" || exit 77
    "$0" models list > list.txt || exit 78
    "$0" runs > runs.txt || exit 80
    "$0" models verify > verify.txt || exit 79
    "$0" models roll-back
"#;

fn main() {
    let unshare = ["--mount", "--map-root-user"];
    // Root needs no namespace of users, and where there is none he still can.
    let allowed = [&unshare[..1], &unshare[..]].into_iter().find(|flags| {
        let mount = ["mount", "-t", "tmpfs", "none", "/mnt"];
        Command::new("unshare").args(*flags).args(mount).output().is_ok_and(|output| output.status.success())
    });
    let flags: Vec<&str> = allowed.unwrap_or_default().to_vec();
    let test = move || {
        looked_at_and_not_changed(&flags);
        Ok(())
    };
    let needs =
        if allowed.is_none() { "needs `unshare --mount` of util-linux and the right to use it" } else { "" };
    let trial = Trial::test("a_read_only_home_can_be_looked_at_and_not_changed", test);
    let trials = vec![trial.with_ignored_flag(allowed.is_none()).with_kind(needs)];
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn looked_at_and_not_changed(unshare: &[&str]) {
    let folder = TempDir::new().unwrap();
    let home = folder.path().join("home");
    let registry = ModelRegistry::new(Arc::new(DirectoryArtifacts::open(home.join("artifacts"))));
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        for number in 1..=2 {
            fixture::put_version(&registry, number).await;
            let seen = registry.champion().await.unwrap();
            let event = fixture::event(number, &fixture::model(number), "a test");
            registry.move_champion(seen.as_ref(), event).await.unwrap();
        }
    });

    let mut apart = Command::new("unshare");
    apart.args(unshare).args(["sh", "-c", SCRIPT, PROGRAM]);
    let output = apart.env("LURELIGHT_HOME", &home).current_dir(folder.path()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("mounted read-only") && said.contains("use another home"), "{said}");
    let read = |name: &str| fs::read_to_string(Path::new(folder.path()).join(name)).unwrap();
    assert!(read("list.txt").contains("2 champion"));
    assert_eq!(read("verify.txt"), "2 versions, 2 events: all whole\n");
    let champion = runtime.block_on(registry.champion()).unwrap().unwrap();
    assert_eq!((champion.event.sequence, champion.event.details.version), (2, 2));
}
