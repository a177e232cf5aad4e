//! Runs in processes of their own: killed at any moment by SIGKILL, with one thread, or measured. The process is this
//! program, started again with a task.
#![expect(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::collections::BTreeMap;
use std::env;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use libtest_mimic::{Arguments, Trial};
use lurelight_learn::TrainOptions;
use lurelight_learn::synthetic::Statistics;
use lurelight_model::Family;
use lurelight_pipeline::{DriftRules, Outcome, PromotionRules, RunRequest, Stores, ingest, run, silent};
use lurelight_schema::Record;
use lurelight_store::{DirectoryArtifacts, DirectoryRecords, push};
use tokio::runtime::Runtime;

const TASK: &str = "LURELIGHT_PIPELINE_TEST_ROOT";
/// The same, for a process that ingests and tells how much memory that took.
const INGEST: &str = "LURELIGHT_PIPELINE_TEST_INGEST";
const KILLS: u32 = 40;
/// What a row more, in another batch, may cost a process that ingests: less than its record, which has 16 bytes. The bytes
/// of the snapshot, which it holds, are some 5 a row, and their place grows by doubling.
const ROW_BYTES_MAX: u64 = 15;

fn main() {
    if let Ok(root) = env::var(TASK) {
        Runtime::new()
            .unwrap()
            .block_on(run(&request("second"), &stores(Path::new(&root)), &silent()))
            .unwrap();
        return;
    }
    if let Ok(root) = env::var(INGEST) {
        let (request, stores, silent) = (request("first"), stores(Path::new(&root)), silent());
        Runtime::new().unwrap().block_on(ingest(&request, &stores, &silent)).unwrap();
        tell(&peak_bytes().to_string());
        return;
    }
    let trial = |name, test: fn()| {
        Trial::test(name, move || {
            test();
            Ok(())
        })
    };
    let trials = vec![
        trial("a_run_that_is_killed_anywhere_is_completed_by_running_it_again", killed_runs),
        trial("ingest_does_not_hold_what_it_reads", memory),
        trial("one_thread_and_many_write_the_same_bytes", one_thread),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn stores(root: &Path) -> Stores {
    Stores {
        artifacts: Arc::new(DirectoryArtifacts::open(root.join("artifacts"))),
        records: Arc::new(DirectoryRecords::open(root.join("records"))),
    }
}

fn request(name: &str) -> RunRequest {
    RunRequest {
        run: name.parse().unwrap(),
        at: "2026-05-04T03:02:01Z".parse().unwrap(),
        actor: "test".to_owned(),
        reason: "a test".to_owned(),
        program: "0.1.0".to_owned(),
        training: TrainOptions {
            families: vec![Family::LogisticRegression, Family::DecisionTree],
            ..TrainOptions::default()
        },
        drift: DriftRules::default(),
        promotion: PromotionRules {
            min_f1: 0.0,
            min_roc_auc: 0.0,
            max_f1_loss: 1.0,
            max_false_positive_rate: 1.0,
        },
    }
}

/// A champion, and a batch that it has not seen.
fn before(runtime: &Runtime) -> tempfile::TempDir {
    let before = tempfile::tempdir().unwrap();
    runtime.block_on(async {
        let stores = stores(before.path());
        pushed(&stores, 1, 1_500).await;
        run(&request("first"), &stores, &silent()).await.unwrap();
        pushed(&stores, 2, 3_000).await;
    });
    before
}

fn one_thread() {
    let runtime = Runtime::new().unwrap();
    let before = before(&runtime);
    let [one, many] = [Some("1"), Some("4")].map(|threads| {
        let root = copy_of(before.path());
        assert!(child(root.path(), threads).wait().unwrap().success());
        runtime.block_on(objects(&stores(root.path())))
    });
    for (key, bytes) in &one {
        assert!(many.get(key) == Some(bytes), "{key} differs");
    }
    assert_eq!(one.len(), many.len());
}

fn killed_runs() {
    let runtime = Runtime::new().unwrap();
    let before = before(&runtime);
    let whole = copy_of(before.path());
    let start = Instant::now();
    assert!(child(whole.path(), None).wait().unwrap().success());
    let mut whole_time = start.elapsed();
    let expected = runtime.block_on(objects(&stores(whole.path())));

    let mut broken_off = 0;
    for kill in 0..KILLS {
        let root = copy_of(before.path());
        let mut child = child(root.path(), None);
        std::thread::sleep(whole_time * kill / KILLS);
        child.kill().unwrap();
        if child.wait().unwrap().success() {
            // It takes less time than it did: the machine is less busy.
            whole_time = whole_time * 9 / 10;
        } else {
            broken_off += 1;
        }
        let stores = stores(root.path());
        let report = runtime.block_on(run(&request("second"), &stores, &silent())).unwrap();
        assert_ne!(report.outcome, Outcome::NoChange, "{}", report.reason);
        let found = runtime.block_on(objects(&stores));
        for (key, bytes) in &expected {
            assert!(found.get(key) == Some(bytes), "{key} differs after kill {kill}");
        }
        assert_eq!(found.len(), expected.len());
    }
    assert!(broken_off > KILLS / 2, "only {broken_off} of {KILLS} kills met a run that went on");
}

fn memory() {
    const BATCH: u64 = 100_000;
    let runtime = Runtime::new().unwrap();
    let [few, many] = [10, 40].map(|batches| {
        let root = tempfile::tempdir().unwrap();
        for seed in 0..batches {
            runtime.block_on(pushed(&stores(root.path()), seed, BATCH as usize));
        }
        // With an arena a thread, glibc keeps for one thread what another one freed, more or less of it each time.
        let child = Command::new(env::current_exe().unwrap())
            .env(INGEST, root.path())
            .env("MALLOC_ARENA_MAX", "1")
            .output()
            .unwrap();
        assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
        String::from_utf8(child.stdout).unwrap().trim().parse::<u64>().unwrap()
    });
    let more = 30 * BATCH;
    let a_row = many.saturating_sub(few) / more;
    let said = format!("{few} bytes, and {a_row} more for each of {more} rows more");
    tell(&said);
    assert!(a_row <= ROW_BYTES_MAX, "{said}");
}

fn tell(line: &str) {
    std::io::stdout().write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// The most memory that this process has had.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() << 10
}

async fn pushed(stores: &Stores, seed: u64, rows: usize) {
    let records: Vec<Record> = Statistics::built_in().unwrap().generate(seed).take(rows).collect();
    push(&*stores.records, &records, "made-up.csv", Timestamp::UNIX_EPOCH, &|_| ()).await.unwrap();
}

fn child(root: &Path, threads: Option<&str>) -> Child {
    let mut command = Command::new(env::current_exe().unwrap());
    command.env(TASK, root).stdout(Stdio::null()).stderr(Stdio::null());
    if let Some(threads) = threads {
        command.env("RAYON_NUM_THREADS", threads).env("POLARS_MAX_THREADS", threads);
    }
    command.spawn().unwrap()
}

async fn objects(stores: &Stores) -> BTreeMap<String, Vec<u8>> {
    let mut objects = BTreeMap::new();
    for entry in stores.artifacts.list("").await.unwrap() {
        objects.insert(entry.key.to_string(), stores.artifacts.get(&entry.key).await.unwrap().bytes.to_vec());
    }
    objects
}

fn copy_of(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    copy_into(folder, copy.path());
    copy
}

fn copy_into(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_into(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
