//! What explaining a row costs beside scoring it.
//!
//! `cargo bench -p lurelight-model --bench explain` takes the compiled-in model; an argument is the file of another
//! (`lurelight train FILE --families random-forest --out forest.lure` makes one). Rows are random codes, each asked
//! once; the runs alternate in one process, on one thread, and the median of each counts.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, and stops when it fails")]

use std::hint::black_box;
use std::time::Instant;

use lurelight_model::Artifact;
use lurelight_schema::{Code, FEATURE_COUNT, FeatureVector};

const ROUNDS: usize = 7;
const ROWS: usize = 500;

fn main() {
    let compiled_in = concat!(env!("CARGO_MANIFEST_DIR"), "/../../functions/predict/model/model.lure");
    let named = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let path = named.unwrap_or_else(|| compiled_in.to_owned());
    let artifact = Artifact::from_bytes(std::fs::read(&path).unwrap()).unwrap();
    let model = artifact.model();
    if let Some(reason) = model.unexplained() {
        println!("{path}: {} is not explained: {reason}", model.family());
        return;
    }
    let rows = random_rows();
    let start = Instant::now();
    black_box(model.explain(rows[0])).unwrap();
    let first = start.elapsed().as_secs_f64();
    let (mut explaining, mut scoring) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        scoring.push(seconds_per_row(&rows, |row| model.raw_score(row)));
        explaining.push(seconds_per_row(&rows, |row| model.explain(row).unwrap().base));
    }
    let (explaining, scoring) = (median(explaining), median(scoring));
    println!("{}, {ROWS} rows, median of {ROUNDS} alternating rounds", model.family());
    println!("explaining the first row  {:>9.1} µs", first * 1e6);
    println!("explaining a row          {:>9.1} µs", explaining * 1e6);
    println!("scoring a row             {:>9.1} µs", scoring * 1e6);
    println!("ratio                     {:>9.1}", explaining / scoring);
}

fn seconds_per_row(rows: &[FeatureVector], work: impl Fn(FeatureVector) -> f64) -> f64 {
    let start = Instant::now();
    for row in rows {
        black_box(work(black_box(*row)));
    }
    start.elapsed().as_secs_f64() / rows.len() as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn random_rows() -> Vec<FeatureVector> {
    let mut state = 42_u64;
    let mut random = || {
        // Knuth's MMIX generator; its high bits are random enough here.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    let mut row = || -> [Code; FEATURE_COUNT] { std::array::from_fn(|_| Code::VALUES[random() % 3]) };
    (0..ROWS).map(|_| FeatureVector::new(&row())).collect()
}
