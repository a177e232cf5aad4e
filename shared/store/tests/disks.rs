//! A full disk and a read-only one: errors of the right kind that say where and what to do, nothing changed, and
//! work that goes on when the disk is well again. The disks are mounted for this program alone, which it may do as
//! root or where users may have namespaces of their own.
#![expect(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::collections::BTreeMap;
use std::env;
use std::fmt::Debug;
use std::fs::{self, File};
use std::io::{ErrorKind as IoKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use jiff::Timestamp;
use libtest_mimic::{Arguments, Failed, Trial};
use lurelight_schema::{FeatureVector, Label, Record};
use lurelight_store::conformance::fixture;
use lurelight_store::{
    ArtifactStore, BatchId, Champion, DirectoryArtifacts, DirectoryRecords, Error, ErrorKind, Key,
    ModelRegistry, PushOutcome, RecordStore, push,
};
use tokio::runtime::Runtime;

/// The folder to mount a disk on, for this program within its own mounts.
const MOUNT: &str = "LURELIGHT_STORE_TEST_MOUNT";

fn main() {
    if let Some(mount) = env::var_os(MOUNT) {
        let runtime = Runtime::new().unwrap();
        return match env::args().nth(1).as_deref() {
            Some("full") => runtime.block_on(full(Path::new(&mount))),
            _ => runtime.block_on(read_only(Path::new(&mount))),
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
        trial("a_full_disk_is_an_error_that_changes_nothing", "full"),
        trial("a_read_only_disk_is_an_error_that_changes_nothing", "read-only"),
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

async fn full(mount: &Path) {
    run("mount", &["-t", "tmpfs", "-o", "size=2m", "none", mount.to_str().unwrap()]);
    let home = Home::filled(mount.join("home")).await;
    let before = files(&home.root);
    let ballast = mount.join("ballast");
    fill(&ballast);

    home.refuses_all_writes(ErrorKind::Full, "no space is left").await;
    home.is_unchanged().await;
    assert_eq!(files(&home.root), before, "files that failed writes left or changed");
    let fresh = DirectoryArtifacts::open(mount.join("fresh"));
    refused(fresh.create(&key("a"), vec![0; 100_000].into()).await, ErrorKind::Full, "no space is left");
    assert_eq!(fresh.list("").await.unwrap(), []);

    // What takes space away is possible, and enough of it makes room.
    assert!(home.records().delete(home.batch).await.unwrap());
    fs::remove_file(&ballast).unwrap();
    assert_eq!(pushed(&home.records(), 1).await.unwrap().1, PushOutcome::New);
    home.accepts_all_writes().await;

    // A disk that fills up in the midst of a push: what is there of it is not seen, and counts when there is room.
    let records = home.records();
    let batches = records.batches().await.unwrap();
    fill(&ballast);
    File::options()
        .write(true)
        .open(&ballast)
        .unwrap()
        .set_len(fs::metadata(&ballast).unwrap().len() - (200 << 10))
        .unwrap();
    refused(pushed(&records, 7).await, ErrorKind::Full, "no space is left");
    assert_eq!(records.batches().await.unwrap(), batches);
    fs::remove_file(&ballast).unwrap();
    let (batch, outcome) = pushed(&records, 7).await.unwrap();
    assert_eq!(outcome, PushOutcome::Completed);
    assert!(records.read(batch, 0..u64::MAX).await.unwrap() == rows(7));
}

async fn read_only(mount: &Path) {
    let root = mount.join("home");
    let home = Home::filled(root.clone()).await;
    let before = files(&root);
    let path = mount.to_str().unwrap();
    run("mount", &["--bind", path, path]);
    run("mount", &["-o", "remount,bind,ro", path]);

    home.refuses_all_writes(ErrorKind::PermissionDenied, "mounted read-only").await;
    refused(home.records().delete(home.batch).await, ErrorKind::PermissionDenied, "mounted read-only");
    home.is_unchanged().await;
    assert_eq!(files(&root), before, "files that failed writes changed");
    let fresh = DirectoryArtifacts::open(mount.join("fresh"));
    refused(fresh.create(&key("a"), "x".into()).await, ErrorKind::PermissionDenied, "mounted read-only");
    assert_eq!(fresh.list("").await.unwrap(), []);
    let fresh = DirectoryRecords::open(mount.join("fresh"));
    refused(pushed(&fresh, 1).await, ErrorKind::PermissionDenied, "mounted read-only");
    assert_eq!(fresh.batches().await.unwrap(), []);

    run("mount", &["-o", "remount,bind,rw", path]);
    home.accepts_all_writes().await;
}

/// A home with a champion, a report and a batch, one of whose labels was changed.
struct Home {
    root: PathBuf,
    batch: BatchId,
    champion: Champion,
}

impl Home {
    async fn filled(root: PathBuf) -> Home {
        let artifacts = DirectoryArtifacts::open(root.join("artifacts"));
        artifacts.put(&key("report"), "before".into()).await.unwrap();
        let registry = ModelRegistry::new(Arc::new(artifacts));
        let version = fixture::put_version(&registry, 1).await;
        let event = fixture::event(version.number, &fixture::model(1), "ada");
        let champion = registry.move_champion(None, event).await.unwrap();
        let records = DirectoryRecords::open(root.join("records"));
        let (batch, _) = pushed(&records, 1).await.unwrap();
        records.relabel(batch, &[(0, Label::Legitimate)]).await.unwrap();
        Home { root, batch, champion }
    }

    fn artifacts(&self) -> DirectoryArtifacts {
        DirectoryArtifacts::open(self.root.join("artifacts"))
    }

    fn records(&self) -> DirectoryRecords {
        DirectoryRecords::open(self.root.join("records"))
    }

    fn registry(&self) -> ModelRegistry {
        ModelRegistry::new(Arc::new(self.artifacts()))
    }

    async fn refuses_all_writes(&self, kind: ErrorKind, says: &str) {
        let (artifacts, records, registry) = (self.artifacts(), self.records(), self.registry());
        let etag = artifacts.get(&key("report")).await.unwrap().etag;
        refused(artifacts.create(&key("new/folder/report"), big()).await, kind, says);
        refused(artifacts.put(&key("report"), big()).await, kind, says);
        refused(artifacts.replace(&key("report"), big(), &etag).await, kind, says);
        refused(pushed(&records, 2).await, kind, says);
        let labels: Vec<_> = (0..1_000).map(|row| (row, Label::Phishing)).collect();
        refused(records.relabel(self.batch, &labels).await, kind, says);
        let model = fixture::model(2);
        refused(registry.put_model(&model, &fixture::card(&model)).await, kind, says);
        refused(registry.register(fixture::new_version(&fixture::model(1), "run-2")).await, kind, says);
        let event = fixture::event(1, &fixture::model(1), "ben");
        refused(registry.move_champion(Some(&self.champion), event).await, kind, says);
    }

    async fn is_unchanged(&self) {
        let (artifacts, records, registry) = (self.artifacts(), self.records(), self.registry());
        assert_eq!(artifacts.get(&key("report")).await.unwrap().bytes, "before");
        assert_eq!(registry.champion().await.unwrap().as_ref(), Some(&self.champion));
        assert_eq!(registry.events().await.unwrap(), std::slice::from_ref(&self.champion.event));
        assert_eq!(registry.versions().await.unwrap().len(), 1);
        assert_eq!(registry.verify().await.unwrap(), [""; 0]);
        let batches = records.batches().await.unwrap();
        assert_eq!((batches.len(), batches[0].id, batches[0].relabelled), (1, self.batch, 1));
        let mut expected = rows(1);
        expected[0].label = Label::Legitimate;
        assert!(records.read(self.batch, 0..u64::MAX).await.unwrap() == expected);
    }

    async fn accepts_all_writes(&self) {
        let (artifacts, records, registry) = (self.artifacts(), self.records(), self.registry());
        artifacts.create(&key("new/folder/report"), big()).await.unwrap();
        artifacts.put(&key("report"), big()).await.unwrap();
        pushed(&records, 2).await.unwrap();
        records.relabel(self.batch, &[(1, Label::Legitimate)]).await.unwrap();
        let version = fixture::put_version(&registry, 2).await;
        let event = fixture::event(version.number, &fixture::model(2), "ben");
        registry.move_champion(Some(&self.champion), event).await.unwrap();
        assert_eq!(registry.events().await.unwrap().len(), 2);
        assert_eq!(registry.verify().await.unwrap(), [""; 0]);
    }
}

#[track_caller]
fn refused<T: Debug>(result: Result<T, Error>, kind: ErrorKind, says: &str) {
    let error = result.unwrap_err();
    let text = error.to_string();
    assert_eq!(error.kind, kind, "{text}");
    assert!(text.starts_with('/') && text.contains(says), "names the path and says {says:?}: {text}");
}

fn big() -> bytes::Bytes {
    vec![b'x'; 100_000].into()
}

fn key(text: &str) -> Key {
    text.parse().unwrap()
}

/// 45,000 of them, which is more than one part.
fn rows(seed: u64) -> Vec<Record> {
    let vector = |i: u64| FeatureVector::from_bits(i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 4).unwrap();
    (0..45_000).map(|i| Record { vector: vector(seed << 20 | i), label: Label::Phishing }).collect()
}

async fn pushed(records: &DirectoryRecords, seed: u64) -> Result<(BatchId, PushOutcome), Error> {
    let pushed = push(records, &rows(seed), "sites.csv", Timestamp::UNIX_EPOCH, &|_| ()).await?;
    Ok((pushed.batch, pushed.outcome))
}

/// Writes zeros until nothing more fits.
fn fill(ballast: &Path) {
    let mut file = File::create(ballast).unwrap();
    loop {
        match file.write_all(&[0; 4096]) {
            Ok(()) => {}
            Err(error) => return assert_eq!(error.kind(), IoKind::StorageFull),
        }
    }
}

/// All files below a folder with their bytes, hidden ones too, but not the lock.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else {
            files.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    files
}

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}
