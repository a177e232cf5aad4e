//! Time and memory of the stages before the fit, on made-up records:
//!
//! ```sh
//! cargo run --release -p lurelight-pipeline --example large_run -- 2000000
//! ```
//!
//! Prints seconds and the greatest memory of the process so far after each stage (Linux; elsewhere 0).
#![expect(clippy::print_stdout, reason = "it is a measurement")]

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use lurelight_learn::TrainOptions;
use lurelight_learn::synthetic::Statistics;
use lurelight_pipeline::{
    DriftRules, PromotionRules, RunRequest, Stores, ingest, silent, transform, validate,
};
use lurelight_schema::Record;
use lurelight_store::{DirectoryArtifacts, DirectoryRecords, RunId, push};

const BATCHES: usize = 4;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let rows: usize = std::env::args().nth(1).as_deref().unwrap_or("2000000").parse()?;
    let folder = tempfile::tempdir()?;
    let stores = Stores {
        artifacts: Arc::new(DirectoryArtifacts::open(folder.path().join("artifacts"))),
        records: Arc::new(DirectoryRecords::open(folder.path().join("records"))),
    };
    let start = Instant::now();
    for batch in 0..BATCHES {
        let made_up = Statistics::built_in()?.generate(batch as u64);
        let records: Vec<Record> = made_up.take(rows / BATCHES).collect();
        push(&*stores.records, &records, "made-up", Timestamp::UNIX_EPOCH, &|_| ()).await?;
    }
    said("push", start);
    let run: RunId = "large".parse()?;
    let request = RunRequest {
        run: run.clone(),
        at: Timestamp::UNIX_EPOCH,
        actor: "measurement".to_owned(),
        reason: String::new(),
        program: env!("CARGO_PKG_VERSION").to_owned(),
        training: TrainOptions::default(),
        drift: DriftRules::default(),
        promotion: PromotionRules::default(),
    };
    let start = Instant::now();
    let ingested = ingest(&request, &stores, &silent()).await?;
    said("ingest", start);
    let start = Instant::now();
    validate(&run, &stores, &silent()).await?;
    said("validate", start);
    let start = Instant::now();
    let transformed = transform(&run, &stores, &silent()).await?;
    said("transform", start);
    println!(
        "{} rows, {} distinct to train on, snapshot of {:.1} MB, train.bin of {:.1} MB",
        ingested.rows,
        transformed.train.distinct_vectors,
        ingested.snapshot.bytes as f64 / 1e6,
        transformed.train.stored.bytes as f64 / 1e6
    );
    Ok(())
}

fn said(stage: &str, start: Instant) {
    println!("{stage:9} {:6.1} s, peak {:5} MB", start.elapsed().as_secs_f64(), peak_mb());
}

fn peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) / 1024
}
