//! Processes that push: killed half-way, or measured.

use std::env;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use jiff::Timestamp;
use lurelight_mongo::{MongoPlace, MongoRecords};
use lurelight_store::{EnvironmentSecrets, PushOutcome, RecordStore, push};

use crate::process::{DATABASE, Server};
use crate::{block, pushed, records, rows, secret_name};

/// Set for a process that is to do one thing.
pub const TASK: &str = "LURELIGHT_MONGO_TEST_TASK";
const COLLECTION: &str = "LURELIGHT_MONGO_TEST_COLLECTION";
const ROWS: &str = "LURELIGHT_MONGO_TEST_ROWS";
/// How many rows are many; set it to measure.
const MANY_ROWS: &str = "LURELIGHT_MONGO_MANY_ROWS";

const KILLS: u64 = 4;
/// What `ingest` asks for at a time.
const READ_ROWS: u64 = 50_000;
/// The records themselves have 16 bytes each, and their documents some 700: 80,000 would have 53 MiB.
const GROWTH_MAX_BYTES: u64 = 20 << 20;

/// What a child does. Its connection string is in `MONGODB_URI`.
pub async fn work(task: &str) {
    let place = MongoPlace::new(DATABASE, env::var(COLLECTION).unwrap()).unwrap();
    let store = MongoRecords::new(place, Arc::new(EnvironmentSecrets), secret_name());
    let count: u64 = env::var(ROWS).unwrap().parse().unwrap();
    let records = rows(count, count);
    tell("ready");
    match task {
        "push" => {
            push(&store, &records, "sites.csv", Timestamp::UNIX_EPOCH, &|rows| tell(&rows.to_string()))
                .await
                .unwrap();
        }
        "measure" => {
            let batch = pushed(&store, &records).await.unwrap().batch;
            for first in (0..count).step_by(READ_ROWS as usize) {
                let end = count.min(first + READ_ROWS);
                let read = store.read(batch, first..end).await.unwrap();
                assert!(read == records[first as usize..end as usize], "rows from {first} on");
            }
            tell(&peak_bytes().to_string());
        }
        _ => panic!("there is no task {task}"),
    }
}

/// The most memory that this process has had.
fn peak_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() << 10
}

fn tell(line: &str) {
    std::io::stdout().write_all(format!("{line}\n").as_bytes()).unwrap();
}

fn start(server: &Server, task: &str, place: &MongoPlace, rows: u64) -> Child {
    Command::new(env::current_exe().unwrap())
        .env(TASK, task)
        .env(COLLECTION, place.collection())
        .env(ROWS, rows.to_string())
        .env("MONGODB_URI", server.uri("lurelight"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Each child is killed after it told another number of its three parts, while it works on the next or closes.
pub fn killed(server: &Server) {
    let place = server.place();
    let mut completed = 0;
    for round in 0..KILLS {
        let count = 30_000 + round;
        let mut child = start(server, "push", &place, count);
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(
            lines.take(1 + round as usize).count() as u64,
            1 + round,
            "round {round}: the child ended"
        );
        let _ended_by_itself = child.kill();
        child.wait().unwrap();
        block(async {
            let store = records(&place, &server.uri("lurelight"));
            let is_closed = store.batches().await.unwrap().len() as u64 > round;
            let outcome = pushed(&store, &rows(count, count)).await.unwrap();
            // The child may have been quicker than its killer; else what it had pushed is kept.
            assert_eq!(outcome.outcome == PushOutcome::NoChange, is_closed, "round {round}");
            assert!(round == 0 || outcome.outcome != PushOutcome::New, "round {round}: nothing was kept");
            completed += u64::from(outcome.outcome == PushOutcome::Completed);
            assert!(store.read(outcome.batch, 0..count).await.unwrap() == rows(count, count));
            assert_eq!(store.batches().await.unwrap().len() as u64, round + 1);
        });
    }
    assert!(completed > 0, "no push was killed half-way");
}

/// The figures are printed: `LURELIGHT_MONGO_MANY_ROWS=200000 cargo test --release -p lurelight-mongo --test server
/// memory -- --nocapture`.
pub fn memory(server: &Server) {
    let many = env::var(MANY_ROWS).map_or(80_000, |count| count.parse().unwrap());
    let [few, many] = [10_000, many].map(|count| {
        let started = std::time::Instant::now();
        let child = start(server, "measure", &server.place(), count);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "the child that handles {count} rows failed");
        let told = String::from_utf8(output.stdout).unwrap();
        let peak: u64 = told.lines().last().unwrap().parse().unwrap();
        let seconds = started.elapsed().as_secs_f32();
        tell(&format!("{count} rows pushed and read in {seconds:.1} s, at most {} MiB", peak >> 20));
        peak
    });
    assert!(
        many < few + GROWTH_MAX_BYTES,
        "{few} bytes for 10,000 rows, and {many} for the many: documents are held in memory"
    );
}
