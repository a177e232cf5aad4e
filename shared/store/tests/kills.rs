//! Processes that are killed at any moment leave nothing half done. A process is this program, started again with
//! a task; it is killed by SIGKILL while it works.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test reports by panicking")]

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use libtest_mimic::{Arguments, Trial};
use lurelight_model::Artifact;
use lurelight_schema::{FeatureVector, Label, Record, RecordsDigest};
use lurelight_store::conformance::fixture;
use lurelight_store::{
    ArtifactStore, BatchId, DirectoryArtifacts, DirectoryRecords, ErrorKind, Key, ModelRegistry, PushOutcome,
    RecordStore, push,
};
use tokio::runtime::Runtime;

const TASK: &str = "LURELIGHT_STORE_TEST_TASK";
const KILLS: u64 = 60;
/// By then a kill must have met the moment that a test is about.
const KILLS_MAX: u64 = 2_000;

fn main() {
    if let Ok(task) = env::var(TASK) {
        let arguments: Vec<String> = env::args().skip(1).collect();
        return Runtime::new().unwrap().block_on(work(&task, Path::new(&arguments[0]), &arguments[1]));
    }
    let trial = |name, test: fn()| {
        Trial::test(name, move || {
            test();
            Ok(())
        })
    };
    let trials = vec![
        trial("creations_that_are_killed_leave_whole_objects_only", killed_creations),
        trial("pushes_that_are_killed_are_completed_by_pushing_again", killed_pushes),
        trial("moves_of_the_champion_that_are_killed_lose_no_event", killed_moves),
        trial("relabellings_that_are_killed_change_all_labels_or_none", killed_relabellings),
        trial("deletions_that_are_killed_bring_no_old_label_back", killed_deletions),
        trial("two_processes_lose_no_increment", two_processes_count),
        trial("what_dead_processes_leave_is_swept_by_the_next_write", leavings_are_swept),
        trial("what_a_living_process_writes_is_not_swept", nothing_alive_is_swept),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

/// What a child does until it is killed. It tells each thing that it was told is done.
async fn work(task: &str, root: &Path, argument: &str) {
    let round: u64 = argument.parse().unwrap();
    let artifacts = DirectoryArtifacts::open(root.join("artifacts"));
    let records = DirectoryRecords::open(root.join("records"));
    tell("ready");
    match task {
        "create" => {
            for i in 0.. {
                let name = format!("objects/{round}/{i}");
                artifacts.create(&key(&name), whole_object(i).into()).await.unwrap();
                tell(&name);
            }
        }
        "push" => {
            for i in 0.. {
                let seed = round * 1_000 + i;
                tell(&format!("began {seed}"));
                push(&records, &batch_of(seed), "sites.csv", Timestamp::UNIX_EPOCH, &|_| ()).await.unwrap();
                tell(&format!("pushed {seed}"));
            }
        }
        "move" => {
            let registry = ModelRegistry::new(Arc::new(artifacts));
            for i in 0.. {
                let (version, model) = register(&registry, &format!("run-{round}-{}", i / 4), i % 4).await;
                let seen = registry.champion().await.unwrap();
                let moved = registry
                    .move_champion(seen.as_ref(), fixture::event(version, &model, "a test"))
                    .await
                    .unwrap();
                tell(&moved.event.sequence.to_string());
            }
        }
        "relabel" => {
            let batch = records.batches().await.unwrap()[0].id;
            for i in 0.. {
                let label = if i % 2 == 0 { Label::Phishing } else { Label::Legitimate };
                let labels: Vec<_> = (0..5_000).map(|row| (row, label)).collect();
                records.relabel(batch, &labels).await.unwrap();
            }
        }
        "delete" => loop {
            let batch = pushed(&records, 0).await.0;
            let labels: Vec<_> = (0..).zip(batch_of(0).iter().map(|record| turned(record.label))).collect();
            records.relabel(batch, &labels).await.unwrap();
            records.delete(batch).await.unwrap();
        },
        "count" => {
            for _ in 0..round {
                increment(&artifacts).await;
            }
        }
        _ => panic!("there is no task {task}"),
    }
}

fn killed_creations() {
    let home = Home::new();
    for round in 0..KILLS {
        let told = home.kill("create", round);
        home.block_on(async {
            let artifacts = home.artifacts();
            let listed = artifacts.list("objects/").await.unwrap();
            let names: BTreeSet<&str> = listed.iter().map(|entry| entry.key.as_str()).collect();
            for name in &told {
                assert!(names.contains(name.as_str()), "round {round}: {name} was created, and is not there");
            }
            for entry in
                listed.iter().filter(|entry| entry.key.as_str().starts_with(&format!("objects/{round}/")))
            {
                let number = entry.key.as_str().rsplit('/').next().unwrap().parse().unwrap();
                let bytes = artifacts.get(&entry.key).await.unwrap().bytes;
                assert!(bytes == whole_object(number), "round {round}: {} is not whole", entry.key);
            }
            // No name that could be listed is that of something unfinished.
            let all = artifacts.list("").await.unwrap();
            assert_eq!(all.len(), listed.len(), "round {round}: {all:?}");
        });
    }
}

fn killed_pushes() {
    let home = Home::new();
    let mut completed = 0;
    for round in kills() {
        if round >= KILLS && completed > 0 {
            break;
        }
        let told = home.kill("push", round);
        home.block_on(async {
            let records = home.records();
            // All that are seen are whole: their names are the digests of what is read.
            let batches = records.batches().await.unwrap();
            for batch in batches.iter().rev().take(5) {
                let read = records.read(batch.id, 0..u64::MAX).await.unwrap();
                assert_eq!(BatchId(RecordsDigest::of(&read)), batch.id, "round {round}");
            }
            for line in &told {
                let (what, seed) = line.split_once(' ').unwrap();
                if what == "pushed" {
                    let (_, outcome) = pushed(&records, seed.parse().unwrap()).await;
                    assert_eq!(outcome, PushOutcome::NoChange, "round {round}: {line}");
                }
            }
            // The one that was on its way is completed.
            if let Some(seed) = told.last().and_then(|line| line.strip_prefix("began ")) {
                let seed = seed.parse().unwrap();
                let (batch, outcome) = pushed(&records, seed).await;
                completed += u64::from(outcome == PushOutcome::Completed);
                assert!(records.read(batch, 0..u64::MAX).await.unwrap() == batch_of(seed), "round {round}");
            }
        });
    }
    assert!(completed > 0, "no push was killed between its first row and its closing");
}

fn killed_moves() {
    let home = Home::new();
    let mut half_way = 0;
    let mut last_told = 0;
    for round in kills() {
        if round >= KILLS && half_way > 0 {
            break;
        }
        let told = home.kill("move", round);
        home.block_on(async {
            let registry = home.registry();
            assert_eq!(registry.verify().await.unwrap(), [""; 0], "round {round}");
            let events = registry.events().await.unwrap();
            assert!(
                events.iter().map(|event| event.sequence).eq(1..=events.len() as u64),
                "round {round}: {events:?}"
            );
            last_told = told.last().map_or(last_told, |line| line.parse().unwrap());
            let last = events.len() as u64;
            assert!(
                (last_told..=last_told + 1).contains(&last),
                "round {round}: {last_told} were told, {last} are there"
            );
            if last > 0 && home.artifacts().get(&Key::event(last)).await.is_ok() {
                half_way += 1;
            }
            // And it goes on.
            let (version, model) = register(&registry, &format!("after-{round}"), 0).await;
            let seen = registry.champion().await.unwrap();
            let moved = registry
                .move_champion(seen.as_ref(), fixture::event(version, &model, "a test"))
                .await
                .unwrap();
            assert_eq!(moved.event.sequence, last + 1, "round {round}");
            last_told = last + 1;
        });
    }
    assert!(half_way > 0, "no move was killed between keeping the event and replacing the pointer");
}

fn killed_relabellings() {
    let home = Home::new();
    let batch = home.block_on(async { pushed(&home.records(), 0).await.0 });
    let mut seen = BTreeSet::new();
    for round in kills() {
        if round >= KILLS && seen.len() == 2 {
            break;
        }
        home.kill("relabel", round);
        home.block_on(async {
            let read = home.records().read(batch, 0..5_000).await.unwrap();
            if read[..] != batch_of(0)[..5_000] {
                assert!(
                    read.iter().all(|record| record.label == read[0].label),
                    "round {round}: half of the labels"
                );
                seen.insert(read[0].label);
            }
        });
    }
    assert_eq!(seen.len(), 2, "both labels were seen: {seen:?}");
}

fn killed_deletions() {
    let home = Home::new();
    for round in 0..KILLS {
        home.kill("delete", round);
        home.block_on(async {
            let records = home.records();
            let rows = batch_of(0);
            if let Some(batch) = records.batches().await.unwrap().first() {
                let read = records.read(batch.id, 0..u64::MAX).await.unwrap();
                let changed = read.iter().zip(&rows).filter(|(read, row)| read != row).count();
                assert_eq!(changed as u64, batch.relabelled, "round {round}");
                assert!(changed == 0 || changed == rows.len(), "round {round}: {changed} labels are changed");
                return;
            }
            let (batch, _) = pushed(&records, 0).await;
            assert!(
                records.read(batch, 0..u64::MAX).await.unwrap() == rows,
                "round {round}: an old label came back"
            );
            records.delete(batch).await.unwrap();
        });
    }
}

fn two_processes_count() {
    const EACH: u64 = 200;
    let home = Home::new();
    home.block_on(async { home.artifacts().create(&key("count"), "0".into()).await.unwrap() });
    let children: Vec<Child> = (0..2).map(|_| home.start("count", EACH)).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let count = home.block_on(async { home.artifacts().get(&key("count")).await.unwrap().bytes });
    assert_eq!(count, (2 * EACH).to_string());
}

fn leavings_are_swept() {
    let home = Home::new();
    let aside = home.root.join("artifacts/.aside");
    let left = || fs::read_dir(&aside).map_or(0, Iterator::count);
    let killed = kills().take_while(|round| {
        home.kill("create", *round);
        left() == 0
    });
    assert!(killed.count() < KILLS_MAX as usize, "no creation was killed while it wrote");
    home.block_on(async { home.artifacts().put(&key("after"), "x".into()).await.unwrap() });
    assert_eq!(left(), 0);
}

fn nothing_alive_is_swept() {
    let home = Home::new();
    let mut child = home.start("create", 0);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.next().unwrap().unwrap();
    // Each opening sweeps once, with its first write. Were a file swept from under its writer, that would fail.
    home.block_on(async {
        for i in 0..300 {
            home.artifacts().put(&key("beside"), i.to_string().into()).await.unwrap();
        }
    });
    assert!(child.try_wait().unwrap().is_none(), "the child failed");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(lines.count() > 0, "the child created nothing meanwhile");
}

/// A home in a folder of its own.
struct Home {
    root: PathBuf,
    runtime: Runtime,
    _folder: tempfile::TempDir,
}

impl Home {
    fn new() -> Home {
        let folder = tempfile::tempdir().unwrap();
        Home { root: folder.path().join("home"), runtime: Runtime::new().unwrap(), _folder: folder }
    }

    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
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

    fn start(&self, task: &str, argument: u64) -> Child {
        Command::new(env::current_exe().unwrap())
            .env(TASK, task)
            .arg(&self.root)
            .arg(argument.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Kills a child some time after it began to work, and returns the lines that it told until then.
    fn kill(&self, task: &str, round: u64) -> Vec<String> {
        let mut child = self.start(task, round);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "ready");
        // Between 0 and 40 ms, in steps of 1/8 ms, never the same twice.
        thread::sleep(Duration::from_micros(125 * (round * 197 % 320)));
        assert!(child.try_wait().unwrap().is_none(), "round {round}: the child ended by itself");
        child.kill().unwrap();
        child.wait().unwrap();
        lines.map(|line| line.unwrap()).collect()
    }
}

fn kills() -> std::ops::Range<u64> {
    0..KILLS_MAX
}

fn tell(line: &str) {
    // One write a line: it is there whole or not at all.
    std::io::stdout().write_all(format!("{line}\n").as_bytes()).unwrap();
}

fn key(text: &str) -> Key {
    text.parse().unwrap()
}

fn whole_object(number: u64) -> Vec<u8> {
    number.to_string().repeat(20_000).into_bytes()
}

/// Several parts, and some more rows.
fn batch_of(seed: u64) -> Vec<Record> {
    let record = |i: u64| {
        let bits = (seed << 20 | i).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 4;
        let label = if i.is_multiple_of(3) { Label::Phishing } else { Label::Legitimate };
        Record { vector: FeatureVector::from_bits(bits).unwrap(), label }
    };
    (0..45_000).map(record).collect()
}

fn turned(label: Label) -> Label {
    if label == Label::Phishing { Label::Legitimate } else { Label::Phishing }
}

async fn pushed(records: &DirectoryRecords, seed: u64) -> (BatchId, PushOutcome) {
    let pushed = push(records, &batch_of(seed), "sites.csv", Timestamp::UNIX_EPOCH, &|_| ()).await.unwrap();
    (pushed.batch, pushed.outcome)
}

async fn increment(artifacts: &DirectoryArtifacts) {
    loop {
        let object = artifacts.get(&key("count")).await.unwrap();
        let count: u64 = std::str::from_utf8(&object.bytes).unwrap().parse().unwrap();
        match artifacts.replace(&key("count"), (count + 1).to_string().into(), &object.etag).await {
            Ok(_) => return,
            Err(error) => assert_eq!(error.kind, ErrorKind::Conflict, "{error}"),
        }
    }
}

/// Keeps one of a few models and registers it as that of a run.
async fn register(registry: &ModelRegistry, run: &str, number: u64) -> (u64, Artifact) {
    let artifact = fixture::model(number);
    registry.put_model(&artifact, &fixture::card(&artifact)).await.unwrap();
    let version = registry.register(fixture::new_version(&artifact, run)).await.unwrap();
    (version.number, artifact)
}
