//! The built program on a full disk and on a read-only one: errors that say where and what to do, nothing changed, and
//! work that goes on when the disk is well again. The disks are mounted for this program alone, which it may do as
//! root or where users may have namespaces of their own.
#![expect(clippy::unwrap_used, reason = "a test reports by panicking")]

mod home;

use std::env;
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::process::Command;

use home::{printed, refused, short};
use libtest_mimic::{Arguments, Failed, Trial};

/// The folder to mount a disk on, for this program within its own mounts.
const MOUNT: &str = "LURELIGHT_TEST_MOUNT";

fn main() {
    if let Some(mount) = env::var_os(MOUNT) {
        return match env::args().nth(1).as_deref() {
            Some("full") => full(Path::new(&mount)),
            _ => read_only(Path::new(&mount)),
        };
    }
    let unshare = ["--mount", "--map-root-user"];
    // Root needs no namespace of users, and where there is none he still can.
    let allowed = [&unshare[..1], &unshare[..]].into_iter().find(|flags| {
        let mount = ["mount", "-t", "tmpfs", "none", "/mnt"];
        Command::new("unshare").args(*flags).args(mount).output().is_ok_and(|output| output.status.success())
    });
    let trial = |name, task: &'static str| {
        let flags: Vec<String> = allowed.unwrap_or_default().iter().map(|flag| flag.to_string()).collect();
        Trial::test(name, move || apart(&flags, task)).with_ignored_flag(allowed.is_none()).with_kind(
            if allowed.is_none() {
                "needs `unshare --mount` of util-linux and the right to use it"
            } else {
                ""
            },
        )
    };
    let trials = vec![
        trial("a_full_disk_stops_push_and_train_and_both_go_on_when_there_is_room", "full"),
        trial("a_read_only_disk_stops_push_and_train_and_is_read_from", "read-only"),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

/// Runs a task where mounts are seen by nobody else and end with it.
fn apart(unshare: &[String], task: &str) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let mut command = Command::new("unshare");
    command.args(unshare).arg(env::current_exe()?).arg(task).env(MOUNT, folder.path());
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{}\n{}", output.status, String::from_utf8_lossy(&output.stderr)).into())
}

/// A home with a champion, and rows that are not pushed yet.
fn filled(folder: &Path) {
    printed(folder, &["sample", "400", "--out", "sites.csv"]);
    printed(folder, &["sample", "40000", "--seed", "7", "--out", "more.csv"]);
    printed(folder, &["push", "sites.csv"]);
    assert!(printed(folder, &short(&[])).starts_with("Version 1 is the first champion"));
}

/// Push and train fail with these words, each of them and again, and the champion stays.
fn refuses(folder: &Path, says: &str) {
    let before = fs::read(home::home(folder).join("artifacts/registry/champion.json")).unwrap();
    let other = short(&["--cv-folds", "4", "--run", "other"]);
    for _ in 0..2 {
        for arguments in [&["push", "more.csv"][..], &other] {
            let (code, said) = refused(folder, arguments);
            assert!(code == 1 && said.contains(says), "{arguments:?}: {code} {said}");
            assert!(said.contains(home::home(folder).to_str().unwrap()), "it says where: {said}");
        }
    }
    printed(folder, &["models", "verify"]);
    assert!(printed(folder, &["batches"]).ends_with("400 rows in 1 batch\n"));
    assert_eq!(printed(folder, &["export"]).lines().count(), 401);
    assert_eq!(fs::read(home::home(folder).join("artifacts/registry/champion.json")).unwrap(), before);
}

/// Both go on.
fn accepts(folder: &Path) {
    // Other folds of the search find the same point, so the run ends with the model that serves.
    let trained = printed(folder, &short(&["--cv-folds", "4", "--run", "other"]));
    assert!(
        trained.starts_with("No change: the same model, byte for byte, serves already as version 1"),
        "{trained}"
    );
    let pushed = printed(folder, &["push", "more.csv"]);
    assert!(pushed.contains("pushed 40,000 rows") || pushed.contains("completed: "), "{pushed}");
    printed(folder, &["models", "verify"]);
}

fn full(mount: &Path) {
    run("mount", &["-t", "tmpfs", "-o", "size=16m", "none", mount.to_str().unwrap()]);
    filled(mount);
    let ballast = mount.join("ballast");
    let mut file = File::create(&ballast).unwrap();
    // Block by block, so that not one is left.
    let error = loop {
        if let Err(error) = file.write_all(&[0; 4096]) {
            break error;
        }
    };
    assert_eq!(error.kind(), ErrorKind::StorageFull);
    drop(file);
    refuses(mount, "no space is left");
    let (code, said) = refused(mount, &["export", "--out", "rows.csv"]);
    assert!(code == 1 && said.contains("No space left"), "{code} {said}");
    assert!(!mount.join("rows.csv").exists());
    fs::remove_file(&ballast).unwrap();
    accepts(mount);
}

fn read_only(mount: &Path) {
    filled(mount);
    let path = mount.to_str().unwrap();
    run("mount", &["--bind", path, path]);
    run("mount", &["-o", "remount,bind,ro", path]);
    refuses(mount, "mounted read-only");
    let (code, said) = refused(mount, &["export", "--out", "rows.csv"]);
    assert!(code == 1 && said.contains("rows.csv cannot be written"), "{code} {said}");
    run("mount", &["-o", "remount,bind,rw", path]);
    accepts(mount);
}

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}
